//! What changed in the store since the last snapshot.

use super::{DeviceContext, ItemId, Items, Known, Snapshot, program_of};
use crate::enrol::stored_device;
use crate::ground::Ground;
use crate::inventory::{ITEM_COLUMNS, item_of};
use crate::limits::{CONTEXT_ITEMS_MAX, CONTEXT_PROGRAMS_OF_DEVICE_MAX};
use crate::scope::statement;
use crate::store::Row;
use crate::{Control, ControlError};
use case::judgement::Verdict;
use model::DeviceId;
use model::inventory::{InventoryItem, SoftwareSource};
use sqlx::Row as _;
use std::collections::HashMap;
use std::sync::Arc;

impl Control {
    /// The items of the last snapshot with those that were judged since.
    pub(super) async fn context_items(
        &self,
        known: Option<&Arc<Snapshot>>,
        since: i64,
        ground: &Ground,
    ) -> Result<Items, ControlError> {
        let sql = format!(
            "SELECT s.id, j.title_id, j.verdict, j.per_device, s.first_seen_at, {ITEM_COLUMNS} FROM item_judgement AS j \
             JOIN software_item AS s ON s.id = j.item_id WHERE j.batch > $1 \
             AND s.source IN ({SOURCES_WITH_PATHS}, {PACKAGES}) ORDER BY s.first_seen_at DESC, s.id LIMIT $2"
        );
        let rows = statement(sql)
            .bind(since)
            .bind(i64::try_from(CONTEXT_ITEMS_MAX).unwrap_or(i64::MAX))
            .fetch_all(self.store.pool())
            .await?;
        let mut items = known.map(|known| HashMap::clone(&known.items)).unwrap_or_default();
        let mut hashes = known.map(|known| HashMap::clone(&known.by_hash)).unwrap_or_default();
        let mut packages = known.map(|known| HashMap::clone(&known.by_package)).unwrap_or_default();
        for row in &rows {
            let (Some(id), item, known) = known_of(row, ground)? else { continue };
            if items.len() >= CONTEXT_ITEMS_MAX && !items.contains_key(&id) {
                continue;
            }
            let came: i64 = row.try_get(4)?;
            if is_package(item.source)
                && packages.get(item.identifier.as_str()).is_none_or(|(newest, _)| came >= *newest)
            {
                packages.insert(item.identifier.as_str().into(), (came, id));
            }
            if let Some(hash) = known.program.sha256 {
                // One that the catalogue knows says more than one that it does not.
                let better = |other: &ItemId| {
                    known.program.title.is_some()
                        || items.get(other).is_none_or(|other| other.program.title.is_none())
                };
                if hashes.get(&hash).is_none_or(better) {
                    hashes.insert(hash, id);
                }
            }
            items.insert(id, Arc::new(known));
        }
        Ok(Items {
            items: Arc::new(items),
            by_hash: Arc::new(hashes),
            by_package: Arc::new(packages),
        })
    }

    /// Every device; the programs of those whose inventory moved are read anew.
    pub(super) async fn context_devices(
        &self,
        known: Option<&Arc<Snapshot>>,
    ) -> Result<HashMap<DeviceId, Arc<DeviceContext>>, ControlError> {
        let mut groups = self.groups_by_device().await?;
        let rows = sqlx::query(
            "SELECT d.id, t.id, t.name, d.owner_id, c.clock FROM device AS d \
             LEFT JOIN person AS p ON p.id = d.owner_id \
             LEFT JOIN department AS t ON t.id = COALESCE(d.department_id, p.department_id) \
             LEFT JOIN inventory_device AS c ON c.device_id = d.id",
        )
        .fetch_all(self.store.pool())
        .await?;
        let mut devices = HashMap::with_capacity(rows.len());
        for row in &rows {
            let device = stored_device(&row.try_get::<String, _>(0)?)?;
            let before = known.and_then(|known| known.devices.get(&device));
            let mut now = DeviceContext {
                department: row.try_get::<Option<String>, _>(2)?.map(Arc::from),
                groups: groups.remove(&device).unwrap_or_default().into(),
                person: row.try_get::<Option<String>, _>(3)?.unwrap_or_default(),
                department_id: row.try_get::<Option<String>, _>(1)?.unwrap_or_default(),
                clock: row.try_get::<Option<i64>, _>(4)?.unwrap_or(0),
                programs: Arc::default(),
            };
            match before {
                Some(before) if before.clock == now.clock => {
                    now.programs = Arc::clone(&before.programs);
                }
                _ if now.clock == 0 => {}
                _ => now.programs = Arc::new(self.programs_on(device).await?),
            }
            let now = match before {
                Some(before) if **before == now => Arc::clone(before),
                _ => Arc::new(now),
            };
            devices.insert(device, now);
        }
        Ok(devices)
    }

    async fn groups_by_device(&self) -> Result<HashMap<DeviceId, Vec<String>>, ControlError> {
        let rows =
            sqlx::query("SELECT device_id, group_name FROM device_in_group ORDER BY group_name")
                .fetch_all(self.store.pool())
                .await?;
        let mut groups: HashMap<DeviceId, Vec<String>> = HashMap::new();
        for row in &rows {
            let device = stored_device(&row.try_get::<String, _>(0)?)?;
            groups.entry(device).or_default().push(row.try_get(1)?);
        }
        Ok(groups)
    }

    async fn programs_on(
        &self,
        device: DeviceId,
    ) -> Result<HashMap<Box<str>, ItemId>, ControlError> {
        let sql = format!(
            "SELECT s.path, i.item_id FROM installed AS i JOIN software_item AS s ON s.id = i.item_id \
             WHERE i.device_id = $1 AND i.source IN ({SOURCES_WITH_PATHS}) AND i.gone = 0 AND s.path <> '' \
             ORDER BY i.seen_at DESC LIMIT $2"
        );
        let rows = statement(sql)
            .bind(device.to_string())
            .bind(CONTEXT_PROGRAMS_OF_DEVICE_MAX)
            .fetch_all(self.store.pool())
            .await?;
        let mut programs = HashMap::with_capacity(rows.len());
        for row in &rows {
            let path: String = row.try_get(0)?;
            if let Some(id) = item_id(&row.try_get::<String, _>(1)?) {
                // Seen by two sources: the later word counts, and it comes first.
                programs.entry(path.into()).or_insert(id);
            }
        }
        Ok(programs)
    }
}

fn known_of(
    row: &Row,
    ground: &Ground,
) -> Result<(Option<ItemId>, InventoryItem, Known), ControlError> {
    let id: String = row.try_get(0)?;
    let item = item_of(row, 5, id.clone(), None)?;
    let title: String = row.try_get(1)?;
    let verdict: String = row.try_get(2)?;
    let decision = Verdict::of_name(&verdict).ok_or_else(|| ControlError::Corrupt {
        what: "judgement",
        id: id.clone(),
        reason: format!("an unknown verdict {verdict:?}"),
    })?;
    let program = Arc::new(program_of(ground, &item, &title, decision));
    let per_device = (row.try_get::<i64, _>(3)? != 0).then(|| item.clone());
    Ok((item_id(&id), item, Known { program, per_device }))
}

const fn is_package(source: SoftwareSource) -> bool {
    matches!(source, SoftwareSource::Dpkg | SoftwareSource::Rpm)
}

fn item_id(text: &str) -> Option<ItemId> {
    u128::from_str_radix(text, 16).ok()
}

/// Packages, which an agent names by their identifier. Every device has thousands, so that they are not kept by device.
const PACKAGES: &str = "'dpkg', 'rpm'";
/// Items of these are files that run, so that a path leads to them.
const SOURCES_WITH_PATHS: &str = "'executed', 'appimage'";
