//! Findings: software that needs somebody, each with its proof, its messages and what can be done.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::requests::Said;
use crate::pages::settings::to;
use crate::pairs::unix_lines;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use case::finding::{Kind, Ruling, Status};
use control::ControlError;
use control::view::findings::{
    DraftView, FindingCursor, FindingFilter, FindingPage as FindingView, FindingRow,
};
use model::{DeviceId, Timestamp};
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/findings", get(list))
        .route("/findings/{id}", get(show))
        .route("/findings/{id}/{action}", post(act))
}

#[derive(serde::Deserialize)]
struct Chosen {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    closed: String,
    #[serde(default)]
    device: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    drafts: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    said: String,
}

#[derive(Template)]
#[template(path = "findings.html")]
struct FindingsPage {
    page: Page,
    said: Option<String>,
    rows: Vec<FindingRow>,
    kinds: Vec<(Href, String, u64, bool)>,
    statuses: Vec<(String, String, bool)>,
    words: String,
    closed: bool,
    drafts: bool,
    filtered: bool,
    more: Option<Href>,
}

/// `GET /findings`.
async fn list(viewer: Viewer, Query(chosen): Query<Chosen>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let filter = FindingFilter {
        kind: Kind::of_name(&chosen.kind),
        status: Status::of_name(&chosen.status),
        closed: chosen.closed == "yes",
        device: DeviceId::parse(&chosen.device).ok(),
        subject: (!chosen.subject.is_empty()).then(|| chosen.subject.clone()),
        words: chosen.q.trim().to_owned(),
        drafts: chosen.drafts == "yes",
        after: cursor(&chosen.after),
    };
    let found = viewer.control.findings(&viewer.actor, &filter).await?;
    let link = |kind: &str, after: &str| {
        Href::new(
            "/findings",
            &[
                ("kind", kind),
                ("status", &chosen.status),
                ("closed", &chosen.closed),
                ("device", &chosen.device),
                ("subject", &chosen.subject),
                ("q", &chosen.q),
                ("drafts", &chosen.drafts),
                ("after", after),
            ],
        )
    };
    let all: u64 = found.by_kind.iter().map(|(_, number)| number).sum();
    let mut kinds = vec![(link("", ""), page.t("findings-all"), all, filter.kind.is_none())];
    kinds.extend(found.by_kind.iter().map(|(kind, number)| {
        let label = page.finding_kind(kind).to_owned();
        (link(kind.name(), ""), label, *number, filter.kind == Some(*kind))
    }));
    let mut statuses =
        vec![(String::new(), page.t("findings-any-status"), filter.status.is_none())];
    statuses.extend(Status::ALL.iter().map(|status| {
        let label = page.finding_status(status).to_owned();
        (status.name().to_owned(), label, filter.status == Some(*status))
    }));
    let more = found
        .next
        .map(|next| link(&chosen.kind, &format!("{}~{}", next.opened_at.nanos(), next.id)));
    let filtered = filter.kind.is_some()
        || filter.status.is_some()
        || filter.device.is_some()
        || filter.subject.is_some()
        || filter.drafts
        || !filter.words.is_empty();
    html(&FindingsPage {
        said: page.said(&chosen.said),
        rows: found.rows,
        kinds,
        statuses,
        words: filter.words,
        closed: filter.closed,
        drafts: filter.drafts,
        filtered,
        more,
        page,
    })
}

fn cursor(text: &str) -> Option<FindingCursor> {
    let (at, id) = text.split_once('~')?;
    let opened_at = Timestamp::from_nanos(at.parse().ok()?);
    Some(FindingCursor { opened_at, id: id.to_owned() })
}

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingPage {
    page: Page,
    said: Option<String>,
    problem: Option<String>,
    view: FindingView,
    device_href: Href,
}

/// `GET /findings/{id}`.
async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Result<Response, Fault> {
    let said = viewer.page(Section::Software).said(&said.said);
    finding_page(&viewer, &id, said, None, None).await
}

/// The page; with a draft of a message that was asked for or refused, and why something was refused.
async fn finding_page(
    viewer: &Viewer,
    id: &str,
    said: Option<String>,
    problem: Option<String>,
    draft: Option<DraftView>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let mut view = viewer.control.finding(&viewer.actor, id).await?;
    view.draft = draft.or(view.draft);
    let device_href = super::rows::device_href(view.row.device);
    html(&FindingPage { page, said, problem, view, device_href })
}

#[derive(serde::Deserialize)]
struct Given {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    ruling: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body: String,
}

/// `POST /findings/{id}/{action}`.
async fn act(
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
    Sent(given): Sent<Given>,
) -> Result<Response, Fault> {
    if action == "draft" {
        // It is not stored: it becomes a message when somebody sends it.
        return match viewer.control.draft_message(&viewer.actor, &id).await {
            Ok(draft) => finding_page(&viewer, &id, None, None, Some(draft)).await,
            Err(error) => refused(&viewer, &id, error, None).await,
        };
    }
    match step(&viewer, &id, &action, &given).await {
        Ok(said) => {
            let path = format!("/findings/{}", segment(&id));
            Ok(to(&Href::new(&path, &[("said", said)])))
        }
        Err(Fault::Control(error)) => {
            let sent = (action == "send").then_some(given);
            refused(&viewer, &id, error, sent).await
        }
        Err(fault) => Err(fault),
    }
}

/// The page with why something was refused; a message that was not sent stays as it was written.
async fn refused(
    viewer: &Viewer,
    id: &str,
    error: ControlError,
    sent: Option<Given>,
) -> Result<Response, Fault> {
    if !crate::refusal::is_about_the_form(&error) {
        return Err(error.into());
    }
    let language = viewer.page(Section::Software).language();
    let problem = Some(crate::refusal::message(&error, language));
    let mut draft = None;
    if let Some(Given { subject, body, .. }) = sent {
        let made = viewer.control.draft_message(&viewer.actor, id).await.ok();
        draft = made.map(|made| DraftView { subject, body, ..made });
    }
    finding_page(viewer, id, None, problem, draft).await
}

/// Does it; what is said afterwards.
async fn step(
    viewer: &Viewer,
    id: &str,
    action: &str,
    given: &Given,
) -> Result<&'static str, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let page = viewer.page(Section::Software);
    let reason = given.reason.trim();
    Ok(match action {
        "dispute" => {
            let ruling = Ruling::of_name(&given.ruling)
                .ok_or_else(|| Fault::Malformed("unknown ruling".to_owned()))?;
            control.rule_on_dispute(actor, id, ruling, reason).await?;
            "said-saved"
        }
        "accept-risk" => {
            let until = page
                .end_of_day(&given.until)?
                .ok_or_else(|| Fault::Malformed("a day is needed".to_owned()))?;
            control.accept_risk(actor, id, until, reason).await?;
            "said-saved"
        }
        "end-risk" => {
            control.end_risk(actor, id, reason).await?;
            "said-saved"
        }
        "send" => {
            control.send_draft(actor, id, given.subject.trim(), &unix_lines(&given.body)).await?;
            "said-sent"
        }
        _ => return Err(Fault::NotFound),
    })
}
