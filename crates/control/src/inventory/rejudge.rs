//! Judging again: after titles, corrections, decisions or exclusions changed.

use super::items::{ITEM_COLUMNS, item_of};
use crate::findings::Tally;
use crate::limits::{DAY_NS, JUDGED_AT_ONCE_MAX, RECONCILED_AT_ONCE_MAX};
use crate::store::Writing;
use crate::view::findings::Ticked;
use crate::{Control, ControlError, batch};
use sqlx::Row as _;

impl Control {
    /// What is about a title is judged again: for whoever changes its decisions, its life or its words, in the
    /// transaction of that change.
    pub(crate) async fn title_changed(
        &self,
        writing: &mut Writing,
        title: &str,
    ) -> Result<(), ControlError> {
        sqlx::query("UPDATE item_judgement SET revision = 0 WHERE title_id = $1")
            .bind(title)
            .execute(&mut **writing)
            .await?;
        Ok(())
    }

    /// Everything is identified and judged again.
    pub(crate) async fn titles_changed(&self, writing: &mut Writing) -> Result<(), ControlError> {
        sqlx::query("UPDATE judging SET revision = revision + 1 WHERE only_row = 1")
            .execute(&mut **writing)
            .await?;
        Ok(())
    }

    /// Judges what is out of date, then brings the findings of the devices concerned up to date. Goes on until
    /// everything is; what a crash interrupts goes on at the next call.
    pub(crate) async fn catch_up(&self, ticked: &mut Ticked) -> Result<(), ControlError> {
        self.pass_ends().await?;
        if !self.anything_stale().await? {
            return Ok(());
        }
        while self.judge_stale(ticked).await? {}
        while self.reconcile_stale(ticked).await? {}
        Ok(())
    }

    /// Asked before the write lock is taken: an idle server takes none.
    async fn anything_stale(&self) -> Result<bool, ControlError> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM inventory_device WHERE stale = 1) + \
             (SELECT COUNT(*) FROM item_judgement WHERE normaliser_version <> $1 OR revision < \
             (SELECT revision FROM judging WHERE only_row = 1))",
        )
        .bind(i64::from(software::NORMALISER_VERSION))
        .fetch_one(self.store.pool())
        .await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// Ends that have come since the last call (of exclusions, of titles) change judgements.
    async fn pass_ends(&self) -> Result<(), ControlError> {
        let now = self.clock.now();
        let row = sqlx::query("SELECT ends_at FROM judging WHERE only_row = 1")
            .fetch_one(self.store.pool())
            .await?;
        let before: i64 = row.try_get(0)?;
        let passed = |end: i64| before < end && end <= now.nanos();
        let ended = sqlx::query(
            "SELECT COUNT(*) FROM exclusion WHERE withdrawn_at IS NULL AND expires_at > $1 AND expires_at <= $2",
        )
        .bind(before)
        .bind(now.nanos())
        .fetch_one(self.store.pool())
        .await?;
        let ended = ended.try_get::<i64, _>(0)? > 0;
        let ground = self.ground().await?;
        let ends_of_life: Vec<String> = ground
            .titles
            .iter()
            .filter(|title| title.end_of_life.is_some_and(|end| passed(end.nanos())))
            .map(|title| title.id.as_str().to_owned())
            .collect();
        // Nothing passed: the mark moves now and then only, so that an idle server writes nothing.
        if !ended && ends_of_life.is_empty() && now.nanos() < before.saturating_add(DAY_NS) {
            return Ok(());
        }
        let mut writing = self.store.write().await?;
        if ended {
            self.titles_changed(&mut writing).await?;
        }
        for title in ends_of_life {
            self.title_changed(&mut writing, &title).await?;
        }
        sqlx::query("UPDATE judging SET ends_at = $1 WHERE only_row = 1")
            .bind(now.nanos())
            .execute(&mut *writing)
            .await?;
        writing.commit().await
    }

    /// One batch of items whose judgement is out of date; whether there may be more.
    async fn judge_stale(&self, ticked: &mut Ticked) -> Result<bool, ControlError> {
        // The lock first: what is read after it stays true until the commit, so that no change made meanwhile is
        // taken for judged.
        let mut writing = self.store.write().await?;
        let ground = self.ground().await?;
        let sql = format!(
            "SELECT s.id, {ITEM_COLUMNS} FROM item_judgement j JOIN software_item s ON s.id = j.item_id \
             WHERE j.revision < $1 OR j.normaliser_version <> $2 LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(ground.revision)
            .bind(i64::from(software::NORMALISER_VERSION))
            .bind(JUDGED_AT_ONCE_MAX)
            .fetch_all(&mut *writing)
            .await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let now = self.clock.now();
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            items.push((row.try_get(0)?, item_of(row, 1, String::new(), None)?));
        }
        let changed = self.judge_items(&mut writing, &ground, &items, now).await?;
        let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
        let head = "UPDATE inventory_device SET stale = 1 WHERE stale = 0 AND device_id IN \
             (SELECT device_id FROM installed WHERE item_id";
        batch::execute_within(&mut writing, head, &[], &changed, ")").await?;
        writing.commit().await?;
        ticked.judged += items.len() as u64;
        Ok(true)
    }

    /// One batch of devices whose findings are out of date; whether there may be more.
    async fn reconcile_stale(&self, ticked: &mut Ticked) -> Result<bool, ControlError> {
        let mut writing = self.store.write().await?;
        let ground = self.ground().await?;
        let rows = sqlx::query(
            "SELECT device_id FROM inventory_device WHERE stale = 1 ORDER BY device_id LIMIT $1",
        )
        .bind(RECONCILED_AT_ONCE_MAX)
        .fetch_all(&mut *writing)
        .await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let now = self.clock.now();
        let mut tally = Tally::default();
        let devices: Vec<String> =
            rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        self.reconcile(&mut writing, &ground, &devices, &mut tally, now).await?;
        self.record_tally(&mut writing, &tally, "judgement").await?;
        writing.commit().await?;
        ticked.opened += tally.opened;
        ticked.closed += tally.closed;
        Ok(true)
    }
}
