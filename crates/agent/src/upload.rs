//! The uploader: sends what is in the spool, again until it is acknowledged, and frees what is committed.

use crate::{
    backoff::Backoff,
    clock::random_u32,
    error::{AgentError, ErrorClass},
    home::Home,
    identity::Identity,
    limits::{BACKOFF_MS_MAX, BACKOFF_MS_MIN, LINGER_MS, POLL_COMMITTED_MS},
    plan,
    renew::Renewal,
    server::{Delivery, Server},
    status::Shared,
    stop::Stop,
};
use model::{Clock, EpochId, limits::BATCH_BYTES_MAX};
use spool::Spool;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use wire::StreamReply;

/// What the uploader needs.
pub struct Uploader {
    /// The spool that is emptied.
    pub spool: Spool,
    /// Where to tell how it goes.
    pub status: Arc<Shared>,
    /// Asked: no more waiting for more records or for the server to come back.
    pub stop: Stop,
    /// The wall clock says when the certificate is to be renewed, the monotonic one the rest.
    pub clock: Arc<dyn Clock>,
    /// The server knows numbers that the spool does not: the recorder leaves them out. 0: none.
    pub skip_to: Arc<AtomicU64>,
}

/// The uploader's place in the stream.
struct Place {
    next_seq: u64,
    committed_through: u64,
    credit_bytes: u64,
    asked_at_ns: u64,
}

impl Uploader {
    /// Waits for enrolment, then sends until it is asked to stop; then sends once more what is left, without
    /// waiting for anything. `false`: something is left.
    pub fn run(&self, home: &Home) -> bool {
        let mut backoff = Backoff::default();
        let mut renewal = Renewal::default();
        loop {
            let failure = match self.connect(home) {
                Ok(Some(server)) => match self.send_all(home, server, &mut backoff, &mut renewal) {
                    Ok(()) => return true,
                    Err(err) => err.to_string_and_class(),
                },
                Ok(None) => {
                    ("not enrolled yet: mimamori-agent enrol".to_owned(), ErrorClass::Retry)
                }
                Err(err) => err.to_string_and_class(),
            };
            self.status.uploading(Some(failure.0.clone()));
            let wait = match failure.1 {
                ErrorClass::Retry => backoff.failed(random_u32()),
                ErrorClass::Reject | ErrorClass::Fatal => Duration::from_millis(BACKOFF_MS_MAX),
            };
            let retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(BACKOFF_MS_MAX);
            match failure.1 {
                ErrorClass::Retry => {
                    tracing::warn!(
                        error = failure.0,
                        retry_in_ms,
                        "could not upload; records stay in the spool"
                    );
                }
                _ => tracing::error!(
                    error = failure.0,
                    retry_in_ms,
                    "can not upload; a person is needed"
                ),
            }
            if self.stop.asked() || self.stop.wait(wait) {
                return false;
            }
        }
    }

    fn connect(&self, home: &Home) -> Result<Option<Server>, AgentError> {
        Identity::load(home)?.map(|identity| Server::of_identity(&identity)).transpose()
    }

    fn epoch(&self) -> EpochId {
        EpochId::from_bits(self.spool.epoch())
    }

    /// Sends until asked to stop and nothing is left.
    fn send_all(
        &self,
        home: &Home,
        mut server: Server,
        backoff: &mut Backoff,
        renewal: &mut Renewal,
    ) -> Result<(), AgentError> {
        let reply = server.position(self.epoch())?;
        let mut place = Place {
            next_seq: 1,
            committed_through: 0,
            credit_bytes: BATCH_BYTES_MAX as u64,
            asked_at_ns: self.clock.monotonic_ns(),
        };
        self.note(&reply, &mut place)?;
        loop {
            backoff.succeeded();
            self.status.uploading(None);
            // Here the server is known to answer. What can not be renewed now does not keep records waiting.
            if !self.stop.asked()
                && let Some(fresh) =
                    renewal.tend(home, &server, self.epoch(), &self.status, &*self.clock)
            {
                server = fresh;
            }
            let next_seq = self.spool.next_seq();
            if place.next_seq >= next_seq {
                if self.stop.asked() {
                    return Ok(());
                }
                self.wait_for_more(&server, &mut place)?;
                continue;
            }
            if place.credit_bytes == 0 {
                self.wait_for_credit(&server, &mut place)?;
                continue;
            }
            self.send_one(&server, &mut place)?;
        }
    }

    fn wait_for_credit(&self, server: &Server, place: &mut Place) -> Result<(), AgentError> {
        if self.stop.wait(Duration::from_millis(BACKOFF_MS_MIN)) {
            return Err(later());
        }
        let reply = server.position(self.epoch())?;
        self.note(&reply, place)
    }

    fn wait_for_more(&self, server: &Server, place: &mut Place) -> Result<(), AgentError> {
        // Short waits: a stop must be seen soon.
        let grown = self.spool.wait_for(place.next_seq, Duration::from_millis(200))?;
        if grown > place.next_seq && grown - place.next_seq < 64 {
            // A few more may follow at once; a stop ends this wait too.
            if self.stop.wait(Duration::from_millis(LINGER_MS)) {
                return Ok(());
            }
        }
        let waited_ns = self.clock.monotonic_ns().saturating_sub(place.asked_at_ns);
        let uncommitted = place.committed_through + 1 < place.next_seq;
        if uncommitted && waited_ns >= POLL_COMMITTED_MS * 1_000_000 {
            let reply = server.position(self.epoch())?;
            self.note(&reply, place)?;
        }
        Ok(())
    }

    fn send_one(&self, server: &Server, place: &mut Place) -> Result<(), AgentError> {
        let bytes_max = place.credit_bytes.clamp(1, BATCH_BYTES_MAX as u64);
        let first_seq = self.spool.first_seq();
        let batch = if place.next_seq < first_seq {
            // The receiver wants what it had acknowledged, and what was freed here since.
            tracing::error!(
                from = place.next_seq,
                to = first_seq - 1,
                "the server lost records that it had committed; they are gone"
            );
            Some(plan::gone(self.epoch(), place.next_seq, first_seq - 1))
        } else {
            let bytes = usize::try_from(bytes_max).unwrap_or(BATCH_BYTES_MAX);
            plan::batch(self.epoch(), self.spool.read(place.next_seq, bytes)?, bytes_max)
        };
        let Some(batch) = batch else { return Ok(()) };
        match server.deliver(&batch)? {
            Delivery::Durable(reply) => self.note(&reply, place),
            Delivery::Hole(reply) => {
                tracing::warn!(
                    expected = reply.expected,
                    sent = batch.first,
                    "the server misses records before; going back"
                );
                self.note(&reply, place)
            }
            Delivery::Later(reply) => {
                self.note(&reply, place)?;
                let wait_ms = reply.retry_after_ms.clamp(50, BACKOFF_MS_MAX);
                if self.stop.wait(Duration::from_millis(wait_ms)) {
                    return Err(later());
                }
                Ok(())
            }
        }
    }

    /// Takes the receiver's word: goes on where it wants, frees what it committed.
    fn note(&self, reply: &StreamReply, place: &mut Place) -> Result<(), AgentError> {
        place.asked_at_ns = self.clock.monotonic_ns();
        place.next_seq = reply.durable_through + 1;
        place.credit_bytes = reply.credit_bytes;
        let next_seq = self.spool.next_seq();
        if place.next_seq > next_seq {
            // The end of our spool was lost (a restored copy): these numbers must not be given again.
            self.skip_to.store(place.next_seq, Ordering::SeqCst);
        }
        place.committed_through = reply.committed_through;
        let committed = reply.committed_through.min(next_seq - 1);
        if committed >= self.spool.first_seq() {
            self.spool.acknowledge(committed)?;
        }
        self.status.update(|status| {
            status.spool.durable_through = reply.durable_through;
            status.spool.committed_through = reply.committed_through;
        });
        Ok(())
    }
}

impl AgentError {
    fn to_string_and_class(&self) -> (String, ErrorClass) {
        (self.to_string(), self.class())
    }
}

fn later() -> AgentError {
    let why = "it asked to come again later".to_owned();
    AgentError::Unreachable { server: "the server".to_owned(), why }
}
