//! One record of an agent's stream: an observation as protobuf.

use crate::{
    error::{WireError, check_size},
    limits::{NAME_BYTES_MAX, OBSERVATION_NODES_MAX},
    shape::{self, Shape},
};
use model::{
    EventKind, Fields, Observation, Timestamp, Value,
    limits::{FIELD_TEXT_BYTES_MAX, FIELDS_MAX, RECORD_BYTES_MAX, VALUE_DEPTH_MAX},
};
use prost::Message as _;

#[derive(Clone, PartialEq, prost::Message)]
struct ObservationMessage {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(sfixed64, tag = "2")]
    observed_at_ns: i64,
    #[prost(message, repeated, tag = "3")]
    fields: Vec<FieldMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FieldMessage {
    #[prost(string, tag = "1")]
    name: String,
    /// Absent: null.
    #[prost(message, optional, tag = "2")]
    value: Option<ValueMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ValueMessage {
    #[prost(oneof = "OneValue", tags = "1, 2, 3, 4, 5, 6, 7")]
    one: Option<OneValue>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum OneValue {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(sint64, tag = "2")]
    Int(i64),
    #[prost(uint64, tag = "3")]
    UInt(u64),
    #[prost(double, tag = "4")]
    Float(f64),
    #[prost(string, tag = "5")]
    Text(String),
    #[prost(message, tag = "6")]
    List(ListMessage),
    #[prost(message, tag = "7")]
    Map(MapMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListMessage {
    #[prost(message, repeated, tag = "1")]
    items: Vec<ValueMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MapMessage {
    #[prost(message, repeated, tag = "1")]
    pairs: Vec<FieldMessage>,
}

static VALUE: Shape = Shape { messages: &[(6, &LIST), (7, &MAP)] };
static LIST: Shape = Shape { messages: &[(1, &VALUE)] };
static MAP: Shape = Shape { messages: &[(1, &FIELD)] };
static FIELD: Shape = Shape { messages: &[(2, &VALUE)] };
static OBSERVATION: Shape = Shape { messages: &[(3, &FIELD)] };

/// An observation as the bytes of a record.
///
/// # Errors
/// [`WireError::TooLarge`] when it exceeds a limit of [`model::limits`]; it can never be sent.
pub fn encode_observation(observation: &Observation) -> Result<Vec<u8>, WireError> {
    check_size("number of fields", observation.fields.len(), FIELDS_MAX)?;
    let mut fields = Vec::with_capacity(observation.fields.len());
    for (name, value) in observation.fields.iter() {
        fields.push(pair_to_message(name, value, 1)?);
    }
    let message = ObservationMessage {
        kind: u32::from(observation.kind.number()),
        observed_at_ns: observation.observed_at.nanos(),
        fields,
    };
    check_size("record", message.encoded_len(), RECORD_BYTES_MAX)?;
    let bytes = message.encode_to_vec();
    // What the receiver would refuse must not be sent: the same walk, so that both agree.
    shape::check("observation", &bytes, &OBSERVATION, OBSERVATION_NODES_MAX)?;
    Ok(bytes)
}

/// The observation of a record's bytes.
///
/// # Errors
/// [`WireError::UnknownKind`] for a kind of a newer version; [`WireError::TooLarge`] and
/// [`WireError::Malformed`] otherwise. The receiver keeps the bytes as `Undecodable` and goes on.
pub fn decode_observation(bytes: &[u8]) -> Result<Observation, WireError> {
    check_size("record", bytes.len(), RECORD_BYTES_MAX)?;
    shape::check("observation", bytes, &OBSERVATION, OBSERVATION_NODES_MAX)?;
    let message = ObservationMessage::decode(bytes)
        .map_err(|err| WireError::malformed("observation", err))?;
    check_size("number of fields", message.fields.len(), FIELDS_MAX)?;
    let kind = u16::try_from(message.kind)
        .ok()
        .and_then(EventKind::of_number)
        .ok_or(WireError::UnknownKind { number: message.kind })?;
    let mut fields = Fields::new();
    for pair in message.fields {
        let (name, value) = pair_from_message(pair, 1)?;
        fields.set(name, value);
    }
    Ok(Observation { kind, observed_at: Timestamp::from_nanos(message.observed_at_ns), fields })
}

fn pair_to_message(name: &str, value: &Value, depth: usize) -> Result<FieldMessage, WireError> {
    check_size("name of a field", name.len(), NAME_BYTES_MAX)?;
    Ok(FieldMessage { name: name.to_owned(), value: Some(to_message(value, depth)?) })
}

fn pair_from_message(pair: FieldMessage, depth: usize) -> Result<(String, Value), WireError> {
    check_size("name of a field", pair.name.len(), NAME_BYTES_MAX)?;
    let value = pair.value.map_or(Ok(Value::Null), |value| from_message(value, depth))?;
    Ok((pair.name, value))
}

fn to_message(value: &Value, depth: usize) -> Result<ValueMessage, WireError> {
    check_size("nesting of a value", depth, VALUE_DEPTH_MAX)?;
    let one = match value {
        Value::Null => None,
        Value::Bool(truth) => Some(OneValue::Bool(*truth)),
        Value::Int(number) => Some(OneValue::Int(*number)),
        Value::UInt(number) => Some(OneValue::UInt(*number)),
        Value::Float(number) => Some(OneValue::Float(*number)),
        Value::Text(text) => {
            check_size("text of a field", text.len(), FIELD_TEXT_BYTES_MAX)?;
            Some(OneValue::Text(text.clone()))
        }
        Value::List(items) => {
            let mut messages = Vec::with_capacity(items.len());
            for item in items {
                messages.push(to_message(item, depth + 1)?);
            }
            Some(OneValue::List(ListMessage { items: messages }))
        }
        Value::Map(pairs) => {
            let mut messages = Vec::with_capacity(pairs.len());
            for (name, inner) in pairs {
                messages.push(pair_to_message(name, inner, depth + 1)?);
            }
            Some(OneValue::Map(MapMessage { pairs: messages }))
        }
    };
    Ok(ValueMessage { one })
}

fn from_message(message: ValueMessage, depth: usize) -> Result<Value, WireError> {
    check_size("nesting of a value", depth, VALUE_DEPTH_MAX)?;
    let Some(one) = message.one else { return Ok(Value::Null) };
    Ok(match one {
        OneValue::Bool(truth) => Value::Bool(truth),
        OneValue::Int(number) => Value::Int(number),
        OneValue::UInt(number) => Value::UInt(number),
        OneValue::Float(number) => Value::Float(number),
        OneValue::Text(text) => {
            check_size("text of a field", text.len(), FIELD_TEXT_BYTES_MAX)?;
            Value::Text(text)
        }
        OneValue::List(list) => {
            let mut items = Vec::with_capacity(list.items.len());
            for item in list.items {
                items.push(from_message(item, depth + 1)?);
            }
            Value::List(items)
        }
        OneValue::Map(map) => {
            let mut pairs = Vec::with_capacity(map.pairs.len());
            for pair in map.pairs {
                pairs.push(pair_from_message(pair, depth + 1)?);
            }
            Value::Map(pairs)
        }
    })
}
