//! An attack as a story: alerts and the events around their processes in order of time, in stages by the tactics
//! that the rules name.
//!
//! A stage begins with an alert whose rule does not name the tactic of the stage before; events without an alert
//! belong to the stage in which they happen. What leads up to the first alert belongs to its stage.
//!
//! Shown are every alert of level low and above, and of the processes that alerts name: their start, what they
//! started, and which connections, files, registry keys and logons they made.

use crate::audit::{Action, Cause, Entry};
use crate::limits::{
    TIMELINE_ALERTS_MAX, TIMELINE_EVENTS_MAX, TIMELINE_NS_MAX, TIMELINE_PROCESSES_MAX,
    TIMELINE_STREAMS_MAX,
};
use crate::rows::{Parameters, rows_of};
use crate::view::detections::{Timeline, TimelineEntry, TimelineStage};
use crate::view::{AlertRow, EventRow, TimeRange};
use crate::{Actor, Control, ControlError, Permission, QueryFault};
use model::{DeviceId, EventKind, Family, Fields, StreamKey, Tactic, Timestamp};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

impl Control {
    /// The story of some devices, or of all that have alerts, in an interval of at most seven days. Reading it is in
    /// the audit chain.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::BadQuery`] for an interval that is empty, or the lake's.
    pub async fn timeline(
        &self,
        actor: &Actor,
        devices: &[DeviceId],
        range: TimeRange,
    ) -> Result<Timeline, ControlError> {
        let wanted = [Permission::ReadAlerts, Permission::ReadEvents];
        self.require(actor, &wanted, "timeline").await?;
        if range.from >= range.to {
            return Err(ControlError::BadQuery(QueryFault::RangeEmpty));
        }
        let from = range.from.max(range.to.plus_nanos(-TIMELINE_NS_MAX));
        let range = TimeRange { from, to: range.to };
        let names: Vec<String> = devices.iter().map(ToString::to_string).collect();
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::TimelineOpened,
            target: "timeline".to_owned(),
            detail: json!({ "devices": names, "from": from.to_string(), "to": range.to.to_string() }),
        })
        .await?;
        self.story(devices, range).await
    }

    async fn story(
        &self,
        devices: &[DeviceId],
        range: TimeRange,
    ) -> Result<Timeline, ControlError> {
        let names = self.device_names().await?;
        let (place, parameters) = place_of(devices, range);
        let told = format!("{place} AND level <> 'informational'");
        let (mut alerts, mut truncated) =
            self.alert_rows(&told, &parameters, TIMELINE_ALERTS_MAX, &names).await?;
        // What does not fit is told by a timeline of its own, from where this one begins.
        let cut = if truncated { cut_of(&alerts, range) } else { None };
        let (range, earlier) = match cut {
            None => (range, None),
            Some(cut) => {
                truncated = false;
                alerts.retain(|alert| alert.observed_at >= cut);
                let earlier = TimeRange { from: range.from, to: cut };
                (TimeRange { from: cut, to: range.to }, Some(earlier))
            }
        };
        let (place, parameters) = place_of(devices, range);
        let told = format!("{place} AND level <> 'informational'");
        let processes = self.processes_of_alerts(&told, &parameters).await?;
        let mut events = Vec::new();
        for family in SHOWN {
            // The events of the alerts are asked for apart: however much their processes did, none is missing.
            let mut own = parameters.clone();
            if let Some(condition) = of_alerts(family, &alerts, &mut own) {
                let condition = format!("{place} AND ({condition})");
                let found =
                    self.newest_events(family, &condition, &own, TIMELINE_ALERTS_MAX).await?;
                events.extend(found.0);
            }
            let mut own = parameters.clone();
            if let Some(condition) = of_processes(family, &processes, &mut own) {
                let condition = format!("{place} AND {condition}");
                let (found, more) =
                    self.newest_events(family, &condition, &own, TIMELINE_EVENTS_MAX).await?;
                truncated |= more;
                events.extend(found);
            }
        }
        self.complete(&mut events).await?;
        Ok(Timeline { range, stages: stages(entries(alerts, events)), truncated, earlier })
    }

    /// The identities of the processes that alerts name.
    async fn processes_of_alerts(
        &self,
        condition: &str,
        parameters: &Parameters,
    ) -> Result<BTreeSet<String>, ControlError> {
        let sql = format!(
            "SELECT fields FROM alert WHERE {condition} ORDER BY level_rank DESC, observed_at DESC LIMIT {TIMELINE_ALERTS_MAX}"
        );
        let found = self.lake.query_with(&sql, parameters.values(), TIMELINE_ALERTS_MAX).await?;
        let mut processes = BTreeSet::new();
        for mut cells in rows_of(&found, "alert") {
            let fields: Fields = serde_json::from_str(&cells.text()?)
                .map_err(|err| cells.damaged(&err.to_string()))?;
            for name in ["ProcessGuid", "ParentProcessGuid", "SourceProcessGUID"] {
                let guid = fields.text(name).filter(|guid| !guid.is_empty());
                if processes.len() < TIMELINE_PROCESSES_MAX {
                    processes.extend(guid.map(ToOwned::to_owned));
                }
            }
        }
        Ok(processes)
    }
}

/// The condition on a table of the lake for some devices, or all, in an interval.
fn place_of(devices: &[DeviceId], range: TimeRange) -> (String, Parameters) {
    let mut parameters = Parameters::default();
    let mut place = vec![
        format!("observed_at >= {}", parameters.bind_time(range.from)),
        format!("observed_at < {}", parameters.bind_time(range.to)),
    ];
    if !devices.is_empty() {
        let ids: Vec<String> =
            devices.iter().map(|device| parameters.bind(device.to_string())).collect();
        place.push(format!("device IN ({})", ids.join(", ")));
    }
    (place.join(" AND "), parameters)
}

/// Where the newest alerts, which come first, are cut, so that no alert stands on both sides and none is left out: after
/// the instant of the oldest, of which others may be missing. The lake tells instants apart by microseconds. `None`:
/// all of them are of one instant.
fn cut_of(alerts: &[AlertRow], range: TimeRange) -> Option<Timestamp> {
    let oldest = alerts.last()?.observed_at.micros();
    let cut = Timestamp::from_micros(oldest.saturating_add(1));
    let newest = alerts.first()?.observed_at;
    (newest >= cut && cut > range.from && cut < range.to).then_some(cut)
}

/// Which events of a family say what the processes of alerts did. `None` when there can be none.
fn of_processes(
    family: Family,
    processes: &BTreeSet<String>,
    parameters: &mut Parameters,
) -> Option<String> {
    let kinds: Vec<String> =
        kinds(family).iter().map(|kind| format!("'{}'", kind.name())).collect();
    if processes.is_empty() || kinds.is_empty() {
        return None;
    }
    let guids: Vec<String> = processes.iter().map(|guid| parameters.bind(guid.as_str())).collect();
    let guids = guids.join(", ");
    let mut of_processes = format!("process_guid IN ({guids})");
    if family == Family::Process {
        of_processes.push_str(&format!(" OR parent_process_guid IN ({guids})"));
    }
    Some(format!("({of_processes}) AND kind IN ({})", kinds.join(", ")))
}

/// Which events of a family are those of alerts. `None` when there is none.
fn of_alerts(family: Family, alerts: &[AlertRow], parameters: &mut Parameters) -> Option<String> {
    let mut any = Vec::new();
    // Numbers stand in the text: a statement takes only so many parameters.
    let mut by_stream: BTreeMap<(String, String), BTreeSet<u64>> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| alert.kind.family() == family) {
        let StreamKey { agent, epoch, seq } = alert.stream;
        by_stream.entry((agent.to_string(), epoch.to_string())).or_default().insert(seq);
    }
    for ((agent, epoch), seqs) in by_stream.into_iter().take(TIMELINE_STREAMS_MAX) {
        let seqs: Vec<String> = seqs.iter().map(u64::to_string).collect();
        any.push(format!(
            "agent = {} AND epoch = {} AND seq IN ({})",
            parameters.bind(agent),
            parameters.bind(epoch),
            seqs.join(", ")
        ));
    }
    (!any.is_empty()).then(|| any.join(" OR "))
}

/// The kinds that tell what a process did.
const fn kinds(family: Family) -> &'static [EventKind] {
    match family {
        Family::Process => &[EventKind::ProcessStart],
        Family::File => &[EventKind::FileCreate, EventKind::FileRename, EventKind::FileDelete],
        Family::Registry => &[EventKind::RegistrySet],
        Family::Network => {
            &[EventKind::NetworkConnect, EventKind::NetworkAccept, EventKind::DnsQuery]
        }
        _ => &[],
    }
}

/// One entry for each event, with its alerts; an alert whose event is no longer stored has one of its own.
fn entries(alerts: Vec<AlertRow>, events: Vec<EventRow>) -> Vec<TimelineEntry> {
    let mut by_event: BTreeMap<StreamKey, TimelineEntry> = BTreeMap::new();
    for event in events {
        let entry = TimelineEntry {
            at: event.observed_at,
            device: event.device,
            device_name: event.device_name.clone(),
            event: Some(event.clone()),
            alerts: Vec::new(),
        };
        by_event.insert(event.key, entry);
    }
    for alert in alerts {
        let entry = by_event.entry(alert.stream).or_insert_with(|| TimelineEntry {
            at: alert.observed_at,
            device: alert.device,
            device_name: alert.device_name.clone(),
            event: None,
            alerts: Vec::new(),
        });
        entry.alerts.push(alert);
    }
    let mut entries: Vec<TimelineEntry> = by_event.into_values().collect();
    for entry in &mut entries {
        entry.alerts.sort_by(|left, right| (right.level, left.id).cmp(&(left.level, right.id)));
    }
    entries.sort_by_key(|entry| (entry.at, entry.key()));
    entries
}

impl TimelineEntry {
    /// Tells entries of the same time apart.
    fn key(&self) -> Option<StreamKey> {
        let of_event = self.event.as_ref().map(|event| event.key);
        of_event.or_else(|| self.alerts.first().map(|alert| alert.stream))
    }
}

/// Cuts a story into stages.
fn stages(entries: Vec<TimelineEntry>) -> Vec<TimelineStage> {
    let mut stages: Vec<TimelineStage> = Vec::new();
    let mut before_any: Vec<TimelineEntry> = Vec::new();
    for entry in entries {
        let named: Vec<Tactic> =
            entry.alerts.iter().flat_map(|alert| Tactic::of_rule_text(&alert.rule_text)).collect();
        let current = stages.last().and_then(|stage| stage.tactic);
        let goes_on = current.is_some_and(|tactic| named.contains(&tactic));
        match (stages.last_mut(), entry.alerts.is_empty()) {
            (None, true) => before_any.push(entry),
            (Some(stage), true) => stage.push(entry),
            // A rule without a tactic says nothing of the stage.
            (Some(stage), false) if goes_on || named.is_empty() => stage.push(entry),
            (_, false) => {
                let mut stage = TimelineStage {
                    tactic: named.first().copied(),
                    from: entry.at,
                    to: entry.at,
                    entries: Vec::new(),
                };
                for lead in std::mem::take(&mut before_any).into_iter().chain([entry]) {
                    stage.push(lead);
                }
                stages.push(stage);
            }
        }
    }
    if let (true, Some(first)) = (stages.is_empty(), before_any.first()) {
        let (from, to) = (first.at, before_any.last().map_or(first.at, |last| last.at));
        stages.push(TimelineStage { tactic: None, from, to, entries: before_any });
    }
    stages
}

impl TimelineStage {
    fn push(&mut self, entry: TimelineEntry) {
        self.from = self.from.min(entry.at);
        self.to = self.to.max(entry.at);
        self.entries.push(entry);
    }
}

/// The tables in which a story is looked for.
const SHOWN: [Family; 9] = [
    Family::Process,
    Family::File,
    Family::Registry,
    Family::Network,
    Family::Logon,
    Family::Module,
    Family::Other,
    Family::Inventory,
    Family::Agent,
];

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AgentId, AlertId, EpochId, Level};

    fn entry(second: i64, tags: &[&str]) -> TimelineEntry {
        let at = Timestamp::from_nanos(second * 1_000_000_000);
        let seq = second.unsigned_abs();
        let stream = StreamKey { agent: AgentId::from_bits(1), epoch: EpochId::from_bits(1), seq };
        let device = DeviceId::from_bits(1);
        let text = tags.iter().map(|tag| format!("  - attack.{tag}\n")).collect::<String>();
        let alert = AlertRow {
            id: AlertId::from_bits(u128::from(seq)),
            rule_id: String::new(),
            rule_title: String::new(),
            level: Level::High,
            device,
            device_name: String::new(),
            kind: EventKind::ProcessStart,
            stream,
            observed_at: at,
            image: None,
            command_line: None,
            user: None,
            rule_text: format!("tags:\n{text}"),
            fields: Fields::default(),
        };
        let alerts = if tags == ["none"] { Vec::new() } else { vec![alert] };
        TimelineEntry { at, device, device_name: String::new(), event: None, alerts }
    }

    fn told(entries: Vec<TimelineEntry>) -> Vec<(Option<Tactic>, usize)> {
        stages(entries).into_iter().map(|stage| (stage.tactic, stage.entries.len())).collect()
    }

    #[test]
    fn a_stage_goes_on_while_rules_name_its_tactic() {
        let story = vec![
            entry(1, &["none"]),
            entry(2, &["execution", "defense-evasion"]),
            entry(3, &["none"]),
            entry(4, &["defense-evasion", "execution"]),
            entry(5, &["credential-access"]),
            entry(6, &["t1059"]),
            entry(7, &["lateral-movement"]),
        ];
        let expected = [
            (Some(Tactic::Execution), 4),
            (Some(Tactic::CredentialAccess), 2),
            (Some(Tactic::LateralMovement), 1),
        ];
        assert_eq!(told(story), expected);
        assert_eq!(told(vec![entry(1, &["none"])]), [(None, 1)]);
        assert_eq!(told(Vec::new()), []);
    }
}
