//! A stretch of an agent's stream, complete: each number is a record or lies in a gap.

use crate::{
    error::{WireError, check_size},
    limits::{BATCH_GAPS_MAX, BATCH_MESSAGE_BYTES_MAX, BATCH_WIRE_BYTES_MAX},
    path::StreamPath,
    shape::{self, LEAF, Shape},
};
use model::{
    EpochId, LostReason,
    limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, RECORD_BYTES_MAX},
};
use prost::Message as _;

/// Numbers without a record, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeqGap {
    /// The first missing number.
    pub first: u64,
    /// The last missing number.
    pub last: u64,
    /// Why it is missing. A reason of a newer version is read as [`LostReason::Corrupt`].
    pub reason: LostReason,
}

/// A stretch of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Which life of the agent's spool.
    pub epoch: EpochId,
    /// The first number covered.
    pub first: u64,
    /// The last number covered.
    pub last: u64,
    /// Records with their numbers, ascending.
    pub records: Vec<(u64, Vec<u8>)>,
    /// Gaps between them, ascending.
    pub gaps: Vec<SeqGap>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct BatchMessage {
    #[prost(bytes = "vec", tag = "1")]
    epoch: Vec<u8>,
    #[prost(uint64, tag = "2")]
    first: u64,
    #[prost(uint64, tag = "3")]
    last: u64,
    #[prost(message, repeated, tag = "4")]
    records: Vec<RecordMessage>,
    #[prost(message, repeated, tag = "5")]
    gaps: Vec<GapMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RecordMessage {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(bytes = "vec", tag = "2")]
    bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GapMessage {
    #[prost(uint64, tag = "1")]
    first: u64,
    #[prost(uint64, tag = "2")]
    last: u64,
    #[prost(string, tag = "3")]
    reason: String,
}

static BATCH: Shape = Shape { messages: &[(4, &LEAF), (5, &LEAF)] };
/// Records and gaps with their two or three fields each, and the batch's own.
const NODES_MAX: usize = BATCH_RECORDS_MAX * 3 + BATCH_GAPS_MAX * 4 + 3;
const COMPRESSION_LEVEL: i32 = 3;

impl Batch {
    /// The range as in the path of the request.
    #[must_use]
    pub const fn path(&self) -> StreamPath {
        StreamPath { epoch: self.epoch, first: self.first, last: self.last }
    }

    /// The batch as the body of a request.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] and [`WireError::NotContiguous`]: the batch was put together wrongly.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        self.check()?;
        let record =
            |(seq, bytes): &(u64, Vec<u8>)| RecordMessage { seq: *seq, bytes: bytes.clone() };
        let gap = |gap: &SeqGap| GapMessage {
            first: gap.first,
            last: gap.last,
            reason: gap.reason.name().to_owned(),
        };
        let message = BatchMessage {
            epoch: self.epoch.bits().to_be_bytes().to_vec(),
            first: self.first,
            last: self.last,
            records: self.records.iter().map(record).collect(),
            gaps: self.gaps.iter().map(gap).collect(),
        };
        zstd::bulk::compress(&message.encode_to_vec(), COMPRESSION_LEVEL).map_err(|err| {
            WireError::Compression { bytes_max: BATCH_WIRE_BYTES_MAX, why: err.to_string() }
        })
    }

    /// The batch of a request's body.
    ///
    /// # Errors
    /// Any [`WireError`] but `UnknownKind`: the records' bytes are not looked at.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        check_size("compressed batch", body.len(), BATCH_WIRE_BYTES_MAX)?;
        let bytes = zstd::bulk::decompress(body, BATCH_MESSAGE_BYTES_MAX).map_err(|err| {
            WireError::Compression { bytes_max: BATCH_MESSAGE_BYTES_MAX, why: err.to_string() }
        })?;
        shape::check("batch", &bytes, &BATCH, NODES_MAX)?;
        let message = BatchMessage::decode(bytes.as_slice())
            .map_err(|err| WireError::malformed("batch", err))?;
        let epoch = <[u8; 16]>::try_from(message.epoch.as_slice())
            .map_err(|_| WireError::malformed("batch", "the epoch is not 16 bytes"))?;
        let gap = |gap: GapMessage| SeqGap {
            first: gap.first,
            last: gap.last,
            reason: LostReason::of_name(&gap.reason).unwrap_or(LostReason::Corrupt),
        };
        let batch = Self {
            epoch: EpochId::from_bits(u128::from_be_bytes(epoch)),
            first: message.first,
            last: message.last,
            records: message.records.into_iter().map(|rec| (rec.seq, rec.bytes)).collect(),
            gaps: message.gaps.into_iter().map(gap).collect(),
        };
        batch.check()?;
        Ok(batch)
    }

    /// As [`Self::decode`], and the range must be the one of the request's path.
    ///
    /// # Errors
    /// As [`Self::decode`], and [`WireError::OtherRange`].
    pub fn decode_for(path: &StreamPath, body: &[u8]) -> Result<Self, WireError> {
        let batch = Self::decode(body)?;
        if batch.path() != *path {
            let (body, path) = (batch.path().to_string(), path.to_string());
            return Err(WireError::OtherRange { body, path });
        }
        Ok(batch)
    }

    /// Leaves out everything below `seq`, which the receiver has already. `seq` must not be above `last`.
    #[must_use]
    pub fn trim_before(mut self, seq: u64) -> Self {
        self.records.retain(|(known, _)| *known >= seq);
        self.gaps.retain(|gap| gap.last >= seq);
        for gap in &mut self.gaps {
            gap.first = gap.first.max(seq);
        }
        self.first = self.first.max(seq);
        self
    }

    /// A checksum over what the batch says, to tell a repetition from different content.
    #[must_use]
    pub fn digest(&self) -> u32 {
        let mut crc = crc32c::crc32c(&self.epoch.bits().to_le_bytes());
        for (seq, bytes) in &self.records {
            crc = crc32c::crc32c_append(crc, &seq.to_le_bytes());
            crc = crc32c::crc32c_append(crc, &(bytes.len() as u64).to_le_bytes());
            crc = crc32c::crc32c_append(crc, bytes);
        }
        for gap in &self.gaps {
            crc = crc32c::crc32c_append(crc, &gap.first.to_le_bytes());
            crc = crc32c::crc32c_append(crc, &gap.last.to_le_bytes());
        }
        crc
    }

    /// Limits, and that each number of the range is there exactly once, in order.
    fn check(&self) -> Result<(), WireError> {
        check_size("number of records of a batch", self.records.len(), BATCH_RECORDS_MAX)?;
        check_size("number of gaps of a batch", self.gaps.len(), BATCH_GAPS_MAX)?;
        let bytes = self.records.iter().map(|(_, bytes)| bytes.len()).sum();
        check_size("batch", bytes, BATCH_BYTES_MAX)?;
        for (_, bytes) in &self.records {
            check_size("record", bytes.len(), RECORD_BYTES_MAX)?;
        }
        let broken = |at| WireError::NotContiguous { first: self.first, last: self.last, at };
        if self.first == 0 || self.last < self.first || self.last == u64::MAX {
            return Err(broken(self.first));
        }
        let mut next = self.first;
        let mut gaps = self.gaps.iter().peekable();
        let mut records = self.records.iter().peekable();
        while next <= self.last {
            if let Some(gap) = gaps.next_if(|gap| gap.first == next) {
                if gap.last < gap.first || gap.last > self.last {
                    return Err(broken(gap.first));
                }
                next = gap.last + 1;
            } else if records.next_if(|(seq, _)| *seq == next).is_some() {
                next += 1;
            } else {
                return Err(broken(next));
            }
        }
        match (gaps.next(), records.next()) {
            (None, None) => Ok(()),
            (Some(gap), _) => Err(broken(gap.first)),
            (_, Some((seq, _))) => Err(broken(*seq)),
        }
    }
}
