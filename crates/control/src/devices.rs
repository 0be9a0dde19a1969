//! Devices: the list, and one with its streams, gaps, alerts and events.

use crate::audit::{Action, Cause, Entry};
use crate::enrol::{stored_agent, stored_device};
use crate::limits::{LOST_ROWS_MAX, SUM_ROWS_MAX};
use crate::predicate::Checked;
use crate::rows::{Parameters, rows_of};
use crate::scope::{Scope, statement};
use crate::view::{
    AlertFilter, Cursor, DevicePage, DeviceRow, PAGE_ROWS_MAX, SearchQuery, TimeRange,
};
use crate::{Actor, Control, ControlError, Permission};
use model::{AgentId, DeviceId, EventKind, Timestamp};
use serde_json::json;
use sqlx::Row;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

impl Control {
    /// Every enrolled device, the one seen last first.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the lake's.
    pub async fn devices(&self, actor: &Actor) -> Result<Vec<DeviceRow>, ControlError> {
        self.require(actor, &[Permission::ReadDevices], "devices").await?;
        self.device_rows(&actor.scope(Permission::ReadDevices), None).await
    }

    /// One device with a part of its story. Opening it is in the audit chain.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], or
    /// [`ControlError::BadQuery`] for an empty range.
    pub async fn device(
        &self,
        actor: &Actor,
        device: DeviceId,
        range: TimeRange,
        after: Option<Cursor>,
    ) -> Result<DevicePage, ControlError> {
        let wanted = [Permission::ReadDevices, Permission::ReadEvents, Permission::ReadAlerts];
        self.require(actor, &wanted, "device").await?;
        let query = SearchQuery {
            families: Vec::new(),
            range,
            device: Some(device),
            filters: Vec::new(),
            words: Vec::new(),
            after,
        };
        let checked = Checked::new(&query)?;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::DeviceOpened,
            target: format!("device {device}"),
            detail: json!({ "from": range.from.to_string(), "to": range.to.to_string() }),
        })
        .await?;
        let row = self
            .device_rows(&actor.scope(Permission::ReadDevices), Some(device))
            .await?
            .pop()
            .ok_or_else(|| ControlError::NotFound { what: "device", id: device.to_string() })?;
        let agents = self.agents_of(device).await?;
        let mut streams = self.stream_sums().await?;
        streams.retain(|sums| agents.contains(&sums.agent));
        let filter =
            AlertFilter { device: Some(device), range: Some(range), ..AlertFilter::default() };
        Ok(DevicePage {
            device: row,
            streams,
            classes: self.newest_counters(Some(device), None).await?,
            lost: self.lost_rows(Some(device), Some(range), LOST_ROWS_MAX).await?,
            alerts: self.alert_list(&filter, PAGE_ROWS_MAX).await?.rows,
            timeline: self.search_page(&checked, &query).await?,
        })
    }

    /// Devices with their present agent, the one seen last first.
    pub(crate) async fn device_rows(
        &self,
        scope: &Scope,
        only: Option<DeviceId>,
    ) -> Result<Vec<DeviceRow>, ControlError> {
        let condition = scope.on_device("device", 2);
        let sql = format!(
            "SELECT device.id, device.name, agent.id, device.enrolled_at FROM device \
             JOIN agent ON agent.device_id = device.id \
             WHERE agent.retired_at IS NULL AND (device.id = $1 OR $1 IS NULL) AND {}",
            condition.sql
        );
        let rows = condition
            .bind(statement(sql).bind(only.map(|device| device.to_string())))
            .fetch_all(self.store.pool())
            .await?;
        let seen = self.last_seen(only).await?;
        let mut not_recorded = self.not_recorded(only).await?;
        let mut devices = Vec::with_capacity(rows.len());
        for row in rows {
            let id = stored_device(&row.try_get::<String, _>(0)?)?;
            let said = not_recorded.remove(&id).unwrap_or_default();
            devices.push(DeviceRow {
                id,
                name: row.try_get(1)?,
                agent: stored_agent(&row.try_get::<String, _>(2)?)?,
                enrolled_at: Timestamp::from_nanos(row.try_get(3)?),
                last_seen_at: seen.get(&id).copied(),
                not_recorded: said.en,
                not_recorded_ja: said.ja,
            });
        }
        devices.sort_by_key(|device| Reverse((device.last_seen_at, device.enrolled_at)));
        Ok(devices)
    }

    /// The names of all devices.
    pub(crate) async fn device_names(&self) -> Result<HashMap<DeviceId, String>, ControlError> {
        let rows = sqlx::query("SELECT id, name FROM device").fetch_all(self.store.pool()).await?;
        let mut names = HashMap::with_capacity(rows.len());
        for row in rows {
            names.insert(stored_device(&row.try_get::<String, _>(0)?)?, row.try_get(1)?);
        }
        Ok(names)
    }

    /// Every agent that ever watched a device.
    async fn agents_of(&self, device: DeviceId) -> Result<HashSet<AgentId>, ControlError> {
        let rows = sqlx::query("SELECT id FROM agent WHERE device_id = $1")
            .bind(device.to_string())
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(|row| stored_agent(&row.try_get::<String, _>(0)?)).collect()
    }

    /// When each device's newest report arrived. An agent reports every few seconds in the order of its
    /// stream, so its own small table answers for all of them.
    async fn last_seen(
        &self,
        only: Option<DeviceId>,
    ) -> Result<HashMap<DeviceId, Timestamp>, ControlError> {
        let mut parameters = Parameters::default();
        let device = device_sql(only, &mut parameters);
        let sql =
            format!("SELECT device, max(received_at) FROM agent WHERE {device} GROUP BY device");
        let found = self.lake.query_with(&sql, parameters.values(), SUM_ROWS_MAX).await?;
        let mut seen = HashMap::new();
        for mut cells in rows_of(&found, "agent report") {
            seen.insert(cells.device()?, cells.time()?);
        }
        Ok(seen)
    }

    async fn not_recorded(
        &self,
        only: Option<DeviceId>,
    ) -> Result<HashMap<DeviceId, NotRecorded>, ControlError> {
        let mut parameters = Parameters::default();
        let device = device_sql(only, &mut parameters);
        let sql = format!(
            "SELECT device, not_recorded, not_recorded_ja FROM (SELECT device, not_recorded, \
             not_recorded_ja, ROW_NUMBER() OVER \
             (PARTITION BY device ORDER BY received_at DESC, seq DESC) AS place FROM agent \
             WHERE kind = '{}' AND {device}) AS starts WHERE place = 1",
            EventKind::AgentStart.name()
        );
        let found = self.lake.query_with(&sql, parameters.values(), SUM_ROWS_MAX).await?;
        let mut words = HashMap::new();
        for mut cells in rows_of(&found, "agent report") {
            let device = cells.device()?;
            let en = cells.maybe_text()?.unwrap_or_default().into_owned();
            let ja = cells.maybe_text()?.unwrap_or_default().into_owned();
            words.insert(device, NotRecorded { en, ja });
        }
        Ok(words)
    }
}

/// What an agent says it does not record.
#[derive(Default)]
struct NotRecorded {
    en: String,
    ja: String,
}

/// "Of this device", or of any.
pub(crate) fn device_sql(only: Option<DeviceId>, parameters: &mut Parameters) -> String {
    only.map_or_else(
        || "TRUE".to_owned(),
        |device| format!("device = {}", parameters.bind(device.to_string())),
    )
}
