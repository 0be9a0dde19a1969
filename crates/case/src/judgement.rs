//! May this item be where it is? The answer, and every step that led to it in Japanese and English.
//!
//! The order of the steps is the meaning:
//! 1. what was denied or revoked stays so, whatever an exclusion says;
//! 2. an exclusion in force covers it;
//! 3. software past its end of life is not permitted any more;
//! 4. a permission that covers this version: its conditions are checked;
//! 5. a permission that does not: somebody must look at the new version;
//! 6. nothing is known: it is a candidate of a title, or nobody permitted it.
//!
//! Invariant: pure; the caller brings what the catalogue says of the title and the exclusions in force.
//! Invariant: only a title that was *confirmed* is permitted, denied or revoked; a candidate never is.

use crate::decision::{Condition, reason_in};
use crate::exclusion::Exclusion;
use crate::finding::Kind;
use crate::finding::words;
use crate::predicate::{Subject, Truth};
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

words! {
    /// The answer about an item.
    Verdict {
        /// Denied.
        Denied "denied" "使用不可" "Denied";
        /// Permitted once, not any more.
        Revoked "revoked" "許可の取り消し" "Revoked";
        /// A condition of its permission does not hold.
        ConditionBroken "condition_broken" "条件違反" "Condition broken";
        /// Past its end of life.
        EndOfLife "end_of_life" "サポート終了" "End of life";
        /// Nobody permitted it.
        Unapproved "unapproved" "未申請" "Not approved";
        /// It may be one of several titles; a reviewer says.
        Candidate "candidate" "候補の確認待ち" "Candidate";
        /// Permitted, but nobody looked at this version or file.
        NewVersion "new_version" "未確認の新しい版" "New version";
        /// Permitted under conditions, none of which is known to be broken.
        ApprovedWithConditions "approved_with_conditions" "条件付きで使用可" "Approved with conditions";
        /// Permitted.
        Approved "approved" "使用可" "Approved";
        /// Covered by an exclusion.
        Excluded "excluded" "除外" "Excluded";
    }
}

impl Verdict {
    /// The kind of finding that it asks for; `None`: the item may be there.
    #[must_use]
    pub const fn finding(self, source: SoftwareSource) -> Option<Kind> {
        match self {
            Self::Denied => Some(Kind::Denied),
            Self::Revoked => Some(Kind::Revoked),
            Self::ConditionBroken => Some(Kind::ConditionBroken),
            Self::EndOfLife => Some(Kind::EndOfLife),
            Self::NewVersion => Some(Kind::NewVersion),
            Self::Unapproved | Self::Candidate => match source {
                SoftwareSource::Executed | SoftwareSource::AppImage => Some(Kind::Portable),
                _ => Some(Kind::Unapproved),
            },
            Self::Approved | Self::ApprovedWithConditions | Self::Excluded => None,
        }
    }
}

/// What the names in a predicate over an item may be.
pub const ITEM_FIELDS: &[&str] = &[
    "name",
    "title",
    "publisher",
    "version",
    "identifier",
    "source",
    "install_source",
    "origin_url",
    "path",
    "user",
    "profile",
    "permission",
    "sha256",
    "signer",
    "architecture",
    "enabled",
];

/// An item with the title that was confirmed for it.
#[derive(Debug, Clone, Copy)]
pub struct ItemFacts<'a> {
    /// The item.
    pub item: &'a InventoryItem,
    /// Its title's id and name, when one was confirmed.
    pub title: Option<(&'a str, &'a str)>,
}

impl Subject for ItemFacts<'_> {
    fn values(&self, field: &str) -> Vec<Cow<'_, str>> {
        let item = self.item;
        let text = match field {
            "title" => return self.title.iter().map(|(id, _)| Cow::Borrowed(*id)).collect(),
            "permission" => {
                return item.permissions.iter().map(|text| Cow::Borrowed(text.as_str())).collect();
            }
            "enabled" => {
                let word = |on: &bool| Cow::Borrowed(if *on { "true" } else { "false" });
                return item.enabled.iter().map(word).collect();
            }
            "source" => item.source.name(),
            "name" => &item.name,
            "publisher" => &item.publisher,
            "version" => &item.version,
            "identifier" => &item.identifier,
            "install_source" => &item.install_source,
            "origin_url" => &item.origin_url,
            "path" => &item.path,
            "user" => &item.user,
            "profile" => &item.profile,
            "sha256" => &item.sha256,
            "signer" => &item.signer,
            "architecture" => &item.architecture,
            _ => return Vec::new(),
        };
        vec![Cow::Borrowed(text)]
    }
}

/// What the catalogue says of the item's title, for this device and version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nothing.
    #[default]
    Unknown,
    /// Permitted.
    Permitted {
        /// Under these conditions.
        conditions: Vec<Condition>,
    },
    /// Permitted, but nobody looked at this version or file.
    NotLookedAt,
    /// Denied.
    Denied {
        /// Why.
        reason: String,
    },
    /// Permitted once, not any more.
    Revoked {
        /// Why.
        reason: String,
    },
    /// Past its end of life.
    EndOfLife {
        /// Since when.
        since: Option<Timestamp>,
    },
}

/// What identification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// One title, confirmed.
    Confirmed,
    /// So many titles that it may be.
    Candidates(usize),
    /// None.
    None,
}

/// One step, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In Japanese.
    pub ja: String,
    /// In English.
    pub en: String,
    /// Whether it held; `None`: a note.
    pub held: Option<bool>,
}

/// The answer and its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The answer.
    pub verdict: Verdict,
    /// The exclusion that covers it.
    pub exclusion: Option<String>,
    /// The way to the answer.
    pub steps: Vec<Step>,
}

/// Judges an item. `exclusions`: those in force that may apply to this device, the oldest first.
#[must_use]
pub fn judge<'e>(
    facts: &ItemFacts<'_>,
    identity: Identity,
    standing: &Standing,
    exclusions: impl IntoIterator<Item = &'e Exclusion>,
) -> Judgement {
    let mut way = Way::default();
    identified(facts, identity, &mut way);
    match standing {
        Standing::Denied { reason } => return denied(reason, way),
        Standing::Revoked { reason } => return revoked(reason, way),
        _ => way.failed(
            "使用不可の判定や許可の取り消しはありません",
            "it was neither denied nor revoked",
        ),
    }
    let mut examined = 0;
    for exclusion in exclusions {
        examined += 1;
        if exclusion.predicate.holds(facts) {
            let Exclusion { class, reason, .. } = exclusion;
            way.held(
                format!("除外「{}」に該当します: {reason}", class.label_ja()),
                format!("the exclusion \"{}\" covers it: {reason}", class.label_en()),
            );
            let mut judgement = way.end(Verdict::Excluded);
            judgement.exclusion = Some(exclusion.id.clone());
            return judgement;
        }
    }
    way.failed(
        &format!("有効な除外 {examined} 件のいずれにも該当しません"),
        &format!("none of {examined} exclusions in force covers it"),
    );
    match standing {
        Standing::EndOfLife { since } => {
            let day = since.map(Timestamp::utc_day).unwrap_or_default();
            way.held(
                format!("サポートが終了しています {day}"),
                format!("it is past its end of life {day}"),
            );
            way.end(Verdict::EndOfLife)
        }
        Standing::NotLookedAt => {
            way.held(
                "許可されたタイトルですが、この版またはファイルはまだ確認されていません".to_owned(),
                "its title is permitted, but nobody looked at this version or file".to_owned(),
            );
            way.end(Verdict::NewVersion)
        }
        Standing::Permitted { conditions } => permitted(facts, conditions, way),
        Standing::Unknown | Standing::Denied { .. } | Standing::Revoked { .. } => {
            way.failed("有効な許可はありません", "there is no permission in force");
            let verdict = match identity {
                Identity::Candidates(_) => Verdict::Candidate,
                Identity::Confirmed | Identity::None => Verdict::Unapproved,
            };
            way.end(verdict)
        }
    }
}

fn denied(reason: &str, mut way: Way) -> Judgement {
    way.held(
        format!("使用不可と判定されています（理由: {}）", reason_in(reason, true)),
        format!("it was denied: {reason}"),
    );
    way.end(Verdict::Denied)
}

fn revoked(reason: &str, mut way: Way) -> Judgement {
    way.held(
        format!("許可は取り消されています（理由: {}）", reason_in(reason, true)),
        format!("its permission was taken back: {reason}"),
    );
    way.end(Verdict::Revoked)
}

fn identified(facts: &ItemFacts<'_>, identity: Identity, way: &mut Way) {
    match (identity, facts.title) {
        (Identity::Confirmed, Some((_, name))) => {
            way.held(
                format!("タイトル「{name}」と確認されました"),
                format!("it is the title \"{name}\""),
            );
        }
        (Identity::Candidates(count), _) => way.failed(
            &format!("候補が {count} 件あり、確認待ちです"),
            &format!("it may be one of {count} titles; a reviewer has to say"),
        ),
        _ => way
            .failed("カタログのどのタイトルとも確認できません", "it is no title of the catalogue"),
    }
}

fn permitted(facts: &ItemFacts<'_>, conditions: &[Condition], mut way: Way) -> Judgement {
    way.held("許可されています".to_owned(), "it is permitted".to_owned());
    let mut broken = false;
    for condition in conditions {
        let (ja, en) = both(&condition.text_ja, &condition.text_en);
        match condition.must.as_ref().map(|must| must.truth(facts)) {
            None => {
                way.note(format!("条件（お知らせ）: {ja}"), format!("a condition to be kept: {en}"))
            }
            Some(Truth::Yes) => {
                way.held(format!("条件を満たします: {ja}"), format!("a condition holds: {en}"))
            }
            Some(Truth::No) => {
                broken = true;
                way.failed(
                    &format!("条件を満たしません: {ja}"),
                    &format!("a condition is broken: {en}"),
                );
            }
            Some(Truth::Unknown) => {
                way.note(
                    format!("条件を確かめられません: {ja}"),
                    format!("a condition cannot be checked: {en}"),
                );
            }
        }
    }
    let verdict = match (broken, conditions.is_empty()) {
        (true, _) => Verdict::ConditionBroken,
        (false, true) => Verdict::Approved,
        (false, false) => Verdict::ApprovedWithConditions,
    };
    way.end(verdict)
}

fn both<'a>(ja: &'a str, en: &'a str) -> (&'a str, &'a str) {
    (if ja.is_empty() { en } else { ja }, if en.is_empty() { ja } else { en })
}

#[derive(Default)]
struct Way(Vec<Step>);

impl Way {
    fn held(&mut self, ja: String, en: String) {
        self.0.push(Step { ja, en, held: Some(true) });
    }

    fn failed(&mut self, ja: &str, en: &str) {
        self.0.push(Step { ja: ja.to_owned(), en: en.to_owned(), held: Some(false) });
    }

    fn note(&mut self, ja: String, en: String) {
        self.0.push(Step { ja, en, held: None });
    }

    fn end(mut self, verdict: Verdict) -> Judgement {
        let (ja, en) = (verdict.label_ja(), verdict.label_en().to_lowercase());
        self.note(format!("結論: {ja}"), format!("conclusion: {en}"));
        Judgement { verdict, exclusion: None, steps: self.0 }
    }
}
