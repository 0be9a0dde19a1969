//! The queue of candidates: one click of a reviewer, which becomes a rule of identification and a row of test data.

use crate::audit::{Action, Cause, Entry};
use crate::ground::{Place, parsed};
use crate::inventory::{ITEM_COLUMNS, item_of};
use crate::scope::statement;
use crate::store::{Writing, storable};
use crate::view::PAGE_ROWS_MAX;
use crate::view::findings::{CandidateRow, CandidateTitle, IdentityRule, StepRow};
use crate::{Actor, Control, ControlError, Permission, random};
use model::Timestamp;
use model::inventory::InventoryItem;
use serde_json::json;
use software::{Alias, Identifier, IdentifierKind, NORMALISER_VERSION, Observed, Outcome, TitleId};
use sqlx::Row as _;

impl Control {
    /// Items that may be a title, those of most devices first.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn identity_candidates(
        &self,
        actor: &Actor,
    ) -> Result<Vec<CandidateRow>, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "identity_candidates").await?;
        let ground = self.ground().await?;
        let sql = format!(
            "SELECT s.id, {ITEM_COLUMNS}, \
             (SELECT COUNT(DISTINCT i.device_id) FROM installed AS i WHERE i.item_id = s.id AND i.gone = 0) AS devices \
             FROM item_judgement AS j JOIN software_item AS s ON s.id = j.item_id \
             WHERE j.outcome = 'candidate' ORDER BY devices DESC, s.id LIMIT $1"
        );
        let rows = statement(sql)
            .bind(i64::try_from(PAGE_ROWS_MAX).unwrap_or(i64::MAX))
            .fetch_all(self.store.pool())
            .await?;
        let mut queue = Vec::new();
        for row in &rows {
            let item = item_of(row, 1, String::new(), None)?;
            let judged = ground.judge(&item, Place::default(), self.clock.now());
            let Outcome::Candidates(candidates) = &judged.identification.outcome else { continue };
            let titles = candidates.iter().map(|candidate| CandidateTitle {
                title: candidate.title.as_str().to_owned(),
                name: ground
                    .titles
                    .get(&candidate.title)
                    .map_or_else(String::new, |title| title.name.clone()),
                score: u8::try_from(candidate.score.clamp(0, 100)).unwrap_or(100),
                evidence: judged
                    .identification
                    .steps
                    .iter()
                    .map(|step| StepRow { ja: step.ja.clone(), en: step.en.clone(), held: None })
                    .collect(),
            });
            queue.push(CandidateRow {
                item_id: row.try_get(0)?,
                devices: u64::try_from(row.try_get::<i64, _>(17)?).unwrap_or(0),
                titles: titles.collect(),
                item,
            });
        }
        Ok(queue)
    }

    /// It is this title: a rule for everything like it.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn confirm_identity(
        &self,
        actor: &Actor,
        item: &str,
        title: &str,
    ) -> Result<(), ControlError> {
        self.answer_identity(actor, item, title, true).await
    }

    /// It is not: it is none of our titles, and is not proposed again.
    ///
    /// # Errors
    /// As [`Control::confirm_identity`].
    pub async fn reject_identity(
        &self,
        actor: &Actor,
        item: &str,
        title: &str,
    ) -> Result<(), ControlError> {
        self.answer_identity(actor, item, title, false).await
    }

    async fn answer_identity(
        &self,
        actor: &Actor,
        item_id: &str,
        title: &str,
        is_title: bool,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditCatalogue], "answer_identity").await?;
        let title_id = TitleId::parse(title)?;
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        let ground = self.ground().await?;
        if ground.titles.get(&title_id).is_none() {
            return Err(ControlError::NotFound {
                what: "title",
                id: title.chars().take(60).collect(),
            });
        }
        let sql = format!("SELECT {ITEM_COLUMNS} FROM software_item AS s WHERE s.id = $1");
        let row = statement(sql)
            .bind(item_id.to_owned())
            .fetch_optional(&mut *writing)
            .await?
            .ok_or_else(|| ControlError::NotFound {
                what: "item",
                id: item_id.chars().take(60).collect(),
            })?;
        let item = item_of(&row, 0, String::new(), None)?;
        let alias = alias_of(&item, is_title.then_some(title_id), actor, now);
        let looked_at = json!(item).to_string();
        let answer = (title, is_title);
        let id = insert_rule(&mut writing, (&looked_at, &alias), answer, actor.id(), now).await?;
        rules_changed(&mut writing).await?;
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::IdentityAnswered,
            target: format!("title {title}"),
            detail: json!({ "rule": id, "item": item_id, "name": item.name, "is_title": is_title }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await
    }

    /// What reviewers said so far, with what they looked at: the newest first.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn identity_rules(&self, actor: &Actor) -> Result<Vec<IdentityRule>, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "identity_rules").await?;
        let rows = sqlx::query(
            "SELECT r.id, r.item, r.title_id, r.is_title, p.name, r.at, r.normaliser_version, r.alias \
             FROM identity_rule AS r JOIN person AS p ON p.id = r.person_id ORDER BY r.at DESC, r.id LIMIT 1000",
        )
        .fetch_all(self.store.pool())
        .await?;
        let mut rules = Vec::new();
        for row in &rows {
            let id: String = row.try_get(0)?;
            // A rule that cannot be read would be no rule: said here, where somebody looks.
            let _: Alias = parsed("identity rule", &id, &row.try_get::<String, _>(7)?)?;
            rules.push(IdentityRule {
                item: row.try_get(1)?,
                title: row.try_get(2)?,
                is_title: row.try_get::<i64, _>(3)? != 0,
                by: row.try_get(4)?,
                at: Timestamp::from_nanos(row.try_get(5)?),
                normaliser_version: u32::try_from(row.try_get::<i64, _>(6)?).unwrap_or(0),
                id,
            });
        }
        Ok(rules)
    }
}

/// What a decision said about identity: the request named an extension's id or the hash of a file, and somebody who may
/// decide looked at it.
pub(crate) struct Decided<'a> {
    /// The title that was decided on.
    pub(crate) title: &'a str,
    /// The software's name in the request.
    pub(crate) name: &'a str,
    /// The extension's id; empty: none.
    pub(crate) extension_id: &'a str,
    /// Hashes of files, SHA-256 in lower-case hex.
    pub(crate) hashes: &'a [String],
    /// Who decided: a person's id.
    pub(crate) by: &'a str,
}

impl Control {
    /// Keeps as rules of identification which extension or file a decision was about, so that what is installed is
    /// recognised even where its own word is not enough (an extension that no store delivered).
    pub(crate) async fn identify_decided(
        &self,
        writing: &mut Writing,
        decided: &Decided<'_>,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let title = TitleId::parse(decided.title)?;
        let known =
            sqlx::query("SELECT id, alias FROM identity_rule WHERE title_id = $1 AND is_title = 1")
                .bind(decided.title.to_owned())
                .fetch_all(&mut **writing)
                .await?;
        let mut aliases = Vec::new();
        for row in &known {
            let id: String = row.try_get(0)?;
            aliases.push(parsed::<Alias>("identity rule", &id, &row.try_get::<String, _>(1)?)?);
        }
        let mut added = false;
        for identifier in identifiers_of(decided) {
            if aliases.iter().any(|known| known.identifier.as_ref() == Some(&identifier)) {
                continue;
            }
            let item = json!({ "name": decided.name, "identifier": identifier.to_string() });
            let alias = Alias {
                identifier: Some(identifier),
                name: String::new(),
                publisher: String::new(),
                title: Some(title.clone()),
                by: decided.by.to_owned(),
                at: now,
                reason: "decided on".to_owned(),
                expires_at: None,
                normaliser_version: NORMALISER_VERSION,
            };
            insert_rule(
                writing,
                (&item.to_string(), &alias),
                (decided.title, true),
                decided.by,
                now,
            )
            .await?;
            added = true;
        }
        if added {
            rules_changed(writing).await?;
        }
        Ok(())
    }
}

fn identifiers_of(decided: &Decided<'_>) -> Vec<Identifier> {
    let mut found = Vec::new();
    let extension = decided.extension_id.trim();
    if !extension.is_empty() {
        let is_chromium =
            extension.len() == 32 && extension.bytes().all(|byte| (b'a'..=b'p').contains(&byte));
        let kinds: &[IdentifierKind] = match is_chromium {
            true => &[IdentifierKind::ChromeExtension, IdentifierKind::EdgeExtension],
            false => &[IdentifierKind::FirefoxAddon],
        };
        found.extend(kinds.iter().map(|kind| Identifier::new(*kind, extension)));
    }
    let hashes = decided.hashes.iter().filter(|hash| !hash.is_empty());
    found.extend(hashes.map(|hash| Identifier::new(IdentifierKind::Sha256, hash)));
    found
}

async fn insert_rule(
    writing: &mut Writing,
    (item, alias): (&str, &Alias),
    (title, is_title): (&str, bool),
    person: &str,
    now: Timestamp,
) -> Result<String, ControlError> {
    let id = random::secret()?;
    sqlx::query(
        "INSERT INTO identity_rule (id, item, alias, title_id, is_title, person_id, at, normaliser_version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id.clone())
    .bind(storable(item).into_owned())
    .bind(storable(&json!(alias).to_string()).into_owned())
    .bind(title.to_owned())
    .bind(i64::from(is_title))
    .bind(person.to_owned())
    .bind(now.nanos())
    .bind(i64::from(NORMALISER_VERSION))
    .execute(&mut **writing)
    .await?;
    Ok(id)
}

/// Everything is identified and judged again.
async fn rules_changed(writing: &mut Writing) -> Result<(), ControlError> {
    sqlx::query("UPDATE judging SET rules = rules + 1, revision = revision + 1 WHERE only_row = 1")
        .execute(&mut **writing)
        .await?;
    Ok(())
}

/// The rule: by identifier where there is one, otherwise by name and publisher together, never by a name alone when
/// more is known.
fn alias_of(item: &InventoryItem, title: Option<TitleId>, actor: &Actor, now: Timestamp) -> Alias {
    let identifier = Observed::from(item).identifiers().into_iter().next();
    let named = identifier.is_none();
    Alias {
        identifier,
        name: if named { item.name.clone() } else { String::new() },
        publisher: if named { item.publisher.clone() } else { String::new() },
        title,
        by: actor.name().to_owned(),
        at: now,
        reason: String::new(),
        expires_at: None,
        normaliser_version: NORMALISER_VERSION,
    }
}
