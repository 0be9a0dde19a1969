//! What a requester fills in, and the limits of it.
//!
//! Invariant: every text of a form is hostile; it is bounded and free of control characters, no more.

use crate::limits::{FORM_TEXT_CHARS_MAX, FORM_URL_CHARS_MAX, FORM_WORD_CHARS_MAX};
use crate::refusal::FormFault;
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// What is asked for. Stored by name; the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A program that is installed.
    Installer,
    /// A program that is downloaded, unpacked and run.
    Portable,
    /// An extension of a browser.
    Extension,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Installer, Self::Portable, Self::Extension];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Installer => "installer",
            Self::Portable => "portable",
            Self::Extension => "extension",
        }
    }

    /// The kind of a stored name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// For whom the requester asks. Stored by name; the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// For the requester alone.
    #[default]
    Myself,
    /// For the requester's department.
    Department,
    /// For everybody.
    Everyone,
}

impl Audience {
    /// Every audience.
    pub const ALL: [Self; 3] = [Self::Myself, Self::Department, Self::Everyone];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Myself => "myself",
            Self::Department => "department",
            Self::Everyone => "everyone",
        }
    }

    /// The audience of a stored name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audience| audience.name() == name)
    }
}

/// What the requester filled in. Empty text: not given. All of it is hostile text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Form {
    /// The software's name.
    pub name: String,
    /// The title of the catalogue that the requester picked; empty: none.
    pub title: String,
    /// The version.
    pub version: String,
    /// Who makes it.
    pub publisher: String,
    /// Where it is downloaded, or its page in a store. Never fetched.
    pub url: String,
    /// A browser extension's id.
    pub extension_id: String,
    /// SHA-256 of the file in hex, when the requester gives a hash instead of the file.
    pub sha256: String,
    /// What it is needed for.
    pub purpose: String,
    /// Whether it is paid for. Then no file of it is ever uploaded.
    pub paid: bool,
    /// For whom.
    pub audience: Audience,
}

impl Form {
    /// What is missing or wrong before the form can be handed in; empty: nothing.
    #[must_use]
    pub fn faults(&self, kind: Kind, has_files: bool) -> Vec<FormFault> {
        let mut faults = self.shape_faults();
        let mut need = |missing: bool, field: &'static str| {
            if missing {
                faults.push(FormFault { field, fault: "is missing" });
            }
        };
        need(self.name.trim().is_empty(), "name");
        need(self.purpose.trim().is_empty(), "purpose");
        match kind {
            Kind::Installer => need(self.url.trim().is_empty(), "url"),
            Kind::Portable => {
                let nothing = self.url.trim().is_empty() && self.sha256.is_empty() && !has_files;
                need(nothing, "url");
            }
            Kind::Extension => {
                let nothing = self.extension_id.trim().is_empty() && self.url.trim().is_empty();
                need(nothing, "extension_id");
            }
        }
        faults
    }

    /// What is malformed, whether or not the form is complete.
    #[must_use]
    pub fn shape_faults(&self) -> Vec<FormFault> {
        let mut faults = Vec::new();
        let lines = [
            ("name", &self.name, FORM_WORD_CHARS_MAX),
            ("title", &self.title, FORM_WORD_CHARS_MAX),
            ("version", &self.version, FORM_WORD_CHARS_MAX),
            ("publisher", &self.publisher, FORM_WORD_CHARS_MAX),
            ("extension_id", &self.extension_id, FORM_WORD_CHARS_MAX),
            ("url", &self.url, FORM_URL_CHARS_MAX),
            ("sha256", &self.sha256, FORM_WORD_CHARS_MAX),
            ("purpose", &self.purpose, FORM_TEXT_CHARS_MAX),
        ];
        for (field, text, chars_max) in lines {
            if text.chars().count() > chars_max {
                faults.push(FormFault { field, fault: "is too long" });
            }
            let breaks_allowed = field == "purpose";
            if text.chars().any(|c| c.is_control() && !(breaks_allowed && "\r\n\t".contains(c))) {
                faults.push(FormFault { field, fault: "holds control characters" });
            }
        }
        let is_web = self.url.starts_with("https://") || self.url.starts_with("http://");
        if !self.url.is_empty() && !is_web {
            faults.push(FormFault { field: "url", fault: "is not a web address" });
        }
        if !self.sha256.is_empty() && !is_sha256(&self.sha256) {
            faults.push(FormFault { field: "sha256", fault: "is not a SHA-256 in lower-case hex" });
        }
        faults
    }
}

/// A file that belongs to a request; its bytes lie with the store, by hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// SHA-256 in lower-case hex.
    pub sha256: String,
    /// The file's name as given; hostile text.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// Who gave it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Whether a text is a SHA-256 in lower-case hex.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
