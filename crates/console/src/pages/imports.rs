//! An existing spreadsheet: uploaded, shown row by row as it will be read, then taken over as it was shown.

use crate::App;
use crate::fault::Fault;
use crate::limits::{IMPORT_ROWS_MAX, SHEET_BODY_BYTES_MAX};
use crate::page::{Page, Section};
use crate::pages::settings::to;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use control::Permission;
use control::view::requests::{Column, ImportPlan, ImportPreview, ImportRow};
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/desk/catalogue/import",
            get(ask).post(upload).layer(DefaultBodyLimit::max(SHEET_BODY_BYTES_MAX)),
        )
        .route("/desk/catalogue/imports/{id}", get(show))
        .route("/desk/catalogue/imports/{id}/commit", post(commit))
}

#[derive(Template)]
#[template(path = "import.html")]
struct AskPage {
    page: Page,
    problem: Option<String>,
}

/// `GET /desk/catalogue/import`.
async fn ask(viewer: Viewer) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    viewer.require(Permission::EditCatalogue)?;
    html(&AskPage { page, problem: None })
}

/// `POST /desk/catalogue/import`: reads the sheet; nothing changes but the preview is kept.
async fn upload(viewer: Viewer, mut body: Multipart) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    viewer.require(Permission::EditCatalogue)?;
    let malformed =
        |err: axum::extract::multipart::MultipartError| Fault::Malformed(err.to_string());
    let mut bytes = None;
    while let Some(field) = body.next_field().await.map_err(malformed)? {
        if field.name() == Some("sheet") && field.file_name().is_some_and(|name| !name.is_empty()) {
            bytes = Some(field.bytes().await.map_err(malformed)?);
        }
    }
    let Some(bytes) = bytes else {
        let problem = Some(page.t("import-no-file"));
        return html(&AskPage { page, problem });
    };
    match viewer.control.preview_import(&viewer.actor, &bytes).await {
        Ok(preview) => Ok(back(&preview.id, "")),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem = Some(crate::refusal::message(&error, page.language()));
            html(&AskPage { page, problem })
        }
        Err(error) => Err(error.into()),
    }
}

/// Which rows of a preview are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    New,
    Known,
    Repeats,
    Skipped,
    Aside,
    Remarks,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::All,
        Self::New,
        Self::Known,
        Self::Repeats,
        Self::Skipped,
        Self::Remarks,
        Self::Aside,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::All => "",
            Self::New => "new",
            Self::Known => "known",
            Self::Repeats => "repeats",
            Self::Skipped => "skipped",
            Self::Aside => "aside",
            Self::Remarks => "remarks",
        }
    }

    fn of_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|one| one.name() == name).unwrap_or(Self::All)
    }

    const fn key(self) -> &'static str {
        match self {
            Self::All => "import-all",
            Self::New => "import-new",
            Self::Known => "import-known",
            Self::Repeats => "import-repeats",
            Self::Skipped => "import-skipped",
            Self::Aside => "import-aside",
            Self::Remarks => "import-remarked",
        }
    }

    fn has(self, row: &ImportRow) -> bool {
        match self {
            Self::All => row.plan != ImportPlan::Aside,
            Self::New => matches!(row.plan, ImportPlan::NewTitle(_)),
            Self::Known => matches!(row.plan, ImportPlan::Known(..)),
            Self::Repeats => matches!(row.plan, ImportPlan::Repeats(_)),
            Self::Skipped => row.plan == ImportPlan::Skipped,
            Self::Aside => row.plan == ImportPlan::Aside,
            Self::Remarks => row.plan != ImportPlan::Aside && !row.remarks.is_empty(),
        }
    }
}

#[derive(serde::Deserialize)]
struct Chosen {
    #[serde(default)]
    part: String,
    #[serde(default)]
    skip: usize,
    #[serde(default)]
    said: String,
}

#[derive(Template)]
#[template(path = "import_preview.html")]
struct PreviewPage {
    page: Page,
    said: Option<String>,
    problem: Option<String>,
    preview: ImportPreview,
    parts: Vec<(Href, String, u64, bool)>,
    rows: Vec<ImportRow>,
    more: Option<Href>,
    /// Whether the person may also make the decisions that the sheet holds.
    may_commit: bool,
}

/// `GET /desk/catalogue/imports/{id}`.
async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(chosen): Query<Chosen>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    let preview = viewer.control.import_preview(&viewer.actor, &id).await?;
    preview_page(&viewer, page, preview, &chosen, None)
}

fn preview_page(
    viewer: &Viewer,
    page: Page,
    mut preview: ImportPreview,
    chosen: &Chosen,
    problem: Option<String>,
) -> Result<Response, Fault> {
    let path = format!("/desk/catalogue/imports/{}", segment(&preview.id));
    let part = Part::of_name(&chosen.part);
    let all = std::mem::take(&mut preview.rows);
    let parts = Part::ALL
        .into_iter()
        .map(|one| {
            let number = all.iter().filter(|row| one.has(row)).count() as u64;
            (Href::new(&path, &[("part", one.name())]), page.t(one.key()), number, one == part)
        })
        .collect();
    let mut rows: Vec<ImportRow> =
        all.into_iter().filter(|row| part.has(row)).skip(chosen.skip).collect();
    let has_more = rows.len() > IMPORT_ROWS_MAX;
    rows.truncate(IMPORT_ROWS_MAX);
    let more = has_more.then(|| {
        let skip = chosen.skip.saturating_add(IMPORT_ROWS_MAX).to_string();
        Href::new(&path, &[("part", part.name()), ("skip", &skip)])
    });
    let may_commit = viewer.actor.may(Permission::DecideRequests);
    let said = page.said(&chosen.said);
    html(&PreviewPage { page, said, problem, preview, parts, rows, more, may_commit })
}

/// `POST /desk/catalogue/imports/{id}/commit`: exactly what was shown.
async fn commit(viewer: Viewer, Path(id): Path<String>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    match viewer.control.commit_import(&viewer.actor, &id).await {
        Ok(_) => Ok(back(&id, "said-imported")),
        Err(control::ControlError::Changed { .. }) => {
            let preview = viewer.control.import_preview(&viewer.actor, &id).await?;
            let problem = Some(page.t("import-changed"));
            let chosen = Chosen { part: String::new(), skip: 0, said: String::new() };
            preview_page(&viewer, page, preview, &chosen, problem)
        }
        Err(error) => Err(error.into()),
    }
}

fn back(id: &str, said: &str) -> Response {
    let path = format!("/desk/catalogue/imports/{}", segment(id));
    match said {
        "" => to(&Href::new(&path, &[])),
        said => to(&Href::new(&path, &[("said", said)])),
    }
}

impl Page {
    /// What a column of a sheet is taken for.
    fn column_word(&self, name: impl AsRef<str>) -> String {
        let name = name.as_ref();
        let known = Column::ALL.iter().find(|column| column.name() == name);
        let label = |column: &Column| column.label(self.tag() == "ja").to_owned();
        known.map_or_else(|| self.t("import-not-read"), label)
    }
}
