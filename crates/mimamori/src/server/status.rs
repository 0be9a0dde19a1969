//! What the server says about itself: one line when it is ready, a file every second.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// One line of JSON on standard output when the server is ready, for a supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Announcement {
    pub(crate) console_url: String,
    pub(crate) agents_url: String,
    pub(crate) sign_in_link: String,
    pub(crate) enrolment_token: Option<String>,
    pub(crate) rules_loaded: usize,
    pub(crate) rules_refused: usize,
}

/// The counters that a supervisor shows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ServerStatus {
    /// Records that came in since the server started.
    pub(crate) received: u64,
    /// Records committed to the lake since ever.
    pub(crate) stored: u64,
    /// Alerts since the server started.
    pub(crate) alerts: u64,
    /// Records committed per second, over the last seconds.
    pub(crate) events_per_second: u64,
    /// Alerts that were folded into findings and closed findings, both removed because they were old; since ever.
    #[serde(default)]
    pub(crate) folded_alerts_removed: u64,
    #[serde(default)]
    pub(crate) findings_removed: u64,
    /// Rules that were stopped because they flooded; the others go on.
    #[serde(default)]
    pub(crate) stopped_rules: Vec<StoppedRule>,
    /// The last failure that still holds, in words; empty when all is well.
    pub(crate) trouble: String,
}

/// A rule that was stopped, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoppedRule {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) reason_ja: String,
    pub(crate) reason_en: String,
}

impl ServerStatus {
    /// Writes the file as a whole, so that a reader never sees half of it.
    ///
    /// # Errors
    /// The disk's own; the counters are for people, so the caller may go on.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        let draft = path.with_extension("json.new");
        std::fs::write(&draft, serde_json::to_vec(self)?)?;
        std::fs::rename(&draft, path)
    }
}
