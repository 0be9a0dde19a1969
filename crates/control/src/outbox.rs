//! The outbox: messages to people, written in the transaction of the state that causes them.
//!
//! Knows who gets which words by which channel, and what became of it. Refuses to know why a message is
//! written and what an answer changes: that is the use case's.
//!
//! Invariant: a message is in the outbox when, and only when, the state that causes it was committed; a process
//! that is killed between the two leaves neither or both.
//! Invariant: a channel is given each message at least once until it takes it, with an identifier that stays
//! the same, and never one that was withdrawn before.

use crate::actor::Principal;
use crate::audit::{Action, Cause, Entry};
use crate::channel::{Outgoing, Undelivered};
use crate::limits::{
    DELIVERIES_MAX, MESSAGE_BODY_BYTES_MAX, MESSAGE_BUTTONS_MAX, MESSAGE_SUBJECT_BYTES_MAX,
    MESSAGES_ON_PAGE, MESSAGES_PER_ROUND, MINUTE_NS,
};
use crate::recipient::recipient;
use crate::scope::{Scope, statement};
use crate::store::{Row, Writing, storable};
use crate::view::people::{Button, MessageRow, MessageState};
use crate::{Actor, Control, ControlError, Language, Permission, random};
use model::Timestamp;
use serde_json::json;
use sqlx::Row as _;

/// Who speaks to a person.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sender<'a> {
    /// Mimamori itself.
    Product,
    /// A named person, by identifier.
    Person(&'a str),
}

impl<'a> Sender<'a> {
    pub(crate) fn of(by: Principal<'a>) -> Self {
        match by {
            Principal::Person(actor) => Self::Person(actor.id()),
            Principal::Machine => Self::Product,
        }
    }
}

/// A message to be written. Its words are in the person's language already.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage<'a> {
    /// The person's identifier.
    pub(crate) to: &'a str,
    /// What sort of message; stored, never changes.
    pub(crate) kind: &'static str,
    /// A word and an identifier, as "finding …".
    pub(crate) about: &'a str,
    pub(crate) sender: Sender<'a>,
    pub(crate) language: Language,
    pub(crate) subject: &'a str,
    pub(crate) body: &'a str,
    pub(crate) buttons: Vec<Button>,
    /// Not delivered before.
    pub(crate) due_at: Timestamp,
    /// A second message with the same text here is not written.
    pub(crate) once: &'a str,
}

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) kind: String,
    pub(crate) about: String,
}

/// What a round of delivery did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Messages that a channel took.
    pub delivered: u64,
    /// Messages given up.
    pub failed: u64,
    /// Messages to be tried again later.
    pub postponed: u64,
}

impl Control {
    /// Writes a message in the transaction of the state that causes it; `None` when its `once` was there
    /// already.
    pub(crate) async fn enqueue(
        &self,
        writing: &mut Writing,
        message: &NewMessage<'_>,
    ) -> Result<Option<String>, ControlError> {
        let id = format!("{:032x}", random::id_bits()?);
        let sender = match message.sender {
            Sender::Product => None,
            Sender::Person(id) => Some(id.to_owned()),
        };
        let buttons: Vec<&Button> = message
            .buttons
            .iter()
            .filter(|button| is_console_path(&button.link))
            .take(MESSAGE_BUTTONS_MAX)
            .collect();
        let written = sqlx::query(
            "INSERT INTO message (id, once, person_id, sender_id, kind, about, language, subject, body, \
             buttons, channel, state, reason, attempts, created_at, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', 0, $13, $14) \
             ON CONFLICT (once) DO NOTHING",
        )
        .bind(&id)
        .bind(message.once.to_owned())
        .bind(message.to.to_owned())
        .bind(sender)
        .bind(message.kind)
        .bind(message.about.to_owned())
        .bind(message.language.code())
        .bind(kept(message.subject, MESSAGE_SUBJECT_BYTES_MAX))
        .bind(kept(message.body, MESSAGE_BODY_BYTES_MAX))
        .bind(json!(buttons).to_string())
        .bind(self.channels.chosen().name())
        .bind(MessageState::Queued.name())
        .bind(self.clock.now().nanos())
        .bind(message.due_at.nanos())
        .execute(&mut **writing)
        .await?;
        Ok((written.rows_affected() == 1).then_some(id))
    }

    /// One's own messages, newest first: those that were delivered.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn my_messages(&self, actor: &Actor) -> Result<Vec<MessageRow>, ControlError> {
        self.require(actor, &[Permission::AnswerOwn], "my_messages").await?;
        let mut rows = self.message_rows(&actor.own(), None).await?;
        rows.retain(|row| matches!(row.state, MessageState::Delivered | MessageState::Answered));
        Ok(rows)
    }

    /// The messages to everybody in scope, newest first. Reading them is in the audit chain: they are about
    /// people.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn outbox(
        &self,
        actor: &Actor,
        state: Option<MessageState>,
    ) -> Result<Vec<MessageRow>, ControlError> {
        self.require(actor, &[Permission::ReadMessages], "outbox").await?;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::OutboxRead,
            target: String::new(),
            detail: json!({ "state": state.map(MessageState::name) }),
        })
        .await?;
        self.message_rows(&actor.scope(Permission::ReadMessages), state).await
    }

    /// Gives every due message to its channel. A message that a channel took and that could not be marked so
    /// (the process was killed) is given again, under the same identifier.
    ///
    /// # Errors
    /// The store's. What a channel refuses is a state of its message.
    pub async fn deliver_messages(&self) -> Result<Delivered, ControlError> {
        let now = self.clock.now();
        let sql = format!(
            "SELECT m.id, m.person_id, p.name, m.kind, m.language, m.subject, m.body, m.buttons, m.channel, \
             m.attempts FROM message AS m JOIN person AS p ON p.id = m.person_id \
             WHERE m.state = $1 AND m.due_at <= $2 ORDER BY m.due_at, m.id LIMIT {MESSAGES_PER_ROUND}"
        );
        let rows = statement(sql)
            .bind(MessageState::Queued.name())
            .bind(now.nanos())
            .fetch_all(self.store.pool())
            .await?;
        let mut done = Delivered::default();
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in &rows {
            let (message, channel, attempts) = outgoing(row)?;
            let outcome = self.deliver_one(&message, &channel).await?;
            outcomes.push((message.id, attempts + 1, outcome));
        }
        if outcomes.is_empty() {
            return Ok(done);
        }
        let mut writing = self.store.write().await?;
        for (id, attempts, outcome) in outcomes {
            match outcome {
                Ok(()) => {
                    done.delivered += 1;
                    mark(&mut writing, &id, MessageState::Delivered, "", attempts, now).await?;
                }
                Err(Undelivered::Later { reason }) if attempts < DELIVERIES_MAX => {
                    done.postponed += 1;
                    postpone(&mut writing, &id, &reason, attempts, now).await?;
                }
                Err(Undelivered::Later { reason } | Undelivered::Never { reason }) => {
                    done.failed += 1;
                    mark(&mut writing, &id, MessageState::Failed, &reason, attempts, now).await?;
                }
            }
        }
        writing.commit().await?;
        Ok(done)
    }

    async fn deliver_one(
        &self,
        message: &Outgoing,
        channel: &str,
    ) -> Result<Result<(), Undelivered>, ControlError> {
        let person = recipient(self.store.pool(), &message.to).await?;
        if person.is_none_or(|person| person.disabled) {
            let reason = "the person's account is disabled".to_owned();
            return Ok(Err(Undelivered::Never { reason }));
        }
        Ok(match self.channels.of_name(channel) {
            Some(channel) => channel.deliver(message).await,
            None => {
                let reason = format!("there is no channel {channel:?} any more");
                Err(Undelivered::Never { reason })
            }
        })
    }

    async fn message_rows(
        &self,
        scope: &Scope,
        state: Option<MessageState>,
    ) -> Result<Vec<MessageRow>, ControlError> {
        let condition = scope.on_person("p", 2);
        let sql = format!(
            "SELECT m.id, m.person_id, p.name, s.name, m.kind, m.about, m.language, m.subject, m.body, \
             m.buttons, m.channel, m.state, m.reason, m.answer, m.created_at, m.due_at, m.delivered_at, \
             m.answered_at FROM message AS m JOIN person AS p ON p.id = m.person_id \
             LEFT JOIN person AS s ON s.id = m.sender_id \
             WHERE (m.state = $1 OR $1 IS NULL) AND {} \
             ORDER BY m.created_at DESC, m.id LIMIT {MESSAGES_ON_PAGE}",
            condition.sql
        );
        let rows = condition
            .bind(statement(sql).bind(state.map(|state| state.name().to_owned())))
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(message_row).collect()
    }
}

/// Takes a person's answer to an own message, within the transaction that acts on it. Only a message that was
/// delivered can be answered, once, with a button that it has.
///
/// # Errors
/// [`ControlError::NotFound`] otherwise.
pub(crate) async fn answer(
    writing: &mut Writing,
    person: &str,
    message: &str,
    button: &str,
    now: Timestamp,
) -> Result<Answered, ControlError> {
    let unknown =
        || ControlError::NotFound { what: "message", id: message.chars().take(80).collect() };
    let row = sqlx::query(
        "SELECT kind, about, buttons FROM message WHERE id = $1 AND person_id = $2 AND state = $3",
    )
    .bind(message.to_owned())
    .bind(person.to_owned())
    .bind(MessageState::Delivered.name())
    .fetch_optional(&mut **writing)
    .await?
    .ok_or_else(unknown)?;
    let buttons = stored_buttons(message, &row.try_get::<String, _>(2)?)?;
    if !buttons.iter().any(|known| known.name == button) {
        return Err(unknown());
    }
    sqlx::query("UPDATE message SET state = $1, answer = $2, answered_at = $3 WHERE id = $4")
        .bind(MessageState::Answered.name())
        .bind(button.to_owned())
        .bind(now.nanos())
        .bind(message.to_owned())
        .execute(&mut **writing)
        .await?;
    Ok(Answered { kind: row.try_get(0)?, about: row.try_get(1)? })
}

/// Withdraws the messages about something that still wait: it is over.
pub(crate) async fn close_about(writing: &mut Writing, about: &str) -> Result<(), ControlError> {
    sqlx::query("UPDATE message SET state = $1 WHERE about = $2 AND state = $3")
        .bind(MessageState::Withdrawn.name())
        .bind(about.to_owned())
        .bind(MessageState::Queued.name())
        .execute(&mut **writing)
        .await?;
    Ok(())
}

async fn mark(
    writing: &mut Writing,
    id: &str,
    state: MessageState,
    reason: &str,
    attempts: i64,
    now: Timestamp,
) -> Result<(), ControlError> {
    let delivered_at = (state == MessageState::Delivered).then_some(now.nanos());
    sqlx::query(
        "UPDATE message SET state = $1, reason = $2, attempts = $3, delivered_at = $4 \
         WHERE id = $5 AND state = $6",
    )
    .bind(state.name())
    .bind(kept(reason, MESSAGE_SUBJECT_BYTES_MAX))
    .bind(attempts)
    .bind(delivered_at)
    .bind(id.to_owned())
    .bind(MessageState::Queued.name())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

/// Waits twice as long after each try: a minute, two, four …
async fn postpone(
    writing: &mut Writing,
    id: &str,
    reason: &str,
    attempts: i64,
    now: Timestamp,
) -> Result<(), ControlError> {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(10);
    sqlx::query(
        "UPDATE message SET due_at = $1, reason = $2, attempts = $3 WHERE id = $4 AND state = $5",
    )
    .bind(now.plus_nanos(MINUTE_NS << doublings).nanos())
    .bind(kept(reason, MESSAGE_SUBJECT_BYTES_MAX))
    .bind(attempts)
    .bind(id.to_owned())
    .bind(MessageState::Queued.name())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

fn outgoing(row: &Row) -> Result<(Outgoing, String, i64), ControlError> {
    let id: String = row.try_get(0)?;
    let buttons = stored_buttons(&id, &row.try_get::<String, _>(7)?)?;
    let message = Outgoing {
        id,
        to: row.try_get(1)?,
        to_name: row.try_get(2)?,
        kind: row.try_get(3)?,
        language: Language::of_code(&row.try_get::<String, _>(4)?),
        subject: row.try_get(5)?,
        body: row.try_get(6)?,
        buttons,
    };
    Ok((message, row.try_get(8)?, row.try_get(9)?))
}

fn message_row(row: &Row) -> Result<MessageRow, ControlError> {
    let id: String = row.try_get(0)?;
    let state: String = row.try_get(11)?;
    let time = |column: usize| -> Result<Option<Timestamp>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_nanos))
    };
    Ok(MessageRow {
        to: row.try_get(1)?,
        to_name: row.try_get(2)?,
        sender: row.try_get(3)?,
        kind: row.try_get(4)?,
        about: row.try_get(5)?,
        language: Language::of_code(&row.try_get::<String, _>(6)?),
        subject: row.try_get(7)?,
        body: row.try_get(8)?,
        buttons: stored_buttons(&id, &row.try_get::<String, _>(9)?)?,
        channel: row.try_get(10)?,
        state: MessageState::of_name(&state)
            .ok_or_else(|| damaged(&id, format!("unknown state {state:?}")))?,
        reason: row.try_get(12)?,
        answer: row.try_get(13)?,
        created_at: Timestamp::from_nanos(row.try_get(14)?),
        due_at: Timestamp::from_nanos(row.try_get(15)?),
        delivered_at: time(16)?,
        answered_at: time(17)?,
        id,
    })
}

fn stored_buttons(id: &str, text: &str) -> Result<Vec<Button>, ControlError> {
    serde_json::from_str(text).map_err(|err| damaged(id, err.to_string()))
}

fn damaged(id: &str, reason: String) -> ControlError {
    ControlError::Corrupt { what: "message", id: id.to_owned(), reason }
}

/// A path of the console and no address elsewhere: `//host` and `/\host` lead away.
fn is_console_path(link: &str) -> bool {
    link.starts_with('/')
        && !link.starts_with("//")
        && !link.chars().any(|char| char == '\\' || char.is_control())
}

fn kept(text: &str, bytes_max: usize) -> String {
    let text = storable(text);
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_stays_in_the_console() {
        for link in ["/pc#f-1", "/findings/1?answer=removed"] {
            assert!(is_console_path(link), "{link}");
        }
        for link in ["", "my-pc", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"] {
            assert!(!is_console_path(link), "{link:?}");
        }
    }

    #[test]
    fn long_words_are_cut_at_a_character() {
        assert_eq!(kept(&"長".repeat(10), 7), "長長");
        assert_eq!(kept("a\0", 7), "a\u{fffd}");
    }
}
