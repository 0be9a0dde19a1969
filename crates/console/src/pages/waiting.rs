//! What waits for a person in the software check: one line of counts, each a link. Part of the first page.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use case::finding::Status;
use case::request::State;
use control::Permission;
use control::view::findings::FindingFilter;
use control::view::requests::DeskFilter;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/waiting", get(show))
}

/// One count.
pub(crate) struct Waiting {
    /// What is counted, and the element's id.
    pub(crate) name: &'static str,
    /// Its words.
    pub(crate) label: String,
    /// How many.
    pub(crate) number: u64,
    /// Where they are.
    pub(crate) href: Href,
}

#[derive(Template)]
#[template(path = "waiting_part.html")]
struct WaitingPart {
    waiting: Vec<Waiting>,
}

/// `GET /waiting`: the counts alone, for the first page while it stays open.
async fn show(viewer: Viewer) -> Result<Response, Fault> {
    let page = viewer.page(Section::Today);
    let waiting = waiting(&viewer, &page).await?;
    html(&WaitingPart { waiting })
}

/// The counts that the person may see.
pub(crate) async fn waiting(viewer: &Viewer, page: &Page) -> Result<Vec<Waiting>, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let mut all = Vec::new();
    let mut add = |name: &'static str, key: &str, number: u64, href: Href| {
        all.push(Waiting { name, label: page.t(key), number, href });
    };
    if actor.may(Permission::ReadRequests) {
        let desk = control.desk(actor, &DeskFilter::default()).await?;
        // A question waits for the requester, not for us.
        let ours = desk.counts.iter().filter(|(state, _)| *state != State::NeedsInfo);
        let requests = ours.map(|(_, number)| number).sum();
        add("requests", "waiting-requests", requests, Href::new("/desk", &[]));
        add("rechecks", "waiting-rechecks", desk.rechecks, Href::new("/desk/rechecks", &[]));
    }
    if actor.may(Permission::ReadFindings) {
        let open = control.findings(actor, &FindingFilter::default()).await?;
        let findings = open.by_kind.iter().map(|(_, number)| number).sum();
        let disputed = open.by_status.iter().filter(|(status, _)| *status == Status::Disputed);
        let disputed = disputed.map(|(_, number)| number).sum();
        let drafts = FindingFilter { drafts: true, ..FindingFilter::default() };
        let drafts = control.findings(actor, &drafts).await?;
        let drafts = drafts.by_kind.iter().map(|(_, number)| number).sum();
        add("findings", "waiting-findings", findings, Href::new("/findings", &[]));
        let href = Href::new("/findings", &[("status", Status::Disputed.name())]);
        add("disputed", "waiting-disputed", disputed, href);
        add("drafts", "waiting-drafts", drafts, Href::new("/findings", &[("drafts", "yes")]));
    }
    if actor.may(Permission::ReadInventory) {
        let state = control.inventory_state(actor).await?;
        let href = Href::new("/software/candidates", &[]);
        add("candidates", "waiting-candidates", state.candidates, href);
        add("held", "waiting-held", state.held, Href::new("/software", &[]));
    }
    Ok(all)
}
