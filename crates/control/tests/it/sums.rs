//! The first page, a device's page, and the sums.

use control::ControlError;
use control::limits::{HOUR_NS, MINUTE_NS, SECOND_NS};
use control::view::TimeRange;
use lake::{Advance, Commit};
use model::{Class, Clock, Counters, DeviceId, EventKind, Family, Fields, Level, LostReason};

#[tokio::test]
async fn today_sums_up_the_day() {
    let (_folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let today = scene.control.today(&actor).await.expect("today");
    let families =
        [(Family::Agent, 16), (Family::Process, 6), (Family::File, 1), (Family::Network, 1)];
    assert_eq!(today.events_by_family, families);
    assert_eq!(today.alerts_by_level, [(Level::High, 1), (Level::Low, 1)]);
    assert_eq!(today.streams.len(), 2);
    assert!(today.streams.iter().all(control::view::StreamSums::agree));
    assert_eq!(today.classes.len(), 2 * Class::ALL.len());
    assert!(today.classes.iter().all(|class| class.counters.seen == 10), "the newest counters");
    assert_eq!(today.lost.len(), 2);
    assert_eq!(today.lost[0].lost.reason, LostReason::SourceOverflow);
    assert_eq!((today.rules_loaded, today.rules_refused.len()), (2, 1));
    assert!(today.lake_lag_ns.is_some_and(|lag| lag > 45 * MINUTE_NS && lag < HOUR_NS));
    let web = today.devices.iter().find(|device| device.name == "web-01").expect("the device");
    assert_eq!(web.not_recorded, "file: fanotify is not permitted");
    assert_eq!(web.not_recorded_ja, "ファイル: fanotify が拒否されました。");
    assert!(web.last_seen_at.is_some());
    assert_eq!(web.agent, scene.web.enrolled.agent);

    scene.clock.advance_ns(25 * HOUR_NS);
    let actor = scene.administrator().await.expect("signed in");
    let later = scene.control.today(&actor).await.expect("today");
    assert_eq!((later.events_by_family.len(), later.alerts_by_level.len()), (0, 0));
    assert_eq!(later.lost.len(), 0);
    assert_eq!(later.classes.len(), 6, "counters of yesterday are still the newest");
}

#[tokio::test]
async fn an_empty_installation_has_a_first_page() {
    let (_folder, scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let today = scene.control.today(&actor).await.expect("today");
    assert_eq!(today.lake_lag_ns, None);
    assert_eq!(today.devices.len(), 2);
    assert!(today.devices.iter().all(|device| device.last_seen_at.is_none()));
    let audit = scene.control.audit_events().await.expect("audited");
    assert!(audit.agrees() && audit.streams.is_empty());
}

#[tokio::test]
async fn a_devices_page_holds_its_own_and_nothing_else() {
    let (_folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let now = scene.clock.now();
    let range = TimeRange { from: now.plus_nanos(-2 * HOUR_NS), to: now };
    let (web, db) = (scene.web.enrolled.device, scene.db.enrolled.device);
    let page = scene.control.device(&actor, web, range, None).await.expect("the device");
    assert_eq!(page.device.name, "web-01");
    assert_eq!((page.streams.len(), page.streams[0].agent), (1, scene.web.enrolled.agent));
    assert_eq!((page.classes.len(), page.lost.len(), page.alerts.len()), (3, 1, 2));
    assert_eq!(page.timeline.total, 10);
    assert!(page.timeline.rows.iter().all(|row| row.device == web));
    let page = scene.control.device(&actor, db, range, None).await.expect("the device");
    assert_eq!((page.timeline.total, page.alerts.len()), (2, 0));
    let unknown = DeviceId::from_bits(1);
    let outcome = scene.control.device(&actor, unknown, range, None).await;
    assert!(matches!(outcome, Err(ControlError::NotFound { .. })));
}

#[tokio::test]
async fn p3_declared_gaps_agree_and_vanished_events_do_not() {
    let (_folder, mut scene) = scene!();
    let audit = scene.control.audit_events().await.expect("audited");
    assert!(audit.agrees(), "{audit:?}");
    assert_eq!((audit.streams.len(), audit.classes.len(), audit.lost.len()), (2, 6, 2));
    assert_eq!(audit.streams.iter().map(|stream| stream.counted).sum::<u64>(), 24);

    // A gap that is declared: the sums agree.
    let agent = scene.web.enrolled.agent;
    let (epoch, first) = (scene.web.epoch, scene.web.next_seq);
    let lost = vec![(first, first + 4, LostReason::Quota)];
    let advance = Advance { agent, epoch, first, last: first + 4, lost };
    let committed_at = scene.clock.now();
    let commit = Commit { advances: vec![advance], committed_at, ..Commit::default() };
    scene.lake.commit(commit).await.expect("committed");
    scene.web.next_seq += 5;
    let audit = scene.control.audit_events().await.expect("audited");
    assert!(audit.agrees(), "{audit:?}");

    // Counters that do not add up: one was seen and is nowhere.
    let counters =
        Counters { seen: 3, submitted: 2, received: 2, emitted: 2, ..Counters::default() };
    let at = scene.clock.now().plus_nanos(-SECOND_NS);
    let event = scene.web.observed(counters.to_observation(Class::Process, at));
    scene.commit(vec![event], vec![]).await.expect("committed");
    let audit = scene.control.audit_events().await.expect("audited");
    assert!(!audit.agrees());
    let wrong: Vec<_> =
        audit.classes.iter().filter(|class| !class.disagreements.is_empty()).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!((wrong[0].sums.agent, wrong[0].sums.class), (agent, Class::Process));
}

#[tokio::test]
async fn p4_rows_that_are_missing_from_the_files_are_noticed() {
    let (folder, mut scene) = empty_scene!();
    let at = scene.clock.now().plus_nanos(-SECOND_NS);
    let fields: Fields = [("Image", "/bin/x")].into_iter().collect();
    let event = scene.web.event(EventKind::ProcessStart, at, fields);
    scene.commit(vec![event], vec![]).await.expect("committed");
    assert!(scene.control.audit_events().await.expect("audited").agrees());
    let moved = crate::tamper_catalog(folder.path()).await;
    assert_eq!(moved, 1, "the position claims one more row than there is");
    let audit = scene.control.audit_events().await.expect("audited");
    assert!(!audit.agrees(), "{audit:?}");
}
