//! One question about one field. Equal questions of different rules are one predicate, asked at most once
//! per event.

use crate::cause::{RegexFault, ValueFault};
use crate::fold;
use crate::index::Wanted;
use crate::limits;
use crate::necessary;
use crate::net::Network;
use crate::number::{Comparison, Number, TimePart};
use crate::pattern::Pattern;
use crate::text::TextMatcher;
use crate::view::{self, FieldId, FieldTable, Present, Scalar, View};
use model::{Fields, Value};
use std::collections::HashMap;

/// A predicate of a rule set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PredicateId(u32);

impl PredicateId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn of_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

/// A test as a rule means it: the key by which equal tests are found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TestSpec {
    /// The whole value fits the pattern, which is normalised.
    Text { pattern: Pattern, cased: bool },
    /// The field is missing or has no value.
    Null,
    /// The field is there, with or without value; or it is not, when that is wanted.
    Exists { wanted: bool },
    /// The expression is found somewhere in the value.
    Regex { source: String, flags: RegexFlags },
    /// The value is an address of the network.
    Network(Network),
    /// The value, or the part of its date, compares with the number.
    Compare { part: Option<TimePart>, comparison: Comparison, number: Number },
    /// The value is, begins with, ends with or holds a value of another field.
    SameAs { field: String, place: Place, cased: bool },
}

/// Where one text is wanted in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Whole,
    Start,
    End,
    Inside,
}

/// The sub-modifiers of `re`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct RegexFlags {
    pub(crate) ignore_case: bool,
    pub(crate) multi_line: bool,
    pub(crate) dot_all: bool,
}

/// Which values are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Field(FieldId),
    /// Any value of the event.
    Anywhere,
}

/// A compiled question.
#[derive(Debug)]
pub(crate) struct Predicate {
    target: Target,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Text {
        matcher: TextMatcher,
        cased: bool,
    },
    Null,
    Exists {
        wanted: bool,
    },
    Regex {
        regex: Box<regex::Regex>,
        before_last_newline: bool,
        literals: Option<Vec<String>>,
        /// Bytes of any text that fits.
        bytes_min: usize,
    },
    /// What `.{1000,}` asks, which is slow as an expression: so many characters in a line, or in all.
    Long {
        chars_min: usize,
        across_lines: bool,
    },
    Network(Network),
    Compare {
        part: Option<TimePart>,
        comparison: Comparison,
        number: Number,
    },
    SameAs {
        other: FieldId,
        place: Place,
        cased: bool,
    },
}

impl Predicate {
    /// Whether the event answers the question with yes. A missing field always answers no, except where
    /// absence is what the question is about.
    pub(crate) fn holds(&self, view: &View<'_>) -> bool {
        match (&self.test, self.target) {
            (Test::Null, Target::Field(field)) => {
                view.field(field).is_none_or(|field| field.is_null())
            }
            (Test::Exists { wanted }, Target::Field(field)) => {
                view.field(field).is_some() == *wanted
            }
            _ => self.witness(view).is_some(),
        }
    }

    /// The value that makes the predicate hold, as text; `None` when it does not hold or when it holds
    /// because there is no value.
    pub(crate) fn value_that_holds(&self, view: &View<'_>) -> Option<String> {
        match (&self.test, self.target) {
            (Test::Null, _) => None,
            (Test::Exists { .. }, Target::Field(field)) => view.field(field)?.shown(),
            _ => self.witness(view).map(|scalar| scalar.text().to_owned()),
        }
    }

    /// What the field holds, as text, for a predicate that is wanted not to hold.
    pub(crate) fn value_of_field(&self, view: &View<'_>) -> Option<String> {
        match self.target {
            Target::Field(field) => view.field(field)?.shown(),
            Target::Anywhere => None,
        }
    }

    /// Which values are tested.
    pub(crate) const fn target(&self) -> Target {
        self.target
    }

    /// The other field of a comparison of two.
    pub(crate) const fn other_field(&self) -> Option<FieldId> {
        match &self.test {
            Test::SameAs { other, .. } => Some(*other),
            _ => None,
        }
    }

    /// What must be true of an event for the predicate to hold.
    pub(crate) fn needs(&self) -> Needs {
        match &self.test {
            Test::Text { matcher, cased } => needs_of_text(matcher, *cased),
            Test::Regex { literals, .. } => match literals {
                Some(texts) => Needs::OneOf(
                    texts.iter().map(|text| Wanted::Inside(text.as_str().into())).collect(),
                ),
                None => Needs::Presence,
            },
            Test::Exists { wanted: true }
            | Test::Network(_)
            | Test::Compare { .. }
            | Test::Long { .. }
            | Test::SameAs { .. } => Needs::Presence,
            Test::Exists { wanted: false } | Test::Null => Needs::Nothing,
        }
    }

    /// The matcher, when the question is about the folded text alone.
    pub(crate) fn folded_matcher(&self) -> Option<&TextMatcher> {
        match &self.test {
            Test::Text { matcher, cased: false } => Some(matcher),
            _ => None,
        }
    }

    /// How two fields are compared, when letter case does not count.
    pub(crate) const fn folded_comparison(&self) -> Option<Place> {
        match &self.test {
            Test::SameAs { place, cased: false, .. } => Some(*place),
            _ => None,
        }
    }

    /// The answer for what a field holds, `None` when the event lacks it; `other` is what
    /// [`Predicate::other_field`] holds. Not for predicates about any value of the event.
    pub(crate) fn holds_for(&self, value: Option<&Value>, other: Option<&Value>) -> bool {
        match (&self.test, value) {
            (Test::Null, value) => value.is_none_or(view::is_null),
            (Test::Exists { wanted }, value) => value.is_some() == *wanted,
            (_, None) => false,
            // A number needs no text.
            (Test::Compare { part, comparison, number }, Some(value))
                if !matches!(value, Value::List(_)) =>
            {
                let found = match part {
                    Some(part) => part.of_value(value),
                    None => Number::of_value(value),
                };
                found.is_some_and(|found| comparison.holds(found, *number))
            }
            (test, Some(value)) => view::with_scalars(value, |scalars| match other {
                Some(other) => view::with_scalars(other, |wanted| {
                    scalars.iter().any(|scalar| test.holds_for(scalar, wanted))
                }),
                None => scalars.iter().any(|scalar| test.holds_for(scalar, &[])),
            }),
        }
    }

    /// As [`Predicate::holds_for`] for a value whose texts are known, and for none of another field.
    pub(crate) fn holds_among(&self, value: &Value, texts: &[Scalar<'_>]) -> bool {
        match &self.test {
            Test::Null => view::is_null(value),
            Test::Exists { wanted } => *wanted,
            test => texts.iter().any(|text| test.holds_for(text, &[])),
        }
    }

    /// The answer of a predicate about any value of the event.
    pub(crate) fn holds_anywhere(&self, fields: &Fields) -> bool {
        fields.iter().any(|(_, value)| {
            let mut scalars = Vec::new();
            view::collect_everything(value, &mut scalars);
            scalars.iter().any(|scalar| self.test.holds_for(scalar, &[]))
        })
    }

    /// How dear the question is, in rough units.
    pub(crate) const fn cost(&self) -> u32 {
        let one_value = match &self.test {
            Test::Null | Test::Exists { .. } => 1,
            Test::Text { matcher, .. } => matcher.cost(),
            Test::Compare { part: None, .. } | Test::Long { .. } => 2,
            Test::Network(_) | Test::SameAs { .. } | Test::Compare { .. } => 10,
            Test::Regex { .. } => 40,
        };
        match self.target {
            Target::Field(_) => one_value,
            Target::Anywhere => one_value * 20,
        }
    }

    /// How many bytes of text cost as much as a unit of [`Predicate::cost`]: an expression goes through a text
    /// byte by byte, a search for a substring many at once.
    pub(crate) const fn bytes_per_unit(&self) -> usize {
        match &self.test {
            Test::Regex { .. } | Test::Long { .. } => 5,
            _ => 64,
        }
    }

    fn witness<'v, 'e>(&self, view: &'v View<'e>) -> Option<&'v Scalar<'e>> {
        let scalars = match self.target {
            Target::Field(field) => view.field(field)?.scalars(),
            Target::Anywhere => view.everything(),
        };
        let other = self.other_field().and_then(|other| view.field(other));
        let wanted = other.map(Present::scalars).unwrap_or_default();
        scalars.iter().find(|scalar| self.test.holds_for(scalar, wanted))
    }
}

impl Place {
    /// Whether a text has another one at this place.
    pub(crate) fn holds(self, text: &str, wanted: &str) -> bool {
        match self {
            Self::Whole => text == wanted,
            Self::Start => text.starts_with(wanted),
            Self::End => text.ends_with(wanted),
            Self::Inside => text.contains(wanted),
        }
    }
}

impl Test {
    /// `wanted` are the values of the other field, where two are compared.
    fn holds_for(&self, scalar: &Scalar<'_>, wanted: &[Scalar<'_>]) -> bool {
        match self {
            Self::Text { matcher, cased } => matcher.is_match(scalar.text_for(*cased)),
            Self::Regex { regex, before_last_newline, bytes_min, .. } => {
                let text = scalar.text();
                if text.len() < *bytes_min {
                    return false;
                }
                regex.is_match(text)
                    || *before_last_newline
                        && text.strip_suffix('\n').is_some_and(|line| regex.is_match(line))
            }
            Self::Long { chars_min, across_lines } => {
                let text = scalar.text();
                let long = |part: &str| {
                    part.len() >= *chars_min && part.chars().nth(chars_min - 1).is_some()
                };
                if *across_lines { long(text) } else { text.split('\n').any(long) }
            }
            Self::Network(network) => {
                scalar.text().parse().is_ok_and(|address| network.contains(address))
            }
            Self::Compare { part, comparison, number } => {
                let found = match part {
                    Some(part) => part.of_value(scalar.value),
                    None => Number::of_value(scalar.value),
                };
                found.is_some_and(|found| comparison.holds(found, *number))
            }
            Self::SameAs { place, cased, .. } => {
                let text = scalar.text_for(*cased);
                wanted.iter().any(|wanted| place.holds(text, wanted.text_for(*cased)))
            }
            // These are about the field, not about one of its values.
            Self::Null | Self::Exists { .. } => false,
        }
    }
}

/// What must be true of an event for a predicate to hold.
#[derive(Debug)]
pub(crate) enum Needs {
    /// Exactly this: the predicate holds when it does.
    Exactly(Wanted),
    /// One of these at least.
    OneOf(Vec<Wanted>),
    /// The field is there.
    Presence,
    /// It may hold for any event.
    Nothing,
}

fn needs_of_text(matcher: &TextMatcher, cased: bool) -> Needs {
    let folded = |text: &str| -> Box<str> { fold::fold(text).into() };
    let wanted = match matcher {
        TextMatcher::Anything => return Needs::Presence,
        TextMatcher::Exact(text) => Wanted::Whole(folded(text)),
        TextMatcher::Prefix(text) => Wanted::Start(folded(text)),
        TextMatcher::Suffix(text) => Wanted::End(folded(text)),
        TextMatcher::Contains(finder) => match std::str::from_utf8(finder.needle()) {
            Ok(text) => Wanted::Inside(folded(text)),
            Err(_) => return Needs::Presence,
        },
        TextMatcher::Wild(wild) => match wild.longest_text() {
            Some(text) => return Needs::OneOf(vec![Wanted::Inside(folded(text))]),
            None => return Needs::Presence,
        },
    };
    if cased { Needs::OneOf(vec![wanted]) } else { Needs::Exactly(wanted) }
}

/// All predicates of a rule set.
#[derive(Debug, Default)]
pub(crate) struct PredicateTable {
    predicates: Vec<Predicate>,
    known: HashMap<(Target, TestSpec), PredicateId>,
}

impl PredicateTable {
    /// The predicate of a question; the first one to ask makes it.
    ///
    /// # Errors
    /// Why a regular expression does not compile.
    pub(crate) fn intern(
        &mut self,
        target: Target,
        spec: &TestSpec,
        fields: &mut FieldTable,
    ) -> Result<PredicateId, ValueFault> {
        let key = (target, spec.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let test = match spec {
            TestSpec::Text { pattern, cased } => {
                Test::Text { matcher: TextMatcher::compile(pattern), cased: *cased }
            }
            TestSpec::Null => Test::Null,
            TestSpec::Exists { wanted } => Test::Exists { wanted: *wanted },
            TestSpec::Regex { source, flags }
                if let Some((chars_min, across_lines)) = necessary::only_length(source, *flags) =>
            {
                Test::Long { chars_min, across_lines }
            }
            TestSpec::Regex { source, flags } => Test::Regex {
                regex: Box::new(regex(source, *flags)?),
                // In the dialect of Sigma `$` also fits before a line break that ends the text; in that
                // of the regex crate it does not. `\z` is the end and nothing else in both.
                before_last_newline: source.contains('$') && !source.contains("\\z"),
                literals: necessary::literals(source, *flags),
                bytes_min: necessary::bytes_min(source, *flags),
            },
            TestSpec::Network(network) => Test::Network(*network),
            TestSpec::Compare { part, comparison, number } => {
                Test::Compare { part: *part, comparison: *comparison, number: *number }
            }
            TestSpec::SameAs { field, place, cased } => {
                Test::SameAs { other: fields.intern(field), place: *place, cased: *cased }
            }
        };
        let id = PredicateId::of_index(self.predicates.len());
        self.predicates.push(Predicate { target, test });
        self.known.insert(key, id);
        Ok(id)
    }

    /// The finished list; the keys are needed only while rules are loaded.
    pub(crate) fn into_predicates(self) -> Vec<Predicate> {
        self.predicates
    }

    pub(crate) fn get(&self, id: PredicateId) -> Option<&Predicate> {
        self.predicates.get(id.index())
    }
}

/// Whether a test of a selection that no condition uses could be asked.
pub(crate) fn check(spec: &TestSpec) -> Result<(), ValueFault> {
    match spec {
        TestSpec::Regex { source, flags } => regex(source, *flags).map(drop),
        _ => Ok(()),
    }
}

fn regex(source: &str, flags: RegexFlags) -> Result<regex::Regex, ValueFault> {
    regex::RegexBuilder::new(source)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .size_limit(limits::REGEX_BYTES_MAX)
        .dfa_size_limit(limits::REGEX_CACHE_BYTES_MAX)
        .nest_limit(limits::REGEX_NEST_MAX)
        .build()
        .map_err(|err| match err {
            regex::Error::CompiledTooBig(limit) => ValueFault::RegexTooLarge(limit),
            // The engine hands on its parser's words only: the parser is asked again what kind of mistake it is.
            other => ValueFault::Regex(match necessary::parse(source, flags) {
                Err(error) => RegexFault::of(&error),
                Ok(_) => RegexFault::in_words(&other.to_string()),
            }),
        })
}
