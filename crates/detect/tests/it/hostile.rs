//! Whatever a rule feed sends, loading it ends, and ends without a panic.

use crate::support::{compile, event};
use proptest::prelude::*;

const RULE: &str = "title: T\nid: r\nlevel: low\nlogsource:\n  product: test\ndetection:\n  sel:\n    \
                    F|contains|all:\n      - 'a*b\\c'\n      - \"x\\ty\"\n    G|re: '^a{2,3}(b|c)$'\n    \
                    H|cidr: 10.0.0.0/8\n  keys:\n    - word\n    - |\n      block\n  condition: sel and not 1 of keys*\n";

/// A rule after some edits: characters taken out, put in, or a part repeated.
fn edited() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        prop::sample::select(vec![
            "", "-", ":", "|", "*", "&a ", "*a", "[", "]", "{", "}", "'", "\"", "\n", "\n---\n",
            "\t", "  ", "#", "!", "%", "\u{0}", "\u{feff}", "é", "?", "\\", "(", ")", "not ",
            "of ", "<<: ", "...\n", "~",
        ]),
        0_usize..4,
    );
    prop::collection::vec(edit, 0..6).prop_map(|edits| {
        let mut letters: Vec<char> = RULE.chars().collect();
        for (place, text, removed) in edits {
            let at = place.index(letters.len());
            let end = (at + removed).min(letters.len());
            letters.splice(at..end, text.chars());
        }
        letters.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p9_an_edited_rule_loads_or_is_refused(text in edited()) {
        let compiled = compile(&text);
        prop_assert!(!compiled.rules.rules().is_empty() || !compiled.refused.is_empty());
        for refused in &compiled.refused {
            prop_assert!(!refused.reason.is_empty() && !refused.remedy.is_empty());
            let lines = text.lines().count() + 1;
            prop_assert!(refused.line.is_none_or(|line| (1..=lines).contains(&line)), "{}", refused);
        }
        let seen = event(r#"{"F":"aXb\\c x\ty","G":"aab","H":"10.0.0.1","I":["word",{"J":null}]}"#);
        let found = compiled.rules.evaluate(&seen);
        prop_assert!(found.len() <= compiled.rules.rules().len());
    }

    #[test]
    fn p9_any_text_loads_or_is_refused(text in "\\PC{0,200}", tail in any::<String>()) {
        let compiled = compile(&(text + "\n" + &tail));
        prop_assert_eq!(compiled.rules.rules().len(), 0);
        prop_assert!(!compiled.refused.is_empty());
    }
}

/// A rule that matches everything is stopped and named once; the others go on.
#[test]
fn p9_a_rule_that_floods_is_stopped_and_the_others_go_on() {
    let rule = |id: &str, detection: &str| {
        format!(
            "title: {id}\nid: {id}\nlevel: low\nlogsource: {{product: test}}\ndetection: {detection}\n---\n"
        )
    };
    let compiled = compile(
        &(rule("everything", "{s: {F: '*'}, condition: s}")
            + &rule("some", "{s: {F: x1*}, condition: s}")),
    );
    let mut guard = detect::FloodGuard::new(150);
    let (mut floods, mut alerts) = (Vec::new(), std::collections::BTreeMap::<String, usize>::new());
    for number in 0..300_i64 {
        let matches = compiled.rules.evaluate(&event(&format!(r#"{{"F":"x{number}"}}"#)));
        // A minute each two hundred events.
        let now = model::Timestamp::from_nanos(number / 200 * 60_000_000_000);
        for flood in guard.observe(&matches, now, now) {
            assert!(compiled.rules.stop(&flood.rule.id));
            assert!(
                flood.reason_en().contains("150 matches") && flood.reason_ja().contains("150 件")
            );
            floods.push(flood.rule.id.clone());
        }
        for found in matches {
            *alerts.entry(found.rule.id.clone()).or_default() += 1;
        }
    }
    assert_eq!(floods, ["everything"]);
    assert_eq!(alerts["everything"], 151);
    assert_eq!(alerts["some"], 111);
}

/// A rule of an ordinary rate is not stopped because the events of hours are judged at once; what devices say of the
/// time does not hide a flood.
#[test]
fn p9_a_backlog_is_no_flood_and_times_do_not_hide_one() {
    let compiled = compile(
        "title: T\nid: t\nlevel: low\nlogsource: {product: test}\ndetection: {s: {F: x}, condition: s}\n",
    );
    let rule = &compiled.rules.rules()[0];
    let at = |second: i64| model::Timestamp::from_nanos(second * 1_000_000_000);
    let now = at(1_000_000);
    // Twelve hours of two matches a minute, judged within one minute.
    let mut guard = detect::FloodGuard::new(150);
    assert!((0..1_440).all(|place| guard.count(rule, at(place * 30), now).is_none()));
    // The same number within a few minutes is one, and is named once.
    let mut guard = detect::FloodGuard::new(150);
    let named = (0..1_440).filter(|place| guard.count(rule, at(place / 3), now).is_some());
    assert_eq!(named.collect::<Vec<_>>(), [150]);
    // Each match in a minute of its own.
    let mut guard = detect::FloodGuard::new(150);
    let named = (0..10_000).filter(|place| guard.count(rule, at(place * 60), now).is_some());
    assert_eq!(named.collect::<Vec<_>>(), [1_500]);
    // A new minute of the server begins anew.
    assert!(guard.count(rule, now, now.plus_nanos(60_000_000_000)).is_none());
}

/// The same answer whatever the text, in time that follows its length.
#[test]
fn p9_patterns_that_are_dear_elsewhere_end_soon() {
    let nested = "(a+)+$|(a|aa)+b|(.*a){20}";
    let many: Vec<String> = (0..10_000).map(|number| format!("'needle{number}'")).collect();
    let compiled = compile(&crate::support::rule(&format!(
        "{{r: {{F|re: '{nested}'}}, m: {{F|contains: [{}]}}, w: {{F: '{}'}}, condition: r or m or w}}",
        many.join(", "),
        "*a?".repeat(60)
    )));
    assert_eq!(compiled.refused, []);
    let long = "a".repeat(100_000) + "c";
    let found = compiled.rules.evaluate(&event(&format!(r#"{{"F":"{long}"}}"#)));
    assert_eq!(found.len(), 1);
}

/// More than a rule may cost is refused while the others load.
#[test]
fn p9_a_rule_that_costs_too_much_is_refused() {
    let list = |count: usize, value: &str| {
        let values: Vec<String> = (0..count).map(|number| format!("'{value}{number}'")).collect();
        values.join(", ")
    };
    for detection in [
        format!("{{s: {{F|re: [{}]}}, condition: s}}", list(1_000, "a+.*b")),
        format!("{{s: [{}], condition: s}}", list(20_000, "word")),
    ] {
        let compiled = compile(&crate::support::rule(&detection));
        assert_eq!(compiled.refused.len(), 1);
        assert!(matches!(compiled.refused[0].cause, detect::RuleError::TooLarge { .. }));
    }
}
