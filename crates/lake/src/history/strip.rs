//! One row group, read column by column.

use super::{event, outside};
use crate::LakeError;
use crate::layout::OBSERVED_AT;
use crate::query::append_rows;
use datafusion::arrow::array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use datafusion::parquet::column::reader::ColumnReader;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use datafusion::parquet::file::reader::{FileReader, SerializedFileReader};
use datafusion::parquet::file::statistics::Statistics;
use model::{Event, Family, Timestamp, Value};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// The key of a row without a value.
pub const NO_VALUE: u32 = u32::MAX;

/// A column of a strip: per row the place of its value.
#[derive(Debug, Clone, PartialEq)]
pub struct StripColumn {
    /// For each row of the strip a place in `values`, or [`NO_VALUE`]: the row has none, or was not wanted.
    pub keys: Vec<u32>,
    /// The values; mostly each once.
    pub values: Vec<Value>,
}

/// The texts that rows keep outside the columns, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StripTexts {
    /// For each row of the strip how many texts it and the rows before it have; a row that was not wanted
    /// has none.
    pub row_ends: Vec<usize>,
    /// For each text its end in `texts`.
    pub text_ends: Vec<usize>,
    /// All of them.
    pub texts: String,
}

/// A file whose footer was read.
#[derive(Debug)]
pub(super) struct StripFile {
    path: PathBuf,
    family: Family,
    plain: ArrowReaderMetadata,
    /// The same file, its texts to be read as numbers that name values.
    by_value: ArrowReaderMetadata,
}

/// A row group of a file: at most [`crate::limits::ROW_GROUP_ROWS_MAX`] events of one family. Cheap to clone;
/// every method blocks on the disk.
#[derive(Debug, Clone)]
pub struct Strip {
    file: Arc<StripFile>,
    pub(super) group: usize,
    pub(super) rows: usize,
    from: Timestamp,
    to: Timestamp,
}

impl StripFile {
    pub(super) fn open(path: PathBuf, family: Family) -> Result<Self, LakeError> {
        let file = File::open(&path).map_err(|err| LakeError::io("open", &path, err))?;
        let damaged =
            |err: ParquetError| LakeError::Corrupt { path: path.clone(), reason: err.to_string() };
        // Where each page lies: those without wanted rows are not read.
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let plain = ArrowReaderMetadata::load(&file, options).map_err(damaged)?;
        let fields: Vec<Arc<Field>> = plain
            .schema()
            .fields()
            .iter()
            .map(|field| match field.data_type() {
                DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(numbered())),
                _ => Arc::clone(field),
            })
            .collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let by_value = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options);
        let by_value = by_value.map_err(damaged)?;
        Ok(Self { path, family, plain, by_value })
    }
}

fn numbered() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

impl Strip {
    pub(super) fn all_of(file: &Arc<StripFile>, from: Timestamp, to: Timestamp) -> Vec<Self> {
        let groups = file.plain.metadata().row_groups().iter().enumerate();
        groups
            .filter_map(|(group, metadata)| {
                let rows = usize::try_from(metadata.num_rows()).ok()?;
                Some(Self { file: Arc::clone(file), group, rows, from, to })
            })
            .collect()
    }

    /// How many events it holds.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The family of its events.
    #[must_use]
    pub fn family(&self) -> Family {
        self.file.family
    }

    /// When its newest event was observed, as far as its footer says so.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.time_bounds().map(|(_, newest)| Timestamp::from_micros(newest))
    }

    /// Bytes of a column on the disk: what it costs to read. 0 when the file has no such column.
    #[must_use]
    pub fn cost_bytes(&self, column: &str) -> u64 {
        let Some(group) = self.file.plain.metadata().row_groups().get(self.group) else { return 0 };
        let parts = group.columns().iter().filter(|chunk| {
            chunk.column_path().parts().first().is_some_and(|first| first == column)
        });
        parts.map(|chunk| u64::try_from(chunk.compressed_size()).unwrap_or(0)).sum()
    }

    /// Which rows were observed in the time that was asked for.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`], [`LakeError::Io`].
    pub fn in_time(&self) -> Result<Vec<bool>, LakeError> {
        let (from, to) = (self.from.micros(), self.to.micros());
        if self.time_bounds().is_some_and(|(low, high)| low >= from && high < to) {
            return Ok(vec![true; self.rows]);
        }
        let all = vec![true; self.rows];
        Ok(self.times(&all)?.into_iter().map(|at| at >= from && at < to).collect())
    }

    /// When each wanted row was observed, in microseconds since 1970; `i64::MIN` for the others.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`], [`LakeError::Io`].
    pub fn times(&self, wanted: &[bool]) -> Result<Vec<i64>, LakeError> {
        let mut times = vec![i64::MIN; self.rows];
        let mut rows = wanted_rows(wanted);
        self.each_batch(&self.file.plain, &[OBSERVED_AT], wanted, |batch| {
            let column = batch.column(0).as_primitive_opt::<TimestampMicrosecondType>()?;
            for at in column {
                *times.get_mut(rows.next()?)? = at.unwrap_or(i64::MIN);
            }
            Some(())
        })?;
        Ok(times)
    }

    /// The one text that every row of a column has, when the footer says so: nothing else is read.
    #[must_use]
    pub fn constant(&self, column: &str) -> Option<Value> {
        let group = self.file.plain.metadata().row_groups().get(self.group)?;
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column)?;
        let Statistics::ByteArray(bounds) = chunk.statistics()? else { return None };
        let (low, high) = (bounds.min_opt()?, bounds.max_opt()?);
        let exact = bounds.min_is_exact() && bounds.max_is_exact();
        let always = exact && bounds.null_count_opt() == Some(0) && low == high;
        always.then(|| low.as_utf8().ok().map(Value::from)).flatten()
    }

    /// Whether no row has a value in a column that is not nested, by what the footer says.
    fn is_empty(&self, column: &str) -> bool {
        let Some(group) = self.file.plain.metadata().row_groups().get(self.group) else {
            return false;
        };
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column);
        let nulls = chunk.and_then(|chunk| chunk.statistics()?.null_count_opt());
        nulls.is_some_and(|nulls| usize::try_from(nulls).is_ok_and(|nulls| nulls == self.rows))
    }

    /// One column, for the wanted rows. A column that the file does not have has no values.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`], [`LakeError::Io`].
    pub fn column(&self, name: &str, wanted: &[bool]) -> Result<StripColumn, LakeError> {
        let mut column = StripColumn { keys: vec![NO_VALUE; self.rows], values: Vec::new() };
        if self.file.plain.schema().column_with_name(name).is_none() {
            return Ok(column);
        }
        if self.is_empty(name) {
            return Ok(column);
        }
        if let Some(value) = self.constant(name) {
            column.values.push(value);
            let keys = column.keys.iter_mut().zip(wanted).filter(|(_, wanted)| **wanted);
            keys.for_each(|(key, _)| *key = 0);
            return Ok(column);
        }
        let rows: Vec<usize> = wanted_rows(wanted).collect();
        let mut rows = rows.as_slice();
        self.each_batch(&self.file.by_value, &[name], wanted, |batch| {
            let (here, rest) = rows.split_at_checked(batch.num_rows())?;
            rows = rest;
            append(batch.column(0), here, &mut column)
        })?;
        Ok(column)
    }

    /// The names of the fields that events of this strip keep outside the columns.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`], [`LakeError::Io`].
    pub fn names_outside(&self) -> Result<BTreeSet<String>, LakeError> {
        if let Some(group) = self.file.plain.metadata().row_groups().get(self.group) {
            let Some(chunk) = group.columns().iter().find(|chunk| is_name_outside(chunk)) else {
                return Ok(BTreeSet::new());
            };
            let names = outside::texts(self.file()?, chunk, self.rows);
            if let Some(names) = names.map_err(|err| self.damaged(&err))? {
                return Ok(names);
            }
        }
        self.names_by_pages()
    }

    fn names_by_pages(&self) -> Result<BTreeSet<String>, LakeError> {
        let file = self.file()?;
        let reader = SerializedFileReader::new(file).map_err(|err| self.damaged(&err))?;
        let group = reader.get_row_group(self.group).map_err(|err| self.damaged(&err))?;
        let columns = group.metadata().columns();
        let place = columns.iter().position(is_name_outside);
        let Some(place) = place else { return Ok(BTreeSet::new()) };
        let column = group.get_column_reader(place).map_err(|err| self.damaged(&err))?;
        let ColumnReader::ByteArrayColumnReader(mut column) = column else {
            return Err(self.damaged(&"the names of fields are no texts"));
        };
        let mut names = BTreeSet::new();
        let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let (records, _, levels) = column
                .read_records(
                    RECORDS_PER_READ,
                    Some(&mut definitions),
                    Some(&mut repetitions),
                    &mut values,
                )
                .map_err(|err| self.damaged(&err))?;
            for value in values.drain(..) {
                let name = value.as_utf8().map_err(|err| self.damaged(&err))?;
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
            definitions.clear();
            repetitions.clear();
            if records == 0 && levels == 0 {
                return Ok(names);
            }
        }
    }

    /// The values of the fields that events keep outside the columns, for the wanted rows; what a list or a
    /// map is kept as, [`nested_outside`] reads.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`], [`LakeError::Io`].
    pub fn outside(&self, wanted: &[bool]) -> Result<StripTexts, LakeError> {
        let mut texts = StripTexts::default();
        if self.file.plain.schema().column_with_name("extra").is_none() {
            texts.row_ends.resize(self.rows, 0);
            return Ok(texts);
        }
        let mut rows = wanted_rows(wanted);
        self.each_batch(&self.file.plain, &["extra"], wanted, |batch| {
            outside::append(batch.column(0), &mut rows, &mut texts)
        })?;
        texts.row_ends.resize(self.rows, texts.text_ends.len());
        Ok(texts)
    }

    /// Whole events: the wanted rows as rules see them, in the order of the strip.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`], [`LakeError::Io`].
    pub fn events(&self, wanted: &[bool]) -> Result<Vec<Event>, LakeError> {
        let schema = self.file.plain.schema();
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut rows = Vec::new();
        self.each_batch(&self.file.plain, &all, wanted, |batch| {
            append_rows(batch, &mut rows).ok()
        })?;
        let events = rows.into_iter().map(|row| event::of_row(self.file.family, &names, row));
        events.map(|event| event.map_err(|reason| self.damaged(&reason))).collect()
    }

    fn time_bounds(&self) -> Option<(i64, i64)> {
        let group = self.file.plain.metadata().row_groups().get(self.group)?;
        let chunk = group.columns().iter().find(|chunk| {
            chunk.column_path().parts().first().is_some_and(|first| first == OBSERVED_AT)
        })?;
        match chunk.statistics()? {
            Statistics::Int64(bounds) => Some((*bounds.min_opt()?, *bounds.max_opt()?)),
            _ => None,
        }
    }

    /// Reads columns of the wanted rows; `take` says `None` to what it cannot read.
    fn each_batch(
        &self,
        metadata: &ArrowReaderMetadata,
        columns: &[&str],
        wanted: &[bool],
        mut take: impl FnMut(&RecordBatch) -> Option<()>,
    ) -> Result<(), LakeError> {
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.file()?, metadata.clone());
        let roots = columns.iter().filter_map(|name| builder.schema().index_of(name).ok());
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots.collect::<Vec<_>>());
        builder = builder
            .with_projection(mask)
            .with_row_groups(vec![self.group])
            .with_batch_size(self.rows.max(1));
        if wanted.contains(&false) {
            let filter = BooleanArray::from(wanted.to_vec());
            builder = builder.with_row_selection(RowSelection::from_filters(&[filter]));
        }
        for batch in builder.build().map_err(|err| self.damaged(&err))? {
            let batch = batch.map_err(|err| self.damaged(&err))?;
            take(&batch).ok_or_else(|| self.damaged(&"a column is of an unexpected type"))?;
        }
        Ok(())
    }

    pub(super) fn metadata(&self) -> &ParquetMetaData {
        self.file.plain.metadata()
    }

    pub(super) fn file(&self) -> Result<File, LakeError> {
        File::open(&self.file.path).map_err(|err| LakeError::io("open", &self.file.path, err))
    }

    pub(super) fn damaged(&self, reason: &dyn std::fmt::Display) -> LakeError {
        LakeError::Corrupt { path: self.file.path.clone(), reason: reason.to_string() }
    }
}

/// Whether a chunk holds the names of fields without a column.
fn is_name_outside(chunk: &ColumnChunkMetaData) -> bool {
    let path = chunk.column_path().parts();
    path.first().is_some_and(|first| first == "extra")
        && path.last().is_some_and(|last| last == "key")
}

fn wanted_rows(wanted: &[bool]) -> impl Iterator<Item = usize> {
    wanted.iter().enumerate().filter_map(|(row, wanted)| wanted.then_some(row))
}

/// Appends a piece of a column; `None` when its type is not one of ours.
fn append(array: &ArrayRef, rows: &[usize], into: &mut StripColumn) -> Option<()> {
    let base = u32::try_from(into.values.len()).ok()?;
    if let Some(numbered) = array.as_dictionary_opt::<Int32Type>() {
        let texts = numbered.values().as_string_opt::<i32>()?;
        into.values.extend(texts.iter().map(|text| text.map_or(Value::Null, Value::from)));
        let (keys, nulls) = (numbered.keys().values(), numbered.keys().nulls());
        // This runs for every row of every column: no more than is needed.
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        for (place, key) in keys.iter().enumerate() {
            if nulls.is_none_or(|nulls| nulls.is_valid(place)) {
                *into.keys.get_mut(*rows.get(place)?)? = base + u32::try_from(*key).ok()?;
            }
        }
        return Some(());
    }
    let values: Vec<Value> = match array.data_type() {
        DataType::Int64 => {
            return append_numbers(array.as_primitive::<Int64Type>().iter(), rows, into);
        }
        DataType::Int32 => {
            let numbers = array.as_primitive::<Int32Type>().iter();
            return append_numbers(numbers.map(|cell| cell.map(i64::from)), rows, into);
        }
        DataType::Boolean => {
            array.as_boolean().iter().map(|cell| cell.map_or(Value::Null, Value::Bool)).collect()
        }
        DataType::List(_) => crate::query::values_of(array).ok()?,
        _ => return None,
    };
    let mut known: HashMap<String, u32> = HashMap::new();
    for (value, row) in values.into_iter().zip(rows) {
        if value == Value::Null {
            continue;
        }
        let next = u32::try_from(into.values.len()).ok()?;
        let key = *known.entry(format!("{value:?}")).or_insert(next);
        if key == next {
            into.values.push(value);
        }
        *into.keys.get_mut(*row)? = key;
    }
    Some(())
}

/// Appends whole numbers. Those that are alike in their last bits are not recognised when they come again.
fn append_numbers(
    numbers: impl Iterator<Item = Option<i64>>,
    rows: &[usize],
    into: &mut StripColumn,
) -> Option<()> {
    let mut known: Vec<(i64, u32)> = vec![(0, NO_VALUE); KNOWN_NUMBERS];
    for (number, row) in numbers.zip(rows) {
        let Some(number) = number else { continue };
        let place = usize::from(number.cast_unsigned().to_le_bytes()[0])
            | usize::from(number.cast_unsigned().to_le_bytes()[1]) << 8;
        let known = known.get_mut(place)?;
        if known.1 == NO_VALUE || known.0 != number {
            *known = (number, u32::try_from(into.values.len()).ok()?);
            into.values.push(Value::Int(number));
        }
        *into.keys.get_mut(*row)? = known.1;
    }
    Some(())
}

/// By the last two bytes of a number.
const KNOWN_NUMBERS: usize = 1 << 16;
const RECORDS_PER_READ: usize = 8_192;
