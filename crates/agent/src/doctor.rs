//! `doctor`: what works, what does not, and the next step, in plain words.

use crate::{error::AgentError, home::Home, home::read_small, identity::Identity, server::Server};
use spool::{Directory, Disk as _};
use std::{fmt, path::Path};

/// One thing examined.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found.
    pub words: String,
    /// What helps, when it is not good.
    pub next_step: Option<String>,
}

/// Everything examined.
#[derive(Debug, Clone, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn all_good(&self) -> bool {
        self.0.iter().all(|finding| finding.good)
    }

    fn good(&mut self, words: impl Into<String>) {
        self.0.push(Finding { good: true, words: words.into(), next_step: None });
    }

    fn bad(&mut self, words: impl Into<String>, next_step: impl Into<String>) {
        let next_step = Some(next_step.into());
        self.0.push(Finding { good: false, words: words.into(), next_step });
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            writeln!(f, "{} {}", if finding.good { "[ok]  " } else { "[fail]" }, finding.words)?;
            if let Some(step) = &finding.next_step {
                writeln!(f, "       next: {step}")?;
            }
        }
        Ok(())
    }
}

/// Examines a data directory and this machine. Changes nothing.
#[must_use]
pub fn examine(data: &Path) -> Findings {
    let mut findings = Findings::default();
    examine_coverage(&mut findings);
    match data.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            findings.bad(
                format!("{} is not there", data.display()),
                "enrol this machine: mimamori-agent enrol --server URL --token T --ca FILE",
            );
            return findings;
        }
        Err(err) => {
            let words = format!("{} can not be read: {err}", data.display());
            findings.bad(words, "run it as root, or name your own with --data");
            return findings;
        }
    }
    match Home::open(data) {
        Ok(home) => {
            let identity = examine_identity(&home, &mut findings);
            examine_spool(&home, &mut findings);
            if let Some(identity) = identity {
                examine_server(&identity, &home, &mut findings);
            }
        }
        Err(err) => findings.bad(err.to_string(), "check the owner of the data directory"),
    }
    findings
}

fn examine_coverage(findings: &mut Findings) {
    for class in sensor::doctor().classes {
        let by: Vec<&str> = class.by.iter().map(|said| said.en.as_str()).collect();
        if class.recorded {
            findings.good(format!("{}: recorded ({})", class.class.name(), by.join("; ")));
        }
        for gap in &class.gaps {
            let words = format!("{}: not recorded: {}", class.class.name(), gap.en);
            if class.recorded {
                // Part of the class: said, and no fault of this installation.
                findings.good(words);
            } else {
                findings.bad(words, "start the agent as root (or by its service)");
            }
        }
    }
}

fn examine_identity(home: &Home, findings: &mut Findings) -> Option<Identity> {
    match Identity::load(home) {
        Ok(Some(identity)) => {
            findings.good(format!(
                "enrolled with {} as agent {} on device {}",
                identity.server, identity.agent, identity.device
            ));
            Some(identity)
        }
        Ok(None) => {
            findings.bad(
                "not enrolled: what is recorded stays on this machine",
                "mimamori-agent enrol --server URL --token T --ca FILE --data DIR",
            );
            None
        }
        Err(err) => {
            findings.bad(err.to_string(), "enrol again with a new token");
            None
        }
    }
}

fn examine_spool(home: &Home, findings: &mut Findings) {
    match home.spool().try_exists() {
        Ok(true) => {}
        Ok(false) => {
            findings.bad("the agent has never run here", "start it: mimamori-agent run --data DIR");
            return;
        }
        Err(err) => {
            findings.bad(format!("the spool can not be read: {err}"), "run the doctor as root");
            return;
        }
    }
    match Directory::new(home.spool()).lock() {
        Err(Ok(holder)) => {
            let pid = holder.map_or_else(String::new, |pid| format!(" as process {pid}"));
            findings.good(format!("the agent runs{pid}"));
        }
        Ok(_) => findings.bad("the agent does not run", "start it: mimamori-agent run --data DIR"),
        Err(Err(err)) => {
            findings.bad(format!("the spool can not be used: {err}"), "run the doctor as root");
        }
    }
    let status = read_status(home);
    let number = |pointer: &str| {
        status.as_ref().and_then(|s| s.pointer(pointer)).and_then(serde_json::Value::as_u64)
    };
    if let (Some(waiting), Some(used), Some(quota)) =
        (number("/waiting"), number("/spool/used_bytes"), number("/spool/quota_bytes"))
    {
        let words = format!(
            "the spool holds {waiting} records, {used} of {quota} bytes, not committed yet"
        );
        if used.saturating_mul(100) / quota.max(1) < crate::limits::SHED_FILE_PERCENT {
            findings.good(words);
        } else {
            findings.bad(
                format!("{words}; file changes are given up"),
                "let the server catch up, or raise --spool-bytes-max",
            );
        }
    }
    let last_error =
        status.as_ref().and_then(|s| s.pointer("/last_error")).and_then(|value| value.as_str());
    if let Some(err) = last_error {
        findings
            .bad(format!("the agent reports: {err}"), "see the agent's log for the time before");
    }
}

fn read_status(home: &Home) -> Option<serde_json::Value> {
    let text = read_small(&home.status()).ok()??;
    serde_json::from_str(&text).ok()
}

fn examine_server(identity: &Identity, home: &Home, findings: &mut Findings) {
    let epoch = read_status(home)
        .and_then(|status| model::EpochId::parse(status.pointer("/spool/epoch")?.as_str()?).ok())
        .unwrap_or(model::EpochId::from_bits(0));
    let asked = Server::of_identity(identity).and_then(|server| server.position(epoch));
    match asked {
        Ok(reply) => findings.good(format!(
            "{} answers; durable through {}, committed through {}",
            identity.server, reply.durable_through, reply.committed_through
        )),
        Err(err @ AgentError::Unreachable { .. }) => findings.bad(
            err.to_string(),
            "check that the server runs and that its port is open from here; records wait in the spool",
        ),
        Err(err) => findings.bad(err.to_string(), "ask the server's administrator; enrol again if it was reset"),
    }
}
