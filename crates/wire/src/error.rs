//! What can be wrong with a message, by who has to act.

/// How a receiver handles an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The message is refused; the sender must not send it again.
    Reject,
    /// The bytes are kept and set aside; the stream goes on.
    Poison,
}

/// A message is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Something is larger or more than allowed.
    #[error("{what} is {size}, more than the {size_max} allowed")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large or how many.
        size: usize,
        /// The limit.
        size_max: usize,
    },
    /// The bytes are not the protobuf message they should be.
    #[error("{what} is not well formed: {why}")]
    Malformed {
        /// Which message.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The compressed frame is damaged or grows beyond the limit.
    #[error("the batch does not decompress to at most {bytes_max} bytes: {why}")]
    Compression {
        /// The limit.
        bytes_max: usize,
        /// The decoder's answer.
        why: String,
    },
    /// The numbers of a batch do not cover its range exactly once, in order.
    #[error("the batch {first}-{last} does not cover its numbers exactly once: trouble at {at}")]
    NotContiguous {
        /// The range's first number.
        first: u64,
        /// The range's last number.
        last: u64,
        /// The number where it breaks.
        at: u64,
    },
    /// The body speaks of another range than the path.
    #[error("the body holds {body}, the path says {path}")]
    OtherRange {
        /// The range of the body.
        body: String,
        /// The range of the path.
        path: String,
    },
    /// A kind of event that this version does not know; its bytes are kept.
    #[error("event kind {number} is not known to this version; update the receiver")]
    UnknownKind {
        /// The number.
        number: u32,
    },
    /// A path or an identifier can not be read.
    #[error("{what} can not be read: {shown:?}")]
    BadText {
        /// What.
        what: &'static str,
        /// Its first characters.
        shown: String,
    },
}

impl WireError {
    /// How to handle it. Only a record inside a good batch is poison; everything else refuses the message.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::UnknownKind { .. } => ErrorClass::Poison,
            _ => ErrorClass::Reject,
        }
    }

    pub(crate) fn malformed(what: &'static str, why: impl ToString) -> Self {
        Self::Malformed { what, why: why.to_string() }
    }

    pub(crate) fn bad_text(what: &'static str, text: &str) -> Self {
        Self::BadText { what, shown: text.chars().take(60).collect() }
    }
}

/// Refuses a size above its limit.
pub(crate) const fn check_size(
    what: &'static str,
    size: usize,
    size_max: usize,
) -> Result<(), WireError> {
    if size > size_max {
        return Err(WireError::TooLarge { what, size, size_max });
    }
    Ok(())
}
