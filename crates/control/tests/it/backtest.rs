//! Looking back: the past answers what the stream told, and an alert is judged again.

use control::backtest::{BacktestQuery, Ground, LookBack, look_back};
use control::fixture::{Program, Scene, process_fields};
use control::limits::{DAY_NS, HOUR_NS, SECOND_NS};
use control::verify::verify_alert;
use control::view::TimeRange;
use control::view::backtest::{Backtest, LookedBack, RuleInForce};
use control::{Actor, ControlError, Language, Permission, Role};
use detect::{CompileOptions, Correlator, RuleSource, Scratch};
use model::{Alert, AlertId, Clock, Event, EventKind, Fields, Timestamp, Value};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const RULES: &str = r#"
title: Download by curl
id: curl
level: high
logsource: {product: linux, category: process_creation}
detection:
  selection: {Image|endswith: /curl, CommandLine|contains|all: [' -s ', http]}
  condition: selection
---
title: Anything of a service user outside of cron
id: service-user
level: low
logsource: {product: linux}
detection:
  selection: {User: www-data}
  cron: {ParentImage|endswith: /cron}
  condition: selection and not cron
---
title: Keyword
id: keyword
level: low
logsource: {product: linux}
detection: {words: [x.sh, zebra], condition: words}
---
title: Field against field
id: two-fields
level: low
logsource: {product: linux}
detection: {s: {Image|fieldref|endswith: Shell}, condition: s}
---
title: What has no column
id: outside
level: low
logsource: {product: linux}
detection: {s: {Shell|re: 'ba.h', Numbers: 7}, gone: {Nothing: null}, condition: s and gone}
---
title: Not for root
id: filter
logsource: {product: linux}
filter: {rules: [service-user], root: {UserId: 0}, condition: not root}
"#;

const CORRELATION: &str = r"
title: Many starts
id: starts
level: low
logsource: {product: linux, category: process_creation}
detection: {s: {Image|startswith: /usr/}, condition: s}
---
title: Many starts of one parent
id: many
level: high
correlation: {type: event_count, rules: [starts], group-by: [ParentProcessId], timespan: 1m, condition: {gte: 3}}
";

fn query(scene: &Scene, text: &str) -> BacktestQuery {
    let to = scene.clock.now().plus_nanos(SECOND_NS);
    BacktestQuery {
        rule_text: text.to_owned(),
        filters: Vec::new(),
        range: TimeRange { from: to.plus_nanos(-DAY_NS), to },
        time_zone: "Asia/Tokyo".to_owned(),
        samples_max: 10_000,
    }
}

async fn answer(scene: &Scene, actor: &Actor, text: &str) -> LookedBack {
    match scene.control.backtest(actor, query(scene, text)).await.expect("looked back") {
        Backtest::Answered(answer) => *answer,
        Backtest::Refused(refused) => panic!("{refused:?}"),
    }
}

/// Events of every shape, in several commits and families.
async fn everything(scene: &mut Scene) -> Vec<Event> {
    let mut all = Vec::new();
    for round in 0..6_i64 {
        let begin = scene.clock.now().plus_nanos(-HOUR_NS + round * 20 * SECOND_NS);
        let mut events = Vec::new();
        for number in 0..40_i64 {
            let at = begin.plus_nanos(number * SECOND_NS / 4);
            let images = ["/usr/bin/curl", "/usr/bin/bash", "/opt/tool", "/usr/sbin/cron"];
            let image = images[usize::try_from((number + round) % 4).expect("small")];
            let arguments = ["a", "-s", "http://203.0.113.7/x.sh"];
            let program = Program { pid: number, parent: number % 3, image, arguments: &arguments };
            let stream = if number % 2 == 0 { &mut scene.web } else { &mut scene.db };
            let mut fields = process_fields(stream.enrolled.device, &program);
            if number % 5 == 0 {
                fields.set("ParentImage", "/usr/sbin/cron");
                fields.set("UserId", Value::Int(0));
            }
            if number % 7 == 0 {
                fields.set("Shell", "bash");
                fields.set("Numbers", Value::List(vec![Value::Int(7), Value::Null]));
                fields.set("Nested", Value::Map(vec![("zebra".to_owned(), "stripes".into())]));
            }
            if number % 11 == 0 {
                fields.set("User", Value::Null);
                fields.set("ProcessId", "0x10");
            }
            let kinds = [EventKind::ProcessStart, EventKind::FileCreate, EventKind::NetworkConnect];
            let kind = kinds[usize::try_from(number % 3).expect("small")];
            events.push(stream.event(kind, at, fields));
        }
        events.push(scene.web.event(EventKind::Other, begin, Fields::new()));
        all.extend(events.clone());
        scene.commit(events, Vec::new()).await.expect("committed");
    }
    all
}

/// What the stream tells of these events.
fn live(text: &str, events: &[Event]) -> Vec<Alert> {
    let sources = [RuleSource { name: "rule", text }];
    let compiled = detect::compile(sources, &CompileOptions::default());
    assert_eq!(compiled.refused, []);
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let mut scratch = Scratch::default();
    let mut alerts = Vec::new();
    for event in events {
        let mut matches = compiled.rules.evaluate_with(event, &mut scratch);
        let told = state.observe(event, &matches);
        matches.retain(|found| !compiled.correlations.silences(&found.rule.id));
        alerts.extend(matches.into_iter().map(|found| found.into_alert(event, event.received_at)));
        alerts.extend(told.into_iter().map(|found| found.into_alert(event.received_at)));
    }
    alerts
}

fn ids<'a>(alerts: impl Iterator<Item = &'a AlertId>) -> BTreeSet<String> {
    alerts.map(ToString::to_string).collect()
}

#[tokio::test]
async fn replay_equals_live() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let mut events = everything(&mut scene).await;
    events.sort_by_key(|event| (event.received_at, event.stream));
    for text in [RULES, CORRELATION] {
        let told = live(text, &events);
        let answer = answer(&scene, &actor, text).await;
        assert!(answer.complete && answer.events_left_out == 0);
        assert_eq!(answer.events, events.len() as u64);
        assert_eq!(answer.hits, told.len() as u64);
        assert_eq!(
            ids(answer.samples.iter().map(|sample| &sample.alert)),
            ids(told.iter().map(|alert| &alert.id))
        );
        for sample in &answer.samples {
            let alert = told.iter().find(|alert| alert.id == sample.alert).expect("told");
            assert_eq!((&alert.why, alert.stream), (&sample.why, sample.key));
        }
        for rule in &answer.rules {
            let hits = told.iter().filter(|alert| alert.rule_id == rule.id).count();
            assert_eq!(rule.hits, hits as u64, "{}", rule.id);
            let silent = text == CORRELATION && rule.id == "starts";
            assert_eq!(hits == 0, silent, "{} tests nothing", rule.id);
        }
        assert_eq!(answer.days.iter().map(|(_, hits)| hits).sum::<u64>(), answer.hits);
        assert_eq!(answer.devices.iter().map(|device| device.hits).sum::<u64>(), answer.hits);
    }
}

#[tokio::test]
async fn values_are_counted_and_what_repeats_is_proposed_as_an_exclusion_that_works() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let events = everything(&mut scene).await;
    let text = "title: T\nid: t\nlevel: low\nlogsource: {product: linux}\ndetection: {s: {Image|startswith: /}, condition: s}\n";
    let answer = answer(&scene, &actor, text).await;
    let image = answer.fields.iter().find(|field| field.field == "Image").expect("counted");
    assert!(image.asked);
    let of = |image: &str| {
        events.iter().filter(|event| event.fields.text("Image") == Some(image)).count() as u64
    };
    for (value, hits) in &image.values {
        assert_eq!(*hits, of(value), "{value}");
    }
    assert_eq!(image.distinct, 4);
    let proposed = answer.exclusions.iter().find(|one| one.field == "Image").expect("proposed");
    assert_eq!(proposed.hits, of(&proposed.value));
    let mut with_filter = query(&scene, text);
    with_filter.filters = vec![proposed.text.clone()];
    let again = scene.control.backtest(&actor, with_filter).await.expect("looked back");
    let Backtest::Answered(again) = again else { panic!("{again:?}") };
    assert_eq!(again.hits, answer.hits - proposed.hits);
}

#[tokio::test]
async fn a_refused_text_says_line_cause_and_remedy_and_bounds_hold() {
    let (_folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let text = "title: T\nlogsource: {product: linux}\ndetection:\n  s: {Image|nosuch: a}\n  condition: s\n";
    let outcome = scene.control.backtest(&actor, query(&scene, text)).await.expect("answered");
    let Backtest::Refused(refused) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused[0].line, Some(4));
    assert!(refused[0].reason.en.contains("nosuch") && !refused[0].remedy.en.is_empty());

    for text in ["", "title: T\n", "\u{0}", "- a\n", "filter: {}\n"] {
        let outcome = scene.control.backtest(&actor, query(&scene, text)).await.expect("answered");
        assert!(matches!(outcome, Backtest::Refused(all) if !all.is_empty()), "{text:?}");
    }
    let mut backwards = query(&scene, RULES);
    backwards.range.to = backwards.range.from;
    let outcome = scene.control.backtest(&actor, backwards).await;
    assert!(matches!(outcome, Err(ControlError::BadQuery(_))));
    let mut long = query(&scene, RULES);
    long.filters = vec!["#".repeat(2 << 20)];
    let outcome = scene.control.backtest(&actor, long).await;
    assert!(matches!(outcome, Err(ControlError::BadQuery(_))));
}

#[test]
fn analysts_look_back_and_auditors_only_read_rules() {
    let may = |role: Role, permission| role.permissions().contains(&permission);
    assert!(may(Role::Analyst, Permission::EditRules));
    assert!(may(Role::Auditor, Permission::ReadRules));
    assert!(!may(Role::Auditor, Permission::EditRules));
    assert!(!may(Role::Reviewer, Permission::ReadRules));
}

#[tokio::test]
async fn an_alert_is_judged_again_and_a_false_one_is_found() {
    let (_folder, mut scene) = empty_scene!();
    let events = everything(&mut scene).await;
    let mut alerts = live(RULES, &events);
    // One that nobody could have raised, and one whose event is not in the lake.
    let mut forged = alerts[0].clone();
    forged.id = AlertId::from_bits(7);
    forged.why[0].pattern = "another".to_owned();
    let mut lost = alerts[0].clone();
    lost.id = AlertId::from_bits(8);
    lost.stream.seq += 1_000_000;
    alerts.extend([forged, lost]);
    let event = scene.web.event(EventKind::Other, scene.clock.now(), Fields::new());
    scene.commit(vec![event], alerts.clone()).await.expect("committed");
    let mut rules = BTreeSet::new();
    for alert in &alerts[..alerts.len() - 2] {
        if !rules.insert(alert.rule_id.clone()) {
            continue;
        }
        let verified =
            verify_alert(&scene.lake, alert.id, &Default::default()).await.expect("verified");
        assert!(verified.agrees() && verified.event_stored, "{verified:?}");
        let case = verified.test_case().expect("a case that holds");
        assert!(case.contains("expect: match") && case.contains(&alert.rule_id), "{case}");
        let explanation = verified.explanation.expect("explained");
        assert!(explanation.verdict && !explanation.leaves.is_empty());
    }
    assert_eq!(rules.len(), 5);
    let forged = verify_alert(&scene.lake, AlertId::from_bits(7), &Default::default())
        .await
        .expect("judged");
    assert!(!forged.agrees());
    assert!(forged.test_case().is_ok(), "the rule itself still matches");
    let lost = verify_alert(&scene.lake, AlertId::from_bits(8), &Default::default())
        .await
        .expect("judged");
    assert!(lost.agrees() && !lost.event_stored);
    let unknown = verify_alert(&scene.lake, AlertId::from_bits(9), &Default::default()).await;
    assert!(matches!(unknown, Err(ControlError::NotFound { .. })));
}

/// A clock on which a minute passes whenever somebody looks.
struct Hasty(AtomicU64);

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(0)
    }
    fn monotonic_ns(&self) -> u64 {
        self.0.fetch_add(31_000_000_000, Ordering::Relaxed)
    }
}

#[tokio::test]
async fn p9_a_look_back_that_takes_too_long_ends_and_says_so() {
    let (_folder, mut scene) = empty_scene!();
    let events = everything(&mut scene).await;
    let clock = Arc::new(Hasty(AtomicU64::new(0)));
    let outcome = look_back(&scene.lake, clock, query(&scene, RULES)).await.expect("answered");
    let Backtest::Answered(answer) = outcome else { panic!("{outcome:?}") };
    assert!(!answer.complete);
    assert!(answer.events < events.len() as u64, "{}", answer.events);
}

#[tokio::test]
async fn a_look_back_tells_while_it_runs_and_gives_way_to_the_next() {
    let (_folder, mut scene) = empty_scene!();
    everything(&mut scene).await;
    let hunter = scene.administrator().await.expect("signed in");
    let other = scene.person("Other", Role::Analyst, Language::En).await.expect("a person").actor;
    let whole = answer(&scene, &hunter, RULES).await;
    let control = &scene.control;
    let patience = std::time::Duration::from_secs(60);
    let first = control.begin_backtest(&hunter, query(&scene, RULES)).await.expect("begun");
    let so_far = control.backtest_so_far(&hunter, &first, patience).await.expect("an answer");
    assert!(so_far.finished);
    assert!(so_far.looked_at == so_far.of && so_far.of >= whole.events);
    let Some(Backtest::Answered(mut answered)) = so_far.answer else { panic!("no answer") };
    answered.took_ns = whole.took_ns;
    assert_eq!(*answered, whole);
    // At once there is an answer or not yet one, never an error and never too much.
    let second = control.begin_backtest(&hunter, query(&scene, RULES)).await.expect("begun");
    let at_once = std::time::Duration::ZERO;
    let so_far = control.backtest_so_far(&hunter, &second, at_once).await.expect("so far");
    if let Some(Backtest::Answered(answered)) = so_far.answer {
        assert!(answered.hits <= whole.hits && (so_far.finished || !answered.complete));
    }
    for (actor, id) in [(&hunter, &first), (&other, &second)] {
        let refused = control.backtest_so_far(actor, id, patience).await;
        assert!(matches!(refused, Err(ControlError::NotFound { .. })), "{refused:?}");
    }
    let broken = query(&scene, "title: x");
    let third = control.begin_backtest(&other, broken).await.expect("begun");
    let so_far = control.backtest_so_far(&other, &third, patience).await.expect("refused");
    assert!(matches!(so_far.answer, Some(Backtest::Refused(_))));
    let second = control.backtest_so_far(&hunter, &second, patience).await.expect("its own");
    assert!(second.finished, "another person's look back ends nothing");
}

#[tokio::test]
async fn keywords_and_fields_that_are_compared_read_no_event_whole() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let events = everything(&mut scene).await;
    for detection in [
        "{words: [stripes, '203.0.113.7/X.SH'], condition: words}",
        "{same: {Image|fieldref: ParentImage}, condition: same}",
        "{words: bash, same: {Image|fieldref|endswith: ParentImage}, condition: not words and same}",
    ] {
        let text = format!(
            "title: T\nid: t\nlevel: low\nlogsource: {{product: linux, category: process_creation}}\n\
             detection: {detection}\n"
        );
        let answer = answer(&scene, &actor, &text).await;
        assert_eq!(answer.hits, live(&text, &events).len() as u64, "{detection}");
        assert!(answer.hits > 0 && answer.events_read == 0, "{detection}: {answer:?}");
    }
}

/// Rules in use as files hold them: the rule of [`CORRELATION`] by name with a filter, a correlation over it, one that
/// is stopped, and one that nobody refers to.
const IN_USE: &str = r"
title: Many starts
id: 0c8e4bd4-6a4b-4b0c-9d67-000000000001
name: starts
level: low
logsource: {product: linux, category: process_creation}
detection: {s: {Image|startswith: /usr/}, condition: s}
---
title: Other starts
id: opt
level: low
logsource: {product: linux, category: process_creation}
detection: {s: {Image|startswith: /opt/}, condition: s}
---
title: Not of cron
id: not-cron
logsource: {product: linux}
filter: {rules: [starts, opt], cron: {ParentImage|endswith: /cron}, condition: not cron}
---
title: Both at once
id: both
level: medium
correlation: {type: temporal, rules: [starts, opt], group-by: [ParentProcessId], timespan: 1m}
---
title: Ended
id: ended
status: deprecated
level: low
logsource: {product: linux}
detection: {s: {Image: /bin/x}, condition: s}
---
title: Of nobody's interest, though it speaks of starts
id: other
level: low
logsource: {product: linux}
detection: {s: {Image|startswith: /}, condition: s}
";

/// The correlation alone, as somebody edits it.
fn over(rules: &str) -> String {
    format!(
        "---\ntitle: Edited\nid: edited\nlevel: high\ncorrelation: {{type: event_count, rules: [{rules}], \
         group-by: [ParentProcessId], timespan: 1m, condition: {{gte: 3}}}}\n"
    )
}

#[tokio::test]
async fn a_correlation_is_tried_over_rules_in_use_as_if_they_stood_in_its_text() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let mut events = everything(&mut scene).await;
    events.sort_by_key(|event| (event.received_at, event.stream));
    let refused = scene.control.backtest(&actor, query(&scene, &over("starts"))).await;
    assert!(matches!(refused, Ok(Backtest::Refused(_))), "nothing is in use yet: {refused:?}");
    let sources = [RuleSource { name: "in-use.yml", text: IN_USE }];
    let compiled = detect::compile(sources, &CompileOptions::default());
    assert_eq!(compiled.refused, []);
    let rules = RuleInForce::of(&compiled);
    scene.control.show_rules(rules.clone());
    for name in ["starts", "0c8e4bd4-6a4b-4b0c-9d67-000000000001", "both", "starts, both"] {
        let edited = over(name);
        let mut told = live(&format!("{IN_USE}{edited}"), &events);
        told.retain(|alert| alert.rule_id == "edited");
        assert_ne!(told.len(), 0, "{name}");
        let found = answer(&scene, &actor, &edited).await;
        assert!(found.complete && found.remarks.is_empty(), "{:?}", found.remarks);
        let hits = found.rules.iter().find(|rule| rule.id == "edited").expect("listed").hits;
        assert_eq!(hits, told.len() as u64, "{name}");
        let shown = found.samples.iter().filter(|sample| sample.rule_id == "edited");
        assert_eq!(ids(shown.map(|sample| &sample.alert)), ids(told.iter().map(|it| &it.id)));
        assert!(!found.rules.iter().any(|rule| rule.id == "other"), "nobody referred to it");
    }
    // What the text holds itself takes the place of what is in use.
    let own = format!("{}{}", IN_USE.split("---\n").next().expect("a rule"), over("starts"));
    let changed = own.replace("/usr/", "/usr/bin/");
    let told = live(&changed, &events);
    let told = told.iter().filter(|alert| alert.rule_id == "edited").count();
    let found = answer(&scene, &actor, &changed).await;
    assert_eq!(found.hits, told as u64);
    for (name, reason) in [("ended", "ended"), ("nowhere", "nowhere")] {
        let outcome = scene.control.backtest(&actor, query(&scene, &over(name))).await;
        let Ok(Backtest::Refused(refused)) = outcome else { panic!("{outcome:?}") };
        assert!(format!("{refused:?}").contains(reason), "{refused:?}");
    }
    // The command line says what is in use itself.
    let rules = rules.into_iter().map(Arc::new).collect();
    let ground = Ground { rules, ..Ground::default() };
    let clock = Arc::new(Hasty(AtomicU64::new(0)));
    let asked = query(&scene, &over("starts"));
    let look = LookBack::prepare(&scene.lake, clock, asked, ground).await.expect("prepared");
    assert!(look.is_ok(), "the rules are known");
}

#[tokio::test]
async fn a_look_back_that_is_ended_answers_with_what_it_has_seen() {
    let (_folder, mut scene) = empty_scene!();
    everything(&mut scene).await;
    let prepare = || async {
        let clock: Arc<dyn Clock> = Arc::clone(&scene.clock) as Arc<dyn Clock>;
        let look = LookBack::prepare(&scene.lake, clock, query(&scene, RULES), Ground::default());
        look.await.expect("prepared").expect("loads")
    };
    let look = prepare().await;
    let (before, of) = look.progress();
    assert!(before == 0 && of > 0);
    let whole = look.answer().await.expect("answered");
    assert!(whole.complete && look.progress() == (of, of));
    let look = prepare().await;
    look.end();
    let ended = look.answer().await.expect("answered");
    assert!(!ended.complete && ended.events == 0, "{ended:?}");
    assert_eq!(look.progress(), (0, of));
}
