//! What is doubtful about a rule that can be evaluated.

use super::{Plain, Quoted, causes};

causes! {
    /// Why a loaded rule perhaps does not say what its author means.
    pub enum LintCause {
        NoLevel: "no level; medium is assumed" | "level がないため、medium として扱います",
        Inactive(status: &'static str): "status {status}: loaded, but not evaluated" | "status が {status} のため、読み込みますが評価しません",
        UnusedSelection(name: Plain): "selection {name} is not used by the condition" | "選択条件 {name} は条件式で使われていません",
        UnusedRule(name: Plain): "{name} is not used by the condition" | "{name} は条件式で使われていません",
        NoGroup: "no group-by: events of all devices and users count together" | "group-by がないため、すべての端末と利用者のイベントをまとめて数えます",
        AllOfOne(key: Plain): "{key}: all with a single value changes nothing" | "{key}: 値が1つなので、all を付けても変わりません",
        HexNumber(written: Plain, number: i128): "{written} means the number {number}; quote it to mean text" | "{written} は数値 {number} として扱われます。文字列にするには引用符で囲んでください",
        NoSource(category: Plain, field: Plain): "no source of {category} supplies the field {field}" | "{category} のログに項目 {field} はありません",
        NoSourceButLike(category: Plain, field: Plain, near: Plain): "no source of {category} supplies the field {field}; {near} is meant perhaps" | "{category} のログに項目 {field} はありません（{near} の間違いかもしれません）",
        Expired(day: Plain): "not applied: it expired on {day}" | "{day} に期限が切れたため、適用していません",
        OtherLogSource(rule: Quoted): "has no effect on {rule}: the log sources differ" | "ログの種類が違うため、{rule}には効きません",
        NoSuchRule(name: Plain): "no rule of events is called {name}" | "{name} というイベントのルールはありません",
        AppliesToNone: "applies to no rule" | "どのルールにも適用されません",
        KeepsOnly: "without not, this filter keeps only the matches that it selects; to exclude them write condition: not selection" | "not がないため、このフィルターは選んだ一致だけを残します。除外するには condition: not selection と書いてください",
        Silenced(rule: Quoted): "{rule} raises no alerts of its own any more; generate: true keeps them" | "{rule}は単独ではアラートを出さなくなります。出し続けるには generate: true を指定してください",
    }
}
