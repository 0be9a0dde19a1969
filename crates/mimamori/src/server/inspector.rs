//! The embedded source of evidence: the program `mimamori-inspect` beside this one, started anew for each file.
//!
//! It reads hostile files; this process never does. It gets the open file as standard input, no environment and
//! no path, and what it says is JSON under a limit. That it is missing, fails or takes too long is an error, and
//! an error never approves.

use anyhow::{Context, bail, ensure};
use control::Control;
use control::evidence::{
    Answering, EvidenceFault, EvidencePort, ExtensionReport, FileReport, FileVerdict,
};
use control::view::requests::{Kind, Verdict};
use model::{Clock, Timestamp};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::sync::watch;

/// Longer than the program's own limit on processor time.
const WAIT_MAX: Duration = Duration::from_secs(180);
/// Bytes of a report.
const REPORT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of an error's words.
const WORDS_BYTES_MAX: u64 = 2_000;
/// The form of the report that is understood here.
const FORMAT: u32 = 1;

/// Hash lists, YARA-X and ClamAV on this machine.
pub(crate) struct Inspector {
    program: PathBuf,
    hashes: PathBuf,
    yara: PathBuf,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Inspector {
    /// With the lists and rules of a folder; they may be absent and are read for each file anew.
    pub(crate) fn new(folder: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("could not find this program's own path")?;
        Ok(Self {
            program: own.with_file_name("mimamori-inspect"),
            hashes: folder.join("hashes"),
            yara: folder.join("yara"),
            clock,
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "hostile files are read in a process of their own, and this starts it"
    )]
    fn command(&self) -> Command {
        let mut command = Command::from(std::process::Command::new(&self.program));
        command
            .arg("--hashes")
            .arg(&self.hashes)
            .arg("--yara")
            .arg(&self.yara)
            .env_clear()
            .current_dir("/")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, mut command: Command) -> Result<Report, EvidenceFault> {
        let asked = async {
            let mut child = command.spawn().with_context(|| {
                format!("could not start {}; install it beside mimamori", self.program.display())
            })?;
            let (mut report, mut words) = (Vec::new(), Vec::new());
            let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
                bail!("the program has no output");
            };
            let (mut out, mut err) = (out.take(REPORT_BYTES_MAX + 1), err.take(WORDS_BYTES_MAX));
            tokio::try_join!(out.read_to_end(&mut report), err.read_to_end(&mut words))?;
            let status = child.wait().await?;
            if !status.success() {
                bail!("mimamori-inspect failed ({status}): {}", String::from_utf8_lossy(&words));
            }
            ensure!(report.len() as u64 <= REPORT_BYTES_MAX, "the report is too long");
            let report: Report = serde_json::from_slice(&report).context("an unknown report")?;
            ensure!(report.format == FORMAT, "a report of another version: update both programs");
            Ok(report)
        };
        match tokio::time::timeout(WAIT_MAX, asked).await {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(err)) => Err(fault(format!("{err:#}"))),
            Err(_) => Err(fault(format!("no answer within {} s", WAIT_MAX.as_secs()))),
        }
    }

    async fn of_hash(&self, sha256: &str) -> Result<Vec<FileVerdict>, EvidenceFault> {
        let mut command = self.command();
        command.arg("--sha256").arg(sha256).stdin(Stdio::null());
        let report = self.run(command).await?;
        Ok(report.verdicts(self.clock.now()))
    }

    async fn of_file(&self, path: &Path) -> Result<FileReport, EvidenceFault> {
        let file = File::open(path).map_err(|err| fault(format!("the file is gone: {err}")))?;
        let mut command = self.command();
        command.stdin(Stdio::from(file));
        let report = self.run(command).await?;
        let verdicts = report.verdicts(self.clock.now());
        let extension = report.extension.map(|found| ExtensionReport {
            id: found.id,
            name: found.name,
            version: found.version,
            permissions: found.permissions,
            host_permissions: found.hosts,
            update_url: found.update_url,
        });
        Ok(FileReport { verdicts, extension, signed: None, signer: String::new() })
    }
}

impl EvidencePort for Inspector {
    fn name(&self) -> &str {
        "mimamori-inspect"
    }

    fn hash<'a>(&'a self, sha256: &'a str) -> Answering<'a, Vec<FileVerdict>> {
        Box::pin(self.of_hash(sha256))
    }

    fn file<'a>(
        &'a self,
        path: &'a Path,
        _name: &'a str,
        _kind: Kind,
    ) -> Answering<'a, FileReport> {
        Box::pin(self.of_file(path))
    }

    fn url<'a>(&'a self, _url: &'a str) -> Answering<'a, Vec<FileVerdict>> {
        // Nothing on this machine knows addresses: an empty answer counts as "unknown".
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn fault(reason: String) -> EvidenceFault {
    EvidenceFault { reason }
}

/// The report as `mimamori-inspect` writes it.
#[derive(Debug, serde::Deserialize)]
struct Report {
    format: u32,
    findings: Vec<Finding>,
    extension: Option<Extension>,
}

#[derive(Debug, serde::Deserialize)]
struct Finding {
    scanner: String,
    verdict: Said,
    name: String,
    detail: String,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    KnownGood,
    NoMatch,
    Absent,
    Error,
    Suspicious,
    Malware,
}

impl Finding {
    /// What it says, for a Japanese reader; empty where only the scanner's own words tell it.
    fn japanese(&self) -> &'static str {
        match (self.scanner.as_str(), self.verdict) {
            ("hash-list", Said::KnownGood) => "許可リストにあるハッシュです",
            ("hash-list", Said::Malware) => "拒否リストにあるハッシュです",
            ("hash-list", Said::NoMatch) => "どのハッシュ一覧にもありません",
            ("yara-x", Said::NoMatch) => "該当する YARA ルールはありません",
            ("clamav", Said::NoMatch) => "ClamAV では何も検出されませんでした",
            ("clamav", Said::Malware) => "ClamAV が検出しました",
            ("package", Said::Error) => "パッケージの内容を読み取れませんでした",
            _ => "",
        }
    }
}

#[derive(Debug, serde::Deserialize)]
struct Extension {
    name: String,
    version: String,
    id: String,
    permissions: Vec<String>,
    hosts: Vec<String>,
    update_url: String,
}

impl Report {
    /// A scanner that is not installed says nothing; if all are absent, nobody said anything, and that is
    /// "unknown".
    fn verdicts(&self, at: Timestamp) -> Vec<FileVerdict> {
        let verdict_of = |said| match said {
            Said::Absent => None,
            Said::KnownGood => Some(Verdict::Allow),
            Said::NoMatch => Some(Verdict::Unknown),
            Said::Error => Some(Verdict::Error),
            Said::Suspicious => Some(Verdict::Escalate),
            Said::Malware => Some(Verdict::DenyMalware),
        };
        let said = |finding: &Finding| {
            Some(FileVerdict {
                scanner: finding.scanner.clone(),
                verdict: verdict_of(finding.verdict)?,
                name: finding.name.clone(),
                detail: finding.detail.clone(),
                detail_ja: finding.japanese().to_owned(),
                at,
                database_date: None,
            })
        };
        self.findings.iter().filter_map(said).collect()
    }
}

/// Asks the sources of evidence whenever something waits for them, until `stop` turns true.
pub(crate) async fn gather(control: Arc<Control>, mut stop: watch::Receiver<bool>) {
    let mut rounds: u32 = 0;
    while !*stop.borrow() {
        // What another life of the server had taken up and not finished is found by looking now and then.
        if (control.evidence_may_wait() || rounds.is_multiple_of(ROUNDS_PER_LOOK))
            && let Err(err) = control.gather_evidence().await
        {
            tracing::warn!(error = %err, "evidence could not be gathered; it is tried again");
        }
        rounds = rounds.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stop.wait_for(|stopping| *stopping) => {}
        }
    }
}

const ROUND: Duration = Duration::from_millis(500);
const ROUNDS_PER_LOOK: u32 = 120;
