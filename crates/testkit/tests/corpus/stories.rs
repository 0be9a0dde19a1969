//! Attack stories (`demo/*.ndjson`) through our own rules and correlations: each stage is noticed, by the
//! rules that the story names and in that order, and what is ordinary asks for nobody.
//!
//! `UPDATE_EXPECT=1` writes what was found into the stories; read the difference before you keep it.

use crate::{compiled, files_below, pack::own_rules, root};
use decode::Story;
use detect::{Compiled, Correlator, Rule, Scratch};
use model::{AgentId, DeviceId, EpochId, Event, Level, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// 2026-05-18 09:00 in Tokyo.
const BEGIN: Timestamp = Timestamp::from_nanos(1_779_062_400_000_000_000);

/// Name, text and content of each story.
fn stories() -> Vec<(String, String, Story)> {
    let files = crate::read_all(files_below(&root().join("demo"), ".ndjson"));
    let story = |(path, text): (String, String)| {
        let story = Story::parse(&text).unwrap_or_else(|err| panic!("{path}: {err}"));
        (path, text, story)
    };
    files.into_iter().map(story).collect()
}

fn events(story: &Story) -> Vec<(Option<usize>, Event)> {
    let identity = |place: usize| {
        let bits = place as u128 + 1;
        (DeviceId::from_bits(bits), AgentId::from_bits(bits), EpochId::from_bits(1))
    };
    story.events(BEGIN, identity)
}

/// Place in the pack (`windows/office_macro/macro_engine_loaded`) and level of each alert, in order, with
/// the stage of its event.
fn alerts(
    compiled: &Compiled,
    events: &[(Option<usize>, Event)],
) -> Vec<(Option<usize>, String, Level)> {
    let mut correlator = Correlator::new(Arc::clone(&compiled.correlations));
    let mut scratch = Scratch::default();
    let mut all = Vec::new();
    for (stage, event) in events {
        let matches = compiled.rules.evaluate_with(event, &mut scratch);
        let correlated = correlator.observe(event, &matches);
        let own = matches.iter().filter(|it| !compiled.correlations.silences(&it.rule.id));
        let own = own.map(|found| &found.rule).chain(correlated.iter().map(|found| &found.rule));
        all.extend(own.map(|rule| (*stage, place(&rule.source_name), rule.level)));
    }
    all
}

fn place(source_name: &str) -> String {
    let (_, place) = source_name.rsplit_once("/rules/").expect("a rule lies in the pack");
    place.trim_end_matches(".yml").to_owned()
}

/// Each once, in the order in which they first come.
fn once(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(name.clone())).collect()
}

/// The story's lines with what was found in place of what was expected.
fn updated(text: &str, found: &[Vec<String>]) -> String {
    let mut stages = found.iter();
    let line = |line: &str| {
        if !line.starts_with("{\"stage\"") {
            return format!("{line}\n");
        }
        let names = stages.next().expect("a stage for each line");
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let (before, _) = line.split_once("\"alerts\":").expect("has alerts");
        format!("{before}\"alerts\":[{}]}}\n", names.join(","))
    };
    text.lines().map(line).collect()
}

#[test]
fn each_stage_of_each_story_is_noticed_by_the_rules_that_it_names() {
    let compiled = compiled(&own_rules());
    let stories = stories();
    assert!(stories.len() >= 9, "{}", stories.len());
    let mut wrong = Vec::new();
    for (path, text, story) in &stories {
        let alerts = alerts(&compiled, &events(story));
        let found: Vec<Vec<String>> = (0..story.stages.len())
            .map(|stage| {
                let own = alerts.iter().filter(|(of, _, _)| *of == Some(stage));
                once(own.map(|(_, name, _)| name.clone()))
            })
            .collect();
        for (stage, found) in story.stages.iter().zip(&found) {
            if found.is_empty() {
                wrong.push(format!("{path}: {}: no rule noticed it", stage.title));
            } else if stage.alerts != *found {
                wrong.push(format!("{path}: {}: {found:?}", stage.title));
            }
        }
        for (stage, name, level) in &alerts {
            if stage.is_none() && *level > Level::Low {
                wrong.push(format!("{path}: an ordinary event raises {name}"));
            }
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, updated(text, &found)).expect("story can be written");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Base rules of everyday events serve correlations only: each of them alone would be thousands a day.
#[test]
fn everyday_events_that_correlations_count_raise_no_alerts_of_their_own() {
    let compiled = compiled(&own_rules());
    for name in [
        "windows_logon_failed",
        "windows_logon_succeeded",
        "windows_logons_failed_in_series",
        "windows_accounts_failed_in_series",
        "windows_document_written",
        "windows_connection_to_administration_port",
        "windows_file_copied_by_hand_to_other_drive",
        "linux_user_file_renamed",
    ] {
        let named = |rule: &&Arc<Rule>| rule.name.as_deref() == Some(name);
        let rules = compiled.rules.rules().iter();
        let rule = rules.chain(compiled.correlations.rules()).find(named);
        let id = &rule.unwrap_or_else(|| panic!("{name} is not there")).id;
        assert!(compiled.correlations.silences(id), "{name}");
    }
}

/// Three thousand events of Windows machines on an ordinary day, half a second apart.
#[test]
fn an_ordinary_day_raises_nothing_above_low() {
    let compiled = compiled(&own_rules());
    let mut events = testkit::everyday::events(20_260_518, 3_000);
    for (event, half_seconds) in events.iter_mut().zip(0_i64..) {
        event.observed_at = Timestamp::from_nanos(BEGIN.nanos() + half_seconds * 500_000_000);
    }
    let events: Vec<_> = events.into_iter().map(|event| (None, event)).collect();
    let mut found = alerts(&compiled, &events);
    found.retain(|(_, _, level)| *level > Level::Low);
    assert_eq!(found, []);
}

/// An attack is not lost among a thousand ordinary events of the same machine.
#[test]
fn noise_changes_nothing_about_what_a_story_raises() {
    let compiled = compiled(&own_rules());
    for (path, _, story) in stories() {
        let quiet = events(&story);
        let mut loud = quiet.clone();
        let step = story.length_ns() / 1_000;
        for (mut event, number) in testkit::everyday::events(7, 1_000).into_iter().zip(0_i64..) {
            event.device = DeviceId::from_bits(1);
            event.stream.agent = AgentId::from_bits(99);
            event.observed_at = Timestamp::from_nanos(BEGIN.nanos() + step * number);
            loud.push((None, event));
        }
        loud.sort_by_key(|(_, event)| event.observed_at);
        let of_story = |events: &[(Option<usize>, Event)]| {
            let mut found = alerts(&compiled, events);
            found.retain(|(stage, _, _)| stage.is_some());
            found
        };
        assert_eq!(of_story(&loud), of_story(&quiet), "{path}");
    }
}
