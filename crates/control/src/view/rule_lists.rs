//! Lists for the placeholders of rules, and packs of rules, as the console shows them.

use super::detections::Said;
use model::Timestamp;
use std::path::PathBuf;

/// Where values of a list come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListOrigin {
    /// People keep them in the console.
    Kept,
    /// A file in the data folder.
    File(String),
    /// Made of what is known of devices, people and software; stays up to date by itself.
    Live,
}

/// A list from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleListFile {
    /// The placeholder, without percent signs: the file's name without its ending.
    pub name: String,
    /// The file as messages call it.
    pub file: String,
    /// Its values, or why it cannot be read.
    pub values: Result<Vec<String>, Said>,
}

/// A list: values of a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleListRow {
    /// The placeholder, without percent signs.
    pub name: String,
    /// What it is for, by whoever keeps it; empty when nobody does.
    pub description: String,
    /// Where its values come from.
    pub origins: Vec<ListOrigin>,
    /// How many different values it has.
    pub values: u64,
    /// The first of them.
    pub sample: Vec<String>,
    /// Whether it has more values than a rule may have; rules are then refused as if it had none.
    pub too_long: bool,
    /// Rules in force that use it.
    pub used_by: u64,
}

/// A placeholder that refused rules lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingList {
    /// The placeholder, without percent signs.
    pub name: String,
    /// The files of these rules.
    pub rules: Vec<String>,
}

/// All lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleLists {
    /// Those with values, by name; those of live values that have none are left out.
    pub rows: Vec<RuleListRow>,
    /// Those that refused rules lack.
    pub missing: Vec<MissingList>,
    /// Files that cannot be read, each with the reason.
    pub unreadable: Vec<(String, Said)>,
}

/// A list that people keep.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptList {
    /// The placeholder, without percent signs.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its values, as patterns of Sigma.
    pub values: Vec<String>,
    /// Who changed it last.
    pub changed_by: String,
    /// When.
    pub changed_at: Option<Timestamp>,
    /// Counts changes; 0 for a list that is not there yet.
    pub version: i64,
}

/// Whether a pack is what its author signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackTrust {
    /// It came with this program.
    Embedded,
    /// Its signature is that of a key that is trusted here, of this name.
    Signed(String),
    /// It claims no signature.
    Unsigned,
    /// It is refused; none of its rules is in force.
    Refused(Said),
}

/// A pack of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePack {
    /// What it is called.
    pub name: String,
    /// Its version; empty when it says none.
    pub version: String,
    /// What it is about.
    pub description: String,
    /// Its licence.
    pub licence: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Where it lies; `None` for the embedded one.
    pub folder: Option<PathBuf>,
    /// Whether it is what its author signed.
    pub trust: PackTrust,
    /// Files of rules in it.
    pub files: u64,
    /// Rules, correlations and filters that were loaded from it.
    pub rules: u64,
    /// Documents of it that were refused.
    pub refused: u64,
    /// SHA-256 over its files, in hex.
    pub digest: String,
    /// The commit of the git checkout that it is, in hex; empty when it is none.
    pub commit: String,
}
