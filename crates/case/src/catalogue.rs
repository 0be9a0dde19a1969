//! May somebody use a title? The decisions on it, weighed for one person and one version.
//!
//! Of the decisions whose scope the asker is in, the most particular counts: one for the person before one for the
//! department or device group before one for everybody, one for a range of versions before one for all; among equals
//! a denial before a permission, then the newer.
//!
//! Invariant: without a decision in force the answer is "ask", never "may".

use crate::decision::{Cause, Condition, Decision, Life, Outcome};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use software::version::{Ranges, Scheme, compare};
use std::cmp::Ordering;
use std::collections::HashMap;

/// The answer to "may I use it?". Stored by name; the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum May {
    /// Yes.
    Use,
    /// Yes, under conditions.
    WithConditions,
    /// It must be asked for.
    Ask,
    /// No.
    MayNot,
}

impl May {
    /// Every answer.
    pub const ALL: [Self; 4] = [Self::Use, Self::WithConditions, Self::Ask, Self::MayNot];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Use => "use",
            Self::WithConditions => "with_conditions",
            Self::Ask => "ask",
            Self::MayNot => "may_not",
        }
    }

    /// The answer of a stored name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|may| may.name() == name)
    }
}

/// Why the answer is not simply yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Nobody decided on it.
    Undecided,
    /// It was permitted to others only, or in other versions.
    OutOfScope,
    /// It was denied.
    Denied,
    /// The permission was given for a time, which is over; it is looked at again.
    Expired,
    /// This version or hash is new and is looked at.
    Unchecked,
    /// The permission is suspended.
    Suspended,
    /// The permission was revoked.
    Revoked,
    /// The software reached its end of life.
    EndOfLife,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Undecided,
        Self::OutOfScope,
        Self::Denied,
        Self::Expired,
        Self::Unchecked,
        Self::Suspended,
        Self::Revoked,
        Self::EndOfLife,
    ];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::OutOfScope => "out_of_scope",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Unchecked => "unchecked",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::EndOfLife => "end_of_life",
        }
    }
}

/// Who asks, about what. Empty text: not known, or everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked<'a> {
    /// The title's id.
    pub title: &'a str,
    /// The version that is used or wanted.
    pub version: &'a str,
    /// The hash of what is used.
    pub sha256: &'a str,
    /// The person's id.
    pub person: &'a str,
    /// The department's id.
    pub department: &'a str,
    /// Device groups.
    pub groups: &'a [String],
}

/// The answer, with the decision that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The answer.
    pub may: May,
    /// Why, when it is not simply yes.
    pub why: Option<Why>,
    /// The decision that it comes from.
    pub decision: Option<&'a Decision>,
    /// Whether the version or the hash is new to a permission that has force: a re-check should begin.
    pub is_new: bool,
}

impl<'a> Judged<'a> {
    /// The conditions of the permission.
    #[must_use]
    pub fn conditions(&self) -> &'a [Condition] {
        self.decision.map_or(&[], |decision| decision.ruling.conditions.as_slice())
    }
}

/// The decisions on one title, and what else bears on them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Every decision on it.
    pub decisions: Vec<Decision>,
    /// How its versions are compared.
    pub scheme: Scheme,
    /// From when on its maker cares for it no more.
    pub end_of_life: Option<Timestamp>,
    /// When it was taken out of the catalogue.
    pub retired_at: Option<Timestamp>,
}

/// The decisions on every title.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Approvals {
    titles: HashMap<String, Standing>,
}

impl Approvals {
    /// Of the standings of every title.
    #[must_use]
    pub fn new(titles: HashMap<String, Standing>) -> Self {
        Self { titles }
    }

    /// What bears on one title.
    #[must_use]
    pub fn of_title(&self, title: &str) -> Option<&Standing> {
        self.titles.get(title)
    }

    /// The answer for one asker.
    #[must_use]
    pub fn judge(&self, asked: &Asked<'_>, now: Timestamp) -> Judged<'_> {
        self.titles
            .get(asked.title)
            .map_or_else(|| plain(May::Ask, Why::Undecided), |standing| standing.judge(asked, now))
    }
}

impl Standing {
    /// The answer for one asker.
    #[must_use]
    pub fn judge(&self, asked: &Asked<'_>, now: Timestamp) -> Judged<'_> {
        let is_over = self.end_of_life.is_some_and(|end| now >= end);
        if self.retired_at.is_some() || is_over {
            return plain(May::MayNot, Why::EndOfLife);
        }
        let in_force = |one: &&Decision| !matches!(one.life, Life::Revoked);
        let mine = |one: &&Decision| self.particular(one, asked).is_some();
        let weighed = self.decisions.iter().filter(in_force).filter(mine);
        let Some(decision) = weighed.max_by(|left, right| self.weigh(left, right, asked)) else {
            return self.without_decision(asked);
        };
        let answer = |may, why| Judged { may, why, decision: Some(decision), is_new: false };
        if decision.ruling.outcome == Outcome::Deny {
            let why = if decision.life == Life::Retired { Why::EndOfLife } else { Why::Denied };
            return answer(May::MayNot, Some(why));
        }
        let granted = match decision.ruling.outcome {
            Outcome::ApproveWithConditions => May::WithConditions,
            Outcome::Approve | Outcome::Deny => May::Use,
        };
        match decision.life {
            Life::Suspended => answer(May::MayNot, Some(Why::Suspended)),
            Life::Revoked => answer(May::MayNot, Some(Why::Revoked)),
            Life::Retired => answer(May::MayNot, Some(Why::EndOfLife)),
            Life::ReReview if decision.held => answer(May::MayNot, Some(Why::Suspended)),
            _ if self.lapsed(decision, now) => answer(May::Ask, Some(Why::Expired)),
            Life::ReReview if self.waits(decision, asked) => answer(May::Ask, Some(Why::Unchecked)),
            Life::Active | Life::ReReview => {
                Judged { is_new: self.is_new(decision, asked), ..answer(granted, None) }
            }
        }
    }

    /// How particular a decision is to the asker; `None`: it does not concern the asker or the version.
    fn particular(&self, decision: &Decision, asked: &Asked<'_>) -> Option<(u8, bool)> {
        let scope = &decision.ruling.scope;
        let who = if scope.people.iter().any(|one| one == asked.person) && !asked.person.is_empty()
        {
            3
        } else if scope.departments.iter().any(|one| one == asked.department)
            || scope.groups.iter().any(|one| asked.groups.contains(one))
        {
            2
        } else if scope.is_everybody() {
            1
        } else {
            return None;
        };
        if scope.versions.trim().is_empty() || asked.version.is_empty() {
            return Some((who, !scope.versions.trim().is_empty()));
        }
        // A range that cannot be read (it was checked when it was saved) covers nothing.
        let ranges = Ranges::parse(&scope.versions).ok()?;
        ranges.contains(self.scheme, asked.version).then_some((who, true))
    }

    fn weigh(&self, left: &Decision, right: &Decision, asked: &Asked<'_>) -> Ordering {
        let weight = |one: &Decision| {
            (self.particular(one, asked), one.ruling.outcome == Outcome::Deny, one.at)
        };
        weight(left).cmp(&weight(right)).then_with(|| left.id.cmp(&right.id))
    }

    fn without_decision(&self, asked: &Asked<'_>) -> Judged<'_> {
        let newest = self.decisions.iter().max_by_key(|one| one.life_since);
        let revoked = self.decisions.iter().filter(|one| one.life == Life::Revoked);
        let concerned = revoked.filter(|one| self.particular(one, asked).is_some());
        match concerned.max_by_key(|one| one.life_since) {
            // A denial that was revoked leaves the title undecided; a permission that was revoked is gone.
            Some(decision) if decision.ruling.outcome != Outcome::Deny => {
                let why = Some(Why::Revoked);
                Judged { may: May::MayNot, why, decision: Some(decision), is_new: false }
            }
            _ if newest.is_some_and(|one| one.life != Life::Revoked) => {
                plain(May::Ask, Why::OutOfScope)
            }
            _ => plain(May::Ask, Why::Undecided),
        }
    }

    fn lapsed(&self, decision: &Decision, now: Timestamp) -> bool {
        decision.ruling.valid_until.is_some_and(|until| now >= until)
            || decision.rechecks.iter().any(|one| one.cause == Cause::Expiry)
    }

    /// Whether what is asked about is just being looked at.
    fn waits(&self, decision: &Decision, asked: &Asked<'_>) -> bool {
        decision.rechecks.iter().any(|one| {
            let version = !one.version.is_empty()
                && !asked.version.is_empty()
                && compare(self.scheme, &one.version, asked.version) == Ordering::Equal;
            let hash = !one.sha256.is_empty() && one.sha256 == asked.sha256;
            version || hash
        })
    }

    /// Whether nobody looked at this version or hash yet. A decision that names a range of versions has looked at
    /// all of them; one that never saw a version (an import) has nothing to compare with.
    fn is_new(&self, decision: &Decision, asked: &Asked<'_>) -> bool {
        let seen = &decision.versions_seen;
        let named = !decision.ruling.scope.versions.trim().is_empty();
        let same = |one: &String| compare(self.scheme, one, asked.version) == Ordering::Equal;
        let new_version =
            !named && !asked.version.is_empty() && !seen.is_empty() && !seen.iter().any(same);
        let hashes = &decision.hashes_seen;
        let new_hash = !asked.sha256.is_empty()
            && !hashes.is_empty()
            && !hashes.iter().any(|one| one == asked.sha256);
        new_version || new_hash
    }
}

const fn plain<'a>(may: May, why: Why) -> Judged<'a> {
    Judged { may, why: Some(why), decision: None, is_new: false }
}

/// The conditions in one line: Japanese and English. Where a language is missing the other stands in.
#[must_use]
pub fn conditions_line(conditions: &[Condition]) -> (String, String) {
    let either =
        |one: &str, other: &str| if one.trim().is_empty() { other } else { one }.to_owned();
    let ja: Vec<String> = conditions.iter().map(|one| either(&one.text_ja, &one.text_en)).collect();
    let en: Vec<String> = conditions.iter().map(|one| either(&one.text_en, &one.text_ja)).collect();
    (ja.join("、"), en.join("; "))
}
