//! The list of alerts.

use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::rows::{AlertLine, cursor_of, cursor_text};
use crate::pages::search_state::{ANY, PRESETS, SearchState};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use control::view::AlertFilter;
use model::{DeviceId, Level};

/// Characters of a rule's id in the URL.
const RULE_ID_CHARS_MAX: usize = 200;

/// What the URL asks for.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    level: String,
    device: String,
    rule: String,
    range: String,
    after: String,
}

/// An option of a select: value, label, chosen.
type Choice = (String, String, bool);

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    page: Page,
    alerts: Vec<AlertLine>,
    more: Option<Href>,
    levels: Vec<Choice>,
    devices: Vec<Choice>,
    ranges: Vec<Choice>,
    rule: String,
    filtered: bool,
}

#[derive(Template)]
#[template(path = "alerts_part.html")]
struct AlertsPart {
    page: Page,
    alerts: Vec<AlertLine>,
    more: Option<Href>,
}

/// `GET /alerts`, and its further rows for htmx.
pub(crate) async fn show(viewer: Viewer, Query(wanted): Query<Wanted>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Alerts);
    let filter = wanted.filter(&page);
    let filtered = filter != AlertFilter::default();
    let list = viewer.control.alerts(&viewer.actor, &filter).await?;
    let alerts = list.rows.iter().map(|row| AlertLine::of(&page, row)).collect();
    let more = list.next.map(|next| wanted.href_after(&cursor_text(&next)));
    if viewer.fragment {
        return html(&AlertsPart { page, alerts, more });
    }
    let devices = viewer.control.devices(&viewer.actor).await?;
    let devices = devices.iter().map(|device| {
        let id = device.id.to_string();
        let chosen = id == wanted.device;
        (id, device.name.clone(), chosen)
    });
    html(&AlertsPage {
        alerts,
        more,
        levels: levels(&page, &wanted),
        devices: devices.collect(),
        ranges: ranges(&page, &wanted.range, ANY),
        rule: wanted.rule,
        filtered,
        page,
    })
}

impl Wanted {
    fn filter(&self, page: &Page) -> AlertFilter {
        let state = SearchState { range: self.range.clone(), ..SearchState::default() };
        let rule = Some(&self.rule).filter(|rule| !rule.is_empty());
        AlertFilter {
            level_min: Level::of_name(&self.level),
            device: DeviceId::parse(&self.device).ok(),
            rule_id: rule.map(|rule| rule.chars().take(RULE_ID_CHARS_MAX).collect()),
            range: state.interval(page),
            after: cursor_of(&self.after),
        }
    }

    fn href_after(&self, after: &str) -> Href {
        let all = [
            ("level", self.level.as_str()),
            ("device", &self.device),
            ("rule", &self.rule),
            ("range", &self.range),
            ("after", after),
        ];
        let set: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Href::new("/alerts", &set)
    }
}

fn levels(page: &Page, wanted: &Wanted) -> Vec<Choice> {
    let mut out = vec![(String::new(), page.t("filter-level-any"), false)];
    for level in [Level::Low, Level::Medium, Level::High, Level::Critical] {
        let label = page.ts("filter-level-min", page.level(&level));
        out.push((level.name().to_owned(), label, wanted.level == level.name()));
    }
    out
}

/// The time ranges of a select; `none` is the value of the page's default, named "any time".
pub(crate) fn ranges(page: &Page, chosen: &str, none: &str) -> Vec<Choice> {
    let mut out = vec![(none.to_owned(), page.t("range-any"), chosen.is_empty() || chosen == none)];
    out.extend(preset_choices(page, chosen));
    out
}

/// The time ranges that end now.
pub(crate) fn preset_choices(page: &Page, chosen: &str) -> Vec<Choice> {
    PRESETS
        .iter()
        .map(|(name, _, key)| ((*name).to_owned(), page.t(key), *name == chosen))
        .collect()
}
