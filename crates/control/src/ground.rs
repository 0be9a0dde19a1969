//! What judgements stand on: titles with the reviewers' corrections, decisions and exclusions, as one value that is
//! made anew when any of them changed.

use crate::store::Row;
use crate::{Control, ControlError};
use case::catalogue::{Approvals, Asked, May, Why};
use case::exclusion::{Class, Exclusion};
use case::finding::Kind;
use case::judgement::{Identity, ItemFacts, Judgement, Standing, Verdict, judge};
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use software::{Alias, Identification, Memo, Observed, Outcome, Titles};
use sqlx::Row as _;
use std::sync::{Arc, Mutex, PoisonError};

/// The last ground that was made.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Option<Arc<Ground>>>);

/// Everything that a judgement stands on.
#[derive(Debug)]
pub(crate) struct Ground {
    /// Judgements of another revision are out of date.
    pub(crate) revision: i64,
    /// Of the corrections.
    rules: i64,
    /// The titles as the catalogue has them; which it is tells whether they changed.
    catalogue: Arc<Titles>,
    pub(crate) titles: Titles,
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) exclusions: Vec<Exclusion>,
    memo: Mutex<Memo>,
}

/// On whose device an item is; empty: judged for no device in particular.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    pub(crate) person: &'a str,
    pub(crate) department: &'a str,
    /// Names of the device's groups.
    pub(crate) groups: &'a [String],
    /// Titles confirmed on the device; `None`: not looked at.
    pub(crate) titles: Option<&'a std::collections::HashSet<String>>,
}

/// An item as identified and judged.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) identification: Arc<Identification>,
    pub(crate) title: String,
    pub(crate) subject: String,
    pub(crate) subject_name: String,
    pub(crate) judgement: Judgement,
    pub(crate) per_device: bool,
}

impl Judged {
    pub(crate) fn kind(&self, source: SoftwareSource) -> Option<Kind> {
        self.judgement.verdict.finding(source)
    }
}

impl Control {
    /// The present ground.
    pub(crate) async fn ground(&self) -> Result<Arc<Ground>, ControlError> {
        let row = sqlx::query("SELECT revision, rules FROM judging WHERE only_row = 1")
            .fetch_one(self.store.pool())
            .await?;
        let (revision, rules): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (catalogue, approvals) = (self.titles_snapshot().await?, self.approvals().await?);
        let known = self.ground.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let same_titles =
            |known: &Ground| known.rules == rules && Arc::ptr_eq(&known.catalogue, &catalogue);
        if let Some(known) = &known
            && known.revision == revision
            && same_titles(known)
            && Arc::ptr_eq(&known.approvals, &approvals)
        {
            return Ok(Arc::clone(known));
        }
        let now = self.clock.now();
        let aliases = self.aliases().await?;
        let titles = Titles::with_rules(catalogue.iter().cloned().collect(), aliases, now);
        let exclusions = exclusions_in_force(self, now).await?;
        let memo = Mutex::new(Memo::new());
        let ground =
            Arc::new(Ground { revision, rules, catalogue, titles, approvals, exclusions, memo });
        *self.ground.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&ground));
        Ok(ground)
    }

    async fn aliases(&self) -> Result<Vec<Alias>, ControlError> {
        let rows = sqlx::query("SELECT id, alias FROM identity_rule ORDER BY at, id")
            .fetch_all(self.store.pool())
            .await?;
        let mut aliases = Vec::with_capacity(rows.len());
        for row in &rows {
            aliases.push(parsed(
                "identity rule",
                &row.try_get::<String, _>(0)?,
                &row.try_get::<String, _>(1)?,
            )?);
        }
        Ok(aliases)
    }
}

async fn exclusions_in_force(
    control: &Control,
    now: Timestamp,
) -> Result<Vec<Exclusion>, ControlError> {
    let sql = format!(
        "{EXCLUSION_SQL} WHERE withdrawn_at IS NULL AND expires_at > $1 ORDER BY created_at, id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(now.nanos())
        .fetch_all(control.store.pool())
        .await?;
    rows.iter().map(exclusion_of).collect()
}

/// The columns that [`exclusion_of`] reads.
pub(crate) const EXCLUSION_SQL: &str = "SELECT id, class, predicate, parent, reason, owner_id, created_at, \
    expires_at, withdrawn_at, hits FROM exclusion";

/// An exclusion of its row.
pub(crate) fn exclusion_of(row: &Row) -> Result<Exclusion, ControlError> {
    let id: String = row.try_get(0)?;
    let class: String = row.try_get(1)?;
    let damaged = |reason: &str| ControlError::Corrupt {
        what: "exclusion",
        id: id.clone(),
        reason: reason.to_owned(),
    };
    let parent: String = row.try_get(3)?;
    Ok(Exclusion {
        class: Class::of_name(&class).ok_or_else(|| damaged("an unknown class"))?,
        predicate: parsed("exclusion", &id, &row.try_get::<String, _>(2)?)?,
        parent: (!parent.is_empty()).then_some(parent),
        reason: row.try_get(4)?,
        owner: row.try_get(5)?,
        created_at: Timestamp::from_nanos(row.try_get(6)?),
        expires_at: Timestamp::from_nanos(row.try_get(7)?),
        withdrawn_at: row.try_get::<Option<i64>, _>(8)?.map(Timestamp::from_nanos),
        id,
    })
}

/// A stored JSON document.
pub(crate) fn parsed<T: serde::de::DeserializeOwned>(
    what: &'static str,
    id: &str,
    json: &str,
) -> Result<T, ControlError> {
    serde_json::from_str(json).map_err(|err| ControlError::Corrupt {
        what,
        id: id.to_owned(),
        reason: err.to_string(),
    })
}

impl Ground {
    /// Identifies and judges an item at a place.
    pub(crate) fn judge(&self, item: &InventoryItem, place: Place<'_>, now: Timestamp) -> Judged {
        self.judge_with(item, place, now, None)
    }

    /// The same as if one more exclusion, or only another, had force.
    pub(crate) fn judge_with(
        &self,
        item: &InventoryItem,
        place: Place<'_>,
        now: Timestamp,
        more: Option<&Exclusion>,
    ) -> Judged {
        let identification = self
            .memo
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .identify(&self.titles, &Observed::from(item));
        let title = identification.outcome.confirmed().and_then(|id| self.titles.get(id));
        let (standing, scoped) = match title {
            Some(title) => self.standing(title.id.as_str(), item, place, now),
            None => (Standing::Unknown, false),
        };
        let identity = match &identification.outcome {
            Outcome::Confirmed(_) => Identity::Confirmed,
            Outcome::Candidates(list) => Identity::Candidates(list.len()),
            Outcome::None => Identity::None,
        };
        let facts =
            ItemFacts { item, title: title.map(|title| (title.id.as_str(), title.name.as_str())) };
        let mut per_device = scoped;
        let in_force = self.exclusions.iter().chain(more).filter(|one| {
            let applies = self.parent_permits(one, place, now);
            // What it comes with is a matter of the device: judged there again.
            per_device |= one.class == Class::Bundled && applies && one.predicate.holds(&facts);
            applies
        });
        let judgement = judge(&facts, identity, &standing, in_force.collect::<Vec<_>>());
        let (subject, subject_name) = match title {
            Some(title) => (format!("title:{}", title.id.as_str()), title.name.clone()),
            None => (subject_of(item, &identification), item.name.clone()),
        };
        let title = title.map(|title| title.id.as_str().to_owned()).unwrap_or_default();
        Judged { identification, title, subject, subject_name, judgement, per_device }
    }

    /// Whether the title that a bundled exclusion names is there and permitted; the others need none.
    fn parent_permits(&self, exclusion: &Exclusion, place: Place<'_>, now: Timestamp) -> bool {
        let Some(parent) = &exclusion.parent else { return true };
        let asked = Asked {
            title: parent,
            person: place.person,
            department: place.department,
            groups: place.groups,
            ..Asked::default()
        };
        let may = self.approvals.judge(&asked, now).may;
        let permitted = matches!(may, May::Use | May::WithConditions);
        permitted && place.titles.is_none_or(|titles| titles.contains(parent.as_str()))
    }

    /// What the catalogue says of the title, and whether that depends on the person.
    fn standing(
        &self,
        title: &str,
        item: &InventoryItem,
        place: Place<'_>,
        now: Timestamp,
    ) -> (Standing, bool) {
        let scoped = self.approvals.of_title(title).is_some_and(|standing| {
            standing.decisions.iter().any(|decision| !decision.ruling.scope.is_everybody())
        });
        let asked = Asked {
            title,
            version: &item.version,
            sha256: &item.sha256,
            person: place.person,
            department: place.department,
            groups: place.groups,
        };
        let judged = self.approvals.judge(&asked, now);
        let reason = || {
            judged
                .decision
                .map(|decision| match decision.life_reason.as_str() {
                    "" => decision.ruling.reason.clone(),
                    reason => reason.to_owned(),
                })
                .unwrap_or_default()
        };
        let standing = match (judged.may, judged.why) {
            (May::Use | May::WithConditions, _) if judged.is_new && told_apart(item) => {
                Standing::NotLookedAt
            }
            (May::Use | May::WithConditions, _) => {
                Standing::Permitted { conditions: judged.conditions().to_vec() }
            }
            (_, Some(Why::Denied)) => Standing::Denied { reason: reason() },
            (_, Some(Why::Revoked | Why::Suspended)) => Standing::Revoked { reason: reason() },
            (_, Some(Why::EndOfLife)) => Standing::EndOfLife {
                since: self
                    .approvals
                    .of_title(title)
                    .and_then(|of| of.end_of_life.or(of.retired_at)),
            },
            (_, Some(Why::Unchecked | Why::Expired)) => Standing::NotLookedAt,
            (_, Some(Why::Undecided | Why::OutOfScope) | None) => Standing::Unknown,
        };
        (standing, scoped)
    }
}

/// Whether versions of it are told apart: by hash, or because it is an extension, which updates itself. A package of
/// an archive is vouched for by the archive.
pub(crate) fn told_apart(item: &InventoryItem) -> bool {
    item.source.is_browser() || !item.sha256.is_empty()
}

/// What an item that is no title is found under: the same for every version of it.
fn subject_of(item: &InventoryItem, identification: &Identification) -> String {
    let name = &identification.name.key;
    let text = if item.identifier.is_empty() {
        let name = if name.is_empty() { item.path.as_str() } else { name.as_str() };
        format!("item:{}:{name}", item.source.name())
    } else {
        format!("item:{}", item.identifier)
    };
    if text.len() <= SUBJECT_BYTES_MAX && !text.chars().any(char::is_control) {
        return text;
    }
    format!("item:sha256:{}", crate::digest::sha256_hex(text.as_bytes()))
}

/// Whether the answer asks for something at all.
pub(crate) const fn is_fine(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Approved | Verdict::ApprovedWithConditions | Verdict::Excluded)
}

const SUBJECT_BYTES_MAX: usize = 200;
