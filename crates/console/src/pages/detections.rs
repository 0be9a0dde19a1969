//! Findings of rules: the alerts of one rule folded into one, and what people make of it.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::alerts::Wanted;
use crate::pages::requests::Said;
use crate::pages::rows::AlertLine;
use crate::pages::settings::to;
use crate::pages::timeline::timeline_href;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::show;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use case::detection::{Status, Verdict};
use control::view::TimeRange;
use control::view::detections::{
    DetectionCursor, DetectionFilter, DetectionPage as DetectionView, DetectionRow, DetectionStep,
};
use model::{Level, Tactic, Timestamp};
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/detections/{id}", get(show)).route("/detections/{id}/{action}", post(act))
}

/// How much of the story is shown around a finding's alerts.
const AROUND_NANOS: i64 = 10 * 60 * 1_000_000_000;
/// A finding's story ends with its newest alert and begins at most this long before.
const STORY_NANOS: i64 = 24 * 3_600 * 1_000_000_000;
/// Devices of a finding whose story is told together; a link must stay a link.
const STORY_DEVICES_MAX: usize = 20;

/// One line of a list of findings.
pub(crate) struct DetectionLine {
    pub(crate) href: Href,
    pub(crate) title: String,
    pub(crate) level: Level,
    pub(crate) row: DetectionRow,
}

impl DetectionLine {
    pub(crate) fn of(page: &Page, row: DetectionRow) -> Self {
        Self {
            href: detection_href(&row.id),
            title: page.either(&row.title_ja, &row.title).to_owned(),
            level: row.level,
            row,
        }
    }
}

/// The page of a finding.
pub(crate) fn detection_href(id: &str) -> Href {
    Href::new(&format!("/detections/{}", segment(id)), &[])
}

/// A chip of the list: link, label, number, whether it is the one chosen.
type Chip = (Href, String, u64, bool);

/// An option of a select: value, label, chosen.
type Choice = (String, String, bool);

#[derive(Template)]
#[template(path = "detections.html")]
struct DetectionsPage {
    page: Page,
    chips: Vec<Chip>,
    rows: Vec<DetectionLine>,
    more: Option<Href>,
    filtered: bool,
    here: Href,
    single_href: Href,
    wanted: Wanted,
    levels: Vec<Choice>,
    devices: Vec<Choice>,
    ranges: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "detections_part.html")]
struct DetectionsPart {
    page: Page,
    chips: Vec<Chip>,
    rows: Vec<DetectionLine>,
    more: Option<Href>,
    filtered: bool,
}

/// `GET /alerts`, folded; the live part for htmx.
pub(crate) async fn list(viewer: Viewer, wanted: Wanted) -> Result<Response, Fault> {
    let page = viewer.page(Section::Alerts);
    let filter = filter(&page, &wanted);
    let found = viewer.control.detections(&viewer.actor, &filter).await?;
    let counts = viewer.control.detection_counts(&viewer.actor).await?;
    let more = found.next.as_ref().map(|next| wanted.href_after(&cursor_text(next)));
    let rows = found.rows.into_iter().map(|row| DetectionLine::of(&page, row)).collect();
    let open = counts.new + counts.in_progress;
    let chip = |status: &str, key: &str, number: u64| {
        let chosen = wanted.status == status;
        (wanted.href_with_status(status), page.t(key), number, chosen)
    };
    let chips = vec![
        chip("", "detections-open", open),
        chip("new", "detections-new", counts.new),
        chip("in_progress", "detections-progress", counts.in_progress),
        chip("mine", "detections-mine", counts.mine),
        chip("closed", "detections-closed", counts.closed),
    ];
    let filtered = wanted.is_filtered();
    if viewer.fragment {
        return html(&DetectionsPart { page, chips, rows, more, filtered });
    }
    html(&DetectionsPage {
        chips,
        rows,
        more,
        filtered,
        here: wanted.href_after(&wanted.after),
        single_href: wanted.href_single(),
        levels: wanted.levels(&page),
        devices: wanted.devices(&viewer).await?,
        ranges: wanted.ranges(&page),
        wanted,
        page,
    })
}

fn filter(page: &Page, wanted: &Wanted) -> DetectionFilter {
    let of_alerts = wanted.filter(page);
    DetectionFilter {
        status: Status::of_name(&wanted.status),
        level_min: of_alerts.level_min,
        device: of_alerts.device,
        rule_id: of_alerts.rule_id,
        since: of_alerts.range.map(|range| range.from),
        mine: wanted.status == "mine",
        after: cursor_of(&wanted.after),
    }
}

fn cursor_text(cursor: &DetectionCursor) -> String {
    format!("{}~{}~{}", cursor.level.name(), cursor.last_at.nanos(), cursor.id)
}

fn cursor_of(text: &str) -> Option<DetectionCursor> {
    let mut parts = text.splitn(3, '~');
    let level = Level::of_name(parts.next()?)?;
    let last_at = Timestamp::from_nanos(parts.next()?.parse().ok()?);
    Some(DetectionCursor { level, last_at, id: parts.next()?.to_owned() })
}

#[derive(Template)]
#[template(path = "detection.html")]
struct DetectionPage {
    page: Page,
    said: Option<String>,
    problem: Option<String>,
    line: DetectionLine,
    view: DetectionView,
    alerts: Vec<AlertLine>,
    timeline_href: Href,
    alerts_href: Href,
    exclusion: Option<Href>,
    /// Whether the person may take steps.
    works: bool,
    open: bool,
    verdicts: Vec<(Verdict, String, String)>,
}

/// `GET /detections/{id}`.
async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Result<Response, Fault> {
    let view = viewer.control.detection(&viewer.actor, &id).await?;
    let page = viewer.page(Section::Alerts);
    let said = page.said(&said.said);
    html(&detection_page(page, view, said, None))
}

fn detection_page(
    page: Page,
    view: DetectionView,
    said: Option<String>,
    problem: Option<String>,
) -> DetectionPage {
    let line = DetectionLine::of(&page, view.row.clone());
    let row = &line.row;
    let to = row.last_at.plus_nanos(AROUND_NANOS);
    let from = row.first_at.max(row.last_at.plus_nanos(-STORY_NANOS)).plus_nanos(-AROUND_NANOS);
    let devices: Vec<_> =
        view.devices.iter().take(STORY_DEVICES_MAX).map(|one| one.device).collect();
    let closed_wrong = row.state.now.verdict == Some(Verdict::FalsePositive);
    let may_exclude = page.allows(control::Permission::EditRules);
    let exclusion = (closed_wrong && may_exclude).then(|| exclusion_href(&view));
    let verdict = |verdict: Verdict| {
        let note = page.t(&format!("detection-verdict-{}-note", verdict.name().replace('_', "-")));
        (verdict, page.word("detection-verdict", verdict.name()), note)
    };
    DetectionPage {
        said,
        problem,
        alerts: view.alerts.iter().map(|row| AlertLine::of(&page, row)).collect(),
        timeline_href: timeline_href(&devices, TimeRange { from, to }),
        alerts_href: Href::new("/alerts", &[("view", "single"), ("rule", &row.rule_id)]),
        exclusion,
        works: page.allows(control::Permission::WorkFindings),
        open: row.state.now.status != Status::Closed,
        verdicts: Verdict::ALL.map(verdict).to_vec(),
        line,
        view,
        page,
    }
}

/// The form of an exclusion of the rule, filled in from the newest alert.
fn exclusion_href(view: &DetectionView) -> Href {
    let sample = view.row.sample.to_string();
    let mut parameters = vec![("rule", view.row.rule_id.as_str()), ("alert", sample.as_str())];
    let newest = view.alerts.first();
    for (field, value) in [
        ("Image", newest.and_then(|alert| alert.image.as_deref())),
        ("CommandLine", newest.and_then(|alert| alert.command_line.as_deref())),
    ] {
        if let Some(value) = value.filter(|value| value.len() <= EXCLUSION_VALUE_BYTES_MAX) {
            parameters.extend([("field", field), ("value", value)]);
        }
    }
    Href::new("/rules/exclusions/new", &parameters)
}

#[derive(serde::Deserialize)]
struct Given {
    #[serde(default)]
    revision: i64,
    #[serde(default)]
    person: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    reason: String,
}

/// `POST /detections/{id}/{action}`.
async fn act(
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
    Sent(given): Sent<Given>,
) -> Result<Response, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let (revision, reason) = (given.revision, given.reason.trim());
    let outcome = match action.as_str() {
        "take" => control.assign_detection(actor, &id, revision, None).await,
        "assign" => control.assign_detection(actor, &id, revision, Some(&given.person)).await,
        "release" => control.release_detection(actor, &id, revision).await,
        "close" => {
            let verdict = Verdict::of_name(&given.verdict)
                .ok_or_else(|| Fault::Malformed("unknown verdict".to_owned()))?;
            control.close_detection(actor, &id, revision, verdict, reason).await
        }
        "reopen" => control.reopen_detection(actor, &id, revision, reason).await,
        "undo" => control.undo_detection(actor, &id, revision).await,
        _ => return Err(Fault::NotFound),
    };
    match outcome {
        Ok(()) => {
            let path = format!("/detections/{}", segment(&id));
            Ok(to(&Href::new(&path, &[("said", "said-detection")])))
        }
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let page = viewer.page(Section::Alerts);
            let problem = crate::refusal::message(&error, page.language());
            let view = control.detection(actor, &id).await?;
            html(&detection_page(page, view, None, Some(problem)))
        }
        Err(error) => Err(error.into()),
    }
}

impl Page {
    /// A tactic's name.
    pub(crate) fn tactic(&self, tactic: &Tactic) -> &'static str {
        match self.language() {
            crate::language::Language::Ja => tactic.label_ja(),
            crate::language::Language::En => tactic.label_en(),
        }
    }

    /// Points of a risk: whole ones, but for the little that is left of an old one.
    pub(crate) fn points(&self, points: &f64) -> String {
        if *points < 0.95 {
            return format!("{points:.1}");
        }
        // Points are far below the limits of a whole number.
        show::count(points.round().clamp(0.0, 1e15) as u64)
    }

    /// What somebody did with a finding: `verdict: reason` with the verdict in words.
    pub(crate) fn detection_detail(&self, step: &DetectionStep) -> String {
        let verdict = step.detail.split_once(": ").filter(|_| step.cause == "closed");
        match verdict.and_then(|(name, reason)| Some((Verdict::of_name(name)?, reason))) {
            Some((verdict, reason)) => {
                format!("{} — {reason}", self.word("detection-verdict", verdict.name()))
            }
            None => step.detail.clone(),
        }
    }
}

/// Bytes of a value that the link to the form of an exclusion carries.
const EXCLUSION_VALUE_BYTES_MAX: usize = 1_024;
