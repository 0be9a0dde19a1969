//! The receiver's state machine against a reference model: a set of stored records. Batches are repeated,
//! reordered, overlapping, ahead and forged.

use crate::batches::batch_of;
use proptest::prelude::*;
use std::collections::BTreeMap;
use wire::{
    Batch,
    receive::{StreamState, Verdict, step},
};

#[derive(Debug, Clone)]
struct Delivery {
    first: u64,
    count: u64,
    forged: bool,
    /// The receiver is restarted before: it knows only how far the stream came.
    restart: bool,
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let restart = prop::bool::weighted(0.1);
    (1u64..40, 1u64..8, prop::bool::weighted(0.1), restart)
        .prop_map(|(first, count, forged, restart)| Delivery { first, count, forged, restart })
}

/// What the honest agent has under a number; every seventh is a gap.
fn truth(seq: u64) -> Option<Vec<u8>> {
    (!seq.is_multiple_of(7)).then(|| seq.to_le_bytes().to_vec())
}

fn batch(delivery: &Delivery) -> Batch {
    let items: Vec<_> = (delivery.first..delivery.first + delivery.count)
        .map(|seq| if delivery.forged { Some(vec![0xFF]) } else { truth(seq) })
        .collect();
    batch_of(delivery.first, &items)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn p4_nothing_is_stored_twice_and_nothing_is_passed_over(
        deliveries in prop::collection::vec(delivery(), 1..60),
    ) {
        let mut state = StreamState::default();
        let mut stored: BTreeMap<u64, Option<Vec<u8>>> = BTreeMap::new();
        for delivery in &deliveries {
            if delivery.restart {
                state = StreamState::resume(state.durable_through());
            }
            let batch = batch(delivery);
            match step(&state, &batch) {
                Verdict::Store { from } => {
                    prop_assert_eq!(from, stored.len() as u64 + 1, "P5 exactly the next number");
                    let rest = batch.clone().trim_before(from);
                    prop_assert!(rest.encode().is_ok());
                    for gap in &rest.gaps {
                        for seq in gap.first..=gap.last {
                            prop_assert!(stored.insert(seq, None).is_none(), "{} twice", seq);
                        }
                    }
                    for (seq, bytes) in rest.records {
                        prop_assert!(stored.insert(seq, Some(bytes)).is_none(), "{} twice", seq);
                    }
                    state.stored(&batch);
                }
                Verdict::AlreadyHave => {
                    prop_assert!(stored.contains_key(&batch.last), "acknowledged and not there");
                }
                Verdict::Hole { expected } => {
                    prop_assert!(batch.first > expected);
                    prop_assert_eq!(expected, stored.len() as u64 + 1);
                }
                Verdict::Conflict { first, last } => {
                    prop_assert_eq!((first, last), (batch.first, batch.last));
                }
            }
            prop_assert_eq!(state.durable_through(), stored.len() as u64);
            prop_assert!(stored.keys().copied().eq(1..=stored.len() as u64), "no hole inside");
        }
    }
}

#[test]
fn the_same_batch_again_is_known_and_other_content_is_a_conflict() {
    let mut state = StreamState::default();
    let honest = batch_of(1, &[Some(vec![1]), Some(vec![2])]);
    assert_eq!(step(&state, &honest), Verdict::Store { from: 1 });
    state.stored(&honest);
    assert_eq!(step(&state, &honest), Verdict::AlreadyHave);
    let cloned = batch_of(1, &[Some(vec![1]), Some(vec![9])]);
    assert_eq!(step(&state, &cloned), Verdict::Conflict { first: 1, last: 2 });
    assert_eq!(step(&state, &batch_of(4, &[None])), Verdict::Hole { expected: 3 });
    assert_eq!(step(&state, &batch_of(2, &[Some(vec![2]), None])), Verdict::Store { from: 3 });
}
