//! The command line of the agent.

use agent::{
    doctor, enrol,
    home::Home,
    run::{self, RunOptions},
};
use anyhow::Context as _;
use clap::{Parser, Subcommand};
use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
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
        Command::Run { data, stop_with_stdin, sensor_pin, ignore, spool_bytes_max } => {
            run::run(RunOptions { data, sensor_pin, ignore, spool_bytes_max, stop_with_stdin })
                .map_err(|err| anyhow::anyhow!("the agent can not run: {err}"))?;
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
        Command::Unload { sensor_pin } => {
            sensor::unload(&sensor_pin)
                .map_err(|err| anyhow::anyhow!("could not unload: {err}"))?;
            say(&format!("nothing of the sensor is left at {}\n", sensor_pin.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn say(words: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(words.as_bytes()).context("could not write to standard output")
}
