//! The software inventory of a device, as messages of its stream.
//!
//! The protocol, per device and [`SoftwareSource`]:
//!
//! * a *full snapshot* is one [`InventoryMessage::Present`] for each item, all with the same snapshot id,
//!   then one [`InventoryMessage::Snapshot`] with that id; `items` counts what came before it;
//! * a *change* is `Added`, `Removed` or `Changed`; after the changes of one look comes a `Snapshot` with a
//!   new id, which states what the source holds now;
//! * a `Snapshot` comes at least hourly even when nothing changed, a full snapshot when the agent starts and
//!   every six hours.
//!
//! The receiver keeps a set of items by [`InventoryItem::key`] and compares its own [`items_hash`] with the
//! summary's. When they differ, or `complete` is false, what it knows of that source is unconfirmed until
//! the next full snapshot.
//!
//! [`SoftwareSource::Executed`] differs: an item comes as `Added` the moment an unpackaged program is first
//! run, as `Changed` on later runs (at most daily), and as `Removed` when its file is gone.

mod digest;
mod message;

pub use digest::{ItemsDigest, items_hash};

use crate::{
    Timestamp,
    limits::{
        INVENTORY_PERMISSIONS_BYTES_MAX, INVENTORY_PERMISSIONS_MAX, INVENTORY_TEXT_BYTES_MAX,
    },
};

macro_rules! sources {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// Where an inventory item was found. The name is a stored value and never changes.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(rename_all = "lowercase")]
        pub enum SoftwareSource { $($(#[$doc])* $name,)* }

        impl SoftwareSource {
            /// Every source.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in the lake, in the store and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$name => $text,)* } }
        }
    };
}

sources! {
    /// Packages of Debian and its kin.
    Dpkg "dpkg";
    /// Packages of Red Hat and its kin.
    Rpm "rpm";
    /// Flatpak applications.
    Flatpak "flatpak";
    /// Snap packages.
    Snap "snap";
    /// AppImage files in the usual places.
    AppImage "appimage";
    /// Programs that belong to no package and were run.
    Executed "executed";
    /// Extensions of Google Chrome.
    Chrome "chrome";
    /// Extensions of Chromium.
    Chromium "chromium";
    /// Extensions of Microsoft Edge.
    Edge "edge";
    /// Extensions of Brave.
    Brave "brave";
    /// Extensions of Vivaldi.
    Vivaldi "vivaldi";
    /// Extensions of Opera.
    Opera "opera";
    /// Extensions of Firefox.
    Firefox "firefox";
}

impl SoftwareSource {
    /// The source of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|source| source.name() == name)
    }

    /// Whether its items are browser extensions.
    #[must_use]
    pub const fn is_browser(self) -> bool {
        matches!(
            self,
            Self::Chrome
                | Self::Chromium
                | Self::Edge
                | Self::Brave
                | Self::Vivaldi
                | Self::Opera
                | Self::Firefox
        )
    }
}

/// One piece of software on one device. An empty text stands for "not known". Every text is as the device
/// had it, control and bidirectional characters included: whoever shows it makes it safe.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InventoryItem {
    /// Where it was found.
    pub source: SoftwareSource,
    /// Stable and unique in the source: `zoom:amd64`, `<extension id>@<user>/<profile>`, a path.
    pub key: String,
    /// The name that people see.
    pub name: String,
    /// The version, as the source writes it.
    pub version: String,
    /// Who publishes it: maintainer, vendor, author.
    pub publisher: String,
    /// The identifier in its ecosystem: `deb:zoom`, `rpm:zoom`, `snap:code`, `flatpak:org.x.Y`, an
    /// extension's id.
    pub identifier: String,
    /// `amd64`, `x86_64`, `all` …
    pub architecture: String,
    /// Where it lies.
    pub path: String,
    /// Whose it is; of an executed program, who ran it first.
    pub user: String,
    /// The browser's profile folder.
    pub profile: String,
    /// Permissions, host permissions among them, sorted.
    pub permissions: Vec<String>,
    /// How it came: `webstore`, `sideload`, `policy`, `unpacked`, the origin of an archive, a remote.
    pub install_source: String,
    /// Where it was downloaded from, when the file says so.
    pub origin_url: String,
    /// SHA-256 of the file, in lower case hex.
    pub sha256: String,
    /// Who signed it.
    pub signer: String,
    /// Bytes: of a package installed, of a file as it is.
    pub size_bytes: Option<u64>,
    /// Whether it is switched on, where that can be said.
    pub enabled: Option<bool>,
    /// When it was installed or changed last.
    pub installed_at: Option<Timestamp>,
}

/// The end of one look at one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// Which source.
    pub source: SoftwareSource,
    /// The look's id, unique on the device.
    pub id: String,
    /// How many items the source holds.
    pub items: u64,
    /// [`items_hash`] over them.
    pub items_hash: String,
    /// Whether the source was read wholly.
    pub complete: bool,
    /// Why not, or why there is nothing to read; empty otherwise.
    pub reason: String,
}

/// What an agent says of its inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InventoryMessage {
    /// An item of a full snapshot.
    Present {
        /// The snapshot's id.
        snapshot: String,
        /// The item.
        item: InventoryItem,
    },
    /// An item is new.
    Added {
        /// The item.
        item: InventoryItem,
    },
    /// An item is gone.
    Removed {
        /// The item as it was last seen.
        item: InventoryItem,
    },
    /// An item changed, or an executed program ran again.
    Changed {
        /// The item as it is now.
        item: InventoryItem,
        /// Its version before; empty when it was not known.
        previous_version: String,
    },
    /// The end of a look.
    Snapshot(SnapshotSummary),
}

/// An inventory event that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryFault {
    /// A field is missing or has another type.
    #[error("inventory event without a usable {field}")]
    Missing {
        /// The field's Sigma name.
        field: &'static str,
    },
    /// The source is not one we know; a newer agent perhaps.
    #[error("inventory source {shown:?} is not known: update the server")]
    UnknownSource {
        /// The first characters of what was said.
        shown: String,
    },
    /// A field is larger than its limit.
    #[error("{field} of an inventory event has {size}, the limit is {limit}")]
    TooLarge {
        /// The field's Sigma name.
        field: &'static str,
        /// Bytes, or number of values.
        size: usize,
        /// The limit.
        limit: usize,
    },
}

impl InventoryItem {
    /// An item of which only source, key and name are known.
    #[must_use]
    pub fn new(source: SoftwareSource, key: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            source,
            key: key.into(),
            name: name.into(),
            version: String::new(),
            publisher: String::new(),
            identifier: String::new(),
            architecture: String::new(),
            path: String::new(),
            user: String::new(),
            profile: String::new(),
            permissions: Vec::new(),
            install_source: String::new(),
            origin_url: String::new(),
            sha256: String::new(),
            signer: String::new(),
            size_bytes: None,
            enabled: None,
            installed_at: None,
        }
    }

    /// Cut to the limits of an item, with permissions sorted and each said once. Idempotent.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for (_, text) in self.texts_mut() {
            cut(text, INVENTORY_TEXT_BYTES_MAX);
        }
        self.permissions.retain(|permission| !permission.is_empty());
        self.permissions.sort();
        self.permissions.dedup();
        let said = self.permissions.len();
        let mut bytes = 0;
        for permission in &mut self.permissions {
            cut(permission, INVENTORY_TEXT_BYTES_MAX);
        }
        let fits = |permission: &&String| {
            bytes += permission.len();
            bytes <= INVENTORY_PERMISSIONS_BYTES_MAX
        };
        let fitting = self.permissions.iter().take_while(fits).count();
        if fitting < said || said > INVENTORY_PERMISSIONS_MAX {
            // One place, and its bytes, are for saying how many are left out.
            let kept = fitting.saturating_sub(1).min(INVENTORY_PERMISSIONS_MAX - 1);
            self.permissions.truncate(kept);
            self.permissions.push(format!("(+{} more)", said - kept));
            self.permissions.sort();
        }
        self
    }

    fn texts(&self) -> [(&'static str, &String); 13] {
        [
            ("ItemKey", &self.key),
            ("SoftwareName", &self.name),
            ("SoftwareVersion", &self.version),
            ("Publisher", &self.publisher),
            ("SoftwareId", &self.identifier),
            ("Architecture", &self.architecture),
            ("InstallPath", &self.path),
            ("User", &self.user),
            ("Profile", &self.profile),
            ("InstallSource", &self.install_source),
            ("OriginUrl", &self.origin_url),
            ("Sha256", &self.sha256),
            ("Signer", &self.signer),
        ]
    }

    fn texts_mut(&mut self) -> [(&'static str, &mut String); 13] {
        [
            ("ItemKey", &mut self.key),
            ("SoftwareName", &mut self.name),
            ("SoftwareVersion", &mut self.version),
            ("Publisher", &mut self.publisher),
            ("SoftwareId", &mut self.identifier),
            ("Architecture", &mut self.architecture),
            ("InstallPath", &mut self.path),
            ("User", &mut self.user),
            ("Profile", &mut self.profile),
            ("InstallSource", &mut self.install_source),
            ("OriginUrl", &mut self.origin_url),
            ("Sha256", &mut self.sha256),
            ("Signer", &mut self.signer),
        ]
    }
}

/// Cuts at a character's boundary.
fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventKind, Fields, Value};

    fn full(key: &str) -> InventoryItem {
        InventoryItem {
            version: "1:2.3-4".into(),
            publisher: "株式会社 \u{202e}exe".into(),
            identifier: "deb:zoom".into(),
            architecture: "amd64".into(),
            path: "/opt/zoom".into(),
            user: "alice".into(),
            profile: "Default".into(),
            permissions: vec!["<all_urls>".into(), "tabs".into()],
            install_source: "webstore".into(),
            origin_url: "https://zoom.us/x".into(),
            sha256: "00".repeat(32),
            signer: "Zoom".into(),
            size_bytes: Some(5),
            enabled: Some(false),
            installed_at: Some(Timestamp::from_nanos(1)),
            ..InventoryItem::new(SoftwareSource::Executed, key, "Zoom")
        }
    }

    #[test]
    fn every_message_survives_the_stream() {
        let summary = SnapshotSummary {
            source: SoftwareSource::Dpkg,
            id: "s1".into(),
            items: 3,
            items_hash: items_hash([&full("a")].into_iter()),
            complete: false,
            reason: "no".into(),
        };
        let bare = InventoryItem::new(SoftwareSource::Snap, "code", "");
        for message in [
            InventoryMessage::Present { snapshot: "s1".into(), item: full("a") },
            InventoryMessage::Added { item: bare },
            InventoryMessage::Removed { item: full("a") },
            InventoryMessage::Changed { item: full("a"), previous_version: "1".into() },
            InventoryMessage::Snapshot(summary),
        ] {
            let (kind, fields) = message.kind_and_fields();
            let back = InventoryMessage::of_kind_and_fields(kind, &fields);
            assert_eq!(back, Ok(Some(message)));
        }
        let other = InventoryMessage::of_kind_and_fields(EventKind::FileWrite, &Fields::new());
        assert_eq!(other, Ok(None));
        for source in SoftwareSource::ALL {
            assert_eq!(SoftwareSource::of_name(source.name()), Some(*source));
        }
    }

    #[test]
    fn every_field_is_registered() {
        for message in [
            InventoryMessage::Changed { item: full("a"), previous_version: "1".into() },
            InventoryMessage::Present { snapshot: "s".into(), item: full("a") },
        ] {
            let (kind, fields) = message.kind_and_fields();
            for (name, _) in fields.iter() {
                let known = crate::registry::by_sigma(kind.family(), name);
                assert!(known.is_some(), "{name} is in no section of the field registry");
            }
        }
    }

    #[test]
    fn the_digest_sees_every_field_and_no_order() {
        let (a, b) = (full("a"), full("b"));
        assert_eq!(items_hash([&a, &b].into_iter()), items_hash([&b, &a].into_iter()));
        assert_ne!(items_hash([&a].into_iter()), items_hash([&a, &a].into_iter()));
        let mut other = a.clone();
        other.permissions = vec!["<all_urls>tabs".into()];
        assert_ne!(other.digest(), a.digest());
        for place in 0..13 {
            let mut other = a.clone();
            other.texts_mut()[place].1.push('x');
            assert_ne!(other.digest(), a.digest(), "text {place}");
        }
        let (mut enabled, mut size) = (a.clone(), a.clone());
        (enabled.enabled, size.size_bytes) = (None, None);
        assert_ne!(enabled.digest(), a.digest());
        assert_ne!(size.digest(), a.digest());
    }

    #[test]
    fn the_digest_follows_additions_and_removals() {
        let mut digest = ItemsDigest::default();
        let items: Vec<_> = (0..50).map(|number| full(&number.to_string())).collect();
        items.iter().for_each(|item| digest.add(item));
        assert_eq!(digest.to_hex(), items_hash(items.iter()));
        assert_eq!(ItemsDigest::of_hex(&digest.to_hex()), Some(digest));
        items.iter().skip(7).for_each(|item| digest.remove(item));
        assert_eq!(digest.to_hex(), items_hash(items.iter().take(7)));
        assert_eq!(ItemsDigest::of_hex("+1"), None);
    }

    #[test]
    fn what_is_too_large_is_cut_by_the_reader_and_refused_by_the_receiver() {
        let mut item = full("a");
        item.name = "日".repeat(1 << 20);
        item.permissions = (0..10_000).map(|number| format!("https://{number}/*")).collect();
        let message = InventoryMessage::Added { item: item.clone() };
        let (kind, fields) = message.kind_and_fields();
        let refused = InventoryMessage::of_kind_and_fields(kind, &fields);
        assert!(matches!(refused, Err(InventoryFault::TooLarge { field: "SoftwareName", .. })));
        let item = item.bounded();
        assert_eq!(item.name.len(), INVENTORY_TEXT_BYTES_MAX - 1);
        assert_eq!(item.permissions.len(), INVENTORY_PERMISSIONS_MAX);
        assert_eq!(item.permissions[0], "(+9745 more)");
        assert_eq!(item.clone().bounded(), item);
        let mut long = full("a");
        long.permissions =
            (0..100).map(|number| format!("{number}{}", "x".repeat(9_999))).collect();
        let long = long.bounded();
        assert_eq!((long.permissions.len(), long.permissions[0].as_str()), (16, "(+85 more)"));
        assert_eq!(long.clone().bounded(), long);
        let (kind, fields) = InventoryMessage::Added { item }.kind_and_fields();
        assert!(InventoryMessage::of_kind_and_fields(kind, &fields).is_ok());
    }

    #[test]
    fn wrong_types_are_a_fault_and_no_panic() {
        let (kind, whole) = InventoryMessage::Added { item: full("a") }.kind_and_fields();
        for field in ["ItemKey", "SoftwareSource", "Permissions", "SizeBytes", "Enabled", "User"] {
            let mut fields = whole.clone();
            fields.set(field, Value::Map(Vec::new()));
            let found = InventoryMessage::of_kind_and_fields(kind, &fields);
            assert!(found.is_err(), "{field}: {found:?}");
        }
        let mut fields = whole;
        fields.set("SoftwareSource", "windows");
        let found = InventoryMessage::of_kind_and_fields(kind, &fields);
        assert!(matches!(found, Err(InventoryFault::UnknownSource { .. })));
    }
}
