//! Why a text that loads is still not the rule that was asked for, and why its tests cannot be run.

use crate::limits::{RULE_TEST_EVENTS_MAX, RULE_TESTS_BYTES_MAX};
use crate::view::backtest::RefusedRule;
use crate::view::detections::Said;

/// What is wrong with a text as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextFault {
    TooLong,
    NoRule,
    /// More than one, where one is written.
    SeveralRules,
    /// More than a look back takes.
    TooManyRules,
    NoId,
    LongId,
    IdTaken {
        id: String,
        source: String,
    },
    IdChanged,
}

impl TextFault {
    /// The refusal that says so.
    pub(crate) fn refused(&self, source: &str, line: Option<usize>) -> RefusedRule {
        let (reason, remedy) = self.words();
        RefusedRule { source: source.to_owned(), title: None, line, reason, remedy }
    }

    /// Cause and remedy.
    fn words(&self) -> (Said, Said) {
        let both = |reason: (&str, &str), remedy: (&str, &str)| {
            (Said::new(reason.0, reason.1), Said::new(remedy.0, remedy.1))
        };
        match self {
            Self::TooLong => both(
                ("テキストが長すぎます", "the text is too long"),
                ("ルールを 1 件ずつ書いてください", "write rules one by one"),
            ),
            Self::NoRule => both(
                ("テキストにルールがありません", "the text holds no rule"),
                ("detection のあるルールを書いてください", "write a rule with a detection"),
            ),
            Self::SeveralRules => both(
                ("テキストに複数のルールがあります", "the text holds several rules"),
                (
                    "ルールは 1 件ずつ分けて書いてください（一緒に書けるのは、相関ルールが参照するルールだけです）",
                    "write each rule as a rule of its own; only what a correlation refers to may stand in one text with it",
                ),
            ),
            Self::TooManyRules => both(
                ("1 つのテキストのルールが多すぎます", "too many rules in one text"),
                ("一度に調べるルールを減らしてください", "look back at fewer rules at once"),
            ),
            Self::NoId => both(
                ("ルールに ID がありません", "the rule has no id"),
                (
                    "「id: 」に続けて新しい UUID を書いた行を追加してください",
                    "add a line such as: id: and a new UUID",
                ),
            ),
            Self::LongId => both(
                ("ID が長すぎます", "the id is too long"),
                ("UUID を使ってください", "use a UUID"),
            ),
            Self::IdTaken { id, source } => (
                Said::new(
                    format!("ID「{id}」は {source} で使われています"),
                    format!("the id {id:?} belongs to {source}"),
                ),
                Said::new("ルールに新しい ID を付けてください", "give the rule a new id"),
            ),
            Self::IdChanged => both(
                ("ルールの ID は変更できません", "a rule keeps its id"),
                (
                    "ID を元に戻すか、新しいルールとして書いてください",
                    "put the id back, or write a new rule",
                ),
            ),
        }
    }
}

/// Why tests cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TestsFault {
    TooLong,
    TooManyEvents,
    OtherRule { tests: String, rule: String },
}

impl TestsFault {
    pub(crate) fn words(&self) -> Said {
        match self {
            Self::TooLong => Said::new(
                format!("テストが {RULE_TESTS_BYTES_MAX} バイトを超えています"),
                format!("the tests are longer than {RULE_TESTS_BYTES_MAX} bytes"),
            ),
            Self::TooManyEvents => Said::new(
                format!("テスト全体の繰り返しが {RULE_TEST_EVENTS_MAX} イベントを超えています"),
                format!("all tests together repeat more than {RULE_TEST_EVENTS_MAX} events"),
            ),
            Self::OtherRule { tests, rule } => Said::new(
                format!("このテストはルール「{tests}」のものです（このルールは「{rule}」）"),
                format!("the tests are of the rule {tests:?}, this one is {rule:?}"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_words_in_both_languages() {
        let taken = TextFault::IdTaken { id: "abc".into(), source: "x.yml".into() };
        let mut said = Vec::new();
        for fault in [
            TextFault::TooLong,
            TextFault::NoRule,
            TextFault::SeveralRules,
            TextFault::TooManyRules,
            TextFault::NoId,
            TextFault::LongId,
            taken.clone(),
            TextFault::IdChanged,
        ] {
            let refused = fault.refused("rule", Some(1));
            said.extend([refused.reason, refused.remedy]);
        }
        let other = TestsFault::OtherRule { tests: "abc".into(), rule: "def".into() };
        said.extend([TestsFault::TooLong, TestsFault::TooManyEvents, other].map(|it| it.words()));
        for Said { ja, en } in &said {
            assert!(!en.is_empty() && !ja.is_ascii() && !(ja.clone() + en).contains('\n'), "{ja}");
        }
        let Said { ja, en } = taken.refused("rule", None).reason;
        assert!(
            ["abc", "x.yml"].iter().all(|culprit| ja.contains(culprit) && en.contains(culprit))
        );
    }
}
