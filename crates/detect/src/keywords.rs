//! Keywords that any value of an event may hold, looked for in the values as they are.
//!
//! One public rule asks every Windows event for such words. Folding each value only for that would cost more
//! than all other rules together. So the text is not folded: grams are compared without the bit that tells
//! letter case in ASCII, and because the words are long only every few bytes. What is found is compared byte
//! by byte. Texts beyond ASCII have foldings of their own and take the ordinary way.

use crate::fold;
use crate::grams;
use crate::index::{FieldIndex, Wanted};
use model::Value;

/// Bytes of a gram.
const GRAM_BYTES: usize = 4;
/// Bytes of a word at least; shorter ones would have to be looked for at every byte.
const WORD_BYTES_MIN: usize = 7;
/// Comparisons for each byte of a text after which [`Keywords::may_be_in`] says yes.
const COMPARISONS_PER_BYTE: usize = crate::limits::COMPARISONS_PER_BYTE;
/// Bytes between two looks at most.
const STEP_MAX: usize = 8;
/// Letters of ASCII differ by this bit in case; other bytes only become more alike.
const WITHOUT_CASE: u32 = 0x2020_2020;

/// The words.
#[derive(Debug)]
pub(crate) struct Keywords {
    bits: Box<[u64]>,
    bit_shift: u32,
    /// Bytes between two looks: a word has a gram of the table at one of them, wherever it begins.
    step: usize,
    /// Gram, bytes of the word before it, word; in order.
    filed: Box<[(u32, u32, u32)]>,
    words: Box<[(Box<str>, u32)]>,
}

impl Keywords {
    /// `None` when something else is asked than whether a value holds a word of some length.
    pub(crate) fn new(questions: &[(Wanted, u32)]) -> Option<Self> {
        Self::of_words(questions, WORD_BYTES_MIN)
    }

    /// As [`Keywords::new`], for words that have so many bytes, four at least.
    pub(crate) fn of_words(questions: &[(Wanted, u32)], bytes_min: usize) -> Option<Self> {
        let words: Option<Vec<(Box<str>, u32)>> = questions
            .iter()
            .map(|(wanted, number)| match wanted {
                Wanted::Inside(text) if text.len() >= bytes_min.max(GRAM_BYTES) => {
                    Some((text.clone(), *number))
                }
                _ => None,
            })
            .collect();
        let words = words.filter(|words| !words.is_empty())?;
        let shortest = words.iter().map(|(word, _)| word.len()).min()?;
        let step = (shortest + 1 - GRAM_BYTES).min(STEP_MAX);
        let mut filed = Vec::new();
        for ((word, _), number) in words.iter().zip(0..) {
            let first = grams::grams(word.as_bytes()).take(step);
            filed.extend(
                first.zip(0..).map(|((_, gram), before)| (gram | WITHOUT_CASE, before, number)),
            );
        }
        filed.sort_unstable();
        let bit_count = (filed.len() * 64).next_power_of_two().clamp(1 << 12, 1 << 17);
        let bit_shift = 32 - bit_count.trailing_zeros();
        let mut bits = vec![0; bit_count / 64];
        for (gram, _, _) in &filed {
            let bit = (grams::scatter(*gram) >> bit_shift) as usize;
            bits[bit >> 6] |= 1 << (bit & 63);
        }
        Some(Self { bits: bits.into(), bit_shift, step, filed: filed.into(), words: words.into() })
    }

    /// Appends the number of every word that a text of ASCII holds, perhaps several times.
    pub(crate) fn find(&self, text: &str, found: &mut Vec<u32>) {
        let text = text.as_bytes();
        for (look, window) in text.windows(GRAM_BYTES).step_by(self.step).enumerate() {
            let gram = grams::gram_of(window) | WITHOUT_CASE;
            if !self.is_filed(gram) {
                continue;
            }
            for (_, before, word) in self.filed(gram) {
                let (word, number) = &self.words[*word as usize];
                if stands_at(word, text, look * self.step, *before) {
                    found.push(*number);
                }
            }
        }
    }

    /// Whether bytes hold a word, whatever they are; a text that asks for very many comparisons may hold one.
    pub(crate) fn may_be_in(&self, bytes: &[u8]) -> bool {
        let mut comparisons_left = bytes.len().saturating_mul(COMPARISONS_PER_BYTE);
        for (look, window) in bytes.windows(GRAM_BYTES).step_by(self.step).enumerate() {
            let gram = grams::gram_of(window) | WITHOUT_CASE;
            if !self.is_filed(gram) {
                continue;
            }
            for (_, before, word) in self.filed(gram) {
                let (word, _) = &self.words[*word as usize];
                if comparisons_left == 0 || stands_at(word, bytes, look * self.step, *before) {
                    return true;
                }
                comparisons_left -= 1;
            }
        }
        false
    }

    /// Whether words may be filed under a gram.
    fn is_filed(&self, gram: u32) -> bool {
        let bit = (grams::scatter(gram) >> self.bit_shift) as usize;
        self.bits[bit >> 6] >> (bit & 63) & 1 != 0
    }

    fn filed(&self, gram: u32) -> impl Iterator<Item = &(u32, u32, u32)> {
        let first = self.filed.partition_point(|(known, _, _)| *known < gram);
        self.filed.iter().skip(first).take_while(move |(known, _, _)| *known == gram)
    }
}

/// Whether a word stands in a text so many bytes before a place.
fn stands_at(word: &str, text: &[u8], place: usize, before: u32) -> bool {
    let begin = place.checked_sub(before as usize);
    let there = begin.and_then(|begin| text.get(begin..begin + word.len()));
    there.is_some_and(|there| there.eq_ignore_ascii_case(word.as_bytes()))
}

/// Words looked for in values as they are, and in folded ones where that is not enough.
pub(crate) struct KeywordSearch<'s> {
    pub(crate) words: &'s Keywords,
    pub(crate) index: &'s FieldIndex,
    pub(crate) fired: &'s mut Vec<u32>,
}

impl KeywordSearch<'_> {
    pub(crate) fn see(&mut self, value: &Value, depth: usize, folded: &mut String) {
        if depth > crate::limits::EVENT_DEPTH_MAX {
            return;
        }
        match value {
            Value::Text(text) if text.is_ascii() => self.words.find(text, self.fired),
            Value::List(items) => items.iter().for_each(|item| self.see(item, depth + 1, folded)),
            Value::Map(pairs) => {
                pairs.iter().for_each(|(_, inner)| self.see(inner, depth + 1, folded));
            }
            // Words have seven characters or more: these are none.
            Value::Null | Value::Bool(_) => {}
            Value::Int(number) if number.unsigned_abs() < 100_000 => {}
            other => {
                if let Some(text) = other.scalar_text() {
                    folded.clear();
                    fold::fold_onto(&text, folded);
                    self.index.find(folded, self.fired);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn words_are_found_wherever_they_begin(
            words in prop::collection::hash_set("[ab:é]{7,12}", 1..12),
            before in "[abAB:@]{0,20}",
            behind in "[abAB:]{0,20}",
            place in any::<prop::sample::Index>(),
        ) {
            let words: Vec<String> = words.into_iter().filter(|word| word.len() >= 7).collect();
            let inside = place.get(&words).to_ascii_uppercase().replace(['É', 'é'], "x");
            let text = format!("{before}{inside}{behind}");
            let questions: Vec<(Wanted, u32)> =
                words.iter().map(|word| Wanted::Inside(word.as_str().into())).zip(0..).collect();
            let mut found = Vec::new();
            Keywords::new(&questions).expect("words").find(&text, &mut found);
            found.sort_unstable();
            found.dedup();
            let folded = text.to_ascii_lowercase();
            let expected: Vec<u32> = questions
                .iter()
                .filter(|(wanted, _)| wanted.holds_for(&folded))
                .map(|(_, number)| *number)
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn many_texts_at_once_may_hold_what_one_of_them_holds(
            words in prop::collection::hash_set("[ab:機]{2,12}", 1..12),
            texts in prop::collection::vec("[abAB:機]{0,20}", 0..6),
        ) {
            let words: Vec<String> = words.into_iter().filter(|word| word.len() >= 4).collect();
            prop_assume!(!words.is_empty());
            let questions: Vec<(Wanted, u32)> =
                words.iter().map(|word| Wanted::Inside(word.as_str().into())).zip(0..).collect();
            let joined = texts.join("\u{0}");
            let may = Keywords::of_words(&questions, 4).expect("words").may_be_in(joined.as_bytes());
            let does = texts.iter().any(|text| {
                words.iter().any(|word| text.to_ascii_lowercase().contains(word.as_str()))
            });
            prop_assert_eq!(may, does);
        }
    }

    #[test]
    fn a_text_that_asks_for_very_many_comparisons_may_hold_a_word() {
        let words = (0..2_000).map(|number| Wanted::Inside(format!("aaaa{number:04}").into()));
        let words = Keywords::of_words(&words.zip(0..).collect::<Vec<_>>(), 4).expect("words");
        assert!(words.may_be_in("a".repeat(1 << 16).as_bytes()));
        assert!(!words.may_be_in("b".repeat(1 << 16).as_bytes()));
        assert!(words.may_be_in(format!("{}aaaa1999", "b".repeat(1 << 16)).as_bytes()));
    }

    #[test]
    fn other_questions_take_the_ordinary_way() {
        assert!(Keywords::new(&[(Wanted::Inside("short".into()), 0)]).is_none());
        assert!(Keywords::new(&[(Wanted::Whole("long enough".into()), 0)]).is_none());
        assert!(Keywords::new(&[]).is_none());
    }
}
