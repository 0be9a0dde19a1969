//! What happens for a correlation: an event that a rule matched, or a match of a correlation below.

use super::group::{Group, Verdict, key_of};
use super::plan::{Plan, Sources};
use crate::limits;
use crate::view::text_of_field;
use model::{DeviceId, Event, EventKind, StreamKey};
use std::collections::{BTreeMap, HashSet};

/// Something that happened for a correlation, its group not known yet.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) time: i64,
    pub(super) stream: StreamKey,
    pub(super) device: DeviceId,
    pub(super) kind: EventKind,
    pub(super) mask: u64,
    pub(super) values: Box<[Option<Box<str>>]>,
}

/// Inputs by the place of their correlation; those that others refer to come first.
pub(super) type Inputs = BTreeMap<usize, Vec<Input>>;

/// Joins an input with one of the same event and values: an event that matches several rules counts once.
pub(super) fn add(all: &mut Vec<Input>, input: Input) {
    let same = |known: &&mut Input| {
        (known.time, known.stream) == (input.time, input.stream) && known.values == input.values
    };
    match all.iter_mut().find(same) {
        Some(known) => known.mask |= input.mask,
        None => all.push(input),
    }
}

/// What a match means to a correlation above: one input for each of its groups that the contributing
/// entries name.
pub(super) fn projected(
    group: &Group,
    verdict: &Verdict,
    parent: &Plan,
    reference: usize,
) -> Vec<Input> {
    let Some(Sources::Entry(places)) = parent.references.get(reference).map(|it| &it.fields) else {
        return Vec::new();
    };
    let Some(decided) = group.entries.get(verdict.decided) else { return Vec::new() };
    let mut seen = HashSet::new();
    let mut inputs = Vec::new();
    for entry in verdict.entries.iter().rev().filter_map(|place| group.entries.get(*place)) {
        let values: Box<[Option<Box<str>>]> =
            places.iter().map(|place| entry.values.get(*place).cloned().flatten()).collect();
        let new = seen.insert(key_of(&parent.group, &values));
        if !new || inputs.len() >= limits::GROUPS_PER_MATCH_MAX {
            continue;
        }
        inputs.push(Input {
            time: verdict.time,
            stream: decided.stream,
            device: decided.device,
            kind: decided.kind,
            mask: 1 << reference,
            values,
        });
    }
    inputs
}

/// The text of a field; `DeviceId` means the device that the event is of, unless a field is called so.
pub(super) fn value_of(event: &Event, name: &str) -> Option<Box<str>> {
    let mut text = text_of_field(&event.fields, name)
        .or_else(|| (name == DEVICE_FIELD).then(|| event.device.to_string()))?;
    if text.len() > limits::CORRELATED_VALUE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(limits::CORRELATED_VALUE_BYTES_MAX));
    }
    Some(text.into())
}

/// A field that every event has, for `group-by`: our extension.
const DEVICE_FIELD: &str = "DeviceId";
