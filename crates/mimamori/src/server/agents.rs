//! The agents' requests: enrolment and the data plane. Who speaks is known from the client certificate alone.

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
use wire::{ENROL_PATH, EnrolReply, EnrolRequest, StreamPath, StreamReply, limits};

#[derive(Clone)]
struct Rooms {
    control: Arc<Control>,
    inbox: Arc<Inbox>,
}

/// The routes that agents use.
pub(crate) fn router(control: Arc<Control>, inbox: Arc<Inbox>) -> Router {
    let enrolment = Router::new()
        .route(ENROL_PATH, post(enrol))
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
        return Err(Box::new(
            (StatusCode::UNAUTHORIZED, "a client certificate is needed: enrol first")
                .into_response(),
        ));
    };
    match rooms.control.agent_of_certificate(der).await {
        Ok(identity) => Ok(Peer { agent: identity.agent, device: identity.device }),
        Err(err) => Err(Box::new(refuse(&err, "an agent's certificate"))),
    }
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
