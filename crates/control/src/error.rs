//! What can go wrong, whose fault it is, and what each side may read about it.

use crate::actor::Permission;
use crate::people_rule::PeopleRule;
use std::path::PathBuf;

/// The languages in which a user reads a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

impl Language {
    /// The code in the store (BCP 47).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of a code; Japanese for one that is not known.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        if code == "en" { Self::En } else { Self::Ja }
    }
}

/// What the caller does with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Nothing changed; the same call may succeed later.
    Retry,
    /// The call itself is wrong or not allowed; the same call fails again.
    Reject,
    /// A stored value is damaged; only what touches it fails.
    Poison,
    /// The installation is damaged or belongs to another version; a human is needed.
    Fatal,
}

/// Why a search is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFault {
    /// The interval ends before it begins, or is empty.
    RangeEmpty,
    /// Too many field conditions or words.
    TooMany,
    /// A name, a value or a word is too long.
    TooLong,
    /// A word or a value to search for is empty.
    Empty,
}

/// An error of a use case. `Display` is for the log; a user reads [`ControlError::user_message`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    // Whoever asks is wrong or not allowed.
    /// The sign-in token is unknown, used or too old.
    #[error("sign-in refused: the token {reason}; issue a new link on the server")]
    SignInRefused {
        /// Why, for the log only: a stranger must not learn which tokens exist.
        reason: &'static str,
    },
    /// There is no session of this secret, or it has ended.
    #[error("session refused: it {reason}; sign in again")]
    SessionEnded {
        /// Why.
        reason: &'static str,
    },
    /// The person lacks a permission.
    #[error("{person:?} lacks the permission {}; ask an administrator", permission.name())]
    NotPermitted {
        /// Who.
        person: String,
        /// What would be needed.
        permission: Permission,
    },
    /// What was asked for does not exist.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// A search names a field that no family has.
    #[error("there is no field {field:?}; nearest: {}", suggestions.join(", "))]
    UnknownField {
        /// The name as given.
        field: String,
        /// The nearest names.
        suggestions: Vec<String>,
    },
    /// A search is malformed.
    #[error("the search is refused: {0:?}")]
    BadQuery(QueryFault),
    /// A rule about people and accounts would be broken.
    #[error("refused: {}", .0.message().1)]
    People(PeopleRule),
    /// Name and password do not sign in.
    #[error("sign-in by password refused: {reason}")]
    PasswordRefused {
        /// Why, for the log only: a stranger must not learn which names exist.
        reason: &'static str,
    },
    /// Too many wrong passwords of an account or from a peer.
    #[error("sign-in by password refused: too many wrong passwords; wait 15 minutes")]
    TooManyTries,
    /// A value given on the command line is out of bounds.
    #[error("{what} is refused: {reason}")]
    BadArgument {
        /// Which value.
        what: &'static str,
        /// What is allowed.
        reason: &'static str,
    },

    /// A step of a request, a review or a decision is refused.
    #[error("refused: {0}")]
    Refused(#[from] case::refusal::Refusal),
    /// A step of a finding is refused.
    #[error("refused: {0}")]
    FindingRefused(case::finding::Refused),
    /// A step of a detection is refused.
    #[error("refused: {0}")]
    DetectionRefused(case::detection::Refused),
    /// An exclusion is refused.
    #[error("refused: {0}")]
    ExclusionRefused(case::exclusion::ExclusionFault),
    /// Somebody else changed it meanwhile.
    #[error("{what} {id} was changed meanwhile; load it again")]
    Changed {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// A rule of the policy is refused.
    #[error("the rule is refused: {0}")]
    BadRule(#[from] case::policy::RuleFault),
    /// An exclusion of rules or a list for their placeholders is refused.
    #[error("refused: {0}")]
    RuleFault(#[from] crate::RuleFault),
    /// A Sigma rule is not saved or not moved.
    #[error("refused: {0}")]
    RuleRefused(#[from] crate::rulebook::RuleRefusal),
    /// A sheet, a title or an address is refused.
    #[error("refused: {0}")]
    Software(#[from] software::SoftwareError),

    // The endpoint is wrong.
    /// The enrolment token is unknown, used up or too old.
    #[error("enrolment refused: the token {reason}; issue a new one on the server")]
    EnrolmentRefused {
        /// Why.
        reason: &'static str,
    },
    /// The certificate request or the host's description of itself is malformed.
    #[error("enrolment refused: the request {reason}")]
    EnrolmentMalformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The renewal of an agent's certificate is refused.
    #[error("renewal refused for agent {agent}: the request {reason}")]
    RenewalRefused {
        /// Whose certificate was presented.
        agent: model::AgentId,
        /// What is wrong with the request.
        reason: &'static str,
    },
    /// The client certificate does not belong to an agent of ours.
    #[error("the client certificate {fingerprint} {reason}; enrol the agent again")]
    CertificateRefused {
        /// SHA-256 of the certificate, in hex.
        fingerprint: String,
        /// Why.
        reason: &'static str,
    },

    // Our own state is damaged or not ours.
    /// A stored value makes no sense.
    #[error(
        "stored {what} {id} is damaged: {reason}; run `mimamori audit` and restore from a backup"
    )]
    Corrupt {
        /// What kind of value.
        what: &'static str,
        /// Which.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store was made by a newer version.
    #[error("{} has version {found}, this program knows up to {known}; start the version that wrote it", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest one known.
        known: i64,
    },

    // The surroundings failed.
    /// The SQL store failed.
    #[error("the store failed")]
    Store(#[source] sqlx::Error),
    /// The lake failed.
    #[error("the lake failed")]
    Lake(#[from] lake::LakeError),
    /// The operating system refused a file operation.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The certificate library failed.
    #[error("could not {action}: {reason}")]
    Certificates {
        /// What was tried.
        action: &'static str,
        /// The library's words.
        reason: String,
    },
    /// The operating system gave no randomness.
    #[error("no randomness: {reason}")]
    Randomness {
        /// The operating system's words.
        reason: String,
    },
}

impl From<PeopleRule> for ControlError {
    fn from(rule: PeopleRule) -> Self {
        Self::People(rule)
    }
}

impl From<sqlx::Error> for ControlError {
    fn from(err: sqlx::Error) -> Self {
        Self::Store(err)
    }
}

impl ControlError {
    /// There is no person of an identifier or name, which may come from anybody.
    pub(crate) fn no_person(id: &str) -> Self {
        Self::NotFound { what: "person", id: id.chars().take(80).collect() }
    }

    /// What the caller does with it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::SignInRefused { .. }
            | Self::SessionEnded { .. }
            | Self::NotPermitted { .. }
            | Self::NotFound { .. }
            | Self::UnknownField { .. }
            | Self::BadQuery(_)
            | Self::BadArgument { .. }
            | Self::People(_)
            | Self::PasswordRefused { .. }
            | Self::TooManyTries
            | Self::Refused(_)
            | Self::FindingRefused(_)
            | Self::DetectionRefused(_)
            | Self::ExclusionRefused(_)
            | Self::BadRule(_)
            | Self::RuleRefused(_)
            | Self::RuleFault(_)
            | Self::Software(_)
            | Self::EnrolmentRefused { .. }
            | Self::EnrolmentMalformed { .. }
            | Self::RenewalRefused { .. }
            | Self::CertificateRefused { .. } => ErrorClass::Reject,
            Self::Corrupt { .. } => ErrorClass::Poison,
            Self::TooNew { .. } => ErrorClass::Fatal,
            Self::Changed { .. } => ErrorClass::Retry,
            Self::Store(_) | Self::Io { .. } | Self::Certificates { .. } => ErrorClass::Retry,
            Self::Randomness { .. } => ErrorClass::Retry,
            Self::Lake(err) => match err.class() {
                lake::ErrorClass::Retry => ErrorClass::Retry,
                lake::ErrorClass::Reject => ErrorClass::Reject,
                lake::ErrorClass::Fatal => ErrorClass::Fatal,
            },
        }
    }

    /// Whether it lies in what was to be stored or in what is stored of it, so that trying again does not help.
    pub(crate) fn is_of_content(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::FindingRefused(_) => true,
            Self::Store(sqlx::Error::Database(err)) => err.code().is_some_and(|code| {
                // PostgreSQL: data exceptions, integrity, limits of the program. SQLite: too big, constraint, mismatch.
                let postgres = code.len() == 5
                    && ["22", "23", "54"].iter().any(|class| code.starts_with(class));
                let sqlite = code.parse().is_ok_and(|code: u32| matches!(code & 0xff, 18..=20));
                postgres || (code.len() < 5 && sqlite)
            }),
            _ => false,
        }
    }

    /// What a user may read: what to do next, and nothing of paths, SQL or other people.
    #[must_use]
    pub fn user_message(&self, language: Language) -> String {
        let (ja, en) = match self {
            Self::UnknownField { field, suggestions } => {
                return unknown_field_message(field, suggestions, language);
            }
            Self::Refused(refusal) => return crate::refusal_words::message(refusal, language),
            // Written for whoever edits the rule or brings the sheet; names only what was given.
            Self::BadRule(fault) => return fault.to_string(),
            Self::RuleFault(fault) => return fault.message(language),
            Self::RuleRefused(refusal) => return refusal.message(language),
            Self::Software(fault) => return crate::refusal_words::of_software(fault, language),
            Self::FindingRefused(refused) => return finding_message(refused, language),
            Self::DetectionRefused(why) => return crate::detections::message(*why, language),
            Self::ExclusionRefused(fault) => return exclusion_message(fault, language),
            Self::Changed { .. } => (
                "ほかの人が先に変更しました。画面を読み込み直してください。",
                "Somebody else changed it first. Please reload the page.",
            ),
            Self::SignInRefused { .. } => (
                "サインインできませんでした。リンクは期限内に一度だけ使えます。新しいリンクを発行してもらってください。",
                "Could not sign in. A link works once and for a limited time. Ask for a new one.",
            ),
            Self::SessionEnded { .. } => (
                "サインインしていないか、有効期限が切れました。もう一度サインインしてください。",
                "You are not signed in, or your session has ended. Please sign in again.",
            ),
            Self::NotPermitted { .. } => (
                "この操作の権限がありません。管理者に確認してください。",
                "You do not have permission for this. Ask an administrator.",
            ),
            Self::NotFound { .. } => (
                "見つかりませんでした。アドレスが誤っているか、保存期間を過ぎています。",
                "Not found. The address may be wrong, or the retention period is over.",
            ),
            Self::BadQuery(fault) => fault.message(),
            Self::People(rule) => rule.message(),
            Self::PasswordRefused { .. } => (
                "サインインできませんでした。名前とパスワードを確認してください。",
                "Could not sign in. Check the name and the password.",
            ),
            Self::TooManyTries => (
                "パスワードの間違いが続いたため、しばらくサインインできません。15分ほど待つか、管理者にリンクを発行してもらってください。",
                "Too many wrong passwords. Wait 15 minutes, or ask an administrator for a link.",
            ),
            Self::BadArgument { .. } => BOUNDS,
            Self::EnrolmentRefused { .. }
            | Self::EnrolmentMalformed { .. }
            | Self::CertificateRefused { .. } => (
                "エージェントを登録できませんでした。新しいトークンを発行して、もう一度登録してください。",
                "The agent could not be enrolled. Issue a new token and enrol it again.",
            ),
            Self::RenewalRefused { .. } => (
                "証明書を更新できませんでした。続く場合は、管理者が交換用のトークンを発行して登録し直してください。",
                "The certificate could not be renewed. If this stays, an administrator should issue a replacement token and enrol the agent again.",
            ),
            Self::Lake(err) if err.class() == lake::ErrorClass::Retry => SEARCH,
            Self::Lake(_) => INTERNAL,
            Self::Corrupt { .. }
            | Self::TooNew { .. }
            | Self::Store(_)
            | Self::Io { .. }
            | Self::Certificates { .. }
            | Self::Randomness { .. } => INTERNAL,
        };
        match language {
            Language::Ja => ja.to_owned(),
            Language::En => en.to_owned(),
        }
    }
}

impl QueryFault {
    const fn message(self) -> (&'static str, &'static str) {
        match self {
            Self::RangeEmpty => (
                "期間の終わりは、始まりより後にしてください。",
                "The end of the time range must come after its beginning.",
            ),
            Self::TooMany => (
                "条件が多すぎます。減らしてください。",
                "There are too many conditions. Use fewer.",
            ),
            Self::TooLong => ("検索する語が長すぎます。", "What you search for is too long."),
            Self::Empty => ("検索する語が空です。", "What you search for is empty."),
        }
    }
}

fn unknown_field_message(field: &str, suggestions: &[String], language: Language) -> String {
    // The name is the user's own; it is shortened here and escaped where it is shown.
    let field: String = field.chars().take(60).collect();
    let list = suggestions.join(", ");
    match (language, suggestions.is_empty()) {
        (Language::Ja, true) => format!("「{field}」という項目はありません。"),
        (Language::Ja, false) => format!("「{field}」という項目はありません。候補: {list}"),
        (Language::En, true) => format!("There is no field “{field}”."),
        (Language::En, false) => format!("There is no field “{field}”. Did you mean: {list}?"),
    }
}

fn finding_message(refused: &case::finding::Refused, language: Language) -> String {
    use case::finding::Refused;
    let (ja, en) = match refused {
        Refused::Status { .. } => (
            "この検出の状態はすでに変わっています。画面を読み込み直してください。",
            "This finding has moved on. Please reload the page.",
        ),
        Refused::NotYours { .. } => {
            ("この操作は、ほかの担当の方が行うものです。", "This is for somebody else to do.")
        }
        Refused::Until { .. } => (
            "期限は、明日以降 1 年以内の日付にしてください。",
            "The end must lie in the future and within a year.",
        ),
    };
    if language == Language::Ja { ja } else { en }.to_owned()
}

fn exclusion_message(fault: &case::exclusion::ExclusionFault, language: Language) -> String {
    use case::exclusion::ExclusionFault;
    let (ja, en) = match fault {
        ExclusionFault::Predicate(fault) => {
            // Names only what the writer of the condition gave.
            let ja = format!("除外の条件に誤りがあります: {fault}");
            return if language == Language::Ja {
                ja
            } else {
                format!("The condition is refused: {fault}")
            };
        }
        ExclusionFault::Reason => (
            "理由を 3 文字以上で書いてください。",
            "Please give a reason of at least three characters.",
        ),
        ExclusionFault::Until => (
            "期限は、明日以降 2 年以内の日付にしてください。",
            "The end must lie in the future and within two years.",
        ),
        ExclusionFault::Parent => (
            "同梱の除外では親のタイトルを選んでください。ほかの種類では選べません。",
            "A bundled exclusion needs its parent title; the other classes have none.",
        ),
        ExclusionFault::Withdrawn => (
            "この除外は取り下げられています。新しく作ってください。",
            "This exclusion was withdrawn. Please make a new one.",
        ),
    };
    if language == Language::Ja { ja } else { en }.to_owned()
}

const BOUNDS: (&str, &str) = ("入力した値が範囲外です。", "A value you gave is out of bounds.");
const SEARCH: (&str, &str) = (
    "検索を完了できませんでした。期間を短くするか、しばらくしてからやり直してください。",
    "The search could not be completed. Narrow the time range, or try again later.",
);
const INTERNAL: (&str, &str) = (
    "サーバーで問題が起きました。しばらくしてからやり直してください。続く場合は、管理者がサーバーの記録を確認してください。",
    "The server had a problem. Try again later; if it stays, an administrator should look into the server's log.",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_never_read_internals() {
        let secret = "secret-path-and-sql";
        let errors = [
            ControlError::Store(sqlx::Error::Protocol(secret.into())),
            ControlError::Io {
                action: "read",
                path: secret.into(),
                source: std::io::Error::other(secret),
            },
            ControlError::Corrupt { what: "alert", id: secret.into(), reason: secret.into() },
            ControlError::Lake(lake::LakeError::Engine { reason: secret.into() }),
            ControlError::NotPermitted {
                person: secret.into(),
                permission: Permission::ReadEvents,
            },
            ControlError::NotFound { what: "alert", id: secret.into() },
            ControlError::Certificates { action: "sign", reason: secret.into() },
        ];
        for err in errors {
            for language in [Language::Ja, Language::En] {
                let message = err.user_message(language);
                assert!(!message.contains(secret), "{message}");
                assert!(!message.is_empty());
            }
        }
    }

    #[test]
    fn an_unknown_field_says_what_was_meant() {
        let err = ControlError::UnknownField {
            field: "CommandLin".into(),
            suggestions: vec!["CommandLine".into()],
        };
        assert!(err.user_message(Language::En).contains("CommandLine?"));
        assert!(err.user_message(Language::Ja).contains("候補: CommandLine"));
    }
}
