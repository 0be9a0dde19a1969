//! The state of correlations against a model that keeps everything and counts afresh each time.
//! `MIMAMORI_LONG=1` runs a million events instead of ten thousand.

use crate::correlations::{correlation, event_at, ready};
use detect::{Compiled, Correlator};
use model::{Event, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;
const EVENTS: usize = 40;

fn streams() -> u32 {
    match std::env::var_os("MIMAMORI_LONG") {
        Some(_) => 30_000,
        None => 400,
    }
}

/// An event of a generated stream.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    after: i64,
    agent: u128,
    is: String,
    user: Option<&'static str>,
    value: Option<&'static str>,
}

/// A generated correlation, as text and as the model understands it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    kind: &'static str,
    rules: &'static [&'static str],
    by_user: bool,
    span: i64,
    operator: &'static str,
    bound: i64,
    pub(crate) condition: Option<&'static str>,
    pub(crate) chained: bool,
}

pub(crate) fn seen() -> impl Strategy<Value = Seen> {
    let letters = prop::sample::select(vec!["", "a", "a", "b", "c", "ab", "ac", "bc", "abc"]);
    let user = prop::sample::select(vec![None, Some("x"), Some("x"), Some("X"), Some("y")]);
    let value =
        prop::sample::select(vec![None, Some("1"), Some("2"), Some("q"), Some("Q"), Some("5.5")]);
    (0_i64..5, 1_u128..3, letters, user, value).prop_map(|(after, agent, is, user, value)| Seen {
        after,
        agent,
        is: is.to_owned(),
        user,
        value,
    })
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    const KINDS: [&str; 8] = [
        "event_count",
        "value_count",
        "temporal",
        "temporal_ordered",
        "value_sum",
        "value_avg",
        "value_median",
        "value_percentile",
    ];
    const RULES: [&[&str]; 4] = [&["a"], &["a", "b"], &["b", "a", "c"], &["c", "a"]];
    const CONDITIONS: [&str; 5] = [
        "a and not b",
        "a and b and not c",
        "(a or b) and not c",
        "2 of them",
        "a and not (b or c)",
    ];
    let operator = prop::sample::select(vec!["gt", "gte", "lt", "lte", "eq", "neq"]);
    let text = prop::option::weighted(0.3, prop::sample::select(CONDITIONS.to_vec()));
    (
        prop::sample::select(KINDS.to_vec()),
        prop::sample::select(RULES.to_vec()),
        any::<bool>(),
        1_i64..12,
        operator,
        1_i64..6,
        text,
        any::<bool>(),
    )
        .prop_map(|(kind, rules, by_user, span, operator, bound, condition, chained)| {
            let temporal = kind == "temporal" || kind == "temporal_ordered";
            let condition = condition.filter(|text| {
                temporal && (kind == "temporal" || !text.contains("or") && !text.contains("of"))
            });
            let rules = if condition.is_some() { &["a", "b", "c"][..] } else { rules };
            Asked { kind, rules, by_user, span, operator, bound, condition, chained }
        })
}

impl Asked {
    pub(crate) fn text(&self) -> String {
        let group = if self.by_user { "group-by: [u], " } else { "" };
        let rules = self.rules.join(", ");
        let condition = match (self.kind, self.condition) {
            (_, Some(text)) => format!(", condition: '{text}'"),
            ("temporal_ordered", None) => String::new(),
            ("temporal", None) => {
                format!(
                    ", condition: {{{}: {}}}",
                    self.operator,
                    self.bound.min(self.rules.len() as i64)
                )
            }
            ("event_count", None) => format!(", condition: {{{}: {}}}", self.operator, self.bound),
            ("value_percentile", None) => {
                format!(
                    ", condition: {{field: v, percentile: 30, {}: {}}}",
                    self.operator, self.bound
                )
            }
            _ => format!(", condition: {{field: v, {}: {}}}", self.operator, self.bound),
        };
        let inner = format!(
            "type: {}, rules: [{rules}], {group}timespan: {}s{condition}",
            self.kind, self.span
        );
        let mut text = correlation(&inner);
        if self.chained {
            text += "---\ntitle: Outer\nid: outer\nlevel: high\ncorrelation: {type: temporal, rules: [all, d, c], group-by: [u], timespan: 6s, condition: {gte: 2}}\n";
        }
        text
    }

    fn compares(&self, number: f64, bound: f64) -> bool {
        match self.operator {
            "gt" => number > bound,
            "gte" => number >= bound,
            "lt" => number < bound,
            "lte" => number <= bound,
            "eq" => (number - bound).abs() < 1e-12,
            _ => (number - bound).abs() >= 1e-12,
        }
    }
}

/// What the model keeps of an event.
#[derive(Debug, Clone)]
struct Fact {
    time: i64,
    agent: u128,
    seq: usize,
    rules: Vec<&'static str>,
    user: Option<String>,
    value: Option<String>,
}

/// When, group, number of events.
type Told = (i64, String, usize);

/// The model: every verdict follows from the whole past.
#[derive(Default)]
struct Model {
    facts: Vec<Fact>,
    told: Vec<(String, i64)>,
    judged: Vec<usize>,
}

impl Model {
    fn group(asked: &Asked, fact: &Fact) -> Option<String> {
        if asked.by_user {
            fact.user.as_ref().map(|user| user.to_lowercase())
        } else {
            Some(String::new())
        }
    }

    /// Takes a fact; gives every window whose condition holds with it: time, group, contributing facts.
    fn take(&mut self, asked: &Asked, fact: Fact) -> Vec<(i64, String, Vec<Fact>)> {
        let (time, mut found) = (fact.time, Vec::new());
        let agent = fact.agent;
        let matched = fact.rules.iter().any(|rule| asked.rules.contains(rule));
        let group = Self::group(asked, &fact);
        self.facts.push(fact);
        let absence = asked.condition.is_some_and(|text| text.contains("not"));
        if let (true, Some(group), false) = (matched, group, absence) {
            let window = self.window(asked, &group, time - asked.span * SECOND, time);
            if let Some(facts) = holds(asked, &window) {
                found.push((time, group, facts));
            }
        }
        if absence {
            let heard =
                self.facts.iter().filter(|fact| fact.agent == agent).map(|fact| fact.time).max();
            found.extend(self.over(asked, |fact| fact.agent == agent, heard.unwrap_or(0)));
        }
        found
    }

    fn over(
        &mut self,
        asked: &Asked,
        of: impl Fn(&Fact) -> bool,
        heard: i64,
    ) -> Vec<(i64, String, Vec<Fact>)> {
        let text = asked.condition.unwrap_or_default();
        let mut found = Vec::new();
        for (place, begin) in self.facts.iter().enumerate() {
            let deadline = begin.time + asked.span * SECOND;
            let begins = match asked.kind {
                "temporal" => match text {
                    "a and not b" | "a and not (b or c)" => &["a"][..],
                    _ => &["a", "b"][..],
                },
                // In an order the first rule that must be there begins.
                _ => &["a"][..],
            };
            let opens = begin.rules.iter().any(|rule| begins.contains(rule));
            let Some(group) = Self::group(asked, begin).filter(|_| opens) else { continue };
            if self.judged.contains(&place) || deadline >= heard || !of(begin) {
                continue;
            }
            self.judged.push(place);
            let window = self.window(asked, &group, begin.time, deadline);
            let has = |rule: &str| window.iter().any(|fact| fact.rules.contains(&rule));
            let (a, b, c) = (has("a"), has("b"), has("c"));
            let holds = match text {
                "a and not b" => a && !b,
                "a and b and not c" => a && b && !c,
                "(a or b) and not c" => (a || b) && !c,
                _ => a && !b && !c,
            };
            let contributing = match asked.kind {
                "temporal" => Some(
                    window
                        .iter()
                        .filter(|fact| fact.rules.iter().any(|rule| begins.contains(rule)))
                        .cloned()
                        .collect(),
                ),
                _ => {
                    let order: Vec<&str> = match text {
                        "a and b and not c" => vec!["a", "b"],
                        _ => vec!["a"],
                    };
                    let from = window
                        .iter()
                        .position(|fact| (fact.agent, fact.seq) == (begin.agent, begin.seq));
                    forward(&order, &window[from.expect("begins")..])
                }
            };
            if let (true, Some(facts)) = (holds, contributing) {
                found.push((deadline, begin.time, begin.agent, begin.seq, group, facts));
            }
        }
        found.sort_by_key(|it| (it.0, it.1, it.2, it.3));
        found.into_iter().map(|it| (it.0, it.4, it.5)).collect()
    }

    /// Facts of a group and time that concern the correlation, in order.
    fn window(&self, asked: &Asked, group: &str, from: i64, to: i64) -> Vec<Fact> {
        let mut window: Vec<Fact> = self
            .facts
            .iter()
            .filter(|fact| fact.time >= from && fact.time <= to)
            .filter(|fact| fact.rules.iter().any(|rule| asked.rules.contains(rule)))
            .filter(|fact| Self::group(asked, fact).as_deref() == Some(group))
            .cloned()
            .collect();
        window.sort_by_key(|fact| (fact.time, fact.agent, fact.seq));
        window
    }

    /// Once per window and group.
    fn is_news(&mut self, group: &str, time: i64, span: i64) -> bool {
        let last = self.told.iter().rev().find(|(known, _)| known == group).map(|(_, at)| *at);
        let news = last.is_none_or(|last| (time - last).abs() > span * SECOND);
        if news {
            self.told.push((group.to_owned(), time.max(last.unwrap_or(time))));
        }
        news
    }
}

fn forward(order: &[&str], window: &[Fact]) -> Option<Vec<Fact>> {
    let mut chain = Vec::new();
    let mut rest = window;
    for rule in order {
        let place = rest.iter().position(|fact| fact.rules.contains(rule))?;
        chain.push(rest[place].clone());
        rest = &rest[place + 1..];
    }
    (chain[0].seq == window[0].seq).then_some(chain)
}

fn holds(asked: &Asked, window: &[Fact]) -> Option<Vec<Fact>> {
    let last = window.last()?;
    let all = || window.to_vec();
    let bound = asked.bound as f64;
    let values = || window.iter().filter_map(|fact| fact.value.clone());
    let different =
        asked.rules.iter().filter(|rule| window.iter().any(|fact| fact.rules.contains(*rule)));
    match asked.kind {
        "event_count" => asked.compares(window.len() as f64, bound).then(all),
        "temporal" if asked.condition == Some("2 of them") => (different.count() >= 2).then(all),
        "temporal" => {
            let bound = bound.min(asked.rules.len() as f64);
            asked.compares(different.count() as f64, bound).then(all)
        }
        "temporal_ordered" => {
            // Every way to choose one fact per rule, by trying: from the end, so that the last one decides.
            let mut chain: Vec<Fact> = Vec::new();
            let mut end = window.len();
            for (step, rule) in asked.rules.iter().rev().enumerate() {
                let place = window[..end].iter().rposition(|fact| fact.rules.contains(rule))?;
                if step == 0 && place + 1 != window.len() {
                    return None;
                }
                chain.insert(0, window[place].clone());
                end = place;
            }
            Some(chain)
        }
        "value_count" => {
            last.value.as_ref()?;
            let mut distinct: Vec<String> = values().map(|value| value.to_lowercase()).collect();
            distinct.sort();
            distinct.dedup();
            asked.compares(distinct.len() as f64, bound).then(all)
        }
        kind => {
            last.value.as_ref()?.parse::<f64>().ok()?;
            let mut numbers: Vec<f64> = values().filter_map(|value| value.parse().ok()).collect();
            let sum: f64 = numbers.iter().sum();
            let average = sum / numbers.len() as f64;
            numbers.sort_by(f64::total_cmp);
            let percentile = |percent: f64| {
                let rank = (numbers.len() - 1) as f64 * percent / 100.0;
                let low = numbers[rank.floor() as usize];
                let high = numbers[rank.ceil() as usize];
                low + (high - low) * (rank - rank.floor())
            };
            let number = match kind {
                "value_sum" => sum,
                "value_avg" => average,
                "value_median" => percentile(50.0),
                _ => percentile(30.0),
            };
            asked.compares(number, bound).then(all)
        }
    }
}

pub(crate) fn events(stream: &[Seen]) -> Vec<Event> {
    let mut time = 1_000 * SECOND;
    let mut made = Vec::new();
    for (number, seen) in stream.iter().enumerate() {
        // At the same time the agent's name decides the order: the stream is in order.
        let before = number.checked_sub(1).map_or(0, |before| stream[before].agent);
        time += seen.after.max(i64::from(seen.agent < before)) * SECOND;
        let mut fields = serde_json::json!({"is": seen.is});
        if let Some(user) = seen.user {
            fields["u"] = user.into();
        }
        if let Some(value) = seen.value {
            fields["v"] = value.into();
        }
        made.push(event_at(time, seen.agent, number as u64 + 1, &fields.to_string()));
    }
    made
}

fn facts(stream: &[Seen]) -> Vec<Fact> {
    let rules =
        |is: &str| ["a", "b", "c", "d"].into_iter().filter(|rule| is.contains(rule)).collect();
    events(stream)
        .iter()
        .zip(stream)
        .enumerate()
        .map(|(number, (event, seen))| Fact {
            time: event.observed_at.nanos(),
            agent: seen.agent,
            seq: number + 1,
            rules: rules(&seen.is),
            user: seen.user.map(ToOwned::to_owned),
            value: seen.value.map(ToOwned::to_owned),
        })
        .collect()
}

/// What the model tells of a stream.
fn expected(asked: &Asked, stream: &[Seen]) -> Vec<Told> {
    let outer = Asked {
        kind: "temporal",
        rules: &["all", "d", "c"],
        by_user: true,
        span: 6,
        operator: "gte",
        bound: 2,
        condition: None,
        chained: false,
    };
    let (mut inner_model, mut outer_model) = (Model::default(), Model::default());
    let mut told = Vec::new();
    let awaits = asked.condition.is_some_and(|text| text.contains("not"));
    for fact in facts(stream) {
        let mut above: Vec<Fact> = Vec::new();
        for (time, group, contributing) in inner_model.take(asked, fact.clone()) {
            if inner_model.is_news(&group, time, asked.span) && !asked.chained {
                told.push((time, group, contributing.len()));
            }
            // A match is a fact for the outer correlation, once for each user among its own facts.
            let mut users: Vec<Option<String>> = Vec::new();
            for one in contributing.iter().rev() {
                let user = one.user.as_ref().map(|user| user.to_lowercase());
                if !users.contains(&user) {
                    users.push(user);
                    let (seq, agent) = (fact.seq, fact.agent);
                    above.push(Fact { time, rules: vec!["all"], seq, agent, ..one.clone() });
                }
            }
        }
        if asked.chained {
            // One event that is c and completes the inner one for its user is one entry of both.
            let own: Vec<&'static str> =
                fact.rules.iter().copied().filter(|rule| outer.rules.contains(rule)).collect();
            let mut entries = Vec::new();
            if !own.is_empty() {
                entries.push(Fact { rules: own, ..fact.clone() });
            }
            for one in above {
                match entries
                    .iter_mut()
                    .find(|known| known.user == one.user && known.seq == one.seq)
                {
                    Some(known) => known.rules.extend(&one.rules),
                    None => entries.push(one),
                }
            }
            for entry in entries {
                for (time, group, contributing) in outer_model.take(&outer, entry) {
                    if outer_model.is_news(&group, time, outer.span) {
                        told.push((time, group, contributing.len()));
                    }
                }
            }
        }
    }
    let windows = match awaits {
        true => inner_model.over(asked, |_| true, i64::MAX),
        false => Vec::new(),
    };
    for (time, group, contributing) in windows {
        if inner_model.is_news(&group, time, asked.span) {
            told.push((time, group, contributing.len()));
        }
    }
    told
}

/// What the state tells of a stream, cut at some places by a checkpoint and a restart.
fn told(compiled: &Compiled, stream: &[Seen], cuts: &[usize]) -> (Vec<Told>, Vec<u8>) {
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let mut found = Vec::new();
    for (number, event) in events(stream).iter().enumerate() {
        if cuts.contains(&number) {
            let bytes = state.checkpoint();
            state = Correlator::restore(Arc::clone(&compiled.correlations), &bytes)
                .expect("a checkpoint");
        }
        found.extend(state.observe(event, &compiled.rules.evaluate(event)));
    }
    let bytes = state.checkpoint();
    found.extend(state.finish());
    let told = found.into_iter().map(|found| {
        let group = found.group.first().map_or(String::new(), |(_, value)| value.to_lowercase());
        (found.at.nanos(), group, usize::try_from(found.event_count).expect("small"))
    });
    (told.collect(), bytes)
}

#[test]
fn the_state_agrees_with_a_model_that_keeps_everything() {
    let strategy = (asked(), prop::collection::vec(seen(), EVENTS));
    let config = Config { cases: streams(), failure_persistence: None, ..Config::default() };
    let matches = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&strategy, |(mut asked, stream)| {
            // The model's chain knows conditions of a window that reaches back.
            asked.chained &= !asked.condition.is_some_and(|text| text.contains("not"));
            let text = asked.text();
            let compiled = crate::support::compile(&text);
            if !compiled.refused.is_empty() {
                // A count that no window can have.
                prop_assert!(
                    compiled.refused[0].reason.contains("no count"),
                    "{}",
                    compiled.refused[0]
                );
                return Ok(());
            }
            let wanted = expected(&asked, &stream);
            let (found, _) = told(&compiled, &stream, &[]);
            matches.set(matches.get() + wanted.len());
            prop_assert_eq!(found, wanted, "{}", text);
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
    println!("{} streams of {EVENTS} events, {} matches", streams(), matches.get());
    assert!(matches.get() > streams() as usize);
}

#[test]
fn a_restart_at_any_place_changes_nothing() {
    let cuts = prop::collection::vec(0_usize..EVENTS, 0..6);
    let strategy = (asked(), prop::collection::vec(seen(), EVENTS), cuts);
    let config = Config { cases: streams() / 4, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&strategy, |(asked, stream, cuts)| {
            let compiled = crate::support::compile(&asked.text());
            let whole = told(&compiled, &stream, &[]);
            prop_assert_eq!(told(&compiled, &stream, &cuts), whole);
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
}

#[test]
fn the_order_of_arrival_changes_nothing_about_who_is_told_of() {
    // Of counts that only grow, whoever exceeds the bound does so in whatever order the events come.
    let strategy = prop::collection::vec((seen(), any::<u64>()), EVENTS);
    let config = Config { cases: streams() / 4, failure_persistence: None, ..Config::default() };
    let text = |kind: &str, condition: &str| {
        correlation(&format!(
            "type: {kind}, rules: [a, b, c], group-by: [u], timespan: 9s, condition: {{{condition}}}"
        ))
    };
    let all = [
        ready(&text("event_count", "gte: 4")),
        ready(&text("value_count", "field: v, gte: 3")),
        ready(&text("temporal", "gte: 3")),
    ];
    TestRunner::new(config)
        .run(&strategy, |stream| {
            let (seen, places): (Vec<Seen>, Vec<u64>) = stream.into_iter().unzip();
            let in_order = events(&seen);
            let mut shuffled: Vec<(u64, Event)> =
                places.into_iter().zip(in_order.clone()).collect();
            shuffled.sort_by_key(|(place, _)| *place);
            for compiled in &all {
                let groups = |events: &[Event]| {
                    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
                    let told = events
                        .iter()
                        .flat_map(|event| state.observe(event, &compiled.rules.evaluate(event)));
                    let mut groups: Vec<String> =
                        told.map(|found| found.group[0].1.to_lowercase()).collect();
                    groups.sort();
                    groups.dedup();
                    groups
                };
                let shuffled: Vec<Event> =
                    shuffled.iter().map(|(_, event)| event.clone()).collect();
                prop_assert_eq!(groups(&shuffled), groups(&in_order));
            }
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
}

#[test]
fn a_damaged_checkpoint_is_refused_and_another_rule_set_begins_anew() {
    let inner = "type: event_count, rules: [a], timespan: 1m, condition: {gte: 2}";
    let compiled = ready(&correlation(inner));
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let ask = |state: &mut Correlator, seq: u64| {
        let event = event_at(seq as i64, 1, seq, r#"{"is":"a"}"#);
        state.observe(&event, &compiled.rules.evaluate(&event)).len()
    };
    assert_eq!(ask(&mut state, 1), 0);
    assert!(state.take_changed() && !state.take_changed());
    let bytes = state.checkpoint();
    let restore = |bytes: &[u8]| Correlator::restore(Arc::clone(&compiled.correlations), bytes);
    assert_eq!(ask(&mut restore(&bytes).expect("a checkpoint"), 2), 1);
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x40;
        assert!(restore(&damaged).is_err(), "byte {place}");
        assert!(restore(&bytes[..place]).is_err(), "cut at {place}");
    }
    let edited = ready(&correlation(&inner.replace("1m", "2m")));
    let mut other =
        Correlator::restore(Arc::clone(&edited.correlations), &bytes).expect("a checkpoint");
    assert_eq!(ask(&mut other, 2), 0);
    assert_eq!(other.advance(Timestamp::from_nanos(i64::MAX)), []);
}
