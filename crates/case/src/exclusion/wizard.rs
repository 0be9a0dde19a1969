//! The wizard: exclusions from what most devices share.
//!
//! A fresh installation knows thousands of packages and nobody's opinion of them. The wizard groups what was there
//! before recording began by where it came from. For each archive it proposes the *list* of packages that most
//! devices share (narrow: a package installed tomorrow is still found) and the archive as a whole (broad: it is not,
//! which the proposal says).

use super::Class;
use crate::predicate::{Operator, PREDICATE_VALUES_MAX, Predicate};
use model::inventory::SoftwareSource;
use std::collections::BTreeMap;

/// One distinct item that needs an answer, and how many devices have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its source.
    pub source: SoftwareSource,
    /// How it came.
    pub install_source: String,
    /// Who publishes it.
    pub publisher: String,
    /// Its identifier; the name when it has none.
    pub identifier: String,
    /// Its name.
    pub name: String,
    /// Devices that have it.
    pub devices: u64,
}

/// An exclusion that the wizard proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its class.
    pub class: Class,
    /// What it would cover.
    pub predicate: Predicate,
    /// The reason, Japanese.
    pub reason_ja: String,
    /// The reason, English.
    pub reason_en: String,
    /// How many of the items it was made from it covers.
    pub items: u64,
    /// Installations of those.
    pub installed: u64,
    /// The share of the devices that have the item which most devices have, in percent.
    pub devices_percent: u8,
    /// Whether it covers also what is installed later.
    pub broad: bool,
}

/// Proposes exclusions, the one that covers most installations first. `devices`: how many were looked at.
#[must_use]
pub fn propose(shared: &[Shared], devices: u64) -> Vec<Proposal> {
    let mut by_origin: BTreeMap<(SoftwareSource, &str), Vec<&Shared>> = BTreeMap::new();
    let mut by_publisher: BTreeMap<&str, Vec<&Shared>> = BTreeMap::new();
    for item in shared {
        by_origin.entry((item.source, item.install_source.as_str())).or_default().push(item);
        if !item.publisher.is_empty() && !item.source.is_browser() {
            by_publisher.entry(item.publisher.as_str()).or_default().push(item);
        }
    }
    let mut proposals = Vec::new();
    for ((source, origin), items) in by_origin {
        if source.is_browser() {
            proposals.extend(by_policy(source, origin, &items, devices));
        } else if !matches!(source, SoftwareSource::Executed | SoftwareSource::AppImage) {
            proposals.extend(list_of(source, origin, &items, devices));
            proposals.extend(whole_archive(source, origin, &items, devices));
        }
    }
    for (publisher, items) in by_publisher {
        proposals.extend(one_publisher(publisher, &items, devices));
    }
    proposals.sort_by(|left, right| {
        let rank = |one: &Proposal| (one.broad, std::cmp::Reverse(one.installed));
        rank(left).cmp(&rank(right))
    });
    proposals.truncate(PROPOSALS_MAX);
    proposals
}

/// The packages of an archive that most devices share, by name.
fn list_of(
    source: SoftwareSource,
    origin: &str,
    items: &[&Shared],
    devices: u64,
) -> Option<Proposal> {
    let mut common: Vec<&Shared> = items
        .iter()
        .copied()
        .filter(|item| item.devices.saturating_mul(100) >= devices.saturating_mul(COMMON_PERCENT))
        .collect();
    if common.len() < GROUP_ITEMS_MIN {
        return None;
    }
    // What more devices have comes first, when the list is too long for one exclusion.
    common.sort_by(|left, right| {
        (right.devices, &left.identifier).cmp(&(left.devices, &right.identifier))
    });
    common.truncate(PREDICATE_VALUES_MAX - 2);
    let identified = common.iter().all(|item| item.identifier != item.name);
    let field = if identified { "identifier" } else { "name" };
    let mut values: Vec<String> = common
        .iter()
        .map(|item| if identified { item.identifier.clone() } else { item.name.clone() })
        .filter(|value| !value.is_empty())
        .collect();
    values.sort();
    values.dedup();
    let mut parts = origin_of(source, origin);
    let count = values.len();
    parts.push(Predicate::one_of(field, Operator::Equals, values));
    let from = shown(source, origin);
    Some(Proposal {
        predicate: Predicate::All(parts),
        reason_ja: format!("{from} のうち、多くの端末に共通の {count} 件（標準構成）"),
        reason_en: format!(
            "{count} packages of {from} that most devices share: the standard equipment"
        ),
        broad: false,
        ..proposal(class_of(origin), &common, devices)
    })
}

/// Everything from one archive.
fn whole_archive(
    source: SoftwareSource,
    origin: &str,
    items: &[&Shared],
    devices: u64,
) -> Option<Proposal> {
    if origin.is_empty() || items.len() < GROUP_ITEMS_MIN {
        return None;
    }
    let from = shown(source, origin);
    Some(Proposal {
        predicate: Predicate::All(origin_of(source, origin)),
        reason_ja: format!("{from} のパッケージすべて"),
        reason_en: format!("every package of {from}"),
        broad: true,
        ..proposal(class_of(origin), items, devices)
    })
}

/// Extensions that the company's own policy installs.
fn by_policy(
    source: SoftwareSource,
    origin: &str,
    items: &[&Shared],
    devices: u64,
) -> Option<Proposal> {
    if origin != "policy" {
        return None;
    }
    Some(Proposal {
        predicate: Predicate::All(origin_of(source, origin)),
        reason_ja: format!("管理ポリシーで配布している {} の拡張機能", source.name()),
        reason_en: format!("extensions of {} that the company's policy installs", source.name()),
        broad: true,
        ..proposal(Class::StandardImage, items, devices)
    })
}

/// What one publisher makes and most devices have.
fn one_publisher(publisher: &str, items: &[&Shared], devices: u64) -> Option<Proposal> {
    let widest = items.iter().map(|item| item.devices).max().unwrap_or(0);
    let common = widest.saturating_mul(100) >= devices.saturating_mul(COMMON_PERCENT);
    if items.len() < GROUP_ITEMS_MIN || !common {
        return None;
    }
    Some(Proposal {
        predicate: Predicate::All(vec![Predicate::is("publisher", Operator::Equals, publisher)]),
        reason_ja: format!("発行元「{publisher}」のソフトウェアすべて"),
        reason_en: format!("everything of the publisher \"{publisher}\""),
        broad: true,
        ..proposal(Class::StandardImage, items, devices)
    })
}

fn proposal(class: Class, items: &[&Shared], devices: u64) -> Proposal {
    let widest = items.iter().map(|item| item.devices).max().unwrap_or(0);
    let percent = widest.saturating_mul(100).checked_div(devices).unwrap_or(0).min(100);
    Proposal {
        class,
        predicate: Predicate::All(Vec::new()),
        reason_ja: String::new(),
        reason_en: String::new(),
        items: items.len() as u64,
        installed: items.iter().map(|item| item.devices).sum(),
        devices_percent: u8::try_from(percent).unwrap_or(100),
        broad: false,
    }
}

fn origin_of(source: SoftwareSource, origin: &str) -> Vec<Predicate> {
    let mut parts = vec![Predicate::is("source", Operator::Equals, source.name())];
    if !origin.is_empty() {
        parts.push(Predicate::is("install_source", Operator::Equals, origin));
    }
    parts
}

/// A distribution's own archive holds the operating system; anything else somebody chose.
fn class_of(origin: &str) -> Class {
    let origin = origin.to_lowercase();
    let distribution = DISTRIBUTIONS.iter().any(|name| origin.contains(name));
    if distribution { Class::HardwareOs } else { Class::StandardImage }
}

fn shown(source: SoftwareSource, origin: &str) -> String {
    if origin.is_empty() {
        source.name().to_owned()
    } else {
        format!("{} ({origin})", source.name())
    }
}

const DISTRIBUTIONS: [&str; 9] =
    ["debian", "ubuntu", "fedora", "red hat", "redhat", "centos", "rocky", "almalinux", "opensuse"];
/// From this share of devices on, in percent, an item is common.
const COMMON_PERCENT: u64 = 50;
/// A group smaller than this is worked through one by one.
pub(super) const GROUP_ITEMS_MIN: usize = 3;
const PROPOSALS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::ITEM_FIELDS;

    fn shared(source: SoftwareSource, origin: &str, number: u64, devices: u64) -> Shared {
        Shared {
            source,
            install_source: origin.into(),
            publisher: format!("Maintainer {}", number % 50),
            identifier: format!("deb:package-{number}"),
            name: format!("package-{number}"),
            devices,
        }
    }

    #[test]
    fn a_debian_machine_needs_one_exclusion() {
        let items: Vec<Shared> = (0..2_000)
            .map(|number| shared(SoftwareSource::Dpkg, "Debian:bookworm", number, 1))
            .collect();
        let proposals = propose(&items, 1);
        let first = proposals.first().expect("a proposal");
        assert_eq!((first.items, first.class, first.broad), (2_000, Class::HardwareOs, false));
        for proposal in &proposals {
            assert_eq!(proposal.predicate.check(ITEM_FIELDS), Ok(()), "{}", proposal.reason_en);
        }
        let broad = proposals.iter().find(|one| one.broad).expect("a broad one");
        assert!(broad.predicate.to_json().len() < 300, "one line: {}", broad.predicate);
    }

    #[test]
    fn what_few_devices_have_is_not_in_the_list() {
        let items: Vec<Shared> = (0..100)
            .map(|number| {
                shared(SoftwareSource::Dpkg, "", number, if number < 60 { 90 } else { 2 })
            })
            .collect();
        let proposals = propose(&items, 100);
        let list = proposals.iter().find(|one| !one.broad).expect("the list");
        assert_eq!((list.items, list.devices_percent), (60, 90));
        assert_eq!(list.class, Class::StandardImage);
    }

    #[test]
    fn extensions_and_run_programs_are_never_taken_wholesale() {
        let mut items: Vec<Shared> = Vec::new();
        for number in 0..50 {
            items.push(shared(SoftwareSource::Chrome, "webstore", number, 100));
            let mut program = shared(SoftwareSource::Executed, "", number, 100);
            program.publisher.clear();
            items.push(program);
        }
        assert_eq!(propose(&items, 100), []);
        items.push(shared(SoftwareSource::Edge, "policy", 1, 100));
        assert_eq!(propose(&items, 100).len(), 1);
    }
}
