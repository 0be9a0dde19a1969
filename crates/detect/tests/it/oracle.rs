//! The engine against the plain evaluator, on generated rules and events. `MIMAMORI_LONG=1` runs a million
//! pairs instead of ten thousand.

use crate::support;
use detect::{CompileOptions, RuleSource, Scratch, plain};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Events per generated rule set, rules per set.
const EVENTS: usize = 5;
const RULES: usize = 4;

pub(crate) fn sets() -> u32 {
    match std::env::var_os("MIMAMORI_LONG") {
        Some(_) => 70_000,
        None => 750,
    }
}

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(ToOwned::to_owned)
}

/// JSON text, which is YAML too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

/// Few letters, so that rules and events meet; all that is special to strings among them.
fn text() -> impl Strategy<Value = String> {
    let piece = pick(&[
        "a", "b", "A", "ab", " ", "\\", "\\\\", "*", "?", "\\*", "\\?", "-", "/", "\u{2013}", "ä",
        "Ä", "ß", "σ", "ς", "Σ", "ı", "K", "\u{212a}", "ſ", "s", "1", "5", ".", "\n", "日", "%",
        "%x%", "\\%",
    ]);
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn plain_text() -> impl Strategy<Value = String> {
    let piece = pick(&[
        "a",
        "b",
        "A",
        "B",
        "ab",
        " ",
        "\\",
        "*",
        "?",
        "-",
        "/",
        "\u{2014}",
        "ä",
        "Ä",
        "ß",
        "ẞ",
        "ς",
        "Σ",
        "i",
        "I",
        "k",
        "K",
        "\u{212a}",
        "S",
        "1",
        "5",
        "\n",
        "日",
        "%",
        "x1",
        "YWI=",
        "hYg",
        "a\u{0}b\u{0}",
    ]);
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// A key behind a field name with values that fit it.
fn item() -> impl Strategy<Value = (String, Vec<String>)> {
    let texts = || prop::collection::vec(text().prop_map(|text| quoted(&text)), 1..4);
    let chain = pick(&[
        "",
        "|contains",
        "|startswith",
        "|endswith",
        "|cased",
        "|contains|cased",
        "|contains|all",
        "|all",
        "|neq",
        "|contains|neq",
        "|contains|all|neq",
        "|contains|windash",
        "|windash",
        "|endswith|windash",
        "|base64",
        "|base64|contains",
        "|wide|base64offset|contains",
        "|base64offset|contains",
        "|utf16le|base64",
        "|utf16be|base64offset|contains",
        "|utf16|base64",
        "|wide|contains",
        "|expand",
        "|expand|contains",
        "|contains|expand",
        "|startswith|cased|neq",
    ]);
    let regex =
        pick(&["a", "^a", "b$", "(?i)AB", "a.b", "[a-c]{2}", "ä|σ", "\\d+$", "^$", "a*", "K"]);
    let regexes = prop::collection::vec(regex.prop_map(|text| quoted(&text)), 1..3);
    let numbers = prop::collection::vec(
        pick(&[
            "0",
            "1",
            "5",
            "-1",
            "1.5",
            "5.0",
            "18446744073709551615",
            "9999999999999999999999",
        ]),
        1..3,
    );
    let parts = prop::collection::vec(pick(&["0", "1", "5", "8", "23", "34", "53", "2026"]), 1..3);
    prop_oneof![
        8 => (chain, texts()),
        2 => (pick(&["|re", "|re|i", "|re|m", "|re|s", "|re|i|m|s", "|re|neq", "|re|all"]), regexes),
        2 => (pick(&["", "|lt", "|lte", "|gt", "|gte", "|neq", "|contains", "|gt|neq"]), numbers),
        1 => (
            pick(&["|minute", "|hour", "|day", "|week", "|month", "|year", "|hour|gte", "|lt|hour", "|week|neq"]),
            parts
        ),
        1 => (
            pick(&["|fieldref", "|fieldref|startswith", "|fieldref|endswith", "|fieldref|contains",
                "|fieldref|neq", "|fieldref|cased", "|fieldref|contains|neq"]),
            prop::collection::vec(pick(&["A", "B", "C.D", "E F", "G"]), 1..3)
        ),
        1 => (
            pick(&["|cidr", "|cidr|neq"]),
            prop::collection::vec(
                pick(&["10.0.0.0/8", "'::/0'", "'fe80::/10'", "192.168.1.1", "0.0.0.0/0"]), 1..3)
        ),
        1 => (pick(&["|exists"]), prop::collection::vec(pick(&["true", "false"]), 1..2)),
        1 => (pick(&[""]), prop::collection::vec(pick(&["null", "true", "false", "''", "0x10", "007", "~"]), 1..3)),
    ]
}

fn entry() -> impl Strategy<Value = String> {
    (pick(&["A", "B", "C.D", "E F", "C", "D.E"]), item())
        .prop_map(|(field, (chain, values))| format!("\"{field}{chain}\": [{}]", values.join(", ")))
}

pub(crate) fn selection() -> impl Strategy<Value = String> {
    let keywords = prop::collection::vec(text().prop_map(|text| quoted(&text)), 1..3);
    let keyed = (
        pick(&["|all", "|contains", "|re", "|cidr", "|all|contains", "|cased", "|neq", "|windash"]),
        prop::collection::vec(pick(&["a", "B", "'5'", "10.0.0.0/8", "ä"]), 1..3),
    )
        .prop_map(|(chain, values)| format!("{{\"{chain}\": [{}]}}", values.join(", ")));
    let map = || {
        prop::collection::vec(entry(), 1..3).prop_map(|mut entries| {
            // A map has each key once.
            entries.sort();
            entries.dedup_by_key(|entry| entry.split(": [").next().map(ToOwned::to_owned));
            format!("{{{}}}", entries.join(", "))
        })
    };
    prop_oneof![
        6 => map(),
        1 => (map(), map()).prop_map(|(one, two)| format!("[{one}, {two}]")),
        1 => keywords.prop_map(|words| format!("[{}]", words.join(", "))),
        1 => keyed,
        1 => text().prop_filter("not empty", |text| !text.is_empty()).prop_map(|text| quoted(&text)),
    ]
}

pub(crate) fn condition() -> impl Strategy<Value = String> {
    let leaf = pick(&[
        "s0",
        "s1",
        "_s2",
        "1 of s*",
        "all of s*",
        "any of *2",
        "1 of *s*",
        "all of *1",
        "1 of them",
        "ALL OF THEM",
    ]);
    let tree = leaf.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} OR {b}")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            inner.clone().prop_map(|a| format!("not {a}")),
            inner.prop_map(|a| format!("({a})")),
        ]
    });
    prop_oneof![
        5 => tree.clone().prop_map(|one| quoted(&one)),
        1 => (tree.clone(), tree).prop_map(|(a, b)| format!("[{}, {}]", quoted(&a), quoted(&b))),
    ]
}

pub(crate) fn rule(
    number: usize,
    selections: &[String],
    condition: &str,
    filter: Option<&str>,
) -> (String, String) {
    let rule = format!(
        "title: T\nid: r{number}\nlevel: low\nlogsource: {{product: test}}\ndetection: {{s0: {}, s1: {}, _s2: {}, condition: {condition}}}\n",
        selections[0], selections[1], selections[2]
    );
    let filter = filter.map_or(String::new(), |selection| {
        format!(
            "---\ntitle: F\nid: f{number}\nlogsource: {{product: test}}\nfilter: {{rules: r{number}, s0: {selection}, condition: not s0}}\n"
        )
    });
    (rule, filter)
}

fn value() -> impl Strategy<Value = String> {
    let single = || {
        prop_oneof![
            6 => plain_text().prop_map(|text| quoted(&text)),
            2 => pick(&["0", "1", "5", "-1", "1.5", "5.0", "16", "7", "18446744073709551615", "true", "false", "null"]),
            1 => pick(&["\"5\"", "\"1.5\"", "\"007\"", "\"1e1\"", "\"TRUE\"", "\"null\"", "\"\""]),
            1 => pick(&["\"10.1.2.3\"", "\"fe80::1\"", "\"192.168.1.1\"", "\"::ffff:10.1.2.3\""]),
            1 => pick(&["\"2026-08-21 05:01:22.123\"", "\"2024-12-30T23:00:00Z\"", "\"2021-01-01\"", "\"2026-02-30\""]),
        ]
    };
    prop_oneof![
        6 => single(),
        1 => prop::collection::vec(single(), 0..3).prop_map(|all| format!("[{}]", all.join(","))),
        1 => single().prop_map(|one| format!("{{\"D\":{one}}}")),
        1 => single().prop_map(|one| format!("[{{\"D\":[{one}]}}]")),
    ]
}

pub(crate) fn fields() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["A", "B", "C", "C.D", "E F", "EF", "D", "G"]);
    prop::collection::btree_map(name, value(), 0..6).prop_map(|pairs| {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", pairs.join(","))
    })
}

#[test]
fn the_engine_agrees_with_the_plain_evaluator() {
    let one = (
        prop::collection::vec(selection(), 3),
        condition(),
        prop::option::weighted(0.2, selection()),
    );
    let strategy = (prop::collection::vec(one, RULES), prop::collection::vec(fields(), EVENTS));
    let config = Config { cases: sets(), failure_persistence: None, ..Config::default() };
    let lists: plain::Lists = [("x".to_owned(), vec!["a*".to_owned(), "%".to_owned()])].into();
    let (pairs, matches) = (std::cell::Cell::new(0_usize), std::cell::Cell::new(0_usize));
    TestRunner::new(config)
        .run(&strategy, |(rules, events)| {
            let texts: Vec<(String, String)> = rules
                .iter()
                .enumerate()
                .map(|(number, (selections, condition, filter))| {
                    rule(number, selections, condition, filter.as_deref())
                })
                .collect();
            let all: Vec<String> =
                texts.iter().map(|(rule, filter)| format!("{rule}{filter}")).collect();
            let options = CompileOptions { lists: lists.clone(), ..CompileOptions::default() };
            let sources = all.iter().map(|text| RuleSource { name: "t.yml", text });
            let compiled = detect::compile(sources, &options);
            let mut scratch = Scratch::default();
            for fields in &events {
                let event = support::event(fields);
                let found = compiled.rules.evaluate_with(&event, &mut scratch);
                for loaded in compiled.rules.rules() {
                    let text = loaded.text_with_filters();
                    let explained = plain::explain_with(&text, &lists, &event);
                    let explained =
                        explained.map_err(|err| TestCaseError::fail(format!("{err}: {text}")))?;
                    let engine = found.iter().find(|found| found.rule.id == loaded.id);
                    prop_assert_eq!(
                        engine.is_some(),
                        explained.verdict,
                        "{}\n{}\n{:?}",
                        text,
                        fields,
                        explained
                    );
                    if let Some(engine) = engine {
                        matches.set(matches.get() + 1);
                        // Every reason that the engine gives is a leaf that held.
                        for why in &engine.why {
                            let same = |leaf: &&plain::LeafVerdict| {
                                leaf.filter.is_none()
                                    && leaf.selection == why.selection
                                    && leaf.modifier == why.modifier
                                    && leaf.pattern == why.pattern
                                    && leaf.held
                            };
                            prop_assert!(
                                explained.leaves.iter().any(|leaf| same(&leaf)),
                                "{why:?} {text} {fields}"
                            );
                        }
                    }
                    pairs.set(pairs.get() + 1);
                }
            }
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
    println!("{} pairs, {} matches", pairs.get(), matches.get());
    assert!(pairs.get() >= sets() as usize * 40 / 3, "too many generated rules are refused");
    assert!(matches.get() * 50 > pairs.get(), "generated rules and events hardly ever meet");
}
