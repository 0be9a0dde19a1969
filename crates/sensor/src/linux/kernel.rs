//! The BPF programs in the kernel: loading, attaching, finding them again where they were pinned.
//!
//! Invariant: at most one version's programs are attached through one pin directory.
//! Invariant: what is found pinned is used only when it is complete and was seen to be alive.

use super::pins::Pins;
use super::refusal::{Refusal, io_refusal, said, unavailable};
use super::snapshot::read_small;
use aya::maps::{Array, Map, MapData, PerCpuArray};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{BtfTracePoint, ProgramError, ProgramFd, loaded_programs};
use aya::{Btf, Ebpf, EbpfLoader};
use model::Counters;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sensor.bpf.o"));

const MAPS: [&str; 4] = ["ring", "counters", "runs", "progress"];
/// Link name, tracepoint, the programs to try in this order, and whether processes depend on it.
const LINKS: [(&str, &str, &[&str], bool); 4] = [
    ("link_exec", "sched_process_exec", &["on_exec"], true),
    ("link_fork", "sched_process_fork", &["on_fork"], true),
    ("link_exit", "sched_process_exit", &["on_exit_group", "on_exit_live"], true),
    ("link_sys_exit", "sys_exit", &["on_sys_exit"], false),
];
const RUN_FORK: u32 = 1;
const RUN_EXIT: u32 = 2;
const RUN_SYSCALL: u32 = 3;

/// The classes that are counted in the kernel, by their index in the `counters` map.
pub(crate) const KERNEL_CLASSES: [model::Class; 2] = [model::Class::Process, model::Class::Network];
/// Words of the `progress` map.
pub(crate) const PROGRESS_WORDS: usize = 24;

/// The loaded programs and their maps.
pub(crate) struct Kernel {
    ring: MapData,
    ring_bytes: u32,
    ring_map_id: u32,
    counters: PerCpuArray<MapData, [u64; 5]>,
    runs: PerCpuArray<MapData, u64>,
    progress: Array<MapData, [u64; PROGRESS_WORDS]>,
    links: Vec<(&'static str, FdLink)>,
    /// The attached programs by link name, to read how often the kernel skipped one.
    programs: Vec<(&'static str, ProgramFd)>,
    pins: Option<Pins>,
    /// Whether the programs were loaded now; otherwise they were at work already.
    pub(crate) fresh: bool,
    /// Records that another version left unread in its ring when it was replaced.
    pub(crate) abandoned: Option<u64>,
}

impl Kernel {
    /// Finds the pinned programs of this version, or loads them anew.
    pub(crate) fn open(ring_bytes: u32, pin_directory: Option<&Path>) -> Result<Self, Refusal> {
        let pins = pin_directory.map(|directory| Pins::hold(directory, ring_bytes)).transpose()?;
        if let Some(mut found) = pins.as_ref().and_then(|pins| find_alive(pins.version())) {
            found.pins = pins;
            found.find_programs();
            return Ok(found);
        }
        let abandoned = match &pins {
            Some(pins) => pins.clear().map_err(|err| io_refusal("clearing old pins", err))?,
            None => None,
        };
        let version = pins.as_ref().map(Pins::version);
        let loaded = load(ring_bytes, version).and_then(|loaded| {
            let alive = loaded.is_alive();
            alive.then_some(loaded).ok_or_else(|| unavailable("the BPF programs do not run"))
        });
        match (loaded, pins) {
            (Ok(mut loaded), pins) => {
                loaded.abandoned = abandoned;
                loaded.pins = pins;
                loaded.find_programs();
                Ok(loaded)
            }
            (Err(refusal), pins) => {
                if let Some(pins) = pins {
                    pins.remove();
                }
                Err(refusal)
            }
        }
    }

    /// The ring's descriptor, for mapping and waiting.
    pub(crate) fn ring_fd(&self) -> BorrowedFd<'_> {
        self.ring.fd().as_fd()
    }

    /// The size of the ring.
    pub(crate) const fn ring_bytes(&self) -> u32 {
        self.ring_bytes
    }

    /// The kernel's number of the ring's map; not used twice within a boot.
    pub(crate) const fn ring_map_id(&self) -> u32 {
        self.ring_map_id
    }

    /// Whether connections are recorded.
    pub(crate) fn sees_connections(&self) -> bool {
        self.links.iter().any(|(name, _)| *name == "link_sys_exit")
    }

    /// The kernel's counters of a class ([`KERNEL_CLASSES`]). An event that is being recorded at this
    /// moment is counted as seen and not yet as what becomes of it; so this looks again a few times.
    pub(crate) fn counters(&self, class_index: u32) -> Counters {
        const TRIES: usize = 200;
        let mut last = Counters::default();
        for attempt in 0..TRIES {
            let Ok(values) = self.counters.get(&class_index, 0) else { return last };
            let mut sum = [0u64; 5];
            for value in values.iter() {
                for (total, part) in sum.iter_mut().zip(value) {
                    *total += part;
                }
            }
            let [seen, filtered, submitted, ring_full, oversize] = sum;
            last =
                Counters { seen, filtered, submitted, ring_full, oversize, ..Counters::default() };
            if seen == filtered + submitted + ring_full + oversize {
                break;
            }
            if attempt > TRIES / 4 {
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
        }
        last
    }

    /// What the last life of the agent left in the kernel.
    pub(crate) fn progress(&self) -> [u64; PROGRESS_WORDS] {
        self.progress.get(&0, 0).unwrap_or([0; PROGRESS_WORDS])
    }

    /// Leaves something for the next life of the agent.
    pub(crate) fn set_progress(&mut self, words: [u64; PROGRESS_WORDS]) {
        if let Err(err) = self.progress.set(0, words, 0) {
            tracing::warn!(error = %err, "could not write the progress map");
        }
    }

    /// How often the kernel skipped a program of a class ([`KERNEL_CLASSES`]) because it was at work on
    /// the same processor already: events that not even the counters saw.
    pub(crate) fn skipped(&self, class_index: usize) -> u64 {
        let of_class = |name: &str| usize::from(name == "link_sys_exit") == class_index;
        let of_program = |fd: &ProgramFd| {
            let text = read_small(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd()))?;
            let text = String::from_utf8(text).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?;
            line.trim().parse::<u64>().ok()
        };
        self.programs
            .iter()
            .filter(|(name, _)| of_class(name))
            .filter_map(|(_, fd)| of_program(fd))
            .sum()
    }

    /// Detaches the programs; the ring can still be read to its end.
    pub(crate) fn detach(&mut self) {
        if let Some(pins) = &self.pins {
            pins.remove_links(self.links.iter().map(|(name, _)| *name));
        }
        self.programs.clear();
        self.links.clear();
    }

    /// Detaches the programs and removes everything that is pinned.
    pub(crate) fn remove(mut self) {
        self.detach();
        if let Some(pins) = self.pins.take() {
            pins.remove();
        }
    }

    fn find_programs(&mut self) {
        for (name, link) in &self.links {
            let Ok(id) = link.info().map(|info| info.program_id()) else { continue };
            let program = loaded_programs().flatten().find(|program| program.id() == id);
            if let Some(Ok(fd)) = program.map(|program| program.fd()) {
                self.programs.push((name, fd));
            }
        }
    }

    fn runs(&self, program: u32) -> u64 {
        self.runs.get(&program, 0).map_or(0, |values| values.iter().sum())
    }

    /// Makes fork, exit and a system call happen and looks whether the programs ran. Exec shares their
    /// fate: its link was opened like theirs, and the kernel detaches links only when their pins go.
    fn is_alive(&self) -> bool {
        let before = [RUN_FORK, RUN_EXIT, RUN_SYSCALL].map(|program| self.runs(program));
        let Ok(thread) = std::thread::Builder::new().spawn(|| {
            // A connection that cannot be: the call is seen and is no network connection.
            UnixStream::connect("/proc/self/mimamori-is-alive").is_err()
        }) else {
            return true;
        };
        let Ok(true) = thread.join() else { return false };
        // The exit of the thread may come a moment after the join.
        for _ in 0..200 {
            let fork = self.runs(RUN_FORK) > before[0];
            let exit = self.runs(RUN_EXIT) > before[1];
            let call = self.runs(RUN_SYSCALL) > before[2] || !self.sees_connections();
            if fork && exit && call {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        false
    }
}

fn find_alive(version: &Path) -> Option<Kernel> {
    match reopen(version) {
        Ok(found) if found.is_alive() => Some(found),
        Ok(_) => {
            tracing::warn!("the pinned programs do not run any more; loading them anew");
            None
        }
        Err(reason) => {
            tracing::debug!(reason, "nothing usable is pinned");
            None
        }
    }
}

fn reopen(version: &Path) -> Result<Kernel, String> {
    let map = |name: &str| {
        let data = MapData::from_pin(version.join(name)).map_err(|err| said(&err))?;
        Map::from_map_data(data).map_err(|err| said(&err))
    };
    let [ring, counters, runs, progress] = MAPS.map(map);
    let mut kernel = assemble([ring?, counters?, runs?, progress?])?;
    for (name, _, _, required) in LINKS {
        match PinnedLink::from_pin(version.join(name)) {
            Ok(pinned) => {
                let link = FdLink::from(pinned);
                link.info().map_err(|err| said(&err))?;
                kernel.links.push((name, link));
            }
            Err(err) if required => return Err(format!("{name}: {}", said(&err))),
            Err(_) => {}
        }
    }
    Ok(kernel)
}

fn load(ring_bytes: u32, version: Option<&Path>) -> Result<Kernel, Refusal> {
    let refused =
        |what: &str, err: &dyn std::error::Error| unavailable(&format!("{what}: {}", said(err)));
    // Kernels before 5.11 charge maps to this limit; later ones ignore it.
    let unlimited = rustix::process::Rlimit { current: None, maximum: None };
    if let Err(err) = rustix::process::setrlimit(rustix::process::Resource::Memlock, unlimited) {
        tracing::debug!(error = %err, "could not raise the limit of locked memory");
    }
    let btf = Btf::from_sys_fs()
        .map_err(|err| refused("the kernel's type information /sys/kernel/btf/vmlinux", &err))?;
    let processors = aya::util::nr_cpus()
        .map_err(|(path, err)| unavailable(&format!("counting processors in {path}: {err}")))?;
    let mut bpf = EbpfLoader::new()
        .btf(Some(&btf))
        .map_max_entries("ring", ring_bytes)
        .map_max_entries("scratch", u32::try_from(processors).unwrap_or(u32::MAX))
        .load(OBJECT)
        .map_err(|err| refused("the BPF object was refused", &err))?;
    let mut links = Vec::new();
    for (name, tracepoint, programs, required) in LINKS {
        match attach(&mut bpf, &btf, tracepoint, programs) {
            Ok(link) => links.push((name, link)),
            Err(err) if required => {
                return Err(unavailable(&format!(
                    "the BPF program for {tracepoint} was refused: {err}"
                )));
            }
            Err(err) => tracing::warn!(tracepoint, error = err, "a BPF program was refused"),
        }
    }
    let mut take = |name: &str| {
        bpf.take_map(name).ok_or_else(|| unavailable(&format!("the BPF object has no map {name}")))
    };
    let [ring, counters, runs, progress] = MAPS.map(&mut take);
    let maps = [ring?, counters?, runs?, progress?];
    if let Some(version) = version {
        links = pin(version, &maps, links)
            .map_err(|err| unavailable(&format!("pinning at {}: {err}", version.display())))?;
    }
    let mut kernel = assemble(maps).map_err(|err| unavailable(&err))?;
    kernel.links = links;
    kernel.fresh = true;
    Ok(kernel)
}

/// Pins maps first and links last, so that a start that dies here leaves nothing that looks complete.
fn pin(
    version: &Path,
    maps: &[Map; 4],
    links: Vec<(&'static str, FdLink)>,
) -> Result<Vec<(&'static str, FdLink)>, String> {
    std::fs::create_dir(version).map_err(|err| said(&err))?;
    for (name, map) in MAPS.iter().zip(maps) {
        map.pin(version.join(name)).map_err(|err| said(&err))?;
    }
    let mut pinned = Vec::new();
    for (name, link) in links {
        let link = link.pin(version.join(name)).map_err(|err| said(&err))?;
        pinned.push((name, FdLink::from(link)));
    }
    Ok(pinned)
}

fn attach(bpf: &mut Ebpf, btf: &Btf, tracepoint: &str, names: &[&str]) -> Result<FdLink, String> {
    let mut reasons = Vec::new();
    for name in names {
        let mut attached = || {
            let program = bpf.program_mut(name).ok_or("not in the object")?;
            let program: &mut BtfTracePoint = program.try_into().map_err(|err| said(&err))?;
            patiently(|| program.load(tracepoint, btf)).map_err(|err| said(&err))?;
            let link = program.attach().map_err(|err| said(&err))?;
            let link = program.take_link(link).map_err(|err| said(&err))?;
            Ok::<FdLink, String>(link.into())
        };
        match attached() {
            Ok(link) => return Ok(link),
            Err(reason) => reasons.push(format!("{name}: {reason}")),
        }
    }
    Err(reasons.join("; "))
}

/// Loads a program. The verifier gives up when a signal is pending and asks to be called again.
pub(crate) fn patiently(
    mut load: impl FnMut() -> Result<(), ProgramError>,
) -> Result<(), ProgramError> {
    const TRIES: u64 = 20;
    for attempt in 1..TRIES {
        match load() {
            Err(ProgramError::LoadError { io_error, .. })
                if io_error.raw_os_error() == Some(libc::EAGAIN) =>
            {
                tracing::debug!(attempt, "the verifier was interrupted");
                std::thread::sleep(std::time::Duration::from_millis(attempt));
            }
            done => return done,
        }
    }
    load()
}

fn assemble([ring, counters, runs, progress]: [Map; 4]) -> Result<Kernel, String> {
    let Map::RingBuf(ring) = ring else { return Err("the pinned ring is no ring".into()) };
    let info = ring.info().map_err(|err| said(&err))?;
    Ok(Kernel {
        ring_bytes: info.max_entries(),
        ring_map_id: info.id(),
        ring,
        counters: counters.try_into().map_err(|err: aya::maps::MapError| said(&err))?,
        runs: runs.try_into().map_err(|err: aya::maps::MapError| said(&err))?,
        progress: progress.try_into().map_err(|err: aya::maps::MapError| said(&err))?,
        links: Vec::new(),
        programs: Vec::new(),
        pins: None,
        fresh: false,
        abandoned: None,
    })
}
