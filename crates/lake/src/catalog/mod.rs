//! The catalog: which files, columns, snapshots and stream positions there are. Knows SQL, no Parquet.

mod ddl;
mod evolve;
mod files;
mod publish;
mod streams;
mod tallies;

pub(crate) use files::{DataFile, ReplacedFile};
pub(crate) use publish::{Change, NewFile, PublishError, Published};

use crate::LakeError;
use crate::layout::{ColumnType, StoredColumn, StoredTable};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row as _, SqliteConnection, SqlitePool};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The catalog's database.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    pool: SqlitePool,
    path: PathBuf,
}

/// The format that this version reads and writes.
const FORMAT: &str = "1.0";

impl Catalog {
    /// Opens an existing catalog to read.
    pub(crate) async fn open_to_read(path: &Path) -> Result<Self, LakeError> {
        let options = options(path).create_if_missing(false).pragma("query_only", "1");
        let catalog = Self::connect(path, options).await?;
        catalog.check_format().await?;
        Ok(catalog)
    }

    /// Opens the catalog to write; creates it when there is none. `data` is the folder of the files.
    pub(crate) async fn open_to_write(path: &Path, data: &Path) -> Result<Self, LakeError> {
        let catalog = Self::connect(path, options(path).create_if_missing(true)).await?;
        catalog.create_when_empty().await?;
        catalog.check_format().await?;
        catalog.create_checkpoint_table().await?;
        catalog.create_tally_table().await?;
        catalog.note_data_path(data).await?;
        Ok(catalog)
    }

    async fn connect(path: &Path, options: SqliteConnectOptions) -> Result<Self, LakeError> {
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|err| LakeError::catalog(path, err))?;
        Ok(Self { pool, path: path.to_owned() })
    }

    async fn create_when_empty(&self) -> Result<(), LakeError> {
        let mut transaction = self.begin().await?;
        let found: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'ducklake_metadata'",
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(|err| self.failed(err))?;
        if found > 0 {
            return Ok(());
        }
        for statement in ddl::CREATE {
            sqlx::query(*statement)
                .execute(&mut *transaction)
                .await
                .map_err(|err| self.failed(err))?;
        }
        // Opening has no clock: the first snapshot, which shows nothing, is older than any other.
        for statement in [
            "INSERT INTO ducklake_snapshot VALUES (0, '1970-01-01 00:00:00.000000+00', 0, 1, 0)",
            "INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made) VALUES (0, 'created_schema:\"main\"')",
            "INSERT INTO ducklake_schema VALUES (0, '6d696d61-6d6f-4269-8c61-6b656d61696e', 0, NULL, 'main', '', 1)",
        ] {
            sqlx::query(statement)
                .execute(&mut *transaction)
                .await
                .map_err(|err| self.failed(err))?;
        }
        transaction.commit().await.map_err(|err| self.failed(err))
    }

    async fn create_checkpoint_table(&self) -> Result<(), LakeError> {
        let done = sqlx::query(ddl::CREATE_CHECKPOINT).execute(&self.pool).await;
        done.map(drop).map_err(|err| self.failed(err))
    }

    async fn check_format(&self) -> Result<(), LakeError> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT value FROM ducklake_metadata WHERE key = 'version'")
                .fetch_optional(&self.pool)
                .await
                .map_err(|err| self.failed(err))?;
        match found {
            Some(version) if version == FORMAT => Ok(()),
            other => Err(LakeError::Format {
                path: self.path.clone(),
                found: other.unwrap_or_else(|| "none".to_owned()),
            }),
        }
    }

    /// DuckDB finds the files by this entry; the lake itself goes by its own folder, which may be moved.
    async fn note_data_path(&self, data: &Path) -> Result<(), LakeError> {
        let wanted = format!("{}/", data.display());
        let mut transaction = self.begin().await?;
        let stored: Option<String> =
            sqlx::query_scalar("SELECT value FROM ducklake_metadata WHERE key = 'data_path'")
                .fetch_optional(&mut *transaction)
                .await
                .map_err(|err| self.failed(err))?;
        let statement = match stored {
            Some(stored) if stored == wanted => return Ok(()),
            Some(_) => "UPDATE ducklake_metadata SET value = $1 WHERE key = 'data_path'",
            None => "INSERT INTO ducklake_metadata(key, value) VALUES ('data_path', $1)",
        };
        sqlx::query(statement)
            .bind(wanted)
            .execute(&mut *transaction)
            .await
            .map_err(|err| self.failed(err))?;
        transaction.commit().await.map_err(|err| self.failed(err))
    }

    /// Counts this opening for writing; the number begins the names of the files it writes.
    pub(crate) async fn next_generation(&self) -> Result<i64, LakeError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE mimamori_lake SET generation = generation + 1")
            .execute(&mut *transaction)
            .await
            .map_err(|err| self.failed(err))?;
        let generation = sqlx::query_scalar("SELECT generation FROM mimamori_lake")
            .fetch_one(&mut *transaction)
            .await
            .map_err(|err| self.failed(err))?;
        transaction.commit().await.map_err(|err| self.failed(err))?;
        Ok(generation)
    }

    /// The newest snapshot.
    pub(crate) async fn snapshot(&self) -> Result<i64, LakeError> {
        sqlx::query_scalar("SELECT max(snapshot_id) FROM ducklake_snapshot")
            .fetch_one(&self.pool)
            .await
            .map_err(|err| self.failed(err))
    }

    /// The tables and columns that a snapshot shows, in the order of their creation.
    pub(crate) async fn tables(&self, snapshot: i64) -> Result<Vec<StoredTable>, LakeError> {
        let mut connection = self.pool.acquire().await.map_err(|err| self.failed(err))?;
        self.tables_on(&mut connection, snapshot).await
    }

    async fn tables_on(
        &self,
        connection: &mut SqliteConnection,
        snapshot: i64,
    ) -> Result<Vec<StoredTable>, LakeError> {
        let rows = sqlx::query(
            "SELECT t.table_id, t.table_name, p.partition_id FROM ducklake_table t \
             LEFT JOIN ducklake_partition_info p ON p.table_id = t.table_id AND p.end_snapshot IS NULL \
             WHERE t.begin_snapshot <= $1 AND (t.end_snapshot IS NULL OR t.end_snapshot > $1) \
             ORDER BY t.table_id",
        )
        .bind(snapshot)
        .fetch_all(&mut *connection)
        .await
        .map_err(|err| self.failed(err))?;
        let mut tables = Vec::with_capacity(rows.len());
        for row in rows {
            let id: i64 = row.try_get(0).map_err(|err| self.failed(err))?;
            tables.push(StoredTable {
                id,
                name: row.try_get(1).map_err(|err| self.failed(err))?,
                partition_id: row.try_get(2).map_err(|err| self.failed(err))?,
                columns: self.columns_on(connection, snapshot, id).await?,
            });
        }
        Ok(tables)
    }

    async fn columns_on(
        &self,
        connection: &mut SqliteConnection,
        snapshot: i64,
        table: i64,
    ) -> Result<Vec<StoredColumn>, LakeError> {
        let rows: Vec<(i64, String, String, Option<i64>)> = sqlx::query_as(
            "SELECT column_id, column_name, column_type, parent_column FROM ducklake_column \
             WHERE table_id = $1 AND begin_snapshot <= $2 \
             AND (end_snapshot IS NULL OR end_snapshot > $2) ORDER BY column_order, column_id",
        )
        .bind(table)
        .bind(snapshot)
        .fetch_all(connection)
        .await
        .map_err(|err| self.failed(err))?;
        let mut columns: Vec<StoredColumn> = Vec::new();
        for (id, name, ty, parent) in rows {
            if let Some(parent) = parent {
                match columns.iter_mut().find(|column| column.id == parent) {
                    Some(column) => column.children.push(id),
                    None => return Err(self.damaged(format!("column {id} has no parent {parent}"))),
                }
                continue;
            }
            let Some(ty) = ColumnType::of_name(&ty) else {
                return Err(self.damaged(format!("column {name} has the unknown type {ty}")));
            };
            columns.push(StoredColumn { id, name, ty, children: Vec::new() });
        }
        Ok(columns)
    }

    /// Takes the write lock at once, so that what is read in the transaction still holds when it commits.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, LakeError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|err| self.failed(err))
    }

    /// Finishes what runs and closes the files.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    fn failed(&self, err: sqlx::Error) -> LakeError {
        LakeError::catalog(&self.path, err)
    }

    fn damaged(&self, reason: String) -> LakeError {
        LakeError::Corrupt { path: self.path.clone(), reason }
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .foreign_keys(false)
}
