//! Events and alerts as Arrow record batches.
//!
//! A field goes to the column of its Sigma name when its value fits the column's type: texts, numbers and
//! truth values fit a text column by their text; a text fits a number or truth column when it is the
//! canonical text of one (`420`, not `0420` or `0x1a4`). Everything else goes to the map `extra` under its
//! Sigma name: text as it is, null as null, any other value as JSON. So nothing is lost, and what was
//! stored can be told apart from what was not there.

use crate::LakeError;
use crate::layout::{ColumnType, Day, StoredTable, WantedTable};
use datafusion::arrow::array::builder::{
    ArrayBuilder, BooleanBuilder, Int32Builder, Int64Builder, ListBuilder, MapBuilder,
    MapFieldNames, StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field};
use model::{Alert, Event, Fields, Level, Timestamp, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// The rows of one file of an event table.
pub(crate) fn event_rows(
    table: &StoredTable,
    wanted: &WantedTable,
    events: &[&Event],
) -> Result<RecordBatch, LakeError> {
    let plan = Plan::of(table, wanted);
    let mut columns = Columns::of(table, events.len());
    for event in events {
        append_event(&plan, &mut columns, event)?;
    }
    columns.finish(table)
}

/// The rows of one file of the table of alerts.
pub(crate) fn alert_rows(table: &StoredTable, alerts: &[&Alert]) -> Result<RecordBatch, LakeError> {
    let mut columns = Columns::of(table, alerts.len());
    for alert in alerts {
        for (column, builder) in table.columns.iter().zip(&mut columns.0) {
            append_alert_cell(&column.name, builder, alert)?;
        }
    }
    columns.finish(table)
}

/// The day of a row's partition.
pub(crate) const fn day_of_event(event: &Event) -> Day {
    Day::of(event.observed_at)
}

/// Where a column of an event table comes from.
enum Source {
    Fixed,
    Field,
    Extra,
    /// The catalog knows the column, this version of the registry does not.
    Unknown,
}

struct Plan {
    sources: Vec<(String, Source)>,
    /// The column of each Sigma name.
    slots: HashMap<&'static str, usize>,
}

impl Plan {
    fn of(table: &StoredTable, wanted: &WantedTable) -> Self {
        let mut slots = HashMap::new();
        let mut sources = Vec::with_capacity(table.columns.len());
        for (place, column) in table.columns.iter().enumerate() {
            let source = match wanted.column(&column.name) {
                None => Source::Unknown,
                Some(known) => match known.field {
                    Some(field) => {
                        slots.insert(field.sigma, place);
                        Source::Field
                    }
                    None if column.ty == ColumnType::TextMap => Source::Extra,
                    None => Source::Fixed,
                },
            };
            sources.push((column.name.clone(), source));
        }
        Self { sources, slots }
    }
}

fn append_event(plan: &Plan, columns: &mut Columns, event: &Event) -> Result<(), LakeError> {
    let mut cells: Vec<Option<&Value>> = vec![None; plan.sources.len()];
    let mut extra: Vec<(&str, &Value)> = Vec::new();
    for (name, value) in event.fields.iter() {
        match plan.slots.get(name).copied() {
            Some(slot) if columns.0[slot].fits(value) => cells[slot] = Some(value),
            _ => extra.push((name, value)),
        }
    }
    for (place, (name, source)) in plan.sources.iter().enumerate() {
        let builder = &mut columns.0[place];
        match source {
            Source::Fixed => append_event_cell(name, builder, event)?,
            Source::Field => builder.append_value(cells[place]),
            Source::Extra => builder.append_extra(&extra)?,
            Source::Unknown => builder.append_null(),
        }
    }
    Ok(())
}

fn append_event_cell(name: &str, into: &mut Builder, event: &Event) -> Result<(), LakeError> {
    let (class, activity) = event.kind.ocsf();
    match name {
        "device" => into.append_text(Some(&event.device.to_string())),
        "agent" => into.append_text(Some(&event.stream.agent.to_string())),
        "epoch" => into.append_text(Some(&event.stream.epoch.to_string())),
        "seq" => into.append_int(Some(sequence(event.stream.seq)?)),
        "kind" => into.append_text(Some(event.kind.name())),
        "class_uid" => into.append_int(Some(i64::from(class))),
        "activity_id" => into.append_int(Some(i64::from(activity))),
        "observed_at" => into.append_int(Some(event.observed_at.micros())),
        "received_at" => into.append_int(Some(event.received_at.micros())),
        "observed_ns" => into.append_int(Some(below_micros(event.observed_at))),
        "product" => into.append_text(Some(&event.source.product)),
        "categories" => into.append_text(Some(&event.source.categories.join(","))),
        "services" => into.append_text(Some(&event.source.services.join(","))),
        "raw" => into.append_text(event.raw.as_deref()),
        _ => into.append_null(),
    }
    Ok(())
}

fn append_alert_cell(name: &str, into: &mut Builder, alert: &Alert) -> Result<(), LakeError> {
    match name {
        "id" => into.append_text(Some(&alert.id.to_string())),
        "rule_id" => into.append_text(Some(&alert.rule_id)),
        "rule_title" => into.append_text(Some(&alert.rule_title)),
        "rule_revision" => into.append_text(Some(&alert.rule_revision)),
        "level" => into.append_text(Some(alert.level.name())),
        "level_rank" => into.append_int(Some(level_rank(alert.level))),
        "device" => into.append_text(Some(&alert.device.to_string())),
        "agent" => into.append_text(Some(&alert.stream.agent.to_string())),
        "epoch" => into.append_text(Some(&alert.stream.epoch.to_string())),
        "seq" => into.append_int(Some(sequence(alert.stream.seq)?)),
        "kind" => into.append_text(Some(alert.kind.name())),
        "observed_at" => into.append_int(Some(alert.observed_at.micros())),
        "detected_at" => into.append_int(Some(alert.detected_at.micros())),
        "observed_ns" => into.append_int(Some(below_micros(alert.observed_at))),
        "detected_ns" => into.append_int(Some(below_micros(alert.detected_at))),
        "why" => into.append_text(Some(&json(&alert.why)?)),
        "fields" => into.append_text(Some(&json(&alert.fields)?)),
        "rule_text" => into.append_text(Some(&alert.rule_text)),
        "image" => into.append_text(field_text(&alert.fields, "Image").as_deref()),
        "command_line" => into.append_text(field_text(&alert.fields, "CommandLine").as_deref()),
        "user" => into.append_text(field_text(&alert.fields, "User").as_deref()),
        _ => into.append_null(),
    }
    Ok(())
}

fn field_text<'a>(fields: &'a Fields, name: &str) -> Option<Cow<'a, str>> {
    fields.get(name).and_then(Value::scalar_text)
}

/// 0 for informational to 4 for critical.
const fn level_rank(level: Level) -> i64 {
    match level {
        Level::Informational => 0,
        Level::Low => 1,
        Level::Medium => 2,
        Level::High => 3,
        Level::Critical => 4,
    }
}

/// What a column of microseconds cannot hold: 0 to 999.
const fn below_micros(time: Timestamp) -> i64 {
    time.nanos().rem_euclid(1_000)
}

fn sequence(seq: u64) -> Result<i64, LakeError> {
    i64::try_from(seq)
        .map_err(|_| LakeError::Malformed { reason: format!("sequence number {seq} is too large") })
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, LakeError> {
    serde_json::to_string(value)
        .map_err(|err| LakeError::Malformed { reason: format!("a value has no JSON form: {err}") })
}

/// One builder per column, in the order of the table.
struct Columns(Vec<Builder>);

impl Columns {
    fn of(table: &StoredTable, rows: usize) -> Self {
        let schema = table.file_schema();
        Self(
            table
                .columns
                .iter()
                .zip(schema.fields())
                .map(|(column, field)| Builder::of(column.ty, field, rows))
                .collect(),
        )
    }

    fn finish(self, table: &StoredTable) -> Result<RecordBatch, LakeError> {
        let arrays = self.0.into_iter().map(Builder::finish).collect();
        RecordBatch::try_new(table.file_schema(), arrays)
            .map_err(|err| LakeError::Engine { reason: err.to_string() })
    }
}

enum Builder {
    Text(StringBuilder),
    TextList(ListBuilder<StringBuilder>),
    TextMap(MapBuilder<StringBuilder, StringBuilder>),
    Int64(Int64Builder),
    Int32(Int32Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
}

impl Builder {
    fn of(ty: ColumnType, field: &Field, rows: usize) -> Self {
        match (ty, field.data_type()) {
            (ColumnType::TextList, DataType::List(element)) => Self::TextList(
                ListBuilder::with_capacity(StringBuilder::new(), rows)
                    .with_field(Arc::clone(element)),
            ),
            (ColumnType::TextMap, DataType::Map(entries, _)) => {
                let names = MapFieldNames {
                    entry: entries.name().clone(),
                    key: "key".to_owned(),
                    value: "value".to_owned(),
                };
                let builder =
                    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
                match entries.data_type() {
                    DataType::Struct(fields) if fields.len() == 2 => Self::TextMap(
                        builder
                            .with_keys_field(Arc::clone(&fields[0]))
                            .with_values_field(Arc::clone(&fields[1])),
                    ),
                    _ => Self::TextMap(builder),
                }
            }
            (ColumnType::Int64, _) => Self::Int64(Int64Builder::with_capacity(rows)),
            (ColumnType::Int32, _) => Self::Int32(Int32Builder::with_capacity(rows)),
            (ColumnType::Bool, _) => Self::Bool(BooleanBuilder::with_capacity(rows)),
            (ColumnType::Time, _) => {
                Self::Time(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"))
            }
            _ => Self::Text(StringBuilder::with_capacity(rows, rows * 16)),
        }
    }

    /// Whether [`Self::append_value`] would keep the value.
    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Text(_) => value.scalar_text().is_some(),
            Self::TextList(_) => match value {
                Value::List(items) => items.iter().all(|item| item.as_text().is_some()),
                _ => false,
            },
            Self::Int64(_) => whole_number(value).is_some(),
            Self::Bool(_) => truth(value).is_some(),
            Self::TextMap(_) | Self::Int32(_) | Self::Time(_) => false,
        }
    }

    fn append_value(&mut self, value: Option<&Value>) {
        match (self, value) {
            (Self::Text(into), Some(value)) => into.append_option(value.scalar_text()),
            (Self::TextList(into), Some(Value::List(items))) => {
                for item in items {
                    into.values().append_option(item.as_text());
                }
                into.append(true);
            }
            (Self::Int64(into), Some(value)) => into.append_option(whole_number(value)),
            (Self::Bool(into), Some(value)) => into.append_option(truth(value)),
            (into, _) => into.append_null(),
        }
    }

    fn append_text(&mut self, text: Option<&str>) {
        match self {
            Self::Text(into) => into.append_option(text),
            other => other.append_null(),
        }
    }

    fn append_int(&mut self, number: Option<i64>) {
        match self {
            Self::Int64(into) => into.append_option(number),
            Self::Int32(into) => {
                into.append_option(number.and_then(|number| i32::try_from(number).ok()));
            }
            Self::Time(into) => into.append_option(number),
            other => other.append_null(),
        }
    }

    fn append_extra(&mut self, extra: &[(&str, &Value)]) -> Result<(), LakeError> {
        let Self::TextMap(into) = self else {
            self.append_null();
            return Ok(());
        };
        for (name, value) in extra {
            into.keys().append_value(name);
            match value {
                Value::Null => into.values().append_null(),
                Value::Text(text) => into.values().append_value(text),
                other => into.values().append_value(json(other)?),
            }
        }
        // A row without extra fields has a null map: smaller, and `extra IS NULL` says it.
        into.append(!extra.is_empty()).map_err(|err| LakeError::Engine { reason: err.to_string() })
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(into) => into.append_null(),
            Self::TextList(into) => into.append(false),
            Self::TextMap(into) => {
                // Appending a null entry fails only when keys and values differ in number.
                if into.append(false).is_err() {
                    tracing::error!("a map of fields had more keys than values");
                }
            }
            Self::Int64(into) => into.append_null(),
            Self::Int32(into) => into.append_null(),
            Self::Bool(into) => into.append_null(),
            Self::Time(into) => into.append_null(),
        }
    }

    fn finish(mut self) -> ArrayRef {
        match &mut self {
            Self::Text(into) => ArrayBuilder::finish(into),
            Self::TextList(into) => ArrayBuilder::finish(into),
            Self::TextMap(into) => ArrayBuilder::finish(into),
            Self::Int64(into) => ArrayBuilder::finish(into),
            Self::Int32(into) => ArrayBuilder::finish(into),
            Self::Bool(into) => ArrayBuilder::finish(into),
            Self::Time(into) => ArrayBuilder::finish(into),
        }
    }
}

/// The number that a value is, also when it is written as its canonical text.
fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Text(text) => {
            let number: i64 = text.parse().ok()?;
            (number.to_string() == *text).then_some(number)
        }
        other => other.as_int(),
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Text(text) if text == "true" => Some(true),
        Value::Text(text) if text == "false" => Some(false),
        _ => None,
    }
}
