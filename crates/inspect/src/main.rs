//! Reads one file from standard input and says what it is known for, as JSON on standard output.

use anyhow::Context as _;
use clap::Parser;
use inspect::limits::CPU_SECONDS_MAX;
use inspect::{Failure, HashLists, InspectError, Inspector, Report, YaraRules};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs::File;
use std::io::{Write as _, stderr, stdin, stdout};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Judge one file: known hashes, YARA-X rules, ClamAV when it is installed, a browser extension's package.
/// The file comes on standard input; the answer is JSON on standard output.
#[derive(Debug, Parser)]
#[command(name = "mimamori-inspect", version)]
struct Arguments {
    /// Folder of hash lists (*.deny.txt, *.allow.txt)
    #[arg(long, value_name = "DIR", default_value = "/etc/mimamori/hashes")]
    hashes: PathBuf,
    /// Folder of YARA rules (*.yar, *.yara), besides our own
    #[arg(long, value_name = "DIR", default_value = "/etc/mimamori/yara")]
    yara: PathBuf,
    /// Socket of a local ClamAV
    #[arg(long, value_name = "SOCKET", default_value = "/run/clamav/clamd.ctl")]
    clamav: PathBuf,
    /// Judge a file that is not here by its SHA-256; nothing is read from standard input
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    limit_this_process()?;
    let (text, code) = match report(arguments)? {
        Ok(report) => (serde_json::to_vec(&report)?, ExitCode::SUCCESS),
        Err(err) => {
            // For people on standard error; for the server, which knows its readers' languages, as JSON.
            drop(writeln!(stderr(), "mimamori-inspect: {err}"));
            (serde_json::to_vec(&Failure::of(&err))?, ExitCode::FAILURE)
        }
    };
    let mut text = text;
    text.push(b'\n');
    stdout().write_all(&text).context("nobody reads the answer")?;
    Ok(code)
}

fn report(arguments: Arguments) -> anyhow::Result<Result<Report, InspectError>> {
    let inspector = match inspector(&arguments) {
        Ok(inspector) => inspector,
        Err(err) => return Ok(Err(err)),
    };
    if let Some(hash) = arguments.sha256 {
        return Ok(Ok(inspector.inspect_hash(&hash)));
    }
    let input = stdin().as_fd().try_clone_to_owned().context("no standard input")?;
    let mut file = File::from(input);
    let kind = file.metadata().context("no standard input")?;
    anyhow::ensure!(
        kind.is_file(),
        "standard input is no file; call it as: mimamori-inspect < FILE"
    );
    Ok(inspector.inspect(&mut file))
}

fn inspector(arguments: &Arguments) -> Result<Inspector, InspectError> {
    Ok(Inspector {
        hashes: HashLists::read(&arguments.hashes)?,
        yara: YaraRules::read(&arguments.yara)?,
        clamav_socket: arguments.clamav.clone(),
    })
}

/// A hostile file may send a parser round in circles, but not for ever, and it writes nothing.
fn limit_this_process() -> anyhow::Result<()> {
    let limits = [
        (Resource::Cpu, CPU_SECONDS_MAX),
        (Resource::Core, 0),
        (Resource::Nofile, 64),
        (Resource::Fsize, 64 * 1024),
    ];
    for (resource, most) in limits {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).context("could not limit this process")?;
    }
    Ok(())
}
