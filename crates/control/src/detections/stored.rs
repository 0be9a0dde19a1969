//! A detection's row and its history.

use crate::ground::parsed;
use crate::store::{Row, Writing, storable};
use crate::{Control, ControlError};
use case::detection::Detection;
use model::{AlertId, Level, Tactic, Timestamp};
use sqlx::Row as _;

/// A detection with what lists need beside its state.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) rule_id: String,
    pub(super) title: String,
    pub(super) title_ja: String,
    pub(super) rule_revision: String,
    pub(super) level: Level,
    pub(super) tactics: Vec<Tactic>,
    pub(super) state: Detection,
    pub(super) opened_at: Timestamp,
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
    pub(super) alerts: i64,
    pub(super) devices: i64,
    pub(super) sample: AlertId,
    pub(super) before: String,
    pub(super) revision: i64,
}

impl Stored {
    /// The columns that [`Stored::of_row`] reads, of `detection AS d`.
    pub(super) const COLUMNS: &str = "d.id, d.rule_id, d.title, d.title_ja, d.rule_revision, d.level, d.tactics, \
         d.state, d.opened_at, d.first_at, d.last_at, d.alerts, d.devices, d.sample_alert, d.before_id, d.revision";

    pub(super) fn of_row(row: &Row) -> Result<Self, ControlError> {
        let id: String = row.try_get(0)?;
        let damaged = |reason: &str| ControlError::Corrupt {
            what: "detection",
            id: id.clone(),
            reason: reason.to_owned(),
        };
        let level: String = row.try_get(5)?;
        let tactics: String = row.try_get(6)?;
        let sample: String = row.try_get(13)?;
        let at = |place: usize| row.try_get::<i64, _>(place).map(Timestamp::from_nanos);
        Ok(Self {
            rule_id: row.try_get(1)?,
            title: row.try_get(2)?,
            title_ja: row.try_get(3)?,
            rule_revision: row.try_get(4)?,
            level: Level::of_name(&level).ok_or_else(|| damaged("an unknown level"))?,
            tactics: tactics.split(' ').filter_map(Tactic::of_name).collect(),
            state: parsed("detection", &id, &row.try_get::<String, _>(7)?)?,
            opened_at: at(8)?,
            first_at: at(9)?,
            last_at: at(10)?,
            alerts: row.try_get(11)?,
            devices: row.try_get(12)?,
            sample: AlertId::parse(&sample).map_err(|err| damaged(&err.to_string()))?,
            before: row.try_get(14)?,
            revision: row.try_get(15)?,
            id,
        })
    }

    /// Loads one for a change.
    pub(super) async fn load(writing: &mut Writing, id: &str) -> Result<Self, ControlError> {
        let sql = format!("SELECT {} FROM detection AS d WHERE d.id = $1", Self::COLUMNS);
        let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&mut **writing);
        match found.await? {
            Some(row) => Self::of_row(&row),
            None => Err(not_found(id)),
        }
    }

    /// Loads the one of a rule that is not closed.
    pub(super) async fn open_of(
        writing: &mut Writing,
        rule_id: &str,
    ) -> Result<Option<Self>, ControlError> {
        let sql = format!(
            "SELECT {} FROM detection AS d WHERE d.rule_id = $1 AND d.status <> 'closed'",
            Self::COLUMNS
        );
        let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(rule_id);
        found.fetch_optional(&mut **writing).await?.as_ref().map(Self::of_row).transpose()
    }

    /// The newest one of a rule, whatever its state.
    pub(super) async fn newest_of(
        writing: &mut Writing,
        rule_id: &str,
    ) -> Result<String, ControlError> {
        let found = sqlx::query(
            "SELECT id FROM detection WHERE rule_id = $1 ORDER BY opened_at DESC, id LIMIT 1",
        )
        .bind(rule_id)
        .fetch_optional(&mut **writing)
        .await?;
        Ok(found.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }

    pub(super) async fn insert(&self, writing: &mut Writing) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO detection (id, rule_id, title, title_ja, rule_revision, level, level_rank, tactics, state, \
             status, assignee_id, verdict, opened_at, first_at, last_at, alerts, devices, sample_alert, before_id, \
             revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', '', $11, $12, $13, $14, $15, $16, $17, $18)",
        )
        .bind(self.id.clone())
        .bind(self.rule_id.clone())
        .bind(self.title.clone())
        .bind(self.title_ja.clone())
        .bind(self.rule_revision.clone())
        .bind(self.level.name())
        .bind(rank(self.level))
        .bind(self.tactic_names())
        .bind(self.state_json()?)
        .bind(self.state.now.status.name())
        .bind(self.opened_at.nanos())
        .bind(self.first_at.nanos())
        .bind(self.last_at.nanos())
        .bind(self.alerts)
        .bind(self.devices)
        .bind(self.sample.to_string())
        .bind(self.before.clone())
        .bind(self.revision)
        .execute(&mut **writing)
        .await?;
        Ok(())
    }

    /// Writes what alerts change.
    pub(super) async fn save_counts(&self, writing: &mut Writing) -> Result<(), ControlError> {
        sqlx::query(
            "UPDATE detection SET title = $1, title_ja = $2, rule_revision = $3, level = $4, level_rank = $5, \
             tactics = $6, first_at = $7, last_at = $8, alerts = $9, devices = $10, sample_alert = $11 WHERE id = $12",
        )
        .bind(self.title.clone())
        .bind(self.title_ja.clone())
        .bind(self.rule_revision.clone())
        .bind(self.level.name())
        .bind(rank(self.level))
        .bind(self.tactic_names())
        .bind(self.first_at.nanos())
        .bind(self.last_at.nanos())
        .bind(self.alerts)
        .bind(self.devices)
        .bind(self.sample.to_string())
        .bind(self.id.clone())
        .execute(&mut **writing)
        .await?;
        Ok(())
    }

    /// Writes what people change.
    pub(super) async fn save_state(&self, writing: &mut Writing) -> Result<(), ControlError> {
        let standing = &self.state.now;
        sqlx::query(
            "UPDATE detection SET state = $1, status = $2, assignee_id = $3, verdict = $4, revision = $5 WHERE id = $6",
        )
        .bind(self.state_json()?)
        .bind(standing.status.name())
        .bind(standing.assignee.clone().unwrap_or_default())
        .bind(standing.verdict.map_or("", case::detection::Verdict::name))
        .bind(self.revision)
        .bind(self.id.clone())
        .execute(&mut **writing)
        .await?;
        Ok(())
    }

    fn tactic_names(&self) -> String {
        self.tactics.iter().map(|tactic| tactic.name()).collect::<Vec<_>>().join(" ")
    }

    fn state_json(&self) -> Result<String, ControlError> {
        let json = serde_json::to_string(&self.state).map_err(|err| ControlError::Corrupt {
            what: "detection",
            id: self.id.clone(),
            reason: err.to_string(),
        })?;
        Ok(storable(&json).into_owned())
    }
}

impl Control {
    /// Appends to a detection's history.
    pub(super) async fn note_step(
        &self,
        writing: &mut Writing,
        detection: &str,
        actor: &str,
        cause: &str,
        detail: &str,
    ) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO detection_event (detection_id, n, at, actor, cause, detail) \
             SELECT $1, COALESCE(MAX(n), 0) + 1, $2, $3, $4, $5 FROM detection_event WHERE detection_id = $6",
        )
        .bind(detection.to_owned())
        .bind(self.clock.now().nanos())
        .bind(actor.to_owned())
        .bind(cause.to_owned())
        .bind(storable(detail).into_owned())
        .bind(detection.to_owned())
        .execute(&mut **writing)
        .await?;
        Ok(())
    }
}

/// Orders levels, the most severe highest. Stored.
pub(super) const fn rank(level: Level) -> i64 {
    match level {
        Level::Informational => 0,
        Level::Low => 1,
        Level::Medium => 2,
        Level::High => 3,
        Level::Critical => 4,
    }
}

pub(super) fn not_found(id: &str) -> ControlError {
    ControlError::NotFound { what: "detection", id: id.chars().take(60).collect() }
}
