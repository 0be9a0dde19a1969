//! Decisions in the store: how one takes force, is looked at again, suspended, revoked.
//!
//! Invariant: of one title and one scope at most one decision has force; a newer one revokes the older.

use crate::actor::Principal;
use crate::audit::{Action, Entry};
use crate::catalogue::bump;
use crate::decision_rows::{
    StoredDecision, askers, hash_sources, of_title, one, save, versions_in_use,
    versions_of_extension,
};
use crate::identities::Decided;
use crate::outbox::{NewMessage, Sender};
use crate::recipient::{self, Recipient};
use crate::request_rows::{Stored, note};
use crate::request_steps::{cause, want};
use crate::scope::Scope;
use crate::store::Writing;
use crate::view::people::Button;
use crate::view::requests::Cause;
use crate::{Actor, Control, ControlError, Permission, random, request_words};
use case::decision::{Decision, DecisionEffect, Life, Recheck, Turn, step};
use case::form::Form;
use case::recheck::REPLACED;
use case::review::Given;
use model::Timestamp;
use serde_json::json;
use software::{Title, TitleId};
use sqlx::Row as _;

/// A decision as it takes force.
#[derive(Debug)]
pub(crate) struct Enactment {
    title: String,
    form: Form,
    hashes: Vec<String>,
    request: String,
    requester: String,
    given: Given,
}

impl Enactment {
    pub(crate) fn of(stored: &Stored, given: &Given) -> Self {
        let request = &stored.request;
        Self {
            title: stored.title.clone(),
            form: request.form.clone(),
            hashes: request.hashes().into_iter().map(str::to_owned).collect(),
            request: request.id.clone(),
            requester: request.requester.clone(),
            given: given.clone(),
        }
    }
}

impl Control {
    /// Puts a decision into force; the title that it is on, which is made when the catalogue has none.
    pub(crate) async fn enact(
        &self,
        writing: &mut Writing,
        one: Enactment,
        now: Timestamp,
    ) -> Result<String, ControlError> {
        let title = if one.title.is_empty() {
            self.title_of_form(writing, &one.form).await?
        } else {
            one.title.clone()
        };
        let decided = Decided {
            title: &title,
            name: &one.form.name,
            extension_id: &one.form.extension_id,
            hashes: &one.hashes,
            by: &one.given.by,
        };
        self.identify_decided(writing, &decided, now).await?;
        let id = format!("{:032x}", random::id_bits()?);
        let mut decision = Decision::new(id, title, one.given.ruling, one.given.by, now);
        decision.request = Some(one.request);
        decision.requester = Some(one.requester);
        decision.hashes_seen = one.hashes;
        if !one.form.version.trim().is_empty() {
            decision.versions_seen.push(one.form.version.trim().to_owned());
        }
        // Its items become the title's only when they are judged again; what they are is decided on already.
        for version in versions_of_extension(writing, &one.form.extension_id).await? {
            if !decision.versions_seen.contains(&version) {
                decision.versions_seen.push(version);
            }
        }
        self.put_in_force(writing, decision, now).await
    }

    /// Writes a new decision, revokes the one that it replaces, and notes the versions that are in use already: they
    /// are what was decided on.
    pub(crate) async fn put_in_force(
        &self,
        writing: &mut Writing,
        mut decision: Decision,
        now: Timestamp,
    ) -> Result<String, ControlError> {
        let title = decision.title.clone();
        for version in versions_in_use(writing, &title).await? {
            if !decision.versions_seen.contains(&version) {
                decision.versions_seen.push(version);
            }
        }
        let earlier = of_title(&mut **writing, &title).await?;
        for old in earlier {
            let is_over = matches!(old.decision.life, Life::Revoked | Life::Retired);
            if is_over || old.decision.ruling.scope != decision.ruling.scope {
                continue;
            }
            let turn = Turn::Revoke { reason: REPLACED.to_owned() };
            let (next, _) = step(&old.decision, &turn, Some(&decision.by), now)?;
            save(writing, &StoredDecision { decision: next, revision: old.revision + 1 }).await?;
            let about = about(&old.decision.id);
            let row = (now, Some(decision.by.as_str()), turn.name(), "revoked", REPLACED);
            note(writing, &about, row).await?;
        }
        let about = about(&decision.id);
        let row = (now, Some(decision.by.as_str()), "enact", decision.life.name(), "");
        note(writing, &about, row).await?;
        save(writing, &StoredDecision { decision, revision: 1 }).await?;
        bump(writing, "decisions_revision").await?;
        self.title_changed(writing, &title).await?;
        Ok(title)
    }

    /// The title that a form means: the one that was picked, the one of the same name, or a new one.
    async fn title_of_form(
        &self,
        writing: &mut Writing,
        form: &Form,
    ) -> Result<String, ControlError> {
        let titles = self.titles_snapshot().await?;
        if let Ok(id) = TitleId::parse(&form.title)
            && titles.get(&id).is_some()
        {
            return Ok(form.title.clone());
        }
        if let Some(hit) = crate::titles::exactly(&titles, &form.name) {
            return Ok(hit);
        }
        let mut title = Title::new(
            crate::titles::new_id(|id| titles.get(id).is_some(), &form.name)?,
            form.name.trim(),
        );
        title.publisher = form.publisher.trim().to_owned();
        let id = title.id.to_string();
        crate::titles::write(writing, &title, "request", self.clock.now()).await?;
        bump(writing, "titles_revision").await?;
        Ok(id)
    }

    /// Something about a permitted title is new: its decisions in force are looked at again. Repeated calls for the
    /// same version and hash change nothing.
    pub(crate) async fn begin_recheck(
        &self,
        writing: &mut Writing,
        title: &TitleId,
        recheck: &Recheck,
    ) -> Result<(), ControlError> {
        for stored in of_title(&mut **writing, title.as_str()).await? {
            // More permissions or another signer say more than that the version is new.
            let is_said = stored.decision.rechecks.iter().any(|one| {
                recheck.cause == Cause::NewVersion
                    && matches!(one.cause, Cause::PermissionGrowth | Cause::SignerChange)
                    && one.version == recheck.version
            });
            if !is_said {
                self.recheck_one(writing, stored, recheck).await?;
            }
        }
        Ok(())
    }

    /// The same for one decision; a denial, what has no force, and one with as much to look at as can be looked at stay
    /// as they are.
    pub(crate) async fn recheck_one(
        &self,
        writing: &mut Writing,
        stored: StoredDecision,
        recheck: &Recheck,
    ) -> Result<(), ControlError> {
        let decision = &stored.decision;
        let is_full = decision.rechecks.len() >= case::limits::VERSIONS_SEEN_MAX;
        if !is_permission_in_force(decision) || is_full {
            return Ok(());
        }
        let ask = hash_sources(&recheck.sha256, recheck.since);
        let turn = Turn::BeginRecheck { recheck: recheck.clone(), ask };
        self.take_turn(writing, stored, &turn, Principal::Machine).await.map(drop)
    }

    /// Takes one step of a decision within a transaction.
    pub(crate) async fn take_turn(
        &self,
        writing: &mut Writing,
        stored: StoredDecision,
        turn: &Turn,
        who: Principal<'_>,
    ) -> Result<StoredDecision, ControlError> {
        let now = self.clock.now();
        let person = match &who {
            Principal::Person(actor) => Some(actor.id()),
            Principal::Machine => None,
        };
        let (decision, effects) = step(&stored.decision, turn, person, now)?;
        if decision == stored.decision {
            return Ok(stored);
        }
        let before = stored.decision.life;
        let next = StoredDecision { decision, revision: stored.revision + 1 };
        save(writing, &next).await?;
        let decision = &next.decision;
        let about = about(&decision.id);
        let reason = match turn {
            Turn::Keep { reason, .. } => reason.as_str(),
            Turn::BeginRecheck { recheck, .. } => recheck.cause.name(),
            _ => decision.life_reason.as_str(),
        };
        let row = (now, person, turn.name(), decision.life.name(), reason);
        note(writing, &about, row).await?;
        let entry = Entry {
            cause: cause(&who),
            action: Action::DecisionChanged,
            target: about.clone(),
            detail: json!({
                "title": decision.title, "step": turn.name(), "from": before.name(),
                "to": decision.life.name(), "reason": reason,
            }),
        };
        self.append(writing, &entry).await?;
        for effect in effects {
            match effect {
                DecisionEffect::Gather(checks) => want(writing, &about, &checks).await?,
                DecisionEffect::TellReviewers => {
                    let people =
                        recipient::holders(&mut **writing, Permission::DecideRequests).await?;
                    self.tell_of(writing, &next, &people, true, now).await?;
                }
                DecisionEffect::TellUsers => {
                    let people = askers(writing, &decision.title).await?;
                    self.tell_of(writing, &next, &people, false, now).await?;
                }
            }
        }
        bump(writing, "decisions_revision").await?;
        self.title_changed(writing, &decision.title).await?;
        Ok(next)
    }

    async fn tell_of(
        &self,
        writing: &mut Writing,
        stored: &StoredDecision,
        people: &[Recipient],
        reviewers: bool,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let decision = &stored.decision;
        let title = crate::titles::load(&mut **writing, &decision.title).await?.title;
        let about = about(&decision.id);
        for person in people.iter().filter(|one| !one.disabled) {
            let name = title.name_for(person.language == crate::Language::Ja);
            let (kind, link, words) = if reviewers {
                let link = "/desk/rechecks".to_owned();
                ("decision_recheck", link, request_words::recheck(name, person.language))
            } else {
                let words = request_words::no_longer(name, &decision.life_reason, person.language);
                ("decision_no_longer", format!("/catalogue/{}", decision.title), words)
            };
            let button = Button {
                name: "open".to_owned(),
                label: request_words::open_label(person.language).to_owned(),
                link,
            };
            let once = format!("{about} {kind} {} {}", stored.revision, person.id);
            let message = NewMessage {
                to: &person.id,
                kind,
                about: &about,
                sender: Sender::Product,
                language: person.language,
                subject: &words.0,
                body: &words.1,
                buttons: vec![button],
                due_at: now,
                once: &once,
            };
            self.enqueue(writing, &message).await?;
        }
        Ok(())
    }

    /// Keeps a decision that is looked at again in force.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::Refused`].
    pub async fn keep_decision(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
        valid_until: Option<Timestamp>,
        unknown_accepted: bool,
    ) -> Result<(), ControlError> {
        let reason = reason.to_owned();
        self.person_turn(actor, id, Turn::Keep { reason, valid_until, unknown_accepted }).await
    }

    /// Takes a decision's force away for now.
    ///
    /// # Errors
    /// Those of [`Control::keep_decision`].
    pub async fn suspend_decision(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.person_turn(actor, id, Turn::Suspend { reason: reason.to_owned() }).await
    }

    /// Takes a decision's force away for good.
    ///
    /// # Errors
    /// Those of [`Control::keep_decision`].
    pub async fn revoke_decision(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.person_turn(actor, id, Turn::Revoke { reason: reason.to_owned() }).await
    }

    /// Looks at a decision again, and asks the sources about every hash that it knows.
    ///
    /// # Errors
    /// Those of [`Control::keep_decision`].
    pub async fn recheck_decision(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::DecideRequests], "decisions").await?;
        let now = self.clock.now();
        let stored = one(self.store.pool(), id).await?;
        let hashes = stored.decision.hashes_seen.iter().rev().take(20);
        let ask = hashes.flat_map(|hash| hash_sources(hash, now)).collect();
        let recheck = Recheck {
            cause: Cause::Asked,
            version: String::new(),
            sha256: String::new(),
            detail: reason.chars().take(500).collect(),
            detail_ja: String::new(),
            since: now,
        };
        self.person_turn(actor, id, Turn::BeginRecheck { recheck, ask }).await
    }

    async fn person_turn(&self, actor: &Actor, id: &str, turn: Turn) -> Result<(), ControlError> {
        self.require(actor, &[Permission::DecideRequests], "decisions").await?;
        let mut writing = self.store.write().await?;
        let stored = one(&mut *writing, id).await?;
        within(&actor.scope(Permission::DecideRequests), &stored.decision.ruling.scope)?;
        self.take_turn(&mut writing, stored, &turn, Principal::Person(actor)).await?;
        writing.commit().await
    }

    /// The timers of decisions: expiry, and sources that stay silent.
    pub(crate) async fn tick_decisions(&self) -> Result<(), ControlError> {
        let now = self.clock.now();
        let due =
            sqlx::query("SELECT id FROM decision WHERE due_at <= $1 ORDER BY due_at LIMIT 200")
                .bind(now.nanos())
                .fetch_all(self.store.pool())
                .await?;
        for row in &due {
            let id: String = row.try_get(0)?;
            let mut writing = self.store.write().await?;
            let stored = one(&mut *writing, &id).await?;
            self.take_turn(&mut writing, stored, &Turn::Tick, Principal::Machine).await?;
            writing.commit().await?;
        }
        Ok(())
    }
}

/// Whether it permits something now, also while it is looked at again.
pub(crate) fn is_permission_in_force(decision: &Decision) -> bool {
    decision.ruling.outcome != crate::view::requests::Outcome::Deny
        && matches!(decision.life, Life::Active | Life::ReReview)
}

/// A reviewer who is limited to departments decides for those only.
pub(crate) fn within(
    scope: &Scope,
    of_decision: &crate::view::requests::Scope,
) -> Result<(), ControlError> {
    let Scope::Departments(mine) = scope else { return Ok(()) };
    let inside = !of_decision.departments.is_empty()
        && of_decision.people.is_empty()
        && of_decision.groups.is_empty()
        && of_decision.departments.iter().all(|one| mine.contains(one));
    if inside {
        return Ok(());
    }
    let reason = "it must name departments that you decide for, and nothing else";
    Err(ControlError::BadArgument { what: "the scope", reason })
}

/// How history, audit and messages name a decision.
pub(crate) fn about(decision: &str) -> String {
    format!("decision {decision}")
}
