//! The acknowledged position: an append-only file of which the largest valid entry wins.

use crate::{
    disk::{Disk, DiskFile},
    error::SpoolError,
    format::{self, ACK_MAGIC, HEADER_BYTES, Header},
    limits::ACK_FILE_BYTES_MAX,
};
use std::{io, sync::Arc};

pub(crate) const ACK_NAME: &str = "ack";
const ACK_NEW_NAME: &str = "ack.new";

/// What an acknowledgement file of an earlier run said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredAck {
    pub(crate) epoch: u128,
    pub(crate) seq: u64,
}

/// Reads the file; `None` when it is missing, damaged or of another version.
pub(crate) fn read(disk: &dyn Disk) -> Result<Option<StoredAck>, SpoolError> {
    let file = match disk.open(ACK_NAME) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(SpoolError::io("open", ACK_NAME)(err)),
    };
    let len = file.len_bytes().map_err(SpoolError::io("measure", ACK_NAME))?;
    // A file much larger than it is ever allowed to grow is not ours; its tail is not needed either.
    let len = usize::try_from(len.min(ACK_FILE_BYTES_MAX * 4)).unwrap_or(0);
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0).map_err(SpoolError::io("read", ACK_NAME))?;
    let Header::Known { epoch, .. } = format::parse_header(ACK_MAGIC, &bytes) else {
        return Ok(None);
    };
    let seq = format::largest_ack(epoch, bytes.get(HEADER_BYTES..).unwrap_or_default());
    Ok(Some(StoredAck { epoch, seq: seq.unwrap_or(0) }))
}

/// The open acknowledgement file.
pub(crate) struct AckFile {
    file: Arc<dyn DiskFile>,
    epoch: u128,
    len_bytes: u64,
}

impl AckFile {
    /// Writes a fresh file beside the old one and puts it in its place, all synced.
    pub(crate) fn rewrite(disk: &dyn Disk, epoch: u128, seq: u64) -> Result<Self, SpoolError> {
        match disk.remove(ACK_NEW_NAME) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => {
                return Err(SpoolError::io("remove", ACK_NEW_NAME)(err));
            }
            _ => {}
        }
        let file = disk.create(ACK_NEW_NAME).map_err(SpoolError::io("create", ACK_NEW_NAME))?;
        let mut bytes = format::write_header(ACK_MAGIC, epoch, 0).to_vec();
        bytes.extend_from_slice(&format::write_ack(epoch, seq));
        file.write_all_at(&bytes, 0).map_err(SpoolError::io("write", ACK_NEW_NAME))?;
        file.sync().map_err(SpoolError::io("sync", ACK_NEW_NAME))?;
        disk.rename(ACK_NEW_NAME, ACK_NAME).map_err(SpoolError::io("rename", ACK_NEW_NAME))?;
        disk.sync_directory().map_err(SpoolError::io("sync the directory of", ACK_NAME))?;
        Ok(Self { file, epoch, len_bytes: bytes.len() as u64 })
    }

    /// Notes a position. Not synced: an older one only means that records are read again.
    pub(crate) fn note(&mut self, disk: &dyn Disk, seq: u64) -> Result<(), SpoolError> {
        if self.len_bytes >= ACK_FILE_BYTES_MAX {
            *self = Self::rewrite(disk, self.epoch, seq)?;
            return Ok(());
        }
        let entry = format::write_ack(self.epoch, seq);
        self.file
            .write_all_at(&entry, self.len_bytes)
            .map_err(SpoolError::io("write", ACK_NAME))?;
        self.len_bytes += entry.len() as u64;
        Ok(())
    }
}
