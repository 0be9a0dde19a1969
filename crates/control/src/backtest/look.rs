//! One look back from its question to its answer, whole or as far as it has come.

use super::sweep::{Question, Sweep};
use super::{BacktestQuery, Ground, answer, broken, question};
use crate::ControlError;
use crate::limits::BACKTEST_NS_MAX;
use crate::view::TimeRange;
use crate::view::backtest::{LookedBack, RefusedRule};
use lake::{Lake, LakeError, Strip};
use model::{Clock, Family};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::OwnedSemaphorePermit;

/// Until when somebody wants the answer.
#[derive(Debug)]
pub(super) struct Patience {
    /// By the clock's monotonic time, in nanoseconds.
    until_ns: AtomicU64,
    ended: AtomicBool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { until_ns: AtomicU64::new(u64::MAX), ended: AtomicBool::new(false) }
    }
}

impl Patience {
    /// Nobody wants it any more.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Somebody wants it until then; what has ended stays ended.
    pub(super) fn renew(&self, until_ns: u64) {
        self.until_ns.store(until_ns, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self, now_ns: u64) -> bool {
        self.ended.load(Ordering::Relaxed) || now_ns >= self.until_ns.load(Ordering::Relaxed)
    }
}

/// A question with the strips that it is asked of.
pub(super) struct Look {
    question: Question,
    strips: Vec<Strip>,
    range: TimeRange,
    clock: Arc<dyn Clock>,
    began_ns: u64,
    sweep: Sweep,
}

impl Look {
    /// Compiles the rule and finds the strips, the newest first. The inner error is what was refused.
    pub(super) async fn prepare(
        lake: &Lake,
        clock: Arc<dyn Clock>,
        query: BacktestQuery,
        ground: Ground,
        patience: Arc<Patience>,
    ) -> Result<Result<Self, Vec<RefusedRule>>, ControlError> {
        let began_ns = clock.monotonic_ns();
        let range = query.range;
        let read = move || question(&query, ground);
        let question = match tokio::task::spawn_blocking(read).await.map_err(broken)? {
            Ok(question) => question,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut strips = Vec::new();
        for family in Family::ALL {
            strips.extend(lake.strips(family, range.from, range.to).await?);
        }
        // What is not finished in time, or not yet, has looked at the last days.
        strips.sort_by_key(|strip| std::cmp::Reverse(strip.newest()));
        let until_ns = began_ns.saturating_add(BACKTEST_NS_MAX);
        let sweep = Sweep::new(patience, until_ns);
        Ok(Ok(Self { question, strips, range, clock, began_ns, sweep }))
    }

    /// Asks every strip. `permit` is given back when the threads have ended.
    pub(super) async fn run(
        self: &Arc<Self>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<LookedBack, ControlError> {
        let own = Arc::clone(self);
        let run = move || {
            let all = own.sweep.run(&own.question, &own.strips, &*own.clock)?;
            let answered = own.answer(all);
            drop(permit);
            answered
        };
        Ok(tokio::task::spawn_blocking(run).await.map_err(broken)??)
    }

    /// What is known by now. Blocks on the disk.
    pub(super) fn so_far(&self) -> Result<LookedBack, LakeError> {
        let mut all = self.sweep.so_far(&self.question.wanted);
        all.complete = false;
        self.answer(all)
    }

    /// Events looked at, and events that are to be looked at.
    pub(super) fn progress(&self) -> (u64, u64) {
        let rows = self.strips.iter().map(|strip| strip.rows() as u64).sum();
        (self.sweep.rows_done().min(rows), rows)
    }

    fn answer(&self, all: super::Gathered) -> Result<LookedBack, LakeError> {
        let mut answered = answer(&self.question, &self.strips, self.range, all)?;
        answered.took_ns = self.clock.monotonic_ns().saturating_sub(self.began_ns);
        Ok(answered)
    }
}
