//! Which paths belong to which package: 64-bit hashes with a secret key, so that nobody can choose a path that
//! seems to be packaged.

use super::stanzas::bounded_line;
use super::tree::{Tree, stamp as stamp_of};
use super::{Place, rpm};
use crate::limits::PACKAGED_PATHS_MAX;
use rustix::fs::Dir;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, DefaultHasher, Hasher as _};
use std::io::{self, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

const LISTS: &str = "/var/lib/dpkg/info";
const DIVERSIONS: &str = "/var/lib/dpkg/diversions";
/// Bytes of one path in a list.
const PATH_BYTES_MAX: usize = 4_096;

/// The paths of all packages of a machine.
#[derive(Debug)]
pub struct Packaged {
    keys: RandomState,
    sorted: Vec<u64>,
    /// For each of them a place in `names`.
    owners: Vec<u32>,
    /// The packages' identifiers (`deb:zoom`). The first is empty: of a path whose package is not known.
    names: Vec<Box<str>>,
    /// Whether `/bin` is `/usr/bin`.
    merged: bool,
    stamp: u64,
}

impl Packaged {
    /// Reads the lists of every package.
    ///
    /// # Errors
    /// When a list can not be read, or there are more than [`crate::limits::PACKAGED_PATHS_MAX`] paths:
    /// then nothing can be said of any path.
    pub fn read(place: &Place) -> io::Result<Self> {
        let system = &place.system;
        let bin = place.root.join("bin");
        let merged = std::fs::symlink_metadata(bin).is_ok_and(|found| found.is_symlink());
        let keys = RandomState::new();
        let stamp = stamp_of_all(system);
        let mut reading = Reading { keys, merged, paths: Vec::new(), names: vec!["".into()] };
        reading.add_dpkg(system)?;
        if place.root == Path::new("/") {
            rpm::paths(system, &mut |package, path| reading.add_rpm(package, path))?;
        }
        if reading.paths.len() > PACKAGED_PATHS_MAX {
            let words = format!("packages have more than {PACKAGED_PATHS_MAX} paths");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        }
        let packaged = reading.finish(stamp);
        crate::linux::sys::give_back_memory();
        Ok(packaged)
    }

    /// Whether packages were installed or removed since it was read.
    #[must_use]
    pub fn is_stale(&self, place: &Place) -> bool {
        stamp_of_all(&place.system) != self.stamp
    }

    /// Whether a package has this path.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        self.sorted.binary_search(&self.hash(path)).is_ok()
    }

    /// The identifier of the package that has this path: `deb:zoom`, `rpm:zoom`. Of folders that several share, one
    /// of them.
    #[must_use]
    pub fn owner(&self, path: &Path) -> Option<&str> {
        let place = self.sorted.binary_search(&self.hash(path)).ok()?;
        let owner = usize::try_from(*self.owners.get(place)?).ok()?;
        self.names.get(owner).map(|name| &**name).filter(|name| !name.is_empty())
    }

    /// How many paths there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are no packages.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    fn hash(&self, path: &Path) -> u64 {
        hash(&self.keys, self.merged, path.as_os_str().as_bytes())
    }
}

/// Lists still say `/bin/ls` where the file is `/usr/bin/ls`.
fn hash(keys: &RandomState, merged: bool, path: &[u8]) -> u64 {
    let aliased = [&b"/bin/"[..], b"/sbin/", b"/lib/", b"/lib32/", b"/lib64/", b"/libx32/"];
    let mut hasher = keys.build_hasher();
    if merged && aliased.iter().any(|start| path.starts_with(start)) {
        hasher.write(b"/usr");
    }
    hasher.write(path);
    hasher.finish()
}

/// The lists as they are read.
struct Reading {
    keys: RandomState,
    merged: bool,
    /// Hash and owner.
    paths: Vec<(u64, u32)>,
    names: Vec<Box<str>>,
}

impl Reading {
    fn finish(mut self, stamp: u64) -> Packaged {
        // Of one path, an owner that is known comes last and stays.
        self.paths.sort_unstable_by(|one, other| other.cmp(one));
        self.paths.dedup_by_key(|(hash, _)| *hash);
        self.paths.reverse();
        Packaged {
            keys: self.keys,
            sorted: self.paths.iter().map(|(hash, _)| *hash).collect(),
            owners: self.paths.iter().map(|(_, owner)| *owner).collect(),
            names: self.names,
            merged: self.merged,
            stamp,
        }
    }

    fn add(&mut self, path: &[u8], owner: u32) {
        // One more than allowed is enough to know.
        if self.paths.len() <= PACKAGED_PATHS_MAX {
            self.paths.push((hash(&self.keys, self.merged, path), owner));
        }
    }

    /// The place of a package's identifier; lists come package by package.
    fn package(&mut self, ecosystem: &str, name: &[u8]) -> u32 {
        let Ok(name) = std::str::from_utf8(name) else { return 0 };
        let identifier = format!("{ecosystem}:{name}");
        if self.names.last().is_none_or(|last| **last != *identifier) {
            self.names.push(identifier.into());
        }
        u32::try_from(self.names.len() - 1).unwrap_or(0)
    }

    fn add_rpm(&mut self, package: &[u8], path: &[u8]) {
        let owner = self.package("rpm", package);
        self.add(path, owner);
    }

    fn add_dpkg(&mut self, system: &Tree) -> io::Result<()> {
        let Some(folder) = system.folder(Path::new(LISTS))? else { return Ok(()) };
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name.ends_with(b".list") {
                let path = Path::new(LISTS).join(std::ffi::OsStr::from_bytes(name));
                // `zoom.list`, or with the architecture `zoom:amd64.list`.
                let package = name.strip_suffix(b".list").unwrap_or(name);
                let package = package.split(|byte| *byte == b':').next().unwrap_or(package);
                let owner = self.package("deb", package);
                self.add_lines(system, &path, owner, |_| true)?;
            }
        }
        // Threes of lines: the path of a list, where its file really is, and who diverts it.
        self.add_lines(system, Path::new(DIVERSIONS), 0, |line| line % 3 == 1)
    }

    fn add_lines(
        &mut self,
        system: &Tree,
        path: &Path,
        owner: u32,
        wanted: impl Fn(usize) -> bool,
    ) -> io::Result<()> {
        // A package that was removed meanwhile has no list.
        let Some((file, _)) = system.open(path)? else { return Ok(()) };
        let mut input = BufReader::new(file);
        let mut line = Vec::new();
        let mut number = 0;
        while bounded_line(&mut input, &mut line, PATH_BYTES_MAX)? {
            if wanted(number) && line.starts_with(b"/") {
                self.add(&line, owner);
            }
            number += 1;
        }
        Ok(())
    }
}

fn stamp_of_all(system: &Tree) -> u64 {
    let mut hasher = DefaultHasher::new();
    stamp_of(&mut hasher, system, Path::new(LISTS));
    stamp_of(&mut hasher, system, Path::new(DIVERSIONS));
    rpm::stamp(system, &mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_packages_are_known_with_aliases_and_diversions() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let root = scratch.path();
        let info = root.join("var/lib/dpkg/info");
        std::fs::create_dir_all(&info).expect("creates");
        std::fs::create_dir_all(root.join("usr/bin")).expect("creates");
        std::os::unix::fs::symlink("usr/bin", root.join("bin")).expect("links");
        std::fs::write(info.join("a.list"), "/.\n/bin\n/bin/a\n/opt/a b\n").expect("writes");
        std::fs::write(info.join("b:amd64.list"), "/usr/bin/b\n").expect("writes");
        std::fs::write(info.join("b.md5sums"), "/usr/bin/no\n").expect("writes");
        let diversions = "/usr/bin/b\n/usr/bin/b.distrib\nc\n";
        std::fs::write(root.join("var/lib/dpkg/diversions"), diversions).expect("writes");
        let place = Place::new(root).expect("opens");
        let packaged = Packaged::read(&place).expect("reads");
        for path in
            ["/usr/bin/a", "/bin/a", "/opt/a b", "/usr/bin/b", "/bin/b", "/usr/bin/b.distrib"]
        {
            assert!(packaged.contains(Path::new(path)), "{path}");
        }
        for path in ["/usr/bin/no", "/home/a", "c", "/usr/usr/bin/a"] {
            assert!(!packaged.contains(Path::new(path)), "{path}");
        }
        for (path, owner) in [
            ("/bin/a", Some("deb:a")),
            ("/usr/bin/a", Some("deb:a")),
            ("/usr/bin/b", Some("deb:b")),
            ("/usr/bin/b.distrib", None),
            ("/home/a", None),
        ] {
            assert_eq!(packaged.owner(Path::new(path)), owner, "{path}");
        }
        assert!(!packaged.is_stale(&place));
        // The kernel's file times advance with its tick.
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(info.join("c.list"), "/usr/bin/c\n").expect("writes");
        assert!(packaged.is_stale(&place));
    }
}
