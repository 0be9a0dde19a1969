//! A full disk: nothing that was seen of processes is lost, and when there is room again everything goes on
//! by itself. Found by hand: the log lay on the full disk, printing to it failed, and that ended the pipeline.
#![expect(clippy::disallowed_methods, reason = "this test runs programs")]

use crate::installation::{Installation, why_not};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A small file system of its own, unmounted at the end.
struct SmallDisk<'a>(&'a Path);

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Lazily: at a failed assertion the programs may still use it.
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

#[test]
fn p1_a_full_disk_loses_no_process_and_goes_on_by_itself() {
    const COUNT: u64 = 200;
    if let Some(reason) = why_not() {
        println!("skipped: {reason}");
        return;
    }
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().to_owned();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(&path).status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: no small disk could be mounted");
        return;
    }
    let disk = SmallDisk(&path);
    let mut installation = Installation::start_in(folder);

    let fill = path.join("fill");
    let filled = Command::new("dd")
        .args(["if=/dev/zero", "bs=64k", "status=none"])
        .arg(format!("of={}", fill.display()))
        .status();
    assert!(filled.is_ok_and(|status| !status.success()), "dd ends when the disk is full");
    for number in 0..COUNT {
        let status =
            Command::new("/bin/true").args(["mimamori-test-full", &number.to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
    std::thread::sleep(Duration::from_secs(3));
    std::fs::remove_file(&fill).expect("the disk is freed");

    installation.wait("everything is stored", Duration::from_secs(90), |own| {
        own.count(
            "SELECT count(*) FROM process WHERE kind = 'process_start' AND command_line LIKE '/bin/true mimamori-test-full %'",
        ) == COUNT
    });
    installation.wait("the sums agree", Duration::from_secs(60), |own| {
        own.run(&["audit", "events"]).status.success()
    });
    installation.stop();
    drop(installation);
    drop(disk);
}
