//! Packs of rules from keys to loading, as their author and their users type it.
#![expect(clippy::disallowed_methods, reason = "these tests run programs")]

use crate::installation::MIMAMORI;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const RULE: &str = "title: Good\nid: 6f0a7a3e-3b37-4bb5-8a3c-8f9f6a0b1c2d\nlogsource: {product: linux, category: process_creation}\ndetection: {sel: {Image: /bin/x}, condition: sel}\nlevel: low\n";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(MIMAMORI)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("mimamori runs")
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_pack_is_signed_verified_and_a_changed_file_is_named() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let here = folder.path();
    std::fs::create_dir_all(here.join("pack/linux")).expect("made");
    std::fs::write(here.join("pack/linux/good.yml"), RULE).expect("written");
    let no_manifest = run(here, &["rules", "pack", "keygen", "me"]);
    assert!(no_manifest.status.success(), "{}", said(&no_manifest));
    let unsigned = run(here, &["rules", "pack", "sign", "pack", "--key", "me.key"]);
    assert!(
        !unsigned.status.success() && said(&unsigned).contains("pack.toml"),
        "{}",
        said(&unsigned)
    );
    std::fs::write(here.join("pack/pack.toml"), "name = \"Mine\"\nversion = \"1\"\n")
        .expect("written");
    let signed = run(here, &["rules", "pack", "sign", "pack", "--key", "me.key"]);
    assert!(said(&signed).contains("signed 2 files, 1 of them with rules"), "{}", said(&signed));
    let stranger = run(here, &["rules", "pack", "verify", "pack"]);
    assert!(
        !stranger.status.success() && said(&stranger).contains("not trusted"),
        "{}",
        said(&stranger)
    );
    let known = run(here, &["rules", "pack", "verify", "pack", "--trust", "me.pub"]);
    assert!(known.status.success() && said(&known).contains("signed by me"), "{}", said(&known));
    std::fs::write(here.join("pack/linux/good.yml"), format!("{RULE}# more\n")).expect("written");
    let changed = run(here, &["rules", "pack", "verify", "pack", "--trust", "me.pub"]);
    assert!(!changed.status.success(), "{}", said(&changed));
    assert!(
        said(&changed).contains("linux/good.yml was changed after it was signed"),
        "{}",
        said(&changed)
    );
    let again = run(here, &["rules", "pack", "keygen", "me"]);
    assert!(
        !again.status.success() && said(&again).contains("not written over"),
        "{}",
        said(&again)
    );
}

/// What `scan` finds with the pack, and what it says.
fn scanned(here: &Path, more: &[&str]) -> (usize, String) {
    let arguments =
        [&["scan", "events.ndjson", "--format", "jsonl", "--rules", "pack"], more].concat();
    let output = run(here, &arguments);
    (String::from_utf8_lossy(&output.stdout).lines().count(), said(&output))
}

#[test]
fn scan_follows_the_same_policy_for_packs_as_the_server() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let here = folder.path();
    let put = |path: &str, text: &str| {
        let path = here.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    put(
        "pack/windows/good.yml",
        &RULE.replace("product: linux", "product: windows").replace("/bin/x", "'C:\\x.exe'"),
    );
    put("pack/pack.toml", "name = \"Mine\"\nversion = \"1\"\n");
    put(
        "events.ndjson",
        "{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"Image\":\"C:\\\\x.exe\"}\n",
    );
    let (found, words) = scanned(here, &[]);
    assert_eq!(
        found, 1,
        "an unsigned pack is believed unless the installation asks for more: {words}"
    );
    put("mimamori-data/packs/require-signature", "");
    let (found, words) = scanned(here, &[]);
    assert!(found == 0 && words.contains("it is not signed"), "{words}");
    assert_eq!(scanned(here, &["--data", "elsewhere"]).0, 1, "another installation asks for none");
    let key = run(here, &["rules", "pack", "keygen", "me"]);
    assert!(key.status.success(), "{}", said(&key));
    let signed = run(here, &["rules", "pack", "sign", "pack", "--key", "me.key"]);
    assert!(signed.status.success(), "{}", said(&signed));
    let (found, words) = scanned(here, &[]);
    assert!(found == 0 && words.contains("not trusted"), "{words}");
    assert_eq!(scanned(here, &["--trust", "me.pub"]).0, 1);
    put(
        "mimamori-data/packs/trusted/me.pub",
        &std::fs::read_to_string(here.join("me.pub")).expect("a key"),
    );
    assert_eq!(scanned(here, &[]).0, 1);
    put("pack/windows/good.yml", &RULE.replace("product: linux", "product: windows"));
    let (found, words) = scanned(here, &[]);
    assert!(found == 0 && words.contains("was changed after it was signed"), "{words}");
    let (_, words) = scanned(here, &["--rules", "nowhere"]);
    assert!(words.contains("check the path after --rules"), "{words}");
}
