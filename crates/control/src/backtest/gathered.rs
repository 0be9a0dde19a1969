//! What the hits of a rule have in common, counted as they are found. Bounded: see [`crate::limits`].

use super::columns::StripColumns;
use crate::limits::{
    BACKTEST_CORRELATED_EVENTS_MAX, BACKTEST_VALUE_BYTES_MAX, BACKTEST_VALUES_OF_FIELD_MAX,
    BACKTEST_VALUES_OF_HITS_MAX,
};
use crate::rows::shown;
use detect::Match;
use detect::columnar::Column;
use lake::{LakeError, Strip};
use model::{DeviceId, Event, Fields, Timestamp};
use std::collections::HashMap;

/// A hit that may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Which strip.
    pub(super) strip: usize,
    /// Which rule.
    pub(super) rule: usize,
    /// Which row.
    pub(super) row: usize,
}

/// What is counted, the same for every thread.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The fields whose values are counted.
    pub(super) fields: Vec<String>,
    /// The beginning of each day, in microseconds since 1970.
    pub(super) days: Vec<i64>,
    /// Rules of events.
    pub(super) rules: usize,
    /// Hits to show.
    pub(super) samples_max: usize,
}

/// The counts of one thread, or of all.
#[derive(Debug, Clone)]
pub(super) struct Gathered {
    pub(super) events: u64,
    pub(super) events_read: u64,
    pub(super) complete: bool,
    pub(super) hits: u64,
    pub(super) hits_of_rules: Vec<u64>,
    pub(super) hits_of_days: Vec<u64>,
    pub(super) hits_of_devices: HashMap<String, u64>,
    pub(super) values: Vec<HashMap<String, u64>>,
    pub(super) hits_with_values: u64,
    pub(super) places: Vec<Place>,
    /// Events that correlations refer to, with what matched them.
    pub(super) correlated: Vec<(Event, Vec<Match>)>,
    pub(super) events_left_out: u64,
}

impl Gathered {
    pub(super) fn new(wanted: &Wanted) -> Self {
        Self {
            events: 0,
            events_read: 0,
            complete: true,
            hits: 0,
            hits_of_rules: vec![0; wanted.rules],
            hits_of_days: vec![0; wanted.days.len()],
            hits_of_devices: HashMap::new(),
            values: vec![HashMap::new(); wanted.fields.len()],
            hits_with_values: 0,
            places: Vec::new(),
            correlated: Vec::new(),
            events_left_out: 0,
        }
    }

    /// The counts alone, for whoever asks while the work goes on.
    pub(super) fn without_events(&self) -> Self {
        Self {
            hits_of_rules: self.hits_of_rules.clone(),
            hits_of_days: self.hits_of_days.clone(),
            hits_of_devices: self.hits_of_devices.clone(),
            values: self.values.clone(),
            places: self.places.clone(),
            correlated: Vec::new(),
            ..*self
        }
    }

    /// Counts the rows of a strip that a rule matches.
    pub(super) fn take_rows(
        &mut self,
        wanted: &Wanted,
        (strip_place, strip): (usize, &Strip),
        rule: usize,
        columns: &mut StripColumns<'_>,
        matches: &[bool],
    ) -> Result<(), LakeError> {
        let hits = matches.iter().filter(|matched| **matched).count();
        if hits == 0 {
            return Ok(());
        }
        self.count(rule, hits as u64);
        for at in strip.times(matches)? {
            if at != i64::MIN {
                self.count_day(wanted, at);
            }
        }
        let devices = strip.column("device", matches)?;
        for (place, hits) in occurrences(&devices.keys, matches, devices.values.len()) {
            let device = devices.values.get(place).and_then(model::Value::as_text);
            if let Some(device) = device {
                *self.hits_of_devices.entry(device.to_owned()).or_default() += hits;
            }
        }
        self.keep_places(wanted, strip_place, rule, matches, hits);
        if self.hits_with_values >= BACKTEST_VALUES_OF_HITS_MAX {
            return Ok(());
        }
        self.hits_with_values += hits as u64;
        for (field, values) in wanted.fields.iter().zip(&mut self.values) {
            let Some(column) = columns.known_or_read(field, matches)? else { continue };
            let Column { keys, values: texts } = &*column;
            for (place, hits) in occurrences(keys, matches, texts.len()) {
                if let Some(text) = texts.get(place).and_then(shown) {
                    add_value(values, &text, hits);
                }
            }
        }
        Ok(())
    }

    /// Counts an event that was read whole: what does not lie in a column is counted here alone.
    pub(super) fn take_event(&mut self, wanted: &Wanted, rule: usize, event: &Event) {
        self.take_hit(wanted, rule, event.observed_at, event.device, &event.fields);
    }

    /// Counts a hit.
    pub(super) fn take_hit(
        &mut self,
        wanted: &Wanted,
        rule: usize,
        at: Timestamp,
        device: DeviceId,
        fields: &Fields,
    ) {
        self.count(rule, 1);
        self.count_day(wanted, at.micros());
        *self.hits_of_devices.entry(device.to_string()).or_default() += 1;
        if self.hits_with_values >= BACKTEST_VALUES_OF_HITS_MAX {
            return;
        }
        self.hits_with_values += 1;
        for (field, values) in wanted.fields.iter().zip(&mut self.values) {
            if let Some(text) = fields.get(field).and_then(shown) {
                add_value(values, &text, 1);
            }
        }
    }

    /// Keeps an event for correlations.
    pub(super) fn correlate(&mut self, mut event: Event, matches: Vec<Match>) {
        if self.correlated.len() >= BACKTEST_CORRELATED_EVENTS_MAX {
            self.events_left_out += 1;
            return;
        }
        event.raw = None;
        self.correlated.push((event, matches));
    }

    /// Remembers a hit that may be shown.
    pub(super) fn keep_place(&mut self, wanted: &Wanted, place: Place) {
        if self.places.len() >= wanted.samples_max {
            // The newest strips come first; of a thread's places the first are the newest.
            return;
        }
        self.places.push(place);
    }

    /// Adds what another thread counted.
    pub(super) fn add(&mut self, other: Self) {
        self.events += other.events;
        self.events_read += other.events_read;
        self.complete &= other.complete;
        self.hits += other.hits;
        for (own, other) in self.hits_of_rules.iter_mut().zip(other.hits_of_rules) {
            *own += other;
        }
        for (own, other) in self.hits_of_days.iter_mut().zip(other.hits_of_days) {
            *own += other;
        }
        for (device, hits) in other.hits_of_devices {
            *self.hits_of_devices.entry(device).or_default() += hits;
        }
        for (own, other) in self.values.iter_mut().zip(other.values) {
            for (value, hits) in other {
                add_value(own, &value, hits);
            }
        }
        self.hits_with_values += other.hits_with_values;
        self.places.extend(other.places);
        self.events_left_out += other.events_left_out;
        for (event, matches) in other.correlated {
            self.correlate(event, matches);
        }
    }

    fn count(&mut self, rule: usize, hits: u64) {
        self.hits += hits;
        if let Some(own) = self.hits_of_rules.get_mut(rule) {
            *own += hits;
        }
    }

    fn count_day(&mut self, wanted: &Wanted, at_micros: i64) {
        let day = wanted.days.partition_point(|begin| *begin <= at_micros).saturating_sub(1);
        if let Some(day) = self.hits_of_days.get_mut(day) {
            *day += 1;
        }
    }

    /// Remembers hits of a strip, spread evenly over its rows, which are sorted by device.
    fn keep_places(
        &mut self,
        wanted: &Wanted,
        strip: usize,
        rule: usize,
        matches: &[bool],
        hits: usize,
    ) {
        let step = hits.div_ceil(wanted.samples_max.max(1)).max(1);
        let rows = matches.iter().enumerate().filter(|(_, matched)| **matched);
        for (row, _) in rows.step_by(step) {
            self.keep_place(wanted, Place { strip, rule, row });
        }
    }
}

/// How often each value occurs in the rows that match.
fn occurrences(
    keys: &[u32],
    matches: &[bool],
    values: usize,
) -> impl Iterator<Item = (usize, u64)> + use<> {
    let mut counts = vec![0_u64; values];
    for (key, matched) in keys.iter().zip(matches) {
        if *matched && let Some(count) = counts.get_mut(*key as usize) {
            *count += 1;
        }
    }
    counts.into_iter().enumerate().filter(|(_, hits)| *hits > 0)
}

fn add_value(values: &mut HashMap<String, u64>, text: &str, hits: u64) {
    let full = values.len() >= BACKTEST_VALUES_OF_FIELD_MAX;
    // A text that is longer than the limit was cut.
    let end = text.floor_char_boundary(BACKTEST_VALUE_BYTES_MAX);
    let cut;
    let text = if end < text.len() {
        cut = format!("{}…", text.get(..end).unwrap_or_default());
        cut.as_str()
    } else {
        text
    };
    match values.get_mut(text) {
        Some(known) => *known += hits,
        None if full => {}
        None => {
            values.insert(text.to_owned(), hits);
        }
    }
}
