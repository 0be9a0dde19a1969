//! Asks the sources of evidence that requests and decisions wait for, and writes down what they say.
//!
//! Invariant: a question is asked outside every transaction; its answer, what follows from it and the end of the
//! question are written in one.
//! Invariant: a port that fails or is silent gives an error, never an approval.

use crate::actor::Principal;
use crate::evidence::{
    EvidencePort, FileReport, as_is, both, check_of, fault_check, host_access, own_check,
};
use crate::limits::{EVIDENCE_TAKEN_NS, HOUR_NS};
use crate::request_rows::load;
use crate::scope::Scope;
use crate::store::Writing;
use crate::view::requests::{CheckKind, Command, Kind, Verdict};
use crate::{Control, ControlError, random};
use case::check::Check;
use case::decision::Turn;
use case::request::Request;
use sqlx::Row as _;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The ports, and whether something may wait for them.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    ports: RwLock<Vec<Arc<dyn EvidencePort>>>,
    quiet: AtomicBool,
    swept_at: AtomicI64,
}

impl Evidence {
    /// Something was queued.
    pub(crate) fn wake(&self) {
        self.quiet.store(false, Ordering::SeqCst);
    }

    /// Whether the files of requests were not swept for an hour; says so once.
    pub(crate) fn sweep_is_due(&self, now: model::Timestamp) -> bool {
        let last = self.swept_at.load(Ordering::SeqCst);
        let is_due = now.nanos() - last >= HOUR_NS;
        if is_due {
            self.swept_at.store(now.nanos(), Ordering::SeqCst);
        }
        is_due
    }

    fn ports(&self) -> Vec<Arc<dyn EvidencePort>> {
        self.ports.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Debug, Clone)]
struct Wanted {
    about: String,
    kind: CheckKind,
    subject: String,
}

impl Control {
    /// Adds a source of evidence, for as long as the program runs.
    pub fn add_evidence_port(&self, port: Arc<dyn EvidencePort>) {
        self.evidence.ports.write().unwrap_or_else(PoisonError::into_inner).push(port);
        self.evidence.wake();
    }

    /// Whether questions may wait: `false` is certain, `true` may find nothing. Costs nothing.
    #[must_use]
    pub fn evidence_may_wait(&self) -> bool {
        !self.evidence.quiet.load(Ordering::SeqCst)
    }

    /// Asks the sources that are waited for, one after the other; how many were asked. Called in a loop by the server.
    ///
    /// # Errors
    /// The store's. What could not be written is asked again later.
    pub async fn gather_evidence(&self) -> Result<u64, ControlError> {
        let mut asked = 0;
        self.evidence.quiet.store(true, Ordering::SeqCst);
        while let Some(wanted) = self.take_wanted().await? {
            if let Some(request) = wanted.about.strip_prefix("request ") {
                self.gather_for_request(request, &wanted).await?;
            } else if let Some(decision) = wanted.about.strip_prefix("decision ") {
                self.gather_for_decision(decision, &wanted).await?;
            }
            asked += 1;
        }
        Ok(asked)
    }

    async fn take_wanted(&self) -> Result<Option<Wanted>, ControlError> {
        let now = self.clock.now();
        let find = "SELECT about, kind, subject FROM evidence_wanted WHERE taken_until <= $1 \
                    ORDER BY since, about, kind, subject LIMIT 1";
        // Read first without the lock: mostly nothing waits.
        let row = sqlx::query(find).bind(now.nanos()).fetch_optional(self.store.pool()).await?;
        if row.is_none() {
            return Ok(None);
        }
        let mut writing = self.store.write().await?;
        let row = sqlx::query(find).bind(now.nanos()).fetch_optional(&mut *writing).await?;
        let Some(row) = row else { return Ok(None) };
        let kind: String = row.try_get(1)?;
        let wanted = Wanted {
            about: row.try_get(0)?,
            kind: CheckKind::ALL.into_iter().find(|one| one.name() == kind).ok_or_else(|| {
                ControlError::Corrupt {
                    what: "question",
                    id: kind.clone(),
                    reason: "unknown kind".into(),
                }
            })?,
            subject: row.try_get(2)?,
        };
        sqlx::query(
            "UPDATE evidence_wanted SET taken_until = $1 WHERE about = $2 AND kind = $3 AND subject = $4",
        )
        .bind(now.plus_nanos(EVIDENCE_TAKEN_NS).nanos())
        .bind(&wanted.about)
        .bind(&kind)
        .bind(&wanted.subject)
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(Some(wanted))
    }

    async fn gather_for_request(&self, id: &str, wanted: &Wanted) -> Result<(), ControlError> {
        let stored = load(self.store.pool(), &Scope::All, id).await?;
        let answers = self.ask_about(&stored.request, &stored.title, wanted).await?;
        let mut writing = self.store.write().await?;
        let stored = load(&mut *writing, &Scope::All, id).await?;
        let is_open = stored.request.state.is_open();
        if is_open {
            let (kind, subject) = (wanted.kind, wanted.subject.clone());
            let command = Command::RecordChecks { kind, subject, answers };
            let stored = self.take_step(&mut writing, stored, &command, Principal::Machine).await?;
            if stored.request.pending.is_empty() {
                self.judge_policy(&mut writing, stored).await?;
            }
        }
        done(&mut writing, wanted).await?;
        writing.commit().await
    }

    async fn gather_for_decision(&self, id: &str, wanted: &Wanted) -> Result<(), ControlError> {
        let answers = self.ask_ports(wanted, None).await?;
        let mut writing = self.store.write().await?;
        let stored = crate::decision_rows::one(&mut *writing, id).await?;
        let (kind, subject) = (wanted.kind, wanted.subject.clone());
        let turn = Turn::RecordChecks { kind, subject, answers };
        self.take_turn(&mut writing, stored, &turn, Principal::Machine).await?;
        done(&mut writing, wanted).await?;
        writing.commit().await
    }

    async fn ask_about(
        &self,
        request: &Request,
        title: &str,
        wanted: &Wanted,
    ) -> Result<Vec<Check>, ControlError> {
        match wanted.kind {
            CheckKind::Hash | CheckKind::Url | CheckKind::File => {
                self.ask_ports(wanted, Some(request)).await
            }
            CheckKind::Origin => Ok(vec![self.origin_check(request, title).await?]),
            CheckKind::Sightings => Ok(vec![self.sightings_check(request, title).await?]),
            CheckKind::Permissions => Ok(vec![self.permissions_check(request).await?]),
            CheckKind::Policy => Ok(Vec::new()),
        }
    }

    /// Every port's word, each with its own checks.
    async fn ask_ports(
        &self,
        wanted: &Wanted,
        request: Option<&Request>,
    ) -> Result<Vec<Check>, ControlError> {
        let (kind, subject) = (wanted.kind, wanted.subject.as_str());
        let now = self.clock.now();
        let mut checks = Vec::new();
        for port in self.evidence.ports() {
            let answer = match kind {
                CheckKind::Hash => port.hash(subject).await,
                CheckKind::Url => port.url(subject).await,
                _ => match self.file_of(request, subject) {
                    Some((path, name, of)) => match port.file(&path, &name, of).await {
                        Ok(report) => {
                            report_checks(&mut checks, subject, &report, now)?;
                            Ok(report.verdicts)
                        }
                        Err(fault) => Err(fault),
                    },
                    // Paid software, or a file that was taken back: there is nothing to look at.
                    None => Ok(Vec::new()),
                },
            };
            match answer {
                Ok(said) if said.is_empty() => {
                    let nothing = (port.name(), subject, "");
                    let detail = both("情報がありません", "knows nothing of it");
                    checks.push(own_check(id()?, kind, nothing, Verdict::Unknown, detail, now));
                }
                Ok(said) => {
                    for one in &said {
                        checks.push(check_of(id()?, kind, subject, one));
                    }
                }
                Err(fault) => {
                    checks.push(fault_check(id()?, kind, subject, port.name(), &fault, now));
                }
            }
        }
        if checks.is_empty() {
            let nobody = ("no source", subject, "");
            let detail = both("照会先が設定されていません", "no source of evidence is set up");
            checks.push(own_check(id()?, kind, nobody, Verdict::Unknown, detail, now));
        }
        // A missing answer is replaced by any later one, so it must come last to count.
        checks.sort_by_key(|one| one.source == case::check::NO_ANSWER);
        Ok(checks)
    }

    fn file_of(
        &self,
        request: Option<&Request>,
        sha256: &str,
    ) -> Option<(std::path::PathBuf, String, Kind)> {
        let request = request.filter(|one| !one.form.paid)?;
        let file = request.files.iter().find(|file| file.sha256 == sha256)?;
        Some((self.attachment_path(sha256), file.name.clone(), request.kind))
    }
}

/// What a file's report tells besides verdicts: the manifest's permissions, and the signature.
fn report_checks(
    checks: &mut Vec<Check>,
    sha256: &str,
    report: &FileReport,
    now: model::Timestamp,
) -> Result<(), ControlError> {
    if let Some(extension) = &report.extension {
        let hosts = extension.host_permissions.iter().map(String::as_str);
        let all = extension.permissions.iter().map(String::as_str).chain(hosts);
        let access = host_access(all.clone());
        let detail = as_is(all.collect::<Vec<_>>().join(", "));
        let words = ("manifest", sha256, access);
        let check = own_check(id()?, CheckKind::Permissions, words, Verdict::Allow, detail, now);
        checks.push(check);
    }
    if let Some(signed) = report.signed {
        let words = ("signature", sha256, if signed { "signed" } else { "unsigned" });
        // Whether a missing signature is tolerated is for the policy to say.
        let verdict = Verdict::Allow;
        let check = own_check(
            id()?,
            CheckKind::Permissions,
            words,
            verdict,
            as_is(report.signer.clone()),
            now,
        );
        checks.push(check);
    }
    Ok(())
}

async fn done(writing: &mut Writing, wanted: &Wanted) -> Result<(), ControlError> {
    sqlx::query("DELETE FROM evidence_wanted WHERE about = $1 AND kind = $2 AND subject = $3")
        .bind(&wanted.about)
        .bind(wanted.kind.name())
        .bind(&wanted.subject)
        .execute(&mut **writing)
        .await?;
    Ok(())
}

fn id() -> Result<String, ControlError> {
    Ok(format!("{:032x}", random::id_bits()?))
}
