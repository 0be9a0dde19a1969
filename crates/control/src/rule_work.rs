//! What rules cost and filters took away, by day: read by pages.
//!
//! What rules cost is handed over by the server, and is for people: the last moments before a crash are lost, and an
//! event that is judged again after one costs again. What filters took away is counted by the lake, in the commit of
//! the events themselves, so that each is counted once; those counts stay, for how often an exclusion was needed is
//! asked when it is extended. Earlier versions counted it in the table `rule_filter_hits`.

use crate::limits::{DAY_NS, FILTERED_RULES_SHOWN, RULE_WORK_DAYS_KEPT, RULE_WORK_ROWS_MAX};
use crate::store::storable;
use crate::view::rule_exclusions::FilterHits;
use crate::view::rule_health::RuleWork;
use crate::{Control, ControlError};
use lake::TallySum;
use model::Timestamp;
use sqlx::Row as _;
use std::collections::{BTreeMap, HashMap};

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
        let mut hits: HashMap<String, FilterHits> = HashMap::new();
        for sum in self.taken_away().await? {
            let of_filter = hits.entry(sum.name).or_default();
            of_filter.total += sum.total;
            of_filter.last_30d += sum.since;
            of_filter.last_at = of_filter.last_at.max(Some(sum.last_at));
        }
        Ok(hits)
    }

    /// What one filter took away by day, the newest first, and by rule, the most first.
    pub(crate) async fn hits_of_filter(
        &self,
        filter_id: &str,
    ) -> Result<(Vec<(String, u64)>, Vec<(String, Option<String>, u64)>), ControlError> {
        let since = self.first_shown_day();
        let mut by_day: BTreeMap<String, u64> =
            self.lake.tally_days(filter_id, &since).await?.into_iter().collect();
        let rows = sqlx::query(
            "SELECT day, CAST(SUM(hits) AS BIGINT) FROM rule_filter_hits WHERE filter_id = $1 AND day >= $2 \
             GROUP BY day",
        )
        .bind(filter_id.to_owned())
        .bind(since)
        .fetch_all(self.store.pool())
        .await?;
        for row in &rows {
            *by_day.entry(row.try_get(0)?).or_default() += read(row.try_get(1)?);
        }
        let mut taken: BTreeMap<String, u64> = BTreeMap::new();
        for sum in self.taken_away().await?.into_iter().filter(|sum| sum.name == filter_id) {
            *taken.entry(sum.part).or_default() += sum.total;
        }
        let mut taken: Vec<(String, u64)> = taken.into_iter().collect();
        taken.sort_by_key(|one| std::cmp::Reverse(one.1));
        taken.truncate(FILTERED_RULES_SHOWN);
        let in_force = self.rules_in_force();
        let named = |(id, hits): (String, u64)| {
            let title = in_force.iter().find(|rule| rule.id == id).map(|rule| rule.title.clone());
            (id, title, hits)
        };
        Ok((by_day.into_iter().rev().collect(), taken.into_iter().map(named).collect()))
    }

    /// Matches of each rule that filters took away over the shown days.
    pub(crate) async fn filtered_of_rules(&self) -> Result<HashMap<String, u64>, ControlError> {
        let mut filtered: HashMap<String, u64> = HashMap::new();
        for sum in self.taken_away().await? {
            *filtered.entry(sum.part).or_default() += sum.since;
        }
        Ok(filtered)
    }

    /// What filters took away, by filter and rule; `since` is over the shown days.
    async fn taken_away(&self) -> Result<Vec<TallySum>, ControlError> {
        let since = self.first_shown_day();
        let mut sums = self.lake.tallies(&since).await?;
        let rows = sqlx::query(
            "SELECT filter_id, rule_id, CAST(SUM(hits) AS BIGINT), \
             CAST(SUM(CASE WHEN day >= $1 THEN hits ELSE 0 END) AS BIGINT), MAX(last_at) \
             FROM rule_filter_hits GROUP BY filter_id, rule_id",
        )
        .bind(since)
        .fetch_all(self.store.pool())
        .await?;
        for row in &rows {
            sums.push(TallySum {
                name: row.try_get(0)?,
                part: row.try_get(1)?,
                total: read(row.try_get(2)?),
                since: read(row.try_get(3)?),
                last_at: Timestamp::from_nanos(row.try_get(4)?),
            });
        }
        Ok(sums)
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
