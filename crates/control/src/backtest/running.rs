//! Looks back that are asked about while they run: one for each person.

use super::look::{Look, Patience};
use super::{BacktestQuery, Ground, broken};
use crate::limits::{BACKTEST_KEPT_NS, BACKTEST_PATIENCE_NS};
use crate::random;
use crate::view::backtest::Backtest;
use crate::{Actor, Control, ControlError};
use lake::Lake;
use model::Clock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Names a look back that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacktestId(String);

impl std::fmt::Display for BacktestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for BacktestId {
    /// Any text will do: what was never given out names nothing.
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// What is known of a look back by now.
#[derive(Debug, Clone, PartialEq)]
pub struct SoFar {
    /// The answer; as long as it is not finished, that of the newest events. Hits of correlations are known
    /// at the end only. `None` as long as it waits for its turn.
    pub answer: Option<Backtest>,
    /// Nothing more will come.
    pub finished: bool,
    /// Events looked at.
    pub looked_at: u64,
    /// Events that are to be looked at.
    pub of: u64,
}

/// The looks back of this process, by person.
#[derive(Default)]
pub(crate) struct LooksBack {
    by_person: Mutex<HashMap<String, Arc<Begun>>>,
}

struct Begun {
    id: BacktestId,
    patience: Arc<Patience>,
    asked_ns: AtomicU64,
    /// Set as soon as there is something to ask about.
    look: OnceLock<Arc<Look>>,
    outcome: Mutex<Option<Result<Backtest, ControlError>>>,
    finished: watch::Sender<bool>,
}

impl LooksBack {
    /// Begins one; the person's earlier one ends.
    fn begin(&self, person: &str, begun: Arc<Begun>, now_ns: u64) {
        let mut all = self.by_person.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| {
            one.asked_ns.load(Ordering::Relaxed).saturating_add(BACKTEST_KEPT_NS) > now_ns
        });
        if let Some(earlier) = all.insert(person.to_owned(), begun) {
            earlier.patience.end();
        }
    }

    fn find(&self, person: &str, id: &BacktestId) -> Option<Arc<Begun>> {
        let all = self.by_person.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(person).filter(|begun| begun.id == *id).map(Arc::clone)
    }
}

impl Begun {
    fn is_wanted(&self, now_ns: u64) {
        self.asked_ns.store(now_ns, Ordering::Relaxed);
        self.patience.renew(now_ns.saturating_add(BACKTEST_PATIENCE_NS));
    }

    async fn run(
        self: Arc<Self>,
        lake: Arc<Lake>,
        clock: Arc<dyn Clock>,
        places: Arc<Semaphore>,
        query: BacktestQuery,
        ground: Ground,
    ) {
        let outcome = self.answer(&lake, clock, places, query, ground).await;
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.finished.send_replace(true);
    }

    async fn answer(
        &self,
        lake: &Lake,
        clock: Arc<dyn Clock>,
        places: Arc<Semaphore>,
        query: BacktestQuery,
        ground: Ground,
    ) -> Result<Backtest, ControlError> {
        // Nobody closes it; without a permit the look back would only be less orderly.
        let permit = places.acquire_owned().await.ok();
        let patience = Arc::clone(&self.patience);
        let look = match Look::prepare(lake, clock, query, ground, patience).await? {
            Ok(look) => Arc::new(look),
            Err(refused) => return Ok(Backtest::Refused(refused)),
        };
        let look = Arc::clone(self.look.get_or_init(|| look));
        Ok(Backtest::Answered(Box::new(look.run(permit).await?)))
    }

    /// The outcome, when there is one; an error is told once.
    fn outcome(&self) -> Option<Result<Backtest, ControlError>> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        match &*outcome {
            Some(Ok(answer)) => Some(Ok(answer.clone())),
            Some(Err(_)) => outcome.take(),
            None => None,
        }
    }
}

impl Control {
    /// Begins to look back and does not wait for the answer: [`Control::backtest_so_far`] tells it. The
    /// person's earlier one ends, and so does one that nobody asks about for
    /// [`crate::limits::BACKTEST_PATIENCE_NS`]. The question is in the audit chain.
    ///
    /// # Errors
    /// Those of [`Control::backtest`].
    pub async fn begin_backtest(
        &self,
        actor: &Actor,
        query: BacktestQuery,
    ) -> Result<BacktestId, ControlError> {
        self.admit_backtest(actor, &query).await?;
        let ground = self.backtest_ground().await?;
        let id = BacktestId(random::secret()?);
        let now_ns = self.clock.monotonic_ns();
        let begun = Arc::new(Begun {
            id: id.clone(),
            patience: Arc::default(),
            asked_ns: AtomicU64::new(now_ns),
            look: OnceLock::new(),
            outcome: Mutex::new(None),
            finished: watch::Sender::new(false),
        });
        begun.is_wanted(now_ns);
        self.running_backtests.begin(actor.id(), Arc::clone(&begun), now_ns);
        let (lake, clock) = (Arc::clone(&self.lake), Arc::clone(&self.clock));
        let places = Arc::clone(&self.looks_back);
        drop(tokio::spawn(begun.run(lake, clock, places, query, ground)));
        Ok(id)
    }

    /// What is known of a look back that the same person began. Waits until it is finished, at most as long
    /// as `patience`.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when it was replaced by a newer one or forgotten; those of
    /// [`Control::backtest`].
    pub async fn backtest_so_far(
        &self,
        actor: &Actor,
        id: &BacktestId,
        patience: Duration,
    ) -> Result<SoFar, ControlError> {
        let unknown =
            || ControlError::NotFound { what: "look back", id: id.0.chars().take(80).collect() };
        let begun = self.running_backtests.find(actor.id(), id).ok_or_else(unknown)?;
        begun.is_wanted(self.clock.monotonic_ns());
        let mut finished = begun.finished.subscribe();
        let waited = tokio::time::timeout(patience, finished.wait_for(|finished| *finished));
        // What was waited for holds a lock: it must not outlive this line.
        let finished = waited.await.is_ok();
        begun.is_wanted(self.clock.monotonic_ns());
        let look = begun.look.get().map(Arc::clone);
        let (looked_at, of) = look.as_ref().map_or((0, 0), |look| look.progress());
        let mut answer = match look {
            _ if finished => Some(begun.outcome().ok_or_else(unknown)??),
            Some(look) => {
                let so_far = tokio::task::spawn_blocking(move || look.so_far());
                Some(Backtest::Answered(Box::new(so_far.await.map_err(broken)??)))
            }
            None => None,
        };
        if let Some(answer) = &mut answer {
            self.name_devices(answer).await?;
        }
        Ok(SoFar { answer, finished, looked_at, of })
    }
}
