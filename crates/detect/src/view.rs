//! An event as rules see it: fields by number, several values of a field as several texts, each text
//! folded at most once.

use crate::fold;
use crate::hash::TextMap;
use crate::limits;
use model::{Fields, Value};
use std::borrow::Cow;
use std::cell::OnceCell;

/// A field that some rule asks about, by its place in the [`FieldTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FieldId(u32);

/// The fields that the loaded rules ask about.
#[derive(Debug, Default)]
pub(crate) struct FieldTable {
    by_name: TextMap<FieldId>,
    names: Vec<Box<str>>,
    /// For dotted names: what stands before a dot → the rest and the field.
    nested: TextMap<Vec<(Box<str>, FieldId)>>,
}

impl FieldTable {
    /// The number of a field; the first question makes it.
    pub(crate) fn intern(&mut self, name: &str) -> FieldId {
        if let Some(known) = self.by_name.get(name) {
            return *known;
        }
        let id = FieldId(u32::try_from(self.by_name.len()).unwrap_or(u32::MAX));
        self.by_name.insert(name.into(), id);
        self.names.push(name.into());
        for (dot, _) in name.match_indices('.') {
            if let (Some(outer), Some(inner)) = (name.get(..dot), name.get(dot + 1..)) {
                self.nested.entry(outer.into()).or_default().push((inner.into(), id));
            }
        }
        id
    }
}

impl FieldTable {
    /// The name of a field.
    pub(crate) fn name(&self, id: FieldId) -> &str {
        self.names.get(id.0 as usize).map_or("", |name| name)
    }

    /// The number of a field that some rule asks about.
    pub(crate) fn find(&self, name: &str) -> Option<FieldId> {
        self.by_name.get(name).copied()
    }
}

/// One event, laid out for the questions of rules.
pub(crate) struct View<'e> {
    /// For each field of the table: 1 + its place in `present`, or 0 when the event lacks it.
    places: Vec<u32>,
    present: Vec<Present<'e>>,
    fields: &'e Fields,
    everything: OnceCell<Vec<Scalar<'e>>>,
}

/// A field that the event has.
pub(crate) struct Present<'e> {
    value: &'e Value,
    scalars: OnceCell<Vec<Scalar<'e>>>,
}

/// A single value with its text.
pub(crate) struct Scalar<'e> {
    pub(crate) value: &'e Value,
    text: Cow<'e, str>,
    /// `None` when the folded text is the text.
    folded: OnceCell<Option<String>>,
}

impl<'e> View<'e> {
    pub(crate) fn new(table: &FieldTable, fields: &'e Fields) -> Self {
        let mut view = Self {
            places: vec![0; table.by_name.len()],
            present: Vec::with_capacity(fields.len()),
            fields,
            everything: OnceCell::new(),
        };
        for (name, value) in fields.iter() {
            // Sigma's field names hold no blanks; those of some Windows channels do.
            let name = match name.contains(' ') {
                true => Cow::Owned(name.replace(' ', "")),
                false => Cow::Borrowed(name),
            };
            if let Some(id) = table.by_name.get(&*name) {
                view.put(*id, value);
            }
            if matches!(value, Value::Map(_)) {
                for (path, id) in table.nested.get(&*name).into_iter().flatten() {
                    if let Some(found) = walk(value, path, 0) {
                        view.put(*id, found);
                    }
                }
            }
        }
        view
    }

    fn put(&mut self, id: FieldId, value: &'e Value) {
        let next = u32::try_from(self.present.len() + 1).unwrap_or(0);
        if let Some(place @ 0) = self.places.get_mut(id.0 as usize) {
            *place = next;
            self.present.push(Present { value, scalars: OnceCell::new() });
        }
    }

    /// The field, when the event has it.
    pub(crate) fn field(&self, id: FieldId) -> Option<&Present<'e>> {
        let place = *self.places.get(id.0 as usize)?;
        self.present.get((place as usize).checked_sub(1)?)
    }

    /// Every single value of the event, whatever its field and depth: what keywords search.
    pub(crate) fn everything(&self) -> &[Scalar<'e>] {
        self.everything.get_or_init(|| {
            let mut scalars = Vec::new();
            for (_, value) in self.fields.iter() {
                collect(value, Nested::Search, 0, &mut scalars);
            }
            scalars
        })
    }
}

impl<'e> Present<'e> {
    /// The values of the field; a list gives each of its elements.
    pub(crate) fn scalars(&self) -> &[Scalar<'e>] {
        self.scalars.get_or_init(|| {
            let mut scalars = Vec::new();
            collect(self.value, Nested::Skip, 0, &mut scalars);
            scalars
        })
    }

    /// As [`is_null`].
    pub(crate) fn is_null(&self) -> bool {
        is_null(self.value)
    }

    /// The value as text for people, lists joined by commas.
    pub(crate) fn shown(&self) -> Option<String> {
        let texts: Vec<&str> = self.scalars().iter().map(Scalar::text).collect();
        if texts.is_empty() { None } else { Some(texts.join(", ")) }
    }
}

impl Scalar<'_> {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text as patterns see it: folded unless they regard case.
    pub(crate) fn text_for(&self, cased: bool) -> &str {
        if cased {
            return &self.text;
        }
        let folded = self.folded.get_or_init(|| match fold::fold(&self.text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text),
        });
        folded.as_deref().unwrap_or(&self.text)
    }
}

/// Whether a field that is there has no value, or no value among its values.
pub(crate) fn is_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(items) => items.is_empty() || items.contains(&Value::Null),
        _ => false,
    }
}

/// Calls with the values of one field; a list gives each of its elements.
pub(crate) fn with_scalars<R>(value: &Value, see: impl FnOnce(&[Scalar<'_>]) -> R) -> R {
    if matches!(value, Value::List(_)) {
        let mut scalars = Vec::new();
        collect(value, Nested::Skip, 0, &mut scalars);
        return see(&scalars);
    }
    match value.scalar_text() {
        Some(text) => see(&[Scalar { value, text, folded: OnceCell::new() }]),
        None => see(&[]),
    }
}

/// Appends every single value within a value, whatever its depth.
pub(crate) fn collect_everything<'e>(value: &'e Value, out: &mut Vec<Scalar<'e>>) {
    collect(value, Nested::Search, 0, out);
}

/// A field of an event as text, outside of any rule set; lists joined by commas.
pub(crate) fn text_of_field(fields: &Fields, name: &str) -> Option<String> {
    let mut table = FieldTable::default();
    let id = table.intern(name);
    View::new(&table, fields).field(id).and_then(Present::shown)
}

/// Whether maps within a value are looked into.
#[derive(Clone, Copy)]
enum Nested {
    Search,
    Skip,
}

fn collect<'e>(value: &'e Value, nested: Nested, depth: usize, out: &mut Vec<Scalar<'e>>) {
    if depth > limits::EVENT_DEPTH_MAX {
        return;
    }
    match (value, nested) {
        (Value::List(items), _) => {
            for item in items {
                collect(item, nested, depth + 1, out);
            }
        }
        (Value::Map(pairs), Nested::Search) => {
            for (_, inner) in pairs {
                collect(inner, nested, depth + 1, out);
            }
        }
        _ => {
            if let Some(text) = value.scalar_text() {
                out.push(Scalar { value, text, folded: OnceCell::new() });
            }
        }
    }
}

/// Follows a dotted path into maps; a name that itself holds dots is found as well.
pub(crate) fn walk<'e>(value: &'e Value, path: &str, depth: usize) -> Option<&'e Value> {
    let Value::Map(pairs) = value else { return None };
    if depth > limits::EVENT_DEPTH_MAX {
        return None;
    }
    pairs.iter().find_map(|(name, inner)| match path.strip_prefix(name.as_str())? {
        "" => Some(inner),
        rest => walk(inner, rest.strip_prefix('.')?, depth + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        serde_json::from_str(json).expect("valid")
    }

    fn found(json: &str, name: &str) -> Option<String> {
        let mut table = FieldTable::default();
        let id = table.intern(name);
        View::new(&table, &fields(json)).field(id).and_then(Present::shown)
    }

    #[test]
    fn fields_are_found_by_name_without_blanks_and_by_dotted_path() {
        assert_eq!(found(r#"{"Threat Name":"x"}"#, "ThreatName").as_deref(), Some("x"));
        assert_eq!(found(r#"{"a":{"b":{"c":1}}}"#, "a.b.c").as_deref(), Some("1"));
        assert_eq!(found(r#"{"a.b":{"c":1}}"#, "a.b.c").as_deref(), Some("1"));
        assert_eq!(found(r#"{"a":{"b.c":1}}"#, "a.b.c").as_deref(), Some("1"));
        assert_eq!(found(r#"{"a.b.c":2,"a":{"b":{"c":1}}}"#, "a.b.c").as_deref(), Some("2"));
        assert_eq!(found(r#"{"a":["x",["y"],{"z":"no"}]}"#, "a").as_deref(), Some("x, y"));
        assert_eq!(found(r#"{"A":1}"#, "a"), None);
    }

    #[test]
    fn keywords_see_every_nested_value() {
        let table = FieldTable::default();
        let fields = fields(r#"{"a":1,"b":{"c":["x",{"d":"y"}]},"e":null}"#);
        let view = View::new(&table, &fields);
        let texts: Vec<&str> = view.everything().iter().map(Scalar::text).collect();
        assert_eq!(texts, ["1", "x", "y"]);
    }
}
