//! Why a rule cannot be evaluated exactly, and what its author can do.

use crate::cause::{
    Attribute, ChainFault, ConditionFault, Expected, Found, Measure, Plain, Quoted, SelectionFault,
    Spoken, Unsupported, ValueFault, YamlFault, causes,
};
use crate::sentence::Sentence;

causes! {
    /// Why a rule was refused. `Display` tells the cause in English, [`RuleError::words`] in both languages,
    /// [`RuleError::remedy_words`] the next step.
    pub enum RuleError {
        Yaml(fault: YamlFault): "not readable as yaml: {fault}" | "YAML として読めません: {fault}",
        TooLarge(what: Measure, limit: usize): "{what} exceeds the limit of {limit}" | "{what}が上限の {limit} を超えています",
        Missing(attribute: &'static str): "the attribute {attribute} is missing" | "属性 {attribute} がありません",
        BadAttribute(attribute: Attribute, found: Found, expected: Expected): "{attribute} is {found}, expected {expected}" | "{attribute} {found}（書けるもの: {expected}）",
        NotSupported(what: Unsupported): "{what} is not yet supported" | "評価できません: {what}",
        BadModifier(field: Quoted, chain: Quoted, fault: ChainFault): "modifier chain {chain} of field {field}: {fault}" | "項目{field}の修飾子{chain}: {fault}",
        BadValue(field: Quoted, value: Quoted, fault: ValueFault): "value {value} of field {field}: {fault}" | "項目{field}の値{value}: {fault}",
        BadCondition(fault: ConditionFault): "condition: {fault}" | "条件式: {fault}",
        BadSelection(selection: Quoted, fault: SelectionFault): "selection {selection}: {fault}" | "選択条件{selection}: {fault}",
        UnresolvedPlaceholder(name: Plain): "placeholder %{name}% has no values" | "プレースホルダー %{name}% の値がありません",
        DuplicateId(id: Plain, first: Plain): "rule id {id} is already loaded from {first}" | "ルール ID {id} は {first} で読み込み済みです",
        NoReference(name: Plain): "0 rules are called {name}" | "{name} というルールはありません",
        ManyReferences(count: usize, name: Plain): "{count} rules are called {name}" | "{name} というルールが {count} 件あります",
        Cycle(path: Plain): "correlations refer to each other in a circle: {path}" | "相関ルールが循環して参照し合っています: {path}",
    }
}

impl std::error::Error for RuleError {}

/// A next step in both languages.
macro_rules! step {
    ($japanese:ident; $en:literal | $ja:literal) => {
        if $japanese { format!($ja) } else { format!($en) }
    };
}

impl RuleError {
    /// The cause in both languages.
    #[must_use]
    pub fn words(&self) -> Sentence {
        self.sentence()
    }

    /// What the author of the rule can do about it, in English.
    #[must_use]
    pub fn remedy(&self) -> String {
        self.next_step(false)
    }

    /// What the author of the rule can do about it, in both languages.
    #[must_use]
    pub fn remedy_words(&self) -> Sentence {
        Sentence { ja: self.next_step(true), en: self.next_step(false) }
    }

    fn next_step(&self, japanese: bool) -> String {
        let say = |en: &str, ja: &str| if japanese { ja.to_owned() } else { en.to_owned() };
        match self {
            Self::Yaml(_) => say(
                "correct the yaml; quote values that begin with a special character",
                "YAML を修正してください（記号で始まる値は引用符で囲みます）",
            ),
            Self::TooLarge(..) => {
                say("split the rule into several smaller ones", "ルールを小さく分けてください")
            }
            Self::Missing(attribute) => {
                step!(japanese; "add {attribute} to the rule" | "{attribute} を書き加えてください")
            }
            Self::BadAttribute(attribute, _, expected) => {
                let (attribute, expected) = (attribute.say(japanese), expected.say(japanese));
                step!(japanese; "write {expected} for {attribute}"
                    | "{attribute} を次のように書いてください: {expected}")
            }
            Self::NotSupported(what) => what.remedy().say(japanese),
            Self::BadModifier(..) => {
                let known = crate::modifier::KNOWN_NAMES;
                step!(japanese; "use the modifiers of Sigma 2.1 in an order that fits: {known}"
                    | "Sigma 2.1 の修飾子を正しい順に使ってください: {known}")
            }
            Self::BadValue(..) => {
                say("correct the value or its modifiers", "値か修飾子を修正してください")
            }
            Self::BadCondition(_) => say(
                "write names of selections joined by and, or, not, parentheses, 1 of or all of",
                "選択条件の名前を and・or・not・括弧・1 of・all of でつないでください",
            ),
            Self::BadSelection(..) => {
                say("fill the selection or remove it", "選択条件に内容を書くか、削除してください")
            }
            Self::UnresolvedPlaceholder(name) => {
                let name = name.say(japanese);
                step!(japanese; "give a list of values for {name}, or write the values into the rule"
                    | "{name} のリストを用意するか、値をルールに直接書いてください")
            }
            Self::DuplicateId(..) => say(
                "give the rule an id of its own, or load the folder only once",
                "ルールに固有の ID を付けるか、フォルダーを一度だけ読み込んでください",
            ),
            Self::NoReference(_) => say(
                "load that rule as well; a refused rule cannot be referred to",
                "そのルールも読み込んでください（拒否されたルールは参照できません）",
            ),
            Self::ManyReferences(..) => {
                say("refer to the rule by its id", "ルールを ID で参照してください")
            }
            Self::Cycle(_) => say(
                "let one of them refer to rules of events instead",
                "いずれかの参照先を、イベントのルールに変えてください",
            ),
        }
    }

    /// The placeholder without values that it lacks, if that is the cause.
    #[must_use]
    pub fn lacks(&self) -> Option<&str> {
        match self {
            Self::UnresolvedPlaceholder(name) => Some(name.as_str()),
            _ => None,
        }
    }

    pub(crate) const fn too_large(what: Measure, limit: usize) -> Self {
        Self::TooLarge(what, limit)
    }

    pub(crate) fn value(field: &str, value: &str, fault: ValueFault) -> Self {
        Self::BadValue(Quoted::of(field), Quoted::of(value), fault)
    }
}

/// A cause and the line where it was found, counted from 1 within the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: Option<usize>,
    pub(crate) cause: RuleError,
}

impl RuleError {
    pub(crate) const fn at(self, line: usize) -> Fault {
        Fault { line: Some(line), cause: self }
    }
}
