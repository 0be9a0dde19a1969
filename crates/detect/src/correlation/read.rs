//! From a document with the attribute `correlation` to what it asks.

use super::expression::Expression;
use crate::attributes::bad;
use crate::cause::{Attribute, ConditionFault, Expected, Found, LintCause, Measure, Plain, Quoted};
use crate::error::{Fault, RuleError};
use crate::limits;
use crate::rule::{Rule, header};
use crate::selection::{Remark, without_spaces};
use crate::yaml::{Document, Entry, Kind, Meaning, Node, Scalar};
use std::collections::BTreeMap;

/// A correlation that was read, its references not resolved yet.
#[derive(Debug, Clone)]
pub(crate) struct CorrelationDraft {
    pub(crate) rule: Rule,
    /// Line of the attribute `correlation`.
    pub(crate) line: usize,
    /// The rules it refers to, by id or name.
    pub(crate) references: Vec<String>,
    pub(crate) group_by: Vec<String>,
    /// Alias → reference → field.
    pub(crate) aliases: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) span_ns: i64,
    pub(crate) generate: bool,
    pub(crate) test: Test,
    /// Fields that the test looks at.
    pub(crate) value_fields: Vec<String>,
    pub(crate) remarks: Vec<Remark>,
}

/// What must hold of the events of a window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// Their number compares.
    Count(Bounds),
    /// The number of their distinct values compares.
    Distinct(Bounds),
    /// A number made of their values compares.
    Number(Aggregate, Bounds),
    /// The number of different rules among them compares.
    Rules(Bounds),
    /// The rules among them satisfy the condition.
    Together(Expression),
    /// The rules come one after the other.
    Ordered(Vec<usize>),
    /// As `Together`, judged at the end of a window that begins with an event of the first mask.
    Absent { begins: u64, condition: Expression },
    /// As `Ordered`, judged at the end of the window, and no rule of the mask is seen in it.
    OrderedAbsent { order: Vec<usize>, absent: u64 },
}

impl Test {
    /// Whether the end of the window must be awaited.
    pub(crate) const fn awaits_end(&self) -> bool {
        matches!(self, Self::Absent { .. } | Self::OrderedAbsent { .. })
    }
}

/// How values become one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Aggregate {
    Sum,
    Average,
    /// Percent, between neighbours in a straight line; 50 is the median.
    Percentile(f64),
}

/// Comparisons that must all hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bounds(Vec<(Operator, f64)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
}

const OPERATORS: [(&str, Operator); 6] = [
    ("gt", Operator::Greater),
    ("gte", Operator::GreaterOrEqual),
    ("lt", Operator::Less),
    ("lte", Operator::LessOrEqual),
    ("eq", Operator::Equal),
    ("neq", Operator::NotEqual),
];

impl Bounds {
    #[expect(clippy::float_cmp, reason = "eq and neq of a rule mean exactly that")]
    pub(crate) fn hold(&self, number: f64) -> bool {
        self.0.iter().all(|(operator, bound)| match operator {
            Operator::Greater => number > *bound,
            Operator::GreaterOrEqual => number >= *bound,
            Operator::Less => number < *bound,
            Operator::LessOrEqual => number <= *bound,
            Operator::Equal => number == *bound,
            Operator::NotEqual => number != *bound,
        })
    }

    /// The comparisons as a rule writes them: name and number.
    pub(crate) fn shown(&self) -> Vec<(&'static str, String)> {
        let name = |wanted: Operator| {
            OPERATORS.iter().find(|(_, known)| *known == wanted).map_or("", |(name, _)| name)
        };
        self.0.iter().map(|(operator, bound)| (name(*operator), bound.to_string())).collect()
    }

    /// Whether a whole number from 1 to `most` satisfies them.
    fn can_hold(&self, most: usize) -> bool {
        let most = most as f64;
        let near =
            |bound: f64| [bound.floor() - 1.0, bound.floor(), bound.ceil(), bound.ceil() + 1.0];
        let candidates = self.0.iter().flat_map(|(_, bound)| near(*bound)).chain([1.0, most]);
        candidates.filter(|it| (1.0..=most).contains(it)).any(|it| self.hold(it))
    }
}

/// Reads a document that has the attribute `correlation`.
pub(crate) fn read(
    root: &Node,
    document: Document<'_>,
    source_name: &str,
) -> Result<CorrelationDraft, Fault> {
    let mut remarks = Vec::new();
    let rule = header(root, document, source_name, &mut remarks)?;
    if root.get("detection").is_some() || root.get("filter").is_some() {
        let found = Found::BesideOthers;
        return Err(bad("correlation", found, Expected::OwnDocumentOnly).at(root.line));
    }
    let entry = root.entry("correlation");
    let entry = entry.ok_or(RuleError::Missing("correlation").at(root.line))?;
    let node = &entry.value;
    only_known(node)?;
    let mut references = names(node, "rules", "correlation.rules")?;
    if references.len() > limits::CORRELATION_RULES_MAX {
        let limit = limits::CORRELATION_RULES_MAX;
        return Err(RuleError::too_large(Measure::Rules, limit).at(node.line));
    }
    let (test, value_fields) = test(node, &mut references)?;
    if references.is_empty() {
        return Err(RuleError::Missing("correlation.rules").at(node.line));
    }
    if let Some(line) = unused(&test, references.len()) {
        let unused = references.get(line).map_or("", String::as_str);
        let cause = LintCause::UnusedRule(Plain::of(unused));
        remarks.push(Remark { line: node.line, cause });
    }
    let group_by = names(node, "group-by", "correlation.group-by")?;
    if group_by.is_empty() {
        remarks.push(Remark { line: node.line, cause: LintCause::NoGroup });
    }
    if group_by.len() + value_fields.len() > limits::CORRELATION_FIELDS_MAX {
        let limit = limits::CORRELATION_FIELDS_MAX;
        return Err(RuleError::too_large(Measure::Fields, limit).at(node.line));
    }
    Ok(CorrelationDraft {
        rule,
        line: entry.line,
        group_by: group_by.iter().map(|name| without_spaces(name)).collect(),
        aliases: aliases(node)?,
        span_ns: span(node)?,
        generate: generate(node)?,
        references,
        test,
        value_fields,
        remarks,
    })
}

fn only_known(node: &Node) -> Result<(), Fault> {
    const KNOWN: [&str; 7] =
        ["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];
    let Kind::Map(entries) = &node.kind else {
        return Err(bad("correlation", node.describe(), Expected::Map).at(node.line));
    };
    match entries.iter().find(|entry| !KNOWN.contains(&entry.key.as_str())) {
        None => Ok(()),
        Some(entry) => {
            let found = Found::Extended(Quoted::of(&entry.key));
            Err(bad("correlation", found, Expected::CorrelationKeys).at(entry.line))
        }
    }
}

fn names(node: &Node, key: &str, attribute: &'static str) -> Result<Vec<String>, Fault> {
    let mut found: Vec<String> = Vec::new();
    for item in node.get(key).map(Node::items).unwrap_or_default() {
        let text = item.text().filter(|text| !text.is_empty());
        let text =
            text.ok_or_else(|| bad(attribute, item.describe(), Expected::Names).at(item.line))?;
        if found.iter().any(|known| known == text) {
            let found = Found::Twice(Quoted::of(text));
            return Err(bad(attribute, found, Expected::EachNameOnce).at(item.line));
        }
        found.push(text.to_owned());
    }
    Ok(found)
}

fn test(node: &Node, references: &mut Vec<String>) -> Result<(Test, Vec<String>), Fault> {
    const TYPES: [&str; 8] = [
        "event_count",
        "value_count",
        "temporal",
        "temporal_ordered",
        "value_sum",
        "value_avg",
        "value_percentile",
        "value_median",
    ];
    let kind = node.get("type");
    let kind = kind.ok_or(RuleError::Missing("correlation.type").at(node.line))?;
    let unknown =
        || bad("correlation.type", kind.describe(), Expected::CorrelationType).at(kind.line);
    let name = kind.text().filter(|name| TYPES.contains(name)).ok_or_else(unknown)?;
    let condition = node.get("condition");
    if matches!(name, "temporal" | "temporal_ordered") {
        return temporal(name == "temporal_ordered", condition, references)
            .map(|test| (test, Vec::new()));
    }
    let missing = RuleError::Missing("correlation.condition");
    let condition = condition.ok_or_else(|| missing.at(node.line))?;
    let bounds = bounds(condition)?;
    let fields: Vec<String> = names(condition, "field", "correlation.condition.field")?
        .iter()
        .map(|name| without_spaces(name))
        .collect();
    let percentile = percentile(condition)?;
    if percentile.is_some() != (name == "value_percentile") {
        return Err(match percentile {
            None => RuleError::Missing("correlation.condition.percentile"),
            Some(_) => bad("condition.percentile", Found::There, Expected::PercentileType),
        }
        .at(condition.line));
    }
    let counts = |bounds: &Bounds| possible(bounds, limits::EVENTS_PER_WINDOW_MAX, condition);
    let fields_wanted = match name {
        "event_count" => 0..=0,
        "value_count" => 1..=limits::CORRELATION_FIELDS_MAX,
        _ => 1..=1,
    };
    let test = match name {
        "event_count" => {
            counts(&bounds)?;
            Test::Count(bounds)
        }
        "value_count" => {
            counts(&bounds)?;
            Test::Distinct(bounds)
        }
        "value_sum" => Test::Number(Aggregate::Sum, bounds),
        "value_avg" => Test::Number(Aggregate::Average, bounds),
        "value_median" => Test::Number(Aggregate::Percentile(50.0), bounds),
        "value_percentile" => {
            Test::Number(Aggregate::Percentile(percentile.unwrap_or_default()), bounds)
        }
        _ => return Err(unknown()),
    };
    if !fields_wanted.contains(&fields.len()) {
        let (found, expected) = (Found::Fields(fields.len()), Expected::FieldCount);
        return Err(bad("correlation.condition.field", found, expected).at(condition.line));
    }
    Ok((test, fields))
}

fn temporal(
    ordered: bool,
    condition: Option<&Node>,
    references: &mut Vec<String>,
) -> Result<Test, Fault> {
    let all = |count: usize| (0..count).collect::<Vec<usize>>();
    let Some(condition) = condition else {
        let count = references.len();
        let every = Bounds(vec![(Operator::GreaterOrEqual, count as f64)]);
        return Ok(if ordered { Test::Ordered(all(count)) } else { Test::Rules(every) });
    };
    let wrong = |fault: ConditionFault| RuleError::BadCondition(fault).at(condition.line);
    let Some(text) = condition.text() else {
        let bounds = bounds(condition)?;
        if condition.get("field").is_some() || condition.get("percentile").is_some() {
            return Err(wrong(ConditionFault::TemporalField));
        }
        possible(&bounds, references.len(), condition)?;
        let last = references.len() as f64;
        if !ordered {
            return Ok(Test::Rules(bounds));
        }
        if bounds.hold(last - 1.0) || !bounds.hold(last) {
            return Err(wrong(ConditionFault::OrderOfAll));
        }
        return Ok(Test::Ordered(all(references.len())));
    };
    let expression = Expression::parse(text, references).map_err(wrong)?;
    if expression.holds(0) {
        return Err(wrong(ConditionFault::HoldsWithoutEvent));
    }
    let (begins, absent) = (expression.rules(true), expression.rules(false));
    if !ordered {
        return Ok(match expression.asks_absence() {
            true => Test::Absent { begins, condition: expression },
            false => Test::Together(expression),
        });
    }
    if !expression.is_row() || begins & absent != 0 {
        return Err(wrong(ConditionFault::NoOrder));
    }
    let order: Vec<usize> =
        (0..references.len()).filter(|place| begins >> place & 1 == 1).collect();
    if absent == 0 {
        return Ok(Test::Ordered(order));
    }
    Ok(Test::OrderedAbsent { order, absent })
}

fn unused(test: &Test, rules: usize) -> Option<usize> {
    let used = match test {
        Test::Together(condition) | Test::Absent { condition, .. } => {
            condition.rules(true) | condition.rules(false)
        }
        Test::Ordered(order) => order.iter().fold(0, |mask, place| mask | 1 << place),
        Test::OrderedAbsent { order, absent } => {
            order.iter().fold(*absent, |mask, place| mask | 1 << place)
        }
        _ => return None,
    };
    (0..rules).find(|place| used >> place & 1 == 0)
}

fn bounds(node: &Node) -> Result<Bounds, Fault> {
    let Kind::Map(entries) = &node.kind else {
        let expected = Expected::ComparisonMap;
        return Err(bad("correlation.condition", node.describe(), expected).at(node.line));
    };
    let mut bounds = Vec::new();
    for Entry { key, line, value } in entries {
        if key == "field" || key == "percentile" {
            continue;
        }
        let operator =
            OPERATORS.iter().find(|(name, _)| name == key).map(|(_, operator)| *operator);
        let operator = operator.ok_or_else(|| {
            let found = Found::Extended(Quoted::of(key));
            bad("correlation.condition", found, Expected::ComparisonKeys).at(*line)
        })?;
        let number = number(value).ok_or_else(|| {
            let attribute = Attribute::Condition(Plain::of(key));
            RuleError::BadAttribute(attribute, value.describe(), Expected::Number).at(*line)
        })?;
        bounds.push((operator, number));
    }
    if bounds.is_empty() {
        let (found, expected) = (Found::WithoutNumber, Expected::Comparison);
        return Err(bad("correlation.condition", found, expected).at(node.line));
    }
    Ok(Bounds(bounds))
}

#[expect(clippy::cast_precision_loss, reason = "no window holds so many events")]
fn number(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Scalar(Scalar { meaning: Meaning::Int(number), .. }) => Some(*number as f64),
        Kind::Scalar(Scalar { meaning: Meaning::Float(number), .. }) => Some(*number),
        // Some authors quote the number.
        Kind::Scalar(Scalar { text, meaning: Meaning::Text }) => {
            text.parse::<u32>().ok().map(f64::from)
        }
        _ => None,
    }
}

/// A count is looked at when an event comes, hence it is at least 1; and no window holds more events than
/// the limit.
fn possible(bounds: &Bounds, most: usize, node: &Node) -> Result<(), Fault> {
    if bounds.can_hold(most) {
        return Ok(());
    }
    Err(RuleError::BadCondition(ConditionFault::Impossible(most)).at(node.line))
}

fn percentile(node: &Node) -> Result<Option<f64>, Fault> {
    let Some(percentile) = node.get("percentile") else { return Ok(None) };
    let wrong = || bad("condition.percentile", percentile.describe(), Expected::Percent);
    let number = number(percentile).filter(|number| (0.0..=100.0).contains(number));
    number.map(Some).ok_or_else(|| wrong().at(percentile.line))
}

fn aliases(node: &Node) -> Result<BTreeMap<String, BTreeMap<String, String>>, Fault> {
    let Some(node) = node.get("aliases") else { return Ok(BTreeMap::new()) };
    let wrong =
        |node: &Node| bad("correlation.aliases", node.describe(), Expected::Aliases).at(node.line);
    let Kind::Map(entries) = &node.kind else { return Err(wrong(node)) };
    let mut all = BTreeMap::new();
    for Entry { key, value, .. } in entries {
        let Kind::Map(fields) = &value.kind else { return Err(wrong(value)) };
        let field = |entry: &Entry| {
            let text = entry.value.text().ok_or_else(|| wrong(&entry.value))?;
            Ok((entry.key.clone(), without_spaces(text)))
        };
        let fields: Result<BTreeMap<String, String>, Fault> = fields.iter().map(field).collect();
        all.insert(without_spaces(key), fields?);
    }
    Ok(all)
}

fn generate(node: &Node) -> Result<bool, Fault> {
    match node.get("generate").map(|node| (node, &node.kind)) {
        None => Ok(false),
        Some((_, Kind::Scalar(Scalar { meaning: Meaning::Bool(truth), .. }))) => Ok(*truth),
        Some((node, _)) => {
            Err(bad("correlation.generate", node.describe(), Expected::Truth).at(node.line))
        }
    }
}

/// A whole number and one of the letters s, m, h and d; in nanoseconds.
fn span(node: &Node) -> Result<i64, Fault> {
    let found = node.get("timespan");
    let found = found.ok_or(RuleError::Missing("correlation.timespan").at(node.line))?;
    let wrong = || bad("correlation.timespan", found.describe(), Expected::Span).at(found.line);
    let text = found.text().ok_or_else(wrong)?;
    let unit_seconds = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    let count =
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok());
    let seconds = count.flatten().and_then(|count| count.checked_mul(unit_seconds));
    let seconds = seconds.filter(|seconds| (1..=limits::TIMESPAN_SECONDS_MAX).contains(seconds));
    seconds.map(|seconds| seconds * 1_000_000_000).ok_or_else(wrong)
}
