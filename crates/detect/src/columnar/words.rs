//! Words without which no keyword is found, looked for in many values at once.
//!
//! A store keeps the values of a column one behind the other. One search tells which stretches of them may hold
//! a word; only what lies there is asked the exact question. So the search may say yes where there is nothing,
//! and never no where there is something: of a keyword it looks for the longest part whose letters have no other
//! case than those of ASCII.

use super::parts::Question;
use crate::index::Wanted;
use crate::keywords::Keywords;
use aho_corasick::AhoCorasick;
use memchr::{memchr, memmem};
use std::collections::BTreeSet;

/// What a store looks for on behalf of keywords, in its own way of keeping values.
#[derive(Debug)]
pub struct Words {
    finder: Finder,
    /// A letter beyond ASCII may stand for one of the words' letters.
    beyond_ascii: bool,
    in_numbers: bool,
    in_truth_values: bool,
}

#[derive(Debug)]
enum Finder {
    Grams(Keywords),
    /// For words that are shorter than a gram.
    Automaton(AhoCorasick),
}

impl Words {
    /// `None` when something else is asked than words, or words that nearly every text holds.
    pub(super) fn of<'q>(questions: impl Iterator<Item = &'q Question>) -> Option<Self> {
        let mut words = BTreeSet::new();
        for question in questions {
            for wanted in question.needs()? {
                let text = wanted.into_text();
                let word = longest_plain_part(&text);
                words.insert(cut(word).to_owned());
            }
        }
        let shortest = words.iter().map(String::len).min()?;
        let finder = if shortest < WORD_BYTES_MIN {
            return None;
        } else if shortest < GRAM_BYTES {
            let builder = AhoCorasick::builder().ascii_case_insensitive(true).build(&words).ok()?;
            Finder::Automaton(builder)
        } else {
            let inside = words.iter().map(|word| Wanted::Inside(word.as_str().into()));
            Finder::Grams(Keywords::of_words(&inside.zip(0..).collect::<Vec<_>>(), GRAM_BYTES)?)
        };
        let any = |test: fn(&str) -> bool| words.iter().any(|word| test(word));
        Some(Self {
            finder,
            beyond_ascii: any(|word| word.contains(['k', 's'])),
            in_numbers: any(|word| word.bytes().all(|byte| b"0123456789-.".contains(&byte))),
            in_truth_values: any(|word| ["true", "false"].iter().any(|text| text.contains(word))),
        })
    }

    /// Whether one of the texts may hold a word. The bytes may be those of many texts with anything between.
    #[must_use]
    pub fn may_be_in(&self, texts: &[u8]) -> bool {
        let found = match &self.finder {
            Finder::Grams(words) => words.may_be_in(texts),
            Finder::Automaton(words) => words.is_match(texts),
        };
        found
            || self.beyond_ascii
                && BEYOND_ASCII
                    .iter()
                    .any(|letter| memmem::find(texts, letter.as_bytes()).is_some())
    }

    /// Whether a list or map may hold a word that its JSON does not show as it is. To be asked besides
    /// [`Words::may_be_in`].
    #[must_use]
    pub fn may_be_hidden_in(&self, json: &[u8]) -> bool {
        // A number may be written in many ways, and a text with escapes.
        self.in_numbers || memchr(b'\\', json).is_some()
    }

    /// Whether the text of a number may hold a word.
    #[must_use]
    pub const fn may_be_in_numbers(&self) -> bool {
        self.in_numbers
    }

    /// Whether the text of a truth value may hold a word.
    #[must_use]
    pub const fn may_be_in_truth_values(&self) -> bool {
        self.in_truth_values
    }
}

/// The longest part of a folded text whose letters are the same in every text that folds to it, but for the case
/// of ASCII.
fn longest_plain_part(text: &str) -> &str {
    let parts = text.split(|letter| !stands_for_itself(letter));
    parts.max_by_key(|part| part.len()).unwrap_or_default()
}

/// ASCII, and letters without case.
fn stands_for_itself(letter: char) -> bool {
    letter.is_ascii() || letter.to_uppercase().eq([letter]) && letter.to_lowercase().eq([letter])
}

/// A word's beginning will do to look for it.
fn cut(word: &str) -> &str {
    word.get(..word.floor_char_boundary(WORD_BYTES_MAX)).unwrap_or_default()
}

/// The letters beyond ASCII that fold to letters of ASCII: the Kelvin sign to k, the long s to s.
const BEYOND_ASCII: [&str; 2] = ["\u{212a}", "\u{17f}"];
/// Shorter words are in nearly every stretch of texts.
const WORD_BYTES_MIN: usize = 2;
const GRAM_BYTES: usize = 4;
/// More of a word would find hardly less, and automatons grow with it.
const WORD_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold_char;

    #[test]
    fn only_two_letters_beyond_ascii_fold_to_ascii_and_none_to_a_letter_without_case() {
        for letter in ('\u{80}'..=char::MAX).filter(|letter| fold_char(*letter) != *letter) {
            let folded = fold_char(letter);
            let known = BEYOND_ASCII.contains(&letter.to_string().as_str());
            assert_eq!(folded.is_ascii(), known, "U+{:04X}", letter as u32);
            assert!(known || !stands_for_itself(folded), "U+{:04X}", letter as u32);
            assert!(!known || "ks".contains(folded), "U+{:04X}", letter as u32);
        }
    }

    #[test]
    fn the_part_that_is_looked_for_has_no_letters_with_case_beyond_ascii() {
        for (text, part) in [
            ("mimikatz", "mimikatz"),
            ("éclair", "clair"),
            ("機密情報é", "機密情報"),
            ("ж", ""),
            ("ß-straße", "-stra"),
            ("", ""),
        ] {
            assert_eq!(longest_plain_part(text), part, "{text}");
        }
        assert_eq!(cut(&"機".repeat(20)), "機".repeat(10));
    }
}
