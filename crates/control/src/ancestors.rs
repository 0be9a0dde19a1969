//! The chain of ancestors of an alert's process, from the process events in the lake.

use crate::limits::ANCESTORS_MAX;
use crate::rows::{Cells, Parameters, rows_of};
use crate::view::ProcessNode;
use crate::{Control, ControlError};
use model::{Alert, DeviceId, EventKind, Timestamp};
use std::collections::HashMap;

impl Control {
    /// The process of an alert and its ancestors, the oldest first; empty when the alert names no process.
    pub(crate) async fn ancestors(&self, alert: &Alert) -> Result<Vec<ProcessNode>, ControlError> {
        let mut chain: Vec<ProcessNode> = Vec::new();
        let mut wanted = alert.fields.text("ProcessGuid").map(str::to_owned);
        let mut before = alert.observed_at;
        while let Some(guid) = wanted.filter(|guid| !guid.is_empty()) {
            let known = chain.iter().any(|node| node.process_guid == guid);
            // A process that is its own ancestor exists only in a damaged or forged record.
            if known || chain.len() >= ANCESTORS_MAX {
                break;
            }
            let found = self.process(alert.device, &guid, before).await?;
            let step = match found {
                Some(step) => step,
                // The process row may be missing: an imported log holds what it holds.
                None if chain.is_empty() => Step::of_alert(alert, guid),
                None => break,
            };
            before = step.node.started_at;
            wanted = step.parent_guid;
            chain.push(step.node);
        }
        chain.reverse();
        self.add_exits(alert.device, &mut chain).await?;
        Ok(chain)
    }

    /// The newest program of a process up to an instant: a process may exec several times. One that was
    /// seen running only later is taken when there is nothing before.
    async fn process(
        &self,
        device: DeviceId,
        guid: &str,
        before: Timestamp,
    ) -> Result<Option<Step>, ControlError> {
        let mut parameters = Parameters::default();
        let instant = parameters.bind_time(before);
        let sql = format!(
            "SELECT process_guid, process_id, image, command_line, \"user\", observed_at, observed_ns, \
             parent_process_guid FROM process WHERE process_guid = {} AND device = {} AND kind IN ('{}', '{}') \
             ORDER BY CASE WHEN observed_at <= {instant} THEN 0 ELSE 1 END, \
             CASE WHEN observed_at <= {instant} THEN observed_at END DESC, observed_at, seq DESC LIMIT 1",
            parameters.bind(guid),
            parameters.bind(device.to_string()),
            EventKind::ProcessStart.name(),
            EventKind::ProcessRunning.name(),
        );
        let found = self.lake.query_with(&sql, parameters.values(), 1).await?;
        rows_of(&found, "process").next().map(|mut cells| Step::of_row(&mut cells)).transpose()
    }

    async fn add_exits(
        &self,
        device: DeviceId,
        chain: &mut [ProcessNode],
    ) -> Result<(), ControlError> {
        if chain.is_empty() {
            return Ok(());
        }
        let mut parameters = Parameters::default();
        let guids: Vec<String> =
            chain.iter().map(|node| parameters.bind(node.process_guid.as_str())).collect();
        let sql = format!(
            "SELECT process_guid, max(observed_at) FROM process WHERE kind = '{}' AND device = {} \
             AND process_guid IN ({}) GROUP BY process_guid",
            EventKind::ProcessExit.name(),
            parameters.bind(device.to_string()),
            guids.join(", ")
        );
        let found = self.lake.query_with(&sql, parameters.values(), ANCESTORS_MAX).await?;
        let mut exits: HashMap<String, Timestamp> = HashMap::new();
        for mut cells in rows_of(&found, "process") {
            exits.insert(cells.text()?.into_owned(), cells.time()?);
        }
        for node in chain {
            node.exited_at = exits.get(&node.process_guid).copied();
        }
        Ok(())
    }
}

/// A process and where its parent is to be found.
struct Step {
    node: ProcessNode,
    parent_guid: Option<String>,
}

impl Step {
    fn of_row(cells: &mut Cells<'_>) -> Result<Self, ControlError> {
        let node = ProcessNode {
            process_guid: cells.text()?.into_owned(),
            process_id: cells.maybe_int()?,
            image: cells.maybe_text()?.unwrap_or_default().into_owned(),
            command_line: cells.maybe_text()?.unwrap_or_default().into_owned(),
            user: cells.maybe_text()?.unwrap_or_default().into_owned(),
            started_at: cells.time_ns()?,
            exited_at: None,
        };
        let parent_guid = cells.maybe_text()?.map(std::borrow::Cow::into_owned);
        Ok(Self { node, parent_guid })
    }

    fn of_alert(alert: &Alert, guid: String) -> Self {
        let text = |name| alert.fields.text(name).unwrap_or_default().to_owned();
        Self {
            node: ProcessNode {
                process_guid: guid,
                process_id: alert.fields.int("ProcessId"),
                image: text("Image"),
                command_line: text("CommandLine"),
                user: text("User"),
                started_at: alert.observed_at,
                exited_at: None,
            },
            parent_guid: alert.fields.text("ParentProcessGuid").map(str::to_owned),
        }
    }
}
