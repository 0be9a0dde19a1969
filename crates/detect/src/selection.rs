//! Selections: maps, lists of maps and keywords, as trees over leaves.

use crate::cause::{ChainFault, LintCause, Measure, Plain, Quoted, SelectionFault, ValueFault};
use crate::error::{Fault, RuleError};
use crate::expand;
use crate::limits;
use crate::modifier::{Chain, Modifier};
use crate::predicate::TestSpec;
use crate::tree::Tree;
use crate::yaml::{Entry, Kind, Meaning, Node, Scalar};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a leaf of a rule says, in the words of the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) selection: Arc<str>,
    /// `None` for keywords.
    pub(crate) field: Option<Arc<str>>,
    pub(crate) modifier: Arc<str>,
    pub(crate) pattern: Box<str>,
}

/// One value of a rule, not yet numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeafSpec {
    /// `None`: any value of the event.
    pub(crate) field: Option<Arc<str>>,
    /// One of these must hold.
    pub(crate) any_of: Arc<[TestSpec]>,
    /// The leaf holds when none of the tests does.
    pub(crate) negated: bool,
    /// Place in the rule's list of [`Said`].
    pub(crate) said: usize,
    /// For a fault that is found when the tests are compiled.
    pub(crate) line: usize,
}

/// A remark on a rule that can be evaluated but perhaps does not say what its author means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) line: usize,
    pub(crate) cause: LintCause,
}

/// What the selections of one rule become.
pub(crate) struct Selections<'l> {
    lists: &'l BTreeMap<String, Vec<String>>,
    pub(crate) said: Vec<Said>,
    pub(crate) remarks: Vec<Remark>,
}

/// Field names are compared without blanks, because Sigma's taxonomy has none.
pub(crate) fn without_spaces(name: &str) -> String {
    name.chars().filter(|letter| *letter != ' ').collect()
}

/// A field with its modifiers, as a rule's key writes it.
struct Item<'i> {
    selection: &'i Arc<str>,
    field: Option<Arc<str>>,
    chain_written: Arc<str>,
    chain: Chain,
}

impl<'l> Selections<'l> {
    pub(crate) const fn new(lists: &'l BTreeMap<String, Vec<String>>) -> Self {
        Self { lists, said: Vec::new(), remarks: Vec::new() }
    }

    /// The tree of one selection.
    pub(crate) fn selection(&mut self, name: &str, node: &Node) -> Result<Tree<LeafSpec>, Fault> {
        let selection: Arc<str> = name.into();
        let wrong = |fault: SelectionFault| RuleError::BadSelection(Quoted::of(name), fault);
        match &node.kind {
            Kind::Map(entries) if entries.is_empty() => {
                Err(wrong(SelectionFault::EmptyMap).at(node.line))
            }
            Kind::Map(entries) => self.map(&selection, entries),
            Kind::List(items) if items.is_empty() => {
                Err(wrong(SelectionFault::EmptyList).at(node.line))
            }
            Kind::List(items) => {
                let mut parts = Vec::with_capacity(items.len());
                for item in items {
                    parts.push(match &item.kind {
                        Kind::Map(entries) if !entries.is_empty() => {
                            self.map(&selection, entries)?
                        }
                        Kind::Scalar(value) => self.keyword(&selection, value, item.line)?,
                        _ => return Err(wrong(SelectionFault::ListWithin).at(item.line)),
                    });
                }
                Ok(Tree::any(parts))
            }
            Kind::Scalar(Scalar { meaning: Meaning::Null, .. }) => {
                Err(wrong(SelectionFault::Empty).at(node.line))
            }
            Kind::Scalar(value) => self.keyword(&selection, value, node.line),
        }
    }

    fn map(&mut self, selection: &Arc<str>, entries: &[Entry]) -> Result<Tree<LeafSpec>, Fault> {
        let parts: Result<Vec<_>, Fault> =
            entries.iter().map(|entry| self.entry(selection, entry)).collect();
        Ok(Tree::all(parts?))
    }

    fn keyword(
        &mut self,
        selection: &Arc<str>,
        value: &Scalar,
        line: usize,
    ) -> Result<Tree<LeafSpec>, Fault> {
        let item =
            Item { selection, field: None, chain_written: "".into(), chain: Chain::default() };
        self.leaf(&item, value, line).map(Tree::Leaf)
    }

    fn entry(&mut self, selection: &Arc<str>, entry: &Entry) -> Result<Tree<LeafSpec>, Fault> {
        let item = Item::of_key(selection, &entry.key).map_err(|cause| cause.at(entry.line))?;
        let values = entry.value.items();
        if values.is_empty() {
            let fault = ValueFault::EmptyList;
            return Err(RuleError::value(item.field_shown(), "[]", fault).at(entry.value.line));
        }
        let mut leaves = Vec::with_capacity(values.len());
        for value in values {
            let Kind::Scalar(scalar) = &value.kind else {
                let shown = if matches!(value.kind, Kind::List(_)) { "[…]" } else { "{…}" };
                let fault = ValueFault::Nested;
                return Err(RuleError::value(item.field_shown(), shown, fault).at(value.line));
            };
            leaves.push(Tree::Leaf(self.leaf(&item, scalar, value.line)?));
        }
        let wants_all = item.chain.has(Modifier::All);
        if wants_all && leaves.len() == 1 {
            let cause = LintCause::AllOfOne(Plain::of(&entry.key));
            self.remarks.push(Remark { line: entry.line, cause });
        }
        // `neq` denies the item as a whole, and "not (a or b)" is "not a and not b".
        match wants_all != item.chain.has(Modifier::NotEqual) {
            true => Ok(Tree::all(leaves)),
            false => Ok(Tree::any(leaves)),
        }
    }

    fn leaf(&mut self, item: &Item<'_>, value: &Scalar, line: usize) -> Result<LeafSpec, Fault> {
        let fault =
            |fault: ValueFault| RuleError::value(item.field_shown(), &value.text, fault).at(line);
        if value.text.len() > limits::PATTERN_BYTES_MAX {
            return Err(
                RuleError::too_large(Measure::ValueBytes, limits::PATTERN_BYTES_MAX).at(line)
            );
        }
        self.remark_number(value, line);
        let mut tests = Vec::new();
        if item.chain.has(Modifier::Expand) && value.meaning == Meaning::Text {
            let texts = expand::expand(&value.text, self.lists).map_err(|cause| cause.at(line))?;
            for text in texts {
                let filled = Scalar { text, meaning: Meaning::Text };
                tests.extend(item.chain.tests_of(&filled).map_err(fault)?);
            }
        } else {
            tests = item.chain.tests_of(value).map_err(fault)?;
        }
        if item.field.is_none() {
            tests = tests.into_iter().map(anywhere).collect::<Result<_, _>>().map_err(fault)?;
        }
        let pattern = match value.meaning {
            Meaning::Null => "null",
            _ => value.text.as_str(),
        };
        self.said.push(Said {
            selection: Arc::clone(item.selection),
            field: item.field.clone(),
            modifier: Arc::clone(&item.chain_written),
            pattern: pattern.into(),
        });
        Ok(LeafSpec {
            field: item.field.clone(),
            any_of: tests.into(),
            negated: item.chain.has(Modifier::NotEqual),
            said: self.said.len() - 1,
            line,
        })
    }

    fn remark_number(&mut self, value: &Scalar, line: usize) {
        if let Meaning::Int(number) = value.meaning
            && value.text.starts_with("0x")
        {
            let cause = LintCause::HexNumber(Plain::of(&value.text), number);
            self.remarks.push(Remark { line, cause });
        }
    }
}

impl<'i> Item<'i> {
    fn of_key(selection: &'i Arc<str>, key: &str) -> Result<Self, RuleError> {
        let (field, chain_written) = key.split_once('|').unwrap_or((key, ""));
        let bad = |fault: ChainFault| {
            RuleError::BadModifier(Quoted::of(field), Quoted::of(chain_written), fault)
        };
        let chain = Chain::parse(chain_written).map_err(bad)?;
        if key.ends_with('|') || field.is_empty() && chain_written.is_empty() {
            return Err(bad(ChainFault::Missing));
        }
        if chain.has(Modifier::All) && chain.has(Modifier::Expand) {
            return Err(bad(ChainFault::AllOfPlaceholder));
        }
        let bound = chain.has(Modifier::StartsWith) || chain.has(Modifier::EndsWith);
        if field.is_empty() && bound {
            return Err(bad(ChainFault::KeywordBound));
        }
        let field = (!field.is_empty()).then(|| without_spaces(field).into());
        Ok(Self { selection, field, chain_written: chain_written.into(), chain })
    }

    fn field_shown(&self) -> &str {
        self.field.as_deref().unwrap_or_default()
    }
}

/// A test that is asked of every value of the event: text is searched within, not compared as a whole.
fn anywhere(test: TestSpec) -> Result<TestSpec, ValueFault> {
    match test {
        TestSpec::Text { pattern, cased } => {
            let within = pattern.with_any_before().with_any_after();
            Ok(TestSpec::Text { pattern: within.normalised(cased), cased })
        }
        TestSpec::Regex { .. } | TestSpec::Network(_) => Ok(test),
        TestSpec::Null
        | TestSpec::Exists { .. }
        | TestSpec::Compare { .. }
        | TestSpec::SameAs { .. } => Err(ValueFault::NeedsField),
    }
}
