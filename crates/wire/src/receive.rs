//! The receiver's side of a stream as a pure state machine: what to do with a batch, given what is there.
//!
//! ```text
//!             last < expected ── same range, other content ──► Conflict
//!                             └─ otherwise ──────────────────► AlreadyHave
//! batch ──►   first > expected ──────────────────────────────► Hole { expected }
//!             otherwise ─────────────────────────────────────► Store { from: expected }
//! ```
//!
//! The caller stores what [`step`] says, syncs it, and only then tells [`StreamState::stored`].

use crate::batch::Batch;
use std::collections::VecDeque;

/// How many batches are remembered to tell a repetition from different content.
const REMEMBERED: usize = 8;

/// What is known of one stream `(agent, epoch)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    expected: u64,
    recent: VecDeque<Seen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    first: u64,
    last: u64,
    digest: u32,
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Store everything from this number on (the whole batch unless it overlaps what is there).
    Store {
        /// The first number that is new.
        from: u64,
    },
    /// Everything in it is there; acknowledge again, store nothing.
    AlreadyHave,
    /// Numbers are missing before it; store nothing.
    Hole {
        /// The number that is wanted next.
        expected: u64,
    },
    /// The same numbers came with other content: two agents use one identity. Store nothing, raise an alarm.
    Conflict {
        /// The first number of the range.
        first: u64,
        /// The last number of the range.
        last: u64,
    },
}

impl Default for StreamState {
    fn default() -> Self {
        Self::resume(0)
    }
}

impl StreamState {
    /// A stream of which everything up to `durable_through` is there; 0 for a new one.
    #[must_use]
    pub const fn resume(durable_through: u64) -> Self {
        Self { expected: durable_through.saturating_add(1), recent: VecDeque::new() }
    }

    /// The number that is wanted next.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.expected
    }

    /// The last number that is there; 0 when none is.
    #[must_use]
    pub const fn durable_through(&self) -> u64 {
        self.expected - 1
    }

    /// To be called when a batch that [`step`] wanted stored is durable.
    pub fn stored(&mut self, batch: &Batch) {
        self.expected = self.expected.max(batch.last.saturating_add(1));
        if self.recent.len() >= REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(Seen {
            first: batch.first,
            last: batch.last,
            digest: batch.digest(),
        });
    }
}

/// Decides about a batch; changes nothing.
#[must_use]
pub fn step(state: &StreamState, batch: &Batch) -> Verdict {
    let (first, last) = (batch.first, batch.last);
    let same_range = state.recent.iter().find(|seen| seen.first == first && seen.last == last);
    if same_range.is_some_and(|seen| seen.digest != batch.digest()) {
        return Verdict::Conflict { first, last };
    }
    if last < state.expected {
        return Verdict::AlreadyHave;
    }
    if first > state.expected {
        return Verdict::Hole { expected: state.expected };
    }
    Verdict::Store { from: state.expected }
}
