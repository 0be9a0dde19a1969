//! What can go wrong, who is to blame and what to do next.

use model::{AgentId, EpochId};
use std::path::{Path, PathBuf};

/// What the caller does with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Nothing changed; the same call may succeed later (disk full, catalog busy).
    Retry,
    /// The call itself is wrong; the same call fails again.
    Reject,
    /// The lake is damaged or not ours; a human is needed.
    Fatal,
}

/// An error of the lake. After any of them, the lake is as it was before the call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// Another process writes to this lake.
    #[error(
        "another process writes to the lake in {}; stop it, or name another data folder", root.display()
    )]
    InUse {
        /// The lake's folder.
        root: PathBuf,
    },
    /// There is no lake where a reader looked for one.
    #[error("there is no lake in {}; start the server once, or name its data folder", root.display())]
    NoLake {
        /// The folder.
        root: PathBuf,
    },
    /// The catalog was made by another, unknown version.
    #[error(
        "the catalog {} has format {found:?}, this version reads 1.0; use the version that wrote it",
        path.display()
    )]
    Format {
        /// The catalog file.
        path: PathBuf,
        /// What it says of itself.
        found: String,
    },
    /// A column of the registry has another type than in the stored lake.
    #[error(
        "column {table}.{column} is stored as {stored} and the field registry says {wanted}; give the new meaning a new column name"
    )]
    ColumnType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The stored type.
        stored: String,
        /// The type in the registry.
        wanted: String,
    },
    /// The field registry names a column twice within a table.
    #[error(
        "the field registry gives table {table} two columns named {column}; rename the new one"
    )]
    ColumnTwice {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A commit on a lake that was opened to read.
    #[error("the lake was opened to read; open it with write access to commit or compact")]
    ReadOnly,

    /// The batch, or its beginning, is in the lake already: nothing to do up to `through`.
    #[error(
        "stream {agent}/{epoch}: {first} is already committed, the lake holds everything through {through}; continue after it"
    )]
    AlreadyCommitted {
        /// Whose stream.
        agent: AgentId,
        /// Which life of the agent's spool.
        epoch: EpochId,
        /// Where the refused batch begins.
        first: u64,
        /// The stored position.
        through: u64,
    },
    /// The batch begins after the next expected sequence number.
    #[error(
        "stream {agent}/{epoch}: expected {expected}, the batch begins at {first}; send what is between"
    )]
    Hole {
        /// Whose stream.
        agent: AgentId,
        /// Which life of the agent's spool.
        epoch: EpochId,
        /// Where the refused batch begins.
        first: u64,
        /// The next sequence number the lake takes.
        expected: u64,
    },
    /// Events and declared losses do not add up to the advance, or a limit is exceeded.
    #[error("the commit is malformed: {reason}")]
    Malformed {
        /// What does not add up.
        reason: String,
    },

    /// The statement is not a single read-only one, or the query exceeds a limit of its form.
    #[error("refused: {reason}")]
    Refused {
        /// Why, and what is allowed.
        reason: String,
    },
    /// The SQL names a table that does not exist.
    #[error("there is no table {name:?}; {suggestion}")]
    UnknownTable {
        /// The name.
        name: String,
        /// The nearest names.
        suggestion: String,
    },
    /// The SQL names a column that does not exist.
    #[error("there is no column {name:?}; {suggestion}")]
    UnknownColumn {
        /// The name.
        name: String,
        /// The nearest names.
        suggestion: String,
    },
    /// The SQL is wrong in another way.
    #[error("the query is not valid: {reason}")]
    Sql {
        /// The parser's or planner's words.
        reason: String,
    },
    /// The query needed more memory or time than a query may use.
    #[error("the query was stopped: {reason}; narrow the time range or aggregate less")]
    TooExpensive {
        /// Which limit.
        reason: String,
    },

    /// The disk is full. Nothing of the call is in the lake.
    #[error("the disk is full while writing {}; free space or move the data folder, then it goes on", path.display())]
    DiskFull {
        /// What could not be written.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The catalog is used by somebody else at this moment.
    #[error("the catalog {} is busy; the call may be repeated", path.display())]
    Busy {
        /// The catalog file.
        path: PathBuf,
    },
    /// A stored file or the catalog is damaged, or somebody else changed it.
    #[error("{} is damaged: {reason}; restore it from a backup", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The catalog's database failed.
    #[error("could not use the catalog {}", path.display())]
    Catalog {
        /// The catalog file.
        path: PathBuf,
        /// The database's reason.
        source: sqlx::Error,
    },
    /// The engine failed in a way that is a fault of ours.
    #[error("the lake's engine failed: {reason}; please report it")]
    Engine {
        /// The engine's words.
        reason: String,
    },
}

impl LakeError {
    /// What the caller does with it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InUse { .. }
            | Self::DiskFull { .. }
            | Self::Io { .. }
            | Self::Busy { .. }
            | Self::TooExpensive { .. } => ErrorClass::Retry,
            Self::ReadOnly
            | Self::AlreadyCommitted { .. }
            | Self::Hole { .. }
            | Self::Malformed { .. }
            | Self::Refused { .. }
            | Self::UnknownTable { .. }
            | Self::UnknownColumn { .. }
            | Self::Sql { .. } => ErrorClass::Reject,
            Self::NoLake { .. }
            | Self::Format { .. }
            | Self::ColumnType { .. }
            | Self::ColumnTwice { .. }
            | Self::Corrupt { .. }
            | Self::Catalog { .. }
            | Self::Engine { .. } => ErrorClass::Fatal,
        }
    }

    /// Of a failed file operation; a full disk or quota is told apart.
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_owned() }
            }
            _ => Self::Io { action, path: path.to_owned(), source },
        }
    }

    /// Of a failed catalog statement; SQLite's primary result codes tell the usual cases apart.
    pub(crate) fn catalog(path: &Path, source: sqlx::Error) -> Self {
        let code = source
            .as_database_error()
            .and_then(|err| err.code())
            .and_then(|code| code.parse::<u32>().ok())
            .map(|extended| extended & 0xff);
        let path = path.to_owned();
        match code {
            Some(SQLITE_FULL) => Self::DiskFull { path },
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Busy { path },
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => {
                Self::Corrupt { path, reason: source.to_string() }
            }
            _ => Self::Catalog { path, source },
        }
    }
}

const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_FULL: u32 = 13;
const SQLITE_NOTADB: u32 = 26;
