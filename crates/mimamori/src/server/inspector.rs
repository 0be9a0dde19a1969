//! The embedded source of evidence: the program `mimamori-inspect` beside this one, started anew for each file.
//!
//! It reads hostile files; this process never does. It gets the open file as standard input, no environment and
//! no path, and what it says is JSON under a limit. That it is missing, fails or takes too long is an error, and
//! an error never approves.

use anyhow::Context;
use control::Control;
use control::evidence::{
    Answering, EvidenceFault, EvidencePort, ExtensionReport, FileReport, FileVerdict,
};
use control::view::detections::Said;
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
            let mut child = command.spawn().map_err(|source| Trouble::NotStarted {
                program: self.program.display().to_string(),
                source,
            })?;
            let (mut report, mut words) = (Vec::new(), Vec::new());
            let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
                return Err(Trouble::Failed("no output".to_owned()));
            };
            let (mut out, mut err) = (out.take(REPORT_BYTES_MAX + 1), err.take(WORDS_BYTES_MAX));
            tokio::try_join!(out.read_to_end(&mut report), err.read_to_end(&mut words))?;
            let status = child.wait().await?;
            if report.len() as u64 > REPORT_BYTES_MAX {
                return Err(Trouble::TooLong);
            }
            if !status.success() {
                // It says why in both languages; a program that was killed says nothing.
                return Err(match serde_json::from_slice::<Failure>(&report) {
                    Ok(Failure { format: FORMAT, failed }) => Trouble::Said(failed),
                    _ => Trouble::Failed(format!("{status} {}", String::from_utf8_lossy(&words))),
                });
            }
            let report: Report =
                serde_json::from_slice(&report).map_err(|err| Trouble::Unknown(err.to_string()))?;
            if report.format != FORMAT {
                return Err(Trouble::OtherVersion);
            }
            Ok(report)
        };
        let answer = tokio::time::timeout(WAIT_MAX, asked).await;
        answer.unwrap_or(Err(Trouble::Silent)).map_err(|trouble| trouble.fault())
    }

    async fn of_hash(&self, sha256: &str) -> Result<Vec<FileVerdict>, EvidenceFault> {
        let mut command = self.command();
        command.arg("--sha256").arg(sha256).stdin(Stdio::null());
        let report = self.run(command).await?;
        Ok(report.verdicts(self.clock.now()))
    }

    async fn of_file(&self, path: &Path) -> Result<FileReport, EvidenceFault> {
        let file = File::open(path).map_err(|err| Trouble::FileGone(err).fault())?;
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

/// Why there is no answer.
#[derive(Debug)]
enum Trouble {
    NotStarted {
        program: String,
        source: std::io::Error,
    },
    /// The program says why.
    Said(Words),
    Failed(String),
    Io(std::io::Error),
    TooLong,
    Unknown(String),
    OtherVersion,
    Silent,
    FileGone(std::io::Error),
}

impl From<std::io::Error> for Trouble {
    fn from(source: std::io::Error) -> Self {
        Self::Io(source)
    }
}

impl Trouble {
    /// In words for reviewers, in both languages.
    fn fault(&self) -> EvidenceFault {
        let seconds = WAIT_MAX.as_secs();
        let reason = match self {
            Self::NotStarted { program, source } => Said::new(
                format!(
                    "{program} を起動できません（{source}）。mimamori と同じ場所に置いてください"
                ),
                format!("could not start {program}: {source}; install it beside mimamori"),
            ),
            Self::Said(words) => Said::new(words.ja.clone(), words.en.clone()),
            Self::Failed(words) => Said::new(
                format!("検査プログラムが異常終了しました（{}）", one_line(words)),
                format!("the program failed: {}", one_line(words)),
            ),
            Self::Io(source) => Said::new(
                format!("検査プログラムと通信できませんでした（{source}）"),
                format!("the program's answer could not be read: {source}"),
            ),
            Self::TooLong => Said::new("検査結果が大きすぎます", "the report is too long"),
            Self::Unknown(words) => Said::new(
                format!("検査結果を読み取れません（{}）", one_line(words)),
                format!("an unknown report: {}", one_line(words)),
            ),
            Self::OtherVersion => Said::new(
                "検査プログラムの版が違います。両方のプログラムを更新してください",
                "a report of another version: update both programs",
            ),
            Self::Silent => Said::new(
                format!("{seconds} 秒以内に応答がありませんでした"),
                format!("no answer within {seconds} s"),
            ),
            Self::FileGone(source) => Said::new(
                format!("ファイルがありません（{source}）"),
                format!("the file is gone: {source}"),
            ),
        };
        EvidenceFault { reason }
    }
}

fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the program writes instead of a report when there is none.
#[derive(Debug, serde::Deserialize)]
struct Failure {
    format: u32,
    failed: Words,
}

#[derive(Debug, serde::Deserialize)]
struct Words {
    en: String,
    ja: String,
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
    verdict: Word,
    name: String,
    detail: String,
    #[serde(default)]
    detail_ja: String,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    KnownGood,
    NoMatch,
    Absent,
    Error,
    Suspicious,
    Malware,
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
            Word::Absent => None,
            Word::KnownGood => Some(Verdict::Allow),
            Word::NoMatch => Some(Verdict::Unknown),
            Word::Error => Some(Verdict::Error),
            Word::Suspicious => Some(Verdict::Escalate),
            Word::Malware => Some(Verdict::DenyMalware),
        };
        let said = |finding: &Finding| {
            Some(FileVerdict {
                scanner: finding.scanner.clone(),
                verdict: verdict_of(finding.verdict)?,
                name: finding.name.clone(),
                detail: finding.detail.clone(),
                detail_ja: finding.detail_ja.clone(),
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
