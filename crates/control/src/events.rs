//! Events as rows: one page of several families merged, and one event by its key.

use crate::audit::{Action, Cause, Entry};
use crate::limits::ALERTS_OF_PAGE_MAX;
use crate::predicate::{NEWEST_FIRST, quoted, seq_parameter};
use crate::rows::{Cells, Parameters, rows_of, shown};
use crate::view::EventRow;
use crate::{Actor, Control, ControlError, Permission};
use model::registry::{self, FieldSpec};
use model::{AlertId, DeviceId, Family, StreamKey, Value};
use serde_json::json;
use std::collections::HashMap;

impl Control {
    /// One event, with its original record.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or [`ControlError::NotFound`] when there is none of this key.
    pub async fn event(&self, actor: &Actor, key: StreamKey) -> Result<EventRow, ControlError> {
        self.require(actor, &[Permission::ReadEvents], "event").await?;
        let target = format!("event {}/{}/{}", key.agent, key.epoch, key.seq);
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::EventOpened,
            target: target.clone(),
            detail: json!({}),
        })
        .await?;
        let mut parameters = Parameters::default();
        let here = format!(
            "agent = {} AND epoch = {} AND seq = {}",
            parameters.bind(key.agent.to_string()),
            parameters.bind(key.epoch.to_string()),
            parameters.bind(seq_parameter(key.seq))
        );
        let sql = Family::ALL
            .map(|family| {
                format!(
                    "SELECT '{0}' AS family FROM {1} WHERE {here}",
                    family.table(),
                    table(family)
                )
            })
            .join(" UNION ALL ");
        let found = self.lake.query_with(&sql, parameters.values(), 1).await?;
        let missing = || ControlError::NotFound { what: "event", id: target.clone() };
        let mut row = rows_of(&found, "event").next().ok_or_else(missing)?;
        let family = row.text()?;
        let family = Family::of_table(&family).ok_or_else(|| row.damaged("an unknown table"))?;

        let sql = format!("SELECT {}, raw FROM {} WHERE {here}", columns(family), table(family));
        let found = self.lake.query_with(&sql, parameters.values(), 1).await?;
        let mut cells = rows_of(&found, "event").next().ok_or_else(missing)?;
        let mut event = event_row(&mut cells, family)?;
        event.raw = cells.maybe_text()?.map(std::borrow::Cow::into_owned);
        let mut events = [event];
        self.complete(&mut events).await?;
        let [event] = events;
        Ok(event)
    }

    /// The newest events of a family's table for which a condition holds, with whether there are more.
    pub(crate) async fn newest_events(
        &self,
        family: Family,
        condition: &str,
        parameters: &Parameters,
        rows_max: usize,
    ) -> Result<(Vec<EventRow>, bool), ControlError> {
        let sql = format!(
            "SELECT {} FROM {} WHERE {condition} ORDER BY {NEWEST_FIRST} LIMIT {}",
            columns(family),
            table(family),
            rows_max + 1
        );
        let found = self.lake.query_with(&sql, parameters.values(), rows_max).await?;
        let rows = rows_of(&found, "event")
            .map(|mut cells| event_row(&mut cells, family))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((rows, found.truncated))
    }

    /// Adds to events what is not in their own row: the device's name and the alerts.
    pub(crate) async fn complete(&self, events: &mut [EventRow]) -> Result<(), ControlError> {
        if events.is_empty() {
            return Ok(());
        }
        let names = self.device_names().await?;
        let alerts = self.alerts_of(events).await?;
        for event in events {
            event.device_name = name_of(&names, event.device);
            event.alerts = alerts.get(&event.key).cloned().unwrap_or_default();
        }
        Ok(())
    }

    async fn alerts_of(
        &self,
        events: &[EventRow],
    ) -> Result<HashMap<StreamKey, Vec<AlertId>>, ControlError> {
        let times = || events.iter().map(|event| event.observed_at);
        let (Some(first), Some(last)) = (times().min(), times().max()) else {
            return Ok(HashMap::new());
        };
        let mut parameters = Parameters::default();
        let sql = format!(
            "SELECT agent, epoch, seq, id FROM alert WHERE observed_at >= {} AND observed_at <= {} \
             ORDER BY observed_at DESC, level_rank DESC, id",
            parameters.bind_time(first),
            parameters.bind_time(last)
        );
        let found = self.lake.query_with(&sql, parameters.values(), ALERTS_OF_PAGE_MAX).await?;
        if found.truncated {
            tracing::warn!(
                alerts_max = ALERTS_OF_PAGE_MAX,
                "too many alerts in the time of a page; some events are shown without theirs"
            );
        }
        let mut alerts: HashMap<StreamKey, Vec<AlertId>> = HashMap::new();
        for mut cells in rows_of(&found, "alert") {
            let key = cells.stream()?;
            alerts.entry(key).or_default().push(cells.alert()?);
        }
        Ok(alerts)
    }
}

/// The name of a device; one that was never enrolled (an import) is named by its identifier.
pub(crate) fn name_of(names: &HashMap<DeviceId, String>, device: DeviceId) -> String {
    names.get(&device).cloned().unwrap_or_else(|| device.to_string())
}

/// A family's table as SQL names it.
pub(crate) fn table(family: Family) -> String {
    quoted(family.table())
}

fn columns(family: Family) -> String {
    let mut columns: Vec<String> = EVENT_COLUMNS.map(str::to_owned).to_vec();
    columns.extend(registry::fields_of(family).map(|field| quoted(field.column)));
    columns.push("extra".to_owned());
    columns.join(", ")
}

fn event_row(cells: &mut Cells<'_>, family: Family) -> Result<EventRow, ControlError> {
    let device = cells.device()?;
    let key = cells.stream()?;
    let kind = cells.kind()?;
    let observed_at = cells.time_ns()?;
    let received_at = cells.time()?;
    let mut fields = Vec::new();
    for field in registry::fields_of(family) {
        if let Some(text) = shown(cells.value()?) {
            fields.push((field.sigma.to_owned(), text));
        }
    }
    push_extra(cells.value()?, family, &mut fields);
    Ok(EventRow {
        key,
        kind,
        device,
        device_name: String::new(),
        observed_at,
        received_at,
        fields,
        alerts: Vec::new(),
        raw: None,
    })
}

/// Fields without a column follow; a registry field whose value had another type takes its place.
fn push_extra(extra: &Value, family: Family, fields: &mut Vec<(String, String)>) {
    let Value::Map(pairs) = extra else { return };
    for (name, value) in pairs {
        let Some(text) = shown(value) else { continue };
        if fields.iter().any(|(known, _)| known == name) {
            continue;
        }
        let order = |sigma: &str| registry_place(family, sigma);
        let place = match order(name) {
            None => fields.len(),
            Some(own) => fields
                .iter()
                .position(|(known, _)| order(known).is_none_or(|other| other > own))
                .unwrap_or(fields.len()),
        };
        fields.insert(place, (name.clone(), text));
    }
}

fn registry_place(family: Family, sigma: &str) -> Option<usize> {
    registry::fields_of(family).position(|field: &FieldSpec| field.sigma == sigma)
}

const EVENT_COLUMNS: [&str; 8] =
    ["device", "agent", "epoch", "seq", "kind", "observed_at", "observed_ns", "received_at"];
