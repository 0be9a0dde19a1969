//! Walks the records of a segment's bytes and steps over damage. Pure.

use crate::format::{self, HEAD_BYTES};
use std::ops::Range;

/// What lies at a place of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A complete record; the range is its bytes, and the next record begins at the range's end.
    Record { seq: u64, body: Range<usize> },
    /// A complete record whose bytes are damaged; the next one begins at `end`.
    BadBody { end: usize },
    /// A sound head, whose record needs this many bytes from its beginning.
    Incomplete { needed: usize },
    /// No sound head, or one with a number that does not belong here.
    BadHead,
    /// Fewer bytes than a head.
    Short,
}

/// What a segment may contain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) epoch: u128,
    pub(crate) record_bytes_max: usize,
    /// The first number that belongs to the next segment.
    pub(crate) end_seq: u64,
}

impl Bounds {
    /// Looks at one place. `expected` is the lowest number that may follow.
    pub(crate) fn look(&self, bytes: &[u8], at: usize, expected: u64) -> Found {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(head) = format::parse_head(rest, self.epoch) else { return Found::Short };
        let belongs = head.seq >= expected && head.seq < self.end_seq;
        if !head.sound || !belongs || head.len > self.record_bytes_max {
            return Found::BadHead;
        }
        let Some(body) = rest.get(HEAD_BYTES..HEAD_BYTES + head.len) else {
            return Found::Incomplete { needed: HEAD_BYTES + head.len };
        };
        let begin = at + HEAD_BYTES;
        if format::body_crc(self.epoch, head.seq, body) != head.body_crc {
            return Found::BadBody { end: begin + head.len };
        }
        Found::Record { seq: head.seq, body: begin..begin + head.len }
    }

    /// The next place at or behind `from` where a complete, valid record with a plausible number begins.
    pub(crate) fn resync(&self, bytes: &[u8], from: usize, expected: u64) -> Option<usize> {
        (from..bytes.len().saturating_sub(HEAD_BYTES - 1)).find(|at| {
            // The number is looked at first: it rules out nearly every place without a checksum.
            self.claim(bytes, *at, expected).is_some()
                && matches!(self.look(bytes, *at, expected), Found::Record { .. })
        })
    }

    /// Judges what follows the last valid record of the newest segment: the next number that is free.
    pub(crate) fn judge_tail(&self, bytes: &[u8], at: usize, expected: u64) -> Tail {
        let rest = bytes.get(at..).unwrap_or_default();
        let torn = match self.look(bytes, at, expected) {
            Found::Short => true,
            Found::Incomplete { .. } => format::claimed_seq(rest) == Some(expected),
            _ => false,
        };
        if torn || rest.iter().all(|byte| *byte == 0) {
            return Tail { torn_bytes: rest.len(), next_seq: expected };
        }
        let claimed =
            (at..bytes.len()).filter_map(|place| self.claim(bytes, place, expected)).max();
        Tail { torn_bytes: 0, next_seq: claimed.unwrap_or(expected) + 1 }
    }

    /// The number that a head at this place would claim, when no more records than fit could lie before it.
    fn claim(&self, bytes: &[u8], at: usize, expected: u64) -> Option<u64> {
        let seq = format::claimed_seq(bytes.get(at..)?)?;
        let fit = u64::try_from(bytes.len() / HEAD_BYTES).unwrap_or(u64::MAX);
        let plausible = seq >= expected && seq - expected <= fit && seq < self.end_seq;
        plausible.then_some(seq)
    }
}

/// The judgement on the end of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Bytes that were never accepted.
    pub(crate) torn_bytes: usize,
    /// The first number that no accepted record can have had.
    pub(crate) next_seq: u64,
}

/// The numbers and the end of a whole segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walked {
    /// The number after the last valid record.
    pub(crate) expected: u64,
    /// Where the last valid or stepped-over record ends.
    pub(crate) end: usize,
}

/// Walks all records from a place.
pub(crate) fn walk(bounds: &Bounds, bytes: &[u8], mut at: usize, first_seq: u64) -> Walked {
    let mut walked = Walked { expected: first_seq, end: at };
    loop {
        match bounds.look(bytes, at, walked.expected) {
            Found::Record { seq, body } => {
                walked = Walked { expected: seq + 1, end: body.end };
                at = body.end;
            }
            Found::BadBody { end } => {
                // The head was sound, so its number was given away.
                let seq = bytes.get(at..).and_then(format::claimed_seq).unwrap_or(walked.expected);
                walked = Walked { expected: seq + 1, end };
                at = end;
            }
            Found::BadHead | Found::Incomplete { .. } => {
                match bounds.resync(bytes, at + 1, walked.expected) {
                    Some(place) => at = place,
                    None => return walked,
                }
            }
            Found::Short => return walked,
        }
    }
}
