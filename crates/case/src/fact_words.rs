//! What a rule of the checklist saw, in Japanese and English.

use crate::check::Verdict;
use crate::form::{Audience, Kind};
use software::{Category, Step};
use std::borrow::Cow;

/// One thing that a rule saw: a field of the request's facts, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The field's name (see [`crate::policy::FIELDS`]).
    pub field: String,
    /// Its values; hostile text.
    pub values: Vec<String>,
}

impl Reason {
    /// `category: remote desktop`, bounded.
    #[must_use]
    pub fn words(&self) -> Step {
        let line = |japanese| {
            let values: Vec<Cow<'_, str>> =
                self.values.iter().map(|value| value_word(&self.field, value, japanese)).collect();
            let values: String = values.join(", ").chars().take(VALUES_CHARS_MAX).collect();
            format!("{}: {values}", field_word(&self.field, japanese))
        };
        Step { en: line(false), ja: line(true) }
    }
}

/// Several of them on one line.
#[must_use]
pub fn line(reasons: &[Reason]) -> Step {
    let words: Vec<Step> = reasons.iter().map(Reason::words).collect();
    let join =
        |pick: fn(&Step) -> &str, by: &str| words.iter().map(pick).collect::<Vec<_>>().join(by);
    Step { en: join(|one| &one.en, "; "), ja: join(|one| &one.ja, "、") }
}

/// What a field is called; a field without a word keeps its name.
#[must_use]
pub fn field_word(field: &str, japanese: bool) -> &str {
    match FIELD_WORDS.iter().find(|(name, ..)| *name == field) {
        Some((_, ja, en)) => {
            if japanese {
                ja
            } else {
                en
            }
        }
        None => field,
    }
}

/// What a value means where it is one of our own words.
fn value_word<'a>(field: &str, value: &'a str, japanese: bool) -> Cow<'a, str> {
    let pick = |ja: &'static str, en: &'static str| Cow::Borrowed(if japanese { ja } else { en });
    let verdict =
        || Verdict::of_name(value).map(|verdict| pick(verdict_ja(verdict), verdict_en(verdict)));
    let known = match field {
        "category" => Category::of_name(value).map(|one| Cow::Borrowed(one.label(japanese))),
        "kind" => Kind::of_name(value).map(|kind| match kind {
            Kind::Installer => pick("インストーラー", "installer"),
            Kind::Portable => pick("インストール不要のソフトウェア", "portable download"),
            Kind::Extension => pick("ブラウザー拡張機能", "browser extension"),
        }),
        "audience" => Audience::of_name(value).map(|audience| match audience {
            Audience::Myself => pick("本人のみ", "the requester alone"),
            Audience::Department => pick("部署", "the department"),
            Audience::Everyone => pick("全員", "everybody"),
        }),
        "file_verdict" | "hash_verdict" | "url_verdict" => verdict(),
        _ => match (field, value) {
            ("origin", "official") => Some(pick("公式の入手元", "official")),
            ("origin", "other") => Some(pick("公式以外の入手元", "not official")),
            ("origin", "look_alike") => {
                Some(pick("公式に似せた入手元", "look-alike of an official one"))
            }
            ("host_access", "broad") => Some(pick("すべてのサイト", "every site")),
            ("host_access", "some") => Some(pick("一部のサイト", "some sites")),
            ("host_access", "none") => Some(pick("なし", "none")),
            ("paid" | "signed" | "end_of_life", "yes") => Some(pick("はい", "yes")),
            ("paid" | "signed" | "end_of_life", "no") => Some(pick("いいえ", "no")),
            _ => None,
        },
    };
    known.unwrap_or(Cow::Borrowed(value))
}

const fn verdict_ja(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "問題なし",
        Verdict::Unknown => "不明",
        Verdict::Escalate => "要確認",
        Verdict::Error => "確認できず",
        Verdict::Deny => "不可",
        Verdict::DenyMalware => "マルウェア",
    }
}

const fn verdict_en(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "no objection",
        Verdict::Unknown => "unknown",
        Verdict::Escalate => "needs a second person",
        Verdict::Error => "no answer",
        Verdict::Deny => "objection",
        Verdict::DenyMalware => "malware",
    }
}

const VALUES_CHARS_MAX: usize = 200;

/// Name, Japanese, English.
const FIELD_WORDS: &[(&str, &str, &str)] = &[
    ("kind", "申請の種類", "kind"),
    ("name", "名称", "name"),
    ("publisher", "提供元", "publisher"),
    ("version", "バージョン", "version"),
    ("url", "アドレス", "address"),
    ("host", "ホスト", "host"),
    ("purpose", "利用目的", "purpose"),
    ("extension_id", "拡張機能ID", "extension id"),
    ("sha256", "SHA-256", "SHA-256"),
    ("paid", "有償", "paid"),
    ("audience", "利用者の範囲", "audience"),
    ("title", "タイトル", "title"),
    ("category", "分類", "category"),
    ("origin", "入手元", "origin"),
    ("file_verdict", "ファイルの検査", "file verdict"),
    ("hash_verdict", "ハッシュの照会", "hash verdict"),
    ("url_verdict", "アドレスの照会", "address verdict"),
    ("permission", "権限", "permission"),
    ("host_access", "アクセスできるサイト", "access to sites"),
    ("install_source", "インストール元", "installed from"),
    ("signed", "署名", "signed"),
    ("signer", "署名者", "signer"),
    ("end_of_life", "サポート終了", "end of life"),
    ("devices", "利用中の端末数", "devices that have it"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_rule_has_words_and_our_own_values_too() {
        for field in crate::policy::FIELDS {
            assert!(FIELD_WORDS.iter().any(|(name, ..)| name == field), "{field}");
        }
        let reason = |field: &str, value: &str| {
            Reason { field: field.to_owned(), values: vec![value.to_owned()] }.words()
        };
        for (field, value, ja, en) in [
            (
                "category",
                "remote-desktop",
                "分類: リモートデスクトップ",
                "category: remote desktop",
            ),
            (
                "origin",
                "look_alike",
                "入手元: 公式に似せた入手元",
                "origin: look-alike of an official one",
            ),
            ("file_verdict", "deny_malware", "ファイルの検査: マルウェア", "file verdict: malware"),
            ("name", "Tool", "名称: Tool", "name: Tool"),
        ] {
            assert_eq!(reason(field, value), Step { en: en.into(), ja: ja.into() });
        }
        let two = [
            Reason { field: "paid".into(), values: vec!["yes".into()] },
            Reason { field: "permission".into(), values: vec!["tabs".into(), "history".into()] },
        ];
        assert_eq!(line(&two).ja, "有償: はい、権限: tabs, history");
    }
}
