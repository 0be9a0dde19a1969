//! The rule: what its document says about it, and its condition as one tree.

use crate::condition;
use crate::error::{Fault, RuleError};
use crate::limits;
use crate::selection::{LeafSpec, Remark, Said, Selections};
use crate::tree::Tree;
use crate::yaml::{Document, Entry, Kind, Node};
use model::Level;
use sha2::Digest as _;
use std::collections::BTreeMap;

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
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
}

/// A Sigma rule as its document describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The rule's id, a UUID in Sigma; the stem of the file name when it has none.
    pub id: String,
    /// The title.
    pub title: String,
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
    /// Which events it wants to see.
    pub logsource: RuleLogSource,
}

impl Rule {
    /// Whether the rule is evaluated; deprecated and unsupported ones are not.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.is_none_or(Status::is_active)
    }
}

/// A rule that was read, its tests not numbered yet.
pub(crate) struct Draft {
    pub(crate) rule: Rule,
    pub(crate) tree: Tree<LeafSpec>,
    pub(crate) said: Vec<Said>,
    pub(crate) remarks: Vec<Remark>,
}

/// Reads one document.
pub(crate) fn read(
    root: &Node,
    document: Document<'_>,
    source_name: &str,
    lists: &BTreeMap<String, Vec<String>>,
) -> Result<Draft, Fault> {
    if !matches!(root.kind, Kind::Map(_)) {
        let found = root.describe();
        return Err(bad("the document", found, "a map of attributes").at(root.line));
    }
    refuse_other_documents(root)?;
    let title = required_text(root, "title")?;
    let mut remarks = Vec::new();
    let level =
        match chosen(root, "level", "informational, low, medium, high or critical", |name| {
            Level::of_name(name)
        })? {
            Some(level) => level,
            None => {
                let message = "no level; medium is assumed".to_owned();
                remarks.push(Remark { line: root.line, message });
                Level::Medium
            }
        };
    let statuses = "stable, test, experimental, deprecated or unsupported";
    let rule = Rule {
        id: optional_text(root, "id")?.unwrap_or_else(|| stem(source_name, document)),
        title,
        level,
        status: chosen(root, "status", statuses, Status::of_name)?,
        description: optional_text(root, "description")?.unwrap_or_default(),
        tags: texts(root, "tags"),
        references: texts(root, "references"),
        author: texts(root, "author").join(", "),
        false_positives: texts(root, "falsepositives"),
        source_name: source_name.to_owned(),
        source_line: document.first_line,
        text: document.text.to_owned(),
        revision: hex(&sha2::Sha256::digest(document.text)),
        logsource: log_source(root)?,
    };
    if !rule.is_active() {
        let status = rule.status.map_or("", Status::name);
        let message = format!("status {status}: loaded, but not evaluated");
        remarks.push(Remark { line: root.line, message });
    }
    let mut selections = Selections::new(lists);
    let tree = detection(root, &mut selections)?;
    remarks.append(&mut selections.remarks);
    Ok(Draft { rule, tree, said: selections.said, remarks })
}

fn refuse_other_documents(root: &Node) -> Result<(), Fault> {
    const FOREIGN: [(&str, &str, &str); 3] = [
        ("correlation", "a correlation rule", "keep it out of the loaded folders for now"),
        ("filter", "a Sigma filter", "put the filter's condition into the rule itself for now"),
        (
            "action",
            "the attribute action",
            "write every document in full; Sigma 2 has no global parts",
        ),
    ];
    for (key, what, remedy) in FOREIGN {
        if let Some(entry) = root.entry(key) {
            return Err(RuleError::NotSupported { what: what.to_owned(), remedy }.at(entry.line));
        }
    }
    match root.get("taxonomy") {
        Some(node) if node.text() != Some("sigma") => Err(RuleError::NotSupported {
            what: format!("the taxonomy {}", node.describe()),
            remedy: "use the field names of Sigma's own taxonomy",
        }
        .at(node.line)),
        _ => Ok(()),
    }
}

fn log_source(root: &Node) -> Result<RuleLogSource, Fault> {
    let node = root.get("logsource");
    let node = node.ok_or(RuleError::Missing { attribute: "logsource" }.at(root.line))?;
    let Kind::Map(entries) = &node.kind else {
        return Err(bad("logsource", node.describe(), "a map").at(node.line));
    };
    let mut source = RuleLogSource { product: None, service: None, category: None };
    for Entry { key, line, value } in entries {
        let slot = match key.as_str() {
            "product" => &mut source.product,
            "service" => &mut source.service,
            "category" => &mut source.category,
            // Words for people about how to record these events.
            "definition" => continue,
            other => {
                let expected = "product, service, category and definition only";
                let found = format!("extended by {:?}", crate::error::shown(other));
                return Err(bad("logsource", found, expected).at(*line));
            }
        };
        let Some(text) = value.text().filter(|text| !text.is_empty()) else {
            return Err(bad(&format!("logsource.{key}"), value.describe(), "a name").at(*line));
        };
        *slot = Some(text.to_ascii_lowercase());
    }
    if source.product.is_none() && source.service.is_none() && source.category.is_none() {
        let expected = "at least one of product, service and category";
        return Err(bad("logsource", "empty".to_owned(), expected).at(node.line));
    }
    Ok(source)
}

fn detection(root: &Node, selections: &mut Selections<'_>) -> Result<Tree<LeafSpec>, Fault> {
    let node = root.get("detection");
    let node = node.ok_or(RuleError::Missing { attribute: "detection" }.at(root.line))?;
    let Kind::Map(entries) = &node.kind else {
        return Err(bad("detection", node.describe(), "a map of selections").at(node.line));
    };
    let condition_node = node
        .get("condition")
        .ok_or(RuleError::Missing { attribute: "detection.condition" }.at(node.line))?;
    let mut named = Vec::new();
    for entry in entries.iter().filter(|entry| entry.key != "condition") {
        if entry.key == "timeframe" {
            let what = "a timeframe in a rule of single events".to_owned();
            let remedy = "remove it; only correlation rules look at several events";
            return Err(RuleError::NotSupported { what, remedy }.at(entry.line));
        }
        named.push((entry, selections.selection(&entry.key, &entry.value)?));
    }
    let names: Vec<&str> = named.iter().map(|(entry, _)| entry.key.as_str()).collect();
    let mut used = vec![false; named.len()];
    let mut leaves = 0;
    let mut parts = Vec::new();
    for item in condition_node.items() {
        let fault = |reason: String| RuleError::BadCondition { reason }.at(item.line);
        let text = item.text().ok_or_else(|| fault(format!("it is {}", item.describe())))?;
        let tree = condition::parse(text, &names).map_err(fault)?;
        parts.push(tree.try_map(&mut |place: &usize| {
            let (_, tree) = &named[*place];
            used[*place] = true;
            leaves += tree.leaves();
            if leaves > limits::LEAVES_MAX {
                return Err(RuleError::too_large("the condition in values", limits::LEAVES_MAX)
                    .at(item.line));
            }
            Ok(tree.clone())
        })?);
    }
    if parts.is_empty() {
        return Err(RuleError::Missing { attribute: "detection.condition" }.at(condition_node.line));
    }
    for ((entry, _), used) in named.iter().zip(used) {
        if !used {
            let message = format!("selection {} is not used by the condition", entry.key);
            selections.remarks.push(Remark { line: entry.line, message });
        }
    }
    // A list of conditions: any of them.
    Ok(Tree::any(parts))
}

fn bad(attribute: &str, found: String, expected: &'static str) -> RuleError {
    RuleError::BadAttribute { attribute: attribute.to_owned(), found, expected }
}

fn required_text(root: &Node, attribute: &'static str) -> Result<String, Fault> {
    optional_text(root, attribute)?.ok_or(RuleError::Missing { attribute }.at(root.line))
}

fn optional_text(root: &Node, attribute: &'static str) -> Result<Option<String>, Fault> {
    match root.get(attribute) {
        None => Ok(None),
        Some(node) => match &node.kind {
            Kind::Scalar(scalar) => {
                Ok(Some(scalar.text.trim().to_owned()).filter(|text| !text.is_empty()))
            }
            _ => Err(bad(attribute, node.describe(), "text").at(node.line)),
        },
    }
}

fn chosen<T>(
    root: &Node,
    attribute: &'static str,
    expected: &'static str,
    of_name: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some(node) = root.get(attribute) else { return Ok(None) };
    let found = node.text().and_then(|text| of_name(&text.to_ascii_lowercase()));
    found.map(Some).ok_or_else(|| bad(attribute, node.describe(), expected).at(node.line))
}

/// The texts of a list or of a single scalar. These attributes are words for people: whatever else stands
/// there is left out rather than a reason to refuse a rule.
fn texts(root: &Node, attribute: &str) -> Vec<String> {
    let node = root.get(attribute);
    let items = node.map(Node::items).unwrap_or_default();
    items.iter().filter_map(Node::text).map(ToOwned::to_owned).collect()
}

fn stem(source_name: &str, document: Document<'_>) -> String {
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
