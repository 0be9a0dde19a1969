//! Detections as they are shown.

use super::acts::workers;
use super::stored::{Stored, not_found, rank};
use crate::audit::{Action, Cause, Entry};
use crate::events::name_of;
use crate::limits::{DETECTION_ALERTS_SHOWN, DETECTION_DEVICES_SHOWN, DETECTION_STEPS_SHOWN};
use crate::scope::statement;
use crate::view::detections::{
    DetectionCounts, DetectionCursor, DetectionDevice, DetectionFilter, DetectionList,
    DetectionPage, DetectionRow, DetectionStep,
};
use crate::view::{AlertRow, PAGE_ROWS_MAX};
use crate::{Actor, Control, ControlError, Permission};
use case::detection::{Status, Verdict};
use model::{AlertId, DeviceId, Timestamp};
use serde_json::json;
use sqlx::Row as _;
use std::collections::HashMap;

impl Control {
    /// Lists detections: the most severe first, then the one with the newest alert.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn detections(
        &self,
        actor: &Actor,
        filter: &DetectionFilter,
    ) -> Result<DetectionList, ControlError> {
        self.require(actor, &[Permission::ReadAlerts], "detections").await?;
        self.detection_rows(actor.id(), filter, PAGE_ROWS_MAX).await
    }

    /// The same for somebody at the server itself.
    ///
    /// # Errors
    /// The store's.
    pub async fn detections_here(
        &self,
        filter: &DetectionFilter,
    ) -> Result<DetectionList, ControlError> {
        self.detection_rows("", filter, PAGE_ROWS_MAX).await
    }

    /// A page of detections of at most so many rows.
    pub(crate) async fn detection_rows(
        &self,
        person: &str,
        filter: &DetectionFilter,
        rows_max: usize,
    ) -> Result<DetectionList, ControlError> {
        let (condition, values) = condition(person, filter);
        let sql = format!(
            "SELECT {}, (SELECT v.device_id FROM detection_device AS v WHERE v.detection_id = d.id \
             ORDER BY v.last_at DESC, v.device_id LIMIT 1) FROM detection AS d WHERE {condition} \
             ORDER BY d.level_rank DESC, d.last_at DESC, d.id LIMIT {}",
            Stored::COLUMNS,
            rows_max + 1
        );
        let mut query = statement(sql);
        for value in values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Int(number) => query.bind(number),
            };
        }
        let found = query.fetch_all(self.store.pool()).await?;
        let names = self.device_names().await?;
        let people = self.names_of_people().await?;
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            let device: Option<String> = row.try_get(16)?;
            rows.push(shown(Stored::of_row(row)?, device.as_deref(), &names, &people));
        }
        let more = rows.len() > rows_max;
        rows.truncate(rows_max);
        let cursor = |row: &DetectionRow| DetectionCursor {
            level: row.level,
            last_at: row.last_at,
            id: row.id.clone(),
        };
        let next = rows.last().filter(|_| more).map(cursor);
        Ok(DetectionList { rows, next })
    }

    /// How many there are of each status.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn detection_counts(&self, actor: &Actor) -> Result<DetectionCounts, ControlError> {
        self.require(actor, &[Permission::ReadAlerts], "detection_counts").await?;
        let rows = sqlx::query(
            "SELECT status, COUNT(*), SUM(CASE WHEN assignee_id = $1 THEN 1 ELSE 0 END) FROM detection GROUP BY status",
        )
        .bind(actor.id().to_owned())
        .fetch_all(self.store.pool())
        .await?;
        let mut counts = DetectionCounts::default();
        for row in &rows {
            let status: String = row.try_get(0)?;
            let number = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
            match Status::of_name(&status) {
                Some(Status::New) => counts.new = number,
                Some(Status::InProgress) => {
                    counts.in_progress = number;
                    counts.mine = u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
                }
                Some(Status::Closed) => counts.closed = number,
                None => {}
            }
        }
        Ok(counts)
    }

    /// One detection with its devices, its newest alerts and its history. Opening it is in the audit chain.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn detection(&self, actor: &Actor, id: &str) -> Result<DetectionPage, ControlError> {
        self.require(actor, &[Permission::ReadAlerts], "detection").await?;
        let sql = format!("SELECT {} FROM detection AS d WHERE d.id = $1", Stored::COLUMNS);
        let found = statement(sql).bind(id.to_owned()).fetch_optional(self.store.pool()).await?;
        let stored = Stored::of_row(&found.ok_or_else(|| not_found(id))?)?;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::DetectionOpened,
            target: format!("detection {}", stored.id),
            detail: json!({ "rule": stored.rule_id }),
        })
        .await?;
        let names = self.device_names().await?;
        let people = self.names_of_people().await?;
        let devices = self.devices_of(&stored.id, &names).await?;
        let newest = devices.first().map(|one| one.device.to_string());
        let before = match stored.before.as_str() {
            "" => None,
            before => self.verdict_of(before).await?.map(|verdict| (before.to_owned(), verdict)),
        };
        let later = sqlx::query("SELECT id FROM detection WHERE before_id = $1")
            .bind(stored.id.clone())
            .fetch_optional(self.store.pool())
            .await?;
        let mut connection = self.store.pool().acquire().await?;
        Ok(DetectionPage {
            devices,
            alerts: self.alerts_of_detection(&stored, DETECTION_ALERTS_SHOWN).await?,
            history: self.detection_steps(&stored.id, &people).await?,
            before,
            later: later.map(|row| row.try_get(0)).transpose()?,
            people: workers(&mut connection).await?,
            row: shown(stored, newest.as_deref(), &names, &people),
        })
    }

    /// The detection that an alert is folded into; `None` for an informational one.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn detection_of_alert(
        &self,
        actor: &Actor,
        alert: AlertId,
    ) -> Result<Option<String>, ControlError> {
        self.require(actor, &[Permission::ReadAlerts], "detection_of_alert").await?;
        let found = sqlx::query("SELECT detection_id FROM detection_alert WHERE alert_id = $1")
            .bind(alert.to_string())
            .fetch_optional(self.store.pool())
            .await?;
        Ok(found.map(|row| row.try_get(0)).transpose()?)
    }

    /// Its newest alerts, from the lake; those that are not kept any more are left out.
    async fn alerts_of_detection(
        &self,
        stored: &Stored,
        rows_max: i64,
    ) -> Result<Vec<AlertRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT alert_id FROM detection_alert WHERE detection_id = $1 \
             ORDER BY observed_at DESC, detected_at DESC, alert_id LIMIT $2",
        )
        .bind(stored.id.clone())
        .bind(rows_max)
        .fetch_all(self.store.pool())
        .await?;
        let ids: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        // The lake has them under the times that the devices say, which may lie ahead.
        let from = stored.first_at;
        let mut found = self.alerts_of_ids(&ids, from, Timestamp::from_nanos(i64::MAX)).await?;
        found.sort_by_key(|row| ids.iter().position(|id| *id == row.id.to_string()));
        Ok(found)
    }

    async fn devices_of(
        &self,
        detection: &str,
        names: &HashMap<DeviceId, String>,
    ) -> Result<Vec<DetectionDevice>, ControlError> {
        let rows = sqlx::query(
            "SELECT device_id, alerts, first_at, last_at, sample_alert FROM detection_device \
             WHERE detection_id = $1 ORDER BY last_at DESC, device_id LIMIT $2",
        )
        .bind(detection.to_owned())
        .bind(DETECTION_DEVICES_SHOWN)
        .fetch_all(self.store.pool())
        .await?;
        let mut devices = Vec::with_capacity(rows.len());
        for row in &rows {
            let device = crate::enrol::stored_device(&row.try_get::<String, _>(0)?)?;
            let sample: String = row.try_get(4)?;
            let time = |place: usize| row.try_get::<i64, _>(place).map(Timestamp::from_nanos);
            devices.push(DetectionDevice {
                device,
                name: name_of(names, device),
                alerts: u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0),
                first_at: time(2)?,
                last_at: time(3)?,
                sample: AlertId::parse(&sample).map_err(|err| ControlError::Corrupt {
                    what: "detection",
                    id: detection.to_owned(),
                    reason: err.to_string(),
                })?,
            });
        }
        Ok(devices)
    }

    async fn detection_steps(
        &self,
        detection: &str,
        people: &HashMap<String, String>,
    ) -> Result<Vec<DetectionStep>, ControlError> {
        let rows = sqlx::query(
            "SELECT at, actor, cause, detail FROM detection_event WHERE detection_id = $1 ORDER BY n DESC LIMIT $2",
        )
        .bind(detection.to_owned())
        .bind(DETECTION_STEPS_SHOWN)
        .fetch_all(self.store.pool())
        .await?;
        let mut steps = Vec::with_capacity(rows.len());
        for row in &rows {
            let actor: String = row.try_get(1)?;
            steps.push(DetectionStep {
                at: Timestamp::from_nanos(row.try_get(0)?),
                actor: people.get(&actor).cloned().unwrap_or_default(),
                cause: row.try_get(2)?,
                detail: row.try_get(3)?,
            });
        }
        Ok(steps)
    }

    /// How a detection was judged; `None` when it was removed since.
    async fn verdict_of(&self, detection: &str) -> Result<Option<Option<Verdict>>, ControlError> {
        let found = sqlx::query("SELECT verdict FROM detection WHERE id = $1")
            .bind(detection.to_owned())
            .fetch_optional(self.store.pool())
            .await?;
        let name: Option<String> = found.map(|row| row.try_get(0)).transpose()?;
        Ok(name.map(|name| Verdict::of_name(&name)))
    }

    async fn names_of_people(&self) -> Result<HashMap<String, String>, ControlError> {
        let rows = sqlx::query("SELECT id, name FROM person").fetch_all(self.store.pool()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

enum Value {
    Text(String),
    Int(i64),
}

/// The condition on `detection AS d` and the values of its parameters.
fn condition(person: &str, filter: &DetectionFilter) -> (String, Vec<Value>) {
    let (mut all, mut values) = (vec!["1 = 1".to_owned()], Vec::new());
    let mut bind = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    match (filter.status, &filter.rule_id) {
        (Some(status), _) => {
            all.push(format!("d.status = {}", bind(Value::Text(status.name().to_owned()))));
        }
        (None, None) => all.push("d.status <> 'closed'".to_owned()),
        (None, Some(_)) => {}
    }
    if let Some(level) = filter.level_min {
        all.push(format!("d.level_rank >= {}", bind(Value::Int(rank(level)))));
    }
    if let Some(rule) = &filter.rule_id {
        all.push(format!("d.rule_id = {}", bind(Value::Text(rule.clone()))));
    }
    if let Some(device) = filter.device {
        let device = bind(Value::Text(device.to_string()));
        all.push(format!(
            "d.id IN (SELECT v.detection_id FROM detection_device AS v WHERE v.device_id = {device})"
        ));
    }
    if let Some(since) = filter.since {
        all.push(format!("d.last_at >= {}", bind(Value::Int(since.nanos()))));
    }
    if filter.mine {
        all.push(format!("d.assignee_id = {}", bind(Value::Text(person.to_owned()))));
    }
    if let Some(after) = &filter.after {
        let (level, at) = (rank(after.level), after.last_at.nanos());
        let (level, again) = (bind(Value::Int(level)), bind(Value::Int(level)));
        let (at, at_again) = (bind(Value::Int(at)), bind(Value::Int(at)));
        let id = bind(Value::Text(after.id.clone()));
        all.push(format!(
            "(d.level_rank < {level} OR d.level_rank = {again} AND (d.last_at < {at} \
             OR d.last_at = {at_again} AND d.id > {id}))"
        ));
    }
    (all.join(" AND "), values)
}

fn shown(
    stored: Stored,
    device: Option<&str>,
    names: &HashMap<DeviceId, String>,
    people: &HashMap<String, String>,
) -> DetectionRow {
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let device = device.and_then(|device| DeviceId::parse(device).ok());
    let assignee = stored.state.now.assignee.as_ref().and_then(|id| people.get(id));
    DetectionRow {
        assignee: assignee.cloned().unwrap_or_default(),
        device_name: device.map(|device| name_of(names, device)).unwrap_or_default(),
        id: stored.id,
        rule_id: stored.rule_id,
        title: stored.title,
        title_ja: stored.title_ja,
        level: stored.level,
        tactics: stored.tactics,
        state: stored.state,
        opened_at: stored.opened_at,
        first_at: stored.first_at,
        last_at: stored.last_at,
        alerts: count(stored.alerts),
        devices: count(stored.devices),
        sample: stored.sample,
        revision: stored.revision,
    }
}
