//! A record batch as the bytes of a Parquet file, with what the catalog wants to know of it.

use crate::LakeError;
use crate::layout::{
    ColumnType, SORT_COLUMNS, StoredColumn, StoredTable, WantedTable, catalog_time,
};
use crate::limits::{ROW_GROUP_ROWS_MAX, STATISTIC_BYTES_MAX};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::{
    SortColumn, lexsort_to_indices, max, max_string, min, min_string, take_record_batch,
};
use datafusion::arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use model::Timestamp;
use model::registry::IndexKind;

/// A finished file in memory.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// Bytes of the Parquet footer without its length and magic, as DuckLake counts them.
    pub(crate) footer_bytes: i64,
    pub(crate) rows: i64,
    pub(crate) statistics: Vec<ColumnStatistics>,
}

/// What the catalog says of a column of a file. Text forms are those of DuckLake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnStatistics {
    pub(crate) column_id: i64,
    pub(crate) ty: ColumnType,
    pub(crate) values: i64,
    pub(crate) nulls: i64,
    /// `None`: there is none, or it is not known. Both must never prune.
    pub(crate) smallest: Option<String>,
    pub(crate) largest: Option<String>,
}

/// Puts the rows in the lake's order.
pub(crate) fn sort_rows(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let keys: Vec<SortColumn> = SORT_COLUMNS
        .iter()
        .filter_map(|name| batch.column_by_name(name))
        .map(|values| SortColumn { values: values.clone(), options: None })
        .collect();
    let order = lexsort_to_indices(&keys, None).map_err(engine)?;
    take_record_batch(batch, &order).map_err(engine)
}

/// Encodes sorted rows.
pub(crate) fn encode(
    table: &StoredTable,
    wanted: Option<&WantedTable>,
    batch: &RecordBatch,
) -> Result<Encoded, LakeError> {
    let mut bytes = Vec::with_capacity(batch.get_array_memory_size() / 4);
    let properties = properties(table, wanted, batch.num_rows())?;
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).map_err(engine)?;
    writer.write(batch).map_err(engine)?;
    writer.close().map_err(engine)?;
    let footer_bytes = bytes
        .len()
        .checked_sub(8)
        .and_then(|at| bytes.get(at..at + 4))
        .and_then(|four| <[u8; 4]>::try_from(four).ok())
        .map(|four| i64::from(u32::from_le_bytes(four)))
        .ok_or_else(|| LakeError::Engine { reason: "a Parquet file without footer".to_owned() })?;
    let statistics = table
        .columns
        .iter()
        .zip(batch.columns())
        .filter(|(column, _)| keeps_statistics(column, wanted))
        .map(|(column, array)| statistics_of(column, array.as_ref()))
        .collect();
    let rows = row_count(batch.num_rows())?;
    Ok(Encoded { bytes, footer_bytes, rows, statistics })
}

fn row_count(rows: usize) -> Result<i64, LakeError> {
    i64::try_from(rows).map_err(|_| LakeError::Malformed { reason: "too many rows".to_owned() })
}

fn engine(err: impl std::fmt::Display) -> LakeError {
    LakeError::Engine { reason: err.to_string() }
}

/// The catalog keeps bounds of the columns that prune whole files; the others have theirs in the Parquet
/// footer, and a missing row in the catalog means "not known".
fn keeps_statistics(column: &StoredColumn, wanted: Option<&WantedTable>) -> bool {
    let bounded = matches!(
        column.ty,
        ColumnType::Text | ColumnType::Int64 | ColumnType::Int32 | ColumnType::Time
    );
    bounded
        && wanted
            .and_then(|table| table.column(&column.name))
            .is_some_and(|known| known.index == IndexKind::MinMax)
}

fn properties(
    table: &StoredTable,
    wanted: Option<&WantedTable>,
    rows: usize,
) -> Result<WriterProperties, LakeError> {
    let sorting = SORT_COLUMNS
        .iter()
        .filter_map(|name| table.columns.iter().position(|column| column.name == *name))
        .filter_map(|place| i32::try_from(place).ok())
        .map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
        .collect::<Vec<_>>();
    // Sorting columns count leaves; all of ours stand before the first nested column of their table.
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).map_err(engine)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting))
        .set_created_by(concat!("mimamori lake ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in &table.columns {
        let known = wanted.and_then(|wanted| wanted.column(&column.name));
        if column.ty == ColumnType::Text
            && known.is_some_and(|known| known.index == IndexKind::Bloom)
        {
            let path = ColumnPath::from(column.name.as_str());
            builder = builder
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_fpp(path.clone(), 0.01)
                .set_column_bloom_filter_max_ndv(path, rows.clamp(1, ROW_GROUP_ROWS_MAX) as u64);
        }
    }
    Ok(builder.build())
}

fn statistics_of(column: &StoredColumn, array: &dyn Array) -> ColumnStatistics {
    let nulls = array.null_count();
    let (smallest, largest) = match column.ty {
        ColumnType::Text => {
            let text = array.as_string::<i32>();
            text_bounds(min_string(text), max_string(text))
        }
        ColumnType::Int64 => {
            let numbers = array.as_primitive::<Int64Type>();
            (min(numbers).map(|n| n.to_string()), max(numbers).map(|n| n.to_string()))
        }
        ColumnType::Int32 => {
            let numbers = array.as_primitive::<Int32Type>();
            (min(numbers).map(|n| n.to_string()), max(numbers).map(|n| n.to_string()))
        }
        ColumnType::Time => {
            let times = array.as_primitive::<TimestampMicrosecondType>();
            let text = |micros| catalog_time(Timestamp::from_micros(micros));
            (min(times).map(text), max(times).map(text))
        }
        ColumnType::TextList | ColumnType::TextMap | ColumnType::Bool => (None, None),
    };
    ColumnStatistics {
        column_id: column.id,
        ty: column.ty,
        values: i64::try_from(array.len() - nulls).unwrap_or(i64::MAX),
        nulls: i64::try_from(nulls).unwrap_or(i64::MAX),
        smallest,
        largest,
    }
}

/// Bounds of hostile text: what is long, or holds a NUL that SQL text does not carry everywhere, is "not
/// known".
fn text_bounds(smallest: Option<&str>, largest: Option<&str>) -> (Option<String>, Option<String>) {
    let plain = |text: &str| text.len() <= STATISTIC_BYTES_MAX && !text.contains('\0');
    match (smallest, largest) {
        (Some(low), Some(high)) if plain(low) && plain(high) => {
            (Some(low.to_owned()), Some(high.to_owned()))
        }
        _ => (None, None),
    }
}
