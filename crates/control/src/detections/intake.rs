//! Alerts in: each once, whatever happens between the lake and here.

use super::came::{COLUMNS, Came};
use super::risk::Risks;
use super::stored::Stored;
use crate::audit::{Action, Cause, Entry};
use crate::batch::{self, Cell};
use crate::limits::{CATCH_UP_MARGIN_NS, CATCH_UP_NS_MAX, CATCH_UP_ROWS};
use crate::rows::{Parameters, rows_of};
use crate::store::Writing;
use crate::{Control, ControlError, random};
use case::detection::Detection;
use model::{Alert, AlertId, Timestamp};
use serde_json::json;
use sqlx::Row as _;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What became of alerts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Alerts that were not known.
    pub alerts: u64,
    /// Detections that were opened.
    pub opened: u64,
}

impl Control {
    /// Says before the lake's commit which alerts are about to come, so that they are not forgotten when the server
    /// ends before it has taken them.
    ///
    /// # Errors
    /// The store's.
    pub async fn alerts_coming(&self, alerts: &[Alert]) -> Result<(), ControlError> {
        let Some(from) = earliest(alerts) else { return Ok(()) };
        let mut writing = self.store.write().await?;
        sqlx::query(
            "INSERT INTO detection_mark (only_row, coming_from, taken_to) VALUES (1, $1, NULL) \
             ON CONFLICT (only_row) DO UPDATE SET coming_from = CASE \
             WHEN detection_mark.coming_from IS NULL OR detection_mark.coming_from > excluded.coming_from \
             THEN excluded.coming_from ELSE detection_mark.coming_from END",
        )
        .bind(from.nanos())
        .execute(&mut *writing)
        .await?;
        writing.commit().await
    }

    /// Folds alerts that the lake has. Those that came before change nothing.
    ///
    /// # Errors
    /// The store's; nothing was taken then.
    pub async fn take_alerts(&self, alerts: &[Alert]) -> Result<Taken, ControlError> {
        let Some(from) = earliest(alerts) else { return Ok(Taken::default()) };
        let came: Vec<Came> =
            alerts.iter().filter(|alert| Came::folds(alert.level)).map(Came::of_alert).collect();
        let mut writing = self.store.write().await?;
        let taken = self.fold(&mut writing, &came).await?;
        // An older mark stays: what it stands for was not taken yet.
        sqlx::query("UPDATE detection_mark SET coming_from = NULL WHERE coming_from >= $1")
            .bind(from.nanos())
            .execute(&mut *writing)
            .await?;
        writing.commit().await?;
        Ok(taken)
    }

    /// Takes what the lake has and a crash kept from being taken. To be called while no alert is on its way: when
    /// the server starts, and after a [`Control::take_alerts`] that failed.
    ///
    /// # Errors
    /// The store's or the lake's; what was taken until then stays taken.
    pub async fn catch_up_alerts(&self) -> Result<Taken, ControlError> {
        let mut from = self.taken_to().await?;
        let (mut all, mut last) = (Taken::default(), String::new());
        loop {
            let (page, rows) = self.alerts_judged_from(from, &last).await?;
            let Some(newest) = page.last() else { break };
            (from, last) = (newest.detected_at, newest.id.to_string());
            let ended = rows < CATCH_UP_ROWS;
            let mut writing = self.store.write().await?;
            let taken = self.fold(&mut writing, &page).await?;
            writing.commit().await?;
            all.alerts += taken.alerts;
            all.opened += taken.opened;
            if ended {
                break;
            }
        }
        let mut writing = self.store.write().await?;
        sqlx::query("UPDATE detection_mark SET coming_from = NULL").execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(all)
    }

    /// Every alert that was judged before was taken.
    async fn taken_to(&self) -> Result<Timestamp, ControlError> {
        let row = sqlx::query("SELECT coming_from, taken_to FROM detection_mark")
            .fetch_optional(self.store.pool())
            .await?;
        let (coming, taken): (Option<i64>, Option<i64>) = match &row {
            Some(row) => (row.try_get(0)?, row.try_get(1)?),
            None => (None, None),
        };
        // The margin is for clocks that were set back a little. One that was far ahead for a while must not hide what
        // was judged since: nothing that is still to come was taken.
        let now = self.clock.now().nanos();
        let taken = taken.map(|taken| taken.min(now).saturating_sub(CATCH_UP_MARGIN_NS));
        let from = match (coming, taken) {
            (Some(coming), Some(taken)) => coming.min(taken),
            (_, Some(taken)) => taken,
            // Nothing was ever taken: an installation of an earlier version, or the first crash of all.
            (_, None) => now.saturating_sub(CATCH_UP_NS_MAX),
        };
        Ok(Timestamp::from_nanos(from))
    }

    /// A page of the lake's alerts in the order of their judgement, and how many rows it had: one that cannot be read is
    /// said and passed over, so that it holds up nobody else's (P9).
    async fn alerts_judged_from(
        &self,
        from: Timestamp,
        after: &str,
    ) -> Result<(Vec<Came>, usize), ControlError> {
        let mut parameters = Parameters::default();
        let at = parameters.bind_time(from);
        let after = parameters.bind(after);
        let sql = format!(
            "SELECT {COLUMNS} FROM alert WHERE level <> 'informational' \
             AND (detected_at > {at} OR detected_at = {at} AND id > {after}) ORDER BY detected_at, id LIMIT {CATCH_UP_ROWS}"
        );
        let found = self.lake.query_with(&sql, parameters.values(), CATCH_UP_ROWS).await?;
        let mut page = Vec::with_capacity(found.rows.len());
        for mut cells in rows_of(&found, "alert") {
            match Came::of_cells(&mut cells) {
                Ok(came) => page.push(came),
                Err(err) => {
                    tracing::error!(error = %err, "an alert of the lake is damaged and in no finding");
                }
            }
        }
        Ok((page, found.rows.len()))
    }

    /// Counts what is new among these.
    async fn fold(&self, writing: &mut Writing, came: &[Came]) -> Result<Taken, ControlError> {
        let fresh = unknown(writing, came).await?;
        let mut by_rule: BTreeMap<&str, Vec<&Came>> = BTreeMap::new();
        for one in &fresh {
            by_rule.entry(&one.rule_id).or_default().push(one);
        }
        let mut taken = Taken::default();
        let (mut risks, mut opened) = (Risks::default(), Vec::new());
        for alerts in by_rule.values() {
            let is_new = self.fold_rule(writing, alerts, &mut risks).await?;
            taken.alerts += alerts.len() as u64;
            opened.extend(is_new);
        }
        risks.save(writing).await?;
        taken.opened = opened.len() as u64;
        if let Some(newest) = fresh.iter().map(|one| one.detected_at.nanos()).max() {
            sqlx::query(
                "INSERT INTO detection_mark (only_row, coming_from, taken_to) VALUES (1, NULL, $1) \
                 ON CONFLICT (only_row) DO UPDATE SET taken_to = CASE \
                 WHEN detection_mark.taken_to IS NULL OR detection_mark.taken_to < excluded.taken_to \
                 THEN excluded.taken_to ELSE detection_mark.taken_to END",
            )
            .bind(newest)
            .execute(&mut **writing)
            .await?;
        }
        if !opened.is_empty() {
            let entry = Entry {
                cause: Cause::Machine,
                action: Action::DetectionsOpened,
                target: "detections".to_owned(),
                detail: json!({ "opened": opened }),
            };
            self.append(writing, &entry).await?;
        }
        Ok(taken)
    }

    /// Folds new alerts of one rule. The detection's identifier when it was opened.
    async fn fold_rule(
        &self,
        writing: &mut Writing,
        alerts: &[&Came],
        risks: &mut Risks,
    ) -> Result<Option<String>, ControlError> {
        let Some(first) = alerts.first() else { return Ok(None) };
        let mut is_new = None;
        let mut stored = match Stored::open_of(writing, &first.rule_id).await? {
            Some(stored) => stored,
            None => {
                let stored = self.opened(writing, first).await?;
                is_new = Some(stored.id.clone());
                stored
            }
        };
        let new_devices = fold_devices(writing, &stored.id, alerts).await?;
        for one in alerts {
            // A clock that runs ahead must not make an alert the newest for years.
            let at = one.happened_at();
            if stored.alerts == 0 || at >= stored.last_at {
                stored.title.clone_from(&one.title);
                stored.title_ja.clone_from(&one.title_ja);
                stored.rule_revision.clone_from(&one.rule_revision);
                stored.tactics.clone_from(&one.tactics);
                stored.last_at = at;
                stored.sample = one.id;
            }
            stored.first_at = stored.first_at.min(at);
            stored.level = stored.level.max(one.level);
            stored.alerts += 1;
            risks.add(writing, &stored.id, one).await?;
        }
        stored.devices += new_devices;
        stored.save_counts(writing).await?;
        let row = |one: &&Came| {
            vec![
                Cell::from(one.id.to_string()),
                Cell::from(stored.id.as_str()),
                Cell::from(one.device.to_string()),
                Cell::from(one.happened_at().nanos()),
                Cell::from(one.detected_at.nanos()),
            ]
        };
        let rows: Vec<Vec<Cell>> = alerts.iter().map(row).collect();
        let head = "INSERT INTO detection_alert (alert_id, detection_id, device_id, observed_at, detected_at)";
        batch::insert(writing, head, &rows, "").await?;
        Ok(is_new)
    }

    /// Opens a detection for its first alert, which is not counted yet.
    async fn opened(&self, writing: &mut Writing, first: &Came) -> Result<Stored, ControlError> {
        let now = self.clock.now();
        let stored = Stored {
            id: random::secret()?,
            rule_id: first.rule_id.clone(),
            title: first.title.clone(),
            title_ja: first.title_ja.clone(),
            rule_revision: first.rule_revision.clone(),
            level: first.level,
            tactics: first.tactics.clone(),
            state: Detection::open(now),
            opened_at: now,
            first_at: first.happened_at(),
            last_at: first.happened_at(),
            alerts: 0,
            devices: 0,
            sample: first.id,
            before: Stored::newest_of(writing, &first.rule_id).await?,
            revision: 0,
        };
        stored.insert(writing).await?;
        self.note_step(writing, &stored.id, "machine", "opened", "").await?;
        Ok(stored)
    }
}

/// When the first of them was judged; `None` when none of them is folded.
fn earliest(alerts: &[Alert]) -> Option<Timestamp> {
    alerts.iter().filter(|alert| Came::folds(alert.level)).map(|alert| alert.detected_at).min()
}

/// Those that were not taken before, each once, in their order.
async fn unknown(writing: &mut Writing, came: &[Came]) -> Result<Vec<Came>, ControlError> {
    let ids: Vec<String> = came.iter().map(|one| one.id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let head = "SELECT alert_id FROM detection_alert WHERE alert_id";
    let mut known: HashSet<AlertId> = HashSet::new();
    for row in batch::fetch_in(&mut *writing, head, &[], &ids, "").await? {
        let id: String = row.try_get(0)?;
        known.extend(AlertId::parse(&id).ok());
    }
    Ok(came.iter().filter(|one| known.insert(one.id)).cloned().collect())
}

/// Counts alerts on their devices; gives how many devices are new to the detection.
async fn fold_devices(
    writing: &mut Writing,
    detection: &str,
    alerts: &[&Came],
) -> Result<i64, ControlError> {
    struct OnDevice {
        alerts: i64,
        first: i64,
        last: i64,
        sample: String,
    }
    let mut devices: HashMap<String, OnDevice> = HashMap::new();
    let names: HashSet<String> = alerts.iter().map(|one| one.device.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let head = "SELECT device_id, alerts, first_at, last_at, sample_alert FROM detection_device \
         WHERE detection_id = $1 AND device_id";
    for row in batch::fetch_in(&mut *writing, head, &[detection], &names, "").await? {
        let known = OnDevice {
            alerts: row.try_get(1)?,
            first: row.try_get(2)?,
            last: row.try_get(3)?,
            sample: row.try_get(4)?,
        };
        devices.insert(row.try_get(0)?, known);
    }
    let mut new = 0;
    for one in alerts {
        let at = one.happened_at().nanos();
        let device = devices.entry(one.device.to_string()).or_insert_with(|| {
            new += 1;
            OnDevice { alerts: 0, first: at, last: at, sample: one.id.to_string() }
        });
        device.alerts += 1;
        device.first = device.first.min(at);
        if at >= device.last {
            device.last = at;
            device.sample = one.id.to_string();
        }
    }
    let rows: Vec<Vec<Cell>> = devices
        .into_iter()
        .map(|(id, device)| {
            let OnDevice { alerts, first, last, sample } = device;
            let numbers = [alerts, first, last].map(Cell::from);
            [vec![Cell::from(detection), Cell::from(id)], numbers.to_vec(), vec![sample.into()]]
                .concat()
        })
        .collect();
    let head = "INSERT INTO detection_device (detection_id, device_id, alerts, first_at, last_at, sample_alert)";
    let tail = "ON CONFLICT (detection_id, device_id) DO UPDATE SET alerts = excluded.alerts, \
         first_at = excluded.first_at, last_at = excluded.last_at, sample_alert = excluded.sample_alert";
    batch::insert(writing, head, &rows, tail).await?;
    Ok(new)
}
