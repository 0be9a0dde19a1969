//! What the server knows of a device and of a program, on the events of this machine and in a rule.
#![expect(clippy::disallowed_methods, reason = "these tests run programs")]

use crate::installation::{Installation, why_not};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const RULE: &str = "title: Program that nobody permitted in sales
id: 8a5bd5f3-4d5c-4a17-8a47-2a0b8f2d9a11
level: high
logsource:
    product: linux
    category: process_creation
detection:
    selection:
        Image|endswith: /quiet-helper
        SoftwareDecision: unapproved
        Department: 営業部
        DeviceGroups: canary
        Prevalence30d|lte: 3
        FirstSeenDays: 0
    condition: selection
";
const RULE_ID: &str = "8a5bd5f3-4d5c-4a17-8a47-2a0b8f2d9a11";

fn succeed(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(arguments);
    let said =
        String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

/// A program that belongs to no package and that nobody else has. Another process writes it: a file that this one
/// holds open for writing may be held by a child that another test forks meanwhile, and starting it is then refused
/// as busy.
fn make_helper(folder: &Path) -> std::path::PathBuf {
    let helper = folder.join("quiet-helper");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "cp /bin/true \"$0\" && printf %s \"$1\" >> \"$0\""]).arg(&helper);
    shell.arg(format!("{} {}", std::process::id(), folder.display()));
    assert!(shell.status().expect("it runs").success());
    helper
}

fn run(helper: &Path) {
    assert!(Command::new(helper).status().expect("it runs").success());
}

#[test]
fn a_rule_over_decision_department_group_and_prevalence_alerts_and_looks_back_the_same() {
    if let Some(reason) = why_not() {
        println!("skipped: {reason}");
        return;
    }
    let folder = tempfile::tempdir().expect("a scratch folder");
    let rules = folder.path().join("mimamori-data/rules");
    std::fs::create_dir_all(&rules).expect("made");
    let rule = rules.join("sales.yml");
    std::fs::write(&rule, RULE).expect("written");
    let mut installation = Installation::start_in(folder);
    let device = installation.query("SELECT DISTINCT device FROM agent");
    let device = device[0]["device"].as_str().expect("a device").to_owned();
    succeed(&installation, &["admin", "department", "add", "営業部"]);
    succeed(&installation, &["admin", "device", "department", &device, "営業部"]);
    succeed(&installation, &["admin", "device", "groups", &device, "canary", "pilot"]);
    assert!(succeed(&installation, &["admin", "device", "group-list"]).contains("canary"));

    let scratch = tempfile::tempdir().expect("a scratch folder");
    let helper = make_helper(scratch.path());
    let path = helper.to_str().expect("text").to_owned();
    run(&helper);
    let told = format!(
        "SELECT count(*) FROM inventory WHERE kind = 'software_added' AND image = '{path}' \
         AND software_decision = 'unapproved' AND prevalence_30d = 1 AND first_seen_days = 0"
    );
    installation.wait("its first run is inventoried and judged", Duration::from_secs(90), |own| {
        own.count(&told) == 1
    });
    let of_helper = format!("FROM process WHERE kind = 'process_start' AND image = '{path}'");
    let known = format!(
        "SELECT count(*) {of_helper} AND software_decision = 'unapproved' AND department = '営業部' \
         AND array_to_string(device_groups, ',') = 'canary,pilot' AND hashes LIKE 'SHA256=%'"
    );
    installation.wait("a later start carries the context", Duration::from_secs(60), |own| {
        run(&helper);
        std::thread::sleep(Duration::from_millis(500));
        own.count(&known) >= 1
    });
    let chain = format!("SELECT parent_chain {of_helper} ORDER BY seq DESC LIMIT 1");
    let chain = installation.query(&chain);
    let first = std::env::current_exe().expect("this program");
    assert_eq!(chain[0]["parent_chain"][0].as_str(), first.to_str(), "{chain:?}");

    let alerts = format!("SELECT count(*) FROM alert WHERE rule_id = '{RULE_ID}'");
    installation.wait("the rule alerts", Duration::from_secs(60), |own| own.count(&alerts) >= 1);
    let (alerts, starts) = (installation.count(&alerts), installation.count(&known));
    assert_eq!(alerts, starts, "an alert for each start with that context, and for no other");
    let rule = rule.to_str().expect("text");
    let arguments = ["rules", "backtest", rule, "--last", "1h", "--format", "jsonl"];
    let sums = succeed(&installation, &arguments);
    let sums: serde_json::Value =
        serde_json::from_str(sums.lines().next().expect("a line")).expect("JSON");
    assert_eq!(sums["hits"].as_u64(), Some(alerts), "{sums}");
    installation.stop();
}
