//! What the use cases of requests, reviews, policies and the catalogue hand out. All text in it that came from
//! people, files or devices is hostile.

pub use case::catalogue::{May, Why};
pub use case::check::{CheckKind, Verdict};
pub use case::command::Command;
pub use case::decision::{Cause, Condition, Life, Outcome, Recheck, Ruling, Scope};
pub use case::form::{Attachment, Audience, Form, Kind};
pub use case::policy::PolicyRule;
pub use case::refusal::{FormFault, Refusal};
pub use case::request::{Message, State};
pub use software::sheet::Column;
pub use software::version::Scheme;
pub use software::{Category, IdentifierKind, Step};

pub use super::catalogue::{
    Alternative, Answer, Card, CardView, CatalogueFilter, CatalogueList, CatalogueRow, ImportPlan,
    ImportPreview, ImportRow, PolicyDryRun, PolicyRow, TitlePage,
};

use model::Timestamp;

/// A title in a list of suggestions, with the answer to "may I use it?".
#[derive(Debug, Clone, PartialEq)]
pub struct TitleHit {
    /// The title's id.
    pub title: String,
    /// Its name.
    pub name: String,
    /// Its name in Japanese; empty: the same.
    pub name_ja: String,
    /// Who makes it.
    pub publisher: String,
    /// How near the name is: 1.0 is the same.
    pub score: f64,
    /// Whether the reader may use it.
    pub may: May,
}

/// An open request of somebody that resembles what is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequestHit {
    /// Which request.
    pub request: String,
    /// The software's name as it was asked for.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// Since when it is open.
    pub submitted_at: Timestamp,
    /// How many people wait for it, without names: whose it is concerns reviewers only.
    pub people: usize,
    /// Whether the reader is among them already.
    pub mine: bool,
}

/// What resembles a text while it is being typed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Similar {
    /// Titles of the catalogue, the nearest first, at most eight.
    pub titles: Vec<TitleHit>,
    /// Open requests, the nearest first, at most eight.
    pub requests: Vec<OpenRequestHit>,
}

/// One line of a list of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Which.
    pub id: String,
    /// Its kind.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// The software's name.
    pub name: String,
    /// The title that was recognised; empty: none.
    pub title: String,
    /// The requester's id.
    pub requester: String,
    /// The requester's name.
    pub requester_name: String,
    /// The id of the reviewer in charge.
    pub assignee: Option<String>,
    /// The name of the reviewer in charge.
    pub assignee_name: Option<String>,
    /// The worst verdict of the evidence.
    pub worst: Verdict,
    /// Sources that have not answered.
    pub pending: usize,
    /// How many people follow it.
    pub followers: usize,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was handed in.
    pub submitted_at: Option<Timestamp>,
    /// Since when it is in this state.
    pub state_since: Timestamp,
}

/// What a person asked for and follows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MyRequests {
    /// Drafts, the newest first.
    pub drafts: Vec<RequestRow>,
    /// Own requests, those that wait for an answer of the person first, then the newest.
    pub own: Vec<RequestRow>,
    /// Requests of others that the person follows.
    pub followed: Vec<RequestRow>,
    /// Median nanoseconds from handing in to decision in the last 90 days; `None`: none was decided.
    pub expected_ns: Option<i64>,
}

/// One line of a request's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// When.
    pub at: Timestamp,
    /// Who: a person's name, or empty for the machine.
    pub by: String,
    /// What: a [`Command`]'s or a decision turn's name.
    pub what: String,
    /// The state after it.
    pub state: String,
    /// More in words; may be empty.
    pub detail: String,
}

/// A decision as shown to the requester.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenView {
    /// What was decided.
    pub ruling: Ruling,
    /// By whom: a name.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A message within a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    /// The writer's name.
    pub by: String,
    /// Whether the requester wrote it.
    pub by_requester: bool,
    /// When.
    pub at: Timestamp,
    /// Whether it asks the requester for an answer.
    pub asks: bool,
    /// The text.
    pub text: String,
}

/// One request as its requester, a follower or a reviewer sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestPage {
    /// Its line.
    pub row: RequestRow,
    /// For optimistic locking: give it back with the next change of a draft.
    pub revision: i64,
    /// What was filled in. A follower sees it too.
    pub form: Form,
    /// Its files.
    pub files: Vec<Attachment>,
    /// What is missing before it can be handed in (a draft only).
    pub faults: Vec<FormFault>,
    /// Titles and open requests that resemble it.
    pub similar: Similar,
    /// The request that it repeats.
    pub duplicate_of: Option<String>,
    /// Questions, answers, remarks.
    pub messages: Vec<MessageView>,
    /// Decisions, the newest last.
    pub rulings: Vec<GivenView>,
    /// What happened, the oldest first.
    pub history: Vec<HistoryRow>,
    /// Whether the reader is the requester.
    pub is_mine: bool,
    /// Whether the reader follows it.
    pub i_follow: bool,
    /// What the reader may do now: names of [`Command`]s.
    pub actions: Vec<&'static str>,
    /// Median nanoseconds from handing in to decision in the last 90 days.
    pub expected_ns: Option<i64>,
}

/// One answer of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckView {
    /// Its id within the request, for an override.
    pub id: String,
    /// What kind of source.
    pub kind: CheckKind,
    /// Which source; of a policy rule: its id.
    pub source: String,
    /// The rule's title in Japanese and English when it is one.
    pub source_words: Option<(String, String)>,
    /// About what.
    pub subject: String,
    /// What it says now (a harmless answer may have expired).
    pub verdict: Verdict,
    /// What it found.
    pub name: String,
    /// Why.
    pub detail: String,
    /// The same in Japanese; empty: the source speaks English only.
    pub detail_ja: String,
    /// When it answered.
    pub at: Timestamp,
    /// Whether it counts; an older answer of the same source does not.
    pub counts: bool,
    /// Its override.
    pub overridden: Option<OverrideView>,
}

/// An override of a failed check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideView {
    /// Who proposed it: a name.
    pub proposed_by: String,
    /// Why.
    pub reason: String,
    /// Who confirmed it: a name.
    pub confirmed_by: Option<String>,
    /// Why.
    pub confirm_reason: String,
    /// Whether the reader may confirm it.
    pub may_confirm: bool,
}

/// A rule of the checklist on the review desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecklistRow {
    /// The rule.
    pub rule: PolicyRule,
    /// What the machine says: `None`: a person must answer.
    pub machine: Option<Verdict>,
    /// What the machine saw that speaks for it, one line each.
    pub because: Vec<Step>,
    /// A person's answer.
    pub answer: Option<bool>,
    /// Whose: a name.
    pub answered_by: Option<String>,
}

/// Where our own devices have seen the same software.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The item's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Which source saw it (dpkg, chrome …).
    pub source: String,
    /// On how many devices.
    pub devices: u64,
    /// Last seen.
    pub last_seen: Timestamp,
    /// Why it is taken for the same: `title`, `hash` or `extension`.
    pub same_by: &'static str,
    /// Permissions, of an extension.
    pub permissions: Vec<String>,
    /// Where it was installed from.
    pub install_source: String,
    /// Where it was downloaded.
    pub origin_url: String,
}

/// The review desk's page of one request: request left, evidence right.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewPage {
    /// The request.
    pub page: RequestPage,
    /// Evidence, what counts first, the worst first.
    pub checks: Vec<CheckView>,
    /// Sources that have not answered: kind and subject.
    pub pending: Vec<(CheckKind, String)>,
    /// The checklist in the rules' order.
    pub checklist: Vec<ChecklistRow>,
    /// Sightings on our devices.
    pub sightings: Vec<Sighting>,
    /// Ids of checks that stand against an approval.
    pub failed: Vec<String>,
    /// Ids of checks that want a second person.
    pub escalate: Vec<String>,
    /// Rules that wait for an answer.
    pub unanswered: Vec<String>,
    /// Whether the approver must say that he accepts what no source knows.
    pub unknown: bool,
    /// Whether the reader may decide now; else why not, in the words of the refusal.
    pub may_decide: Result<(), Refusal>,
    /// Decisions on the same title.
    pub decisions: Vec<DecisionRow>,
    /// Conditions used before, the most used first: for one click.
    pub condition_templates: Vec<Condition>,
    /// Hashes of the request, for looking them up elsewhere.
    pub hashes: Vec<String>,
    /// What a reviewer may be assigned: id and name.
    pub reviewers: Vec<(String, String)>,
}

/// Which requests the review desk lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeskFilter {
    /// Only these states; empty: everything open.
    pub states: Vec<State>,
    /// Only those of the reader.
    pub mine: bool,
    /// Only those of nobody.
    pub unassigned: bool,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only names that contain this.
    pub words: String,
    /// Go on after this row: `state_since` and id of the last one shown.
    pub after: Option<(Timestamp, String)>,
}

/// The review desk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desk {
    /// Requests, the oldest first, at most a page.
    pub rows: Vec<RequestRow>,
    /// Where the next page begins.
    pub next: Option<(Timestamp, String)>,
    /// How many there are in each open state.
    pub counts: Vec<(State, u64)>,
    /// Decisions that are looked at again.
    pub rechecks: u64,
}

/// A decision in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// Which.
    pub id: String,
    /// On which title.
    pub title: String,
    /// The title's name.
    pub title_name: String,
    /// What was decided.
    pub ruling: Ruling,
    /// By whom: a name.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Which force it has.
    pub life: Life,
    /// Why it was suspended, revoked or retired.
    pub life_reason: String,
    /// What is looked at again.
    pub rechecks: Vec<Recheck>,
    /// Evidence of the re-review.
    pub checks: Vec<CheckView>,
    /// Sources that have not answered.
    pub pending: usize,
    /// Versions that were looked at.
    pub versions_seen: Vec<String>,
    /// The request that it answers.
    pub request: Option<String>,
    /// The words of its scope: departments and people by name.
    pub scope_words: Vec<String>,
    /// For optimistic locking.
    pub revision: i64,
}

/// Counts of requests for the metrics page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestMetrics {
    /// Per day (start of the day in UTC): handed in, approved, denied.
    pub days: Vec<(Timestamp, u64, u64, u64)>,
    /// Open now by state.
    pub open: Vec<(State, u64)>,
    /// Nanoseconds from handing in to decision: each decided request of the range, sorted.
    pub decision_ns: Vec<i64>,
    /// Median of them.
    pub median_ns: Option<i64>,
    /// The ninth tenth of them.
    pub p90_ns: Option<i64>,
    /// Outcomes in the range.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Requests found to repeat another.
    pub duplicates: u64,
}
