//! Exclusions: made, previewed, renewed, withdrawn by people; proposed by the wizard.
//!
//! Invariant: an exclusion does not cover what somebody denied or revoked (see `case::judgement`).
//! Invariant: a preview saves nothing and judges as the judgement does.

use crate::audit::{Action, Cause, Entry};
use crate::ground::{EXCLUSION_SQL, Place, exclusion_of};
use crate::inventory::{ITEM_COLUMNS, item_of};
use crate::limits::DAY_NS;
use crate::scope::statement;
use crate::store::{Writing, storable};
use crate::view::findings::{
    ExclusionPreview, ExclusionProposal, ExclusionRow, NewExclusion, PreviewRow, Ticked,
};
use crate::{Actor, Control, ControlError, Language, Permission, random};
use case::exclusion::{Exclusion, Ran, Shared, Turn, propose, propose_folders, step};
use case::judgement::Verdict;
use model::Timestamp;
use model::inventory::SoftwareSource;
use serde_json::json;
use software::TitleId;
use sqlx::Row as _;
use std::collections::{BTreeSet, HashMap};

impl Control {
    /// Every exclusion that was not withdrawn, the one that ends first first.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn exclusions(&self, actor: &Actor) -> Result<Vec<ExclusionRow>, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "exclusions").await?;
        let now = self.clock.now();
        let names = self.person_names().await?;
        let ground = self.ground().await?;
        let sql = format!("{EXCLUSION_SQL} WHERE withdrawn_at IS NULL ORDER BY expires_at, id");
        let mut list = Vec::new();
        for row in &statement(sql).fetch_all(self.store.pool()).await? {
            let exclusion = exclusion_of(row)?;
            let covered = sqlx::query(
                "SELECT COUNT(DISTINCT j.item_id), COUNT(DISTINCT i.device_id) FROM item_judgement AS j \
                 JOIN installed AS i ON i.item_id = j.item_id WHERE j.exclusion_id = $1 AND i.gone = 0",
            )
            .bind(exclusion.id.clone())
            .fetch_one(self.store.pool())
            .await?;
            let parent = exclusion.parent.clone().unwrap_or_default();
            let title = TitleId::parse(&parent).ok().and_then(|id| ground.titles.get(&id));
            list.push(ExclusionRow {
                class: exclusion.class,
                parent_name: title.map(|title| title.name.clone()).unwrap_or_default(),
                parent,
                owner: names.get(&exclusion.owner).cloned().unwrap_or_default(),
                in_force: exclusion.in_force(now),
                items: count(covered.try_get(0)?),
                devices: count(covered.try_get(1)?),
                hits: count(row.try_get(9)?),
                created_at: exclusion.created_at,
                expires_at: exclusion.expires_at,
                reason: exclusion.reason,
                predicate: exclusion.predicate,
                id: exclusion.id,
            });
        }
        Ok(list)
    }

    async fn person_names(&self) -> Result<HashMap<String, String>, ControlError> {
        let rows = sqlx::query("SELECT id, name FROM person").fetch_all(self.store.pool()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// What the wizard proposes: from what was there before recording began, needs an answer, and most devices share.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn exclusion_proposals(
        &self,
        actor: &Actor,
    ) -> Result<Vec<ExclusionProposal>, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "exclusion_proposals").await?;
        let devices = sqlx::query(
            "SELECT COUNT(DISTINCT device_id) FROM inventory_source WHERE full_at IS NOT NULL",
        )
        .fetch_one(self.store.pool())
        .await?;
        let devices = count(devices.try_get(0)?);
        let rows = sqlx::query(
            "SELECT s.source, s.install_source, s.publisher, s.identifier, s.name, COUNT(DISTINCT i.device_id) \
             FROM installed AS i JOIN item_judgement AS j ON j.item_id = i.item_id \
             JOIN software_item AS s ON s.id = i.item_id \
             WHERE i.gone = 0 AND i.baseline = 1 AND j.kind IN ('unapproved', 'portable') \
             GROUP BY s.source, s.install_source, s.publisher, s.identifier, s.name",
        )
        .fetch_all(self.store.pool())
        .await?;
        let mut shared = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some(source) = SoftwareSource::of_name(&row.try_get::<String, _>(0)?) else {
                continue;
            };
            let (identifier, name): (String, String) = (row.try_get(3)?, row.try_get(4)?);
            shared.push(Shared {
                source,
                install_source: row.try_get(1)?,
                publisher: row.try_get(2)?,
                identifier: if identifier.is_empty() { name.clone() } else { identifier },
                name,
                devices: count(row.try_get(5)?),
            });
        }
        let japanese = actor.language() == Language::Ja;
        let expires_at = self.clock.now().plus_nanos(365 * DAY_NS);
        let proposal = |one: case::exclusion::Proposal| ExclusionProposal {
            exclusion: NewExclusion {
                class: one.class,
                predicate: one.predicate,
                parent: None,
                reason: if japanese { one.reason_ja.clone() } else { one.reason_en.clone() },
                expires_at,
            },
            why_ja: one.reason_ja,
            why_en: one.reason_en,
            items: one.items,
            installed: one.installed,
            devices_percent: one.devices_percent,
            caution_ja: if one.broad { CAUTION_JA.to_owned() } else { String::new() },
            caution_en: if one.broad { CAUTION_EN.to_owned() } else { String::new() },
        };
        // Folders of programs first: there are few, and each covers what is new every day.
        let folders = propose_folders(&self.programs_run().await?, devices);
        Ok(folders.into_iter().chain(propose(&shared, devices)).map(proposal).collect())
    }

    /// Programs without a package that need an answer, on each device.
    async fn programs_run(&self) -> Result<Vec<Ran>, ControlError> {
        let rows = sqlx::query(
            "SELECT s.path, s.user_name, i.device_id FROM installed AS i \
             JOIN item_judgement AS j ON j.item_id = i.item_id \
             JOIN software_item AS s ON s.id = i.item_id \
             WHERE i.gone = 0 AND s.source IN ('executed', 'appimage') AND j.kind = 'portable' LIMIT 100000",
        )
        .fetch_all(self.store.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Ran { path: row.try_get(0)?, user: row.try_get(1)?, device: row.try_get(2)? })
            })
            .collect()
    }

    /// What an exclusion would do to the inventory as it is. Saves nothing.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::ExclusionRefused`].
    pub async fn preview_exclusion(
        &self,
        actor: &Actor,
        new: &NewExclusion,
    ) -> Result<ExclusionPreview, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "preview_exclusion").await?;
        let now = self.clock.now();
        let exclusion = made(new, actor, String::new(), now);
        exclusion.check(now).map_err(ControlError::ExclusionRefused)?;
        let ground = self.ground().await?;
        let sql = format!(
            "SELECT s.id, {ITEM_COLUMNS}, j.verdict FROM software_item AS s JOIN item_judgement AS j ON j.item_id = s.id \
             WHERE j.verdict <> 'excluded' AND s.id > $1 ORDER BY s.id LIMIT 2000"
        );
        let (mut after, mut covered, mut preview) =
            (String::new(), Vec::new(), ExclusionPreview::default());
        loop {
            let rows =
                statement(sql.clone()).bind(after.clone()).fetch_all(self.store.pool()).await?;
            let Some(last) = rows.last() else { break };
            after = last.try_get(0)?;
            for row in &rows {
                let item = item_of(row, 1, String::new(), None)?;
                let facts = case::judgement::ItemFacts { item: &item, title: None };
                // Most items fail the predicate itself; only the rest is judged. A title may be what it asks for.
                if !exclusion.predicate.mentions("title") && !exclusion.predicate.holds(&facts) {
                    continue;
                }
                let judged = ground.judge_with(&item, Place::default(), now, Some(&exclusion));
                match judged.judgement.verdict {
                    Verdict::Excluded => covered.push((row.try_get::<String, _>(0)?, item)),
                    Verdict::Denied | Verdict::Revoked => preview.denied += 1,
                    _ => {}
                }
            }
        }
        self.weigh(&covered, &mut preview).await?;
        Ok(preview)
    }

    /// Counts what the covered items mean for devices and findings.
    async fn weigh(
        &self,
        covered: &[(String, model::inventory::InventoryItem)],
        preview: &mut ExclusionPreview,
    ) -> Result<(), ControlError> {
        let ids: Vec<&str> = covered.iter().map(|(id, _)| id.as_str()).collect();
        let mut connection = self.store.pool().acquire().await?;
        let head = "SELECT i.item_id, i.device_id, i.baseline, j.subject, j.kind FROM installed AS i \
             JOIN item_judgement AS j ON j.item_id = i.item_id WHERE i.gone = 0 AND i.item_id";
        let mut by_item: HashMap<String, u64> = HashMap::new();
        let (mut devices, mut asked) = (BTreeSet::new(), BTreeSet::new());
        for row in crate::batch::fetch_in(&mut connection, head, &[], &ids, "").await? {
            let (item, device): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            *by_item.entry(item).or_default() += 1;
            preview.installed += 1;
            if row.try_get::<i64, _>(2)? == 0 {
                asked.insert((
                    device.clone(),
                    row.try_get::<String, _>(3)?,
                    row.try_get::<String, _>(4)?,
                ));
            } else {
                preview.baseline_cleared += 1;
            }
            devices.insert(device);
        }
        let open =
            sqlx::query("SELECT device_id, subject, kind FROM finding WHERE status <> 'resolved'")
                .fetch_all(&mut *connection)
                .await?;
        for row in &open {
            let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            preview.findings_closed += u64::from(asked.contains(&key));
        }
        preview.items = covered.len() as u64;
        preview.devices = devices.len() as u64;
        let mut samples: Vec<PreviewRow> = covered
            .iter()
            .map(|(id, item)| PreviewRow {
                name: item.name.clone(),
                version: item.version.clone(),
                publisher: item.publisher.clone(),
                devices: by_item.get(id).copied().unwrap_or(0),
            })
            .collect();
        samples
            .sort_by(|left, right| (right.devices, &left.name).cmp(&(left.devices, &right.name)));
        samples.truncate(SAMPLES_MAX);
        preview.samples = samples;
        Ok(())
    }

    /// Makes an exclusion, owned by the actor. What it covers is judged again at once.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::ExclusionRefused`], [`ControlError::NotFound`] for a parent that
    /// is no title.
    pub async fn create_exclusion(
        &self,
        actor: &Actor,
        new: &NewExclusion,
    ) -> Result<String, ControlError> {
        self.require(actor, &[Permission::EditExclusions], "create_exclusion").await?;
        let now = self.clock.now();
        let exclusion = made(new, actor, random::secret()?, now);
        exclusion.check(now).map_err(ControlError::ExclusionRefused)?;
        let mut writing = self.store.write().await?;
        if let Some(parent) = &exclusion.parent {
            let ground = self.ground().await?;
            let known = TitleId::parse(parent).ok().and_then(|id| ground.titles.get(&id));
            if known.is_none() {
                return Err(ControlError::NotFound {
                    what: "title",
                    id: parent.chars().take(60).collect(),
                });
            }
        }
        sqlx::query(
            "INSERT INTO exclusion (id, class, predicate, parent, reason, owner_id, created_at, expires_at, hits) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
        )
        .bind(&exclusion.id)
        .bind(exclusion.class.name())
        .bind(storable(&exclusion.predicate.to_json()).into_owned())
        .bind(exclusion.parent.clone().unwrap_or_default())
        .bind(storable(&exclusion.reason).into_owned())
        .bind(&exclusion.owner)
        .bind(exclusion.created_at.nanos())
        .bind(exclusion.expires_at.nanos())
        .execute(&mut *writing)
        .await?;
        self.exclusion_changed(writing, actor, &exclusion, "created", &exclusion.reason).await?;
        Ok(exclusion.id)
    }

    /// Gives an exclusion a new end.
    ///
    /// # Errors
    /// As [`Control::create_exclusion`].
    pub async fn renew_exclusion(
        &self,
        actor: &Actor,
        id: &str,
        expires_at: Timestamp,
        reason: &str,
    ) -> Result<(), ControlError> {
        let turn = Turn::Renew { until: expires_at, reason: reason.to_owned() };
        self.turn_exclusion(actor, id, &turn, "renewed", reason).await
    }

    /// Ends an exclusion; what it covered is judged again at once.
    ///
    /// # Errors
    /// As [`Control::create_exclusion`].
    pub async fn withdraw_exclusion(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        let turn = Turn::Withdraw { reason: reason.to_owned() };
        self.turn_exclusion(actor, id, &turn, "withdrawn", reason).await
    }

    async fn turn_exclusion(
        &self,
        actor: &Actor,
        id: &str,
        turn: &Turn,
        what: &'static str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.require(actor, &[Permission::EditExclusions], "turn_exclusion").await?;
        let mut writing = self.store.write().await?;
        let row = statement(format!("{EXCLUSION_SQL} WHERE id = $1"))
            .bind(id.to_owned())
            .fetch_optional(&mut *writing)
            .await?
            .ok_or_else(|| ControlError::NotFound {
                what: "exclusion",
                id: id.chars().take(60).collect(),
            })?;
        let next = step(&exclusion_of(&row)?, turn, self.clock.now())
            .map_err(ControlError::ExclusionRefused)?;
        sqlx::query("UPDATE exclusion SET expires_at = $1, withdrawn_at = $2 WHERE id = $3")
            .bind(next.expires_at.nanos())
            .bind(next.withdrawn_at.map(Timestamp::nanos))
            .bind(id.to_owned())
            .execute(&mut *writing)
            .await?;
        self.exclusion_changed(writing, actor, &next, what, reason).await
    }

    async fn exclusion_changed(
        &self,
        mut writing: Writing,
        actor: &Actor,
        exclusion: &Exclusion,
        what: &'static str,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.titles_changed(&mut writing).await?;
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::ExclusionChanged,
            target: format!("exclusion {}", exclusion.id),
            detail: json!({
                "what": what,
                "class": exclusion.class.name(),
                "predicate": exclusion.predicate.to_string(),
                "expires_at": exclusion.expires_at.to_string(),
                "reason": reason,
            }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        self.catch_up(&mut Ticked::default()).await
    }
}

fn made(new: &NewExclusion, actor: &Actor, id: String, now: Timestamp) -> Exclusion {
    Exclusion {
        id,
        class: new.class,
        predicate: new.predicate.clone(),
        parent: new.parent.clone().filter(|parent| !parent.is_empty()),
        reason: new.reason.trim().to_owned(),
        owner: actor.id().to_owned(),
        created_at: now,
        expires_at: new.expires_at,
        withdrawn_at: None,
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const SAMPLES_MAX: usize = 20;
const CAUTION_JA: &str = "今後この配布元から追加されるものも除外されます。新しく追加されたものを見つけたい場合は、一覧による除外をお選びください。";
const CAUTION_EN: &str = "It also covers what is installed from there later. To find what is new, choose the list instead.";
