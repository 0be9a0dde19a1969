//! Ranges of versions: `>=1.2, <2 || 3.1`. A comma means and, two bars mean or.

use super::{Scheme, compare};
use crate::SoftwareError;
use crate::limits::{RANGE_PARTS_MAX, VERSION_BYTES_MAX};
use std::cmp::Ordering;
use std::fmt;

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The version at the end.
    pub version: String,
    /// Whether it belongs to the range.
    pub inclusive: bool,
}

/// Versions between two ends; a missing end is open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    /// From here.
    pub from: Option<Bound>,
    /// To here.
    pub to: Option<Bound>,
}

impl Range {
    /// Just this version.
    #[must_use]
    pub fn exactly(version: &str) -> Self {
        let bound = Bound { version: version.to_owned(), inclusive: true };
        Self { from: Some(bound.clone()), to: Some(bound) }
    }

    /// Whether the version lies in the range.
    #[must_use]
    pub fn contains(&self, scheme: Scheme, version: &str) -> bool {
        let above =
            self.from.as_ref().is_none_or(|bound| match compare(scheme, version, &bound.version) {
                Ordering::Greater => true,
                Ordering::Equal => bound.inclusive,
                Ordering::Less => false,
            });
        let below =
            self.to.as_ref().is_none_or(|bound| match compare(scheme, version, &bound.version) {
                Ordering::Less => true,
                Ordering::Equal => bound.inclusive,
                Ordering::Greater => false,
            });
        above && below
    }
}

/// Alternatives; a version belongs when it lies in one of them. None at all: no version belongs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranges(pub Vec<Range>);

impl Ranges {
    /// Reads `>=1.2, <2 || =3.1`, `1.2` (just this one), `*` (every version).
    ///
    /// # Errors
    /// [`SoftwareError::BadRange`].
    pub fn parse(text: &str) -> Result<Self, SoftwareError> {
        let bad = || SoftwareError::BadRange(text.chars().take(128).collect());
        if text.len() > RANGE_PARTS_MAX * VERSION_BYTES_MAX {
            return Err(bad());
        }
        let mut ranges = Vec::new();
        for alternative in text.split("||") {
            if ranges.len() == RANGE_PARTS_MAX {
                return Err(bad());
            }
            ranges.push(alternative_of(alternative).ok_or_else(bad)?);
        }
        Ok(Self(ranges))
    }

    /// Whether the version lies in one of the ranges.
    #[must_use]
    pub fn contains(&self, scheme: Scheme, version: &str) -> bool {
        self.0.iter().any(|range| range.contains(scheme, version))
    }
}

fn alternative_of(text: &str) -> Option<Range> {
    let text = text.trim();
    if text == "*" {
        return Some(Range::default());
    }
    let mut range = Range::default();
    for part in text.split(',') {
        let part = part.trim();
        let (operator, version) = ["<=", ">=", "==", "<", ">", "="]
            .into_iter()
            .find_map(|operator| {
                part.strip_prefix(operator).map(|version| (operator, version.trim()))
            })
            .unwrap_or(("=", part));
        let strange = version.contains(['<', '>', '=', '|', '*']);
        if version.is_empty() || version.len() > VERSION_BYTES_MAX || strange {
            return None;
        }
        let bound = Some(Bound { version: version.to_owned(), inclusive: operator.contains('=') });
        let ends = match operator {
            ">" | ">=" => [Some(&mut range.from), None],
            "<" | "<=" => [Some(&mut range.to), None],
            _ => [Some(&mut range.from), Some(&mut range.to)],
        };
        for end in ends.into_iter().flatten() {
            // Two bounds for one end are more likely a slip than a wish.
            if end.is_some() {
                return None;
            }
            end.clone_from(&bound);
        }
    }
    Some(range)
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (None, None) => f.write_str("*"),
            (Some(from), Some(to)) if from == to && from.inclusive => {
                write!(f, "={}", from.version)
            }
            (from, to) => {
                if let Some(from) = from {
                    write!(f, "{}{}", if from.inclusive { ">=" } else { ">" }, from.version)?;
                }
                if from.is_some() && to.is_some() {
                    f.write_str(", ")?;
                }
                match to {
                    Some(to) => {
                        write!(f, "{}{}", if to.inclusive { "<=" } else { "<" }, to.version)
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, range) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(" || ")?;
            }
            write!(f, "{range}")?;
        }
        Ok(())
    }
}
