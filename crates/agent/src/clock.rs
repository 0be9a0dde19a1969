//! The real clock and real randomness: the only place of the agent that asks for them.

use crate::error::AgentError;
use model::{Clock, Timestamp};

/// The system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        Timestamp::from_nanos(now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec))
    }

    fn monotonic_ns(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let nanos = now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec);
        u64::try_from(nanos).unwrap_or(0)
    }
}

/// 32 bits for jitter: without randomness the jitter is lost, nothing else.
pub(crate) fn random_u32() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// 128 bits from the system.
///
/// # Errors
/// [`AgentError::Crypto`] when the system has none.
pub fn random_bits() -> Result<u128, AgentError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|err| AgentError::Crypto { what: "random bits", why: err.to_string() })?;
    Ok(u128::from_le_bytes(bytes))
}
