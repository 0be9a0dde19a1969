//! Exclusions: software that needs no request, with a reason, an owner and an end; and the wizard that proposes them.
//!
//! Invariant: an exclusion has a reason, an owner and an end within [`LIFE_NS_MAX`]; one that is over covers nothing.
//! Invariant: a bundled exclusion names its parent title and covers nothing on a device without it, nor anywhere once
//! the parent is not permitted any more.
//! Invariant: a proposal is checked like any other exclusion; the wizard saves nothing.

mod folders;
mod wizard;

pub use folders::{Ran, propose_folders};
pub use wizard::{Proposal, Shared, propose};

use crate::finding::words;
use crate::judgement::ITEM_FIELDS;
use crate::limits::DAY_NS;
use crate::predicate::{Predicate, PredicateFault};
use model::Timestamp;
use serde::{Deserialize, Serialize};

words! {
    /// Why software needs no request.
    Class {
        /// It belongs to the hardware or the operating system.
        HardwareOs "hardware_os" "ハードウェア・OS" "Hardware and OS";
        /// It belongs to the company's standard image.
        StandardImage "standard_image" "標準イメージ" "Standard image";
        /// The company makes it itself.
        InHouse "in_house" "社内開発" "In-house";
        /// It comes with another title and goes with it.
        Bundled "bundled" "同梱" "Bundled";
    }
}

/// An exclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// Which.
    pub id: String,
    /// Its class.
    pub class: Class,
    /// What it covers.
    pub predicate: Predicate,
    /// The title that it comes with; only of [`Class::Bundled`].
    pub parent: Option<String>,
    /// Why.
    pub reason: String,
    /// Whose it is: a person's id.
    pub owner: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it was withdrawn.
    pub withdrawn_at: Option<Timestamp>,
}

/// What happens to an exclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It gets a new end.
    Renew {
        /// Until when.
        until: Timestamp,
        /// Why it is still needed.
        reason: String,
    },
    /// It covers nothing any more.
    Withdraw {
        /// Why.
        reason: String,
    },
}

/// Why an exclusion is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExclusionFault {
    /// The predicate is.
    #[error(transparent)]
    Predicate(#[from] PredicateFault),
    /// No reason, or a novel.
    #[error("an exclusion needs a reason of 3 to {REASON_CHARS_MAX} characters")]
    Reason,
    /// The end is past or too far.
    #[error(
        "the end must lie in the future and within two years; renew it when it is still needed then"
    )]
    Until,
    /// A bundled one without a parent, or a parent of another class.
    #[error("a bundled exclusion names its parent title, and only a bundled one does")]
    Parent,
    /// It was withdrawn.
    #[error("the exclusion was withdrawn; make a new one")]
    Withdrawn,
}

impl Exclusion {
    /// Whether it may be made.
    ///
    /// # Errors
    /// [`ExclusionFault`] says what is wrong.
    pub fn check(&self, now: Timestamp) -> Result<(), ExclusionFault> {
        self.predicate.check(ITEM_FIELDS)?;
        reasoned(&self.reason)?;
        ends(self.expires_at, now)?;
        let bundled = self.class == Class::Bundled;
        let named = self.parent.as_ref().is_some_and(|parent| !parent.is_empty());
        if bundled != named { Err(ExclusionFault::Parent) } else { Ok(()) }
    }

    /// Whether it has force.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.withdrawn_at.is_none() && now < self.expires_at
    }
}

/// Takes one step.
///
/// # Errors
/// [`ExclusionFault`] says what is wrong; nothing changed then.
pub fn step(
    exclusion: &Exclusion,
    turn: &Turn,
    now: Timestamp,
) -> Result<Exclusion, ExclusionFault> {
    if exclusion.withdrawn_at.is_some() {
        return Err(ExclusionFault::Withdrawn);
    }
    let mut next = exclusion.clone();
    match turn {
        Turn::Renew { until, reason } => {
            reasoned(reason)?;
            ends(*until, now)?;
            next.expires_at = *until;
        }
        Turn::Withdraw { reason } => {
            reasoned(reason)?;
            next.withdrawn_at = Some(now);
        }
    }
    Ok(next)
}

fn reasoned(reason: &str) -> Result<(), ExclusionFault> {
    let chars = reason.trim().chars().count();
    if (3..=REASON_CHARS_MAX).contains(&chars) { Ok(()) } else { Err(ExclusionFault::Reason) }
}

fn ends(until: Timestamp, now: Timestamp) -> Result<(), ExclusionFault> {
    let fits = now < until && until <= now.plus_nanos(LIFE_NS_MAX);
    if fits { Ok(()) } else { Err(ExclusionFault::Until) }
}

/// How long an exclusion lives at most without being renewed.
pub const LIFE_NS_MAX: i64 = 732 * DAY_NS;
/// Characters of a reason.
pub const REASON_CHARS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predicate::Operator;

    fn exclusion() -> Exclusion {
        Exclusion {
            id: "e1".into(),
            class: Class::StandardImage,
            predicate: Predicate::is("publisher", Operator::Contains, "Debian"),
            parent: None,
            reason: "the base system".into(),
            owner: "p1".into(),
            created_at: Timestamp::from_nanos(0),
            expires_at: Timestamp::from_nanos(100),
            withdrawn_at: None,
        }
    }

    #[test]
    fn an_exclusion_has_reason_end_and_parent() {
        let now = Timestamp::from_nanos(10);
        let good = exclusion();
        assert_eq!(good.check(now), Ok(()));
        let check = |change: fn(&mut Exclusion)| {
            let mut other = exclusion();
            change(&mut other);
            other.check(now)
        };
        assert_eq!(check(|one| one.reason = "  ".into()), Err(ExclusionFault::Reason));
        assert_eq!(
            check(|one| one.expires_at = Timestamp::from_nanos(10)),
            Err(ExclusionFault::Until)
        );
        assert_eq!(
            check(|one| one.expires_at = Timestamp::from_nanos(i64::MAX)),
            Err(ExclusionFault::Until)
        );
        assert_eq!(check(|one| one.class = Class::Bundled), Err(ExclusionFault::Parent));
        assert_eq!(check(|one| one.parent = Some("t".into())), Err(ExclusionFault::Parent));
        let everything = check(|one| one.predicate = Predicate::All(Vec::new()));
        assert_eq!(everything, Err(ExclusionFault::Predicate(PredicateFault::Everything)));
    }

    #[test]
    fn over_and_withdrawn_cover_nothing() {
        let good = exclusion();
        assert!(
            good.in_force(Timestamp::from_nanos(99)) && !good.in_force(Timestamp::from_nanos(100))
        );
        let now = Timestamp::from_nanos(120);
        let turn = Turn::Renew { until: Timestamp::from_nanos(200), reason: "still there".into() };
        let renewed = step(&good, &turn, now).expect("an exclusion that is over can be renewed");
        assert!(renewed.in_force(now));
        let gone = step(&renewed, &Turn::Withdraw { reason: "not needed".into() }, now)
            .expect("withdrawn");
        assert!(!gone.in_force(now));
        assert_eq!(step(&gone, &turn, now), Err(ExclusionFault::Withdrawn));
    }
}
