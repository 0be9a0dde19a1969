//! Fields that Windows names differently than Sigma's taxonomy does. A table: which field of which events
//! is made from which, and how. The original field stays, except where Sigma gives its name another
//! meaning.

use super::record::Origin;
use model::{Fields, Value};

/// How a value is made from another field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// As it is.
    Same(&'static str),
    /// A process id or port: Windows writes `0x1a4` or `443` as text.
    Number(&'static str),
    /// A registry path: `\REGISTRY\MACHINE\…` becomes `HKLM\…`, with the value's name at its end, which
    /// the second field holds.
    RegistryPath(&'static str, &'static str),
    /// The SID of a mandatory label becomes the level's name as Sysmon writes it.
    IntegrityLevel(&'static str),
    /// Domain and account, joined by a backslash.
    Account(&'static str, &'static str),
    /// One of the codes becomes its meaning; other codes give nothing.
    Meaning(&'static str, &'static [(&'static str, &'static str)]),
    /// The SHA-256 of a Sysmon list of hashes (`SHA1=…,SHA256=…`), in lower case.
    Sha256(&'static str),
}

/// One field of some events, and what it is made from.
#[derive(Debug, Clone, Copy)]
pub struct Alias {
    /// The service of the events.
    pub service: &'static str,
    /// Their ids; empty: all.
    pub event_ids: &'static [i64],
    /// The Sigma name.
    pub field: &'static str,
    /// What its value is made from.
    pub made: Made,
    /// Whether it takes the place of a field that Windows gives the same name for something else.
    pub replaces: bool,
}

/// Adds the fields of every row that applies, made from the fields as they were. Of several rows for one
/// field the first that gives a value counts.
pub(super) fn apply(fields: &mut Fields, origin: &Origin) {
    let mut additions: Vec<(&'static str, Value)> = Vec::new();
    for row in ALIASES {
        let applies = origin.services.contains(&row.service)
            && (row.event_ids.is_empty()
                || origin.event_id.is_some_and(|id| row.event_ids.contains(&id)));
        let made_before = additions.iter().any(|(field, _)| *field == row.field);
        if applies && !made_before && (row.replaces || fields.get(row.field).is_none()) {
            additions.extend(row.made.value(fields).map(|value| (row.field, value)));
        }
    }
    for (field, value) in additions {
        fields.set(field, value);
    }
}

impl Made {
    fn value(self, fields: &Fields) -> Option<Value> {
        match self {
            Self::Same(name) => fields.get(name).cloned(),
            Self::Number(name) => number(fields.get(name)?),
            Self::RegistryPath(key, value) => registry_path(fields.text(key)?, fields.text(value)),
            Self::IntegrityLevel(name) => {
                let sid = fields.text(name)?;
                let (_, level) = INTEGRITY_LEVELS.iter().find(|(known, _)| *known == sid)?;
                Some(Value::from(*level))
            }
            Self::Account(domain, account) => {
                let (domain, account) = (fields.text(domain)?, fields.text(account)?);
                // "-" stands for nobody.
                (!matches!(account, "-" | "")).then(|| Value::Text(format!("{domain}\\{account}")))
            }
            Self::Meaning(name, meanings) => {
                let code = fields.get(name)?.scalar_text()?;
                let (_, meaning) = meanings.iter().find(|(known, _)| *known == code)?;
                Some(Value::from(*meaning))
            }
            Self::Sha256(name) => {
                let hash = fields.text(name)?.split(',').find_map(|one| {
                    let (algorithm, hash) = one.trim().split_once('=')?;
                    algorithm.eq_ignore_ascii_case("SHA256").then_some(hash)
                })?;
                Some(Value::Text(hash.to_ascii_lowercase()))
            }
        }
    }
}

fn number(value: &Value) -> Option<Value> {
    let text = match value {
        Value::Text(text) => text.as_str(),
        Value::Int(_) | Value::UInt(_) => return Some(value.clone()),
        _ => return None,
    };
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.ok().map(Value::from)
}

fn registry_path(key: &str, value_name: Option<&str>) -> Option<Value> {
    let (hive, rest) = HIVES.iter().find_map(|(native, hive)| {
        let (start, rest) = key.split_at_checked(native.len())?;
        let whole = rest.is_empty() || rest.starts_with('\\');
        (whole && start.eq_ignore_ascii_case(native)).then_some((*hive, rest))
    })?;
    let mut path = format!("{hive}{rest}");
    if let Some(name) = value_name.filter(|name| *name != "-") {
        path.push('\\');
        path.push_str(name);
    }
    Some(Value::Text(path))
}

const fn alias(
    service: &'static str,
    event_ids: &'static [i64],
    field: &'static str,
    made: Made,
) -> Alias {
    Alias { service, event_ids, field, made, replaces: false }
}

const fn replacing(
    service: &'static str,
    event_ids: &'static [i64],
    field: &'static str,
    made: Made,
) -> Alias {
    Alias { service, event_ids, field, made, replaces: true }
}

/// Every alias.
pub const ALIASES: &[Alias] = &[
    // Process start and end in the security log. Its `ProcessId` is the creator's in 4688.
    alias("security", &[4688], "Image", Made::Same("NewProcessName")),
    alias("security", &[4688], "ParentImage", Made::Same("ParentProcessName")),
    alias("security", &[4688], "ParentProcessId", Made::Number("ProcessId")),
    replacing("security", &[4688], "ProcessId", Made::Number("NewProcessId")),
    // The account of the new process stands in `Target…` when it is not its creator's. `LogonId` is not
    // made: rules that ask for it except events that lack it, because they mean Sysmon's.
    alias("security", &[4688], "User", Made::Account("TargetDomainName", "TargetUserName")),
    alias("security", &[4688], "User", Made::Account("SubjectDomainName", "SubjectUserName")),
    alias("security", &[4688], "IntegrityLevel", Made::IntegrityLevel("MandatoryLabel")),
    alias("security", &[4689], "Image", Made::Same("ProcessName")),
    replacing("security", &[4689], "ProcessId", Made::Number("ProcessId")),
    alias("security", &[4689], "User", Made::Account("SubjectDomainName", "SubjectUserName")),
    // A registry value under audit.
    alias("security", &[4657], "Image", Made::Same("ProcessName")),
    alias("security", &[4657], "TargetObject", Made::RegistryPath("ObjectName", "ObjectValueName")),
    alias("security", &[4657], "Details", Made::Same("NewValue")),
    alias("security", &[4657], "EventType", Made::Meaning("OperationType", REGISTRY_OPERATIONS)),
    replacing("security", &[4657], "ProcessId", Made::Number("ProcessId")),
    // A connection that the filtering platform allowed.
    alias("security", &[5156], "Image", Made::Same("Application")),
    alias("security", &[5156], "SourceIp", Made::Same("SourceAddress")),
    alias("security", &[5156], "DestinationIp", Made::Same("DestAddress")),
    alias("security", &[5156], "DestinationPort", Made::Number("DestPort")),
    replacing("security", &[5156], "SourcePort", Made::Number("SourcePort")),
    // Malware found by Defender, as the category `antivirus` names it.
    alias("windefend", &[], "Signature", Made::Same("ThreatName")),
    alias("windefend", &[], "Filename", Made::Same("Path")),
    alias("windefend", &[], "Feature_Name", Made::Same("FeatureName")),
    // The hash that the lake indexes.
    alias("sysmon", &[1, 6, 7, 15, 23, 26, 27, 29], "sha256", Made::Sha256("Hashes")),
];

const REGISTRY_OPERATIONS: &[(&str, &str)] =
    &[("%%1904", "SetValue"), ("%%1905", "SetValue"), ("%%1906", "DeleteValue")];

const INTEGRITY_LEVELS: &[(&str, &str)] = &[
    ("S-1-16-0", "Untrusted"),
    ("S-1-16-4096", "Low"),
    ("S-1-16-8192", "Medium"),
    ("S-1-16-8448", "MediumPlus"),
    ("S-1-16-12288", "High"),
    ("S-1-16-16384", "System"),
];

const HIVES: &[(&str, &str)] = &[(r"\REGISTRY\MACHINE", "HKLM"), (r"\REGISTRY\USER", "HKU")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_paths_are_written_as_sysmon_writes_them() {
        let check = |key: &str, value: Option<&str>, expected: Option<&str>| {
            assert_eq!(registry_path(key, value), expected.map(Value::from), "{key}");
        };
        check(
            r"\REGISTRY\MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Run",
            Some("updater"),
            Some(r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run\updater"),
        );
        check(r"\Registry\User\S-1-5-21-1\Software", None, Some(r"HKU\S-1-5-21-1\Software"));
        check(r"\REGISTRY\MACHINE", Some("-"), Some("HKLM"));
        check(r"\REGISTRY\MACHINERY\x", None, None);
        check(r"\REGISTRY\A\{1}", None, None);
        check("", None, None);
    }

    /// Found by fuzzing: a record with as many fields as an event may have got more by other names.
    #[test]
    fn other_names_fit_into_the_room_that_is_left_for_them() {
        for row in ALIASES {
            let same = ALIASES.iter().filter(|other| {
                let both = |id| row.event_ids.is_empty() || row.event_ids.contains(id);
                other.service == row.service
                    && (other.event_ids.is_empty() || other.event_ids.iter().any(both))
            });
            assert!(same.count() < crate::limits::FIELDS_ADDED_MAX, "{}", row.service);
        }
    }

    #[test]
    fn numbers_are_read_from_hex_and_decimal_text() {
        assert_eq!(number(&Value::from("0x1a4")), Some(Value::Int(420)));
        assert_eq!(number(&Value::from("443")), Some(Value::Int(443)));
        assert_eq!(number(&Value::from("-")), None);
        assert_eq!(number(&Value::Null), None);
    }
}
