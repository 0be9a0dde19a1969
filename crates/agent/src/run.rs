//! The agent at work: who is started, in which order, and how it ends.

use crate::{
    clock::{SystemClock, random_bits},
    error::AgentError,
    home::{Home, read_small},
    identity::Identity,
    intent::{Intent, IntentFile, Progress, index_of},
    limits::{QUOTA_BYTES_MAX, QUOTA_BYTES_MIN, QUOTA_PERCENT, STOP_MS_MAX},
    record::{Recorder, Timers},
    report::Machine,
    status::Shared,
    stop::Stop,
    upload::Uploader,
};
use model::{Class, Clock as _, Lost, LostReason, Timestamp};
use sensor::{Resume, Sensor};
use spool::Spool;
use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64, mpsc},
    time::Duration,
};

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The data directory.
    pub data: PathBuf,
    /// Where the BPF objects are pinned.
    pub sensor_pin: PathBuf,
    /// File changes below these folders are not recorded, besides the data directory.
    pub ignore: Vec<PathBuf>,
    /// Bytes of the spool; `None`: by the size of the disk.
    pub spool_bytes_max: Option<u64>,
    /// The folder that is read for packages and homes; `/` but for tests.
    pub inventory_root: PathBuf,
    /// Stop at the end of standard input.
    pub stop_with_stdin: bool,
}

/// Runs until asked to stop.
///
/// # Errors
/// [`AgentError::Spool`] when another agent uses the directory, [`AgentError::Sensor`], and errors of files.
pub fn run(options: RunOptions) -> Result<(), AgentError> {
    let home = Home::open(&options.data)?;
    let quota_bytes = options.spool_bytes_max.unwrap_or_else(|| quota_of_disk(&home));
    let spool_options = spool::Options {
        record_bytes_max: model::limits::RECORD_BYTES_MAX,
        ..spool::Options::new(random_bits()?, quota_bytes)
    };
    let spool = Spool::open(&home.spool(), spool_options)?;
    let stop = Stop::default();
    stop.on_signals()?;
    if options.stop_with_stdin {
        stop.on_stdin_end()?;
    }
    match Identity::load(&home) {
        Ok(Some(identity)) => {
            tracing::info!(agent = %identity.agent, server = identity.server, "enrolled");
        }
        Ok(None) => tracing::warn!("not enrolled; recording into the spool only"),
        Err(err) => tracing::error!(error = %err, "recording into the spool only"),
    }
    let status = Arc::new(Shared::default());
    let skip_to = Arc::new(AtomicU64::new(0));
    let (intent_file, intent) = IntentFile::open(&home.intent())?;
    let opened_next_seq = spool.next_seq();
    let (sensor, progress, unsaid_losses) = start_sensor(&options, &home, intent, opened_next_seq)?;
    let inventory = crate::inventory::start(&home, &options.inventory_root, &stop, &status)?;
    let recorder = Recorder {
        sensor,
        spool: spool.clone(),
        intent_file,
        progress,
        home: home.clone(),
        status: Arc::clone(&status),
        machine: Machine::read(),
        stop,
        skip_to: Arc::clone(&skip_to),
        opened_next_seq,
        unsaid_losses,
        inventory,
        timers: Timers::default(),
    };
    let upload_stop = Stop::default();
    let clock = Arc::new(SystemClock);
    let uploader =
        Uploader { spool, status: Arc::clone(&status), stop: upload_stop.clone(), clock, skip_to };
    let uploaded = start_uploader(uploader, home.clone())?;
    recorder.run()?;
    upload_stop.ask();
    match uploaded.recv_timeout(Duration::from_millis(STOP_MS_MAX)) {
        Ok(true) => tracing::info!("stopped; everything is with the server"),
        _ => tracing::info!("stopped; the rest stays in the spool until the next start"),
    }
    // On a full disk the status can not be written; that is no reason to call the stop a crash.
    if let Err(err) = status.write(&home.status(), SystemClock.now()) {
        tracing::warn!(error = %err, "could not write the status file");
    }
    match std::fs::remove_file(home.alive()) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(AgentError::file("remove", home.alive())(err))
        }
        _ => Ok(()),
    }
}

/// Starts the sensor where the last life ended; also how far that was, and what its end cost.
fn start_sensor(
    options: &RunOptions,
    home: &Home,
    intent: Option<Intent>,
    next_seq: u64,
) -> Result<(Sensor, Progress, VecDeque<Lost>), AgentError> {
    let settled = intent.map(|intent| intent.settle(next_seq)).unwrap_or_default();
    let position = settled.position.filter(|_| settled.ring_id != 0);
    let resume = position.map(|position| Resume { ring_id: settled.ring_id, position });
    let mut ignore_paths = options.ignore.clone();
    ignore_paths.push(home.root().to_owned());
    let sensor = Sensor::start(sensor::Options {
        pin_directory: Some(options.sensor_pin.clone()),
        ignore_paths,
        resume,
        ..sensor::Options::new(Arc::new(SystemClock))
    })?;
    let ring_id = sensor.ring_id().unwrap_or(0);
    let same_ring = ring_id != 0 && ring_id == settled.ring_id;
    let progress = if same_ring {
        let mut progress = settled;
        // File changes do not come from the ring: their counters begin anew with each start.
        progress.queued[index_of(Class::File)] = 0;
        progress.shed[index_of(Class::File)] = 0;
        progress
    } else {
        Progress { ring_id, unsaid: settled.unsaid, ..Progress::default() }
    };
    let mut losses = VecDeque::new();
    if let Some(from) = last_alive(home)? {
        let to = SystemClock.now().max(from);
        tracing::warn!(last_alive = %from, "the agent did not stop in good order");
        let all = [Class::File, Class::Process, Class::Network];
        for class in all.into_iter().take(if same_ring { 1 } else { 3 }) {
            let reason = LostReason::AgentDown;
            losses.push_back(Lost { class: Some(class), count: None, reason, from, to });
        }
    }
    Ok((sensor, progress, losses))
}

/// When a life of the agent that did not stop in good order was last known to be alive.
fn last_alive(home: &Home) -> Result<Option<Timestamp>, AgentError> {
    let Some(text) = read_small(&home.alive())? else { return Ok(None) };
    // A file that was cut short tells that it ran, not until when: the beginning of time is said then.
    Ok(Some(Timestamp::parse(text.trim()).unwrap_or_default()))
}

fn start_uploader(uploader: Uploader, home: Home) -> Result<mpsc::Receiver<bool>, AgentError> {
    let (told, uploaded) = mpsc::channel();
    let body = move || {
        let everything = uploader.run(&home);
        if told.send(everything).is_err() {
            tracing::debug!("nobody waits for the uploader any more");
        }
    };
    let thread = std::thread::Builder::new().name("uploader".to_owned());
    thread.spawn(body).map_err(|source| AgentError::System { action: "start a thread", source })?;
    Ok(uploaded)
}

fn quota_of_disk(home: &Home) -> u64 {
    match rustix::fs::statvfs(home.root()) {
        Ok(disk) => (disk.f_blocks.saturating_mul(disk.f_frsize) / 100 * QUOTA_PERCENT)
            .clamp(QUOTA_BYTES_MIN, QUOTA_BYTES_MAX),
        Err(err) => {
            tracing::warn!(error = %err, "could not ask for the size of the disk");
            QUOTA_BYTES_MIN
        }
    }
}
