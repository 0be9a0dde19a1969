//! Recommended tools: cards that people write.

use crate::audit::{Action, Cause, Entry};
use crate::limits::{CARD_TEXT_CHARS_MAX, CARDS_MAX};
use crate::request_rows::{document, json};
use crate::view::requests::{Card, CardView};
use crate::{Actor, Control, ControlError, Permission, random};
use case::catalogue::conditions_line;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row as _;
use std::collections::HashMap;

/// The stored form of a card.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredCard {
    pub(crate) title: String,
    pub(crate) heading_ja: String,
    pub(crate) heading_en: String,
    pub(crate) text_ja: String,
    pub(crate) text_en: String,
    pub(crate) url: String,
    pub(crate) group_ja: String,
    pub(crate) group_en: String,
    pub(crate) instead_of: Vec<String>,
}

/// The cards as the catalogue needs them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cards {
    pub(crate) titles: HashMap<String, StoredCard>,
    /// Titles of cards by the title that they stand in for.
    pub(crate) instead_of: HashMap<String, Vec<String>>,
}

/// Every card.
pub(crate) async fn cards(reading: impl sqlx::AnyExecutor<'_>) -> Result<Cards, ControlError> {
    let rows = sqlx::query("SELECT id, document FROM recommended_card ORDER BY place, id")
        .fetch_all(reading)
        .await?;
    let mut cards = Cards::default();
    for row in &rows {
        let card: StoredCard =
            document(&row.try_get::<String, _>(0)?, &row.try_get::<String, _>(1)?)?;
        if card.title.is_empty() {
            continue;
        }
        for title in &card.instead_of {
            cards.instead_of.entry(title.clone()).or_default().push(card.title.clone());
        }
        cards.titles.insert(card.title.clone(), card);
    }
    Ok(cards)
}

impl Control {
    /// The recommended tools, in the order of their places.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn recommended(&self, actor: Option<&Actor>) -> Result<Vec<CardView>, ControlError> {
        let desk = self.desk_for(actor).await?;
        let rows = sqlx::query(
            "SELECT c.id, c.document, c.place, p.name, c.changed_at FROM recommended_card AS c \
             JOIN person AS p ON p.id = c.changed_by ORDER BY c.place, c.id",
        )
        .fetch_all(self.store.pool())
        .await?;
        let mut cards = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: String = row.try_get(0)?;
            let stored: StoredCard = document(&id, &row.try_get::<String, _>(1)?)?;
            let judged = (!stored.title.is_empty()).then(|| desk.judge(&stored.title, ""));
            let conditions = judged.map(|judged| conditions_line(judged.conditions()));
            let (conditions_ja, conditions_en) = conditions.unwrap_or_default();
            cards.push(CardView {
                may: judged.map(|judged| judged.may),
                conditions_ja,
                conditions_en,
                by: row.try_get(3)?,
                at: Timestamp::from_nanos(row.try_get(4)?),
                card: card_of(id, stored, row.try_get(2)?),
            });
        }
        Ok(cards)
    }

    /// Writes a card, new (empty id) or edited; its id.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::BadArgument`], [`ControlError::NotFound`] for a title that
    /// does not exist.
    pub async fn save_card(&self, actor: &Actor, card: &Card) -> Result<String, ControlError> {
        self.require(actor, &[Permission::EditCatalogue], "save_card").await?;
        check(card)?;
        let mut writing = self.store.write().await?;
        for title in card.instead_of.iter().chain(Some(&card.title).filter(|id| !id.is_empty())) {
            crate::titles::load(&mut *writing, title).await?;
        }
        let count: i64 = sqlx::query("SELECT COUNT(*) FROM recommended_card")
            .fetch_one(&mut *writing)
            .await?
            .try_get(0)?;
        if card.id.is_empty() && count >= CARDS_MAX {
            return Err(bad("there are too many cards"));
        }
        let id = if card.id.is_empty() {
            format!("{:032x}", random::id_bits()?)
        } else {
            card.id.clone()
        };
        let stored = StoredCard {
            title: card.title.clone(),
            heading_ja: card.heading_ja.trim().to_owned(),
            heading_en: card.heading_en.trim().to_owned(),
            text_ja: card.text_ja.trim().to_owned(),
            text_en: card.text_en.trim().to_owned(),
            url: card.url.trim().to_owned(),
            group_ja: card.group_ja.trim().to_owned(),
            group_en: card.group_en.trim().to_owned(),
            instead_of: card.instead_of.clone(),
        };
        sqlx::query(
            "INSERT INTO recommended_card (id, document, place, changed_by, changed_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET document = excluded.document, \
             place = excluded.place, changed_by = excluded.changed_by, changed_at = excluded.changed_at",
        )
        .bind(&id)
        .bind(json(&stored))
        .bind(card.place)
        .bind(actor.id())
        .bind(self.clock.now().nanos())
        .execute(&mut *writing)
        .await?;
        let detail = json!({ "step": "save", "heading": stored.heading_en, "title": stored.title });
        self.append(&mut writing, &entry(actor, &id, detail)).await?;
        writing.commit().await?;
        Ok(id)
    }

    /// Removes a card.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn delete_card(&self, actor: &Actor, id: &str) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditCatalogue], "delete_card").await?;
        let mut writing = self.store.write().await?;
        let gone = sqlx::query("DELETE FROM recommended_card WHERE id = $1")
            .bind(id)
            .execute(&mut *writing)
            .await?;
        if gone.rows_affected() != 1 {
            return Err(ControlError::NotFound { what: "card", id: id.chars().take(40).collect() });
        }
        self.append(&mut writing, &entry(actor, id, json!({ "step": "delete" }))).await?;
        writing.commit().await
    }
}

fn entry<'a>(actor: &'a Actor, id: &str, detail: serde_json::Value) -> Entry<'a> {
    let target = format!("card {id}");
    Entry { cause: Cause::Person(actor), action: Action::CardChanged, target, detail }
}

fn check(card: &Card) -> Result<(), ControlError> {
    let is_wordless = card.heading_ja.trim().is_empty() && card.heading_en.trim().is_empty();
    if is_wordless {
        return Err(bad("its heading is missing"));
    }
    let texts = [
        &card.heading_ja,
        &card.heading_en,
        &card.text_ja,
        &card.text_en,
        &card.group_ja,
        &card.group_en,
        &card.url,
    ];
    if texts.iter().any(|text| text.chars().count() > CARD_TEXT_CHARS_MAX) {
        return Err(bad("one of its texts is too long"));
    }
    let is_web = card.url.starts_with("https://") || card.url.starts_with("http://");
    if !card.url.trim().is_empty() && !is_web {
        return Err(bad("its address must begin with https://"));
    }
    if card.instead_of.len() > 50 || card.instead_of.contains(&card.title) {
        return Err(bad("it stands in for at most 50 other titles"));
    }
    Ok(())
}

const fn bad(reason: &'static str) -> ControlError {
    ControlError::BadArgument { what: "the card", reason }
}

fn card_of(id: String, stored: StoredCard, place: i64) -> Card {
    Card {
        id,
        title: stored.title,
        heading_ja: stored.heading_ja,
        heading_en: stored.heading_en,
        text_ja: stored.text_ja,
        text_en: stored.text_en,
        url: stored.url,
        group_ja: stored.group_ja,
        group_en: stored.group_en,
        instead_of: stored.instead_of,
        place,
    }
}
