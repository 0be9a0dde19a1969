//! Limits, and how they relate.

/// Bytes of a segment before the next one is begun; a single large append may exceed it.
pub const SEGMENT_BYTES_DEFAULT: u64 = 16 << 20;
/// Bytes of a segment at least, however small the quota.
pub const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// Segments that a full spool consists of at least.
pub const SEGMENTS_MIN: u64 = 8;
/// The largest record a spool may be configured for, in bytes.
pub const RECORD_BYTES_MAX: usize = 4 << 20;
/// Bytes of one call of `append`, framing not counted.
pub const APPEND_BYTES_MAX: usize = 8 << 20;
/// Bytes that one group commit takes, unless a single append is larger.
pub const GROUP_BYTES_MAX: usize = 4 << 20;
/// Bytes that one call of `read` returns at most, unless a single record is larger.
pub const READ_BYTES_MAX: usize = 16 << 20;
/// Bytes of the acknowledgement file before it is rewritten.
pub const ACK_FILE_BYTES_MAX: u64 = 64 << 10;
/// Incidents kept for [`crate::Spool::incidents`]; older ones beyond are only counted.
pub const INCIDENTS_MAX: usize = 256;
/// Files whose handles are kept open for reading.
pub const OPEN_FILES_MAX: usize = 8;

const _: () = assert!(RECORD_BYTES_MAX <= APPEND_BYTES_MAX);
const _: () = assert!(APPEND_BYTES_MAX as u64 <= SEGMENT_BYTES_DEFAULT);
const _: () = assert!(GROUP_BYTES_MAX <= APPEND_BYTES_MAX);
