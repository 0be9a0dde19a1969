//! One named test for each kind of damage.

use crate::sim_disk::SimDisk;
use spool::{FullCause, GapReason, Incident, Item, Options, Spool, SpoolError};
use std::{sync::Arc, time::Duration};

const FIRST: &str = "00000000000000000001.seg";

fn open(disk: &SimDisk) -> Spool {
    open_with(disk, 1 << 20)
}

fn open_with(disk: &SimDisk, quota_bytes: u64) -> Spool {
    let options = Options { segment_bytes_max: 4_000, ..Options::new(5, quota_bytes) };
    Spool::open_on(Arc::new(disk.clone()), options).expect("opens")
}

fn filled(count: u8) -> (SimDisk, Spool) {
    let disk = SimDisk::default();
    let spool = open(&disk);
    for number in 1..=count {
        spool.append(&[vec![number; 100]]).expect("appends");
    }
    (disk, spool)
}

fn seqs(items: &[Item]) -> Vec<String> {
    let show = |item: &Item| match item {
        Item::Record { seq, bytes } => {
            assert_eq!(bytes[0], u8::try_from(*seq).expect("fits"));
            seq.to_string()
        }
        Item::Gap { first, last, reason } => format!("{first}-{last} {reason:?}"),
    };
    items.iter().map(show).collect()
}

fn reopened(disk: &SimDisk, spool: Spool) -> Spool {
    drop(spool);
    open(disk)
}

#[test]
fn a_damaged_body_is_stepped_over() {
    let (disk, spool) = filled(3);
    disk.flip_bit(FIRST, (40 + 120 + 50) * 8);
    let spool = reopened(&disk, spool);
    assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1", "2-2 Damaged", "3"]);
}

#[test]
fn a_damaged_length_is_searched_past() {
    let (disk, spool) = filled(4);
    disk.flip_bit(FIRST, (40 + 120) * 8 + 30);
    let spool = reopened(&disk, spool);
    assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1", "2-2 Damaged", "3", "4"]);
}

#[test]
fn p3_damage_of_the_very_last_record_is_a_gap_and_its_number_is_not_given_again() {
    for bit in [1, 40, 70, 140, 200] {
        let (disk, spool) = filled(2);
        disk.flip_bit(FIRST, (40 + 120) * 8 + bit);
        let spool = reopened(&disk, spool);
        assert_eq!(spool.append(&[vec![3; 10]]).expect("appends").first, 3, "bit {bit}");
        assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1", "2-2 Damaged", "3"]);
    }
}

#[test]
fn a_torn_tail_is_cut_and_its_number_is_free() {
    let (disk, spool) = filled(2);
    for len in [40 + 120 + 7, 40 + 120 + 20, 40 + 120 + 119] {
        disk.cut(FIRST, len.min(disk.bytes_of(FIRST).len()));
    }
    let spool = reopened(&disk, spool);
    assert!(matches!(spool.incidents()[..], [Incident::TornTail { bytes: 7, .. }]));
    assert_eq!(spool.append(&[vec![2; 9]]).expect("appends").first, 2);
    assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1", "2"]);
}

#[test]
fn a_damaged_segment_header_does_not_cost_its_records() {
    let (disk, spool) = filled(3);
    disk.flip_bit(FIRST, 3);
    let spool = reopened(&disk, spool);
    assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1", "2", "3"]);
    assert!(spool.incidents().contains(&Incident::HeaderDamaged { file: FIRST.to_owned() }));
}

#[test]
fn a_damaged_acknowledgement_file_costs_only_the_position() {
    let (disk, spool) = filled(3);
    spool.acknowledge(2).expect("acknowledges");
    disk.flip_bit("ack", 3);
    let spool = reopened(&disk, spool);
    assert_eq!((spool.epoch(), spool.first_seq(), spool.next_seq()), (5, 1, 4));
    assert!(disk.names().contains(&"ack.aside-1".to_owned()), "kept for a person");
}

#[test]
fn a_future_version_is_set_aside_and_its_numbers_are_not_used() {
    let (disk, spool) = filled(3);
    let mut bytes = disk.bytes_of(FIRST);
    bytes[8] = 9;
    let crc = crc32c::crc32c(&bytes[..36]);
    bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    disk.put(FIRST, bytes.clone());
    let spool = reopened(&disk, spool);
    assert!(spool.next_seq() > 3);
    assert_eq!(disk.bytes_of(&format!("{FIRST}.aside-1")), bytes, "not a byte is changed");
    let all = spool.read(1, 9_999).expect("reads");
    assert!(matches!(all[..], [Item::Gap { first: 1, reason: GapReason::Missing, .. }]));
}

#[test]
fn a_segment_of_another_spool_is_set_aside() {
    let (foreign, _) = {
        let disk = SimDisk::default();
        let options = Options::new(6, 1 << 20);
        let spool = Spool::open_on(Arc::new(disk.clone()), options).expect("opens");
        spool.append(&[vec![9; 50]]).expect("appends");
        (disk, spool)
    };
    let (disk, spool) = filled(1);
    disk.put("00000000000000000900.seg", foreign.bytes_of(FIRST));
    let spool = reopened(&disk, spool);
    assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1"]);
    assert_eq!(spool.next_seq(), 2);
}

#[test]
fn a_segment_taken_away_is_a_gap() {
    let (disk, spool) = filled(120);
    let names: Vec<String> =
        disk.names().into_iter().filter(|name| name.ends_with(".seg")).collect();
    assert!(names.len() > 3, "{names:?}");
    disk.delete(&names[1]);
    let spool = reopened(&disk, spool);
    let shown = seqs(&spool.read(1, 1 << 20).expect("reads"));
    assert_eq!(shown.iter().filter(|text| text.ends_with("Missing")).count(), 1, "{shown:?}");
    assert_eq!(shown.last().map(String::as_str), Some("120"));
}

#[test]
fn bytes_that_look_like_a_record_inside_a_record_are_not_one() {
    let (disk, spool) = filled(1);
    // A record of a spool with another epoch, as somebody could put it on a command line.
    let forged = {
        let disk = SimDisk::default();
        let options = Options::new(6, 1 << 20);
        let spool = Spool::open_on(Arc::new(disk.clone()), options).expect("opens");
        spool.append(&[vec![1; 10], vec![2; 10], vec![66; 10]]).expect("appends");
        disk.bytes_of(FIRST)[40..].to_vec()
    };
    spool.append(&[forged]).expect("appends");
    spool.append(&[vec![3; 10]]).expect("appends");
    disk.flip_bit(FIRST, (40 + 120 + 4) * 8);
    let spool = reopened(&disk, spool);
    assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1", "2-2 Damaged", "3"]);
}

#[test]
fn the_quota_refuses_and_acknowledging_makes_room() {
    let disk = SimDisk::default();
    let spool = open_with(&disk, 9_000);
    let mut last = 0;
    let err = loop {
        match spool.append(&[vec![1; 500]]) {
            Ok(appended) => last = appended.last,
            Err(err) => break err,
        }
    };
    assert!(matches!(err, SpoolError::Full { cause: FullCause::Quota, .. }), "{err}");
    assert!(spool.usage().used_bytes <= 9_000);
    spool.acknowledge(last).expect("acknowledges");
    spool.append(&[vec![1; 500]]).expect("there is room again");
}

/// The newest segment can not be deleted; with everything acknowledged it must not block the quota for ever.
#[test]
fn a_quota_smaller_than_a_segment_does_not_block_for_ever() {
    let disk = SimDisk::default();
    let options = Options::new(5, 3_000);
    let spool = Spool::open_on(Arc::new(disk), options).expect("opens");
    for _ in 0..50 {
        match spool.append(&[vec![1; 400]]) {
            Ok(_) => {}
            Err(SpoolError::Full { .. }) => {
                spool.acknowledge(spool.next_seq() - 1).expect("acknowledges");
                spool.append(&[vec![1; 400]]).expect("there is room again");
            }
            Err(err) => panic!("{err}"),
        }
        assert!(spool.usage().used_bytes <= 3_000);
    }
}

#[test]
fn a_full_disk_refuses_and_works_on_when_there_is_room() {
    let disk = SimDisk::default();
    let spool = open(&disk);
    spool.append(&[vec![1; 100]]).expect("appends");
    disk.set_capacity(Some(400));
    let err = spool.append(&[vec![2; 900]]).expect_err("there is no room");
    assert!(matches!(err, SpoolError::Full { cause: FullCause::Disk, .. }), "{err}");
    spool.append(&[vec![2; 10]]).expect("a smaller one still fits");
    disk.set_capacity(None);
    spool.append(&[vec![3; 900]]).expect("appends");
    let spool = reopened(&disk, spool);
    assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1", "2", "3"]);
}

#[test]
fn after_a_failed_sync_the_file_is_not_used_again() {
    let (disk, spool) = filled(2);
    let before = disk.bytes_of(FIRST);
    // The next changing calls are: write, sync.
    disk.fail_call(1, std::io::ErrorKind::Other);
    spool.append(&[vec![3; 100]]).expect("a new file takes it");
    spool.append(&[vec![4; 100]]).expect("appends");
    assert!(matches!(spool.incidents()[..], [Incident::FileAbandoned { .. }]));
    let untouched = before.len() + 120;
    assert_eq!(disk.bytes_of(FIRST).len(), untouched, "nothing is written to it any more");
    disk.crash(1);
    drop(spool);
    let spool = open(&disk);
    assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1", "2", "3", "4"]);
}

#[test]
fn numbers_that_a_receiver_knows_are_skipped() {
    let (disk, spool) = filled(1);
    spool.skip_to(5).expect("skips");
    spool.skip_to(3).expect("does nothing");
    spool.append(&[vec![5; 3]]).expect("appends");
    let spool = reopened(&disk, spool);
    assert_eq!(seqs(&spool.read(1, 9_999).expect("reads")), ["1", "2-4 Missing", "5"]);
    assert_eq!(spool.wait_for(5, Duration::ZERO).expect("waits"), 6);
}
