//! Between the engine's values and ours.

use crate::LakeError;
use datafusion::arrow::array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use model::{Timestamp, Value};

/// A parameter of a query.
pub(super) fn to_scalar(value: &Value) -> Result<ScalarValue, LakeError> {
    Ok(match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(truth) => ScalarValue::Boolean(Some(*truth)),
        Value::Int(number) => ScalarValue::Int64(Some(*number)),
        Value::UInt(number) => ScalarValue::UInt64(Some(*number)),
        Value::Float(number) => ScalarValue::Float64(Some(*number)),
        Value::Text(text) => ScalarValue::Utf8(Some(text.clone())),
        Value::List(items) => {
            let texts: Option<Vec<ScalarValue>> = items
                .iter()
                .map(|item| item.as_text().map(|text| ScalarValue::Utf8(Some(text.to_owned()))))
                .collect();
            let texts = texts.ok_or_else(|| LakeError::Refused {
                reason: "a list as a parameter may only hold texts".to_owned(),
            })?;
            ScalarValue::List(ScalarValue::new_list(&texts, &DataType::Utf8, true))
        }
        Value::Map(_) => {
            return Err(LakeError::Refused {
                reason: "a map cannot be a parameter; pass its values one by one".to_owned(),
            });
        }
    })
}

/// Appends the rows of a batch.
pub(crate) fn append_rows(
    batch: &RecordBatch,
    rows: &mut Vec<Vec<Value>>,
) -> Result<(), LakeError> {
    let first = rows.len();
    rows.resize_with(first + batch.num_rows(), || Vec::with_capacity(batch.num_columns()));
    for column in batch.columns() {
        for (row, value) in rows[first..].iter_mut().zip(values_of(column)?) {
            row.push(value);
        }
    }
    Ok(())
}

/// The values of a column, in order. Nested ones are made by the same rules.
pub(crate) fn values_of(column: &ArrayRef) -> Result<Vec<Value>, LakeError> {
    macro_rules! numbers {
        ($ty:ty, $make:expr) => {
            column
                .as_primitive::<$ty>()
                .iter()
                .map(|cell| cell.map_or(Value::Null, $make))
                .collect()
        };
    }
    Ok(match column.data_type() {
        DataType::Null => vec![Value::Null; column.len()],
        DataType::Boolean => {
            column.as_boolean().iter().map(|cell| cell.map_or(Value::Null, Value::Bool)).collect()
        }
        DataType::Int8 => numbers!(Int8Type, |n| Value::Int(i64::from(n))),
        DataType::Int16 => numbers!(Int16Type, |n| Value::Int(i64::from(n))),
        DataType::Int32 => numbers!(Int32Type, |n| Value::Int(i64::from(n))),
        DataType::Int64 => numbers!(Int64Type, Value::Int),
        DataType::UInt8 => numbers!(UInt8Type, |n| Value::Int(i64::from(n))),
        DataType::UInt16 => numbers!(UInt16Type, |n| Value::Int(i64::from(n))),
        DataType::UInt32 => numbers!(UInt32Type, |n| Value::Int(i64::from(n))),
        DataType::UInt64 => numbers!(UInt64Type, Value::from),
        DataType::Float32 => numbers!(Float32Type, |n| Value::Float(f64::from(n))),
        DataType::Float64 => numbers!(Float64Type, Value::Float),
        DataType::Utf8 => texts(column.as_string::<i32>().iter()),
        DataType::LargeUtf8 => texts(column.as_string::<i64>().iter()),
        DataType::Utf8View => texts(column.as_string_view().iter()),
        DataType::Timestamp(unit, _) => times(column, *unit),
        DataType::List(_) => lists(column, |row| column.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => lists(column, |row| column.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(_, _) => {
            lists(column, |row| column.as_fixed_size_list().value(row))?
        }
        DataType::Map(_, _) => maps(column)?,
        DataType::Struct(_) => structs(column)?,
        DataType::Dictionary(_, values) => values_of(&cast(column, values).map_err(engine)?)?,
        _ => formatted(column)?,
    })
}

fn engine(err: impl std::fmt::Display) -> LakeError {
    LakeError::Engine { reason: err.to_string() }
}

fn texts<'a>(cells: impl Iterator<Item = Option<&'a str>>) -> Vec<Value> {
    cells.map(|cell| cell.map_or(Value::Null, Value::from)).collect()
}

/// Timestamps as RFC 3339 text; one without a time zone is UTC, as everything in the lake is.
fn times(column: &ArrayRef, unit: TimeUnit) -> Vec<Value> {
    let cells: Vec<Option<i64>> = match unit {
        TimeUnit::Second => {
            nanos(column.as_primitive::<TimestampSecondType>().iter(), 1_000_000_000)
        }
        TimeUnit::Millisecond => {
            nanos(column.as_primitive::<TimestampMillisecondType>().iter(), 1_000_000)
        }
        TimeUnit::Microsecond => {
            nanos(column.as_primitive::<TimestampMicrosecondType>().iter(), 1_000)
        }
        TimeUnit::Nanosecond => nanos(column.as_primitive::<TimestampNanosecondType>().iter(), 1),
    };
    cells
        .into_iter()
        .map(|cell| {
            cell.map_or(Value::Null, |nanos| Value::Text(Timestamp::from_nanos(nanos).to_string()))
        })
        .collect()
}

fn nanos(cells: impl Iterator<Item = Option<i64>>, unit_ns: i64) -> Vec<Option<i64>> {
    cells.map(|cell| cell.map(|number| number.saturating_mul(unit_ns))).collect()
}

fn lists(column: &ArrayRef, items: impl Fn(usize) -> ArrayRef) -> Result<Vec<Value>, LakeError> {
    (0..column.len())
        .map(|row| {
            if column.is_null(row) {
                Ok(Value::Null)
            } else {
                values_of(&items(row)).map(Value::List)
            }
        })
        .collect()
}

fn maps(column: &ArrayRef) -> Result<Vec<Value>, LakeError> {
    let map = column.as_map();
    (0..map.len())
        .map(|row| {
            if map.is_null(row) {
                return Ok(Value::Null);
            }
            let entries = map.value(row);
            let names = values_of(entries.column(0))?;
            let values = values_of(entries.column(1))?;
            let name_of = |name: &Value| {
                name.scalar_text().map_or_else(String::new, std::borrow::Cow::into_owned)
            };
            Ok(Value::Map(names.iter().map(name_of).zip(values).collect()))
        })
        .collect()
}

fn structs(column: &ArrayRef) -> Result<Vec<Value>, LakeError> {
    let rows = column.as_struct();
    let mut made: Vec<Vec<(String, Value)>> = vec![Vec::new(); rows.len()];
    for (name, child) in rows.column_names().into_iter().zip(rows.columns()) {
        for (row, value) in made.iter_mut().zip(values_of(child)?) {
            row.push((name.to_owned(), value));
        }
    }
    let present = |(row, pairs)| if rows.is_null(row) { Value::Null } else { Value::Map(pairs) };
    Ok(made.into_iter().enumerate().map(present).collect())
}

/// Dates, intervals, decimals, binary and whatever else a query can make: as the engine prints them.
fn formatted(column: &ArrayRef) -> Result<Vec<Value>, LakeError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options).map_err(engine)?;
    (0..column.len())
        .map(|row| {
            if column.is_null(row) {
                return Ok(Value::Null);
            }
            formatter.value(row).try_to_string().map(Value::Text).map_err(engine)
        })
        .collect()
}
