//! An attack as a timeline: alerts and what their processes did, in stages.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::pages::alerts::preset_choices;
use crate::pages::rows::{AlertLine, EventLine, device_href, event_summary};
use crate::pages::search_state::{EXACT, SearchState};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use control::view::TimeRange;
use control::view::detections::{TimelineEntry, TimelineStage};
use model::{DeviceId, EventKind, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

const RANGE_DEFAULT: &str = "24h";
/// Devices of one timeline.
const DEVICES_MAX: usize = 50;
/// Entries that say the same are folded from this many on.
const ALIKE_MIN: usize = 4;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/timeline", get(show))
}

/// The timeline of some devices in an interval.
pub(crate) fn timeline_href(devices: &[DeviceId], range: TimeRange) -> Href {
    let state = SearchState::default().between(range.from, range.to);
    let mut parameters = state.parameters();
    parameters.extend(devices.iter().map(|device| ("device", device.to_string())));
    let pairs: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Href::new("/timeline", &pairs)
}

/// One entry.
struct Entry {
    at: When,
    device: String,
    device_href: Href,
    alerts: Vec<AlertLine>,
    event: Option<EventLine>,
}

/// Entries that say the same, one after the other.
struct Run {
    first: Entry,
    alike: Vec<Entry>,
}

/// One stage.
struct Stage {
    title: String,
    from: When,
    to: When,
    devices: Vec<String>,
    entries: u64,
    runs: Vec<Run>,
}

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelinePage {
    page: Page,
    problem: Option<String>,
    stages: Vec<Stage>,
    truncated: bool,
    /// What comes before, when it holds more alerts than fit.
    earlier: Option<Href>,
    /// What comes after, when this is a part of a longer time.
    later: Option<Href>,
    ranges: Vec<(String, String, bool)>,
    exact: bool,
    from: String,
    to: String,
    /// The interval on paper, which shows no form.
    begin: When,
    end: When,
    devices: Vec<(String, String, bool)>,
}

/// `GET /timeline`.
async fn show(
    viewer: Viewer,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Alerts);
    let mut state = SearchState::of(&parameters);
    if state.range.is_empty() {
        RANGE_DEFAULT.clone_into(&mut state.range);
    }
    let chosen: Vec<DeviceId> = parameters
        .iter()
        .filter(|(name, _)| name == "device")
        .filter_map(|(_, value)| DeviceId::parse(value).ok())
        .take(DEVICES_MAX)
        .collect();
    let mut problem = None;
    let range = match state.interval(&page).filter(|range| range.from < range.to) {
        Some(range) => range,
        None => {
            problem = Some(page.t("search-range-malformed"));
            RANGE_DEFAULT.clone_into(&mut state.range);
            state.interval(&page).ok_or_else(|| Fault::Malformed("time range".to_owned()))?
        }
    };
    let until = parameters.iter().find(|(name, _)| name == "until");
    let until = until.and_then(|(_, text)| Timestamp::parse(text).ok());
    let until = until.unwrap_or(range.to).max(range.to);
    let timeline = viewer.control.timeline(&viewer.actor, &chosen, range).await?;
    let known = viewer.control.devices(&viewer.actor).await?;
    let devices = known
        .iter()
        .map(|device| (device.id.to_string(), device.name.clone(), chosen.contains(&device.id)));
    html(&TimelinePage {
        problem,
        stages: timeline.stages.iter().map(|one| stage(&page, one)).collect(),
        truncated: timeline.truncated,
        earlier: timeline.earlier.map(|earlier| part_href(&chosen, earlier, until)),
        later: (until > range.to)
            .then(|| part_href(&chosen, TimeRange { from: range.to, to: until }, until)),
        ranges: preset_choices(&page, &state.range),
        exact: state.range == EXACT,
        from: page.input_time(range.from),
        to: page.input_time(range.to),
        begin: page.when(timeline.range.from),
        end: page.when(range.to),
        devices: devices.collect(),
        page,
    })
}

/// A part of a longer time, which ends at `until`.
fn part_href(devices: &[DeviceId], range: TimeRange, until: Timestamp) -> Href {
    let state = SearchState::default().between(range.from, range.to);
    let mut parameters = state.parameters();
    parameters.extend(devices.iter().map(|device| ("device", device.to_string())));
    parameters.push(("until", until.to_string()));
    let pairs: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Href::new("/timeline", &pairs)
}

fn stage(page: &Page, stage: &TimelineStage) -> Stage {
    let devices: BTreeSet<&str> =
        stage.entries.iter().map(|entry| entry.device_name.as_str()).collect();
    Stage {
        title: match &stage.tactic {
            Some(tactic) => page.tactic(tactic).to_owned(),
            None => page.t("timeline-no-tactic"),
        },
        from: page.when_short(stage.from),
        to: page.when_short(stage.to),
        devices: devices.into_iter().map(str::to_owned).collect(),
        entries: stage.entries.len() as u64,
        runs: runs(page, &stage.entries),
    }
}

/// Folds entries that follow each other and say the same, once they are many.
fn runs(page: &Page, entries: &[TimelineEntry]) -> Vec<Run> {
    let mut runs = Vec::new();
    for alike in entries.chunk_by(is_alike) {
        let mut lines = alike.iter().map(|one| entry(page, one));
        if alike.len() < ALIKE_MIN {
            runs.extend(lines.map(|first| Run { first, alike: Vec::new() }));
        } else if let Some(first) = lines.next() {
            runs.push(Run { first, alike: lines.collect() });
        }
    }
    runs
}

/// Whether two entries tell of the same rules, kind and program on the same device.
fn is_alike(one: &TimelineEntry, other: &TimelineEntry) -> bool {
    let rules = |entry: &TimelineEntry| -> Vec<String> {
        entry.alerts.iter().map(|alert| alert.rule_id.clone()).collect()
    };
    let done = |entry: &TimelineEntry| {
        entry.event.as_ref().map(|event| (event.kind, event_summary(event).0))
    };
    let is_start = |entry: &TimelineEntry| {
        entry.event.as_ref().is_some_and(|event| event.kind == EventKind::ProcessStart)
    };
    // Every command tells something of its own.
    !is_start(one)
        && one.device == other.device
        && done(one) == done(other)
        && rules(one) == rules(other)
}

fn entry(page: &Page, entry: &TimelineEntry) -> Entry {
    Entry {
        at: page.time_of_day(entry.at),
        device: entry.device_name.clone(),
        device_href: device_href(entry.device),
        alerts: entry.alerts.iter().map(|row| AlertLine::of(page, row)).collect(),
        event: entry.event.as_ref().map(|row| EventLine::of(page, row, &[])),
    }
}
