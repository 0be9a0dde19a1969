//! Asked to stop: SIGINT, SIGTERM, or the end of standard input.

use anyhow::Context;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The two signals that ask for a stop in good order.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

/// Listens from now on.
///
/// # Errors
/// When the runtime cannot install signal handlers.
pub(crate) fn stop_signals() -> anyhow::Result<StopSignals> {
    let listen = |kind| signal(kind).context("could not listen for signals");
    Ok(StopSignals {
        interrupt: listen(SignalKind::interrupt())?,
        terminate: listen(SignalKind::terminate())?,
    })
}

impl StopSignals {
    /// Returns when a signal came.
    pub(crate) async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Returns when standard input ended: whoever started this program is gone.
pub(crate) async fn end_of_stdin() {
    let mut stdin = tokio::io::stdin();
    let mut scrap = [0_u8; 256];
    loop {
        match stdin.read(&mut scrap).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
