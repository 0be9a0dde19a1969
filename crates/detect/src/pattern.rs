//! Sigma strings: text with wildcards and escapes, as a list of tokens.
//!
//! - `*` stands for any run of characters, also an empty one and one with line breaks;
//! - `?` stands for exactly one character;
//! - a backslash stands for itself, unless it stands before `*`, `?` or `\`: then it takes the special
//!   meaning away. Hence `\\` is one backslash, `\\*` a backslash and a wildcard, `\\\*` a backslash and a
//!   star, and both `\\\s` and `\\\\s` begin with two backslashes.

use crate::fold::fold_char;

/// One character of a Sigma string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Token {
    Char(char),
    /// `*`
    AnyRun,
    /// `?`
    AnyChar,
    /// What `windash` makes of a dash or slash at the start of a word: any of [`DASHES`].
    Dash,
}

/// The characters that Windows programs take for the beginning of an option.
pub(crate) const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// A Sigma string.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    /// Reads wildcards and escapes.
    pub(crate) fn parse(text: &str) -> Self {
        let mut tokens = Vec::with_capacity(text.len());
        let mut rest = text.chars().peekable();
        while let Some(letter) = rest.next() {
            tokens.push(match letter {
                '*' => Token::AnyRun,
                '?' => Token::AnyChar,
                '\\' => match rest.next_if(|next| matches!(next, '*' | '?' | '\\')) {
                    Some(escaped) => Token::Char(escaped),
                    None => Token::Char('\\'),
                },
                other => Token::Char(other),
            });
        }
        Self { tokens }
    }

    /// A text without wildcards.
    pub(crate) fn literal(text: &str) -> Self {
        Self { tokens: text.chars().map(Token::Char).collect() }
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The text, unless the pattern holds wildcards.
    pub(crate) fn plain_text(&self) -> Option<String> {
        self.tokens
            .iter()
            .map(|token| match token {
                Token::Char(letter) => Some(*letter),
                _ => None,
            })
            .collect()
    }

    /// The pattern behind any text.
    #[must_use]
    pub(crate) fn with_any_before(mut self) -> Self {
        self.tokens.insert(0, Token::AnyRun);
        self
    }

    /// The pattern before any text.
    #[must_use]
    pub(crate) fn with_any_after(mut self) -> Self {
        self.tokens.push(Token::AnyRun);
        self
    }

    /// Replaces each dash and slash that begins a word by any character that begins an option.
    ///
    /// "Begins a word" is pySigma's `\B[-/]\b` over each run of plain characters: no word character
    /// before it, one behind it. `a-b` keeps its dash.
    #[must_use]
    pub(crate) fn with_any_dash(&self) -> Self {
        let is_word = |token: Option<&Token>| match token {
            Some(Token::Char(letter)) => letter.is_alphanumeric() || *letter == '_',
            _ => false,
        };
        let tokens = self
            .tokens
            .iter()
            .enumerate()
            .map(|(place, token)| {
                let before = place.checked_sub(1).and_then(|before| self.tokens.get(before));
                let begins_option = matches!(token, Token::Char(letter) if DASHES.contains(letter))
                    && !is_word(before)
                    && is_word(self.tokens.get(place + 1));
                if begins_option { Token::Dash } else { *token }
            })
            .collect();
        Self { tokens }
    }

    /// The same pattern with its letters folded and runs of `*` joined: equal patterns become equal.
    #[must_use]
    pub(crate) fn normalised(&self, cased: bool) -> Self {
        let mut tokens: Vec<Token> = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::AnyRun if tokens.last() == Some(&Token::AnyRun) => {}
                Token::Char(letter) if !cased => tokens.push(Token::Char(fold_char(*letter))),
                other => tokens.push(*other),
            }
        }
        Self { tokens }
    }

    #[cfg(test)]
    pub(crate) fn of_tokens(tokens: Vec<Token>) -> Self {
        Self { tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `*` and `?` that are wildcards are shown as `<*>` and `<?>`, dashes of any kind as `<->`.
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(&Pattern::parse(text)), expected, "{text}");
    }

    fn shown(pattern: &Pattern) -> String {
        pattern
            .tokens
            .iter()
            .map(|token| match token {
                Token::Char(letter) => letter.to_string(),
                Token::AnyRun => "<*>".to_owned(),
                Token::AnyChar => "<?>".to_owned(),
                Token::Dash => "<->".to_owned(),
            })
            .collect()
    }

    #[test]
    fn escapes_are_read_as_the_specification_says() {
        check(r"a\b", r"a\b");
        check(r"a\\b", r"a\b");
        check(r"\\\s", r"\\s");
        check(r"\\\\s", r"\\s");
        check(r"\*\?", "*?");
        check(r"\\*", r"\<*>");
        check(r"\\\*", r"\*");
        check(r"\\\\\*\\ADMIN$", r"\\*\ADMIN$");
        check(r"\\\\*\\*\\* 2>&1", r"\\<*>\<*>\<*> 2>&1");
        check(r"\Temp\", r"\Temp\");
        check("8???", "8<?><?><?>");
    }

    #[test]
    fn windash_changes_only_what_begins_a_word() {
        let dashed = |text: &str| shown(&Pattern::parse(text).with_any_dash());
        assert_eq!(dashed(" -f "), " <->f ");
        assert_eq!(dashed("-f /g"), "<->f <->g");
        assert_eq!(dashed("a-b"), "a-b");
        assert_eq!(dashed("--f"), "-<->f");
        assert_eq!(dashed("*-f"), "<*><->f");
        assert_eq!(dashed("- "), "- ");
    }

    #[test]
    fn equal_patterns_become_equal() {
        let one = Pattern::parse("A**b").normalised(false);
        assert_eq!(one, Pattern::parse("a*B").normalised(false));
        assert_ne!(Pattern::parse("A").normalised(true), Pattern::parse("a").normalised(true));
    }
}
