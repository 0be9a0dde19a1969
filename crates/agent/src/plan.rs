//! From what lies in the spool to a batch. Pure.

use model::{
    EpochId, LostReason,
    limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX},
};
use spool::Item;
use wire::{Batch, SeqGap, limits::BATCH_GAPS_MAX};

/// A batch of the beginning of `items`, as much as the limits and the receiver's credit allow; at least one
/// item. `None` when there are none.
#[must_use]
pub fn batch(epoch: EpochId, items: Vec<Item>, bytes_max: u64) -> Option<Batch> {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX).min(BATCH_BYTES_MAX);
    let first = match items.first()? {
        Item::Record { seq, .. } => *seq,
        Item::Gap { first, .. } => *first,
    };
    let mut batch = Batch { epoch, first, last: first, records: Vec::new(), gaps: Vec::new() };
    let mut bytes_so_far = 0;
    for item in items {
        let last = item.next_seq() - 1;
        match item {
            Item::Record { seq, bytes } => {
                let full = bytes_so_far + bytes.len() > bytes_max && !batch.records.is_empty();
                if full || batch.records.len() == BATCH_RECORDS_MAX {
                    break;
                }
                bytes_so_far += bytes.len();
                batch.records.push((seq, bytes));
            }
            Item::Gap { first, last, .. } => {
                if batch.gaps.len() == BATCH_GAPS_MAX {
                    break;
                }
                batch.gaps.push(SeqGap { first, last, reason: LostReason::Corrupt });
            }
        }
        batch.last = last;
    }
    Some(batch)
}

/// A batch that says: these numbers are gone here too. For a receiver that lost what it had acknowledged.
#[must_use]
pub fn gone(epoch: EpochId, first: u64, last: u64) -> Batch {
    let gap = SeqGap { first, last, reason: LostReason::Corrupt };
    Batch { epoch, first, last, records: Vec::new(), gaps: vec![gap] }
}
