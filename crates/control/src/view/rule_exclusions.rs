//! Exclusions of rules as the console shows and sends them.

use crate::view::backtest::SampleHit;
use crate::view::detections::Said;
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// How a field is compared with the values of a condition. The names are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The value is one of these.
    #[default]
    Is,
    /// It begins with one of these.
    StartsWith,
    /// It ends with one of these.
    EndsWith,
    /// It contains one of these.
    Contains,
    /// It is an address in one of these networks.
    Cidr,
}

impl Compared {
    /// Every comparison, in the order of the form.
    pub const ALL: [Self; 5] =
        [Self::Is, Self::StartsWith, Self::EndsWith, Self::Contains, Self::Cidr];

    /// The name in forms and links.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
            Self::Contains => "contains",
            Self::Cidr => "cidr",
        }
    }

    /// The comparison of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// One condition of the simple form: the field has one of the values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FieldCondition {
    /// The field's Sigma name.
    pub field: String,
    /// How it is compared.
    pub how: Compared,
    /// One of these.
    pub values: Vec<String>,
}

/// What a Sigma filter is made of: a match of these rules is taken away when every condition holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExclusionForm {
    /// Ids or names of rules; empty: any rule of the log source.
    pub rules: Vec<String>,
    /// The Sigma product when it is for any rule; empty: any.
    #[serde(default)]
    pub product: String,
    /// The Sigma category when it is for any rule; empty: any.
    #[serde(default)]
    pub category: String,
    /// All of these.
    pub conditions: Vec<FieldCondition>,
}

/// How an exclusion is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// By the form; the Sigma filter is made of it.
    Form(ExclusionForm),
    /// As a Sigma filter.
    ByHand(String),
}

/// An exclusion that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRuleExclusion {
    /// What it is called. A filter written by hand brings its own title; this one is then not looked at.
    pub title: String,
    /// What it takes away.
    pub written: Written,
    /// Why.
    pub reason: String,
    /// Until before when.
    pub expires_at: Timestamp,
    /// Name of the person who answers for it; empty: whoever saves it.
    pub owner: String,
}

/// Where an exclusion is in its life. The names are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExclusionState {
    /// It takes matches away.
    Active,
    /// Its time is over.
    Expired,
    /// A person ended it.
    Ended,
}

impl ExclusionState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Expired, Self::Ended];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// An exclusion on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleExclusionRow {
    /// Which.
    pub id: String,
    /// The id of its Sigma filter, by which matches are counted.
    pub filter_id: String,
    /// What it is called.
    pub title: String,
    /// The rules that it names, by id or name; empty: any.
    pub rules: Vec<String>,
    /// Why it is there.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until before when.
    pub expires_at: Timestamp,
    /// Where it is in its life; one whose time is over is expired also before that was noted.
    pub state: ExclusionState,
    /// Why it was ended; empty when it was not.
    pub end_reason: String,
    /// Matches that it took away.
    pub hits: FilterHits,
    /// Counts changes; to be sent back with a change.
    pub version: i64,
}

/// Matches that a filter took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FilterHits {
    /// Ever.
    pub total: u64,
    /// In the last 30 days.
    pub last_30d: u64,
    /// When the last one was counted.
    pub last_at: Option<Timestamp>,
}

/// One exclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleExclusionView {
    /// What the list says of it.
    pub row: RuleExclusionRow,
    /// The Sigma filter.
    pub document: String,
    /// What it was made of; `None` when it was written by hand.
    pub form: Option<ExclusionForm>,
    /// Matches taken away by day (`YYYY-MM-DD` in UTC), the newest first, at most 30 days.
    pub days: Vec<(String, u64)>,
    /// Matches taken away by rule: id, title when the rule is in force, count; the most first.
    pub by_rule: Vec<(String, Option<String>, u64)>,
}

/// What an exclusion would have done.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleExclusionPreview {
    /// The Sigma filter as it would be saved.
    pub document: String,
    /// The rules that were asked.
    pub rules: Vec<(String, String)>,
    /// Rules that it is also for and that were not asked, because there are too many.
    pub rules_left_out: u64,
    /// Alerts without it.
    pub hits: u64,
    /// Alerts that it takes away.
    pub taken: u64,
    /// Alerts that stay.
    pub kept: u64,
    /// Some of those that it takes away, the newest first; none when its condition stands on several lines.
    pub samples: Vec<SampleHit>,
    /// Remarks on the filter, each with its line.
    pub remarks: Vec<(usize, Said)>,
    /// Events that were looked at.
    pub events: u64,
    /// Whether everything was looked at.
    pub complete: bool,
}

impl RuleExclusionPreview {
    /// Whether it would have taken away every alert: then it switches the rule off.
    #[must_use]
    pub const fn hides_everything(&self) -> bool {
        self.hits > 0 && self.kept == 0
    }
}
