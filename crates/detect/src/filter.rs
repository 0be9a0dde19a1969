//! Sigma filters: conditions of a place that are added to rules written elsewhere.
//!
//! A filter names rules (by id or name, or `any`) and a log source; its condition must hold as well for one
//! of these rules to match, so an exclusion is written `condition: not selection`. A filter belongs to a
//! rule when it names the rule and every attribute of its log source is the rule's. Filters act on rules of
//! single events; a correlation sees fewer events when the rules it refers to are filtered.
//!
//! An exclusion that has an end carries `expires: YYYY-MM-DD`; from the day after it is not applied.

use crate::attributes::{bad, hex, log_source, optional_text, required_text, stem, texts};
use crate::error::{Fault, RuleError};
use crate::rule::{RuleLogSource, conditioned};
use crate::selection::{LeafSpec, Remark, Said, Selections};
use crate::tree::Tree;
use crate::yaml::{Document, Kind, Meaning, Node, Scalar};
use sha2::Digest as _;
use std::collections::BTreeMap;

/// A filter as its document describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The filter's id; the stem of the file name when it has none.
    pub id: String,
    /// The title.
    pub title: String,
    /// Why it is there; may be empty.
    pub description: String,
    /// Who is answerable for it; may be empty.
    pub author: String,
    /// The last day on which it is applied, `YYYY-MM-DD`; `None` when it has no end.
    pub expires: Option<String>,
    /// Whose rules it may belong to: each attribute that is given must be that of the rule.
    pub logsource: RuleLogSource,
    /// Where it was loaded from, as shown in messages.
    pub source_name: String,
    /// The line of the source at which the document begins, counted from 1.
    pub source_line: usize,
    /// The document.
    pub text: String,
    /// SHA-256 of the document, in hex.
    pub revision: String,
}

/// Which rules a filter names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// Every rule of its log source.
    Any,
    /// These, by id or name, each with the line where it stands.
    These(Vec<(String, usize)>),
}

/// A filter that was read, its tests not numbered yet.
pub(crate) struct FilterDraft {
    pub(crate) filter: Filter,
    pub(crate) rules: Named,
    pub(crate) tree: Tree<LeafSpec>,
    pub(crate) said: Vec<Said>,
    pub(crate) remarks: Vec<Remark>,
}

/// Reads a document that has the attribute `filter`.
pub(crate) fn read(
    root: &Node,
    document: Document<'_>,
    source_name: &str,
    lists: &BTreeMap<String, Vec<String>>,
) -> Result<FilterDraft, Fault> {
    let filter = Filter {
        title: required_text(root, "title")?,
        id: optional_text(root, "id")?.unwrap_or_else(|| stem(source_name, document)),
        description: optional_text(root, "description")?.unwrap_or_default(),
        author: texts(root, "author").join(", "),
        expires: expiry(root)?,
        logsource: log_source(root)?,
        source_name: source_name.to_owned(),
        source_line: document.first_line,
        text: document.text.to_owned(),
        revision: hex(&sha2::Sha256::digest(document.text)),
    };
    let node =
        root.get("filter").ok_or(RuleError::Missing { attribute: "filter" }.at(root.line))?;
    if !matches!(node.kind, Kind::Map(_)) {
        return Err(bad("filter", node.describe(), "a map").at(node.line));
    }
    let rules =
        node.get("rules").ok_or(RuleError::Missing { attribute: "filter.rules" }.at(node.line))?;
    let rules = named(rules)?;
    let mut selections = Selections::new(lists);
    let tree = conditioned(node, "filter.condition", &["rules"], &mut selections)?;
    if !holds_without_match(&tree) {
        let message = "without not, this filter keeps only the matches that it selects; to exclude them write condition: not selection".to_owned();
        selections.remarks.push(Remark { line: node.line, message });
    }
    Ok(FilterDraft { filter, rules, tree, said: selections.said, remarks: selections.remarks })
}

fn named(node: &Node) -> Result<Named, Fault> {
    let wrong = |item: &Node| {
        bad("filter.rules", item.describe(), "any, or ids or names of rules").at(item.line)
    };
    match &node.kind {
        Kind::Scalar(Scalar { text, meaning: Meaning::Text })
            if text.eq_ignore_ascii_case("any") || text.eq_ignore_ascii_case("all") =>
        {
            Ok(Named::Any)
        }
        Kind::List(items) if items.is_empty() => Ok(Named::Any),
        _ => {
            let one = |item: &Node| {
                let text = item.text().filter(|text| !text.is_empty());
                text.map(|text| (text.to_owned(), item.line)).ok_or_else(|| wrong(item))
            };
            node.items().iter().map(one).collect::<Result<_, _>>().map(Named::These)
        }
    }
}

fn expiry(root: &Node) -> Result<Option<String>, Fault> {
    let Some(text) = optional_text(root, "expires")? else { return Ok(None) };
    match text.parse::<jiff::civil::Date>() {
        Ok(day) => Ok(Some(day.to_string())),
        Err(_) => {
            let found = format!("{:?}", crate::error::shown(&text));
            Err(bad("expires", found, "a day such as 2026-12-31").at(root.line))
        }
    }
}

/// Whether the condition denies something: then it can hold although no selection does.
fn holds_without_match(tree: &Tree<LeafSpec>) -> bool {
    match tree {
        Tree::All(parts) => parts.iter().all(holds_without_match),
        Tree::Any(parts) => parts.iter().any(holds_without_match),
        Tree::Not(_) => true,
        Tree::Leaf(leaf) => leaf.negated,
    }
}
