//! Programs as files: what they are, their hash, where they were downloaded from.

use crate::limits::{HASHED_BYTES_MAX, HASHES_MAX};
use model::Timestamp;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

/// A file and a state of its content, as far as that can be told without reading it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct FileId {
    /// Device number.
    pub device: u64,
    /// Number of the file on it.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Changed last, in nanoseconds since 1970. Its owner may set it to whatever he likes.
    pub changed_ns: i64,
    /// When content or properties changed last, in nanoseconds since 1970; nobody may set that. 0: not known, of what
    /// was written down by agents of before.
    #[serde(default)]
    pub status_ns: i64,
}

impl FileId {
    fn of(found: &Metadata) -> Self {
        let nanos =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            changed_ns: nanos(found.mtime(), found.mtime_nsec()),
            status_ns: nanos(found.ctime(), found.ctime_nsec()),
        }
    }

    /// Whether it is the same file, whose name or mode may have changed meanwhile.
    #[must_use]
    pub fn is_same_file(&self, other: &Self) -> bool {
        Self { status_ns: 0, ..*self } == Self { status_ns: 0, ..*other }
    }

    /// The file at a path now; `None` when there is none, or something else than a regular file.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        match open(path, OFlags::PATH) {
            Ok(file) => {
                let found = file.metadata()?;
                Ok(found.is_file().then(|| Self::of(&found)))
            }
            Err(err) if is_absence(&err) => Ok(None),
            Err(err) => Err(err),
        }
    }
}

/// What a program's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub id: FileId,
    /// SHA-256 in lower case hex; empty when the file is larger than
    /// [`crate::limits::HASHED_BYTES_MAX`].
    pub sha256: String,
    /// The machine that it is made for; empty when it is none that we name.
    pub architecture: &'static str,
    /// Whether it is an AppImage.
    pub is_appimage: bool,
    /// Where it was downloaded from, when a browser noted it; empty otherwise.
    pub origin_url: String,
}

/// What became of looking at a program that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Examined {
    /// A program of its own.
    Program(Program),
    /// Nothing to report: no regular file, or no program that runs by itself.
    Other,
    /// Its file can not be found any more.
    Gone,
}

/// Hashes that were computed, by file.
#[derive(Debug, Default)]
pub struct Hashes {
    known: HashMap<FileId, String>,
    /// Bytes that may still be read; `None`: as many as there are.
    bytes_left: Option<u64>,
}

/// Looks at the program that a process runs or ran. The file is taken from the process while it lives, so
/// that a deleted one, or one of a container, is found too; otherwise from its path.
///
/// # Errors
/// When the file is there and can not be read.
pub fn examine(pid: u32, image: &Path, hashes: &mut Hashes) -> io::Result<Examined> {
    let of_process = format!("/proc/{pid}/exe");
    let same = std::fs::read_link(&of_process).is_ok_and(|found| {
        let bytes = found.as_os_str().as_bytes();
        bytes.strip_suffix(b" (deleted)").unwrap_or(bytes) == image.as_os_str().as_bytes()
    });
    let file = match File::open(&of_process) {
        Ok(file) if same => file,
        _ => match open(image, OFlags::RDONLY) {
            Ok(file) => file,
            Err(err) if is_absence(&err) => return Ok(Examined::Gone),
            Err(err) => return Err(err),
        },
    };
    Ok(Program::of_file(&file, hashes)?.map_or(Examined::Other, Examined::Program))
}

impl Program {
    /// When its file changed last.
    #[must_use]
    pub const fn changed_at(&self) -> Timestamp {
        Timestamp::from_nanos(self.id.changed_ns)
    }

    /// What an open file says; `None` when it is not a program.
    pub(crate) fn of_file(file: &File, hashes: &mut Hashes) -> io::Result<Option<Self>> {
        let found = file.metadata()?;
        let mut head = [0u8; HEAD_BYTES];
        if !found.is_file() || file.read_at(&mut head, 0)? < HEAD_BYTES || !head.starts_with(ELF) {
            return Ok(None);
        }
        let id = FileId::of(&found);
        Ok(Some(Self {
            id,
            sha256: hashes.of(file, id)?,
            architecture: architecture(&head),
            is_appimage: matches!(head[8..11], [b'A', b'I', 1 | 2]),
            origin_url: origin(file),
        }))
    }
}

impl Hashes {
    /// From now on so many bytes may be read for hashes that are not known yet.
    pub(crate) fn allow(&mut self, bytes: u64) {
        self.bytes_left = Some(bytes);
    }

    fn of(&mut self, file: &File, id: FileId) -> io::Result<String> {
        if let Some(known) = self.known.get(&id) {
            return Ok(known.clone());
        }
        if id.size > HASHED_BYTES_MAX {
            tracing::warn!(
                bytes = id.size,
                limit = HASHED_BYTES_MAX,
                "a program is too large to be hashed"
            );
            return Ok(String::new());
        }
        if let Some(left) = &mut self.bytes_left {
            let Some(rest) = left.checked_sub(id.size) else {
                let words = "too much to be hashed in one look; it follows with the next reading";
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
            };
            *left = rest;
        }
        let hash = hash_of(file.take(HASHED_BYTES_MAX))?;
        // What changed while it was read has another hash next time, under another time.
        if FileId::of(&file.metadata()?) == id {
            if self.known.len() >= HASHES_MAX {
                self.known.clear();
            }
            self.known.insert(id, hash.clone());
        }
        Ok(hash)
    }
}

fn hash_of(mut input: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut part = vec![0u8; 64 << 10];
    loop {
        match input.read(&mut part)? {
            0 => break,
            count => hash.update(&part[..count]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Opens a path that the kernel named: it has no links in it, so that one found now was put there since.
fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = super::tree::careful(flags);
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let opened = rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), resolve)?;
    Ok(File::from(opened))
}

fn is_absence(err: &io::Error) -> bool {
    let link = rustix::io::Errno::LOOP.raw_os_error();
    matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || err.raw_os_error() == Some(link)
}

const ELF: &[u8] = b"\x7fELF";
const HEAD_BYTES: usize = 20;
/// Bytes of an address that is noted with a file.
const ORIGIN_BYTES_MAX: usize = 4_096;

fn architecture(head: &[u8; HEAD_BYTES]) -> &'static str {
    let big_endian = head[5] == 2;
    let number = [head[18], head[19]];
    match if big_endian { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) } {
        3 => "i386",
        20 | 21 => "ppc64",
        22 => "s390x",
        40 => "arm",
        62 => "amd64",
        183 => "arm64",
        243 => "riscv64",
        258 => "loong64",
        _ => "",
    }
}

fn origin(file: &File) -> String {
    let mut text = vec![0u8; ORIGIN_BYTES_MAX];
    match rustix::fs::fgetxattr(file, "user.xdg.origin.url", text.as_mut_slice()) {
        Ok(count) => {
            text.truncate(count);
            String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned()
        }
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn programs_are_hashed_scripts_pipes_and_links_are_not() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let path = |name: &str| scratch.path().join(name);
        let mut elf = b"\x7fELF\x02\x01\x01\0AI\x02\0\0\0\0\0\x02\0\x3e\0".to_vec();
        elf.resize(100, 0);
        std::fs::write(path("tool"), &elf).expect("writes");
        std::fs::write(path("script"), "#!/bin/sh\n echo a long enough script").expect("writes");
        std::fs::write(path("short"), "\x7fELF").expect("writes");
        symlink("tool", path("link")).expect("links");
        let mut hashes = Hashes::default();
        let mut look = |name: &str| examine(u32::MAX, &path(name), &mut hashes).expect("reads");
        let Examined::Program(program) = look("tool") else { panic!("it is a program") };
        assert_eq!((program.architecture, program.is_appimage), ("amd64", true));
        assert_eq!(program.sha256, hash_of(elf.as_slice()).expect("hashes"));
        assert_eq!(look("script"), Examined::Other);
        assert_eq!(look("short"), Examined::Other);
        assert_eq!(look("link"), Examined::Gone);
        assert_eq!(look("none"), Examined::Gone);
        assert_eq!(look("."), Examined::Other);
    }

    #[test]
    fn files_that_are_all_holes_do_not_keep_a_look_from_ending() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let file = |name: &str| {
            let path = scratch.path().join(name);
            let mut elf = b"\x7fELF\x02\x01\x01\0AI\x02\0\0\0\0\0\x02\0\x3e\0".to_vec();
            elf.resize(100, 0);
            std::fs::write(&path, &elf).expect("writes");
            File::open(path).expect("opens")
        };
        let (one, two) = (file("one"), file("two"));
        let mut hashes = Hashes::default();
        hashes.allow(150);
        assert!(Program::of_file(&one, &mut hashes).expect("reads").is_some());
        let err = Program::of_file(&two, &mut hashes).expect_err("enough for now");
        assert_eq!(err.kind(), io::ErrorKind::FileTooLarge);
        // The next reading has room again, for what is not known yet.
        hashes.allow(150);
        assert!(Program::of_file(&one, &mut hashes).expect("is known").is_some());
        assert!(Program::of_file(&two, &mut hashes).expect("reads").is_some());
    }

    #[test]
    fn a_program_rewritten_in_place_with_its_old_time_is_hashed_again() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let path = scratch.path().join("tool");
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0".to_vec();
        elf.resize(100, 0);
        std::fs::write(&path, &elf).expect("writes");
        let mut hashes = Hashes::default();
        let mut look = || match examine(u32::MAX, &path, &mut hashes) {
            Ok(Examined::Program(program)) => program,
            other => panic!("{other:?}"),
        };
        let before = look();
        let time = std::fs::metadata(&path).expect("is there").modified().expect("a time");
        // The kernel's file times advance with its tick.
        std::thread::sleep(std::time::Duration::from_millis(20));
        elf.resize(99, 0);
        elf.push(1);
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opens");
        file.write_all_at(&elf, 0).expect("writes");
        file.set_modified(time).expect("sets the time back");
        let after = look();
        assert!(before.id.is_same_file(&after.id), "as far as its owner lets it be seen");
        assert_ne!(before.id, after.id);
        assert_eq!(after.sha256, hash_of(elf.as_slice()).expect("hashes"));
    }

    #[test]
    fn the_program_of_a_living_process_is_found_although_its_file_is_gone() {
        let own = std::fs::read_link("/proc/self/exe").expect("is a program");
        let found = examine(std::process::id(), &own, &mut Hashes::default()).expect("reads");
        assert!(matches!(found, Examined::Program(_)));
    }
}
