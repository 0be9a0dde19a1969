//! Groups of devices: what rules name as `DeviceGroups`, decisions as their scope, and the canary ring is one of.
//!
//! Invariant: a group is its name. It is made when the first device comes into it, and has no other name later, because
//! rules and decisions speak of it.

use crate::actor::Principal;
use crate::audit::{Action, Entry};
use crate::departments::judged_anew;
use crate::limits::{DEVICE_GROUPS_MAX, GROUP_NAME_CHARS_MAX, GROUPS_OF_DEVICE_MAX};
use crate::scope::statement;
use crate::store::Writing;
use crate::view::groups::DeviceGroupRow;
use crate::{Actor, Control, ControlError, Permission};
use model::DeviceId;
use serde_json::json;
use sqlx::Row as _;
use std::collections::BTreeSet;

impl Control {
    /// Every group, by name.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn device_groups(&self, actor: &Actor) -> Result<Vec<DeviceGroupRow>, ControlError> {
        self.require(actor, &[Permission::ReadDevices], "device_groups").await?;
        self.device_groups_here().await
    }

    /// Every group, by name. Called on the machine itself and by the server.
    ///
    /// # Errors
    /// The store's.
    pub async fn device_groups_here(&self) -> Result<Vec<DeviceGroupRow>, ControlError> {
        let sql = format!(
            "SELECT g.name, (SELECT COUNT(*) FROM device_in_group AS i WHERE i.group_name = g.name) \
             FROM device_group AS g ORDER BY g.name LIMIT {DEVICE_GROUPS_MAX}"
        );
        let rows = statement(sql).fetch_all(self.store.pool()).await?;
        rows.iter()
            .map(|row| {
                let devices = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
                Ok(DeviceGroupRow { name: row.try_get(0)?, devices })
            })
            .collect()
    }

    /// The groups that a device is in, by name.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn groups_of_device(
        &self,
        actor: &Actor,
        device: DeviceId,
    ) -> Result<Vec<String>, ControlError> {
        self.require(actor, &[Permission::ReadDevices], "groups_of_device").await?;
        self.groups_of_device_here(device).await
    }

    /// The groups that a device is in, by name. Called on the machine itself and by the server.
    ///
    /// # Errors
    /// The store's.
    pub async fn groups_of_device_here(
        &self,
        device: DeviceId,
    ) -> Result<Vec<String>, ControlError> {
        let rows =
            sqlx::query(OF_DEVICE).bind(device.to_string()).fetch_all(self.store.pool()).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Puts a device into these groups and out of all others. Groups that are new are made; those that nobody is in
    /// any more stay, so that what speaks of them still finds them.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`] for the device, [`ControlError::BadArgument`] for a
    /// malformed name or too many groups.
    pub async fn set_device_groups(
        &self,
        by: Principal<'_>,
        device: DeviceId,
        groups: &[String],
    ) -> Result<(), ControlError> {
        self.require_of(by, Permission::ManagePeople, "set_device_groups").await?;
        let groups = group_names(groups)?;
        let mut writing = self.store.write().await?;
        let id = device.to_string();
        let known = sqlx::query("SELECT id FROM device WHERE id = $1")
            .bind(&id)
            .fetch_optional(&mut *writing)
            .await?;
        if known.is_none() {
            return Err(ControlError::NotFound { what: "device", id });
        }
        let before = groups_of(&mut writing, &id).await?;
        if before.iter().map(String::as_str).eq(groups.iter().copied()) {
            return Ok(());
        }
        self.make_groups(&mut writing, &groups).await?;
        sqlx::query("DELETE FROM device_in_group WHERE device_id = $1")
            .bind(&id)
            .execute(&mut *writing)
            .await?;
        for group in &groups {
            sqlx::query("INSERT INTO device_in_group (device_id, group_name) VALUES ($1, $2)")
                .bind(&id)
                .bind(*group)
                .execute(&mut *writing)
                .await?;
        }
        // Decisions may be for a group alone.
        judged_anew(&mut writing, "device_id = $1", &id).await?;
        let entry = Entry {
            cause: by.into(),
            action: Action::DeviceGroupsSet,
            target: format!("device {device}"),
            detail: json!({ "groups": groups, "before": before }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        // The canary ring may be one of them.
        self.rules_changed();
        Ok(())
    }

    async fn make_groups(
        &self,
        writing: &mut Writing,
        groups: &BTreeSet<&str>,
    ) -> Result<(), ControlError> {
        for group in groups {
            sqlx::query(
                "INSERT INTO device_group (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            )
            .bind(*group)
            .bind(self.clock.now().nanos())
            .execute(&mut **writing)
            .await?;
        }
        let row =
            sqlx::query("SELECT COUNT(*) FROM device_group").fetch_one(&mut **writing).await?;
        if row.try_get::<i64, _>(0)? > DEVICE_GROUPS_MAX {
            let reason = "there are too many groups of devices already";
            return Err(ControlError::BadArgument { what: "the groups", reason });
        }
        Ok(())
    }
}

/// The groups of a device within a writing transaction, by name.
pub(crate) async fn groups_of(
    writing: &mut Writing,
    device: &str,
) -> Result<Vec<String>, ControlError> {
    let rows = sqlx::query(OF_DEVICE).bind(device.to_owned()).fetch_all(&mut **writing).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Each name once, trimmed, in order.
fn group_names(groups: &[String]) -> Result<BTreeSet<&str>, ControlError> {
    let names: BTreeSet<&str> = groups.iter().map(|name| name.trim()).collect();
    let bad = |name: &&str| {
        name.is_empty()
            || name.chars().count() > GROUP_NAME_CHARS_MAX
            || name.chars().any(|sign| sign.is_control() || sign == ',')
    };
    if names.iter().any(bad) {
        let reason = "it must have 1 to 60 characters, no comma and no control characters";
        return Err(ControlError::BadArgument { what: "a group's name", reason });
    }
    if names.len() > GROUPS_OF_DEVICE_MAX {
        let reason = "a device is in 16 groups at most";
        return Err(ControlError::BadArgument { what: "the groups", reason });
    }
    Ok(names)
}

const OF_DEVICE: &str =
    "SELECT group_name FROM device_in_group WHERE device_id = $1 ORDER BY group_name";
