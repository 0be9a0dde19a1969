//! The canary ring: the devices on which a rule that is tried raises alerts.

use crate::audit::{Action, Cause, Entry};
use crate::enrol::stored_device;
use crate::limits::{DEPARTMENTS_MAX, OWNED_DEVICES_MAX};
use crate::scope::statement;
use crate::view::rulebook::{CanaryRing, RingDevice};
use crate::{Actor, Control, ControlError, Permission};
use model::DeviceId;
use serde_json::json;
use sqlx::Row as _;
use std::collections::BTreeSet;

/// A device belongs to its own department, or to that of its owner.
const IN_RING: &str = "device.id IN (SELECT id FROM canary_member WHERE kind = 'device') \
     OR COALESCE(device.department_id, (SELECT owner.department_id FROM person AS owner \
     WHERE owner.id = device.owner_id)) IN (SELECT id FROM canary_member WHERE kind = 'department') \
     OR EXISTS (SELECT 1 FROM device_in_group AS i JOIN canary_member AS m ON m.kind = 'group' AND \
     m.id = i.group_name WHERE i.device_id = device.id)";

impl Control {
    /// The canary ring with everything that may be chosen for it.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn canary_ring(&self, actor: &Actor) -> Result<CanaryRing, ControlError> {
        self.require(actor, &[Permission::ReadRules, Permission::ReadDevices], "canary_ring")
            .await?;
        let members = self.ring_members().await?;
        let reached = self.ring_devices().await?;
        let sql = format!(
            "SELECT device.id, device.name FROM device WHERE EXISTS (SELECT 1 FROM agent WHERE \
             agent.device_id = device.id AND agent.retired_at IS NULL) ORDER BY device.name, device.id LIMIT {OWNED_DEVICES_MAX}"
        );
        let rows = statement(sql).fetch_all(self.store.pool()).await?;
        let mut devices = Vec::with_capacity(rows.len());
        for row in &rows {
            let text: String = row.try_get(0)?;
            let id = stored_device(&text)?;
            devices.push(RingDevice {
                chosen: members.contains(&("device".to_owned(), text)),
                reached: reached.contains(&id),
                name: row.try_get(1)?,
                id,
            });
        }
        let departments = self.departments_here().await?.into_iter().map(|department| {
            let chosen = members.contains(&("department".to_owned(), department.id.clone()));
            (department.id, department.name, chosen)
        });
        let groups = self.device_groups_here().await?.into_iter().map(|group| {
            let chosen = members.contains(&("group".to_owned(), group.name.clone()));
            (group.name, chosen)
        });
        Ok(CanaryRing { devices, departments: departments.collect(), groups: groups.collect() })
    }

    /// Chooses the canary ring anew.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`] for a device, department or group that is none.
    pub async fn set_canary_ring(
        &self,
        actor: &Actor,
        devices: &[DeviceId],
        departments: &[String],
        groups: &[String],
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditRules], "set_canary_ring").await?;
        if devices.len() > OWNED_DEVICES_MAX || departments.len() + groups.len() > DEPARTMENTS_MAX {
            let reason = "there are not so many";
            return Err(ControlError::BadArgument { what: "the ring", reason });
        }
        let mut writing = self.store.write().await?;
        sqlx::query("DELETE FROM canary_member").execute(&mut *writing).await?;
        let devices = devices.iter().map(|id| ("device", id.to_string()));
        let departments = departments.iter().map(|id| ("department", id.clone()));
        let groups = groups.iter().map(|name| ("group", name.clone()));
        let members: BTreeSet<(&str, String)> = devices.chain(departments).chain(groups).collect();
        for (kind, id) in &members {
            let find = match *kind {
                "device" => "SELECT id FROM device WHERE id = $1",
                "group" => "SELECT name FROM device_group WHERE name = $1",
                _ => "SELECT id FROM department WHERE id = $1",
            };
            if sqlx::query(find).bind(id).fetch_optional(&mut *writing).await?.is_none() {
                let id = id.chars().take(80).collect();
                return Err(ControlError::NotFound { what: "device, department or group", id });
            }
            sqlx::query("INSERT INTO canary_member (kind, id) VALUES ($1, $2)")
                .bind(*kind)
                .bind(id)
                .execute(&mut *writing)
                .await?;
        }
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::CanaryRingChanged,
            target: "canary ring".to_owned(),
            detail: json!({ "members": members.iter().map(|(kind, id)| format!("{kind} {id}")).collect::<Vec<_>>() }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        self.rules_changed();
        Ok(())
    }

    /// The devices of the ring.
    pub(super) async fn ring_devices(&self) -> Result<BTreeSet<DeviceId>, ControlError> {
        let rows = statement(format!("SELECT device.id FROM device WHERE {IN_RING}"))
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(|row| stored_device(&row.try_get::<String, _>(0)?)).collect()
    }

    async fn ring_members(&self) -> Result<BTreeSet<(String, String)>, ControlError> {
        let rows =
            sqlx::query("SELECT kind, id FROM canary_member").fetch_all(self.store.pool()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}
