//! Attributes that rules, filters and correlations share: how each is read and what it may hold.

use crate::cause::{Attribute, Expected, Found, Plain, Quoted, Unsupported};
use crate::error::{Fault, RuleError};
use crate::rule::{Related, RelationKind, RuleLogSource};
use crate::yaml::{Document, Entry, Kind, Node};

/// Refuses what no document of Sigma 2 may be.
pub(crate) fn refuse_foreign(root: &Node) -> Result<(), Fault> {
    if !matches!(root.kind, Kind::Map(_)) {
        let (found, expected) = (root.describe(), Expected::MapOfAttributes);
        return Err(RuleError::BadAttribute(Attribute::Document, found, expected).at(root.line));
    }
    if let Some(entry) = root.entry("action") {
        // Collections with global, reset and repeat ended with version 1 of the specification.
        return Err(RuleError::NotSupported(Unsupported::Action).at(entry.line));
    }
    match root.get("taxonomy") {
        Some(node) if node.text() != Some("sigma") => {
            Err(RuleError::NotSupported(Unsupported::Taxonomy(node.describe())).at(node.line))
        }
        _ => Ok(()),
    }
}

/// Reads `logsource`, which rules and filters must have.
pub(crate) fn log_source(root: &Node) -> Result<RuleLogSource, Fault> {
    let node = root.get("logsource");
    let node = node.ok_or(RuleError::Missing("logsource").at(root.line))?;
    let Kind::Map(entries) = &node.kind else {
        return Err(bad("logsource", node.describe(), Expected::Map).at(node.line));
    };
    let mut source = RuleLogSource::default();
    for Entry { key, line, value } in entries {
        let slot = match key.as_str() {
            "product" => &mut source.product,
            "service" => &mut source.service,
            "category" => &mut source.category,
            // Words for people about how to record these events.
            "definition" => continue,
            other => {
                let found = Found::Extended(Quoted::of(other));
                return Err(bad("logsource", found, Expected::LogSourceKeys).at(*line));
            }
        };
        let Some(text) = value.text().filter(|text| !text.is_empty()) else {
            let attribute = Attribute::LogSource(Plain::of(key));
            let (found, expected) = (value.describe(), Expected::Name);
            return Err(RuleError::BadAttribute(attribute, found, expected).at(*line));
        };
        *slot = Some(text.to_ascii_lowercase());
    }
    if source == RuleLogSource::default() {
        return Err(bad("logsource", Found::Empty, Expected::LogSourceSome).at(node.line));
    }
    Ok(source)
}

/// Reads `related`: which other rules this one comes from or stands in for.
pub(crate) fn related(root: &Node) -> Result<Vec<Related>, Fault> {
    let Some(node) = root.get("related") else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for item in node.items().iter().filter(|item| item.describe() != Found::Empty) {
        let Some(id) = item.get("id").and_then(Node::text) else {
            return Err(bad("related", item.describe(), Expected::Relation).at(item.line));
        };
        let kind = chosen(item, "type", Expected::RelationType, RelationKind::of_name)?;
        let kind = kind.ok_or(RuleError::Missing("related.type").at(item.line))?;
        found.push(Related { id: id.to_owned(), kind });
    }
    Ok(found)
}

pub(crate) const fn bad(attribute: &'static str, found: Found, expected: Expected) -> RuleError {
    RuleError::BadAttribute(Attribute::At(attribute), found, expected)
}

pub(crate) fn required_text(root: &Node, attribute: &'static str) -> Result<String, Fault> {
    optional_text(root, attribute)?.ok_or(RuleError::Missing(attribute).at(root.line))
}

pub(crate) fn optional_text(root: &Node, attribute: &'static str) -> Result<Option<String>, Fault> {
    match root.get(attribute) {
        None => Ok(None),
        Some(node) => match &node.kind {
            Kind::Scalar(scalar) => {
                Ok(Some(scalar.text.trim().to_owned()).filter(|text| !text.is_empty()))
            }
            _ => Err(bad(attribute, node.describe(), Expected::Text).at(node.line)),
        },
    }
}

pub(crate) fn chosen<T>(
    root: &Node,
    attribute: &'static str,
    expected: Expected,
    of_name: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some(node) = root.get(attribute) else { return Ok(None) };
    let found = node.text().and_then(|text| of_name(&text.to_ascii_lowercase()));
    found.map(Some).ok_or_else(|| bad(attribute, node.describe(), expected).at(node.line))
}

/// The texts of a list or of a single scalar. These attributes are words for people: whatever else stands
/// there is left out rather than a reason to refuse a rule.
pub(crate) fn texts(root: &Node, attribute: &str) -> Vec<String> {
    let node = root.get(attribute);
    let items = node.map(Node::items).unwrap_or_default();
    items.iter().filter_map(Node::text).map(ToOwned::to_owned).collect()
}

/// The name of a document without an id: the stem of its file.
pub(crate) fn stem(source_name: &str, document: Document<'_>) -> String {
    let file = source_name.rsplit(['/', '\\']).next().unwrap_or(source_name);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match document.first_line {
        1 => stem.to_owned(),
        // Several documents of one source must not share a name.
        line => format!("{stem}:{line}"),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
