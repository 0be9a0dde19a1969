//! Hands what devices say of their software to `control`, before the lake has it: a finding is never later than
//! its event.

use control::Control;
use model::{Event, Family};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Tries of one batch. The inventory heals itself with each device's next full snapshot; the events of everybody
/// must not wait for it for ever.
const TRIES_MAX: u32 = 10;
/// Wait before the next try: doubled each time up to the second value.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LAST: Duration = Duration::from_secs(5);

/// Where inventory events go.
pub(crate) struct InventoryIntake {
    control: Arc<Control>,
}

impl InventoryIntake {
    pub(crate) const fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// Hands over the inventory events among these. They may come again after a crash; `control` knows how far
    /// it took each stream.
    ///
    /// # Errors
    /// The last try's failure, in words, when all failed or the server stops meanwhile.
    pub(crate) async fn take(
        &self,
        events: &[Event],
        stop: &watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let of_inventory = |event: &&Event| event.kind.family() == Family::Inventory;
        let events: Arc<[Event]> = events.iter().filter(of_inventory).cloned().collect();
        if events.is_empty() {
            return Ok(());
        }
        let mut retry = RETRY_FIRST;
        for attempt in 1.. {
            let (control, events) = (Arc::clone(&self.control), Arc::clone(&events));
            // A task of its own: a fault in it must not end the pipeline (P9).
            let taken = tokio::spawn(async move { control.take_inventory(&events).await }).await;
            let err = match taken {
                Ok(Ok(intake)) => {
                    for refused in &intake.refused {
                        tracing::warn!(device = %refused.device, reason = refused.reason, "an inventory event was refused");
                    }
                    return Ok(());
                }
                Ok(Err(err)) => anyhow::Error::from(err),
                Err(err) => anyhow::Error::from(err),
            };
            if attempt == TRIES_MAX || *stop.borrow() {
                return Err(err);
            }
            tracing::warn!(
                attempt,
                error = format!("{err:#}"),
                "could not take the inventory; trying again"
            );
            tokio::time::sleep(retry).await;
            retry = (retry * 2).min(RETRY_LAST);
        }
        Ok(())
    }
}
