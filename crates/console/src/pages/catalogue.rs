//! 「使えますか？」: one box, the answer first. And the catalogue that everybody may read.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use case::catalogue::May;
use control::Export;
use control::view::requests::{
    Answer, CardView, CatalogueFilter, CatalogueRow, TitlePage as TitleView,
};
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/catalogue", get(show))
        .route("/catalogue/export", get(export))
        .route("/catalogue/titles/{id}", get(title))
        .route("/recommended", get(recommended))
}

#[derive(serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    may: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    skip: usize,
}

#[derive(Template)]
#[template(path = "catalogue.html")]
struct CataloguePage {
    page: Page,
    asked: String,
    answer: Option<Answer>,
    rows: Vec<CatalogueRow>,
    total: u64,
    filters: Vec<(Href, String, bool)>,
    more: Option<Href>,
}

#[derive(Template)]
#[template(path = "catalogue_answer.html")]
struct AnswerPart {
    page: Page,
    asked: String,
    answer: Option<Answer>,
}

/// `GET /catalogue`, and the answer alone for htmx.
async fn show(viewer: Viewer, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Catalogue);
    let words: String = asked.q.trim().chars().take(WORDS_CHARS_MAX).collect();
    let control = &viewer.control;
    let answer = match words.is_empty() {
        true => None,
        false => Some(control.may_use(Some(&viewer.actor), &words).await?),
    };
    if viewer.fragment {
        return html(&AnswerPart { page, asked: words, answer });
    }
    let filter = CatalogueFilter {
        words: String::new(),
        may: May::of_name(&asked.may),
        category: asked.category.clone(),
        undecided: false,
        skip: asked.skip,
    };
    let list = control.catalogue(Some(&viewer.actor), &filter).await?;
    let next = asked.skip + list.rows.len();
    let more = (next < list.total && !list.rows.is_empty())
        .then(|| Href::new("/catalogue", &[("may", &asked.may), ("skip", &next.to_string())]));
    let chip = |label: String, name: &str| {
        (Href::new("/catalogue", &[("may", name)]), label, asked.may == name)
    };
    let mut filters = vec![chip(page.t("catalogue-all"), "")];
    filters.extend(
        [May::Use, May::WithConditions, May::MayNot]
            .map(|may| chip(page.may_word(&may), may.name())),
    );
    let total = list.total as u64;
    html(&CataloguePage { page, asked: words, answer, rows: list.rows, total, filters, more })
}

#[derive(Template)]
#[template(path = "catalogue_title.html")]
struct TitlePage {
    page: Page,
    view: TitleView,
}

/// `GET /catalogue/titles/{id}`.
async fn title(viewer: Viewer, Path(id): Path<String>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Catalogue);
    let view = viewer.control.title(Some(&viewer.actor), &id).await?;
    html(&TitlePage { page, view })
}

#[derive(Template)]
#[template(path = "recommended.html")]
struct RecommendedPage {
    page: Page,
    groups: Vec<(String, Vec<CardView>)>,
}

/// `GET /recommended`.
async fn recommended(viewer: Viewer) -> Result<Response, Fault> {
    let page = viewer.page(Section::Catalogue);
    let mut groups: Vec<(String, Vec<CardView>)> = Vec::new();
    for card in viewer.control.recommended(Some(&viewer.actor)).await? {
        let group = page.either(&card.card.group_ja, &card.card.group_en).to_owned();
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, cards)) => cards.push(card),
            None => groups.push((group, vec![card])),
        }
    }
    html(&RecommendedPage { page, groups })
}

#[derive(serde::Deserialize)]
pub(crate) struct Format {
    #[serde(default)]
    format: String,
}

/// `GET /catalogue/export?format=csv|json`.
async fn export(
    viewer: Viewer,
    Query(Format { format }): Query<Format>,
) -> Result<Response, Fault> {
    let (kind, type_, name) = match format.as_str() {
        "json" => (Export::Json, "application/json", "attachment; filename=\"catalogue.json\""),
        _ => (Export::Csv, "text/csv; charset=utf-8", "attachment; filename=\"catalogue.csv\""),
    };
    let body = viewer.control.export_catalogue(Some(&viewer.actor), kind).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(type_)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(name)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, body).into_response())
}

/// Characters of a question that are looked at.
const WORDS_CHARS_MAX: usize = 200;
