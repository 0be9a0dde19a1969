//! Rules and correlations over the events of the pipeline, in its order.

use super::status::StoppedRule;
use detect::{Compiled, Correlator, FloodGuard, Match, Scratch};
use model::{Alert, Clock, Event, Timestamp};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// A rule with more matches than this in one minute is stopped: nobody reads a thousand alerts a minute, and
/// the lake would fill with them.
const MATCHES_PER_MINUTE_MAX: u32 = 1_000;

/// The rules in force and the state of their correlations.
pub(crate) struct Judge {
    compiled: Arc<Compiled>,
    scratch: Scratch,
    correlator: Correlator,
    floods: FloodGuard,
    clock: Arc<dyn Clock>,
    /// Rules that were stopped, until the server starts anew.
    pub(super) stopped: Vec<StoppedRule>,
}

impl Judge {
    pub(crate) fn new(compiled: Arc<Compiled>, clock: Arc<dyn Clock>) -> Self {
        Self {
            scratch: Scratch::default(),
            correlator: Correlator::new(Arc::clone(&compiled.correlations)),
            floods: FloodGuard::new(MATCHES_PER_MINUTE_MAX),
            compiled,
            clock,
            stopped: Vec::new(),
        }
    }

    /// Takes up the state that was committed with the positions of the lake.
    pub(super) fn restore(&mut self, checkpoint: &[u8]) {
        let set = Arc::clone(&self.compiled.correlations);
        match Correlator::restore(set, checkpoint) {
            Ok(correlator) => self.correlator = correlator,
            Err(err) => tracing::error!(error = %err, "correlations begin anew"),
        }
    }

    /// The state that belongs to every event judged so far; `None` when it is the committed one.
    pub(super) fn checkpoint(&mut self) -> Option<Vec<u8>> {
        self.correlator.take_changed().then(|| self.correlator.checkpoint())
    }

    /// The alerts of an event. One bad rule must not stop the others (P9): a panic costs this event's
    /// alerts and is said.
    pub(crate) fn alerts(&mut self, event: &Event) -> Vec<Alert> {
        let (rules, scratch) = (&self.compiled.rules, &mut self.scratch);
        let judged =
            std::panic::catch_unwind(AssertUnwindSafe(|| rules.evaluate_with(event, scratch)));
        let Ok(mut matches) = judged else {
            // What the panic left half done must not reach the next event.
            self.scratch = Scratch::default();
            tracing::error!(event = ?event.stream, "a rule failed on this event; the event is stored");
            return Vec::new();
        };
        let now = self.clock.now();
        let correlated = self.correlator.observe(event, &matches);
        matches.retain(|found| !self.compiled.correlations.silences(&found.rule.id));
        self.stop_floods(&matches, now);
        let correlated = correlated.into_iter().map(|found| found.into_alert(now));
        matches.into_iter().map(|found| found.into_alert(event, now)).chain(correlated).collect()
    }

    /// The alerts that are due because time has passed.
    pub(crate) fn due(&mut self) -> Vec<Alert> {
        let now = self.clock.now();
        self.correlator.advance(now).into_iter().map(|found| found.into_alert(now)).collect()
    }

    fn stop_floods(&mut self, matches: &[Match], now: Timestamp) {
        for flood in self.floods.observe(matches, now) {
            self.compiled.rules.stop(&flood.rule.id);
            let reason = flood.reason_en();
            tracing::error!(rule = %flood.rule.id, title = %flood.rule.title, reason, "a rule was stopped; the others go on");
            self.stopped.push(StoppedRule {
                id: flood.rule.id.clone(),
                title: flood.rule.title.clone(),
                reason_ja: flood.reason_ja(),
                reason_en: reason,
            });
        }
    }
}

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
    fn p9_a_flood_is_stopped_and_told_in_both_languages() {
        let mut judge = judge(RULE);
        let told: usize = (1..=2_000).map(|seq| judge.alerts(&event(seq)).len()).sum();
        assert_eq!(told, MATCHES_PER_MINUTE_MAX as usize + 1);
        let [stopped] = judge.stopped.as_slice() else { panic!("{:?}", judge.stopped) };
        assert_eq!(stopped.id, "id");
        assert!(stopped.reason_ja.contains("停止") && stopped.reason_en.contains("stopped"));
    }
}
