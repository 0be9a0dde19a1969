//! A rule that matches everything must not drown the others: it is stopped, and said to be.

use crate::matched::Match;
use crate::rule::Rule;
use model::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// Counts the matches of each rule: by the minute in which their events happened, among those that are judged within one
/// minute of the server's clock.
///
/// After an outage the events of hours are judged within a minute; a rule with a few matches in each of theirs floods
/// nobody. Because devices say when their events happened, the matches of one minute of the server are limited too, to
/// ten times as many.
///
/// A value without clock: the caller says what time it is, and stops what is named
/// ([`crate::RuleSet::stop`]).
#[derive(Debug)]
pub struct FloodGuard {
    matches_per_minute_max: u32,
    minute: i64,
    counts: HashMap<String, Counted>,
}

/// The matches of one rule in the server's minute at hand.
#[derive(Debug, Default)]
struct Counted {
    all: u32,
    /// By the minute in which the events happened: at most as many as there are matches.
    by_minute: HashMap<i64, u32>,
    named: bool,
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

    /// Counts matches of an event that become alerts. Names each rule once when it exceeds the limit.
    #[must_use]
    pub fn observe(
        &mut self,
        matches: &[Match],
        observed_at: Timestamp,
        now: Timestamp,
    ) -> Vec<Flood> {
        matches.iter().filter_map(|found| self.count(&found.rule, observed_at, now)).collect()
    }

    /// Counts one match of something that happened at `observed_at`; names the rule when this one exceeds the limit.
    #[must_use]
    pub fn count(
        &mut self,
        rule: &Arc<Rule>,
        observed_at: Timestamp,
        now: Timestamp,
    ) -> Option<Flood> {
        let minute = minute_of(now);
        if minute != self.minute {
            self.minute = minute;
            self.counts.clear();
        }
        let max = self.matches_per_minute_max;
        let counted = match self.counts.get_mut(&rule.id) {
            Some(counted) => counted,
            None => self.counts.entry(rule.id.clone()).or_default(),
        };
        counted.all = counted.all.saturating_add(1);
        let then = counted.by_minute.entry(minute_of(observed_at)).or_default();
        *then = then.saturating_add(1);
        let floods = *then > max || counted.all > max.saturating_mul(BACKLOG_FACTOR);
        if !floods || counted.named {
            return None;
        }
        counted.named = true;
        // It is stopped now; what more there is is not worth the memory.
        counted.by_minute.clear();
        Some(Flood { rule: Arc::clone(rule), matches_per_minute_max: max, at: now })
    }
}

/// So many times the matches of a minute are judged within a minute of the server after an outage.
const BACKLOG_FACTOR: u32 = 10;

fn minute_of(at: Timestamp) -> i64 {
    at.nanos().div_euclid(60_000_000_000)
}
