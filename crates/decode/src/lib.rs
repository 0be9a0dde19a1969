//! Foreign records become events with Sigma field names: Windows event log files (EVTX), Windows
//! event data, and events as lines of JSON.
//!
//! Invariant: pure. Takes bytes and values, gives values; where the bytes come from is the caller's
//! affair, and no rule is known here.
//! Invariant: one bad record or chunk costs itself only. It is reported as a [`RecordError`] and the
//! reading goes on; nothing is skipped in silence.
//! Invariant: values are kept as they were written, blanks included. What is normalised (field names
//! without blanks, aliases, the set of log sources) is written down as tables in [`windows`].
//! Invariant: everything is hostile and limited ([`limits`]).

pub mod error;
pub mod evtx;
pub mod limits;
mod members;
mod names;
pub mod ndjson;
pub mod story;
pub mod windows;

pub use error::{DecodeError, RecordError};
pub use evtx::Record;
pub use story::{Story, StoryDevice};
