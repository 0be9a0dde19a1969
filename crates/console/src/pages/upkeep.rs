//! The catalogue's upkeep: titles with everything by which they are recognised, what to use instead, retirement.

use crate::App;
use crate::fault::Fault;
use crate::limits::UPKEEP_ROWS_MAX;
use crate::page::{Page, Section};
use crate::pages::settings::to;
use crate::pairs::{Pairs, lines, many, one};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use control::Permission;
use control::view::requests::{
    CatalogueFilter, CatalogueRow, Category, IdentifierKind, Scheme, TitlePage as TitleView,
};
use model::Timestamp;
use serde_json::{Map, Value};
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/desk/catalogue", get(list).post(save))
        .route("/desk/catalogue/new", get(begin))
        .route("/desk/catalogue/titles/{id}", get(show))
        .route("/desk/catalogue/titles/{id}/alternatives", post(alternatives))
        .route("/desk/catalogue/titles/{id}/retire", post(retire))
}

#[derive(serde::Deserialize)]
struct Chosen {
    #[serde(default)]
    q: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    skip: usize,
    #[serde(default)]
    said: String,
}

#[derive(Template)]
#[template(path = "upkeep.html")]
struct UpkeepPage {
    page: Page,
    said: Option<String>,
    words: String,
    categories: Vec<(String, String, bool)>,
    filtered: bool,
    rows: Vec<CatalogueRow>,
    total: u64,
    more: Option<Href>,
}

/// `GET /desk/catalogue`: every title, also those that nobody decided on.
async fn list(viewer: Viewer, Query(chosen): Query<Chosen>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    viewer.require(Permission::EditCatalogue)?;
    let filter = CatalogueFilter {
        words: chosen.q.trim().to_owned(),
        category: chosen.category.clone(),
        undecided: true,
        skip: chosen.skip,
        ..CatalogueFilter::default()
    };
    let mut list = viewer.control.catalogue(Some(&viewer.actor), &filter).await?;
    list.rows.truncate(UPKEEP_ROWS_MAX);
    let next = chosen.skip.saturating_add(list.rows.len());
    let more = (next < list.total && !list.rows.is_empty()).then(|| {
        let skip = next.to_string();
        let category = chosen.category.as_str();
        Href::new(
            "/desk/catalogue",
            &[("q", &filter.words), ("category", category), ("skip", &skip)],
        )
    });
    let mut categories =
        vec![(String::new(), page.t("upkeep-any-category"), chosen.category.is_empty())];
    categories.extend(page.category_choices(&[chosen.category.as_str()]));
    html(&UpkeepPage {
        said: page.said(&chosen.said),
        filtered: !filter.words.is_empty() || !filter.category.is_empty(),
        words: filter.words,
        categories,
        rows: list.rows,
        total: list.total as u64,
        more,
        page,
    })
}

/// The form of a title.
#[derive(Template)]
#[template(path = "upkeep_title.html")]
struct FormPage {
    page: Page,
    said: Option<String>,
    problem: Option<String>,
    given: Given,
    categories: Vec<(String, String, bool)>,
    schemes: Vec<(String, String, bool)>,
    /// Prefixes of identifiers with their words.
    kinds: Vec<(&'static str, &'static str)>,
    /// The title as it is stored; `None`: it is new.
    stored: Option<TitleView>,
}

/// What the form holds.
#[derive(Debug, Clone, Default)]
struct Given {
    id: String,
    revision: String,
    name: String,
    name_ja: String,
    publisher: String,
    publisher_aliases: String,
    aliases: String,
    categories: Vec<String>,
    identifiers: String,
    version_scheme: String,
    official_hosts: String,
    end_of_life: String,
}

impl Given {
    /// From the stored document, which control wrote and which holds every field that is not empty.
    fn of_view(page: &Page, view: &TitleView) -> Self {
        let document: Value = serde_json::from_str(&view.document).unwrap_or_default();
        let text = |field: &str| {
            document.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let list = |field: &str| -> Vec<String> {
            let values = document.get(field).and_then(Value::as_array).into_iter().flatten();
            values.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let end = Timestamp::parse(&text("end_of_life")).ok();
        Self {
            id: text("id"),
            revision: view.revision.to_string(),
            name: text("name"),
            name_ja: text("name_ja"),
            publisher: text("publisher"),
            publisher_aliases: list("publisher_aliases").join("\n"),
            aliases: list("aliases").join("\n"),
            categories: list("categories"),
            identifiers: list("identifiers").join("\n"),
            version_scheme: text("version_scheme"),
            official_hosts: list("official_hosts").join("\n"),
            end_of_life: end.map(|at| page.day_input(at)).unwrap_or_default(),
        }
    }

    fn of_pairs(pairs: &Pairs) -> Self {
        let text = |name: &str| one(pairs, name).to_owned();
        Self {
            id: text("id"),
            revision: text("revision"),
            name: text("name"),
            name_ja: text("name_ja"),
            publisher: text("publisher"),
            publisher_aliases: lines(pairs, "publisher_aliases").join("\n"),
            aliases: lines(pairs, "aliases").join("\n"),
            categories: many(pairs, "category").map(str::to_owned).collect(),
            identifiers: lines(pairs, "identifiers").join("\n"),
            version_scheme: text("version_scheme"),
            official_hosts: lines(pairs, "official_hosts").join("\n"),
            end_of_life: text("end_of_life"),
        }
    }

    /// The document that control checks and stores.
    fn document(&self, page: &Page) -> Result<String, String> {
        let mut document = Map::new();
        let mut set = |field: &str, value: Value| document.insert(field.to_owned(), value);
        for (field, text) in [
            ("id", &self.id),
            ("name", &self.name),
            ("name_ja", &self.name_ja),
            ("publisher", &self.publisher),
        ] {
            set(field, Value::from(text.as_str()));
        }
        for (field, text) in [
            ("publisher_aliases", &self.publisher_aliases),
            ("aliases", &self.aliases),
            ("identifiers", &self.identifiers),
            ("official_hosts", &self.official_hosts),
        ] {
            set(field, text.lines().map(Value::from).collect());
        }
        set("categories", self.categories.iter().map(|one| Value::from(one.as_str())).collect());
        let scheme = Scheme::of_name(&self.version_scheme).unwrap_or_default();
        set("version_scheme", Value::from(scheme.name()));
        let end = page.end_of_day(&self.end_of_life).map_err(|_| page.t("policy-bad-day"))?;
        if let Some(end) = end {
            set("end_of_life", Value::from(end.to_string()));
        }
        Ok(Value::Object(document).to_string())
    }
}

fn form(
    page: Page,
    given: Given,
    stored: Option<TitleView>,
    said: Option<String>,
    problem: Option<String>,
) -> FormPage {
    let chosen: Vec<&str> = given.categories.iter().map(String::as_str).collect();
    let japanese = page.tag() == "ja";
    let schemes = Scheme::ALL
        .iter()
        .map(|one| {
            let chosen = one.name() == given.version_scheme;
            (one.name().to_owned(), page.word("scheme", one.name()), chosen)
        })
        .collect();
    let kinds = IdentifierKind::ALL.iter().map(|kind| (kind.name(), kind.label(japanese)));
    FormPage {
        categories: page.category_choices(&chosen),
        schemes,
        kinds: kinds.collect(),
        page,
        said,
        problem,
        given,
        stored,
    }
}

/// `GET /desk/catalogue/new`.
async fn begin(viewer: Viewer) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    viewer.require(Permission::EditCatalogue)?;
    html(&form(page, Given::default(), None, None, None))
}

#[derive(serde::Deserialize)]
struct Shown {
    #[serde(default)]
    said: String,
}

/// `GET /desk/catalogue/titles/{id}`.
async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    viewer.require(Permission::EditCatalogue)?;
    let stored = viewer.control.title(Some(&viewer.actor), &id).await?;
    let given = Given::of_view(&page, &stored);
    let said = page.said(&shown.said);
    html(&form(page, given, Some(stored), said, None))
}

/// `POST /desk/catalogue`: writes a title, new or edited.
async fn save(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    viewer.require(Permission::EditCatalogue)?;
    let given = Given::of_pairs(&pairs);
    let document = match given.document(&page) {
        Ok(document) => document,
        Err(problem) => return again(&viewer, page, given, problem).await,
    };
    // A new title must not write over one that has its id already.
    let is_new = given.revision.is_empty();
    if is_new && viewer.control.title(Some(&viewer.actor), &given.id).await.is_ok() {
        let problem = page.ts("upkeep-exists", &given.id);
        return again(&viewer, page, given, problem).await;
    }
    let revision = given.revision.parse().ok();
    match viewer.control.save_title(&viewer.actor, &document, revision).await {
        Ok(id) => Ok(back(&id, "said-saved")),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem = crate::refusal::message(&error, page.language());
            again(&viewer, page, given, problem).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn again(
    viewer: &Viewer,
    page: Page,
    given: Given,
    problem: String,
) -> Result<Response, Fault> {
    let stored = match given.revision.is_empty() {
        true => None,
        false => viewer.control.title(Some(&viewer.actor), &given.id).await.ok(),
    };
    html(&form(page, given, stored, None, Some(problem)))
}

/// `POST /desk/catalogue/titles/{id}/alternatives`.
async fn alternatives(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(pairs): Sent<Pairs>,
) -> Result<Response, Fault> {
    let titles = lines(&pairs, "alternatives");
    viewer.control.set_alternatives(&viewer.actor, &id, &titles).await?;
    Ok(back(&id, "said-saved"))
}

/// `POST /desk/catalogue/titles/{id}/retire`.
async fn retire(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(pairs): Sent<Pairs>,
) -> Result<Response, Fault> {
    viewer.control.retire_title(&viewer.actor, &id, one(&pairs, "reason")).await?;
    Ok(back(&id, "said-retired"))
}

fn back(id: &str, said: &str) -> Response {
    to(&Href::new(&format!("/desk/catalogue/titles/{}", segment(id)), &[("said", said)]))
}

impl Page {
    /// Categories of titles to choose from.
    fn category_choices(&self, chosen: &[&str]) -> Vec<(String, String, bool)> {
        let japanese = self.tag() == "ja";
        let entry = |one: &Category| {
            (one.name().to_owned(), one.label(japanese).to_owned(), chosen.contains(&one.name()))
        };
        Category::ALL.iter().map(entry).collect()
    }
}
