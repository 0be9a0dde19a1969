//! One event against the plan of its class. Nothing is allocated on the way unless buffers grow.

use crate::class::{ANYWHERE, Class, NONE, NodeKind};
use crate::fold;
use crate::hash;
use crate::keywords::KeywordSearch;
use crate::memo::Memo;
use crate::predicate::{Predicate, PredicateId};
use crate::view;
use model::{Fields, Value};
use std::fmt::Write as _;

/// What a thread remembers of a class: marks of the event at hand, by the number of the event, so that the
/// next event need not clear them.
#[derive(Debug)]
pub(crate) struct Marks {
    /// Tells the memo's texts of different classes apart.
    number: u64,
    stamp: u32,
    /// By question and by node: twice the stamp of the event that was answered, plus 1 for yes.
    answers: Vec<u32>,
    nodes: Vec<u32>,
    /// By rule: the stamp of the event for which it became a candidate.
    asked: Vec<u32>,
    slots: Vec<Slot>,
    /// Where the fields of the last event went. Events of a class mostly have the same fields in the same
    /// order.
    shape: Vec<Shaped>,
    candidates: Vec<u32>,
    /// Events so far, and by atom how often it was true, as long as the class has not learned from it.
    pub(crate) events: u32,
    pub(crate) fired: Vec<u32>,
}

/// Where a field stands in the event.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    stamp: u32,
    /// Place among the event's fields.
    field: u32,
    /// Which nested path leads on from there, plus 1; 0 for none.
    path: u32,
    /// Its folded texts in [`Texts::pieces`]; the end is 0 as long as they are not made.
    pieces: (u32, u32),
}

#[derive(Debug)]
struct Shaped {
    name: Box<str>,
    slot: u32,
    /// Nested names begin with this one.
    nested: bool,
}

/// Folded texts of the event at hand.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    buffer: String,
    /// Ranges of `buffer`.
    pieces: Vec<(u32, u32)>,
    /// Those of the whole event, made when something asks for any value.
    everything: Option<(u32, u32)>,
    fired: Vec<u32>,
    /// One value, where it is folded for keywords only.
    folded: String,
}

/// A rule that was looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Place among the plans.
    pub(crate) place: u32,
    pub(crate) holds: bool,
    /// In the units of [`Predicate::cost`].
    pub(crate) cost: u32,
}

impl Marks {
    pub(crate) fn new(class: &Class, number: u64) -> Self {
        Self {
            number,
            stamp: 0,
            answers: vec![0; class.questions.len()],
            nodes: vec![0; class.nodes.len()],
            asked: vec![0; class.rules.len()],
            slots: vec![Slot::default(); class.fields.count as usize],
            shape: Vec::new(),
            candidates: Vec::new(),
            events: 0,
            fired: vec![0; if class.learned { 0 } else { class.atoms.len() }],
        }
    }

    /// The answer to a predicate for the event just judged, when it was found out.
    pub(crate) fn known(&self, class: &Class, id: PredicateId) -> Option<bool> {
        let question = *class.by_predicate.get(&id)?;
        let answer = *self.answers.get(question as usize)?;
        if answer >> 1 == self.stamp {
            return Some(answer & 1 == 1);
        }
        class.questions.get(question as usize)?.indexed.then_some(false)
    }

    fn begin(&mut self) {
        self.stamp += 1;
        if self.stamp > u32::MAX >> 1 {
            self.answers.fill(0);
            self.nodes.fill(0);
            self.asked.fill(0);
            self.slots.fill(Slot::default());
            self.stamp = 1;
        }
        self.candidates.clear();
        self.events = self.events.saturating_add(1);
    }

    fn candidate(&mut self, rule: u32) {
        let asked = &mut self.asked[rule as usize];
        if *asked != self.stamp {
            *asked = self.stamp;
            self.candidates.push(rule);
        }
    }
}

/// Asks every rule of the class that may match and reports each; not those that are stopped.
pub(crate) fn judge(
    class: &Class,
    is_stopped: impl Fn(u32) -> bool,
    predicates: &[Predicate],
    fields: &Fields,
    marks: &mut Marks,
    texts: &mut Texts,
    memo: &mut Memo,
    mut report: impl FnMut(Asked),
) {
    marks.begin();
    texts.begin();
    let mut event = Judged { class, predicates, fields, marks, texts, cost: 0 };
    event.lay_out();
    event.find_candidates(memo);
    let candidates = std::mem::take(&mut event.marks.candidates);
    for number in &candidates {
        let rule = class.rules[*number as usize];
        if is_stopped(rule.place) {
            continue;
        }
        event.cost = 1;
        let holds = rule.root == NONE || event.holds(rule.root);
        report(Asked { place: rule.place, holds, cost: event.cost });
    }
    event.marks.candidates = candidates;
}

impl Texts {
    fn begin(&mut self) {
        self.buffer.clear();
        self.pieces.clear();
        self.everything = None;
    }

    fn piece(&self, place: u32) -> &str {
        let (begin, end) = self.pieces[place as usize];
        self.buffer.get(begin as usize..end as usize).unwrap_or_default()
    }

    /// Folds the single values of a field, or of everything in it, into the buffer.
    fn add(&mut self, value: &Value, maps: bool, depth: usize) {
        if depth > crate::limits::EVENT_DEPTH_MAX {
            return;
        }
        let begin = self.buffer.len();
        match value {
            Value::Text(text) => fold::fold_onto(text, &mut self.buffer),
            Value::Bool(truth) => self.buffer.push_str(if *truth { "true" } else { "false" }),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => self.add_number(value),
            Value::Null => return,
            Value::List(items) => {
                items.iter().for_each(|item| self.add(item, maps, depth + 1));
                return;
            }
            Value::Map(pairs) => {
                if maps {
                    pairs.iter().for_each(|(_, inner)| self.add(inner, maps, depth + 1));
                }
                return;
            }
        }
        self.pieces.push((small(begin), small(self.buffer.len())));
    }

    fn add_number(&mut self, value: &Value) {
        // Writing to a string cannot fail.
        let written = match value {
            Value::Int(number) => write!(self.buffer, "{number}"),
            Value::UInt(number) => write!(self.buffer, "{number}"),
            Value::Float(number) => {
                // `1e20` has an `e` in neither case, `NaN` and `inf` fold like other text.
                let begin = self.buffer.len();
                let written = write!(self.buffer, "{number}");
                if let Some(text) = self.buffer.get_mut(begin..) {
                    text.make_ascii_lowercase();
                }
                written
            }
            _ => Ok(()),
        };
        debug_assert!(written.is_ok());
    }
}

struct Judged<'a> {
    class: &'a Class,
    predicates: &'a [Predicate],
    fields: &'a Fields,
    marks: &'a mut Marks,
    texts: &'a mut Texts,
    cost: u32,
}

impl<'a> Judged<'a> {
    /// Notes for every field that rules ask about where it stands in the event.
    fn lay_out(&mut self) {
        for (place, (name, value)) in self.fields.iter().enumerate() {
            let (slot, nested) = match self.marks.shape.get(place) {
                Some(known) if hash::same(&known.name, name) => (known.slot, known.nested),
                _ => self.learn_shape(place, name),
            };
            if slot != NONE {
                self.put(slot, place, 0);
            }
            if nested && matches!(value, Value::Map(_)) {
                self.lay_out_nested(place, name, value);
            }
        }
    }

    #[cold]
    fn learn_shape(&mut self, place: usize, name: &str) -> (u32, bool) {
        let table = &self.class.fields;
        let plain = without_blanks(name);
        let slot = table.by_name.get(&*plain).copied().unwrap_or(NONE);
        let nested = table.nested.contains_key(&*plain);
        let shape = &mut self.marks.shape;
        if place < crate::limits::SHAPE_FIELDS_MAX {
            let shaped = Shaped { name: name.into(), slot, nested };
            match shape.get_mut(place) {
                Some(known) => *known = shaped,
                // Places are visited in order, so at most one is missing.
                None => shape.push(shaped),
            }
        }
        (slot, nested)
    }

    fn lay_out_nested(&mut self, place: usize, name: &str, value: &Value) {
        let class = self.class;
        let paths = class.fields.nested.get(&*without_blanks(name));
        for (number, (path, slot)) in paths.into_iter().flatten().enumerate() {
            if view::walk(value, path, 0).is_some() {
                self.put(*slot, place, number + 1);
            }
        }
    }

    /// The first of several fields of one name counts.
    fn put(&mut self, slot: u32, field: usize, path: usize) {
        let stamp = self.marks.stamp;
        let known = &mut self.marks.slots[slot as usize];
        if known.stamp != stamp {
            *known = Slot { stamp, field: small(field), path: small(path), pieces: (0, 0) };
        }
    }

    fn value(&self, slot: u32) -> Option<&'a Value> {
        let known = self.marks.slots.get(slot as usize)?;
        if known.stamp != self.marks.stamp {
            return None;
        }
        let (name, value) = self.fields.at(known.field as usize)?;
        let Some(number) = (known.path as usize).checked_sub(1) else { return Some(value) };
        let paths = self.class.fields.nested.get(&*without_blanks(name))?;
        view::walk(value, &paths.get(number)?.0, 0)
    }

    fn find_candidates(&mut self, memo: &mut Memo) {
        let class = self.class;
        for rule in &class.always {
            self.marks.candidate(*rule);
        }
        for (slot, atom) in class.present.iter().enumerate() {
            if *atom != NONE && self.marks.slots[slot].stamp == self.marks.stamp {
                self.fire(*atom);
            }
        }
        let mut fired = std::mem::take(&mut self.texts.fired);
        for (number, (slot, index)) in class.indexes.iter().enumerate() {
            let Some(value) = self.value(*slot) else { continue };
            let tag = self.marks.number << 16 | number as u64;
            let text = value.as_text();
            let key = text.and_then(|text| memo.key(tag, text));
            if let (Some(key), Some(text)) = (key, text)
                && let Some(atoms) = memo.get(key, text)
            {
                atoms.iter().for_each(|atom| self.fire(*atom));
                continue;
            }
            fired.clear();
            let (begin, end) = self.pieces(*slot, value);
            for piece in begin..end {
                index.find(self.texts.piece(piece), &mut fired);
            }
            if let (Some(key), Some(text)) = (key, text) {
                memo.learn(key, text, &fired);
            }
            fired.iter().for_each(|atom| self.fire(*atom));
        }
        if let Some(index) = &class.everything {
            fired.clear();
            if let Some(words) = &class.keywords {
                let mut search = KeywordSearch { words, index, fired: &mut fired };
                let mut folded = std::mem::take(&mut self.texts.folded);
                self.fields.iter().for_each(|(_, value)| search.see(value, 0, &mut folded));
                self.texts.folded = folded;
            } else {
                let (begin, end) = self.everything();
                for piece in begin..end {
                    index.find(self.texts.piece(piece), &mut fired);
                }
            }
            fired.iter().for_each(|atom| self.fire(*atom));
        }
        self.texts.fired = fired;
    }

    /// The atom is true: so is its question, and the rules that wait for it are asked.
    fn fire(&mut self, atom: u32) {
        let class = self.class;
        if let Some(count) = self.marks.fired.get_mut(atom as usize) {
            *count += 1;
        }
        let atom = class.atoms[atom as usize];
        if atom.question != NONE {
            self.marks.answers[atom.question as usize] = self.marks.stamp << 1 | 1;
        }
        let (first, end) = atom.waiting;
        for rule in &class.waiting[first as usize..end as usize] {
            self.marks.candidate(*rule);
        }
    }

    /// The folded texts of a field.
    fn pieces(&mut self, slot: u32, value: &Value) -> (u32, u32) {
        let known = self.marks.slots[slot as usize].pieces;
        if known.1 > 0 {
            return known;
        }
        let begin = small(self.texts.pieces.len());
        self.texts.add(value, false, 0);
        let pieces = (begin, small(self.texts.pieces.len()));
        self.marks.slots[slot as usize].pieces = pieces;
        pieces
    }

    fn everything(&mut self) -> (u32, u32) {
        if let Some(known) = self.texts.everything {
            return known;
        }
        let begin = small(self.texts.pieces.len());
        for (_, value) in self.fields.iter() {
            self.texts.add(value, true, 0);
        }
        let pieces = (begin, small(self.texts.pieces.len()));
        self.texts.everything = Some(pieces);
        pieces
    }

    fn holds(&mut self, number: u32) -> bool {
        let class = self.class;
        self.cost += 1;
        let node = class.nodes[number as usize];
        if node.shared {
            let known = self.marks.nodes[number as usize];
            if known >> 1 == self.marks.stamp {
                return known & 1 == 1;
            }
        }
        let holds = match node.kind {
            NodeKind::Question(question) => return self.answer(question),
            NodeKind::All(first, end) => {
                class.children[first as usize..end as usize].iter().all(|child| self.holds(*child))
            }
            NodeKind::Any(first, end) => {
                class.children[first as usize..end as usize].iter().any(|child| self.holds(*child))
            }
            NodeKind::Not(child) => !self.holds(child),
        };
        if node.shared {
            self.marks.nodes[number as usize] = self.marks.stamp << 1 | u32::from(holds);
        }
        holds
    }

    fn answer(&mut self, number: u32) -> bool {
        let known = self.marks.answers[number as usize];
        if known >> 1 == self.marks.stamp {
            return known & 1 == 1;
        }
        let question = self.class.questions[number as usize];
        if question.indexed {
            return false;
        }
        self.cost = self.cost.saturating_add(question.cost);
        let holds = self.ask(question);
        self.marks.answers[number as usize] = self.marks.stamp << 1 | u32::from(holds);
        holds
    }

    fn ask(&mut self, question: crate::class::Question) -> bool {
        let predicates = self.predicates;
        let Some(predicate) = predicates.get(question.predicate.index()) else { return false };
        let anywhere = question.slot == ANYWHERE;
        let value = if anywhere { None } else { self.value(question.slot) };
        let bytes: usize = match value {
            _ if anywhere => self.fields.iter().map(|(_, value)| text_bytes(value)).sum(),
            Some(value) => text_bytes(value),
            None => 0,
        };
        self.cost = self.cost.saturating_add(small(bytes / predicate.bytes_per_unit()));
        let Some(matcher) = predicate.folded_matcher() else {
            if anywhere {
                return predicate.holds_anywhere(self.fields);
            }
            let other = if question.other == NONE { None } else { self.value(question.other) };
            if let (Some(place), Some(value), Some(other)) =
                (predicate.folded_comparison(), value, other)
            {
                let own = self.pieces(question.slot, value);
                let wanted = self.pieces(question.other, other);
                let texts = &*self.texts;
                let holds = |one| {
                    let text = texts.piece(one);
                    (wanted.0..wanted.1).any(|other| place.holds(text, texts.piece(other)))
                };
                return (own.0..own.1).any(holds);
            }
            return predicate.holds_for(value, other);
        };
        let (begin, end) = match value {
            Some(value) => self.pieces(question.slot, value),
            None if anywhere => self.everything(),
            None => return false,
        };
        (begin..end).any(|piece| matcher.is_match(self.texts.piece(piece)))
    }
}

/// Bytes of text that a question about a value goes through; lists within lists are rare and not counted.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().filter_map(Value::as_text).map(str::len).sum(),
        _ => 0,
    }
}

/// Sigma's field names hold no blanks; those of some Windows channels do.
fn without_blanks(name: &str) -> std::borrow::Cow<'_, str> {
    match name.contains(' ') {
        true => name.replace(' ', "").into(),
        false => name.into(),
    }
}

/// Fields and bytes of one event are far fewer.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
