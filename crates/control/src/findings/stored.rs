//! A finding's row, its history, and what a step of it brings about.

use crate::audit::{Action, Cause, Entry};
use crate::batch::{self, Cell};
use crate::ground::parsed;
use crate::outbox::{self, NewMessage, Sender};
use crate::recipient::{self, Recipient};
use crate::store::{Row, Writing, storable};
use crate::view::people::Button;
use crate::{Control, ControlError, Language, random};
use case::calendar::Workplace;
use case::finding::{self, Around, By, Effect, Event, Finding, Letter, Status, Timetable};
use case::message::{About, Composed, Occasion, compose};
use case::remedy::Channel;
use model::Timestamp;
use model::inventory::SoftwareSource;
use serde_json::json;
use software::search_key;
use sqlx::Row as _;
use std::collections::HashMap;

/// A finding with what lists need beside its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) device: String,
    pub(crate) subject: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// Source and key of its items on the device.
    pub(crate) items: Vec<(SoftwareSource, String)>,
    pub(crate) state: Finding,
}

/// The people around the findings of one device.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) device_name: String,
    pub(crate) department: String,
    pub(crate) owner: Option<Recipient>,
    pub(crate) workplace: Workplace,
    pub(crate) timetable: Timetable,
}

/// Who acts, for history and audit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) by: By,
    pub(crate) name: &'a str,
}

/// What a batch did to findings: one entry of the audit chain says it; each finding's history has the details.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    pub(crate) messages: u64,
    ids: Vec<String>,
}

impl Tally {
    fn note(&mut self, id: &str) {
        if self.ids.len() < TALLY_IDS_MAX && !self.ids.iter().any(|known| known == id) {
            self.ids.push(id.to_owned());
        }
    }
}

impl People {
    pub(crate) async fn of_device(
        writing: &mut Writing,
        device: &str,
    ) -> Result<Self, ControlError> {
        let mut people = Self::of_devices(writing, &[device]).await?;
        people.remove(device).ok_or_else(|| ControlError::NotFound {
            what: "device",
            id: device.chars().take(60).collect(),
        })
    }

    /// By device. The owner is somebody who may still be asked: one who left is none.
    pub(crate) async fn of_devices(
        writing: &mut Writing,
        devices: &[&str],
    ) -> Result<HashMap<String, Self>, ControlError> {
        let mut owners = recipient::owners_of(writing, devices).await?;
        let head = "SELECT id, name, department_id FROM device WHERE id";
        let mut people = HashMap::with_capacity(devices.len());
        for row in &batch::fetch_in(writing, head, &[], devices, "").await? {
            let device: String = row.try_get(0)?;
            let owner = owners.remove(&device).filter(|owner| !owner.disabled);
            let of_owner = owner.as_ref().and_then(|owner| owner.department_id.clone());
            let department = row.try_get::<Option<String>, _>(2)?;
            let zone = owner.as_ref().map_or("", |owner| &owner.time_zone);
            let found = Self {
                device_name: row.try_get(1)?,
                department: department.or(of_owner).unwrap_or_default(),
                workplace: Workplace::of_zone(zone),
                owner,
                timetable: Timetable::default(),
            };
            people.insert(device, found);
        }
        Ok(people)
    }

    pub(crate) fn around(&self) -> Around<'_> {
        Around {
            timetable: &self.timetable,
            workplace: &self.workplace,
            has_owner: self.owner.is_some(),
            has_manager: self.owner.as_ref().is_some_and(|owner| owner.manager_id.is_some()),
        }
    }
}

impl Stored {
    /// The columns that [`Stored::of_row`] reads, of `finding AS f`.
    pub(crate) const COLUMNS: &str =
        "f.id, f.device_id, f.subject, f.name, f.version, f.items, f.state";

    pub(crate) fn of_row(row: &Row) -> Result<Self, ControlError> {
        let id: String = row.try_get(0)?;
        Ok(Self {
            device: row.try_get(1)?,
            subject: row.try_get(2)?,
            name: row.try_get(3)?,
            version: row.try_get(4)?,
            items: parsed("finding", &id, &row.try_get::<String, _>(5)?)?,
            state: parsed("finding", &id, &row.try_get::<String, _>(6)?)?,
            id,
        })
    }

    /// Loads one for a change.
    pub(crate) async fn load(writing: &mut Writing, id: &str) -> Result<Self, ControlError> {
        let sql = format!("SELECT {} FROM finding AS f WHERE f.id = $1", Self::COLUMNS);
        let row =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&mut **writing).await?;
        match row {
            Some(row) => Self::of_row(&row),
            None => {
                Err(ControlError::NotFound { what: "finding", id: id.chars().take(60).collect() })
            }
        }
    }

    pub(crate) async fn save(&self, writing: &mut Writing) -> Result<(), ControlError> {
        let json = |text: serde_json::Result<String>| {
            text.map_err(|err| ControlError::Corrupt {
                what: "finding",
                id: self.id.clone(),
                reason: err.to_string(),
            })
        };
        let (state, text) = (&self.state, |text: &str| Cell::Text(storable(text).into_owned()));
        let closed = (state.status == Status::Resolved).then_some(state.status_at.nanos());
        let row = vec![
            Cell::from(self.id.as_str()),
            Cell::from(self.device.as_str()),
            text(&self.subject),
            Cell::from(state.kind.name()),
            text(&self.name),
            text(&self.version),
            text(&search_key(&self.name)),
            Cell::Text(json(serde_json::to_string(&self.items))?),
            Cell::Text(json(serde_json::to_string(state))?),
            Cell::from(state.status.name()),
            Cell::from(state.rung.name()),
            Cell::from(state.closing.map_or("", |closing| closing.name())),
            Cell::from(state.request.as_deref().unwrap_or_default()),
            Cell::from(state.opened_at.nanos()),
            Cell::from(closed),
            Cell::from(state.due_at.map(Timestamp::nanos)),
            Cell::from(state.last_seen().map_or(0, |seen| seen.at.nanos())),
            Cell::from(state.paused.is_some()),
            Cell::from(i64::from(state.reopened)),
        ];
        batch::insert(writing, INSERT_FINDING, &[row], UPDATE_FINDING).await
    }

    async fn remember(
        &self,
        writing: &mut Writing,
        who: Who<'_>,
        cause: &str,
        from: &str,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO finding_event (finding_id, n, at, actor, cause, from_status, to_status, detail) \
             SELECT $1, COALESCE(MAX(n), 0) + 1, $2, $3, $4, $5, $6, $7 FROM finding_event WHERE finding_id = $1",
        )
        .bind(&self.id)
        .bind(now.nanos())
        .bind(who.name.to_owned())
        .bind(cause.to_owned())
        .bind(from.to_owned())
        .bind(self.state.status.name())
        .bind(storable(detail).into_owned())
        .execute(&mut **writing)
        .await?;
        Ok(())
    }
}

impl Control {
    /// Stores a new finding with the first entry of its history.
    pub(crate) async fn open_finding(
        &self,
        writing: &mut Writing,
        mut finding: Stored,
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        finding.id = random::secret()?;
        finding.save(writing).await?;
        finding.remember(writing, Who::INVENTORY, "opened", "", "", now).await?;
        tally.opened += 1;
        tally.note(&finding.id);
        Ok(())
    }

    /// Takes one step of a finding: state, history and what it brings about, all in the caller's transaction.
    pub(crate) async fn step_finding(
        &self,
        writing: &mut Writing,
        stored: &mut Stored,
        event: &Event,
        who: Who<'_>,
        detail: &str,
        people: &People,
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let (next, effects) = finding::step(&stored.state, event, who.by, &people.around(), now)
            .map_err(ControlError::FindingRefused)?;
        if next == stored.state {
            return Ok(());
        }
        let before = std::mem::replace(&mut stored.state, next);
        stored.save(writing).await?;
        let (from, to) = (before.status, stored.state.status);
        let told = before.rung != stored.state.rung;
        let notable = !matches!(event, Event::Seen { .. } | Event::Looked { .. });
        if from != to || told || notable {
            let cause = if told && from == to { stored.state.rung.name() } else { event.name() };
            let proof = proof_words(stored, to, detail);
            stored.remember(writing, who, cause, from.name(), &proof, now).await?;
        }
        if from == Status::Resolved && to != Status::Resolved {
            tally.opened += 1;
        }
        if from != Status::Resolved && to == Status::Resolved {
            tally.closed += 1;
        }
        if from != to {
            tally.note(&stored.id);
        }
        for effect in effects {
            self.effect(writing, stored, effect, people, tally, now).await?;
        }
        Ok(())
    }

    async fn effect(
        &self,
        writing: &mut Writing,
        stored: &Stored,
        effect: Effect,
        people: &People,
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let Some(owner) = &people.owner else { return Ok(()) };
        if matches!(effect, Effect::Tell(_)) && self.has_had_enough(writing, owner, now).await? {
            return self.tell_of_more(writing, owner, tally, now).await;
        }
        match effect {
            Effect::Withdraw => outbox::close_about(writing, &about(&stored.id)).await,
            // It stands in the list of drafts by its rung; the words are made when somebody opens it.
            Effect::Draft => Ok(()),
            Effect::Tell(letter) => {
                let occasion = match letter {
                    Letter::Notice => Occasion::Notice,
                    Letter::Reminder(_) => Occasion::Reminder,
                };
                let letter = Outgoing {
                    occasion,
                    channel: Channel::Bot,
                    to: owner,
                    sender: Sender::Product,
                    sender_name: BOT,
                };
                let message = letter.compose(stored, people, owner);
                self.send_letter(writing, stored, &letter, &message, tally, now).await
            }
            Effect::TellManager => {
                let Some(manager) = &owner.manager_id else { return Ok(()) };
                let Some(manager) = recipient::recipient(&mut **writing, manager).await? else {
                    return Ok(());
                };
                let letter = Outgoing {
                    occasion: Occasion::Manager,
                    channel: Channel::Manager,
                    to: &manager,
                    sender: Sender::Product,
                    sender_name: BOT,
                };
                let message = letter.compose(stored, people, owner);
                self.send_letter(writing, stored, &letter, &message, tally, now).await
            }
        }
    }

    /// Puts a message about a finding into the outbox, and notes it for the rates of remedy.
    pub(crate) async fn send_letter(
        &self,
        writing: &mut Writing,
        stored: &Stored,
        letter: &Outgoing<'_>,
        message: &Composed,
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let japanese = letter.to.language == Language::Ja;
        let buttons = message.buttons.iter().map(|(answer, _)| Button {
            name: answer.name().to_owned(),
            label: case::message::label(*answer, japanese).to_owned(),
            link: format!("/pc#f-{}", stored.id),
        });
        let once = format!("{} {} {}", stored.id, letter.occasion.name(), now.nanos());
        let new = NewMessage {
            to: &letter.to.id,
            kind: letter.occasion.name(),
            about: &about(&stored.id),
            sender: letter.sender,
            language: letter.to.language,
            subject: &message.subject,
            body: &message.body,
            buttons: buttons.collect(),
            due_at: now,
            once: &once,
        };
        let Some(id) = self.enqueue(writing, &new).await? else { return Ok(()) };
        sqlx::query(
            "INSERT INTO finding_message (id, finding_id, at, channel, sender, recipient, subject, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id)
        .bind(&stored.id)
        .bind(now.nanos())
        .bind(letter.channel.name())
        .bind(letter.sender_name.to_owned())
        .bind(&letter.to.name)
        .bind(&message.subject)
        .bind(&message.body)
        .execute(&mut **writing)
        .await?;
        tally.messages += 1;
        Ok(())
    }

    /// One entry of the audit chain for what a batch did.
    pub(crate) async fn record_tally(
        &self,
        writing: &mut Writing,
        tally: &Tally,
        by: &'static str,
    ) -> Result<(), ControlError> {
        if tally.ids.is_empty() && tally.messages == 0 {
            return Ok(());
        }
        let entry = Entry {
            cause: Cause::Machine,
            action: Action::FindingsChanged,
            target: by.to_owned(),
            detail: json!({
                "opened": tally.opened,
                "closed": tally.closed,
                "messages": tally.messages,
                "findings": tally.ids,
            }),
        };
        self.append(writing, &entry).await
    }
}

/// A message to one person.
pub(crate) struct Outgoing<'a> {
    pub(crate) occasion: Occasion,
    pub(crate) channel: Channel,
    pub(crate) to: &'a Recipient,
    pub(crate) sender: Sender<'a>,
    pub(crate) sender_name: &'a str,
}

impl Outgoing<'_> {
    /// The words, in the recipient's language.
    pub(crate) fn compose(&self, stored: &Stored, people: &People, owner: &Recipient) -> Composed {
        let answers = stored.state.answers();
        let about = About {
            kind: stored.state.kind,
            software: &stored.name,
            version: &stored.version,
            device: &people.device_name,
            person: &owner.name,
            sender: self.sender_name,
            opened_at: stored.state.opened_at,
            answers: &answers,
        };
        compose(self.occasion, &about, self.to.language == Language::Ja)
    }
}

impl Who<'_> {
    /// The machine, told by a device.
    pub(crate) const INVENTORY: Who<'static> = Who { by: By::Machine, name: "inventory" };
    /// The machine, by its clock.
    pub(crate) const TIMER: Who<'static> = Who { by: By::Machine, name: "timer" };
    /// The machine, because a judgement changed.
    pub(crate) const JUDGEMENT: Who<'static> = Who { by: By::Machine, name: "judgement" };
}

/// How messages and audit name a finding.
pub(crate) fn about(id: &str) -> String {
    format!("finding {id}")
}

/// A removal says what proves it.
fn proof_words(stored: &Stored, to: Status, detail: &str) -> String {
    let removed = stored.state.closing == Some(finding::Closing::Removed);
    match stored.state.proof().filter(|_| to == Status::Resolved && removed) {
        None => detail.to_owned(),
        Some(proof) => {
            let looks = proof
                .iter()
                .map(|(source, look)| format!("{} looked at {}", source.name(), look.at));
            format!("not found any more: {}", looks.collect::<Vec<_>>().join("; "))
        }
    }
}

/// How the product signs.
pub(crate) const BOT: &str = "mimamori";
const TALLY_IDS_MAX: usize = 50;
const INSERT_FINDING: &str = "INSERT INTO finding (id, device_id, subject, kind, name, version, search_key, items, state, \
    status, rung, closing, request_id, opened_at, closed_at, due_at, last_seen_at, stale, reopened)";
const UPDATE_FINDING: &str = "ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, \
    search_key = excluded.search_key, items = excluded.items, state = excluded.state, status = excluded.status, \
    rung = excluded.rung, closing = excluded.closing, request_id = excluded.request_id, \
    opened_at = excluded.opened_at, closed_at = excluded.closed_at, due_at = excluded.due_at, \
    last_seen_at = excluded.last_seen_at, stale = excluded.stale, reopened = excluded.reopened";
