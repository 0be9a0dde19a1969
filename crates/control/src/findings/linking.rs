//! A finding and the request that was filed for it.
//!
//! Invariant: a finding waits for a request only that its person handed in or follows, and goes on when that ends.

use super::acts::own_device;
use super::stored::{People, Stored, Tally, Who};
use crate::store::Writing;
use crate::{Actor, Control, ControlError, Permission};
use case::finding::{By, Event};
use sqlx::Row as _;

impl Control {
    /// Notes that a request was filed for a finding of one's own device: one's own request, or one that is followed.
    ///
    /// # Errors
    /// As [`Control::answer_finding`]; [`ControlError::NotFound`] for a request that is not the person's or that nobody
    /// handed in: a finding must not wait for what never comes.
    pub async fn link_request(
        &self,
        actor: &Actor,
        finding: &str,
        request: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::AnswerOwn], "link_request").await?;
        let mut writing = self.store.write().await?;
        let mut stored = Stored::load(&mut writing, finding).await?;
        let people = own_device(&mut writing, actor, &stored).await?;
        let state = own_request(&mut writing, actor, request).await?;
        let event = Event::RequestFiled { request: request.to_owned() };
        self.act(&mut writing, actor, &mut stored, &event, By::Owner, request, &people).await?;
        // The machine may have decided already.
        self.request_moved(&mut writing, request, &state).await?;
        writing.commit().await
    }

    /// A request moved: findings that wait for it go on when it ended without a permission. Called by whoever changes
    /// the request, in that transaction.
    pub(crate) async fn request_moved(
        &self,
        writing: &mut Writing,
        request: &str,
        state: &str,
    ) -> Result<(), ControlError> {
        let permitted = match state {
            "approved" | "approved_with_conditions" => true,
            "denied" | "withdrawn" => false,
            _ => return Ok(()),
        };
        let sql = format!(
            "SELECT {} FROM finding AS f WHERE f.request_id = $1 AND f.status = 'request_filed'",
            Stored::COLUMNS
        );
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(request).fetch_all(&mut **writing).await?;
        let (now, mut tally) = (self.clock.now(), Tally::default());
        for row in &rows {
            let mut stored = Stored::of_row(row)?;
            let people = People::of_device(writing, &stored.device).await?;
            let event = Event::RequestEnded { permitted };
            self.step_finding(
                writing,
                &mut stored,
                &event,
                Who::JUDGEMENT,
                state,
                &people,
                &mut tally,
                now,
            )
            .await?;
        }
        Ok(())
    }
}

/// The state of a request that the person handed in or follows, and that goes on.
async fn own_request(
    writing: &mut Writing,
    actor: &Actor,
    request: &str,
) -> Result<String, ControlError> {
    let row = sqlx::query(
        "SELECT r.state FROM request AS r WHERE r.id = $1 AND r.state NOT IN ('draft', 'duplicate') AND \
         (r.requester_id = $2 OR EXISTS (SELECT 1 FROM request_follower AS f WHERE f.request_id = r.id \
         AND f.person_id = $2))",
    )
    .bind(request.to_owned())
    .bind(actor.id().to_owned())
    .fetch_optional(&mut **writing)
    .await?;
    match row {
        Some(row) => Ok(row.try_get(0)?),
        None => {
            Err(ControlError::NotFound { what: "request", id: request.chars().take(64).collect() })
        }
    }
}
