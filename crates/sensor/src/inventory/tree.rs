//! Files below a folder, opened without leaving it, and regular files only.
//!
//! Two kinds of folders. The *system's* tree is the whole machine (or a folder that stands for it): symbolic
//! links are followed, an absolute one starts at its root. A *private* tree belongs to a user, who may put
//! there whatever he likes: links are followed as long as they stay inside, nothing on another file system is
//! opened (a user can mount one that answers when it pleases), and a named pipe never blocks.

use crate::linux::text::escape;
use rustix::fs::{Dir, Mode, OFlags, ResolveFlags};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::hash::{Hash as _, Hasher};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// A folder below which files are opened.
#[derive(Debug)]
pub(crate) struct Tree {
    folder: OwnedFd,
    /// Its path as the machine's own programs would name it.
    shown: PathBuf,
    resolve: ResolveFlags,
}

impl Tree {
    /// The machine's tree, whose root is this folder.
    pub(crate) fn system(root: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(root, flags, Mode::empty())?;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(Self { folder, shown: PathBuf::from("/"), resolve })
    }

    /// A user's folder; `None` when it is not there.
    pub(crate) fn private(&self, path: &Path) -> io::Result<Option<Self>> {
        let folder = self.folder(path)?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        Ok(folder.map(|folder| Self { folder, shown: self.joined(path), resolve }))
    }

    /// How a path below is named, in text.
    pub(crate) fn shown(&self, path: &Path) -> String {
        escape(self.joined(path).as_os_str().as_bytes()).0
    }

    /// The part of a path that lies below this folder; `None` when it lies elsewhere.
    pub(crate) fn below<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        let rest = path.strip_prefix(&self.shown).ok()?;
        rest.components().all(|part| matches!(part, Component::Normal(_))).then_some(rest)
    }

    /// What a path is; `None` when there is nothing.
    pub(crate) fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        match present(self.open_with(path, OFlags::PATH))? {
            Some(fd) => File::from(fd).metadata().map(Some),
            None => Ok(None),
        }
    }

    /// A regular file, opened; `None` when there is nothing.
    ///
    /// # Errors
    /// Also when there is something else than a regular file.
    pub(crate) fn open(&self, path: &Path) -> io::Result<Option<(File, Metadata)>> {
        let Some(fd) = present(self.open_with(path, OFlags::RDONLY))? else { return Ok(None) };
        let file = File::from(fd);
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(Some((file, found)))
    }

    /// The content of a regular file; `None` when there is nothing.
    ///
    /// # Errors
    /// Also when it is not a regular file or larger than `bytes_max`.
    pub(crate) fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let Some((file, found)) = self.open(path)? else { return Ok(None) };
        let expected = usize::try_from(found.size().min(bytes_max)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(expected);
        file.take(bytes_max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            let words = format!("it is larger than {bytes_max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        }
        Ok(Some(bytes))
    }

    /// The names in a folder, sorted; `None` when there is no such folder.
    ///
    /// # Errors
    /// Also when there are more than `entries_max`.
    pub(crate) fn names(
        &self,
        path: &Path,
        entries_max: usize,
    ) -> io::Result<Option<Vec<OsString>>> {
        let Some(fd) = self.folder(path)? else { return Ok(None) };
        let mut names = Vec::new();
        for entry in Dir::read_from(fd)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if matches!(name.as_slice(), b"." | b"..") {
                continue;
            }
            if names.len() == entries_max {
                let words = format!("it has more than {entries_max} entries");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
            }
            names.push(OsString::from_vec(name));
        }
        names.sort();
        Ok(Some(names))
    }

    /// A folder, opened; `None` when there is none.
    pub(crate) fn folder(&self, path: &Path) -> io::Result<Option<OwnedFd>> {
        present(self.open_with(path, OFlags::RDONLY | OFlags::DIRECTORY))
    }

    fn open_with(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let mut below = path.strip_prefix("/").unwrap_or(path);
        if below.as_os_str().is_empty() {
            below = Path::new(".");
        }
        let flags = careful(flags);
        // The kernel asks to try again when somebody renames on the way.
        for _ in 0..TRIES_MAX {
            match rustix::fs::openat2(&self.folder, below, flags, Mode::empty(), self.resolve) {
                Err(rustix::io::Errno::AGAIN) => {}
                other => return other.map_err(io::Error::from),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn joined(&self, path: &Path) -> PathBuf {
        self.shown.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// A name as a path of one step; `None` when it is more than a name. For names out of files.
pub(crate) fn step(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(only)), None) if only == OsStr::new(name) => Some(path),
        _ => None,
    }
}

/// Puts into a fingerprint whether something is there and, by its times and sizes, whether it changed.
pub(crate) fn stamp(into: &mut impl Hasher, tree: &Tree, path: &Path) {
    match tree.metadata(path) {
        Ok(Some(found)) => {
            (found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()).hash(into);
        }
        Ok(None) => 0u8.hash(into),
        Err(err) => err.raw_os_error().hash(into),
    }
}

/// A pipe or a terminal never blocks or adopts who opens it. A mere path is not opened, and the kernel refuses
/// to be told how.
pub(crate) fn careful(flags: OFlags) -> OFlags {
    let more = if flags.contains(OFlags::PATH) {
        OFlags::empty()
    } else {
        OFlags::NONBLOCK | OFlags::NOCTTY
    };
    flags | OFlags::CLOEXEC | more
}

fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(err)
            if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

const TRIES_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_out_of_a_home_pipes_and_large_files_are_not_read() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let home = scratch.path().join("home/mallory");
        std::fs::create_dir_all(&home).expect("creates");
        std::fs::write(scratch.path().join("secret"), "root's own").expect("writes");
        std::fs::write(home.join("own"), "mine").expect("writes");
        symlink("/secret", home.join("absolute")).expect("links");
        symlink("../../secret", home.join("climbing")).expect("links");
        symlink("own", home.join("inside")).expect("links");
        symlink("loop", home.join("loop")).expect("links");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            home.join("pipe"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .expect("makes a pipe");
        let system = Tree::system(scratch.path()).expect("opens");
        let tree = system.private(Path::new("/home/mallory")).expect("opens").expect("is there");
        let read = |name: &str| tree.read(Path::new(name), 100);
        assert_eq!(read("inside").expect("stays inside"), Some(b"mine".to_vec()));
        assert!(read("absolute").is_err());
        assert!(read("climbing").is_err());
        assert!(read("loop").is_err());
        assert!(read("pipe").is_err());
        assert!(read("../../secret").is_err());
        assert_eq!(read("none").expect("is absent"), None);
        assert!(tree.read(Path::new("own"), 3).is_err());
        // The system's own links start at its root.
        symlink("/secret", scratch.path().join("link")).expect("links");
        let linked = system.read(Path::new("/link"), 100).expect("reads");
        assert_eq!(linked, Some(b"root's own".to_vec()));
    }

    #[test]
    fn a_name_out_of_a_file_is_one_step_or_nothing() {
        assert!(step("en_US").is_some());
        for name in ["", ".", "..", "a/b", "/a", "a/", "../../etc"] {
            assert!(step(name).is_none(), "{name}");
        }
    }
}
