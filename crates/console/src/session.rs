//! Who looks: from the cookie to control's `Actor`.

use crate::App;
use crate::cookie;
use crate::fault::Fault;
use crate::page::{Page, Preferences, Section};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use control::{Actor, Control, ControlError};
use std::sync::Arc;

/// A signed-in person looking at a page. A handler that takes one cannot be reached without a session.
pub(crate) struct Viewer {
    /// What control wants to see.
    pub(crate) actor: Actor,
    /// The use cases.
    pub(crate) control: Arc<Control>,
    /// Whether htmx asks for a part of the page.
    pub(crate) fragment: bool,
    page: Page,
}

impl Viewer {
    /// The page's context, placed in its section.
    pub(crate) fn page(&self, section: Section) -> Page {
        Page {
            preferences: self.page.preferences.clone(),
            here: self.page.here.clone(),
            section,
            person: self.page.person.clone(),
            now: self.page.now,
            version: self.page.version,
        }
    }
}

impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Fault> {
        let secret = secret(&parts.headers, app).ok_or(Fault::SignInNeeded)?;
        let actor = match app.control.actor(secret).await {
            Ok(actor) => actor,
            Err(error) if crate::refusal::is_signed_out(&error) => return Err(Fault::SignInNeeded),
            Err(error) => return Err(error.into()),
        };
        let mut page = visitor_page(parts, app);
        page.person = Some(actor.name().to_owned());
        let fragment = crate::render::wants_fragment(&parts.headers);
        Ok(Self { actor, control: Arc::clone(&app.control), fragment, page })
    }
}

/// Somebody who need not be signed in.
pub(crate) struct Visitor {
    /// The page's context.
    pub(crate) page: Page,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Fault> {
        Ok(Self { page: visitor_page(parts, app) })
    }
}

/// The session's secret as the browser sent it.
pub(crate) fn secret<'a>(headers: &'a HeaderMap, app: &App) -> Option<&'a str> {
    cookie::read(headers, cookie::session_name(app.secure_cookies))
}

/// Ends the session that a request belongs to, when there is one.
pub(crate) async fn end(headers: &HeaderMap, app: &App) -> Result<(), ControlError> {
    match secret(headers, app) {
        Some(secret) => app.control.sign_out(secret).await,
        None => Ok(()),
    }
}

fn visitor_page(parts: &Parts, app: &App) -> Page {
    let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    Page {
        preferences: Preferences::of(&parts.headers, &app.zone),
        here: here.to_owned(),
        section: Section::None,
        person: None,
        now: app.clock.now(),
        version: app.version,
    }
}
