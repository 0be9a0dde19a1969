//! Limits of the agent on itself, and how they relate.

use model::limits::{BATCH_BYTES_MAX, RECORD_BYTES_MAX};

/// Bytes of the spool unless told otherwise; on small disks less, see [`QUOTA_PERCENT`].
pub const QUOTA_BYTES_MAX: u64 = 2 << 30;
/// Bytes of the spool at least.
pub const QUOTA_BYTES_MIN: u64 = 16 << 20;
/// Percent of the disk that the spool may take, between the two limits above.
pub const QUOTA_PERCENT: u64 = 2;
/// From this share of the quota on, file changes are given up, in percent.
pub const SHED_FILE_PERCENT: u64 = 85;
/// From this share of the quota on, connections are given up too, in percent.
pub const SHED_NETWORK_PERCENT: u64 = 95;
/// Entries of one group that is made durable together.
pub const GROUP_ENTRIES_MAX: usize = 4_096;
/// Bytes of the records of one group.
pub const GROUP_BYTES_MAX: usize = 4 << 20;
/// Longest wait for an observation, in milliseconds: what happens is durable soon after.
pub const OBSERVE_WAIT_MS: u64 = 100;
/// Between two reports of the counters, in milliseconds.
pub const COUNTERS_EVERY_MS: u64 = 5_000;
/// Between two writings of the status file, in milliseconds.
pub const STATUS_EVERY_MS: u64 = 1_000;
/// How long a small batch waits for more, in milliseconds.
pub const LINGER_MS: u64 = 100;
/// Between two questions how far the server has committed, in milliseconds.
pub const POLL_COMMITTED_MS: u64 = 2_000;
/// Shortest wait after a failure, in milliseconds.
pub const BACKOFF_MS_MIN: u64 = 1_000;
/// Longest wait after a failure, in milliseconds.
pub const BACKOFF_MS_MAX: u64 = 60_000;
/// Between two looks whether the certificate is to be renewed, in milliseconds.
pub const RENEWAL_CHECK_MS: u64 = 60 * 60 * 1_000;
/// For one request to the server, in milliseconds.
pub const REQUEST_MS_MAX: u64 = 30_000;
/// For what can still be sent when the agent is asked to stop, in milliseconds.
pub const STOP_MS_MAX: u64 = 5_000;
/// Bytes of an answer of the server.
pub const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of a small file of our own (identity, certificates).
pub const SMALL_FILE_BYTES_MAX: u64 = 64 * 1024;
/// Between two looks at the inventory's sources, in milliseconds.
pub const INVENTORY_EVERY_MS: u64 = 15_000;
/// A source is read at least this often, whether it seems to have changed or not, in milliseconds.
pub const INVENTORY_READ_EVERY_MS: u64 = 60 * 60 * 1_000;
/// A source is summed up at least this often, in milliseconds.
pub const INVENTORY_SAID_EVERY_MS: u64 = 55 * 60 * 1_000;
/// A source is told in full this often, in milliseconds.
pub const INVENTORY_FULL_EVERY_MS: u64 = 6 * 60 * 60 * 1_000;
/// What packages own is read again at most this often, in milliseconds.
pub const PACKAGED_AGAIN_MS_MIN: u64 = 1_000;
/// Bytes of one file of what was told of the inventory.
pub const LEDGER_BYTES_MAX: u64 = 256 << 20;
/// Bytes of one line of the programs' journal.
pub const PROGRAM_LINE_BYTES_MAX: u64 = 512 * 1024;

/// A change reaches the server within a minute, with room for reading and sending.
const _: () = assert!(INVENTORY_EVERY_MS <= 30_000);
const _: () = assert!(INVENTORY_SAID_EVERY_MS < 60 * 60 * 1_000);
const _: () = assert!(RECORD_BYTES_MAX <= GROUP_BYTES_MAX && BATCH_BYTES_MAX <= GROUP_BYTES_MAX);
const _: () = assert!(GROUP_BYTES_MAX <= spool::limits::APPEND_BYTES_MAX);
const _: () = assert!(SHED_FILE_PERCENT < SHED_NETWORK_PERCENT && SHED_NETWORK_PERCENT < 100);
const _: () = assert!(QUOTA_BYTES_MIN < QUOTA_BYTES_MAX);
