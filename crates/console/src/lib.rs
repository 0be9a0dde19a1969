//! The console: pages for people, in Japanese and English, made on the server.
//!
//! Every page works with links and forms alone; htmx replaces parts of pages, and a small script adds keys.
//!
//! Invariant: knows no SQL, opens no socket, sends no request; everything it shows comes from `control`, which
//! checks the permission.
//! Invariant: text from outside is escaped by the template and made visible ([`show`]); none of it becomes
//! markup, a link, a style or a script.
//! Invariant: no handler but sign-in, settings and assets runs without a session.

mod assets;
mod chart;
mod cookie;
mod diff;
mod fault;
mod frame;
mod history;
mod keys;
mod language;
mod limits;
mod page;
mod pages;
mod pairs;
mod query;
mod refusal;
mod render;
mod rule_text;
mod session;
mod show;
mod text;
mod url;
mod words;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use control::Control;
use jiff::tz::TimeZone;
use model::Clock;
use std::net::SocketAddr;
use std::sync::Arc;

/// How the console is served.
#[derive(Clone)]
pub struct Options {
    /// The host names it answers to, with or without port; anything else is refused, so that a foreign
    /// page cannot reach the console by rebinding its own name to this machine.
    pub hosts: Vec<String>,
    /// Whether the console is reached over TLS: cookies are then `Secure` with the `__Host-` prefix, and
    /// the browser is told to stay with TLS.
    pub secure_cookies: bool,
    /// The time zone (IANA name) for people who chose none; `None`: the server's own.
    pub zone: Option<String>,
    /// The origin by which people reach it, for links that leave the browser; `None`: the one that was asked for.
    pub public_url: Option<String>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// For a console reached at an address over plain HTTP: it answers to the names of the loopback
    /// interface (whatever the port, for tunnels) and to the address itself.
    #[must_use]
    pub fn loopback(address: SocketAddr, clock: Arc<dyn Clock>) -> Self {
        let mut hosts = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
        hosts.push(address.to_string());
        Self { hosts, secure_cookies: false, zone: None, public_url: None, clock }
    }

    /// Reached by people at this origin (`https://HOST` or `https://HOST:PORT`) besides, behind a server that ends
    /// their TLS: it answers to that name too, and its links name it.
    #[must_use]
    pub fn reached_at(mut self, origin: &str) -> Self {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        self.hosts.push(host.to_owned());
        self.secure_cookies = origin.starts_with("https://");
        self.public_url = Some(origin.to_owned());
        self
    }
}

/// What every handler shares.
struct App {
    control: Arc<Control>,
    hosts: Vec<String>,
    secure_cookies: bool,
    zone: TimeZone,
    public_url: Option<String>,
    version: &'static str,
    clock: Arc<dyn Clock>,
}

/// The console's routes with everything that surrounds them.
pub fn router(control: Arc<Control>, options: Options) -> Router {
    let named = options.zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    let app = Arc::new(App {
        control,
        hosts: options.hosts,
        secure_cookies: options.secure_cookies,
        zone: named.unwrap_or_else(TimeZone::system),
        public_url: options.public_url,
        version: env!("CARGO_PKG_VERSION"),
        clock: options.clock,
    });
    Router::new()
        .route("/", get(pages::today::show))
        .route("/alerts", get(pages::alerts::show))
        .route("/alerts/{id}", get(pages::alert::show))
        .route("/search", get(pages::search::show))
        .route("/devices", get(pages::devices::list))
        .route("/devices/{id}", get(pages::devices::show))
        .route("/events/{agent}/{epoch}/{seq}", get(pages::event::show))
        .route("/signin", get(pages::signin::ask).post(pages::signin::enter))
        .route("/signin/password", post(pages::signin::enter_with_password))
        .route("/signout", post(pages::signin::leave))
        .route("/language", post(pages::settings::language))
        .route("/theme", post(pages::settings::theme))
        .route("/zone", post(pages::settings::zone))
        .route("/assets/{hash}/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::icon))
        .merge(pages::catalogue::routes())
        .merge(pages::requests::routes())
        .merge(pages::my_pc::routes())
        .merge(pages::account::routes())
        .merge(pages::desk::routes())
        .merge(pages::policies::routes())
        .merge(pages::upkeep::routes())
        .merge(pages::imports::routes())
        .merge(pages::cards::routes())
        .merge(pages::waiting::routes())
        .merge(pages::detections::routes())
        .merge(pages::risk::routes())
        .merge(pages::timeline::routes())
        .merge(pages::software::routes())
        .merge(pages::findings::routes())
        .merge(pages::exclusions::routes())
        .merge(pages::metrics::routes())
        .merge(pages::outbox::routes())
        .merge(pages::people::routes())
        .merge(pages::device_groups::routes())
        .merge(pages::rules::routes())
        .merge(pages::rule_edit::routes())
        .merge(pages::rule_page::routes())
        .merge(pages::rule_exclusions::routes())
        .merge(pages::rule_health::routes())
        .merge(pages::rule_lists::routes())
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), frame::surround))
        .with_state(app)
}
