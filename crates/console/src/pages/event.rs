//! One event with all its fields; for htmx as the part that opens under a row of a search.

use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::pages::rows::{FieldLine, alert_href, device_href, event_href, event_summary, fields};
use crate::pages::search_state::SearchState;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use control::view::EventRow;
use model::{AgentId, EpochId, EventKind, Family, StreamKey};

/// How much of the device's story is shown around the event.
const AROUND_NANOS: i64 = 5 * 60 * 1_000_000_000;
/// A device whose clock is further ahead of ours than this gets a mark.
const SKEW_NANOS_MAX: i64 = 120 * 1_000_000_000;

/// What both forms of the event show.
struct Shown {
    kind: EventKind,
    device: String,
    device_href: Href,
    href: Href,
    story_href: Href,
    /// Who did it, and what was done.
    by: String,
    what: String,
    at: When,
    ago: String,
    received: When,
    skewed: bool,
    key: String,
    fields: Vec<FieldLine>,
    alerts: Vec<Href>,
    /// The original record of a foreign log.
    raw: Option<String>,
}

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    page: Page,
    event: Shown,
}

#[derive(Template)]
#[template(path = "event_part.html")]
struct EventPart {
    page: Page,
    event: Shown,
}

/// `GET /events/{agent}/{epoch}/{seq}`.
pub(crate) async fn show(
    viewer: Viewer,
    Path((agent, epoch, seq)): Path<(String, String, String)>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Fault> {
    let key = stream_key(&agent, &epoch, &seq).ok_or(Fault::NotFound)?;
    let row = viewer.control.event(&viewer.actor, key).await?;
    let page = viewer.page(Section::Search);
    let event = shown(&page, row, &SearchState::of(&parameters));
    if viewer.fragment {
        html(&EventPart { page, event })
    } else {
        html(&EventPage { page, event })
    }
}

fn stream_key(agent: &str, epoch: &str, seq: &str) -> Option<StreamKey> {
    Some(StreamKey {
        agent: AgentId::parse(agent).ok()?,
        epoch: EpochId::parse(epoch).ok()?,
        seq: seq.parse().ok()?,
    })
}

fn shown(page: &Page, row: EventRow, state: &SearchState) -> Shown {
    let StreamKey { agent, epoch, seq } = row.key;
    let around = SearchState::default().between(
        row.observed_at.plus_nanos(-AROUND_NANOS),
        row.observed_at.plus_nanos(AROUND_NANOS),
    );
    // A search that has no range of its own looks around the event, so that it finds at least this one.
    let base = if state.range.is_empty() { around.clone() } else { state.clone() };
    let narrow = |condition: &str| base.narrowed(condition).href("/search");
    let (by, what) = match row.kind.family() {
        // Their summary is the first of their fields, which stand below.
        Family::Other | Family::Agent => Default::default(),
        _ => event_summary(&row),
    };
    Shown {
        by,
        what,
        kind: row.kind,
        device: row.device_name,
        device_href: device_href(row.device),
        href: event_href(row.key, &[]),
        story_href: around.href(&format!("/devices/{}", row.device)),
        at: page.when(row.observed_at),
        ago: page.ago(row.observed_at),
        received: page.when(row.received_at),
        skewed: row.observed_at > row.received_at.plus_nanos(SKEW_NANOS_MAX),
        key: format!("{agent} / {epoch} / {seq}"),
        fields: fields(page, row.kind.family(), row.fields, narrow),
        raw: row.raw,
        alerts: row.alerts.into_iter().map(alert_href).collect(),
    }
}
