//! The server's inbox: batches as they came, durable before they are acknowledged, kept until the lake has
//! committed them.
//!
//! Per stream a pure state machine ([`wire::receive`]) decides what to store; this module owns the spool and
//! the states. A state is rebuilt at start from the lake's positions and from what the inbox still holds.

use crate::layout::Layout;
use anyhow::Context;
use lake::Lake;
use model::{AgentId, Clock, DeviceId, EpochId, limits::BATCH_BYTES_MAX};
use spool::{Item, Options, Spool, SpoolError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wire::receive::{self, StreamState, Verdict};
use wire::{Batch, Received, StreamPath, StreamReply, WireError};

/// Bytes that batches may take before the lake has them; then agents hold what they have.
const INBOX_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// From this share of the quota on, agents get no credit (numerator of a fraction of ten).
const CREDIT_ENDS_AT_TENTHS: u64 = 9;
/// What an agent waits when the inbox is full.
const RETRY_AFTER_MS: u64 = 2_000;
/// Bytes read from the inbox at once.
const READ_BYTES: usize = 8 * 1024 * 1024;
/// Lives of one agent's spool that are kept in mind; an agent that draws new ones without end is refused.
const STREAMS_PER_AGENT_MAX: usize = 64;

/// A stream: whose, and which life of the agent's spool.
pub(crate) type StreamId = (AgentId, EpochId);

/// Who sends, from the client certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) agent: AgentId,
    pub(crate) device: DeviceId,
}

/// The answer to a batch; each but the first stored nothing.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Durable here, now or already before.
    Durable(StreamReply),
    /// Numbers are missing before it.
    Hole(StreamReply),
    /// The same numbers came with other content: two agents use one identity.
    Conflict,
    /// Not well formed.
    Malformed(WireError),
    /// No room, or the disk refuses; the agent keeps what it has.
    Later(StreamReply),
    /// Too many lives of one agent's spool.
    TooManyStreams,
}

/// What is known of one stream.
struct Stream {
    state: Mutex<StreamState>,
    committed_through: AtomicU64,
}

impl Stream {
    fn resume(position: u64) -> Self {
        Self {
            state: Mutex::new(StreamState::resume(position)),
            committed_through: AtomicU64::new(position),
        }
    }
}

pub(crate) struct Inbox {
    spool: Spool,
    streams: Mutex<HashMap<StreamId, Arc<Stream>>>,
    clock: Arc<dyn Clock>,
    received: AtomicU64,
}

impl Inbox {
    /// Opens the inbox and rebuilds the state of every stream.
    pub(crate) async fn open(
        layout: &Layout,
        lake: &Lake,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let mut bits = [0_u8; 16];
        getrandom::fill(&mut bits).context("the operating system gave no random bytes")?;
        let options = Options {
            record_bytes_max: wire::limits::RECEIVED_BYTES_MAX,
            ..Options::new(u128::from_le_bytes(bits), INBOX_BYTES_MAX)
        };
        let spool = Spool::open(&layout.inbox(), options)?;
        let mut streams = HashMap::new();
        for position in lake.positions().await? {
            streams.insert(
                (position.agent, position.epoch),
                Arc::new(Stream::resume(position.last_seq)),
            );
        }
        let inbox =
            Self { spool, streams: Mutex::new(streams), clock, received: AtomicU64::new(0) };
        inbox.replay()?;
        Ok(inbox)
    }

    /// Takes a batch. Blocks until it is durable; to be called where blocking is allowed.
    pub(crate) fn accept(&self, peer: Peer, path: &StreamPath, body: Vec<u8>) -> Outcome {
        let batch = match Batch::decode_for(path, &body) {
            Ok(batch) => batch,
            Err(err) => return Outcome::Malformed(err),
        };
        let Some(stream) = self.stream((peer.agent, path.epoch)) else {
            return Outcome::TooManyStreams;
        };
        // Held over the append: batches of one stream must reach the inbox in their order.
        let mut state = lock(&stream.state);
        let (batch, body) = match receive::step(&state, &batch) {
            Verdict::AlreadyHave => return Outcome::Durable(self.reply(&stream, &state)),
            Verdict::Hole { .. } => return Outcome::Hole(self.reply(&stream, &state)),
            Verdict::Conflict { .. } => return Outcome::Conflict,
            Verdict::Store { from } if from > batch.first => {
                let rest = batch.trim_before(from);
                match rest.encode() {
                    Ok(body) => (rest, body),
                    Err(err) => return Outcome::Malformed(err),
                }
            }
            Verdict::Store { .. } => (batch, body),
        };
        let received = Received {
            agent: peer.agent,
            device: peer.device,
            received_at: self.clock.now(),
            body,
        };
        match self.spool.append(&[received.to_bytes()]) {
            Ok(_) => {
                state.stored(&batch);
                self.received.fetch_add(batch.records.len() as u64, Ordering::Relaxed);
                Outcome::Durable(self.reply(&stream, &state))
            }
            Err(err) => {
                report(&err);
                let reply = self.reply(&stream, &state);
                Outcome::Later(StreamReply {
                    credit_bytes: 0,
                    retry_after_ms: RETRY_AFTER_MS,
                    ..reply
                })
            }
        }
    }

    /// How far a stream has come.
    pub(crate) fn position(&self, id: StreamId) -> Option<StreamReply> {
        let stream = self.stream(id)?;
        let state = lock(&stream.state);
        Some(self.reply(&stream, &state))
    }

    /// Items from a number of the inbox on; empty when there is nothing new.
    pub(crate) fn read(&self, from: u64) -> Result<Vec<Item>, SpoolError> {
        self.spool.read(from, READ_BYTES)
    }

    /// Waits until the inbox holds this number, at most so long.
    pub(crate) fn wait_for(&self, seq: u64, wait: std::time::Duration) -> Result<u64, SpoolError> {
        self.spool.wait_for(seq, wait)
    }

    /// The first number of the inbox that the lake may not have.
    pub(crate) fn first_seq(&self) -> u64 {
        self.spool.first_seq()
    }

    /// The lake has everything of the inbox up to `seq`, and these streams up to these positions.
    pub(crate) fn committed(
        &self,
        seq: u64,
        streams: &[(StreamId, u64)],
    ) -> Result<(), SpoolError> {
        for (id, through) in streams {
            if let Some(stream) = self.stream(*id) {
                stream.committed_through.fetch_max(*through, Ordering::Relaxed);
            }
        }
        self.spool.acknowledge(seq)
    }

    /// Forgets what was durable of a stream beyond the lake's position: the inbox was damaged there, and the
    /// agent, which still has everything that is not committed, must send it again.
    pub(crate) fn send_again(&self, id: StreamId, position: u64) {
        if let Some(stream) = self.stream(id) {
            *lock(&stream.state) = StreamState::resume(position);
        }
    }

    /// Records that came in since the start.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn reply(&self, stream: &Stream, state: &StreamState) -> StreamReply {
        let usage = self.spool.usage();
        let full = usage.used_bytes >= usage.quota_bytes / 10 * CREDIT_ENDS_AT_TENTHS;
        StreamReply {
            durable_through: state.durable_through(),
            committed_through: stream.committed_through.load(Ordering::Relaxed),
            expected: state.expected(),
            credit_bytes: if full { 0 } else { BATCH_BYTES_MAX as u64 },
            retry_after_ms: if full { RETRY_AFTER_MS } else { 0 },
        }
    }

    fn stream(&self, id: StreamId) -> Option<Arc<Stream>> {
        let mut streams = lock(&self.streams);
        if let Some(stream) = streams.get(&id) {
            return Some(Arc::clone(stream));
        }
        if streams.keys().filter(|(agent, _)| *agent == id.0).count() >= STREAMS_PER_AGENT_MAX {
            return None;
        }
        let stream = Arc::new(Stream::resume(0));
        streams.insert(id, Arc::clone(&stream));
        Some(stream)
    }

    /// What the inbox holds beyond the lake's positions is durable too.
    fn replay(&self) -> anyhow::Result<()> {
        let mut next = self.spool.first_seq();
        loop {
            let items = self.spool.read(next, READ_BYTES)?;
            let Some(last) = items.last() else { return Ok(()) };
            next = last.next_seq();
            for item in items {
                let Item::Record { bytes, .. } = item else { continue };
                let Ok(received) = Received::from_bytes(&bytes) else { continue };
                let Ok(batch) = Batch::decode(&received.body) else { continue };
                if let Some(stream) = self.stream((received.agent, batch.epoch)) {
                    let mut state = lock(&stream.state);
                    if matches!(receive::step(&state, &batch), Verdict::Store { .. }) {
                        state.stored(&batch);
                    }
                }
            }
        }
    }
}

/// A lock whose holder panicked guards values that are written in one step.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn report(err: &SpoolError) {
    match err {
        SpoolError::Full { .. } => {
            tracing::warn!(error = %err, "the inbox is full; agents keep what they have")
        }
        other => {
            tracing::error!(error = %other, "the inbox could not store a batch; agents keep what they have")
        }
    }
}
