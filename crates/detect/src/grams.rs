//! Which of many literals a text holds, in one pass over the text.
//!
//! Each literal is filed under four of its bytes, those that ordinary texts and other literals use least.
//! The pass looks up every four bytes of the text in a table of bits that fits the processor's nearest
//! cache; the few that are in it are looked up exactly and the literals filed there compared. This reads a
//! text several times faster than an automaton of ten thousand literals.
//!
//! A text made for the purpose could ask for many comparisons at every byte. They are counted: beyond a
//! fixed number per byte an automaton takes over, whose time is linear in the text whatever it says.

use crate::limits::{COMPARISONS_FREE, COMPARISONS_PER_BYTE};
use crate::ordinary;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Bytes of a gram.
const GRAM_BYTES: usize = 4;
/// Literals that are shorter than a gram are filed under their first two bytes, in a table of their own; for
/// single bytes the text is searched.
const PAIR_BYTES: usize = 2;
/// Bytes of a literal at least.
pub(crate) const LITERAL_BYTES_MIN: usize = 1;

/// Where in the text a literal must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Anchor {
    Anywhere,
    Start,
    End,
}

/// A literal and the number that the search reports for it.
#[derive(Debug, Clone)]
pub(crate) struct Literal {
    pub(crate) text: Box<str>,
    pub(crate) anchor: Anchor,
    pub(crate) number: u32,
}

/// Literals, filed.
#[derive(Debug)]
pub(crate) struct Grams {
    /// One bit per hash of a gram that is in use.
    bits: Box<[u64]>,
    bit_shift: u32,
    /// Open addressing by the gram's hash.
    places: Box<[Place]>,
    place_shift: u32,
    /// In the order of the places.
    filed: Box<[Filed]>,
    bytes: Box<[u8]>,
    literals: Box<[Literal]>,
    automaton: OnceLock<Option<AhoCorasick>>,
    pairs: Option<Pairs>,
    singles: Box<[(u8, Literal)]>,
}

/// Literals of two and three bytes.
#[derive(Debug)]
struct Pairs {
    /// One bit for each pair of bytes.
    bits: Box<[u64; 1024]>,
    /// In the order of their pairs.
    filed: Box<[(u16, Literal)]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    gram: u32,
    first: u32,
    /// 0: the place is free.
    count: u32,
}

#[derive(Debug, Clone, Copy)]
struct Filed {
    /// Where the literal begins in `bytes`.
    begin: u32,
    length: u32,
    /// Bytes of the literal before its gram.
    before: u32,
    anchor: Anchor,
    number: u32,
}

impl Grams {
    /// Files literals, each of at least [`LITERAL_BYTES_MIN`] bytes; `None` when there are none.
    pub(crate) fn new(literals: Vec<Literal>) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        let (short, literals): (Vec<_>, Vec<_>) =
            literals.into_iter().partition(|literal| literal.text.len() < GRAM_BYTES);
        let (short, single): (Vec<_>, Vec<_>) =
            short.into_iter().partition(|literal| literal.text.len() >= PAIR_BYTES);
        let first = |literal: Literal| Some((*literal.text.as_bytes().first()?, literal));
        let mut by_gram: HashMap<u32, Vec<(usize, usize)>> = HashMap::new();
        // Long literals last: they have the wider choice.
        let mut order: Vec<usize> = (0..literals.len()).collect();
        order.sort_by_key(|place| literals[*place].text.len());
        for place in order {
            let best = grams(literals[place].text.as_bytes()).min_by_key(|(_, gram)| {
                let load = by_gram.get(gram).map_or(0, Vec::len);
                ordinary::gram_count(*gram) * 64 + load
            });
            let Some((before, gram)) = best else { continue };
            by_gram.entry(gram).or_default().push((place, before));
        }
        let bit_count = (by_gram.len() * 12).next_power_of_two().clamp(1 << 10, 1 << 17);
        let place_count = (by_gram.len() * 2).next_power_of_two().max(8);
        let mut made = Self {
            bits: vec![0; bit_count / 64].into(),
            bit_shift: 32 - bit_count.trailing_zeros(),
            places: vec![Place::default(); place_count].into(),
            place_shift: 32 - place_count.trailing_zeros(),
            filed: Box::default(),
            bytes: Box::default(),
            literals: Box::default(),
            automaton: OnceLock::new(),
            pairs: Pairs::new(short),
            singles: single.into_iter().filter_map(first).collect(),
        };
        made.fill(&by_gram, &literals);
        made.literals = literals.into();
        Some(made)
    }

    fn fill(&mut self, by_gram: &HashMap<u32, Vec<(usize, usize)>>, literals: &[Literal]) {
        let (mut bytes, mut filed) = (Vec::new(), Vec::new());
        let mut grams: Vec<_> = by_gram.iter().collect();
        grams.sort_unstable_by_key(|(gram, _)| **gram);
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        for (gram, members) in grams {
            let hash = scatter(*gram);
            let bit = (hash >> self.bit_shift) as usize;
            self.bits[bit >> 6] |= 1 << (bit & 63);
            let mut at = (hash >> self.place_shift) as usize;
            while self.places[at].count > 0 {
                at = (at + 1) & (self.places.len() - 1);
            }
            self.places[at] =
                Place { gram: *gram, first: small(filed.len()), count: small(members.len()) };
            for (place, before) in members {
                let literal = &literals[*place];
                filed.push(Filed {
                    begin: small(bytes.len()),
                    length: small(literal.text.len()),
                    before: small(*before),
                    anchor: literal.anchor,
                    number: literal.number,
                });
                bytes.extend_from_slice(literal.text.as_bytes());
            }
        }
        (self.bytes, self.filed) = (bytes.into(), filed.into());
    }

    /// Appends the number of every literal that the text holds, perhaps several times.
    pub(crate) fn find(&self, text: &str, found: &mut Vec<u32>) {
        let bytes = text.as_bytes();
        self.find_short(bytes, found);
        if self.literals.is_empty() {
            return;
        }
        let known = found.len();
        let mut left = bytes.len().saturating_mul(COMPARISONS_PER_BYTE) + COMPARISONS_FREE;
        for (at, window) in bytes.windows(GRAM_BYTES).enumerate() {
            let gram = gram_of(window);
            let hash = scatter(gram);
            let bit = (hash >> self.bit_shift) as usize;
            if self.bits[bit >> 6] >> (bit & 63) & 1 == 0 {
                continue;
            }
            let Some(filed) = self.filed_under(gram, hash) else { continue };
            let Some(rest) = left.checked_sub(filed.len()) else {
                found.truncate(known);
                return self.find_in_linear_time(bytes, found);
            };
            left = rest;
            for literal in filed {
                if self.stands(literal, at, bytes) {
                    found.push(literal.number);
                }
            }
        }
    }

    fn find_short(&self, text: &[u8], found: &mut Vec<u32>) {
        for (byte, literal) in &self.singles {
            let holds = match literal.anchor {
                Anchor::Anywhere => memchr::memchr(*byte, text).is_some(),
                Anchor::Start => text.first() == Some(byte),
                Anchor::End => text.last() == Some(byte),
            };
            found.extend(holds.then_some(literal.number));
        }
        if let Some(pairs) = &self.pairs {
            pairs.find(text, found);
        }
    }

    fn filed_under(&self, gram: u32, hash: u32) -> Option<&[Filed]> {
        let mut at = (hash >> self.place_shift) as usize;
        loop {
            let place = self.places[at];
            if place.count == 0 {
                return None;
            }
            if place.gram == gram {
                let first = place.first as usize;
                return self.filed.get(first..first + place.count as usize);
            }
            at = (at + 1) & (self.places.len() - 1);
        }
    }

    /// Whether the literal stands in the text with its gram at `at`.
    fn stands(&self, literal: &Filed, at: usize, text: &[u8]) -> bool {
        let (begin, length) = (literal.begin as usize, literal.length as usize);
        let Some(from) = at.checked_sub(literal.before as usize) else { return false };
        fits(literal.anchor, from, length, text.len())
            && text.get(from..from + length) == self.bytes.get(begin..begin + length)
    }

    fn find_in_linear_time(&self, text: &[u8], found: &mut Vec<u32>) {
        let automaton = self.automaton.get_or_init(|| {
            AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(self.literals.iter().map(|literal| literal.text.as_bytes()))
                .ok()
        });
        match automaton {
            Some(automaton) => {
                for hit in automaton.find_overlapping_iter(text) {
                    let literal = &self.literals[hit.pattern().as_usize()];
                    if fits(literal.anchor, hit.start(), hit.len(), text.len())
                        && found.last() != Some(&literal.number)
                    {
                        found.push(literal.number);
                    }
                }
            }
            // Too many bytes for one automaton: one search for each.
            None => found.extend(
                self.literals
                    .iter()
                    .filter(|literal| {
                        let wanted = literal.text.as_bytes();
                        match literal.anchor {
                            Anchor::Start => text.starts_with(wanted),
                            Anchor::End => text.ends_with(wanted),
                            Anchor::Anywhere => memchr::memmem::find(text, wanted).is_some(),
                        }
                    })
                    .map(|literal| literal.number),
            ),
        }
    }
}

impl Pairs {
    fn new(literals: Vec<Literal>) -> Option<Self> {
        let mut bits = Box::new([0; 1024]);
        let mut filed: Vec<(u16, Literal)> = literals
            .into_iter()
            .filter_map(|literal| {
                let (pair, _) = literal.text.as_bytes().split_first_chunk::<PAIR_BYTES>()?;
                let pair = u16::from_le_bytes(*pair);
                bits[usize::from(pair >> 6)] |= 1 << (pair & 63);
                Some((pair, literal))
            })
            .collect();
        filed.sort_by_key(|(pair, _)| *pair);
        (!filed.is_empty()).then(|| Self { bits, filed: filed.into() })
    }

    fn find(&self, text: &[u8], found: &mut Vec<u32>) {
        for (at, window) in text.windows(PAIR_BYTES).enumerate() {
            let &[one, two] = window else { continue };
            let pair = u16::from_le_bytes([one, two]);
            if self.bits[usize::from(pair >> 6)] >> (pair & 63) & 1 == 0 {
                continue;
            }
            let first = self.filed.partition_point(|(known, _)| *known < pair);
            let same = self.filed.iter().skip(first).take_while(|(known, _)| *known == pair);
            for (_, literal) in same {
                let wanted = literal.text.as_bytes();
                if fits(literal.anchor, at, wanted.len(), text.len())
                    && text.get(at..at + wanted.len()) == Some(wanted)
                    && found.last() != Some(&literal.number)
                {
                    found.push(literal.number);
                }
            }
        }
    }
}

fn fits(anchor: Anchor, from: usize, length: usize, text_length: usize) -> bool {
    match anchor {
        Anchor::Anywhere => true,
        Anchor::Start => from == 0,
        Anchor::End => from + length == text_length,
    }
}

/// Every four bytes of a text and where they stand.
pub(crate) fn grams(bytes: &[u8]) -> impl Iterator<Item = (usize, u32)> {
    bytes.windows(GRAM_BYTES).map(gram_of).enumerate()
}

pub(crate) fn gram_of(window: &[u8]) -> u32 {
    match window {
        [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
        _ => 0,
    }
}

pub(crate) const fn scatter(gram: u32) -> u32 {
    gram.wrapping_mul(0x9E37_79B1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(literals: &[(String, Anchor)], text: &str) -> Result<(), TestCaseError> {
        let numbered = |(number, (text, anchor)): (usize, &(String, Anchor))| Literal {
            text: text.as_str().into(),
            anchor: *anchor,
            number: number as u32,
        };
        let Some(grams) = Grams::new(literals.iter().enumerate().map(numbered).collect()) else {
            return Ok(());
        };
        let mut expected = Vec::new();
        for (number, (literal, anchor)) in literals.iter().enumerate() {
            let holds = match anchor {
                Anchor::Anywhere => text.contains(literal),
                Anchor::Start => text.starts_with(literal),
                Anchor::End => text.ends_with(literal),
            };
            expected.extend(holds.then_some(number as u32));
        }
        let mut found = Vec::new();
        grams.find(text, &mut found);
        found.sort_unstable();
        found.dedup();
        prop_assert_eq!(&found, &expected);
        found.clear();
        grams.find_short(text.as_bytes(), &mut found);
        grams.find_in_linear_time(text.as_bytes(), &mut found);
        found.sort_unstable();
        found.dedup();
        prop_assert_eq!(&found, &expected);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn both_ways_find_what_a_plain_search_finds(
            literals in prop::collection::vec(
                ("[ab\\\\é]{1,9}", prop::sample::select(vec![Anchor::Anywhere, Anchor::Start, Anchor::End])),
                0..30,
            ),
            text in "[ab\\\\é]{0,40}",
        ) {
            check(&literals, &text)?;
        }
    }

    #[test]
    fn a_text_made_to_be_slow_is_read_by_the_automaton() {
        let literals: Vec<Literal> = (0..5_000_u32)
            .map(|number| Literal {
                text: format!("aaaaaaaaaaaa{number}").into(),
                anchor: Anchor::Anywhere,
                number,
            })
            .collect();
        // Every literal is filed under digits where it can be; these leave no choice.
        let alike: Vec<Literal> = (4..400_u32)
            .map(|length| Literal {
                text: format!("{}b", "a".repeat(length as usize)).into(),
                anchor: Anchor::Start,
                number: 5_000 + length,
            })
            .collect();
        let grams = Grams::new([literals, alike].concat()).expect("literals");
        let mut found = Vec::new();
        grams.find(&"aaab".repeat(100_000), &mut found);
        assert_eq!(found, [] as [u32; 0]);
        assert!(grams.automaton.get().is_some());
    }
}
