//! Which files to scan, and how each is called in the output.

use anyhow::Context;
use std::path::{Path, PathBuf};

/// An event log, or events as lines of JSON, to scan.
pub(crate) struct LogFile {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Its name in the output: relative to the folder that was given, with `/`.
    pub(crate) name: String,
}

/// The files named, and every `.evtx`, `.ndjson` and `.jsonl` under the folders named, in order of their names.
pub(crate) fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<LogFile>> {
    let mut found = Vec::new();
    for path in paths {
        let meta = std::fs::metadata(path)
            .with_context(|| format!("could not read {}; check the path", path.display()))?;
        if meta.is_dir() {
            let first = found.len();
            walk(path, path, &mut found)?;
            found[first..].sort_by(|left: &LogFile, right| left.name.cmp(&right.name));
        } else {
            let name = path
                .file_name()
                .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into());
            found.push(LogFile { path: path.clone(), name });
        }
    }
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<LogFile>) -> anyhow::Result<()> {
    let listing = std::fs::read_dir(folder)
        .with_context(|| format!("could not list {}; check its permissions", folder.display()))?;
    for entry in listing {
        let entry = entry.with_context(|| format!("could not list {}", folder.display()))?;
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(root, &path, found)?;
        } else if path
            .extension()
            .is_some_and(|ext| EXTENSIONS.iter().any(|known| ext.eq_ignore_ascii_case(known)))
        {
            let name =
                path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push(LogFile { path, name });
        }
    }
    Ok(())
}

/// What a folder is searched for; a file that is named may be called anything.
const EXTENSIONS: [&str; 3] = ["evtx", "ndjson", "jsonl"];
