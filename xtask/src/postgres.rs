//! A PostgreSQL server of the tests' own: made in a temporary folder, reached by a socket in it, thrown away.

use crate::packages::{self, Package, program};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

/// The running server. Dropping it stops it and removes its folder.
pub(crate) struct Server {
    process: Child,
    folder: PathBuf,
}

impl Server {
    /// Starts a server; installs PostgreSQL first when it is missing.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let programs = match programs() {
            Some(found) => found,
            None => {
                packages::ensure(&[&PACKAGE])?;
                programs().context("there is no initdb below /usr/lib/postgresql or in PATH")?
            }
        };
        let folder = std::env::temp_dir().join(format!("mimamori-postgres-{}", std::process::id()));
        std::fs::create_dir(&folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        let server = make_and_start(&programs, &folder);
        if server.is_err() {
            remove(&folder);
        }
        let mut server = Self { process: server?, folder };
        server.wait_until_ready(&programs)?;
        Ok(server)
    }

    /// The address for the tests.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{USER}@localhost/postgres?host={}", self.folder.display())
    }

    fn wait_until_ready(&mut self, programs: &Path) -> anyhow::Result<()> {
        for _ in 0..300 {
            if let Some(status) = self.process.try_wait()? {
                let log = std::fs::read_to_string(self.folder.join(LOG)).unwrap_or_default();
                bail!("PostgreSQL ended at once ({status}):\n{log}");
            }
            let mut asking = program(programs.join("pg_isready"));
            asking.args(["-q", "-h"]).arg(&self.folder);
            if asking.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("PostgreSQL did not get ready within 30 seconds; its log was {LOG}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown; after SIGKILL its shared memory would stay behind.
        let asked = program("kill").args(["-INT", &self.process.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            eprintln!("xtask: could not ask PostgreSQL ({}) to stop", self.process.id());
            return;
        }
        if let Err(err) = self.process.wait() {
            eprintln!("xtask: PostgreSQL did not stop: {err}");
        }
        remove(&self.folder);
    }
}

fn make_and_start(programs: &Path, folder: &Path) -> anyhow::Result<Child> {
    if packages::is_root() {
        super::run::check(program("chown").arg(SYSTEM_USER).arg(folder))?;
    }
    super::run::check(program("chmod").arg("0700").arg(folder))?;
    let data = folder.join("data");
    let mut making = unprivileged(&programs.join("initdb"));
    making
        .arg("-D")
        .arg(&data)
        .args(["-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .current_dir("/")
        .stdout(Stdio::null());
    super::run::check(&mut making)?;
    let log = std::fs::File::create(folder.join(LOG)).context("could not create a log file")?;
    let mut serving = unprivileged(&programs.join("postgres"));
    serving.arg("-D").arg(&data).arg("-k").arg(folder);
    // No address in the network; what is thrown away needs no care for power loss.
    for setting in ["listen_addresses=", "fsync=off", "max_connections=200"] {
        serving.args(["-c", setting]);
    }
    serving.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    serving.spawn().context("could not start PostgreSQL")
}

/// PostgreSQL refuses to run as root. The server gets a signal when this program dies in whatever way.
fn unprivileged(file: &Path) -> std::process::Command {
    let mut command = program("setpriv");
    if packages::is_root() {
        command.args(["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--init-groups"]);
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(file);
    command
}

/// The folder of the newest PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .collect();
    versions.sort();
    let in_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
    });
    versions.pop().map(|(_, folder)| folder).or(in_path)
}

fn remove(folder: &Path) {
    if let Err(err) = std::fs::remove_dir_all(folder) {
        eprintln!("xtask: could not remove {}: {err}", folder.display());
    }
}

/// PostgreSQL 15 on Debian 12, a later one elsewhere.
const PACKAGE: Package =
    Package { name: "postgresql", reason: "the tests run the store over a server of their own" };
/// The user that the Debian package makes.
const SYSTEM_USER: &str = "postgres";
const USER: &str = "mimamori";
const LOG: &str = "server.log";
