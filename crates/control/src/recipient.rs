//! People as those whom messages go to and who hold permissions: read within transactions and by timers.

use crate::scope::statement;
use crate::store::{Row, Writing};
use crate::{ControlError, Language, Permission, Role};
use sqlx::Row as _;
use std::collections::HashMap;

/// Somebody whom a message may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) language: Language,
    pub(crate) time_zone: String,
    pub(crate) department_id: Option<String>,
    pub(crate) manager_id: Option<String>,
    pub(crate) roles: Vec<Role>,
    pub(crate) disabled: bool,
}

impl Recipient {
    const COLUMNS: &str = "p.id, p.name, p.language, p.time_zone, p.department_id, p.manager_id, \
         p.roles, CASE WHEN p.disabled_at IS NULL THEN 0 ELSE 1 END";

    fn of_row(row: &Row) -> Result<Self, ControlError> {
        Ok(Self {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            language: Language::of_code(&row.try_get::<String, _>(2)?),
            time_zone: row.try_get(3)?,
            department_id: row.try_get(4)?,
            manager_id: row.try_get(5)?,
            roles: Role::of_store(&row.try_get::<String, _>(6)?),
            disabled: row.try_get::<i64, _>(7)? != 0,
        })
    }
}

/// The person of an identifier.
pub(crate) async fn recipient(
    reading: impl sqlx::AnyExecutor<'_>,
    person: &str,
) -> Result<Option<Recipient>, ControlError> {
    let sql = format!("SELECT {} FROM person AS p WHERE p.id = $1", Recipient::COLUMNS);
    let row = statement(sql).bind(person.to_owned()).fetch_optional(reading).await?;
    row.as_ref().map(Recipient::of_row).transpose()
}

/// The owners of devices that have one, by device. A manager who left is none.
pub(crate) async fn owners_of(
    reading: &mut sqlx::AnyConnection,
    devices: &[&str],
) -> Result<HashMap<String, Recipient>, ControlError> {
    let head = format!(
        "SELECT {}, d.id, CASE WHEN m.disabled_at IS NULL THEN 0 ELSE 1 END FROM device AS d \
         JOIN person AS p ON p.id = d.owner_id LEFT JOIN person AS m ON m.id = p.manager_id WHERE d.id",
        Recipient::COLUMNS
    );
    let mut owners = HashMap::new();
    for row in &crate::batch::fetch_in(reading, &head, &[], devices, "").await? {
        let mut owner = Recipient::of_row(row)?;
        if row.try_get::<i64, _>(9)? != 0 {
            owner.manager_id = None;
        }
        owners.insert(row.try_get(8)?, owner);
    }
    Ok(owners)
}

/// Everybody enabled who has a role with a permission, by name. People limited to departments are left out.
pub(crate) async fn holders(
    reading: impl sqlx::AnyExecutor<'_>,
    permission: Permission,
) -> Result<Vec<Recipient>, ControlError> {
    let sql = format!(
        "SELECT {} FROM person AS p WHERE p.disabled_at IS NULL AND p.limited_to = '' ORDER BY p.name",
        Recipient::COLUMNS
    );
    let mut people = Vec::new();
    for row in statement(sql).fetch_all(reading).await? {
        let person = Recipient::of_row(&row)?;
        if person.roles.iter().any(|role| role.permissions().contains(&permission)) {
            people.push(person);
        }
    }
    Ok(people)
}

/// The person of an identifier, who must be there.
///
/// # Errors
/// [`ControlError::NotFound`].
pub(crate) async fn recipient_in(
    writing: &mut Writing,
    person: &str,
) -> Result<Recipient, ControlError> {
    recipient(&mut **writing, person).await?.ok_or_else(|| ControlError::no_person(person))
}
