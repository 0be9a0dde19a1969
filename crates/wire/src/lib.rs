//! The agent protocol: what goes over the wire, as values and bytes.
//!
//! Invariant: pure. No sockets, files, clock, randomness or async; callers bring bytes and carry them away.
//! Invariant: no input makes it panic, recurse deeply or allocate beyond [`limits`]; limits are checked
//! before anything is allocated.
//! Invariant: messages carry no destination and no sender. Who speaks is known from the client certificate
//! alone.
//!
//! # The data plane
//!
//! HTTPS, TLS 1.3, both sides with certificates of the server's own authority.
//!
//! ```text
//! PUT /v1/stream/{epoch}/{first}-{last}     body: a Batch       answer: StreamReply
//! GET /v1/stream/{epoch}                                        answer: StreamReply
//! ```
//!
//! A batch covers `first..=last` completely: each number is a record or lies in a gap that is said openly.
//! It may be sent again at any time: what the receiver has, it does not store twice ([`receive`]).
//!
//! | status | meaning | the agent |
//! | --- | --- | --- |
//! | 200 | stored and synced, or known already | goes on behind `durable_through` |
//! | 409 | a hole lies before the batch | goes on at `expected`; what it no longer has, it sends as a gap |
//! | 410 | other records were stored under these numbers (cloned agent) | stops sending, asks for a person |
//! | 400, 413 | the batch is not well formed or too large | stops sending, asks for a person |
//! | 401, 403 | the certificate is unknown or revoked | waits long, asks for a person |
//! | 429, 5xx | later | waits `retry_after_ms`, or its own back-off |
//!
//! `durable_through`: everything up to here survives power loss at the receiver. `committed_through`:
//! everything up to here is in the lake; only now may the agent free its spool.
//!
//! # Enrolment
//!
//! `POST /v1/enrol` with an [`EnrolRequest`], without a client certificate; the token is the proof. The
//! answer is an [`EnrolReply`]. The agent pins the authority's certificate that it was given by hand.
//!
//! # Renewal
//!
//! `POST /v1/renew` with a [`RenewRequest`] over a connection with the certificate that is about to end. The
//! answer is a [`RenewReply`] for the same agent and device; the key must be one that this agent never had.
//! The certificate in use stays valid until its own end, and the same request gets the same answer again, so
//! a lost answer costs nothing. 403: the certificate was revoked, or the request is refused.
//!
//! # Bytes
//!
//! Every body is protobuf; a batch is protobuf in one zstd frame. Field numbers are in the structures.
//! Event kinds travel as [`model::EventKind::number`], field names as text.

mod batch;
mod enrol;
mod error;
pub mod limits;
mod observation;
mod path;
pub mod receive;
mod received;
mod reply;
mod shape;

pub use batch::{Batch, SeqGap};
pub use enrol::{ENROL_PATH, EnrolReply, EnrolRequest, RENEW_PATH, RenewReply, RenewRequest};
pub use error::{ErrorClass, WireError};
pub use observation::{decode_observation, encode_observation};
pub use path::{STREAM_PATH_PREFIX, StreamPath};
pub use received::Received;
pub use reply::StreamReply;
