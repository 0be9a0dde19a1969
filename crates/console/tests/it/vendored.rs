//! What is vendored is what its list says.

use crate::support::folder;
use sha2::{Digest as _, Sha256};

#[test]
fn vendored_files_have_the_listed_hashes() {
    let list = std::fs::read_to_string(folder("assets/VENDORED.md")).unwrap();
    let mut listed = Vec::new();
    for line in list.lines().filter(|line| line.starts_with("| ") && line.contains(".js")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let bytes = std::fs::read(folder("assets").join(cells[1])).unwrap();
        let hash: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, cells[5], "{}", cells[1]);
        listed.push(cells[1].to_owned());
    }
    for entry in std::fs::read_dir(folder("assets")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let ours = ["console.css", "console.js", "icon.svg", "VENDORED.md"];
        assert!(ours.contains(&name.as_str()) || listed.contains(&name), "{name} is not listed");
    }
    assert!(!listed.is_empty());
}

#[test]
fn our_own_assets_reach_for_nothing_outside() {
    for name in ["console.css", "console.js"] {
        let text = std::fs::read_to_string(folder("assets").join(name)).unwrap();
        for outside in ["http:", "https:", "@import", "url(", "eval(", "innerHTML", "Function("] {
            assert!(!text.contains(outside), "{name} has {outside}");
        }
    }
}
