//! Names of software in normal form. The base is what people call the thing; edition, architecture,
//! language, platform, version and company form are taken off it and kept as attributes.
//!
//! Deterministic and idempotent: the parts are taken off until none is left, so that the base is a fixed point.

use crate::fold::{clean, search_key};
use crate::limits::ATTRIBUTES_MAX;
use regex::Regex;
use std::sync::LazyLock;

/// Goes up whenever the same raw name may get another base. Stored beside every normal form, so that a newer
/// normaliser adds rules instead of recreating titles.
pub const NORMALISER_VERSION: u32 = 1;

/// What a part of a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeKind {
    /// `x64`, `arm64`, `64ビット版`.
    Architecture,
    /// `日本語版`, `-ja`, `en-US`.
    Locale,
    /// `Professional`, `体験版`.
    Edition,
    /// `Beta`, `ESR`, `Canary`.
    Channel,
    /// `for Windows`, `Mac版`.
    Platform,
    /// A version inside the name.
    Version,
    /// `株式会社`, `Inc.`
    CompanyForm,
    /// `.exe`, `.AppImage`.
    Package,
}

/// A part taken off a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// What it says.
    pub kind: AttributeKind,
    /// As it stood in the cleaned name.
    pub text: String,
}

/// A name in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalName {
    /// The whole name, cleaned: safe to show.
    pub shown: String,
    /// The name without its attributes.
    pub base: String,
    /// [`search_key`] of the base.
    pub key: String,
    /// What was taken off, in the order of the name.
    pub attributes: Vec<Attribute>,
    /// Hidden characters were taken out.
    pub hidden: bool,
    /// The raw name was longer than what is looked at.
    pub cut: bool,
}

impl NormalName {
    /// The first attribute of this kind.
    #[must_use]
    pub fn attribute(&self, kind: AttributeKind) -> Option<&str> {
        self.attributes.iter().find(|part| part.kind == kind).map(|part| part.text.as_str())
    }

    /// Edition and channel as one comparable text: two editions may be two titles.
    #[must_use]
    pub fn edition_key(&self) -> String {
        let mut parts: Vec<String> = self
            .attributes
            .iter()
            .filter(|part| matches!(part.kind, AttributeKind::Edition | AttributeKind::Channel))
            .map(|part| search_key(&part.text))
            .collect();
        parts.sort_unstable();
        parts.dedup();
        parts.join(" ")
    }
}

/// Brings a name into normal form. Never fails; hostile input is cleaned and bounded.
#[must_use]
pub fn normalise(raw: &str) -> NormalName {
    let cleaned = clean(raw);
    let mut base = tidy(&cleaned.text).unwrap_or_else(|| cleaned.text.clone());
    let mut attributes = Vec::new();
    // Beyond the limit parts are still taken off (the base must be a fixed point), they are only not listed.
    while let Some((shorter, mut parts)) = shorten(&base) {
        base = shorter;
        parts.reverse();
        attributes.append(&mut parts);
    }
    attributes.truncate(ATTRIBUTES_MAX);
    attributes.reverse();
    attributes.sort_by_key(|part| cleaned.text.find(&part.text).unwrap_or(usize::MAX));
    let key = search_key(&base);
    NormalName {
        shown: cleaned.text,
        base,
        key,
        attributes,
        hidden: cleaned.hidden,
        cut: cleaned.cut,
    }
}

/// Takes one part off, if there is one and something is left.
fn shorten(name: &str) -> Option<(String, Vec<Attribute>)> {
    brackets(name).or_else(|| ends(name))
}

/// A pair of brackets in which every word is an attribute, anywhere in the name.
fn brackets(name: &str) -> Option<(String, Vec<Attribute>)> {
    for found in BRACKETS.captures_iter(name) {
        let (whole, inside) = (found.get(0)?, found.get(1)?);
        let Some(parts) = words(inside.as_str()) else { continue };
        let before = name.get(..whole.start()).unwrap_or_default();
        let after = name.get(whole.end()..).unwrap_or_default();
        if let Some(shorter) = tidy(&format!("{before} {after}")) {
            return Some((shorter, parts));
        }
    }
    None
}

/// Every word inside brackets as an attribute; nothing when one of them is none.
fn words(inside: &str) -> Option<Vec<Attribute>> {
    let mut parts = Vec::new();
    let mut fillers = 0;
    for word in inside.split([' ', ',', ';', '/']).filter(|word| !word.is_empty()) {
        if FILLER.is_match(word) {
            fillers += 1;
            continue;
        }
        let (kind, _) = INSIDE.iter().find(|(_, pattern)| pattern.is_match(word))?;
        parts.push(Attribute { kind: *kind, text: word.to_owned() });
    }
    (!parts.is_empty() && fillers <= parts.len()).then_some(parts)
}

/// A part at the end, or a company form at the start.
fn ends(name: &str) -> Option<(String, Vec<Attribute>)> {
    for (kind, pattern) in ENDS.iter() {
        let Some(found) = pattern.captures(name) else { continue };
        let Some(part) = found.name("part") else { continue };
        let rest = match found.name("rest") {
            Some(rest) => rest.as_str(),
            None => name.get(..found.get(0)?.start()).unwrap_or_default(),
        };
        if let Some(shorter) = tidy(rest) {
            return Some((
                shorter,
                vec![Attribute { kind: *kind, text: part.as_str().to_owned() }],
            ));
        }
    }
    None
}

/// Without separators at its ends; nothing when no letter, digit or ideograph is left.
fn tidy(name: &str) -> Option<String> {
    let ends = |character: char| {
        character.is_whitespace()
            || matches!(character, '-' | ',' | ':' | ';' | '/' | '|' | '_' | '~' | '、')
    };
    let trimmed = name.trim_matches(ends);
    let joined = trimmed.split_whitespace().collect::<Vec<_>>().join(" ");
    (!search_key(&joined).is_empty()).then_some(joined)
}

fn patterns(list: &[(AttributeKind, &str)]) -> Vec<(AttributeKind, Regex)> {
    list.iter()
        .map(|(kind, text)| {
            (
                *kind,
                Regex::new(text)
                    .expect("invariant: a constant of this file, compiled by its tests"),
            )
        })
        .collect()
}

static BRACKETS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[(\[【〔]([^()\[\]【】〔〕]{1,64})[)\]】〕]")
        .expect("invariant: a constant of this file, compiled by its tests")
});
static FILLER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?i:edition|version|ver\.?|language|版|for|and|only|-)$")
        .expect("invariant: a constant of this file, compiled by its tests")
});

/// Words inside brackets. There short language codes are safe; at the end of a name they are not (`Post-it`).
static INSIDE: LazyLock<Vec<(AttributeKind, Regex)>> = LazyLock::new(|| {
    use AttributeKind::{Architecture, Channel, CompanyForm, Edition, Locale, Platform, Version};
    patterns(&[
        (
            Architecture,
            r"^(?i:x86|x64|x86[_-]64|amd64|arm64|aarch64|armhf|ia32|i[3-6]86|win32|win64|universal|intel|(?:32|64)-?bit|(?:32|64)ビット版?)$",
        ),
        (
            Locale,
            r"^(?i:ja|jp|en|de|fr|es|it|zh|ko|pt|ru|nl|japanese|english|multilingual|日本語版?|英語版?|多言語版?|中国語版?|韓国語版?|[a-z]{2}[-_][a-z]{2})$",
        ),
        (
            Edition,
            r"^(?i:pro|professional|enterprise|community|standard|ultimate|premium|free|lite|portable|trial|無償版?|無料版?|有償版?|体験版|製品版|個人版?|法人版?|評価版|試用版|ポータブル版?)$",
        ),
        (
            Channel,
            r"^(?i:beta|alpha|nightly|canary|preview|insiders?|esr|lts|rc\d*|ベータ版?|β版?)$",
        ),
        (Platform, r"^(?i:windows|win|mac|macos|linux|(?:windows|mac|linux)版)$"),
        (Version, r"^(?i:v\.?|ver\.?)?\d{1,9}(?:[._]\d{1,9})+(?i:[a-z]\d{0,3})?$"),
        (CompanyForm, r"^(?:株|有|合|同)$"),
    ])
});

/// Parts at the end of a name. `rest`, where given, is what stays.
static ENDS: LazyLock<Vec<(AttributeKind, Regex)>> = LazyLock::new(|| {
    use AttributeKind::{
        Architecture, Channel, CompanyForm, Edition, Locale, Package, Platform, Version,
    };
    patterns(&[
        (Package, r"(?P<part>\.(?i:app|exe|msi|msix|dmg|pkg|deb|rpm|appimage|xpi|crx))$"),
        (
            Architecture,
            r"(?i)[\s\-_,]+(?P<part>(?:x86[_-]64|x86|x64|amd64|arm64|aarch64|armhf|ia32|i[3-6]86|win32|win64|(?:32|64)[\s-]?bit)(?:[\s-]+(?:edition|version))?)$",
        ),
        (Architecture, r"[\s\-_,]*(?P<part>(?:32|64)\s?(?:ビット|(?i:bit))\s?版)$"),
        (
            Locale,
            r"(?i)[\s\-_,]+(?P<part>(?:ja|en|zh|ko|de|fr|es|it|pt|ru|nl|pl|sv|cs|tr|vi|th|id)[-_](?:jp|us|gb|cn|tw|hk|kr|de|fr|es|it|br|pt|ru|nl|pl|se|cz|tr|vn|th|id))$",
        ),
        (Locale, r"(?P<part>(?:日本語|英語|多言語|中国語|韓国語)版)$"),
        (
            Locale,
            r"(?i)(?:\s|-\s?)(?P<part>日本語|(?:japanese|english|multilingual)(?:\s(?:version|edition))?)$",
        ),
        (Locale, r"(?i)-(?P<part>ja|en)$"),
        (Platform, r"(?i)\s(?P<part>for\s(?:windows|mac\s?os(?:\sx)?|mac|linux))$"),
        (Platform, r"\s?(?P<part>(?i:windows|mac|linux)\s?版)$"),
        (
            Edition,
            r"(?i)[\s\-_,]+(?P<part>(?:for\s(?:enterprise|business)|home\s(?:and|&)\s(?:business|student)|professional\splus|professional|pro|enterprise|community|standard|ultimate|premium|free|lite|portable|trial)(?:\s(?:edition|version))?)$",
        ),
        (Edition, r"(?i)\s(?P<part>(?:home|personal|business|express|developer)\sedition)$"),
        (Edition, r"(?P<part>(?:無償|無料|有償|体験|製品|個人|法人|評価|試用|通常|ポータブル)版)$"),
        (
            Channel,
            r"(?i)[\s\-_]+(?P<part>(?:beta|alpha|nightly|canary|preview|insiders?|esr|lts|rc\d{0,3})(?:\s(?:channel|edition|version))?)$",
        ),
        (Channel, r"(?P<part>(?:ベータ|β)版)$"),
        (
            Version,
            r"(?i)[\s\-_,]+(?P<part>(?:(?:version|ver|v|release|rel)[\s.]*)?\d{1,9}(?:[._]\d{1,9})+[a-z0-9.+~-]{0,24})$",
        ),
        (Version, r"(?i)^(?P<rest>.*[^a-z])(?P<part>(?:version|ver|v)[\s.]*\d[0-9a-z.+~-]{0,24})$"),
        (Version, r"(?i)^(?P<rest>.*\S)\s?(?P<part>バージョン\s?\d[0-9a-z.+~-]{0,24})$"),
        (Version, r"(?i)\s(?P<part>(?:update|sp|service\spack|build|patch)\s?\d{1,6})$"),
        (
            Version,
            r"^(?P<rest>.*[\p{Han}\p{Hiragana}\p{Katakana}ー])\s?(?P<part>(?:19[89]\d|20\d\d)|\d{1,9}(?:\.\d{1,9})+)$",
        ),
        (Version, r"\s(?P<part>\d{1,2}|19[89]\d|20\d\d)$"),
        (
            CompanyForm,
            r"(?i)[\s,]+(?P<part>inc|llc|gmbh|co\.?,?\s?ltd|ltd|corp|corporation|k\.k)\.?$",
        ),
        (CompanyForm, r"\s?(?P<part>株式会社|有限会社|合同会社)$"),
        (CompanyForm, r"^(?P<part>株式会社|有限会社|合同会社)\s?(?P<rest>.+)$"),
    ])
});
