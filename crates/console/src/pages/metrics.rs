//! Figures: requests and how long they take, findings, and what a message by a machine or a person achieves.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use control::view::findings::{FindingMetrics, Point, RemedyRow};
use control::view::requests::RequestMetrics;
use std::sync::Arc;

const DAY_NS: i64 = 86_400 * 1_000_000_000;
const DAYS: [u32; 3] = [30, 90, 365];
/// Width and height of a plot in its own units.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 160.0;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(show))
}

#[derive(serde::Deserialize)]
struct Chosen {
    #[serde(default)]
    days: u32,
}

/// A line of a plot.
struct Curve {
    /// Which of the plot's colours and dashes.
    style: usize,
    label: String,
    /// `x,y x,y …` in the plot's own units.
    points: String,
}

struct Plot {
    curves: Vec<Curve>,
    /// The largest value, for the axis.
    top: String,
    /// What stands at the left end of the axis of days, and at its right end.
    from: String,
    to: String,
}

#[derive(Template)]
#[template(path = "metrics.html")]
struct MetricsPage {
    page: Page,
    ranges: Vec<(Href, String, bool)>,
    requests: Option<RequestMetrics>,
    median: Option<String>,
    p90: Option<String>,
    findings: FindingMetrics,
    finding_median: Option<String>,
    requests_plot: Option<Plot>,
    findings_plot: Plot,
    remedy_plot: Plot,
}

/// `GET /metrics`.
async fn show(viewer: Viewer, Query(chosen): Query<Chosen>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let days = if DAYS.contains(&chosen.days) { chosen.days } else { DAYS[0] };
    let from = page.now.plus_nanos(-i64::from(days) * DAY_NS);
    let requests = match viewer.actor.may(control::Permission::ReadRequests) {
        true => Some(viewer.control.request_metrics(&viewer.actor, from, days).await?),
        false => None,
    };
    let findings = viewer.control.finding_metrics(&viewer.actor, from, days).await?;
    let ranges = DAYS
        .map(|one| {
            let href = Href::new("/metrics", &[("days", &one.to_string())]);
            (href, page.tn("duration-days", u64::from(one)), one == days)
        })
        .to_vec();
    let ends = [page.day(from), page.day(page.now)];
    let took = |nanos: i64| page.duration(u64::try_from(nanos).unwrap_or(0));
    let seconds = |seconds: i64| took(seconds.saturating_mul(1_000_000_000));
    html(&MetricsPage {
        ranges,
        median: requests.as_ref().and_then(|all| all.median_ns).map(took),
        p90: requests.as_ref().and_then(|all| all.p90_ns).map(took),
        finding_median: findings.median_seconds.map(seconds),
        requests_plot: requests.as_ref().map(|all| requests_plot(&page, all, days).between(&ends)),
        findings_plot: findings_plot(&page, &findings).between(&ends),
        remedy_plot: remedy_plot(&page, &findings),
        requests,
        findings,
        page,
    })
}

fn requests_plot(page: &Page, all: &RequestMetrics, days: u32) -> Plot {
    let series = |label: &str, value: fn(&(model::Timestamp, u64, u64, u64)) -> u64| {
        let points = all.days.iter().enumerate().map(|(day, row)| Point {
            day: u32::try_from(day).unwrap_or(u32::MAX),
            // Counts of requests are far below 2^53.
            value: value(row) as f64,
        });
        (page.t(label), points.collect::<Vec<_>>())
    };
    let series = [
        series("metrics-submitted", |row| row.1),
        series("metrics-approved", |row| row.2),
        series("metrics-denied", |row| row.3),
    ];
    plot(series.to_vec(), days, None)
}

fn findings_plot(page: &Page, all: &FindingMetrics) -> Plot {
    let series = vec![
        (page.t("metrics-open"), all.open.clone()),
        (page.t("metrics-opened"), all.opened.clone()),
        (page.t("metrics-closed"), all.closed.clone()),
    ];
    plot(series, all.days, None)
}

/// The share of findings remedied within so many days of a message, by sender and channel.
fn remedy_plot(page: &Page, all: &FindingMetrics) -> Plot {
    let label = |row: &RemedyRow| format!("{} ({})", page.sender_word(&row.sender), row.sent);
    let series: Vec<(String, Vec<Point>)> =
        all.remedy.iter().map(|row| (label(row), row.curve.clone())).collect();
    let points = series.iter().flat_map(|(_, points)| points);
    let days = points.map(|point| point.day).max().unwrap_or(1);
    let ends = [page.tn("duration-days", 0), page.tn("duration-days", u64::from(days.max(1)))];
    plot(series, days.max(1), Some(1.0)).between(&ends)
}

fn plot(series: Vec<(String, Vec<Point>)>, days: u32, top: Option<f64>) -> Plot {
    let values = series.iter().flat_map(|(_, points)| points).map(|point| point.value);
    let largest = top.unwrap_or_else(|| values.fold(1.0, f64::max));
    let curves = series
        .into_iter()
        .enumerate()
        .map(|(place, (label, points))| {
            let points: Vec<String> = points
                .iter()
                .map(|point| {
                    let x = f64::from(point.day) / f64::from(days.max(1)) * WIDTH;
                    let y = HEIGHT - (point.value / largest).clamp(0.0, 1.0) * HEIGHT;
                    format!("{x:.1},{y:.1}")
                })
                .collect();
            Curve { style: place % 6, label, points: points.join(" ") }
        })
        .collect();
    let top = if top.is_some() { "100 %".to_owned() } else { format!("{largest:.0}") };
    Plot { curves, top, from: String::new(), to: String::new() }
}

impl Plot {
    /// Says what the ends of the axis are.
    fn between(mut self, [from, to]: &[String; 2]) -> Self {
        (self.from, self.to) = (from.clone(), to.clone());
        self
    }
}

impl Page {
    /// Who sent a message: the product itself, or a person's name.
    pub(crate) fn sender_word(&self, sender: impl AsRef<str>) -> String {
        match sender.as_ref() {
            "mimamori" | "" => self.t("product"),
            name => crate::show::visible(name).into_owned(),
        }
    }

    /// A share in percent.
    pub(crate) fn share(&self, part: &u64, whole: &u64) -> String {
        format!("{} %", (part * 100).checked_div(*whole).unwrap_or(0))
    }

    /// Seconds in their largest unit.
    pub(crate) fn seconds(&self, seconds: &i64) -> String {
        self.duration(u64::try_from(*seconds).unwrap_or(0).saturating_mul(1_000_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_stay_within_the_plot() {
        let points = vec![Point { day: 0, value: 0.0 }, Point { day: 10, value: 5.0 }];
        let drawn = plot(vec![("x".to_owned(), points)], 10, None);
        assert_eq!(drawn.curves[0].points, "0.0,160.0 600.0,0.0");
        let none = plot(vec![("x".to_owned(), Vec::new())], 0, Some(1.0));
        assert_eq!(none.curves[0].points, "");
    }
}
