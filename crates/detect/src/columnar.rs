//! One rule asked of columns instead of events: each condition once per distinct value.
//!
//! The past is stored column by column, and a column holds few distinct values. So the parts of a rule that
//! ask about one field are answered once per value; the answers become rows; fields are read one after the
//! other, cheap ones first, and only for rows that can still match. What a column cannot tell exactly (keywords
//! that search every field, a field compared with another one, a value that is stored outside its column)
//! leaves a row *unsure*: the caller judges the whole event, by the engine that judges the stream. So the
//! answer is exact, whatever the shape of the rule.

use crate::compile::{CompileOptions, Compiled, Refused, RuleSource, compile};
use crate::filter;
use crate::matched::Match;
use crate::predicate::{Predicate, PredicateTable, Target, TestSpec};
use crate::rule::{self, Rule};
use crate::ruleset::{RuleSet, Scratch};
use crate::selection::LeafSpec;
use crate::tree::Tree;
use crate::view::{FieldTable, View};
use crate::yaml;
use model::{Event, Fields, LogSource, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The key of a row without a value.
pub const NO_VALUE: u32 = u32::MAX;

/// A column: per row the place of its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// For each row a place in `values`, or [`NO_VALUE`].
    pub keys: Vec<u32>,
    /// The values.
    pub values: Vec<Value>,
}

/// Some events as columns: what the caller's store offers.
pub trait Columns {
    /// What can go wrong while reading.
    type Error;
    /// How many events.
    fn rows(&self) -> usize;
    /// The log sources of each wanted row: keys into a short list.
    ///
    /// # Errors
    /// The store's.
    fn sources(&mut self, wanted: &[bool]) -> Result<(Vec<u32>, Vec<LogSource>), Self::Error>;
    /// The column of a field by its Sigma name, for the wanted rows; `None` when the store has no column for
    /// the field.
    ///
    /// # Errors
    /// The store's.
    fn column(&mut self, field: &str, wanted: &[bool]) -> Result<Option<Column>, Self::Error>;
    /// What reading the field's column costs, in any unit; 0 for a field without a column.
    fn cost(&self, field: &str) -> u64;
    /// The names of fields that some of these events keep outside the columns.
    ///
    /// # Errors
    /// The store's.
    fn names_outside(&mut self) -> Result<BTreeSet<String>, Self::Error>;
}

/// What the columns tell of each event. A row is in at most one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The rule matches.
    pub matches: Vec<bool>,
    /// The event itself must be judged ([`ColumnRule::judge_event`]).
    pub unsure: Vec<bool>,
}

/// A rule that can be asked of columns.
#[derive(Debug)]
pub struct ColumnRule {
    exact: RuleSet,
    rule: Arc<Rule>,
    tree: Tree<Part>,
    /// The fields that the rule asks about.
    fields: Vec<Arc<str>>,
}

/// What a rule asks about one field.
#[derive(Debug, Clone)]
struct Part {
    /// `None`: about every field, or about two of them; no column can tell.
    field: Option<Arc<str>>,
    tree: Tree<Arc<Question>>,
}

/// One value of the rule.
#[derive(Debug)]
struct Question {
    fields: FieldTable,
    any_of: Vec<Predicate>,
    negated: bool,
}

impl ColumnRule {
    /// Compiles one rule and the filters that come with it.
    ///
    /// # Errors
    /// What was refused, or nothing when the sources hold no rule, or more than one.
    pub fn compile(
        sources: &[RuleSource<'_>],
        options: &CompileOptions,
    ) -> Result<Self, Vec<Refused>> {
        let Compiled { rules, refused, .. } = compile(sources.iter().copied(), options);
        if !refused.is_empty() {
            return Err(refused);
        }
        let [rule] = rules.rules() else { return Err(Vec::new()) };
        let rule = Arc::clone(rule);
        let trees = trees_of(sources, options);
        let tree = collapse(&Tree::all(trees));
        let mut fields = BTreeSet::new();
        each_leaf(&tree, &mut |part: &Part| fields.extend(part.field.clone()));
        Ok(Self { exact: rules, rule, tree, fields: fields.into_iter().collect() })
    }

    /// The rule.
    #[must_use]
    pub const fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// The fields that the rule asks about.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| &**field)
    }

    /// Judges one event as the stream would.
    #[must_use]
    pub fn judge_event(&self, event: &Event, scratch: &mut Scratch) -> Option<Match> {
        self.exact.evaluate_with(event, scratch).into_iter().next()
    }

    /// Judges events by their columns; only the rows of `wanted`.
    ///
    /// # Errors
    /// The store's.
    pub fn judge<C: Columns>(
        &self,
        columns: &mut C,
        wanted: Vec<bool>,
    ) -> Result<Judged, C::Error> {
        let mut wanted = self.of_log_source(columns, wanted)?;
        let rows = wanted.len();
        let mut answers: Vec<Option<Answer>> = Vec::new();
        each_leaf(&self.tree, &mut |_| answers.push(None));
        if wanted.contains(&true) {
            let outside = columns.names_outside()?;
            let mut fields: Vec<&Arc<str>> = self.fields.iter().collect();
            fields.sort_by_key(|field| columns.cost(field));
            for field in fields {
                let column = columns.column(field, &wanted)?;
                self.answer(field, column.as_ref(), &outside, &wanted, &mut answers);
                let possible = self.possible(&answers, rows, &mut 0, &self.tree).possible;
                for (wanted, possible) in wanted.iter_mut().zip(possible) {
                    *wanted &= possible;
                }
                if !wanted.contains(&true) {
                    break;
                }
            }
        }
        let Answer { sure, possible } = self.possible(&answers, rows, &mut 0, &self.tree);
        let both = |one: &[bool], other: &[bool]| -> Vec<bool> {
            one.iter().zip(other).map(|(one, other)| *one && *other).collect()
        };
        let matches = both(&sure, &wanted);
        let unsure = both(&possible, &wanted)
            .into_iter()
            .zip(&matches)
            .map(|(possible, matches)| possible && !matches)
            .collect();
        Ok(Judged { matches, unsure })
    }

    fn of_log_source<C: Columns>(
        &self,
        columns: &mut C,
        mut wanted: Vec<bool>,
    ) -> Result<Vec<bool>, C::Error> {
        wanted.resize(columns.rows(), false);
        if !wanted.contains(&true) {
            return Ok(wanted);
        }
        let (keys, sources) = columns.sources(&wanted)?;
        let fits: Vec<bool> =
            sources.iter().map(|source| self.rule.logsource.is_satisfied_by(source)).collect();
        for (wanted, key) in wanted.iter_mut().zip(keys) {
            *wanted &= fits.get(key as usize).copied().unwrap_or(false);
        }
        Ok(wanted)
    }

    /// Answers every part that asks about a field.
    fn answer(
        &self,
        field: &Arc<str>,
        column: Option<&Column>,
        outside: &BTreeSet<String>,
        wanted: &[bool],
        answers: &mut [Option<Answer>],
    ) {
        // Whether a row without a value in the column may have one elsewhere.
        let elsewhere = outside.iter().any(|name| may_be(name, field));
        let mut place = 0;
        each_leaf(&self.tree, &mut |part: &Part| {
            if part.field.as_ref() == Some(field)
                && let Some(answer) = answers.get_mut(place)
            {
                *answer = Some(part.answer(field, column, elsewhere, wanted));
            }
            place += 1;
        });
    }

    fn possible(
        &self,
        answers: &[Option<Answer>],
        rows: usize,
        next: &mut usize,
        tree: &Tree<Part>,
    ) -> Answer {
        match tree {
            Tree::Leaf(_) => {
                let answer = answers.get(*next).cloned().flatten();
                *next += 1;
                answer.unwrap_or_else(|| Answer::unknown(rows))
            }
            Tree::Not(part) => {
                let mut answer = self.possible(answers, rows, next, part);
                std::mem::swap(&mut answer.sure, &mut answer.possible);
                for row in answer.sure.iter_mut().chain(&mut answer.possible) {
                    *row = !*row;
                }
                answer
            }
            Tree::All(parts) => {
                let mut all = Answer { sure: vec![true; rows], possible: vec![true; rows] };
                for part in parts {
                    all.combine(&self.possible(answers, rows, next, part), |a, b| a && b);
                }
                all
            }
            Tree::Any(parts) => {
                let mut any = Answer { sure: vec![false; rows], possible: vec![false; rows] };
                for part in parts {
                    any.combine(&self.possible(answers, rows, next, part), |a, b| a || b);
                }
                any
            }
        }
    }
}

/// Per row: whether a part of the rule holds for sure, and whether it may hold.
#[derive(Debug, Clone)]
struct Answer {
    sure: Vec<bool>,
    possible: Vec<bool>,
}

impl Answer {
    fn unknown(rows: usize) -> Self {
        Self { sure: vec![false; rows], possible: vec![true; rows] }
    }

    fn combine(&mut self, other: &Self, with: impl Fn(bool, bool) -> bool) {
        for (own, other) in [(&mut self.sure, &other.sure), (&mut self.possible, &other.possible)] {
            for (own, other) in own.iter_mut().zip(other) {
                *own = with(*own, *other);
            }
        }
    }
}

impl Part {
    fn answer(
        &self,
        field: &Arc<str>,
        column: Option<&Column>,
        elsewhere: bool,
        wanted: &[bool],
    ) -> Answer {
        let rows = wanted.len();
        let mut fields = Fields::new();
        let absent = holds(&self.tree, &fields);
        let Some(column) = column else {
            return Answer {
                sure: vec![absent && !elsewhere; rows],
                possible: vec![absent || elsewhere; rows],
            };
        };
        // A row that is no longer wanted may be the only one that holds a dear value: values are asked
        // when a wanted row comes to them.
        let mut known: Vec<Option<bool>> = vec![None; column.values.len()];
        let mut answer = Answer { sure: vec![false; rows], possible: vec![false; rows] };
        for (row, wanted) in wanted.iter().enumerate() {
            if !wanted {
                continue;
            }
            let key = column.keys.get(row).copied().unwrap_or(NO_VALUE);
            let (sure, possible) = match known.get_mut(key as usize) {
                None => (absent && !elsewhere, absent || elsewhere),
                Some(known) => {
                    let holds = *known.get_or_insert_with(|| {
                        let value = column.values.get(key as usize).cloned();
                        fields.set(field.to_string(), value.unwrap_or(Value::Null));
                        holds(&self.tree, &fields)
                    });
                    (holds, holds)
                }
            };
            if let (Some(sure_row), Some(possible_row)) =
                (answer.sure.get_mut(row), answer.possible.get_mut(row))
            {
                (*sure_row, *possible_row) = (sure, possible);
            }
        }
        answer
    }
}

/// Whether a stored name may be the field that a rule asks for: blanks do not count, and a dotted name leads
/// into a map.
fn may_be(stored: &str, field: &str) -> bool {
    let stored: String = stored.chars().filter(|letter| *letter != ' ').collect();
    field == stored || field.strip_prefix(stored.as_str()).is_some_and(|rest| rest.starts_with('.'))
}

fn holds(tree: &Tree<Arc<Question>>, fields: &Fields) -> bool {
    match tree {
        Tree::All(parts) => parts.iter().all(|part| holds(part, fields)),
        Tree::Any(parts) => parts.iter().any(|part| holds(part, fields)),
        Tree::Not(part) => !holds(part, fields),
        Tree::Leaf(question) => {
            let view = View::new(&question.fields, fields);
            question.any_of.iter().any(|one| one.holds(&view)) != question.negated
        }
    }
}

/// The conditions of the rule and of its filters, as they were written.
fn trees_of(sources: &[RuleSource<'_>], options: &CompileOptions) -> Vec<Tree<LeafSpec>> {
    let mut trees = Vec::new();
    for source in sources {
        let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
        for document in yaml::documents(text) {
            let Ok(root) = yaml::parse(document) else { continue };
            if root.get("filter").is_some() {
                let draft = filter::read(&root, document, source.name, &options.lists);
                trees.extend(draft.ok().map(|draft| draft.tree));
            } else {
                let draft = rule::read(&root, document, source.name, &options.lists);
                trees.extend(draft.ok().map(|draft| draft.tree));
            }
        }
    }
    trees
}

/// Makes each largest part that asks about one field a leaf.
fn collapse(tree: &Tree<LeafSpec>) -> Tree<Part> {
    let group = |parts: &[Tree<LeafSpec>],
                 join: fn(Vec<Tree<Arc<Question>>>) -> Tree<Arc<Question>>| {
        let mut mixed: Vec<Tree<Part>> = Vec::new();
        let mut single: Vec<(Option<Arc<str>>, Vec<Tree<Arc<Question>>>)> = Vec::new();
        for part in parts {
            match collapse(part) {
                Tree::Leaf(Part { field: Some(field), tree }) => {
                    match single.iter_mut().find(|(known, _)| known.as_ref() == Some(&field)) {
                        Some((_, trees)) => trees.push(tree),
                        None => single.push((Some(field), vec![tree])),
                    }
                }
                other => mixed.push(other),
            }
        }
        let joined = single.into_iter().map(|(field, trees)| Part { field, tree: join(trees) });
        mixed.extend(joined.map(Tree::Leaf));
        mixed
    };
    match tree {
        Tree::All(parts) => Tree::all(group(parts, Tree::all)),
        Tree::Any(parts) => Tree::any(group(parts, Tree::any)),
        Tree::Not(part) => match collapse(part) {
            Tree::Leaf(Part { field: field @ Some(_), tree }) => {
                Tree::Leaf(Part { field, tree: Tree::Not(Box::new(tree)) })
            }
            other => Tree::Not(Box::new(other)),
        },
        Tree::Leaf(leaf) => Tree::Leaf(question(leaf)),
    }
}

fn question(leaf: &LeafSpec) -> Part {
    let mut fields = FieldTable::default();
    let two_fields = leaf.any_of.iter().any(|test| matches!(test, TestSpec::SameAs { .. }));
    let target = match &leaf.field {
        Some(field) => Target::Field(fields.intern(field)),
        None => Target::Anywhere,
    };
    let mut table = PredicateTable::default();
    for test in leaf.any_of.iter() {
        // The same test compiled a moment ago, when the rule was loaded.
        let compiled = table.intern(target, test, &mut fields);
        debug_assert!(compiled.is_ok(), "a loaded rule's test compiles");
    }
    let field = leaf.field.clone().filter(|_| !two_fields);
    let question = Question { fields, any_of: table.into_predicates(), negated: leaf.negated };
    Part { field, tree: Tree::Leaf(Arc::new(question)) }
}

fn each_leaf<L>(tree: &Tree<L>, see: &mut impl FnMut(&L)) {
    match tree {
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| each_leaf(part, see)),
        Tree::Not(part) => each_leaf(part, see),
        Tree::Leaf(leaf) => see(leaf),
    }
}
