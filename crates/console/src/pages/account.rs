//! One's own password.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::requests::Said;
use crate::pages::settings::to;
use crate::render::{filters, html};
use crate::session::{self, Peer, Viewer};
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/account", get(show).post(change))
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    page: Page,
    said: Option<String>,
    has_password: bool,
    problem: Option<String>,
}

/// `GET /account`.
async fn show(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::None);
    let said = page.said(&said.said);
    html(&AccountPage { said, has_password: viewer.actor.has_password(), problem: None, page })
}

#[derive(serde::Deserialize)]
struct Passwords {
    #[serde(default)]
    current: String,
    #[serde(default)]
    new: String,
    #[serde(default)]
    again: String,
}

/// `POST /account`.
async fn change(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Peer(peer): Peer,
    headers: HeaderMap,
    Sent(given): Sent<Passwords>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::None);
    let has_password = viewer.actor.has_password();
    let refused = |page: Page, problem: String| {
        let mut response =
            html(&AccountPage { page, said: None, has_password, problem: Some(problem) })?;
        *response.status_mut() = StatusCode::BAD_REQUEST;
        Ok(response)
    };
    if given.new != given.again {
        let problem = page.t("account-differ");
        return refused(page, problem);
    }
    let secret = session::secret(&headers, &app).ok_or(Fault::SignInNeeded)?;
    let current = (!given.current.is_empty()).then_some(given.current.as_str());
    match viewer.control.set_password(&viewer.actor, secret, current, &given.new, peer).await {
        Ok(()) => Ok(to(&Href::new("/account", &[("said", "said-password-set")]))),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem = crate::refusal::message(&error, page.language());
            refused(page, problem)
        }
        Err(error) => Err(error.into()),
    }
}
