//! Departments, and whose a device is.

use crate::actor::Principal;
use crate::audit::{Action, Entry};
use crate::enrol::stored_device;
use crate::limits::{DEPARTMENTS_MAX, OWNED_DEVICES_MAX};
use crate::people::person_name;
use crate::people_rule::PeopleRule;
use crate::recipient::recipient_in;
use crate::scope::{Scope, statement};
use crate::store::{Row, Writing};
use crate::view::people::{DepartmentRow, OwnedDevice};
use crate::{Actor, Control, ControlError, Permission, random};
use model::DeviceId;
use serde_json::json;
use sqlx::Row as _;

impl Control {
    /// Every department, by name. The request form and the people's page choose from them.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn departments(&self, actor: &Actor) -> Result<Vec<DepartmentRow>, ControlError> {
        self.require(actor, &[Permission::ReadCatalogue], "departments").await?;
        self.departments_here().await
    }

    /// Every department. Called on the machine itself.
    ///
    /// # Errors
    /// The store's.
    pub async fn departments_here(&self) -> Result<Vec<DepartmentRow>, ControlError> {
        let sql = format!(
            "SELECT d.id, d.name, (SELECT COUNT(*) FROM person AS p WHERE p.department_id = d.id \
             AND p.disabled_at IS NULL) FROM department AS d ORDER BY d.name LIMIT {DEPARTMENTS_MAX}"
        );
        let rows = statement(sql).fetch_all(self.store.pool()).await?;
        rows.iter()
            .map(|row| {
                Ok(DepartmentRow {
                    id: row.try_get(0)?,
                    name: row.try_get(1)?,
                    people: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0),
                })
            })
            .collect()
    }

    /// Adds a department; gives its identifier, also when it was there already.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::BadArgument`] for the name.
    pub async fn add_department(
        &self,
        by: Principal<'_>,
        name: &str,
    ) -> Result<String, ControlError> {
        self.require_of(by, Permission::ManagePeople, "add_department").await?;
        let name = person_name(name)?;
        let mut writing = self.store.write().await?;
        let fresh = format!("{:032x}", random::id_bits()?);
        let added = sqlx::query(
            "INSERT INTO department (id, name, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(&fresh)
        .bind(name)
        .bind(self.clock.now().nanos())
        .execute(&mut *writing)
        .await?;
        if added.rows_affected() == 0 {
            return department_of_name(&mut writing, name).await;
        }
        let entry = Entry {
            cause: by.into(),
            action: Action::DepartmentAdded,
            target: format!("department {fresh}"),
            detail: json!({ "name": name }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(fresh)
    }

    /// Gives a department another name.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], or that the name is taken or malformed.
    pub async fn rename_department(
        &self,
        by: Principal<'_>,
        id: &str,
        name: &str,
    ) -> Result<(), ControlError> {
        self.require_of(by, Permission::ManagePeople, "rename_department").await?;
        let name = person_name(name)?;
        let mut writing = self.store.write().await?;
        let taken = sqlx::query("SELECT id FROM department WHERE name = $1 AND id <> $2")
            .bind(name)
            .bind(id)
            .fetch_optional(&mut *writing)
            .await?;
        if taken.is_some() {
            return Err(PeopleRule::NameTaken.into());
        }
        let renamed = sqlx::query("UPDATE department SET name = $1 WHERE id = $2")
            .bind(name)
            .bind(id)
            .execute(&mut *writing)
            .await?;
        if renamed.rows_affected() != 1 {
            let id = id.chars().take(80).collect();
            return Err(ControlError::NotFound { what: "department", id });
        }
        let entry = Entry {
            cause: by.into(),
            action: Action::DepartmentRenamed,
            target: format!("department {id}"),
            detail: json!({ "name": name }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await
    }

    /// Whose the devices in scope are, by name of the device.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn device_owners(&self, actor: &Actor) -> Result<Vec<OwnedDevice>, ControlError> {
        self.require(actor, &[Permission::ReadDevices], "device_owners").await?;
        self.owned_devices(&actor.scope(Permission::ReadDevices)).await
    }

    /// Whose every device is. Called on the machine itself.
    ///
    /// # Errors
    /// The store's.
    pub async fn device_owners_here(&self) -> Result<Vec<OwnedDevice>, ControlError> {
        self.owned_devices(&Scope::All).await
    }

    /// One's own devices.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn own_devices(&self, actor: &Actor) -> Result<Vec<OwnedDevice>, ControlError> {
        self.require(actor, &[Permission::AnswerOwn], "own_devices").await?;
        self.owned_devices(&actor.own()).await
    }

    /// Says who owns a device; `None`: nobody.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`] for the device or the person.
    pub async fn set_device_owner(
        &self,
        by: Principal<'_>,
        device: DeviceId,
        owner: Option<&str>,
    ) -> Result<(), ControlError> {
        self.require_of(by, Permission::ManagePeople, "set_device_owner").await?;
        let mut writing = self.store.write().await?;
        if let Some(owner) = owner {
            recipient_in(&mut writing, owner).await?;
        }
        let changed = sqlx::query("UPDATE device SET owner_id = $1 WHERE id = $2")
            .bind(owner.map(str::to_owned))
            .bind(device.to_string())
            .execute(&mut *writing)
            .await?;
        one_device(changed.rows_affected(), device)?;
        judged_anew(&mut writing, "device_id = $1", &device.to_string()).await?;
        let entry = Entry {
            cause: by.into(),
            action: Action::DeviceOwnerSet,
            target: format!("device {device}"),
            detail: json!({ "owner": owner }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await
    }

    /// Says to which department, by name, a device belongs; `None`: to that of its owner.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::People`] when there is no
    /// such department.
    pub async fn set_device_department(
        &self,
        by: Principal<'_>,
        device: DeviceId,
        department: Option<&str>,
    ) -> Result<(), ControlError> {
        self.require_of(by, Permission::ManagePeople, "set_device_department").await?;
        let mut writing = self.store.write().await?;
        let department = match department {
            Some(name) => Some(department_of_name(&mut writing, name).await?),
            None => None,
        };
        let changed = sqlx::query("UPDATE device SET department_id = $1 WHERE id = $2")
            .bind(&department)
            .bind(device.to_string())
            .execute(&mut *writing)
            .await?;
        one_device(changed.rows_affected(), device)?;
        judged_anew(&mut writing, "device_id = $1", &device.to_string()).await?;
        let entry = Entry {
            cause: by.into(),
            action: Action::DeviceDepartmentSet,
            target: format!("device {device}"),
            detail: json!({ "department": department }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await
    }

    async fn owned_devices(&self, scope: &Scope) -> Result<Vec<OwnedDevice>, ControlError> {
        let condition = scope.on_device("d", 1);
        let sql = format!(
            "SELECT d.id, d.name, p.id, p.name, t.id, t.name FROM device AS d \
             LEFT JOIN person AS p ON p.id = d.owner_id \
             LEFT JOIN department AS t ON t.id = COALESCE(d.department_id, p.department_id) \
             WHERE {} ORDER BY d.name, d.id LIMIT {OWNED_DEVICES_MAX}",
            condition.sql
        );
        let rows = condition.bind(statement(sql)).fetch_all(self.store.pool()).await?;
        rows.iter().map(owned_device).collect()
    }
}

/// The findings of these devices are brought up to date at the next tick: decisions may be for a person or a department
/// alone, and messages go to the owner.
pub(crate) async fn judged_anew(
    writing: &mut Writing,
    condition: &'static str,
    value: &str,
) -> Result<(), ControlError> {
    statement(format!("UPDATE inventory_device SET stale = 1 WHERE {condition}"))
        .bind(value.to_owned())
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// The identifier of a department.
pub(crate) async fn department_of_name(
    writing: &mut Writing,
    name: &str,
) -> Result<String, ControlError> {
    let row = sqlx::query("SELECT id FROM department WHERE name = $1")
        .bind(name.trim().to_owned())
        .fetch_optional(&mut **writing)
        .await?
        .ok_or(ControlError::People(PeopleRule::UnknownDepartment))?;
    Ok(row.try_get(0)?)
}

/// The identifiers of departments, each once.
pub(crate) async fn departments_of_names(
    writing: &mut Writing,
    names: &[String],
) -> Result<Vec<String>, ControlError> {
    let mut ids = Vec::new();
    for name in names.iter().take(DEPARTMENTS_MAX) {
        ids.push(department_of_name(writing, name).await?);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn owned_device(row: &Row) -> Result<OwnedDevice, ControlError> {
    let owner = (row.try_get::<Option<String>, _>(2)?, row.try_get::<Option<String>, _>(3)?);
    let department = (row.try_get::<Option<String>, _>(4)?, row.try_get::<Option<String>, _>(5)?);
    Ok(OwnedDevice {
        device: stored_device(&row.try_get::<String, _>(0)?)?,
        name: row.try_get(1)?,
        owner: owner.0.zip(owner.1),
        department: department.0.zip(department.1),
    })
}

fn one_device(changed: u64, device: DeviceId) -> Result<(), ControlError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(ControlError::NotFound { what: "device", id: device.to_string() })
    }
}
