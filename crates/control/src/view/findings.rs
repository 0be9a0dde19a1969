//! What the use cases of inventory, exclusions, findings and remedy hand out.

pub mod inventory;

pub use inventory::*;

use case::exclusion::Class;
pub use case::finding::{Answer, Closing, Kind, Ruling, Rung, Status};
pub use case::judgement::{ITEM_FIELDS, Verdict};
pub use case::predicate::{Comparison, Operator, Predicate};
pub use case::remedy::Channel;

use model::inventory::SoftwareSource;
use model::{DeviceId, Timestamp};

/// An exclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionRow {
    /// Its id.
    pub id: String,
    /// Its class.
    pub class: Class,
    /// What it excludes.
    pub predicate: Predicate,
    /// The parent's title id, of a bundled one; empty otherwise.
    pub parent: String,
    /// The parent's name.
    pub parent_name: String,
    /// Why.
    pub reason: String,
    /// The owner's name.
    pub owner: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it is in force now.
    pub in_force: bool,
    /// Distinct items that it excludes now.
    pub items: u64,
    /// Devices with such items.
    pub devices: u64,
    /// Items judged by it since it was made.
    pub hits: u64,
}

/// An exclusion as a person proposes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExclusion {
    /// Its class.
    pub class: Class,
    /// What it excludes.
    pub predicate: Predicate,
    /// The parent's title id: must for a bundled one, must not for the others.
    pub parent: Option<String>,
    /// Why; at least a few words.
    pub reason: String,
    /// When it ends; at most [`case::exclusion::LIFE_NS_MAX`] from now.
    pub expires_at: Timestamp,
}

/// What an exclusion would do to the current inventory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExclusionPreview {
    /// Distinct items that it would exclude.
    pub items: u64,
    /// Installations of those.
    pub installed: u64,
    /// Devices with such items.
    pub devices: u64,
    /// Some of them: name, version, publisher, devices.
    pub samples: Vec<PreviewRow>,
    /// Findings that would close.
    pub findings_closed: u64,
    /// Installations of the baseline that would need no work any more.
    pub baseline_cleared: u64,
    /// Items among them that somebody denied or revoked: an exclusion does not cover those.
    pub denied: u64,
}

/// One line of a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewRow {
    /// The item's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its publisher.
    pub publisher: String,
    /// Devices that have it.
    pub devices: u64,
}

/// An exclusion that the wizard proposes, the one that covers most first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionProposal {
    /// The proposal: class, predicate, reason (in the language asked for) and a year of life.
    pub exclusion: NewExclusion,
    /// What is behind it, Japanese.
    pub why_ja: String,
    /// The same in English.
    pub why_en: String,
    /// Distinct items that it would exclude and nothing else does yet.
    pub items: u64,
    /// Installations of those.
    pub installed: u64,
    /// The share of devices that have most of it, in percent.
    pub devices_percent: u8,
    /// What this would hide that the narrower proposals would not: a broad one says so. Empty for narrow ones.
    pub caution_ja: String,
    /// The same in English.
    pub caution_en: String,
}

/// Which findings to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindingFilter {
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only with this status.
    pub status: Option<Status>,
    /// Also closed ones.
    pub closed: bool,
    /// Only of this device.
    pub device: Option<DeviceId>,
    /// Only of this subject.
    pub subject: Option<String>,
    /// Words of the name.
    pub words: String,
    /// Only those with a draft that waits for a person to send it.
    pub drafts: bool,
    /// Continue after this row.
    pub after: Option<FindingCursor>,
}

/// A place in the list of findings, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingCursor {
    /// When the last row was opened.
    pub opened_at: Timestamp,
    /// Its id.
    pub id: String,
}

/// One finding in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// Its id.
    pub id: String,
    /// What kind.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Why it was closed, when it is.
    pub closing: Option<Closing>,
    /// `title:<id>` or `item:…`.
    pub subject: String,
    /// The software's name.
    pub name: String,
    /// The version seen last.
    pub version: String,
    /// The device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// The device's owner; empty when nobody is known.
    pub owner: String,
    /// When it was opened (last, when it was reopened).
    pub opened_at: Timestamp,
    /// When the device was last seen with it.
    pub last_seen_at: Timestamp,
    /// When its next timer is due; `None` when none is, or the clock is paused.
    pub due_at: Option<Timestamp>,
    /// Whether the device is silent and the clock paused.
    pub stale: bool,
    /// How often it came back.
    pub reopened: u32,
}

/// A list of findings, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingList {
    /// The rows.
    pub rows: Vec<FindingRow>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<FindingCursor>,
    /// Findings by kind that match everything but the kind and are not closed.
    pub by_kind: Vec<(Kind, u64)>,
    /// Findings by status that match everything but the status.
    pub by_status: Vec<(Status, u64)>,
}

/// One entry of a finding's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingEvent {
    /// When.
    pub at: Timestamp,
    /// Who or what: a person's name, or `inventory`, `timer`, `judgement`.
    pub actor: String,
    /// The status before and after, by name.
    pub from: String,
    /// See `from`.
    pub to: String,
    /// What happened: a stored name such as `seen`, `answered`, `reminded` (see `case::finding::Cause`).
    pub cause: String,
    /// Details in words: a reason, an answer, a proof.
    pub detail: String,
}

/// What still stands between a finding and its closing by removal: each source that saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofRow {
    /// Which source.
    pub source: SoftwareSource,
    /// When it saw the software last.
    pub seen_at: Timestamp,
    /// When it was last read, confirmed.
    pub looked_at: Option<Timestamp>,
    /// Whether that look is newer and did not find it.
    pub proved: bool,
}

/// One finding with everything that explains it.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingPage {
    /// The row.
    pub row: FindingRow,
    /// The installed items behind it (none when they are gone).
    pub items: Vec<InstalledRow>,
    /// How they were identified and judged.
    pub explained: Vec<Explained>,
    /// The proof of removal so far.
    pub proof: Vec<ProofRow>,
    /// What happened, the oldest first.
    pub history: Vec<FindingEvent>,
    /// Messages sent for it.
    pub messages: Vec<SentMessage>,
    /// The draft that waits for a person to send it.
    pub draft: Option<DraftView>,
    /// The request that was filed for it; empty: none.
    pub request: String,
}

/// A message that was sent for a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// When.
    pub at: Timestamp,
    /// How.
    pub channel: Channel,
    /// Who sent it; `mimamori` for the bot.
    pub sender: String,
    /// To whom.
    pub to: String,
    /// Its subject line.
    pub subject: String,
    /// Its text.
    pub body: String,
}

/// A message that waits for a named person to read, change and send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftView {
    /// The finding.
    pub finding: String,
    /// To whom it would go.
    pub to: String,
    /// Its subject line in the recipient's language.
    pub subject: String,
    /// Its text.
    pub body: String,
    /// Since when it waits.
    pub since: Timestamp,
}

/// What an employee sees of a finding, with what may be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MyFinding {
    /// Its id.
    pub id: String,
    /// What kind.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// The software's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The device's name.
    pub device_name: String,
    /// Where it lies, or in which browser and profile.
    pub place: String,
    /// Since when.
    pub opened_at: Timestamp,
    /// Why we ask, in Japanese, one polite sentence.
    pub why_ja: String,
    /// The same in English.
    pub why_en: String,
    /// The answers that are possible now; empty: nothing to do, or only to wait.
    pub answers: Vec<Answer>,
    /// By when we ask for an answer.
    pub due_at: Option<Timestamp>,
}

/// "My PC": what an employee sees about his own devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MyPc {
    /// His devices.
    pub devices: Vec<MyDevice>,
    /// What needs an answer first, then what is open, then what was closed in the last 30 days.
    pub findings: Vec<MyFinding>,
    /// What the agent records: Japanese and English.
    pub recorded: Vec<(String, String)>,
    /// What it never records.
    pub never_recorded: Vec<(String, String)>,
    /// Who looked at his devices in the last 30 days.
    pub looked: Vec<Looked>,
}

/// One of the employee's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MyDevice {
    /// Which device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// When its software was last looked at.
    pub looked_at: Option<Timestamp>,
    /// What is installed, without packages that an exclusion covers; at most 500, by name.
    pub items: Vec<InstalledRow>,
    /// How many are covered by exclusions (the standard equipment).
    pub excluded: u64,
    /// What its agent says that it does not record.
    pub not_recorded: String,
    /// The same in Japanese.
    pub not_recorded_ja: String,
}

/// How often people of one role looked at one's devices. No names: the audit has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What was done, by the audit chain's name (`device_opened`, `searched` …).
    pub action: String,
    /// The roles that those people have, by name, sorted, joined by commas.
    pub roles: String,
    /// How often.
    pub times: u64,
    /// When last.
    pub last_at: Timestamp,
}

/// A point of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Days since the message was sent, or the day counted from the range's beginning.
    pub day: u32,
    /// The value: a count, or a share from 0 to 1.
    pub value: f64,
}

/// How often and how fast findings were remedied after a message of one sender over one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct RemedyRow {
    /// The channel.
    pub channel: Channel,
    /// The sender's name.
    pub sender: String,
    /// Findings that got a message.
    pub sent: u64,
    /// Of those, remedied after it and before the next message.
    pub remedied: u64,
    /// Half of those took at most this many seconds; `None` when there is none.
    pub median_seconds: Option<i64>,
    /// The share remedied within so many days: for a plot.
    pub curve: Vec<Point>,
}

/// Figures of findings and remedy over a range of days.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingMetrics {
    /// The first day, and how many.
    pub from: Timestamp,
    /// Days.
    pub days: u32,
    /// Findings open at the end of each day.
    pub open: Vec<Point>,
    /// Opened on each day.
    pub opened: Vec<Point>,
    /// Closed on each day.
    pub closed: Vec<Point>,
    /// Open now, by kind.
    pub open_by_kind: Vec<(Kind, u64)>,
    /// Closed in the range, by cause (`removed`, `approved` …).
    pub closed_by_cause: Vec<(String, u64)>,
    /// Half of the findings closed in the range took at most this many seconds from opening.
    pub median_seconds: Option<i64>,
    /// By channel and sender.
    pub remedy: Vec<RemedyRow>,
}
