//! The clock of findings: messages that are due, risks that end, devices that fall silent and come back.

use super::stored::{People, Stored, Tally, Who};
use crate::limits::TIMERS_AT_ONCE_MAX;
use crate::store::Writing;
use crate::view::findings::Ticked;
use crate::{Control, ControlError};
use case::finding::{Event, Timetable};
use model::Timestamp;
use sqlx::Row as _;

impl Control {
    /// Everything of inventory and findings that time brings: judgements that are out of date, ends, messages, silence.
    /// Cheap when there is nothing to do. Called by [`Control::tick`].
    ///
    /// # Errors
    /// [`ControlError::Store`]; what was committed stays, the rest is done at the next call.
    pub async fn tick_findings(&self) -> Result<Ticked, ControlError> {
        let mut ticked = Ticked::default();
        self.catch_up(&mut ticked).await?;
        self.mark_silence(true).await?;
        self.mark_silence(false).await?;
        loop {
            let done = self.run_due(&mut ticked).await?;
            if done < TIMERS_AT_ONCE_MAX {
                return Ok(ticked);
            }
        }
    }

    /// Runs timers that are due; how many.
    async fn run_due(&self, ticked: &mut Ticked) -> Result<i64, ControlError> {
        let now = self.clock.now();
        let sql = format!(
            "SELECT {} FROM finding AS f WHERE f.due_at IS NOT NULL AND f.due_at <= $1 \
             AND f.status <> 'resolved' ORDER BY f.due_at, f.id LIMIT $2",
            Stored::COLUMNS
        );
        let due = |sql: String| {
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.nanos()).bind(TIMERS_AT_ONCE_MAX)
        };
        if due(sql.clone()).fetch_optional(self.store.pool()).await?.is_none() {
            return Ok(0);
        }
        let mut writing = self.store.write().await?;
        let rows = due(sql).fetch_all(&mut *writing).await?;
        let mut tally = Tally::default();
        for row in &rows {
            let mut stored = Stored::of_row(row)?;
            let people = People::of_device(&mut writing, &stored.device).await?;
            self.step_finding(
                &mut writing,
                &mut stored,
                &Event::Timer,
                Who::TIMER,
                "",
                &people,
                &mut tally,
                now,
            )
            .await?;
        }
        self.record_tally(&mut writing, &tally, "timer").await?;
        writing.commit().await?;
        ticked.findings += rows.len() as u64;
        ticked.messages += tally.messages;
        ticked.closed += tally.closed;
        i64::try_from(rows.len()).map_err(|_| ControlError::BadArgument {
            what: "the number of timers",
            reason: "it must fit",
        })
    }

    /// Devices that fell silent, or that report again.
    async fn mark_silence(&self, silent: bool) -> Result<(), ControlError> {
        let now = self.clock.now();
        let limit = now.plus_nanos(-Timetable::default().silent_after_ns);
        let sql = if silent {
            "SELECT device_id FROM inventory_device WHERE silent = 0 AND looked_at < $1 ORDER BY device_id LIMIT 500"
        } else {
            "SELECT device_id FROM inventory_device WHERE silent = 1 AND looked_at >= $1 ORDER BY device_id LIMIT 500"
        };
        let rows = sqlx::query(sql).bind(limit.nanos()).fetch_all(self.store.pool()).await?;
        for row in &rows {
            let device: String = row.try_get(0)?;
            let mut writing = self.store.write().await?;
            self.mark_device(&mut writing, &device, silent, now).await?;
            writing.commit().await?;
        }
        Ok(())
    }

    async fn mark_device(
        &self,
        writing: &mut Writing,
        device: &str,
        silent: bool,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        sqlx::query("UPDATE inventory_device SET silent = $1 WHERE device_id = $2")
            .bind(i64::from(silent))
            .bind(device)
            .execute(&mut **writing)
            .await?;
        let sql = format!(
            "SELECT {} FROM finding AS f WHERE f.device_id = $1 AND f.status <> 'resolved'",
            Stored::COLUMNS
        );
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(device).fetch_all(&mut **writing).await?;
        let people = People::of_device(writing, device).await?;
        let event = if silent { Event::Silent } else { Event::Back };
        let mut tally = Tally::default();
        for row in &rows {
            let mut stored = Stored::of_row(row)?;
            self.step_finding(
                writing,
                &mut stored,
                &event,
                Who::TIMER,
                "",
                &people,
                &mut tally,
                now,
            )
            .await?;
        }
        Ok(())
    }
}
