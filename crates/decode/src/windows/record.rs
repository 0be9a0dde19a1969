//! The event record as JSON in the shape of its XML: `Event/System`, and one of `EventData`, `UserData`
//! or another payload.
//!
//! - `System`: an element is a field of its name, its attributes are `Element_Attribute`
//!   (`Provider_Name`, `Security_UserID`, `Execution_ProcessID`). `TimeCreated` becomes the event's time.
//! - `EventData`: each named `Data` is a field of its name; the unnamed ones are the list `Data`.
//! - Other payloads are flattened to the names of their innermost elements.
//! - Sigma writes field names without blanks (`ThreatName`), so blanks in names are left out.
//! - Values stay as they are.
//! - A payload's field wins over the `System` field of the same name, as rules expect (`Channel` of event
//!   104 is the log that was cleared), but not over those that identify the event.

use super::{aliases, sources};
use crate::limits::{FIELD_NAME_BYTES_MAX, FIELD_VALUES_MAX, FIELDS_READ_MAX};
use crate::{names, ndjson};
use model::limits::{FIELD_TEXT_BYTES_MAX, VALUE_DEPTH_MAX};
use model::{EventKind, Fields, LogSource, Name, Timestamp, Value};
use std::borrow::Cow;

/// A Windows event, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// What happened.
    pub kind: EventKind,
    /// `TimeCreated`, when it is there and valid.
    pub observed_at: Option<Timestamp>,
    /// Its log sources.
    pub source: LogSource,
    /// Its fields by Sigma name. `Truncated` is true when a limit cut something.
    pub fields: Fields,
}

/// Decodes an event record from JSON in the shape of its XML.
///
/// # Errors
/// What is wrong, in words, when the text is not JSON or not an event record.
pub fn of_json(text: &str) -> Result<Decoded, String> {
    let root: Value =
        serde_json::from_str(text).map_err(|err| format!("its JSON is broken: {err}"))?;
    match root {
        Value::Map(members) => of_members(members),
        _ => Err(NO_EVENT.to_owned()),
    }
}

/// As [`of_json`], from the members of the outermost object.
pub(crate) fn of_members<N: AsRef<str>>(members: Vec<(N, Value)>) -> Result<Decoded, String> {
    let event = members.into_iter().find(|(name, _)| name.as_ref() == "Event");
    let Some((_, Value::Map(parts))) = event else { return Err(NO_EVENT.to_owned()) };
    let mut flattened = Flattened::default();
    let (system, payload): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|(name, _)| name == "System");
    for (_, part) in system {
        flattened.take_system(part);
    }
    // Routing looks at what the event log service wrote, before a payload may overlay a name.
    let origin = Origin::of(&flattened.fields);
    for (name, part) in payload {
        if name != ATTRIBUTES {
            flattened.take_payload(&name, part, 0);
        }
    }
    Ok(flattened.finish(&origin))
}

/// Decodes an event whose members are its fields already. `fields` is empty and lends its memory.
pub(crate) fn of_flat(members: &mut Vec<(Name, Value)>, fields: Fields) -> Decoded {
    let observed_at = ndjson::time_of(members);
    let mut flattened = Flattened { observed_at, fields, ..Flattened::default() };
    for (name, value) in members.drain(..) {
        let name = if name.contains(' ') { Cow::Owned(sigma_name(&name)) } else { name };
        flattened.set_flat(name, value);
    }
    let origin = Origin::of(&flattened.fields);
    if origin.services.is_empty() && flattened.fields.text("Channel").is_none() {
        return flattened.finish_as_told();
    }
    flattened.finish(&origin)
}

/// The fields of a Winlogbeat event under the names that Windows gives them; members beside `winlog` stay.
pub(crate) fn without_beat(members: Vec<(Name, Value)>) -> Vec<(Name, Value)> {
    let mut fields = Vec::with_capacity(members.len() + 24);
    let mut payload = Vec::new();
    for (name, value) in members {
        match value {
            Value::Map(inner) if name == "winlog" => {
                for (name, value) in inner {
                    match (name.as_str(), value) {
                        ("event_data" | "user_data", Value::Map(inner)) => {
                            payload.extend(inner.into_iter().map(|(name, it)| (name.into(), it)));
                        }
                        (name, value) => {
                            let known = BEAT_NAMES.iter().find(|(beat, _)| *beat == name);
                            fields.extend(known.map(|(_, own)| (Cow::Borrowed(*own), value)));
                        }
                    }
                }
            }
            value => fields.push((name, value)),
        }
    }
    // What the event log service wrote comes last: a payload must not pass for another event.
    payload.retain(|(name, _): &(Name, Value)| !IDENTIFYING.contains(&&**name));
    payload.extend(fields);
    payload
}

/// What decides where an event belongs.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    pub(super) services: Vec<&'static str>,
    pub(super) event_id: Option<i64>,
}

impl Origin {
    fn of(system: &Fields) -> Self {
        Self {
            services: sources::services_of(system.text("Channel"), system.text("Provider_Name")),
            event_id: system.int("EventID"),
        }
    }
}

#[derive(Default)]
struct Flattened {
    fields: Fields,
    observed_at: Option<Timestamp>,
    /// Names that the payload has set; a second value of such a name joins the first.
    payload_names: Vec<String>,
    truncated: bool,
}

impl Flattened {
    fn take_system(&mut self, system: Value) {
        let Value::Map(elements) = system else { return };
        for (name, element) in elements {
            match element {
                Value::Map(inner) if name == "TimeCreated" => {
                    self.observed_at = system_time(inner);
                }
                Value::Map(inner) => {
                    for (part, value) in inner {
                        if part == ATTRIBUTES {
                            self.take_attributes(&name, value);
                        } else if part == TEXT {
                            self.set_system(&name, value);
                        }
                    }
                }
                // An empty element (`<Security/>`) says nothing.
                Value::Null => {}
                scalar => self.set_system(&name, scalar),
            }
        }
    }

    /// The event id is a number, also where it was rendered as text.
    fn set_system(&mut self, name: &str, value: Value) {
        let number = match (name, value.as_text()) {
            ("EventID", Some(text)) => text.trim().parse().ok().map(Value::Int),
            _ => None,
        };
        self.set(name, number.unwrap_or(value));
    }

    fn take_attributes(&mut self, element: &str, attributes: Value) {
        let Value::Map(attributes) = attributes else { return };
        for (name, value) in attributes {
            if !name.starts_with("xmlns") {
                self.set(&format!("{element}_{name}"), value);
            }
        }
    }

    fn take_payload(&mut self, name: &str, element: Value, depth: usize) {
        if depth >= VALUE_DEPTH_MAX {
            self.truncated = true;
            return;
        }
        match element {
            Value::Map(inner) => {
                for (part, value) in inner {
                    match part.as_str() {
                        ATTRIBUTES => self.take_attributes(name, value),
                        TEXT if name == UNNAMED => self.set_payload(name, listed(value)),
                        TEXT => self.set_payload(name, value),
                        _ => self.take_payload(&part, value, depth + 1),
                    }
                }
            }
            // `<EventData/>` has no field; an empty `Data` of a name has the value null.
            Value::Null if depth == 0 => {}
            value if name == UNNAMED => self.set_payload(name, listed(value)),
            value => self.set_payload(name, value),
        }
    }

    fn set_payload(&mut self, name: &str, value: Value) {
        let mut name = sigma_name(name);
        if IDENTIFYING.contains(&name.as_str()) {
            name = format!("EventData_{name}");
        }
        if !self.payload_names.contains(&name) {
            self.payload_names.push(name.clone());
            self.set(&name, value);
            return;
        }
        let mut values = match self.fields.get(&name) {
            Some(Value::List(values)) => values.clone(),
            Some(single) => vec![single.clone()],
            None => Vec::new(),
        };
        match value {
            Value::List(more) => values.extend(more),
            single => values.push(single),
        }
        self.set(&name, Value::List(values));
    }

    /// Names are set once almost always, so the last of several values counts and nothing is joined.
    fn set_flat(&mut self, name: Name, value: Value) {
        let bounded = match value {
            Value::Map(_) | Value::List(_) => self.within_depth(value, 0),
            scalar => self.within_limits(scalar, false),
        };
        if self.fields.len() >= FIELDS_READ_MAX && self.fields.get(&name).is_none() {
            self.truncated = true;
            return;
        }
        let number = match (&*name, bounded.as_text()) {
            ("EventID", Some(text)) => text.trim().parse().ok().map(Value::Int),
            _ => None,
        };
        let name = match name {
            Cow::Owned(own) => {
                names::shared_or_own(cut_text(own, FIELD_NAME_BYTES_MAX, &mut self.truncated))
            }
            known @ Cow::Borrowed(_) => known,
        };
        self.fields.set(name, number.unwrap_or(bounded));
    }

    /// A nested value of bounded depth and breadth.
    fn within_depth(&mut self, value: Value, depth: usize) -> Value {
        if depth > VALUE_DEPTH_MAX {
            self.truncated = true;
            return Value::Null;
        }
        match value {
            Value::List(mut items) => {
                self.truncated |= items.len() > FIELD_VALUES_MAX;
                items.truncate(FIELD_VALUES_MAX);
                let bounded = items.into_iter().map(|item| self.within_depth(item, depth + 1));
                Value::List(bounded.collect())
            }
            Value::Map(mut pairs) => {
                self.truncated |= pairs.len() > FIELD_VALUES_MAX;
                pairs.truncate(FIELD_VALUES_MAX);
                let mut bounded = Vec::with_capacity(pairs.len());
                for (name, inner) in pairs {
                    let name = cut_text(name, FIELD_NAME_BYTES_MAX, &mut self.truncated);
                    bounded.push((name, self.within_depth(inner, depth + 1)));
                }
                Value::Map(bounded)
            }
            scalar => self.within_limits(scalar, false),
        }
    }

    /// An event that is not of Windows: its own words say where it belongs.
    fn finish_as_told(mut self) -> Decoded {
        if self.truncated {
            self.fields.set("Truncated", true);
        }
        let told = |name: &str| -> Vec<Cow<'static, str>> {
            let texts: Vec<&str> = match self.fields.get(name) {
                Some(Value::Text(text)) => vec![text],
                Some(Value::List(items)) => items.iter().filter_map(Value::as_text).collect(),
                _ => Vec::new(),
            };
            texts.into_iter().map(|text| Cow::Owned(text.to_ascii_lowercase())).collect()
        };
        let source = LogSource {
            product: told("product").into_iter().next().unwrap_or_default(),
            services: told("service"),
            categories: told("category"),
        };
        let kind = EventKind::Other;
        Decoded { kind, observed_at: self.observed_at, source, fields: self.fields }
    }

    fn set(&mut self, name: &str, value: Value) {
        if self.fields.len() >= FIELDS_READ_MAX && self.fields.get(name).is_none() {
            self.truncated = true;
            return;
        }
        let name = match names::shared(name) {
            Some(known) => Cow::Borrowed(known),
            None => {
                Cow::Owned(cut_text(name.to_owned(), FIELD_NAME_BYTES_MAX, &mut self.truncated))
            }
        };
        let value = self.within_limits(value, true);
        self.fields.set(name, value);
    }

    /// Texts and lists of bounded length; a list of lists or maps cannot come from an event record.
    fn within_limits(&mut self, value: Value, lists: bool) -> Value {
        match value {
            Value::Text(text) => {
                Value::Text(cut_text(text, FIELD_TEXT_BYTES_MAX, &mut self.truncated))
            }
            Value::List(mut values) if lists => {
                self.truncated |= values.len() > FIELD_VALUES_MAX;
                values.truncate(FIELD_VALUES_MAX);
                let bounded = values.into_iter().map(|value| self.within_limits(value, false));
                Value::List(bounded.collect())
            }
            Value::List(_) | Value::Map(_) => {
                self.truncated = true;
                Value::Null
            }
            other => other,
        }
    }

    fn finish(mut self, origin: &Origin) -> Decoded {
        aliases::apply(&mut self.fields, origin);
        if self.truncated {
            self.fields.set("Truncated", true);
        }
        let kind = sources::kind_of(&origin.services, origin.event_id, &self.fields);
        let source = sources::source_of(&origin.services, origin.event_id, &self.fields);
        Decoded { kind, observed_at: self.observed_at, source, fields: self.fields }
    }
}

fn system_time(time_created: Vec<(String, Value)>) -> Option<Timestamp> {
    let (_, attributes) = time_created.into_iter().find(|(name, _)| name == ATTRIBUTES)?;
    let Value::Map(attributes) = attributes else { return None };
    let (_, time) = attributes.into_iter().find(|(name, _)| name == "SystemTime")?;
    Timestamp::parse(time.as_text()?).ok()
}

fn listed(value: Value) -> Value {
    match value {
        list @ Value::List(_) => list,
        single => Value::List(vec![single]),
    }
}

fn sigma_name(name: &str) -> String {
    name.chars().filter(|letter| *letter != ' ').collect()
}

fn cut_text(mut text: String, bytes_max: usize, truncated: &mut bool) -> String {
    if text.len() > bytes_max {
        *truncated = true;
        text.truncate(text.floor_char_boundary(bytes_max));
    }
    text
}

const NO_EVENT: &str = "it has no Event element";
/// Members of `winlog` and the fields that they are.
const BEAT_NAMES: &[(&str, &str)] = &[
    ("channel", "Channel"),
    ("provider_name", "Provider_Name"),
    ("provider_guid", "Provider_Guid"),
    ("event_id", "EventID"),
    ("computer_name", "Computer"),
    ("record_id", "EventRecordID"),
    ("opcode", "Opcode"),
    ("version", "Version"),
];
const ATTRIBUTES: &str = "#attributes";
const TEXT: &str = "#text";
/// The name of `Data` elements without a name.
const UNNAMED: &str = "Data";
/// A payload must not be able to pass for another kind of event, another machine or another user.
const IDENTIFYING: &[&str] =
    &["EventID", "Provider_Name", "Provider_Guid", "Computer", "Security_UserID", "EventRecordID"];
