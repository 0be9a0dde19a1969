//! Packages of Debian and its kin: `/var/lib/dpkg/status`.

use super::Found;
use super::origins::{Origins, Wanted};
use super::stanzas::Stanzas;
use super::tree::{Tree, stamp as stamp_of};
use crate::limits::PACKAGE_DATABASE_BYTES_MAX;
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use std::hash::Hasher;
use std::io::{self, BufRead, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const STATUS: &str = "/var/lib/dpkg/status";

pub(crate) fn stamp(system: &Tree, into: &mut impl Hasher) {
    stamp_of(into, system, Path::new(STATUS));
    stamp_of(into, system, Path::new(super::origins::LISTS));
}

pub(crate) fn read(system: &Tree, helpers: bool, origins: &mut Origins, found: &mut Found) {
    let file = match system.open(Path::new(STATUS)) {
        Ok(Some((file, _))) => file,
        Ok(None) => {
            found.absent = Some(format!("no {STATUS}"));
            return;
        }
        Err(err) => return found.problems.say(STATUS, &err),
    };
    let mut packages = Vec::new();
    let input = BufReader::new(file.take(PACKAGE_DATABASE_BYTES_MAX));
    match parse(input, |package| packages.push(package)) {
        Ok(0) => {}
        Ok(bad) => found
            .problems
            .say_words(format!("{STATUS}: {bad} entries without package, version or state")),
        Err(err) => found.problems.say(STATUS, &err),
    }
    let wanted = packages.iter().map(|package| Wanted {
        name: &package.name,
        version: &package.version,
        maintainer: &package.maintainer,
    });
    origins.learn(system, helpers, wanted);
    for package in packages {
        let origin = origins.of(&package.name, &package.version);
        found.push(item(system, package, origin));
    }
}

/// A package that is on the disk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    name: String,
    version: String,
    architecture: String,
    maintainer: String,
    installed_kib: Option<u64>,
}

/// Hands over every installed package; how many paragraphs lack what they must say.
fn parse(input: impl BufRead, mut each: impl FnMut(Package)) -> io::Result<u64> {
    let wanted = ["Package", "Status", "Version", "Architecture", "Maintainer", "Installed-Size"];
    let mut stanzas = Stanzas::new(input, wanted);
    let mut bad = 0;
    while let Some([name, status, version, architecture, maintainer, size]) = stanzas.next()? {
        let state = status.split_ascii_whitespace().nth(2).unwrap_or_default();
        if matches!(state, "not-installed" | "config-files") {
            continue;
        }
        if name.is_empty() || version.is_empty() || state.is_empty() {
            bad += 1;
            continue;
        }
        let installed_kib = size.parse().ok();
        each(Package { name, version, architecture, maintainer, installed_kib });
    }
    Ok(bad)
}

fn item(system: &Tree, package: Package, origin: String) -> InventoryItem {
    let Package { name, version, architecture, maintainer, installed_kib } = package;
    let key = format!("{name}:{architecture}");
    InventoryItem {
        version,
        publisher: maintainer,
        identifier: format!("deb:{name}"),
        install_source: origin,
        size_bytes: installed_kib.map(|kib| kib.saturating_mul(1024)),
        installed_at: installed_at(system, &name, &architecture),
        architecture,
        ..InventoryItem::new(SoftwareSource::Dpkg, key, name)
    }
}

/// When the package's list of files was written. Packages of several architectures name it.
fn installed_at(system: &Tree, name: &str, architecture: &str) -> Option<Timestamp> {
    [format!("{name}.list"), format!("{name}:{architecture}.list")].iter().find_map(|list| {
        let path = Path::new("/var/lib/dpkg/info").join(super::tree::step(list)?);
        let found = system.metadata(&path).ok()??;
        let nanos = found.mtime().saturating_mul(1_000_000_000);
        Some(Timestamp::from_nanos(nanos.saturating_add(found.mtime_nsec())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Package: zoom\nStatus: install ok installed\nMaintainer: Zoom <x@zoom.us>\n\
        Installed-Size: 10\nArchitecture: amd64\nVersion: 5.1\nDescription: a\n b\n .\n\n\
        Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
        Package: torn\nStatus: install ok half-installed\nArchitecture: all\n\n\
        Package: half\nStatus: install reinstreq half-installed\nArchitecture: all\nVersion: 2\n";

    #[test]
    fn installed_packages_are_found_torn_entries_are_counted() {
        let mut packages = Vec::new();
        let bad = parse(TEXT.as_bytes(), |package| packages.push(package)).expect("reads");
        assert_eq!(bad, 1);
        let names: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["zoom", "half"]);
        assert_eq!(packages[0].installed_kib, Some(10));
        assert_eq!(packages[0].maintainer, "Zoom <x@zoom.us>");
    }

    #[test]
    fn a_megabyte_of_a_field_and_nonsense_do_no_harm() {
        let long = "é\u{202e}".repeat(1 << 18);
        let text =
            format!("Package: {long}\nStatus: install ok installed\nVersion: 1\n\n\0\u{1}:\n");
        let mut packages = Vec::new();
        let bad = parse(text.as_bytes(), |package| packages.push(package)).expect("reads");
        assert_eq!((packages.len(), bad), (1, 1));
        assert!(packages[0].name.len() <= crate::limits::PACKAGE_LINE_BYTES_MAX + 3);
    }
}
