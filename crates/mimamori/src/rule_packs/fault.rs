//! Why a pack, a list or a rule file is refused: causes, with their words in Japanese and English side by side.
//!
//! What `serde` or the system say is repeated as they say it; everything around it speaks both languages.

use control::view::detections::Said;
use control::{Language, RuleFault};
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a file cannot be read as what it should be.
#[derive(Debug)]
pub(crate) enum FileFault {
    Io(std::io::Error),
    /// Larger than it may be, or no file at all.
    TooLarge {
        bytes_max: u64,
    },
}

impl FileFault {
    pub(crate) fn words(&self) -> Said {
        match self {
            Self::Io(err) => io_words(err),
            Self::TooLarge { bytes_max } => Said::new(
                format!("{bytes_max} バイトを超えているか、ファイルではありません"),
                format!("larger than {bytes_max} bytes, or no file"),
            ),
        }
    }
}

/// Why nothing of a pack is loaded.
#[derive(Debug)]
pub(crate) enum PackFault {
    /// A file or folder of it cannot be read.
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The plain folder of rules cannot be read.
    Rules { words: String },
    /// The description is too large or no file.
    ManifestTooLarge { path: PathBuf, bytes_max: u64 },
    /// The description is not TOML, or lacks something.
    Manifest { path: PathBuf, words: String },
    /// The description gives no name.
    NoName { path: PathBuf },
    /// It must be signed here.
    SignatureRequired,
    /// Its key is not trusted.
    UnknownKey { key: String },
    /// `pack.sig` is no signature.
    NoSignature { path: PathBuf },
    /// The signature or key is not hexadecimal.
    NotHex,
    /// The signature is not of its list of files.
    Forged,
    /// A file is not as it was signed.
    Changed { file: String },
    /// A file that was signed is not there.
    Missing { file: String },
    /// A file was not signed.
    Added { file: String },
    /// A name that cannot be signed.
    BadName { path: PathBuf },
    /// A link or a device.
    NoFile { path: PathBuf },
    /// Too many files or bytes, with this one.
    TooLarge { path: PathBuf },
}

impl PackFault {
    pub(crate) fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unreadable { path, source }
    }

    /// The cause and what to do, in both languages.
    pub(crate) fn words(&self) -> Said {
        match self {
            Self::Unreadable { path, source } => {
                let (path, why) = (path.display(), io_words(source));
                Said::new(
                    format!("{path} を読み込めません: {}", why.ja),
                    format!("could not read {path}: {}", why.en),
                )
            }
            Self::Rules { words } => {
                Said::new(format!("ルールを読み込めません（{words}）"), words.clone())
            }
            Self::ManifestTooLarge { path, bytes_max } => of_path(
                path,
                |path| {
                    format!("{path} が {bytes_max} バイトを超えているか、ファイルではありません")
                },
                |path| format!("{path} is larger than {bytes_max} bytes or no file"),
            ),
            Self::Manifest { path, words } => of_path(
                path,
                |path| {
                    format!(
                        "{path} はパックの説明として読めません。name・version・description・licence・authors を書いてください（{words}）"
                    )
                },
                |path| {
                    format!(
                        "{path} is no description of a pack; write name, version, description, licence and authors: {words}"
                    )
                },
            ),
            Self::NoName { path } => of_path(
                path,
                |path| format!("{path} にパックの名前（name）がありません"),
                |path| format!("{path} gives the pack no name"),
            ),
            Self::SignatureRequired => Said::new(
                "署名がありません（packs/require-signature で必須になっています）。署名するか、このファイルを削除してください",
                "it is not signed, and packs/require-signature asks for it; sign it, or remove that file",
            ),
            Self::UnknownKey { key } => Said::new(
                format!(
                    "信頼していない鍵 {key} で署名されています。作成者から公開鍵を受け取り、packs/trusted に置いてください"
                ),
                format!(
                    "it is signed by the key {key}, which is not trusted here; ask its author for the public key and put it into packs/trusted"
                ),
            ),
            Self::NoSignature { path } => of_path(
                path,
                |path| format!("{path} は署名ファイルではありません。署名し直してください"),
                |path| format!("{path} is no signature; sign the pack again"),
            ),
            Self::NotHex => Said::new(
                "pack.sig の署名か公開鍵が 16 進数ではありません。署名し直してください",
                "the signature or the public key in pack.sig is not hexadecimal; sign the pack again",
            ),
            Self::Forged => Said::new(
                "pack.sig が変更されています（署名がファイル一覧と一致しません）",
                "pack.sig was changed: the signature is not of its list",
            ),
            _ => self.words_of_file(),
        }
    }

    fn words_of_file(&self) -> Said {
        match self {
            Self::Changed { file } => Said::new(
                format!("{file} が署名後に変更されています"),
                format!("{file} was changed after it was signed"),
            ),
            Self::Missing { file } => Said::new(
                format!("署名された {file} がありません"),
                format!("{file} is missing; it was signed"),
            ),
            Self::Added { file } => Said::new(
                format!("署名されていない {file} が追加されています"),
                format!("{file} was added; it is not signed"),
            ),
            Self::BadName { path } => of_path(
                path,
                |path| {
                    format!(
                        "{path} の名前が UTF-8 でないか、改行や \\ を含みます。名前を変えてください"
                    )
                },
                |path| {
                    format!(
                        "the name of {path} is not UTF-8, or has a line end or a backslash; rename it"
                    )
                },
            ),
            Self::TooLarge { path } => of_path(
                path,
                |path| format!("{path} を含めるとパックが大きすぎます。除いてください"),
                |path| format!("{path} makes the pack too large; leave it out"),
            ),
            Self::NoFile { path } => of_path(
                path,
                |path| {
                    format!("{path} はリンクかデバイスです。パックにはファイルだけを入れてください")
                },
                |path| format!("{path} is a link or a device; a pack holds files only"),
            ),
            other => other.words(),
        }
    }
}

/// Why a list of values is not used.
#[derive(Debug)]
pub(crate) enum ListFault {
    File(FileFault),
    /// The file's name has the percent signs of the placeholder.
    Percent,
    /// What the list may not be.
    Fault(RuleFault),
    /// The YAML of it.
    Yaml {
        line: Option<usize>,
        cause: detect::RuleError,
    },
}

impl ListFault {
    pub(crate) fn words(&self) -> Said {
        match self {
            Self::File(fault) => fault.words(),
            Self::Percent => Said::new(
                "ファイル名から % を除いてください",
                "leave the percent signs out of the file's name",
            ),
            Self::Fault(fault) => {
                let ja = fault.message(Language::Ja);
                Said::new(ja.trim_end_matches('。'), fault.to_string())
            }
            Self::Yaml { line, cause } => {
                let (reason, remedy) = (cause.words(), cause.remedy_words());
                let at = |before: &str, behind: &str| {
                    line.map(|line| format!("{before}{line}{behind}: ")).unwrap_or_default()
                };
                Said::new(
                    format!("{}{}（{}）", at("", " 行目"), reason.ja, remedy.ja),
                    format!("{}{}; {}", at("line ", ""), reason.en, remedy.en),
                )
            }
        }
    }
}

impl From<RuleFault> for ListFault {
    fn from(fault: RuleFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<std::io::Error> for ListFault {
    fn from(source: std::io::Error) -> Self {
        Self::File(FileFault::Io(source))
    }
}

macro_rules! displayed_in_english {
    ($($name:ident),*) => {
        $(
            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.words().en)
                }
            }

            impl std::error::Error for $name {}
        )*
    };
}
displayed_in_english!(FileFault, PackFault, ListFault);

/// What the system says, in both languages where the kind is a common one.
fn io_words(error: &std::io::Error) -> Said {
    let ja = match error.kind() {
        std::io::ErrorKind::NotFound => "見つかりません".to_owned(),
        std::io::ErrorKind::PermissionDenied => "読み取る権限がありません".to_owned(),
        std::io::ErrorKind::InvalidData => "UTF-8 のテキストではありません".to_owned(),
        _ => format!("システムのエラー（{error}）"),
    };
    Said::new(ja, error.to_string())
}

fn of_path(
    path: &Path,
    ja: impl FnOnce(std::path::Display<'_>) -> String,
    en: impl FnOnce(std::path::Display<'_>) -> String,
) -> Said {
    Said::new(ja(path.display()), en(path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_names_the_culprit_in_both_languages() {
        let path = || PathBuf::from("/data/packs/culprit");
        let file = || "culprit".to_owned();
        let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let packs = [
            PackFault::Unreadable { path: path(), source: io() },
            PackFault::Rules { words: file() },
            PackFault::ManifestTooLarge { path: path(), bytes_max: 1 },
            PackFault::Manifest { path: path(), words: "culprit".to_owned() },
            PackFault::NoName { path: path() },
            PackFault::UnknownKey { key: file() },
            PackFault::NoSignature { path: path() },
            PackFault::Changed { file: file() },
            PackFault::Missing { file: file() },
            PackFault::Added { file: file() },
            PackFault::BadName { path: path() },
            PackFault::NoFile { path: path() },
            PackFault::TooLarge { path: path() },
        ];
        for Said { ja, en } in packs.iter().map(PackFault::words) {
            assert!(ja.contains("culprit") && en.contains("culprit"), "{ja} / {en}");
            assert!(!ja.is_ascii() && en.is_ascii(), "{ja} / {en}");
        }
        let others = [PackFault::SignatureRequired, PackFault::NotHex, PackFault::Forged];
        let lists = [
            ListFault::from(io()),
            ListFault::Percent,
            ListFault::File(FileFault::TooLarge { bytes_max: 1 }),
            ListFault::Fault(RuleFault::ListEmpty),
        ];
        let said = others.iter().map(PackFault::words).chain(lists.iter().map(ListFault::words));
        for Said { ja, en } in said {
            assert!(!ja.is_ascii() && en.is_ascii() && !ja.ends_with('。'), "{ja} / {en}");
        }
        let (line, cause) = detect::list_values("- a\n- [b]\n").expect_err("a list in a list");
        let Said { ja, en } = ListFault::Yaml { line, cause }.words();
        assert!(ja.starts_with("2 行目: values がリストになっています"), "{ja}");
        assert!(en.starts_with("line 2: values is a list"), "{en}");
    }
}
