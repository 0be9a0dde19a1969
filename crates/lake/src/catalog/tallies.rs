//! What the writer counted of events, kept with the positions: a count moves exactly when its stream does.

use super::{Catalog, ddl};
use crate::layout::{catalog_time, parse_catalog_time};
use crate::{LakeError, Tally, TallySum};
use model::Timestamp;
use sqlx::SqliteConnection;

impl Catalog {
    pub(super) async fn create_tally_table(&self) -> Result<(), LakeError> {
        let done = sqlx::query(ddl::CREATE_TALLY).execute(&self.pool).await;
        done.map(drop).map_err(|err| self.failed(err))
    }

    /// Adds counts to those of the day, inside the transaction that moves the streams on.
    pub(super) async fn add_tallies(
        &self,
        on: &mut SqliteConnection,
        tallies: &[Tally],
        at: Timestamp,
    ) -> Result<(), LakeError> {
        let day = at.utc_day();
        for tally in tallies {
            let count = i64::try_from(tally.count).unwrap_or(i64::MAX).min(COUNT_MAX);
            sqlx::query(
                "INSERT INTO mimamori_tally(name, part, day, count, last_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (name, part, day) DO UPDATE SET count = min(count + $4, $6), last_at = $5",
            )
            .bind(&tally.name)
            .bind(&tally.part)
            .bind(&day)
            .bind(count)
            .bind(catalog_time(at))
            .bind(COUNT_MAX)
            .execute(&mut *on)
            .await
            .map_err(|err| self.failed(err))?;
        }
        Ok(())
    }

    /// Everything that was counted, by name and part.
    pub(crate) async fn tallies(&self, since_day: &str) -> Result<Vec<TallySum>, LakeError> {
        if !self.has_tallies().await? {
            return Ok(Vec::new());
        }
        let rows: Vec<(String, String, i64, i64, String)> = sqlx::query_as(
            "SELECT name, part, CAST(sum(count) AS INTEGER), \
             CAST(sum(CASE WHEN day >= $1 THEN count ELSE 0 END) AS INTEGER), max(last_at) \
             FROM mimamori_tally GROUP BY name, part ORDER BY name, part",
        )
        .bind(since_day)
        .fetch_all(&self.pool)
        .await
        .map_err(|err| self.failed(err))?;
        rows.into_iter()
            .map(|(name, part, total, since, last_at)| {
                Ok(TallySum {
                    name,
                    part,
                    total: self.count(total)?,
                    since: self.count(since)?,
                    last_at: parse_catalog_time(&last_at).ok_or_else(|| self.damaged(last_at))?,
                })
            })
            .collect()
    }

    /// What was counted under a name, by day, the newest first.
    pub(crate) async fn tally_days(
        &self,
        name: &str,
        since_day: &str,
    ) -> Result<Vec<(String, u64)>, LakeError> {
        if !self.has_tallies().await? {
            return Ok(Vec::new());
        }
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT day, CAST(sum(count) AS INTEGER) FROM mimamori_tally WHERE name = $1 AND day >= $2 \
             GROUP BY day ORDER BY day DESC",
        )
        .bind(name)
        .bind(since_day)
        .fetch_all(&self.pool)
        .await
        .map_err(|err| self.failed(err))?;
        rows.into_iter().map(|(day, count)| Ok((day, self.count(count)?))).collect()
    }

    /// A lake that no newer version has opened for writing yet has no such table.
    async fn has_tallies(&self) -> Result<bool, LakeError> {
        let found: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'mimamori_tally'",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(|err| self.failed(err))?;
        Ok(found > 0)
    }
}

/// More is not counted: sums of it must not overflow.
const COUNT_MAX: i64 = 1 << 52;
