//! The story of an attack.

use control::fixture::{Program, alert_on, process_fields, process_guid};
use control::limits::{MINUTE_NS, TIMELINE_ALERTS_MAX, TIMELINE_EVENTS_MAX};
use control::view::TimeRange;
use model::{Clock as _, EventKind, Fields, Level};

/// A process that does more than a story has room for, an alert on the first of it, and one on a program that was
/// found: their events stand in the story all the same.
#[tokio::test]
async fn a_busy_process_hides_no_event_of_an_alert() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let device = scene.web.enrolled.device;
    let begin = scene.clock.now().plus_nanos(-10 * MINUTE_NS);
    let program =
        Program { pid: 7, parent: 1, image: "/opt/busy", arguments: &["busy", "--everywhere"] };
    let start = scene.web.event(EventKind::ProcessStart, begin, process_fields(device, &program));
    let mut events = vec![start];
    for number in 0..=i64::try_from(TIMELINE_EVENTS_MAX).expect("small") {
        let mut fields = Fields::new();
        fields.set("Image", "/opt/busy");
        fields.set("ProcessGuid", process_guid(device, 7));
        fields.set("DestinationIp", "203.0.113.7");
        fields.set("DestinationPort", number);
        let at = begin.plus_nanos(1_000_000 * (number + 1));
        events.push(scene.web.event(EventKind::NetworkConnect, at, fields));
    }
    let mut found = Fields::new();
    found.set("SoftwareName", "busy");
    found.set("SoftwareSource", "executed");
    events.push(scene.web.event(EventKind::SoftwareAdded, begin.plus_nanos(MINUTE_NS), found));
    let alerts: Vec<_> = [0, 1, events.len() - 1]
        .into_iter()
        .map(|place| alert_on(&events[place], &format!("rule-{place}"), "Busy", Level::High))
        .collect();
    scene.commit(events, alerts.clone()).await.expect("committed");
    scene.control.take_alerts(&alerts).await.expect("taken");

    let range = TimeRange { from: begin.plus_nanos(-MINUTE_NS), to: scene.clock.now() };
    let story = scene.control.timeline(&actor, &[device], range).await.expect("told");
    assert!(story.truncated, "not every connection has room");
    let told: Vec<_> = story
        .stages
        .iter()
        .flat_map(|stage| &stage.entries)
        .filter(|entry| !entry.alerts.is_empty())
        .map(|entry| entry.event.as_ref().map(|event| event.kind))
        .collect();
    let expected =
        [EventKind::ProcessStart, EventKind::NetworkConnect, EventKind::SoftwareAdded].map(Some);
    assert_eq!(told, expected);
}

/// More alerts than one timeline shows: each stands in exactly one of the parts, also those of one instant.
#[tokio::test]
async fn a_long_story_is_told_in_parts_that_leave_nothing_out() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let device = scene.web.enrolled.device;
    let begin = scene.clock.now().plus_nanos(-10 * MINUTE_NS);
    let (mut events, mut alerts) = (Vec::new(), Vec::new());
    for number in 0..i64::try_from(TIMELINE_ALERTS_MAX).expect("small") * 5 / 2 {
        let mut fields = Fields::new();
        fields.set("TargetFilename", format!("/srv/{number}.lock"));
        // Seven of them in one instant, as a burst is.
        let at = begin.plus_nanos(number / 7 * 1_000_000);
        let event = scene.web.event(EventKind::FileRename, at, fields);
        alerts.push(alert_on(&event, &format!("rule-{}", number % 3), "Lock", Level::High));
        events.push(event);
    }
    scene.commit(events, alerts.clone()).await.expect("committed");
    let whole = TimeRange { from: begin.plus_nanos(-MINUTE_NS), to: scene.clock.now() };
    let (mut range, mut shown, mut parts) = (whole, Vec::new(), 0);
    loop {
        let story = scene.control.timeline(&actor, &[device], range).await.expect("told");
        parts += 1;
        assert!(!story.truncated);
        let entries = story.stages.iter().flat_map(|stage| &stage.entries);
        for entry in entries {
            assert!((story.range.from..story.range.to).contains(&entry.at));
            assert!(entry.event.is_some());
            shown.extend(entry.alerts.iter().map(|alert| alert.id.to_string()));
        }
        let Some(earlier) = story.earlier else { break };
        assert_eq!((earlier.from, earlier.to), (whole.from, story.range.from));
        range = earlier;
    }
    assert_eq!(parts, 3);
    let mut all: Vec<String> = alerts.iter().map(|alert| alert.id.to_string()).collect();
    all.sort();
    shown.sort();
    assert_eq!(shown, all);
}
