//! What the operating system saw: processes, connections and file changes as observations with Sigma names.
//!
//! On Linux the kernel runs our BPF programs at BTF tracepoints (exec, fork, exit, system call exit) and
//! writes records into one ring buffer; file changes come from fanotify. Programs, links and maps are
//! pinned, so the kernel goes on recording when the agent dies, and the next start continues where the
//! last `release` left the ring.
//!
//! Invariant: knows nothing of spools, networks, servers or rules; it hands out observations and is told
//! what is durable.
//! Invariant: a record of the kernel's ring is given up only through [`Sensor::release`] (or when it makes
//! no observation of its own and none before it is waiting for release).
//! Invariant: every event that is not handed out is counted, and said as a [`model::Lost`] when it was lost.
//! Invariant: missing privileges are no error; [`Coverage`] says in words what is not recorded, and why.
//! Invariant: the inventory ([`inventory`]) is read from files, each with a limit; what lies in a user's home
//! is never followed out of it, and no program of a user is ever run.
//! Invariant: `unsafe` lives in two modules (the ring's memory map, the system calls that no safe library
//! offers) and every block says why it is sound.

pub mod coverage;
#[cfg(target_os = "linux")]
pub mod inventory;
pub mod limits;

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

pub use coverage::{ClassCoverage, Coverage, Said};
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Sensor, doctor, unload};
#[cfg(target_os = "linux")]
pub use linux::{Sensor, doctor, unload};

use model::{Class, Clock, Observation};
use std::path::PathBuf;
use std::sync::Arc;

/// Where the BPF objects are pinned unless told otherwise.
pub const PIN_DIRECTORY: &str = "/sys/fs/bpf/mimamori";

/// How to record.
#[derive(Clone)]
pub struct Options {
    /// Size of the kernel's ring buffer in bytes; a power of two between the limits of [`limits`].
    pub ring_bytes: u32,
    /// Where to pin the BPF objects; must lie on a bpffs, which is mounted at `/sys/fs/bpf` if needed.
    /// `None`: nothing is pinned and recording ends with this process.
    pub pin_directory: Option<PathBuf>,
    /// File changes below these folders are left out (and counted as filtered): the product's own data.
    pub ignore_paths: Vec<PathBuf>,
    /// Where the last life of the agent ended, if it knows.
    pub resume: Option<Resume>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// The defaults: a ring of 32 MiB, pinned at [`PIN_DIRECTORY`].
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            ring_bytes: limits::RING_BYTES_DEFAULT,
            pin_directory: Some(PathBuf::from(PIN_DIRECTORY)),
            ignore_paths: Vec::new(),
            resume: None,
            clock,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("ring_bytes", &self.ring_bytes)
            .field("pin_directory", &self.pin_directory)
            .field("ignore_paths", &self.ignore_paths)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

/// The place in a ring up to which everything is already durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Which ring ([`Sensor::ring_id`]); a resume of another ring is ignored.
    pub ring_id: u64,
    /// The position of the last durable record ([`Sensed::position`]).
    pub position: u64,
}

/// An observation, and the place in the kernel's ring that it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensed {
    /// What happened.
    pub observation: Observation,
    /// The class that it is counted in.
    pub class: Class,
    /// The ring's position just after its record, for [`Sensor::release`]; `None` for what does not come
    /// from the ring (file changes, the snapshot of running processes). Grows from one to the next.
    pub position: Option<u64>,
}

/// Recording cannot start or go on. Missing privileges are not among these.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// The size of the ring is not usable.
    #[error(
        "ring of {ring_bytes} bytes refused: choose a power of two from {} to {}",
        limits::RING_BYTES_MIN,
        limits::RING_BYTES_MAX
    )]
    BadRingSize {
        /// What was asked for.
        ring_bytes: u32,
    },
    /// Another process holds the pinned ring.
    #[error(
        "the sensor pinned at {} is in use by another process: stop the other agent first",
        path.display()
    )]
    InUse {
        /// The pin directory.
        path: PathBuf,
    },
    /// A system call on something that we own failed.
    #[error("{what} failed: {source}")]
    Io {
        /// What was attempted, with the path where there is one.
        what: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The ring's content contradicts the kernel's layout.
    #[error(
        "the kernel's ring is damaged at position {position}: run `mimamori-agent unload` and start again"
    )]
    RingDamaged {
        /// Where.
        position: u64,
    },
}
