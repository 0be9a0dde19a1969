//! The two bindings, as section 6 of NISTIR 7695 says.

use super::value::Unit;
use super::{Field, Value, Wfn, bad};
use crate::SoftwareError;
use crate::limits::CPE_BYTES_MAX;

/// bind_to_fs
pub(super) fn formatted(name: &Wfn) -> String {
    let mut text = String::from("cpe:2.3");
    for field in Field::ALL {
        text.push(':');
        let value = name.get(field);
        match value {
            Value::Any => text.push('*'),
            Value::Na => text.push('-'),
            Value::Text(_) => value.units().iter().for_each(|unit| match unit {
                Unit::Many => text.push('*'),
                Unit::One => text.push('?'),
                Unit::Literal(plain) => {
                    if !plain.is_ascii_alphanumeric() && !matches!(plain, '.' | '-' | '_') {
                        text.push('\\');
                    }
                    text.push(*plain);
                }
            }),
        }
    }
    text
}

/// unbind_fs
pub(super) fn of_formatted(text: &str) -> Result<Wfn, SoftwareError> {
    check_size(text)?;
    let rest = strip_start(text, "cpe:2.3:")
        .ok_or_else(|| bad("it begins neither with cpe:2.3: nor with cpe:/", text))?;
    let parts = split_unquoted(rest);
    if parts.len() != Field::ALL.len() {
        return Err(bad("it has not eleven attributes", text));
    }
    let mut name = Wfn::new();
    for (field, part) in Field::ALL.into_iter().zip(parts) {
        let value = match part {
            "*" => Value::Any,
            "-" => Value::Na,
            _ => Value::of_units(&units_of(part)?, part)?,
        };
        name.set(field, value)?;
    }
    Ok(name)
}

/// Punctuation without a backslash stands for itself here, wildcards do not.
fn units_of(part: &str) -> Result<Vec<Unit>, SoftwareError> {
    let mut units = Vec::new();
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        units.push(match character {
            '\\' => Unit::Literal(
                characters.next().ok_or_else(|| bad("nothing follows the backslash", part))?,
            ),
            '*' => Unit::Many,
            '?' => Unit::One,
            plain => Unit::Literal(plain),
        });
    }
    Ok(units)
}

/// Parts between colons that have no backslash before them.
fn split_unquoted(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (place, character) in text.char_indices() {
        if quoted {
            quoted = false;
        } else if character == '\\' {
            quoted = true;
        } else if character == ':' {
            parts.push(text.get(start..place).unwrap_or_default());
            start = place + 1;
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// bind_to_URI
pub(super) fn uri(name: &Wfn) -> String {
    let extended = [Field::SwEdition, Field::TargetSw, Field::TargetHw, Field::Other];
    let mut text = String::from("cpe:/");
    for field in [
        Field::Part,
        Field::Vendor,
        Field::Product,
        Field::Version,
        Field::Update,
        Field::Edition,
        Field::Language,
    ] {
        if field != Field::Part {
            text.push(':');
        }
        let packed =
            field == Field::Edition && extended.iter().any(|field| *name.get(*field) != Value::Any);
        if packed {
            text.push('~');
        }
        escape(name.get(field), &mut text);
        if packed {
            for field in extended {
                text.push('~');
                escape(name.get(field), &mut text);
            }
        }
    }
    text.truncate(text.trim_end_matches(':').len());
    // A name of which nothing is set.
    if text == "cpe" || text == "cpe:" || text.len() < 5 { "cpe:/".to_owned() } else { text }
}

fn escape(value: &Value, text: &mut String) {
    if *value == Value::Na {
        text.push('-');
    }
    for unit in value.units() {
        match unit {
            Unit::One => text.push_str("%01"),
            Unit::Many => text.push_str("%02"),
            Unit::Literal(plain)
                if plain.is_ascii_alphanumeric() || matches!(plain, '_' | '.' | '-') =>
            {
                text.push(plain)
            }
            Unit::Literal(other) => text.push_str(&format!("%{:02x}", u32::from(other))),
        }
    }
}

/// unbind_URI
pub(super) fn of_uri(text: &str) -> Result<Wfn, SoftwareError> {
    check_size(text)?;
    let rest =
        strip_start(text, "cpe:/").ok_or_else(|| bad("it does not begin with cpe:/", text))?;
    let fields = [
        Field::Part,
        Field::Vendor,
        Field::Product,
        Field::Version,
        Field::Update,
        Field::Edition,
        Field::Language,
    ];
    let parts: Vec<&str> = rest.split(':').collect();
    if parts.len() > fields.len() {
        return Err(bad("it has more than seven components", text));
    }
    let mut name = Wfn::new();
    for (field, part) in fields.into_iter().zip(parts) {
        match part.strip_prefix('~') {
            Some(packed) if field == Field::Edition => {
                let pieces: Vec<&str> = packed.split('~').collect();
                let packed_fields = [
                    Field::Edition,
                    Field::SwEdition,
                    Field::TargetSw,
                    Field::TargetHw,
                    Field::Other,
                ];
                if pieces.len() != packed_fields.len() {
                    return Err(bad("the packed edition has not five parts", part));
                }
                for (field, piece) in packed_fields.into_iter().zip(pieces) {
                    name.set(field, decode(piece)?)?;
                }
            }
            _ => name.set(field, decode(part)?)?,
        }
    }
    Ok(name)
}

fn decode(part: &str) -> Result<Value, SoftwareError> {
    match part {
        "" => return Ok(Value::Any),
        "-" => return Ok(Value::Na),
        _ => {}
    }
    let mut units = Vec::new();
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        units.push(match character {
            '%' => {
                let code: String = characters.by_ref().take(2).collect();
                match u8::from_str_radix(&code, 16) {
                    Ok(1) => Unit::One,
                    Ok(2) => Unit::Many,
                    Ok(byte) if byte.is_ascii_punctuation() => Unit::Literal(char::from(byte)),
                    _ => {
                        return Err(bad(
                            "a percent sign has no code of punctuation or a wildcard after it",
                            part,
                        ));
                    }
                }
            }
            plain if plain.is_ascii_alphanumeric() || matches!(plain, '_' | '.' | '-' | '~') => {
                Unit::Literal(plain)
            }
            _ => return Err(bad("a character must be written with a percent sign", part)),
        });
    }
    Value::of_units(&units, part)
}

fn strip_start<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let head = text.get(..start.len())?;
    head.eq_ignore_ascii_case(start).then(|| text.get(start.len()..)).flatten()
}

fn check_size(text: &str) -> Result<(), SoftwareError> {
    if text.len() > CPE_BYTES_MAX {
        return Err(SoftwareError::TooLarge {
            what: "the CPE name",
            size: text.len(),
            limit: CPE_BYTES_MAX,
        });
    }
    Ok(())
}
