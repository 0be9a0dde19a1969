//! Being asked to stop: SIGTERM, SIGINT, or the end of standard input.

use crate::error::AgentError;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::{
    io::Read as _,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// Set once, seen by every thread.
#[derive(Clone, Default, Debug)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Asks everybody to stop.
    pub fn ask(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn asked(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until somebody asks; whether somebody did.
    #[must_use]
    pub fn wait(&self, wait: Duration) -> bool {
        let asked = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(asked, wait, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Asks when a signal comes.
    ///
    /// # Errors
    /// [`AgentError::System`] when signals can not be caught.
    pub fn on_signals(&self) -> Result<(), AgentError> {
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT])
            .map_err(|source| AgentError::System { action: "catch signals", source })?;
        let stop = self.clone();
        self.watch("signals", move || {
            if signals.forever().next().is_some() {
                stop.ask();
            }
        })
    }

    /// Asks when standard input ends: whoever started the agent is gone.
    ///
    /// # Errors
    /// [`AgentError::System`] when no thread can be started.
    pub fn on_stdin_end(&self) -> Result<(), AgentError> {
        let stop = self.clone();
        self.watch("stdin", move || {
            let mut scrap = [0u8; 256];
            let mut stdin = std::io::stdin().lock();
            while matches!(stdin.read(&mut scrap), Ok(1..)) {}
            stop.ask();
        })
    }

    fn watch(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), AgentError> {
        let builder = thread::Builder::new().name(name.to_owned());
        match builder.spawn(body) {
            Ok(_) => Ok(()),
            Err(source) => Err(AgentError::System { action: "start a thread", source }),
        }
    }
}
