//! Hands alerts to `control`, which folds them into detections: announced before the lake's commit and taken after
//! it, so that the counts are those of the lake also when the server ends in between.
//!
//! ```text
//! announce (mark) ─► lake commits ─► take (by identifier, clears the mark)
//!       crash here ─┘            └─ crash here: the mark says from when on the lake is read at the next start
//! ```

use control::{Control, ControlError, Removed, Taken};
use model::{Alert, Clock};
use std::sync::Arc;
use std::time::Duration;

/// Tries of one batch. What is not taken then is taken from the lake by a later batch or the next start; the events
/// of everybody must not wait for it for ever.
const TRIES_MAX: u32 = 5;
/// What is left behind and cannot be taken is tried again this much later: commits must not wait for it each time.
const CATCH_UP_AGAIN_NS: u64 = 60_000_000_000;
/// Wait before the next try: doubled each time.
const RETRY_FIRST: Duration = Duration::from_millis(250);

/// Where alerts go.
pub(crate) struct DetectionIntake {
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    /// Whether the lake has alerts that were not taken.
    behind: bool,
    /// When that is looked at next, by the monotonic clock.
    next_look_ns: u64,
}

impl DetectionIntake {
    pub(crate) const fn new(control: Arc<Control>, clock: Arc<dyn Clock>) -> Self {
        // Whatever ended the last run may have come between a commit and its taking.
        Self { control, clock, behind: true, next_look_ns: 0 }
    }

    /// Says which alerts the lake is about to hold. A failure is said and holds nothing up: the next start looks back
    /// a while in any case.
    pub(crate) async fn announce(&mut self, alerts: &[Alert]) {
        if alerts.is_empty() {
            return;
        }
        if let Err(err) = self.control.alerts_coming(alerts).await {
            tracing::warn!(error = %err, "could not announce alerts; they are folded all the same");
        }
    }

    /// What left the state because it was old.
    pub(crate) fn removed(&self) -> Removed {
        self.control.detections_removed()
    }

    /// Takes alerts that the lake holds now, and what was left behind.
    pub(crate) async fn take(&mut self, alerts: &[Alert]) {
        if alerts.is_empty() {
            return;
        }
        let shared: Arc<[Alert]> = alerts.into();
        let taken = self.tried(|control| {
            let alerts = Arc::clone(&shared);
            tokio::spawn(async move { control.take_alerts(&alerts).await })
        });
        if let Err(err) = taken.await {
            self.behind = true;
            tracing::error!(
                error = format!("{err:#}"),
                "alerts were not folded into findings; trying again with the next"
            );
            return;
        }
        if self.behind && self.clock.monotonic_ns() >= self.next_look_ns {
            self.catch_up().await;
        }
    }

    /// Takes what the lake holds and nobody took.
    pub(crate) async fn catch_up(&mut self) {
        let taken =
            self.tried(|control| tokio::spawn(async move { control.catch_up_alerts().await }));
        match taken.await {
            Ok(taken) => {
                self.behind = false;
                if taken.alerts > 0 {
                    tracing::info!(
                        alerts = taken.alerts,
                        "alerts of before were folded into findings"
                    );
                }
            }
            Err(err) => {
                self.next_look_ns = self.clock.monotonic_ns().saturating_add(CATCH_UP_AGAIN_NS);
                tracing::error!(
                    error = format!("{err:#}"),
                    "alerts of before were not folded into findings; trying again with the next"
                );
            }
        }
    }

    /// Each try is a task of its own: a fault in it must not end the pipeline (P9).
    async fn tried(
        &self,
        begin: impl Fn(Arc<Control>) -> tokio::task::JoinHandle<Result<Taken, ControlError>>,
    ) -> anyhow::Result<Taken> {
        let mut retry = RETRY_FIRST;
        for attempt in 1.. {
            let err = match begin(Arc::clone(&self.control)).await {
                Ok(Ok(taken)) => return Ok(taken),
                Ok(Err(err)) => anyhow::Error::from(err),
                Err(err) => anyhow::Error::from(err),
            };
            if attempt == TRIES_MAX {
                return Err(err);
            }
            tokio::time::sleep(retry).await;
            retry *= 2;
        }
        Ok(Taken::default())
    }
}
