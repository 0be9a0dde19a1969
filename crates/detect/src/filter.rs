//! Sigma filters: conditions of a place that are added to rules written elsewhere.
//!
//! A filter names rules (by id or name, or `any`) and a log source; its condition must hold as well for one
//! of these rules to match, so an exclusion is written `condition: not selection`. A filter belongs to a
//! rule when it names the rule and every attribute of its log source is the rule's. Filters act on rules of
//! single events; a correlation sees fewer events when the rules it refers to are filtered.
//!
//! An exclusion that has an end carries `expires: YYYY-MM-DD`; from the day after it is not applied.

use crate::attributes::{bad, hex, log_source, optional_text, required_text, stem, texts};
use crate::cause::{Expected, Found, LintCause, Quoted, Unsupported};
use crate::compile::{CompileOptions, Refused, RuleSource, compile};
use crate::error::{Fault, RuleError};
use crate::rule::{RuleLogSource, conditioned};
use crate::selection::{LeafSpec, Remark, Said, Selections};
use crate::tree::Tree;
use crate::yaml::{self, Document, Kind, Meaning, Node, Scalar};
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
    /// The rules that it names, by id or name; empty: any rule of its log source.
    pub rules: Vec<String>,
    /// Where it was loaded from, as shown in messages.
    pub source_name: String,
    /// The line of the source at which the document begins, counted from 1.
    pub source_line: usize,
    /// The document.
    pub text: String,
    /// SHA-256 of the document, in hex.
    pub revision: String,
}

impl Filter {
    /// The one filter that a text holds.
    ///
    /// # Errors
    /// What cannot be evaluated exactly; or that the text is not one filter.
    pub fn of_text(source: RuleSource<'_>, options: &CompileOptions) -> Result<Self, Vec<Refused>> {
        let mut compiled = compile([source], options);
        if !compiled.refused.is_empty() {
            return Err(std::mem::take(&mut compiled.refused));
        }
        let mut filters = filters_of(source.name, source.text);
        match filters.pop() {
            Some(only) if filters.is_empty() && yaml::documents(source.text).len() == 1 => Ok(only),
            _ => {
                let cause = RuleError::NotSupported(Unsupported::NotOneFilter);
                Err(vec![Refused::new(source.name, None, None, cause)])
            }
        }
    }

    /// The document with its condition turned round: it keeps what this filter takes away. `None` when the
    /// condition does not stand on one line, as text.
    #[must_use]
    pub fn turned_round(&self) -> Option<String> {
        let parsed = |text: &str| match yaml::documents(text).as_slice() {
            [only] => yaml::parse(*only).ok(),
            _ => None,
        };
        let root = parsed(&self.text)?;
        let entry = root.get("filter")?.entry("condition")?;
        let turned = format!("not ({})", entry.value.text()?);
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        let line = lines.get_mut(entry.line.checked_sub(1)?)?;
        let depth = line.len() - line.trim_start().len();
        if !line.trim_start().starts_with("condition:") {
            return None;
        }
        *line = format!("{:depth$}condition: '{}'", "", turned.replace('\'', "''"));
        let text = lines.join("\n") + "\n";
        // Whatever else stood on that line or went on behind it shows here.
        let again = parsed(&text)?;
        let node = again.get("filter")?;
        let same = node.get("condition")?.text() == Some(&turned)
            && keys(node) == keys(root.get("filter")?)
            && keys(&again) == keys(&root);
        same.then_some(text)
    }
}

/// The filters of a text as their documents describe them, such as those behind a rule in an alert
/// ([`crate::Rule::text_with_filters`]): an alert's filters were all consulted, and none took it away. Documents
/// that are no filters are left out.
#[must_use]
pub fn filters_of(source_name: &str, text: &str) -> Vec<Filter> {
    let documents = yaml::documents(text).into_iter();
    let read = |document: Document<'_>| {
        let root = yaml::parse(document).ok()?;
        header(&root, document, source_name).ok().map(|(filter, ..)| filter)
    };
    documents.filter_map(read).collect()
}

fn keys(node: &Node) -> Vec<&str> {
    match &node.kind {
        Kind::Map(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        _ => Vec::new(),
    }
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
    let (filter, node, rules) = header(root, document, source_name)?;
    let mut selections = Selections::new(lists);
    let tree = conditioned(node, "filter.condition", &["rules"], &mut selections)?;
    if !holds_without_match(&tree) {
        let cause = LintCause::KeepsOnly;
        selections.remarks.push(Remark { line: node.line, cause });
    }
    Ok(FilterDraft { filter, rules, tree, said: selections.said, remarks: selections.remarks })
}

/// What a filter says about itself, the node of its condition, and the rules that it names.
fn header<'n>(
    root: &'n Node,
    document: Document<'_>,
    source_name: &str,
) -> Result<(Filter, &'n Node, Named), Fault> {
    let (title, id) = (required_text(root, "title")?, optional_text(root, "id")?);
    let description = optional_text(root, "description")?.unwrap_or_default();
    let (author, expires) = (texts(root, "author").join(", "), expiry(root)?);
    let logsource = log_source(root)?;
    let node = root.get("filter").ok_or(RuleError::Missing("filter").at(root.line))?;
    if !matches!(node.kind, Kind::Map(_)) {
        return Err(bad("filter", node.describe(), Expected::Map).at(node.line));
    }
    let rules = node.get("rules").ok_or(RuleError::Missing("filter.rules").at(node.line))?;
    let rules = named(rules)?;
    let filter = Filter {
        title,
        id: id.unwrap_or_else(|| stem(source_name, document)),
        description,
        author,
        expires,
        logsource,
        rules: match &rules {
            Named::Any => Vec::new(),
            Named::These(names) => names.iter().map(|(name, _)| name.clone()).collect(),
        },
        source_name: source_name.to_owned(),
        source_line: document.first_line,
        text: document.text.to_owned(),
        revision: hex(&sha2::Sha256::digest(document.text)),
    };
    Ok((filter, node, rules))
}

fn named(node: &Node) -> Result<Named, Fault> {
    let wrong =
        |item: &Node| bad("filter.rules", item.describe(), Expected::RulesOfFilter).at(item.line);
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
            let found = Found::Text(Quoted::of(&text));
            Err(bad("expires", found, Expected::Day).at(root.line))
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

#[cfg(test)]
mod tests {
    use super::*;

    const FILTER: &str = "title: F\nid: f\nlogsource: {product: linux}\nfilter:\n  rules: [a, b]\n  it's: {A: 1}\n  condition: not it's # why\n";

    fn read_one(text: &str) -> Result<Filter, Vec<Refused>> {
        Filter::of_text(RuleSource { name: "f.yml", text }, &CompileOptions::default())
    }

    #[test]
    fn a_text_is_one_filter_or_refused() {
        let filter = read_one(FILTER).expect("one filter");
        assert_eq!(filter.rules, ["a", "b"]);
        let any = read_one(&FILTER.replace("[a, b]", "any")).expect("one filter");
        assert_eq!(any.rules, [""; 0]);
        let rule =
            "title: R\nid: r\nlogsource: {product: linux}\ndetection: {s: {A: 1}, condition: s}\n";
        for text in [
            rule,
            &format!("{FILTER}---\n{rule}"),
            &format!("{FILTER}---\n{}", FILTER.replace("id: f", "id: g")),
        ] {
            let refused = read_one(text).expect_err("not one filter");
            assert!(refused[0].reason.contains("exactly one filter"), "{}", refused[0]);
        }
        let broken = read_one(&FILTER.replace("A: 1", "A|re: '('")).expect_err("no expression");
        assert_eq!(broken[0].line, Some(6));
    }

    #[test]
    fn a_filter_turned_round_keeps_what_it_took_away() {
        let turned = read_one(FILTER).expect("one filter").turned_round().expect("one line");
        assert!(turned.contains("\n  condition: 'not (not it''s)'\n"), "{turned}");
        assert!(read_one(&turned).is_ok());
        for condition in
            ["condition: >-\n    not it's", "condition: not\n    it's", "condition: [not it's]"]
        {
            let text = FILTER.replace("condition: not it's # why", condition);
            assert_eq!(read_one(&text).expect("a filter").turned_round(), None, "{text}");
        }
        let flow = "title: F\nid: f\nlogsource: {product: linux}\nfilter: {rules: any, s: {A: 1}, condition: not s}\n";
        assert_eq!(read_one(flow).expect("a filter").turned_round(), None);
    }
}
