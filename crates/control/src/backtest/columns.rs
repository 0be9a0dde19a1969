//! A strip of the lake as the columns that a rule is asked of.

use detect::columnar::{Column, Columns};
use lake::{LakeError, NO_VALUE, Strip};
use model::{LogSource, Value, registry};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The columns of one strip for one rule; what was read is kept.
pub(super) struct StripColumns<'s> {
    strip: &'s Strip,
    is_over: &'s dyn Fn() -> bool,
    read: HashMap<&'static str, Arc<Column>>,
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
        let Some(name) = self.name_of(field) else { return Ok(None) };
        match self.read.get(name) {
            Some(column) => Ok(Some(Arc::clone(column))),
            None => self.strip_column(name, wanted).map(Some),
        }
    }

    fn name_of(&self, field: &str) -> Option<&'static str> {
        registry::by_sigma(self.strip.family(), field).map(|field| field.column)
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
        let mut keys = vec![[NO_VALUE; 3]; wanted.len()];
        let mut texts: [Vec<Value>; 3] = Default::default();
        for (place, name) in ["product", "categories", "services"].into_iter().enumerate() {
            let column = self.strip.column(name, wanted)?;
            for (key, value) in keys.iter_mut().zip(&column.keys) {
                if let Some(slot) = key.get_mut(place) {
                    *slot = *value;
                }
            }
            if let Some(slot) = texts.get_mut(place) {
                *slot = column.values;
            }
        }
        let [products, categories, services] = &texts;
        let mut numbers: HashMap<[u32; 3], u32> = HashMap::new();
        let mut sources = Vec::new();
        let mut last = ([NO_VALUE; 3], NO_VALUE);
        let mut of_rows = Vec::with_capacity(keys.len());
        for key in keys {
            if last.1 == NO_VALUE || last.0 != key {
                let number = *numbers.entry(key).or_insert_with(|| {
                    let [product, category, service] = key;
                    sources.push(LogSource {
                        product: Cow::Owned(text(products, product).to_owned()),
                        services: words(text(services, service)),
                        categories: words(text(categories, category)),
                    });
                    u32::try_from(sources.len() - 1).unwrap_or(NO_VALUE)
                });
                last = (key, number);
            }
            of_rows.push(last.1);
        }
        Ok((of_rows, sources))
    }

    fn column(&mut self, field: &str, wanted: &[bool]) -> Result<Option<Arc<Column>>, Ended> {
        let Some(name) = self.name_of(field) else { return Ok(None) };
        // A rule asks with ever fewer rows wanted: what was read for more serves as well.
        if let Some(known) = self.read.get(name) {
            return Ok(Some(Arc::clone(known)));
        }
        let column = self.strip_column(name, wanted)?;
        self.read.insert(name, Arc::clone(&column));
        Ok(Some(column))
    }

    fn fields(&self) -> Vec<&str> {
        registry::fields_of(self.strip.family()).map(|field| field.sigma).collect()
    }

    fn cost(&self, field: &str) -> u64 {
        self.name_of(field).map_or(0, |name| self.strip.cost_bytes(name))
    }

    fn names_outside(&mut self) -> Result<BTreeSet<String>, Ended> {
        Ok(self.strip.names_outside()?)
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
