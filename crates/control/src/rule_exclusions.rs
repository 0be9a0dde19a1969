//! Exclusions of rules: Sigma filters with an owner, a reason and an end.
//!
//! Invariant: what is saved can be evaluated exactly and acts on each rule that it names; the engine was asked.
//! Invariant: an exclusion has an end, and from then on it takes nothing away, whether anybody looks or not.
//! Invariant: each change stands in the audit chain, with the filter as it was saved.

mod checking;
mod preview;
mod stored;
mod writing;

use crate::audit::{Action, Cause, Entry};
use crate::limits::{
    DAY_NS, EXCLUSION_DAYS_MAX, EXCLUSION_REASON_CHARS_MAX, EXCLUSION_TITLE_CHARS_MAX,
    EXCLUSIONS_IN_FORCE_MAX, EXCLUSIONS_SHOWN_MAX,
};
use crate::rule_fault::{Counted, NoEffect, RuleFault};
use crate::scope::statement;
use crate::store::{Writing, storable};
use crate::view::backtest::RuleInForce;
use crate::view::rule_exclusions::{
    ExclusionForm, ExclusionState, NewRuleExclusion, RuleExclusionRow, RuleExclusionView, Written,
};
use crate::{Actor, Control, ControlError, Permission, random};
use checking::Checked;
use model::Timestamp;
use serde_json::json;
use sqlx::Row as _;
use std::sync::Arc;
use stored::{ROW_SQL, Stored, free_filter_id, owner_of, row_of};
use writing::Heading;

impl Control {
    /// The exclusions that are in force now: a name for messages and the Sigma filter, in the order in which they
    /// were made.
    ///
    /// # Errors
    /// The store's.
    pub async fn rule_exclusions_in_force(&self) -> Result<Vec<(String, String)>, ControlError> {
        let rows = sqlx::query(
            "SELECT id, document FROM rule_exclusion WHERE state = 'active' AND expires_at > $1 \
             ORDER BY created_at, id",
        )
        .bind(self.clock.now().nanos())
        .fetch_all(self.store.pool())
        .await?;
        rows.iter()
            .map(|row| Ok((source_name(&row.try_get::<String, _>(0)?), row.try_get(1)?)))
            .collect()
    }

    /// Every exclusion: those in force first, the one that ends first first; then those that are over.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn rule_exclusions(
        &self,
        actor: &Actor,
    ) -> Result<Vec<RuleExclusionRow>, ControlError> {
        self.require(actor, &[Permission::ReadRules], "rule_exclusions").await?;
        let now = self.clock.now();
        let sql = format!(
            "{ROW_SQL} ORDER BY CASE x.state WHEN 'active' THEN 0 ELSE 1 END, x.expires_at, x.id \
             LIMIT {EXCLUSIONS_SHOWN_MAX}"
        );
        let hits = self.filter_hits().await?;
        let rows = statement(sql).fetch_all(self.store.pool()).await?;
        let mut list = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut row = row_of(row, now)?.row;
            row.hits = hits.get(&row.filter_id).copied().unwrap_or_default();
            list.push(row);
        }
        list.sort_by_key(|row| row.state != ExclusionState::Active);
        Ok(list)
    }

    /// One exclusion with what it took away.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn rule_exclusion(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<RuleExclusionView, ControlError> {
        self.require(actor, &[Permission::ReadRules], "rule_exclusion").await?;
        let Stored { mut row, document, form } =
            stored::one(self.store.pool(), id, self.clock.now()).await?;
        let hits = self.filter_hits().await?;
        row.hits = hits.get(&row.filter_id).copied().unwrap_or_default();
        let (days, by_rule) = self.hits_of_filter(&row.filter_id).await?;
        Ok(RuleExclusionView { row, document, form, days, by_rule })
    }

    /// Makes an exclusion; gives its identifier.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::RuleFault`] for what is wrong with it.
    pub async fn create_rule_exclusion(
        &self,
        actor: &Actor,
        new: &NewRuleExclusion,
    ) -> Result<String, ControlError> {
        self.require(actor, &[Permission::EditRules], "create_rule_exclusion").await?;
        let id = random::secret()?;
        let (filter_id, _) = self.filter_id_of(None).await?;
        let now = self.clock.now();
        check_words(new, now)?;
        let checked = self.check_exclusion(new, &filter_id).await?;
        let mut writing = self.store.write().await?;
        let in_force: i64 =
            sqlx::query("SELECT COUNT(*) FROM rule_exclusion WHERE state = 'active'")
                .fetch_one(&mut *writing)
                .await?
                .try_get(0)?;
        if in_force >= EXCLUSIONS_IN_FORCE_MAX {
            let found = usize::try_from(in_force).unwrap_or(usize::MAX);
            let limit = usize::try_from(EXCLUSIONS_IN_FORCE_MAX).unwrap_or(usize::MAX);
            return Err(RuleFault::TooMany { what: Counted::Exclusions, found, limit }.into());
        }
        free_filter_id(&mut writing, &checked.filter.id, &id).await?;
        let owner = owner_of(&mut writing, &new.owner, actor.id()).await?;
        sqlx::query(
            "INSERT INTO rule_exclusion (id, filter_id, title, document, form, rules, reason, owner_id, created_by, \
             created_at, changed_at, expires_at, state, end_reason, version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, 'active', '', 1)",
        )
        .bind(&id)
        .bind(storable(&checked.filter.id).into_owned())
        .bind(storable(&checked.filter.title).into_owned())
        .bind(storable(&checked.filter.text).into_owned())
        .bind(form_text(new))
        .bind(storable(&json!(checked.filter.rules).to_string()).into_owned())
        .bind(storable(new.reason.trim()).into_owned())
        .bind(&owner)
        .bind(actor.id().to_owned())
        .bind(now.nanos())
        .bind(new.expires_at.nanos())
        .execute(&mut *writing)
        .await?;
        let change = Change { what: "created", reason: &new.reason, checked: Some(&checked) };
        self.exclusion_of_rules_changed(
            writing,
            Cause::Person(actor),
            &id,
            &change,
            new.expires_at,
        )
        .await?;
        Ok(id)
    }

    /// Changes an exclusion: what it takes away, why, until when. An expired one is in force again; the version is
    /// that of the page.
    ///
    /// # Errors
    /// Those of [`Control::create_rule_exclusion`], [`ControlError::NotFound`], [`ControlError::Changed`].
    pub async fn change_rule_exclusion(
        &self,
        actor: &Actor,
        id: &str,
        version: i64,
        new: &NewRuleExclusion,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditRules], "change_rule_exclusion").await?;
        let (filter_id, _) = self.filter_id_of(Some(id)).await?;
        let now = self.clock.now();
        check_words(new, now)?;
        let checked = self.check_exclusion(new, &filter_id).await?;
        let mut writing = self.store.write().await?;
        not_ended(&stored::one(&mut *writing, id, now).await?)?;
        free_filter_id(&mut writing, &checked.filter.id, id).await?;
        let owner = owner_of(&mut writing, &new.owner, actor.id()).await?;
        let changed = sqlx::query(
            "UPDATE rule_exclusion SET filter_id = $1, title = $2, document = $3, form = $4, rules = $5, reason = $6, \
             owner_id = $7, changed_at = $8, expires_at = $9, state = 'active', version = version + 1 \
             WHERE id = $10 AND version = $11",
        )
        .bind(storable(&checked.filter.id).into_owned())
        .bind(storable(&checked.filter.title).into_owned())
        .bind(storable(&checked.filter.text).into_owned())
        .bind(form_text(new))
        .bind(storable(&json!(checked.filter.rules).to_string()).into_owned())
        .bind(storable(new.reason.trim()).into_owned())
        .bind(&owner)
        .bind(now.nanos())
        .bind(new.expires_at.nanos())
        .bind(id.to_owned())
        .bind(version)
        .execute(&mut *writing)
        .await?;
        if changed.rows_affected() != 1 {
            return Err(ControlError::Changed { what: "exclusion of rules", id: id.to_owned() });
        }
        let change = Change { what: "changed", reason: &new.reason, checked: Some(&checked) };
        self.exclusion_of_rules_changed(writing, Cause::Person(actor), id, &change, new.expires_at)
            .await
    }

    /// Gives an exclusion another end; an expired one is in force again.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::RuleFault`].
    pub async fn extend_rule_exclusion(
        &self,
        actor: &Actor,
        id: &str,
        expires_at: Timestamp,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditRules], "extend_rule_exclusion").await?;
        let now = self.clock.now();
        check_until(expires_at, now)?;
        check_reason(reason)?;
        let mut writing = self.store.write().await?;
        let stored = stored::one(&mut *writing, id, now).await?;
        not_ended(&stored)?;
        free_filter_id(&mut writing, &stored.row.filter_id, id).await?;
        sqlx::query(
            "UPDATE rule_exclusion SET expires_at = $1, changed_at = $2, state = 'active', version = version + 1 \
             WHERE id = $3",
        )
        .bind(expires_at.nanos())
        .bind(now.nanos())
        .bind(id.to_owned())
        .execute(&mut *writing)
        .await?;
        let change = Change { what: "extended", reason, checked: None };
        self.exclusion_of_rules_changed(writing, Cause::Person(actor), id, &change, expires_at)
            .await
    }

    /// Ends an exclusion now and for good.
    ///
    /// # Errors
    /// As [`Control::extend_rule_exclusion`].
    pub async fn end_rule_exclusion(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditRules], "end_rule_exclusion").await?;
        check_reason(reason)?;
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        not_ended(&stored::one(&mut *writing, id, now).await?)?;
        sqlx::query(
            "UPDATE rule_exclusion SET state = 'ended', ended_at = $1, changed_at = $1, end_reason = $2, \
             version = version + 1 WHERE id = $3",
        )
        .bind(now.nanos())
        .bind(storable(reason.trim()).into_owned())
        .bind(id.to_owned())
        .execute(&mut *writing)
        .await?;
        let change = Change { what: "ended", reason, checked: None };
        self.exclusion_of_rules_changed(writing, Cause::Person(actor), id, &change, now).await
    }

    /// Notes which exclusions are over, and has the rules compiled without them.
    pub(crate) async fn expire_rule_exclusions(&self) -> Result<(), ControlError> {
        let now = self.clock.now();
        let due = "SELECT id FROM rule_exclusion WHERE state = 'active' AND expires_at <= $1";
        let rows = sqlx::query(due).bind(now.nanos()).fetch_all(self.store.pool()).await?;
        for row in &rows {
            let id: String = row.try_get(0)?;
            let mut writing = self.store.write().await?;
            let expired = sqlx::query(
                "UPDATE rule_exclusion SET state = 'expired', changed_at = $1, version = version + 1 \
                 WHERE id = $2 AND state = 'active' AND expires_at <= $1",
            )
            .bind(now.nanos())
            .bind(&id)
            .execute(&mut *writing)
            .await?;
            if expired.rows_affected() == 1 {
                let change = Change { what: "expired", reason: "", checked: None };
                self.exclusion_of_rules_changed(writing, Cause::Machine, &id, &change, now).await?;
            }
        }
        Ok(())
    }

    /// The filter id for a form, and the one that the replaced exclusion has; a new one when nothing is replaced.
    async fn filter_id_of(&self, replaces: Option<&str>) -> Result<(String, String), ControlError> {
        match replaces {
            None => Ok((uuid(random::id_bits()?), String::new())),
            Some(id) => {
                let stored = stored::one(self.store.pool(), id, self.clock.now()).await?;
                Ok((stored.row.filter_id.clone(), stored.row.filter_id))
            }
        }
    }

    /// Asks the engine whether the exclusion can be evaluated and acts on something.
    async fn check_exclusion(
        &self,
        new: &NewRuleExclusion,
        filter_id: &str,
    ) -> Result<Checked, ControlError> {
        let in_force = self.rules_in_force();
        let lists = self.rule_lists().await?;
        let (new, filter_id) = (new.clone(), filter_id.to_owned());
        let check = move || {
            let text = match &new.written {
                Written::ByHand(text) => text.clone(),
                Written::Form(form) => {
                    check_title(&new.title)?;
                    writing::check(form)?;
                    let log_source = match form.rules.is_empty() {
                        true => writing::log_source(form),
                        false => checking::common_source(&in_force, &form.rules),
                    };
                    if log_source == detect::RuleLogSource::default() {
                        return Err(without_log_source(&in_force, form));
                    }
                    let heading = Heading {
                        title: new.title.trim(),
                        filter_id: &filter_id,
                        reason: new.reason.trim(),
                        log_source: &log_source,
                    };
                    writing::document(&heading, form)
                }
            };
            let checked = checking::check(&in_force, lists, &source_name(&filter_id), &text)?;
            check_title(&checked.filter.title)?;
            Ok::<_, RuleFault>(checked)
        };
        let checked = tokio::task::spawn_blocking(check).await.map_err(|err| {
            ControlError::Lake(lake::LakeError::Engine { reason: err.to_string() })
        })?;
        Ok(checked?)
    }

    async fn exclusion_of_rules_changed(
        &self,
        mut writing: Writing,
        cause: Cause<'_>,
        id: &str,
        change: &Change<'_>,
        until: Timestamp,
    ) -> Result<(), ControlError> {
        let mut detail = json!({
            "what": change.what,
            "until": until.to_string(),
            "reason": change.reason.trim(),
        });
        if let (Some(checked), Some(detail)) = (change.checked, detail.as_object_mut()) {
            detail.insert("title".to_owned(), json!(checked.filter.title));
            detail.insert("rules".to_owned(), json!(checked.filter.rules));
            detail.insert("revision".to_owned(), json!(checked.filter.revision));
            // Last: when the whole is too long, it is what is cut.
            detail.insert("z_filter".to_owned(), json!(checked.filter.text));
        }
        let target = format!("rule exclusion {id}");
        let action = Action::RuleExclusionChanged;
        self.append(&mut writing, &Entry { cause, action, target, detail }).await?;
        writing.commit().await?;
        self.rules_changed();
        Ok(())
    }
}

/// What happened to an exclusion, for the audit chain.
struct Change<'a> {
    what: &'static str,
    reason: &'a str,
    checked: Option<&'a Checked>,
}

/// How messages call an exclusion's filter.
fn source_name(id: &str) -> String {
    format!("exclusions/{id}.yml")
}

/// Random bits as a UUID of version 4, which is what Sigma asks of ids.
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// Why there is no log source: the rules differ, or there are none.
fn without_log_source(in_force: &[Arc<RuleInForce>], form: &ExclusionForm) -> RuleFault {
    let unknown = form.rules.iter().find(|name| !checking::is_known(in_force, name));
    unknown.map_or(RuleFault::LogSource, |name| {
        let name: String = name.chars().take(80).collect();
        RuleFault::NoEffect { reason: NoEffect::NoSuchRule { rule: name } }
    })
}

fn form_text(new: &NewRuleExclusion) -> String {
    match &new.written {
        Written::Form(form) => json!(form).to_string(),
        Written::ByHand(_) => String::new(),
    }
}

fn check_words(new: &NewRuleExclusion, now: Timestamp) -> Result<(), RuleFault> {
    check_reason(&new.reason)?;
    check_until(new.expires_at, now)
}

fn check_title(title: &str) -> Result<(), RuleFault> {
    let chars_max = EXCLUSION_TITLE_CHARS_MAX;
    let fits = (1..=chars_max).contains(&title.trim().chars().count());
    if fits { Ok(()) } else { Err(RuleFault::Title { chars_max }) }
}

fn check_reason(reason: &str) -> Result<(), RuleFault> {
    let chars_max = EXCLUSION_REASON_CHARS_MAX;
    let fits = (3..=chars_max).contains(&reason.trim().chars().count());
    if fits { Ok(()) } else { Err(RuleFault::Reason { chars_max }) }
}

fn check_until(expires_at: Timestamp, now: Timestamp) -> Result<(), RuleFault> {
    let last = now.plus_nanos(EXCLUSION_DAYS_MAX * DAY_NS);
    if expires_at > now && expires_at <= last {
        return Ok(());
    }
    Err(RuleFault::Until { days_max: EXCLUSION_DAYS_MAX })
}

fn not_ended(stored: &Stored) -> Result<(), RuleFault> {
    if stored.row.state == ExclusionState::Ended { Err(RuleFault::Ended) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_version_4() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
