//! Filters are added to the rules that they name; what has no effect is said.

use crate::support::{compile, event, rule};
use detect::{CompileOptions, RuleSource};

fn filter(id: &str, rules: &str, source: &str, rest: &str) -> String {
    format!(
        "---\ntitle: Filter {id}\nid: {id}\nlogsource: {{{source}}}\n{rest}filter:\n  rules: {rules}\n  ok: {{User|startswith: adm_}}\n  condition: not ok\n"
    )
}

fn base() -> String {
    rule("{sel: {F: x}, condition: sel}").replace("id: test", "id: test\nname: the_rule")
}

/// Matches of an event of an administrator and of somebody else.
fn both(text: &str) -> (usize, usize) {
    let compiled = compile(text);
    assert_eq!(compiled.refused, []);
    let found = |fields: &str| compiled.rules.evaluate(&event(fields)).len();
    (found(r#"{"F":"x","User":"ADM_joe"}"#), found(r#"{"F":"x","User":"joe"}"#))
}

#[test]
fn a_filter_is_added_to_the_rules_it_names() {
    assert_eq!(both(&base()), (1, 1));
    for names in ["[test]", "test", "[other, the_rule]", "any", "ANY", "all", "[]"] {
        assert_eq!(both(&(base() + &filter("f", names, "product: test", ""))), (0, 1), "{names}");
    }
    // A filter may stand before its rules, and in another source.
    let text = filter("f", "[test]", "product: test", "");
    let sources = [text, base()];
    let sources = sources.iter().map(|text| RuleSource { name: "t.yml", text });
    let compiled = detect::compile(sources, &CompileOptions::default());
    assert_eq!(compiled.rules.evaluate(&event(r#"{"F":"x","User":"adm_1"}"#)), []);
}

#[test]
fn the_log_source_of_a_filter_must_be_that_of_the_rule() {
    assert_eq!(both(&(base() + &filter("f", "[test]", "product: other", ""))), (1, 1));
    assert_eq!(both(&(base() + &filter("f", "any", "product: test, category: y", ""))), (1, 1));
    let remarks = |text: String| -> Vec<String> {
        compile(&text).lints.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        remarks(base() + &filter("f", "[test, nobody]", "product: other", "")),
        [
            "test.yml:13: Filter f: has no effect on \"Test\": the log sources differ",
            "test.yml:13: Filter f: no rule of events is called nobody",
            "test.yml:8: Filter f: applies to no rule",
        ]
    );
    let keeps = filter("f", "any", "product: test", "").replace("not ok", "ok");
    assert!(remarks(base() + &keeps)[0].contains("keeps only the matches"));
    assert_eq!(both(&(base() + &keeps)), (1, 0));
}

#[test]
fn which_filter_took_the_match_of_an_event_away_is_known_with_the_event() {
    let text = base()
        + &filter("f1", "[test]", "product: test", "").replace("adm_", "nobody")
        + &filter("f2", "[test]", "product: test", "");
    let compiled = compile(&text);
    let mut scratch = detect::Scratch::default();
    let mut judge = |fields: &str| {
        let found = compiled.rules.evaluate_with(&event(fields), &mut scratch).len();
        let taken = scratch.excluded(&compiled.rules);
        let taken = taken.map(|(rule, filter)| format!("{} {}", rule.id, filter.id));
        (found, taken.collect::<Vec<_>>())
    };
    assert_eq!(judge(r#"{"F":"x","User":"adm_1"}"#), (0, vec!["test f2".to_owned()]));
    assert_eq!(judge(r#"{"F":"x","User":"joe"}"#), (1, vec![]));
    assert_eq!(judge(r#"{"F":"x","User":"adm_1"}"#).1.len(), 1);
    // Of the last event alone, also when it is none of the rules'.
    assert_eq!(judge(r#"{"G":"x"}"#), (0, vec![]));
}

#[test]
fn a_match_tells_which_filters_were_consulted_and_the_alert_carries_them() {
    let two = filter("f1", "[test]", "product: test", "")
        + &filter("f2", "any", "product: test", "author: Sato\n").replace("adm_", "svc_");
    let compiled = compile(&(base() + &two));
    let seen = event(r#"{"F":"x","User":"joe"}"#);
    let found = compiled.rules.evaluate(&seen).remove(0);
    let consulted: Vec<&str> = found.rule.filters.iter().map(|filter| filter.id.as_str()).collect();
    assert_eq!(consulted, ["f1", "f2"]);
    assert_eq!(found.rule.filters[1].author, "Sato");
    // Only the rule's own reasons are shown: the filters said nothing.
    assert_eq!(found.why.len(), 1);
    let alert = found.into_alert(&seen, model::Timestamp::from_nanos(1));
    assert!(alert.rule_text.contains("---\ntitle: Filter f1") && alert.rule_text.contains("svc_"));
}

#[test]
fn a_filter_that_expired_is_not_applied() {
    let text = base() + &filter("f", "[test]", "product: test", "expires: 2026-08-20\n");
    let on = |today: &str| {
        let options = CompileOptions { today: Some(today.to_owned()), ..Default::default() };
        let compiled = detect::compile([RuleSource { name: "t.yml", text: &text }], &options);
        compiled.rules.evaluate(&event(r#"{"F":"x","User":"adm_1"}"#)).len()
    };
    assert_eq!((on("2026-08-20"), on("2026-08-21")), (0, 1));
}

#[test]
fn p9_a_bad_filter_stops_only_itself() {
    let bad = filter("f", "[test]", "product: test", "").replace("not ok", "not nothing");
    let compiled = compile(&(base() + &bad));
    assert_eq!(compiled.refused.len(), 1);
    assert_eq!(compiled.rules.evaluate(&event(r#"{"F":"x","User":"adm_1"}"#)).len(), 1);
}

#[test]
fn what_filters_exclude_is_counted_and_a_stopped_rule_is_silent_alone() {
    let other = rule("{sel: {F: x}, condition: sel}").replace("id: test", "id: other");
    let text = base() + &filter("f", "[test]", "product: test", "") + "---\n" + &other;
    let compiled = compile(&text);
    let ask = |user: &str| {
        let seen = event(&format!(r#"{{"F":"x","User":"{user}"}}"#));
        let found = compiled.rules.evaluate(&seen);
        found.iter().map(|found| found.rule.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ask("adm_1"), ["other"]);
    assert_eq!(ask("joe"), ["test", "other"]);
    let counts = compiled.rules.counts();
    assert_eq!((counts[0].matches, counts[0].excluded[0].1), (1, 1));
    assert_eq!((counts[1].matches, counts[1].excluded.len()), (2, 0));
    assert!(compiled.rules.stop("test") && !compiled.rules.stop("nobody"));
    assert_eq!(ask("joe"), ["other"]);
    assert!(compiled.rules.counts()[0].is_stopped);
    assert!(compiled.rules.resume("test"));
    assert_eq!(ask("joe"), ["test", "other"]);
}

#[test]
fn a_rule_that_is_stopped_when_it_is_loaded_is_never_asked() {
    let other = rule("{sel: {F: x}, condition: sel}").replace("id: test", "id: other");
    let text = base() + "---\n" + &other;
    let options = CompileOptions { stopped: ["test".to_owned()].into(), ..Default::default() };
    let compiled = detect::compile([RuleSource { name: "t.yml", text: &text }], &options);
    assert_eq!((compiled.refused.len(), compiled.rules.rules().len()), (0, 2));
    let mut scratch = detect::Scratch::default();
    let found = compiled.rules.evaluate_with(&event(r#"{"F":"x"}"#), &mut scratch);
    assert_eq!(found.iter().map(|found| found.rule.id.as_str()).collect::<Vec<_>>(), ["other"]);
    let costs = scratch.take_costs(&compiled.rules);
    assert_eq!(costs.iter().map(|cost| cost.asked).collect::<Vec<_>>(), [0, 1]);
    assert!(compiled.rules.counts()[0].is_stopped);
}
