//! What goes into one batch.

use agent::plan;
use model::{EpochId, limits::BATCH_RECORDS_MAX};
use spool::{GapReason, Item};

fn record(seq: u64, bytes: usize) -> Item {
    Item::Record { seq, bytes: vec![7; bytes] }
}

#[test]
fn a_batch_holds_what_the_credit_allows_and_at_least_one_record() {
    let epoch = EpochId::from_bits(1);
    let items = || vec![record(5, 600), record(6, 600), record(7, 600)];
    let last = |bytes_max| plan::batch(epoch, items(), bytes_max).map(|batch| batch.last);
    assert_eq!([last(1), last(1_200), last(9_999)], [Some(5), Some(6), Some(7)]);
    assert_eq!(plan::batch(epoch, Vec::new(), 9_999), None);
}

#[test]
fn every_batch_is_one_that_the_wire_accepts() {
    let epoch = EpochId::from_bits(1);
    let gap = Item::Gap { first: 3, last: 9, reason: GapReason::Damaged };
    let mut items = vec![record(1, 0), record(2, 9), gap];
    items.extend((10..10 + BATCH_RECORDS_MAX as u64).map(|seq| record(seq, 1)));
    let batch = plan::batch(epoch, items, u64::MAX).expect("there are items");
    assert_eq!(batch.records.len(), BATCH_RECORDS_MAX);
    assert_eq!((batch.first, batch.gaps.len()), (1, 1));
    batch.encode().expect("well formed");
    plan::gone(epoch, 1, 4).encode().expect("well formed");
}
