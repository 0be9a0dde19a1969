//! "My PC": what is installed, what needs an answer, what is recorded and who looked. One's own devices only.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::requests::Said;
use crate::pages::settings::to;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use case::finding::{self, Answer};
use control::AnswerNext;
use control::view::findings::{MyFinding, MyPc};
use control::view::people::MessageRow;
use model::inventory::SoftwareSource;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/pc", get(show))
        .route("/pc/findings/{id}", post(answer))
        // What messages of before lead to; the browser keeps the part that names the finding.
        .route("/my-pc", get(|| async { Redirect::permanent("/pc") }))
}

#[derive(Template)]
#[template(path = "my_pc.html")]
struct MyPcPage {
    page: Page,
    said: Option<String>,
    pc: MyPc,
    /// Findings that wait for an answer of the person.
    asking: Vec<MyFinding>,
    /// The others: waiting for something else, or closed lately.
    settled: Vec<MyFinding>,
    messages: Vec<MessageRow>,
}

/// `GET /pc`.
async fn show(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::MyPc);
    let mut pc = viewer.control.my_pc(&viewer.actor).await?;
    let findings = std::mem::take(&mut pc.findings);
    let (asking, settled) = findings.into_iter().partition(|one| !one.answers.is_empty());
    let messages = viewer.control.my_messages(&viewer.actor).await?;
    let said = page.said(&said.said);
    html(&MyPcPage { page, said, pc, asking, settled, messages })
}

#[derive(serde::Deserialize)]
struct Given {
    #[serde(default)]
    answer: String,
    #[serde(default)]
    note: String,
}

/// `POST /pc/findings/{id}`: one click.
async fn answer(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(given): Sent<Given>,
) -> Result<Response, Fault> {
    let answer = Answer::of_name(&given.answer)
        .ok_or_else(|| Fault::Malformed("unknown answer".to_owned()))?;
    let answered =
        viewer.control.answer_finding(&viewer.actor, &id, answer, given.note.trim()).await?;
    match answered.next {
        AnswerNext::FileRequest { kind, form } => {
            let draft = viewer.control.begin_request(&viewer.actor, kind, &form).await?;
            let path = format!("/requests/{}", crate::url::segment(&draft));
            Ok(to(&Href::new(&path, &[("said", "said-request-begun"), ("finding", &id)])))
        }
        AnswerNext::WaitForLook => Ok(to(&Href::new("/pc", &[("said", "said-promised")]))),
        AnswerNext::WaitForTeam => Ok(to(&Href::new("/pc", &[("said", "said-disputed")]))),
    }
}

impl Page {
    /// The day by which an answer is asked for; nobody was asked while the message waits to be sent.
    pub(crate) fn answer_by(&self, finding: &MyFinding) -> Option<String> {
        let due = finding.due_at.filter(|_| finding.status != finding::Status::Open)?;
        Some(self.day(due))
    }

    /// Where it was found, with the source's word instead of its stored name.
    pub(crate) fn place_of(&self, finding: &MyFinding) -> String {
        let Some((source, place)) = finding.place.split_once(": ") else {
            return finding.place.clone();
        };
        match SoftwareSource::of_name(source) {
            // A path speaks for itself.
            Some(_) if place.starts_with('/') => place.to_owned(),
            Some(known) => format!("{}: {place}", self.source_word(&known)),
            None => finding.place.clone(),
        }
    }
}
