//! What the use cases of requests, reviews, policies and the catalogue hand out. All text in it that came from
//! people, files or devices is hostile.

pub use case::catalogue::{May, Why};
pub use case::check::{CheckKind, Verdict};
pub use case::command::Command;
pub use case::decision::{Cause, Condition, Life, Outcome, Ruling, Scope};
pub use case::form::{Attachment, Audience, Form, Kind};
pub use case::policy::PolicyRule;
pub use case::refusal::{FormFault, Refusal};
pub use case::request::{Message, State};

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
    pub because: Vec<String>,
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
    /// What is looked at again: cause, version, hash.
    pub rechecks: Vec<(Cause, String, String)>,
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

/// An alternative to something that may not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// The title.
    pub title: String,
    /// Its name.
    pub name: String,
    /// Its name in Japanese; empty: the same.
    pub name_ja: String,
    /// Why it is proposed: a card's line, or empty.
    pub words_ja: String,
    /// The same in English.
    pub words_en: String,
}

/// The answer of the catalogue's one box.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was asked, cleaned.
    pub asked: String,
    /// May use, with conditions, ask, may not.
    pub may: May,
    /// Why, when it is not simply permitted.
    pub why: Option<Why>,
    /// The title that was recognised.
    pub title: Option<TitleHit>,
    /// Conditions in a line, Japanese.
    pub conditions_ja: String,
    /// Conditions in a line, English.
    pub conditions_en: String,
    /// The conditions one by one.
    pub conditions: Vec<Condition>,
    /// Versions that it holds for; empty: all.
    pub versions: String,
    /// The reviewers' reason.
    pub reason: String,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// Until when it holds.
    pub valid_until: Option<Timestamp>,
    /// End of life of the title.
    pub end_of_life: Option<Timestamp>,
    /// What to use instead.
    pub alternatives: Vec<Alternative>,
    /// Other titles that could be meant.
    pub others: Vec<TitleHit>,
    /// Open requests for it.
    pub requests: Vec<OpenRequestHit>,
}

/// One line of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueRow {
    /// The title.
    pub title: String,
    /// Its name.
    pub name: String,
    /// Its name in Japanese; empty: the same.
    pub name_ja: String,
    /// Who makes it.
    pub publisher: String,
    /// Categories, by stored name (`software::Category`), with Japanese and English words.
    pub categories: Vec<(String, String, String)>,
    /// Whether the reader may use it.
    pub may: May,
    /// Why, when it is not simply permitted.
    pub why: Option<Why>,
    /// Conditions in a line, Japanese.
    pub conditions_ja: String,
    /// Conditions in a line, English.
    pub conditions_en: String,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// End of life.
    pub end_of_life: Option<Timestamp>,
    /// Whether it is among the recommended tools.
    pub recommended: bool,
}

/// Which titles the catalogue lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogueFilter {
    /// Words; empty: every title that somebody decided on, by name.
    pub words: String,
    /// Only with this answer.
    pub may: Option<May>,
    /// Only of this category (stored name).
    pub category: String,
    /// Also titles that nobody decided on.
    pub undecided: bool,
    /// How many rows to pass over.
    pub skip: usize,
}

/// A part of the catalogue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CatalogueList {
    /// Rows, at most a page.
    pub rows: Vec<CatalogueRow>,
    /// How many there are in all.
    pub total: usize,
}

/// One title with everything.
#[derive(Debug, Clone, PartialEq)]
pub struct TitlePage {
    /// Its line.
    pub row: CatalogueRow,
    /// Its document, as it is edited (JSON of `software::Title`).
    pub document: String,
    /// Where it comes from: `seed`, `import`, `request`, `person`.
    pub origin: String,
    /// Decisions on it, the newest first. Empty for readers without [`crate::Permission::ReadRequests`].
    pub decisions: Vec<DecisionRow>,
    /// Alternatives that people named for it.
    pub alternatives: Vec<Alternative>,
    /// When it was retired.
    pub retired_at: Option<Timestamp>,
    /// For optimistic locking.
    pub revision: i64,
}

/// A card of the page of recommended tools, written by people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// Which; empty: a new one.
    pub id: String,
    /// The title; empty: none of the catalogue.
    pub title: String,
    /// Heading, Japanese.
    pub heading_ja: String,
    /// Heading, English.
    pub heading_en: String,
    /// What it is good for, Japanese.
    pub text_ja: String,
    /// What it is good for, English.
    pub text_en: String,
    /// Where to get it: an address of http or https, or empty.
    pub url: String,
    /// Group of cards, Japanese.
    pub group_ja: String,
    /// Group of cards, English.
    pub group_en: String,
    /// Titles that it stands in for.
    pub instead_of: Vec<String>,
    /// Place on the page, small first.
    pub place: i64,
}

/// A card with what the catalogue says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CardView {
    /// The card.
    pub card: Card,
    /// Whether the reader may use it; `None`: the card names no title.
    pub may: Option<May>,
    /// Conditions in a line, Japanese.
    pub conditions_ja: String,
    /// Conditions in a line, English.
    pub conditions_en: String,
    /// Who wrote it last: a name.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A rule of the policy with its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// The rule.
    pub rule: PolicyRule,
    /// Whether it has force now.
    pub in_force: bool,
    /// How often it objected to a request so far.
    pub objections: u64,
    /// Who changed it last: a name; empty: as shipped.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// For optimistic locking.
    pub revision: i64,
}

/// What a rule would do, before it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyDryRun {
    /// Past and open requests that were looked at.
    pub requests: usize,
    /// Requests that it would object to: the request's line and what speaks for it.
    pub requests_hit: Vec<(RequestRow, Vec<String>)>,
    /// Requests where a person would have to answer.
    pub requests_asked: usize,
    /// Titles of the catalogue that were looked at.
    pub titles: usize,
    /// Titles that it would object to: id and name.
    pub titles_hit: Vec<(String, String)>,
    /// Among them those that are permitted now: id and name.
    pub approved_hit: Vec<(String, String)>,
}

/// How one row of a sheet is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its line in the sheet, counted from 1.
    pub line: u64,
    /// The cells as they are, cut to a readable length.
    pub cells: Vec<String>,
    /// The name that was read.
    pub name: String,
    /// The publisher that was read.
    pub publisher: String,
    /// What happens with it.
    pub plan: ImportPlan,
    /// The decision that was read; `None`: the sheet says none.
    pub outcome: Option<Outcome>,
    /// Conditions that were read.
    pub conditions: String,
    /// Why it is skipped, or what was noticed.
    pub remarks: Vec<String>,
}

/// What happens with a row of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportPlan {
    /// A new title is made, of this id.
    NewTitle(String),
    /// The row belongs to this title of the catalogue: id and name.
    Known(String, String),
    /// The row repeats an earlier one: its line.
    Repeats(u64),
    /// The row is not taken.
    Skipped,
}

/// A sheet as it will be read. Nothing is saved but the preview itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportPreview {
    /// Which preview; give it to `commit_import`.
    pub id: String,
    /// SHA-256 of the sheet.
    pub sha256: String,
    /// Columns: heading in the sheet, and what it is taken for.
    pub columns: Vec<(String, String)>,
    /// Every row of the sheet below its heading.
    pub rows: Vec<ImportRow>,
    /// Rows that make a new title.
    pub new_titles: u64,
    /// Rows of known titles.
    pub known: u64,
    /// Rows that repeat another.
    pub repeated: u64,
    /// Rows not taken.
    pub skipped: u64,
    /// Decisions that will be made.
    pub decisions: u64,
    /// When it was committed.
    pub committed_at: Option<Timestamp>,
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
