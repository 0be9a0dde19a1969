//! What an exclusion would have done: the past is asked with the rules as they are, and again for what the
//! exclusion takes away.

use super::checking::Checked;
use crate::backtest::BacktestQuery;
use crate::limits::{DAY_NS, EXCLUSION_PREVIEW_DAYS_MAX, EXCLUSION_SAMPLES_MAX};
use crate::rule_fault::RuleFault;
use crate::view::TimeRange;
use crate::view::backtest::{Backtest, LookedBack};
use crate::view::rule_exclusions::{NewRuleExclusion, RuleExclusionPreview};
use crate::{Actor, Control, ControlError, Permission};

impl Control {
    /// The Sigma filter that a form stands for, checked as it would be when it is saved. Saves nothing.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::RuleFault`].
    pub async fn draft_rule_exclusion(
        &self,
        actor: &Actor,
        new: &NewRuleExclusion,
        replaces: Option<&str>,
    ) -> Result<String, ControlError> {
        self.require(actor, &[Permission::EditRules], "draft_rule_exclusion").await?;
        let (filter_id, _) = self.filter_id_of(replaces).await?;
        Ok(self.check_exclusion(new, &filter_id).await?.filter.text)
    }

    /// What an exclusion would have done in the last days. Saves nothing. `replaces`: the exclusion that is
    /// edited, which is then left out.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::RuleFault`], or those of [`Control::backtest`].
    pub async fn preview_rule_exclusion(
        &self,
        actor: &Actor,
        new: &NewRuleExclusion,
        replaces: Option<&str>,
        days: i64,
    ) -> Result<RuleExclusionPreview, ControlError> {
        self.require(actor, &[Permission::EditRules], "preview_rule_exclusion").await?;
        let (filter_id, replaced) = self.filter_id_of(replaces).await?;
        let checked = self.check_exclusion(new, &filter_id).await?;
        let rule_text = checked.rules_as_they_are(&replaced);
        let now = self.clock.now();
        let days = days.clamp(1, EXCLUSION_PREVIEW_DAYS_MAX);
        let query = |filters: Vec<String>, samples_max: usize| BacktestQuery {
            rule_text: rule_text.clone(),
            filters,
            range: TimeRange { from: now.plus_nanos(-days * DAY_NS), to: now },
            time_zone: actor.time_zone().to_owned(),
            samples_max,
        };
        let whole = answered(self.backtest(actor, query(Vec::new(), 0)).await?)?;
        let turned = checked.filter.turned_round();
        let filter = turned.clone().unwrap_or_else(|| checked.filter.text.clone());
        let part =
            answered(self.backtest(actor, query(vec![filter], EXCLUSION_SAMPLES_MAX)).await?)?;
        Ok(preview_of(checked, &whole, part, turned.is_some()))
    }
}

fn preview_of(
    checked: Checked,
    whole: &LookedBack,
    part: LookedBack,
    part_is_taken: bool,
) -> RuleExclusionPreview {
    let rest = whole.hits.saturating_sub(part.hits);
    let (taken, kept) = if part_is_taken { (part.hits, rest) } else { (rest, part.hits) };
    let mut samples = part.samples;
    if !part_is_taken {
        // They are of what stays.
        samples.clear();
    }
    samples.truncate(EXCLUSION_SAMPLES_MAX);
    RuleExclusionPreview {
        rules: checked.rules.iter().map(|rule| (rule.id.clone(), rule.title.clone())).collect(),
        rules_left_out: checked.rules_left_out,
        hits: whole.hits,
        taken,
        kept,
        samples,
        remarks: checked.remarks,
        events: whole.events,
        complete: whole.complete && part.complete,
        document: checked.filter.text,
    }
}

fn answered(backtest: Backtest) -> Result<LookedBack, ControlError> {
    match backtest {
        Backtest::Answered(found) => Ok(*found),
        Backtest::Refused(all) => {
            let refused = all.into_iter().next();
            Err(refused
                .map_or(RuleFault::NoCondition, |refused| RuleFault::Refused {
                    line: refused.line,
                    reason: refused.reason,
                    remedy: refused.remedy,
                })
                .into())
        }
    }
}
