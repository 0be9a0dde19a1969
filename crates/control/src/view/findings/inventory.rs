//! What the use cases of inventory and identity hand out.

use case::judgement::Verdict;
use model::inventory::SoftwareSource;
use model::{DeviceId, Timestamp};

/// What became of a batch of inventory events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intake {
    /// Events that were taken.
    pub taken: u64,
    /// Events that had been taken before (a batch delivered twice).
    pub known: u64,
    /// Events that were refused, each with its reason; the reasons are stored and shown with the device.
    pub refused: Vec<RefusedInventory>,
    /// Findings opened or reopened.
    pub opened: u64,
    /// Findings closed.
    pub closed: u64,
}

/// An inventory event that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedInventory {
    /// The device whose stream it came from, as the server knows it.
    pub device: DeviceId,
    /// Why, in English, for the log and for analysts.
    pub reason: String,
    /// When it was refused last.
    pub at: Timestamp,
    /// How often since the device was enrolled.
    pub times: u64,
}

/// What one round of timers did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticked {
    /// Findings whose timer was due.
    pub findings: u64,
    /// Messages put into the outbox.
    pub messages: u64,
    /// Distinct items identified and judged again.
    pub judged: u64,
    /// Findings opened or reopened.
    pub opened: u64,
    /// Findings closed.
    pub closed: u64,
}

/// How far the inventory is: the first thing on the software page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryState {
    /// Devices with at least one source read wholly.
    pub devices_learned: u64,
    /// Devices enrolled.
    pub devices: u64,
    /// Sources of devices that are unconfirmed at present.
    pub unconfirmed: u64,
    /// Snapshots that are held back and wait for a person.
    pub held: u64,
    /// Distinct software that was there before recording began and still has no answer. They are no findings
    /// until somebody opens them.
    pub baseline_subjects: u64,
    /// Installations of those.
    pub baseline_installed: u64,
    /// Distinct items waiting to be identified or judged again; 0: everything is up to date.
    pub to_judge: u64,
    /// Items in the queue of candidates.
    pub candidates: u64,
    /// Exclusions in force.
    pub exclusions: u64,
}

/// One source of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Which source.
    pub source: SoftwareSource,
    /// When the device was last looked at through it, by the server's clock.
    pub looked_at: Option<Timestamp>,
    /// When it was last read wholly.
    pub full_at: Option<Timestamp>,
    /// Whether what we know of it is what the device said last. While it is not, nothing closes.
    pub confirmed: bool,
    /// Why it is not confirmed, or why there is nothing to read; English, empty otherwise.
    pub reason: String,
    /// Items that we know.
    pub items: u64,
    /// A snapshot that shrank by more than a fifth and waits for a person or for a second one like it.
    pub held: Option<HeldSnapshot>,
}

/// A snapshot that is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSnapshot {
    /// Items in it.
    pub items: u64,
    /// Items that were known before.
    pub items_before: u64,
    /// When it came.
    pub at: Timestamp,
}

/// One device in the list of inventories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInventoryRow {
    /// Which device.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// When any of its sources was last looked at.
    pub looked_at: Option<Timestamp>,
    /// Items.
    pub items: u64,
    /// Whether every source is confirmed.
    pub confirmed: bool,
    /// Sources held back.
    pub held: u64,
    /// Findings that are not closed.
    pub findings: u64,
}

/// One installed item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledRow {
    /// The item as the device says it.
    pub item: model::inventory::InventoryItem,
    /// What it belongs to: `title:<id>`, or `item:…` while it is not identified. The key of [`SoftwareRow`].
    pub subject: String,
    /// The name to show: the title's, otherwise the item's.
    pub title: String,
    /// The judgement.
    pub verdict: Verdict,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen: the source's last look, or the last run of an executed program.
    pub last_seen_at: Timestamp,
    /// Whether it was there before recording began.
    pub baseline: bool,
}

/// An installed item and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledOn {
    /// Which device.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// Its owner's name; empty when nobody is known.
    pub owner: String,
    /// The item.
    pub row: InstalledRow,
}

/// The software of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInventory {
    /// Which device.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// Its sources.
    pub sources: Vec<SourceRow>,
    /// Its items by name; at most [`crate::limits::INSTALLED_ROWS_MAX`].
    pub items: Vec<InstalledRow>,
    /// What it sent and was not taken.
    pub refused: Vec<RefusedInventory>,
}

/// Which software to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SoftwareFilter {
    /// Words of the name, publisher or identifier; width, case and kana do not matter.
    pub words: String,
    /// Only with this judgement.
    pub verdict: Option<Verdict>,
    /// Only from this source.
    pub source: Option<SoftwareSource>,
    /// Only what was there before recording began and has no answer.
    pub baseline: bool,
    /// Continue after this subject (the last row's).
    pub after: Option<String>,
}

/// Software by identity: one row per title, or per unidentified product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftwareRow {
    /// `title:<id>` or `item:…`.
    pub subject: String,
    /// The name to show.
    pub name: String,
    /// The publisher of one of its items.
    pub publisher: String,
    /// Versions found, at most three, and how many there are.
    pub versions: Vec<String>,
    /// How many distinct versions.
    pub version_count: u64,
    /// Sources it was found by.
    pub sources: Vec<SoftwareSource>,
    /// The judgement that asks most for attention among its items.
    pub verdict: Verdict,
    /// Devices that have it.
    pub devices: u64,
}

/// A list of software by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftwareList {
    /// The rows.
    pub rows: Vec<SoftwareRow>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
}

/// One step of an explanation, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
    /// Whether it decided; `None`: it was only noted.
    pub held: Option<bool>,
}

/// How one kind of item was identified and judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The item as a device says it.
    pub item: model::inventory::InventoryItem,
    /// What it belongs to.
    pub subject: String,
    /// `confirmed`, `candidates`, `none`.
    pub outcome: String,
    /// The title's name when one was confirmed; the candidates' names otherwise.
    pub titles: Vec<String>,
    /// The steps of the identification.
    pub identification: Vec<StepRow>,
    /// The judgement.
    pub verdict: Verdict,
    /// The steps of the judgement.
    pub judgement: Vec<StepRow>,
    /// Devices that have it; 0 when the name was only typed in.
    pub devices: u64,
}

/// The answer to `explain NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked.
    pub name: String,
    /// Items of the inventory of that name; when there is none, the name alone as if an item had it.
    pub items: Vec<Explained>,
}

/// An item that may be a title: one click for a reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateRow {
    /// The item's id, for [`crate::Control::confirm_identity`].
    pub item_id: String,
    /// The item.
    pub item: model::inventory::InventoryItem,
    /// Devices that have it.
    pub devices: u64,
    /// The titles it may be, the likeliest first.
    pub titles: Vec<CandidateTitle>,
}

/// One title that an item may be.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateTitle {
    /// The title's id.
    pub title: String,
    /// Its name.
    pub name: String,
    /// How sure, from 0 to 100.
    pub score: u8,
    /// Why, in words.
    pub evidence: Vec<StepRow>,
}

impl Eq for CandidateTitle {}

/// An answer to a candidate: a rule, and a row of the test data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRule {
    /// Its id.
    pub id: String,
    /// The item that was looked at, as JSON.
    pub item: String,
    /// The title.
    pub title: String,
    /// Whether it is this title (`true`) or is not (`false`).
    pub is_title: bool,
    /// Who answered.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The version of the normaliser at that time.
    pub normaliser_version: u32,
}
