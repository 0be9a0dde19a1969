//! The way to an outcome in words, for people who ask why.

use crate::identify::{Evidence, EvidenceKind, Outcome, Step};
use crate::name::NormalName;
use crate::title::Alias;

impl Evidence {
    pub(crate) fn step(&self) -> Step {
        let (observed, expected, title) = (&self.observed, &self.expected, &self.title);
        let (en, ja) = match self.kind {
            EvidenceKind::Rule => (
                format!("a rule written by {expected} says: title {title}"),
                format!("{expected} さんのルールにより、タイトル {title} です"),
            ),
            EvidenceKind::Hash => (
                format!("the SHA-256 {observed} is listed for {title}"),
                format!("SHA-256 {observed} は {title} のものとして登録されています"),
            ),
            EvidenceKind::ExtensionId => (
                format!("the extension id {observed} belongs to {title}"),
                format!("拡張機能ID {observed} は {title} のものです"),
            ),
            EvidenceKind::PackageId => (
                format!("the identifier {observed} belongs to {title}"),
                format!("識別子 {observed} は {title} のものです"),
            ),
            EvidenceKind::Signer => (
                format!("the signer \"{observed}\" is the vendor of {title}"),
                format!("署名者「{observed}」は {title} の提供元です"),
            ),
            EvidenceKind::Archive => (
                format!(
                    "\"{observed}\" signs what it hands out and vouches for the identifier of {title}"
                ),
                format!("署名付きの配布元「{observed}」が {title} の識別子を保証しています"),
            ),
            EvidenceKind::Origin => (
                format!("it came from {observed}; {expected} is an official host of {title}"),
                format!("入手元 {observed} は、{title} の公式ホスト {expected} です"),
            ),
            EvidenceKind::Publisher => (
                format!("the publisher \"{observed}\" is the vendor of {title} (\"{expected}\")"),
                format!("発行元「{observed}」は {title} の提供元「{expected}」です"),
            ),
            EvidenceKind::PublisherDiffers => (
                format!("against {title}: the publisher \"{observed}\" is not \"{expected}\""),
                format!("{title} と異なる点: 発行元「{observed}」は「{expected}」ではありません"),
            ),
            EvidenceKind::NameExact => (
                format!("the name \"{observed}\" is a name of {title} (\"{expected}\")"),
                format!("名称「{observed}」は {title} の名称「{expected}」です"),
            ),
            EvidenceKind::NameBase => (
                format!(
                    "the name without edition and version, \"{observed}\", is a name of {title} (\"{expected}\")"
                ),
                format!(
                    "エディションやバージョンを除いた名称「{observed}」は {title} の名称「{expected}」です"
                ),
            ),
            EvidenceKind::NameSimilar => (
                format!("the name \"{observed}\" is similar to \"{expected}\" of {title}"),
                format!("名称「{observed}」は {title} の「{expected}」に似ています"),
            ),
        };
        let (en_vendor, ja_vendor) =
            if self.vendor { (" [vendor's]", "［提供元による証拠］") } else { ("", "") };
        Step { en: format!("{en}{en_vendor}"), ja: format!("{ja}{ja_vendor}") }
    }
}

pub(crate) fn by_rule(alias: &Alias) -> (Outcome, Vec<Evidence>, Step) {
    let by = crate::clean(&alias.by).text;
    match &alias.title {
        Some(title) => {
            let evidence = Evidence {
                kind: EvidenceKind::Rule,
                title: title.clone(),
                observed: String::new(),
                expected: by,
                vendor: false,
            };
            let step = evidence.step();
            (Outcome::Confirmed(title.clone()), vec![evidence], step)
        }
        None => {
            let step = Step {
                en: format!("a rule written by {by} says: none of our titles"),
                ja: format!("{by} さんのルールにより、登録済みのどのタイトルでもありません"),
            };
            (Outcome::None, Vec::new(), step)
        }
    }
}

pub(crate) fn name_step(name: &NormalName) -> Step {
    let parts: Vec<&str> = name.attributes.iter().map(|part| part.text.as_str()).collect();
    let (mut en, mut ja) = (
        format!("the name \"{}\" is compared as \"{}\" (key {})", name.shown, name.base, name.key),
        format!("名称「{}」を「{}」として比較します（キー {}）", name.shown, name.base, name.key),
    );
    if !parts.is_empty() {
        en.push_str(&format!("; kept beside it: {}", parts.join(", ")));
        ja.push_str(&format!("。付随する情報: {}", parts.join("、")));
    }
    if name.hidden {
        en.push_str("; hidden characters were taken out");
        ja.push_str("。見えない文字を取り除きました");
    }
    if name.cut {
        en.push_str("; the name was too long and was cut");
        ja.push_str("。長すぎるため途中で切りました");
    }
    Step { en, ja }
}

pub(crate) fn outcome_step(outcome: &Outcome) -> Step {
    match outcome {
        Outcome::Confirmed(title) => {
            Step { en: format!("confirmed: {title}"), ja: format!("確定: {title}") }
        }
        Outcome::Candidates(list) => {
            let names: Vec<String> =
                list.iter().map(|one| format!("{} ({})", one.title, one.score)).collect();
            Step {
                en: format!(
                    "not enough for certainty (two independent evidences, one of them the vendor's); candidates: {}",
                    names.join(", ")
                ),
                ja: format!(
                    "確定には、独立した証拠が二つ（うち一つは提供元によるもの）必要です。候補: {}",
                    names.join("、")
                ),
            }
        }
        Outcome::None => Step {
            en: "no title is known for it".to_owned(),
            ja: "該当するタイトルはありません".to_owned(),
        },
    }
}
