//! The same item lies on thousands of devices: what was identified once is remembered.

use crate::identify::{Identification, Observed};
use crate::limits::MEMO_ENTRIES_MAX;
use crate::titles::Titles;
use std::collections::HashMap;
use std::sync::Arc;

/// Remembers identifications by everything that can change them. Belongs to one [`Titles`]: make a new one when
/// the titles change.
#[derive(Debug, Default)]
pub struct Memo {
    known: HashMap<Box<str>, Arc<Identification>>,
    key: String,
}

impl Memo {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Titles::identify`], from memory where the item was seen before.
    pub fn identify(&mut self, titles: &Titles, observed: &Observed<'_>) -> Arc<Identification> {
        self.key.clear();
        for part in [
            observed.source,
            observed.identifier,
            observed.name,
            observed.publisher,
            observed.signer,
            observed.sha256,
            observed.origin_url,
            observed.install_source,
        ] {
            // The length keeps two fields from running into one another.
            self.key.push_str(part);
            self.key.push('\0');
            self.key.push_str(&part.len().to_string());
            self.key.push('\0');
        }
        if let Some(known) = self.known.get(self.key.as_str()) {
            return Arc::clone(known);
        }
        let found = Arc::new(titles.identify(observed));
        if self.known.len() >= MEMO_ENTRIES_MAX {
            self.known.clear();
        }
        self.known.insert(self.key.as_str().into(), Arc::clone(&found));
        found
    }

    /// Distinct items remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}
