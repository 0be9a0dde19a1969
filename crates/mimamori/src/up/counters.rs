//! The live line of `up`: what the agent saw and what the server stored, from their status files.

use crate::layout::Layout;
use crate::server::ServerStatus;
use model::Clock;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Free bytes on the data's disk below which programs cannot even write their counters.
const FREE_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// Without a terminal a line is printed at most this often.
const PLAIN_EVERY_NS: u64 = 10_000_000_000;

/// What is shown.
#[derive(Debug, Default, Clone)]
pub(super) struct Line {
    seen: u64,
    lost: u64,
    waiting: u64,
    pub(super) stored: u64,
    alerts: u64,
    events_per_second: u64,
    not_recorded: String,
    error: Option<String>,
    at_ns: u64,
}

impl Line {
    /// What the agent does not record, as a sentence.
    pub(super) fn coverage(&self) -> String {
        if self.not_recorded.is_empty() {
            "everything that this version can record is recorded".to_owned()
        } else {
            format!("not recorded: {}", self.not_recorded)
        }
    }
}

pub(super) struct Counters {
    root: PathBuf,
    agent: PathBuf,
    server: PathBuf,
    terminal: bool,
    last: Line,
    printed_ns: u64,
}

impl Counters {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            root: layout.root().to_owned(),
            agent: layout.agent().join("status.json"),
            server: layout.server_status(),
            terminal: std::io::stderr().is_terminal(),
            last: Line::default(),
            printed_ns: 0,
        }
    }

    /// Reads both status files; what cannot be read keeps its last value.
    pub(super) fn read(&mut self, clock: &dyn Clock) -> Line {
        let mut line = Line { at_ns: clock.monotonic_ns(), error: None, ..self.last.clone() };
        if let Some(agent) = read_json(&self.agent) {
            let number = |name: &str| {
                agent.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default()
            };
            line.seen = number("seen");
            line.lost = number("lost");
            line.waiting = number("waiting");
            let text =
                |name: &str| agent.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
            line.not_recorded = text("not_recorded").unwrap_or_default();
            line.error = text("last_error");
        }
        if let Some(server) =
            std::fs::read(&self.server).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
        {
            let server: ServerStatus = server;
            line.stored = server.stored;
            line.alerts = server.alerts;
            line.events_per_second = server.events_per_second;
            if !server.trouble.is_empty() {
                line.error = Some(server.trouble);
            }
        }
        // On a full disk the status files are the last ones that could be written: look for ourselves.
        if self.free_bytes().is_some_and(|free| free < FREE_BYTES_MIN) {
            line.error = Some(format!(
                "the disk of {} is full: free space, then it goes on; nothing that was stored is lost",
                self.root.display()
            ));
        }
        self.last = line.clone();
        line
    }

    /// Bytes that may still be written to the data's disk; `None` when nobody says.
    fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.root).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Shows the line: over the last one on a terminal, now and then as a line of its own elsewhere.
    pub(super) fn show(&mut self, line: &Line) {
        let mut text = format!(
            "seen {}  lost {}  waiting {}  stored {}  alerts {}  {}/s",
            line.seen, line.lost, line.waiting, line.stored, line.alerts, line.events_per_second
        );
        if let Some(error) = &line.error {
            text.push_str("  ");
            text.push_str(error);
        }
        if self.terminal {
            let mut err = std::io::stderr().lock();
            let shown: String = crate::terminal::visible(&text).chars().take(150).collect();
            // A terminal that is gone is no reason to stop recording.
            if err.write_all(format!("\r\u{1b}[2K{shown}").as_bytes()).is_ok() {
                self.printed_ns = line.at_ns;
            }
        } else if line.at_ns.saturating_sub(self.printed_ns) >= PLAIN_EVERY_NS {
            self.printed_ns = line.at_ns;
            crate::terminal::note(&text);
        }
    }

    /// Leaves the live line standing and goes on below it.
    pub(super) fn leave_line(&self) {
        if self.terminal {
            crate::terminal::note("");
        }
    }
}

fn read_json(path: &std::path::Path) -> Option<serde_json::Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
