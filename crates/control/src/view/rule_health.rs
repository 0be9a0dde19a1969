//! How rules are: what feeds them, what they found, what they cost.

use model::Timestamp;

/// What the server counted since it last handed over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleWork {
    /// Events that were judged.
    pub events: u64,
    /// Time that judging took, in nanoseconds.
    pub judged_ns: u64,
    /// What the rules did; those that were never asked may be left out.
    pub rules: Vec<RuleWorked>,
}

/// What a rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleWorked {
    /// Which rule.
    pub rule_id: String,
    /// Events for which it was looked at.
    pub asked: u64,
    /// Events that its own condition matched, filters not asked.
    pub matched: u64,
    /// Work, in the engine's units (see `detect::RuleCost`).
    pub units: u64,
}

/// How a rule is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleHealth {
    /// Which rule.
    pub rule_id: String,
    /// Alerts in the last 30 days.
    pub matches_30d: u64,
    /// Devices with alerts in the last 30 days.
    pub devices_30d: u64,
    /// The last alert, as long as the lake remembers.
    pub last_match: Option<Timestamp>,
    /// Matches that filters took away in the last 30 days.
    pub filtered_30d: u64,
    /// Events for which it was looked at, of a million judged, over the last 30 days; `None` when nothing was
    /// judged.
    pub asked_per_million: Option<u64>,
    /// Time that it takes per judged event, in picoseconds, over the last 30 days: its share of the work, of the
    /// measured time. `None` when nothing was judged.
    pub cost_ps_per_event: Option<u64>,
    /// Its share of the work of all rules, in hundredths of a percent.
    pub cost_share: Option<u32>,
    /// What feeds it; `None` for a correlation, and while nobody knows.
    pub supply: Option<RuleSupply>,
}

/// What feeds a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleSupply {
    /// Devices that sent anything lately.
    pub devices: u64,
    /// Devices that sent events of the rule's log source.
    pub with_source: u64,
    /// Each field that the rule asks about, and how many of these devices send it with such events. The rarest
    /// first.
    pub fields: Vec<FieldSupply>,
}

impl RuleSupply {
    /// Whether devices send its events and every field that it asks about.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.with_source > 0 && self.fields.iter().all(|field| field.devices > 0)
    }

    /// The share of devices that send its events, in percent.
    #[must_use]
    pub fn percent(&self) -> u64 {
        percent(self.with_source, self.devices)
    }
}

/// A field and who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSupply {
    /// Its Sigma name.
    pub field: String,
    /// Devices that send it with events of the rule's log source.
    pub devices: u64,
    /// The share of devices with such events that send it, in percent.
    pub percent: u64,
}

/// A share in percent; 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}
