//! What can go wrong before there is a report.

use std::fmt;
use std::path::PathBuf;

/// There is no report; whoever asked must treat that as an error, never as an approval.
#[derive(Debug)]
pub enum InspectError {
    /// The file is over the limit.
    TooLarge,
    /// The file could not be read.
    Io {
        /// The system's answer.
        source: std::io::Error,
    },
    /// A rule or list could not be read.
    Rules {
        /// Which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A rule does not compile.
    BadRule {
        /// Which file.
        path: PathBuf,
        /// The compiler's words.
        reason: String,
    },
    /// A list holds a line that is no hash.
    BadHash {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Rules and lists are over the limit.
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

// By hand: the words stand beside the Japanese ones.
impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().en)
    }
}

impl std::error::Error for InspectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source } | Self::Rules { source, .. } => Some(source),
            _ => None,
        }
    }
}
