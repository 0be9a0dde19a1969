//! The path of the data plane.

use crate::error::WireError;
use model::EpochId;
use std::fmt;

/// What every path of the data plane begins with.
pub const STREAM_PATH_PREFIX: &str = "/v1/stream/";

/// `/v1/stream/{epoch}/{first}-{last}`: a range of a stream. Whose stream is known from the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPath {
    /// Which life of the agent's spool.
    pub epoch: EpochId,
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
}

impl StreamPath {
    /// The path that asks how far a stream has come.
    #[must_use]
    pub fn of_epoch(epoch: EpochId) -> String {
        format!("{STREAM_PATH_PREFIX}{epoch}")
    }

    /// Reads the two variable parts of the path.
    ///
    /// # Errors
    /// [`WireError::BadText`].
    pub fn parse_parts(epoch: &str, range: &str) -> Result<Self, WireError> {
        let epoch = EpochId::parse(epoch).map_err(|_| WireError::bad_text("epoch", epoch))?;
        let bad = || WireError::bad_text("range of a batch", range);
        let (first, last) = range.split_once('-').ok_or_else(bad)?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u64>().ok()).flatten().ok_or_else(bad)
        };
        let path = Self { epoch, first: number(first)?, last: number(last)? };
        if path.first == 0 || path.last < path.first {
            return Err(bad());
        }
        Ok(path)
    }
}

impl fmt::Display for StreamPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{STREAM_PATH_PREFIX}{}/{}-{}", self.epoch, self.first, self.last)
    }
}
