//! The sums: what agents say they saw and sent, against what the lake holds.

use crate::devices::device_sql;
use crate::events::name_of;
use crate::limits::SUM_ROWS_MAX;
use crate::predicate::quoted;
use crate::rows::{Cells, Parameters, rows_of};
use crate::view::{ClassSums, LostRow, StreamSums, TimeRange};
use crate::{Control, ControlError};
use model::registry;
use model::{
    AgentId, Counters, DeviceId, Disagreement, EpochId, EventKind, Family, Fields, Lost, Timestamp,
};
use std::collections::HashMap;

/// One stream: its position against the rows that were really counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAudit {
    /// The position; all zero when the lake holds rows of a stream that has none.
    pub sums: StreamSums,
    /// Rows of the position before counting; smaller than after it while the stream goes on.
    pub stored_before: u64,
    /// Rows counted in the Parquet files.
    pub counted: u64,
    /// How many of them repeat a sequence number.
    pub duplicates: u64,
}

impl StreamAudit {
    /// `last − first + 1 = stored + lost`, the rows are really there, and none is there twice.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.sums.first_seq > 0
            && self.sums.agree()
            && self.duplicates == 0
            && self.stored_before <= self.counted
            && self.counted <= self.sums.stored
    }
}

/// The newest counters of one class of one agent, and which of their sums do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassAudit {
    /// The counters.
    pub sums: ClassSums,
    /// The sums that do not agree.
    pub disagreements: Vec<Disagreement>,
}

/// The answer to "is every event that was seen here, or said to be lost?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventAudit {
    /// Every stream.
    pub streams: Vec<StreamAudit>,
    /// Every class of every agent.
    pub classes: Vec<ClassAudit>,
    /// Every declared gap, the newest first, up to a limit.
    pub lost: Vec<LostRow>,
}

impl EventAudit {
    /// Whether every sum agrees. Declared gaps are no disagreement.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.streams.iter().all(StreamAudit::agrees)
            && self.classes.iter().all(|class| class.disagreements.is_empty())
    }
}

impl Control {
    /// Compares the sums of every stream with the rows in the Parquet files, and the newest counters of
    /// every class with each other. Called on the machine itself; reads every file.
    ///
    /// # Errors
    /// The lake's; a disagreement is no error but a report.
    pub async fn audit_events(&self) -> Result<EventAudit, ControlError> {
        let before: HashMap<(AgentId, EpochId), u64> = self
            .stream_sums()
            .await?
            .into_iter()
            .map(|sums| ((sums.agent, sums.epoch), sums.stored))
            .collect();
        let mut counted: HashMap<(AgentId, EpochId), (u64, u64)> = HashMap::new();
        for count in self.lake.count_stored().await? {
            counted.insert((count.agent, count.epoch), (count.stored, count.duplicates));
        }
        // Positions again, after counting: agents go on while this reads.
        let mut streams = Vec::new();
        for sums in self.stream_sums().await? {
            let key = (sums.agent, sums.epoch);
            let (rows, duplicates) = counted.remove(&key).unwrap_or_default();
            let stored_before = before.get(&key).copied().unwrap_or(0);
            streams.push(StreamAudit { sums, stored_before, counted: rows, duplicates });
        }
        for ((agent, epoch), (rows, duplicates)) in counted {
            let sums = StreamSums { agent, epoch, first_seq: 0, last_seq: 0, stored: 0, lost: 0 };
            streams.push(StreamAudit { sums, stored_before: 0, counted: rows, duplicates });
        }
        streams.sort_by_key(|stream| (stream.sums.agent, stream.sums.epoch));
        let classes = self.newest_counters(None, None).await?;
        Ok(EventAudit {
            streams,
            classes: classes
                .into_iter()
                .map(|sums| ClassAudit { disagreements: sums.counters.disagreements(), sums })
                .collect(),
            lost: self.lost_rows(None, None, SUM_ROWS_MAX).await?,
        })
    }

    /// The position of every stream.
    pub(crate) async fn stream_sums(&self) -> Result<Vec<StreamSums>, ControlError> {
        let mut streams: Vec<StreamSums> = self
            .lake
            .positions()
            .await?
            .into_iter()
            .map(|position| StreamSums {
                agent: position.agent,
                epoch: position.epoch,
                first_seq: position.first_seq,
                last_seq: position.last_seq,
                stored: position.stored,
                lost: position.lost,
            })
            .collect();
        streams.sort_by_key(|sums| (sums.agent, sums.epoch));
        Ok(streams)
    }

    /// The newest counters of every class of every agent: the last that arrived, because a device's
    /// clock may jump.
    pub(crate) async fn newest_counters(
        &self,
        only: Option<DeviceId>,
        since: Option<Timestamp>,
    ) -> Result<Vec<ClassSums>, ControlError> {
        let mut parameters = Parameters::default();
        let mut condition = device_sql(only, &mut parameters);
        if let Some(since) = since {
            condition = format!("{condition} AND received_at >= {}", parameters.bind_time(since));
        }
        let columns = agent_columns(&COUNTER_FIELDS);
        let sql = format!(
            "SELECT agent, observed_at, observed_ns, {columns} FROM (SELECT agent, observed_at, \
             observed_ns, {columns}, ROW_NUMBER() OVER \
             (PARTITION BY agent, class ORDER BY received_at DESC, seq DESC) AS place FROM agent \
             WHERE kind = '{}' AND {condition}) AS counters WHERE place = 1 ORDER BY agent, class",
            EventKind::AgentCounters.name()
        );
        let found = self.lake.query_with(&sql, parameters.values(), SUM_ROWS_MAX).await?;
        let mut classes = Vec::new();
        for mut cells in rows_of(&found, "counters") {
            let agent = cells.agent()?;
            let at = cells.time_ns()?;
            let fields = fields(&mut cells, &COUNTER_FIELDS)?;
            match Counters::from_fields(&fields) {
                Some((class, counters)) => classes.push(ClassSums { agent, class, counters, at }),
                None => return Err(cells.damaged("a counter is missing or negative")),
            }
        }
        Ok(classes)
    }

    /// Declared gaps, the newest first.
    pub(crate) async fn lost_rows(
        &self,
        only: Option<DeviceId>,
        range: Option<TimeRange>,
        rows_max: usize,
    ) -> Result<Vec<LostRow>, ControlError> {
        let mut parameters = Parameters::default();
        let mut condition = device_sql(only, &mut parameters);
        if let Some(range) = range {
            let from = parameters.bind_time(range.from);
            let to = parameters.bind_time(range.to);
            condition = format!("{condition} AND observed_at >= {from} AND observed_at < {to}");
        }
        let sql = format!(
            "SELECT device, {} FROM agent WHERE kind = '{}' AND {condition} \
             ORDER BY observed_at DESC, observed_ns DESC LIMIT {rows_max}",
            agent_columns(&LOST_FIELDS),
            EventKind::AgentLost.name()
        );
        let found = self.lake.query_with(&sql, parameters.values(), rows_max).await?;
        let names = self.device_names().await?;
        let mut gaps = Vec::new();
        for mut cells in rows_of(&found, "loss") {
            let device = cells.device()?;
            let fields = fields(&mut cells, &LOST_FIELDS)?;
            let lost = Lost::from_fields(&fields)
                .ok_or_else(|| cells.damaged("a reason or a time is missing"))?;
            gaps.push(LostRow { device, device_name: name_of(&names, device), lost });
        }
        Ok(gaps)
    }
}

fn agent_columns(names: &[&'static str]) -> String {
    let column = |name: &&str| {
        let field = registry::by_sigma(Family::Agent, name)
            .expect("invariant: the registry holds every counter, see the test below");
        quoted(field.column)
    };
    names.iter().map(column).collect::<Vec<_>>().join(", ")
}

fn fields(cells: &mut Cells<'_>, names: &[&'static str]) -> Result<Fields, ControlError> {
    let mut fields = Fields::new();
    for name in names {
        fields.set(*name, cells.value()?.clone());
    }
    Ok(fields)
}

const COUNTER_FIELDS: [&str; 12] = [
    "Class",
    "Seen",
    "Filtered",
    "Submitted",
    "RingFull",
    "Oversize",
    "Received",
    "DecodeError",
    "Merged",
    "Emitted",
    "Queued",
    "Shed",
];
const LOST_FIELDS: [&str; 5] = ["Class", "Count", "Reason", "From", "To"];

#[cfg(test)]
mod tests {
    use super::*;
    use model::Class;

    #[test]
    fn the_registry_holds_every_counter_and_loss() {
        let counters = Counters::default().to_observation(Class::File, Timestamp::default());
        let names: Vec<&str> = counters.fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, COUNTER_FIELDS);
        for name in COUNTER_FIELDS.iter().chain(&LOST_FIELDS) {
            assert!(registry::by_sigma(Family::Agent, name).is_some(), "{name}");
        }
    }
}
