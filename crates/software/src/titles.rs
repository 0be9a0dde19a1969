//! The titles of a catalogue, indexed: identify an item, search, warn of a duplicate.

use crate::explain::{by_rule, name_step, outcome_step};
use crate::fold::search_key;
use crate::identify::{Evidence, EvidenceKind, Identification, Observed, decide};
use crate::limits::{HITS_MAX, SIMILAR_MAX};
use crate::name::{NORMALISER_VERSION, NormalName, normalise};
use crate::origin;
use crate::publisher::normalise_publisher;
use crate::search::{Hit, How, Index};
use crate::title::{Alias, Identifier, IdentifierKind, Title, TitleId};
use model::Timestamp;
use std::collections::HashMap;

/// An index over titles. Changes by being made anew: 10,000 titles take a fraction of a second.
#[derive(Debug, Default)]
pub struct Titles {
    titles: Vec<Title>,
    places: HashMap<TitleId, usize>,
    identifiers: HashMap<Identifier, Vec<usize>>,
    /// By the whole name's key.
    whole: HashMap<String, Vec<(usize, String)>>,
    /// By base and edition.
    bases: HashMap<(String, String), Vec<(usize, String)>>,
    publishers: Vec<Vec<(String, String)>>,
    index: Index,
    rules: Vec<Rule>,
    rules_by_identifier: HashMap<Identifier, Vec<usize>>,
    rules_by_name: HashMap<String, Vec<usize>>,
    rules_by_publisher: HashMap<String, Vec<usize>>,
}

/// An analyst's correction with its texts in normal form.
#[derive(Debug)]
struct Rule {
    alias: Alias,
    name: Option<(String, String)>,
    publisher: Option<String>,
}

impl Titles {
    /// Indexes titles. Of two titles with the same id the later one replaces the earlier.
    #[must_use]
    pub fn new(titles: Vec<Title>) -> Self {
        Self::with_rules(titles, Vec::new(), Timestamp::default())
    }

    /// Indexes titles and the corrections that hold at this time. A correction without any condition, or for a title
    /// that is not among these, has no effect.
    #[must_use]
    pub fn with_rules(titles: Vec<Title>, rules: Vec<Alias>, now: Timestamp) -> Self {
        let mut this = Self::default();
        for title in titles {
            match this.places.get(&title.id) {
                Some(place) => {
                    if let Some(old) = this.titles.get_mut(*place) {
                        *old = title;
                    }
                }
                None => {
                    this.places.insert(title.id.clone(), this.titles.len());
                    this.titles.push(title);
                }
            }
        }
        this.index_titles();
        for alias in rules {
            this.add_rule(alias, now);
        }
        this
    }

    fn index_titles(&mut self) {
        for (place, title) in self.titles.iter().enumerate() {
            for identifier in &title.identifiers {
                self.identifiers.entry(identifier.clone()).or_default().push(place);
            }
            for name in title.names() {
                let normal = normalise(name);
                add(&mut self.whole, search_key(name), place, name);
                add(&mut self.bases, (normal.key.clone(), normal.edition_key()), place, name);
                self.index.add(place, name);
            }
            let publishers = std::iter::once(&title.publisher).chain(&title.publisher_aliases);
            let keys = publishers
                .map(|name| (normalise_publisher(name).key, name.clone()))
                .filter(|(key, _)| !key.is_empty())
                .collect();
            self.publishers.push(keys);
        }
        self.index.finish();
    }

    fn add_rule(&mut self, alias: Alias, now: Timestamp) {
        let over = alias.expires_at.is_some_and(|end| end <= now);
        let unknown = alias.title.as_ref().is_some_and(|title| !self.places.contains_key(title));
        if over || unknown {
            return;
        }
        let name = (!alias.name.is_empty()).then(|| {
            let normal = normalise(&alias.name);
            let edition = normal.edition_key();
            (normal.key, edition)
        });
        let publisher =
            (!alias.publisher.is_empty()).then(|| normalise_publisher(&alias.publisher).key);
        let place = self.rules.len();
        if let Some(identifier) = &alias.identifier {
            self.rules_by_identifier.entry(identifier.clone()).or_default().push(place);
        } else if let Some((key, _)) = &name {
            self.rules_by_name.entry(key.clone()).or_default().push(place);
        } else if let Some(key) = &publisher {
            self.rules_by_publisher.entry(key.clone()).or_default().push(place);
        } else {
            return;
        }
        self.rules.push(Rule { alias, name, publisher });
    }

    /// A title by its id.
    #[must_use]
    pub fn get(&self, id: &TitleId) -> Option<&Title> {
        self.places.get(id).and_then(|place| self.titles.get(*place))
    }

    /// All titles in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Title> {
        self.titles.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.titles.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.titles.is_empty()
    }

    /// The titles with this identifier; more than one when several titles share a signer or a package.
    #[must_use]
    pub fn by_identifier(&self, identifier: &Identifier) -> Vec<&Title> {
        self.identifiers
            .get(identifier)
            .into_iter()
            .flatten()
            .filter_map(|place| self.titles.get(*place))
            .collect()
    }

    /// Searches in any language, with prefixes, parts and small slips; the best first, each title once.
    #[must_use]
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        self.hits(query, limit.min(HITS_MAX))
    }

    /// What may be meant by a name while it is being typed: the warning before a duplicate. Stricter than a search.
    #[must_use]
    pub fn similar(&self, name: &str) -> Vec<Hit> {
        let normal = normalise(name);
        let mut hits: Vec<Hit> = Vec::new();
        let bases =
            [(normal.key.clone(), normal.edition_key()), (normal.key.clone(), String::new())];
        let named = self
            .whole
            .get(&search_key(name))
            .into_iter()
            .chain(bases.iter().filter_map(|key| self.bases.get(key)));
        for (place, matched) in named.flatten() {
            let Some(title) = self.titles.get(*place) else { continue };
            if hits.iter().all(|hit| hit.title != title.id) {
                hits.push(Hit {
                    title: title.id.clone(),
                    matched: matched.clone(),
                    how: How::Exact,
                    score: How::Exact.score(),
                });
            }
        }
        for hit in self.hits(&normal.base, SIMILAR_MAX) {
            if hit.how != How::Part && hits.iter().all(|known| known.title != hit.title) {
                hits.push(hit);
            }
        }
        hits.truncate(SIMILAR_MAX);
        hits
    }

    fn hits(&self, query: &str, limit: usize) -> Vec<Hit> {
        let mut found = self.index.search(query);
        found.sort_by(|left, right| {
            right
                .score
                .cmp(&left.score)
                .then_with(|| self.name_of(left.title).cmp(self.name_of(right.title)))
        });
        found.truncate(limit);
        found
            .into_iter()
            .filter_map(|raw| {
                let title = self.titles.get(raw.title)?;
                Some(Hit {
                    title: title.id.clone(),
                    matched: raw.matched.to_owned(),
                    how: raw.how,
                    score: raw.score,
                })
            })
            .collect()
    }

    fn name_of(&self, place: usize) -> &str {
        self.titles.get(place).map_or("", |title| title.name.as_str())
    }

    /// Which title an item is, with the evidence and the way in words.
    #[must_use]
    pub fn identify(&self, observed: &Observed<'_>) -> Identification {
        let name = normalise(observed.name);
        let mut steps = vec![name_step(&name)];
        let identifiers = observed.identifiers();
        if let Some(rule) = self.rule(observed, &identifiers, &name) {
            let (outcome, evidence, step) = by_rule(&rule.alias);
            steps.push(step);
            steps.push(outcome_step(&outcome));
            return Identification {
                outcome,
                name,
                evidence,
                steps,
                normaliser_version: NORMALISER_VERSION,
            };
        }
        let mut evidence = Vec::new();
        self.by_keys(observed, &identifiers, &mut evidence);
        self.by_name(&name, &mut evidence);
        // A package's id says what it is, and its neighbours in an archive often differ by one letter.
        let packaged = matches!(observed.source, "dpkg" | "rpm" | "flatpak" | "snap")
            || vouches(observed.install_source);
        if evidence.is_empty() && !packaged {
            self.by_similarity(observed, &name, &mut evidence);
        }
        self.supporting(observed, &mut evidence);
        // The name of a package is its id: written twice it is still one evidence.
        let name_is_key = identifiers.iter().any(|one| search_key(&one.value) == name.key);
        let outcome = decide(&evidence, name_is_key);
        steps.extend(evidence.iter().map(Evidence::step));
        steps.push(outcome_step(&outcome));
        Identification { outcome, name, evidence, steps, normaliser_version: NORMALISER_VERSION }
    }

    /// The rule with the most conditions, of those the newest.
    fn rule(
        &self,
        observed: &Observed<'_>,
        identifiers: &[Identifier],
        name: &NormalName,
    ) -> Option<&Rule> {
        if self.rules.is_empty() {
            return None;
        }
        let publisher = normalise_publisher(observed.publisher).key;
        let edition = name.edition_key();
        let by_identifier =
            identifiers.iter().filter_map(|one| self.rules_by_identifier.get(one)).flatten();
        let by_name = self.rules_by_name.get(&name.key).into_iter().flatten();
        let by_publisher = self.rules_by_publisher.get(&publisher).into_iter().flatten();
        by_identifier
            .chain(by_name)
            .chain(by_publisher)
            .filter_map(|place| self.rules.get(*place))
            .filter(|rule| {
                rule.name.as_ref().is_none_or(|(key, own)| *key == name.key && *own == edition)
                    && rule.publisher.as_ref().is_none_or(|key| *key == publisher)
            })
            .max_by_key(|rule| {
                let conditions = usize::from(rule.alias.identifier.is_some()) * 2
                    + usize::from(rule.name.is_some())
                    + usize::from(rule.publisher.is_some());
                (conditions, rule.alias.at)
            })
    }

    fn by_keys(
        &self,
        observed: &Observed<'_>,
        identifiers: &[Identifier],
        evidence: &mut Vec<Evidence>,
    ) {
        for identifier in identifiers {
            let kind = match identifier.kind {
                IdentifierKind::Sha256 => EvidenceKind::Hash,
                IdentifierKind::ChromeExtension
                | IdentifierKind::EdgeExtension
                | IdentifierKind::FirefoxAddon => EvidenceKind::ExtensionId,
                // A publisher signs many titles: a signer supports, it proposes nothing.
                IdentifierKind::Signer | IdentifierKind::Team => continue,
                _ => EvidenceKind::PackageId,
            };
            // Whoever loads an unpacked folder writes the key, and with it the id, himself.
            let claimed = matches!(observed.install_source, "unpacked" | "sideload");
            let assigned = matches!(
                identifier.kind,
                IdentifierKind::ProductCode
                    | IdentifierKind::UpgradeCode
                    | IdentifierKind::PackageFamily
            );
            let vendor = match kind {
                EvidenceKind::Hash => true,
                EvidenceKind::ExtensionId => !claimed,
                _ => assigned,
            };
            for title in self.by_identifier(identifier) {
                evidence.push(Evidence {
                    kind,
                    title: title.id.clone(),
                    observed: identifier.value.clone(),
                    expected: identifier.value.clone(),
                    vendor,
                });
            }
        }
    }

    fn by_name(&self, name: &NormalName, evidence: &mut Vec<Evidence>) {
        if name.key.is_empty() {
            return;
        }
        let exact = self.whole.get(&search_key(&name.shown));
        let same_edition = self.bases.get(&(name.key.clone(), name.edition_key()));
        let any_edition = || self.bases.get(&(name.key.clone(), String::new()));
        let (kind, found) = match (exact, same_edition) {
            (Some(found), _) => (EvidenceKind::NameExact, Some(found)),
            (None, Some(found)) => (EvidenceKind::NameBase, Some(found)),
            (None, None) => (EvidenceKind::NameBase, any_edition()),
        };
        for (place, matched) in found.into_iter().flatten() {
            let Some(title) = self.titles.get(*place) else { continue };
            let shown = if kind == EvidenceKind::NameExact { &name.shown } else { &name.base };
            evidence.push(Evidence {
                kind,
                title: title.id.clone(),
                observed: shown.clone(),
                expected: matched.clone(),
                vendor: false,
            });
        }
    }

    /// Only slips of the pen, and longer names by the same publisher: everything else would propose noise.
    fn by_similarity(
        &self,
        observed: &Observed<'_>,
        name: &NormalName,
        evidence: &mut Vec<Evidence>,
    ) {
        if name.key.chars().count() < SIMILAR_CHARS_MIN {
            return;
        }
        let publisher = normalise_publisher(observed.publisher).key;
        for raw in self.index.near(&name.base) {
            let Some(title) = self.titles.get(raw.title) else { continue };
            let same_maker = !publisher.is_empty()
                && self
                    .publishers
                    .get(raw.title)
                    .is_some_and(|known| known.iter().any(|(key, _)| *key == publisher));
            if raw.how == How::Typo || same_maker {
                evidence.push(Evidence {
                    kind: EvidenceKind::NameSimilar,
                    title: title.id.clone(),
                    observed: name.base.clone(),
                    expected: raw.matched.to_owned(),
                    vendor: false,
                });
            }
        }
    }

    /// Publisher, signer, archive and origin: they propose no title, they speak for those proposed.
    fn supporting(&self, observed: &Observed<'_>, evidence: &mut Vec<Evidence>) {
        let mut proposed: Vec<TitleId> = evidence.iter().map(|one| one.title.clone()).collect();
        proposed.sort_unstable();
        proposed.dedup();
        let publisher = normalise_publisher(observed.publisher);
        let signer = normalise_publisher(observed.signer);
        for id in proposed {
            let Some(place) = self.places.get(&id).copied() else { continue };
            let (Some(title), Some(makers)) = (self.titles.get(place), self.publishers.get(place))
            else {
                continue;
            };
            let keyed = evidence.iter().any(|one| one.title == id && one.kind.is_key());
            let mut add = |kind, observed: &str, expected: &str, vendor| {
                evidence.push(Evidence {
                    kind,
                    title: id.clone(),
                    observed: observed.to_owned(),
                    expected: expected.to_owned(),
                    vendor,
                });
            };
            if keyed && vouches(observed.install_source) {
                add(EvidenceKind::Archive, observed.install_source, "", true);
            }
            match makers.iter().find(|(key, _)| *key == publisher.key) {
                Some((_, known)) => add(EvidenceKind::Publisher, &publisher.shown, known, true),
                None if publisher.key.is_empty() || makers.is_empty() || keyed => {}
                None => {
                    add(EvidenceKind::PublisherDiffers, &publisher.shown, &title.publisher, false)
                }
            }
            let listed = title.identifiers.iter().find(|one| {
                matches!(one.kind, IdentifierKind::Signer | IdentifierKind::Team)
                    && !signer.key.is_empty()
                    && search_key(&one.value) == search_key(observed.signer)
            });
            let maker = makers.iter().find(|(key, _)| !key.is_empty() && *key == signer.key);
            if listed.is_some() || maker.is_some() {
                add(EvidenceKind::Signer, &signer.shown, &title.publisher, true);
            }
            if let Some(host) = origin::official_host(observed.origin_url, &title.official_hosts) {
                add(EvidenceKind::Origin, &crate::clean(observed.origin_url).text, host, true);
            }
        }
    }
}

fn add<K: std::hash::Hash + Eq>(
    map: &mut HashMap<K, Vec<(usize, String)>>,
    key: K,
    place: usize,
    name: &str,
) {
    let entries = map.entry(key).or_default();
    if entries.iter().all(|(known, _)| *known != place) {
        entries.push((place, name.to_owned()));
    }
}

/// Stores and archives that sign what they hand out and decide who may use an id.
fn vouches(install_source: &str) -> bool {
    let source = install_source.trim().to_ascii_lowercase();
    let word = source.split([' ', '-', '/', ':', ',']).next().unwrap_or_default();
    ARCHIVES.contains(&word) || STORES.contains(&source.as_str())
}

/// First words of the origins of signed archives.
const ARCHIVES: &[&str] = &[
    "debian",
    "ubuntu",
    "fedora",
    "flathub",
    "snapcraft",
    "canonical",
    "rhel",
    "centos",
    "rocky",
    "almalinux",
    "opensuse",
];
/// Stores of browser extensions.
const STORES: &[&str] =
    &["webstore", "chrome-web-store", "edge-addons", "amo", "addons.mozilla.org"];
/// Shorter names have too many neighbours.
const SIMILAR_CHARS_MIN: usize = 5;
