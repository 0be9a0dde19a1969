//! What is shown of detections (the alerts of one rule folded into one finding) and of risk.

use super::AlertRow;
use case::detection::{Detection, Status, Verdict};
use model::{AlertId, DeviceId, Level, Tactic, Timestamp};

/// Which detections to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DetectionFilter {
    /// Where they stand; `None`: those that are not closed.
    pub status: Option<Status>,
    /// This level or a more severe one.
    pub level_min: Option<Level>,
    /// Those with alerts on this device.
    pub device: Option<DeviceId>,
    /// Those of this rule, closed ones too.
    pub rule_id: Option<String>,
    /// Those whose newest alert happened at this time or later, by the device's clock.
    pub since: Option<Timestamp>,
    /// Those that the asking person looks at.
    pub mine: bool,
    /// After this one.
    pub after: Option<DetectionCursor>,
}

/// A place in the list: the most severe first, then the one with the newest alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectionCursor {
    /// The level of the last one shown.
    pub level: Level,
    /// Its newest alert.
    pub last_at: Timestamp,
    /// Which.
    pub id: String,
}

/// A detection in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectionRow {
    /// Which.
    pub id: String,
    /// Whose alerts it folds.
    pub rule_id: String,
    /// The rule's title.
    pub title: String,
    /// Its Japanese title; empty when it has none.
    pub title_ja: String,
    /// The most severe level of its alerts.
    pub level: Level,
    /// The tactics that the rule names.
    pub tactics: Vec<Tactic>,
    /// Where it stands.
    pub state: Detection,
    /// The name of whoever looks at it.
    pub assignee: String,
    /// When it was opened, by the server's clock.
    pub opened_at: Timestamp,
    /// When its first alert happened, by the device's clock.
    pub first_at: Timestamp,
    /// When its newest did.
    pub last_at: Timestamp,
    /// How many alerts it folds.
    pub alerts: u64,
    /// On how many devices.
    pub devices: u64,
    /// The name of a device, the one with the newest alert.
    pub device_name: String,
    /// Its newest alert.
    pub sample: AlertId,
    /// The count of changes that people made.
    pub revision: i64,
}

/// A page of detections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectionList {
    /// At most a page.
    pub rows: Vec<DetectionRow>,
    /// Where the next page begins; `None`: there is no more.
    pub next: Option<DetectionCursor>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DetectionCounts {
    /// Nobody looks at them.
    pub new: u64,
    /// Somebody does.
    pub in_progress: u64,
    /// The asking person does.
    pub mine: u64,
    /// Judged.
    pub closed: u64,
}

/// One device of a detection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectionDevice {
    /// Which.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// How many alerts of the detection it has.
    pub alerts: u64,
    /// Its first alert.
    pub first_at: Timestamp,
    /// Its newest.
    pub last_at: Timestamp,
    /// The newest alert.
    pub sample: AlertId,
}

/// One step of a detection's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectionStep {
    /// When.
    pub at: Timestamp,
    /// Who: a person's name, or empty for the machine.
    pub actor: String,
    /// What, as the stored name.
    pub cause: String,
    /// The reason, the verdict, the person.
    pub detail: String,
}

/// One detection with everything around it.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionPage {
    /// Itself.
    pub row: DetectionRow,
    /// Its devices, the one with the newest alert first.
    pub devices: Vec<DetectionDevice>,
    /// Its newest alerts.
    pub alerts: Vec<AlertRow>,
    /// What people did.
    pub history: Vec<DetectionStep>,
    /// The earlier detection of the rule and what it was judged to be.
    pub before: Option<(String, Option<Verdict>)>,
    /// The later detection of the rule.
    pub later: Option<String>,
    /// Who may be asked to look at it: identifier and name.
    pub people: Vec<(String, String)>,
}

/// Whose risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskOf {
    /// A device, by its identifier.
    Device,
    /// A user, by the account's name in lower case.
    User,
}

impl RiskOf {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::User => "user",
        }
    }
}

/// A device or user with its risk.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskRow {
    /// Whose it is.
    pub of: RiskOf,
    /// The device's identifier or the account's name.
    pub entity: String,
    /// What people call it.
    pub name: String,
    /// Points now.
    pub score: f64,
    /// What contributes, the most first.
    pub parts: Vec<RiskPart>,
}

/// What one detection contributes.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskPart {
    /// Which detection.
    pub detection: String,
    /// The rule's title.
    pub title: String,
    /// Its Japanese title; empty when it has none.
    pub title_ja: String,
    /// The level.
    pub level: Level,
    /// How many alerts.
    pub alerts: u64,
    /// Points now.
    pub points: f64,
}

/// An attack as a story.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// The interval that was looked at.
    pub range: super::TimeRange,
    /// The stages, the earliest first.
    pub stages: Vec<TimelineStage>,
    /// Whether more happened in it than is shown.
    pub truncated: bool,
    /// What of the wanted interval comes before `range`: it holds more alerts than one timeline shows, and nothing of
    /// it is shown here. `None`: nothing was left out.
    pub earlier: Option<super::TimeRange>,
}

/// A part of a story in which rules name the same tactic.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineStage {
    /// The tactic; `None` when no rule names one.
    pub tactic: Option<Tactic>,
    /// Its first entry.
    pub from: Timestamp,
    /// Its last.
    pub to: Timestamp,
    /// What happened, the earliest first.
    pub entries: Vec<TimelineEntry>,
}

/// An event of a story.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEntry {
    /// When it happened, by the device's clock.
    pub at: Timestamp,
    /// On which device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// The event; `None` when the lake no longer has it.
    pub event: Option<super::EventRow>,
    /// Its alerts, the most severe first.
    pub alerts: Vec<AlertRow>,
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// For a Japanese reader.
    pub ja: String,
    /// For an English reader.
    pub en: String,
}

impl Said {
    /// A sentence with its words.
    #[must_use]
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ja: ja.into(), en: en.into() }
    }
}

impl From<detect::sentence::Sentence> for Said {
    fn from(sentence: detect::sentence::Sentence) -> Self {
        Self { ja: sentence.ja, en: sentence.en }
    }
}

/// What every part of a rule says to the event of an alert, judged again by the plain evaluator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertVerdicts {
    /// Whether the event is still stored; if not, the fields that the alert keeps were judged.
    pub event_stored: bool,
    /// Whether the event is of the rule's log source.
    pub log_source: bool,
    /// The selections of the rule, in its order.
    pub selections: Vec<SelectionVerdicts>,
    /// The filters that were consulted.
    pub filters: Vec<FilterConsulted>,
    /// What the alert says and the second judgement does not; empty when both agree.
    pub disagreements: Vec<String>,
}

/// One selection and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionVerdicts {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub held: bool,
    /// Its values.
    pub leaves: Vec<LeafVerdicts>,
}

/// One value of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafVerdicts {
    /// Whether it holds.
    pub held: bool,
    /// What was asked and found.
    pub said: Said,
    /// What the field holds; `None` when it is missing.
    pub value: Option<String>,
}

/// One filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterConsulted {
    /// Its title.
    pub title: String,
    /// Whether it lets the match pass.
    pub passes: bool,
    /// Its selections.
    pub selections: Vec<SelectionVerdicts>,
}
