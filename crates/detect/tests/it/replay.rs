//! Alerts of correlations judged again from their events by the plain evaluator: whatever the engine tells, it finds.

use crate::correlation_model::{asked, events, seen};
use crate::correlations::{correlation, event_at, ready};
use detect::plain::PlainCorrelation;
use detect::{CorrelationMatch, Correlator};
use model::{Event, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;

/// What the engine tells of these events.
fn told(text: &str, events: &[Event]) -> Vec<CorrelationMatch> {
    let compiled = ready(text);
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let mut found: Vec<CorrelationMatch> = Vec::new();
    for event in events {
        found.extend(state.observe(event, &compiled.rules.evaluate(event)));
    }
    found.extend(state.finish());
    found
}

/// Whether the plain evaluator finds the same match: time, group, measure, number of events.
fn finds(found: &CorrelationMatch, events: &[Event]) -> bool {
    let alert = found.clone().into_alert(Timestamp::from_nanos(0));
    let plain = PlainCorrelation::parse(&alert.rule_text).expect("a correlation");
    let lower = |group: &[(String, String)]| -> Vec<String> {
        group.iter().map(|(_, value)| value.to_lowercase()).collect()
    };
    plain.replay(events).expect("is judged").iter().any(|replayed| {
        replayed.at == found.at
            && lower(&replayed.group) == lower(&found.group)
            && (replayed.measure - found.measure).abs() < 1e-9
            && replayed.events.len() as u64 == found.event_count
            && replayed.stream == found.stream
    })
}

#[test]
fn whatever_the_engine_tells_the_plain_evaluator_finds() {
    let strategy = (asked(), prop::collection::vec(seen(), 40));
    let cases = if std::env::var_os("MIMAMORI_LONG").is_some() { 20_000 } else { 300 };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let matches = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&strategy, |(mut asked, stream)| {
            // When a window of the lower one is known to be over, its events do not say.
            asked.chained &= !asked.condition.is_some_and(|text| text.contains("not"));
            let text = asked.text();
            let compiled = crate::support::compile(&text);
            if !compiled.refused.is_empty() {
                return Ok(());
            }
            let events = events(&stream);
            for found in told(&text, &events) {
                matches.set(matches.get() + 1);
                prop_assert!(finds(&found, &events), "{} {:?}", text, found);
            }
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
    println!("{} matches", matches.get());
    assert!(matches.get() > cases);
}

#[test]
fn an_event_that_is_missing_or_other_is_noticed() {
    let a = |second: i64, is: &str| {
        let fields = format!(r#"{{"is":"{is}","u":"x"}}"#);
        event_at(second * 1_000_000_000, 1, second as u64, &fields)
    };
    for inner in [
        "type: event_count, rules: [a], group-by: [u], timespan: 10s, condition: {gte: 3}",
        "type: temporal_ordered, rules: [a, b, c], group-by: [u], timespan: 10s",
        "type: temporal, rules: [a, b], group-by: [u], timespan: 4s, condition: 'a and not b'",
    ] {
        let events = match inner {
            _ if inner.contains("not") => vec![a(1, "a"), a(2, "c"), a(9, "c")],
            _ if inner.contains("ordered") => vec![a(1, "a"), a(2, "b"), a(3, "c")],
            _ => vec![a(1, "a"), a(2, "a"), a(3, "a")],
        };
        let found = told(&correlation(inner), &events);
        let found = found.first().expect("told");
        assert!(finds(found, &events), "{inner}");
        let without_first: Vec<Event> = events.get(1..).unwrap_or_default().to_vec();
        assert!(!finds(found, &without_first), "{inner}");
        let mut other = events;
        other.push(a(4, "ab"));
        other.sort_by_key(|event| event.observed_at);
        assert_eq!(finds(found, &other), !inner.contains("not"), "{inner}");
    }
}

#[test]
fn chains_reach_back_as_far_as_all_their_windows() {
    let inner = "type: event_count, rules: [a], group-by: [u], timespan: 10m, condition: {gte: 3}";
    let text = correlation(inner)
        + "---\ntitle: Outer\nid: outer\nlevel: high\ncorrelation: {type: temporal, rules: [all, d], group-by: [u], timespan: 1h}\n";
    let event = |second: i64, is: &str| {
        let fields = format!(r#"{{"is":"{is}","u":"x"}}"#);
        event_at(second * 1_000_000_000, 1, second as u64, &fields)
    };
    let events = [event(1, "a"), event(2, "a"), event(3, "a"), event(900, "d")];
    let found = told(&text, &events);
    let outer = found.iter().find(|found| found.rule.id == "outer").expect("told");
    assert!(finds(outer, &events));
    assert!(!finds(outer, events.get(1..).unwrap_or_default()));
    let alert = outer.clone().into_alert(Timestamp::from_nanos(0));
    let plain = PlainCorrelation::parse(&alert.rule_text).expect("a correlation");
    assert_eq!(plain.reach_ns(), 70 * 60 * 1_000_000_000);
    assert!(PlainCorrelation::parse("title: T\ndetection: {s: {a: b}, condition: s}\n").is_err());
}
