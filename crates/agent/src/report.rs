//! The agent's own records: that it began, that it stopped, on which machine.

use crate::home::read_small;
use model::{EventKind, Fields, Observation, Timestamp};
use std::path::Path;

/// What is said about the machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) hostname: String,
    pub(crate) os_name: String,
    pub(crate) kernel_version: String,
    pub(crate) boot_id: String,
}

impl Machine {
    pub(crate) fn read() -> Self {
        let uname = rustix::system::uname();
        let text = |words: &std::ffi::CStr| words.to_string_lossy().into_owned();
        Self {
            hostname: text(uname.nodename()),
            os_name: os_name().unwrap_or_else(|| text(uname.sysname())),
            kernel_version: text(uname.release()),
            boot_id: first_line("/proc/sys/kernel/random/boot_id").unwrap_or_default(),
        }
    }

    /// The record that the agent began (`AgentStart`) or stopped (`AgentStop`).
    pub(crate) fn record(
        &self,
        kind: EventKind,
        not_recorded: Option<String>,
        now: Timestamp,
    ) -> Observation {
        let mut fields = Fields::new();
        fields.set("AgentVersion", env!("CARGO_PKG_VERSION"));
        fields.set("BootId", self.boot_id.as_str());
        fields.set("OsName", self.os_name.as_str());
        fields.set("KernelVersion", self.kernel_version.as_str());
        if let Some(words) = not_recorded {
            fields.set("NotRecorded", words);
        }
        Observation { kind, observed_at: now, fields }
    }
}

fn os_name() -> Option<String> {
    let text = read_small(Path::new("/etc/os-release")).ok()??;
    let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

fn first_line(path: &str) -> Option<String> {
    let text = read_small(Path::new(path)).ok()??;
    text.lines().next().map(|line| line.trim().to_owned())
}
