//! Which values of an event a rule's field means.

use crate::limits;
use model::{Fields, Value};

/// A single value of an event and its text.
pub(super) struct Single<'e> {
    pub(super) value: &'e Value,
    pub(super) text: String,
}

/// The value of a field: by its name without blanks, or along dots into maps; the first that is found.
pub(super) fn find<'e>(fields: &'e Fields, wanted: &str) -> Option<&'e Value> {
    let wanted = wanted.replace(' ', "");
    fields.iter().find_map(|(name, value)| step(&name.replace(' ', ""), value, &wanted, 0))
}

fn step<'e>(name: &str, value: &'e Value, wanted: &str, depth: usize) -> Option<&'e Value> {
    if name == wanted {
        return Some(value);
    }
    let Value::Map(pairs) = value else { return None };
    let rest = wanted.strip_prefix(name)?.strip_prefix('.')?;
    if depth > limits::EVENT_DEPTH_MAX {
        return None;
    }
    pairs.iter().find_map(|(name, value)| step(name, value, rest, depth + 1))
}

/// The elements of a list, of lists within it too; any other value is its own only one. Maps and nulls are
/// no single values.
pub(super) fn singles(value: &Value) -> Vec<Single<'_>> {
    let mut found = Vec::new();
    gather(value, false, 0, &mut found);
    found
}

/// Every single value of the event, whatever its field and depth.
pub(super) fn everything(fields: &Fields) -> Vec<Single<'_>> {
    let mut found = Vec::new();
    for (_, value) in fields.iter() {
        gather(value, true, 0, &mut found);
    }
    found
}

fn gather<'e>(value: &'e Value, into_maps: bool, depth: usize, found: &mut Vec<Single<'e>>) {
    if depth > limits::EVENT_DEPTH_MAX {
        return;
    }
    match value {
        Value::List(items) => {
            for item in items {
                gather(item, into_maps, depth + 1, found);
            }
        }
        Value::Map(pairs) if into_maps => {
            for (_, item) in pairs {
                gather(item, into_maps, depth + 1, found);
            }
        }
        Value::Null | Value::Map(_) => {}
        Value::Text(text) => found.push(Single { value, text: text.clone() }),
        Value::Bool(truth) => found.push(Single { value, text: truth.to_string() }),
        Value::Int(number) => found.push(Single { value, text: number.to_string() }),
        Value::UInt(number) => found.push(Single { value, text: number.to_string() }),
        Value::Float(number) => found.push(Single { value, text: number.to_string() }),
    }
}

/// Missing, null, a list of nothing, or a null among the values.
pub(super) fn is_null(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::List(items)) => items.is_empty() || items.contains(&Value::Null),
        Some(_) => false,
    }
}

/// What a field holds, as text for people.
pub(super) fn shown(fields: &Fields, field: &str) -> Option<String> {
    let texts: Vec<String> =
        find(fields, field).map(singles)?.into_iter().map(|one| one.text).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}
