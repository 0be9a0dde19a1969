//! A strip of the lake as the columns that a rule is asked of.

use detect::columnar::{Column, Columns, Outside, Words};
use lake::{LakeError, NO_VALUE, Sought, Strip, StripTexts, nested_outside};
use model::registry::{self, FieldSpec, FieldType};
use model::{LogSource, Value};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The columns of one strip for one rule; what was read is kept.
pub(super) struct StripColumns<'s> {
    strip: &'s Strip,
    is_over: &'s dyn Fn() -> bool,
    read: HashMap<&'static str, Read>,
}

/// A column and the rows for which it was read.
struct Read {
    column: Arc<Column>,
    rows: Vec<bool>,
}

impl Read {
    fn serves(&self, wanted: &[bool]) -> bool {
        self.rows.iter().zip(wanted).all(|(read, wanted)| *read || !wanted)
    }
}

impl<'s> StripColumns<'s> {
    /// `is_over` says that nobody wants the answer any more, or that its time has run out.
    pub(super) fn new(strip: &'s Strip, is_over: &'s dyn Fn() -> bool) -> Self {
        Self { strip, is_over, read: HashMap::new() }
    }

    /// A column that was read already, or that is read now for the wanted rows.
    pub(super) fn known_or_read(
        &mut self,
        field: &str,
        wanted: &[bool],
    ) -> Result<Option<Arc<Column>>, LakeError> {
        let Some(FieldSpec { column: name, .. }) = self.spec_of(field) else { return Ok(None) };
        match self.read.get(name).filter(|known| known.serves(wanted)) {
            Some(known) => Ok(Some(Arc::clone(&known.column))),
            None => self.strip_column(name, wanted).map(Some),
        }
    }

    fn spec_of(&self, field: &str) -> Option<&'static FieldSpec> {
        registry::by_sigma(self.strip.family(), field)
    }

    fn strip_column(&self, name: &str, wanted: &[bool]) -> Result<Arc<Column>, LakeError> {
        let lake::StripColumn { keys, values } = self.strip.column(name, wanted)?;
        Ok(Arc::new(Column { keys, values }))
    }
}

/// Why a strip was not judged.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody wants the answer any more, or its time has run out.
    Over,
    /// The lake failed.
    Lake(LakeError),
}

impl From<LakeError> for Ended {
    fn from(err: LakeError) -> Self {
        Self::Lake(err)
    }
}

impl Columns for StripColumns<'_> {
    type Error = Ended;

    fn rows(&self) -> usize {
        self.strip.rows()
    }

    fn sources(&mut self, wanted: &[bool]) -> Result<(Vec<u32>, Vec<LogSource>), Ended> {
        // Mostly one product and one service per strip, which its footer tells.
        let names = ["product", "categories", "services"];
        let mut parts: Vec<(Option<Vec<u32>>, Vec<Value>)> = Vec::with_capacity(names.len());
        for name in names {
            parts.push(match self.strip.constant(name) {
                Some(value) => (None, vec![value]),
                None => {
                    let column = self.strip.column(name, wanted)?;
                    (Some(column.keys), column.values)
                }
            });
        }
        let [products, categories, services] = parts.as_slice() else {
            return Ok((vec![NO_VALUE; wanted.len()], Vec::new()));
        };
        let source = |keys: [u32; 3]| {
            let [product, category, service] = keys;
            LogSource {
                product: Cow::Owned(text(&products.1, product).to_owned()),
                services: words(text(&services.1, service)),
                categories: words(text(&categories.1, category)),
            }
        };
        if let (None, Some(keys), None) = (&products.0, &categories.0, &services.0) {
            let kinds = u32::try_from(categories.1.len()).unwrap_or(NO_VALUE);
            return Ok((keys.clone(), (0..kinds).map(|kind| source([0, kind, 0])).collect()));
        }
        let key_of = |part: &(Option<Vec<u32>>, Vec<Value>), row: usize| match &part.0 {
            None => 0,
            Some(keys) => keys.get(row).copied().unwrap_or(NO_VALUE),
        };
        let mut numbers: HashMap<[u32; 3], u32> = HashMap::new();
        let mut sources = Vec::new();
        let mut last = ([NO_VALUE; 3], NO_VALUE);
        let mut of_rows = Vec::with_capacity(wanted.len());
        for row in 0..wanted.len() {
            let keys = [products, categories, services].map(|part| key_of(part, row));
            if last.1 == NO_VALUE || last.0 != keys {
                let number = *numbers.entry(keys).or_insert_with(|| {
                    sources.push(source(keys));
                    u32::try_from(sources.len() - 1).unwrap_or(NO_VALUE)
                });
                last = (keys, number);
            }
            of_rows.push(last.1);
        }
        Ok((of_rows, sources))
    }

    fn column(&mut self, field: &str, wanted: &[bool]) -> Result<Option<Arc<Column>>, Ended> {
        let Some(FieldSpec { column: name, .. }) = self.spec_of(field) else { return Ok(None) };
        // A rule mostly asks with ever fewer rows wanted: what was read for more serves as well.
        if let Some(known) = self.read.get(name).filter(|known| known.serves(wanted)) {
            return Ok(Some(Arc::clone(&known.column)));
        }
        let column = self.strip_column(name, wanted)?;
        let read = Read { column: Arc::clone(&column), rows: wanted.to_vec() };
        self.read.insert(name, read);
        Ok(Some(column))
    }

    fn fields(&self) -> Vec<&str> {
        registry::fields_of(self.strip.family()).map(|field| field.sigma).collect()
    }

    fn cost(&self, field: &str) -> u64 {
        self.spec_of(field).map_or(0, |field| self.strip.cost_bytes(field.column))
    }

    fn may_hold(
        &mut self,
        field: Option<&str>,
        words: &Words,
        wanted: &[bool],
    ) -> Result<Option<Vec<bool>>, Ended> {
        let sought = Sought {
            in_texts: &|texts| words.may_be_in(texts),
            in_nested: &|json| words.may_be_hidden_in(json),
        };
        let Some(field) = field else { return Ok(self.strip.may_hold_outside(&sought, wanted)?) };
        let Some(FieldSpec { column: name, ty, .. }) = self.spec_of(field) else { return Ok(None) };
        let every = |may: bool| may.then(|| wanted.to_vec());
        Ok(match ty {
            FieldType::Text | FieldType::TextList => self.strip.may_hold(name, &sought, wanted)?,
            FieldType::Int => every(words.may_be_in_numbers()),
            FieldType::Bool => every(words.may_be_in_truth_values()),
        })
    }

    fn names_outside(&mut self) -> Result<BTreeSet<String>, Ended> {
        Ok(self.strip.names_outside()?)
    }

    fn outside(&mut self, wanted: &[bool]) -> Result<Option<Outside>, Ended> {
        let StripTexts { row_ends, text_ends, texts } = self.strip.outside(wanted)?;
        Ok(Some(Outside { row_ends, text_ends, texts, nested: nested_outside }))
    }

    fn go_on(&mut self) -> Result<(), Ended> {
        if (self.is_over)() { Err(Ended::Over) } else { Ok(()) }
    }
}

fn text(values: &[Value], key: u32) -> &str {
    values.get(key as usize).and_then(Value::as_text).unwrap_or_default()
}

fn words(text: &str) -> Vec<Cow<'static, str>> {
    let words = text.split(',').filter(|word| !word.is_empty());
    words.map(|word| Cow::Owned(word.to_owned())).collect()
}
