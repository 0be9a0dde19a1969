//! Titles of the catalogue in the store: shipped ones, imported ones, those that requests brought, edited ones.
//!
//! Invariant: a title that a person edited is never overwritten by the titles shipped with a newer version.

use crate::audit::{Action, Cause, Entry};
use crate::catalogue::bump;
use crate::limits::TITLE_BYTES_MAX;
use crate::request_rows::{document, json};
use crate::store::Writing;
use crate::{Actor, Control, ControlError, Permission};
use case::decision::{Life, Turn};
use model::Timestamp;
use serde_json::json;
use software::{Title, TitleId, Titles, normalise};
use sqlx::Row as _;
use std::collections::HashMap;

/// A stored title.
#[derive(Debug, Clone)]
pub(crate) struct StoredTitle {
    pub(crate) title: Title,
    pub(crate) origin: String,
    pub(crate) alternatives: Vec<String>,
    pub(crate) revision: i64,
    pub(crate) retired_at: Option<Timestamp>,
}

impl Control {
    /// Brings the titles shipped with this version into the catalogue: new ones are added, those that nobody edited
    /// are renewed.
    pub(crate) async fn seed_titles(&self) -> Result<(), ControlError> {
        let mut writing = self.store.write().await?;
        let known: HashMap<String, StoredTitle> = all(&mut *writing)
            .await?
            .into_iter()
            .map(|stored| (stored.title.id.to_string(), stored))
            .collect();
        let now = self.clock.now();
        let mut changed = false;
        for title in software::seed::titles() {
            let old = known.get(title.id.as_str());
            let is_theirs = old.is_some_and(|old| old.origin != SEED || old.revision != 1);
            if is_theirs || old.is_some_and(|old| old.title == *title) {
                continue;
            }
            write(&mut writing, title, SEED, now).await?;
            changed = true;
        }
        if changed {
            bump(&mut writing, "titles_revision").await?;
            self.titles_changed(&mut writing).await?;
            writing.commit().await?;
        }
        Ok(())
    }

    /// Writes a title, new or edited; its id. With a revision, refuses when somebody else edited it meanwhile.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::BadArgument`] for what is no title,
    /// [`ControlError::Changed`].
    pub async fn save_title(
        &self,
        actor: &Actor,
        document: &str,
        revision: Option<i64>,
    ) -> Result<String, ControlError> {
        self.require(actor, &[Permission::EditCatalogue], "save_title").await?;
        let bad = |reason| ControlError::BadArgument { what: "the title", reason };
        if document.len() > TITLE_BYTES_MAX {
            return Err(bad("it is too large"));
        }
        let title: Title =
            serde_json::from_str(document).map_err(|_| bad("it is not the JSON of a title"))?;
        if title.name.trim().is_empty() || title.names().any(|name| name.chars().count() > 200) {
            return Err(bad("its names must have 1 to 200 characters"));
        }
        if title.names().any(|name| name.chars().any(char::is_control)) {
            return Err(bad("its names must not hold control characters"));
        }
        let mut writing = self.store.write().await?;
        let id = title.id.to_string();
        let old = match load(&mut *writing, &id).await {
            Ok(old) => Some(old),
            Err(ControlError::NotFound { .. }) => None,
            Err(err) => return Err(err),
        };
        if revision.is_some() && revision != old.as_ref().map(|old| old.revision) {
            return Err(ControlError::Changed { what: "title", id });
        }
        write(&mut writing, &title, "person", self.clock.now()).await?;
        let detail = json!({ "step": "save", "name": title.name });
        self.title_entry(&mut writing, Cause::Person(actor), &id, detail).await?;
        bump(&mut writing, "titles_revision").await?;
        self.titles_changed(&mut writing).await?;
        writing.commit().await?;
        Ok(id)
    }

    /// Takes a title out of the catalogue at its end of life; its decisions retire with it.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::Refused`] without a reason.
    pub async fn retire_title(
        &self,
        actor: &Actor,
        title: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditCatalogue], "retire_title").await?;
        let mut writing = self.store.write().await?;
        load(&mut *writing, title).await?;
        let now = self.clock.now();
        sqlx::query(
            "UPDATE title SET retired_at = $1, retired_reason = $2, revision = revision + 1, \
             changed_at = $1 WHERE id = $3 AND retired_at IS NULL",
        )
        .bind(now.nanos())
        .bind(crate::store::storable(reason).into_owned())
        .bind(title)
        .execute(&mut *writing)
        .await?;
        for stored in crate::decision_rows::of_title(&mut *writing, title).await? {
            if matches!(stored.decision.life, Life::Active | Life::ReReview | Life::Suspended) {
                let turn = Turn::Retire { reason: reason.to_owned() };
                self.take_turn(&mut writing, stored, &turn, actor.into()).await?;
            }
        }
        let detail = json!({ "step": "retire", "reason": reason });
        self.title_entry(&mut writing, Cause::Person(actor), title, detail).await?;
        bump(&mut writing, "titles_revision").await?;
        bump(&mut writing, "decisions_revision").await?;
        self.title_changed(&mut writing, title).await?;
        writing.commit().await
    }

    /// Says what to use instead of a title.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`] for a title that does not exist.
    pub async fn set_alternatives(
        &self,
        actor: &Actor,
        title: &str,
        alternatives: &[String],
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditCatalogue], "set_alternatives").await?;
        if alternatives.len() > 20 || alternatives.iter().any(|one| one == title) {
            let reason = "at most 20, and not the title itself";
            return Err(ControlError::BadArgument { what: "the alternatives", reason });
        }
        let mut writing = self.store.write().await?;
        load(&mut *writing, title).await?;
        for one in alternatives {
            load(&mut *writing, one).await?;
        }
        sqlx::query(
            "UPDATE title SET alternatives = $1, revision = revision + 1, changed_at = $2 WHERE id = $3",
        )
        .bind(json(&alternatives))
        .bind(self.clock.now().nanos())
        .bind(title)
        .execute(&mut *writing)
        .await?;
        let detail = json!({ "step": "alternatives", "titles": alternatives });
        self.title_entry(&mut writing, Cause::Person(actor), title, detail).await?;
        bump(&mut writing, "titles_revision").await?;
        writing.commit().await
    }

    pub(crate) async fn title_entry(
        &self,
        writing: &mut Writing,
        cause: Cause<'_>,
        title: &str,
        detail: serde_json::Value,
    ) -> Result<(), ControlError> {
        let target = format!("title {title}");
        self.append(writing, &Entry { cause, action: Action::TitleChanged, target, detail }).await
    }
}

/// Writes a title; an existing one is edited.
pub(crate) async fn write(
    writing: &mut Writing,
    title: &Title,
    origin: &str,
    now: Timestamp,
) -> Result<(), ControlError> {
    sqlx::query(
        "INSERT INTO title (id, document, origin, alternatives, revision, retired_at, retired_reason, \
         changed_at) VALUES ($1, $2, $3, '[]', 1, NULL, '', $4) ON CONFLICT (id) DO UPDATE SET \
         document = excluded.document, changed_at = excluded.changed_at, \
         revision = CASE WHEN excluded.origin = 'seed' AND title.origin = 'seed' THEN title.revision \
         ELSE title.revision + 1 END",
    )
    .bind(title.id.as_str())
    .bind(json(title))
    // An edited title keeps its origin; only the seed itself leaves the revision of its titles alone.
    .bind(origin)
    .bind(now.nanos())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

pub(crate) async fn load(
    reading: impl sqlx::AnyExecutor<'_>,
    id: &str,
) -> Result<StoredTitle, ControlError> {
    let row = sqlx::query(
        "SELECT id, document, origin, alternatives, revision, retired_at FROM title WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(reading)
    .await?;
    let Some(row) = row else {
        let id = id.chars().take(64).collect();
        return Err(ControlError::NotFound { what: "title", id });
    };
    of_row(&row)
}

pub(crate) async fn all(
    reading: impl sqlx::AnyExecutor<'_>,
) -> Result<Vec<StoredTitle>, ControlError> {
    let rows =
        sqlx::query("SELECT id, document, origin, alternatives, revision, retired_at FROM title")
            .fetch_all(reading)
            .await?;
    let mut titles: Vec<StoredTitle> = rows.iter().map(of_row).collect::<Result<_, _>>()?;
    titles.sort_by(|left, right| left.title.id.cmp(&right.title.id));
    Ok(titles)
}

fn of_row(row: &crate::store::Row) -> Result<StoredTitle, ControlError> {
    let id: String = row.try_get(0)?;
    Ok(StoredTitle {
        title: document(&id, &row.try_get::<String, _>(1)?)?,
        origin: row.try_get(2)?,
        alternatives: document(&id, &row.try_get::<String, _>(3)?)?,
        revision: row.try_get(4)?,
        retired_at: row.try_get::<Option<i64>, _>(5)?.map(Timestamp::from_nanos),
    })
}

/// The one title that is called exactly so.
pub(crate) fn exactly(titles: &Titles, name: &str) -> Option<String> {
    let hits = titles.similar(name);
    let mut exact = hits.iter().filter(|hit| hit.how == software::How::Exact);
    match (exact.next(), exact.next()) {
        (Some(hit), None) => Some(hit.title.to_string()),
        _ => None,
    }
}

/// An id for a new title, made of its name as far as that has letters, and unlike every one that is taken.
pub(crate) fn new_id(
    is_taken: impl Fn(&TitleId) -> bool,
    name: &str,
) -> Result<TitleId, ControlError> {
    let key = normalise(name).key;
    let letters: String = key
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' })
        .collect();
    let slug: String = letters.split_whitespace().collect::<Vec<_>>().join("-");
    let slug: String = slug.chars().take(40).collect();
    let slug = if slug.is_empty() { "title" } else { slug.trim_matches('-') };
    // Names in other letters get a tail that follows from the name alone.
    let digest: String =
        crate::digest::sha256_hex(name.trim().as_bytes()).chars().take(10).collect();
    let first =
        if key.is_ascii() && slug != "title" { String::new() } else { format!("-{digest}") };
    let tails = [first, format!("-{digest}")].into_iter();
    for tail in tails.chain((2..).map(|number: u32| format!("-{digest}-{number}"))) {
        let id = TitleId::parse(&format!("{slug}{tail}"))?;
        if !is_taken(&id) {
            return Ok(id);
        }
    }
    unreachable!("invariant: the numbers do not end before the titles do")
}

const SEED: &str = "seed";
