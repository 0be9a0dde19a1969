//! Correlations by the letter: every window counted afresh from all events, with nothing kept between them.
//!
//! Shares with the engine's correlations the reader of YAML and nothing else. It is slow, and is asked about the
//! events of one window.

mod asked;
mod window;

use super::{Judge, Lists, PlainError, lookup, of_log_source, wrong};
use crate::limits;
use crate::yaml::{self, Kind, Node};
use asked::{Asked, Test, asked};
use model::{Event, StreamKey, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use window::held;

/// A correlation with the rules that it refers to, as an alert keeps them.
#[derive(Debug)]
pub struct PlainCorrelation {
    /// The first one is what is asked about.
    documents: Vec<Document>,
}

/// A match of a correlation.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// When its condition held: the time of the event that decided, or the end of the window.
    pub at: Timestamp,
    /// The event that decided.
    pub stream: StreamKey,
    /// Name and value of each field of the group.
    pub group: Vec<(String, String)>,
    /// The number that was compared.
    pub measure: f64,
    /// Every event that contributes, the oldest first.
    pub events: Vec<StreamKey>,
}

#[derive(Debug)]
struct Document {
    names: Vec<String>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Rule { root: Node, filters: Vec<Node> },
    Correlation(Asked),
}

/// Something that happened for a correlation.
#[derive(Debug, Clone, PartialEq)]
struct Fact {
    time: i64,
    stream: StreamKey,
    mask: u64,
    values: BTreeMap<String, Option<String>>,
}

impl Fact {
    const fn moment(&self) -> (i64, StreamKey) {
        (self.time, self.stream)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Option::as_deref)
    }

    /// Values in lower case; `None` when one is missing.
    fn row(&self, names: &[String]) -> Option<Vec<String>> {
        names.iter().map(|name| self.value(name).map(str::to_lowercase)).collect()
    }
}

/// A window whose condition holds.
struct Held {
    time: i64,
    stream: StreamKey,
    measure: f64,
    facts: Vec<Fact>,
}

impl PlainCorrelation {
    /// Reads the text of an alert of a correlation.
    ///
    /// # Errors
    /// What of it cannot be replayed.
    pub fn parse(text: &str) -> Result<Self, PlainError> {
        let mut documents: Vec<Document> = Vec::new();
        let mut correlations = Vec::new();
        for document in yaml::documents(text) {
            let root = yaml::parse(document).map_err(|fault| {
                wrong(fault.line.unwrap_or(document.first_line), fault.cause.to_string())
            })?;
            let name = |key: &str| root.get(key).and_then(Node::text).map(ToOwned::to_owned);
            let names = ["id", "name"].into_iter().filter_map(name).collect();
            if root.get("correlation").is_some() {
                correlations.push((documents.len(), root));
                let body = Body::Rule { root: EMPTY, filters: Vec::new() };
                documents.push(Document { names, body });
            } else if root.get("detection").is_some() {
                documents.push(Document { names, body: Body::Rule { root, filters: Vec::new() } });
            } else if let Some(Document { body: Body::Rule { filters, .. }, .. }) =
                documents.last_mut()
            {
                filters.push(root);
            }
        }
        if correlations.first().map(|(place, _)| *place) != Some(0) {
            return Err(wrong(1, "not the text of a correlation".to_owned()));
        }
        for (place, root) in correlations {
            let asked = asked(&root, &documents)?;
            if let Some(document) = documents.get_mut(place) {
                document.body = Body::Correlation(asked);
            }
        }
        Ok(Self { documents })
    }

    /// How far before the match its events may lie, in nanoseconds.
    #[must_use]
    pub fn reach_ns(&self) -> i64 {
        self.reach_of(0, 0)
    }

    fn reach_of(&self, place: usize, depth: usize) -> i64 {
        match self.documents.get(place).map(|document| &document.body) {
            // References in a circle are refused at load.
            Some(Body::Correlation(asked)) if depth <= self.documents.len() => {
                let below = asked.rules.iter().map(|(rule, _)| self.reach_of(*rule, depth + 1));
                asked.span_ns.saturating_add(below.max().unwrap_or(0))
            }
            _ => 0,
        }
    }

    /// Whether it stands above a correlation that awaits the end of its windows. When such a match came to be known
    /// depends on when each agent was heard, which the events alone do not say.
    #[must_use]
    pub fn stands_above_absence(&self) -> bool {
        self.documents.iter().skip(1).any(|document| match &document.body {
            Body::Correlation(asked) => {
                matches!(asked.test, Test::Absent { .. } | Test::OrderedAbsent { .. })
            }
            Body::Rule { .. } => false,
        })
    }

    /// Whether an event is of the log source of one of the rules.
    #[must_use]
    pub fn concerns(&self, event: &Event) -> bool {
        self.documents.iter().any(|document| match &document.body {
            Body::Rule { root, .. } => of_log_source(root, event),
            Body::Correlation(_) => false,
        })
    }

    /// Every match of the correlation in these events, whether or not it would be told again.
    ///
    /// # Errors
    /// What of the rules cannot be judged.
    pub fn replay(&self, events: &[Event]) -> Result<Vec<Replayed>, PlainError> {
        let mut in_order: Vec<&Event> = events.iter().collect();
        in_order.sort_by_key(|event| (event.observed_at, event.stream));
        in_order.dedup_by_key(|event| event.stream);
        let mut replay = Replay { all: self, events: in_order, known: HashMap::new() };
        let held = replay.matches(0, &[], 0)?;
        let Some(Body::Correlation(asked)) = self.documents.first().map(|it| &it.body) else {
            return Ok(Vec::new());
        };
        let replayed = |held: Held| {
            let newest = held.facts.last();
            let value =
                |name: &String| newest.and_then(|fact| fact.value(name)).unwrap_or_default();
            Replayed {
                at: Timestamp::from_nanos(held.time),
                stream: held.stream,
                group: asked
                    .group
                    .iter()
                    .map(|name| (name.clone(), value(name).to_owned()))
                    .collect(),
                measure: held.measure,
                events: held.facts.iter().map(|fact| fact.stream).collect(),
            }
        };
        Ok(held.into_iter().map(replayed).collect())
    }
}

struct Replay<'a> {
    all: &'a PlainCorrelation,
    events: Vec<&'a Event>,
    /// Verdicts of rules by document and event.
    known: HashMap<(usize, usize), bool>,
}

impl Replay<'_> {
    /// The matches of the correlation at a place; facts carry also the fields that those above need.
    fn matches(
        &mut self,
        place: usize,
        needed: &[String],
        depth: usize,
    ) -> Result<Vec<Held>, PlainError> {
        let all = self.all;
        let Some(Body::Correlation(asked)) = all.documents.get(place).map(|it| &it.body) else {
            return Ok(Vec::new());
        };
        if depth > all.documents.len() {
            return Err(wrong(1, "correlations refer to each other in a circle".to_owned()));
        }
        let mut fields: Vec<String> = asked.group.iter().chain(&asked.fields).cloned().collect();
        fields.extend(
            needed.iter().filter(|name| !fields.contains(name)).cloned().collect::<Vec<_>>(),
        );
        let mut facts: Vec<Fact> = Vec::new();
        for (number, (rule, written)) in asked.rules.iter().enumerate() {
            let sources: Vec<(String, String)> = fields
                .iter()
                .map(|name| (name.clone(), self.source_of(asked, *rule, written, name)))
                .collect();
            for fact in self.facts_of(asked, *rule, 1 << number, &sources, depth)? {
                // One event counts once, whatever number of rules it matches.
                match facts
                    .iter_mut()
                    .find(|it| it.moment() == fact.moment() && it.values == fact.values)
                {
                    Some(known) => known.mask |= fact.mask,
                    None => facts.push(fact),
                }
            }
        }
        facts.sort_by_key(Fact::moment);
        let groups: BTreeSet<Vec<String>> =
            facts.iter().filter_map(|fact| fact.row(&asked.group)).collect();
        let mut found = Vec::new();
        for group in groups {
            let own: Vec<Fact> = facts
                .iter()
                .filter(|fact| fact.row(&asked.group).as_ref() == Some(&group))
                .cloned()
                .collect();
            for last in 0..own.len() {
                found.extend(held(asked, &own, last)?);
            }
        }
        found.sort_by_key(|held| (held.time, held.stream));
        Ok(found)
    }

    /// What a field of a correlation is called in what it refers to.
    fn source_of(&self, asked: &Asked, rule: usize, written: &str, name: &str) -> String {
        let Some(alias) = asked.aliases.get(name) else { return name.to_owned() };
        let names = self.all.documents.get(rule).map_or(&[][..], |document| &document.names);
        let called = |key: &String| key == written || names.contains(key);
        let field = alias.iter().find(|(key, _)| called(key)).map(|(_, field)| field.clone());
        field.unwrap_or_else(|| name.to_owned())
    }

    fn facts_of(
        &mut self,
        asked: &Asked,
        rule: usize,
        mask: u64,
        sources: &[(String, String)],
        depth: usize,
    ) -> Result<Vec<Fact>, PlainError> {
        let mut facts = Vec::new();
        let is_rule =
            matches!(self.all.documents.get(rule).map(|it| &it.body), Some(Body::Rule { .. }));
        if is_rule {
            for place in 0..self.events.len() {
                if !self.rule_holds(rule, place)? {
                    continue;
                }
                let Some(event) = self.events.get(place) else { continue };
                let value =
                    |(name, source): &(String, String)| (name.clone(), value_of(event, source));
                facts.push(Fact {
                    time: event.observed_at.nanos(),
                    stream: event.stream,
                    mask,
                    values: sources.iter().map(value).collect(),
                });
            }
            return Ok(facts);
        }
        let wanted: Vec<String> = sources.iter().map(|(_, source)| source.clone()).collect();
        for held in self.matches(rule, &wanted, depth + 1)? {
            // A match belongs to each group that its own events name.
            let mut seen = BTreeSet::new();
            for fact in held.facts.iter().rev() {
                let value = |(name, source): &(String, String)| {
                    (name.clone(), fact.value(source).map(ToOwned::to_owned))
                };
                let values: BTreeMap<_, _> = sources.iter().map(value).collect();
                let above = Fact { time: held.time, stream: held.stream, mask, values };
                if seen.len() < limits::GROUPS_PER_MATCH_MAX && seen.insert(above.row(&asked.group))
                {
                    facts.push(above);
                }
            }
        }
        Ok(facts)
    }

    fn rule_holds(&mut self, rule: usize, place: usize) -> Result<bool, PlainError> {
        if let Some(known) = self.known.get(&(rule, place)) {
            return Ok(*known);
        }
        let Some(Body::Rule { root, filters }) = self.all.documents.get(rule).map(|it| &it.body)
        else {
            return Ok(false);
        };
        let Some(event) = self.events.get(place) else { return Ok(false) };
        let lists = Lists::new();
        let mut judge = Judge {
            lists: &lists,
            event,
            filter: None,
            selections: Vec::new(),
            leaves: Vec::new(),
        };
        let mut holds = of_log_source(root, event);
        if holds && let Some(detection) = root.get("detection") {
            holds = judge.document(detection, &[])?;
        }
        for filter in filters.iter().filter_map(|filter| filter.get("filter")) {
            holds = holds && judge.document(filter, &["rules"])?;
        }
        self.known.insert((rule, place), holds);
        Ok(holds)
    }
}

fn value_of(event: &Event, name: &str) -> Option<String> {
    let device = || (name == "DeviceId").then(|| event.device.to_string());
    let mut text = lookup::shown(&event.fields, name).or_else(device)?;
    text.truncate(text.floor_char_boundary(limits::CORRELATED_VALUE_BYTES_MAX));
    Some(text)
}

const EMPTY: Node = Node { line: 1, kind: Kind::List(Vec::new()) };
