//! Conditions: names of selections joined by `and`, `or`, `not`, parentheses and quantifiers.
//!
//! Binding, weakest first: `or`, `and`, `not`, `1 of` / `any of` / `all of`. Key words may be written in
//! capitals.

use crate::cause::{ConditionFault, Plain, Quoted};
use crate::limits;
use crate::tree::Tree;

/// Parses a condition over the named selections; leaves are places in `names`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Tree<usize>, ConditionFault> {
    let words = words(text)?;
    let mut parser = Parser { words: &words, at: 0, names };
    let tree = parser.any(0)?;
    match parser.peek() {
        None => Ok(tree),
        Some(word) if word.starts_with('|') => Err(ConditionFault::Aggregation),
        Some(")") => Err(ConditionFault::Unopened),
        Some(word) => Err(ConditionFault::Unexpected(Quoted::of(word))),
    }
}

/// The words of a condition; parentheses are words of their own.
pub(crate) fn words(text: &str) -> Result<Vec<&str>, ConditionFault> {
    let mut words = Vec::new();
    for chunk in text.split_whitespace() {
        let mut rest = chunk;
        while let Some(place) = rest.find(['(', ')']) {
            let (before, from) = rest.split_at(place);
            let (parenthesis, behind) = from.split_at(1);
            words.extend((!before.is_empty()).then_some(before));
            words.push(parenthesis);
            rest = behind;
        }
        words.extend((!rest.is_empty()).then_some(rest));
        if words.len() > limits::CONDITION_WORDS_MAX {
            return Err(ConditionFault::TooManyWords(limits::CONDITION_WORDS_MAX));
        }
    }
    if words.is_empty() { Err(ConditionFault::Empty) } else { Ok(words) }
}

/// Whether a name fits a pattern of names, in which `*` stands for any characters and every other sign for
/// itself.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

struct Parser<'p> {
    words: &'p [&'p str],
    at: usize,
    names: &'p [&'p str],
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

    fn any(&mut self, depth: usize) -> Result<Tree<usize>, ConditionFault> {
        let mut parts = vec![self.all(depth)?];
        while self.take("or") {
            parts.push(self.all(depth)?);
        }
        Ok(Tree::any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Tree<usize>, ConditionFault> {
        let mut parts = vec![self.one(depth)?];
        while self.take("and") {
            parts.push(self.one(depth)?);
        }
        Ok(Tree::all(parts))
    }

    fn one(&mut self, depth: usize) -> Result<Tree<usize>, ConditionFault> {
        if depth > limits::CONDITION_DEPTH_MAX {
            return Err(ConditionFault::TooDeep(limits::CONDITION_DEPTH_MAX));
        }
        if self.take("not") {
            return Ok(Tree::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            return match self.take(")") {
                true => Ok(inner),
                false => Err(ConditionFault::Unclosed),
            };
        }
        let word = self.peek().ok_or(ConditionFault::SelectionExpected)?;
        self.at += 1;
        if self.peek().is_some_and(|next| next.eq_ignore_ascii_case("of")) {
            self.at += 1;
            return self.quantified(word);
        }
        self.named(word)
    }

    fn named(&self, word: &str) -> Result<Tree<usize>, ConditionFault> {
        if let Some(place) = self.names.iter().position(|name| *name == word) {
            return Ok(Tree::Leaf(place));
        }
        let known = self.names.join(", ");
        Err(match word {
            _ if word.starts_with('|') => ConditionFault::Aggregation,
            _ if word.contains('*') => ConditionFault::PatternAlone(Quoted::of(word)),
            _ => ConditionFault::UnknownSelection(Quoted::of(word), Plain::of(&known)),
        })
    }

    fn quantified(&mut self, quantifier: &str) -> Result<Tree<usize>, ConditionFault> {
        let target = self.peek().ok_or(ConditionFault::PatternExpected)?;
        self.at += 1;
        let leaves: Vec<Tree<usize>> = if target.eq_ignore_ascii_case("them") {
            self.leaves(|name| !name.starts_with('_'))
        } else {
            self.leaves(|name| fits(target, name))
        };
        if leaves.is_empty() {
            return Err(ConditionFault::NoSelectionFits(Quoted::of(target)));
        }
        match quantifier.to_ascii_lowercase().as_str() {
            "1" | "any" => Ok(Tree::any(leaves)),
            "all" => Ok(Tree::all(leaves)),
            other => Err(ConditionFault::UnknownQuantifier(Quoted::of(other))),
        }
    }

    fn leaves(&self, wanted: impl Fn(&str) -> bool) -> Vec<Tree<usize>> {
        let places = self.names.iter().enumerate().filter(|(_, name)| wanted(name));
        places.map(|(place, _)| Tree::Leaf(place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["a", "b", "c", "sel_1", "sel_2", "_hidden", "dotted.name"];

    fn check(text: &str, expected: &str) {
        let shown = match parse(text, NAMES) {
            Ok(tree) => show(&tree),
            Err(fault) => fault.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    fn show(tree: &Tree<usize>) -> String {
        let join = |parts: &[Tree<usize>], with: &str| {
            format!("({})", parts.iter().map(show).collect::<Vec<_>>().join(with))
        };
        match tree {
            Tree::All(parts) => join(parts, " & "),
            Tree::Any(parts) => join(parts, " | "),
            Tree::Not(part) => format!("!{}", show(part)),
            Tree::Leaf(place) => NAMES[*place].to_owned(),
        }
    }

    #[test]
    fn operators_bind_as_the_specification_says() {
        check("a", "a");
        check("a or b and c", "(a | (b & c))");
        check("not a and b", "(!a & b)");
        check("not (a and b)", "!(a & b)");
        check("not not a", "!!a");
        check("a AND NOT b OR c", "((a & !b) | c)");
        check("(a)", "a");
        check("a and\n not 1 of sel_*", "(a & !(sel_1 | sel_2))");
        check("dotted.name", "dotted.name");
    }

    #[test]
    fn quantifiers_choose_by_pattern() {
        check("1 of sel_*", "(sel_1 | sel_2)");
        check("any of *_1", "sel_1");
        check("all of sel_*", "(sel_1 & sel_2)");
        check("1 of *_*", "(sel_1 | sel_2 | _hidden)");
        check("1 of them", "(a | b | c | sel_1 | sel_2 | dotted.name)");
        check("ALL OF THEM", "(a & b & c & sel_1 & sel_2 & dotted.name)");
        check("all of a", "a");
        check("1 of *", "(a | b | c | sel_1 | sel_2 | _hidden | dotted.name)");
        check("1 of *e*_*2", "sel_2");
        check("1 of s*1", "sel_1");
    }

    #[test]
    fn mistakes_are_named() {
        check("", "it is empty");
        check("a and", "it ends where a selection is expected");
        check("(a", "a closing parenthesis is missing");
        check("a)", "a closing parenthesis without its opening one");
        check("a b", "expected and, or or the end before \"b\"");
        check("2 of sel_*", "\"2\" of is not defined; write 1 of, any of or all of");
        check("1 of ?el_*", "no selection fits \"?el_*\"");
        check("1 of nope*", "no selection fits \"nope*\"");
        check("sel_*", "write 1 of or all of before the pattern \"sel_*\"");
        check("a | count() > 5", &ConditionFault::Aggregation.to_string());
        assert!(
            parse("nope", &["a"]).is_err_and(|fault| fault.to_string().contains("there are a"))
        );
        assert!(parse(&"(".repeat(5_000), NAMES).is_err());
        assert!(parse(&format!("{}a", "not ".repeat(100)), NAMES).is_err());
    }
}
