//! A detection: the alerts of one rule, on one device or on many, folded into one finding (OCSF Detection Finding,
//! class 2004).
//!
//! ```text
//!            assigned                 closed (verdict, reason)
//! New ─────────────────► InProgress ───────────────────────────► Closed
//!  ▲  ◄───────────────── released                                  │
//!  ├── closed without having been assigned ───────────────────────►│
//!  └───────────────────────── reopened (InProgress when assigned) ◄┘
//! ```
//!
//! More alerts never change where it stands: they are counted. An alert that comes after the closing opens a new
//! detection, which names the earlier one. A person's newest step can be undone by whoever may take steps.
//!
//! Invariant: there is at most one detection of a rule that is not closed; hence a closed one is reopened, also by
//! undoing, only while there is no newer open one.
//! Invariant: it is closed by a person, with a verdict and a reason, and by nothing else.

use crate::limits::{DETECTION_REASON_CHARS_MAX, PERSON_ID_CHARS_MAX};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a detection stands. The stored names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody looks at it yet. OCSF `status_id` 1.
    New,
    /// Somebody does. OCSF `status_id` 2.
    InProgress,
    /// It was judged. OCSF `status_id` 4.
    Closed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::New, Self::InProgress, Self::Closed];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::InProgress => "in_progress",
            Self::Closed => "closed",
        }
    }

    /// The status of a stored name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// `status_id` of OCSF.
    #[must_use]
    pub const fn ocsf(self) -> u8 {
        match self {
            Self::New => 1,
            Self::InProgress => 2,
            Self::Closed => 4,
        }
    }
}

/// What a closed detection was. The stored names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The rule was right, and it was an attack or a breach of policy. OCSF `verdict_id` 2.
    TruePositive,
    /// The rule was right, and what happened was permitted. OCSF `verdict_id` 5.
    Benign,
    /// The rule was wrong. OCSF `verdict_id` 1.
    FalsePositive,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::TruePositive, Self::Benign, Self::FalsePositive];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TruePositive => "true_positive",
            Self::Benign => "benign",
            Self::FalsePositive => "false_positive",
        }
    }

    /// The verdict of a stored name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// `verdict_id` of OCSF.
    #[must_use]
    pub const fn ocsf(self) -> u8 {
        match self {
            Self::TruePositive => 2,
            Self::Benign => 5,
            Self::FalsePositive => 1,
        }
    }

    /// Whether its alerts say something of the risk of devices and users.
    #[must_use]
    pub const fn counts_as_risk(self) -> bool {
        matches!(self, Self::TruePositive)
    }
}

/// Where a detection stands, with what a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The status.
    pub status: Status,
    /// Who looks at it, or looked at it.
    pub assignee: Option<String>,
    /// What it was, when it is closed.
    pub verdict: Option<Verdict>,
    /// Why; empty while it is open.
    pub reason: String,
}

/// A detection as far as people move it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// Where it stands.
    pub now: Standing,
    /// Since when.
    pub since: Timestamp,
    /// Where it stood before a person's newest step; `None` before the first and after undoing.
    pub before: Option<Standing>,
}

/// What happens to a detection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody looks at it.
    Assigned {
        /// Who.
        person: String,
    },
    /// Nobody looks at it any more.
    Released,
    /// It was judged.
    Closed {
        /// What it was.
        verdict: Verdict,
        /// Why.
        reason: String,
    },
    /// It is looked at again.
    Reopened {
        /// Why.
        reason: String,
    },
    /// The newest step is taken back.
    Undone,
}

impl Event {
    /// The name in the history. Stored; never changes.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Assigned { .. } => "assigned",
            Self::Released => "released",
            Self::Closed { .. } => "closed",
            Self::Reopened { .. } => "reopened",
            Self::Undone => "undone",
        }
    }
}

/// What the caller does after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Its alerts count for the risk of devices and users from now on, or no more.
    RiskCounts(bool),
    /// Whoever closed it is offered an exclusion of the rule: otherwise the same is found again.
    OfferExclusion,
}

/// Why a step is refused; nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The status does not allow it.
    #[error("a detection that is {} does not allow this; load it again", status.name())]
    Status {
        /// Where it stands.
        status: Status,
    },
    /// There is a newer open detection of the rule.
    #[error("a newer detection of this rule is open; work on that one")]
    NewerIsOpen,
    /// A reason is needed.
    #[error("a reason is needed, of at most {DETECTION_REASON_CHARS_MAX} characters")]
    Reason,
    /// The person's identifier is empty or too long.
    #[error("there is no such person; choose one of the list")]
    Person,
    /// There is nothing to undo.
    #[error("there is no step to undo; load it again")]
    NothingToUndo,
}

impl Detection {
    /// A new one.
    #[must_use]
    pub const fn open(now: Timestamp) -> Self {
        let standing =
            Standing { status: Status::New, assignee: None, verdict: None, reason: String::new() };
        Self { now: standing, since: now, before: None }
    }

    /// Whether its alerts count for the risk of devices and users: they do unless it was closed as harmless.
    #[must_use]
    pub fn counts_as_risk(&self) -> bool {
        self.now.verdict.is_none_or(Verdict::counts_as_risk)
    }
}

/// Takes one step. `newer_is_open`: whether the rule has a newer detection that is not closed.
///
/// # Errors
/// [`Refused`]; nothing changed then.
pub fn step(
    detection: &Detection,
    event: &Event,
    newer_is_open: bool,
    now: Timestamp,
) -> Result<(Detection, Vec<Effect>), Refused> {
    let standing = &detection.now;
    let closed = standing.status == Status::Closed;
    let wrong = Refused::Status { status: standing.status };
    let next = match event {
        Event::Assigned { person } => {
            let chars = person.chars().count();
            match () {
                () if closed => return Err(wrong),
                () if chars == 0 || chars > PERSON_ID_CHARS_MAX => return Err(Refused::Person),
                () => {}
            }
            Standing {
                status: Status::InProgress,
                assignee: Some(person.clone()),
                ..standing.clone()
            }
        }
        Event::Released if standing.status != Status::InProgress => return Err(wrong),
        Event::Released => Standing { status: Status::New, assignee: None, ..standing.clone() },
        Event::Closed { .. } if closed => return Err(wrong),
        Event::Closed { verdict, reason } => Standing {
            status: Status::Closed,
            assignee: standing.assignee.clone(),
            verdict: Some(*verdict),
            reason: sound(reason)?,
        },
        Event::Reopened { .. } if !closed => return Err(wrong),
        Event::Reopened { .. } if newer_is_open => return Err(Refused::NewerIsOpen),
        Event::Reopened { reason } => {
            sound(reason)?;
            reopened(standing)
        }
        Event::Undone => {
            let before = detection.before.clone().ok_or(Refused::NothingToUndo)?;
            if closed && before.status != Status::Closed && newer_is_open {
                return Err(Refused::NewerIsOpen);
            }
            before
        }
    };
    let undone = *event == Event::Undone;
    let before = (!undone).then(|| standing.clone());
    let next = Detection { now: next, since: now, before };
    let mut effects = Vec::new();
    if next.counts_as_risk() != detection.counts_as_risk() {
        effects.push(Effect::RiskCounts(next.counts_as_risk()));
    }
    if !undone && next.now.verdict == Some(Verdict::FalsePositive) {
        effects.push(Effect::OfferExclusion);
    }
    Ok((next, effects))
}

fn reopened(closed: &Standing) -> Standing {
    let status = if closed.assignee.is_some() { Status::InProgress } else { Status::New };
    Standing { status, assignee: closed.assignee.clone(), verdict: None, reason: String::new() }
}

fn sound(reason: &str) -> Result<String, Refused> {
    let reason = reason.trim();
    match reason.chars().count() {
        1..=DETECTION_REASON_CHARS_MAX => Ok(reason.to_owned()),
        _ => Err(Refused::Reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanos(second * 1_000_000_000)
    }

    fn after(events: &[Event]) -> (Detection, Vec<Effect>) {
        let begin = (Detection::open(at(0)), Vec::new());
        events.iter().fold(begin, |(detection, _), event| {
            step(&detection, event, false, at(1)).unwrap_or_else(|err| panic!("{event:?}: {err}"))
        })
    }

    fn assigned() -> Event {
        Event::Assigned { person: "p".to_owned() }
    }

    fn closed(verdict: Verdict) -> Event {
        Event::Closed { verdict, reason: " it was the backup ".to_owned() }
    }

    fn again() -> Event {
        Event::Reopened { reason: "more of it".to_owned() }
    }

    #[test]
    fn the_way_of_a_detection() {
        assert_eq!(after(&[assigned()]).0.now.status, Status::InProgress);
        assert_eq!(after(&[assigned(), Event::Released]).0.now.status, Status::New);
        let (done, effects) = after(&[assigned(), closed(Verdict::FalsePositive)]);
        assert_eq!(
            (done.now.status, done.now.reason.as_str()),
            (Status::Closed, "it was the backup")
        );
        assert_eq!(effects, [Effect::RiskCounts(false), Effect::OfferExclusion]);
        let (open, effects) = after(&[assigned(), closed(Verdict::Benign), again()]);
        assert_eq!((open.now.status, open.now.verdict), (Status::InProgress, None));
        assert_eq!(effects, [Effect::RiskCounts(true)]);
        assert_eq!(after(&[closed(Verdict::TruePositive), again()]).0.now.status, Status::New);
        assert_eq!(after(&[closed(Verdict::TruePositive)]).1, []);
    }

    #[test]
    fn the_newest_step_can_be_undone_once() {
        let (open, effects) = after(&[assigned(), closed(Verdict::Benign), Event::Undone]);
        assert_eq!(
            (open.now.clone(), effects),
            (after(&[assigned()]).0.now, vec![Effect::RiskCounts(true)])
        );
        assert_eq!(step(&open, &Event::Undone, false, at(2)), Err(Refused::NothingToUndo));
        // Undoing a closing as false positive offers no exclusion, and undoing a reopening closes again.
        let (closed, effects) = after(&[closed(Verdict::FalsePositive), again(), Event::Undone]);
        assert_eq!((closed.now.status, effects), (Status::Closed, vec![Effect::RiskCounts(false)]));
    }

    #[test]
    fn what_is_refused() {
        let (open, done) = (after(&[]).0, after(&[closed(Verdict::Benign)]).0);
        let refused = |detection: &Detection, event: &Event, newer| {
            step(detection, event, newer, at(2)).expect_err("refused")
        };
        let status = |status| Refused::Status { status };
        assert_eq!(refused(&open, &Event::Released, false), status(Status::New));
        assert_eq!(refused(&open, &again(), false), status(Status::New));
        assert_eq!(refused(&done, &assigned(), false), status(Status::Closed));
        assert_eq!(refused(&done, &closed(Verdict::Benign), false), status(Status::Closed));
        assert_eq!(refused(&done, &again(), true), Refused::NewerIsOpen);
        assert_eq!(refused(&done, &Event::Undone, true), Refused::NewerIsOpen);
        assert_eq!(refused(&open, &Event::Undone, false), Refused::NothingToUndo);
        for reason in ["", "  ", &"x".repeat(DETECTION_REASON_CHARS_MAX + 1)] {
            let event = Event::Closed { verdict: Verdict::Benign, reason: reason.to_owned() };
            assert_eq!(refused(&open, &event, false), Refused::Reason);
        }
        assert_eq!(
            refused(&open, &Event::Assigned { person: String::new() }, false),
            Refused::Person
        );
    }

    #[test]
    fn stored_names_stay() {
        assert_eq!(Status::ALL.map(Status::name), ["new", "in_progress", "closed"]);
        assert_eq!(Verdict::ALL.map(Verdict::name), ["true_positive", "benign", "false_positive"]);
        for status in Status::ALL {
            assert_eq!(Status::of_name(status.name()), Some(status));
        }
    }
}
