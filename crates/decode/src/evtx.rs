//! EVTX, the file format of the Windows event log: a header block of 4,096 bytes, then chunks of 65,536
//! bytes, each with its own header, string table, templates and records in binary XML.
//!
//! The reading is chunk by chunk. A chunk that cannot be read, a record that cannot be decoded, a
//! checksum that does not hold, records that a chunk's header promises and that are not there, and an
//! end of the file that comes too early each give a [`RecordError`] in their place.

use crate::limits::{
    EVTX_CHUNK_BYTES, EVTX_CHUNK_RECORDS_MAX, EVTX_FILE_BYTES_MAX, EVTX_HEADER_BYTES,
    RECORD_TEXT_BYTES_MAX,
};
use crate::{DecodeError, RecordError, windows};
use ::evtx::{ChunkFlags, EvtxChunkData, EvtxParser, IntoIterChunks, ParserSettings};
use model::{DeviceId, Event, EventKind, Fields, LogSource, StreamKey, Timestamp};
use std::collections::VecDeque;
use std::io::Cursor;
use std::sync::Arc;

/// One record of a Windows event log, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The record's number in this file (its record header). `EventRecordID` among the fields is the
    /// number that it had in the log it was exported from.
    pub record_id: u64,
    /// What happened.
    pub kind: EventKind,
    /// When, by the clock of the machine that wrote it.
    pub observed_at: Timestamp,
    /// Which Sigma log sources it belongs to.
    pub source: LogSource,
    /// Its fields by Sigma name.
    pub fields: Fields,
    /// The record as it was written: an event log's as JSON in the shape of its XML, a line of JSON as it
    /// is. `None` when the reader was told not to keep it.
    pub raw: Option<String>,
}

impl Record {
    /// The record as an event of a device, placed in a stream (of the import, or of the agent that
    /// forwarded it).
    #[must_use]
    pub fn into_event(self, device: DeviceId, stream: StreamKey, received_at: Timestamp) -> Event {
        Event {
            kind: self.kind,
            device,
            stream,
            observed_at: self.observed_at,
            received_at,
            source: self.source,
            fields: self.fields,
            raw: self.raw,
        }
    }
}

/// Reads the records of one file in the order in which Windows wrote them.
pub struct Reader {
    chunks: IntoIterChunks<Cursor<Vec<u8>>>,
    settings: Arc<ParserSettings>,
    /// Chunks taken so far, to name one that could not even be numbered.
    chunks_taken: u64,
    /// A chunk that the file's end cuts, and how many bytes the file lacks.
    cut: Option<Cut>,
    ready: VecDeque<Result<Record, RecordError>>,
}

/// Where the file ends too early.
struct Cut {
    /// The chunk that is there in part, when the end is not between two chunks.
    chunk: Option<u64>,
    missing_bytes: u64,
}

impl Reader {
    /// Takes the bytes of a whole file.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a Windows event log, end inside the header or are too many.
    pub fn new(mut bytes: Vec<u8>) -> Result<Self, DecodeError> {
        check_beginning(&bytes)?;
        let rest = bytes.len().saturating_sub(EVTX_HEADER_BYTES) % EVTX_CHUNK_BYTES;
        let whole_chunks = (bytes.len() - EVTX_HEADER_BYTES - rest) / EVTX_CHUNK_BYTES;
        let mut cut = None;
        if rest > 0 {
            // The last chunk is filled up with zeros, so that the records before the cut are read.
            let missing = EVTX_CHUNK_BYTES - rest;
            bytes.resize(bytes.len() + missing, 0);
            let chunk = Some(whole_chunks as u64);
            cut = Some(Cut { chunk, missing_bytes: missing as u64 });
        }
        let chunks_there = whole_chunks + usize::from(rest > 0);
        let parser = EvtxParser::from_buffer(bytes)
            .map_err(|err| DecodeError::HeaderDamaged { reason: chain(&err) })?;
        // A header that is damaged itself says nothing about the number of chunks.
        let promised = usize::from(parser.header().chunk_count);
        if parser.header().validate_checksum() && promised > chunks_there {
            let lacking = ((promised - chunks_there) * EVTX_CHUNK_BYTES) as u64;
            let of_cut_chunk = cut.as_ref().map_or(0, |cut| cut.missing_bytes);
            let chunk = cut.and_then(|cut| cut.chunk);
            cut = Some(Cut { chunk, missing_bytes: lacking + of_cut_chunk });
        }
        Ok(Self {
            chunks: parser.into_chunks(),
            settings: Arc::new(ParserSettings::new().num_threads(1).indent(false)),
            chunks_taken: 0,
            cut,
            ready: VecDeque::new(),
        })
    }

    fn take_chunk(&mut self, chunk: Result<EvtxChunkData, ::evtx::err::EvtxError>) {
        let place = self.chunks_taken;
        self.chunks_taken += 1;
        match chunk {
            Ok(data) => {
                let number = data.number.unwrap_or(place);
                let cut = self.cut.as_ref().is_some_and(|cut| cut.chunk == Some(number));
                self.decode_chunk(data, number, cut);
            }
            Err(err) => {
                let number = match &err {
                    ::evtx::err::EvtxError::FailedToParseChunk { chunk_id, .. } => *chunk_id,
                    _ => place,
                };
                // Of the cut chunk the end of the file is told, once, after everything else.
                if self.cut.as_ref().is_none_or(|cut| cut.chunk != Some(number)) {
                    self.ready.push_back(Err(broken_chunk(number, chain(&err))));
                }
            }
        }
    }

    fn decode_chunk(&mut self, mut data: EvtxChunkData, number: u64, cut: bool) {
        let unsealed = data.header.flags.intersects(ChunkFlags::DIRTY | ChunkFlags::NO_CRC32);
        if !unsealed && !cut {
            if !data.validate_header_checksum() {
                let reason = "checksum of the chunk header".to_owned();
                self.ready.push_back(Err(RecordError::Checksum { chunk: number, reason }));
            } else if !data.validate_data_checksum() {
                let reason = "checksum of the records".to_owned();
                self.ready.push_back(Err(RecordError::Checksum { chunk: number, reason }));
            }
        }
        let (first, last) =
            (data.header.first_event_record_number, data.header.last_event_record_number);
        let before = self.ready.len();
        match data.parse(Arc::clone(&self.settings)) {
            Ok(mut chunk) => {
                for record in chunk.iter() {
                    let known_id = record.as_ref().ok().map(|record| record.event_record_id);
                    let decoded = record
                        .and_then(::evtx::EvtxRecord::into_json)
                        .map_err(|err| broken_record(number, known_id, &err))
                        .and_then(|record| decode_record(number, record));
                    self.ready.push_back(decoded);
                }
            }
            Err(err) => {
                self.ready.push_back(Err(broken_chunk(number, chain(&err))));
                return;
            }
        }
        let told = (self.ready.len() - before) as u64;
        let expected = last.wrapping_sub(first).wrapping_add(1);
        // A damaged chunk header may name any range; only one that fits a chunk is believed.
        if !cut && expected <= EVTX_CHUNK_RECORDS_MAX && expected > told {
            let count = expected - told;
            self.ready.push_back(Err(RecordError::Missing { chunk: number, expected, count }));
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            match self.chunks.next() {
                Some(chunk) => self.take_chunk(chunk),
                None => {
                    let cut = self.cut.take()?;
                    return Some(Err(RecordError::Truncated { missing_bytes: cut.missing_bytes }));
                }
            }
        }
    }
}

fn check_beginning(bytes: &[u8]) -> Result<(), DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() > EVTX_FILE_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len(), bytes_max: EVTX_FILE_BYTES_MAX });
    }
    let seen = bytes.len().min(MAGIC.len());
    if bytes.iter().zip(MAGIC).any(|(found, wanted)| found != wanted) {
        let found = format!("\"{}\"", bytes.get(..seen).unwrap_or_default().escape_ascii());
        return Err(DecodeError::NotEvtx { found, next_step: next_step_for(bytes) });
    }
    if bytes.len() < EVTX_HEADER_BYTES {
        return Err(DecodeError::HeaderTruncated { bytes: bytes.len(), needed: EVTX_HEADER_BYTES });
    }
    Ok(())
}

/// What a person can do with a file that is something else, by what it looks like.
fn next_step_for(bytes: &[u8]) -> &'static str {
    let after_mark = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"PK") || bytes.starts_with(b"\x1f\x8b") {
        "it is an archive, unpack it first"
    } else if bytes.get(4..8) == Some(b"LfLe") {
        "it is a log of Windows XP or 2003, convert it with `wevtutil epl OLD.evt NEW.evtx /lf:true`"
    } else if after_mark.starts_with(b"<") || bytes.starts_with(b"\xff\xfe") {
        "it is text, export the log as .evtx (`wevtutil epl LOG FILE.evtx`)"
    } else if bytes.iter().take(EVTX_HEADER_BYTES).all(|byte| *byte == 0) {
        "it holds only zeros, copy it again from its source"
    } else {
        "give a file that Windows Event Viewer or `wevtutil epl` saved as .evtx"
    }
}

fn decode_record(
    chunk: u64,
    record: ::evtx::SerializedEvtxRecord<String>,
) -> Result<Record, RecordError> {
    let record_id = Some(record.event_record_id);
    if record.data.len() > RECORD_TEXT_BYTES_MAX {
        let reason = format!(
            "its text has {} bytes, at most {RECORD_TEXT_BYTES_MAX} are taken",
            record.data.len()
        );
        return Err(RecordError::Record { chunk, record_id, reason });
    }
    let written_at = i64::try_from(record.timestamp.as_nanosecond())
        .map_or(Timestamp::default(), Timestamp::from_nanos);
    let decoded = windows::of_json(&record.data).map_err(|reason| RecordError::Record {
        chunk,
        record_id,
        reason,
    })?;
    Ok(Record {
        record_id: record.event_record_id,
        kind: decoded.kind,
        observed_at: decoded.observed_at.unwrap_or(written_at),
        source: decoded.source,
        fields: decoded.fields,
        raw: Some(record.data),
    })
}

fn broken_chunk(chunk: u64, reason: String) -> RecordError {
    let offset =
        (EVTX_CHUNK_BYTES as u64).saturating_mul(chunk).saturating_add(EVTX_HEADER_BYTES as u64);
    RecordError::Chunk { chunk, offset, reason }
}

fn broken_record(chunk: u64, known_id: Option<u64>, err: &::evtx::err::EvtxError) -> RecordError {
    let record_id = known_id.or(match err {
        ::evtx::err::EvtxError::FailedToParseRecord { record_id, .. } => Some(*record_id),
        _ => None,
    });
    RecordError::Record { chunk, record_id, reason: chain(err) }
}

/// An error with its causes on one line. The reader's own sentences carry capitals and full stops.
fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string().trim_end_matches('.').to_owned();
    let mut cause = err.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(inner.to_string().trim_end_matches('.'));
        cause = inner.source();
    }
    text
}

const MAGIC: &[u8] = b"ElfFile\0";
