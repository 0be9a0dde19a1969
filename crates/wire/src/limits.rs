//! Limits on everything that comes over the wire, and how they relate.

use model::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, RECORD_BYTES_MAX};

/// Gaps of a batch.
pub const BATCH_GAPS_MAX: usize = 1_024;
/// Bytes that framing adds to one record or gap of a batch.
const FRAME_BYTES_MAX: usize = 32;
/// Bytes of a batch before compression, framing included.
pub const BATCH_MESSAGE_BYTES_MAX: usize =
    BATCH_BYTES_MAX + (BATCH_RECORDS_MAX + BATCH_GAPS_MAX) * FRAME_BYTES_MAX + 128;
/// Bytes of a batch on the wire: content that does not compress grows a little.
pub const BATCH_WIRE_BYTES_MAX: usize =
    BATCH_MESSAGE_BYTES_MAX + BATCH_MESSAGE_BYTES_MAX / 128 + 512;
/// Values, nested ones included, of one observation.
pub const OBSERVATION_NODES_MAX: usize = 16_384;
/// Bytes of a field's name.
pub const NAME_BYTES_MAX: usize = 1_024;
/// Bytes of an enrolment request or reply.
pub const ENROL_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a certificate request or certificate.
pub const PEM_BYTES_MAX: usize = 24 * 1024;
/// Bytes of a short text: token, host name, name of the operating system.
pub const SHORT_TEXT_BYTES_MAX: usize = 512;
/// Bytes of a stream reply.
pub const STREAM_REPLY_BYTES_MAX: usize = 256;
/// Nesting of protobuf messages that is walked: a value nests in three messages per level.
pub const MESSAGE_DEPTH_MAX: usize = model::limits::VALUE_DEPTH_MAX * 3 + 4;
/// Bytes of a received batch with who sent it, as kept in the server's inbox.
pub const RECEIVED_BYTES_MAX: usize = BATCH_WIRE_BYTES_MAX + 256;

const _: () = assert!(RECORD_BYTES_MAX <= BATCH_BYTES_MAX);
const _: () = assert!(PEM_BYTES_MAX * 2 + SHORT_TEXT_BYTES_MAX * 4 <= ENROL_BYTES_MAX);
/// `prost` gives up beyond a hundred levels; our own limit must come first.
const _: () = assert!(MESSAGE_DEPTH_MAX < 100);
