//! The first page: what needs a person, and whether the recording can be trusted.

use crate::chart;
use crate::fault::Fault;
use crate::limits::{TODAY_ALERTS_MAX, TODAY_REFUSED_MAX, TODAY_SILENCES_MAX};
use crate::page::{Page, Section, When};
use crate::pages::detections::DetectionLine;
use crate::pages::risk::{self, RiskLine};
use crate::pages::rows::{ClassLine, LostLine, StreamLine, device_href};
use crate::pages::settings::to;
use crate::pages::waiting::{Waiting, waiting};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::response::Response;
use control::view::backtest::RefusedSource;
use control::view::rulebook::StoppedRule;
use control::view::{DeviceRow, Today};
use control::{Actor, Permission};
use model::{Family, Level};
use std::cmp::Reverse;

/// An agent that reported within this time is reporting: agents write their counters every 5 seconds.
const REPORTING_NANOS_MAX: i64 = 120 * 1_000_000_000;
/// A lake that is further behind than this is marked.
const LAG_NANOS_MAX: u64 = 60 * 1_000_000_000;

/// How a promise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Kept.
    Kept,
    /// Needs a look.
    Broken,
    /// Nothing to judge yet.
    Unknown,
}

impl Standing {
    const fn of(kept: bool) -> Self {
        if kept { Self::Kept } else { Self::Broken }
    }

    /// The class that colours it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
        }
    }

    /// The key of its word.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Kept => "standing-kept",
            Self::Broken => "standing-broken",
            Self::Unknown => "standing-unknown",
        }
    }
}

/// One tile of the promise strip.
struct Tile {
    id: &'static str,
    label: String,
    value: String,
    note: String,
    standing: Standing,
    href: Href,
}

struct LevelLine {
    level: Level,
    number: u64,
    href: Href,
}

struct FamilyLine {
    family: Family,
    number: u64,
    percent: u32,
    href: Href,
}

/// What some devices do not record; most devices of a kind say the same.
struct Silence {
    /// The device's name, or how many they are.
    devices: String,
    href: Href,
    text: String,
}

/// Everything of the page that changes by itself.
struct Live {
    at: When,
    tiles: Vec<Tile>,
    levels: Vec<LevelLine>,
    families: Vec<FamilyLine>,
    detections: Vec<DetectionLine>,
    risky: Vec<RiskLine>,
    streams: Vec<StreamLine>,
    classes: Vec<ClassLine>,
    lost: Vec<LostLine>,
    silences: Vec<Silence>,
    devices: usize,
}

#[derive(Template)]
#[template(path = "today.html")]
struct TodayPage {
    page: Page,
    live: Live,
    /// What waits for a person in the software check.
    waiting: Vec<Waiting>,
    /// File and reason, the first of them.
    rules_refused: Vec<RefusedSource>,
    /// How many more there are.
    rules_unlisted: u64,
    /// Rules that are stopped.
    rules_stopped: Vec<StoppedRule>,
}

#[derive(Template)]
#[template(path = "today_live.html")]
struct TodayLive {
    page: Page,
    live: Live,
}

/// `GET /`, and its live part for htmx.
pub(crate) async fn show(viewer: Viewer) -> Result<Response, Fault> {
    if !viewer.actor.may(Permission::ReadAlerts) {
        return Ok(to(&Href::new(first_page(&viewer.actor), &[])));
    }
    let page = viewer.page(Section::Today);
    let today = viewer.control.today(&viewer.actor).await?;
    let live = live(&page, &today);
    if viewer.fragment {
        return html(&TodayLive { page, live });
    }
    let waiting = waiting(&viewer, &page).await?;
    let rules_stopped = today.rules_stopped;
    let mut rules_refused = today.rules_refused;
    let rules_unlisted = rules_refused.len().saturating_sub(TODAY_REFUSED_MAX) as u64;
    rules_refused.truncate(TODAY_REFUSED_MAX);
    html(&TodayPage { page, live, waiting, rules_refused, rules_unlisted, rules_stopped })
}

/// The first page of somebody who reads no alerts: where the work is, or the place to ask.
fn first_page(actor: &Actor) -> &'static str {
    if actor.may(Permission::ReviewRequests) {
        "/desk"
    } else if actor.may(Permission::ReadDevices) {
        "/devices"
    } else {
        "/catalogue"
    }
}

fn live(page: &Page, today: &Today) -> Live {
    let largest = today.events_by_family.first().map_or(0, |(_, number)| *number);
    let family = |(family, number): &(Family, u64)| FamilyLine {
        family: *family,
        number: *number,
        percent: chart::percent(*number, largest),
        href: Href::new("/search", &[("family", family.table()), ("range", "24h")]),
    };
    Live {
        at: page.time_of_day(today.at),
        tiles: tiles(page, today),
        levels: levels(today),
        families: today.events_by_family.iter().map(family).collect(),
        detections: today
            .detections
            .iter()
            .take(TODAY_ALERTS_MAX)
            .map(|row| DetectionLine::of(page, row.clone()))
            .collect(),
        risky: risk::lines(page, today.risky.clone()),
        streams: today.streams.iter().map(|sums| StreamLine::of(sums, &today.devices)).collect(),
        classes: today
            .classes
            .iter()
            .map(|sums| ClassLine::of(page, sums, &today.devices))
            .collect(),
        lost: today.lost.iter().map(|row| LostLine::of(page, row)).collect(),
        silences: silences(page, today),
        devices: today.devices.len(),
    }
}

fn silences(page: &Page, today: &Today) -> Vec<Silence> {
    let mut found: Vec<(String, Vec<&DeviceRow>)> = Vec::new();
    for device in today.devices.iter().filter(|device| !device.not_recorded.is_empty()) {
        let text = page.not_recorded(device);
        match found.iter_mut().find(|(known, _)| *known == text) {
            Some((_, devices)) => devices.push(device),
            None => found.push((text, vec![device])),
        }
    }
    found.sort_by_key(|(_, devices)| Reverse(devices.len()));
    found.truncate(TODAY_SILENCES_MAX);
    let line = |(text, devices): (String, Vec<&DeviceRow>)| match devices.as_slice() {
        [device] => Silence { devices: device.name.clone(), href: device_href(device.id), text },
        many => Silence {
            devices: page.tn("count-devices", many.len() as u64),
            href: Href::new("/devices", &[]),
            text,
        },
    };
    found.into_iter().map(line).collect()
}

fn levels(today: &Today) -> Vec<LevelLine> {
    let line = |level: Level| LevelLine {
        level,
        number: today.alerts_by_level.iter().filter(|(l, _)| *l == level).map(|(_, n)| n).sum(),
        href: Href::new("/alerts", &[("level", level.name()), ("range", "24h")]),
    };
    [Level::Critical, Level::High, Level::Medium, Level::Low, Level::Informational]
        .into_iter()
        .map(line)
        .collect()
}

fn tiles(page: &Page, today: &Today) -> Vec<Tile> {
    vec![
        reporting(page, today),
        losses(page, today),
        sums(page, today),
        lag(page, today),
        rules(page, today),
    ]
}

fn reporting(page: &Page, today: &Today) -> Tile {
    let oldest = today.at.plus_nanos(-REPORTING_NANOS_MAX);
    let seen = |device: &&DeviceRow| device.last_seen_at.is_some_and(|seen_at| seen_at >= oldest);
    let reporting = today.devices.iter().filter(seen).count();
    let all = today.devices.len();
    Tile {
        id: "tile-agents",
        label: page.t("tile-agents"),
        value: page.tnm("tile-agents-value", reporting as u64, all as u64),
        note: page.t("tile-agents-note"),
        standing: if all == 0 { Standing::Unknown } else { Standing::of(reporting == all) },
        href: Href::new("/devices", &[]),
    }
}

fn losses(page: &Page, today: &Today) -> Tile {
    // Counts come from agents; an absurd one may not stop the page.
    let counts = today.lost.iter().filter_map(|row| row.lost.count);
    let known = counts.fold(0, u64::saturating_add);
    let uncounted = today.lost.iter().filter(|row| row.lost.count.is_none()).count() as u64;
    let note = match (today.lost.len(), uncounted) {
        (0, _) => page.t("tile-lost-note-none"),
        (gaps, 0) => page.tn("tile-lost-note", gaps as u64),
        (gaps, uncounted) => page.tnm("tile-lost-note-uncounted", gaps as u64, uncounted),
    };
    Tile {
        id: "tile-lost",
        label: page.t("tile-lost"),
        value: page.tn("tile-lost-value", known),
        note,
        standing: if today.streams.is_empty() {
            Standing::Unknown
        } else {
            Standing::of(today.lost.is_empty())
        },
        href: Href::within("gaps"),
    }
}

fn sums(page: &Page, today: &Today) -> Tile {
    let broken = today.streams.iter().filter(|sums| !sums.agree()).count()
        + today.classes.iter().filter(|sums| !sums.counters.disagreements().is_empty()).count();
    let all = today.streams.len() + today.classes.len();
    let stored: u64 = today.streams.iter().map(|sums| sums.stored).sum();
    Tile {
        id: "tile-sums",
        label: page.t("tile-sums"),
        value: match (all, broken) {
            (0, _) => "–".to_owned(),
            (_, 0) => page.t("tile-sums-agree"),
            (_, broken) => page.tn("tile-sums-disagree", broken as u64),
        },
        note: page.tn("tile-sums-note", stored),
        standing: if all == 0 { Standing::Unknown } else { Standing::of(broken == 0) },
        href: Href::within("sums"),
    }
}

fn lag(page: &Page, today: &Today) -> Tile {
    let lag = today.lake_lag_ns.map(|nanos| u64::try_from(nanos).unwrap_or(0));
    Tile {
        id: "tile-lag",
        label: page.t("tile-lag"),
        value: lag.map_or_else(|| "–".to_owned(), |nanos| page.duration(nanos)),
        note: page.t("tile-lag-note"),
        standing: lag.map_or(Standing::Unknown, |nanos| Standing::of(nanos <= LAG_NANOS_MAX)),
        href: Href::new("/search", &[("range", "15m")]),
    }
}

fn rules(page: &Page, today: &Today) -> Tile {
    let refused = today.rules_refused.len();
    Tile {
        id: "tile-rules",
        label: page.t("tile-rules"),
        value: page.tn("tile-rules-value", today.rules_loaded as u64),
        note: match refused {
            0 => page.t("tile-rules-note-none"),
            refused => page.tn("tile-rules-note", refused as u64),
        },
        standing: match today.rules_loaded {
            0 => Standing::Unknown,
            _ => Standing::of(refused == 0),
        },
        href: Href::within("rules"),
    }
}
