//! Which file systems are watched, and the paths of their directories.

use super::file_records::{Entry, ObjectId};
use super::snapshot::read_small;
use super::sys;
use crate::limits::DIRECTORY_PATHS_MAX;
use rustix::fs::{Mode, OFlags};
use std::collections::HashMap;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// File systems on disks of this machine.
const ON_DISK: [&str; 14] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "vfat", "exfat", "ntfs3", "zfs",
    "bcachefs", "overlay", "nilfs2",
];
/// Where a file system in memory is worth watching: programs that do not want to be found live there.
const IN_MEMORY: [&str; 4] = ["/tmp", "/var/tmp", "/dev/shm", "/run"];

/// A mounted file system that is to be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// `major:minor`: one for all mounts of the same file system.
    pub(crate) device: String,
    pub(crate) kind: String,
    pub(crate) point: PathBuf,
}

/// The file systems to watch, each once, at their outermost mount.
pub(crate) fn to_watch() -> Vec<Mount> {
    read_small("/proc/self/mountinfo").map(|text| parse(&text)).unwrap_or_default()
}

fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    let mut mounts: Vec<(bool, Mount)> = Vec::new();
    for line in mountinfo.split(|byte| *byte == b'\n') {
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let Some(dash) = words.iter().position(|word| *word == b"-") else { continue };
        let (Some(device), Some(root), Some(point), Some(kind)) =
            (words.get(2), words.get(3), words.get(4), words.get(dash + 1))
        else {
            continue;
        };
        let point = PathBuf::from(std::ffi::OsString::from_vec(unescape(point)));
        let kind = String::from_utf8_lossy(kind).into_owned();
        let wanted = ON_DISK.contains(&kind.as_str())
            || (kind == "tmpfs" && IN_MEMORY.iter().any(|path| Path::new(path) == point));
        let device = String::from_utf8_lossy(device).into_owned();
        // What is mounted over something else hides it, whether wanted or not.
        mounts.retain(|(_, known)| known.point != point);
        if !wanted {
            continue;
        }
        // Of several mounts the one of the file system's root is best: it shows every path.
        let whole = *root == b"/";
        let mount = Mount { device, kind, point };
        match mounts.iter_mut().find(|(_, known)| known.device == mount.device) {
            Some(known) if whole && !known.0 => *known = (whole, mount),
            Some(_) => {}
            None => mounts.push((whole, mount)),
        }
    }
    mounts.into_iter().map(|(_, mount)| mount).collect()
}

/// `\040` and its like in `/proc/self/mountinfo`.
pub(crate) fn unescape(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.first_chunk::<3>().and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        match (first, octal) {
            (b'\\', Some(byte)) => {
                plain.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}

/// A resolved path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) path: Vec<u8>,
    /// The directory is gone and was never seen; the path is the name alone.
    pub(crate) unresolved: bool,
}

/// Paths of directories by their handle.
#[derive(Debug, Default)]
pub(crate) struct Directories {
    points: HashMap<[u8; 8], PathBuf>,
    paths: HashMap<ObjectId, Vec<u8>>,
}

impl Directories {
    /// Directories of this file system can be opened through this mount point.
    pub(crate) fn add(&mut self, point: &Path) -> std::io::Result<()> {
        // Two 32-bit numbers in this order of bytes on every machine that the sensor knows.
        let filesystem = rustix::fs::statvfs(point)?.f_fsid.to_le_bytes();
        self.points.insert(filesystem, point.to_owned());
        Ok(())
    }

    /// Forgets every path: a directory was renamed, and with it everything below.
    pub(crate) fn forget_paths(&mut self) {
        self.paths.clear();
    }

    /// A directory was created or renamed to this path: known better than by asking later, when it may
    /// have been renamed again.
    pub(crate) fn learn(&mut self, directory: &ObjectId, path: &[u8]) {
        if self.paths.len() >= DIRECTORY_PATHS_MAX {
            self.paths.clear();
        }
        self.paths.insert(directory.clone(), path.to_vec());
    }

    /// The path of a name in a directory.
    pub(crate) fn resolve(&mut self, entry: &Entry) -> Resolved {
        let directory = match self.paths.get(&entry.directory) {
            Some(path) => Some(path.clone()),
            None => self.look_up(&entry.directory),
        };
        let Some(mut path) = directory else {
            return Resolved { path: entry.name.clone(), unresolved: true };
        };
        if entry.name != b"." {
            if path != b"/" {
                path.push(b'/');
            }
            path.extend_from_slice(&entry.name);
        }
        Resolved { path, unresolved: false }
    }

    fn look_up(&mut self, directory: &ObjectId) -> Option<Vec<u8>> {
        let point = self.points.get(&directory.filesystem)?;
        // Opened anew each time: a descriptor that is kept would keep a user from unmounting a disk.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mount = rustix::fs::open(point, flags, Mode::empty()).ok()?;
        let opened =
            sys::open_by_handle(std::os::fd::AsFd::as_fd(&mount), &directory.handle).ok()?;
        let link = format!("/proc/self/fd/{}", opened.as_raw_fd());
        let path = std::fs::read_link(link).ok()?.into_os_string().into_vec();
        let path = path.strip_suffix(b" (deleted)").unwrap_or(&path).to_vec();
        self.learn(directory, &path);
        Some(path)
    }
}

/// Whether a path is one of these folders or lies below.
pub(crate) fn is_below(path: &[u8], folders: &[PathBuf]) -> bool {
    folders.iter().any(|folder| {
        let folder = folder.as_os_str().as_bytes();
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_watched_once_and_memory_only_where_it_matters() {
        let mounts = parse(
            b"22 27 0:21 / /proc rw - proc proc rw\n\
              26 27 254:0 /part /mnt/part rw - ext4 /dev/vda rw\n\
              27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
              28 27 254:0 /srv /data/srv rw - ext4 /dev/vda rw\n\
              29 27 8:1 / /media/usb\\040stick rw master:1 - vfat /dev/sda1 rw\n\
              30 27 0:23 / /dev/shm rw - tmpfs tmpfs rw\n\
              33 30 0:27 / /dev/shm rw - tmpfs tmpfs rw\n\
              31 27 0:24 / /opt/cache rw - tmpfs tmpfs rw\n\
              32 27 0:40 / /net rw - nfs4 host:/ rw\n",
        );
        let points: Vec<&Path> = mounts.iter().map(|mount| mount.point.as_path()).collect();
        assert_eq!(points, [Path::new("/"), Path::new("/media/usb stick"), Path::new("/dev/shm")]);
    }

    #[test]
    fn a_folder_is_not_its_namesake() {
        let folders = [PathBuf::from("/var/lib/m")];
        assert!(is_below(b"/var/lib/m", &folders));
        assert!(is_below(b"/var/lib/m/x", &folders));
        assert!(!is_below(b"/var/lib/mm/x", &folders));
    }
}
