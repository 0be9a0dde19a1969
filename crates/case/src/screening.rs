//! The machine's part in a request: it asks sources for evidence, takes their answers and watches the time.
//!
//! Invariant: the machine may deny (malware found at the first look) and never approves.
//! Invariant: a source that does not answer in time counts as one that failed.

use crate::check::{self, Check, CheckKind, NO_ANSWER, PendingCheck, Verdict};
use crate::command::{By, Effect, Notice, Recipients};
use crate::limits::{CHECK_ANSWER_NS_MAX, CHECK_TEXT_CHARS_MAX, QUESTION_REMINDER_NS};
use crate::refusal::Refusal;
use crate::request::{Request, State, in_state};
use model::Timestamp;

/// States in which answers of sources are taken.
const LOOKING: [State; 5] =
    [State::Screening, State::InReview, State::NeedsInfo, State::Escalated, State::Appealed];

pub(crate) fn begin(
    request: &mut Request,
    checks: &[PendingCheck],
    by: By<'_>,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    machine(by)?;
    in_state(request, &[State::Submitted])?;
    request.pending = checks.to_vec();
    request.enter(State::Screening, now);
    let mut effects = Vec::new();
    if !checks.is_empty() {
        effects.push(Effect::Gather(checks.to_vec()));
    }
    effects.extend(leave_screening(request, now));
    Ok(effects)
}

/// Asks again, or for what a corrected form brought.
pub(crate) fn ask_more(
    request: &mut Request,
    checks: &[PendingCheck],
    by: By<'_>,
) -> Result<Vec<Effect>, Refusal> {
    if by != By::Machine {
        crate::review::reviewer(request, by)?;
    }
    in_state(request, &LOOKING)?;
    let is_new = |one: &&PendingCheck| {
        !request.pending.iter().any(|known| known.kind == one.kind && known.subject == one.subject)
    };
    let fresh: Vec<PendingCheck> = checks.iter().filter(is_new).cloned().collect();
    request.pending.extend(fresh.iter().cloned());
    if fresh.is_empty() { Ok(Vec::new()) } else { Ok(vec![Effect::Gather(fresh)]) }
}

/// The answers of one source, or of several asked at once. No answer at all is an error.
pub(crate) fn record(
    request: &mut Request,
    asked: (CheckKind, &str),
    answers: &[Check],
    by: By<'_>,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    machine(by)?;
    in_state(request, &LOOKING)?;
    let was_pending = |one: &PendingCheck| one.kind == asked.0 && one.subject == asked.1;
    // An answer that nobody waits for any longer (a retry after a restart) changes nothing.
    let Some(place) = request.pending.iter().position(was_pending) else { return Ok(Vec::new()) };
    request.pending.remove(place);
    if answers.is_empty() {
        no_answer(request, asked.0, asked.1, now);
    }
    // Policy answers come by `record_policy` and from people.
    let taken = answers.iter().filter(|answer| answer.kind != CheckKind::Policy);
    request.checks.extend(taken.map(bounded));
    Ok(leave_screening(request, now))
}

pub(crate) fn record_policy(
    request: &mut Request,
    answers: &[Check],
    ask: &[String],
    by: By<'_>,
) -> Result<Vec<Effect>, Refusal> {
    machine(by)?;
    in_state(request, &LOOKING)?;
    request
        .checks
        .extend(answers.iter().map(|answer| Check { kind: CheckKind::Policy, ..bounded(answer) }));
    for rule in ask {
        let answered = request.answers.iter().any(|answer| answer.rule == *rule);
        if !answered && !request.open_questions.contains(rule) {
            request.open_questions.push(rule.clone());
        }
    }
    Ok(Vec::new())
}

pub(crate) fn tick(
    request: &mut Request,
    by: By<'_>,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    machine(by)?;
    let mut effects = Vec::new();
    if request.state.is_open() {
        let too_late = |one: &PendingCheck| now >= one.since.plus_nanos(CHECK_ANSWER_NS_MAX);
        let late: Vec<PendingCheck> =
            request.pending.iter().filter(|one| too_late(one)).cloned().collect();
        request.pending.retain(|one| !too_late(one));
        for one in &late {
            no_answer(request, one.kind, &one.subject, now);
        }
        if !late.is_empty() {
            effects.extend(leave_screening(request, now));
        }
    }
    let waits = request.state == State::NeedsInfo
        && now >= request.state_since.plus_nanos(QUESTION_REMINDER_NS);
    if waits && request.reminded_at.is_none() {
        request.reminded_at = Some(now);
        let to = Recipients::People(vec![request.requester.clone()]);
        effects.push(Effect::Tell { to, what: Notice::QuestionAgain });
    }
    Ok(effects)
}

/// When the last source has answered: to the reviewers, or denied when malware was found. An error goes to the
/// reviewers too, who cannot approve past it.
fn leave_screening(request: &mut Request, now: Timestamp) -> Vec<Effect> {
    if request.state != State::Screening || !request.pending.is_empty() {
        return Vec::new();
    }
    if check::worst(&request.checks, now) == Verdict::DenyMalware {
        request.enter(State::Denied, now);
        let to = Recipients::People(request.audience());
        return vec![Effect::Tell { to, what: Notice::Malware }];
    }
    request.enter(State::InReview, now);
    vec![Effect::Tell { to: Recipients::Reviewers, what: Notice::Waiting }]
}

fn no_answer(request: &mut Request, kind: CheckKind, subject: &str, now: Timestamp) {
    request.checks.push(Check {
        id: format!("none-{}", request.checks.len()),
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

fn bounded(answer: &Check) -> Check {
    let cut = |text: &str| text.chars().take(CHECK_TEXT_CHARS_MAX).collect::<String>();
    Check {
        source: cut(&answer.source),
        subject: cut(&answer.subject),
        name: cut(&answer.name),
        detail: cut(&answer.detail),
        detail_ja: cut(&answer.detail_ja),
        ..answer.clone()
    }
}

fn machine(by: By<'_>) -> Result<(), Refusal> {
    if by == By::Machine { Ok(()) } else { Err(Refusal::NotYours) }
}
