//! The one door to state: people, sessions, enrolment, devices, alerts, searches, the sums.
//!
//! Knows who may do what and writes down who did it. Refuses to know HTML, HTTP and how the lake stores.
//!
//! Invariant: every use case that a person reaches takes an [`Actor`] and checks its permission itself;
//! an `Actor` comes from a session's secret and from nothing else.
//! Invariant: reading personal data (a search, an alert, a device, an event) is in the audit chain before
//! the answer is given; when the chain cannot be written, there is no answer.
//! Invariant: secrets leave this crate once, when they are made; stored are only their hashes.
//! Invariant: text from users reaches SQL as a parameter only.
//! Invariant: an agent's identity comes from its certificate, and the server chose the name in it.

mod actor;
mod alert_verdicts;
mod alerts;
mod ancestors;
mod audit;
mod authority;
pub mod backtest;
mod batch;
mod catalogue;
mod channel;
pub mod context;
mod decision_rows;
mod decisions;
mod departments;
mod detections;
mod device_groups;
mod devices;
mod digest;
mod enrol;
mod error;
mod events;
pub mod evidence;
mod exclusions;
mod findings;
#[cfg(feature = "fixture")]
pub mod fixture;
mod gather;
mod ground;
mod identities;
mod inventory;
pub mod limits;
mod metrics;
mod my_pc;
mod outbox;
mod password;
mod people;
mod people_rule;
mod policies;
mod predicate;
mod random;
mod recipient;
mod recommended;
mod refusal_words;
mod renew;
mod request_metrics;
mod request_rows;
mod request_steps;
mod request_words;
mod requests;
mod review_page;
mod reviews;
mod rows;
mod rule_care;
mod rule_exclusions;
mod rule_fault;
mod rule_health;
pub mod rule_lists;
mod rule_work;
mod rulebook;
mod rules;
mod scope;
mod search;
mod sheet_export;
mod sheet_import;
mod sightings;
mod signin;
mod store;
mod sums;
mod text_fault;
mod tick;
mod timeline;
mod titles;
mod today;
mod tries;
mod uploads;
pub mod verify;
mod verify_correlation;
pub mod view;

pub use actor::{Actor, Permission, Principal, Role};
pub use alert_verdicts::sentences;
pub use audit::{AuditProblem, AuditReport};
pub use authority::ServerIdentity;
pub use channel::{Channel, Delivery, Outgoing, Undelivered};
pub use detections::{Removed, Taken};
pub use enrol::{AgentIdentity, Enrolled};
pub use error::{ControlError, ErrorClass, Language, QueryFault};
pub use findings::{AnswerNext, Answered};
pub use outbox::Delivered;
pub use people::{NewPerson, PersonChange};
pub use people_rule::PeopleRule;
pub use renew::Renewed;
pub use rule_fault::{Counted, NoEffect, RuleFault};
pub use rulebook::{EventPlace, RuleRefusal};
pub use scope::Scope;
pub use sheet_export::Export;
pub use signin::NewSession;
pub use store::StoreAddress;
pub use sums::{ClassAudit, EventAudit, StreamAudit};
pub use uploads::Upload;

use audit::{Action, Cause, Entry};
use lake::Lake;
use model::Clock;
use serde_json::json;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the rules engine said when it loaded its rules; shown on the first page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RulesSummary {
    /// Rules in force.
    pub loaded: usize,
    /// Rules refused, each with its file and the reason.
    pub refused: Vec<view::backtest::RefusedSource>,
}

/// The use cases over one data folder.
pub struct Control {
    store: store::Store,
    authority: authority::Authority,
    lake: Arc<Lake>,
    rules: std::sync::RwLock<RulesSummary>,
    clock: Arc<dyn Clock>,
    strangers: signin::Strangers,
    tries: tries::Tries,
    passwords: password::Passwords,
    channels: channel::Channels,
    directory: PathBuf,
    shelf: catalogue::Shelf,
    evidence: gather::Evidence,
    ground: ground::Cache,
    looks_back: Arc<tokio::sync::Semaphore>,
    running_backtests: backtest::LooksBack,
    rules_in_force: std::sync::RwLock<Vec<Arc<view::backtest::RuleInForce>>>,
    rules_changed: tokio::sync::watch::Sender<u64>,
    rule_care: rule_care::RuleCare,
    retention: detections::Retention,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

impl Control {
    /// Opens the state under `directory` (`control.sqlite`, `authority/`); makes it at the first start.
    ///
    /// # Errors
    /// [`ControlError::Io`] when the folder cannot be used, [`ControlError::TooNew`] when a newer version
    /// wrote it, [`ControlError::Corrupt`] when a key or certificate is damaged.
    pub async fn open(
        directory: &Path,
        lake: Arc<Lake>,
        rules: RulesSummary,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ControlError> {
        let address = StoreAddress::in_folder(directory);
        Self::open_at(directory, &address, lake, rules, clock).await
    }

    /// The same with the store at another address; keys and certificates stay under `directory`.
    ///
    /// # Errors
    /// Those of [`Control::open`], and [`ControlError::Store`] when the database cannot be reached.
    pub async fn open_at(
        directory: &Path,
        address: &StoreAddress,
        lake: Arc<Lake>,
        rules: RulesSummary,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ControlError> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(
            |source| ControlError::Io { action: "create", path: directory.to_owned(), source },
        )?;
        let authority = authority::Authority::open(directory, clock.now())?;
        let store = store::Store::open(address).await?;
        let control = Self {
            store,
            authority,
            lake,
            rules: std::sync::RwLock::new(rules),
            clock,
            strangers: signin::Strangers::default(),
            tries: tries::Tries::default(),
            passwords: password::Passwords::default(),
            channels: channel::Channels::default(),
            directory: directory.to_owned(),
            shelf: catalogue::Shelf::default(),
            evidence: gather::Evidence::default(),
            ground: ground::Cache::default(),
            looks_back: Arc::new(tokio::sync::Semaphore::new(limits::BACKTESTS_AT_ONCE_MAX)),
            running_backtests: backtest::LooksBack::default(),
            rules_in_force: std::sync::RwLock::default(),
            rules_changed: tokio::sync::watch::Sender::new(0),
            rule_care: rule_care::RuleCare::default(),
            retention: detections::Retention::default(),
        };
        control.seed_titles().await?;
        control.seed_policies().await?;
        Ok(control)
    }

    /// Sends messages by a channel from now on. Those already written for another one go by that.
    pub fn use_channel(&mut self, channel: Arc<dyn Channel>) {
        self.channels.add(channel);
    }

    /// The private authority's certificate, the server's certificate and its key, as they are now. The
    /// certificate is renewed by [`Control::open`] and [`Control::renew_server_identity`].
    #[must_use]
    pub fn server_identity(&self) -> ServerIdentity {
        self.authority.server()
    }

    /// Renews the server's certificate when a third of its life or less is left, when the host has another
    /// name, or when another process renewed it; whether [`Control::server_identity`] changed. Reads (and
    /// sometimes writes) a small file: not for the async threads.
    ///
    /// # Errors
    /// [`ControlError::Io`], [`ControlError::Corrupt`], [`ControlError::Certificates`]; the certificate in use
    /// stays.
    pub fn renew_server_identity(&self) -> Result<bool, ControlError> {
        self.authority.renew_server(self.clock.now())
    }

    /// The one check of permissions. A refusal is in the audit chain.
    async fn require(
        &self,
        actor: &Actor,
        wanted: &[Permission],
        use_case: &'static str,
    ) -> Result<(), ControlError> {
        let Some(missing) = wanted.iter().copied().find(|one| !actor.may(*one)) else {
            return Ok(());
        };
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::PermissionRefused,
            target: use_case.to_owned(),
            detail: json!({ "missing": missing.name() }),
        })
        .await?;
        Err(ControlError::NotPermitted { person: actor.name().to_owned(), permission: missing })
    }
}
