//! How long to wait after a failure: doubling, with jitter so that a thousand agents do not come at once.

use crate::limits::{BACKOFF_MS_MAX, BACKOFF_MS_MIN};
use std::time::Duration;

/// Counts failures in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked: the next wait is short again.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// It failed: the wait before the next attempt, between one half and the whole of the doubled time.
    pub fn failed(&mut self, random: u32) -> Duration {
        let doubled = BACKOFF_MS_MIN.saturating_mul(2u64.saturating_pow(self.failures.min(16) + 1));
        self.failures = self.failures.saturating_add(1);
        let whole = doubled.min(BACKOFF_MS_MAX);
        let half = whole / 2;
        Duration::from_millis(half + (whole - half) * u64::from(random) / u64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_one_second_to_one_minute_and_start_over() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..9).map(|_| backoff.failed(0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30, 30]);
        assert_eq!(backoff.failed(u32::MAX).as_secs(), 60);
        backoff.succeeded();
        assert_eq!(backoff.failed(u32::MAX).as_secs(), 2);
    }
}
