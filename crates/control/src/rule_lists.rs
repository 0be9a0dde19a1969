//! Lists for the placeholders of rules (`expand`): kept by people, read from files, made of what is known.
//!
//! A placeholder has the values of every list of its name together. Values of people and files are patterns of
//! Sigma; live ones are escaped, so that each means itself.
//!
//! Invariant: a list is whole or not there. A rule is refused by name rather than judged by a part of a list.

mod live;

use crate::audit::{Action, Cause, Entry};
use crate::digest::sha256_hex;
use crate::limits::{
    EXCLUSION_REASON_CHARS_MAX, MINUTE_NS, RULE_LIST_NAME_CHARS_MAX, RULE_LIST_VALUE_BYTES_MAX,
    RULE_LIST_VALUES_MAX, RULE_LISTS_MAX,
};
use crate::rule_fault::{Counted, RuleFault};
use crate::store::{Row, storable};
use crate::view::backtest::RefusedSource;
use crate::view::rule_lists::{
    KeptList, ListOrigin, MissingList, RuleListFile, RuleListRow, RuleLists,
};
use crate::{Actor, Control, ControlError, Permission};
use model::Timestamp;
use serde_json::json;
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// Values of one placeholder, and where they come from.
#[derive(Debug, Clone, Default)]
struct Gathered {
    values: BTreeSet<String>,
    origins: Vec<ListOrigin>,
    description: String,
}

impl Control {
    /// The values of each placeholder, by its name without percent signs.
    ///
    /// # Errors
    /// The store's.
    pub async fn rule_lists(&self) -> Result<BTreeMap<String, Vec<String>>, ControlError> {
        let all = self.gathered_lists().await?;
        let usable = all.into_iter().filter(|(_, list)| list.values.len() <= RULE_LIST_VALUES_MAX);
        Ok(usable.map(|(name, list)| (name, list.values.into_iter().collect())).collect())
    }

    /// Says which lists lie in files from now on. Called before the rules are compiled.
    pub fn use_rule_list_files(&self, files: Vec<RuleListFile>) {
        *self.rule_care.list_files.write().unwrap_or_else(PoisonError::into_inner) = files;
    }

    /// Every list with its values' beginning, and the placeholders that refused rules lack.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn rule_lists_shown(&self, actor: &Actor) -> Result<RuleLists, ControlError> {
        self.require(actor, &[Permission::ReadRules], "rule_lists_shown").await?;
        let in_force = self.rules_in_force();
        let used_by = |name: &str| {
            let written = format!("%{name}%");
            let uses = |text: &str| text.contains("expand") && text.contains(&written);
            in_force.iter().filter(|rule| uses(&rule.text)).count() as u64
        };
        let row = |(name, list): (String, Gathered)| RuleListRow {
            used_by: used_by(&name),
            description: list.description,
            origins: list.origins,
            values: list.values.len() as u64,
            too_long: list.values.len() > RULE_LIST_VALUES_MAX,
            sample: list.values.into_iter().take(SAMPLE_VALUES).collect(),
            name,
        };
        let rows = self.gathered_lists().await?.into_iter().map(row).collect();
        let files = self.rule_care.list_files.read().unwrap_or_else(PoisonError::into_inner);
        let unreadable = files.iter().filter_map(|file| {
            let reason = file.values.as_ref().err()?;
            Some((file.file.clone(), reason.clone()))
        });
        let unreadable = unreadable.collect();
        Ok(RuleLists { rows, missing: missing(&self.rules_summary().refused), unreadable })
    }

    /// The list of a name that people keep; an empty one when nobody does yet.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn kept_rule_list(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<KeptList, ControlError> {
        self.require(actor, &[Permission::ReadRules], "kept_rule_list").await?;
        let row = sqlx::query(
            "SELECT l.name, l.description, l.entries, COALESCE(p.name, ''), l.changed_at, l.version \
             FROM rule_list AS l LEFT JOIN person AS p ON p.id = l.changed_by WHERE l.name = $1",
        )
        .bind(storable(name).into_owned())
        .fetch_optional(self.store.pool())
        .await?;
        match row {
            Some(row) => kept_of(&row),
            None => {
                let name = name.chars().take(RULE_LIST_NAME_CHARS_MAX).collect();
                Ok(KeptList { name, ..KeptList::default() })
            }
        }
    }

    /// Saves a list that people keep. `version`: that of the page, 0 for a new list.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::RuleFault`], [`ControlError::Changed`].
    pub async fn save_rule_list(
        &self,
        actor: &Actor,
        name: &str,
        version: i64,
        description: &str,
        lines: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditRules], "save_rule_list").await?;
        let name = check_name(name)?;
        let description = description.trim();
        if description.chars().count() > EXCLUSION_REASON_CHARS_MAX {
            return Err(RuleFault::Reason { chars_max: EXCLUSION_REASON_CHARS_MAX }.into());
        }
        let values = values_of_lines(lines)?;
        if values.is_empty() {
            return Err(RuleFault::ListEmpty.into());
        }
        let mut writing = self.store.write().await?;
        let count: i64 = sqlx::query("SELECT COUNT(*) FROM rule_list")
            .fetch_one(&mut *writing)
            .await?
            .try_get(0)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if version == 0 && count >= RULE_LISTS_MAX {
            let limit = RULE_LISTS_MAX;
            return Err(RuleFault::TooMany { what: Counted::Lists, found: count + 1, limit }.into());
        }
        let entries = json!(values).to_string();
        let sql = match version {
            0 => {
                "INSERT INTO rule_list (name, description, entries, changed_by, changed_at, version) \
                 VALUES ($1, $2, $3, $4, $5, $6 + 1) ON CONFLICT (name) DO NOTHING"
            }
            _ => {
                "UPDATE rule_list SET description = $2, entries = $3, changed_by = $4, changed_at = $5, \
                 version = version + 1 WHERE name = $1 AND version = $6"
            }
        };
        let changed = sqlx::query(sql)
            .bind(name)
            .bind(storable(description).into_owned())
            .bind(entries.clone())
            .bind(actor.id().to_owned())
            .bind(self.clock.now().nanos())
            .bind(version)
            .execute(&mut *writing)
            .await?;
        if changed.rows_affected() != 1 {
            return Err(ControlError::Changed { what: "rule list", id: name.to_owned() });
        }
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::RuleListChanged,
            target: format!("rule list {name}"),
            detail: json!({
                "what": "saved",
                "count": values.len(),
                "digest": sha256_hex(entries.as_bytes()),
                "values": values,
            }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        self.rules_changed();
        Ok(())
    }

    /// Removes a list that people keep; not while rules in force would be left without values.
    ///
    /// # Errors
    /// As [`Control::save_rule_list`].
    pub async fn remove_rule_list(&self, actor: &Actor, name: &str) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditRules], "remove_rule_list").await?;
        let shown = self.rule_lists_shown(actor).await?;
        let row = shown.rows.iter().find(|row| row.name == name);
        if let Some(row) = row
            && row.used_by > 0
            && row.origins == [ListOrigin::Kept]
        {
            let rules = usize::try_from(row.used_by).unwrap_or(usize::MAX);
            return Err(RuleFault::ListInUse { name: name.to_owned(), rules }.into());
        }
        let mut writing = self.store.write().await?;
        let removed = sqlx::query("DELETE FROM rule_list WHERE name = $1")
            .bind(storable(name).into_owned())
            .execute(&mut *writing)
            .await?;
        if removed.rows_affected() != 1 {
            let id = name.chars().take(80).collect();
            return Err(ControlError::NotFound { what: "rule list", id });
        }
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::RuleListChanged,
            target: format!("rule list {name}"),
            detail: json!({ "what": "removed" }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        self.rules_changed();
        Ok(())
    }

    /// Has the rules compiled anew when values of a list that they use changed by themselves: a device came, a
    /// title was approved. Looked at once a minute.
    pub(crate) async fn compare_rule_lists(&self) -> Result<(), ControlError> {
        let now = self.clock.now();
        let compared =
            || self.rule_care.lists_compared.lock().unwrap_or_else(PoisonError::into_inner);
        let before = compared().clone();
        if let Some((at, _)) = &before
            && at.plus_nanos(MINUTE_NS) > now
        {
            return Ok(());
        }
        let in_force = self.rules_in_force();
        let missing = missing(&self.rules_summary().refused);
        let mut used = String::new();
        for (name, values) in self.rule_lists().await? {
            let written = format!("%{name}%");
            let asked = in_force.iter().any(|rule| rule.text.contains(&written))
                || missing.iter().any(|missing| missing.name == name);
            if asked {
                used.push_str(&json!([name, values]).to_string());
            }
        }
        let digest = sha256_hex(used.as_bytes());
        let changed = before.as_ref().is_some_and(|(_, known)| *known != digest);
        *compared() = Some((now, digest));
        if changed {
            self.rules_changed();
        }
        Ok(())
    }

    async fn gathered_lists(&self) -> Result<BTreeMap<String, Gathered>, ControlError> {
        let mut all: BTreeMap<String, Gathered> = BTreeMap::new();
        let rows = sqlx::query(
            "SELECT l.name, l.description, l.entries, '', l.changed_at, l.version FROM rule_list AS l",
        )
        .fetch_all(self.store.pool())
        .await?;
        for row in &rows {
            let kept = kept_of(row)?;
            let list = all.entry(kept.name).or_default();
            list.values.extend(kept.values);
            list.origins.push(ListOrigin::Kept);
            list.description = kept.description;
        }
        let files =
            self.rule_care.list_files.read().unwrap_or_else(PoisonError::into_inner).clone();
        for file in files {
            if let Ok(values) = file.values {
                let list = all.entry(file.name).or_default();
                list.values.extend(values);
                list.origins.push(ListOrigin::File(file.file));
            }
        }
        for (name, values) in self.live_lists().await? {
            let list = all.entry(name).or_default();
            list.values.extend(values);
            list.origins.push(ListOrigin::Live);
        }
        Ok(all)
    }
}

/// The values of a text: one a line, blank lines and those behind `#` left out, each once.
///
/// # Errors
/// [`RuleFault::ListValue`], [`RuleFault::TooMany`].
pub fn values_of_lines(text: &str) -> Result<Vec<String>, RuleFault> {
    let lines = text.lines().map(str::trim).zip(1..);
    gathered(lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')))
}

/// The values of a list, each once.
///
/// # Errors
/// As [`values_of_lines`]; a line is then the place in the list.
pub fn values_of_list(values: Vec<String>) -> Result<Vec<String>, RuleFault> {
    gathered(values.iter().map(String::as_str).zip(1..))
}

fn gathered<'v>(found: impl Iterator<Item = (&'v str, usize)>) -> Result<Vec<String>, RuleFault> {
    let mut values = Vec::new();
    let mut seen = BTreeSet::new();
    for (value, line) in found {
        check_value(value, line)?;
        if seen.insert(value) {
            values.push(value.to_owned());
        }
    }
    if values.len() > RULE_LIST_VALUES_MAX {
        let (found, limit) = (values.len(), RULE_LIST_VALUES_MAX);
        return Err(RuleFault::TooMany { what: Counted::Values, found, limit });
    }
    Ok(values)
}

fn check_value(value: &str, line: usize) -> Result<(), RuleFault> {
    let bytes_max = RULE_LIST_VALUE_BYTES_MAX;
    if value.is_empty() || value.len() > bytes_max || value.chars().any(char::is_control) {
        return Err(RuleFault::ListValue { line, bytes_max });
    }
    Ok(())
}

/// The name of a placeholder, without the percent signs that somebody may have typed.
///
/// # Errors
/// [`RuleFault::ListName`].
pub fn check_name(name: &str) -> Result<&str, RuleFault> {
    let name = name.trim().trim_matches('%');
    let chars_max = RULE_LIST_NAME_CHARS_MAX;
    let known = |letter: char| letter.is_alphanumeric() || letter == '_';
    let fits = (1..=chars_max).contains(&name.chars().count()) && name.chars().all(known);
    if fits { Ok(name) } else { Err(RuleFault::ListName { chars_max }) }
}

fn kept_of(row: &Row) -> Result<KeptList, ControlError> {
    let name: String = row.try_get(0)?;
    let values = serde_json::from_str(&row.try_get::<String, _>(2)?).map_err(|err| {
        ControlError::Corrupt { what: "rule list", id: name.clone(), reason: err.to_string() }
    })?;
    Ok(KeptList {
        name,
        description: row.try_get(1)?,
        values,
        changed_by: row.try_get(3)?,
        changed_at: Some(Timestamp::from_nanos(row.try_get(4)?)),
        version: row.try_get(5)?,
    })
}

/// The placeholders that refused rules lack.
fn missing(refused: &[RefusedSource]) -> Vec<MissingList> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in refused {
        if let Some(name) = &one.lacks {
            all.entry(name.clone()).or_default().push(one.file.clone());
        }
    }
    all.into_iter().map(|(name, rules)| MissingList { name, rules }).collect()
}

/// Values of a list that are shown on the page of all lists.
const SAMPLE_VALUES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_values_but_for_comments_and_repetition() {
        let values = values_of_lines("# hosts\n\n a \r\nb*\na\n").expect("sound");
        assert_eq!(values, ["a", "b*"]);
        let long = "x".repeat(RULE_LIST_VALUE_BYTES_MAX + 1);
        for text in [format!("a\n{long}"), "a\nb\u{7}c".to_owned()] {
            assert!(matches!(values_of_lines(&text), Err(RuleFault::ListValue { line: 2, .. })));
        }
        let many: String = (0..=RULE_LIST_VALUES_MAX).map(|number| format!("{number}\n")).collect();
        assert!(matches!(values_of_lines(&many), Err(RuleFault::TooMany { .. })));
    }

    #[test]
    fn a_name_is_one_that_rules_can_write() {
        assert_eq!(check_name(" %Servers% "), Ok("Servers"));
        assert_eq!(check_name("営業部"), Ok("営業部"));
        for name in ["", "%", "a b", "a-b", "../x", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn refused_rules_name_what_they_lack() {
        let rule = "title: T\nlogsource: {product: x}\ndetection: {s: {A|expand: '%Servers%'}, condition: s}\n";
        let texts =
            [("a.yml", rule), ("b.yml", rule), ("c.yml", "title: ["), ("d.yml", "title: T\n")];
        let sources = texts.map(|(name, text)| detect::RuleSource { name, text });
        let compiled = detect::compile(sources, &detect::CompileOptions::default());
        let refused: Vec<RefusedSource> = compiled.refused.iter().map(Into::into).collect();
        assert_eq!(refused.len(), 4);
        let rules = vec!["a.yml".to_owned(), "b.yml".to_owned()];
        assert_eq!(missing(&refused), [MissingList { name: "Servers".to_owned(), rules }]);
    }
}
