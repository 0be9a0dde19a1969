//! Brings the findings of devices to what their inventories and the judgements say.

use super::stored::{People, Stored, Tally, Who};
use crate::device_groups::groups_of;
use crate::ground::{Ground, Place};
use crate::inventory::{ITEM_COLUMNS, item_of};
use crate::limits::FINDING_ITEMS_MAX;
use crate::store::{Row as SqlRow, Writing};
use crate::{Control, ControlError, batch};
use case::finding::{Closing, Event, Finding, Kind, Moment, Status};
use case::judgement::Verdict;
use model::Timestamp;
use model::inventory::SoftwareSource;
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The last confirmed look of a source.
#[derive(Debug, Clone, Copy)]
struct Look {
    order: u64,
    at: Timestamp,
}

/// What the inventory asks for, by software and kind.
#[derive(Debug, Default)]
struct Want {
    name: String,
    version: String,
    items: Vec<(SoftwareSource, String)>,
    seen: BTreeMap<SoftwareSource, Moment>,
    candidate: bool,
}

type Wants = BTreeMap<(String, Kind), Want>;

/// The last confirmed looks of one device.
type Looks = BTreeMap<SoftwareSource, Look>;

/// How an installed item is judged on this device, by source and key.
type Verdicts = HashMap<(SoftwareSource, String), (String, Verdict)>;

/// What is stored around the findings of devices, by device.
struct Around {
    people: HashMap<String, People>,
    looks: HashMap<String, Looks>,
    asking: HashMap<String, Vec<SqlRow>>,
    open: HashMap<String, Vec<Stored>>,
}

impl Control {
    /// Brings the findings of devices up to date, in the caller's transaction.
    pub(crate) async fn reconcile(
        &self,
        writing: &mut Writing,
        ground: &Ground,
        devices: &[String],
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        for some in devices.chunks(DEVICES_AT_ONCE) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            let mut around = Around::load(writing, &some).await?;
            for device in &some {
                self.reconcile_one(writing, ground, device, &mut around, tally, now).await?;
            }
            let head = "UPDATE inventory_device SET stale = 0 WHERE stale = 1 AND device_id";
            batch::execute_in(writing, head, &[], &some).await?;
        }
        Ok(())
    }

    async fn reconcile_one(
        &self,
        writing: &mut Writing,
        ground: &Ground,
        device: &str,
        around: &mut Around,
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let Some(people) = around.people.remove(device) else { return Ok(()) };
        let looks = around.looks.remove(device).unwrap_or_default();
        let asking = around.asking.remove(device).unwrap_or_default();
        let open = around.open.remove(device).unwrap_or_default();
        if asking.is_empty() && open.is_empty() {
            return Ok(());
        }
        let mut verdicts = Verdicts::new();
        let mut wants =
            wanted(writing, ground, device, &people, &looks, &asking, &mut verdicts, now).await?;
        for mut stored in with_closed(writing, device, open, &wants).await? {
            let want = wants.remove(&(stored.subject.clone(), stored.state.kind));
            self.update(writing, &mut stored, want, &looks, &verdicts, &people, tally, now).await?;
        }
        for ((subject, kind), want) in wants {
            let Some((first, moment)) = want.seen.iter().next() else { continue };
            let hold = want.candidate.then(|| people.workplace.afternoon_after(now, 0));
            let state = Finding::open(kind, *first, *moment, hold, &people.around(), now);
            let mut stored = Stored {
                id: String::new(),
                device: device.to_owned(),
                subject,
                name: want.name.clone(),
                version: want.version.clone(),
                items: want.items.clone(),
                state,
            };
            for (source, moment) in want.seen.iter().skip(1) {
                let event = Event::Seen { source: *source, moment: *moment };
                let step = case::finding::step(
                    &stored.state,
                    &event,
                    Who::INVENTORY.by,
                    &people.around(),
                    now,
                );
                stored.state = step.map_err(ControlError::FindingRefused)?.0;
            }
            self.open_finding(writing, stored, tally, now).await?;
        }
        Ok(())
    }

    async fn update(
        &self,
        writing: &mut Writing,
        stored: &mut Stored,
        want: Option<Want>,
        looks: &Looks,
        verdicts: &Verdicts,
        people: &People,
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let seen = want.as_ref().map(|want| want.seen.clone()).unwrap_or_default();
        let seen_by_all = stored.state.sightings.iter().all(|one| seen.contains_key(&one.source));
        let rows = match want.is_some() && seen_by_all {
            true => Vec::new(),
            false => rows_of(writing, stored).await?,
        };
        if let Some(want) = want {
            let (items, version) = (want.items, want.version);
            if (&items, &version) != (&stored.items, &stored.version) {
                (stored.items, stored.version, stored.name) = (items, version, want.name);
                stored.save(writing).await?;
            }
        } else if let Some(closing) = cleared(stored, &rows, verdicts) {
            if stored.state.status == Status::Resolved {
                return Ok(());
            }
            let event = Event::Cleared(closing);
            return self
                .step_finding(writing, stored, &event, Who::JUDGEMENT, "", people, tally, now)
                .await;
        }
        for (source, moment) in &seen {
            let event = Event::Seen { source: *source, moment: *moment };
            self.step_finding(writing, stored, &event, Who::INVENTORY, "", people, tally, now)
                .await?;
        }
        let absent: Vec<SoftwareSource> = stored
            .state
            .sightings
            .iter()
            .map(|sighting| sighting.source)
            .filter(|source| !seen.contains_key(source))
            // Said to be removed, or judged otherwise: there all the same.
            .filter(|source| !rows.iter().any(|row| row.source == *source))
            .collect();
        for source in absent {
            let Some(look) = looks.get(&source) else { continue };
            let event = Event::Looked { source, moment: Moment { order: look.order, at: look.at } };
            self.step_finding(writing, stored, &event, Who::INVENTORY, "", people, tally, now)
                .await?;
        }
        Ok(())
    }
}

/// A row that is still there of a finding's items.
struct Row {
    source: SoftwareSource,
    key: String,
    gone: bool,
    subject: String,
    verdict: Option<Verdict>,
}

/// Why a finding that the inventory does not ask for any more, but whose software is there, is closed.
fn cleared(stored: &Stored, rows: &[Row], verdicts: &Verdicts) -> Option<Closing> {
    let row = rows.iter().find(|row| !row.gone)?;
    let (subject, verdict) = match verdicts.get(&(row.source, row.key.clone())) {
        Some((subject, verdict)) => (subject, Some(*verdict)),
        None => (&row.subject, row.verdict),
    };
    Some(match verdict? {
        Verdict::Approved | Verdict::ApprovedWithConditions => Closing::Approved,
        Verdict::Excluded => Closing::Excluded,
        _ if *subject == stored.subject => Closing::Superseded,
        _ => Closing::Misidentified,
    })
}

impl Around {
    async fn load(writing: &mut Writing, devices: &[&str]) -> Result<Self, ControlError> {
        let mut asking: HashMap<String, Vec<SqlRow>> = HashMap::new();
        let sql = format!(
            "SELECT i.item_key, i.installed_at, i.seen_at, i.seen_order, i.baseline, j.subject, j.subject_name, \
             j.verdict, j.kind, j.per_device, {ITEM_COLUMNS}, i.device_id FROM installed i \
             JOIN item_judgement j ON j.item_id = i.item_id JOIN software_item s ON s.id = i.item_id \
             WHERE i.gone = 0 AND (j.per_device = 1 OR (j.kind <> '' AND \
             (i.baseline = 0 OR j.kind NOT IN ('unapproved', 'portable')))) AND i.device_id"
        );
        for row in batch::fetch_in(writing, &sql, &[], devices, "").await? {
            asking.entry(row.try_get(26)?).or_default().push(row);
        }
        let mut open: HashMap<String, Vec<Stored>> = HashMap::new();
        let sql = format!(
            "SELECT {} FROM finding AS f WHERE f.status <> 'resolved' AND f.device_id",
            Stored::COLUMNS
        );
        for row in batch::fetch_in(writing, &sql, &[], devices, "").await? {
            let stored = Stored::of_row(&row)?;
            open.entry(stored.device.clone()).or_default().push(stored);
        }
        let people = People::of_devices(writing, devices).await?;
        Ok(Self { people, looks: looks_of(writing, devices).await?, asking, open })
    }
}

async fn looks_of(
    writing: &mut Writing,
    devices: &[&str],
) -> Result<HashMap<String, Looks>, ControlError> {
    let head = "SELECT source, look_order, looked_at, device_id FROM inventory_source \
         WHERE looked_at IS NOT NULL AND device_id";
    let mut looks: HashMap<String, Looks> = HashMap::new();
    for row in &batch::fetch_in(writing, head, &[], devices, "").await? {
        let source: String = row.try_get(0)?;
        let Some(source) = SoftwareSource::of_name(&source) else { continue };
        let order = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
        let look = Look { order, at: Timestamp::from_nanos(row.try_get(2)?) };
        looks.entry(row.try_get(3)?).or_default().insert(source, look);
    }
    Ok(looks)
}

/// What the inventory of the device asks for, by the rows that may ask for something.
async fn wanted(
    writing: &mut Writing,
    ground: &Ground,
    device: &str,
    people: &People,
    looks: &Looks,
    rows: &[SqlRow],
    verdicts: &mut Verdicts,
    now: Timestamp,
) -> Result<Wants, ControlError> {
    let mut titles: Option<HashSet<String>> = None;
    let mut groups = Vec::new();
    let mut wants = Wants::new();
    for row in rows {
        let key: String = row.try_get(0)?;
        let item = item_of(row, 10, key.clone(), row.try_get(1)?)?;
        let (mut subject, mut name): (String, String) = (row.try_get(5)?, row.try_get(6)?);
        let mut verdict = Verdict::of_name(&row.try_get::<String, _>(7)?);
        let mut kind = Kind::of_name(&row.try_get::<String, _>(8)?);
        if row.try_get::<i64, _>(9)? != 0 {
            if titles.is_none() {
                titles = Some(titles_on(writing, device).await?);
                groups = groups_of(writing, device).await?;
            }
            let person = people.owner.as_ref().map_or("", |owner| owner.id.as_str());
            let department = people.department.as_str();
            let place = Place { person, department, groups: &groups, titles: titles.as_ref() };
            let judged = ground.judge(&item, place, now);
            kind = judged.kind(item.source);
            verdict = Some(judged.judgement.verdict);
            (subject, name) = (judged.subject, judged.subject_name);
            verdicts
                .insert((item.source, key.clone()), (subject.clone(), judged.judgement.verdict));
        }
        let Some(kind) = kind else { continue };
        if row.try_get::<i64, _>(4)? != 0 && !kind.ignores_baseline() {
            continue;
        }
        let moment = seen_at(row.try_get(3)?, row.try_get(2)?, looks.get(&item.source));
        let want = wants.entry((subject, kind)).or_default();
        want.candidate |= verdict == Some(Verdict::Candidate);
        let newest = want.seen.values().all(|known| known.order <= moment.order);
        if want.name.is_empty() || newest {
            (want.name, want.version) = (name, item.version.clone());
        }
        let seen = want.seen.entry(item.source).or_insert(moment);
        if moment.order > seen.order {
            *seen = moment;
        }
        if want.items.len() < FINDING_ITEMS_MAX {
            want.items.push((item.source, key));
        }
    }
    for want in wants.values_mut() {
        want.items.sort();
    }
    Ok(wants)
}

/// A row that is there was seen when it was reported last, and by every confirmed look since.
fn seen_at(order: i64, at: i64, look: Option<&Look>) -> Moment {
    let order = u64::try_from(order).unwrap_or(0);
    match look {
        Some(look) if look.order > order => Moment { order: look.order, at: look.at },
        _ => Moment { order, at: Timestamp::from_nanos(at) },
    }
}

async fn titles_on(writing: &mut Writing, device: &str) -> Result<HashSet<String>, ControlError> {
    let rows = sqlx::query(
        "SELECT DISTINCT j.title_id FROM installed i JOIN item_judgement j ON j.item_id = i.item_id \
         WHERE i.device_id = $1 AND i.gone = 0 AND j.title_id <> ''",
    )
    .bind(device)
    .fetch_all(&mut **writing)
    .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Findings of the device that are not closed, and closed ones of what is wanted.
async fn with_closed(
    writing: &mut Writing,
    device: &str,
    open: Vec<Stored>,
    wants: &Wants,
) -> Result<Vec<Stored>, ControlError> {
    let known: BTreeSet<(&str, Kind)> =
        open.iter().map(|stored| (stored.subject.as_str(), stored.state.kind)).collect();
    let missing: BTreeSet<&str> = wants
        .keys()
        .filter(|(subject, kind)| !known.contains(&(subject.as_str(), *kind)))
        .map(|(subject, _)| subject.as_str())
        .collect();
    let missing: Vec<&str> = missing.into_iter().collect();
    let closed = format!(
        "SELECT {} FROM finding AS f WHERE f.device_id = $1 AND f.status = 'resolved' AND f.subject",
        Stored::COLUMNS
    );
    let mut found = open;
    for row in batch::fetch_in(writing, &closed, &[device], &missing, "").await? {
        let stored = Stored::of_row(&row)?;
        if wants.contains_key(&(stored.subject.clone(), stored.state.kind)) {
            found.push(stored);
        }
    }
    Ok(found)
}

/// What is still stored of a finding's items.
async fn rows_of(writing: &mut Writing, stored: &Stored) -> Result<Vec<Row>, ControlError> {
    let mut by_source: BTreeMap<SoftwareSource, Vec<&str>> = BTreeMap::new();
    for (source, key) in &stored.items {
        by_source.entry(*source).or_default().push(key);
    }
    let mut rows = Vec::new();
    for (source, keys) in by_source {
        let head = "SELECT i.item_key, i.gone, j.subject, j.verdict FROM installed i \
             JOIN item_judgement j ON j.item_id = i.item_id WHERE i.device_id = $1 AND i.source = $2 AND i.item_key";
        let fixed = [stored.device.as_str(), source.name()];
        for row in batch::fetch_in(writing, head, &fixed, &keys, "").await? {
            rows.push(Row {
                source,
                key: row.try_get(0)?,
                gone: row.try_get::<i64, _>(1)? != 0,
                subject: row.try_get(2)?,
                verdict: Verdict::of_name(&row.try_get::<String, _>(3)?),
            });
        }
    }
    Ok(rows)
}

/// Devices whose rows are in memory at once.
const DEVICES_AT_ONCE: usize = 100;
