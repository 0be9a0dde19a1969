//! Losses and counters. Nothing is dropped in silence: whoever loses an event says so with one of these,
//! which travels in the stream like an event.
//!
//! The sums, per class: `seen = filtered + submitted + ring_full + oversize`;
//! `submitted = received + in flight`; `received = emitted + merged + decode_error`;
//! `emitted = queued + shed`. At the server, per stream: `last − first + 1 = stored + lost`.

use crate::{EventKind, Fields, Observation, Timestamp, Value};
use std::fmt;

/// A class of observations that is counted, and shed, on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Process starts and exits; never shed.
    Process,
    /// Connections.
    Network,
    /// File changes; the first to be shed.
    File,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Process, Self::Network, Self::File];

    /// The name in counters and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Network => "network",
            Self::File => "file",
        }
    }

    /// The class of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The class that an observation of our own sensor is counted in; `None` for the agent's own reports.
    #[must_use]
    pub const fn of_kind(kind: EventKind) -> Option<Self> {
        match kind.family() {
            crate::Family::Process => Some(Self::Process),
            crate::Family::Network => Some(Self::Network),
            crate::Family::File => Some(Self::File),
            _ => None,
        }
    }
}

/// Why events are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LostReason {
    /// The kernel's ring buffer was full.
    RingFull,
    /// The event was larger than any buffer.
    Oversize,
    /// The sensor's source overflowed on its own (fanotify queue).
    SourceOverflow,
    /// The agent was not running.
    AgentDown,
    /// The spool reached its quota or the disk was full.
    Quota,
    /// Bytes on the disk were damaged.
    Corrupt,
    /// The sensor could not make sense of what the kernel handed over.
    Undecodable,
}

impl LostReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::RingFull,
        Self::Oversize,
        Self::SourceOverflow,
        Self::AgentDown,
        Self::Quota,
        Self::Corrupt,
        Self::Undecodable,
    ];

    /// The name in the lake and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::Oversize => "oversize",
            Self::SourceOverflow => "source_overflow",
            Self::AgentDown => "agent_down",
            Self::Quota => "quota",
            Self::Corrupt => "corrupt",
            Self::Undecodable => "undecodable",
        }
    }

    /// The reason of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// A gap that is said openly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Which class; `None` when it is not known (a damaged record).
    pub class: Option<Class>,
    /// How many events; `None` when nobody can know.
    pub count: Option<u64>,
    /// Why.
    pub reason: LostReason,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

impl Lost {
    /// As a record of the stream.
    #[must_use]
    pub fn to_observation(&self, now: Timestamp) -> Observation {
        let mut fields = Fields::new();
        if let Some(class) = self.class {
            fields.set("Class", class.name());
        }
        if let Some(count) = self.count {
            fields.set("Count", count);
        }
        fields.set("Reason", self.reason.name());
        fields.set("From", self.from.to_string());
        fields.set("To", self.to.to_string());
        Observation { kind: EventKind::AgentLost, observed_at: now, fields }
    }

    /// Reads the record of a stream back; `None` when a field is missing or unknown.
    #[must_use]
    pub fn from_fields(fields: &Fields) -> Option<Self> {
        let time = |name| Timestamp::parse(fields.text(name)?).ok();
        Some(Self {
            class: fields.text("Class").and_then(Class::of_name),
            count: fields.int("Count").and_then(|count| u64::try_from(count).ok()),
            reason: LostReason::of_name(fields.text("Reason")?)?,
            from: time("From")?,
            to: time("To")?,
        })
    }
}

/// The counters of one class since the sensor was loaded. All but `in_flight` only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// The hook ran and the event was of this class.
    pub seen: u64,
    /// Left out on purpose, by settings (the agent's own files, for instance).
    pub filtered: u64,
    /// Handed over by the kernel.
    pub submitted: u64,
    /// Lost: no room in the kernel's buffer.
    pub ring_full: u64,
    /// Lost: larger than any buffer.
    pub oversize: u64,
    /// Taken out of the kernel's buffer by the agent.
    pub received: u64,
    /// Lost: not understood.
    pub decode_error: u64,
    /// Folded into another event (several records of one file operation).
    pub merged: u64,
    /// Observations made of them.
    pub emitted: u64,
    /// Durable in the spool.
    pub queued: u64,
    /// Given up on purpose, lowest class first, and said so.
    pub shed: u64,
}

/// The counters as pairs of field name and value, in the order of the journey.
type NamedCounters = [(&'static str, u64); 11];

impl Counters {
    /// Every counter by its field name.
    #[must_use]
    pub const fn named(&self) -> NamedCounters {
        [
            ("Seen", self.seen),
            ("Filtered", self.filtered),
            ("Submitted", self.submitted),
            ("RingFull", self.ring_full),
            ("Oversize", self.oversize),
            ("Received", self.received),
            ("DecodeError", self.decode_error),
            ("Merged", self.merged),
            ("Emitted", self.emitted),
            ("Queued", self.queued),
            ("Shed", self.shed),
        ]
    }

    /// As a record of the stream.
    #[must_use]
    pub fn to_observation(&self, class: Class, now: Timestamp) -> Observation {
        let mut fields = Fields::new();
        fields.set("Class", class.name());
        for (name, value) in self.named() {
            fields.set(name, Value::from(value));
        }
        Observation { kind: EventKind::AgentCounters, observed_at: now, fields }
    }

    /// Reads the record of a stream back; `None` when a counter is missing or negative.
    #[must_use]
    pub fn from_fields(fields: &Fields) -> Option<(Class, Self)> {
        let class = Class::of_name(fields.text("Class")?)?;
        let count = |name| fields.int(name).and_then(|value| u64::try_from(value).ok());
        Some((
            class,
            Self {
                seen: count("Seen")?,
                filtered: count("Filtered")?,
                submitted: count("Submitted")?,
                ring_full: count("RingFull")?,
                oversize: count("Oversize")?,
                received: count("Received")?,
                decode_error: count("DecodeError")?,
                merged: count("Merged")?,
                emitted: count("Emitted")?,
                queued: count("Queued")?,
                shed: count("Shed")?,
            },
        ))
    }

    /// The sums that do not agree; empty when all do. Events in flight are allowed: handed over by the
    /// kernel and not yet taken, or emitted and not yet durable.
    #[must_use]
    pub fn disagreements(&self) -> Vec<Disagreement> {
        let mut found = Vec::new();
        let (seen, received, emitted) = (self.seen, self.received, self.emitted);
        let parts = total([self.filtered, self.submitted, self.ring_full, self.oversize]);
        if seen != parts {
            found.push(Disagreement::Seen { seen, parts });
        }
        if received > self.submitted {
            found.push(Disagreement::Submitted { received, submitted: self.submitted });
        }
        let parts = total([emitted, self.merged, self.decode_error]);
        if received != parts {
            found.push(Disagreement::Received { received, parts });
        }
        let kept = total([self.queued, self.shed]);
        if kept > emitted {
            found.push(Disagreement::Emitted { kept, emitted });
        }
        found
    }

    /// How many were lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        total([self.ring_full, self.oversize, self.decode_error, self.shed])
    }
}

/// A sum of [`Counters`] that does not agree, with what it compares. `Display` is the English sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disagreement {
    /// What became of the seen events is more or less than what was seen.
    Seen {
        /// Seen.
        seen: u64,
        /// `filtered + submitted + ring_full + oversize`.
        parts: u64,
    },
    /// More was taken out of the kernel's buffer than was put in.
    Submitted {
        /// Received.
        received: u64,
        /// Submitted.
        submitted: u64,
    },
    /// What became of the received records is more or less than what was received.
    Received {
        /// Received.
        received: u64,
        /// `emitted + merged + decode_error`.
        parts: u64,
    },
    /// More was stored or given up than there was.
    Emitted {
        /// `queued + shed`.
        kept: u64,
        /// Emitted.
        emitted: u64,
    },
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen { seen, parts } => {
                write!(
                    f,
                    "seen {seen} is not filtered + submitted + ring_full + oversize = {parts}"
                )
            }
            Self::Submitted { received, submitted } => {
                write!(f, "received {received} is more than submitted {submitted}")
            }
            Self::Received { received, parts } => {
                write!(f, "received {received} is not emitted + merged + decode_error = {parts}")
            }
            Self::Emitted { kept, emitted } => {
                write!(f, "queued + shed = {kept} is more than emitted {emitted}")
            }
        }
    }
}

/// A sum of counters. They come from an agent, so that they may be absurd; a sum too large for its type
/// stays at the largest and agrees with nothing.
fn total<const N: usize>(parts: [u64; N]) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_counters_survive_the_stream() {
        let now = Timestamp::from_nanos(5);
        let lost = Lost {
            class: Some(Class::File),
            count: Some(3),
            reason: LostReason::Quota,
            from: now,
            to: now,
        };
        assert_eq!(Lost::from_fields(&lost.to_observation(now).fields), Some(lost));
        let counters = Counters {
            seen: 3,
            submitted: 3,
            received: 2,
            emitted: 2,
            queued: 2,
            ..Counters::default()
        };
        let seen = counters.to_observation(Class::Process, now);
        assert_eq!(Counters::from_fields(&seen.fields), Some((Class::Process, counters)));
        assert_eq!(counters.disagreements(), Vec::new());
    }

    #[test]
    fn a_vanished_event_is_a_disagreement() {
        let counters =
            Counters { seen: 3, submitted: 2, received: 2, emitted: 1, ..Counters::default() };
        let found = counters.disagreements();
        let (seen, received) = (
            Disagreement::Seen { seen: 3, parts: 2 },
            Disagreement::Received { received: 2, parts: 1 },
        );
        assert_eq!(found, [seen, received]);
        assert_eq!(
            found[0].to_string(),
            "seen 3 is not filtered + submitted + ring_full + oversize = 2"
        );
    }

    #[test]
    fn absurd_counters_disagree_and_do_nothing_worse() {
        let largest = i64::MAX.unsigned_abs();
        let counters = Counters {
            seen: largest,
            filtered: largest,
            submitted: largest,
            ring_full: largest,
            oversize: largest,
            decode_error: largest,
            shed: largest,
            ..Counters::default()
        };
        assert_eq!(counters.lost(), u64::MAX);
        assert_eq!(counters.disagreements().len(), 3);
    }
}
