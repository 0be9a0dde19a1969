//! What people are told about a finding: short, polite, in their language.
//!
//! Invariant: names from a device are shown without control and bidirectional characters and cut to a length: a
//! message is where a hostile name would do most harm.
//! Invariant: a draft is only words; a person reads, changes and sends it.

use crate::finding::{Answer, Kind};
use model::Timestamp;

/// Which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The product's first message to the person at the device.
    Notice,
    /// Its reminder.
    Reminder,
    /// A draft for a named person of the team.
    Draft,
    /// The manager is told.
    Manager,
}

impl Occasion {
    /// The name in the store; never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "finding_notice",
            Self::Reminder => "finding_reminder",
            Self::Draft => "finding_person",
            Self::Manager => "finding_manager",
        }
    }
}

/// What a message is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// What kind of finding.
    pub kind: Kind,
    /// The software's name.
    pub software: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The device's name.
    pub device: &'a str,
    /// The name of the person at the device.
    pub person: &'a str,
    /// Who signs a draft; empty for the product itself.
    pub sender: &'a str,
    /// Since when it is open.
    pub opened_at: Timestamp,
    /// What may be answered.
    pub answers: &'a [Answer],
}

/// A message in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// One-click answers with their labels.
    pub buttons: Vec<(Answer, &'static str)>,
}

/// Writes a message.
#[must_use]
pub fn compose(occasion: Occasion, about: &About<'_>, japanese: bool) -> Composed {
    let (name, device) = (visible(about.software), visible(about.device));
    let version = visible(about.version);
    let what = if version.is_empty() { name.clone() } else { format!("{name} {version}") };
    let (subject, body) = if japanese {
        japanese_text(occasion, about, &name, &what, &device)
    } else {
        english_text(occasion, about, &name, &what, &device)
    };
    let buttons = match occasion {
        Occasion::Manager => Vec::new(),
        _ => about.answers.iter().map(|answer| (*answer, label(*answer, japanese))).collect(),
    };
    Composed { subject, body, buttons }
}

/// Says that more waits than is written about one by one. Who builds programs runs hundreds a day that nobody asked for;
/// as many messages would help nobody.
#[must_use]
pub fn more_waits(person: &str, japanese: bool) -> Composed {
    let person = visible(person);
    let (subject, body) = if japanese {
        (
            "【確認のお願い】ほかにも確認待ちのソフトウェアがあります".to_owned(),
            format!(
                "{person} さん\n\nほかにも確認をお願いしたいソフトウェアが見つかっています。件数が多いため、一件ずつのご連絡は控えています。\n「マイPC」のページで一覧をご確認ください。\n\n開発などで多くのプログラムを実行される場合は、担当者にご相談ください。"
            ),
        )
    } else {
        (
            "More software waits for your answer".to_owned(),
            format!(
                "Dear {person},\n\nMore software was found on your computer than we write about one by one.\nPlease look at the page \"My PC\", where all of it is listed.\n\nIf your work makes you run many programs of your own, please talk to the security team."
            ),
        )
    };
    Composed { subject, body, buttons: Vec::new() }
}

/// Why we ask, in one polite sentence: Japanese and English.
#[must_use]
pub const fn why(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Unapproved => (
            "まだ利用の申請がないソフトウェアです。お使いになる場合は申請を、不要な場合は削除をお願いします。",
            "Nobody has asked for this software yet. Please request it if you need it, or remove it if you do not.",
        ),
        Kind::Portable => (
            "インストールせずに実行されたプログラムで、まだ申請がありません。お使いになる場合は申請を、不要な場合はファイルの削除をお願いします。",
            "This program was run without being installed, and nobody has asked for it. Please request it if you need it, or delete the file.",
        ),
        Kind::Denied => (
            "審査の結果、社内では使えないソフトウェアです。お手数ですが削除をお願いします。",
            "This software was reviewed and may not be used here. Please remove it.",
        ),
        Kind::Revoked => (
            "以前は使えましたが、許可が取り消されました。お手数ですが削除をお願いします。",
            "This software was permitted before and is not any more. Please remove it.",
        ),
        Kind::ConditionBroken => (
            "利用の条件を満たしていない状態です。設定を確認するか、削除をお願いします。",
            "A condition for using this software does not hold. Please check its settings or remove it.",
        ),
        Kind::NewVersion => (
            "新しい版を担当者が確認しています。お待ちください。何もしていただく必要はありません。",
            "The security team is looking at this new version. There is nothing you need to do.",
        ),
        Kind::EndOfLife => (
            "サポートが終了し、更新が提供されません。後継版への移行または削除をお願いします。",
            "This software gets no more updates. Please move to its successor or remove it.",
        ),
    }
}

/// The label of an answer's button.
#[must_use]
pub const fn label(answer: Answer, japanese: bool) -> &'static str {
    if japanese { answer.label_ja() } else { answer.label_en() }
}

/// A name from outside, safe in a line of text.
#[must_use]
pub fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}' | '\u{061C}')
    };
    let mut shown: String = text.chars().filter(|c| !hidden(*c)).take(NAME_CHARS_MAX + 1).collect();
    if shown.chars().count() > NAME_CHARS_MAX {
        shown = shown.chars().take(NAME_CHARS_MAX - 1).collect();
        shown.push('…');
    }
    shown.trim().to_owned()
}

fn japanese_text(
    occasion: Occasion,
    about: &About<'_>,
    name: &str,
    what: &str,
    device: &str,
) -> (String, String) {
    let (why, _) = why(about.kind);
    let person = visible(about.person);
    let sender = visible(about.sender);
    let since = about.opened_at.utc_day();
    match occasion {
        Occasion::Notice => (
            format!("【確認のお願い】{name}"),
            format!(
                "{person} さん\n\nお使いの端末「{device}」に「{what}」が見つかりました。\n{why}\n\n下のボタンから一つお選びください。"
            ),
        ),
        Occasion::Reminder => (
            format!("【再度のお願い】{name}"),
            format!(
                "{person} さん\n\n端末「{device}」の「{what}」について、まだお返事をいただいていません。\n{why}\n\n下のボタンから一つお選びください。行き違いの場合はご容赦ください。"
            ),
        ),
        Occasion::Draft => (
            format!("{name} の件でご相談"),
            format!(
                "{person} さん\n\nセキュリティ担当の {sender} です。端末「{device}」の「{what}」の件でご連絡しました。\n{why}\n\nお困りの点があれば、このまま返信でお知らせください。一緒に考えます。\n\n{sender}"
            ),
        ),
        Occasion::Manager => (
            format!("【ご報告】{person} さんの端末の {name}"),
            format!(
                "{person} さんの端末「{device}」で「{what}」が {since} から未対応です。ご本人には担当者からも連絡済みです。\n{why}\n\nお声がけいただけますと助かります。"
            ),
        ),
    }
}

fn english_text(
    occasion: Occasion,
    about: &About<'_>,
    name: &str,
    what: &str,
    device: &str,
) -> (String, String) {
    let (_, why) = why(about.kind);
    let person = visible(about.person);
    let sender = visible(about.sender);
    let since = about.opened_at.utc_day();
    match occasion {
        Occasion::Notice => (
            format!("Please have a look: {name}"),
            format!(
                "Hello {person},\n\nwe found \"{what}\" on your device \"{device}\".\n{why}\n\nPlease choose one of the buttons below."
            ),
        ),
        Occasion::Reminder => (
            format!("A reminder: {name}"),
            format!(
                "Hello {person},\n\nwe have no answer yet about \"{what}\" on your device \"{device}\".\n{why}\n\nPlease choose one of the buttons below. If you have just answered, please ignore this."
            ),
        ),
        Occasion::Draft => (
            format!("About {name}"),
            format!(
                "Hello {person},\n\nthis is {sender} of the security team, about \"{what}\" on your device \"{device}\".\n{why}\n\nIf anything makes this hard for you, just answer this message; we will find a way.\n\n{sender}"
            ),
        ),
        Occasion::Manager => (
            format!("For your information: {name} on {person}'s device"),
            format!(
                "\"{what}\" on {person}'s device \"{device}\" has been waiting since {since}. {person} was told by us in person too.\n{why}\n\nA word from you would help."
            ),
        ),
    }
}

/// Characters of a name in a message.
pub const NAME_CHARS_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_harmless() {
        let name = format!("\u{202e}gpj.exe\u{0}\r\nBcc: all\u{200b}{}", "x".repeat(1 << 20));
        for japanese in [true, false] {
            for occasion in
                [Occasion::Notice, Occasion::Reminder, Occasion::Draft, Occasion::Manager]
            {
                let about = About {
                    kind: Kind::Portable,
                    software: &name,
                    version: &name,
                    device: "pc-1",
                    person: "田中",
                    sender: "佐藤",
                    opened_at: Timestamp::from_nanos(0),
                    answers: &[Answer::RequestNow, Answer::Removed, Answer::NotMine],
                };
                let message = compose(occasion, &about, japanese);
                assert!(!message.subject.chars().any(char::is_control), "{:?}", message.subject);
                assert!(
                    message.subject.chars().count() < 200 && message.body.chars().count() < 1_000
                );
                assert!(!message.body.contains(['\u{202e}', '\u{200b}', '\0', '\r']));
                assert_eq!(
                    message.buttons.len(),
                    if occasion == Occasion::Manager { 0 } else { 3 }
                );
            }
        }
    }

    #[test]
    fn every_kind_has_its_sentence_in_both_languages() {
        for kind in Kind::ALL {
            let (ja, en) = why(*kind);
            assert!(ja.ends_with('。') && en.ends_with('.') && en.is_ascii(), "{kind:?}");
        }
    }
}
