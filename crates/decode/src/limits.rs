//! Limits on what a foreign file may ask of us.

/// Bytes of one EVTX file that is read as a whole. Windows' own default is 20 MiB per log, and exports
/// above this size are split by the tool that makes them.
pub const EVTX_FILE_BYTES_MAX: usize = 1 << 30;
/// Bytes of the header block before the first chunk of an EVTX file.
pub const EVTX_HEADER_BYTES: usize = 4_096;
/// Bytes of one chunk of an EVTX file.
pub const EVTX_CHUNK_BYTES: usize = 65_536;
/// Records that one chunk can hold: a record needs a header of 24 bytes and a copy of its size.
pub const EVTX_CHUNK_RECORDS_MAX: u64 = (EVTX_CHUNK_BYTES as u64 - 512) / 28;
/// Bytes of the text form of one record. Real ones have a few kilobytes, and 64 KiB of a chunk can
/// grow by this much only through nested templates.
pub const RECORD_TEXT_BYTES_MAX: usize = 1 << 20;
/// Bytes of one line of NDJSON. Those of real events have a few kilobytes; a field's text alone may have 256.
pub const LINE_BYTES_MAX: usize = 2 << 20;
/// Bytes of a field's name; longer ones are cut and the record says so.
pub const FIELD_NAME_BYTES_MAX: usize = 256;
/// Fields that an event may be given beside those of its record: other names of some of them, and the mark that
/// something was cut.
pub const FIELDS_ADDED_MAX: usize = 32;
/// Fields of a record; more are left out and the record says so.
pub const FIELDS_READ_MAX: usize = model::limits::FIELDS_MAX - FIELDS_ADDED_MAX;
/// Values of one field; more are left out and the record says so.
pub const FIELD_VALUES_MAX: usize = 1_024;
/// Bytes of a story.
pub const STORY_BYTES_MAX: usize = 4 << 20;
/// Events of a story, repetitions included.
pub const STORY_EVENTS_MAX: usize = 50_000;

const _: () = assert!(EVTX_HEADER_BYTES + EVTX_CHUNK_BYTES <= EVTX_FILE_BYTES_MAX);
const _: () = assert!(FIELD_NAME_BYTES_MAX < model::limits::FIELD_TEXT_BYTES_MAX);
const _: () = assert!(model::limits::FIELD_TEXT_BYTES_MAX < LINE_BYTES_MAX);
const _: () = assert!(EVTX_CHUNK_BYTES < RECORD_TEXT_BYTES_MAX);
