//! An existing spreadsheet: read with a preview, then committed exactly as it was previewed.
//!
//! Invariant: every row of the sheet is in the preview once, with what happens to it or why nothing does.
//! Invariant: what is committed is the stored preview; when the catalogue changed since, nothing is.

use crate::actor::Principal;
use crate::audit::{Action, Entry};
use crate::catalogue::{bump, revisions};
use crate::limits::IMPORTS_KEPT;
use crate::request_rows::{document, json};
use crate::request_steps::cause;
use crate::store::Writing;
use crate::view::requests::{
    Condition, ImportPlan, ImportPreview, ImportRow, Outcome, Ruling, Scope,
};
use crate::{Actor, Control, ControlError, Permission, digest, random};
use case::decision::Decision;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use software::sheet::{Column, Place, Preview, Reading, SheetTitle, SheetVerdict};
use software::{Step, Title, TitleId, Titles};
use sqlx::Row as _;
use std::collections::{HashMap, HashSet};

/// A preview as it is stored: what each row will do.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredImport {
    columns: Vec<(String, String)>,
    rows: Vec<StoredRow>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct StoredRow {
    line: u64,
    cells: Vec<String>,
    name: String,
    publisher: String,
    /// A new title of the row.
    new_title: Option<Title>,
    /// The title that the row belongs to.
    title: String,
    title_name: String,
    repeats: Option<u64>,
    ruling: Option<Ruling>,
    version: String,
    conditions: String,
    remarks: Vec<Remark>,
    /// It is no row of the table: its headings, what stands above, a blank line.
    #[serde(default)]
    aside: bool,
}

/// A remark as it is stored. Before both languages were kept there was English only.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Remark {
    Both { ja: String, en: String },
    English(String),
}

impl Remark {
    fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Both { ja: ja.into(), en: en.into() }
    }

    fn step(&self) -> Step {
        match self {
            Self::Both { ja, en } => Step { ja: ja.clone(), en: en.clone() },
            Self::English(en) => Step { ja: String::new(), en: en.clone() },
        }
    }
}

impl From<Step> for Remark {
    fn from(step: Step) -> Self {
        Self::new(step.ja, step.en)
    }
}

impl Control {
    /// Reads a sheet and says of every row what would happen. Nothing changes; the preview is kept for
    /// [`Control::commit_import`].
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::Software`] for what is no sheet of software.
    pub async fn preview_import(
        &self,
        actor: &Actor,
        bytes: &[u8],
    ) -> Result<ImportPreview, ControlError> {
        self.require(actor, &[Permission::EditCatalogue], "preview_import").await?;
        self.preview_of(Principal::Person(actor), bytes).await
    }

    /// A preview that was made before.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`].
    pub async fn import_preview(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<ImportPreview, ControlError> {
        self.require(actor, &[Permission::EditCatalogue], "preview_import").await?;
        Ok(self.stored_import(id).await?.0)
    }

    /// Does exactly what a preview said. Decisions are made in the person's name.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`]; [`ControlError::NotFound`]; [`ControlError::Changed`] when the catalogue changed
    /// since, or the preview was committed before: make a new one.
    pub async fn commit_import(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<ImportPreview, ControlError> {
        let wanted = [Permission::EditCatalogue, Permission::DecideRequests];
        self.require(actor, &wanted, "commit_import").await?;
        crate::decisions::within(&actor.scope(Permission::DecideRequests), &Scope::default())?;
        self.commit_of(Principal::Person(actor), actor.id(), id).await
    }

    /// The same for somebody at the server itself; `person`: in whose name the decisions are made.
    ///
    /// # Errors
    /// Those of [`Control::preview_import`] and [`Control::commit_import`].
    pub async fn import_here(
        &self,
        bytes: &[u8],
        person: Option<&str>,
    ) -> Result<ImportPreview, ControlError> {
        let preview = self.preview_of(Principal::Machine, bytes).await?;
        match person {
            Some(person) => self.commit_of(Principal::Machine, person, &preview.id).await,
            None => Ok(preview),
        }
    }

    async fn preview_of(
        &self,
        who: Principal<'_>,
        bytes: &[u8],
    ) -> Result<ImportPreview, ControlError> {
        let read = software::sheet::read(bytes)?;
        let titles = self.titles_snapshot().await?;
        let now = self.clock.now();
        let stored = StoredImport { columns: columns(&read), rows: plan(&read, &titles)? };
        let id = format!("{:032x}", random::id_bits()?);
        let mut writing = self.store.write().await?;
        let revision = revisions(&mut *writing).await?;
        // The titles that were compared with must be those of the revision that is noted.
        if !std::sync::Arc::ptr_eq(&titles, &self.titles_snapshot().await?) {
            return Err(ControlError::Changed { what: "catalogue", id: String::new() });
        }
        let person = match who {
            Principal::Person(actor) => Some(actor.id().to_owned()),
            Principal::Machine => None,
        };
        sqlx::query(
            "INSERT INTO sheet_import (id, sha256, document, titles_revision, decisions_revision, person_id, \
             created_at, committed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)",
        )
        .bind(&id)
        .bind(digest::sha256_hex(bytes))
        .bind(json(&stored))
        .bind(revision.titles)
        .bind(revision.decisions)
        .bind(person)
        .bind(now.nanos())
        .execute(&mut *writing)
        .await?;
        sqlx::query(
            "DELETE FROM sheet_import WHERE committed_at IS NULL AND id NOT IN \
             (SELECT id FROM sheet_import ORDER BY created_at DESC LIMIT $1)",
        )
        .bind(IMPORTS_KEPT)
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(self.stored_import(&id).await?.0)
    }

    async fn commit_of(
        &self,
        who: Principal<'_>,
        person: &str,
        id: &str,
    ) -> Result<ImportPreview, ControlError> {
        let (preview, stored) = self.stored_import(id).await?;
        let changed = || ControlError::Changed { what: "catalogue", id: id.to_owned() };
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        let row = sqlx::query(
            "SELECT titles_revision, decisions_revision, committed_at FROM sheet_import WHERE id = $1",
        )
        .bind(id)
        .fetch_one(&mut *writing)
        .await?;
        let revision = revisions(&mut *writing).await?;
        let is_same = revision.titles == row.try_get::<i64, _>(0)?
            && revision.decisions == row.try_get::<i64, _>(1)?
            && row.try_get::<Option<i64>, _>(2)?.is_none();
        if !is_same {
            return Err(changed());
        }
        for row in &stored.rows {
            self.commit_row(&mut writing, row, person, now).await?;
        }
        sqlx::query("UPDATE sheet_import SET committed_at = $1 WHERE id = $2")
            .bind(now.nanos())
            .bind(id)
            .execute(&mut *writing)
            .await?;
        let entry = Entry {
            cause: cause(&who),
            action: Action::SheetImported,
            target: format!("import {id}"),
            detail: json!({
                "sha256": preview.sha256, "rows": preview.rows_of_table(), "new": preview.new_titles,
                "known": preview.known, "repeated": preview.repeated, "skipped": preview.skipped,
                "decisions": preview.decisions,
            }),
        };
        self.append(&mut writing, &entry).await?;
        bump(&mut writing, "titles_revision").await?;
        self.titles_changed(&mut writing).await?;
        writing.commit().await?;
        Ok(self.stored_import(id).await?.0)
    }

    async fn commit_row(
        &self,
        writing: &mut Writing,
        row: &StoredRow,
        person: &str,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        if let Some(title) = &row.new_title {
            crate::titles::write(writing, title, "import", now).await?;
        }
        let Some(ruling) = &row.ruling else { return Ok(()) };
        let id = format!("{:032x}", random::id_bits()?);
        let mut decision =
            Decision::new(id, row.title.clone(), ruling.clone(), person.to_owned(), now);
        if !row.version.is_empty() {
            decision.versions_seen.push(row.version.clone());
        }
        self.put_in_force(writing, decision, now).await.map(drop)
    }

    async fn stored_import(&self, id: &str) -> Result<(ImportPreview, StoredImport), ControlError> {
        let row =
            sqlx::query("SELECT sha256, document, committed_at FROM sheet_import WHERE id = $1")
                .bind(id)
                .fetch_optional(self.store.pool())
                .await?;
        let Some(row) = row else {
            return Err(ControlError::NotFound {
                what: "import",
                id: id.chars().take(40).collect(),
            });
        };
        let stored: StoredImport = document(id, &row.try_get::<String, _>(1)?)?;
        let rows: Vec<ImportRow> = stored.rows.iter().map(shown).collect();
        let many = |fits: fn(&ImportPlan) -> bool| {
            rows.iter().filter(|row| fits(&row.plan)).count() as u64
        };
        let preview = ImportPreview {
            id: id.to_owned(),
            sha256: row.try_get(0)?,
            columns: stored.columns.clone(),
            new_titles: many(|plan| matches!(plan, ImportPlan::NewTitle(_))),
            known: many(|plan| matches!(plan, ImportPlan::Known(..))),
            repeated: many(|plan| matches!(plan, ImportPlan::Repeats(_))),
            skipped: many(|plan| matches!(plan, ImportPlan::Skipped)),
            aside: many(|plan| matches!(plan, ImportPlan::Aside)),
            decisions: stored.rows.iter().filter(|row| row.ruling.is_some()).count() as u64,
            committed_at: row.try_get::<Option<i64>, _>(2)?.map(Timestamp::from_nanos),
            rows,
        };
        Ok((preview, stored))
    }
}

fn columns(read: &Preview) -> Vec<(String, String)> {
    let meaning = |column: &Option<Column>| column.map_or("", |column| column.name()).to_owned();
    read.headers.iter().cloned().zip(read.columns.iter().map(meaning)).collect()
}

/// What each row will do. Two rows that make the same new title make it once.
fn plan(read: &Preview, titles: &Titles) -> Result<Vec<StoredRow>, ControlError> {
    let mut rows = Vec::with_capacity(read.rows.len());
    let mut ids: HashSet<TitleId> = HashSet::new();
    // New titles by their normal name, with the line and the id.
    let mut new: HashMap<String, (u64, TitleId)> = HashMap::new();
    // One decision per title: the first row that brings one.
    let mut decided: HashMap<String, u64> = HashMap::new();
    for (row, planned) in read.rows.iter().zip(read.plan(titles)) {
        let mut stored = StoredRow {
            line: row.line,
            cells: row.cells.iter().map(|cell| cell.chars().take(CELL_SHOWN).collect()).collect(),
            ..StoredRow::default()
        };
        let Reading::Title(sheet) = &row.reading else {
            if let Reading::Repeats { line } = &row.reading {
                stored.repeats = Some(*line);
            }
            stored.aside =
                matches!(row.reading, Reading::Above | Reading::Headers | Reading::Blank);
            stored.remarks.push(row.says().into());
            rows.push(stored);
            continue;
        };
        stored.name.clone_from(&sheet.name);
        stored.publisher.clone_from(&sheet.publisher);
        stored.version.clone_from(&sheet.version);
        stored.conditions.clone_from(&sheet.conditions);
        stored.remarks.extend(sheet.remarks.iter().cloned().map(Remark::from));
        match planned.place {
            Place::Known(id) => stored.title = id.to_string(),
            Place::SameAs { line, title } => {
                stored.title = title.to_string();
                stored.repeats = Some(line);
            }
            Place::Ambiguous(hits) => {
                let names: Vec<String> = hits.iter().map(|hit| hit.matched.clone()).collect();
                stored.remarks.push(Remark::new(
                    format!(
                        "次のどれかの可能性があります: {}。識別子の列で指定してください",
                        names.join("、")
                    ),
                    format!("may be one of: {}; say which by an identifier", names.join(", ")),
                ));
            }
            Place::New => place_new(&mut stored, sheet, titles, &mut ids, &mut new)?,
            Place::Left => {}
        }
        if let Some(known) = TitleId::parse(&stored.title).ok().and_then(|id| titles.get(&id)) {
            stored.title_name.clone_from(&known.name);
        }
        if !stored.title.is_empty() && stored.repeats.is_none() {
            decide(&mut stored, sheet, &mut decided);
        }
        rows.push(stored);
    }
    Ok(rows)
}

fn place_new(
    stored: &mut StoredRow,
    sheet: &SheetTitle,
    titles: &Titles,
    ids: &mut HashSet<TitleId>,
    new: &mut HashMap<String, (u64, TitleId)>,
) -> Result<(), ControlError> {
    let key = software::normalise(&sheet.name).key;
    if let Some((line, id)) = new.get(&key) {
        stored.title = id.to_string();
        stored.repeats = Some(*line);
        return Ok(());
    }
    let is_taken = |id: &TitleId| titles.get(id).is_some() || ids.contains(id);
    let id = crate::titles::new_id(is_taken, &sheet.name)?;
    ids.insert(id.clone());
    new.insert(key, (stored.line, id.clone()));
    let mut title = Title::new(id.clone(), sheet.name.clone());
    title.name_ja.clone_from(&sheet.name_ja);
    title.publisher.clone_from(&sheet.publisher);
    title.categories.clone_from(&sheet.categories);
    title.identifiers.clone_from(&sheet.identifiers);
    if let Ok(origin) = software::origin::parse(&sheet.url) {
        title.official_hosts.push(origin.domain);
    }
    stored.title = id.to_string();
    stored.title_name.clone_from(&title.name);
    stored.new_title = Some(title);
    Ok(())
}

fn decide(stored: &mut StoredRow, sheet: &SheetTitle, decided: &mut HashMap<String, u64>) {
    let Some(verdict) = sheet.verdict else { return };
    if let Some(line) = decided.get(&stored.title) {
        stored.remarks.push(Remark::new(
            format!("判定は取り込みません: 同じタイトルの判定が {line} 行目にあります"),
            format!("its decision is left out: line {line} decides on the same title"),
        ));
        return;
    }
    let conditions = sheet.conditions.trim();
    let outcome = match verdict {
        SheetVerdict::Approved if conditions.is_empty() => Outcome::Approve,
        SheetVerdict::Approved | SheetVerdict::Conditional => Outcome::ApproveWithConditions,
        SheetVerdict::Denied => Outcome::Deny,
        SheetVerdict::Pending => {
            let ja = "判定前のため、判定は記録しません";
            stored.remarks.push(Remark::new(ja, "not decided yet: no decision is made"));
            return;
        }
    };
    let is_conditional = outcome == Outcome::ApproveWithConditions;
    if is_conditional && conditions.is_empty() {
        stored.remarks.push(Remark::new(
            "条件付きですが条件の記載がないため、判定は記録しません",
            "approved with conditions, but there are none: no decision is made",
        ));
        return;
    }
    let text: String = conditions.chars().take(case::limits::FORM_TEXT_CHARS_MAX).collect();
    let condition = Condition { text_ja: text, text_en: String::new(), must: None };
    let reason = if sheet.reason.trim().is_empty() { IMPORTED } else { sheet.reason.trim() };
    decided.insert(stored.title.clone(), stored.line);
    stored.ruling = Some(Ruling {
        outcome,
        scope: Scope::default(),
        reason: reason.chars().take(case::limits::FORM_TEXT_CHARS_MAX).collect(),
        conditions: if is_conditional { vec![condition] } else { Vec::new() },
        valid_until: None,
        unknown_accepted: true,
    });
}

fn shown(row: &StoredRow) -> ImportRow {
    let plan = match (&row.new_title, row.repeats) {
        (Some(title), _) => ImportPlan::NewTitle(title.id.to_string()),
        (None, Some(line)) => ImportPlan::Repeats(line),
        (None, None) if row.aside => ImportPlan::Aside,
        (None, None) if row.title.is_empty() => ImportPlan::Skipped,
        (None, None) => ImportPlan::Known(row.title.clone(), row.title_name.clone()),
    };
    ImportRow {
        line: row.line,
        cells: row.cells.clone(),
        name: row.name.clone(),
        publisher: row.publisher.clone(),
        plan,
        outcome: row.ruling.as_ref().map(|ruling| ruling.outcome),
        conditions: row.conditions.clone(),
        remarks: row.remarks.iter().map(Remark::step).collect(),
    }
}

/// Characters of a cell in a preview.
const CELL_SHOWN: usize = 200;
/// The reason of a decision whose sheet gives none.
const IMPORTED: &str = "一覧表から取り込みました / imported from a sheet";
