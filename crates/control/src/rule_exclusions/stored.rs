//! Exclusions of rules in the store.

use crate::ControlError;
use crate::rule_fault::RuleFault;
use crate::store::{Row, Writing};
use crate::view::rule_exclusions::{ExclusionForm, ExclusionState, FilterHits, RuleExclusionRow};
use model::Timestamp;
use sqlx::Row as _;

/// What [`row_of`] reads, in its order.
pub(super) const ROW_SQL: &str = "SELECT x.id, x.filter_id, x.title, x.rules, x.reason, \
    COALESCE(o.name, ''), COALESCE(c.name, ''), x.created_at, x.expires_at, x.state, x.end_reason, x.version, \
    x.document, x.form FROM rule_exclusion AS x LEFT JOIN person AS o ON o.id = x.owner_id \
    LEFT JOIN person AS c ON c.id = x.created_by";

/// A stored exclusion; its hits are not read here.
pub(super) struct Stored {
    pub(super) row: RuleExclusionRow,
    pub(super) document: String,
    pub(super) form: Option<ExclusionForm>,
}

pub(super) fn row_of(row: &Row, now: Timestamp) -> Result<Stored, ControlError> {
    let id: String = row.try_get(0)?;
    let damaged = |reason: String| ControlError::Corrupt {
        what: "exclusion of rules",
        id: id.clone(),
        reason,
    };
    let rules: String = row.try_get(3)?;
    let state: String = row.try_get(9)?;
    let expires_at = Timestamp::from_nanos(row.try_get(8)?);
    let mut state = ExclusionState::of_name(&state)
        .ok_or_else(|| damaged(format!("the state {state:?} is unknown")))?;
    if state == ExclusionState::Active && expires_at <= now {
        state = ExclusionState::Expired;
    }
    let form: String = row.try_get(13)?;
    Ok(Stored {
        document: row.try_get(12)?,
        form: match form.is_empty() {
            true => None,
            false => Some(serde_json::from_str(&form).map_err(|err| damaged(err.to_string()))?),
        },
        row: RuleExclusionRow {
            filter_id: row.try_get(1)?,
            title: row.try_get(2)?,
            rules: serde_json::from_str(&rules).map_err(|err| damaged(err.to_string()))?,
            reason: row.try_get(4)?,
            owner: row.try_get(5)?,
            created_by: row.try_get(6)?,
            created_at: Timestamp::from_nanos(row.try_get(7)?),
            expires_at,
            state,
            end_reason: row.try_get(10)?,
            hits: FilterHits::default(),
            version: row.try_get(11)?,
            id,
        },
    })
}

/// One exclusion.
pub(super) async fn one(
    reading: impl sqlx::AnyExecutor<'_>,
    id: &str,
    now: Timestamp,
) -> Result<Stored, ControlError> {
    let sql = format!("{ROW_SQL} WHERE x.id = $1");
    let row = crate::scope::statement(sql).bind(id.to_owned()).fetch_optional(reading).await?;
    let Some(row) = row else {
        let id = id.chars().take(60).collect();
        return Err(ControlError::NotFound { what: "exclusion of rules", id });
    };
    row_of(&row, now)
}

/// Whose name it is; only people who may sign in answer for something.
pub(super) async fn owner_of(
    writing: &mut Writing,
    name: &str,
    myself: &str,
) -> Result<String, ControlError> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(myself.to_owned());
    }
    let row = sqlx::query("SELECT id FROM person WHERE name = $1 AND disabled_at IS NULL")
        .bind(name.replace('\0', "\u{fffd}"))
        .fetch_optional(&mut **writing)
        .await?;
    let name = name.chars().take(80).collect();
    let row = row.ok_or(RuleFault::Owner { name })?;
    Ok(row.try_get(0)?)
}

/// Refuses a filter id that another exclusion in force has.
pub(super) async fn free_filter_id(
    writing: &mut Writing,
    filter_id: &str,
    own: &str,
) -> Result<(), ControlError> {
    let taken = sqlx::query(
        "SELECT title FROM rule_exclusion WHERE filter_id = $1 AND id <> $2 AND state = 'active'",
    )
    .bind(filter_id.to_owned())
    .bind(own.to_owned())
    .fetch_optional(&mut **writing)
    .await?;
    match taken {
        None => Ok(()),
        Some(row) => Err(RuleFault::Exists {
            title: row.try_get(0)?,
            filter_id: filter_id.chars().take(80).collect(),
        }
        .into()),
    }
}
