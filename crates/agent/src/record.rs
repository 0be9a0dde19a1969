//! The recorder: from the sensor into the spool, in groups whose intent is written before.

use crate::{
    clock::SystemClock,
    error::AgentError,
    home::{Home, write_whole},
    intent::{Entry, Fate, Intent, IntentFile, Progress, index_of},
    inventory::Ends,
    limits::{
        COUNTERS_EVERY_MS, GROUP_BYTES_MAX, GROUP_ENTRIES_MAX, OBSERVE_WAIT_MS, STATUS_EVERY_MS,
    },
    report::Machine,
    shed::Pressure,
    status::Shared,
    stop::Stop,
};
use model::{Class, Clock, Counters, EventKind, Lost, LostReason, Observation, Timestamp};
use sensor::{Sensed, Sensor};
use spool::{Item, Spool};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Between two attempts when the spool refuses.
const RETRY_MS: u64 = 200;
/// For what the ring still holds when the agent is asked to stop.
const DRAIN_MS_MAX: u64 = 2_000;
/// Between two log lines about the same lasting trouble.
const COMPLAIN_EVERY_MS: u64 = 60_000;
const MS: u64 = 1_000_000;

/// Everything recording needs.
pub(crate) struct Recorder {
    pub(crate) sensor: Sensor,
    pub(crate) spool: Spool,
    pub(crate) intent_file: IntentFile,
    pub(crate) progress: Progress,
    pub(crate) home: Home,
    pub(crate) status: Arc<Shared>,
    pub(crate) machine: Machine,
    pub(crate) stop: Stop,
    /// The server knows numbers below this one; see [`crate::upload::Uploader`].
    pub(crate) skip_to: Arc<AtomicU64>,
    /// The spool's next number when it was opened.
    pub(crate) opened_next_seq: u64,
    /// Losses that are not yet said.
    pub(crate) unsaid_losses: VecDeque<Lost>,
    pub(crate) inventory: Ends,
    pub(crate) timers: Timers,
}

/// When things were last done, on the monotonic clock.
#[derive(Default)]
pub(crate) struct Timers {
    counters_ns: u64,
    status_ns: u64,
    complained_ns: u64,
}

/// An observation ready to be stored.
struct Ready {
    class: Class,
    position: Option<u64>,
    /// `false`: the observation exceeds a limit, the bytes are the record that says so.
    whole: bool,
    bytes: Vec<u8>,
}

/// Entries and the records among them.
#[derive(Default)]
struct Group {
    entries: Vec<Entry>,
    records: Vec<Vec<u8>>,
}

impl Group {
    fn of_ready(ready: &[Ready], pressure: Pressure) -> Self {
        let mut group = Self::default();
        for one in ready {
            let fate = match one.whole {
                _ if pressure.sheds(one.class) => Fate::Shed,
                true => Fate::Queued,
                false => Fate::Replaced,
            };
            group.entries.push(Entry { fate, class: one.class, position: one.position });
            if fate.is_record() {
                group.records.push(one.bytes.clone());
            }
        }
        group
    }

    /// Everything given up: there is no room and no time left.
    fn given_up(ready: &[Ready]) -> Self {
        let entry =
            |one: &Ready| Entry { fate: Fate::Shed, class: one.class, position: one.position };
        Self { entries: ready.iter().map(entry).collect(), records: Vec::new() }
    }

    fn push(
        &mut self,
        fate: Fate,
        class: Class,
        observation: &Observation,
    ) -> Result<(), AgentError> {
        self.records.push(wire::encode_observation(observation)?);
        self.entries.push(Entry { fate, class, position: None });
        Ok(())
    }
}

impl Recorder {
    /// Records until asked to stop, then empties the ring and says that it stopped.
    ///
    /// # Errors
    /// [`AgentError::Sensor`] and fatal errors of the spool.
    pub(crate) fn run(mut self) -> Result<(), AgentError> {
        self.say(EventKind::AgentStart)?;
        self.tick();
        let mut sensed = Vec::new();
        while !self.stop.asked() {
            self.round(&mut sensed, Duration::from_millis(OBSERVE_WAIT_MS))?;
        }
        // What happens from here on is not recorded and not counted; what happened before is emptied out.
        self.sensor.detach();
        let began_ns = SystemClock.monotonic_ns();
        loop {
            let more = self.round(&mut sensed, Duration::ZERO)?;
            if !more || SystemClock.monotonic_ns() - began_ns > DRAIN_MS_MAX * MS {
                break;
            }
        }
        self.timers.counters_ns = 0;
        self.reports()?;
        self.say(EventKind::AgentStop)?;
        self.write_status();
        self.sensor.stop();
        Ok(())
    }

    /// Observes once and makes it durable; whether there was anything.
    fn round(&mut self, sensed: &mut Vec<Sensed>, wait: Duration) -> Result<bool, AgentError> {
        sensed.clear();
        self.sensor.observe(wait, sensed)?;
        let any = !sensed.is_empty();
        self.keep(sensed)?;
        self.keep_inventory()?;
        self.unsaid_losses.extend(self.sensor.losses());
        self.reports()?;
        self.tick();
        self.skip_if_wanted()?;
        Ok(any)
    }

    /// Makes observations durable, or gives them up, in groups.
    fn keep(&mut self, sensed: &mut [Sensed]) -> Result<(), AgentError> {
        let mut ready = VecDeque::with_capacity(sensed.len());
        for one in sensed {
            self.inventory.runs.offer(&one.observation);
            self.inventory.runs.owners.name(&mut one.observation);
            ready.push_back(self.ready(one)?);
        }
        while !ready.is_empty() {
            let mut bytes = 0;
            let fits = |one: &&Ready| {
                bytes += one.bytes.len();
                bytes <= GROUP_BYTES_MAX
            };
            let ready_now = ready.make_contiguous();
            let count = ready_now.iter().take(GROUP_ENTRIES_MAX).take_while(fits).count().max(1);
            let group: Vec<Ready> = ready.drain(..count).collect();
            self.keep_group(&group)?;
        }
        Ok(())
    }

    /// Makes records of the inventory durable. What finds no room waits, and the inventory with it.
    fn keep_inventory(&mut self) -> Result<(), AgentError> {
        let Some(told) = self.inventory.inbox.next() else { return Ok(()) };
        let entry = Entry { fate: Fate::Report, class: Class::Process, position: None };
        let entries = vec![entry; told.records.len()];
        let records = told.records.clone();
        match self.commit(Group { entries, records }) {
            Ok(()) => told.done(),
            Err(err) if is_fatal(&err) => return Err(err),
            Err(err) => {
                self.complain(&err, "could not store the inventory; it follows later");
                self.status.recording(Some(err.to_string()));
                self.inventory.inbox.hold(told);
            }
        }
        Ok(())
    }

    fn ready(&self, sensed: &Sensed) -> Result<Ready, AgentError> {
        let (class, position) = (sensed.class, sensed.position);
        match wire::encode_observation(&sensed.observation) {
            Ok(bytes) => Ok(Ready { class, position, whole: true, bytes }),
            Err(err) => {
                tracing::error!(error = %err, class = class.name(), "an observation can not be stored");
                let at = sensed.observation.observed_at;
                let lost = Lost {
                    class: Some(class),
                    count: Some(1),
                    reason: LostReason::Oversize,
                    from: at,
                    to: at,
                };
                let bytes = wire::encode_observation(&lost.to_observation(at))?;
                Ok(Ready { class, position, whole: false, bytes })
            }
        }
    }

    /// Tries until the group is settled, giving up more each time the spool is full. Asked to stop while
    /// nothing can be stored, it gives up everything, which the next start says.
    fn keep_group(&mut self, ready: &[Ready]) -> Result<(), AgentError> {
        let mut pressure = Pressure::of_usage(self.spool.usage());
        loop {
            let err = match self.commit(Group::of_ready(ready, pressure)) {
                Ok(()) => {
                    self.status.recording(None);
                    return Ok(());
                }
                Err(err) => err,
            };
            if is_fatal(&err) {
                return Err(err);
            }
            self.status.recording(Some(err.to_string()));
            let full = matches!(err, AgentError::Spool(spool::SpoolError::Full { .. }));
            match pressure.more() {
                Some(more) if full => {
                    self.complain(&err, "no room: giving up the lowest class");
                    pressure = more;
                    continue;
                }
                None if full && ready.len() > 1 => {
                    // A part of it may still fit.
                    let (front, back) = ready.split_at(ready.len() / 2);
                    self.keep_group(front)?;
                    return self.keep_group(back);
                }
                // Processes are not given up: they wait in the kernel's ring, which counts what it loses.
                _ => self.complain(&err, "could not store; waiting"),
            }
            self.tick();
            if self.stop.wait(Duration::from_millis(RETRY_MS)) {
                return self.commit(Group::given_up(ready));
            }
        }
    }

    /// Logs trouble that lasts once a minute; the status file says it all the time, the counters how much.
    fn complain(&mut self, err: &AgentError, what: &str) {
        let now_ns = SystemClock.monotonic_ns();
        let last_ns = self.timers.complained_ns;
        if last_ns == 0 || now_ns - last_ns >= COMPLAIN_EVERY_MS * MS {
            self.timers.complained_ns = now_ns;
            tracing::error!(error = %err, "{what}");
        }
    }

    /// Intent, append, release.
    fn commit(&mut self, group: Group) -> Result<(), AgentError> {
        let intent = Intent {
            before: self.progress,
            first_seq: self.spool.next_seq(),
            at: SystemClock.now(),
            entries: group.entries,
        };
        self.intent_file.write(&intent)?;
        let next_seq = if group.records.is_empty() {
            intent.first_seq
        } else {
            self.spool.append(&group.records)?.last + 1
        };
        self.progress = intent.settle(next_seq);
        if let Some(position) = self.progress.position
            && self.progress.position != intent.before.position
        {
            self.sensor.release(position);
        }
        Ok(())
    }

    /// Says what is due: losses, what was given up, counters. What finds no room is said later.
    fn reports(&mut self) -> Result<(), AgentError> {
        let now = SystemClock.now();
        let mut group = Group::default();
        let losses = self.unsaid_losses.len().min(GROUP_ENTRIES_MAX / 2);
        for lost in self.unsaid_losses.iter().take(losses) {
            group.push(Fate::Report, Class::Process, &lost.to_observation(now))?;
        }
        let due_ns = self.timers.counters_ns + COUNTERS_EVERY_MS * MS;
        let now_ns = SystemClock.monotonic_ns();
        let counters_due = self.timers.counters_ns == 0 || now_ns >= due_ns;
        if counters_due {
            for class in Class::ALL {
                let unsaid = self.progress.unsaid[index_of(class)];
                if unsaid.count > 0 {
                    let lost = quota_lost(class, unsaid.count, unsaid.from, now);
                    group.push(Fate::Said, class, &lost.to_observation(now))?;
                }
            }
            for (class, counters) in self.counters() {
                let observation = counters.to_observation(class, now);
                group.push(Fate::Report, class, &observation)?;
            }
        }
        if group.entries.is_empty() {
            return Ok(());
        }
        match self.commit(group) {
            Ok(()) => {
                self.unsaid_losses.drain(..losses);
            }
            Err(err) if is_fatal(&err) => return Err(err),
            Err(err) => {
                self.complain(&err, "could not store a report; it follows later");
                self.status.recording(Some(err.to_string()));
            }
        }
        if counters_due {
            self.timers.counters_ns = now_ns;
        }
        Ok(())
    }

    /// The sensor's counters with what became of the observations.
    fn counters(&self) -> Vec<(Class, Counters)> {
        let mut all = self.sensor.counters();
        for (class, counters) in &mut all {
            counters.queued = self.progress.queued[index_of(*class)];
            counters.shed = self.progress.shed[index_of(*class)];
        }
        all
    }

    fn say(&mut self, kind: EventKind) -> Result<(), AgentError> {
        let coverage = self.sensor.coverage();
        let not_recorded = coverage.not_recorded();
        let not_recorded_ja = crate::report::not_recorded_ja(coverage);
        let classes = coverage.classes.iter().filter(|class| class.recorded);
        let recorded = classes.map(|class| class.class.name()).collect();
        self.status.update(|status| {
            status.recorded = recorded;
            status.not_recorded = not_recorded.clone().unwrap_or_default();
            status.state = if kind == EventKind::AgentStart { "running" } else { "stopped" };
        });
        let mut group = Group::default();
        let not_recorded = not_recorded.zip(not_recorded_ja);
        let observation = self.machine.record(kind, not_recorded, SystemClock.now());
        group.push(Fate::Report, Class::Process, &observation)?;
        match self.commit(group) {
            Err(err) if is_fatal(&err) => Err(err),
            Err(err) => {
                tracing::error!(error = %err, kind = kind.name(), "could not store a report");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn tick(&mut self) {
        let now_ns = SystemClock.monotonic_ns();
        if now_ns - self.timers.status_ns < STATUS_EVERY_MS * MS {
            return;
        }
        self.timers.status_ns = now_ns;
        for incident in self.spool.incidents() {
            tracing::warn!(?incident, "the spool found something");
        }
        self.write_status();
        let alive = format!("{}\n", SystemClock.now());
        if let Err(err) = write_whole(&self.home.alive(), alive.as_bytes(), false) {
            self.complain(&err, "could not note that the agent is alive");
        }
    }

    fn write_status(&mut self) {
        let usage = self.spool.usage();
        self.status.count(&self.counters());
        self.status.update(|status| {
            status.spool.epoch = model::EpochId::from_bits(self.spool.epoch()).to_string();
            status.spool.first_seq = self.spool.first_seq();
            status.spool.next_seq = self.spool.next_seq();
            status.spool.used_bytes = usage.used_bytes;
            status.spool.quota_bytes = usage.quota_bytes;
        });
        if let Err(err) = self.status.write(&self.home.status(), SystemClock.now()) {
            self.complain(&err, "could not write the status file");
        }
    }

    /// Leaves out numbers that the server knows and we do not. Records that were given such numbers since
    /// the start are stored once more, above.
    fn skip_if_wanted(&mut self) -> Result<(), AgentError> {
        let target = self.skip_to.swap(0, Ordering::SeqCst);
        if target <= self.opened_next_seq {
            return Ok(());
        }
        tracing::error!(
            known_there = target - 1,
            known_here = self.opened_next_seq - 1,
            "the end of the spool was lost since it was sent; leaving its numbers out"
        );
        let mut again = Vec::new();
        let mut next = self.opened_next_seq;
        while next < self.spool.next_seq() {
            for item in self.spool.read(next, GROUP_BYTES_MAX)? {
                next = item.next_seq();
                if let Item::Record { bytes, .. } = item {
                    again.push(bytes);
                }
            }
        }
        self.spool.skip_to(target)?;
        for records in again.chunks(64) {
            self.spool.append(records)?;
        }
        self.opened_next_seq = self.spool.next_seq();
        Ok(())
    }
}

fn quota_lost(class: Class, count: u64, from: Timestamp, to: Timestamp) -> Lost {
    Lost { class: Some(class), count: Some(count), reason: LostReason::Quota, from, to }
}

/// Errors that no waiting heals.
fn is_fatal(err: &AgentError) -> bool {
    match err {
        AgentError::Spool(err) => err.class() == spool::ErrorClass::Fatal,
        AgentError::File { .. } => false,
        _ => true,
    }
}
