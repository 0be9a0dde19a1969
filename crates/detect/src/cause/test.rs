//! What is wrong with a file of tests, and how a case fails.

use super::{Found, Plain, Quoted, causes};
use crate::RuleError;
use crate::cause::Spoken;

causes! {
    /// Why a test file cannot be read.
    pub enum TestFault {
        Documents(count: usize): "expected one document, found {count}" | "文書は1つのはずですが、{count} 個あります",
        Yaml(cause: Box<RuleError>): "{cause}" | "{cause}",
        Missing(key: &'static str): "{key} is missing" | "{key} がありません",
        NoneOf(key: &'static str): "{key} are missing" | "{key} がありません",
        NoCases: "there are no cases" | "cases が空です",
        CasesNoList: "cases are not a list" | "cases がリストではありません",
        Expect(found: Quoted): "expect is {found}, must be match or none" | "expect が{found}です（match か none にしてください）",
        Events: "expected event, or events as a list" | "event か、リストの events のどちらかが必要です",
        At(found: Found): "at is {found}, expected a time such as 90s or RFC 3339" | "at {found}（90s や RFC 3339 の形の時刻が必要です）",
        Repeat(most: i64): "repeat is no number up to {most}" | "repeat が 1〜{most} の数値ではありません",
        Is(key: &'static str, found: Found): "{key} is {found}" | "{key} {found}",
        FieldsNoMap: "fields are not a map" | "fields がマップではありません",
        TooWide(number: i128): "{number} has more than 64 bits" | "{number} は 64 ビットに収まりません",
        NoMap(found: Found): "expected a map, found {found}" | "マップのはずですが、値{found}",
        UnknownKey(key: Quoted, known: Plain): "{key} is none of {known}" | "{key}という項目はありません（使えるもの: {known}）",
    }
}

impl Spoken for Box<RuleError> {
    fn say(&self, japanese: bool) -> String {
        (**self).say(japanese)
    }
}

causes! {
    /// How a case fails, or passes.
    pub enum Mismatch {
        FoundNone(case: Plain, expected: ExpectedMatch): "{case}: expected {expected}, found none" | "{case}: {expected}はずが、一致しませんでした",
        OtherLogSource(case: Plain, expected: ExpectedMatch): "{case}: expected {expected}, but the event's product, service and category are not those of the rule's logsource" | "{case}: {expected}はずが、イベントの product・service・category がルールの logsource と違います",
        NotEvaluated(case: Plain, expected: ExpectedMatch): "{case}: expected {expected}, but the rule is not loaded or not active" | "{case}: {expected}はずが、ルールが読み込まれていないか、有効ではありません",
        FoundMatch(case: Plain, expected: ExpectedMatch, why: Why): "{case}: expected {expected}, found a match{why}" | "{case}: {expected}はずが、一致しました{why}",
    }
}

causes! {
    /// What a case expects.
    pub enum ExpectedMatch {
        Match: "a match" | "一致する",
        None: "no match" | "一致しない",
    }
}

/// The conditions that held: selection, field (`None`: any), value (`None`: nothing).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Why(pub(crate) Vec<(Plain, Option<Plain>, Option<Quoted>)>);

impl Spoken for Why {
    fn say(&self, japanese: bool) -> String {
        let one = |(selection, field, value): &(Plain, Option<Plain>, Option<Quoted>)| {
            let selection = selection.say(japanese);
            let field = field.as_ref().map(|field| field.say(japanese));
            let value = value.as_ref().map(|value| value.say(japanese));
            match japanese {
                true => format!(
                    "、{selection}: {} が{}",
                    field.unwrap_or_else(|| "いずれかの項目".to_owned()),
                    value.unwrap_or_else(|| "値なし".to_owned()),
                ),
                false => format!(
                    ", {selection}: {} has {}",
                    field.unwrap_or_else(|| "any field".to_owned()),
                    value.unwrap_or_else(|| "\"nothing\"".to_owned()),
                ),
            }
        };
        self.0.iter().map(one).collect()
    }
}
