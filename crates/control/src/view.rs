//! What the use cases hand to whoever shows it (console, command line): plain values, no HTML, no SQL.

pub mod backtest;
pub mod catalogue;
pub mod detections;
pub mod findings;
pub mod groups;
pub mod people;
pub mod requests;
pub mod rule_exclusions;
pub mod rule_health;
pub mod rule_lists;
pub mod rulebook;

use model::{
    AgentId, Alert, AlertId, Class, Counters, DeviceId, EpochId, EventKind, Family, Fields, Level,
    StreamKey, Timestamp,
};

/// How many rows one page of any list holds at most.
pub const PAGE_ROWS_MAX: usize = 200;

/// A place in a list that is ordered by time, newest first; the list goes on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Time of the last row shown.
    pub at: Timestamp,
    /// Stream key of the last row shown, to tell rows of the same time apart.
    pub key: StreamKey,
}

/// A half-open interval of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// From this instant on.
    pub from: Timestamp,
    /// Until before this instant.
    pub to: Timestamp,
}

/// The state of one stream: what the agent said, what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSums {
    /// Whose stream.
    pub agent: AgentId,
    /// Which life of the agent's spool.
    pub epoch: EpochId,
    /// First sequence number committed.
    pub first_seq: u64,
    /// Last sequence number committed.
    pub last_seq: u64,
    /// Rows in the lake.
    pub stored: u64,
    /// Sequence numbers declared lost.
    pub lost: u64,
}

impl StreamSums {
    /// `last − first + 1 = stored + lost`.
    #[must_use]
    pub const fn agree(&self) -> bool {
        self.last_seq + 1 - self.first_seq == self.stored + self.lost
    }
}

/// The newest counters of one class of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassSums {
    /// Whose counters.
    pub agent: AgentId,
    /// Which class.
    pub class: Class,
    /// The counters.
    pub counters: Counters,
    /// When the agent wrote them.
    pub at: Timestamp,
}

/// A gap that an agent or the server declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRow {
    /// Which device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// The gap.
    pub lost: model::Lost,
}

/// A device and its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Which device.
    pub id: DeviceId,
    /// Its name, as it named itself at enrolment.
    pub name: String,
    /// Its agent.
    pub agent: AgentId,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// When its last record was committed; `None` before the first.
    pub last_seen_at: Option<Timestamp>,
    /// What its agent says it does not record, in English words for an administrator; empty: everything.
    pub not_recorded: String,
    /// The same in Japanese; empty also when the agent said it in English only.
    pub not_recorded_ja: String,
}

/// The first page.
#[derive(Debug, Clone, PartialEq)]
pub struct Today {
    /// When this was computed.
    pub at: Timestamp,
    /// Devices, the one seen last first.
    pub devices: Vec<DeviceRow>,
    /// Events observed in the last 24 hours by family, largest first.
    pub events_by_family: Vec<(Family, u64)>,
    /// Alerts of the last 24 hours by level, most severe first.
    pub alerts_by_level: Vec<(Level, u64)>,
    /// Findings of rules that are open, the most severe first.
    pub detections: Vec<detections::DetectionRow>,
    /// The riskiest devices and users.
    pub risky: Vec<detections::RiskRow>,
    /// The sums of every stream.
    pub streams: Vec<StreamSums>,
    /// The newest counters of every class of every agent.
    pub classes: Vec<ClassSums>,
    /// Declared gaps of the last 24 hours.
    pub lost: Vec<LostRow>,
    /// Age of the newest committed event in nanoseconds; `None` while the lake is empty.
    pub lake_lag_ns: Option<i64>,
    /// Rules in force.
    pub rules_loaded: usize,
    /// Rules refused at load, each with its file and reason.
    pub rules_refused: Vec<backtest::RefusedSource>,
    /// Rules that are stopped, the newest stop first.
    pub rules_stopped: Vec<rulebook::StoppedRule>,
}

/// Which alerts to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertFilter {
    /// Only this level and above.
    pub level_min: Option<Level>,
    /// Only this device.
    pub device: Option<DeviceId>,
    /// Only this rule.
    pub rule_id: Option<String>,
    /// Only this interval.
    pub range: Option<TimeRange>,
    /// Continue after this row.
    pub after: Option<Cursor>,
}

/// One line of the list of alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRow {
    /// Which alert.
    pub id: AlertId,
    /// The rule.
    pub rule_id: String,
    /// The rule's title.
    pub rule_title: String,
    /// The rule's level.
    pub level: Level,
    /// The device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// What happened.
    pub kind: EventKind,
    /// The event.
    pub stream: StreamKey,
    /// When it happened.
    pub observed_at: Timestamp,
    /// The program, when the event names one.
    pub image: Option<String>,
    /// The command line, when the event has one.
    pub command_line: Option<String>,
    /// The user, when the event names one.
    pub user: Option<String>,
    /// The rule's document, which may hold its title in other languages.
    pub rule_text: String,
    /// The event's fields, as far as the alert keeps them.
    pub fields: Fields,
}

/// A list of alerts, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertList {
    /// The rows.
    pub rows: Vec<AlertRow>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

/// A process in a chain of ancestors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessNode {
    /// Stable identity.
    pub process_guid: String,
    /// Process id.
    pub process_id: Option<i64>,
    /// Program.
    pub image: String,
    /// Command line in full.
    pub command_line: String,
    /// User.
    pub user: String,
    /// When it started, or was first seen running.
    pub started_at: Timestamp,
    /// When it ended, if that is known.
    pub exited_at: Option<Timestamp>,
}

/// One alert with everything that explains it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertPage {
    /// The alert as stored.
    pub alert: Alert,
    /// The device's name.
    pub device_name: String,
    /// The process's ancestors, the oldest first, the process itself last; empty when the event names none.
    pub ancestors: Vec<ProcessNode>,
    /// How often the rule matched in the 30 days up to this alert, this one included.
    pub rule_matches_30d: u64,
    /// On how many devices.
    pub rule_devices_30d: u64,
    /// Why it is one, in sentences.
    pub sentences: Vec<detections::Said>,
    /// What every part of the rule says, judged again; `None` for a correlation.
    pub verdicts: Option<detections::AlertVerdicts>,
    /// The detection that it is folded into; `None` for an informational alert.
    pub detection: Option<String>,
}

/// How a field is compared in a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Equal, without regard to case.
    Equals,
    /// Contains, without regard to case.
    Contains,
    /// Starts with, without regard to case.
    StartsWith,
    /// Ends with, without regard to case.
    EndsWith,
    /// Not equal, or missing.
    Not,
}

/// One condition of a search; fields by Sigma name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFilter {
    /// The field's Sigma name; unknown names are refused with a suggestion.
    pub field: String,
    /// How to compare.
    pub compare: Compare,
    /// With what.
    pub value: String,
}

/// What to search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// In which families; empty: in all, without the agents' counters, which would bury the rest.
    pub families: Vec<Family>,
    /// When.
    pub range: TimeRange,
    /// Only this device.
    pub device: Option<DeviceId>,
    /// All of these.
    pub filters: Vec<FieldFilter>,
    /// Free words: each must occur in one of the family's text fields, without regard to case.
    pub words: Vec<String>,
    /// Continue after this row.
    pub after: Option<Cursor>,
}

/// One event as a row.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Its key.
    pub key: StreamKey,
    /// What happened.
    pub kind: EventKind,
    /// On which device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// When, by the device's clock.
    pub observed_at: Timestamp,
    /// When the server received it.
    pub received_at: Timestamp,
    /// Every field that has a value: Sigma name and text, in the registry's order.
    pub fields: Vec<(String, String)>,
    /// Alerts on this event, the most severe first.
    pub alerts: Vec<AlertId>,
    /// The original record, when it was kept and a single event was asked for.
    pub raw: Option<String>,
}

/// The answer to a search, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPage {
    /// The rows.
    pub rows: Vec<EventRow>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
    /// Number of matching events up to a limit; `capped` when there are more.
    pub total: u64,
    /// Whether `total` is "at least".
    pub capped: bool,
    /// Matching events per slice of the range, oldest first, for a histogram.
    pub histogram: Vec<(Timestamp, u64)>,
}

/// One device with a part of its story.
#[derive(Debug, Clone, PartialEq)]
pub struct DevicePage {
    /// The device.
    pub device: DeviceRow,
    /// Its streams.
    pub streams: Vec<StreamSums>,
    /// Its newest counters.
    pub classes: Vec<ClassSums>,
    /// Its declared gaps in the range.
    pub lost: Vec<LostRow>,
    /// Its alerts in the range.
    pub alerts: Vec<AlertRow>,
    /// Its events in the range, newest first.
    pub timeline: SearchPage,
}
