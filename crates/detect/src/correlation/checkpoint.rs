//! The state as bytes, to be kept with the position of the stream.
//!
//! ```text
//! "mimamori correlations" version=1
//! received tick statistics
//! heard:   count (agent time)*
//! plans:   count (revision groups:(received told? entries:(…)*)*)*   groups in the order of their age
//! sha-256 of everything before
//! ```
//!
//! Numbers are little end first; texts and lists have their length before them. State of a correlation
//! whose documents changed is left behind: its windows begin anew.

use super::correlator::{Correlator, Kept, State, Statistics};
use super::group::{Entry, Group, key_of};
use super::plan::Correlations;
use crate::limits;
use model::{AgentId, DeviceId, EpochId, EventKind, StreamKey};
use sha2::Digest as _;
use std::sync::Arc;

/// Why a checkpoint was not taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state of correlations is damaged: {reason}; open windows begin anew")]
pub struct CheckpointError {
    /// What is wrong.
    pub reason: &'static str,
}

const MAGIC: &[u8] = b"mimamori correlations\x01";
const DIGEST_BYTES: usize = 32;

impl Correlator {
    /// The state as bytes.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut out = Writer { bytes: MAGIC.to_vec() };
        out.i64(self.received);
        out.u64(self.tick);
        for number in self.counters() {
            out.u64(number);
        }
        out.length(self.heard.len());
        for (agent, time) in &self.heard {
            out.u128(agent.bits());
            out.i64(*time);
        }
        out.length(self.states.len());
        for (plan, state) in self.set.plans.iter().zip(&self.states) {
            out.text(&plan.revision);
            out.length(state.by_age.len());
            for kept in state.by_age.values().filter_map(|key| state.groups.get(key)) {
                out.i64(kept.received);
                out.u64(kept.tick);
                out.option(kept.group.told.as_ref(), |out, told| out.i64(*told));
                out.length(kept.group.entries.len());
                for entry in &kept.group.entries {
                    out.entry(entry);
                }
            }
        }
        let digest = sha2::Sha256::digest(&out.bytes);
        out.bytes.extend_from_slice(&digest);
        out.bytes
    }

    /// Takes a state up again, for the same correlations or for others: what is known of a correlation
    /// that is still the same goes on.
    ///
    /// # Errors
    /// When the bytes are no checkpoint.
    pub fn restore(set: Arc<Correlations>, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let wrong = |reason: &'static str| CheckpointError { reason };
        if bytes.len() > limits::CHECKPOINT_BYTES_MAX {
            return Err(wrong("too large"));
        }
        let end = bytes.len().checked_sub(DIGEST_BYTES).ok_or(wrong("too short"))?;
        let (body, digest) = bytes.split_at(end);
        if sha2::Sha256::digest(body)[..] != *digest {
            return Err(wrong("the checksum is another one"));
        }
        let body = body.strip_prefix(MAGIC).ok_or(wrong("another version"))?;
        let mut reader = Reader { bytes: body };
        reader.correlator(set).ok_or(wrong("it ends too early"))
    }

    const fn counters(&self) -> [u64; 5] {
        let it = &self.statistics;
        [
            it.events_evicted,
            it.groups_evicted,
            it.events_late,
            it.events_without_group,
            it.windows_unexamined,
        ]
    }
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn u64(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn i64(&mut self, number: i64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn u128(&mut self, number: u128) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.u64(u64::try_from(length).unwrap_or(u64::MAX));
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.bytes.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn entry(&mut self, entry: &Entry) {
        self.i64(entry.time);
        self.u128(entry.stream.agent.bits());
        self.u128(entry.stream.epoch.bits());
        self.u64(entry.stream.seq);
        self.u128(entry.device.bits());
        self.u64(u64::from(entry.kind.number()));
        self.u64(entry.mask);
        self.bytes.push(u8::from(entry.held) | u8::from(entry.awaited) << 1);
        self.length(entry.values.len());
        for value in &entry.values {
            self.option(value.as_deref(), Self::text);
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
}

/// Everything here is `None` when the bytes end too early.
impl<'b> Reader<'b> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*taken)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn u128(&mut self) -> Option<u128> {
        self.take().map(u128::from_le_bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// A length, of things of at least one byte each.
    fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.u64()?).ok()?;
        (length <= self.bytes.len()).then_some(length)
    }

    fn text(&mut self) -> Option<&'b str> {
        let length = self.length()?;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }

    fn correlator(&mut self, set: Arc<Correlations>) -> Option<Correlator> {
        let mut state = Correlator::new(set);
        state.received = self.i64()?;
        state.tick = self.u64()?;
        state.statistics = Statistics {
            events_evicted: self.u64()?,
            groups_evicted: self.u64()?,
            events_late: self.u64()?,
            events_without_group: self.u64()?,
            windows_unexamined: self.u64()?,
            ..Statistics::default()
        };
        for _ in 0..self.length()? {
            let agent = AgentId::from_bits(self.u128()?);
            state.heard.insert(agent, self.i64()?);
        }
        for _ in 0..self.length()? {
            let revision = self.text()?;
            let place = state.set.plans.iter().position(|plan| plan.revision == revision);
            let restored = self.state(place.and_then(|place| state.set.plans.get(place)))?;
            if let Some(slot) = place.and_then(|place| state.states.get_mut(place)) {
                *slot = restored;
            }
        }
        state.await_again();
        self.bytes.is_empty().then_some(state)
    }

    fn state(&mut self, plan: Option<&super::plan::Plan>) -> Option<State> {
        let mut state = State::default();
        for _ in 0..self.length()? {
            let received = self.i64()?;
            let tick = self.u64()?;
            let told = match self.byte()? {
                0 => None,
                _ => Some(self.i64()?),
            };
            let mut group = Group::default();
            group.told = told;
            for _ in 0..self.length()? {
                group.entries.push_back(self.entry()?);
            }
            // A group of a correlation that is gone is read over.
            let values = group.entries.back().map(|entry| &*entry.values);
            let key = plan.zip(values).and_then(|(plan, values)| key_of(&plan.group, values));
            let Some(key) = key else { continue };
            let key: Arc<str> = key.into();
            state.events += group.entries.len();
            state.by_age.insert(tick, Arc::clone(&key));
            state.groups.insert(key, Kept { group, tick, received });
        }
        Some(state)
    }

    fn entry(&mut self) -> Option<Entry> {
        let time = self.i64()?;
        let agent = AgentId::from_bits(self.u128()?);
        let epoch = EpochId::from_bits(self.u128()?);
        let stream = StreamKey { agent, epoch, seq: self.u64()? };
        let device = DeviceId::from_bits(self.u128()?);
        let kind = u16::try_from(self.u64()?).ok().and_then(EventKind::of_number)?;
        let mask = self.u64()?;
        let flags = self.byte()?;
        let mut values = Vec::new();
        for _ in 0..self.length()? {
            values.push(match self.byte()? {
                0 => None,
                _ => Some(self.text()?.into()),
            });
        }
        let (held, awaited) = (flags & 1 == 1, flags & 2 == 2);
        Some(Entry { time, stream, device, kind, mask, values: values.into(), held, awaited })
    }
}
