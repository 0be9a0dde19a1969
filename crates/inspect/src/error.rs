//! What can go wrong before there is a report.

use std::path::PathBuf;

/// There is no report; whoever asked must treat that as an error, never as an approval.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file is over the limit.
    #[error(
        "the file is larger than {} bytes and was not judged: give its SHA-256 instead",
        crate::limits::FILE_BYTES_MAX
    )]
    TooLarge,
    /// The file could not be read.
    #[error("the file could not be read: {source}")]
    Io {
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A rule or list could not be read.
    #[error("{} could not be read: {source}; correct its permissions or remove it", path.display())]
    Rules {
        /// Which file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A rule does not compile.
    #[error("{} is not a valid YARA rule file: {reason}", path.display())]
    BadRule {
        /// Which file.
        path: PathBuf,
        /// The compiler's words.
        reason: String,
    },
    /// A list holds a line that is no hash.
    #[error(
        "{} line {line} is no SHA-256: write 64 hexadecimal digits, then a space and a name",
        path.display()
    )]
    BadHash {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Rules and lists are over the limit.
    #[error(
        "{} would bring the rules over {} bytes: remove what is not needed",
        path.display(),
        crate::limits::RULE_BYTES_MAX
    )]
    TooManyRules {
        /// The first file over the limit.
        path: PathBuf,
    },
}

impl InspectError {
    pub(crate) const fn reading(source: std::io::Error) -> Self {
        Self::Io { source }
    }
}
