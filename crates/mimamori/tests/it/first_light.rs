//! Kernel → agent → spool → wire → server → rules → lake → console, with this machine's own events.
#![expect(clippy::disallowed_methods, reason = "these tests run programs")]

use crate::installation::{Installation, why_not};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

macro_rules! installation_or_return {
    () => {
        match why_not() {
            None => Installation::start(),
            Some(reason) => {
                println!("skipped: {reason}");
                return;
            }
        }
    };
}

/// Starts `count` short processes with arguments that no other process has, on two threads. The mark tells
/// the processes of tests that run at the same time apart: every agent sees them all.
fn start_processes(mark: &str, count: usize) {
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for number in (0..count).filter(|number| number % 2 == half) {
                    let status = Command::new("/bin/true")
                        .args([mark, &format!("n{number}"), "two words", "日本語", ""])
                        .status()
                        .expect("true runs");
                    assert!(status.success());
                }
            });
        }
    });
}

/// The numbers of the started processes that the lake holds with exact arguments, in the stream's order.
fn stored(installation: &Installation, mark: &str) -> Vec<usize> {
    installation
        .query(&format!("SELECT arguments {} ORDER BY seq", of_mark(mark)))
        .iter()
        .filter_map(|row| {
            let arguments: Vec<&str> =
                row["arguments"].as_array()?.iter().filter_map(|word| word.as_str()).collect();
            match arguments[..] {
                ["/bin/true", found, number, "two words", "日本語", ""] if found == mark => {
                    number.strip_prefix('n')?.parse().ok()
                }
                _ => None,
            }
        })
        .collect()
}

fn of_mark(mark: &str) -> String {
    format!("FROM process WHERE kind = 'process_start' AND command_line LIKE '%/true {mark} n%'")
}

fn expect_all(installation: &Installation, mark: &str, count: usize) {
    installation.wait("all processes are stored", Duration::from_secs(90), |own| {
        own.count(&format!("SELECT count(*) {}", of_mark(mark))) >= count as u64
    });
    let numbers = stored(installation, mark);
    let distinct: BTreeSet<usize> = numbers.iter().copied().collect();
    assert_eq!(distinct, (0..count).collect(), "each process with exact arguments");
    assert_eq!(numbers.len(), count, "none stored twice");
    // Each of the two threads started its processes one after the other.
    for half in 0..2 {
        let one: Vec<usize> = numbers.iter().copied().filter(|number| number % 2 == half).collect();
        assert!(one.is_sorted(), "the stream keeps the order of the device");
    }
}

/// The sums agree once what is in flight has arrived.
fn expect_audit(installation: &Installation) {
    installation.wait("the sums agree", Duration::from_secs(60), |own| {
        own.run(&["audit", "events"]).status.success()
    });
}

#[test]
fn a_process_of_this_machine_is_stored_with_its_arguments_and_a_rule_explains_itself() {
    let mut installation = installation_or_return!();
    let status = Command::new("/bin/sh")
        .args(["-c", "/usr/bin/whoami; /bin/true first light"])
        .status()
        .expect("sh runs");
    assert!(status.success());
    installation.wait("the process is stored", Duration::from_secs(60), |own| {
        own.count("SELECT count(*) FROM process WHERE kind = 'process_start' AND command_line = '/bin/true first light'") == 1
    });
    installation.wait("the rule matches", Duration::from_secs(60), |own| {
        let output = own.run(&["alerts", "--format", "jsonl"]);
        String::from_utf8_lossy(&output.stdout).contains("whoami")
    });
    expect_audit(&installation);
    installation.stop();
    // A second start continues where the first ended.
    let before = installation.count("SELECT count(*) FROM process");
    installation.start_again();
    assert!(installation.count("SELECT count(*) FROM process") >= before);
    expect_audit(&installation);
    installation.stop();
}

#[test]
fn p1_p4_p5_five_thousand_processes_are_stored_exactly_and_in_order() {
    const MARK: &str = "mimamori-test-calm";
    let mut installation = installation_or_return!();
    start_processes(MARK, 5_000);
    expect_all(&installation, MARK, 5_000);
    expect_audit(&installation);
    installation.stop();
}

#[test]
fn p1_p4_five_thousand_processes_survive_kill_9_of_agent_and_server() {
    const MARK: &str = "mimamori-test-kill";
    let mut installation = installation_or_return!();
    std::thread::scope(|scope| {
        scope.spawn(|| start_processes(MARK, 5_000));
        std::thread::sleep(Duration::from_secs(2));
        installation.kill("run");
        std::thread::sleep(Duration::from_secs(1));
        installation.kill("serve");
        std::thread::sleep(Duration::from_secs(1));
        installation.kill("run");
    });
    expect_all(&installation, MARK, 5_000);
    expect_audit(&installation);
    installation.stop();
}
