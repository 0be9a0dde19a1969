//! Numbers and parts of a date, read digit by digit.

use model::Value;
use std::cmp::Ordering;

/// Compares an event's value with a number of a rule; `None` when the value is no number.
pub(super) fn compare(value: &Value, wanted: Num) -> Option<Ordering> {
    order(number(value)?, wanted)
}

/// A number: whole ones stay exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Num {
    Whole(i128),
    Broken(f64),
}

#[expect(clippy::cast_precision_loss, reason = "a comparison with a fraction is one of floats")]
fn float(number: Num) -> f64 {
    match number {
        Num::Whole(number) => number as f64,
        Num::Broken(number) => number,
    }
}

fn order(left: Num, right: Num) -> Option<Ordering> {
    match (left, right) {
        (Num::Whole(left), Num::Whole(right)) => Some(left.cmp(&right)),
        _ => float(left).partial_cmp(&float(right)),
    }
}

fn number(value: &Value) -> Option<Num> {
    match value {
        Value::Int(number) => Some(Num::Whole(i128::from(*number))),
        Value::UInt(number) => Some(Num::Whole(i128::from(*number))),
        Value::Float(number) if number.is_finite() => Some(Num::Broken(*number)),
        Value::Text(text) if text.chars().all(|it| "0123456789+-.eE".contains(it)) => {
            match (text.parse::<i128>(), text.parse::<f64>()) {
                (Ok(number), _) => Some(Num::Whole(number)),
                (_, Ok(number)) if number.is_finite() => Some(Num::Broken(number)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The named part of a date `YYYY-MM-DD`, perhaps with `T` or a blank and `HH:MM:SS` behind it, as written.
pub(super) fn part(name: &str, value: &Value) -> Option<Num> {
    let Value::Text(text) = value else { return None };
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        part.chars().all(|it| it.is_ascii_digit()).then(|| part.parse().ok()).flatten()
    };
    let sign = |at: usize| text.as_bytes().get(at).copied();
    if sign(4) != Some(b'-') || sign(7) != Some(b'-') {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) {
        return None;
    }
    let (mut hour, mut minute) = (0, 0);
    if matches!(sign(10), Some(b'T' | b' ')) && sign(11).is_some_and(|it| it.is_ascii_digit()) {
        (hour, minute) = (digits(11, 13)?, digits(14, 16)?);
        let second = digits(17, 19)?;
        if sign(13) != Some(b':')
            || sign(16) != Some(b':')
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
    }
    let found = match name {
        "minute" => minute,
        "hour" => hour,
        "day" => day,
        "week" => week(year, month, day),
        "month" => month,
        _ => year,
    };
    Some(Num::Whole(i128::from(found)))
}

/// Whether a part of a date compares with a number as wanted.
pub(super) fn part_order(name: &str, value: &Value, wanted: Num) -> Option<Ordering> {
    order(part(name, value)?, wanted)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day of the week of the first of January, Monday 0.
fn first_weekday(year: i64) -> i64 {
    let before = year - 1;
    (365 * before + before / 4 - before / 100 + before / 400).rem_euclid(7)
}

/// The week of ISO 8601: week 1 is the one with the first Thursday.
fn week(year: i64, month: i64, day: i64) -> i64 {
    let of_year = (1..month).map(|month| days_of(year, month)).sum::<i64>() + day - 1;
    let weekday = (first_weekday(year) + of_year) % 7;
    let week = (of_year - weekday + 10) / 7;
    match week {
        0 => weeks(year - 1),
        53 if weeks(year) == 52 => 1,
        other => other,
    }
}

fn weeks(year: i64) -> i64 {
    let first = first_weekday(year);
    if first == 3 || first == 2 && is_leap(year) { 53 } else { 52 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_are_those_of_the_calendar() {
        let mut day = jiff::civil::date(1969, 12, 20);
        for _ in 0..40_000 {
            let own = week(i64::from(day.year()), i64::from(day.month()), i64::from(day.day()));
            assert_eq!(own, i64::from(day.iso_week_date().week()), "{day}");
            day = day.tomorrow().expect("in range");
        }
    }
}
