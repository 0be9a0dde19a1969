//! The difference between two looks against a naive model, and what a receiver that follows the protocol
//! makes of it.

use agent::inventory::diff::{changes, merged};
use model::inventory::{InventoryItem, InventoryMessage, SoftwareSource, items_hash};
use proptest::prelude::*;
use std::collections::BTreeMap;

type Set = BTreeMap<String, InventoryItem>;

fn set() -> impl Strategy<Value = Set> {
    let item = (0u8..12, 0u8..3, 0u8..2).prop_map(|(key, version, permission)| {
        let mut item = InventoryItem::new(SoftwareSource::Chrome, format!("k{key}"), "Name");
        item.version = version.to_string();
        item.permissions = vec![permission.to_string()];
        (item.key.clone(), item)
    });
    proptest::collection::vec(item, 0..14).prop_map(|items| items.into_iter().collect())
}

fn items(set: &Set) -> Vec<InventoryItem> {
    set.values().cloned().collect()
}

/// A receiver as the protocol describes it.
fn follow(set: &mut Set, message: &InventoryMessage) {
    match message {
        InventoryMessage::Added { item }
        | InventoryMessage::Changed { item, .. }
        | InventoryMessage::Present { item, .. } => {
            set.insert(item.key.clone(), item.clone());
        }
        InventoryMessage::Removed { item } => {
            set.remove(&item.key);
        }
        InventoryMessage::Snapshot(_) => {}
    }
}

proptest! {
    #[test]
    fn a_receiver_that_follows_the_changes_holds_what_the_device_holds(looks in proptest::collection::vec((set(), any::<bool>()), 1..6)) {
        let mut receiver = Set::new();
        let mut told: Vec<InventoryItem> = Vec::new();
        let mut last_whole = Set::new();
        for (look, whole) in looks {
            let seen = items(&look);
            for message in changes(&told, &seen, whole) {
                // The naive model: what each message claims, checked against the sets themselves.
                let before: Set = told.iter().map(|item| (item.key.clone(), item.clone())).collect();
                match &message {
                    InventoryMessage::Added { item } => {
                        prop_assert!(!before.contains_key(&item.key) && look.get(&item.key) == Some(item));
                    }
                    InventoryMessage::Removed { item } => {
                        prop_assert!(whole && before.get(&item.key) == Some(item) && !look.contains_key(&item.key));
                    }
                    InventoryMessage::Changed { item, previous_version } => {
                        let old = before.get(&item.key).expect("was there");
                        prop_assert!(old != item && look.get(&item.key) == Some(item) && old.version == *previous_version);
                    }
                    other => prop_assert!(false, "{other:?} is no change"),
                }
                follow(&mut receiver, &message);
            }
            told = if whole { seen } else { merged(&told, seen) };
            prop_assert_eq!(items_hash(receiver.values()), items_hash(told.iter()));
            prop_assert_eq!(items(&receiver), told.clone());
            prop_assert!(changes(&told, &told, true).is_empty());
            if whole {
                last_whole = look;
            }
        }
        // An incomplete look never made anything disappear.
        prop_assert!(last_whole.keys().all(|key| receiver.contains_key(key)));
    }
}
