//! The writing end: one file, one writer at a time.

use crate::{
    disk::{Disk, DiskFile},
    error::SpoolError,
    format::{self, HEADER_BYTES, SEGMENT_MAGIC},
};
use std::{io, sync::Arc};

/// The newest segment.
pub(crate) struct Writer {
    file: Arc<dyn DiskFile>,
    pub(crate) first_seq: u64,
    pub(crate) next_seq: u64,
    pub(crate) len_bytes: u64,
    /// False after an error that leaves nobody knowing what is on the disk.
    pub(crate) usable: bool,
}

/// Why a group was not written.
pub(crate) enum WriteFailure {
    /// No space; the file is as before and can be used on.
    DiskFull,
    /// The file must not be used any more.
    Abandoned(SpoolError),
}

impl Writer {
    pub(crate) const fn new(file: Arc<dyn DiskFile>, first_seq: u64, len_bytes: u64) -> Self {
        Self { file, first_seq, next_seq: first_seq, len_bytes, usable: true }
    }

    pub(crate) fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.file)
    }

    /// Whether any record was accepted into the file.
    pub(crate) const fn holds_records(&self) -> bool {
        self.next_seq > self.first_seq
    }

    /// Writes a group behind the last one and syncs.
    pub(crate) fn write(&mut self, group: &[u8], next_seq: u64) -> Result<(), WriteFailure> {
        let name = format::segment_name(self.first_seq);
        if let Err(err) = self.file.write_all_at(group, self.len_bytes) {
            // What was written of the group must not be taken for records later.
            let cut = self.file.truncate(self.len_bytes);
            if is_no_space(&err) && cut.is_ok() {
                return Err(WriteFailure::DiskFull);
            }
            self.usable = false;
            return Err(WriteFailure::Abandoned(SpoolError::io("write", name)(err)));
        }
        if let Err(err) = self.file.sync() {
            self.usable = false;
            return Err(WriteFailure::Abandoned(SpoolError::io("sync", name)(err)));
        }
        self.len_bytes += group.len() as u64;
        self.next_seq = next_seq;
        Ok(())
    }
}

pub(crate) fn is_no_space(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The name of a segment while it is made.
const NEW_NAME: &str = "segment.new";

/// Creates a segment beside, then gives it its name, so that a name never stands for a half-made file. A
/// file that has the name already is replaced: the caller knows that it holds nothing that was accepted.
///
/// From the rename on the new file is in force, whatever follows: a recovery that finds its name ignores
/// these numbers in older files. So when only the directory's sync fails, the writer is given back unusable.
pub(crate) fn create_segment(
    disk: &dyn Disk,
    epoch: u128,
    first_seq: u64,
) -> Result<(Writer, Result<(), SpoolError>), SpoolError> {
    match disk.remove(NEW_NAME) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => {
            return Err(SpoolError::io("remove", NEW_NAME)(err));
        }
        _ => {}
    }
    let name = format::segment_name(first_seq);
    let file = disk.create(NEW_NAME).map_err(SpoolError::io("create", &name))?;
    let header = format::write_header(SEGMENT_MAGIC, epoch, first_seq);
    file.write_all_at(&header, 0).map_err(SpoolError::io("write", &name))?;
    file.sync().map_err(SpoolError::io("sync", &name))?;
    disk.rename(NEW_NAME, &name).map_err(SpoolError::io("name", &name))?;
    let synced = disk.sync_directory().map_err(SpoolError::io("sync the directory of", &name));
    let mut writer = Writer::new(file, first_seq, HEADER_BYTES as u64);
    writer.usable = synced.is_ok();
    Ok((writer, synced))
}
