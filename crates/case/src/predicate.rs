//! Predicates as data: what exclusions, conditions and policies say about an item, stored as JSON.
//!
//! ```text
//! {"all":[{"is":{"field":"install_source","op":"starts_with","values":["Debian:"]}},
//!         {"not":{"is":{"field":"name","op":"glob","values":["*-dbg"]}}}]}
//! ```
//!
//! Truth has three values: what is not known is neither true nor false, so that `not` over an unknown field does
//! not hold by accident. A predicate applies only when it is [`Truth::Yes`].
//!
//! Invariant: a predicate from outside is checked once ([`Predicate::check`]) and bounded in depth and size.
//! Invariant: text is compared without regard to case; several values of a leaf are alternatives.

use std::borrow::Cow;
use std::cmp::Ordering;

/// Levels of a predicate.
pub const PREDICATE_DEPTH_MAX: usize = 8;
/// Values of all leaves together. A standard image may list every package that it holds.
pub const PREDICATE_VALUES_MAX: usize = 6_000;
/// Bytes of one value.
pub const PREDICATE_VALUE_BYTES_MAX: usize = 1_024;

/// A condition on the fields of something.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// All of these; empty: yes.
    All(Vec<Self>),
    /// One of these; empty: no.
    Any(Vec<Self>),
    /// The opposite; unknown stays unknown.
    Not(Box<Self>),
    /// A comparison.
    Is(Comparison),
}

/// One comparison of a field with alternatives.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The field's name, one of those that the subject knows.
    pub field: String,
    /// How it is compared.
    pub op: Operator,
    /// With what: one of these suffices. Empty for [`Operator::Present`].
    #[serde(default)]
    pub values: Vec<String>,
}

/// How a field is compared. The names are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// Equal.
    Equals,
    /// Contains the value.
    Contains,
    /// Starts with the value.
    StartsWith,
    /// Ends with the value.
    EndsWith,
    /// Like the value, in which `*` stands for any text.
    Glob,
    /// The field is known and not empty.
    Present,
    /// A number or version of at least the value.
    AtLeast,
    /// A number or version below the value.
    Below,
}

impl Operator {
    /// Every operator, in the order of a form.
    pub const ALL: [Self; 8] = [
        Self::Equals,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Glob,
        Self::Present,
        Self::AtLeast,
        Self::Below,
    ];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equals => "equals",
            Self::Contains => "contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::Glob => "glob",
            Self::Present => "present",
            Self::AtLeast => "at_least",
            Self::Below => "below",
        }
    }

    /// The operator of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name() == name)
    }
}

/// What a predicate is asked about.
pub trait Subject {
    /// The values of a field: none when it is not known.
    fn values(&self, field: &str) -> Vec<Cow<'_, str>>;
}

/// The answer of a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// A field that would decide it is not known.
    Unknown,
}

/// Why a predicate from outside is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredicateFault {
    /// A field that the subject does not have.
    #[error("there is no field {field:?}; known are {known}")]
    UnknownField {
        /// The name as given.
        field: String,
        /// The names that exist.
        known: String,
    },
    /// Too deep.
    #[error("the predicate is nested more than {PREDICATE_DEPTH_MAX} levels deep; make two of it")]
    TooDeep,
    /// Too many values.
    #[error(
        "the predicate has more than {PREDICATE_VALUES_MAX} values; use a prefix or the publisher"
    )]
    TooLarge,
    /// A comparison without a value, or with an empty or too long one.
    #[error("the comparison of {field:?} needs values of 1 to {PREDICATE_VALUE_BYTES_MAX} bytes")]
    BadValue {
        /// Which field.
        field: String,
    },
    /// It would hold for everything.
    #[error("the predicate names no field and would hold for everything; add a comparison")]
    Everything,
    /// The text is not a predicate.
    #[error("not a predicate: {reason}")]
    Malformed {
        /// What the reader of the JSON said.
        reason: String,
    },
}

impl Predicate {
    /// A comparison with one value.
    #[must_use]
    pub fn is(field: &str, op: Operator, value: &str) -> Self {
        Self::one_of(field, op, vec![value.to_owned()])
    }

    /// A comparison with alternatives.
    #[must_use]
    pub fn one_of(field: &str, op: Operator, values: Vec<String>) -> Self {
        Self::Is(Comparison { field: field.to_owned(), op, values })
    }

    /// Reads a predicate from its JSON and checks it.
    ///
    /// # Errors
    /// [`PredicateFault`] says what is wrong with it.
    pub fn parse(json: &str, known_fields: &[&str]) -> Result<Self, PredicateFault> {
        if json.len() > PREDICATE_VALUES_MAX * 128 {
            return Err(PredicateFault::TooLarge);
        }
        let predicate: Self = serde_json::from_str(json)
            .map_err(|err| PredicateFault::Malformed { reason: err.to_string() })?;
        predicate.check(known_fields)?;
        Ok(predicate)
    }

    /// The stored form.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: a predicate is plain text, lists and names")
    }

    /// Whether it is bounded, compares at least one field and names only fields that exist.
    ///
    /// # Errors
    /// [`PredicateFault`] says what is wrong with it.
    pub fn check(&self, known_fields: &[&str]) -> Result<(), PredicateFault> {
        let mut values = 0;
        self.check_level(known_fields, 1, &mut values)?;
        if values == 0 {
            return Err(PredicateFault::Everything);
        }
        Ok(())
    }

    fn check_level(
        &self,
        known: &[&str],
        depth: usize,
        values: &mut usize,
    ) -> Result<(), PredicateFault> {
        if depth > PREDICATE_DEPTH_MAX {
            return Err(PredicateFault::TooDeep);
        }
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().try_for_each(|part| part.check_level(known, depth + 1, values))
            }
            Self::Not(part) => part.check_level(known, depth + 1, values),
            Self::Is(comparison) => comparison.check(known, values),
        }
    }

    /// What it says about a subject.
    #[must_use]
    pub fn truth(&self, subject: &dyn Subject) -> Truth {
        match self {
            Self::All(parts) => {
                let mut all = Truth::Yes;
                for part in parts {
                    match part.truth(subject) {
                        Truth::No => return Truth::No,
                        Truth::Unknown => all = Truth::Unknown,
                        Truth::Yes => {}
                    }
                }
                all
            }
            Self::Any(parts) => {
                let mut any = Truth::No;
                for part in parts {
                    match part.truth(subject) {
                        Truth::Yes => return Truth::Yes,
                        Truth::Unknown => any = Truth::Unknown,
                        Truth::No => {}
                    }
                }
                any
            }
            Self::Not(part) => match part.truth(subject) {
                Truth::Yes => Truth::No,
                Truth::No => Truth::Yes,
                Truth::Unknown => Truth::Unknown,
            },
            Self::Is(comparison) => comparison.truth(subject),
        }
    }

    /// Whether it surely holds.
    #[must_use]
    pub fn holds(&self, subject: &dyn Subject) -> bool {
        self.truth(subject) == Truth::Yes
    }

    /// Each comparison with its answer, in the order written: for explaining.
    #[must_use]
    pub fn comparisons(&self, subject: &dyn Subject) -> Vec<(Comparison, Truth)> {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().flat_map(|part| part.comparisons(subject)).collect()
            }
            Self::Not(part) => part.comparisons(subject),
            Self::Is(comparison) => vec![(comparison.clone(), comparison.truth(subject))],
        }
    }

    /// Whether a field occurs in it.
    #[must_use]
    pub fn mentions(&self, field: &str) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.mentions(field)),
            Self::Not(part) => part.mentions(field),
            Self::Is(comparison) => comparison.field == field,
        }
    }
}

/// One line for people: `install_source starts_with "Debian:" and name is one of 1,842 values`.
impl std::fmt::Display for Predicate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let joined = |f: &mut std::fmt::Formatter<'_>, parts: &[Self], word: &str| {
            f.write_str("(")?;
            for (place, part) in parts.iter().enumerate() {
                if place > 0 {
                    write!(f, " {word} ")?;
                }
                write!(f, "{part}")?;
            }
            f.write_str(")")
        };
        match self {
            Self::All(parts) => joined(f, parts, "and"),
            Self::Any(parts) => joined(f, parts, "or"),
            Self::Not(part) => write!(f, "not {part}"),
            Self::Is(Comparison { field, op, values }) => {
                write!(f, "{field} {}", op.name())?;
                match values.as_slice() {
                    [] => Ok(()),
                    few if few.len() <= 5 => write!(f, " {few:?}"),
                    many => write!(f, " one of {} values", many.len()),
                }
            }
        }
    }
}

impl Comparison {
    fn check(&self, known: &[&str], values: &mut usize) -> Result<(), PredicateFault> {
        if !known.contains(&self.field.as_str()) {
            let field = self.field.chars().take(60).collect();
            return Err(PredicateFault::UnknownField { field, known: known.join(", ") });
        }
        let fits = |value: &String| (1..=PREDICATE_VALUE_BYTES_MAX).contains(&value.len());
        let enough = self.op == Operator::Present || !self.values.is_empty();
        // A glob of nothing but stars is "present" and says so.
        let stars = |value: &String| self.op == Operator::Glob && value.chars().all(|c| c == '*');
        if !enough || !self.values.iter().all(fits) || self.values.iter().any(stars) {
            return Err(PredicateFault::BadValue { field: self.field.clone() });
        }
        *values += self.values.len().max(1);
        if *values > PREDICATE_VALUES_MAX {
            return Err(PredicateFault::TooLarge);
        }
        Ok(())
    }

    fn truth(&self, subject: &dyn Subject) -> Truth {
        let found = subject.values(&self.field);
        let mut known = found.iter().filter(|value| !value.is_empty()).peekable();
        if known.peek().is_none() {
            // That a field is not known is exactly what `present` asks.
            return if self.op == Operator::Present { Truth::No } else { Truth::Unknown };
        }
        if self.op == Operator::Present {
            return Truth::Yes;
        }
        for value in known {
            let value = value.to_lowercase();
            if self.values.iter().any(|wanted| self.op.compare(&value, &wanted.to_lowercase())) {
                return Truth::Yes;
            }
        }
        Truth::No
    }
}

impl Operator {
    fn compare(self, value: &str, wanted: &str) -> bool {
        match self {
            Self::Equals => value == wanted,
            Self::Contains => value.contains(wanted),
            Self::StartsWith => value.starts_with(wanted),
            Self::EndsWith => value.ends_with(wanted),
            Self::Glob => glob(value, wanted),
            Self::Present => true,
            Self::AtLeast => compare_dotted(value, wanted) != Ordering::Less,
            Self::Below => compare_dotted(value, wanted) == Ordering::Less,
        }
    }
}

/// `*` stands for any text; greedy from both ends, linear in the text for each piece.
fn glob(text: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Numbers and versions: dotted parts, digits as numbers of any length, the rest as text; `1.2 < 1.2.1`,
/// `1.2-rc1 < 1.2` is *not* known here: where a title has a scheme, the title's ranges decide, not a predicate.
fn compare_dotted(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (runs(left), runs(right));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            // 1.0 and 1.0.0 are the same.
            (Some(more), None) if more.chars().all(|c| c == '0') => {}
            (None, Some(more)) if more.chars().all(|c| c == '0') => {}
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => {
                let order = compare_run(left, right);
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

fn compare_run(left: &str, right: &str) -> Ordering {
    let number = |run: &str| run.starts_with(|first: char| first.is_ascii_digit());
    match (number(left), number(right)) {
        (true, true) => {
            let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
            left.len().cmp(&right.len()).then_with(|| left.cmp(right))
        }
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => left.cmp(right),
    }
}

/// The runs of digits and of letters.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).flat_map(|part| {
        let mut rest = part;
        std::iter::from_fn(move || {
            let digit = rest.chars().next()?.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            Some(run)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item(&'static [(&'static str, &'static str)]);

    impl Subject for Item {
        fn values(&self, field: &str) -> Vec<Cow<'_, str>> {
            let mine = self.0.iter().filter(|(name, _)| *name == field);
            mine.map(|(_, value)| Cow::Borrowed(*value)).collect()
        }
    }

    const KNOWN: &[&str] = &["name", "version", "permission", "signer"];
    const ITEM: Item = Item(&[
        ("name", "Zoom Workplace"),
        ("version", "6.2.10"),
        ("permission", "tabs"),
        ("permission", "https://*.example.com/*"),
    ]);

    fn check(json: &str, expected: Truth) {
        let predicate = Predicate::parse(json, KNOWN).expect(json);
        assert_eq!(predicate.truth(&ITEM), expected, "{json}");
        assert_eq!(Predicate::parse(&predicate.to_json(), KNOWN), Ok(predicate), "{json}");
    }

    #[test]
    fn comparisons() {
        check(r#"{"is":{"field":"name","op":"equals","values":["zoom workplace"]}}"#, Truth::Yes);
        check(r#"{"is":{"field":"name","op":"equals","values":["zoom","x"]}}"#, Truth::No);
        check(r#"{"is":{"field":"name","op":"glob","values":["z*m*place"]}}"#, Truth::Yes);
        check(r#"{"is":{"field":"name","op":"glob","values":["z*m*placer"]}}"#, Truth::No);
        check(r#"{"is":{"field":"name","op":"ends_with","values":["PLACE"]}}"#, Truth::Yes);
        check(r#"{"is":{"field":"version","op":"at_least","values":["6.2.9"]}}"#, Truth::Yes);
        check(r#"{"is":{"field":"version","op":"below","values":["6.2.10.0"]}}"#, Truth::No);
        check(r#"{"is":{"field":"version","op":"below","values":["6.3"]}}"#, Truth::Yes);
        check(r#"{"is":{"field":"permission","op":"equals","values":["tabs"]}}"#, Truth::Yes);
        check(r#"{"is":{"field":"signer","op":"present"}}"#, Truth::No);
    }

    #[test]
    fn unknown_is_neither_true_nor_false() {
        let signer = r#"{"is":{"field":"signer","op":"equals","values":["ours"]}}"#;
        let name = r#"{"is":{"field":"name","op":"contains","values":["zoom"]}}"#;
        check(signer, Truth::Unknown);
        check(&format!(r#"{{"not":{signer}}}"#), Truth::Unknown);
        check(&format!(r#"{{"all":[{name},{signer}]}}"#), Truth::Unknown);
        check(&format!(r#"{{"any":[{signer},{name}]}}"#), Truth::Yes);
        check(&format!(r#"{{"all":[{signer},{{"not":{name}}}]}}"#), Truth::No);
    }

    #[test]
    fn refused_with_the_reason() {
        let deep = format!("{}{}", r#"{"not":"#.repeat(20), "}".repeat(20));
        let nested = format!(
            r#"{}{{"is":{{"field":"name","op":"present"}}}}{}"#,
            r#"{"not":"#.repeat(9),
            "}".repeat(9)
        );
        let star = r#"{"is":{"field":"name","op":"glob","values":["**"]}}"#;
        for (json, word) in [
            (r#"{"all":[]}"#, "everything"),
            (r#"{"is":{"field":"nmae","op":"present"}}"#, "nmae"),
            (r#"{"is":{"field":"name","op":"equals","values":[""]}}"#, "bytes"),
            (r#"{"is":{"field":"name","op":"equals"}}"#, "bytes"),
            (star, "bytes"),
            (r#"{"is":{"field":"name","op":"like","values":["x"]}}"#, "not a predicate"),
            (&deep, "not a predicate"),
            (&nested, "levels"),
        ] {
            let fault = Predicate::parse(json, KNOWN).expect_err(json).to_string();
            assert!(fault.contains(word), "{fault}");
        }
        let many = vec!["x".to_owned(); PREDICATE_VALUES_MAX + 1];
        let large = Predicate::one_of("name", Operator::Equals, many);
        assert_eq!(large.check(KNOWN), Err(PredicateFault::TooLarge));
    }

    #[test]
    fn the_leaves_explain_themselves() {
        let predicate = Predicate::All(vec![
            Predicate::is("name", Operator::Contains, "zoom"),
            Predicate::Not(Box::new(Predicate::is("signer", Operator::Equals, "x"))),
        ]);
        let truths: Vec<Truth> =
            predicate.comparisons(&ITEM).into_iter().map(|(_, truth)| truth).collect();
        assert_eq!(truths, [Truth::Yes, Truth::Unknown]);
        assert_eq!(
            predicate.to_string(),
            r#"(name contains ["zoom"] and not signer equals ["x"])"#
        );
    }
}
