//! Starts and ends of processes, with every argument.

use crate::workbench::{
    Pins, SystemClock, assert_sums, copy_program, instant, is_root, observe_until, of, options,
    program, start,
};
use model::{Clock, EventKind, Value};
use sensor::Sensed;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStringExt;

fn arguments(sensed: &Sensed) -> Vec<String> {
    let Some(Value::List(list)) = sensed.observation.fields.get("Arguments") else {
        panic!("no arguments: {sensed:?}")
    };
    list.iter().map(|value| value.as_text().expect("text").to_owned()).collect()
}

#[test]
fn p1_two_thousand_short_processes_are_all_seen_with_exact_arguments_and_end() {
    const COUNT: usize = 2_000;
    if !is_root() {
        return;
    }
    let pins = Pins::new("short");
    let mut sensor = start(options(&pins, &[]));
    let marker = format!("mimamori-short-{}", std::process::id());
    let made = {
        let marker = marker.clone();
        std::thread::spawn(move || {
            let begin = instant();
            for number in 0..COUNT {
                let status = program("/bin/true")
                    .args([&marker, &number.to_string(), "", "two words", "日本語"])
                    .status();
                assert!(status.expect("runs").success());
            }
            COUNT as f64 / begin.elapsed().as_secs_f64()
        })
    };
    let mut seen = Vec::new();
    let mut by_guid: BTreeMap<String, usize> = BTreeMap::new();
    let (mut looked_at, mut ended) = (0, BTreeSet::new());
    observe_until(&mut sensor, &mut seen, |seen| {
        for sensed in &seen[looked_at..] {
            let fields = &sensed.observation.fields;
            let guid = fields.text("ProcessGuid").unwrap_or_default().to_owned();
            match sensed.observation.kind {
                EventKind::ProcessStart
                    if fields.text("CommandLine").is_some_and(|line| line.contains(&marker)) =>
                {
                    let list = arguments(sensed);
                    let number: usize = list[2].parse().expect("a number");
                    let expected =
                        ["/bin/true", &marker, &number.to_string(), "", "two words", "日本語"];
                    assert_eq!(list, expected);
                    assert_eq!(fields.text("CommandLine"), Some(expected.join(" ").as_str()));
                    assert_eq!(fields.get("ArgumentsTruncated"), Some(&Value::Bool(false)));
                    assert_eq!(fields.text("User"), Some("root"));
                    assert_eq!(fields.int("ParentProcessId"), Some(i64::from(std::process::id())));
                    assert!(by_guid.insert(guid, number).is_none(), "told twice");
                }
                EventKind::ProcessExit if by_guid.contains_key(&guid) => {
                    assert_eq!(fields.int("ExitCode"), Some(0));
                    assert!(ended.insert(guid), "ended twice");
                }
                _ => {}
            }
        }
        looked_at = seen.len();
        ended.len() >= COUNT
    });
    println!("{:.0} processes a second", made.join().expect("made"));
    let numbers: BTreeSet<usize> = by_guid.values().copied().collect();
    assert_eq!(numbers, (0..COUNT).collect());
    assert_sums(&mut sensor);
    sensor.stop();
    assert!(std::fs::symlink_metadata(&pins.0).is_err(), "stop removes the pins");
}

#[test]
fn arguments_are_whole_to_128_kib_and_flagged_beyond() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("long");
    let mut sensor = start(options(&pins, &[]));
    let long = "x".repeat(100 * 1024);
    let status = program("/bin/true").args(["mimamori-one-long", &long]).status();
    assert!(status.expect("runs").success());
    let status = program("/bin/true").args(["mimamori-too-long", &long, &long]).status();
    assert!(status.expect("runs").success());
    let mut seen = Vec::new();
    let find = |seen: &[Sensed], second: &str| {
        seen.iter().position(|sensed| {
            sensed.observation.kind == EventKind::ProcessStart
                && arguments(sensed).get(1).is_some_and(|found| found == second)
        })
    };
    observe_until(&mut sensor, &mut seen, |seen| find(seen, "mimamori-too-long").is_some());
    let one = &seen[find(&seen, "mimamori-one-long").expect("seen")];
    assert_eq!(arguments(one), ["/bin/true", "mimamori-one-long", &long]);
    assert_eq!(one.observation.fields.get("ArgumentsTruncated"), Some(&Value::Bool(false)));
    let two = &seen[find(&seen, "mimamori-too-long").expect("seen")];
    let true_bytes = "/bin/true".len() + "mimamori-too-long".len() + 2 * long.len() + 4;
    assert_eq!(two.observation.fields.int("ArgumentsBytes"), Some(true_bytes as i64));
    assert_eq!(two.observation.fields.get("ArgumentsTruncated"), Some(&Value::Bool(true)));
    let kept = arguments(two);
    assert_eq!(kept[2], long);
    let kept_bytes: usize = kept.iter().map(|argument| argument.len() + 1).sum();
    assert_eq!(kept_bytes - 1, 128 * 1024, "all that fits is kept");
    assert_sums(&mut sensor);
    sensor.stop();
}

#[test]
fn a_process_is_described_with_its_family_folder_and_end() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("family");
    let begin = SystemClock.now();
    let folder = tempfile::tempdir().expect("a folder");
    let mut sensor = start(options(&pins, &[]));
    let script = folder.path().join("script.sh");
    std::fs::write(&script, "#!/bin/sh\n/bin/sleep 0.01 mimamori-inner 2>/dev/null; exit 7\n")
        .expect("written");
    let status = program("/bin/sh").arg(&script).current_dir(folder.path()).status();
    assert_eq!(status.expect("runs").code(), Some(7));
    let odd = std::ffi::OsString::from_vec(b"mimamori-\xff\xfe".to_vec());
    let mut killed = program("/bin/sleep").arg("600").arg(odd).spawn().expect("runs");
    // The second operand is refused by sleep or waited for; either way it is killed or ends by itself.
    killed.kill().expect("killed");
    killed.wait().expect("ends");
    let mut seen = Vec::new();
    let killed_pid = i64::from(killed.id());
    observe_until(&mut sensor, &mut seen, |seen| {
        seen.iter().any(|sensed| {
            sensed.observation.kind == EventKind::ProcessExit
                && sensed.observation.fields.int("ProcessId") == Some(killed_pid)
        })
    });
    let shell = real("/bin/sh");
    let line = format!("/bin/sh {}", script.display());
    let outer = of(&seen, EventKind::ProcessStart, "CommandLine", &line).next().expect("seen");
    let at = outer.observation.observed_at;
    assert!(begin.plus_nanos(-5_000_000) <= at && at <= SystemClock.now(), "{begin} {at}");
    let fields = &outer.observation.fields;
    assert_eq!(fields.text("Image"), Some(shell.as_str()));
    assert_eq!(fields.text("CurrentDirectory"), folder.path().to_str());
    let own = std::env::current_exe().expect("known");
    assert_eq!(fields.text("ParentImage"), own.to_str());
    let guid = fields.text("ProcessGuid").expect("identified");
    let inner = seen
        .iter()
        .find(|sensed| {
            sensed.observation.kind == EventKind::ProcessStart
                && sensed.observation.fields.text("ParentProcessGuid") == Some(guid)
        })
        .expect("the child is seen");
    let inner = &inner.observation.fields;
    assert_eq!(inner.text("CommandLine"), Some("/bin/sleep 0.01 mimamori-inner"));
    assert_eq!(inner.text("ParentCommandLine"), Some(line.as_str()));
    assert_eq!(inner.text("GrandParentImage"), own.to_str());
    let exit = of(&seen, EventKind::ProcessExit, "ProcessGuid", guid).next().expect("ended");
    assert_eq!(exit.observation.fields.int("ExitCode"), Some(7));
    assert_eq!(exit.observation.fields.text("CommandLine"), Some(line.as_str()));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("read");
    let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    assert!(guid.starts_with(&format!("{boot}-")) && guid.len() == 42, "{guid}");
    let escaped = seen
        .iter()
        .find(|sensed| sensed.observation.fields.int("ProcessId") == Some(killed_pid))
        .expect("seen");
    let escaped = &escaped.observation.fields;
    assert_eq!(escaped.text("CommandLine"), Some("/bin/sleep 600 mimamori-\\xff\\xfe"));
    assert_eq!(escaped.get("BytesEscaped"), Some(&Value::Bool(true)));
    sensor.stop();
}

#[test]
fn a_killed_process_and_one_without_a_file_are_said_to_be_so() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("odd");
    let folder = tempfile::tempdir().expect("a folder");
    let mut sensor = start(options(&pins, &[]));
    let mut sleeper = program("/bin/sleep").arg("614.25").spawn().expect("runs");
    let mut seen = Vec::new();
    observe_until(&mut sensor, &mut seen, |seen| {
        of(seen, EventKind::ProcessStart, "CommandLine", "/bin/sleep 614.25").next().is_some()
    });
    sleeper.kill().expect("killed");
    sleeper.wait().expect("ends");
    // A program that is unlinked and then run through its descriptor.
    let copy = folder.path().join("gone");
    copy_program("/bin/true", &copy);
    let script = format!("exec 3< {0}; rm {0}; exec /proc/self/fd/3 mimamori-gone", copy.display());
    assert!(program("/bin/sh").args(["-c", &script]).status().expect("runs").success());
    observe_until(&mut sensor, &mut seen, |seen| {
        seen.iter().any(|sensed| {
            sensed.observation.kind == EventKind::ProcessStart
                && arguments(sensed).get(1).is_some_and(|second| second == "mimamori-gone")
        })
    });
    let exit = of(&seen, EventKind::ProcessExit, "CommandLine", "/bin/sleep 614.25")
        .next()
        .expect("ended");
    assert_eq!(exit.observation.fields.int("ExitSignal"), Some(9));
    assert_eq!(exit.observation.fields.get("ExitCode"), None);
    let gone = seen
        .iter()
        .find(|sensed| {
            sensed.observation.kind == EventKind::ProcessStart
                && arguments(sensed).get(1).is_some_and(|second| second == "mimamori-gone")
        })
        .expect("seen");
    assert_eq!(gone.observation.fields.get("ImageDeleted"), Some(&Value::Bool(true)));
    assert_eq!(gone.observation.fields.text("Image"), copy.to_str());
    sensor.stop();
}

#[test]
fn a_program_that_is_only_in_memory_is_said_to_be_so() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("memory");
    let mut sensor = start(options(&pins, &[]));
    let script = "import os,sys\nf=os.memfd_create('mimamori-m')\n\
        os.write(f,open('/bin/true','rb').read())\nos.execv('/proc/self/fd/%d'%f,['in-memory'])";
    let Ok(status) = program("python3").args(["-c", script]).status() else {
        println!("skipped: making a program in memory needs python3");
        return;
    };
    assert!(status.success());
    let mut seen = Vec::new();
    observe_until(&mut sensor, &mut seen, |seen| {
        of(seen, EventKind::ProcessStart, "CommandLine", "in-memory").next().is_some()
    });
    let started = of(&seen, EventKind::ProcessStart, "CommandLine", "in-memory").next();
    let fields = &started.expect("seen").observation.fields;
    assert_eq!(fields.text("Image"), Some("/memfd:mimamori-m"));
    assert_eq!(fields.get("ImageInMemory"), Some(&Value::Bool(true)));
    sensor.stop();
}

fn real(path: &str) -> String {
    let path = std::fs::canonicalize(path).expect("exists");
    path.into_os_string().into_string().expect("text")
}
