//! Group commit: appends that wait, and their answers.

use crate::{
    error::SpoolError,
    format::{self, HEAD_BYTES},
    limits::{APPEND_BYTES_MAX, GROUP_BYTES_MAX},
    spool::Appended,
};
use std::sync::{Arc, Mutex, PoisonError};

/// One waiting append.
pub(crate) struct Ticket {
    bodies: Vec<u8>,
    ends: Vec<usize>,
    answer: Mutex<Option<Result<Appended, SpoolError>>>,
}

impl Ticket {
    /// An append of records, each at most so large.
    pub(crate) fn new<B: AsRef<[u8]>>(records: &[B], bytes_max: usize) -> Result<Self, SpoolError> {
        let mut bodies = Vec::with_capacity(records.iter().map(|body| body.as_ref().len()).sum());
        let mut ends = Vec::with_capacity(records.len());
        for record in records {
            let bytes = record.as_ref().len();
            if bytes > bytes_max {
                return Err(SpoolError::TooLarge { what: "record", bytes, bytes_max });
            }
            bodies.extend_from_slice(record.as_ref());
            ends.push(bodies.len());
        }
        if bodies.len() > APPEND_BYTES_MAX {
            let (bytes, bytes_max) = (bodies.len(), APPEND_BYTES_MAX);
            return Err(SpoolError::TooLarge { what: "append", bytes, bytes_max });
        }
        Ok(Self { bodies, ends, answer: Mutex::new(None) })
    }

    pub(crate) fn framed_bytes(&self) -> u64 {
        (self.bodies.len() + self.ends.len() * HEAD_BYTES) as u64
    }

    pub(crate) fn write_to(&self, group: &mut Vec<u8>, epoch: u128, mut seq: u64) -> u64 {
        let mut begin = 0;
        for end in &self.ends {
            format::write_record(group, epoch, seq, &self.bodies[begin..*end]);
            begin = *end;
            seq += 1;
        }
        seq
    }
}

/// Appends that wait.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) waiting: Vec<Arc<Ticket>>,
    /// Whether somebody is the leader.
    pub(crate) led: bool,
}

pub(crate) fn take_group(waiting: &mut Vec<Arc<Ticket>>) -> Vec<Arc<Ticket>> {
    let mut bytes = 0;
    let fits = |ticket: &&Arc<Ticket>| {
        bytes += ticket.bodies.len();
        bytes <= GROUP_BYTES_MAX
    };
    let count = waiting.iter().take_while(fits).count().max(1).min(waiting.len());
    waiting.drain(..count).collect()
}

pub(crate) fn take_answer(
    ticket: &Ticket,
) -> Result<Option<Result<Appended, SpoolError>>, SpoolError> {
    Ok(ticket.answer.lock().map_err(|_| SpoolError::Poisoned)?.take())
}

pub(crate) fn answer(ticket: &Ticket, result: Result<Appended, SpoolError>) {
    *ticket.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
}

pub(crate) fn answer_all<'a>(tickets: impl Iterator<Item = &'a Arc<Ticket>>, err: &SpoolError) {
    for ticket in tickets {
        answer(ticket, Err(err.clone()));
    }
}
