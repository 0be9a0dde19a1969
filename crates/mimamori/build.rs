//! Embeds the project's rule pack, so that the program has rules where nothing else is installed, and the
//! stories of attacks that show it at work.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    // Asked when it runs, not when it was built: the same build script may serve a tree that lies elsewhere.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let pack = Path::new(&manifest).join("../../rules");
    // Relative to the package: build output may be shared by several clones, and each must look at its own.
    println!("cargo::rerun-if-changed=../../rules");
    println!("cargo::rerun-if-changed=../../demo");
    let mut files = Vec::new();
    collect(&pack, ".yml", &mut files);
    files.sort();
    let (tests, rules): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is_test(file));
    let rules = table("RULE_PACK", "rules", &pack, &rules)
        + &table("RULE_PACK_TESTS", "rules", &pack, &tests);
    write("rule_pack.rs", &rules);
    let demo = Path::new(&manifest).join("../../demo");
    let mut stories = Vec::new();
    collect(&demo, ".ndjson", &mut stories);
    stories.sort();
    write("stories.rs", &table("STORIES", "demo", &demo, &stories));
}

fn write(name: &str, table: &str) {
    let folder = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let out = PathBuf::from(folder).join(name);
    std::fs::write(&out, table)
        .unwrap_or_else(|err| panic!("could not write {}: {err}", out.display()));
}

fn is_test(file: &Path) -> bool {
    file.to_string_lossy().ends_with(".test.yml")
}

fn table(name: &str, folder: &str, pack: &Path, files: &[PathBuf]) -> String {
    let mut table = format!("pub(super) const {name}: &[(&str, &str)] = &[\n");
    for file in files {
        let rest =
            file.strip_prefix(pack).expect("a file of the pack lies in it").display().to_string();
        writeln!(
            table,
            "    ({:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?}))),",
            format!("{folder}/{rest}"),
            format!("/../../{folder}/{rest}"),
        )
        .expect("writing to a string cannot fail");
    }
    table.push_str("];\n");
    table
}

fn collect(folder: &Path, ending: &str, files: &mut Vec<PathBuf>) {
    let listing = std::fs::read_dir(folder)
        .unwrap_or_else(|err| panic!("could not read {}: {err}", folder.display()));
    for entry in listing.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, ending, files);
        } else if name.ends_with(ending) {
            files.push(path);
        }
    }
}
