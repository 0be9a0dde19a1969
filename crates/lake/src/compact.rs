//! Which small files are merged, and how.

use crate::LakeError;
use crate::catalog::{NewFile, ReplacedFile};
use crate::layout::{Day, OBSERVED_AT, StoredTable, WantedTable, day_folder};
use crate::limits::{
    MERGE_BYTES_MAX, MERGE_FILES_MAX, MERGE_FILES_MIN, MERGE_ROWS_MAX, SMALL_FILE_BYTES_MAX,
    SMALL_FILE_ROWS_MAX,
};
use crate::store::Store;
use datafusion::arrow::array::types::TimestampMicrosecondType;
use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, new_null_array};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use model::Timestamp;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// Files of one table and folder that become one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Merge {
    pub(crate) table: i64,
    pub(crate) folder: String,
    pub(crate) files: Vec<ReplacedFile>,
}

/// Chooses what to merge from the live files, which come small ones first.
///
/// A file joins a merge while it is not larger than all before it together, or while there are few; so each
/// row is rewritten about a logarithmic number of times. A day that is over is merged down to the last file.
pub(crate) fn plan(live: Vec<ReplacedFile>, now: Timestamp) -> Vec<Merge> {
    let today = day_folder(Some(Day::of(now)));
    let mut folders: BTreeMap<(i64, String), Vec<ReplacedFile>> = BTreeMap::new();
    for file in live {
        if file.file.bytes < SMALL_FILE_BYTES_MAX && file.file.rows < SMALL_FILE_ROWS_MAX {
            folders.entry((file.table, file.folder.clone())).or_default().push(file);
        }
    }
    let mut merges = Vec::new();
    for ((table, folder), files) in folders {
        let over = folder < today;
        let files_min = if over { 2 } else { MERGE_FILES_MIN };
        let mut taken: Vec<ReplacedFile> = Vec::new();
        let (mut bytes, mut rows) = (0_u64, 0_u64);
        for file in files {
            let fits = bytes + file.file.bytes <= MERGE_BYTES_MAX
                && rows + file.file.rows <= MERGE_ROWS_MAX
                && taken.len() < MERGE_FILES_MAX;
            let worth = over || taken.len() < files_min || file.file.bytes <= bytes;
            if !fits || !worth {
                break;
            }
            bytes += file.file.bytes;
            rows += file.file.rows;
            taken.push(file);
        }
        if taken.len() >= files_min {
            merges.push(Merge { table, folder, files: taken });
        }
    }
    merges
}

/// Reads the files of a merge and writes the one that replaces them. Blocks.
pub(crate) fn merge(
    store: &Store,
    data: &Path,
    table: &StoredTable,
    wanted: Option<&WantedTable>,
    merge: &Merge,
) -> Result<NewFile, LakeError> {
    let schema = table.file_schema();
    let mut batches = Vec::new();
    let mut expected = 0;
    for source in &merge.files {
        let path = data.join(&source.file.path);
        batches.extend(read(&path, &schema)?);
        expected += source.file.rows;
    }
    let rows = concat_batches(&schema, &batches).map_err(engine)?;
    if rows.num_rows() as u64 != expected {
        return Err(LakeError::Corrupt {
            path: data.join(&table.name).join(&merge.folder),
            reason: format!("its files hold {} rows, the catalog says {expected}", rows.num_rows()),
        });
    }
    let day = if merge.folder == day_folder(None) { None } else { first_day(&rows) };
    store.write(table, wanted, day, &rows)
}

/// The rows of a file in the table's present schema: a column that came later is null.
fn read(path: &Path, schema: &SchemaRef) -> Result<Vec<RecordBatch>, LakeError> {
    let damaged = |err: &dyn std::fmt::Display| LakeError::Corrupt {
        path: path.to_owned(),
        reason: err.to_string(),
    };
    let file = File::open(path).map_err(|err| LakeError::io("open", path, err))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(|err| damaged(&err))?;
    let mut batches = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|err| damaged(&err))?;
        let columns = schema
            .fields()
            .iter()
            .map(|field| match batch.column_by_name(field.name()) {
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
                Some(column) if column.data_type() == field.data_type() => Ok(column.clone()),
                Some(column) => cast(column, field.data_type()),
            })
            .collect::<Result<Vec<ArrayRef>, _>>()
            .map_err(engine)?;
        batches.push(RecordBatch::try_new(schema.clone(), columns).map_err(engine)?);
    }
    Ok(batches)
}

fn first_day(rows: &RecordBatch) -> Option<Day> {
    let times = rows.column_by_name(OBSERVED_AT)?.as_primitive_opt::<TimestampMicrosecondType>()?;
    (!times.is_empty()).then(|| Day::of_micros(times.value(0)))
}

fn engine(err: impl std::fmt::Display) -> LakeError {
    LakeError::Engine { reason: err.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::DataFile;

    fn live(folder: &str, sizes: &[u64]) -> Vec<ReplacedFile> {
        let mut sizes = sizes.to_vec();
        sizes.sort_unstable();
        let file = |(id, bytes): (usize, u64)| ReplacedFile {
            table: 1,
            folder: folder.to_owned(),
            file: DataFile {
                id: i64::try_from(id).expect("few"),
                path: format!("process/{folder}/{id}"),
                rows: 10,
                bytes,
            },
        };
        sizes.into_iter().enumerate().map(file).collect()
    }

    fn merged(folder: &str, sizes: &[u64]) -> Vec<usize> {
        let now = Timestamp::parse("2026-08-21T12:00:00Z").expect("valid");
        plan(live(folder, sizes), now).iter().map(|merge| merge.files.len()).collect()
    }

    #[test]
    fn a_day_that_goes_on_is_merged_by_tiers() {
        assert_eq!(merged("day=2026-08-21", &[1, 1, 1]), Vec::<usize>::new());
        assert_eq!(merged("day=2026-08-21", &[1, 1, 1, 1]), [4]);
        assert_eq!(merged("day=2026-08-21", &[1, 1, 1, 1, 1000]), [4], "the large one waits");
        assert_eq!(merged("day=2026-08-21", &[250, 250, 250, 250, 1000]), [5]);
    }

    #[test]
    fn a_day_that_is_over_becomes_one_file() {
        assert_eq!(merged("day=2026-08-20", &[1, 1000]), [2]);
        assert_eq!(merged("day=2026-08-20", &[1000]), Vec::<usize>::new());
        assert_eq!(merged("day=2026-08-20", &[1, SMALL_FILE_BYTES_MAX]), Vec::<usize>::new());
    }

    #[test]
    fn a_merge_stays_within_its_memory() {
        let many = vec![SMALL_FILE_BYTES_MAX - 1; 10];
        assert_eq!(merged("day=2026-08-20", &many), [2]);
    }
}
