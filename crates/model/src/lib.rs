//! The words of the domain: identifiers, time, events, losses, alerts, limits and the field registry.
//!
//! Invariant: pure. No files, network, SQL, clock, randomness or async; callers bring those.
//! Invariant: an identifier that exists is well formed; it was parsed once at the border.
//! Invariant: every field of every event kind is described once, in `fields.toml` ([`registry`]).

pub mod alert;
pub mod context;
pub mod event;
pub mod id;
pub mod inventory;
pub mod kind;
pub mod limits;
pub mod lost;
pub mod promise;
pub mod registry;
pub mod source;
pub mod tactic;
pub mod time;
pub mod value;

pub use alert::{Alert, Level, Why};
pub use event::{Event, Observation, StreamKey};
pub use id::{AgentId, AlertId, BadId, DeviceId, EpochId};
pub use kind::{EventKind, Family};
pub use lost::{Class, Counters, Disagreement, Lost, LostReason};
pub use promise::Promise;
pub use source::LogSource;
pub use tactic::Tactic;
pub use time::{Clock, Timestamp};
pub use value::{Fields, Name, Value};
