//! The rules in force: what they are, and what they found lately.

use crate::limits::DAY_NS;
use crate::rows::{Parameters, rows_of};
use crate::rulebook::own_source;
use crate::view::backtest::{RuleInForce, RuleList, RuleRow};
use crate::{Actor, Control, ControlError, Permission, RulesSummary};
use case::rule_life::{Life, Stage};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// Days whose alerts are counted.
const COUNTED_DAYS: i64 = 30;

impl Control {
    /// Says that what the compiled set is made of has changed: a stored rule, its state, an exclusion, a
    /// list. To be called after the transaction; whoever compiles the set waits for it.
    pub fn rules_changed(&self) {
        self.rules_changed.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// The count of changes to what the compiled set is made of, to wait on.
    #[must_use]
    pub fn rule_changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.rules_changed.subscribe()
    }

    /// Says which rules are in force from now on; they are shown, not judged by.
    pub fn show_rules(&self, rules: Vec<RuleInForce>) {
        let mut in_force = self.rules_in_force.write().unwrap_or_else(PoisonError::into_inner);
        *in_force = rules.into_iter().map(Arc::new).collect();
    }

    /// Says how many rules are in force from now on, and which were refused.
    pub fn show_rules_summary(&self, rules: RulesSummary) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    pub(crate) fn rules_summary(&self) -> RulesSummary {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rules in force with what they found in the last 30 days, and those that were refused.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the lake's.
    pub async fn rules(&self, actor: &Actor) -> Result<RuleList, ControlError> {
        self.require(actor, &[Permission::ReadRules], "rules").await?;
        Ok(RuleList { rows: self.rule_rows().await?, refused: self.rules_summary().refused })
    }

    /// One rule in force.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], or the lake's.
    pub async fn rule(&self, actor: &Actor, id: &str) -> Result<RuleRow, ControlError> {
        self.require(actor, &[Permission::ReadRules], "rule").await?;
        let found = self.rule_rows().await?.into_iter().find(|row| row.rule.id == id);
        found.ok_or_else(|| {
            let id = id.chars().take(80).collect();
            ControlError::NotFound { what: "rule", id }
        })
    }

    /// Every rule in force and every draft.
    async fn rule_rows(&self) -> Result<Vec<RuleRow>, ControlError> {
        let found = self.found_by_rules().await?;
        let mut lives = self.lives().await?;
        let mut rules = self.rules_in_force();
        // The set that is shown may be older than the store by some moments.
        let is_draft = |id: &str| lives.get(id).is_some_and(|life| life.stage == Stage::Draft);
        rules.retain(|rule| !is_draft(&rule.id));
        for own in self.own_rules().await? {
            if !rules.iter().any(|rule| rule.id == own.id) {
                rules.push(own);
            }
        }
        let rows = rules.into_iter().map(|rule| {
            let (matches_30d, devices_30d) = found.get(&rule.id).copied().unwrap_or_default();
            let life = lives.remove(&rule.id).unwrap_or_else(Life::of_file);
            let own = rule.source == own_source(&rule.id);
            RuleRow { rule, matches_30d, devices_30d, life, own }
        });
        Ok(rows.collect())
    }

    pub(crate) fn rules_in_force(&self) -> Vec<Arc<RuleInForce>> {
        self.rules_in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Alerts and devices of each rule in the last 30 days.
    async fn found_by_rules(&self) -> Result<HashMap<String, (u64, u64)>, ControlError> {
        let mut parameters = Parameters::default();
        let sql = format!(
            "SELECT rule_id, count(*), count(DISTINCT device) FROM alert \
             WHERE observed_at > {} GROUP BY rule_id",
            parameters.bind_time(self.clock.now().plus_nanos(-COUNTED_DAYS * DAY_NS))
        );
        let found = self.lake.query_with(&sql, parameters.values(), RULES_COUNTED_MAX).await?;
        let mut counts = HashMap::new();
        for mut cells in rows_of(&found, "count") {
            counts.insert(cells.text()?.into_owned(), (cells.count()?, cells.count()?));
        }
        Ok(counts)
    }
}

/// Rules whose alerts are counted at once.
const RULES_COUNTED_MAX: usize = 100_000;
