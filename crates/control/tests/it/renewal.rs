//! Renewal of agents' certificates: same identity, new key, nothing lost when an answer is.

use super::enrolment::{contains, der, is_client, reopen};
use crate::{Place, behind_the_door, tamper};
use control::fixture::{Scene, certificate_request, enrol};
use control::limits::{AGENT_CERTIFICATE_LIFE_NS, CERTIFICATES_OF_AGENT_MAX, DAY_NS};
use control::{Control, ControlError, Renewed};

async fn entries(folder: &Place, action: &str) -> Vec<(String, String, String)> {
    let pool = behind_the_door(folder).await;
    sqlx::query_as("SELECT actor, target, detail FROM audit WHERE action = $1 ORDER BY n")
        .bind(action)
        .fetch_all(&pool)
        .await
        .expect("entries")
}

fn refusal(outcome: Result<Renewed, ControlError>) -> &'static str {
    match outcome {
        Err(
            ControlError::RenewalRefused { reason, .. }
            | ControlError::CertificateRefused { reason, .. },
        ) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn the_presented_certificate_says_who_renews_whatever_the_request_asks_for() {
    let (folder, scene) = empty_scene!();
    let old = der(&scene.web.enrolled.certificate_pem);
    let victim = scene.db.enrolled.agent.to_string();
    let (request, _) = certificate_request(&[&victim, "localhost"]).expect("a request");
    scene.clock.advance_ns(61 * DAY_NS);
    let renewed = scene.control.renew(&old, &request).await.expect("renewed");
    let new = der(&renewed.certificate_pem);
    assert_eq!(renewed.agent, scene.web.enrolled.agent);
    assert!(contains(&new, &scene.web.enrolled.agent.to_string()) && !contains(&new, &victim));
    assert!(is_client(&scene, &new));
    let (before, after) = (
        scene.control.agent_of_certificate(&old).await.expect("valid until its own end"),
        scene.control.agent_of_certificate(&new).await.expect("known"),
    );
    assert_eq!(before, after, "the same agent on the same device");

    let said = entries(&folder, "certificate_renewed").await;
    let agent = format!("agent {}", scene.web.enrolled.agent);
    let [(actor, target, detail)] = &said[..] else { panic!("one entry, not {said:?}") };
    assert_eq!((actor, target), (&agent, &agent));
    assert!(detail.contains("proved_by") && detail.contains("expires_at"), "{detail}");
    assert!(scene.control.audit_verify().await.expect("checked").intact());

    // The old one ends at its own end, the new one lives on and can be renewed again.
    scene.clock.advance_ns(30 * DAY_NS);
    assert_eq!(refusal(scene.control.renew(&old, &request).await), "has expired");
    assert!(!is_client(&scene, &old) && is_client(&scene, &new));
    let (request, _) = certificate_request(&[]).expect("a request");
    let next = scene.control.renew(&new, &request).await.expect("renewed again");
    assert!(next.expires_at > renewed.expires_at);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_a_key_gets_no_second_life() {
    let (folder, scene) = empty_scene!();
    let old = der(&scene.web.enrolled.certificate_pem);
    let (request, _) = certificate_request(&[]).expect("a request");
    scene.clock.advance_ns(61 * DAY_NS);
    let first = scene.control.renew(&old, &request).await.expect("renewed");
    scene.clock.advance_ns(DAY_NS);
    let (again, at_once) =
        tokio::join!(scene.control.renew(&old, &request), scene.control.renew(&old, &request));
    assert_eq!(first, again.expect("the same"));
    assert_eq!(first, at_once.expect("the same"));
    let new = der(&first.certificate_pem);
    assert_eq!(first, scene.control.renew(&new, &request).await.expect("the same"));
    assert_eq!(entries(&folder, "certificate_renewed").await.len(), 1);

    let (next_request, _) = certificate_request(&[]).expect("a request");
    scene.clock.advance_ns(60 * DAY_NS);
    let next = scene.control.renew(&new, &next_request).await.expect("renewed");
    scene.clock.advance_ns(40 * DAY_NS);
    let outcome = scene.control.renew(&der(&next.certificate_pem), &request).await;
    assert!(refusal(outcome).contains("a new key is needed"));
}

#[tokio::test]
async fn whoever_was_replaced_or_is_unknown_gets_nothing() {
    let (folder, scene) = empty_scene!();
    let old = der(&scene.web.enrolled.certificate_pem);
    let (request, _) = certificate_request(&[]).expect("a request");
    let renewed = scene.control.renew(&old, &request).await.expect("renewed");
    let token = scene.control.issue_replacement_token(scene.web.enrolled.device).await;
    enrol(&scene.control, &token.expect("a token"), "web-01").await.expect("replaced");
    let (other_request, _) = certificate_request(&[]).expect("a request");
    for certificate in [&old, &der(&renewed.certificate_pem)] {
        for csr in [&request, &other_request] {
            assert_eq!(refusal(scene.control.renew(certificate, csr).await), "was revoked");
        }
    }
    let ca = der(&scene.control.server_identity().ca_pem);
    for stranger in [&ca[..], b"", b"garbage"] {
        let outcome = scene.control.renew(stranger, &request).await;
        assert_eq!(refusal(outcome), "is not of an agent enrolled here");
    }
    let said = entries(&folder, "renewal_refused").await;
    assert_eq!(said.len(), 7);
    assert!(said.iter().all(|(actor, ..)| actor == "stranger"), "{said:?}");
    assert_eq!(certificates(&folder).await, 4, "two enrolled, one renewed, one replacing");
}

#[tokio::test]
async fn bad_requests_are_refused_and_a_runaway_agent_is_stopped() {
    let (folder, scene) = empty_scene!();
    let old = der(&scene.web.enrolled.certificate_pem);
    let large = "a".repeat(20_000);
    for csr in ["", "garbage", &large, &scene.web.enrolled.certificate_pem] {
        let outcome = scene.control.renew(&old, csr).await;
        assert!(matches!(outcome, Err(ControlError::RenewalRefused { .. })), "{outcome:?}");
    }
    assert_eq!(entries(&folder, "renewal_refused").await.len(), 4);
    for _ in 1..CERTIFICATES_OF_AGENT_MAX {
        with_new_key(&scene.control, &old).await.expect("renewed");
    }
    let reason = refusal(with_new_key(&scene.control, &old).await);
    assert!(reason.contains("still valid"), "{reason}");
    let db = der(&scene.db.enrolled.certificate_pem);
    with_new_key(&scene.control, &db).await.expect("others are not concerned");
}

#[tokio::test]
async fn an_enrolment_of_the_version_before_renewal_can_be_renewed() {
    let (folder, scene) = empty_scene!();
    let renewed = {
        tamper(&folder, "DROP INDEX certificate_of_key").await;
        tamper(&folder, "ALTER TABLE certificate DROP COLUMN public_key_hash").await;
        tamper(&folder, "CREATE INDEX certificate_of_agent ON certificate (agent_id)").await;
        assert_eq!(tamper(&folder, "DELETE FROM schema_version WHERE version = 2").await, 1);
        let control = reopen(&folder, &scene).await;
        let old = der(&scene.web.enrolled.certificate_pem);
        with_new_key(&control, &old).await.expect("renewed")
    };
    assert_eq!(renewed.agent, scene.web.enrolled.agent);
    assert_eq!(certificates(&folder).await, 3);
    let ends = life(&scene);
    assert_eq!(renewed.expires_at.nanos() / DAY_NS, ends / DAY_NS);
}

fn life(scene: &Scene) -> i64 {
    model::Clock::now(&*scene.clock).plus_nanos(AGENT_CERTIFICATE_LIFE_NS).nanos()
}

async fn with_new_key(control: &Control, presented: &[u8]) -> Result<Renewed, ControlError> {
    let (request, _) = certificate_request(&[]).expect("a request");
    control.renew(presented, &request).await
}

async fn certificates(folder: &Place) -> i64 {
    let pool = behind_the_door(folder).await;
    sqlx::query_scalar("SELECT count(*) FROM certificate").fetch_one(&pool).await.expect("a count")
}
