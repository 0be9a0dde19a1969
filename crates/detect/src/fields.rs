//! Which fields the events of a log source carry: what a rule asks of others will never match, and nobody
//! would notice.

use crate::cause::{LintCause, Plain};
use crate::rule::RuleLogSource;
use model::registry::FIELDS;
use model::{EventKind, LogSource};
use std::collections::{BTreeMap, BTreeSet};

/// Fields by product and category. A pair that is not known is not checked.
#[derive(Debug, Clone, Default)]
pub struct SuppliedFields {
    by_source: BTreeMap<(String, String), BTreeSet<String>>,
}

impl SuppliedFields {
    /// What the sensors and decoders of this version supply.
    #[must_use]
    pub fn of_this_version() -> Self {
        let mut all = Self::default();
        all.add_list("windows", include_str!("../data/windows.txt"));
        for kind in EventKind::ALL {
            let source = LogSource::of_linux_sensor(*kind);
            let of_kind = |of: Option<model::Family>| of.is_none_or(|of| of == kind.family());
            let names = FIELDS.iter().filter(|field| of_kind(field.family));
            let names: Vec<&str> = names.map(|field| field.sigma).collect();
            for category in &source.categories {
                all.add(&source.product, category, names.iter().copied());
            }
        }
        // The server writes these onto the events of every source.
        for known in all.by_source.values_mut() {
            known.extend(model::context::FIELDS.iter().map(|name| (*name).to_owned()));
        }
        all
    }

    /// Adds fields of a product's category.
    pub fn add<'f>(
        &mut self,
        product: &str,
        category: &str,
        fields: impl IntoIterator<Item = &'f str>,
    ) {
        let known = self.by_source.entry((product.to_owned(), category.to_owned())).or_default();
        known.extend(fields.into_iter().map(ToOwned::to_owned));
    }

    /// Adds a list: lines of `category: Field Field …`, fields of all categories behind `common`, comments
    /// behind `#`.
    fn add_list(&mut self, product: &str, list: &str) {
        let lines = || {
            let lines = list.lines().filter(|line| !line.starts_with('#'));
            lines.filter_map(|line| line.split_once(": "))
        };
        let common = lines().filter(|(category, _)| *category == "common");
        let common: Vec<&str> = common.flat_map(|(_, names)| names.split(' ')).collect();
        for (category, names) in lines().filter(|(category, _)| *category != "common") {
            self.add(product, category, names.split(' ').chain(common.iter().copied()));
        }
    }

    /// What is wrong with a rule's field; `None` when it is supplied, or nobody knows.
    pub(crate) fn complaint(&self, source: &RuleLogSource, field: &str) -> Option<LintCause> {
        let (product, category) = (source.product.as_deref(), source.category.as_deref()?);
        let mut nearest = None;
        let mut known = false;
        for ((of, named), fields) in &self.by_source {
            if named != category || product.is_some_and(|product| product != of) {
                continue;
            }
            known = true;
            // A dotted name looks into a field that holds a map.
            let outer = field.split('.').next().unwrap_or(field);
            if fields.contains(field) || fields.contains(outer) {
                return None;
            }
            let like = |name: &&String| name.eq_ignore_ascii_case(field);
            nearest = nearest.or_else(|| fields.iter().find(like));
        }
        let (category, field) = (Plain::of(category), Plain::of(field));
        known.then(|| match nearest {
            None => LintCause::NoSource(category, field),
            Some(near) => LintCause::NoSourceButLike(category, field, Plain::of(near)),
        })
    }
}
