//! The field registry: what `fields.toml` says, as a table that every room reads.
//!
//! The lake takes its Arrow schema from it, rules and the search bar their names, the exporters their
//! paths, the console its labels. `cargo xtask generate` makes `generated.rs` and `docs/fields.md` from the
//! data file; a test proves that both are current.

mod generated;

use crate::Family;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    Text,
    /// A list of texts.
    TextList,
    /// A signed 64-bit number.
    Int,
    /// A truth value.
    Bool,
}

/// What the lake keeps beside a column to skip data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// Nothing but what Parquet always keeps.
    None,
    /// Smallest and largest value per file.
    MinMax,
    /// A Bloom filter, for exact lookups.
    Bloom,
    /// Trigrams per page, for substring hunts.
    Trigram,
}

/// One field of one family; `family` is `None` for the columns that every table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSpec {
    /// Which table; `None`: every table.
    pub family: Option<Family>,
    /// Our column name, frozen.
    pub column: &'static str,
    /// The Sigma name.
    pub sigma: &'static str,
    /// The column's type.
    pub ty: FieldType,
    /// The column's index.
    pub index: IndexKind,
    /// Path in OCSF 1.8.
    pub ocsf: &'static str,
    /// Name in ECS.
    pub ecs: &'static str,
    /// Japanese label.
    pub label_ja: &'static str,
    /// English label.
    pub label_en: &'static str,
}

/// Every field, common ones first, then by family in the order of [`Family::ALL`].
pub const FIELDS: &[FieldSpec] = generated::FIELDS;

/// The fields of a family's table, common ones first.
pub fn fields_of(family: Family) -> impl Iterator<Item = &'static FieldSpec> {
    FIELDS.iter().filter(move |field| field.family.is_none_or(|own| own == family))
}

/// The field of a Sigma name in a family's table.
#[must_use]
pub fn by_sigma(family: Family, sigma: &str) -> Option<&'static FieldSpec> {
    fields_of(family).find(|field| field.sigma == sigma)
}

/// The field of a column in a family's table.
#[must_use]
pub fn by_column(family: Family, column: &str) -> Option<&'static FieldSpec> {
    fields_of(family).find(|field| field.column == column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_within_a_table() {
        for family in Family::ALL {
            let mut columns = BTreeSet::new();
            let mut sigma = BTreeSet::new();
            for field in fields_of(family) {
                assert!(columns.insert(field.column), "{family:?}.{} twice", field.column);
                assert!(sigma.insert(field.sigma), "{family:?}.{} twice", field.sigma);
            }
        }
    }
}
