//! The SQL store: one SQLite file, opened so that a returned commit survives power loss.
//!
//! The SQL texts of this crate use `$1` parameters and nothing that PostgreSQL would not take; what is
//! SQLite's alone (how the file is opened, how a writing transaction begins) stays in this module.

use crate::ControlError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, Sqlite, SqlitePool, Transaction};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// A writing transaction.
pub(crate) type Writing = Transaction<'static, Sqlite>;

/// The state of people, sessions, devices and the audit chain.
#[derive(Debug)]
pub(crate) struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens the file, makes it when it is missing (readable by its owner only), and brings its tables
    /// to this program's version.
    pub(crate) async fn open(path: &Path) -> Result<Self, ControlError> {
        create_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_WAIT);
        let pool =
            SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options).await?;
        let store = Self { pool };
        store.migrate(path).await?;
        Ok(store)
    }

    /// For reading.
    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Begins a transaction that writes. It takes the write lock at once, so that what it reads stays
    /// true until it commits, also against another process.
    pub(crate) async fn write(&self) -> Result<Writing, ControlError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn migrate(&self, path: &Path) -> Result<(), ControlError> {
        let mut writing = self.write().await?;
        sqlx::query("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")
            .execute(&mut *writing)
            .await?;
        let found: i64 = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM schema_version")
            .fetch_one(&mut *writing)
            .await?
            .try_get(0)?;
        let known = MIGRATIONS.last().map_or(0, |(version, _)| *version);
        if found > known {
            return Err(ControlError::TooNew { path: path.to_owned(), found, known });
        }
        for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
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

/// Forward only: an entry never changes once it was released.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../migrations/0001_first.sql")),
    (2, include_str!("../migrations/0002_renewal.sql")),
];
const CONNECTIONS_MAX: u32 = 4;
const BUSY_WAIT: Duration = Duration::from_secs(10);
