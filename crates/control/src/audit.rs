//! The audit chain: who did what, append-only, each entry bound to the one before it.
//!
//! An entry's hash is SHA-256 over its fields and the hash of the entry before it, each preceded by its
//! length as eight bytes big endian:
//!
//! ```text
//! hash(n) = sha256( len|"mimamori audit 1" len|n len|at len|actor len|action len|target len|detail len|hash(n-1) )
//! seal    = hmac-sha256( audit.key, n ":" hash(n) )        of the newest entry only, in audit_head
//! ```
//!
//! Invariant: an entry is written in the transaction of the change it describes, or the change is not made.
//! Invariant: an edit, removal, insertion or reordering of entries is found, and so is a chain that was
//! computed anew by somebody who has the database and not `authority/audit.key`. What this cannot find is
//! an older copy of the whole database put in place; for that, the head must be kept elsewhere too.

use crate::digest::{hmac_sha256_hex, sha256_hex};
use crate::limits::{AUDIT_DETAIL_BYTES_MAX, AUDIT_PROBLEMS_MAX};
use crate::store::{Row, Writing};
use crate::{Actor, Control, ControlError};
use model::{AgentId, Timestamp};
use sqlx::Row as _;

/// Who caused an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause<'a> {
    /// A signed-in person.
    Person(&'a Actor),
    /// Somebody with access to the server itself (command line, first start).
    Machine,
    /// An agent, proved by its certificate.
    Agent(AgentId),
    /// Somebody who could not be identified.
    Stranger,
}

impl<'a> From<crate::Principal<'a>> for Cause<'a> {
    fn from(by: crate::Principal<'a>) -> Self {
        match by {
            crate::Principal::Person(actor) => Self::Person(actor),
            crate::Principal::Machine => Self::Machine,
        }
    }
}

/// What was done or refused. The names are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    SignInTokenIssued,
    SignedIn,
    SignInRefused,
    SignedOut,
    PermissionRefused,
    EnrolmentTokenIssued,
    Enrolled,
    EnrolmentRefused,
    CertificateRenewed,
    RenewalRefused,
    AlertOpened,
    DeviceOpened,
    EventOpened,
    Searched,
    FindingsChanged,
    FindingChanged,
    FindingOpened,
    InventoryOpened,
    SnapshotConfirmed,
    BaselineOpened,
    DeviceRetired,
    ExclusionChanged,
    IdentityAnswered,
    PersonAdded,
    PersonChanged,
    RolesChanged,
    PersonDisabled,
    PersonEnabled,
    PersonInvited,
    PasswordSet,
    DepartmentAdded,
    DepartmentRenamed,
    DeviceOwnerSet,
    DeviceDepartmentSet,
    DeviceGroupsSet,
    OutboxRead,
    RequestChanged,
    RequestOpened,
    DecisionChanged,
    TitleChanged,
    PolicyChanged,
    CardChanged,
    SheetImported,
    LookedBack,
    RuleSaved,
    RuleMoved,
    CanaryRingChanged,
    DetectionsOpened,
    DetectionOpened,
    DetectionChanged,
    DetectionsRemoved,
    TimelineOpened,
    RuleExclusionChanged,
    RuleListChanged,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::SignInTokenIssued => "sign_in_token_issued",
            Self::SignedIn => "signed_in",
            Self::SignInRefused => "sign_in_refused",
            Self::SignedOut => "signed_out",
            Self::PermissionRefused => "permission_refused",
            Self::EnrolmentTokenIssued => "enrolment_token_issued",
            Self::Enrolled => "enrolled",
            Self::EnrolmentRefused => "enrolment_refused",
            Self::CertificateRenewed => "certificate_renewed",
            Self::RenewalRefused => "renewal_refused",
            Self::AlertOpened => "alert_opened",
            Self::DeviceOpened => "device_opened",
            Self::EventOpened => "event_opened",
            Self::Searched => "searched",
            Self::FindingsChanged => "findings_changed",
            Self::FindingChanged => "finding_changed",
            Self::FindingOpened => "finding_opened",
            Self::InventoryOpened => "inventory_opened",
            Self::SnapshotConfirmed => "snapshot_confirmed",
            Self::BaselineOpened => "baseline_opened",
            Self::DeviceRetired => "device_retired",
            Self::ExclusionChanged => "exclusion_changed",
            Self::IdentityAnswered => "identity_answered",
            Self::PersonAdded => "person_added",
            Self::PersonChanged => "person_changed",
            Self::RolesChanged => "roles_changed",
            Self::PersonDisabled => "person_disabled",
            Self::PersonEnabled => "person_enabled",
            Self::PersonInvited => "person_invited",
            Self::PasswordSet => "password_set",
            Self::DepartmentAdded => "department_added",
            Self::DepartmentRenamed => "department_renamed",
            Self::DeviceOwnerSet => "device_owner_set",
            Self::DeviceDepartmentSet => "device_department_set",
            Self::DeviceGroupsSet => "device_groups_set",
            Self::OutboxRead => "outbox_read",
            Self::RequestChanged => "request_changed",
            Self::RequestOpened => "request_opened",
            Self::DecisionChanged => "decision_changed",
            Self::TitleChanged => "title_changed",
            Self::PolicyChanged => "policy_changed",
            Self::CardChanged => "card_changed",
            Self::SheetImported => "sheet_imported",
            Self::LookedBack => "looked_back",
            Self::RuleSaved => "rule_saved",
            Self::RuleMoved => "rule_moved",
            Self::CanaryRingChanged => "canary_ring_changed",
            Self::DetectionsOpened => "detections_opened",
            Self::DetectionOpened => "detection_opened",
            Self::DetectionChanged => "detection_changed",
            Self::DetectionsRemoved => "detections_removed",
            Self::TimelineOpened => "timeline_opened",
            Self::RuleExclusionChanged => "rule_exclusion_changed",
            Self::RuleListChanged => "rule_list_changed",
        }
    }
}

/// One entry to be written. `detail` is a JSON object.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) cause: Cause<'a>,
    pub(crate) action: Action,
    pub(crate) target: String,
    pub(crate) detail: serde_json::Value,
}

/// What a check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Entries read.
    pub entries: u64,
    /// What is wrong, the earliest first, a bounded number.
    pub problems: Vec<AuditProblem>,
}

impl AuditReport {
    /// Whether nothing was changed.
    #[must_use]
    pub const fn intact(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One thing that is wrong with the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditProblem {
    /// Entries were removed or renumbered.
    #[error("entry {expected} is missing; the next one is {found}")]
    Missing {
        /// The number that should follow.
        expected: i64,
        /// The number that does.
        found: i64,
    },
    /// An entry does not continue the one before it.
    #[error("entry {n} does not continue the one before it")]
    Unlinked {
        /// Which.
        n: i64,
    },
    /// An entry's fields are not those that were hashed.
    #[error("entry {n} was changed after it was written")]
    Altered {
        /// Which.
        n: i64,
    },
    /// The newest entries were removed or added, or the head itself was changed.
    #[error("the chain ends at entry {last}, its sealed head says {head}")]
    Head {
        /// The last entry found.
        last: i64,
        /// The sealed number; -1 when there is no valid seal.
        head: i64,
    },
}

/// Appends an entry within a transaction.
pub(crate) async fn append(
    writing: &mut Writing,
    key: &[u8; 32],
    at: Timestamp,
    entry: &Entry<'_>,
) -> Result<(), ControlError> {
    let head = sqlx::query("SELECT n, hash FROM audit_head WHERE only_row = 1")
        .fetch_optional(&mut **writing)
        .await?;
    let (before, prev) = match head {
        Some(row) => (row.try_get::<i64, _>(0)?, row.try_get::<String, _>(1)?),
        None => (0, GENESIS.to_owned()),
    };
    let link = Link {
        n: before + 1,
        at: at.nanos(),
        actor: match entry.cause {
            Cause::Person(actor) => actor.audit_name(),
            Cause::Machine => "machine".to_owned(),
            Cause::Agent(agent) => format!("agent {agent}"),
            Cause::Stranger => "stranger".to_owned(),
        },
        action: entry.action.name().to_owned(),
        target: entry.target.clone(),
        detail: bounded(&entry.detail),
        prev,
    };
    let hash = link.hash();
    sqlx::query(
        "INSERT INTO audit (n, at, actor, action, target, detail, prev, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(link.n)
    .bind(link.at)
    .bind(&link.actor)
    .bind(&link.action)
    .bind(&link.target)
    .bind(&link.detail)
    .bind(&link.prev)
    .bind(&hash)
    .execute(&mut **writing)
    .await?;
    sqlx::query(
        "INSERT INTO audit_head (only_row, n, hash, seal) VALUES (1, $1, $2, $3) \
         ON CONFLICT (only_row) DO UPDATE SET n = excluded.n, hash = excluded.hash, seal = excluded.seal",
    )
    .bind(link.n)
    .bind(&hash)
    .bind(seal(key, link.n, &hash))
    .execute(&mut **writing)
    .await?;
    Ok(())
}

impl Control {
    /// Reads the whole audit chain and says what is wrong with it. Called on the machine itself.
    ///
    /// # Errors
    /// When the store cannot be read; a broken chain is no error but a report.
    pub async fn audit_verify(&self) -> Result<AuditReport, ControlError> {
        // One transaction, so that an entry written meanwhile is in both the chain and the head, or in none.
        let mut reading = self.store.read().await?;
        let mut report = AuditReport { entries: 0, problems: Vec::new() };
        let mut last = (0i64, GENESIS.to_owned());
        loop {
            let rows = sqlx::query(
                "SELECT n, at, actor, action, target, detail, prev, hash FROM audit \
                 WHERE n > $1 ORDER BY n LIMIT 1000",
            )
            .bind(last.0)
            .fetch_all(&mut *reading)
            .await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let (link, hash) = Link::of_row(row)?;
                report.entries += 1;
                link.check(&hash, &last, &mut report);
                last = (link.n, hash);
            }
        }
        let head = sqlx::query("SELECT n, hash, seal FROM audit_head WHERE only_row = 1")
            .fetch_optional(&mut *reading)
            .await?;
        let sealed = match head {
            Some(row) => {
                let (n, hash): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
                let valid =
                    row.try_get::<String, _>(2)? == seal(self.authority.audit_key(), n, &hash);
                valid.then_some((n, hash))
            }
            None => (report.entries == 0).then(|| (0, GENESIS.to_owned())),
        };
        if sealed.as_ref() != Some(&last) {
            let head = sealed.map_or(-1, |(n, _)| n);
            report.note(AuditProblem::Head { last: last.0, head });
        }
        Ok(report)
    }

    /// Writes an entry in a transaction of its own: for reads and refusals, which change nothing else.
    pub(crate) async fn record(&self, entry: Entry<'_>) -> Result<(), ControlError> {
        let mut writing = self.store.write().await?;
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(())
    }

    /// Writes an entry in the transaction of the change it describes.
    pub(crate) async fn append(
        &self,
        writing: &mut Writing,
        entry: &Entry<'_>,
    ) -> Result<(), ControlError> {
        append(writing, self.authority.audit_key(), self.clock.now(), entry).await
    }
}

impl AuditReport {
    fn note(&mut self, problem: AuditProblem) {
        if self.problems.len() < AUDIT_PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }
}

struct Link {
    n: i64,
    at: i64,
    actor: String,
    action: String,
    target: String,
    detail: String,
    prev: String,
}

impl Link {
    fn of_row(row: &Row) -> Result<(Self, String), ControlError> {
        let link = Self {
            n: row.try_get(0)?,
            at: row.try_get(1)?,
            actor: row.try_get(2)?,
            action: row.try_get(3)?,
            target: row.try_get(4)?,
            detail: row.try_get(5)?,
            prev: row.try_get(6)?,
        };
        Ok((link, row.try_get(7)?))
    }

    fn check(&self, hash: &str, before: &(i64, String), report: &mut AuditReport) {
        if self.n != before.0 + 1 {
            report.note(AuditProblem::Missing { expected: before.0 + 1, found: self.n });
        }
        if self.prev != before.1 {
            report.note(AuditProblem::Unlinked { n: self.n });
        }
        if self.hash() != hash {
            report.note(AuditProblem::Altered { n: self.n });
        }
    }

    fn hash(&self) -> String {
        let (n, at) = (self.n.to_string(), self.at.to_string());
        let parts =
            [DOMAIN, &n, &at, &self.actor, &self.action, &self.target, &self.detail, &self.prev];
        let mut bytes = Vec::new();
        for part in parts {
            // Lengths keep two entries apart whose texts run together to the same bytes.
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        sha256_hex(&bytes)
    }
}

fn seal(key: &[u8; 32], n: i64, hash: &str) -> String {
    hmac_sha256_hex(key, format!("{n}:{hash}").as_bytes())
}

fn bounded(detail: &serde_json::Value) -> String {
    let text = detail.to_string();
    if text.len() <= AUDIT_DETAIL_BYTES_MAX {
        return text;
    }
    let cut = text.floor_char_boundary(AUDIT_DETAIL_BYTES_MAX);
    let kept = text.get(..cut).unwrap_or_default();
    serde_json::json!({ "cut_from_bytes": text.len(), "text": kept }).to_string()
}

const DOMAIN: &str = "mimamori audit 1";
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
