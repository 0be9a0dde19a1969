//! A search, or a part of a device's story, as it stands in the URL.

use crate::page::Page;
use crate::pages::rows::cursor_of;
use crate::url::Href;
use control::view::{Cursor, TimeRange};
use jiff::civil::DateTime;
use model::{DeviceId, Family, Timestamp};

const NANOS_PER_MINUTE: i64 = 60 * 1_000_000_000;

/// The time ranges that end now: URL value, minutes, key of the label.
pub(crate) const PRESETS: &[(&str, i64, &str)] = &[
    ("15m", 15, "range-15m"),
    ("1h", 60, "range-1h"),
    ("24h", 24 * 60, "range-24h"),
    ("7d", 7 * 24 * 60, "range-7d"),
    ("30d", 30 * 24 * 60, "range-30d"),
];
/// The URL value of a range with a beginning and an end.
pub(crate) const EXACT: &str = "exact";
/// The URL value of no range.
pub(crate) const ANY: &str = "any";

/// The parameters of the URL, unchecked values already dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct SearchState {
    /// The search bar.
    pub(crate) text: String,
    /// A preset's name, [`EXACT`] or [`ANY`]; empty: the page's default.
    pub(crate) range: String,
    /// Beginning of an exact range: RFC 3339, or without offset in the viewer's zone.
    pub(crate) from: String,
    /// End of an exact range.
    pub(crate) to: String,
    /// Only these families.
    pub(crate) families: Vec<Family>,
    /// Only this device.
    pub(crate) device: Option<DeviceId>,
    /// Where the page begins.
    pub(crate) after: Option<Cursor>,
}

impl SearchState {
    /// Reads the parameters; what is unknown or malformed is as if absent.
    pub(crate) fn of(parameters: &[(String, String)]) -> Self {
        let mut state = Self::default();
        for (name, value) in parameters {
            match name.as_str() {
                "q" => state.text.clone_from(value),
                "range" => state.range.clone_from(value),
                "from" => state.from.clone_from(value),
                "to" => state.to.clone_from(value),
                "family" => state.families.extend(Family::of_table(value)),
                "device" => state.device = DeviceId::parse(value).ok(),
                "after" => state.after = cursor_of(value),
                _ => {}
            }
        }
        state.families.dedup();
        state
    }

    /// The same search in an exact range.
    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> Self {
        Self {
            range: EXACT.to_owned(),
            from: from.to_string(),
            to: to.to_string(),
            after: None,
            ..self.clone()
        }
    }

    /// The same search with one more condition.
    pub(crate) fn narrowed(&self, condition: &str) -> Self {
        let text = format!("{} {condition}", self.text).trim().to_owned();
        Self { text, after: None, ..self.clone() }
    }

    /// The parameters that are set, without the cursor.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        let mut add = |name, value: &str| {
            if !value.is_empty() {
                out.push((name, value.to_owned()));
            }
        };
        add("q", &self.text);
        add("range", &self.range);
        if self.range == EXACT {
            add("from", &self.from);
            add("to", &self.to);
        }
        for family in &self.families {
            add("family", family.table());
        }
        if let Some(device) = self.device {
            add("device", &device.to_string());
        }
        out
    }

    /// The search as a link.
    pub(crate) fn href(&self, path: &str) -> Href {
        let parameters = self.parameters();
        let pairs: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Href::new(path, &pairs)
    }

    /// The next page as a link.
    pub(crate) fn href_after(&self, path: &str, after: &str) -> Href {
        let mut parameters = self.parameters();
        parameters.push(("after", after.to_owned()));
        let pairs: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Href::new(path, &pairs)
    }

    /// The interval; `None` for no range, and for an exact one that cannot be read.
    pub(crate) fn interval(&self, page: &Page) -> Option<TimeRange> {
        if self.range == EXACT {
            let from = instant(&self.from, page)?;
            return Some(TimeRange { from, to: instant(&self.to, page).unwrap_or(page.now) });
        }
        let (_, minutes, _) = PRESETS.iter().find(|(name, ..)| *name == self.range)?;
        // The end is exclusive: what was observed in this very microsecond belongs to the range too.
        let to = page.now.plus_nanos(NANOS_PER_MINUTE);
        Some(TimeRange { from: page.now.plus_nanos(-minutes * NANOS_PER_MINUTE), to })
    }
}

/// Reads `2026-11-21T05:03:22Z`, or `2026-11-21T14:03` in the viewer's zone.
fn instant(text: &str, page: &Page) -> Option<Timestamp> {
    if let Ok(at) = Timestamp::parse(text) {
        return Some(at);
    }
    let civil: DateTime = text.parse().ok()?;
    let zoned = civil.to_zoned(page.preferences.zone.clone()).ok()?;
    i64::try_from(zoned.timestamp().as_nanosecond()).ok().map(Timestamp::from_nanos)
}
