//! Snap packages: snapd's own record, and the description inside each package, which is mounted.

use super::Found;
use super::tree::{Tree, stamp as stamp_of, step};
use crate::limits::{FOLDER_ENTRIES_MAX, MANIFEST_BYTES_MAX, PACKAGE_DATABASE_BYTES_MAX};
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use serde_json::Value;
use std::collections::BTreeSet;
use std::hash::Hasher;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const STATE: &str = "/var/lib/snapd/state.json";
const PACKAGES: &str = "/var/lib/snapd/snaps";

pub(crate) fn stamp(system: &Tree, into: &mut impl Hasher) {
    stamp_of(into, system, Path::new(STATE));
    stamp_of(into, system, Path::new(PACKAGES));
}

pub(crate) fn read(system: &Tree, found: &mut Found) {
    let bytes = match system.read(Path::new(STATE), PACKAGE_DATABASE_BYTES_MAX) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            found.absent = Some(format!("no {STATE}"));
            return;
        }
        Err(err) => return found.problems.say(STATE, &err),
    };
    match snaps(&bytes) {
        Ok(snaps) => {
            for snap in snaps.into_iter().take(FOLDER_ENTRIES_MAX) {
                found.push(item(system, &snap));
            }
        }
        Err(err) => found.problems.say(STATE, &err),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Snap {
    name: String,
    revision: String,
    channel: String,
    active: bool,
}

#[derive(serde::Deserialize)]
struct StateFile {
    data: StateSnaps,
}

#[derive(serde::Deserialize)]
struct StateSnaps {
    snaps: Option<serde_json::Map<String, Value>>,
}

fn snaps(bytes: &[u8]) -> Result<Vec<Snap>, serde_json::Error> {
    let state: StateFile = serde_json::from_slice(bytes)?;
    let mut snaps = Vec::new();
    for (name, snap) in state.data.snaps.unwrap_or_default() {
        let text = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        snaps.push(Snap {
            name,
            revision: text(snap.get("current")),
            channel: text(snap.get("channel")),
            active: snap.get("active").and_then(Value::as_bool) == Some(true),
        });
    }
    Ok(snaps)
}

fn item(system: &Tree, snap: &Snap) -> InventoryItem {
    // On some systems snaps are mounted below `/var/lib/snapd/snap` alone.
    let folders = step(&snap.name).zip(step(&snap.revision)).map(|(name, revision)| {
        ["/snap", "/var/lib/snapd/snap"].map(|root| Path::new(root).join(name).join(revision))
    });
    let read = |folder: &PathBuf| system.read(&folder.join("meta/snap.yaml"), MANIFEST_BYTES_MAX);
    let found = folders.iter().flatten().find_map(|folder| {
        let bytes = read(folder).ok()??;
        Some((folder.clone(), Description::parse(&String::from_utf8_lossy(&bytes))))
    });
    let (folder, description) = found.unwrap_or_default();
    let file = step(&snap.name)
        .map(|_| Path::new(PACKAGES).join(format!("{}_{}.snap", snap.name, snap.revision)));
    let package = file.and_then(|file| system.metadata(&file).ok().flatten());
    let name = if description.title.is_empty() { &snap.name } else { &description.title };
    InventoryItem {
        version: description.version,
        identifier: format!("snap:{}", snap.name),
        path: if folder.as_os_str().is_empty() { String::new() } else { system.shown(&folder) },
        permissions: description.plugs.into_iter().collect(),
        // A snap of a file has a revision that begins with x.
        install_source: if snap.revision.starts_with('x') {
            "sideload".to_owned()
        } else {
            format!("snap store {}", snap.channel).trim_end().to_owned()
        },
        size_bytes: package.as_ref().map(|found| found.size()),
        installed_at: package
            .map(|found| Timestamp::from_micros(found.mtime().saturating_mul(1_000_000))),
        enabled: Some(snap.active),
        ..InventoryItem::new(SoftwareSource::Snap, snap.name.clone(), name.clone())
    }
}

/// The few lines of a `snap.yaml` that matter.
#[derive(Debug, Default, PartialEq, Eq)]
struct Description {
    title: String,
    version: String,
    plugs: BTreeSet<String>,
}

impl Description {
    /// Top-level texts, and every name below a `plugs:`. snapd writes this file itself, block style; what
    /// is written otherwise is left out.
    fn parse(text: &str) -> Self {
        let mut description = Self::default();
        let mut plugs_indent = None;
        let mut names_indent = None;
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(of) = plugs_indent {
                // A list may begin at the indentation of its key.
                let listed = line.strip_prefix("- ");
                if indent > of || (indent == of && listed.is_some()) {
                    // What lies deeper are attributes of a plug.
                    if *names_indent.get_or_insert(indent) == indent
                        && let Some(name) = listed.or_else(|| line.split(':').next())
                    {
                        description.plugs.insert(unquoted(name).to_owned());
                    }
                    continue;
                }
                plugs_indent = None;
            }
            match line.split_once(':') {
                Some(("plugs", rest)) if rest.trim().is_empty() => {
                    (plugs_indent, names_indent) = (Some(indent), None);
                }
                Some(("title", rest)) if indent == 0 => {
                    unquoted(rest).clone_into(&mut description.title)
                }
                Some(("version", rest)) if indent == 0 => {
                    unquoted(rest).clone_into(&mut description.version);
                }
                _ => {}
            }
        }
        description
    }
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapds_record_and_a_description_are_read() {
        let state = br#"{"data":{"snaps":{"code":{"current":"42","channel":"latest/stable","active":true},"odd":5}},"changes":{}}"#;
        let found = snaps(state).expect("reads");
        assert_eq!((found[0].name.as_str(), found[0].revision.as_str()), ("code", "42"));
        assert!(!found[1].active);
        assert!(snaps(b"{").is_err());
        let text = "name: code\ntitle: 'VS Code'\nversion: \"1.9\"\napps:\n  code:\n    plugs:\n    - home\n    - network\nplugs:\n  x11:\n    interface: content\nbase: core\n";
        let description = Description::parse(text);
        assert_eq!((description.title.as_str(), description.version.as_str()), ("VS Code", "1.9"));
        let plugs: Vec<_> = description.plugs.iter().map(String::as_str).collect();
        assert_eq!(plugs, ["home", "network", "x11"]);
        assert_eq!(Description::parse("\u{202e}::\n- \n\t"), Description::default());
    }
}
