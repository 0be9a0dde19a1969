//! Writes the context onto every event before rules see it: the device's department and groups, what the acting
//! program is and how it stands, who ran it since when, and who started it. The values are stored with the event, so
//! that looking back sees what the rules saw.
//!
//! Invariant: nothing of it comes from an endpoint; what one sends by these names is dropped first.
//! Invariant: no SQL, no file, no waiting for an event. What is not known is missing.

mod fresh;
mod limits;
mod parents;
mod past;
mod prevalence;

use control::Control;
use control::context::{Program, Snapshot, sha256_of};
use fresh::{Fresh, FreshFiles};
use lake::Lake;
use model::context::{
    DEPARTMENT, DEVICE_GROUPS, FIRST_SEEN_DAYS, ORIGIN_URL, ORIGIN_VERDICT, PARENT_CHAIN,
    PREVALENCE_30D, SIGNER, SOFTWARE_CATEGORIES, SOFTWARE_DECISION, SOFTWARE_TITLE, strip,
};
use model::inventory::{InventoryItem, InventoryMessage, SoftwareSource};
use model::{Clock, Event, EventKind, Family, Fields, Value};
use parents::{Parents, Start};
use prevalence::{Day, Key, Prevalence, Seen};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often what `control` knows is asked for anew.
const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// What the pipeline knows about devices and programs.
pub(crate) struct Context {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    snapshot: Arc<Snapshot>,
    fresh: FreshFiles,
    parents: Parents,
    /// `None`: what ran before could not be read, so nobody knows what is new.
    prevalence: Option<Prevalence>,
    refused_told: bool,
}

/// Brings fresh snapshots to a [`Context`].
pub(crate) struct Refresher {
    control: Arc<Control>,
    snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Context {
    /// With what `control` knows now and what the lake remembers.
    ///
    /// # Errors
    /// What `control` knows could not be read.
    pub(crate) async fn open(
        control: Arc<Control>,
        lake: &Lake,
        clock: &dyn Clock,
    ) -> anyhow::Result<(Self, Refresher)> {
        let snapshot = control.refresh_context(None).await?;
        let snapshot = snapshot.ok_or_else(|| anyhow::anyhow!("nothing is known of any device"))?;
        let now = clock.now();
        let prevalence = match past::prevalence(lake, now).await {
            Ok(prevalence) => Some(prevalence),
            Err(err) => {
                tracing::error!(
                    error = format!("{err:#}"),
                    "what ran before could not be read: events go without Prevalence30d and FirstSeenDays until the next start"
                );
                None
            }
        };
        let parents = past::parents(lake, now).await.unwrap_or_else(|err| {
            tracing::warn!(
                error = format!("{err:#}"),
                "parents that were started before are not known: parent chains are short at first"
            );
            Parents::default()
        });
        let (sender, snapshots) = watch::channel(Arc::clone(&snapshot));
        let fresh = FreshFiles::default();
        let context = Self { snapshots, snapshot, fresh, parents, prevalence, refused_told: false };
        Ok((context, Refresher { control, snapshots: sender }))
    }

    /// Writes the context onto an event. Events of a stream come in its order.
    pub(crate) fn stamp(&mut self, event: &mut Event) {
        strip(event);
        if self.snapshots.has_changed().unwrap_or(false) {
            self.snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        }
        if let Some(device) = self.snapshot.device(event.device) {
            if let Some(department) = &device.department {
                event.fields.set(DEPARTMENT, &**department);
            }
            if !device.groups.is_empty() {
                let names = device.groups.iter().map(|name| Value::from(name.as_str())).collect();
                event.fields.set(DEVICE_GROUPS, Value::List(names));
            }
        }
        match event.kind.family() {
            Family::Inventory => return self.stamp_item(event),
            Family::Agent => return,
            Family::File => self.note_write(event),
            _ => {}
        }
        self.stamp_program(event);
        let chain = self.parents.chain(event.device, &event.fields);
        if !chain.is_empty() {
            event.fields.set(PARENT_CHAIN, Value::List(chain));
        }
    }

    /// An inventory event is about its item: what that is, judged now.
    fn stamp_item(&mut self, event: &mut Event) {
        // What is malformed is refused by the inventory, in words.
        let Ok(Some(message)) = InventoryMessage::of_event(event) else { return };
        let (item, is_run) = match &message {
            InventoryMessage::Present { item, .. } => (item, false),
            InventoryMessage::Added { item } | InventoryMessage::Changed { item, .. } => {
                (item, item.source == SoftwareSource::Executed)
            }
            InventoryMessage::Removed { item } => {
                if is_file(item) {
                    self.fresh.put(event.device, &item.path, Fresh::Written);
                }
                (item, false)
            }
            InventoryMessage::Snapshot(_) => return,
        };
        let program = self.snapshot.of_item(event.device, item, event.received_at);
        if let (Some(hash), Some(prevalence)) = (&program.sha256, &mut self.prevalence) {
            let (key, day) = (prevalence.of_hash(hash), Day::of(event.received_at));
            let seen = match is_run {
                true => prevalence.ran(key, event.device, day),
                false => prevalence.seen(key, day),
            };
            set_seen(&mut event.fields, seen);
        }
        set_program(&mut event.fields, &program);
        if is_file(item) && !matches!(message, InventoryMessage::Removed { .. }) {
            self.fresh.put(event.device, &item.path, Fresh::Program(program));
        }
    }

    /// A known program's file is written: what is known of it holds no more.
    fn note_write(&mut self, event: &Event) {
        let writes = matches!(
            event.kind,
            EventKind::FileCreate
                | EventKind::FileWrite
                | EventKind::FileRename
                | EventKind::FileDelete
        );
        if !writes {
            return;
        }
        for field in ["TargetFilename", "SourceFilename"] {
            let Some(path) = event.fields.text(field) else { continue };
            let known = match self.fresh.get(event.device, path) {
                Some(Fresh::Written) => false,
                Some(Fresh::Program(_)) => true,
                None => self.snapshot.at_path(event.device, path, event.received_at).is_some(),
            };
            if known {
                self.fresh.put(event.device, path, Fresh::Written);
            }
        }
    }

    fn stamp_program(&mut self, event: &mut Event) {
        let Some(image) = event.fields.text("Image") else { return };
        let starts = matches!(event.kind, EventKind::ProcessStart | EventKind::ProcessRunning);
        let package = event.fields.text("SoftwareId");
        let (said, package) = match (starts, event.fields.text("ProcessGuid")) {
            (true, _) => (hash_in(&event.fields), package.map(Arc::from)),
            (false, Some(guid)) => self.parents.program_of(event.device, guid),
            (false, None) => (None, None),
        };
        // What lies at the path now is another file.
        let is_gone = event.fields.get("ImageDeleted") == Some(&Value::Bool(true));
        let there = if is_gone { None } else { self.at_path(event, image) };
        let mut program = self.program(event, there, said.as_ref());
        if let (None, Some(package), false) = (&program, &package, is_gone) {
            program = self.snapshot.of_package(event.device, package, event.received_at);
        }
        let hash = said.or_else(|| program.as_ref().and_then(|program| program.sha256));
        let seen = self.prevalence.as_mut().and_then(|prevalence| {
            let key: Key = match &hash {
                Some(hash) => prevalence.of_hash(hash),
                None => prevalence.of_path(image),
            };
            let day = Day::of(event.received_at);
            match starts {
                true => prevalence.ran(key, event.device, day),
                false => prevalence.seen(key, day),
            }
        });
        if starts && let Some(start) = Start::of(&event.fields, hash) {
            self.parents.started(event.device, &start);
        }
        if let (true, None, Some(hash)) = (starts, said, &hash) {
            event.fields.set("Hashes", hashes(hash));
        }
        if let Some(program) = &program {
            set_program(&mut event.fields, program);
        }
        set_seen(&mut event.fields, seen);
        self.tell_refused();
    }

    /// The program that lies at a path, as far as nobody wrote there since it was looked at.
    fn at_path(&self, event: &Event, image: &str) -> Option<Arc<Program>> {
        let stored = || self.snapshot.at_path(event.device, image, event.received_at);
        match self.fresh.get(event.device, image) {
            None => stored(),
            Some(Fresh::Written) => None,
            Some(Fresh::Program(fresh)) => {
                // The snapshot's judgement is the later one, when it is about the same file.
                let later = stored().filter(|known| known.sha256 == fresh.sha256);
                Some(later.unwrap_or_else(|| Arc::clone(fresh)))
            }
        }
    }

    /// The acting program: the one with the hash that the event tells, or else the one that lies there.
    fn program(
        &self,
        event: &Event,
        there: Option<Arc<Program>>,
        said: Option<&[u8; 32]>,
    ) -> Option<Arc<Program>> {
        let Some(hash) = said else { return there };
        there
            .filter(|known| known.sha256.as_ref() == Some(hash))
            .or_else(|| self.snapshot.of_hash(event.device, hash, event.received_at))
    }

    fn tell_refused(&mut self) {
        if let (false, Some(1..)) =
            (self.refused_told, self.prevalence.as_ref().map(|of| of.refused))
        {
            self.refused_told = true;
            tracing::warn!(
                "more programs run than are counted: the events of the others go without Prevalence30d and FirstSeenDays"
            );
        }
    }
}

impl Refresher {
    /// Asks `control` every few seconds, until asked to stop. What fails is tried again; what was known holds meanwhile.
    pub(crate) async fn keep_fresh(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = super::tls::asked(&mut stop) => return,
                () = tokio::time::sleep(REFRESH_EVERY) => {}
            }
            let known = Arc::clone(&self.snapshots.borrow());
            let control = Arc::clone(&self.control);
            // A task of its own: a fault in one round must not end the others (P9).
            let round = tokio::spawn(async move { control.refresh_context(Some(&known)).await });
            match round.await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(snapshot))) => {
                    self.snapshots.send_replace(snapshot);
                }
                Ok(Err(err)) => {
                    tracing::warn!(error = %err, "what is known of devices and programs could not be read anew");
                }
                Err(err) => {
                    tracing::error!(error = %err, "what is known of devices and programs could not be read anew");
                }
            }
        }
    }
}

/// Whether an item is a file that runs.
fn is_file(item: &InventoryItem) -> bool {
    matches!(item.source, SoftwareSource::Executed | SoftwareSource::AppImage)
        && !item.path.is_empty()
}

fn set_program(fields: &mut Fields, program: &Program) {
    if let Some(title) = &program.title {
        fields.set(SOFTWARE_TITLE, &**title);
    }
    if !program.categories.is_empty() {
        let names = program.categories.iter().map(|name| Value::from(*name)).collect();
        fields.set(SOFTWARE_CATEGORIES, Value::List(names));
    }
    fields.set(SOFTWARE_DECISION, program.decision.name());
    for (name, text) in [(SIGNER, &program.signer), (ORIGIN_URL, &program.origin_url)] {
        if !text.is_empty() {
            fields.set(name, &**text);
        }
    }
    if let Some(verdict) = program.origin_verdict {
        fields.set(ORIGIN_VERDICT, verdict);
    }
}

fn set_seen(fields: &mut Fields, seen: Option<Seen>) {
    if let Some(seen) = seen {
        fields.set(PREVALENCE_30D, seen.devices);
        fields.set(FIRST_SEEN_DAYS, seen.first_seen_days);
    }
}

/// The SHA-256 of the started program, as Sysmon (`SHA1=…,SHA256=…`) or a field of its own says it.
fn hash_in(fields: &Fields) -> Option<[u8; 32]> {
    let listed = fields.text("Hashes").and_then(hash_in_list);
    listed.or_else(|| sha256_of(fields.text("sha256")?))
}

fn hash_in_list(list: &str) -> Option<[u8; 32]> {
    list.split(',').find_map(|part| {
        let (name, hex) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("SHA256").then(|| sha256_of(hex.trim()))?
    })
}

/// A hash as Sysmon writes it, so that rules about hashes hold for every system.
fn hashes(sha256: &[u8; 32]) -> String {
    let mut text = String::with_capacity(71);
    text.push_str("SHA256=");
    for byte in sha256 {
        for digit in [byte >> 4, byte & 15] {
            text.extend(
                char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests;
