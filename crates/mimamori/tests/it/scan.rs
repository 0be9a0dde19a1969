//! `mimamori scan` as a user runs it.
#![expect(clippy::disallowed_methods, reason = "these tests run programs")]

use crate::installation::MIMAMORI;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3)?.join("shared/data");
    shared.is_dir().then_some(shared)
}

/// `(rule id, file, record id)` of every match.
type Matches = BTreeSet<(String, String, u64)>;

fn expected(list: &Path) -> Matches {
    let text = std::fs::read_to_string(list).expect("the list of expected matches is readable");
    let row = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        Some((cells.next()?, cells.next()?, cells.next()?.trim().parse().ok()?))
    };
    text.lines().map(|line| row(line).unwrap_or_else(|| panic!("not a row: {line}"))).collect()
}

#[test]
fn scan_yields_exactly_the_expected_matches() {
    let Some(data) = shared() else {
        println!("skipped: the shared test data is absent");
        return;
    };
    for (logs, list) in [
        ("evtx-attack-samples", "expected/evtx-attack-samples.tsv"),
        ("sigma/regression_data", "expected/regression.tsv"),
    ] {
        let mut command = Command::new(MIMAMORI);
        command.arg("scan").arg(data.join(logs)).args(["--format", "jsonl"]);
        for rules in ["rules", "rules-emerging-threats", "rules-threat-hunting"] {
            command.arg("--rules").arg(data.join("sigma").join(rules));
        }
        let output = command.output().expect("mimamori runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut found = Matches::new();
        for line in String::from_utf8(output.stdout).expect("output is text").lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
            let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
            assert!(
                !line["why"].as_array().expect("why is a list").is_empty(),
                "unexplained: {line}"
            );
            found.insert((
                text(&line["rule"]["id"]),
                text(&line["file"]),
                line["record_id"].as_u64().expect("number"),
            ));
        }
        let wanted = expected(&data.join(list));
        let missing: Vec<_> = wanted.difference(&found).collect();
        let surplus: Vec<_> = found.difference(&wanted).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{logs}: missing {missing:#?}, surplus {surplus:#?}"
        );
    }
}

#[test]
fn scan_reads_events_as_lines_of_json() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let rule = "title: Strange\nid: 6f0a7a3e-3b37-4bb5-8a3c-8f9f6a0b1c2d\nlogsource: {product: windows, category: process_creation}\ndetection: {sel: {Image|endswith: '\\strange.exe'}, condition: sel}\nlevel: low\n";
    let lines = concat!(
        r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\plain.exe"}"#,
        "\n",
        r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\strange.exe"}"#,
        "\nno event\n"
    );
    std::fs::create_dir(folder.path().join("logs")).expect("made");
    std::fs::write(folder.path().join("rule.yml"), rule).expect("written");
    std::fs::write(folder.path().join("logs/events.ndjson"), lines).expect("written");
    let output = Command::new(MIMAMORI)
        .arg("scan")
        .arg(folder.path().join("logs"))
        .args(["--format", "jsonl", "--rules"])
        .arg(folder.path().join("rule.yml"))
        .output()
        .expect("mimamori runs");
    let (found, said) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(found.lines().count(), 1, "{found}\n{said}");
    assert!(found.contains("\"record_id\":2") && found.contains("strange.exe"), "{found}");
    assert!(said.contains("line 3") && said.contains("events 2"), "{said}");
}
