//! Software by identity, what it was found on, how it was judged; candidates; the inventory of one device.

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
use axum::response::Response;
use axum::routing::{get, post};
use case::judgement::Verdict;
use control::Permission;
use control::view::findings::{
    CandidateRow, DeviceInventory, Explanation, InstalledOn, InventoryState, SoftwareFilter,
    SoftwareRow,
};
use model::DeviceId;
use model::inventory::SoftwareSource;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/software", get(list))
        .route("/software/baseline", post(open_baseline))
        .route("/software/explain", get(explain))
        .route("/software/candidates", get(candidates).post(answer_candidate))
        .route("/software/of", get(devices))
        .route("/devices/{id}/software", get(of_device))
        .route("/devices/{id}/software/held", post(take_held))
}

#[derive(serde::Deserialize)]
struct Chosen {
    #[serde(default)]
    q: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    baseline: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    said: String,
}

type Choice = (String, String, bool);

#[derive(Template)]
#[template(path = "software.html")]
struct SoftwarePage {
    page: Page,
    said: Option<String>,
    state: InventoryState,
    words: String,
    verdicts: Vec<Choice>,
    sources: Vec<Choice>,
    baseline: bool,
    filtered: bool,
    rows: Vec<SoftwareRow>,
    more: Option<Href>,
}

/// `GET /software`.
async fn list(viewer: Viewer, Query(chosen): Query<Chosen>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let (control, actor) = (&viewer.control, &viewer.actor);
    let filter = SoftwareFilter {
        words: chosen.q.trim().to_owned(),
        verdict: Verdict::of_name(&chosen.verdict),
        source: SoftwareSource::of_name(&chosen.source),
        baseline: chosen.baseline == "yes",
        after: (!chosen.after.is_empty()).then(|| chosen.after.clone()),
    };
    let state = control.inventory_state(actor).await?;
    let found = control.software(actor, &filter).await?;
    let any = |key: &str, chosen: bool| (String::new(), page.t(key), chosen);
    let mut verdicts = vec![any("software-any-verdict", filter.verdict.is_none())];
    verdicts.extend(Verdict::ALL.iter().map(|one| {
        (one.name().to_owned(), page.judgement(one).to_owned(), filter.verdict == Some(*one))
    }));
    let mut sources = vec![any("software-any-source", filter.source.is_none())];
    sources.extend(
        SoftwareSource::ALL
            .iter()
            .map(|one| (one.name().to_owned(), page.source_word(one), filter.source == Some(*one))),
    );
    let more = found.next.map(|next| {
        let parameters = [
            ("q", chosen.q.as_str()),
            ("verdict", chosen.verdict.as_str()),
            ("source", chosen.source.as_str()),
            ("baseline", chosen.baseline.as_str()),
            ("after", next.as_str()),
        ];
        Href::new("/software", &parameters)
    });
    let filtered = !filter.words.is_empty()
        || filter.verdict.is_some()
        || filter.source.is_some()
        || filter.baseline;
    html(&SoftwarePage {
        said: page.said(&chosen.said),
        state,
        words: filter.words,
        verdicts,
        sources,
        baseline: filter.baseline,
        filtered,
        rows: found.rows,
        more,
        page,
    })
}

#[derive(serde::Deserialize)]
struct Subject {
    #[serde(default)]
    subject: String,
}

/// `POST /software/baseline`: what was there before recording began becomes findings.
async fn open_baseline(
    viewer: Viewer,
    Sent(Subject { subject }): Sent<Subject>,
) -> Result<Response, Fault> {
    viewer.control.open_baseline(&viewer.actor, &[subject]).await?;
    Ok(to(&Href::new("/findings", &[("said", "said-saved")])))
}

#[derive(Template)]
#[template(path = "software_of.html")]
struct DevicesPage {
    page: Page,
    subject: String,
    name: String,
    rows: Vec<InstalledOn>,
    explanation: Explanation,
}

/// `GET /software/of?subject=…`: one software, where it is and how it was judged.
async fn devices(
    viewer: Viewer,
    Query(Subject { subject }): Query<Subject>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let rows = viewer.control.software_devices(&viewer.actor, &subject).await?;
    let name = rows.first().map(|row| row.row.title.clone()).ok_or(Fault::NotFound)?;
    let asked = rows.first().map(|row| row.row.item.name.clone()).unwrap_or_default();
    let explanation = viewer.control.explain(&viewer.actor, &asked).await?;
    html(&DevicesPage { page, subject, name, rows, explanation })
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    name: String,
}

#[derive(Template)]
#[template(path = "software_explain.html")]
struct ExplainPage {
    page: Page,
    explanation: Option<Explanation>,
    name: String,
}

/// `GET /software/explain?name=…`.
async fn explain(viewer: Viewer, Query(Asked { name }): Query<Asked>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    viewer.require(Permission::ReadInventory)?;
    let name = name.trim().to_owned();
    let explanation = match name.is_empty() {
        true => None,
        false => Some(viewer.control.explain(&viewer.actor, &name).await?),
    };
    html(&ExplainPage { page, explanation, name })
}

#[derive(Template)]
#[template(path = "candidates.html")]
struct CandidatesPage {
    page: Page,
    said: Option<String>,
    rows: Vec<CandidateRow>,
}

/// `GET /software/candidates`.
async fn candidates(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let rows = viewer.control.identity_candidates(&viewer.actor).await?;
    let said = page.said(&said.said);
    html(&CandidatesPage { page, said, rows })
}

#[derive(serde::Deserialize)]
struct Identity {
    #[serde(default)]
    item: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    answer: String,
}

/// `POST /software/candidates`: one click.
async fn answer_candidate(viewer: Viewer, Sent(given): Sent<Identity>) -> Result<Response, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let said = match given.answer.as_str() {
        "yes" => {
            control.confirm_identity(actor, &given.item, &given.title).await?;
            "said-confirmed"
        }
        "no" => {
            control.reject_identity(actor, &given.item, &given.title).await?;
            "said-rejected"
        }
        _ => return Err(Fault::Malformed("unknown answer".to_owned())),
    };
    Ok(to(&Href::new("/software/candidates", &[("said", said)])))
}

#[derive(Template)]
#[template(path = "device_software.html")]
struct DeviceSoftwarePage {
    page: Page,
    said: Option<String>,
    view: DeviceInventory,
    device_href: Href,
}

/// `GET /devices/{id}/software`.
async fn of_device(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Result<Response, Fault> {
    let id = DeviceId::parse(&id).map_err(|_| Fault::NotFound)?;
    let page = viewer.page(Section::Software);
    let view = viewer.control.device_inventory(&viewer.actor, id).await?;
    let said = page.said(&said.said);
    html(&DeviceSoftwarePage { page, said, view, device_href: super::rows::device_href(id) })
}

#[derive(serde::Deserialize)]
struct Held {
    #[serde(default)]
    source: String,
    #[serde(default)]
    reason: String,
}

/// `POST /devices/{id}/software/held`: takes a snapshot that shrank.
async fn take_held(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(given): Sent<Held>,
) -> Result<Response, Fault> {
    let id = DeviceId::parse(&id).map_err(|_| Fault::NotFound)?;
    let source = SoftwareSource::of_name(&given.source)
        .ok_or_else(|| Fault::Malformed("unknown source".to_owned()))?;
    viewer.control.confirm_held_snapshot(&viewer.actor, id, source, given.reason.trim()).await?;
    Ok(to(&Href::new(&format!("/devices/{id}/software"), &[("said", "said-confirmed")])))
}

impl Page {
    /// Where an inventory item comes from.
    pub(crate) fn source_word(&self, source: &SoftwareSource) -> String {
        self.word("source", source.name())
    }
}
