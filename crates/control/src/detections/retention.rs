//! What grows with every alert is kept for a while: the alerts that were folded, and detections that are closed.
//!
//! The lake keeps the alerts themselves, and the audit chain who opened, judged and removed what; both stay.
//!
//! Invariant: a detection that is open stays, with its counts, its devices and its history.
//! Invariant: an alert that [`Control::catch_up_alerts`] could still meet stays, so that nothing is counted twice.

use crate::audit::{Action, Cause, Entry};
use crate::limits::{
    CATCH_UP_MARGIN_NS, DAY_NS, DETECTION_DAYS_KEPT, DETECTION_DAYS_KEPT_MAX,
    DETECTION_DAYS_KEPT_MIN, DETECTIONS_REMOVED_AT_ONCE, FOLDED_REMOVED_AT_ONCE,
    FOLDED_REMOVED_PER_ROUND,
};
use crate::store::Writing;
use crate::{Control, ControlError};
use case::risk::Score;
use model::Timestamp;
use serde_json::json;
use sqlx::Row as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What was removed because it was old, since ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Alerts that were folded into detections; the lake has them still.
    pub alerts: u64,
    /// Closed detections.
    pub detections: u64,
}

/// How long, and what was removed as far as this program knows.
#[derive(Debug)]
pub(crate) struct Retention {
    days: AtomicI64,
    removed: Mutex<Removed>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: AtomicI64::new(DETECTION_DAYS_KEPT), removed: Mutex::default() }
    }
}

impl Control {
    /// Keeps folded alerts and closed detections for so many days from now on.
    ///
    /// # Errors
    /// [`ControlError::BadArgument`] for less than a quarter of a year, when risk is not yet over, or more than ten
    /// years.
    pub fn keep_detections(&self, days: i64) -> Result<(), ControlError> {
        if !(DETECTION_DAYS_KEPT_MIN..=DETECTION_DAYS_KEPT_MAX).contains(&days) {
            let reason = "choose 90 to 3650 days";
            return Err(ControlError::BadArgument { what: "the days of detections", reason });
        }
        self.retention.days.store(days, Ordering::Relaxed);
        Ok(())
    }

    /// What was removed since ever, as of the newest round of this program.
    #[must_use]
    pub fn detections_removed(&self) -> Removed {
        *self.retention.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One round: removes what is old, in transactions so small that nobody waits for them.
    pub(crate) async fn remove_old_detections(&self) -> Result<(), ControlError> {
        let (mut alerts, mut detections) = (0, 0);
        let mut of_round = Ok(());
        for _ in 0..FOLDED_REMOVED_PER_ROUND / FOLDED_REMOVED_AT_ONCE {
            match self.remove_some().await {
                Ok(Some(removed)) => {
                    alerts += removed.alerts;
                    detections += removed.detections;
                }
                Ok(None) => break,
                Err(err) => {
                    of_round = Err(err);
                    break;
                }
            }
        }
        if alerts > 0 || detections > 0 {
            tracing::info!(
                alerts,
                detections,
                "old folded alerts and closed detections were removed; the lake and the audit chain have them still"
            );
        }
        of_round
    }

    /// One transaction; `None` when nothing is left to remove.
    async fn remove_some(&self) -> Result<Option<Removed>, ControlError> {
        let now = self.clock.now();
        let Some(before) = self.removable_before(now).await? else { return Ok(None) };
        let mut writing = self.store.write().await?;
        let alerts = sqlx::query(
            "DELETE FROM detection_alert WHERE alert_id IN (SELECT alert_id FROM detection_alert \
             WHERE detected_at < $1 ORDER BY detected_at, alert_id LIMIT $2)",
        )
        .bind(before.nanos())
        .bind(FOLDED_REMOVED_AT_ONCE)
        .execute(&mut *writing)
        .await?
        .rows_affected();
        let detections = closed_and_bare(&mut writing, before).await?;
        if alerts == 0 && detections.is_empty() {
            return Ok(None);
        }
        remove(&mut writing, &detections, now).await?;
        if !detections.is_empty() {
            let entry = Entry {
                cause: Cause::Machine,
                action: Action::DetectionsRemoved,
                target: "detections".to_owned(),
                detail: json!({ "removed": detections, "before": before.to_string() }),
            };
            self.append(&mut writing, &entry).await?;
        }
        let removed = Removed { alerts, detections: detections.len() as u64 };
        let all = remember(&mut writing, removed, now).await?;
        writing.commit().await?;
        *self.retention.removed.lock().unwrap_or_else(PoisonError::into_inner) = all;
        Ok(Some(removed))
    }

    /// What was judged before this may go: it is old, and catching up after a crash begins later. `None`: nothing was
    /// ever taken, or not for long enough.
    async fn removable_before(&self, now: Timestamp) -> Result<Option<Timestamp>, ControlError> {
        let row = sqlx::query(
            "SELECT coming_from, taken_to, removed_alerts, removed_detections, \
             (SELECT MIN(detected_at) FROM detection_alert), \
             (SELECT MIN(opened_at) FROM detection WHERE status = 'closed') FROM detection_mark",
        )
        .fetch_optional(self.store.pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (coming, taken): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        let known = Removed { alerts: count(row.try_get(2)?), detections: count(row.try_get(3)?) };
        *self.retention.removed.lock().unwrap_or_else(PoisonError::into_inner) = known;
        let Some(taken) = taken else { return Ok(None) };
        // By the newest alert as well as by the clock: one that was set forward by mistake must not empty the table.
        let newest = now.nanos().min(taken);
        let old = newest.saturating_sub(self.retention.days.load(Ordering::Relaxed) * DAY_NS);
        let before =
            old.min(taken.saturating_sub(CATCH_UP_MARGIN_NS)).min(coming.unwrap_or(i64::MAX));
        let oldest: (Option<i64>, Option<i64>) = (row.try_get(4)?, row.try_get(5)?);
        let any = [oldest.0, oldest.1].into_iter().flatten().any(|oldest| oldest < before);
        Ok(any.then_some(Timestamp::from_nanos(before)))
    }
}

/// Counts what was removed; gives the sums.
async fn remember(
    writing: &mut Writing,
    removed: Removed,
    now: Timestamp,
) -> Result<Removed, ControlError> {
    let stored = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE detection_mark SET removed_alerts = removed_alerts + $1, \
         removed_detections = removed_detections + $2, removed_at = $3",
    )
    .bind(stored(removed.alerts))
    .bind(stored(removed.detections))
    .bind(now.nanos())
    .execute(&mut **writing)
    .await?;
    let row = sqlx::query("SELECT removed_alerts, removed_detections FROM detection_mark")
        .fetch_one(&mut **writing)
        .await?;
    Ok(Removed { alerts: count(row.try_get(0)?), detections: count(row.try_get(1)?) })
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Some detections that nobody touched for long: closed, and none of their alerts is left.
async fn closed_and_bare(
    writing: &mut Writing,
    before: Timestamp,
) -> Result<Vec<String>, ControlError> {
    let rows = sqlx::query(
        "SELECT d.id FROM detection AS d WHERE d.status = 'closed' AND d.opened_at < $1 AND NOT EXISTS \
         (SELECT 1 FROM detection_alert AS a WHERE a.detection_id = d.id) AND NOT EXISTS \
         (SELECT 1 FROM detection_event AS e WHERE e.detection_id = d.id AND e.at >= $2) \
         ORDER BY d.opened_at, d.id LIMIT $3",
    )
    .bind(before.nanos())
    .bind(before.nanos())
    .bind(DETECTIONS_REMOVED_AT_ONCE)
    .fetch_all(&mut **writing)
    .await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Removes detections with everything of them, and the risk that faded with them.
async fn remove(
    writing: &mut Writing,
    detections: &[String],
    now: Timestamp,
) -> Result<(), ControlError> {
    if detections.is_empty() {
        return Ok(());
    }
    for id in detections {
        for sql in [
            "DELETE FROM risk_part WHERE detection_id = $1",
            "DELETE FROM detection_device WHERE detection_id = $1",
            "DELETE FROM detection_event WHERE detection_id = $1",
            "DELETE FROM detection WHERE id = $1",
        ] {
            sqlx::query(sql).bind(id.clone()).execute(&mut **writing).await?;
        }
    }
    let faded = Score { value: FADED_POINTS, at: now };
    sqlx::query(
        "DELETE FROM risk WHERE rank < $1 AND NOT EXISTS (SELECT 1 FROM risk_part AS p \
         WHERE p.kind = risk.kind AND p.entity = risk.entity)",
    )
    .bind(faded.rank())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// A risk of fewer points is not told from none.
const FADED_POINTS: f64 = 0.01;
