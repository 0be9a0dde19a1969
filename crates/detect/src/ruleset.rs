//! The rule set: trees over shared predicates, grouped by log source.
//!
//! Each event is laid out once ([`View`]); rules whose log source fits it are asked; each predicate is
//! answered at most once per event, whatever number of rules share it. Only rules that match are gone
//! through a second time, to write down why.

use crate::limits;
use crate::matched::Match;
use crate::predicate::{Predicate, PredicateId};
use crate::rule::{Rule, RuleLogSource};
use crate::scan::Scans;
use crate::selection::Said;
use crate::tally::Tally;
use crate::tree::Tree;
use crate::view::{FieldTable, View};
use model::{Event, Why};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rules that can be evaluated together.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    plans: Vec<Plan>,
    /// Active rules by what they ask of an event's log source; places in `plans`.
    groups: Vec<(RuleLogSource, Vec<usize>)>,
    fields: FieldTable,
    predicates: Vec<Predicate>,
    scans: Scans,
    /// What became of each plan's matches.
    tallies: Vec<Tally>,
}

/// A rule with its condition.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rule: Arc<Rule>,
    pub(crate) tree: Tree<Leaf>,
    pub(crate) said: Vec<Said>,
    /// The conditions of `rule.filters`: asked once the tree holds, and each must hold too. What their
    /// leaves say is not in `said`.
    pub(crate) filters: Vec<Tree<Leaf>>,
}

/// One value of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// One of these must hold.
    pub(crate) any_of: Box<[PredicateId]>,
    /// The leaf holds when none of them does.
    pub(crate) negated: bool,
    /// Place in the plan's `said`.
    pub(crate) said: usize,
}

/// Memory that [`RuleSet::evaluate_with`] uses again for the next event. Empty at first; belongs to one
/// thread, and may be used with any rule set.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Per predicate: twice the stamp of the event that was answered, plus 1 for yes.
    answers: Vec<u64>,
    /// Per scan: the stamp of the event it last went over.
    scanned: Vec<u64>,
    stamp: u64,
}

impl RuleSet {
    pub(crate) fn new(plans: Vec<Plan>, fields: FieldTable, predicates: Vec<Predicate>) -> Self {
        let mut groups: BTreeMap<RuleLogSource, Vec<usize>> = BTreeMap::new();
        for (place, plan) in plans.iter().enumerate().filter(|(_, plan)| plan.rule.is_active()) {
            groups.entry(plan.rule.logsource.clone()).or_default().push(place);
        }
        let rules = plans.iter().map(|plan| Arc::clone(&plan.rule)).collect();
        let scans = Scans::new(&predicates);
        let tallies = plans.iter().map(|plan| Tally::new(plan.filters.len())).collect();
        let groups = groups.into_iter().collect();
        Self { rules, plans, groups, fields, predicates, scans, tallies }
    }

    /// Every loaded rule in the order of the sources, also those that are not evaluated
    /// ([`Rule::is_active`]).
    #[must_use]
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// Every rule that matches the event, in the order of the sources.
    #[must_use]
    pub fn evaluate(&self, event: &Event) -> Vec<Match> {
        self.evaluate_with(event, &mut Scratch::default())
    }

    /// As [`RuleSet::evaluate`], with memory that is kept from event to event.
    #[must_use]
    pub fn evaluate_with(&self, event: &Event, scratch: &mut Scratch) -> Vec<Match> {
        let fitting =
            || self.groups.iter().filter(|(wants, _)| wants.is_satisfied_by(&event.source));
        if fitting().next().is_none() {
            return Vec::new();
        }
        scratch.begin(self.predicates.len(), self.scans.len());
        let view = View::new(&self.fields, &event.fields);
        let mut asked =
            Asked { predicates: &self.predicates, scans: &self.scans, view: &view, scratch };
        let mut matched: Vec<usize> = fitting()
            .flat_map(|(_, places)| places)
            .copied()
            .filter(|place| self.plans.get(*place).is_some_and(|plan| asked.holds(&plan.tree)))
            .collect();
        matched.sort_unstable();
        matched
            .into_iter()
            .filter_map(|place| self.plans.get(place).zip(self.tallies.get(place)))
            .filter_map(|(plan, tally)| {
                let passes =
                    |place: usize| plan.filters.get(place).is_none_or(|filter| asked.holds(filter));
                let admitted = tally.admit(passes);
                admitted.then(|| Match { rule: Arc::clone(&plan.rule), why: asked.why(plan) })
            })
            .collect()
    }

    /// The counters of each rule, in the order of [`RuleSet::rules`].
    pub(crate) fn tallies(&self) -> &[Tally] {
        &self.tallies
    }
}

impl Scratch {
    /// Forgets the last event, without touching each answer.
    fn begin(&mut self, predicates: usize, scans: usize) {
        self.stamp += 1;
        if self.answers.len() < predicates {
            self.answers.resize(predicates, 0);
        }
        if self.scanned.len() < scans {
            self.scanned.resize(scans, 0);
        }
    }

    /// The answer, when it is known for this event.
    fn known(&self, id: PredicateId) -> Option<bool> {
        let answer = self.answers.get(id.index())?;
        (answer >> 1 == self.stamp).then_some(answer & 1 == 1)
    }

    fn learn(&mut self, id: PredicateId, holds: bool) {
        if let Some(answer) = self.answers.get_mut(id.index()) {
            *answer = self.stamp << 1 | u64::from(holds);
        }
    }

    /// Whether a scan has yet to go over this event; says so once.
    fn begin_scan(&mut self, place: usize) -> bool {
        let stamp = self.stamp;
        self.scanned.get_mut(place).is_some_and(|last| std::mem::replace(last, stamp) != stamp)
    }
}

/// The predicates of one event, each answered when first asked.
struct Asked<'a, 'e> {
    predicates: &'a [Predicate],
    scans: &'a Scans,
    view: &'a View<'e>,
    scratch: &'a mut Scratch,
}

impl Asked<'_, '_> {
    fn holds(&mut self, tree: &Tree<Leaf>) -> bool {
        match tree {
            Tree::All(parts) => parts.iter().all(|part| self.holds(part)),
            Tree::Any(parts) => parts.iter().any(|part| self.holds(part)),
            Tree::Not(part) => !self.holds(part),
            Tree::Leaf(leaf) => self.leaf_holds(leaf),
        }
    }

    fn leaf_holds(&mut self, leaf: &Leaf) -> bool {
        leaf.any_of.iter().any(|id| self.answer(*id)) != leaf.negated
    }

    fn answer(&mut self, id: PredicateId) -> bool {
        if let Some(known) = self.scratch.known(id) {
            return known;
        }
        let Some((place, scan)) = self.scans.of(id) else {
            let holds =
                self.predicates.get(id.index()).is_some_and(|predicate| predicate.holds(self.view));
            self.scratch.learn(id, holds);
            return holds;
        };
        if self.scratch.begin_scan(place) {
            scan.each_that_holds(self.view, |found| self.scratch.learn(found, true));
        }
        // The scan has named all that hold; whatever it left out does not.
        let holds = self.scratch.known(id).unwrap_or(false);
        self.scratch.learn(id, holds);
        holds
    }

    /// Every leaf that held in the satisfied parts of the condition, in the order of the rule.
    fn why(&mut self, plan: &Plan) -> Vec<Why> {
        let mut held = BTreeMap::new();
        self.collect(&plan.tree, &mut held);
        let mut bytes_left = limits::WHY_BYTES_MAX;
        held.into_iter()
            .filter_map(|(place, value)| {
                let said = plan.said.get(place)?;
                Some(Why {
                    selection: said.selection.to_string(),
                    field: said.field.as_ref().map(ToString::to_string),
                    modifier: said.modifier.to_string(),
                    pattern: said.pattern.to_string(),
                    value: value.map(|value| fitted(value, &mut bytes_left)),
                })
            })
            .collect()
    }

    /// `tree` holds. What stands behind `not` did not hold, so there is nothing to show of it.
    fn collect(&mut self, tree: &Tree<Leaf>, held: &mut BTreeMap<usize, Option<String>>) {
        match tree {
            Tree::All(parts) => {
                for part in parts {
                    self.collect(part, held);
                }
            }
            Tree::Any(parts) => {
                for part in parts {
                    if self.holds(part) {
                        self.collect(part, held);
                    }
                }
            }
            Tree::Not(_) => {}
            Tree::Leaf(leaf) => {
                let value = self.value_of(leaf);
                held.insert(leaf.said, value);
            }
        }
    }

    fn value_of(&mut self, leaf: &Leaf) -> Option<String> {
        let shown = leaf.any_of.iter().find(|id| leaf.negated || self.answer(**id))?;
        let predicate = self.predicates.get(shown.index())?;
        match leaf.negated {
            true => predicate.value_of_field(self.view),
            false => predicate.value_that_holds(self.view),
        }
    }
}

/// The value, or its beginning with a mark that there is more when the explanation has become long.
fn fitted(mut value: String, bytes_left: &mut usize) -> String {
    match bytes_left.checked_sub(value.len()) {
        Some(left) => *bytes_left = left,
        None if value.len() > limits::WHY_VALUE_CUT_BYTES => {
            value.truncate(value.floor_char_boundary(limits::WHY_VALUE_CUT_BYTES));
            value.push('…');
        }
        None => {}
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CompileOptions, RuleSource, compile};
    use proptest::prelude::*;

    /// The meaning of a tree without memory, order of costs or short cuts.
    fn reference(set: &RuleSet, tree: &Tree<Leaf>, view: &View<'_>) -> bool {
        let each = |parts: &[Tree<Leaf>]| -> Vec<bool> {
            parts.iter().map(|part| reference(set, part, view)).collect()
        };
        match tree {
            Tree::All(parts) => !each(parts).contains(&false),
            Tree::Any(parts) => each(parts).contains(&true),
            Tree::Not(part) => !reference(set, part, view),
            Tree::Leaf(leaf) => {
                let held = leaf.any_of.iter().filter(|id| set.predicates[id.index()].holds(view));
                (held.count() > 0) != leaf.negated
            }
        }
    }

    fn rule_text(number: usize, selections: &[String], condition: &str) -> String {
        let selections: Vec<String> = selections
            .iter()
            .enumerate()
            .map(|(place, selection)| format!("s{place}: {selection}"))
            .collect();
        format!(
            "title: T\nid: r{number}\nlevel: low\nlogsource: {{product: test}}\n\
             detection: {{{}, condition: '{condition}'}}\n",
            selections.join(", ")
        )
    }

    fn selection() -> impl Strategy<Value = String> {
        let field = prop::sample::select(vec!["A", "B", "C"]);
        let modifier = prop::sample::select(vec![
            "",
            "|contains",
            "|startswith",
            "|contains|all",
            "|neq",
            "|re",
            "|cased",
            "|fieldref",
        ]);
        let values = prop::collection::vec(prop::sample::select(vec!["a", "B", "ab", "C"]), 1..3);
        let item = (field, modifier, values).prop_map(|(field, modifier, values)| {
            format!("{field}{modifier}: [{}]", values.join(", "))
        });
        prop_oneof![
            4 => item.clone().prop_map(|item| format!("{{{item}}}")),
            1 => (item.clone(), item).prop_map(|(one, two)| format!("[{{{one}}}, {{{two}}}]")),
            1 => prop::sample::select(vec!["[a, b]", "{A: null}", "{B|exists: true}"])
                .prop_map(ToOwned::to_owned),
        ]
    }

    fn condition() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec!["s0", "s1", "s2", "1 of s*", "all of them"])
            .prop_map(ToOwned::to_owned);
        leaf.prop_recursive(4, 12, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
                inner.prop_map(|a| format!("not {a}")),
            ]
        })
    }

    fn fields() -> impl Strategy<Value = String> {
        let value = prop::sample::select(vec![
            "null",
            "\"\"",
            "\"a\"",
            "\"AB\"",
            "\"bca\"",
            "[\"b\",\"c\"]",
            "5",
        ]);
        prop::collection::btree_map(prop::sample::select(vec!["A", "B", "C"]), value, 0..4)
            .prop_map(|map| {
                let pairs: Vec<String> =
                    map.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", pairs.join(","))
            })
    }

    fn event(fields: &str) -> Event {
        Event {
            kind: model::EventKind::Other,
            device: model::DeviceId::from_bits(0),
            stream: model::StreamKey {
                agent: model::AgentId::from_bits(0),
                epoch: model::EpochId::from_bits(0),
                seq: 1,
            },
            observed_at: model::Timestamp::from_nanos(0),
            received_at: model::Timestamp::from_nanos(0),
            source: model::LogSource { product: "test".into(), ..Default::default() },
            fields: serde_json::from_str(fields).expect("JSON"),
            raw: None,
        }
    }

    #[test]
    fn equal_tests_of_different_rules_are_one_predicate() {
        let texts = [
            rule_text(0, &["{A|contains: [x, y]}".to_owned()], "s0"),
            rule_text(1, &["{A: '*X*', A|contains|all: [y, Y]}".to_owned()], "not s0"),
            rule_text(2, &["{A|contains|cased: x, B|contains: x}".to_owned()], "s0"),
        ];
        let sources = texts.iter().map(|text| RuleSource { name: "t.yml", text });
        let compiled = compile(sources, &CompileOptions::default());
        assert_eq!(compiled.rules.rules().len(), 3, "{:?}", compiled.refused);
        // A holds x, A holds y, A holds x regarding case, B holds x.
        assert_eq!(compiled.rules.predicates.len(), 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn memory_and_sharing_change_no_answer(
            rules in prop::collection::vec((prop::collection::vec(selection(), 3), condition()), 1..6),
            events in prop::collection::vec(fields(), 1..5),
        ) {
            let mut texts: Vec<String> = rules
                .iter()
                .enumerate()
                .map(|(number, (selections, condition))| rule_text(number, selections, condition))
                .collect();
            // Enough substrings in one field for a scan; alone, each rule is asked without one.
            let many: Vec<String> = (0..20).map(|number| format!("bc{number}")).collect();
            let many = format!("{{A|contains: [bc, c, {}]}}", many.join(", "));
            texts.push(rule_text(texts.len(), &[many], "s0"));
            let source = |text| RuleSource { name: "t.yml", text };
            let together = compile(texts.iter().map(|text| source(text)), &CompileOptions::default());
            prop_assert!(together.refused.is_empty(), "{:?}", together.refused);
            prop_assert_eq!(together.rules.scans.len(), 1);
            let mut scratch = Scratch::default();
            for fields in &events {
                let event = event(fields);
                let found = together.rules.evaluate_with(&event, &mut scratch);
                let ids: Vec<&str> = found.iter().map(|found| found.rule.id.as_str()).collect();
                let view = View::new(&together.rules.fields, &event.fields);
                let expected: Vec<&str> = together
                    .rules
                    .plans
                    .iter()
                    .filter(|plan| reference(&together.rules, &plan.tree, &view))
                    .map(|plan| plan.rule.id.as_str())
                    .collect();
                prop_assert_eq!(&ids, &expected);
                for (number, text) in texts.iter().enumerate() {
                    let alone = compile([source(text)], &CompileOptions::default());
                    let own = alone.rules.evaluate(&event);
                    let shared = found.iter().find(|found| found.rule.id == format!("r{number}"));
                    prop_assert_eq!(own.first().map(|own| &own.why), shared.map(|shared| &shared.why));
                }
            }
        }
    }
}
