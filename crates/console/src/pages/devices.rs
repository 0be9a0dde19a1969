//! Devices, and one device with its story.

use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::pages::alerts::preset_choices;
use crate::pages::device_groups::Belonging;
use crate::pages::risk::{self, RiskLine};
use crate::pages::rows::{
    AlertLine, ClassLine, EventLine, LostLine, StreamLine, cursor_text, device_href,
};
use crate::pages::search::{self, EventsPart, Histogram, search_query};
use crate::pages::search_state::{EXACT, SearchState};
use crate::pages::timeline::timeline_href;
use crate::pages::today::Standing;
use crate::query::Terms;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use control::view::detections::RiskOf;
use control::view::{DeviceRow, StreamSums};
use model::DeviceId;

const RANGE_DEFAULT: &str = "24h";
const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// An agent that reported within this time is reporting.
const REPORTING_NANOS_MAX: i64 = 120 * NANOS_PER_SECOND;

/// A choice of a select or a row of checkboxes: value, label, chosen.
type Choice = (String, String, bool);

struct DeviceLine {
    href: Href,
    name: String,
    seen: Option<When>,
    ago: String,
    standing: Standing,
    enrolled: When,
    not_recorded: String,
    /// Points of its alerts; `None` without any, and for whom they are not.
    risk: Option<f64>,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    page: Page,
    devices: Vec<DeviceLine>,
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    page: Page,
    device: DeviceLine,
    belonging: Belonging,
    id: String,
    agent: String,
    here: Href,
    search_href: Href,
    ranges: Vec<Choice>,
    exact: bool,
    from: String,
    to: String,
    families: Vec<Choice>,
    problem: Option<String>,
    streams: Vec<StreamLine>,
    classes: Vec<ClassLine>,
    /// Whether every sum of the two agrees.
    sums_agree: bool,
    lost: Vec<LostLine>,
    alerts: Vec<AlertLine>,
    /// What its alerts add up to, for those who may read them.
    risk: Option<RiskLine>,
    timeline_href: Href,
    total: String,
    histogram: Option<Histogram>,
    events: Vec<EventLine>,
    more: Option<Href>,
}

/// `GET /devices`.
pub(crate) async fn list(viewer: Viewer) -> Result<Response, Fault> {
    let page = viewer.page(Section::Devices);
    let devices = viewer.control.devices(&viewer.actor).await?;
    let risks = match viewer.actor.may(control::Permission::ReadAlerts) {
        true => viewer.control.device_risks(&viewer.actor).await?,
        false => std::collections::HashMap::new(),
    };
    let with_risk = |row: &DeviceRow| DeviceLine {
        risk: risks.get(&row.id).copied(),
        ..device_line(&page, row)
    };
    let devices = devices.iter().map(with_risk).collect();
    html(&DevicesPage { page, devices })
}

/// `GET /devices/{id}`, and the further rows of its story for htmx.
pub(crate) async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Fault> {
    let id = DeviceId::parse(&id).map_err(|_| Fault::NotFound)?;
    let page = viewer.page(Section::Devices);
    let path = format!("/devices/{id}");
    let mut state = SearchState { device: None, ..SearchState::of(&parameters) };
    if state.range.is_empty() {
        RANGE_DEFAULT.clone_into(&mut state.range);
    }
    let mut problem = None;
    let range = match state.interval(&page).filter(|range| range.from < range.to) {
        Some(range) => range,
        None => {
            problem = Some(page.t("search-range-malformed"));
            RANGE_DEFAULT.clone_into(&mut state.range);
            state.interval(&page).ok_or_else(|| Fault::Malformed("time range".to_owned()))?
        }
    };
    let view = viewer.control.device(&viewer.actor, id, range, state.after).await?;
    let timeline = if state.families.is_empty() {
        view.timeline
    } else {
        let on_device = SearchState { device: Some(id), ..state.clone() };
        let asked = search_query(&on_device, Terms::default(), range);
        viewer.control.search(&viewer.actor, &asked).await?
    };
    let events =
        search::events(&page, &SearchState { device: Some(id), ..state.clone() }, &timeline);
    let more = timeline.next.map(|next| state.href_after(&path, &cursor_text(&next)));
    if viewer.fragment {
        return html(&EventsPart { page, events, more });
    }
    let belonging = Belonging::of(&viewer, id).await?;
    let risk = match viewer.actor.may(control::Permission::ReadAlerts) {
        true => viewer.control.risk_of(&viewer.actor, RiskOf::Device, &id.to_string()).await?,
        false => None,
    };
    let devices = std::slice::from_ref(&view.device);
    html(&DevicePage {
        device: device_line(&page, &view.device),
        belonging,
        id: id.to_string(),
        agent: view.device.agent.to_string(),
        here: Href::new(&path, &[]),
        search_href: SearchState { device: Some(id), ..state.clone() }.href("/search"),
        ranges: preset_choices(&page, &state.range),
        exact: state.range == EXACT,
        from: page.input_time(range.from),
        to: page.input_time(range.to),
        families: search::families(&page, &state),
        problem,
        streams: view.streams.iter().map(|sums| StreamLine::of(sums, devices)).collect(),
        classes: view.classes.iter().map(|sums| ClassLine::of(&page, sums, devices)).collect(),
        sums_agree: view.streams.iter().all(StreamSums::agree)
            && view.classes.iter().all(|sums| sums.counters.disagreements().is_empty()),
        lost: view.lost.iter().map(|row| LostLine::of(&page, row)).collect(),
        alerts: view.alerts.iter().map(|row| AlertLine::of(&page, row)).collect(),
        risk: risk::lines(&page, risk.into_iter().collect()).pop(),
        timeline_href: timeline_href(&[id], range),
        total: search::total(&page, &timeline),
        histogram: search::histogram(&page, &state, &path, range, &timeline),
        events,
        more,
        page,
    })
}

fn device_line(page: &Page, row: &DeviceRow) -> DeviceLine {
    let oldest = page.now.plus_nanos(-REPORTING_NANOS_MAX);
    DeviceLine {
        href: device_href(row.id),
        name: row.name.clone(),
        seen: row.last_seen_at.map(|at| page.when(at)),
        ago: row.last_seen_at.map(|at| page.ago(at)).unwrap_or_default(),
        standing: match row.last_seen_at {
            None => Standing::Unknown,
            Some(at) if at >= oldest => Standing::Kept,
            Some(_) => Standing::Broken,
        },
        enrolled: page.when(row.enrolled_at),
        not_recorded: page.not_recorded(row),
        risk: None,
    }
}
