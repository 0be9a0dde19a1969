//! Groups of devices, and what is known of devices and programs as the server asks for it.

use case::judgement::Verdict;
use control::context::{Snapshot, sha256_of};
use control::fixture::Scene;
use control::limits::GROUPS_OF_DEVICE_MAX;
use control::{ControlError, Language, Principal, Role};
use model::inventory::{InventoryItem, InventoryMessage, SoftwareSource};
use model::{Clock as _, DeviceId, Timestamp};
use std::sync::Arc;

const HERE: Principal<'static> = Principal::Machine;
const PATH: &str = "/home/mei/tool";
const HASH: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn groups_of_devices_are_set_by_who_may_and_stay_when_they_are_empty() {
    let (_folder, scene) = empty_scene!();
    let (control, web, db) = (&scene.control, scene.web.enrolled.device, scene.db.enrolled.device);
    let ada = scene.person("ada", Role::Administrator, Language::En).await.expect("a person").actor;
    let ana = scene.person("ana", Role::Analyst, Language::En).await.expect("a person").actor;
    let by = Principal::Person(&ada);
    control.set_device_groups(by, web, &names(&["pilot", " canary ", "pilot"])).await.expect("set");
    control.set_device_groups(by, db, &names(&["canary"])).await.expect("set");
    assert_eq!(control.groups_of_device(&ana, web).await.expect("read"), ["canary", "pilot"]);
    let groups = control.device_groups(&ana).await.expect("read");
    let groups: Vec<_> = groups.iter().map(|row| (row.name.as_str(), row.devices)).collect();
    assert_eq!(groups, [("canary", 2), ("pilot", 1)]);
    control.set_device_groups(by, web, &[]).await.expect("set");
    let groups = control.device_groups(&ana).await.expect("read");
    let groups: Vec<_> = groups.iter().map(|row| (row.name.as_str(), row.devices)).collect();
    assert_eq!(groups, [("canary", 1), ("pilot", 0)]);

    let refused = control.set_device_groups(Principal::Person(&ana), web, &names(&["x"])).await;
    assert!(matches!(refused, Err(ControlError::NotPermitted { .. })), "{refused:?}");
    let many: Vec<String> = (0..=GROUPS_OF_DEVICE_MAX).map(|number| number.to_string()).collect();
    for bad in [names(&[""]), names(&["a,b"]), names(&["a\u{7}"]), vec!["x".repeat(61)], many] {
        let refused = control.set_device_groups(by, web, &bad).await;
        assert!(matches!(refused, Err(ControlError::BadArgument { .. })), "{bad:?}");
    }
    let nowhere = control.set_device_groups(by, DeviceId::from_bits(1), &names(&["x"])).await;
    assert!(matches!(nowhere, Err(ControlError::NotFound { .. })), "{nowhere:?}");
    assert!(control.audit_verify().await.expect("verified").intact());
}

fn tool(path: &str) -> InventoryItem {
    InventoryItem {
        path: path.to_owned(),
        sha256: HASH.to_owned(),
        origin_url: "https://zoorn.us/zoom".to_owned(),
        ..InventoryItem::new(SoftwareSource::Executed, path, "mei-tool")
    }
}

async fn told(scene: &mut Scene, message: InventoryMessage) {
    let now = scene.clock.now();
    let event = scene.web.inventory(now, &message);
    scene.control.take_inventory(&[event]).await.expect("taken");
}

async fn fresh(scene: &Scene, known: Option<&Arc<Snapshot>>) -> Option<Arc<Snapshot>> {
    scene.control.refresh_context(known).await.expect("refreshed")
}

#[tokio::test]
async fn a_snapshot_knows_programs_by_path_and_hash_and_follows_what_changes() {
    let (_folder, mut scene) = empty_scene!();
    let (web, db) = (scene.web.enrolled.device, scene.db.enrolled.device);
    let now = Timestamp::from_nanos(1);
    let empty = fresh(&scene, None).await.expect("the first is news");
    assert!(fresh(&scene, Some(&empty)).await.is_none(), "nothing changed");
    assert!(empty.at_path(web, PATH, now).is_none() && empty.device(web).is_some());
    assert!(empty.device(DeviceId::from_bits(1)).is_none());

    told(&mut scene, InventoryMessage::Added { item: tool(PATH) }).await;
    let first = fresh(&scene, Some(&empty)).await.expect("news");
    let program = first.at_path(web, PATH, now).expect("known");
    assert_eq!(program.decision, Verdict::Unapproved);
    assert_eq!(program.sha256, sha256_of(HASH));
    assert!(first.at_path(db, PATH, now).is_none(), "another device's path says nothing here");
    let of_hash = first.of_hash(db, &sha256_of(HASH).expect("a hash"), now);
    assert_eq!(of_hash.as_deref(), Some(&*program));
    assert!(fresh(&scene, Some(&first)).await.is_none());

    told(&mut scene, InventoryMessage::Removed { item: tool(PATH) }).await;
    let second = fresh(&scene, Some(&first)).await.expect("news");
    assert!(second.at_path(web, PATH, now).is_none());

    scene.control.add_department(HERE, "Sales").await.expect("added");
    scene.control.set_device_department(HERE, web, Some("Sales")).await.expect("set");
    scene.control.set_device_groups(HERE, web, &names(&["canary"])).await.expect("set");
    let third = fresh(&scene, Some(&second)).await.expect("news");
    let device = third.device(web).expect("known");
    assert_eq!(
        (device.department.as_deref(), &*device.groups),
        (Some("Sales"), &names(&["canary"])[..])
    );
    assert_eq!(third.device(db).and_then(|db| db.department.as_deref()), None);
}

#[tokio::test]
async fn a_package_is_known_by_its_identifier_in_its_newest_version() {
    let (_folder, mut scene) = empty_scene!();
    let (web, now) = (scene.web.enrolled.device, Timestamp::from_nanos(1));
    let package = |version: &str, signer: &str| InventoryItem {
        version: version.to_owned(),
        signer: signer.to_owned(),
        identifier: "deb:zoom".to_owned(),
        publisher: "Zoom Communications, Inc.".to_owned(),
        ..InventoryItem::new(SoftwareSource::Dpkg, "zoom:amd64", "zoom")
    };
    told(&mut scene, InventoryMessage::Added { item: package("1", "Old key") }).await;
    let first = fresh(&scene, None).await.expect("news");
    let known = first.of_package(web, "deb:zoom", now).expect("known");
    assert_eq!((known.title.as_deref(), known.decision), (Some("zoom"), Verdict::Unapproved));
    assert!(known.categories.contains(&"web-meeting") && *known.signer == *"Old key");
    assert!(first.of_package(web, "deb:other", now).is_none());
    scene.clock.advance_ns(1);
    let previous_version = "1".to_owned();
    told(&mut scene, InventoryMessage::Changed { item: package("2", "New key"), previous_version })
        .await;
    let second = fresh(&scene, Some(&first)).await.expect("news");
    let known = second.of_package(web, "deb:zoom", now).expect("known");
    assert_eq!(&*known.signer, "New key");
}
