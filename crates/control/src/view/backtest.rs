//! Rules in force, and what looking back at a rule answers.

use super::TimeRange;
use super::detections::Said;
use case::rule_life::Life;
use model::{AlertId, DeviceId, EventKind, Level, StreamKey, Timestamp, Why};
use std::sync::Arc;

/// What a rule would have done.
#[derive(Debug, Clone, PartialEq)]
pub enum Backtest {
    /// The text cannot be evaluated exactly; nothing was looked at.
    Refused(Vec<RefusedRule>),
    /// The text was asked of the past.
    Answered(Box<LookedBack>),
}

/// A document that cannot be evaluated exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRule {
    /// Which text: the rule, or one of the filters.
    pub source: String,
    /// The rule's title, as far as it could be read.
    pub title: Option<String>,
    /// The line of its text, counted from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: Said,
    /// What its author can do.
    pub remedy: Said,
}

impl From<&detect::Refused> for RefusedRule {
    fn from(refused: &detect::Refused) -> Self {
        Self {
            source: refused.source.clone(),
            title: refused.title.clone(),
            line: refused.line,
            reason: refused.cause.words().into(),
            remedy: refused.cause.remedy_words().into(),
        }
    }
}

/// A file or text whose rules are not in force, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSource {
    /// The file as messages call it.
    pub file: String,
    /// Line, cause and remedy.
    pub reason: Said,
    /// The placeholder without values that it lacks, if that is why.
    pub lacks: Option<String>,
}

impl From<&detect::Refused> for RefusedSource {
    fn from(refused: &detect::Refused) -> Self {
        Self {
            file: refused.source.clone(),
            reason: refused.sentence().into(),
            lacks: refused.cause.lacks().map(str::to_owned),
        }
    }
}

/// The answer of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct LookedBack {
    /// Which time was looked at.
    pub range: TimeRange,
    /// The rules of the text, correlations among them, each with its hits.
    pub rules: Vec<RuleHits>,
    /// Events of that time in the lake.
    pub events: u64,
    /// Events that had to be read whole, because their columns could not tell.
    pub events_read: u64,
    /// Alerts that the rules would have raised.
    pub hits: u64,
    /// The beginning of each day in the reader's time zone, and its hits; without gaps.
    pub days: Vec<(Timestamp, u64)>,
    /// The devices with most hits.
    pub devices: Vec<DeviceHits>,
    /// Devices with hits.
    pub devices_total: u64,
    /// The fields that the rules ask about and those that tell who did it, with their values.
    pub fields: Vec<FieldHits>,
    /// Hits whose values were counted, at most [`crate::limits::BACKTEST_VALUES_OF_HITS_MAX`].
    pub hits_with_values: u64,
    /// Some hits with their explanation, the newest first.
    pub samples: Vec<SampleHit>,
    /// Exclusions that would take away what repeats.
    pub exclusions: Vec<ProposedExclusion>,
    /// Remarks on the text, each with its line.
    pub remarks: Vec<(usize, Said)>,
    /// How long it took, in nanoseconds.
    pub took_ns: u64,
    /// Whether everything was looked at. If not, time ran out; what was looked at is the newest.
    pub complete: bool,
    /// Events of correlations that were left out because there were too many.
    pub events_left_out: u64,
}

/// A rule and its hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHits {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: Level,
    /// Alerts that it would have raised.
    pub hits: u64,
}

/// A device and its hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceHits {
    /// Which device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Its hits.
    pub hits: u64,
}

/// The values of a field among the hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldHits {
    /// The field's Sigma name.
    pub field: String,
    /// Whether the rule asks about it.
    pub asked: bool,
    /// Different values, as far as they were told apart.
    pub distinct: u64,
    /// The most frequent ones with their hits.
    pub values: Vec<(String, u64)>,
}

/// A hit, explained.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleHit {
    /// The alert that it has, or would have.
    pub alert: AlertId,
    /// The rule.
    pub rule_id: String,
    /// The rule's title.
    pub rule_title: String,
    /// Which event; for a correlation the one that decided.
    pub key: StreamKey,
    /// What happened.
    pub kind: EventKind,
    /// On which device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// When.
    pub observed_at: Timestamp,
    /// Each condition that held.
    pub why: Vec<Why>,
}

/// An exclusion that would take away one value that repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedExclusion {
    /// The field.
    pub field: String,
    /// The value.
    pub value: String,
    /// The hits that it would take away.
    pub hits: u64,
    /// A Sigma filter that does it.
    pub text: String,
}

/// A rule that events are judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInForce {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: Level,
    /// Its status as it says; empty when it says none.
    pub status: String,
    /// Where it came from.
    pub source: String,
    /// Its document, with the filters that belong to it.
    pub text: String,
    /// Its document alone.
    pub document: String,
    /// SHA-256 of its document, in hex.
    pub revision: String,
    /// Whether it is evaluated; deprecated and unsupported rules are not.
    pub active: bool,
    /// Whether it looks at several events.
    pub correlation: bool,
    /// Which events it wants to see; asks nothing for a correlation.
    pub log_source: detect::RuleLogSource,
    /// The filters that belong to it: id and title.
    pub filters: Vec<(String, String)>,
    /// The fields that it asks about; none for a correlation.
    pub fields: Vec<String>,
}

impl RuleInForce {
    /// Every rule and correlation of compiled sources.
    #[must_use]
    pub fn of(compiled: &detect::Compiled) -> Vec<Self> {
        let make = |rule: &detect::Rule, fields: &[&str], correlation: bool| Self {
            id: rule.id.clone(),
            title: rule.title.clone(),
            level: rule.level,
            status: rule.status.map(|status| status.name().to_owned()).unwrap_or_default(),
            source: rule.source_name.clone(),
            text: rule.text_with_filters(),
            document: rule.text.clone(),
            revision: rule.revision.clone(),
            active: rule.is_active(),
            correlation,
            log_source: rule.logsource.clone(),
            filters: rule
                .filters
                .iter()
                .map(|filter| (filter.id.clone(), filter.title.clone()))
                .collect(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        };
        let rules = compiled.rules.rules().iter().zip(compiled.rules.fields_asked());
        let rules = rules.map(|(rule, fields)| make(rule, &fields, false));
        rules.chain(compiled.correlations.rules().map(|rule| make(rule, &[], true))).collect()
    }
}

/// A rule on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// The rule.
    pub rule: Arc<RuleInForce>,
    /// Alerts of the last 30 days.
    pub matches_30d: u64,
    /// Devices with alerts in the last 30 days.
    pub devices_30d: u64,
    /// Where it stands.
    pub life: Life,
    /// It was written here.
    pub own: bool,
}

/// The rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleList {
    /// Those in force, in the order of their sources.
    pub rows: Vec<RuleRow>,
    /// Those refused, each with its file and the reason.
    pub refused: Vec<RefusedSource>,
}
