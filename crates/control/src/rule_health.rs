//! How rules are: what they found and cost, what filters took away from them, and which devices feed them.

mod supply;

pub(crate) use supply::Supplies;

use crate::limits::DAY_NS;
use crate::rows::{Parameters, rows_of};
use crate::rule_work::SHOWN_DAYS;
use crate::view::backtest::RuleInForce;
use crate::view::rule_health::RuleHealth;
use crate::{Actor, Control, ControlError, Permission};
use model::Timestamp;
use std::collections::HashMap;

impl Control {
    /// How each rule in force is, in their order.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the lake's.
    pub async fn rule_health(&self, actor: &Actor) -> Result<Vec<RuleHealth>, ControlError> {
        self.require(actor, &[Permission::ReadRules], "rule_health").await?;
        self.rule_health_here().await
    }

    /// How one rule in force is.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], or the lake's.
    pub async fn rule_health_of(
        &self,
        actor: &Actor,
        rule_id: &str,
    ) -> Result<RuleHealth, ControlError> {
        let all = self.rule_health(actor).await?;
        all.into_iter().find(|health| health.rule_id == rule_id).ok_or_else(|| {
            let id = rule_id.chars().take(80).collect();
            ControlError::NotFound { what: "rule", id }
        })
    }

    /// How each rule in force is. Called on the machine itself.
    ///
    /// # Errors
    /// The lake's or the store's.
    pub async fn rule_health_here(&self) -> Result<Vec<RuleHealth>, ControlError> {
        let found = self.last_matches().await?;
        let filtered = self.filtered_of_rules().await?;
        let (worked, together) = self.rule_work().await?;
        let rules = self.rules_in_force();
        let supplies = self.supplies(&rules).await;
        let health = |rule: &RuleInForce| {
            let found = found.get(&rule.id).copied().unwrap_or_default();
            let worked = worked.get(&rule.id).copied().unwrap_or_default();
            let judged = together.events > 0 && !rule.correlation;
            let share = |of: u64| share_of(worked.units, together.units, of);
            let ps_per_event = u128::from(together.judged_ns) * 1_000;
            let ps_per_event = ps_per_event.checked_div(u128::from(together.events)).unwrap_or(0);
            RuleHealth {
                rule_id: rule.id.clone(),
                matches_30d: found.matches,
                devices_30d: found.devices,
                last_match: found.last,
                filtered_30d: filtered.get(&rule.id).copied().unwrap_or(0),
                asked_per_million: judged
                    .then(|| share_of(worked.asked, together.events, 1_000_000)),
                cost_ps_per_event: (judged && together.judged_ns > 0)
                    .then(|| share(u64::try_from(ps_per_event).unwrap_or(u64::MAX))),
                cost_share: (judged && together.units > 0)
                    .then(|| u32::try_from(share(10_000)).unwrap_or(u32::MAX)),
                supply: match &supplies {
                    Some(supplies) if !rule.correlation => Some(supplies.of_rule(rule)),
                    _ => None,
                },
            }
        };
        Ok(rules.iter().map(|rule| health(rule)).collect())
    }

    /// What each rule found in the last 30 days, and when it did last as far as the lake remembers.
    async fn last_matches(&self) -> Result<HashMap<String, Found>, ControlError> {
        let mut parameters = Parameters::default();
        let since = parameters.bind_time(self.clock.now().plus_nanos(-SHOWN_DAYS * DAY_NS));
        let sql = format!(
            "SELECT rule_id, count(*) FILTER (WHERE observed_at > {since}), \
             count(DISTINCT device) FILTER (WHERE observed_at > {since}), max(observed_at) \
             FROM alert GROUP BY rule_id"
        );
        let table = self.lake.query_with(&sql, parameters.values(), RULES_COUNTED_MAX).await?;
        let mut found = HashMap::new();
        for mut cells in rows_of(&table, "alert") {
            let id = cells.text()?.into_owned();
            let (matches, devices) = (cells.count()?, cells.count()?);
            found.insert(id, Found { matches, devices, last: cells.maybe_time()? });
        }
        Ok(found)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Found {
    matches: u64,
    devices: u64,
    last: Option<Timestamp>,
}

/// The part of `of` that `part` is of `whole`; 0 of nothing.
fn share_of(part: u64, whole: u64, of: u64) -> u64 {
    let share = (u128::from(part) * u128::from(of)).checked_div(u128::from(whole)).unwrap_or(0);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Rules whose alerts are counted at once.
const RULES_COUNTED_MAX: usize = 100_000;
