//! One source of one device: its set of items, its digest, the snapshot that is coming in.

use super::intake::{Installed, installed_of, key_of};
use super::rows::Rows;
use crate::ControlError;
use crate::batch::{self, Cell};
use crate::store::{Row, Writing, storable};
use model::Timestamp;
use model::inventory::{InventoryItem, ItemsDigest, SnapshotSummary, SoftwareSource};
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Why a source is unconfirmed when too much is gone at once.
pub(crate) const HELD: &str =
    "more than a fifth is gone at once; a second full snapshot like it or an analyst confirms that";

/// The state of a source.
#[derive(Debug)]
pub(crate) struct SourceState {
    source: SoftwareSource,
    looked_at: Option<i64>,
    look_order: i64,
    full_at: Option<i64>,
    confirmed: bool,
    reason: String,
    pub(crate) items: u64,
    /// `None`: not known until the next full snapshot.
    digest: Option<ItemsDigest>,
    pub(crate) accepted_items: u64,
    pub(crate) held_snapshot: String,
    held_hash: String,
    held_items: u64,
    held_at: Option<i64>,
    pub(crate) staging_snapshot: String,
    staging_digest: ItemsDigest,
    pub(crate) staging_items: u64,
    /// Rows that were loaded or written in this batch, by key.
    pub(crate) known: HashMap<String, Installed>,
    whole: bool,
    written: BTreeSet<String>,
    deleted: BTreeSet<String>,
    staged: HashMap<String, (String, Option<i64>)>,
    /// Staged in this batch, not stored yet.
    fresh: BTreeSet<String>,
    clear_staged: bool,
    /// Whether staged items are stored.
    stored_staged: bool,
    /// Whether a message was taken that is not written yet.
    pub(crate) heard: bool,
}

impl SourceState {
    /// One that nothing is stored of.
    pub(crate) fn new(source: SoftwareSource) -> Self {
        Self {
            source,
            looked_at: None,
            look_order: 0,
            full_at: None,
            confirmed: false,
            reason: "the first full snapshot is waited for".to_owned(),
            items: 0,
            digest: Some(ItemsDigest::default()),
            accepted_items: 0,
            held_snapshot: String::new(),
            held_hash: String::new(),
            held_items: 0,
            held_at: None,
            staging_snapshot: String::new(),
            staging_digest: ItemsDigest::default(),
            staging_items: 0,
            known: HashMap::new(),
            whole: true,
            written: BTreeSet::new(),
            deleted: BTreeSet::new(),
            staged: HashMap::new(),
            fresh: BTreeSet::new(),
            clear_staged: false,
            stored_staged: false,
            heard: false,
        }
    }

    /// Every source of devices.
    pub(crate) async fn load_all(
        writing: &mut Writing,
        devices: &[&str],
    ) -> Result<HashMap<String, BTreeMap<SoftwareSource, Self>>, ControlError> {
        let head = "SELECT source, looked_at, look_order, full_at, confirmed, reason, items, items_digest, \
             accepted_items, held_snapshot, held_hash, held_items, held_at, staging_snapshot, staging_digest, \
             staging_items, device_id FROM inventory_source WHERE device_id";
        let mut sources: HashMap<String, BTreeMap<SoftwareSource, Self>> = HashMap::new();
        for row in &batch::fetch_in(writing, head, &[], devices, "").await? {
            let name: String = row.try_get(0)?;
            // A source of a newer version is left alone.
            let Some(source) = SoftwareSource::of_name(&name) else { continue };
            sources.entry(row.try_get(16)?).or_default().insert(source, Self::of_row(source, row)?);
        }
        Ok(sources)
    }

    fn of_row(source: SoftwareSource, row: &Row) -> Result<Self, ControlError> {
        let count = |place: usize| -> Result<u64, ControlError> {
            Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
        };
        Ok(Self {
            looked_at: row.try_get(1)?,
            look_order: row.try_get(2)?,
            full_at: row.try_get(3)?,
            confirmed: row.try_get::<i64, _>(4)? != 0,
            reason: row.try_get(5)?,
            items: count(6)?,
            digest: ItemsDigest::of_hex(&row.try_get::<String, _>(7)?),
            accepted_items: count(8)?,
            held_snapshot: row.try_get(9)?,
            held_hash: row.try_get(10)?,
            held_items: count(11)?,
            held_at: row.try_get(12)?,
            staging_snapshot: row.try_get(13)?,
            staging_digest: ItemsDigest::of_hex(&row.try_get::<String, _>(14)?).unwrap_or_default(),
            staging_items: count(15)?,
            stored_staged: !row.try_get::<String, _>(13)?.is_empty(),
            whole: false,
            ..Self::new(source)
        })
    }

    pub(crate) fn begin_staging(&mut self, snapshot: &str) {
        snapshot.clone_into(&mut self.staging_snapshot);
        self.staging_digest = ItemsDigest::default();
        self.staging_items = 0;
        self.staged.clear();
        self.fresh.clear();
        self.clear_staged = true;
    }

    pub(crate) fn end_staging(&mut self) {
        self.begin_staging("");
    }

    pub(crate) fn stage(&mut self, item: &InventoryItem, id: &str) {
        self.staging_digest.add(item);
        self.staging_items += 1;
        let key = key_of(&item.key).into_owned();
        self.fresh.insert(key.clone());
        self.staged.insert(key, (id.to_owned(), item.installed_at.map(Timestamp::nanos)));
    }

    /// Whether the staged snapshot has the very items that are known to be there.
    pub(crate) fn is_as_known(&self) -> bool {
        self.digest == Some(self.staging_digest) && self.items == self.staging_items
    }

    pub(crate) fn staging_digest(&self) -> String {
        self.staging_digest.to_hex()
    }

    /// Our own digest; empty when it is not known, which equals nothing.
    pub(crate) fn digest(&self) -> String {
        self.digest.map(ItemsDigest::to_hex).unwrap_or_default()
    }

    /// Takes a row that is there out of count and digest.
    pub(crate) fn forget(
        &mut self,
        items: &HashMap<String, InventoryItem>,
        key: &str,
        row: &Installed,
    ) {
        self.items = self.items.saturating_sub(1);
        self.digest = match (self.digest, items.get(&row.item_id)) {
            (Some(mut digest), Some(item)) => {
                let installed_at = row.installed_at.map(Timestamp::from_nanos);
                digest.remove(&InventoryItem { key: key.to_owned(), installed_at, ..item.clone() });
                Some(digest)
            }
            _ => None,
        };
        if self.items == 0 {
            self.digest = Some(ItemsDigest::default());
        }
    }

    /// Counts an item that is there now.
    pub(crate) fn count(&mut self, item: &InventoryItem) {
        self.items += 1;
        if let Some(digest) = &mut self.digest {
            digest.add(item);
        }
    }

    pub(crate) fn write(&mut self, key: String, row: Installed) {
        self.deleted.remove(&key);
        self.written.insert(key.clone());
        self.known.insert(key, row);
    }

    pub(crate) fn doubt(&mut self, reason: &str) {
        self.confirmed = false;
        reason.clone_into(&mut self.reason);
    }

    pub(crate) fn confirm(&mut self, at: Timestamp, clock: i64, full: bool, reason: &str) {
        self.confirmed = true;
        self.reason = case::message::visible(reason);
        self.looked_at = Some(at.nanos());
        self.look_order = clock;
        self.accepted_items = self.items;
        if full || self.full_at.is_none() {
            self.full_at = Some(at.nanos());
        }
        self.held_snapshot.clear();
        self.held_hash.clear();
        (self.held_items, self.held_at) = (0, None);
    }

    /// Whether the staged snapshot has more than a fifth less than what was confirmed last.
    pub(crate) const fn shrank(&self) -> bool {
        self.staging_items.saturating_mul(5) < self.accepted_items.saturating_mul(4)
    }

    /// Whether it is a second one like the one that is held back.
    pub(crate) fn confirms_held(&self, summary: &SnapshotSummary) -> bool {
        !self.held_hash.is_empty()
            && self.held_hash == summary.items_hash
            && self.held_snapshot != summary.id
    }

    pub(crate) fn hold(&mut self, at: Timestamp, summary: &SnapshotSummary) {
        self.doubt(HELD);
        summary.id.clone_into(&mut self.held_snapshot);
        summary.items_hash.clone_into(&mut self.held_hash);
        self.held_items = summary.items;
        self.held_at = Some(at.nanos());
    }

    /// Loads every row of the source.
    pub(crate) async fn load_whole(
        &mut self,
        writing: &mut Writing,
        device: &str,
    ) -> Result<(), ControlError> {
        if self.whole {
            return Ok(());
        }
        let rows = sqlx::query(
            "SELECT item_key, item_id, installed_at, first_seen_at, seen_at, seen_order, gone, baseline \
             FROM installed WHERE device_id = $1 AND source = $2",
        )
        .bind(device)
        .bind(self.source.name())
        .fetch_all(&mut **writing)
        .await?;
        for row in &rows {
            let key: String = row.try_get(0)?;
            if !self.known.contains_key(&key) && !self.deleted.contains(&key) {
                self.known.insert(key, installed_of(row)?);
            }
        }
        self.whole = true;
        Ok(())
    }

    /// Loads what earlier batches staged of the same snapshot.
    pub(crate) async fn load_staged(
        &mut self,
        writing: &mut Writing,
        device: &str,
    ) -> Result<(), ControlError> {
        if self.staged.len() as u64 >= self.staging_items
            || self.clear_staged
            || !self.stored_staged
        {
            return Ok(());
        }
        let rows = sqlx::query(
            "SELECT item_key, item_id, installed_at FROM staged_item WHERE device_id = $1 AND source = $2",
        )
        .bind(device)
        .bind(self.source.name())
        .fetch_all(&mut **writing)
        .await?;
        for row in &rows {
            let staged = (row.try_get(1)?, row.try_get(2)?);
            self.staged.entry(row.try_get(0)?).or_insert(staged);
        }
        Ok(())
    }

    /// Makes the staged set the known one; without `removals`, what is missing in it stays.
    pub(crate) fn take_staged(&mut self, at: Timestamp, clock: i64, removals: bool) {
        let baseline = self.full_at.is_none();
        let staged = self.staged.clone();
        for (key, (item_id, installed_at)) in &staged {
            let before = self.known.get(key);
            let same = before.is_some_and(|row| {
                !row.gone && &row.item_id == item_id && row.installed_at == *installed_at
            });
            if same {
                continue;
            }
            let stays = before.filter(|row| !row.gone);
            let row = Installed {
                item_id: item_id.clone(),
                installed_at: *installed_at,
                first_seen_at: stays.map_or(at.nanos(), |row| row.first_seen_at),
                seen_at: at.nanos(),
                seen_order: clock,
                gone: false,
                baseline: stays.map_or(baseline, |row| row.baseline),
            };
            self.write(key.clone(), row);
        }
        if removals {
            let missing: Vec<String> =
                self.known.keys().filter(|key| !staged.contains_key(*key)).cloned().collect();
            for key in missing {
                self.known.remove(&key);
                self.written.remove(&key);
                self.deleted.insert(key);
            }
            (self.items, self.digest) = (self.staging_items, Some(self.staging_digest));
        } else {
            self.items = self.known.values().filter(|row| !row.gone).count() as u64;
            self.digest = None;
        }
    }

    /// Keys of the rows that the device said are removed and no look confirmed.
    pub(crate) async fn gone(
        &self,
        writing: &mut Writing,
        device: &str,
    ) -> Result<BTreeSet<String>, ControlError> {
        let rows = sqlx::query(
            "SELECT item_key FROM installed WHERE device_id = $1 AND source = $2 AND gone = 1",
        )
        .bind(device)
        .bind(self.source.name())
        .fetch_all(&mut **writing)
        .await?;
        let mut keys = BTreeSet::new();
        for row in &rows {
            let key: String = row.try_get(0)?;
            // What this batch did is not stored yet, and newer.
            if !self.deleted.contains(&key) && self.known.get(&key).is_none_or(|row| row.gone) {
                keys.insert(key);
            }
        }
        let marked = self.known.iter().filter(|(_, row)| row.gone);
        keys.extend(marked.map(|(key, _)| key.clone()));
        Ok(keys)
    }

    pub(crate) fn delete(&mut self, keys: BTreeSet<String>) {
        for key in keys {
            self.known.remove(&key);
            self.written.remove(&key);
            self.deleted.insert(key);
        }
    }

    /// Whether a key was written in this batch and is there.
    pub(crate) fn is_fresh(&self, key: &str) -> bool {
        self.written.contains(key) && self.known.get(key).is_some_and(|row| !row.gone)
    }

    /// Ids of the items whose rows are to be written.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        let written = self.written.iter().filter_map(|key| self.known.get(key));
        let staged = self.fresh.iter().filter_map(|key| self.staged.get(key));
        written.map(|row| row.item_id.as_str()).chain(staged.map(|(id, _)| id.as_str()))
    }

    /// Gives what changed to be written.
    pub(crate) fn give(&mut self, device: &str, rows: &mut Rows) {
        let source = self.source.name();
        for key in std::mem::take(&mut self.written) {
            if let Some(row) = self.known.get(&key) {
                rows.installed(device, source, &key, row);
            }
        }
        rows.deleted(device, source, std::mem::take(&mut self.deleted));
        if std::mem::take(&mut self.clear_staged) && std::mem::take(&mut self.stored_staged) {
            rows.unstaged(device, source);
        }
        for key in std::mem::take(&mut self.fresh) {
            if let Some((id, installed_at)) = self.staged.get(&key) {
                self.stored_staged = true;
                rows.staged(device, source, &key, id, *installed_at);
            }
        }
        rows.source(self.cells(device));
    }

    fn cells(&self, device: &str) -> Vec<Cell> {
        let count = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let text = |text: &str| Cell::Text(storable(text).into_owned());
        vec![
            Cell::from(device),
            Cell::from(self.source.name()),
            Cell::from(self.looked_at),
            Cell::from(self.look_order),
            Cell::from(self.full_at),
            Cell::from(self.confirmed),
            Cell::from(self.reason.as_str()),
            count(self.items),
            Cell::from(self.digest()),
            count(self.accepted_items),
            text(&self.held_snapshot),
            text(&self.held_hash),
            count(self.held_items),
            Cell::from(self.held_at),
            text(&self.staging_snapshot),
            Cell::from(self.staging_digest.to_hex()),
            count(self.staging_items),
        ]
    }
}
