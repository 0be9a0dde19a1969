//! Findings as lists and pages.

use super::stored::{Stored, about};
use crate::audit::{Action, Cause, Entry};
use crate::inventory::{INSTALLED_SQL, installed_row};
use crate::scope::{Scope, statement};
use crate::store::Row;
use crate::view::PAGE_ROWS_MAX;
use crate::view::findings::{
    Explained, FindingCursor, FindingEvent, FindingFilter, FindingList, FindingPage, FindingRow,
    ProofRow, SentMessage,
};
use crate::{Actor, Control, ControlError, Permission};
use case::finding::{Closing, Kind, Rung, Status};
use case::remedy::Channel;
use model::Timestamp;
use serde_json::json;
use software::search_key;
use sqlx::Row as _;

/// The columns that [`finding_row`] reads; joins device and owner.
pub(crate) const FINDING_ROW_SQL: &str = "SELECT f.id, f.kind, f.status, f.closing, f.subject, f.name, f.version, f.device_id, d.name, \
    COALESCE(p.name, ''), f.opened_at, f.last_seen_at, f.due_at, f.stale, f.reopened, f.request_id \
    FROM finding AS f JOIN device AS d ON d.id = f.device_id LEFT JOIN person AS p ON p.id = d.owner_id";

/// A row of [`FINDING_ROW_SQL`].
pub(crate) fn finding_row(row: &Row) -> Result<FindingRow, ControlError> {
    let id: String = row.try_get(0)?;
    let damaged = |reason: &str| ControlError::Corrupt {
        what: "finding",
        id: id.clone(),
        reason: reason.to_owned(),
    };
    Ok(FindingRow {
        kind: Kind::of_name(&row.try_get::<String, _>(1)?)
            .ok_or_else(|| damaged("its kind is unknown"))?,
        status: Status::of_name(&row.try_get::<String, _>(2)?)
            .ok_or_else(|| damaged("its status is unknown"))?,
        closing: Closing::of_name(&row.try_get::<String, _>(3)?),
        subject: row.try_get(4)?,
        name: row.try_get(5)?,
        version: row.try_get(6)?,
        device: crate::enrol::stored_device(&row.try_get::<String, _>(7)?)?,
        device_name: row.try_get(8)?,
        owner: row.try_get(9)?,
        opened_at: Timestamp::from_nanos(row.try_get(10)?),
        last_seen_at: Timestamp::from_nanos(row.try_get(11)?),
        due_at: row.try_get::<Option<i64>, _>(12)?.map(Timestamp::from_nanos),
        stale: row.try_get::<i64, _>(13)? != 0,
        reopened: u32::try_from(row.try_get::<i64, _>(14)?).unwrap_or(u32::MAX),
        id,
    })
}

/// A WHERE clause that grows; every value is bound.
struct Where {
    sql: String,
    texts: Vec<String>,
}

impl Where {
    fn of(filter: &FindingFilter, scope: &Scope, kind: bool, status: bool) -> Self {
        let condition = scope.on_device("d", 1);
        let mut this = Self { sql: format!(" WHERE {}", condition.sql), texts: condition.values };
        if let Some(wanted) = filter.kind.filter(|_| kind) {
            this.and("f.kind =", wanted.name());
        }
        if let Some(wanted) = filter.status.filter(|_| status) {
            this.and("f.status =", wanted.name());
        } else if !filter.closed {
            this.and("f.status <>", Status::Resolved.name());
        }
        if let Some(device) = filter.device {
            this.and("f.device_id =", &device.to_string());
        }
        if let Some(subject) = &filter.subject {
            this.and("f.subject =", subject);
        }
        for word in filter.words.split_whitespace().take(8) {
            let word: String = search_key(word).replace(['%', '_', '\\'], "");
            if !word.is_empty() {
                this.and("f.search_key LIKE", &format!("%{word}%"));
            }
        }
        if filter.drafts {
            this.and("f.rung =", Rung::Drafted.name());
            this.and("f.status =", Status::Notified.name());
        }
        this
    }

    fn and(&mut self, comparison: &str, value: &str) {
        self.texts.push(value.to_owned());
        self.sql.push_str(&format!(" AND {comparison} ${}", self.texts.len()));
    }

    fn bind<'q>(&self, sql: String) -> crate::scope::Statement<'q> {
        self.texts.iter().fold(statement(sql), |query, text| query.bind(text.clone()))
    }
}

impl Control {
    /// Findings, newest first.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn findings(
        &self,
        actor: &Actor,
        filter: &FindingFilter,
    ) -> Result<FindingList, ControlError> {
        self.require(actor, &[Permission::ReadFindings], "findings").await?;
        self.finding_list(filter, &actor.scope(Permission::ReadFindings)).await
    }

    /// The same for the command line on the machine itself.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub async fn findings_here(&self, filter: &FindingFilter) -> Result<FindingList, ControlError> {
        self.finding_list(filter, &Scope::All).await
    }

    async fn finding_list(
        &self,
        filter: &FindingFilter,
        scope: &Scope,
    ) -> Result<FindingList, ControlError> {
        let all = Where::of(filter, scope, true, true);
        let next = all.texts.len() + 1;
        let after = match &filter.after {
            None => String::new(),
            Some(_) => format!(
                " AND (f.opened_at < ${next} OR (f.opened_at = ${next} AND f.id > ${}))",
                next + 1
            ),
        };
        let sql = format!(
            "{FINDING_ROW_SQL}{}{after} ORDER BY f.opened_at DESC, f.id LIMIT {}",
            all.sql,
            PAGE_ROWS_MAX + 1
        );
        let mut query = all.bind(sql);
        if let Some(after) = &filter.after {
            query = query.bind(after.opened_at.nanos()).bind(after.id.clone());
        }
        let mut rows = Vec::new();
        for row in &query.fetch_all(self.store.pool()).await? {
            rows.push(finding_row(row)?);
        }
        let more = rows.len() > PAGE_ROWS_MAX;
        rows.truncate(PAGE_ROWS_MAX);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|row| FindingCursor { opened_at: row.opened_at, id: row.id.clone() });
        let by_kind = self.counted("f.kind", &Where::of(filter, scope, false, true)).await?;
        let by_status = self.counted("f.status", &Where::of(filter, scope, true, false)).await?;
        Ok(FindingList {
            rows,
            next,
            by_kind: by_kind
                .iter()
                .filter_map(|(name, count)| Some((Kind::of_name(name)?, *count)))
                .collect(),
            by_status: by_status
                .iter()
                .filter_map(|(name, count)| Some((Status::of_name(name)?, *count)))
                .collect(),
        })
    }

    async fn counted(
        &self,
        column: &'static str,
        filter: &Where,
    ) -> Result<Vec<(String, u64)>, ControlError> {
        let sql = format!(
            "SELECT {column}, COUNT(*) FROM finding AS f JOIN device AS d ON d.id = f.device_id{} GROUP BY {column}",
            filter.sql
        );
        let mut counts = Vec::new();
        for row in &filter.bind(sql).fetch_all(self.store.pool()).await? {
            counts.push((row.try_get(0)?, u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0)));
        }
        counts.sort();
        Ok(counts)
    }

    /// One finding with everything that explains it. Opening it is in the audit chain.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn finding(&self, actor: &Actor, id: &str) -> Result<FindingPage, ControlError> {
        self.require(actor, &[Permission::ReadFindings], "finding").await?;
        let scope = actor.scope(Permission::ReadFindings);
        let condition = scope.on_device("d", 2);
        let sql = format!("{FINDING_ROW_SQL} WHERE f.id = $1 AND {}", condition.sql);
        let row = condition
            .bind(statement(sql).bind(id.to_owned()))
            .fetch_optional(self.store.pool())
            .await?
            .ok_or_else(|| ControlError::NotFound {
                what: "finding",
                id: id.chars().take(60).collect(),
            })?;
        let request: String = row.try_get(15)?;
        let row = finding_row(&row)?;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::FindingOpened,
            target: about(id),
            detail: json!({ "device": row.device.to_string() }),
        })
        .await?;
        let sql = format!("SELECT {} FROM finding AS f WHERE f.id = $1", Stored::COLUMNS);
        let stored = statement(sql).bind(id.to_owned()).fetch_one(self.store.pool()).await?;
        let stored = Stored::of_row(&stored)?;
        let drafted = row.status == Status::Notified && stored.state.rung == Rung::Drafted;
        let draft = if drafted && actor.may(Permission::SendMessages) && !row.owner.is_empty() {
            Some(self.draft_message(actor, id).await?)
        } else {
            None
        };
        let items = self.items_of_finding(&stored).await?;
        let mut explained: Vec<Explained> = Vec::new();
        for item in items.iter().take(EXPLAINED_MAX) {
            explained.push(self.explain_item(&item.item, 0).await?);
        }
        Ok(FindingPage {
            row,
            items,
            explained,
            proof: self.proof_of(&stored).await?,
            history: self.history_of(id).await?,
            messages: self.messages_of(id).await?,
            draft,
            request,
        })
    }

    async fn items_of_finding(
        &self,
        stored: &Stored,
    ) -> Result<Vec<crate::view::findings::InstalledRow>, ControlError> {
        let mut items = Vec::new();
        for (source, key) in &stored.items {
            let sql = format!(
                "{INSTALLED_SQL} WHERE i.device_id = $1 AND i.source = $2 AND i.item_key = $3"
            );
            let row = statement(sql)
                .bind(stored.device.clone())
                .bind(source.name())
                .bind(key.clone())
                .fetch_optional(self.store.pool())
                .await?;
            if let Some(row) = row {
                items.push(installed_row(&row)?);
            }
        }
        Ok(items)
    }

    async fn proof_of(&self, stored: &Stored) -> Result<Vec<ProofRow>, ControlError> {
        let mut proof = Vec::new();
        for sighting in &stored.state.sightings {
            let row = sqlx::query(
                "SELECT looked_at FROM inventory_source WHERE device_id = $1 AND source = $2",
            )
            .bind(stored.device.clone())
            .bind(sighting.source.name())
            .fetch_optional(self.store.pool())
            .await?;
            let looked_at = match row {
                Some(row) => row.try_get::<Option<i64>, _>(0)?.map(Timestamp::from_nanos),
                None => None,
            };
            proof.push(ProofRow {
                source: sighting.source,
                seen_at: sighting.seen.at,
                looked_at,
                proved: sighting.absent.is_some(),
            });
        }
        Ok(proof)
    }

    async fn history_of(&self, id: &str) -> Result<Vec<FindingEvent>, ControlError> {
        let rows = sqlx::query(
            "SELECT at, actor, cause, from_status, to_status, detail FROM finding_event \
             WHERE finding_id = $1 ORDER BY n LIMIT 1000",
        )
        .bind(id.to_owned())
        .fetch_all(self.store.pool())
        .await?;
        let event = |row: &Row| -> Result<FindingEvent, ControlError> {
            Ok(FindingEvent {
                at: Timestamp::from_nanos(row.try_get(0)?),
                actor: row.try_get(1)?,
                cause: row.try_get(2)?,
                from: row.try_get(3)?,
                to: row.try_get(4)?,
                detail: row.try_get(5)?,
            })
        };
        rows.iter().map(event).collect()
    }

    async fn messages_of(&self, id: &str) -> Result<Vec<SentMessage>, ControlError> {
        let rows = sqlx::query(
            "SELECT at, channel, sender, recipient, subject, body FROM finding_message \
             WHERE finding_id = $1 ORDER BY at LIMIT 200",
        )
        .bind(id.to_owned())
        .fetch_all(self.store.pool())
        .await?;
        let message = |row: &Row| -> Result<SentMessage, ControlError> {
            let channel: String = row.try_get(1)?;
            Ok(SentMessage {
                at: Timestamp::from_nanos(row.try_get(0)?),
                channel: Channel::of_name(&channel).unwrap_or(Channel::Bot),
                sender: row.try_get(2)?,
                to: row.try_get(3)?,
                subject: row.try_get(4)?,
                body: row.try_get(5)?,
            })
        };
        rows.iter().map(message).collect()
    }
}

/// Items of one finding that are explained step by step.
const EXPLAINED_MAX: usize = 5;
