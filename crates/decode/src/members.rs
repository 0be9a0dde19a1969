//! The members of a JSON object as fields, read without making what is thrown away: names that are known have
//! no memory of their own, and texts use the memory of an event that is done.

use crate::names;
use model::{Fields, Name, Value};
use serde::Deserialize as _;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What a reader keeps from line to line.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    /// Texts that nobody needs any more; bounded by [`TEXTS_MAX`].
    texts: Vec<String>,
    members: Vec<(Name, Value)>,
    fields: Fields,
    /// The names of the last object's members, in order: mostly those of the next one.
    shape: Vec<Name>,
}

/// Texts kept for the next events.
const TEXTS_MAX: usize = 512;
/// Bytes of the longest text that is kept.
const TEXT_BYTES_MAX: usize = 4_096;

impl Spare {
    /// Takes the memory of fields that nobody needs any more.
    pub(crate) fn take(&mut self, fields: Fields) {
        let texts = &mut self.texts;
        self.fields = fields.emptied(|value| {
            if let Value::Text(text) = value
                && text.capacity() <= TEXT_BYTES_MAX
                && texts.len() < TEXTS_MAX
            {
                texts.push(text);
            }
        });
    }

    /// Takes the memory of a list of members.
    pub(crate) fn take_members(&mut self, mut members: Vec<(Name, Value)>) {
        members.clear();
        self.members = members;
    }

    /// No fields, with the memory of earlier ones.
    pub(crate) fn fields(&mut self) -> Fields {
        std::mem::take(&mut self.fields)
    }

    fn text(&mut self, text: &str) -> String {
        match self.texts.pop() {
            Some(mut spare) => {
                spare.clear();
                spare.push_str(text);
                spare
            }
            None => text.to_owned(),
        }
    }

    /// The name, without memory of its own when it is a known one.
    fn name(&mut self, place: usize, name: &str) -> Name {
        if let Some(known) = self.shape.get(place)
            && known == name
        {
            return known.clone();
        }
        let found = names::shared(name).map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed);
        if place < SHAPE_MAX {
            match self.shape.get_mut(place) {
                Some(known) => known.clone_from(&found),
                // Places are visited in order, so at most one is missing.
                None => self.shape.push(found.clone()),
            }
        }
        found
    }
}

/// Members whose names are remembered.
const SHAPE_MAX: usize = 256;

/// Reads the members of the object that the text is, in its order, a name that occurs twice among them twice.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn read(text: &str, spare: &mut Spare) -> Result<Vec<(Name, Value)>, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let broken = |err: serde_json::Error| match err.classify() {
        serde_json::error::Category::Data => NO_OBJECT.to_owned(),
        _ => format!("its JSON is broken: {err}"),
    };
    let members = Members(spare).deserialize(&mut reader).map_err(broken)?;
    reader.end().map_err(broken)?;
    Ok(members)
}

const NO_OBJECT: &str = "it is not a JSON object";

struct Members<'s>(&'s mut Spare);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Vec<(Name, Value)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<(Name, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = std::mem::take(&mut self.0.members);
        while let Some(name) = map.next_key_seed(MemberName(self.0, members.len()))? {
            let value = map.next_value_seed(Single(self.0))?;
            members.push((name, value));
        }
        Ok(members)
    }
}

/// A member's name, and its place in the object.
struct MemberName<'s>(&'s mut Spare, usize);

impl<'de> DeserializeSeed<'de> for MemberName<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberName<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(self.0.name(self.1, name))
    }
}

/// A member's value; lists and maps are read as [`Value`] reads them.
struct Single<'s>(&'s mut Spare);

impl<'de> DeserializeSeed<'de> for Single<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Single<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(self.0.text(text)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(seq))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json() -> impl Strategy<Value = String> {
        let text = prop::sample::select(vec![
            r#""a""#,
            r#""""#,
            r#""C:\\a \"b\" \u00e9\n\u0000""#,
            r#""\ud83d\ude00 日本""#,
            r#""\ud83d""#,
            "\"\u{7f}\t\"",
            "null",
            "true",
            "0",
            "-0",
            "-9223372036854775808",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "1e400",
            "1.5",
            "01",
            "{}",
            "[]",
            r#"[1,["x",{"k":null,"k":2}],"y"]"#,
            r#"{"a":{"b":[{}]},"a":1}"#,
            "nul",
            "[1,",
            "",
        ]);
        let name = prop::sample::select(vec![
            r#""Image""#,
            r#""CommandLine""#,
            r#""Ima\u0067e""#,
            r#""x y""#,
            r#""""#,
            r#""Event""#,
            "1",
        ]);
        let member = (name, text).prop_map(|(name, text)| format!("{name}: {text}"));
        let end = prop::sample::select(vec!["}", "}", "}", "} ", "}x", "", ",}", "}{}"]);
        (prop::collection::vec(member, 0..6), end)
            .prop_map(|(members, end)| format!("{{{}{end}", members.join(", ")))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn members_are_read_as_values_are_whatever_was_read_before(
            lines in prop::collection::vec(json(), 1..5)
        ) {
            let mut spare = Spare::default();
            for line in lines {
                let expected = serde_json::from_str::<Value>(&line);
                let found = read(&line, &mut spare);
                match (&found, expected) {
                    (Ok(members), Ok(Value::Map(expected))) => {
                        let members: Vec<(String, Value)> = members
                            .iter()
                            .map(|(name, value)| (name.clone().into_owned(), value.clone()))
                            .collect();
                        prop_assert_eq!(members, expected);
                    }
                    (Err(_), Err(_)) => {}
                    (found, expected) => prop_assert!(false, "{line}: {found:?} {expected:?}"),
                }
                if let Ok(members) = found {
                    spare.take(members.into_iter().collect());
                }
            }
        }
    }

    #[test]
    fn what_is_no_object_is_said_to_be_none() {
        for text in ["1", "[{}]", "\"{}\"", "null"] {
            assert_eq!(read(text, &mut Spare::default()), Err(NO_OBJECT.to_owned()), "{text}");
        }
        assert!(read("{", &mut Spare::default()).expect_err("broken").contains("broken"));
        // A name that is no text is broken JSON, too.
        assert!(read("{1:2}", &mut Spare::default()).expect_err("broken").contains("broken"));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert!(read(&deep, &mut Spare::default()).expect_err("deep").contains("broken"));
    }
}
