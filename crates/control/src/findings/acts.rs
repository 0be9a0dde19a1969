//! What people do with findings: the person at the device answers, the team rules, writes and closes.

use super::stored::{Outgoing, People, Stored, Tally, Who, about};
use crate::audit::{Action, Cause, Entry};
use crate::limits::FINDING_TEXT_CHARS_MAX;
use crate::outbox::Sender;
use crate::store::Writing;
use crate::view::findings::{DraftView, Ticked};
use crate::view::requests::{Form, Kind as RequestKind};
use crate::{Actor, Control, ControlError, Language, Permission, outbox};
use case::finding::{Answer, By, Event, Kind, Ruling, Status};
use case::message::{Composed, Occasion, visible};
use case::remedy::Channel;
use model::{DeviceId, Timestamp};
use serde_json::json;
use sqlx::Row as _;

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Where the finding stands now.
    pub status: Status,
    /// What comes next.
    pub next: AnswerNext,
}

/// What comes after an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerNext {
    /// The request form, filled in so far; the request is then linked by [`Control::link_request`].
    FileRequest {
        /// What is asked for: an extension, a program without a package, a package.
        kind: RequestKind,
        /// What the inventory knows of it.
        form: Box<Form>,
    },
    /// The device is looked at again; then it closes by itself.
    WaitForLook,
    /// Somebody of the team looks at it.
    WaitForTeam,
}

impl Control {
    /// The owner of the device answers a finding, on "My PC".
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for a finding of somebody else's device, [`ControlError::FindingRefused`].
    pub async fn answer_finding(
        &self,
        actor: &Actor,
        finding: &str,
        answer: Answer,
        note: &str,
    ) -> Result<Answered, ControlError> {
        self.require(actor, &[Permission::AnswerOwn], "answer_finding").await?;
        let note = bounded(note)?;
        let mut writing = self.store.write().await?;
        let answered = self.answer_within(&mut writing, actor, finding, answer, &note).await?;
        writing.commit().await?;
        Ok(answered)
    }

    /// The same by the button of a message.
    ///
    /// # Errors
    /// As [`Control::answer_finding`], and for a message that is not there or was answered.
    pub async fn answer_message(
        &self,
        actor: &Actor,
        message: &str,
        button: &str,
    ) -> Result<Answered, ControlError> {
        self.require(actor, &[Permission::AnswerOwn], "answer_message").await?;
        let reason = "it is not one of this message's buttons";
        let answer = Answer::of_name(button)
            .ok_or(ControlError::BadArgument { what: "the answer", reason })?;
        let mut writing = self.store.write().await?;
        let now = self.clock.now();
        let answered = outbox::answer(&mut writing, actor.id(), message, button, now).await?;
        let finding = answered.about.strip_prefix("finding ").unwrap_or_default().to_owned();
        let answered = self.answer_within(&mut writing, actor, &finding, answer, "").await?;
        writing.commit().await?;
        Ok(answered)
    }

    async fn answer_within(
        &self,
        writing: &mut Writing,
        actor: &Actor,
        finding: &str,
        answer: Answer,
        note: &str,
    ) -> Result<Answered, ControlError> {
        let mut stored = Stored::load(writing, finding).await?;
        let people = own_device(writing, actor, &stored).await?;
        let event = Event::Answered(answer);
        let detail = if note.is_empty() {
            answer.name().to_owned()
        } else {
            format!("{}: {note}", answer.name())
        };
        self.act(writing, actor, &mut stored, &event, By::Owner, &detail, &people).await?;
        let next = match answer {
            Answer::RequestNow => {
                let (kind, form) = super::asking::request_of(writing, &stored).await?;
                AnswerNext::FileRequest { kind, form: Box::new(form) }
            }
            Answer::Removed => AnswerNext::WaitForLook,
            Answer::NotMine => AnswerNext::WaitForTeam,
        };
        Ok(Answered { status: stored.state.status, next })
    }

    /// How many findings wait for the actor's answer: for the badge of "My PC".
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn my_waiting(&self, actor: &Actor) -> Result<u64, ControlError> {
        self.require(actor, &[Permission::AnswerOwn], "my_waiting").await?;
        let row = sqlx::query(
            "SELECT COUNT(*) FROM finding AS f JOIN device AS d ON d.id = f.device_id \
             WHERE d.owner_id = $1 AND f.status IN ('open', 'notified') AND f.kind <> $2",
        )
        .bind(actor.id().to_owned())
        .bind(Kind::NewVersion.name())
        .fetch_one(self.store.pool())
        .await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
    }

    /// The team answers "not mine".
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::FindingRefused`].
    pub async fn rule_on_dispute(
        &self,
        actor: &Actor,
        finding: &str,
        ruling: Ruling,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.team_act(actor, "rule_on_dispute", finding, &Event::Ruled(ruling), reason).await
    }

    /// The team lives with a finding for a time.
    ///
    /// # Errors
    /// As [`Control::rule_on_dispute`].
    pub async fn accept_risk(
        &self,
        actor: &Actor,
        finding: &str,
        until: Timestamp,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.team_act(actor, "accept_risk", finding, &Event::RiskAccepted { until }, reason).await
    }

    /// It does not any more.
    ///
    /// # Errors
    /// As [`Control::rule_on_dispute`].
    pub async fn end_risk(
        &self,
        actor: &Actor,
        finding: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.team_act(actor, "end_risk", finding, &Event::RiskEnded, reason).await
    }

    async fn team_act(
        &self,
        actor: &Actor,
        use_case: &'static str,
        finding: &str,
        event: &Event,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::WorkFindings], use_case).await?;
        let reason = reasoned(reason)?;
        let mut writing = self.store.write().await?;
        let mut stored = Stored::load(&mut writing, finding).await?;
        self.finding_in_scope(actor, Permission::WorkFindings, &stored).await?;
        let people = People::of_device(&mut writing, &stored.device).await?;
        self.act(&mut writing, actor, &mut stored, event, By::Team, &reason, &people).await?;
        writing.commit().await
    }

    /// The words of a message that somebody of the team may change and send in his own name.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`] (also when nobody owns the device).
    pub async fn draft_message(
        &self,
        actor: &Actor,
        finding: &str,
    ) -> Result<DraftView, ControlError> {
        self.require(actor, &[Permission::SendMessages], "draft_message").await?;
        let mut reading = self.store.write().await?;
        let stored = Stored::load(&mut reading, finding).await?;
        self.finding_in_scope(actor, Permission::SendMessages, &stored).await?;
        let people = People::of_device(&mut reading, &stored.device).await?;
        let owner = people.owner.as_ref().ok_or_else(|| no_owner(&stored))?;
        let letter = Outgoing {
            occasion: Occasion::Draft,
            channel: Channel::Person,
            to: owner,
            sender: Sender::Person(actor.id()),
            sender_name: actor.name(),
        };
        let words = letter.compose(&stored, &people, owner);
        Ok(DraftView {
            finding: stored.id.clone(),
            to: owner.name.clone(),
            subject: words.subject,
            body: words.body,
            since: stored.state.status_at,
        })
    }

    /// Sends a message about a finding in the actor's own name: the draft as it is, or as he changed it.
    ///
    /// # Errors
    /// As [`Control::draft_message`], [`ControlError::FindingRefused`], [`ControlError::BadArgument`].
    pub async fn send_draft(
        &self,
        actor: &Actor,
        finding: &str,
        subject: &str,
        body: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::SendMessages], "send_draft").await?;
        let words = Composed {
            subject: reasoned(&visible(subject))?,
            body: reasoned(body)?,
            buttons: Vec::new(),
        };
        let mut writing = self.store.write().await?;
        let mut stored = Stored::load(&mut writing, finding).await?;
        self.finding_in_scope(actor, Permission::SendMessages, &stored).await?;
        let people = People::of_device(&mut writing, &stored.device).await?;
        let owner = people.owner.clone().ok_or_else(|| no_owner(&stored))?;
        let buttons = stored.state.answers();
        let japanese = owner.language == Language::Ja;
        let label = |answer: &Answer| (*answer, case::message::label(*answer, japanese));
        let words = Composed { buttons: buttons.iter().map(label).collect(), ..words };
        self.act(&mut writing, actor, &mut stored, &Event::DraftSent, By::Team, "", &people)
            .await?;
        let letter = Outgoing {
            occasion: Occasion::Draft,
            channel: Channel::Person,
            to: &owner,
            sender: Sender::Person(actor.id()),
            sender_name: actor.name(),
        };
        let (now, mut tally) = (self.clock.now(), Tally::default());
        self.send_letter(&mut writing, &stored, &letter, &words, &mut tally, now).await?;
        writing.commit().await
    }

    /// A device is gone for good: its findings are closed and its inventory is forgotten. How many were closed.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn retire_device(
        &self,
        actor: &Actor,
        device: DeviceId,
        reason: &str,
    ) -> Result<u64, ControlError> {
        self.require(actor, &[Permission::WorkFindings], "retire_device").await?;
        let reason = reasoned(reason)?;
        self.device_in_scope(&actor.scope(Permission::WorkFindings), device).await?;
        let (device, mut closed) = (device.to_string(), 0);
        let mut writing = self.store.write().await?;
        let people = People::of_device(&mut writing, &device).await?;
        let sql = format!(
            "SELECT {} FROM finding AS f WHERE f.device_id = $1 AND f.status <> 'resolved'",
            Stored::COLUMNS
        );
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&device).fetch_all(&mut *writing).await?;
        for row in &rows {
            let mut stored = Stored::of_row(row)?;
            self.act(
                &mut writing,
                actor,
                &mut stored,
                &Event::DeviceRetired,
                By::Team,
                &reason,
                &people,
            )
            .await?;
            closed += 1;
        }
        for sql in [
            "DELETE FROM installed WHERE device_id = $1",
            "DELETE FROM staged_item WHERE device_id = $1",
            "DELETE FROM inventory_source WHERE device_id = $1",
            "DELETE FROM inventory_device WHERE device_id = $1",
        ] {
            sqlx::query(sql).bind(&device).execute(&mut *writing).await?;
        }
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::DeviceRetired,
            target: format!("device {device}"),
            detail: json!({ "reason": reason, "findings": closed }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(closed)
    }

    /// Software that was there before recording began becomes findings. How many were opened.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn open_baseline(
        &self,
        actor: &Actor,
        subjects: &[String],
    ) -> Result<u64, ControlError> {
        self.require(actor, &[Permission::WorkFindings], "open_baseline").await?;
        let mut writing = self.store.write().await?;
        for subject in subjects {
            sqlx::query(
                "UPDATE inventory_device SET stale = 1 WHERE device_id IN (SELECT i.device_id FROM installed i \
                 JOIN item_judgement j ON j.item_id = i.item_id WHERE j.subject = $1 AND i.baseline = 1)",
            )
            .bind(subject.clone())
            .execute(&mut *writing)
            .await?;
            sqlx::query(
                "UPDATE installed SET baseline = 0 WHERE baseline = 1 AND item_id IN \
                 (SELECT item_id FROM item_judgement WHERE subject = $1)",
            )
            .bind(subject.clone())
            .execute(&mut *writing)
            .await?;
        }
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::BaselineOpened,
            target: format!("{} subjects", subjects.len()),
            detail: json!({ "subjects": subjects.iter().take(100).collect::<Vec<_>>() }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        let mut ticked = Ticked::default();
        self.catch_up(&mut ticked).await?;
        Ok(ticked.opened)
    }

    /// One step by a person, with its audit entry.
    pub(super) async fn act(
        &self,
        writing: &mut Writing,
        actor: &Actor,
        stored: &mut Stored,
        event: &Event,
        by: By,
        detail: &str,
        people: &People,
    ) -> Result<(), ControlError> {
        let (now, mut tally) = (self.clock.now(), Tally::default());
        let from = stored.state.status;
        let who = Who { by, name: actor.name() };
        self.step_finding(writing, stored, event, who, detail, people, &mut tally, now).await?;
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::FindingChanged,
            target: about(&stored.id),
            detail: json!({
                "event": event.name(),
                "from": from.name(),
                "to": stored.state.status.name(),
                "detail": detail,
            }),
        };
        self.append(writing, &entry).await
    }

    /// Whether the finding's device is in what the actor may see; otherwise nobody learns that it exists.
    pub(crate) async fn finding_in_scope(
        &self,
        actor: &Actor,
        permission: Permission,
        stored: &Stored,
    ) -> Result<(), ControlError> {
        let device = crate::enrol::stored_device(&stored.device)?;
        let missing = |_| ControlError::NotFound { what: "finding", id: stored.id.clone() };
        self.device_in_scope(&actor.scope(permission), device).await.map_err(missing)
    }
}

/// The people around a finding of the actor's own device.
pub(super) async fn own_device(
    writing: &mut Writing,
    actor: &Actor,
    stored: &Stored,
) -> Result<People, ControlError> {
    let people = People::of_device(writing, &stored.device).await?;
    let own = people.owner.as_ref().is_some_and(|owner| owner.id == actor.id());
    if own {
        Ok(people)
    } else {
        Err(ControlError::NotFound { what: "finding", id: stored.id.clone() })
    }
}

fn no_owner(stored: &Stored) -> ControlError {
    ControlError::NotFound { what: "owner of the device of finding", id: stored.id.clone() }
}

fn bounded(text: &str) -> Result<String, ControlError> {
    let text = text.trim();
    let hidden = |c: char| c.is_control() && c != '\n' && c != '\r' && c != '\t';
    if text.chars().count() > FINDING_TEXT_CHARS_MAX || text.chars().any(hidden) {
        let reason = "it must have at most 2,000 characters and no control characters";
        return Err(ControlError::BadArgument { what: "the text", reason });
    }
    Ok(text.to_owned())
}

pub(crate) fn reasoned(text: &str) -> Result<String, ControlError> {
    let text = bounded(text)?;
    if text.is_empty() {
        let reason = "it is needed: others read it later";
        return Err(ControlError::BadArgument { what: "the reason", reason });
    }
    Ok(text)
}
