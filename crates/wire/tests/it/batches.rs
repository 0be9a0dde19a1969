//! Batches: the range is covered exactly once, limits hold, compression is capped.

use model::{EpochId, LostReason, limits::BATCH_BYTES_MAX};
use proptest::prelude::*;
use wire::{Batch, SeqGap, StreamPath, WireError};

/// A batch from a list: `Some` is a record, `None` one missing number.
pub(crate) fn batch_of(first: u64, items: &[Option<Vec<u8>>]) -> Batch {
    let mut batch = Batch {
        epoch: EpochId::from_bits(7),
        first,
        last: first + items.len() as u64 - 1,
        records: Vec::new(),
        gaps: Vec::new(),
    };
    for (seq, item) in (first..).zip(items) {
        match (item, batch.gaps.last_mut()) {
            (Some(bytes), _) => batch.records.push((seq, bytes.clone())),
            (None, Some(gap)) if gap.last + 1 == seq => gap.last = seq,
            (None, _) => {
                batch.gaps.push(SeqGap { first: seq, last: seq, reason: LostReason::Quota });
            }
        }
    }
    batch
}

pub(crate) fn items() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..50);
    prop::collection::vec(prop::option::weighted(0.8, bytes), 1..30)
}

proptest! {
    #[test]
    fn batches_round_trip(first in 1u64..1_000_000, items in items()) {
        let batch = batch_of(first, &items);
        let body = batch.encode().expect("well formed");
        prop_assert_eq!(Batch::decode_for(&batch.path(), &body).expect("decodes"), batch);
    }

    #[test]
    fn trimming_keeps_the_rest_and_a_well_formed_range(items in items(), cut in 0usize..30) {
        let batch = batch_of(10, &items);
        let cut = cut.min(items.len() - 1);
        let trimmed = batch.trim_before(10 + cut as u64);
        prop_assert_eq!(&trimmed, &batch_of(10 + cut as u64, &items[cut..]));
        prop_assert!(trimmed.encode().is_ok());
    }
}

#[test]
fn a_batch_that_does_not_cover_its_range_once_is_refused() {
    let good = batch_of(1, &[Some(vec![1]), None, Some(vec![3])]);
    let broken: [fn(&mut Batch); 7] = [
        |batch| batch.last = 4,
        |batch| batch.first = 0,
        |batch| batch.records[1].0 = 2,
        |batch| batch.records.swap(0, 1),
        |batch| batch.gaps[0].last = 3,
        |batch| batch.gaps.clear(),
        |batch| batch.last = u64::MAX,
    ];
    for (number, spoil) in broken.into_iter().enumerate() {
        let mut batch = good.clone();
        spoil(&mut batch);
        let refused = batch.encode();
        assert!(matches!(refused, Err(WireError::NotContiguous { .. })), "{number}: {refused:?}");
    }
}

#[test]
fn a_body_of_another_range_than_its_path_is_refused() {
    let batch = batch_of(1, &[Some(vec![1])]);
    let path = StreamPath { last: 2, ..batch.path() };
    let refused = Batch::decode_for(&path, &batch.encode().expect("encodes"));
    assert!(matches!(refused, Err(WireError::OtherRange { .. })), "{refused:?}");
}

#[test]
fn the_largest_batch_travels_and_one_byte_more_does_not() {
    let half = |extra| Some(vec![0; BATCH_BYTES_MAX / 2 + extra]);
    let largest = batch_of(1, &[half(0), half(0)]);
    let body = largest.encode().expect("encodes");
    assert_eq!(Batch::decode(&body), Ok(largest));
    let larger = batch_of(1, &[half(0), half(0), Some(vec![1])]);
    assert!(matches!(larger.encode(), Err(WireError::TooLarge { .. })));
}

/// A megabyte of zeros is a few dozen bytes on the wire; a gigabyte must not be unpacked.
#[test]
fn a_compression_bomb_is_refused() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).expect("compresses");
    assert!(bomb.len() < 10_000);
    assert!(matches!(Batch::decode(&bomb), Err(WireError::Compression { .. })));
}

/// Two bytes on the wire would become a structure of dozens in memory.
#[test]
fn a_batch_of_countless_empty_records_is_refused_before_it_is_decoded() {
    let bytes = [0x22, 0x00].repeat(500_000);
    let body = zstd::bulk::compress(&bytes, 3).expect("compresses");
    assert!(matches!(Batch::decode(&body), Err(WireError::TooLarge { what: "batch", .. })));
}
