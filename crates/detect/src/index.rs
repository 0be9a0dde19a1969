//! The questions about one field that its text answers in one pass: whole values and last parts of paths
//! by hash, everything else by [`Grams`]. What it reports are atoms: numbers given by the class.

use crate::grams::{Anchor, Grams, LITERAL_BYTES_MIN, Literal};
use crate::hash::TextMap;

/// A text and where a value must have it, both folded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    Whole(Box<str>),
    Start(Box<str>),
    End(Box<str>),
    Inside(Box<str>),
}

impl Wanted {
    /// Whether an index can answer it; texts that are too short for a gram it cannot.
    pub(crate) fn is_indexable(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::End(text) => last_part(text).is_some() || text.len() >= LITERAL_BYTES_MIN,
            Self::Start(text) | Self::Inside(text) => text.len() >= LITERAL_BYTES_MIN,
        }
    }

    /// The text, wherever it is wanted.
    pub(crate) fn into_text(self) -> Box<str> {
        match self {
            Self::Whole(text) | Self::Start(text) | Self::End(text) | Self::Inside(text) => text,
        }
    }

    pub(crate) fn holds_for(&self, folded: &str) -> bool {
        match self {
            Self::Whole(text) => folded == &**text,
            Self::Start(text) => folded.starts_with(&**text),
            Self::End(text) => folded.ends_with(&**text),
            Self::Inside(text) => folded.contains(&**text),
        }
    }
}

/// Everything asked of one field.
#[derive(Debug)]
pub(crate) struct FieldIndex {
    whole: TextMap<u32>,
    /// By the last part of the path, with the separator before it.
    ends: TextMap<Vec<(Box<str>, u32)>>,
    inside: Option<Grams>,
}

impl FieldIndex {
    /// Every question must be indexable, and none occur twice.
    pub(crate) fn new(questions: Vec<(Wanted, u32)>) -> Self {
        let (mut whole, mut ends) = (TextMap::default(), TextMap::<Vec<_>>::default());
        let mut literals = Vec::new();
        for (wanted, number) in questions {
            let (text, anchor) = match wanted {
                Wanted::Whole(text) => {
                    whole.insert(text, number);
                    continue;
                }
                Wanted::End(text) => {
                    if let Some(part) = last_part(&text) {
                        ends.entry(part.into()).or_default().push((text, number));
                        continue;
                    }
                    (text, Anchor::End)
                }
                Wanted::Start(text) => (text, Anchor::Start),
                Wanted::Inside(text) => (text, Anchor::Anywhere),
            };
            literals.push(Literal { text, anchor, number });
        }
        Self { whole, ends, inside: Grams::new(literals) }
    }

    /// Appends every atom that holds for the folded text, perhaps several times.
    pub(crate) fn find(&self, folded: &str, found: &mut Vec<u32>) {
        if !self.whole.is_empty() {
            found.extend(self.whole.get(folded));
        }
        if !self.ends.is_empty()
            && let Some(ends) = last_part(folded).and_then(|part| self.ends.get(part))
        {
            for (end, number) in ends {
                if folded.ends_with(&**end) {
                    found.push(*number);
                }
            }
        }
        if let Some(inside) = &self.inside {
            inside.find(folded, found);
        }
    }
}

/// The last part of a path with the separator before it. A text that ends with another one has the same
/// last part, if that one has any.
fn last_part(text: &str) -> Option<&str> {
    text.get(memchr::memrchr2(b'\\', b'/', text.as_bytes())?..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_index_answers_like_each_question_alone(
            questions in prop::collection::hash_set(("[ab\\\\/]{0,6}", 0_u8..4), 0..30),
            text in "[ab\\\\/]{0,12}",
        ) {
            let questions: Vec<(Wanted, u32)> = questions
                .into_iter()
                .map(|(text, place)| match place {
                    0 => Wanted::Whole(text.into()),
                    1 => Wanted::Start(text.into()),
                    2 => Wanted::End(text.into()),
                    _ => Wanted::Inside(text.into()),
                })
                .filter(Wanted::is_indexable)
                .zip(0..)
                .collect();
            let expected: Vec<u32> = questions
                .iter()
                .filter(|(wanted, _)| wanted.holds_for(&text))
                .map(|(_, number)| *number)
                .collect();
            let mut found = Vec::new();
            FieldIndex::new(questions).find(&text, &mut found);
            found.sort_unstable();
            found.dedup();
            prop_assert_eq!(found, expected);
        }
    }
}
