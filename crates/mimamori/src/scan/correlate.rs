//! Correlations over all files of a scan, in the order of time.

use super::files::LogFile;
use super::output::Found;
use detect::{Compiled, Correlator, Match};
use model::{Clock, EpochId, Event, Timestamp};
use std::sync::Arc;

/// Events that are kept for correlations. Those of a whole domain controller fit; what does not is said.
const EVENTS_MAX: usize = 500_000;

/// Events that correlations refer to, from any file.
#[derive(Default)]
pub(super) struct Gathered {
    events: Vec<(Event, Vec<Match>)>,
    newest: Timestamp,
    left_out: usize,
}

impl Gathered {
    /// Keeps what correlations need of an event. The file's place stands for the stream's epoch, so that
    /// records of different files are different events.
    pub(super) fn keep(
        &mut self,
        compiled: &Compiled,
        place: usize,
        event: &Event,
        matches: &[Match],
    ) {
        self.newest = self.newest.max(event.observed_at);
        let correlations = &compiled.correlations;
        let mut referred: Vec<Match> = matches.to_vec();
        referred.retain(|found| correlations.refers_to(&found.rule.id));
        if referred.is_empty() {
            return;
        }
        if self.events.len() >= EVENTS_MAX {
            self.left_out += 1;
            return;
        }
        let mut event = event.clone();
        event.stream.epoch = EpochId::from_bits(place as u128);
        event.raw = None;
        self.events.push((event, referred));
    }

    /// Adds what another file gave.
    pub(super) fn add(&mut self, mut other: Self) {
        self.newest = self.newest.max(other.newest);
        let room = EVENTS_MAX.saturating_sub(self.events.len());
        self.left_out += other.left_out + other.events.len().saturating_sub(room);
        other.events.truncate(room);
        self.events.append(&mut other.events);
    }

    /// Judges them in the order of their time. What is not over when the logs end is not told.
    pub(super) fn judge(
        mut self,
        compiled: &Compiled,
        files: &[LogFile],
        clock: &dyn Clock,
    ) -> (Vec<Found>, Option<String>) {
        self.events.sort_by_key(|(event, _)| (event.observed_at, event.stream));
        let mut state = Correlator::new(Arc::clone(&compiled.correlations));
        let mut told = Vec::new();
        for (event, matches) in &self.events {
            told.extend(state.observe(event, matches));
        }
        told.extend(state.pass(self.newest));
        let found = told.into_iter().filter_map(|found| {
            let place = usize::try_from(found.stream.epoch.bits()).ok()?;
            Some(Found::of_correlation(files.get(place)?, files, found, clock.now()))
        });
        let found = found.collect();
        let given_up = state.statistics();
        let lost = given_up.events_evicted + given_up.groups_evicted;
        let note = (self.left_out > 0 || lost > 0).then(|| {
            format!(
                "correlations: {} events were left out and {lost} events or groups gave way to newer ones; scan fewer files at once",
                self.left_out
            )
        });
        (found, note)
    }
}
