//! What the use cases of the catalogue, the recommended tools, the policies and the import hand out.

use super::requests::{
    Condition, DecisionRow, May, OpenRequestHit, Outcome, PolicyRule, RequestRow, Step, TitleHit,
    Why,
};
use model::Timestamp;

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
    /// What may be used instead: of the alternatives that people named for it those that may be used, then recommended
    /// tools that stand in for it.
    pub alternatives: Vec<Alternative>,
    /// Ids of all alternatives that people named for it, as they are edited.
    pub named_alternatives: Vec<String>,
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
    pub requests_hit: Vec<(RequestRow, Vec<Step>)>,
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
    pub remarks: Vec<Step>,
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
    /// The line is none of the table's rows: its headings, what stands above them, a blank line.
    Aside,
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
    /// Every line of the sheet.
    pub rows: Vec<ImportRow>,
    /// Rows that make a new title.
    pub new_titles: u64,
    /// Rows of known titles.
    pub known: u64,
    /// Rows that repeat another.
    pub repeated: u64,
    /// Rows not taken.
    pub skipped: u64,
    /// Lines that are no rows of the table; with the four counts above, every line.
    pub aside: u64,
    /// Decisions that will be made.
    pub decisions: u64,
    /// When it was committed.
    pub committed_at: Option<Timestamp>,
}

impl ImportPreview {
    /// Rows of the table: every line but headings, what stands above them, and blanks.
    #[must_use]
    pub fn rows_of_table(&self) -> u64 {
        self.new_titles + self.known + self.repeated + self.skipped
    }
}
