//! A crash at every step of a commit and of a compaction, a killed process, a full disk.

use crate::support::*;
use lake::{Access, Disk, Lake, LakeError, LocalDisk, Settings};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A disk that dies after a number of operations: the one it dies in is torn, all later ones fail, also the
/// clean-up, as if the process were gone.
#[derive(Debug)]
struct DyingDisk {
    steps_left: AtomicUsize,
    kind: io::ErrorKind,
}

impl DyingDisk {
    fn settings(steps: usize, kind: io::ErrorKind) -> (Arc<Self>, Settings) {
        let disk = Arc::new(Self { steps_left: AtomicUsize::new(steps), kind });
        (Arc::clone(&disk), Settings { disk, ..Settings::default() })
    }

    fn step(&self) -> io::Result<()> {
        let left = self.steps_left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(io::Error::from(self.kind));
        }
        self.steps_left.store(left - 1, Ordering::SeqCst);
        Ok(())
    }
}

impl Disk for DyingDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        LocalDisk.create_directory(path)
    }
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Err(err) = self.step() {
            LocalDisk.write_new(path, &bytes[..bytes.len() / 2])?;
            return Err(err);
        }
        LocalDisk.write_new(path, bytes)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        LocalDisk.rename(from, to)
    }
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        LocalDisk.sync_directory(path)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        LocalDisk.remove(path)
    }
}

/// A commit of two files: events and one alert.
fn with_alert(first: u64, last: u64) -> lake::Commit {
    let mut batch = commit(first, last);
    batch.alerts = vec![alert(&batch.events[0], u128::from(first))];
    let count = last - first + 1;
    let (name, part) = ("events".to_owned(), "all".to_owned());
    batch.tallies = vec![lake::Tally { agent: AGENT, epoch: EPOCH, name, part, count }];
    batch
}

/// What was counted of all events, in whatever commits they came.
async fn tallied(lake: &Lake) -> u64 {
    lake.tallies("2026-01-01").await.expect("sums").first().map_or(0, |sum| sum.total)
}

#[tokio::test]
async fn p1_a_crash_at_any_step_of_a_commit_leaves_a_whole_lake() {
    let mut steps = 0;
    loop {
        let folder = tempfile::tempdir().expect("folder");
        let lake = open(folder.path()).await;
        lake.commit(with_alert(1, 5)).await.expect("commits");
        drop(lake);

        // Opening uses up some operations too; the dying disk may die there already.
        let (disk, settings) = DyingDisk::settings(steps, io::ErrorKind::Other);
        let done = match Lake::open_with(folder.path(), Access::Write, settings).await {
            Ok(lake) => lake.commit(with_alert(6, 9)).await.map(|_| ()),
            Err(err) => Err(err),
        };
        let unused = disk.steps_left.load(Ordering::SeqCst);

        let lake = open(folder.path()).await;
        assert_sums(&lake).await;
        let rows = number(&lake, "SELECT count(*) FROM process").await;
        let alerts = number(&lake, "SELECT count(*) FROM alert").await;
        assert_eq!(tallied(&lake).await, rows as u64, "counts after {steps} steps");
        match &done {
            Ok(()) => assert_eq!((rows, alerts), (9, 2), "after {steps} steps"),
            Err(LakeError::Io { .. }) => assert_eq!((rows, alerts), (5, 1), "after {steps} steps"),
            Err(other) => panic!("after {steps} steps: {other}"),
        }
        let expected = if done.is_ok() { 4 } else { 2 };
        assert_eq!(files(folder.path()).len(), expected, "left-over files after {steps} steps");
        if done.is_err() {
            lake.commit(with_alert(6, 9)).await.expect("the sender repeats it");
        } else {
            let repeated = lake.commit(with_alert(6, 9)).await;
            assert!(matches!(repeated, Err(LakeError::AlreadyCommitted { through: 9, .. })));
        }
        assert_sums(&lake).await;
        if done.is_ok() && unused > 0 {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 8, "the commit took {steps} steps; the disk was not asked");
}

#[tokio::test]
async fn p1_a_crash_at_any_step_of_a_compaction_leaves_a_whole_lake() {
    let now = at("2026-08-22T07:00:00Z");
    let late = now.plus_nanos(2 * lake::limits::GRACE_NS);
    let mut steps = 0;
    loop {
        let folder = tempfile::tempdir().expect("folder");
        let lake = open(folder.path()).await;
        for first in [1, 3, 5] {
            lake.commit(with_alert(first, first + 1)).await.expect("commits");
        }
        drop(lake);
        let (disk, settings) = DyingDisk::settings(steps, io::ErrorKind::Other);
        let mut deleted = 0;
        if let Ok(lake) = Lake::open_with(folder.path(), Access::Write, settings).await
            && lake.compact(now).await.is_ok()
        {
            deleted = lake.compact(late).await.expect("deleting may be repeated").files_deleted;
        }
        let unused = disk.steps_left.load(Ordering::SeqCst);

        let lake = open(folder.path()).await;
        assert_sums(&lake).await;
        assert_eq!(number(&lake, "SELECT count(DISTINCT seq) FROM process").await, 6);
        assert_eq!(number(&lake, "SELECT count(*) FROM alert").await, 3);
        lake.compact(now).await.expect("compacts");
        lake.compact(late.plus_nanos(2 * lake::limits::GRACE_NS)).await.expect("deletes");
        assert_sums(&lake).await;
        assert_eq!(files(folder.path()).len(), 2, "after {steps} steps");
        if deleted == 6 && unused > 0 {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 12, "the compaction took {steps} steps; the disk was not asked");
}

#[tokio::test]
async fn a_full_disk_is_said_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, settings) = DyingDisk::settings(1_000, io::ErrorKind::StorageFull);
    let lake = Lake::open_with(folder.path(), Access::Write, settings).await.expect("opens");
    lake.commit(commit(1, 5)).await.expect("commits");
    disk.steps_left.store(1, Ordering::SeqCst);
    match lake.commit(commit(6, 9)).await {
        Err(err @ LakeError::DiskFull { .. }) => {
            assert_eq!(err.class(), lake::ErrorClass::Retry);
            assert!(err.to_string().contains("free space"), "{err}");
        }
        other => panic!("{other:?}"),
    }
    disk.steps_left.store(1_000, Ordering::SeqCst);
    assert_sums(&lake).await;
    lake.commit(commit(6, 9)).await.expect("goes on when there is room");
    assert_sums(&lake).await;
}

/// A real file system of 3 MiB, filled to the brim: whichever of Parquet and SQLite meets the end first.
#[tokio::test]
async fn p1_a_really_full_file_system_loses_nothing_that_was_committed() {
    let Some(mount) = SmallFileSystem::mount() else { return };
    let root = mount.0.path().join("lake");
    let lake = open(&root).await;
    let mut next = 1;
    let err = loop {
        let noise = |seq: u64| {
            let mut state = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut text = String::new();
            for _ in 0..400 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(&format!("{:016x}", state));
            }
            text
        };
        let batch = commit_of((next..next + 8).map(|seq| event(seq, &noise(seq))).collect());
        match lake.commit(batch).await {
            Ok(_) => next += 8,
            Err(err) => break err,
        }
        assert!(next < 5_000, "the file system never filled");
    };
    assert!(matches!(err, LakeError::DiskFull { .. }), "{err:?}");
    let stored = lake.positions().await.expect("still answers")[0].last_seq;
    assert_eq!(stored, next - 1);
    let counted = lake.count_stored().await.expect("counts");
    assert_eq!((counted[0].stored, counted[0].duplicates), (stored, 0));
    lake.close().await;
    drop(lake);
    drop(mount);
}

struct SmallFileSystem(tempfile::TempDir);

impl SmallFileSystem {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("folder");
        if run("mount", &["-t", "tmpfs", "-o", "size=3m", "tmpfs"], folder.path()) {
            return Some(Self(folder));
        }
        skipped("needs the right to mount a small tmpfs");
        None
    }
}

impl Drop for SmallFileSystem {
    fn drop(&mut self) {
        run("umount", &[], self.0.path());
    }
}

#[expect(clippy::disallowed_methods, reason = "mounting a file system is this test's purpose")]
fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    std::process::Command::new(program)
        .args(arguments)
        .arg(path)
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Not a test of its own: the process that the next test kills. It commits until it dies and prints each
/// last sequence number after its commit has returned.
#[tokio::test]
async fn child_that_commits_until_it_is_killed() {
    let Ok(root) = std::env::var("MIMAMORI_LAKE_CRASH_CHILD") else { return };
    let lake = open(Path::new(&root)).await;
    let mut next =
        lake.positions().await.expect("positions").first().map_or(1, |at| at.last_seq + 1);
    loop {
        lake.commit(with_alert(next, next + 6)).await.expect("commits");
        next += 7;
        println!("committed {}", next - 1);
        if next % 3 == 0 {
            lake.compact(at("2026-08-22T07:00:00Z")).await.expect("compacts");
        }
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test needs a process of its own to kill")]
async fn p1_p4_a_killed_writer_leaves_what_it_confirmed_once() {
    use std::io::BufRead as _;
    let folder = tempfile::tempdir().expect("folder");
    let mut confirmed = 0;
    for round in 0..6_u32 {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "crash::child_that_commits_until_it_is_killed", "--nocapture"])
            .env("MIMAMORI_LAKE_CRASH_CHILD", folder.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("starts");
        let out = child.stdout.take().expect("piped");
        let mut lines = std::io::BufReader::new(out).lines().map_while(Result::ok);
        // The line is printed as the libtest harness leaves it: maybe behind the test's name.
        let last_of = |line: &str| line.rsplit_once("committed ").map(|(_, seq)| seq.to_owned());
        let wanted = 3 + round;
        let mut seen = 0;
        for line in lines.by_ref() {
            if let Some(seq) = last_of(&line) {
                confirmed = seq.trim().parse().expect("a number");
                seen += 1;
                if seen == wanted {
                    break;
                }
            }
        }
        // Somewhere within a later commit or compaction.
        std::thread::sleep(std::time::Duration::from_millis(7 * u64::from(round)));
        child.kill().expect("killed");
        child.wait().expect("gone");
        for line in lines {
            if let Some(seq) = last_of(&line) {
                confirmed = seq.trim().parse().unwrap_or(confirmed);
            }
        }
        let lake = open(folder.path()).await;
        assert_sums(&lake).await;
        let position = lake.positions().await.expect("positions")[0];
        assert!(position.last_seq >= confirmed, "{position:?}, confirmed {confirmed}");
        assert_eq!(number(&lake, "SELECT count(*) FROM process").await as u64, position.stored);
        assert_eq!(number(&lake, "SELECT count(*) FROM alert").await as u64, position.stored / 7);
        assert_eq!(tallied(&lake).await, position.stored, "each event is counted once");
        lake.close().await;
    }
}
