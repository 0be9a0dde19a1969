//! Decoder and rules together: against every match that the Sigma specification asks for on real event
//! logs, and the project's own rule pack with its cases.

mod fields;
mod ordinary;
mod pack;
mod parity;
mod stories;

use model::{AgentId, DeviceId, EpochId, Event, StreamKey, Timestamp};
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

/// Every event of every event log below a folder, with the file's path relative to it. The sequence number
/// is the number of the record in its file.
fn each_event(folder: &Path, mut seen: impl FnMut(&str, &Event)) {
    for path in files_below(folder, ".evtx") {
        let relative =
            path.strip_prefix(folder).expect("lies below").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("can be read");
        for record in decode::evtx::Reader::new(bytes).expect("is an event log") {
            let record = record.unwrap_or_else(|err| panic!("{relative}: {err}"));
            let (agent, epoch) = (AgentId::from_bits(1), EpochId::from_bits(1));
            let stream = StreamKey { agent, epoch, seq: record.record_id };
            let event = record.into_event(DeviceId::from_bits(1), stream, Timestamp::default());
            seen(&relative, &event);
        }
    }
}
