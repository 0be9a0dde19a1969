//! The sensor: takes records from the ring and changes from the file queue, and makes observations.

use super::files::{FileChange, Files};
use super::kernel::{KERNEL_CLASSES, Kernel};
use super::observations::{self, Arguments, Surroundings};
use super::opening::open_kernel;
use super::processes::Processes;
use super::record::{self, Record, What};
use super::ring::{Ring, Step};
use super::snapshot::{self, Snapshot, read_small};
use super::sys::give_back_memory;
use super::tally::{Outcome, Tally};
use super::text::{WallClock, boot_ns};
use super::users::Users;
use crate::limits::{OBSERVED_AT_ONCE_MAX, RING_BYTES_MAX, RING_BYTES_MIN};
use crate::{Coverage, Options, Resume, Sensed, SensorError};
use model::{Class, Counters, EventKind, Lost, LostReason, Observation, Timestamp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::time::Duration;

/// Records what happens on this machine.
pub struct Sensor {
    coverage: Coverage,
    ring: Option<Ring>,
    kernel: Option<Kernel>,
    files: Option<Files>,
    /// File changes whose processes may still be in the ring.
    held: VecDeque<FileChange>,
    snapshot: VecDeque<Snapshot>,
    processes: Processes,
    users: Users,
    wall: WallClock,
    tally: Tally,
    boot: String,
    ring_id: Option<u64>,
    /// Whether the ring was read to its end by the last look.
    ring_empty: bool,
    losses: Vec<Lost>,
    started_at: Timestamp,
    /// When it was last asked whether the kernel skipped a program.
    asked_skipped_ns: u64,
}

impl std::fmt::Debug for Sensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sensor")
            .field("ring_id", &self.ring_id)
            .field("coverage", &self.coverage)
            .finish_non_exhaustive()
    }
}

impl Sensor {
    /// Starts to record, or goes on where the last life of the agent ended. What cannot be recorded, for
    /// want of privileges or of kernel features, is no error: [`Sensor::coverage`] says it.
    ///
    /// # Errors
    /// [`SensorError::BadRingSize`], [`SensorError::InUse`] when another agent holds the pins, and
    /// [`SensorError::Io`] when what is pinned cannot be read.
    pub fn start(options: Options) -> Result<Self, SensorError> {
        if !options.ring_bytes.is_power_of_two()
            || !(RING_BYTES_MIN..=RING_BYTES_MAX).contains(&options.ring_bytes)
        {
            return Err(SensorError::BadRingSize { ring_bytes: options.ring_bytes });
        }
        let boot = boot_id();
        let mut coverage = Coverage::empty();
        let (kernel, ring) =
            open_kernel(options.ring_bytes, options.pin_directory.as_deref(), &mut coverage)?;
        // Whatever began after this moment is in the ring.
        let attached_ns = boot_ns();
        let files = Files::start(&options.ignore_paths, &mut coverage);
        let wall = WallClock::new(options.clock);
        let now = wall.now();
        let tally = kernel.as_ref().map(|kernel| Tally::from_progress(&kernel.progress()));
        let mut sensor = Self {
            coverage,
            ring_id: kernel.as_ref().map(|kernel| ring_id(&boot, kernel.ring_map_id())),
            ring,
            kernel,
            files,
            held: VecDeque::new(),
            snapshot: VecDeque::new(),
            processes: Processes::default(),
            users: Users::new("/etc/passwd"),
            wall,
            tally: tally.unwrap_or_default(),
            boot,
            ring_empty: true,
            losses: Vec::new(),
            started_at: now,
            asked_skipped_ns: 0,
        };
        sensor.say_abandoned(now);
        sensor.know_running(attached_ns);
        sensor.resume(options.resume)?;
        give_back_memory();
        Ok(sensor)
    }

    /// What is recorded and what is not.
    #[must_use]
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The identity of the kernel's ring: positions of another ring mean nothing here. `None` without one.
    #[must_use]
    pub const fn ring_id(&self) -> Option<u64> {
        self.ring_id
    }

    /// Appends what was observed, at most twice [`OBSERVED_AT_ONCE_MAX`]; returns as soon as there is
    /// something, and after `wait` at the latest.
    ///
    /// # Errors
    /// [`SensorError::RingDamaged`] when the ring contradicts its layout; [`SensorError::Io`] when waiting
    /// fails. Both are fatal for this sensor.
    pub fn observe(&mut self, wait: Duration, out: &mut Vec<Sensed>) -> Result<(), SensorError> {
        let deadline_ns =
            boot_ns().saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
        let before = out.len();
        loop {
            self.wall.refresh();
            self.take_snapshot(out);
            // First the file changes are taken, then the ring is read to its end: so the process of a
            // file change is known before the change is looked at.
            if self.held.is_empty()
                && let Some(files) = &self.files
            {
                self.held.extend(files.take(OBSERVED_AT_ONCE_MAX));
            }
            self.take_ring(out)?;
            if self.ring_empty {
                self.take_files(out);
            }
            let now_ns = boot_ns();
            if out.len() > before || now_ns >= deadline_ns {
                return Ok(());
            }
            self.wait(deadline_ns - now_ns)?;
        }
    }

    /// Everything up to `position` is durable: the kernel may use its space again. Positions that were
    /// not handed out change nothing.
    pub fn release(&mut self, position: u64) {
        let (Some(kernel), Some(ring)) = (&mut self.kernel, &mut self.ring) else { return };
        if position <= ring.consumer() || position > ring.next_position() {
            return;
        }
        self.tally.release(position);
        // In this order: if the agent dies in between, the next start finds the position here.
        kernel.set_progress(self.tally.to_progress());
        ring.release(position);
    }

    /// The counters of each class since the programs were loaded (files: since this start).
    #[must_use]
    pub fn counters(&self) -> Vec<(Class, Counters)> {
        Class::ALL.into_iter().map(|class| (class, self.counters_of(class))).collect()
    }

    /// What was lost since the last call.
    pub fn losses(&mut self) -> Vec<Lost> {
        let mut losses = std::mem::take(&mut self.losses);
        let now = self.wall.now();
        let from = self.tally.asked(now).unwrap_or(self.started_at).min(now);
        let of_kernel = self.kernel_losses(from, now);
        if !of_kernel.is_empty()
            && let Some(kernel) = &mut self.kernel
        {
            kernel.set_progress(self.tally.to_progress());
        }
        losses.extend(of_kernel);
        losses.extend(self.file_losses(from, now));
        losses
    }

    /// Ends recording of the ring's classes: afterwards [`Sensor::observe`] gives what is still in the
    /// ring and then nothing more. For an orderly end: detach, observe until nothing comes, release, stop.
    pub fn detach(&mut self) {
        if let Some(kernel) = &mut self.kernel {
            kernel.detach();
        }
    }

    /// Ends recording and removes everything that is pinned. What was not released is gone.
    pub fn stop(mut self) {
        drop(self.files.take());
        drop(self.ring.take());
        if let Some(kernel) = self.kernel.take() {
            kernel.remove();
        }
    }

    fn counters_of(&self, class: Class) -> Counters {
        match KERNEL_CLASSES.iter().position(|known| *known == class) {
            Some(index) => {
                let index = u32::try_from(index).unwrap_or(0);
                let kernel = self.kernel.as_ref().map(|kernel| kernel.counters(index));
                self.tally.complete(class, kernel.unwrap_or_default())
            }
            None => {
                let mut counters = self.files.as_ref().map(Files::counters).unwrap_or_default();
                // Taken from the queue and still held here: not received yet, by what the words mean.
                let held = self.held.len() as u64;
                counters.received -= held;
                counters.emitted -= held;
                counters
            }
        }
    }

    fn kernel_losses(&mut self, from: Timestamp, to: Timestamp) -> Vec<Lost> {
        const ASK_SKIPPED_EVERY_NS: u64 = 2_000_000_000;
        let now_ns = boot_ns();
        let ask_skipped = now_ns.saturating_sub(self.asked_skipped_ns) > ASK_SKIPPED_EVERY_NS;
        if ask_skipped {
            self.asked_skipped_ns = now_ns;
        }
        let mut losses = Vec::new();
        for (index, class) in KERNEL_CLASSES.into_iter().enumerate() {
            let mut lost = |count: Option<u64>, reason| {
                losses.push(Lost { class: Some(class), count, reason, from, to });
            };
            let counters = self.counters_of(class);
            let parts = [
                (LostReason::RingFull, counters.ring_full),
                (LostReason::Oversize, counters.oversize),
                (LostReason::Undecodable, counters.decode_error),
            ];
            let new = self.tally.untold(index, parts.map(|part| part.1));
            for ((reason, _), count) in parts.into_iter().zip(new).filter(|(_, count)| *count > 0) {
                lost(Some(count), reason);
            }
            if !ask_skipped {
                continue;
            }
            let skipped = self.kernel.as_ref().map_or(0, |kernel| kernel.skipped(index));
            let skipped = self.tally.untold_skipped(index, skipped);
            if skipped > 0 {
                // Of system calls nobody knows how many were connections, of threads how many processes.
                lost(None, LostReason::SourceOverflow);
            }
        }
        losses
    }

    fn file_losses(&mut self, from: Timestamp, now: Timestamp) -> Vec<Lost> {
        let Some(files) = &self.files else { return Vec::new() };
        let class = Some(Class::File);
        let mut losses: Vec<Lost> = files
            .overflows()
            .into_iter()
            .map(|(from_ns, to_ns)| Lost {
                class,
                count: None,
                reason: LostReason::SourceOverflow,
                from: self.wall.at(from_ns),
                to: self.wall.at(to_ns),
            })
            .collect();
        let full = files.untold_full();
        if full > 0 {
            let reason = LostReason::RingFull;
            losses.push(Lost { class, count: Some(full), reason, from, to: now });
        }
        losses
    }

    fn say_abandoned(&mut self, now: Timestamp) {
        let abandoned = self.kernel.as_ref().and_then(|kernel| kernel.abandoned);
        if let Some(count) = abandoned.filter(|count| *count > 0) {
            self.losses.push(Lost {
                class: None,
                count: Some(count),
                reason: LostReason::AgentDown,
                from: now,
                to: now,
            });
        }
    }

    /// Learns the running processes. They become observations when nobody has told them yet.
    fn know_running(&mut self, attached_ns: u64) {
        let tell_any = match &self.kernel {
            Some(kernel) => kernel.fresh || !self.tally.has_outside(),
            None => true,
        };
        for running in snapshot::take() {
            let exec = &running.exec;
            let arguments = Arguments::read(&exec.arguments, exec.arguments_bytes);
            let process = observations::process_of(&exec.ids, &exec.image, &arguments);
            self.processes.put(running.key, process);
            let recorded = self.kernel.is_some() && running.key.start_ns > attached_ns;
            if tell_any && !recorded {
                self.snapshot.push_back(running);
            }
        }
    }

    /// Skips what the last life of the agent had made durable, learning and counting on the way.
    fn resume(&mut self, resume: Option<Resume>) -> Result<(), SensorError> {
        let Some(ring) = &mut self.ring else { return Ok(()) };
        let resumed = resume
            .filter(|resume| Some(resume.ring_id) == self.ring_id)
            .map_or(0, |resume| resume.position);
        // A release that was written down and not carried out any more.
        let counted = self.tally.released_position();
        let durable = resumed.max(counted).min(ring.producer());
        let mut last = ring.consumer();
        while let Some(ring) = &mut self.ring
            && ring.next_position() < durable
        {
            match ring.step() {
                Step::Record(bytes, position) => {
                    let (class, record) = understand(bytes);
                    let outcome = self.take_record(record, class, position).0;
                    if position > counted {
                        self.tally.note(position, class, outcome);
                    }
                    last = position;
                }
                Step::Busy => std::thread::sleep(Duration::from_micros(100)),
                Step::Empty => break,
                Step::Damaged(position) => return Err(SensorError::RingDamaged { position }),
            }
        }
        self.release(last);
        Ok(())
    }

    fn take_snapshot(&mut self, out: &mut Vec<Sensed>) {
        let count = self.snapshot.len().min(OBSERVED_AT_ONCE_MAX);
        let at = self.wall.now();
        for Snapshot { key, exec } in self.snapshot.drain(..count) {
            let arguments = Arguments::read(&exec.arguments, exec.arguments_bytes);
            let mut around = Surroundings {
                processes: &self.processes,
                users: &mut self.users,
                boot: &self.boot,
            };
            let kind = EventKind::ProcessRunning;
            let observation = observations::program(kind, at, key, &exec, arguments, &mut around);
            self.tally.note_outside(Class::Process);
            out.push(Sensed { observation, class: Class::Process, position: None });
        }
    }

    fn take_ring(&mut self, out: &mut Vec<Sensed>) -> Result<(), SensorError> {
        let limit = out.len() + OBSERVED_AT_ONCE_MAX;
        self.ring_empty = self.ring.is_none();
        while out.len() < limit {
            let Some(ring) = &mut self.ring else { break };
            match ring.step() {
                Step::Record(bytes, position) => {
                    let (class, record) = understand(bytes);
                    let (outcome, observation) = self.take_record(record, class, position);
                    self.tally.note(position, class, outcome);
                    if let Some(observation) = observation {
                        out.push(Sensed { observation, class, position: Some(position) });
                    }
                }
                Step::Busy => break,
                Step::Empty => {
                    self.ring_empty = true;
                    break;
                }
                Step::Damaged(position) => return Err(SensorError::RingDamaged { position }),
            }
        }
        if let Some(position) = self.tally.free_position() {
            self.release(position);
        }
        Ok(())
    }

    fn take_record(
        &mut self,
        record: Option<Record>,
        class: Class,
        position: u64,
    ) -> (Outcome, Option<Observation>) {
        let Some(Record { key, seen_ns, what }) = record else {
            tracing::warn!(
                position,
                class = class.name(),
                "a record of the ring was not understood"
            );
            return (Outcome::Undecodable, None);
        };
        let at = self.wall.at(seen_ns);
        if let What::Fork(ids) = &what {
            self.processes.fork(key, ids.parent, ids.uid);
            return (Outcome::Merged, None);
        }
        // Kernels before 6.16 may tell the end of one process twice.
        if matches!(what, What::Exit { .. }) && self.processes.end(key) {
            return (Outcome::Merged, None);
        }
        let mut arguments = None;
        if let What::Exec(exec) = &what {
            let read = Arguments::read(&exec.arguments, exec.arguments_bytes);
            self.processes.put(key, observations::process_of(&exec.ids, &exec.image, &read));
            arguments = Some(read);
        }
        let mut around =
            Surroundings { processes: &self.processes, users: &mut self.users, boot: &self.boot };
        let observation = match (&what, arguments) {
            (What::Exec(exec), Some(arguments)) => {
                let kind = EventKind::ProcessStart;
                observations::program(kind, at, key, exec, arguments, &mut around)
            }
            (What::Exit { ids, code }, _) => observations::exit(at, key, ids, *code, &mut around),
            (What::Connection(found), _) => observations::connection(at, key, found, &mut around),
            _ => return (Outcome::Merged, None),
        };
        (Outcome::Emitted, Some(observation))
    }

    fn take_files(&mut self, out: &mut Vec<Sensed>) {
        for FileChange { kind, seen_ns, pid, fields } in self.held.drain(..) {
            let key = self.processes.at(pid, seen_ns);
            let mut around = Surroundings {
                processes: &self.processes,
                users: &mut self.users,
                boot: &self.boot,
            };
            let at = self.wall.at(seen_ns);
            let observation = observations::file(kind, at, fields, pid, key, &mut around);
            out.push(Sensed { observation, class: Class::File, position: None });
        }
    }

    fn wait(&mut self, wait_ns: u64) -> Result<(), SensorError> {
        // The kernel signals a ring only to a reader who has given everything back; and a record that is
        // being written makes it readable at once. In both cases a short sleep does.
        const SHORT_NS: u64 = 5_000_000;
        let ring_waits = self.ring_empty && !self.tally.holds_any();
        let wait_ns = if ring_waits { wait_ns } else { wait_ns.min(SHORT_NS) };
        let mut fds = Vec::new();
        if let (Some(kernel), true) = (&self.kernel, ring_waits) {
            fds.push(PollFd::from_borrowed_fd(kernel.ring_fd(), PollFlags::IN));
        }
        if let (Some(files), true) = (&self.files, self.held.is_empty()) {
            fds.push(PollFd::from_borrowed_fd(files.arrived(), PollFlags::IN));
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(wait_ns / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(wait_ns % 1_000_000_000).unwrap_or(0),
        };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(err) => {
                Err(SensorError::Io { what: "waiting for events".into(), source: err.into() })
            }
        }
    }
}

/// A record and the class it is counted in, also when it makes no sense.
fn understand(bytes: &[u8]) -> (Class, Option<Record>) {
    let class = if record::is_connection(bytes) { Class::Network } else { Class::Process };
    (class, record::read(bytes))
}

/// The first 16 hexadecimal digits of the boot's identity.
fn boot_id() -> String {
    let text = read_small("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.iter()
        .filter(|byte| byte.is_ascii_hexdigit())
        .take(16)
        .map(|byte| char::from(*byte))
        .collect()
}

/// Positions may be compared only within one map of one boot.
fn ring_id(boot: &str, map_id: u32) -> u64 {
    let boot = boot.get(..8).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
    (boot << 32) | u64::from(map_id)
}
