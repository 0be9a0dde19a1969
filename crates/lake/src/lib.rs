//! The lake: events as immutable Parquet files, an SQL catalog beside them, and read-only SQL over both.
//!
//! Invariant: knows nothing of permissions, rules or agents; it stores what it is given and answers.
//! Invariant: no type of DataFusion, Arrow or SQLite is in the public interface.
//! Invariant: `commit` has returned ⇒ its events, alerts and positions survive power loss, all of them.
//! Invariant: `commit` has failed ⇒ none of them is visible, now or after a restart; only a failed `COMMIT`
//! of the catalog itself leaves that open, and then the stored position tells.
//! Invariant: every sequence number between a stream's first and last position is one row or declared lost.
//!
//! # On disk
//!
//! ```text
//! <root>/lake.lock                                     held by the one writer
//! <root>/catalog.sqlite (-wal, -shm)                   WAL, synchronous=FULL
//! <root>/data/<table>/day=YYYY-MM-DD/GGGGGG-NNNNNNNN.parquet
//! ```
//!
//! One table per [`model::Family`] and the table `alert`. A file holds rows of one table and one UTC day of
//! `observed_at`, sorted by device and time; `day=mixed` holds the rest of a commit that names more days than
//! [`limits::DAYS_PER_COMMIT_MAX`]. Columns come from the field registry; each, nested ones too, carries its
//! field id, which is its `column_id` in the catalog. zstd level 3, Bloom filters where the registry says so,
//! statistics per page. `GGGGGG` counts the openings for writing and `NNNNNNNN` the files since: a name is
//! never used twice, so nobody's open file changes.
//!
//! # Catalog
//!
//! The tables are those of [DuckLake 1.0](https://ducklake.select), so that official DuckDB with its
//! `ducklake` extension reads the lake (attach it read-only: this crate alone writes). A *snapshot* is a
//! number; a file is visible in the snapshots from its `begin_snapshot` to before its `end_snapshot`, columns
//! and tables likewise. Rules that a foreign reader relies on:
//!
//! - `ducklake_file_column_stats` has a row only for columns whose bounds prune (`IndexKind::MinMax`); a
//!   missing row or a null bound means "not known" and never prunes. Bounds of long or odd text are null.
//! - `ducklake_table_column_stats` bounds only widen. A null bound stays null.
//! - Partition values are year, month and day of `observed_at`; a `day=mixed` file has none.
//! - Columns are added, never renamed, retyped or dropped. A file without a column reads as null there.
//!
//! Ours: `mimamori_ingest_stream` (position, stored and lost per stream), `mimamori_ingest_gap` (each declared
//! loss), `mimamori_checkpoint` (state of the writer that belongs to the positions), `mimamori_tally` (what the
//! writer counted of events, by day), `mimamori_lake` (the generation).
//!
//! # Writing
//!
//! 1. Check that events and declared losses add up to the advances, and that these continue the positions.
//! 2. Per file: write `<name>.parquet.tmp`, fsync it, rename it, fsync its folder.
//! 3. One transaction (`BEGIN IMMEDIATE`): compare-and-swap of each position, file rows, statistics, snapshot.
//!
//! A crash before the end of 3 leaves files that the catalog does not name; the next writer removes them when
//! it opens. A crash after it leaves everything. There is no state in between, and a repeated commit meets
//! the moved position and is refused with [`LakeError::AlreadyCommitted`]: at least once on the wire, exactly
//! once here.
//!
//! # Compaction
//!
//! Small files of a table and day are merged into a new one, beside running commits. Its transaction ends the
//! old files in the same snapshot in which the new one begins, and gives up when one of them is not live any
//! more. Ended files stay on disk for [`limits::GRACE_NS`]: readers of an older snapshot open them still.
//! Then their snapshots are forgotten, their rows move to `ducklake_files_scheduled_for_deletion`, the files
//! are deleted, and the schedule is cleared; a crash in between repeats the deletion.
//!
//! # Reading
//!
//! A query sees the newest snapshot at its start, in any process: `Access::Read` opens the same catalog. Files
//! are chosen by the bounds in the catalog, then by row group, page and Bloom filter. [`Strip`]s give the same
//! files column by column, for judging the past.

mod audit;
mod catalog;
mod commit;
mod compact;
mod disk;
mod error;
mod history;
mod lake;
mod layout;
pub mod limits;
mod parquet_file;
mod query;
mod rows;
mod store;
mod types;

pub use disk::{Disk, LocalDisk};
pub use error::{ErrorClass, LakeError};
pub use history::{NO_VALUE, Sought, Strip, StripColumn, StripTexts, nested_outside};
pub use lake::{Lake, Settings};
pub use types::{
    Access, Advance, Column, Commit, Committed, Compacted, LakeStatus, StreamCount, StreamPosition,
    Table, TableStatus, Tally, TallySum,
};
