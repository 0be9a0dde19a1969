//! How two names relate, as section 6 of NISTIR 7696 says.

use super::value::Unit;
use super::{Field, Value, Wfn};

/// How a source relates to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Nothing in common.
    Disjoint,
    /// The same.
    Equal,
    /// The source is part of the target.
    Subset,
    /// The target is part of the source.
    Superset,
    /// The specification says nothing: the target has wildcards, or attributes point in different directions.
    Undefined,
}

/// The relation of two names (table 6-4): disjoint when one attribute is, else equal, superset or subset when all
/// attributes point in that direction.
#[must_use]
pub fn relation(source: &Wfn, target: &Wfn) -> Relation {
    let all = attribute_relations(source, target).map(|(_, relation)| relation);
    let every = |allowed: &[Relation]| all.iter().all(|one| allowed.contains(one));
    if all.contains(&Relation::Disjoint) {
        Relation::Disjoint
    } else if every(&[Relation::Equal]) {
        Relation::Equal
    } else if every(&[Relation::Equal, Relation::Superset]) {
        Relation::Superset
    } else if every(&[Relation::Equal, Relation::Subset]) {
        Relation::Subset
    } else {
        Relation::Undefined
    }
}

/// The relation of each attribute (table 6-2).
#[must_use]
pub fn attribute_relations(source: &Wfn, target: &Wfn) -> [(Field, Relation); 11] {
    Field::ALL.map(|field| (field, of_values(source.get(field), target.get(field))))
}

fn of_values(source: &Value, target: &Value) -> Relation {
    let target_units = target.units();
    if target_units.iter().any(|unit| !matches!(unit, Unit::Literal(_))) {
        return Relation::Undefined;
    }
    match (source, target) {
        (source, target) if source == target => Relation::Equal,
        (Value::Any, _) => Relation::Superset,
        (_, Value::Any) => Relation::Subset,
        (Value::Na, _) | (_, Value::Na) => Relation::Disjoint,
        (Value::Text(_), Value::Text(_)) => {
            if covers(&source.units(), &target_units) {
                Relation::Superset
            } else {
                Relation::Disjoint
            }
        }
    }
}

/// Whether a string with wildcards at its ends covers one without.
fn covers(source: &[Unit], target: &[Unit]) -> bool {
    let is_literal = |unit: &Unit| matches!(unit, Unit::Literal(_));
    let Some(first) = source.iter().position(is_literal) else {
        // Question marks alone: as many characters or fewer.
        return source.contains(&Unit::Many) || target.len() <= source.len();
    };
    let end = source.iter().rposition(is_literal).map_or(first, |last| last + 1);
    let (before, body, after) = (
        source.get(..first).unwrap_or_default(),
        source.get(first..end).unwrap_or_default(),
        source.get(end..).unwrap_or_default(),
    );
    let fits =
        |wild: &[Unit], left_over: usize| wild.contains(&Unit::Many) || left_over <= wild.len();
    target.windows(body.len()).enumerate().any(|(place, part)| {
        part == body && fits(before, place) && fits(after, target.len() - place - body.len())
    })
}
