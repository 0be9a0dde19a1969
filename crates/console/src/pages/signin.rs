//! Sign-in by name and password, or by a one-time link that an administrator or the server's own command line
//! makes.
//!
//! Opening the link only shows a button: previews of links and virus scanners open links too, and must not
//! use the token up.

use crate::App;
use crate::cookie;
use crate::fault::Fault;
use crate::page::Page;
use crate::pages::settings::to;
use crate::render::{filters, html};
use crate::session::{self, Peer, Visitor};
use crate::url::Href;
use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use control::{ControlError, NewSession};
use std::sync::Arc;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Characters of a token that are looked at; ours are shorter.
const TOKEN_CHARS_MAX: usize = 200;

/// What the link and the form carry.
#[derive(serde::Deserialize)]
pub(crate) struct Token {
    #[serde(default)]
    token: String,
}

#[derive(Template)]
#[template(path = "signin.html")]
struct SignInPage {
    page: Page,
    /// The token of the link, when there is one to use.
    token: Option<String>,
    /// Whether a token was just refused.
    refused: bool,
    /// The name that was typed beside a password that was refused, and why.
    problem: Option<(String, String)>,
}

/// `GET /signin?token=…`.
pub(crate) async fn ask(
    Visitor { page }: Visitor,
    Query(Token { token }): Query<Token>,
) -> Result<Response, Fault> {
    let mut page = page;
    // The token must not come back in the hidden field of the settings' forms, nor stay in the history.
    page.here = "/signin".to_owned();
    let token = (!token.is_empty() && token.len() <= TOKEN_CHARS_MAX).then_some(token);
    html(&SignInPage { page, token, refused: false, problem: None })
}

/// `POST /signin`.
pub(crate) async fn enter(
    State(app): State<Arc<App>>,
    Visitor { page }: Visitor,
    Form(Token { token }): Form<Token>,
) -> Result<Response, Fault> {
    let session = match app.control.sign_in(&token).await {
        Ok(session) => session,
        Err(ControlError::SignInRefused { reason }) => {
            tracing::info!(reason, "sign-in refused");
            let shown = SignInPage { page, token: None, refused: true, problem: None };
            let mut response = html(&shown)?;
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            return Ok(response);
        }
        Err(error) => return Err(error.into()),
    };
    signed_in(&app, &page, &session)
}

/// A name and its password.
#[derive(serde::Deserialize)]
pub(crate) struct Password {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

/// `POST /signin/password`.
pub(crate) async fn enter_with_password(
    State(app): State<Arc<App>>,
    Visitor { page }: Visitor,
    Peer(peer): Peer,
    Form(given): Form<Password>,
) -> Result<Response, Fault> {
    let name = given.name.trim();
    let session = match app.control.sign_in_with_password(name, &given.password, peer).await {
        Ok(session) => session,
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let words = crate::refusal::message(&error, page.language());
            let problem = Some((given.name, words));
            let mut response = html(&SignInPage { page, token: None, refused: false, problem })?;
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            return Ok(response);
        }
        Err(error) => return Err(error.into()),
    };
    signed_in(&app, &page, &session)
}

fn signed_in(app: &App, page: &Page, session: &NewSession) -> Result<Response, Fault> {
    let age = session.expires_at.nanos().saturating_sub(page.now.nanos()) / NANOS_PER_SECOND;
    let name = cookie::session_name(app.secure_cookies);
    let cookie = cookie::write(name, &session.secret, age.max(0), app.secure_cookies)
        .ok_or_else(|| Fault::Malformed("session secret is no cookie value".to_owned()))?;
    let mut response = to(&Href::new("/", &[]));
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `POST /signout`.
pub(crate) async fn leave(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    session::end(&headers, &app).await?;
    let mut response = to(&Href::new("/signin", &[]));
    let name = cookie::session_name(app.secure_cookies);
    if let Some(cookie) = cookie::write(name, "", 0, app.secure_cookies) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
