//! The catalogue: every title with the decisions on it, kept in memory and made anew when one of them changes; and
//! the one question 「使えますか？」.

use crate::limits::{OPEN_COMPARED_MAX, SIMILAR_SHOWN};
use crate::recommended::{Cards, cards};
use crate::request_rows::document;
use crate::store::Writing;
use crate::titles::{self, StoredTitle};
use crate::view::PAGE_ROWS_MAX;
use crate::view::requests::{
    Alternative, Answer, CatalogueFilter, CatalogueList, CatalogueRow, May, OpenRequestHit,
    Similar, TitleHit, TitlePage, Why,
};
use crate::{Actor, Control, ControlError, Permission};
use case::catalogue::{Approvals, Asked, Judged, Standing, conditions_line};
use case::decision::Decision;
use case::form::Kind;
use case::request::State;
use model::Timestamp;
use software::{Title, Titles, clean, search_key};
use sqlx::Row as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The copy of the catalogue in memory.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    titles: Mutex<Option<TitlesCopy>>,
    approvals: Mutex<Option<(Revisions, Arc<Approvals>)>>,
}

#[derive(Debug, Clone)]
struct TitlesCopy {
    revision: i64,
    titles: Arc<Titles>,
    stored: Arc<HashMap<String, StoredTitle>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revisions {
    pub(crate) titles: i64,
    pub(crate) decisions: i64,
}

/// Counts a change of the catalogue.
pub(crate) async fn bump(writing: &mut Writing, counter: &'static str) -> Result<(), ControlError> {
    let sql = format!("UPDATE catalogue_state SET {counter} = {counter} + 1 WHERE only_row = 1");
    crate::scope::statement(sql).execute(&mut **writing).await?;
    Ok(())
}

pub(crate) async fn revisions(
    reading: impl sqlx::AnyExecutor<'_>,
) -> Result<Revisions, ControlError> {
    let row = sqlx::query(
        "SELECT titles_revision, decisions_revision FROM catalogue_state WHERE only_row = 1",
    )
    .fetch_one(reading)
    .await?;
    Ok(Revisions { titles: row.try_get(0)?, decisions: row.try_get(1)? })
}

/// Everything that an answer is made of.
pub(crate) struct Desk<'a> {
    pub(crate) titles: Arc<Titles>,
    pub(crate) stored: Arc<HashMap<String, StoredTitle>>,
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) cards: Cards,
    pub(crate) person: &'a str,
    pub(crate) department: &'a str,
    pub(crate) now: Timestamp,
}

impl Desk<'_> {
    pub(crate) fn judge(&self, title: &str, version: &str) -> Judged<'_> {
        let asked = Asked {
            title,
            version,
            person: self.person,
            department: self.department,
            ..Asked::default()
        };
        self.approvals.judge(&asked, self.now)
    }

    fn hit(&self, title: &Title, score: f64) -> TitleHit {
        TitleHit {
            title: title.id.to_string(),
            name: title.name.clone(),
            name_ja: title.name_ja.clone(),
            publisher: title.publisher.clone(),
            score,
            may: self.judge(title.id.as_str(), "").may,
        }
    }

    fn row(&self, title: &Title) -> CatalogueRow {
        let id = title.id.as_str();
        let judged = self.judge(id, "");
        let (conditions_ja, conditions_en) = conditions_line(judged.conditions());
        let words = |one: &software::Category| {
            (one.name().to_owned(), one.label(true).to_owned(), one.label(false).to_owned())
        };
        CatalogueRow {
            title: id.to_owned(),
            name: title.name.clone(),
            name_ja: title.name_ja.clone(),
            publisher: title.publisher.clone(),
            categories: title.categories.iter().map(words).collect(),
            may: judged.may,
            why: judged.why,
            conditions_ja,
            conditions_en,
            decided_at: judged.decision.map(|decision| decision.at),
            end_of_life: title.end_of_life,
            recommended: self.cards.titles.contains_key(id),
        }
    }

    /// What to use instead: what people named for the title, then recommended tools that stand in for it.
    fn alternatives(&self, title: &str) -> Vec<Alternative> {
        let named = self.stored.get(title).map(|one| one.alternatives.clone()).unwrap_or_default();
        let cards = self.cards.instead_of.get(title).cloned().unwrap_or_default();
        let mut found: Vec<Alternative> = Vec::new();
        for id in named.into_iter().chain(cards) {
            let usable = matches!(self.judge(&id, "").may, May::Use | May::WithConditions);
            let known = found.iter().any(|one| one.title == id);
            let Some(stored) = self.stored.get(&id).filter(|_| usable && !known) else { continue };
            let card = self.cards.titles.get(&id);
            found.push(Alternative {
                title: id,
                name: stored.title.name.clone(),
                name_ja: stored.title.name_ja.clone(),
                words_ja: card.map(|card| card.text_ja.clone()).unwrap_or_default(),
                words_en: card.map(|card| card.text_en.clone()).unwrap_or_default(),
            });
        }
        found
    }
}

impl Control {
    /// Every title, as one value that is made anew when a title changes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn titles_snapshot(&self) -> Result<Arc<Titles>, ControlError> {
        Ok(self.titles_copy().await?.titles)
    }

    /// Every decision, as one value that is made anew when a decision or a title changes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn approvals(&self) -> Result<Arc<Approvals>, ControlError> {
        let wanted = revisions(self.store.pool()).await?;
        let known = self.shelf.approvals.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((revision, approvals)) = known
            && revision == wanted
        {
            return Ok(approvals);
        }
        // Read in one instant, so that the revision is that of what is read.
        let mut reading = self.store.read().await?;
        let revision = revisions(&mut *reading).await?;
        let mut standings: HashMap<String, Standing> = HashMap::new();
        for stored in titles::all(&mut *reading).await? {
            standings.insert(
                stored.title.id.to_string(),
                Standing {
                    decisions: Vec::new(),
                    scheme: stored.title.version_scheme,
                    end_of_life: stored.title.end_of_life,
                    retired_at: stored.retired_at,
                },
            );
        }
        let rows =
            sqlx::query("SELECT id, document FROM decision").fetch_all(&mut *reading).await?;
        for row in &rows {
            let decision: Decision =
                document(&row.try_get::<String, _>(0)?, &row.try_get::<String, _>(1)?)?;
            standings.entry(decision.title.clone()).or_default().decisions.push(decision);
        }
        let approvals = Arc::new(Approvals::new(standings));
        *self.shelf.approvals.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((revision, Arc::clone(&approvals)));
        Ok(approvals)
    }

    async fn titles_copy(&self) -> Result<TitlesCopy, ControlError> {
        let wanted = revisions(self.store.pool()).await?.titles;
        let known = self.shelf.titles.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(copy) = known
            && copy.revision == wanted
        {
            return Ok(copy);
        }
        let mut reading = self.store.read().await?;
        let revision = revisions(&mut *reading).await?.titles;
        let all = titles::all(&mut *reading).await?;
        let titles = Arc::new(Titles::new(all.iter().map(|one| one.title.clone()).collect()));
        let stored = all.into_iter().map(|one| (one.title.id.to_string(), one)).collect();
        let copy = TitlesCopy { revision, titles, stored: Arc::new(stored) };
        *self.shelf.titles.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy.clone());
        Ok(copy)
    }

    pub(crate) async fn desk_for<'a>(
        &self,
        actor: Option<&'a Actor>,
    ) -> Result<Desk<'a>, ControlError> {
        if let Some(actor) = actor {
            self.require(actor, &[Permission::ReadCatalogue], "catalogue").await?;
        }
        let copy = self.titles_copy().await?;
        Ok(Desk {
            titles: copy.titles,
            stored: copy.stored,
            approvals: self.approvals().await?,
            cards: cards(self.store.pool()).await?,
            person: actor.map_or("", Actor::id),
            department: actor.and_then(Actor::department).unwrap_or_default(),
            now: self.clock.now(),
        })
    }

    /// 「使えますか？」: the answer first, for the reader (or for somebody of no department).
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn may_use(&self, actor: Option<&Actor>, text: &str) -> Result<Answer, ControlError> {
        let desk = self.desk_for(actor).await?;
        let asked = clean(text).text;
        let mut hits = desk.titles.similar(text);
        for hit in desk.titles.search(text, SIMILAR_SHOWN) {
            if hits.iter().all(|one| one.title != hit.title) {
                hits.push(hit);
            }
        }
        // The best hit is the answer only when it is the very name, or nothing else comes near.
        let is_sure = match hits.as_slice() {
            [] => false,
            [only] => only.score >= SURE_SCORE,
            [first, second, ..] => {
                first.how == software::How::Exact && second.how != software::How::Exact
            }
        };
        let shown = |hit: &software::Hit| {
            desk.titles.get(&hit.title).map(|title| desk.hit(title, f64::from(hit.score) / 1_000.0))
        };
        let mut others: Vec<TitleHit> = hits.iter().take(SIMILAR_SHOWN).filter_map(shown).collect();
        let title = (is_sure && !others.is_empty()).then(|| others.remove(0));
        let requests = self.open_like(&desk, actor, text).await?;
        let mut answer = Answer {
            asked,
            may: May::Ask,
            why: Some(Why::Undecided),
            title: None,
            conditions_ja: String::new(),
            conditions_en: String::new(),
            conditions: Vec::new(),
            versions: String::new(),
            reason: String::new(),
            decided_at: None,
            valid_until: None,
            end_of_life: None,
            alternatives: Vec::new(),
            others,
            requests,
        };
        if let Some(title) = title {
            fill(&mut answer, &desk, title);
        }
        Ok(answer)
    }

    /// What resembles a text: titles, and open requests of others.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn similar(&self, actor: &Actor, text: &str) -> Result<Similar, ControlError> {
        self.require(actor, &[Permission::FileRequest], "similar").await?;
        let desk = self.desk_for(Some(actor)).await?;
        self.similar_to(&desk, actor, text).await
    }

    pub(crate) async fn similar_to(
        &self,
        desk: &Desk<'_>,
        actor: &Actor,
        text: &str,
    ) -> Result<Similar, ControlError> {
        if search_key(text).chars().count() < 2 {
            return Ok(Similar::default());
        }
        let mut hits = desk.titles.similar(text);
        for hit in desk.titles.search(text, SIMILAR_SHOWN) {
            if hits.iter().all(|one| one.title != hit.title) {
                hits.push(hit);
            }
        }
        hits.truncate(SIMILAR_SHOWN);
        let shown = |hit: &software::Hit| {
            desk.titles.get(&hit.title).map(|title| desk.hit(title, f64::from(hit.score) / 1_000.0))
        };
        let titles = hits.iter().filter_map(shown).collect();
        Ok(Similar { titles, requests: self.open_like(desk, Some(actor), text).await? })
    }

    /// Open requests for what a text means: by name, and by the title that both mean.
    async fn open_like(
        &self,
        desk: &Desk<'_>,
        actor: Option<&Actor>,
        text: &str,
    ) -> Result<Vec<OpenRequestHit>, ControlError> {
        // Who is not signed in learns what may be used, not what others wait for.
        if actor.is_none() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT id, name, search_key, kind, state, submitted_at, followers, requester_id, title_id \
             FROM request WHERE state IN ('submitted', 'screening', 'in_review', 'needs_info', \
             'escalated', 'appealed') ORDER BY state_since DESC LIMIT $1",
        )
        .bind(OPEN_COMPARED_MAX)
        .fetch_all(self.store.pool())
        .await?;
        let key = search_key(text);
        let meant = titles::exactly(&desk.titles, text);
        let mut hits: Vec<(u8, OpenRequestHit)> = Vec::new();
        for row in &rows {
            let (name, theirs): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            let same_title = meant.is_some()
                && (meant == Some(row.try_get(8)?)
                    || meant == titles::exactly(&desk.titles, &name));
            let grade = if key == theirs || same_title {
                0
            } else if key.chars().count() >= 2 && (theirs.contains(&key) || key.contains(&theirs)) {
                1
            } else {
                continue;
            };
            let id: String = row.try_get(0)?;
            let (kind, state): (String, String) = (row.try_get(3)?, row.try_get(4)?);
            let (Some(kind), Some(state)) = (Kind::of_name(&kind), State::of_name(&state)) else {
                continue;
            };
            let mine = actor.map(Actor::id) == Some(row.try_get::<String, _>(7)?.as_str())
                || self.follows(actor, &id).await?;
            let submitted_at = row.try_get::<Option<i64>, _>(5)?.unwrap_or_default();
            let people = usize::try_from(row.try_get::<i64, _>(6)?).unwrap_or(0) + 1;
            let submitted_at = Timestamp::from_nanos(submitted_at);
            hits.push((
                grade,
                OpenRequestHit { request: id, name, kind, state, submitted_at, people, mine },
            ));
            if hits.len() >= 4 * SIMILAR_SHOWN {
                break;
            }
        }
        hits.sort_by_key(|(grade, _)| *grade);
        Ok(hits.into_iter().map(|(_, hit)| hit).take(SIMILAR_SHOWN).collect())
    }

    async fn follows(&self, actor: Option<&Actor>, request: &str) -> Result<bool, ControlError> {
        let Some(actor) = actor else { return Ok(false) };
        let found = sqlx::query(
            "SELECT person_id FROM request_follower WHERE request_id = $1 AND person_id = $2",
        )
        .bind(request)
        .bind(actor.id())
        .fetch_optional(self.store.pool())
        .await?;
        Ok(found.is_some())
    }

    /// A part of the catalogue.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn catalogue(
        &self,
        actor: Option<&Actor>,
        filter: &CatalogueFilter,
    ) -> Result<CatalogueList, ControlError> {
        let desk = self.desk_for(actor).await?;
        let titles: Vec<&Title> = if filter.words.trim().is_empty() {
            let mut all: Vec<&Title> = desk.titles.iter().collect();
            all.sort_by_cached_key(|title| search_key(&title.name));
            all
        } else {
            let hits = desk.titles.search(&filter.words, software::limits::HITS_MAX);
            hits.iter().filter_map(|hit| desk.titles.get(&hit.title)).collect()
        };
        let fits = |row: &CatalogueRow| {
            (filter.may.is_none() || filter.may == Some(row.may))
                && (filter.category.is_empty()
                    || row.categories.iter().any(|one| one.0 == filter.category))
                && (filter.undecided
                    || !filter.words.trim().is_empty()
                    || filter.may == Some(May::Ask)
                    || row.why != Some(Why::Undecided))
        };
        let rows = titles.into_iter().map(|title| desk.row(title)).filter(fits);
        let (mut list, mut total) = (Vec::new(), 0);
        for row in rows {
            if total >= filter.skip && list.len() < PAGE_ROWS_MAX {
                list.push(row);
            }
            total += 1;
        }
        Ok(CatalogueList { rows: list, total })
    }

    /// One title with everything.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn title(
        &self,
        actor: Option<&Actor>,
        title: &str,
    ) -> Result<TitlePage, ControlError> {
        let desk = self.desk_for(actor).await?;
        let Some(stored) = desk.stored.get(title) else {
            let id = title.chars().take(64).collect();
            return Err(ControlError::NotFound { what: "title", id });
        };
        let decisions = match actor {
            Some(actor) if actor.may(Permission::ReadRequests) => {
                let found =
                    self.decisions_seen(&actor.scope(Permission::ReadRequests), title).await?;
                self.decision_rows(found).await?
            }
            _ => Vec::new(),
        };
        Ok(TitlePage {
            row: desk.row(&stored.title),
            document: crate::request_rows::json(&stored.title),
            origin: stored.origin.clone(),
            decisions,
            alternatives: desk.alternatives(title),
            named_alternatives: stored.alternatives.clone(),
            retired_at: stored.retired_at,
            revision: stored.revision,
        })
    }
}

fn fill(answer: &mut Answer, desk: &Desk<'_>, title: TitleHit) {
    let judged = desk.judge(&title.title, "");
    (answer.conditions_ja, answer.conditions_en) = conditions_line(judged.conditions());
    answer.conditions = judged.conditions().to_vec();
    (answer.may, answer.why) = (judged.may, judged.why);
    if let Some(decision) = judged.decision {
        answer.versions.clone_from(&decision.ruling.scope.versions);
        answer.reason.clone_from(&decision.ruling.reason);
        answer.decided_at = Some(decision.at);
        answer.valid_until = decision.ruling.valid_until;
    }
    answer.end_of_life = desk.stored.get(&title.title).and_then(|one| one.title.end_of_life);
    if matches!(answer.may, May::MayNot | May::Ask) {
        answer.alternatives = desk.alternatives(&title.title);
    }
    answer.title = Some(title);
}

/// A single hit of at least this score is taken for what was meant.
const SURE_SCORE: u32 = 700;
