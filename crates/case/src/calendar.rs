//! When a person is at work: local weekday afternoons, without Japanese holidays where those are kept.
//!
//! Invariant: the time zone is a parameter; nothing here asks the machine for its own.
//! Invariant: an instant that is found lies after the one that was given.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::Timestamp;

/// Where a person works.
#[derive(Debug, Clone, PartialEq)]
pub struct Workplace {
    zone: TimeZone,
    japanese_holidays: bool,
}

impl Workplace {
    /// The workplace of a time zone's IANA name; an unknown or empty name is `Asia/Tokyo`. Japanese holidays are
    /// kept in Japan's zone.
    #[must_use]
    pub fn of_zone(name: &str) -> Self {
        let zones = TimeZoneDatabase::bundled();
        let known = zones.get(name).or_else(|_| zones.get(HOME_ZONE)).unwrap_or(TimeZone::UTC);
        let japanese_holidays = known.iana_name() == Some(HOME_ZONE);
        Self { zone: known, japanese_holidays }
    }

    /// Two o'clock in the afternoon of the working day that follows `at` by so many working days; 0: today
    /// when it is a working day and not yet two o'clock, otherwise the next one.
    #[must_use]
    pub fn afternoon_after(&self, at: Timestamp, working_days: u32) -> Timestamp {
        let local = at.to_jiff().to_zoned(self.zone.clone());
        let mut day = local.date();
        if self.is_working_day(day) && local.time() < AFTERNOON && working_days == 0 {
            return self.afternoon_of(day, at);
        }
        // Days at the weekend or late in the day do not count as the first one.
        for _ in 0..working_days.max(1) {
            day = self.next_working_day(day);
        }
        self.afternoon_of(day, at)
    }

    /// Whether people work on a day.
    #[must_use]
    pub fn is_working_day(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let turn_of_the_year = matches!((day.month(), day.day()), (12, 29..=31) | (1, 1..=3));
        let holiday = self.japanese_holidays && (turn_of_the_year || is_japanese_holiday(day));
        !weekend && !holiday
    }

    fn next_working_day(&self, day: Date) -> Date {
        let mut next = day;
        // No run of holidays is longer than two weeks; the bound only guards the end of the calendar.
        for _ in 0..30 {
            next = next.saturating_add(1.day());
            if self.is_working_day(next) {
                break;
            }
        }
        next
    }

    fn afternoon_of(&self, day: Date, after: Timestamp) -> Timestamp {
        let instant = day.to_datetime(AFTERNOON).to_zoned(self.zone.clone());
        let nanos =
            instant.ok().and_then(|zoned| i64::try_from(zoned.timestamp().as_nanosecond()).ok());
        // Beyond the calendar's end there is no afternoon; a day later is as good as any.
        nanos.map_or_else(|| after.plus_nanos(DAY_NS), Timestamp::from_nanos)
    }
}

/// Whether a day is a holiday by the law in force since 2022.
#[must_use]
pub fn is_japanese_holiday(day: Date) -> bool {
    if named_holiday(day) {
        return true;
    }
    // A Sunday's holiday moves to the next day that is none itself.
    let mut before = day.saturating_sub(1.day());
    while named_holiday(before) {
        if before.weekday() == Weekday::Sunday {
            return true;
        }
        before = before.saturating_sub(1.day());
    }
    // A day between two holidays is one.
    named_holiday(day.saturating_sub(1.day())) && named_holiday(day.saturating_add(1.day()))
}

fn named_holiday(day: Date) -> bool {
    let monday = |nth: i8| day.weekday() == Weekday::Monday && (day.day() - 1) / 7 == nth - 1;
    match (day.month(), day.day()) {
        (1, 1) | (2, 11 | 23) | (4, 29) | (5, 3..=5) | (8, 11) | (11, 3 | 23) => true,
        (1 | 10, _) => monday(2),
        (7, _) => monday(3),
        (3, nth) => nth == equinox(day.year(), 20.8431),
        (9, nth) => monday(3) || nth == equinox(day.year(), 23.2488),
        _ => false,
    }
}

/// The day of an equinox in March or September, good from 1980 to 2099.
fn equinox(year: i16, base: f64) -> i8 {
    let years = f64::from(year - 1980);
    let day = (base + 0.242_194 * years).floor() - (years / 4.0).floor();
    // Within the years above this is a number from 19 to 24.
    #[expect(clippy::cast_possible_truncation, reason = "a day of the month")]
    let day = day as i8;
    day
}

const AFTERNOON: jiff::civil::Time = time(14, 0, 0, 0);
const HOME_ZONE: &str = "Asia/Tokyo";
const DAY_NS: i64 = 86_400 * 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn check(zone: &str, at: &str, days: u32, expected: &str) {
        let at = Timestamp::parse(at).expect(at);
        let found = Workplace::of_zone(zone).afternoon_after(at, days);
        assert_eq!(
            found,
            Timestamp::parse(expected).expect(expected),
            "{zone} {at} +{days}: {found}"
        );
        assert!(found > at);
    }

    #[test]
    fn afternoons() {
        // Thursday 10:00 in Tokyo is the same afternoon, 15:00 the next one.
        check("Asia/Tokyo", "2026-11-19T01:00:00Z", 0, "2026-11-19T05:00:00Z");
        check("Asia/Tokyo", "2026-11-19T06:00:00Z", 0, "2026-11-20T05:00:00Z");
        // Friday evening; Monday 23 November is a holiday.
        check("Asia/Tokyo", "2026-11-20T09:00:00Z", 0, "2026-11-24T05:00:00Z");
        check("Asia/Tokyo", "2026-11-20T09:00:00Z", 2, "2026-11-25T05:00:00Z");
        check("Asia/Tokyo", "2026-12-28T09:00:00Z", 1, "2027-01-04T05:00:00Z");
        // Berlin keeps no Japanese holidays and changes its clocks.
        check("Europe/Berlin", "2026-11-20T18:00:00Z", 1, "2026-11-23T13:00:00Z");
        check("Europe/Berlin", "2026-03-27T18:00:00Z", 1, "2026-03-30T12:00:00Z");
        check("no/such zone", "2026-11-19T01:00:00Z", 0, "2026-11-19T05:00:00Z");
    }

    #[test]
    fn holidays_of_a_year() {
        // The Cabinet Office's list for 2026.
        let list = [
            (1, 1),
            (1, 12),
            (2, 11),
            (2, 23),
            (3, 20),
            (4, 29),
            (5, 3),
            (5, 4),
            (5, 5),
            (5, 6),
            (7, 20),
            (8, 11),
            (9, 21),
            (9, 22),
            (9, 23),
            (10, 12),
            (11, 3),
            (11, 23),
        ];
        let mut day = date(2026, 1, 1);
        let mut found = Vec::new();
        while day.year() == 2026 {
            if is_japanese_holiday(day) {
                found.push((day.month(), day.day()));
            }
            day = day.saturating_add(1.day());
        }
        assert_eq!(found, list);
    }
}
