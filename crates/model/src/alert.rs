//! The alert: a rule matched an event, with the verdict that explains it.

use crate::{AlertId, DeviceId, EventKind, Fields, StreamKey, Timestamp};

/// A Sigma rule's level.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For information only.
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Level {
    /// The name as in a rule.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The level of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|level| level.name() == name)
    }
}

/// One condition of a rule that held, and the value that made it hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Why {
    /// The selection of the rule (`selection_img`).
    pub selection: String,
    /// The event's field; `None` for keywords, which look at every field.
    pub field: Option<String>,
    /// The modifier chain as written (`endswith`, `contains|all`); empty for plain equality.
    pub modifier: String,
    /// The rule's value as written; `null` for a null test.
    pub pattern: String,
    /// The event's value; `None` when the condition held because the field is missing.
    pub value: Option<String>,
}

/// A rule matched an event. Immutable; what people make of it is state and lives elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Derived from rule, revision and event: a replay gives the same one.
    pub id: AlertId,
    /// The rule's `id` (a UUID in Sigma; text of the rule's file name when it has none).
    pub rule_id: String,
    /// The rule's title.
    pub rule_title: String,
    /// SHA-256 of the rule document, in hex.
    pub rule_revision: String,
    /// The rule's level.
    pub level: Level,
    /// The device.
    pub device: DeviceId,
    /// The event.
    pub stream: StreamKey,
    /// The event's kind.
    pub kind: EventKind,
    /// When the event happened, by the device's clock.
    pub observed_at: Timestamp,
    /// When the rule was evaluated.
    pub detected_at: Timestamp,
    /// Each condition that held.
    pub why: Vec<Why>,
    /// The event's fields at that time.
    pub fields: Fields,
    /// The rule's document as it was, so that the alert explains itself for ever.
    pub rule_text: String,
}
