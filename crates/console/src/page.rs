//! What every page needs: language, colours, time zone, who looks. The methods are what templates call.

use crate::assets;
use crate::cookie;
use crate::keys::{self, Key};
use crate::language::Language;
use crate::show;
use crate::text::{Argument, text};
use crate::url::Href;
use axum::http::{HeaderMap, header};
use control::Permission;
use control::view::DeviceRow;
use jiff::tz::TimeZone;
use model::{Class, Disagreement, EventKind, Family, Level, LostReason, Timestamp};
use std::borrow::Borrow;

const NANOS_PER_MS: u64 = 1_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_MINUTE: u64 = 60;
const SECONDS_PER_HOUR: u64 = 3_600;
const SECONDS_PER_DAY: u64 = 86_400;

/// The colours a person chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system says.
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// Every theme, in the order of the switch.
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The name in the cookie and in `data-theme`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }

    /// The key of its label.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::System => "theme-system",
            Self::Light => "theme-light",
            Self::Dark => "theme-dark",
        }
    }
}

/// Which part of the console a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// The first page.
    Today,
    /// Alerts.
    Alerts,
    /// Search and single events.
    Search,
    /// Rules, and trying one on the past.
    Rules,
    /// Devices.
    Devices,
    /// Software on the devices, findings, exclusions, figures.
    Software,
    /// The review desk, policies, the catalogue's upkeep.
    Desk,
    /// May I use this? Recommended tools.
    Catalogue,
    /// One's own requests.
    Requests,
    /// One's own devices and messages.
    MyPc,
    /// People, departments, the outbox.
    People,
    /// Sign-in and errors.
    None,
}

/// One entry of the navigation.
#[derive(Debug)]
pub(crate) struct NavEntry {
    /// Where it leads.
    pub(crate) href: Href,
    /// What it is called.
    pub(crate) label: String,
    /// The key sequence that goes there.
    pub(crate) keys: &'static str,
    /// Whether the page is in it.
    pub(crate) current: bool,
}

/// An instant, however many references a template puts around it.
pub(crate) trait At {
    /// The instant.
    fn at(&self) -> Timestamp;
}

impl At for Timestamp {
    fn at(&self) -> Timestamp {
        *self
    }
}

impl<T: At> At for &T {
    fn at(&self) -> Timestamp {
        (**self).at()
    }
}

/// An instant as a template writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct When {
    /// In the viewer's zone.
    pub(crate) text: String,
    /// In UTC, to the nanosecond.
    pub(crate) utc: String,
}

/// What the headers of a request say about the person who looks.
#[derive(Debug, Clone)]
pub(crate) struct Preferences {
    /// The language.
    pub(crate) language: Language,
    /// Whether it was chosen in this browser.
    pub(crate) language_chosen: bool,
    /// The colours.
    pub(crate) theme: Theme,
    /// The time zone.
    pub(crate) zone: TimeZone,
    /// The zone's name when the person chose it.
    pub(crate) zone_chosen: Option<String>,
}

impl Preferences {
    /// Reads the cookies and `Accept-Language`.
    pub(crate) fn of(headers: &HeaderMap, server_zone: &TimeZone) -> Self {
        let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let chosen = cookie::read(headers, cookie::ZONE)
            .and_then(|name| Some((name.to_owned(), TimeZone::get(name).ok()?)));
        let (zone_chosen, zone) = match chosen {
            Some((name, zone)) => (Some(name), zone),
            None => (None, server_zone.clone()),
        };
        let tag = cookie::read(headers, cookie::LANGUAGE);
        Self {
            language: Language::negotiate(tag, accept),
            language_chosen: tag.and_then(Language::of_tag).is_some(),
            theme: cookie::read(headers, cookie::THEME)
                .and_then(Theme::of_name)
                .unwrap_or(Theme::System),
            zone,
            zone_chosen,
        }
    }
}

/// The context of a page.
#[derive(Debug)]
pub(crate) struct Page {
    /// What the person chose.
    pub(crate) preferences: Preferences,
    /// Where the page is, so that a change of settings comes back to it.
    pub(crate) here: String,
    /// Which part of the console this is.
    pub(crate) section: Section,
    /// Who is signed in.
    pub(crate) person: Option<String>,
    /// What the person may do: what would be refused anyway is not offered.
    pub(crate) may: Vec<Permission>,
    /// When the page is made.
    pub(crate) now: Timestamp,
    /// The product's version.
    pub(crate) version: &'static str,
}

impl Page {
    /// The language.
    pub(crate) const fn language(&self) -> Language {
        self.preferences.language
    }

    /// The language's tag.
    pub(crate) fn tag(&self) -> &'static str {
        self.preferences.language.tag()
    }

    /// A text of the catalogue.
    pub(crate) fn t(&self, key: &str) -> String {
        text(self.preferences.language, key, &[])
    }

    /// A text with one number, `$n`.
    pub(crate) fn tn(&self, key: &str, n: impl Borrow<u64>) -> String {
        text(self.preferences.language, key, &[("n", Argument::Count(*n.borrow()))])
    }

    /// A text with two numbers, `$n` and `$m`.
    pub(crate) fn tnm(&self, key: &str, n: impl Borrow<u64>, m: impl Borrow<u64>) -> String {
        let arguments = [("n", Argument::Count(*n.borrow())), ("m", Argument::Count(*m.borrow()))];
        text(self.preferences.language, key, &arguments)
    }

    /// A text with another text in it, `$text`; made visible here.
    pub(crate) fn ts(&self, key: &str, inner: impl AsRef<str>) -> String {
        let inner = show::visible(inner.as_ref());
        text(self.preferences.language, key, &[("text", Argument::Text(&inner))])
    }

    /// The link of an asset, with its content's hash.
    pub(crate) fn asset(&self, name: &str) -> Href {
        assets::href(name)
    }

    /// The key table, which is the help and what the script reads.
    pub(crate) fn keys(&self) -> &'static [Key] {
        keys::KEYS
    }

    /// `data-theme`, when the person chose one.
    pub(crate) fn theme_attribute(&self) -> Option<&'static str> {
        (self.preferences.theme != Theme::System).then(|| self.preferences.theme.name())
    }

    /// The themes with their labels, and whether each is chosen.
    pub(crate) fn themes(&self) -> Vec<(&'static str, String, bool)> {
        let entry =
            |theme: Theme| (theme.name(), self.t(theme.key()), theme == self.preferences.theme);
        Theme::ALL.into_iter().map(entry).collect()
    }

    /// The languages by tag and own name, and whether each is chosen.
    pub(crate) fn languages(&self) -> [(&'static str, String, bool); 2] {
        [(Language::Ja, "language-ja"), (Language::En, "language-en")].map(|(language, key)| {
            (language.tag(), self.t(key), language == self.preferences.language)
        })
    }

    /// The time zones to choose from: value, label, whether chosen. The empty value is the server's own.
    pub(crate) fn zones(&self) -> Vec<(String, String, bool)> {
        let chosen = self.preferences.zone_chosen.as_deref();
        let mut zones = vec![(String::new(), self.t("zone-server"), chosen.is_none())];
        if let Some(other) = chosen.filter(|name| !ZONES.contains(name)) {
            zones.push((other.to_owned(), other.to_owned(), true));
        }
        let entry = |name: &&str| ((*name).to_owned(), (*name).to_owned(), chosen == Some(*name));
        zones.extend(ZONES.iter().map(entry));
        zones
    }

    /// Whether the person may do something.
    pub(crate) fn allows(&self, permission: Permission) -> bool {
        self.may.contains(&permission)
    }

    /// The navigation: what the person may open.
    pub(crate) fn navigation(&self) -> Vec<NavEntry> {
        let entry = |(section, path, key, keys, wanted): &NavRow| {
            let permitted = wanted.is_none_or(|wanted| self.allows(wanted));
            permitted.then(|| NavEntry {
                href: Href::new(path, &[]),
                label: self.t(key),
                keys,
                current: *section == self.section,
            })
        };
        NAVIGATION.iter().filter_map(entry).collect()
    }

    /// The offset of the viewer's zone now, for headings of columns of times: `+09:00`.
    pub(crate) fn offset(&self) -> String {
        self.zoned(self.now).strftime("%:z").to_string()
    }

    /// An instant in full with weekday and offset.
    pub(crate) fn when(&self, at: impl At) -> When {
        let at = at.at();
        let zoned = self.zoned(at);
        let text = match self.preferences.language {
            Language::Ja => {
                let weekday = ["日", "月", "火", "水", "木", "金", "土"];
                let day = usize::try_from(zoned.weekday().to_sunday_zero_offset()).unwrap_or(0);
                let weekday = weekday.get(day).copied().unwrap_or_default();
                format!(
                    "{}({weekday}) {}",
                    zoned.strftime("%Y/%m/%d"),
                    zoned.strftime("%H:%M:%S %:z")
                )
            }
            Language::En => zoned.strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string(),
        };
        When { text, utc: at.to_string() }
    }

    /// An instant for a column whose heading shows the offset: month, day and time of day; the year where
    /// it is another one, the offset where it differs.
    pub(crate) fn when_short(&self, at: impl At) -> When {
        let at = at.at();
        let (zoned, now) = (self.zoned(at), self.zoned(self.now));
        let day = match (self.preferences.language, zoned.year() == now.year()) {
            (Language::Ja, true) => "%m/%d",
            (Language::Ja, false) => "%Y/%m/%d",
            (Language::En, true) => "%m-%d",
            (Language::En, false) => "%Y-%m-%d",
        };
        let offset = if zoned.offset() == now.offset() { "" } else { " %:z" };
        let text = zoned.strftime(&format!("{day} %H:%M:%S{offset}")).to_string();
        When { text, utc: at.to_string() }
    }

    /// The time of day alone, for what happened just now.
    pub(crate) fn time_of_day(&self, at: impl At) -> When {
        let at = at.at();
        When { text: self.zoned(at).strftime("%H:%M:%S").to_string(), utc: at.to_string() }
    }

    /// An instant as the value of a `datetime-local` input.
    pub(crate) fn input_time(&self, at: impl At) -> String {
        self.zoned(at.at()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// How long something is, in its largest unit.
    pub(crate) fn duration(&self, nanos: u64) -> String {
        let seconds = nanos / NANOS_PER_SECOND;
        match seconds {
            0 => self.tn("duration-ms", nanos / NANOS_PER_MS),
            1..=119 => self.tn("duration-seconds", seconds),
            120..=7_199 => self.tn("duration-minutes", seconds / SECONDS_PER_MINUTE),
            7_200..=172_799 => self.tn("duration-hours", seconds / SECONDS_PER_HOUR),
            _ => self.tn("duration-days", seconds / SECONDS_PER_DAY),
        }
    }

    /// How long ago something was.
    pub(crate) fn ago(&self, at: impl At) -> String {
        let nanos = u64::try_from(self.now.nanos().saturating_sub(at.at().nanos())).unwrap_or(0);
        self.ts("ago", self.duration(nanos))
    }

    /// A level's word.
    pub(crate) fn level(&self, level: &Level) -> String {
        self.t(match level {
            Level::Informational => "level-informational",
            Level::Low => "level-low",
            Level::Medium => "level-medium",
            Level::High => "level-high",
            Level::Critical => "level-critical",
        })
    }

    /// A kind's word.
    pub(crate) fn kind(&self, kind: &EventKind) -> String {
        self.t(&format!("kind-{}", kind.name().replace('_', "-")))
    }

    /// A family's word.
    pub(crate) fn family(&self, family: &Family) -> String {
        self.t(&format!("family-{}", family.table()))
    }

    /// A class's word.
    pub(crate) fn class(&self, class: &Class) -> String {
        self.t(&format!("class-{}", class.name()))
    }

    /// A reason of a loss in words.
    pub(crate) fn lost_reason(&self, reason: &LostReason) -> String {
        self.t(&format!("lost-{}", reason.name().replace('_', "-")))
    }

    /// A sum that does not agree, as a sentence.
    pub(crate) fn disagreement(&self, disagreement: &Disagreement) -> String {
        match *disagreement {
            Disagreement::Seen { seen, parts } => self.tnm("disagree-seen", seen, parts),
            Disagreement::Submitted { received, submitted } => {
                self.tnm("disagree-submitted", received, submitted)
            }
            Disagreement::Received { received, parts } => {
                self.tnm("disagree-received", received, parts)
            }
            Disagreement::Emitted { kept, emitted } => self.tnm("disagree-emitted", kept, emitted),
        }
    }

    /// What an agent does not record, in the page's language as far as the agent speaks it.
    pub(crate) fn not_recorded(&self, device: &DeviceRow) -> String {
        match self.preferences.language {
            Language::Ja if !device.not_recorded_ja.is_empty() => device.not_recorded_ja.clone(),
            _ => device.not_recorded.clone(),
        }
    }

    /// A field's label, when the registry knows the field.
    pub(crate) fn field_label(&self, family: Family, sigma: &str) -> Option<&'static str> {
        let field = model::registry::by_sigma(family, sigma)?;
        Some(match self.preferences.language {
            Language::Ja => field.label_ja,
            Language::En => field.label_en,
        })
    }

    fn zoned(&self, at: Timestamp) -> jiff::Zoned {
        at.to_jiff().to_zoned(self.preferences.zone.clone())
    }
}

type NavRow = (Section, &'static str, &'static str, &'static str, Option<Permission>);

const NAVIGATION: &[NavRow] = &[
    (Section::Today, "/", "nav-today", "g t", Some(Permission::ReadAlerts)),
    (Section::Alerts, "/alerts", "nav-alerts", "g a", Some(Permission::ReadAlerts)),
    (Section::Search, "/search", "nav-search", "g s", Some(Permission::ReadEvents)),
    (Section::Rules, "/rules", "nav-rules", "g u", Some(Permission::ReadRules)),
    (Section::Devices, "/devices", "nav-devices", "g d", Some(Permission::ReadDevices)),
    (Section::Software, "/software", "nav-software", "g w", Some(Permission::ReadInventory)),
    (Section::Desk, "/desk", "nav-desk", "g r", Some(Permission::ReadRequests)),
    (Section::People, "/people", "nav-people", "g p", Some(Permission::ReadPeople)),
    (Section::Catalogue, "/catalogue", "nav-catalogue", "g c", None),
    (Section::Requests, "/requests", "nav-requests", "g q", None),
    (Section::MyPc, "/pc", "nav-my-pc", "g m", None),
];

/// The time zones that the settings offer.
pub(crate) const ZONES: &[&str] = &[
    "UTC",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Kolkata",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "Australia/Sydney",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn page(language: Language, zone: &str, now: &str) -> Page {
        Page {
            preferences: Preferences {
                language,
                language_chosen: true,
                theme: Theme::System,
                zone: TimeZone::get(zone).expect("known"),
                zone_chosen: Some(zone.to_owned()),
            },
            here: "/".to_owned(),
            section: Section::Today,
            person: None,
            may: Vec::new(),
            now: Timestamp::parse(now).expect("valid"),
            version: "0",
        }
    }

    #[test]
    fn times_are_shown_in_the_viewers_zone_with_the_offset() {
        let at = Timestamp::parse("2026-08-21T05:03:22.5Z").expect("valid");
        let ja = page(Language::Ja, "Asia/Tokyo", "2026-11-21T00:00:00Z");
        assert_eq!(ja.when(at).text, "2026/08/21(金) 14:03:22 +09:00");
        assert_eq!(ja.when(at).utc, "2026-08-21T05:03:22.5Z");
        assert_eq!(ja.when_short(at).text, "08/21 14:03:22");
        let en = page(Language::En, "Europe/Berlin", "2026-11-21T00:00:00Z");
        assert_eq!(en.when(at).text, "Fri 2026-08-21 07:03:22 +02:00");
        // The heading says +01:00 in November: a summer time says that it differs.
        assert_eq!(en.offset(), "+01:00");
        assert_eq!(en.when_short(at).text, "08-21 07:03:22 +02:00");
    }

    #[test]
    fn every_offered_zone_exists() {
        for zone in ZONES {
            assert!(TimeZone::get(zone).is_ok(), "{zone}");
        }
    }

    #[test]
    fn durations_choose_their_unit() {
        let en = page(Language::En, "UTC", "2026-11-21T00:00:00Z");
        for (nanos, expected) in [
            (12_000_000, "12 ms"),
            (11 * NANOS_PER_SECOND, "11 s"),
            (600 * NANOS_PER_SECOND, "10 min"),
            (7_200 * NANOS_PER_SECOND, "2 h"),
            (5 * 86_400 * NANOS_PER_SECOND, "5 days"),
        ] {
            assert_eq!(en.duration(nanos), expected);
        }
    }
}
