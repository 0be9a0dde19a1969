//! What earlier values of a field answered. Most values of a fleet's events were seen before.
//!
//! Of fixed size: a new value takes the place of an old one. A value gets a place only when it is seen for
//! the second time, so that values that never come back (most command lines of an attack, every random
//! name) cost a number and no memory. Texts are kept and compared: a value that shares another's hash must
//! not get its answers.

use crate::hash;
use crate::limits::{MEMO_PLACES, MEMO_TEXT_BYTES_MAX, MEMO_TEXT_BYTES_MIN};

/// Answers by (question, text).
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// Empty until the first text. Apart from what is known, so that a question in vain touches little memory.
    tags: Vec<Tag>,
    known: Vec<Known>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tag {
    /// Of the text that is kept; 0 for none.
    kept: u64,
    /// Of the text last seen without being kept.
    seen: u64,
}

#[derive(Debug, Clone, Default)]
struct Known {
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
        if !(MEMO_TEXT_BYTES_MIN..=MEMO_TEXT_BYTES_MAX).contains(&text.len()) {
            return None;
        }
        if self.known.is_empty() {
            self.known.resize(MEMO_PLACES, Known::default());
            self.tags.resize(MEMO_PLACES, Tag::default());
        }
        // 0 marks a free place.
        let hash = (hash::hash(text.as_bytes()) ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15)).max(1);
        Some(Key { hash, place: (hash >> 20) as usize & (MEMO_PLACES - 1) })
    }

    /// The atoms that hold for the text, if they are known.
    pub(crate) fn get(&self, key: Key, text: &str) -> Option<&[u32]> {
        if self.tags[key.place].kept != key.hash {
            return None;
        }
        let known = &self.known[key.place];
        (known.text == text).then_some(known.atoms.as_slice())
    }

    /// Keeps the atoms of a text that was seen before.
    pub(crate) fn learn(&mut self, key: Key, text: &str, atoms: &[u32]) {
        let tag = &mut self.tags[key.place];
        if tag.seen != key.hash {
            tag.seen = key.hash;
            return;
        }
        tag.kept = key.hash;
        let known = &mut self.known[key.place];
        known.text.clear();
        known.text.push_str(text);
        known.atoms.clear();
        known.atoms.extend_from_slice(atoms);
        known.atoms.sort_unstable();
        known.atoms.dedup();
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.tags.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_when_it_comes_again_and_only_for_its_own_question() {
        let mut memo = Memo::default();
        let key = memo.key(1, "c:\\windows\\system32\\a.exe").expect("short");
        assert_eq!(memo.get(key, "c:\\windows\\system32\\a.exe"), None);
        memo.learn(key, "c:\\windows\\system32\\a.exe", &[7, 5, 7]);
        assert_eq!(memo.get(key, "c:\\windows\\system32\\a.exe"), None);
        memo.learn(key, "c:\\windows\\system32\\a.exe", &[7, 5, 7]);
        assert_eq!(memo.get(key, "c:\\windows\\system32\\a.exe"), Some(&[5, 7][..]));
        // Even if another text had the same hash.
        assert_eq!(memo.get(key, "c:\\windows\\system32\\b.exe"), None);
        let other = memo.key(2, "c:\\windows\\system32\\a.exe").expect("short");
        assert_eq!(memo.get(other, "c:\\windows\\system32\\a.exe"), None);
        assert!(memo.key(1, &"a".repeat(MEMO_TEXT_BYTES_MAX + 1)).is_none());
    }
}
