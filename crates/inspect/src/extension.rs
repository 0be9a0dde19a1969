//! The package of a browser extension: what its manifest asks for. Read in memory, under limits.

use crate::limits::{
    MANIFEST_BYTES_MAX, PACKAGE_BYTES_MAX, PACKAGE_ENTRIES_MAX, PACKAGE_RATIO_MAX, PERMISSIONS_MAX,
    TEXT_CHARS_MAX,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::File;
use std::io::{Read as _, Seek, SeekFrom};
use zip::ZipArchive;

/// What the package of a browser extension says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extension {
    /// Name, its placeholder resolved by the package's own texts.
    pub name: String,
    /// Version.
    pub version: String,
    /// 2 or 3.
    pub manifest_version: u64,
    /// The browser's id, when the package names it (Firefox).
    pub id: String,
    /// Permissions as the manifest names them, optional ones among them.
    pub permissions: Vec<String>,
    /// Sites that it may read and change, those of its content scripts among them.
    pub hosts: Vec<String>,
    /// Where it updates itself from; empty: the browser's store.
    pub update_url: String,
}

/// A package that cannot be judged.
#[derive(Debug)]
pub(crate) enum PackageError {
    Unreadable(String),
    TooManyEntries,
    TooLarge,
    Manifest(ManifestFault),
}

/// What is wrong with the manifest, or with a file of its texts.
#[derive(Debug)]
pub(crate) enum ManifestFault {
    NoObject,
    TooLarge(String),
    /// The file, and the parser's words.
    Json(String, String),
}

/// The extension of a package; `None` for an archive without a manifest.
pub(crate) fn read(file: &mut File) -> Result<Option<Extension>, PackageError> {
    let unreadable = |err: &dyn std::fmt::Display| PackageError::Unreadable(err.to_string());
    file.seek(SeekFrom::Start(0)).map_err(|err| unreadable(&err))?;
    // A packed Chrome extension is a ZIP behind a signed head; the reader finds where it begins.
    let mut archive = ZipArchive::new(&mut *file).map_err(|err| unreadable(&err))?;
    if archive.len() > PACKAGE_ENTRIES_MAX {
        return Err(PackageError::TooManyEntries);
    }
    let mut unpacked = 0_u64;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|err| unreadable(&err))?;
        unpacked = unpacked.saturating_add(entry.size());
        let ratio_broken =
            entry.size() > entry.compressed_size().saturating_mul(PACKAGE_RATIO_MAX).max(4096);
        if unpacked > PACKAGE_BYTES_MAX || ratio_broken {
            return Err(PackageError::TooLarge);
        }
    }
    let Some(manifest) = json(&mut archive, "manifest.json")? else { return Ok(None) };
    if !manifest.is_object() {
        return Err(PackageError::Manifest(ManifestFault::NoObject));
    }
    let mut extension = of_manifest(&manifest);
    if let Some(key) = placeholder(&extension.name) {
        let key = key.to_owned();
        let locale = manifest.get("default_locale").and_then(Value::as_str).unwrap_or("en");
        let locale: String = locale
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .collect();
        if let Some(texts) = json(&mut archive, &format!("_locales/{locale}/messages.json"))? {
            extension.name = message(&texts, &key).unwrap_or(extension.name);
        }
    }
    Ok(Some(extension))
}

fn of_manifest(manifest: &Value) -> Extension {
    let list = |name: &str| texts(manifest.get(name));
    let mut permissions = list("permissions");
    permissions.extend(list("optional_permissions"));
    let mut hosts = list("host_permissions");
    hosts.extend(list("optional_host_permissions"));
    for script in manifest.get("content_scripts").and_then(Value::as_array).into_iter().flatten() {
        hosts.extend(texts(script.get("matches")));
    }
    // Manifest version 2 mixes sites into the permissions.
    let (sites, names) = permissions.into_iter().partition(|one| is_host(one));
    let (mut permissions, sites): (Vec<String>, Vec<String>) = (names, sites);
    hosts.extend(sites);
    for all in [&mut hosts, &mut permissions] {
        all.sort();
        all.dedup();
        all.truncate(PERMISSIONS_MAX);
    }
    let gecko = ["browser_specific_settings", "applications"]
        .into_iter()
        .find_map(|name| manifest.get(name)?.get("gecko")?.get("id")?.as_str());
    Extension {
        name: text(manifest.get("name")),
        version: text(manifest.get("version")),
        manifest_version: manifest.get("manifest_version").and_then(Value::as_u64).unwrap_or(0),
        id: gecko.map(capped).unwrap_or_default(),
        permissions,
        hosts,
        update_url: text(manifest.get("update_url")),
    }
}

fn is_host(permission: &str) -> bool {
    permission == "<all_urls>" || permission.contains("://")
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).take(PERMISSIONS_MAX).map(capped).collect()
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).map(capped).unwrap_or_default()
}

fn capped(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

fn placeholder(name: &str) -> Option<&str> {
    name.strip_prefix("__MSG_")?.strip_suffix("__")
}

/// Keys of the texts are compared without case, as browsers do.
fn message(texts: &Value, key: &str) -> Option<String> {
    let mut entries = texts.as_object()?.iter();
    let (_, entry) = entries.find(|(name, _)| name.eq_ignore_ascii_case(key))?;
    entry.get("message")?.as_str().map(capped)
}

fn json<R: std::io::Read + Seek>(
    archive: &mut ZipArchive<R>,
    name: &str,
) -> Result<Option<Value>, PackageError> {
    let entry = match archive.by_name(name) {
        Ok(entry) => entry,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(err) => return Err(PackageError::Unreadable(err.to_string())),
    };
    let mut bytes = Vec::new();
    entry
        .take(MANIFEST_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|err| PackageError::Unreadable(err.to_string()))?;
    if bytes.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(PackageError::Manifest(ManifestFault::TooLarge(name.to_owned())));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(bytes).map(Some).map_err(|err| {
        PackageError::Manifest(ManifestFault::Json(name.to_owned(), err.to_string()))
    })
}
