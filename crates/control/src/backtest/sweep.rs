//! Asks rules of every strip, on several threads.

use super::columns::{Ended, StripColumns};
use super::gathered::{Gathered, Place, Wanted};
use crate::limits::{BACKTEST_EVENTS_AT_ONCE_MAX, BACKTEST_NS_MAX, BACKTEST_THREADS_MAX};
use detect::columnar::ColumnRule;
use detect::{Compiled, Scratch};
use lake::{LakeError, Strip};
use model::{Clock, Event};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What is asked.
#[derive(Debug)]
pub(super) struct Question {
    /// The whole text, as the stream would be judged by it.
    pub(super) compiled: Compiled,
    /// Its active rules of events, each to be asked of columns.
    pub(super) rules: Vec<ColumnRule>,
    /// What is counted.
    pub(super) wanted: Wanted,
}

/// One look back.
pub(super) struct Sweep<'a> {
    question: &'a Question,
    strips: &'a [Strip],
    clock: &'a dyn Clock,
    until_ns: u64,
    gone: &'a AtomicBool,
    next: AtomicUsize,
    failed: AtomicBool,
}

impl<'a> Sweep<'a> {
    /// `gone` turns true when nobody waits for the answer any more.
    pub(super) fn new(
        question: &'a Question,
        strips: &'a [Strip],
        clock: &'a dyn Clock,
        gone: &'a AtomicBool,
    ) -> Self {
        let until_ns = clock.monotonic_ns().saturating_add(BACKTEST_NS_MAX);
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { question, strips, clock, until_ns, gone, next, failed }
    }

    /// Asks every strip, or those for which the time suffices.
    pub(super) fn run(&self) -> Result<Gathered, LakeError> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = processors.min(BACKTEST_THREADS_MAX).min(self.strips.len()).max(1);
        let parts: Vec<Result<Gathered, LakeError>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.work())).collect();
            let ended = workers.into_iter().map(|worker| {
                worker.join().unwrap_or_else(|_| {
                    let reason = "a rule failed while it looked back".to_owned();
                    Err(LakeError::Engine { reason })
                })
            });
            ended.collect()
        });
        let mut all = Gathered::new(&self.question.wanted);
        for part in parts {
            all.add(part?);
        }
        all.places.sort_unstable();
        all.places.truncate(self.question.wanted.samples_max);
        Ok(all)
    }

    fn work(&self) -> Result<Gathered, LakeError> {
        let mut gathered = Gathered::new(&self.question.wanted);
        let mut scratch = Scratch::default();
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(strip) = self.strips.get(place) else { break };
            if self.is_over() {
                gathered.complete = false;
                break;
            }
            if let Err(err) = self.strip((place, strip), &mut gathered, &mut scratch) {
                self.failed.store(true, Ordering::Relaxed);
                return Err(err);
            }
        }
        Ok(gathered)
    }

    fn is_over(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
            || self.failed.load(Ordering::Relaxed)
            || self.clock.monotonic_ns() >= self.until_ns
    }

    fn strip(
        &self,
        (place, strip): (usize, &Strip),
        gathered: &mut Gathered,
        scratch: &mut Scratch,
    ) -> Result<(), LakeError> {
        let in_time = strip.in_time()?;
        let events = in_time.iter().filter(|wanted| **wanted).count();
        gathered.events += events as u64;
        if events == 0 {
            return Ok(());
        }
        let mut referred = vec![false; in_time.len()];
        for (number, rule) in self.question.rules.iter().enumerate() {
            let is_over = || self.is_over();
            let mut columns = StripColumns::new(strip, &is_over);
            let judged = match rule.judge(&mut columns, in_time.clone()) {
                Ok(judged) => judged,
                Err(Ended::Lake(err)) => return Err(err),
                Err(Ended::Over) => {
                    gathered.complete = false;
                    gathered.events -= events as u64;
                    return Ok(());
                }
            };
            if !self.question.compiled.correlations.is_empty() {
                let found = judged.matches.iter().zip(&judged.unsure);
                for (referred, (sure, unsure)) in referred.iter_mut().zip(found) {
                    *referred |= *sure || *unsure;
                }
                continue;
            }
            let here = (place, strip);
            let wanted = &self.question.wanted;
            gathered.take_rows(wanted, here, number, &mut columns, &judged.matches)?;
            self.each_event(strip, &judged.unsure, gathered, |gathered, row, event| {
                if rule.judge_event(&event, scratch).is_some() {
                    gathered.take_event(wanted, number, &event);
                    gathered.keep_place(wanted, Place { strip: place, rule: number, row });
                }
            })?;
        }
        self.each_event(strip, &referred, gathered, |gathered, _, event| {
            let matches = self.question.compiled.rules.evaluate_with(&event, scratch);
            if !matches.is_empty() {
                gathered.correlate(event, matches);
            }
        })
    }

    /// Reads wanted rows whole, some at a time.
    fn each_event(
        &self,
        strip: &Strip,
        wanted: &[bool],
        gathered: &mut Gathered,
        mut see: impl FnMut(&mut Gathered, usize, Event),
    ) -> Result<(), LakeError> {
        let rows: Vec<usize> =
            wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(row, _)| row).collect();
        for rows in rows.chunks(BACKTEST_EVENTS_AT_ONCE_MAX) {
            if self.is_over() {
                gathered.complete = false;
                return Ok(());
            }
            for (row, event) in rows.iter().zip(events_of(strip, rows)?) {
                gathered.events_read += 1;
                see(gathered, *row, event);
            }
        }
        Ok(())
    }
}

/// The events of some rows, in ascending order.
pub(super) fn events_of(strip: &Strip, rows: &[usize]) -> Result<Vec<Event>, LakeError> {
    let mut wanted = vec![false; strip.rows()];
    for row in rows {
        if let Some(wanted) = wanted.get_mut(*row) {
            *wanted = true;
        }
    }
    strip.events(&wanted)
}
