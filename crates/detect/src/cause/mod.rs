//! What may be wrong with a rule, a filter, a list or a test, as values; and the words for it in English and
//! Japanese, side by side. Nowhere else in this crate are such words written.
//!
//! Each cause is a row `Variant(parts): English | Japanese`. Parts stand in both, so that both name the culprit.
//!
//! Invariant: words have no line break, no control and no bidirectional character, whatever a rule holds.

mod attribute;
mod condition;
mod document;
mod lint;
mod regex;
mod test;
mod value;

pub use attribute::{Attribute, Expected, Found};
pub use condition::ConditionFault;
pub use document::{Measure, Remedy, SelectionFault, Unsupported, YamlFault};
pub use lint::LintCause;
pub use regex::RegexFault;
pub use test::{ExpectedMatch, Mismatch, TestFault, Why};
pub use value::{ChainFault, ValueFault, ValueKind};

use crate::limits;
use crate::sentence::Sentence;
use std::fmt::Write as _;

/// A part of a sentence in either language.
pub(crate) trait Spoken {
    fn say(&self, japanese: bool) -> String;

    fn sentence(&self) -> Sentence {
        Sentence { ja: self.say(true), en: self.say(false) }
    }
}

/// An enum of causes, each with its English and its Japanese words; `Display` is English.
macro_rules! causes {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $( $variant:ident $( ( $($part:ident : $type:ty),+ ) )? : $en:literal | $ja:literal, )*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $(
                #[doc = concat!("`", $en, "`")]
                $variant $( ( $($type),+ ) )?,
            )*
        }

        impl $crate::cause::Spoken for $name {
            fn say(&self, japanese: bool) -> String {
                match self {
                    $( Self::$variant $( ( $($part),+ ) )? => {
                        $( $( let $part = $crate::cause::Spoken::say($part, japanese); )+ )?
                        if japanese { format!($ja) } else { format!($en) }
                    } )*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::cause::Spoken::say(self, false))
            }
        }

        #[cfg(test)]
        impl $crate::cause::tests::Sample for $name {
            fn samples() -> Vec<Self> {
                let mut all = Vec::new();
                $(
                    let most = [1_usize $( $( , $crate::cause::tests::count::<$type>() )+ )?].into_iter().max();
                    for at in 0..most.unwrap_or(1) {
                        assert!(at < 10_000);
                        all.push(Self::$variant $( ( $( $crate::cause::tests::pick::<$type>(at) ),+ ) )?);
                    }
                )*
                all
            }
        }
    };
}
pub(crate) use causes;

/// A hostile text that a message quotes: its beginning, between quotation marks, everything visible.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quoted(String);

impl Quoted {
    /// The beginning of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(shown(text))
    }
}

impl Spoken for Quoted {
    fn say(&self, japanese: bool) -> String {
        match japanese {
            true => format!("「{}」", visible(&self.0)),
            // Everything that cannot be printed is escaped by it, marks of direction among them.
            false => format!("{:?}", self.0),
        }
    }
}

/// A hostile text that a message repeats without quotation marks (a name, an id, a path): its beginning,
/// everything visible.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plain(String);

impl Plain {
    /// The beginning of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(shown(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that was shortened part by part.
    pub(crate) fn whole(text: String) -> Self {
        Self(text)
    }
}

impl Spoken for Plain {
    fn say(&self, _: bool) -> String {
        visible(&self.0)
    }
}

macro_rules! spoken_as_it_is {
    ($($type:ty),*) => {
        $(impl Spoken for $type {
            fn say(&self, _: bool) -> String {
                self.to_string()
            }
        })*
    };
}
spoken_as_it_is!(usize, u32, i64, i128, &'static str);

/// The beginning of a hostile text, short enough for a message.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(limits::SHOWN_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Text with control, bidirectional and invisible characters written out.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let invisible = matches!(letter,
            '\u{00AD}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}');
        if letter.is_control() || invisible {
            write!(out, "⟪U+{:04X}⟫", u32::from(letter))
                .expect("invariant: a string takes every write");
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::RuleError;

    /// Values of a part of a cause. Those of an enum of causes hold each of its variants: [`causes`] writes them, so
    /// that no variant can be forgotten here.
    pub(crate) trait Sample: Sized {
        fn samples() -> Vec<Self>;
    }

    pub(crate) fn count<T: Sample>() -> usize {
        T::samples().len()
    }

    pub(crate) fn pick<T: Sample>(at: usize) -> T {
        let mut all = T::samples();
        let at = at % all.len();
        all.swap_remove(at)
    }

    /// A hostile text with a word in it that both languages must show.
    const HOSTILE: &str = "culprit\u{202e}\n\u{1b}[2J\u{200b}<b>";

    macro_rules! samples {
        ($($type:ty: $value:expr;)*) => {
            $(impl Sample for $type {
                fn samples() -> Vec<Self> {
                    vec![$value]
                }
            })*
        };
    }
    samples! {
        Quoted: Quoted::of(HOSTILE);
        Plain: Plain::of(HOSTILE);
        usize: 4711;
        u32: 4711;
        i64: 4711;
        i128: 4711;
        &'static str: "culprit";
        Why: Why(vec![(Plain::of(HOSTILE), Some(Plain::of("F")), Some(Quoted::of(HOSTILE)))]);
    }

    impl Sample for Box<RuleError> {
        fn samples() -> Vec<Self> {
            RuleError::samples().into_iter().map(Self::new).collect()
        }
    }

    fn check(shown: &str, Sentence { ja, en }: &Sentence, parts: &str) {
        assert!(!en.trim().is_empty() && !ja.trim().is_empty(), "{shown}");
        assert!(!ja.is_ascii(), "{shown}: {ja}");
        assert!(ja.chars().any(|it| matches!(it, 'ぁ'..='ん')), "{shown} is no sentence: {ja}");
        for text in [en, ja] {
            assert_eq!(visible(text), *text, "{shown}: everything is visible, on one line");
            assert!(!text.ends_with(['.', '。']), "{shown}: {text}");
        }
        for culprit in ["culprit", "4711"] {
            let named = parts.contains(culprit);
            assert_eq!((en.contains(culprit), ja.contains(culprit)), (named, named), "{shown}");
        }
    }

    #[test]
    fn every_cause_is_said_in_both_languages_and_names_the_culprit() {
        let refusals = RuleError::samples();
        assert!(refusals.len() > 100, "{}", refusals.len());
        for cause in &refusals {
            let shown = format!("{cause:?}");
            check(&shown, &cause.words(), &shown);
            assert_eq!(cause.to_string(), cause.words().en, "the log speaks English");
            let Sentence { ja, en } = cause.remedy_words();
            assert_eq!(cause.remedy(), en);
            check(&shown, &Sentence { ja: ja.clone(), en: en.clone() }, &en);
        }
        for cause in LintCause::samples() {
            let shown = format!("{cause:?}");
            check(&shown, &cause.sentence(), &shown);
        }
        for cause in TestFault::samples() {
            let shown = format!("{cause:?}");
            check(&shown, &cause.sentence(), &shown);
        }
        for cause in Mismatch::samples() {
            let shown = format!("{cause:?}");
            check(&shown, &cause.sentence(), &shown);
        }
    }

    #[test]
    fn a_long_text_is_quoted_by_its_beginning() {
        let long = Quoted::of(&"あ".repeat(5_000));
        assert_eq!(long.say(true).chars().count(), limits::SHOWN_CHARS_MAX + 3);
        assert_eq!(Quoted::of("C:\\a\tb").say(true), "「C:\\a⟪U+0009⟫b」");
        assert_eq!(Quoted::of("C:\\a\tb").say(false), "\"C:\\\\a\\tb\"");
    }
}
