//! Manifests of browser extensions, and their translated names. Pure.

use serde_json::Value;
use std::collections::BTreeSet;

/// What a manifest says, as far as it can be understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Manifest {
    /// The name as written, perhaps `__MSG_…__`.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) author: String,
    pub(crate) update_url: String,
    pub(crate) default_locale: String,
    /// Permissions, host permissions and the pages that content scripts read.
    pub(crate) permissions: Vec<String>,
}

/// A manifest's content; `None` when it is not a JSON object.
pub(crate) fn parse(bytes: &[u8]) -> Option<Manifest> {
    of_value(&relaxed(bytes)?)
}

/// A manifest that is already JSON (browsers keep copies in their preferences).
pub(crate) fn of_value(value: &Value) -> Option<Manifest> {
    let object = value.as_object()?;
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let author = match object.get("author") {
        Some(Value::Object(author)) => author.get("email").and_then(Value::as_str),
        Some(author) => author.as_str(),
        None => None,
    };
    let mut permissions = BTreeSet::new();
    for list in ["permissions", "host_permissions"] {
        collect(object.get(list), &mut permissions);
    }
    let scripts = object.get("content_scripts").and_then(Value::as_array);
    for script in scripts.into_iter().flatten() {
        collect(script.get("matches"), &mut permissions);
    }
    Some(Manifest {
        name: text("name"),
        version: text("version"),
        author: author.unwrap_or_default().to_owned(),
        update_url: text("update_url"),
        default_locale: text("default_locale"),
        permissions: permissions.into_iter().collect(),
    })
}

/// The texts of a list of permissions; one with options (`{"usbDevices": […]}`) counts by its name.
pub(crate) fn collect(list: Option<&Value>, into: &mut BTreeSet<String>) {
    for permission in list.and_then(Value::as_array).into_iter().flatten() {
        match permission {
            Value::String(text) => {
                into.insert(text.clone());
            }
            Value::Object(options) => into.extend(options.keys().cloned()),
            _ => {}
        }
    }
}

/// The key of a name that is to be translated.
pub(crate) fn message_key(name: &str) -> Option<&str> {
    name.strip_prefix("__MSG_")?.strip_suffix("__")
}

/// The text of a key in a `messages.json`; keys do not distinguish case.
pub(crate) fn message(bytes: &[u8], key: &str) -> Option<String> {
    let messages = relaxed(bytes)?;
    let found = messages.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?.1;
    found.get("message").and_then(Value::as_str).map(str::to_owned)
}

/// JSON as browsers read it: with a byte order mark and comments.
fn relaxed(bytes: &[u8]) -> Option<Value> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).ok().or_else(|| {
        let bare = without_comments(bytes);
        serde_json::from_slice(&bare).ok()
    })
}

fn without_comments(bytes: &[u8]) -> Vec<u8> {
    let mut bare = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let mut in_text = false;
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1);
        match (in_text, byte, next) {
            (true, b'\\', Some(next)) => {
                bare.extend([*byte, *next]);
                at += 2;
                continue;
            }
            (false, b'/', Some(b'/')) => {
                at +=
                    bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            (false, b'/', Some(b'*')) => {
                let end = bytes[at + 2..].windows(2).position(|pair| pair == b"*/");
                at = end.map_or(bytes.len(), |end| at + end + 4);
                continue;
            }
            (_, b'"', _) => in_text = !in_text,
            _ => {}
        }
        bare.push(*byte);
        at += 1;
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_of_every_kind_are_collected() {
        let text = r#"{"name":"A","version":"1.2","permissions":["tabs",{"usbDevices":[1]},7],
            "host_permissions":["<all_urls>"],"content_scripts":[{"matches":["https://x/*"]},3],
            "author":{"email":"a@b"}}"#;
        let manifest = parse(text.as_bytes()).expect("is one");
        assert_eq!(manifest.permissions, ["<all_urls>", "https://x/*", "tabs", "usbDevices"]);
        assert_eq!(manifest.author, "a@b");
    }

    #[test]
    fn comments_and_a_byte_order_mark_are_read_as_browsers_do() {
        let text =
            "\u{feff}{ // one\n \"name\": \"a//b /* \\\" */\", /* two */ \"version\": \"1\" }";
        let manifest = parse(text.as_bytes()).expect("is one");
        assert_eq!(manifest.name, "a//b /* \" */");
    }

    #[test]
    fn broken_manifests_are_nothing_and_wrong_types_are_left_out() {
        let deep = "[".repeat(1 << 20);
        for text in ["", "[]", "{", "\"x\"", "{/*", "//", "\\", deep.as_str()] {
            assert_eq!(parse(text.as_bytes()), None, "{}", text.len());
        }
        let odd =
            r#"{"name":5,"version":[],"permissions":{"a":1},"content_scripts":"x","author":3}"#;
        assert_eq!(parse(odd.as_bytes()), Some(Manifest::default()));
    }

    #[test]
    fn messages_are_found_whatever_their_case() {
        let texts = r#"{"AppName":{"message":"ズーム"},"other":{"message":5},"bad":1}"#.as_bytes();
        assert_eq!(message_key("__MSG_appname__"), Some("appname"));
        assert_eq!(message(texts, "appname").as_deref(), Some("ズーム"));
        assert_eq!(message(texts, "other"), None);
        assert_eq!(message(texts, "bad"), None);
        assert_eq!(message_key("__MSG_"), None);
    }
}
