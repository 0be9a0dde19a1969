//! What history rows tell besides their name. They are stored as names and arguments; the words are made here.

use crate::page::Page;
use case::check::Verdict;
use case::decision::reason_in;
use case::finding::Answer;
use model::Timestamp;

impl Page {
    /// The detail of a step of a request or a decision.
    pub(crate) fn history_detail(&self, what: impl AsRef<str>, detail: impl AsRef<str>) -> String {
        let (what, detail) = (what.as_ref(), detail.as_ref());
        let split = detail.split_once(": ");
        match (what, split) {
            ("record_checks", Some((kind, answers))) => {
                let answers: Vec<String> =
                    answers.split(", ").map(|answer| self.answer_words(answer)).collect();
                format!("{}: {}", self.word("check", kind), answers.join(self.comma()))
            }
            ("decide", Some((outcome, reason))) => {
                format!("{}: {reason}", self.word("outcome", outcome))
            }
            // The check is named by its number, which says nothing to anybody.
            ("propose_override" | "confirm_override", Some((_, reason))) => reason.to_owned(),
            // People and requests are named by their identifiers.
            ("assign" | "mark_duplicate", _) => String::new(),
            ("begin_recheck", _) if CAUSES.contains(&detail) => self.word("cause", detail),
            ("answer_rule", _) => match detail.rsplit_once(' ') {
                Some((rule, "yes")) => format!("{rule}: {}", self.t("yes")),
                Some((rule, "no")) => format!("{rule}: {}", self.t("no")),
                _ => detail.to_owned(),
            },
            _ => reason_in(detail, self.japanese()).to_owned(),
        }
    }

    /// The detail of a step of a finding.
    pub(crate) fn finding_detail(&self, cause: impl AsRef<str>, detail: impl AsRef<str>) -> String {
        let (cause, detail) = (cause.as_ref(), detail.as_ref());
        if let Some(looks) = detail.strip_prefix(NOT_FOUND) {
            let looks: Vec<String> = looks.split("; ").map(|look| self.look_words(look)).collect();
            return format!("{}: {}", self.t("finding-looked"), looks.join(self.comma()));
        }
        let (name, note) = detail.split_once(": ").unwrap_or((detail, ""));
        match Answer::of_name(name).filter(|_| cause == "answered") {
            Some(answer) => {
                let label = case::message::label(answer, self.japanese());
                if note.is_empty() { label.to_owned() } else { format!("{label}: {note}") }
            }
            None => detail.to_owned(),
        }
    }

    /// `hash-list deny_malware`: a source, and its verdict by stored name.
    fn answer_words(&self, answer: &str) -> String {
        match answer.rsplit_once(' ') {
            Some((source, verdict)) if Verdict::of_name(verdict).is_some() => {
                format!("{source} {}", self.word("verdict", verdict))
            }
            _ => answer.to_owned(),
        }
    }

    /// `dpkg looked at 2026-08-21T05:00:00Z`.
    fn look_words(&self, look: &str) -> String {
        let known = look.split_once(LOOKED_AT).and_then(|(source, at)| {
            Some(format!("{source} {}", self.when_short(Timestamp::parse(at).ok()?).text))
        });
        known.unwrap_or_else(|| look.to_owned())
    }

    fn japanese(&self) -> bool {
        self.tag() == "ja"
    }

    fn comma(&self) -> &'static str {
        if self.japanese() { "、" } else { ", " }
    }
}

/// How control begins the words of a proof, and joins a source with its time.
const NOT_FOUND: &str = "not found any more: ";
const LOOKED_AT: &str = " looked at ";
const CAUSES: [&str; 7] = [
    "new_version",
    "new_hash",
    "changed_verdict",
    "expiry",
    "permission_growth",
    "signer_change",
    "asked",
];
