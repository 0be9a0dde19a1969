//! The riskiest devices and users, with what contributes.

use crate::App;
use crate::chart;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::detections::detection_href;
use crate::pages::rows::device_href;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use control::view::detections::{RiskOf, RiskRow};
use model::{DeviceId, Level};
use std::sync::Arc;

/// Rows of each list.
const ROWS_MAX: usize = 50;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/risk", get(show))
}

/// A device or user with its risk.
pub(crate) struct RiskLine {
    pub(crate) name: String,
    /// The device's page; users have none.
    pub(crate) href: Option<Href>,
    pub(crate) score: f64,
    /// Of the riskiest one.
    pub(crate) percent: u32,
    pub(crate) parts: Vec<RiskPartLine>,
}

/// What one finding contributes.
pub(crate) struct RiskPartLine {
    pub(crate) href: Href,
    pub(crate) title: String,
    pub(crate) level: Level,
    pub(crate) alerts: u64,
    pub(crate) points: f64,
}

/// Rows as lines; the bar of each is measured by the first.
pub(crate) fn lines(page: &Page, rows: Vec<RiskRow>) -> Vec<RiskLine> {
    let most = rows.first().map_or(0.0, |row| row.score);
    rows.into_iter().map(|row| line(page, row, most)).collect()
}

fn line(page: &Page, row: RiskRow, most: f64) -> RiskLine {
    // Points are far below the limits of a whole number.
    let whole = |points: f64| (points.clamp(0.0, 1e9) * 10.0) as u64;
    let device = DeviceId::parse(&row.entity).ok().filter(|_| row.of == RiskOf::Device);
    RiskLine {
        name: row.name,
        href: device.map(device_href),
        score: row.score,
        percent: chart::percent(whole(row.score), whole(most)),
        parts: row
            .parts
            .into_iter()
            .map(|part| RiskPartLine {
                href: detection_href(&part.detection),
                title: page.either(&part.title_ja, &part.title).to_owned(),
                level: part.level,
                alerts: part.alerts,
                points: part.points,
            })
            .collect(),
    }
}

#[derive(Template)]
#[template(path = "risk.html")]
struct RiskPage {
    page: Page,
    devices: Vec<RiskLine>,
    users: Vec<RiskLine>,
}

/// `GET /risk`.
async fn show(viewer: Viewer) -> Result<Response, Fault> {
    let page = viewer.page(Section::Alerts);
    let (control, actor) = (&viewer.control, &viewer.actor);
    let devices = lines(&page, control.risky(actor, RiskOf::Device, ROWS_MAX).await?);
    let users = lines(&page, control.risky(actor, RiskOf::User, ROWS_MAX).await?);
    html(&RiskPage { page, devices, users })
}
