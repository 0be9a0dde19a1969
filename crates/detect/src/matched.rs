//! A match, and the alert that it becomes.

use crate::rule::Rule;
use model::{Alert, AlertId, Event, StreamKey, Timestamp, Why};
use sha2::Digest as _;
use std::sync::Arc;

/// A rule matched an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Each value of the rule that held, in the order of the rule. Empty when the rule matches by absence
    /// only (`condition: not selection`).
    pub why: Vec<Why>,
}

impl Match {
    /// The alert of this match. Its identifier follows from rule, revision and event alone, so that the
    /// same event evaluated twice gives the same alert.
    #[must_use]
    pub fn into_alert(self, event: &Event, detected_at: Timestamp) -> Alert {
        let rule = &*self.rule;
        Alert {
            id: alert_id(&rule.id, &rule.revision, event.stream),
            rule_id: rule.id.clone(),
            rule_title: rule.title.clone(),
            rule_revision: rule.revision.clone(),
            level: rule.level,
            device: event.device,
            stream: event.stream,
            kind: event.kind,
            observed_at: event.observed_at,
            detected_at,
            why: self.why,
            fields: event.fields.clone(),
            rule_text: rule.text_with_filters(),
        }
    }
}

/// The first 128 bits of SHA-256 over `rule id, 0, revision, 0, agent, epoch, seq`, numbers big end first.
fn alert_id(rule_id: &str, revision: &str, stream: StreamKey) -> AlertId {
    let mut hash = sha2::Sha256::new();
    for text in [rule_id, revision] {
        hash.update(text);
        hash.update([0]);
    }
    hash.update(stream.agent.bits().to_be_bytes());
    hash.update(stream.epoch.bits().to_be_bytes());
    hash.update(stream.seq.to_be_bytes());
    let bits = hash.finalize().iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte));
    AlertId::from_bits(bits)
}
