//! The list of alerts, one by one; folded into findings it is the page of [`super::detections`].

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
    pub(crate) level: String,
    pub(crate) device: String,
    pub(crate) rule: String,
    pub(crate) range: String,
    pub(crate) after: String,
    /// [`SINGLE`], or folded.
    pub(crate) view: String,
    /// The state of findings; `mine`; empty: those that are open.
    pub(crate) status: String,
}

/// The value of `view` that shows alerts one by one.
const SINGLE: &str = "single";

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
    folded_href: Href,
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
    if wanted.view != SINGLE {
        return super::detections::list(viewer, wanted).await;
    }
    let page = viewer.page(Section::Alerts);
    let filter = wanted.filter(&page);
    let filtered = filter != AlertFilter::default();
    let list = viewer.control.alerts(&viewer.actor, &filter).await?;
    let alerts = list.rows.iter().map(|row| AlertLine::of(&page, row)).collect();
    let more = list.next.map(|next| wanted.href_after(&cursor_text(&next)));
    if viewer.fragment {
        return html(&AlertsPart { page, alerts, more });
    }
    html(&AlertsPage {
        alerts,
        more,
        levels: wanted.levels(&page),
        devices: wanted.devices(&viewer).await?,
        ranges: wanted.ranges(&page),
        folded_href: wanted.href_folded(),
        rule: wanted.rule,
        filtered,
        page,
    })
}

impl Wanted {
    pub(crate) fn filter(&self, page: &Page) -> AlertFilter {
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

    /// Whether anything but the state of findings is asked for.
    pub(crate) fn is_filtered(&self) -> bool {
        [&self.level, &self.device, &self.rule, &self.range, &self.status]
            .iter()
            .any(|value| !value.is_empty() && **value != ANY)
    }

    pub(crate) fn href_after(&self, after: &str) -> Href {
        self.href(&self.view, &self.status, after)
    }

    /// The same with findings of another state.
    pub(crate) fn href_with_status(&self, status: &str) -> Href {
        self.href("", status, "")
    }

    /// The same, one by one.
    pub(crate) fn href_single(&self) -> Href {
        self.href(SINGLE, "", "")
    }

    /// The same, folded.
    pub(crate) fn href_folded(&self) -> Href {
        self.href("", "", "")
    }

    fn href(&self, view: &str, status: &str, after: &str) -> Href {
        let all = [
            ("view", view),
            ("status", status),
            ("level", self.level.as_str()),
            ("device", &self.device),
            ("rule", &self.rule),
            ("range", &self.range),
            ("after", after),
        ];
        let set: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Href::new("/alerts", &set)
    }

    pub(crate) fn levels(&self, page: &Page) -> Vec<Choice> {
        let mut out = vec![(String::new(), page.t("filter-level-any"), false)];
        for level in [Level::Low, Level::Medium, Level::High, Level::Critical] {
            let label = page.ts("filter-level-min", page.level(&level));
            out.push((level.name().to_owned(), label, self.level == level.name()));
        }
        out
    }

    pub(crate) async fn devices(&self, viewer: &Viewer) -> Result<Vec<Choice>, Fault> {
        let devices = viewer.control.devices(&viewer.actor).await?;
        let choice = |device: &control::view::DeviceRow| {
            let id = device.id.to_string();
            let chosen = id == self.device;
            (id, device.name.clone(), chosen)
        };
        Ok(devices.iter().map(choice).collect())
    }

    pub(crate) fn ranges(&self, page: &Page) -> Vec<Choice> {
        ranges(page, &self.range, ANY)
    }
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
