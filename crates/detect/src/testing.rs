//! Test cases that lie beside a rule (`<rule>.test.yml`), and how they are run.
//!
//! ```yaml
//! rule: <rule id>
//! cases:
//!   - name: business user runs whoami
//!     expect: match            # or: none
//!     event: { product: linux, category: process_creation, fields: { Image: /usr/bin/whoami } }
//! ```
//!
//! `service` may stand beside or instead of `category`; both may be lists.
//!
//! A case may give `events`, one after the other, instead of `event`: for correlations, and for any rule
//! that must match one of them.
//!
//! ```yaml
//!   - name: ten failures, then success
//!     expect: match
//!     events:
//!       - { at: 0s, repeat: 10, product: windows, service: security, fields: { EventID: 4625, User: a } }
//!       - { at: 90s, device: desk-2, product: windows, service: security, fields: { EventID: 4624, User: a } }
//! ```
//!
//! `at` is a time from the beginning (a number and `s`, `m`, `h` or `d`) or RFC 3339; without it the event
//! happens with the one before. `device` is any name; events without one are of the same device. `repeat`
//! is the event so many times, one second apart. After the last event nothing follows: windows in which
//! something must not happen are over.

use crate::cause::{ExpectedMatch, Mismatch, Plain, Quoted, Spoken, TestFault, Why as Because};
use crate::compile::Compiled;
use crate::correlation::Correlator;
use crate::error::Fault;
use crate::rule::Rule;
use crate::ruleset::RuleSet;
use crate::sentence::Sentence;
use crate::yaml::{self, Kind, Meaning, Node};
use model::{
    AgentId, DeviceId, EpochId, Event, EventKind, Fields, LogSource, StreamKey, Timestamp, Value,
    Why,
};
use sha2::Digest as _;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Times that one event of a case is repeated.
const REPEAT_MAX: i64 = 100_000;

/// The test cases of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTest {
    /// The rule's id.
    pub rule: String,
    /// The cases, at least one.
    pub cases: Vec<Case>,
}

/// Events and what the rule must say to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The case in words.
    pub name: String,
    /// What the rule must say.
    pub expect: Expect,
    /// The events in order, at least one.
    pub events: Vec<Event>,
}

/// What a rule must say to the events of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It matches.
    Match,
    /// It does not.
    None,
}

/// A test file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{source_name}:{line}: {cause}; write the test file as the documentation of rule tests shows"
)]
pub struct TestError {
    /// The file's name as given.
    pub source_name: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, as a value that speaks both languages.
    pub cause: Box<TestFault>,
}

impl TestError {
    /// What is wrong, in both languages.
    #[must_use]
    pub fn words(&self) -> Sentence {
        self.cause.sentence()
    }
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The case in words.
    pub case: String,
    /// What was expected.
    pub expected: Expect,
    /// What happened.
    pub found: Found,
}

/// What a rule said to the event of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// It matched, for these reasons.
    Match(Vec<Why>),
    /// It did not match.
    None,
    /// It was never asked, because the event is not of its log source.
    OtherLogSource,
    /// It is not loaded, or by its status not evaluated.
    NotEvaluated,
}

impl Outcome {
    /// What was expected and what happened, in both languages.
    #[must_use]
    pub fn sentence(&self) -> Sentence {
        let case = Plain::of(&self.case);
        let expected = match self.expected {
            Expect::Match => ExpectedMatch::Match,
            Expect::None => ExpectedMatch::None,
        };
        let words = match &self.found {
            Found::None => Mismatch::FoundNone(case, expected),
            Found::OtherLogSource => Mismatch::OtherLogSource(case, expected),
            Found::NotEvaluated => Mismatch::NotEvaluated(case, expected),
            Found::Match(why) => {
                let one = |why: &Why| {
                    let selection = Plain::of(&why.selection);
                    let field = why.field.as_deref().map(Plain::of);
                    (selection, field, why.value.as_deref().map(Quoted::of))
                };
                Mismatch::FoundMatch(case, expected, Because(why.iter().map(one).collect()))
            }
        };
        words.sentence()
    }

    /// Whether the rule said what was expected. A rule that was not asked passes no case: a test that
    /// expects nothing would otherwise pass for a misspelt category.
    #[must_use]
    pub const fn passed(&self) -> bool {
        match self.expected {
            Expect::Match => matches!(self.found, Found::Match(_)),
            Expect::None => matches!(self.found, Found::None),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence().en)
    }
}

/// Reads a test file; `source_name` is for messages.
///
/// # Errors
/// What is wrong with the file, and on which line.
pub fn parse(source_name: &str, text: &str) -> Result<RuleTest, TestError> {
    let wrong = |line: usize, cause: TestFault| TestError {
        source_name: source_name.to_owned(),
        line,
        cause: Box::new(cause),
    };
    let documents = yaml::documents(text.strip_prefix('\u{feff}').unwrap_or(text));
    let [document] = documents.as_slice() else {
        return Err(wrong(1, TestFault::Documents(documents.len())));
    };
    let root = yaml::parse(*document).map_err(|Fault { line, cause }| {
        wrong(line.unwrap_or(document.first_line), TestFault::Yaml(Box::new(cause)))
    })?;
    read(&root).map_err(|(line, cause)| wrong(line, cause))
}

/// Runs the cases against compiled rules that hold the rule or correlation.
#[must_use]
pub fn run(compiled: &Compiled, test: &RuleTest) -> Vec<Outcome> {
    let rule = compiled.rules.rules().iter().find(|rule| rule.id == test.rule);
    let correlation = compiled.correlations.rules().any(|rule| rule.id == test.rule);
    let outcome = |case: &Case| Outcome {
        case: case.name.clone(),
        expected: case.expect,
        found: match rule {
            Some(rule) => ask(&compiled.rules, rule, &case.events),
            None if correlation => correlate(compiled, &test.rule, &case.events),
            None => Found::NotEvaluated,
        },
    };
    test.cases.iter().map(outcome).collect()
}

fn ask(rules: &RuleSet, rule: &Rule, events: &[Event]) -> Found {
    if !rule.is_active() {
        return Found::NotEvaluated;
    }
    let mut of_source = events.iter().filter(|it| rule.logsource.is_satisfied_by(&it.source));
    let mut found = Found::OtherLogSource;
    let matched = of_source.find_map(|event| {
        found = Found::None;
        let own = rules.evaluate(event).into_iter().find(|it| it.rule.id == rule.id)?;
        Some(Found::Match(own.why))
    });
    matched.unwrap_or(found)
}

fn correlate(compiled: &Compiled, id: &str, events: &[Event]) -> Found {
    // Correlations below others are told of here, too.
    let mut state = Correlator::telling_all(Arc::clone(&compiled.correlations));
    let mut found = Vec::new();
    for event in events {
        found.extend(state.observe(event, &compiled.rules.evaluate(event)));
    }
    found.extend(state.finish());
    let own = found.into_iter().find(|found| found.rule.id == id);
    own.map_or(Found::None, |found| Found::Match(found.why()))
}

type Wrong = (usize, TestFault);

fn read(root: &Node) -> Result<RuleTest, Wrong> {
    only_keys(root, &["rule", "cases"])?;
    let rule = text_of(root, "rule")?;
    let cases_node = root.get("cases").ok_or((root.line, TestFault::NoneOf("cases")))?;
    let Kind::List(items) = &cases_node.kind else {
        return Err((cases_node.line, TestFault::CasesNoList));
    };
    if items.is_empty() {
        return Err((cases_node.line, TestFault::NoCases));
    }
    let cases: Result<Vec<Case>, Wrong> = items.iter().map(case).collect();
    Ok(RuleTest { rule, cases: cases? })
}

fn case(node: &Node) -> Result<Case, Wrong> {
    only_keys(node, &["name", "expect", "event", "events"])?;
    let expect = match text_of(node, "expect")?.as_str() {
        "match" => Expect::Match,
        "none" => Expect::None,
        other => return Err((node.line, TestFault::Expect(Quoted::of(other)))),
    };
    let events = match (node.get("event"), node.get("events").map(|node| (node, &node.kind))) {
        (Some(event), None) => vec![self::event(event, &[])?],
        (None, Some((_, Kind::List(items)))) if !items.is_empty() => events(items)?,
        (None, None) => return Err((node.line, TestFault::Missing("event"))),
        _ => return Err((node.line, TestFault::Events)),
    };
    Ok(Case { name: text_of(node, "name")?, expect, events })
}

/// Events of a case in their order, each with its time and its place in its device's stream.
fn events(items: &[Node]) -> Result<Vec<Event>, Wrong> {
    let mut all: Vec<Event> = Vec::new();
    let mut nanos = 0;
    for item in items {
        let mut event = event(item, &["at", "device", "repeat"])?;
        if let Some(at) = item.get("at") {
            let wrong = || (at.line, TestFault::At(at.describe()));
            nanos = at.text().and_then(time).ok_or_else(wrong)?;
        }
        let device = item.get("device").and_then(Node::text).unwrap_or_default();
        let bits = sha2::Sha256::digest(device)
            .iter()
            .take(16)
            .fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        event.device = DeviceId::from_bits(bits);
        event.stream.agent = AgentId::from_bits(bits);
        let repeat = match item.get("repeat") {
            None => 1,
            Some(node) => match node.text().and_then(|text| text.parse::<i64>().ok()) {
                Some(times @ 1..=REPEAT_MAX) => times,
                _ => return Err((node.line, TestFault::Repeat(REPEAT_MAX))),
            },
        };
        for step in 0..repeat {
            if step > 0 {
                nanos += 1_000_000_000;
            }
            event.stream.seq = u64::try_from(all.len()).unwrap_or(u64::MAX).saturating_add(1);
            event.observed_at = Timestamp::from_nanos(nanos);
            event.received_at = event.observed_at;
            all.push(event.clone());
        }
    }
    Ok(all)
}

/// Nanoseconds of a time from the beginning, or of RFC 3339.
fn time(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Timestamp::parse(text).ok().map(Timestamp::nanos),
    };
    let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
    count.checked_mul(seconds)?.checked_mul(1_000_000_000)
}

/// An event of nobody's device, at the beginning of time: rules look at log source and fields only.
fn event(node: &Node, also: &[&str]) -> Result<Event, Wrong> {
    only_keys(node, &[&["product", "service", "category", "fields"], also].concat())?;
    let names = |key: &'static str| -> Result<Vec<Cow<'static, str>>, Wrong> {
        let items = node.get(key).map(Node::items).unwrap_or_default();
        items
            .iter()
            .map(|item| match item.text() {
                Some(text) => Ok(Cow::Owned(text.to_owned())),
                None => Err((item.line, TestFault::Is(key, item.describe()))),
            })
            .collect()
    };
    let product = match node.get("product") {
        None => Cow::Borrowed(""),
        Some(_) => Cow::Owned(text_of(node, "product")?),
    };
    let source = LogSource { product, services: names("service")?, categories: names("category")? };
    let kind_of = |category: &Cow<'static, str>| {
        EventKind::ALL.iter().copied().find(|kind| kind.sigma_categories().contains(&&**category))
    };
    let kind = source.categories.iter().find_map(kind_of).unwrap_or(EventKind::Other);
    let fields_node = node.get("fields").ok_or((node.line, TestFault::NoneOf("fields")))?;
    let Value::Map(pairs) = value(fields_node)? else {
        return Err((fields_node.line, TestFault::FieldsNoMap));
    };
    Ok(Event {
        kind,
        device: DeviceId::from_bits(0),
        stream: StreamKey { agent: AgentId::from_bits(0), epoch: EpochId::from_bits(0), seq: 1 },
        observed_at: Timestamp::from_nanos(0),
        received_at: Timestamp::from_nanos(0),
        source,
        fields: pairs.into_iter().collect::<Fields>(),
        raw: None,
    })
}

fn value(node: &Node) -> Result<Value, Wrong> {
    Ok(match &node.kind {
        Kind::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|entry| Ok((entry.key.clone(), value(&entry.value)?)))
                .collect::<Result<_, Wrong>>()?,
        ),
        Kind::List(items) => Value::List(items.iter().map(value).collect::<Result<_, Wrong>>()?),
        Kind::Scalar(scalar) => match scalar.meaning {
            Meaning::Null => Value::Null,
            Meaning::Bool(truth) => Value::Bool(truth),
            Meaning::Float(number) => Value::Float(number),
            Meaning::Text => Value::Text(scalar.text.clone()),
            Meaning::Int(number) => match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => Value::Int(number),
                (_, Ok(number)) => Value::UInt(number),
                _ => return Err((node.line, TestFault::TooWide(number))),
            },
        },
    })
}

fn text_of(node: &Node, key: &'static str) -> Result<String, Wrong> {
    let found = node.get(key).ok_or((node.line, TestFault::Missing(key)))?;
    match found.text() {
        Some(text) => Ok(text.to_owned()),
        None => Err((found.line, TestFault::Is(key, found.describe()))),
    }
}

fn only_keys(node: &Node, known: &[&str]) -> Result<(), Wrong> {
    let Kind::Map(entries) = &node.kind else {
        return Err((node.line, TestFault::NoMap(node.describe())));
    };
    match entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
        Some(entry) => {
            let known = Plain::whole(known.join(", "));
            Err((entry.line, TestFault::UnknownKey(Quoted::of(&entry.key), known)))
        }
        None => Ok(()),
    }
}
