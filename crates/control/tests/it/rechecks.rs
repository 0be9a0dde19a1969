//! What changes in permitted software, in the place of a device and in who may judge: looked at again by the right people.

use crate::on_device::{Reporter, all, extension, own, package, person, program, sign_in};
use case::finding::{Answer, Closing, Status};
use control::view::findings::FindingRow;
use control::view::requests::{
    Card, CatalogueFilter, Cause, Form, Kind, Outcome, Recheck, Refusal, Ruling, Scope, State,
};
use control::{
    Actor, AnswerNext, Control, ControlError, Language, NewPerson, PersonChange, Principal, Role,
};
use model::inventory::{InventoryItem, InventoryMessage, SoftwareSource};

const HERE: Principal<'static> = Principal::Machine;

fn ruling(outcome: Outcome, scope: Scope) -> Ruling {
    Ruling {
        outcome,
        scope,
        reason: "業務に必要なため".into(),
        conditions: Vec::new(),
        valid_until: None,
        unknown_accepted: true,
    }
}

fn for_department(id: &str) -> Scope {
    Scope { departments: vec![id.to_owned()], ..Scope::default() }
}

/// From the draft to where a reviewer decides.
async fn in_review(control: &Control, rita: &Actor, anna: &Actor, form: &Form) -> String {
    let kind = if form.extension_id.is_empty() { Kind::Installer } else { Kind::Extension };
    let id = control.begin_request(rita, kind, form).await.expect("a draft");
    control.submit_request(rita, &id).await.expect("submitted");
    control.gather_evidence().await.expect("gathered");
    control.answer_rest_with_no(anna, &id).await.expect("answered");
    id
}

fn painter() -> Form {
    Form {
        name: "Page Painter Pro".into(),
        extension_id: ID.into(),
        purpose: "説明資料を作るため".into(),
        ..Form::default()
    }
}

async fn rechecks_of(control: &Control, actor: &Actor) -> Vec<Recheck> {
    let rows = control.rechecks(actor).await.expect("rechecks");
    rows.into_iter().flat_map(|row| row.rechecks).collect()
}

#[tokio::test]
async fn more_permissions_and_another_signer_are_looked_at_by_a_person() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let mut device = Reporter::new(&scene);
    let nothing = device.full(SoftwareSource::Chromium, &[]);
    device.send(&nothing).await;
    let painter_of = |version: &str, permissions: &[&str], signer: &str| InventoryItem {
        permissions: permissions.iter().map(|one| (*one).to_owned()).collect(),
        signer: signer.to_owned(),
        ..extension(ID, "Page Painter Pro", version)
    };
    let first = painter_of("1.0", &["storage"], "Painter Works");
    device.send(&[InventoryMessage::Added { item: first }]).await;
    let rita = person(&scene, "rita", Role::Employee, None).await;
    let anna = person(&scene, "anna", Role::Reviewer, None).await;
    let request = in_review(control, &rita, &anna, &painter()).await;
    let all_may = ruling(Outcome::Approve, Scope::default());
    control.decide_request(&anna, &request, None, &all_may).await.expect("decided");
    control.tick().await.expect("ticked");

    // A new version that may do no more is only new.
    let changed = |item: &InventoryItem| InventoryMessage::Changed {
        item: item.clone(),
        previous_version: String::new(),
    };
    device.send(&[changed(&painter_of("1.1", &["storage"], "Painter Works"))]).await;
    let found = rechecks_of(control, &anna).await;
    assert_eq!(found.iter().map(|one| one.cause).collect::<Vec<_>>(), [Cause::NewVersion]);
    let decision = control.rechecks(&anna).await.expect("rechecks")[0].id.clone();
    control.keep_decision(&anna, &decision, "同じ権限", None, true).await.expect("kept");

    let grown = painter_of("2.0", &["storage", "history", "https://*/*"], "Somebody Else");
    device.send(&[changed(&grown)]).await;
    device.send(&[changed(&grown)]).await;
    let found = rechecks_of(control, &anna).await;
    let causes: Vec<_> = found.iter().map(|one| (one.cause, one.version.as_str())).collect();
    assert_eq!(causes, [(Cause::PermissionGrowth, "2.0"), (Cause::SignerChange, "2.0")]);
    assert!(found[0].detail.ends_with("may now also: history, https://*/*"), "{found:?}");
    assert!(found[0].detail_ja.contains("新しい権限: history, https://*/*"), "{found:?}");
    assert!(found[1].detail.contains("signed by Somebody Else, before by Painter Works"));
    // What a person kept is known: the same permissions are no growth any more.
    control.keep_decision(&anna, &decision, "確認した", None, true).await.expect("kept");
    let next = painter_of("2.1", &["history", "https://*/*"], "Somebody Else");
    device.send(&[changed(&next)]).await;
    let found = rechecks_of(control, &anna).await;
    assert_eq!(found.iter().map(|one| one.cause).collect::<Vec<_>>(), [Cause::NewVersion]);
}

#[tokio::test]
async fn a_permission_for_a_department_follows_the_device_and_its_owner() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let analyst = scene.administrator().await.expect("an actor");
    let sales = control.add_department(HERE, "営業").await.expect("added");
    let mut device = Reporter::new(&scene);
    let nothing = device.full(SoftwareSource::Chromium, &[]);
    device.send(&nothing).await;
    let item = extension(ID, "Page Painter Pro", "1.0");
    device.send(&[InventoryMessage::Added { item }]).await;
    let rita = person(&scene, "rita", Role::Employee, None).await;
    let anna = person(&scene, "anna", Role::Reviewer, None).await;
    let request = in_review(control, &rita, &anna, &painter()).await;
    let theirs = ruling(Outcome::Approve, for_department(&sales));
    control.decide_request(&anna, &request, None, &theirs).await.expect("decided");
    let standing = async || {
        control.tick().await.expect("ticked");
        let open: Vec<FindingRow> = all(&scene, &analyst).await;
        let closed = |row: &&FindingRow| row.status == Status::Resolved;
        (open.iter().filter(closed).count(), open.len())
    };
    let (closed, found) = standing().await;
    assert!(found > 0 && closed < found, "nobody's device has no permission");
    let web = scene.web.enrolled.device;
    own(&scene, web, &rita).await;
    assert!(standing().await.0 < found, "its owner is in no department");
    let into = PersonChange { department: Some(Some("営業".into())), ..PersonChange::default() };
    control.change_person(HERE, rita.id(), &into).await.expect("changed");
    let (closed, found) = standing().await;
    assert_eq!(closed, found, "the owner came into the department");
    assert!(all(&scene, &analyst).await.iter().any(|row| row.closing == Some(Closing::Approved)));
    control.set_device_owner(HERE, web, None).await.expect("nobody's");
    let (closed, found) = standing().await;
    assert!(closed < found, "it is nobody's again");
    control.set_device_department(HERE, web, Some("営業")).await.expect("moved");
    let (closed, found) = standing().await;
    assert_eq!(closed, found, "the device itself belongs to the department");
}

#[tokio::test]
async fn a_reviewer_of_a_department_sees_its_decisions_and_no_others() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let mut departments = Vec::new();
    for name in ["営業", "開発"] {
        departments.push(control.add_department(HERE, name).await.expect("added"));
    }
    let rita = person(&scene, "rita", Role::Employee, None).await;
    let anna = person(&scene, "anna", Role::Reviewer, None).await;
    let limited = NewPerson {
        name: "lin".into(),
        roles: vec![Role::Reviewer],
        language: Language::Ja,
        time_zone: "Asia/Tokyo".into(),
        department: None,
        manager: None,
        limited_to: vec!["営業".into()],
    };
    let lin = control.add_person(HERE, &limited).await.expect("added");
    let lin = sign_in(&scene, &lin.id).await;
    let scopes =
        [for_department(&departments[0]), for_department(&departments[1]), Scope::default()];
    let mut title = String::new();
    for scope in scopes {
        let form = Form {
            name: "共有ツール".into(),
            url: "https://tool.example/".into(),
            purpose: "測定".into(),
            title: title.clone(),
            ..Form::default()
        };
        let request = in_review(control, &rita, &anna, &form).await;
        let given = ruling(Outcome::Approve, scope);
        control.decide_request(&anna, &request, None, &given).await.expect("decided");
        title = control.request(&rita, &request).await.expect("it").row.title;
    }
    let seen = control.decisions(&anna, &title).await.expect("decisions");
    assert_eq!(seen.len(), 3);
    for row in &seen {
        control.recheck_decision(&anna, &row.id, "念のため").await.expect("begun");
    }
    assert_eq!(control.rechecks(&anna).await.expect("rechecks").len(), 3);
    let [own] = &control.rechecks(&lin).await.expect("rechecks")[..] else { panic!("one") };
    assert_eq!(own.ruling.scope.departments, [departments[0].clone()]);
    let desk = control.desk(&lin, &Default::default()).await.expect("the desk");
    assert_eq!(desk.rechecks, 1, "the number is that of the list");
    let seen = control.decisions(&lin, &title).await.expect("decisions");
    assert_eq!(seen.len(), 2, "the department's own, and the one for everybody");
    let page = control.title(Some(&lin), &title).await.expect("the title");
    assert_eq!(page.decisions.len(), 2);
}

#[tokio::test]
async fn an_appeal_is_taken_up_and_decided_by_somebody_else() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let rita = person(&scene, "rita", Role::Employee, None).await;
    let anna = person(&scene, "anna", Role::Reviewer, None).await;
    let ben = person(&scene, "ben", Role::Reviewer, None).await;
    let form = Form {
        name: "独自ツール".into(),
        url: "https://tool.example/".into(),
        purpose: "測定".into(),
        ..Form::default()
    };
    let id = in_review(control, &rita, &anna, &form).await;
    let denial = ruling(Outcome::Deny, Scope::default());
    control.decide_request(&anna, &id, None, &denial).await.expect("denied");
    control.appeal_request(&rita, &id, "ほかに方法がありません").await.expect("appealed");
    let refused = control.take_up_appeal(&anna, &id).await;
    let second = |answer: &Result<(), ControlError>| {
        matches!(answer, Err(ControlError::Refused(Refusal::SecondPerson { .. })))
    };
    assert!(second(&refused), "{refused:?}");
    let offered = control.review(&anna, &id).await.expect("the page").page.actions;
    assert!(!offered.contains(&"take_up"), "{offered:?}");
    control.take_up_appeal(&ben, &id).await.expect("taken up");
    let again = control.decide_request(&anna, &id, None, &denial).await;
    assert!(second(&again), "{again:?}");
    assert!(control.review(&anna, &id).await.expect("the page").may_decide.is_err());
    let given = ruling(Outcome::Approve, Scope::default());
    control.decide_request(&ben, &id, None, &given).await.expect("approved");
    assert_eq!(control.request(&rita, &id).await.expect("it").row.state, State::Approved);
}

#[tokio::test]
async fn a_request_from_a_finding_begins_with_what_is_known() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let rita = person(&scene, "rita", Role::Employee, None).await;
    own(&scene, scene.web.enrolled.device, &rita).await;
    let mut device = Reporter::new(&scene);
    for source in [SoftwareSource::Dpkg, SoftwareSource::Chromium] {
        let nothing = device.full(source, &[]);
        device.send(&nothing).await;
    }
    let tool =
        InventoryItem { origin_url: "https://tool.example/t".into(), ..program("/home/rita/tool") };
    for item in [tool, extension(ID, "Page Painter Pro", "1.0"), package("newcomer", "2.0")] {
        device.send(&[InventoryMessage::Added { item }]).await;
    }
    let mut begun = Vec::new();
    for finding in control.my_pc(&rita).await.expect("my pc").findings {
        let answer = control.answer_finding(&rita, &finding.id, Answer::RequestNow, "").await;
        let AnswerNext::FileRequest { kind, form } = answer.expect("answered").next else {
            panic!("a request")
        };
        begun.push((kind, *form));
    }
    let of = |kind: Kind| &begun.iter().find(|one| one.0 == kind).expect("of this kind").1;
    let portable = of(Kind::Portable);
    assert_eq!((&*portable.sha256, &*portable.url), (&*"ab".repeat(32), "https://tool.example/t"));
    assert_eq!(of(Kind::Extension).extension_id, ID);
    let installer = of(Kind::Installer);
    assert_eq!((&*installer.name, &*installer.version), ("newcomer", "2.0"));

    let id = control.begin_request(&rita, Kind::Installer, portable).await.expect("a draft");
    control.change_request_kind(&rita, &id, Kind::Portable).await.expect("changed");
    let page = control.request(&rita, &id).await.expect("the draft");
    assert_eq!((page.row.kind, &page.form), (Kind::Portable, portable), "what was written stays");
    let form = Form { purpose: "測定".into(), ..portable.clone() };
    control.save_draft(&rita, &id, None, &form).await.expect("kept");
    control.submit_request(&rita, &id).await.expect("submitted");
    let late = control.change_request_kind(&rita, &id, Kind::Installer).await;
    assert!(matches!(late, Err(ControlError::Refused(Refusal::State { .. }))), "{late:?}");
}

#[tokio::test]
async fn alternatives_stay_as_they_were_named() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let anna = person(&scene, "anna", Role::Reviewer, None).await;
    let listed = control.catalogue(Some(&anna), &CatalogueFilter::default()).await.expect("titles");
    let ids: Vec<String> = listed.rows.iter().take(3).map(|row| row.title.clone()).collect();
    let [title, undecided, of_card] = &ids[..] else { panic!("{ids:?}") };
    let card = Card {
        heading_ja: "おすすめ".into(),
        title: of_card.clone(),
        instead_of: vec![title.clone()],
        ..Card::default()
    };
    control.save_card(&anna, &card).await.expect("saved");
    control.set_alternatives(&anna, title, std::slice::from_ref(undecided)).await.expect("named");
    let page = control.title(Some(&anna), title).await.expect("the title");
    assert_eq!(page.alternatives, [], "neither may be used");
    assert_eq!(
        page.named_alternatives,
        std::slice::from_ref(undecided),
        "it is edited as it was named"
    );
    // Saving what the form shows changes nothing.
    control.set_alternatives(&anna, title, &page.named_alternatives).await.expect("saved");
    let again = control.title(Some(&anna), title).await.expect("the title");
    assert_eq!(again.named_alternatives, page.named_alternatives);
}

const ID: &str = "abcdefghijklmnopabcdefghijklmnop";
