//! Not too many messages: whoever builds programs runs hundreds a day that nobody asked for.
//!
//! Invariant: a person gets at most [`FINDING_LETTERS_PER_DAY_MAX`] messages of the product about findings in a day, and
//! one more that says so. The ladder of each finding goes on all the same.

use super::stored::Tally;
use crate::limits::{DAY_NS, FINDING_LETTERS_PER_DAY_MAX};
use crate::outbox::{NewMessage, Sender};
use crate::recipient::Recipient;
use crate::store::Writing;
use crate::{Control, ControlError, Language};
use case::message::{Occasion, more_waits};
use model::Timestamp;
use sqlx::Row as _;

impl Control {
    /// Whether the person got as many messages about findings in the last day as anybody reads.
    pub(super) async fn has_had_enough(
        &self,
        writing: &mut Writing,
        person: &Recipient,
        now: Timestamp,
    ) -> Result<bool, ControlError> {
        let row = sqlx::query(
            "SELECT COUNT(*) FROM message WHERE person_id = $1 AND created_at > $2 AND kind IN ($3, $4)",
        )
        .bind(person.id.clone())
        .bind(now.plus_nanos(-DAY_NS).nanos())
        .bind(Occasion::Notice.name())
        .bind(Occasion::Reminder.name())
        .fetch_one(&mut **writing)
        .await?;
        Ok(row.try_get::<i64, _>(0)? >= FINDING_LETTERS_PER_DAY_MAX)
    }

    /// Says once a day that more waits.
    pub(super) async fn tell_of_more(
        &self,
        writing: &mut Writing,
        person: &Recipient,
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let words = more_waits(&person.name, person.language == Language::Ja);
        let new = NewMessage {
            to: &person.id,
            kind: Occasion::Notice.name(),
            about: "findings",
            sender: Sender::Product,
            language: person.language,
            subject: &words.subject,
            body: &words.body,
            buttons: Vec::new(),
            due_at: now,
            once: &format!("findings {} {}", person.id, now.utc_day()),
        };
        if self.enqueue(writing, &new).await?.is_some() {
            tally.messages += 1;
        }
        Ok(())
    }
}
