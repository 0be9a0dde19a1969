//! A decision on a title, for as long as it has force.
//!
//! ```text
//! Active ─► ReReview ─► Active | Suspended
//! Active, ReReview, Suspended ─► Revoked          Suspended ─► ReReview
//! Active, ReReview, Suspended ─► Retired          (end of life)
//! ```
//!
//! A re-review has a cause: a new version, a new hash, a changed verdict, expiry, more permissions, another signer.
//!
//! Invariant: the machine gives back full force only when every source that it asked about a new version or hash
//! answered, and every one said "allow"; it suspends on malware; everything else waits for a person.

pub use crate::recheck::{Cause, Recheck, reason_in};
pub use crate::ruling::{Condition, Outcome, Ruling, Scope};

use crate::check::{self, Check, CheckKind, NO_ANSWER, PendingCheck, Verdict};
use crate::limits::{CHECK_ANSWER_NS_MAX, VERSIONS_SEEN_MAX};
use crate::refusal::{FormFault, Refusal};
use crate::request::worded;
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Which force a decision has. Stored by name; the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// It has force.
    Active,
    /// Something changed; it is looked at again.
    ReReview,
    /// It has no force for now.
    Suspended,
    /// It has no force any more.
    Revoked,
    /// The software reached its end of life.
    Retired,
}

impl Life {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::ReReview, Self::Suspended, Self::Revoked, Self::Retired];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::ReReview => "re_review",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Retired => "retired",
        }
    }

    /// The state of a stored name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|life| life.name() == name)
    }
}

/// A decision on a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Which.
    pub id: String,
    /// On which title.
    pub title: String,
    /// What was decided, and why.
    pub ruling: Ruling,
    /// By whom; of an import: who imported it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The request that it answers; `None`: imported, or given without one.
    pub request: Option<String>,
    /// Who asked for it, and may therefore not keep it in force.
    pub requester: Option<String>,
    /// Which force it has.
    pub life: Life,
    /// Since when.
    pub life_since: Timestamp,
    /// Why it was suspended, revoked or retired; empty while it was not.
    pub life_reason: String,
    /// It was suspended before this re-review, and has no force until the re-review ends.
    pub held: bool,
    /// What is looked at again; empty unless it is.
    pub rechecks: Vec<Recheck>,
    /// Sources that have not answered yet.
    pub pending: Vec<PendingCheck>,
    /// Evidence of the present re-review.
    pub checks: Vec<Check>,
    /// Versions that were looked at.
    pub versions_seen: Vec<String>,
    /// Hashes that were looked at.
    pub hashes_seen: Vec<String>,
}

impl Decision {
    /// A decision that takes force.
    #[must_use]
    pub fn new(id: String, title: String, ruling: Ruling, by: String, now: Timestamp) -> Self {
        Self {
            id,
            title,
            ruling,
            by,
            at: now,
            request: None,
            requester: None,
            life: Life::Active,
            life_since: now,
            life_reason: String::new(),
            held: false,
            rechecks: Vec::new(),
            pending: Vec::new(),
            checks: Vec::new(),
            versions_seen: Vec::new(),
            hashes_seen: Vec::new(),
        }
    }

    fn enter(&mut self, life: Life, reason: &str, now: Timestamp) {
        self.life = life;
        self.life_since = now;
        self.life_reason = reason.to_owned();
    }

    /// Ends a re-review with what was looked at noted.
    fn settle(&mut self, now: Timestamp) {
        for recheck in std::mem::take(&mut self.rechecks) {
            for (list, text) in [
                (&mut self.versions_seen, recheck.version),
                (&mut self.hashes_seen, recheck.sha256),
            ] {
                if !text.is_empty() && !list.contains(&text) {
                    if list.len() >= VERSIONS_SEEN_MAX {
                        list.remove(0);
                    }
                    list.push(text);
                }
            }
        }
        self.pending.clear();
        self.held = false;
        self.enter(Life::Active, "", now);
    }
}

/// What happens to a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Something changed; `ask`: sources to be asked about it.
    BeginRecheck {
        /// What.
        recheck: Recheck,
        /// Which sources.
        ask: Vec<PendingCheck>,
    },
    /// A source answered; no answer counts as an error.
    RecordChecks {
        /// What was asked.
        kind: CheckKind,
        /// About what.
        subject: String,
        /// The answers.
        answers: Vec<Check>,
    },
    /// A reviewer keeps it in force.
    Keep {
        /// Why.
        reason: String,
        /// Until when now.
        valid_until: Option<Timestamp>,
        /// That a source knows nothing, and that it is kept all the same.
        unknown_accepted: bool,
    },
    /// A reviewer takes its force away for now.
    Suspend {
        /// Why.
        reason: String,
    },
    /// A reviewer takes its force away for good, or a newer decision of the same scope replaces it.
    Revoke {
        /// Why.
        reason: String,
    },
    /// The software reached its end of life.
    Retire {
        /// Why.
        reason: String,
    },
    /// Time has passed.
    Tick,
}

impl Turn {
    /// The name in the history and the audit chain.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BeginRecheck { .. } => "begin_recheck",
            Self::RecordChecks { .. } => "record_checks",
            Self::Keep { .. } => "keep",
            Self::Suspend { .. } => "suspend",
            Self::Revoke { .. } => "revoke",
            Self::Retire { .. } => "retire",
            Self::Tick => "tick",
        }
    }
}

/// What must happen outside together with the new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecisionEffect {
    /// Ask these sources.
    Gather(Vec<PendingCheck>),
    /// Reviewers are told that it waits for them.
    TellReviewers,
    /// The people who asked for it are told that it has no force now.
    TellUsers,
}

/// Takes one step. `person`: who acts, vouched for as a reviewer by the caller; `None`: the machine.
///
/// # Errors
/// [`Refusal`] when the state or the person does not allow it; nothing changed then.
pub fn step(
    decision: &Decision,
    turn: &Turn,
    person: Option<&str>,
    now: Timestamp,
) -> Result<(Decision, Vec<DecisionEffect>), Refusal> {
    let mut next = decision.clone();
    let effects = match turn {
        Turn::BeginRecheck { recheck, ask } => begin_recheck(&mut next, recheck, ask, person, now)?,
        Turn::RecordChecks { kind, subject, answers } => {
            record(&mut next, (*kind, subject), answers, person, now)?
        }
        Turn::Keep { reason, valid_until, unknown_accepted } => {
            may_keep(&next, person, *unknown_accepted, now)?;
            worded("reason", reason)?;
            if valid_until.is_some_and(|end| end <= now) {
                let fault = FormFault { field: "valid_until", fault: "is in the past" };
                return Err(Refusal::Form(vec![fault]));
            }
            next.ruling.valid_until = *valid_until;
            next.settle(now);
            Vec::new()
        }
        Turn::Suspend { reason } => {
            in_life(&next, &[Life::Active, Life::ReReview])?;
            end(&mut next, Life::Suspended, reason, person, now)?
        }
        Turn::Revoke { reason } => {
            in_life(&next, &[Life::Active, Life::ReReview, Life::Suspended])?;
            end(&mut next, Life::Revoked, reason, person, now)?
        }
        Turn::Retire { reason } => {
            in_life(&next, &[Life::Active, Life::ReReview, Life::Suspended])?;
            next.pending.clear();
            next.enter(Life::Retired, &worded("reason", reason)?, now);
            vec![DecisionEffect::TellUsers]
        }
        Turn::Tick => tick(&mut next, person, now)?,
    };
    Ok((next, effects))
}

/// A permission past bad evidence is never kept: it is revoked, and a new request takes the long way.
fn may_keep(
    decision: &Decision,
    person: Option<&str>,
    unknown_accepted: bool,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(person) = person else { return Err(Refusal::NotReviewer) };
    if decision.requester.as_deref() == Some(person) {
        return Err(Refusal::OwnRequest);
    }
    in_life(decision, &[Life::ReReview])?;
    if !decision.pending.is_empty() {
        return Err(Refusal::StillChecking { count: decision.pending.len() });
    }
    if decision.ruling.outcome == Outcome::Deny {
        return Ok(());
    }
    let bad = failing(decision, now);
    if !bad.is_empty() {
        return Err(Refusal::Blocked { checks: bad });
    }
    let is_unknown = check::worst(&decision.checks, now) == Verdict::Unknown;
    if is_unknown && !unknown_accepted {
        return Err(Refusal::UnknownNotAccepted);
    }
    Ok(())
}

fn begin_recheck(
    decision: &mut Decision,
    recheck: &Recheck,
    ask: &[PendingCheck],
    person: Option<&str>,
    now: Timestamp,
) -> Result<Vec<DecisionEffect>, Refusal> {
    in_life(decision, &[Life::Active, Life::ReReview, Life::Suspended])?;
    let same = |one: &Recheck| {
        (one.cause, &one.version, &one.sha256) == (recheck.cause, &recheck.version, &recheck.sha256)
    };
    let again = recheck.cause != Cause::Asked && decision.rechecks.iter().any(same);
    // What is suspended stays so until a person wants to look again.
    if again || (decision.life == Life::Suspended && person.is_none()) {
        return Ok(Vec::new());
    }
    if decision.rechecks.len() >= VERSIONS_SEEN_MAX {
        return Err(Refusal::TooMuch { what: "versions to look at" });
    }
    match decision.life {
        Life::Suspended => decision.held = true,
        Life::Active => decision.checks.clear(),
        Life::ReReview | Life::Revoked | Life::Retired => {}
    }
    if decision.life != Life::ReReview {
        decision.enter(Life::ReReview, "", now);
    }
    decision.rechecks.push(recheck.clone());
    let waits = |one: &&PendingCheck| {
        !decision.pending.iter().any(|known| known.kind == one.kind && known.subject == one.subject)
    };
    let fresh: Vec<PendingCheck> = ask.iter().filter(waits).cloned().collect();
    decision.pending.extend(fresh.iter().cloned());
    if decision.pending.is_empty() {
        return Ok(vec![DecisionEffect::TellReviewers]);
    }
    Ok(vec![DecisionEffect::Gather(fresh)])
}

fn record(
    decision: &mut Decision,
    asked: (CheckKind, &str),
    answers: &[Check],
    person: Option<&str>,
    now: Timestamp,
) -> Result<Vec<DecisionEffect>, Refusal> {
    if person.is_some() {
        return Err(Refusal::NotYours);
    }
    let was_pending = |one: &PendingCheck| one.kind == asked.0 && one.subject == asked.1;
    let Some(place) = decision.pending.iter().position(was_pending) else { return Ok(Vec::new()) };
    decision.pending.remove(place);
    if answers.is_empty() {
        no_answer(decision, asked.0, asked.1, now);
    }
    decision.checks.extend(answers.iter().cloned());
    Ok(conclude(decision, now))
}

/// What the machine may conclude alone once every source has answered.
fn conclude(decision: &mut Decision, now: Timestamp) -> Vec<DecisionEffect> {
    if decision.life != Life::ReReview {
        return Vec::new();
    }
    let worst = check::worst(&decision.checks, now);
    if worst == Verdict::DenyMalware && decision.ruling.outcome != Outcome::Deny {
        decision.pending.clear();
        decision.enter(Life::Suspended, crate::recheck::MALWARE_FOUND, now);
        return vec![DecisionEffect::TellReviewers, DecisionEffect::TellUsers];
    }
    if !decision.pending.is_empty() {
        return Vec::new();
    }
    // What was asked about by its hash, and nothing but new; all else is for a person.
    let machine_may = |one: &Recheck| {
        matches!(one.cause, Cause::NewVersion | Cause::NewHash | Cause::ChangedVerdict)
            && decision.checks.iter().any(|answer| answer.subject == one.sha256)
    };
    if worst == Verdict::Allow && !decision.held && decision.rechecks.iter().all(machine_may) {
        decision.settle(now);
        return Vec::new();
    }
    vec![DecisionEffect::TellReviewers]
}

fn end(
    decision: &mut Decision,
    life: Life,
    reason: &str,
    person: Option<&str>,
    now: Timestamp,
) -> Result<Vec<DecisionEffect>, Refusal> {
    if person.is_none() {
        return Err(Refusal::NotReviewer);
    }
    decision.pending.clear();
    decision.enter(life, &worded("reason", reason)?, now);
    Ok(vec![DecisionEffect::TellUsers])
}

fn tick(
    decision: &mut Decision,
    person: Option<&str>,
    now: Timestamp,
) -> Result<Vec<DecisionEffect>, Refusal> {
    if person.is_some() {
        return Err(Refusal::NotYours);
    }
    let late = |one: &PendingCheck| now >= one.since.plus_nanos(CHECK_ANSWER_NS_MAX);
    let silent: Vec<PendingCheck> =
        decision.pending.iter().filter(|one| late(one)).cloned().collect();
    decision.pending.retain(|one| !late(one));
    for one in &silent {
        no_answer(decision, one.kind, &one.subject, now);
    }
    let mut effects = if silent.is_empty() { Vec::new() } else { conclude(decision, now) };
    let is_over = decision.ruling.valid_until.is_some_and(|until| now >= until);
    let known = decision.rechecks.iter().any(|one| one.cause == Cause::Expiry);
    if is_over && !known && matches!(decision.life, Life::Active | Life::ReReview) {
        let recheck = Recheck {
            cause: Cause::Expiry,
            version: String::new(),
            sha256: String::new(),
            detail: String::new(),
            detail_ja: String::new(),
            since: now,
        };
        effects.extend(begin_recheck(decision, &recheck, &[], None, now)?);
    }
    Ok(effects)
}

fn no_answer(decision: &mut Decision, kind: CheckKind, subject: &str, now: Timestamp) {
    decision.checks.push(Check {
        id: format!("none-{}", decision.checks.len()),
        kind,
        source: NO_ANSWER.to_owned(),
        subject: subject.to_owned(),
        verdict: Verdict::Error,
        name: String::new(),
        detail: "no answer".to_owned(),
        detail_ja: "応答がありませんでした".to_owned(),
        at: now,
        expires_at: None,
    });
}

fn failing(decision: &Decision, now: Timestamp) -> Vec<String> {
    let bad = |one: &&Check| !matches!(one.verdict_at(now), Verdict::Allow | Verdict::Unknown);
    check::current(&decision.checks).into_iter().filter(bad).map(|one| one.id.clone()).collect()
}

fn in_life(decision: &Decision, allowed: &[Life]) -> Result<(), Refusal> {
    if allowed.contains(&decision.life) {
        return Ok(());
    }
    Err(Refusal::Life { state: decision.life.name() })
}
