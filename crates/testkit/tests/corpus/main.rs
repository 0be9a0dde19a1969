//! Decoder and rules together: against every match that the Sigma specification asks for on real event
//! logs, and the project's own rule pack with its cases.

mod ordinary;
mod pack;
mod parity;

use std::path::{Path, PathBuf};

/// A path of the shared data beside the tree, or `None` with a printed reason.
#[expect(clippy::print_stdout, reason = "a test that skips says why")]
fn shared(path: &str) -> Option<PathBuf> {
    let found = root().join("../shared").join(path);
    if found.try_exists().unwrap_or(false) {
        return Some(found);
    }
    println!("skipped: {} is not here", found.display());
    None
}

/// The root of the tree.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file below a folder with this end of its name, in order of the paths.
fn files_below(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("folder can be read") {
            let path = entry.expect("entry can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Path and text of each file.
fn read_all(paths: Vec<PathBuf>) -> Vec<(String, String)> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("rule can be read");
        (path.to_string_lossy().into_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

/// The rules of the texts, compiled without lists for placeholders.
fn compiled(sources: &[(String, String)]) -> detect::Compiled {
    let sources = sources.iter().map(|(name, text)| detect::RuleSource { name, text });
    detect::compile(sources, &detect::CompileOptions::default())
}
