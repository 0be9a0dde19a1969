//! People, roles, scopes, departments and the owners of devices.

use crate::number;
use control::fixture::Scene;
use control::limits::{INVITATION_LIFE_NS, PERSON_NAME_CHARS_MAX};
use control::view::people::PersonRow;
use control::{
    Actor, ControlError, Language, NewPerson, PeopleRule, Permission, PersonChange, Principal,
    Role, Scope,
};

const HERE: Principal<'static> = Principal::Machine;

fn person(name: &str, roles: &[Role]) -> NewPerson {
    NewPerson {
        name: name.to_owned(),
        roles: roles.to_vec(),
        language: Language::Ja,
        time_zone: "Asia/Tokyo".to_owned(),
        department: None,
        manager: None,
        limited_to: Vec::new(),
    }
}

async fn add(scene: &Scene, new: &NewPerson) -> PersonRow {
    scene.control.add_person(HERE, new).await.expect("added")
}

async fn signed_in(scene: &Scene, id: &str) -> (Actor, String) {
    let invitation = scene.control.invite_person(HERE, id).await.expect("invited");
    let secret = scene.control.sign_in(&invitation.token).await.expect("signed in").secret;
    (scene.control.actor(&secret).await.expect("an actor"), secret)
}

fn rule<T: std::fmt::Debug>(outcome: Result<T, ControlError>) -> PeopleRule {
    match outcome {
        Err(ControlError::People(rule)) => rule,
        other => panic!("expected a broken rule, got {other:?}"),
    }
}

#[tokio::test]
async fn a_person_is_invited_once_and_in_time() {
    let (_folder, scene) = empty_scene!();
    let aoi = add(&scene, &person("青井", &[Role::Employee])).await;
    assert!(!aoi.has_password && aoi.last_seen_at.is_none());
    let first = scene.control.invite_person(HERE, &aoi.id).await.expect("invited");
    let second = scene.control.invite_person(HERE, &aoi.id).await.expect("invited");
    assert!(
        scene.control.sign_in(&first.token).await.is_err(),
        "the later one ends the earlier one"
    );
    let session = scene.control.sign_in(&second.token).await.expect("signed in");
    assert!(scene.control.sign_in(&second.token).await.is_err(), "once");
    let actor = scene.control.actor(&session.secret).await.expect("an actor");
    assert_eq!((actor.name(), actor.id(), actor.language()), ("青井", &*aoi.id, Language::Ja));
    assert!(actor.may(Permission::FileRequest) && !actor.may(Permission::ReadDevices));
    let third = scene.control.invite_person(HERE, &aoi.id).await.expect("invited");
    assert!(scene.control.actor(&session.secret).await.is_err(), "earlier sessions end");
    scene.clock.advance_ns(INVITATION_LIFE_NS);
    assert!(scene.control.sign_in(&third.token).await.is_err(), "too late");
}

#[tokio::test]
async fn nobody_changes_the_own_roles_and_an_administrator_stays() {
    let (folder, scene) = empty_scene!();
    let control = &scene.control;
    let ada = add(&scene, &person("ada", &[Role::Administrator])).await;
    let (actor, _) = signed_in(&scene, &ada.id).await;
    let all = [Role::Administrator, Role::Auditor];
    assert_eq!(
        rule(control.set_roles((&actor).into(), &ada.id, &all, &[]).await),
        PeopleRule::OwnRoles
    );
    assert_eq!(
        rule(control.disable_person((&actor).into(), &ada.id).await),
        PeopleRule::OwnAccount
    );
    let refused = "SELECT count(*) FROM audit WHERE action = 'permission_refused'";
    assert_eq!(number(&folder, refused).await, 2);
    assert_eq!(
        rule(control.set_roles(HERE, &ada.id, &[Role::Employee], &[]).await),
        PeopleRule::LastAdministrator
    );
    assert_eq!(rule(control.disable_person(HERE, &ada.id).await), PeopleRule::LastAdministrator);
    let still = control.person(&actor, &ada.id).await.expect("there");
    assert_eq!((still.roles, still.disabled_at), (vec![Role::Administrator], None));
    let ben = add(&scene, &person("ben", &[Role::Administrator])).await;
    let changed =
        control.set_roles((&actor).into(), &ben.id, &[Role::Reviewer], &[]).await.expect("changed");
    assert_eq!(changed.roles, [Role::Reviewer]);
    let (ben, _) = signed_in(&scene, &ben.id).await;
    let refused = control.set_roles((&ben).into(), &ada.id, &[Role::Employee], &[]).await;
    assert!(matches!(refused, Err(ControlError::NotPermitted { .. })));
    assert!(control.audit_verify().await.expect("verified").intact());
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once() {
    let (_folder, scene) = empty_scene!();
    add(&scene, &person("ada", &[Role::Administrator])).await;
    let aoi = add(&scene, &person("aoi", &[Role::Employee])).await;
    let (_, secret) = signed_in(&scene, &aoi.id).await;
    let row = scene.control.disable_person(HERE, &aoi.id).await.expect("disabled");
    assert!(row.disabled_at.is_some());
    assert!(scene.control.actor(&secret).await.is_err());
    assert_eq!(rule(scene.control.invite_person(HERE, &aoi.id).await), PeopleRule::Disabled);
    assert_eq!(rule(scene.control.issue_sign_in_token("aoi").await), PeopleRule::Disabled);
    scene.control.enable_person(HERE, &aoi.id).await.expect("enabled");
    assert!(scene.control.actor(&secret).await.is_err(), "what was ended stays ended");
    signed_in(&scene, &aoi.id).await;
}

#[tokio::test]
async fn hostile_and_impossible_people_are_refused() {
    let (folder, scene) = empty_scene!();
    let control = &scene.control;
    add(&scene, &person("aoi", &[Role::Employee])).await;
    for name in ["", " ", "a\nb", "\u{1b}[31m", "a\0b", &"x".repeat(PERSON_NAME_CHARS_MAX + 1)] {
        let outcome = control.add_person(HERE, &person(name, &[Role::Employee])).await;
        assert!(matches!(outcome, Err(ControlError::BadArgument { .. })), "{name:?}");
    }
    let new = |change: fn(&mut NewPerson)| {
        let mut new = person("ren", &[Role::Employee]);
        change(&mut new);
        new
    };
    let cases = [
        (new(|it| it.name = "aoi".into()), PeopleRule::NameTaken),
        (new(|it| it.roles.clear()), PeopleRule::NoRole),
        (new(|it| it.time_zone = "Asia/Edo".into()), PeopleRule::UnknownTimeZone),
        (new(|it| it.time_zone = "../../etc/passwd".into()), PeopleRule::UnknownTimeZone),
        (new(|it| it.department = Some("' OR 1=1 --".into())), PeopleRule::UnknownDepartment),
        (new(|it| it.limited_to = vec!["sales".into()]), PeopleRule::UnknownDepartment),
        (new(|it| it.manager = Some("nobody".into())), PeopleRule::UnknownManager),
    ];
    for (new, expected) in cases {
        assert_eq!(rule(control.add_person(HERE, &new).await), expected);
    }
    assert_eq!(number(&folder, "SELECT count(*) FROM person").await, 1);
}

#[tokio::test]
async fn a_person_limited_to_departments_sees_those_and_nothing_of_the_whole_company() {
    let (_folder, scene) = empty_scene!();
    let control = &scene.control;
    let sales = control.add_department(HERE, "営業").await.expect("added");
    control.add_department(HERE, "開発").await.expect("added");
    let of = |name: &str, department: &str| NewPerson {
        department: Some(department.to_owned()),
        ..person(name, &[Role::Employee])
    };
    let aoi = add(&scene, &of("aoi", "営業")).await;
    let ren = add(&scene, &of("ren", "開発")).await;
    let (web, db) = (scene.web.enrolled.device, scene.db.enrolled.device);
    control.set_device_owner(HERE, web, Some(&aoi.id)).await.expect("owned");
    control.set_device_owner(HERE, db, Some(&ren.id)).await.expect("owned");
    let limited =
        NewPerson { limited_to: vec!["営業".into()], ..person("lin", &[Role::Analyst]) };
    let lin = add(&scene, &limited).await;
    let (lin, _) = signed_in(&scene, &lin.id).await;
    assert_eq!(lin.scope(Permission::ReadPeople), Scope::Departments(vec![sales]));
    assert_eq!(lin.scope(Permission::ManagePeople), lin.own());
    assert!(!lin.may(Permission::ReadEvents) && !lin.may(Permission::ReadAlerts));
    let names = |rows: Vec<PersonRow>| rows.into_iter().map(|row| row.name).collect::<Vec<_>>();
    assert_eq!(names(control.people(&lin).await.expect("people")), ["aoi"]);
    assert!(matches!(control.person(&lin, &ren.id).await, Err(ControlError::NotFound { .. })));
    let devices = control.devices(&lin).await.expect("devices");
    assert_eq!(devices.iter().map(|row| row.id).collect::<Vec<_>>(), [web]);
    // A device's own department goes before its owner's.
    control.set_device_department(HERE, web, Some("開発")).await.expect("moved");
    control.set_device_department(HERE, db, Some("営業")).await.expect("moved");
    let owned = control.device_owners(&lin).await.expect("devices");
    assert_eq!(owned.iter().map(|row| row.device).collect::<Vec<_>>(), [db]);
    assert_eq!(owned[0].owner.as_ref().map(|owner| &*owner.1), Some("ren"));

    let (aoi, _) = signed_in(&scene, &aoi.id).await;
    let own = control.own_devices(&aoi).await.expect("own");
    assert_eq!(own.iter().map(|row| row.device).collect::<Vec<_>>(), [web]);
    assert!(matches!(control.people(&aoi).await, Err(ControlError::NotPermitted { .. })));
    assert!(matches!(control.device_owners(&aoi).await, Err(ControlError::NotPermitted { .. })));
}

#[tokio::test]
async fn where_a_person_is_can_be_changed() {
    let (_folder, scene) = empty_scene!();
    let control = &scene.control;
    control.add_department(HERE, "営業").await.expect("added");
    let boss = add(&scene, &person("boss", &[Role::Employee])).await;
    let aoi = add(&scene, &person("aoi", &[Role::Employee])).await;
    let change = PersonChange {
        language: Some(Language::En),
        time_zone: Some("Europe/Berlin".into()),
        department: Some(Some("営業".into())),
        manager: Some(Some("boss".into())),
    };
    let row = control.change_person(HERE, &aoi.id, &change).await.expect("changed");
    assert_eq!((row.language, &*row.time_zone), (Language::En, "Europe/Berlin"));
    assert_eq!(row.department.as_deref(), Some("営業"));
    assert_eq!(row.manager_id, Some(boss.id.clone()));
    let own = PersonChange { manager: Some(Some("boss".into())), ..PersonChange::default() };
    assert_eq!(rule(control.change_person(HERE, &boss.id, &own).await), PeopleRule::OwnManager);
    let none = PersonChange { manager: Some(None), ..PersonChange::default() };
    let row = control.change_person(HERE, &aoi.id, &none).await.expect("changed");
    assert_eq!((row.manager_id, row.language), (None, Language::En), "the rest stays");
    let sales = &control.departments_here().await.expect("departments")[0];
    assert_eq!((&*sales.name, sales.people), ("営業", 1));
    control.rename_department(HERE, &sales.id, "営業部").await.expect("renamed");
    assert_eq!(control.add_department(HERE, "営業部").await.expect("known"), sales.id);
}
