//! People, their roles and departments, and whose which device is.

use crate::App;
use crate::fault::Fault;
use crate::limits::PEOPLE_ROWS_MAX;
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
    /// Everybody, for the fields that name a person.
    everybody: Vec<String>,
    people: Vec<PersonRow>,
    departments: Vec<DepartmentRow>,
    devices: Vec<OwnedDevice>,
    /// Of how many people and devices the first are shown.
    people_all: u64,
    devices_all: u64,
    words: String,
    roles: Vec<Choice>,
    languages: Vec<Choice>,
    zones: Vec<Choice>,
    problem: Option<String>,
    /// Name and manager of somebody who is to be added, also after a refusal; and the department's choices.
    given_name: String,
    given_manager: String,
    choices: Vec<Choice>,
}

#[derive(serde::Deserialize)]
struct Looked {
    #[serde(default)]
    said: String,
    #[serde(default)]
    q: String,
}

/// `GET /people?q=…`.
async fn list(viewer: Viewer, Query(looked): Query<Looked>) -> Result<Response, Fault> {
    let page = viewer.page(Section::People);
    let said = page.said(&looked.said);
    html(&people_page(&viewer, page, said, looked.q, None, &Pairs::new()).await?)
}

async fn people_page(
    viewer: &Viewer,
    page: Page,
    said: Option<String>,
    words: String,
    problem: Option<String>,
    typed: &Pairs,
) -> Result<PeoplePage, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let departments = control.departments(actor).await?;
    let mut people = control.people(actor).await?;
    let everybody = people.iter().map(|row| row.name.clone()).collect();
    let asked = words.trim().to_lowercase();
    let hits = |text: &str| text.to_lowercase().contains(&asked);
    people.retain(|row| hits(&row.name) || row.department.as_deref().is_some_and(hits));
    let mut devices = control.device_owners(actor).await?;
    devices.retain(|row| {
        hits(&row.name) || row.owner.iter().chain(&row.department).any(|(_, name)| hits(name))
    });
    let (people_all, devices_all) = (people.len() as u64, devices.len() as u64);
    people.truncate(PEOPLE_ROWS_MAX);
    devices.truncate(PEOPLE_ROWS_MAX);
    let chosen = roles_of(typed);
    let roles = page.role_choices(if typed.is_empty() { &[Role::Employee][..] } else { &chosen });
    let languages = page.language_choices(language_of(one(typed, "language")));
    let zones = zone_choices(some(typed, "zone").as_deref().unwrap_or("Asia/Tokyo"));
    let department = one(typed, "department");
    let mut choices = vec![(String::new(), page.t("people-none-chosen"), department.is_empty())];
    choices.extend(
        departments.iter().map(|row| (row.name.clone(), row.name.clone(), row.name == department)),
    );
    Ok(PeoplePage {
        page,
        said,
        everybody,
        people,
        departments,
        devices,
        people_all,
        devices_all,
        words,
        roles,
        languages,
        zones,
        problem,
        given_name: one(typed, "name").to_owned(),
        given_manager: one(typed, "manager").to_owned(),
        choices,
    })
}

/// The page again with what was refused; nothing of the form is lost.
async fn refused(
    viewer: &Viewer,
    error: control::ControlError,
    typed: &Pairs,
) -> Result<Response, Fault> {
    if !crate::refusal::is_about_the_form(&error) {
        return Err(error.into());
    }
    let page = viewer.page(Section::People);
    let problem = Some(crate::refusal::message(&error, page.language()));
    html(&people_page(viewer, page, None, String::new(), problem, typed).await?)
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
    let manager = one(&pairs, "manager").trim();
    let people = viewer.control.people(&viewer.actor).await?;
    if !manager.is_empty() && !people.iter().any(|row| row.name == manager) {
        let page = viewer.page(Section::People);
        let problem = Some(page.ts("people-unknown", manager));
        let shown = people_page(&viewer, page, None, String::new(), problem, &pairs).await?;
        return html(&shown);
    }
    match viewer.control.add_person(Principal::Person(&viewer.actor), &new).await {
        Ok(person) => Ok(to(&Href::new(&format!("/people/{}", segment(&person.id)), &[]))),
        Err(error) => refused(&viewer, error, &pairs).await,
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
    match viewer.control.add_department(principal, given.name.trim()).await {
        Ok(_) => Ok(to(&Href::new("/people", &[("said", "said-saved")]))),
        Err(error) => refused(&viewer, error, &Pairs::new()).await,
    }
}

#[derive(serde::Deserialize)]
struct Owner {
    /// A person's name; empty: nobody.
    #[serde(default)]
    owner: String,
    #[serde(default)]
    q: String,
}

/// `POST /people/devices/{id}`: whose a device is.
async fn own(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(given): Sent<Owner>,
) -> Result<Response, Fault> {
    let id = DeviceId::parse(&id).map_err(|_| Fault::NotFound)?;
    let principal = Principal::Person(&viewer.actor);
    let name = given.owner.trim();
    let people = viewer.control.people(&viewer.actor).await?;
    let owner = people.iter().find(|row| row.name == name).map(|row| row.id.as_str());
    if owner.is_none() && !name.is_empty() {
        let page = viewer.page(Section::People);
        let problem = Some(page.ts("people-unknown", name));
        let shown = people_page(&viewer, page, None, given.q, problem, &Pairs::new()).await?;
        return html(&shown);
    }
    match viewer.control.set_device_owner(principal, id, owner).await {
        Ok(_) => Ok(to(&Href::new("/people", &[("said", "said-saved"), ("q", given.q.as_str())]))),
        Err(error) => refused(&viewer, error, &Pairs::new()).await,
    }
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
