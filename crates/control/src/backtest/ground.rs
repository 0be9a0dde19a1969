//! What a text that looks back may build on: values of placeholders, and the rules in use that it refers to.

use crate::view::backtest::RuleInForce;
use detect::columnar::References;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a text may refer to besides itself.
#[derive(Debug, Clone, Default)]
pub struct Ground {
    /// Values of the placeholders of `expand`.
    pub lists: BTreeMap<String, Vec<String>>,
    /// The rules in use: correlations of the text may refer to them by id or name.
    pub rules: Vec<Arc<RuleInForce>>,
}

impl Ground {
    /// The rules in use that the correlations of a text refer to, and those that these refer to, each once. A rule
    /// that the text itself holds is not among them: it is about to take the other's place.
    pub(super) fn referred_to(&self, text: &str) -> Vec<Arc<RuleInForce>> {
        let own = References::of(text);
        let mut open: Vec<String> = own.missing.iter().cloned().collect();
        let mut sought: BTreeSet<String> = own.missing;
        let mut found: Vec<Arc<RuleInForce>> = Vec::new();
        while let Some(name) = open.pop() {
            for rule in &self.rules {
                // Few documents hold the name, and only those are read.
                let may_be = rule.id == name || rule.document.contains(&name);
                if !may_be || found.iter().any(|known| known.id == rule.id) {
                    continue;
                }
                let References { called, missing } = References::of(&rule.document);
                if (rule.id != name && !called.contains(&name)) || own.called.contains(&rule.id) {
                    continue;
                }
                found.push(Arc::clone(rule));
                let new = missing.into_iter().filter(|name| !own.called.contains(name));
                open.extend(new.filter(|name| sought.insert(name.clone())));
            }
        }
        found
    }
}

/// Source and text of each rule, and behind them the filters that belong to some of them, each once.
pub(super) fn texts_of(rules: &[Arc<RuleInForce>]) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut filters: Vec<(String, String)> = Vec::new();
    for rule in rules {
        texts.push((rule.source.clone(), rule.document.clone()));
        let behind = rule.text.strip_prefix(rule.document.as_str()).unwrap_or_default();
        // A marker belongs to the document that it begins.
        let mut pieces: Vec<String> = vec![String::new()];
        for line in behind.split_inclusive('\n') {
            if line.trim_end() == MARKER || line.starts_with("--- ") {
                pieces.push(String::new());
            }
            if let Some(piece) = pieces.last_mut() {
                piece.push_str(line);
            }
        }
        for filter in pieces {
            let is_new = filters.iter().all(|(_, known)| *known != filter);
            if is_new && !matches!(filter.trim(), "" | MARKER) {
                filters.push((rule.source.clone(), filter));
            }
        }
    }
    texts.extend(filters);
    texts
}

/// Begins a document.
const MARKER: &str = "---";
