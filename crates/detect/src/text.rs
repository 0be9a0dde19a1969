//! Matching of a compiled Sigma string against a text, without regular expressions.
//!
//! The common shapes (whole value, beginning, end, anywhere) are byte comparisons and substring searches.
//! Everything else is a row of segments between wildcards, found from left to right; the leftmost place of
//! each segment is always good enough, so nothing is tried twice.

use crate::pattern::{DASHES, Pattern, Token};
use memchr::memmem::Finder;

/// A compiled Sigma string. The text it is asked about must be folded when the pattern was.
#[derive(Debug, Clone)]
pub(crate) enum TextMatcher {
    /// `*`: any text.
    Anything,
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Contains(Box<Finder<'static>>),
    Wild(Box<Wild>),
}

impl TextMatcher {
    /// Compiles a normalised pattern.
    pub(crate) fn compile(pattern: &Pattern) -> Self {
        let tokens = pattern.tokens();
        let any_before = tokens.first() == Some(&Token::AnyRun);
        let any_after = tokens.len() > 1 && tokens.last() == Some(&Token::AnyRun);
        let core = tokens.get(usize::from(any_before)..tokens.len() - usize::from(any_after));
        match core.and_then(literal) {
            None => Self::Wild(Box::new(Wild::compile(tokens))),
            Some(text) if any_before && text.is_empty() => Self::Anything,
            Some(text) => match (any_before, any_after) {
                (false, false) => Self::Exact(text.into()),
                (false, true) => Self::Prefix(text.into()),
                (true, false) => Self::Suffix(text.into()),
                (true, true) => Self::Contains(Box::new(Finder::new(text.as_bytes()).into_owned())),
            },
        }
    }

    /// Whether the whole text fits the pattern.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Exact(wanted) => text == &**wanted,
            Self::Prefix(wanted) => text.starts_with(&**wanted),
            Self::Suffix(wanted) => text.ends_with(&**wanted),
            Self::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            Self::Wild(wild) => wild.is_match(text),
        }
    }

    /// How dear the question is, in rough units; cheap ones are asked first.
    pub(crate) const fn cost(&self) -> u32 {
        match self {
            Self::Anything | Self::Exact(_) | Self::Prefix(_) | Self::Suffix(_) => 1,
            Self::Contains(_) => 4,
            Self::Wild(_) => 12,
        }
    }
}

fn literal(tokens: &[Token]) -> Option<String> {
    tokens
        .iter()
        .map(|token| match token {
            Token::Char(letter) => Some(*letter),
            _ => None,
        })
        .collect()
}

/// Segments between `*`; the first is bound to the beginning and the last to the end.
#[derive(Debug, Clone)]
pub(crate) struct Wild {
    /// Bound to the beginning of the text.
    first: Segment,
    /// Somewhere behind the one before.
    middle: Vec<Segment>,
    /// Bound to the end of the text; `None` when the pattern has no `*`, then `first` is all.
    last: Option<Segment>,
}

impl Wild {
    fn compile(tokens: &[Token]) -> Self {
        let mut segments: Vec<Segment> =
            tokens.split(|token| *token == Token::AnyRun).map(Segment::compile).collect();
        let last = if segments.len() > 1 { segments.pop() } else { None };
        let first = if segments.is_empty() { Segment::default() } else { segments.remove(0) };
        segments.retain(|segment| !segment.steps.is_empty());
        Self { first, middle: segments, last }
    }

    /// The longest plain text that every fitting text holds.
    pub(crate) fn longest_text(&self) -> Option<&str> {
        std::iter::once(&self.first)
            .chain(&self.middle)
            .chain(&self.last)
            .flat_map(|segment| &segment.steps)
            .filter_map(|step| match step {
                Step::Text(text) => Some(&**text),
                Step::AnyChar | Step::Dash => None,
            })
            .max_by_key(|text| text.len())
    }

    fn is_match(&self, text: &str) -> bool {
        let Some(mut rest) = self.first.strip_from_start(text) else { return false };
        let Some(last) = &self.last else { return rest.is_empty() };
        for segment in &self.middle {
            match segment.find_and_strip(rest) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        last.fits_end(rest)
    }
}

/// Characters, wildcards for one character and dashes; no `*`.
#[derive(Debug, Clone, Default)]
struct Segment {
    steps: Vec<Step>,
    /// Number of characters that the segment matches.
    chars: usize,
    /// The longest run of plain characters, and the number of characters before it.
    anchor: Option<(Box<Finder<'static>>, usize)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Text(Box<str>),
    AnyChar,
    Dash,
}

impl Segment {
    fn compile(tokens: &[Token]) -> Self {
        let mut steps = Vec::new();
        let mut run = String::new();
        for token in tokens {
            let step = match token {
                Token::Char(letter) => {
                    run.push(*letter);
                    continue;
                }
                Token::Dash => Step::Dash,
                // A segment is cut at `*`, so only `?` is left.
                Token::AnyChar | Token::AnyRun => Step::AnyChar,
            };
            if !run.is_empty() {
                steps.push(Step::Text(std::mem::take(&mut run).into()));
            }
            steps.push(step);
        }
        if !run.is_empty() {
            steps.push(Step::Text(run.into()));
        }
        let mut chars_before = 0;
        let mut longest: Option<(&str, usize)> = None;
        for step in &steps {
            if let Step::Text(text) = step {
                if longest.is_none_or(|(known, _)| known.len() < text.len()) {
                    longest = Some((text, chars_before));
                }
                chars_before += text.chars().count();
            } else {
                chars_before += 1;
            }
        }
        let anchor = longest
            .map(|(text, before)| (Box::new(Finder::new(text.as_bytes()).into_owned()), before));
        Self { chars: chars_before, anchor, steps }
    }

    /// What is left of the text when it begins with the segment.
    fn strip_from_start<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text;
        for step in &self.steps {
            rest = match step {
                Step::Text(wanted) => rest.strip_prefix(&**wanted)?,
                Step::AnyChar => strip_char(rest, |_| true)?,
                Step::Dash => strip_char(rest, |letter| DASHES.contains(&letter))?,
            };
        }
        Some(rest)
    }

    /// What is left behind the segment's leftmost place in the text.
    fn find_and_strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        let Some((finder, chars_before)) = &self.anchor else {
            return self.find_step_by_step(text);
        };
        // Each place of the anchor gives at most one place of the segment, in the same order.
        let mut searched = 0;
        while let Some(found) = finder.find(text.as_bytes().get(searched..)?) {
            let at = searched + found;
            let begin = text.get(..at).and_then(|before| chars_back(before, *chars_before));
            if let Some(rest) = begin
                .and_then(|begin| text.get(begin..))
                .and_then(|from| self.strip_from_start(from))
            {
                return Some(rest);
            }
            searched = at + 1;
        }
        None
    }

    fn find_step_by_step<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text;
        loop {
            if let Some(behind) = self.strip_from_start(rest) {
                return Some(behind);
            }
            rest = strip_char(rest, |_| true)?;
        }
    }

    fn fits_end(&self, text: &str) -> bool {
        chars_back(text, self.chars)
            .and_then(|begin| text.get(begin..))
            .and_then(|end| self.strip_from_start(end))
            .is_some_and(str::is_empty)
    }
}

fn strip_char(text: &str, fits: impl Fn(char) -> bool) -> Option<&str> {
    let mut letters = text.chars();
    letters.next().filter(|letter| fits(*letter))?;
    Some(letters.as_str())
}

/// The byte at which the last `count` characters of a text begin.
fn chars_back(text: &str, count: usize) -> Option<usize> {
    match count.checked_sub(1) {
        None => Some(text.len()),
        Some(skipped) => text.char_indices().rev().nth(skipped).map(|(at, _)| at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, in the simplest words there are: quadratic tables, no cleverness.
    fn reference(tokens: &[Token], text: &[char]) -> bool {
        let mut fits = vec![vec![false; text.len() + 1]; tokens.len() + 1];
        fits[0][0] = true;
        for (row, token) in tokens.iter().enumerate() {
            for column in 0..=text.len() {
                fits[row + 1][column] = match token {
                    Token::AnyRun => fits[row][column] || (column > 0 && fits[row + 1][column - 1]),
                    _ if column == 0 => false,
                    Token::AnyChar => fits[row][column - 1],
                    Token::Dash => fits[row][column - 1] && DASHES.contains(&text[column - 1]),
                    Token::Char(letter) => fits[row][column - 1] && text[column - 1] == *letter,
                };
            }
        }
        fits[tokens.len()][text.len()]
    }

    fn alphabet() -> impl Strategy<Value = char> {
        prop::sample::select(vec!['a', 'b', '-', '/', 'é', '\n', '—', '𝄞'])
    }

    fn token() -> impl Strategy<Value = Token> {
        prop_oneof![
            5 => alphabet().prop_map(Token::Char),
            2 => Just(Token::AnyRun),
            2 => Just(Token::AnyChar),
            1 => Just(Token::Dash),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn agrees_with_the_definition(
            tokens in prop::collection::vec(token(), 0..9),
            text in prop::collection::vec(alphabet(), 0..14),
        ) {
            let pattern = Pattern::of_tokens(tokens.clone());
            let matcher = TextMatcher::compile(&pattern.normalised(true));
            let found = matcher.is_match(&text.iter().collect::<String>());
            prop_assert_eq!(found, reference(&tokens, &text), "{:?}", matcher);
        }
    }

    #[test]
    fn common_shapes_need_no_wildcard_search() {
        let shape = |text: &str| TextMatcher::compile(&Pattern::parse(text).normalised(false));
        assert!(matches!(shape("abc"), TextMatcher::Exact(_)));
        assert!(matches!(shape(""), TextMatcher::Exact(_)));
        assert!(matches!(shape("abc*"), TextMatcher::Prefix(_)));
        assert!(matches!(shape("*abc"), TextMatcher::Suffix(_)));
        assert!(matches!(shape("**abc**"), TextMatcher::Contains(_)));
        assert!(matches!(shape("*"), TextMatcher::Anything));
        assert!(matches!(shape("**"), TextMatcher::Anything));
        assert!(matches!(shape("a*c"), TextMatcher::Wild(_)));
    }

    #[test]
    fn a_long_text_against_many_wildcards_ends_soon() {
        let pattern = Pattern::parse(&"a*?".repeat(40)).normalised(true);
        let text = "a".repeat(200_000) + "b";
        assert!(TextMatcher::compile(&pattern).is_match(&text));
        let never = Pattern::parse(&("*a?".repeat(40) + "*z")).normalised(true);
        assert!(!TextMatcher::compile(&never).is_match(&text));
    }
}
