//! The rule: what its document says about it, and its condition as one tree.

use crate::attributes::{
    bad, chosen, hex, log_source, optional_text, related, required_text, stem, texts,
};
use crate::cause::{ConditionFault, Expected, LintCause, Measure, Plain, Unsupported};
use crate::condition;
use crate::error::{Fault, RuleError};
use crate::filter::Filter;
use crate::limits;
use crate::predicate::{self, TestSpec};
use crate::selection::{LeafSpec, Remark, Said, Selections};
use crate::tree::Tree;
use crate::yaml::{Document, Kind, Node};
use model::Level;
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How ripe a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// For production.
    Stable,
    /// Nearly; may need tuning.
    Test,
    /// May be noisy.
    Experimental,
    /// Replaced or withdrawn. Loaded, never evaluated.
    Deprecated,
    /// Cannot be evaluated as it stands, by its author's word. Loaded, never evaluated.
    Unsupported,
}

impl Status {
    /// The name as in a rule.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Test => "test",
            Self::Experimental => "experimental",
            Self::Deprecated => "deprecated",
            Self::Unsupported => "unsupported",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::Stable, Self::Test, Self::Experimental, Self::Deprecated, Self::Unsupported]
            .into_iter()
            .find(|status| status.name() == name)
    }

    /// Whether rules of this status are evaluated.
    #[must_use]
    pub const fn is_active(self) -> bool {
        !matches!(self, Self::Deprecated | Self::Unsupported)
    }
}

/// Which events a rule wants to see; what is `None` asks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RuleLogSource {
    /// `windows`, `linux` …
    pub product: Option<String>,
    /// `security`, `auditd` …
    pub service: Option<String>,
    /// `process_creation`, `file_event` …
    pub category: Option<String>,
}

impl RuleLogSource {
    /// Whether an event of this source is for the rule.
    #[must_use]
    pub fn is_satisfied_by(&self, source: &model::LogSource) -> bool {
        source.satisfies(self.product.as_deref(), self.service.as_deref(), self.category.as_deref())
    }

    /// Whether each attribute that this source gives is that of the other.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let fits = |own: &Option<String>, other: &Option<String>| own.is_none() || own == other;
        fits(&self.product, &other.product)
            && fits(&self.service, &other.service)
            && fits(&self.category, &other.category)
    }
}

/// How a rule stands to another one that its author names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// It was made from the other, which may remain in use.
    Derived,
    /// It stands in for the other, which is not used any more.
    Obsolete,
    /// It was made from several others.
    Merged,
    /// It had the other id before.
    Renamed,
    /// It looks for much the same.
    Similar,
}

impl RelationKind {
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "derived" => Self::Derived,
            // The form of version 1 of the specification.
            "obsolete" | "obsoletes" => Self::Obsolete,
            "merged" => Self::Merged,
            "renamed" => Self::Renamed,
            "similar" => Self::Similar,
            _ => return None,
        })
    }
}

/// Another rule that an author names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Its id.
    pub id: String,
    /// How the rules stand to each other.
    pub kind: RelationKind,
}

/// A Sigma rule as its document describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The rule's id, a UUID in Sigma; the stem of the file name when it has none.
    pub id: String,
    /// The name by which correlations and filters may refer to the rule.
    pub name: Option<String>,
    /// The title.
    pub title: String,
    /// Rules that this one comes from or stands in for.
    pub related: Vec<Related>,
    /// The level; `medium` when the rule has none.
    pub level: Level,
    /// The status; `None` when the rule has none.
    pub status: Option<Status>,
    /// What it is about; may be empty.
    pub description: String,
    /// Tags, `attack.t1059` among them.
    pub tags: Vec<String>,
    /// Links of the author.
    pub references: Vec<String>,
    /// Who wrote it; may be empty.
    pub author: String,
    /// What harmless things it may match.
    pub false_positives: Vec<String>,
    /// Where it was loaded from, as shown in messages.
    pub source_name: String,
    /// The line of the source at which the document begins, counted from 1.
    pub source_line: usize,
    /// The document.
    pub text: String,
    /// SHA-256 of the document, in hex.
    pub revision: String,
    /// Which events it wants to see; asks nothing for a correlation.
    pub logsource: RuleLogSource,
    /// The filters that were added to it. A match was asked of each, and none excluded it.
    pub filters: Vec<Arc<Filter>>,
}

impl Rule {
    /// Whether the rule is evaluated; deprecated and unsupported ones are not.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.is_none_or(Status::is_active)
    }

    /// Whether a reference means this rule: its id or its name.
    #[must_use]
    pub fn is_called(&self, reference: &str) -> bool {
        self.id == reference || self.name.as_deref() == Some(reference)
    }

    /// The document, and behind it as further documents the filters that were added to the rule: all that
    /// is needed to judge an event again.
    #[must_use]
    pub fn text_with_filters(&self) -> String {
        let filters = self.filters.iter().map(|filter| filter.text.as_str());
        joined(std::iter::once(self.text.as_str()).chain(filters))
    }
}

/// A rule that was read, its tests not numbered yet.
pub(crate) struct Draft {
    pub(crate) rule: Rule,
    pub(crate) tree: Tree<LeafSpec>,
    pub(crate) said: Vec<Said>,
    pub(crate) remarks: Vec<Remark>,
}

/// What every document says about itself. The log source is left empty.
pub(crate) fn header(
    root: &Node,
    document: Document<'_>,
    source_name: &str,
    remarks: &mut Vec<Remark>,
) -> Result<Rule, Fault> {
    let title = required_text(root, "title")?;
    let level = match chosen(root, "level", Expected::Level, Level::of_name)? {
        Some(level) => level,
        None => {
            remarks.push(Remark { line: root.line, cause: LintCause::NoLevel });
            Level::Medium
        }
    };
    let rule = Rule {
        id: optional_text(root, "id")?.unwrap_or_else(|| stem(source_name, document)),
        name: optional_text(root, "name")?,
        title,
        related: related(root)?,
        level,
        status: chosen(root, "status", Expected::Status, Status::of_name)?,
        description: optional_text(root, "description")?.unwrap_or_default(),
        tags: texts(root, "tags"),
        references: texts(root, "references"),
        author: texts(root, "author").join(", "),
        false_positives: texts(root, "falsepositives"),
        source_name: source_name.to_owned(),
        source_line: document.first_line,
        text: document.text.to_owned(),
        revision: hex(&sha2::Sha256::digest(document.text)),
        logsource: RuleLogSource::default(),
        filters: Vec::new(),
    };
    if !rule.is_active() {
        let status = rule.status.map_or("", Status::name);
        remarks.push(Remark { line: root.line, cause: LintCause::Inactive(status) });
    }
    Ok(rule)
}

/// Reads a document that has the attribute `detection`.
pub(crate) fn read(
    root: &Node,
    document: Document<'_>,
    source_name: &str,
    lists: &BTreeMap<String, Vec<String>>,
) -> Result<Draft, Fault> {
    let mut remarks = Vec::new();
    let mut rule = header(root, document, source_name, &mut remarks)?;
    rule.logsource = log_source(root)?;
    let mut selections = Selections::new(lists);
    let node = root.get("detection");
    let node = node.ok_or(RuleError::Missing("detection").at(root.line))?;
    if !matches!(node.kind, Kind::Map(_)) {
        return Err(bad("detection", node.describe(), Expected::Selections).at(node.line));
    }
    let tree = conditioned(node, "detection.condition", &[], &mut selections)?;
    remarks.append(&mut selections.remarks);
    Ok(Draft { rule, tree, said: selections.said, remarks })
}

/// Whether every test of a selection that no condition uses could be asked.
fn askable(tree: &Tree<LeafSpec>, said: &[Said]) -> Result<(), Fault> {
    let (mut regexes, mut last_line) = (0, None);
    let mut outcome = Ok(());
    tree.each(&mut |leaf| {
        last_line = Some(leaf.line);
        for test in leaf.any_of.iter().filter(|test| matches!(test, TestSpec::Regex { .. })) {
            regexes += 1;
            if outcome.is_ok() && regexes <= limits::REGEXES_PER_RULE_MAX {
                outcome = predicate::check(test).map_err(|fault| {
                    let written = said.get(leaf.said).map_or("", |said| &said.pattern);
                    let field = leaf.field.as_deref().unwrap_or_default();
                    RuleError::value(field, written, fault).at(leaf.line)
                });
            }
        }
    });
    if outcome.is_ok() && regexes > limits::REGEXES_PER_RULE_MAX {
        let cause = RuleError::too_large(Measure::Regexes, limits::REGEXES_PER_RULE_MAX);
        return Err(Fault { line: last_line, cause });
    }
    outcome
}

/// Documents as one text.
pub(crate) fn joined<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut all = String::new();
    for text in texts {
        if !all.is_empty() {
            if !all.ends_with('\n') {
                all.push('\n');
            }
            if !text.starts_with("---") {
                all.push_str("---\n");
            }
        }
        all.push_str(text);
    }
    all
}

/// The tree of a map of selections with its condition. `attributes` are keys that are no selections.
pub(crate) fn conditioned(
    node: &Node,
    condition: &'static str,
    attributes: &[&str],
    selections: &mut Selections<'_>,
) -> Result<Tree<LeafSpec>, Fault> {
    let Kind::Map(entries) = &node.kind else {
        return Err(bad("detection", node.describe(), Expected::Selections).at(node.line));
    };
    let missing = RuleError::Missing(condition);
    let condition_node = node.get("condition").ok_or_else(|| missing.clone().at(node.line))?;
    let mut named = Vec::new();
    let is_selection = |key: &str| key != "condition" && !attributes.contains(&key);
    for entry in entries.iter().filter(|entry| is_selection(&entry.key)) {
        if entry.key == "timeframe" {
            return Err(RuleError::NotSupported(Unsupported::Timeframe).at(entry.line));
        }
        named.push((entry, selections.selection(&entry.key, &entry.value)?));
    }
    let names: Vec<&str> = named.iter().map(|(entry, _)| entry.key.as_str()).collect();
    let mut used = vec![false; named.len()];
    let mut leaves = 0;
    let mut parts = Vec::new();
    for item in condition_node.items() {
        let fault = |fault: ConditionFault| RuleError::BadCondition(fault).at(item.line);
        let text = item.text().ok_or_else(|| fault(ConditionFault::Is(item.describe())))?;
        let tree = condition::parse(text, &names).map_err(fault)?;
        parts.push(tree.try_map(&mut |place: &usize| {
            let (_, tree) = &named[*place];
            used[*place] = true;
            leaves += tree.leaves();
            if leaves > limits::LEAVES_MAX {
                let what = Measure::ConditionValues;
                return Err(RuleError::too_large(what, limits::LEAVES_MAX).at(item.line));
            }
            Ok(tree.clone())
        })?);
    }
    if parts.is_empty() {
        return Err(missing.at(condition_node.line));
    }
    for ((entry, tree), used) in named.iter().zip(used) {
        if !used {
            // Asked or not: what the rule says must mean something.
            askable(tree, &selections.said)?;
            let cause = LintCause::UnusedSelection(Plain::of(&entry.key));
            selections.remarks.push(Remark { line: entry.line, cause });
        }
    }
    // A list of conditions: any of them.
    Ok(Tree::any(parts))
}
