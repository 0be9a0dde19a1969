//! The engines alone, on events that are structured already: ours on its own, theirs on parsed JSON.

use crate::corpus::Corpus;
use crate::process::cpu_ns;
use detect::{CompileOptions, RuleSet, RuleSource, Scratch};
use rsigma_eval::{Engine, JsonEvent};
use rsigma_parser::{LogSource, parse_sigma_yaml};

/// Ways to use the other engine; the fastest is what we compare with.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Plain,
    /// Told the log source of each event.
    Routed,
}

pub fn compare(rules: &[(String, String)], corpora: &[(&str, &Corpus)]) {
    let began = cpu_ns();
    let sources = rules.iter().map(|(name, text)| RuleSource { name, text });
    let ours = detect::compile(sources, &CompileOptions::default());
    println!("mimamori: {} rules in {} ms of CPU", ours.rules.rules().len(), (cpu_ns() - began) / 1_000_000);
    let began = cpu_ns();
    let engine = theirs(rules, false);
    println!("rsigma:   {} rules in {} ms of CPU", engine.rule_count(), (cpu_ns() - began) / 1_000_000);
    let crossed = theirs(rules, true);
    for (name, corpus) in corpora {
        one(name, corpus, &ours.rules, &engine, &crossed);
    }
}

fn theirs(rules: &[(String, String)], cross_rule: bool) -> Engine {
    let mut engine = Engine::new();
    let parsed = rules.iter().filter_map(|(_, text)| parse_sigma_yaml(text).ok());
    let parsed: Vec<_> = parsed.flat_map(|collection| collection.rules).collect();
    let _refused = engine.add_rules(&parsed);
    engine.set_cross_rule_ac(cross_rule);
    engine
}

fn one(name: &str, corpus: &Corpus, ours: &RuleSet, engine: &Engine, crossed: &Engine) {
    let values: Vec<serde_json::Value> =
        corpus.lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let sources: Vec<LogSource> = corpus
        .events
        .iter()
        .map(|event| LogSource {
            product: Some(event.source.product.to_string()).filter(|product| !product.is_empty()),
            service: event.source.services.first().map(ToString::to_string),
            // An event of several categories must see the rules of each: it is told none.
            category: match event.source.categories.as_slice() {
                [only] => Some(only.to_string()),
                _ => None,
            },
            ..LogSource::default()
        })
        .collect();
    let their_run = |engine: &Engine, way: Way| {
        let mut matches = 0;
        let began = cpu_ns();
        for (value, source) in values.iter().zip(&sources) {
            let event = JsonEvent::borrow(value);
            matches += match way {
                Way::Plain => engine.evaluate(&event),
                Way::Routed => engine.evaluate_pruned(&event, source),
            }
            .len();
        }
        (cpu_ns() - began, matches)
    };
    let our_run = |scratch: &mut Scratch| {
        let began = cpu_ns();
        let matches: usize =
            corpus.events.iter().map(|event| ours.evaluate_with(event, scratch).len()).sum();
        (cpu_ns() - began, matches)
    };
    let per_event = |ns: u64| ns as f64 / 1e3 / corpus.events.len() as f64;
    let (first, _) = our_run(&mut Scratch::default());
    let mut warm_scratch = Scratch::default();
    let (mut cold, mut warm) = ((u64::MAX, 0), (u64::MAX, 0));
    let mut other = [(Way::Plain, engine, (u64::MAX, 0)), (Way::Routed, engine, (u64::MAX, 0)), (Way::Plain, crossed, (u64::MAX, 0)), (Way::Routed, crossed, (u64::MAX, 0))];
    for _ in 0..crate::ROUNDS {
        cold = cold.min(our_run(&mut Scratch::default()));
        warm = warm.min(our_run(&mut warm_scratch));
        for (way, engine, best) in &mut other {
            *best = (*best).min(their_run(engine, *way));
        }
    }
    println!("\n{name}: µs of CPU per event");
    println!("  mimamori, plans made on the way {:8.2}", per_event(first));
    println!("  mimamori, nothing remembered    {:8.2}  {} matches", per_event(cold.0), cold.1);
    println!("  mimamori, values remembered     {:8.2}  {} matches", per_event(warm.0), warm.1);
    let names = ["plain", "told the log source", "cross-rule index", "both"];
    for (name, (_, _, (ns, matches))) in names.iter().zip(&other) {
        println!("  rsigma, {name:24}{:8.2}  {matches} matches", per_event(*ns));
    }
    let best = other.iter().map(|(_, _, (ns, _))| *ns).min().unwrap_or(0);
    println!("  nothing remembered / rsigma's fastest {:.3}", cold.0 as f64 / best as f64);
}
