//! What a finding's machine is told of the world, what it asks of it, and what it refuses.

use super::{Status, Timetable};
use crate::calendar::Workplace;

/// What must happen outside, together with the new state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A message of the product to the person at the device.
    Tell(Letter),
    /// A message of the product to that person's manager.
    TellManager,
    /// A draft waits for somebody of the team.
    Draft,
    /// The draft is not needed any more, nor are messages that were not delivered yet.
    Withdraw,
}

/// Which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    /// The first.
    Notice,
    /// The reminder of that number, from 1.
    Reminder(u8),
}

/// What the machine must know of the people around a finding.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// How long the steps take.
    pub timetable: &'a Timetable,
    /// When the person at the device is at work.
    pub workplace: &'a Workplace,
    /// Whether anybody is known who could be asked.
    pub has_owner: bool,
    /// Whether that person has a manager.
    pub has_manager: bool,
}

/// Why an event is refused. The caller says it to the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The status does not allow it.
    #[error("a finding that is {} cannot be {event}; reload the page", status.name())]
    Status {
        /// Where it stands.
        status: Status,
        /// What was tried.
        event: &'static str,
    },
    /// Somebody else must do it.
    #[error("{event} is not for this person to say")]
    NotYours {
        /// What was tried.
        event: &'static str,
    },
    /// A time that does not fit.
    #[error("the end must lie in the future and within {days_max} days")]
    Until {
        /// The longest.
        days_max: i64,
    },
}
