//! Limits on what the lake accepts, keeps in memory and gives back, and how they relate.

/// Events of one commit. A commit is held in memory as Arrow arrays while its files are written.
pub const COMMIT_EVENTS_MAX: usize = 262_144;
/// Alerts of one commit.
pub const COMMIT_ALERTS_MAX: usize = 65_536;
/// Files that one commit writes for one table, one per day. A device with a broken (or hostile) clock can
/// name any number of days in one batch: what exceeds the limit shares one file without a day.
pub const DAYS_PER_COMMIT_MAX: usize = 16;
/// Bytes of a smallest or largest value in the catalog; a longer one is "not known", which never prunes.
pub const STATISTIC_BYTES_MAX: usize = 128;

/// Rows of one Parquet row group.
pub const ROW_GROUP_ROWS_MAX: usize = 131_072;
/// A file below this size and [`SMALL_FILE_ROWS_MAX`] is a candidate for compaction.
pub const SMALL_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// See [`SMALL_FILE_BYTES_MAX`].
pub const SMALL_FILE_ROWS_MAX: u64 = 262_144;
/// Rows that one merge holds in memory.
pub const MERGE_ROWS_MAX: u64 = 524_288;
/// Bytes of files that one merge reads.
pub const MERGE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Files that one merge reads.
pub const MERGE_FILES_MAX: usize = 1_024;
/// Files of a table and day that are left alone while the day goes on: merging two files again and again
/// would rewrite the day once per commit.
pub const MERGE_FILES_MIN: usize = 4;
/// A replaced file stays on disk this long, in nanoseconds: readers of an older snapshot still open it.
pub const GRACE_NS: i64 = 3_600 * 1_000_000_000;

/// Bytes of a query's text.
pub const QUERY_BYTES_MAX: usize = 64 * 1024;
/// Parameters of a query.
pub const QUERY_PARAMETERS_MAX: usize = 256;
/// Rows of an answer, whatever the caller asks for.
pub const QUERY_ROWS_MAX: usize = 1_000_000;
/// Bytes of an answer as Arrow arrays; a larger answer is truncated and says so.
pub const QUERY_ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes that the operators of all running queries may hold (sorts, joins, groups).
pub const QUERY_MEMORY_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Seconds that a query may take.
pub const QUERY_SECONDS_MAX: u64 = 120;

const _: () = assert!(COMMIT_EVENTS_MAX >= model::limits::BATCH_RECORDS_MAX);
const _: () = assert!(SMALL_FILE_ROWS_MAX * 2 <= MERGE_ROWS_MAX);
const _: () = assert!(SMALL_FILE_BYTES_MAX * 2 <= MERGE_BYTES_MAX);
const _: () = assert!(QUERY_ANSWER_BYTES_MAX < QUERY_MEMORY_BYTES_MAX);
const _: () = assert!(GRACE_NS > 10 * QUERY_SECONDS_MAX as i64 * 1_000_000_000);
