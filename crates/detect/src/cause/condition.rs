//! What is wrong with a condition, of selections or of the rules of a correlation.

use super::{Found, Plain, Quoted, causes};

causes! {
    /// Why a condition cannot be parsed, or can never hold.
    pub enum ConditionFault {
        Empty: "it is empty" | "空です",
        Is(found: Found): "it is {found}" | "文字列ではありません: 値{found}",
        TooManyWords(limit: usize): "more than {limit} words" | "語が {limit} 個を超えています",
        TooDeep(limit: usize): "nested deeper than {limit}" | "入れ子が {limit} 段を超えています",
        Aggregation: "aggregations behind | are no longer part of Sigma; a correlation rule says the same" | "| による集計は現在の Sigma にありません。相関ルールで書けます",
        Unopened: "a closing parenthesis without its opening one" | "対応する開き括弧のない閉じ括弧があります",
        Unclosed: "a closing parenthesis is missing" | "閉じ括弧がありません",
        Unexpected(word: Quoted): "expected and, or or the end before {word}" | "{word}の前に and か or がありません",
        SelectionExpected: "it ends where a selection is expected" | "選択条件の名前があるはずの位置で終わっています",
        PatternExpected: "it ends where a pattern of selections is expected" | "of の後に選択条件の名前がありません",
        PatternAlone(pattern: Quoted): "write 1 of or all of before the pattern {pattern}" | "パターン{pattern}の前に 1 of か all of が必要です",
        UnknownSelection(name: Quoted, known: Plain): "no selection is called {name}; there are {known}" | "{name}という選択条件はありません（定義済み: {known}）",
        NoSelectionFits(pattern: Quoted): "no selection fits {pattern}" | "{pattern}に当てはまる選択条件がありません",
        UnknownQuantifier(word: Quoted): "{word} of is not defined; write 1 of, any of or all of" | "{word} of という書き方はありません。1 of・any of・all of のいずれかにしてください",
        RuleExpected: "it ends where a rule is expected" | "ルールの名前があるはずの位置で終わっています",
        RulesExpected: "it ends where rules are expected" | "of の後にルールの名前がありません",
        UnknownRule(name: Quoted): "{name} is none of the rules" | "{name}は rules にありません",
        TooManyRules(limit: usize): "more than {limit} rules" | "ルールが {limit} 個を超えています",
        OfNeedsRules: "of needs the list of rules; add rules" | "of を使うには rules の一覧が必要です",
        UnknownCount(word: Quoted): "{word} of is not defined; write a number, any or all" | "{word} of という書き方はありません。数値・any・all のいずれかにしてください",
        CountOf(count: usize, rules: usize): "{count} of {rules} rules" | "{rules} 個のルールのうち {count} 個という条件は成り立ちません",
        TemporalField: "temporal correlations look at no field" | "temporal の相関ルールに field や percentile は使えません",
        OrderOfAll: "an order is defined for all of the rules only" | "順序は、すべてのルールがそろう条件にだけ使えます",
        HoldsWithoutEvent: "it holds without any event" | "イベントがなくても成り立ってしまいます",
        NoOrder: "an order needs rules joined by and, perhaps with not before some" | "順序を見るには、ルールを and でつないでください（not は付けられます）",
        Impossible(most: usize): "no count from 1 to {most} satisfies it; to find what does not happen, write a condition with not" | "1〜{most} のどの件数でも成り立ちません。起きないことを見つけるには、not を使った条件式にしてください",
    }
}
