//! The life of rules, and rules that are written here.

use super::backtest::RefusedRule;
use super::detections::Said;
use case::rule_life::{Life, Stage, Step, StopCause};
use model::{DeviceId, Level, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A rule as somebody wrote it, not saved yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleDraft {
    /// Which rule is edited; `None` for a new one.
    pub id: Option<String>,
    /// The number of the revision that the editor began with; 0 for a new rule.
    pub after: i64,
    /// The rule, or a correlation with the rules that it refers to.
    pub text: String,
    /// Its tests in the format of [`detect::testing`]; may be empty.
    pub tests: String,
    /// What was changed and why; may be empty.
    pub comment: String,
}

/// What a check of a text says. Nothing was saved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleCheck {
    /// The rule's id, as far as the text could be read.
    pub id: Option<String>,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: Option<Level>,
    /// Why the text cannot be saved.
    pub refused: Vec<RefusedRule>,
    /// Remarks on the text: line and words.
    pub remarks: Vec<(usize, Said)>,
    /// What is wrong with the text of the tests: line and words.
    pub tests_refused: Option<(usize, Said)>,
    /// What came of each test.
    pub outcomes: Vec<TestOutcome>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// The case in words.
    pub case: String,
    /// The rule said what was expected.
    pub passed: bool,
    /// The rule must match.
    pub must_match: bool,
    /// What was expected and found.
    pub words: Said,
}

impl RuleCheck {
    /// Whether it can be saved as a draft.
    #[must_use]
    pub fn can_be_saved(&self) -> bool {
        let passed = self.outcomes.iter().all(|outcome| outcome.passed);
        self.refused.is_empty() && self.tests_refused.is_none() && passed && self.id.is_some()
    }

    /// Whether it can leave the draft.
    #[must_use]
    pub fn is_tested(&self) -> bool {
        self.can_be_saved() && self.outcomes.iter().any(|outcome| outcome.must_match)
    }
}

/// What was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedRule {
    /// The rule.
    pub id: String,
    /// The number of its newest revision.
    pub number: i64,
}

/// A revision of a rule that was written here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRevision {
    /// Counted from 1.
    pub number: i64,
    /// The rule's text.
    pub text: String,
    /// SHA-256 of the text, in hex.
    pub sha256: String,
    /// The text of its tests.
    pub tests: String,
    /// The title.
    pub title: String,
    /// The level.
    pub level: Level,
    /// How many tests it has, and how many of them it must match.
    pub cases: (u64, u64),
    /// What was changed and why.
    pub comment: String,
    /// Who saved it.
    pub author: String,
    /// When.
    pub saved_at: Timestamp,
}

/// A step that a rule took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleStepRow {
    /// From where.
    pub from: Stage,
    /// To where.
    pub to: Stage,
    /// Why it was stopped, if it was.
    pub cause: Option<StopCause>,
    /// The reason in Japanese.
    pub reason_ja: String,
    /// The reason in English.
    pub reason_en: String,
    /// The person; empty: the server itself.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What a canary did since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanaryReport {
    /// Since when.
    pub since: Timestamp,
    /// Alerts on the ring.
    pub alerts: u64,
    /// Devices of the ring with alerts.
    pub devices: u64,
    /// Matches on all other devices, which raised no alert.
    pub elsewhere: u64,
    /// Devices in the ring.
    pub ring: u64,
}

/// The life of one rule with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHistory {
    /// Where it stands.
    pub life: Life,
    /// It was written here.
    pub own: bool,
    /// The steps that are possible now.
    pub steps: Vec<Step>,
    /// Whether the newest revision has a test that it must match.
    pub tested: bool,
    /// What the canary did so far.
    pub canary: Option<CanaryReport>,
    /// The newest first; empty for a rule of a file.
    pub revisions: Vec<RuleRevision>,
    /// The newest first.
    pub taken: Vec<RuleStepRow>,
}

/// A rule that is stopped, for whoever must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedRule {
    /// The rule.
    pub id: String,
    /// Its title; its id when it is in no set any more.
    pub title: String,
    /// Who or what did it.
    pub cause: StopCause,
    /// The reason in Japanese.
    pub reason_ja: String,
    /// The reason in English.
    pub reason_en: String,
    /// When.
    pub at: Timestamp,
}

/// The canary ring as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryRing {
    /// Every device: whether it was chosen itself, and whether the ring reaches it.
    pub devices: Vec<RingDevice>,
    /// Every department: id, name, whether it was chosen.
    pub departments: Vec<(String, String, bool)>,
    /// Every group of devices: name, whether it was chosen.
    pub groups: Vec<(String, bool)>,
}

/// A device and the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingDevice {
    /// The device.
    pub id: DeviceId,
    /// Its name.
    pub name: String,
    /// It was chosen itself.
    pub chosen: bool,
    /// It is in the ring, itself or by its department.
    pub reached: bool,
}

/// Everything in the store that the compiled set of rules depends on, for the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rulebook {
    /// Rules that were written here and are no drafts.
    pub own: Vec<OwnRule>,
    /// Where rules stand, by id; what is not here raises alerts on all devices.
    pub lives: BTreeMap<String, Life>,
    /// The devices of the canary ring.
    pub ring: BTreeSet<DeviceId>,
    /// Exclusions in force: name and Sigma filter.
    pub exclusions: Vec<(String, String)>,
    /// Values of placeholders by name.
    pub lists: BTreeMap<String, Vec<String>>,
}

/// A rule that was written here, as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRule {
    /// Its id.
    pub id: String,
    /// How messages call its text.
    pub source: String,
    /// Its text.
    pub text: String,
}

impl Rulebook {
    /// Where a rule stands: by its own id, or as the text that was written here and holds it.
    #[must_use]
    pub fn life(&self, rule_id: &str, source: &str) -> Option<&Life> {
        self.lives.get(rule_id).or_else(|| {
            let whole = self.own.iter().find(|own| own.source == source)?;
            self.lives.get(&whole.id)
        })
    }
}
