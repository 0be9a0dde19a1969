//! The inventory by software, and how an item was identified and judged.

use super::items::{ITEM_COLUMNS, item_of};
use crate::ground::Place;
use crate::scope::statement;
use crate::view::PAGE_ROWS_MAX;
use crate::view::findings::{
    Explained, Explanation, SoftwareFilter, SoftwareList, SoftwareRow, StepRow,
};
use crate::{Actor, Control, ControlError, Permission};
use case::judgement::Verdict;
use model::inventory::{InventoryItem, SoftwareSource};
use software::{Outcome, search_key};
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet};

impl Control {
    /// Software by identity: one row per title, or per product that is not identified; by subject.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn software(
        &self,
        actor: &Actor,
        filter: &SoftwareFilter,
    ) -> Result<SoftwareList, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "software").await?;
        self.software_here(filter).await
    }

    /// The same for the command line on the machine itself.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub async fn software_here(
        &self,
        filter: &SoftwareFilter,
    ) -> Result<SoftwareList, ControlError> {
        let (clause, texts) = clause_of(filter);
        let sql = format!(
            "SELECT j.subject, COUNT(DISTINCT i.device_id) FROM item_judgement AS j \
             JOIN software_item AS s ON s.id = j.item_id JOIN installed AS i ON i.item_id = j.item_id \
             WHERE i.gone = 0{clause} GROUP BY j.subject ORDER BY j.subject LIMIT {}",
            PAGE_ROWS_MAX + 1
        );
        let query = texts.iter().fold(statement(sql), |query, text| query.bind(text.clone()));
        let mut rows = Vec::new();
        for row in &query.fetch_all(self.store.pool()).await? {
            rows.push((
                row.try_get::<String, _>(0)?,
                u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0),
            ));
        }
        let more = rows.len() > PAGE_ROWS_MAX;
        rows.truncate(PAGE_ROWS_MAX);
        let next = rows.last().filter(|_| more).map(|(subject, _)| subject.clone());
        let mut list = Vec::with_capacity(rows.len());
        let mut described = self.described(&rows).await?;
        for (subject, devices) in rows {
            if let Some(row) = described.remove(&subject) {
                list.push(SoftwareRow { devices, ..row });
            }
        }
        list.sort_by_key(|row| search_key(&row.name));
        Ok(SoftwareList { rows: list, next })
    }

    async fn described(
        &self,
        rows: &[(String, u64)],
    ) -> Result<BTreeMap<String, SoftwareRow>, ControlError> {
        let subjects: Vec<&str> = rows.iter().map(|(subject, _)| subject.as_str()).collect();
        let mut connection = self.store.pool().acquire().await?;
        let head = "SELECT j.subject, j.subject_name, j.verdict, s.publisher, s.version, s.source \
             FROM item_judgement AS j JOIN software_item AS s ON s.id = j.item_id WHERE j.subject";
        let mut found: BTreeMap<String, SoftwareRow> = BTreeMap::new();
        let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in crate::batch::fetch_in(&mut connection, head, &[], &subjects, "").await? {
            let subject: String = row.try_get(0)?;
            let verdict =
                Verdict::of_name(&row.try_get::<String, _>(2)?).unwrap_or(Verdict::Unapproved);
            let of = found.entry(subject.clone()).or_insert_with(|| SoftwareRow {
                subject: subject.clone(),
                name: String::new(),
                publisher: String::new(),
                versions: Vec::new(),
                version_count: 0,
                sources: Vec::new(),
                verdict,
                devices: 0,
            });
            // Verdicts are in the order in which they ask for attention.
            of.verdict = of.verdict.min(verdict);
            of.name = row.try_get(1)?;
            of.publisher = row.try_get(3)?;
            versions.entry(subject).or_default().insert(row.try_get(4)?);
            if let Some(source) = SoftwareSource::of_name(&row.try_get::<String, _>(5)?)
                && !of.sources.contains(&source)
            {
                of.sources.push(source);
            }
        }
        for (subject, mut of) in versions {
            of.remove("");
            if let Some(row) = found.get_mut(&subject) {
                row.version_count = of.len() as u64;
                row.versions = of.into_iter().rev().take(3).collect();
            }
        }
        Ok(found)
    }

    /// How a name is identified and judged, step by step.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn explain(&self, actor: &Actor, name: &str) -> Result<Explanation, ControlError> {
        self.require(actor, &[Permission::ReadInventory], "explain").await?;
        self.explain_here(name).await
    }

    /// The same for the command line on the machine itself.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub async fn explain_here(&self, name: &str) -> Result<Explanation, ControlError> {
        let key: String = search_key(name).replace(['%', '_', '\\'], "");
        let sql = format!(
            "SELECT {ITEM_COLUMNS}, (SELECT COUNT(DISTINCT i.device_id) FROM installed i WHERE i.item_id = s.id) \
             FROM software_item AS s WHERE s.search_key LIKE $1 ORDER BY s.name, s.version DESC LIMIT $2"
        );
        let rows = statement(sql)
            .bind(format!("%{key}%"))
            .bind(EXPLAINED_MAX)
            .fetch_all(self.store.pool())
            .await?;
        let mut items = Vec::new();
        for row in &rows {
            let item = item_of(row, 0, String::new(), None)?;
            let devices = u64::try_from(row.try_get::<i64, _>(16)?).unwrap_or(0);
            items.push(self.explain_item(&item, devices).await?);
        }
        if items.is_empty() {
            let typed = InventoryItem::new(SoftwareSource::Executed, "", name);
            items.push(self.explain_item(&typed, 0).await?);
        }
        Ok(Explanation { name: name.to_owned(), items })
    }

    pub(crate) async fn explain_item(
        &self,
        item: &InventoryItem,
        devices: u64,
    ) -> Result<Explained, ControlError> {
        let ground = self.ground().await?;
        let judged = ground.judge(item, Place::default(), self.clock.now());
        let name = |id: &software::TitleId| {
            ground.titles.get(id).map_or_else(|| id.as_str().to_owned(), |title| title.name.clone())
        };
        let identification = &judged.identification;
        let titles = match &identification.outcome {
            Outcome::Confirmed(title) => vec![name(title)],
            Outcome::Candidates(list) => list.iter().map(|one| name(&one.title)).collect(),
            Outcome::None => Vec::new(),
        };
        Ok(Explained {
            item: item.clone(),
            subject: judged.subject.clone(),
            outcome: identification.outcome.name().to_owned(),
            titles,
            identification: identification
                .steps
                .iter()
                .map(|step| StepRow { ja: step.ja.clone(), en: step.en.clone(), held: None })
                .collect(),
            verdict: judged.judgement.verdict,
            judgement: judged
                .judgement
                .steps
                .into_iter()
                .map(|step| StepRow { ja: step.ja, en: step.en, held: step.held })
                .collect(),
            devices,
        })
    }
}

/// The conditions of a filter and the values of its parameters.
fn clause_of(filter: &SoftwareFilter) -> (String, Vec<String>) {
    let (mut clause, mut texts) = (String::new(), Vec::new());
    let mut and = |comparison: &str, value: String| {
        texts.push(value);
        clause.push_str(&format!(" AND {comparison} ${}", texts.len()));
    };
    for word in filter.words.split_whitespace().take(8) {
        let word: String = search_key(word).replace(['%', '_', '\\'], "");
        if !word.is_empty() {
            and("s.search_key LIKE", format!("%{word}%"));
        }
    }
    if let Some(verdict) = filter.verdict {
        and("j.verdict =", verdict.name().to_owned());
    }
    if let Some(source) = filter.source {
        and("s.source =", source.name().to_owned());
    }
    if let Some(after) = &filter.after {
        and("j.subject >", after.clone());
    }
    if filter.baseline {
        clause.push_str(" AND i.baseline = 1 AND j.kind IN ('unapproved', 'portable')");
    }
    (clause, texts)
}

const EXPLAINED_MAX: i64 = 20;
