//! What a batch writes of all its devices, table by table, in few statements.

use super::intake::Installed;
use crate::ControlError;
use crate::batch::{self, Cell};
use crate::store::Writing;
use model::Timestamp;
use std::collections::BTreeSet;

/// Rows that wait to be written. No key is given twice before they are.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    devices: Vec<Vec<Cell>>,
    sources: Vec<Vec<Cell>>,
    installed: Vec<Vec<Cell>>,
    staged: Vec<Vec<Cell>>,
    deleted: Vec<(String, &'static str, BTreeSet<String>)>,
    unstaged: Vec<(String, &'static str)>,
}

impl Rows {
    pub(crate) fn device(&mut self, device: &str, clock: i64, looked_at: Timestamp) {
        self.devices.push(vec![
            Cell::from(device),
            Cell::from(clock),
            Cell::from(looked_at.nanos()),
            Cell::from(false),
            Cell::from(false),
        ]);
    }

    pub(crate) fn source(&mut self, cells: Vec<Cell>) {
        self.sources.push(cells);
    }

    pub(crate) fn installed(&mut self, device: &str, source: &str, key: &str, row: &Installed) {
        self.installed.push(vec![
            Cell::from(device),
            Cell::from(source),
            Cell::from(key),
            Cell::from(row.item_id.as_str()),
            Cell::from(row.installed_at),
            Cell::from(row.first_seen_at),
            Cell::from(row.seen_at),
            Cell::from(row.seen_order),
            Cell::from(row.gone),
            Cell::from(row.baseline),
        ]);
    }

    pub(crate) fn deleted(&mut self, device: &str, source: &'static str, keys: BTreeSet<String>) {
        if !keys.is_empty() {
            self.deleted.push((device.to_owned(), source, keys));
        }
    }

    /// Every staged item of the source goes, before new ones come.
    pub(crate) fn unstaged(&mut self, device: &str, source: &'static str) {
        self.unstaged.push((device.to_owned(), source));
    }

    pub(crate) fn staged(
        &mut self,
        device: &str,
        source: &str,
        key: &str,
        item: &str,
        installed_at: Option<i64>,
    ) {
        self.staged.push(vec![
            Cell::from(device),
            Cell::from(source),
            Cell::from(key),
            Cell::from(item),
            Cell::from(installed_at),
        ]);
    }

    pub(crate) async fn write(self, writing: &mut Writing) -> Result<(), ControlError> {
        batch::insert(writing, INSERT_DEVICE, &self.devices, UPDATE_DEVICE).await?;
        for (device, source, keys) in &self.deleted {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let head = "DELETE FROM installed WHERE device_id = $1 AND source = $2 AND item_key";
            batch::execute_in(writing, head, &[device, source], &keys).await?;
        }
        for (device, source) in &self.unstaged {
            sqlx::query("DELETE FROM staged_item WHERE device_id = $1 AND source = $2")
                .bind(device)
                .bind(*source)
                .execute(&mut **writing)
                .await?;
        }
        batch::insert(writing, INSERT_INSTALLED, &self.installed, UPDATE_INSTALLED).await?;
        batch::insert(writing, INSERT_STAGED, &self.staged, UPDATE_STAGED).await?;
        batch::insert(writing, INSERT_SOURCE, &self.sources, UPDATE_SOURCE).await
    }
}

const INSERT_DEVICE: &str =
    "INSERT INTO inventory_device (device_id, clock, looked_at, silent, stale)";
const UPDATE_DEVICE: &str =
    "ON CONFLICT (device_id) DO UPDATE SET clock = excluded.clock, looked_at = excluded.looked_at";
const INSERT_INSTALLED: &str = "INSERT INTO installed (device_id, source, item_key, item_id, installed_at, \
    first_seen_at, seen_at, seen_order, gone, baseline)";
const UPDATE_INSTALLED: &str = "ON CONFLICT (device_id, source, item_key) DO UPDATE SET item_id = excluded.item_id, \
    installed_at = excluded.installed_at, first_seen_at = excluded.first_seen_at, seen_at = excluded.seen_at, \
    seen_order = excluded.seen_order, gone = excluded.gone, baseline = excluded.baseline";
const INSERT_STAGED: &str =
    "INSERT INTO staged_item (device_id, source, item_key, item_id, installed_at)";
const UPDATE_STAGED: &str = "ON CONFLICT (device_id, source, item_key) DO UPDATE SET item_id = excluded.item_id, \
    installed_at = excluded.installed_at";
const INSERT_SOURCE: &str = "INSERT INTO inventory_source (device_id, source, looked_at, look_order, full_at, confirmed, \
    reason, items, items_digest, accepted_items, held_snapshot, held_hash, held_items, held_at, staging_snapshot, \
    staging_digest, staging_items)";
const UPDATE_SOURCE: &str = "ON CONFLICT (device_id, source) DO UPDATE SET looked_at = excluded.looked_at, \
    look_order = excluded.look_order, full_at = excluded.full_at, confirmed = excluded.confirmed, \
    reason = excluded.reason, items = excluded.items, items_digest = excluded.items_digest, \
    accepted_items = excluded.accepted_items, held_snapshot = excluded.held_snapshot, held_hash = excluded.held_hash, \
    held_items = excluded.held_items, held_at = excluded.held_at, staging_snapshot = excluded.staging_snapshot, \
    staging_digest = excluded.staging_digest, staging_items = excluded.staging_items";
