//! The command line of the agent.

use agent::{
    doctor, enrol,
    home::Home,
    inventory::shown,
    run::{self, RunOptions},
};
use anyhow::Context as _;
use clap::{Parser, Subcommand};
use model::inventory::{InventoryItem, SoftwareSource};
use sensor::inventory::State;
use std::{
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Records what happens on this machine and sends it to your Mimamori server.
#[derive(Debug, Parser)]
#[command(name = "mimamori-agent", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Record until stopped.
    Run {
        /// Where the agent keeps its data.
        #[arg(long, default_value = DATA_DEFAULT)]
        data: PathBuf,
        /// Stop in good order when standard input ends.
        #[arg(long)]
        stop_with_stdin: bool,
        /// Where the kernel's side of the sensor is pinned; a folder on a bpffs.
        #[arg(long, default_value = sensor::PIN_DIRECTORY)]
        sensor_pin: PathBuf,
        /// Do not record file changes below this folder (may be given several times).
        #[arg(long)]
        ignore: Vec<PathBuf>,
        /// Bytes that waiting records may take on the disk [default: 2 % of the disk, at most 2 GiB].
        #[arg(long)]
        spool_bytes_max: Option<u64>,
        /// Read packages and homes below this folder instead of `/`.
        #[arg(long, hide = true, default_value = "/")]
        inventory_root: PathBuf,
    },
    /// Get an identity from a server.
    Enrol {
        /// The server, https://host:port.
        #[arg(long)]
        server: String,
        /// The enrolment token from the server's administrator.
        #[arg(long)]
        token: String,
        /// The server's ca.pem, copied here by hand or by your deployment tool.
        #[arg(long)]
        ca: PathBuf,
        /// Where the agent keeps its data.
        #[arg(long, default_value = DATA_DEFAULT)]
        data: PathBuf,
    },
    /// Say what works, what does not, and what to do.
    Doctor {
        /// Where the agent keeps its data.
        #[arg(long, default_value = DATA_DEFAULT)]
        data: PathBuf,
    },
    /// Print what the inventory finds on this machine.
    Inventory {
        /// Only this source: dpkg, rpm, flatpak, snap, appimage, executed, chrome, chromium, edge, brave,
        /// vivaldi, opera or firefox.
        #[arg(long, value_parser = source_of_name)]
        source: Option<SoftwareSource>,
        /// Read packages and homes below this folder.
        #[arg(long, default_value = "/")]
        root: PathBuf,
        /// Where the agent keeps its data: what it knows of programs that were run.
        #[arg(long, default_value = DATA_DEFAULT)]
        data: PathBuf,
        /// Print a JSON object for each item.
        #[arg(long)]
        json: bool,
    },
    /// Remove from the kernel what a killed agent left there.
    Unload {
        /// Where the kernel's side of the sensor is pinned.
        #[arg(long, default_value = sensor::PIN_DIRECTORY)]
        sensor_pin: PathBuf,
    },
}

const DATA_DEFAULT: &str = "/var/lib/mimamori-agent";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("MIMAMORI_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,ureq=warn,rustls=error"));
    // A log on a full disk must not end the program: without this, the failure itself is printed, and
    // printing panics.
    tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter)
        .init();
    match perform(arguments.command) {
        Ok(code) => code,
        Err(err) => {
            tracing::error!("{err}");
            ExitCode::FAILURE
        }
    }
}

fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run {
            data,
            stop_with_stdin,
            sensor_pin,
            ignore,
            spool_bytes_max,
            inventory_root,
        } => {
            let options = RunOptions {
                data,
                sensor_pin,
                ignore,
                spool_bytes_max,
                inventory_root,
                stop_with_stdin,
            };
            run::run(options).map_err(|err| anyhow::anyhow!("the agent can not run: {err}"))?;
        }
        Command::Enrol { server, token, ca, data } => {
            let home = Home::open(&data)?;
            let identity = enrol::enrol(&home, &server, &token, &ca)
                .map_err(|err| anyhow::anyhow!("could not enrol: {err}"))?;
            say(&format!(
                "enrolled with {} as agent {} on device {}\n",
                identity.server, identity.agent, identity.device
            ))?;
        }
        Command::Doctor { data } => {
            let findings = doctor::examine(&data);
            say(&findings.to_string())?;
            return Ok(if findings.all_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Inventory { source, root, data, json } => {
            return inventory(source, &root, &data, json);
        }
        Command::Unload { sensor_pin } => {
            sensor::unload(&sensor_pin)
                .map_err(|err| anyhow::anyhow!("could not unload: {err}"))?;
            say(&format!("nothing of the sensor is left at {}\n", sensor_pin.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn source_of_name(name: &str) -> Result<SoftwareSource, String> {
    let known = || SoftwareSource::ALL.iter().map(|source| source.name()).collect::<Vec<_>>();
    SoftwareSource::of_name(name)
        .ok_or_else(|| format!("no such source; there are {}", known().join(", ")))
}

/// Prints items; fails when a source could not be read wholly.
fn inventory(
    only: Option<SoftwareSource>,
    root: &Path,
    data: &Path,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let mut whole = true;
    let print = |heading: &str, items: &[InventoryItem]| -> anyhow::Result<()> {
        let mut text = if json { String::new() } else { format!("{heading}\n") };
        for item in items {
            if json {
                text.push_str(&serde_json::to_string(item)?);
                text.push('\n');
            } else {
                text.push_str(&shown::item(item));
            }
        }
        say(&text)
    };
    for (source, reading) in shown::read(root, only)? {
        whole &= !matches!(reading.state, State::Partial(_));
        print(&shown::words(source, &reading), &reading.items)?;
    }
    let executed = SoftwareSource::Executed;
    if only.is_none_or(|only| only == executed) && data.try_exists()? {
        let programs = shown::programs(&Home::open(data)?)?;
        print(&format!("{}: {} items", executed.name(), programs.len()), &programs)?;
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(words: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(words.as_bytes()).context("could not write to standard output")
}
