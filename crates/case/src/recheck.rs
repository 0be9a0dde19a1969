//! Why a decision is looked at again, and what exactly.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a decision is looked at again. Stored by name; the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A version was seen that nobody looked at.
    NewVersion,
    /// A hash was seen that nobody looked at.
    NewHash,
    /// A source changed its mind.
    ChangedVerdict,
    /// It was given for a time, which is over.
    Expiry,
    /// A browser extension may do more than before.
    PermissionGrowth,
    /// Somebody else signs it.
    SignerChange,
    /// A reviewer wants to look again.
    Asked,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 7] = [
        Self::NewVersion,
        Self::NewHash,
        Self::ChangedVerdict,
        Self::Expiry,
        Self::PermissionGrowth,
        Self::SignerChange,
        Self::Asked,
    ];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewVersion => "new_version",
            Self::NewHash => "new_hash",
            Self::ChangedVerdict => "changed_verdict",
            Self::Expiry => "expiry",
            Self::PermissionGrowth => "permission_growth",
            Self::SignerChange => "signer_change",
            Self::Asked => "asked",
        }
    }
}

/// The reason of a suspension that the machine made.
pub const MALWARE_FOUND: &str = "malware was found";
/// The reason of a revocation by a newer decision.
pub const REPLACED: &str = "replaced by a newer decision";

/// A stored reason in a language: the machine's own are kept in English, what people wrote stays as it is.
#[must_use]
pub fn reason_in(reason: &str, japanese: bool) -> &str {
    match reason {
        MALWARE_FOUND if japanese => "マルウェアが見つかりました",
        REPLACED if japanese => "新しい判定に置き換えられました",
        other => other,
    }
}

/// What is looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recheck {
    /// Why.
    pub cause: Cause,
    /// The version that was seen; empty: none in particular.
    pub version: String,
    /// The hash that was seen; empty: none in particular.
    pub sha256: String,
    /// What changed, in words; hostile text.
    pub detail: String,
    /// The same in Japanese; empty: the same words.
    #[serde(default)]
    pub detail_ja: String,
    /// Since when.
    pub since: Timestamp,
}
