//! The context as the pipeline uses it, over a real store and a real lake.

use super::*;
use control::Principal;
use control::fixture::{Program as Run, Scene, process_fields};
use control::limits::DAY_NS;
use model::Timestamp;
use model::context::FIELDS;

const TOOL: &str = "/home/mei/bin/tool";
const HASH: &str = "ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12";

struct Stage {
    _folder: tempfile::TempDir,
    scene: Scene,
    context: Context,
}

async fn context_of(scene: &Scene) -> Context {
    let clock: &dyn Clock = &*scene.clock;
    let opened = Context::open(Arc::clone(&scene.control), &scene.lake, clock).await;
    // Without the refresher: these tests open anew where they want news.
    opened.expect("opens").0
}

impl Stage {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let scene = Scene::empty(folder.path()).await.expect("a scene");
        let device = scene.web.enrolled.device;
        let (control, here) = (&scene.control, Principal::Machine);
        control.add_department(here, "営業部").await.expect("added");
        control.set_device_department(here, device, Some("営業部")).await.expect("set");
        let groups = ["pilot".to_owned(), "canary".to_owned()];
        control.set_device_groups(here, device, &groups).await.expect("set");
        let context = context_of(&scene).await;
        Self { _folder: folder, scene, context }
    }

    fn now(&self) -> Timestamp {
        self.scene.clock.now()
    }

    /// A stamped start of a program on `web-01`.
    fn start(&mut self, pid: i64, parent: i64, image: &str) -> Event {
        let now = self.now();
        let web = &mut self.scene.web;
        let run = Run { pid, parent, image, arguments: &[image] };
        let fields = process_fields(web.enrolled.device, &run);
        let mut event = web.event(EventKind::ProcessStart, now, fields);
        self.context.stamp(&mut event);
        event
    }

    fn stamped(&mut self, kind: EventKind, fields: &[(&'static str, &str)]) -> Event {
        let now = self.now();
        let mut event = self.scene.web.event(kind, now, fields.iter().copied().collect());
        self.context.stamp(&mut event);
        event
    }

    /// The agent tells of the tool that it was run.
    fn told(&mut self, hash: &str) -> Event {
        let item = InventoryItem {
            path: TOOL.to_owned(),
            sha256: hash.to_owned(),
            signer: "Example K.K.".to_owned(),
            origin_url: "https://example.com/tool".to_owned(),
            ..InventoryItem::new(SoftwareSource::Executed, TOOL, "tool")
        };
        let now = self.now();
        let mut event = self.scene.web.inventory(now, &InventoryMessage::Added { item });
        self.context.stamp(&mut event);
        event
    }
}

fn list(event: &Event, name: &str) -> Vec<String> {
    let Some(Value::List(items)) = event.fields.get(name) else { return Vec::new() };
    items.iter().filter_map(|item| item.as_text().map(ToOwned::to_owned)).collect()
}

fn decision(event: &Event) -> Option<&str> {
    event.fields.text(SOFTWARE_DECISION)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_claims_of_the_context_never_reaches_rules() {
    let mut stage = Stage::open().await;
    let claims: Vec<(&'static str, &str)> =
        FIELDS.iter().map(|name| (*name, "forged")).chain([("Image", "/bin/x")]).collect();
    let mut claims_and_blanks = claims.clone();
    claims_and_blanks.push(("Software Decision", "approved"));
    for kind in [EventKind::ProcessStart, EventKind::NetworkConnect, EventKind::AgentStart] {
        let event = stage.stamped(kind, &claims_and_blanks);
        for (name, value) in event.fields.iter() {
            assert!(value.as_text() != Some("forged"), "{kind:?} {name}");
        }
        assert_eq!(event.fields.get("Software Decision"), None);
        assert_eq!(event.fields.text(DEPARTMENT), Some("営業部"));
        assert_eq!(list(&event, DEVICE_GROUPS), ["canary", "pilot"]);
    }
    // Another device says so for itself alone.
    let now = stage.now();
    let fields = claims.iter().copied().collect();
    let mut other = stage.scene.db.event(EventKind::FileWrite, now, fields);
    stage.context.stamp(&mut other);
    assert_eq!(other.fields.get(DEPARTMENT), None);
    assert_eq!(other.fields.get(DEVICE_GROUPS), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_known_from_its_inventory_on_and_until_its_file_is_written() {
    let mut stage = Stage::open().await;
    let first = stage.start(7, 1, TOOL);
    assert_eq!((decision(&first), first.fields.get("Hashes")), (None, None));
    let told = stage.told(HASH);
    assert_eq!(decision(&told), Some("unapproved"));
    assert_eq!(
        (told.fields.int(PREVALENCE_30D), told.fields.int(FIRST_SEEN_DAYS)),
        (Some(1), Some(0))
    );
    assert_eq!(told.fields.text(SIGNER), Some("Example K.K."), "the item's own");
    let second = stage.start(8, 1, TOOL);
    assert_eq!(decision(&second), Some("unapproved"));
    let hashes = format!("SHA256={}", HASH.to_uppercase());
    assert_eq!(second.fields.text("Hashes"), Some(hashes.as_str()));
    assert_eq!(second.fields.text(SIGNER), Some("Example K.K."));
    assert_eq!(second.fields.text(ORIGIN_URL), Some("https://example.com/tool"));
    let fields = [("Image", TOOL), ("ProcessGuid", "x"), ("TargetFilename", "/tmp/a")];
    assert_eq!(decision(&stage.stamped(EventKind::FileWrite, &fields)), Some("unapproved"));

    // Stored, it is known after a restart as well.
    stage.scene.control.take_inventory(&[told]).await.expect("taken");
    stage.context = context_of(&stage.scene).await;
    assert_eq!(decision(&stage.start(9, 1, TOOL)), Some("unapproved"));
    // Another device that runs the same file elsewhere: known by what the event says of its hash.
    let (now, db) = (stage.now(), &mut stage.scene.db);
    let fields = [("Image", "C:\\x.exe")].into_iter().collect();
    let mut event = db.event(EventKind::ProcessStart, now, fields);
    event.fields.set("Hashes", format!("MD5=00,SHA256={HASH}"));
    stage.context.stamp(&mut event);
    assert_eq!(decision(&event), Some("unapproved"));

    // Somebody writes over it: nobody knows what runs there until the agent looked again.
    let fields = [("Image", "/usr/bin/cp"), ("TargetFilename", TOOL)];
    stage.stamped(EventKind::FileWrite, &fields);
    let replaced = stage.start(10, 1, TOOL);
    assert_eq!((decision(&replaced), replaced.fields.get("Hashes")), (None, None));
    stage.told(&HASH.replace("ab", "cd"));
    let looked_at = stage.start(11, 1, TOOL);
    assert_eq!(decision(&looked_at), Some("unapproved"));
    assert_ne!(looked_at.fields.text("Hashes"), Some(hashes.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn prevalence_and_parents_survive_a_restart_by_what_the_lake_holds() {
    let mut stage = Stage::open().await;
    let mut events = vec![stage.start(2, 1, "/usr/sbin/sshd"), stage.start(3, 2, "/bin/bash")];
    events.push(stage.start(4, 3, "/usr/bin/curl"));
    let chain = list(&events[2], PARENT_CHAIN);
    assert_eq!(chain, ["/bin/bash", "/usr/sbin/sshd"]);
    stage.scene.commit(events, Vec::new()).await.expect("committed");
    stage.scene.clock.advance_ns(DAY_NS);
    let now = stage.now();
    let run = Run { pid: 9, parent: 1, image: "/usr/bin/curl", arguments: &[] };
    let fields = process_fields(stage.scene.db.enrolled.device, &run);
    let mut on_db = stage.scene.db.event(EventKind::ProcessStart, now, fields);
    stage.context.stamp(&mut on_db);
    let seen =
        |event: &Event| (event.fields.int(PREVALENCE_30D), event.fields.int(FIRST_SEEN_DAYS));
    assert_eq!(seen(&on_db), (Some(2), Some(1)));
    let mut stored = on_db.clone();
    stage.scene.commit(vec![on_db], Vec::new()).await.expect("committed");

    stage.context = context_of(&stage.scene).await;
    stage.context.stamp(&mut stored);
    assert_eq!(seen(&stored), (Some(2), Some(1)), "stamped again, the same");
    let child = stage.start(5, 3, "/usr/bin/wget");
    assert_eq!(list(&child, PARENT_CHAIN), chain);
    assert_eq!(seen(&child), (Some(1), Some(0)));
    stage.scene.clock.advance_ns(29 * DAY_NS);
    stage.context = context_of(&stage.scene).await;
    assert_eq!(
        seen(&stage.stamped(EventKind::FileWrite, &[("Image", "/usr/bin/curl")])),
        (Some(1), Some(30))
    );
    let missing = stage.stamped(EventKind::FileWrite, &[("Image", "/usr/bin/never")]);
    assert_eq!(seen(&missing), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_people_and_judgements_reach_the_running_context() {
    let mut stage = Stage::open().await;
    let told = stage.told(HASH);
    stage.scene.control.take_inventory(&[told]).await.expect("taken");
    let (mut context, refresher) = {
        let clock: &dyn Clock = &*stage.scene.clock;
        let control = Arc::clone(&stage.scene.control);
        Context::open(control, &stage.scene.lake, clock).await.expect("opens")
    };
    std::mem::swap(&mut stage.context, &mut context);
    let (stop, stopping) = watch::channel(false);
    let refreshing = tokio::spawn(refresher.keep_fresh(stopping));
    let device = stage.scene.web.enrolled.device;
    let groups = ["servers".to_owned()];
    let set = stage.scene.control.set_device_groups(Principal::Machine, device, &groups);
    set.await.expect("set");
    for _ in 0..100 {
        let event = stage.start(20, 1, TOOL);
        if list(&event, DEVICE_GROUPS) == ["servers"] {
            assert_eq!(decision(&event), Some("unapproved"));
            stop.send_replace(true);
            refreshing.await.expect("ends when asked");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the groups did not arrive within ten seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packaged_program_stands_as_its_package_does_and_so_do_its_later_events() {
    let mut stage = Stage::open().await;
    let item = InventoryItem {
        identifier: "deb:zoom".to_owned(),
        publisher: "Zoom Communications, Inc.".to_owned(),
        ..InventoryItem::new(SoftwareSource::Dpkg, "zoom:amd64", "zoom")
    };
    let now = stage.now();
    let told = stage.scene.web.inventory(now, &InventoryMessage::Added { item });
    stage.scene.control.take_inventory(&[told]).await.expect("taken");
    stage.context = context_of(&stage.scene).await;
    let start = [("Image", "/opt/zoom/zoom"), ("ProcessGuid", "z"), ("SoftwareId", "deb:zoom")];
    let started = stage.stamped(EventKind::ProcessStart, &start);
    assert_eq!(started.fields.text(SOFTWARE_TITLE), Some("zoom"));
    assert_eq!(decision(&started), Some("unapproved"));
    assert!(list(&started, SOFTWARE_CATEGORIES).contains(&"web-meeting".to_owned()));
    let connects = [("Image", "/opt/zoom/zoom"), ("ProcessGuid", "z")];
    let connected = stage.stamped(EventKind::NetworkConnect, &connects);
    assert_eq!(connected.fields.text(SOFTWARE_TITLE), Some("zoom"));
    // Deleted and replaced while it runs: what the path said of it holds no more.
    let mut gone = stage.scene.web.event(EventKind::ProcessStart, now, start.into_iter().collect());
    gone.fields.set("ImageDeleted", true);
    stage.context.stamp(&mut gone);
    assert_eq!(decision(&gone), None);
}
