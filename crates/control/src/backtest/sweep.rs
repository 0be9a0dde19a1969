//! Asks rules of every strip, on several threads.

use super::columns::{Ended, StripColumns};
use super::gathered::{Gathered, Place, Wanted};
use super::look::Patience;
use crate::limits::{BACKTEST_EVENTS_AT_ONCE_MAX, BACKTEST_THREADS_MAX, BACKTEST_TOLD_EVERY_NS};
use detect::columnar::ColumnRule;
use detect::{CompileOptions, Compiled, Scratch};
use lake::{LakeError, Strip};
use model::{Clock, Event};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is asked.
#[derive(Debug)]
pub(super) struct Question {
    /// The whole text, as the stream would be judged by it.
    pub(super) compiled: Compiled,
    /// Its active rules of events, each to be asked of columns.
    pub(super) rules: Vec<ColumnRule>,
    /// What is counted.
    pub(super) wanted: Wanted,
    /// As what the text was compiled.
    pub(super) options: CompileOptions,
}

/// The work of one look back, and what it has given so far.
pub(super) struct Sweep {
    patience: Arc<Patience>,
    until_ns: u64,
    next: AtomicUsize,
    failed: AtomicBool,
    rows_done: AtomicU64,
    /// By thread: what it had counted when it last told.
    told: Mutex<Vec<Gathered>>,
}

/// One thread of it.
struct Worker<'a> {
    sweep: &'a Sweep,
    question: &'a Question,
    strips: &'a [Strip],
    clock: &'a dyn Clock,
    number: usize,
}

impl Sweep {
    /// `until_ns`: when it ends, by the clock's monotonic time.
    pub(super) fn new(patience: Arc<Patience>, until_ns: u64) -> Self {
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (rows_done, told) = (AtomicU64::new(0), Mutex::default());
        Self { patience, until_ns, next, failed, rows_done, told }
    }

    /// Asks every strip, or those for which the time suffices.
    pub(super) fn run(
        &self,
        question: &Question,
        strips: &[Strip],
        clock: &dyn Clock,
    ) -> Result<Gathered, LakeError> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = processors.min(BACKTEST_THREADS_MAX).min(strips.len()).max(1);
        let worker = |number| Worker { sweep: self, question, strips, clock, number };
        let parts: Vec<Result<Gathered, LakeError>> = std::thread::scope(|scope| {
            let begin = |number| scope.spawn(move || worker(number).work());
            let workers: Vec<_> = (0..threads).map(begin).collect();
            let ended = workers.into_iter().map(|worker| {
                worker.join().unwrap_or_else(|_| {
                    let reason = "a rule failed while it looked back".to_owned();
                    Err(LakeError::Engine { reason })
                })
            });
            ended.collect()
        });
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(joined(&question.wanted, parts))
    }

    /// What its threads have told.
    pub(super) fn so_far(&self, wanted: &Wanted) -> Gathered {
        joined(wanted, self.told.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Rows of the strips that are done.
    pub(super) fn rows_done(&self) -> u64 {
        self.rows_done.load(Ordering::Relaxed)
    }
}

fn joined(wanted: &Wanted, parts: Vec<Gathered>) -> Gathered {
    let mut all = Gathered::new(wanted);
    for part in parts {
        all.add(part);
    }
    all.places.sort_unstable();
    all.places.truncate(wanted.samples_max);
    all
}

impl Worker<'_> {
    fn work(&self) -> Result<Gathered, LakeError> {
        let mut gathered = Gathered::new(&self.question.wanted);
        let mut scratch = Scratch::default();
        let mut told_ns = 0;
        loop {
            let place = self.sweep.next.fetch_add(1, Ordering::Relaxed);
            let Some(strip) = self.strips.get(place) else { break };
            if self.is_over() {
                gathered.complete = false;
                break;
            }
            if let Err(err) = self.strip((place, strip), &mut gathered, &mut scratch) {
                self.sweep.failed.store(true, Ordering::Relaxed);
                return Err(err);
            }
            self.sweep.rows_done.fetch_add(strip.rows() as u64, Ordering::Relaxed);
            let now_ns = self.clock.monotonic_ns();
            if now_ns.saturating_sub(told_ns) >= BACKTEST_TOLD_EVERY_NS {
                told_ns = now_ns;
                self.tell(&gathered);
            }
        }
        Ok(gathered)
    }

    fn tell(&self, gathered: &Gathered) {
        let mut told = self.sweep.told.lock().unwrap_or_else(PoisonError::into_inner);
        while told.len() <= self.number {
            told.push(Gathered::new(&self.question.wanted));
        }
        if let Some(own) = told.get_mut(self.number) {
            *own = gathered.without_events();
        }
    }

    fn is_over(&self) -> bool {
        let now_ns = self.clock.monotonic_ns();
        self.sweep.failed.load(Ordering::Relaxed)
            || self.sweep.patience.is_over(now_ns)
            || now_ns >= self.sweep.until_ns
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
