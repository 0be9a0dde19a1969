//! One step of a request in the store: the machine of [`case::request`] says what follows, and state, history, audit
//! entry, messages and questions to sources of evidence are written in one transaction.

use crate::actor::Principal;
use crate::audit::{Action, Cause as AuditCause, Entry};
use crate::decisions::Enactment;
use crate::outbox::{NewMessage, Sender};
use crate::recipient::{self, Recipient};
use crate::request_rows::{Stored, load, note, save};
use crate::store::Writing;
use crate::view::people::Button;
use crate::view::requests::Kind;
use crate::{Actor, Control, ControlError, Permission, request_words};
use case::check::{CheckKind, PendingCheck};
use case::command::{By, Command, Effect, Notice, Recipients};
use case::request::{Request, step};
use model::Timestamp;
use serde_json::json;

impl Control {
    /// Takes one step of a request within a transaction.
    pub(crate) async fn take_step(
        &self,
        writing: &mut Writing,
        stored: Stored,
        command: &Command,
        who: Principal<'_>,
    ) -> Result<Stored, ControlError> {
        let now = self.clock.now();
        let (request, effects) = step(&stored.request, command, by(&who), now)?;
        let before = stored.request.state;
        let mut stored = Stored { request, revision: stored.revision + 1, ..stored };
        for effect in effects {
            self.follow_effect(writing, &mut stored, effect, now).await?;
        }
        save(writing, &stored, now).await?;
        let request = &stored.request;
        // The timer mostly finds nothing to do, and a draft is saved at every key: neither is history.
        let is_silent = matches!(command, Command::Edit(_) | Command::ChangeKind(_))
            || (matches!(command, Command::Tick) && request.state == before);
        if is_silent {
            return Ok(stored);
        }
        let about = about(&request.id);
        let person = match &who {
            Principal::Person(actor) => Some(actor.id()),
            Principal::Machine => None,
        };
        let detail = detail_of(command);
        let row = (now, person, command.name(), request.state.name(), detail.as_str());
        note(writing, &about, row).await?;
        let entry = Entry {
            cause: cause(&who),
            action: Action::RequestChanged,
            target: about,
            detail: json!({
                "step": command.name(), "from": before.name(), "to": request.state.name(),
                "detail": detail,
            }),
        };
        self.append(writing, &entry).await?;
        if request.state != before {
            self.request_moved(writing, &request.id, request.state.name()).await?;
        }
        Ok(stored)
    }

    /// Says that a draft is about another kind of software: which fields it needs follows from that.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`] when it was handed in.
    pub async fn change_request_kind(
        &self,
        actor: &Actor,
        id: &str,
        kind: Kind,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::FileRequest], "change_request_kind").await?;
        let mut writing = self.store.write().await?;
        let stored = load(&mut *writing, &actor.own(), id).await?;
        if stored.request.kind == kind {
            return Ok(());
        }
        self.take_step(&mut writing, stored, &Command::ChangeKind(kind), actor.into()).await?;
        writing.commit().await
    }

    async fn follow_effect(
        &self,
        writing: &mut Writing,
        stored: &mut Stored,
        effect: Effect,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        match effect {
            Effect::Tell { to, what } => self.tell(writing, stored, &to, &what, now).await,
            Effect::Gather(checks) => want(writing, &about(&stored.request.id), &checks).await,
            Effect::DropFiles(hashes) => {
                for hash in hashes {
                    sqlx::query("DELETE FROM attachment WHERE request_id = $1 AND sha256 = $2")
                        .bind(&stored.request.id)
                        .bind(hash)
                        .execute(&mut **writing)
                        .await?;
                }
                Ok(())
            }
            Effect::Enact(given) => {
                stored.title = self.enact(writing, Enactment::of(stored, &given), now).await?;
                Ok(())
            }
        }
    }

    async fn tell(
        &self,
        writing: &mut Writing,
        stored: &Stored,
        to: &Recipients,
        what: &Notice,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let request = &stored.request;
        let people = match to {
            Recipients::People(ids) => {
                let mut people = Vec::new();
                for id in ids {
                    people.extend(recipient::recipient(&mut **writing, id).await?);
                }
                people
            }
            // Nobody judges a request of his own, so nobody is asked to.
            Recipients::Reviewers => {
                let all = recipient::holders(&mut **writing, Permission::ReviewRequests).await?;
                all.into_iter().filter(|one| one.id != request.requester).collect()
            }
            Recipients::Seniors => {
                let all = recipient::holders(&mut **writing, Permission::DecideRequests).await?;
                let escalated = |one: &Recipient| request.escalated_by.as_deref() == Some(&one.id);
                all.into_iter()
                    .filter(|one| one.id != request.requester && !escalated(one))
                    .collect()
            }
        };
        for person in people.iter().filter(|one| !one.disabled) {
            let (subject, body) =
                request_words::of_notice(what, &request.form.name, person.language);
            let is_desk = matches!(to, Recipients::Reviewers | Recipients::Seniors)
                || request.assignee.as_ref() == Some(&person.id);
            let page = if is_desk { "desk/requests" } else { "requests" };
            let button = Button {
                name: "open".to_owned(),
                label: request_words::open_label(person.language).to_owned(),
                link: format!("/{page}/{}", request.id),
            };
            let about = about(&request.id);
            let once =
                format!("{about} {} {} {}", request_words::kind(what), stored.revision, person.id);
            let message = NewMessage {
                to: &person.id,
                kind: request_words::kind(what),
                about: &about,
                sender: Sender::Product,
                language: person.language,
                subject: &subject,
                body: &body,
                buttons: vec![button],
                due_at: now,
                once: &once,
            };
            self.enqueue(writing, &message).await?;
        }
        Ok(())
    }
}

/// Which sources are asked about a request: never the file of paid software, for there is none.
pub(crate) fn sources_for(request: &Request, now: Timestamp) -> Vec<PendingCheck> {
    let mut wanted: Vec<(CheckKind, &str)> = Vec::new();
    wanted.extend(request.hashes().into_iter().map(|hash| (CheckKind::Hash, hash)));
    if !request.form.paid {
        wanted.extend(request.files.iter().map(|file| (CheckKind::File, file.sha256.as_str())));
    }
    if !request.form.url.is_empty() {
        wanted.push((CheckKind::Url, &request.form.url));
        wanted.push((CheckKind::Origin, &request.form.url));
    }
    wanted.push((CheckKind::Sightings, &request.form.name));
    if !request.form.extension_id.is_empty() {
        wanted.push((CheckKind::Permissions, &request.form.extension_id));
    }
    let pending = |(kind, subject): (CheckKind, &str)| PendingCheck {
        kind,
        subject: subject.to_owned(),
        since: now,
    };
    wanted.into_iter().map(pending).collect()
}

/// Puts questions to sources into the queue.
pub(crate) async fn want(
    writing: &mut Writing,
    about: &str,
    checks: &[PendingCheck],
) -> Result<(), ControlError> {
    for one in checks {
        sqlx::query(
            "INSERT INTO evidence_wanted (about, kind, subject, since, taken_until) \
             VALUES ($1, $2, $3, $4, 0) \
             ON CONFLICT (about, kind, subject) DO UPDATE SET since = excluded.since, taken_until = 0",
        )
        .bind(about)
        .bind(one.kind.name())
        .bind(&one.subject)
        .bind(one.since.nanos())
        .execute(&mut **writing)
        .await?;
    }
    Ok(())
}

/// How history, audit and messages name a request.
pub(crate) fn about(request: &str) -> String {
    format!("request {request}")
}

pub(crate) const fn cause<'a>(who: &Principal<'a>) -> AuditCause<'a> {
    match who {
        Principal::Person(actor) => AuditCause::Person(actor),
        Principal::Machine => AuditCause::Machine,
    }
}

fn by<'a>(who: &Principal<'a>) -> By<'a> {
    match who {
        Principal::Machine => By::Machine,
        Principal::Person(actor) => By::Person {
            id: actor.id(),
            reviewer: actor.may(Permission::ReviewRequests),
            senior: actor.may(Permission::DecideRequests),
        },
    }
}

/// What the history tells of a step besides its name.
fn detail_of(command: &Command) -> String {
    match command {
        Command::MarkDuplicate { of } => of.clone(),
        Command::Assign { to } => to.clone().unwrap_or_default(),
        Command::AnswerRule(answer) => {
            format!("{} {}", answer.rule, if answer.yes { "yes" } else { "no" })
        }
        Command::ProposeOverride { check, reason } | Command::ConfirmOverride { check, reason } => {
            format!("{check}: {reason}")
        }
        Command::Escalate { reason } | Command::Appeal { reason } => reason.clone(),
        Command::Decide(ruling) => format!("{}: {}", ruling.outcome.name(), ruling.reason),
        Command::RecordChecks { kind, answers, .. } => {
            let verdicts: Vec<String> = answers
                .iter()
                .map(|one| format!("{} {}", one.source, one.verdict.name()))
                .collect();
            format!("{}: {}", kind.name(), verdicts.join(", "))
        }
        Command::Attach(file) => file.sha256.clone(),
        _ => String::new(),
    }
}
