//! The ports to sources of evidence, and what they exchange.
//!
//! Invariant: *unknown* is not clean, and a port that fails is an error that never approves; the rules are those of
//! [`case::check`].
//! Invariant: of paid software no port ever gets a file.

use crate::view::detections::Said;
use crate::view::requests::{Kind, Verdict};
use case::check::{Check, CheckKind, NO_ANSWER};
use model::Timestamp;
use software::Step;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

/// What a port answers, later.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, EvidenceFault>> + Send + 'a>>;

/// A port could not answer. Its words are shown to reviewers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", reason.en)]
pub struct EvidenceFault {
    /// Why, in words without secrets.
    pub reason: Said,
}

/// What one scanner says of a file, a hash or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVerdict {
    /// Which scanner: `hash-list`, `yara`, `clamav` …
    pub scanner: String,
    /// What it says.
    pub verdict: Verdict,
    /// What it found (a signature's, a rule's name); empty: nothing.
    pub name: String,
    /// Why, in words.
    pub detail: String,
    /// The same in Japanese; empty: it speaks English only.
    pub detail_ja: String,
    /// When it looked.
    pub at: Timestamp,
    /// Of when its knowledge is; `None`: it does not say.
    pub database_date: Option<Timestamp>,
}

/// What the manifest of a browser extension's package says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtensionReport {
    /// The id that follows from the package's key; empty: it has none.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Permissions, without those on hosts.
    pub permissions: Vec<String>,
    /// Hosts that it may read.
    pub host_permissions: Vec<String>,
    /// Where it updates itself from; empty: the store.
    pub update_url: String,
}

/// What is known of a file after it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileReport {
    /// What the scanners say, each one.
    pub verdicts: Vec<FileVerdict>,
    /// The manifest, when it is the package of a browser extension.
    pub extension: Option<ExtensionReport>,
    /// Whether it carries a valid signature; `None`: that was not looked at.
    pub signed: Option<bool>,
    /// Who signed it; empty: unknown.
    pub signer: String,
}

/// A source of evidence. A port that knows nothing of hashes or addresses answers with an empty list, which counts
/// as "unknown".
pub trait EvidencePort: Send + Sync + std::fmt::Debug {
    /// Its name, shown to reviewers.
    fn name(&self) -> &str;

    /// Looks up a SHA-256 in lower-case hex. Nothing but the hash leaves the product.
    fn hash<'a>(&'a self, sha256: &'a str) -> Answering<'a, Vec<FileVerdict>>;

    /// Reads a file (never runs it). `name` is its name as the requester gave it.
    fn file<'a>(&'a self, path: &'a Path, name: &'a str, kind: Kind) -> Answering<'a, FileReport>;

    /// Looks up a web address. The address itself is not fetched.
    fn url<'a>(&'a self, url: &'a str) -> Answering<'a, Vec<FileVerdict>>;
}

/// How much of the web a browser extension may read, by its host permissions.
#[must_use]
pub fn host_access<'a>(permissions: impl IntoIterator<Item = &'a str>) -> &'static str {
    let mut grade = "none";
    for one in permissions {
        let one = one.trim();
        let is_host = one == "<all_urls>" || one.contains("://");
        if !is_host {
            continue;
        }
        let rest = one.split_once("://").map_or("*", |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or_default();
        // Every host, or every host of a public suffix such as `*.com` or `*.co.jp`.
        let named = host.trim_start_matches("*.");
        let is_broad = one == "<all_urls>"
            || host == "*"
            || host.is_empty()
            || (host.starts_with("*.") && software::origin::registrable_domain(named).is_none());
        if is_broad {
            return "broad";
        }
        grade = "some";
    }
    grade
}

/// A scanner's word as a check.
pub(crate) fn check_of(id: String, kind: CheckKind, subject: &str, said: &FileVerdict) -> Check {
    let joined = |detail: &str, dated: Option<String>| {
        let detail = Some(detail.to_owned()).filter(|text| !text.is_empty());
        detail.into_iter().chain(dated).collect::<Vec<_>>().join("; ")
    };
    let date = said.database_date;
    let detail = joined(&said.detail, date.map(|date| format!("database of {date}")));
    let detail_ja = match said.detail_ja.as_str() {
        "" if !said.detail.is_empty() => String::new(),
        ja => joined(ja, date.map(|date| format!("データベースの日付 {date}"))),
    };
    Check {
        id,
        kind,
        source: said.scanner.clone(),
        subject: subject.to_owned(),
        verdict: said.verdict,
        name: said.name.clone(),
        detail,
        detail_ja,
        at: said.at,
        expires_at: Some(said.at.plus_nanos(crate::limits::EVIDENCE_LIFE_NS)),
    }
}

/// A check of our own making.
pub(crate) fn own_check(
    id: String,
    kind: CheckKind,
    words: (&str, &str, &str),
    verdict: Verdict,
    detail: Step,
    at: Timestamp,
) -> Check {
    let (source, subject, name) = words;
    Check {
        id,
        kind,
        source: source.to_owned(),
        subject: subject.to_owned(),
        verdict,
        name: name.to_owned(),
        detail: detail.en,
        detail_ja: detail.ja,
        at,
        expires_at: None,
    }
}

/// A detail in both languages.
pub(crate) fn both(ja: &str, en: &str) -> Step {
    Step { ja: ja.to_owned(), en: en.to_owned() }
}

/// A detail that is the same in every language: names and lists.
pub(crate) fn as_is(text: String) -> Step {
    Step { ja: String::new(), en: text }
}

/// The check that stands for a port's failure; a later answer about the same subject replaces it.
pub(crate) fn fault_check(
    id: String,
    kind: CheckKind,
    subject: &str,
    port: &str,
    fault: &EvidenceFault,
    at: Timestamp,
) -> Check {
    let Said { ja, en } = &fault.reason;
    let detail = both(
        &format!("{port} は答えられませんでした: {ja}"),
        &format!("{port} could not answer: {en}"),
    );
    own_check(id, kind, (NO_ANSWER, subject, ""), Verdict::Error, detail, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_access_is_graded() {
        for (permissions, grade) in [
            (vec!["tabs", "storage"], "none"),
            (vec!["https://*.example.com/*"], "some"),
            (vec!["https://example.com/*", "<all_urls>"], "broad"),
            (vec!["*://*/*"], "broad"),
            (vec!["https://*.com/*"], "broad"),
            (vec!["https://*.co.jp/*"], "broad"),
            (vec!["file:///*"], "broad"),
            (vec![], "none"),
        ] {
            assert_eq!(host_access(permissions.iter().copied()), grade, "{permissions:?}");
        }
    }
}
