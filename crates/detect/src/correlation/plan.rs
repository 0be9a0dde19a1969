//! References resolved, cycles found, and the way of each field: what a set of correlations becomes.

use super::read::{CorrelationDraft, Test};
use crate::attributes::bad;
use crate::cause::{
    Attribute, Expected, Found, LintCause, Measure, Plain, Quoted, Unsupported, shown,
};
use crate::error::{Fault, RuleError};
use crate::limits;
use crate::rule::{Rule, joined};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The correlations of a rule set. Immutable; the state is a [`super::Correlator`].
#[derive(Debug, Default)]
pub struct Correlations {
    /// Those that another one refers to stand before it.
    pub(crate) plans: Vec<Plan>,
    /// Rule id → the places that refer to it: plan and reference.
    pub(crate) of_rule: HashMap<String, Vec<(usize, usize)>>,
    /// Ids of rules that only serve correlations.
    silent: HashSet<String>,
    /// Whether one of them awaits the end of windows.
    pub(crate) awaits_end: bool,
}

/// One correlation.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rule: Arc<Rule>,
    /// The documents of the correlation and of everything that it refers to.
    pub(crate) text: Arc<str>,
    /// SHA-256 over all of them: state is kept only for the very same.
    pub(crate) revision: String,
    pub(crate) test: Test,
    pub(crate) span_ns: i64,
    /// The type as written, for explanations.
    pub(crate) kind: &'static str,
    pub(crate) group_names: Vec<String>,
    /// Places of the group's values among an entry's values.
    pub(crate) group: Vec<usize>,
    /// Places of the values that the test looks at.
    pub(crate) value: Vec<usize>,
    pub(crate) references: Vec<Reference>,
    /// The correlations that refer to this one: plan and reference.
    pub(crate) parents: Vec<(usize, usize)>,
    /// Whether its matches are told, not only counted by others.
    pub(crate) is_told: bool,
}

/// A rule that a correlation refers to.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) title: String,
    pub(crate) fields: Sources,
}

/// Where each value of an entry comes from.
#[derive(Debug)]
pub(crate) enum Sources {
    /// Fields of the event.
    Event(Vec<String>),
    /// Values of the entries of another correlation.
    Entry(Vec<usize>),
}

impl Correlations {
    /// Every correlation that is evaluated.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.plans.iter().map(|plan| &plan.rule)
    }

    /// How many are evaluated.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Whether a correlation refers to this rule of events.
    #[must_use]
    pub fn refers_to(&self, rule_id: &str) -> bool {
        self.of_rule.contains_key(rule_id)
    }

    /// Whether matches of this rule become no alerts of their own, because a correlation refers to it and
    /// none that does says `generate: true`.
    #[must_use]
    pub fn silences(&self, rule_id: &str) -> bool {
        self.silent.contains(rule_id)
    }
}

/// What a reference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    Rule(usize),
    Correlation(usize),
}

/// What came of the drafts: the correlations, and those that are refused, by place.
pub(crate) struct Resolved {
    pub(crate) correlations: Correlations,
    pub(crate) refused: Vec<(usize, Fault)>,
    /// Remarks: place of the draft, line, cause.
    pub(crate) remarks: Vec<(usize, usize, LintCause)>,
}

/// Resolves the references of all drafts among the rules and each other.
pub(crate) fn resolve(drafts: &[CorrelationDraft], rules: &[Arc<Rule>]) -> Resolved {
    let mut refused: BTreeMap<usize, Fault> = BTreeMap::new();
    let mut targets: Vec<Vec<Target>> = vec![Vec::new(); drafts.len()];
    for (place, draft) in drafts.iter().enumerate() {
        match find_all(draft, drafts, rules) {
            Ok(found) => targets[place] = found,
            Err(cause) => {
                refused.insert(place, cause.at(draft.line));
            }
        }
    }
    let order = in_order(drafts, &targets, &mut refused);
    let mut kept: Vec<usize> =
        order.into_iter().filter(|place| drafts[*place].rule.is_active()).collect();
    // A correlation cannot be evaluated without those that it refers to.
    loop {
        let lost = kept.iter().copied().find_map(|place| {
            let missing = targets[place].iter().find_map(|target| match target {
                Target::Correlation(child) if !kept.contains(child) => Some(*child),
                _ => None,
            })?;
            Some((place, missing))
        });
        let Some((place, missing)) = lost else { break };
        kept.retain(|it| *it != place);
        let what = Unsupported::OverUnusable(Quoted::of(&drafts[missing].rule.title));
        refused.insert(place, RuleError::NotSupported(what).at(drafts[place].line));
    }
    let fields = loop {
        match needed_fields(drafts, &targets, &kept) {
            Ok(fields) => break fields,
            Err((place, cause)) => {
                refused.insert(place, cause.at(drafts[place].line));
                // Whatever stands above it goes as well, and is told why.
                let mut gone = vec![place];
                while let Some(place) = gone.pop() {
                    kept.retain(|it| *it != place);
                    let above: Vec<usize> = kept
                        .iter()
                        .copied()
                        .filter(|it| targets[*it].contains(&Target::Correlation(place)))
                        .collect();
                    for it in above {
                        let what = Unsupported::OverRefused(Quoted::of(&drafts[place].rule.title));
                        refused.insert(it, RuleError::NotSupported(what).at(drafts[it].line));
                        gone.push(it);
                    }
                }
            }
        }
    };
    let mut remarks = Vec::new();
    let correlations = built(drafts, rules, &targets, &kept, &fields, &mut remarks);
    Resolved { correlations, refused: refused.into_iter().collect(), remarks }
}

fn find_all(
    draft: &CorrelationDraft,
    drafts: &[CorrelationDraft],
    rules: &[Arc<Rule>],
) -> Result<Vec<Target>, RuleError> {
    let mut found = Vec::new();
    for name in &draft.references {
        let of_rules = rules.iter().enumerate().filter(|(_, rule)| rule.is_called(name));
        let of_drafts = drafts.iter().enumerate().filter(|(_, it)| it.rule.is_called(name));
        let all: Vec<Target> = of_rules
            .map(|(place, _)| Target::Rule(place))
            .chain(of_drafts.map(|(place, _)| Target::Correlation(place)))
            .collect();
        let [target] = all.as_slice() else {
            let name = Plain::of(name);
            return Err(match all.len() {
                0 => RuleError::NoReference(name),
                count => RuleError::ManyReferences(count, name),
            });
        };
        let inactive = match target {
            Target::Rule(place) => rules.get(*place).is_some_and(|rule| !rule.is_active()),
            Target::Correlation(place) => !drafts[*place].rule.is_active(),
        };
        if inactive {
            return Err(RuleError::NotSupported(Unsupported::OverInactive(Quoted::of(name))));
        }
        if found.contains(target) {
            let found = Found::TwiceCalled(Quoted::of(name));
            return Err(bad("correlation.rules", found, Expected::EachRuleOnce));
        }
        found.push(*target);
    }
    Ok(found)
}

/// Children before parents; who is in a circle is refused.
fn in_order(
    drafts: &[CorrelationDraft],
    targets: &[Vec<Target>],
    refused: &mut BTreeMap<usize, Fault>,
) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    let mut open: BTreeSet<usize> =
        (0..drafts.len()).filter(|place| !refused.contains_key(place)).collect();
    loop {
        let ready: Vec<usize> = open
            .iter()
            .copied()
            .filter(|place| {
                targets[*place].iter().all(|target| match target {
                    Target::Rule(_) => true,
                    // A refused one is no circle; its parents are refused later.
                    Target::Correlation(child) => !open.contains(child),
                })
            })
            .collect();
        if ready.is_empty() {
            break;
        }
        for place in ready {
            open.remove(&place);
            order.push(place);
        }
    }
    // What is left is in a circle or above one.
    for place in open.iter().copied() {
        let cause = match circle(place, targets) {
            Some(path) => {
                let titles: Vec<String> =
                    path.iter().map(|it| shown(&drafts[*it].rule.title)).collect();
                RuleError::Cycle(Plain::whole(titles.join(" → ")))
            }
            None => RuleError::NotSupported(Unsupported::OverCircle),
        };
        refused.insert(place, cause.at(drafts[place].line));
    }
    order
}

/// The way from a correlation back to itself.
fn circle(start: usize, targets: &[Vec<Target>]) -> Option<Vec<usize>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        for target in &targets[last] {
            let Target::Correlation(next) = *target else { continue };
            let mut longer = way.clone();
            longer.push(next);
            if next == start {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push(longer);
            }
        }
    }
    None
}

/// The fields that each correlation must know of its entries: its own, and those of the ones above it.
fn needed_fields(
    drafts: &[CorrelationDraft],
    targets: &[Vec<Target>],
    kept: &[usize],
) -> Result<BTreeMap<usize, Vec<String>>, (usize, RuleError)> {
    let mut fields: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for place in kept {
        let draft = &drafts[*place];
        let own = fields.entry(*place).or_default();
        for name in draft.group_by.iter().chain(&draft.value_fields) {
            if !own.contains(name) {
                own.push(name.clone());
            }
        }
    }
    for place in kept.iter().rev() {
        for name in fields.get(place).cloned().unwrap_or_default() {
            for (reference, target) in targets[*place].iter().enumerate() {
                let source = source_of(drafts, *place, reference, *target, &name)
                    .map_err(|cause| (*place, cause))?;
                let Target::Correlation(child) = target else { continue };
                let below = fields.entry(*child).or_default();
                if !below.contains(&source) {
                    below.push(source);
                }
                if below.len() > limits::CORRELATION_FIELDS_MAX {
                    let limit = limits::CORRELATION_FIELDS_MAX;
                    return Err((*child, RuleError::too_large(Measure::Fields, limit)));
                }
            }
        }
    }
    Ok(fields)
}

/// What a field of a correlation is called in what it refers to.
fn source_of(
    drafts: &[CorrelationDraft],
    place: usize,
    reference: usize,
    target: Target,
    name: &str,
) -> Result<String, RuleError> {
    let draft = &drafts[place];
    let Some(alias) = draft.aliases.get(name) else { return Ok(name.to_owned()) };
    let written = &draft.references[reference];
    let of_child = match target {
        Target::Correlation(child) => drafts.get(child).map(|child| &child.rule),
        Target::Rule(_) => None,
    };
    let called = |key: &str| key == written || of_child.is_some_and(|rule| rule.is_called(key));
    alias.iter().find(|(key, _)| called(key)).map(|(_, field)| field.clone()).ok_or_else(|| {
        let attribute = Attribute::Alias(Plain::of(name));
        let found = Found::Without(Quoted::of(written));
        RuleError::BadAttribute(attribute, found, Expected::AliasOfEach)
    })
}

fn built(
    drafts: &[CorrelationDraft],
    rules: &[Arc<Rule>],
    targets: &[Vec<Target>],
    kept: &[usize],
    fields: &BTreeMap<usize, Vec<String>>,
    remarks: &mut Vec<(usize, usize, LintCause)>,
) -> Correlations {
    let mut set = Correlations::default();
    let mut generated: HashSet<Target> = HashSet::new();
    let mut referred: HashSet<Target> = HashSet::new();
    for (number, place) in kept.iter().enumerate() {
        let draft = &drafts[*place];
        let own = fields.get(place).map_or(&[][..], Vec::as_slice);
        let position = |name: &String| own.iter().position(|it| it == name).unwrap_or_default();
        let mut references = Vec::new();
        for (reference, target) in targets[*place].iter().enumerate() {
            let id = *target;
            referred.insert(id);
            if draft.generate {
                generated.insert(id);
            }
            let names = own.iter().map(|name| {
                source_of(drafts, *place, reference, *target, name).unwrap_or_else(|_| name.clone())
            });
            let (title, sources) = match target {
                Target::Rule(rule) => {
                    let rule = &rules[*rule];
                    let places = set.of_rule.entry(rule.id.clone()).or_default();
                    places.push((number, reference));
                    (rule.title.clone(), Sources::Event(names.collect()))
                }
                Target::Correlation(child) => {
                    let below = fields.get(child).map_or(&[][..], Vec::as_slice);
                    let of = |name: String| below.iter().position(|it| *it == name);
                    let child_number = kept.iter().position(|it| it == child).unwrap_or_default();
                    if let Some(plan) = set.plans.get_mut(child_number) {
                        plan.parents.push((number, reference));
                    }
                    let places = names.map(|name| of(name).unwrap_or_default()).collect();
                    (drafts[*child].rule.title.clone(), Sources::Entry(places))
                }
            };
            references.push(Reference { title, fields: sources });
        }
        let text = text_of(*place, drafts, rules, targets);
        let digest = <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
        set.plans.push(Plan {
            rule: Arc::new(draft.rule.clone()),
            revision: crate::attributes::hex(&digest),
            text: text.into(),
            test: draft.test.clone(),
            span_ns: draft.span_ns,
            kind: kind_of(&draft.test),
            group_names: draft.group_by.clone(),
            group: draft.group_by.iter().map(position).collect(),
            value: draft.value_fields.iter().map(position).collect(),
            references,
            parents: Vec::new(),
            is_told: true,
        });
    }
    let silent: Vec<Target> = referred.difference(&generated).copied().collect();
    silence(&mut set, &silent, drafts, rules, targets, kept, remarks);
    remarks.sort();
    set.awaits_end = set.plans.iter().any(|plan| plan.test.awaits_end());
    set
}

/// Rules that only serve correlations raise no alerts of their own. For a grave one that is remarked.
fn silence(
    set: &mut Correlations,
    silent: &[Target],
    drafts: &[CorrelationDraft],
    rules: &[Arc<Rule>],
    targets: &[Vec<Target>],
    kept: &[usize],
    remarks: &mut Vec<(usize, usize, LintCause)>,
) {
    for target in silent {
        match target {
            Target::Rule(place) => {
                let rule = &rules[*place];
                if rule.level >= model::Level::High {
                    let by = kept.iter().find(|it| targets[**it].contains(&Target::Rule(*place)));
                    let cause = LintCause::Silenced(Quoted::of(&rule.title));
                    let by = by.copied().unwrap_or_default();
                    remarks.push((by, drafts.get(by).map_or(0, |draft| draft.line), cause));
                }
                set.silent.insert(rule.id.clone());
            }
            Target::Correlation(place) => {
                let number = kept.iter().position(|it| it == place);
                if let Some(plan) = number.and_then(|number| set.plans.get_mut(number)) {
                    plan.is_told = false;
                    set.silent.insert(plan.rule.id.clone());
                }
            }
        }
    }
}

const fn kind_of(test: &Test) -> &'static str {
    use super::read::Aggregate;
    match test {
        Test::Count(_) => "event_count",
        Test::Distinct(_) => "value_count",
        Test::Number(Aggregate::Sum, _) => "value_sum",
        Test::Number(Aggregate::Average, _) => "value_avg",
        Test::Number(Aggregate::Percentile(_), _) => "value_percentile",
        Test::Rules(_) | Test::Together(_) | Test::Absent { .. } => "temporal",
        Test::Ordered(_) | Test::OrderedAbsent { .. } => "temporal_ordered",
    }
}

/// The correlation's document and behind it each that it refers to, once.
fn text_of(
    place: usize,
    drafts: &[CorrelationDraft],
    rules: &[Arc<Rule>],
    targets: &[Vec<Target>],
) -> String {
    let mut seen = vec![Target::Correlation(place)];
    let mut next = 0;
    while let Some(target) = seen.get(next).copied() {
        next += 1;
        if let Target::Correlation(place) = target {
            for below in &targets[place] {
                if !seen.contains(below) {
                    seen.push(*below);
                }
            }
        }
    }
    let texts: Vec<String> = seen
        .iter()
        .map(|target| match target {
            Target::Rule(place) => rules[*place].text_with_filters(),
            Target::Correlation(place) => drafts[*place].rule.text.clone(),
        })
        .collect();
    joined(texts.iter().map(String::as_str))
}
