//! The reviewers' part in a request: who is in charge, the checklist, overrides, the decision.
//!
//! What stands against an approval:
//!
//! | verdict | way past it |
//! | --- | --- |
//! | deny, error | an override: one reviewer proposes, another confirms, both with a reason |
//! | malware | the same, and a third person approves |
//! | escalate | escalation, or an override |
//! | unknown, or nobody looked | the approver says that he accepts it |
//! | still running; checklist unanswered | none: wait, answer |
//!
//! Invariant: neither of the two people of an override is the requester, and they are not the same person.
//! Invariant: a reviewer who answered a rule of the checklist with an objection does not take it back alone.

use crate::check::{self, Check, CheckKind, Verdict};
use crate::command::{By, Command, Effect, Notice, Recipients};
use crate::decision::{Outcome, Ruling};
use crate::refusal::Refusal;
use crate::request::{Message, Request, State, concerns, in_state, worded};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// One person's word, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// The override of one answer of one source. It has force when it is confirmed; a newer answer needs a new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Which check.
    pub check: String,
    /// Who proposed it.
    pub proposed: Word,
    /// Who confirmed it.
    pub confirmed: Option<Word>,
}

/// A reviewer's answer to a rule that a machine cannot judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAnswer {
    /// Which rule.
    pub rule: String,
    /// Whether the rule's question is answered with yes.
    pub yes: bool,
    /// What the rule says when it is answered with yes.
    pub verdict: Verdict,
    /// What was found; may be empty.
    pub note: String,
}

/// A checklist answer with its writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistAnswer {
    /// Which rule.
    pub rule: String,
    /// Yes or no.
    pub yes: bool,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A decision as it was given on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The decision.
    pub ruling: Ruling,
    /// By whom.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What stands between a request and an approval.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blockers {
    /// Sources that have not answered.
    pub pending: usize,
    /// Rules of the checklist that wait for an answer.
    pub unanswered: Vec<String>,
    /// Checks that deny or failed and are not overridden.
    pub failed: Vec<String>,
    /// Checks that want a second person, when the request is not escalated and they are not overridden.
    pub escalate: Vec<String>,
    /// Whether a source knows nothing, or nobody looked: the approver must say that he accepts it.
    pub unknown: bool,
    /// People who overrode malware and may not approve as well.
    pub not_by: Vec<String>,
}

impl Blockers {
    /// Whether an approval is possible at all now (by somebody who accepts what is unknown).
    #[must_use]
    pub const fn none(&self) -> bool {
        self.pending == 0
            && self.unanswered.is_empty()
            && self.failed.is_empty()
            && self.escalate.is_empty()
    }
}

/// What stands between a request and an approval now.
#[must_use]
pub fn blockers(request: &Request, now: Timestamp) -> Blockers {
    let mut found = Blockers {
        pending: request.pending.len(),
        unanswered: request.open_questions.clone(),
        ..Blockers::default()
    };
    let counting = counting(request);
    found.unknown = !counting.iter().any(|one| one.kind != CheckKind::Policy);
    for one in counting {
        let verdict = one.verdict_at(now);
        let overridden = confirmed_override(request, &one.id);
        match (verdict, overridden) {
            (Verdict::Allow, _) => {}
            (Verdict::Unknown, _) => found.unknown = true,
            (Verdict::DenyMalware, Some((first, second))) => {
                found.not_by.extend([first.by.clone(), second.by.clone()]);
            }
            (_, Some(_)) => {}
            (Verdict::Escalate, None) if request.state == State::Escalated => {}
            (Verdict::Escalate, None) => found.escalate.push(one.id.clone()),
            (Verdict::Deny | Verdict::DenyMalware | Verdict::Error, None) => {
                found.failed.push(one.id.clone());
            }
        }
    }
    found
}

/// The answers that count and concern the request as it is now.
#[must_use]
pub fn counting(request: &Request) -> Vec<&Check> {
    check::current(&request.checks).into_iter().filter(|one| concerns(request, one)).collect()
}

pub(crate) fn step(
    request: &mut Request,
    command: &Command,
    by: By<'_>,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    let person = reviewer(request, by)?;
    match command {
        Command::Assign { to } => assign(request, to.as_deref(), &person),
        Command::Ask { text } => {
            in_state(request, &[State::InReview])?;
            let text = worded("question", text)?;
            let message = Message { by: person, at: now, asks: true, text: text.clone() };
            request.messages.push(message);
            request.reminded_at = None;
            request.enter(State::NeedsInfo, now);
            let to = Recipients::People(vec![request.requester.clone()]);
            Ok(vec![Effect::Tell { to, what: Notice::Question { text } }])
        }
        Command::AnswerRule(answer) => answer_rule(request, answer, person, now),
        Command::ProposeOverride { check, reason } => propose(request, check, reason, person, now),
        Command::ConfirmOverride { check, reason } => confirm(request, check, reason, person, now),
        Command::Escalate { reason } => {
            in_state(request, &[State::InReview])?;
            let text = worded("reason", reason)?;
            request.messages.push(Message { by: person.clone(), at: now, asks: false, text });
            request.escalated_by = Some(person);
            request.enter(State::Escalated, now);
            Ok(vec![Effect::Tell { to: Recipients::Seniors, what: Notice::Escalated }])
        }
        Command::Decide(ruling) => decide(request, ruling, person, by, now),
        Command::TakeUp => {
            in_state(request, &[State::Appealed])?;
            not_the_denier(request, &person)?;
            request.assignee = Some(person);
            request.enter(State::InReview, now);
            Ok(Vec::new())
        }
        // Every other command is dispatched before it gets here.
        _ => Err(Refusal::NotReviewer),
    }
}

/// The reviewer's id, when it is a reviewer and not the requester who acts.
pub(crate) fn reviewer(request: &Request, by: By<'_>) -> Result<String, Refusal> {
    match by {
        By::Person { id, .. } if id == request.requester => Err(Refusal::OwnRequest),
        By::Person { id, reviewer: true, .. } | By::Person { id, senior: true, .. } => {
            Ok(id.to_owned())
        }
        By::Person { .. } | By::Machine => Err(Refusal::NotReviewer),
    }
}

/// An appeal is for somebody else than the person whose denial it is against.
///
/// # Errors
/// [`Refusal::SecondPerson`].
pub fn not_the_denier(request: &Request, person: &str) -> Result<(), Refusal> {
    let denial = request.rulings.last().filter(|last| last.ruling.outcome == Outcome::Deny);
    if denial.is_some_and(|denial| denial.by == person) {
        return Err(Refusal::SecondPerson { why: "you denied it yourself" });
    }
    Ok(())
}

fn assign(request: &mut Request, to: Option<&str>, by: &str) -> Result<Vec<Effect>, Refusal> {
    if !request.state.is_open() {
        return Err(Refusal::State { state: request.state });
    }
    if to == Some(request.requester.as_str()) {
        return Err(Refusal::OwnRequest);
    }
    if let Some(one) = to.filter(|_| request.state == State::Appealed) {
        not_the_denier(request, one)?;
    }
    request.assignee = to.map(str::to_owned);
    match to {
        Some(one) if one != by => {
            let to = Recipients::People(vec![one.to_owned()]);
            Ok(vec![Effect::Tell { to, what: Notice::Assigned }])
        }
        _ => Ok(Vec::new()),
    }
}

fn answer_rule(
    request: &mut Request,
    answer: &RuleAnswer,
    person: String,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    in_state(request, &[State::InReview, State::NeedsInfo, State::Escalated])?;
    let before = request.answers.iter().rfind(|one| one.rule == answer.rule);
    let is_open = request.open_questions.contains(&answer.rule);
    if !is_open && before.is_none() {
        return Err(Refusal::NoSuchCheck { check: answer.rule.clone() });
    }
    if before.is_some_and(|one| one.yes && !answer.yes && one.by == person) {
        return Err(Refusal::SecondPerson { why: "you objected yourself" });
    }
    request.open_questions.retain(|rule| *rule != answer.rule);
    let id = format!("answer-{}", request.checks.len());
    request.checks.push(Check {
        id,
        kind: CheckKind::Policy,
        source: answer.rule.clone(),
        subject: ANSWERED_BY_PERSON.to_owned(),
        verdict: if answer.yes { answer.verdict } else { Verdict::Allow },
        name: String::new(),
        detail: answer.note.chars().take(crate::limits::CHECK_TEXT_CHARS_MAX).collect(),
        detail_ja: String::new(),
        at: now,
        expires_at: None,
    });
    let rule = answer.rule.clone();
    request.answers.push(ChecklistAnswer { rule, yes: answer.yes, by: person, at: now });
    Ok(Vec::new())
}

fn propose(
    request: &mut Request,
    id: &str,
    reason: &str,
    person: String,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    in_state(request, &[State::InReview, State::Escalated])?;
    let reason = worded("reason", reason)?;
    let Some(found) = request.checks.iter().find(|one| one.id == id) else {
        return Err(Refusal::NoSuchCheck { check: id.to_owned() });
    };
    if !found.verdict.fails() && found.verdict != Verdict::Escalate {
        return Err(Refusal::NothingToOverride { check: id.to_owned() });
    }
    // A proposal that nobody confirmed yet may be worded anew; one in force stays.
    if confirmed_override(request, id).is_some() {
        return Err(Refusal::NothingToOverride { check: id.to_owned() });
    }
    request.overrides.retain(|one| one.check != id);
    let proposed = Word { by: person, at: now, reason };
    request.overrides.push(Override { check: id.to_owned(), proposed, confirmed: None });
    Ok(vec![Effect::Tell { to: Recipients::Reviewers, what: Notice::OverrideProposed }])
}

fn confirm(
    request: &mut Request,
    id: &str,
    reason: &str,
    person: String,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    in_state(request, &[State::InReview, State::Escalated])?;
    let reason = worded("reason", reason)?;
    let is_open = |one: &&mut Override| one.check == id && one.confirmed.is_none();
    let Some(found) = request.overrides.iter_mut().find(is_open) else {
        return Err(Refusal::NoSuchCheck { check: id.to_owned() });
    };
    if found.proposed.by == person {
        return Err(Refusal::SecondPerson { why: "you proposed it yourself" });
    }
    found.confirmed = Some(Word { by: person, at: now, reason });
    Ok(Vec::new())
}

fn decide(
    request: &mut Request,
    ruling: &Ruling,
    person: String,
    by: By<'_>,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    // A question that nobody answers (who asked for it has left, say) must not keep a request open for ever.
    let states: &[State] = match ruling.outcome {
        Outcome::Deny => &[State::InReview, State::Escalated, State::NeedsInfo],
        _ => &[State::InReview, State::Escalated],
    };
    in_state(request, states)?;
    if request.state == State::Escalated {
        if !matches!(by, By::Person { senior: true, .. }) {
            return Err(Refusal::NotSenior);
        }
        if request.escalated_by.as_deref() == Some(person.as_str()) {
            return Err(Refusal::SecondPerson { why: "you escalated it yourself" });
        }
    }
    not_the_denier(request, &person)?;
    ruling.check(now)?;
    if ruling.outcome != Outcome::Deny {
        may_approve(request, ruling, &person, now)?;
    }
    let state = match ruling.outcome {
        Outcome::Approve => State::Approved,
        Outcome::ApproveWithConditions => State::ApprovedWithConditions,
        Outcome::Deny => State::Denied,
    };
    request.pending.clear();
    request.escalated_by = None;
    request.enter(state, now);
    let given = Given { ruling: ruling.clone(), by: person, at: now };
    request.rulings.push(given.clone());
    let to = Recipients::People(request.audience());
    let what = Notice::Decided { outcome: ruling.outcome };
    Ok(vec![Effect::Enact(Box::new(given)), Effect::Tell { to, what }])
}

fn may_approve(
    request: &Request,
    ruling: &Ruling,
    person: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    let found = blockers(request, now);
    if found.pending > 0 {
        return Err(Refusal::StillChecking { count: found.pending });
    }
    if !found.unanswered.is_empty() {
        return Err(Refusal::Unanswered { rules: found.unanswered });
    }
    if !found.none() {
        let checks = [found.failed, found.escalate].concat();
        return Err(Refusal::Blocked { checks });
    }
    if found.not_by.iter().any(|one| one == person) {
        return Err(Refusal::SecondPerson { why: "you took part in overriding malware" });
    }
    if found.unknown && !ruling.unknown_accepted {
        return Err(Refusal::UnknownNotAccepted);
    }
    Ok(())
}

fn confirmed_override<'a>(request: &'a Request, id: &str) -> Option<(&'a Word, &'a Word)> {
    let found = request.overrides.iter().find(|one| one.check == id)?;
    found.confirmed.as_ref().map(|second| (&found.proposed, second))
}

/// The subject of a checklist answer that a person gave; the machine's own answers stand beside it.
const ANSWERED_BY_PERSON: &str = "person";
