//! Packs of rules, and lists for the placeholders of rules.

use crate::App;
use crate::fault::Fault;
use crate::limits::LIST_BODY_BYTES_MAX;
use crate::page::{Page, Section};
use crate::pages::requests::Said;
use crate::pages::settings::to;
use crate::pairs::{Pairs, one};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Form as Sent, Query};
use axum::response::Response;
use axum::routing::{get, post};
use control::Permission;
use control::view::rule_lists::{KeptList, ListOrigin, PackTrust, RuleLists, RulePack};
use std::sync::Arc;

/// Live lists, with the keys of the words about them.
const LIVE: [(&str, &str); 9] = [
    ("%Devices%", "rule-list-live-devices"),
    ("%Servers%, %Workstations% …", "rule-list-live-groups"),
    ("%Devices_部署%", "rule-list-live-department"),
    ("%Departments%, %DeviceGroups%", "rule-list-live-names"),
    ("%People%, %Administrators%", "rule-list-live-people"),
    ("%OfficialHosts%", "rule-list-live-hosts"),
    ("%Titles_denied% …", "rule-list-live-titles"),
    ("%Programs_unapproved% …", "rule-list-live-programs"),
    ("%Hashes_denied% …", "rule-list-live-hashes"),
];

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/rules/packs", get(packs))
        .route("/rules/lists", get(list))
        .route("/rules/lists/remove", post(remove))
        .route("/rules/lists/edit", get(edit).post(save))
        .layer(DefaultBodyLimit::max(LIST_BODY_BYTES_MAX))
}

#[derive(Template)]
#[template(path = "rule_packs.html")]
struct PacksPage {
    page: Page,
    packs: Vec<RulePack>,
}

/// `GET /rules/packs`.
async fn packs(viewer: Viewer) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let packs = viewer.control.rule_packs(&viewer.actor).await?;
    html(&PacksPage { page, packs })
}

#[derive(Template)]
#[template(path = "rule_lists.html")]
struct ListsPage {
    page: Page,
    said: Option<String>,
    lists: RuleLists,
    live: [(&'static str, &'static str); 9],
}

/// `GET /rules/lists`.
async fn list(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let lists = viewer.control.rule_lists_shown(&viewer.actor).await?;
    html(&ListsPage { said: page.said(&said.said), lists, live: LIVE, page })
}

#[derive(Template)]
#[template(path = "rule_list_edit.html")]
struct EditPage {
    page: Page,
    name: String,
    description: String,
    values: String,
    version: i64,
    by: String,
    changed: Option<String>,
    problem: Option<String>,
}

#[derive(serde::Deserialize)]
struct Wanted {
    #[serde(default)]
    name: String,
}

/// `GET /rules/lists/edit`: a list that people keep, or a new one.
async fn edit(viewer: Viewer, Query(wanted): Query<Wanted>) -> Result<Response, Fault> {
    viewer.require(Permission::EditRules)?;
    let page = viewer.page(Section::Rules);
    let KeptList { name, description, values, changed_by, changed_at, version } =
        viewer.control.kept_rule_list(&viewer.actor, &wanted.name).await?;
    html(&EditPage {
        changed: changed_at.map(|at| page.day(at)),
        values: values.join("\n"),
        by: changed_by,
        problem: None,
        name,
        description,
        version,
        page,
    })
}

/// `POST /rules/lists/edit`.
async fn save(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let version: i64 = one(&pairs, "version").parse().unwrap_or(0);
    let (name, description) = (one(&pairs, "name"), one(&pairs, "description"));
    let values = one(&pairs, "values");
    let (control, actor) = (&viewer.control, &viewer.actor);
    let saved = control.save_rule_list(actor, name, version, description, values).await;
    after(&viewer, &pairs, saved)
}

/// `POST /rules/lists/remove`.
async fn remove(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let removed = viewer.control.remove_rule_list(&viewer.actor, one(&pairs, "name")).await;
    after(&viewer, &pairs, removed)
}

/// Back to the lists, or the form again with what is wrong.
fn after(
    viewer: &Viewer,
    pairs: &Pairs,
    done: Result<(), control::ControlError>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    match done {
        Ok(()) => Ok(to(&Href::new("/rules/lists", &[("said", "said-saved")]))),
        Err(error) if crate::refusal::is_about_the_form(&error) => html(&EditPage {
            problem: Some(crate::refusal::message(&error, page.language())),
            name: one(pairs, "name").to_owned(),
            description: one(pairs, "description").to_owned(),
            values: one(pairs, "values").replace("\r\n", "\n"),
            version: one(pairs, "version").parse().unwrap_or(0),
            by: String::new(),
            changed: None,
            page,
        }),
        Err(error) => Err(error.into()),
    }
}
