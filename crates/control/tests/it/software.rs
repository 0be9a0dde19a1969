//! Inventory, exclusions, findings, their ladder of messages, and "My PC".

use crate::number;
use crate::on_device::{Reporter, all, base, own, package, person, program, sign_in};
use case::exclusion::Class;
use case::finding::{Answer, Closing, Kind, Status};
use case::judgement::Verdict;
use case::predicate::{Operator, Predicate};
use control::limits::{DAY_NS, HOUR_NS, MINUTE_NS};
use control::view::findings::{FindingFilter, FindingRow, NewExclusion, SoftwareFilter};
use control::view::requests::{Form, Kind as RequestKind, Outcome, Ruling, Scope};
use control::{AnswerNext, ControlError, Role};
use model::EventKind;
use model::inventory::{InventoryItem, InventoryMessage, SoftwareSource};

#[tokio::test]
async fn what_was_there_is_learned_and_what_is_new_is_found_until_it_is_proved_gone() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    let mut items = base(20);
    device.send_full(&items).await;
    assert_eq!(all(&scene, &analyst).await, [], "what was there before is the baseline");
    let state = scene.control.inventory_state(&analyst).await.expect("the state");
    assert_eq!((state.devices_learned, state.baseline_subjects, state.unconfirmed), (1, 20, 0));

    let new = package("newcomer", "2.0");
    items.push(new.clone());
    let messages = [
        InventoryMessage::Added { item: new.clone() },
        device.summary(SoftwareSource::Dpkg, &items),
    ];
    let before = device.stream.clone();
    assert_eq!(device.send(&messages).await.opened, 1);
    let [found] = <[FindingRow; 1]>::try_from(all(&scene, &analyst).await).expect("one finding");
    assert_eq!(
        (found.kind, found.status, &*found.name),
        (Kind::Unapproved, Status::Open, "newcomer")
    );

    // The same batch again changes nothing.
    let mut again = Reporter { scene: &scene, stream: before, looks: device.looks };
    let intake = again.send(&messages).await;
    assert_eq!((intake.known, intake.taken, intake.opened), (2, 0, 0));

    // Said to be removed, and nobody looked yet.
    items.pop();
    device.send(&[InventoryMessage::Removed { item: new.clone() }]).await;
    assert_eq!(all(&scene, &analyst).await[0].status, Status::Open);
    // A look that does not agree with what we know proves nothing.
    let doubtful = device.summary(SoftwareSource::Dpkg, &base(19));
    device.send(&[doubtful]).await;
    assert_eq!(all(&scene, &analyst).await[0].status, Status::Open);
    scene.clock.advance_ns(MINUTE_NS);
    let sound = device.summary(SoftwareSource::Dpkg, &items);
    assert_eq!(device.send(&[sound]).await.closed, 1);
    let row = all(&scene, &analyst).await.remove(0);
    assert_eq!((row.status, row.closing), (Status::Resolved, Some(Closing::Removed)));
    let page = scene.control.finding(&analyst, &row.id).await.expect("the page");
    assert!(page.history.last().expect("an end").detail.contains("dpkg looked at"));

    // It comes back: the same finding, reopened.
    items.push(new.clone());
    device.send(&[InventoryMessage::Added { item: new }]).await;
    let row = all(&scene, &analyst).await.remove(0);
    assert_eq!((row.id, row.status, row.reopened), (page.row.id, Status::Open, 1));
    assert!(scene.control.audit_verify().await.expect("the audit").intact());
}

#[tokio::test]
async fn a_snapshot_that_shrank_is_held_back() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    device.send_full(&base(20)).await;
    let mut items = base(20);
    items.push(package("newcomer", "1"));
    device.send_full(&items).await;
    let small = base(12);
    device.send_full(&small).await;
    assert_eq!(all(&scene, &analyst).await[0].status, Status::Open, "held back");
    let inventory =
        scene.control.device_inventory(&analyst, scene.web.enrolled.device).await.expect("it");
    let source = &inventory.sources[0];
    let held = source.held.as_ref().expect("held");
    assert_eq!((held.items, held.items_before, inventory.items.len()), (12, 21, 21));
    assert!(!source.confirmed && source.reason.contains("a fifth"));
    // The same look repeated is no second one; a second one is.
    device.send_full(&small).await;
    assert_eq!(all(&scene, &analyst).await[0].status, Status::Resolved);

    // The other way: a person says so.
    device.send_full(&base(3)).await;
    let (control, id) = (&scene.control, scene.web.enrolled.device);
    let source = SoftwareSource::Dpkg;
    control.confirm_held_snapshot(&analyst, id, source, "reinstalled").await.expect("confirmed");
    let inventory = control.device_inventory(&analyst, id).await.expect("it");
    assert_eq!((inventory.items.len(), inventory.sources[0].confirmed), (3, true));
    let none = control.confirm_held_snapshot(&analyst, id, source, "again").await;
    assert!(matches!(none, Err(ControlError::NotFound { .. })));
}

#[tokio::test]
async fn a_snapshot_may_come_in_pieces_and_an_incomplete_one_removes_nothing() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    let items = base(30);
    let messages = device.full(SoftwareSource::Dpkg, &items);
    for piece in messages.chunks(7) {
        device.send(piece).await;
    }
    let id = scene.web.enrolled.device;
    let inventory = scene.control.device_inventory(&analyst, id).await.expect("it");
    assert_eq!((inventory.items.len(), inventory.sources[0].confirmed), (30, true));
    // One item is lost on the way: count and digest differ.
    let mut messages = device.full(SoftwareSource::Dpkg, &items);
    messages.remove(3);
    device.send(&messages).await;
    let inventory = scene.control.device_inventory(&analyst, id).await.expect("it");
    assert_eq!((inventory.items.len(), inventory.sources[0].confirmed), (30, false));
}

#[tokio::test]
async fn a_device_speaks_of_itself_only() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    let item = package("newcomer", "1");
    let mut foreign = device.event(&InventoryMessage::Added { item: item.clone() });
    foreign.device = scene.db.enrolled.device;
    let mut claiming = device.event(&InventoryMessage::Added { item });
    claiming.fields.set("Computer", "db-02\u{202e}");
    let intake = scene.control.take_inventory(&[foreign, claiming]).await.expect("an answer");
    assert_eq!((intake.taken, intake.refused.len()), (0, 2));
    assert!(intake.refused.iter().any(|one| one.reason.contains("belongs to another device")));
    assert!(intake.refused.iter().any(|one| one.reason.contains("(db-02)")), "{intake:?}");
    assert_eq!(all(&scene, &analyst).await, []);
    let shown =
        scene.control.device_inventory(&analyst, scene.web.enrolled.device).await.expect("it");
    assert_eq!(shown.refused.len(), 1, "the reason is kept with the device that lied");
}

#[tokio::test]
async fn hostile_texts_are_taken_safely_or_refused_with_the_reason() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    let mut item = program("/home/a/\u{202e}gpj.exe");
    item.name = "zo\u{0}om\u{202e}\u{1b}[2J'; DROP TABLE finding; --".into();
    item.permissions = vec!["\u{0}".into(), "<all_urls>".into()];
    assert_eq!(device.send(&[InventoryMessage::Added { item }]).await.opened, 1);
    let row = all(&scene, &analyst).await.remove(0);
    assert_eq!(row.kind, Kind::Portable);
    let huge = program(&"x".repeat(1 << 20));
    let (kind, fields) = InventoryMessage::Added { item: huge }.kind_and_fields();
    let now = model::Clock::now(&*scene.clock);
    let event = device.stream.event(kind, now, fields);
    let intake = scene.control.take_inventory(&[event]).await.expect("an answer");
    assert!(intake.refused[0].reason.contains("limit"), "{:?}", intake.refused);
    let broken = device.stream.event(EventKind::SoftwareAdded, now, model::Fields::new());
    let intake = scene.control.take_inventory(&[broken]).await.expect("an answer");
    assert_eq!(intake.refused.len(), 1);
    scene.control.finding(&analyst, &row.id).await.expect("the page");
    let filter = SoftwareFilter { words: "%' OR 1=1".into(), ..SoftwareFilter::default() };
    assert_eq!(scene.control.software(&analyst, &filter).await.expect("a list").rows, []);
}

#[tokio::test]
async fn a_program_that_ran_and_vanished_at_once_is_found_all_the_same() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    let item = program("/tmp/dropper");
    let messages = [
        InventoryMessage::Added { item: item.clone() },
        InventoryMessage::Removed { item },
        device.summary(SoftwareSource::Executed, &[]),
    ];
    let intake = device.send(&messages).await;
    assert_eq!((intake.opened, intake.closed), (1, 1));
    assert_eq!(all(&scene, &analyst).await[0].closing, Some(Closing::Removed));
}

#[tokio::test]
async fn the_ladder_of_messages_goes_from_bot_to_person_to_manager() {
    let (place, scene) = empty_scene!();
    let administrator = scene.administrator().await.expect("an actor");
    let boss = person(&scene, "部長", Role::Employee, None).await;
    let owner = person(&scene, "田中", Role::Employee, Some("部長")).await;
    let analyst = person(&scene, "佐藤", Role::Analyst, None).await;
    own(&scene, scene.web.enrolled.device, &owner).await;
    let mut device = Reporter::new(&scene);
    let item = program("/home/tanaka/tool");
    device.send(&[InventoryMessage::Added { item: item.clone() }]).await;
    let mut rungs = Vec::new();
    for _ in 0..40 {
        scene.clock.advance_ns(DAY_NS / 2);
        // The device goes on reporting, so that its clock is not paused.
        let summary = device.summary(SoftwareSource::Executed, std::slice::from_ref(&item));
        device.send(&[summary]).await;
        scene.control.tick().await.expect("a tick");
        let mine = scene.control.my_messages(&owner).await.expect("messages").len();
        rungs.push(mine);
    }
    assert_eq!(rungs.last(), Some(&3), "a notice and two reminders, then a person must write");
    let drafts = FindingFilter { drafts: true, ..FindingFilter::default() };
    let waiting = scene.control.findings(&analyst, &drafts).await.expect("drafts").rows;
    assert_eq!(waiting.len(), 1);
    let id = waiting[0].id.clone();
    let draft = scene.control.draft_message(&analyst, &id).await.expect("a draft");
    assert!(draft.body.contains("佐藤") && draft.to == "田中");
    let body = format!("{}\n追伸", draft.body);
    scene.control.send_draft(&analyst, &id, &draft.subject, &body).await.expect("sent");
    for _ in 0..14 {
        scene.clock.advance_ns(DAY_NS / 2);
        let summary = device.summary(SoftwareSource::Executed, std::slice::from_ref(&item));
        device.send(&[summary]).await;
        scene.control.tick().await.expect("a tick");
    }
    let boss = sign_in(&scene, boss.id()).await;
    assert_eq!(scene.control.my_messages(&boss).await.expect("messages").len(), 1);
    let sent = number(&place, "SELECT COUNT(*) FROM finding_message").await;
    assert_eq!(sent, 5);
    // It is removed at last, and the manager's message earns it.
    device.send(&[InventoryMessage::Removed { item }]).await;
    let summary = device.summary(SoftwareSource::Executed, &[]);
    device.send(&[summary]).await;
    let administrator = sign_in(&scene, administrator.id()).await;
    let from = model::Clock::now(&*scene.clock).plus_nanos(-40 * DAY_NS);
    let metrics = scene.control.finding_metrics(&administrator, from, 60).await.expect("figures");
    let channels: Vec<_> =
        metrics.remedy.iter().map(|row| (row.channel.name(), row.sent, row.remedied)).collect();
    assert_eq!(channels, [("bot", 3, 0), ("person", 1, 0), ("manager", 1, 1)]);
}

#[tokio::test]
async fn the_owner_answers_and_nobody_else() {
    let (_place, scene) = empty_scene!();
    let owner = person(&scene, "田中", Role::Employee, None).await;
    let other = person(&scene, "鈴木", Role::Employee, None).await;
    let analyst = scene.administrator().await.expect("an actor");
    own(&scene, scene.web.enrolled.device, &owner).await;
    let mut device = Reporter::new(&scene);
    let item = program("/home/tanaka/tool");
    device.send(&[InventoryMessage::Added { item: item.clone() }]).await;
    let pc = scene.control.my_pc(&owner).await.expect("my pc");
    let [finding] = pc.findings.as_slice() else { panic!("{pc:?}") };
    assert_eq!(finding.answers, [Answer::RequestNow, Answer::Removed, Answer::NotMine]);
    assert_eq!(scene.control.my_pc(&other).await.expect("my pc").findings, []);
    let foreign = scene.control.answer_finding(&other, &finding.id, Answer::Removed, "").await;
    assert!(matches!(foreign, Err(ControlError::NotFound { .. })));
    let control = &scene.control;
    let answered = control
        .answer_finding(&owner, &finding.id, Answer::RequestNow, "")
        .await
        .expect("answered");
    assert!(matches!(answered.next, AnswerNext::FileRequest { .. }));
    // A finding waits for no request that there is not, nor for somebody else's.
    let form = Form { name: "tool".into(), purpose: "測定".into(), ..Form::default() };
    let form = Form { sha256: "ab".repeat(32), ..form };
    let foreign = control.begin_request(&other, RequestKind::Portable, &form).await.expect("begun");
    let request = control.begin_request(&owner, RequestKind::Portable, &form).await.expect("begun");
    for nothing in ["r1", foreign.as_str(), request.as_str()] {
        let refused = control.link_request(&owner, &finding.id, nothing).await;
        assert!(matches!(refused, Err(ControlError::NotFound { .. })), "{nothing}");
    }
    control.submit_request(&owner, &request).await.expect("submitted");
    control.link_request(&owner, &finding.id, &request).await.expect("linked");
    assert_eq!(all(&scene, &analyst).await[0].status, Status::RequestFiled);
    let late = control.answer_finding(&owner, &finding.id, Answer::Removed, "").await;
    assert!(matches!(late, Err(ControlError::FindingRefused(_))), "{late:?}");
    // Somebody looks, and the owner sees that somebody did.
    control.finding(&analyst, &finding.id).await.expect("the page");
    let looked = control.my_pc(&owner).await.expect("my pc").looked;
    assert_eq!((looked.len(), &*looked[0].action), (1, "finding_opened"));
}

#[tokio::test]
async fn a_silent_device_pauses_the_clock_and_closes_nothing() {
    let (_place, scene) = empty_scene!();
    let owner = person(&scene, "田中", Role::Employee, None).await;
    own(&scene, scene.web.enrolled.device, &owner).await;
    let mut device = Reporter::new(&scene);
    let item = program("/home/tanaka/tool");
    device.send(&[InventoryMessage::Added { item: item.clone() }]).await;
    for _ in 0..60 {
        scene.clock.advance_ns(DAY_NS);
        scene.control.tick().await.expect("a tick");
    }
    let owner = sign_in(&scene, owner.id()).await;
    let analyst = scene.administrator().await.expect("an actor");
    let row = all(&scene, &analyst).await.remove(0);
    assert!(row.stale && row.status == Status::Notified && row.due_at.is_none());
    assert_eq!(scene.control.my_messages(&owner).await.expect("messages").len(), 1);
    let summary = device.summary(SoftwareSource::Executed, &[item]);
    device.send(&[summary]).await;
    scene.control.tick().await.expect("a tick");
    assert!(!all(&scene, &analyst).await[0].stale);
}

#[tokio::test]
async fn the_wizard_clears_the_baseline_and_exclusions_end() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let control = &scene.control;
    let mut device = Reporter::new(&scene);
    let mut items = base(500);
    device.send_full(&items).await;
    let proposals = control.exclusion_proposals(&analyst).await.expect("proposals");
    let narrow = &proposals[0];
    assert_eq!((narrow.items, &*narrow.caution_en), (500, ""));
    let preview = control.preview_exclusion(&analyst, &narrow.exclusion).await.expect("a preview");
    assert_eq!((preview.items, preview.baseline_cleared, preview.findings_closed), (500, 500, 0));
    control.create_exclusion(&analyst, &narrow.exclusion).await.expect("made");
    let state = control.inventory_state(&analyst).await.expect("the state");
    assert_eq!((state.baseline_subjects, state.exclusions, state.to_judge), (0, 1, 0));
    let rows = control.exclusions(&analyst).await.expect("exclusions");
    assert_eq!((rows[0].items, rows[0].hits, rows[0].devices), (500, 500, 1));

    // What is new from the same archive is found; a broader exclusion would cover it.
    let new = package("newcomer", "1");
    items.push(new.clone());
    device.send(&[InventoryMessage::Added { item: new }]).await;
    let now = model::Clock::now(&*scene.clock);
    let broad = NewExclusion {
        class: Class::StandardImage,
        predicate: Predicate::is("publisher", Operator::Equals, "debian maintainers"),
        parent: None,
        reason: "the whole archive".into(),
        expires_at: now.plus_nanos(DAY_NS),
    };
    let preview = control.preview_exclusion(&analyst, &broad).await.expect("a preview");
    assert_eq!((preview.items, preview.findings_closed), (1, 1));
    let id = control.create_exclusion(&analyst, &broad).await.expect("made");
    let row = all(&scene, &analyst).await.remove(0);
    assert_eq!(row.closing, Some(Closing::Excluded));
    // It ends: what it covered is open again.
    scene.clock.advance_ns(DAY_NS + HOUR_NS);
    scene.control.tick().await.expect("a tick");
    let analyst = scene.administrator().await.expect("an actor");
    let row = all(&scene, &analyst).await.remove(0);
    assert_eq!((row.status, row.reopened), (Status::Open, 1));
    let until = model::Clock::now(&*scene.clock).plus_nanos(DAY_NS);
    control.renew_exclusion(&analyst, &id, until, "still there").await.expect("renewed");
    assert_eq!(all(&scene, &analyst).await[0].status, Status::Resolved);
    control.withdraw_exclusion(&analyst, &id, "not needed").await.expect("withdrawn");
    assert_eq!(all(&scene, &analyst).await[0].status, Status::Open);

    let everything = NewExclusion { predicate: Predicate::All(Vec::new()), ..broad };
    let refused = control.create_exclusion(&analyst, &everything).await;
    assert!(matches!(refused, Err(ControlError::ExclusionRefused(_))));
}

#[tokio::test]
async fn the_baseline_is_opened_by_a_person_and_explained() {
    let (_place, scene) = empty_scene!();
    let analyst = scene.administrator().await.expect("an actor");
    let control = &scene.control;
    let mut device = Reporter::new(&scene);
    device.send_full(&base(5)).await;
    let filter = SoftwareFilter { baseline: true, ..SoftwareFilter::default() };
    let list = control.software(&analyst, &filter).await.expect("a list");
    assert_eq!(
        (list.rows.len(), list.rows[0].verdict, list.rows[0].devices),
        (5, Verdict::Unapproved, 1)
    );
    let subject = list.rows[0].subject.clone();
    let opened =
        control.open_baseline(&analyst, std::slice::from_ref(&subject)).await.expect("opened");
    assert_eq!(opened, 1);
    assert_eq!(all(&scene, &analyst).await[0].subject, subject);
    assert_eq!(control.software_devices(&analyst, &subject).await.expect("devices").len(), 1);
    let told = control.explain(&analyst, "base-3").await.expect("an explanation");
    assert_eq!((told.items.len(), told.items[0].devices), (1, 1));
    assert!(told.items[0].judgement.iter().any(|step| step.en.contains("no permission")));
    assert!(told.items[0].judgement.iter().all(|step| !step.ja.is_ascii()));
    let typed = control.explain_here("まだ誰も知らないもの").await.expect("an explanation");
    assert_eq!((typed.items.len(), typed.items[0].devices), (1, 0));
}

/// An extension that no store delivered does not prove its own identity; what was asked for and decided on does.
#[tokio::test]
async fn an_approval_recognises_the_extension_that_was_asked_for_and_closes_its_finding() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let analyst = scene.administrator().await.expect("an actor");
    let mut device = Reporter::new(&scene);
    device.send_full(&base(3)).await;
    let nothing = device.full(SoftwareSource::Chromium, &[]);
    device.send(&nothing).await;
    let id = "abcdefghijklmnopabcdefghijklmnop";
    let extension = InventoryItem {
        version: "1.0".into(),
        identifier: id.into(),
        install_source: "sideload".into(),
        ..InventoryItem::new(
            SoftwareSource::Chromium,
            format!("{id}@alice/Default"),
            "Page Painter Pro",
        )
    };
    let summary = device.summary(SoftwareSource::Chromium, std::slice::from_ref(&extension));
    device.send(&[InventoryMessage::Added { item: extension }, summary]).await;
    let [found] = &all(&scene, &analyst).await[..] else { panic!("one finding") };
    assert_eq!((found.kind, found.status), (Kind::Unapproved, Status::Open));

    let rita = person(&scene, "rita", Role::Employee, None).await;
    let anna = person(&scene, "anna", Role::Reviewer, None).await;
    let form = Form {
        name: "Page Painter Pro".into(),
        extension_id: id.into(),
        purpose: "説明資料を作るため".into(),
        ..Form::default()
    };
    let request =
        control.begin_request(&rita, RequestKind::Extension, &form).await.expect("a draft");
    control.submit_request(&rita, &request).await.expect("submitted");
    control.gather_evidence().await.expect("gathered");
    control.answer_rest_with_no(&anna, &request).await.expect("answered");
    let ruling = Ruling {
        outcome: Outcome::Approve,
        scope: Scope::default(),
        reason: "needed".into(),
        conditions: Vec::new(),
        valid_until: None,
        unknown_accepted: true,
    };
    control.decide_request(&anna, &request, None, &ruling).await.expect("decided");
    control.tick().await.expect("ticked");
    let [closed] = &all(&scene, &analyst).await[..] else { panic!("one finding") };
    assert_eq!((closed.status, closed.closing), (Status::Resolved, Some(Closing::Approved)));
}
