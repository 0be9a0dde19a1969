//! Leaves out files whose bounds in the catalog say that no row can match.

use crate::LakeError;
use crate::catalog::{Catalog, DataFile};
use crate::layout::{ColumnType, StoredColumn, StoredTable, parse_catalog_time};
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
    UInt64Array,
};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::Expr;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What the catalog knows of the files of one scan, for the columns that its filters name.
#[derive(Debug)]
pub(super) struct FileStatistics {
    rows: Vec<u64>,
    columns: HashMap<String, ColumnBounds>,
}

#[derive(Debug)]
struct ColumnBounds {
    smallest: ArrayRef,
    largest: ArrayRef,
    nulls: ArrayRef,
}

impl FileStatistics {
    /// Reads the bounds of every bounded column that the filters name.
    pub(super) async fn load(
        catalog: &Catalog,
        table: &StoredTable,
        files: &[DataFile],
        filters: &[Expr],
    ) -> Result<Self, LakeError> {
        let named: BTreeSet<String> = filters
            .iter()
            .flat_map(|filter| filter.column_refs().into_iter().map(|column| column.name.clone()))
            .collect();
        let mut columns = HashMap::new();
        for column in &table.columns {
            let bounded = matches!(
                column.ty,
                ColumnType::Text | ColumnType::Int64 | ColumnType::Int32 | ColumnType::Time
            );
            if bounded && named.contains(&column.name) {
                let bounds = load_column(catalog, table, column, files).await?;
                columns.insert(column.name.clone(), bounds);
            }
        }
        Ok(Self { rows: files.iter().map(|file| file.rows).collect(), columns })
    }
}

async fn load_column(
    catalog: &Catalog,
    table: &StoredTable,
    column: &StoredColumn,
    files: &[DataFile],
) -> Result<ColumnBounds, LakeError> {
    let bounds = catalog.bounds(table.id, column.id).await?;
    let of = |file: &DataFile| bounds.get(&file.id);
    let smallest = files.iter().map(|file| of(file).and_then(|known| known.0.as_deref()));
    let largest = files.iter().map(|file| of(file).and_then(|known| known.1.as_deref()));
    let nulls = files
        .iter()
        .map(|file| of(file).and_then(|known| u64::try_from(known.2).ok()))
        .collect::<UInt64Array>();
    Ok(ColumnBounds {
        smallest: typed(column.ty, smallest),
        largest: typed(column.ty, largest),
        nulls: Arc::new(nulls),
    })
}

/// Bounds in the type of their column; one that cannot be read is not known.
fn typed<'a>(ty: ColumnType, texts: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    match ty {
        ColumnType::Int64 => Arc::new(
            texts.map(|text| text.and_then(|text| text.parse().ok())).collect::<Int64Array>(),
        ),
        ColumnType::Int32 => Arc::new(
            texts.map(|text| text.and_then(|text| text.parse().ok())).collect::<Int32Array>(),
        ),
        ColumnType::Time => Arc::new(
            texts
                .map(|text| text.and_then(parse_catalog_time).map(model::Timestamp::micros))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        _ => Arc::new(texts.collect::<StringArray>()),
    }
}

impl PruningStatistics for FileStatistics {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(&column.name).map(|bounds| Arc::clone(&bounds.smallest))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(&column.name).map(|bounds| Arc::clone(&bounds.largest))
    }

    fn num_containers(&self) -> usize {
        self.rows.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(&column.name).map(|bounds| Arc::clone(&bounds.nulls))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(UInt64Array::from(self.rows.clone())))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
