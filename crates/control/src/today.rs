//! The first page: what happened in a day, and whether everything that should arrive did.

use crate::alerts::LEVELS;
use crate::events::table;
use crate::limits::{ALERTS_OF_TODAY, DAY_NS, LOST_ROWS_MAX, RISKY_OF_TODAY};
use crate::rows::{Parameters, rows_of};
use crate::view::detections::{DetectionFilter, RiskOf, RiskRow};
use crate::view::{TimeRange, Today};
use crate::{Actor, Control, ControlError, Permission};
use model::{Family, Level, Timestamp};
use std::cmp::Reverse;

impl Control {
    /// The first page.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the lake's.
    pub async fn today(&self, actor: &Actor) -> Result<Today, ControlError> {
        let wanted = [Permission::ReadDevices, Permission::ReadAlerts];
        self.require(actor, &wanted, "today").await?;
        let now = self.clock.now();
        let since = now.plus_nanos(-DAY_NS);
        let newest = self.lake.status().await?.observed_at_newest();
        // A device's clock may run ahead of ours; what it says of the last day is still of today.
        let range = TimeRange { from: since, to: now.plus_nanos(DAY_NS) };
        let rules = self.rules_summary();
        Ok(Today {
            at: now,
            devices: self.device_rows(&actor.scope(Permission::ReadDevices), None).await?,
            events_by_family: self.events_by_family(since).await?,
            alerts_by_level: self.alerts_by_level(since).await?,
            detections: self
                .detection_rows(actor.id(), &DetectionFilter::default(), ALERTS_OF_TODAY)
                .await?
                .rows,
            risky: self.riskiest(actor).await?,
            streams: self.stream_sums().await?,
            classes: self
                .newest_counters(None, Some(now.plus_nanos(-COUNTERS_DAYS * DAY_NS)))
                .await?,
            lost: self.lost_rows(None, Some(range), LOST_ROWS_MAX).await?,
            lake_lag_ns: newest.map(|newest| now.nanos().saturating_sub(newest.nanos()).max(0)),
            rules_loaded: rules.loaded,
            rules_refused: rules.refused,
            rules_stopped: self.stopped_rules().await?,
        })
    }

    async fn riskiest(&self, actor: &Actor) -> Result<Vec<RiskRow>, ControlError> {
        let mut all = self.risky(actor, RiskOf::Device, RISKY_OF_TODAY).await?;
        all.extend(self.risky(actor, RiskOf::User, RISKY_OF_TODAY).await?);
        all.sort_by(|left, right| right.score.total_cmp(&left.score));
        all.truncate(RISKY_OF_TODAY);
        Ok(all)
    }

    async fn events_by_family(&self, since: Timestamp) -> Result<Vec<(Family, u64)>, ControlError> {
        let mut parameters = Parameters::default();
        let from = parameters.bind_time(since);
        let sql = Family::ALL
            .map(|family| {
                format!(
                    "SELECT '{}' AS family, count(*) AS events FROM {} WHERE observed_at >= {from}",
                    family.table(),
                    table(family)
                )
            })
            .join(" UNION ALL ");
        let found = self.lake.query_with(&sql, parameters.values(), Family::ALL.len()).await?;
        let mut sums = Vec::new();
        for mut cells in rows_of(&found, "count") {
            let name = cells.text()?;
            let family =
                Family::of_table(&name).ok_or_else(|| cells.damaged("an unknown table"))?;
            sums.push((family, cells.count()?));
        }
        sums.retain(|(_, events)| *events > 0);
        sums.sort_by_key(|(family, events)| (Reverse(*events), *family));
        Ok(sums)
    }

    async fn alerts_by_level(&self, since: Timestamp) -> Result<Vec<(Level, u64)>, ControlError> {
        let mut parameters = Parameters::default();
        let sql = format!(
            "SELECT level, count(*) FROM alert WHERE observed_at >= {} GROUP BY level",
            parameters.bind_time(since)
        );
        let found = self.lake.query_with(&sql, parameters.values(), LEVELS.len()).await?;
        let mut sums = Vec::new();
        for mut cells in rows_of(&found, "count") {
            sums.push((cells.level()?, cells.count()?));
        }
        sums.sort_by_key(|(level, _)| Reverse(*level));
        Ok(sums)
    }
}

/// How old counters may be to be shown on the first page.
const COUNTERS_DAYS: i64 = 7;
