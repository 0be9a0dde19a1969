//! What is wrong with a regular expression, by the kinds of error of its parser.

use super::{Plain, causes};
use regex_syntax::ast::ErrorKind as Ast;
use regex_syntax::hir::ErrorKind as Hir;

causes! {
    /// Why a regular expression is not understood.
    pub enum RegexFault {
        TooManyGroups: "exceeded the maximum number of capturing groups" | "グループが多すぎます",
        ClassEscape: "invalid escape sequence found in character class" | "文字クラスの中に使えないエスケープがあります",
        ClassRange: "invalid character class range, the start must be <= the end" | "文字クラスの範囲の始まりが終わりより後ろです",
        ClassRangeLiteral: "invalid range boundary, must be a literal" | "文字クラスの範囲の端が文字ではありません",
        ClassUnclosed: "unclosed character class" | "文字クラスの ] がありません",
        Decimal: "decimal literal empty or invalid" | "10進数が空か、正しくありません",
        Hex: "hexadecimal literal empty or invalid" | "16進数が空か、正しくありません",
        EscapeEnd: "incomplete escape sequence, reached end of pattern prematurely" | "エスケープが途中で終わっています",
        EscapeUnknown: "unrecognized escape sequence" | "知らないエスケープがあります",
        Flag: "a flag is unknown, missing, repeated or denied without being there" | "フラグが正しくありません（未知・重複・欠落）",
        GroupName: "the name of a capture group is empty, invalid, unclosed or given twice" | "グループの名前が正しくありません（空・使えない文字・閉じ忘れ・重複）",
        GroupUnclosed: "unclosed group" | "グループの閉じ括弧がありません",
        GroupUnopened: "unopened group" | "グループの開き括弧がありません",
        TooDeep(limit: u32): "exceed the maximum number of nested parentheses/brackets ({limit})" | "括弧の入れ子が {limit} 段を超えています",
        RepetitionRange: "invalid repetition count range, the start must be <= the end" | "繰り返しの最小値が最大値より大きくなっています",
        RepetitionCount: "repetition quantifier expects a valid decimal" | "繰り返しの回数が数値ではありません",
        RepetitionUnclosed: "unclosed counted repetition" | "繰り返しの回数の }} がありません",
        RepetitionMissing: "repetition operator missing expression" | "* や + などの前に、繰り返す対象がありません",
        WordBoundary: "special word boundary assertion is unclosed or unrecognized" | "\\b の後の中括弧が正しくありません",
        UnicodeClass: "invalid Unicode character class" | "Unicode の文字クラスが正しくありません",
        UnicodeProperty: "Unicode property not found" | "その Unicode プロパティはありません",
        Backreference: "backreferences are not supported" | "後方参照は使えません",
        LookAround: "look-around, including look-ahead and look-behind, is not supported" | "先読みと後読みは使えません",
        Other(words: Plain): "{words}" | "構文エラー（{words}）",
    }
}

impl RegexFault {
    /// The cause for which the parser refuses a text that the engine refused.
    pub(crate) fn of(error: &regex_syntax::Error) -> Self {
        match error {
            regex_syntax::Error::Parse(error) => Self::of_syntax(error.kind()),
            regex_syntax::Error::Translate(error) => match error.kind() {
                Hir::UnicodePropertyNotFound | Hir::UnicodePropertyValueNotFound => {
                    Self::UnicodeProperty
                }
                other => Self::Other(Plain::of(&other.to_string())),
            },
            other => Self::Other(Plain::of(last_line(&other.to_string()))),
        }
    }

    fn of_syntax(kind: &Ast) -> Self {
        match kind {
            Ast::CaptureLimitExceeded => Self::TooManyGroups,
            Ast::ClassEscapeInvalid => Self::ClassEscape,
            Ast::ClassRangeInvalid => Self::ClassRange,
            Ast::ClassRangeLiteral => Self::ClassRangeLiteral,
            Ast::ClassUnclosed => Self::ClassUnclosed,
            Ast::DecimalEmpty | Ast::DecimalInvalid => Self::Decimal,
            Ast::EscapeHexEmpty | Ast::EscapeHexInvalid | Ast::EscapeHexInvalidDigit => Self::Hex,
            Ast::EscapeUnexpectedEof => Self::EscapeEnd,
            Ast::EscapeUnrecognized => Self::EscapeUnknown,
            Ast::FlagDanglingNegation
            | Ast::FlagDuplicate { .. }
            | Ast::FlagRepeatedNegation { .. }
            | Ast::FlagUnexpectedEof
            | Ast::FlagUnrecognized => Self::Flag,
            Ast::GroupNameDuplicate { .. }
            | Ast::GroupNameEmpty
            | Ast::GroupNameInvalid
            | Ast::GroupNameUnexpectedEof => Self::GroupName,
            Ast::GroupUnclosed => Self::GroupUnclosed,
            Ast::GroupUnopened => Self::GroupUnopened,
            Ast::NestLimitExceeded(limit) => Self::TooDeep(*limit),
            Ast::RepetitionCountInvalid => Self::RepetitionRange,
            Ast::RepetitionCountDecimalEmpty => Self::RepetitionCount,
            Ast::RepetitionCountUnclosed => Self::RepetitionUnclosed,
            Ast::RepetitionMissing => Self::RepetitionMissing,
            Ast::SpecialWordBoundaryUnclosed
            | Ast::SpecialWordBoundaryUnrecognized
            | Ast::SpecialWordOrRepetitionUnexpectedEof => Self::WordBoundary,
            Ast::UnicodeClassInvalid => Self::UnicodeClass,
            Ast::UnsupportedBackreference => Self::Backreference,
            Ast::UnsupportedLookAround => Self::LookAround,
            other => Self::Other(Plain::of(&other.to_string())),
        }
    }

    /// The cause in the parser's own words, where it is not one of syntax.
    pub(crate) fn in_words(words: &str) -> Self {
        Self::Other(Plain::of(last_line(words)))
    }
}

/// The parser draws a picture over several lines; its last line says what is wrong.
fn last_line(words: &str) -> &str {
    words.lines().last().unwrap_or_default().trim()
}
