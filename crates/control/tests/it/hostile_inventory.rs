//! What a device, or somebody who owns one, may do to the inventory of all: each fault that was found has its test.

use crate::on_device::{Reporter, all, base, extension, own, package, person, program, sign_in};
use crate::{number, tamper};
use case::finding::{Closing, Status};
use control::limits::{DAY_NS, FINDING_LETTERS_PER_DAY_MAX, MINUTE_NS};
use control::view::findings::FindingRow;
use control::view::requests::{Form, Kind, Outcome, Ruling, Scope};
use control::{Principal, Role};
use model::Event;
use model::inventory::{InventoryItem, InventoryMessage, SoftwareSource};

const DPKG: SoftwareSource = SoftwareSource::Dpkg;
const EXECUTED: SoftwareSource = SoftwareSource::Executed;

#[tokio::test]
async fn one_device_that_cannot_be_stored_does_not_stop_the_others() {
    let (place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut web = Reporter::new(&scene);
    let mut db = Reporter { scene: &scene, stream: scene.db.clone(), looks: 0 };
    web.send(&[InventoryMessage::Added { item: program("/home/a/tool") }]).await;
    // What is stored of one device is damaged: every look at that device fails.
    assert_eq!(tamper(&place, "UPDATE finding SET state = '{'").await, 1);
    let events: Vec<Event> = vec![
        web.event(&InventoryMessage::Added { item: program("/home/a/other") }),
        db.event(&InventoryMessage::Added { item: program("/home/b/tool") }),
    ];
    let intake = scene.control.take_inventory(&events).await.expect("an answer");
    assert_eq!((intake.taken, intake.opened, intake.refused.len()), (1, 1, 1), "{intake:?}");
    assert_eq!(intake.refused[0].device, scene.web.enrolled.device);
    assert_eq!(number(&place, "SELECT COUNT(*) FROM finding WHERE state <> '{'").await, 1);
    // The stream goes on behind it, and the reason stands with the device.
    let again = scene.control.take_inventory(&events).await.expect("an answer");
    assert_eq!((again.known, again.refused.len()), (2, 0));
    let shown = scene.control.device_inventory(&analyst, scene.web.enrolled.device).await;
    let shown = shown.expect("the device");
    assert!(shown.refused[0].reason.contains("could not be stored"), "{:?}", shown.refused);
    assert!(!shown.sources[0].confirmed);
}

#[tokio::test]
async fn keys_that_a_database_would_refuse_are_kept_under_their_digest() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    // Nothing that can be compressed: an index entry of PostgreSQL takes 2,700 bytes.
    let mut state = 7u64;
    let long: String = (0..4_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + u8::try_from((state >> 33) % 90).expect("small"))
        })
        .collect();
    let items: Vec<InventoryItem> = ["/home/a/\u{0}", "/home/a/\u{fffd}", long.as_str()]
        .into_iter()
        .map(|key| InventoryItem { key: key.to_owned(), ..program("/home/a/tool") })
        .collect();
    let mut messages: Vec<InventoryMessage> =
        items.iter().map(|item| InventoryMessage::Added { item: item.clone() }).collect();
    messages.push(device.summary(EXECUTED, &items));
    assert_eq!(device.send(&messages).await.refused, []);
    let id = scene.web.enrolled.device;
    let shown = scene.control.device_inventory(&analyst, id).await.expect("the device");
    assert_eq!((shown.items.len(), shown.sources[0].confirmed), (3, true));
    let full = device.full(EXECUTED, &items);
    assert_eq!(device.send(&full).await.refused, []);
    // They go as they came.
    let mut messages: Vec<InventoryMessage> =
        items.iter().map(|item| InventoryMessage::Removed { item: item.clone() }).collect();
    messages.push(device.summary(EXECUTED, &[]));
    device.send(&messages).await;
    let findings = all(&scene, &analyst).await;
    assert_eq!(findings[0].closing, Some(Closing::Removed), "{findings:?}");
}

#[tokio::test]
async fn a_snapshot_of_what_is_known_proves_what_was_said_to_be_removed() {
    let (place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    let known = base(20);
    device.send_full(&known).await;
    let new = package("newcomer", "1");
    device.send(&[InventoryMessage::Added { item: new.clone() }]).await;
    device.send(&[InventoryMessage::Removed { item: new }]).await;
    assert_eq!(all(&scene, &analyst).await[0].status, Status::Open);
    let before =
        number(&place, "SELECT CAST(SUM(seen_order) AS BIGINT) FROM installed WHERE gone = 0")
            .await;
    scene.clock.advance_ns(MINUTE_NS);
    device.send_full(&known).await;
    assert_eq!(all(&scene, &analyst).await[0].closing, Some(Closing::Removed));
    let after = number(&place, "SELECT CAST(SUM(seen_order) AS BIGINT) FROM installed").await;
    assert_eq!(before, after, "no row was written again");
    assert_eq!(number(&place, "SELECT COUNT(*) FROM staged_item").await, 0);
}

#[tokio::test]
async fn what_is_gone_one_by_one_and_then_as_a_snapshot_is_held_back_all_the_same() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    let mut items = base(60);
    device.send_full(&items).await;
    items.push(package("newcomer", "1"));
    device.send_full(&items).await;
    let rest = items.split_off(30);
    let removed: Vec<InventoryMessage> =
        rest.into_iter().map(|item| InventoryMessage::Removed { item }).collect();
    device.send(&removed).await;
    device.send_full(&items).await;
    assert_eq!(all(&scene, &analyst).await[0].status, Status::Open, "half of it is gone at once");
    device.send_full(&items).await;
    assert_eq!(all(&scene, &analyst).await[0].closing, Some(Closing::Removed), "said twice");
}

#[tokio::test]
async fn devices_of_one_batch_are_each_judged_for_themselves() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut web = Reporter::new(&scene);
    let mut db = Reporter { scene: &scene, stream: scene.db.clone(), looks: 0 };
    let mut events: Vec<Event> = Vec::new();
    for device in [&mut web, &mut db] {
        let messages = device.full(DPKG, &base(5));
        events.extend(messages.iter().map(|message| device.event(message)));
        events.push(device.event(&InventoryMessage::Added { item: package("newcomer", "1") }));
    }
    let intake = scene.control.take_inventory(&events).await.expect("taken");
    assert_eq!((intake.taken, intake.opened), (14, 2));
    let mut devices: Vec<_> =
        all(&scene, &analyst).await.into_iter().map(|row| row.device).collect();
    devices.sort();
    let mut expected = vec![scene.web.enrolled.device, scene.db.enrolled.device];
    expected.sort();
    assert_eq!(devices, expected);
    let state = scene.control.inventory_state(&analyst).await.expect("the state");
    assert_eq!(state.devices_learned, 2);
}

#[tokio::test]
async fn a_manager_who_left_is_told_nothing_and_the_draft_comes_back() {
    let (place, scene) = empty_scene!();
    let control = &scene.control;
    let boss = person(&scene, "部長", Role::Employee, None).await;
    let owner = person(&scene, "田中", Role::Employee, Some("部長")).await;
    let analyst = person(&scene, "佐藤", Role::Analyst, None).await;
    own(&scene, scene.web.enrolled.device, &owner).await;
    let mut device = Reporter::new(&scene);
    let item = program("/home/tanaka/tool");
    device.send(&[InventoryMessage::Added { item: item.clone() }]).await;
    let id = all(&scene, &scene.administrator().await.expect("an actor")).await[0].id.clone();
    control.send_draft(&analyst, &id, "お願い", "削除をお願いします").await.expect("sent");
    control.disable_person(Principal::Machine, boss.id()).await.expect("disabled");
    for _ in 0..16 {
        scene.clock.advance_ns(DAY_NS / 2);
        let summary = device.summary(EXECUTED, std::slice::from_ref(&item));
        device.send(&[summary]).await;
        control.tick().await.expect("a tick");
    }
    let told = "SELECT COUNT(*) FROM finding_message WHERE channel = 'manager'";
    assert_eq!(number(&place, told).await, 0);
    let analyst = sign_in(&scene, analyst.id()).await;
    control.draft_message(&analyst, &id).await.expect("somebody writes again");
}

#[tokio::test]
async fn what_was_permitted_to_one_person_alone_ends_when_that_person_leaves() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let analyst = scene.administrator().await.expect("an actor");
    let rita = person(&scene, "rita", Role::Employee, None).await;
    let anna = person(&scene, "anna", Role::Reviewer, None).await;
    own(&scene, scene.web.enrolled.device, &rita).await;
    let mut device = Reporter::new(&scene);
    device.send_full(&base(3)).await;
    let nothing = device.full(SoftwareSource::Chromium, &[]);
    device.send(&nothing).await;
    let id = "abcdefghijklmnopabcdefghijklmnop";
    let item = extension(id, "Page Painter Pro", "1.0");
    let summary = device.summary(SoftwareSource::Chromium, std::slice::from_ref(&item));
    device.send(&[InventoryMessage::Added { item }, summary]).await;
    let form = Form {
        name: "Page Painter Pro".into(),
        extension_id: id.into(),
        purpose: "説明資料を作るため".into(),
        ..Form::default()
    };
    let request = control.begin_request(&rita, Kind::Extension, &form).await.expect("a draft");
    control.submit_request(&rita, &request).await.expect("submitted");
    let finding = all(&scene, &analyst).await[0].id.clone();
    control.link_request(&rita, &finding, &request).await.expect("linked");
    control.gather_evidence().await.expect("gathered");
    control.answer_rest_with_no(&anna, &request).await.expect("answered");
    let ruling = Ruling {
        outcome: Outcome::Approve,
        scope: Scope { people: vec![rita.id().to_owned()], ..Scope::default() },
        reason: "needed".into(),
        conditions: Vec::new(),
        valid_until: None,
        unknown_accepted: true,
    };
    control.decide_request(&anna, &request, None, &ruling).await.expect("decided");
    control.tick().await.expect("ticked");
    assert_eq!(all(&scene, &analyst).await[0].closing, Some(Closing::Approved));
    control.disable_person(Principal::Machine, rita.id()).await.expect("disabled");
    control.tick().await.expect("ticked");
    let open = |rows: Vec<FindingRow>| rows.iter().filter(|row| row.closing.is_none()).count();
    assert_eq!(open(all(&scene, &analyst).await), 1, "of the title that it is now");
    control.enable_person(Principal::Machine, rita.id()).await.expect("enabled");
    control.tick().await.expect("ticked");
    assert_eq!(open(all(&scene, &analyst).await), 0);
}

#[tokio::test]
async fn who_runs_hundreds_of_own_programs_gets_a_few_messages_and_one_that_says_so() {
    let (place, scene) = empty_scene!();
    let control = &scene.control;
    let owner = person(&scene, "田中", Role::Employee, None).await;
    own(&scene, scene.web.enrolled.device, &owner).await;
    let mut device = Reporter::new(&scene);
    let messages: Vec<InventoryMessage> = (0..60)
        .map(|number| InventoryMessage::Added {
            item: program(&format!("/home/tanaka/target/test-{number}")),
        })
        .collect();
    assert_eq!(device.send(&messages).await.opened, 60);
    scene.clock.advance_ns(20 * MINUTE_NS);
    control.tick().await.expect("a tick");
    let most = usize::try_from(FINDING_LETTERS_PER_DAY_MAX).expect("small");
    let sent = control.my_messages(&owner).await.expect("messages");
    assert_eq!(sent.len(), most + 1);
    // Where "My PC" has the finding.
    let links = sent.iter().flat_map(|message| &message.buttons);
    assert!(links.clone().all(|button| button.link.starts_with("/pc#f-")), "{sent:?}");
    assert_eq!(links.count(), 3 * most);
    control.tick().await.expect("a tick");
    assert_eq!(control.my_messages(&owner).await.expect("messages").len(), most + 1);
    let told = "SELECT COUNT(*) FROM finding WHERE status = 'notified'";
    assert_eq!(number(&place, told).await, 60, "each of them waits for an answer on My PC");
}
