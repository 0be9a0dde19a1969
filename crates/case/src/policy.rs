//! The checklist of the policy as data: what a machine can tell, and what a person must be asked.
//!
//! A rule is judged over the [`Facts`] of a request:
//!
//! ```text
//! `when` holds            the rule says its verdict
//! `unless` holds          the rule has no objection
//! neither, and `ask`      a person answers; `hint` says what the machine suspects
//! neither, no `ask`       no objection when `when` surely does not hold, else unknown
//! ```
//!
//! Invariant: what is not known never counts as harmless: it is asked, or it is unknown.

use crate::check::{self, Check, CheckKind, Verdict};
use crate::fact_words::{self, Reason};
use crate::form::Kind;
use crate::predicate::{Predicate, Subject, Truth};
use crate::request::Request;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A rule of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// Names it for ever: 1 to 64 characters of `a-z`, `0-9` and hyphen.
    pub id: String,
    /// Its title, Japanese.
    pub title_ja: String,
    /// Its title, English.
    pub title_en: String,
    /// What a reviewer is asked, Japanese; "yes" objects.
    pub question_ja: String,
    /// What a reviewer is asked, English.
    pub question_en: String,
    /// To which kinds of request it applies; empty: to all.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// When it surely objects.
    #[serde(default)]
    pub when: Option<Predicate>,
    /// When it surely does not.
    #[serde(default)]
    pub unless: Option<Predicate>,
    /// What makes the machine suspect a "yes".
    #[serde(default)]
    pub hint: Option<Predicate>,
    /// Whether a person is asked what the machine cannot tell.
    pub ask: bool,
    /// What it says when it objects.
    pub verdict: Verdict,
    /// A condition under which a reviewer may approve all the same, Japanese; empty: none.
    #[serde(default)]
    pub condition_ja: String,
    /// The same in English.
    #[serde(default)]
    pub condition_en: String,
    /// Place on the checklist, small first.
    pub priority: i64,
    /// From when it has force.
    #[serde(default)]
    pub valid_from: Option<Timestamp>,
    /// Until when it has force.
    #[serde(default)]
    pub valid_until: Option<Timestamp>,
    /// Whether it is switched on.
    pub enabled: bool,
}

/// Why a rule cannot be saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// The id is not one.
    #[error("the rule's id must have 1 to 64 characters of a-z, 0-9 and hyphen")]
    BadId,
    /// A title or a question is missing or too long.
    #[error("the rule's {field} must have 1 to {RULE_TEXT_CHARS_MAX} characters")]
    BadText {
        /// Which.
        field: &'static str,
    },
    /// A rule that never objects.
    #[error(
        "a rule must ask a person or say when it objects, and its verdict must be an objection"
    )]
    Harmless,
    /// The window ends before it begins.
    #[error("the rule's validity ends before it begins")]
    EmptyWindow,
    /// One of the predicates is malformed.
    #[error("the rule's {field}: {fault}")]
    BadPredicate {
        /// Which.
        field: &'static str,
        /// What is wrong.
        fault: crate::predicate::PredicateFault,
    },
}

impl PolicyRule {
    /// Whether it may be saved.
    ///
    /// # Errors
    /// [`RuleFault`] says what is wrong with it.
    pub fn check(&self) -> Result<(), RuleFault> {
        let id_is_good = (1..=64).contains(&self.id.len())
            && self.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !id_is_good {
            return Err(RuleFault::BadId);
        }
        for (field, text, may_be_empty) in [
            ("title (Japanese)", &self.title_ja, false),
            ("title (English)", &self.title_en, false),
            ("question (Japanese)", &self.question_ja, !self.ask),
            ("question (English)", &self.question_en, !self.ask),
            ("condition (Japanese)", &self.condition_ja, true),
            ("condition (English)", &self.condition_en, true),
        ] {
            let count = text.trim().chars().count();
            if count > RULE_TEXT_CHARS_MAX || (count == 0 && !may_be_empty) {
                return Err(RuleFault::BadText { field });
            }
        }
        let objects =
            matches!(self.verdict, Verdict::Deny | Verdict::DenyMalware | Verdict::Escalate);
        if !objects || (self.when.is_none() && !self.ask) {
            return Err(RuleFault::Harmless);
        }
        if let (Some(from), Some(until)) = (self.valid_from, self.valid_until)
            && until <= from
        {
            return Err(RuleFault::EmptyWindow);
        }
        for (field, predicate) in
            [("when", &self.when), ("unless", &self.unless), ("hint", &self.hint)]
        {
            if let Some(predicate) = predicate {
                predicate
                    .check(FIELDS)
                    .map_err(|fault| RuleFault::BadPredicate { field, fault })?;
            }
        }
        Ok(())
    }

    /// Whether it is switched on and within its window.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.enabled
            && self.valid_from.is_none_or(|from| now >= from)
            && self.valid_until.is_none_or(|until| now < until)
    }

    /// What it says of a request. `None`: it has no force, or does not concern this kind.
    #[must_use]
    pub fn judge(&self, kind: Kind, facts: &Facts, now: Timestamp) -> Option<Judged> {
        let concerns = self.kinds.is_empty() || self.kinds.contains(&kind);
        (concerns && self.in_force(now)).then(|| self.judge_facts(facts))
    }

    /// The same, whatever its kind and window: for a dry run over titles.
    #[must_use]
    pub fn judge_facts(&self, facts: &Facts) -> Judged {
        let when = self.when.as_ref().map_or(Truth::Unknown, |one| one.truth(facts));
        let unless = self.unless.as_ref().map_or(Truth::Unknown, |one| one.truth(facts));
        if when == Truth::Yes {
            let because = because(self.when.as_ref(), facts);
            return Judged::Says { verdict: self.verdict, because };
        }
        if unless == Truth::Yes {
            return Judged::Says { verdict: Verdict::Allow, because: Vec::new() };
        }
        if self.ask {
            let hint = self.hint.as_ref().is_some_and(|one| one.holds(facts));
            let because = if hint { because(self.hint.as_ref(), facts) } else { Vec::new() };
            return Judged::Asks { hint, because };
        }
        let verdict = if when == Truth::No { Verdict::Allow } else { Verdict::Unknown };
        Judged::Says { verdict, because: Vec::new() }
    }
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// The machine can tell.
    Says {
        /// What.
        verdict: Verdict,
        /// Facts that speak for it, one line each.
        because: Vec<Reason>,
    },
    /// A person must answer.
    Asks {
        /// Whether the machine suspects a "yes".
        hint: bool,
        /// Facts that speak for it, one line each.
        because: Vec<Reason>,
    },
}

/// What is known of a request: field and values. A field without a value is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts(BTreeMap<&'static str, Vec<String>>);

impl Facts {
    /// What the request itself tells: its form and its evidence.
    #[must_use]
    pub fn of_request(request: &Request) -> Self {
        let form = &request.form;
        let mut facts = Self::default();
        facts.add("kind", request.kind.name());
        facts.add("name", &form.name);
        facts.add("publisher", &form.publisher);
        facts.add("version", &form.version);
        facts.add("url", &form.url);
        facts.add("purpose", &form.purpose);
        facts.add("extension_id", &form.extension_id);
        facts.add("paid", if form.paid { "yes" } else { "no" });
        facts.add("audience", form.audience.name());
        for hash in request.hashes() {
            facts.add("sha256", hash);
        }
        for one in check::current(&request.checks) {
            let field = match one.kind {
                CheckKind::Hash => "hash_verdict",
                CheckKind::File => "file_verdict",
                CheckKind::Url => "url_verdict",
                CheckKind::Origin
                | CheckKind::Sightings
                | CheckKind::Permissions
                | CheckKind::Policy => continue,
            };
            facts.add(field, one.verdict.name());
        }
        facts
    }

    /// Adds a value; an empty one says nothing and is passed over, and so is a field that does not exist.
    pub fn add(&mut self, field: &str, value: &str) {
        let known = FIELDS.iter().find(|known| **known == field);
        if let (Some(field), false) = (known, value.trim().is_empty()) {
            self.0.entry(field).or_default().push(value.to_owned());
        }
    }
}

impl Subject for Facts {
    fn values(&self, field: &str) -> Vec<Cow<'_, str>> {
        let values = self.0.get(field).map(Vec::as_slice).unwrap_or_default();
        values.iter().map(|value| Cow::Borrowed(value.as_str())).collect()
    }
}

/// The machine's answers to the rules in force: checks for what it can tell, ids of what a person must answer.
#[must_use]
pub fn answers(
    rules: &[PolicyRule],
    kind: Kind,
    facts: &Facts,
    now: Timestamp,
) -> (Vec<Check>, Vec<String>) {
    let mut checks = Vec::new();
    let mut ask = Vec::new();
    for rule in rules {
        match rule.judge(kind, facts, now) {
            None => {}
            Some(Judged::Asks { .. }) => ask.push(rule.id.clone()),
            Some(Judged::Says { verdict, because }) => checks.push(Check {
                id: format!("policy-{}-{}", rule.id, now.nanos()),
                kind: CheckKind::Policy,
                source: rule.id.clone(),
                subject: "machine".to_owned(),
                verdict,
                name: String::new(),
                detail: fact_words::line(&because).en,
                detail_ja: fact_words::line(&because).ja,
                at: now,
                expires_at: None,
            }),
        }
    }
    (checks, ask)
}

fn because(predicate: Option<&Predicate>, facts: &Facts) -> Vec<Reason> {
    let Some(predicate) = predicate else { return Vec::new() };
    let held = predicate.comparisons(facts).into_iter().filter(|(_, truth)| *truth == Truth::Yes);
    held.map(|(one, _)| {
        let values = facts.values(&one.field).into_iter().map(Cow::into_owned).collect();
        Reason { field: one.field, values }
    })
    .collect()
}

/// The fields that a rule may ask about.
pub const FIELDS: &[&str] = &[
    "kind",
    "name",
    "publisher",
    "version",
    "url",
    "host",
    "purpose",
    "extension_id",
    "sha256",
    "paid",
    "audience",
    "title",
    "category",
    "origin",
    "file_verdict",
    "hash_verdict",
    "url_verdict",
    "permission",
    "host_access",
    "install_source",
    "signed",
    "signer",
    "end_of_life",
    "devices",
];

const RULE_TEXT_CHARS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_defaults::defaults;

    fn says(id: &str, facts: &[(&str, &str)]) -> Judged {
        let rules = defaults();
        let rule = rules.iter().find(|rule| rule.id == id).expect(id);
        let mut known = Facts::default();
        for (field, value) in facts {
            known.add(field, value);
        }
        rule.judge_facts(&known)
    }

    fn verdict(id: &str, facts: &[(&str, &str)]) -> Option<Verdict> {
        match says(id, facts) {
            Judged::Says { verdict, .. } => Some(verdict),
            Judged::Asks { .. } => None,
        }
    }

    #[test]
    fn the_rules_shipped_are_sound() {
        let mut ids: Vec<String> = defaults().into_iter().map(|rule| rule.id).collect();
        for rule in defaults() {
            rule.check().expect(&rule.id);
            let json = serde_json::to_string(&rule).expect("json");
            assert_eq!(serde_json::from_str::<PolicyRule>(&json).expect("read"), rule);
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn what_is_not_known_is_asked_or_unknown() {
        assert_eq!(
            verdict("remote-desktop", &[("category", "remote-desktop")]),
            Some(Verdict::Deny)
        );
        assert_eq!(verdict("remote-desktop", &[("category", "browser")]), Some(Verdict::Allow));
        assert_eq!(verdict("remote-desktop", &[]), None, "asked");
        let hinted = says("remote-desktop", &[("name", "SuperRemote Viewer")]);
        assert!(matches!(hinted, Judged::Asks { hint: true, .. }), "{hinted:?}");
        assert_eq!(verdict("private-printer", &[("category", "printing")]), None, "asked");
        assert_eq!(verdict("private-printer", &[("category", "browser")]), Some(Verdict::Allow));
        assert_eq!(verdict("unofficial-origin", &[("origin", "look_alike")]), Some(Verdict::Deny));
        assert_eq!(verdict("unofficial-origin", &[("origin", "official")]), Some(Verdict::Allow));
        assert_eq!(verdict("unofficial-origin", &[]), Some(Verdict::Unknown));
        let malware = [("file_verdict", "allow"), ("file_verdict", "deny_malware")];
        assert_eq!(verdict("malware", &malware), Some(Verdict::Deny));
        assert_eq!(verdict("end-of-life", &[("end_of_life", "yes")]), Some(Verdict::Deny));
        assert_eq!(
            verdict("broad-extension", &[("host_access", "broad")]),
            Some(Verdict::Escalate)
        );
    }

    #[test]
    fn windows_and_kinds() {
        let mut rule = defaults().into_iter().find(|rule| rule.id == "malware").expect("rule");
        let at = Timestamp::from_nanos;
        rule.valid_from = Some(at(10));
        rule.valid_until = Some(at(20));
        let facts = Facts::default();
        let judged = |now| rule.judge(Kind::Installer, &facts, at(now)).is_some();
        assert_eq!([judged(9), judged(10), judged(19), judged(20)], [false, true, true, false]);
        rule.kinds = vec![Kind::Extension];
        assert_eq!(rule.judge(Kind::Installer, &facts, at(15)), None);
        rule.valid_until = Some(at(10));
        assert_eq!(rule.check(), Err(RuleFault::EmptyWindow));
        rule.valid_until = None;
        rule.verdict = Verdict::Allow;
        assert_eq!(rule.check(), Err(RuleFault::Harmless));
    }
}
