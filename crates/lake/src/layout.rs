//! Tables and columns: what the field registry asks for, what the catalog stores, and their Arrow form.

use crate::LakeError;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use model::registry::{FieldSpec, FieldType, IndexKind};
use model::{Family, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The name of the table of alerts.
pub(crate) const ALERT: &str = "alert";
/// The column by whose UTC day every table is partitioned.
pub(crate) const OBSERVED_AT: &str = "observed_at";
/// Rows of a file are in this order.
pub(crate) const SORT_COLUMNS: [&str; 5] = ["device", OBSERVED_AT, "agent", "epoch", "seq"];

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Text,
    TextList,
    TextMap,
    Int64,
    Int32,
    Bool,
    /// Microseconds in UTC.
    Time,
}

impl ColumnType {
    const ALL: [Self; 7] = [
        Self::Text,
        Self::TextList,
        Self::TextMap,
        Self::Int64,
        Self::Int32,
        Self::Bool,
        Self::Time,
    ];

    /// The name in the catalog, as DuckLake spells it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "varchar",
            Self::TextList => "list",
            Self::TextMap => "map",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Bool => "boolean",
            Self::Time => "timestamptz",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name() == name)
    }

    /// The columns that the catalog lists below a nested one; all of them are text.
    pub(crate) const fn children(self) -> &'static [&'static str] {
        match self {
            Self::TextList => &["element"],
            Self::TextMap => &["key", "value"],
            _ => &[],
        }
    }
}

/// A column as the product wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WantedColumn {
    pub(crate) name: &'static str,
    pub(crate) ty: ColumnType,
    pub(crate) index: IndexKind,
    /// The field that fills it; `None` for the columns that every event has.
    pub(crate) field: Option<&'static FieldSpec>,
}

/// A table as the product wants it.
#[derive(Debug, Clone)]
pub(crate) struct WantedTable {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<WantedColumn>,
}

impl WantedTable {
    pub(crate) fn column(&self, name: &str) -> Option<&WantedColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Every table that the product wants: one per family, and the alerts.
pub(crate) fn wanted_tables(fields: &'static [FieldSpec]) -> Result<Vec<WantedTable>, LakeError> {
    let mut tables: Vec<WantedTable> =
        Family::ALL.into_iter().map(|family| event_table(family, fields)).collect();
    let columns = ALERT_COLUMNS.iter().map(|(name, ty, index)| fixed(name, *ty, *index)).collect();
    tables.push(WantedTable { name: ALERT, columns });
    for table in &tables {
        let mut seen = BTreeSet::new();
        for column in &table.columns {
            if !seen.insert(column.name) {
                return Err(LakeError::ColumnTwice {
                    table: table.name.to_owned(),
                    column: column.name.to_owned(),
                });
            }
        }
    }
    Ok(tables)
}

fn event_table(family: Family, fields: &'static [FieldSpec]) -> WantedTable {
    let own = fields.iter().filter(|field| field.family.is_none_or(|of| of == family));
    let columns = EVENT_COLUMNS_BEFORE
        .iter()
        .map(|(name, ty, index)| fixed(name, *ty, *index))
        .chain(own.map(|field| WantedColumn {
            name: field.column,
            ty: match field.ty {
                FieldType::Text => ColumnType::Text,
                FieldType::TextList => ColumnType::TextList,
                FieldType::Int => ColumnType::Int64,
                FieldType::Bool => ColumnType::Bool,
            },
            index: field.index,
            field: Some(field),
        }))
        .chain(EVENT_COLUMNS_AFTER.iter().map(|(name, ty, index)| fixed(name, *ty, *index)))
        .collect();
    WantedTable { name: family.table(), columns }
}

const fn fixed(name: &'static str, ty: ColumnType, index: IndexKind) -> WantedColumn {
    WantedColumn { name, ty, index, field: None }
}

type FixedColumn = (&'static str, ColumnType, IndexKind);

const EVENT_COLUMNS_BEFORE: [FixedColumn; 13] = [
    ("device", ColumnType::Text, IndexKind::MinMax),
    ("agent", ColumnType::Text, IndexKind::MinMax),
    ("epoch", ColumnType::Text, IndexKind::MinMax),
    ("seq", ColumnType::Int64, IndexKind::MinMax),
    ("kind", ColumnType::Text, IndexKind::MinMax),
    ("class_uid", ColumnType::Int32, IndexKind::MinMax),
    ("activity_id", ColumnType::Int32, IndexKind::MinMax),
    (OBSERVED_AT, ColumnType::Time, IndexKind::MinMax),
    ("received_at", ColumnType::Time, IndexKind::MinMax),
    ("observed_ns", ColumnType::Int64, IndexKind::None),
    ("product", ColumnType::Text, IndexKind::MinMax),
    ("categories", ColumnType::Text, IndexKind::None),
    ("services", ColumnType::Text, IndexKind::None),
];

const EVENT_COLUMNS_AFTER: [FixedColumn; 2] =
    [("extra", ColumnType::TextMap, IndexKind::None), ("raw", ColumnType::Text, IndexKind::None)];

const ALERT_COLUMNS: [FixedColumn; 21] = [
    ("id", ColumnType::Text, IndexKind::Bloom),
    ("rule_id", ColumnType::Text, IndexKind::Bloom),
    ("rule_title", ColumnType::Text, IndexKind::None),
    ("rule_revision", ColumnType::Text, IndexKind::None),
    ("level", ColumnType::Text, IndexKind::MinMax),
    ("level_rank", ColumnType::Int32, IndexKind::MinMax),
    ("device", ColumnType::Text, IndexKind::MinMax),
    ("agent", ColumnType::Text, IndexKind::MinMax),
    ("epoch", ColumnType::Text, IndexKind::MinMax),
    ("seq", ColumnType::Int64, IndexKind::MinMax),
    ("kind", ColumnType::Text, IndexKind::MinMax),
    (OBSERVED_AT, ColumnType::Time, IndexKind::MinMax),
    ("detected_at", ColumnType::Time, IndexKind::MinMax),
    ("observed_ns", ColumnType::Int64, IndexKind::None),
    ("detected_ns", ColumnType::Int64, IndexKind::None),
    ("why", ColumnType::Text, IndexKind::None),
    ("fields", ColumnType::Text, IndexKind::None),
    ("rule_text", ColumnType::Text, IndexKind::None),
    ("image", ColumnType::Text, IndexKind::None),
    ("command_line", ColumnType::Text, IndexKind::None),
    ("user", ColumnType::Text, IndexKind::None),
];

/// A column as the catalog stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredColumn {
    /// The catalog's identifier; also the Parquet field id.
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) ty: ColumnType,
    /// Identifiers of the nested columns, in the order of [`ColumnType::children`].
    pub(crate) children: Vec<i64>,
}

impl StoredColumn {
    /// The Arrow field with every field id. Readers get text as views, which saves copies.
    fn arrow(&self, for_reading: bool) -> Field {
        let child = |place: usize, name: &str, nullable: bool| {
            let id = self.children.get(place).copied().unwrap_or_default();
            Arc::new(Field::new(name, DataType::Utf8, nullable).with_metadata(field_id(id)))
        };
        let ty = match self.ty {
            ColumnType::Text if for_reading => DataType::Utf8View,
            ColumnType::Text => DataType::Utf8,
            ColumnType::TextList => DataType::List(child(0, "element", true)),
            ColumnType::TextMap => {
                let entries = DataType::Struct(Fields::from(vec![
                    child(0, "key", false),
                    child(1, "value", true),
                ]));
                DataType::Map(Arc::new(Field::new("key_value", entries, false)), false)
            }
            ColumnType::Int64 => DataType::Int64,
            ColumnType::Int32 => DataType::Int32,
            ColumnType::Bool => DataType::Boolean,
            ColumnType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        };
        Field::new(&self.name, ty, true).with_metadata(field_id(self.id))
    }
}

fn field_id(id: i64) -> HashMap<String, String> {
    HashMap::from([("PARQUET:field_id".to_owned(), id.to_string())])
}

/// A table as the catalog stores it. It may have columns that the registry no longer knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredTable {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) partition_id: Option<i64>,
    pub(crate) columns: Vec<StoredColumn>,
}

impl StoredTable {
    /// The schema of files.
    pub(crate) fn file_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns.iter().map(|column| column.arrow(false)).collect::<Vec<_>>(),
        ))
    }

    /// The schema that queries see.
    pub(crate) fn query_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns.iter().map(|column| column.arrow(true)).collect::<Vec<_>>(),
        ))
    }
}

/// Days since 1970-01-01 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(pub(crate) i64);

const DAY_MICROS: i64 = 86_400_000_000;

impl Day {
    pub(crate) const fn of(time: Timestamp) -> Self {
        Self(time.micros().div_euclid(DAY_MICROS))
    }

    pub(crate) const fn of_micros(micros: i64) -> Self {
        Self(micros.div_euclid(DAY_MICROS))
    }

    /// `2026-08-21`.
    pub(crate) fn text(self) -> String {
        Timestamp::from_micros(self.0.saturating_mul(DAY_MICROS)).utc_day()
    }
}

/// The folder of a file below its table's folder; `None` for rows of many days.
pub(crate) fn day_folder(day: Option<Day>) -> String {
    day.map_or_else(|| "day=mixed".to_owned(), |day| format!("day={}", day.text()))
}

/// How the catalog writes a time.
pub(crate) fn catalog_time(time: Timestamp) -> String {
    time.to_jiff().strftime("%Y-%m-%d %H:%M:%S.%6f+00").to_string()
}

/// Reads what [`catalog_time`] wrote.
pub(crate) fn parse_catalog_time(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix("+00")?.split_once(' ')?;
    Timestamp::parse(&format!("{date}T{time}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_and_the_fixed_columns_do_not_collide() {
        let tables = wanted_tables(model::registry::FIELDS).expect("no column twice");
        assert_eq!(tables.len(), Family::ALL.len() + 1);
    }

    #[test]
    fn catalog_time_round_trips_to_the_microsecond() {
        for micros in [-1, 0, 1_755_000_000_123_456, -9_000_000_000_000_000] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(parse_catalog_time(&catalog_time(time)), Some(time), "{micros}");
        }
        assert_eq!(catalog_time(Timestamp::from_micros(1)), "1970-01-01 00:00:00.000001+00");
    }

    #[test]
    fn a_day_begins_at_midnight_utc_also_before_1970() {
        assert_eq!(Day::of(Timestamp::from_nanos(-1)).text(), "1969-12-31");
        assert_eq!(Day::of(Timestamp::from_nanos(0)).text(), "1970-01-01");
    }
}
