//! Detections: the alerts of one rule folded into one finding with a count; and the risk that they add up to.
//!
//! Alerts come from the pipeline after the lake has them, at least once: [`Control::take_alerts`] knows each by its
//! identifier. What a crash between the lake's commit and the taking leaves behind is found by the mark that
//! [`Control::alerts_coming`] set before the commit, and taken by [`Control::catch_up_alerts`].
//!
//! What is old is removed; an open detection never is.
//!
//! Invariant: the counts of detections are those of the lake's alerts of level low and above. Informational alerts
//! open no detection and add no risk: they are for reading along.
//! Invariant: an alert is in one detection, and counted once in it, on its device and in the risk of its device and
//! user.

mod acts;
mod came;
mod intake;
mod ocsf;
mod reading;
mod retention;
mod risk;
mod stored;

pub use intake::Taken;
pub use retention::Removed;
pub(crate) use retention::Retention;

use crate::Language;
use case::detection::Refused;

/// What a person reads when a step is refused.
pub(crate) fn message(refused: Refused, language: Language) -> String {
    let (ja, en) = match refused {
        Refused::Status { .. } | Refused::NothingToUndo => (
            "状態が変わったため、この操作はできません。画面を読み込み直してください。",
            "Its state has changed, so this is not possible now. Please reload the page.",
        ),
        Refused::NewerIsOpen => (
            "このルールの新しい検出が対応中です。そちらで対応してください。",
            "A newer finding of this rule is open. Please work on that one.",
        ),
        Refused::Reason => (
            "理由を1,000文字以内で入力してください。",
            "Please give a reason of at most 1,000 characters.",
        ),
        Refused::Person => {
            ("担当者を一覧から選んでください。", "Please choose a person of the list.")
        }
    };
    match language {
        Language::Ja => ja.to_owned(),
        Language::En => en.to_owned(),
    }
}
