//! What changed between two looks. Pure.

use model::inventory::{InventoryItem, InventoryMessage};
use std::cmp::Ordering;

/// What changed from `before` to `after`, both sorted by key, each key once. When `after` is not all there is
/// (`whole` is false), what it lacks is not taken for removed.
#[must_use]
pub fn changes(
    before: &[InventoryItem],
    after: &[InventoryItem],
    whole: bool,
) -> Vec<InventoryMessage> {
    let mut messages = Vec::new();
    walk(before, after, |old, new| match (old, new) {
        (Some(old), Some(new)) if old != new => messages.push(InventoryMessage::Changed {
            item: new.clone(),
            previous_version: old.version.clone(),
        }),
        (None, Some(new)) => messages.push(InventoryMessage::Added { item: new.clone() }),
        (Some(old), None) if whole => {
            messages.push(InventoryMessage::Removed { item: old.clone() })
        }
        _ => {}
    });
    messages
}

/// What the source holds as far as is known after an incomplete look: what was seen, and what was known
/// before and not seen.
#[must_use]
pub fn merged(before: &[InventoryItem], after: Vec<InventoryItem>) -> Vec<InventoryItem> {
    let mut merged = Vec::with_capacity(before.len().max(after.len()));
    walk(before, &after, |old, new| merged.extend(new.or(old).cloned()));
    merged
}

/// Walks both in the order of their keys.
fn walk<'a>(
    before: &'a [InventoryItem],
    after: &'a [InventoryItem],
    mut each: impl FnMut(Option<&'a InventoryItem>, Option<&'a InventoryItem>),
) {
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.key.cmp(&new.key),
        };
        match order {
            Ordering::Less => each(old.next(), None),
            Ordering::Greater => each(None, new.next()),
            Ordering::Equal => each(old.next(), new.next()),
        }
    }
}
