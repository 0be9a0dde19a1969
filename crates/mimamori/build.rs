//! Embeds the project's rule pack, so that the program has rules where nothing else is installed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    // Asked when it runs, not when it was built: the same build script may serve a tree that lies elsewhere.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let pack = Path::new(&manifest).join("../../rules");
    // Relative to the package: build output may be shared by several clones, and each must look at its own.
    println!("cargo::rerun-if-changed=../../rules");
    let mut files = Vec::new();
    collect(&pack, &mut files);
    files.sort();
    let (tests, rules): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is_test(file));
    let table = table("RULE_PACK", &pack, &rules) + &table("RULE_PACK_TESTS", &pack, &tests);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"))
        .join("rule_pack.rs");
    std::fs::write(&out, table)
        .unwrap_or_else(|err| panic!("could not write {}: {err}", out.display()));
}

fn is_test(file: &Path) -> bool {
    file.to_string_lossy().ends_with(".test.yml")
}

fn table(name: &str, pack: &Path, files: &[PathBuf]) -> String {
    let mut table = format!("pub(super) const {name}: &[(&str, &str)] = &[\n");
    for file in files {
        let rest =
            file.strip_prefix(pack).expect("a file of the pack lies in it").display().to_string();
        writeln!(
            table,
            "    ({:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?}))),",
            format!("rules/{rest}"),
            format!("/../../rules/{rest}"),
        )
        .expect("writing to a string cannot fail");
    }
    table.push_str("];\n");
    table
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let listing = std::fs::read_dir(folder)
        .unwrap_or_else(|err| panic!("could not read the rule pack {}: {err}", folder.display()));
    for entry in listing.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, files);
        } else if name.ends_with(".yml") {
            files.push(path);
        }
    }
}
