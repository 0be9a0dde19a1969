//! Decisions in the store: one row each, the document as JSON, and copies of what it is found by.

use crate::ControlError;
use crate::recipient::{self, Recipient};
use crate::request_rows::{document, json};
use crate::scope::statement;
use crate::store::Writing;
use crate::view::requests::Cause;
use case::check::{CheckKind, PendingCheck};
use case::decision::{Decision, Life};
use model::Timestamp;
use sqlx::Row as _;

/// A stored decision.
#[derive(Debug, Clone)]
pub(crate) struct StoredDecision {
    pub(crate) decision: Decision,
    pub(crate) revision: i64,
}

/// The source to ask about a hash; none for what is no hash.
pub(crate) fn hash_sources(sha256: &str, now: Timestamp) -> Vec<PendingCheck> {
    if !case::form::is_sha256(sha256) {
        return Vec::new();
    }
    vec![PendingCheck { kind: CheckKind::Hash, subject: sha256.to_owned(), since: now }]
}

pub(crate) async fn one(
    reading: impl sqlx::AnyExecutor<'_>,
    id: &str,
) -> Result<StoredDecision, ControlError> {
    let row = sqlx::query("SELECT document, revision FROM decision WHERE id = $1")
        .bind(id)
        .fetch_optional(reading)
        .await?;
    let Some(row) = row else {
        let id = id.chars().take(40).collect();
        return Err(ControlError::NotFound { what: "decision", id });
    };
    let decision = document(id, &row.try_get::<String, _>(0)?)?;
    Ok(StoredDecision { decision, revision: row.try_get(1)? })
}

/// Every decision on a title, the newest first.
pub(crate) async fn of_title(
    reading: impl sqlx::AnyExecutor<'_>,
    title: &str,
) -> Result<Vec<StoredDecision>, ControlError> {
    listed(reading, "title_id = $1", title).await
}

/// Every decision with a force.
pub(crate) async fn of_life(
    reading: impl sqlx::AnyExecutor<'_>,
    life: Life,
) -> Result<Vec<StoredDecision>, ControlError> {
    listed(reading, "life = $1", life.name()).await
}

async fn listed(
    reading: impl sqlx::AnyExecutor<'_>,
    condition: &'static str,
    value: &str,
) -> Result<Vec<StoredDecision>, ControlError> {
    let sql = format!("SELECT id, document, revision FROM decision WHERE {condition}");
    let rows = statement(sql).bind(value.to_owned()).fetch_all(reading).await?;
    let mut decisions = Vec::with_capacity(rows.len());
    for row in &rows {
        let decision = document(&row.try_get::<String, _>(0)?, &row.try_get::<String, _>(1)?)?;
        decisions.push(StoredDecision { decision, revision: row.try_get(2)? });
    }
    decisions.sort_by(|left, right| {
        let key = |one: &StoredDecision| (one.decision.at, one.decision.id.clone());
        key(right).cmp(&key(left))
    });
    Ok(decisions)
}

pub(crate) async fn save(
    writing: &mut Writing,
    stored: &StoredDecision,
) -> Result<(), ControlError> {
    let decision = &stored.decision;
    let answers =
        decision.pending.iter().map(|one| one.since.plus_nanos(case::limits::CHECK_ANSWER_NS_MAX));
    let is_live = matches!(decision.life, Life::Active | Life::ReReview);
    let known = decision.rechecks.iter().any(|one| one.cause == Cause::Expiry);
    let expiry = decision.ruling.valid_until.filter(|_| is_live && !known);
    let due = answers.chain(expiry).min().map(Timestamp::nanos);
    sqlx::query(
        "INSERT INTO decision (id, title_id, request_id, life, due_at, revision, document) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET life = excluded.life, \
         due_at = excluded.due_at, revision = excluded.revision, document = excluded.document",
    )
    .bind(&decision.id)
    .bind(&decision.title)
    .bind(decision.request.clone())
    .bind(decision.life.name())
    .bind(due)
    .bind(stored.revision)
    .bind(json(decision))
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Everybody who asked for a title or followed such a request.
pub(crate) async fn askers(
    writing: &mut Writing,
    title: &str,
) -> Result<Vec<Recipient>, ControlError> {
    let rows = sqlx::query(
        "SELECT requester_id FROM request WHERE title_id = $1 AND state <> 'draft' UNION \
         SELECT f.person_id FROM request_follower AS f JOIN request AS r ON r.id = f.request_id \
         WHERE r.title_id = $1",
    )
    .bind(title)
    .fetch_all(&mut **writing)
    .await?;
    let mut people = Vec::new();
    for row in &rows {
        let id: String = row.try_get(0)?;
        people.extend(recipient::recipient(&mut **writing, &id).await?);
    }
    Ok(people)
}

/// Versions of a title that are on our devices now.
pub(crate) async fn versions_in_use(
    writing: &mut Writing,
    title: &str,
) -> Result<Vec<String>, ControlError> {
    let rows = sqlx::query(
        "SELECT DISTINCT i.version FROM item_judgement AS j JOIN software_item AS i ON i.id = j.item_id \
         WHERE j.title_id = $1 AND j.outcome = 'confirmed' AND i.version <> '' LIMIT 500",
    )
    .bind(title)
    .fetch_all(&mut **writing)
    .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Versions of a browser extension that our devices have reported.
pub(crate) async fn versions_of_extension(
    writing: &mut Writing,
    extension_id: &str,
) -> Result<Vec<String>, ControlError> {
    if extension_id.trim().is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT DISTINCT version FROM software_item WHERE identifier = $1 AND version <> '' \
         AND source IN ('chrome', 'chromium', 'edge', 'brave', 'vivaldi', 'opera', 'firefox') LIMIT 500",
    )
    .bind(extension_id.trim())
    .fetch_all(&mut **writing)
    .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
