//! Who may ask, from where, and what the browser is told.

use crate::support::{Console, HOST};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use model::{Clock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

#[tokio::test]
async fn every_answer_carries_the_policy() {
    let console = Console::empty().await;
    let asset = {
        let page = console.get("/signin", "en").await.body;
        let at = page.find("/assets/").unwrap();
        page[at..].split('"').next().unwrap().to_owned()
    };
    let mut paths = console.pages();
    paths.extend([asset, "/signout".to_owned(), "/alerts/not-an-id".to_owned()]);
    for path in paths {
        for answer in [console.get(&path, "en").await, console.get_part(&path, "en").await] {
            assert_eq!(answer.header("content-security-policy"), POLICY, "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
            if answer.header(header::CONTENT_TYPE).starts_with("text/html") {
                assert_eq!(answer.header(header::CACHE_CONTROL), "no-store", "{path}");
                assert!(answer.header(header::VARY).contains("HX-Request"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_shown_without_a_session() {
    let console = Console::open().await;
    for path in console.pages() {
        if path.starts_with("/signin") || path == "/nowhere" {
            continue;
        }
        for cookie in ["", "mimamori_session=forged", "mimamori_session="] {
            let request = Request::get(&path).header(header::COOKIE, cookie);
            let answer = console.send(request).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
            assert_eq!(answer.header(header::LOCATION), "/signin", "{path}");
            assert_eq!(answer.body, "", "{path}");
        }
        let part = console.send(Request::get(&path).header("hx-request", "true")).await;
        assert_eq!(part.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(part.header("hx-redirect"), "/signin", "{path}");
    }
}

#[tokio::test]
async fn a_foreign_host_name_is_refused() {
    let console = Console::empty().await;
    for host in ["evil.example", "localhost.evil.example:8470", "", "127.0.0.1.evil.example"] {
        let request = Request::get("/signin").header(header::HOST, host);
        let answer = console.send(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{host}");
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
    for host in ["localhost", "localhost:1234", "127.0.0.1:8470", "[::1]:8470"] {
        let answer = console.send(Request::get("/signin").header(header::HOST, host)).await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let console = Console::empty().await;
    let foreign: &[&[(&str, &str)]] = &[
        &[],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8470")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://localhost:9999")],
    ];
    let ours: &[&[(&str, &str)]] = &[
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        &[("origin", "http://localhost:8470")],
    ];
    for path in ["/language", "/theme", "/zone", "/signin", "/signout"] {
        let token = console.scene.control.issue_sign_in_token("administrator").await.unwrap();
        let form = match path {
            "/language" => "value=ja&back=/".to_owned(),
            "/theme" => "value=dark&back=/".to_owned(),
            "/zone" => "value=UTC&back=/".to_owned(),
            "/signin" => format!("token={token}"),
            _ => String::new(),
        };
        for (headers, allowed) in
            foreign.iter().map(|set| (set, false)).chain(ours.iter().map(|set| (set, true)))
        {
            let mut request = Request::post(path)
                .header(header::HOST, HOST)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let answer = console.answer(request.body(Body::from(form.clone())).unwrap()).await;
            // A sign-in token works once, so the later allowed ones are refused for that reason.
            let refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(refused, !allowed, "{path} {headers:?}");
            assert!(
                allowed || !answer.headers.contains_key(header::SET_COOKIE),
                "{path} {headers:?}"
            );
        }
    }
    assert!(console.get("/", "en").await.status.is_success(), "the session is untouched");
}

#[tokio::test]
async fn a_link_signs_in_once_and_not_by_being_opened() {
    let console = Console::empty().await;
    let token = console.scene.control.issue_sign_in_token("administrator").await.unwrap();
    for _ in 0..3 {
        let page = console.send(Request::get(format!("/signin?token={token}"))).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains(&format!("value=\"{token}\"")));
        assert!(page.body.contains("autofocus"));
        assert!(!page.headers.contains_key(header::SET_COOKIE));
    }
    let first = console.post("/signin", &format!("token={token}")).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER);
    let cookie = first.header(header::SET_COOKIE);
    assert!(cookie.starts_with("mimamori_session="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let again = console.post("/signin", &format!("token={token}")).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert!(again.body.contains("mimamori admin sign-in-link"), "says how to get a new link");
    assert!(!again.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let console = Console::empty().await;
    assert_eq!(console.get("/", "en").await.status, StatusCode::OK);
    let out = console.post("/signout", "").await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert!(out.header(header::SET_COOKIE).contains("Max-Age=0"));
    assert_eq!(console.get("/", "en").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn secure_cookies_are_bound_to_the_host() {
    let console = Console::empty().await;
    let address = "127.0.0.1:8470".parse().unwrap();
    let options = console::Options {
        secure_cookies: true,
        ..console::Options::loopback(address, console.scene.clock.clone())
    };
    let router = console::router(console.scene.control.clone(), options);
    let console = Console { router, ..console };
    let token = console.scene.control.issue_sign_in_token("administrator").await.unwrap();
    let answer = console.post("/signin", &format!("token={token}")).await;
    let cookie = answer.header(header::SET_COOKIE);
    assert!(
        cookie.starts_with("__Host-mimamori_session=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    assert_eq!(answer.header(header::STRICT_TRANSPORT_SECURITY), "max-age=31536000");
}

#[tokio::test]
async fn too_large_and_malformed_requests_are_refused_in_words() {
    let console = Console::empty().await;
    let large = console.post("/signin", &format!("token={}", "a".repeat(512 * 1024))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(large.body.contains("<h1>"));
    let long = console.get(&format!("/search?q={}", "a".repeat(9_000)), "en").await;
    assert_eq!(long.status, StatusCode::BAD_REQUEST);
    let trace = console.send(Request::builder().method("TRACE").uri("/")).await;
    assert_eq!(trace.status, StatusCode::FORBIDDEN);
    let theme = console.post("/theme", "value=purple&back=/").await;
    assert_eq!(theme.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn settings_come_back_to_the_page_and_to_no_other_site() {
    let console = Console::empty().await;
    for (back, expected) in [
        ("/alerts%3Flevel%3Dhigh", "/alerts?level=high"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("%2F%5Cevil.example", "/"),
    ] {
        let answer = console.post("/theme", &format!("value=dark&back={back}")).await;
        assert_eq!(answer.header(header::LOCATION), expected);
        assert!(answer.header(header::SET_COOKIE).starts_with("mimamori_theme=dark;"));
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_their_hash_only() {
    let console = Console::empty().await;
    let page = console.get("/signin", "en").await.body;
    let mut seen = 0;
    for rest in page.split("/assets/").skip(1) {
        let path = format!("/assets/{}", rest.split('"').next().unwrap());
        let answer = console.send(Request::get(&path)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable"), "{path}");
        let name = path.rsplit('/').next().unwrap();
        let old = console.send(Request::get(format!("/assets/0000/{name}"))).await;
        assert_eq!(old.header(header::CACHE_CONTROL), "no-store", "{name}");
        seen += 1;
    }
    assert!(seen >= 4);
    let missing = console.send(Request::get("/assets/0000/..%2Fsecret")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

/// A clock that panics when it is asked the first time.
struct Stumbling {
    clock: Arc<dyn Clock>,
    stumbled: AtomicBool,
}

impl Clock for Stumbling {
    fn now(&self) -> Timestamp {
        assert!(self.stumbled.swap(true, Ordering::Relaxed), "the clock stumbles");
        self.clock.now()
    }

    fn monotonic_ns(&self) -> u64 {
        self.clock.monotonic_ns()
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_page_with_a_reference() {
    let console = Console::open().await;
    let path = format!("/alerts/{}", console.scene.alert);
    for (language, part, expected) in [
        ("ja", false, "サーバーで問題が起きました"),
        ("en", false, "Something went wrong on the server"),
        ("en", true, "Something went wrong on the server"),
    ] {
        let clock: Arc<dyn Clock> =
            Arc::new(Stumbling { clock: console.scene.clock.clone(), stumbled: false.into() });
        let options = console::Options::loopback("127.0.0.1:8470".parse().unwrap(), clock);
        let router = console::router(console.scene.control.clone(), options);
        let request = || {
            let request = Request::get(&path)
                .header(header::HOST, HOST)
                .header(header::COOKIE, console.cookie(language));
            let request = if part { request.header("hx-request", "true") } else { request };
            request.body(Body::empty()).unwrap()
        };
        let answer = crate::support::ask(&router, request()).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.body.contains(expected), "{}", answer.body);
        assert!(!answer.body.contains("stumbles"), "the cause is for the log alone");
        let reference = answer.body.split("<code>").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(reference.len(), 10, "{reference}");
        assert_eq!(answer.body.contains("<html"), !part);
        assert_eq!(answer.header("content-security-policy"), POLICY);
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        let next = crate::support::ask(&router, request()).await;
        assert_eq!(next.status, StatusCode::OK, "the next request is answered as ever");
    }
}
