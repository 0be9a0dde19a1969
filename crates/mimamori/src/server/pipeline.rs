//! From the inbox to the lake: decode, judge, commit. One task, in the inbox's order.
//!
//! A commit holds events, their alerts and the streams' positions in one transaction, so that a crash at any
//! point leads to the same lake: what is committed is skipped by its position, what is not is read again.

use super::context::Context;
use super::detections::DetectionIntake;
use super::inbox::{Inbox, StreamId};
use super::inventory::InventoryIntake;
use super::judge::Judge;
use super::pending::{Pending, by_stream, declared_lost, ends, within_limits};
use super::rulebook::RuleFeed;
use super::status::ServerStatus;
use lake::{Commit, ErrorClass, Lake, LakeError};
use model::{Clock, DeviceId, Event, EventKind, Fields, LogSource, StreamKey, Timestamp};
use spool::Item;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use wire::{Batch, Received};

/// Events of one commit at most.
const COMMIT_EVENTS_MAX: usize = 50_000;
/// Alerts from which on a commit is due, whatever the number of its events.
const COMMIT_ALERTS_FULL: usize = 20_000;
/// Events wait at most this long for a commit.
const COMMIT_EVERY_NS: u64 = 1_000_000_000;
/// How long to wait for new batches before looking at the clock again.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// Small files are merged this often.
const COMPACT_EVERY_NS: u64 = 60_000_000_000;
/// The counters are written this often.
const STATUS_EVERY_NS: u64 = 1_000_000_000;
/// Wait before a failed commit is tried again: doubled each time up to the second value.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(5);

pub(crate) struct Pipeline {
    inbox: Arc<Inbox>,
    lake: Arc<Lake>,
    judge: Judge,
    rules: RuleFeed,
    clock: Arc<dyn Clock>,
    status_file: PathBuf,
    status: ServerStatus,
    inventory: InventoryIntake,
    detections: DetectionIntake,
    context: Context,
    /// The last number of each stream that is committed or pending.
    positions: HashMap<StreamId, u64>,
    pending: Pending,
}

/// What became of a commit.
enum Stored {
    Yes,
    /// The lake could not take it and the server stops.
    Stopping,
    /// The lake will never take it as it is.
    Rejected(LakeError),
}

impl Pipeline {
    pub(crate) fn new(
        inbox: Arc<Inbox>,
        lake: Arc<Lake>,
        mut rules: RuleFeed,
        clock: Arc<dyn Clock>,
        status_file: PathBuf,
        inventory: InventoryIntake,
        detections: DetectionIntake,
        context: Context,
    ) -> Self {
        let first = Arc::clone(&rules.sets.borrow_and_update());
        Self {
            inbox,
            lake,
            judge: Judge::of(first, Arc::clone(&clock)),
            rules,
            clock,
            status_file,
            status: ServerStatus::default(),
            inventory,
            detections,
            context,
            positions: HashMap::new(),
            pending: Pending::default(),
        }
    }

    /// Runs until `stop` turns true and everything in the inbox is committed (or cannot be).
    pub(crate) async fn run(mut self, stop: watch::Receiver<bool>) {
        if let Err(err) = self.begin().await {
            tracing::error!(error = %err, "the pipeline could not read the lake's positions");
            return;
        }
        self.detections.catch_up().await;
        let mut next = self.inbox.first_seq();
        let mut compacted_ns = self.clock.monotonic_ns();
        let mut rate = Rate::new(self.clock.monotonic_ns(), self.status.stored);
        loop {
            let (stopping, read_from) = (*stop.borrow(), next);
            match self.take(&mut next).await {
                Ok(()) => self.status.trouble.clear(),
                Err(err) => self.trouble("could not read the inbox", &err),
            }
            self.rules.desk.put(self.judge.take_news());
            if self.due(stopping) && !self.commit(&stop).await {
                return;
            }
            let now_ns = self.clock.monotonic_ns();
            if rate.due(now_ns) {
                self.status.received = self.inbox.received();
                self.status.stopped_rules = self.judge.stopped();
                let removed = self.detections.removed();
                self.status.folded_alerts_removed = removed.alerts;
                self.status.findings_removed = removed.detections;
                self.status.events_per_second = rate.step(now_ns, self.status.stored);
                if let Err(err) = self.status.write(&self.status_file) {
                    tracing::debug!(error = %err, "could not write the counters");
                }
            }
            if !stopping && now_ns.saturating_sub(compacted_ns) >= COMPACT_EVERY_NS {
                compacted_ns = now_ns;
                if let Err(err) = self.lake.compact(self.clock.now()).await {
                    tracing::warn!(error = %err, "small files could not be merged; queries get slower");
                }
            }
            if stopping && next == read_from && self.pending.advances.is_empty() {
                return;
            }
        }
    }

    async fn begin(&mut self) -> Result<(), lake::LakeError> {
        for position in self.lake.positions().await? {
            self.positions.insert((position.agent, position.epoch), position.last_seq);
            self.status.stored += position.stored;
        }
        if let Some(checkpoint) = self.lake.checkpoint().await? {
            self.judge.restore(&checkpoint);
        }
        Ok(())
    }

    /// Takes what the inbox has, up to one read; waits a little when it has nothing.
    async fn take(&mut self, next: &mut u64) -> anyhow::Result<()> {
        if self.pending_is_full() {
            return Ok(());
        }
        let (inbox, from) = (Arc::clone(&self.inbox), *next);
        let items = tokio::task::spawn_blocking(move || {
            inbox.wait_for(from, IDLE_WAIT)?;
            inbox.read(from)
        })
        .await??;
        if items.is_empty() {
            return Ok(());
        }
        tokio::task::block_in_place(|| {
            for item in items {
                if self.pending_is_full() {
                    break; // The rest is read again after the commit.
                }
                *next = item.next_seq();
                self.pending.inbox_through = *next - 1;
                self.pending.since_ns.get_or_insert(self.clock.monotonic_ns());
                match item {
                    Item::Record { seq, bytes } => self.record(seq, &bytes),
                    // The agents still hold what is not committed: the hole shows at their next batch.
                    Item::Gap { first, last, .. } => {
                        tracing::error!(
                            first,
                            last,
                            "the inbox is damaged; agents are asked to send again"
                        );
                    }
                }
            }
        });
        Ok(())
    }

    fn record(&mut self, seq: u64, bytes: &[u8]) {
        let received = match Received::from_bytes(bytes) {
            Ok(received) => received,
            Err(err) => {
                return tracing::error!(seq, error = %err, "a record of the inbox is not a batch");
            }
        };
        let batch = match Batch::decode(&received.body) {
            Ok(batch) => batch,
            Err(err) => {
                return tracing::error!(seq, error = %err, "a record of the inbox is not a batch");
            }
        };
        let id = (received.agent, batch.epoch);
        let position = self.positions.get(&id).copied().unwrap_or(0);
        if batch.last <= position {
            return; // Committed before a crash.
        }
        if batch.first > position + 1 {
            self.inbox.send_again(id, position);
            return tracing::error!(agent = %received.agent, expected = position + 1, first = batch.first,
                "batches before this one are missing; the agent is asked to send again");
        }
        self.take_rules();
        let batch = batch.trim_before(position + 1);
        self.positions.insert(id, batch.last);
        self.pending.advance(received.agent, &batch);
        for (seq, bytes) in &batch.records {
            let key = StreamKey { agent: received.agent, epoch: batch.epoch, seq: *seq };
            let mut event = event(bytes, received.device, key, received.received_at);
            self.context.stamp(&mut event);
            self.pending.alerts.extend(self.judge.alerts(&event));
            self.pending.events.push(event);
        }
    }

    /// Judges by newer rules from the next event on, if there are any.
    fn take_rules(&mut self) {
        // An error means that nobody makes new ones any more: the server stops.
        if self.rules.sets.has_changed().unwrap_or(false) {
            let newest = Arc::clone(&self.rules.sets.borrow_and_update());
            self.judge.swap(newest);
        }
    }

    fn pending_is_full(&self) -> bool {
        self.pending.events.len() >= COMMIT_EVENTS_MAX
            || self.pending.alerts.len() >= COMMIT_ALERTS_FULL
    }

    fn due(&self, stopping: bool) -> bool {
        let Some(since_ns) = self.pending.since_ns else { return false };
        stopping
            || self.pending_is_full()
            || self.clock.monotonic_ns().saturating_sub(since_ns) >= COMMIT_EVERY_NS
    }

    /// Commits what is pending. `false` when the lake did not take it and the server stops: the inbox
    /// keeps it for the next start.
    async fn commit(&mut self, stop: &watch::Receiver<bool>) -> bool {
        self.pending.alerts.extend(self.judge.due());
        let pending = std::mem::take(&mut self.pending);
        let inbox_through = pending.inbox_through;
        let whole =
            pending.into_commit(self.clock.now(), self.judge.checkpoint(), self.judge.take_hits());
        if let Err(err) = self.inventory.take(&whole.events, stop).await {
            if *stop.borrow() {
                return false;
            }
            self.trouble(
                "could not take the inventory; the devices' next full snapshots heal it",
                &err,
            );
        }
        let mut streams = Vec::new();
        for part in within_limits(whole) {
            if !self.commit_part(part, stop, &mut streams).await {
                return false;
            }
        }
        if let Err(err) = self.inbox.committed(inbox_through, &streams) {
            self.trouble("could not release the inbox", &err.into());
        }
        true
    }

    /// Commits a part that is not too large. `false` when the server stops.
    async fn commit_part(
        &mut self,
        part: Commit,
        stop: &watch::Receiver<bool>,
        streams: &mut Vec<(StreamId, u64)>,
    ) -> bool {
        match self.store(&part, stop).await {
            Stored::Stopping => return false,
            Stored::Yes => streams.extend(ends(&part)),
            // One stream must not stop the others (P9): each on its own finds the culprit.
            Stored::Rejected(_) => {
                for part in by_stream(part) {
                    match self.store(&part, stop).await {
                        Stored::Stopping => return false,
                        Stored::Yes => streams.extend(ends(&part)),
                        Stored::Rejected(err) => {
                            if !self.reject(part, err, stop, streams).await {
                                return false;
                            }
                        }
                    }
                }
            }
        }
        true
    }

    /// Commits, again and again until the lake takes it or refuses it for good.
    async fn store(&mut self, commit: &Commit, stop: &watch::Receiver<bool>) -> Stored {
        let mut retry = RETRY_FIRST;
        let mut tried = false;
        self.detections.announce(&commit.alerts).await;
        while !commit.advances.is_empty() {
            match self.lake.commit(commit.clone()).await {
                Ok(_) => break,
                // An earlier attempt reached the catalog although its answer was lost: a commit is whole.
                Err(LakeError::AlreadyCommitted { .. }) if tried => break,
                Err(err) if err.class() == ErrorClass::Reject => return Stored::Rejected(err),
                Err(err) => self.trouble("could not commit to the lake; trying again", &err.into()),
            }
            if *stop.borrow() {
                return Stored::Stopping;
            }
            tried = true;
            tokio::time::sleep(retry).await;
            retry = (retry * 2).min(RETRY_LAST);
        }
        self.detections.take(&commit.alerts).await;
        self.status.stored += commit.events.len() as u64;
        self.status.alerts += commit.alerts.len() as u64;
        Stored::Yes
    }

    /// A stream that the lake refuses. Where positions disagree, the lake's count and the agent, which still
    /// has everything that is not committed, sends again. Anything else is declared lost, so that the
    /// stream goes on and the gap is seen.
    async fn reject(
        &mut self,
        part: Commit,
        err: LakeError,
        stop: &watch::Receiver<bool>,
        streams: &mut Vec<(StreamId, u64)>,
    ) -> bool {
        if let LakeError::AlreadyCommitted { agent, epoch, through: position, .. } = err {
            self.rewind((agent, epoch), position);
        } else if let LakeError::Hole { agent, epoch, expected, .. } = err {
            self.rewind((agent, epoch), expected.saturating_sub(1));
        } else {
            self.trouble("the lake refused records, which are declared lost", &err.into());
            let lost = declared_lost(part);
            match self.store(&lost, stop).await {
                Stored::Stopping => return false,
                Stored::Yes => streams.extend(ends(&lost)),
                Stored::Rejected(err) => {
                    self.trouble("the lake refused a declared gap", &err.into())
                }
            }
        }
        true
    }

    fn rewind(&mut self, id: StreamId, position: u64) {
        tracing::error!(agent = %id.0, position, "the lake is elsewhere; the agent is asked to send again");
        self.positions.insert(id, position);
        self.inbox.send_again(id, position);
    }

    fn trouble(&mut self, what: &str, err: &anyhow::Error) {
        tracing::error!(error = format!("{err:#}"), "{what}");
        self.status.trouble = format!("{what}: {err:#}");
        // Best effort: the log has it already.
        if let Err(err) = self.status.write(&self.status_file) {
            tracing::debug!(error = %err, "could not write the counters");
        }
    }
}

/// A record as an event; one that cannot be decoded keeps its bytes.
fn event(bytes: &[u8], device: DeviceId, key: StreamKey, received_at: Timestamp) -> Event {
    match wire::decode_observation(bytes) {
        Ok(seen) => Event::of_linux_agent(seen, device, key, received_at),
        Err(err) => {
            let mut fields = Fields::new();
            fields.set("Reason", err.to_string());
            Event {
                kind: EventKind::Undecodable,
                device,
                stream: key,
                observed_at: received_at,
                received_at,
                source: LogSource::default(),
                fields,
                raw: Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            }
        }
    }
}

/// Events per second, over the last second.
struct Rate {
    at_ns: u64,
    stored: u64,
}

impl Rate {
    const fn new(at_ns: u64, stored: u64) -> Self {
        Self { at_ns, stored }
    }

    const fn due(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.at_ns) >= STATUS_EVERY_NS
    }

    fn step(&mut self, now_ns: u64, stored: u64) -> u64 {
        let passed_ns = now_ns.saturating_sub(self.at_ns).max(1);
        let rate = stored.saturating_sub(self.stored).saturating_mul(1_000_000_000) / passed_ns;
        *self = Self { at_ns: now_ns, stored };
        rate
    }
}
