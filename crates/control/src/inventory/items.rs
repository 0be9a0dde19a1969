//! Distinct items: their rows, their ids, and their judgements.

use crate::batch::{self, Cell};
use crate::ground::{Ground, Judged, Place, told_apart};
use crate::limits::RECHECK_DETAIL_CHARS_MAX;
use crate::store::{Row, Writing, storable};
use crate::{Control, ControlError};
use case::decision::{Cause, Recheck};
use case::judgement::Verdict;
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use software::{Identification, search_key};
use sqlx::Row as _;
use std::collections::{HashMap, HashSet};

/// The columns that [`item_of`] reads, of `software_item AS s`.
pub(crate) const ITEM_COLUMNS: &str = "s.source, s.name, s.version, s.publisher, s.identifier, s.architecture, s.path, \
    s.user_name, s.profile, s.permissions, s.install_source, s.origin_url, s.sha256, s.signer, s.size_bytes, s.enabled";

/// The id of an item's distinct part.
pub(crate) fn id_of(item: &InventoryItem) -> String {
    let distinct = InventoryItem { key: String::new(), installed_at: None, ..item.clone() };
    let digest = distinct.digest();
    crate::digest::hex(digest.get(..16).unwrap_or(&digest))
}

/// An item of its row, from a column on; key and time of installation are the caller's.
pub(crate) fn item_of(
    row: &Row,
    from: usize,
    key: String,
    installed_at: Option<i64>,
) -> Result<InventoryItem, ControlError> {
    let source: String = row.try_get(from)?;
    let damaged =
        |reason: String| ControlError::Corrupt { what: "software item", id: key.clone(), reason };
    let known =
        SoftwareSource::of_name(&source).ok_or_else(|| damaged(format!("source {source:?}")))?;
    let permissions: String = row.try_get(from + 9)?;
    Ok(InventoryItem {
        name: row.try_get(from + 1)?,
        version: row.try_get(from + 2)?,
        publisher: row.try_get(from + 3)?,
        identifier: row.try_get(from + 4)?,
        architecture: row.try_get(from + 5)?,
        path: row.try_get(from + 6)?,
        user: row.try_get(from + 7)?,
        profile: row.try_get(from + 8)?,
        permissions: if permissions.is_empty() {
            Vec::new()
        } else {
            serde_json::from_str(&permissions).map_err(|err| damaged(err.to_string()))?
        },
        install_source: row.try_get(from + 10)?,
        origin_url: row.try_get(from + 11)?,
        sha256: row.try_get(from + 12)?,
        signer: row.try_get(from + 13)?,
        size_bytes: row
            .try_get::<Option<i64>, _>(from + 14)?
            .and_then(|size| u64::try_from(size).ok()),
        enabled: row.try_get::<Option<i64>, _>(from + 15)?.map(|flag| flag != 0),
        installed_at: installed_at.map(Timestamp::from_nanos),
        ..InventoryItem::new(known, key, "")
    })
}

/// Stores the items that are not known yet; gives those.
pub(crate) async fn store(
    writing: &mut Writing,
    items: &HashMap<&str, &InventoryItem>,
    now: Timestamp,
) -> Result<Vec<(String, InventoryItem)>, ControlError> {
    let ids: Vec<&str> = items.keys().copied().collect();
    let mut known = HashSet::new();
    for row in
        batch::fetch_in(writing, "SELECT id FROM software_item WHERE id", &[], &ids, "").await?
    {
        known.insert(row.try_get::<String, _>(0)?);
    }
    let mut fresh = Vec::new();
    let mut rows = Vec::new();
    for (id, item) in items.iter().filter(|(id, _)| !known.contains(**id)) {
        fresh.push(((*id).to_owned(), (*item).clone()));
        rows.push(cells(id, item, now));
    }
    batch::insert(writing, INSERT_ITEM, &rows, "ON CONFLICT (id) DO NOTHING").await?;
    Ok(fresh)
}

fn cells(id: &str, item: &InventoryItem, now: Timestamp) -> Vec<Cell> {
    let text = |text: &str| Cell::Text(storable(text).into_owned());
    let permissions = if item.permissions.is_empty() {
        String::new()
    } else {
        // JSON escapes what the databases cannot keep.
        serde_json::json!(item.permissions).to_string()
    };
    let size = item.size_bytes.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    let words = format!("{} {} {}", item.name, item.publisher, item.identifier);
    vec![
        Cell::from(id),
        Cell::from(item.source.name()),
        text(&item.name),
        text(&item.version),
        text(&item.publisher),
        text(&item.identifier),
        text(&item.architecture),
        text(&item.path),
        text(&item.user),
        text(&item.profile),
        Cell::Text(permissions),
        text(&item.install_source),
        text(&item.origin_url),
        text(&item.sha256),
        text(&item.signer),
        Cell::from(size),
        Cell::from(item.enabled.map(i64::from)),
        text(&search_key(&words)),
        Cell::from(now.nanos()),
    ]
}

impl Control {
    /// Judges items and stores the judgements; a version that nobody looked at begins its own re-check. Gives the ids
    /// whose findings may differ now.
    pub(crate) async fn judge_items(
        &self,
        writing: &mut Writing,
        ground: &Ground,
        items: &[(String, InventoryItem)],
        now: Timestamp,
    ) -> Result<Vec<String>, ControlError> {
        let ids: Vec<&str> = items.iter().map(|(id, _)| id.as_str()).collect();
        let before = judgements_of(writing, &ids).await?;
        let mut rows = Vec::with_capacity(items.len());
        let mut changed = Vec::new();
        let mut hits: HashMap<String, i64> = HashMap::new();
        for (id, item) in items {
            let judged = ground.judge(item, Place::default(), now);
            let kind = judged.kind(item.source).map_or("", |kind| kind.name());
            if before.get(id).is_none_or(|old| {
                (old.0.as_str(), old.1.as_str(), old.2.as_str())
                    != (judged.subject.as_str(), judged.judgement.verdict.name(), kind)
                    || judged.per_device
            }) {
                changed.push(id.clone());
            }
            if let Some(exclusion) = &judged.judgement.exclusion
                && before.get(id).is_none_or(|old| &old.3 != exclusion)
            {
                *hits.entry(exclusion.clone()).or_default() += 1;
            }
            if !before.contains_key(id) || judged.judgement.verdict == Verdict::NewVersion {
                self.drift(writing, ground, &judged, item, now).await?;
            }
            if judged.judgement.verdict == Verdict::NewVersion && told_apart(item) {
                self.recheck(writing, &judged, item, now).await?;
            }
            rows.push(judgement_cells(id, &judged, kind, ground.revision));
        }
        if !rows.is_empty() {
            let number = next_batch(writing).await?;
            rows.iter_mut().for_each(|row| row.push(Cell::from(number)));
        }
        batch::insert(writing, INSERT_JUDGEMENT, &rows, UPDATE_JUDGEMENT).await?;
        for (exclusion, times) in hits {
            sqlx::query("UPDATE exclusion SET hits = hits + $1 WHERE id = $2")
                .bind(times)
                .bind(exclusion)
                .execute(&mut **writing)
                .await?;
        }
        Ok(changed)
    }

    async fn recheck(
        &self,
        writing: &mut Writing,
        judged: &Judged,
        item: &InventoryItem,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let Some(title) = judged.identification.outcome.confirmed() else { return Ok(()) };
        let cause = if item.source.is_browser() { Cause::NewVersion } else { Cause::NewHash };
        let detail = format!("{} {} ({})", item.name, item.version, item.source.name());
        let recheck = Recheck {
            cause,
            version: item.version.clone(),
            sha256: item.sha256.clone(),
            detail: detail.chars().take(RECHECK_DETAIL_CHARS_MAX).collect(),
            detail_ja: String::new(),
            since: now,
        };
        self.begin_recheck(writing, title, &recheck).await
    }
}

/// The number of the next batch of judgements (see [`crate::context`]).
async fn next_batch(writing: &mut Writing) -> Result<i64, ControlError> {
    sqlx::query("UPDATE judged_batch SET newest = newest + 1 WHERE only_row = 1")
        .execute(&mut **writing)
        .await?;
    let row = sqlx::query("SELECT newest FROM judged_batch WHERE only_row = 1")
        .fetch_one(&mut **writing)
        .await?;
    Ok(row.try_get(0)?)
}

/// Subject, verdict, kind and exclusion by item.
async fn judgements_of(
    writing: &mut Writing,
    ids: &[&str],
) -> Result<HashMap<String, (String, String, String, String)>, ControlError> {
    let head =
        "SELECT item_id, subject, verdict, kind, exclusion_id FROM item_judgement WHERE item_id";
    let mut found = HashMap::with_capacity(ids.len());
    for row in batch::fetch_in(writing, head, &[], ids, "").await? {
        let of = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        found.insert(row.try_get(0)?, of);
    }
    Ok(found)
}

fn judgement_cells(id: &str, judged: &Judged, kind: &str, revision: i64) -> Vec<Cell> {
    let identification = &judged.identification;
    vec![
        Cell::from(id),
        Cell::from(identification.outcome.name()),
        Cell::Text(evidence_of(identification)),
        Cell::from(judged.title.as_str()),
        Cell::Text(storable(&judged.subject).into_owned()),
        Cell::Text(storable(&judged.subject_name).into_owned()),
        Cell::from(judged.judgement.verdict.name()),
        Cell::from(kind),
        Cell::from(judged.judgement.exclusion.as_deref().unwrap_or_default()),
        Cell::from(judged.per_device),
        Cell::from(i64::from(identification.normaliser_version)),
        Cell::from(revision),
    ]
}

fn evidence_of(identification: &Identification) -> String {
    if identification.evidence.is_empty() {
        return String::new();
    }
    let steps: Vec<&str> =
        identification.steps.iter().take(EVIDENCE_STEPS_MAX).map(|step| step.en.as_str()).collect();
    // JSON escapes what the databases cannot keep.
    serde_json::json!(steps).to_string()
}

const EVIDENCE_STEPS_MAX: usize = 20;
const INSERT_ITEM: &str = "INSERT INTO software_item (id, source, name, version, publisher, identifier, architecture, \
    path, user_name, profile, permissions, install_source, origin_url, sha256, signer, size_bytes, enabled, search_key, \
    first_seen_at)";
const INSERT_JUDGEMENT: &str = "INSERT INTO item_judgement (item_id, outcome, evidence, title_id, subject, subject_name, verdict, \
    kind, exclusion_id, per_device, normaliser_version, revision, batch)";
const UPDATE_JUDGEMENT: &str = "ON CONFLICT (item_id) DO UPDATE SET outcome = excluded.outcome, \
    evidence = excluded.evidence, title_id = excluded.title_id, subject = excluded.subject, subject_name = excluded.subject_name, \
    verdict = excluded.verdict, kind = excluded.kind, exclusion_id = excluded.exclusion_id, \
    per_device = excluded.per_device, normaliser_version = excluded.normaliser_version, revision = excluded.revision, batch = excluded.batch";
