//! Lists for the placeholders of rules (`expand`): kept by people, read from files, made of what is known.

use crate::{Control, ControlError};
use sqlx::Row as _;
use std::collections::BTreeMap;

impl Control {
    /// The values of each placeholder, by its name without percent signs.
    ///
    /// # Errors
    /// The store's.
    pub async fn rule_lists(&self) -> Result<BTreeMap<String, Vec<String>>, ControlError> {
        let rows = sqlx::query("SELECT name, entries FROM rule_list ORDER BY name")
            .fetch_all(self.store.pool())
            .await?;
        let mut lists = BTreeMap::new();
        for row in &rows {
            let name: String = row.try_get(0)?;
            let entries: String = row.try_get(1)?;
            let values = serde_json::from_str(&entries).map_err(|err| ControlError::Corrupt {
                what: "rule list",
                id: name.clone(),
                reason: err.to_string(),
            })?;
            lists.insert(name, values);
        }
        Ok(lists)
    }
}
