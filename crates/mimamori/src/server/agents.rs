//! The agents' requests: enrolment, renewal and the data plane. Who speaks is known from the client certificate alone.

use super::inbox::{Inbox, Outcome, Peer};
use super::tls::PeerCertificate;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use control::{Control, ErrorClass};
use model::EpochId;
use std::sync::Arc;
use wire::{
    ENROL_PATH, EnrolReply, EnrolRequest, RENEW_PATH, RenewReply, RenewRequest, StreamPath,
    StreamReply, limits,
};

#[derive(Clone)]
struct Rooms {
    control: Arc<Control>,
    inbox: Arc<Inbox>,
}

/// The routes that agents use.
pub(crate) fn router(control: Arc<Control>, inbox: Arc<Inbox>) -> Router {
    let enrolment = Router::new()
        .route(ENROL_PATH, post(enrol))
        .route(RENEW_PATH, post(renew))
        .layer(DefaultBodyLimit::max(limits::ENROL_BYTES_MAX));
    let data = Router::new()
        .route("/v1/stream/{epoch}", get(position))
        .route("/v1/stream/{epoch}/{range}", put(batch))
        .layer(DefaultBodyLimit::max(limits::BATCH_WIRE_BYTES_MAX));
    enrolment.merge(data).with_state(Rooms { control, inbox })
}

async fn enrol(State(rooms): State<Rooms>, body: Bytes) -> Response {
    let request = match EnrolRequest::from_bytes(&body) {
        Ok(request) => request,
        Err(err) => return (StatusCode::BAD_REQUEST, err.to_string()).into_response(),
    };
    let enrolled = rooms
        .control
        .enrol(&request.token, &request.csr_pem, &request.hostname, &request.os_name)
        .await;
    match enrolled {
        Ok(enrolled) => EnrolReply {
            agent: enrolled.agent,
            device: enrolled.device,
            certificate_pem: enrolled.certificate_pem,
            ca_pem: enrolled.ca_pem,
        }
        .to_bytes()
        .into_response(),
        Err(err) => refuse(&err, "enrolment"),
    }
}

/// The certificate itself is the proof: control judges it, and nothing in the body can name another agent.
async fn renew(
    State(rooms): State<Rooms>,
    Extension(certificate): Extension<PeerCertificate>,
    body: Bytes,
) -> Response {
    let Some(der) = &certificate.0 else { return no_certificate() };
    let request = match RenewRequest::from_bytes(&body) {
        Ok(request) => request,
        Err(err) => return (StatusCode::BAD_REQUEST, err.to_string()).into_response(),
    };
    match rooms.control.renew(der, &request.csr_pem).await {
        Ok(renewed) => {
            tracing::info!(agent = %renewed.agent, ends_at = %renewed.expires_at, "renewed a certificate");
            RenewReply { certificate_pem: renewed.certificate_pem }.to_bytes().into_response()
        }
        Err(err) => refuse(&err, "renewal"),
    }
}

async fn position(
    State(rooms): State<Rooms>,
    Extension(certificate): Extension<PeerCertificate>,
    Path(epoch): Path<String>,
) -> Response {
    let peer = match peer(&rooms, &certificate).await {
        Ok(peer) => peer,
        Err(response) => return *response,
    };
    let Ok(epoch) = EpochId::parse(&epoch) else {
        return (StatusCode::BAD_REQUEST, "the epoch is not an identifier").into_response();
    };
    match rooms.inbox.position((peer.agent, epoch)) {
        Some(reply) => answer(StatusCode::OK, reply),
        None => too_many_streams(),
    }
}

async fn batch(
    State(rooms): State<Rooms>,
    Extension(certificate): Extension<PeerCertificate>,
    Path((epoch, range)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let peer = match peer(&rooms, &certificate).await {
        Ok(peer) => peer,
        Err(response) => return *response,
    };
    let path = match StreamPath::parse_parts(&epoch, &range) {
        Ok(path) => path,
        Err(err) => return (StatusCode::BAD_REQUEST, err.to_string()).into_response(),
    };
    let inbox = Arc::clone(&rooms.inbox);
    let outcome =
        tokio::task::spawn_blocking(move || inbox.accept(peer, &path, body.to_vec())).await;
    match outcome {
        Ok(Outcome::Durable(reply)) => answer(StatusCode::OK, reply),
        Ok(Outcome::Hole(reply)) => answer(StatusCode::CONFLICT, reply),
        Ok(Outcome::Later(reply)) => answer(StatusCode::SERVICE_UNAVAILABLE, reply),
        Ok(Outcome::Conflict) => {
            tracing::error!(agent = %peer.agent, "two agents use one identity: other records under the same numbers; enrol both again");
            StatusCode::GONE.into_response()
        }
        Ok(Outcome::Malformed(err)) => {
            tracing::warn!(agent = %peer.agent, error = %err, "refused a batch");
            (StatusCode::BAD_REQUEST, err.to_string()).into_response()
        }
        Ok(Outcome::TooManyStreams) => too_many_streams(),
        Err(err) => {
            tracing::error!(error = %err, "a batch could not be taken");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The identity behind the certificate; the response to give when there is none.
async fn peer(rooms: &Rooms, certificate: &PeerCertificate) -> Result<Peer, Box<Response>> {
    let Some(der) = &certificate.0 else {
        return Err(Box::new(no_certificate()));
    };
    match rooms.control.agent_of_certificate(der).await {
        Ok(identity) => Ok(Peer { agent: identity.agent, device: identity.device }),
        Err(err) => Err(Box::new(refuse(&err, "an agent's certificate"))),
    }
}

fn no_certificate() -> Response {
    (StatusCode::UNAUTHORIZED, "a client certificate is needed: enrol first").into_response()
}

/// What the peer may see, by who is wrong; the log keeps the rest.
fn refuse(err: &control::ControlError, what: &str) -> Response {
    let status = match err.class() {
        ErrorClass::Retry => StatusCode::SERVICE_UNAVAILABLE,
        ErrorClass::Reject => StatusCode::FORBIDDEN,
        ErrorClass::Poison => StatusCode::BAD_REQUEST,
        ErrorClass::Fatal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    tracing::warn!(error = %err, "refused {what}");
    (status, err.user_message(control::Language::En)).into_response()
}

fn answer(status: StatusCode, reply: StreamReply) -> Response {
    (status, reply.to_bytes()).into_response()
}

fn too_many_streams() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, "this agent began too many streams; enrol it again")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use control::fixture::{Scene, certificate_request, enrol};
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    use tower::ServiceExt as _;

    fn der(pem: &str) -> Vec<u8> {
        CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate").to_vec()
    }

    async fn post_as(
        router: &Router,
        certificate: Option<&[u8]>,
        body: Vec<u8>,
    ) -> (StatusCode, Vec<u8>) {
        let peer = PeerCertificate(certificate.map(|der| Arc::new(der.to_vec())));
        let request = Request::post(RENEW_PATH).body(Body::from(body)).expect("a request");
        let router = router.clone().layer(Extension(peer));
        let response = router.oneshot(request).await.expect("an answer");
        let status = response.status();
        (status, to_bytes(response.into_body(), 1 << 20).await.expect("a body").to_vec())
    }

    #[tokio::test]
    async fn renewal_is_for_the_certificate_that_is_shown_and_for_no_other() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let layout = Layout::create(folder.path()).expect("a layout");
        let scene = Scene::empty(&layout.server()).await.expect("a scene");
        let inbox = Inbox::open(&layout, &scene.lake, scene.clock.clone()).await.expect("an inbox");
        let router = router(Arc::clone(&scene.control), Arc::new(inbox));
        let (csr_pem, _) = certificate_request(&["somebody else"]).expect("a request");
        let body = RenewRequest { csr_pem }.to_bytes();
        let own = der(&scene.web.enrolled.certificate_pem);

        let (status, _) = post_as(&router, None, body.clone()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let (status, said) = post_as(&router, Some(b"forged"), body.clone()).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(!said.is_empty(), "it says what to do");
        for bad in [b"garbage".to_vec(), vec![0; limits::ENROL_BYTES_MAX + 1]] {
            let (status, _) = post_as(&router, Some(&own), bad).await;
            assert!(status.is_client_error(), "{status}");
        }

        let (status, answer) = post_as(&router, Some(&own), body.clone()).await;
        assert_eq!(status, StatusCode::OK);
        let reply = RenewReply::from_bytes(&answer).expect("a reply");
        let renewed = der(&reply.certificate_pem);
        let identity = scene.control.agent_of_certificate(&renewed).await.expect("known");
        assert_eq!(identity.agent, scene.web.enrolled.agent);
        assert_eq!(post_as(&router, Some(&own), body.clone()).await, (status, answer));

        let token = scene.control.issue_replacement_token(identity.device).await.expect("a token");
        enrol(&scene.control, &token, "web-01").await.expect("replaced");
        for certificate in [&own, &renewed] {
            let (status, _) = post_as(&router, Some(certificate), body.clone()).await;
            assert_eq!(status, StatusCode::FORBIDDEN);
        }
    }
}
