//! Reading: records and gaps in order, beside the writer and without stopping it.

use crate::{
    disk::DiskFile,
    error::SpoolError,
    format::{self, HEADER_BYTES},
    limits::{OPEN_FILES_MAX, READ_BYTES_MAX},
    recover::Segment,
    scan::{Bounds, Found},
    spool::Inner,
};
use std::{io, sync::Arc};

/// Why numbers are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// Bytes on the disk are damaged.
    Damaged,
    /// No file holds these numbers: it was taken away, or the numbers were skipped on purpose.
    Missing,
}

/// One thing read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A record, whole.
    Record {
        /// Its number.
        seq: u64,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Numbers without a record.
    Gap {
        /// The first missing number.
        first: u64,
        /// The last missing number.
        last: u64,
        /// Why.
        reason: GapReason,
    },
}

impl Item {
    /// The number after this item.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        match self {
            Self::Record { seq, .. } => *seq + 1,
            Self::Gap { last, .. } => *last + 1,
        }
    }
}

/// Handles and positions that make reading in order cheap.
#[derive(Default)]
pub(crate) struct ReadCache {
    files: Vec<(u64, Arc<dyn DiskFile>)>,
    /// `(segment, next number, offset)` where earlier reads ended.
    places: Vec<(u64, u64, u64)>,
}

impl ReadCache {
    pub(crate) fn forget(&mut self, segment: u64) {
        self.files.retain(|(first, _)| *first != segment);
        self.places.retain(|(first, ..)| *first != segment);
    }

    fn place(&self, segment: u64, seq: u64) -> u64 {
        let fits = |place: &&(u64, u64, u64)| place.0 == segment && place.1 <= seq;
        self.places
            .iter()
            .filter(fits)
            .max_by_key(|place| place.1)
            .map_or(HEADER_BYTES as u64, |place| place.2)
    }

    fn remember(&mut self, segment: u64, next_seq: u64, offset: u64) {
        if self.places.len() >= OPEN_FILES_MAX {
            self.places.remove(0);
        }
        self.places.push((segment, next_seq, offset));
    }
}

/// What is collected by one call.
struct Collected {
    items: Vec<Item>,
    bytes: usize,
    want_seq: u64,
}

impl Collected {
    fn gap_until(&mut self, end: u64, reason: GapReason) {
        if end <= self.want_seq {
            return;
        }
        let (first, last) = (self.want_seq, end - 1);
        match self.items.last_mut() {
            Some(Item::Gap { last: known, reason: same, .. }) if *same == reason => *known = last,
            _ => self.items.push(Item::Gap { first, last, reason }),
        }
        self.want_seq = end;
    }

    fn record(&mut self, seq: u64, body: &[u8]) {
        self.gap_until(seq, GapReason::Damaged);
        self.bytes += body.len();
        self.items.push(Item::Record { seq, bytes: body.to_vec() });
        self.want_seq = seq + 1;
    }
}

/// Reads on from a number. See [`crate::Spool::read`].
pub(crate) fn read(
    inner: &Inner,
    from_seq: u64,
    bytes_max: usize,
) -> Result<Vec<Item>, SpoolError> {
    let bytes_max = bytes_max.clamp(1, READ_BYTES_MAX);
    let mut collected = Collected { items: Vec::new(), bytes: 0, want_seq: from_seq };
    loop {
        let index = inner.index()?;
        if collected.items.is_empty() {
            collected.want_seq = collected.want_seq.max(index.acknowledged + 1);
        }
        if collected.want_seq >= index.next_seq || collected.bytes >= bytes_max {
            return Ok(collected.items);
        }
        let after = index.segments.partition_point(|known| known.first_seq <= collected.want_seq);
        let end_seq = index.segments.get(after).map_or(index.next_seq, |next| next.first_seq);
        let Some(segment) = after.checked_sub(1).map(|at| index.segments[at]) else {
            drop(index);
            collected.gap_until(end_seq, GapReason::Missing);
            continue;
        };
        drop(index);
        let Some(file) = open(inner, segment.first_seq)? else {
            let gone = !inner.index()?.segments.iter().any(|s| s.first_seq == segment.first_seq);
            if gone && collected.items.is_empty() {
                continue; // Acknowledged in the meantime: begin where the spool begins now.
            }
            collected.gap_until(end_seq, GapReason::Missing);
            continue;
        };
        read_segment(inner, file, segment, end_seq, bytes_max, &mut collected)?;
    }
}

fn open(inner: &Inner, first_seq: u64) -> Result<Option<Arc<dyn DiskFile>>, SpoolError> {
    let mut cache = inner.cache()?;
    if let Some((_, file)) = cache.files.iter().find(|(known, _)| *known == first_seq) {
        return Ok(Some(Arc::clone(file)));
    }
    let name = format::segment_name(first_seq);
    match inner.disk.open(&name) {
        Ok(file) => {
            if cache.files.len() >= OPEN_FILES_MAX {
                cache.files.remove(0);
            }
            cache.files.push((first_seq, Arc::clone(&file)));
            Ok(Some(file))
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(SpoolError::io("open", name)(err)),
    }
}

fn read_segment(
    inner: &Inner,
    file: Arc<dyn DiskFile>,
    segment: Segment,
    end_seq: u64,
    bytes_max: usize,
    collected: &mut Collected,
) -> Result<(), SpoolError> {
    let begin = inner.cache()?.place(segment.first_seq, collected.want_seq);
    let record_bytes_max = inner.options.record_bytes_max;
    let bounds = Bounds { epoch: inner.epoch, record_bytes_max, end_seq };
    let mut window = Window {
        name: format::segment_name(segment.first_seq),
        file,
        len_bytes: segment.len_bytes,
        begin,
        bytes: Vec::new(),
        chunk_bytes: bytes_max.saturating_add(WINDOW_SLACK_BYTES),
    };
    let mut at = begin;
    let mut expected = segment.first_seq;
    let mut clean = true;
    while collected.bytes < bytes_max && collected.want_seq < end_seq {
        match window.look(&bounds, at, expected)? {
            Looked::Record { seq, next } => {
                if seq >= collected.want_seq {
                    collected.record(seq, window.body(at, next));
                }
                expected = seq + 1;
                at = next;
            }
            Looked::Skip { next } => {
                clean = false;
                at = next;
            }
            Looked::End => {
                let reason = if clean { GapReason::Missing } else { GapReason::Damaged };
                collected.gap_until(end_seq, reason);
            }
            Looked::Damaged => {
                clean = false;
                collected.gap_until(end_seq, GapReason::Damaged);
            }
        }
    }
    if collected.want_seq < end_seq {
        inner.cache()?.remember(segment.first_seq, expected, at);
    } else if collected.want_seq == end_seq && expected == end_seq {
        // The newest segment grows on from here.
        inner.cache()?.remember(segment.first_seq, expected, at);
    }
    Ok(())
}

const WINDOW_SLACK_BYTES: usize = 64 << 10;

/// A part of a segment in memory, extended as needed.
struct Window {
    name: String,
    file: Arc<dyn DiskFile>,
    len_bytes: u64,
    /// Offset of the window in the file.
    begin: u64,
    bytes: Vec<u8>,
    chunk_bytes: usize,
}

enum Looked {
    Record { seq: u64, next: u64 },
    Skip { next: u64 },
    Damaged,
    End,
}

impl Window {
    fn look(&mut self, bounds: &Bounds, at: u64, expected: u64) -> Result<Looked, SpoolError> {
        loop {
            let place = usize::try_from(at - self.begin).unwrap_or(usize::MAX);
            let whole = self.begin + self.bytes.len() as u64 >= self.len_bytes;
            match bounds.look(&self.bytes, place, expected) {
                Found::Record { seq, body } => {
                    return Ok(Looked::Record { seq, next: self.begin + body.end as u64 });
                }
                Found::BadBody { end } => {
                    return Ok(Looked::Skip { next: self.begin + end as u64 });
                }
                Found::Short if whole => {
                    let clean = place >= self.bytes.len();
                    return Ok(if clean { Looked::End } else { Looked::Damaged });
                }
                Found::Short => self.load(at, 0)?,
                Found::Incomplete { needed } if !whole => self.load(at, needed)?,
                Found::BadHead if !whole => self.load(at, usize::MAX)?,
                Found::Incomplete { .. } | Found::BadHead => {
                    let found = bounds.resync(&self.bytes, place + 1, expected);
                    return Ok(found.map_or(Looked::Damaged, |next| Looked::Skip {
                        next: self.begin + next as u64,
                    }));
                }
            }
        }
    }

    /// Moves the window to `at`, at least `needed` bytes long unless the file ends before.
    fn load(&mut self, at: u64, needed: usize) -> Result<(), SpoolError> {
        let wanted = needed.max(self.chunk_bytes) as u64;
        let len = wanted.min(self.len_bytes.saturating_sub(at));
        self.bytes.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
        self.begin = at;
        self.file.read_exact_at(&mut self.bytes, at).map_err(SpoolError::io("read", &self.name))
    }

    /// The bytes of the record between two places.
    fn body(&self, at: u64, next: u64) -> &[u8] {
        let begin = usize::try_from(at - self.begin).unwrap_or(usize::MAX);
        let end = usize::try_from(next - self.begin).unwrap_or(usize::MAX);
        self.bytes.get(begin.saturating_add(format::HEAD_BYTES)..end).unwrap_or_default()
    }
}
