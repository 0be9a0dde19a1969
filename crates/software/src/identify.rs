//! Which title an observed item is: evidence, scored, and one of three outcomes.
//!
//! Confirmed needs two independent evidences, one of them the vendor's (a hash, a signature, an id that derives from
//! the vendor's key, an official origin, the publisher's own name). Identity keys come before names: where a key
//! points to one title, a name alone never confirms another.

use crate::name::NormalName;
use crate::title::{Identifier, IdentifierKind, TitleId};
use model::inventory::InventoryItem;
use std::collections::BTreeSet;

/// Everything of an item that identifies it. Empty text: not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observed<'a> {
    /// Name of the inventory source, for example `dpkg`; empty for what a person typed.
    pub source: &'a str,
    /// The name people see.
    pub name: &'a str,
    /// Who publishes it.
    pub publisher: &'a str,
    /// `deb:zoom`, `flatpak:…`, an extension's id.
    pub identifier: &'a str,
    /// How it came: `webstore`, `unpacked`, the origin of an archive.
    pub install_source: &'a str,
    /// Where it was downloaded.
    pub origin_url: &'a str,
    /// SHA-256 in hex.
    pub sha256: &'a str,
    /// Who signed it.
    pub signer: &'a str,
}

impl<'a> Observed<'a> {
    /// Only a name, as a person types it.
    #[must_use]
    pub fn named(name: &'a str) -> Self {
        Self { name, ..Self::default() }
    }

    /// The identity keys of the item.
    #[must_use]
    pub fn identifiers(&self) -> Vec<Identifier> {
        let mut found = Vec::new();
        if !self.identifier.is_empty() {
            match Identifier::parse(self.identifier) {
                Ok(identifier) => found.push(identifier),
                Err(_) => found.extend(
                    kinds_of(self.source, self.identifier)
                        .iter()
                        .map(|kind| Identifier::new(*kind, self.identifier)),
                ),
            }
        }
        for (kind, value) in
            [(IdentifierKind::Sha256, self.sha256), (IdentifierKind::Signer, self.signer)]
        {
            if !value.is_empty() {
                found.push(Identifier::new(kind, value));
            }
        }
        found
    }
}

impl<'a> From<&'a InventoryItem> for Observed<'a> {
    fn from(item: &'a InventoryItem) -> Self {
        Self {
            source: item.source.name(),
            name: &item.name,
            publisher: &item.publisher,
            identifier: &item.identifier,
            install_source: &item.install_source,
            origin_url: &item.origin_url,
            sha256: &item.sha256,
            signer: &item.signer,
        }
    }
}

/// What an identifier without a kind is, by its source. Edge takes extensions from two stores.
fn kinds_of(source: &str, identifier: &str) -> &'static [IdentifierKind] {
    use IdentifierKind::{
        AppImage, ChromeExtension, Deb, EdgeExtension, FirefoxAddon, Flatpak, Rpm, Snap,
    };
    let chromium_form = identifier.len() == 32
        && identifier.bytes().all(|byte| byte.is_ascii_lowercase() && byte <= b'p');
    match source {
        "dpkg" => &[Deb],
        "rpm" => &[Rpm],
        "flatpak" => &[Flatpak],
        "snap" => &[Snap],
        "appimage" => &[AppImage],
        "firefox" => &[FirefoxAddon],
        "edge" if chromium_form => &[EdgeExtension, ChromeExtension],
        _ if chromium_form => &[ChromeExtension],
        _ => &[],
    }
}

/// What speaks for (or against) a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EvidenceKind {
    /// An analyst's rule. Decides alone.
    Rule,
    /// The file's hash is one of the vendor's.
    Hash,
    /// The store's id, which derives from the publisher's key or is signed with it.
    ExtensionId,
    /// The id of a package, bundle or product.
    PackageId,
    /// The signer is the vendor.
    Signer,
    /// A store or archive that signs what it hands out vouches for the id.
    Archive,
    /// It came from one of the vendor's hosts.
    Origin,
    /// The publisher is the vendor.
    Publisher,
    /// The publisher is known and another.
    PublisherDiffers,
    /// The whole name is one of the title's.
    NameExact,
    /// The name without edition, version, architecture is one of the title's.
    NameBase,
    /// The name is similar to one of the title's.
    NameSimilar,
}

impl EvidenceKind {
    /// What it adds to the score of a candidate.
    #[must_use]
    pub const fn weight(self) -> i32 {
        match self {
            Self::Rule => 1_000,
            Self::Hash => 100,
            Self::ExtensionId => 90,
            Self::PackageId => 70,
            Self::Signer => 60,
            Self::NameExact => 40,
            Self::Archive | Self::Origin => 35,
            Self::NameBase | Self::Publisher => 30,
            Self::NameSimilar => 10,
            Self::PublisherDiffers => -25,
        }
    }

    /// Evidences of one family are not independent of each other.
    const fn family(self) -> u8 {
        match self {
            Self::Rule => 0,
            Self::Hash => 1,
            Self::ExtensionId | Self::PackageId => 2,
            Self::Signer => 3,
            Self::Archive => 4,
            Self::Origin => 5,
            Self::Publisher | Self::PublisherDiffers => 6,
            Self::NameExact | Self::NameBase | Self::NameSimilar => 7,
        }
    }

    const fn counts(self) -> bool {
        !matches!(self, Self::PublisherDiffers | Self::NameSimilar)
    }

    pub(crate) const fn is_key(self) -> bool {
        matches!(self, Self::Hash | Self::ExtensionId | Self::PackageId)
    }
}

/// One evidence for one title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What it is.
    pub kind: EvidenceKind,
    /// For which title.
    pub title: TitleId,
    /// What the item says.
    pub observed: String,
    /// What the title says.
    pub expected: String,
    /// It stems from the vendor (or a store or archive that signs in its place).
    pub vendor: bool,
}

/// A title that it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The title.
    pub title: TitleId,
    /// Sum of the weights of its evidence.
    pub score: i32,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is this title.
    Confirmed(TitleId),
    /// It may be one of these; the likeliest first. A person decides, and the decision becomes a rule.
    Candidates(Vec<Candidate>),
    /// No title is known for it.
    None,
}

impl Outcome {
    /// The stored name of the kind of outcome; never changes.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Confirmed(_) => "confirmed",
            Self::Candidates(_) => "candidate",
            Self::None => "none",
        }
    }

    /// The confirmed title.
    #[must_use]
    pub const fn confirmed(&self) -> Option<&TitleId> {
        match self {
            Self::Confirmed(title) => Some(title),
            Self::Candidates(_) | Self::None => None,
        }
    }
}

/// One step of the way to the outcome, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In English.
    pub en: String,
    /// In Japanese.
    pub ja: String,
}

/// The answer, with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identification {
    /// What came out.
    pub outcome: Outcome,
    /// The observed name in normal form.
    pub name: NormalName,
    /// What was found.
    pub evidence: Vec<Evidence>,
    /// The way, step by step, for `explain`.
    pub steps: Vec<Step>,
    /// Of the normal form.
    pub normaliser_version: u32,
}

/// Decides from the evidence. `name_is_key`: the observed name is just the package's id, hence no evidence of its own.
pub(crate) fn decide(evidence: &[Evidence], name_is_key: bool) -> Outcome {
    let titles: BTreeSet<&TitleId> = evidence.iter().map(|one| &one.title).collect();
    let mut candidates: Vec<Candidate> = titles
        .iter()
        .map(|title| Candidate {
            title: (*title).clone(),
            score: of(evidence, title).map(|one| one.kind.weight()).sum(),
        })
        .collect();
    candidates.sort_by(|left, right| {
        right.score.cmp(&left.score).then_with(|| left.title.cmp(&right.title))
    });
    let has_key = |title: &TitleId| of(evidence, title).any(|one| one.kind.is_key());
    let any_key = titles.iter().any(|title| has_key(title));
    let confirmable: Vec<&TitleId> = titles
        .into_iter()
        .filter(|title| suffices(evidence, title, name_is_key) && (!any_key || has_key(title)))
        .collect();
    match confirmable.as_slice() {
        [one] => Outcome::Confirmed((*one).clone()),
        _ if candidates.is_empty() => Outcome::None,
        _ => {
            candidates.truncate(crate::limits::CANDIDATES_MAX);
            Outcome::Candidates(candidates)
        }
    }
}

/// Two independent evidences, one of them the vendor's.
fn suffices(evidence: &[Evidence], title: &TitleId, name_is_key: bool) -> bool {
    let mut families = BTreeSet::new();
    let mut vendor = false;
    for one in of(evidence, title).filter(|one| one.kind.counts()) {
        let family = one.kind.family();
        if !(name_is_key && family == EvidenceKind::NameExact.family()) {
            families.insert(family);
            vendor |= one.vendor;
        }
    }
    vendor && families.len() >= 2
}

fn of<'a>(evidence: &'a [Evidence], title: &'a TitleId) -> impl Iterator<Item = &'a Evidence> {
    evidence.iter().filter(move |one| one.title == *title)
}
