//! What rules cost and filters took away, by day: handed over by the server, read by pages.
//!
//! Counts are for people: those of the last moments before a crash are lost, and an event that is judged again
//! after one is counted again.

use crate::limits::{DAY_NS, RULE_WORK_DAYS_KEPT, RULE_WORK_ROWS_MAX};
use crate::store::storable;
use crate::view::rule_exclusions::FilterHits;
use crate::view::rule_health::RuleWork;
use crate::{Control, ControlError};
use model::Timestamp;
use sqlx::Row as _;
use std::collections::HashMap;

/// Days whose counts are shown.
pub(crate) const SHOWN_DAYS: i64 = 30;

/// What a rule did over the shown days.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Worked {
    pub(crate) asked: u64,
    pub(crate) units: u64,
}

/// What all rules did over the shown days.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WorkedTogether {
    pub(crate) events: u64,
    pub(crate) units: u64,
    pub(crate) judged_ns: u64,
}

impl Control {
    /// Takes what the server counted since it last handed over.
    ///
    /// # Errors
    /// The store's; nothing of it was taken then.
    pub async fn take_rule_work(&self, work: &RuleWork) -> Result<(), ControlError> {
        if *work == RuleWork::default() {
            return Ok(());
        }
        let now = self.clock.now();
        let day = now.utc_day();
        let mut writing = self.store.write().await?;
        for rule in work.rules.iter().take(RULE_WORK_ROWS_MAX) {
            sqlx::query(
                "INSERT INTO rule_work (rule_id, day, asked, matched, units) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (rule_id, day) DO UPDATE SET asked = rule_work.asked + excluded.asked, \
                 matched = rule_work.matched + excluded.matched, units = rule_work.units + excluded.units",
            )
            .bind(storable(&rule.rule_id).into_owned())
            .bind(&day)
            .bind(stored(rule.asked))
            .bind(stored(rule.matched))
            .bind(stored(rule.units))
            .execute(&mut *writing)
            .await?;
        }
        for filter in work.filters.iter().filter(|filter| filter.hits > 0).take(RULE_WORK_ROWS_MAX)
        {
            sqlx::query(
                "INSERT INTO rule_filter_hits (filter_id, rule_id, day, hits, last_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (filter_id, rule_id, day) DO UPDATE SET hits = rule_filter_hits.hits + excluded.hits, \
                 last_at = excluded.last_at",
            )
            .bind(storable(&filter.filter_id).into_owned())
            .bind(storable(&filter.rule_id).into_owned())
            .bind(&day)
            .bind(stored(filter.hits))
            .bind(now.nanos())
            .execute(&mut *writing)
            .await?;
        }
        let units: u64 = work.rules.iter().map(|rule| rule.units).fold(0, u64::saturating_add);
        sqlx::query(
            "INSERT INTO rule_work_day (day, events, units, judged_ns) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (day) DO UPDATE SET events = rule_work_day.events + excluded.events, \
             units = rule_work_day.units + excluded.units, judged_ns = rule_work_day.judged_ns + excluded.judged_ns",
        )
        .bind(&day)
        .bind(stored(work.events))
        .bind(stored(units))
        .bind(stored(work.judged_ns))
        .execute(&mut *writing)
        .await?;
        // Hits of filters stay: how often an exclusion was needed is asked when it is extended.
        let kept = now.plus_nanos(-RULE_WORK_DAYS_KEPT * DAY_NS).utc_day();
        for sql in
            ["DELETE FROM rule_work WHERE day < $1", "DELETE FROM rule_work_day WHERE day < $1"]
        {
            sqlx::query(sql).bind(&kept).execute(&mut *writing).await?;
        }
        writing.commit().await
    }

    fn first_shown_day(&self) -> String {
        self.clock.now().plus_nanos(-(SHOWN_DAYS - 1) * DAY_NS).utc_day()
    }

    /// What each filter took away, by its id.
    pub(crate) async fn filter_hits(&self) -> Result<HashMap<String, FilterHits>, ControlError> {
        let rows = sqlx::query(
            "SELECT filter_id, CAST(SUM(hits) AS BIGINT), \
             CAST(SUM(CASE WHEN day >= $1 THEN hits ELSE 0 END) AS BIGINT), MAX(last_at) \
             FROM rule_filter_hits GROUP BY filter_id",
        )
        .bind(self.first_shown_day())
        .fetch_all(self.store.pool())
        .await?;
        rows.iter()
            .map(|row| {
                let hits = FilterHits {
                    total: read(row.try_get(1)?),
                    last_30d: read(row.try_get(2)?),
                    last_at: row.try_get::<Option<i64>, _>(3)?.map(Timestamp::from_nanos),
                };
                Ok((row.try_get(0)?, hits))
            })
            .collect()
    }

    /// What one filter took away by day, the newest first, and by rule, the most first.
    pub(crate) async fn hits_of_filter(
        &self,
        filter_id: &str,
    ) -> Result<(Vec<(String, u64)>, Vec<(String, Option<String>, u64)>), ControlError> {
        let rows = sqlx::query(
            "SELECT day, CAST(SUM(hits) AS BIGINT) FROM rule_filter_hits WHERE filter_id = $1 AND day >= $2 \
             GROUP BY day ORDER BY day DESC",
        )
        .bind(filter_id.to_owned())
        .bind(self.first_shown_day())
        .fetch_all(self.store.pool())
        .await?;
        let mut days = Vec::with_capacity(rows.len());
        for row in &rows {
            days.push((row.try_get(0)?, read(row.try_get(1)?)));
        }
        let rows = sqlx::query(
            "SELECT rule_id, CAST(SUM(hits) AS BIGINT) AS taken FROM rule_filter_hits WHERE filter_id = $1 \
             GROUP BY rule_id ORDER BY taken DESC, rule_id LIMIT 100",
        )
        .bind(filter_id.to_owned())
        .fetch_all(self.store.pool())
        .await?;
        let in_force = self.rules_in_force();
        let mut by_rule = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: String = row.try_get(0)?;
            let title = in_force.iter().find(|rule| rule.id == id).map(|rule| rule.title.clone());
            by_rule.push((id, title, read(row.try_get(1)?)));
        }
        Ok((days, by_rule))
    }

    /// Matches of each rule that filters took away over the shown days.
    pub(crate) async fn filtered_of_rules(&self) -> Result<HashMap<String, u64>, ControlError> {
        let rows = sqlx::query(
            "SELECT rule_id, CAST(SUM(hits) AS BIGINT) FROM rule_filter_hits WHERE day >= $1 GROUP BY rule_id",
        )
        .bind(self.first_shown_day())
        .fetch_all(self.store.pool())
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, read(row.try_get(1)?)))).collect()
    }

    /// What each rule did over the shown days, and all together.
    pub(crate) async fn rule_work(
        &self,
    ) -> Result<(HashMap<String, Worked>, WorkedTogether), ControlError> {
        let rows = sqlx::query(
            "SELECT rule_id, CAST(SUM(asked) AS BIGINT), CAST(SUM(units) AS BIGINT) FROM rule_work \
             WHERE day >= $1 GROUP BY rule_id",
        )
        .bind(self.first_shown_day())
        .fetch_all(self.store.pool())
        .await?;
        let mut of_rules = HashMap::with_capacity(rows.len());
        for row in &rows {
            let worked = Worked { asked: read(row.try_get(1)?), units: read(row.try_get(2)?) };
            of_rules.insert(row.try_get(0)?, worked);
        }
        let row = sqlx::query(
            "SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT), CAST(COALESCE(SUM(units), 0) AS BIGINT), \
             CAST(COALESCE(SUM(judged_ns), 0) AS BIGINT) FROM rule_work_day WHERE day >= $1",
        )
        .bind(self.first_shown_day())
        .fetch_one(self.store.pool())
        .await?;
        let together = WorkedTogether {
            events: read(row.try_get(0)?),
            units: read(row.try_get(1)?),
            judged_ns: read(row.try_get(2)?),
        };
        Ok((of_rules, together))
    }
}

fn stored(number: u64) -> i64 {
    // A sum of a day that were this large would be wrong anyway; it must not overflow the column.
    i64::try_from(number).unwrap_or(i64::MAX).min(1 << 60)
}

fn read(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
