//! Why a step is refused.

use crate::request::State;

/// One field of a form and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormFault {
    /// The field's name, as in the form.
    pub field: &'static str,
    /// What is wrong: `is missing`, `is too long` …
    pub fault: &'static str,
}

/// Why a step of a request, a review or a decision is refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is not in a state that allows it.
    #[error("a request in state {} does not allow this; load it again", state.name())]
    State {
        /// Its state.
        state: State,
    },
    /// The decision is not in a state that allows it.
    #[error("a decision in state {state} does not allow this; load it again")]
    Life {
        /// Its state.
        state: &'static str,
    },
    /// Only the requester may do it, or only the machine.
    #[error("this is for the requester alone")]
    NotYours,
    /// Nobody judges a request of his own.
    #[error("nobody judges a request of his own; ask another reviewer")]
    OwnRequest,
    /// Only a reviewer may do it.
    #[error("this is for reviewers")]
    NotReviewer,
    /// Only somebody who decides escalated requests may do it.
    #[error("this request was escalated; somebody more senior decides it")]
    NotSenior,
    /// A second person is needed.
    #[error("this needs a second person: {why}")]
    SecondPerson {
        /// What the second person must not be.
        why: &'static str,
    },
    /// Checks stand against the approval.
    #[error("{} checks stand against the approval; override them with a second person, or deny", checks.len())]
    Blocked {
        /// Ids of the checks, or of the rules that a person must answer.
        checks: Vec<String>,
    },
    /// Sources have not answered yet.
    #[error("{count} checks have not answered yet; wait for them")]
    StillChecking {
        /// How many.
        count: usize,
    },
    /// Rules of the checklist wait for an answer.
    #[error("{} rules of the checklist wait for an answer", rules.len())]
    Unanswered {
        /// Ids of the rules.
        rules: Vec<String>,
    },
    /// Nobody vouched for what no source knows.
    #[error("no source knows this software; say that you decide all the same, and why")]
    UnknownNotAccepted,
    /// A form or a text is not acceptable.
    #[error("{}", .0.iter().map(|one| format!("{} {}", one.field, one.fault)).collect::<Vec<_>>().join(", "))]
    Form(Vec<FormFault>),
    /// A file of paid software was given.
    #[error("files of paid software are not taken; give its SHA-256")]
    PaidSoftware,
    /// There is no such check or rule.
    #[error("there is no check {check}")]
    NoSuchCheck {
        /// Which.
        check: String,
    },
    /// The check does not stand against an approval.
    #[error("check {check} needs no override")]
    NothingToOverride {
        /// Which.
        check: String,
    },
    /// A limit was reached.
    #[error("too many {what}")]
    TooMuch {
        /// Of what.
        what: &'static str,
    },
    /// A request cannot repeat itself.
    #[error("a request cannot repeat itself")]
    Itself,
}
