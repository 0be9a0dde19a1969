//! The rulebook: rules that are written in the console, and the life of every rule.
//!
//! Invariant: a text is saved only when it loads and its own tests pass; no revision is ever changed.
//! Invariant: whatever changes what events are judged by is told by [`Control::rules_changed`] after it is stored.
//! Invariant: each step of a rule is in the audit chain in the transaction that makes it.

mod checking;
mod example;
mod history;
mod ring;
mod saving;
mod steps;

pub use checking::RuleRefusal;
pub use example::EventPlace;

use crate::scope::statement;
use crate::store::Row;
use crate::view::rulebook::{OwnRule, Rulebook, StoppedRule};
use crate::{Control, ControlError, random};
use case::rule_life::{Life, Stage, Stop, StopCause};
use model::Timestamp;
use sqlx::Row as _;
use std::collections::BTreeMap;

/// Columns of `rule_life` in the order of [`life_of`].
const LIFE_COLUMNS: &str =
    "rule_id, stage, resumes_as, cause, reason_ja, reason_en, since, elsewhere";

impl Control {
    /// Everything that the compiled set depends on. For the server itself.
    ///
    /// # Errors
    /// The store's.
    pub async fn rulebook(&self) -> Result<Rulebook, ControlError> {
        let rows = sqlx::query(
            "SELECT o.id, r.text FROM own_rule AS o JOIN own_rule_revision AS r \
             ON r.rule_id = o.id AND r.number = o.head JOIN rule_life AS l ON l.rule_id = o.id \
             WHERE l.stage <> 'draft' ORDER BY o.created_at, o.id",
        )
        .fetch_all(self.store.pool())
        .await?;
        let own = rows.iter().map(|row| {
            let id: String = row.try_get(0)?;
            Ok(OwnRule { source: own_source(&id), text: row.try_get(1)?, id })
        });
        Ok(Rulebook {
            own: own.collect::<Result<_, ControlError>>()?,
            lives: self.lives().await?,
            ring: self.ring_devices().await?,
            exclusions: self.rule_exclusions_in_force().await?,
            lists: self.rule_lists().await?,
        })
    }

    /// Where each rule stands that has moved or was written here.
    pub(crate) async fn lives(&self) -> Result<BTreeMap<String, Life>, ControlError> {
        let rows = statement(format!("SELECT {LIFE_COLUMNS} FROM rule_life"))
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(|row| life_of(row).map(|(id, life, _)| (id, life))).collect()
    }

    /// The rules that are stopped, the newest stop first.
    pub(crate) async fn stopped_rules(&self) -> Result<Vec<StoppedRule>, ControlError> {
        let titles: BTreeMap<String, String> = self
            .rules_in_force()
            .into_iter()
            .map(|rule| (rule.id.clone(), rule.title.clone()))
            .collect();
        let stopped = self.lives().await?.into_iter().filter_map(|(id, life)| {
            let stop = life.stop?;
            Some(StoppedRule {
                title: titles.get(&id).unwrap_or(&id).clone(),
                id,
                cause: stop.cause,
                reason_ja: stop.reason_ja,
                reason_en: stop.reason_en,
                at: life.since.unwrap_or(Timestamp::from_nanos(0)),
            })
        });
        let mut stopped: Vec<StoppedRule> = stopped.collect();
        stopped.sort_by_key(|rule| std::cmp::Reverse(rule.at));
        Ok(stopped)
    }

    /// An id for a new rule: a random UUID, as Sigma wants it.
    ///
    /// # Errors
    /// [`ControlError::Randomness`].
    pub fn fresh_rule_id(&self) -> Result<String, ControlError> {
        // Version 4, variant 1 (RFC 9562).
        let bits = random::id_bits()? & !(0xf000_u128 << 64) & !(0xc000_u128 << 48);
        let hex = format!("{:032x}", bits | (0x4000_u128 << 64) | (0x8000_u128 << 48));
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
        let part = |(from, to): (usize, usize)| hex.get(from..to).unwrap_or_default().to_owned();
        Ok(parts.map(part).join("-"))
    }
}

/// How messages call the text of a rule that was written here.
pub(crate) fn own_source(id: &str) -> String {
    format!("own/{id}.yml")
}

/// Id, life and matches elsewhere of a row of [`LIFE_COLUMNS`].
fn life_of(row: &Row) -> Result<(String, Life, u64), ControlError> {
    let id: String = row.try_get(0)?;
    let stage_of = |place: usize| {
        let name: String = row.try_get(place)?;
        Stage::of_name(&name).ok_or_else(|| damaged(&id, "the stage is unknown"))
    };
    let stage = stage_of(1)?;
    let stop = match (stage, StopCause::of_name(&row.try_get::<String, _>(3)?)) {
        (Stage::Stopped, Some(cause)) => {
            Some(Stop { cause, reason_ja: row.try_get(4)?, reason_en: row.try_get(5)? })
        }
        (Stage::Stopped, None) => return Err(damaged(&id, "the cause is unknown")),
        _ => None,
    };
    let life = Life {
        stage,
        resumes_as: stage_of(2)?,
        stop,
        since: Some(Timestamp::from_nanos(row.try_get(6)?)),
    };
    let elsewhere = u64::try_from(row.try_get::<i64, _>(7)?).unwrap_or(0);
    Ok((id, life, elsewhere))
}

fn damaged(id: &str, reason: &str) -> ControlError {
    let id = id.chars().take(RULE_ID_CHARS_SHOWN).collect();
    ControlError::Corrupt { what: "rule", id, reason: reason.to_owned() }
}

fn no_rule(id: &str) -> ControlError {
    ControlError::NotFound { what: "rule", id: id.chars().take(RULE_ID_CHARS_SHOWN).collect() }
}

const RULE_ID_CHARS_SHOWN: usize = 80;
