//! Language, colours and time zone: three forms, each a cookie and back to where one was.

use crate::App;
use crate::cookie;
use crate::fault::Fault;
use crate::language::Language;
use crate::page::Theme;
use crate::url::Href;
use axum::extract::Form;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use std::sync::Arc;

const YEAR_SECONDS: i64 = 31_536_000;

/// What the forms send: the choice, and the page to come back to.
#[derive(serde::Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    value: String,
    #[serde(default)]
    back: String,
}

/// `POST /language`.
pub(crate) async fn language(
    State(app): State<Arc<App>>,
    Form(choice): Form<Choice>,
) -> Result<Response, Fault> {
    let language = Language::of_tag(&choice.value).ok_or_else(|| unknown("language"))?;
    Ok(keep(&app, cookie::LANGUAGE, language.tag(), &choice.back))
}

/// `POST /theme`.
pub(crate) async fn theme(
    State(app): State<Arc<App>>,
    Form(choice): Form<Choice>,
) -> Result<Response, Fault> {
    let theme = Theme::of_name(&choice.value).ok_or_else(|| unknown("theme"))?;
    Ok(keep(&app, cookie::THEME, theme.name(), &choice.back))
}

/// `POST /zone`; an empty value is the server's own zone.
pub(crate) async fn zone(
    State(app): State<Arc<App>>,
    Form(choice): Form<Choice>,
) -> Result<Response, Fault> {
    if !choice.value.is_empty() && TimeZone::get(&choice.value).is_err() {
        return Err(unknown("time zone"));
    }
    Ok(keep(&app, cookie::ZONE, &choice.value, &choice.back))
}

fn unknown(what: &str) -> Fault {
    Fault::Malformed(format!("unknown {what}"))
}

fn keep(app: &App, name: &str, value: &str, back: &str) -> Response {
    let mut response = to(&Href::back(back));
    let age = if value.is_empty() { 0 } else { YEAR_SECONDS };
    if let Some(cookie) = cookie::write(name, value, age, app.secure_cookies) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A redirect after a form.
pub(crate) fn to(href: &Href) -> Response {
    let keep = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (StatusCode::SEE_OTHER, [keep], [(header::LOCATION, href.to_string())]).into_response()
}
