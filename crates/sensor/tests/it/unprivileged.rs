//! Without root the sensor starts, and says what is missing.

use crate::workbench::{copy_program, is_root, program};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

#[test]
fn without_root_it_starts_and_says_what_is_not_recorded() {
    if !is_root() {
        return;
    }
    let mut example = std::env::current_exe().expect("known");
    example.pop();
    example.pop();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("set");
    let copy = folder.path().join("watch");
    copy_program(example.join("examples").join("watch"), &copy);
    let nobody = 65_534;
    let mut child = program(&copy)
        .arg("/sys/fs/bpf/mimamori_test_nobody")
        .current_dir("/")
        .uid(nobody)
        .gid(nobody)
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("reads");
        let ready = line.starts_with("ready");
        said.push(line);
        if ready {
            break;
        }
    }
    child.kill().expect("killed");
    child.wait().expect("ends");
    for class in ["process", "network", "file"] {
        assert!(said.contains(&format!("{class}: NOT recorded")), "{said:?}");
    }
    assert!(said.iter().any(|line| line.contains("start it as root")), "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("ready\t0"));
}

#[test]
fn the_doctor_finds_everything_recorded_as_root() {
    if !is_root() {
        return;
    }
    let coverage = sensor::doctor();
    assert!(coverage.is_complete(), "{coverage}");
    for class in &coverage.classes {
        for said in class.by.iter().chain(&class.gaps) {
            assert!(!said.en.is_empty() && !said.ja.is_ascii(), "{said:?}");
        }
    }
}
