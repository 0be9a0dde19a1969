//! Why an exclusion of a rule or a list is refused, in words for whoever wrote it.

use crate::Language;

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
        what: &'static str,
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
    #[error("line {}: {reason}; {remedy}", line.map_or_else(|| "?".to_owned(), |line| line.to_string()))]
    Refused {
        /// The line of the filter.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
        /// What its author can do.
        remedy: String,
    },
    /// The filter would not act on a rule that it names.
    #[error("{reason}")]
    NoEffect {
        /// Why.
        reason: String,
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
                let what = ja_of(what);
                format!("{what}が多すぎます（{found}）。{limit} までにしてください。")
            }
            Self::Field { field } => format!("「{field}」は項目の名前ではありません。"),
            Self::Refused { line, reason, remedy } => {
                let line = line.map(|line| format!("{line} 行目: ")).unwrap_or_default();
                format!("このフィルターは評価できません。{line}{reason}（{remedy}）")
            }
            Self::NoEffect { reason } => format!("このフィルターは効きません: {reason}"),
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

fn ja_of(what: &str) -> &str {
    match what {
        "conditions" => "条件",
        "values" => "値",
        "rules" => "ルール",
        "bytes of the filter" => "フィルターのバイト数",
        "exclusions in force" => "有効な除外",
        "bytes of a value" => "値のバイト数",
        "lists" => "リスト",
        _ => "入力",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_a_sentence_in_both_languages() {
        let faults = [
            RuleFault::NoCondition,
            RuleFault::TooMany { what: "values", found: 3, limit: 2 },
            RuleFault::Refused { line: Some(3), reason: "r".into(), remedy: "m".into() },
            RuleFault::Exists { title: "t".into(), filter_id: "f".into() },
        ];
        for fault in faults {
            let (en, ja) = (fault.message(Language::En), fault.message(Language::Ja));
            assert!(en.ends_with('.') && en.starts_with(char::is_uppercase), "{en}");
            assert_ne!(en, ja);
        }
    }
}
