//! Which files a snapshot shows, what the catalog knows of them, and which nobody needs any more.

use super::Catalog;
use crate::layout::{catalog_time, parse_catalog_time};
use crate::{LakeError, LakeStatus, TableStatus};
use model::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite};
use std::collections::{BTreeSet, HashMap};

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataFile {
    pub(crate) id: i64,
    /// Below the folder of the files: `process/day=2026-08-21/…`.
    pub(crate) path: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// A file that a compaction may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReplacedFile {
    pub(crate) table: i64,
    /// Folder below the table's folder: `day=2026-08-21`.
    pub(crate) folder: String,
    pub(crate) file: DataFile,
}

/// Bounds of one column per file: smallest, largest, nulls.
pub(crate) type FileBounds = HashMap<i64, (Option<String>, Option<String>, i64)>;
/// The same as a row of the catalog, with the file first.
type BoundsRow = (i64, Option<String>, Option<String>, i64);

impl Catalog {
    /// The files of a table that a snapshot shows.
    pub(crate) async fn files(
        &self,
        table: i64,
        snapshot: i64,
    ) -> Result<Vec<DataFile>, LakeError> {
        let rows: Vec<(i64, String, i64, i64)> = sqlx::query_as(
            "SELECT f.data_file_id, t.path || f.path, f.record_count, f.file_size_bytes \
             FROM ducklake_data_file f JOIN ducklake_table t ON t.table_id = f.table_id \
             WHERE f.table_id = $1 AND f.begin_snapshot <= $2 \
             AND (f.end_snapshot IS NULL OR f.end_snapshot > $2) ORDER BY f.data_file_id",
        )
        .bind(table)
        .bind(snapshot)
        .fetch_all(&self.pool)
        .await
        .map_err(|err| self.failed(err))?;
        rows.into_iter()
            .map(|(id, path, rows, bytes)| {
                Ok(DataFile { id, path, rows: self.count(rows)?, bytes: self.count(bytes)? })
            })
            .collect()
    }

    /// What the catalog knows of one column in each file of a table.
    pub(crate) async fn bounds(&self, table: i64, column: i64) -> Result<FileBounds, LakeError> {
        let rows: Vec<BoundsRow> = sqlx::query_as(
            "SELECT data_file_id, min_value, max_value, null_count \
             FROM ducklake_file_column_stats WHERE table_id = $1 AND column_id = $2",
        )
        .bind(table)
        .bind(column)
        .fetch_all(&self.pool)
        .await
        .map_err(|err| self.failed(err))?;
        Ok(rows.into_iter().map(|(id, low, high, nulls)| (id, (low, high, nulls))).collect())
    }

    /// Every live file with its table and day, small ones first.
    pub(crate) async fn live_files(&self) -> Result<Vec<ReplacedFile>, LakeError> {
        let rows = sqlx::query(
            "SELECT f.table_id, f.path, f.data_file_id, t.path, f.record_count, f.file_size_bytes \
             FROM ducklake_data_file f JOIN ducklake_table t ON t.table_id = f.table_id \
             WHERE f.end_snapshot IS NULL ORDER BY f.file_size_bytes, f.data_file_id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|err| self.failed(err))?;
        let mut files = Vec::with_capacity(rows.len());
        for row in rows {
            let below_table: String = row.try_get(1).map_err(|err| self.failed(err))?;
            let table_path: String = row.try_get(3).map_err(|err| self.failed(err))?;
            let (folder, _) = below_table.split_once('/').unwrap_or(("", &below_table));
            files.push(ReplacedFile {
                table: row.try_get(0).map_err(|err| self.failed(err))?,
                folder: folder.to_owned(),
                file: DataFile {
                    id: row.try_get(2).map_err(|err| self.failed(err))?,
                    path: format!("{table_path}{below_table}"),
                    rows: self.count(row.try_get(4).map_err(|err| self.failed(err))?)?,
                    bytes: self.count(row.try_get(5).map_err(|err| self.failed(err))?)?,
                },
            });
        }
        Ok(files)
    }

    /// Every path that the catalog names, live or still visible to an older snapshot.
    pub(crate) async fn named_paths(&self) -> Result<BTreeSet<String>, LakeError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT t.path || f.path FROM ducklake_data_file f \
             JOIN ducklake_table t ON t.table_id = f.table_id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|err| self.failed(err))?;
        Ok(rows.into_iter().collect())
    }

    /// Forgets every snapshot that was no longer in force at `before`, and takes the files that no kept
    /// snapshot shows out of the tables. They are then scheduled: to be deleted from the disk.
    pub(crate) async fn expire(&self, before: Timestamp, now: Timestamp) -> Result<(), LakeError> {
        let mut transaction = self.begin().await?;
        // The snapshot that was in force at `before` may still be read: it stays, and only older ones go.
        let kept: i64 = sqlx::query_scalar(
            "SELECT coalesce((SELECT max(snapshot_id) FROM ducklake_snapshot WHERE snapshot_time < $1), \
             (SELECT min(snapshot_id) FROM ducklake_snapshot))",
        )
        .bind(catalog_time(before))
        .fetch_one(&mut *transaction)
        .await
        .map_err(|err| self.failed(err))?;
        let statements = [
            "INSERT INTO ducklake_files_scheduled_for_deletion(data_file_id, path, path_is_relative, schedule_start) \
             SELECT f.data_file_id, t.path || f.path, 1, $2 FROM ducklake_data_file f \
             JOIN ducklake_table t ON t.table_id = f.table_id WHERE f.end_snapshot <= $1",
            "DELETE FROM ducklake_file_column_stats WHERE data_file_id IN \
             (SELECT data_file_id FROM ducklake_data_file WHERE end_snapshot <= $1)",
            "DELETE FROM ducklake_file_partition_value WHERE data_file_id IN \
             (SELECT data_file_id FROM ducklake_data_file WHERE end_snapshot <= $1)",
            "DELETE FROM ducklake_data_file WHERE end_snapshot <= $1",
            "DELETE FROM ducklake_snapshot_changes WHERE snapshot_id < $1",
            "DELETE FROM ducklake_snapshot WHERE snapshot_id < $1",
        ];
        for (place, statement) in statements.into_iter().enumerate() {
            let mut query = sqlx::query(statement).bind(kept);
            if place == 0 {
                query = query.bind(catalog_time(now));
            }
            query.execute(&mut *transaction).await.map_err(|err| self.failed(err))?;
        }
        transaction.commit().await.map_err(|err| self.failed(err))
    }

    /// Files that wait to be deleted from the disk.
    pub(crate) async fn scheduled(&self) -> Result<Vec<(i64, String)>, LakeError> {
        sqlx::query_as("SELECT data_file_id, path FROM ducklake_files_scheduled_for_deletion")
            .fetch_all(&self.pool)
            .await
            .map_err(|err| self.failed(err))
    }

    /// Forgets files that are deleted from the disk.
    pub(crate) async fn unschedule(&self, files: &[i64]) -> Result<(), LakeError> {
        for some in files.chunks(500) {
            let mut delete = QueryBuilder::<Sqlite>::new(
                "DELETE FROM ducklake_files_scheduled_for_deletion WHERE data_file_id IN (",
            );
            let mut list = delete.separated(", ");
            for file in some {
                list.push_bind(*file);
            }
            delete.push(")");
            delete.build().execute(&self.pool).await.map_err(|err| self.failed(err))?;
        }
        Ok(())
    }

    /// Sums per table.
    pub(crate) async fn status(&self) -> Result<LakeStatus, LakeError> {
        let rows: Vec<(String, i64, i64, i64, Option<String>)> = sqlx::query_as(
            "SELECT t.table_name, count(f.data_file_id), coalesce(sum(f.file_size_bytes), 0), \
             coalesce(sum(f.record_count), 0), \
             (SELECT s.max_value FROM ducklake_table_column_stats s \
              JOIN ducklake_column c ON c.table_id = s.table_id AND c.column_id = s.column_id \
              WHERE s.table_id = t.table_id AND c.column_name = 'observed_at') \
             FROM ducklake_table t LEFT JOIN ducklake_data_file f \
             ON f.table_id = t.table_id AND f.end_snapshot IS NULL \
             WHERE t.end_snapshot IS NULL GROUP BY t.table_id, t.table_name ORDER BY t.table_id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|err| self.failed(err))?;
        let mut tables = Vec::with_capacity(rows.len());
        for (table, files, bytes, rows, newest) in rows {
            tables.push(TableStatus {
                table,
                files: self.count(files)?,
                bytes: self.count(bytes)?,
                rows: self.count(rows)?,
                observed_at_newest: newest.as_deref().and_then(parse_catalog_time),
            });
        }
        Ok(LakeStatus { snapshot: self.snapshot().await?, tables })
    }
}
