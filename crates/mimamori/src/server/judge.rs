//! Rules and correlations over the events of the pipeline, in its order.

use super::cost::{CostWatch, TooCostly};
use super::inbox::StreamId;
use super::status::StoppedRule;
use case::rule_life::{Stop, StopCause};
use control::view::rule_health::RuleWork;
use detect::{Compiled, CorrelationMatch, Correlator, FloodGuard, Match, Rule, Scratch};
use model::{Alert, Clock, DeviceId, Event, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// A rule with more matches than this in one minute is stopped: nobody reads a thousand alerts a minute, and
/// the lake would fill with them.
const MATCHES_PER_MINUTE_MAX: u32 = 1_000;

/// The rules by which events are judged, and where they raise alerts.
pub(crate) struct RulesInUse {
    pub(super) compiled: Arc<Compiled>,
    /// Ids of rules that are tried: they raise alerts on the devices of the ring only.
    pub(super) canaries: BTreeSet<String>,
    pub(super) ring: BTreeSet<DeviceId>,
    /// Rules that are stopped. Those of events are not asked; a correlation goes on counting, so that it is whole
    /// when it is resumed, and tells nothing.
    pub(super) stopped: BTreeMap<String, StoppedRule>,
    /// Stops up to this number are in the store and therefore in `stopped`, unless a person resumed the rule.
    pub(super) settled_through: u64,
}

/// A rule was stopped here, and must be remembered as that.
#[derive(Debug, Clone)]
pub(super) struct StopNotice {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) stop: Stop,
}

/// Matches that filters took away: by the stream of the events, filter and rule.
pub(super) type FilterHits = BTreeMap<(StreamId, String, String), u64>;

/// What others must learn from the judge.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) stopped: Vec<StopNotice>,
    /// Matches of canaries on devices outside of the ring, by rule.
    pub(super) elsewhere: BTreeMap<String, u64>,
    pub(super) work: Vec<RuleWork>,
}

/// The rules in force and the state of their correlations.
pub(crate) struct Judge {
    rules: Arc<RulesInUse>,
    scratch: Scratch,
    correlator: Correlator,
    /// The state is another one than the committed one, whatever the correlator says.
    swapped: bool,
    floods: FloodGuard,
    costs: CostWatch,
    clock: Arc<dyn Clock>,
    news: News,
    /// Of the events since the last commit; committed with them.
    hits: FilterHits,
    /// Stopped here, and not yet known to be in the store.
    unsettled: Vec<StopNotice>,
    /// Correlations among them.
    muted: BTreeSet<String>,
    stops: u64,
}

impl RulesInUse {
    /// Rules that all raise alerts everywhere.
    pub(crate) fn everywhere(compiled: Arc<Compiled>) -> Self {
        Self {
            compiled,
            canaries: BTreeSet::new(),
            ring: BTreeSet::new(),
            stopped: BTreeMap::new(),
            settled_through: 0,
        }
    }
}

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.stopped.is_empty() && self.elsewhere.is_empty() && self.work.is_empty()
    }

    /// Adds what came after it.
    pub(super) fn add(&mut self, other: Self) {
        self.stopped.extend(other.stopped);
        for (id, matches) in other.elsewhere {
            *self.elsewhere.entry(id).or_default() += matches;
        }
        self.work.extend(other.work);
        // Counts are for people; who does not take them for long gets the newest.
        let surplus = self.work.len().saturating_sub(WINDOWS_KEPT);
        self.work.drain(..surplus);
    }
}

impl Judge {
    /// By rules that all raise alerts everywhere.
    pub(crate) fn new(compiled: Arc<Compiled>, clock: Arc<dyn Clock>) -> Self {
        Self::of(Arc::new(RulesInUse::everywhere(compiled)), clock)
    }

    pub(crate) fn of(rules: Arc<RulesInUse>, clock: Arc<dyn Clock>) -> Self {
        Self {
            scratch: Scratch::default(),
            correlator: Correlator::new(Arc::clone(&rules.compiled.correlations)),
            swapped: false,
            floods: FloodGuard::new(MATCHES_PER_MINUTE_MAX),
            costs: CostWatch::new(clock.monotonic_ns()),
            rules,
            clock,
            news: News::default(),
            hits: FilterHits::new(),
            unsettled: Vec::new(),
            muted: BTreeSet::new(),
            stops: 0,
        }
    }

    /// Takes up the state that was committed with the positions of the lake.
    pub(super) fn restore(&mut self, checkpoint: &[u8]) {
        let set = Arc::clone(&self.rules.compiled.correlations);
        match Correlator::restore(set, checkpoint) {
            Ok(correlator) => self.correlator = correlator,
            Err(err) => tracing::error!(error = %err, "correlations begin anew"),
        }
    }

    /// The state that belongs to every event judged so far; `None` when it is the committed one.
    pub(super) fn checkpoint(&mut self) -> Option<Vec<u8>> {
        let changed = self.correlator.take_changed() | std::mem::take(&mut self.swapped);
        changed.then(|| self.correlator.checkpoint())
    }

    /// Judges by other rules from the next event on. Windows of correlations that are still the same go on.
    pub(super) fn swap(&mut self, rules: Arc<RulesInUse>) {
        self.end_window();
        let state = self.correlator.checkpoint();
        self.rules = rules;
        let set = Arc::clone(&self.rules.compiled.correlations);
        self.correlator = Correlator::restore(Arc::clone(&set), &state).unwrap_or_else(|err| {
            tracing::error!(error = %err, "correlations begin anew");
            Correlator::new(set)
        });
        // What was changed since the last commit is still to be committed.
        self.swapped = true;
        let settled = self.rules.settled_through;
        self.unsettled.retain(|notice| notice.number > settled);
        let Self { unsettled, muted, .. } = self;
        muted.retain(|id| unsettled.iter().any(|notice| notice.id == *id));
        for notice in unsettled {
            self.rules.compiled.rules.stop(&notice.id);
        }
    }

    /// The alerts of an event. One bad rule must not stop the others (P9): a panic costs this event's
    /// alerts and is said.
    pub(crate) fn alerts(&mut self, event: &Event) -> Vec<Alert> {
        let began_ns = self.clock.monotonic_ns();
        let alerts = self.judge(event);
        let now_ns = self.clock.monotonic_ns();
        self.costs.judged(now_ns.saturating_sub(began_ns));
        if self.costs.due(now_ns) {
            self.end_window();
        }
        alerts
    }

    /// The alerts that are due because time has passed.
    pub(crate) fn due(&mut self) -> Vec<Alert> {
        let now = self.clock.now();
        if self.costs.due(self.clock.monotonic_ns()) {
            self.end_window();
        }
        let correlated = self.correlator.advance(now);
        self.tell_correlated(correlated, now)
    }

    /// What filters took away since this was last asked: of exactly the events that were judged since.
    pub(super) fn take_hits(&mut self) -> FilterHits {
        std::mem::take(&mut self.hits)
    }

    /// What others must learn; it is told once.
    pub(super) fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// Every rule that is stopped.
    pub(super) fn stopped(&self) -> Vec<StoppedRule> {
        let known = self.rules.stopped.values().cloned();
        let here = self.unsettled.iter().filter(|it| !self.rules.stopped.contains_key(&it.id));
        let here = here.map(|notice| StoppedRule {
            id: notice.id.clone(),
            title: notice.title.clone(),
            reason_ja: notice.stop.reason_ja.clone(),
            reason_en: notice.stop.reason_en.clone(),
        });
        known.chain(here).collect()
    }

    fn judge(&mut self, event: &Event) -> Vec<Alert> {
        let (rules, scratch) = (&self.rules.compiled.rules, &mut self.scratch);
        let judged =
            std::panic::catch_unwind(AssertUnwindSafe(|| rules.evaluate_with(event, scratch)));
        let Ok(mut matches) = judged else {
            // What the panic left half done must not reach the next event.
            self.scratch = Scratch::default();
            tracing::error!(event = ?event.stream, "a rule failed on this event; the event is stored");
            return Vec::new();
        };
        for (rule, filter) in self.scratch.excluded(rules) {
            let stream = (event.stream.agent, event.stream.epoch);
            let key = (stream, filter.id.clone(), rule.id.clone());
            *self.hits.entry(key).or_default() += 1;
        }
        let now = self.clock.now();
        let correlated = self.correlator.observe(event, &matches);
        matches.retain(|found| !self.rules.compiled.correlations.silences(&found.rule.id));
        self.stop_floods(&matches, event.observed_at, now);
        matches.retain(|found| self.is_told(&found.rule, event.device));
        let correlated = self.tell_correlated(correlated, now);
        matches.into_iter().map(|found| found.into_alert(event, now)).chain(correlated).collect()
    }

    /// Whether a match becomes an alert: not of a rule that is tried and a device outside of the ring, and not of
    /// a correlation that is stopped.
    fn is_told(&mut self, rule: &Rule, device: DeviceId) -> bool {
        if self.rules.canaries.contains(&rule.id) && !self.rules.ring.contains(&device) {
            *self.news.elsewhere.entry(rule.id.clone()).or_default() += 1;
            return false;
        }
        !self.rules.stopped.contains_key(&rule.id) && !self.muted.contains(&rule.id)
    }

    /// Matches of a canary count wherever they are: that it would flood is what trying it is to show.
    fn stop_floods(&mut self, matches: &[Match], observed_at: Timestamp, now: Timestamp) {
        for flood in self.floods.observe(matches, observed_at, now) {
            self.stop(&flood.rule, flood_stop());
        }
    }

    /// The alerts of correlations, each one's up to its flood.
    fn tell_correlated(&mut self, found: Vec<CorrelationMatch>, now: Timestamp) -> Vec<Alert> {
        let mut told = Vec::new();
        for found in found {
            if self.rules.stopped.contains_key(&found.rule.id)
                || self.muted.contains(&found.rule.id)
            {
                continue;
            }
            if let Some(flood) = self.floods.count(&found.rule, found.at, now) {
                self.muted.insert(found.rule.id.clone());
                self.stop(&flood.rule, flood_stop());
            } else if self.is_told(&found.rule, found.device) {
                told.push(found.into_alert(now));
            }
        }
        told
    }

    fn end_window(&mut self) {
        let rules = Arc::clone(&self.rules);
        let rules = &rules.compiled.rules;
        let costs = self.scratch.take_costs(rules);
        let (work, too_costly) = self.costs.end(self.clock.monotonic_ns(), rules, &costs);
        if work != RuleWork::default() {
            self.news.work.push(work);
        }
        for found in too_costly {
            self.stop(&found.rule, cost_stop(&found));
        }
    }

    /// Stops a rule at once; the others go on. That it is remembered is up to who takes the news.
    fn stop(&mut self, rule: &Rule, stop: Stop) {
        self.rules.compiled.rules.stop(&rule.id);
        tracing::error!(rule = %rule.id, title = %rule.title, reason = stop.reason_en, "a rule was stopped; the others go on");
        self.stops += 1;
        let notice =
            StopNotice { number: self.stops, id: rule.id.clone(), title: rule.title.clone(), stop };
        self.unsettled.push(notice.clone());
        self.news.stopped.push(notice);
    }
}

fn flood_stop() -> Stop {
    Stop {
        cause: StopCause::Flood,
        reason_ja: format!(
            "1 分間の一致が {MATCHES_PER_MINUTE_MAX} 件を超えたため停止しました。条件を絞るか除外を追加してから再開してください。"
        ),
        reason_en: format!(
            "more than {MATCHES_PER_MINUTE_MAX} matches in one minute; narrow the rule or add an exclusion, then resume it"
        ),
    }
}

fn cost_stop(found: &TooCostly) -> Stop {
    Stop { cause: StopCause::Cost, reason_ja: found.reason_ja(), reason_en: found.reason_en() }
}

/// Windows of counts that wait to be taken.
const WINDOWS_KEPT: usize = 360;

#[cfg(test)]
mod tests {
    use super::*;
    use detect::{CompileOptions, RuleSource};
    use model::{AgentId, DeviceId, EpochId, EventKind, Observation, StreamKey};

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_nanos(1_000_000_000)
        }
        fn monotonic_ns(&self) -> u64 {
            0
        }
    }

    fn judge(text: &str) -> Judge {
        let sources = [RuleSource { name: "t.yml", text }];
        let compiled = detect::compile(sources, &CompileOptions::default());
        assert_eq!(compiled.refused, []);
        Judge::new(Arc::new(compiled), Arc::new(Still))
    }

    fn event(seq: u64) -> Event {
        let seen = Observation {
            kind: EventKind::ProcessStart,
            observed_at: Timestamp::from_nanos(i64::try_from(seq).expect("small")),
            fields: [("Image", "/usr/bin/id"), ("User", "joe")].into_iter().collect(),
        };
        let stream = StreamKey { agent: AgentId::from_bits(1), epoch: EpochId::from_bits(1), seq };
        Event::of_linux_agent(seen, DeviceId::from_bits(1), stream, Timestamp::from_nanos(9))
    }

    const RULE: &str = "title: Id\nid: id\nlevel: low\nlogsource: {product: linux}\ndetection: {s: {Image|endswith: /id}, condition: s}\n";

    #[test]
    fn a_correlation_raises_its_alert_in_place_of_the_rules_and_survives_a_restart() {
        let text = format!(
            "{RULE}---\ntitle: Thrice\nid: thrice\nlevel: high\ncorrelation: {{type: event_count, rules: [id], group-by: [User], timespan: 1m, condition: {{gte: 3}}}}\n"
        );
        let mut first = judge(&text);
        assert_eq!(first.checkpoint(), None);
        assert_eq!(first.alerts(&event(1)), []);
        assert_eq!(first.alerts(&event(2)), []);
        let checkpoint = first.checkpoint().expect("something changed");
        assert_eq!(first.checkpoint(), None);
        let mut second = judge(&text);
        second.restore(&checkpoint);
        let alerts = second.alerts(&event(3));
        assert_eq!(alerts.len(), 1);
        assert_eq!(
            (alerts[0].rule_id.as_str(), alerts[0].fields.text("User")),
            ("thrice", Some("joe"))
        );
        assert_eq!(alerts[0].id, first.alerts(&event(3))[0].id);
    }

    #[test]
    fn p4_what_filters_took_away_is_counted_with_the_events_that_are_committed() {
        let filter = "---\ntitle: Joe\nid: f\nlogsource: {product: linux}\nfilter: {rules: [id], ok: {User: joe}, condition: not ok}\n";
        let mut judge = judge(&format!("{RULE}{filter}"));
        let stream = (AgentId::from_bits(1), EpochId::from_bits(1));
        let key = || (stream, "f".to_owned(), "id".to_owned());
        for seq in 1..=3 {
            assert_eq!(judge.alerts(&event(seq)), []);
        }
        assert_eq!(judge.take_hits(), [(key(), 3)].into());
        assert!(judge.take_hits().is_empty(), "each is told once");
        // Other rules come between two commits: what was counted before them is not forgotten.
        assert_eq!(judge.alerts(&event(4)), []);
        judge.swap(Arc::new(in_use(&format!("{RULE}{filter}"))));
        assert_eq!(judge.alerts(&event(5)), []);
        let mut other = event(6);
        other.fields.set("User", "ann");
        assert_eq!(judge.alerts(&other).len(), 1);
        assert_eq!(judge.take_hits(), [(key(), 2)].into());
    }

    #[test]
    fn p9_a_flood_is_stopped_and_told_in_both_languages() {
        let mut judge = judge(RULE);
        let told: usize = (1..=2_000).map(|seq| judge.alerts(&event(seq)).len()).sum();
        assert_eq!(told, MATCHES_PER_MINUTE_MAX as usize + 1);
        let news = judge.take_news();
        let [stopped] = news.stopped.as_slice() else { panic!("{news:?}") };
        assert_eq!(stopped.id, "id");
        let stop = &stopped.stop;
        assert!(stop.reason_ja.contains("停止") && stop.reason_en.contains("resume"));
    }

    fn thrice(id: &str, times: u32) -> String {
        format!(
            "---\ntitle: Times {times}\nid: {id}\nlevel: high\ncorrelation: {{type: event_count, rules: [id], group-by: [User], timespan: 1m, condition: {{gte: {times}}}}}\n"
        )
    }

    fn in_use(text: &str) -> RulesInUse {
        let sources = [RuleSource { name: "t.yml", text }];
        let compiled = detect::compile(sources, &CompileOptions::default());
        assert_eq!(compiled.refused, []);
        RulesInUse::everywhere(Arc::new(compiled))
    }

    #[test]
    fn other_rules_between_two_events_keep_the_windows_of_what_did_not_change() {
        let mut judge = judge(&format!("{RULE}{}{}", thrice("thrice", 3), thrice("fourfold", 4)));
        assert_eq!(judge.alerts(&event(1)), []);
        assert_eq!(judge.alerts(&event(2)), []);
        // The state of both events is committed, and nothing changes until the swap.
        assert!(judge.checkpoint().is_some() && judge.checkpoint().is_none());
        let other = RULE.replace("title: Id\nid: id", "title: Joe\nid: joe");
        let other = other.replace("Image|endswith: /id", "User: joe");
        let text = format!("{RULE}---\n{other}{}{}", thrice("thrice", 3), thrice("fourfold", 5));
        judge.swap(Arc::new(in_use(&text)));
        let committed = judge.checkpoint().expect("the committed state is of other rules");
        let alerts = judge.alerts(&event(3));
        let ids: Vec<&str> = alerts.iter().map(|alert| alert.rule_id.as_str()).collect();
        assert_eq!(ids, ["joe", "thrice"], "the new rule judges, the window went on");
        // A crash here leads to the same.
        let mut again = self::judge(&text);
        again.restore(&committed);
        assert_eq!(again.alerts(&event(3)), alerts);
    }

    #[test]
    fn p9_what_changed_before_a_swap_is_still_committed_after_it() {
        let text = format!("{RULE}{}", thrice("thrice", 3));
        let mut judge = judge(&text);
        assert_eq!(judge.alerts(&event(1)), []);
        assert_eq!(judge.alerts(&event(2)), []);
        judge.swap(Arc::new(in_use(&text)));
        let mut again = self::judge(&text);
        again.restore(&judge.checkpoint().expect("two events are in it"));
        assert_eq!(again.alerts(&event(3)).len(), 1);
    }

    #[test]
    fn a_rule_that_is_tried_raises_alerts_on_the_ring_and_is_counted_elsewhere() {
        let text = format!("{RULE}{}", thrice("thrice", 2));
        let own = RULE.replace("id: id", "id: tried");
        let tried = |ring: &[u128]| {
            let mut rules = in_use(&format!("{text}---\n{own}"));
            rules.canaries = ["tried".to_owned(), "thrice".to_owned()].into();
            rules.ring = ring.iter().map(|bits| DeviceId::from_bits(*bits)).collect();
            let mut judge = Judge::of(Arc::new(rules), Arc::new(Still));
            let told: Vec<String> = (1..=2)
                .flat_map(|seq| judge.alerts(&event(seq)))
                .map(|alert| alert.rule_id)
                .collect();
            (told, judge.take_news().elsewhere)
        };
        let (told, elsewhere) = tried(&[1]);
        assert_eq!(told, ["tried", "tried", "thrice"]);
        assert!(elsewhere.is_empty());
        let (told, elsewhere) = tried(&[2]);
        assert_eq!(told, [""; 0]);
        assert_eq!(elsewhere, [("thrice".to_owned(), 1), ("tried".to_owned(), 2)].into());
    }

    #[test]
    fn p9_a_stop_holds_over_a_swap_until_the_store_knows_it() {
        let mut judge = judge(RULE);
        for seq in 1..=1_001 {
            judge.alerts(&event(seq));
        }
        assert_eq!(judge.alerts(&event(2_000)), []);
        judge.swap(Arc::new(in_use(RULE)));
        assert_eq!(judge.alerts(&event(2_001)), [], "the store does not know it yet");
        assert_eq!(judge.stopped().len(), 1);
        let mut known = in_use(RULE);
        known.settled_through = 1;
        // The store knows it, and a person resumed the rule.
        judge.swap(Arc::new(known));
        assert_eq!(judge.alerts(&event(2_002)).len(), 1);
        assert!(judge.stopped().is_empty());
    }

    #[test]
    fn p9_a_correlation_that_floods_is_stopped_and_the_others_go_on() {
        let per_event = "---\ntitle: Each\nid: each\nlevel: high\ncorrelation: {type: event_count, rules: [id], group-by: [Number], timespan: 1s, condition: {gte: 1}}\n";
        let text = format!("{RULE}{per_event}{}", thrice("thrice", 3));
        let mut judge = judge(&text);
        let mut told = BTreeMap::new();
        for seq in 1..=2_000 {
            let mut event = event(seq);
            event.fields.set("Number", seq.to_string());
            for alert in judge.alerts(&event) {
                *told.entry(alert.rule_id).or_insert(0) += 1;
            }
        }
        assert_eq!(told["each"], MATCHES_PER_MINUTE_MAX);
        assert!(told.contains_key("thrice"));
        assert_eq!(judge.take_news().stopped.len(), 1);
    }

    #[test]
    fn p9_two_correlations_that_flood_with_one_event_are_both_stopped_and_told_up_to_that() {
        let each = |id: &str| {
            format!(
                "---\ntitle: {id}\nid: {id}\nlevel: high\ncorrelation: {{type: event_count, rules: [id], group-by: [Number], timespan: 1s, condition: {{gte: 1}}}}\n"
            )
        };
        let mut judge = judge(&format!("{RULE}{}{}", each("one"), each("two")));
        let mut told = BTreeMap::new();
        for seq in 1..=1_500 {
            let mut event = event(seq);
            event.fields.set("Number", seq.to_string());
            for alert in judge.alerts(&event) {
                *told.entry(alert.rule_id).or_insert(0) += 1;
            }
        }
        assert_eq!((told["one"], told["two"]), (MATCHES_PER_MINUTE_MAX, MATCHES_PER_MINUTE_MAX));
        assert_eq!(judge.take_news().stopped.len(), 2);
    }

    /// Judging an event takes a millisecond.
    struct Slow(std::sync::atomic::AtomicU64);

    impl Clock for Slow {
        fn now(&self) -> Timestamp {
            Timestamp::from_nanos(1_000_000_000)
        }
        fn monotonic_ns(&self) -> u64 {
            self.0.fetch_add(1_000_000, std::sync::atomic::Ordering::Relaxed)
        }
    }

    #[test]
    fn p9_a_rule_that_takes_too_much_is_stopped_and_the_others_go_on() {
        let costly = "---\ntitle: Costly\nid: costly\nlevel: low\nlogsource: {product: linux}\ndetection: {s: {Image|re: ['[a-m]{3,}[0-9]{9}[x-z]', '[n-z]{2,}[0-9]{8}[x-z]', '[d-f][0-9]{7}[x-z]', '[a-c]{5,}[0-9]{6}[x-z]']}, condition: s}\n";
        let rules = Arc::new(in_use(&format!("{RULE}{costly}")));
        let mut judge = Judge::of(rules, Arc::new(Slow(0.into())));
        let mut told = 0;
        for seq in 1..=6_000 {
            let mut event = event(seq);
            // Not so many matches that the cheap rule floods.
            if seq % 10 != 0 {
                event.fields.set("Image", format!("/usr/bin/gghh{seq}"));
            }
            told += judge.alerts(&event).len();
        }
        assert_eq!(told, 600);
        let news = judge.take_news();
        let [stopped] = news.stopped.as_slice() else { panic!("{:?}", news.stopped) };
        assert_eq!((stopped.id.as_str(), stopped.stop.cause), ("costly", StopCause::Cost));
        assert!(
            stopped.stop.reason_en.contains("percent") && stopped.stop.reason_ja.contains("CPU")
        );
        let events: u64 = news.work.iter().map(|work| work.events).sum();
        assert!(events > 4_000 && news.work[0].rules.len() == 2, "{events}");
    }
}
