//! The agent dies at any moment; the kernel goes on recording.

use crate::workbench::{
    Pins, assert_sums, instant, is_root, observe_until, options, program, start,
};
use model::{Class, EventKind};
use sensor::{Resume, Sensor, SensorError};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

/// The example `watch`, which cargo builds beside the tests.
fn watch() -> PathBuf {
    let mut path = std::env::current_exe().expect("known");
    path.pop();
    path.pop();
    path.join("examples").join("watch")
}

fn run_marked(marker: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let status = program("/bin/true").args([marker, &number.to_string()]).status();
        assert!(status.expect("runs").success());
    }
}

/// A line of `watch`: position, kind, and the marked number.
fn marked(line: &str, marker: &str) -> Option<(u64, usize)> {
    let mut parts = line.split('\t');
    let position = parts.next()?.parse().ok()?;
    if parts.next()? != EventKind::ProcessStart.name() {
        return None;
    }
    let command = parts.nth(2)?;
    let number = command.strip_prefix(&format!("/bin/true {marker} "))?.parse().ok()?;
    Some((position, number))
}

fn start_watch(pins: &Pins) -> (Child, BufReader<std::process::ChildStdout>, u64) {
    let mut child =
        program(watch()).arg(&pins.0).stdout(Stdio::piped()).spawn().expect("watch runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("ready\t") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("reads") > 0, "watch ended");
    }
    let ring_id = line.trim_end().split('\t').nth(1).and_then(|id| id.parse().ok());
    (child, lines, ring_id.expect("a ring"))
}

/// What the killed process had printed is in the pipe, the last line perhaps cut: the last position, and
/// the marked numbers.
fn read_to_end(mut lines: impl BufRead, marker: &str) -> (u64, Vec<usize>) {
    let mut last_position = 0;
    let mut numbers = Vec::new();
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) && line.ends_with('\n') {
        let position = line.split('\t').next().and_then(|text| text.parse::<u64>().ok());
        last_position = last_position.max(position.unwrap_or(0));
        numbers.extend(marked(line.trim_end(), marker).map(|(_, number)| number));
        line.clear();
    }
    (last_position, numbers)
}

#[test]
fn p1_nothing_is_lost_and_nothing_told_twice_when_the_agent_is_killed() {
    const COUNT: usize = 600;
    if !is_root() {
        return;
    }
    let pins = Pins::new("killed");
    let marker = format!("mimamori-killed-{}", std::process::id());
    let mut told: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut child, lines, ring_id) = start_watch(&pins);
    let reader = {
        let marker = marker.clone();
        std::thread::spawn(move || read_to_end(lines, &marker))
    };
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(250));
        child.kill().expect("killed");
        child.wait().expect("ends");
    });
    run_marked(&marker, 0..COUNT / 2);
    killer.join().expect("killed");
    run_marked(&marker, COUNT / 2..COUNT);
    let (position, numbers) = reader.join().expect("read");
    let before = numbers.len();
    assert!(before < COUNT, "it was killed in the middle");
    for number in numbers {
        *told.entry(number).or_default() += 1;
    }
    let mut options = options(&pins, &[]);
    options.ring_bytes = sensor::limits::RING_BYTES_DEFAULT;
    options.resume = Some(Resume { ring_id, position });
    let mut sensor = start(options);
    assert_eq!(sensor.ring_id(), Some(ring_id), "the same ring is found");
    let mut seen = Vec::new();
    observe_until(&mut sensor, &mut seen, |seen| {
        let last = format!("/bin/true {marker} {}", COUNT - 1);
        seen.iter().any(|sensed| {
            sensed.observation.kind == EventKind::ProcessStart
                && sensed.observation.fields.text("CommandLine") == Some(&last)
        })
    });
    for sensed in &seen {
        let fields = &sensed.observation.fields;
        let line = fields.text("CommandLine").unwrap_or_default();
        if sensed.observation.kind == EventKind::ProcessStart
            && let Some(number) = line.strip_prefix(&format!("/bin/true {marker} "))
        {
            assert_eq!(fields.int("ParentProcessId"), Some(i64::from(std::process::id())));
            *told.entry(number.parse().expect("a number")).or_default() += 1;
        }
    }
    let expected: BTreeMap<usize, usize> = (0..COUNT).map(|number| (number, 1)).collect();
    assert_eq!(told, expected, "{before} before the kill");
    println!("{before} of {COUNT} were told before the kill");
    assert_sums(&mut sensor);
    // The counters span both lives: received is what was submitted, but for what is under way.
    let counters = sensor.counters();
    let (_, process) = counters.iter().find(|(class, _)| *class == Class::Process).expect("there");
    assert!(process.emitted as usize > COUNT, "{process:?}");
    assert!(process.submitted - process.received < 1_000, "{process:?}");
    sensor.stop();
}

#[test]
fn what_was_observed_and_not_released_comes_again() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("again");
    let marker = format!("mimamori-again-{}", std::process::id());
    let count = |seen: &[sensor::Sensed]| {
        seen.iter()
            .filter(|sensed| sensed.observation.kind == EventKind::ProcessStart)
            .filter(|sensed| {
                let line = sensed.observation.fields.text("CommandLine");
                line.is_some_and(|line| line.contains(&marker))
            })
            .count()
    };
    let mut sensor = start(options(&pins, &[]));
    run_marked(&marker, 0..20);
    let mut seen = Vec::new();
    let begin = instant();
    while count(&seen) < 20 {
        assert!(begin.elapsed() < Duration::from_secs(30));
        sensor.observe(Duration::from_millis(50), &mut seen).expect("observes");
    }
    let id = sensor.ring_id();
    // No stop: the pins stay, as when the process had died.
    drop(sensor);
    run_marked(&marker, 20..30);
    let mut sensor = start(options(&pins, &[]));
    assert_eq!(sensor.ring_id(), id);
    let mut again = Vec::new();
    observe_until(&mut sensor, &mut again, |seen| count(seen) == 30);
    assert_sums(&mut sensor);
    // In good order: nothing is recorded after detaching, and what was recorded can still be read.
    run_marked(&marker, 30..40);
    sensor.detach();
    run_marked(&marker, 40..50);
    let mut rest = Vec::new();
    observe_until(&mut sensor, &mut rest, |seen| count(seen) >= 10);
    sensor.observe(Duration::from_millis(50), &mut rest).expect("observes");
    assert_eq!(count(&rest), 10);
    assert_sums(&mut sensor);
    sensor.stop();
}

#[test]
fn a_second_agent_on_the_same_pins_is_refused() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("second");
    let sensor = start(options(&pins, &[]));
    match Sensor::start(options(&pins, &[])) {
        Err(SensorError::InUse { path }) => assert_eq!(path, pins.0),
        other => panic!("{other:?}"),
    }
    assert!(matches!(sensor::unload(&pins.0), Err(SensorError::InUse { .. })));
    sensor.stop();
}

#[test]
fn p3_a_ring_that_ran_full_while_the_agent_was_down_is_said_once_with_its_interval() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("full");
    let mut options = options(&pins, &[]);
    options.ring_bytes = sensor::limits::RING_BYTES_MIN;
    let mut sensor = start(options.clone());
    assert_eq!(sensor.losses(), []);
    run_marked("mimamori-full", 0..1);
    observe_until(&mut sensor, &mut Vec::new(), |seen| {
        seen.iter().any(|sensed| {
            sensed.observation.fields.text("CommandLine").is_some_and(|line| {
                line == "/bin/true mimamori-full 0" && sensed.position.is_some()
            })
        })
    });
    drop(sensor);
    let before = options.clock.now();
    let long = "x".repeat(120 * 1024);
    for _ in 0..30 {
        assert!(program("/bin/true").arg(&long).status().expect("runs").success());
    }
    let mut sensor = start(options.clone());
    let of_process = |lost: &[model::Lost]| -> Vec<model::Lost> {
        let of_class = lost.iter().filter(|lost| lost.class == Some(Class::Process));
        of_class.copied().collect()
    };
    let lost = of_process(&sensor.losses());
    let counters = sensor.counters();
    let (_, process) = counters.iter().find(|(class, _)| *class == Class::Process).expect("there");
    assert_eq!(process.disagreements(), Vec::new());
    assert!(process.ring_full > 10, "{process:?}");
    let [lost] = lost.as_slice() else { panic!("{lost:?}") };
    assert_eq!(lost.reason, model::LostReason::RingFull);
    assert!(lost.count.is_some_and(|count| count > 10 && count <= process.ring_full), "{lost:?}");
    assert!(lost.from <= before && lost.to >= before, "{lost:?}");
    // The ring has room again, and what was said is not said again, in this life or the next.
    let mut seen = Vec::new();
    run_marked("mimamori-full", 1..2);
    for _ in 0..20 {
        sensor.observe(Duration::from_millis(10), &mut seen).expect("observes");
        if let Some(position) = seen.iter().rev().find_map(|sensed| sensed.position) {
            sensor.release(position);
        }
    }
    let more: u64 = of_process(&sensor.losses()).iter().filter_map(|lost| lost.count).sum();
    let (_, now) = sensor.counters()[0];
    drop(sensor);
    let mut sensor = start(options);
    let third: u64 = of_process(&sensor.losses()).iter().filter_map(|lost| lost.count).sum();
    let told = lost.count.unwrap_or(0) + more + third;
    let (_, last) = sensor.counters()[0];
    assert!(told >= now.ring_full && told <= last.ring_full, "{told} {now:?} {last:?}");
    sensor.stop();
}

#[test]
fn p3_pins_that_are_broken_are_replaced_and_what_they_held_is_said_as_lost() {
    if !is_root() {
        return;
    }
    let pins = Pins::new("broken");
    let sensor = start(options(&pins, &[]));
    let id = sensor.ring_id();
    drop(sensor);
    run_marked("mimamori-broken", 0..10);
    let version = std::fs::read_dir(&pins.0).expect("there").next().expect("one").expect("read");
    std::fs::remove_file(version.path().join("link_exec")).expect("removed");
    let mut sensor = start(options(&pins, &[]));
    assert_ne!(sensor.ring_id(), id, "it is another ring");
    let lost = sensor.losses();
    let abandoned = lost.iter().find(|lost| lost.reason == model::LostReason::AgentDown);
    // Ten processes are at least thirty records: fork, exec, exit.
    assert!(abandoned.and_then(|lost| lost.count).is_some_and(|count| count >= 30), "{lost:?}");
    run_marked("mimamori-broken", 10..11);
    let mut seen = Vec::new();
    observe_until(&mut sensor, &mut seen, |seen| {
        seen.iter().any(|sensed| {
            let line = sensed.observation.fields.text("CommandLine");
            line == Some("/bin/true mimamori-broken 10")
        })
    });
    sensor.stop();
}
