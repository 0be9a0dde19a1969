//! Context: fields that the server writes onto every event before rules see it, from what it knows of the device
//! and of the program that acts. `fields.toml` says what each means.
//!
//! Invariant: they never come from an endpoint. Whoever stamps an event calls [`strip`] first.

use crate::{Event, Family};

/// Name of the device's department.
pub const DEPARTMENT: &str = "Department";
/// Names of the device's groups.
pub const DEVICE_GROUPS: &str = "DeviceGroups";
/// Id of the catalogue's title.
pub const SOFTWARE_TITLE: &str = "SoftwareTitle";
/// What the title is for.
pub const SOFTWARE_CATEGORIES: &str = "SoftwareCategories";
/// How the program stands on this device.
pub const SOFTWARE_DECISION: &str = "SoftwareDecision";
/// Who signed the program's file.
pub const SIGNER: &str = "Signer";
/// Where the program's file came from.
pub const ORIGIN_URL: &str = "OriginUrl";
/// That place against the vendor's.
pub const ORIGIN_VERDICT: &str = "OriginVerdict";
/// Devices that ran this hash (or image path) in 30 days.
pub const PREVALENCE_30D: &str = "Prevalence30d";
/// Days since it first ran anywhere.
pub const FIRST_SEEN_DAYS: &str = "FirstSeenDays";
/// Images of the parents, nearest first.
pub const PARENT_CHAIN: &str = "ParentChain";

/// Every field of the context.
pub const FIELDS: [&str; 11] = [
    DEPARTMENT,
    DEVICE_GROUPS,
    SOFTWARE_TITLE,
    SOFTWARE_CATEGORIES,
    SOFTWARE_DECISION,
    SIGNER,
    ORIGIN_URL,
    ORIGIN_VERDICT,
    PREVALENCE_30D,
    FIRST_SEEN_DAYS,
    PARENT_CHAIN,
];

/// Images of a parent chain.
pub const PARENT_CHAIN_MAX: usize = 8;

/// Whether a field is of the context. Blanks do not count: rules do not see those of a name either.
#[must_use]
pub fn is_context(name: &str) -> bool {
    // Nearly every name fails at the first letter or at the length.
    if name.bytes().any(|byte| byte == b' ') {
        return FIELDS.contains(&name.replace(' ', "").as_str());
    }
    match name.as_bytes().first() {
        Some(b'D' | b'S' | b'O' | b'P' | b'F') => FIELDS.contains(&name),
        _ => false,
    }
}

/// Whether a field of a family's event is what the server wrote onto it, and no part of what happened. Words that are
/// looked for anywhere in an event are not looked for there: else every child of a shell would be a find of "bash".
#[must_use]
pub fn is_stamped(family: Family, name: &str) -> bool {
    let own = family == Family::Inventory && (name == SIGNER || name == ORIGIN_URL);
    !own && is_context(name)
}

/// Drops whatever the endpoint sent by a name of the context. Of an inventory event, signer and origin stay: there
/// they are what the device says of the item.
pub fn strip(event: &mut Event) {
    let family = event.kind.family();
    event.fields.retain(|name| !is_stamped(family, name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AgentId, DeviceId, EpochId, EventKind, Observation, StreamKey, Timestamp, registry,
    };

    fn event(kind: EventKind, fields: &[(&'static str, &str)]) -> Event {
        let fields = fields.iter().copied().collect();
        let seen = Observation { kind, observed_at: Timestamp::default(), fields };
        let stream =
            StreamKey { agent: AgentId::from_bits(1), epoch: EpochId::from_bits(1), seq: 1 };
        Event::of_linux_agent(seen, DeviceId::from_bits(1), stream, Timestamp::default())
    }

    #[test]
    fn every_field_is_registered_for_every_table() {
        for name in FIELDS {
            assert!(is_context(name), "{name}");
            for family in Family::ALL {
                assert!(registry::by_sigma(family, name).is_some(), "{name} of {family:?}");
            }
        }
    }

    #[test]
    fn what_an_endpoint_claims_is_dropped_however_it_is_spelt() {
        let claims = [
            ("Image", "/x"),
            ("SoftwareDecision", "approved"),
            ("Soft wareDecision", "approved"),
            (" Prevalence30d ", "900"),
            ("Signer", "Vendor"),
            ("SoftwareDecisions", "a name of its own"),
        ];
        let mut start = event(EventKind::ProcessStart, &claims);
        strip(&mut start);
        let names: Vec<&str> = start.fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Image", "SoftwareDecisions"]);
        let mut added = event(EventKind::SoftwareAdded, &claims);
        strip(&mut added);
        assert_eq!(added.fields.text("Signer"), Some("Vendor"));
        assert_eq!(added.fields.get("SoftwareDecision"), None);
    }
}
