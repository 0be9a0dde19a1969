//! The modifier chain of a field: from a value as written to the tests that it stands for.

use crate::cause::{ChainFault, Plain, Quoted, ValueFault, ValueKind};
use crate::encode;
use crate::net::Network;
use crate::number::{Comparison, Number, TimePart};
use crate::pattern::Pattern;
use crate::predicate::{Place, RegexFlags, TestSpec};
use crate::yaml::{Meaning, Scalar};

macro_rules! modifiers {
    ($($name:ident $($text:literal)|+;)*) => {
        /// A modifier of Sigma 2.1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Modifier { $($name,)* }

        impl Modifier {
            fn of_name(name: &str) -> Option<Self> {
                match name { $($($text)|+ => Some(Self::$name),)* _ => None }
            }
        }

        /// Every name of a modifier, for messages.
        pub(crate) const KNOWN_NAMES: &str = concat!($($($text, " ",)+)*);
    };
}

modifiers! {
    Contains "contains";
    StartsWith "startswith";
    EndsWith "endswith";
    All "all";
    Cased "cased";
    Exists "exists";
    NotEqual "neq";
    Regex "re";
    RegexIgnoreCase "i" | "ignorecase";
    RegexMultiLine "m" | "multiline";
    RegexDotAll "s" | "dotall";
    Base64 "base64";
    Base64Offset "base64offset";
    Utf16Le "utf16le" | "wide";
    Utf16Be "utf16be";
    Utf16 "utf16";
    WinDash "windash";
    Cidr "cidr";
    Less "lt";
    LessOrEqual "lte";
    Greater "gt";
    GreaterOrEqual "gte";
    Minute "minute";
    Hour "hour";
    Day "day";
    Week "week";
    Month "month";
    Year "year";
    Expand "expand";
    FieldReference "fieldref";
}

/// The modifiers of a field in the order as written, each at most once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain {
    modifiers: Vec<Modifier>,
}

impl Chain {
    /// Parses what stands behind the field name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, ChainFault> {
        let mut modifiers = Vec::new();
        for name in text.split('|').filter(|_| !text.is_empty()) {
            let unknown = || ChainFault::Unknown(Quoted::of(name));
            let modifier = Modifier::of_name(name).ok_or_else(unknown)?;
            if modifiers.contains(&modifier) {
                return Err(ChainFault::Twice(Plain::of(name)));
            }
            modifiers.push(modifier);
        }
        let chain = Self { modifiers };
        if chain.has(Modifier::Exists) && chain.modifiers.len() > 1 {
            return Err(ChainFault::ExistsAlone);
        }
        if chain.has(Modifier::Regex) && chain.has(Modifier::Expand) {
            return Err(ChainFault::ExpandInRegex);
        }
        Ok(chain)
    }

    pub(crate) fn has(&self, modifier: Modifier) -> bool {
        self.modifiers.contains(&modifier)
    }

    /// The tests of which one must hold for the value to match.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn tests_of(&self, value: &Scalar) -> Result<Vec<TestSpec>, ValueFault> {
        let mut drafts = vec![Draft { operand: Operand::of(value), cased: false }];
        for modifier in &self.modifiers {
            let mut next = Vec::with_capacity(drafts.len());
            for draft in drafts {
                draft.apply(*modifier, &mut next)?;
            }
            drafts = next;
        }
        let mut tests = Vec::new();
        for draft in drafts {
            draft.finish(&mut tests)?;
        }
        Ok(tests)
    }
}

/// A value on its way through the chain.
#[derive(Debug, Clone)]
struct Draft {
    operand: Operand,
    cased: bool,
}

#[derive(Debug, Clone)]
enum Operand {
    Null,
    Bool(bool),
    Number {
        written: String,
        number: Number,
    },
    /// `written` is there as long as no modifier has changed the text.
    Text {
        pattern: Pattern,
        written: Option<String>,
    },
    Bytes(Vec<u8>),
    Regex {
        source: String,
        flags: RegexFlags,
    },
    Network(Network),
    Part {
        part: TimePart,
        number: Number,
    },
    Compared {
        part: Option<TimePart>,
        comparison: Comparison,
        number: Number,
    },
    Reference {
        field: String,
        place: Place,
    },
    Exists(bool),
}

impl Operand {
    fn of(value: &Scalar) -> Self {
        let number = |number| Self::Number { written: value.text.clone(), number };
        match value.meaning {
            Meaning::Null => Self::Null,
            Meaning::Bool(truth) => Self::Bool(truth),
            Meaning::Int(int) => number(Number::Int(int)),
            Meaning::Float(float) => number(Number::of_float(float)),
            Meaning::Text => Self::Text {
                pattern: Pattern::parse(&value.text),
                written: Some(value.text.clone()),
            },
        }
    }

    const fn kind(&self) -> ValueKind {
        match self {
            Self::Null => ValueKind::Null,
            Self::Bool(_) => ValueKind::Truth,
            Self::Number { .. } => ValueKind::Number,
            Self::Text { .. } => ValueKind::Text,
            Self::Bytes(_) => ValueKind::Bytes,
            Self::Regex { .. } => ValueKind::Regex,
            Self::Network(_) => ValueKind::Network,
            Self::Part { .. } => ValueKind::DatePart,
            Self::Compared { .. } => ValueKind::Comparison,
            Self::Reference { .. } => ValueKind::Reference,
            Self::Exists(_) => ValueKind::Existence,
        }
    }

    /// The value as a pattern, where text is meant.
    fn into_pattern(self) -> Result<Pattern, ValueFault> {
        match self {
            Self::Text { pattern, .. } => Ok(pattern),
            Self::Number { written, .. } => Ok(Pattern::literal(&written)),
            Self::Bool(truth) => Ok(Pattern::literal(if truth { "true" } else { "false" })),
            Self::Bytes(bytes) => {
                let text = String::from_utf8(bytes).map(|text| Pattern::literal(&text));
                text.map_err(|_| ValueFault::BytesNoText)
            }
            other => Err(ValueFault::NotFor(other.kind())),
        }
    }

    /// The value as bytes, where an encoding is asked for.
    fn into_bytes(self) -> Result<Vec<u8>, ValueFault> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => other.into_plain_text().map(String::into_bytes),
        }
    }

    fn into_plain_text(self) -> Result<String, ValueFault> {
        self.into_pattern()?.plain_text().ok_or(ValueFault::WildcardsEncoded)
    }

    /// The text as written, for modifiers that read a notation of their own.
    fn into_written(self) -> Result<String, ValueFault> {
        match self {
            Self::Text { written: Some(written), .. } | Self::Number { written, .. } => Ok(written),
            Self::Text { .. } => Err(ValueFault::MustComeFirst),
            other => Err(ValueFault::NotFor(other.kind())),
        }
    }
}

impl Draft {
    /// Applies one modifier; most give one value, `base64offset` gives three.
    fn apply(self, modifier: Modifier, out: &mut Vec<Self>) -> Result<(), ValueFault> {
        let Self { operand, mut cased } = self;
        let changed = |pattern: Pattern| Operand::Text { pattern, written: None };
        let operand = match modifier {
            // These belong to the item as a whole, or were applied to the text before.
            Modifier::All | Modifier::NotEqual | Modifier::Expand => operand,
            Modifier::Cased => {
                cased = true;
                operand
            }
            Modifier::Contains => placed(operand, Place::Inside)?,
            Modifier::StartsWith => placed(operand, Place::Start)?,
            Modifier::EndsWith => placed(operand, Place::End)?,
            Modifier::Exists => match operand {
                Operand::Bool(wanted) => Operand::Exists(wanted),
                _ => return Err(ValueFault::ExistsTakesTruth),
            },
            Modifier::Regex => {
                Operand::Regex { source: operand.into_written()?, flags: RegexFlags::default() }
            }
            Modifier::RegexIgnoreCase | Modifier::RegexMultiLine | Modifier::RegexDotAll => {
                flagged(operand, modifier)?
            }
            Modifier::Base64 => changed(Pattern::literal(&encode::base64(&operand.into_bytes()?))),
            Modifier::Base64Offset => {
                for text in encode::base64_offsets(&operand.into_bytes()?) {
                    if text.is_empty() {
                        return Err(ValueFault::TooShortForOffset);
                    }
                    out.push(Self { operand: changed(Pattern::literal(&text)), cased });
                }
                return Ok(());
            }
            Modifier::Utf16Le => Operand::Bytes(encode::utf16le(&operand.into_plain_text()?)),
            Modifier::Utf16Be => Operand::Bytes(encode::utf16be(&operand.into_plain_text()?)),
            Modifier::Utf16 => Operand::Bytes(encode::utf16_with_mark(&operand.into_plain_text()?)),
            Modifier::WinDash => changed(operand.into_pattern()?.with_any_dash()),
            Modifier::Cidr => Operand::Network(Network::parse(&operand.into_written()?)?),
            Modifier::FieldReference => Operand::Reference {
                field: crate::selection::without_spaces(&operand.into_written()?),
                place: Place::Whole,
            },
            Modifier::Less => compared(operand, Comparison::Less)?,
            Modifier::LessOrEqual => compared(operand, Comparison::LessOrEqual)?,
            Modifier::Greater => compared(operand, Comparison::Greater)?,
            Modifier::GreaterOrEqual => compared(operand, Comparison::GreaterOrEqual)?,
            Modifier::Minute => part_of_date(operand, TimePart::Minute)?,
            Modifier::Hour => part_of_date(operand, TimePart::Hour)?,
            Modifier::Day => part_of_date(operand, TimePart::Day)?,
            Modifier::Week => part_of_date(operand, TimePart::Week)?,
            Modifier::Month => part_of_date(operand, TimePart::Month)?,
            Modifier::Year => part_of_date(operand, TimePart::Year)?,
        };
        out.push(Self { operand, cased });
        Ok(())
    }

    fn finish(self, out: &mut Vec<TestSpec>) -> Result<(), ValueFault> {
        let Self { operand, cased } = self;
        if cased && !matches!(operand, Operand::Text { .. } | Operand::Reference { .. }) {
            return Err(ValueFault::CasedNotFor(operand.kind()));
        }
        out.push(match operand {
            Operand::Null => TestSpec::Null,
            Operand::Exists(wanted) => TestSpec::Exists { wanted },
            Operand::Regex { source, flags } => TestSpec::Regex { source, flags },
            Operand::Network(network) => TestSpec::Network(network),
            Operand::Compared { part, comparison, number } => {
                TestSpec::Compare { part, comparison, number }
            }
            Operand::Part { part, number } => {
                TestSpec::Compare { part: Some(part), comparison: Comparison::Equal, number }
            }
            Operand::Reference { field, place } => TestSpec::SameAs { field, place, cased },
            Operand::Number { number, written } => {
                if let Number::Float(bits) = number {
                    // 1.50 in a rule means the number: an event may write it shorter.
                    out.push(text_test(Pattern::literal(&f64::from_bits(bits).to_string()), false));
                    out.push(text_test(Pattern::literal(&written), false));
                    return Ok(());
                }
                let Number::Int(int) = number else { return Ok(()) };
                text_test(Pattern::literal(&int.to_string()), false)
            }
            other => text_test(other.into_pattern()?, cased),
        });
        Ok(())
    }
}

fn text_test(pattern: Pattern, cased: bool) -> TestSpec {
    TestSpec::Text { pattern: pattern.normalised(cased), cased }
}

/// `contains`, `startswith` and `endswith`: wildcards around text, or the way of a field reference.
fn placed(operand: Operand, wanted: Place) -> Result<Operand, ValueFault> {
    match operand {
        Operand::Reference { field, place: Place::Whole } => {
            Ok(Operand::Reference { field, place: wanted })
        }
        Operand::Reference { .. } => Err(ValueFault::ReferencePlace),
        other => {
            let pattern = other.into_pattern()?;
            let pattern = match wanted {
                Place::Whole => pattern,
                Place::Start => pattern.with_any_after(),
                Place::End => pattern.with_any_before(),
                Place::Inside => pattern.with_any_before().with_any_after(),
            };
            Ok(Operand::Text { pattern, written: None })
        }
    }
}

fn flagged(operand: Operand, modifier: Modifier) -> Result<Operand, ValueFault> {
    let Operand::Regex { source, mut flags } = operand else {
        return Err(ValueFault::FlagsBehindRegex);
    };
    match modifier {
        Modifier::RegexIgnoreCase => flags.ignore_case = true,
        Modifier::RegexMultiLine => flags.multi_line = true,
        _ => flags.dot_all = true,
    }
    Ok(Operand::Regex { source, flags })
}

fn compared(operand: Operand, comparison: Comparison) -> Result<Operand, ValueFault> {
    match operand {
        Operand::Number { number, .. } => Ok(Operand::Compared { part: None, comparison, number }),
        Operand::Part { part, number } => {
            Ok(Operand::Compared { part: Some(part), comparison, number })
        }
        other => Err(ValueFault::ComparisonNeedsNumber(other.kind())),
    }
}

fn part_of_date(operand: Operand, part: TimePart) -> Result<Operand, ValueFault> {
    match operand {
        Operand::Number { number, .. } => Ok(Operand::Part { part, number }),
        // `hour|gte` and `gte|hour` mean the same.
        Operand::Compared { part: None, comparison, number } => {
            Ok(Operand::Compared { part: Some(part), comparison, number })
        }
        other => Err(ValueFault::DatePartNeedsNumber(other.kind())),
    }
}
