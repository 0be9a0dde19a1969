//! The values that go into the lake and come out of it.

use model::{AgentId, Alert, EpochId, Event, LostReason, Timestamp, Value};

/// How a lake is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The one writer; takes the lock, creates the lake when there is none.
    Write,
    /// A reader beside the writer; sees each commit as soon as it is there.
    Read,
}

/// Everything that becomes visible at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Commit {
    /// Events; each lies in one of the advances.
    pub events: Vec<Event>,
    /// Alerts on these events.
    pub alerts: Vec<Alert>,
    /// How far each stream gets. Several advances of one stream follow each other.
    pub advances: Vec<Advance>,
    /// The server's time.
    pub committed_at: Timestamp,
    /// State that the writer derived from all events up to these positions ([`crate::Lake::checkpoint`]);
    /// `None` leaves the stored one.
    pub checkpoint: Option<Vec<u8>>,
    /// What the writer counted of these events; added to the sums of the day of `committed_at`, in the same
    /// transaction that moves the streams on.
    pub tallies: Vec<Tally>,
}

/// A count of events of one stream, kept under a name in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Whose stream; one of the commit's advances.
    pub agent: AgentId,
    /// Which life of the agent's spool.
    pub epoch: EpochId,
    /// What is counted.
    pub name: String,
    /// A part of it.
    pub part: String,
    /// How many more.
    pub count: u64,
}

/// The sum of what was counted under a name in one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallySum {
    /// What was counted.
    pub name: String,
    /// A part of it.
    pub part: String,
    /// Over all time.
    pub total: u64,
    /// From the day on that was asked for.
    pub since: u64,
    /// When the newest was committed.
    pub last_at: Timestamp,
}

/// One stream continues: exactly at its stored position, or it begins.
///
/// `last − first + 1` is the number of the commit's events in the interval plus what `lost` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// Whose stream.
    pub agent: AgentId,
    /// Which life of the agent's spool.
    pub epoch: EpochId,
    /// First sequence number.
    pub first: u64,
    /// Last sequence number.
    pub last: u64,
    /// Sequence numbers in between that will never come: first, last and why. Disjoint and ascending.
    pub lost: Vec<(u64, u64, LostReason)>,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The catalog's snapshot that shows it.
    pub snapshot: i64,
    /// Events stored.
    pub events: usize,
    /// Alerts stored.
    pub alerts: usize,
    /// Parquet files written.
    pub files: usize,
    /// Their size in bytes.
    pub bytes: u64,
}

/// How far a stream is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPosition {
    /// Whose stream.
    pub agent: AgentId,
    /// Which life of the agent's spool.
    pub epoch: EpochId,
    /// First sequence number ever committed.
    pub first_seq: u64,
    /// Last sequence number committed.
    pub last_seq: u64,
    /// Events stored.
    pub stored: u64,
    /// Sequence numbers declared lost.
    pub lost: u64,
}

/// What the Parquet files really hold of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamCount {
    /// Whose stream.
    pub agent: AgentId,
    /// Which life of the agent's spool.
    pub epoch: EpochId,
    /// Rows, over all event tables.
    pub stored: u64,
    /// How many of them repeat a sequence number; always 0 in a healthy lake.
    pub duplicates: u64,
    /// Smallest sequence number.
    pub first_seq: u64,
    /// Largest sequence number.
    pub last_seq: u64,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Rows; each has one value per column. Timestamps are RFC 3339 text.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than the caller wanted or an answer may hold.
    pub truncated: bool,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The engine's name of its type (`Utf8View`, `Int64`), for people.
    pub type_name: String,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Files that were replaced.
    pub files_merged: usize,
    /// Files that replace them.
    pub files_written: usize,
    /// Rows in them.
    pub rows: u64,
    /// Replaced files whose grace period was over and that were deleted.
    pub files_deleted: usize,
}

/// The state of the lake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LakeStatus {
    /// The newest snapshot.
    pub snapshot: i64,
    /// Per table, in the order of the catalog.
    pub tables: Vec<TableStatus>,
}

impl LakeStatus {
    /// The newest time of observation over all tables.
    #[must_use]
    pub fn observed_at_newest(&self) -> Option<Timestamp> {
        self.tables.iter().filter_map(|table| table.observed_at_newest).max()
    }
}

/// The state of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    /// The table.
    pub table: String,
    /// Live files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
    /// The newest time of observation, to the microsecond.
    pub observed_at_newest: Option<Timestamp>,
}
