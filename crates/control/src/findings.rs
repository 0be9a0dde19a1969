//! Findings: what is on a device and should not be, from the first sighting to the proof that it is gone.
//!
//! Knows how the machine of [`case::finding`] is fed (inventory, judgement, clock, people) and what its effects become
//! (messages, history, audit). Refuses to know how an item is judged (see `ground`).
//!
//! Invariant: state, history, audit entry and messages of a step are one transaction.
//! Invariant: nobody answers for somebody else: an answer comes from the owner of the device.

pub(crate) mod acts;
mod asking;
mod flood;
mod linking;
mod reading;
mod reconcile;
mod stored;
mod timers;

pub use acts::{AnswerNext, Answered};
pub(crate) use reading::{FINDING_ROW_SQL, finding_row};
pub(crate) use stored::Tally;
