//! A match says which values of the rule held, on which values of the event.

use crate::support::{compile, event, matches, rule};
use model::{Timestamp, Why};

fn why(
    selection: &str,
    field: Option<&str>,
    modifier: &str,
    pattern: &str,
    value: Option<&str>,
) -> Why {
    Why {
        selection: selection.to_owned(),
        field: field.map(ToOwned::to_owned),
        modifier: modifier.to_owned(),
        pattern: pattern.to_owned(),
        value: value.map(ToOwned::to_owned),
    }
}

#[test]
fn each_value_that_held_is_shown_in_the_order_of_the_rule() {
    let detection = r#"{
        sel_img: {Image|endswith: ['\a.exe', '\b.exe']},
        sel_cli: {CommandLine|contains|windash: [' -x ', ' -y ', never], User: null},
        filter: {Image|startswith: 'c:\ok'},
        keys: [secret, other],
        condition: 'not filter and (keys or 1 of sel_*)'
    }"#;
    let fields = r#"{"Image":"C:\\B.EXE","CommandLine":"b /x —y ","Note":["the Secret",1]}"#;
    let found = matches(detection, fields);
    let cli = Some("b /x —y ");
    assert_eq!(
        found[0].why,
        [
            why("sel_img", Some("Image"), "endswith", r"\b.exe", Some(r"C:\B.EXE")),
            why("sel_cli", Some("CommandLine"), "contains|windash", " -x ", cli),
            why("sel_cli", Some("CommandLine"), "contains|windash", " -y ", cli),
            why("sel_cli", Some("User"), "", "null", None),
            why("keys", None, "", "secret", Some("the Secret")),
        ]
    );
}

#[test]
fn absence_and_inequality_are_shown_with_what_is_there() {
    let found = matches(
        r#"{sel: {A|neq: [x, y], B|exists: false, C|re: '\d+', D|gt: 5, E|neq: z}, condition: sel}"#,
        r#"{"A":"w","C":["no","n0"],"D":"7"}"#,
    );
    assert_eq!(
        found[0].why,
        [
            why("sel", Some("A"), "neq", "x", Some("w")),
            why("sel", Some("A"), "neq", "y", Some("w")),
            why("sel", Some("B"), "exists", "false", None),
            why("sel", Some("C"), "re", r"\d+", Some("n0")),
            why("sel", Some("D"), "gt", "5", Some("7")),
            why("sel", Some("E"), "neq", "z", None),
        ]
    );
}

#[test]
fn a_long_value_is_repeated_once_in_full_and_then_by_its_beginning() {
    let fields = format!(r#"{{"F":"{}z"}}"#, "é".repeat(100_000));
    let found = matches("{sel: {F|contains|all: [É, z, éz]}, condition: sel}", &fields);
    let lengths: Vec<usize> =
        found[0].why.iter().filter_map(|why| why.value.as_deref()).map(str::len).collect();
    let cut = detect::limits::WHY_VALUE_CUT_BYTES + '…'.len_utf8();
    assert_eq!(lengths, [200_001, cut, cut]);
}

#[test]
fn an_alert_depends_on_rule_revision_and_event_only() {
    let text = rule("{sel: {F: x}, condition: sel}");
    let found = || compile(&text).rules.evaluate(&event(r#"{"F":"X"}"#)).remove(0);
    let seen = event(r#"{"F":"X"}"#);
    let first = found().into_alert(&seen, Timestamp::from_nanos(10));
    let later = found().into_alert(&seen, Timestamp::from_nanos(99));
    assert_eq!(first.id, later.id);
    assert_eq!(first.rule_text, text);
    assert_eq!(first.fields, seen.fields);
    assert_eq!(first.why[0].value.as_deref(), Some("X"));
    let mut next = seen.clone();
    next.stream.seq += 1;
    assert_ne!(found().into_alert(&next, Timestamp::from_nanos(10)).id, first.id);
    let edited = compile(&(text + "author: me\n")).rules.evaluate(&seen).remove(0);
    assert_ne!(edited.into_alert(&seen, Timestamp::from_nanos(10)).id, first.id);
}

#[test]
fn rules_see_only_events_of_their_log_source() {
    let of = |source: &str| {
        let text = rule("{sel: {F: x}, condition: sel}").replace("product: test", source);
        let mut seen = event(r#"{"F":"x"}"#);
        seen.source.categories = vec!["registry_event".into(), "registry_add".into()];
        seen.source.services = vec!["sysmon".into()];
        compile(&text).rules.evaluate(&seen).len()
    };
    assert_eq!(of("category: registry_add"), 1);
    assert_eq!(of("category: registry_event\n  product: test"), 1);
    assert_eq!(of("service: sysmon"), 1);
    assert_eq!(of("category: registry_set"), 0);
    assert_eq!(of("product: other\n  category: registry_add"), 0);
}
