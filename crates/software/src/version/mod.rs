//! Versions, compared by the scheme of their title. `1.10` is newer than `1.9` in most schemes, `1.1.1za` newer than
//! `1.1.1z` in one, `1.0~rc1` older than `1.0` in another.
//!
//! Every scheme is a total order on all texts: what does not fit the scheme is older than everything that does, and
//! is compared by its digits and words.

mod order;
mod packages;
mod range;

pub use range::{Bound, Range, Ranges};

use crate::SoftwareError;
use crate::limits::VERSION_BYTES_MAX;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// How the versions of a title are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Any number of integers: `5.17.5.2543`; `1.0` equals `1.0.0`.
    #[default]
    Dotted,
    /// Semantic versioning 2.0: pre-releases are older, build metadata does not count.
    Semver,
    /// `[epoch:]upstream[-revision]`, deb-version(7).
    Debian,
    /// `[epoch:]version[-release]`, as `rpmvercmp`.
    Rpm,
    /// A day and perhaps more: `20240115`, `2024-01-15`, `RELEASE.2024-01-15T10-00-00Z`, `2024年1月`.
    Date,
    /// A letter after the numbers, as OpenSSL (`1.0.2zg`) and OpenSSH (`9.6p1`).
    Letter,
    /// Browsers: four integers, `b3` and `a1` before the release, `esr` beside it.
    Browser,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Dotted,
        Self::Semver,
        Self::Debian,
        Self::Rpm,
        Self::Date,
        Self::Letter,
        Self::Browser,
    ];

    /// The stored name; never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dotted => "dotted",
            Self::Semver => "semver",
            Self::Debian => "debian",
            Self::Rpm => "rpm",
            Self::Date => "date",
            Self::Letter => "letter",
            Self::Browser => "browser",
        }
    }

    /// # Errors
    /// [`SoftwareError::BadScheme`].
    pub fn of_name(name: &str) -> Result<Self, SoftwareError> {
        Self::ALL
            .into_iter()
            .find(|scheme| scheme.name() == name)
            .ok_or_else(|| SoftwareError::BadScheme(name.chars().take(32).collect()))
    }

    /// The scheme of a version as an inventory source writes it: packages have their distribution's scheme,
    /// whatever the title's own is.
    #[must_use]
    pub fn of_source(source: &str, title: Self) -> Self {
        match source {
            "dpkg" => Self::Debian,
            "rpm" => Self::Rpm,
            _ => title,
        }
    }
}

/// Compares two versions. `Equal` means that the scheme sees no difference (`1.0` and `1.0.0`).
#[must_use]
pub fn compare(scheme: Scheme, left: &str, right: &str) -> Ordering {
    let (left, right) = (bounded(left), bounded(right));
    match scheme {
        Scheme::Debian => packages::debian(left, right),
        Scheme::Rpm => packages::rpm(left, right),
        Scheme::Dotted => keyed(left, right, order::dotted),
        Scheme::Semver => keyed(left, right, order::semver),
        Scheme::Date => keyed(left, right, order::date),
        Scheme::Letter => keyed(left, right, order::letter),
        Scheme::Browser => keyed(left, right, order::browser),
    }
}

/// What fits the scheme is newer than what does not; what does not is compared by digits and words.
fn keyed<'a, K: Ord>(
    left: &'a str,
    right: &'a str,
    key: impl Fn(&'a str) -> Option<K>,
) -> Ordering {
    match (key(left), key(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => order::natural(left).cmp(&order::natural(right)),
    }
}

/// The part of a version that is compared, without white space around it.
fn bounded(text: &str) -> &str {
    let text = text.trim();
    let mut end = text.len().min(VERSION_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
