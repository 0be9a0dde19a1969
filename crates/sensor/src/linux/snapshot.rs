//! The processes that run now: identities from the kernel's task iterator, the rest from `/proc`.

use super::kernel::patiently;
use super::record::{Exec, Ids, ProcessKey, RUNNING_BYTES, Running, read_running};
use crate::limits::{ARGUMENTS_BYTES_MAX, SMALL_FILE_BYTES_MAX};
use aya::programs::Iter;
use aya::{Btf, EbpfLoader};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/snapshot.bpf.o"));

/// A process that runs.
pub(crate) struct Snapshot {
    pub(crate) key: ProcessKey,
    pub(crate) exec: Exec,
}

/// Every process that runs, parents before their children as far as numbers tell.
pub(crate) fn take() -> Vec<Snapshot> {
    let running = from_iterator().unwrap_or_else(|reason| {
        // Without the iterator the start is only known to the clock tick.
        tracing::info!(reason, "no task iterator; reading /proc alone");
        from_proc()
    });
    running.into_iter().filter_map(describe).collect()
}

fn from_iterator() -> Result<Vec<Running>, String> {
    let said = |err: &dyn std::error::Error| err.to_string();
    let btf = Btf::from_sys_fs().map_err(|err| said(&err))?;
    let mut bpf = EbpfLoader::new().btf(Some(&btf)).load(OBJECT).map_err(|err| said(&err))?;
    let program: &mut Iter = bpf
        .program_mut("running")
        .ok_or("the object has no iterator")?
        .try_into()
        .map_err(|err: aya::programs::ProgramError| said(&err))?;
    patiently(|| program.load("task", &btf)).map_err(|err| said(&err))?;
    let link = program.attach().map_err(|err| said(&err))?;
    let link = program.take_link(link).map_err(|err| said(&err))?;
    let file = link.into_file().map_err(|err| said(&err))?;
    let mut bytes = Vec::new();
    file.take(SMALL_FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(|err| said(&err))?;
    let (records, _) = bytes.as_chunks::<RUNNING_BYTES>();
    Ok(records.iter().filter_map(read_running).collect())
}

fn from_proc() -> Vec<Running> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let mut running = Vec::new();
    for pid in pids {
        let Some(stat) = Stat::read(pid) else { continue };
        let parent_start = Stat::read(stat.parent).map_or(0, |parent| parent.start_ns());
        let Some((uid, euid)) = owners(pid) else { continue };
        running.push(Running {
            key: ProcessKey { pid, start_ns: stat.start_ns() },
            ids: Ids {
                parent: ProcessKey { pid: stat.parent, start_ns: parent_start },
                uid,
                euid,
                login_uid: None,
                session: None,
            },
        });
    }
    running
}

/// The parts of `/proc/<pid>/stat` that are needed.
struct Stat {
    parent: u32,
    start_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&read_small(format!("/proc/{pid}/stat"))?)
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        // The name in parentheses may hold anything, parentheses included.
        let after_name = stat.iter().rposition(|byte| *byte == b')')? + 2;
        let rest = std::str::from_utf8(stat.get(after_name..)?).ok()?;
        let mut words = rest.split(' ');
        let parent = words.nth(1)?.parse().ok()?;
        let start_ticks = words.nth(17)?.parse().ok()?;
        Some(Self { parent, start_ticks })
    }

    fn start_ns(&self) -> u64 {
        self.start_ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
    }
}

fn owners(pid: u32) -> Option<(u32, u32)> {
    let status = read_small(format!("/proc/{pid}/status"))?;
    let status = String::from_utf8_lossy(&status);
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let mut ids = line.split_whitespace().map(str::parse);
    Some((ids.next()?.ok()?, ids.next()?.ok()?))
}

/// Adds what `/proc` tells; `None` when the process has ended meanwhile or is one of the kernel's own.
fn describe(running: Running) -> Option<Snapshot> {
    let Running { key, ids } = running;
    let link = |name: &str| {
        std::fs::read_link(format!("/proc/{}/{name}", key.pid))
            .map(|path| path.into_os_string().into_vec())
            .unwrap_or_default()
    };
    let mut image = link("exe");
    let directory = link("cwd");
    let arguments = read_small(format!("/proc/{}/cmdline", key.pid))?;
    if image.is_empty() && arguments.is_empty() {
        return None;
    }
    let image_in_memory = image.starts_with(b"/memfd:");
    let mut image_deleted = false;
    if let Some(path) = image.strip_suffix(b" (deleted)") {
        image = path.to_vec();
        image_deleted = !image_in_memory;
    }
    // Only now: if the number still belongs to this process, so did what was read.
    let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    if Stat::read(key.pid)?.start_ticks != key.start_ns / tick_ns {
        return None;
    }
    let arguments_bytes = arguments.len() as u64;
    let arguments = arguments.get(..ARGUMENTS_BYTES_MAX).unwrap_or(&arguments).to_vec();
    let exec = Exec {
        ids,
        image,
        image_in_memory,
        image_deleted,
        path_truncated: false,
        directory,
        arguments,
        arguments_bytes,
    };
    Some(Snapshot { key, exec })
}

/// A file of `/proc` as far as the limit; `None` when it cannot be read.
pub(crate) fn read_small(path: impl AsRef<Path>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(SMALL_FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_full_of_traps_is_read() {
        let stat = b"12 (a) R 1 (x) S 7 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
        let stat = Stat::parse(stat).expect("parsed");
        assert_eq!((stat.parent, stat.start_ticks), (7, 4711));
    }

    #[test]
    fn this_process_is_in_the_snapshot() {
        let own = std::process::id();
        let snapshot = take();
        let found = snapshot.iter().find(|found| found.key.pid == own).expect("running");
        let exe = std::env::current_exe().expect("known");
        assert_eq!(found.exec.image, exe.into_os_string().into_vec());
        assert!(!found.exec.arguments.is_empty());
    }
}
