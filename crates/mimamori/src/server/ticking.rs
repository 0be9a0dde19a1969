//! What time itself causes: reminders, expiry, drafts, delivery. `control` knows what is due; here is the clock.

use super::tls::asked;
use control::Control;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(15);

/// Lets `control` do what is due, until asked to stop. A round that fails is tried again by the next one.
pub(crate) async fn tick(control: Arc<Control>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = asked(&mut stop) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let control = Arc::clone(&control);
        // A task of its own: a fault in one round must not end the ticking (P9).
        match tokio::spawn(async move { control.tick().await }).await {
            Ok(Ok(())) => {}
            Ok(Err(err)) => tracing::error!(error = %err, "what is due by now could not be done"),
            Err(err) => tracing::error!(error = %err, "what is due by now could not be done"),
        }
    }
}
