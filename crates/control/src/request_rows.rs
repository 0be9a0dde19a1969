//! Requests in the store: one row each, the document as JSON, and copies of what it is found by.

use crate::actor::Permission;
use crate::scope::{Scope, statement};
use crate::store::{Row, Writing, storable};
use crate::view::requests::{HistoryRow, RequestRow};
use crate::{Actor, Control, ControlError};
use case::check::{self, Verdict};
use case::form::Kind;
use case::request::{Request, State};
use model::Timestamp;
use sqlx::Row as _;

/// A stored request.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) request: Request,
    pub(crate) title: String,
    pub(crate) revision: i64,
}

/// The request of an id within a scope; what lies outside does not exist.
pub(crate) async fn load(
    reading: impl sqlx::AnyExecutor<'_>,
    scope: &Scope,
    id: &str,
) -> Result<Stored, ControlError> {
    let condition = scope.on_person("p", 2);
    let sql = format!(
        "SELECT r.document, r.title_id, r.revision FROM request AS r \
         JOIN person AS p ON p.id = r.requester_id WHERE r.id = $1 AND {}",
        condition.sql
    );
    let found = condition.bind(statement(sql).bind(id.to_owned())).fetch_optional(reading).await?;
    let Some(row) = found else {
        let id = id.chars().take(40).collect();
        return Err(ControlError::NotFound { what: "request", id });
    };
    Ok(Stored {
        request: document(id, &row.try_get::<String, _>(0)?)?,
        title: row.try_get(1)?,
        revision: row.try_get(2)?,
    })
}

pub(crate) fn document<T: serde::de::DeserializeOwned>(
    id: &str,
    json: &str,
) -> Result<T, ControlError> {
    serde_json::from_str(json).map_err(|err| ControlError::Corrupt {
        what: "document",
        id: id.to_owned(),
        reason: err.to_string(),
    })
}

pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    let text = serde_json::to_string(value).expect("invariant: plain values, lists and text");
    storable(&text).into_owned()
}

/// Writes a request, new or changed.
pub(crate) async fn save(
    writing: &mut Writing,
    stored: &Stored,
    now: Timestamp,
) -> Result<(), ControlError> {
    let request = &stored.request;
    let decided_at = request.rulings.last().map(|given| given.at.nanos());
    sqlx::query(
        "INSERT INTO request (id, requester_id, kind, state, name, search_key, title_id, assignee_id, worst, \
         pending, followers, created_at, submitted_at, decided_at, state_since, revision, document) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, state = excluded.state, name = excluded.name, \
         search_key = excluded.search_key, title_id = excluded.title_id, assignee_id = excluded.assignee_id, \
         worst = excluded.worst, pending = excluded.pending, followers = excluded.followers, \
         submitted_at = excluded.submitted_at, decided_at = excluded.decided_at, \
         state_since = excluded.state_since, revision = excluded.revision, document = excluded.document",
    )
    .bind(&request.id)
    .bind(&request.requester)
    .bind(request.kind.name())
    .bind(request.state.name())
    .bind(storable(&request.form.name).into_owned())
    .bind(storable(&software::search_key(&request.form.name)).into_owned())
    .bind(&stored.title)
    .bind(request.assignee.clone())
    .bind(check::worst(&request.checks, now).name())
    .bind(count(request.pending.len()))
    .bind(count(request.followers.len()))
    .bind(request.created_at.nanos())
    .bind(request.submitted_at.map(Timestamp::nanos))
    .bind(decided_at)
    .bind(request.state_since.nanos())
    .bind(stored.revision)
    .bind(json(request))
    .execute(&mut **writing)
    .await?;
    sqlx::query("DELETE FROM request_follower WHERE request_id = $1")
        .bind(&request.id)
        .execute(&mut **writing)
        .await?;
    for follower in &request.followers {
        sqlx::query("INSERT INTO request_follower (request_id, person_id) VALUES ($1, $2)")
            .bind(&request.id)
            .bind(follower)
            .execute(&mut **writing)
            .await?;
    }
    Ok(())
}

/// Appends to the history of a request or a decision.
pub(crate) async fn note(
    writing: &mut Writing,
    about: &str,
    row: (Timestamp, Option<&str>, &str, &str, &str),
) -> Result<(), ControlError> {
    let (at, person, what, state, detail) = row;
    let n: i64 = sqlx::query("SELECT COALESCE(MAX(n), 0) FROM case_history WHERE about = $1")
        .bind(about)
        .fetch_one(&mut **writing)
        .await?
        .try_get(0)?;
    sqlx::query(
        "INSERT INTO case_history (about, n, at, person_id, what, state, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(about)
    .bind(n + 1)
    .bind(at.nanos())
    .bind(person.map(str::to_owned))
    .bind(what)
    .bind(state)
    .bind(storable(detail).into_owned())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

pub(crate) async fn history(
    reading: impl sqlx::AnyExecutor<'_>,
    about: &str,
) -> Result<Vec<HistoryRow>, ControlError> {
    let rows = sqlx::query(
        "SELECT h.at, COALESCE(p.name, ''), h.what, h.state, h.detail FROM case_history AS h \
         LEFT JOIN person AS p ON p.id = h.person_id WHERE h.about = $1 ORDER BY h.n LIMIT 2000",
    )
    .bind(about)
    .fetch_all(reading)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(HistoryRow {
                at: Timestamp::from_nanos(row.try_get(0)?),
                by: row.try_get(1)?,
                what: row.try_get(2)?,
                state: row.try_get(3)?,
                detail: row.try_get(4)?,
            })
        })
        .collect()
}

/// The columns of a line, in the order that [`row_of`] reads. `r` is the request, `p` its requester, `a` the
/// reviewer in charge.
pub(crate) const ROW_COLUMNS: &str = "r.id, r.kind, r.state, r.name, r.title_id, r.requester_id, p.name, \
     r.assignee_id, a.name, r.worst, r.pending, r.followers, r.created_at, r.submitted_at, r.state_since";
/// Where the columns come from.
pub(crate) const ROW_TABLES: &str = "request AS r JOIN person AS p ON p.id = r.requester_id \
     LEFT JOIN person AS a ON a.id = r.assignee_id";

pub(crate) fn row_of(row: &Row) -> Result<RequestRow, ControlError> {
    let id: String = row.try_get(0)?;
    let unknown = |reason: &str| ControlError::Corrupt {
        what: "request",
        id: id.clone(),
        reason: format!("unknown {reason}"),
    };
    let number = |place: usize| -> Result<usize, ControlError> {
        Ok(usize::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
    };
    Ok(RequestRow {
        kind: Kind::of_name(&row.try_get::<String, _>(1)?).ok_or_else(|| unknown("kind"))?,
        state: State::of_name(&row.try_get::<String, _>(2)?).ok_or_else(|| unknown("state"))?,
        name: row.try_get(3)?,
        title: row.try_get(4)?,
        requester: row.try_get(5)?,
        requester_name: row.try_get(6)?,
        assignee: row.try_get(7)?,
        assignee_name: row.try_get(8)?,
        worst: Verdict::of_name(&row.try_get::<String, _>(9)?).ok_or_else(|| unknown("verdict"))?,
        pending: number(10)?,
        followers: number(11)?,
        created_at: Timestamp::from_nanos(row.try_get(12)?),
        submitted_at: row.try_get::<Option<i64>, _>(13)?.map(Timestamp::from_nanos),
        state_since: Timestamp::from_nanos(row.try_get(14)?),
        id,
    })
}

/// One request's line.
pub(crate) async fn one_row(
    reading: impl sqlx::AnyExecutor<'_>,
    id: &str,
) -> Result<RequestRow, ControlError> {
    let sql = format!("SELECT {ROW_COLUMNS} FROM {ROW_TABLES} WHERE r.id = $1");
    let row = statement(sql).bind(id.to_owned()).fetch_optional(reading).await?;
    let missing = || ControlError::NotFound { what: "request", id: id.to_owned() };
    row_of(&row.ok_or_else(missing)?)
}

/// Median nanoseconds from handing in to decision of what was decided since.
pub(crate) async fn expected_ns(
    reading: impl sqlx::AnyExecutor<'_>,
    since: Timestamp,
) -> Result<Option<i64>, ControlError> {
    let rows = sqlx::query(
        "SELECT decided_at - submitted_at FROM request WHERE decided_at >= $1 \
         AND submitted_at IS NOT NULL ORDER BY decided_at DESC LIMIT 1000",
    )
    .bind(since.nanos())
    .fetch_all(reading)
    .await?;
    let mut all: Vec<i64> =
        rows.iter().map(|row| row.try_get::<i64, _>(0)).collect::<Result<_, _>>()?;
    all.sort_unstable();
    Ok(all.get(all.len() / 2).copied())
}

impl Control {
    /// A request for reading: one's own, one that is followed, or any within the scope of the permission.
    pub(crate) async fn readable(&self, actor: &Actor, id: &str) -> Result<Stored, ControlError> {
        let stored = load(self.store.pool(), &Scope::All, id).await?;
        let request = &stored.request;
        let is_own = request.requester == actor.id();
        let follows = request.followers.iter().any(|one| one == actor.id());
        if is_own || (follows && request.state != State::Draft) {
            return Ok(stored);
        }
        let missing = || ControlError::NotFound { what: "request", id: id.to_owned() };
        if request.state == State::Draft || !actor.may(Permission::ReadRequests) {
            return Err(missing());
        }
        load(self.store.pool(), &actor.scope(Permission::ReadRequests), id).await
    }
}

pub(crate) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
