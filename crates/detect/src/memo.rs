//! What earlier values of a field answered. Most values of a fleet's events were seen before.
//!
//! Of fixed size: a new value takes the place of an old one. A value gets a place only when it is seen for
//! the second time, so that values that never come back (most command lines of an attack, every random
//! name) cost a number and no memory. Texts are kept and compared: a value that shares another's hash must
//! not get its answers.

use crate::hash;
use crate::limits::{MEMO_PLACES, MEMO_TEXT_BYTES_MAX};

/// Answers by (question, text).
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// Empty until the first text.
    known: Vec<Known>,
    /// The hash last seen at each place without being kept.
    seen: Vec<u32>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    hash: u64,
    text: String,
    atoms: Vec<u32>,
}

/// Where a text's answers are or would be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    hash: u64,
    place: usize,
}

impl Memo {
    /// The key of a text for one index; `None` when such texts are not kept.
    pub(crate) fn key(&mut self, index: u64, text: &str) -> Option<Key> {
        if text.len() > MEMO_TEXT_BYTES_MAX {
            return None;
        }
        if self.known.is_empty() {
            self.known.resize(MEMO_PLACES, Known::default());
            self.seen.resize(MEMO_PLACES, 0);
        }
        // 0 marks a free place.
        let hash = (hash::hash(text.as_bytes()) ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15)).max(1);
        Some(Key { hash, place: (hash >> 20) as usize & (MEMO_PLACES - 1) })
    }

    /// The atoms that hold for the text, if they are known.
    pub(crate) fn get(&self, key: Key, text: &str) -> Option<&[u32]> {
        let known = &self.known[key.place];
        (known.hash == key.hash && known.text == text).then_some(known.atoms.as_slice())
    }

    /// Keeps the atoms of a text that was seen before.
    #[expect(clippy::cast_possible_truncation, reason = "a part of a hash")]
    pub(crate) fn learn(&mut self, key: Key, text: &str, atoms: &[u32]) {
        let seen = &mut self.seen[key.place];
        if *seen != key.hash as u32 {
            *seen = key.hash as u32;
            return;
        }
        let known = &mut self.known[key.place];
        known.hash = key.hash;
        known.text.clear();
        known.text.push_str(text);
        known.atoms.clear();
        known.atoms.extend_from_slice(atoms);
        known.atoms.sort_unstable();
        known.atoms.dedup();
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_when_it_comes_again_and_only_for_its_own_question() {
        let mut memo = Memo::default();
        let key = memo.key(1, "a.exe").expect("short");
        assert_eq!(memo.get(key, "a.exe"), None);
        memo.learn(key, "a.exe", &[7, 5, 7]);
        assert_eq!(memo.get(key, "a.exe"), None);
        memo.learn(key, "a.exe", &[7, 5, 7]);
        assert_eq!(memo.get(key, "a.exe"), Some(&[5, 7][..]));
        // Even if another text had the same hash.
        assert_eq!(memo.get(key, "b.exe"), None);
        let other = memo.key(2, "a.exe").expect("short");
        assert_eq!(memo.get(other, "a.exe"), None);
        assert!(memo.key(1, &"a".repeat(MEMO_TEXT_BYTES_MAX + 1)).is_none());
    }
}
