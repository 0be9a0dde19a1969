//! Which program ran on how many devices, and since when.
//!
//! Per program (a hash, or an image path where no hash is known): the day of each device's last run. Exact as long as
//! everything fits; what finds no room is not known, which is told as nothing and counted.

use super::limits::{NEW_PROGRAMS_OF_DEVICE_PER_DAY_MAX, PROGRAMS_MAX, RUNS_MAX};
use model::{DeviceId, Timestamp};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// Days that count, today among them.
const DAYS: u32 = 30;
const DAY_NS: i64 = 86_400_000_000_000;

/// A day in UTC since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(u32);

impl Day {
    pub(super) fn of(at: Timestamp) -> Self {
        Self(u32::try_from(at.nanos().div_euclid(DAY_NS)).unwrap_or(0))
    }

    const fn in_span_of(self, today: Self) -> bool {
        self.0 + DAYS > today.0
    }
}

/// A program: by a keyed hash, so that nobody can choose two that are taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(u64);

/// What is known of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Devices that ran it in 30 days.
    pub(super) devices: u32,
    /// Days since it first ran anywhere.
    pub(super) first_seen_days: u32,
}

/// Who ran what.
#[derive(Debug, Default)]
pub(super) struct Prevalence {
    keys: RandomState,
    programs: HashMap<Key, Runs>,
    devices: HashMap<DeviceId, u32>,
    /// Device and program pairs that are kept.
    runs: usize,
    today: u32,
    /// New programs of each device today.
    fresh: HashMap<u32, u32>,
    forgotten_on: u32,
    /// Runs that found no room since the start.
    pub(super) refused: u64,
}

#[derive(Debug)]
struct Runs {
    first: Day,
    /// By device: the day of its last run; in order of the devices.
    last: Vec<(u32, Day)>,
    /// How many of them count on `counted_on`.
    counting: u32,
    counted_on: Day,
}

impl Prevalence {
    pub(super) fn of_hash(&self, sha256: &[u8; 32]) -> Key {
        Key(self.keys.hash_one((1_u8, sha256)))
    }

    pub(super) fn of_path(&self, path: &str) -> Key {
        Key(self.keys.hash_one((2_u8, path)))
    }

    /// A device runs a program. `None`: there is no room, nothing is known of it.
    pub(super) fn ran(&mut self, key: Key, device: DeviceId, day: Day) -> Option<Seen> {
        let device = self.device(device);
        if !self.programs.contains_key(&key) && !self.may_add(device, day) {
            self.refused += 1;
            return None;
        }
        let room = self.runs < RUNS_MAX;
        let new = || Runs { first: day, last: Vec::new(), counting: 0, counted_on: day };
        let runs = self.programs.entry(key).or_insert_with(new);
        match runs.ran(device, day, room) {
            Added::Known => {}
            Added::New => self.runs += 1,
            Added::NoRoom => {
                self.refused += 1;
                return None;
            }
        }
        runs.seen(day)
    }

    /// What is known of a program on a day. `None`: nothing, or nobody ran it in 30 days.
    pub(super) fn seen(&mut self, key: Key, day: Day) -> Option<Seen> {
        self.programs.get_mut(&key)?.seen(day)
    }

    /// A run of the past, as the lake remembers it. Callable in any order.
    pub(super) fn remember(&mut self, key: Key, device: DeviceId, first: Day, last: Day) {
        let device = self.device(device);
        if self.programs.len() >= PROGRAMS_MAX && !self.programs.contains_key(&key) {
            self.refused += 1;
            return;
        }
        let room = self.runs < RUNS_MAX;
        let new = || Runs { first, last: Vec::new(), counting: 0, counted_on: last };
        let runs = self.programs.entry(key).or_insert_with(new);
        runs.first = runs.first.min(first);
        match runs.ran(device, last, room) {
            Added::Known => {}
            Added::New => self.runs += 1,
            Added::NoRoom => self.refused += 1,
        }
    }

    fn device(&mut self, device: DeviceId) -> u32 {
        let next = u32::try_from(self.devices.len()).unwrap_or(u32::MAX);
        *self.devices.entry(device).or_insert(next)
    }

    /// Whether there is room for a program that is new: one device cannot take the room of all.
    fn may_add(&mut self, device: u32, day: Day) -> bool {
        if day.0 > self.today {
            self.today = day.0;
            self.fresh.clear();
        }
        let fresh = self.fresh.entry(device).or_default();
        if *fresh >= NEW_PROGRAMS_OF_DEVICE_PER_DAY_MAX {
            return false;
        }
        *fresh += 1;
        if self.programs.len() >= PROGRAMS_MAX {
            self.forget_old(day);
        }
        self.programs.len() < PROGRAMS_MAX
    }

    /// Programs that nobody ran in 30 days make room; at most once a day, since it looks at all.
    fn forget_old(&mut self, day: Day) {
        if self.forgotten_on == day.0 {
            return;
        }
        self.forgotten_on = day.0;
        self.programs.retain(|_, runs| runs.last.iter().any(|(_, last)| last.in_span_of(day)));
        self.runs = self.programs.values().map(|runs| runs.last.len()).sum();
    }
}

enum Added {
    Known,
    New,
    NoRoom,
}

impl Runs {
    fn ran(&mut self, device: u32, day: Day, room: bool) -> Added {
        self.count_on(day);
        match self.last.binary_search_by_key(&device, |(of, _)| *of) {
            Ok(place) => {
                if let Some((_, last)) = self.last.get_mut(place)
                    && *last < day
                {
                    if !last.in_span_of(self.counted_on) && day.in_span_of(self.counted_on) {
                        self.counting += 1;
                    }
                    *last = day;
                }
                Added::Known
            }
            Err(_) if !room => Added::NoRoom,
            Err(place) => {
                self.last.insert(place, (device, day));
                if day.in_span_of(self.counted_on) {
                    self.counting += 1;
                }
                Added::New
            }
        }
    }

    fn seen(&mut self, day: Day) -> Option<Seen> {
        self.count_on(day);
        let first_seen_days = self.counted_on.0.saturating_sub(self.first.0);
        (self.counting > 0).then_some(Seen { devices: self.counting, first_seen_days })
    }

    /// Counts anew on the first call of a later day. A clock that went back counts as the later day.
    fn count_on(&mut self, day: Day) {
        if day > self.counted_on {
            self.counted_on = day;
            let counting = self.last.iter().filter(|(_, last)| last.in_span_of(day)).count();
            self.counting = u32::try_from(counting).unwrap_or(u32::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const fn device(number: u128) -> DeviceId {
        DeviceId::from_bits(number)
    }

    #[test]
    fn devices_of_thirty_days_count_and_the_first_day_stays() {
        let mut table = Prevalence::default();
        let key = table.of_path("/usr/bin/a");
        let seen = |devices, first_seen_days| Some(Seen { devices, first_seen_days });
        assert_eq!(table.seen(key, Day(100)), None);
        assert_eq!(table.ran(key, device(1), Day(100)), seen(1, 0));
        assert_eq!(table.ran(key, device(1), Day(100)), seen(1, 0));
        assert_eq!(table.ran(key, device(2), Day(101)), seen(2, 1));
        assert_eq!(table.seen(key, Day(129)), seen(2, 29));
        assert_eq!(table.seen(key, Day(130)), seen(1, 30));
        assert_eq!(table.seen(key, Day(131)), None);
        assert_eq!(table.ran(key, device(1), Day(140)), seen(1, 40));
        assert_ne!(table.of_path("/usr/bin/b"), key);
    }

    #[test]
    fn what_is_read_from_the_lake_in_any_order_is_what_came_in_order() {
        // A small generator: the same runs every time.
        let mut state = 7_u64;
        let mut next = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut runs: Vec<(u64, u128, u32)> = (0..2_000)
            .map(|_| {
                (next(20), u128::from(next(40)), 100 + u32::try_from(next(60)).expect("small"))
            })
            .collect();
        runs.sort_by_key(|run| run.2);
        let mut live = Prevalence::default();
        let path = |number: u64| format!("/opt/{number}");
        for (program, on, day) in &runs {
            let key = live.of_path(&path(*program));
            let seen = live.ran(key, device(*on), Day(*day)).expect("there is room");
            let of = |of: &&(u64, u128, u32)| of.0 == *program && of.2 <= *day;
            let mut last = BTreeMap::new();
            runs.iter().filter(of).for_each(|run| {
                // Runs of the same day that come later do not count yet.
                last.insert(run.1, run.2);
            });
            let most = last.values().filter(|last| **last + 30 > *day).count();
            assert!(seen.devices as usize <= most && seen.devices > 0);
        }
        let mut bounds: BTreeMap<(u64, u128), (u32, u32)> = BTreeMap::new();
        for (program, on, day) in &runs {
            let of = bounds.entry((*program, *on)).or_insert((*day, *day));
            *of = (of.0.min(*day), of.1.max(*day));
        }
        let mut again = Prevalence::default();
        for ((program, on), (first, last)) in bounds.iter().rev() {
            again.remember(again.of_path(&path(*program)), device(*on), Day(*first), Day(*last));
        }
        for program in 0..20 {
            let keys = (live.of_path(&path(program)), again.of_path(&path(program)));
            assert_eq!(live.seen(keys.0, Day(159)), again.seen(keys.1, Day(159)), "{program}");
        }
    }

    #[test]
    fn one_device_cannot_fill_the_table() {
        let mut table = Prevalence::default();
        for number in 0..NEW_PROGRAMS_OF_DEVICE_PER_DAY_MAX + 10 {
            let key = table.of_path(&format!("/tmp/{number}"));
            table.ran(key, device(1), Day(100));
        }
        assert_eq!(table.refused, 10);
        let key = table.of_path("/home/b/tool");
        assert!(table.ran(key, device(2), Day(100)).is_some(), "others are not touched");
        let key = table.of_path("/tmp/tomorrow");
        assert!(table.ran(key, device(1), Day(101)).is_some());
    }
}
