//! Exclusions of rules: Sigma filters with an owner, a reason and an end.

use crate::{Control, ControlError};
use sqlx::Row as _;

impl Control {
    /// The exclusions that are in force now: a name for messages and the Sigma filter, in the order in which they
    /// were made.
    ///
    /// # Errors
    /// The store's.
    pub async fn rule_exclusions_in_force(&self) -> Result<Vec<(String, String)>, ControlError> {
        let rows = sqlx::query(
            "SELECT id, document FROM rule_exclusion WHERE state = 'active' AND expires_at > $1 \
             ORDER BY created_at, id",
        )
        .bind(self.clock.now().nanos())
        .fetch_all(self.store.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok((format!("exclusions/{}.yml", row.try_get::<String, _>(0)?), row.try_get(1)?))
            })
            .collect()
    }
}
