//! A console over a real control and a real lake, asked without a network.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use control::fixture::Scene;
use std::path::PathBuf;
use tower::ServiceExt as _;

/// The name that requests ask for.
pub(crate) const HOST: &str = "localhost:8470";
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A console with a signed-in person.
pub(crate) struct Console {
    pub(crate) scene: Scene,
    pub(crate) router: Router,
    pub(crate) secret: String,
    pub(crate) _folder: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Console {
    /// With the fixture's story.
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scene = Scene::open(folder.path()).await.unwrap();
        Self::of(scene, folder).await
    }

    /// Without any event.
    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scene = Scene::empty(folder.path()).await.unwrap();
        Self::of(scene, folder).await
    }

    async fn of(scene: Scene, folder: tempfile::TempDir) -> Self {
        let address = "127.0.0.1:8470".parse().unwrap();
        let mut options = console::Options::loopback(address, scene.clock.clone());
        options.zone = Some("Asia/Tokyo".to_owned());
        let router = console::router(scene.control.clone(), options);
        let secret = scene.session_secret().await.unwrap();
        Self { scene, router, secret, _folder: folder }
    }

    /// A request of the signed-in person, in a language.
    pub(crate) async fn get(&self, path: &str, language: &str) -> Answer {
        let cookie = self.cookie(language);
        self.send(Request::get(path).header(header::COOKIE, cookie)).await
    }

    /// The same as htmx sends it.
    pub(crate) async fn get_part(&self, path: &str, language: &str) -> Answer {
        let cookie = self.cookie(language);
        let request = Request::get(path).header(header::COOKIE, cookie);
        self.send(request.header("hx-request", "true")).await
    }

    /// Any request without a body; the host is added.
    pub(crate) async fn send(&self, request: axum::http::request::Builder) -> Answer {
        let has_host = request.headers_ref().is_some_and(|all| all.contains_key(header::HOST));
        let request = if has_host { request } else { request.header(header::HOST, HOST) };
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    /// A form as a browser sends it from a page of ours.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Answer {
        let request = Request::post(path)
            .header(header::HOST, HOST)
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, self.cookie("en"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.answer(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Any request.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Answer {
        ask(&self.router, request).await
    }

    /// The cookies of the signed-in person.
    pub(crate) fn cookie(&self, language: &str) -> String {
        cookie(&self.secret, language)
    }

    /// The same console as somebody else sees it.
    pub(crate) async fn get_as(&self, secret: &str, path: &str, language: &str) -> Answer {
        self.send(Request::get(path).header(header::COOKIE, cookie(secret, language))).await
    }

    /// A form of somebody else's.
    pub(crate) async fn post_as(&self, secret: &str, path: &str, form: &str) -> Answer {
        let request = Request::post(path)
            .header(header::HOST, HOST)
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, cookie(secret, "en"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.answer(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// A file as a browser sends it from a form of ours.
    pub(crate) async fn upload_as(
        &self,
        secret: &str,
        path: &str,
        field: &str,
        bytes: &[u8],
    ) -> Answer {
        let mut body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"list.csv\"\r\n\
             Content-Type: text/csv\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        let request = Request::post(path)
            .header(header::HOST, HOST)
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, cookie(secret, "en"))
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge");
        self.answer(request.body(Body::from(body)).unwrap()).await
    }

    /// Every page that a person can open, by path.
    pub(crate) fn pages(&self) -> Vec<String> {
        let key = self.scene.download;
        vec![
            "/".to_owned(),
            "/alerts".to_owned(),
            "/alerts?level=high&range=24h".to_owned(),
            "/alerts?view=single".to_owned(),
            "/alerts?view=single&level=high&range=24h".to_owned(),
            "/alerts?status=closed".to_owned(),
            "/timeline".to_owned(),
            "/risk".to_owned(),
            format!("/alerts/{}", self.scene.alert),
            "/search".to_owned(),
            "/search?q=Image%3A*curl&range=7d&family=process".to_owned(),
            "/devices".to_owned(),
            format!("/devices/{}", self.scene.web.enrolled.device),
            format!("/devices/{}?range=7d&family=process", self.scene.web.enrolled.device),
            format!("/events/{}/{}/{}", key.agent, key.epoch, key.seq),
            "/rules/exclusions".to_owned(),
            "/rules/exclusions/new?rule=download-and-execute&field=Image&value=a".to_owned(),
            "/rules/lists".to_owned(),
            "/rules/lists/edit".to_owned(),
            "/rules/packs".to_owned(),
            "/rules/health".to_owned(),
            "/signin".to_owned(),
            "/signin?token=abc".to_owned(),
            "/nowhere".to_owned(),
        ]
    }
}

/// The cookies of a session in a language.
pub(crate) fn cookie(secret: &str, language: &str) -> String {
    format!("mimamori_session={secret}; mimamori_language={language}")
}

/// What a router answers.
pub(crate) async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, BODY_BYTES_MAX).await.unwrap();
    let body = String::from_utf8(bytes.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A folder of this crate.
pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}
