//! The life of a rule: tried, put into force, stopped.
//!
//! ```text
//!         released            widened
//! Draft ───────────► Canary ───────────► All
//!   ▲                 │  ▲                │ │
//!   │    withdrawn    │  │    narrowed    │ │
//!   ├─────────────────┘  └────────────────┘ │
//!   └───────────────────────────────────────┘
//! Canary, All ── stopped (a person, a flood, the cost) ──► Stopped ── resumed ──► where it was
//! ```
//!
//! Invariant: nothing but a person lets a rule go on or reach more devices; a machine can only stop it.
//! Invariant: a rule that was written here leaves the draft only with a test that it must match, and passes.
//! Invariant: a rule from a file has no draft: its text is not ours.

use crate::finding::words;
use model::Timestamp;
use serde::{Deserialize, Serialize};

words! {
    /// How far a rule has come.
    Stage {
        /// It is not in force; only the past is asked.
        Draft "draft" "下書き" "Draft";
        /// Every event is judged by it; it raises alerts on the devices of the canary ring only.
        Canary "canary" "試行中" "Canary";
        /// It raises alerts on every device.
        All "all" "全端末" "All devices";
        /// It is not asked any more.
        Stopped "stopped" "停止中" "Stopped";
    }
}

words! {
    /// Who or what stopped a rule.
    StopCause {
        /// A person.
        Person "person" "担当者" "A person";
        /// More matches than anybody can read.
        Flood "flood" "一致が多すぎる" "Too many matches";
        /// It took more time than all others may lose to it.
        Cost "cost" "負荷が高すぎる" "Too costly";
    }
}

/// Where a rule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// How far it has come.
    pub stage: Stage,
    /// Where it goes on when it is resumed; the stage itself unless it is stopped.
    pub resumes_as: Stage,
    /// Why it is stopped.
    pub stop: Option<Stop>,
    /// Since when it stands there; `None` for a rule of a file that was never touched.
    pub since: Option<Timestamp>,
}

/// Why a rule is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Who or what did it.
    pub cause: StopCause,
    /// The reason in Japanese.
    pub reason_ja: String,
    /// The reason in English.
    pub reason_en: String,
}

/// What happens to a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// From the draft to the canary ring.
    Release,
    /// From the canary ring to all devices.
    Widen,
    /// From all devices back to the canary ring.
    Narrow,
    /// Back to the draft.
    Withdraw,
    /// Out of force, and to be remembered as that.
    Stop(Stop),
    /// On where it was.
    Resume,
}

/// What must be known of a rule besides its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleFacts {
    /// It was written here, not read from a file.
    pub own: bool,
    /// It passes its tests, and one of them is a match.
    pub tested: bool,
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LifeFault {
    /// The rule is not where the step begins.
    #[error("the rule has moved on; load the page again")]
    Elsewhere,
    /// A rule of a file has no draft.
    #[error("the rule comes from a file and has no draft; stop it instead")]
    OfFile,
    /// No test that it must match.
    #[error(
        "the rule has no test that it must match; add one, for instance from a hit of the past"
    )]
    Untested,
    /// No reason, or a novel.
    #[error("stopping needs a reason of 3 to {REASON_CHARS_MAX} characters")]
    Reason,
}

impl Life {
    /// Of a rule that was written here.
    #[must_use]
    pub const fn begun(now: Timestamp) -> Self {
        Self { stage: Stage::Draft, resumes_as: Stage::Draft, stop: None, since: Some(now) }
    }

    /// Of a rule from a file that nobody touched.
    #[must_use]
    pub const fn of_file() -> Self {
        Self { stage: Stage::All, resumes_as: Stage::All, stop: None, since: None }
    }

    /// Whether events are judged by the rule.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        matches!(self.stage, Stage::Canary | Stage::All)
    }

    /// The steps that a person may take, in the order in which they are offered.
    #[must_use]
    pub fn steps(&self, facts: RuleFacts) -> Vec<Step> {
        let stop = Stop {
            cause: StopCause::Person,
            reason_ja: "---".to_owned(),
            reason_en: "---".to_owned(),
        };
        let all = [
            Step::Release,
            Step::Widen,
            Step::Resume,
            Step::Narrow,
            Step::Withdraw,
            Step::Stop(stop),
        ];
        let possible = |one: &Step| step(self, one, facts, Timestamp::from_nanos(0)).is_ok();
        all.into_iter().filter(possible).collect()
    }
}

/// Takes one step.
///
/// # Errors
/// [`LifeFault`] says what is wrong; nothing changed then.
pub fn step(life: &Life, step: &Step, facts: RuleFacts, now: Timestamp) -> Result<Life, LifeFault> {
    let at = |stage| Ok(Life { stage, resumes_as: stage, stop: None, since: Some(now) });
    match (step, life.stage) {
        (Step::Release, Stage::Draft) if !facts.tested => Err(LifeFault::Untested),
        (Step::Release, Stage::Draft) => at(Stage::Canary),
        (Step::Widen, Stage::Canary) => at(Stage::All),
        (Step::Narrow, Stage::All) => at(Stage::Canary),
        (Step::Withdraw, Stage::Canary | Stage::All | Stage::Stopped) if !facts.own => {
            Err(LifeFault::OfFile)
        }
        (Step::Withdraw, Stage::Canary | Stage::All | Stage::Stopped) => at(Stage::Draft),
        (Step::Stop(stop), Stage::Canary | Stage::All) => {
            reasoned(stop)?;
            Ok(Life {
                stage: Stage::Stopped,
                resumes_as: life.stage,
                stop: Some(stop.clone()),
                since: Some(now),
            })
        }
        (Step::Resume, Stage::Stopped) => at(life.resumes_as),
        _ => Err(LifeFault::Elsewhere),
    }
}

fn reasoned(stop: &Stop) -> Result<(), LifeFault> {
    let fits = |reason: &str| (3..=REASON_CHARS_MAX).contains(&reason.trim().chars().count());
    match fits(&stop.reason_ja) && fits(&stop.reason_en) {
        true => Ok(()),
        false => Err(LifeFault::Reason),
    }
}

/// Characters of a reason.
pub const REASON_CHARS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: RuleFacts = RuleFacts { own: true, tested: true };
    const OF_FILE: RuleFacts = RuleFacts { own: false, tested: false };
    const NOW: Timestamp = Timestamp::from_nanos(7);

    fn stop(cause: StopCause) -> Step {
        let reason = "more than a thousand in a minute".to_owned();
        Step::Stop(Stop { cause, reason_ja: reason.clone(), reason_en: reason })
    }

    #[test]
    fn a_rule_goes_from_draft_over_the_ring_to_all_and_not_past_the_ring() {
        let draft = Life::begun(NOW);
        assert!(!draft.is_asked());
        assert_eq!(step(&draft, &Step::Widen, OWN, NOW), Err(LifeFault::Elsewhere));
        let canary = step(&draft, &Step::Release, OWN, NOW).expect("released");
        assert!(canary.is_asked() && canary.stage == Stage::Canary);
        let all = step(&canary, &Step::Widen, OWN, NOW).expect("widened");
        assert_eq!(all.stage, Stage::All);
        assert_eq!(step(&all, &Step::Narrow, OWN, NOW).expect("narrowed").stage, Stage::Canary);
        assert_eq!(step(&all, &Step::Withdraw, OWN, NOW).expect("withdrawn").stage, Stage::Draft);
    }

    #[test]
    fn an_untested_rule_stays_a_draft() {
        let untested = RuleFacts { own: true, tested: false };
        let draft = Life::begun(NOW);
        assert_eq!(step(&draft, &Step::Release, untested, NOW), Err(LifeFault::Untested));
        assert_eq!(draft.steps(untested), []);
        assert_eq!(draft.steps(OWN), [Step::Release]);
    }

    #[test]
    fn p9_a_stopped_rule_goes_on_where_it_was_and_only_when_it_is_resumed() {
        for stage in [Stage::Canary, Stage::All] {
            let life = Life { stage, resumes_as: stage, stop: None, since: None };
            let stopped = step(&life, &stop(StopCause::Flood), OF_FILE, NOW).expect("stopped");
            assert!(!stopped.is_asked());
            assert_eq!(stopped.stop.as_ref().map(|stop| stop.cause), Some(StopCause::Flood));
            let again = step(&stopped, &stop(StopCause::Cost), OF_FILE, NOW);
            assert_eq!(again, Err(LifeFault::Elsewhere), "the first reason stays");
            let resumed = step(&stopped, &Step::Resume, OF_FILE, NOW).expect("resumed");
            assert_eq!((resumed.stage, resumed.stop), (stage, None));
        }
    }

    #[test]
    fn a_rule_of_a_file_has_no_draft_and_a_reason_is_needed() {
        let file = Life::of_file();
        assert_eq!(step(&file, &Step::Withdraw, OF_FILE, NOW), Err(LifeFault::OfFile));
        let silent =
            Stop { cause: StopCause::Person, reason_ja: " ".to_owned(), reason_en: String::new() };
        assert_eq!(step(&file, &Step::Stop(silent), OF_FILE, NOW), Err(LifeFault::Reason));
        let names = |steps: Vec<Step>| steps.len();
        assert_eq!(names(file.steps(OF_FILE)), 2, "narrow and stop");
    }
}
