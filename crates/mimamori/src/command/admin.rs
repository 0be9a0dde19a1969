//! `mimamori admin`: what the person at the machine itself may do.

use crate::cli;
use crate::clock::SystemClock;
use crate::command::people;
use crate::database;
use crate::layout::Layout;
use crate::terminal::{note, print_line};
use anyhow::Context as _;
use control::{Control, RulesSummary};
use lake::{Access, Lake};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) async fn run(command: &cli::Admin) -> anyhow::Result<ExitCode> {
    match command {
        cli::Admin::SignInLink(args) => {
            let control = open(&args.data).await?;
            let token = control.issue_sign_in_token(LOCAL_ADMINISTRATOR).await?;
            print_line(&sign_in_link(&console_origin(&args.data, args.console)?, &token))?;
            note("the link works once, for 15 minutes");
            Ok(ExitCode::SUCCESS)
        }
        cli::Admin::EnrolmentToken(args) => enrolment_token(args).await,
        cli::Admin::Person(command) => people::person(command).await,
        cli::Admin::Department(command) => people::department(command).await,
        cli::Admin::Device(command) => people::device(command).await,
        cli::Admin::Audit(cli::AuditLog::Verify(data)) | cli::Admin::AuditVerify(data) => {
            let report = open(data).await?.audit_verify().await?;
            print_line(&format!("{} entries", report.entries))?;
            for problem in &report.problems {
                print_line(&problem.to_string())?;
            }
            note(if report.intact() { "the chain is intact" } else { "the chain is broken" });
            Ok(if report.intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

async fn enrolment_token(args: &cli::EnrolmentToken) -> anyhow::Result<ExitCode> {
    let control = open(&args.data).await?;
    let token = match args.replace {
        None => control.issue_enrolment_token(args.uses).await?,
        Some(device) => control.issue_replacement_token(device).await.with_context(|| {
            format!(
                "could not issue a token for {device}; list the devices with \
                 `mimamori query \"SELECT DISTINCT device FROM agent\"`"
            )
        })?,
    };
    print_line(&token)?;
    if args.replace.is_some() {
        note(
            "it works once, within seven days; from its use on, the agents that were on this device are \
             let in no more. If certificate.pem is still in the agent's folder, remove it first",
        );
    }
    note(
        "on the endpoint: mimamori-agent enrol --server https://HOST:PORT --token TOKEN --ca ca.pem --data DIR",
    );
    Ok(ExitCode::SUCCESS)
}

/// Where people reach the console: at the address named, or as the server said last.
pub(crate) fn console_origin(
    data: &cli::DataOption,
    named: Option<SocketAddr>,
) -> anyhow::Result<String> {
    if let Some(address) = named {
        return Ok(format!("http://{address}"));
    }
    let path = Layout::existing(&data.directory)?.console_address();
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("could not read {}; start the server once, or name --console", path.display())
    })?;
    let text = text.trim();
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(text.to_owned());
    }
    // Servers of before wrote the address alone.
    let address: SocketAddr = text
        .parse()
        .with_context(|| format!("{} holds no address; name --console", path.display()))?;
    Ok(format!("http://{address}"))
}

/// Who signs in by a link that was made on the machine itself.
pub(crate) const LOCAL_ADMINISTRATOR: &str = "administrator";

/// The link that signs in with a token.
pub(crate) fn sign_in_link(origin: &str, token: &str) -> String {
    format!("{origin}/signin?token={token}")
}

/// Opens an existing installation beside a server that may be running.
pub(crate) async fn open(data: &cli::DataOption) -> anyhow::Result<Control> {
    let layout = Layout::existing(&data.directory)?;
    let lake = Arc::new(Lake::open(&layout.lake(), Access::Read).await?);
    let rules = RulesSummary { loaded: 0, refused: Vec::new() };
    let store = database::address(&layout, None)?;
    let clock = Arc::new(SystemClock::new());
    Ok(Control::open_at(&layout.server(), &store, lake, rules, clock).await?)
}
