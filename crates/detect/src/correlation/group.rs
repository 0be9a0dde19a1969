//! The events of one group in the order of their time, and whether they satisfy a correlation.

use super::plan::Plan;
use super::read::{Aggregate, Test};
use crate::limits;
use model::{DeviceId, EventKind, StreamKey};
use std::collections::{HashMap, VecDeque};
use std::ops::Range;

/// The place of an entry in time: at the same time, the place in the stream decides.
pub(crate) type Moment = (i64, StreamKey);

/// An event, or a match of another correlation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) time: i64,
    pub(crate) stream: StreamKey,
    pub(crate) device: DeviceId,
    pub(crate) kind: EventKind,
    /// The rules that matched, a bit each.
    pub(crate) mask: u64,
    /// The values of the fields that the correlation knows, as written.
    pub(crate) values: Box<[Option<Box<str>>]>,
    /// The condition held when this entry was the newest of the window.
    pub(crate) held: bool,
    /// The window that begins here is awaited.
    pub(crate) awaited: bool,
}

impl Entry {
    pub(crate) const fn moment(&self) -> Moment {
        (self.time, self.stream)
    }
}

/// What was found to satisfy a correlation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// When: the time of the newest entry, or the end of an awaited window.
    pub(crate) time: i64,
    /// Place of the entry that decided.
    pub(crate) decided: usize,
    /// Places of the entries that contribute.
    pub(crate) entries: Vec<usize>,
    /// The number that was compared.
    pub(crate) measure: f64,
}

/// One group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) entries: VecDeque<Entry>,
    /// The time of the last match that was told.
    pub(crate) told: Option<i64>,
    live: Live,
}

/// What is known of the window that ends with the newest entry, so that it need not be counted again.
#[derive(Debug, Default)]
struct Live {
    /// The first entry of the window.
    start: usize,
    /// Distinct values, each with the number of its entries.
    distinct: HashMap<String, u32>,
    /// Per rule the number of its entries.
    rules: Vec<u32>,
}

impl Group {
    /// Puts an entry into its place. The verdicts are those of every window that the entry changes and
    /// whose condition did not hold before; `work_left` bounds what may be looked at again.
    pub(crate) fn insert(
        &mut self,
        plan: &Plan,
        entry: Entry,
        work_left: &mut usize,
    ) -> Vec<Verdict> {
        let Some(entry) = self.joined(plan, entry) else { return Vec::new() };
        let place = self.entries.partition_point(|known| known.moment() <= entry.moment());
        if place == self.entries.len() {
            self.entries.push_back(entry);
            self.live.push(plan, &self.entries);
            return self.newest(plan).into_iter().collect();
        }
        let until = entry.time.saturating_add(plan.span_ns);
        self.entries.insert(place, entry);
        self.recount(plan);
        if plan.test.awaits_end() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for last in place..self.entries.len() {
            let Some(entry) = self.entries.get(last).filter(|entry| entry.time <= until) else {
                break;
            };
            if entry.held {
                continue;
            }
            let window = self.window(plan, last);
            *work_left = work_left.saturating_sub(window.len());
            if *work_left == 0 {
                break;
            }
            found.extend(self.judge(plan, window));
        }
        for verdict in &found {
            if let Some(entry) = self.entries.get_mut(verdict.decided) {
                entry.held = true;
            }
        }
        found
    }

    /// An event that is known already counts once: a stream that was sent again changes nothing. When it
    /// brings a rule that is new, the known entry is taken out and returned with it.
    fn joined(&mut self, plan: &Plan, mut entry: Entry) -> Option<Entry> {
        let first = self.entries.partition_point(|known| known.moment() < entry.moment());
        let same = |known: &Entry| known.moment() == entry.moment() && known.values == entry.values;
        let at_moment = self.entries.range(first..);
        let place = at_moment.take_while(|known| known.moment() == entry.moment()).position(same);
        let Some(place) = place.map(|place| first + place) else { return Some(entry) };
        let known = self.entries.get(place)?;
        if known.mask | entry.mask == known.mask {
            return None;
        }
        entry.mask |= known.mask;
        entry.held |= known.held;
        entry.awaited |= known.awaited;
        self.entries.remove(place);
        self.recount(plan);
        Some(entry)
    }

    /// Counts the newest window afresh: after a late entry, and after a restart.
    pub(crate) fn recount(&mut self, plan: &Plan) {
        self.live = Live::default();
        let Some(newest) = self.entries.back() else { return };
        let from = newest.time.saturating_sub(plan.span_ns);
        self.live.start = self.entries.partition_point(|entry| entry.time < from);
        for entry in self.entries.range(self.live.start..) {
            self.live.add(plan, entry);
        }
    }

    /// Removes the oldest entry.
    pub(crate) fn pop(&mut self, plan: &Plan) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        match self.live.start.checked_sub(1) {
            Some(start) => self.live.start = start,
            None => self.live.remove(plan, &entry),
        }
        Some(entry)
    }

    /// Whether the oldest entry lies in the newest window.
    pub(crate) const fn is_full_of_news(&self) -> bool {
        self.live.start == 0
    }

    fn newest(&mut self, plan: &Plan) -> Option<Verdict> {
        let last = self.entries.len().checked_sub(1)?;
        let may_hold = match &plan.test {
            Test::Count(bounds) => bounds.hold((self.entries.len() - self.live.start) as f64),
            Test::Distinct(bounds) => bounds.hold(self.live.distinct.len() as f64),
            Test::Rules(bounds) => bounds.hold(f64::from(self.live.mask().count_ones())),
            Test::Together(condition) => condition.holds(self.live.mask()),
            Test::Ordered(order) => order.iter().all(|rule| self.live.mask() >> rule & 1 == 1),
            Test::Number(..) => true,
            Test::Absent { .. } | Test::OrderedAbsent { .. } => false,
        };
        let verdict =
            may_hold.then(|| self.judge(plan, self.live.start..self.entries.len())).flatten()?;
        if let Some(entry) = self.entries.get_mut(last) {
            entry.held = true;
        }
        Some(verdict)
    }

    /// The window that ends with an entry.
    fn window(&self, plan: &Plan, last: usize) -> Range<usize> {
        let end = self.entries.get(last).map_or(0, |entry| entry.time);
        let from = end.saturating_sub(plan.span_ns);
        self.entries.partition_point(|entry| entry.time < from)..last + 1
    }

    /// Whether the condition holds of a window whose last entry is the newest.
    fn judge(&self, plan: &Plan, window: Range<usize>) -> Option<Verdict> {
        let decided = window.end.checked_sub(1)?;
        let time = self.entries.get(decided)?.time;
        let all = || window.clone().collect::<Vec<usize>>();
        let entries = || self.entries.range(window.clone());
        let mask = || entries().fold(0, |mask, entry| mask | entry.mask);
        let (measure, entries) = match &plan.test {
            Test::Count(bounds) => {
                let count = window.len() as f64;
                (bounds.hold(count).then_some(count)?, all())
            }
            Test::Distinct(bounds) => {
                let mut distinct = std::collections::HashSet::new();
                distinct.extend(entries().filter_map(|entry| value_key(plan, entry)));
                let count = distinct.len() as f64;
                // The newest entry decides only when it counts.
                value_key(plan, self.entries.get(decided)?)?;
                (bounds.hold(count).then_some(count)?, all())
            }
            Test::Number(aggregate, bounds) => {
                let place = *plan.value.first()?;
                let number = |entry: &Entry| number_of(entry.values.get(place)?.as_deref()?);
                number(self.entries.get(decided)?)?;
                let number = aggregated(*aggregate, entries().filter_map(number).collect())?;
                (bounds.hold(number).then_some(number)?, all())
            }
            Test::Rules(bounds) => {
                let count = f64::from(mask().count_ones());
                (bounds.hold(count).then_some(count)?, all())
            }
            Test::Together(condition) => {
                (condition.holds(mask()).then(|| f64::from(mask().count_ones()))?, all())
            }
            Test::Ordered(order) => {
                let chain = self.chain_back(order, window.clone())?;
                (chain.len() as f64, chain)
            }
            Test::Absent { .. } | Test::OrderedAbsent { .. } => return None,
        };
        Some(Verdict { time, decided, entries, measure })
    }

    /// The latest entries that come one after the other in this order, the last of them at the window's
    /// end.
    fn chain_back(&self, order: &[usize], window: Range<usize>) -> Option<Vec<usize>> {
        let mut chain = Vec::with_capacity(order.len());
        let mut end = window.end;
        for (step, rule) in order.iter().rev().enumerate() {
            let fits = |place: &usize| {
                self.entries.get(*place).is_some_and(|entry| entry.mask >> rule & 1 == 1)
            };
            let found = (window.start..end).rev().find(fits)?;
            if step == 0 && found + 1 != window.end {
                return None;
            }
            chain.push(found);
            end = found;
        }
        chain.reverse();
        Some(chain)
    }

    /// The verdict on the window that begins with an entry and is over.
    pub(crate) fn at_end(&self, plan: &Plan, begin: Moment) -> Option<Verdict> {
        let first = self.entries.partition_point(|entry| entry.moment() < begin);
        let entry = self.entries.get(first).filter(|entry| entry.moment() == begin)?;
        let deadline = entry.time.saturating_add(plan.span_ns);
        // Entries at the very moment of the first belong to its window, wherever they stand.
        let from = self.entries.partition_point(|other| other.time < entry.time);
        let end = self.entries.partition_point(|entry| entry.time <= deadline);
        let mask = self.entries.range(from..end).fold(0, |mask, entry| mask | entry.mask);
        let entries = match &plan.test {
            Test::Absent { begins, condition } if condition.holds(mask) => (from..end)
                .filter(|place| self.entries.get(*place).is_some_and(|it| it.mask & begins != 0))
                .collect(),
            Test::OrderedAbsent { order, absent } if mask & absent == 0 => {
                self.chain_on(order, first..end)?
            }
            _ => return None,
        };
        Some(Verdict {
            time: deadline,
            decided: first,
            measure: f64::from(mask.count_ones()),
            entries,
        })
    }

    /// The earliest entries that come one after the other in this order, from the window's first.
    fn chain_on(&self, order: &[usize], window: Range<usize>) -> Option<Vec<usize>> {
        let mut chain = Vec::with_capacity(order.len());
        let mut from = window.start;
        for rule in order {
            let fits = |place: &usize| {
                self.entries.get(*place).is_some_and(|entry| entry.mask >> rule & 1 == 1)
            };
            let found = (from..window.end).find(fits)?;
            chain.push(found);
            from = found + 1;
        }
        (chain.first() == Some(&window.start)).then_some(chain)
    }
}

impl Live {
    fn push(&mut self, plan: &Plan, entries: &VecDeque<Entry>) {
        let Some(newest) = entries.back() else { return };
        self.add(plan, newest);
        let from = newest.time.saturating_sub(plan.span_ns);
        while let Some(oldest) = entries.get(self.start).filter(|entry| entry.time < from) {
            self.remove(plan, oldest);
            self.start += 1;
        }
    }

    fn add(&mut self, plan: &Plan, entry: &Entry) {
        if matches!(plan.test, Test::Distinct(_)) {
            if let Some(key) = value_key(plan, entry) {
                *self.distinct.entry(key).or_default() += 1;
            }
            return;
        }
        self.rules.resize(plan.references.len(), 0);
        for (rule, count) in self.rules.iter_mut().enumerate() {
            *count += u32::from(entry.mask >> rule & 1 == 1);
        }
    }

    fn remove(&mut self, plan: &Plan, entry: &Entry) {
        if matches!(plan.test, Test::Distinct(_)) {
            let Some(key) = value_key(plan, entry) else { return };
            if let Some(count) = self.distinct.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.distinct.remove(&key);
                }
            }
            return;
        }
        for (rule, count) in self.rules.iter_mut().enumerate() {
            *count = count.saturating_sub(u32::from(entry.mask >> rule & 1 == 1));
        }
    }

    fn mask(&self) -> u64 {
        let set = self.rules.iter().enumerate().filter(|(_, count)| **count > 0);
        set.fold(0, |mask, (rule, _)| mask | 1 << rule)
    }
}

/// The values of which distinct ones are counted; `None` when one of them is missing.
fn value_key(plan: &Plan, entry: &Entry) -> Option<String> {
    key_of(&plan.value, &entry.values)
}

/// Chosen values as one text, equal when the values are equal but for letter case; `None` when one is
/// missing.
pub(crate) fn key_of(places: &[usize], values: &[Option<Box<str>>]) -> Option<String> {
    let mut key = String::new();
    for place in places {
        let value = crate::fold::fold(values.get(*place)?.as_deref()?);
        // With its length, so that no two rows of values make the same text.
        key.push_str(&value.len().to_string());
        key.push(':');
        key.push_str(&value);
    }
    Some(key)
}

fn number_of(text: &str) -> Option<f64> {
    let decimal = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let number: f64 = text.bytes().all(decimal).then(|| text.parse().ok()).flatten()?;
    number.is_finite().then_some(number)
}

fn aggregated(aggregate: Aggregate, mut numbers: Vec<f64>) -> Option<f64> {
    let count = numbers.len();
    if count == 0 {
        return None;
    }
    Some(match aggregate {
        Aggregate::Sum => numbers.iter().sum(),
        Aggregate::Average => numbers.iter().sum::<f64>() / count as f64,
        Aggregate::Percentile(percent) => {
            numbers.sort_by(f64::total_cmp);
            let rank = (count - 1) as f64 * percent / 100.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rank lies between 0 and the number of events of a window"
            )]
            let below = rank.floor() as usize;
            let low = *numbers.get(below)?;
            let high = numbers.get(below + 1).copied().unwrap_or(low);
            low + (high - low) * (rank - rank.floor())
        }
    })
}

const _: () = assert!(limits::EVENTS_PER_WINDOW_MAX <= u32::MAX as usize);
