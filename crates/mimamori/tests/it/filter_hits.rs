//! What exclusions take away is counted with the events that are committed: once each, however often the server dies.
#![expect(clippy::disallowed_methods, reason = "these tests run programs and wait for them")]

use crate::installation::{Installation, why_not};
use std::process::Command;
use std::time::Duration;

const ID: &str = "c0b7f2a4-8d0e-4d0b-9a53-3f4f5a6b7c8d";
const MARK: &str = "mimamori-test-filtered";
const PROCESSES: u64 = 1_500;

fn rule_and_filter() -> String {
    format!(
        "title: Marked\nid: {ID}\nlevel: low\nlogsource: {{product: linux, category: process_creation}}\n\
         detection: {{s: {{CommandLine|startswith: '/bin/true {MARK}'}}, condition: s}}\n---\n\
         title: All of them are expected\nid: 0d8e9fa0-1b2c-4d3e-8f40-5a6b7c8d9e0f\nlogsource: {{product: linux}}\n\
         filter: {{rules: ['{ID}'], own: {{Image|endswith: /true}}, condition: not own}}\n"
    )
}

fn filtered(own: &Installation) -> u64 {
    let output = own.run(&["rules", "health", "--format", "jsonl", ID]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line: Option<serde_json::Value> =
        text.lines().next().and_then(|line| serde_json::from_str(line).ok());
    line.and_then(|line| line["filtered_30d"].as_u64()).unwrap_or(0)
}

#[test]
fn p1_p4_what_filters_take_away_is_counted_once_over_kill_9_of_the_server() {
    if let Some(reason) = why_not() {
        println!("skipped: {reason}");
        return;
    }
    let folder = tempfile::tempdir().expect("a scratch folder");
    let rules = folder.path().join("mimamori-data/rules");
    std::fs::create_dir_all(&rules).expect("made");
    std::fs::write(rules.join("own.yml"), rule_and_filter()).expect("written");
    let mut own = Installation::start_in(folder);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..PROCESSES {
                let status = Command::new("/bin/true").arg(format!("{MARK}-{number}")).status();
                assert!(status.expect("true runs").success());
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        // Each of these falls between the judging of some events and their commit.
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(1_500));
            own.kill("serve");
        }
    });
    // Exactly the command lines: a query holds what it asks for, and its process is recorded as well.
    let stored = format!(
        "SELECT count(*) FROM process WHERE kind = 'process_start' AND command_line LIKE '/bin/true {MARK}-%'"
    );
    own.wait("every process is stored", Duration::from_secs(120), |own| {
        own.count(&stored) == PROCESSES
    });
    assert_eq!(filtered(&own), PROCESSES, "each is counted once, in the commit that stores it");
    assert_eq!(own.count(&format!("SELECT count(*) FROM alert WHERE rule_id = '{ID}'")), 0);
    own.stop();
    own.start_again();
    assert_eq!(filtered(&own), PROCESSES, "and is there after a start in good order");
    own.stop();
}
