//! Extensions of Firefox: `extensions.json` of every profile, and what lies in its folder `extensions`.

use super::Found;
use super::homes::Home;
use super::manifest;
use super::tree::{Tree, stamp as stamp_of};
use crate::limits::{FOLDER_ENTRIES_MAX, MANIFEST_BYTES_MAX, PREFERENCES_BYTES_MAX, PROFILES_MAX};
use crate::linux::text::escape;
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use serde_json::Value;
use std::collections::BTreeSet;
use std::hash::Hasher;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 5] = [
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox",
];
const LIST: &str = "extensions.json";
const PLACED: &str = "extensions";

struct Profile<'a> {
    home: &'a Home,
    path: PathBuf,
    name: String,
}

pub(crate) fn stamp(homes: &[Home], into: &mut impl Hasher) {
    each_profile(homes, &mut Found::default(), |profile, _| {
        stamp_of(into, &profile.home.tree, &profile.path.join(LIST));
        stamp_of(into, &profile.home.tree, &profile.path.join(PLACED));
    });
}

pub(crate) fn read(homes: &[Home], found: &mut Found) {
    let mut any = false;
    each_profile(homes, found, |profile, found| {
        any = true;
        profile.read(found);
    });
    if !any {
        found.absent = Some(format!("no profile in {} homes", homes.len()));
    }
}

fn each_profile(homes: &[Home], found: &mut Found, mut each: impl FnMut(Profile<'_>, &mut Found)) {
    for home in homes {
        for (place, folder) in FOLDERS.iter().enumerate() {
            let folder = Path::new(folder);
            let names = match home.tree.names(folder, FOLDER_ENTRIES_MAX) {
                Ok(names) => names.unwrap_or_default(),
                Err(err) => {
                    found.problems.say(&home.tree.shown(folder), &err);
                    continue;
                }
            };
            let prefix = if place == 0 { String::new() } else { format!("{}/", folder.display()) };
            let mut profiles = 0;
            for name in names {
                let path = folder.join(&name);
                if !is_profile(&home.tree, &path) {
                    continue;
                }
                profiles += 1;
                if profiles > PROFILES_MAX {
                    let words = format!("more than {PROFILES_MAX} profiles");
                    found.problems.say(&home.tree.shown(folder), &words);
                    break;
                }
                let name = format!("{prefix}{}", escape(name.as_bytes()).0);
                each(Profile { home, path, name }, found);
            }
        }
    }
}

fn is_profile(tree: &Tree, path: &Path) -> bool {
    [LIST, PLACED, "prefs.js"]
        .iter()
        .any(|name| !matches!(tree.metadata(&path.join(name)), Ok(None)))
}

impl Profile<'_> {
    fn read(&self, found: &mut Found) {
        let list = self.path.join(LIST);
        let mut known = BTreeSet::new();
        match self.home.tree.read(&list, PREFERENCES_BYTES_MAX) {
            Ok(None) => {}
            Ok(Some(bytes)) => match addons(&bytes) {
                Ok(addons) => {
                    for addon in &addons {
                        if let Some(item) = self.item(addon) {
                            known.insert(item.identifier.clone());
                            found.push(item);
                        }
                    }
                }
                Err(err) => found.problems.say(&self.home.tree.shown(&list), &err),
            },
            Err(err) => found.problems.say(&self.home.tree.shown(&list), &err),
        }
        let folder = self.path.join(PLACED);
        let names = match self.home.tree.names(&folder, FOLDER_ENTRIES_MAX) {
            Ok(names) => names.unwrap_or_default(),
            Err(err) => return found.problems.say(&self.home.tree.shown(&folder), &err),
        };
        for name in names {
            let shown = escape(name.as_bytes()).0;
            let id = shown.strip_suffix(".xpi").unwrap_or(&shown);
            if !known.contains(id) && !matches!(id, "staged" | "trash") {
                found.push(self.placed(id, &folder.join(&name)));
            }
        }
    }

    /// An add-on of the list; `None` for what belongs to Firefox itself.
    fn item(&self, addon: &Value) -> Option<InventoryItem> {
        let text = |name: &str| addon.get(name).and_then(Value::as_str).unwrap_or_default();
        let truth = |name: &str| addon.get(name).and_then(Value::as_bool);
        let id = Some(text("id")).filter(|id| !id.is_empty())?;
        let location = text("location");
        if location.starts_with("app-builtin") || location.starts_with("app-system") {
            return None;
        }
        let locale = addon.get("defaultLocale");
        let of_locale = |name: &str| {
            let text = locale.and_then(|locale| locale.get(name)).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let mut permissions = BTreeSet::new();
        for set in ["userPermissions", "optionalPermissionsGranted"] {
            for list in ["permissions", "origins"] {
                manifest::collect(addon.get(set).and_then(|set| set.get(list)), &mut permissions);
            }
        }
        let name = Some(of_locale("name")).filter(|name| !name.is_empty());
        let mut item = self.bare(id, name.as_deref().unwrap_or(id));
        text("version").clone_into(&mut item.version);
        item.publisher = of_locale("creator");
        text("path").clone_into(&mut item.path);
        item.permissions = permissions.into_iter().collect();
        text("sourceURI").clone_into(&mut item.origin_url);
        source_of(addon).clone_into(&mut item.install_source);
        let signed = addon.get("signedState").and_then(Value::as_i64).unwrap_or(0);
        if signed >= SIGNED_BY_STORE {
            "Mozilla".clone_into(&mut item.signer);
        }
        item.enabled = truth("active");
        let changed = addon.get("updateDate").or_else(|| addon.get("installDate"));
        item.installed_at = changed
            .and_then(Value::as_i64)
            .map(|millis| Timestamp::from_micros(millis.saturating_mul(1_000)));
        Some(item)
    }

    /// Something in the folder that Firefox has not taken into its list (yet).
    fn placed(&self, id: &str, path: &Path) -> InventoryItem {
        let tree = &self.home.tree;
        let mut item = self.bare(id, id);
        item.path = tree.shown(path);
        "sideload".clone_into(&mut item.install_source);
        let manifest = tree.read(&path.join("manifest.json"), MANIFEST_BYTES_MAX).ok().flatten();
        if let Some(manifest) = manifest.as_deref().and_then(manifest::parse) {
            if !manifest.name.is_empty() {
                item.name = manifest.name;
            }
            item.version = manifest.version;
            item.publisher = manifest.author;
            item.permissions = manifest.permissions;
        }
        let changed = tree.metadata(path).ok().flatten().map(|found| found.mtime());
        item.installed_at = changed.map(|at| Timestamp::from_micros(at.saturating_mul(1_000_000)));
        item
    }

    fn bare(&self, id: &str, name: &str) -> InventoryItem {
        let key = format!("{id}@{}/{}", self.home.user, self.name);
        InventoryItem {
            identifier: id.to_owned(),
            user: self.home.user.clone(),
            profile: self.name.clone(),
            ..InventoryItem::new(SoftwareSource::Firefox, key, name)
        }
    }
}

/// `AddonManager.SIGNEDSTATE_SIGNED`; higher ones are Mozilla's own.
const SIGNED_BY_STORE: i64 = 2;
const STORE: &str = "https://addons.mozilla.org/";

fn addons(bytes: &[u8]) -> Result<Vec<Value>, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct List {
        addons: Vec<Value>,
    }
    serde_json::from_slice::<List>(bytes).map(|list| list.addons)
}

fn source_of(addon: &Value) -> &'static str {
    let text = |name: &str| addon.get(name).and_then(Value::as_str).unwrap_or_default();
    let told = addon.pointer("/installTelemetryInfo/source").and_then(Value::as_str);
    let foreign = addon.get("foreignInstall").and_then(Value::as_bool) == Some(true);
    match (text("location"), told) {
        ("app-temporary", _) => "unpacked",
        (_, Some("enterprise-policy")) => "policy",
        _ if foreign => "sideload",
        _ if text("sourceURI").starts_with(STORE) => "webstore",
        (_, Some("amo" | "disco")) => "webstore",
        _ => "sideload",
    }
}
