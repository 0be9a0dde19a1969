//! File changes with whole paths.

use crate::workbench::{Pins, assert_sums, is_root, observe_until, of, options, program, start};
use model::{Class, EventKind, Value};
use sensor::Sensed;
use std::path::Path;

fn paths<'a>(seen: &'a [Sensed], folder: &Path) -> Vec<(EventKind, &'a str, Option<&'a str>)> {
    let folder = folder.to_str().expect("text");
    seen.iter()
        .filter(|sensed| sensed.class == Class::File)
        .filter_map(|sensed| {
            let fields = &sensed.observation.fields;
            let target = fields.text("TargetFilename")?.strip_prefix(folder)?;
            let source = fields.text("SourceFilename").and_then(|path| path.strip_prefix(folder));
            Some((sensed.observation.kind, target, source))
        })
        .collect()
}

#[test]
fn create_write_rename_and_delete_come_with_whole_paths_and_their_process() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("files");
    let folder = tempfile::tempdir().expect("a folder");
    let ignored = tempfile::tempdir().expect("a folder");
    let folder_path = std::fs::canonicalize(folder.path()).expect("exists");
    std::fs::write(folder_path.join("old"), "x").expect("written");
    let mut sensor = start(options(&pins, &[ignored.path()]));
    if !sensor.coverage().of(Class::File).recorded {
        println!("skipped: {}", sensor.coverage());
        return;
    }
    std::fs::write(folder_path.join("by-the-test-itself"), "x").expect("written");
    let script = "mkdir sub; echo a > sub/new; echo b >> old; mv sub/new sub/moved; mv sub after; \
                  rm after/moved; touch \"$1/hidden\"; : > last";
    let status = program("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(ignored.path())
        .current_dir(&folder_path)
        .status();
    assert!(status.expect("runs").success());
    let mut seen = Vec::new();
    observe_until(&mut sensor, &mut seen, |seen| {
        paths(seen, &folder_path).iter().any(|(_, path, _)| *path == "/last")
    });
    assert_eq!(
        paths(&seen, &folder_path),
        [
            (EventKind::FileCreate, "/sub", None),
            (EventKind::FileCreate, "/sub/new", None),
            (EventKind::FileWrite, "/old", None),
            (EventKind::FileRename, "/sub/moved", Some("/sub/new")),
            (EventKind::FileRename, "/after", Some("/sub")),
            (EventKind::FileDelete, "/after/moved", None),
            (EventKind::FileCreate, "/last", None),
        ]
    );
    assert!(paths(&seen, ignored.path()).is_empty(), "ignored folders are left out");
    let old = folder_path.join("old");
    let written = of(&seen, EventKind::FileWrite, "TargetFilename", old.to_str().expect("text"))
        .next()
        .expect("seen");
    let fields = &written.observation.fields;
    let shell = std::fs::canonicalize("/bin/sh").expect("exists");
    assert_eq!(fields.text("Image"), shell.to_str());
    assert_eq!(fields.text("User"), Some("root"));
    assert!(fields.text("CommandLine").expect("known").starts_with("/bin/sh -c mkdir sub"));
    assert!(fields.text("ProcessGuid").is_some());
    assert_eq!(fields.get("IsDirectory"), Some(&Value::Bool(false)));
    let counters = sensor.counters().into_iter().find(|(class, _)| *class == Class::File);
    let (_, counters) = counters.expect("counted");
    assert!(counters.filtered >= 3, "the test's own file and the ignored one: {counters:?}");
    assert!(counters.merged >= 2, "closes after creation: {counters:?}");
    assert_sums(&mut sensor);
    sensor.stop();
}

#[test]
fn deleting_a_whole_tree_is_seen_entry_by_entry() {
    const COUNT: usize = 500;
    if !is_root() {
        return;
    }
    let pins = Pins::new("tree");
    let folder = tempfile::tempdir().expect("a folder");
    let folder_path = std::fs::canonicalize(folder.path()).expect("exists");
    let mut sensor = start(options(&pins, &[]));
    let script = format!(
        "mkdir -p a/b; cd a/b; i=0; while [ $i -lt {COUNT} ]; do : > f$i; i=$((i+1)); done; cd ../..; rm -r a; : > last"
    );
    let status = program("/bin/sh").args(["-c", &script]).current_dir(&folder_path).status();
    assert!(status.expect("runs").success());
    let mut seen = Vec::new();
    observe_until(&mut sensor, &mut seen, |seen| {
        paths(seen, &folder_path).iter().any(|(_, path, _)| *path == "/last")
    });
    let found = paths(&seen, &folder_path);
    for number in 0..COUNT {
        let path = format!("/a/b/f{number}");
        for kind in [EventKind::FileCreate, EventKind::FileDelete] {
            let times = found.iter().filter(|(of, at, _)| (*of, *at) == (kind, &path)).count();
            assert_eq!(times, 1, "{kind:?} {path}");
        }
    }
    assert_sums(&mut sensor);
    sensor.stop();
}
