//! Durable segment log. Stores opaque records in order and gives them back until they are acknowledged.
//!
//! Invariant: knows nothing of events, agents or networks.
//! Invariant: a record returned by [`Spool::read`] was complete and its checksum held.
//! Invariant: [`Spool::append`] has returned ⇒ the records survive power loss (data and directory synced).
//! Invariant: every sequence number from `first_seq` to `next_seq − 1` is given back, as a record or in a gap.
//! Invariant: a sequence number that was accepted is never given to another record.
//! Invariant: the state is file names, sequence numbers and checksums. There is no ledger beside them that
//! could disagree.
//! Invariant: what is not understood is set aside under another name, never deleted.
//!
//! # The files of a spool
//!
//! ```text
//! lock                             held (flock) by the one process that uses the spool; holds its number
//! ack                              the acknowledged position, append-only
//! 00000000000000000001.seg         segment; the name is its first sequence number, in decimal
//! 00000000000000002417.seg
//! 00000000000000000001.seg.aside-1 something that was not understood or not usable, kept for a person
//! ```
//!
//! ## A segment
//!
//! All numbers are little endian. Header, 40 bytes:
//!
//! ```text
//!  0        8         10        12                28          36       40
//!  ├────────┼─────────┼─────────┼─────────────────┼───────────┼────────┤
//!  │MMRSPOOL│ version │ zero    │ epoch           │ first seq │ crc32c │   crc over bytes 0..36
//! ```
//!
//! then records, without padding:
//!
//! ```text
//!  0        4          8          16         20           20 + len
//!  ├────────┼──────────┼──────────┼──────────┼────────────┤
//!  │ len    │ head crc │ seq      │ body crc │ bytes      │
//! ```
//!
//! *head crc* = crc32c(epoch, len, seq); *body crc* = crc32c(epoch, seq, bytes). The head has a checksum of
//! its own, so that a record that was cut short (head intact, file ends early) can be told from a damaged
//! one, and a damaged body can be stepped over. The epoch is part of both: blocks of another spool, or bytes
//! inside a record that somebody made to look like a record, do not pass.
//!
//! ## The acknowledged position
//!
//! `ack` has a header of the same shape (magic `MMRACKED`, first seq 0) and entries of 12 bytes:
//! `seq u64 | crc32c(epoch, seq) u32`. The largest valid entry wins. It is not synced: an older position only
//! means that records are read again. At start and beyond 64 KiB it is rewritten beside and renamed.
//!
//! # Writing
//!
//! One appender at a time is the leader: it takes everything that waits, writes it with one call at the end
//! of the newest segment, syncs once and answers everybody (group commit). A new segment is written as
//! `segment.new`, synced, renamed, and the directory synced before it takes a record. After a failed sync the file is never written or
//! synced again: a new segment begins at the first sequence number that was not confirmed, and takes the
//! group. Records of the failed file at or above the next file's name do not count.
//! A write that failed for lack of space is cut off again, and the caller is told [`SpoolError::Full`].
//!
//! # Recovery
//!
//! 1. The epoch is that of `ack`; when that is damaged, of the newest segment with a good header.
//! 2. Segments of another version or epoch are set aside.
//! 3. The newest segment is read through and synced: what a killed process had only written becomes durable
//!    before it is counted. What follows the last valid record is judged:
//!    * fewer bytes than a head, a valid head whose record is cut short, or only zeros: torn, never accepted;
//!      the number is free again;
//!    * anything else was perhaps accepted and damaged since: its numbers are used up and read as a gap.
//! 4. A new segment is begun. Old files are never appended to, so nothing in them can be overwritten.
//!
//! # Reading
//!
//! A damaged body is stepped over; after a damaged head the next valid head with a plausible number is
//! searched. Each missing stretch is one [`Item::Gap`]. Reading never blocks writing.

mod ack;
mod disk;
mod error;
mod format;
mod group;
pub mod limits;
mod read;
mod recover;
mod scan;
mod spool;
mod write;

pub use disk::{Directory, Disk, DiskFile, DiskLock};
pub use error::{ErrorClass, FullCause, SpoolError};
pub use read::{GapReason, Item};
pub use recover::Incident;
pub use spool::{Appended, Options, Spool, Usage};
