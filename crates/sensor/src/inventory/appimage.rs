//! AppImages in the places where people keep them. Those that lie elsewhere and are run come as executed
//! programs.

use super::Found;
use super::executable::{Hashes, Program};
use super::homes::Home;
use super::tree::{Tree, stamp as stamp_of};
use crate::limits::{FOLDER_ENTRIES_MAX, HASHED_BYTES_AT_ONCE_MAX, SMALL_FILE_BYTES_MAX};
use crate::linux::text::escape;
use model::inventory::{InventoryItem, SoftwareSource};
use std::collections::BTreeSet;
use std::hash::Hasher;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

const SYSTEM_FOLDERS: [&str; 4] = ["/opt", "/usr/local/bin", "/usr/local/lib", "/Applications"];
const OF_HOME: [&str; 7] =
    ["", "Applications", "AppImages", "Downloads", "Desktop", "bin", ".local/bin"];
/// Where a desktop keeps the names of folders in the user's language.
const FOLDER_NAMES: &str = ".config/user-dirs.dirs";

pub(crate) fn stamp(system: &Tree, homes: &[Home], into: &mut impl Hasher) {
    each_folder(system, homes, |tree, folder, _| {
        stamp_of(into, tree, folder);
        // A download grows after its name has appeared.
        for name in tree.names(folder, FOLDER_ENTRIES_MAX).ok().flatten().unwrap_or_default() {
            if is_named_so(name.as_bytes()) {
                stamp_of(into, tree, &folder.join(name));
            }
        }
    });
}

pub(crate) fn read(system: &Tree, homes: &[Home], hashes: &mut Hashes, found: &mut Found) {
    hashes.allow(HASHED_BYTES_AT_ONCE_MAX);
    each_folder(system, homes, |tree, folder, user| {
        let names = match tree.names(folder, FOLDER_ENTRIES_MAX) {
            Ok(names) => names.unwrap_or_default(),
            Err(err) => return found.problems.say(&tree.shown(folder), &err),
        };
        for name in names.into_iter().filter(|name| is_named_so(name.as_bytes())) {
            let path = folder.join(&name);
            let shown = tree.shown(&path);
            match tree.open(&path) {
                Ok(Some((file, _))) => match Program::of_file(&file, hashes) {
                    Ok(Some(program)) => {
                        let file_name = escape(name.as_bytes()).0;
                        found.push(item(&program, &file_name, shown, user));
                    }
                    // Named so, but no program (yet).
                    Ok(None) => {}
                    Err(err) => found.problems.say(&shown, &err),
                },
                Ok(None) => {}
                // A folder or a link out of the home is no AppImage of this place.
                Err(err) => tracing::debug!(path = shown, error = %err, "not looked at"),
            }
        }
    });
    found.absent = Some("no AppImage in the usual folders".to_owned());
}

fn each_folder(system: &Tree, homes: &[Home], mut each: impl FnMut(&Tree, &Path, &str)) {
    for folder in SYSTEM_FOLDERS {
        each(system, Path::new(folder), "");
    }
    for home in homes {
        let mut folders: BTreeSet<PathBuf> = OF_HOME.iter().map(PathBuf::from).collect();
        if let Ok(Some(bytes)) = home.tree.read(Path::new(FOLDER_NAMES), SMALL_FILE_BYTES_MAX) {
            folders.extend(named_folders(&String::from_utf8_lossy(&bytes)));
        }
        for folder in folders {
            each(&home.tree, &folder, &home.user);
        }
    }
}

/// `XDG_DOWNLOAD_DIR="$HOME/ダウンロード"` and `XDG_DESKTOP_DIR`, as paths below the home.
fn named_folders(text: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for line in text.lines().take(100) {
        let Some((name, value)) = line.trim().split_once('=') else { continue };
        if !matches!(name, "XDG_DOWNLOAD_DIR" | "XDG_DESKTOP_DIR") {
            continue;
        }
        let Some(below) = value.trim_matches('"').strip_prefix("$HOME/") else { continue };
        let path = Path::new(below);
        if path.components().all(|part| matches!(part, Component::Normal(_))) {
            folders.push(path.to_owned());
        }
    }
    folders
}

fn is_named_so(name: &[u8]) -> bool {
    const ENDING: &[u8] = b".appimage";
    name.len() > ENDING.len() && name[name.len() - ENDING.len()..].eq_ignore_ascii_case(ENDING)
}

fn item(program: &Program, file_name: &str, path: String, user: &str) -> InventoryItem {
    let (name, version) = name_and_version(file_name);
    InventoryItem {
        version,
        architecture: program.architecture.to_owned(),
        user: user.to_owned(),
        sha256: program.sha256.clone(),
        size_bytes: Some(program.id.size),
        origin_url: program.origin_url.clone(),
        installed_at: Some(program.changed_at()),
        path: path.clone(),
        ..InventoryItem::new(SoftwareSource::AppImage, path, name)
    }
}

/// `Krita-5.2.2-x86_64.AppImage` is Krita, 5.2.2: the name ends where the version begins.
fn name_and_version(file_name: &str) -> (String, String) {
    let bytes = file_name.len().saturating_sub(".appimage".len());
    let stem = file_name.get(..bytes).unwrap_or(file_name);
    let parts: Vec<&str> = stem.split(['-', '_']).collect();
    let is_version = |part: &&str| {
        let digits = part.strip_prefix('v').unwrap_or(part);
        digits.starts_with(|first: char| first.is_ascii_digit()) && digits.contains('.')
    };
    let Some(place) = parts.iter().skip(1).position(is_version) else {
        return (stem.to_owned(), String::new());
    };
    (parts[..=place].join("-"), parts[place + 1].trim_start_matches('v').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_of_files() {
        let cases = [
            ("Krita-5.2.2-x86_64.AppImage", ("Krita", "5.2.2")),
            ("balenaEtcher_v1.19.appimage", ("balenaEtcher", "1.19")),
            ("Some-Tool-x86_64.AppImage", ("Some-Tool-x86_64", "")),
            ("1.2.AppImage", ("1.2", "")),
            ("メモ-1.0.AppImage", ("メモ", "1.0")),
        ];
        for (file, (name, version)) in cases {
            assert_eq!(name_and_version(file), (name.to_owned(), version.to_owned()), "{file}");
        }
        assert!(is_named_so(b"a.APPIMAGE") && !is_named_so(b".AppImage") && !is_named_so(b"a"));
    }

    #[test]
    fn folders_in_the_users_language_stay_in_the_home() {
        let text = "# x\nXDG_DOWNLOAD_DIR=\"$HOME/ダウンロード\"\nXDG_DESKTOP_DIR=\"$HOME/../../etc\"\nXDG_DOWNLOAD_DIR=\"/etc\"\nXDG_MUSIC_DIR=\"$HOME/m\"";
        assert_eq!(named_folders(text), [PathBuf::from("ダウンロード")]);
    }
}
