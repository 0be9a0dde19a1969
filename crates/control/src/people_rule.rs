//! The rules about people and accounts, in the words for whoever breaks one.

/// A rule about people and accounts that a call would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeopleRule {
    /// Another person has the name.
    NameTaken,
    /// A person must have a role.
    NoRole,
    /// Nobody changes the own roles.
    OwnRoles,
    /// Nobody disables the own account.
    OwnAccount,
    /// Nobody is the own manager.
    OwnManager,
    /// Somebody must stay who can manage people.
    LastAdministrator,
    /// There is no manager of that name.
    UnknownManager,
    /// There is no department of that name.
    UnknownDepartment,
    /// There is no such time zone.
    UnknownTimeZone,
    /// The account is disabled.
    Disabled,
    /// The new password is too short.
    PasswordTooShort,
    /// The new password is too long.
    PasswordTooLong,
    /// The new password is the account's name, or one sign over and over.
    PasswordTooPlain,
    /// The present password is wrong.
    PasswordWrong,
}

impl PeopleRule {
    /// In Japanese and English.
    pub(crate) const fn message(self) -> (&'static str, &'static str) {
        match self {
            Self::NameTaken => (
                "同じ名前がすでに登録されています。",
                "This name is registered already. Choose another.",
            ),
            Self::NoRole => ("役割を1つ以上選んでください。", "Choose at least one role."),
            Self::OwnRoles => (
                "自分の役割は変更できません。ほかの管理者に依頼してください。",
                "Nobody changes their own roles. Ask another administrator.",
            ),
            Self::OwnAccount => (
                "自分のアカウントは無効にできません。ほかの管理者に依頼してください。",
                "Nobody disables their own account. Ask another administrator.",
            ),
            Self::OwnManager => (
                "本人を上司に設定することはできません。",
                "Nobody is their own manager. Choose somebody else.",
            ),
            Self::LastAdministrator => (
                "有効な管理者が1人もいなくなるため、変更できません。",
                "No administrator would be left. Make somebody else one first.",
            ),
            Self::UnknownManager => (
                "その名前の上司は登録されていません。",
                "There is no manager of this name. Add the person first.",
            ),
            Self::UnknownDepartment => (
                "その名前の部署は登録されていません。",
                "There is no department of this name. Add it first.",
            ),
            Self::UnknownTimeZone => (
                "タイムゾーンが正しくありません（例: Asia/Tokyo）。",
                "There is no such time zone. An example is Asia/Tokyo.",
            ),
            Self::Disabled => (
                "このアカウントは無効になっています。先に有効にしてください。",
                "This account is disabled. Enable it first.",
            ),
            Self::PasswordTooShort => (
                "パスワードは12文字以上にしてください。",
                "A password needs at least 12 characters.",
            ),
            Self::PasswordTooLong => (
                "パスワードが長すぎます（256バイトまで）。",
                "The password is too long: 256 bytes at most.",
            ),
            Self::PasswordTooPlain => (
                "推測されやすいパスワードです。別のものにしてください。",
                "This password is too easy to guess. Choose another.",
            ),
            Self::PasswordWrong => {
                ("現在のパスワードが違います。", "The present password is wrong.")
            }
        }
    }
}
