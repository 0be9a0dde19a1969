//! Bad input gets a message that names the culprit and the next step.
#![expect(clippy::disallowed_methods, reason = "these tests run programs")]

use crate::installation::MIMAMORI;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    Command::new(MIMAMORI).args(arguments).stdin(Stdio::null()).output().expect("mimamori runs")
}

fn says(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it should have failed; it said: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[test]
fn a_file_that_is_no_event_log_is_named_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("broken.evtx");
    std::fs::write(&file, b"this is not an event log").expect("written");
    says(&run(&["scan", &file.display().to_string()]), &["broken.evtx"]);
}

#[test]
fn a_broken_rule_is_named_with_line_and_reason_and_the_rest_loads() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let good = "title: Good\nid: 6f0a7a3e-3b37-4bb5-8a3c-8f9f6a0b1c2d\nlogsource: {product: linux, category: process_creation}\ndetection: {sel: {Image: /bin/x}, condition: sel}\nlevel: low\n";
    let bad = "title: Bad\nid: 6f0a7a3e-3b37-4bb5-8a3c-8f9f6a0b1c2e\nlogsource: {product: linux}\ndetection:\n  sel:\n    Image|nosuch: x\n  condition: sel\nlevel: low\n";
    std::fs::write(folder.path().join("good.yml"), good).expect("written");
    std::fs::write(folder.path().join("bad.yml"), bad).expect("written");
    let output = run(&["rules", "check", &folder.path().display().to_string()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("bad.yml") && said.contains("nosuch"), "{said}");
    assert!(
        said.contains("1 loaded: 1 rules of events, 0 correlations, 0 filters; 1 refused"),
        "{said}"
    );
}

#[test]
fn an_absent_data_folder_names_the_command_that_makes_one() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let nowhere = folder.path().join("nowhere").display().to_string();
    says(&run(&["query", "SELECT 1", "--data", &nowhere]), &["nowhere", "mimamori up"]);
}

#[test]
fn a_port_in_use_is_named_with_the_option_to_change_it() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let data = folder.path().display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    says(&run(&["serve", "--data", &data, "--console", &address]), &[&address, "--console"]);
}

#[test]
fn a_second_server_on_the_same_data_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let data = folder.path().display().to_string();
    let mut first = Command::new(MIMAMORI)
        .args(["serve", "--data", &data, "--console", "127.0.0.1:0", "--agents", "127.0.0.1:0"])
        .args(["--announce", "--stop-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("mimamori starts");
    let mut line = String::new();
    let out = first.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line)
        .expect("it announces itself");
    assert!(line.contains("sign_in_link"), "{line}");
    let nobody = "0".repeat(26);
    says(
        &run(&["admin", "enrolment-token", "--data", &data, "--replace", &nobody]),
        &[&format!("there is no device {nobody}"), "SELECT DISTINCT device"],
    );
    says(&run(&["admin", "enrolment-token", "--replace", "web-01"]), &["web-01", "26 characters"]);
    let both = run(&["admin", "enrolment-token", "--replace", &nobody, "--uses", "2"]);
    says(&both, &["cannot be used with"]);
    if crate::installation::agent_program().is_file() {
        a_bad_token_is_refused(&line, folder.path());
    }
    let second =
        run(&["serve", "--data", &data, "--console", "127.0.0.1:0", "--agents", "127.0.0.1:0"]);
    says(&second, &["another server", &data]);
    let link = run(&["admin", "sign-in-link", "--data", &data]);
    let announced: serde_json::Value = serde_json::from_str(&line).expect("an announcement");
    let console = announced["console_url"].as_str().expect("text");
    let link = String::from_utf8_lossy(&link.stdout).into_owned();
    assert!(link.starts_with(console), "{link} leads elsewhere than {console}");
    drop(first.stdin.take());
    assert!(first.wait().expect("it ends").success());
}

/// An enrolment with a token that nobody issued is refused with the next step, and leaves no identity.
fn a_bad_token_is_refused(announcement: &str, folder: &std::path::Path) {
    let announcement: serde_json::Value =
        serde_json::from_str(announcement).expect("an announcement");
    let agent = folder.join("other-agent");
    let output = Command::new(crate::installation::agent_program())
        .arg("enrol")
        .args([
            "--server",
            announcement["agents_url"].as_str().expect("text"),
            "--token",
            "nobody-issued-this",
        ])
        .arg("--ca")
        .arg(folder.join("server/ca.pem"))
        .arg("--data")
        .arg(&agent)
        .output()
        .expect("the agent runs");
    says(&output, &["token"]);
    assert!(!agent.join("certificate.pem").is_file(), "it got a certificate");
}
