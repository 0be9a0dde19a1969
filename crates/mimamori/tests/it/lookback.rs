//! `rules backtest` and `alerts verify` as a user runs them, over a folder with a story.
#![expect(clippy::disallowed_methods, reason = "these tests run programs and read the clock")]

use crate::installation::MIMAMORI;
use control::fixture::{Program, Scene, alert_on, process_fields};
use model::{Alert, AlertId, EventKind, Level, Timestamp};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(MIMAMORI).args(arguments).arg("--data").arg(data).output().expect("runs")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// A folder whose lake holds a curl an hour ago, with an alert on it and one that is false.
async fn story(data: &Path) -> (AlertId, AlertId) {
    let mut scene = Scene::empty(&data.join("server")).await.expect("a scene");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    let hour_ago = Timestamp::from_nanos(i64::try_from(now).expect("fits") - 3_600_000_000_000);
    let arguments = ["curl", "-o", "/tmp/\u{1b}[31mx", "http://203.0.113.7/"];
    let program = Program { pid: 7, parent: 1, image: "/usr/bin/curl", arguments: &arguments };
    let fields = process_fields(scene.web.enrolled.device, &program);
    let event = scene.web.event(EventKind::ProcessStart, hour_ago, fields);
    let alert = alert_on(&event, "curl", "Curl", Level::High);
    let forged = Alert {
        id: AlertId::from_bits(1),
        rule_text: alert.rule_text.replace("/curl", "/wget"),
        ..alert.clone()
    };
    scene.commit(vec![event], vec![alert.clone(), forged.clone()]).await.expect("committed");
    (alert.id, forged.id)
}

#[tokio::test]
async fn a_rule_is_asked_of_the_past_and_alerts_are_judged_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let (alert, forged) = story(data).await;
    let rule = data.join("rule.yml");
    let text = "title: Curl to tmp\nid: c\nlevel: high\nlogsource: {product: linux}\ndetection:\n  s: {Image|endswith: /curl, CommandLine|contains: /tmp/}\n  condition: s\n";
    std::fs::write(&rule, text).expect("written");
    let rule = rule.to_str().expect("text");

    let table = run(data, &["rules", "backtest", rule, "--last", "1d"]);
    let shown = said(&table);
    assert!(table.status.success(), "{shown}");
    assert!(shown.contains("1 hits") && shown.contains("/usr/bin/curl"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "a terminal is never told what an endpoint wrote: {shown}");
    let lines = run(data, &["rules", "backtest", rule, "--last", "1d", "--format", "jsonl"]);
    let lines = said(&lines);
    let sums: serde_json::Value =
        serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!((sums["hits"].as_u64(), sums["complete"].as_bool()), (Some(1), Some(true)));
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let before = run(data, &["rules", "backtest", rule, "--last", "30m"]);
    assert!(said(&before).contains("0 hits"), "{}", said(&before));

    std::fs::write(rule, text.replace("contains", "nosuch")).expect("written");
    let refused = run(data, &["rules", "backtest", rule]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("rule.yml:6: ") && said(&refused).contains("nosuch"));

    let verified = run(data, &["alerts", "verify", &alert.to_string()]);
    assert!(verified.status.success(), "{}", said(&verified));
    assert!(said(&verified).contains("agrees"), "{}", said(&verified));
    let test = run(data, &["alerts", "test", &alert.to_string()]);
    assert!(test.status.success() && said(&test).contains("expect: match"), "{}", said(&test));
    let forged = run(data, &["alerts", "verify", &forged.to_string()]);
    assert_eq!(forged.status.code(), Some(1), "{}", said(&forged));
    assert!(said(&forged).contains("disagrees"), "{}", said(&forged));
}

#[tokio::test]
async fn a_correlation_is_asked_of_the_past_over_rules_of_the_data_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    story(data).await;
    let correlation = data.join("edited.yml");
    let text = "title: Curls\nid: edited\nlevel: high\ncorrelation: {type: event_count, rules: [our_curl], group-by: [Image], timespan: 1m, condition: {gte: 1}}\n";
    std::fs::write(&correlation, text).expect("written");
    let correlation = correlation.to_str().expect("text");
    let unknown = run(data, &["rules", "backtest", correlation, "--last", "1d"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("our_curl"), "{}", said(&unknown));
    std::fs::create_dir_all(data.join("rules")).expect("a folder of rules");
    let rule = "title: Curl\nid: 1b1f0b9e-0a34-4e52-8a56-000000000009\nname: our_curl\nlevel: low\nlogsource: {product: linux}\ndetection:\n  s: {Image|endswith: /curl}\n  condition: s\n";
    std::fs::write(data.join("rules").join("curl.yml"), rule).expect("written");
    let known = run(data, &["rules", "backtest", correlation, "--last", "1d", "--format", "jsonl"]);
    let lines = said(&known);
    assert!(known.status.success(), "{lines}");
    let sums: serde_json::Value =
        serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!((sums["hits"].as_u64(), sums["complete"].as_bool()), (Some(1), Some(true)));
    assert_eq!(sums["rules"][1]["id"].as_str(), Some("edited"), "{lines}");
}
