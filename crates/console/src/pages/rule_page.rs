//! One rule: its text, where it stands, what its canary did, its history; and the canary ring.

use crate::App;
use crate::diff::{Change, diff};
use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::pages::requests::Said;
use crate::pages::rule_health::{self, HealthPart};
use crate::pages::settings::to;
use crate::pairs::{self, Pairs};
use crate::render::{filters, html};
use crate::rule_text::{self, Line};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use case::rule_life::{Step, Stop, StopCause};
use control::view::backtest::RuleRow;
use control::view::rulebook::{CanaryRing, RuleHistory, RuleRevision, RuleStepRow};
use control::{ControlError, Permission};
use model::DeviceId;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/rules/canary", get(ring).post(choose_ring))
        .route("/rules/in-force/{id}", get(show))
        .route("/rules/in-force/{id}/move", post(take_step))
        .route("/rules/in-force/{id}/history", get(history))
        .route("/rules/in-force/{id}/take-up", post(take_up))
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    page: Page,
    said: Option<String>,
    problem: Option<String>,
    row: RuleRow,
    health: Option<HealthPart>,
    life: RuleHistory,
    since: Option<When>,
    canary_since: Option<When>,
    steps: Vec<Button>,
    may_stop: bool,
    revisions: Vec<RevisionLine>,
    taken: Vec<StepLine>,
    title: String,
    description: String,
    tags: Vec<String>,
    false_positives: Vec<String>,
    lines: Vec<Line>,
    revision: String,
    tests: String,
    alerts_href: Href,
    edit_href: Href,
}

/// A step that is offered.
struct Button {
    name: &'static str,
    label: String,
    primary: bool,
}

struct RevisionLine {
    revision: RuleRevision,
    at: When,
    compare_href: Option<Href>,
    newest: bool,
}

struct StepLine {
    step: RuleStepRow,
    at: When,
}

/// `GET /rules/in-force/{id}`.
async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let said = page.said(&said.said);
    rule_page(&viewer, &id, said, None).await
}

async fn rule_page(
    viewer: &Viewer,
    id: &str,
    said: Option<String>,
    problem: Option<String>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let row = viewer.control.rule(&viewer.actor, id).await?;
    let life = viewer.control.rule_history(&viewer.actor, id).await?;
    let health = rule_health::part(viewer, &page, &row).await?;
    let text = row.rule.text.clone();
    let newest = life.revisions.first().map(|revision| revision.number);
    let revisions = life.revisions.iter().map(|revision| RevisionLine {
        at: page.when_short(revision.saved_at),
        compare_href: (revision.number > 1).then(|| history_href(id, revision.number)),
        newest: Some(revision.number) == newest,
        revision: revision.clone(),
    });
    let taken = life.taken.iter();
    let taken =
        taken.map(|step| StepLine { at: page.when_short(step.at), step: step.clone() }).collect();
    html(&RulePage {
        health,
        said,
        problem,
        title: rule_text::title(&text, &row.rule.title, page.language()),
        description: rule_text::description(&text, page.language()),
        tags: rule_text::list(&text, "tags"),
        false_positives: rule_text::list(&text, "falsepositives"),
        lines: rule_text::lines(&text, &[]),
        revision: row.rule.revision.chars().take(12).collect(),
        tests: life.revisions.first().map(|newest| newest.tests.clone()).unwrap_or_default(),
        alerts_href: Href::new("/alerts", &[("rule", id), ("range", "30d")]),
        edit_href: Href::new(&format!("/rules/{}/edit", segment(id)), &[]),
        since: life.life.since.map(|since| page.when_short(since)),
        canary_since: life.canary.map(|canary| page.when_short(canary.since)),
        steps: life.steps.iter().filter_map(|step| button(&page, step)).collect(),
        may_stop: life.steps.iter().any(|step| matches!(step, Step::Stop(_))),
        revisions: revisions.collect(),
        taken,
        life,
        row,
        page,
    })
}

fn button(page: &Page, step: &Step) -> Option<Button> {
    let (name, primary) = match step {
        Step::Release => ("release", true),
        Step::Widen => ("widen", true),
        Step::Resume => ("resume", true),
        Step::Narrow => ("narrow", false),
        Step::Withdraw => ("withdraw", false),
        // It needs a reason, and has a form of its own.
        Step::Stop(_) => return None,
    };
    Some(Button { name, label: page.t(&format!("rules-step-{name}")), primary })
}

fn history_href(id: &str, number: i64) -> Href {
    let path = format!("/rules/in-force/{}/history", segment(id));
    Href::new(&path, &[("from", &(number - 1).to_string()), ("to", &number.to_string())])
}

pub(crate) fn rule_href(id: &str, said: &str) -> Href {
    Href::new(&format!("/rules/in-force/{}", segment(id)), &[("said", said)])
}

/// `POST /rules/in-force/{id}/move`.
async fn take_step(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(pairs): Sent<Pairs>,
) -> Result<Response, Fault> {
    let reason = pairs::one(&pairs, "reason").to_owned();
    let step = match pairs::one(&pairs, "step") {
        "release" => Step::Release,
        "widen" => Step::Widen,
        "narrow" => Step::Narrow,
        "withdraw" => Step::Withdraw,
        "resume" => Step::Resume,
        "stop" => Step::Stop(Stop {
            cause: StopCause::Person,
            reason_ja: reason.clone(),
            reason_en: reason,
        }),
        _ => return Err(Fault::NotFound),
    };
    match viewer.control.move_rule(&viewer.actor, &id, &step).await {
        Ok(()) => Ok(to(&rule_href(&id, "said-rule-moved"))),
        Err(error @ ControlError::RuleRefused(_)) => {
            let page = viewer.page(Section::Rules);
            let problem = crate::refusal::message(&error, page.language());
            rule_page(&viewer, &id, None, Some(problem)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /rules/in-force/{id}/take-up`: an earlier revision comes back as a new one.
async fn take_up(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(pairs): Sent<Pairs>,
) -> Result<Response, Fault> {
    let number = |name: &str| pairs::one(&pairs, name).parse::<i64>().unwrap_or(0);
    let (number, after) = (number("number"), number("after"));
    match viewer.control.take_up_revision(&viewer.actor, &id, number, after).await {
        Ok(_) => Ok(to(&rule_href(&id, "said-rule-saved"))),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let page = viewer.page(Section::Rules);
            let problem = crate::refusal::message(&error, page.language());
            rule_page(&viewer, &id, None, Some(problem)).await
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Template)]
#[template(path = "rule_history.html")]
struct HistoryPage {
    page: Page,
    title: String,
    back_href: Href,
    from: RevisionLine,
    to: RevisionLine,
    parts: Vec<(String, Vec<DiffLine>)>,
}

struct DiffLine {
    change: Change,
    text: String,
}

#[derive(serde::Deserialize)]
struct Compared {
    from: i64,
    to: i64,
}

/// `GET /rules/in-force/{id}/history`: two revisions side by side.
async fn history(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(compared): Query<Compared>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let from = viewer.control.rule_revision(&viewer.actor, &id, compared.from).await?;
    let to = viewer.control.rule_revision(&viewer.actor, &id, compared.to).await?;
    let part = |key: &str, old: &str, new: &str| {
        let line = |(change, text): (Change, &str)| DiffLine { change, text: text.to_owned() };
        (page.t(key), diff(old, new).into_iter().map(line).collect())
    };
    let parts =
        vec![part("rules-text", &from.text, &to.text), part("rules-tests", &from.tests, &to.tests)];
    let line = |revision: RuleRevision| RevisionLine {
        at: page.when_short(revision.saved_at),
        compare_href: None,
        newest: false,
        revision,
    };
    html(&HistoryPage {
        title: rule_text::title(&to.text, &to.title, page.language()),
        back_href: Href::new(&format!("/rules/in-force/{}", segment(&id)), &[]),
        from: line(from),
        to: line(to),
        parts,
        page,
    })
}

#[derive(Template)]
#[template(path = "rule_canary.html")]
struct CanaryPage {
    page: Page,
    said: Option<String>,
    ring: CanaryRing,
    reached: u64,
}

/// `GET /rules/canary`: on which devices rules that are tried raise alerts.
async fn ring(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let ring = viewer.control.canary_ring(&viewer.actor).await?;
    let reached = ring.devices.iter().filter(|device| device.reached).count() as u64;
    let said = page.said(&said.said);
    html(&CanaryPage { page, said, ring, reached })
}

/// `POST /rules/canary`.
async fn choose_ring(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let malformed = |_| Fault::Malformed("a device's identifier is malformed".to_owned());
    let devices: Vec<DeviceId> = pairs::many(&pairs, "device")
        .map(|text| DeviceId::parse(text).map_err(malformed))
        .collect::<Result<_, _>>()?;
    let names = |name| pairs::many(&pairs, name).map(str::to_owned).collect::<Vec<String>>();
    let (departments, groups) = (names("department"), names("group"));
    viewer.control.set_canary_ring(&viewer.actor, &devices, &departments, &groups).await?;
    Ok(to(&Href::new("/rules/canary", &[("said", "said-saved")])))
}

impl RulePage {
    fn may_edit(&self) -> bool {
        self.page.allows(Permission::EditRules)
    }

    /// The number that a change begins with.
    fn head(&self) -> i64 {
        self.life.revisions.first().map_or(0, |newest| newest.number)
    }
}
