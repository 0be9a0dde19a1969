//! The agent's own records: that it began, that it stopped, on which machine.

use crate::home::read_small;
use model::{Class, EventKind, Fields, Observation, Timestamp};
use sensor::Coverage;
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

    /// The record that the agent began (`AgentStart`) or stopped (`AgentStop`). `not_recorded` says what is
    /// not recorded, in English and in Japanese.
    pub(crate) fn record(
        &self,
        kind: EventKind,
        not_recorded: Option<(String, String)>,
        now: Timestamp,
    ) -> Observation {
        let mut fields = Fields::new();
        fields.set("AgentVersion", env!("CARGO_PKG_VERSION"));
        fields.set("BootId", self.boot_id.as_str());
        fields.set("OsName", self.os_name.as_str());
        fields.set("KernelVersion", self.kernel_version.as_str());
        if let Some((en, ja)) = not_recorded {
            fields.set("NotRecorded", en);
            fields.set("NotRecordedJa", ja);
        }
        Observation { kind, observed_at: now, fields }
    }
}

/// What is not recorded as one Japanese text, like [`Coverage::not_recorded`] for English; `None` when nothing
/// is known to be missing.
pub(crate) fn not_recorded_ja(coverage: &Coverage) -> Option<String> {
    let mut words = String::new();
    for entry in &coverage.classes {
        let class = match entry.class {
            Class::Process => "プロセス",
            Class::Network => "ネットワーク",
            Class::File => "ファイル",
        };
        for gap in &entry.gaps {
            words.extend([class, ": ", gap.ja.trim_end_matches('。'), "。"]);
        }
    }
    if words.is_empty() { None } else { Some(words) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use sensor::{ClassCoverage, Said};

    #[test]
    fn what_is_missing_is_said_in_japanese_too() {
        let entry = |class, gaps| ClassCoverage { class, recorded: true, by: Vec::new(), gaps };
        let root = Said::new("needs root", "root 権限が必要です");
        let mut coverage = Coverage { classes: vec![entry(Class::Process, Vec::new())] };
        assert_eq!(not_recorded_ja(&coverage), None);
        coverage.classes.push(entry(Class::Network, vec![root.clone()]));
        coverage.classes.push(entry(Class::File, vec![root]));
        assert_eq!(
            not_recorded_ja(&coverage).as_deref(),
            Some("ネットワーク: root 権限が必要です。ファイル: root 権限が必要です。")
        );
    }
}
