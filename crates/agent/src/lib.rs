//! The agent: what the sensor saw goes into the spool, and from the spool to the server.
//!
//! ```text
//! sensor ─► recorder ─► spool ─► uploader ─► server
//!    ▲ release │ intent            │ frees what is committed
//!    └─────────┘                   ▼
//! ```
//!
//! Invariant: knows no rules and no other devices, and never blocks a user's program.
//! Invariant: the kernel's ring is released only after the spool's append has returned.
//! Invariant: the spool is freed only up to what the server has committed to the lake.
//! Invariant: after a kill at any moment, what is durable is known exactly ([`intent`]): nothing that the
//! ring still held is lost, nothing is recorded twice.
//! Invariant: the certificate is renewed by the agent itself, long before it ends ([`renew`]); a crash at any
//! point of that leaves a certificate with its key.
//! Invariant: the inventory ([`inventory`]) has threads of its own; recording never waits for them.
//! Invariant: what is given up is given up lowest class first, counted, and said as a `Lost` record.

pub mod backoff;
pub mod certificate;
pub mod clock;
pub mod doctor;
pub mod enrol;
mod error;
pub mod home;
pub mod identity;
pub mod intent;
pub mod inventory;
pub mod limits;
pub mod plan;
mod record;
pub mod renew;
mod report;
pub mod run;
pub mod server;
pub mod shed;
pub mod status;
pub mod stop;
pub mod upload;

pub use error::{AgentError, ErrorClass};
