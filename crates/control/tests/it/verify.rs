//! Alerts of correlations judged again from the stored events.

use control::fixture::Scene;
use control::limits::SECOND_NS;
use control::verify::{Verification, verify_alert};
use detect::{CompileOptions, Correlator, RuleSource};
use model::{Alert, Clock, Event, EventKind, Fields};
use std::sync::Arc;

const RULE: &str = "title: Id\nid: id\nname: id\nlevel: low\nlogsource: {product: linux, category: process_creation}\n\
     detection: {s: {Image|endswith: /id}, condition: s}\n";

fn correlated(inner: &str) -> String {
    format!("{RULE}---\ntitle: Many\nid: many\nlevel: high\ncorrelation: {{{inner}}}\n")
}

/// Events of `web-01`, one a second, each with program and user.
fn events(scene: &mut Scene, all: &[(&str, &str)]) -> Vec<Event> {
    let begin = scene.clock.now().plus_nanos(-100 * SECOND_NS);
    let mut at = 0;
    let mut event = |(image, user): &(&str, &str)| {
        at += 1;
        let fields: Fields = [("Image", *image), ("User", *user)].into_iter().collect();
        scene.web.event(EventKind::ProcessStart, begin.plus_nanos(at * SECOND_NS), fields)
    };
    all.iter().map(&mut event).collect()
}

/// What the engine tells of events in their order.
fn alerts(text: &str, events: &[Event], scene: &Scene) -> Vec<Alert> {
    let compiled =
        detect::compile([RuleSource { name: "t.yml", text }], &CompileOptions::default());
    assert_eq!(compiled.refused, []);
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let mut found = Vec::new();
    for event in events {
        found.extend(state.observe(event, &compiled.rules.evaluate(event)));
    }
    found.extend(state.finish());
    found.into_iter().map(|found| found.into_alert(scene.clock.now())).collect()
}

async fn verified(inner: &str, change: impl Fn(&mut Vec<Event>, &mut Vec<Alert>)) -> Verification {
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::empty(folder.path()).await.expect("a scene");
    let (id, ls) = ("/usr/bin/id", "/usr/bin/ls");
    let mut events =
        events(&mut scene, &[(id, "joe"), (ls, "joe"), (id, "ann"), (id, "Joe"), (id, "joe")]);
    let mut alerts = alerts(&correlated(inner), &events, &scene);
    assert_eq!(alerts.len(), 1);
    change(&mut events, &mut alerts);
    let id = alerts[0].id;
    scene.commit(events, alerts).await.expect("committed");
    verify_alert(&scene.lake, id, &Default::default()).await.expect("judged again")
}

const COUNT: &str =
    "type: event_count, rules: [id], group-by: [User], timespan: 1m, condition: {gte: 3}";

#[tokio::test]
async fn an_alert_of_a_correlation_is_replayed_and_agrees() {
    for inner in
        [COUNT, "type: value_count, rules: [id], timespan: 1m, condition: {field: User, gte: 2}"]
    {
        let verified = verified(inner, |_, _| {}).await;
        assert!(verified.agrees(), "{inner}: {verified:?}");
        let replay = verified.replay.expect("replayed");
        assert_eq!(replay.gone, 0);
        assert!(replay.found.is_some());
    }
}

#[tokio::test]
async fn an_alert_that_says_more_than_its_events_disagrees() {
    let verified = verified(COUNT, |_, alerts| {
        for why in &mut alerts[0].why {
            if why.selection == "condition" {
                why.value = Some("7".to_owned());
            }
        }
    })
    .await;
    assert!(!verified.agrees() && verified.unverifiable.is_none());
    assert_eq!(verified.disagreements, ["the alert says 7, the window has 3"]);
    let other = self::verified(COUNT, |events, _| {
        // One of the counted events was another program.
        events[3].fields.set("Image", "/usr/bin/true");
    })
    .await;
    assert!(!other.agrees() && other.unverifiable.is_none(), "{other:?}");
}

#[tokio::test]
async fn without_its_events_nobody_can_say() {
    let verified = verified(COUNT, |_, alerts| {
        for why in &mut alerts[0].why {
            if let (true, Some(value)) = (why.selection == "event", &mut why.value) {
                let (stream, _) = value.rsplit_once('/').expect("a stream and a number");
                *value = format!("{stream}/9999");
            }
        }
    })
    .await;
    let reason = verified.unverifiable.clone().expect("cannot be said");
    assert!(reason.contains("no longer in the lake"), "{reason}");
    assert!(!verified.agrees());
}

/// An alert does not keep what its lists held; that is no disagreement.
#[tokio::test]
async fn an_alert_of_a_rule_with_a_list_is_judged_by_the_list_of_now_or_not_at_all() {
    const WITH_LIST: &str = "title: L\nid: l\nlevel: low\nlogsource: {product: linux, category: process_creation}\n\
         detection: {s: {Image|expand: '%tools%'}, condition: s}\n";
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::empty(folder.path()).await.expect("a scene");
    let tools = |value: &str| {
        std::collections::BTreeMap::from([("tools".to_owned(), vec![value.to_owned()])])
    };
    let options = CompileOptions { lists: tools("/usr/bin/id"), ..CompileOptions::default() };
    let compiled = detect::compile([RuleSource { name: "l.yml", text: WITH_LIST }], &options);
    assert_eq!(compiled.refused, []);
    let events = events(&mut scene, &[("/usr/bin/id", "joe")]);
    let found = compiled.rules.evaluate(&events[0]).remove(0);
    let alert = found.into_alert(&events[0], scene.clock.now());
    let id = alert.id;
    scene.commit(events, vec![alert]).await.expect("committed");
    let now = verify_alert(&scene.lake, id, &tools("/usr/bin/id")).await.expect("judged");
    assert!(now.agrees(), "{now:?}");
    for lists in [tools("/usr/bin/ls"), Default::default()] {
        let other = verify_alert(&scene.lake, id, &lists).await.expect("judged");
        let reason = other.unverifiable.clone().expect("cannot be said");
        assert!(reason.contains("lists") && other.disagreements.is_empty(), "{reason}");
    }
}
