//! Which ATT&CK techniques rules look for, and which of them the telemetry lets them see.
//!
//! A rule covers the techniques among its tags. It sees them when a source supplies the events of its log
//! source; a correlation, when everything that it refers to is supplied. Rules that are not evaluated cover nothing,
//! nor do those that raise no alerts of their own: the correlations that count them do.

use crate::compile::Compiled;
use crate::correlation::Correlations;
use crate::rule::{Rule, RuleLogSource};
use model::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A source of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supply {
    /// What people call it.
    pub name: String,
    /// The Sigma product of its events.
    pub product: String,
    /// The Sigma services of its events.
    pub services: BTreeSet<String>,
    /// The Sigma categories of its events.
    pub categories: BTreeSet<String>,
}

impl Supply {
    /// Whether it supplies events of this log source.
    #[must_use]
    pub fn serves(&self, source: &RuleLogSource) -> bool {
        let named = |wanted: &Option<String>, known: &BTreeSet<String>| {
            wanted.as_ref().is_none_or(|wanted| known.contains(wanted))
        };
        source.product.as_ref().is_none_or(|product| *product == self.product)
            && named(&source.service, &self.services)
            && named(&source.category, &self.categories)
    }
}

/// A technique and the rules for it.
#[derive(Debug, Clone)]
pub struct Technique {
    /// As MITRE writes it: `T1059` or `T1059.001`.
    pub id: String,
    /// The rules that a source supplies with events, and the names of these sources.
    pub seen_by: Vec<(Arc<Rule>, Vec<String>)>,
    /// The rules for which no source has events.
    pub blind: Vec<Arc<Rule>>,
}

/// What rules cover, by technique.
#[derive(Debug, Clone)]
pub struct Coverage {
    /// The techniques in order of their ids.
    pub techniques: Vec<Technique>,
}

impl Coverage {
    /// What these rules cover when events come from these sources.
    #[must_use]
    pub fn of(compiled: &Compiled, supplies: &[Supply]) -> Self {
        let mut techniques: BTreeMap<String, Technique> = BTreeMap::new();
        let of_rules: BTreeMap<&str, Vec<String>> = compiled
            .rules
            .rules()
            .iter()
            .map(|rule| (rule.id.as_str(), supplying(rule, supplies)))
            .collect();
        let mut add = |rule: &Arc<Rule>, sources: &[String]| {
            for id in rule.tags.iter().filter_map(|tag| technique_of(tag)) {
                let new = || Technique { id: id.clone(), seen_by: Vec::new(), blind: Vec::new() };
                let technique = techniques.entry(id.clone()).or_insert_with(new);
                if sources.is_empty() {
                    technique.blind.push(Arc::clone(rule));
                } else {
                    technique.seen_by.push((Arc::clone(rule), sources.to_vec()));
                }
            }
        };
        let correlations = &compiled.correlations;
        for rule in compiled.rules.rules() {
            if rule.is_active() && !correlations.silences(&rule.id) {
                add(rule, &of_rules[rule.id.as_str()]);
            }
        }
        for (place, plan) in correlations.plans.iter().enumerate() {
            if plan.is_told {
                let mut bases = BTreeSet::new();
                base_rules(correlations, place, &mut bases);
                add(&plan.rule, &common(&bases, &of_rules));
            }
        }
        Self { techniques: techniques.into_values().collect() }
    }

    /// How many techniques at least one rule can see.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.techniques.iter().filter(|technique| !technique.seen_by.is_empty()).count()
    }

    /// The layer for MITRE's ATT&CK Navigator, in version 4.5 of its file format. The score of a technique is
    /// the number of rules that can see it; one that has rules but no source has a colour of its own and no
    /// score.
    #[must_use]
    pub fn navigator_layer(&self, name: &str, description: &str) -> Value {
        let most = self.techniques.iter().map(|one| one.seen_by.len()).max().unwrap_or(0).max(2);
        let techniques = self.techniques.iter().map(|one| self.layer_technique(one));
        let legend = [
            ("One rule that events reach", COLOUR_LEAST),
            ("The most rules that events reach", COLOUR_MOST),
            ("Rules are there, but no source supplies their events", COLOUR_BLIND),
        ];
        let legend =
            legend.map(|(label, color)| map([("label", label.into()), ("color", color.into())]));
        map([
            ("name", name.into()),
            ("versions", map([("navigator", "4.9.0".into()), ("layer", "4.5".into())])),
            ("domain", "enterprise-attack".into()),
            ("description", description.into()),
            (
                "layout",
                map([("layout", "side".into()), ("expandedSubtechniques", "annotated".into())]),
            ),
            ("techniques", Value::List(techniques.collect())),
            (
                "gradient",
                map([
                    ("colors", Value::List(vec![COLOUR_LEAST.into(), COLOUR_MOST.into()])),
                    ("minValue", Value::Int(1)),
                    ("maxValue", count(most)),
                ]),
            ),
            ("legendItems", Value::List(legend.into())),
        ])
    }

    fn layer_technique(&self, technique: &Technique) -> Value {
        let mut members = vec![("techniqueID", Value::from(technique.id.as_str()))];
        if technique.seen_by.is_empty() {
            members.push(("color", COLOUR_BLIND.into()));
        } else {
            members.push(("score", count(technique.seen_by.len())));
        }
        members.push(("comment", comment(technique).into()));
        let below = format!("{}.", technique.id);
        if self.techniques.iter().any(|other| other.id.starts_with(&below)) {
            members.push(("showSubtechniques", true.into()));
        }
        map(members)
    }
}

/// The names of the sources that serve a rule.
fn supplying(rule: &Rule, supplies: &[Supply]) -> Vec<String> {
    let serving = supplies.iter().filter(|supply| supply.serves(&rule.logsource));
    serving.map(|supply| supply.name.clone()).collect()
}

/// The ids of the rules of events below a correlation.
fn base_rules<'c>(correlations: &'c Correlations, plan: usize, found: &mut BTreeSet<&'c str>) {
    for (rule, places) in &correlations.of_rule {
        if places.iter().any(|(of, _)| *of == plan) {
            found.insert(rule);
        }
    }
    // Those that another one refers to stand before it, so this ends.
    for (child, below) in correlations.plans.iter().enumerate().take(plan) {
        if below.parents.iter().any(|(of, _)| *of == plan) {
            base_rules(correlations, child, found);
        }
    }
}

/// The sources of all these rules together; none when one of them has none.
fn common(rules: &BTreeSet<&str>, of_rules: &BTreeMap<&str, Vec<String>>) -> Vec<String> {
    let mut all = BTreeSet::new();
    for rule in rules {
        match of_rules.get(rule) {
            Some(sources) if !sources.is_empty() => all.extend(sources.iter().cloned()),
            _ => return Vec::new(),
        }
    }
    all.into_iter().collect()
}

/// `T1059.001` of `attack.t1059.001`; `None` for tactics, groups and other tags.
fn technique_of(tag: &str) -> Option<String> {
    let number = tag.strip_prefix("attack.t")?;
    let (technique, below) = number.split_once('.').unwrap_or((number, "000"));
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    (digits(technique, 4) && digits(below, 3)).then(|| format!("T{number}"))
}

fn comment(technique: &Technique) -> String {
    let mut lines: Vec<String> = technique
        .seen_by
        .iter()
        .map(|(rule, sources)| format!("{} [{}]", rule.title, sources.join(", ")))
        .chain(technique.blind.iter().map(|rule| format!("{} [no source]", rule.title)))
        .collect();
    if lines.len() > COMMENT_RULES_MAX {
        let more = lines.len() - COMMENT_RULES_MAX;
        lines.truncate(COMMENT_RULES_MAX);
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

fn map(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn count(number: usize) -> Value {
    Value::from(u64::try_from(number).unwrap_or(u64::MAX))
}

/// Rules that the comment of a technique names.
const COMMENT_RULES_MAX: usize = 25;
const COLOUR_LEAST: &str = "#cfe8cf";
const COLOUR_MOST: &str = "#1a7f37";
const COLOUR_BLIND: &str = "#e0a33a";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CompileOptions, RuleSource, compile};

    const RULES: &str = "
title: shell
id: shell
level: high
tags: [attack.execution, attack.t1059.004, attack.t1059, attack.s0002, attack.t12]
logsource: {product: linux, category: process_creation}
detection: {a: {A: 1}, condition: a}
---
title: key
id: key
name: key
level: low
tags: [attack.t1112]
logsource: {product: windows, category: registry_set}
detection: {a: {A: 1}, condition: a}
---
title: name
id: name
name: name
level: low
tags: [attack.t1071.004]
logsource: {product: linux, category: dns_query}
detection: {a: {A: 1}, condition: a}
---
title: old
id: old
level: low
status: deprecated
tags: [attack.t1001]
logsource: {product: linux, category: process_creation}
detection: {a: {A: 1}, condition: a}
---
title: many keys
id: many
name: many
level: high
tags: [attack.t1112, attack.t1486]
correlation: {type: event_count, rules: [key], group-by: [DeviceId], timespan: 1m, condition: {gte: 5}, generate: false}
---
title: keys and names
id: both
level: high
tags: [attack.t1490]
correlation: {type: temporal, rules: [many, name], group-by: [DeviceId], timespan: 1m, generate: true}
";

    fn supply(name: &str, product: &str, categories: &[&str]) -> Supply {
        let categories = categories.iter().map(|category| (*category).to_owned()).collect();
        let (name, product) = (name.to_owned(), product.to_owned());
        Supply { name, product, services: BTreeSet::new(), categories }
    }

    fn coverage(supplies: &[Supply]) -> Coverage {
        let source = RuleSource { name: "t.yml", text: RULES };
        let compiled = compile([source], &CompileOptions::default());
        assert_eq!(compiled.refused, []);
        Coverage::of(&compiled, supplies)
    }

    fn shown(coverage: &Coverage) -> Vec<String> {
        let technique = |one: &Technique| {
            let seen: Vec<&str> = one.seen_by.iter().map(|(rule, _)| rule.id.as_str()).collect();
            let blind: Vec<&str> = one.blind.iter().map(|rule| rule.id.as_str()).collect();
            format!("{} {} / {}", one.id, seen.join(" "), blind.join(" "))
        };
        coverage.techniques.iter().map(technique).collect()
    }

    #[test]
    fn a_technique_is_seen_when_a_source_supplies_a_rule_for_it() {
        let agent = supply("agent", "linux", &["process_creation"]);
        let logs = supply("logs", "windows", &["registry_set"]);
        let found = coverage(&[agent.clone(), logs]);
        assert_eq!(
            shown(&found),
            [
                "T1059 shell / ",
                "T1059.004 shell / ",
                "T1071.004  / name",
                "T1112 many / ",
                "T1486 many / ",
                "T1490  / both",
            ]
        );
        assert_eq!(found.seen(), 4);
        assert_eq!(found.techniques[3].seen_by[0].1, ["logs"]);
        // Another source of names: now the correlation over both kinds of rules sees, too.
        let logs = supply("logs", "windows", &["registry_set"]);
        let found = coverage(&[supply("dns", "linux", &["dns_query"]), logs]);
        assert_eq!(found.techniques[5].seen_by[0].1, ["dns", "logs"]);
        assert_eq!(shown(&found)[0], "T1059  / shell");
        assert!(coverage(&[]).seen() == 0 && coverage(&[agent]).seen() == 2);
    }

    #[test]
    fn the_layer_is_what_the_navigator_reads() {
        let layer = coverage(&[supply("agent", "linux", &["process_creation"])])
            .navigator_layer("Our rules", "of today");
        let layer = serde_json::to_value(&layer).expect("is JSON");
        assert_eq!(layer["versions"]["layer"], "4.5");
        assert_eq!(layer["domain"], "enterprise-attack");
        let techniques = layer["techniques"].as_array().expect("a list");
        assert_eq!(techniques[0]["techniqueID"], "T1059");
        assert_eq!(techniques[0]["score"], 1);
        assert_eq!(techniques[0]["showSubtechniques"], true);
        assert_eq!(techniques[0]["comment"], "shell [agent]");
        assert_eq!(techniques[0].get("color"), None);
        assert_eq!(techniques[2]["techniqueID"], "T1071.004");
        assert_eq!(techniques[2].get("score"), None);
        assert_eq!(techniques[2]["color"], COLOUR_BLIND);
        assert_eq!(techniques[2].get("showSubtechniques"), None);
        let (least, most) = (&layer["gradient"]["minValue"], &layer["gradient"]["maxValue"]);
        assert!(least.as_i64() < most.as_i64(), "the format asks for it");
    }
}
