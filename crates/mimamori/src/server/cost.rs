//! What rules cost: measured over a window, handed over for the rules' health, and a rule that takes too much named.

use control::view::rule_health::{RuleWork, RuleWorked};
use detect::{Rule, RuleCost, RuleSet};
use std::sync::Arc;

/// Over which time cost is measured.
pub(super) const WINDOW_NS: u64 = 10_000_000_000;
/// The part of one processor that a rule may take over a window, in percent.
const PROCESSOR_PERCENT_MAX: u64 = 25;
/// What a rule may cost for each event that is judged while it takes that much. A server that catches up is busy
/// with all rules together, which is no rule's fault.
const NS_PER_EVENT_MAX: u64 = 20_000;

/// A rule that takes more than all others may lose to it.
pub(super) struct TooCostly {
    pub(super) rule: Arc<Rule>,
    /// Percent of one processor over the window.
    pub(super) percent: u64,
    /// Nanoseconds for each judged event.
    pub(super) ns_per_event: u64,
}

impl TooCostly {
    pub(super) fn reason_en(&self) -> String {
        format!(
            "it took {} percent of a processor, {} µs for each event; use fewer or simpler regular expressions and \
             conditions that hold for few events, then resume it",
            self.percent,
            self.ns_per_event / 1_000
        )
    }

    pub(super) fn reason_ja(&self) -> String {
        format!(
            "CPU の {} % を占め、イベント 1 件あたり {} マイクロ秒かかりました。正規表現を減らすか単純にし、対象を絞ってから再開してください。",
            self.percent,
            self.ns_per_event / 1_000
        )
    }
}

/// Measures windows one after the other.
#[derive(Debug, Default)]
pub(super) struct CostWatch {
    began_ns: u64,
    judged_ns: u64,
    events: u64,
}

impl CostWatch {
    pub(super) fn new(now_ns: u64) -> Self {
        Self { began_ns: now_ns, ..Self::default() }
    }

    /// An event was judged in this time.
    pub(super) const fn judged(&mut self, took_ns: u64) {
        self.judged_ns = self.judged_ns.saturating_add(took_ns);
        self.events += 1;
    }

    pub(super) const fn due(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.began_ns) >= WINDOW_NS
    }

    /// Ends the window: what was done in it, and which rules took too much of it. `costs` are those of the window,
    /// in the order of the set.
    pub(super) fn end(
        &mut self,
        now_ns: u64,
        rules: &RuleSet,
        costs: &[RuleCost],
    ) -> (RuleWork, Vec<TooCostly>) {
        let window_ns = now_ns.saturating_sub(self.began_ns).max(1);
        let units: u64 = costs.iter().map(|cost| cost.units).sum();
        let mut work =
            RuleWork { events: self.events, judged_ns: self.judged_ns, ..RuleWork::default() };
        let mut too_costly = Vec::new();
        for (rule, cost) in rules.rules().iter().zip(costs).filter(|(_, cost)| cost.asked > 0) {
            work.rules.push(RuleWorked {
                rule_id: rule.id.clone(),
                asked: cost.asked,
                matched: cost.matched,
                units: cost.units,
            });
            let share =
                u128::from(self.judged_ns) * u128::from(cost.units) / u128::from(units.max(1));
            let took_ns = u64::try_from(share).unwrap_or(u64::MAX);
            let percent = took_ns.saturating_mul(100) / window_ns;
            let ns_per_event = took_ns / self.events.max(1);
            // A window that was cut short says too little.
            if window_ns >= WINDOW_NS
                && percent >= PROCESSOR_PERCENT_MAX
                && ns_per_event >= NS_PER_EVENT_MAX
            {
                too_costly.push(TooCostly { rule: Arc::clone(rule), percent, ns_per_event });
            }
        }
        (self.began_ns, self.judged_ns, self.events) = (now_ns, 0, 0);
        (work, too_costly)
    }
}
