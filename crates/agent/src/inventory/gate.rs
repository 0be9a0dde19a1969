//! From the inventory's threads to the recorder: records that are to become durable, and the answer that
//! they are.

use crate::error::AgentError;
use model::{Clock, Observation, inventory::InventoryMessage};
use std::sync::{Arc, mpsc};

/// Records of one group.
const GROUP_RECORDS_MAX: usize = 512;
/// Bytes of the records of one group.
const GROUP_BYTES_MAX: usize = 1 << 20;
const _: () = assert!(GROUP_RECORDS_MAX <= crate::limits::GROUP_ENTRIES_MAX);
const _: () =
    assert!(GROUP_BYTES_MAX + model::limits::RECORD_BYTES_MAX <= crate::limits::GROUP_BYTES_MAX);

/// Records that wait for the spool.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) records: Vec<Vec<u8>>,
    /// Told when they are durable.
    durable: mpsc::SyncSender<()>,
}

/// The inventory's end.
#[derive(Clone)]
pub(crate) struct Gate {
    to_recorder: mpsc::SyncSender<Told>,
    clock: Arc<dyn Clock>,
}

/// The recorder's end.
pub(crate) struct Inbox {
    told: mpsc::Receiver<Told>,
    /// What found no room yet.
    held: Option<Told>,
}

/// The recorder has stopped: nothing becomes durable any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

pub(crate) fn pair(clock: Arc<dyn Clock>) -> (Gate, Inbox) {
    let (to_recorder, told) = mpsc::sync_channel(2);
    (Gate { to_recorder, clock }, Inbox { told, held: None })
}

impl Gate {
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Makes messages durable, in order. Waits as long as the spool has no room.
    pub(crate) fn tell(
        &self,
        messages: impl Iterator<Item = InventoryMessage>,
    ) -> Result<(), Stopped> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        for message in messages {
            match self.encode(&message) {
                Ok(record) => {
                    bytes += record.len();
                    records.push(record);
                }
                // Items are bounded far below the limit of a record.
                Err(err) => tracing::error!(error = %err, "an inventory record can not be stored"),
            }
            if records.len() == GROUP_RECORDS_MAX || bytes >= GROUP_BYTES_MAX {
                self.hand_over(std::mem::take(&mut records))?;
                bytes = 0;
            }
        }
        if records.is_empty() { Ok(()) } else { self.hand_over(records) }
    }

    fn encode(&self, message: &InventoryMessage) -> Result<Vec<u8>, AgentError> {
        let (kind, fields) = message.kind_and_fields();
        let observation = Observation { kind, observed_at: self.clock.now(), fields };
        Ok(wire::encode_observation(&observation)?)
    }

    fn hand_over(&self, records: Vec<Vec<u8>>) -> Result<(), Stopped> {
        let (durable, is_durable) = mpsc::sync_channel(1);
        self.to_recorder.send(Told { records, durable }).map_err(|_| Stopped)?;
        is_durable.recv().map_err(|_| Stopped)
    }
}

impl Inbox {
    /// The next group, if there is one.
    pub(crate) fn next(&mut self) -> Option<Told> {
        self.held.take().or_else(|| self.told.try_recv().ok())
    }

    /// There was no room for it; it comes again.
    pub(crate) fn hold(&mut self, told: Told) {
        self.held = Some(told);
    }
}

impl Told {
    /// It is durable now.
    pub(crate) fn done(self) {
        // The thread that waits for it may have been stopped meanwhile.
        if self.durable.try_send(()).is_err() {
            tracing::debug!("nobody waits for an inventory record any more");
        }
    }
}
