//! What stands at an attribute, and what it may hold.

use super::{Plain, Quoted, causes};

causes! {
    /// What an attribute holds; the Japanese words are a predicate (`level` が…).
    pub enum Found {
        Empty: "empty" | "が空です",
        Text(text: Quoted): "{text}" | "が{text}になっています",
        List: "a list" | "がリストになっています",
        Map: "a map" | "がマップになっています",
        Extended(key: Quoted): "extended by {key}" | "に未知の項目{key}があります",
        Twice(name: Quoted): "{name} twice" | "に{name}が2回あります",
        TwiceCalled(name: Quoted): "{name} twice, by id and by name" | "に{name}がIDと名前で2回あります",
        BesideDetection: "beside a detection" | "が detection と同じ文書にあります",
        BesideOthers: "beside detection or filter" | "が detection や filter と同じ文書にあります",
        Fields(count: usize): "{count} fields" | "に項目が {count} 個あります",
        There: "there" | "が指定されています",
        WithoutNumber: "without number" | "に数値がありません",
        Without(rule: Quoted): "without {rule}" | "に{rule}の項目がありません",
        Documents(count: usize): "{count} documents" | "が {count} 個の文書に分かれています",
    }
}

causes! {
    /// What an attribute may hold.
    pub enum Expected {
        MapOfAttributes: "a map of attributes" | "属性のマップ",
        Map: "a map" | "マップ",
        Name: "a name" | "名前",
        Names: "names" | "名前のリスト",
        EachNameOnce: "each name once" | "重複のない名前",
        EachRuleOnce: "each rule once" | "重複のないルール",
        Text: "text" | "文字列",
        LogSourceKeys: "product, service, category and definition only" | "product・service・category・definition だけ",
        LogSourceSome: "at least one of product, service and category" | "product・service・category のうち1つ以上",
        Relation: "an id and a type" | "id と type",
        RelationType: "derived, obsolete, merged, renamed or similar" | "derived・obsolete・merged・renamed・similar のいずれか",
        Level: "informational, low, medium, high or critical" | "informational・low・medium・high・critical のいずれか",
        Status: "stable, test, experimental, deprecated or unsupported" | "stable・test・experimental・deprecated・unsupported のいずれか",
        OwnDocument: "a document of its own: what belongs to the rule stands before a line of ---" | "独立した文書（ルールの内容は --- の行より前に書きます）",
        OwnDocumentOnly: "a document of its own" | "独立した文書",
        Selections: "a map of selections" | "選択条件のマップ",
        RulesOfFilter: "any, or ids or names of rules" | "any、またはルールの ID か名前",
        Day: "a day such as 2026-12-31" | "2026-12-31 の形の日付",
        Values: "one document: a list of texts, or a map with values" | "1つの文書（文字列のリスト、または values を持つマップ）",
        CorrelationKeys: "type, rules, group-by, timespan, condition, aliases and generate only" | "type・rules・group-by・timespan・condition・aliases・generate だけ",
        CorrelationType: "event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, value_percentile or value_median" | "event_count・value_count・temporal・temporal_ordered・value_sum・value_avg・value_percentile・value_median のいずれか",
        PercentileType: "value_percentile as type" | "type が value_percentile の相関ルール",
        FieldCount: "no field for event_count, one or more for value_count, one for the others" | "event_count なら 0 個、value_count なら 1 個以上、ほかは 1 個の項目",
        ComparisonMap: "a map of gt, gte, lt, lte, eq or neq" | "gt・gte・lt・lte・eq・neq のマップ",
        ComparisonKeys: "gt, gte, lt, lte, eq, neq, field and percentile only" | "gt・gte・lt・lte・eq・neq・field・percentile だけ",
        Comparison: "at least one of gt, gte, lt, lte, eq and neq" | "gt・gte・lt・lte・eq・neq のうち1つ以上",
        Number: "a number" | "数値",
        Percent: "a number from 0 to 100" | "0〜100 の数値",
        Aliases: "a map of rules and their fields" | "ルールとその項目のマップ",
        AliasOfEach: "a field for each of the rules" | "すべてのルールの項目",
        Truth: "true or false" | "true か false",
        Span: "a number and one of the letters s, m, h and d, up to 90d" | "数値と単位（s・m・h・d）の組み合わせ（90d まで）",
    }
}

causes! {
    /// The path of an attribute.
    pub enum Attribute {
        At(path: &'static str): "{path}" | "{path}",
        Document: "the document" | "文書全体",
        LogSource(key: Plain): "logsource.{key}" | "logsource.{key}",
        Condition(key: Plain): "correlation.condition.{key}" | "correlation.condition.{key}",
        Alias(name: Plain): "correlation.aliases.{name}" | "correlation.aliases.{name}",
    }
}
