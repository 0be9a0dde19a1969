//! The state of all correlations, and how an event changes it.

use super::awaited::{Awaited, Window};
use super::found::CorrelationMatch;
use super::group::{Entry, Group, Verdict, key_of};
use super::input::{Input, Inputs, add, projected, value_of};
use super::plan::{Correlations, Plan, Sources};
use crate::limits;
use crate::matched::Match;
use model::{AgentId, Event, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Numbers about the state; what was given up is counted, so that nobody trusts a silence that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Groups that are kept.
    pub groups: u64,
    /// Events that are kept, those of all groups together.
    pub events: u64,
    /// Windows whose end is awaited.
    pub awaited: u64,
    /// Events within a window that gave way to newer ones, because a limit was reached.
    pub events_evicted: u64,
    /// Groups that gave way, because a limit was reached.
    pub groups_evicted: u64,
    /// Events that came too late for the window of their group.
    pub events_late: u64,
    /// Events that lack a field of the group.
    pub events_without_group: u64,
    /// Times that windows were not looked at again after a late event, because there were too many.
    pub windows_unexamined: u64,
}

/// The state of correlations: which events each group has seen.
///
/// A value without clock or files. Feed it every event in the order of the stream; keep its
/// [`Correlator::checkpoint`] with the position of the stream, and after a restart it goes on as though
/// nothing had happened.
#[derive(Debug)]
pub struct Correlator {
    pub(crate) set: Arc<Correlations>,
    pub(crate) states: Vec<State>,
    /// The newest time of each agent whose windows may be awaited.
    pub(crate) heard: BTreeMap<AgentId, i64>,
    /// The newest time of receipt.
    pub(crate) received: i64,
    /// Counts what was put in: the order in which groups were touched.
    pub(crate) tick: u64,
    pub(crate) statistics: Statistics,
    awaited: Awaited,
    changed: bool,
    tells_all: bool,
}

/// The state of one correlation.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) groups: HashMap<Arc<str>, Kept>,
    /// Groups by the tick of their last event.
    pub(crate) by_age: BTreeMap<u64, Arc<str>>,
    pub(crate) events: usize,
}

impl State {
    /// When the group without news for longest was touched, by the server's clock.
    fn oldest(&self) -> Option<i64> {
        let (_, key) = self.by_age.first_key_value()?;
        self.groups.get(key).map(|kept| kept.received)
    }
}

/// A group and when it was last touched.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) group: Group,
    pub(crate) tick: u64,
    pub(crate) received: i64,
}

impl Correlator {
    /// An empty state.
    #[must_use]
    pub fn new(set: Arc<Correlations>) -> Self {
        let states = set.plans.iter().map(|_| State::default()).collect();
        Self {
            set,
            states,
            heard: BTreeMap::new(),
            received: i64::MIN,
            tick: 0,
            statistics: Statistics::default(),
            awaited: Awaited::default(),
            changed: false,
            tells_all: false,
        }
    }

    /// An empty state that also tells of correlations that only serve others.
    pub(crate) fn telling_all(set: Arc<Correlations>) -> Self {
        Self { tells_all: true, ..Self::new(set) }
    }

    /// The correlations.
    #[must_use]
    pub const fn correlations(&self) -> &Arc<Correlations> {
        &self.set
    }

    /// Takes an event and the rules that matched it, also when none did: time passes with it. Gives the
    /// correlations that it completes.
    #[must_use]
    pub fn observe(&mut self, event: &Event, matches: &[Match]) -> Vec<CorrelationMatch> {
        if self.set.is_empty() {
            return Vec::new();
        }
        let inputs = self.inputs(event, matches);
        self.received = self.received.max(event.received_at.nanos());
        let mut found = Vec::new();
        self.take(inputs, &mut found);
        self.hear(event.stream.agent, event.observed_at.nanos(), &mut found);
        self.forget_idle(event.stream.seq);
        found
    }

    /// Time has passed by the server's clock: windows that silent agents left open are over.
    #[must_use]
    pub fn advance(&mut self, now: Timestamp) -> Vec<CorrelationMatch> {
        self.received = self.received.max(now.nanos());
        let mut found = Vec::new();
        let patience = self.received.saturating_sub(limits::SILENCE_NS_MAX);
        while let Some(window) = self.awaited.by_deadline.first().cloned() {
            if window.deadline >= patience {
                break;
            }
            self.end(&window, &mut found);
        }
        found
    }

    /// Every agent has come as far as this time: the windows that ended before are over. For files, which
    /// nothing follows, the time of their last event.
    #[must_use]
    pub fn pass(&mut self, until: Timestamp) -> Vec<CorrelationMatch> {
        let mut found = Vec::new();
        while let Some(window) = self.awaited.by_deadline.first().cloned() {
            if window.deadline >= until.nanos() {
                break;
            }
            self.end(&window, &mut found);
        }
        found
    }

    /// Nothing follows any more: every awaited window is over.
    #[must_use]
    pub fn finish(&mut self) -> Vec<CorrelationMatch> {
        let mut found = Vec::new();
        while let Some(window) = self.awaited.by_deadline.first().cloned() {
            self.end(&window, &mut found);
        }
        found
    }

    /// Numbers about the state.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Statistics {
            groups: count(self.states.iter().map(|state| state.groups.len()).sum()),
            events: count(self.states.iter().map(|state| state.events).sum()),
            awaited: count(self.awaited.by_deadline.len()),
            ..self.statistics
        }
    }

    /// Whether something has changed since this was last asked: then a new checkpoint is due.
    #[must_use]
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// What the matches of base rules mean to each correlation.
    fn inputs(&self, event: &Event, matches: &[Match]) -> Inputs {
        let mut inputs = Inputs::new();
        for found in matches {
            for (plan, reference) in self.set.of_rule.get(&found.rule.id).into_iter().flatten() {
                let references = self.set.plans.get(*plan).map(|plan| &plan.references);
                let Some(Sources::Event(names)) =
                    references.and_then(|all| all.get(*reference)).map(|it| &it.fields)
                else {
                    continue;
                };
                let values = names.iter().map(|name| value_of(event, name)).collect();
                let input = Input {
                    time: event.observed_at.nanos(),
                    stream: event.stream,
                    device: event.device,
                    kind: event.kind,
                    mask: 1 << reference,
                    values,
                };
                add(inputs.entry(*plan).or_default(), input);
            }
        }
        inputs
    }

    /// Works through the inputs; matches become inputs of the correlations above.
    fn take(&mut self, mut inputs: Inputs, found: &mut Vec<CorrelationMatch>) {
        let set = Arc::clone(&self.set);
        while let Some((place, all)) = inputs.pop_first() {
            let Some(plan) = set.plans.get(place) else { continue };
            for input in all {
                let Some(key) = key_of(&plan.group, &input.values) else {
                    self.statistics.events_without_group += 1;
                    continue;
                };
                let key: Arc<str> = key.into();
                let verdicts = self.insert(place, plan, &key, input);
                self.tell(place, plan, &key, &verdicts, &mut inputs, found);
                self.trim(place, plan, &key);
            }
        }
    }

    fn insert(&mut self, place: usize, plan: &Plan, key: &Arc<str>, input: Input) -> Vec<Verdict> {
        self.changed = true;
        self.tick += 1;
        let (tick, received) = (self.tick, self.received);
        let Some(state) = self.states.get_mut(place) else { return Vec::new() };
        let kept = state.groups.entry(Arc::clone(key)).or_insert_with(|| Kept {
            group: Group::default(),
            tick,
            received,
        });
        state.by_age.remove(&kept.tick);
        state.by_age.insert(tick, Arc::clone(key));
        (kept.tick, kept.received) = (tick, received);
        let newest = kept.group.entries.back().map_or(i64::MIN, |entry| entry.time);
        let keep_from = newest.saturating_sub(plan.span_ns).saturating_sub(limits::LATE_NS_MAX);
        if input.time < keep_from {
            self.statistics.events_late += 1;
            return Vec::new();
        }
        let begins = match &plan.test {
            super::read::Test::Absent { begins, .. } => *begins,
            super::read::Test::OrderedAbsent { order, .. } => {
                order.first().map_or(0, |rule| 1 << rule)
            }
            _ => 0,
        };
        let entry = Entry {
            time: input.time,
            stream: input.stream,
            device: input.device,
            kind: input.kind,
            mask: input.mask,
            values: input.values,
            held: false,
            awaited: input.mask & begins != 0,
        };
        if entry.awaited {
            let window = Window {
                deadline: entry.time.saturating_add(plan.span_ns),
                plan: place,
                begin: entry.moment(),
                group: Arc::clone(key),
            };
            self.awaited.insert(window);
        }
        let before = kept.group.entries.len();
        let mut work_left = limits::LATE_WORK_MAX;
        let verdicts = kept.group.insert(plan, entry, &mut work_left);
        state.events += kept.group.entries.len() - before;
        self.statistics.windows_unexamined += u64::from(work_left == 0);
        verdicts
    }

    /// Tells of matches, once per window and group, and hands each on to the correlations above.
    fn tell(
        &mut self,
        place: usize,
        plan: &Plan,
        key: &Arc<str>,
        verdicts: &[Verdict],
        inputs: &mut Inputs,
        found: &mut Vec<CorrelationMatch>,
    ) {
        let kept = self.states.get_mut(place).and_then(|state| state.groups.get_mut(key));
        let Some(kept) = kept else { return };
        for verdict in verdicts {
            for (above, reference) in &plan.parents {
                let Some(parent) = self.set.plans.get(*above) else { continue };
                for input in projected(&kept.group, verdict, parent, *reference) {
                    add(inputs.entry(*above).or_default(), input);
                }
            }
            let news = kept
                .group
                .told
                .is_none_or(|told| told.abs_diff(verdict.time) > plan.span_ns.unsigned_abs());
            if !news {
                continue;
            }
            kept.group.told =
                Some(kept.group.told.map_or(verdict.time, |told| told.max(verdict.time)));
            if plan.is_told || self.tells_all {
                found.extend(CorrelationMatch::new(plan, key, &kept.group, verdict));
            }
        }
    }

    /// Removes what no window can need any more, and what exceeds a limit.
    fn trim(&mut self, place: usize, plan: &Plan, key: &Arc<str>) {
        let Some(state) = self.states.get_mut(place) else { return };
        if let Some(kept) = state.groups.get_mut(key) {
            let group = &mut kept.group;
            let newest = group.entries.back().map_or(i64::MIN, |entry| entry.time);
            let keep_from = newest.saturating_sub(plan.span_ns).saturating_sub(limits::LATE_NS_MAX);
            loop {
                let too_many = group.entries.len() > limits::EVENTS_PER_WINDOW_MAX;
                let Some(oldest) = group.entries.front() else { break };
                if !too_many && (oldest.time >= keep_from || oldest.awaited) {
                    break;
                }
                if group.is_full_of_news() || oldest.awaited {
                    self.statistics.events_evicted += 1;
                }
                if let Some(gone) = group.pop(plan) {
                    state.events -= 1;
                    self.awaited.forget(place, plan, key, &gone);
                }
            }
        }
        if state.groups.len() > limits::GROUPS_PER_CORRELATION_MAX {
            self.evict_oldest(place);
        }
        let events = |states: &[State]| states.iter().map(|state| state.events).sum::<usize>();
        while events(&self.states) > limits::CORRELATED_EVENTS_MAX {
            let most = self.states.iter().enumerate().max_by_key(|(_, state)| state.events);
            let Some((most, _)) = most else { break };
            if !self.evict_oldest(most) {
                break;
            }
        }
    }

    fn evict_oldest(&mut self, place: usize) -> bool {
        let removed = self.remove_oldest(place);
        self.statistics.groups_evicted += u64::from(removed);
        removed
    }

    fn remove_oldest(&mut self, place: usize) -> bool {
        let set = Arc::clone(&self.set);
        let (Some(plan), Some(state)) = (set.plans.get(place), self.states.get_mut(place)) else {
            return false;
        };
        let Some((_, key)) = state.by_age.pop_first() else { return false };
        let Some(kept) = state.groups.remove(&key) else { return false };
        state.events -= kept.group.entries.len();
        for entry in &kept.group.entries {
            self.awaited.forget(place, plan, &key, entry);
        }
        true
    }

    /// Forgets groups without news for so long that nothing can be missing from them. One correlation is
    /// looked at per event, chosen by the event, so that the cost does not grow with their number.
    fn forget_idle(&mut self, number: u64) {
        let count = u64::try_from(self.states.len()).unwrap_or(u64::MAX).max(1);
        let place = usize::try_from(number % count).unwrap_or_default();
        let span = self.set.plans.get(place).map_or(0, |plan| plan.span_ns);
        let idle = self.received.saturating_sub(span).saturating_sub(limits::GROUP_IDLE_NS);
        while self.states.get(place).and_then(State::oldest).is_some_and(|it| it < idle) {
            self.changed |= self.remove_oldest(place);
        }
    }

    /// An agent has come as far as this time: its windows that ended before are over.
    fn hear(&mut self, agent: AgentId, time: i64, found: &mut Vec<CorrelationMatch>) {
        if !self.set.awaits_end {
            return;
        }
        let heard = self.heard.entry(agent).or_insert(time);
        *heard = (*heard).max(time);
        let heard = *heard;
        if self.heard.len() > limits::AGENTS_HEARD_MAX {
            self.heard.pop_first();
        }
        while let Some(window) = self.awaited.first_of(agent).filter(|it| it.deadline < heard) {
            self.end(&window, found);
        }
    }

    /// Judges a window that is over.
    fn end(&mut self, window: &Window, found: &mut Vec<CorrelationMatch>) {
        self.changed = true;
        self.awaited.remove(window);
        let set = Arc::clone(&self.set);
        let Some(plan) = set.plans.get(window.plan) else { return };
        let mut inputs = Inputs::new();
        let kept = self.states.get_mut(window.plan).and_then(|it| it.groups.get_mut(&window.group));
        let Some(kept) = kept else { return };
        let verdict = kept.group.at_end(plan, window.begin);
        for entry in &mut kept.group.entries {
            if entry.moment() == window.begin {
                entry.awaited = false;
            }
        }
        let verdicts: Vec<Verdict> = verdict.into_iter().collect();
        self.tell(window.plan, plan, &window.group, &verdicts, &mut inputs, found);
        self.take(inputs, found);
    }

    /// Finds the awaited windows again among the entries, after a restart.
    pub(crate) fn await_again(&mut self) {
        self.awaited = Awaited::default();
        for (place, (plan, state)) in self.set.plans.iter().zip(&mut self.states).enumerate() {
            for (key, kept) in &mut state.groups {
                kept.group.recount(plan);
                for entry in kept.group.entries.iter().filter(|entry| entry.awaited) {
                    let deadline = entry.time.saturating_add(plan.span_ns);
                    let group = Arc::clone(key);
                    self.awaited.insert(Window {
                        deadline,
                        plan: place,
                        begin: entry.moment(),
                        group,
                    });
                }
            }
        }
    }
}
