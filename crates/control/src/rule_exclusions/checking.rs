//! Whether a filter can be evaluated exactly and acts on the rules that it names: asked of the engine itself.

use crate::limits::{BACKTEST_RULES_MAX, EXCLUSION_RULES_MAX, EXCLUSION_TEXT_BYTES_MAX};
use crate::rule_fault::{Counted, NoEffect, RuleFault};
use crate::view::backtest::RuleInForce;
use crate::view::detections::Said;
use detect::{
    CompileOptions, Compiled, Filter, Refused, Rule, RuleLogSource, RuleSource, SuppliedFields,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A filter that can be evaluated exactly.
pub(super) struct Checked {
    pub(super) filter: Filter,
    /// The rules that it acts on, as far as they were looked at.
    pub(super) rules: Vec<Arc<Rule>>,
    /// The filters that these have already.
    pub(super) others: Vec<Filter>,
    /// Rules that it acts on as well and that were not looked at.
    pub(super) rules_left_out: u64,
    /// What its author should know.
    pub(super) remarks: Vec<(usize, Said)>,
}

/// Checks a filter against the rules in force. `name` is what messages call it.
pub(super) fn check(
    in_force: &[Arc<RuleInForce>],
    lists: BTreeMap<String, Vec<String>>,
    name: &str,
    text: &str,
) -> Result<Checked, RuleFault> {
    if text.len() > EXCLUSION_TEXT_BYTES_MAX {
        let (found, limit) = (text.len(), EXCLUSION_TEXT_BYTES_MAX);
        return Err(RuleFault::TooMany { what: Counted::FilterBytes, found, limit });
    }
    let fields = Some(SuppliedFields::of_this_version());
    let options = CompileOptions { lists, fields, ..CompileOptions::default() };
    let source = RuleSource { name, text };
    let filter = Filter::of_text(source, &options).map_err(first)?;
    if filter.expires.is_some() {
        return Err(RuleFault::OwnExpiry);
    }
    if filter.rules.len() > EXCLUSION_RULES_MAX {
        let (found, limit) = (filter.rules.len(), EXCLUSION_RULES_MAX);
        return Err(RuleFault::TooMany { what: Counted::Rules, found, limit });
    }
    if in_force.iter().any(|rule| rule.id == filter.id) {
        let title = filter.id.clone();
        return Err(RuleFault::Exists { title, filter_id: filter.id });
    }
    let (candidates, rules_left_out) = candidates(in_force, &filter);
    let sources = candidates.iter();
    let sources = sources.map(|rule| RuleSource { name: &rule.source, text: &rule.document });
    let compiled = detect::compile(sources.chain([source]), &options);
    let acts = |rule: &&Arc<Rule>| rule.filters.iter().any(|one| one.id == filter.id);
    let rules: Vec<Arc<Rule>> = compiled.rules.rules().iter().filter(acts).cloned().collect();
    for reference in &filter.rules {
        if !rules.iter().any(|rule| rule.is_called(reference)) {
            return Err(no_effect(in_force, &compiled, name, reference));
        }
    }
    if rules.is_empty() && rules_left_out == 0 {
        return Err(RuleFault::NoEffect { reason: NoEffect::LogSource });
    }
    let own = compiled.lints.iter().filter(|lint| lint.source == name);
    let remarks = own.map(|lint| (lint.line, lint.words().into())).collect();
    let acted_on = |rule: &&&RuleInForce| rules.iter().any(|acted| acted.id == rule.id);
    let others = candidates.iter().filter(acted_on);
    let others = others.flat_map(|rule| detect::filters_of(&rule.source, &rule.text)).collect();
    Ok(Checked { filter, rules, others, rules_left_out, remarks })
}

/// The rules that the filter may act on, at most as many as a look back takes; and how many more there are.
fn candidates<'r>(
    in_force: &'r [Arc<RuleInForce>],
    filter: &Filter,
) -> (Vec<&'r RuleInForce>, u64) {
    let fits = |rule: &&RuleInForce| {
        if rule.correlation || !rule.active {
            return false;
        }
        if filter.rules.is_empty() {
            return filter.logsource.covers(&rule.log_source);
        }
        let named = |reference: &String| rule.id == *reference || is_named(&rule.text, reference);
        filter.rules.iter().any(named)
    };
    let mut all: Vec<&RuleInForce> = in_force.iter().map(|rule| &**rule).filter(fits).collect();
    let left_out = all.len().saturating_sub(BACKTEST_RULES_MAX);
    all.truncate(BACKTEST_RULES_MAX);
    (all, left_out as u64)
}

/// Whether a rule of events may be called so.
pub(super) fn is_known(in_force: &[Arc<RuleInForce>], reference: &str) -> bool {
    let called = |rule: &&Arc<RuleInForce>| {
        !rule.correlation && (rule.id == reference || is_named(&rule.text, reference))
    };
    in_force.iter().any(|rule| called(&rule))
}

/// Whether a rule's document may call itself so; the engine decides.
fn is_named(text: &str, reference: &str) -> bool {
    text.lines().any(|line| line.starts_with("name:") && line.contains(reference))
}

fn no_effect(
    in_force: &[Arc<RuleInForce>],
    compiled: &Compiled,
    name: &str,
    reference: &str,
) -> RuleFault {
    let shown: String = reference.chars().take(80).collect();
    let known = in_force.iter().find(|rule| rule.id == reference);
    let reason = match known {
        Some(rule) if rule.correlation => NoEffect::Correlation { rule: shown },
        Some(rule) if !rule.active => NoEffect::Inactive { rule: shown },
        _ => {
            let lint = compiled.lints.iter().find(|lint| lint.source == name);
            let unknown = NoEffect::NoSuchRule { rule: shown };
            lint.map_or(unknown, |lint| NoEffect::Remarked { said: lint.words().into() })
        }
    };
    RuleFault::NoEffect { reason }
}

fn first(refused: Vec<Refused>) -> RuleFault {
    let refused = refused.into_iter().next();
    refused.map_or(RuleFault::NoCondition, |refused| RuleFault::Refused {
        line: refused.line,
        reason: refused.cause.words().into(),
        remedy: refused.cause.remedy_words().into(),
    })
}

/// The attributes that the log sources of all named rules share.
pub(super) fn common_source(in_force: &[Arc<RuleInForce>], references: &[String]) -> RuleLogSource {
    let named = |rule: &&Arc<RuleInForce>| {
        references.iter().any(|one| rule.id == *one || is_named(&rule.text, one))
    };
    let same = |own: Option<String>, other: &Option<String>| {
        if own == *other { own } else { None }
    };
    let mut sources = in_force.iter().filter(named).map(|rule| rule.log_source.clone());
    let first = sources.next().unwrap_or_default();
    sources.fold(first, |common, other| RuleLogSource {
        product: same(common.product, &other.product),
        service: same(common.service, &other.service),
        category: same(common.category, &other.category),
    })
}

impl Checked {
    /// The rules with the filters that they have already, but for those of the given id and the checked one.
    pub(super) fn rules_as_they_are(&self, without: &str) -> String {
        let mut seen = BTreeSet::from([without, self.filter.id.as_str()]);
        let others = self.others.iter().filter(|other| seen.insert(&other.id));
        let others: Vec<&str> = others.map(|other| other.text.as_str()).collect();
        let all = self.rules.iter().map(|rule| rule.text.as_str()).chain(others);
        all.map(|text| format!("{}\n", text.trim_end())).collect::<Vec<_>>().join("---\n")
    }
}
