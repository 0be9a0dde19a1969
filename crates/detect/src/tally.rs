//! What became of a rule's matches: counted, excluded by a filter, or left out because the rule was stopped.
//!
//! Counters are atomic, so that one rule set serves many threads and every reader.

use crate::filter::Filter;
use crate::rule::Rule;
use crate::ruleset::{RuleSet, Scratch};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The counters of one rule since its set was compiled, as a reader sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCounts {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Matches that were reported.
    pub matches: u64,
    /// For each of the rule's filters, how many matches it excluded. The first filter that does not hold
    /// is the one that is counted.
    pub excluded: Vec<(Arc<Filter>, u64)>,
    /// Whether the rule is stopped: loaded, but none of its matches is reported.
    pub is_stopped: bool,
}

impl RuleSet {
    /// The counters of every rule, in the order of [`RuleSet::rules`].
    #[must_use]
    pub fn counts(&self) -> Vec<RuleCounts> {
        let of = |(rule, tally): (&Arc<Rule>, &Tally)| RuleCounts {
            rule: Arc::clone(rule),
            matches: tally.matches.load(Relaxed),
            excluded: rule
                .filters
                .iter()
                .zip(&tally.excluded)
                .map(|(filter, count)| (Arc::clone(filter), count.load(Relaxed)))
                .collect(),
            is_stopped: tally.stopped.load(Relaxed),
        };
        self.rules().iter().zip(self.tallies()).map(of).collect()
    }

    /// Stops a rule, for all threads that use this set, until [`RuleSet::resume`]; the other rules go on.
    /// Returns whether there is such a rule.
    pub fn stop(&self, rule_id: &str) -> bool {
        self.set_stopped(rule_id, true)
    }

    /// Lets a stopped rule match again. Returns whether there is such a rule.
    pub fn resume(&self, rule_id: &str) -> bool {
        self.set_stopped(rule_id, false)
    }

    fn set_stopped(&self, rule_id: &str, stopped: bool) -> bool {
        let place = self.rules().iter().position(|rule| rule.id == rule_id);
        let tally = place.and_then(|place| self.tallies().get(place));
        tally.map(|tally| tally.stopped.store(stopped, Relaxed)).is_some()
    }
}

impl Scratch {
    /// Which filters took away a match of the event that these rules judged last with this memory: rule and filter,
    /// each rule at most once. So that who keeps the counts can keep them with the event.
    pub fn excluded<'a>(
        &'a self,
        rules: &'a RuleSet,
    ) -> impl Iterator<Item = (&'a Arc<Rule>, &'a Arc<Filter>)> {
        self.excluded_places().iter().filter_map(|(place, filter)| {
            let rule = rules.rules().get(*place as usize)?;
            Some((rule, rule.filters.get(*filter)?))
        })
    }
}

/// The counters of one rule.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    matches: AtomicU64,
    /// Per filter of the rule: how often it alone decided that there is no match.
    excluded: Box<[AtomicU64]>,
    stopped: AtomicBool,
}

impl Tally {
    pub(crate) fn new(filters: usize) -> Self {
        Self { excluded: (0..filters).map(|_| AtomicU64::new(0)).collect(), ..Self::default() }
    }

    /// Whether the rule is not asked.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// The rule's own condition holds: what becomes of the match. Asks the filters in order up to the first
    /// that does not hold.
    pub(crate) fn admit(&self, mut filter_holds: impl FnMut(usize) -> bool) -> Admission {
        if self.stopped.load(Relaxed) {
            return Admission::Stopped;
        }
        for (place, count) in self.excluded.iter().enumerate() {
            if !filter_holds(place) {
                count.fetch_add(1, Relaxed);
                return Admission::Excluded(place);
            }
        }
        self.matches.fetch_add(1, Relaxed);
        Admission::Match
    }
}

/// What became of a rule whose own condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is a match.
    Match,
    /// The filter of this place took it away.
    Excluded(usize),
    /// The rule is stopped.
    Stopped,
}
