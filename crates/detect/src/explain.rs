//! Why a rule matched: the second way through its condition, taken only for matches.

use crate::limits;
use crate::predicate::{Predicate, PredicateId};
use crate::ruleset::{Leaf, Plan};
use crate::tree::Tree;
use crate::view::View;
use model::Why;
use std::collections::BTreeMap;

/// An event whose matches are explained.
pub(crate) struct Explained<'a, 'e> {
    pub(crate) predicates: &'a [Predicate],
    pub(crate) view: &'a View<'e>,
    /// What was found out while the event was judged.
    pub(crate) known: &'a dyn Fn(PredicateId) -> Option<bool>,
}

impl Explained<'_, '_> {
    /// Every leaf that held in the satisfied parts of the condition, in the order of the rule.
    pub(crate) fn why(&self, plan: &Plan) -> Vec<Why> {
        let mut held = BTreeMap::new();
        self.collect(&plan.tree, &mut held);
        let mut bytes_left = limits::WHY_BYTES_MAX;
        held.into_iter()
            .filter_map(|(place, value)| {
                let said = plan.said.get(place)?;
                Some(Why {
                    selection: said.selection.to_string(),
                    field: said.field.as_ref().map(ToString::to_string),
                    modifier: said.modifier.to_string(),
                    pattern: said.pattern.to_string(),
                    value: value.map(|value| fitted(value, &mut bytes_left)),
                })
            })
            .collect()
    }

    /// `tree` holds. What stands behind `not` did not hold, so there is nothing to show of it.
    fn collect(&self, tree: &Tree<Leaf>, held: &mut BTreeMap<usize, Option<String>>) {
        match tree {
            Tree::All(parts) => {
                for part in parts {
                    self.collect(part, held);
                }
            }
            Tree::Any(parts) => {
                for part in parts {
                    if self.holds(part) {
                        self.collect(part, held);
                    }
                }
            }
            Tree::Not(_) => {}
            Tree::Leaf(leaf) => {
                let value = self.value_of(leaf);
                held.insert(leaf.said, value);
            }
        }
    }

    pub(crate) fn holds(&self, tree: &Tree<Leaf>) -> bool {
        match tree {
            Tree::All(parts) => parts.iter().all(|part| self.holds(part)),
            Tree::Any(parts) => parts.iter().any(|part| self.holds(part)),
            Tree::Not(part) => !self.holds(part),
            Tree::Leaf(leaf) => {
                leaf.any_of.iter().any(|id| self.predicate_holds(*id)) != leaf.negated
            }
        }
    }

    fn predicate_holds(&self, id: PredicateId) -> bool {
        (self.known)(id).unwrap_or_else(|| {
            self.predicates.get(id.index()).is_some_and(|predicate| predicate.holds(self.view))
        })
    }

    fn value_of(&self, leaf: &Leaf) -> Option<String> {
        let shown = leaf.any_of.iter().find(|id| leaf.negated || self.predicate_holds(**id))?;
        let predicate = self.predicates.get(shown.index())?;
        match leaf.negated {
            true => predicate.value_of_field(self.view),
            false => predicate.value_that_holds(self.view),
        }
    }
}

/// The value, or its beginning with a mark that there is more when the explanation has become long.
fn fitted(mut value: String, bytes_left: &mut usize) -> String {
    match bytes_left.checked_sub(value.len()) {
        Some(left) => *bytes_left = left,
        None if value.len() > limits::WHY_VALUE_CUT_BYTES => {
            value.truncate(value.floor_char_boundary(limits::WHY_VALUE_CUT_BYTES));
            value.push('…');
        }
        None => {}
    }
    value
}
