//! The handle that everybody shares, and group commit.

use crate::{
    ack::AckFile,
    disk::{Directory, Disk, DiskLock},
    error::{FullCause, SpoolError},
    format::{self, HEADER_BYTES},
    group::{Queue, Ticket, answer, answer_all, take_answer, take_group},
    limits::{
        INCIDENTS_MAX, RECORD_BYTES_MAX, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MIN, SEGMENTS_MIN,
    },
    read::{self, Item, ReadCache},
    recover::{self, Incident, Recovered, Segment},
    write::{self, WriteFailure, Writer},
};
use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How a spool is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// 128 random bits, used when the spool is created and forgotten otherwise.
    pub new_epoch: u128,
    /// Bytes that all segments together may take.
    pub quota_bytes: u64,
    /// Bytes of a segment before the next one is begun.
    pub segment_bytes_max: u64,
    /// Bytes of the largest record.
    pub record_bytes_max: usize,
}

impl Options {
    /// The usual sizes.
    #[must_use]
    pub const fn new(new_epoch: u128, quota_bytes: u64) -> Self {
        Self {
            new_epoch,
            quota_bytes,
            segment_bytes_max: SEGMENT_BYTES_DEFAULT,
            record_bytes_max: RECORD_BYTES_MAX,
        }
    }
}

/// The numbers that one append was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Of the first record.
    pub first: u64,
    /// Of the last record.
    pub last: u64,
}

/// How full the spool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all segments.
    pub used_bytes: u64,
    /// Bytes they may take.
    pub quota_bytes: u64,
}

/// A spool. Cloning gives another handle to the same one; all methods may be called from many threads.
#[derive(Clone)]
pub struct Spool(Arc<Inner>);

impl Spool {
    /// Opens the spool in a directory, creating it when nothing is there.
    ///
    /// # Errors
    /// [`SpoolError::InUse`] when another process has it open, [`SpoolError::Io`] when the disk refuses.
    pub fn open(directory: &Path, options: Options) -> Result<Self, SpoolError> {
        Self::open_on(Arc::new(Directory::new(directory)), options)
    }

    /// Opens the spool on a given disk.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(disk: Arc<dyn Disk>, mut options: Options) -> Result<Self, SpoolError> {
        options.record_bytes_max = options.record_bytes_max.min(RECORD_BYTES_MAX);
        // Only whole segments are freed: a small quota needs small ones.
        let share_of_quota = (options.quota_bytes / SEGMENTS_MIN).max(SEGMENT_BYTES_MIN);
        options.segment_bytes_max = options.segment_bytes_max.min(share_of_quota);
        let recovered = recover::recover(&*disk, &options)?;
        Ok(Self(Arc::new(Inner::new(disk, options, recovered))))
    }

    /// Stores records in order, all in one piece. When it returns, they survive power loss. Appends of other
    /// threads that wait at the same time share one sync.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::TooLarge`] and [`SpoolError::Io`]; none of the records was accepted.
    pub fn append<B: AsRef<[u8]>>(&self, records: &[B]) -> Result<Appended, SpoolError> {
        self.0.append(records)
    }

    /// Records and gaps from a number on, in order and without holes, up to about `bytes_max` bytes and at
    /// least one when there is any. Begins later when the number is acknowledged already; empty when there is
    /// nothing yet.
    ///
    /// # Errors
    /// [`SpoolError::Io`] when the disk refuses.
    pub fn read(&self, from_seq: u64, bytes_max: usize) -> Result<Vec<Item>, SpoolError> {
        read::read(&self.0, from_seq, bytes_max)
    }

    /// Gives up everything up to a number; whole segments are deleted. Lower numbers than before do nothing.
    ///
    /// # Errors
    /// [`SpoolError::OutOfRange`] when the number was not given yet.
    pub fn acknowledge(&self, seq: u64) -> Result<(), SpoolError> {
        self.0.acknowledge(seq)
    }

    /// Leaves out all numbers below `seq`, because a receiver knows them: the end of this spool was lost
    /// (restored from a copy, damaged). They read as a gap. Does nothing when they were given already.
    ///
    /// # Errors
    /// [`SpoolError::Io`] when the disk refuses.
    pub fn skip_to(&self, seq: u64) -> Result<(), SpoolError> {
        self.0.skip_to(seq)
    }

    /// Waits until the spool holds a number at or above `seq`, at most so long; the next number then.
    ///
    /// # Errors
    /// [`SpoolError::Poisoned`].
    pub fn wait_for(&self, seq: u64, wait: Duration) -> Result<u64, SpoolError> {
        let index = self.0.index()?;
        let waited = self.0.grown.wait_timeout_while(index, wait, |index| index.next_seq <= seq);
        waited.map(|(index, _)| index.next_seq).map_err(|_| SpoolError::Poisoned)
    }

    /// The 128 bits drawn when the spool was created.
    #[must_use]
    pub fn epoch(&self) -> u128 {
        self.0.epoch
    }

    /// The lowest number that is not acknowledged.
    #[must_use]
    pub fn first_seq(&self) -> u64 {
        self.0.index_even_if_poisoned().acknowledged + 1
    }

    /// The number that the next record gets; one above the last durable one.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.0.index_even_if_poisoned().next_seq
    }

    /// How full it is.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let used_bytes = self.0.index_even_if_poisoned().used_bytes();
        Usage { used_bytes, quota_bytes: self.0.options.quota_bytes }
    }

    /// What happened since the last call that a person may want to know.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        let mut incidents = self.0.incidents.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *incidents)
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spool({}, {}..{})", self.0.disk.location(), self.first_seq(), self.next_seq())
    }
}

/// What is durable; everything readers may see.
pub(crate) struct Index {
    pub(crate) segments: Vec<Segment>,
    pub(crate) next_seq: u64,
    pub(crate) acknowledged: u64,
}

impl Index {
    fn used_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len_bytes).sum()
    }
}

pub(crate) struct Inner {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    pub(crate) epoch: u128,
    queue: Mutex<Queue>,
    turn: Condvar,
    writer: Mutex<Writer>,
    index: Mutex<Index>,
    grown: Condvar,
    ack: Mutex<AckFile>,
    cache: Mutex<ReadCache>,
    incidents: Mutex<Vec<Incident>>,
    _lock: DiskLock,
}

impl Inner {
    fn new(disk: Arc<dyn Disk>, options: Options, recovered: Recovered) -> Self {
        let next_seq = recovered.writer.next_seq;
        let Recovered { lock, epoch, acknowledged, segments, writer, ack, incidents } = recovered;
        Self {
            disk,
            options,
            epoch,
            queue: Mutex::default(),
            turn: Condvar::new(),
            writer: Mutex::new(writer),
            index: Mutex::new(Index { segments, next_seq, acknowledged }),
            grown: Condvar::new(),
            ack: Mutex::new(ack),
            cache: Mutex::default(),
            incidents: Mutex::new(incidents),
            _lock: lock,
        }
    }

    pub(crate) fn index(&self) -> Result<MutexGuard<'_, Index>, SpoolError> {
        self.index.lock().map_err(|_| SpoolError::Poisoned)
    }

    pub(crate) fn cache(&self) -> Result<MutexGuard<'_, ReadCache>, SpoolError> {
        self.cache.lock().map_err(|_| SpoolError::Poisoned)
    }

    /// For numbers that are only shown; they are written in one step and never half changed.
    fn index_even_if_poisoned(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, incident: Incident) {
        let mut incidents = self.incidents.lock().unwrap_or_else(PoisonError::into_inner);
        if incidents.len() < INCIDENTS_MAX {
            incidents.push(incident);
        }
    }

    fn append<B: AsRef<[u8]>>(&self, records: &[B]) -> Result<Appended, SpoolError> {
        let ticket = Arc::new(Ticket::new(records, self.options.record_bytes_max)?);
        let mut queue = self.queue.lock().map_err(|_| SpoolError::Poisoned)?;
        queue.waiting.push(Arc::clone(&ticket));
        loop {
            if let Some(answer) = take_answer(&ticket)? {
                return answer;
            }
            if queue.led {
                queue = self.turn.wait(queue).map_err(|_| SpoolError::Poisoned)?;
                continue;
            }
            queue.led = true;
            let group = take_group(&mut queue.waiting);
            drop(queue);
            self.commit(&group);
            queue = self.queue.lock().map_err(|_| SpoolError::Poisoned)?;
            queue.led = false;
            self.turn.notify_all();
        }
    }

    /// Writes and syncs a group, and answers every ticket of it.
    fn commit(&self, group: &[Arc<Ticket>]) {
        match self.writer.lock() {
            Ok(mut writer) => self.commit_with(&mut writer, group),
            Err(_) => answer_all(group.iter(), &SpoolError::Poisoned),
        }
    }

    fn commit_with(&self, writer: &mut Writer, group: &[Arc<Ticket>]) {
        let wanted_bytes: u64 = group.iter().map(|ticket| ticket.framed_bytes()).sum();
        if let Err(err) = self.make_room(writer, wanted_bytes) {
            return answer_all(group.iter(), &err);
        }
        let used_bytes = self.index_even_if_poisoned().used_bytes();
        let quota_bytes = self.options.quota_bytes;
        let mut bytes = Vec::new();
        let mut next_seq = writer.next_seq;
        let mut accepted = Vec::with_capacity(group.len());
        for ticket in group {
            let wanted_bytes = ticket.framed_bytes();
            // A new segment's header is counted too, so that the quota is never passed.
            let header_bytes = HEADER_BYTES as u64;
            if used_bytes + bytes.len() as u64 + wanted_bytes + header_bytes > quota_bytes {
                let cause = FullCause::Quota;
                answer(
                    ticket,
                    Err(SpoolError::Full { cause, wanted_bytes, used_bytes, quota_bytes }),
                );
                continue;
            }
            let first = next_seq;
            next_seq = ticket.write_to(&mut bytes, self.epoch, next_seq);
            accepted.push((ticket, Appended { first, last: next_seq.saturating_sub(1) }));
        }
        if accepted.is_empty() {
            return;
        }
        let written = if bytes.is_empty() { Ok(()) } else { self.write(writer, &bytes, next_seq) };
        match written {
            Ok(()) => {
                self.publish(writer);
                for (ticket, appended) in accepted {
                    answer(ticket, Ok(appended));
                }
            }
            Err(err) => answer_all(accepted.iter().map(|(ticket, _)| *ticket), &err),
        }
    }

    /// Near the quota, gives up a newest segment of which everything is acknowledged: only whole files can
    /// be deleted, and the one that is written to must not stand in the way.
    fn make_room(&self, writer: &mut Writer, wanted_bytes: u64) -> Result<(), SpoolError> {
        let index = self.index()?;
        let fits =
            index.used_bytes() + wanted_bytes + HEADER_BYTES as u64 <= self.options.quota_bytes;
        let all_acknowledged = index.acknowledged + 1 >= writer.next_seq;
        drop(index);
        if fits || !all_acknowledged || !writer.holds_records() {
            return Ok(());
        }
        self.roll(writer, writer.next_seq)?;
        self.free_acknowledged()
    }

    /// Writes a group; when the file fails, once more into a new one.
    fn write(&self, writer: &mut Writer, bytes: &[u8], next_seq: u64) -> Result<(), SpoolError> {
        let full = writer.len_bytes + bytes.len() as u64 > self.options.segment_bytes_max;
        if !writer.usable || (full && writer.holds_records()) {
            self.roll(writer, writer.next_seq)?;
        }
        match writer.write(bytes, next_seq) {
            Ok(()) => Ok(()),
            Err(WriteFailure::DiskFull) => Err(self.disk_full(bytes.len() as u64)),
            Err(WriteFailure::Abandoned(err)) => {
                let file = format::segment_name(writer.first_seq);
                self.note(Incident::FileAbandoned { file, why: err.to_string() });
                self.roll(writer, writer.next_seq)?;
                writer.write(bytes, next_seq).map_err(|failure| match failure {
                    WriteFailure::DiskFull => self.disk_full(bytes.len() as u64),
                    WriteFailure::Abandoned(err) => err,
                })
            }
        }
    }

    /// Begins a new segment.
    fn roll(&self, writer: &mut Writer, next_seq: u64) -> Result<(), SpoolError> {
        // A file of this name that failed never held an accepted record; it is replaced.
        self.cache()?.forget(next_seq);
        let made = write::create_segment(&*self.disk, self.epoch, next_seq);
        let (made, synced) = made.map_err(|err| match &err {
            SpoolError::Io { source, .. } if write::is_no_space(source) => {
                self.disk_full(HEADER_BYTES as u64)
            }
            _ => err,
        })?;
        *writer = made;
        self.publish(writer);
        synced
    }

    /// Lets readers see what has become durable.
    fn publish(&self, writer: &Writer) {
        let mut index = self.index_even_if_poisoned();
        let segment = Segment { first_seq: writer.first_seq, len_bytes: writer.len_bytes };
        match index.segments.last_mut().filter(|last| last.first_seq == segment.first_seq) {
            Some(last) => *last = segment,
            None => index.segments.push(segment),
        }
        index.next_seq = writer.next_seq;
        drop(index);
        self.grown.notify_all();
    }

    fn disk_full(&self, wanted_bytes: u64) -> SpoolError {
        SpoolError::Full {
            cause: FullCause::Disk,
            wanted_bytes,
            used_bytes: self.index_even_if_poisoned().used_bytes(),
            quota_bytes: self.options.quota_bytes,
        }
    }

    fn acknowledge(&self, seq: u64) -> Result<(), SpoolError> {
        let mut ack = self.ack.lock().map_err(|_| SpoolError::Poisoned)?;
        let mut index = self.index()?;
        if seq >= index.next_seq {
            let next_seq = index.next_seq;
            return Err(SpoolError::OutOfRange { what: "acknowledged", seq, next_seq });
        }
        if seq <= index.acknowledged {
            return Ok(());
        }
        index.acknowledged = seq;
        drop(index);
        if let Err(err) = ack.note(&*self.disk, seq) {
            self.note(Incident::AcknowledgementNotNoted { why: err.to_string() });
        }
        self.free_acknowledged()
    }

    /// Deletes the segments of which everything is acknowledged, but never the newest.
    fn free_acknowledged(&self) -> Result<(), SpoolError> {
        let mut index = self.index()?;
        let next_wanted = index.acknowledged + 1;
        let followed = index.segments.iter().skip(1);
        let free = followed.take_while(|next| next.first_seq <= next_wanted).count();
        let freed: Vec<Segment> = index.segments.drain(..free).collect();
        drop(index);
        for segment in freed {
            self.cache()?.forget(segment.first_seq);
            let name = format::segment_name(segment.first_seq);
            match self.disk.remove(&name) {
                Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                    return Err(SpoolError::io("remove", name)(err));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn skip_to(&self, seq: u64) -> Result<(), SpoolError> {
        let mut writer = self.writer.lock().map_err(|_| SpoolError::Poisoned)?;
        if seq <= writer.next_seq {
            return Ok(());
        }
        self.roll(&mut writer, seq)
    }
}
