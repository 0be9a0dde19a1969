//! What became of a rule: its revisions, its steps, and what its canary did.

use super::{LIFE_COLUMNS, life_of, no_rule, own_source};
use crate::limits::RULE_REVISIONS_SHOWN;
use crate::rows::{Parameters, rows_of};
use crate::scope::statement;
use crate::store::Row;
use crate::view::backtest::RuleInForce;
use crate::view::rulebook::{CanaryReport, RuleHistory, RuleRevision};
use crate::{Actor, Control, ControlError, Permission};
use case::rule_life::{Life, RuleFacts, Stage};
use model::{Level, Timestamp};
use sqlx::Row as _;
use std::sync::Arc;

/// Columns of a revision `r` in the order of [`revision_of`].
const REVISION_COLUMNS: &str = "r.rule_id, r.number, r.text, r.sha256, r.tests, r.title, r.level, r.cases, \
     r.must_match, r.comment, COALESCE(p.name, ''), r.saved_at";

impl Control {
    /// The life of a rule with its history.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], or the lake's.
    pub async fn rule_history(&self, actor: &Actor, id: &str) -> Result<RuleHistory, ControlError> {
        self.require(actor, &[Permission::ReadRules], "rule_history").await?;
        let row = statement(format!("SELECT {LIFE_COLUMNS} FROM rule_life WHERE rule_id = $1"))
            .bind(id.to_owned())
            .fetch_optional(self.store.pool())
            .await?;
        let (life, elsewhere) = match &row {
            Some(row) => life_of(row).map(|(_, life, elsewhere)| (life, elsewhere))?,
            None if self.rules_in_force().iter().any(|rule| rule.id == id) => (Life::of_file(), 0),
            None => return Err(no_rule(id)),
        };
        let sql = format!(
            "SELECT {REVISION_COLUMNS} FROM own_rule_revision AS r LEFT JOIN person AS p ON p.id = r.author_id \
             WHERE r.rule_id = $1 ORDER BY r.number DESC LIMIT {RULE_REVISIONS_SHOWN}"
        );
        let rows = statement(sql).bind(id.to_owned()).fetch_all(self.store.pool()).await?;
        let revisions = rows.iter().map(revision_of).collect::<Result<Vec<_>, _>>()?;
        let facts = RuleFacts {
            own: !revisions.is_empty(),
            tested: revisions.first().is_some_and(|newest| newest.cases.1 > 0),
        };
        let canary = match (life.stage, life.since) {
            (Stage::Canary, Some(since)) => Some(self.canary_report(id, since, elsewhere).await?),
            _ => None,
        };
        Ok(RuleHistory {
            steps: life.steps(facts),
            own: facts.own,
            tested: facts.tested,
            canary,
            taken: self.rule_steps_of(id).await?,
            life,
            revisions,
        })
    }

    /// One revision of a rule that was written here.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn rule_revision(
        &self,
        actor: &Actor,
        id: &str,
        number: i64,
    ) -> Result<RuleRevision, ControlError> {
        self.require(actor, &[Permission::ReadRules], "rule_revision").await?;
        self.revision(id, number).await?.ok_or_else(|| no_rule(id))
    }

    pub(super) async fn revision(
        &self,
        id: &str,
        number: i64,
    ) -> Result<Option<RuleRevision>, ControlError> {
        let sql = format!(
            "SELECT {REVISION_COLUMNS} FROM own_rule_revision AS r LEFT JOIN person AS p ON p.id = r.author_id \
             WHERE r.rule_id = $1 AND r.number = $2"
        );
        let row = statement(sql)
            .bind(id.to_owned())
            .bind(number)
            .fetch_optional(self.store.pool())
            .await?;
        row.as_ref().map(revision_of).transpose()
    }

    /// The rules that were written here by their newest revisions, as though they were in force.
    pub(crate) async fn own_rules(&self) -> Result<Vec<Arc<RuleInForce>>, ControlError> {
        let sql = format!(
            "SELECT {REVISION_COLUMNS} FROM own_rule AS o JOIN own_rule_revision AS r ON r.rule_id = o.id AND \
             r.number = o.head LEFT JOIN person AS p ON p.id = r.author_id ORDER BY o.created_at, o.id"
        );
        let rows = statement(sql).fetch_all(self.store.pool()).await?;
        rows.iter()
            .map(|row| {
                let id: String = row.try_get(0)?;
                let revision = revision_of(row)?;
                Ok(Arc::new(RuleInForce {
                    source: own_source(&id),
                    id,
                    title: revision.title,
                    level: revision.level,
                    status: String::new(),
                    correlation: revision.text.contains("\ncorrelation:"),
                    document: revision.text.clone(),
                    text: revision.text,
                    revision: revision.sha256,
                    active: true,
                    log_source: detect::RuleLogSource::default(),
                    filters: Vec::new(),
                    fields: Vec::new(),
                }))
            })
            .collect()
    }

    async fn canary_report(
        &self,
        id: &str,
        since: Timestamp,
        elsewhere: u64,
    ) -> Result<CanaryReport, ControlError> {
        let mut parameters = Parameters::default();
        let sql = format!(
            "SELECT count(*), count(DISTINCT device) FROM alert WHERE rule_id = {} AND detected_at >= {}",
            parameters.bind(id),
            parameters.bind_time(since)
        );
        let found = self.lake.query_with(&sql, parameters.values(), 1).await?;
        let (alerts, devices) = match rows_of(&found, "count").next() {
            Some(mut cells) => (cells.count()?, cells.count()?),
            None => (0, 0),
        };
        let ring = self.ring_devices().await?.len() as u64;
        Ok(CanaryReport { since, alerts, devices, elsewhere, ring })
    }
}

fn revision_of(row: &Row) -> Result<RuleRevision, ControlError> {
    let id: String = row.try_get(0)?;
    let level: String = row.try_get(6)?;
    let count = |place: usize| -> Result<u64, ControlError> {
        Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
    };
    Ok(RuleRevision {
        number: row.try_get(1)?,
        text: row.try_get(2)?,
        sha256: row.try_get(3)?,
        tests: row.try_get(4)?,
        title: row.try_get(5)?,
        level: Level::of_name(&level).ok_or_else(|| super::damaged(&id, "the level is unknown"))?,
        cases: (count(7)?, count(8)?),
        comment: row.try_get(9)?,
        author: row.try_get(10)?,
        saved_at: Timestamp::from_nanos(row.try_get(11)?),
    })
}
