//! One's own requests, and the form: a draft that is kept while it is written.

use crate::App;
use crate::fault::Fault;
use crate::limits::UPLOAD_BODY_BYTES_MAX;
use crate::page::{Page, Section};
use crate::pages::request_files::attach;
use crate::pages::settings::to;
use crate::pairs::unix_lines;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use case::form::{Audience, Form, Kind};
use case::request::State;
use control::view::requests::{MyRequests, RequestPage as RequestView, Similar};
use control::{Actor, Control, ControlError};
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/requests", get(list).post(begin))
        .route("/requests/similar", get(similar))
        .route("/requests/{id}", get(show))
        .route("/requests/{id}/draft", post(draft))
        .route("/requests/{id}/submit", post(submit))
        .route("/requests/{id}/join", post(join))
        .route("/requests/{id}/{action}", post(act))
        .route(
            "/requests/{id}/files",
            post(attach).layer(DefaultBodyLimit::max(UPLOAD_BODY_BYTES_MAX)),
        )
}

/// What a page was asked to say.
#[derive(serde::Deserialize)]
pub(crate) struct Said {
    #[serde(default)]
    pub(crate) said: String,
}

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    page: Page,
    said: Option<String>,
    requests: MyRequests,
    expected: Option<String>,
}

/// `GET /requests`.
async fn list(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Requests);
    let requests = viewer.control.my_requests(&viewer.actor).await?;
    let said = page.said(&said.said);
    html(&RequestsPage { said, expected: page.expected(requests.expected_ns), requests, page })
}

/// What a form begins with.
#[derive(serde::Deserialize)]
struct Beginning {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    version: String,
    /// The finding that the request answers.
    #[serde(default)]
    finding: String,
}

/// `POST /requests`: a new draft.
async fn begin(viewer: Viewer, Sent(given): Sent<Beginning>) -> Result<Response, Fault> {
    let kind = Kind::of_name(&given.kind).unwrap_or(Kind::Installer);
    let form =
        Form { name: given.name, title: given.title, version: given.version, ..Form::default() };
    let id = viewer.control.begin_request(&viewer.actor, kind, &form).await?;
    let path = format!("/requests/{}", segment(&id));
    Ok(to(&Href::new(&path, &[("finding", given.finding.as_str())].map(filled).concat())))
}

pub(super) fn filled<'a>(parameter: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    if parameter.1.is_empty() { Vec::new() } else { vec![parameter] }
}

#[derive(serde::Deserialize)]
struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    draft: String,
}

#[derive(Template)]
#[template(path = "request_similar.html")]
struct SimilarPart {
    page: Page,
    similar: Similar,
    draft: String,
}

/// `GET /requests/similar?name=…`: while the name is typed.
async fn similar(viewer: Viewer, Query(typed): Query<Typed>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Requests);
    let similar = viewer.control.similar(&viewer.actor, &typed.name).await?;
    html(&SimilarPart { page, similar, draft: typed.draft })
}

#[derive(serde::Deserialize)]
struct Shown {
    #[serde(default)]
    said: String,
    #[serde(default)]
    finding: String,
}

#[derive(Template)]
#[template(path = "request_form.html")]
pub(super) struct FormPage {
    page: Page,
    said: Option<String>,
    view: RequestView,
    audiences: Vec<(String, String, bool)>,
    kinds: Vec<(String, String, bool)>,
    expected: Option<String>,
    finding: String,
    /// Whether the person tried to hand it in: only then is it said what is missing.
    tried: bool,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    page: Page,
    said: Option<String>,
    view: RequestView,
    expected: Option<String>,
    /// Why something was refused, and the words that were sent with it.
    problem: Option<String>,
    typed: String,
}

/// `GET /requests/{id}`: the form of a draft, else the request.
async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Requests);
    let view = viewer.control.request(&viewer.actor, &id).await?;
    let said = page.said(&shown.said);
    if view.row.state == State::Draft && view.is_mine {
        let tried = shown.said == "missing";
        return html(&form_page(page, view, shown.finding, said, tried, None));
    }
    request_page(page, view, said, None, String::new())
}

fn request_page(
    page: Page,
    view: RequestView,
    said: Option<String>,
    problem: Option<String>,
    typed: String,
) -> Result<Response, Fault> {
    let expected = page.expected(view.expected_ns);
    html(&RequestPage { page, said, view, expected, problem, typed })
}

pub(super) fn form_page(
    page: Page,
    view: RequestView,
    finding: String,
    said: Option<String>,
    tried: bool,
    problem: Option<String>,
) -> FormPage {
    let chosen = |word: String, name: &str, chosen: bool| (name.to_owned(), word, chosen);
    let audiences = Audience::ALL.map(|audience| {
        chosen(page.audience_word(&audience), audience.name(), audience == view.form.audience)
    });
    let kinds = Kind::ALL
        .map(|kind| chosen(page.kind_word(&kind), kind.name(), kind == view.row.kind))
        .to_vec();
    let expected = page.expected(view.expected_ns);
    let audiences = audiences.to_vec();
    FormPage { page, said, view, audiences, kinds, expected, finding, tried, problem }
}

/// The fields of the form as a browser sends them.
#[derive(Default, serde::Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    name: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    publisher: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    extension_id: String,
    #[serde(default)]
    sha256: String,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    paid: String,
    #[serde(default)]
    audience: String,
    #[serde(default)]
    pub(super) finding: String,
    #[serde(default)]
    pub(super) kind: String,
    /// The name of a file that was chosen and not sent: a form sends the file itself by the other button only.
    #[serde(default)]
    file: String,
}

impl Fields {
    /// Takes a field of a form that carries a file as well; what is not known is nothing.
    pub(super) fn take(&mut self, name: &str, text: String) {
        let field = match name {
            "name" => &mut self.name,
            "title" => &mut self.title,
            "version" => &mut self.version,
            "publisher" => &mut self.publisher,
            "url" => &mut self.url,
            "extension_id" => &mut self.extension_id,
            "sha256" => &mut self.sha256,
            "purpose" => &mut self.purpose,
            "paid" => &mut self.paid,
            "audience" => &mut self.audience,
            "finding" => &mut self.finding,
            "kind" => &mut self.kind,
            _ => return,
        };
        *field = text;
    }

    /// Keeps what is written; the kind first, because it says which fields there are.
    pub(super) async fn keep(
        &self,
        control: &Control,
        actor: &Actor,
        id: &str,
    ) -> Result<(), ControlError> {
        if let Some(kind) = Kind::of_name(&self.kind) {
            control.change_request_kind(actor, id, kind).await?;
        }
        control.save_draft(actor, id, None, &self.form()).await?;
        Ok(())
    }

    fn form(&self) -> Form {
        let line = |text: &str| text.trim().to_owned();
        Form {
            name: line(&self.name),
            title: line(&self.title),
            version: line(&self.version),
            publisher: line(&self.publisher),
            url: line(&self.url),
            extension_id: line(&self.extension_id),
            sha256: line(&self.sha256).to_ascii_lowercase(),
            purpose: unix_lines(&self.purpose),
            paid: self.paid == "yes",
            audience: Audience::of_name(&self.audience).unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "request_saved.html")]
struct SavedPart {
    page: Page,
    at: String,
    /// Why it is not kept as it is written now.
    problem: Option<String>,
}

/// `POST /requests/{id}/draft`: keeps what is written; by itself while typing, or by the button.
async fn draft(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(fields): Sent<Fields>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Requests);
    let kept = fields.keep(&viewer.control, &viewer.actor, &id).await;
    let problem = match kept {
        Ok(()) => None,
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            Some(crate::refusal::message(&error, page.language()))
        }
        Err(error) => return Err(error.into()),
    };
    if viewer.fragment {
        let at = page.time_of_day(page.now).text;
        return html(&SavedPart { page, at, problem });
    }
    if let Some(problem) = problem {
        return typed_again(&viewer, &id, fields, problem).await;
    }
    let path = format!("/requests/{}", segment(&id));
    let said = [("said", "said-draft-saved"), ("finding", fields.finding.as_str())];
    Ok(to(&Href::new(&path, &said.map(filled).concat())))
}

/// `POST /requests/{id}/submit`.
async fn submit(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(fields): Sent<Fields>,
) -> Result<Response, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    match fields.keep(control, actor, &id).await {
        Ok(()) => {}
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem =
                crate::refusal::message(&error, viewer.page(Section::Requests).language());
            return typed_again(&viewer, &id, fields, problem).await;
        }
        Err(error) => return Err(error.into()),
    }
    let page = viewer.page(Section::Requests);
    let view = control.request(actor, &id).await?;
    let forgotten = (!fields.file.is_empty()).then(|| page.t("request-file-forgotten"));
    if !view.faults.is_empty() || forgotten.is_some() {
        return html(&form_page(page, view, fields.finding, None, true, forgotten));
    }
    match control.submit_request(actor, &id).await {
        Ok(_) => {}
        // What the person can put right is said above the form, with everything still in it.
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem = Some(crate::refusal::message(&error, page.language()));
            return html(&form_page(page, view, fields.finding, None, true, problem));
        }
        Err(error) => return Err(error.into()),
    }
    if !fields.finding.is_empty() {
        control.link_request(actor, &fields.finding, &id).await?;
    }
    Ok(back(&id, "said-submitted"))
}

/// The form with a reason why it is not kept, and everything as it was typed.
pub(super) async fn typed_again(
    viewer: &Viewer,
    id: &str,
    fields: Fields,
    problem: String,
) -> Result<Response, Fault> {
    let mut view = viewer.control.request(&viewer.actor, id).await?;
    view.form = fields.form();
    view.row.kind = Kind::of_name(&fields.kind).unwrap_or(view.row.kind);
    let page = viewer.page(Section::Requests);
    html(&form_page(page, view, fields.finding, None, false, Some(problem)))
}

#[derive(serde::Deserialize)]
struct Joining {
    #[serde(default)]
    draft: String,
}

/// `POST /requests/{id}/join`: follow it instead of asking again.
async fn join(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(Joining { draft }): Sent<Joining>,
) -> Result<Response, Fault> {
    let draft = (!draft.is_empty()).then_some(draft.as_str());
    viewer.control.join_request(&viewer.actor, &id, draft).await?;
    Ok(back(&id, "said-joined"))
}

#[derive(serde::Deserialize)]
struct Words {
    #[serde(default)]
    text: String,
}

/// `POST /requests/{id}/{action}`: what a requester or follower can do with a word or two.
async fn act(
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
    Sent(Words { text }): Sent<Words>,
) -> Result<Response, Fault> {
    let text = unix_lines(&text);
    let (control, actor): (&Control, &Actor) = (&viewer.control, &viewer.actor);
    match action.as_str() {
        "discard" => {
            control.discard_draft(actor, &id).await?;
            return Ok(to(&Href::new("/requests", &[("said", "said-discarded")])));
        }
        "leave" => {
            control.leave_request(actor, &id).await?;
            return Ok(to(&Href::new("/requests", &[("said", "said-left")])));
        }
        _ => {}
    }
    let done = match action.as_str() {
        "answer" => control.answer_question(actor, &id, &text, None).await,
        "appeal" => control.appeal_request(actor, &id, &text).await,
        "withdraw" => control.withdraw_request(actor, &id).await,
        _ => return Err(Fault::NotFound),
    };
    match done {
        Ok(()) => {}
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let page = viewer.page(Section::Requests);
            let problem = Some(crate::refusal::message(&error, page.language()));
            let view = control.request(actor, &id).await?;
            return request_page(page, view, None, problem, text);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(back(
        &id,
        match action.as_str() {
            "answer" => "said-answered",
            "appeal" => "said-appealed",
            _ => "said-withdrawn",
        },
    ))
}

fn back(id: &str, said: &str) -> Response {
    to(&Href::new(&format!("/requests/{}", segment(id)), &[("said", said)]))
}
