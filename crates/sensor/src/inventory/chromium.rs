//! Extensions of Chromium and the browsers made of it.
//!
//! Two witnesses: the profile's preferences, which say how an extension came and whether it is on, and the
//! profile's folder `Extensions`, which holds the files. A folder that the preferences do not know (placed
//! there by hand) is an item too; preferences without files are not.

use super::Found;
use super::homes::Home;
use super::manifest::{self, Manifest};
use super::tree::{Tree, stamp as stamp_of, step};
use crate::limits::{FOLDER_ENTRIES_MAX, MANIFEST_BYTES_MAX, PREFERENCES_BYTES_MAX, PROFILES_MAX};
use crate::linux::text::escape;
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::hash::Hasher;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Folders of a browser in a home; profiles of the first are named as they are, of the others with it.
const fn folders(browser: SoftwareSource) -> &'static [&'static str] {
    match browser {
        SoftwareSource::Chrome => &[
            ".config/google-chrome",
            ".config/google-chrome-beta",
            ".config/google-chrome-unstable",
            ".var/app/com.google.Chrome/config/google-chrome",
        ],
        SoftwareSource::Chromium => &[
            ".config/chromium",
            "snap/chromium/common/chromium",
            ".var/app/org.chromium.Chromium/config/chromium",
            ".var/app/io.github.ungoogled_software.ungoogled_chromium/config/chromium",
        ],
        SoftwareSource::Edge => &[
            ".config/microsoft-edge",
            ".config/microsoft-edge-beta",
            ".config/microsoft-edge-dev",
            ".var/app/com.microsoft.Edge/config/microsoft-edge",
        ],
        SoftwareSource::Brave => &[
            ".config/BraveSoftware/Brave-Browser",
            ".config/BraveSoftware/Brave-Browser-Beta",
            ".config/BraveSoftware/Brave-Browser-Nightly",
            "snap/brave/current/.config/BraveSoftware/Brave-Browser",
            ".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser",
        ],
        SoftwareSource::Vivaldi => &[
            ".config/vivaldi",
            ".config/vivaldi-snapshot",
            ".var/app/com.vivaldi.Vivaldi/config/vivaldi",
        ],
        SoftwareSource::Opera => &[
            ".config/opera",
            ".config/opera-beta",
            ".config/opera-developer",
            ".var/app/com.opera.Opera/config/opera",
        ],
        _ => &[],
    }
}

const PREFERENCES: [&str; 2] = ["Preferences", "Secure Preferences"];
const EXTENSIONS: &str = "Extensions";

/// A profile of one browser of one user.
struct Profile<'a> {
    home: &'a Home,
    browser: SoftwareSource,
    path: PathBuf,
    name: String,
}

pub(crate) fn stamp(browser: SoftwareSource, homes: &[Home], into: &mut impl Hasher) {
    each_profile(browser, homes, &mut Found::default(), |profile, _| {
        let tree = &profile.home.tree;
        for file in PREFERENCES {
            stamp_of(into, tree, &profile.path.join(file));
        }
        let extensions = profile.path.join(EXTENSIONS);
        for id in tree.names(&extensions, FOLDER_ENTRIES_MAX).ok().flatten().unwrap_or_default() {
            let folder = extensions.join(id);
            stamp_of(into, tree, &folder.join("manifest.json"));
            let versions = tree.names(&folder, FOLDER_ENTRIES_MAX).ok().flatten();
            for version in versions.unwrap_or_default() {
                stamp_of(into, tree, &folder.join(&version).join("manifest.json"));
                stamp_of(into, tree, &folder.join(version).join("_locales"));
            }
        }
    });
}

pub(crate) fn read(browser: SoftwareSource, system: &Tree, homes: &[Home], found: &mut Found) {
    let mut any = false;
    each_profile(browser, homes, found, |profile, found| {
        any = true;
        profile.read(system, found);
    });
    if !any {
        found.absent = Some(format!("no profile in {} homes", homes.len()));
    }
}

fn each_profile(
    browser: SoftwareSource,
    homes: &[Home],
    found: &mut Found,
    mut each: impl FnMut(Profile<'_>, &mut Found),
) {
    for home in homes {
        for (place, folder) in folders(browser).iter().enumerate() {
            let folder = Path::new(folder);
            let names = match home.tree.names(folder, FOLDER_ENTRIES_MAX) {
                Ok(None) => continue,
                Ok(Some(names)) => names,
                Err(err) => {
                    found.problems.say(&home.tree.shown(folder), &err);
                    continue;
                }
            };
            let prefix = if place == 0 { String::new() } else { format!("{}/", folder.display()) };
            // Opera's only profile is the folder itself.
            let own = (browser == SoftwareSource::Opera).then(OsString::new);
            let mut profiles = 0;
            // Those that browsers make come first, so that folders made by hand crowd out none of them.
            let (made, others): (Vec<_>, Vec<_>) = names.into_iter().partition(is_named_so);
            for name in own.into_iter().chain(made).chain(others) {
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
                let shown = if name.is_empty() { OsStr::new("Default") } else { &name };
                let name = format!("{prefix}{}", escape(shown.as_bytes()).0);
                each(Profile { home, browser, path, name }, found);
            }
        }
    }
}

fn is_profile(tree: &Tree, path: &Path) -> bool {
    let named_so = || path.file_name().is_some_and(|name| is_named_so(&name.to_owned()));
    match tree.metadata(path) {
        Ok(Some(found)) if found.is_dir() => {}
        // A running browser keeps links out of the home beside its profiles; those are none.
        Err(_) => return named_so(),
        _ => return false,
    }
    // What can not be asked is there: reading it will say why.
    let has = |name: &str| !matches!(tree.metadata(&path.join(name)), Ok(None));
    PREFERENCES.into_iter().chain([EXTENSIONS]).any(has)
}

/// `Default`, `Profile 1`.
fn is_named_so(name: &OsString) -> bool {
    let number = name.as_bytes().strip_prefix(b"Profile ");
    name == "Default"
        || number.is_some_and(|number| {
            (1..=3).contains(&number.len()) && number.iter().all(u8::is_ascii_digit)
        })
}

#[derive(serde::Deserialize)]
struct Preferences {
    extensions: Option<ExtensionPreferences>,
}

#[derive(serde::Deserialize)]
struct ExtensionPreferences {
    settings: Option<Map<String, Value>>,
}

impl Profile<'_> {
    fn read(&self, system: &Tree, found: &mut Found) {
        let mut settings = Map::new();
        for file in PREFERENCES {
            let path = self.path.join(file);
            let shown = || self.home.tree.shown(&path);
            match self.home.tree.read(&path, PREFERENCES_BYTES_MAX) {
                Ok(None) => {}
                Ok(Some(bytes)) => match serde_json::from_slice::<Preferences>(&bytes) {
                    Ok(preferences) => {
                        let all = preferences.extensions.and_then(|part| part.settings);
                        settings.extend(all.unwrap_or_default());
                    }
                    Err(err) => found.problems.say(&shown(), &err),
                },
                Err(err) => found.problems.say(&shown(), &err),
            }
        }
        let mut folders = self.folders(found);
        for (id, setting) in &settings {
            if let Some(item) = self.registered(system, id, setting, &mut folders) {
                found.push(item);
            }
        }
        for (id, versions) in folders {
            if let Some(item) = self.placed(&id, &versions) {
                found.push(item);
            }
        }
    }

    /// The folders below `Extensions`: of each the paths that may hold a manifest.
    fn folders(&self, found: &mut Found) -> BTreeMap<OsString, Vec<PathBuf>> {
        let tree = &self.home.tree;
        let mut folders = BTreeMap::new();
        let extensions = self.path.join(EXTENSIONS);
        let mut names = |path: &Path| match tree.names(path, FOLDER_ENTRIES_MAX) {
            Ok(names) => names.unwrap_or_default(),
            Err(err) => {
                found.problems.say(&tree.shown(path), &err);
                Vec::new()
            }
        };
        for id in names(&extensions) {
            let folder = extensions.join(&id);
            let mut paths: Vec<PathBuf> =
                names(&folder).into_iter().map(|version| folder.join(version)).collect();
            paths.push(folder);
            paths.retain(|path| {
                let manifest = tree.metadata(&path.join("manifest.json"));
                // What can not be asked is looked at later, and said there.
                !matches!(manifest, Ok(None))
            });
            if !paths.is_empty() {
                folders.insert(id, paths);
            }
        }
        folders
    }

    /// An extension that the preferences know; `None` when its files are gone or it belongs to the browser.
    fn registered(
        &self,
        system: &Tree,
        id: &str,
        setting: &Value,
        folders: &mut BTreeMap<OsString, Vec<PathBuf>>,
    ) -> Option<InventoryItem> {
        let path = Path::new(setting.get("path").and_then(Value::as_str)?);
        let location = setting.get("location").and_then(Value::as_i64).unwrap_or(0);
        let (manifest, shown, at) = if path.is_absolute() {
            // Components of the browser itself lie where it is installed. In a home nothing does: there the word of the
            // preferences, which whoever owns the home may write, hides nothing.
            let of_browser = matches!(location, COMPONENT | EXTERNAL_COMPONENT);
            if of_browser && self.home.tree.below(path).is_none() {
                return None;
            }
            self.elsewhere(system, path)?
        } else {
            let below = self.path.join(EXTENSIONS).join(path);
            let at = self.home.tree.metadata(&below.join("manifest.json")).ok()??.mtime();
            if let Some(first) = path.components().next() {
                folders.remove(first.as_os_str());
            }
            (self.manifest(&below), self.home.tree.shown(&below), Some(at))
        };
        let kept = || setting.get("manifest").and_then(manifest::of_value);
        let manifest = manifest.or_else(kept).unwrap_or_default();
        let mut item = self.item(id, &manifest, shown);
        let mut granted: BTreeSet<String> = manifest.permissions.into_iter().collect();
        let active = setting.get("active_permissions");
        for list in ["api", "explicit_host", "scriptable_host"] {
            manifest::collect(active.and_then(|active| active.get(list)), &mut granted);
        }
        item.permissions = granted.into_iter().collect();
        let from_store = setting.get("from_webstore").and_then(Value::as_bool) == Some(true);
        source_of(location, from_store).clone_into(&mut item.install_source);
        item.enabled = Some(is_enabled(setting));
        item.installed_at = installed_at(setting).or_else(|| at.map(seconds));
        Some(item)
    }

    /// The manifest of an unpacked extension outside the folder `Extensions`; `None` when it is gone. Beyond
    /// the home, only what everybody may read is read: the user names the path.
    fn elsewhere(
        &self,
        system: &Tree,
        path: &Path,
    ) -> Option<(Option<Manifest>, String, Option<i64>)> {
        let shown = escape(path.as_os_str().as_bytes()).0;
        let file = path.join("manifest.json");
        let (tree, file, everybodys) = match self.home.tree.below(&file) {
            Some(below) => (&self.home.tree, below, false),
            None => (system, file.as_path(), true),
        };
        match tree.metadata(file) {
            Ok(None) => None,
            Ok(Some(found)) if everybodys && found.mode() & 0o004 == 0 => Some((None, shown, None)),
            Ok(Some(found)) => {
                let bytes = tree.read(file, MANIFEST_BYTES_MAX).ok().flatten();
                let manifest = bytes.as_deref().and_then(manifest::parse);
                Some((manifest, shown, Some(found.mtime())))
            }
            Err(_) => Some((None, shown, None)),
        }
    }

    /// An extension whose files are there and of which the preferences know nothing.
    fn placed(&self, id: &OsStr, versions: &[PathBuf]) -> Option<InventoryItem> {
        let tree = &self.home.tree;
        let changed = |path: &PathBuf| {
            tree.metadata(&path.join("manifest.json")).ok().flatten().map(|found| found.mtime())
        };
        let newest = versions.iter().max_by_key(|path| changed(path))?;
        let manifest = self.manifest(newest).unwrap_or_default();
        let id = escape(id.as_bytes()).0;
        let mut item = self.item(&id, &manifest, tree.shown(newest));
        item.permissions = manifest.permissions;
        "sideload".clone_into(&mut item.install_source);
        item.installed_at = changed(newest).map(seconds);
        Some(item)
    }

    fn item(&self, id: &str, manifest: &Manifest, path: String) -> InventoryItem {
        let Self { home, browser, name: profile, .. } = self;
        let name = if manifest.name.is_empty() { id } else { manifest.name.as_str() };
        InventoryItem {
            version: manifest.version.clone(),
            publisher: manifest.author.clone(),
            identifier: id.to_owned(),
            path,
            user: home.user.clone(),
            profile: profile.clone(),
            origin_url: manifest.update_url.clone(),
            ..InventoryItem::new(*browser, format!("{id}@{}/{profile}", home.user), name)
        }
    }

    /// The manifest in a folder of the profile, its name translated; `None` when it can not be understood.
    fn manifest(&self, folder: &Path) -> Option<Manifest> {
        let tree = &self.home.tree;
        let read = |path: PathBuf| tree.read(&path, MANIFEST_BYTES_MAX).ok().flatten();
        let mut manifest = manifest::parse(&read(folder.join("manifest.json"))?)?;
        if let Some(key) = manifest::message_key(&manifest.name) {
            let locales = [manifest.default_locale.as_str(), "en", "en_US", "ja"];
            let texts = locales.iter().filter_map(|locale| step(locale)).filter_map(|locale| {
                read(folder.join("_locales").join(locale).join("messages.json"))
            });
            let name = texts.filter_map(|bytes| manifest::message(&bytes, key)).next();
            manifest.name = name.unwrap_or(manifest.name);
        }
        Some(manifest)
    }
}

// Values of Chromium's `ManifestLocation`.
const EXTERNAL_PREF: i64 = 2;
const EXTERNAL_REGISTRY: i64 = 3;
const UNPACKED: i64 = 4;
const COMPONENT: i64 = 5;
const EXTERNAL_PREF_DOWNLOAD: i64 = 6;
const EXTERNAL_POLICY_DOWNLOAD: i64 = 7;
const COMMAND_LINE: i64 = 8;
const EXTERNAL_POLICY: i64 = 9;
const EXTERNAL_COMPONENT: i64 = 10;

const fn source_of(location: i64, from_store: bool) -> &'static str {
    match location {
        EXTERNAL_POLICY_DOWNLOAD | EXTERNAL_POLICY => "policy",
        UNPACKED | COMMAND_LINE => "unpacked",
        EXTERNAL_PREF | EXTERNAL_REGISTRY | EXTERNAL_PREF_DOWNLOAD => "sideload",
        COMPONENT | EXTERNAL_COMPONENT => "component",
        _ if from_store => "webstore",
        _ => "sideload",
    }
}

/// Older browsers keep a state, newer ones the reasons why it is off.
fn is_enabled(setting: &Value) -> bool {
    let reasons = match setting.get("disable_reasons") {
        Some(Value::Number(bits)) => bits.as_i64() != Some(0),
        Some(Value::Array(list)) => !list.is_empty(),
        _ => false,
    };
    !reasons && setting.get("state").and_then(Value::as_i64) != Some(0)
}

/// Microseconds since 1601, as text.
fn installed_at(setting: &Value) -> Option<Timestamp> {
    const FROM_1601_S: i64 = 11_644_473_600;
    let times = ["last_update_time", "install_time", "first_install_time"];
    let text = times.iter().find_map(|name| setting.get(*name)?.as_str())?;
    let micros: i64 = text.parse().ok()?;
    Some(Timestamp::from_micros(micros.checked_sub(FROM_1601_S * 1_000_000)?))
}

const fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000))
}
