//! The rule set: rules, their shared predicates, and a plan for each kind of event that comes.
//!
//! An event's log source and event id choose its [`Class`]; the class names the few rules that may match,
//! and these are asked. Only rules that match are gone through a second time, to write down why.

use crate::class::{self, Class, Known, Observed};
use crate::explain::Explained;
use crate::fold;
use crate::hash::{self, QuickHasher};
use crate::index::Wanted;
use crate::judge::{self, Asked, Marks, Texts};
use crate::limits;
use crate::matched::Match;
use crate::memo::Memo;
use crate::predicate::{Needs, Predicate, PredicateId, Target};
use crate::rule::{Rule, RuleLogSource};
use crate::selection::Said;
use crate::tally::{Admission, Tally};
use crate::tree::Tree;
use crate::view::{FieldId, FieldTable, View};
use model::{Event, LogSource, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::{Arc, PoisonError, RwLock};

/// Rules that can be evaluated together. May be shared by threads, each with a [`Scratch`] of its own.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    plans: Vec<Plan>,
    /// Active rules by what they ask of an event's log source; places in `plans`.
    groups: Vec<(RuleLogSource, Vec<u32>)>,
    fields: FieldTable,
    predicates: Vec<Predicate>,
    event_ids: EventIds,
    /// The plans made so far.
    classes: RwLock<HashMap<ClassKey, Arc<Class>>>,
    /// Tells rule sets apart as long as anybody remembers them.
    identity: Arc<()>,
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

/// Events of one key meet the same rules: the groups whose log source fits, and what is known of the
/// event id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ClassKey {
    groups: Vec<u32>,
    event_id: EventId,
}

/// An event's id, as far as rules tell ids apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum EventId {
    /// One that rules ask for; place in [`EventIds::texts`].
    Named(u32),
    /// Missing, or one that no rule asks for.
    Other,
    /// Several values: rules ask each time.
    Open,
}

/// The event ids that rules ask for.
#[derive(Debug, Default)]
struct EventIds {
    field: Option<FieldId>,
    texts: Vec<Box<str>>,
    by_text: HashMap<Box<str>, u32>,
    by_number: HashMap<i64, u32, BuildHasherDefault<QuickHasher>>,
}

/// Memory that [`RuleSet::evaluate_with`] uses again for the next event, and what it counted. Empty at
/// first; belongs to one thread, and may be used with any rule set: it begins anew when the rule set is
/// another one than for the last event.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Whose memory this is.
    identity: Option<Arc<()>>,
    /// By hash of log source and event id.
    by_source: HashMap<u64, usize, BuildHasherDefault<QuickHasher>>,
    classes: Vec<Remembered>,
    /// Where the last event had its event id.
    event_id_place: usize,
    texts: Texts,
    memo: Memo,
    /// Plans that hold for the event at hand.
    holding: Vec<u32>,
    /// Of the event at hand: plans whose match a filter took away, and the filter's place.
    excluded: Vec<(u32, usize)>,
    /// By plan.
    costs: Vec<RuleCost>,
}

/// A class that this thread has met.
#[derive(Debug)]
struct Remembered {
    source: LogSource,
    event_id: EventId,
    class: Arc<Class>,
    marks: Marks,
}

/// What a rule has cost and given since the [`Scratch`] was new or last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleCost {
    /// Events for which the rule was looked at; for all others something it needs was missing.
    pub asked: u64,
    /// Events that it matched.
    pub matched: u64,
    /// Work in units of one comparison of short texts; a regular expression counts 40 and one for every five
    /// bytes that it reads. Work shared by rules counts for the first that needed it. The sum over all rules
    /// is the whole, so that a share follows.
    pub units: u64,
}

impl RuleSet {
    pub(crate) fn new(
        plans: Vec<Plan>,
        fields: FieldTable,
        predicates: Vec<Predicate>,
        stopped: &BTreeSet<String>,
    ) -> Self {
        let mut groups: BTreeMap<RuleLogSource, Vec<u32>> = BTreeMap::new();
        let is_asked = |rule: &Rule| rule.is_active() && !stopped.contains(&rule.id);
        for (place, plan) in (0..).zip(&plans).filter(|(_, plan)| is_asked(&plan.rule)) {
            groups.entry(plan.rule.logsource.clone()).or_default().push(place);
        }
        let rules = plans.iter().map(|plan| Arc::clone(&plan.rule)).collect();
        let tallies = plans.iter().map(|plan| Tally::new(plan.filters.len())).collect();
        let event_ids = EventIds::new(&fields, &predicates);
        let set = Self {
            rules,
            plans,
            groups: groups.into_iter().collect(),
            fields,
            predicates,
            event_ids,
            classes: RwLock::default(),
            identity: Arc::default(),
            tallies,
        };
        for id in stopped {
            set.stop(id);
        }
        set
    }

    /// Every loaded rule in the order of the sources, also those that are not evaluated
    /// ([`Rule::is_active`]).
    #[must_use]
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The fields that each rule asks about, in the order of [`RuleSet::rules`]. Keywords ask about none.
    #[must_use]
    pub fn fields_asked(&self) -> Vec<Vec<&str>> {
        let of_plan = |plan: &Plan| {
            let mut asked = BTreeSet::new();
            plan.tree.each(&mut |leaf: &Leaf| {
                for id in &leaf.any_of {
                    let target = self.predicates.get(id.index()).map(Predicate::target);
                    if let Some(Target::Field(field)) = target {
                        asked.insert(self.fields.name(field));
                    }
                }
            });
            asked.into_iter().collect()
        };
        self.plans.iter().map(of_plan).collect()
    }

    /// Every rule that matches the event, in the order of the sources.
    #[must_use]
    pub fn evaluate(&self, event: &Event) -> Vec<Match> {
        self.evaluate_with(event, &mut Scratch::default())
    }

    /// As [`RuleSet::evaluate`], with memory that is kept from event to event.
    #[must_use]
    pub fn evaluate_with(&self, event: &Event, scratch: &mut Scratch) -> Vec<Match> {
        scratch.belong_to(self);
        scratch.excluded.clear();
        let number = scratch.class_of(self, event);
        let Scratch { classes, texts, memo, holding, excluded, costs, .. } = scratch;
        let Some(known) = classes.get_mut(number) else { return Vec::new() };
        if known.class.rules.is_empty() {
            return Vec::new();
        }
        if known.marks.events >= limits::LEARNING_EVENTS && !known.class.learned {
            known.learn(self, number);
        }
        let Remembered { class, marks, .. } = known;
        holding.clear();
        let is_stopped =
            |place: u32| self.tallies.get(place as usize).is_some_and(Tally::is_stopped);
        let report = |asked: Asked| {
            let cost = &mut costs[asked.place as usize];
            cost.asked += 1;
            cost.units += u64::from(asked.cost);
            if asked.holds {
                cost.matched += 1;
                holding.push(asked.place);
            }
        };
        let (predicates, fields) = (&self.predicates, &event.fields);
        judge::judge(class, is_stopped, predicates, fields, marks, texts, memo, report);
        if holding.is_empty() {
            return Vec::new();
        }
        holding.sort_unstable();
        let view = View::new(&self.fields, &event.fields);
        let known = |id: PredicateId| marks.known(class, id);
        let explained = Explained { predicates: &self.predicates, view: &view, known: &known };
        holding
            .iter()
            .filter_map(|number| {
                let place = *number as usize;
                let (plan, tally) = self.plans.get(place).zip(self.tallies.get(place))?;
                let passes = |filter: usize| {
                    plan.filters.get(filter).is_none_or(|filter| explained.holds(filter))
                };
                match tally.admit(passes) {
                    Admission::Match => {
                        Some(Match { rule: Arc::clone(&plan.rule), why: explained.why(plan) })
                    }
                    Admission::Excluded(filter) => {
                        excluded.push((*number, filter));
                        None
                    }
                    Admission::Stopped => None,
                }
            })
            .collect()
    }

    /// The counters of each rule, in the order of [`RuleSet::rules`].
    pub(crate) fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// The plan for events of this source and id, made when the first one comes, and once again by what
    /// was observed.
    fn class(
        &self,
        source: &LogSource,
        event_id: EventId,
        observed: Option<Observed<'_>>,
    ) -> Arc<Class> {
        let fitting =
            self.groups.iter().zip(0..).filter(|((wants, _), _)| wants.is_satisfied_by(source));
        let key = ClassKey { groups: fitting.map(|(_, group)| group).collect(), event_id };
        let known = self.classes.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(class) = known
            && (class.learned || observed.is_none())
        {
            return class;
        }
        let made = Arc::new(self.make_class(&key, observed));
        let mut classes = self.classes.write().unwrap_or_else(PoisonError::into_inner);
        if classes.len() >= limits::CLASSES_MAX {
            classes.clear();
        }
        // Two threads may make the same plan at once; either will do.
        classes.insert(key, Arc::clone(&made));
        made
    }

    fn make_class(&self, key: &ClassKey, observed: Option<Observed<'_>>) -> Class {
        let mut places: Vec<u32> = key
            .groups
            .iter()
            .filter_map(|group| self.groups.get(*group as usize))
            .flat_map(|(_, places)| places.iter().copied())
            .collect();
        places.sort_unstable();
        let known = Known {
            field: self.event_ids.field,
            event_id: match key.event_id {
                EventId::Named(place) => {
                    self.event_ids.texts.get(place as usize).map(|text| &**text)
                }
                EventId::Other | EventId::Open => None,
            },
            certain: key.event_id != EventId::Open,
        };
        class::build(&self.plans, &places, &self.predicates, &self.fields, known, observed)
    }
}

impl Remembered {
    /// Goes on with a plan whose rules wait for what has proved rare.
    fn learn(&mut self, rules: &RuleSet, number: usize) {
        let observed = Observed { events: self.marks.events, fired: &self.marks.fired };
        self.class = rules.class(&self.source, self.event_id, Some(observed));
        self.marks = Marks::new(&self.class, number as u64);
    }
}

impl EventIds {
    fn new(fields: &FieldTable, predicates: &[Predicate]) -> Self {
        let mut ids = Self { field: fields.find("EventID"), ..Self::default() };
        for predicate in predicates {
            if let (Target::Field(field), Needs::Exactly(Wanted::Whole(text))) =
                (predicate.target(), predicate.needs())
                && Some(field) == ids.field
                && !ids.by_text.contains_key(&text)
            {
                let place = u32::try_from(ids.texts.len()).unwrap_or(u32::MAX);
                // Only what a number is written as is met by a number.
                if let Some(number) =
                    text.parse().ok().filter(|number: &i64| number.to_string() == *text)
                {
                    ids.by_number.insert(number, place);
                }
                ids.by_text.insert(text.clone(), place);
                ids.texts.push(text);
            }
        }
        ids
    }

    /// `hint`: where the last event had it.
    fn of(&self, event: &Event, hint: &mut usize) -> EventId {
        if self.texts.is_empty() {
            return EventId::Other;
        }
        let value = match event.fields.at(*hint) {
            Some(("EventID", value)) => Some(value),
            _ => {
                *hint = event.fields.iter().position(|(name, _)| name == "EventID").unwrap_or(0);
                event.fields.get("EventID")
            }
        };
        let place = match value {
            // Another spelling of the name, or a path that leads there, is left to the rules.
            None => return EventId::Open,
            Some(Value::Int(number)) => self.by_number.get(number),
            Some(value @ (Value::List(_) | Value::Map(_))) => {
                debug_assert!(value.scalar_text().is_none());
                return EventId::Open;
            }
            Some(value) => {
                value.scalar_text().and_then(|text| self.by_text.get(&*fold::fold(&text)))
            }
        };
        place.map_or(EventId::Other, |place| EventId::Named(*place))
    }
}

impl Scratch {
    /// What each rule of the set has cost since this memory was new or last asked, in the order of
    /// [`RuleSet::rules`]; begins to count anew. Empty when nothing was judged by this set.
    #[must_use]
    pub fn take_costs(&mut self, rules: &RuleSet) -> Vec<RuleCost> {
        match &self.identity {
            Some(identity) if Arc::ptr_eq(identity, &rules.identity) => {
                let zero = vec![RuleCost::default(); self.costs.len()];
                std::mem::replace(&mut self.costs, zero)
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn excluded_places(&self) -> &[(u32, usize)] {
        &self.excluded
    }

    /// Forgets everything when the rule set is another one.
    fn belong_to(&mut self, rules: &RuleSet) {
        if self.identity.as_ref().is_some_and(|known| Arc::ptr_eq(known, &rules.identity)) {
            return;
        }
        self.identity = Some(Arc::clone(&rules.identity));
        self.forget();
        self.costs.clear();
        self.costs.resize(rules.plans.len(), RuleCost::default());
    }

    fn forget(&mut self) {
        self.by_source.clear();
        self.classes.clear();
        self.memo.clear();
    }

    /// The place of the event's class in `classes`.
    fn class_of(&mut self, rules: &RuleSet, event: &Event) -> usize {
        let event_id = rules.event_ids.of(event, &mut self.event_id_place);
        let hash = hash_of(&event.source, event_id);
        if let Some(place) = self.by_source.get(&hash)
            && let Some(known) = self.classes.get(*place)
            && known.event_id == event_id
            && known.source == event.source
        {
            return *place;
        }
        if self.classes.len() >= limits::CLASSES_MAX {
            self.forget();
        }
        let class = rules.class(&event.source, event_id, None);
        let place = self.classes.len();
        let marks = Marks::new(&class, place as u64);
        self.classes.push(Remembered { source: event.source.clone(), event_id, class, marks });
        self.by_source.insert(hash, place);
        place
    }
}

fn hash_of(source: &LogSource, event_id: EventId) -> u64 {
    let id = match event_id {
        EventId::Named(place) => u64::from(place) + 2,
        EventId::Other => 0,
        EventId::Open => 1,
    };
    let texts = std::iter::once(&source.product).chain(&source.services).chain(&source.categories);
    texts.fold(id, |state, text| state.rotate_left(17) ^ hash::hash(text.as_bytes()))
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
