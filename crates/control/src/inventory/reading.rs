//! The inventory as lists and pages.

use super::intake::{DeviceRound, end};
use super::items::item_of;
use crate::audit::{Action, Cause, Entry};
use crate::findings::{Tally, acts::reasoned};
use crate::limits::INSTALLED_ROWS_MAX;
use crate::scope::{Scope, statement};
use crate::store::Row;
use crate::view::findings::{
    DeviceInventory, DeviceInventoryRow, HeldSnapshot, InstalledOn, InstalledRow, InventoryState,
    RefusedInventory, SourceRow,
};
use crate::{Actor, Control, ControlError, Permission};
use case::judgement::Verdict;
use model::inventory::SoftwareSource;
use model::{DeviceId, Timestamp};
use serde_json::json;
use software::search_key;
use sqlx::Row as _;

/// What [`installed_row`] reads, of `installed AS i`.
pub(crate) const INSTALLED_SQL: &str = "SELECT i.item_key, i.installed_at, i.first_seen_at, i.seen_at, i.baseline, \
    COALESCE(l.looked_at, 0), COALESCE(l.look_order, 0), i.seen_order, j.subject, j.subject_name, j.verdict, \
    s.source, s.name, s.version, s.publisher, s.identifier, s.architecture, s.path, \
    s.user_name, s.profile, s.permissions, s.install_source, s.origin_url, s.sha256, s.signer, s.size_bytes, s.enabled \
    FROM installed AS i JOIN software_item AS s ON s.id = i.item_id JOIN item_judgement AS j ON j.item_id = i.item_id \
    LEFT JOIN inventory_source AS l ON l.device_id = i.device_id AND l.source = i.source";

/// A row of [`INSTALLED_SQL`].
pub(crate) fn installed_row(row: &Row) -> Result<InstalledRow, ControlError> {
    let key: String = row.try_get(0)?;
    let item = item_of(row, 11, key, row.try_get(1)?)?;
    let (seen_at, looked_at): (i64, i64) = (row.try_get(3)?, row.try_get(5)?);
    let looked_later = row.try_get::<i64, _>(6)? > row.try_get::<i64, _>(7)?;
    Ok(InstalledRow {
        item,
        subject: row.try_get(8)?,
        title: row.try_get(9)?,
        verdict: Verdict::of_name(&row.try_get::<String, _>(10)?).unwrap_or(Verdict::Unapproved),
        first_seen_at: Timestamp::from_nanos(row.try_get(2)?),
        last_seen_at: Timestamp::from_nanos(if looked_later { looked_at } else { seen_at }),
        baseline: row.try_get::<i64, _>(4)? != 0,
    })
}

impl Control {
    /// How far the inventory is, and what waits for people.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn inventory_state(&self, actor: &Actor) -> Result<InventoryState, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "inventory_state").await?;
        let now = self.clock.now().nanos();
        let row = sqlx::query(
            "SELECT (SELECT COUNT(DISTINCT device_id) FROM inventory_source WHERE full_at IS NOT NULL), \
             (SELECT COUNT(*) FROM device), \
             (SELECT COUNT(*) FROM inventory_source WHERE confirmed = 0), \
             (SELECT COUNT(*) FROM inventory_source WHERE held_snapshot <> ''), \
             (SELECT COUNT(DISTINCT j.subject) FROM installed i JOIN item_judgement j ON j.item_id = i.item_id \
              WHERE i.baseline = 1 AND i.gone = 0 AND j.kind IN ('unapproved', 'portable')), \
             (SELECT COUNT(*) FROM installed i JOIN item_judgement j ON j.item_id = i.item_id \
              WHERE i.baseline = 1 AND i.gone = 0 AND j.kind IN ('unapproved', 'portable')), \
             (SELECT COUNT(*) FROM item_judgement WHERE revision < (SELECT revision FROM judging WHERE only_row = 1)), \
             (SELECT COUNT(*) FROM item_judgement WHERE outcome = 'candidate'), \
             (SELECT COUNT(*) FROM exclusion WHERE withdrawn_at IS NULL AND expires_at > $1)",
        )
        .bind(now)
        .fetch_one(self.store.pool())
        .await?;
        let count = |place: usize| -> Result<u64, ControlError> {
            Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
        };
        Ok(InventoryState {
            devices_learned: count(0)?,
            devices: count(1)?,
            unconfirmed: count(2)?,
            held: count(3)?,
            baseline_subjects: count(4)?,
            baseline_installed: count(5)?,
            to_judge: count(6)?,
            candidates: count(7)?,
            exclusions: count(8)?,
        })
    }

    /// Devices with how far their inventories are, by name.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn inventory_devices(
        &self,
        actor: &Actor,
        words: &str,
    ) -> Result<Vec<DeviceInventoryRow>, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "inventory_devices").await?;
        let condition = actor.scope(Permission::ReadInventory).on_device("d", 1);
        let sql = format!(
            "SELECT d.id, d.name, COALESCE(v.looked_at, 0), \
             (SELECT COALESCE(CAST(SUM(l.items) AS BIGINT), 0) FROM inventory_source l WHERE l.device_id = d.id), \
             (SELECT COUNT(*) FROM inventory_source l WHERE l.device_id = d.id AND l.confirmed = 0), \
             (SELECT COUNT(*) FROM inventory_source l WHERE l.device_id = d.id AND l.held_snapshot <> ''), \
             (SELECT COUNT(*) FROM finding f WHERE f.device_id = d.id AND f.status <> 'resolved') \
             FROM device AS d LEFT JOIN inventory_device AS v ON v.device_id = d.id WHERE {} ORDER BY d.name, d.id",
            condition.sql
        );
        let wanted = search_key(words);
        let mut devices = Vec::new();
        for row in &condition.bind(statement(sql)).fetch_all(self.store.pool()).await? {
            let name: String = row.try_get(1)?;
            if !search_key(&name).contains(&wanted) {
                continue;
            }
            let looked_at: i64 = row.try_get(2)?;
            let count = |place: usize| -> Result<u64, ControlError> {
                Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
            };
            devices.push(DeviceInventoryRow {
                device: crate::enrol::stored_device(&row.try_get::<String, _>(0)?)?,
                device_name: name,
                looked_at: (looked_at > 0).then(|| Timestamp::from_nanos(looked_at)),
                items: count(3)?,
                confirmed: looked_at > 0 && count(4)? == 0,
                held: count(5)?,
                findings: count(6)?,
            });
        }
        Ok(devices)
    }

    /// The software of one device. Opening it is in the audit chain.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn device_inventory(
        &self,
        actor: &Actor,
        device: DeviceId,
    ) -> Result<DeviceInventory, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "device_inventory").await?;
        self.device_in_scope(&actor.scope(Permission::ReadInventory), device).await?;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::InventoryOpened,
            target: format!("device {device}"),
            detail: json!({}),
        })
        .await?;
        let id = device.to_string();
        let name = sqlx::query("SELECT name FROM device WHERE id = $1")
            .bind(id.clone())
            .fetch_one(self.store.pool())
            .await?;
        Ok(DeviceInventory {
            device,
            device_name: name.try_get(0)?,
            sources: self.sources_of(&id).await?,
            items: self.installed_on(&id).await?,
            refused: self.refused_of(device).await?,
        })
    }

    /// Everything installed on a device, by name.
    pub(crate) async fn installed_on(
        &self,
        device: &str,
    ) -> Result<Vec<InstalledRow>, ControlError> {
        let sql = format!(
            "{INSTALLED_SQL} WHERE i.device_id = $1 AND i.gone = 0 ORDER BY s.search_key, i.item_key LIMIT $2"
        );
        let rows = statement(sql)
            .bind(device.to_owned())
            .bind(INSTALLED_ROWS_MAX)
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(installed_row).collect()
    }

    async fn sources_of(&self, device: &str) -> Result<Vec<SourceRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT source, looked_at, full_at, confirmed, reason, items, held_snapshot, held_items, held_at, \
             accepted_items FROM inventory_source WHERE device_id = $1 ORDER BY source",
        )
        .bind(device.to_owned())
        .fetch_all(self.store.pool())
        .await?;
        let mut sources = Vec::new();
        for row in &rows {
            let Some(source) = SoftwareSource::of_name(&row.try_get::<String, _>(0)?) else {
                continue;
            };
            let time = |place: usize| -> Result<Option<Timestamp>, ControlError> {
                Ok(row.try_get::<Option<i64>, _>(place)?.map(Timestamp::from_nanos))
            };
            let count = |place: usize| -> Result<u64, ControlError> {
                Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
            };
            let held = match time(8)? {
                Some(at) => Some(HeldSnapshot { items: count(7)?, items_before: count(9)?, at }),
                None => None,
            };
            sources.push(SourceRow {
                source,
                looked_at: time(1)?,
                full_at: time(2)?,
                confirmed: row.try_get::<i64, _>(3)? != 0,
                reason: row.try_get(4)?,
                items: count(5)?,
                held,
            });
        }
        Ok(sources)
    }

    async fn refused_of(&self, device: DeviceId) -> Result<Vec<RefusedInventory>, ControlError> {
        let rows = sqlx::query(
            "SELECT reason, last_at, times FROM inventory_refusal WHERE device_id = $1 ORDER BY last_at DESC",
        )
        .bind(device.to_string())
        .fetch_all(self.store.pool())
        .await?;
        let mut refused = Vec::new();
        for row in &rows {
            refused.push(RefusedInventory {
                device,
                reason: row.try_get(0)?,
                at: Timestamp::from_nanos(row.try_get(1)?),
                times: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0),
            });
        }
        Ok(refused)
    }

    /// The devices that have a piece of software, within the actor's scope; at most 1,000.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn software_devices(
        &self,
        actor: &Actor,
        subject: &str,
    ) -> Result<Vec<InstalledOn>, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "software_devices").await?;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::InventoryOpened,
            target: "software".to_owned(),
            detail: json!({ "subject": subject.chars().take(200).collect::<String>() }),
        })
        .await?;
        self.devices_with(subject, &actor.scope(Permission::ReadInventory)).await
    }

    async fn devices_with(
        &self,
        subject: &str,
        scope: &Scope,
    ) -> Result<Vec<InstalledOn>, ControlError> {
        let condition = scope.on_device("d", 2);
        let sql = INSTALLED_SQL.replace(
            " FROM installed AS i",
            ", d.id, d.name, COALESCE(p.name, '') FROM installed AS i JOIN device AS d ON d.id = i.device_id \
             LEFT JOIN person AS p ON p.id = d.owner_id",
        );
        let sql = format!(
            "{sql} WHERE j.subject = $1 AND i.gone = 0 AND {} ORDER BY d.name, i.item_key LIMIT 1000",
            condition.sql
        );
        let rows = condition
            .bind(statement(sql).bind(subject.to_owned()))
            .fetch_all(self.store.pool())
            .await?;
        let mut found = Vec::new();
        for row in &rows {
            found.push(InstalledOn {
                device: crate::enrol::stored_device(&row.try_get::<String, _>(27)?)?,
                device_name: row.try_get(28)?,
                owner: row.try_get(29)?,
                row: installed_row(row)?,
            });
        }
        Ok(found)
    }

    /// Takes a snapshot that is held back: a person knows why so much is gone.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`] when nothing is held back (any more).
    pub async fn confirm_held_snapshot(
        &self,
        actor: &Actor,
        device: DeviceId,
        source: SoftwareSource,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::WorkFindings], "confirm_held_snapshot").await?;
        let reason = reasoned(reason)?;
        self.device_in_scope(&actor.scope(Permission::WorkFindings), device).await?;
        let (now, id) = (self.clock.now(), device.to_string());
        let mut writing = self.store.write().await?;
        let ground = self.ground().await?;
        let mut rounds = DeviceRound::begin(&mut writing, &[&id], now).await?;
        for round in &mut rounds {
            if !round.take_held(&mut writing, source, now).await? {
                return Err(ControlError::NotFound { what: "snapshot held back of device", id });
            }
        }
        end(&mut writing, &mut rounds).await?;
        let mut tally = Tally::default();
        let devices = std::slice::from_ref(&id);
        self.reconcile(&mut writing, &ground, devices, &mut tally, now).await?;
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::SnapshotConfirmed,
            target: format!("device {id}"),
            detail: json!({ "source": source.name(), "reason": reason }),
        };
        self.append(&mut writing, &entry).await?;
        self.record_tally(&mut writing, &tally, "inventory").await?;
        writing.commit().await
    }
}
