//! The messages about requests and decisions, in the reader's language: honest, short, polite.

use crate::Language;
use case::command::Notice;
use case::decision::Outcome;

/// Subject and body of a message about the request of a piece of software.
pub(crate) fn of_notice(what: &Notice, name: &str, language: Language) -> (String, String) {
    let name: String = name.chars().take(80).collect();
    let (subject, body) = match language {
        Language::Ja => ja(what),
        Language::En => en(what),
    };
    let subject = match language {
        Language::Ja => format!("「{name}」{subject}"),
        Language::En => format!("“{name}” {subject}"),
    };
    let body = match what {
        Notice::Question { text } => {
            let text: String = text.chars().take(1_000).collect();
            format!("{body}\n\n{text}")
        }
        _ => body.to_owned(),
    };
    (subject, body)
}

/// The stored name of the kind of message.
pub(crate) const fn kind(what: &Notice) -> &'static str {
    match what {
        Notice::Waiting => "request_waiting",
        Notice::Assigned => "request_assigned",
        Notice::Duplicate { .. } => "request_duplicate",
        Notice::Question { .. } => "request_question",
        Notice::QuestionAgain => "request_question_again",
        Notice::Answered => "request_answered",
        Notice::OverrideProposed => "request_override_proposed",
        Notice::Escalated => "request_escalated",
        Notice::Decided { .. } => "request_decided",
        Notice::Malware => "request_malware",
        Notice::Appealed => "request_appealed",
        Notice::Withdrawn => "request_withdrawn",
    }
}

/// The label of the button that opens it.
pub(crate) const fn open_label(language: Language) -> &'static str {
    match language {
        Language::Ja => "開く",
        Language::En => "Open",
    }
}

/// The message that a permission has no force now.
pub(crate) fn no_longer(name: &str, reason: &str, language: Language) -> (String, String) {
    let name: String = name.chars().take(80).collect();
    let reason = case::recheck::reason_in(reason, language == Language::Ja);
    let reason: String = reason.chars().take(1_000).collect();
    match language {
        Language::Ja => (
            format!("「{name}」は現在使えません"),
            format!(
                "許可が止まりました。使用をやめてください。ご不明な点は審査担当者にお問い合わせください。\n\n理由：{reason}"
            ),
        ),
        Language::En => (
            format!("“{name}” may not be used now"),
            format!(
                "Its permission has ended. Please stop using it, and ask a reviewer if anything is unclear.\n\nReason: {reason}"
            ),
        ),
    }
}

/// The message that a decision waits to be looked at again.
pub(crate) fn recheck(name: &str, language: Language) -> (String, String) {
    let name: String = name.chars().take(80).collect();
    match language {
        Language::Ja => (
            format!("「{name}」の再確認が必要です"),
            "許可済みのソフトウェアに変化がありました。審査画面で確認してください。".to_owned(),
        ),
        Language::En => (
            format!("“{name}” needs to be looked at again"),
            "Something changed in software that is permitted. Please look at it on the review desk.".to_owned(),
        ),
    }
}

const fn ja(what: &Notice) -> (&'static str, &'static str) {
    match what {
        Notice::Waiting => ("の申請があります", "審査をお願いします。"),
        Notice::Assigned => ("の審査担当になりました", "審査をお願いします。"),
        Notice::Duplicate { .. } => {
            ("は同じ申請がありました", "既存の申請にまとめました。結果が出たらお知らせします。")
        }
        Notice::Question { .. } => {
            ("について質問があります", "審査担当者からの質問です。回答をお願いします。")
        }
        Notice::QuestionAgain => {
            ("の質問に回答をお願いします", "回答をいただくまで、審査を進められません。")
        }
        Notice::Answered => ("の質問に回答がありました", "審査を続けてください。"),
        Notice::OverrideProposed => {
            ("の例外に2人目の確認が必要です", "内容を確かめ、問題がなければ同意してください。")
        }
        Notice::Escalated => {
            ("の判定を求められています", "上位の判断が必要な申請です。判定をお願いします。")
        }
        Notice::Decided { outcome: Outcome::Approve } => ("は使えます", "申請が承認されました。"),
        Notice::Decided { outcome: Outcome::ApproveWithConditions } => {
            ("は条件付きで使えます", "申請が承認されました。条件を確認してからお使いください。")
        }
        Notice::Decided { outcome: Outcome::Deny } => (
            "は使えません",
            "申請は承認されませんでした。理由を確認してください。納得できない場合は再審査を求められます。",
        ),
        Notice::Malware => (
            "は使えません",
            "マルウェアの疑いがあるため、承認されませんでした。すでに実行した場合は、すぐに審査担当者へ連絡してください。",
        ),
        Notice::Appealed => ("の再審査を求められています", "申請者の意見を確認してください。"),
        Notice::Withdrawn => ("の申請は取り下げられました", "対応は必要ありません。"),
    }
}

const fn en(what: &Notice) -> (&'static str, &'static str) {
    match what {
        Notice::Waiting => ("was requested", "Please review the request."),
        Notice::Assigned => ("is yours to review", "Please review the request."),
        Notice::Duplicate { .. } => (
            "was requested before",
            "Your request was joined with the earlier one. You will hear of the outcome.",
        ),
        Notice::Question { .. } => {
            ("needs an answer from you", "A reviewer asks you. Please answer.")
        }
        Notice::QuestionAgain => {
            ("still needs an answer from you", "The review cannot go on without it.")
        }
        Notice::Answered => ("was answered", "Please go on with the review."),
        Notice::OverrideProposed => {
            ("needs a second person", "Please look at the override, and confirm it if you agree.")
        }
        Notice::Escalated => ("waits for your decision", "A reviewer escalated this request."),
        Notice::Decided { outcome: Outcome::Approve } => {
            ("may be used", "Your request was approved.")
        }
        Notice::Decided { outcome: Outcome::ApproveWithConditions } => (
            "may be used under conditions",
            "Your request was approved. Please read the conditions before you use it.",
        ),
        Notice::Decided { outcome: Outcome::Deny } => (
            "may not be used",
            "Your request was not approved. Please read the reason. You may appeal if you disagree.",
        ),
        Notice::Malware => (
            "may not be used",
            "It may be malware, so it was not approved. If you have run it already, tell a reviewer at once.",
        ),
        Notice::Appealed => ("was appealed", "Please read what the requester says."),
        Notice::Withdrawn => ("was withdrawn", "There is nothing to do."),
    }
}
