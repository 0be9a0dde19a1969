//! A rule asked of columns against the engine that judges events, on generated rules and events.

use crate::oracle;
use crate::support;
use detect::columnar::{Column, ColumnRule, Columns, NO_VALUE, Outside, Words};
use detect::{CompileOptions, RuleSource, plain};
use model::{Event, LogSource, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

/// Events as a store would keep them: some fields have columns, and a value that no column takes lies outside.
struct Stored<'e> {
    events: &'e [Event],
    with_column: &'e [&'static str],
    /// Whether it tells what lies outside.
    tells: bool,
}

impl Stored<'_> {
    fn in_column(&self, name: &str, value: &Value) -> bool {
        let single = |value: &Value| !matches!(value, Value::Null | Value::List(_) | Value::Map(_));
        self.with_column.contains(&name)
            && match value {
                Value::List(items) => items.iter().all(single),
                value => single(value),
            }
    }
}

/// Rows of a stretch that is searched at once.
const STRETCH: usize = 2;

/// The texts of a value as a store that keeps them one behind the other would search them, and whether it holds a
/// number or truth value that may be a word.
fn lay_out(value: &Value, words: &Words, texts: &mut Vec<u8>) -> bool {
    texts.extend([7, 0, 0, 0]);
    match value {
        Value::Text(text) => {
            texts.extend(text.as_bytes());
            false
        }
        Value::List(items) => {
            let mut any = false;
            for item in items {
                any |= lay_out(item, words, texts);
            }
            any
        }
        Value::Bool(_) => words.may_be_in_truth_values(),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => words.may_be_in_numbers(),
        Value::Null | Value::Map(_) => false,
    }
}

impl Columns for Stored<'_> {
    type Error = Infallible;

    fn rows(&self) -> usize {
        self.events.len()
    }

    fn sources(&mut self, _: &[bool]) -> Result<(Vec<u32>, Vec<LogSource>), Infallible> {
        let keys = (0..).take(self.events.len()).collect();
        Ok((keys, self.events.iter().map(|event| event.source.clone()).collect()))
    }

    fn column(&mut self, field: &str, wanted: &[bool]) -> Result<Option<Arc<Column>>, Infallible> {
        if !self.with_column.contains(&field) {
            return Ok(None);
        }
        let mut column = Column { keys: vec![NO_VALUE; wanted.len()], values: Vec::new() };
        for (row, event) in self.events.iter().enumerate().filter(|(row, _)| wanted[*row]) {
            let value = event.fields.get(field).filter(|value| self.in_column(field, value));
            let Some(value) = value else { continue };
            let place = column.values.iter().position(|known| known == value);
            let place = place.unwrap_or_else(|| {
                column.values.push(value.clone());
                column.values.len() - 1
            });
            column.keys[row] = u32::try_from(place).expect("few values");
        }
        Ok(Some(Arc::new(column)))
    }

    fn fields(&self) -> Vec<&str> {
        self.with_column.to_vec()
    }

    fn cost(&self, field: &str) -> u64 {
        u64::from(self.with_column.contains(&field))
    }

    fn names_outside(&mut self) -> Result<BTreeSet<String>, Infallible> {
        let all = self.events.iter().flat_map(|event| event.fields.iter());
        let outside = all.filter(|(name, value)| !self.in_column(name, value));
        Ok(outside.map(|(name, _)| name.to_owned()).collect())
    }

    fn may_hold(
        &mut self,
        field: Option<&str>,
        words: &Words,
        wanted: &[bool],
    ) -> Result<Option<Vec<bool>>, Infallible> {
        let mut rows = wanted.to_vec();
        for (stretch, wanted) in rows.chunks_mut(STRETCH).enumerate() {
            let (mut texts, mut may) = (Vec::new(), false);
            for event in self.events.iter().skip(stretch * STRETCH).take(STRETCH) {
                for (name, value) in event.fields.iter() {
                    match (self.in_column(name, value), field) {
                        (true, Some(field)) if field == name => {
                            may |= lay_out(value, words, &mut texts);
                        }
                        (false, None) => {
                            let text = outside_text(value).unwrap_or_default();
                            let nested = text.starts_with(['[', '{']);
                            may |= nested && words.may_be_hidden_in(text.as_bytes());
                            texts.extend(text.len().to_le_bytes());
                            texts.extend(text.as_bytes());
                        }
                        _ => {}
                    }
                }
            }
            if !may && !words.may_be_in(&texts) {
                wanted.fill(false);
            }
        }
        Ok(rows.contains(&true).then_some(rows))
    }

    fn outside(&mut self, wanted: &[bool]) -> Result<Option<Outside>, Infallible> {
        let mut outside = Outside {
            row_ends: Vec::new(),
            text_ends: Vec::new(),
            texts: String::new(),
            nested: |text| {
                let value = serde_json::from_str(text).ok();
                value.filter(|value| matches!(value, Value::List(_) | Value::Map(_)))
            },
        };
        for (event, wanted) in self.events.iter().zip(wanted) {
            for (name, value) in event.fields.iter() {
                if *wanted && !self.in_column(name, value) {
                    let Some(text) = outside_text(value) else { continue };
                    outside.texts.push_str(&text);
                    outside.text_ends.push(outside.texts.len());
                }
            }
            outside.row_ends.push(outside.text_ends.len());
        }
        Ok(self.tells.then_some(outside))
    }

    fn go_on(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// As what a value is kept outside of columns.
fn outside_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::List(_) | Value::Map(_) => Some(serde_json::to_string(value).expect("JSON")),
        value => Some(value.scalar_text().expect("a scalar").into_owned()),
    }
}

#[test]
fn a_rule_asked_of_columns_agrees_with_the_engine() {
    let one = (
        prop::collection::vec(oracle::selection(), 3),
        oracle::condition(),
        prop::option::weighted(0.2, oracle::selection()),
    );
    let event = (oracle::fields(), any::<bool>(), prop::bool::weighted(0.9));
    let names = vec!["A", "B", "C", "C.D", "EF", "D", "G"];
    let strategy = (
        one,
        prop::collection::vec(event, 1..8),
        prop::sample::subsequence(names.clone(), 0..=names.len()),
        any::<bool>(),
    );
    let config =
        Config { cases: oracle::sets() * 4, failure_persistence: None, ..Config::default() };
    let lists: plain::Lists = [("x".to_owned(), vec!["a*".to_owned(), "%".to_owned()])].into();
    let options = CompileOptions { lists, ..CompileOptions::default() };
    let (decided, unsure, matched) = (Cell::new(0_usize), Cell::new(0_usize), Cell::new(0_usize));
    TestRunner::new(config)
        .run(&strategy, |((selections, condition, filter), rows, with_column, tells)| {
            let (text, filter) = oracle::rule(0, &selections, &condition, filter.as_deref());
            let text = format!("{text}{filter}");
            let sources = [RuleSource { name: "t.yml", text: &text }];
            let Ok(rule) = ColumnRule::compile(&sources, &options) else { return Ok(()) };
            let compiled = detect::compile(sources, &options);
            let mut events: Vec<Event> =
                rows.iter().map(|(fields, _, _)| support::event(fields)).collect();
            for (event, (_, of_test, _)) in events.iter_mut().zip(&rows) {
                if !of_test {
                    event.source.product = "other".into();
                }
            }
            let wanted: Vec<bool> = rows.iter().map(|(_, _, wanted)| *wanted).collect();
            let mut stored = Stored { events: &events, with_column: &with_column, tells };
            let Ok(judged) = rule.judge(&mut stored, wanted.clone());
            for (row, event) in events.iter().enumerate() {
                let holds = !compiled.rules.evaluate(event).is_empty();
                match (wanted[row], judged.matches[row], judged.unsure[row]) {
                    (false, told, asked) => prop_assert!(!told && !asked),
                    (true, told, asked) => {
                        prop_assert!(!(told && asked));
                        prop_assert!(
                            asked || told == holds,
                            "{text}\n{:?}\n{with_column:?}",
                            event.fields
                        );
                        let seen = rule.judge_event(event, &mut detect::Scratch::default());
                        prop_assert_eq!(seen.is_some(), holds);
                        decided.set(decided.get() + usize::from(!asked));
                        unsure.set(unsure.get() + usize::from(asked));
                        matched.set(matched.get() + usize::from(told));
                    }
                }
            }
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
    println!("{} decided, {} unsure, {} matched", decided.get(), unsure.get(), matched.get());
    assert!(decided.get() > unsure.get(), "columns hardly ever decide");
    assert!(matched.get() * 100 > decided.get(), "generated rules and columns hardly ever meet");
}

#[test]
fn keywords_and_single_fields_are_decided_by_columns_alone() {
    let text = support::rule("{words: [aa, bb], s: {A|contains: x}, condition: words and not s}");
    let sources = [RuleSource { name: "t.yml", text: &text }];
    let rule = ColumnRule::compile(&sources, &CompileOptions::default()).expect("loads");
    let events = [
        support::event(r#"{"A":"aay","B":"1"}"#),
        support::event(r#"{"A":"x","B":"bb"}"#),
        support::event(r#"{"A":"y","B":"c"}"#),
    ];
    let mut stored = Stored { events: &events, with_column: &["A", "B"], tells: false };
    let Ok(judged) = rule.judge(&mut stored, vec![true; 3]);
    assert_eq!(judged.matches, [true, false, false]);
    assert_eq!(judged.unsure, [false; 3]);
}

#[test]
fn two_fields_and_keywords_outside_of_columns_need_no_whole_event() {
    let text = support::rule(
        "{words: [mimikatz, 'se?urlsa'], s: {A|fieldref: B}, condition: words and s}",
    );
    let sources = [RuleSource { name: "t.yml", text: &text }];
    let rule = ColumnRule::compile(&sources, &CompileOptions::default()).expect("loads");
    let events = [
        support::event(r#"{"A":"x","B":"X","C":"a MIMIKATZ b"}"#),
        support::event(r#"{"A":"x","B":"y","C":"mimikatz"}"#),
        support::event(r#"{"A":"x","B":"x","C":"mimi","D":"katz"}"#),
        support::event(r#"{"A":"x","B":"x","C":["日本",{"k":"miMi\u004batz"}]}"#),
        support::event("{\"A\":\"x\",\"B\":\"x\",\"C\":\"mimi\u{212a}atz\"}"),
        support::event(r#"{"A":"x","B":"x","C":null,"D":"sekurlsa"}"#),
        support::event(r#"{"A":"x","C":"sekurlsa"}"#),
    ];
    let mut stored = Stored { events: &events, with_column: &["A", "B"], tells: true };
    let Ok(judged) = rule.judge(&mut stored, vec![true; 7]);
    assert_eq!(judged.matches, [true, false, false, true, true, true, false]);
    assert_eq!(judged.unsure, [false; 7]);
}

/// Letters that fold to ones of ASCII, letters with and without case beyond it, and what JSON escapes.
const LETTERS: &str = "[ksKS\u{212a}\u{17f}éÉ機密1.\"\\\\]";

/// Values of every shape; events as the store gives them back, for a text that is JSON comes back as that.
fn any_value() -> impl Strategy<Value = Value> {
    let text = format!("{LETTERS}{{0,6}}");
    let scalar = prop_oneof![
        8 => proptest::string::string_regex(&text).expect("a pattern").prop_map(Value::from),
        1 => (0..200_i64).prop_map(Value::Int),
        1 => (0..40_u8).prop_map(|number| Value::Float(f64::from(number) / 10.0)),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
    ];
    let list = prop::collection::vec(scalar.clone(), 0..3).prop_map(Value::List);
    let map = prop::collection::vec(("[ab]", prop_oneof![scalar.clone(), list.clone()]), 0..3)
        .prop_map(|pairs| {
            // A map has each name once.
            Value::Map(
                pairs
                    .into_iter()
                    .collect::<std::collections::BTreeMap<_, _>>()
                    .into_iter()
                    .collect(),
            )
        });
    prop_oneof![6 => scalar, 2 => list, 2 => map]
}

#[test]
fn keywords_asked_of_columns_agree_with_the_engine_whatever_the_letters() {
    let word = prop_oneof![
        4 => proptest::string::string_regex(&format!("{LETTERS}{{1,5}}")).expect("a pattern"),
        1 => Just("true".to_owned()),
        1 => Just("ks?k".to_owned()),
        1 => Just("ss*KS".to_owned()),
    ];
    let strategy = (
        prop::collection::vec(word, 1..4),
        prop::collection::vec(prop::collection::vec(any_value(), 4), 1..8),
        prop::sample::select(vec!["k", "not k", "all"]),
        any::<bool>(),
    );
    let config =
        Config { cases: oracle::sets() * 4, failure_persistence: None, ..Config::default() };
    let (decided, matched) = (Cell::new(0_usize), Cell::new(0_usize));
    TestRunner::new(config)
        .run(&strategy, |(words, rows, shape, tells)| {
            let words = serde_json::to_string(&words).expect("JSON");
            let text = support::rule(&match shape {
                "all" => format!("{{k: {{'|all': {words}}}, condition: k}}"),
                shape => format!("{{k: {words}, condition: {shape}}}"),
            });
            let sources = [RuleSource { name: "t.yml", text: &text }];
            let Ok(rule) = ColumnRule::compile(&sources, &CompileOptions::default()) else {
                return Ok(());
            };
            let events: Vec<Event> = rows
                .iter()
                .map(|values| {
                    let mut event = support::event("{}");
                    for (name, value) in ["A", "B", "C", "D"].into_iter().zip(values) {
                        event.fields.set(name, value.clone());
                    }
                    event
                })
                .collect();
            let mut stored = Stored { events: &events, with_column: &["A", "B"], tells };
            let Ok(judged) = rule.judge(&mut stored, vec![true; events.len()]);
            for (row, event) in events.iter().enumerate() {
                let holds = rule.judge_event(event, &mut detect::Scratch::default()).is_some();
                let (told, asked) = (judged.matches[row], judged.unsure[row]);
                prop_assert!(!asked || !told && !tells);
                prop_assert!(asked || told == holds, "{text}\n{:?}", event.fields);
                decided.set(decided.get() + usize::from(!asked));
                matched.set(matched.get() + usize::from(told));
            }
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
    assert!(matched.get() * 50 > decided.get(), "{} of {}", matched.get(), decided.get());
    assert!(matched.get() * 4 < decided.get() * 3, "{} of {}", matched.get(), decided.get());
}
