//! Numbers and parts of a date, for the modifiers that compare.

use model::Value;
use std::cmp::Ordering;

/// A number of a rule or an event. Whole numbers stay exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Number {
    Int(i128),
    /// The bits of a finite `f64`, so that equal predicates have equal keys.
    Float(u64),
}

impl Number {
    pub(crate) const fn of_float(number: f64) -> Self {
        Self::Float(number.to_bits())
    }

    /// The number of an event's value; text counts when it is a decimal number and nothing else.
    pub(crate) fn of_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(Self::Int(i128::from(*number))),
            Value::UInt(number) => Some(Self::Int(i128::from(*number))),
            Value::Float(number) => number.is_finite().then(|| Self::of_float(*number)),
            Value::Text(text) => Self::of_text(text),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    fn of_text(text: &str) -> Option<Self> {
        // Rust also reads `inf`, `nan` and `infinity`; a log that says so means a word.
        let decimal = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        if text.is_empty() || !text.bytes().all(decimal) {
            return None;
        }
        text.parse().ok().map(Self::Int).or_else(|| {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::of_float)
        })
    }

    fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (left, right) => left.as_float().partial_cmp(&right.as_float()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a comparison with a fraction is one of floats")]
    const fn as_float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(bits) => f64::from_bits(bits),
        }
    }
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(crate) fn holds(self, found: Number, wanted: Number) -> bool {
        let Some(order) = found.order(wanted) else { return false };
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// A part of a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TimePart {
    Minute,
    Hour,
    Day,
    /// The week of ISO 8601.
    Week,
    Month,
    Year,
}

impl TimePart {
    /// The part of a date that an event's value writes (`2026-08-21 05:03:22.123`, RFC 3339).
    ///
    /// The part is taken as written, without a change of the time zone: a rule that says "at night" means
    /// the clock that wrote the log.
    pub(crate) fn of_value(self, value: &Value) -> Option<Number> {
        let text = value.as_text()?;
        // Everything behind the seconds (fraction, offset, zone) leaves the parts unchanged.
        let end = text.find(|letter: char| !letter.is_ascii_digit() && !"-:T ".contains(letter));
        let civil = text.get(..end.unwrap_or(text.len()))?;
        let time: jiff::civil::DateTime =
            civil.get(..civil.len().min(19))?.trim_end().parse().ok()?;
        Some(Number::Int(match self {
            Self::Minute => i128::from(time.minute()),
            Self::Hour => i128::from(time.hour()),
            Self::Day => i128::from(time.day()),
            Self::Week => i128::from(time.date().iso_week_date().week()),
            Self::Month => i128::from(time.month()),
            Self::Year => i128::from(time.year()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_number_only_when_nothing_else_is_in_it() {
        let of = |text: &str| Number::of_value(&Value::from(text));
        assert_eq!(of("42"), Some(Number::Int(42)));
        assert_eq!(of("-1.5"), Some(Number::of_float(-1.5)));
        for text in ["", " 1", "0x10", "inf", "NaN", "1a", "1e999", "-"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn large_whole_numbers_are_compared_exactly() {
        let large = |number: u64| Number::of_value(&Value::UInt(number)).expect("a number");
        assert!(Comparison::Less.holds(large(u64::MAX - 1), large(u64::MAX)));
        assert!(Comparison::Less.holds(Number::Int(1), Number::of_float(1.5)));
        assert!(Comparison::Equal.holds(Number::of_float(2.0), Number::Int(2)));
    }

    #[test]
    fn parts_of_a_date_are_taken_as_written() {
        let part = |part: TimePart, text: &str| match part.of_value(&Value::from(text)) {
            Some(Number::Int(number)) => Some(number),
            _ => None,
        };
        for text in [
            "2026-01-02 23:04:05.123",
            "2026-01-02T23:04:05Z",
            "2026-01-02T23:04:05+09:00",
            "2026-01-02 23:04:05",
            "2026-01-02T23:04:05-05:00",
        ] {
            assert_eq!(part(TimePart::Minute, text), Some(4), "{text}");
            assert_eq!(part(TimePart::Hour, text), Some(23), "{text}");
            assert_eq!(part(TimePart::Day, text), Some(2), "{text}");
            assert_eq!(part(TimePart::Week, text), Some(1), "{text}");
            assert_eq!(part(TimePart::Month, text), Some(1), "{text}");
            assert_eq!(part(TimePart::Year, text), Some(2026), "{text}");
        }
        assert_eq!(part(TimePart::Year, "2026-01-02"), Some(2026));
        for text in ["", "yesterday", "2026-13-01", "12:30"] {
            assert_eq!(part(TimePart::Hour, text), None, "{text}");
        }
    }
}
