//! File changes from fanotify: a thread reads and resolves them into a bounded queue, so that however many
//! there are, they never hold up the processes and connections of the ring.
//!
//! Invariant: every operation that fanotify reports is counted as seen, and as exactly one of filtered,
//! submitted and ring_full; every submitted one later as merged or emitted.
//!
//! The kernel's own queue keeps its default bound (16,384 events, unless the administrator changed it): an
//! unlimited one would let any user fill the kernel's memory. When it overflows, nobody knows how many were
//! lost; the loss is said without a number.

use super::file_records::{Entry, FileRecord, ObjectId, next_record};
use super::mounts::{Directories, Mount, is_below, to_watch};
use super::sys;
use super::text::{boot_ns, escape};
use crate::limits::{CREATED_FILES_MAX, FILE_QUEUE_MAX};
use crate::{Coverage, Said};
use model::{Class, Counters, EventKind, Fields};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use std::collections::{HashSet, VecDeque};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

const OPERATIONS: u64 =
    libc::FAN_CREATE | libc::FAN_CLOSE_WRITE | libc::FAN_RENAME | libc::FAN_DELETE;

/// A file change that waits to be observed.
#[derive(Debug)]
pub(crate) struct FileChange {
    pub(crate) kind: EventKind,
    pub(crate) seen_ns: u64,
    pub(crate) pid: u32,
    pub(crate) fields: Fields,
}

/// What the thread and the observer share.
#[derive(Debug, Default)]
struct Shared {
    queue: VecDeque<FileChange>,
    counters: Counters,
    /// How many of `ring_full` were told.
    full_told: u64,
    /// Intervals since boot in which the kernel's queue overflowed.
    overflows: Vec<(u64, u64)>,
}

/// The watched file systems.
pub(crate) struct Files {
    shared: Arc<Mutex<Shared>>,
    arrived: Arc<OwnedFd>,
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // The lock is held for counting and moving only; a panic there leaves nothing half done.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Files {
    /// Marks the file systems and starts to read; what cannot be watched is said in the coverage.
    pub(crate) fn start(ignore: &[PathBuf], coverage: &mut Coverage) -> Option<Self> {
        let watch = Watch::begin(ignore, coverage)?;
        let made = || Ok::<_, std::io::Error>((new_eventfd()?, new_eventfd()?));
        let (arrived, stop) = match made() {
            Ok(both) => both,
            Err(err) => {
                coverage.lacks(Class::File, refused("eventfd", &err));
                return None;
            }
        };
        let shared = Arc::new(Mutex::new(Shared::default()));
        let mut reader = Reader {
            watch,
            shared: Arc::clone(&shared),
            arrived: Arc::clone(&arrived),
            stop: Arc::clone(&stop),
            created: Created::default(),
            last_read_ns: boot_ns(),
            own_pid: std::process::id(),
        };
        let thread =
            std::thread::Builder::new().name("file changes".into()).spawn(move || reader.run());
        match thread {
            Ok(thread) => Some(Self { shared, arrived, stop, thread: Some(thread) }),
            Err(err) => {
                coverage.lacks(Class::File, refused("starting a thread", &err));
                None
            }
        }
    }

    /// Only marks the file systems, to learn what could be recorded.
    pub(crate) fn probe(coverage: &mut Coverage) {
        drop(Watch::begin(&[], coverage));
    }

    /// Readable when file changes wait.
    pub(crate) fn arrived(&self) -> BorrowedFd<'_> {
        self.arrived.as_fd()
    }

    /// Takes some file changes that wait, in their order. They count as received now.
    pub(crate) fn take(&self, count_max: usize) -> Vec<FileChange> {
        let mut shared = lock(&self.shared);
        let count = count_max.min(shared.queue.len());
        let taken: Vec<FileChange> = shared.queue.drain(..count).collect();
        shared.counters.received += taken.len() as u64;
        shared.counters.emitted += taken.len() as u64;
        if shared.queue.is_empty() {
            // An eventfd that was not signalled answers that it would block, which is fine here.
            let drained = rustix::io::read(&self.arrived, &mut [0u8; 8]);
            tracing::trace!(?drained, "queue of file changes is empty");
        }
        taken
    }

    /// The counters of the class.
    pub(crate) fn counters(&self) -> Counters {
        lock(&self.shared).counters
    }

    /// Changes that found the queue full, since the last call.
    pub(crate) fn untold_full(&self) -> u64 {
        let mut shared = lock(&self.shared);
        let full = shared.counters.ring_full;
        full - std::mem::replace(&mut shared.full_told, full)
    }

    /// Intervals in which the kernel's queue overflowed, since the last call.
    pub(crate) fn overflows(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut lock(&self.shared).overflows)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        signal(&self.stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that reads file changes had panicked");
        }
    }
}

/// The fanotify group and what it watches.
struct Watch {
    group: OwnedFd,
    mask: u64,
    directories: Directories,
    devices: HashSet<String>,
    ignore: Vec<PathBuf>,
}

impl Watch {
    fn begin(ignore: &[PathBuf], coverage: &mut Coverage) -> Option<Self> {
        let group = match sys::fanotify_group() {
            Ok(group) => group,
            Err(err) => {
                coverage.lacks(Class::File, refused("fanotify_init", &err));
                return None;
            }
        };
        let ignore = ignore
            .iter()
            .map(|path| std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()))
            .collect();
        let mut watch = Self {
            group,
            mask: OPERATIONS | libc::FAN_ONDIR,
            directories: Directories::default(),
            devices: HashSet::new(),
            ignore,
        };
        let mut points = Vec::new();
        for mount in to_watch() {
            match watch.mark(&mount) {
                Ok(()) => points.push(mount.point.display().to_string()),
                Err(err) => coverage.lacks(Class::File, not_watched(&mount, &err)),
            }
        }
        if points.is_empty() {
            return None;
        }
        let points = points.join(", ");
        coverage.records(
            Class::File,
            Said::new(
                format!("creation, writing, renaming and deletion by fanotify on {points}"),
                format!("fanotify によるファイルの作成・書き込み・名前変更・削除 (対象: {points})"),
            ),
        );
        coverage.lacks(
            Class::File,
            Said::new(
                "file systems in memory other than /tmp, /var/tmp, /dev/shm and /run, network file systems, writing through a memory map, and changes while the agent is down",
                "/tmp、/var/tmp、/dev/shm、/run 以外のメモリー上のファイルシステム、ネットワークファイルシステム、メモリーマップ経由の書き込み、エージェント停止中の変更",
            ),
        );
        Some(watch)
    }

    fn mark(&mut self, mount: &Mount) -> std::io::Result<()> {
        let path = CString::new(mount.point.as_os_str().as_bytes())?;
        sys::fanotify_mark_filesystem(self.group.as_fd(), self.mask, &path)?;
        self.directories.add(&mount.point)?;
        self.devices.insert(mount.device.clone());
        Ok(())
    }

    /// Marks what was mounted since.
    fn mark_new(&mut self) {
        for mount in to_watch() {
            if self.devices.contains(&mount.device) {
                continue;
            }
            // Once is enough, also when it fails.
            self.devices.insert(mount.device.clone());
            match self.mark(&mount) {
                Ok(()) => {
                    tracing::info!(point = %mount.point.display(), "watching a new file system")
                }
                Err(err) => {
                    tracing::warn!(point = %mount.point.display(), error = %err, "a new file system is not watched");
                }
            }
        }
    }
}

/// Created objects whose first close after writing still belongs to their creation.
#[derive(Debug, Default)]
struct Created {
    objects: HashSet<ObjectId>,
    order: VecDeque<ObjectId>,
}

impl Created {
    fn put(&mut self, object: ObjectId) {
        if self.objects.insert(object.clone()) {
            self.order.push_back(object);
        }
        while self.order.len() > CREATED_FILES_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.objects.remove(&oldest);
            }
        }
    }

    fn take(&mut self, object: &ObjectId) -> bool {
        self.objects.remove(object)
    }
}

struct Reader {
    watch: Watch,
    shared: Arc<Mutex<Shared>>,
    arrived: Arc<OwnedFd>,
    stop: Arc<OwnedFd>,
    created: Created,
    last_read_ns: u64,
    own_pid: u32,
}

/// What becomes of one operation.
enum Fate {
    Filtered,
    Merged,
    Change(FileChange),
}

impl Reader {
    fn run(&mut self) {
        let mounts = std::fs::File::open("/proc/self/mountinfo").ok();
        let mut buffer = vec![0u8; 256 * 1024];
        loop {
            let mut waits = vec![
                PollFd::new(&self.watch.group, PollFlags::IN),
                PollFd::new(&self.stop, PollFlags::IN),
            ];
            // The kernel raises an exceptional condition on this file when the mounts change.
            if let Some(mounts) = &mounts {
                waits.push(PollFd::new(mounts, PollFlags::PRI));
            }
            if let Err(err) = poll(&mut waits, None)
                && err != rustix::io::Errno::INTR
            {
                tracing::error!(error = %err, "waiting for file changes failed; they are not recorded any more");
                return;
            }
            let stopped = waits.get(1).is_some_and(|wait| !wait.revents().is_empty());
            let remounted = waits.get(2).is_some_and(|wait| !wait.revents().is_empty());
            drop(waits);
            if stopped {
                return;
            }
            if remounted {
                self.watch.mark_new();
            }
            self.read_all(&mut buffer);
        }
    }

    fn read_all(&mut self, buffer: &mut [u8]) {
        loop {
            let length = match rustix::io::read(&self.watch.group, &mut *buffer) {
                Ok(0) | Err(rustix::io::Errno::AGAIN) => return,
                Ok(length) => length,
                Err(rustix::io::Errno::INTR) => continue,
                Err(err) => {
                    tracing::warn!(error = %err, "reading file changes failed");
                    self.lost();
                    return;
                }
            };
            let Some(mut rest) = buffer.get(..length) else { return };
            while let Some(record) = next_record(&mut rest) {
                match record {
                    Ok(record) if record.mask & libc::FAN_Q_OVERFLOW != 0 => self.lost(),
                    Ok(record) => self.take_record(&record),
                    Err(()) => self.lost(),
                }
            }
            self.last_read_ns = boot_ns();
        }
    }

    /// An unknown number of changes was lost between the last good read and now.
    fn lost(&mut self) {
        let now_ns = boot_ns();
        lock(&self.shared).overflows.push((self.last_read_ns, now_ns));
        signal(&self.arrived);
    }

    fn take_record(&mut self, record: &FileRecord) {
        let seen_ns = boot_ns();
        let directory = record.mask & libc::FAN_ONDIR != 0;
        // The order in which one name can have lived through merged operations.
        for operation in
            [libc::FAN_CREATE, libc::FAN_CLOSE_WRITE, libc::FAN_RENAME, libc::FAN_DELETE]
        {
            if record.mask & operation == 0 {
                continue;
            }
            let fate = self.fate(record, operation, directory, seen_ns);
            let mut shared = lock(&self.shared);
            shared.counters.seen += 1;
            match fate {
                Fate::Filtered => shared.counters.filtered += 1,
                Fate::Merged => {
                    shared.counters.submitted += 1;
                    shared.counters.received += 1;
                    shared.counters.merged += 1;
                }
                Fate::Change(_) if shared.queue.len() >= FILE_QUEUE_MAX => {
                    shared.counters.ring_full += 1;
                }
                Fate::Change(change) => {
                    shared.counters.submitted += 1;
                    shared.queue.push_back(change);
                    if shared.queue.len() == 1 {
                        signal(&self.arrived);
                    }
                }
            }
        }
    }

    fn fate(&mut self, record: &FileRecord, operation: u64, directory: bool, seen_ns: u64) -> Fate {
        if record.pid == self.own_pid {
            return Fate::Filtered;
        }
        if operation == libc::FAN_RENAME && directory {
            // Before the new names are resolved: what was remembered below is wrong from now on.
            let old = record.old.as_ref().map(|entry| self.watch.directories.resolve(entry));
            self.watch.directories.forget_paths();
            return self.renamed(record, old, directory, seen_ns);
        }
        if operation == libc::FAN_RENAME {
            let old = record.old.as_ref().map(|entry| self.watch.directories.resolve(entry));
            return self.renamed(record, old, directory, seen_ns);
        }
        let Some(entry) = &record.entry else { return Fate::Filtered };
        let created_directory =
            record.object.as_ref().filter(|_| directory && operation == libc::FAN_CREATE);
        let Some(fields) = self.named(entry, directory, created_directory) else {
            return Fate::Filtered;
        };
        let kind = match operation {
            libc::FAN_CREATE => {
                if let (Some(object), false) = (&record.object, directory) {
                    self.created.put(object.clone());
                }
                EventKind::FileCreate
            }
            libc::FAN_CLOSE_WRITE => {
                if record.object.as_ref().is_some_and(|object| self.created.take(object)) {
                    return Fate::Merged;
                }
                EventKind::FileWrite
            }
            _ => EventKind::FileDelete,
        };
        Fate::Change(FileChange { kind, seen_ns, pid: record.pid, fields })
    }

    fn renamed(
        &mut self,
        record: &FileRecord,
        old: Option<super::mounts::Resolved>,
        directory: bool,
        seen_ns: u64,
    ) -> Fate {
        let Some(new) = record.new.as_ref().map(|entry| self.watch.directories.resolve(entry))
        else {
            return Fate::Filtered;
        };
        if let (Some(object), true, false) = (&record.object, directory, new.unresolved) {
            self.watch.directories.learn(object, &new.path);
        }
        let ignored = |path: &[u8]| is_below(path, &self.watch.ignore);
        if ignored(&new.path) && old.as_ref().is_none_or(|old| ignored(&old.path)) {
            return Fate::Filtered;
        }
        let mut fields = path_fields("TargetFilename", &new, directory);
        if let Some(old) = old {
            for (name, value) in path_fields("SourceFilename", &old, directory).iter() {
                fields.set(name.to_owned(), value.clone());
            }
        }
        Fate::Change(FileChange { kind: EventKind::FileRename, seen_ns, pid: record.pid, fields })
    }

    /// The fields of a name; `None` when it is ignored.
    fn named(
        &mut self,
        entry: &Entry,
        directory: bool,
        created_directory: Option<&ObjectId>,
    ) -> Option<Fields> {
        let resolved = self.watch.directories.resolve(entry);
        if let (Some(object), false) = (created_directory, resolved.unresolved) {
            self.watch.directories.learn(object, &resolved.path);
        }
        if is_below(&resolved.path, &self.watch.ignore) {
            return None;
        }
        Some(path_fields("TargetFilename", &resolved, directory))
    }
}

fn path_fields(name: &'static str, resolved: &super::mounts::Resolved, directory: bool) -> Fields {
    let mut fields = Fields::new();
    let (path, escaped) = escape(&resolved.path);
    fields.set(name, path);
    fields.set("IsDirectory", directory);
    if escaped {
        fields.set("BytesEscaped", true);
    }
    if resolved.unresolved {
        fields.set("PathUnresolved", true);
    }
    fields
}

fn new_eventfd() -> std::io::Result<Arc<OwnedFd>> {
    Ok(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
}

fn signal(fd: &OwnedFd) {
    // Full means signalled already.
    if let Err(err) = rustix::io::write(fd, &1u64.to_ne_bytes())
        && err != rustix::io::Errno::AGAIN
    {
        tracing::warn!(error = %err, "could not signal an eventfd");
    }
}

fn refused(what: &str, err: &std::io::Error) -> Said {
    Said::new(
        format!("{what} was refused ({err}); it needs root and Linux 5.17 or later"),
        format!("{what} が拒否されました ({err})。root 権限と Linux 5.17 以降が必要です"),
    )
}

fn not_watched(mount: &Mount, err: &std::io::Error) -> Said {
    let (point, kind) = (mount.point.display(), &mount.kind);
    Said::new(
        format!("{point} ({kind}) cannot be watched: {err}"),
        format!("{point} ({kind}) は監視できません: {err}"),
    )
}
