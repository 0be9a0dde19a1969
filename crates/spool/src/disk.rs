//! The disk as the spool needs it: one flat directory. A trait, so that tests can bring a disk that forgets,
//! tears, flips and refuses.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::Arc,
};

/// One flat directory of files. Names never contain a separator.
pub trait Disk: Send + Sync + 'static {
    /// Where the directory is, for messages.
    fn location(&self) -> String;
    /// Creates the directory when it is missing.
    ///
    /// # Errors
    /// As the system answers.
    fn create_directory(&self) -> io::Result<()>;
    /// Takes the exclusive lock; `Err(Ok(holder))` when another process has it.
    ///
    /// # Errors
    /// The holder, or the system's answer.
    fn lock(&self) -> Result<DiskLock, Result<Option<u32>, io::Error>>;
    /// The names of all files.
    ///
    /// # Errors
    /// As the system answers.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Creates a file that must not be there yet.
    ///
    /// # Errors
    /// As the system answers; `AlreadyExists`.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// As the system answers; `NotFound`.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file; the target is replaced.
    ///
    /// # Errors
    /// As the system answers.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the system answers.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// As the system answers.
    fn sync_directory(&self) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// As the system answers.
    fn len_bytes(&self) -> io::Result<u64>;
    /// Fills the buffer from an offset.
    ///
    /// # Errors
    /// As the system answers; `UnexpectedEof` when the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all bytes at an offset. After an error any part of them may have been written.
    ///
    /// # Errors
    /// As the system answers.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts the file to a length.
    ///
    /// # Errors
    /// As the system answers.
    fn truncate(&self, len_bytes: u64) -> io::Result<()>;
    /// Makes content and length durable.
    ///
    /// # Errors
    /// As the system answers. Afterwards nobody can say what is on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// Keeps the spool locked while it lives.
pub struct DiskLock(#[expect(dead_code, reason = "held, not read")] Box<dyn Send + Sync>);

impl DiskLock {
    /// A lock that ends when `guard` is dropped.
    #[must_use]
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl std::fmt::Debug for DiskLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DiskLock")
    }
}

/// A directory of the real file system.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// A directory, which need not be there yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

const LOCK_NAME: &str = "lock";
/// Only the owner reads what people did on their machines.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

impl Disk for Directory {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn create_directory(&self) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&self.path)?;
        // The directory's own entry must survive too, or a synced spool could vanish with its name.
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> Result<DiskLock, Result<Option<u32>, io::Error>> {
        let path = self.path.join(LOCK_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path)
            .map_err(Err)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(Err)?;
                file.write_all(std::process::id().to_string().as_bytes()).map_err(Err)?;
                Ok(DiskLock::new(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // The holder is only named in a message; a text that can not be read names nobody.
                let read = std::io::Read::by_ref(&mut file).take(20).read_to_string(&mut text);
                Err(Ok(read.ok().and_then(|_| text.trim().parse().ok())))
            }
            Err(TryLockError::Error(err)) => Err(Err(err)),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(self.path.join(name))?;
        Ok(Arc::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl DiskFile for File {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    fn truncate(&self, len_bytes: u64) -> io::Result<()> {
        self.set_len(len_bytes)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: content and length, not the time stamps.
        self.sync_data()
    }
}
