//! Exclusions of rules: the list, and one with what it took away.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::pages::requests::Said;
use crate::pages::rule_exclusion_form;
use crate::pages::settings::to;
use crate::pairs::{Pairs, one};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::get;
use control::view::rule_exclusions::{ExclusionState, RuleExclusionRow, RuleExclusionView};
use std::sync::Arc;

/// An end within so many days is pointed at.
const SOON_NS: i64 = 14 * DAY_NS;
const DAY_NS: i64 = 86_400_000_000_000;
/// What extending offers.
const EXTENDED_NS: i64 = 90 * DAY_NS;
/// Characters of a reason on the list.
const REASON_CHARS_MAX: usize = 120;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/rules/exclusions", get(list))
        .route("/rules/exclusions/{id}", get(show))
        .route("/rules/exclusions/{id}/{action}", get(rule_exclusion_form::edit).post(act))
        .merge(rule_exclusion_form::routes())
}

/// An exclusion as it is shown.
struct Line {
    row: RuleExclusionRow,
    reason: String,
    last: Option<When>,
    soon: bool,
}

impl Line {
    fn of(page: &Page, row: RuleExclusionRow) -> Self {
        Self {
            reason: crate::show::shortened(&row.reason, REASON_CHARS_MAX).into_owned(),
            last: row.hits.last_at.map(|at| page.when_short(at)),
            soon: row.state == ExclusionState::Active
                && row.expires_at.nanos().saturating_sub(page.now.nanos()) < SOON_NS,
            row,
        }
    }

    fn in_force(&self) -> bool {
        self.row.state == ExclusionState::Active
    }

    fn can_change(&self) -> bool {
        self.row.state != ExclusionState::Ended
    }
}

#[derive(Template)]
#[template(path = "rule_exclusions.html")]
struct ListPage {
    page: Page,
    said: Option<String>,
    lines: Vec<Line>,
}

/// `GET /rules/exclusions`.
async fn list(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let rows = viewer.control.rule_exclusions(&viewer.actor).await?;
    let lines = rows.into_iter().map(|row| Line::of(&page, row)).collect();
    html(&ListPage { said: page.said(&said.said), lines, page })
}

/// A rule to go to.
struct RuleLink {
    href: Href,
    label: String,
}

impl RuleLink {
    fn of(id: &str, title: Option<&str>) -> Self {
        Self {
            href: Href::new(&format!("/rules/in-force/{}", segment(id)), &[]),
            label: title.unwrap_or(id).to_owned(),
        }
    }
}

#[derive(Template)]
#[template(path = "rule_exclusion.html")]
struct OnePage {
    page: Page,
    said: Option<String>,
    problem: Option<String>,
    line: Line,
    rules: Vec<RuleLink>,
    days: Vec<(String, u64)>,
    by_rule: Vec<(RuleLink, u64)>,
    lines: Vec<String>,
    extended: String,
}

impl OnePage {
    async fn of(
        viewer: &Viewer,
        page: Page,
        view: RuleExclusionView,
        said: &str,
        problem: Option<String>,
    ) -> Result<Self, Fault> {
        let later = page.now.nanos().max(view.row.expires_at.nanos()) + EXTENDED_NS;
        let rules = viewer.control.rules(&viewer.actor).await?.rows;
        let title_of = |id: &str| {
            let known = rules.iter().find(|row| row.rule.id == id);
            known.map(|row| row.rule.title.as_str())
        };
        let by_rule = view.by_rule.iter();
        Ok(Self {
            rules: view.row.rules.iter().map(|id| RuleLink::of(id, title_of(id))).collect(),
            by_rule: by_rule
                .map(|(id, title, hits)| (RuleLink::of(id, title.as_deref()), *hits))
                .collect(),
            lines: view.document.lines().map(str::to_owned).collect(),
            extended: page.day_input(model::Timestamp::from_nanos(later)),
            said: page.said(said),
            line: Line::of(&page, view.row),
            days: view.days,
            problem,
            page,
        })
    }
}

/// `GET /rules/exclusions/{id}`.
async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let view = viewer.control.rule_exclusion(&viewer.actor, &id).await?;
    html(&OnePage::of(&viewer, page, view, &said.said, None).await?)
}

/// `POST /rules/exclusions/{id}/extend|end|edit`.
async fn act(
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
    Sent(pairs): Sent<Pairs>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let (control, actor) = (&viewer.control, &viewer.actor);
    let reason = one(&pairs, "reason");
    let done = match action.as_str() {
        "edit" => return rule_exclusion_form::change(viewer, &id, &pairs).await,
        "extend" => {
            let until = page.end_of_day(one(&pairs, "until"))?;
            let until = until.ok_or_else(|| Fault::Malformed("a day is needed".to_owned()))?;
            control.extend_rule_exclusion(actor, &id, until, reason).await
        }
        "end" => control.end_rule_exclusion(actor, &id, reason).await,
        _ => return Err(Fault::NotFound),
    };
    match done {
        Ok(()) => {
            let path = format!("/rules/exclusions/{}", segment(&id));
            Ok(to(&Href::new(&path, &[("said", "said-saved")])))
        }
        Err(control::ControlError::RuleFault(fault)) => {
            let error = control::ControlError::RuleFault(fault);
            let problem = crate::refusal::message(&error, page.language());
            let view = control.rule_exclusion(actor, &id).await?;
            html(&OnePage::of(&viewer, page, view, "", Some(problem)).await?)
        }
        Err(error) => Err(error.into()),
    }
}
