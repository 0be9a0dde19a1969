//! Test files beside rules.

use crate::support::compile;
use detect::testing;

const RULE: &str = "title: T\nid: r1\nlevel: low\nlogsource: {product: linux, category: process_creation}\n\
                    detection:\n  sel:\n    Image|endswith: /whoami\n  condition: sel\n";

fn outcomes(test: &str) -> Vec<(bool, String)> {
    let parsed = testing::parse("r1.test.yml", test).expect("readable");
    let outcomes = testing::run(&compile(RULE).rules, &parsed);
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
        assert!(err.reason.contains(words), "{text}: {err}");
        assert_eq!(err.line, line, "{text}: {err}");
    }
}
