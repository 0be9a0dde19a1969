//! What is wrong with a document as a whole.

use super::{Found, Plain, Quoted, causes};

causes! {
    /// Why a text is not the YAML that rules are written in.
    pub enum YamlFault {
        // The parser says more than we could; it speaks English only.
        Syntax(words: Plain): "{words}" | "構文エラー（{words}）",
        Empty: "the document is empty" | "文書が空です",
        AliasWithin: "an alias inside of what it names" | "エイリアスが、それ自身の中で使われています",
        KeyNotText: "a list or map as a key" | "キーがリストやマップになっています",
        MergeKey: "merge keys (<<) are not part of Sigma" | "マージキー（<<）は Sigma では使えません",
        KeyTwice(key: Quoted): "the key {key} occurs twice in one map" | "同じマップにキー{key}が2回あります",
        Tag(tag: Plain): "the tag {tag}" | "タグ {tag} は使えません",
    }
}

causes! {
    /// What has a limit.
    pub enum Measure {
        SourceBytes: "the source's size in bytes" | "テキストのバイト数",
        DocumentBytes: "the document's size in bytes" | "文書のバイト数",
        Nesting: "nesting of the document" | "文書の入れ子の深さ",
        Nodes: "the number of values in the document" | "文書にある値の数",
        Rules: "the number of rules" | "ルールの数",
        Fields: "the number of fields" | "項目の数",
        Regexes: "the number of regular expressions" | "正規表現の数",
        Cost: "the cost of the values" | "値の照合にかかる負荷",
        ConditionValues: "the condition in values" | "条件式に含まれる値の数",
        ValueBytes: "a value in bytes" | "値のバイト数",
        PlaceholderValues: "values by placeholders" | "プレースホルダーから作られる値の数",
    }
}

causes! {
    /// A part of Sigma, or of its earlier versions, that is not evaluated here.
    pub enum Unsupported {
        Action: "the attribute action" | "属性 action",
        Taxonomy(found: Found): "the taxonomy {found}" | "Sigma 以外の項目名の体系（taxonomy {found}）",
        Timeframe: "a timeframe in a rule of single events" | "単一イベントのルールでの timeframe",
        NotOneFilter: "a text that is not exactly one filter" | "フィルター1つではないテキスト",
        OverUnusable(rule: Quoted): "a correlation that refers to {rule}, which is refused or not active," | "読み込めない、または有効でない{rule}を参照する相関ルール",
        OverInactive(rule: Quoted): "a correlation that refers to {rule}, which is not evaluated by its status," | "status により評価されない{rule}を参照する相関ルール",
        OverRefused(rule: Quoted): "a correlation that refers to {rule}, which is refused," | "読み込みを拒否された{rule}を参照する相関ルール",
        OverCircle: "a correlation that refers to correlations that refer to each other in a circle" | "互いに循環して参照し合う相関ルールを参照する相関ルール",
    }
}

impl Unsupported {
    /// The next step.
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::Action => Remedy::InFull,
            Self::Taxonomy(_) => Remedy::SigmaTaxonomy,
            Self::Timeframe => Remedy::NoTimeframe,
            Self::NotOneFilter => Remedy::OneFilter,
            Self::OverUnusable(_)
            | Self::OverInactive(_)
            | Self::OverRefused(_)
            | Self::OverCircle => Remedy::CorrectReferred,
        }
    }
}

causes! {
    /// What can be done about what is not supported.
    pub enum Remedy {
        InFull: "write every document in full; Sigma 2 has no global parts" | "文書を省略せずに書いてください（Sigma 2 に共通部分の仕組みはありません）",
        SigmaTaxonomy: "use the field names of Sigma's own taxonomy" | "Sigma 標準の項目名を使ってください",
        NoTimeframe: "remove it; only correlation rules look at several events" | "timeframe を削除してください（複数のイベントを見るのは相関ルールだけです）",
        OneFilter: "write one document with title, logsource and filter" | "title・logsource・filter を持つ文書を1つだけ書いてください",
        CorrectReferred: "correct or load what it refers to" | "参照先のルールを修正するか、読み込んでください",
    }
}

causes! {
    /// Why a selection means nothing.
    pub enum SelectionFault {
        Empty: "it is empty" | "空です",
        EmptyMap: "an empty map" | "マップが空です",
        EmptyList: "an empty list" | "リストが空です",
        ListWithin: "a list or nothing within a list" | "リストの中にリストや空の値があります",
    }
}
