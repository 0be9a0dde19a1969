//! What the program says, as JSON with a version of its own.

use crate::{Extension, InspectError, Words};
use serde::{Deserialize, Serialize};

/// The version of the report's form; a reader refuses a newer one.
pub(crate) const FORMAT: u32 = 1;

/// What was found out about one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this form.
    pub format: u32,
    /// SHA-256 of the file in lower-case hexadecimal digits.
    pub sha256: String,
    /// Size in bytes; 0 when only a hash was given.
    pub size_bytes: u64,
    /// What the first bytes say it is.
    pub kind: FileKind,
    /// One or more findings of each scanner.
    pub findings: Vec<Finding>,
    /// What the package asks for, when it is one of a browser extension.
    pub extension: Option<Extension>,
}

/// One scanner's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `hash-list`, `yara-x`, `clamav` or `package`.
    pub scanner: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// The name of the list entry, rule or signature; empty without one.
    pub name: String,
    /// Why, in English.
    pub detail: String,
    /// Why, in Japanese; empty where only somebody else's words say it.
    #[serde(default)]
    pub detail_ja: String,
}

impl Finding {
    pub(crate) fn new(scanner: &str, verdict: Verdict, name: &str, words: Words) -> Self {
        Self {
            scanner: scanner.to_owned(),
            verdict,
            name: name.to_owned(),
            detail: words.en,
            detail_ja: words.ja,
        }
    }
}

/// What the program says instead of a report when there is none; it ends with an error then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Version of this form.
    pub format: u32,
    /// Why there is no report.
    pub failed: Words,
}

impl Failure {
    /// For an error.
    #[must_use]
    pub fn of(error: &InspectError) -> Self {
        Self { format: FORMAT, failed: error.words() }
    }
}

/// What a scanner can say. There is no "clean".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// On a list of hashes that somebody trusts.
    KnownGood,
    /// The scanner ran and knows nothing about the file.
    NoMatch,
    /// The scanner is not installed.
    Absent,
    /// The scanner failed.
    Error,
    /// A person must look.
    Suspicious,
    /// Malware.
    Malware,
}

/// The kind of a file by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A Linux program.
    Elf,
    /// A Windows program.
    Pe,
    /// A macOS program.
    MachO,
    /// A ZIP archive, also `.xpi`, `.jar`, Office files.
    Zip,
    /// A packed Chrome extension.
    Crx,
    /// A Windows installer database (`.msi`) or another OLE file.
    Ole,
    /// A text with an interpreter line.
    Script,
    /// Anything else.
    Other,
    /// Only the hash was given.
    Unseen,
}

impl FileKind {
    pub(crate) fn of_head(head: &[u8]) -> Self {
        const MACH_O: [&[u8]; 5] = [
            b"\xfe\xed\xfa\xce",
            b"\xfe\xed\xfa\xcf",
            b"\xce\xfa\xed\xfe",
            b"\xcf\xfa\xed\xfe",
            b"\xca\xfe\xba\xbe",
        ];
        match head {
            _ if head.starts_with(b"\x7fELF") => Self::Elf,
            _ if head.starts_with(b"MZ") => Self::Pe,
            _ if head.starts_with(b"PK\x03\x04") => Self::Zip,
            _ if head.starts_with(b"Cr24") => Self::Crx,
            _ if head.starts_with(b"\xd0\xcf\x11\xe0") => Self::Ole,
            _ if head.starts_with(b"#!") => Self::Script,
            _ if MACH_O.iter().any(|magic| head.starts_with(magic)) => Self::MachO,
            _ => Self::Other,
        }
    }
}
