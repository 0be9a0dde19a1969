//! Who looks: from the cookie to control's `Actor`.

use crate::App;
use crate::cookie;
use crate::fault::Fault;
use crate::language::Language;
use crate::page::{Page, Preferences, Section};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use control::{Actor, Control, ControlError, Permission};
use jiff::tz::TimeZone;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
    /// Refuses a page to somebody who could do nothing on it. Control refuses every use of it as well.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), Fault> {
        if self.actor.may(permission) {
            return Ok(());
        }
        let person = self.actor.name().to_owned();
        Err(ControlError::NotPermitted { person, permission }.into())
    }

    /// The page's context, placed in its section.
    pub(crate) fn page(&self, section: Section) -> Page {
        Page {
            preferences: self.page.preferences.clone(),
            here: self.page.here.clone(),
            section,
            person: self.page.person.clone(),
            may: self.page.may.clone(),
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
        let page = visitor_page(parts, app).of(&actor);
        let fragment = crate::render::wants_fragment(&parts.headers);
        Ok(Self { actor, control: Arc::clone(&app.control), fragment, page })
    }
}

impl Page {
    /// The page of somebody who is signed in. Language and time zone are the person's own where this browser
    /// was not told otherwise.
    pub(crate) fn of(mut self, actor: &Actor) -> Self {
        self.person = Some(actor.name().to_owned());
        self.may = Permission::ALL.iter().copied().filter(|one| actor.may(*one)).collect();
        if !self.preferences.language_chosen {
            self.preferences.language = match actor.language() {
                control::Language::Ja => Language::Ja,
                control::Language::En => Language::En,
            };
        }
        if self.preferences.zone_chosen.is_none()
            && let Ok(zone) = TimeZone::get(actor.time_zone())
        {
            self.preferences.zone = zone;
        }
        self
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

/// Who the server is talking to, for limits on attempts; no header is believed.
pub(crate) struct Peer(pub(crate) IpAddr);

impl FromRequestParts<Arc<App>> for Peer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Fault> {
        let known = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        // A listener that does not say who is there (a test, a socket of the machine) is one peer.
        Ok(Self(known.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())))
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
        may: Vec::new(),
        now: app.clock.now(),
        version: app.version,
    }
}
