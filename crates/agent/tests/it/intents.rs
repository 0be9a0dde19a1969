//! Killed at every step of every group, the agent loses nothing that the ring still held and stores nothing
//! twice; what it gave up is counted and said exactly once.

use agent::intent::{Entry, Fate, Intent, Progress, index_of, seal, unseal};
use model::{Class, Timestamp};
use proptest::prelude::*;

/// Where the next group is interrupted.
#[derive(Debug, Clone, Copy)]
enum Kill {
    No,
    /// Inside the writing of the intent: so many bytes were written.
    InIntent(usize),
    BeforeAppend,
    /// Inside the append: so many records are whole.
    InAppend(usize),
    BeforeRelease,
}

#[derive(Debug, Clone)]
struct Group {
    take: usize,
    /// Given up from this class on, as the shedding does.
    shed: u8,
    say: bool,
    kill: Kill,
}

fn group() -> impl Strategy<Value = Group> {
    let kill = prop_oneof![
        4 => Just(Kill::No),
        1 => (0usize..400).prop_map(Kill::InIntent),
        1 => Just(Kill::BeforeAppend),
        1 => (0usize..8).prop_map(Kill::InAppend),
        1 => Just(Kill::BeforeRelease),
    ];
    (0usize..8, 0u8..3, any::<bool>(), kill).prop_map(|(take, shed, say, kill)| Group {
        take,
        shed,
        say,
        kill,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Event(u64),
    Said(Class, u64),
}

/// Kernel and disk: what outlives a kill.
struct World {
    /// The classes of the ring's records; positions are 1, 2, 3 …
    ring: Vec<Class>,
    spool: Vec<Stored>,
    slots: [Vec<u8>; 2],
}

const RING: u64 = 7;

impl World {
    fn next_seq(&self) -> u64 {
        self.spool.len() as u64 + 1
    }

    /// What a starting agent finds out.
    fn recover(&self) -> (u64, Progress) {
        let newest = self.slots.iter().filter_map(|slot| unseal(slot)).max_by_key(|slot| slot.0);
        let fresh = Progress { ring_id: RING, ..Progress::default() };
        newest
            .map_or((0, fresh), |(generation, intent)| (generation, intent.settle(self.next_seq())))
    }

    fn group(&self, group: &Group, progress: &Progress) -> (Vec<Entry>, Vec<Stored>) {
        let from = usize::try_from(progress.position.unwrap_or(0)).expect("small");
        let (mut entries, mut records) = (Vec::new(), Vec::new());
        for (at, class) in self.ring.iter().enumerate().skip(from).take(group.take) {
            let sheds = match class {
                Class::File => group.shed > 0,
                Class::Network => group.shed > 1,
                Class::Process => false,
            };
            let position = at as u64 + 1;
            let fate = if sheds { Fate::Shed } else { Fate::Queued };
            entries.push(Entry { fate, class: *class, position: Some(position) });
            if !sheds {
                records.push(Stored::Event(position));
            }
        }
        if group.say {
            for class in Class::ALL {
                let unsaid = progress.unsaid[index_of(class)];
                if unsaid.count > 0 {
                    // Said first: what this very group gives up is said by a later one.
                    entries.insert(0, Entry { fate: Fate::Said, class, position: None });
                    records.insert(0, Stored::Said(class, unsaid.count));
                }
            }
        }
        (entries, records)
    }

    /// One group as the recorder does it, up to where it is killed. The progress, when it was not.
    fn live(&mut self, generation: u64, progress: Progress, group: &Group) -> Option<Progress> {
        let (entries, records) = self.group(group, &progress);
        let first_seq = self.next_seq();
        let at = Timestamp::from_nanos(1);
        let intent = Intent { before: progress, first_seq, at, entries };
        let slot = &mut self.slots[usize::from(generation % 2 == 1)];
        let sealed = seal(generation, &intent.to_bytes());
        if let Kill::InIntent(written) = group.kill {
            let written = written.min(sealed.len() - 1);
            if slot.len() < written {
                slot.resize(written, 0);
            }
            slot[..written].copy_from_slice(&sealed[..written]);
            return None;
        }
        if slot.len() < sealed.len() {
            slot.resize(sealed.len(), 0);
        }
        slot[..sealed.len()].copy_from_slice(&sealed);
        match group.kill {
            Kill::BeforeAppend => return None,
            Kill::InAppend(whole) => {
                self.spool.extend(records.iter().take(whole));
                return None;
            }
            _ => self.spool.extend(records),
        }
        (!matches!(group.kill, Kill::BeforeRelease)).then(|| intent.settle(self.next_seq()))
    }
}

fn run(ring: Vec<Class>, groups: &[Group]) {
    let mut world = World { ring, spool: Vec::new(), slots: [Vec::new(), Vec::new()] };
    let (mut generation, mut progress) = world.recover();
    let rest = Group { take: usize::MAX, shed: 0, say: true, kill: Kill::No };
    for group in groups.iter().chain([&rest]) {
        generation += 1;
        (generation, progress) = match world.live(generation, progress, group) {
            Some(progress) => (generation, progress),
            None => world.recover(),
        };
    }
    for class in Class::ALL {
        let index = index_of(class);
        let of_class: Vec<u64> = (1..)
            .zip(&world.ring)
            .filter(|(_, known)| **known == class)
            .map(|(position, _)| position)
            .collect();
        let stored: Vec<u64> = world
            .spool
            .iter()
            .filter_map(|record| match record {
                Stored::Event(id) if of_class.contains(id) => Some(*id),
                _ => None,
            })
            .collect();
        assert!(stored.is_sorted_by(|a, b| a < b), "P4 nothing twice, P5 in order: {stored:?}");
        assert_eq!(progress.queued[index], stored.len() as u64, "the counter tells the truth");
        assert_eq!(
            progress.shed[index] + stored.len() as u64,
            of_class.len() as u64,
            "P1 every event of {} is stored or counted as given up",
            class.name()
        );
        let said: u64 = world
            .spool
            .iter()
            .map(|record| match record {
                Stored::Said(known, count) if *known == class => *count,
                _ => 0,
            })
            .sum();
        let unsaid = progress.unsaid[index].count;
        assert_eq!(said + unsaid, progress.shed[index], "P3 what was given up is said once");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn p1_a_kill_at_any_step_loses_nothing_and_doubles_nothing(
        ring in prop::collection::vec(prop::sample::select(&Class::ALL[..]), 0..60),
        groups in prop::collection::vec(group(), 0..40),
    ) {
        run(ring, &groups);
    }

    #[test]
    fn arbitrary_slots_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(unseal(&bytes).is_none());
        drop(Intent::from_bytes(&bytes));
    }
}
