//! What can be wrong with a foreign file, and with one record of it.

/// The bytes as a whole cannot be read. Says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are no bytes at all.
    #[error("the file is empty: copy it again from its source")]
    Empty,
    /// The bytes do not begin like a Windows event log.
    #[error("not a Windows event log (it begins with {found}, not with \"ElfFile\"): {next_step}")]
    NotEvtx {
        /// The first bytes, printable.
        found: String,
        /// What the person who gave the file can do.
        next_step: &'static str,
    },
    /// The file ends inside its header.
    #[error(
        "the Windows event log ends after {bytes} bytes, inside its header of {needed} bytes: copy it again from its source, or export it with `wevtutil epl`"
    )]
    HeaderTruncated {
        /// Bytes that are there.
        bytes: usize,
        /// Bytes that a header has.
        needed: usize,
    },
    /// The header contradicts itself.
    #[error(
        "the header of the Windows event log is damaged ({reason}): export the log again with `wevtutil epl`"
    )]
    HeaderDamaged {
        /// What the reader found.
        reason: String,
    },
    /// More bytes than this reader takes.
    #[error(
        "the file has {bytes} bytes and at most {bytes_max} are read at once: export it in parts with `wevtutil epl LOG PART.evtx /q:\"*[System[EventRecordID>=FIRST and EventRecordID<=LAST]]\"`"
    )]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// Bytes that are taken.
        bytes_max: usize,
    },
}

/// One record or chunk cannot be read or is missing; the reading goes on after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A record cannot be decoded.
    #[error("{} cannot be decoded: {reason}", place(*.chunk, *.record_id))]
    Record {
        /// The chunk, counted from 0.
        chunk: u64,
        /// The record's number in the file, when its header could be read.
        record_id: Option<u64>,
        /// Why, as the reader of the format says it.
        reason: String,
    },
    /// A whole chunk cannot be read; how many records it held is not known.
    #[error(
        "chunk {chunk} (file offset {offset:#x}) cannot be read and its records are lost: {reason}"
    )]
    Chunk {
        /// The chunk, counted from 0.
        chunk: u64,
        /// Where it begins in the file.
        offset: u64,
        /// Why.
        reason: String,
    },
    /// A chunk was changed after Windows closed it: its checksum does not hold. Its records are given as
    /// far as they can be read, but may not say what Windows wrote.
    #[error(
        "chunk {chunk} was changed after it was written ({reason}): its records are read as far as possible, do not take them as evidence"
    )]
    Checksum {
        /// The chunk, counted from 0.
        chunk: u64,
        /// Which checksum.
        reason: String,
    },
    /// A chunk's header tells of more records than could be found in it.
    #[error(
        "chunk {chunk} says that it holds {expected} records and {count} of them could not be found"
    )]
    Missing {
        /// The chunk, counted from 0.
        chunk: u64,
        /// Records that the header tells of.
        expected: u64,
        /// Records that are neither here nor reported as broken.
        count: u64,
    },
    /// A line of NDJSON is no event.
    #[error("line {line} cannot be decoded: {reason}")]
    Line {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file ends early.
    #[error(
        "the file ends {missing_bytes} bytes too early, the records there are lost: copy it again from its source"
    )]
    Truncated {
        /// Bytes that should follow.
        missing_bytes: u64,
    },
}

impl RecordError {
    /// The record's number in the file, when it is known.
    #[must_use]
    pub const fn record_id(&self) -> Option<u64> {
        match self {
            Self::Record { record_id, .. } => *record_id,
            _ => None,
        }
    }
}

fn place(chunk: u64, record_id: Option<u64>) -> String {
    match record_id {
        Some(id) => format!("record {id} (chunk {chunk})"),
        None => format!("a record of chunk {chunk}"),
    }
}
