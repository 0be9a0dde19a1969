//! A device as its agent reports it, and the people around it.

use control::fixture::{Scene, Stream};
use control::view::findings::{FindingFilter, FindingRow, Intake};
use control::{Actor, Language, NewPerson, Principal, Role};
use model::inventory::{
    InventoryItem, InventoryMessage, SnapshotSummary, SoftwareSource, items_hash,
};
use model::{DeviceId, Event};

pub(crate) fn package(name: &str, version: &str) -> InventoryItem {
    InventoryItem {
        version: version.into(),
        publisher: "Debian Maintainers".into(),
        identifier: format!("deb:{name}"),
        architecture: "amd64".into(),
        install_source: "Debian:bookworm".into(),
        ..InventoryItem::new(SoftwareSource::Dpkg, format!("{name}:amd64"), name)
    }
}

pub(crate) fn program(path: &str) -> InventoryItem {
    InventoryItem {
        path: path.into(),
        sha256: "ab".repeat(32),
        user: "alice".into(),
        ..InventoryItem::new(
            SoftwareSource::Executed,
            path,
            path.rsplit('/').next().unwrap_or(path),
        )
    }
}

pub(crate) fn base(count: usize) -> Vec<InventoryItem> {
    (0..count).map(|number| package(&format!("base-{number}"), "1.0")).collect()
}

/// A device as its agent reports it.
pub(crate) struct Reporter<'s> {
    pub(crate) scene: &'s Scene,
    pub(crate) stream: Stream,
    pub(crate) looks: u64,
}

impl<'s> Reporter<'s> {
    pub(crate) fn new(scene: &'s Scene) -> Self {
        Self { scene, stream: scene.web.clone(), looks: 0 }
    }

    pub(crate) fn event(&mut self, message: &InventoryMessage) -> Event {
        let (kind, fields) = message.kind_and_fields();
        let now = model::Clock::now(&*self.scene.clock);
        self.stream.event(kind, now, fields)
    }

    pub(crate) async fn send(&mut self, messages: &[InventoryMessage]) -> Intake {
        let events: Vec<Event> = messages.iter().map(|message| self.event(message)).collect();
        self.scene.control.take_inventory(&events).await.expect("taken")
    }

    pub(crate) fn summary(
        &mut self,
        source: SoftwareSource,
        items: &[InventoryItem],
    ) -> InventoryMessage {
        self.looks += 1;
        InventoryMessage::Snapshot(SnapshotSummary {
            source,
            id: format!("look-{}", self.looks),
            items: items.len() as u64,
            items_hash: items_hash(items.iter()),
            complete: true,
            reason: String::new(),
        })
    }

    pub(crate) fn full(
        &mut self,
        source: SoftwareSource,
        items: &[InventoryItem],
    ) -> Vec<InventoryMessage> {
        let summary = self.summary(source, items);
        let snapshot = format!("look-{}", self.looks);
        let mut messages: Vec<InventoryMessage> = items
            .iter()
            .map(|item| InventoryMessage::Present {
                snapshot: snapshot.clone(),
                item: item.clone(),
            })
            .collect();
        messages.push(summary);
        messages
    }

    pub(crate) async fn send_full(&mut self, items: &[InventoryItem]) -> Intake {
        let messages = self.full(SoftwareSource::Dpkg, items);
        self.send(&messages).await
    }
}

pub(crate) async fn all(scene: &Scene, actor: &Actor) -> Vec<FindingRow> {
    let filter = FindingFilter { closed: true, ..FindingFilter::default() };
    scene.control.findings(actor, &filter).await.expect("findings").rows
}

pub(crate) async fn person(scene: &Scene, name: &str, role: Role, manager: Option<&str>) -> Actor {
    let new = NewPerson {
        name: name.to_owned(),
        roles: vec![role],
        language: Language::Ja,
        time_zone: "Asia/Tokyo".to_owned(),
        department: None,
        manager: manager.map(str::to_owned),
        limited_to: Vec::new(),
    };
    let row = scene.control.add_person(Principal::Machine, &new).await.expect("a person");
    sign_in(scene, &row.id).await
}

pub(crate) async fn sign_in(scene: &Scene, id: &str) -> Actor {
    let invitation = scene.control.invite_person(Principal::Machine, id).await.expect("invited");
    let session = scene.control.sign_in(&invitation.token).await.expect("signed in");
    scene.control.actor(&session.secret).await.expect("an actor")
}

pub(crate) async fn own(scene: &Scene, device: DeviceId, owner: &Actor) {
    let owner = Some(owner.id().to_owned());
    scene
        .control
        .set_device_owner(Principal::Machine, device, owner.as_deref())
        .await
        .expect("owned");
}

/// A browser extension that no store delivered.
pub(crate) fn extension(id: &str, name: &str, version: &str) -> InventoryItem {
    InventoryItem {
        version: version.into(),
        identifier: id.into(),
        install_source: "sideload".into(),
        ..InventoryItem::new(SoftwareSource::Chromium, format!("{id}@alice/Default"), name)
    }
}
