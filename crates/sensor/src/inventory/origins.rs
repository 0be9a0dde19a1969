//! From which archive an installed package came: apt's lists say which archive offers which version.
//!
//! A version that an archive offers came from there, as far as anybody can tell. Once an archive moves on to
//! a newer version the installed one is in no list any more, until it is upgraded: then a package of the same
//! name and maintainer speaks for it. Anything else is `local`: installed from a file.

use super::helper;
use super::stanzas::Stanzas;
use super::tree::{Tree, stamp};
use crate::limits::{FOLDER_ENTRIES_MAX, PACKAGE_DATABASE_BYTES_MAX};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

pub(crate) const LISTS: &str = "/var/lib/apt/lists";
const APT_HELPER: &str = "/usr/lib/apt/apt-helper";
const LOCAL: &str = "local";
/// Bytes of a release file that are looked at: its head.
const RELEASE_HEAD_BYTES_MAX: u64 = 16 << 10;

/// An installed package.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) maintainer: &'a str,
}

/// Origins that are known, and of which lists they were learnt.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    lists: u64,
    /// Origins by name and version.
    known: HashMap<String, String>,
}

#[derive(Default, Clone)]
struct Offer {
    exact: Option<String>,
    by_name: Option<String>,
}

impl Origins {
    /// Learns what is not known. Reads the lists only when there is something to learn.
    pub(crate) fn learn<'a>(
        &mut self,
        system: &Tree,
        helpers: bool,
        packages: impl Iterator<Item = Wanted<'a>>,
    ) {
        let mut hasher = DefaultHasher::new();
        stamp(&mut hasher, system, Path::new(LISTS));
        let lists = hasher.finish();
        let anew = lists != self.lists;
        self.lists = lists;
        let mut kept = HashMap::new();
        let mut wanted: HashMap<&str, Vec<(Wanted<'a>, Offer)>> = HashMap::new();
        for package in packages {
            let key = key(package.name, package.version);
            match self.known.remove(&key) {
                // A package that came from a file may be in an archive by now.
                Some(origin) if !(anew && (origin == LOCAL || origin.is_empty())) => {
                    kept.insert(key, origin);
                }
                _ => wanted.entry(package.name).or_default().push((package, Offer::default())),
            }
        }
        self.known = kept;
        if wanted.is_empty() {
            return;
        }
        let any = match scan(system, helpers, &mut wanted) {
            Ok(any) => any,
            Err(err) => {
                tracing::debug!(error = %err, "apt's lists tell no origins");
                false
            }
        };
        for (package, offer) in wanted.into_values().flatten() {
            let unknown = if any { LOCAL } else { "" };
            let origin = offer.exact.or(offer.by_name).unwrap_or_else(|| unknown.to_owned());
            self.known.insert(key(package.name, package.version), origin);
        }
    }

    /// The origin of a package: an archive's, `local`, or empty when there are no lists.
    pub(crate) fn of(&self, name: &str, version: &str) -> String {
        self.known.get(&key(name, version)).cloned().unwrap_or_default()
    }
}

fn key(name: &str, version: &str) -> String {
    format!("{name} {version}")
}

type Offers<'a> = HashMap<&'a str, Vec<(Wanted<'a>, Offer)>>;

/// Reads every list; whether all there are could be read.
fn scan(system: &Tree, helpers: bool, wanted: &mut Offers<'_>) -> io::Result<bool> {
    let folder = Path::new(LISTS);
    let names = system.names(folder, FOLDER_ENTRIES_MAX)?.unwrap_or_default();
    let mut whole = true;
    let mut any = false;
    for name in &names {
        let Some(name) = name.to_str() else { continue };
        let path = folder.join(name);
        let Some((release, packed)) = release_of(name) else { continue };
        let origin = origin_of(system, folder, release).unwrap_or_else(|| host_of(name));
        let read = if !packed {
            let Some((file, _)) = system.open(&path)? else { continue };
            offers(BufReader::new(file.take(PACKAGE_DATABASE_BYTES_MAX)), &origin, wanted)
        } else if helpers {
            unpacked(&path).and_then(|printed| {
                let mut input = BufReader::new(printed);
                offers(&mut input, &origin, wanted)?;
                input.into_inner().finish()
            })
        } else {
            Err(io::ErrorKind::Unsupported.into())
        };
        match read {
            Ok(()) => any = true,
            Err(err) => {
                tracing::debug!(list = name, error = %err, "a list of apt was not read");
                whole = false;
            }
        }
    }
    Ok(whole && any)
}

/// The part of a list's name that it shares with its release file, and whether it is compressed.
fn release_of(name: &str) -> Option<(&str, bool)> {
    let (release, rest) = name.split_once("_dists_")?;
    let suite_bytes = rest.find('_')?;
    let (plain, packed) = match rest.rsplit_once('.') {
        Some((plain, "lz4" | "gz" | "xz" | "zst" | "bz2")) => (plain, true),
        _ => (rest, false),
    };
    if !plain.ends_with("_Packages") {
        return None;
    }
    let bytes = release.len() + "_dists_".len() + suite_bytes;
    Some((name.get(..bytes)?, packed))
}

fn unpacked(path: &Path) -> io::Result<helper::Printed> {
    let path = path.to_str().ok_or(io::ErrorKind::InvalidInput)?;
    helper::start(Path::new(APT_HELPER), &["cat-file", path])
}

/// What the release file calls the archive.
fn origin_of(system: &Tree, folder: &Path, release: &str) -> Option<String> {
    ["InRelease", "Release"].iter().find_map(|kind| {
        let (file, _) = system.open(&folder.join(format!("{release}_{kind}"))).ok()??;
        let head = BufReader::new(file.take(RELEASE_HEAD_BYTES_MAX));
        let lines = head.lines().map_while(Result::ok);
        let mut origins = lines
            .filter_map(|line| line.strip_prefix("Origin:").map(|name| name.trim().to_owned()));
        origins.find(|origin| !origin.is_empty())
    })
}

/// An archive without a name is called by its host.
fn host_of(list: &str) -> String {
    list.split('_').next().unwrap_or(list).to_owned()
}

fn offers(input: impl BufRead, origin: &str, wanted: &mut Offers<'_>) -> io::Result<()> {
    let mut stanzas = Stanzas::new(input, ["Package", "Version", "Maintainer"]);
    while let Some([name, version, maintainer]) = stanzas.next()? {
        let Some(packages) = wanted.get_mut(name.as_str()) else { continue };
        for (package, offer) in packages {
            if package.version == version {
                offer.exact.get_or_insert_with(|| origin.to_owned());
            } else if package.maintainer == maintainer {
                offer.by_name.get_or_insert_with(|| origin.to_owned());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lists_lead_to_their_release() {
        let cases = [
            ("h_debian_dists_b_main_binary-amd64_Packages", Some(("h_debian_dists_b", false))),
            ("h_dists_b-sec_main_binary-amd64_Packages.lz4", Some(("h_dists_b-sec", true))),
            ("h_debian_dists_b_InRelease", None),
            ("h_debian_dists_b_main_i18n_Translation-en", None),
            ("lock", None),
        ];
        for (name, expected) in cases {
            assert_eq!(release_of(name), expected, "{name}");
        }
    }
}
