//! Why an exclusion of a rule or a list is refused, in words for whoever wrote it.

use crate::Language;
use crate::view::detections::Said;
use std::fmt;

/// What is wrong with an exclusion of rules or a list of values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleFault {
    /// No title, or one that is too long.
    #[error("give a title of 1 to {chars_max} characters")]
    Title {
        /// Characters at most.
        chars_max: usize,
    },
    /// No reason, or one that is too long.
    #[error("give a reason of 3 to {chars_max} characters")]
    Reason {
        /// Characters at most.
        chars_max: usize,
    },
    /// The end is not in the future, or too far away.
    #[error("the end must lie in the future and within {days_max} days")]
    Until {
        /// Days at most.
        days_max: i64,
    },
    /// There is no such person.
    #[error("nobody who may sign in is called {name:?}")]
    Owner {
        /// The name as given.
        name: String,
    },
    /// A form without a condition.
    #[error("give at least one field with a value; without one every match would be taken away")]
    NoCondition,
    /// A Sigma filter must say for which log source it is.
    #[error(
        "the rules share no product, service or category: name rules of one log source, or for any rule give a product or a category"
    )]
    LogSource,
    /// Too many conditions, values or bytes.
    #[error("{what}: {found} are too many; at most {limit}")]
    TooMany {
        /// What there is too much of.
        what: Counted,
        /// How many were given.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The name of a field has characters that no field's name has.
    #[error("{field:?} is not the name of a field")]
    Field {
        /// The name as given, shortened.
        field: String,
    },
    /// The engine cannot evaluate the filter exactly.
    #[error(
        "line {}: {}; {}",
        line.map_or_else(|| "?".to_owned(), |line| line.to_string()),
        reason.en,
        remedy.en
    )]
    Refused {
        /// The line of the filter.
        line: Option<usize>,
        /// What is wrong.
        reason: Said,
        /// What its author can do.
        remedy: Said,
    },
    /// The filter would not act on a rule that it names.
    #[error("{reason}")]
    NoEffect {
        /// Why.
        reason: NoEffect,
    },
    /// A filter by hand says itself when it ends.
    #[error("leave expires out of the filter; the end is given beside it")]
    OwnExpiry,
    /// Another exclusion has the filter's id.
    #[error(
        "the exclusion {title:?} has the same filter id {filter_id}; edit that one, or remove the id"
    )]
    Exists {
        /// The other one's title.
        title: String,
        /// The id.
        filter_id: String,
    },
    /// It was ended.
    #[error("this exclusion was ended; make a new one")]
    Ended,
    /// The name of a list has other characters than letters, digits and `_`.
    #[error("a list's name has 1 to {chars_max} letters, digits or _")]
    ListName {
        /// Characters at most.
        chars_max: usize,
    },
    /// A list without values.
    #[error("give at least one value, or remove the list")]
    ListEmpty,
    /// A value is too long or has control characters.
    #[error("line {line}: a value has 1 to {bytes_max} bytes and no control characters")]
    ListValue {
        /// The line, counted from 1.
        line: usize,
        /// Bytes at most.
        bytes_max: usize,
    },
    /// Rules in force need the list.
    #[error("{rules} rules in force use %{name}%; it stays until they have other values")]
    ListInUse {
        /// The list.
        name: String,
        /// How many rules.
        rules: usize,
    },
}

impl RuleFault {
    /// What the author may read.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        if language == Language::En {
            let text = self.to_string();
            let mut letters = text.chars();
            return match letters.next() {
                Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
                None => text,
            };
        }
        match self {
            Self::Title { chars_max } => format!("題名を 1〜{chars_max} 文字で付けてください。"),
            Self::Reason { chars_max } => format!("理由を 3〜{chars_max} 文字で書いてください。"),
            Self::Until { days_max } => {
                format!("期限は、明日以降 {days_max} 日以内の日付にしてください。")
            }
            Self::Owner { name } => {
                format!("「{name}」という、サインインできる人は見つかりません。")
            }
            Self::NoCondition => {
                "項目と値を 1 つ以上入れてください。条件がないと、すべての一致が除かれます。"
                    .to_owned()
            }
            Self::LogSource => {
                "対象のルールに共通する製品・サービス・分類がありません。同じログのルールを指定するか、すべてのルールを対象にするときは製品か分類を入れてください。".to_owned()
            }
            Self::TooMany { what, found, limit } => {
                let what = what.words().0;
                format!("{what}が多すぎます（{found}）。{limit} までにしてください。")
            }
            Self::Field { field } => format!("「{field}」は項目の名前ではありません。"),
            Self::Refused { line, reason, remedy } => {
                let line = line.map(|line| format!("{line} 行目: ")).unwrap_or_default();
                let (reason, remedy) = (&reason.ja, &remedy.ja);
                format!("このフィルターは評価できません。{line}{reason}（{remedy}）")
            }
            Self::NoEffect { reason } => {
                format!("このフィルターは効きません: {}", reason.words().ja)
            },
            Self::OwnExpiry => {
                "フィルターの expires は消してください。期限はこの画面の欄で決めます。".to_owned()
            }
            Self::Exists { title, filter_id } => format!(
                "同じ ID（{filter_id}）の除外「{title}」があります。そちらを編集するか、ID を消してください。"
            ),
            Self::Ended => "この除外は終了しています。新しく作ってください。".to_owned(),
            Self::ListName { chars_max } => {
                format!("リストの名前は、文字・数字・_ の 1〜{chars_max} 文字です。")
            }
            Self::ListEmpty => "値を 1 つ以上入れるか、リストを削除してください。".to_owned(),
            Self::ListValue { line, bytes_max } => {
                format!("{line} 行目: 値は 1〜{bytes_max} バイトで、制御文字は使えません。")
            }
            Self::ListInUse { name, rules } => format!(
                "%{name}% を使うルールが {rules} 件あります。ほかに値がないため、削除できません。"
            ),
        }
    }
}

/// What there may be too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Conditions of the form.
    Conditions,
    /// Values of a condition or a list.
    Values,
    /// Rules that are named.
    Rules,
    /// Bytes of a filter.
    FilterBytes,
    /// Exclusions in force.
    Exclusions,
    /// Bytes of one value.
    ValueBytes,
    /// Lists.
    Lists,
}

impl Counted {
    #[cfg(test)]
    const ALL: [Self; 7] = [
        Self::Conditions,
        Self::Values,
        Self::Rules,
        Self::FilterBytes,
        Self::Exclusions,
        Self::ValueBytes,
        Self::Lists,
    ];

    /// In Japanese and in English.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Conditions => ("条件", "conditions"),
            Self::Values => ("値", "values"),
            Self::Rules => ("ルール", "rules"),
            Self::FilterBytes => ("フィルターのバイト数", "bytes of the filter"),
            Self::Exclusions => ("有効な除外", "exclusions in force"),
            Self::ValueBytes => ("値のバイト数", "bytes of a value"),
            Self::Lists => ("リスト", "lists"),
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().1)
    }
}

/// Why a filter would take nothing away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoEffect {
    /// No rule in force has its log source.
    LogSource,
    /// Nothing is called so.
    NoSuchRule {
        /// The id or name as given, shortened.
        rule: String,
    },
    /// Filters act on rules of events only.
    Correlation {
        /// The id or name as given, shortened.
        rule: String,
    },
    /// The rule raises no alerts anyway.
    Inactive {
        /// The id or name as given, shortened.
        rule: String,
    },
    /// The engine says why.
    Remarked {
        /// Its remark.
        said: Said,
    },
}

impl NoEffect {
    /// The reason in both languages.
    #[must_use]
    pub fn words(&self) -> Said {
        match self {
            Self::LogSource => Said::new(
                "このログを対象にする有効なルールがありません",
                "no rule in force has this log source",
            ),
            Self::NoSuchRule { rule } => Said::new(
                format!("「{rule}」というイベントのルールはありません"),
                format!("no rule of events is called {rule}"),
            ),
            Self::Correlation { rule } => Said::new(
                format!("「{rule}」は相関ルールです。数える対象のルールから除外してください"),
                format!("{rule} is a correlation; exclude from the rules that it counts"),
            ),
            Self::Inactive { rule } => Said::new(
                format!("「{rule}」は評価されていません"),
                format!("{rule} is not evaluated"),
            ),
            Self::Remarked { said } => said.clone(),
        }
    }
}

impl fmt::Display for NoEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_a_sentence_in_both_languages() {
        let faults = [
            RuleFault::NoCondition,
            RuleFault::TooMany { what: Counted::Values, found: 3, limit: 2 },
            RuleFault::Refused {
                line: Some(3),
                reason: Said::new("原因", "cause"),
                remedy: Said::new("対処", "remedy"),
            },
            RuleFault::Exists { title: "t".into(), filter_id: "f".into() },
        ];
        for fault in faults {
            let (en, ja) = (fault.message(Language::En), fault.message(Language::Ja));
            assert!(en.ends_with('.') && en.starts_with(char::is_uppercase), "{en}");
            assert_ne!(en, ja);
        }
        let shown = |rule: &str| rule.to_owned();
        for reason in [
            NoEffect::LogSource,
            NoEffect::NoSuchRule { rule: shown("curl-1") },
            NoEffect::Correlation { rule: shown("curl-1") },
            NoEffect::Inactive { rule: shown("curl-1") },
        ] {
            let Said { ja, en } = reason.words();
            assert!(!ja.is_ascii() && ja.contains("curl-1") == en.contains("curl-1"), "{ja}");
        }
        for what in Counted::ALL {
            assert!(!what.words().0.is_ascii() && what.words().1.is_ascii(), "{what}");
        }
    }
}
