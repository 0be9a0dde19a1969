//! Lists of hashes: `*.deny.txt` names malware, `*.allow.txt` what somebody trusts. One SHA-256 a line, then a
//! space and a name; empty lines and lines that begin with `#` say nothing.

use crate::words::Cause;
use crate::{Finding, InspectError, Verdict, limits::RULE_BYTES_MAX};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The lists of one folder.
#[derive(Debug, Default)]
pub struct HashLists {
    known: HashMap<[u8; 32], (Verdict, String)>,
    lists: usize,
}

impl HashLists {
    /// Reads every list of a folder; a folder that does not exist holds none. A hash on both kinds of list
    /// is malware.
    ///
    /// # Errors
    /// [`InspectError::Rules`], [`InspectError::BadHash`], [`InspectError::TooManyRules`].
    pub fn read(folder: &Path) -> Result<Self, InspectError> {
        let mut lists = Self::default();
        for (path, text) in texts(folder, &["deny.txt", "allow.txt"])? {
            let deny = path.to_string_lossy().ends_with(".deny.txt");
            let verdict = if deny { Verdict::Malware } else { Verdict::KnownGood };
            for (index, line) in text.lines().enumerate() {
                let line = line.trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let (hash, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                let hash = parse(hash)
                    .ok_or_else(|| InspectError::BadHash { path: path.clone(), line: index + 1 })?;
                let entry = (verdict, name.trim().to_owned());
                let known = lists.known.entry(hash).or_insert_with(|| entry.clone());
                if verdict > known.0 {
                    *known = entry;
                }
            }
            lists.lists += 1;
        }
        Ok(lists)
    }

    /// What the lists say of a hash.
    #[must_use]
    pub fn judge(&self, sha256: &str) -> Finding {
        let finding = |verdict, name: &str, cause: Cause| {
            Finding::new("hash-list", verdict, name, cause.words())
        };
        let Some(hash) = parse(sha256) else {
            return finding(Verdict::Error, "", Cause::NoSha256);
        };
        match self.known.get(&hash) {
            Some((verdict, name)) => finding(*verdict, name, Cause::Listed),
            None if self.lists == 0 => finding(Verdict::Absent, "", Cause::NoLists),
            None => finding(Verdict::NoMatch, "", Cause::OnNoList),
        }
    }
}

/// The files of a folder with one of these endings and their texts, in the order of their names.
pub(crate) fn texts(
    folder: &Path,
    endings: &[&str],
) -> Result<Vec<(PathBuf, String)>, InspectError> {
    let trouble = |path: &Path| {
        let path = path.to_owned();
        move |source| InspectError::Rules { path, source }
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => return Err(trouble(folder)(err)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(trouble(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if endings.iter().any(|ending| name.ends_with(&format!(".{ending}"))) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut bytes = 0;
    let mut found = Vec::new();
    for path in paths {
        bytes += std::fs::metadata(&path).map_err(trouble(&path))?.len();
        if bytes > RULE_BYTES_MAX {
            return Err(InspectError::TooManyRules { path });
        }
        let text = std::fs::read_to_string(&path).map_err(trouble(&path))?;
        found.push((path, text));
    }
    Ok(found)
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}
