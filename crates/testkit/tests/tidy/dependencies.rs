//! Who may use whom: the table in ARCHITECTURE.md against `cargo metadata`.

use super::{read, root, shown};
use std::collections::{BTreeMap, BTreeSet};

/// Crates that take values and return values.
const PURE: [&str; 6] = ["model", "decode", "detect", "software", "case", "wire"];
/// What a pure crate's source may not mention.
const IMPURE: [&str; 9] = [
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "tokio",
    "SystemTime::now",
    "Instant::now",
    "getrandom",
];

/// Reads `| name | … | may use | … |` rows of the rooms table.
fn table() -> BTreeMap<String, String> {
    let text = read(&root().join("ARCHITECTURE.md"));
    let rooms =
        text.split("## The rooms").nth(1).expect("ARCHITECTURE.md has a section `The rooms`");
    let mut rows = BTreeMap::new();
    for line in rooms
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (Some(name), Some(uses)) = (cells.get(1), cells.get(3)) else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else {
            continue;
        };
        rows.insert(name.to_owned(), (*uses).to_owned());
    }
    assert!(rows.len() > 5, "the table of rooms was not understood");
    rows
}

#[test]
fn crates_use_only_what_the_table_allows() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata answers");
    let table = table();
    let own: BTreeSet<String> =
        metadata.packages.iter().map(|package| room(package.name.as_str())).collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let name = room(package.name.as_str());
        let Some(allowed) = table.get(&name) else {
            wrong.push(format!("{name} has no row in ARCHITECTURE.md"));
            continue;
        };
        for dependency in &package.dependencies {
            let used = room(&dependency.name);
            let normal = dependency.kind == cargo_metadata::DependencyKind::Normal;
            if normal && own.contains(&used) && !permits(allowed, &used) {
                wrong.push(format!(
                    "{name} uses {used}, which its row in ARCHITECTURE.md does not allow"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn room(package: &str) -> String {
    package.strip_prefix("mimamori-").unwrap_or(package).to_owned()
}

/// A row names crates, or says `all but a and b`.
fn permits(allowed: &str, used: &str) -> bool {
    match allowed.strip_prefix("all but ") {
        Some(rest) => !rest.split([',', ' ']).any(|word| word == used),
        None => allowed.split([',', ' ']).any(|word| word == used),
    }
}

#[test]
fn only_the_lake_links_datafusion_and_only_the_sensor_may_be_unsafe() {
    for manifest in super::files("toml") {
        let text = read(&manifest);
        let name = shown(&manifest);
        if name.starts_with("crates/")
            && name.ends_with("Cargo.toml")
            && name != "crates/lake/Cargo.toml"
        {
            assert!(!text.contains("datafusion"), "{name} links DataFusion");
        }
        if name.starts_with("crates/")
            && name.ends_with("Cargo.toml")
            && name != "crates/sensor/Cargo.toml"
        {
            assert!(
                text.contains("[lints]\nworkspace = true"),
                "{name} does not take the workspace's lints"
            );
        }
    }
}

#[test]
fn pure_crates_do_no_input_or_output() {
    let mut wrong = Vec::new();
    for path in super::files("rs") {
        let name = shown(&path);
        if !PURE.iter().any(|pure| name.starts_with(&format!("crates/{pure}/src/"))) {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = IMPURE.iter().find(|word| code.contains(**word)) {
                wrong.push(format!("{name}:{}: {word}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "pure crates reach outside:\n{}", wrong.join("\n"));
}

#[test]
fn every_hired_library_has_a_reason() {
    let text = read(&root().join("Cargo.toml"));
    let section = text.split("[workspace.dependencies]").nth(1).expect("there are dependencies");
    let section = section.split("\n[").next().expect("split gives one part at least");
    for line in section.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
        assert!(line.contains("path = ") || line.contains(" # "), "no reason beside: {line}");
    }
}
