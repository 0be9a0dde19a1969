//! A batch as the server keeps it until it is in the lake: who sent it, when, and its bytes as they came.

use crate::{
    error::{WireError, check_size},
    limits::{BATCH_WIRE_BYTES_MAX, RECEIVED_BYTES_MAX},
    shape::{self, LEAF},
};
use model::{AgentId, DeviceId, Timestamp};
use prost::Message as _;

/// A record of the server's inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Who sent it, from the client certificate.
    pub agent: AgentId,
    /// The agent's device.
    pub device: DeviceId,
    /// When, by the server's clock.
    pub received_at: Timestamp,
    /// The body of the request, for [`crate::Batch::decode`].
    pub body: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReceivedMessage {
    #[prost(string, tag = "1")]
    agent: String,
    #[prost(string, tag = "2")]
    device: String,
    #[prost(sfixed64, tag = "3")]
    received_at_ns: i64,
    #[prost(bytes = "vec", tag = "4")]
    body: Vec<u8>,
}

const FIELDS_MAX: usize = 8;

impl Received {
    /// As the bytes of a spool record.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let message = ReceivedMessage {
            agent: self.agent.to_string(),
            device: self.device.to_string(),
            received_at_ns: self.received_at.nanos(),
            body: self.body.clone(),
        };
        message.encode_to_vec()
    }

    /// From the bytes of a spool record.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::Malformed`], [`WireError::BadText`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        check_size("received batch", bytes.len(), RECEIVED_BYTES_MAX)?;
        shape::check("received batch", bytes, &LEAF, FIELDS_MAX)?;
        let message = ReceivedMessage::decode(bytes)
            .map_err(|err| WireError::malformed("received batch", err))?;
        check_size("compressed batch", message.body.len(), BATCH_WIRE_BYTES_MAX)?;
        let agent = AgentId::parse(&message.agent);
        let device = DeviceId::parse(&message.device);
        Ok(Self {
            agent: agent.map_err(|_| WireError::bad_text("agent", &message.agent))?,
            device: device.map_err(|_| WireError::bad_text("device", &message.device))?,
            received_at: Timestamp::from_nanos(message.received_at_ns),
            body: message.body,
        })
    }
}
