//! What scanners and errors say, in English and Japanese side by side. Nowhere else in this crate are such words.
//!
//! What a scanner or the system says itself is repeated as it says it.

use crate::InspectError;
use crate::extension::{ManifestFault, PackageError};
use crate::limits::{
    FILE_BYTES_MAX, MANIFEST_BYTES_MAX, PACKAGE_BYTES_MAX, PACKAGE_ENTRIES_MAX, PACKAGE_RATIO_MAX,
    RULE_BYTES_MAX, WORDS_CHARS_MAX,
};
use serde::{Deserialize, Serialize};

/// The same words in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// For an English reader.
    pub en: String,
    /// For a Japanese reader.
    pub ja: String,
}

impl Words {
    fn new(en: impl Into<String>, ja: impl Into<String>) -> Self {
        Self { en: en.into(), ja: ja.into() }
    }
}

/// Why a scanner gives its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    Listed,
    OnNoList,
    NoLists,
    NoSha256,
    NoRuleMatched,
    /// The rule's own description; `ja` is empty when it has none in Japanese.
    RuleMatched {
        en: String,
        ja: String,
    },
    YaraFailed(String),
    NoClamav(String),
    ClamavFailed(String),
    ClamavKnowsNothing,
    ClamavFound,
    /// ClamAV answered with something else than a verdict.
    ClamavSaid(String),
}

impl Cause {
    pub(crate) fn words(&self) -> Words {
        match self {
            Self::Listed => Words::new("the hash is on a list", "ハッシュ一覧にあります"),
            Self::OnNoList => {
                Words::new("the hash is on no list", "どのハッシュ一覧にもありません")
            }
            Self::NoLists => {
                Words::new("there are no lists of hashes", "ハッシュ一覧が設定されていません")
            }
            Self::NoSha256 => Words::new(
                "not a SHA-256 of 64 hexadecimal digits",
                "64 桁の 16 進数の SHA-256 ではありません",
            ),
            Self::NoRuleMatched => {
                Words::new("no rule matched", "該当する YARA ルールはありません")
            }
            Self::RuleMatched { en, ja } => Words::new(en, ja),
            Self::YaraFailed(words) => {
                let words = capped(words);
                Words::new(
                    format!("the YARA rules could not look at it: {words}"),
                    format!("YARA で検査できませんでした（{words}）"),
                )
            }
            Self::NoClamav(socket) => Words::new(
                format!("no ClamAV answers at {socket}"),
                format!("{socket} の ClamAV に接続できません"),
            ),
            Self::ClamavFailed(words) => {
                let words = capped(words);
                Words::new(
                    format!("ClamAV failed: {words}"),
                    format!("ClamAV で検査できませんでした（{words}）"),
                )
            }
            Self::ClamavKnowsNothing => {
                Words::new("ClamAV knows nothing about it", "ClamAV では何も検出されませんでした")
            }
            Self::ClamavFound => Words::new("found by ClamAV", "ClamAV が検出しました"),
            Self::ClamavSaid(answer) => {
                let answer = capped(answer);
                Words::new(
                    format!("ClamAV answered: {answer}"),
                    format!("ClamAV がエラーを返しました（{answer}）"),
                )
            }
        }
    }
}

impl PackageError {
    pub(crate) fn words(&self) -> Words {
        match self {
            Self::Unreadable(words) => {
                let words = capped(words);
                Words::new(
                    format!("the package cannot be read: {words}"),
                    format!("パッケージを読み取れません（{words}）"),
                )
            }
            Self::TooManyEntries => Words::new(
                format!("the package holds more than {PACKAGE_ENTRIES_MAX} entries"),
                format!("パッケージのファイルが {PACKAGE_ENTRIES_MAX} 個を超えています"),
            ),
            Self::TooLarge => Words::new(
                format!(
                    "the package unpacks to more than {PACKAGE_BYTES_MAX} bytes, or {PACKAGE_RATIO_MAX} times its size"
                ),
                format!(
                    "パッケージの展開後の大きさが {PACKAGE_BYTES_MAX} バイトまたは元の {PACKAGE_RATIO_MAX} 倍を超えています"
                ),
            ),
            Self::Manifest(fault) => {
                let Words { en, ja } = fault.words();
                Words::new(
                    format!("the manifest is broken: {en}"),
                    format!("マニフェストが壊れています: {ja}"),
                )
            }
        }
    }
}

impl ManifestFault {
    pub(crate) fn words(&self) -> Words {
        match self {
            Self::NoObject => {
                Words::new("it is no JSON object", "JSON のオブジェクトではありません")
            }
            Self::TooLarge(name) => Words::new(
                format!("{name} is over {MANIFEST_BYTES_MAX} bytes"),
                format!("{name} が {MANIFEST_BYTES_MAX} バイトを超えています"),
            ),
            Self::Json(name, words) => {
                let words = capped(words);
                Words::new(
                    format!("{name}: {words}"),
                    format!("{name} が JSON として読めません（{words}）"),
                )
            }
        }
    }
}

impl InspectError {
    /// Cause and next step in both languages. `Display` is the English one.
    #[must_use]
    pub fn words(&self) -> Words {
        match self {
            Self::TooLarge => Words::new(
                format!(
                    "the file is larger than {FILE_BYTES_MAX} bytes and was not judged: give its SHA-256 instead"
                ),
                format!(
                    "ファイルが {FILE_BYTES_MAX} バイトを超えるため検査していません。代わりに SHA-256 を入力してください"
                ),
            ),
            Self::Io { source } => Words::new(
                format!("the file could not be read: {source}"),
                format!("ファイルを読み取れませんでした（{source}）"),
            ),
            Self::Rules { path, source } => {
                let path = path.display();
                Words::new(
                    format!(
                        "{path} could not be read: {source}; correct its permissions or remove it"
                    ),
                    format!("{path} を読み取れません（{source}）。権限を直すか、削除してください"),
                )
            }
            Self::BadRule { path, reason } => {
                let (path, reason) = (path.display(), capped(reason));
                Words::new(
                    format!("{path} is not a valid YARA rule file: {reason}"),
                    format!("{path} は YARA ルールとして正しくありません（{reason}）"),
                )
            }
            Self::BadHash { path, line } => {
                let path = path.display();
                Words::new(
                    format!(
                        "{path} line {line} is no SHA-256: write 64 hexadecimal digits, then a space and a name"
                    ),
                    format!(
                        "{path} の {line} 行目が SHA-256 ではありません。64 桁の 16 進数、空白、名前の順に書いてください"
                    ),
                )
            }
            Self::TooManyRules { path } => {
                let path = path.display();
                Words::new(
                    format!(
                        "{path} would bring the rules over {RULE_BYTES_MAX} bytes: remove what is not needed"
                    ),
                    format!(
                        "{path} を含めるとルールが {RULE_BYTES_MAX} バイトを超えます。不要なものを削除してください"
                    ),
                )
            }
        }
    }
}

/// The beginning of what somebody else said, on one line.
fn capped(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(WORDS_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn check(Words { en, ja }: &Words, culprit: Option<&str>) {
        assert!(!en.is_empty() && !ja.is_ascii() && en.is_ascii(), "{en} / {ja}");
        assert!(!en.contains('\n') && !ja.contains('\n'), "{en} / {ja}");
        let culprit = culprit.unwrap_or_default();
        assert!(en.contains(culprit) && ja.contains(culprit), "{en} / {ja}");
    }

    #[test]
    fn whatever_a_scanner_says_it_says_in_both_languages() {
        let said = || "culprit\nof  two lines".to_owned();
        for cause in [
            Cause::Listed,
            Cause::OnNoList,
            Cause::NoLists,
            Cause::NoSha256,
            Cause::NoRuleMatched,
            Cause::ClamavKnowsNothing,
            Cause::ClamavFound,
        ] {
            check(&cause.words(), None);
        }
        for cause in [
            Cause::YaraFailed(said()),
            Cause::NoClamav("/run/culprit".to_owned()),
            Cause::ClamavFailed(said()),
            Cause::ClamavSaid(said()),
        ] {
            check(&cause.words(), Some("culprit"));
        }
        for fault in [
            ManifestFault::TooLarge("culprit".to_owned()),
            ManifestFault::Json("culprit".to_owned(), said()),
        ] {
            check(&fault.words(), Some("culprit"));
            check(&PackageError::Manifest(fault).words(), Some("culprit"));
        }
        check(&PackageError::Manifest(ManifestFault::NoObject).words(), None);
        check(&PackageError::Unreadable(said()).words(), Some("culprit"));
        check(&PackageError::TooManyEntries.words(), None);
        check(&PackageError::TooLarge.words(), None);
        let path = || PathBuf::from("/etc/culprit.yar");
        let io = || std::io::Error::other("culprit");
        for error in [
            InspectError::Io { source: io() },
            InspectError::Rules { path: path(), source: io() },
            InspectError::BadRule { path: path(), reason: said() },
            InspectError::BadHash { path: path(), line: 7 },
            InspectError::TooManyRules { path: path() },
        ] {
            check(&error.words(), Some("culprit"));
            assert_eq!(error.to_string(), error.words().en);
        }
        check(&InspectError::TooLarge.words(), None);
    }
}
