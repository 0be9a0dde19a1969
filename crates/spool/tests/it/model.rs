//! The spool against a reference model: a list of what was accepted. Actions are what happens in the field:
//! appending, power failure, kill, a flipped bit, a failing call, a full disk, acknowledging, reading.

use crate::sim_disk::{Chance, SimDisk};
use proptest::prelude::*;
use spool::{Item, Options, Spool};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

#[derive(Debug, Clone)]
enum Action {
    Append(Vec<usize>),
    Acknowledge(usize),
    ReadAll(usize),
    PowerFailure(u64),
    Kill,
    /// Killed inside an append: the group was written in part.
    KillInAppend(Vec<usize>, u64),
    FlipBit(u64),
    FailCall(u64, bool),
    Capacity(Option<usize>),
    SkipAhead(u64),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let sizes = || prop::collection::vec(0usize..900, 1..5);
    let action = prop_oneof![
        8 => sizes().prop_map(Action::Append),
        2 => (0usize..100).prop_map(Action::Acknowledge),
        2 => (1usize..4000).prop_map(Action::ReadAll),
        2 => any::<u64>().prop_map(Action::PowerFailure),
        1 => Just(Action::Kill),
        2 => (sizes(), any::<u64>()).prop_map(|(sizes, seed)| Action::KillInAppend(sizes, seed)),
        1 => any::<u64>().prop_map(Action::FlipBit),
        2 => (0u64..8, any::<bool>()).prop_map(|(call, space)| Action::FailCall(call, space)),
        1 => prop::option::of(0usize..20_000).prop_map(Action::Capacity),
        1 => (1u64..4).prop_map(Action::SkipAhead),
    ];
    prop::collection::vec(action, 1..40)
}

/// What must be true, independent of how the spool works.
#[derive(Default)]
struct Reference {
    accepted: BTreeMap<u64, Vec<u8>>,
    /// Everything that was ever handed over, accepted or not: nothing else may come back.
    offered: BTreeSet<Vec<u8>>,
    acknowledged: u64,
    skipped: BTreeSet<u64>,
    flips: u64,
    counter: u64,
}

impl Reference {
    fn bodies(&mut self, sizes: &[usize]) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        for size in sizes {
            self.counter += 1;
            let mut body = self.counter.to_le_bytes().to_vec();
            let mut chance = Chance::new(self.counter);
            body.extend((0..*size).map(|_| u8::try_from(chance.below(256)).expect("fits")));
            self.offered.insert(body.clone());
            bodies.push(body);
        }
        bodies
    }

    fn judge(&self, spool: &Spool, bytes_max: usize) {
        let mut next = spool.first_seq();
        let mut damaged = 0;
        loop {
            let items = spool.read(next, bytes_max).expect("reading works");
            if items.is_empty() {
                break;
            }
            for item in items {
                match &item {
                    Item::Record { seq, bytes } => {
                        assert_eq!(*seq, next, "P5 in order, without holes");
                        assert!(self.offered.contains(bytes), "only what was appended comes back");
                        if let Some(accepted) = self.accepted.get(seq) {
                            assert_eq!(accepted, bytes, "a number is never given twice");
                        }
                    }
                    Item::Gap { first, last, .. } => {
                        assert_eq!(*first, next, "a gap begins where the last item ended");
                        assert!(last >= first);
                        let missing = (*first..=*last)
                            .filter(|seq| *seq > self.acknowledged)
                            .filter(|seq| self.accepted.contains_key(seq));
                        damaged += u64::try_from(missing.count()).expect("fits");
                    }
                }
                next = item.next_seq();
            }
        }
        assert_eq!(next, spool.next_seq(), "P3 everything up to the end is a record or a gap");
        assert!(
            damaged <= self.flips,
            "P1 {damaged} accepted records lost to {} flips",
            self.flips
        );
        if let Some((last, _)) = self.accepted.last_key_value() {
            assert!(*last < spool.next_seq(), "an accepted number is never given again");
        }
    }
}

fn options(epoch: u128) -> Options {
    Options { segment_bytes_max: 2_000, record_bytes_max: 1_000, ..Options::new(epoch, 1 << 20) }
}

fn run(actions: Vec<Action>) {
    let disk = SimDisk::default();
    let mut reference = Reference::default();
    let mut spool = Spool::open_on(Arc::new(disk.clone()), options(77)).expect("opens");
    let mut flipped_in_session = false;
    for action in actions {
        match action {
            Action::Append(sizes) => append(&spool, &mut reference, &sizes),
            Action::Acknowledge(percent) => {
                let (first, next) = (spool.first_seq(), spool.next_seq());
                let seq = first - 1 + (next - first) * u64::try_from(percent).expect("fits") / 100;
                reference.acknowledged = reference.acknowledged.max(seq);
                // A failing removal is told; the position counts all the same.
                if let Err(err) = spool.acknowledge(seq) {
                    assert!(matches!(err, spool::SpoolError::Io { .. }), "{err}");
                }
                assert!(spool.acknowledge(next).is_err(), "the future can not be acknowledged");
            }
            Action::ReadAll(bytes_max) => reference.judge(&spool, bytes_max),
            Action::FailCall(call, space) => {
                let kind = if space { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
                disk.fail_call(call, kind);
            }
            Action::Capacity(bytes) => disk.set_capacity(bytes),
            Action::SkipAhead(count) => {
                let (from, to) = (spool.next_seq(), spool.next_seq() + count);
                if spool.skip_to(to).is_ok() {
                    reference.skipped.extend(from..to);
                }
            }
            Action::FlipBit(seed) => {
                if !flipped_in_session {
                    flip(&disk, seed);
                    reference.flips += 1;
                    flipped_in_session = true;
                }
            }
            Action::PowerFailure(_) | Action::Kill | Action::KillInAppend(..) => {
                match action {
                    Action::PowerFailure(seed) => disk.crash(seed),
                    Action::KillInAppend(sizes, seed) => {
                        written_in_part(&disk, &spool, &mut reference, &sizes, seed);
                        disk.kill();
                    }
                    _ => disk.kill(),
                }
                disk.set_capacity(None);
                let before = reference.acknowledged;
                spool = Spool::open_on(Arc::new(disk.clone()), options(78)).expect("re-opens");
                assert_eq!(spool.epoch(), 77, "the epoch survives");
                assert!(spool.first_seq() <= before + 1, "nothing is acknowledged by itself");
                flipped_in_session = false;
                reference.judge(&spool, 1 << 20);
            }
        }
    }
    reference.judge(&spool, 700);
}

fn append(spool: &Spool, reference: &mut Reference, sizes: &[usize]) {
    let bodies = reference.bodies(sizes);
    let next = spool.next_seq();
    match spool.append(&bodies) {
        Ok(appended) => {
            assert_eq!(appended.first, next);
            assert_eq!(spool.next_seq(), appended.last + 1);
            reference.accepted.extend((appended.first..).zip(bodies));
        }
        Err(_) => assert_eq!(spool.next_seq(), next, "a refused append uses no number"),
    }
}

/// Leaves the newest segment as a process leaves it that is killed inside its write.
fn written_in_part(
    disk: &SimDisk,
    spool: &Spool,
    reference: &mut Reference,
    sizes: &[usize],
    seed: u64,
) {
    let before = newest(disk).map(|name| (disk.bytes_of(&name).len(), name));
    let accepted = reference.accepted.clone();
    append(spool, reference, sizes);
    if reference.accepted == accepted {
        return; // It was refused: there is no write to be killed in.
    }
    reference.accepted = accepted;
    let Some(name) = newest(disk) else { return };
    let len = disk.bytes_of(&name).len();
    let begin = before.filter(|(_, known)| *known == name).map_or(40, |(len, _)| len.max(40));
    if len > begin {
        disk.cut(&name, begin + Chance::new(seed).below(len - begin));
    }
}

fn newest(disk: &SimDisk) -> Option<String> {
    disk.names().into_iter().rfind(|name| name.ends_with(".seg"))
}

fn flip(disk: &SimDisk, seed: u64) {
    let mut chance = Chance::new(seed);
    let names: Vec<String> =
        disk.names().into_iter().filter(|name| name.ends_with(".seg") || name == "ack").collect();
    if names.is_empty() {
        return;
    }
    let name = &names[chance.below(names.len())];
    let bits = disk.bytes_of(name).len() * 8;
    disk.flip_bit(name, chance.below(bits));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn p1_accepted_records_survive_whatever_happens(actions in actions()) {
        run(actions);
    }
}

/// Every single call fails once, with every kind of error: afterwards everything accepted is there and the
/// spool works on.
#[test]
fn p1_every_failing_call_loses_nothing_accepted() {
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        for call in 0..60 {
            let disk = SimDisk::default();
            let spool = Spool::open_on(Arc::new(disk.clone()), options(77)).expect("opens");
            let mut reference = Reference::default();
            disk.fail_call(call, kind);
            for round in 0..12 {
                append(&spool, &mut reference, &[300, 10]);
                if round % 3 == 2 {
                    let seq = spool.next_seq() / 2;
                    reference.acknowledged = seq;
                    if let Err(err) = spool.acknowledge(seq) {
                        assert!(matches!(err, spool::SpoolError::Io { .. }), "{err}");
                    }
                }
            }
            reference.judge(&spool, 500);
            append(&spool, &mut reference, &[1]);
            assert!(!reference.accepted.is_empty());
            drop(spool);
            disk.crash(call);
            let spool = Spool::open_on(Arc::new(disk.clone()), options(78)).expect("re-opens");
            reference.judge(&spool, 500);
        }
    }
}
