//! From files of an earlier run, whatever happened to them, to a spool that can be used.

use crate::{
    ack::{self, ACK_NAME, AckFile, StoredAck},
    disk::{Disk, DiskFile, DiskLock},
    error::SpoolError,
    format::{self, HEAD_BYTES, HEADER_BYTES, Header, SEGMENT_MAGIC},
    scan::{self, Bounds},
    spool::Options,
    write::{self, Writer},
};
use std::sync::Arc;

/// Something a person may want to know. Records that are missing are told as gaps, not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incident {
    /// The end of a segment was incomplete and had never been accepted.
    TornTail {
        /// The segment.
        file: String,
        /// Bytes that are ignored.
        bytes: u64,
    },
    /// A file was not understood and was renamed; it can be removed by hand.
    SetAside {
        /// Its former name.
        file: String,
        /// Its name now.
        renamed_to: String,
        /// What was wrong.
        why: String,
    },
    /// A segment's header is damaged; its records are read all the same.
    HeaderDamaged {
        /// The segment.
        file: String,
    },
    /// Writing or syncing failed; the file is not used any more, its accepted records are still read.
    FileAbandoned {
        /// The segment.
        file: String,
        /// The system's answer.
        why: String,
    },
    /// The acknowledged position could not be noted; it is kept in memory.
    AcknowledgementNotNoted {
        /// The system's answer.
        why: String,
    },
}

/// A segment that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) first_seq: u64,
    /// Bytes that may be read.
    pub(crate) len_bytes: u64,
}

/// A spool ready for use.
pub(crate) struct Recovered {
    pub(crate) lock: DiskLock,
    pub(crate) epoch: u128,
    pub(crate) acknowledged: u64,
    pub(crate) segments: Vec<Segment>,
    pub(crate) writer: Writer,
    pub(crate) ack: AckFile,
    pub(crate) incidents: Vec<Incident>,
}

/// Locks, reads what is there, and begins where it ended.
pub(crate) fn recover(disk: &dyn Disk, options: &Options) -> Result<Recovered, SpoolError> {
    let directory = disk.location();
    disk.create_directory().map_err(SpoolError::io("create", &directory))?;
    let lock = disk.lock().map_err(|refused| match refused {
        Ok(holder) => SpoolError::InUse { directory: directory.clone(), holder },
        Err(err) => SpoolError::io("lock", &directory)(err),
    })?;
    let mut incidents = Vec::new();
    let stored_ack = ack::read(disk)?;
    let candidates = list_segments(disk)?;
    let known_epoch = known_epoch(stored_ack, &candidates);
    let epoch = known_epoch.unwrap_or(options.new_epoch);
    let acknowledged = stored_ack.filter(|ack| ack.epoch == epoch).map_or(0, |ack| ack.seq);
    if stored_ack.is_none() {
        set_aside_ack(disk, &mut incidents)?;
    }

    let mut next_seq = acknowledged + 1;
    let mut kept = Vec::new();
    for candidate in candidates {
        match candidate.header {
            Header::Known { epoch: its, first_seq }
                if its == epoch && first_seq == candidate.first_seq =>
            {
                kept.push(candidate);
            }
            Header::Damaged if known_epoch.is_some() => {
                incidents.push(Incident::HeaderDamaged { file: candidate.name() });
                kept.push(candidate);
            }
            _ => {
                next_seq = next_seq.max(candidate.next_seq_at_most(epoch));
                let why = candidate.misfit();
                set_aside(disk, &candidate.name(), why, &mut incidents)?;
            }
        }
    }
    if let Some(newest) = kept.last() {
        next_seq = next_seq.max(end_of_newest(disk, newest, epoch, options, &mut incidents)?);
    }
    let writer = begin(disk, &mut kept, epoch, next_seq, &mut incidents)?;
    // An entry that is not synced may vanish again; the files it names are older, so nothing is lost by it.
    let ack = AckFile::rewrite(disk, epoch, acknowledged)?;
    let segments = kept.iter().map(Candidate::segment).collect();
    Ok(Recovered { lock, epoch, acknowledged, segments, writer, ack, incidents })
}

/// Renames a file so that it is in nobody's way.
pub(crate) fn set_aside(
    disk: &dyn Disk,
    name: &str,
    why: String,
    incidents: &mut Vec<Incident>,
) -> Result<(), SpoolError> {
    let names = disk.list().map_err(SpoolError::io("list", disk.location()))?;
    let mut number = 1u32;
    let renamed_to = loop {
        let free = format!("{name}.aside-{number}");
        if !names.contains(&free) {
            break free;
        }
        number += 1;
    };
    disk.rename(name, &renamed_to).map_err(SpoolError::io("set aside", name))?;
    disk.sync_directory().map_err(SpoolError::io("sync the directory of", name))?;
    incidents.push(Incident::SetAside { file: name.to_owned(), renamed_to, why });
    Ok(())
}

/// A file that is named like a segment.
struct Candidate {
    first_seq: u64,
    len_bytes: u64,
    header: Header,
    file: Arc<dyn DiskFile>,
}

impl Candidate {
    fn name(&self) -> String {
        format::segment_name(self.first_seq)
    }

    const fn segment(&self) -> Segment {
        Segment { first_seq: self.first_seq, len_bytes: self.len_bytes }
    }

    fn misfit(&self) -> String {
        match self.header {
            Header::OtherVersion(version) => {
                format!(
                    "it was written in format version {version}, which this program does not know"
                )
            }
            Header::Known { first_seq, .. } if first_seq != self.first_seq => {
                format!("its name does not fit its first sequence number {first_seq}")
            }
            Header::Known { .. } => "it belongs to another spool".to_owned(),
            Header::Damaged => "its header is damaged and no other file says the epoch".to_owned(),
        }
    }

    /// A number that no record of a file set aside can have reached, so that none is given twice.
    fn next_seq_at_most(&self, epoch: u128) -> u64 {
        match self.header {
            Header::Known { epoch: its, .. } if its != epoch => 1,
            _ => self.first_seq.saturating_add(self.len_bytes / HEAD_BYTES as u64 + 1),
        }
    }
}

fn list_segments(disk: &dyn Disk) -> Result<Vec<Candidate>, SpoolError> {
    let names = disk.list().map_err(SpoolError::io("list", disk.location()))?;
    let mut candidates = Vec::new();
    for name in &names {
        let Some(first_seq) = format::parse_segment_name(name) else { continue };
        let file = disk.open(name).map_err(SpoolError::io("open", name))?;
        let len_bytes = file.len_bytes().map_err(SpoolError::io("measure", name))?;
        let mut bytes = [0u8; HEADER_BYTES];
        let header = if len_bytes >= HEADER_BYTES as u64 {
            file.read_exact_at(&mut bytes, 0).map_err(SpoolError::io("read", name))?;
            format::parse_header(SEGMENT_MAGIC, &bytes)
        } else {
            Header::Damaged
        };
        candidates.push(Candidate { first_seq, len_bytes, header, file });
    }
    candidates.sort_by_key(|candidate| candidate.first_seq);
    Ok(candidates)
}

fn known_epoch(stored: Option<StoredAck>, candidates: &[Candidate]) -> Option<u128> {
    let of_segment = |candidate: &Candidate| match candidate.header {
        Header::Known { epoch, first_seq } if first_seq == candidate.first_seq => Some(epoch),
        _ => None,
    };
    stored.map(|ack| ack.epoch).or_else(|| candidates.iter().rev().find_map(of_segment))
}

fn set_aside_ack(disk: &dyn Disk, incidents: &mut Vec<Incident>) -> Result<(), SpoolError> {
    let names = disk.list().map_err(SpoolError::io("list", disk.location()))?;
    if names.iter().any(|name| name == ACK_NAME) {
        set_aside(disk, ACK_NAME, "its header is damaged or unknown".to_owned(), incidents)?;
    }
    Ok(())
}

/// Syncs and reads the newest segment; the next free number.
fn end_of_newest(
    disk: &dyn Disk,
    newest: &Candidate,
    epoch: u128,
    options: &Options,
    incidents: &mut Vec<Incident>,
) -> Result<u64, SpoolError> {
    let name = newest.name();
    newest.file.sync().map_err(SpoolError::io("sync", &name))?;
    disk.sync_directory().map_err(SpoolError::io("sync the directory of", &name))?;
    let mut bytes = vec![0u8; usize::try_from(newest.len_bytes).unwrap_or(usize::MAX)];
    newest.file.read_exact_at(&mut bytes, 0).map_err(SpoolError::io("read", &name))?;
    let record_bytes_max = options.record_bytes_max;
    let bounds = Bounds { epoch, record_bytes_max, end_seq: u64::MAX };
    let walked = scan::walk(&bounds, &bytes, HEADER_BYTES, newest.first_seq);
    let tail = bounds.judge_tail(&bytes, walked.end, walked.expected);
    if tail.torn_bytes > 0 {
        incidents.push(Incident::TornTail { file: name, bytes: tail.torn_bytes as u64 });
    }
    Ok(tail.next_seq)
}

/// The segment to write to: the newest when it holds nothing, else a new one.
fn begin(
    disk: &dyn Disk,
    kept: &mut Vec<Candidate>,
    epoch: u128,
    next_seq: u64,
    incidents: &mut Vec<Incident>,
) -> Result<Writer, SpoolError> {
    let empty = kept.last().is_some_and(|newest| newest.first_seq == next_seq);
    if let Some(newest) = kept.pop_if(|_| empty) {
        if newest.header == Header::Damaged {
            incidents.retain(|known| *known != Incident::HeaderDamaged { file: newest.name() });
            set_aside(disk, &newest.name(), "it was not completely created".to_owned(), incidents)?;
        } else {
            let name = newest.name();
            // Judged torn: a beginning of a record that was never accepted, and nothing else.
            newest.file.truncate(HEADER_BYTES as u64).map_err(SpoolError::io("cut", &name))?;
            newest.file.sync().map_err(SpoolError::io("sync", &name))?;
            let len_bytes = HEADER_BYTES as u64;
            let writer = Writer::new(Arc::clone(&newest.file), next_seq, len_bytes);
            kept.push(Candidate { len_bytes, ..newest });
            return Ok(writer);
        }
    }
    let (writer, synced) = write::create_segment(disk, epoch, next_seq)?;
    synced?;
    kept.push(Candidate {
        first_seq: next_seq,
        len_bytes: HEADER_BYTES as u64,
        header: Header::Known { epoch, first_seq: next_seq },
        file: writer.file(),
    });
    Ok(writer)
}
