//! Packages of Red Hat and its kin. The database has several forms; `rpm` itself is asked.

use super::Found;
use super::helper;
use super::stanzas::bounded_line;
use super::tree::{Tree, stamp as stamp_of};
use crate::limits::PACKAGE_LINE_BYTES_MAX;
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use std::hash::Hasher;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

const RPM: &str = "/usr/bin/rpm";
const DATABASES: [&str; 2] = ["/var/lib/rpm", "/usr/lib/sysimage/rpm"];
const FILES: [&str; 4] = ["rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages"];
/// Fields between the control character that text does not have; a line for each package.
const FORMAT: &str = "%{NAME}\x1f%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\x1f%{ARCH}\x1f%{VENDOR}\x1f\
                      %{SIZE}\x1f%{INSTALLTIME}\x1f%|DSAHEADER?{%{DSAHEADER:pgpsig}}:{%|RSAHEADER?\
                      {%{RSAHEADER:pgpsig}}:{}|}|\n";

pub(crate) fn stamp(system: &Tree, into: &mut impl Hasher) {
    for database in DATABASES {
        for file in FILES {
            stamp_of(into, system, &Path::new(database).join(file));
        }
    }
}

pub(crate) fn read(system: &Tree, root: &Path, found: &mut Found) {
    let Some(database) = database(system) else {
        found.absent = Some(format!("no database in {} or {}", DATABASES[0], DATABASES[1]));
        return;
    };
    let arguments = ["-qa", "--qf", FORMAT];
    let lines = ask(root, database, &arguments, &mut |line| match parse(line) {
        Some(item) => found.items.push(item.bounded()),
        None => found.problems.say_words(format!("{RPM}: a line that is not understood")),
    });
    if let Err(err) = lines {
        found.problems.say(RPM, &err);
    }
}

/// Every path that a package owns, behind the package's name.
pub(crate) fn paths(system: &Tree, each: &mut impl FnMut(&[u8], &[u8])) -> io::Result<()> {
    let Some(database) = database(system) else { return Ok(()) };
    let arguments = ["-qa", "--qf", "[%{=NAME}\x1f%{FILENAMES}\n]"];
    ask(Path::new("/"), database, &arguments, &mut |line| {
        if let Some((package, path)) = owned(line) {
            each(package, path);
        }
    })
}

/// Package and path of a line of [`paths`].
fn owned(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == b'\x1f')?;
    let (package, path) = (line.get(..at)?, line.get(at + 1..)?);
    path.starts_with(b"/").then_some((package, path))
}

fn database(system: &Tree) -> Option<&'static str> {
    DATABASES.into_iter().find(|folder| {
        let has = |file| system.metadata(&Path::new(folder).join(file));
        FILES.iter().any(|file| matches!(has(file), Ok(Some(_))))
    })
}

fn ask(
    root: &Path,
    database: &str,
    arguments: &[&str],
    each: &mut impl FnMut(&[u8]),
) -> io::Result<()> {
    let whole = root.join(database.trim_start_matches('/'));
    let whole = whole.to_str().ok_or(io::ErrorKind::InvalidInput)?;
    let mut all = vec!["--dbpath", whole];
    all.extend(arguments);
    let mut input = BufReader::new(helper::start(Path::new(RPM), &all)?);
    lines(&mut input, each)?;
    input.into_inner().finish()
}

fn lines(input: &mut impl BufRead, each: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let mut line = Vec::new();
    while bounded_line(input, &mut line, PACKAGE_LINE_BYTES_MAX)? {
        if !line.is_empty() {
            each(&line);
        }
    }
    Ok(())
}

fn parse(line: &[u8]) -> Option<InventoryItem> {
    let line = String::from_utf8_lossy(line);
    let parts: Vec<&str> = line.split('\x1f').collect();
    let [name, version, architecture, vendor, size, installed, signature] = parts[..] else {
        return None;
    };
    if name.is_empty() {
        return None;
    }
    let known = |text: &str| if text == "(none)" { String::new() } else { text.to_owned() };
    let architecture = known(architecture);
    // Several kernels are installed side by side: the version belongs to what tells them apart.
    let key = format!("{name}-{version}:{architecture}");
    let seconds: Option<i64> = installed.parse().ok();
    Some(InventoryItem {
        version: version.to_owned(),
        publisher: known(vendor),
        identifier: format!("rpm:{name}"),
        architecture,
        // "RSA/SHA256, <date>, Key ID 199e2f91fd431d51"
        signer: signature.rsplit(", ").next().map(known).unwrap_or_default(),
        size_bytes: size.parse().ok(),
        installed_at: seconds.map(|at| Timestamp::from_micros(at.saturating_mul(1_000_000))),
        ..InventoryItem::new(SoftwareSource::Rpm, key, name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_behind_its_package() {
        assert_eq!(owned(b"zoom\x1f/opt/zoom/zoom"), Some((&b"zoom"[..], &b"/opt/zoom/zoom"[..])));
        for line in [&b""[..], b"/opt/zoom", b"zoom\x1f", b"zoom\x1f(none)"] {
            assert_eq!(owned(line), None);
        }
    }

    #[test]
    fn a_line_of_rpm_is_a_package_and_nonsense_is_none() {
        let line = "zoom\x1f1:5.1-2.el9\x1fx86_64\x1fZoom Inc\x1f1024\x1f1700000000\x1fRSA/SHA256, Tue, Key ID 19\n";
        let item = parse(line.trim_end().as_bytes()).expect("is a package");
        assert_eq!((item.version.as_str(), item.signer.as_str()), ("1:5.1-2.el9", "Key ID 19"));
        assert_eq!(item.installed_at.map(|at| at.utc_day()).as_deref(), Some("2023-11-14"));
        let bare =
            parse(b"gpg-pubkey\x1f1-2\x1f(none)\x1f(none)\x1f0\x1f(none)\x1f").expect("is one");
        assert_eq!((bare.publisher.as_str(), bare.architecture.as_str()), ("", ""));
        assert_eq!(bare.installed_at, None);
        for line in ["", "\x1f\x1f\x1f\x1f\x1f\x1f", "a\x1fb", "\u{202e}"] {
            assert_eq!(parse(line.as_bytes()), None);
        }
    }
}
