//! Risk of devices and users: written as alerts are folded, read with what contributes.

use super::came::Came;
use crate::batch::{self, Cell};
use crate::events::name_of;
use crate::limits::{RISK_PARTS_MAX, RISK_ROWS_MAX};
use crate::store::Writing;
use crate::view::detections::{RiskOf, RiskPart, RiskRow};
use crate::{Actor, Control, ControlError, Permission};
use case::risk::{Part, Score};
use model::{DeviceId, Level, Timestamp};
use sqlx::Row as _;
use std::collections::HashMap;

/// Whose risk, as stored: kind and entity.
type Key = (&'static str, String);

/// What alerts of one transaction change.
#[derive(Debug, Default)]
pub(super) struct Risks {
    scores: HashMap<Key, Score>,
    parts: HashMap<(Key, String), Part>,
}

impl Risks {
    /// Adds an alert to its device and its user.
    pub(super) async fn add(
        &mut self,
        writing: &mut Writing,
        detection: &str,
        alert: &Came,
    ) -> Result<(), ControlError> {
        let device = (RiskOf::Device.name(), alert.device.to_string());
        let user = alert.user.clone().map(|user| (RiskOf::User.name(), user));
        let at = alert.counted_at();
        for key in [Some(device), user].into_iter().flatten() {
            let place = (key.clone(), detection.to_owned());
            let part = match self.parts.get(&place) {
                Some(part) => *part,
                None => stored_part(writing, &key, detection, at).await?,
            };
            let score = match self.scores.get(&key) {
                Some(score) => *score,
                None => stored_score(writing, &key, at).await?,
            };
            self.scores.insert(key, score.plus(part.next_points(alert.level, at), at));
            self.parts.insert(place, part.plus(alert.level, at));
        }
        Ok(())
    }

    /// Writes everything. The detections are open, so all parts count.
    pub(super) async fn save(self, writing: &mut Writing) -> Result<(), ControlError> {
        let rows: Vec<Vec<Cell>> = self
            .parts
            .into_iter()
            .map(|(((kind, entity), detection), part)| {
                vec![
                    Cell::from(kind),
                    Cell::from(entity),
                    Cell::from(detection),
                    Cell::from(part.score.value),
                    Cell::from(part.score.at.nanos()),
                    Cell::from(i64::try_from(part.alerts).unwrap_or(i64::MAX)),
                    Cell::from(i64::from(part.repeats)),
                    Cell::from(part.last_at.nanos()),
                    Cell::from(true),
                ]
            })
            .collect();
        let head = "INSERT INTO risk_part (kind, entity, detection_id, score, at, alerts, repeats, last_at, counts)";
        let tail = "ON CONFLICT (kind, entity, detection_id) DO UPDATE SET score = excluded.score, at = excluded.at, \
             alerts = excluded.alerts, repeats = excluded.repeats, last_at = excluded.last_at";
        batch::insert(writing, head, &rows, tail).await?;
        save_scores(writing, self.scores).await
    }
}

async fn stored_part(
    writing: &mut Writing,
    (kind, entity): &Key,
    detection: &str,
    at: Timestamp,
) -> Result<Part, ControlError> {
    let found = sqlx::query(
        "SELECT score, at, alerts, repeats, last_at FROM risk_part \
         WHERE kind = $1 AND entity = $2 AND detection_id = $3",
    )
    .bind(*kind)
    .bind(entity.clone())
    .bind(detection.to_owned())
    .fetch_optional(&mut **writing)
    .await?;
    let Some(row) = found else { return Ok(Part::none(at)) };
    let time = |place: usize| row.try_get::<i64, _>(place).map(Timestamp::from_nanos);
    Ok(Part {
        score: Score { value: row.try_get(0)?, at: time(1)? },
        alerts: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0),
        repeats: u32::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0),
        last_at: time(4)?,
    })
}

async fn stored_score(
    writing: &mut Writing,
    (kind, entity): &Key,
    at: Timestamp,
) -> Result<Score, ControlError> {
    let found = sqlx::query("SELECT score, at FROM risk WHERE kind = $1 AND entity = $2")
        .bind(*kind)
        .bind(entity.clone())
        .fetch_optional(&mut **writing)
        .await?;
    let Some(row) = found else { return Ok(Score::zero(at)) };
    Ok(Score { value: row.try_get(0)?, at: Timestamp::from_nanos(row.try_get(1)?) })
}

async fn save_scores(
    writing: &mut Writing,
    scores: HashMap<Key, Score>,
) -> Result<(), ControlError> {
    let row = |((kind, entity), score): (Key, Score)| {
        let Score { value, at } = score;
        vec![
            Cell::from(kind),
            Cell::from(entity),
            Cell::from(value),
            Cell::from(at.nanos()),
            Cell::from(score.rank()),
        ]
    };
    let rows: Vec<Vec<Cell>> = scores.into_iter().map(row).collect();
    let head = "INSERT INTO risk (kind, entity, score, at, rank)";
    let tail = "ON CONFLICT (kind, entity) DO UPDATE SET score = excluded.score, at = excluded.at, rank = excluded.rank";
    batch::insert(writing, head, &rows, tail).await
}

/// The alerts of a detection count from now on, or no more: the scores of everybody whom it concerns are added up
/// again.
pub(super) async fn recount(
    writing: &mut Writing,
    detection: &str,
    counts: bool,
) -> Result<(), ControlError> {
    sqlx::query("UPDATE risk_part SET counts = $1 WHERE detection_id = $2")
        .bind(i64::from(counts))
        .bind(detection.to_owned())
        .execute(&mut **writing)
        .await?;
    let rows = sqlx::query(
        "SELECT p.kind, p.entity, p.score, p.at, p.counts FROM risk_part AS p JOIN risk_part AS mine \
         ON mine.kind = p.kind AND mine.entity = p.entity WHERE mine.detection_id = $1",
    )
    .bind(detection.to_owned())
    .fetch_all(&mut **writing)
    .await?;
    let mut scores: HashMap<Key, Score> = HashMap::new();
    for row in &rows {
        let kind: String = row.try_get(0)?;
        let of = if kind == RiskOf::User.name() { RiskOf::User } else { RiskOf::Device };
        let at = Timestamp::from_nanos(row.try_get(3)?);
        let score = scores.entry((of.name(), row.try_get(1)?)).or_insert(Score::zero(at));
        if row.try_get::<i64, _>(4)? != 0 {
            *score = score.plus(row.try_get(2)?, at);
        }
    }
    save_scores(writing, scores).await
}

impl Control {
    /// The riskiest devices or users, each with what contributes the most. Scores are those of now; what has faded
    /// to less than a tenth of a point is left out.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn risky(
        &self,
        actor: &Actor,
        of: RiskOf,
        rows_max: usize,
    ) -> Result<Vec<RiskRow>, ControlError> {
        self.require(actor, &[Permission::ReadAlerts], "risky").await?;
        let rows_max = i64::try_from(rows_max.min(RISK_ROWS_MAX)).unwrap_or(0);
        let rows = sqlx::query(
            "SELECT entity, score, at FROM risk WHERE kind = $1 AND score > 0 ORDER BY rank DESC, entity LIMIT $2",
        )
        .bind(of.name())
        .bind(rows_max)
        .fetch_all(self.store.pool())
        .await?;
        let names = self.device_names().await?;
        let now = self.clock.now();
        let mut risky = Vec::new();
        for row in &rows {
            let entity: String = row.try_get(0)?;
            let score =
                Score { value: row.try_get(1)?, at: Timestamp::from_nanos(row.try_get(2)?) };
            let score = score.at(now);
            if score < SHOWN_POINTS_MIN {
                break;
            }
            let name = match (of, DeviceId::parse(&entity)) {
                (RiskOf::Device, Ok(device)) => name_of(&names, device),
                _ => entity.clone(),
            };
            let parts = self.risk_parts(of, &entity).await?;
            risky.push(RiskRow { of, entity, name, score, parts });
        }
        Ok(risky)
    }

    /// The risk of one device or user; `None` when it has none.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn risk_of(
        &self,
        actor: &Actor,
        of: RiskOf,
        entity: &str,
    ) -> Result<Option<RiskRow>, ControlError> {
        self.require(actor, &[Permission::ReadAlerts], "risk_of").await?;
        let found = sqlx::query("SELECT score, at FROM risk WHERE kind = $1 AND entity = $2")
            .bind(of.name())
            .bind(entity.to_owned())
            .fetch_optional(self.store.pool())
            .await?;
        let Some(row) = found else { return Ok(None) };
        let score = Score { value: row.try_get(0)?, at: Timestamp::from_nanos(row.try_get(1)?) };
        let score = score.at(self.clock.now());
        let names = self.device_names().await?;
        let name = match (of, DeviceId::parse(entity)) {
            (RiskOf::Device, Ok(device)) => name_of(&names, device),
            _ => entity.to_owned(),
        };
        let parts = self.risk_parts(of, entity).await?;
        let row = RiskRow { of, entity: entity.to_owned(), name, score, parts };
        Ok(Some(row).filter(|row| row.score >= SHOWN_POINTS_MIN))
    }

    /// Every device's score of now, for a column of a list.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn device_risks(
        &self,
        actor: &Actor,
    ) -> Result<HashMap<DeviceId, f64>, ControlError> {
        self.require(actor, &[Permission::ReadAlerts], "device_risks").await?;
        let rows =
            sqlx::query("SELECT entity, score, at FROM risk WHERE kind = 'device' AND score > 0")
                .fetch_all(self.store.pool())
                .await?;
        let now = self.clock.now();
        let mut scores = HashMap::new();
        for row in &rows {
            let score =
                Score { value: row.try_get(1)?, at: Timestamp::from_nanos(row.try_get(2)?) };
            let device = DeviceId::parse(&row.try_get::<String, _>(0)?).ok();
            let score = score.at(now);
            scores
                .extend(device.filter(|_| score >= SHOWN_POINTS_MIN).map(|device| (device, score)));
        }
        Ok(scores)
    }

    async fn risk_parts(&self, of: RiskOf, entity: &str) -> Result<Vec<RiskPart>, ControlError> {
        let rows = sqlx::query(
            "SELECT p.detection_id, p.score, p.at, p.alerts, d.title, d.title_ja, d.level FROM risk_part AS p \
             JOIN detection AS d ON d.id = p.detection_id WHERE p.kind = $1 AND p.entity = $2 AND p.counts = 1",
        )
        .bind(of.name())
        .bind(entity.to_owned())
        .fetch_all(self.store.pool())
        .await?;
        let now = self.clock.now();
        let mut parts = Vec::with_capacity(rows.len());
        for row in &rows {
            let score =
                Score { value: row.try_get(1)?, at: Timestamp::from_nanos(row.try_get(2)?) };
            let level: String = row.try_get(6)?;
            parts.push(RiskPart {
                detection: row.try_get(0)?,
                title: row.try_get(4)?,
                title_ja: row.try_get(5)?,
                level: Level::of_name(&level).unwrap_or(Level::Low),
                alerts: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0),
                points: score.at(now),
            });
        }
        parts.sort_by(|left, right| right.points.total_cmp(&left.points));
        parts.retain(|part| part.points >= SHOWN_POINTS_MIN);
        parts.truncate(RISK_PARTS_MAX);
        Ok(parts)
    }
}

/// Less is not shown.
const SHOWN_POINTS_MIN: f64 = 0.1;
