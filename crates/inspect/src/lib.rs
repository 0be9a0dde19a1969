//! Judges one file on this machine: known hashes, YARA-X rules, ClamAV when it is installed, and for a browser
//! extension what its package asks for.
//!
//! The files are hostile. The program `mimamori-inspect` reads one from standard input in a process of its own,
//! with limits on processor time, files and memory dumps; what it says is one [`Report`] as JSON. The server
//! never opens such a file itself.
//!
//! Invariant: knows nothing of requests, people and networks; the only socket is that of a local ClamAV.
//! Invariant: nothing found is [`Verdict::NoMatch`], never "clean": only a list of known good hashes says
//! [`Verdict::KnownGood`].
//! Invariant: a scanner that failed says [`Verdict::Error`], one that is not installed [`Verdict::Absent`];
//! none is left out.
//! Invariant: nothing is unpacked to the disk, and archives are read under the limits of [`limits`].

mod clamav;
mod error;
mod extension;
mod hashes;
pub mod limits;
mod report;
mod words;
mod yara;

pub use error::InspectError;
pub use extension::Extension;
pub use hashes::HashLists;
pub use report::{Failure, FileKind, Finding, Report, Verdict};
pub use words::Words;
pub use yara::YaraRules;

use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

/// What to judge by.
#[derive(Debug)]
pub struct Inspector {
    /// Lists of hashes.
    pub hashes: HashLists,
    /// Compiled YARA-X rules.
    pub yara: YaraRules,
    /// The socket of a local ClamAV; asked when it is there.
    pub clamav_socket: PathBuf,
}

impl Inspector {
    /// Judges an open regular file.
    ///
    /// # Errors
    /// [`InspectError::TooLarge`], [`InspectError::Io`]: there is no report then, and no report approves.
    pub fn inspect(&self, file: &mut File) -> Result<Report, InspectError> {
        let (sha256, size_bytes, kind) = read_through(file)?;
        let mut findings = vec![self.hashes.judge(&sha256)];
        findings.extend(self.yara.judge(file));
        findings.push(clamav::judge(&self.clamav_socket, file));
        let mut extension = None;
        if matches!(kind, FileKind::Zip | FileKind::Crx) {
            match extension::read(file) {
                Ok(found) => extension = found,
                Err(err) => findings.push(Finding::new("package", Verdict::Error, "", err.words())),
            }
        }
        Ok(Report { format: report::FORMAT, sha256, size_bytes, kind, findings, extension })
    }

    /// Judges a file that is not here by its SHA-256.
    #[must_use]
    pub fn inspect_hash(&self, sha256: &str) -> Report {
        Report {
            format: report::FORMAT,
            sha256: sha256.to_owned(),
            size_bytes: 0,
            kind: FileKind::Unseen,
            findings: vec![self.hashes.judge(sha256)],
            extension: None,
        }
    }
}

/// One pass: hash, size, and the kind by its first bytes.
fn read_through(file: &mut File) -> Result<(String, u64, FileKind), InspectError> {
    file.seek(SeekFrom::Start(0)).map_err(InspectError::reading)?;
    let mut hash = Sha256::new();
    let mut head = Vec::new();
    let mut size_bytes = 0_u64;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer).map_err(InspectError::reading)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
        size_bytes += count as u64;
        if size_bytes > limits::FILE_BYTES_MAX {
            return Err(InspectError::TooLarge);
        }
        if head.len() < limits::HEAD_BYTES {
            head.extend_from_slice(read);
            head.truncate(limits::HEAD_BYTES);
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(InspectError::reading)?;
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((sha256, size_bytes, FileKind::of_head(&head)))
}
