//! A request to use a piece of software, from the first draft to the decision.
//!
//! ```text
//! Draft ─► Submitted ─► Duplicate                          (link and subscribe)
//!              └──────► Screening ─► Denied                (any malware)
//!                           └──────► InReview ◄─► NeedsInfo
//!                                      ├─► Approved | ApprovedWithConditions | Denied
//!                                      └─► Escalated ─► Approved | ApprovedWithConditions | Denied
//! Denied ─► Appealed ─► InReview
//! Submitted, Screening, InReview, NeedsInfo, Escalated, Appealed ─► Withdrawn;  NeedsInfo ─► Denied (no answer)
//! ```
//!
//! Invariant: nobody decides, overrides or answers the checklist of a request of his own.
//! Invariant: no step leads to an approval past a check that failed, ended in an error or is still running, unless
//! two people overrode it (see [`crate::review`]); no step without a person leads to an approval at all.
//! Invariant: of paid software nothing is uploaded: a request marked as paid holds no file.

use crate::check::{Check, CheckKind, PendingCheck, Verdict};
use crate::command::{By, Command, Effect, Notice, Recipients};
use crate::form::{Attachment, Form, Kind, is_sha256};
use crate::limits::{
    ATTACHMENTS_MAX, CHECKS_MAX, FOLLOWERS_MAX, FORM_TEXT_CHARS_MAX, MESSAGES_MAX,
};
use crate::refusal::{FormFault, Refusal};
use crate::{review, screening};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a request stands. Stored by name; the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being written; seen by its writer only.
    Draft,
    /// Handed in; the machine looks at it next.
    Submitted,
    /// The same as another one, which its writer follows now.
    Duplicate,
    /// Sources of evidence are being asked.
    Screening,
    /// A reviewer looks at it.
    InReview,
    /// The requester was asked something.
    NeedsInfo,
    /// A second, more senior person decides.
    Escalated,
    /// May be used.
    Approved,
    /// May be used under conditions.
    ApprovedWithConditions,
    /// May not be used.
    Denied,
    /// The requester disagrees with the denial.
    Appealed,
    /// Taken back by the requester.
    Withdrawn,
}

impl State {
    /// Every state, in the order of a request's life.
    pub const ALL: [Self; 12] = [
        Self::Draft,
        Self::Submitted,
        Self::Duplicate,
        Self::Screening,
        Self::InReview,
        Self::NeedsInfo,
        Self::Escalated,
        Self::Approved,
        Self::ApprovedWithConditions,
        Self::Denied,
        Self::Appealed,
        Self::Withdrawn,
    ];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::Duplicate => "duplicate",
            Self::Screening => "screening",
            Self::InReview => "in_review",
            Self::NeedsInfo => "needs_info",
            Self::Escalated => "escalated",
            Self::Approved => "approved",
            Self::ApprovedWithConditions => "approved_with_conditions",
            Self::Denied => "denied",
            Self::Appealed => "appealed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state of a stored name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether the reviewers still have something to do with it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Submitted
                | Self::Screening
                | Self::InReview
                | Self::NeedsInfo
                | Self::Escalated
                | Self::Appealed
        )
    }

    /// Whether the request ended in permission.
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Approved | Self::ApprovedWithConditions)
    }
}

/// A question to the requester, an answer of the requester, or a remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who wrote it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Whether it asks the requester for an answer.
    pub asks: bool,
    /// The text; hostile.
    pub text: String,
}

/// A request with everything that was said about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which.
    pub id: String,
    /// Who asks.
    pub requester: String,
    /// What kind of software.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// What was filled in.
    pub form: Form,
    /// Files given with it; none when the software is paid for.
    pub files: Vec<Attachment>,
    /// The request that this one repeats.
    pub duplicate_of: Option<String>,
    /// Who else wants to know, without the requester.
    pub followers: Vec<String>,
    /// The reviewer in charge.
    pub assignee: Option<String>,
    /// Questions and answers, the oldest first.
    pub messages: Vec<Message>,
    /// Evidence, the oldest first.
    pub checks: Vec<Check>,
    /// Sources that have not answered yet.
    pub pending: Vec<PendingCheck>,
    /// Overrides of failed checks.
    pub overrides: Vec<review::Override>,
    /// Answers to the checklist.
    pub answers: Vec<review::ChecklistAnswer>,
    /// Rules of the checklist that a person must answer.
    pub open_questions: Vec<String>,
    /// Who handed it to a more senior person.
    pub escalated_by: Option<String>,
    /// Decisions, the oldest first: more than one after an appeal.
    pub rulings: Vec<review::Given>,
    /// When the draft was begun.
    pub created_at: Timestamp,
    /// When it was handed in.
    pub submitted_at: Option<Timestamp>,
    /// When the state changed last.
    pub state_since: Timestamp,
    /// When the requester was reminded of a question.
    pub reminded_at: Option<Timestamp>,
}

impl Request {
    /// An empty draft.
    #[must_use]
    pub fn draft(id: String, requester: String, kind: Kind, now: Timestamp) -> Self {
        Self {
            id,
            requester,
            kind,
            state: State::Draft,
            form: Form::default(),
            files: Vec::new(),
            duplicate_of: None,
            followers: Vec::new(),
            assignee: None,
            messages: Vec::new(),
            checks: Vec::new(),
            pending: Vec::new(),
            overrides: Vec::new(),
            answers: Vec::new(),
            open_questions: Vec::new(),
            escalated_by: None,
            rulings: Vec::new(),
            created_at: now,
            submitted_at: None,
            state_since: now,
            reminded_at: None,
        }
    }

    /// The hashes that the request is about: of its files, and the one that was given.
    #[must_use]
    pub fn hashes(&self) -> Vec<&str> {
        let mut hashes: Vec<&str> = self.files.iter().map(|file| file.sha256.as_str()).collect();
        if !self.form.sha256.is_empty() && !hashes.contains(&self.form.sha256.as_str()) {
            hashes.push(&self.form.sha256);
        }
        hashes
    }

    /// Requester and followers: everybody who hears of the outcome.
    #[must_use]
    pub fn audience(&self) -> Vec<String> {
        let mut people = vec![self.requester.clone()];
        people.extend(self.followers.iter().filter(|one| **one != self.requester).cloned());
        people
    }

    pub(crate) fn enter(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.state_since = now;
    }
}

/// Takes one step.
///
/// # Errors
/// [`Refusal`] when the state, the person or the text does not allow it; nothing changed then.
pub fn step(
    request: &Request,
    command: &Command,
    by: By<'_>,
    now: Timestamp,
) -> Result<(Request, Vec<Effect>), Refusal> {
    let mut next = request.clone();
    let effects = match command {
        Command::Edit(form) => edit(&mut next, form, by)?,
        Command::ChangeKind(kind) => change_kind(&mut next, *kind, by)?,
        Command::Attach(file) => attach(&mut next, file, by)?,
        Command::Submit => submit(&mut next, by, now)?,
        Command::MarkDuplicate { of } => mark_duplicate(&mut next, of, by, now)?,
        Command::Appeal { reason } => appeal(&mut next, reason, by, now)?,
        Command::Answer { text, form } => answer(&mut next, text, form.as_deref(), by, now)?,
        Command::Withdraw => withdraw(&mut next, by, now)?,
        Command::Follow => follow(&mut next, by)?,
        Command::Unfollow => unfollow(&mut next, by)?,
        Command::Tick => screening::tick(&mut next, by, now)?,
        Command::BeginScreening(checks) => screening::begin(&mut next, checks, by, now)?,
        Command::BeginChecks(checks) => screening::ask_more(&mut next, checks, by)?,
        Command::RecordChecks { kind, subject, answers } => {
            screening::record(&mut next, (*kind, subject), answers, by, now)?
        }
        Command::RecordPolicy { answers, ask } => {
            screening::record_policy(&mut next, answers, ask, by)?
        }
        other => review::step(&mut next, other, by, now)?,
    };
    if next.checks.len() > CHECKS_MAX || next.messages.len() > MESSAGES_MAX {
        return Err(Refusal::TooMuch { what: "answers or messages" });
    }
    Ok((next, effects))
}

fn edit(request: &mut Request, form: &Form, by: By<'_>) -> Result<Vec<Effect>, Refusal> {
    own(request, by)?;
    in_state(request, &[State::Draft])?;
    take_form(request, form)
}

fn change_kind(request: &mut Request, kind: Kind, by: By<'_>) -> Result<Vec<Effect>, Refusal> {
    own(request, by)?;
    in_state(request, &[State::Draft])?;
    request.kind = kind;
    Ok(Vec::new())
}

/// Replaces the form; a form that says "paid" lets go of every file.
fn take_form(request: &mut Request, form: &Form) -> Result<Vec<Effect>, Refusal> {
    let faults = form.shape_faults();
    if !faults.is_empty() {
        return Err(Refusal::Form(faults));
    }
    request.form = form.clone();
    if !form.paid || request.files.is_empty() {
        return Ok(Vec::new());
    }
    let dropped = std::mem::take(&mut request.files);
    Ok(vec![Effect::DropFiles(dropped.into_iter().map(|file| file.sha256).collect())])
}

fn attach(request: &mut Request, file: &Attachment, by: By<'_>) -> Result<Vec<Effect>, Refusal> {
    own(request, by)?;
    in_state(request, &[State::Draft, State::NeedsInfo])?;
    if request.form.paid {
        return Err(Refusal::PaidSoftware);
    }
    if !is_sha256(&file.sha256) {
        let fault = FormFault { field: "file", fault: "has no SHA-256" };
        return Err(Refusal::Form(vec![fault]));
    }
    if request.files.iter().any(|known| known.sha256 == file.sha256) {
        return Ok(Vec::new());
    }
    if request.files.len() >= ATTACHMENTS_MAX {
        return Err(Refusal::TooMuch { what: "files" });
    }
    request.files.push(file.clone());
    Ok(Vec::new())
}

fn submit(request: &mut Request, by: By<'_>, now: Timestamp) -> Result<Vec<Effect>, Refusal> {
    own(request, by)?;
    in_state(request, &[State::Draft])?;
    let faults = request.form.faults(request.kind, !request.files.is_empty());
    if !faults.is_empty() {
        return Err(Refusal::Form(faults));
    }
    request.submitted_at = Some(now);
    request.enter(State::Submitted, now);
    Ok(Vec::new())
}

fn mark_duplicate(
    request: &mut Request,
    of: &str,
    by: By<'_>,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    if own(request, by).is_err() {
        review::reviewer(request, by)?;
    }
    in_state(request, &[State::Submitted])?;
    if of == request.id || of.is_empty() {
        return Err(Refusal::Itself);
    }
    request.duplicate_of = Some(of.to_owned());
    request.pending.clear();
    request.enter(State::Duplicate, now);
    let what = Notice::Duplicate { of: of.to_owned() };
    Ok(vec![Effect::Tell { to: Recipients::People(request.audience()), what }])
}

fn answer(
    request: &mut Request,
    text: &str,
    form: Option<&Form>,
    by: By<'_>,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    let person = own(request, by)?;
    in_state(request, &[State::NeedsInfo])?;
    let text = worded("answer", text)?;
    request.messages.push(Message { by: person, at: now, asks: false, text });
    let mut effects = match form {
        Some(form) => {
            let faults = form.faults(request.kind, !request.files.is_empty());
            if !faults.is_empty() {
                return Err(Refusal::Form(faults));
            }
            take_form(request, form)?
        }
        None => Vec::new(),
    };
    request.reminded_at = None;
    request.enter(State::InReview, now);
    let to = match &request.assignee {
        Some(one) => Recipients::People(vec![one.clone()]),
        None => Recipients::Reviewers,
    };
    effects.push(Effect::Tell { to, what: Notice::Answered });
    Ok(effects)
}

fn appeal(
    request: &mut Request,
    reason: &str,
    by: By<'_>,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    let person = own(request, by)?;
    in_state(request, &[State::Denied])?;
    let text = worded("reason", reason)?;
    request.messages.push(Message { by: person, at: now, asks: false, text });
    request.enter(State::Appealed, now);
    Ok(vec![Effect::Tell { to: Recipients::Reviewers, what: Notice::Appealed }])
}

fn withdraw(request: &mut Request, by: By<'_>, now: Timestamp) -> Result<Vec<Effect>, Refusal> {
    own(request, by)?;
    if !request.state.is_open() {
        return Err(Refusal::State { state: request.state });
    }
    request.pending.clear();
    request.enter(State::Withdrawn, now);
    let mut to = request.followers.clone();
    to.extend(request.assignee.clone());
    Ok(vec![Effect::Tell { to: Recipients::People(to), what: Notice::Withdrawn }])
}

fn follow(request: &mut Request, by: By<'_>) -> Result<Vec<Effect>, Refusal> {
    let By::Person { id, .. } = by else { return Err(Refusal::NotYours) };
    // A draft is its writer's alone.
    if request.state == State::Draft {
        return Err(Refusal::State { state: request.state });
    }
    if request.requester == id || request.followers.iter().any(|one| one == id) {
        return Ok(Vec::new());
    }
    if request.followers.len() >= FOLLOWERS_MAX {
        return Err(Refusal::TooMuch { what: "followers" });
    }
    request.followers.push(id.to_owned());
    Ok(Vec::new())
}

fn unfollow(request: &mut Request, by: By<'_>) -> Result<Vec<Effect>, Refusal> {
    let By::Person { id, .. } = by else { return Err(Refusal::NotYours) };
    request.followers.retain(|one| one != id);
    Ok(Vec::new())
}

/// The requester's id, when it is the requester who acts.
fn own(request: &Request, by: By<'_>) -> Result<String, Refusal> {
    match by {
        By::Person { id, .. } if id == request.requester => Ok(id.to_owned()),
        By::Person { .. } | By::Machine => Err(Refusal::NotYours),
    }
}

pub(crate) fn in_state(request: &Request, allowed: &[State]) -> Result<(), Refusal> {
    if allowed.contains(&request.state) {
        return Ok(());
    }
    Err(Refusal::State { state: request.state })
}

/// A reason, question or answer: not empty, not endless.
pub(crate) fn worded(field: &'static str, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let fault = if text.is_empty() {
        "is missing"
    } else if text.chars().count() > FORM_TEXT_CHARS_MAX {
        "is too long"
    } else {
        return Ok(text.to_owned());
    };
    Err(Refusal::Form(vec![FormFault { field, fault }]))
}

/// Whether an answer still concerns the request: malware always does, evidence of a file or an address that was
/// replaced does not.
pub(crate) fn concerns(request: &Request, check: &Check) -> bool {
    match check.kind {
        _ if check.verdict == Verdict::DenyMalware => true,
        CheckKind::Hash | CheckKind::File => request.hashes().contains(&check.subject.as_str()),
        CheckKind::Url | CheckKind::Origin => check.subject == request.form.url,
        CheckKind::Sightings | CheckKind::Permissions | CheckKind::Policy => true,
    }
}
