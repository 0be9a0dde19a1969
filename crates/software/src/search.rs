//! Search over names: exact, prefix, word, part, and small slips, in any language.
//!
//! Names are folded to keys ([`crate::search_key`]). A sorted table answers prefixes of names and of their words; a
//! table of letter pairs answers parts and slips without looking at every name.

use crate::fold::{key_words, search_key};
use crate::limits::QUERY_CHARS_MAX;
use crate::name::normalise;
use crate::title::TitleId;
use std::collections::HashMap;

/// How a name fits a query, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// It is the name.
    Exact,
    /// The name begins with it.
    Prefix,
    /// A word of the name begins with it.
    Word,
    /// Every word of the query begins a word of the name.
    Words,
    /// With one slip or a few.
    Typo,
    /// It is somewhere inside the name.
    Part,
}

impl How {
    /// Score of such a hit before the difference in length is taken off.
    #[must_use]
    pub const fn score(self) -> u32 {
        match self {
            Self::Exact => 1_000,
            Self::Prefix => 900,
            Self::Word => 750,
            Self::Words => 650,
            Self::Typo => 550,
            Self::Part => 350,
        }
    }
}

/// A title that fits a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The title.
    pub title: TitleId,
    /// Which of its names fits.
    pub matched: String,
    /// How it fits.
    pub how: How,
    /// 1 to 1,000; higher is better.
    pub score: u32,
}

/// A hit before it knows its title.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawHit<'a> {
    pub(crate) title: usize,
    pub(crate) matched: &'a str,
    pub(crate) how: How,
    pub(crate) score: u32,
}

#[derive(Debug)]
struct Entry {
    title: usize,
    name: String,
    key: Vec<char>,
    words: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    /// Keys of names and of their tails from each word on, sorted; `true` for a whole name.
    starts: Vec<(String, u32, bool)>,
    pairs: HashMap<(char, char), Vec<u32>>,
}

impl Index {
    pub(crate) fn add(&mut self, title: usize, name: &str) {
        let text = search_key(name);
        if text.is_empty() {
            return;
        }
        let place = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let key: Vec<char> = text.chars().collect();
        let words = key_words(name);
        for tail in 1..words.len() {
            self.starts.push((words.get(tail..).unwrap_or_default().concat(), place, false));
        }
        self.starts.push((text, place, true));
        let mut pairs: Vec<(char, char)> = pairs_of(&key).collect();
        pairs.sort_unstable();
        pairs.dedup();
        for pair in pairs {
            self.pairs.entry(pair).or_default().push(place);
        }
        self.entries.push(Entry { title, name: name.to_owned(), key, words });
    }

    pub(crate) fn finish(&mut self) {
        self.starts.sort_unstable();
    }

    /// The best hit of each title, in no order.
    pub(crate) fn search(&self, query: &str) -> Vec<RawHit<'_>> {
        let query: String = query.chars().take(QUERY_CHARS_MAX * 4).collect();
        let text: String = search_key(&query).chars().take(QUERY_CHARS_MAX).collect();
        if text.is_empty() {
            return Vec::new();
        }
        let key: Vec<char> = text.chars().collect();
        let mut best = Best::default();
        self.prefixes(&text, key.len(), &mut best);
        // "Zoom 5.17" finds Zoom: the name without its attributes is asked for as well.
        let base = normalise(&query).key;
        if base != text && !base.is_empty() {
            self.prefixes(&base, key.len(), &mut best);
        }
        if key.len() >= 2 {
            self.parts(&key, &key_words(&query), &mut best);
        }
        best.hits(&self.entries)
    }

    /// Names that are likely meant by this one: with a slip, or this one continues them.
    pub(crate) fn near(&self, name: &str) -> Vec<RawHit<'_>> {
        let key: Vec<char> = search_key(name).chars().take(QUERY_CHARS_MAX).collect();
        let mut best = Best::default();
        // Two slips at most: with three, long names with a common ending would propose each other.
        self.slips(&key, slips_allowed(key.len()).min(2), &mut best);
        let mut head = String::new();
        let words = key_words(name);
        for word in words.iter().take(words.len().saturating_sub(1)) {
            head.push_str(word);
            for (text, place, whole) in self.from(&head) {
                if text != head.as_str() {
                    break;
                }
                if whole {
                    best.add(self.title_of(place), place, How::Prefix, How::Prefix.score());
                }
            }
        }
        best.hits(&self.entries)
    }

    fn from<'a>(&'a self, head: &'a str) -> impl Iterator<Item = (&'a str, u32, bool)> {
        let start = self.starts.partition_point(|(text, _, _)| text.as_str() < head);
        let rest = self.starts.get(start..).unwrap_or_default();
        rest.iter()
            .take_while(move |(text, _, _)| text.starts_with(head))
            .map(|(text, place, whole)| (text.as_str(), *place, *whole))
    }

    fn prefixes(&self, text: &str, query_chars: usize, best: &mut Best) {
        for (known, place, whole) in self.from(text) {
            let extra = u32::try_from(known.len() - text.len()).unwrap_or(u32::MAX).min(EXTRA_MAX);
            let (how, score) = match (whole, extra) {
                (true, 0) => (How::Exact, How::Exact.score()),
                (true, _) => (How::Prefix, How::Prefix.score() - extra),
                // A word of one letter would be everything.
                (false, _) if query_chars >= 2 => (How::Word, How::Word.score() - extra),
                (false, _) => continue,
            };
            best.add(self.title_of(place), place, how, score);
        }
    }

    /// Names that hold the query inside, all its words, or nearly it.
    fn parts(&self, key: &[char], words: &[String], best: &mut Best) {
        self.slips(key, slips_allowed(key.len()), best);
        let counts = self.shared_pairs(key);
        let inner = key.len() - 1;
        for (place, count) in counts.iter().enumerate() {
            let Some(entry) = self.entries.get(place) else { continue };
            let number = u32::try_from(place).unwrap_or(u32::MAX);
            if usize::from(*count) >= inner && entry.key.windows(key.len()).any(|part| part == key)
            {
                let extra =
                    u32::try_from(entry.key.len() - key.len()).unwrap_or(u32::MAX).min(EXTRA_MAX);
                best.add(entry.title, number, How::Part, How::Part.score() - extra);
            } else if *count > 0
                && words.len() > 1
                && entry.words.len() >= words.len()
                && holds_all(&entry.words, words)
            {
                best.add(entry.title, number, How::Words, How::Words.score());
            }
        }
    }

    fn slips(&self, key: &[char], allowed: usize, best: &mut Best) {
        if allowed == 0 {
            return;
        }
        let counts = self.shared_pairs(key);
        // Each slip destroys at most three pairs (two neighbours exchanged).
        let needed = key.len().saturating_sub(allowed * 3).max(1);
        for (place, count) in counts.iter().enumerate() {
            let Some(entry) = self.entries.get(place).filter(|_| usize::from(*count) >= needed)
            else {
                continue;
            };
            // While typing, the query is compared with as much of the name.
            let mut distance = usize::MAX;
            for length in [entry.key.len(), key.len(), key.len() + 1] {
                if length.abs_diff(key.len()) <= allowed {
                    let head = entry.key.get(..length).unwrap_or(&entry.key);
                    distance = distance.min(slips_between(key, head, allowed));
                }
            }
            if (1..=allowed).contains(&distance) {
                let off = u32::try_from(distance).unwrap_or(u32::MAX).saturating_mul(60).min(300);
                let extra = u32::try_from(entry.key.len().saturating_sub(key.len()))
                    .unwrap_or(u32::MAX)
                    .min(EXTRA_MAX);
                let number = u32::try_from(place).unwrap_or(u32::MAX);
                best.add(entry.title, number, How::Typo, How::Typo.score() - off - extra);
            }
        }
    }

    /// How many letter pairs of the query each entry has.
    fn shared_pairs(&self, key: &[char]) -> Vec<u16> {
        let mut counts = vec![0_u16; self.entries.len()];
        let pairs = pairs_of(key);
        // A pair that the query has twice is asked for twice, though an entry's list knows it only once: a name
        // that has it once is counted too well, and the comparison that follows corrects that.
        for pair in pairs {
            for place in self.pairs.get(&pair).into_iter().flatten() {
                if let Some(count) =
                    usize::try_from(*place).ok().and_then(|place| counts.get_mut(place))
                {
                    *count = count.saturating_add(1);
                }
            }
        }
        counts
    }

    fn title_of(&self, place: u32) -> usize {
        usize::try_from(place)
            .ok()
            .and_then(|place| self.entries.get(place))
            .map_or(usize::MAX, |entry| entry.title)
    }
}

/// The best hit of each title.
#[derive(Debug, Default)]
struct Best(HashMap<usize, (u32, How, u32)>);

impl Best {
    fn add(&mut self, title: usize, place: u32, how: How, score: u32) {
        let known = self.0.entry(title).or_insert((place, how, score));
        if score > known.2 {
            *known = (place, how, score);
        }
    }

    fn hits(self, entries: &[Entry]) -> Vec<RawHit<'_>> {
        self.0
            .into_iter()
            .filter_map(|(title, (place, how, score))| {
                let entry = entries.get(usize::try_from(place).ok()?)?;
                Some(RawHit { title, matched: &entry.name, how, score })
            })
            .collect()
    }
}

/// Neighbouring letters; the start counts as a letter, so that short names have pairs enough.
fn pairs_of(key: &[char]) -> impl Iterator<Item = (char, char)> {
    let start = key.first().map(|first| (START, *first));
    start.into_iter().chain(key.windows(2).filter_map(|pair| match pair {
        [left, right] => Some((*left, *right)),
        _ => None,
    }))
}

fn holds_all(words: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|want| words.iter().any(|word| word.starts_with(want.as_str())))
}

/// Letters missing, too many, other or exchanged with their neighbour between two texts (optimal string alignment);
/// `usize::MAX` as soon as it is certain that there are more than `most`.
pub(crate) fn slips_between(left: &[char], right: &[char], most: usize) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut row = vec![0; right.len() + 1];
    for (down, one) in left.iter().enumerate() {
        row.fill(down + 1);
        let mut least = down + 1;
        for (across, other) in right.iter().enumerate() {
            let exchanged = down > 0
                && across > 0
                && left.get(down - 1) == Some(other)
                && right.get(across - 1) == Some(one);
            let changed = value(&last, across) + usize::from(one != other);
            let shifted = value(&last, across + 1).min(value(&row, across)) + 1;
            let mut cost = changed.min(shifted);
            if exchanged {
                cost = cost.min(value(&before, across - 1) + 1);
            }
            if let Some(cell) = row.get_mut(across + 1) {
                *cell = cost;
            }
            least = least.min(cost);
        }
        if least > most {
            return usize::MAX;
        }
        before = std::mem::replace(&mut last, row.clone());
    }
    last.last().copied().filter(|cost| *cost <= most).unwrap_or(usize::MAX)
}

fn value(row: &[usize], place: usize) -> usize {
    row.get(place).copied().unwrap_or(usize::MAX / 2)
}

/// Slips that are forgiven in a query of this length.
const fn slips_allowed(chars: usize) -> usize {
    match chars {
        0..=3 => 0,
        4..=6 => 1,
        7..=11 => 2,
        _ => 3,
    }
}

const START: char = '\0';
/// Points at most taken off for a longer name.
const EXTRA_MAX: u32 = 100;
