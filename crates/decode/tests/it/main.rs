//! Tests of the decoder from outside. Real event logs are read from the folder `shared` beside the tree
//! when it is there; they are not ours to copy, so the other tests forge their own.

mod damage;
mod forge;
mod lines;
mod logs;
mod records;
mod routing;

use std::path::PathBuf;

/// A folder of the shared data, or `None` with a printed reason.
#[expect(clippy::print_stdout, reason = "a test that skips says why")]
fn shared(path: &str) -> Option<PathBuf> {
    let found = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if found.try_exists().unwrap_or(false) {
        return Some(found);
    }
    println!("skipped: {} is not here", found.display());
    None
}

/// Every event log below a folder, in order.
fn logs_below(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("folder can be read") {
            let path = entry.expect("entry can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "evtx") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
