//! Alerts: the list, and one with everything that explains it.

use crate::audit::{Action, Cause, Entry};
use crate::events::name_of;
use crate::limits::{ALERTS_OF_PAGE_MAX, DAY_NS};
use crate::predicate::{NEWEST_FIRST, after_sql, seq_parameter};
use crate::rows::{Cells, Parameters, rows_of};
use crate::view::{AlertFilter, AlertList, AlertPage, AlertRow, Cursor, PAGE_ROWS_MAX};
use crate::{Actor, Control, ControlError, Permission};
use lake::Lake;
use model::{Alert, AlertId, DeviceId, Level, StreamKey, Timestamp};
use serde_json::json;
use std::collections::HashMap;

impl Control {
    /// Lists alerts, newest first. The alerts of one event are never split between two pages.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the lake's.
    pub async fn alerts(
        &self,
        actor: &Actor,
        filter: &AlertFilter,
    ) -> Result<AlertList, ControlError> {
        self.require(actor, &[Permission::ReadAlerts], "alerts").await?;
        self.alert_list(filter, PAGE_ROWS_MAX).await
    }

    /// One alert with its process's ancestors and how often its rule matches. Opening it is in the
    /// audit chain.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or [`ControlError::NotFound`].
    pub async fn alert(&self, actor: &Actor, id: AlertId) -> Result<AlertPage, ControlError> {
        let wanted = [Permission::ReadAlerts, Permission::ReadEvents];
        self.require(actor, &wanted, "alert").await?;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::AlertOpened,
            target: format!("alert {id}"),
            detail: json!({}),
        })
        .await?;
        let verified =
            crate::verify::verify_alert(&self.lake, id, &self.rule_lists().await?).await?;
        let (verdicts, alert) = (verified.verdicts(), verified.alert);
        let names = self.device_names().await?;
        let ancestors = self.ancestors(&alert).await?;
        let (rule_matches_30d, rule_devices_30d) = self.rule_counts(&alert).await?;
        Ok(AlertPage {
            device_name: name_of(&names, alert.device),
            ancestors,
            rule_matches_30d,
            rule_devices_30d,
            sentences: crate::sentences(&alert),
            verdicts,
            detection: self.detection_of_alert(actor, id).await?,
            alert,
        })
    }

    /// A page of alerts of about `rows_wanted` rows.
    pub(crate) async fn alert_list(
        &self,
        filter: &AlertFilter,
        rows_wanted: usize,
    ) -> Result<AlertList, ControlError> {
        let names = self.device_names().await?;
        let mut parameters = Parameters::default();
        let condition = filter_sql(filter, &mut parameters);
        let (mut rows, more) =
            self.alert_rows(&condition, &parameters, rows_wanted, &names).await?;
        let mut next = None;
        if more {
            // The last event may have more alerts than were read: they belong on one page, because the
            // place in the list is the event's and not the alert's.
            let last = rows.last().map(place);
            let begins = rows.iter().position(|row| Some(place(row)) == last).unwrap_or(0);
            if begins > 0 {
                rows.truncate(begins);
            } else if let Some((_, key)) = last {
                let mut parameters = Parameters::default();
                let condition = format!(
                    "{} AND {}",
                    filter_sql(filter, &mut parameters),
                    event_sql(key, &mut parameters)
                );
                (rows, _) =
                    self.alert_rows(&condition, &parameters, ALERTS_OF_PAGE_MAX, &names).await?;
            }
            next = rows.last().map(|row| Cursor { at: row.observed_at, key: row.stream });
        }
        Ok(AlertList { rows, next })
    }

    pub(crate) async fn alert_rows(
        &self,
        condition: &str,
        parameters: &Parameters,
        rows_max: usize,
        names: &HashMap<DeviceId, String>,
    ) -> Result<(Vec<AlertRow>, bool), ControlError> {
        let sql = format!(
            "SELECT {LIST_COLUMNS} FROM alert WHERE {condition} \
             ORDER BY {NEWEST_FIRST}, level_rank DESC, id LIMIT {}",
            rows_max + 1
        );
        let found = self.lake.query_with(&sql, parameters.values(), rows_max).await?;
        let rows = rows_of(&found, "alert")
            .map(|mut cells| alert_row(&mut cells, names))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((rows, found.truncated))
    }

    /// Alerts by their identifiers, newest first, that were observed between two instants.
    pub(crate) async fn alerts_of_ids(
        &self,
        ids: &[String],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<AlertRow>, ControlError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let names = self.device_names().await?;
        let mut parameters = Parameters::default();
        let ids: Vec<String> = ids.iter().map(|id| parameters.bind(id.as_str())).collect();
        let condition = format!(
            "id IN ({}) AND observed_at >= {} AND observed_at <= {}",
            ids.join(", "),
            parameters.bind_time(from),
            parameters.bind_time(to)
        );
        let (rows, _) = self.alert_rows(&condition, &parameters, ids.len(), &names).await?;
        Ok(rows)
    }

    async fn rule_counts(&self, alert: &Alert) -> Result<(u64, u64), ControlError> {
        let mut parameters = Parameters::default();
        let sql = format!(
            "SELECT count(*), count(DISTINCT device) FROM alert \
             WHERE rule_id = {} AND observed_at > {} AND observed_at <= {}",
            parameters.bind(alert.rule_id.as_str()),
            parameters.bind_time(alert.observed_at.plus_nanos(-COUNTED_DAYS * DAY_NS)),
            parameters.bind_time(alert.observed_at)
        );
        let found = self.lake.query_with(&sql, parameters.values(), 1).await?;
        let Some(mut cells) = rows_of(&found, "count").next() else { return Ok((0, 0)) };
        Ok((cells.count()?, cells.count()?))
    }
}

/// An alert as the lake keeps it.
pub(crate) async fn stored_alert(lake: &Lake, id: AlertId) -> Result<Alert, ControlError> {
    let mut parameters = Parameters::default();
    let sql = format!(
        "SELECT rule_id, rule_title, rule_revision, level, device, agent, epoch, seq, kind, \
         observed_at, observed_ns, detected_at, detected_ns, why, fields, rule_text \
         FROM alert WHERE id = {}",
        parameters.bind(id.to_string())
    );
    let found = lake.query_with(&sql, parameters.values(), 1).await?;
    let mut cells = rows_of(&found, "alert")
        .next()
        .ok_or_else(|| ControlError::NotFound { what: "alert", id: id.to_string() })?;
    let alert = Alert {
        id,
        rule_id: cells.text()?.into_owned(),
        rule_title: cells.text()?.into_owned(),
        rule_revision: cells.text()?.into_owned(),
        level: cells.level()?,
        device: cells.device()?,
        stream: cells.stream()?,
        kind: cells.kind()?,
        observed_at: cells.time_ns()?,
        detected_at: cells.time_ns()?,
        why: serde_json::from_str(&cells.text()?).map_err(|err| damaged(&cells, &err))?,
        fields: serde_json::from_str(&cells.text()?).map_err(|err| damaged(&cells, &err))?,
        rule_text: cells.text()?.into_owned(),
    };
    Ok(alert)
}

fn filter_sql(filter: &AlertFilter, parameters: &mut Parameters) -> String {
    let mut all = vec!["TRUE".to_owned()];
    if let Some(level) = filter.level_min {
        let names: Vec<String> = LEVELS
            .into_iter()
            .filter(|known| *known >= level)
            .map(|known| format!("'{}'", known.name()))
            .collect();
        all.push(format!("level IN ({})", names.join(", ")));
    }
    if let Some(device) = filter.device {
        all.push(format!("device = {}", parameters.bind(device.to_string())));
    }
    if let Some(rule) = &filter.rule_id {
        all.push(format!("rule_id = {}", parameters.bind(rule.as_str())));
    }
    if let Some(range) = filter.range {
        all.push(format!("observed_at >= {}", parameters.bind_time(range.from)));
        all.push(format!("observed_at < {}", parameters.bind_time(range.to)));
    }
    if let Some(after) = filter.after {
        all.push(after_sql(after, parameters));
    }
    all.join(" AND ")
}

fn event_sql(key: StreamKey, parameters: &mut Parameters) -> String {
    format!(
        "agent = {} AND epoch = {} AND seq = {}",
        parameters.bind(key.agent.to_string()),
        parameters.bind(key.epoch.to_string()),
        parameters.bind(seq_parameter(key.seq))
    )
}

fn alert_row(
    cells: &mut Cells<'_>,
    names: &HashMap<DeviceId, String>,
) -> Result<AlertRow, ControlError> {
    let id = cells.alert()?;
    let rule_id = cells.text()?.into_owned();
    let rule_title = cells.text()?.into_owned();
    let level = cells.level()?;
    let device = cells.device()?;
    Ok(AlertRow {
        id,
        rule_id,
        rule_title,
        level,
        device,
        device_name: name_of(names, device),
        stream: cells.stream()?,
        kind: cells.kind()?,
        observed_at: cells.time_ns()?,
        image: cells.maybe_text()?.map(std::borrow::Cow::into_owned),
        command_line: cells.maybe_text()?.map(std::borrow::Cow::into_owned),
        user: cells.maybe_text()?.map(std::borrow::Cow::into_owned),
        rule_text: cells.text()?.into_owned(),
        fields: serde_json::from_str(&cells.text()?).map_err(|err| damaged(cells, &err))?,
    })
}

fn place(row: &AlertRow) -> (Timestamp, StreamKey) {
    (row.observed_at, row.stream)
}

fn damaged(cells: &Cells<'_>, err: &serde_json::Error) -> ControlError {
    cells.damaged(&err.to_string())
}

/// Every level, the most severe first.
pub(crate) const LEVELS: [Level; 5] =
    [Level::Critical, Level::High, Level::Medium, Level::Low, Level::Informational];
const COUNTED_DAYS: i64 = 30;
const LIST_COLUMNS: &str = "id, rule_id, rule_title, level, device, agent, epoch, seq, kind, observed_at, \
     observed_ns, image, command_line, \"user\", rule_text, fields";
