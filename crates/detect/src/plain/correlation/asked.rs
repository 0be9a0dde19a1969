//! What a correlation's document asks.

use super::Document;
use crate::plain::{PlainError, condition, wrong};
use crate::yaml::{Entry, Kind, Meaning, Node, Scalar};
use std::collections::BTreeMap;

/// What a correlation asks.
#[derive(Debug)]
pub(super) struct Asked {
    /// Places of the documents, and how the correlation calls them.
    pub(super) rules: Vec<(usize, String)>,
    pub(super) group: Vec<String>,
    pub(super) fields: Vec<String>,
    pub(super) aliases: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) span_ns: i64,
    pub(super) test: Test,
}

#[derive(Debug)]
pub(super) enum Test {
    Count(Vec<Bound>),
    Distinct(Vec<Bound>),
    Sum(Vec<Bound>),
    Average(Vec<Bound>),
    Percentile(f64, Vec<Bound>),
    Rules(Vec<Bound>),
    /// One after the other, at these places of the list.
    Ordered(Vec<usize>),
    Together(String),
    Absent {
        text: String,
        begins: u64,
    },
    OrderedAbsent {
        order: Vec<usize>,
        denied: u64,
    },
}

pub(super) type Bound = (String, f64);

/// Reads what the attribute `correlation` asks.
pub(super) fn asked(root: &Node, documents: &[Document]) -> Result<Asked, PlainError> {
    let node =
        root.get("correlation").ok_or_else(|| wrong(root.line, "no correlation".to_owned()))?;
    let names = |node: Option<&Node>| -> Vec<String> {
        let items = node.map(Node::items).unwrap_or_default();
        items.iter().filter_map(Node::text).map(|name| name.replace(' ', "")).collect()
    };
    let condition = node.get("condition");
    let text = condition.and_then(Node::text);
    let mut written: Vec<String> = node
        .get("rules")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::text)
        .map(ToOwned::to_owned)
        .collect();
    if let (true, Some(text)) = (written.is_empty(), text) {
        written = named_in(text);
    }
    let mut rules = Vec::new();
    for name in written {
        let place = documents.iter().position(|document| document.names.contains(&name));
        let missing =
            || wrong(node.line, format!("the text holds no rule with the id or name {name:?}"));
        rules.push((place.ok_or_else(missing)?, name));
    }
    if rules.len() > RULES_MAX {
        return Err(wrong(node.line, format!("more than {RULES_MAX} rules")));
    }
    let span = node.get("timespan").and_then(Node::text).and_then(nanos);
    let mut asked = Asked {
        rules,
        group: names(node.get("group-by")),
        fields: names(condition.and_then(|it| it.get("field"))),
        aliases: aliases(node),
        span_ns: span.ok_or_else(|| wrong(node.line, "no timespan".to_owned()))?,
        test: Test::Count(Vec::new()),
    };
    asked.test = test(node, condition, text, &asked)?;
    Ok(asked)
}

fn test(
    node: &Node,
    condition: Option<&Node>,
    text: Option<&str>,
    asked: &Asked,
) -> Result<Test, PlainError> {
    let kind = node.get("type").and_then(Node::text).unwrap_or_default();
    let bounds = || condition.map(bounds).unwrap_or_default();
    let count = asked.rules.len();
    let every: Vec<usize> = (0..count).collect();
    Ok(match (kind, text) {
        ("event_count", _) => Test::Count(bounds()),
        ("value_count", _) => Test::Distinct(bounds()),
        ("value_sum", _) => Test::Sum(bounds()),
        ("value_avg", _) => Test::Average(bounds()),
        ("value_median", _) => Test::Percentile(50.0, bounds()),
        ("value_percentile", _) => {
            let percent = condition.and_then(|it| it.get("percentile")).and_then(scalar_number);
            let missing = || wrong(node.line, "no percentile".to_owned());
            Test::Percentile(percent.ok_or_else(missing)?, bounds())
        }
        ("temporal", None) if condition.is_none() => {
            Test::Rules(vec![("gte".to_owned(), count as f64)])
        }
        ("temporal", None) => Test::Rules(bounds()),
        ("temporal_ordered", None) => Test::Ordered(every),
        ("temporal" | "temporal_ordered", Some(text)) => {
            let (wanted, denied) = polarity(asked, text)?;
            let order: Vec<usize> =
                every.into_iter().filter(|place| wanted >> place & 1 == 1).collect();
            match (kind == "temporal_ordered", denied != 0) {
                (false, false) => Test::Together(text.to_owned()),
                (false, true) => Test::Absent { text: text.to_owned(), begins: wanted },
                (true, false) => Test::Ordered(order),
                (true, true) => Test::OrderedAbsent { order, denied },
            }
        }
        (other, _) => return Err(wrong(node.line, format!("{other:?} is no type of correlation"))),
    })
}

/// Which rules a condition wants to be there and which not: tried out with every set of rules.
fn polarity(asked: &Asked, text: &str) -> Result<(u64, u64), PlainError> {
    let count = asked.rules.len();
    if count > CONDITION_RULES_MAX {
        let reason =
            format!("a condition over more than {CONDITION_RULES_MAX} rules is not tried out");
        return Err(wrong(1, reason));
    }
    let (mut wanted, mut denied) = (0, 0);
    for mask in 0..1_u64 << count {
        let before = holds(asked, text, mask)?;
        for rule in (0..count).map(|place| 1 << place).filter(|rule| mask & rule == 0) {
            match (before, holds(asked, text, mask | rule)?) {
                (false, true) => wanted |= rule,
                (true, false) => denied |= rule,
                _ => {}
            }
        }
    }
    Ok((wanted, denied))
}

/// The names in a condition, in their order.
fn named_in(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for word in text.replace(['(', ')'], " ").split_whitespace() {
        let keyword = matches!(word.to_lowercase().as_str(), "and" | "or" | "not");
        if !keyword && !names.iter().any(|known| known == word) {
            names.push(word.to_owned());
        }
    }
    names
}

fn bounds(condition: &Node) -> Vec<Bound> {
    let Kind::Map(entries) = &condition.kind else { return Vec::new() };
    let bound = |entry: &Entry| {
        let compares = matches!(entry.key.as_str(), "gt" | "gte" | "lt" | "lte" | "eq" | "neq");
        compares.then(|| Some((entry.key.clone(), scalar_number(&entry.value)?))).flatten()
    };
    entries.iter().filter_map(bound).collect()
}

#[expect(clippy::cast_precision_loss, reason = "no window holds so many events")]
fn scalar_number(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Scalar(Scalar { meaning: Meaning::Int(number), .. }) => Some(*number as f64),
        Kind::Scalar(Scalar { meaning: Meaning::Float(number), .. }) => Some(*number),
        Kind::Scalar(Scalar { text, meaning: Meaning::Text }) => text.parse().ok(),
        _ => None,
    }
}

fn aliases(node: &Node) -> BTreeMap<String, BTreeMap<String, String>> {
    let Some(Kind::Map(entries)) = node.get("aliases").map(|node| &node.kind) else {
        return BTreeMap::new();
    };
    let fields = |entry: &Entry| {
        let Kind::Map(fields) = &entry.value.kind else { return BTreeMap::new() };
        let field = |it: &Entry| Some((it.key.clone(), it.value.text()?.replace(' ', "")));
        fields.iter().filter_map(field).collect()
    };
    entries.iter().map(|entry| (entry.key.replace(' ', ""), fields(entry))).collect()
}

/// `10m` in nanoseconds.
fn nanos(text: &str) -> Option<i64> {
    let (digits, seconds) = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    digits.parse::<i64>().ok()?.checked_mul(seconds)?.checked_mul(1_000_000_000)
}

/// Whether a condition over the rules holds when exactly those of the mask were seen.
pub(super) fn holds(asked: &Asked, text: &str, mask: u64) -> Result<bool, PlainError> {
    let seen: Vec<(String, bool)> = asked
        .rules
        .iter()
        .enumerate()
        .map(|(place, (_, name))| (name.clone(), mask >> place & 1 == 1))
        .collect();
    condition::holds(text, &seen).map_err(|reason| wrong(1, reason))
}

/// Rules that fit the mask of a fact.
const RULES_MAX: usize = 64;
/// Rules of a condition that is tried out: 4,096 sets.
const CONDITION_RULES_MAX: usize = 12;
