//! A program that `up` starts, listens to, restarts and stops.

use anyhow::{Context, bail};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A life at least this long wipes the count of restarts.
const LONG_LIFE: Duration = Duration::from_secs(60);
/// Bytes of a program's log that are shown when it fails.
const LAST_WORDS_BYTES: u64 = 2_000;

/// A command in a process group of its own, so that Ctrl-C on the terminal does not reach it.
#[expect(
    clippy::disallowed_methods,
    reason = "`up` is a service manager: starting these two programs is its task"
)]
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::from(std::process::Command::new(program));
    command.process_group(0).kill_on_drop(false);
    command
}

/// How a program ended by itself.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) lived: Duration,
}

/// A program under the care of `up`.
pub(super) struct Program {
    name: &'static str,
    command: Command,
    log: PathBuf,
    life: Option<Life>,
    restarts: u32,
}

struct Life {
    child: Child,
    began: tokio::time::Instant,
}

impl Program {
    pub(super) fn new(name: &'static str, command: Command, log: PathBuf) -> Self {
        Self { name, command, log, life: None, restarts: 0 }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Starts it; what it says on standard error goes to its log.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("could not write {}", self.log.display()))?;
        let child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("could not start the {}", self.name))?;
        self.life = Some(Life { child, began: tokio::time::Instant::now() });
        Ok(())
    }

    /// The first line that it prints to standard output.
    pub(super) async fn announcement(&mut self, wait_max: Duration) -> anyhow::Result<String> {
        let life = self.life.as_mut().context("it was not started")?;
        let out = life.child.stdout.take().context("its output was already read")?;
        let mut lines = BufReader::new(out).lines();
        let line = tokio::time::timeout(wait_max, lines.next_line())
            .await
            .with_context(|| format!("not ready within {} s", wait_max.as_secs()))?
            .context("could not read its output")?;
        match line {
            Some(line) => Ok(line),
            None => bail!("it ended before it was ready"),
        }
    }

    /// `Some` when it ended by itself since the last call.
    pub(super) fn ended(&mut self) -> anyhow::Result<Option<Ended>> {
        let Some(life) = &mut self.life else { return Ok(None) };
        let status = life
            .child
            .try_wait()
            .with_context(|| format!("could not look after the {}", self.name))?;
        let Some(status) = status else { return Ok(None) };
        let lived = life.began.elapsed();
        self.life = None;
        Ok(Some(Ended { status, lived }))
    }

    /// Counts a restart; a long life wipes the count.
    pub(super) fn restarts_in_a_row(&mut self, lived: Duration) -> u32 {
        self.restarts = if lived >= LONG_LIFE { 1 } else { self.restarts + 1 };
        self.restarts
    }

    /// Asks it to stop by ending its standard input, waits, and ends it by force only when it does not.
    pub(super) async fn stop(&mut self, wait_max: Duration) -> anyhow::Result<()> {
        let Some(mut life) = self.life.take() else { return Ok(()) };
        drop(life.child.stdin.take());
        if tokio::time::timeout(wait_max, life.child.wait()).await.is_err() {
            crate::terminal::note(&format!(
                "the {} did not stop within {} s: ending it",
                self.name,
                wait_max.as_secs()
            ));
            life.child.kill().await.with_context(|| format!("could not end the {}", self.name))?;
        }
        Ok(())
    }

    /// The end of its log, for an error message.
    pub(super) fn last_words(&self) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS_BYTES)))?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        };
        read().unwrap_or_default()
    }
}
