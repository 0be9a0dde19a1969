//! People, their roles and departments, and whose which device is.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section, ZONES};
use crate::pages::requests::Said;
use crate::pages::settings::to;
use crate::pairs::{Pairs, many, one, some};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use control::view::people::{DepartmentRow, Invitation, OwnedDevice, PersonRow};
use control::{Language, NewPerson, PersonChange, Principal, Role};
use model::DeviceId;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/people", get(list).post(add))
        .route("/people/departments", post(add_department))
        .route("/people/devices/{id}", post(own))
        .route("/people/{id}", get(show).post(change))
        .route("/people/{id}/{action}", post(act))
}

type Choice = (String, String, bool);

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    page: Page,
    said: Option<String>,
    people: Vec<PersonRow>,
    departments: Vec<DepartmentRow>,
    devices: Vec<OwnedDevice>,
    roles: Vec<Choice>,
    languages: Vec<Choice>,
    zones: Vec<Choice>,
    problem: Option<String>,
}

/// `GET /people`.
async fn list(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::People);
    let said = page.said(&said.said);
    html(&people_page(&viewer, page, said, None).await?)
}

async fn people_page(
    viewer: &Viewer,
    page: Page,
    said: Option<String>,
    problem: Option<String>,
) -> Result<PeoplePage, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let people = control.people(actor).await?;
    let departments = control.departments(actor).await?;
    let devices = control.device_owners(actor).await?;
    let roles = page.role_choices(&[Role::Employee]);
    let languages = page.language_choices(Language::Ja);
    let zones = zone_choices("Asia/Tokyo");
    Ok(PeoplePage { page, said, people, departments, devices, roles, languages, zones, problem })
}

fn zone_choices(chosen: &str) -> Vec<Choice> {
    let entry = |zone: &&str| ((*zone).to_owned(), (*zone).to_owned(), *zone == chosen);
    ZONES.iter().map(entry).collect()
}

fn roles_of(pairs: &Pairs) -> Vec<Role> {
    many(pairs, "role").filter_map(Role::of_name).collect()
}

fn language_of(text: &str) -> Language {
    if text == "en" { Language::En } else { Language::Ja }
}

/// `POST /people`.
async fn add(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let new = NewPerson {
        name: one(&pairs, "name").to_owned(),
        roles: roles_of(&pairs),
        language: language_of(one(&pairs, "language")),
        time_zone: one(&pairs, "zone").to_owned(),
        department: some(&pairs, "department"),
        manager: some(&pairs, "manager"),
        limited_to: Vec::new(),
    };
    match viewer.control.add_person(Principal::Person(&viewer.actor), &new).await {
        Ok(person) => Ok(to(&Href::new(&format!("/people/{}", segment(&person.id)), &[]))),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let page = viewer.page(Section::People);
            let problem = Some(crate::refusal::message(&error, page.language()));
            html(&people_page(&viewer, page, None, problem).await?)
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(serde::Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

/// `POST /people/departments`.
async fn add_department(viewer: Viewer, Sent(given): Sent<Named>) -> Result<Response, Fault> {
    let principal = Principal::Person(&viewer.actor);
    viewer.control.add_department(principal, given.name.trim()).await?;
    Ok(to(&Href::new("/people", &[("said", "said-saved")])))
}

#[derive(serde::Deserialize)]
struct Owner {
    #[serde(default)]
    owner: String,
}

/// `POST /people/devices/{id}`: whose a device is.
async fn own(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(given): Sent<Owner>,
) -> Result<Response, Fault> {
    let id = DeviceId::parse(&id).map_err(|_| Fault::NotFound)?;
    let owner = (!given.owner.is_empty()).then_some(given.owner.as_str());
    let principal = Principal::Person(&viewer.actor);
    viewer.control.set_device_owner(principal, id, owner).await?;
    Ok(to(&Href::new("/people", &[("said", "said-saved")])))
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    page: Page,
    said: Option<String>,
    person: PersonRow,
    departments: Vec<Choice>,
    managers: Vec<Choice>,
    roles: Vec<Choice>,
    languages: Vec<Choice>,
    zones: Vec<Choice>,
    /// The link of an invitation that was made just now: shown once.
    link: Option<String>,
    until: Option<String>,
    is_self: bool,
}

/// `GET /people/{id}`.
async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::People);
    let said = page.said(&said.said);
    html(&person_page(&viewer, page, &id, said, None).await?)
}

async fn person_page(
    viewer: &Viewer,
    page: Page,
    id: &str,
    said: Option<String>,
    invitation: Option<(Invitation, String)>,
) -> Result<PersonPage, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let person = control.person(actor, id).await?;
    let none = |chosen: bool| (String::new(), page.t("people-none-chosen"), chosen);
    let mut departments = vec![none(person.department.is_none())];
    departments.extend(control.departments(actor).await?.into_iter().map(|row| {
        let chosen = person.department.as_deref() == Some(row.name.as_str());
        (row.name.clone(), row.name, chosen)
    }));
    let mut managers = vec![none(person.manager.is_none())];
    managers.extend(control.people(actor).await?.into_iter().filter(|row| row.id != id).map(
        |row| {
            let chosen = person.manager.as_deref() == Some(row.name.as_str());
            (row.name.clone(), row.name, chosen)
        },
    ));
    let (link, until) = match invitation {
        Some((made, host)) => {
            let path = Href::new("/signin", &[("token", &made.token)]);
            (Some(format!("{host}{path}")), Some(page.when(made.expires_at).text))
        }
        None => (None, None),
    };
    Ok(PersonPage {
        said,
        departments,
        managers,
        roles: page.role_choices(&person.roles),
        languages: page.language_choices(person.language),
        zones: zone_choices(&person.time_zone),
        link,
        until,
        is_self: person.id == actor.id(),
        person,
        page,
    })
}

/// `POST /people/{id}`.
async fn change(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(pairs): Sent<Pairs>,
) -> Result<Response, Fault> {
    let principal = Principal::Person(&viewer.actor);
    let change = PersonChange {
        language: Some(language_of(one(&pairs, "language"))),
        time_zone: some(&pairs, "zone"),
        department: Some(some(&pairs, "department")),
        manager: Some(some(&pairs, "manager")),
    };
    viewer.control.change_person(principal, &id, &change).await?;
    Ok(back(&id, "said-saved"))
}

/// `POST /people/{id}/roles|invite|disable|enable`.
async fn act(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
    headers: axum::http::HeaderMap,
    Sent(pairs): Sent<Pairs>,
) -> Result<Response, Fault> {
    let control = &viewer.control;
    let principal = Principal::Person(&viewer.actor);
    match action.as_str() {
        "roles" => {
            control.set_roles(principal, &id, &roles_of(&pairs), &[]).await?;
        }
        "invite" => {
            let made = control.invite_person(principal, &id).await?;
            let page = viewer.page(Section::People);
            let said = page.said("said-invited");
            // The host was checked against our own names before this handler ran.
            let host = headers.get(axum::http::header::HOST).and_then(|host| host.to_str().ok());
            let asked = || format!("http://{}", host.unwrap_or_default());
            let origin = app.public_url.clone().unwrap_or_else(asked);
            return html(&person_page(&viewer, page, &id, said, Some((made, origin))).await?);
        }
        "disable" => {
            control.disable_person(principal, &id).await?;
        }
        "enable" => {
            control.enable_person(principal, &id).await?;
        }
        _ => return Err(Fault::NotFound),
    }
    Ok(back(&id, "said-saved"))
}

fn back(id: &str, said: &str) -> Response {
    to(&Href::new(&format!("/people/{}", segment(id)), &[("said", said)]))
}

impl Page {
    fn role_choices(&self, chosen: &[Role]) -> Vec<Choice> {
        let entry = |role: &Role| {
            (role.name().to_owned(), self.word("role", role.name()), chosen.contains(role))
        };
        Role::ALL.iter().map(entry).collect()
    }

    fn language_choices(&self, chosen: Language) -> Vec<Choice> {
        vec![
            ("ja".to_owned(), self.t("language-ja"), chosen == Language::Ja),
            ("en".to_owned(), self.t("language-en"), chosen == Language::En),
        ]
    }
}
