//! Brings the catalog's tables to what the field registry asks for: new tables, new columns. Columns are
//! never renamed, changed or dropped; files written before a column was added read as null there.

use super::Catalog;
use crate::LakeError;
use crate::layout::{OBSERVED_AT, StoredTable, WantedColumn, WantedTable};
use sqlx::SqliteConnection;

/// Identifier, time, schema version, next catalog identifier, next file identifier.
type NewestSnapshot = (i64, String, i64, i64, i64);

impl Catalog {
    /// Adds what is missing as one new snapshot, at the time of the newest one (opening has no clock); does nothing when nothing is missing.
    pub(crate) async fn evolve(
        &self,
        wanted: &[WantedTable],
    ) -> Result<Vec<StoredTable>, LakeError> {
        let mut transaction = self.begin().await?;
        let (snapshot, time, schema_version, next_catalog_id, next_file_id): NewestSnapshot =
            sqlx::query_as(
                "SELECT snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id \
                 FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1",
            )
            .fetch_one(&mut *transaction)
            .await
            .map_err(|err| self.failed(err))?;
        let stored = self.tables_on(&mut transaction, snapshot).await?;
        let mut step = Step {
            catalog: self,
            snapshot: snapshot + 1,
            schema_version: schema_version + 1,
            next_id: next_catalog_id,
            changes: Vec::new(),
        };
        for table in wanted {
            match stored.iter().find(|known| known.name == table.name) {
                Some(known) => step.extend(&mut transaction, known, table).await?,
                None => step.create(&mut transaction, table).await?,
            }
        }
        if step.changes.is_empty() {
            return Ok(stored);
        }
        sqlx::query("INSERT INTO ducklake_snapshot VALUES ($1, $2, $3, $4, $5)")
            .bind(step.snapshot)
            .bind(time)
            .bind(step.schema_version)
            .bind(step.next_id)
            .bind(next_file_id)
            .execute(&mut *transaction)
            .await
            .map_err(|err| self.failed(err))?;
        sqlx::query(
            "INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author) VALUES ($1, $2, 'mimamori')",
        )
        .bind(step.snapshot)
        .bind(step.changes.join(","))
        .execute(&mut *transaction)
        .await
        .map_err(|err| self.failed(err))?;
        let tables = self.tables_on(&mut transaction, step.snapshot).await?;
        transaction.commit().await.map_err(|err| self.failed(err))?;
        Ok(tables)
    }
}

/// One change of the schema, as it collects.
struct Step<'a> {
    catalog: &'a Catalog,
    snapshot: i64,
    schema_version: i64,
    next_id: i64,
    changes: Vec<String>,
}

impl Step<'_> {
    async fn create(
        &mut self,
        on: &mut SqliteConnection,
        table: &WantedTable,
    ) -> Result<(), LakeError> {
        let id = self.next_id;
        self.next_id += 1;
        sqlx::query("INSERT INTO ducklake_table VALUES ($1, $2, $3, NULL, 0, $4, $5, 1)")
            .bind(id)
            .bind(format!("6d696d61-6d6f-4269-8c61-{id:012x}"))
            .bind(self.snapshot)
            .bind(table.name)
            .bind(format!("{}/", table.name))
            .execute(&mut *on)
            .await
            .map_err(|err| self.catalog.failed(err))?;
        let mut next_column = 1;
        let mut observed_at = None;
        for column in &table.columns {
            if column.name == OBSERVED_AT {
                observed_at = Some(next_column);
            }
            next_column = self.add_column(on, id, next_column, column).await?;
        }
        if let Some(observed_at) = observed_at {
            self.partition(on, id, observed_at).await?;
        }
        self.note_version(on, id).await?;
        self.changes.push(format!("created_table:\"main\".\"{}\"", table.name));
        Ok(())
    }

    async fn extend(
        &mut self,
        on: &mut SqliteConnection,
        stored: &StoredTable,
        wanted: &WantedTable,
    ) -> Result<(), LakeError> {
        let mut next_column: i64 = sqlx::query_scalar(
            "SELECT coalesce(max(column_id), 0) + 1 FROM ducklake_column WHERE table_id = $1",
        )
        .bind(stored.id)
        .fetch_one(&mut *on)
        .await
        .map_err(|err| self.catalog.failed(err))?;
        let mut changed = false;
        for column in &wanted.columns {
            match stored.columns.iter().find(|known| known.name == column.name) {
                None => {
                    next_column = self.add_column(on, stored.id, next_column, column).await?;
                    changed = true;
                }
                Some(known) if known.ty == column.ty => {}
                Some(known) => {
                    return Err(LakeError::ColumnType {
                        table: stored.name.clone(),
                        column: column.name.to_owned(),
                        stored: known.ty.name().to_owned(),
                        wanted: column.ty.name().to_owned(),
                    });
                }
            }
        }
        if changed {
            self.note_version(on, stored.id).await?;
            self.changes.push(format!("altered_table:{}", stored.id));
        }
        Ok(())
    }

    /// Adds a column and what is nested in it; returns the next free identifier.
    async fn add_column(
        &self,
        on: &mut SqliteConnection,
        table: i64,
        id: i64,
        column: &WantedColumn,
    ) -> Result<i64, LakeError> {
        let nested = !column.ty.children().is_empty();
        self.insert_column(on, table, id, column.name, column.ty.name(), None, nested).await?;
        let mut next = id + 1;
        for child in column.ty.children() {
            self.insert_column(on, table, next, child, "varchar", Some(id), false).await?;
            next += 1;
        }
        Ok(next)
    }

    async fn insert_column(
        &self,
        on: &mut SqliteConnection,
        table: i64,
        id: i64,
        name: &str,
        ty: &str,
        parent: Option<i64>,
        nested: bool,
    ) -> Result<(), LakeError> {
        sqlx::query(
            "INSERT INTO ducklake_column VALUES ($1, $2, NULL, $3, $1, $4, $5, NULL, 'NULL', 1, $6, $7, 'duckdb')",
        )
        .bind(id)
        .bind(self.snapshot)
        .bind(table)
        .bind(name)
        .bind(ty)
        .bind(parent)
        .bind(if nested { "" } else { "literal" })
        .execute(on)
        .await
        .map_err(|err| self.catalog.failed(err))?;
        Ok(())
    }

    /// Year, month and day of the time of observation: DuckLake's way to say "by day".
    async fn partition(
        &mut self,
        on: &mut SqliteConnection,
        table: i64,
        column: i64,
    ) -> Result<(), LakeError> {
        let id = self.next_id;
        self.next_id += 1;
        sqlx::query("INSERT INTO ducklake_partition_info VALUES ($1, $2, $3, NULL)")
            .bind(id)
            .bind(table)
            .bind(self.snapshot)
            .execute(&mut *on)
            .await
            .map_err(|err| self.catalog.failed(err))?;
        for (key, transform) in [(0_i64, "year"), (1, "month"), (2, "day")] {
            sqlx::query("INSERT INTO ducklake_partition_column VALUES ($1, $2, $3, $4, $5)")
                .bind(id)
                .bind(table)
                .bind(key)
                .bind(column)
                .bind(transform)
                .execute(&mut *on)
                .await
                .map_err(|err| self.catalog.failed(err))?;
        }
        Ok(())
    }

    async fn note_version(&self, on: &mut SqliteConnection, table: i64) -> Result<(), LakeError> {
        sqlx::query("INSERT INTO ducklake_schema_versions VALUES ($1, $2, $3)")
            .bind(self.snapshot)
            .bind(self.schema_version)
            .bind(table)
            .execute(on)
            .await
            .map_err(|err| self.catalog.failed(err))?;
        Ok(())
    }
}
