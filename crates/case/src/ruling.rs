//! What a reviewer decides: how, for what and whom, under which conditions, until when.

use crate::limits::{CONDITIONS_MAX, SCOPE_NAMES_MAX};
use crate::predicate::Predicate;
use crate::refusal::{FormFault, Refusal};
use crate::request::worded;
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// How a decision turned out. Stored by name; the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// May be used.
    Approve,
    /// May be used under conditions.
    ApproveWithConditions,
    /// May not be used.
    Deny,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Approve, Self::ApproveWithConditions, Self::Deny];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::ApproveWithConditions => "approve_with_conditions",
            Self::Deny => "deny",
        }
    }

    /// The outcome of a stored name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// For what and whom a decision holds. Empty lists: everybody. Several lists: whoever is in one of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scope {
    /// A range of versions (`>=6.0 <7`), by the title's scheme; empty: every version.
    pub versions: String,
    /// Ids of departments.
    pub departments: Vec<String>,
    /// Names of device groups.
    pub groups: Vec<String>,
    /// Ids of people.
    pub people: Vec<String>,
}

impl Scope {
    /// Whether it holds for everybody.
    #[must_use]
    pub const fn is_everybody(&self) -> bool {
        self.departments.is_empty() && self.groups.is_empty() && self.people.is_empty()
    }
}

/// A condition of a permission.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// The condition in Japanese; empty: only the other language was given.
    pub text_ja: String,
    /// The condition in English.
    pub text_en: String,
    /// What an installed item must satisfy, over the fields of an inventory item; `None`: a notice to people.
    pub must: Option<Predicate>,
}

/// What a reviewer decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// How.
    pub outcome: Outcome,
    /// For what and whom.
    pub scope: Scope,
    /// Why; the requester reads it.
    pub reason: String,
    /// Under which conditions.
    pub conditions: Vec<Condition>,
    /// Until when; `None`: until something changes.
    pub valid_until: Option<Timestamp>,
    /// That no source knows the software, and that it is permitted all the same.
    pub unknown_accepted: bool,
}

impl Ruling {
    /// Whether it is complete and bounded.
    ///
    /// # Errors
    /// [`Refusal::Form`] names the fields.
    pub fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        worded("reason", &self.reason)?;
        let mut faults = Vec::new();
        let mut fault = |wrong: bool, field: &'static str, fault: &'static str| {
            if wrong {
                faults.push(FormFault { field, fault });
            }
        };
        let conditional = self.outcome == Outcome::ApproveWithConditions;
        fault(conditional && self.conditions.is_empty(), "conditions", "is missing");
        fault(
            !conditional && !self.conditions.is_empty(),
            "conditions",
            "does not fit the outcome",
        );
        fault(self.conditions.len() > CONDITIONS_MAX, "conditions", "has too many entries");
        let wordless =
            |one: &Condition| one.text_ja.trim().is_empty() && one.text_en.trim().is_empty();
        fault(self.conditions.iter().any(wordless), "conditions", "holds one without words");
        let scope = &self.scope;
        let names = scope.departments.len() + scope.groups.len() + scope.people.len();
        fault(names > SCOPE_NAMES_MAX, "scope", "has too many entries");
        fault(self.valid_until.is_some_and(|end| end <= now), "valid_until", "is in the past");
        if faults.is_empty() { Ok(()) } else { Err(Refusal::Form(faults)) }
    }
}
