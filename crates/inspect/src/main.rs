//! Reads one file from standard input and says what it is known for, as JSON on standard output.

use anyhow::Context as _;
use clap::Parser;
use inspect::{HashLists, Inspector, YaraRules, limits::CPU_SECONDS_MAX};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs::File;
use std::io::{Write as _, stdin, stdout};
use std::os::fd::AsFd as _;
use std::path::PathBuf;

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

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    limit_this_process()?;
    let inspector = Inspector {
        hashes: HashLists::read(&arguments.hashes)?,
        yara: YaraRules::read(&arguments.yara)?,
        clamav_socket: arguments.clamav,
    };
    let report = match arguments.sha256 {
        Some(hash) => inspector.inspect_hash(&hash),
        None => {
            let input = stdin().as_fd().try_clone_to_owned().context("no standard input")?;
            let mut file = File::from(input);
            let kind = file.metadata().context("no standard input")?;
            anyhow::ensure!(
                kind.is_file(),
                "standard input is no file; call it as: mimamori-inspect < FILE"
            );
            inspector.inspect(&mut file)?
        }
    };
    let mut text = serde_json::to_vec(&report)?;
    text.push(b'\n');
    stdout().write_all(&text).context("nobody reads the answer")
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
