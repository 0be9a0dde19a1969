//! Test files beside rules.

use crate::support::compile;
use detect::testing;

const RULE: &str = "title: T\nid: r1\nlevel: low\nlogsource: {product: linux, category: process_creation}\n\
                    detection:\n  sel:\n    Image|endswith: /whoami\n  condition: sel\n";

fn outcomes(test: &str) -> Vec<(bool, String)> {
    let parsed = testing::parse("r1.test.yml", test).expect("readable");
    let outcomes = testing::run(&compile(RULE), &parsed);
    outcomes.iter().map(|outcome| (outcome.passed(), outcome.to_string())).collect()
}

#[test]
fn cases_pass_and_fail_with_a_reason() {
    let test = "rule: r1
cases:
  - name: right
    expect: match
    event: { product: linux, category: process_creation, fields: { Image: /usr/bin/whoami } }
  - name: also right
    expect: none
    event: { product: linux, category: [process_creation], fields: { Image: /usr/bin/id } }
  - name: wrong
    expect: none
    event: { product: linux, category: process_creation, fields: { Image: /usr/bin/whoami } }
  - name: misspelt
    expect: none
    event: { product: linux, category: process_create, fields: { Image: /usr/bin/id } }
";
    let found = outcomes(test);
    let passed: Vec<bool> = found.iter().map(|(passed, _)| *passed).collect();
    assert_eq!(passed, [true, true, false, false]);
    assert!(found[2].1.contains("sel: Image has \"/usr/bin/whoami\""), "{}", found[2].1);
    assert!(found[3].1.contains("logsource"), "{}", found[3].1);
}

#[test]
fn a_test_of_a_rule_that_is_not_loaded_fails() {
    let found = outcomes("rule: r2\ncases: [{name: n, expect: none, event: {fields: {A: 1}}}]\n");
    assert!(!found[0].0 && found[0].1.contains("not loaded"), "{}", found[0].1);
}

#[test]
fn unreadable_test_files_name_the_line() {
    for (text, line, words) in [
        ("", 1, "found 0"),
        ("rule: a\n", 1, "cases are missing"),
        ("rule: a\ncases: []\n", 2, "no cases"),
        ("rule: a\ncases:\n  - name: n\n    expect: maybe\n    event: {fields: {}}\n", 3, "maybe"),
        ("rule: a\ncases:\n  - name: n\n    expected: match\n", 4, "expected"),
        ("rule: a\ncases:\n  - {name: n, expect: match, event: {fields: 5}}\n", 3, "not a map"),
        ("rule: [\n", 2, "yaml"),
    ] {
        let err = testing::parse("x.test.yml", text).expect_err("wrong");
        assert!(err.cause.to_string().contains(words), "{text}: {err}");
        assert_eq!(err.line, line, "{text}: {err}");
    }
}

#[test]
fn cases_of_correlations_give_several_events() {
    let rules = include_str!("data/brute_force.yml");
    let login = |extra: &str, id: u32, user: &str| {
        format!(
            "      - {{ {extra}product: windows, service: security, fields: {{ EventID: {id}, User: {user} }} }}\n"
        )
    };
    let case = |name: &str, expect: &str, events: &[String]| {
        format!("  - name: {name}\n    expect: {expect}\n    events:\n{}", events.concat())
    };
    let ten = login("repeat: 10, ", 4625, "joe");
    let run = |rule: &str, cases: &[String]| -> Vec<bool> {
        let text = format!("rule: {rule}\ncases:\n{}", cases.concat());
        let parsed = testing::parse("x.test.yml", &text).expect("readable");
        let outcomes = testing::run(&compile(rules), &parsed);
        outcomes.iter().map(|outcome| outcome.passed()).collect()
    };
    let outer = "b180ead8-d58f-40b2-ae54-c8940995b9b6";
    let cases = [
        case(
            "then success",
            "match",
            &[ten.clone(), login("at: 2m, device: other, ", 4624, "JOE")],
        ),
        case("too late", "none", &[ten.clone(), login("at: 20m, ", 4624, "joe")]),
        case("nobody got in", "none", std::slice::from_ref(&ten)),
        case("wrong on purpose", "match", std::slice::from_ref(&ten)),
    ];
    assert_eq!(run(outer, &cases), [true, true, true, false]);
    // A correlation that only serves another one, and a rule of single events.
    assert_eq!(
        run(
            "a8418a5a-5fc4-46b5-b23b-6c73beb19d41",
            &[case("ten", "match", std::slice::from_ref(&ten))]
        ),
        [true]
    );
    assert_eq!(
        run("53ba33fd-3a50-4468-a5ef-c583635cfa92", &[case("one", "match", &[ten])]),
        [true]
    );
    for (text, words) in [
        ("events: []", "as a list"),
        ("events: [{at: soon, fields: {A: 1}}]", "at is \"soon\""),
        ("events: [{repeat: 0, fields: {A: 1}}]", "repeat"),
        ("event: {at: 1s, fields: {A: 1}}", "\"at\" is none of"),
    ] {
        let text = format!("rule: a\ncases:\n  - {{name: n, expect: none, {text}}}\n");
        let err = testing::parse("x.test.yml", &text).expect_err("wrong");
        assert!(err.cause.to_string().contains(words), "{text}: {err}");
    }
}
