//! The inventory of this machine: what is installed, and which programs are run that belong to no package.
//!
//! Two threads of their own, at low priority, so that recording never waits for them:
//!
//! * [`looker`] looks at every source some times a minute, reads those whose fingerprint moved, and tells what
//!   changed since the last state that was durable in the spool (the [`ledger`]). So a change is told too when
//!   the agent did not run as it happened;
//! * [`watcher`] gets every program start from the recorder and tells of programs that no package owns the
//!   moment they are first run.
//!
//! Both hand their records to the recorder ([`gate`]), which alone appends to the spool: they are records of
//! the stream like all others. What the messages mean is said in [`model::inventory`].

pub mod diff;
mod gate;
mod ledger;
mod looker;
pub mod programs;
mod runs;
pub mod shown;
mod watcher;

pub(crate) use gate::Inbox;
pub(crate) use runs::Runs;

use crate::{clock::SystemClock, error::AgentError, home::Home, status::Shared, stop::Stop};
use std::{path::Path, sync::Arc};

/// The recorder's ends of the inventory.
pub(crate) struct Ends {
    pub(crate) inbox: Inbox,
    pub(crate) runs: Runs,
}

/// Starts both threads. They end by themselves when asked to stop; until then they wait for the recorder.
///
/// # Errors
/// [`AgentError::File`] when a folder can not be opened, [`AgentError::System`] without a thread.
pub(crate) fn start(
    home: &Home,
    root: &Path,
    stop: &Stop,
    status: &Arc<Shared>,
) -> Result<Ends, AgentError> {
    let (gate, inbox) = gate::pair(Arc::new(SystemClock));
    let (runs, taken) = runs::pair();
    let ledger = ledger::Ledger::open(home)?;
    let place =
        |root: &Path| sensor::inventory::Place::new(root).map_err(AgentError::file("open", root));
    let looker = looker::Looker::new(
        place(root)?,
        ledger.clone(),
        gate.clone(),
        stop.clone(),
        Arc::clone(status),
    );
    // Programs are run on this machine, whatever folder is read for packages.
    let watcher = watcher::Watcher::new(
        place(Path::new("/"))?,
        ledger,
        gate,
        taken,
        runs.owners.clone(),
        stop.clone(),
        Arc::clone(status),
    );
    begin("inventory", LOOKER_NICE, move || looker.run())?;
    begin("programs", WATCHER_NICE, move || watcher.run())?;
    Ok(Ends { inbox, runs })
}

/// Nobody waits for a look.
const LOOKER_NICE: i32 = 10;
/// Somebody waits some seconds for a program that was run.
const WATCHER_NICE: i32 = 5;

fn begin(name: &str, nice: i32, body: impl FnOnce() + Send + 'static) -> Result<(), AgentError> {
    let body = move || {
        // On Linux this is the priority of the calling thread.
        if let Err(err) = rustix::process::setpriority_process(None, nice) {
            tracing::debug!(error = %err, "the inventory runs at normal priority");
        }
        body();
    };
    let thread = std::thread::Builder::new().name(name.to_owned());
    match thread.spawn(body) {
        Ok(_) => Ok(()),
        Err(source) => Err(AgentError::System { action: "start a thread", source }),
    }
}
