//! The agent's data directory: which file is where, and how small files are written.
//!
//! ```text
//! identity.json   server, agent and device        agent.key  private key, 0600
//! certificate.pem client certificate              ca.pem     the pinned authority
//! renewal.key     key of a begun renewal, see `renew`
//! spool/          what is not committed yet       intent     see `intent`
//! status.json     what goes on, every second      alive      there while the agent runs
//! inventory/      what was last told of it
//! ```

use crate::{error::AgentError, limits::SMALL_FILE_BYTES_MAX};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// A data directory.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The directory, made when it is missing, readable for its owner alone.
    ///
    /// # Errors
    /// [`AgentError::File`].
    pub fn open(root: &Path) -> Result<Self, AgentError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(AgentError::file("create", root))?;
        let root = std::path::absolute(root).map_err(AgentError::file("find", root))?;
        Ok(Self { root })
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// Who the agent is and where its server is.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.root.join("identity.json")
    }
    /// The private key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.root.join("agent.key")
    }
    /// The key of a renewal that has begun.
    #[must_use]
    pub fn renewal_key(&self) -> PathBuf {
        self.root.join("renewal.key")
    }
    /// The client certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.root.join("certificate.pem")
    }
    /// The pinned authority.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.root.join("ca.pem")
    }
    /// The spool's directory.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }
    /// The intent file.
    #[must_use]
    pub fn intent(&self) -> PathBuf {
        self.root.join("intent")
    }
    /// What was last told of the inventory.
    #[must_use]
    pub fn inventory(&self) -> PathBuf {
        self.root.join("inventory")
    }
    /// The status file.
    #[must_use]
    pub fn status(&self) -> PathBuf {
        self.root.join("status.json")
    }
    /// The file that is there while the agent runs; it holds the time it was last alive.
    #[must_use]
    pub fn alive(&self) -> PathBuf {
        self.root.join("alive")
    }
}

/// Writes a small file whole or not at all, readable for its owner alone. `durable`: also after power loss.
///
/// # Errors
/// [`AgentError::File`].
pub fn write_whole(path: &Path, bytes: &[u8], durable: bool) -> Result<(), AgentError> {
    let beside = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        if durable {
            file.sync_all()?;
        }
        std::fs::rename(&beside, path)?;
        if durable { sync_parent(path) } else { Ok(()) }
    };
    write().map_err(AgentError::file("write", path))
}

/// Moves a file over another one, also after power loss.
///
/// # Errors
/// [`AgentError::File`].
pub fn rename_durably(from: &Path, to: &Path) -> Result<(), AgentError> {
    std::fs::rename(from, to)
        .and_then(|()| sync_parent(to))
        .map_err(AgentError::file("replace", to))
}

/// Removes a file if it is there, also after power loss.
///
/// # Errors
/// [`AgentError::File`].
pub fn remove_durably(path: &Path) -> Result<(), AgentError> {
    match std::fs::remove_file(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.and_then(|()| sync_parent(path)),
    }
    .map_err(AgentError::file("remove", path))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Reads a small text file; `None` when it is not there.
///
/// # Errors
/// [`AgentError::File`], also when it is larger than any file of ours.
pub fn read_small(path: &Path) -> Result<Option<String>, AgentError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(AgentError::file("open", path)(err)),
    };
    let mut text = String::new();
    let read = file.take(SMALL_FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(AgentError::file("read", path))?;
    if text.len() as u64 > SMALL_FILE_BYTES_MAX {
        let why = format!("it is larger than {SMALL_FILE_BYTES_MAX} bytes");
        return Err(AgentError::BadFile { path: path.to_owned(), why });
    }
    Ok(Some(text))
}
