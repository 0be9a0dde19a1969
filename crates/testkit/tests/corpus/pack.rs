//! The project's own rules: all load, each has an id of its own and cases of both kinds, all cases hold.

use crate::{compiled, each_event, files_below, read_all, root, shared};
use detect::Scratch;
use detect::testing::{self, Expect};
use model::Level;
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(crate) fn own_rules() -> Vec<(String, String)> {
    let is_rule = |path: &PathBuf| !path.to_string_lossy().ends_with(".test.yml");
    read_all(files_below(&root().join("rules"), ".yml").into_iter().filter(is_rule).collect())
}

#[test]
fn every_own_rule_loads_without_a_complaint() {
    let compiled = compiled(&own_rules());
    let refused: Vec<String> = compiled.refused.iter().map(ToString::to_string).collect();
    assert_eq!(refused, [] as [String; 0]);
    let lints: Vec<_> = compiled.lints.iter().map(|lint| (&lint.source, &lint.message)).collect();
    assert_eq!(lints, []);
    let products: Vec<_> =
        compiled.rules.rules().iter().filter_map(|rule| rule.logsource.product.clone()).collect();
    let count = |wanted: &str| products.iter().filter(|product| *product == wanted).count();
    assert_eq!((count("linux"), count("windows")), (12, 13));
}

#[test]
fn every_own_rule_says_what_a_reader_needs() {
    let sources = own_rules();
    let mut ids = BTreeSet::new();
    for rule in compiled(&sources).rules.rules() {
        let name = &rule.source_name;
        assert!(ids.insert(rule.id.clone()), "{name}: id {} is taken", rule.id);
        assert_eq!(rule.id.len(), 36, "{name}: the id is a UUID");
        assert!(rule.description.len() > 40, "{name}: the description says what is wrong");
        assert!(rule.level >= Level::Low, "{name}");
        let technique = |tag: &String| {
            tag.strip_prefix("attack.t")
                .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        };
        assert!(rule.tags.iter().any(technique), "{name}: names an ATT&CK technique");
        let (_, text) = sources.iter().find(|(source, _)| source == name).expect("is there");
        for needed in ["SPDX-License-Identifier: Apache-2.0", "author: Mimamori", "falsepositives:"]
        {
            assert!(text.contains(needed), "{name}: {needed}");
        }
    }
}

#[test]
fn every_case_of_every_own_rule_holds() {
    let sources = own_rules();
    let compiled = compiled(&sources);
    let mut wrong = Vec::new();
    for (name, _) in &sources {
        let test_name = name.replace(".yml", ".test.yml");
        let text = std::fs::read_to_string(&test_name).expect("a rule has a test file beside it");
        let test = testing::parse(&test_name, &text).unwrap_or_else(|err| panic!("{err}"));
        let rule = compiled.rules.rules().iter().find(|rule| rule.source_name == *name);
        assert_eq!(rule.map(|rule| rule.id.as_str()), Some(test.rule.as_str()), "{test_name}");
        for expected in [Expect::Match, Expect::None] {
            let has = test.cases.iter().any(|case| case.expect == expected);
            assert!(has, "{test_name}: no case expects {expected:?}");
        }
        for outcome in testing::run(&compiled, &test) {
            if !outcome.passed() {
                wrong.push(format!("{test_name}: {outcome}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
/// A rule whose fields are misspelt or never recorded passes its own cases and finds nothing.
#[test]
fn every_own_windows_rule_finds_something_in_logs_of_real_attacks() {
    let Some(folder) = shared("data/evtx-attack-samples") else { return };
    let Some(regression) = shared("data/sigma/regression_data") else { return };
    let rules = compiled(&own_rules()).rules;
    let mut scratch = Scratch::default();
    let mut silent: BTreeSet<&str> = rules
        .rules()
        .iter()
        .filter(|rule| rule.logsource.product.as_deref() == Some("windows"))
        .map(|rule| rule.title.as_str())
        .collect();
    assert_eq!(silent.len(), 13);
    for folder in [folder, regression] {
        each_event(&folder, |_, event| {
            for found in rules.evaluate_with(event, &mut scratch) {
                silent.remove(found.rule.title.as_str());
            }
        });
    }
    assert_eq!(silent, BTreeSet::new());
}

#[test]
fn every_own_rule_speaks_japanese_too() {
    for (name, text) in read_all(files_below(&root().join("rules"), ".yml")) {
        if name.ends_with(".test.yml") {
            continue;
        }
        for key in ["title_ja: ", "description_ja: "] {
            let value = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            assert!(!value.is_ascii(), "{name} has no {key}");
        }
    }
}
