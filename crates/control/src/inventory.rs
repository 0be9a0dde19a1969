//! The inventory: what devices report of their software, kept as sets per device and source.
//!
//! Knows the protocol of [`model::inventory`] and whom to believe: a device speaks of itself only, and which device it
//! is the server says. Refuses to know what a finding is made of (see `findings`).
//!
//! Invariant: a batch that comes twice changes nothing: each agent's stream is taken once, in its order.
//! Invariant: rows, judgements, findings, audit and outbox of a batch are one transaction.
//! Invariant: only a confirmed look removes rows; one that shrank by more than a fifth is held back.

mod drift;
mod intake;
mod items;
mod reading;
mod rejudge;
mod rows;
mod source;
mod titles;

pub(crate) use items::{ITEM_COLUMNS, item_of};
pub(crate) use reading::{INSTALLED_SQL, installed_row};

use crate::findings::Tally;
use crate::ground::Ground;
use crate::limits::{REFUSAL_REASONS_OF_DEVICE_MAX, REFUSED_SHOWN_MAX};
use crate::store::{Writing, storable};
use crate::view::findings::{Intake, RefusedInventory};
use crate::{Control, ControlError};
use intake::DeviceRound;
use model::inventory::InventoryMessage;
use model::{Event, Family, StreamKey, Timestamp};
use sqlx::Row as _;
use std::collections::{BTreeMap, HashMap};

impl Control {
    /// Takes the inventory events of a batch: at least once, each stream in its order. Events of other families are
    /// passed over. Called by the server, before the lake's commit.
    ///
    /// # Errors
    /// [`ControlError::Store`]; the same call may be made again then: what was taken is known. What is wrong with an
    /// event is no error but a refusal in the answer, stored with the device.
    pub async fn take_inventory(&self, events: &[Event]) -> Result<Intake, ControlError> {
        let of_inventory = |event: &&Event| event.kind.family() == Family::Inventory;
        let events: Vec<&Event> = events.iter().filter(of_inventory).collect();
        if events.is_empty() {
            return Ok(Intake::default());
        }
        match self.take_together(&events).await {
            Err(err) if err.is_of_content() => self.take_apart(&events).await,
            taken => taken,
        }
    }

    /// One device has something that cannot be stored; it must not stop the others.
    async fn take_apart(&self, events: &[&Event]) -> Result<Intake, ControlError> {
        let mut devices: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
        for event in events {
            devices.entry(event.device.to_string()).or_default().push(event);
        }
        let mut all = Intake::default();
        for (device, events) in devices {
            let one = match self.take_together(&events).await {
                Err(err) if err.is_of_content() => {
                    tracing::error!(device, error = %err, "the inventory of a device was refused");
                    self.refuse_all(&device, &events).await?
                }
                taken => taken?,
            };
            all.taken += one.taken;
            all.known += one.known;
            all.opened += one.opened;
            all.closed += one.closed;
            all.refused.extend(one.refused);
        }
        all.refused.truncate(REFUSED_SHOWN_MAX);
        Ok(all)
    }

    /// Notes that the events of a device were not taken, and passes them over.
    async fn refuse_all(&self, device: &str, events: &[&Event]) -> Result<Intake, ControlError> {
        let now = self.clock.now();
        let mut intake = Intake::default();
        let mut writing = self.store.write().await?;
        for events in self.admitted(&mut writing, events, &mut intake).await?.into_values() {
            for event in events {
                refuse(&mut intake, event, UNSTORABLE.to_owned());
            }
        }
        if !intake.refused.is_empty() {
            // What is known of the device's sources is not what the device holds.
            sqlx::query(
                "UPDATE inventory_source SET confirmed = 0, reason = $1, items_digest = '' WHERE device_id = $2",
            )
            .bind(UNSTORABLE)
            .bind(device)
            .execute(&mut *writing)
            .await?;
        }
        record_refusals(&mut writing, &intake.refused, now).await?;
        writing.commit().await?;
        Ok(intake)
    }

    /// One transaction for all.
    async fn take_together(&self, events: &[&Event]) -> Result<Intake, ControlError> {
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        // After the lock: nothing that judgements stand on changes before the commit.
        let ground = self.ground().await?;
        let mut intake = Intake::default();
        let mut tally = Tally::default();
        let admitted = self.admitted(&mut writing, events, &mut intake).await?;
        let devices: Vec<&str> = admitted.keys().map(String::as_str).collect();
        let mut rounds = DeviceRound::begin(&mut writing, &devices, now).await?;
        for round in &mut rounds {
            let events = admitted.get(&round.device).map(Vec::as_slice).unwrap_or_default();
            let messages = read(&round.device, events, &mut intake);
            self.take_device(&mut writing, &ground, round, messages, &mut intake, &mut tally, now)
                .await?;
        }
        self.settle(&mut writing, &ground, &mut rounds, &mut tally, now).await?;
        record_refusals(&mut writing, &intake.refused, now).await?;
        self.record_tally(&mut writing, &tally, "inventory").await?;
        writing.commit().await?;
        (intake.opened, intake.closed) = (tally.opened, tally.closed);
        intake.refused.truncate(REFUSED_SHOWN_MAX);
        Ok(intake)
    }

    /// The events that were not taken before and whose agent is the device's, by device in order; notes how far each
    /// stream is taken.
    async fn admitted<'e>(
        &self,
        writing: &mut Writing,
        events: &[&'e Event],
        intake: &mut Intake,
    ) -> Result<BTreeMap<String, Vec<&'e Event>>, ControlError> {
        let mut streams: HashMap<(String, String), Stream> = HashMap::new();
        let mut admitted: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
        for event in events {
            let StreamKey { agent, epoch, seq } = event.stream;
            let key = (agent.to_string(), epoch.to_string());
            if !streams.contains_key(&key) {
                let stream = Stream::load(writing, &key).await?;
                streams.insert(key.clone(), stream);
            }
            let Some(stream) = streams.get_mut(&key) else { continue };
            let seq = i64::try_from(seq).unwrap_or(i64::MAX);
            if seq <= stream.last_seq {
                intake.known += 1;
                continue;
            }
            let device = event.device.to_string();
            match &stream.device {
                Some(of) if *of == device => {
                    stream.last_seq = seq;
                    admitted.entry(device).or_default().push(event);
                }
                Some(_) => {
                    stream.last_seq = seq;
                    let reason = "the agent that sent it belongs to another device";
                    refuse(intake, event, reason.to_owned());
                }
                None => refuse(intake, event, "no agent of ours sent it".to_owned()),
            }
        }
        for ((agent, epoch), stream) in streams.iter().filter(|(_, stream)| stream.device.is_some())
        {
            sqlx::query(
                "INSERT INTO inventory_stream (agent_id, epoch, last_seq) VALUES ($1, $2, $3) \
                 ON CONFLICT (agent_id, epoch) DO UPDATE SET last_seq = excluded.last_seq",
            )
            .bind(agent)
            .bind(epoch)
            .bind(stream.last_seq)
            .execute(&mut **writing)
            .await?;
        }
        Ok(admitted)
    }

    async fn take_device(
        &self,
        writing: &mut Writing,
        ground: &Ground,
        round: &mut DeviceRound,
        messages: Vec<(Timestamp, InventoryMessage)>,
        intake: &mut Intake,
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        round.prefetch(writing, &messages).await?;
        for (at, message) in messages {
            // What came and went within one batch was there, and its finding tells so.
            if let InventoryMessage::Removed { item } = &message
                && round
                    .sources
                    .get(&item.source)
                    .is_some_and(|state| state.is_fresh(&intake::key_of(&item.key)))
            {
                self.settle(writing, ground, std::slice::from_mut(round), tally, now).await?;
            }
            match round.take(writing, at, message).await? {
                None => intake.taken += 1,
                Some(reason) => intake.refused.push(refused(&round.device, reason, now)?),
            }
        }
        Ok(())
    }

    /// Stores what rounds worked out, judges what is new, and brings the devices' findings up to date. All devices of a
    /// batch together, so that what they share is asked for once.
    async fn settle(
        &self,
        writing: &mut Writing,
        ground: &Ground,
        rounds: &mut [DeviceRound],
        tally: &mut Tally,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let fresh = items::store(writing, &intake::named(rounds), now).await?;
        self.judge_items(writing, ground, &fresh, now).await?;
        intake::end(writing, rounds).await?;
        let mut touched = Vec::new();
        for round in rounds.iter_mut().filter(|round| round.touched) {
            round.touched = false;
            touched.push(round.device.clone());
        }
        self.reconcile(writing, ground, &touched, tally, now).await
    }
}

/// What is known of an agent's stream.
struct Stream {
    last_seq: i64,
    device: Option<String>,
}

impl Stream {
    async fn load(writing: &mut Writing, key: &(String, String)) -> Result<Self, ControlError> {
        let device = sqlx::query("SELECT device_id FROM agent WHERE id = $1")
            .bind(&key.0)
            .fetch_optional(&mut **writing)
            .await?;
        let last =
            sqlx::query("SELECT last_seq FROM inventory_stream WHERE agent_id = $1 AND epoch = $2")
                .bind(&key.0)
                .bind(&key.1)
                .fetch_optional(&mut **writing)
                .await?;
        Ok(Self {
            last_seq: last.map_or(Ok(0), |row| row.try_get(0))?,
            device: device.map(|row| row.try_get(0)).transpose()?,
        })
    }
}

/// The messages of one device's events.
fn read(
    device: &str,
    events: &[&Event],
    intake: &mut Intake,
) -> Vec<(Timestamp, InventoryMessage)> {
    let mut messages = Vec::with_capacity(events.len());
    for event in events {
        if let Some(other) = names_another(device, event) {
            let other = case::message::visible(other);
            refuse(
                intake,
                event,
                format!("it names another device ({other}); a device speaks of itself only"),
            );
            continue;
        }
        match InventoryMessage::of_event(event) {
            Ok(Some(message)) => messages.push((event.received_at, message)),
            Ok(None) => {}
            Err(fault) => refuse(intake, event, case::message::visible(&fault.to_string())),
        }
    }
    messages
}

/// The device that an event claims to be about, when that is not the one it came from. A sound agent names none.
fn names_another<'e>(device: &str, event: &'e Event) -> Option<&'e str> {
    NAMES_A_DEVICE
        .iter()
        .filter_map(|field| event.fields.text(field))
        .find(|name| !name.is_empty() && *name != device)
}

fn refuse(intake: &mut Intake, event: &Event, reason: String) {
    intake.refused.push(RefusedInventory {
        device: event.device,
        reason,
        at: event.received_at,
        times: 1,
    });
}

fn refused(device: &str, reason: String, at: Timestamp) -> Result<RefusedInventory, ControlError> {
    let device = crate::enrol::stored_device(device)?;
    Ok(RefusedInventory { device, reason, at, times: 1 })
}

/// Counts refusals by device and reason. Reasons hold words of the endpoint, so their number is bounded.
async fn record_refusals(
    writing: &mut Writing,
    refused: &[RefusedInventory],
    now: Timestamp,
) -> Result<(), ControlError> {
    let mut counted: BTreeMap<(String, String), i64> = BTreeMap::new();
    for one in refused {
        *counted.entry((one.device.to_string(), one.reason.clone())).or_default() += 1;
    }
    for ((device, reason), times) in counted {
        let row = sqlx::query(
            "SELECT COUNT(*) FROM device WHERE id = $1 AND \
             (SELECT COUNT(*) FROM inventory_refusal WHERE device_id = $1 AND reason <> $2) < $3",
        )
        .bind(&device)
        .bind(&reason)
        .bind(REFUSAL_REASONS_OF_DEVICE_MAX)
        .fetch_one(&mut **writing)
        .await?;
        let room = row.try_get::<i64, _>(0)? > 0;
        let reason = if room { reason } else { "refused for many reasons".to_owned() };
        sqlx::query(
            "INSERT INTO inventory_refusal (device_id, reason, times, last_at) \
             SELECT id, $2, $3, $4 FROM device WHERE id = $1 \
             ON CONFLICT (device_id, reason) DO UPDATE SET times = inventory_refusal.times + excluded.times, \
             last_at = excluded.last_at",
        )
        .bind(&device)
        .bind(storable(&reason).into_owned())
        .bind(times)
        .bind(now.nanos())
        .execute(&mut **writing)
        .await?;
    }
    Ok(())
}

const UNSTORABLE: &str = "what it reported could not be stored (see the server's log); its next full snapshot is waited for";
/// Fields by which an event could claim to be about some device.
const NAMES_A_DEVICE: [&str; 6] =
    ["Computer", "ComputerName", "Hostname", "HostName", "DeviceId", "DeviceName"];
