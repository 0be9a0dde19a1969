//! The event: what a sensor or an imported record says, and where in which stream it was said.

use crate::{AgentId, DeviceId, EpochId, EventKind, Fields, LogSource, Timestamp};

/// The place of a record in an agent's stream. Unique for ever; the key that makes delivery idempotent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct StreamKey {
    /// Who recorded it.
    pub agent: AgentId,
    /// Which life of the agent's spool.
    pub epoch: EpochId,
    /// Contiguous from 1 within the epoch.
    pub seq: u64,
}

/// What a sensor hands to the agent: not yet in a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What happened.
    pub kind: EventKind,
    /// When, by the device's clock.
    pub observed_at: Timestamp,
    /// What is known of it, by Sigma name.
    pub fields: Fields,
}

/// What rules judge and the lake keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// On which device.
    pub device: DeviceId,
    /// Where in which stream; for imported files the agent and epoch of the import.
    pub stream: StreamKey,
    /// When, by the device's clock.
    pub observed_at: Timestamp,
    /// When the server received it, by the server's clock.
    pub received_at: Timestamp,
    /// Which Sigma log sources it belongs to.
    pub source: LogSource,
    /// Its fields by Sigma name.
    pub fields: Fields,
    /// The original record where it was not ours (XML or JSON of a foreign log, bytes of an
    /// undecodable record in hex).
    pub raw: Option<String>,
}

impl Event {
    /// An observation of our own Linux agent, placed in its stream.
    #[must_use]
    pub fn of_linux_agent(
        seen: Observation,
        device: DeviceId,
        stream: StreamKey,
        received_at: Timestamp,
    ) -> Self {
        Self {
            kind: seen.kind,
            device,
            stream,
            observed_at: seen.observed_at,
            received_at,
            source: LogSource::of_linux_sensor(seen.kind),
            fields: seen.fields,
            raw: None,
        }
    }
}
