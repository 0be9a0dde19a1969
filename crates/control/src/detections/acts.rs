//! What people do with detections: look at them, judge them, take a step back.

use super::risk;
use super::stored::Stored;
use crate::audit::{Action, Cause, Entry};
use crate::store::Writing;
use crate::{Actor, Control, ControlError, Permission, Role};
use case::detection::{Effect, Event, Status, Verdict, step};
use serde_json::json;
use sqlx::Row as _;

impl Control {
    /// Says who looks at a detection; the actor when nobody is named. `revision` is the one that was shown.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::DetectionRefused`], and
    /// [`ControlError::Changed`] when somebody else changed it meanwhile.
    pub async fn assign_detection(
        &self,
        actor: &Actor,
        id: &str,
        revision: i64,
        person: Option<&str>,
    ) -> Result<(), ControlError> {
        let person = person.unwrap_or_else(|| actor.id()).to_owned();
        self.turn_detection(actor, id, revision, &Event::Assigned { person }).await
    }

    /// Says that nobody looks at it any more.
    ///
    /// # Errors
    /// As [`Control::assign_detection`].
    pub async fn release_detection(
        &self,
        actor: &Actor,
        id: &str,
        revision: i64,
    ) -> Result<(), ControlError> {
        self.turn_detection(actor, id, revision, &Event::Released).await
    }

    /// Judges it.
    ///
    /// # Errors
    /// As [`Control::assign_detection`].
    pub async fn close_detection(
        &self,
        actor: &Actor,
        id: &str,
        revision: i64,
        verdict: Verdict,
        reason: &str,
    ) -> Result<(), ControlError> {
        let reason = reason.trim().to_owned();
        self.turn_detection(actor, id, revision, &Event::Closed { verdict, reason }).await
    }

    /// Opens it again.
    ///
    /// # Errors
    /// As [`Control::assign_detection`].
    pub async fn reopen_detection(
        &self,
        actor: &Actor,
        id: &str,
        revision: i64,
        reason: &str,
    ) -> Result<(), ControlError> {
        let reason = reason.trim().to_owned();
        self.turn_detection(actor, id, revision, &Event::Reopened { reason }).await
    }

    /// Takes back the newest step.
    ///
    /// # Errors
    /// As [`Control::assign_detection`].
    pub async fn undo_detection(
        &self,
        actor: &Actor,
        id: &str,
        revision: i64,
    ) -> Result<(), ControlError> {
        self.turn_detection(actor, id, revision, &Event::Undone).await
    }

    async fn turn_detection(
        &self,
        actor: &Actor,
        id: &str,
        revision: i64,
        event: &Event,
    ) -> Result<(), ControlError> {
        let wanted = [Permission::ReadAlerts, Permission::WorkFindings];
        self.require(actor, &wanted, "turn_detection").await?;
        let mut writing = self.store.write().await?;
        let mut stored = Stored::load(&mut writing, id).await?;
        if stored.revision != revision {
            return Err(ControlError::Changed { what: "detection", id: stored.id });
        }
        let mut named = String::new();
        if let Event::Assigned { person } = event {
            named = self.worker_name(&mut writing, person).await?;
        }
        let newer = match stored.state.now.status {
            Status::Closed => Stored::open_of(&mut writing, &stored.rule_id).await?.is_some(),
            _ => false,
        };
        let (next, effects) = step(&stored.state, event, newer, self.clock.now())
            .map_err(ControlError::DetectionRefused)?;
        stored.state = next;
        stored.revision += 1;
        stored.save_state(&mut writing).await?;
        for effect in effects {
            match effect {
                Effect::RiskCounts(counts) => {
                    risk::recount(&mut writing, &stored.id, counts).await?;
                }
                // The page does, by its link; nothing is stored.
                Effect::OfferExclusion => {}
            }
        }
        let detail = match event {
            Event::Assigned { .. } => named,
            Event::Closed { verdict, reason } => format!("{}: {}", verdict.name(), reason.trim()),
            Event::Reopened { reason } => reason.clone(),
            Event::Released | Event::Undone => String::new(),
        };
        let by = actor.id();
        self.note_step(&mut writing, &stored.id, by, event.name(), &detail).await?;
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::DetectionChanged,
            target: format!("detection {}", stored.id),
            detail: json!({
                "what": event.name(),
                "rule": stored.rule_id,
                "status": stored.state.now.status.name(),
                "detail": detail,
            }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await
    }

    /// The name of somebody who may be asked to look at a detection.
    async fn worker_name(
        &self,
        writing: &mut Writing,
        person: &str,
    ) -> Result<String, ControlError> {
        let workers = workers(&mut *writing).await?;
        let found = workers.into_iter().find(|(id, _)| id == person);
        found.map(|(_, name)| name).ok_or_else(|| ControlError::no_person(person))
    }
}

/// Whoever may be asked: people whose roles let them read every alert and work on findings, by name.
pub(super) async fn workers(
    connection: &mut sqlx::AnyConnection,
) -> Result<Vec<(String, String)>, ControlError> {
    let rows = sqlx::query(
        "SELECT id, name, roles FROM person WHERE disabled_at IS NULL AND limited_to = '' ORDER BY name",
    )
    .fetch_all(connection)
    .await?;
    let mut workers = Vec::new();
    for row in &rows {
        let roles = Role::of_store(&row.try_get::<String, _>(2)?);
        let may = |wanted| roles.iter().any(|role| role.permissions().contains(&wanted));
        if may(Permission::ReadAlerts) && may(Permission::WorkFindings) {
            workers.push((row.try_get(0)?, row.try_get(1)?));
        }
    }
    Ok(workers)
}
