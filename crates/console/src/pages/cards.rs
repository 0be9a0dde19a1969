//! The cards of the recommended tools: written, put in order and taken away by people.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::requests::Said;
use crate::pages::settings::to;
use crate::pairs::{Pairs, lines, one};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use control::Permission;
use control::view::requests::{Card, CardView};
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/desk/recommended", get(list).post(save))
        .route("/desk/recommended/{id}/{action}", post(act))
}

#[derive(Template)]
#[template(path = "cards.html")]
struct CardsPage {
    page: Page,
    said: Option<String>,
    problem: Option<String>,
    cards: Vec<CardView>,
    /// The form of a new card, also with what was typed before a refusal.
    blank: Card,
}

/// `GET /desk/recommended`.
async fn list(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    viewer.require(Permission::EditCatalogue)?;
    let cards = viewer.control.recommended(Some(&viewer.actor)).await?;
    let said = page.said(&said.said);
    html(&CardsPage { page, said, problem: None, cards, blank: Card::default() })
}

fn card(pairs: &Pairs) -> Card {
    let text = |name: &str| one(pairs, name).to_owned();
    Card {
        id: text("id"),
        title: text("title"),
        heading_ja: text("heading_ja"),
        heading_en: text("heading_en"),
        text_ja: text("text_ja"),
        text_en: text("text_en"),
        url: text("url"),
        group_ja: text("group_ja"),
        group_en: text("group_en"),
        instead_of: lines(pairs, "instead_of"),
        place: one(pairs, "place").parse().unwrap_or(0),
    }
}

/// `POST /desk/recommended`: writes a card, new or edited. A new one goes to the end.
async fn save(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    viewer.require(Permission::EditCatalogue)?;
    let (control, actor) = (&viewer.control, &viewer.actor);
    let mut given = card(&pairs);
    let mut cards = control.recommended(Some(actor)).await?;
    match cards.iter().find(|view| view.card.id == given.id) {
        Some(known) => given.place = known.card.place,
        None => {
            given.id.clear();
            let last = cards.iter().map(|view| view.card.place).max().unwrap_or(0);
            given.place = last.saturating_add(1);
        }
    }
    match control.save_card(actor, &given).await {
        Ok(_) => Ok(to(&Href::new("/desk/recommended", &[("said", "said-saved")]))),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem = Some(crate::refusal::message(&error, page.language()));
            // What was typed stays in its form.
            let blank = match cards.iter_mut().find(|view| view.card.id == given.id) {
                Some(known) => {
                    known.card = given;
                    Card::default()
                }
                None => given,
            };
            html(&CardsPage { page, said: None, problem, cards, blank })
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /desk/recommended/{id}/up|down|delete`.
async fn act(
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
) -> Result<Response, Fault> {
    viewer.require(Permission::EditCatalogue)?;
    let (control, actor) = (&viewer.control, &viewer.actor);
    if action == "delete" {
        control.delete_card(actor, &id).await?;
        return Ok(to(&Href::new("/desk/recommended", &[("said", "said-deleted")])));
    }
    let cards = control.recommended(Some(actor)).await?;
    let mut order: Vec<Card> = cards.into_iter().map(|view| view.card).collect();
    let at = order.iter().position(|card| card.id == id).ok_or(Fault::NotFound)?;
    match action.as_str() {
        "up" if at > 0 => order.swap(at, at - 1),
        "down" if at + 1 < order.len() => order.swap(at, at + 1),
        "up" | "down" => {}
        _ => return Err(Fault::NotFound),
    }
    // Cards of one place stand by their id; numbering them anew makes the order the one that is seen.
    for (card, place) in order.iter_mut().zip(1i64..) {
        if card.place != place {
            card.place = place;
            control.save_card(actor, card).await?;
        }
    }
    Ok(to(&Href::new("/desk/recommended", &[("said", "said-saved")])))
}
