//! The outbox: every message, to whom, by whom, and what became of it.

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
use control::view::people::{MessageRow, MessageState};
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/outbox", get(show))
}

#[derive(serde::Deserialize)]
struct Chosen {
    #[serde(default)]
    state: String,
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage {
    page: Page,
    states: Vec<(Href, String, bool)>,
    rows: Vec<MessageRow>,
}

/// `GET /outbox`.
async fn show(viewer: Viewer, Query(chosen): Query<Chosen>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let state = MessageState::of_name(&chosen.state);
    let rows = viewer.control.outbox(&viewer.actor, state).await?;
    let mut states = vec![(Href::new("/outbox", &[]), page.t("outbox-all"), state.is_none())];
    states.extend(MessageState::ALL.into_iter().map(|one| {
        let href = Href::new("/outbox", &[("state", one.name())]);
        (href, page.word("message", one.name()), state == Some(one))
    }));
    html(&OutboxPage { page, states, rows })
}
