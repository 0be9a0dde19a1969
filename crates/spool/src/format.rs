//! The bytes of headers and records. Pure: slices in, values out. The crate documentation draws them.

/// Bytes of a file header.
pub(crate) const HEADER_BYTES: usize = 40;
/// Bytes of a record's head.
pub(crate) const HEAD_BYTES: usize = 20;
/// Bytes of an entry of the acknowledgement file.
pub(crate) const ACK_ENTRY_BYTES: usize = 12;

pub(crate) const SEGMENT_MAGIC: &[u8; 8] = b"MMRSPOOL";
pub(crate) const ACK_MAGIC: &[u8; 8] = b"MMRACKED";
const VERSION: u16 = 1;
const SEGMENT_SUFFIX: &str = ".seg";
const SEQ_DIGITS: usize = 20;

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// A header of this version.
    Known { epoch: u128, first_seq: u64 },
    /// A sound header of a version this program does not know.
    OtherVersion(u16),
    /// Not a header, or a damaged one.
    Damaged,
}

/// A record's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) len: usize,
    pub(crate) seq: u64,
    pub(crate) body_crc: u32,
    /// Whether the head's own checksum holds.
    pub(crate) sound: bool,
}

pub(crate) fn segment_name(first_seq: u64) -> String {
    format!("{first_seq:020}{SEGMENT_SUFFIX}")
}

/// The first sequence number of a segment's name; `None` for other files.
pub(crate) fn parse_segment_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SEGMENT_SUFFIX)?;
    if digits.len() != SEQ_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

pub(crate) fn write_header(magic: &[u8; 8], epoch: u128, first_seq: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0u8; HEADER_BYTES];
    bytes[..8].copy_from_slice(magic);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..28].copy_from_slice(&epoch.to_le_bytes());
    bytes[28..36].copy_from_slice(&first_seq.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..36]);
    bytes[36..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

pub(crate) fn parse_header(magic: &[u8; 8], bytes: &[u8]) -> Header {
    let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else { return Header::Damaged };
    if bytes[..8] != magic[..] || crc32c::crc32c(&bytes[..36]) != u32_at(bytes, 36) {
        return Header::Damaged;
    }
    let version = u16::from_le_bytes([bytes[8], bytes[9]]);
    if version != VERSION {
        return Header::OtherVersion(version);
    }
    let mut epoch = [0u8; 16];
    epoch.copy_from_slice(&bytes[12..28]);
    Header::Known { epoch: u128::from_le_bytes(epoch), first_seq: u64_at(bytes, 28) }
}

/// Appends a record to `out`. The caller has checked that the length fits a `u32`.
pub(crate) fn write_record(out: &mut Vec<u8>, epoch: u128, seq: u64, body: &[u8]) {
    let len = u32::try_from(body.len()).expect("invariant: append refused longer records");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&head_crc(epoch, len, seq).to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&body_crc(epoch, seq, body).to_le_bytes());
    out.extend_from_slice(body);
}

/// Reads a head; `None` when there are too few bytes.
pub(crate) fn parse_head(bytes: &[u8], epoch: u128) -> Option<Head> {
    let bytes = bytes.first_chunk::<HEAD_BYTES>()?;
    let (len, seq) = (u32_at(bytes, 0), u64_at(bytes, 8));
    let sound = head_crc(epoch, len, seq) == u32_at(bytes, 4);
    Some(Head { len: usize::try_from(len).ok()?, seq, body_crc: u32_at(bytes, 16), sound })
}

pub(crate) fn body_crc(epoch: u128, seq: u64, body: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&epoch.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(crc, &seq.to_le_bytes()), body)
}

pub(crate) fn write_ack(epoch: u128, seq: u64) -> [u8; ACK_ENTRY_BYTES] {
    let mut bytes = [0u8; ACK_ENTRY_BYTES];
    bytes[..8].copy_from_slice(&seq.to_le_bytes());
    bytes[8..].copy_from_slice(&body_crc(epoch, seq, b"ack").to_le_bytes());
    bytes
}

/// The largest valid position among the entries.
pub(crate) fn largest_ack(epoch: u128, entries: &[u8]) -> Option<u64> {
    let valid = |entry: &[u8]| {
        let seq = u64_at(entry, 0);
        (body_crc(epoch, seq, b"ack") == u32_at(entry, 8)).then_some(seq)
    };
    entries.chunks_exact(ACK_ENTRY_BYTES).filter_map(valid).max()
}

/// The sequence number that a head at this place would claim, unchecked.
pub(crate) fn claimed_seq(bytes: &[u8]) -> Option<u64> {
    (bytes.len() >= HEAD_BYTES).then(|| u64_at(bytes, 8))
}

fn head_crc(epoch: u128, len: u32, seq: u64) -> u32 {
    let mut bytes = [0u8; 28];
    bytes[..16].copy_from_slice(&epoch.to_le_bytes());
    bytes[16..20].copy_from_slice(&len.to_le_bytes());
    bytes[20..].copy_from_slice(&seq.to_le_bytes());
    crc32c::crc32c(&bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | (u64::from(u32_at(bytes, at + 4)) << 32)
}
