//! A detection as OCSF 1.8 writes it: Detection Finding, class 2004.

use crate::view::detections::DetectionRow;
use case::detection::{Status, Verdict};
use model::{Level, Tactic, Timestamp};
use serde_json::{Value, json};

impl DetectionRow {
    /// The detection as an OCSF Detection Finding. Times are milliseconds since 1970.
    #[must_use]
    pub fn to_ocsf(&self) -> Value {
        let state = &self.state.now;
        // Created, updated, closed.
        let activity = match state.status {
            Status::New => 1,
            Status::InProgress => 2,
            Status::Closed => 3,
        };
        let attack = |tactic: &Tactic| json!({ "tactic": { "name": tactic.label_en() } });
        let mut finding = json!({
            "class_uid": CLASS,
            "category_uid": CLASS / 1_000,
            "activity_id": activity,
            "type_uid": CLASS * 100 + activity,
            "time": millis(self.state.since.max(self.last_at)),
            "severity_id": severity(self.level),
            "status_id": state.status.ocsf(),
            "count": self.alerts,
            "start_time": millis(self.first_at),
            "end_time": millis(self.last_at),
            "is_alert": true,
            "finding_info": {
                "uid": self.id,
                "title": self.title,
                "created_time": millis(self.opened_at),
                "first_seen_time": millis(self.first_at),
                "last_seen_time": millis(self.last_at),
                "analytic": { "type_id": ANALYTIC_RULE, "uid": self.rule_id, "name": self.title },
                "attacks": self.tactics.iter().map(attack).collect::<Vec<_>>(),
            },
            "metadata": { "version": "1.8.0", "product": { "name": "Mimamori", "vendor_name": "Mimamori" } },
            "unmapped": { "devices": self.devices, "sample_alert": self.sample.to_string() },
        });
        let fields = finding.as_object_mut();
        if let (Some(fields), Some(verdict)) = (fields, state.verdict) {
            fields.insert("verdict_id".to_owned(), Verdict::ocsf(verdict).into());
            fields.insert("comment".to_owned(), state.reason.as_str().into());
        }
        if let (Some(fields), false) = (finding.as_object_mut(), self.assignee.is_empty()) {
            fields.insert("assignee".to_owned(), json!({ "name": self.assignee }));
        }
        finding
    }
}

const fn millis(at: Timestamp) -> i64 {
    at.nanos() / 1_000_000
}

const fn severity(level: Level) -> u8 {
    match level {
        Level::Informational => 1,
        Level::Low => 2,
        Level::Medium => 3,
        Level::High => 4,
        Level::Critical => 5,
    }
}

const CLASS: u32 = 2_004;
/// `analytic.type_id` of a rule.
const ANALYTIC_RULE: u8 = 1;
