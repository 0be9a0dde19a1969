//! A rule that matches everything must not drown the others: it is stopped, and said to be.

use crate::matched::Match;
use crate::rule::Rule;
use model::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// Counts the matches of each rule by the minute of the server's clock.
///
/// A value without clock: the caller says what time it is, and stops what is named
/// ([`crate::RuleSet::stop`]).
#[derive(Debug)]
pub struct FloodGuard {
    matches_per_minute_max: u32,
    minute: i64,
    counts: HashMap<String, u32>,
}

/// A rule exceeded its matches per minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flood {
    /// The rule.
    pub rule: Arc<Rule>,
    /// The limit that it exceeded, in matches per minute.
    pub matches_per_minute_max: u32,
    /// When.
    pub at: Timestamp,
}

impl Flood {
    /// Why the rule was stopped, and what to do, in English.
    #[must_use]
    pub fn reason_en(&self) -> String {
        format!(
            "stopped at {}: more than {} matches in one minute; narrow the rule or add a filter, then load it again",
            self.at, self.matches_per_minute_max
        )
    }

    /// The same in Japanese.
    #[must_use]
    pub fn reason_ja(&self) -> String {
        format!(
            "{} に停止しました。1分間の一致が {} 件を超えました。条件を絞るか除外フィルターを追加して、再度読み込んでください。",
            self.at, self.matches_per_minute_max
        )
    }
}

impl FloodGuard {
    /// Allows each rule this many matches in a minute.
    #[must_use]
    pub fn new(matches_per_minute_max: u32) -> Self {
        Self { matches_per_minute_max, minute: i64::MIN, counts: HashMap::new() }
    }

    /// Counts matches that become alerts. Names each rule once when it exceeds the limit.
    #[must_use]
    pub fn observe(&mut self, matches: &[Match], now: Timestamp) -> Vec<Flood> {
        let minute = now.nanos().div_euclid(60_000_000_000);
        if minute != self.minute {
            self.minute = minute;
            self.counts.clear();
        }
        let mut floods = Vec::new();
        for found in matches {
            let count = self.counts.entry(found.rule.id.clone()).or_default();
            *count = count.saturating_add(1);
            if *count == self.matches_per_minute_max.saturating_add(1) {
                floods.push(Flood {
                    rule: Arc::clone(&found.rule),
                    matches_per_minute_max: self.matches_per_minute_max,
                    at: now,
                });
            }
        }
        floods
    }
}
