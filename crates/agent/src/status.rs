//! What goes on, for whoever looks: a small JSON file, written whole every second.

use crate::{error::AgentError, home::write_whole};
use model::{Class, Counters, Timestamp, inventory::SoftwareSource};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The content of `status.json`.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Status {
    /// When it was written.
    pub at: Timestamp,
    /// `running` or `stopped`.
    pub state: &'static str,
    /// The agent's version.
    pub version: &'static str,
    /// The process.
    pub pid: u32,
    /// Seen by the sensor since it was loaded, all classes.
    pub seen: u64,
    /// Lost since the sensor was loaded, all classes.
    pub lost: u64,
    /// Records in the spool that the server has not committed.
    pub waiting: u64,
    /// The classes that are recorded, at least in part.
    pub recorded: Vec<&'static str>,
    /// What is not recorded, and why; empty when nothing is known to be missing.
    pub not_recorded: String,
    /// What is wrong now; absent when nothing is.
    pub last_error: Option<String>,
    /// The counters of each class by name.
    pub classes: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// The spool.
    pub spool: SpoolStatus,
    /// The client certificate.
    pub certificate: CertificateStatus,
    /// The inventory's sources by name, as they were last told.
    pub inventory: BTreeMap<&'static str, SourceStatus>,
}

/// An inventory source's part of the status.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct SourceStatus {
    /// How many items it holds.
    pub items: u64,
    /// Whether that is all.
    pub complete: bool,
    /// Why not, or why there is nothing; empty otherwise.
    pub reason: String,
}

/// The certificate's part of the status.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct CertificateStatus {
    /// When it ends; absent before it was looked at.
    pub ends_at: Option<Timestamp>,
    /// Renewals since the agent started.
    pub renewed: u64,
    /// Attempts to renew it that failed since the agent started.
    pub failed: u64,
}

/// The spool's part of the status.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct SpoolStatus {
    /// Its epoch; empty before it is opened.
    pub epoch: String,
    /// The lowest number that is kept.
    pub first_seq: u64,
    /// The number that the next record gets.
    pub next_seq: u64,
    /// Everything up to here is durable at the server, as far as is known.
    pub durable_through: u64,
    /// Everything up to here is in the lake, as far as is known.
    pub committed_through: u64,
    /// Bytes that it takes.
    pub used_bytes: u64,
    /// Bytes that it may take.
    pub quota_bytes: u64,
}

/// The status, shared by the threads, with the errors of each.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    status: Status,
    recorder_error: Option<String>,
    upload_error: Option<String>,
    renewal_error: Option<String>,
}

impl Shared {
    /// Changes the status.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.inside().status);
    }

    /// What is wrong with recording now.
    pub fn recording(&self, error: Option<String>) {
        self.inside().recorder_error = error;
    }

    /// What is wrong with the server now.
    pub fn uploading(&self, error: Option<String>) {
        self.inside().upload_error = error;
    }

    /// What the certificate says now.
    pub fn certified(&self, ends_at: Timestamp) {
        self.inside().status.certificate.ends_at = Some(ends_at);
    }

    /// A renewal succeeded.
    pub fn renewed(&self) {
        self.renewing(None);
        self.inside().status.certificate.renewed += 1;
    }

    /// What is wrong with renewing the certificate now; an error is a failed attempt and counted.
    pub fn renewing(&self, error: Option<String>) {
        let mut inside = self.inside();
        inside.status.certificate.failed += u64::from(error.is_some());
        inside.renewal_error = error;
    }

    /// What was told of an inventory source.
    pub fn looked(&self, source: SoftwareSource, found: SourceStatus) {
        self.inside().status.inventory.insert(source.name(), found);
    }

    /// Sets the counters.
    pub fn count(&self, counters: &[(Class, Counters)]) {
        let status = &mut self.inside().status;
        status.seen = counters.iter().map(|(_, counters)| counters.seen).sum();
        status.lost = counters.iter().map(|(_, counters)| counters.lost()).sum();
        status.classes = counters
            .iter()
            .map(|(class, counters)| (class.name(), counters.named().into_iter().collect()))
            .collect();
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`AgentError::File`].
    pub fn write(&self, path: &Path, now: Timestamp) -> Result<(), AgentError> {
        let mut inside = self.inside();
        let error = inside.recorder_error.clone().or_else(|| inside.upload_error.clone());
        let error = error.or_else(|| inside.renewal_error.clone());
        let status = &mut inside.status;
        status.at = now;
        status.version = env!("CARGO_PKG_VERSION");
        status.pid = std::process::id();
        status.last_error = error;
        status.waiting = (status.spool.next_seq.saturating_sub(1))
            .saturating_sub(status.spool.committed_through);
        let text = serde_json::to_vec_pretty(&*status)
            .map_err(|err| AgentError::BadFile { path: path.to_owned(), why: err.to_string() })?;
        drop(inside);
        write_whole(path, &text, false)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
