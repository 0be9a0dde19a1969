//! Everything but the agent: server, console, scanner and command line.
//!
//! Invariant: no domain rules here; this crate wires rooms together and owns the sockets.

mod cli;
mod clock;
mod command;
mod database;
mod layout;
mod rule_files;
mod rule_packs;
mod scan;
mod server;
mod signals;
mod terminal;
mod up;

use clap::Parser as _;
use clock::SystemClock;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    begin_log();
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(err) if closed_pipe(&err) => ExitCode::SUCCESS,
        Err(err) => {
            terminal::note(&format!("mimamori: {err:#}"));
            ExitCode::from(2)
        }
    }
}

fn dispatch(command: cli::Command) -> anyhow::Result<ExitCode> {
    let clock = Arc::new(SystemClock::new());
    if let cli::Command::Scan(args) = command {
        // The scanner brings its own threads.
        return scan::run(&args, &*clock);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            cli::Command::Up(args) => up::run(&args, &*clock).await,
            cli::Command::Serve(args) => server::run(&args, clock).await,
            cli::Command::Query(args) => command::query::run(&args).await,
            cli::Command::Alerts(args) => command::alerts::run(&args).await,
            cli::Command::Software(command) => command::software::software(&command).await,
            cli::Command::Findings(command) => command::findings::findings(&command).await,
            cli::Command::Audit(command) => command::audit::run(&command).await,
            cli::Command::Admin(command) => command::admin::run(&command).await,
            cli::Command::Demo(args) => command::demo::run(&args, clock).await,
            cli::Command::Rules(command) => command::rules::run(&command, clock).await,
            cli::Command::Scan(_) => Ok(ExitCode::SUCCESS),
        }
    })
}

/// Logs go to standard error; `MIMAMORI_LOG=debug` says more.
fn begin_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MIMAMORI_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn,datafusion=warn"));
    // A log on a full disk must not end the program: without this, the failure itself is printed, and
    // printing panics.
    tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}

/// `mimamori query … | head` is no failure.
fn closed_pipe(err: &anyhow::Error) -> bool {
    err.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
