//! Conditions over the rules that a correlation refers to: `a and not b`, `2 of them`.
//!
//! The string form of a condition is drafted for version 2.2 of the specification (and, or, not and
//! parentheses over names). Numbers before `of` are our extension of it.

use crate::cause::{ConditionFault, Quoted};
use crate::condition::{fits, words};
use crate::limits;

/// A condition; references are places in the list of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Rule(usize),
    AtLeast(usize, Vec<usize>),
}

impl Expression {
    /// Parses a condition. Where `names` is empty, the condition's own names become the list, in the order
    /// in which they appear.
    pub(crate) fn parse(text: &str, names: &mut Vec<String>) -> Result<Self, ConditionFault> {
        let words = words(text)?;
        let open = names.is_empty();
        let mut parser = Parser { words: &words, at: 0, names, open };
        let parsed = parser.any(0)?;
        match parser.peek() {
            None => Ok(parsed),
            Some(word) => Err(ConditionFault::Unexpected(Quoted::of(word))),
        }
    }

    /// Whether it holds when exactly the rules of the mask were seen.
    pub(crate) fn holds(&self, mask: u64) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(mask)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(mask)),
            Self::Not(part) => !part.holds(mask),
            Self::Rule(place) => mask >> place & 1 == 1,
            Self::AtLeast(count, places) => {
                places.iter().filter(|place| mask >> **place & 1 == 1).count() >= *count
            }
        }
    }

    /// Whether the absence of a rule is asked for.
    pub(crate) fn asks_absence(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_absence),
            Self::Not(_) => true,
            Self::Rule(_) | Self::AtLeast(..) => false,
        }
    }

    /// The rules whose presence is asked for (`true`) or whose absence is (`false`).
    pub(crate) fn rules(&self, presence: bool) -> u64 {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().fold(0, |mask, part| mask | part.rules(presence))
            }
            Self::Not(part) => part.rules(!presence),
            Self::Rule(place) if presence => 1 << place,
            Self::AtLeast(_, places) if presence => {
                places.iter().fold(0, |mask, place| mask | 1 << place)
            }
            Self::Rule(_) | Self::AtLeast(..) => 0,
        }
    }

    /// Whether it is rules, or denials of rules, all of which must hold: what has an order.
    pub(crate) fn is_row(&self) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(Self::is_row),
            Self::Not(part) => part.is_choice(),
            Self::Rule(_) => true,
            Self::Any(_) | Self::AtLeast(..) => false,
        }
    }

    fn is_choice(&self) -> bool {
        match self {
            Self::Any(parts) => parts.iter().all(Self::is_choice),
            Self::Rule(_) => true,
            _ => false,
        }
    }
}

struct Parser<'p> {
    words: &'p [&'p str],
    at: usize,
    names: &'p mut Vec<String>,
    open: bool,
}

impl<'p> Parser<'p> {
    fn peek(&self) -> Option<&'p str> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Expression, ConditionFault> {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while self.take("or") {
            parts.push(self.all(depth)?);
        }
        Ok(joined(parts, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, ConditionFault> {
        let first = self.one(depth)?;
        let mut parts = vec![first];
        while self.take("and") {
            parts.push(self.one(depth)?);
        }
        Ok(joined(parts, Expression::All))
    }

    fn one(&mut self, depth: usize) -> Result<Expression, ConditionFault> {
        if depth > limits::CONDITION_DEPTH_MAX {
            return Err(ConditionFault::TooDeep(limits::CONDITION_DEPTH_MAX));
        }
        if self.take("not") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            return match self.take(")") {
                true => Ok(inner),
                false => Err(ConditionFault::Unclosed),
            };
        }
        let word = self.peek().ok_or(ConditionFault::RuleExpected)?;
        self.at += 1;
        if self.take("of") {
            return self.quantified(word);
        }
        if let Some(place) = self.names.iter().position(|name| name == word) {
            return Ok(Expression::Rule(place));
        }
        let is_name = word.chars().all(|letter| letter.is_alphanumeric() || "_-".contains(letter));
        if !self.open || !is_name {
            return Err(ConditionFault::UnknownRule(Quoted::of(word)));
        }
        if self.names.len() >= limits::CORRELATION_RULES_MAX {
            return Err(ConditionFault::TooManyRules(limits::CORRELATION_RULES_MAX));
        }
        self.names.push(word.to_owned());
        Ok(Expression::Rule(self.names.len() - 1))
    }

    fn quantified(&mut self, quantifier: &str) -> Result<Expression, ConditionFault> {
        if self.open {
            return Err(ConditionFault::OfNeedsRules);
        }
        let target = self.peek().ok_or(ConditionFault::RulesExpected)?;
        self.at += 1;
        let them = target.eq_ignore_ascii_case("them");
        let fits = |name: &str| them || fits(target, name);
        let names = self.names.iter().enumerate();
        let places: Vec<usize> =
            names.filter(|(_, name)| fits(name)).map(|(place, _)| place).collect();
        let count = match quantifier.to_ascii_lowercase().as_str() {
            "any" => 1,
            "all" => places.len(),
            number => {
                number.parse().map_err(|_| ConditionFault::UnknownCount(Quoted::of(number)))?
            }
        };
        if count == 0 || count > places.len() {
            return Err(ConditionFault::CountOf(count, places.len()));
        }
        Ok(Expression::AtLeast(count, places))
    }
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Expression, ConditionFault> {
        let mut names = ["a", "b", "rule_c", "rule_d"].map(ToOwned::to_owned).to_vec();
        Expression::parse(text, &mut names)
    }

    #[test]
    fn conditions_hold_for_the_rules_that_were_seen() {
        let holds = |text: &str, mask: u64| parsed(text).expect("parses").holds(mask);
        assert!(holds("a and not b", 0b01) && !holds("a and not b", 0b11));
        assert!(holds("a or b and rule_c", 0b001) && holds("a or b and rule_c", 0b110));
        assert!(holds("not (a or b)", 0b100) && !holds("not (a or b)", 0b101));
        assert!(holds("2 of them", 0b1001) && !holds("2 of them", 0b1000));
        assert!(holds("all of rule_*", 0b1100) && !holds("all of rule_*", 0b0111));
        assert_eq!(parsed("a and not (b or rule_c)").expect("parses").rules(true), 0b001);
        assert_eq!(parsed("a and not (b or rule_c)").expect("parses").rules(false), 0b110);
        assert!(parsed("a and not (b or rule_c)").expect("parses").is_row());
        assert!(!parsed("a or b").expect("parses").is_row());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, words) in [
            ("e", "none of the rules"),
            ("a and", "ends where"),
            ("(a", "missing"),
            ("a b", "expected and"),
            ("5 of them", "5 of 4"),
            ("0 of them", "0 of 4"),
            ("x of them", "is not defined"),
        ] {
            assert!(parsed(text).is_err_and(|fault| fault.to_string().contains(words)), "{text}");
        }
        let mut names = Vec::new();
        assert!(Expression::parse("x and not y and x", &mut names).is_ok());
        assert_eq!(names, ["x", "y"]);
    }
}
