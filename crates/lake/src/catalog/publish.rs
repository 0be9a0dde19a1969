//! The one transaction: stream positions, files, statistics and the snapshot that shows them.

use super::Catalog;
use crate::layout::{ColumnType, Day, catalog_time};
use crate::parquet_file::ColumnStatistics;
use crate::{Advance, LakeError, Tally};
use model::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A file that is durable under its name and not yet in the catalog.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) table: i64,
    pub(crate) partition: Option<(i64, Day)>,
    /// Below the table's folder.
    pub(crate) path: String,
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
    pub(crate) footer_bytes: i64,
    pub(crate) statistics: Vec<ColumnStatistics>,
}

/// What one transaction changes.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) at: Timestamp,
    pub(crate) advances: &'a [Advance],
    /// State that belongs to these advances.
    pub(crate) checkpoint: Option<&'a [u8]>,
    /// Counts that belong to these advances.
    pub(crate) tallies: &'a [Tally],
    pub(crate) files: &'a [NewFile],
    /// Files that the new ones replace: no row is added or lost.
    pub(crate) replaced: &'a [i64],
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// The snapshot that shows the change.
    Done(i64),
    /// A file that was to be replaced is no longer live; nothing changed.
    Raced,
}

impl Catalog {
    /// Makes a change visible, all of it or nothing. When `COMMIT` itself fails for an input or output error
    /// nobody can know whether it happened: the caller leaves its files alone, and the next opening for writing cleans up.
    pub(crate) async fn publish(&self, change: &Change<'_>) -> Result<Published, PublishError> {
        let mut transaction = self.begin().await.map_err(PublishError::Before)?;
        let snapshot = match self.apply(&mut transaction, change).await {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => {
                transaction
                    .rollback()
                    .await
                    .map_err(|err| PublishError::Before(self.failed(err)))?;
                return Ok(Published::Raced);
            }
            Err(err) => {
                if let Err(rollback) = transaction.rollback().await {
                    tracing::warn!(error = %rollback, "could not roll back; the connection is dropped");
                }
                return Err(PublishError::Before(err));
            }
        };
        match transaction.commit().await {
            Ok(()) => Ok(Published::Done(snapshot)),
            Err(err) => Err(match self.failed(err) {
                // SQLite could not write the commit record, or did not try to.
                err @ (LakeError::DiskFull { .. } | LakeError::Busy { .. }) => {
                    PublishError::Before(err)
                }
                err => PublishError::Unknown(err),
            }),
        }
    }

    async fn apply(
        &self,
        on: &mut SqliteConnection,
        change: &Change<'_>,
    ) -> Result<Option<i64>, LakeError> {
        for advance in change.advances {
            self.advance(on, advance, change.at).await?;
        }
        if let Some(state) = change.checkpoint {
            self.keep_checkpoint(on, state, change.at).await?;
        }
        self.add_tallies(on, change.tallies, change.at).await?;
        let (newest, schema_version, next_catalog_id, next_file_id): (i64, i64, i64, i64) =
            sqlx::query_as(
                "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id \
                 FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1",
            )
            .fetch_one(&mut *on)
            .await
            .map_err(|err| self.failed(err))?;
        if change.files.is_empty() && change.replaced.is_empty() {
            return Ok(Some(newest));
        }
        let snapshot = newest + 1;
        if !self.end_files(on, change.replaced, snapshot).await? {
            return Ok(None);
        }
        let mut file_id = next_file_id;
        let mut changed: BTreeMap<i64, ()> = BTreeMap::new();
        for file in change.files {
            let row_id = self.grow_table(on, file, change.replaced.is_empty()).await?;
            self.insert_file(on, file, file_id, row_id, snapshot).await?;
            file_id += 1;
            changed.insert(file.table, ());
        }
        let verb =
            if change.replaced.is_empty() { "inserted_into_table" } else { "merge_adjacent" };
        let changes: Vec<String> = changed.keys().map(|table| format!("{verb}:{table}")).collect();
        sqlx::query("INSERT INTO ducklake_snapshot VALUES ($1, $2, $3, $4, $5)")
            .bind(snapshot)
            .bind(catalog_time(change.at))
            .bind(schema_version)
            .bind(next_catalog_id)
            .bind(file_id)
            .execute(&mut *on)
            .await
            .map_err(|err| self.failed(err))?;
        sqlx::query(
            "INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author) VALUES ($1, $2, 'mimamori')",
        )
        .bind(snapshot)
        .bind(changes.join(","))
        .execute(&mut *on)
        .await
        .map_err(|err| self.failed(err))?;
        Ok(Some(snapshot))
    }

    /// Ends the replaced files; `false` when one of them is not live any more.
    async fn end_files(
        &self,
        on: &mut SqliteConnection,
        replaced: &[i64],
        snapshot: i64,
    ) -> Result<bool, LakeError> {
        for file in replaced {
            let ended: Option<(i64, i64)> = sqlx::query_as(
                "UPDATE ducklake_data_file SET end_snapshot = $2 \
                 WHERE data_file_id = $1 AND end_snapshot IS NULL \
                 RETURNING table_id, file_size_bytes",
            )
            .bind(file)
            .bind(snapshot)
            .fetch_optional(&mut *on)
            .await
            .map_err(|err| self.failed(err))?;
            let Some((table, bytes)) = ended else { return Ok(false) };
            sqlx::query(
                "UPDATE ducklake_table_stats SET file_size_bytes = file_size_bytes - $2 WHERE table_id = $1",
            )
            .bind(table)
            .bind(bytes)
            .execute(&mut *on)
            .await
            .map_err(|err| self.failed(err))?;
        }
        Ok(true)
    }

    /// Counts a new file into its table and returns the row id of its first row.
    async fn grow_table(
        &self,
        on: &mut SqliteConnection,
        file: &NewFile,
        rows_are_new: bool,
    ) -> Result<i64, LakeError> {
        let known: Option<(i64, i64)> = sqlx::query_as(
            "SELECT record_count, next_row_id FROM ducklake_table_stats WHERE table_id = $1",
        )
        .bind(file.table)
        .fetch_optional(&mut *on)
        .await
        .map_err(|err| self.failed(err))?;
        let (rows_before, row_id) = known.unwrap_or_default();
        let statement = if known.is_some() {
            "UPDATE ducklake_table_stats SET record_count = record_count + $2, \
             next_row_id = next_row_id + $3, file_size_bytes = file_size_bytes + $4 WHERE table_id = $1"
        } else {
            "INSERT INTO ducklake_table_stats(table_id, record_count, next_row_id, file_size_bytes) \
             VALUES ($1, $2, $3, $4)"
        };
        sqlx::query(statement)
            .bind(file.table)
            .bind(if rows_are_new { file.rows } else { 0 })
            .bind(file.rows)
            .bind(file.bytes)
            .execute(&mut *on)
            .await
            .map_err(|err| self.failed(err))?;
        if rows_are_new {
            self.widen_bounds(on, file, rows_before).await?;
        }
        Ok(row_id)
    }

    async fn insert_file(
        &self,
        on: &mut SqliteConnection,
        file: &NewFile,
        id: i64,
        row_id: i64,
        snapshot: i64,
    ) -> Result<(), LakeError> {
        sqlx::query(
            "INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path, path_is_relative, \
             file_format, record_count, file_size_bytes, footer_size, row_id_start, partition_id) \
             VALUES ($1, $2, $3, $4, 1, 'parquet', $5, $6, $7, $8, $9)",
        )
        .bind(id)
        .bind(file.table)
        .bind(snapshot)
        .bind(&file.path)
        .bind(file.rows)
        .bind(file.bytes)
        .bind(file.footer_bytes)
        .bind(row_id)
        .bind(file.partition.map(|(partition, _)| partition))
        .execute(&mut *on)
        .await
        .map_err(|err| self.failed(err))?;
        if let Some((_, day)) = file.partition {
            self.insert_partition_values(on, file.table, id, day).await?;
        }
        if file.statistics.is_empty() {
            return Ok(());
        }
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO ducklake_file_column_stats(data_file_id, table_id, column_id, value_count, \
             null_count, min_value, max_value) ",
        );
        insert.push_values(&file.statistics, |mut row, column| {
            row.push_bind(id)
                .push_bind(file.table)
                .push_bind(column.column_id)
                .push_bind(column.values)
                .push_bind(column.nulls)
                .push_bind(column.smallest.as_deref())
                .push_bind(column.largest.as_deref());
        });
        insert.build().execute(on).await.map_err(|err| self.failed(err))?;
        Ok(())
    }

    async fn insert_partition_values(
        &self,
        on: &mut SqliteConnection,
        table: i64,
        file: i64,
        day: Day,
    ) -> Result<(), LakeError> {
        let text = day.text();
        for (key, part) in text.split('-').enumerate() {
            let plain = part.trim_start_matches('0');
            sqlx::query("INSERT INTO ducklake_file_partition_value VALUES ($1, $2, $3, $4)")
                .bind(file)
                .bind(table)
                .bind(i64::try_from(key).unwrap_or_default())
                .bind(plain)
                .execute(&mut *on)
                .await
                .map_err(|err| self.failed(err))?;
        }
        Ok(())
    }

    /// Widens the bounds of the table's columns. A column without a row, or a bound that is null, is "not
    /// known"; once not known it stays so.
    async fn widen_bounds(
        &self,
        on: &mut SqliteConnection,
        file: &NewFile,
        rows_before: i64,
    ) -> Result<(), LakeError> {
        let rows = sqlx::query(
            "SELECT column_id, contains_null, min_value, max_value FROM ducklake_table_column_stats \
             WHERE table_id = $1",
        )
        .bind(file.table)
        .fetch_all(&mut *on)
        .await
        .map_err(|err| self.failed(err))?;
        let mut known: BTreeMap<i64, Bounds> = BTreeMap::new();
        for row in rows {
            let bounds = Bounds {
                contains_null: row.try_get::<i64, _>(1).map_err(|err| self.failed(err))? != 0,
                smallest: row.try_get(2).map_err(|err| self.failed(err))?,
                largest: row.try_get(3).map_err(|err| self.failed(err))?,
            };
            known.insert(row.try_get(0).map_err(|err| self.failed(err))?, bounds);
        }
        for column in &file.statistics {
            let before = known.get(&column.column_id);
            let Some(after) = widened(before, column, rows_before > 0) else { continue };
            let statement = if before.is_some() {
                "UPDATE ducklake_table_column_stats SET contains_null = $3, min_value = $4, max_value = $5 \
                 WHERE table_id = $1 AND column_id = $2"
            } else {
                "INSERT INTO ducklake_table_column_stats(table_id, column_id, contains_null, min_value, max_value) \
                 VALUES ($1, $2, $3, $4, $5)"
            };
            sqlx::query(statement)
                .bind(file.table)
                .bind(column.column_id)
                .bind(i64::from(after.contains_null))
                .bind(after.smallest)
                .bind(after.largest)
                .execute(&mut *on)
                .await
                .map_err(|err| self.failed(err))?;
        }
        Ok(())
    }
}

/// Why a change was not published.
#[derive(Debug)]
pub(crate) enum PublishError {
    /// Nothing of it is in the catalog.
    Before(LakeError),
    /// It may be in the catalog.
    Unknown(LakeError),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bounds {
    contains_null: bool,
    smallest: Option<String>,
    largest: Option<String>,
}

/// The bounds after a file is added; `None` when nothing is to be written.
fn widened(
    before: Option<&Bounds>,
    column: &ColumnStatistics,
    earlier_rows: bool,
) -> Option<Bounds> {
    let has_nulls = column.nulls > 0;
    let Some(before) = before else {
        // Earlier files may have had nothing but nulls here: only those leave a column without bounds.
        return (column.values > 0).then(|| Bounds {
            contains_null: has_nulls || earlier_rows,
            smallest: column.smallest.clone(),
            largest: column.largest.clone(),
        });
    };
    let bound = |old: &Option<String>, new: &Option<String>, wanted: Ordering| match (old, new) {
        _ if column.values == 0 => old.clone(),
        (Some(old), Some(new)) if compare(column.ty, new, old) == wanted => Some(new.clone()),
        (Some(old), Some(_)) => Some(old.clone()),
        _ => None,
    };
    let after = Bounds {
        contains_null: before.contains_null || has_nulls,
        smallest: bound(&before.smallest, &column.smallest, Ordering::Less),
        largest: bound(&before.largest, &column.largest, Ordering::Greater),
    };
    (after != *before).then_some(after)
}

/// Numbers by value; text by its bytes, times too, for they are written at one length.
fn compare(ty: ColumnType, left: &str, right: &str) -> Ordering {
    match ty {
        ColumnType::Int64 | ColumnType::Int32 => {
            left.parse::<i64>().ok().cmp(&right.parse::<i64>().ok())
        }
        _ => left.cmp(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: i64, nulls: i64, bounds: Option<(&str, &str)>) -> ColumnStatistics {
        ColumnStatistics {
            column_id: 1,
            ty: ColumnType::Int64,
            values,
            nulls,
            smallest: bounds.map(|(low, _)| low.to_owned()),
            largest: bounds.map(|(_, high)| high.to_owned()),
        }
    }

    #[test]
    fn bounds_widen_by_value_and_remember_nulls() {
        let first = widened(None, &column(2, 0, Some(("9", "10"))), false).expect("written");
        assert!(!first.contains_null);
        let second =
            widened(Some(&first), &column(1, 1, Some(("100", "100"))), true).expect("written");
        assert_eq!(second.smallest.as_deref(), Some("9"));
        assert_eq!(second.largest.as_deref(), Some("100"));
        assert!(second.contains_null);
        assert_eq!(widened(Some(&second), &column(1, 0, Some(("50", "50"))), true), None);
    }

    #[test]
    fn what_is_not_known_stays_not_known() {
        let unknown = widened(None, &column(1, 0, None), false).expect("written");
        assert_eq!(unknown.smallest, None);
        assert_eq!(widened(Some(&unknown), &column(1, 0, Some(("1", "2"))), true), None);
    }

    #[test]
    fn a_column_that_had_only_nulls_says_so_when_its_first_value_comes() {
        assert_eq!(widened(None, &column(0, 5, None), false), None);
        let later = widened(None, &column(1, 0, Some(("1", "1"))), true).expect("written");
        assert!(later.contains_null);
    }
}
