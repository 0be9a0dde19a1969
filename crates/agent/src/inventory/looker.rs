//! Looks at the sources that lie on the disk, and tells what changed.
//!
//! Between looks nothing is kept in memory but a fingerprint and a digest of each source; what was told lies
//! in the ledger and is read when something changed or a full snapshot is due.

use crate::{
    inventory::{
        diff,
        gate::{Gate, Stopped},
        ledger::Ledger,
    },
    limits::{
        INVENTORY_EVERY_MS, INVENTORY_FULL_EVERY_MS, INVENTORY_READ_EVERY_MS,
        INVENTORY_SAID_EVERY_MS,
    },
    status::{Shared, SourceStatus},
    stop::Stop,
};
use model::inventory::{
    InventoryItem, InventoryMessage, SnapshotSummary, SoftwareSource, items_hash,
};
use sensor::inventory::{Look, Memory, Place, READABLE, Reading, State};
use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

pub(crate) struct Looker {
    place: Place,
    ledger: Ledger,
    gate: Gate,
    stop: Stop,
    status: Arc<Shared>,
    memory: Memory,
    sources: HashMap<SoftwareSource, Source>,
}

/// What is remembered of a source from one look to the next.
#[derive(Default)]
struct Source {
    fingerprint: u64,
    summary: Option<Summary>,
    /// On the monotonic clock: when it was read, summed up, told in full.
    read_ns: u64,
    said_ns: u64,
    full_ns: u64,
}

/// A summary without its id, which each gets anew.
#[derive(Clone)]
struct Summary {
    items: u64,
    items_hash: String,
    complete: bool,
    reason: String,
}

impl Looker {
    pub(crate) fn new(
        place: Place,
        ledger: Ledger,
        gate: Gate,
        stop: Stop,
        status: Arc<Shared>,
    ) -> Self {
        let (memory, sources) = (Memory::default(), HashMap::new());
        Self { place, ledger, gate, stop, status, memory, sources }
    }

    /// Looks until asked to stop.
    pub(crate) fn run(mut self) {
        loop {
            if self.look() == Err(Stopped) {
                return;
            }
            if self.stop.wait(Duration::from_millis(INVENTORY_EVERY_MS)) {
                return;
            }
        }
    }

    fn look(&mut self) -> Result<(), Stopped> {
        let Self { place, ledger, gate, stop, status, memory, sources } = self;
        let look = place.look();
        for source in READABLE {
            if stop.asked() {
                return Err(Stopped);
            }
            let of_source = sources.entry(source).or_default();
            of_source.look(source, &look, memory, ledger, gate)?;
            if let Some(summary) = &of_source.summary {
                status.looked(
                    source,
                    SourceStatus {
                        items: summary.items,
                        complete: summary.complete,
                        reason: summary.reason.clone(),
                    },
                );
            }
        }
        Ok(())
    }
}

impl Source {
    fn look(
        &mut self,
        source: SoftwareSource,
        look: &Look<'_>,
        memory: &mut Memory,
        ledger: &Ledger,
        gate: &Gate,
    ) -> Result<(), Stopped> {
        let now_ns = gate.clock().monotonic_ns();
        let is_due =
            |since_ns: u64, every_ms: u64| now_ns.saturating_sub(since_ns) >= every_ms * 1_000_000;
        // Taken before reading: what changes meanwhile moves it again.
        let fingerprint = look.fingerprint(source);
        let first = self.summary.is_none();
        let full = first || is_due(self.full_ns, INVENTORY_FULL_EVERY_MS);
        let read = full
            || fingerprint != self.fingerprint
            || is_due(self.read_ns, INVENTORY_READ_EVERY_MS);
        if !read {
            if is_due(self.said_ns, INVENTORY_SAID_EVERY_MS)
                && let Some(summary) = self.summary.clone()
            {
                let id = snapshot_id(gate, source);
                gate.tell(std::iter::once(summary.message(source, id)))?;
                self.said_ns = now_ns;
            }
            return Ok(());
        }
        // One bad file must not end the looking (P9).
        let reading = std::panic::catch_unwind(AssertUnwindSafe(|| look.read(source, memory)));
        let reading = reading.unwrap_or_else(|_| {
            let why = "reading it failed: a fault of the agent, see its log".to_owned();
            Reading { items: Vec::new(), state: State::Partial(why) }
        });
        self.tell(source, reading, full, ledger, gate)?;
        self.fingerprint = fingerprint;
        self.read_ns = now_ns;
        self.said_ns = now_ns;
        if full {
            self.full_ns = now_ns;
        }
        Ok(())
    }

    /// Tells what changed since the ledger, then, when it is due, everything; the ledger follows.
    fn tell(
        &mut self,
        source: SoftwareSource,
        reading: Reading,
        full: bool,
        ledger: &Ledger,
        gate: &Gate,
    ) -> Result<(), Stopped> {
        let whole = !matches!(reading.state, State::Partial(_));
        let before = ledger.items(source);
        // The first snapshot of all is no news: nothing was added, it was there.
        let changes = before
            .as_ref()
            .map_or_else(Vec::new, |before| diff::changes(before, &reading.items, whole));
        let changed = before.is_none() || !changes.is_empty();
        let before = before.unwrap_or_default();
        let (reason, seen) = match reading.state {
            State::Absent(what) => (what, reading.items),
            State::Whole => (String::new(), reading.items),
            State::Partial(why) => (why, reading.items),
        };
        let kept = if whole { seen } else { diff::merged(&before, seen) };
        drop(before);
        let summary = Summary::of(&kept, whole, reason);
        let summed_up = self.summary.as_ref().is_some_and(|known| known.says_the_same(&summary));
        if !changes.is_empty() || !summed_up {
            let id = snapshot_id(gate, source);
            // Before a full snapshot the changes need no summary of their own.
            let end = (!full).then(|| summary.message(source, id));
            gate.tell(changes.into_iter().chain(end))?;
        }
        if full {
            let id = snapshot_id(gate, source);
            let present = |item: &InventoryItem| InventoryMessage::Present {
                snapshot: id.clone(),
                item: item.clone(),
            };
            let end = std::iter::once(summary.message(source, id.clone()));
            gate.tell(kept.iter().map(present).chain(end))?;
        }
        if changed && let Err(err) = ledger.keep(source, &kept) {
            tracing::warn!(source = source.name(), error = %err, "what was told is told again after the next start");
        }
        self.summary = Some(summary);
        Ok(())
    }
}

impl Summary {
    fn of(items: &[InventoryItem], complete: bool, reason: String) -> Self {
        let items_hash = items_hash(items.iter());
        Self { items: items.len() as u64, items_hash, complete, reason }
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.items_hash == other.items_hash
            && self.complete == other.complete
            && self.reason == other.reason
    }

    fn message(&self, source: SoftwareSource, id: String) -> InventoryMessage {
        let Self { items, items_hash, complete, reason } = self.clone();
        InventoryMessage::Snapshot(SnapshotSummary {
            source,
            id,
            items,
            items_hash,
            complete,
            reason,
        })
    }
}

/// Unique on the device: two snapshots of a source are never made in the same nanosecond.
pub(crate) fn snapshot_id(gate: &Gate, source: SoftwareSource) -> String {
    format!("{}-{:x}", source.name(), gate.clock().now().nanos())
}
