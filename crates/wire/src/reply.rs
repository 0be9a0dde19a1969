//! How far a stream has come at the receiver.

use crate::{
    error::{WireError, check_size},
    limits::STREAM_REPLY_BYTES_MAX,
    shape::{self, LEAF},
};
use prost::Message;

/// The answer to everything on the data plane.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct StreamReply {
    /// Everything up to here survives power loss at the receiver; 0 when nothing does.
    #[prost(uint64, tag = "1")]
    pub durable_through: u64,
    /// Everything up to here is in the lake; the agent may free its spool up to here.
    #[prost(uint64, tag = "2")]
    pub committed_through: u64,
    /// The number that the receiver wants next.
    #[prost(uint64, tag = "3")]
    pub expected: u64,
    /// Bytes of a batch, before compression, that the receiver takes next; 0: none for now.
    #[prost(uint64, tag = "4")]
    pub credit_bytes: u64,
    /// Do not come again before; 0: at any time.
    #[prost(uint64, tag = "5")]
    pub retry_after_ms: u64,
}

impl StreamReply {
    /// As the body of an answer.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// From the body of an answer.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        check_size("stream reply", bytes.len(), STREAM_REPLY_BYTES_MAX)?;
        shape::check("stream reply", bytes, &LEAF, STREAM_REPLY_BYTES_MAX)?;
        Self::decode(bytes).map_err(|err| WireError::malformed("stream reply", err))
    }
}
