//! How rules are: a page of all, and a part for the page of one.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::render::{filters, html};
use crate::rule_text;
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use control::view::backtest::RuleRow;
use control::view::rule_exclusions::ExclusionState;
use control::view::rule_health::{FieldSupply, RuleHealth, RuleSupply};
use std::collections::HashMap;
use std::sync::Arc;

/// Rules on the page; the command line lists all.
const ROWS_MAX: usize = 500;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/rules/health", get(list))
}

/// How one rule is, as pages show it: `{% include "rule_health_part.html" %}` takes it as `health: Option<HealthPart>`.
pub(crate) struct HealthPart {
    pub(crate) supply: Option<RuleSupply>,
    /// The field that fewest devices send.
    pub(crate) rarest: Option<FieldSupply>,
    pub(crate) last: Option<When>,
    pub(crate) matches_30d: u64,
    pub(crate) filtered_30d: u64,
    /// Filters that belong to the rule: the exclusion's page, and the title.
    pub(crate) filters: Vec<(Option<Href>, String)>,
    /// Time per event; empty when nobody knows.
    pub(crate) cost: String,
    /// The share of the work of all rules.
    pub(crate) share: String,
    pub(crate) asked_per_million: Option<u64>,
    /// Where an exclusion of this rule is made.
    pub(crate) exclude_href: Href,
}

impl HealthPart {
    fn of(page: &Page, health: &RuleHealth) -> Self {
        let fed = health.supply.as_ref().filter(|supply| supply.with_source > 0);
        let rarest = fed.and_then(|supply| supply.fields.first());
        // Nothing measured yet is not a cost of nothing.
        let cost = health.cost_ps_per_event.filter(|picoseconds| *picoseconds > 0);
        Self {
            rarest: rarest.filter(|field| field.percent < 100).cloned(),
            supply: health.supply.clone(),
            last: health.last_match.map(|at| page.when_short(at)),
            matches_30d: health.matches_30d,
            filtered_30d: health.filtered_30d,
            filters: Vec::new(),
            cost: cost.map(nanoseconds).unwrap_or_default(),
            share: health.cost_share.filter(|_| cost.is_some()).map(hundredths).unwrap_or_default(),
            asked_per_million: health.asked_per_million.filter(|_| cost.is_some()),
            exclude_href: Href::new("/rules/exclusions/new", &[("rule", &health.rule_id)]),
        }
    }
}

/// How a rule in force is, with the filters that belong to it; for the page of one rule.
pub(crate) async fn part(
    viewer: &Viewer,
    page: &Page,
    row: &RuleRow,
) -> Result<Option<HealthPart>, Fault> {
    let health = match viewer.control.rule_health_of(&viewer.actor, &row.rule.id).await {
        Ok(health) => health,
        Err(control::ControlError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut part = HealthPart::of(page, &health);
    if !row.rule.filters.is_empty() {
        let exclusions = viewer.control.rule_exclusions(&viewer.actor).await?;
        let active = exclusions.into_iter().filter(|one| one.state == ExclusionState::Active);
        let ids: HashMap<String, String> = active.map(|one| (one.filter_id, one.id)).collect();
        let filters = row.rule.filters.iter().map(|(filter_id, title)| {
            let href = |id: &String| Href::new(&format!("/rules/exclusions/{}", segment(id)), &[]);
            (ids.get(filter_id).map(href), title.clone())
        });
        part.filters = filters.collect();
    }
    Ok(Some(part))
}

/// `4.2 ns`.
fn nanoseconds(picoseconds: u64) -> String {
    format!("{}.{} ns", picoseconds / 1_000, picoseconds % 1_000 / 100)
}

/// `1.25%`.
fn hundredths(share: u32) -> String {
    format!("{}.{:02}%", share / 100, share % 100)
}

struct Line {
    title: String,
    href: Href,
    part: HealthPart,
    unfed: bool,
}

struct View {
    href: Href,
    label: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "rule_health.html")]
struct ListPage {
    page: Page,
    views: Vec<View>,
    lines: Vec<Line>,
    left_out: u64,
}

#[derive(serde::Deserialize)]
struct Wanted {
    #[serde(default)]
    view: String,
}

/// The ways to look at the list, with the keys of the words.
const VIEWS: [(&str, &str); 4] = [
    ("unfed", "rule-health-view-unfed"),
    ("loud", "rule-health-view-loud"),
    ("costly", "rule-health-view-costly"),
    ("silent", "rule-health-view-silent"),
];

/// `GET /rules/health`.
async fn list(viewer: Viewer, Query(wanted): Query<Wanted>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let rules = viewer.control.rules(&viewer.actor).await?.rows;
    let health = viewer.control.rule_health(&viewer.actor).await?;
    let known: HashMap<&str, &RuleHealth> =
        health.iter().map(|one| (one.rule_id.as_str(), one)).collect();
    let (view, _) = VIEWS.into_iter().find(|(name, _)| *name == wanted.view).unwrap_or(VIEWS[0]);
    let mut found: Vec<(&RuleRow, &RuleHealth)> =
        rules.iter().filter_map(|row| Some((row, *known.get(row.rule.id.as_str())?))).collect();
    let unfed = |health: &RuleHealth| health.supply.as_ref().is_some_and(|one| !one.is_whole());
    match view {
        "unfed" => found.retain(|(row, health)| row.rule.active && unfed(health)),
        "silent" => found.retain(|(row, health)| row.rule.active && health.last_match.is_none()),
        "costly" => found.sort_by_key(|(_, health)| std::cmp::Reverse(health.cost_ps_per_event)),
        _ => found.sort_by_key(|(_, health)| {
            std::cmp::Reverse((health.matches_30d, health.filtered_30d))
        }),
    }
    let left_out = found.len().saturating_sub(ROWS_MAX) as u64;
    let line = |(row, health): &(&RuleRow, &RuleHealth)| Line {
        title: rule_text::title(&row.rule.text, &row.rule.title, page.language()),
        href: Href::new(&format!("/rules/in-force/{}", segment(&row.rule.id)), &[]),
        part: HealthPart::of(&page, health),
        // A list of nothing else does not say it in every line.
        unfed: view != "unfed" && unfed(health),
    };
    let lines = found.iter().take(ROWS_MAX).map(line).collect();
    let views = VIEWS.into_iter().map(|(name, key)| View {
        href: Href::new("/rules/health", &[("view", name)]),
        label: page.t(key),
        chosen: name == view,
    });
    html(&ListPage { views: views.collect(), lines, left_out, page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_costs_are_readable() {
        assert_eq!(nanoseconds(4_250), "4.2 ns");
        assert_eq!(nanoseconds(90), "0.0 ns");
        assert_eq!(hundredths(125), "1.25%");
    }
}
