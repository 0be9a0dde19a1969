//! Enrolment, certificates and who they belong to.

use crate::Place;
use control::fixture::{Scene, certificate_request, enrol};
use control::limits::{AGENT_CERTIFICATE_LIFE_NS, DAY_NS, ENROLMENT_TOKEN_LIFE_NS, HOUR_NS};
use control::{Control, ControlError, Enrolled, RulesSummary, ServerIdentity};
use model::Clock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate in PEM")
}

pub(crate) fn contains(der: &CertificateDer<'_>, text: &str) -> bool {
    der.windows(text.len()).any(|window| window == text.as_bytes())
}

fn roots(ca_pem: &str) -> Arc<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der(ca_pem)).expect("a trust anchor");
    Arc::new(roots)
}

fn unix(scene: &Scene) -> UnixTime {
    let seconds = u64::try_from(scene.clock.now().nanos() / 1_000_000_000).expect("after 1970");
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

pub(crate) fn is_client(scene: &Scene, certificate: &CertificateDer<'_>) -> bool {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let ca = roots(&scene.control.server_identity().ca_pem);
    rustls::server::WebPkiClientVerifier::builder_with_provider(ca, provider)
        .build()
        .expect("a verifier")
        .verify_client_cert(certificate, &[], unix(scene))
        .is_ok()
}

fn is_server(scene: &Scene, certificate: &CertificateDer<'_>, name: &str) -> bool {
    use rustls::client::danger::ServerCertVerifier;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let ca = roots(&scene.control.server_identity().ca_pem);
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(ca, provider)
        .build()
        .expect("a verifier");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    verifier.verify_server_cert(certificate, &[], &name, &[], unix(scene)).is_ok()
}

fn refusal(outcome: Result<Enrolled, ControlError>) -> &'static str {
    match outcome {
        Err(
            ControlError::EnrolmentRefused { reason } | ControlError::EnrolmentMalformed { reason },
        ) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn the_server_chooses_the_identity_whatever_the_request_asks_for() {
    let (_folder, scene) = empty_scene!();
    let token = scene.control.issue_enrolment_token(1).await.expect("a token");
    let (request, _) = certificate_request(&["localhost", "evil.example"]).expect("a request");
    let enrolled =
        scene.control.enrol(&token, &request, "web-03", "Debian").await.expect("enrolled");
    let certificate = der(&enrolled.certificate_pem);
    assert!(contains(&certificate, &enrolled.agent.to_string()), "the common name is the agent");
    assert!(!contains(&certificate, "evil.example"));
    assert!(is_client(&scene, &certificate));
    assert!(!is_server(&scene, &certificate, "localhost"), "client authentication only");

    let identity = scene.control.agent_of_certificate(&certificate).await.expect("known");
    assert_eq!((identity.agent, identity.device), (enrolled.agent, enrolled.device));
    assert_eq!(identity.hostname, "web-03");
}

#[tokio::test]
async fn the_servers_certificate_is_for_the_server_only() {
    let (_folder, scene) = empty_scene!();
    let ServerIdentity { certificate_chain_pem, key_pem, ca_pem } = scene.control.server_identity();
    let certificate = der(&certificate_chain_pem);
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert!(is_server(&scene, &certificate, name), "{name}");
    }
    assert!(!is_server(&scene, &certificate, "example.com"));
    assert!(!is_client(&scene, &certificate));
    assert!(!is_client(&scene, &der(&ca_pem)), "the authority itself is nobody's client");
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key belongs to the certificate");
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_nobody() {
    let (folder, scene) = empty_scene!();
    let (_other_folder, other) = empty_scene!();
    let foreign = der(&other.web.enrolled.certificate_pem);
    assert!(!is_client(&scene, &foreign));
    for bytes in [&foreign[..], b"", b"garbage"] {
        let err = scene.control.agent_of_certificate(bytes).await.expect_err("nobody");
        assert!(matches!(err, ControlError::CertificateRefused { .. }), "{err}");
    }
    // The identity is the registered certificate's, not what another certificate of ours may claim.
    assert_eq!(crate::tamper(&folder, "DELETE FROM certificate").await, 2);
    let own = der(&scene.web.enrolled.certificate_pem);
    assert!(is_client(&scene, &own) && scene.control.agent_of_certificate(&own).await.is_err());
}

#[tokio::test]
async fn a_certificate_ends() {
    let (_folder, scene) = empty_scene!();
    let certificate = der(&scene.web.enrolled.certificate_pem);
    scene.clock.advance_ns(AGENT_CERTIFICATE_LIFE_NS - HOUR_NS);
    assert!(is_client(&scene, &certificate));
    assert!(scene.control.agent_of_certificate(&certificate).await.is_ok());
    scene.clock.advance_ns(2 * HOUR_NS);
    assert!(!is_client(&scene, &certificate));
    let err = scene.control.agent_of_certificate(&certificate).await.expect_err("expired");
    assert!(err.to_string().contains("has expired"), "{err}");
}

#[tokio::test]
async fn a_token_makes_as_many_agents_as_it_says_and_then_none() {
    let (_folder, scene) = empty_scene!();
    let token = scene.control.issue_enrolment_token(1).await.expect("a token");
    let first = enrol(&scene.control, &token, "pc-1").await.expect("enrolled");
    let (request, _) = certificate_request(&[]).expect("a request");
    let again = scene.control.enrol(&token, &request, "pc-2", "Debian").await;
    assert_eq!(refusal(again), "was used up already");

    let token = scene.control.issue_enrolment_token(2).await.expect("a token");
    let (one, two, three) = tokio::join!(
        enrol(&scene.control, &token, "pc-3"),
        enrol(&scene.control, &token, "pc-4"),
        enrol(&scene.control, &token, "pc-5")
    );
    let made = [one.is_ok(), two.is_ok(), three.is_ok()];
    assert_eq!(made.iter().filter(|ok| **ok).count(), 2, "{made:?}");
    assert_ne!(first.enrolled.agent, scene.web.enrolled.agent);
}

#[tokio::test]
async fn an_agent_that_lost_the_answer_gets_it_again() {
    let (folder, scene) = empty_scene!();
    let token = scene.control.issue_enrolment_token(1).await.expect("a token");
    let (request, _) = certificate_request(&[]).expect("a request");
    let first = scene.control.enrol(&token, &request, "pc-1", "Debian").await.expect("enrolled");
    let again = scene.control.enrol(&token, &request, "pc-1", "Debian").await.expect("the same");
    assert_eq!(first, again);
    let pool = crate::behind_the_door(&folder).await;
    let devices: i64 = sqlx::query_scalar("SELECT count(*) FROM device WHERE name = 'pc-1'")
        .fetch_one(&pool)
        .await
        .expect("a count");
    assert_eq!(devices, 1);
}

#[tokio::test]
async fn bad_requests_are_refused_and_cost_no_use() {
    let (_folder, scene) = empty_scene!();
    let control = &scene.control;
    let token = control.issue_enrolment_token(1).await.expect("a token");
    let (request, _) = certificate_request(&[]).expect("a request");
    // One letter of the key or signature changed: the proof of the private key no longer holds.
    let mut forged: Vec<u8> = request.clone().into_bytes();
    let place = request.len() / 2;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("still text");
    let large = "a".repeat(20_000);
    for csr in ["", "garbage", &large, &forged, &scene.web.enrolled.certificate_pem] {
        let outcome = control.enrol(&token, csr, "pc-1", "Debian").await;
        assert!(matches!(outcome, Err(ControlError::EnrolmentMalformed { .. })), "{outcome:?}");
    }
    for host in ["", "a\nb", "\u{0}", &large] {
        let outcome = control.enrol(&token, &request, host, "Debian").await;
        assert!(matches!(outcome, Err(ControlError::EnrolmentMalformed { .. })), "{host:?}");
    }
    for forged in ["", "' OR 1=1 --", &large] {
        let outcome = control.enrol(forged, &request, "pc-1", "Debian").await;
        assert_eq!(refusal(outcome), "is unknown");
    }
    control.enrol(&token, &request, "pc-1", "Debian").await.expect("the use is still there");

    let token = control.issue_enrolment_token(1).await.expect("a token");
    scene.clock.advance_ns(ENROLMENT_TOKEN_LIFE_NS);
    assert_eq!(refusal(control.enrol(&token, &request, "pc-1", "Debian").await), "is too old");
    for uses in [0, 10_001] {
        let outcome = control.issue_enrolment_token(uses).await;
        assert!(matches!(outcome, Err(ControlError::BadArgument { .. })));
    }
}

#[tokio::test]
async fn a_known_host_name_makes_a_new_device_unless_told_otherwise() {
    let (_folder, scene) = empty_scene!();
    let control = &scene.control;
    let actor = scene.administrator().await.expect("signed in");
    let token = control.issue_enrolment_token(1).await.expect("a token");
    let namesake = enrol(control, &token, "web-01").await.expect("enrolled");
    assert_ne!(namesake.enrolled.device, scene.web.enrolled.device, "a name proves nothing");
    assert_eq!(control.devices(&actor).await.expect("devices").len(), 3);

    let device = scene.web.enrolled.device;
    let token = control.issue_replacement_token(device).await.expect("a token");
    let replaced = enrol(control, &token, "web-01").await.expect("enrolled");
    assert_eq!(replaced.enrolled.device, device);
    assert_ne!(replaced.enrolled.agent, scene.web.enrolled.agent);
    let devices = control.devices(&actor).await.expect("devices");
    assert_eq!(devices.len(), 3);
    let row = devices.iter().find(|row| row.id == device).expect("the device");
    assert_eq!(row.agent, replaced.enrolled.agent);
    let old = der(&scene.web.enrolled.certificate_pem);
    let err = control.agent_of_certificate(&old).await.expect_err("retired");
    assert!(err.to_string().contains("was revoked"), "{err}");
    let new = der(&replaced.enrolled.certificate_pem);
    assert!(control.agent_of_certificate(&new).await.is_ok());

    let unknown = model::DeviceId::from_bits(7);
    let outcome = control.issue_replacement_token(unknown).await;
    assert!(matches!(outcome, Err(ControlError::NotFound { .. })));
}

pub(crate) async fn reopen(folder: &Place, scene: &Scene) -> Control {
    let rules = RulesSummary::default();
    Control::open_at(folder.path(), &folder.store, scene.lake.clone(), rules, scene.clock.clone())
        .await
        .expect("opened")
}

#[tokio::test]
async fn the_authority_is_made_once_and_its_keys_are_private() {
    let (folder, scene) = empty_scene!();
    let before = scene.control.server_identity();
    let after = reopen(&folder, &scene).await.server_identity();
    assert_eq!(before.ca_pem, after.ca_pem);
    assert_eq!(before.certificate_chain_pem, after.certificate_chain_pem);
    let mode = |name: &str| {
        let path = folder.path().join(name);
        std::fs::metadata(path).expect(name).permissions().mode() & 0o777
    };
    assert_eq!(mode("authority"), 0o700);
    for name in ["ca.key.pem", "server.pem", "audit.key"] {
        assert_eq!(mode(&format!("authority/{name}")), 0o600, "{name}");
    }
    for name in folder.store_files() {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the folder")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "nothing half made is left");
}

#[tokio::test]
async fn the_servers_certificate_is_renewed_in_its_last_third() {
    let (folder, scene) = empty_scene!();
    let first = scene.control.server_identity();
    scene.clock.advance_ns(240 * DAY_NS);
    let kept = reopen(&folder, &scene).await.server_identity();
    assert_eq!(first.certificate_chain_pem, kept.certificate_chain_pem);
    scene.clock.advance_ns(10 * DAY_NS);
    let renewed = reopen(&folder, &scene).await.server_identity();
    assert_ne!(first.certificate_chain_pem, renewed.certificate_chain_pem);
    assert_ne!(first.key_pem, renewed.key_pem);
    assert_eq!(first.ca_pem, renewed.ca_pem);
    assert!(is_server(&scene, &der(&renewed.certificate_chain_pem), "localhost"));
}

#[tokio::test]
async fn a_server_that_runs_on_renews_its_certificate_too() {
    let (folder, scene) = empty_scene!();
    let first = scene.control.server_identity();
    scene.clock.advance_ns(240 * DAY_NS);
    assert!(!scene.control.renew_server_identity().expect("looked"), "nothing is due yet");
    scene.clock.advance_ns(10 * DAY_NS);
    assert!(scene.control.renew_server_identity().expect("renewed"));
    let renewed = scene.control.server_identity();
    assert_ne!(first.certificate_chain_pem, renewed.certificate_chain_pem);
    assert!(is_server(&scene, &der(&renewed.certificate_chain_pem), "localhost"));
    assert!(!scene.control.renew_server_identity().expect("looked"), "once is enough");

    // Another process (a command beside the running server) is quicker: its certificate is taken over.
    scene.clock.advance_ns(250 * DAY_NS);
    let other = reopen(&folder, &scene).await.server_identity();
    assert!(scene.control.renew_server_identity().expect("taken over"));
    assert_eq!(scene.control.server_identity().certificate_chain_pem, other.certificate_chain_pem);

    // What cannot be read changes nothing.
    std::fs::remove_file(folder.path().join("authority/server.pem")).expect("removed");
    scene.control.renew_server_identity().expect_err("nothing to read");
    assert_eq!(scene.control.server_identity().certificate_chain_pem, other.certificate_chain_pem);
}

#[tokio::test]
async fn damaged_keys_are_named() {
    let (folder, scene) = empty_scene!();
    let path = folder.path().join("authority/audit.key");
    std::fs::write(&path, "short").expect("written");
    let rules = RulesSummary::default();
    let err = Control::open(folder.path(), scene.lake.clone(), rules, scene.clock.clone())
        .await
        .expect_err("damaged");
    assert!(err.to_string().contains("audit.key"), "{err}");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let (folder, scene) = empty_scene!();
    assert_eq!(crate::tamper(&folder, "INSERT INTO schema_version VALUES (99)").await, 1);
    let rules = RulesSummary::default();
    let (lake, clock) = (scene.lake.clone(), scene.clock.clone());
    let err = Control::open_at(folder.path(), &folder.store, lake, rules, clock)
        .await
        .expect_err("newer");
    assert!(matches!(err, ControlError::TooNew { found: 99, .. }), "{err}");
}
