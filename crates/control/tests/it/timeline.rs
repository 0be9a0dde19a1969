//! The story of an attack.

use control::fixture::{Program, alert_on, process_fields, process_guid};
use control::limits::{MINUTE_NS, TIMELINE_EVENTS_MAX};
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
