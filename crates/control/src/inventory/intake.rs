//! What one batch says of one device, worked out in memory and written at once.
//!
//! A full snapshot is staged until its summary comes. It is taken when it is whole (count and digest agree) and did not
//! shrink by more than a fifth; a second one like the one held back is taken too. What is new in it is taken in any
//! case: only removals wait.

use super::items::{ITEM_COLUMNS, id_of, item_of};
use super::source::{HELD, SourceState};
use crate::ControlError;
use crate::batch::{self, Cell};
use crate::limits::{INVENTORY_ITEMS_OF_SOURCE_MAX, REMOVED_AT_ONCE_MIN};
use crate::store::{Writing, storable};
use model::Timestamp;
use model::inventory::{
    InventoryItem, InventoryMessage, ItemsDigest, SnapshotSummary, SoftwareSource,
};
use sqlx::Row as _;
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
    /// Begins with what is stored of the device.
    pub(crate) async fn begin(
        writing: &mut Writing,
        device: String,
        now: Timestamp,
    ) -> Result<Self, ControlError> {
        let clock = sqlx::query("SELECT clock FROM inventory_device WHERE device_id = $1")
            .bind(&device)
            .fetch_optional(&mut **writing)
            .await?;
        let clock = match clock {
            Some(row) => row.try_get(0)?,
            None => 0,
        };
        let sources = SourceState::load_all(writing, &device).await?;
        let items = HashMap::new();
        Ok(Self { device, clock, looked_at: now, sources, items, touched: false })
    }

    /// Loads the rows of the keys that changes are about, with their items.
    pub(crate) async fn prefetch(
        &mut self,
        writing: &mut Writing,
        messages: &[(Timestamp, InventoryMessage)],
    ) -> Result<(), ControlError> {
        let mut keys: BTreeMap<SoftwareSource, Vec<&str>> = BTreeMap::new();
        for (_, message) in messages {
            if let InventoryMessage::Added { item }
            | InventoryMessage::Removed { item }
            | InventoryMessage::Changed { item, .. } = message
            {
                keys.entry(item.source).or_default().push(&item.key);
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
        self.looked_at = at;
        let source = message.source();
        let state = self.sources.entry(source).or_insert_with(|| SourceState::new(source));
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
            InventoryMessage::Removed { item } => self.remove(source, &item.key),
            InventoryMessage::Snapshot(summary) => self.summary(writing, at, &summary).await?,
        }
        Ok(None)
    }

    fn put(&mut self, at: Timestamp, item: InventoryItem) {
        let id = id_of(&item);
        let installed_at = item.installed_at.map(Timestamp::nanos);
        let Some(state) = self.sources.get_mut(&item.source) else { return };
        let before = state.known.get(&item.key).filter(|row| !row.gone).cloned();
        if let Some(before) = &before {
            state.forget(&self.items, &item.key, before);
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
        state.write(item.key.clone(), row);
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
        state.load_whole(writing, &device).await?;
        state.load_staged(writing, &device).await?;
        if !summary.complete {
            state.take_staged(at, clock, false);
            state.doubt(&reason_of(&summary.reason, "the device could not read the source wholly"));
            state.end_staging();
        } else if state.shrank() && !state.confirms_held(summary) {
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
        state.load_whole(writing, &device).await?;
        state.load_staged(writing, &device).await?;
        state.take_staged(now, self.clock, true);
        state.confirm(now, self.clock, true, "");
        state.end_staging();
        self.touched = true;
        Ok(true)
    }

    /// Writes what changed. The items must be stored before.
    pub(crate) async fn end(&mut self, writing: &mut Writing) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO inventory_device (device_id, clock, looked_at, silent, stale) VALUES ($1, $2, $3, 0, 0) \
             ON CONFLICT (device_id) DO UPDATE SET clock = excluded.clock, looked_at = excluded.looked_at",
        )
        .bind(&self.device)
        .bind(self.clock)
        .bind(self.looked_at.nanos())
        .execute(&mut **writing)
        .await?;
        for state in self.sources.values_mut() {
            state.save(writing, &self.device).await?;
        }
        Ok(())
    }
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

/// Cells of an installed row.
pub(crate) fn installed_cells(device: &str, source: &str, key: &str, row: &Installed) -> Vec<Cell> {
    vec![
        Cell::from(device),
        Cell::from(source),
        Cell::Text(storable(key).into_owned()),
        Cell::from(row.item_id.as_str()),
        Cell::from(row.installed_at),
        Cell::from(row.first_seen_at),
        Cell::from(row.seen_at),
        Cell::from(row.seen_order),
        Cell::from(row.gone),
        Cell::from(row.baseline),
    ]
}

fn reason_of(said: &str, otherwise: &str) -> String {
    let said = case::message::visible(said);
    if said.is_empty() { otherwise.to_owned() } else { said }
}

fn too_many() -> String {
    format!("the source has more than {INVENTORY_ITEMS_OF_SOURCE_MAX} items; the rest is not taken")
}
