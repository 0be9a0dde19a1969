//! Who acts on a request, what may happen to it, and what follows outside.

use crate::check::{Check, CheckKind, PendingCheck};
use crate::decision::{Outcome, Ruling};
use crate::form::{Attachment, Form, Kind};
use crate::review;
use serde::{Deserialize, Serialize};

/// Who acts. The caller vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// The product itself: evidence and timers.
    Machine,
    /// A person.
    Person {
        /// Which.
        id: &'a str,
        /// Whether the person may review requests.
        reviewer: bool,
        /// Whether the person may decide what was escalated.
        senior: bool,
    },
}

/// What is to happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The requester changes the draft.
    Edit(Form),
    /// The requester says that the draft is about another kind of software.
    ChangeKind(Kind),
    /// The requester adds a file.
    Attach(Attachment),
    /// The requester hands it in.
    Submit,
    /// It repeats another request.
    MarkDuplicate {
        /// The other one.
        of: String,
    },
    /// The machine begins to ask for evidence; an empty list leads to the reviewers at once.
    BeginScreening(Vec<PendingCheck>),
    /// The machine asks again, or for more.
    BeginChecks(Vec<PendingCheck>),
    /// A source answered: what was asked, and its answers.
    RecordChecks {
        /// What was asked.
        kind: CheckKind,
        /// About what.
        subject: String,
        /// The answers; none counts as an error.
        answers: Vec<Check>,
    },
    /// The machine judged the rules of the checklist; `ask`: rules that a person must answer.
    RecordPolicy {
        /// One answer per rule that the machine could judge.
        answers: Vec<Check>,
        /// Ids of the rules that a person must answer.
        ask: Vec<String>,
    },
    /// A reviewer takes charge of it or gives it to another one.
    Assign {
        /// Who is in charge now; `None`: nobody.
        to: Option<String>,
    },
    /// A reviewer asks the requester.
    Ask {
        /// The question.
        text: String,
    },
    /// The requester answers, and may correct the form.
    Answer {
        /// The answer.
        text: String,
        /// The corrected form.
        form: Option<Box<Form>>,
    },
    /// A reviewer answers a rule of the checklist.
    AnswerRule(review::RuleAnswer),
    /// A reviewer proposes that a failed check is overridden.
    ProposeOverride {
        /// Which check.
        check: String,
        /// Why.
        reason: String,
    },
    /// A second person agrees.
    ConfirmOverride {
        /// Which check.
        check: String,
        /// Why.
        reason: String,
    },
    /// A reviewer hands it to a more senior person.
    Escalate {
        /// Why.
        reason: String,
    },
    /// A reviewer decides.
    Decide(Box<Ruling>),
    /// The requester disagrees with a denial.
    Appeal {
        /// Why.
        reason: String,
    },
    /// A reviewer takes up an appeal.
    TakeUp,
    /// The requester takes it back.
    Withdraw,
    /// Somebody wants to hear of the outcome.
    Follow,
    /// Somebody no longer does.
    Unfollow,
    /// Time has passed.
    Tick,
}

impl Command {
    /// The name in the history and the audit chain.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ChangeKind(_) => "change_kind",
            Self::Edit(_) => "edit",
            Self::Attach(_) => "attach",
            Self::Submit => "submit",
            Self::MarkDuplicate { .. } => "mark_duplicate",
            Self::BeginScreening(_) => "begin_screening",
            Self::BeginChecks(_) => "begin_checks",
            Self::RecordChecks { .. } => "record_checks",
            Self::RecordPolicy { .. } => "record_policy",
            Self::Assign { .. } => "assign",
            Self::Ask { .. } => "ask",
            Self::Answer { .. } => "answer",
            Self::AnswerRule(_) => "answer_rule",
            Self::ProposeOverride { .. } => "propose_override",
            Self::ConfirmOverride { .. } => "confirm_override",
            Self::Escalate { .. } => "escalate",
            Self::Decide(_) => "decide",
            Self::Appeal { .. } => "appeal",
            Self::TakeUp => "take_up",
            Self::Withdraw => "withdraw",
            Self::Follow => "follow",
            Self::Unfollow => "unfollow",
            Self::Tick => "tick",
        }
    }
}

/// Who is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// These people.
    People(Vec<String>),
    /// Everybody who reviews.
    Reviewers,
    /// Everybody who decides what was escalated.
    Seniors,
}

/// What they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A request waits for a reviewer.
    Waiting,
    /// Somebody was put in charge of it.
    Assigned,
    /// It was found to repeat another one, which the reader follows now.
    Duplicate {
        /// The other one.
        of: String,
    },
    /// There is a question to answer.
    Question {
        /// The question.
        text: String,
    },
    /// The question still waits.
    QuestionAgain,
    /// The requester answered.
    Answered,
    /// A second person is needed for an override.
    OverrideProposed,
    /// It waits for a more senior person.
    Escalated,
    /// It was decided.
    Decided {
        /// How.
        outcome: Outcome,
    },
    /// It was denied because a source found malware.
    Malware,
    /// The requester disagrees.
    Appealed,
    /// It was taken back.
    Withdrawn,
}

/// What must happen outside together with the new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Tell people.
    Tell {
        /// Whom.
        to: Recipients,
        /// What.
        what: Notice,
    },
    /// Ask these sources.
    Gather(Vec<PendingCheck>),
    /// Forget these files, by hash: the software is paid for.
    DropFiles(Vec<String>),
    /// The decision takes force.
    Enact(Box<review::Given>),
}
