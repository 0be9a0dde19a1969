//! What can go wrong, by who has to act.

use std::{io, sync::Arc};

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullCause {
    /// The spool reached the bytes it was allowed.
    Quota,
    /// The disk has no space left.
    Disk,
}

/// How a caller handles an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// May work later, with the same input.
    Retry,
    /// Never works with this input; the spool is fine.
    Reject,
    /// The spool can not be used until a person has acted.
    Fatal,
}

/// An operation of the spool failed. Nothing that was accepted before is affected.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpoolError {
    /// Another process holds the spool.
    #[error("{directory} is in use by {}; stop it or choose another data directory", holder_text(*holder))]
    InUse {
        /// The spool's directory.
        directory: String,
        /// The process that holds it, when it could be told.
        holder: Option<u32>,
    },
    /// There is no room for the records; none of them was accepted.
    #[error("no room for {wanted_bytes} bytes: {}", match cause {
        FullCause::Quota => format!("the spool holds {used_bytes} of the {quota_bytes} bytes it may use; let the receiver catch up or raise the quota"),
        FullCause::Disk => "the disk is full; free some space".to_owned(),
    })]
    Full {
        /// Which room ran out.
        cause: FullCause,
        /// Bytes that were asked for, framing included.
        wanted_bytes: u64,
        /// Bytes of the spool's segments.
        used_bytes: u64,
        /// Bytes the spool may use.
        quota_bytes: u64,
    },
    /// A record, or all records of one call, are too large.
    #[error("{what} of {bytes} bytes is larger than the {bytes_max} bytes allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A number outside the spool was named.
    #[error("sequence number {seq} can not be {what}: the spool ends before {next_seq}")]
    OutOfRange {
        /// What was asked.
        what: &'static str,
        /// The number that was named.
        seq: u64,
        /// The next number the spool will give.
        next_seq: u64,
    },
    /// The disk answered with an error.
    #[error("could not {action} {file}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        file: String,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// A thread died while it held the spool; what is on the disk is fine.
    #[error("the spool was left in an unknown state by a panic; restart the program")]
    Poisoned,
}

impl SpoolError {
    pub(crate) fn io(
        action: &'static str,
        file: impl Into<String>,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, file: file.into(), source: Arc::new(source) }
    }

    /// How to handle it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Full { .. } | Self::Io { .. } => ErrorClass::Retry,
            Self::TooLarge { .. } | Self::OutOfRange { .. } => ErrorClass::Reject,
            Self::InUse { .. } | Self::Poisoned => ErrorClass::Fatal,
        }
    }
}

fn holder_text(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
