//! One rule asked of columns instead of events: each condition once per distinct value.
//!
//! The past is stored column by column, and a column holds few distinct values. So the parts of a rule that
//! ask about one field are answered once per value; the answers become rows; fields are read one after the
//! other, cheap ones first, and only for rows that can still match; two fields are compared once per pair of
//! values; keywords ask every column and what lies outside of them, last of all. What a column cannot tell
//! exactly (a value that is stored outside its column) leaves a row *unsure*: the caller judges the whole
//! event, by the engine that judges the stream. So the answer is exact, whatever the shape of the rule.

mod parts;
mod references;
mod words;

pub use references::References;
pub use words::Words;

use crate::compile::{CompileOptions, Compiled, Refused, RuleSource, compile};
use crate::filter;
use crate::matched::Match;
use crate::rule::{self, Rule};
use crate::ruleset::{RuleSet, Scratch};
use crate::selection::LeafSpec;
use crate::tree::Tree;
use crate::yaml;
use model::{Event, LogSource, Value};
use parts::{About, Answer, Elsewhere, Part, Question, Side, collapse, each_leaf};
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

/// The values of fields that some events keep outside of columns.
#[derive(Debug, Clone)]
pub struct Outside {
    /// For each row how many texts it and the rows before it have.
    pub row_ends: Vec<usize>,
    /// For each text its end in `texts`.
    pub text_ends: Vec<usize>,
    /// The texts, one behind the other.
    pub texts: String,
    /// The list or map that a text stands for; only texts that begin with a bracket are asked about.
    pub nested: fn(&str) -> Option<Value>,
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
    /// The column of a field by its Sigma name, for the wanted rows at least; `None` when the store has no column
    /// for the field.
    ///
    /// # Errors
    /// The store's.
    fn column(&mut self, field: &str, wanted: &[bool]) -> Result<Option<Arc<Column>>, Self::Error>;
    /// The Sigma names of all its columns: what keywords search.
    fn fields(&self) -> Vec<&str>;
    /// What reading the field's column costs, in any unit; 0 for a field without a column.
    fn cost(&self, field: &str) -> u64;
    /// The wanted rows but for some whose value of a field surely holds none of the words, in one of its texts or
    /// as a number; without a field, whose values outside the columns do not. `None` when no row is left; a store
    /// that cannot tell gives all of them back.
    ///
    /// # Errors
    /// The store's.
    fn may_hold(
        &mut self,
        field: Option<&str>,
        words: &Words,
        wanted: &[bool],
    ) -> Result<Option<Vec<bool>>, Self::Error>;
    /// The names of fields that some of these events keep outside the columns.
    ///
    /// # Errors
    /// The store's.
    fn names_outside(&mut self) -> Result<BTreeSet<String>, Self::Error>;
    /// The values that the wanted rows keep outside the columns; `None` when the store cannot tell them.
    ///
    /// # Errors
    /// The store's.
    fn outside(&mut self, wanted: &[bool]) -> Result<Option<Outside>, Self::Error>;
    /// Asked now and then during long work: an error ends it.
    ///
    /// # Errors
    /// When nobody wants the answer any more.
    fn go_on(&mut self) -> Result<(), Self::Error>;
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
    /// What its keywords need, when they are words.
    words: Option<Words>,
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
        let mut keywords = Vec::new();
        each_leaf(&tree, &mut |part: &Part| match (&part.about, &part.tree) {
            (About::Field(field), _) => {
                fields.insert(Arc::clone(field));
            }
            (About::Anything, Tree::Leaf(question)) => keywords.push(Arc::clone(question)),
            _ => {}
        });
        let words = Words::of(keywords.iter().map(|question| &**question));
        Ok(Self { exact: rules, rule, tree, fields: fields.into_iter().collect(), words })
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
                self.answer(columns, (field, column.as_deref()), &outside, &wanted, &mut answers)?;
                self.narrow(&answers, &mut wanted);
                if !wanted.contains(&true) {
                    break;
                }
            }
            if wanted.contains(&true) {
                self.answer_pairs(columns, &outside, &wanted, &mut answers)?;
                self.narrow(&answers, &mut wanted);
            }
            if wanted.contains(&true) {
                self.answer_keywords(columns, !outside.is_empty(), &wanted, &mut answers)?;
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
    fn answer<C: Columns>(
        &self,
        columns: &mut C,
        (field, column): (&Arc<str>, Option<&Column>),
        outside: &BTreeSet<String>,
        wanted: &[bool],
        answers: &mut [Option<Answer>],
    ) -> Result<(), C::Error> {
        let elsewhere = Elsewhere::of(field, outside);
        let mut place = 0;
        let mut outcome = Ok(());
        each_leaf(&self.tree, &mut |part: &Part| {
            if matches!(&part.about, About::Field(own) if own == field)
                && outcome.is_ok()
                && let Some(answer) = answers.get_mut(place)
            {
                match part.answer(column, elsewhere, wanted, || columns.go_on()) {
                    Ok(made) => *answer = Some(made),
                    Err(err) => outcome = Err(err),
                }
            }
            place += 1;
        });
        outcome
    }

    /// Wants no longer what cannot match any more.
    fn narrow(&self, answers: &[Option<Answer>], wanted: &mut [bool]) {
        let possible = self.possible(answers, wanted.len(), &mut 0, &self.tree).possible;
        for (wanted, possible) in wanted.iter_mut().zip(possible) {
            *wanted &= possible;
        }
    }

    /// Answers the parts that compare two fields.
    fn answer_pairs<C: Columns>(
        &self,
        columns: &mut C,
        outside: &BTreeSet<String>,
        wanted: &[bool],
        answers: &mut [Option<Answer>],
    ) -> Result<(), C::Error> {
        let mut pairs = Vec::new();
        let mut place = 0;
        each_leaf(&self.tree, &mut |part: &Part| {
            if let (About::Two(one, other), Tree::Leaf(question)) = (&part.about, &part.tree) {
                pairs.push((place, Arc::clone(one), Arc::clone(other), Arc::clone(question)));
            }
            place += 1;
        });
        for (place, one, other, question) in pairs {
            let mut side = |field: &Arc<str>| -> Result<Side, C::Error> {
                let elsewhere = Elsewhere::of(field, outside);
                Ok(Side { column: columns.column(field, wanted)?, elsewhere })
            };
            let sides = [side(&one)?, side(&other)?];
            let answer = question.compare(&sides, wanted, || columns.go_on())?;
            if let Some(slot) = answers.get_mut(place) {
                *slot = Some(answer);
            }
        }
        Ok(())
    }

    /// Answers the keywords: each asks every column, cheap ones first, and only for rows that may hold a word and
    /// in which not all keywords are found yet.
    fn answer_keywords<C: Columns>(
        &self,
        columns: &mut C,
        more_outside: bool,
        wanted: &[bool],
        answers: &mut [Option<Answer>],
    ) -> Result<(), C::Error> {
        let mut keywords = self.keywords(wanted.len());
        if keywords.is_empty() {
            return Ok(());
        }
        let mut open = self::open(wanted, &keywords);
        let mut fields: Vec<String> = columns.fields().into_iter().map(ToOwned::to_owned).collect();
        fields.sort_by_cached_key(|field| columns.cost(field));
        for field in fields {
            columns.go_on()?;
            let Some(here) = self.may_hold(columns, Some(&field), &open)? else { continue };
            let Some(column) = columns.column(&field, &here)? else { continue };
            for Keyword { question, found, .. } in &mut keywords {
                question.find(&column, &here, found, || columns.go_on())?;
            }
            open = self::open(wanted, &keywords);
        }
        // A keyword that no column holds may be in what lies outside.
        let mut unknown = vec![false; wanted.len()];
        let here = if more_outside { self.may_hold(columns, None, &open)? } else { None };
        if let Some(here) = here {
            match columns.outside(&here)? {
                Some(outside) => {
                    for Keyword { question, found, .. } in &mut keywords {
                        let words = self.words.as_ref();
                        question.find_outside(&outside, words, &here, found, || columns.go_on())?;
                    }
                }
                None => unknown = here,
            }
        }
        for Keyword { place, question, found } in keywords {
            if let Some(answer) = answers.get_mut(place) {
                let maybe = found.iter().zip(&unknown).map(|(found, unknown)| *found || *unknown);
                let mut made = Answer { possible: maybe.collect(), sure: found };
                if question.negated {
                    made.turn();
                }
                *answer = Some(made);
            }
        }
        Ok(())
    }

    fn keywords(&self, rows: usize) -> Vec<Keyword> {
        let mut keywords = Vec::new();
        let mut place = 0;
        each_leaf(&self.tree, &mut |part: &Part| {
            if let (About::Anything, Tree::Leaf(question)) = (&part.about, &part.tree) {
                let (question, found) = (Arc::clone(question), vec![false; rows]);
                keywords.push(Keyword { place, question, found });
            }
            place += 1;
        });
        keywords
    }

    /// The rows whose field, or what lies outside of all, may hold a word; `None` when there is none.
    fn may_hold<C: Columns>(
        &self,
        columns: &mut C,
        field: Option<&str>,
        open: &[bool],
    ) -> Result<Option<Vec<bool>>, C::Error> {
        match &self.words {
            _ if !open.contains(&true) => Ok(None),
            Some(words) => columns.may_hold(field, words, open),
            None => Ok(Some(open.to_vec())),
        }
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
                answer.turn();
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

/// A keyword of the rule, and the rows in which it was found.
struct Keyword {
    /// Among the leaves of the tree.
    place: usize,
    question: Arc<Question>,
    found: Vec<bool>,
}

/// The wanted rows in which not every keyword is found.
fn open(wanted: &[bool], keywords: &[Keyword]) -> Vec<bool> {
    let mut open = vec![false; wanted.len()];
    for Keyword { found, .. } in keywords {
        for ((open, found), wanted) in open.iter_mut().zip(found).zip(wanted) {
            *open |= *wanted && !found;
        }
    }
    open
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
