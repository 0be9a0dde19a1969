//! The library from outside, on files as they really come.

use inspect::{HashLists, InspectError, Inspector, Report, Verdict, YaraRules};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

const EICAR: &str =
    concat!("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");

fn inspector(folder: &Path) -> Inspector {
    Inspector {
        hashes: HashLists::read(&folder.join("hashes")).expect("lists"),
        yara: YaraRules::read(&folder.join("yara")).expect("rules"),
        clamav_socket: folder.join("no-clamav"),
    }
}

fn judge(folder: &TempDir, bytes: &[u8]) -> Report {
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).expect("write");
    inspector(folder.path()).inspect(&mut File::open(path).expect("open")).expect("report")
}

fn verdict_of(report: &Report, scanner: &str) -> Verdict {
    report.findings.iter().find(|one| one.scanner == scanner).expect("scanner").verdict
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).expect("entry");
        zip.write_all(content).expect("content");
    }
    zip.finish().expect("zip").into_inner()
}

#[test]
fn nothing_known_is_no_match_and_a_missing_scanner_says_so() {
    let folder = TempDir::new().expect("folder");
    let report = judge(&folder, b"hello");
    assert_eq!(report.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_eq!(verdict_of(&report, "yara-x"), Verdict::NoMatch);
    assert_eq!(verdict_of(&report, "hash-list"), Verdict::Absent);
    assert_eq!(verdict_of(&report, "clamav"), Verdict::Absent);
    assert!(report.findings.iter().all(|one| one.verdict != Verdict::KnownGood));
}

#[test]
fn the_eicar_file_is_malware_by_our_own_rule() {
    let folder = TempDir::new().expect("folder");
    let report = judge(&folder, EICAR.as_bytes());
    assert_eq!(verdict_of(&report, "yara-x"), Verdict::Malware);
    let found = report.findings.iter().find(|one| one.scanner == "yara-x").expect("found");
    assert!(found.detail.contains("EICAR test file"), "{found:?}");
    assert!(found.detail_ja.contains("EICAR テストファイル"), "{found:?}");
}

#[test]
fn every_finding_and_every_rule_of_ours_speaks_both_languages() {
    let rules = include_str!("../../rules/own.yar");
    let count = |key: &str| rules.lines().filter(|line| line.trim_start().starts_with(key)).count();
    assert!(count("rule ") > 5);
    assert_eq!(
        (count("description = "), count("description_ja = ")),
        (count("rule "), count("rule "))
    );
    let folder = TempDir::new().expect("folder");
    for finding in judge(&folder, b"PK\x03\x04 cut off").findings {
        assert!(!finding.detail.is_empty() && !finding.detail_ja.is_ascii(), "{finding:?}");
    }
}

/// The program itself: why there is no report is JSON with both languages, and it ends with an error.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test starts the program that it is about")]
fn why_there_is_no_report_is_said_in_both_languages() {
    let folder = TempDir::new().expect("folder");
    std::fs::write(folder.path().join("a.deny.txt"), "not a hash\n").expect("write");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_mimamori-inspect"))
        .arg("--hashes")
        .arg(folder.path())
        .args(["--sha256", &"0".repeat(64)])
        .output()
        .expect("it runs");
    assert!(!output.status.success());
    let failure: inspect::Failure = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(failure.failed.en.contains("a.deny.txt line 1 is no SHA-256"), "{failure:?}");
    assert!(
        failure.failed.ja.contains("a.deny.txt の 1 行目が SHA-256 ではありません"),
        "{failure:?}"
    );
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("a.deny.txt line 1"), "{told}");
}

#[test]
fn a_hash_on_both_lists_is_malware() {
    let folder = TempDir::new().expect("folder");
    let hashes = folder.path().join("hashes");
    std::fs::create_dir(&hashes).expect("folder");
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    std::fs::write(hashes.join("a.deny.txt"), format!("# comment\n\n{hash} bad tool\n"))
        .expect("w");
    std::fs::write(hashes.join("b.allow.txt"), format!("{} good tool\n", hash.to_uppercase()))
        .expect("write");
    let finding = inspector(folder.path()).inspect_hash(hash).findings.remove(0);
    assert_eq!((finding.verdict, finding.name.as_str()), (Verdict::Malware, "bad tool"));
    let other = inspector(folder.path()).inspect_hash(&"0".repeat(64)).findings.remove(0);
    assert_eq!(other.verdict, Verdict::NoMatch);
    let broken = inspector(folder.path()).inspect_hash("+1").findings.remove(0);
    assert_eq!(broken.verdict, Verdict::Error);
}

#[test]
fn a_broken_list_and_a_broken_rule_are_named() {
    let folder = TempDir::new().expect("folder");
    let hashes = folder.path().join("hashes");
    std::fs::create_dir(&hashes).expect("folder");
    std::fs::write(hashes.join("a.deny.txt"), "# one\nnot a hash\n").expect("write");
    let Err(InspectError::BadHash { line: 2, .. }) = HashLists::read(&hashes) else {
        panic!("line 2 is no hash")
    };
    std::fs::write(folder.path().join("x.yar"), "rule x { condition: nonsense }").expect("write");
    let err = YaraRules::read(folder.path()).expect_err("nonsense");
    assert!(err.to_string().contains("x.yar"), "{err}");
}

#[test]
fn a_rule_that_includes_another_file_is_refused() {
    let folder = TempDir::new().expect("folder");
    std::fs::write(folder.path().join("x.yar"), "include \"/etc/passwd\"").expect("write");
    assert!(YaraRules::read(folder.path()).is_err());
}

#[test]
fn an_extension_says_what_it_asks_for() {
    let folder = TempDir::new().expect("folder");
    let manifest = br#"{"manifest_version": 2, "name": "__MSG_appName__", "version": "1.2",
        "default_locale": "ja", "permissions": ["cookies", "https://*/*", 7],
        "content_scripts": [{"matches": ["<all_urls>"]}], "update_url": "https://updates.example/x"}"#;
    let texts = "{\"APPNAME\": {\"message\": \"翻訳くん\"}}".as_bytes();
    let zip = archive(&[("manifest.json", manifest), ("_locales/ja/messages.json", texts)]);
    let extension = judge(&folder, &zip).extension.expect("an extension");
    assert_eq!(extension.name, "翻訳くん");
    assert_eq!(extension.permissions, ["cookies"]);
    assert_eq!(extension.hosts, ["<all_urls>", "https://*/*"]);
    assert_eq!(extension.update_url, "https://updates.example/x");
    // A packed Chrome extension is the same behind a head.
    let mut packed = b"Cr24\x03\0\0\0\x04\0\0\0abcd".to_vec();
    packed.extend(zip);
    assert_eq!(judge(&folder, &packed).extension.expect("an extension").version, "1.2");
}

#[test]
fn a_broken_manifest_is_an_error_and_an_archive_without_one_is_not() {
    let folder = TempDir::new().expect("folder");
    for manifest in [&b"{\"name\": "[..], b"[]", b"\xff\xfe", &b" ".repeat(2 << 20)] {
        let report = judge(&folder, &archive(&[("manifest.json", manifest)]));
        assert_eq!(verdict_of(&report, "package"), Verdict::Error);
        assert_eq!(report.extension, None);
    }
    let report = judge(&folder, &archive(&[("readme.txt", b"hello")]));
    assert!(report.findings.iter().all(|one| one.scanner != "package"));
    assert_eq!(verdict_of(&judge(&folder, b"PK\x03\x04 cut off"), "package"), Verdict::Error);
}

#[test]
fn a_package_that_unpacks_to_a_hundred_times_its_size_is_refused() {
    let folder = TempDir::new().expect("folder");
    let report = judge(&folder, &archive(&[("bomb", &vec![0; 8 << 20]), ("manifest.json", b"{}")]));
    assert_eq!(verdict_of(&report, "package"), Verdict::Error);
}
