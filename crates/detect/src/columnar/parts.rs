//! The parts of a rule that ask about one field each, and their answers row by row.

use super::words::Words;
use super::{Column, NO_VALUE, Outside};
use crate::index::Wanted;
use crate::predicate::{Needs, Predicate, PredicateTable, Target, TestSpec};
use crate::selection::LeafSpec;
use crate::tree::Tree;
use crate::view::{self, FieldTable, Scalar};
use model::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a rule asks about one field.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) about: About,
    pub(super) tree: Tree<Arc<Question>>,
}

/// Where the answer to a part lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// In one field.
    Field(Arc<str>),
    /// In any value of the event: the part is one keyword.
    Anything,
    /// In two fields, the second compared with the first; the part is one question.
    Two(Arc<str>, Arc<str>),
    /// In several fields: no column can tell.
    Several,
}

/// One of two fields that are compared.
pub(super) struct Side {
    pub(super) column: Option<Arc<Column>>,
    pub(super) elsewhere: Elsewhere,
}

impl Side {
    /// The row's key; `None` when its value may lie elsewhere.
    fn key(&self, row: usize) -> Option<u32> {
        let key = self.column.as_ref().and_then(|column| column.keys.get(row));
        let key = key.copied().unwrap_or(NO_VALUE);
        (key != NO_VALUE || self.elsewhere == Elsewhere::No).then_some(key)
    }

    fn value(&self, key: u32) -> Option<&Value> {
        self.column.as_ref()?.values.get(key as usize)
    }
}

/// One value of the rule.
#[derive(Debug)]
pub(super) struct Question {
    any_of: Vec<Predicate>,
    pub(super) negated: bool,
}

/// Per row: whether a part of the rule holds for sure, and whether it may hold.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) sure: Vec<bool>,
    pub(super) possible: Vec<bool>,
}

impl Answer {
    pub(super) fn unknown(rows: usize) -> Self {
        Self { sure: vec![false; rows], possible: vec![true; rows] }
    }

    /// Makes yes of no.
    pub(super) fn turn(&mut self) {
        std::mem::swap(&mut self.sure, &mut self.possible);
        for row in self.sure.iter_mut().chain(&mut self.possible) {
            *row = !*row;
        }
    }

    pub(super) fn combine(&mut self, other: &Self, with: impl Fn(bool, bool) -> bool) {
        for (own, other) in [(&mut self.sure, &other.sure), (&mut self.possible, &other.possible)] {
            for (own, other) in own.iter_mut().zip(other) {
                *own = with(*own, *other);
            }
        }
    }
}

/// Where else than in its column a field may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// Nowhere.
    No,
    /// Under its own name: a value that did not fit the column. Then the column has none.
    Instead,
    /// Under another spelling, or within a map: then it depends on the order which one rules see.
    Beside,
}

impl Elsewhere {
    pub(super) fn of(field: &str, outside: &BTreeSet<String>) -> Self {
        if outside.iter().any(|name| name != field && may_be(name, field)) {
            Self::Beside
        } else if outside.contains(field) {
            Self::Instead
        } else {
            Self::No
        }
    }
}

impl Part {
    pub(super) fn answer<E>(
        &self,
        column: Option<&Column>,
        elsewhere: Elsewhere,
        wanted: &[bool],
        mut go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<Answer, E> {
        let rows = wanted.len();
        if elsewhere == Elsewhere::Beside {
            return Ok(Answer::unknown(rows));
        }
        let absent = holds(&self.tree, None);
        let instead = elsewhere == Elsewhere::Instead;
        let without = (absent && !instead, absent || instead);
        let Some(column) = column else {
            return Ok(Answer { sure: vec![without.0; rows], possible: vec![without.1; rows] });
        };
        // A row that is no longer wanted may be the only one that holds a dear value: values are asked
        // when a wanted row comes to them.
        let mut known: Vec<Option<bool>> = vec![None; column.values.len()];
        let mut answer = Answer { sure: vec![false; rows], possible: vec![false; rows] };
        let mut asked = 0_usize;
        let keys = column.keys.iter().zip(wanted);
        let cells = answer.sure.iter_mut().zip(&mut answer.possible);
        for ((key, wanted), (sure, possible)) in keys.zip(cells) {
            if !wanted {
                continue;
            }
            (*sure, *possible) = match known.get_mut(*key as usize) {
                None => without,
                Some(known) => {
                    if known.is_none() {
                        asked += 1;
                        if asked.is_multiple_of(VALUES_BETWEEN_LOOKS) {
                            go_on()?;
                        }
                    }
                    let holds = *known.get_or_insert_with(|| {
                        let value = column.values.get(*key as usize).unwrap_or(&Value::Null);
                        view::with_scalars(value, |texts| holds(&self.tree, Some((value, texts))))
                    });
                    (holds, holds)
                }
            };
        }
        Ok(answer)
    }
}

impl Question {
    /// Whether one of the predicates holds for a value, or for the lack of one.
    fn any_holds(&self, value: Option<(&Value, &[Scalar<'_>])>) -> bool {
        self.any_of.iter().any(|one| match value {
            Some((value, texts)) => one.holds_among(value, texts),
            None => one.holds_for(None, None),
        })
    }

    /// The answer to a question about two fields, once per pair of their values.
    pub(super) fn compare<E>(
        &self,
        [one, other]: &[Side; 2],
        wanted: &[bool],
        mut go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<Answer, E> {
        let mut answer = Answer::unknown(wanted.len());
        if one.elsewhere == Elsewhere::Beside || other.elsewhere == Elsewhere::Beside {
            return Ok(answer);
        }
        let mut known: HashMap<(u32, u32), bool> = HashMap::new();
        let cells = answer.sure.iter_mut().zip(&mut answer.possible).zip(wanted).enumerate();
        for (row, ((sure, possible), wanted)) in cells {
            let (true, Some(first), Some(second)) = (*wanted, one.key(row), other.key(row)) else {
                continue;
            };
            let holds = match known.get(&(first, second)) {
                Some(holds) => *holds,
                None => {
                    if known.len().is_multiple_of(VALUES_BETWEEN_LOOKS) {
                        go_on()?;
                    }
                    let (value, wanted) = (one.value(first), other.value(second));
                    let any = self.any_of.iter().any(|test| test.holds_for(value, wanted));
                    known.insert((first, second), any != self.negated);
                    any != self.negated
                }
            };
            (*sure, *possible) = (holds, holds);
        }
        Ok(answer)
    }

    /// Marks the wanted rows in which a keyword is found outside of columns.
    pub(super) fn find_outside<E>(
        &self,
        outside: &Outside,
        words: Option<&Words>,
        wanted: &[bool],
        found: &mut [bool],
        mut go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let candidates = words.map(|words| candidates(words, outside));
        let mut next = candidates.as_ref().map(|all| all.iter().copied().peekable());
        let mut kept = Value::Text(String::new());
        let mut first = 0;
        let rows = outside.row_ends.iter().zip(wanted).zip(found).enumerate();
        for (row, ((end, wanted), found)) in rows {
            let texts = std::mem::replace(&mut first, *end)..*end;
            if row.is_multiple_of(VALUES_BETWEEN_LOOKS) {
                go_on()?;
            }
            if !wanted || *found {
                continue;
            }
            let holds = |place: usize| {
                let begin = place.checked_sub(1).and_then(|before| outside.text_ends.get(before));
                let (begin, end) = (begin.copied().unwrap_or(0), outside.text_ends.get(place));
                let text = end.and_then(|end| outside.texts.get(begin..*end)).unwrap_or_default();
                self.holds_in(text, outside.nested, &mut kept)
            };
            *found = match &mut next {
                None => texts.into_iter().any(holds),
                Some(next) => {
                    while next.next_if(|place| *place < texts.start).is_some() {}
                    std::iter::from_fn(|| next.next_if(|place| *place < texts.end)).any(holds)
                }
            };
        }
        Ok(())
    }

    fn holds_in(&self, text: &str, nested: fn(&str) -> Option<Value>, kept: &mut Value) -> bool {
        let made = if text.starts_with(['[', '{']) { nested(text) } else { None };
        let value = made.as_ref().unwrap_or_else(|| {
            match kept {
                Value::Text(known) => {
                    known.clear();
                    known.push_str(text);
                }
                _ => *kept = Value::from(text),
            }
            kept
        });
        let mut texts = Vec::new();
        view::collect_everything(value, &mut texts);
        self.any_holds(Some((value, &texts)))
    }

    /// The texts of which a value must hold one, folded; `None` when something else is asked.
    pub(super) fn needs(&self) -> Option<Vec<Wanted>> {
        let mut all = Vec::new();
        for test in &self.any_of {
            match test.needs() {
                Needs::Exactly(wanted) => all.push(wanted),
                Needs::OneOf(wanted) => all.extend(wanted),
                Needs::Presence | Needs::Nothing => return None,
            }
        }
        Some(all)
    }

    /// Marks the wanted rows in which a keyword is found.
    pub(super) fn find<E>(
        &self,
        column: &Column,
        wanted: &[bool],
        found: &mut [bool],
        mut go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        if column.values.is_empty() {
            return Ok(());
        }
        let mut known: Vec<Option<bool>> = vec![None; column.values.len()];
        let mut asked = 0_usize;
        for ((key, wanted), found) in column.keys.iter().zip(wanted).zip(found) {
            if !wanted || *found {
                continue;
            }
            if let Some(known) = known.get_mut(*key as usize) {
                if known.is_none() {
                    asked += 1;
                    if asked.is_multiple_of(VALUES_BETWEEN_LOOKS) {
                        go_on()?;
                    }
                }
                *found = *known.get_or_insert_with(|| {
                    let value = column.values.get(*key as usize).unwrap_or(&Value::Null);
                    let mut texts = Vec::new();
                    view::collect_everything(value, &mut texts);
                    self.any_holds(Some((value, &texts)))
                });
            }
        }
        Ok(())
    }
}

/// The texts that may hold a word: those in which one is found, and the lists and maps that may hide one.
fn candidates(words: &Words, outside: &Outside) -> Vec<usize> {
    let mut places = Vec::new();
    let mut begin = 0;
    for (place, end) in outside.text_ends.iter().enumerate() {
        let bytes = outside.texts.as_bytes().get(begin..*end).unwrap_or_default();
        let nested = bytes.first().is_some_and(|first| matches!(first, b'[' | b'{'));
        if words.may_be_in(bytes) || nested && words.may_be_hidden_in(bytes) {
            places.push(place);
        }
        begin = *end;
    }
    places
}

/// Whether a stored name may be the field that a rule asks for: blanks do not count, and a dotted name leads
/// into a map.
fn may_be(stored: &str, field: &str) -> bool {
    let stored: String = stored.chars().filter(|letter| *letter != ' ').collect();
    field == stored || field.strip_prefix(stored.as_str()).is_some_and(|rest| rest.starts_with('.'))
}

fn holds(tree: &Tree<Arc<Question>>, value: Option<(&Value, &[Scalar<'_>])>) -> bool {
    match tree {
        Tree::All(parts) => parts.iter().all(|part| holds(part, value)),
        Tree::Any(parts) => parts.iter().any(|part| holds(part, value)),
        Tree::Not(part) => !holds(part, value),
        Tree::Leaf(question) => question.any_holds(value) != question.negated,
    }
}

/// What is asked of one field.
type Questions = Tree<Arc<Question>>;

/// Makes each largest part that asks about one field a leaf.
pub(super) fn collapse(tree: &Tree<LeafSpec>) -> Tree<Part> {
    let group = |parts: &[Tree<LeafSpec>], join: fn(Vec<Questions>) -> Questions| {
        let mut mixed: Vec<Tree<Part>> = Vec::new();
        let mut single: Vec<(About, Vec<Tree<Arc<Question>>>)> = Vec::new();
        for part in parts {
            match collapse(part) {
                Tree::Leaf(Part { about: about @ About::Field(_), tree }) => {
                    match single.iter_mut().find(|(known, _)| *known == about) {
                        Some((_, trees)) => trees.push(tree),
                        None => single.push((about, vec![tree])),
                    }
                }
                other => mixed.push(other),
            }
        }
        let joined = single.into_iter().map(|(about, trees)| Part { about, tree: join(trees) });
        mixed.extend(joined.map(Tree::Leaf));
        mixed
    };
    match tree {
        Tree::All(parts) => Tree::all(group(parts, Tree::all)),
        Tree::Any(parts) => Tree::any(group(parts, Tree::any)),
        Tree::Not(part) => match collapse(part) {
            Tree::Leaf(Part { about: about @ About::Field(_), tree }) => {
                Tree::Leaf(Part { about, tree: Tree::Not(Box::new(tree)) })
            }
            other => Tree::Not(Box::new(other)),
        },
        Tree::Leaf(leaf) => Tree::Leaf(question(leaf)),
    }
}

fn question(leaf: &LeafSpec) -> Part {
    let mut fields = FieldTable::default();
    let mut others: Vec<&str> = Vec::new();
    for test in leaf.any_of.iter() {
        others.extend(match test {
            TestSpec::SameAs { field, .. } => Some(field.as_str()),
            _ => None,
        });
    }
    let (target, about) = match &leaf.field {
        Some(field) => (Target::Field(fields.intern(field)), About::Field(Arc::clone(field))),
        None => (Target::Anywhere, About::Anything),
    };
    let mut table = PredicateTable::default();
    for test in leaf.any_of.iter() {
        // The same test compiled a moment ago, when the rule was loaded.
        let compiled = table.intern(target, test, &mut fields);
        debug_assert!(compiled.is_ok(), "a loaded rule's test compiles");
    }
    let question = Question { any_of: table.into_predicates(), negated: leaf.negated };
    let about = match (others.as_slice(), about) {
        ([], about) => about,
        ([first, rest @ ..], About::Field(field)) if rest.iter().all(|other| other == first) => {
            About::Two(field, (*first).into())
        }
        _ => About::Several,
    };
    Part { about, tree: Tree::Leaf(Arc::new(question)) }
}

pub(super) fn each_leaf<L>(tree: &Tree<L>, see: &mut impl FnMut(&L)) {
    match tree {
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| each_leaf(part, see)),
        Tree::Not(part) => each_leaf(part, see),
        Tree::Leaf(leaf) => see(leaf),
    }
}

/// Values after which it is asked whether anybody still wants the answer.
const VALUES_BETWEEN_LOOKS: usize = 512;
