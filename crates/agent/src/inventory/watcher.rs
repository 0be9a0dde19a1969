//! Watches which programs are started, and tells of those that no package owns.

use crate::{
    inventory::{
        gate::{Gate, Stopped},
        ledger::{Ledger, Line},
        looker::snapshot_id,
        programs::Programs,
        runs::{Owners, Run, Taken},
    },
    limits::{
        INVENTORY_EVERY_MS, INVENTORY_FULL_EVERY_MS, INVENTORY_SAID_EVERY_MS, PACKAGED_AGAIN_MS_MIN,
    },
    status::{Shared, SourceStatus},
    stop::Stop,
};
use model::inventory::{InventoryMessage, SnapshotSummary, SoftwareSource};
use sensor::inventory::{
    Examined, FileId, Hashes, Packaged, Place, Whereabouts, examine, is_flatpak_of_user,
    whereabouts,
};
use std::{
    collections::HashSet,
    io,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

const SOURCE: SoftwareSource = SoftwareSource::Executed;
/// Starts that are looked at together, and told together.
const RUNS_AT_ONCE_MAX: usize = 64;
/// Longest wait for a start: the timers are looked at this often.
const WAIT: Duration = Duration::from_millis(500);
/// Lines of the journal, besides two for each program, before it is written anew.
const JOURNAL_SPARE_LINES_MAX: usize = 1_000;
const MS: u64 = 1_000_000;

pub(crate) struct Watcher {
    place: Place,
    ledger: Ledger,
    gate: Gate,
    taken: Taken,
    stop: Stop,
    status: Arc<Shared>,
    packages: Packages,
    programs: Programs,
    hashes: Hashes,
    journal_lines: usize,
    timers: Timers,
}

/// On the monotonic clock: when things were last done.
#[derive(Default)]
struct Timers {
    checked_ns: u64,
    said_ns: u64,
    full_ns: u64,
    /// Misses that are already said.
    missed_said: u64,
}

impl Watcher {
    pub(crate) fn new(
        place: Place,
        ledger: Ledger,
        gate: Gate,
        taken: Taken,
        owners: Owners,
        stop: Stop,
        status: Arc<Shared>,
    ) -> Self {
        Self {
            place,
            ledger,
            gate,
            taken,
            stop,
            status,
            packages: Packages { owners, ..Packages::default() },
            programs: Programs::default(),
            hashes: Hashes::default(),
            journal_lines: 0,
            timers: Timers::default(),
        }
    }

    /// Watches until asked to stop.
    pub(crate) fn run(mut self) {
        self.remember();
        self.packages.refresh(&self.place, self.gate.clock().monotonic_ns());
        let begun = self.full();
        if begun == Err(Stopped) {
            return;
        }
        while !self.stop.asked() {
            let runs = self.taken.take(WAIT, RUNS_AT_ONCE_MAX);
            if self.examine(runs).and_then(|()| self.due()) == Err(Stopped) {
                return;
            }
        }
    }

    /// What was known when the agent stopped.
    fn remember(&mut self) {
        let lines = self.ledger.programs().unwrap_or_else(|err| {
            tracing::warn!(error = %err, "programs that were run before are told anew");
            Vec::new()
        });
        self.journal_lines = lines.len();
        for line in lines {
            match line {
                Line::Known(known) => self.programs.put(*known),
                Line::Gone(path) => {
                    self.programs.take(&path);
                }
            }
        }
    }

    fn examine(&mut self, runs: Vec<Run>) -> Result<(), Stopped> {
        let mut looked_at = HashSet::new();
        let mut messages = Vec::new();
        for run in runs {
            if !looked_at.insert((run.image.clone(), run.user.clone())) {
                continue;
            }
            // One bad file must not end the watch (P9).
            match std::panic::catch_unwind(AssertUnwindSafe(|| self.look_at(&run))) {
                Ok(message) => messages.extend(message),
                Err(_) => tracing::error!(image = run.image, "looking at a program failed"),
            }
        }
        self.tell(messages)
    }

    fn look_at(&mut self, run: &Run) -> Option<InventoryMessage> {
        let image = Path::new(&run.image);
        let clock = self.gate.clock();
        if !image.is_absolute() {
            return None;
        }
        let program = Where::of(run.pid, image);
        if self.packages.own(&program) {
            return None;
        }
        let path = program.path.to_string_lossy();
        let file = FileId::at(&program.path).ok().flatten();
        let now = clock.now();
        if !self.programs.is_news(&path, file, now) {
            return None;
        }
        // Perhaps it was installed a moment ago.
        if self.packages.refresh(&self.place, clock.monotonic_ns()) && self.packages.own(&program) {
            return None;
        }
        match examine(run.pid, image, &mut self.hashes) {
            Ok(Examined::Program(found)) => {
                self.programs.ran(&path, &run.user, Some(&found), file, now)
            }
            Ok(Examined::Other) => None,
            // It ran, that much is known.
            Ok(Examined::Gone) => self.programs.ran(&path, &run.user, None, None, now),
            Err(err) if is_mounted_appimage(image, &err) => None,
            Err(err) => {
                tracing::debug!(image = run.image, error = %err, "a program could not be read");
                self.programs.ran(&path, &run.user, None, None, now)
            }
        }
    }

    /// What is due by the clock: files that are gone, a summary, everything.
    fn due(&mut self) -> Result<(), Stopped> {
        let now_ns = self.gate.clock().monotonic_ns();
        let is_due =
            |since_ns: u64, every_ms: u64| now_ns.saturating_sub(since_ns) >= every_ms * MS;
        if is_due(self.timers.full_ns, INVENTORY_FULL_EVERY_MS) {
            return self.full();
        }
        if is_due(self.timers.checked_ns, INVENTORY_EVERY_MS) {
            self.timers.checked_ns = now_ns;
            let now = self.gate.clock().now();
            let gone = self.programs.gone(now, |path| FileId::at(Path::new(path)));
            self.tell(gone)?;
            self.packages.refresh(&self.place, now_ns);
        }
        let missed = self.taken.missed() != self.timers.missed_said;
        if missed || is_due(self.timers.said_ns, INVENTORY_SAID_EVERY_MS) {
            let end = self.summary();
            self.gate.tell(std::iter::once(end))?;
        }
        Ok(())
    }

    /// Writes down and tells messages, with a summary behind them.
    fn tell(&mut self, messages: Vec<InventoryMessage>) -> Result<(), Stopped> {
        if messages.is_empty() {
            return Ok(());
        }
        self.write_down(&messages);
        let end = self.summary();
        self.gate.tell(messages.into_iter().chain([end]))
    }

    /// A full snapshot, and the journal without what is no longer true.
    fn full(&mut self) -> Result<(), Stopped> {
        let id = snapshot_id(&self.gate, SOURCE);
        let end = self.summary_of(id.clone());
        let items = self.programs.iter().map(|known| InventoryMessage::Present {
            snapshot: id.clone(),
            item: known.item.clone(),
        });
        self.gate.tell(items.chain([end]))?;
        self.timers.full_ns = self.gate.clock().monotonic_ns();
        Ok(())
    }

    fn write_down(&mut self, messages: &[InventoryMessage]) {
        let lines: Vec<Line> = messages
            .iter()
            .filter_map(|message| match message {
                InventoryMessage::Removed { item } => Some(Line::Gone(item.path.clone())),
                InventoryMessage::Added { item } | InventoryMessage::Changed { item, .. } => {
                    self.programs.get(&item.path).map(|known| Line::Known(Box::new(known.clone())))
                }
                _ => None,
            })
            .collect();
        self.journal_lines += lines.len();
        let written = if self.journal_lines > 2 * self.programs.len() + JOURNAL_SPARE_LINES_MAX {
            let all: Vec<Line> =
                self.programs.iter().map(|known| Line::Known(Box::new(known.clone()))).collect();
            self.journal_lines = all.len();
            self.ledger.rewrite(&all)
        } else {
            self.ledger.append(&lines)
        };
        if let Err(err) = written {
            tracing::warn!(error = %err, "programs are told again after the next start");
        }
    }

    fn summary(&mut self) -> InventoryMessage {
        let id = snapshot_id(&self.gate, SOURCE);
        self.summary_of(id)
    }

    fn summary_of(&mut self, id: String) -> InventoryMessage {
        self.timers.said_ns = self.gate.clock().monotonic_ns();
        let missed = self.taken.missed();
        let mut reasons = Vec::new();
        if missed > self.timers.missed_said {
            let count = missed - self.timers.missed_said;
            reasons.push(format!("{count} program starts came too fast to be looked at"));
            self.timers.missed_said = missed;
        }
        if self.programs.forgotten() > 0 {
            let count = self.programs.forgotten();
            reasons.push(format!("{count} programs were left out: there are too many"));
        }
        reasons.extend(self.packages.trouble.clone());
        let complete = reasons.is_empty();
        let reason = reasons.join("; ");
        let items = self.programs.len() as u64;
        self.status.looked(SOURCE, SourceStatus { items, complete, reason: reason.clone() });
        let items_hash = self.programs.digest().to_hex();
        InventoryMessage::Snapshot(SnapshotSummary {
            source: SOURCE,
            id,
            items,
            items_hash,
            complete,
            reason,
        })
    }
}

/// Where a program lies that was run.
struct Where {
    /// For us, where that is known; otherwise as its process sees it.
    path: PathBuf,
    /// Whether our packages say something of a file at that path.
    of_packages: bool,
    /// Where its sandbox has it from, when it runs in one.
    image: Option<PathBuf>,
}

impl Where {
    fn of(pid: u32, image: &Path) -> Self {
        let seen =
            |host: Option<PathBuf>| Self { path: image.to_owned(), of_packages: true, image: host };
        match whereabouts(pid, image) {
            Whereabouts::Here => seen(None),
            // A container's system is much like ours, and nobody here installed it; what else it runs is told.
            Whereabouts::InImage { host } => seen(host),
            Whereabouts::Mounted { host: Some(host) } => {
                Self { path: host.clone(), of_packages: true, image: Some(host) }
            }
            Whereabouts::Mounted { host: None } => Self { of_packages: false, ..seen(None) },
        }
    }
}

/// What belongs to packages.
#[derive(Default)]
struct Packages {
    packaged: Option<Arc<Packaged>>,
    /// Where the recorder looks them up.
    owners: Owners,
    /// Why that is not known.
    trouble: Option<String>,
    read_ns: u64,
}

impl Packages {
    /// Reads what packages own when that has changed, but not all the time; whether it did.
    fn refresh(&mut self, place: &Place, now_ns: u64) -> bool {
        if self.packaged.as_ref().is_some_and(|packaged| !packaged.is_stale(place)) {
            return false;
        }
        let again = self.packaged.is_some() || self.trouble.is_some();
        if again && now_ns.saturating_sub(self.read_ns) < PACKAGED_AGAIN_MS_MIN * MS {
            return false;
        }
        self.read_ns = now_ns;
        match Packaged::read(place) {
            Ok(packaged) => {
                tracing::debug!(paths = packaged.len(), "read what packages own");
                let packaged = Arc::new(packaged);
                self.owners.set(Arc::clone(&packaged));
                (self.packaged, self.trouble) = (Some(packaged), None);
                true
            }
            Err(err) => {
                tracing::warn!(error = %err, "could not read what packages own");
                self.trouble = Some(format!("what packages own could not be read: {err}"));
                false
            }
        }
    }

    /// Whether a program belongs to a package. Where there is no package database that we know, the
    /// folders of the system are taken as one.
    fn own(&self, program: &Where) -> bool {
        const IMAGES: [&str; 3] = ["/snap", "/var/lib/snapd/snap", "/var/lib/flatpak"];
        const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/nix/store"];
        let of_image = |path: &Path| IMAGES.iter().any(|folder| path.starts_with(folder));
        if program
            .image
            .as_deref()
            .is_some_and(|image| of_image(image) || is_flatpak_of_user(image))
        {
            return true;
        }
        let path = program.path.as_path();
        if !program.of_packages {
            return false;
        }
        if of_image(path) {
            return true;
        }
        match &self.packaged {
            Some(packaged) if !packaged.is_empty() => packaged.contains(path),
            _ => {
                SYSTEM.iter().any(|folder| path.starts_with(folder))
                    && !path.starts_with("/usr/local")
            }
        }
    }
}

/// What an AppImage mounts for its user alone: the AppImage itself was run too.
fn is_mounted_appimage(path: &Path, err: &io::Error) -> bool {
    let folder = path.components().nth(2).map(|part| part.as_os_str().to_string_lossy());
    path.starts_with("/tmp")
        && folder.is_some_and(|name| name.starts_with(".mount_"))
        && err.kind() == io::ErrorKind::PermissionDenied
}
