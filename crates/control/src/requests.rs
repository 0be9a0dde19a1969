//! Requests as the people who make them see them: drafts, handing in, joining, answering, taking back.

use crate::limits::{DAY_NS, DRAFT_LIFE_NS, DRAFTS_MAX, OPEN_REQUESTS_MAX};
use crate::request_rows::{
    ROW_COLUMNS, ROW_TABLES, Stored, expected_ns, history, load, one_row, row_of, save,
};
use crate::request_steps::{about, sources_for};
use crate::scope::{Scope, statement};
use crate::store::Writing;
use crate::view::requests::{
    Command, Form, FormFault, GivenView, Kind, MessageView, MyRequests, RequestPage, RequestRow,
    Similar, State,
};
use crate::{Actor, Control, ControlError, Permission, random};
use case::refusal::Refusal;
use case::request::Request;
use case::review::not_the_denier;
use sqlx::Row as _;
use std::collections::HashMap;

impl Control {
    /// Begins a draft, empty or filled in part; its id.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::Refused`] for a malformed form or too many drafts.
    pub async fn begin_request(
        &self,
        actor: &Actor,
        kind: Kind,
        form: &Form,
    ) -> Result<String, ControlError> {
        self.require(actor, &[Permission::FileRequest], "begin_request").await?;
        refuse_shape(form)?;
        let now = self.clock.now();
        let id = format!("{:032x}", random::id_bits()?);
        let mut request = Request::draft(id.clone(), actor.id().to_owned(), kind, now);
        request.form = form.clone();
        let mut writing = self.store.write().await?;
        if count(&mut writing, actor.id(), "state = 'draft'").await? >= DRAFTS_MAX {
            return Err(Refusal::TooMuch { what: "drafts" }.into());
        }
        save(&mut writing, &Stored { request, title: String::new(), revision: 1 }, now).await?;
        writing.commit().await?;
        Ok(id)
    }

    /// Keeps a draft; its new revision. Without a revision the last writer wins (saving while typing).
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Changed`], [`ControlError::Refused`].
    pub async fn save_draft(
        &self,
        actor: &Actor,
        id: &str,
        revision: Option<i64>,
        form: &Form,
    ) -> Result<i64, ControlError> {
        self.require(actor, &[Permission::FileRequest], "save_draft").await?;
        let mut writing = self.store.write().await?;
        let stored = load(&mut *writing, &actor.own(), id).await?;
        if revision.is_some_and(|revision| revision != stored.revision) {
            return Err(ControlError::Changed { what: "request", id: id.to_owned() });
        }
        let command = Command::Edit(form.clone());
        let stored = self.take_step(&mut writing, stored, &command, actor.into()).await?;
        writing.commit().await?;
        Ok(stored.revision)
    }

    /// Throws a draft away.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`] when it was handed in.
    pub async fn discard_draft(&self, actor: &Actor, id: &str) -> Result<(), ControlError> {
        self.require(actor, &[Permission::FileRequest], "discard_draft").await?;
        let mut writing = self.store.write().await?;
        let stored = load(&mut *writing, &actor.own(), id).await?;
        if stored.request.state != State::Draft {
            return Err(Refusal::State { state: stored.request.state }.into());
        }
        forget(&mut writing, id).await?;
        writing.commit().await
    }

    /// Hands a draft in; the state that it came to. Sources of evidence are asked in the background.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`] with the fields that are missing.
    pub async fn submit_request(&self, actor: &Actor, id: &str) -> Result<State, ControlError> {
        self.require(actor, &[Permission::FileRequest], "submit_request").await?;
        let mut writing = self.store.write().await?;
        let mut stored = load(&mut *writing, &actor.own(), id).await?;
        if count(&mut writing, actor.id(), OPEN).await? >= OPEN_REQUESTS_MAX {
            return Err(Refusal::TooMuch { what: "open requests" }.into());
        }
        stored = self.take_step(&mut writing, stored, &Command::Submit, actor.into()).await?;
        let titles = self.titles_snapshot().await?;
        let picked = software::TitleId::parse(&stored.request.form.title).ok();
        let picked = picked.filter(|id| titles.get(id).is_some()).map(|id| id.to_string());
        stored.title = picked
            .or_else(|| crate::titles::exactly(&titles, &stored.request.form.name))
            .unwrap_or_default();
        let sources = sources_for(&stored.request, self.clock.now());
        let begin = Command::BeginScreening(sources);
        let machine = crate::actor::Principal::Machine;
        stored = self.take_step(&mut writing, stored, &begin, machine).await?;
        writing.commit().await?;
        self.evidence.wake();
        Ok(stored.request.state)
    }

    /// Joins somebody's open request instead of repeating it. A draft of one's own becomes its duplicate.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`].
    pub async fn join_request(
        &self,
        actor: &Actor,
        id: &str,
        draft: Option<&str>,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::FileRequest], "join_request").await?;
        let mut writing = self.store.write().await?;
        // Whoever sees an open request among what is similar may join it, whoever asked first.
        let other = load(&mut *writing, &Scope::All, id).await?;
        if !other.request.state.is_open() {
            let id = id.chars().take(40).collect();
            return Err(ControlError::NotFound { what: "request", id });
        }
        self.take_step(&mut writing, other, &Command::Follow, actor.into()).await?;
        if let Some(draft) = draft {
            let mine = load(&mut *writing, &actor.own(), draft).await?;
            let mine = self.take_step(&mut writing, mine, &Command::Submit, actor.into()).await?;
            let mark = Command::MarkDuplicate { of: id.to_owned() };
            self.take_step(&mut writing, mine, &mark, actor.into()).await?;
        }
        writing.commit().await
    }

    /// Follows a request no longer.
    ///
    /// # Errors
    /// [`ControlError::NotFound`].
    pub async fn leave_request(&self, actor: &Actor, id: &str) -> Result<(), ControlError> {
        self.require(actor, &[Permission::FileRequest], "leave_request").await?;
        self.readable(actor, id).await?;
        let mut writing = self.store.write().await?;
        let stored = load(&mut *writing, &Scope::All, id).await?;
        self.take_step(&mut writing, stored, &Command::Unfollow, actor.into()).await?;
        writing.commit().await
    }

    /// Answers a reviewer's question, and corrects the form when one is given.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`].
    pub async fn answer_question(
        &self,
        actor: &Actor,
        id: &str,
        text: &str,
        form: Option<&Form>,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::FileRequest], "answer_question").await?;
        let mut writing = self.store.write().await?;
        let stored = load(&mut *writing, &actor.own(), id).await?;
        let answered: Vec<(String, String)> = asked_already(&stored.request);
        let command = Command::Answer { text: text.to_owned(), form: form.cloned().map(Box::new) };
        let stored = self.take_step(&mut writing, stored, &command, actor.into()).await?;
        // What the correction brought is asked about; the rest is known.
        let mut fresh = sources_for(&stored.request, self.clock.now());
        fresh.retain(|one| !answered.contains(&(one.kind.name().to_owned(), one.subject.clone())));
        if !fresh.is_empty() {
            let machine = crate::actor::Principal::Machine;
            self.take_step(&mut writing, stored, &Command::BeginChecks(fresh), machine).await?;
        }
        writing.commit().await?;
        self.evidence.wake();
        Ok(())
    }

    /// Disagrees with a denial.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`].
    pub async fn appeal_request(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.own_step(actor, id, &Command::Appeal { reason: reason.to_owned() }).await
    }

    /// Takes an open request back.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`].
    pub async fn withdraw_request(&self, actor: &Actor, id: &str) -> Result<(), ControlError> {
        self.own_step(actor, id, &Command::Withdraw).await
    }

    async fn own_step(
        &self,
        actor: &Actor,
        id: &str,
        command: &Command,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::FileRequest], command.name()).await?;
        let mut writing = self.store.write().await?;
        let stored = load(&mut *writing, &actor.own(), id).await?;
        self.take_step(&mut writing, stored, command, actor.into()).await?;
        writing.commit().await
    }

    /// What the person asked for and follows.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn my_requests(&self, actor: &Actor) -> Result<MyRequests, ControlError> {
        self.require(actor, &[Permission::FileRequest], "my_requests").await?;
        let own = format!(
            "SELECT {ROW_COLUMNS} FROM {ROW_TABLES} WHERE r.requester_id = $1 \
             ORDER BY r.created_at DESC LIMIT 500"
        );
        let followed = format!(
            "SELECT {ROW_COLUMNS} FROM {ROW_TABLES} JOIN request_follower AS f ON f.request_id = r.id \
             WHERE f.person_id = $1 ORDER BY r.created_at DESC LIMIT 500"
        );
        let mut lists: Vec<Vec<RequestRow>> = Vec::new();
        for sql in [own, followed] {
            let rows =
                statement(sql).bind(actor.id().to_owned()).fetch_all(self.store.pool()).await?;
            lists.push(rows.iter().map(row_of).collect::<Result<_, _>>()?);
        }
        let followed = lists.pop().unwrap_or_default();
        let (drafts, mut own): (Vec<_>, Vec<_>) =
            lists.pop().unwrap_or_default().into_iter().partition(|row| row.state == State::Draft);
        // Those that wait for the person come first; the sort keeps the order of the rest.
        own.sort_by_key(|row| row.state != State::NeedsInfo);
        let since = self.clock.now().plus_nanos(-90 * DAY_NS);
        let expected_ns = expected_ns(self.store.pool(), since).await?;
        Ok(MyRequests { drafts, own, followed, expected_ns })
    }

    /// One request, for its requester, its followers and whoever reads all of them.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] also for what the person may not see.
    pub async fn request(&self, actor: &Actor, id: &str) -> Result<RequestPage, ControlError> {
        self.require(actor, &[Permission::FileRequest], "request").await.or_else(|err| {
            // An auditor files nothing and reads everything.
            if actor.may(Permission::ReadRequests) { Ok(()) } else { Err(err) }
        })?;
        let stored = self.readable(actor, id).await?;
        self.request_page(actor, &stored).await
    }

    pub(crate) async fn request_page(
        &self,
        actor: &Actor,
        stored: &Stored,
    ) -> Result<RequestPage, ControlError> {
        let request = &stored.request;
        let is_mine = request.requester == actor.id();
        let i_follow = request.followers.iter().any(|one| one == actor.id());
        let reads_all = actor.may(Permission::ReadRequests);
        let names = self.names_of(request).await?;
        let name = |id: &str| names.get(id).cloned().unwrap_or_default();
        let similar = if is_mine && matches!(request.state, State::Draft) {
            let desk = self.desk_for(Some(actor)).await?;
            self.similar_to(&desk, actor, &request.form.name).await?
        } else {
            Similar::default()
        };
        // A follower hears the outcome; what requester and reviewers say to each other is theirs.
        let talks = is_mine || reads_all;
        let messages = request.messages.iter().filter(|_| talks).map(|one| MessageView {
            by: name(&one.by),
            by_requester: one.by == request.requester,
            at: one.at,
            asks: one.asks,
            text: one.text.clone(),
        });
        let rulings = request.rulings.iter().map(|given| GivenView {
            ruling: given.ruling.clone(),
            by: name(&given.by),
            at: given.at,
        });
        let since = self.clock.now().plus_nanos(-90 * DAY_NS);
        Ok(RequestPage {
            row: one_row(self.store.pool(), &request.id).await?,
            revision: stored.revision,
            form: request.form.clone(),
            files: request.files.clone(),
            faults: faults(request),
            similar,
            duplicate_of: request.duplicate_of.clone(),
            messages: messages.collect(),
            rulings: rulings.collect(),
            history: if talks {
                history(self.store.pool(), &about(&request.id)).await?
            } else {
                Vec::new()
            },
            is_mine,
            i_follow,
            actions: actions(request, actor),
            expected_ns: expected_ns(self.store.pool(), since).await?,
        })
    }

    /// Names of everybody who takes part in a request, by id.
    pub(crate) async fn names_of(
        &self,
        request: &Request,
    ) -> Result<HashMap<String, String>, ControlError> {
        let mut ids: Vec<&String> = vec![&request.requester];
        ids.extend(request.assignee.iter());
        ids.extend(request.messages.iter().map(|one| &one.by));
        ids.extend(request.rulings.iter().map(|one| &one.by));
        ids.extend(request.answers.iter().map(|one| &one.by));
        for one in &request.overrides {
            ids.push(&one.proposed.by);
            ids.extend(one.confirmed.iter().map(|word| &word.by));
        }
        self.names(ids.into_iter().cloned()).await
    }

    pub(crate) async fn names(
        &self,
        ids: impl Iterator<Item = String>,
    ) -> Result<HashMap<String, String>, ControlError> {
        let mut names = HashMap::new();
        for id in ids {
            if names.contains_key(&id) {
                continue;
            }
            let row = sqlx::query("SELECT name FROM person WHERE id = $1")
                .bind(&id)
                .fetch_optional(self.store.pool())
                .await?;
            let name = row.map(|row| row.try_get::<String, _>(0)).transpose()?;
            names.insert(id, name.unwrap_or_default());
        }
        Ok(names)
    }

    /// The timers of requests: sources that stay silent, questions without answer, drafts that nobody wants.
    pub(crate) async fn tick_requests(&self) -> Result<(), ControlError> {
        let now = self.clock.now();
        let reminder = now.plus_nanos(-case::limits::QUESTION_REMINDER_NS).nanos();
        let rows = sqlx::query(
            "SELECT id FROM request WHERE pending > 0 OR (state = 'needs_info' AND state_since <= $1) \
             ORDER BY state_since LIMIT 500",
        )
        .bind(reminder)
        .fetch_all(self.store.pool())
        .await?;
        for row in &rows {
            let id: String = row.try_get(0)?;
            let stored = load(self.store.pool(), &Scope::All, &id).await?;
            let by = case::command::By::Machine;
            // Most have nothing due: the write lock is taken only where something happens.
            let (next, _) = case::request::step(&stored.request, &Command::Tick, by, now)?;
            if next == stored.request {
                continue;
            }
            let mut writing = self.store.write().await?;
            let stored = load(&mut *writing, &Scope::All, &id).await?;
            let waited = !stored.request.pending.is_empty();
            let machine = crate::actor::Principal::Machine;
            let stored = self.take_step(&mut writing, stored, &Command::Tick, machine).await?;
            if waited && stored.request.pending.is_empty() {
                self.judge_policy(&mut writing, stored).await?;
            }
            writing.commit().await?;
        }
        let old = sqlx::query(
            "SELECT id FROM request WHERE state = 'draft' AND state_since <= $1 LIMIT 100",
        )
        .bind(now.plus_nanos(-DRAFT_LIFE_NS).nanos())
        .fetch_all(self.store.pool())
        .await?;
        for row in &old {
            let mut writing = self.store.write().await?;
            forget(&mut writing, &row.try_get::<String, _>(0)?).await?;
            writing.commit().await?;
        }
        Ok(())
    }
}

fn refuse_shape(form: &Form) -> Result<(), ControlError> {
    let faults = form.shape_faults();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Form(faults).into()) }
}

fn faults(request: &Request) -> Vec<FormFault> {
    if request.state != State::Draft {
        return Vec::new();
    }
    request.form.faults(request.kind, !request.files.is_empty())
}

fn asked_already(request: &Request) -> Vec<(String, String)> {
    let answered =
        request.checks.iter().map(|one| (one.kind.name().to_owned(), one.subject.clone()));
    let waiting =
        request.pending.iter().map(|one| (one.kind.name().to_owned(), one.subject.clone()));
    answered.chain(waiting).collect()
}

/// Which steps the machine would allow the person, by state and part; texts are checked when they come.
fn actions(request: &Request, actor: &Actor) -> Vec<&'static str> {
    let mut actions = Vec::new();
    if request.requester == actor.id() {
        match request.state {
            State::Draft => actions.extend(["edit", "attach", "submit", "discard"]),
            State::NeedsInfo => actions.extend(["answer", "attach"]),
            State::Denied => actions.push("appeal"),
            _ => {}
        }
        if request.state.is_open() {
            actions.push("withdraw");
        }
        return actions;
    }
    if request.followers.iter().any(|one| one == actor.id()) {
        actions.push("unfollow");
    } else if request.state.is_open() && actor.may(Permission::FileRequest) {
        actions.push("follow");
    }
    if actor.may(Permission::ReviewRequests) {
        match request.state {
            State::InReview => actions.extend([
                "assign",
                "ask",
                "answer_rule",
                "propose_override",
                "confirm_override",
                "escalate",
                "begin_checks",
            ]),
            State::Escalated => {
                actions.extend(["assign", "answer_rule", "propose_override", "confirm_override"]);
            }
            State::NeedsInfo => actions.extend(["assign", "answer_rule"]),
            State::Appealed => {
                actions.push("assign");
                if not_the_denier(request, actor.id()).is_ok() {
                    actions.push("take_up");
                }
            }
            _ => {}
        }
    }
    let decides = actor.may(Permission::DecideRequests)
        && matches!(request.state, State::InReview | State::Escalated | State::NeedsInfo)
        && request.escalated_by.as_deref() != Some(actor.id())
        && not_the_denier(request, actor.id()).is_ok();
    if decides {
        actions.push("decide");
    }
    actions
}

async fn count(
    writing: &mut Writing,
    person: &str,
    condition: &'static str,
) -> Result<i64, ControlError> {
    let sql = format!("SELECT COUNT(*) FROM request WHERE requester_id = $1 AND {condition}");
    Ok(statement(sql).bind(person.to_owned()).fetch_one(&mut **writing).await?.try_get(0)?)
}

/// Removes a draft with everything that belongs to it.
async fn forget(writing: &mut Writing, id: &str) -> Result<(), ControlError> {
    for sql in [
        "DELETE FROM attachment WHERE request_id = $1",
        "DELETE FROM request_follower WHERE request_id = $1",
        "DELETE FROM request WHERE id = $1 AND state = 'draft'",
    ] {
        sqlx::query(sql).bind(id).execute(&mut **writing).await?;
    }
    Ok(())
}

const OPEN: &str =
    "state IN ('submitted', 'screening', 'in_review', 'needs_info', 'escalated', 'appealed')";
