//! The checklist of the policy: the rules in the store, what they say of a request, and a dry run before saving.

use crate::actor::Principal;
use crate::audit::{Action, Cause, Entry};
use crate::limits::{DRY_RUN_REQUESTS_MAX, DRY_RUN_SHOWN, POLICY_RULES_MAX};
use crate::request_rows::{ROW_COLUMNS, ROW_TABLES, Stored, document, json, row_of};
use crate::scope::statement;
use crate::store::Writing;
use crate::view::requests::{Command, May, PolicyDryRun, PolicyRow, PolicyRule};
use crate::{Actor, Control, ControlError, Permission};
use case::check::{self, CheckKind, Verdict};
use case::fact_words::Reason;
use case::policy::{Facts, Judged, answers};
use case::request::{Request, State};
use model::Timestamp;
use serde_json::json;
use software::{Title, TitleId, Titles};
use sqlx::Row as _;

impl Control {
    /// Writes the rules shipped, once in the life of an installation.
    pub(crate) async fn seed_policies(&self) -> Result<(), ControlError> {
        let find = "SELECT policies_seeded FROM catalogue_state WHERE only_row = 1";
        let seeded: i64 = sqlx::query(find).fetch_one(self.store.pool()).await?.try_get(0)?;
        if seeded != 0 {
            return Ok(());
        }
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        let seeded: i64 = sqlx::query(find).fetch_one(&mut *writing).await?.try_get(0)?;
        if seeded != 0 {
            return Ok(());
        }
        for rule in case::policy_defaults::defaults() {
            sqlx::query(
                "INSERT INTO policy_rule (id, document, priority, revision, changed_by, changed_at) \
                 VALUES ($1, $2, $3, 1, NULL, $4)",
            )
            .bind(&rule.id)
            .bind(json(&rule))
            .bind(rule.priority)
            .bind(now.nanos())
            .execute(&mut *writing)
            .await?;
        }
        sqlx::query("UPDATE catalogue_state SET policies_seeded = 1 WHERE only_row = 1")
            .execute(&mut *writing)
            .await?;
        writing.commit().await
    }

    /// What the rules say of a request, once every source has answered.
    pub(crate) async fn judge_policy(
        &self,
        writing: &mut Writing,
        stored: Stored,
    ) -> Result<Stored, ControlError> {
        if !matches!(stored.request.state, State::InReview | State::NeedsInfo | State::Escalated) {
            return Ok(stored);
        }
        let titles = self.titles_snapshot().await?;
        let rules = rules(&mut **writing).await?;
        let now = self.clock.now();
        let facts = facts_of(&stored.request, title_of(&titles, &stored.title), now);
        let (checks, ask) = answers(&rules, stored.request.kind, &facts, now);
        let command = Command::RecordPolicy { answers: checks, ask };
        self.take_step(writing, stored, &command, Principal::Machine).await
    }

    /// Every rule with its counts.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn policies(&self, actor: &Actor) -> Result<Vec<PolicyRow>, ControlError> {
        self.require(actor, &[Permission::ReadRequests], "policies").await?;
        let rows = sqlx::query(
            "SELECT r.id, r.document, r.revision, COALESCE(p.name, ''), r.changed_at FROM policy_rule AS r \
             LEFT JOIN person AS p ON p.id = r.changed_by ORDER BY r.priority, r.id",
        )
        .fetch_all(self.store.pool())
        .await?;
        let now = self.clock.now();
        let requests = self.past_requests().await?;
        let mut list = Vec::with_capacity(rows.len());
        for row in &rows {
            let rule: PolicyRule =
                document(&row.try_get::<String, _>(0)?, &row.try_get::<String, _>(1)?)?;
            let objected = |stored: &&Stored| {
                check::current(&stored.request.checks).iter().any(|one| {
                    let said = one.kind == CheckKind::Policy && one.source == rule.id;
                    said && !matches!(one.verdict, Verdict::Allow | Verdict::Unknown)
                })
            };
            list.push(PolicyRow {
                in_force: rule.in_force(now),
                objections: requests.iter().filter(objected).count() as u64,
                by: row.try_get(3)?,
                at: Timestamp::from_nanos(row.try_get(4)?),
                revision: row.try_get(2)?,
                rule,
            });
        }
        Ok(list)
    }

    /// What a rule would do to past requests and to the catalogue. Nothing is saved.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::BadRule`].
    pub async fn dry_run_policy(
        &self,
        actor: &Actor,
        rule: &PolicyRule,
    ) -> Result<PolicyDryRun, ControlError> {
        self.require(
            actor,
            &[Permission::EditPolicies, Permission::ReadRequests],
            "dry_run_policy",
        )
        .await?;
        rule.check()?;
        let now = self.clock.now();
        let desk = self.desk_for(Some(actor)).await?;
        let mut run = PolicyDryRun::default();
        let mut hits: Vec<(String, Vec<Reason>)> = Vec::new();
        for stored in self.past_requests().await? {
            let request = &stored.request;
            if !rule.kinds.is_empty() && !rule.kinds.contains(&request.kind) {
                continue;
            }
            run.requests += 1;
            match rule.judge_facts(&facts_of(request, title_of(&desk.titles, &stored.title), now)) {
                Judged::Says { verdict, because } if verdict == rule.verdict => {
                    hits.push((request.id.clone(), because));
                }
                Judged::Says { .. } => {}
                Judged::Asks { .. } => run.requests_asked += 1,
            }
        }
        for (id, because) in hits.into_iter().take(DRY_RUN_SHOWN) {
            let sql = format!("SELECT {ROW_COLUMNS} FROM {ROW_TABLES} WHERE r.id = $1");
            let row = statement(sql).bind(id).fetch_one(self.store.pool()).await?;
            run.requests_hit.push((row_of(&row)?, because.iter().map(Reason::words).collect()));
        }
        for title in desk.titles.iter() {
            run.titles += 1;
            let mut facts = Facts::default();
            add_title(&mut facts, title, now);
            let judged = rule.judge_facts(&facts);
            if !matches!(judged, Judged::Says { verdict, .. } if verdict == rule.verdict) {
                continue;
            }
            let named = (title.id.to_string(), title.name.clone());
            let may = desk.judge(title.id.as_str(), "").may;
            if matches!(may, May::Use | May::WithConditions)
                && run.approved_hit.len() < DRY_RUN_SHOWN
            {
                run.approved_hit.push(named.clone());
            }
            if run.titles_hit.len() < DRY_RUN_SHOWN {
                run.titles_hit.push(named);
            }
        }
        Ok(run)
    }

    /// Writes a rule, new or edited. With a revision, refuses when somebody else edited it meanwhile.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::BadRule`], [`ControlError::Changed`].
    pub async fn save_policy(
        &self,
        actor: &Actor,
        rule: &PolicyRule,
        revision: Option<i64>,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditPolicies], "save_policy").await?;
        rule.check()?;
        let mut writing = self.store.write().await?;
        let old = sqlx::query("SELECT revision, document FROM policy_rule WHERE id = $1")
            .bind(&rule.id)
            .fetch_optional(&mut *writing)
            .await?;
        let known: Option<i64> = old.as_ref().map(|row| row.try_get(0)).transpose()?;
        let before: Option<String> = old.as_ref().map(|row| row.try_get(1)).transpose()?;
        if revision.is_some() && revision != known {
            return Err(ControlError::Changed { what: "rule", id: rule.id.clone() });
        }
        let count: i64 = sqlx::query("SELECT COUNT(*) FROM policy_rule")
            .fetch_one(&mut *writing)
            .await?
            .try_get(0)?;
        if known.is_none() && count >= POLICY_RULES_MAX {
            let reason = "there are too many; delete one first";
            return Err(ControlError::BadArgument { what: "the rules", reason });
        }
        sqlx::query(
            "INSERT INTO policy_rule (id, document, priority, revision, changed_by, changed_at) \
             VALUES ($1, $2, $3, 1, $4, $5) ON CONFLICT (id) DO UPDATE SET document = excluded.document, \
             priority = excluded.priority, revision = policy_rule.revision + 1, \
             changed_by = excluded.changed_by, changed_at = excluded.changed_at",
        )
        .bind(&rule.id)
        .bind(json(rule))
        .bind(rule.priority)
        .bind(actor.id())
        .bind(self.clock.now().nanos())
        .execute(&mut *writing)
        .await?;
        let detail = json!({ "step": "save", "before": before, "after": json(rule) });
        self.append(&mut writing, &entry(actor, &rule.id, detail)).await?;
        writing.commit().await
    }

    /// Removes a rule. What it said of past requests stays.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn delete_policy(&self, actor: &Actor, id: &str) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditPolicies], "delete_policy").await?;
        let mut writing = self.store.write().await?;
        let gone = sqlx::query("DELETE FROM policy_rule WHERE id = $1")
            .bind(id)
            .execute(&mut *writing)
            .await?;
        if gone.rows_affected() != 1 {
            return Err(ControlError::NotFound { what: "rule", id: id.chars().take(64).collect() });
        }
        self.append(&mut writing, &entry(actor, id, json!({ "step": "delete" }))).await?;
        writing.commit().await
    }

    async fn past_requests(&self) -> Result<Vec<Stored>, ControlError> {
        let rows = sqlx::query(
            "SELECT id, document, title_id, revision FROM request WHERE state <> 'draft' \
             ORDER BY created_at DESC LIMIT $1",
        )
        .bind(DRY_RUN_REQUESTS_MAX)
        .fetch_all(self.store.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Stored {
                    request: document(
                        &row.try_get::<String, _>(0)?,
                        &row.try_get::<String, _>(1)?,
                    )?,
                    title: row.try_get(2)?,
                    revision: row.try_get(3)?,
                })
            })
            .collect()
    }
}

/// Every rule, in the order of the checklist.
pub(crate) async fn rules(
    reading: impl sqlx::AnyExecutor<'_>,
) -> Result<Vec<PolicyRule>, ControlError> {
    let rows = sqlx::query("SELECT id, document FROM policy_rule ORDER BY priority, id")
        .fetch_all(reading)
        .await?;
    rows.iter()
        .map(|row| document(&row.try_get::<String, _>(0)?, &row.try_get::<String, _>(1)?))
        .collect()
}

/// What is known of a request: its form, its evidence, its title.
pub(crate) fn facts_of(request: &Request, title: Option<&Title>, now: Timestamp) -> Facts {
    let mut facts = Facts::of_request(request);
    if let Ok(origin) = software::origin::parse(&request.form.url) {
        facts.add("host", &origin.host);
    }
    for one in case::review::counting(request) {
        match one.kind {
            // "unknown" is no value: the rule must find that it does not know.
            CheckKind::Origin if one.verdict != Verdict::Unknown => facts.add("origin", &one.name),
            CheckKind::Permissions if one.source == "signature" => {
                facts.add("signed", if one.name == "signed" { "yes" } else { "no" });
                facts.add("signer", &one.detail);
            }
            CheckKind::Permissions => {
                facts.add("host_access", &one.name);
                for permission in one.detail.split(", ").filter(|_| !one.name.is_empty()) {
                    facts.add("permission", permission);
                }
            }
            CheckKind::Sightings => facts.add("devices", &one.name),
            _ => {}
        }
    }
    if let Some(title) = title {
        add_title(&mut facts, title, now);
    }
    facts
}

fn add_title(facts: &mut Facts, title: &Title, now: Timestamp) {
    facts.add("title", title.id.as_str());
    facts.add("publisher", &title.publisher);
    for category in &title.categories {
        facts.add("category", category.name());
    }
    for name in title.names() {
        facts.add("name", name);
    }
    // A title of the catalogue without a date has not been given up by its maker, as far as anybody said.
    let is_over = title.end_of_life.is_some_and(|end| now >= end);
    facts.add("end_of_life", if is_over { "yes" } else { "no" });
}

pub(crate) fn title_of<'a>(titles: &'a Titles, id: &str) -> Option<&'a Title> {
    TitleId::parse(id).ok().and_then(|id| titles.get(&id))
}

fn entry<'a>(actor: &'a Actor, id: &str, detail: serde_json::Value) -> Entry<'a> {
    let target = format!("rule {}", id.chars().take(64).collect::<String>());
    Entry { cause: Cause::Person(actor), action: Action::PolicyChanged, target, detail }
}
