//! Flatpak applications, of the system and of every user. Runtimes are parts of applications and left out.

use super::Found;
use super::homes::Home;
use super::tree::{Tree, stamp as stamp_of};
use crate::limits::{FOLDER_ENTRIES_MAX, MANIFEST_BYTES_MAX};
use crate::linux::text::escape;
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use std::collections::BTreeSet;
use std::hash::Hasher;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const SYSTEM: &str = "/var/lib/flatpak/app";
const OF_USER: &str = ".local/share/flatpak/app";
/// Bytes of a deployment's record; its first text is the remote's name.
const DEPLOY_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn stamp(system: &Tree, homes: &[Home], into: &mut impl Hasher) {
    each_place(system, homes, |tree, folder, _| {
        stamp_of(into, tree, folder);
        // Touched by flatpak with every change.
        stamp_of(into, tree, &folder.with_file_name(".changed"));
    });
}

pub(crate) fn read(system: &Tree, homes: &[Home], found: &mut Found) {
    let mut any = false;
    each_place(system, homes, |tree, folder, user| match tree.names(folder, FOLDER_ENTRIES_MAX) {
        Ok(None) => {}
        Ok(Some(names)) => {
            any = true;
            for name in names {
                application(tree, &folder.join(name), user, found);
            }
        }
        Err(err) => found.problems.say(&tree.shown(folder), &err),
    });
    if !any {
        found.absent = Some(format!("no {SYSTEM}"));
    }
}

fn each_place(system: &Tree, homes: &[Home], mut each: impl FnMut(&Tree, &Path, &str)) {
    each(system, Path::new(SYSTEM), "");
    for home in homes {
        each(&home.tree, Path::new(OF_USER), &home.user);
    }
}

/// Every architecture and branch of an application: `<id>/<architecture>/<branch>/active`.
fn application(tree: &Tree, folder: &Path, user: &str, found: &mut Found) {
    let mut names = |path: &Path| match tree.names(path, FOLDER_ENTRIES_MAX) {
        Ok(names) => names.unwrap_or_default(),
        Err(err) => {
            found.problems.say(&tree.shown(path), &err);
            Vec::new()
        }
    };
    let text = |name: &std::ffi::OsStr| escape(name.as_bytes()).0;
    let id = folder.file_name().map(text).unwrap_or_default();
    let mut deployed = Vec::new();
    for architecture in names(folder) {
        // `current` is a link to one of the others.
        if architecture == "current" {
            continue;
        }
        let branches = folder.join(&architecture);
        for branch in names(&branches) {
            let active = branches.join(&branch).join("active");
            deployed.push((text(&architecture), text(&branch), active));
        }
    }
    for (architecture, branch, active) in deployed {
        let read = |name: &str| tree.read(&active.join(name), MANIFEST_BYTES_MAX).ok().flatten();
        let Some(metadata) = read("metadata") else { continue };
        let desktop = read(&format!("export/share/applications/{id}.desktop"));
        let story = ["metainfo", "appdata"].iter().find_map(|kind| {
            let folder = if *kind == "metainfo" { "metainfo" } else { "appdata" };
            read(&format!("files/share/{folder}/{id}.{kind}.xml"))
                .or_else(|| read(&format!("export/share/{folder}/{id}.{kind}.xml")))
        });
        let name = desktop.as_deref().and_then(|bytes| value_of(bytes, "Desktop Entry", "Name"));
        let key = format!("{id}/{architecture}/{branch}@{user}");
        let name = name.unwrap_or_else(|| id.clone());
        found.push(InventoryItem {
            version: story.as_deref().and_then(newest_release).unwrap_or_default(),
            publisher: story.as_deref().and_then(developer).unwrap_or_default(),
            identifier: format!("flatpak:{id}"),
            architecture,
            path: tree.shown(&active),
            user: user.to_owned(),
            permissions: permissions(&metadata),
            install_source: remote(tree, &active).unwrap_or_default(),
            installed_at: tree
                .metadata(&active)
                .ok()
                .flatten()
                .map(|found| Timestamp::from_micros(found.mtime().saturating_mul(1_000_000))),
            ..InventoryItem::new(SoftwareSource::Flatpak, key, name)
        });
    }
}

fn remote(tree: &Tree, active: &Path) -> Option<String> {
    let bytes = tree.read(&active.join("deploy"), DEPLOY_BYTES_MAX).ok()??;
    let name = bytes.split(|byte| *byte == 0).next()?;
    let plain = name.iter().all(|byte| byte.is_ascii_graphic());
    (plain && !name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
}

/// The value of a key in a section of a key file.
fn value_of(bytes: &[u8], section: &str, key: &str) -> Option<String> {
    pairs(bytes, section).find(|(name, _)| name == key).map(|(_, value)| value)
}

fn pairs(bytes: &[u8], section: &str) -> impl Iterator<Item = (String, String)> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let header = format!("[{section}]");
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == header;
        } else if inside && let Some((name, value)) = line.split_once('=') {
            found.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found.into_iter()
}

/// What the sandbox opens: `filesystems=home`, `sockets=x11`, the names it may talk to.
fn permissions(metadata: &[u8]) -> Vec<String> {
    let mut all = BTreeSet::new();
    for (name, value) in pairs(metadata, "Context") {
        for one in value.split(';').filter(|one| !one.is_empty()) {
            all.insert(format!("{name}={one}"));
        }
    }
    for section in ["Session Bus Policy", "System Bus Policy"] {
        for (name, value) in pairs(metadata, section) {
            all.insert(format!("bus={name}:{value}"));
        }
    }
    all.into_iter().collect()
}

/// The version of the first release in a metainfo file; the newest comes first.
fn newest_release(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let tag = text.split_once("<release ")?.1.split_once('>')?.0;
    let (_, value) = tag.split_once("version=")?;
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value.split(quote).nth(1).map(str::to_owned)
}

fn developer(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let inner = text.split_once("<developer_name")?.1;
    let name = inner.split_once('>')?.1.split_once('<')?.0.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_files_and_metainfo_are_read_and_nonsense_is_nothing() {
        let metadata = b"[Application]\nname=a\n[Context]\nsockets=x11;wayland;\nfilesystems=home\n[Session Bus Policy]\norg.x=talk\n";
        let expected = ["bus=org.x:talk", "filesystems=home", "sockets=wayland", "sockets=x11"];
        assert_eq!(permissions(metadata), expected);
        let story = b"<x><developer_name translate='no'>Acme</developer_name><releases><release date='1' version=\"2.1\"/><release version='1'/>";
        assert_eq!(newest_release(story).as_deref(), Some("2.1"));
        assert_eq!(developer(story).as_deref(), Some("Acme"));
        for bad in [
            &b""[..],
            b"<release ",
            b"<release version=>",
            b"<release version=\"",
            b"\xff\xfe[Context]",
        ] {
            assert!(newest_release(bad).unwrap_or_default().is_empty());
            assert_eq!(developer(bad), None);
            assert!(permissions(bad).is_empty());
        }
    }
}
