//! What became of the ring's records, counted so that the sums hold across the lives of the agent.
//!
//! The kernel counts since the programs were loaded. The agent's own counts must cover the same time, so
//! at each release those that belong to what is released are written into the kernel's `progress` map,
//! together with the position; the next life of the agent begins with them.
//!
//! ```text
//! word 0      position
//! word 1..6   process: received, emitted, merged, decode_error, outside
//! word 6..11  network: the same
//! word 11..14 process: ring_full, oversize, decode_error that were said as lost
//! word 14..17 network: the same
//! word 17, 18 process, network: skipped by the kernel and said
//! word 19     when losses were last asked for, in nanoseconds since 1970
//! ```

use super::kernel::{KERNEL_CLASSES, PROGRESS_WORDS};
use model::{Class, Counters, Timestamp};
use std::collections::VecDeque;

/// What one record of the ring became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An observation.
    Emitted,
    /// Part of what is known already.
    Merged,
    /// Nothing: it was not understood.
    Undecodable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    received: u64,
    emitted: u64,
    merged: u64,
    decode_error: u64,
    /// Observations that did not come from the ring (the snapshot).
    outside: u64,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        self.received += 1;
        match outcome {
            Outcome::Emitted => self.emitted += 1,
            Outcome::Merged => self.merged += 1,
            Outcome::Undecodable => self.decode_error += 1,
        }
    }
}

/// The counts now, and as they were at the last release.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    now: [Counts; 2],
    released: [Counts; 2],
    released_position: u64,
    /// Losses that were already told, by class index.
    told: [[u64; 3]; 2],
    skipped_told: [u64; 2],
    asked_at_ns: u64,
    /// Records read and not released: position after, class index, outcome.
    unreleased: VecDeque<(u64, usize, Outcome)>,
    emitted_unreleased: usize,
}

fn index_of(class: Class) -> usize {
    KERNEL_CLASSES.iter().position(|known| *known == class).unwrap_or(0)
}

impl Tally {
    /// Continues from what the last life left.
    pub(crate) fn from_progress(words: &[u64; PROGRESS_WORDS]) -> Self {
        let counts = |at: usize| Counts {
            received: words[at],
            emitted: words[at + 1],
            merged: words[at + 2],
            decode_error: words[at + 3],
            outside: words[at + 4],
        };
        let both = [counts(1), counts(6)];
        Self {
            now: both,
            released: both,
            released_position: words[0],
            told: [[words[11], words[12], words[13]], [words[14], words[15], words[16]]],
            skipped_told: [words[17], words[18]],
            asked_at_ns: words[19],
            ..Self::default()
        }
    }

    /// What the next life needs.
    pub(crate) fn to_progress(&self) -> [u64; PROGRESS_WORDS] {
        let mut words = [0; PROGRESS_WORDS];
        words[0] = self.released_position;
        words[11..14].copy_from_slice(&self.told[0]);
        words[14..17].copy_from_slice(&self.told[1]);
        words[17..19].copy_from_slice(&self.skipped_told);
        words[19] = self.asked_at_ns;
        for (counts, at) in self.released.iter().zip([1, 6]) {
            let Counts { received, emitted, merged, decode_error, outside } = *counts;
            words[at..at + 5].copy_from_slice(&[received, emitted, merged, decode_error, outside]);
        }
        words
    }

    /// The position of the last release.
    pub(crate) const fn released_position(&self) -> u64 {
        self.released_position
    }

    /// Counts a record of the ring that ended at `position`.
    pub(crate) fn note(&mut self, position: u64, class: Class, outcome: Outcome) {
        let index = index_of(class);
        self.now[index].add(outcome);
        self.unreleased.push_back((position, index, outcome));
        self.emitted_unreleased += usize::from(outcome == Outcome::Emitted);
    }

    /// Counts an observation that did not come from the ring.
    pub(crate) fn note_outside(&mut self, class: Class) {
        for counts in [&mut self.now, &mut self.released] {
            let counts = &mut counts[index_of(class)];
            counts.outside += 1;
            counts.received += 1;
            counts.emitted += 1;
        }
    }

    /// Whether observations from outside of the ring were made in this life of the programs.
    pub(crate) fn has_outside(&self) -> bool {
        self.now.iter().any(|counts| counts.outside > 0)
    }

    /// Moves everything up to `position` to the released side.
    pub(crate) fn release(&mut self, position: u64) {
        while let Some((_, index, outcome)) =
            self.unreleased.pop_front_if(|(after, _, _)| *after <= position)
        {
            self.released[index].add(outcome);
            self.emitted_unreleased -= usize::from(outcome == Outcome::Emitted);
        }
        self.released_position = position;
    }

    /// The position up to which nothing waits for its observation to become durable.
    pub(crate) fn free_position(&self) -> Option<u64> {
        (self.emitted_unreleased == 0).then(|| self.unreleased.back().map(|last| last.0)).flatten()
    }

    /// Whether anything that was read is not released.
    pub(crate) fn holds_any(&self) -> bool {
        !self.unreleased.is_empty()
    }

    /// The whole counters of a class from the kernel's part.
    pub(crate) fn complete(&self, class: Class, kernel: Counters) -> Counters {
        let counts = self.now[index_of(class)];
        Counters {
            seen: kernel.seen + counts.outside,
            submitted: kernel.submitted + counts.outside,
            received: counts.received,
            emitted: counts.emitted,
            merged: counts.merged,
            decode_error: counts.decode_error,
            ..kernel
        }
    }

    /// Losses are asked for now: since when those that will be found may have happened. `None` the first
    /// time in the life of the programs.
    pub(crate) fn asked(&mut self, now: Timestamp) -> Option<Timestamp> {
        let now_ns = u64::try_from(now.nanos()).unwrap_or(0);
        let before = std::mem::replace(&mut self.asked_at_ns, now_ns);
        i64::try_from(before).ok().filter(|nanos| *nanos > 0).map(Timestamp::from_nanos)
    }

    /// How many skipped runs of a class's programs are new since the last call.
    pub(crate) fn untold_skipped(&mut self, class_index: usize, skipped: u64) -> u64 {
        let told = std::mem::replace(&mut self.skipped_told[class_index], skipped);
        skipped.saturating_sub(told)
    }

    /// How many losses of a class (ring_full, oversize, decode_error) are new since the last call.
    pub(crate) fn untold(&mut self, class_index: usize, lost: [u64; 3]) -> [u64; 3] {
        let told = std::mem::replace(&mut self.told[class_index], lost);
        std::array::from_fn(|part| lost[part].saturating_sub(told[part]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_the_next_life_counts_on_from_the_last_release() {
        let mut tally = Tally::default();
        tally.note_outside(Class::Process);
        tally.note(8, Class::Process, Outcome::Merged);
        tally.note(16, Class::Process, Outcome::Emitted);
        tally.note(24, Class::Network, Outcome::Emitted);
        tally.note(32, Class::Process, Outcome::Undecodable);
        assert_eq!(tally.free_position(), None);
        tally.release(16);
        assert_eq!(tally.untold(0, [5, 0, 1]), [5, 0, 1]);
        let mut next = Tally::from_progress(&tally.to_progress());
        assert_eq!(next.released_position(), 16);
        next.note(24, Class::Network, Outcome::Emitted);
        next.note(32, Class::Process, Outcome::Undecodable);
        for class in KERNEL_CLASSES {
            let kernel = Counters { seen: 3, submitted: 3, ..Counters::default() };
            assert_eq!(next.complete(class, kernel), tally.complete(class, kernel));
            assert_eq!(next.complete(class, kernel).disagreements(), Vec::new());
        }
        assert_eq!(next.untold(0, [7, 0, 1]), [2, 0, 0], "what was said is not said again");
        next.release(24);
        assert_eq!(next.free_position(), Some(32));
    }
}
