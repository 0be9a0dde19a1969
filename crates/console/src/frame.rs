//! What surrounds every request: the checks before a handler runs, the headers and error pages after it.

use crate::fault::Fault;
use crate::page::{Page, Preferences, Section};
use crate::render::{filters, html, wants_fragment};
use crate::url::Href;
use crate::{App, limits, session};
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// Nothing but our own files; no inline script or style, no frame, no form to elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// The layer around every route.
pub(crate) async fn surround(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let asked = Asked {
        preferences: Preferences::of(request.headers(), &app.zone),
        uri: request.uri().clone(),
        fragment: wants_fragment(request.headers()),
        secret: session::secret(request.headers(), &app).map(str::to_owned),
        reading: matches!(*request.method(), Method::GET | Method::HEAD),
    };
    let mut response = match admit(&app, &request) {
        Ok(()) => unwinding(next.run(request)).await.unwrap_or_else(IntoResponse::into_response),
        Err(fault) => fault.into_response(),
    };
    let fault = response.extensions_mut().remove::<Arc<Fault>>();
    let ours = response.headers().contains_key(header::CACHE_CONTROL);
    if let Some(fault) = fault {
        response = answer(&app, &asked, &fault).await;
    } else if !ours && !response.status().is_success() && !response.status().is_redirection() {
        let fault = match response.status() {
            StatusCode::NOT_FOUND => Fault::NotFound,
            status => Fault::Malformed(status.to_string()),
        };
        let status = response.status();
        response = answer(&app, &asked, &fault).await;
        *response.status_mut() = status;
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    if app.secure_cookies {
        let value = HeaderValue::from_static(STRICT_TRANSPORT);
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

/// Runs a handler to its end. A panic in it becomes a fault, so that the person sees a page with a reference
/// rather than a broken connection.
async fn unwinding(handler: impl Future<Output = Response>) -> Result<Response, Fault> {
    let mut handler = pin!(handler);
    let step = |context: &mut Context<'_>| {
        // A handler that panicked is never polled again, and what it shares keeps itself in order.
        let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(Fault::Panicked(words_of(payload.as_ref())))),
        }
    };
    poll_fn(step).await
}

/// What a panic says.
fn words_of(payload: &(dyn Any + Send)) -> String {
    let words = payload.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without words").to_owned()
}

struct Asked {
    preferences: Preferences,
    uri: Uri,
    fragment: bool,
    /// The session's secret as it was sent, for the navigation of an error page.
    secret: Option<String>,
    reading: bool,
}

fn admit(app: &App, request: &Request) -> Result<(), Fault> {
    if request.uri().query().is_some_and(|query| query.len() > limits::QUERY_BYTES_MAX) {
        return Err(Fault::Malformed("query string too long".to_owned()));
    }
    let host = host_of(request);
    if !app.hosts.iter().any(|known| is_host(known, &host)) {
        return Err(Fault::ForeignHost(host.chars().take(80).collect()));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    same_origin(request.headers(), &host)
}

/// Who was asked for: the authority of HTTP/2, else the `Host` header.
fn host_of(request: &Request) -> String {
    let header = || request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or_else(header);
    host.unwrap_or_default().to_ascii_lowercase()
}

/// Whether a host with or without port is the known one; a known host that names a port wants that port.
fn is_host(known: &str, host: &str) -> bool {
    let known = known.to_ascii_lowercase();
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    known == host || known == without_port
}

/// Every browser of today says with a form where it came from: `Sec-Fetch-Site` on HTTPS and loopback, and
/// `Origin`. Under our `no-referrer` policy the latter may be `null`, so the former decides when it is there.
fn same_origin(headers: &HeaderMap, host: &str) -> Result<(), Fault> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return match site {
            "same-origin" => Ok(()),
            _ => Err(Fault::ForeignOrigin(format!("sec-fetch-site {site}"))),
        };
    }
    let origin = text("origin").ok_or_else(|| Fault::ForeignOrigin("no origin".to_owned()))?;
    let origin_host = origin.split_once("://").map_or("", |(_, rest)| rest);
    if origin_host.eq_ignore_ascii_case(host) {
        Ok(())
    } else {
        Err(Fault::ForeignOrigin(format!("origin {origin}")))
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage<'a> {
    page: &'a Page,
    title: String,
    message: String,
    reference: Option<String>,
}

#[derive(Template)]
#[template(path = "trouble_part.html")]
struct TroublePart<'a> {
    page: &'a Page,
    title: &'a str,
    message: &'a str,
    reference: Option<&'a str>,
}

async fn answer(app: &App, asked: &Asked, fault: &Fault) -> Response {
    if matches!(fault, Fault::SignInNeeded) {
        return to_sign_in(asked);
    }
    let language = asked.preferences.language;
    let mut page = Page {
        preferences: asked.preferences.clone(),
        here: if asked.reading { asked.uri.to_string() } else { "/".to_owned() },
        section: Section::None,
        person: None,
        may: Vec::new(),
        now: app.clock.now(),
        version: app.version,
    };
    // Somebody else's page learns nothing of the session, not even that there is one.
    let foreign = matches!(fault, Fault::ForeignOrigin(_) | Fault::ForeignHost(_));
    if let Some(secret) = asked.secret.as_deref().filter(|_| !foreign && !asked.fragment)
        && let Ok(actor) = app.control.actor(secret).await
    {
        page = page.of(&actor);
    }
    let (status, title, message) = match fault {
        Fault::SignInNeeded | Fault::NotFound => {
            (StatusCode::NOT_FOUND, "error-not-found", page.t("error-not-found-text"))
        }
        Fault::ForeignOrigin(_) => {
            (StatusCode::FORBIDDEN, "error-refused", page.t("error-origin-text"))
        }
        Fault::ForeignHost(host) => {
            (StatusCode::FORBIDDEN, "error-refused", page.ts("error-host-text", host))
        }
        Fault::Malformed(_) => {
            (StatusCode::BAD_REQUEST, "error-malformed", page.t("error-malformed-text"))
        }
        Fault::Control(error) => crate::refusal::of_control(error, language),
        Fault::Template(_) | Fault::Panicked(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "error-internal", page.t("error-internal-text"))
        }
    };
    let reference = status.is_server_error().then(|| reference(app));
    if let Some(reference) = &reference {
        tracing::error!(reference, path = asked.uri.path(), error = %fault, "no page");
    } else {
        tracing::info!(path = asked.uri.path(), %status, error = %fault, "request refused");
    }
    let title = page.t(title);
    let body = if asked.fragment {
        let reference = reference.as_deref();
        html(&TroublePart { page: &page, title: &title, message: &message, reference })
    } else {
        html(&TroublePage { page: &page, title, message, reference })
    };
    let mut response = body.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    *response.status_mut() = status;
    response
}

fn to_sign_in(asked: &Asked) -> Response {
    let target = Href::new("/signin", &[]);
    let keep = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if asked.fragment {
        (StatusCode::UNAUTHORIZED, [keep], [("hx-redirect", target.to_string())]).into_response()
    } else {
        (StatusCode::SEE_OTHER, [keep], [(header::LOCATION, target.to_string())]).into_response()
    }
}

/// A word that finds the log's line: from the time and a counter, so that no two are alike.
fn reference(app: &App) -> String {
    static ERRORS: AtomicU64 = AtomicU64::new(0);
    let mut hasher = Sha256::new();
    hasher.update(app.clock.now().nanos().to_le_bytes());
    hasher.update(ERRORS.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let mut bits = [0u8; 16];
    bits.copy_from_slice(&hasher.finalize()[..16]);
    let id = model::AlertId::from_bits(u128::from_le_bytes(bits)).to_string();
    id.chars().skip(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_hosts() {
        for (known, host, expected) in [
            ("localhost", "localhost:8420", true),
            ("localhost", "LOCALHOST", false),
            ("localhost", "localhost.evil.example", false),
            ("127.0.0.1", "127.0.0.1:8420", true),
            ("[::1]", "[::1]:8420", true),
            ("[::1]", "[::1]", true),
            ("mimamori.example:443", "mimamori.example:8443", false),
            ("mimamori.example", "evil.example", false),
            ("localhost", "", false),
        ] {
            assert_eq!(is_host(known, host), expected, "{known} {host}");
        }
    }
}
