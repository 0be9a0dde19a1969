//! Time as a value. Only the rim reads a clock; the core is handed a [`Clock`] or a [`Timestamp`].

use std::fmt;

/// Nanoseconds since 1970-01-01T00:00:00Z; covers the years 1677 to 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From microseconds since the Unix epoch; saturates outside the range.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Microseconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This time plus a number of nanoseconds (negative: earlier); saturates.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The day in UTC as `YYYY-MM-DD`: the lake's partition.
    #[must_use]
    pub fn utc_day(self) -> String {
        self.to_jiff().strftime("%Y-%m-%d").to_string()
    }

    /// Parses RFC 3339 (`2026-08-21T05:03:22.123Z`).
    ///
    /// # Errors
    /// The parser's own description of what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed: jiff::Timestamp = text.parse().map_err(|err: jiff::Error| err.to_string())?;
        i64::try_from(parsed.as_nanosecond())
            .map(Self)
            .map_err(|_| format!("{text} lies outside the years 1677 to 2262"))
    }

    /// The same instant as a `jiff` timestamp, for formatting in a time zone.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_jiff(), f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Where the time comes from. The real one lives in the binaries; tests bring their own.
pub trait Clock: Send + Sync {
    /// Wall-clock time in UTC. May jump.
    fn now(&self) -> Timestamp;
    /// Time since some fixed instant of this boot, in nanoseconds. Never goes back.
    fn monotonic_ns(&self) -> u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        let time = Timestamp::parse("2026-08-21T05:03:22.123456789Z").expect("valid");
        assert_eq!(time.to_string(), "2026-08-21T05:03:22.123456789Z");
        assert_eq!(time.utc_day(), "2026-08-21");
        assert_eq!(Timestamp::from_nanos(-1).micros(), -1);
    }
}
