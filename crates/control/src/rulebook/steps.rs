//! Steps in the life of a rule, taken by people or, when it must be stopped, by the server itself.

use super::{LIFE_COLUMNS, life_of, no_rule};
use crate::audit::{Action, Cause, Entry};
use crate::scope::statement;
use crate::store::{Writing, storable};
use crate::view::rulebook::RuleStepRow;
use crate::{Actor, Control, ControlError, Permission};
use case::rule_life::{Life, RuleFacts, Stage, Step, Stop, StopCause};
use serde_json::json;
use sqlx::Row as _;

impl Control {
    /// Takes a step with a rule, also one of a file. It has force within moments.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::RuleRefused`].
    pub async fn move_rule(
        &self,
        actor: &Actor,
        id: &str,
        step: &Step,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditRules], "move_rule").await?;
        let by_person = match step {
            Step::Stop(stop) => stop.cause == StopCause::Person,
            _ => true,
        };
        if !by_person {
            let reason = "a person stops a rule as a person";
            return Err(ControlError::BadArgument { what: "the cause", reason });
        }
        let mut writing = self.store.write().await?;
        let (life, facts, known) = self.life_in(&mut writing, id).await?;
        if !known && !self.rules_in_force().iter().any(|rule| rule.id == id) {
            return Err(no_rule(id));
        }
        self.take_rule_step(writing, Cause::Person(actor), id, (&life, facts), step).await
    }

    /// Stops a rule that the server itself must stop; other rules go on. Whether it was not stopped already.
    ///
    /// # Errors
    /// The store's.
    pub async fn stop_rule(&self, id: &str, stop: Stop) -> Result<bool, ControlError> {
        let mut writing = self.store.write().await?;
        let (life, facts, _) = self.life_in(&mut writing, id).await?;
        if !life.is_asked() {
            return Ok(false);
        }
        let step = Step::Stop(stop);
        self.take_rule_step(writing, Cause::Machine, id, (&life, facts), &step).await?;
        Ok(true)
    }

    /// Counts matches of canaries on devices outside of the ring, by rule.
    ///
    /// # Errors
    /// The store's.
    pub async fn count_elsewhere(&self, matches: &[(String, u64)]) -> Result<(), ControlError> {
        let mut writing = self.store.write().await?;
        for (id, count) in matches {
            sqlx::query(
                "UPDATE rule_life SET elsewhere = elsewhere + $1 WHERE rule_id = $2 AND stage = 'canary'",
            )
            .bind(i64::try_from(*count).unwrap_or(i64::MAX))
            .bind(id)
            .execute(&mut *writing)
            .await?;
        }
        writing.commit().await
    }

    /// Where a rule stands, what is known of it, and whether it was written here or has moved before.
    pub(super) async fn life_in(
        &self,
        writing: &mut Writing,
        id: &str,
    ) -> Result<(Life, RuleFacts, bool), ControlError> {
        let row = statement(format!("SELECT {LIFE_COLUMNS} FROM rule_life WHERE rule_id = $1"))
            .bind(id.to_owned())
            .fetch_optional(&mut **writing)
            .await?;
        let known = row.is_some();
        let life = match row {
            Some(row) => life_of(&row)?.1,
            None => Life::of_file(),
        };
        let own = sqlx::query(
            "SELECT r.must_match FROM own_rule AS o JOIN own_rule_revision AS r \
             ON r.rule_id = o.id AND r.number = o.head WHERE o.id = $1",
        )
        .bind(id)
        .fetch_optional(&mut **writing)
        .await?;
        let facts = match own {
            Some(row) => RuleFacts { own: true, tested: row.try_get::<i64, _>(0)? > 0 },
            None => RuleFacts { own: false, tested: false },
        };
        Ok((life, facts, known))
    }

    async fn take_rule_step(
        &self,
        mut writing: Writing,
        cause: Cause<'_>,
        id: &str,
        (life, facts): (&Life, RuleFacts),
        step: &Step,
    ) -> Result<(), ControlError> {
        let now = self.clock.now();
        let next =
            case::rule_life::step(life, step, facts, now).map_err(super::RuleRefusal::Life)?;
        write_life(&mut writing, id, &next).await?;
        let by = match cause {
            Cause::Person(actor) => Some(actor.id().to_owned()),
            _ => None,
        };
        write_step(&mut writing, id, life.stage, &next, by).await?;
        let stop = next.stop.as_ref();
        let entry = Entry {
            cause,
            action: Action::RuleMoved,
            target: format!("rule {id}"),
            detail: json!({
                "from": life.stage.name(),
                "to": next.stage.name(),
                "cause": stop.map(|stop| stop.cause.name()),
                "reason": stop.map(|stop| &stop.reason_en),
            }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        self.rules_changed();
        Ok(())
    }

    /// The steps that a rule took, the newest first.
    pub(super) async fn rule_steps_of(&self, id: &str) -> Result<Vec<RuleStepRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT s.from_stage, s.to_stage, s.cause, s.reason_ja, s.reason_en, COALESCE(p.name, ''), s.at \
             FROM rule_step AS s LEFT JOIN person AS p ON p.id = s.by_id WHERE s.rule_id = $1 \
             ORDER BY s.number DESC LIMIT 100",
        )
        .bind(id)
        .fetch_all(self.store.pool())
        .await?;
        let stage = |name: String| {
            Stage::of_name(&name).ok_or_else(|| super::damaged(id, "the stage is unknown"))
        };
        rows.iter()
            .map(|row| {
                Ok(RuleStepRow {
                    from: stage(row.try_get(0)?)?,
                    to: stage(row.try_get(1)?)?,
                    cause: StopCause::of_name(&row.try_get::<String, _>(2)?),
                    reason_ja: row.try_get(3)?,
                    reason_en: row.try_get(4)?,
                    by: row.try_get(5)?,
                    at: model::Timestamp::from_nanos(row.try_get(6)?),
                })
            })
            .collect()
    }
}

/// Writes where a rule stands. Matches elsewhere are counted anew.
pub(super) async fn write_life(
    writing: &mut Writing,
    id: &str,
    life: &Life,
) -> Result<(), ControlError> {
    let (cause, ja, en) = stop_columns(life);
    sqlx::query(
        "INSERT INTO rule_life (rule_id, stage, resumes_as, cause, reason_ja, reason_en, since, elsewhere) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT (rule_id) DO UPDATE SET stage = excluded.stage, \
         resumes_as = excluded.resumes_as, cause = excluded.cause, reason_ja = excluded.reason_ja, \
         reason_en = excluded.reason_en, since = excluded.since, elsewhere = 0",
    )
    .bind(id)
    .bind(life.stage.name())
    .bind(life.resumes_as.name())
    .bind(cause)
    .bind(ja)
    .bind(en)
    .bind(life.since.map_or(0, model::Timestamp::nanos))
    .execute(&mut **writing)
    .await?;
    Ok(())
}

async fn write_step(
    writing: &mut Writing,
    id: &str,
    from: Stage,
    next: &Life,
    by: Option<String>,
) -> Result<(), ControlError> {
    let (cause, ja, en) = stop_columns(next);
    sqlx::query(
        "INSERT INTO rule_step (rule_id, number, from_stage, to_stage, cause, reason_ja, reason_en, by_id, at) \
         VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM rule_step WHERE rule_id = $1), $2, $3, $4, $5, $6, \
         $7, $8)",
    )
    .bind(id)
    .bind(from.name())
    .bind(next.stage.name())
    .bind(cause)
    .bind(ja)
    .bind(en)
    .bind(by)
    .bind(next.since.map_or(0, model::Timestamp::nanos))
    .execute(&mut **writing)
    .await?;
    Ok(())
}

fn stop_columns(life: &Life) -> (&'static str, String, String) {
    match &life.stop {
        Some(stop) => (
            stop.cause.name(),
            storable(stop.reason_ja.trim()).into_owned(),
            storable(stop.reason_en.trim()).into_owned(),
        ),
        None => ("", String::new(), String::new()),
    }
}
