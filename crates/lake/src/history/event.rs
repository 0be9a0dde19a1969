//! A row of an event table as the event that it was.
//!
//! What [`crate::rows`] wrote is read back: columns by their Sigma name, then the map `extra`, whose lists and
//! maps are JSON. A text that was stored as a number or truth value comes back as that; rules see the same
//! text. What does not come back: a field whose text is itself a JSON list or map and had no column comes back
//! as that list or map.

use model::registry::{self, FieldSpec};
use model::{
    AgentId, DeviceId, EpochId, Event, EventKind, Family, Fields, LogSource, StreamKey, Timestamp,
    Value,
};
use std::borrow::Cow;
use std::collections::HashMap;

/// The event of a row; the error says in words what is missing.
pub(super) fn of_row(family: Family, names: &[String], row: Vec<Value>) -> Result<Event, String> {
    let mut cells: HashMap<&str, Value> = names.iter().map(String::as_str).zip(row).collect();
    let mut text = |name: &str| match cells.remove(name) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(format!("a row without {name}")),
    };
    let time = |text: String| Timestamp::parse(&text);
    let device = DeviceId::parse(&text("device")?).map_err(|err| err.to_string())?;
    let agent = AgentId::parse(&text("agent")?).map_err(|err| err.to_string())?;
    let epoch = EpochId::parse(&text("epoch")?).map_err(|err| err.to_string())?;
    let kind = text("kind")?;
    let kind = EventKind::of_name(&kind).ok_or_else(|| format!("an unknown kind {kind}"))?;
    let observed_at = time(text("observed_at")?)?;
    let received_at = time(text("received_at")?)?;
    let source = LogSource {
        product: Cow::Owned(text("product").unwrap_or_default()),
        services: words(text("services")),
        categories: words(text("categories")),
    };
    let raw = text("raw").ok();
    let below_micros = cells.remove("observed_ns").and_then(|cell| cell.as_int()).unwrap_or(0);
    let seq = cells.remove("seq").and_then(|cell| cell.as_int());
    let seq = seq.and_then(|seq| u64::try_from(seq).ok()).ok_or("a row without seq")?;
    Ok(Event {
        kind,
        device,
        stream: StreamKey { agent, epoch, seq },
        observed_at: observed_at.plus_nanos(below_micros),
        received_at,
        source,
        fields: fields(family, &mut cells),
        raw,
    })
}

fn fields(family: Family, cells: &mut HashMap<&str, Value>) -> Fields {
    let mut fields = Fields::new();
    for field in registry::fields_of(family) {
        let field: &FieldSpec = field;
        match cells.remove(field.column) {
            None | Some(Value::Null) => {}
            Some(value) => fields.set(field.sigma, value),
        }
    }
    if let Some(Value::Map(pairs)) = cells.remove("extra") {
        for (name, value) in pairs {
            fields.set(name, outside(value));
        }
    }
    fields
}

/// What has no column is text, or JSON when it was a list or a map.
fn outside(value: Value) -> Value {
    match &value {
        Value::Text(text) => nested_outside(text).unwrap_or(value),
        _ => value,
    }
}

/// The list or map that a text outside the columns stands for; `None` when it stands for itself.
#[must_use]
pub fn nested_outside(text: &str) -> Option<Value> {
    if !text.starts_with(['[', '{']) {
        return None;
    }
    let read = serde_json::from_str::<Value>(text).ok();
    read.filter(|value| matches!(value, Value::List(_) | Value::Map(_)))
}

fn words(text: Result<String, String>) -> Vec<Cow<'static, str>> {
    let text = text.unwrap_or_default();
    text.split(',')
        .filter(|word| !word.is_empty())
        .map(|word| Cow::Owned(word.to_owned()))
        .collect()
}
