//! A plan for one kind of event: the rules that can match it at all, and what they wait for.
//!
//! Events of one log source and event id meet the same rules. Their conditions become one graph in which
//! equal parts of all rules are one node; tests of the event id are answered when the plan is made. Each
//! rule waits for a few *atoms* of which one must be true for it to match, the rarest that its condition
//! offers; it is looked at only when one of them is. Nothing here is written while events are judged.

use crate::hash::{QuickHasher, TextMap};
use crate::index::{FieldIndex, Wanted};
use crate::keywords::Keywords;
use crate::ordinary;
use crate::predicate::{Needs, Predicate, PredicateId, Target};
use crate::ruleset::{Leaf, Plan};
use crate::tree::Tree;
use crate::view::{FieldId, FieldTable};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::rc::Rc;

/// The slot of predicates about any value of the event.
pub(crate) const ANYWHERE: u32 = u32::MAX;
/// No question; no slot.
pub(crate) const NONE: u32 = u32::MAX;

/// The question of each predicate.
pub(crate) type ByPredicate = HashMap<PredicateId, u32, BuildHasherDefault<QuickHasher>>;

/// The plan.
#[derive(Debug, Default)]
pub(crate) struct Class {
    pub(crate) fields: SlotTable,
    pub(crate) indexes: Vec<(u32, FieldIndex)>,
    /// What is asked of any value of the event.
    pub(crate) everything: Option<FieldIndex>,
    /// The same for values of ASCII as they are, where only words are asked.
    pub(crate) keywords: Option<Keywords>,
    /// By slot: the atom "the field is there", or [`NONE`].
    pub(crate) present: Vec<u32>,
    /// Rules that wait for nothing.
    pub(crate) always: Vec<u32>,
    pub(crate) atoms: Vec<Atom>,
    /// Rules waiting for atoms; [`Atom::waiting`] are ranges of this.
    pub(crate) waiting: Vec<u32>,
    pub(crate) questions: Vec<Question>,
    pub(crate) by_predicate: ByPredicate,
    pub(crate) nodes: Vec<Node>,
    pub(crate) children: Vec<u32>,
    pub(crate) rules: Vec<ClassRule>,
    /// Whether the waits were chosen by what events were like, not by an estimate alone.
    pub(crate) learned: bool,
}

/// Fields that the class's rules ask about, by slot.
#[derive(Debug, Default)]
pub(crate) struct SlotTable {
    pub(crate) by_name: TextMap<u32>,
    /// For dotted names: what stands before a dot → the rest and the slot.
    pub(crate) nested: TextMap<Vec<(Box<str>, u32)>>,
    pub(crate) count: u32,
}

/// Something that an index finds or that a field's presence shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Atom {
    /// The question that it answers with yes, or [`NONE`].
    pub(crate) question: u32,
    pub(crate) waiting: (u32, u32),
}

/// A predicate of the class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub(crate) predicate: PredicateId,
    pub(crate) slot: u32,
    /// The slot of the other field, where two are compared.
    pub(crate) other: u32,
    /// The indexes answer it: what they did not find does not hold.
    pub(crate) indexed: bool,
    pub(crate) cost: u32,
}

/// A part of a condition. Children are ranges of [`Class::children`], cheap ones first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    /// Several conditions have it: its answer is worth keeping.
    pub(crate) shared: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum NodeKind {
    Question(u32),
    All(u32, u32),
    Any(u32, u32),
    Not(u32),
}

/// A rule of the class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClassRule {
    /// Its place among all plans of the rule set.
    pub(crate) place: u32,
    /// The node of its condition; [`NONE`] when it holds for every event of the class.
    pub(crate) root: u32,
}

/// What is the same for every event of a class beside its log source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// The field of the event id, when a rule asks about it.
    pub(crate) field: Option<FieldId>,
    /// Its folded text, when it is one that rules ask for; `None` when it is none of these.
    pub(crate) event_id: Option<&'a str>,
    /// Whether anything is known: an event id may be a list.
    pub(crate) certain: bool,
}

/// How often each atom of a class was true.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed<'a> {
    pub(crate) events: u32,
    /// By atom. The numbers of atoms follow from rules and [`Known`] alone, so that they stay when a plan is
    /// made again.
    pub(crate) fired: &'a [u32],
}

/// Makes the plan for the rules at `places`.
pub(crate) fn build(
    plans: &[Plan],
    places: &[u32],
    predicates: &[Predicate],
    fields: &FieldTable,
    known: Known<'_>,
    observed: Option<Observed<'_>>,
) -> Class {
    let mut builder = Builder::new(predicates, fields, known, observed);
    builder.class.learned = observed.is_some();
    for place in places {
        if let Some(plan) = plans.get(*place as usize) {
            builder.rule(*place, &plan.tree);
        }
    }
    builder.finish()
}

struct Builder<'a> {
    predicates: &'a [Predicate],
    fields: &'a FieldTable,
    known: Known<'a>,
    observed: Option<Observed<'a>>,
    class: Class,
    slots: HashMap<FieldId, u32>,
    questions: ByPredicate,
    atoms: HashMap<(u32, Option<Wanted>), u32>,
    /// Per atom: the estimated share of events for which it is true, and the rules that wait for it.
    waits: Vec<(f32, Vec<u32>)>,
    nodes: HashMap<(u8, Vec<u32>), u32>,
    /// Per node: what it costs to ask, and what must be true for it to hold.
    facts: Vec<(u32, Option<Rc<Wait>>)>,
}

/// Atoms of which one must be true.
#[derive(Debug)]
struct Wait {
    share: f32,
    atoms: Vec<u32>,
}

/// What a tree became: known already, or a node.
enum Lowered {
    Always(bool),
    Node(u32),
}

const ALL: u8 = 0;
const ANY: u8 = 1;
const NOT: u8 = 2;
const QUESTION: u8 = 3;

impl<'a> Builder<'a> {
    fn new(
        predicates: &'a [Predicate],
        fields: &'a FieldTable,
        known: Known<'a>,
        observed: Option<Observed<'a>>,
    ) -> Self {
        Self {
            predicates,
            fields,
            known,
            observed,
            class: Class::default(),
            slots: HashMap::new(),
            questions: ByPredicate::default(),
            atoms: HashMap::new(),
            waits: Vec::new(),
            nodes: HashMap::new(),
            facts: Vec::new(),
        }
    }

    fn rule(&mut self, place: u32, tree: &Tree<Leaf>) {
        let number = count(self.class.rules.len());
        let root = match self.lower(tree) {
            Lowered::Always(false) => return,
            Lowered::Always(true) => NONE,
            Lowered::Node(node) => node,
        };
        let wait = self.facts.get(root as usize).and_then(|(_, wait)| wait.clone());
        match wait {
            Some(wait) => {
                for atom in &wait.atoms {
                    self.waits[*atom as usize].1.push(number);
                }
            }
            None => self.class.always.push(number),
        }
        self.class.rules.push(ClassRule { place, root });
    }

    fn lower(&mut self, tree: &Tree<Leaf>) -> Lowered {
        match tree {
            Tree::All(parts) => self.join(ALL, parts.iter(), Self::lower),
            Tree::Any(parts) => self.join(ANY, parts.iter(), Self::lower),
            Tree::Not(part) => {
                let part = self.lower(part);
                self.not(part)
            }
            Tree::Leaf(leaf) => {
                let held = self.join(ANY, leaf.any_of.iter(), |builder, id| builder.question(*id));
                if leaf.negated { self.not(held) } else { held }
            }
        }
    }

    fn not(&mut self, part: Lowered) -> Lowered {
        match part {
            Lowered::Always(holds) => Lowered::Always(!holds),
            Lowered::Node(node) => Lowered::Node(self.node(NOT, vec![node])),
        }
    }

    /// All or any of the parts, without those that are known and those that occur twice.
    fn join<'p, P: 'p>(
        &mut self,
        kind: u8,
        parts: impl Iterator<Item = &'p P>,
        mut lower: impl FnMut(&mut Self, &'p P) -> Lowered,
    ) -> Lowered {
        // One false part decides `all`, one true part decides `any`.
        let deciding = kind == ANY;
        let mut children = Vec::new();
        for part in parts {
            match lower(self, part) {
                Lowered::Always(holds) if holds == deciding => return Lowered::Always(deciding),
                Lowered::Always(_) => {}
                Lowered::Node(node) => children.push(node),
            }
        }
        children.sort_unstable_by_key(|child| (self.facts[*child as usize].0, *child));
        children.dedup();
        match children.as_slice() {
            [] => Lowered::Always(!deciding),
            [only] => Lowered::Node(*only),
            _ => Lowered::Node(self.node(kind, children)),
        }
    }

    /// The node of this kind over these children; equal nodes are one.
    fn node(&mut self, kind: u8, children: Vec<u32>) -> u32 {
        if let Some(known) = self.nodes.get(&(kind, children.clone())) {
            self.class.nodes[*known as usize].shared = true;
            return *known;
        }
        let number = count(self.class.nodes.len());
        let facts = match (kind, children.as_slice()) {
            (QUESTION, [question]) => self.facts_of_question(*question),
            (NOT, [child]) => (self.facts[*child as usize].0, None),
            _ => self.facts_of_children(kind, &children),
        };
        self.facts.push(facts);
        let first = count(self.class.children.len());
        let kind_of_node = match (kind, children.as_slice()) {
            (QUESTION, [question]) => NodeKind::Question(*question),
            (NOT, [child]) => NodeKind::Not(*child),
            _ => {
                self.class.children.extend_from_slice(&children);
                let end = count(self.class.children.len());
                if kind == ALL { NodeKind::All(first, end) } else { NodeKind::Any(first, end) }
            }
        };
        self.class.nodes.push(Node { kind: kind_of_node, shared: false });
        self.nodes.insert((kind, children), number);
        number
    }

    fn facts_of_children(&self, kind: u8, children: &[u32]) -> (u32, Option<Rc<Wait>>) {
        let facts = || children.iter().map(|child| &self.facts[*child as usize]);
        let cost = facts().fold(0, |sum: u32, (cost, _)| sum.saturating_add(*cost));
        let wait = if kind == ALL {
            // It is enough to wait for one part: for the rarest.
            facts()
                .filter_map(|(_, wait)| wait.as_ref())
                .min_by(|one, other| one.share.total_cmp(&other.share))
                .map(Rc::clone)
        } else {
            let parts: Option<Vec<&Rc<Wait>>> = facts().map(|(_, wait)| wait.as_ref()).collect();
            parts.map(|parts| {
                let mut atoms: Vec<u32> =
                    parts.iter().flat_map(|wait| &wait.atoms).copied().collect();
                atoms.sort_unstable();
                atoms.dedup();
                let share = atoms.iter().map(|atom| self.waits[*atom as usize].0).sum();
                Rc::new(Wait { share, atoms })
            })
        };
        (cost, wait)
    }

    fn question(&mut self, id: PredicateId) -> Lowered {
        let predicates = self.predicates;
        let Some(predicate) = predicates.get(id.index()) else { return Lowered::Always(false) };
        let needs = predicate.needs();
        if let (Target::Field(field), Needs::Exactly(Wanted::Whole(text))) =
            (predicate.target(), &needs)
            && self.known.certain
            && Some(field) == self.known.field
        {
            return Lowered::Always(self.known.event_id == Some(text));
        }
        let question = match self.questions.get(&id) {
            Some(known) => *known,
            None => self.new_question(id, predicate, &needs),
        };
        Lowered::Node(self.node(QUESTION, vec![question]))
    }

    fn new_question(&mut self, id: PredicateId, predicate: &Predicate, needs: &Needs) -> u32 {
        let number = count(self.class.questions.len());
        let slot = match predicate.target() {
            Target::Field(field) => self.slot(field),
            Target::Anywhere => ANYWHERE,
        };
        let other = predicate.other_field().map_or(NONE, |field| self.slot(field));
        let mut question =
            Question { predicate: id, slot, other, indexed: false, cost: predicate.cost() };
        if let Needs::Exactly(wanted) = needs
            && wanted.is_indexable()
        {
            (question.indexed, question.cost) = (true, 0);
            let atom = self.atom(slot, Some(wanted.clone()));
            self.class.atoms[atom as usize].question = number;
        }
        self.class.questions.push(question);
        self.questions.insert(id, number);
        number
    }

    fn facts_of_question(&mut self, number: u32) -> (u32, Option<Rc<Wait>>) {
        let Question { predicate, slot, cost, .. } = self.class.questions[number as usize];
        let needs = self.predicates.get(predicate.index()).map_or(Needs::Nothing, Predicate::needs);
        let wanted = match needs {
            Needs::Exactly(wanted) => vec![wanted],
            Needs::OneOf(wanted) => wanted,
            Needs::Presence => Vec::new(),
            Needs::Nothing => return (cost, None),
        };
        let atoms: Vec<u32> = if !wanted.is_empty() && wanted.iter().all(Wanted::is_indexable) {
            wanted.into_iter().map(|wanted| self.atom(slot, Some(wanted))).collect()
        } else if slot == ANYWHERE {
            return (cost, None);
        } else {
            vec![self.atom(slot, None)]
        };
        let share = atoms.iter().map(|atom| self.waits[*atom as usize].0).sum();
        (cost, Some(Rc::new(Wait { share, atoms })))
    }

    fn atom(&mut self, slot: u32, wanted: Option<Wanted>) -> u32 {
        let key = (slot, wanted);
        if let Some(known) = self.atoms.get(&key) {
            return *known;
        }
        let number = count(self.class.atoms.len());
        self.class.atoms.push(Atom { question: NONE, waiting: (0, 0) });
        let estimate = key.1.as_ref().map_or(1.0, estimated_share);
        let share = self.observed.map_or(estimate, |seen| seen.share(number, estimate));
        self.waits.push((share, Vec::new()));
        self.atoms.insert(key, number);
        number
    }

    fn slot(&mut self, field: FieldId) -> u32 {
        if let Some(known) = self.slots.get(&field) {
            return *known;
        }
        let table = &mut self.class.fields;
        let slot = table.count;
        table.count += 1;
        let name = self.fields.name(field);
        table.by_name.insert(name.into(), slot);
        for (dot, _) in name.match_indices('.') {
            if let (Some(outer), Some(inner)) = (name.get(..dot), name.get(dot + 1..)) {
                table.nested.entry(outer.into()).or_default().push((inner.into(), slot));
            }
        }
        self.slots.insert(field, slot);
        slot
    }

    fn finish(self) -> Class {
        let Self { mut class, atoms, waits, questions, .. } = self;
        class.by_predicate = questions;
        for (atom, (_, waiting)) in class.atoms.iter_mut().zip(waits) {
            let first = count(class.waiting.len());
            class.waiting.extend(waiting);
            atom.waiting = (first, count(class.waiting.len()));
        }
        class.present = vec![NONE; class.fields.count as usize];
        let mut by_slot: HashMap<u32, Vec<(Wanted, u32)>> = HashMap::new();
        for ((slot, wanted), atom) in atoms {
            match wanted {
                Some(wanted) => by_slot.entry(slot).or_default().push((wanted, atom)),
                None => class.present[slot as usize] = atom,
            }
        }
        let mut by_slot: Vec<_> = by_slot.into_iter().collect();
        by_slot.sort_unstable_by_key(|(slot, _)| *slot);
        for (slot, mut asked) in by_slot {
            asked.sort_unstable_by_key(|(_, atom)| *atom);
            if slot == ANYWHERE {
                class.keywords = Keywords::new(&asked);
            }
            let index = FieldIndex::new(asked);
            match slot {
                ANYWHERE => class.everything = Some(index),
                _ => class.indexes.push((slot, index)),
            }
        }
        class
    }
}

impl Observed<'_> {
    /// The share of events for which the atom is true; the estimate counts as much as some events.
    fn share(&self, atom: u32, estimate: f32) -> f32 {
        let fired = self.fired.get(atom as usize).copied().unwrap_or(0);
        (fired as f32 + estimate * ESTIMATE_EVENTS) / (self.events as f32 + ESTIMATE_EVENTS)
    }
}

/// Events that outweigh an estimate.
const ESTIMATE_EVENTS: f32 = 100.0;

/// How often a value is expected to have the wanted text.
fn estimated_share(wanted: &Wanted) -> f32 {
    if let Wanted::Whole(text) | Wanted::End(text) = wanted
        && let Some(share) = ordinary::known_share(text)
    {
        return share;
    }
    let floor = match wanted {
        Wanted::Whole(_) | Wanted::End(_) => 0.002,
        Wanted::Start(text) | Wanted::Inside(text) => match text.len() {
            0 | 1 => 0.15,
            2 => 0.08,
            3 => 0.04,
            4 => 0.02,
            5 => 0.01,
            6 | 7 => 0.005,
            _ => 0.002,
        },
    };
    ordinary::share(floor, |value| wanted.holds_for(value))
}

/// Everything here is far smaller; a rule set that is not would be refused by memory long before.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
