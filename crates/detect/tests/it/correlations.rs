//! Correlations: the specification's own examples, each type, and what is refused.

use crate::support::compile;
use detect::correlation::Statistics;
use detect::{Compiled, CorrelationMatch, Correlator};
use model::{
    AgentId, DeviceId, EpochId, Event, EventKind, Fields, LogSource, StreamKey, Timestamp,
};
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;

/// A rule called by a letter, which matches events whose `is` holds the letter.
pub(crate) fn base(name: &str) -> String {
    format!(
        "title: Rule {name}\nid: id-{name}\nname: {name}\nlevel: low\nlogsource: {{product: test}}\n\
         detection: {{s: {{is|contains: {name}}}, condition: s}}\n---\n"
    )
}

/// A correlation over the rules a, b, c and d.
pub(crate) fn correlation(inner: &str) -> String {
    let bases: String = ["a", "b", "c", "d"].iter().map(|name| base(name)).collect();
    format!("{bases}title: All\nid: all\nname: all\nlevel: high\ncorrelation: {{{inner}}}\n")
}

/// An event at a second, of an agent.
pub(crate) fn event_at(at_ns: i64, agent: u128, seq: u64, fields: &str) -> Event {
    let fields: Fields = serde_json::from_str(fields).expect("fields in JSON");
    Event {
        kind: EventKind::Other,
        device: DeviceId::from_bits(agent),
        stream: StreamKey { agent: AgentId::from_bits(agent), epoch: EpochId::from_bits(1), seq },
        observed_at: Timestamp::from_nanos(at_ns),
        received_at: Timestamp::from_nanos(at_ns),
        source: LogSource { product: "test".into(), ..LogSource::default() },
        fields,
        raw: None,
    }
}

pub(crate) fn ready(text: &str) -> Compiled {
    let compiled = compile(text);
    assert_eq!(compiled.refused, [], "{text}");
    compiled
}

/// Seconds at which something is told, each with the group's values.
fn told(compiled: &Compiled, events: &[(i64, &str)]) -> Vec<(i64, String)> {
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let mut found = Vec::new();
    for (number, (second, fields)) in events.iter().enumerate() {
        let event = event_at(second * SECOND, 1, number as u64 + 1, fields);
        found.extend(state.observe(&event, &compiled.rules.evaluate(&event)));
    }
    found.iter().map(shown).collect()
}

fn shown(found: &CorrelationMatch) -> (i64, String) {
    let values: Vec<&str> = found.group.iter().map(|(_, value)| value.as_str()).collect();
    (found.at.nanos() / SECOND, values.join(" "))
}

fn check(inner: &str, events: &[(i64, &str)], expected: &[(i64, &str)]) {
    let found = told(&ready(&correlation(inner)), events);
    let found: Vec<(i64, &str)> = found.iter().map(|(at, group)| (*at, group.as_str())).collect();
    assert_eq!(found, expected, "{inner}");
}

#[test]
fn event_count_counts_by_group_in_windows_that_slide() {
    let inner = "type: event_count, rules: [a], group-by: [u], timespan: 10s, condition: {gte: 3}";
    let a = r#"{"is":"a","u":"x"}"#;
    // 9, 10 and 19 lie within ten seconds, whatever the full tens are.
    check(inner, &[(0, a), (9, a), (10, a), (19, a)], &[(10, "x")]);
    check(inner, &[(0, a), (9, a), (11, a), (19, a)], &[(19, "x")]);
    check(inner, &[(0, a), (5, a), (11, a), (16, a)], &[]);
    let other = r#"{"is":"a","u":"X"}"#;
    let third = r#"{"is":"a","u":"y"}"#;
    check(inner, &[(0, a), (1, third), (2, other), (3, a)], &[(3, "x")]);
    // Without a value for the group an event belongs to none.
    check(inner, &[(0, a), (1, a), (2, r#"{"is":"a"}"#)], &[]);
    // Told again only when the window has moved on.
    let many: Vec<(i64, &str)> = (0..30).map(|at| (at, a)).collect();
    check(inner, &many, &[(2, "x"), (13, "x"), (24, "x")]);
}

#[test]
fn conditions_are_bounds_that_must_all_hold() {
    let a = r#"{"is":"a","u":"x"}"#;
    let with = |condition: &str| {
        format!(
            "type: event_count, rules: a, group-by: u, timespan: 1m, condition: {{{condition}}}"
        )
    };
    let five: Vec<(i64, &str)> = (0..5).map(|at| (at, a)).collect();
    for (condition, at) in [
        ("gt: 3", 3),
        ("gte: 3", 2),
        ("eq: 4", 3),
        ("lt: 2", 0),
        ("lte: 2", 0),
        ("neq: 1", 1),
        ("gt: 1, lte: 4", 1),
        ("gte: '5'", 4),
    ] {
        check(&with(condition), &five, &[(at, "x")]);
    }
}

#[test]
fn value_count_counts_distinct_rows() {
    let inner = "type: value_count, rules: [a, b], group-by: [u], timespan: 10s, condition: {field: v, gte: 3}";
    let e = |v: &str| format!(r#"{{"is":"a","u":"x","v":"{v}"}}"#);
    let (one, two, three, upper) = (e("1"), e("2"), e("q"), e("Q"));
    check(inner, &[(0, &one), (1, &two), (2, &one), (3, &three)], &[(3, "x")]);
    check(inner, &[(0, &one), (1, &three), (2, &upper)], &[]);
    check(inner, &[(0, &one), (6, &two), (12, &three)], &[]);
    let rows = "type: value_count, rules: [a], timespan: 10s, condition: {field: [v, w], gt: 1}";
    let first = r#"{"is":"a","v":"1","w":"23"}"#;
    let second = r#"{"is":"a","v":"12","w":"3"}"#;
    check(rows, &[(0, first), (1, first), (2, second)], &[(2, "")]);
    check(rows, &[(0, first), (1, r#"{"is":"a","v":"9"}"#)], &[]);
}

#[test]
fn numbers_of_values_are_compared() {
    let e = |v: &str| format!(r#"{{"is":"a","v":{v}}}"#);
    let numbers = [e("10"), e("\"20\""), e("\"word\""), e("60")];
    let events: Vec<(i64, &str)> = (0..4).map(|at| (at, numbers[at as usize].as_str())).collect();
    for (kind, condition, at) in [
        ("value_sum", "gte: 90", Some(3)),
        ("value_sum", "gt: 90", None),
        ("value_avg", "eq: 30", Some(3)),
        ("value_avg", "eq: 15", Some(1)),
        ("value_median", "eq: 20", Some(3)),
        ("value_median", "eq: 15", Some(1)),
        ("value_percentile", "percentile: 75, eq: 40", Some(3)),
        ("value_percentile", "percentile: 0, eq: 10", Some(0)),
        ("value_percentile", "percentile: 100, gt: 59", Some(3)),
    ] {
        let inner =
            format!("type: {kind}, rules: [a], timespan: 1m, condition: {{field: v, {condition}}}");
        let expected: Vec<(i64, &str)> = at.into_iter().map(|at| (at, "")).collect();
        check(&inner, &events, &expected);
    }
}

#[test]
fn temporal_wants_all_rules_or_as_many_as_it_says() {
    let (a, b, c) = (r#"{"is":"a","u":"x"}"#, r#"{"is":"b","u":"x"}"#, r#"{"is":"c","u":"x"}"#);
    let all = "type: temporal, rules: [a, b, c], group-by: [u], timespan: 10s";
    check(all, &[(0, c), (4, a), (10, b)], &[(10, "x")]);
    check(all, &[(0, c), (4, a), (11, b)], &[]);
    check(all, &[(0, r#"{"is":"abc","u":"x"}"#)], &[(0, "x")]);
    let two = "type: temporal, rules: [a, b, c], group-by: [u], timespan: 10s, condition: {gte: 2}";
    check(two, &[(0, a), (1, a), (2, c)], &[(2, "x")]);
    let ordered = "type: temporal_ordered, rules: [a, b, c], group-by: [u], timespan: 10s";
    check(ordered, &[(0, a), (1, b), (2, c)], &[(2, "x")]);
    check(ordered, &[(0, b), (1, a), (2, c)], &[]);
    // An early event out of order does not spoil a later row.
    check(ordered, &[(0, b), (1, a), (2, b), (2, a), (3, c)], &[(3, "x")]);
    check(ordered, &[(0, r#"{"is":"abc","u":"x"}"#)], &[]);
    check(ordered, &[(0, a), (1, b), (11, c)], &[]);
}

#[test]
fn conditions_over_rules_with_n_of_m() {
    let (a, b, c) = (r#"{"is":"a"}"#, r#"{"is":"b"}"#, r#"{"is":"c"}"#);
    let with = |condition: &str| {
        format!("type: temporal, rules: [a, b, c], timespan: 10s, condition: '{condition}'")
    };
    check(&with("a and (b or c)"), &[(0, c), (1, b), (2, a)], &[(2, "")]);
    check(&with("2 of them"), &[(0, c), (1, c), (2, a)], &[(2, "")]);
    check(&with("all of *"), &[(0, c), (1, b), (2, a)], &[(2, "")]);
    // The list of rules may be left out.
    let inner = "type: temporal_ordered, timespan: 10s, condition: b and a";
    check(inner, &[(0, a), (1, b), (2, a)], &[(2, "")]);
}

#[test]
fn absence_is_told_when_the_window_is_over() {
    let (a, b, n) = (r#"{"is":"a","u":"x"}"#, r#"{"is":"b","u":"x"}"#, "{}");
    let inner =
        "type: temporal, rules: [a, b], group-by: [u], timespan: 10s, condition: a and not b";
    check(inner, &[(0, a), (10, n), (11, n)], &[(10, "x")]);
    check(inner, &[(0, a), (10, b), (30, n)], &[]);
    check(inner, &[(0, b), (1, a), (30, n)], &[(11, "x")]);
    check(inner, &[(0, a), (5, n)], &[]);
    let ordered = "type: temporal_ordered, rules: [a, b, c], group-by: [u], timespan: 10s, condition: a and not b and c";
    let c = r#"{"is":"c","u":"x"}"#;
    check(ordered, &[(0, a), (5, c), (30, n)], &[(10, "x")]);
    check(ordered, &[(0, a), (5, c), (6, b), (30, n)], &[]);
    check(ordered, &[(0, c), (5, a), (30, n)], &[]);
}

#[test]
fn the_end_of_a_window_is_awaited_from_its_own_agent() {
    let compiled =
        ready(&correlation("type: temporal, rules: [a, b], timespan: 10s, condition: a and not b"));
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let mut observe = |second: i64, agent: u128, fields: &str| {
        let event = event_at(second * SECOND, agent, second as u64 + 1, fields);
        state.observe(&event, &compiled.rules.evaluate(&event)).len()
    };
    assert_eq!(observe(0, 1, r#"{"is":"a"}"#), 0);
    // Another agent is further on; the first may still have a b to send.
    assert_eq!(observe(60, 2, "{}"), 0);
    assert_eq!(observe(11, 1, "{}"), 1);
    assert_eq!(observe(70, 2, r#"{"is":"a"}"#), 0);
    assert_eq!(state.statistics().awaited, 1);
    // It falls silent: after a while the server's clock decides.
    assert_eq!(state.advance(Timestamp::from_nanos(80 * SECOND)).len(), 0);
    assert_eq!(state.advance(Timestamp::from_nanos(2_000 * SECOND)).len(), 1);
    assert_eq!(state.statistics().awaited, 0);
}

#[test]
fn late_events_take_their_place_in_time() {
    let inner = "type: temporal_ordered, rules: [a, b], group-by: [u], timespan: 10s";
    let (a, b) = (r#"{"is":"a","u":"x"}"#, r#"{"is":"b","u":"x"}"#);
    check(inner, &[(5, b), (3, a)], &[(5, "x")]);
    let count = "type: event_count, rules: [a], group-by: [u], timespan: 10s, condition: {gte: 3}";
    check(count, &[(10, a), (18, a), (14, a)], &[(18, "x")]);
    check(count, &[(10, a), (21, a), (15, a)], &[]);
    check(count, &[(1_000, a), (1_001, a), (2, a)], &[]);
    let compiled = ready(&correlation(count));
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    for (second, seq) in [(1_000, 1), (2, 2)] {
        let event = event_at(second * SECOND, 1, seq, a);
        assert_eq!(state.observe(&event, &compiled.rules.evaluate(&event)).len(), 0);
    }
    let expected = Statistics { groups: 1, events: 1, events_late: 1, ..Statistics::default() };
    assert_eq!(state.statistics(), expected);
}

#[test]
fn an_event_that_is_sent_again_counts_once() {
    let inner = "type: event_count, rules: [a], group-by: [u], timespan: 10s, condition: {gte: 3}";
    let compiled = ready(&correlation(inner));
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    for seq in [1, 2, 1, 2, 2, 1] {
        let event = event_at(seq as i64 * SECOND, 1, seq, r#"{"is":"a","u":"x"}"#);
        assert_eq!(state.observe(&event, &compiled.rules.evaluate(&event)), []);
    }
    assert_eq!(state.statistics().events, 2);
}

/// The example of the specification: many failed logins of a user, then a successful one.
#[test]
fn chains_as_in_the_specification() {
    let text = include_str!("data/brute_force.yml");
    let compiled = ready(text);
    assert_eq!(compiled.correlations.len(), 2);
    let login = |id: u32, user: &str| format!(r#"{{"EventID":{id},"User":"{user}"}}"#);
    let run = |failures: i64, user: &str| {
        let mut state = Correlator::new(Arc::clone(&compiled.correlations));
        let mut found = Vec::new();
        for at in 0..=failures {
            let fields = if at < failures { login(4625, "joe") } else { login(4624, user) };
            let mut event = event_at(at * SECOND, 1, at as u64 + 1, &fields);
            event.source = LogSource {
                product: "windows".into(),
                services: vec!["security".into()],
                ..LogSource::default()
            };
            found.extend(state.observe(&event, &compiled.rules.evaluate(&event)));
        }
        found
    };
    assert_eq!(run(9, "joe").len(), 0);
    assert_eq!(run(10, "ann").len(), 0);
    // The chain sees each match of the inner one, also those that would not be told again.
    let found = run(200, "JOE");
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(one.rule.id, "b180ead8-d58f-40b2-ae54-c8940995b9b6");
    // The rules that it refers to raise no alerts of their own.
    for id in ["a8418a5a-5fc4-46b5-b23b-6c73beb19d41", "53ba33fd-3a50-4468-a5ef-c583635cfa92"] {
        assert!(compiled.correlations.silences(id));
    }
    assert!(!compiled.correlations.silences(&one.rule.id));
}

/// "Even if the rule many_failed_logins groups by ComputerName, the correlation rule only uses its own
/// group-by User": the inner match counts for each user among its events.
#[test]
fn a_chain_groups_by_the_fields_of_the_contributing_events() {
    let inner = correlation(
        "type: event_count, rules: [a], group-by: [host], timespan: 1m, condition: {gte: 3}",
    );
    let text = format!(
        "{inner}---\ntitle: Outer\nid: outer\nlevel: high\ncorrelation: {{type: temporal_ordered, rules: [all, b], group-by: [user], timespan: 1m}}\n"
    );
    let compiled = ready(&text);
    let e = |is: &str, user: &str| format!(r#"{{"is":"{is}","host":"h","user":"{user}"}}"#);
    let events =
        [e("a", "u1"), e("a", "u2"), e("a", "u1"), e("b", "u3"), e("b", "u2"), e("b", "u1")];
    let events: Vec<(i64, &str)> =
        events.iter().enumerate().map(|(at, fields)| (at as i64, fields.as_str())).collect();
    let expected = [(4, "u2".to_owned()), (5, "u1".to_owned())];
    assert_eq!(told(&compiled, &events), expected);
}

/// The specification's example of aliases.
#[test]
fn aliases_name_one_thing_in_different_fields() {
    let rule = |name: &str, field: &str| {
        format!(
            "title: {name}\nname: {name}\nid: {name}\nlevel: low\nlogsource: {{product: test}}\n\
             detection: {{selection: {{{field}}}, condition: selection}}\n---\n"
        )
    };
    let text = rule("internal_error", "http.response.status_code: 500")
        + &rule("new_network_connection", "event.category: network")
        + "title: Error then connection
id: x
level: high
correlation:
    type: temporal
    rules:
        - internal_error
        - new_network_connection
    group-by:
        - internal_ip
        - remote_ip
    timespan: 10s
    aliases:
        internal_ip:
            internal_error: destination.ip
            new_network_connection: source.ip
        remote_ip:
            internal_error: source.ip
            new_network_connection: destination.ip
";
    let compiled = ready(&text);
    let error = r#"{"http":{"response":{"status_code":500}},"source":{"ip":"9.9.9.9"},"destination":{"ip":"10.0.0.1"}}"#;
    let back = r#"{"event":{"category":"network"},"source":{"ip":"10.0.0.1"},"destination":{"ip":"9.9.9.9"}}"#;
    let other = r#"{"event":{"category":"network"},"source":{"ip":"10.0.0.1"},"destination":{"ip":"8.8.8.8"}}"#;
    assert_eq!(told(&compiled, &[(0, error), (5, other)]), []);
    assert_eq!(told(&compiled, &[(0, error), (5, back)]), [(5, "10.0.0.1 9.9.9.9".to_owned())]);
}

#[test]
fn generate_keeps_the_alerts_of_the_rules() {
    let inner = "type: event_count, rules: [a], timespan: 1m, condition: {gte: 2}";
    assert!(ready(&correlation(inner)).correlations.silences("id-a"));
    let compiled = ready(&correlation(&format!("{inner}, generate: true")));
    assert!(!compiled.correlations.silences("id-a") && !compiled.correlations.silences("id-b"));
}

#[test]
fn an_alert_names_group_condition_and_events() {
    let inner = "type: event_count, rules: [a, b], group-by: [u, DeviceId], timespan: 1m, condition: {gte: 2}";
    let compiled = ready(&correlation(inner));
    let run = || {
        let mut state = Correlator::new(Arc::clone(&compiled.correlations));
        let mut all = Vec::new();
        for (seq, is) in [(7, "a"), (8, "ab")] {
            let event =
                event_at(seq as i64 * SECOND, 1, seq, &format!(r#"{{"is":"{is}","u":"Joe"}}"#));
            all.extend(state.observe(&event, &compiled.rules.evaluate(&event)));
        }
        assert_eq!(all.len(), 1);
        all.remove(0)
    };
    let found = run();
    assert_eq!((found.event_count, found.stream.seq), (2, 8));
    let alert = found.into_alert(Timestamp::from_nanos(99));
    assert_eq!(alert.id, run().into_alert(Timestamp::from_nanos(100)).id);
    let why: Vec<String> = alert
        .why
        .iter()
        .map(|why| {
            let field = why.field.as_deref().unwrap_or_default();
            let value = why.value.as_deref().unwrap_or_default();
            format!("{} {field} {} {} = {value}", why.selection, why.modifier, why.pattern)
        })
        .collect();
    let device = DeviceId::from_bits(1).to_string();
    let stream = format!("{}/{}", AgentId::from_bits(1), EpochId::from_bits(1));
    assert_eq!(
        why,
        [
            "group-by u  Joe = Joe".to_owned(),
            format!("group-by DeviceId  {device} = {device}"),
            "condition event_count gte 2 = 2".to_owned(),
            format!("event   Rule a = {stream}/7"),
            format!("event   Rule a, Rule b = {stream}/8"),
        ]
    );
    assert_eq!(alert.fields.text("u"), Some("Joe"));
    assert_eq!(alert.fields.int("EventCount"), Some(2));
    // All documents that led to it.
    for part in ["title: All", "title: Rule a", "title: Rule b"] {
        assert!(alert.rule_text.contains(part), "{}", alert.rule_text);
    }
    assert!(!alert.rule_text.contains("title: Rule c"));
}

#[test]
fn correlations_that_cannot_be_evaluated_are_refused() {
    let refusal = |inner: &str| {
        let compiled = compile(&correlation(inner));
        assert_eq!(compiled.correlations.len(), 0, "{inner}");
        let [refused] = compiled.refused.as_slice() else {
            panic!("{inner} {:?}", compiled.refused)
        };
        assert!(refused.line.is_some() && !refused.remedy.is_empty());
        refused.reason.clone()
    };
    let ok = "rules: [a], timespan: 1m";
    for (inner, words) in [
        (format!("type: near, {ok}"), "correlation.type is \"near\""),
        (ok.to_owned(), "correlation.type is missing"),
        (format!("type: event_count, {ok}"), "correlation.condition is missing"),
        (format!("type: event_count, {ok}, condition: {{}}"), "without number"),
        (format!("type: event_count, {ok}, condition: {{gte: many}}"), "many"),
        (format!("type: event_count, {ok}, condition: {{near: 2}}"), "\"near\""),
        (format!("type: event_count, {ok}, condition: {{gte: 2, field: x}}"), "1 fields"),
        (format!("type: event_count, {ok}, condition: {{lt: 1}}"), "no count from 1"),
        (format!("type: event_count, {ok}, condition: {{gte: 1000000}}"), "no count from 1"),
        (format!("type: event_count, {ok}, condition: a and b"), "a map of gt"),
        (format!("type: value_count, {ok}, condition: {{gte: 2}}"), "0 fields"),
        (format!("type: value_sum, {ok}, condition: {{gte: 2, field: [x, y]}}"), "2 fields"),
        (
            format!("type: value_percentile, {ok}, condition: {{gte: 2, field: x}}"),
            "percentile is missing",
        ),
        (
            format!("type: value_avg, {ok}, condition: {{gte: 2, field: x, percentile: 5}}"),
            "percentile",
        ),
        (
            "type: event_count, timespan: 1m, condition: {gte: 2}".to_owned(),
            "correlation.rules is missing",
        ),
        ("type: event_count, rules: [a], condition: {gte: 2}".to_owned(), "timespan is missing"),
        (
            "type: event_count, rules: [a], timespan: 1M, condition: {gte: 2}".to_owned(),
            "timespan is \"1M\"",
        ),
        ("type: event_count, rules: [a], timespan: 0s, condition: {gte: 2}".to_owned(), "timespan"),
        (
            "type: event_count, rules: [a], timeframe: 1m, condition: {gte: 2}".to_owned(),
            "\"timeframe\"",
        ),
        (
            "type: event_count, rules: [zz], timespan: 1m, condition: {gte: 2}".to_owned(),
            "0 rules are called zz",
        ),
        ("type: event_count, rules: [a, a], timespan: 1m, condition: {gte: 2}".to_owned(), "twice"),
        (
            "type: event_count, rules: [a, id-a], timespan: 1m, condition: {gte: 2}".to_owned(),
            "twice",
        ),
        (
            "type: event_count, rules: [all], timespan: 1m, condition: {gte: 2}".to_owned(),
            "circle: All → All",
        ),
        (
            "type: temporal, rules: [a, b], timespan: 1m, condition: {gte: 3}".to_owned(),
            "no count from 1 to 2",
        ),
        (
            "type: temporal, rules: [a, b], timespan: 1m, condition: not a".to_owned(),
            "without any event",
        ),
        (
            "type: temporal, rules: [a, b], timespan: 1m, condition: a and e".to_owned(),
            "none of the rules",
        ),
        (
            "type: temporal_ordered, rules: [a, b], timespan: 1m, condition: a or b".to_owned(),
            "an order",
        ),
        (
            "type: temporal_ordered, rules: [a, b], timespan: 1m, condition: {gte: 1}".to_owned(),
            "an order",
        ),
        (
            "type: temporal, rules: [a, b], timespan: 1m, group-by: [x], aliases: {x: {a: y}}"
                .to_owned(),
            "without \"b\"",
        ),
        (format!("type: event_count, {ok}, condition: {{gte: 2}}, generate: maybe"), "generate"),
    ] {
        let reason = refusal(&inner);
        assert!(reason.contains(words), "{inner}: {reason}");
    }
}

#[test]
fn circles_and_what_stands_above_a_refused_one_are_refused() {
    let one = |id: &str, rules: &str| {
        format!(
            "---\ntitle: {id}\nid: {id}\nlevel: low\ncorrelation: {{type: event_count, rules: [{rules}], timespan: 1m, condition: {{gte: 2}}}}\n"
        )
    };
    let compiled = compile(
        &(base("a")
            + &one("x", "y")
            + &one("y", "z")
            + &one("z", "x")
            + &one("w", "x")
            + &one("good", "a")),
    );
    let reasons: Vec<&str> =
        compiled.refused.iter().map(|refused| refused.reason.as_str()).collect();
    assert_eq!(reasons.len(), 4);
    assert!(reasons[0].contains("circle: x → y → z → x"), "{reasons:?}");
    assert!(reasons[3].contains("circle"), "{reasons:?}");
    assert_eq!(compiled.correlations.len(), 1);
    // A refused rule takes those above it along, and says so.
    let compiled = compile(&(one("up", "down") + &one("down", "nobody")));
    assert_eq!(compiled.refused.len(), 2);
    assert!(compiled.refused[0].reason.contains("\"down\""), "{}", compiled.refused[0]);
    // As does a rule that is not evaluated.
    let off = base("a").replace("level: low", "level: low\nstatus: deprecated");
    assert!(compile(&(off + &one("x", "a"))).refused[0].reason.contains("not evaluated"));
}

#[test]
fn the_state_is_bounded_and_what_gives_way_is_counted() {
    let inner =
        "type: event_count, rules: [a], group-by: [u], timespan: 1h, condition: {gte: 9999}";
    let compiled = ready(&correlation(inner));
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let event = event_at(0, 1, 1, r#"{"is":"a","u":"x"}"#);
    let matches = compiled.rules.evaluate(&event);
    let mut told = 0;
    let (max, more) = (detect::limits::EVENTS_PER_WINDOW_MAX as u64, 7);
    for seq in 1..=max + more {
        let mut event = event.clone();
        event.stream.seq = seq;
        told += state.observe(&event, &matches).len();
    }
    assert_eq!(told, 1);
    assert_eq!((state.statistics().events, state.statistics().events_evicted), (max, more));
    for number in 0..detect::limits::GROUPS_PER_CORRELATION_MAX {
        let mut event = event.clone();
        event.fields.set("u", format!("user {number}"));
        assert_eq!(state.observe(&event, &matches), []);
    }
    let statistics = state.statistics();
    assert_eq!(statistics.groups_evicted, 1);
    assert_eq!(statistics.groups, detect::limits::GROUPS_PER_CORRELATION_MAX as u64);
}

#[test]
fn a_group_without_news_is_forgotten_and_nothing_is_lost_by_it() {
    let inner = "type: event_count, rules: [a], group-by: [u], timespan: 1h, condition: {gte: 2}";
    let compiled = ready(&correlation(inner));
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let mut ask = |second: i64, seq: u64, user: &str| {
        let event = event_at(second * SECOND, 1, seq, &format!(r#"{{"is":"a","u":"{user}"}}"#));
        let told = state.observe(&event, &compiled.rules.evaluate(&event)).len();
        (told, state.statistics().groups, state.statistics().groups_evicted)
    };
    assert_eq!(ask(0, 1, "x"), (0, 1, 0));
    assert_eq!(ask(86_400, 2, "y"), (0, 2, 0));
    assert_eq!(ask(86_400 + 3_601, 3, "z"), (0, 2, 0));
    assert_eq!(ask(86_400 + 3_602, 4, "y"), (0, 2, 0));
    assert_eq!(ask(86_400 + 3_603, 5, "y"), (1, 2, 0));
}
