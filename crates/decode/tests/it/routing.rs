//! The tables of log sources against `thor.yml`, the map that SigmaHQ's own tests use.

use crate::shared;
use decode::windows::{ALIASES, CHANNELS, Made, services_of, source_of};
use model::Fields;

/// One entry below `logsources:`, as far as the test needs it.
#[derive(Debug, Default)]
struct Entry {
    category: Option<String>,
    product: Option<String>,
    service: Option<String>,
    event_ids: Vec<i64>,
    event_type: Option<String>,
    channels: Vec<String>,
    field_mappings: Vec<(String, String)>,
}

/// The file is regular: two levels of entries with blanks for indentation.
fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = String::new();
    for line in text.lines().skip_while(|line| !line.starts_with("logsources:")).skip(1) {
        let indent = line.len() - line.trim_start().len();
        let content = line.split(" #").next().unwrap_or_default().trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if indent == 4 {
            entries.push(Entry::default());
            section.clear();
            continue;
        }
        let entry = entries.last_mut().expect("an entry was opened");
        if let Some(item) = content.strip_prefix("- ") {
            let item = item.trim_matches(['\'', '"']);
            match section.as_str() {
                "sources" => {
                    entry.channels.extend(item.strip_prefix("WinEventLog:").map(str::to_owned))
                }
                _ => entry.event_ids.push(item.parse().expect("an event id")),
            }
            continue;
        }
        let (key, value) = content.split_once(':').expect("a key");
        let value = value.trim().to_owned();
        if indent == 8 {
            section = key.to_owned();
            match key {
                "category" => entry.category = Some(value),
                "product" => entry.product = Some(value),
                "service" => entry.service = Some(value),
                _ => {}
            }
            continue;
        }
        match (section.as_str(), key) {
            ("conditions", "EventID") => entry.event_ids.extend(value.parse::<i64>()),
            ("conditions", "EventType") => entry.event_type = Some(value),
            ("rewrite", "product") => entry.product = Some(value),
            ("rewrite", "service") => entry.service = Some(value),
            ("fieldmappings", _) => entry.field_mappings.push((key.to_owned(), value)),
            other => panic!("thor.yml has something new: {other:?}"),
        }
    }
    entries
}

#[test]
fn every_log_source_of_thor_is_in_the_tables() {
    let Some(path) = shared("data/sigma/thor.yml") else { return };
    let entries = entries(&std::fs::read_to_string(path).expect("can be read"));
    let (mut channels, mut categories) = (0, 0);
    for entry in entries.iter().filter(|entry| entry.product.as_deref() == Some("windows")) {
        let service = entry.service.as_deref().expect("a Windows entry names its service");
        for channel in &entry.channels {
            assert!(services_of(Some(channel), None).contains(&service), "{channel} → {service}");
            channels += 1;
        }
        let Some(category) = &entry.category else { continue };
        let known = CHANNELS.iter().find(|(_, known)| *known == service).expect("known service").1;
        for event_id in &entry.event_ids {
            let mut fields = Fields::new();
            if let Some(event_type) = &entry.event_type {
                fields.set("EventType", event_type.as_str());
            }
            let source = source_of(&[known], Some(*event_id), &fields);
            assert!(source.categories.iter().any(|own| own == category), "{entry:?}");
            categories += 1;
        }
        for (field, from) in &entry.field_mappings {
            let mapped = ALIASES.iter().any(|alias| {
                alias.service == service
                    && alias.field == field
                    && matches!(alias.made, Made::Same(name) if name == from)
            });
            assert!(mapped, "{service}: {field} ← {from}");
        }
    }
    assert!(channels > 50 && categories > 45, "{channels} channels, {categories} categories");
}

#[test]
fn an_event_belongs_to_a_set_of_categories() {
    let check = |event_id: i64, event_type: &str, expected: &[&str]| {
        let fields: Fields = [("EventType", event_type)].into_iter().collect();
        let source = source_of(&["sysmon"], Some(event_id), &fields);
        assert_eq!(source.categories, expected, "{event_id} {event_type}");
    };
    check(12, "CreateKey", &["registry_event", "registry_add"]);
    check(12, "DeleteKey", &["registry_event", "registry_delete"]);
    check(12, "DeleteValue", &["registry_event", "registry_delete"]);
    check(13, "SetValue", &["registry_event", "registry_set"]);
    check(14, "RenameKey", &["registry_event", "registry_rename"]);
    check(18, "ConnectPipe", &["pipe_created"]);
    check(99, "", &[]);
}

#[test]
fn the_same_event_id_of_another_service_has_no_category() {
    assert!(source_of(&["application"], Some(1), &Fields::new()).categories.is_empty());
    assert!(source_of(&[], Some(1), &Fields::new()).categories.is_empty());
    assert!(source_of(&["sysmon"], None, &Fields::new()).categories.is_empty());
}

#[test]
fn channel_names_are_compared_as_windows_does_and_the_provider_helps_out() {
    assert_eq!(
        services_of(Some("MICROSOFT-WINDOWS-SMBCLIENT/security"), None),
        ["smbclient-security"]
    );
    assert_eq!(services_of(None, Some("Microsoft-Windows-Sysmon")), ["sysmon"]);
    assert_eq!(services_of(Some("System"), Some("Microsoft-Windows-Sysmon")), ["system"]);
    assert!(services_of(Some("Nobody/Operational"), Some("Nobody")).is_empty());
}
