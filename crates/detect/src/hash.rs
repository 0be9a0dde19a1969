//! A quick hash for tables whose keys come from rules.
//!
//! It is not keyed: an event can make two *questions* collide, never two entries, because events add
//! nothing to these tables; what an event can fill ([`crate::memo`]) has a fixed number of places.

use std::hash::{BuildHasherDefault, Hasher};

/// A table by text.
pub(crate) type TextMap<V> =
    std::collections::HashMap<Box<str>, V, BuildHasherDefault<QuickHasher>>;

const ONE: u64 = 0x9E37_79B9_7F4A_7C15;
const TWO: u64 = 0xD1B5_4A32_D192_ED03;

/// The hash of some bytes, all 64 bits of use.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut state = bytes.len() as u64 ^ ONE;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = mix(state ^ u64::from_le_bytes(*word), TWO);
    }
    let mut last = 0;
    // Up to seven bytes; a copy of unknown length would cost more than these steps.
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        last = u64::from(u32::from_le_bytes(*half));
    }
    for byte in rest {
        last = last << 8 | u64::from(*byte);
    }
    mix(state ^ last, ONE)
}

/// Whether two short texts are the same. A call for each of an event's field names would cost more.
pub(crate) fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    match (left.first_chunk::<8>(), left.last_chunk::<8>()) {
        (Some(begin), Some(end)) if left.len() <= 16 => {
            right.first_chunk() == Some(begin) && right.last_chunk() == Some(end)
        }
        (None, None) => left.iter().eq(right),
        _ => left == right,
    }
}

/// Both halves of the product, folded.
#[expect(clippy::cast_possible_truncation, reason = "the halves of a product of 128 bits")]
const fn mix(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    product as u64 ^ (product >> 64) as u64
}

/// [`hash`] for the tables of the standard library.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = self.0.rotate_left(5) ^ hash(bytes);
    }
    fn write_u8(&mut self, _: u8) {
        // The end mark that `str` writes: the length is in the hash already.
    }
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }
    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0 ^ number, ONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_same_means_every_byte() {
        for length in 0..40 {
            let text = "x".repeat(length);
            assert!(same(&text, &text.clone()));
            assert!(!same(&text, &format!("{text}x")));
            for place in 0..length {
                let mut other = text.clone();
                other.replace_range(place..=place, "y");
                assert!(!same(&text, &other), "{place} of {length}");
            }
        }
    }

    #[test]
    fn short_texts_do_not_collide() {
        let mut seen = HashSet::new();
        let texts: HashSet<String> = (0..20_000_u32)
            .flat_map(|number| {
                [format!("{number}"), format!("\\{number:x}.exe"), "a".repeat(number as usize % 64)]
            })
            .collect();
        for text in &texts {
            assert!(seen.insert(hash(text.as_bytes())), "{text}");
        }
    }
}
