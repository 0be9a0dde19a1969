//! What one batch says of one device, worked out in memory and written at once.
//!
//! A full snapshot is staged until its summary comes. It is taken when it is whole (count and digest agree) and did not
//! shrink by more than a fifth; a second one like the one held back is taken too. What is new in it is taken in any
//! case: only removals wait. One that says what is known already needs nothing loaded.

use super::items::{ITEM_COLUMNS, id_of, item_of};
use super::rows::Rows;
use super::source::{HELD, SourceState};
use crate::ControlError;
use crate::batch;
use crate::limits::{INVENTORY_ITEMS_OF_SOURCE_MAX, INVENTORY_KEY_BYTES_MAX, REMOVED_AT_ONCE_MIN};
use crate::store::Writing;
use model::Timestamp;
use model::inventory::{
    InventoryItem, InventoryMessage, ItemsDigest, SnapshotSummary, SoftwareSource,
};
use sqlx::Row as _;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// One device during a batch.
pub(crate) struct DeviceRound {
    pub(crate) device: String,
    pub(crate) clock: i64,
    pub(crate) looked_at: Timestamp,
    pub(crate) sources: BTreeMap<SoftwareSource, SourceState>,
    /// Distinct items that this batch mentions.
    pub(crate) items: HashMap<String, InventoryItem>,
    /// Whether rows or looks changed, so that findings may too.
    pub(crate) touched: bool,
    /// Whether a message was taken that is not written yet.
    heard: bool,
}

/// An installed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    pub(crate) item_id: String,
    pub(crate) installed_at: Option<i64>,
    pub(crate) first_seen_at: i64,
    pub(crate) seen_at: i64,
    pub(crate) seen_order: i64,
    pub(crate) gone: bool,
    pub(crate) baseline: bool,
}

impl DeviceRound {
    /// Begins with what is stored of the devices; in their order.
    pub(crate) async fn begin(
        writing: &mut Writing,
        devices: &[&str],
        now: Timestamp,
    ) -> Result<Vec<Self>, ControlError> {
        let head = "SELECT device_id, clock FROM inventory_device WHERE device_id";
        let mut clocks: HashMap<String, i64> = HashMap::new();
        for row in batch::fetch_in(writing, head, &[], devices, "").await? {
            clocks.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let mut sources = SourceState::load_all(writing, devices).await?;
        let begin = |device: &&str| Self {
            device: (*device).to_owned(),
            clock: clocks.get(*device).copied().unwrap_or(0),
            looked_at: now,
            sources: sources.remove(*device).unwrap_or_default(),
            items: HashMap::new(),
            touched: false,
            heard: false,
        };
        Ok(devices.iter().map(begin).collect())
    }

    /// Loads the rows of the keys that changes are about, with their items.
    pub(crate) async fn prefetch(
        &mut self,
        writing: &mut Writing,
        messages: &[(Timestamp, InventoryMessage)],
    ) -> Result<(), ControlError> {
        let mut keys: BTreeMap<SoftwareSource, Vec<Cow<'_, str>>> = BTreeMap::new();
        for (_, message) in messages {
            if let InventoryMessage::Added { item }
            | InventoryMessage::Removed { item }
            | InventoryMessage::Changed { item, .. } = message
            {
                keys.entry(item.source).or_default().push(key_of(&item.key));
            }
        }
        for (source, mut keys) in keys {
            keys.sort_unstable();
            keys.dedup();
            let head = format!(
                "SELECT i.item_key, i.item_id, i.installed_at, i.first_seen_at, i.seen_at, i.seen_order, i.gone, \
                 i.baseline, {ITEM_COLUMNS} FROM installed i JOIN software_item s ON s.id = i.item_id \
                 WHERE i.device_id = $1 AND i.source = $2 AND i.item_key"
            );
            let fixed = [self.device.as_str(), source.name()];
            let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
            let rows = batch::fetch_in(writing, &head, &fixed, &keys, "").await?;
            let state = self.sources.entry(source).or_insert_with(|| SourceState::new(source));
            for row in rows {
                let key: String = row.try_get(0)?;
                let installed = installed_of(&row)?;
                let item = item_of(&row, 8, key.clone(), installed.installed_at)?;
                self.items.insert(installed.item_id.clone(), item);
                state.known.insert(key, installed);
            }
        }
        Ok(())
    }

    /// Takes one message; a reason when it is refused.
    pub(crate) async fn take(
        &mut self,
        writing: &mut Writing,
        at: Timestamp,
        message: InventoryMessage,
    ) -> Result<Option<String>, ControlError> {
        self.clock += 1;
        (self.looked_at, self.heard) = (at, true);
        let source = message.source();
        let state = self.sources.entry(source).or_insert_with(|| SourceState::new(source));
        state.heard = true;
        match message {
            InventoryMessage::Present { snapshot, item } => {
                let item = item.bounded();
                let id = id_of(&item);
                if state.staging_snapshot != snapshot {
                    state.begin_staging(&snapshot);
                }
                if state.staging_items >= INVENTORY_ITEMS_OF_SOURCE_MAX {
                    return Ok(Some(too_many()));
                }
                state.stage(&item, &id);
                self.items.entry(id).or_insert(item);
            }
            InventoryMessage::Added { item } | InventoryMessage::Changed { item, .. } => {
                if state.items >= INVENTORY_ITEMS_OF_SOURCE_MAX {
                    return Ok(Some(too_many()));
                }
                let item = item.bounded();
                self.put(at, item);
            }
            InventoryMessage::Removed { item } => self.remove(source, &key_of(&item.key)),
            InventoryMessage::Snapshot(summary) => self.summary(writing, at, &summary).await?,
        }
        Ok(None)
    }

    fn put(&mut self, at: Timestamp, item: InventoryItem) {
        let id = id_of(&item);
        let installed_at = item.installed_at.map(Timestamp::nanos);
        let Some(state) = self.sources.get_mut(&item.source) else { return };
        let key = key_of(&item.key).into_owned();
        let before = state.known.get(&key).filter(|row| !row.gone).cloned();
        if let Some(before) = &before {
            state.forget(&self.items, &key, before);
        }
        state.count(&item);
        let row = Installed {
            item_id: id.clone(),
            installed_at,
            first_seen_at: before.as_ref().map_or(at.nanos(), |row| row.first_seen_at),
            seen_at: at.nanos(),
            seen_order: self.clock,
            gone: false,
            baseline: before.is_some_and(|row| row.baseline),
        };
        state.write(key, row);
        self.items.entry(id).or_insert(item);
        self.touched = true;
    }

    fn remove(&mut self, source: SoftwareSource, key: &str) {
        let Some(state) = self.sources.get_mut(&source) else { return };
        let Some(row) = state.known.get(key).filter(|row| !row.gone).cloned() else { return };
        state.forget(&self.items, key, &row);
        state.write(key.to_owned(), Installed { gone: true, ..row });
        self.touched = true;
    }

    async fn summary(
        &mut self,
        writing: &mut Writing,
        at: Timestamp,
        summary: &SnapshotSummary,
    ) -> Result<(), ControlError> {
        let (device, clock) = (self.device.clone(), self.clock);
        let Some(state) = self.sources.get_mut(&summary.source) else { return Ok(()) };
        let empty = summary.items == 0 && summary.items_hash == ItemsDigest::default().to_hex();
        let staged = state.staging_snapshot == summary.id;
        // Nothing at all where something was: a full snapshot of no items.
        let all_gone = empty && state.items > 0;
        self.touched = true;
        if !staged && !all_gone {
            state.compare(writing, &device, at, clock, summary).await?;
            return Ok(());
        }
        if !staged {
            state.begin_staging(&summary.id);
        }
        let whole =
            state.staging_items == summary.items && state.staging_digest() == summary.items_hash;
        if !whole {
            state.doubt("a full snapshot came in incomplete; the next one is waited for");
            state.end_staging();
            return Ok(());
        }
        let too_small = state.shrank() && !state.confirms_held(summary);
        if summary.complete && !too_small && state.is_as_known() {
            let gone = state.gone(writing, &device).await?;
            state.delete(gone);
            state.confirm(at, clock, true, &summary.reason);
            state.end_staging();
            return Ok(());
        }
        state.load_whole(writing, &device).await?;
        state.load_staged(writing, &device).await?;
        if !summary.complete {
            state.take_staged(at, clock, false);
            state.doubt(&reason_of(&summary.reason, "the device could not read the source wholly"));
            state.end_staging();
        } else if too_small {
            state.take_staged(at, clock, false);
            state.hold(at, summary);
        } else {
            state.take_staged(at, clock, true);
            state.confirm(at, clock, true, &summary.reason);
            state.end_staging();
        }
        Ok(())
    }

    /// Takes a snapshot that is held back, on a person's word.
    pub(crate) async fn take_held(
        &mut self,
        writing: &mut Writing,
        source: SoftwareSource,
        now: Timestamp,
    ) -> Result<bool, ControlError> {
        let device = self.device.clone();
        let Some(state) = self.sources.get_mut(&source) else { return Ok(false) };
        if state.held_snapshot.is_empty() || state.staging_snapshot != state.held_snapshot {
            return Ok(false);
        }
        self.clock += 1;
        (self.heard, state.heard) = (true, true);
        state.load_whole(writing, &device).await?;
        state.load_staged(writing, &device).await?;
        state.take_staged(now, self.clock, true);
        state.confirm(now, self.clock, true, "");
        state.end_staging();
        self.touched = true;
        Ok(true)
    }
}

/// The items that rounds are going to write rows of, by id. Those that are stored already may be missing.
pub(crate) fn named(rounds: &[DeviceRound]) -> HashMap<&str, &InventoryItem> {
    let mut named = HashMap::new();
    for round in rounds {
        for id in round.sources.values().flat_map(SourceState::named) {
            if let Some((id, item)) = round.items.get_key_value(id) {
                named.insert(id.as_str(), item);
            }
        }
    }
    named
}

/// Writes what changed. The items must be stored before.
pub(crate) async fn end(
    writing: &mut Writing,
    rounds: &mut [DeviceRound],
) -> Result<(), ControlError> {
    let mut rows = Rows::default();
    for round in rounds.iter_mut().filter(|round| round.heard) {
        round.heard = false;
        rows.device(&round.device, round.clock, round.looked_at);
        for state in round.sources.values_mut().filter(|state| state.heard) {
            state.heard = false;
            state.give(&round.device, &mut rows);
        }
    }
    rows.write(writing).await
}

impl SourceState {
    /// A look that names only what changed: does what we know agree with it?
    async fn compare(
        &mut self,
        writing: &mut Writing,
        device: &str,
        at: Timestamp,
        clock: i64,
        summary: &SnapshotSummary,
    ) -> Result<(), ControlError> {
        if !summary.complete {
            self.doubt(&reason_of(&summary.reason, "the device could not read the source wholly"));
        } else if self.items != summary.items || self.digest() != summary.items_hash {
            self.doubt("what the device holds differs from what is known; the next full snapshot is waited for");
        } else {
            let gone = self.gone(writing, device).await?;
            let count = gone.len() as u64;
            if count.saturating_mul(5) > self.accepted_items && count > REMOVED_AT_ONCE_MIN {
                self.doubt(HELD);
            } else {
                self.delete(gone);
                self.confirm(at, clock, false, &summary.reason);
            }
        }
        Ok(())
    }
}

/// The key that rows have: the item's, or what stands for one that a database would refuse. PostgreSQL's indexes take
/// 2,700 bytes and no U+0000; one device's key must not stop the inventory of all.
pub(crate) fn key_of(key: &str) -> Cow<'_, str> {
    if key.len() <= INVENTORY_KEY_BYTES_MAX && !key.contains('\0') {
        return Cow::Borrowed(key);
    }
    Cow::Owned(format!("sha256:{}", crate::digest::sha256_hex(key.as_bytes())))
}

/// An installed row from column 1 on.
pub(crate) fn installed_of(row: &crate::store::Row) -> Result<Installed, ControlError> {
    Ok(Installed {
        item_id: row.try_get(1)?,
        installed_at: row.try_get(2)?,
        first_seen_at: row.try_get(3)?,
        seen_at: row.try_get(4)?,
        seen_order: row.try_get(5)?,
        gone: row.try_get::<i64, _>(6)? != 0,
        baseline: row.try_get::<i64, _>(7)? != 0,
    })
}

fn reason_of(said: &str, otherwise: &str) -> String {
    let said = case::message::visible(said);
    if said.is_empty() { otherwise.to_owned() } else { said }
}

fn too_many() -> String {
    format!("the source has more than {INVENTORY_ITEMS_OF_SOURCE_MAX} items; the rest is not taken")
}
