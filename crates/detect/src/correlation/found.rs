//! A match of a correlation, and the alert that it becomes.

use super::group::{Group, Verdict};
use super::plan::Plan;
use super::read::Test;
use crate::limits;
use crate::rule::Rule;
use model::{Alert, AlertId, DeviceId, EventKind, Fields, StreamKey, Timestamp, Value, Why};
use sha2::Digest as _;
use std::sync::Arc;

/// Events of one group satisfied a correlation.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationMatch {
    /// The correlation.
    pub rule: Arc<Rule>,
    /// Name and value of each field of the group.
    pub group: Vec<(String, String)>,
    /// The events that contribute, the oldest first, each with the titles of the rules that matched it; at
    /// most [`limits::EVENTS_NAMED_MAX`], the newest.
    pub events: Vec<(StreamKey, String)>,
    /// How many events contribute.
    pub event_count: u64,
    /// The number that was compared: a count, a sum …
    pub measure: f64,
    /// The time of the oldest event that contributes.
    pub first_at: Timestamp,
    /// When the condition began to hold: the time of the event that decided, or the end of a window in
    /// which something did not happen.
    pub at: Timestamp,
    /// The event that decided.
    pub stream: StreamKey,
    /// Its device.
    pub device: DeviceId,
    /// Its kind.
    pub kind: EventKind,
    /// The condition as a rule writes it, with what was found.
    why: Vec<Why>,
    /// The documents of the correlation and of what it refers to.
    text: Arc<str>,
    group_key: Arc<str>,
}

impl CorrelationMatch {
    pub(crate) fn new(
        plan: &Plan,
        key: &Arc<str>,
        group: &Group,
        verdict: &Verdict,
    ) -> Option<Self> {
        let decided = group.entries.get(verdict.decided)?;
        let newest =
            verdict.entries.iter().filter_map(|place| group.entries.get(*place)).next_back();
        let value = |place: &usize| {
            let value = newest.unwrap_or(decided).values.get(*place).cloned().flatten();
            value.map(String::from).unwrap_or_default()
        };
        let names = plan.group_names.iter().cloned();
        let first = verdict.entries.first().and_then(|place| group.entries.get(*place))?;
        let named = verdict.entries.len().saturating_sub(limits::EVENTS_NAMED_MAX);
        let titles = |mask: u64| -> String {
            let titles = plan.references.iter().enumerate();
            let matched = titles.filter(|(place, _)| mask >> place & 1 == 1);
            matched.map(|(_, reference)| reference.title.as_str()).collect::<Vec<_>>().join(", ")
        };
        let events = verdict.entries.iter().skip(named);
        let events = events.filter_map(|place| group.entries.get(*place));
        Some(Self {
            rule: Arc::clone(&plan.rule),
            group: names.zip(plan.group.iter().map(value)).collect(),
            events: events.map(|entry| (entry.stream, titles(entry.mask))).collect(),
            event_count: u64::try_from(verdict.entries.len()).unwrap_or(u64::MAX),
            measure: verdict.measure,
            first_at: Timestamp::from_nanos(first.time),
            at: Timestamp::from_nanos(verdict.time),
            stream: decided.stream,
            device: decided.device,
            kind: decided.kind,
            why: reasons(plan, verdict.measure),
            text: Arc::clone(&plan.text),
            group_key: Arc::clone(key),
        })
    }

    /// Why it matched: the group's values, the condition with what was found, and each event by its
    /// stream key (`agent/epoch/number`).
    #[must_use]
    pub fn why(&self) -> Vec<Why> {
        let group = self.group.iter().map(|(name, value)| Why {
            selection: "group-by".to_owned(),
            field: Some(name.clone()),
            modifier: String::new(),
            pattern: value.clone(),
            value: Some(value.clone()),
        });
        let events = self.events.iter().map(|(stream, titles)| Why {
            selection: "event".to_owned(),
            field: None,
            modifier: String::new(),
            pattern: titles.clone(),
            value: Some(format!("{}/{}/{}", stream.agent, stream.epoch, stream.seq)),
        });
        group.chain(self.why.iter().cloned()).chain(events).collect()
    }

    /// The alert of this match. Its identifier follows from the correlation, its revision, the group and
    /// the event that decided.
    #[must_use]
    pub fn into_alert(self, detected_at: Timestamp) -> Alert {
        let mut fields: Fields =
            self.group.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        fields.set("EventCount", Value::from(self.event_count));
        fields.set("FirstObserved", self.first_at.to_string());
        fields.set("LastObserved", self.at.to_string());
        Alert {
            id: self.alert_id(),
            rule_id: self.rule.id.clone(),
            rule_title: self.rule.title.clone(),
            rule_revision: self.rule.revision.clone(),
            level: self.rule.level,
            device: self.device,
            stream: self.stream,
            kind: self.kind,
            observed_at: self.at,
            detected_at,
            why: self.why(),
            fields,
            rule_text: self.text.to_string(),
        }
    }

    /// The first 128 bits of SHA-256 over `correlation, 0, rule id, 0, revision, 0, group, 0, time, agent,
    /// epoch, seq`, numbers big end first.
    fn alert_id(&self) -> AlertId {
        let mut hash = sha2::Sha256::new();
        for text in ["correlation", &self.rule.id, &self.rule.revision, &self.group_key] {
            hash.update(text);
            hash.update([0]);
        }
        hash.update(self.at.nanos().to_be_bytes());
        hash.update(self.stream.agent.bits().to_be_bytes());
        hash.update(self.stream.epoch.bits().to_be_bytes());
        hash.update(self.stream.seq.to_be_bytes());
        let bytes = hash.finalize();
        let bits = bytes.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        AlertId::from_bits(bits)
    }
}

fn reasons(plan: &Plan, measure: f64) -> Vec<Why> {
    let why = |modifier: &str, pattern: String| Why {
        selection: "condition".to_owned(),
        field: Some(plan.kind.to_owned()),
        modifier: modifier.to_owned(),
        pattern,
        value: Some(measure.to_string()),
    };
    match &plan.test {
        Test::Count(bounds)
        | Test::Distinct(bounds)
        | Test::Number(_, bounds)
        | Test::Rules(bounds) => {
            bounds.shown().into_iter().map(|(operator, bound)| why(operator, bound)).collect()
        }
        Test::Together(_) | Test::Ordered(_) => {
            vec![why("", format!("within {} s", plan.span_ns / 1_000_000_000))]
        }
        Test::Absent { .. } | Test::OrderedAbsent { .. } => {
            let seconds = plan.span_ns / 1_000_000_000;
            vec![why("", format!("within {seconds} s, and not what the condition denies"))]
        }
    }
}
