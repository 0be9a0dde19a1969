//! The review desk: what waits, one request with its evidence, and what reviewers do.

use crate::actor::Principal;
use crate::audit::{Action, Cause, Entry};
use crate::decision_rows::{StoredDecision, of_life, of_title};
use crate::decisions::within;
use crate::policies::rules;
use crate::recipient::holders;
use crate::request_rows::{ROW_COLUMNS, ROW_TABLES, load, row_of};
use crate::request_steps::{about, sources_for};
use crate::review_page::check_views;
use crate::scope::{Scope, statement};
use crate::view::PAGE_ROWS_MAX;
use crate::view::requests::{
    Command, DecisionRow, Desk, DeskFilter, Kind, Life, Refusal, ReviewPage, Ruling, State, Verdict,
};
use crate::{Actor, Control, ControlError, Permission};
use case::request::Request;
use case::review::{RuleAnswer, blockers, not_the_denier};
use model::Timestamp;
use serde_json::json;
use software::search_key;
use sqlx::Row as _;
use std::collections::HashSet;

impl Control {
    /// The requests that wait for reviewers, the oldest first.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn desk(&self, actor: &Actor, filter: &DeskFilter) -> Result<Desk, ControlError> {
        self.require(actor, &[Permission::ReadRequests], "desk").await?;
        let scope = actor.scope(Permission::ReadRequests);
        let states: Vec<State> = if filter.states.is_empty() {
            State::ALL.into_iter().filter(|state| state.is_open()).collect()
        } else {
            filter.states.iter().copied().filter(|state| *state != State::Draft).collect()
        };
        let names: Vec<String> = states.iter().map(|state| format!("'{}'", state.name())).collect();
        let condition = scope.on_person("p", 6);
        let sql = format!(
            "SELECT {ROW_COLUMNS} FROM {ROW_TABLES} WHERE r.state IN ({}) \
             AND ($1 = '' OR r.assignee_id = $1) AND ($2 = '' OR r.kind = $2) \
             AND (r.state_since > $3 OR (r.state_since = $3 AND r.id > $4)) \
             AND ($5 = '' OR r.search_key LIKE $5) AND {} {} \
             ORDER BY r.state_since, r.id LIMIT {}",
            if names.is_empty() { "''".to_owned() } else { names.join(", ") },
            condition.sql,
            if filter.unassigned { "AND r.assignee_id IS NULL" } else { "" },
            PAGE_ROWS_MAX + 1,
        );
        let (since, after) =
            filter.after.clone().unwrap_or((Timestamp::from_nanos(i64::MIN), String::new()));
        let words = search_key(&filter.words).replace(['%', '_'], "");
        let query = statement(sql)
            .bind(if filter.mine { actor.id().to_owned() } else { String::new() })
            .bind(filter.kind.map_or("", Kind::name))
            .bind(since.nanos())
            .bind(after)
            .bind(if words.is_empty() { words } else { format!("%{words}%") });
        let rows = condition.bind(query).fetch_all(self.store.pool()).await?;
        let mut list: Vec<_> = rows.iter().map(row_of).collect::<Result<_, _>>()?;
        let has_more = list.len() > PAGE_ROWS_MAX;
        list.truncate(PAGE_ROWS_MAX);
        let last = list.last().map(|row| (row.state_since, row.id.clone()));
        let condition = scope.on_person("p", 1);
        let sql = format!(
            "SELECT r.state, COUNT(*) FROM request AS r JOIN person AS p ON p.id = r.requester_id \
             WHERE r.state <> 'draft' AND {} GROUP BY r.state",
            condition.sql
        );
        let mut counts = Vec::new();
        for row in condition.bind(statement(sql)).fetch_all(self.store.pool()).await? {
            let state = State::of_name(&row.try_get::<String, _>(0)?).filter(|one| one.is_open());
            if let Some(state) = state {
                counts.push((state, u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0)));
            }
        }
        counts.sort_by_key(|(state, _)| State::ALL.iter().position(|one| one == state));
        let rechecks = self.rechecks_within(&actor.scope(Permission::ReadRequests)).await?;
        let rechecks = rechecks.len() as u64;
        Ok(Desk { rows: list, next: last.filter(|_| has_more), counts, rechecks })
    }

    /// One request with its evidence. Opening it is in the audit chain.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn review(&self, actor: &Actor, id: &str) -> Result<ReviewPage, ControlError> {
        self.require(actor, &[Permission::ReadRequests], "review").await?;
        let stored = self.readable(actor, id).await?;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::RequestOpened,
            target: about(id),
            detail: json!({}),
        })
        .await?;
        let now = self.clock.now();
        let request = &stored.request;
        let names = self.names_of(request).await?;
        let found = blockers(request, now);
        let decisions = if stored.title.is_empty() {
            Vec::new()
        } else {
            self.decisions_seen(&actor.scope(Permission::ReadRequests), &stored.title).await?
        };
        let reviewers = holders(self.store.pool(), Permission::ReviewRequests).await?;
        let words = self.rule_words().await?;
        Ok(ReviewPage {
            page: self.request_page(actor, &stored).await?,
            checks: check_views(request, actor, &names, &words, now),
            pending: request.pending.iter().map(|one| (one.kind, one.subject.clone())).collect(),
            checklist: self.checklist(&stored, &names).await?,
            sightings: self.sightings(request, &stored.title).await?,
            may_decide: may_decide(request, actor),
            failed: found.failed,
            escalate: found.escalate,
            unanswered: found.unanswered,
            unknown: found.unknown,
            decisions: self.decision_rows(decisions).await?,
            condition_templates: self.condition_templates(request).await?,
            hashes: request.hashes().into_iter().map(str::to_owned).collect(),
            reviewers: reviewers
                .into_iter()
                .filter(|one| one.id != request.requester)
                .map(|one| (one.id, one.name))
                .collect(),
        })
    }

    /// Puts a reviewer in charge, or nobody.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::Refused`].
    pub async fn assign_request(
        &self,
        actor: &Actor,
        id: &str,
        to: Option<&str>,
    ) -> Result<(), ControlError> {
        if let Some(to) = to {
            let all = holders(self.store.pool(), Permission::ReviewRequests).await?;
            if to != actor.id() && all.iter().all(|one| one.id != to) {
                return Err(ControlError::NotFound {
                    what: "reviewer",
                    id: to.chars().take(40).collect(),
                });
            }
        }
        let command = Command::Assign { to: to.map(str::to_owned) };
        self.reviewer_step(actor, id, &command).await
    }

    /// Asks the requester.
    ///
    /// # Errors
    /// Those of [`Control::assign_request`].
    pub async fn ask_requester(
        &self,
        actor: &Actor,
        id: &str,
        text: &str,
    ) -> Result<(), ControlError> {
        self.reviewer_step(actor, id, &Command::Ask { text: text.to_owned() }).await
    }

    /// Answers a rule of the checklist: yes objects.
    ///
    /// # Errors
    /// Those of [`Control::assign_request`].
    pub async fn answer_checklist(
        &self,
        actor: &Actor,
        id: &str,
        rule: &str,
        yes: bool,
        note: &str,
    ) -> Result<(), ControlError> {
        let rules = rules(self.store.pool()).await?;
        let verdict = rules.iter().find(|one| one.id == rule).map(|one| one.verdict);
        // A rule that was deleted meanwhile still waits for its answer; its "yes" objects.
        let verdict = verdict.unwrap_or(Verdict::Deny);
        let answer = RuleAnswer { rule: rule.to_owned(), yes, verdict, note: note.to_owned() };
        self.reviewer_step(actor, id, &Command::AnswerRule(answer)).await
    }

    /// Answers every rule that still waits with no, in one click.
    ///
    /// # Errors
    /// Those of [`Control::assign_request`].
    pub async fn answer_rest_with_no(&self, actor: &Actor, id: &str) -> Result<(), ControlError> {
        self.require(actor, &[Permission::ReviewRequests], "answer_rest_with_no").await?;
        let mut writing = self.store.write().await?;
        let scope = actor.scope(Permission::ReviewRequests);
        let mut stored = load(&mut *writing, &scope, id).await?;
        for rule in stored.request.open_questions.clone() {
            let answer =
                RuleAnswer { rule, yes: false, verdict: Verdict::Deny, note: String::new() };
            let command = Command::AnswerRule(answer);
            stored = self.take_step(&mut writing, stored, &command, actor.into()).await?;
        }
        writing.commit().await
    }

    /// Asks every source again.
    ///
    /// # Errors
    /// Those of [`Control::assign_request`].
    pub async fn recheck_request(&self, actor: &Actor, id: &str) -> Result<(), ControlError> {
        self.require(actor, &[Permission::ReviewRequests], "begin_checks").await?;
        let scope = actor.scope(Permission::ReviewRequests);
        let stored = load(self.store.pool(), &scope, id).await?;
        let sources = sources_for(&stored.request, self.clock.now());
        self.reviewer_step(actor, id, &Command::BeginChecks(sources)).await?;
        self.evidence.wake();
        Ok(())
    }

    /// Proposes to override a failed check: the first of two people.
    ///
    /// # Errors
    /// Those of [`Control::assign_request`].
    pub async fn propose_override(
        &self,
        actor: &Actor,
        id: &str,
        check: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        let (check, reason) = (check.to_owned(), reason.to_owned());
        self.reviewer_step(actor, id, &Command::ProposeOverride { check, reason }).await
    }

    /// Confirms the override of a failed check: the second of two people.
    ///
    /// # Errors
    /// Those of [`Control::assign_request`].
    pub async fn confirm_override(
        &self,
        actor: &Actor,
        id: &str,
        check: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        let (check, reason) = (check.to_owned(), reason.to_owned());
        self.reviewer_step(actor, id, &Command::ConfirmOverride { check, reason }).await
    }

    /// Hands a request to another person who may decide.
    ///
    /// # Errors
    /// Those of [`Control::assign_request`].
    pub async fn escalate_request(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.reviewer_step(actor, id, &Command::Escalate { reason: reason.to_owned() }).await
    }

    /// Takes up an appeal.
    ///
    /// # Errors
    /// Those of [`Control::assign_request`].
    pub async fn take_up_appeal(&self, actor: &Actor, id: &str) -> Result<(), ControlError> {
        self.reviewer_step(actor, id, &Command::TakeUp).await
    }

    /// Decides a request. `title`: which title of the catalogue it is; `None`: the one that was recognised, or a new
    /// one. The decision is on the title and holds for its scope.
    ///
    /// # Errors
    /// Those of [`Control::assign_request`]; [`ControlError::BadArgument`] for a scope outside one's departments;
    /// [`ControlError::Software`] for a range of versions that is none.
    pub async fn decide_request(
        &self,
        actor: &Actor,
        id: &str,
        title: Option<&str>,
        ruling: &Ruling,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::DecideRequests], "decide_request").await?;
        self.check_ruling(actor, ruling).await?;
        let mut writing = self.store.write().await?;
        let scope = actor.scope(Permission::DecideRequests);
        let mut stored = load(&mut *writing, &scope, id).await?;
        if let Some(title) = title {
            stored.title = crate::titles::load(&mut *writing, title).await?.title.id.to_string();
        }
        let command = Command::Decide(Box::new(ruling.clone()));
        self.take_step(&mut writing, stored, &command, actor.into()).await?;
        writing.commit().await
    }

    async fn check_ruling(&self, actor: &Actor, ruling: &Ruling) -> Result<(), ControlError> {
        within(&actor.scope(Permission::DecideRequests), &ruling.scope)?;
        if !ruling.scope.versions.trim().is_empty() {
            software::version::Ranges::parse(&ruling.scope.versions)?;
        }
        for condition in &ruling.conditions {
            let Some(must) = &condition.must else { continue };
            if must.check(case::judgement::ITEM_FIELDS).is_err() {
                let reason = "it must compare fields of an inventory item";
                return Err(ControlError::BadArgument { what: "the condition", reason });
            }
        }
        for person in &ruling.scope.people {
            self.person_in_scope(&Scope::All, person).await?;
        }
        for department in &ruling.scope.departments {
            let found = sqlx::query("SELECT id FROM department WHERE id = $1")
                .bind(department)
                .fetch_optional(self.store.pool())
                .await?;
            if found.is_none() {
                let id = department.chars().take(40).collect();
                return Err(ControlError::NotFound { what: "department", id });
            }
        }
        Ok(())
    }

    async fn reviewer_step(
        &self,
        actor: &Actor,
        id: &str,
        command: &Command,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::ReviewRequests], command.name()).await?;
        let mut writing = self.store.write().await?;
        let stored = load(&mut *writing, &actor.scope(Permission::ReviewRequests), id).await?;
        self.take_step(&mut writing, stored, command, Principal::Person(actor)).await?;
        writing.commit().await
    }

    /// Decisions that are looked at again, those that wait longest first.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn rechecks(&self, actor: &Actor) -> Result<Vec<DecisionRow>, ControlError> {
        self.require(actor, &[Permission::ReadRequests], "rechecks").await?;
        let mut found = self.rechecks_within(&actor.scope(Permission::ReadRequests)).await?;
        found.truncate(PAGE_ROWS_MAX);
        self.decision_rows(found).await
    }

    /// Those that are in a scope: whoever is limited to departments looks again at decisions for those alone.
    async fn rechecks_within(&self, scope: &Scope) -> Result<Vec<StoredDecision>, ControlError> {
        let mut found = of_life(self.store.pool(), Life::ReReview).await?;
        found.retain(|one| crate::decisions::within(scope, &one.decision.ruling.scope).is_ok());
        found.sort_by_key(|one| one.decision.life_since);
        Ok(found)
    }

    /// Decisions on a title, the newest first: those for everybody, and those for somebody in the actor's scope.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn decisions(
        &self,
        actor: &Actor,
        title: &str,
    ) -> Result<Vec<DecisionRow>, ControlError> {
        self.require(actor, &[Permission::ReadRequests], "decisions").await?;
        let found = self.decisions_seen(&actor.scope(Permission::ReadRequests), title).await?;
        self.decision_rows(found).await
    }

    /// Decisions on a title that somebody with this scope sees, the newest first.
    pub(crate) async fn decisions_seen(
        &self,
        scope: &Scope,
        title: &str,
    ) -> Result<Vec<StoredDecision>, ControlError> {
        let mut found = of_title(self.store.pool(), title).await?;
        if let Scope::Departments(mine) = scope {
            // Whom a decision names is known to those who see these people.
            let condition = scope.on_person("p", 1);
            let sql = format!("SELECT p.id FROM person AS p WHERE {}", condition.sql);
            let mut people = HashSet::new();
            for row in condition.bind(statement(sql)).fetch_all(self.store.pool()).await? {
                people.insert(row.try_get::<String, _>(0)?);
            }
            found.retain(|one| {
                let of = &one.decision.ruling.scope;
                of.is_everybody()
                    || of.departments.iter().any(|one| mine.contains(one))
                    || of.people.iter().any(|one| people.contains(one))
            });
        }
        Ok(found)
    }
}

fn may_decide(request: &Request, actor: &Actor) -> Result<(), Refusal> {
    if request.requester == actor.id() {
        return Err(Refusal::OwnRequest);
    }
    if !actor.may(Permission::DecideRequests) {
        return Err(Refusal::NotReviewer);
    }
    if !matches!(request.state, State::InReview | State::Escalated) {
        return Err(Refusal::State { state: request.state });
    }
    if request.state == State::Escalated && request.escalated_by.as_deref() == Some(actor.id()) {
        return Err(Refusal::SecondPerson { why: "you escalated it yourself" });
    }
    not_the_denier(request, actor.id())
}
