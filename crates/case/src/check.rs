//! One piece of evidence on a request: who looked, at what, and what they say.
//!
//! Invariant: *unknown* is not clean. A source that knows nothing of a file never counts as one that found it
//! harmless.
//! Invariant: an error never approves, and neither an error nor "unknown" makes an earlier bad verdict of the same
//! source on the same subject disappear.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// What a source says. Stored by name; the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The source looked and has no objection.
    Allow,
    /// The source knows nothing of the subject. Not clean.
    Unknown,
    /// The source wants a second person to decide.
    Escalate,
    /// The source could not answer. Never approves.
    Error,
    /// The source objects.
    Deny,
    /// The source found malware.
    DenyMalware,
}

impl Verdict {
    /// Every verdict, the harmless first.
    pub const ALL: [Self; 6] =
        [Self::Allow, Self::Unknown, Self::Escalate, Self::Error, Self::Deny, Self::DenyMalware];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Unknown => "unknown",
            Self::Escalate => "escalate",
            Self::Error => "error",
            Self::Deny => "deny",
            Self::DenyMalware => "deny_malware",
        }
    }

    /// The verdict of a stored name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// Whether it stands against an approval until two people override it.
    #[must_use]
    pub const fn fails(self) -> bool {
        matches!(self, Self::Deny | Self::DenyMalware | Self::Error)
    }
}

/// What kind of source looked. Stored by name; the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Lists of hashes, looked up by SHA-256.
    Hash,
    /// Scanners that read the file itself.
    File,
    /// What is known of a web address.
    Url,
    /// Whether the address of the download is one of the title's official hosts.
    Origin,
    /// What our own devices report of the same title, extension or hash.
    Sightings,
    /// What a browser extension may do.
    Permissions,
    /// A rule of the policy checklist.
    Policy,
}

impl CheckKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Hash,
        Self::File,
        Self::Url,
        Self::Origin,
        Self::Sightings,
        Self::Permissions,
        Self::Policy,
    ];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::File => "file",
            Self::Url => "url",
            Self::Origin => "origin",
            Self::Sightings => "sightings",
            Self::Permissions => "permissions",
            Self::Policy => "policy",
        }
    }
}

/// A check that was started and has not answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingCheck {
    /// What kind of source is asked.
    pub kind: CheckKind,
    /// About what: a SHA-256, an address, an extension's id, a rule's id.
    pub subject: String,
    /// When it was started; after [`crate::limits::CHECK_ANSWER_NS_MAX`] without answer it counts as an error.
    pub since: Timestamp,
}

/// One answer of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Unique within the request; given by the caller.
    pub id: String,
    /// What kind of source.
    pub kind: CheckKind,
    /// Which source: a scanner's name, a rule's id.
    pub source: String,
    /// About what: a SHA-256, an address, an extension's id, a rule's id.
    pub subject: String,
    /// What it says.
    pub verdict: Verdict,
    /// What it found, in the source's own words (a signature's name); hostile text.
    pub name: String,
    /// Why, in words; hostile text.
    pub detail: String,
    /// The same in Japanese; empty: the source speaks English only.
    #[serde(default)]
    pub detail_ja: String,
    /// When it answered.
    pub at: Timestamp,
    /// After this time a harmless answer is worth no more than "unknown".
    pub expires_at: Option<Timestamp>,
}

impl Check {
    /// The verdict as of now: a harmless answer that has expired is unknown, a bad one stays bad.
    #[must_use]
    pub fn verdict_at(&self, now: Timestamp) -> Verdict {
        match (self.verdict, self.expires_at) {
            (Verdict::Allow, Some(end)) if now >= end => Verdict::Unknown,
            (verdict, _) => verdict,
        }
    }

    /// Whether two answers are of the same source on the same subject, so that one may follow the other.
    #[must_use]
    pub fn follows(&self, other: &Self) -> bool {
        self.kind == other.kind && self.source == other.source && self.subject == other.subject
    }
}

/// The source named in an answer that stands for "no answer". Any later answer about the same subject replaces it.
pub const NO_ANSWER: &str = "none";

/// The answers that count: of each source and subject one. A later answer replaces an earlier one, except that
/// "unknown" and an error do not replace an objection or malware: a scanner that was switched off must not clean a
/// file.
#[must_use]
pub fn current(checks: &[Check]) -> Vec<&Check> {
    let mut kept: Vec<&Check> = Vec::new();
    for check in checks {
        let same =
            |earlier: &&Check| earlier.kind == check.kind && earlier.subject == check.subject;
        kept.retain(|earlier| earlier.source != NO_ANSWER || !same(earlier));
        match kept.iter().position(|earlier| earlier.follows(check)) {
            None => kept.push(check),
            Some(place) if replaces(check.verdict, kept[place].verdict) => kept[place] = check,
            Some(_) => {}
        }
    }
    kept
}

/// The worst verdict of those that count; [`Verdict::Unknown`] when nobody looked.
#[must_use]
pub fn worst(checks: &[Check], now: Timestamp) -> Verdict {
    current(checks).into_iter().map(|check| check.verdict_at(now)).max().unwrap_or(Verdict::Unknown)
}

const fn replaces(later: Verdict, earlier: Verdict) -> bool {
    let says_nothing = matches!(later, Verdict::Unknown | Verdict::Error);
    let objected = matches!(earlier, Verdict::Deny | Verdict::DenyMalware | Verdict::Escalate);
    !(says_nothing && objected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, verdict: Verdict) -> Check {
        Check {
            id: String::new(),
            kind: CheckKind::File,
            source: source.into(),
            subject: "s".into(),
            verdict,
            name: String::new(),
            detail: String::new(),
            detail_ja: String::new(),
            at: Timestamp::from_nanos(0),
            expires_at: None,
        }
    }

    #[test]
    fn silence_does_not_clean() {
        use Verdict::{Allow, Deny, DenyMalware, Error, Escalate, Unknown};
        let table = [
            (vec![Allow, Deny], Deny),
            (vec![Deny, Allow], Allow),
            (vec![DenyMalware, Unknown], DenyMalware),
            (vec![DenyMalware, Error], DenyMalware),
            (vec![Escalate, Error], Escalate),
            (vec![Allow, Error], Error),
            (vec![Allow, Unknown], Unknown),
            (vec![Error, Allow], Allow),
            (vec![], Unknown),
        ];
        for (answers, expected) in table {
            let checks: Vec<_> = answers.iter().map(|verdict| check("one", *verdict)).collect();
            assert_eq!(worst(&checks, Timestamp::from_nanos(1)), expected, "{answers:?}");
        }
        let two = [check("one", DenyMalware), check("two", Allow)];
        assert_eq!(
            worst(&two, Timestamp::from_nanos(1)),
            DenyMalware,
            "another source is no answer"
        );
    }

    #[test]
    fn a_late_answer_replaces_the_missing_one() {
        let checks = [check(NO_ANSWER, Verdict::Error), check("one", Verdict::Allow)];
        assert_eq!(worst(&checks, Timestamp::from_nanos(1)), Verdict::Allow);
        let checks = [check("one", Verdict::Allow), check(NO_ANSWER, Verdict::Error)];
        assert_eq!(worst(&checks, Timestamp::from_nanos(1)), Verdict::Error);
    }

    #[test]
    fn an_expired_answer_is_unknown_when_it_was_harmless_only() {
        let mut old = check("one", Verdict::Allow);
        old.expires_at = Some(Timestamp::from_nanos(10));
        assert_eq!(old.verdict_at(Timestamp::from_nanos(9)), Verdict::Allow);
        assert_eq!(old.verdict_at(Timestamp::from_nanos(10)), Verdict::Unknown);
        old.verdict = Verdict::Deny;
        assert_eq!(old.verdict_at(Timestamp::from_nanos(10)), Verdict::Deny);
    }

    #[test]
    fn names_round_trip() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::of_name(verdict.name()), Some(verdict));
            let json = serde_json::to_string(&verdict).expect("json");
            assert_eq!(json, format!("\"{}\"", verdict.name()));
        }
        for kind in CheckKind::ALL {
            assert_eq!(serde_json::to_string(&kind).expect("json"), format!("\"{}\"", kind.name()));
        }
    }
}
