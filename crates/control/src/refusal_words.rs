//! What a person reads when a step of a request is refused.

use crate::Language;
use case::refusal::{FormFault, Refusal};
use software::SoftwareError;

/// The refusal in the person's language, with what to do next.
pub(crate) fn message(refusal: &Refusal, language: Language) -> String {
    let (ja, en) = match refusal {
        Refusal::Form(faults) => return form_message(faults, language),
        Refusal::State { .. } | Refusal::Life { .. } => (
            "状態が変わったため、この操作はできません。画面を読み込み直してください。",
            "Its state has changed, so this is not possible now. Please reload the page.",
        ),
        Refusal::NotYours => (
            "この操作は申請した本人だけができます。",
            "Only the person who made the request can do this.",
        ),
        Refusal::OwnRequest => (
            "自分の申請は審査できません。ほかの審査担当者に依頼してください。",
            "You cannot judge your own request. Please ask another reviewer.",
        ),
        Refusal::NotReviewer => {
            ("この操作は審査担当者だけができます。", "Only reviewers can do this.")
        }
        Refusal::NotSenior => (
            "上位者の判断を求めた申請です。判定の権限がある人が判定します。",
            "This request was escalated. Somebody with the right to decide must decide it.",
        ),
        Refusal::SecondPerson { .. } => (
            "この操作には2人目の確認が必要です。ほかの人に依頼してください。",
            "This needs a second person. Please ask somebody else.",
        ),
        Refusal::Blocked { .. } => (
            "承認を妨げる確認結果があります。2人で例外を認めるか、却下してください。",
            "There is evidence against an approval. Two people must override it, or deny the request.",
        ),
        Refusal::StillChecking { .. } => (
            "確認中の項目があります。結果が出るまでお待ちください。",
            "Some checks have not answered yet. Please wait for them.",
        ),
        Refusal::Unanswered { .. } => (
            "確認項目のうち、未回答のものがあります。回答してから判定してください。",
            "Some rules of the checklist have no answer yet. Please answer them first.",
        ),
        Refusal::UnknownNotAccepted => (
            "このソフトウェアを知っている確認元がありません。承知のうえで承認する場合は、その旨を選んでください。",
            "No source knows this software. If you approve it all the same, say so.",
        ),
        Refusal::PaidSoftware => (
            "有料ソフトウェアのファイルは受け付けません。SHA-256 を入力してください。",
            "Files of paid software are not taken. Please give its SHA-256 instead.",
        ),
        Refusal::NoSuchCheck { .. } => ("その確認項目はありません。", "There is no such check."),
        Refusal::NothingToOverride { .. } => {
            ("この確認結果に例外は必要ありません。", "This check needs no override.")
        }
        Refusal::TooMuch { .. } => ("上限に達しました。", "A limit was reached."),
        Refusal::Itself => {
            ("同じ申請どうしをまとめることはできません。", "A request cannot repeat itself.")
        }
    };
    match language {
        Language::Ja => ja.to_owned(),
        Language::En => en.to_owned(),
    }
}

/// What is wrong with a sheet, a range of versions or an entry of the catalogue, for whoever brought it.
pub(crate) fn of_software(fault: &SoftwareError, language: Language) -> String {
    if language == Language::En {
        return fault.to_string();
    }
    match fault {
        SoftwareError::BadTitleId(id) => {
            format!("カタログID「{id}」は使えません。英小文字・数字・「.」「-」で64文字までにしてください。")
        }
        SoftwareError::BadIdentifier(text) => {
            format!("識別子「{text}」を読み取れません。「deb:zoom」のように「種類:値」で書いてください。")
        }
        SoftwareError::BadCpe { place, .. } => {
            format!("CPE名を読み取れません（「{place}」のあたり）。")
        }
        SoftwareError::BadRange(text) => {
            format!("対象バージョン「{text}」を読み取れません。「>=1.2, <2」のように書いてください。")
        }
        SoftwareError::BadScheme(text) => format!("バージョンの比べ方「{text}」はありません。"),
        SoftwareError::BadUrl(text) => {
            format!("「{text}」はURLとして読み取れません。https://example.com/file のように書いてください。")
        }
        SoftwareError::BadTitles(text) => format!("ソフトウェアの一覧を読み取れません: {text}"),
        SoftwareError::BadSheet(_) => "表を読み取れません。CSV（UTF-8かShift_JIS）で保存し、1行目に「ソフトウェア名」の列があるかご確認ください。".to_owned(),
        SoftwareError::TooLarge { size, limit, .. } => {
            format!("大きすぎます（{size}）。{limit}までに分けてください。")
        }
    }
}

fn form_message(faults: &[FormFault], language: Language) -> String {
    let parts: Vec<String> = faults
        .iter()
        .map(|one| {
            let (field, fault) = (field_words(one.field), fault_words(one.fault));
            match language {
                Language::Ja => format!("{}：{}", field.0, fault.0),
                Language::En => format!("{} {}", field.1, fault.1),
            }
        })
        .collect();
    match language {
        Language::Ja => format!("入力内容を確認してください。{}", parts.join("、")),
        Language::En => format!("Please check what you entered: {}.", parts.join(", ")),
    }
}

fn field_words(field: &'static str) -> (&'static str, &'static str) {
    match field {
        "name" => ("ソフトウェア名", "software"),
        "purpose" => ("利用目的", "purpose"),
        "url" => ("入手先のURL", "download address"),
        "extension_id" => ("拡張機能のID", "extension id"),
        "sha256" => ("SHA-256", "SHA-256"),
        "version" => ("バージョン", "version"),
        "publisher" => ("発行元", "publisher"),
        "reason" => ("理由", "reason"),
        "question" => ("質問", "question"),
        "answer" => ("回答", "answer"),
        "conditions" => ("条件", "conditions"),
        "scope" => ("対象", "scope"),
        "valid_until" => ("有効期限", "expiry"),
        "file" => ("ファイル", "file"),
        other => (other, other),
    }
}

fn fault_words(fault: &'static str) -> (&'static str, &'static str) {
    match fault {
        "is missing" => ("入力してください", "is missing"),
        "is too long" => ("長すぎます", "is too long"),
        "holds control characters" => {
            ("使えない文字があります", "holds characters that cannot be used")
        }
        "is not a web address" => {
            ("https:// で始まるURLを入力してください", "must begin with https://")
        }
        "is not a SHA-256 in lower-case hex" => {
            ("64文字の16進数（小文字）で入力してください", "must be 64 lower-case hex digits")
        }
        "is in the past" => ("過去の日時です", "is in the past"),
        "does not fit the outcome" => {
            ("「条件付きで承認」のときだけ指定できます", "go with “approve with conditions” only")
        }
        "holds one without words" => ("文のない条件があります", "hold one without words"),
        "has too many entries" => ("多すぎます", "has too many entries"),
        other => (other, other),
    }
}
