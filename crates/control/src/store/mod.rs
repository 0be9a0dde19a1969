//! The SQL store: an SQLite file or a PostgreSQL database, spoken to with one SQL text.
//!
//! Knows how either is opened, how a writing transaction begins, and the migrations; refuses to know what the
//! tables mean. The SQL texts of this crate use `$1` parameters, TEXT, BIGINT and DOUBLE PRECISION, and nothing
//! that one of the two would not take; what is one dialect's alone stays in this module.
//!
//! Invariant: a returned commit survives power loss.
//! Invariant: at most one [`Writing`] exists at a time over all processes, so what it reads stays true until it
//! commits. Readers are never held up by it.
//! Invariant: after an error within a [`Writing`] the whole of it is given up: PostgreSQL takes nothing more.

mod address;

pub use address::StoreAddress;

use crate::ControlError;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyConnection, AnyPool, Connection as _, Row as _, Transaction};
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Connections for reading: `fetch_*(self.store.pool())`.
pub(crate) type Pool = AnyPool;

/// A row of either database: `row.try_get::<String, _>(0)`.
pub(crate) type Row = AnyRow;

/// A transaction that writes; only [`Store::write`] makes one. Statements run on `&mut *writing`. Dropped
/// without [`Writing::commit`], it changes nothing.
#[derive(Debug)]
pub(crate) struct Writing(Transaction<'static, Any>);

impl Writing {
    /// Makes everything durable, all at once.
    pub(crate) async fn commit(self) -> Result<(), ControlError> {
        Ok(self.0.commit().await?)
    }
}

impl Deref for Writing {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.0
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}

/// The state of people, sessions, devices and the audit chain.
#[derive(Debug)]
pub(crate) struct Store {
    pool: Pool,
    dialect: Dialect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

impl Store {
    /// Connects, makes what is missing (a file readable by its owner only, the tables), and brings the tables
    /// to this program's version.
    pub(crate) async fn open(address: &StoreAddress) -> Result<Self, ControlError> {
        let (dialect, connections_max) = match address {
            StoreAddress::File(path) => {
                create_private(path)?;
                (Dialect::Sqlite, SQLITE_CONNECTIONS_MAX)
            }
            StoreAddress::Postgres(_) => (Dialect::Postgres, POSTGRES_CONNECTIONS_MAX),
        };
        sqlx::any::install_default_drivers();
        let url = address.url()?;
        // The pool tries again for long when nobody answers; a wrong address is said at once.
        AnyConnection::connect(&url).await?.close().await?;
        let pool = AnyPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(CONNECTION_WAIT)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    sqlx::raw_sql(dialect.session_sql()).execute(connection).await.map(drop)
                })
            })
            .connect(&url)
            .await?;
        let store = Self { pool, dialect };
        store.migrate(address).await?;
        Ok(store)
    }

    /// For reading.
    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Begins a transaction that writes. It takes the one write lock at once, so that what it reads stays
    /// true until it commits, also against another process.
    pub(crate) async fn write(&self) -> Result<Writing, ControlError> {
        match self.dialect {
            Dialect::Sqlite => Ok(Writing(self.pool.begin_with("BEGIN IMMEDIATE").await?)),
            Dialect::Postgres => {
                // Each statement then sees all that was committed before the lock was had.
                let mut writing = self.pool.begin_with(POSTGRES_BEGIN).await?;
                sqlx::query(POSTGRES_LOCK).execute(&mut *writing).await?;
                Ok(Writing(writing))
            }
        }
    }

    /// Begins a transaction whose reads all show the same instant.
    pub(crate) async fn read(&self) -> Result<Transaction<'static, Any>, ControlError> {
        Ok(self.pool.begin_with(self.dialect.snapshot_sql()).await?)
    }

    async fn migrate(&self, address: &StoreAddress) -> Result<(), ControlError> {
        let mut writing = match self.dialect {
            Dialect::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => {
                let mut writing = self.pool.begin_with(POSTGRES_BEGIN).await?;
                // There is no table to lock yet.
                sqlx::query("SELECT pg_advisory_xact_lock($1)")
                    .bind(POSTGRES_MIGRATION_LOCK)
                    .execute(&mut *writing)
                    .await?;
                writing
            }
        };
        sqlx::query("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")
            .execute(&mut *writing)
            .await?;
        let rows =
            sqlx::query("SELECT version FROM schema_version").fetch_all(&mut *writing).await?;
        let done: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let found = done.iter().copied().max().unwrap_or(0);
        let known = MIGRATIONS.last().map_or(0, |(version, _)| *version);
        if found > known {
            let path = address.to_string().into();
            return Err(ControlError::TooNew { path, found, known });
        }
        for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| !done.contains(version)) {
            sqlx::raw_sql(*sql).execute(&mut *writing).await?;
            sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
                .bind(version)
                .execute(&mut *writing)
                .await?;
        }
        writing.commit().await?;
        Ok(())
    }
}

impl Dialect {
    /// What every connection is told first.
    const fn session_sql(self) -> &'static str {
        match self {
            Self::Sqlite => {
                // The first inventory of fifty devices touches 40 MB of the index of a large company. With the 2 MB of
                // memory that are usual its pages would be written many times over in one transaction.
                "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8192"
            }
            // `on` also where the server's administrator chose to lose the last moments.
            Self::Postgres => {
                "SET synchronous_commit = on; SET lock_timeout = '10s'; SET client_min_messages = warning"
            }
        }
    }

    const fn snapshot_sql(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// Text as both databases keep it: PostgreSQL has no place for U+0000. For text from endpoints and users that
/// was not refused for its control characters.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether places of values are better written as `?`. To SQLite `$7` is a name: it is compared with every name before
/// it, when the statement is prepared and when a value is bound, so that a statement of six thousand values takes tens
/// of millions of steps. PostgreSQL knows numbers only.
pub(crate) fn is_nameless(connection: &AnyConnection) -> bool {
    connection.backend_name() == <sqlx::Sqlite as sqlx::Database>::NAME
}

/// SQLite gives the files beside the database (`-wal`, `-shm`) the permissions of the database itself.
fn create_private(path: &Path) -> Result<(), ControlError> {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|source| ControlError::Io { action: "create", path: path.to_owned(), source })
}

/// Forward only: an entry never changes once it was released. A statement per line of thought, in the SQL that
/// both databases take.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/0001_first.sql")),
    (2, include_str!("../../migrations/0002_renewal.sql")),
    (3, include_str!("../../migrations/0003_people.sql")),
    (4, include_str!("../../migrations/0004_requests.sql")),
    (5, include_str!("../../migrations/0005_findings.sql")),
    (6, include_str!("../../migrations/0006_rules.sql")),
    (7, include_str!("../../migrations/0007_rule_exclusions.sql")),
    (8, include_str!("../../migrations/0008_detections.sql")),
    (9, include_str!("../../migrations/0009_context.sql")),
    (10, include_str!("../../migrations/0010_detection_retention.sql")),
];
const SQLITE_CONNECTIONS_MAX: u32 = 4;
const POSTGRES_CONNECTIONS_MAX: u32 = 8;
const CONNECTION_WAIT: Duration = Duration::from_secs(30);
const POSTGRES_BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Keeps other writers and migrations out and lets readers in.
const POSTGRES_LOCK: &str = "LOCK TABLE schema_version IN EXCLUSIVE MODE";
/// Any number that no other program uses: "mimamori" in ASCII.
const POSTGRES_MIGRATION_LOCK: i64 = 0x6d69_6d61_6d6f_7269;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_one_database_refuses_is_kept_visibly() {
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
        assert!(matches!(storable("日本"), Cow::Borrowed("日本")));
    }
}
