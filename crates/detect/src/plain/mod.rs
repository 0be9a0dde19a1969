//! A second evaluator: one document on one event, by the letter of the specification, as simple and as slow
//! as possible. It is the oracle of the tests and the judge of `mimamori alerts verify`.
//!
//! Invariant: shares with the engine the reader of YAML and nothing else: own strings, own modifiers, own
//! encodings, own letter case (that of the regex crate's tables), own condition parser, no plan, no memory.
//!
//! The text may hold several documents: a rule first, and the filters that were added to it behind
//! ([`crate::Rule::text_with_filters`], as alerts keep it).

mod condition;
mod correlation;
mod lookup;
mod modifiers;
mod strings;
mod times;

pub use correlation::{PlainCorrelation, Replayed};

use crate::yaml::{self, Entry, Kind, Meaning, Node, Scalar};
use model::Event;
use modifiers::Question;
use std::collections::BTreeMap;

/// Values of placeholders by name.
pub type Lists = BTreeMap<String, Vec<String>>;

/// Why a document cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}; load the rule with `mimamori rules check` to see what it needs")]
pub struct PlainError {
    /// The line of the text, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// What a rule says to an event, with the verdict of each of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the rule matches: log source, condition and every filter hold.
    pub verdict: bool,
    /// Whether the event is of the rule's log source.
    pub log_source: bool,
    /// Each selection of the rule and of its filters.
    pub selections: Vec<SelectionVerdict>,
    /// Each value of the rule and of its filters.
    pub leaves: Vec<LeafVerdict>,
    /// Each filter.
    pub filters: Vec<FilterVerdict>,
}

/// The verdict of one selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionVerdict {
    /// The title of the filter that it belongs to; `None` for the rule.
    pub filter: Option<String>,
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub held: bool,
}

/// The verdict of one value of the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafVerdict {
    /// The title of the filter that it belongs to; `None` for the rule.
    pub filter: Option<String>,
    /// The selection.
    pub selection: String,
    /// The event's field; `None` for keywords.
    pub field: Option<String>,
    /// The modifier chain as written.
    pub modifier: String,
    /// The rule's value as written; `null` for a null test.
    pub pattern: String,
    /// Whether it holds; with `neq`, whether the field does not have the value.
    pub held: bool,
    /// The value of the event that fits; when none does, what the field holds. `None` when it is missing.
    pub value: Option<String>,
}

/// The verdict of one filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterVerdict {
    /// Its title.
    pub title: String,
    /// Whether its condition holds; when it does not, it excludes the match.
    pub held: bool,
}

/// Judges an event by a rule without placeholders, or with its filters behind it.
///
/// # Errors
/// What of the text cannot be judged.
pub fn explain(rule_text: &str, event: &Event) -> Result<Explanation, PlainError> {
    explain_with(rule_text, &Lists::new(), event)
}

/// As [`explain`], with values for the placeholders of `expand`.
///
/// # Errors
/// What of the text cannot be judged.
pub fn explain_with(
    rule_text: &str,
    lists: &Lists,
    event: &Event,
) -> Result<Explanation, PlainError> {
    let mut judge =
        Judge { lists, event, filter: None, selections: Vec::new(), leaves: Vec::new() };
    let (mut rule_holds, mut log_source, mut filters) = (None, false, Vec::new());
    for document in yaml::documents(rule_text) {
        let root = yaml::parse(document).map_err(|fault| {
            wrong(fault.line.unwrap_or(document.first_line), fault.cause.to_string())
        })?;
        if let Some(node) = root.get("detection") {
            if rule_holds.is_some() {
                return Err(wrong(root.line, "a second rule in the text".to_owned()));
            }
            judge.filter = None;
            log_source = of_log_source(&root, event);
            rule_holds = Some(judge.document(node, &[])?);
        } else if let Some(node) = root.get("filter") {
            let title = root.get("title").and_then(Node::text).unwrap_or_default().to_owned();
            judge.filter = Some(title.clone());
            filters.push(FilterVerdict { title, held: judge.document(node, &["rules"])? });
        } else {
            let reason = "neither a rule of single events nor a filter".to_owned();
            return Err(wrong(root.line, reason));
        }
    }
    let rule_holds = rule_holds.ok_or_else(|| wrong(1, "no rule in the text".to_owned()))?;
    let verdict = log_source && rule_holds && filters.iter().all(|filter| filter.held);
    let Judge { selections, leaves, .. } = judge;
    Ok(Explanation { verdict, log_source, selections, leaves, filters })
}

fn wrong(line: usize, reason: String) -> PlainError {
    PlainError { line, reason }
}

/// Every attribute that the rule names must be one of the event's.
fn of_log_source(root: &Node, event: &Event) -> bool {
    let wanted = |key: &str| {
        let text = root.get("logsource").and_then(|source| source.get(key)).and_then(Node::text);
        text.map(str::to_ascii_lowercase)
    };
    let source = &event.source;
    wanted("product").is_none_or(|wanted| source.product == wanted)
        && wanted("service").is_none_or(|wanted| source.services.iter().any(|it| *it == wanted))
        && wanted("category").is_none_or(|wanted| source.categories.iter().any(|it| *it == wanted))
}

struct Judge<'a> {
    lists: &'a Lists,
    event: &'a Event,
    filter: Option<String>,
    selections: Vec<SelectionVerdict>,
    leaves: Vec<LeafVerdict>,
}

impl Judge<'_> {
    /// Judges every selection, used or not, and then the condition.
    fn document(&mut self, node: &Node, attributes: &[&str]) -> Result<bool, PlainError> {
        let Kind::Map(entries) = &node.kind else {
            return Err(wrong(node.line, "no map of selections".to_owned()));
        };
        let mut held: Vec<(String, bool)> = Vec::new();
        for entry in entries {
            if entry.key == "condition" || attributes.contains(&entry.key.as_str()) {
                continue;
            }
            let holds = self.selection(&entry.key, &entry.value)?;
            self.selections.push(SelectionVerdict {
                filter: self.filter.clone(),
                name: entry.key.clone(),
                held: holds,
            });
            held.push((entry.key.clone(), holds));
        }
        let condition = node.get("condition");
        let condition = condition.ok_or_else(|| wrong(node.line, "no condition".to_owned()))?;
        let mut any = false;
        for item in condition.items() {
            let text = item.text().ok_or_else(|| wrong(item.line, "no condition".to_owned()))?;
            any |= condition::holds(text, &held).map_err(|reason| wrong(item.line, reason))?;
        }
        Ok(any)
    }

    /// A map: every entry. A list: any item. Anything else is a keyword.
    fn selection(&mut self, name: &str, node: &Node) -> Result<bool, PlainError> {
        match &node.kind {
            Kind::Map(entries) => self.map(name, entries),
            Kind::Scalar(value) => self.leaf(name, "", value, node.line),
            Kind::List(items) => {
                let mut any = false;
                for item in items {
                    any |= match &item.kind {
                        Kind::Map(entries) => self.map(name, entries)?,
                        Kind::Scalar(value) => self.leaf(name, "", value, item.line)?,
                        Kind::List(_) => {
                            return Err(wrong(item.line, "a list within a list".to_owned()));
                        }
                    };
                }
                Ok(any)
            }
        }
    }

    fn map(&mut self, selection: &str, entries: &[Entry]) -> Result<bool, PlainError> {
        let mut every = true;
        for entry in entries {
            let mut held = Vec::new();
            for item in entry.value.items() {
                let Kind::Scalar(value) = &item.kind else {
                    return Err(wrong(item.line, "a list or map among values".to_owned()));
                };
                held.push(self.leaf(selection, &entry.key, value, item.line)?);
            }
            let has = |wanted: &str| entry.key.split('|').skip(1).any(|word| word == wanted);
            // The leaves of `neq` hold when the field differs, so it must differ from all of them; of
            // `all` together with `neq`, from one at least.
            every &= match has("all") != has("neq") {
                true => !held.contains(&false),
                false => held.contains(&true),
            };
        }
        Ok(every)
    }

    fn leaf(
        &mut self,
        selection: &str,
        key: &str,
        value: &Scalar,
        line: usize,
    ) -> Result<bool, PlainError> {
        let (field, modifier) = key.split_once('|').unwrap_or((key, ""));
        let field = (!field.is_empty()).then_some(field);
        let questions = modifiers::questions(modifier, value, self.lists)
            .map_err(|reason| wrong(line, reason))?;
        let witness = questions.iter().find_map(|question| self.ask(field, question));
        let denied = modifier.split('|').any(|word| word == "neq");
        let shown = || field.and_then(|field| lookup::shown(&self.event.fields, field));
        let held = witness.is_some() != denied;
        let found = match &witness {
            Some(found) => found.clone(),
            None => shown(),
        };
        let pattern = match value.meaning {
            Meaning::Null => "null".to_owned(),
            _ => value.text.clone(),
        };
        self.leaves.push(LeafVerdict {
            filter: self.filter.clone(),
            selection: selection.to_owned(),
            field: field.map(ToOwned::to_owned),
            modifier: modifier.to_owned(),
            pattern,
            held,
            value: found,
        });
        Ok(held)
    }

    /// The value for which the answer is yes; within, `None` when the answer is yes for lack of a value.
    fn ask(&self, field: Option<&str>, question: &Question) -> Option<Option<String>> {
        let fields = &self.event.fields;
        let Some(field) = field else {
            let all = lookup::everything(fields);
            return all
                .into_iter()
                .find(|one| question.fits_keyword(one))
                .map(|one| Some(one.text));
        };
        let value = lookup::find(fields, field);
        match question {
            Question::Null => lookup::is_null(value).then_some(None),
            Question::Exists(wanted) => {
                (value.is_some() == *wanted).then(|| lookup::shown(fields, field))
            }
            Question::SameAs { field: other, .. } => {
                let others: Vec<String> = lookup::find(fields, other)
                    .map(lookup::singles)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|one| one.text)
                    .collect();
                let singles = value.map(lookup::singles)?;
                singles
                    .into_iter()
                    .find(|one| others.iter().any(|other| question.relates(&one.text, other)))
                    .map(|one| Some(one.text))
            }
            _ => {
                let singles = value.map(lookup::singles)?;
                singles.into_iter().find(|one| question.fits(one)).map(|one| Some(one.text))
            }
        }
    }
}
