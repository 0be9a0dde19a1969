//! From the recorder to the watcher: which programs were started. Never blocks the recorder; what finds no
//! room is counted, and the watcher says it.

use model::{EventKind, Observation, Value};
use sensor::inventory::Packaged;
use std::{
    path::Path,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

/// Starts that may wait.
const WAITING_MAX: usize = 8_192;

/// A program that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) pid: u32,
    pub(crate) image: String,
    pub(crate) user: String,
}

/// Which package owns which path, as the watcher read it last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owners(Arc<RwLock<Option<Arc<Packaged>>>>);

impl Owners {
    pub(crate) fn set(&self, packaged: Arc<Packaged>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(packaged);
    }

    /// Writes onto the start of a packaged program which package it is. Held for a look-up in memory only.
    pub(crate) fn name(&self, seen: &mut Observation) {
        if !matches!(seen.kind, EventKind::ProcessStart | EventKind::ProcessRunning) {
            return;
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let image = seen.fields.text("Image").map(Path::new);
        let owner = known.as_ref().zip(image).and_then(|(known, image)| known.owner(image));
        if let Some(owner) = owner {
            seen.fields.set("SoftwareId", owner);
        }
    }
}

/// The recorder's end.
pub(crate) struct Runs {
    to_watcher: mpsc::SyncSender<Run>,
    missed: Arc<AtomicU64>,
    pub(crate) owners: Owners,
}

/// The watcher's end.
pub(crate) struct Taken {
    runs: mpsc::Receiver<Run>,
    missed: Arc<AtomicU64>,
}

pub(crate) fn pair() -> (Runs, Taken) {
    let (to_watcher, runs) = mpsc::sync_channel(WAITING_MAX);
    let missed = Arc::new(AtomicU64::new(0));
    let owners = Owners::default();
    (Runs { to_watcher, missed: Arc::clone(&missed), owners }, Taken { runs, missed })
}

impl Runs {
    /// Hands a program start to the watcher; other observations are none of its business.
    pub(crate) fn offer(&self, seen: &Observation) {
        if !matches!(seen.kind, EventKind::ProcessStart | EventKind::ProcessRunning) {
            return;
        }
        let fields = &seen.fields;
        // A program that never had a file belongs to the recorded events, not to the inventory.
        if fields.get("ImageInMemory") == Some(&Value::Bool(true)) {
            return;
        }
        let pid = fields.int("ProcessId").and_then(|pid| u32::try_from(pid).ok());
        let (Some(image), Some(pid)) = (fields.text("Image"), pid) else { return };
        let user = fields.text("User").unwrap_or_default();
        let run = Run { pid, image: image.to_owned(), user: user.to_owned() };
        if self.to_watcher.try_send(run).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Taken {
    /// Waits for a start, then takes what else there is, up to so many. Empty when none came.
    pub(crate) fn take(&self, wait: Duration, runs_max: usize) -> Vec<Run> {
        let Ok(first) = self.runs.recv_timeout(wait) else { return Vec::new() };
        let mut runs = vec![first];
        runs.extend(self.runs.try_iter().take(runs_max.saturating_sub(1)));
        runs
    }

    /// How many starts found no room since the agent started.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Fields, Timestamp};

    fn start(kind: EventKind, in_memory: bool) -> Observation {
        let mut fields = Fields::new();
        fields.set("Image", "/home/a/tool");
        fields.set("ProcessId", 7u32);
        fields.set("User", "a");
        fields.set("ImageInMemory", in_memory);
        Observation { kind, observed_at: Timestamp::default(), fields }
    }

    #[test]
    fn the_start_of_a_packaged_program_says_which_package_it_is() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let info = scratch.path().join("var/lib/dpkg/info");
        std::fs::create_dir_all(&info).expect("creates");
        std::fs::write(info.join("tool:amd64.list"), "/home/a/tool\n").expect("writes");
        let place = sensor::inventory::Place::new(scratch.path()).expect("opens");
        let owners = Owners::default();
        let mut seen = start(EventKind::ProcessStart, false);
        owners.name(&mut seen);
        assert_eq!(seen.fields.get("SoftwareId"), None, "nothing was read yet");
        // What the recorder holds is what the watcher sets.
        owners.clone().set(Arc::new(Packaged::read(&place).expect("reads")));
        owners.name(&mut seen);
        assert_eq!(seen.fields.text("SoftwareId"), Some("deb:tool"));
        let mut ends = start(EventKind::ProcessExit, false);
        owners.name(&mut ends);
        assert_eq!(ends.fields.get("SoftwareId"), None);
    }

    #[test]
    fn a_full_queue_never_blocks_and_is_counted() {
        let (runs, taken) = pair();
        runs.offer(&start(EventKind::ProcessExit, false));
        runs.offer(&start(EventKind::ProcessStart, true));
        assert_eq!(taken.take(Duration::ZERO, 9), []);
        for _ in 0..WAITING_MAX + 5 {
            runs.offer(&start(EventKind::ProcessStart, false));
        }
        assert_eq!(taken.missed(), 5);
        let all = taken.take(Duration::ZERO, usize::MAX);
        assert_eq!(all.len(), WAITING_MAX);
        assert_eq!((all[0].pid, all[0].image.as_str()), (7, "/home/a/tool"));
    }
}
