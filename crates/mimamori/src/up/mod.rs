//! `mimamori up`: the service manager of one machine. Starts server and agent, restarts whichever dies,
//! shows live counters, and on Ctrl-C stops first the agent (which hands over what it still holds), then
//! the server.
//!
//! Both run in process groups of their own, so that Ctrl-C reaches only this program, and both stop by
//! themselves when their standard input ends, so that nothing stays behind when this program is killed.

mod counters;
mod program;

use crate::cli;
use crate::database;
use crate::layout::Layout;
use crate::server::Announcement;
use crate::terminal::note;
use anyhow::{Context, bail};
use model::Clock;
use program::{Ended, Program};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How long an ended program stays down before it is started again.
const RESTART_DELAY: Duration = Duration::from_millis(500);
/// How often counters are read and programs are looked after.
const TICK: Duration = Duration::from_millis(250);
/// How long a program may take to become ready.
const READY_MAX: Duration = Duration::from_secs(60);
/// How long a program may take to stop before it is ended by force.
const STOP_MAX: Duration = Duration::from_secs(20);
/// Restarts without a minute of life between them before `up` gives up.
const RESTARTS_MAX: u32 = 10;

pub(crate) async fn run(args: &cli::Up, clock: &dyn Clock) -> anyhow::Result<ExitCode> {
    let layout = Layout::create(&args.data.directory)?;
    let agent_program = agent_program(args)?;
    let mut interrupt = crate::signals::stop_signals()?;
    note(&format!("data in {}", layout.root().display()));

    // Remembered for the server, whose command line everybody on this machine can read.
    database::address(&layout, args.database.url.as_deref())?;
    let mut server =
        Program::new("server", server_command(args, &layout)?, layout.log().join("server.log"));
    let announcement = start_server(&mut server).await?;
    greet(&announcement);
    enrol(&agent_program, &layout, &announcement).await?;
    let mut agent = Program::new(
        "agent",
        agent_command(&agent_program, &layout, args.sensor_pin.as_deref()),
        layout.log().join("agent.log"),
    );
    agent.start()?;

    let mut shown = counters::Counters::new(&layout);
    let mut first_events = true;
    let outcome = loop {
        tokio::select! {
            () = interrupt.recv() => break Ok(()),
            () = tokio::time::sleep(TICK) => {}
        }
        if let Err(err) = look_after(&mut server).await.and(look_after(&mut agent).await) {
            break Err(err);
        }
        let line = shown.read(clock);
        if first_events && line.stored > 0 {
            first_events = false;
            shown.leave_line();
            note(&format!("first events stored; {}", line.coverage()));
        }
        shown.show(&line);
    };
    shown.leave_line();
    note("stopping: the agent hands over what it holds, then the server");
    agent.stop(STOP_MAX).await?;
    server.stop(STOP_MAX).await?;
    let last = shown.read(clock);
    shown.show(&last);
    shown.leave_line();
    note("stopped; start again to continue where this ended");
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Restarts a program that ended by itself; gives up when it cannot stay alive.
async fn look_after(program: &mut Program) -> anyhow::Result<()> {
    let Some(Ended { status, lived }) = program.ended()? else { return Ok(()) };
    if program.restarts_in_a_row(lived) > RESTARTS_MAX {
        bail!(
            "the {} ended {RESTARTS_MAX} times in a row ({status}); its last words are in {}",
            program.name(),
            program.log().display()
        );
    }
    note(&format!("\nthe {} ended ({status}); starting it again", program.name()));
    tokio::time::sleep(RESTART_DELAY).await;
    // A server that was killed announces itself again; the sign-in link of its first life stays valid,
    // so nobody needs to read that.
    program.start()
}

async fn start_server(server: &mut Program) -> anyhow::Result<Announcement> {
    server.start()?;
    match server.announcement(READY_MAX).await {
        Ok(line) => serde_json::from_str(&line)
            .with_context(|| format!("the server announced itself wrongly: {line}")),
        Err(err) => {
            let words = server.last_words();
            Err(err.context(format!("the server did not start\n{words}")))
        }
    }
}

fn greet(announcement: &Announcement) {
    note(&format!("console   {}", announcement.console_url));
    note(&format!("sign in   {}", announcement.sign_in_link));
    note("          (one use, 15 minutes; a new one: mimamori admin sign-in-link)");
    note(&format!(
        "rules     {} loaded, {} refused",
        announcement.rules_loaded, announcement.rules_refused
    ));
}

/// Enrols the local agent at the first start; later its certificate is there.
async fn enrol(program: &Path, layout: &Layout, announcement: &Announcement) -> anyhow::Result<()> {
    let Some(token) = &announcement.enrolment_token else { return Ok(()) };
    let ca = layout.server().join("ca.pem");
    let mut command = program::command(program);
    command
        .arg("enrol")
        .args(["--server", &announcement.agents_url, "--token", token])
        .arg("--ca")
        .arg(&ca)
        .arg("--data")
        .arg(layout.agent());
    let output =
        command.output().await.with_context(|| format!("could not run {}", program.display()))?;
    if !output.status.success() {
        bail!("the agent could not enrol: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn server_command(args: &cli::Up, layout: &Layout) -> anyhow::Result<tokio::process::Command> {
    let own = std::env::current_exe().context("could not find this program's own file")?;
    let mut command = program::command(&own);
    command.arg("serve").arg("--data").arg(layout.root()).args([
        "--console",
        &args.listen.console.to_string(),
        "--agents",
        &args.listen.agents.to_string(),
        "--announce",
        "--stop-with-stdin",
    ]);
    if !layout.agent_is_enrolled() {
        command.arg("--announce-enrolment");
    }
    command.args(["--findings-kept-days", &args.retention.findings_kept_days.to_string()]);
    if let Some(url) = &args.listen.public_url {
        command.args(["--public-url", url]);
    }
    for folder in &args.rules {
        command.arg("--rules").arg(folder);
    }
    Ok(command)
}

fn agent_command(program: &Path, layout: &Layout, pin: Option<&Path>) -> tokio::process::Command {
    let mut command = program::command(program);
    command.arg("run").arg("--data").arg(layout.agent()).arg("--stop-with-stdin");
    command.arg("--ignore").arg(layout.root());
    if let Some(pin) = pin {
        command.arg("--sensor-pin").arg(pin);
    }
    command
}

/// The agent's program: the one named, or the one beside this program.
fn agent_program(args: &cli::Up) -> anyhow::Result<PathBuf> {
    if let Some(program) = &args.agent_program {
        return Ok(program.clone());
    }
    let own = std::env::current_exe().context("could not find this program's own file")?;
    let beside = own.with_file_name("mimamori-agent");
    if !beside.is_file() {
        bail!(
            "{} is missing: build it (cargo xtask build) or name the agent with --agent-program",
            beside.display()
        );
    }
    Ok(beside)
}
