//! One pass over a field's text that answers every "contains" of every rule about that field.
//!
//! Public rules look for more than ten thousand substrings in command lines alone. Asked one by one, each
//! reads the text again: a command line of 200 kB, which any user can type, would cost the server the
//! better part of a second. One automaton reads it once, so that the cost follows the text and not the
//! number of rules.

use crate::predicate::{Predicate, PredicateId};
use crate::view::{FieldId, View};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::collections::BTreeMap;

/// Substrings of a field from which on one pass beats a search for each.
const SUBSTRINGS_MIN: usize = 16;

/// The automata of a rule set.
#[derive(Debug, Default)]
pub(crate) struct Scans {
    scans: Vec<Scan>,
    /// For each predicate the place of its scan, if it has one.
    of_predicate: Vec<Option<u32>>,
}

/// The automaton of one field.
#[derive(Debug)]
pub(crate) struct Scan {
    field: FieldId,
    automaton: AhoCorasick,
    /// The predicates in the order of the automaton's patterns.
    predicates: Vec<PredicateId>,
}

impl Scans {
    pub(crate) fn new(predicates: &[Predicate]) -> Self {
        let mut by_field: BTreeMap<FieldId, Vec<(PredicateId, &[u8])>> = BTreeMap::new();
        for (place, predicate) in predicates.iter().enumerate() {
            if let Some((field, substring)) = predicate.substring() {
                by_field.entry(field).or_default().push((PredicateId::of_index(place), substring));
            }
        }
        let mut found = Self { scans: Vec::new(), of_predicate: vec![None; predicates.len()] };
        for (field, wanted) in by_field.into_iter().filter(|(_, all)| all.len() >= SUBSTRINGS_MIN) {
            let automaton = AhoCorasick::builder()
                // A table per state would be faster by a quarter and several times as large.
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(wanted.iter().map(|(_, substring)| substring));
            // Too many bytes for one automaton: these predicates are asked one by one.
            let Ok(automaton) = automaton else { continue };
            let place = u32::try_from(found.scans.len()).ok();
            let predicates: Vec<PredicateId> = wanted.into_iter().map(|(id, _)| id).collect();
            for id in &predicates {
                if let Some(slot) = found.of_predicate.get_mut(id.index()) {
                    *slot = place;
                }
            }
            found.scans.push(Scan { field, automaton, predicates });
        }
        found
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.scans.len()
    }

    /// The scan that answers a predicate, and its place.
    pub(crate) fn of(&self, id: PredicateId) -> Option<(usize, &Scan)> {
        let place = (*self.of_predicate.get(id.index())?)? as usize;
        self.scans.get(place).map(|scan| (place, scan))
    }
}

impl Scan {
    /// Names every predicate of the scan that holds, perhaps several times.
    pub(crate) fn each_that_holds(&self, view: &View<'_>, mut name: impl FnMut(PredicateId)) {
        for scalar in view.field(self.field).into_iter().flat_map(|field| field.scalars()) {
            for found in self.automaton.find_overlapping_iter(scalar.text_for(false)) {
                if let Some(id) = self.predicates.get(found.pattern().as_usize()) {
                    name(*id);
                }
            }
        }
    }
}
