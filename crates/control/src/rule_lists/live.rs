//! Lists that stay up to date by themselves:
//!
//! | placeholder | values |
//! | --- | --- |
//! | `%Devices%` | names of all devices |
//! | `%<group>%` | names of the devices of a group, by the group's name: `%Servers%`, `%Workstations%` |
//! | `%Devices_<department>%` | names of the devices of a department |
//! | `%Departments%`, `%DeviceGroups%` | their names |
//! | `%People%`, `%Administrators%` | names of people who may sign in; of those with the role administrator |
//! | `%OfficialHosts%` | where vendors offer the titles that may be used |
//! | `%Titles_<verdict>%` | names of software on devices that is judged so: `%Titles_denied%` |
//! | `%Programs_<verdict>%` | paths of such programs: `%Programs_unapproved%` |
//! | `%Hashes_<verdict>%` | SHA-256 of such programs |
//!
//! Letters that a placeholder cannot have (blanks, hyphens) become `_` in groups and departments. A list without
//! values is not there: a rule that uses it is refused.

use crate::actor::Role;
use crate::limits::{RULE_LIST_NAME_CHARS_MAX, RULE_LIST_VALUE_BYTES_MAX, RULE_LIST_VALUES_MAX};
use crate::{Control, ControlError};
use case::catalogue::{Asked, May};
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet};

/// Live lists by name.
type Lists = BTreeMap<String, BTreeSet<String>>;

impl Control {
    /// Every live list that has values.
    pub(super) async fn live_lists(&self) -> Result<Lists, ControlError> {
        let mut lists = Lists::new();
        self.add_devices(&mut lists).await?;
        self.add_people(&mut lists).await?;
        self.add_titles(&mut lists).await?;
        self.add_programs(&mut lists).await?;
        Ok(lists)
    }

    async fn add_devices(&self, lists: &mut Lists) -> Result<(), ControlError> {
        let rows = sqlx::query(
            "SELECT d.name, COALESCE(t.name, '') FROM device AS d LEFT JOIN person AS p ON p.id = d.owner_id \
             LEFT JOIN department AS t ON t.id = COALESCE(d.department_id, p.department_id)",
        )
        .fetch_all(self.store.pool())
        .await?;
        for row in &rows {
            let (device, department): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            add(lists, "Devices", &device);
            if !department.is_empty() {
                add(lists, &format!("Devices_{}", placeholder(&department)), &device);
                add(lists, "Departments", &department);
            }
        }
        let rows = sqlx::query(
            "SELECT i.group_name, d.name FROM device_in_group AS i JOIN device AS d ON d.id = i.device_id",
        )
        .fetch_all(self.store.pool())
        .await?;
        for row in &rows {
            let (group, device): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            add(lists, &placeholder(&group), &device);
            add(lists, "DeviceGroups", &group);
        }
        Ok(())
    }

    async fn add_people(&self, lists: &mut Lists) -> Result<(), ControlError> {
        let rows = sqlx::query("SELECT name, roles FROM person WHERE disabled_at IS NULL")
            .fetch_all(self.store.pool())
            .await?;
        for row in &rows {
            let (name, roles): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            add(lists, "People", &name);
            if Role::of_store(&roles).contains(&Role::Administrator) {
                add(lists, "Administrators", &name);
            }
        }
        let rows = sqlx::query("SELECT name FROM department").fetch_all(self.store.pool()).await?;
        for row in &rows {
            add(lists, "Departments", &row.try_get::<String, _>(0)?);
        }
        Ok(())
    }

    async fn add_titles(&self, lists: &mut Lists) -> Result<(), ControlError> {
        let (titles, approvals) = (self.titles_snapshot().await?, self.approvals().await?);
        let now = self.clock.now();
        for title in titles.iter() {
            let id = title.id.to_string();
            let asked = Asked { title: &id, ..Asked::default() };
            if matches!(approvals.judge(&asked, now).may, May::Use | May::WithConditions) {
                // An owner's part of a shared host (github.com/owner) is no host.
                for host in title.official_hosts.iter().filter(|host| !host.contains('/')) {
                    add(lists, "OfficialHosts", host);
                }
            }
        }
        Ok(())
    }

    async fn add_programs(&self, lists: &mut Lists) -> Result<(), ControlError> {
        let rows = sqlx::query(
            "SELECT DISTINCT j.verdict, j.subject_name, s.path, s.sha256 FROM item_judgement AS j \
             JOIN software_item AS s ON s.id = j.item_id \
             WHERE EXISTS (SELECT 1 FROM installed AS i WHERE i.item_id = j.item_id AND i.gone = 0)",
        )
        .fetch_all(self.store.pool())
        .await?;
        for row in &rows {
            let verdict: String = row.try_get(0)?;
            for (kind, column) in [("Titles", 1), ("Programs", 2), ("Hashes", 3)] {
                add(lists, &format!("{kind}_{verdict}"), &row.try_get::<String, _>(column)?);
            }
        }
        Ok(())
    }
}

/// Adds a value that means itself. One more than the limit is kept, so that the list is seen to be too long.
fn add(lists: &mut Lists, name: &str, value: &str) {
    let value = value.trim();
    let sound = !value.is_empty()
        && value.len() <= RULE_LIST_VALUE_BYTES_MAX
        && !value.chars().any(char::is_control);
    if !sound || name.is_empty() {
        return;
    }
    let list = lists.entry(name.to_owned()).or_default();
    if list.len() <= RULE_LIST_VALUES_MAX {
        list.insert(escaped(value));
    }
}

/// As a pattern of Sigma that means exactly this text.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | '*' | '?') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// A name as rules can write it between percent signs.
fn placeholder(name: &str) -> String {
    let letter = |letter: char| if letter.is_alphanumeric() { letter } else { '_' };
    name.trim().chars().take(RULE_LIST_NAME_CHARS_MAX).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_values_mean_themselves_and_names_can_be_written() {
        let mut lists = Lists::new();
        for value in ["C:\\a*", " ", "b\u{0}"] {
            add(&mut lists, "x", value);
        }
        assert_eq!(lists["x"], BTreeSet::from(["C:\\\\a\\*".to_owned()]));
        assert_eq!(placeholder(" 営業 1-2%"), "営業_1_2_");
    }
}
