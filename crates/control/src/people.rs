//! People: who may sign in, with which roles, where in the company.
//!
//! Invariant: nobody changes the own roles or disables the own account, and one enabled administrator stays.
//! Invariant: a disabled person's sessions and links end in the same transaction.

use crate::actor::{Principal, ids_of_store};
use crate::audit::{Action, Entry};
use crate::departments::{department_of_name, departments_of_names, judged_anew};
use crate::limits::{PEOPLE_MAX, PERSON_NAME_CHARS_MAX};
use crate::outbox::{NewMessage, Sender};
use crate::people_rule::PeopleRule;
use crate::recipient::{Recipient, holders, recipient_in};
use crate::scope::{Scope, statement};
use crate::store::{Row, Writing};
use crate::view::people::PersonRow;
use crate::{Actor, Control, ControlError, Language, Permission, Role, random};
use model::Timestamp;
use serde_json::json;
use sqlx::Row as _;

/// A person to be added. Departments and the manager by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    /// The name, which also signs in; no two are equal.
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// The language that the person reads.
    pub language: Language,
    /// The time zone by its IANA name.
    pub time_zone: String,
    /// The department.
    pub department: Option<String>,
    /// The manager.
    pub manager: Option<String>,
    /// The departments that the roles are limited to; empty: the whole company.
    pub limited_to: Vec<String>,
}

/// What to change of a person; `None` leaves it, `Some(None)` clears it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonChange {
    /// The language.
    pub language: Option<Language>,
    /// The time zone by its IANA name.
    pub time_zone: Option<String>,
    /// The department by name.
    pub department: Option<Option<String>>,
    /// The manager by name.
    pub manager: Option<Option<String>>,
}

impl Control {
    /// Everybody in scope, by name.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn people(&self, actor: &Actor) -> Result<Vec<PersonRow>, ControlError> {
        self.require(actor, &[Permission::ReadPeople], "people").await?;
        self.person_rows(&actor.scope(Permission::ReadPeople), None).await
    }

    /// One person in scope.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn person(&self, actor: &Actor, id: &str) -> Result<PersonRow, ControlError> {
        self.require(actor, &[Permission::ReadPeople], "person").await?;
        self.person_row(&actor.scope(Permission::ReadPeople), id).await
    }

    /// The identifier of the person of a name. For the command line.
    ///
    /// # Errors
    /// [`ControlError::NotFound`].
    pub async fn person_of_name(&self, name: &str) -> Result<String, ControlError> {
        let row = sqlx::query("SELECT id FROM person WHERE name = $1")
            .bind(name.trim().to_owned())
            .fetch_optional(self.store.pool())
            .await?
            .ok_or_else(|| ControlError::no_person(name))?;
        Ok(row.try_get(0)?)
    }

    /// Everybody. Called on the machine itself.
    ///
    /// # Errors
    /// The store's.
    pub async fn people_here(&self) -> Result<Vec<PersonRow>, ControlError> {
        self.person_rows(&Scope::All, None).await
    }

    /// Adds a person, who cannot sign in before an invitation.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::People`] for a name, zone, department or manager that
    /// cannot be.
    pub async fn add_person(
        &self,
        by: Principal<'_>,
        new: &NewPerson,
    ) -> Result<PersonRow, ControlError> {
        self.require_of(by, Permission::ManagePeople, "add_person").await?;
        let name = person_name(&new.name)?;
        if new.roles.is_empty() {
            return Err(PeopleRule::NoRole.into());
        }
        time_zone(&new.time_zone)?;
        let now = self.clock.now();
        let id = format!("{:032x}", random::id_bits()?);
        let mut writing = self.store.write().await?;
        let department = match &new.department {
            Some(name) => Some(department_of_name(&mut writing, name).await?),
            None => None,
        };
        let manager = match &new.manager {
            Some(name) => Some(known_name(&mut writing, name).await?),
            None => None,
        };
        let limited_to = departments_of_names(&mut writing, &new.limited_to).await?;
        let inserted = sqlx::query(
            "INSERT INTO person (id, name, roles, created_at, language, time_zone, department_id, \
             manager_id, limited_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(&id)
        .bind(name)
        .bind(Role::to_store(&new.roles))
        .bind(now.nanos())
        .bind(new.language.code())
        .bind(&new.time_zone)
        .bind(department)
        .bind(manager)
        .bind(limited_to.join(","))
        .execute(&mut *writing)
        .await?;
        if inserted.rows_affected() != 1 {
            return Err(PeopleRule::NameTaken.into());
        }
        let detail = json!({
            "name": name,
            "roles": Role::to_store(&new.roles),
            "limited_to": limited_to,
        });
        self.append(&mut writing, &about_person(by, Action::PersonAdded, &id, detail)).await?;
        writing.commit().await?;
        self.person_row(&Scope::All, &id).await
    }

    /// Changes where in the company a person is, and how to speak to the person.
    ///
    /// # Errors
    /// As [`Control::add_person`], and [`ControlError::NotFound`].
    pub async fn change_person(
        &self,
        by: Principal<'_>,
        id: &str,
        change: &PersonChange,
    ) -> Result<PersonRow, ControlError> {
        self.require_of(by, Permission::ManagePeople, "change_person").await?;
        let before = self.person_row(&Scope::All, id).await?;
        let zone = change.time_zone.as_deref().unwrap_or(&before.time_zone);
        time_zone(zone)?;
        let mut writing = self.store.write().await?;
        let was = before.department_id;
        let department = match &change.department {
            None => was.clone(),
            Some(None) => None,
            Some(Some(name)) => Some(department_of_name(&mut writing, name).await?),
        };
        let manager = match &change.manager {
            None => before.manager_id,
            Some(None) => None,
            Some(Some(name)) => Some(known_name(&mut writing, name).await?),
        };
        if manager.as_deref() == Some(id) {
            return Err(PeopleRule::OwnManager.into());
        }
        let language = change.language.unwrap_or(before.language);
        sqlx::query(
            "UPDATE person SET language = $1, time_zone = $2, department_id = $3, manager_id = $4 \
             WHERE id = $5",
        )
        .bind(language.code())
        .bind(zone)
        .bind(&department)
        .bind(&manager)
        .bind(id)
        .execute(&mut *writing)
        .await?;
        if department != was {
            judged_anew(&mut writing, OWNED, id).await?;
        }
        let detail = json!({
            "language": language.code(), "time_zone": zone, "department": department, "manager": manager,
        });
        self.append(&mut writing, &about_person(by, Action::PersonChanged, id, detail)).await?;
        writing.commit().await?;
        self.person_row(&Scope::All, id).await
    }

    /// Gives a person other roles, never to oneself, and tells the person. `limited_to` names departments.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::People`].
    pub async fn set_roles(
        &self,
        by: Principal<'_>,
        id: &str,
        roles: &[Role],
        limited_to: &[String],
    ) -> Result<PersonRow, ControlError> {
        self.require_of(by, Permission::ManagePeople, "set_roles").await?;
        if by.is(id) {
            return Err(self.rule_broken(by, "set_roles", PeopleRule::OwnRoles).await?);
        }
        if roles.is_empty() {
            return Err(PeopleRule::NoRole.into());
        }
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        let person = recipient_in(&mut writing, id).await?;
        let limited_to = departments_of_names(&mut writing, limited_to).await?;
        let text = Role::to_store(roles);
        sqlx::query("UPDATE person SET roles = $1, limited_to = $2 WHERE id = $3")
            .bind(&text)
            .bind(limited_to.join(","))
            .bind(id)
            .execute(&mut *writing)
            .await?;
        an_administrator_stays(&mut writing).await?;
        let detail = json!({ "roles": text, "limited_to": limited_to });
        self.append(&mut writing, &about_person(by, Action::RolesChanged, id, detail)).await?;
        let (subject, body) = roles_message(&person, roles);
        let message = NewMessage {
            to: id,
            kind: "roles_changed",
            about: &format!("person {id}"),
            sender: Sender::of(by),
            language: person.language,
            subject: &subject,
            body: &body,
            buttons: Vec::new(),
            due_at: now,
            once: &format!("roles {:032x}", random::id_bits()?),
        };
        self.enqueue(&mut writing, &message).await?;
        writing.commit().await?;
        self.person_row(&Scope::All, id).await
    }

    /// Disables a person: sessions and links end at once. Never oneself, never the last administrator.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::People`].
    pub async fn disable_person(
        &self,
        by: Principal<'_>,
        id: &str,
    ) -> Result<PersonRow, ControlError> {
        self.require_of(by, Permission::ManagePeople, "disable_person").await?;
        if by.is(id) {
            return Err(self.rule_broken(by, "disable_person", PeopleRule::OwnAccount).await?);
        }
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        recipient_in(&mut writing, id).await?;
        sqlx::query("UPDATE person SET disabled_at = COALESCE(disabled_at, $1) WHERE id = $2")
            .bind(now.nanos())
            .bind(id)
            .execute(&mut *writing)
            .await?;
        an_administrator_stays(&mut writing).await?;
        // What was permitted to the person alone is permitted to nobody on those devices any more.
        judged_anew(&mut writing, OWNED, id).await?;
        end_sessions(&mut writing, id, None, now).await?;
        end_links(&mut writing, id, now).await?;
        let entry = about_person(by, Action::PersonDisabled, id, json!({}));
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        self.person_row(&Scope::All, id).await
    }

    /// Enables a person again. Sessions and links that were ended stay ended.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn enable_person(
        &self,
        by: Principal<'_>,
        id: &str,
    ) -> Result<PersonRow, ControlError> {
        self.require_of(by, Permission::ManagePeople, "enable_person").await?;
        let mut writing = self.store.write().await?;
        recipient_in(&mut writing, id).await?;
        sqlx::query("UPDATE person SET disabled_at = NULL WHERE id = $1")
            .bind(id)
            .execute(&mut *writing)
            .await?;
        judged_anew(&mut writing, OWNED, id).await?;
        let entry = about_person(by, Action::PersonEnabled, id, json!({}));
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        self.person_row(&Scope::All, id).await
    }

    /// The check of a permission for whoever changes people and devices.
    pub(crate) async fn require_of(
        &self,
        by: Principal<'_>,
        wanted: Permission,
        use_case: &'static str,
    ) -> Result<(), ControlError> {
        match by {
            Principal::Person(actor) => self.require(actor, &[wanted], use_case).await,
            Principal::Machine => Ok(()),
        }
    }

    async fn person_row(&self, scope: &Scope, id: &str) -> Result<PersonRow, ControlError> {
        let mut rows = self.person_rows(scope, Some(id)).await?;
        rows.pop().ok_or_else(|| ControlError::no_person(id))
    }

    async fn person_rows(
        &self,
        scope: &Scope,
        only: Option<&str>,
    ) -> Result<Vec<PersonRow>, ControlError> {
        let condition = scope.on_person("p", 2);
        let sql = format!(
            "SELECT p.id, p.name, p.roles, p.limited_to, p.language, p.time_zone, p.department_id, \
             d.name, p.manager_id, m.name, CASE WHEN p.password_hash IS NULL THEN 0 ELSE 1 END, \
             p.created_at, p.disabled_at, \
             (SELECT MAX(s.last_used_at) FROM session AS s WHERE s.person_id = p.id) \
             FROM person AS p LEFT JOIN department AS d ON d.id = p.department_id \
             LEFT JOIN person AS m ON m.id = p.manager_id \
             WHERE (p.id = $1 OR $1 IS NULL) AND {} ORDER BY p.name, p.id LIMIT {PEOPLE_MAX}",
            condition.sql
        );
        let rows = condition
            .bind(statement(sql).bind(only.map(str::to_owned)))
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(person_row_of).collect()
    }

    /// A broken rule by a person is in the audit chain like a missing permission.
    async fn rule_broken(
        &self,
        by: Principal<'_>,
        use_case: &str,
        rule: PeopleRule,
    ) -> Result<ControlError, ControlError> {
        self.record(Entry {
            cause: by.into(),
            action: Action::PermissionRefused,
            target: use_case.to_owned(),
            detail: json!({ "rule": format!("{rule:?}") }),
        })
        .await?;
        Ok(rule.into())
    }
}

/// Ends the sessions of a person, but for the one of a hash.
pub(crate) async fn end_sessions(
    writing: &mut Writing,
    person: &str,
    but: Option<&str>,
    now: Timestamp,
) -> Result<(), ControlError> {
    sqlx::query(
        "UPDATE session SET ended_at = $1 WHERE person_id = $2 AND ended_at IS NULL \
         AND secret_hash <> $3",
    )
    .bind(now.nanos())
    .bind(person.to_owned())
    .bind(but.unwrap_or_default().to_owned())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Ends the links of a person that were not used yet.
pub(crate) async fn end_links(
    writing: &mut Writing,
    person: &str,
    now: Timestamp,
) -> Result<(), ControlError> {
    sqlx::query("UPDATE sign_in_token SET used_at = $1 WHERE person_id = $2 AND used_at IS NULL")
        .bind(now.nanos())
        .bind(person.to_owned())
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// A person's name as it may be stored.
pub(crate) fn person_name(name: &str) -> Result<&str, ControlError> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= PERSON_NAME_CHARS_MAX;
    if !fits || name.chars().any(char::is_control) {
        let reason = "it must have 1 to 100 characters and no control characters";
        return Err(ControlError::BadArgument { what: "the name", reason });
    }
    Ok(name)
}

/// An entry of the audit chain about a person.
pub(crate) fn about_person<'a>(
    by: Principal<'a>,
    action: Action,
    person: &str,
    detail: serde_json::Value,
) -> Entry<'a> {
    Entry { cause: by.into(), action, target: format!("person {person}"), detail }
}

async fn known_name(writing: &mut Writing, name: &str) -> Result<String, ControlError> {
    let row = sqlx::query("SELECT id FROM person WHERE name = $1")
        .bind(name.trim().to_owned())
        .fetch_optional(&mut **writing)
        .await?
        .ok_or(ControlError::People(PeopleRule::UnknownManager))?;
    Ok(row.try_get(0)?)
}

async fn an_administrator_stays(writing: &mut Writing) -> Result<(), ControlError> {
    let people = holders(&mut **writing, Permission::ManagePeople).await?;
    if people.is_empty() { Err(PeopleRule::LastAdministrator.into()) } else { Ok(()) }
}

fn person_row_of(row: &Row) -> Result<PersonRow, ControlError> {
    Ok(PersonRow {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        roles: Role::of_store(&row.try_get::<String, _>(2)?),
        limited_to: ids_of_store(&row.try_get::<String, _>(3)?),
        language: Language::of_code(&row.try_get::<String, _>(4)?),
        time_zone: row.try_get(5)?,
        department_id: row.try_get(6)?,
        department: row.try_get(7)?,
        manager_id: row.try_get(8)?,
        manager: row.try_get(9)?,
        has_password: row.try_get::<i64, _>(10)? != 0,
        created_at: Timestamp::from_nanos(row.try_get(11)?),
        disabled_at: row.try_get::<Option<i64>, _>(12)?.map(Timestamp::from_nanos),
        last_seen_at: row.try_get::<Option<i64>, _>(13)?.map(Timestamp::from_nanos),
    })
}

fn time_zone(name: &str) -> Result<(), ControlError> {
    if name.len() > 64 || jiff::tz::TimeZone::get(name).is_err() {
        return Err(PeopleRule::UnknownTimeZone.into());
    }
    Ok(())
}

fn roles_message(person: &Recipient, roles: &[Role]) -> (String, String) {
    match person.language {
        Language::Ja => {
            let names: Vec<&str> = roles.iter().map(|role| role.label_ja()).collect();
            let body = format!(
                "{} さんの権限が変更されました。現在の役割: {}。心当たりがない場合は管理者に連絡してください。",
                person.name,
                names.join("、")
            );
            ("権限が変更されました".to_owned(), body)
        }
        Language::En => {
            let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            let body = format!(
                "{}, your roles were changed. They are now: {}. If you did not expect this, please tell an \
                 administrator.",
                person.name,
                names.join(", ")
            );
            ("Your roles were changed".to_owned(), body)
        }
    }
}

/// The devices of a person, as a condition on `inventory_device`.
const OWNED: &str = "device_id IN (SELECT id FROM device WHERE owner_id = $1)";
