//! Where the BPF objects are pinned, so that they outlive the agent.
//!
//! ```text
//! <pin directory>/                       flock()ed by the agent that uses it
//!   v_<hash of the object>_<ring bytes>/
//!     ring counters runs progress        maps
//!     link_exec link_fork link_exit link_sys_exit
//! ```
//!
//! Invariant: whoever holds a [`Pins`] is the only agent that uses the directory.

use super::refusal::{Refusal, io_refusal, unavailable};
use super::sys;
use crate::SensorError;
use aya::maps::MapData;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const OBJECT_HASH: &str = env!("MIMAMORI_BPF_HASH");

/// The pin directory, held by a lock.
pub(crate) struct Pins {
    directory: PathBuf,
    version: PathBuf,
    _lock: OwnedFd,
}

impl Pins {
    /// Makes the directory if need be, and locks it.
    pub(crate) fn hold(directory: &Path, ring_bytes: u32) -> Result<Self, Refusal> {
        let failed = |what: &str, source: io::Error| {
            let what = format!("{what} {}", directory.display());
            if source.kind() == io::ErrorKind::PermissionDenied {
                unavailable(&format!("{what} failed: {source}"))
            } else {
                io_refusal(&what, source)
            }
        };
        ensure_bpffs(directory)?;
        remove_foreign(directory)
            .map_err(|err| failed("removing what somebody else put at", err))?;
        let mut maker = std::fs::DirBuilder::new();
        maker.recursive(true).mode(0o700);
        maker.create(directory).map_err(|err| failed("creating", err))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let lock = rustix::fs::open(directory, flags, Mode::empty())
            .map_err(|err| failed("opening", err.into()))?;
        lock_patiently(&lock).map_err(|err| match err {
            Errno::WOULDBLOCK => Refusal::Fatal(SensorError::InUse { path: directory.to_owned() }),
            err => failed("locking", err.into()),
        })?;
        let version = directory.join(format!("v_{OBJECT_HASH}_{ring_bytes}"));
        Ok(Self { directory: directory.to_owned(), version, _lock: lock })
    }

    /// Where this version's objects are pinned.
    pub(crate) fn version(&self) -> &Path {
        &self.version
    }

    /// Removes the pins of links: with them the programs are detached.
    pub(crate) fn remove_links<'a>(&self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            remove_pin(&self.version.join(name));
        }
    }

    /// Removes everything and the directory.
    pub(crate) fn remove(self) {
        if let Err(err) = self.clear() {
            tracing::warn!(error = %err, "could not remove the pins");
        }
        remove_directory(&self.directory);
    }

    /// Removes every version's pins. Links go first, so that nothing is recorded for nobody. Tells how
    /// many unread records went with them, if there were any rings.
    pub(crate) fn clear(&self) -> io::Result<Option<u64>> {
        let mut abandoned = None;
        for version in std::fs::read_dir(&self.directory)? {
            let version = version?;
            if !version.file_type()?.is_dir() {
                remove_pin(&version.path());
                continue;
            }
            let (links, others): (Vec<PathBuf>, Vec<PathBuf>) = std::fs::read_dir(version.path())?
                .collect::<io::Result<Vec<_>>>()?
                .into_iter()
                .map(|entry| entry.path())
                .partition(|path| {
                    path.file_name()
                        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"link_"))
                });
            links.iter().for_each(|path| remove_pin(path));
            if let Some(unread) = unread_records(&version.path().join("ring")) {
                abandoned = Some(abandoned.unwrap_or(0) + unread);
            }
            others.iter().for_each(|path| remove_pin(path));
            remove_directory(&version.path());
        }
        Ok(abandoned)
    }
}

/// Removes what an agent that was killed has left: programs, links, maps and the directory.
///
/// # Errors
/// [`SensorError::InUse`] while an agent runs; [`SensorError::Io`] when the directory cannot be read.
pub fn unload(pin_directory: &Path) -> Result<(), SensorError> {
    match std::fs::symlink_metadata(pin_directory) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            let what = format!("opening {}", pin_directory.display());
            return Err(SensorError::Io { what, source });
        }
        Ok(_) => {}
    }
    let pins = match Pins::hold(pin_directory, 0) {
        Ok(pins) => pins,
        Err(Refusal::Fatal(err)) => return Err(err),
        Err(Refusal::Unavailable(said)) => {
            return Err(SensorError::Io {
                what: "unloading".into(),
                source: io::Error::other(said.en),
            });
        }
    };
    let what = format!("removing the pins under {}", pin_directory.display());
    pins.clear().map_err(|source| SensorError::Io { what, source })?;
    remove_directory(pin_directory);
    Ok(())
}

/// An agent that was just killed holds its lock for a moment longer.
fn lock_patiently(directory: &OwnedFd) -> Result<(), Errno> {
    const TRIES: usize = 100;
    for _ in 1..TRIES {
        match flock(directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(std::time::Duration::from_millis(10)),
            done => return done,
        }
    }
    flock(directory, FlockOperation::NonBlockingLockExclusive)
}

/// Anybody may make a directory on a bpffs that was mounted with the usual rights. One that belongs to
/// somebody else (who could lock it, or remove what is in it) makes place for ours.
fn remove_foreign(directory: &Path) -> io::Result<()> {
    let found = match std::fs::symlink_metadata(directory) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let others_may_write = found.mode() & 0o022 != 0;
    let own = rustix::process::geteuid().as_raw();
    if found.is_dir() && found.uid() == own && !others_may_write {
        return Ok(());
    }
    tracing::warn!(path = %directory.display(), uid = found.uid(), "removing a pin directory that is not ours alone");
    if found.is_dir() {
        std::fs::remove_dir_all(directory)
    } else {
        std::fs::remove_file(directory)
    }
}

fn ensure_bpffs(directory: &Path) -> Result<(), Refusal> {
    let usual = Path::new("/sys/fs/bpf");
    if !directory.starts_with(usual) || sys::is_bpffs(usual) {
        return Ok(());
    }
    sys::mount_bpffs()
        .map_err(|err| unavailable(&format!("mounting bpffs at /sys/fs/bpf failed: {err}")))
}

/// Records between the consumer and the producer position of a ring that is given up.
fn unread_records(pin: &Path) -> Option<u64> {
    let data = MapData::from_pin(pin).ok()?;
    let bytes = data.info().ok()?.max_entries();
    let mut ring = super::ring::Ring::map(data.fd().as_fd(), bytes).ok()?;
    let mut unread = 0;
    while matches!(ring.step(), super::ring::Step::Record(..)) {
        unread += 1;
    }
    Some(unread)
}

fn remove_pin(path: &Path) {
    if let Err(err) = std::fs::remove_file(path) {
        tracing::warn!(path = %path.display(), error = %err, "could not remove a pin");
    }
}

fn remove_directory(path: &Path) {
    if let Err(err) = std::fs::remove_dir(path) {
        tracing::warn!(path = %path.display(), error = %err, "could not remove a pin directory");
    }
}
