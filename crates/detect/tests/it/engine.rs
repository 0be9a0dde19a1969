//! What the engine promises beside the right answers: one set for many threads, another set at any time,
//! costs that follow the text, and counters.

use crate::support::event;
use detect::{CompileOptions, RuleSet, RuleSource, Scratch};
use std::sync::Arc;

fn set(rules: &[(&str, &str)]) -> RuleSet {
    let texts: Vec<String> = rules
        .iter()
        .map(|(id, detection)| {
            format!(
                "title: {id}\nid: {id}\nlevel: low\nlogsource: {{product: test}}\ndetection: {detection}\n"
            )
        })
        .collect();
    let sources = texts.iter().map(|text| RuleSource { name: "t.yml", text });
    let compiled = detect::compile(sources, &CompileOptions::default());
    assert_eq!(compiled.rules.rules().len(), rules.len(), "{:?}", compiled.refused);
    compiled.rules
}

fn ids(rules: &RuleSet, json: &str, scratch: &mut Scratch) -> Vec<String> {
    let found = rules.evaluate_with(&event(json), scratch);
    found.into_iter().map(|found| found.rule.id.clone()).collect()
}

#[test]
fn a_rule_set_is_swapped_between_two_events() {
    let first = set(&[("one", "{s: {A|contains: alpha}, condition: s}")]);
    let mut scratch = Scratch::default();
    let seen = r#"{"A":"the alpha and the beta, twice or more"}"#;
    for _ in 0..3 {
        assert_eq!(ids(&first, seen, &mut scratch), ["one"]);
    }
    // The numbers of rules, questions and atoms mean other things now.
    let second = set(&[
        ("two", "{s: {A|contains: gamma}, condition: s}"),
        ("three", "{s: {A|contains: beta}, condition: s}"),
    ]);
    for _ in 0..3 {
        assert_eq!(ids(&second, seen, &mut scratch), ["three"]);
        assert_eq!(ids(&first, seen, &mut scratch), ["one"]);
    }
    // A set at the place of one that is gone is still another set.
    for number in 0..50 {
        let word = if number % 2 == 0 { "alpha" } else { "gamma" };
        let detection = format!("{{s: {{A|contains: {word}}}, condition: s}}");
        let swapped = set(&[("swapped", &detection)]);
        assert_eq!(ids(&swapped, seen, &mut scratch).len(), 1 - number % 2);
    }
}

#[test]
fn one_set_serves_many_threads() {
    let rules = Arc::new(set(&[
        ("one", "{s: {A|contains: alpha}, condition: s}"),
        ("two", "{s: {A|endswith: '\\beta'}, f: {B: 1}, condition: s and not f}"),
    ]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let rules = Arc::clone(&rules);
            scope.spawn(move || {
                let mut scratch = Scratch::default();
                for number in 0..3_000 {
                    let found = ids(&rules, r#"{"A":"alpha\\beta","B":2}"#, &mut scratch);
                    assert_eq!(found, ["one", "two"], "{number}");
                    let found = ids(&rules, r#"{"A":"alpha\\beta","B":1}"#, &mut scratch);
                    assert_eq!(found, ["one"], "{number}");
                }
            });
        }
    });
}

/// Plans are made again once it is known what events are like; that changes no answer.
#[test]
fn learning_changes_no_answer() {
    let rules = set(&[
        ("one", "{s: {A: often, B|contains: rare}, condition: s}"),
        ("two", "{s: {A: often}, f: {B|startswith: x}, condition: s and not f}"),
        ("three", "{s: {A|contains: [oft, never]}, t: {B|endswith: z}, condition: s and t}"),
    ]);
    let mut scratch = Scratch::default();
    for number in 0..5_000 {
        let (b, expected): (&str, &[&str]) = match number % 4 {
            0 => ("a rare one", &["one", "two"]),
            1 => ("x", &[]),
            2 => ("z", &["two", "three"]),
            _ => ("xz", &["three"]),
        };
        let json = format!("{{\"A\":\"Often\",\"B\":\"{b}\"}}");
        assert_eq!(ids(&rules, &json, &mut scratch), expected, "event {number}");
    }
}

#[test]
fn costs_say_which_rules_were_looked_at_and_begin_anew_when_taken() {
    let rules = set(&[
        ("one", "{s: {A|contains: alpha}, condition: s}"),
        ("two", "{s: {A|re: '^[a-f]+$'}, condition: s}"),
        ("three", "{s: {C: 1}, condition: s}"),
    ]);
    let mut scratch = Scratch::default();
    assert!(scratch.take_costs(&rules).is_empty());
    for json in [r#"{"A":"alpha"}"#, r#"{"A":"abc"}"#, r#"{"B":1}"#] {
        let _found = ids(&rules, json, &mut scratch);
    }
    let costs = scratch.take_costs(&rules);
    let seen: Vec<(u64, u64)> = costs.iter().map(|cost| (cost.asked, cost.matched)).collect();
    assert_eq!(seen, [(1, 1), (2, 1), (0, 0)]);
    assert!(costs[1].units > costs[0].units && costs[2].units == 0, "{costs:?}");
    assert!(scratch.take_costs(&rules).iter().all(|cost| cost.asked == 0));
}

#[test]
fn p9_a_rule_that_is_stopped_is_not_asked_until_it_is_resumed() {
    let rules = set(&[
        ("dear", "{s: {A|re: '^(a|b|ab)*c$'}, condition: s}"),
        ("other", "{s: {A|contains: alpha}, condition: s}"),
    ]);
    let (seen, mut scratch) = (r#"{"A":"alphabc"}"#, Scratch::default());
    let mut asked = |found: &[&str]| {
        assert_eq!(ids(&rules, seen, &mut scratch), found);
        let costs = scratch.take_costs(&rules);
        (costs[0].asked, costs[0].units > 0, costs[1].asked)
    };
    assert_eq!(asked(&["other"]), (1, true, 1));
    assert!(rules.stop("dear"));
    assert_eq!(asked(&["other"]), (0, false, 1));
    assert!(rules.resume("dear"));
    assert_eq!(asked(&["other"]), (1, true, 1));
}

/// Which rule is dear depends on what it must read: the cost stop of a server goes by this.
#[test]
fn p9_costs_follow_the_length_of_what_a_rule_reads() {
    let rules = set(&[
        ("dear", "{s: {A|re: '(a|aa|aaa)+[^a]$'}, condition: s}"),
        ("other", "{s: {B|re: '(a|aa|aaa)+[^a]$'}, condition: s}"),
    ]);
    let mut scratch = Scratch::default();
    let json = format!(r#"{{"A":"{}","B":"aaaa"}}"#, "a".repeat(100_000));
    assert_eq!(ids(&rules, &json, &mut scratch), [] as [&str; 0]);
    let costs = scratch.take_costs(&rules);
    assert_eq!((costs[0].asked, costs[1].asked), (1, 1));
    assert!(costs[0].units > 100 * costs[1].units, "{costs:?}");
}

/// Ten thousand alternatives and a text made for them: time follows the text, not the product.
#[test]
fn a_long_text_against_ten_thousand_alternatives_ends_soon() {
    let words: Vec<String> = (0..10_000).map(|number| format!("aaaa{number:05}")).collect();
    let detection = format!("{{s: {{A|contains: [{}]}}, condition: s}}", words.join(", "));
    let rules = set(&[("many", &detection), ("long", "{s: {A|re: '.{1000,}'}, condition: s}")]);
    let mut scratch = Scratch::default();
    for text in ["a".repeat(200_000), "aaaa0".repeat(40_000), "aaaa0999".repeat(25_000)] {
        assert_eq!(ids(&rules, &format!("{{\"A\":\"{text}\"}}"), &mut scratch), ["long"]);
    }
}

/// Keywords are looked for in values as they are; letters beyond ASCII, numbers and nesting included.
#[test]
fn keywords_are_found_in_every_value_whatever_its_kind_and_case() {
    let rules =
        set(&[("words", "{k: ['sekurlsa::', 'kiwi legit printer', '12345678'], condition: k}")]);
    let mut scratch = Scratch::default();
    for json in [
        r#"{"A":"xSEKURLSA::logon"}"#,
        r#"{"A":["a",{"B":"the Kiwi Legit Printer"}]}"#,
        r#"{"A":"é sekurl\u017fa::"}"#,
        r#"{"A":"\u212aiwi Legit Printer"}"#,
        r#"{"A":912345678}"#,
    ] {
        assert_eq!(ids(&rules, json, &mut scratch), ["words"], "{json}");
    }
    for json in [r#"{"A":"sekurlsa:"}"#, r#"{"sekurlsa::":"x"}"#, r#"{"A":1234567}"#, "{}"] {
        assert_eq!(ids(&rules, json, &mut scratch), [] as [&str; 0], "{json}");
    }
}
