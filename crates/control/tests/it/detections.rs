//! Detections: alerts folded exactly as the lake has them, people's steps, risk.

use case::detection::{Status, Verdict};
use case::risk::{HALF_LIFE_NS, points};
use control::fixture::{Program, Scene, alert_on, process_fields};
use control::limits::{DAY_NS, SECOND_NS};
use control::view::detections::{DetectionFilter, RiskOf};
use control::{Actor, ControlError, Language, Role};
use model::{Alert, Clock, Event, EventKind, Level, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An alert of a rule on a new event of a device.
fn alert(scene: &mut Scene, web: bool, at: Timestamp, rule: &str, level: Level) -> (Event, Alert) {
    let program = Program { pid: 7, parent: 1, image: "/usr/bin/curl", arguments: &["curl"] };
    let stream = if web { &mut scene.web } else { &mut scene.db };
    let mut fields = process_fields(stream.enrolled.device, &program);
    fields.set("User", if web { "CORP\\Joe" } else { "NT AUTHORITY\\SYSTEM" });
    let event = stream.event(EventKind::ProcessStart, at, fields);
    let mut alert = alert_on(&event, rule, &format!("Title of {rule}"), level);
    alert.rule_text += "title_ja: '題名'\ntags:\n    - attack.execution\n";
    (event, alert)
}

/// Commits one alert and folds it, as the pipeline does.
async fn happens(scene: &mut Scene, web: bool, rule: &str, level: Level) -> Alert {
    let at = scene.clock.now().plus_nanos(-SECOND_NS);
    let (event, alert) = alert(scene, web, at, rule, level);
    let alerts = [alert.clone()];
    scene.control.alerts_coming(&alerts).await.expect("announced");
    scene.commit(vec![event], alerts.to_vec()).await.expect("committed");
    scene.control.take_alerts(&alerts).await.expect("taken");
    scene.clock.advance_ns(SECOND_NS);
    alert
}

async fn only(scene: &Scene, actor: &Actor) -> control::view::detections::DetectionRow {
    let list = scene.control.detections(actor, &DetectionFilter::default()).await.expect("a list");
    let [row] = list.rows.as_slice() else { panic!("{:?}", list.rows) };
    row.clone()
}

#[tokio::test]
async fn alerts_of_one_rule_fold_into_one_finding_over_devices() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let first = happens(&mut scene, true, "r", Level::Medium).await;
    happens(&mut scene, true, "r", Level::High).await;
    let last = happens(&mut scene, false, "r", Level::Medium).await;
    happens(&mut scene, false, "quiet", Level::Informational).await;
    let row = only(&scene, &actor).await;
    assert_eq!((row.alerts, row.devices, row.level), (3, 2, Level::High));
    assert_eq!(
        (row.first_at, row.last_at, row.sample),
        (first.observed_at, last.observed_at, last.id)
    );
    assert_eq!((row.title.as_str(), row.title_ja.as_str()), ("Title of r", "題名"));
    assert_eq!((row.state.now.status, row.device_name.as_str()), (Status::New, "db-02"));
    let page = scene.control.detection(&actor, &row.id).await.expect("a page");
    let devices: Vec<(&str, u64)> =
        page.devices.iter().map(|one| (one.name.as_str(), one.alerts)).collect();
    assert_eq!(devices, [("db-02", 1), ("web-01", 2)]);
    assert_eq!(page.alerts.len(), 3);
    assert_eq!(page.alerts[0].id, last.id);
    let of = scene.control.detection_of_alert(&actor, first.id).await.expect("found");
    assert_eq!(of, Some(row.id));
    let ocsf = page.row.to_ocsf();
    assert_eq!((&ocsf["class_uid"], &ocsf["type_uid"]), (&2004.into(), &200_401.into()));
    assert_eq!((&ocsf["count"], &ocsf["severity_id"]), (&3.into(), &4.into()));
    assert_eq!(ocsf["finding_info"]["attacks"][0]["tactic"]["name"], "Execution");
    let report = scene.control.audit_verify().await.expect("verified");
    assert!(report.intact(), "{report:?}");
}

#[tokio::test]
async fn alerts_that_come_twice_count_once() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let alert = happens(&mut scene, true, "r", Level::High).await;
    let again = [alert.clone(), alert];
    let taken = scene.control.take_alerts(&again).await.expect("taken");
    assert_eq!((taken.alerts, taken.opened), (0, 0));
    scene.control.catch_up_alerts().await.expect("caught up");
    assert_eq!(only(&scene, &actor).await.alerts, 1);
}

#[tokio::test]
async fn the_way_from_new_to_closed_and_back() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    happens(&mut scene, true, "r", Level::High).await;
    let control = scene.control.clone();
    let row = only(&scene, &actor).await;
    let id = row.id.as_str();
    control.assign_detection(&actor, id, 0, None).await.expect("assigned");
    let refused = control.assign_detection(&actor, id, 0, None).await;
    assert!(matches!(refused, Err(ControlError::Changed { .. })), "{refused:?}");
    assert_eq!(only(&scene, &actor).await.assignee, "administrator");
    let reason = control.close_detection(&actor, id, 1, Verdict::Benign, "  ").await;
    assert!(matches!(reason, Err(ControlError::DetectionRefused(_))), "{reason:?}");
    control.close_detection(&actor, id, 1, Verdict::FalsePositive, "backup").await.expect("closed");
    let open = control.detections(&actor, &DetectionFilter::default()).await.expect("a list");
    assert_eq!(open.rows, []);
    // A new alert opens a new finding that names the earlier one; then the earlier one stays closed.
    happens(&mut scene, true, "r", Level::High).await;
    let newer = only(&scene, &actor).await;
    assert!(newer.id != row.id && newer.alerts == 1);
    let page = control.detection(&actor, &newer.id).await.expect("a page");
    assert_eq!(page.before, Some((row.id.clone(), Some(Verdict::FalsePositive))));
    let earlier = control.detection(&actor, id).await.expect("a page");
    assert_eq!(earlier.later.as_deref(), Some(newer.id.as_str()));
    let refused = control.reopen_detection(&actor, id, 2, "again").await;
    assert!(matches!(refused, Err(ControlError::DetectionRefused(_))), "{refused:?}");
    let refused = control.undo_detection(&actor, id, 2).await;
    assert!(matches!(refused, Err(ControlError::DetectionRefused(_))), "{refused:?}");
    control
        .close_detection(&actor, &newer.id, 0, Verdict::TruePositive, "it was")
        .await
        .expect("closed");
    control.undo_detection(&actor, &newer.id, 1).await.expect("undone");
    assert_eq!(only(&scene, &actor).await.state.now.status, Status::New);
    let counts = control.detection_counts(&actor).await.expect("counts");
    assert_eq!((counts.new, counts.in_progress, counts.closed), (1, 0, 1));
    let causes: Vec<String> = control
        .detection(&actor, &newer.id)
        .await
        .expect("a page")
        .history
        .into_iter()
        .map(|step| step.cause)
        .collect();
    assert_eq!(causes, ["undone", "closed", "opened"]);
    assert!(control.audit_verify().await.expect("verified").intact());
}

#[tokio::test]
async fn who_may_not_work_on_findings_may_not_move_them() {
    let (_folder, mut scene) = empty_scene!();
    let admin = scene.administrator().await.expect("signed in");
    happens(&mut scene, true, "r", Level::High).await;
    let id = only(&scene, &admin).await.id;
    let control = &scene.control;
    let auditor = scene.person("Aki", Role::Auditor, Language::En).await.expect("a person").actor;
    let refused = control.assign_detection(&auditor, &id, 0, None).await;
    assert!(matches!(refused, Err(ControlError::NotPermitted { .. })), "{refused:?}");
    assert!(control.detection(&auditor, &id).await.is_ok());
    let employee =
        scene.person("Sato", Role::Employee, Language::Ja).await.expect("a person").actor;
    for refused in [
        control.detections(&employee, &DetectionFilter::default()).await.map(drop),
        control.detection(&employee, &id).await.map(drop),
        control.detection_counts(&employee).await.map(drop),
        control.risky(&employee, RiskOf::Device, 5).await.map(drop),
    ] {
        assert!(matches!(refused, Err(ControlError::NotPermitted { .. })), "{refused:?}");
    }
    // Nobody who may not work on it is asked to.
    let refused = control.assign_detection(&admin, &id, 0, Some(employee.id())).await;
    assert!(matches!(refused, Err(ControlError::NotFound { .. })), "{refused:?}");
}

#[tokio::test]
async fn risk_adds_up_fades_and_does_not_count_what_was_harmless() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let control = scene.control.clone();
    happens(&mut scene, true, "a", Level::High).await;
    happens(&mut scene, true, "a", Level::High).await;
    happens(&mut scene, true, "b", Level::Critical).await;
    happens(&mut scene, false, "b", Level::Critical).await;
    let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.1, "{found} {wanted}");
    let devices = control.risky(&actor, RiskOf::Device, 10).await.expect("a list");
    let names: Vec<&str> = devices.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["web-01", "db-02"]);
    near(devices[0].score, 160.0);
    near(devices[0].parts.iter().map(|part| part.points).sum(), devices[0].score);
    near(devices[1].score, 100.0);
    // The service account of db-02 is no person.
    let users = control.risky(&actor, RiskOf::User, 10).await.expect("a list");
    assert_eq!(users.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["corp\\joe"]);
    scene.clock.advance_ns(HALF_LIFE_NS);
    near(control.risky(&actor, RiskOf::Device, 1).await.expect("a list")[0].score, 80.0);
    let list = control.detections(&actor, &DetectionFilter::default()).await.expect("a list");
    let critical = &list.rows[0];
    control
        .close_detection(&actor, &critical.id, 0, Verdict::Benign, "drill")
        .await
        .expect("closed");
    let devices = control.risky(&actor, RiskOf::Device, 10).await.expect("a list");
    assert_eq!(devices.len(), 1);
    near(devices[0].score, 30.0);
    control.undo_detection(&actor, &critical.id, 1).await.expect("undone");
    near(control.risky(&actor, RiskOf::Device, 1).await.expect("a list")[0].score, 80.0);
    let all = control.device_risks(&actor).await.expect("scores");
    near(all[&scene.db.enrolled.device], 50.0);
}

/// What the pipeline does with a batch, and where it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Never,
    BeforeCommit,
    BeforeTaking,
    /// Taken, but the pipeline did not hear of it.
    AfterTaking,
}

type Batch = (Vec<(bool, u8, u8, u8)>, Ends);

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let alert = (any::<bool>(), 0u8..3, 0u8..5, 0u8..40);
    let ends = prop::sample::select(vec![
        Ends::Never,
        Ends::Never,
        Ends::BeforeCommit,
        Ends::BeforeTaking,
        Ends::AfterTaking,
    ]);
    prop::collection::vec((prop::collection::vec(alert, 0..4), ends), 1..8)
}

const LEVELS: [Level; 5] =
    [Level::Informational, Level::Low, Level::Medium, Level::High, Level::Critical];

/// Counts of folded alerts by rule and device, from the lake itself.
async fn of_lake(scene: &Scene) -> BTreeMap<(String, String), u64> {
    let sql = "SELECT rule_id, device, count(*) FROM alert WHERE level <> 'informational' GROUP BY rule_id, device";
    let table = scene.lake.query(sql, 1_000).await.expect("counts");
    let text = |value: &model::Value| value.as_text().unwrap_or_default().to_owned();
    let row = |row: &Vec<model::Value>| {
        ((text(&row[0]), text(&row[1])), row[2].as_int().unwrap_or(0).unsigned_abs())
    };
    table.rows.iter().map(row).collect()
}

async fn of_detections(scene: &Scene, actor: &Actor) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    for status in Status::ALL {
        let filter = DetectionFilter { status: Some(status), ..DetectionFilter::default() };
        for row in scene.control.detections(actor, &filter).await.expect("a list").rows {
            let page = scene.control.detection(actor, &row.id).await.expect("a page");
            let sum: u64 = page.devices.iter().map(|one| one.alerts).sum();
            assert_eq!((sum, page.devices.len() as u64), (row.alerts, row.devices));
            for one in page.devices {
                *counts.entry((row.rule_id.clone(), one.device.to_string())).or_default() +=
                    one.alerts;
            }
        }
    }
    counts
}

async fn run(batches: Vec<Batch>) {
    let Some(place) = crate::Place::new(super::DATABASE).await else { return };
    let mut scene = Scene::empty_at(place.path(), &place.store).await.expect("a scene");
    let actor = scene.administrator().await.expect("signed in");
    let begin = scene.clock.now();
    let mut naive: Vec<(String, Timestamp, Level)> = Vec::new();
    for (given, ends) in batches {
        scene.clock.advance_ns(DAY_NS);
        let (mut events, mut alerts) = (Vec::new(), Vec::new());
        for (web, rule, level, late) in given {
            let at = scene.clock.now().plus_nanos(-i64::from(late) * DAY_NS / 4);
            let level = LEVELS[usize::from(level)];
            let (event, mut alert) = alert(&mut scene, web, at, &format!("rule-{rule}"), level);
            alert.detected_at = scene.clock.now();
            events.push(event);
            alerts.push(alert);
        }
        scene.control.alerts_coming(&alerts).await.expect("announced");
        if ends == Ends::BeforeCommit {
            // The agent sends the same again: the sequence numbers are still free.
            for event in &events {
                let stream = if event.device == scene.web.enrolled.device {
                    &mut scene.web
                } else {
                    &mut scene.db
                };
                stream.next_seq = stream.next_seq.min(event.stream.seq);
            }
            scene.control.catch_up_alerts().await.expect("caught up");
            continue;
        }
        scene.commit(events, alerts.clone()).await.expect("committed");
        naive.extend(alerts.iter().map(|one| (one.device.to_string(), one.observed_at, one.level)));
        if ends != Ends::BeforeTaking {
            scene.control.take_alerts(&alerts).await.expect("taken");
        }
        if ends != Ends::Never {
            scene.control.catch_up_alerts().await.expect("caught up");
        }
    }
    assert_eq!(of_detections(&scene, &actor).await, of_lake(&scene).await);
    // No score is more than the sum of all its alerts, none of them repeated, and its parts add up to it.
    let now = scene.clock.now();
    for of in [RiskOf::Device, RiskOf::User] {
        for row in scene.control.risky(&actor, of, 100).await.expect("a list") {
            let parts: f64 = row.parts.iter().map(|part| part.points).sum();
            assert!((parts - row.score).abs() < 1e-6 + 0.1 * 20.0, "{row:?}");
            if of == RiskOf::Device {
                let own = naive.iter().filter(|(device, ..)| *device == row.entity);
                let most: f64 = own
                    .map(|(_, at, level)| {
                        let age = (now.nanos() - at.nanos()) as f64 / HALF_LIFE_NS as f64;
                        points(*level) * 0.5f64.powf(age)
                    })
                    .sum();
                assert!(row.score <= most + 1e-6, "{row:?} {most}");
            }
        }
    }
    assert!(begin <= now);
}

#[test]
fn p4_findings_count_what_the_lake_holds_whenever_the_server_is_killed() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut runner = proptest::test_runner::TestRunner::new(proptest::test_runner::Config {
        cases: 16,
        failure_persistence: None,
        ..Default::default()
    });
    runner
        .run(&batches(), |batches| {
            runtime.block_on(run(batches));
            Ok(())
        })
        .expect("counts agree");
}

#[tokio::test]
async fn what_is_old_is_removed_in_small_steps_and_open_findings_stay() {
    let (place, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let control = scene.control.clone();
    control.keep_detections(89).expect_err("risk is not over");
    control.keep_detections(100).expect("a choice");
    for _ in 0..3 {
        happens(&mut scene, true, "open", Level::High).await;
        happens(&mut scene, true, "closed", Level::High).await;
    }
    let list = control.detections(&actor, &DetectionFilter::default()).await.expect("a list");
    let closed = list.rows.iter().find(|row| row.rule_id == "closed").expect("one").clone();
    let open = list.rows.iter().find(|row| row.rule_id == "open").expect("one").clone();
    control.close_detection(&actor, &closed.id, 0, Verdict::Benign, "drill").await.expect("closed");
    scene.clock.advance_ns(99 * DAY_NS);
    let newer = happens(&mut scene, true, "closed", Level::Low).await;
    control.tick().await.expect("ticked");
    assert_eq!(control.detections_removed(), control::Removed::default(), "nothing is so old");
    scene.clock.advance_ns(2 * DAY_NS);
    // By the clock it is old now, and by the newest alert it is not: the clock may be wrong.
    control.tick().await.expect("ticked");
    assert_eq!(control.detections_removed(), control::Removed::default());
    happens(&mut scene, false, "other", Level::Low).await;
    control.tick().await.expect("ticked");
    assert_eq!(control.detections_removed(), control::Removed { alerts: 6, detections: 1 });
    assert_eq!(crate::number(&place, "SELECT COUNT(*) FROM detection_alert").await, 2);
    // The open one has its counts; the closed one is gone, and who comes from the newer one is not sent to it.
    let row = control.detection(&actor, &open.id).await.expect("a page").row;
    assert_eq!((row.alerts, row.devices), (3, 1));
    let gone = control.detection(&actor, &closed.id).await;
    assert!(matches!(gone, Err(ControlError::NotFound { .. })), "{gone:?}");
    let of = control.detection_of_alert(&actor, newer.id).await.expect("asked").expect("folded");
    assert_eq!(control.detection(&actor, &of).await.expect("a page").before, None);
    assert_eq!(
        crate::number(&place, "SELECT COUNT(*) FROM audit WHERE action = 'detections_removed'")
            .await,
        1
    );
    assert!(control.audit_verify().await.expect("verified").intact());
    // Nothing comes back, and nothing is counted twice.
    control.tick().await.expect("ticked");
    control.catch_up_alerts().await.expect("caught up");
    assert_eq!(control.detection(&actor, &open.id).await.expect("a page").row.alerts, 3);
    assert_eq!(control.detections_removed(), control::Removed { alerts: 6, detections: 1 });
    // Risk of whoever has nothing left to be blamed for is gone with it.
    let parts = crate::number(&place, "SELECT COUNT(*) FROM risk_part").await;
    assert_eq!(parts, 5, "open and newer on device and user, other on its device");
}

#[tokio::test]
async fn what_a_crash_left_behind_is_not_removed_before_it_is_taken() {
    let (place, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let control = scene.control.clone();
    happens(&mut scene, true, "r", Level::High).await;
    // The server is killed between the lake's commit and the taking, and starts again long after.
    let at = scene.clock.now();
    let (event, mut left) = alert(&mut scene, true, at, "r", Level::High);
    left.detected_at = at;
    control.alerts_coming(std::slice::from_ref(&left)).await.expect("announced");
    scene.commit(vec![event], vec![left]).await.expect("committed");
    // What came after it was taken: catching up will meet it again.
    let (event, mut taken) = alert(&mut scene, true, at, "r", Level::High);
    taken.detected_at = at.plus_nanos(SECOND_NS);
    scene.commit(vec![event], vec![taken.clone()]).await.expect("committed");
    control.take_alerts(&[taken]).await.expect("taken");
    scene.clock.advance_ns(1_000 * DAY_NS);
    let now = scene.clock.now();
    let (event, mut newest) = alert(&mut scene, false, now, "other", Level::Low);
    newest.detected_at = now;
    scene.commit(vec![event], vec![newest.clone()]).await.expect("committed");
    control.take_alerts(&[newest]).await.expect("taken");
    control.tick().await.expect("ticked");
    let kept = crate::number(&place, "SELECT COUNT(*) FROM detection_alert").await;
    assert_eq!(kept, 2, "what catching up will meet is kept");
    control.catch_up_alerts().await.expect("caught up");
    let list = control.detections(&actor, &DetectionFilter::default()).await.expect("a list");
    let of = |rule: &str| list.rows.iter().find(|row| row.rule_id == rule).map(|row| row.alerts);
    assert_eq!((of("r"), of("other")), (Some(3), Some(1)));
    control.tick().await.expect("ticked");
    assert_eq!(control.detections_removed().alerts, 3);
    control.catch_up_alerts().await.expect("caught up");
    let list = control.detections(&actor, &DetectionFilter::default()).await.expect("a list");
    assert_eq!(list.rows.iter().map(|row| row.alerts).sum::<u64>(), 4, "none is counted twice");
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_while_hides_no_alert_after_a_crash() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let control = scene.control.clone();
    let now = scene.clock.now();
    let (event, mut ahead) = alert(&mut scene, true, now, "r", Level::High);
    ahead.detected_at = now.plus_nanos(300 * DAY_NS);
    scene.commit(vec![event], vec![ahead.clone()]).await.expect("committed");
    control.take_alerts(&[ahead]).await.expect("taken");
    // The clock is right again; the announcement fails and the server is killed before the taking.
    let (event, mut lost) = alert(&mut scene, true, now, "r", Level::High);
    lost.detected_at = now;
    scene.commit(vec![event], vec![lost]).await.expect("committed");
    assert_eq!(control.catch_up_alerts().await.expect("caught up").alerts, 1);
    assert_eq!(only(&scene, &actor).await.alerts, 2);
}

#[tokio::test]
async fn a_device_with_a_mad_clock_is_neither_the_newest_for_ever_nor_harmless() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let control = scene.control.clone();
    for years in [-50, 40] {
        let now = scene.clock.now();
        let at = now.plus_nanos(years * 365 * DAY_NS);
        let (event, mut mad) = alert(&mut scene, true, at, "r", Level::Critical);
        mad.detected_at = now;
        scene.commit(vec![event], vec![mad.clone()]).await.expect("committed");
        control.take_alerts(&[mad]).await.expect("taken");
        scene.clock.advance_ns(SECOND_NS);
    }
    // 1976 counts as a month old and 2066 as of now.
    let score = control.risky(&actor, RiskOf::Device, 1).await.expect("a list")[0].score;
    assert!(score > 50.0 && score < 110.0, "{score}");
    let newest = happens(&mut scene, false, "r", Level::Low).await;
    let row = only(&scene, &actor).await;
    assert_eq!((row.sample, row.alerts), (newest.id, 3));
    assert!(row.last_at <= scene.clock.now(), "{row:?}");
    let page = control.detection(&actor, &row.id).await.expect("a page");
    assert_eq!(page.alerts.len(), 3, "all of them are found in the lake");
    assert_eq!(page.alerts[0].id, newest.id);
}
