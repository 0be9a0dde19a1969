//! `doctor`: what works, what does not, and the next step, in plain words.

use crate::{
    certificate::Life, clock::SystemClock, error::AgentError, home::Home, home::read_small,
    identity::Identity, inventory::shown, server::Server,
};
use model::{Class, Clock as _, Timestamp};
use sensor::inventory::State;
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
    examine_inventory(&mut findings);
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

/// Each source of the inventory: readable, absent, or why not.
fn examine_inventory(findings: &mut Findings) {
    let readings = match shown::read(Path::new("/"), None) {
        Ok(readings) => readings,
        Err(err) => return findings.bad(err.to_string(), "run the doctor as root"),
    };
    for (source, reading) in readings {
        let words = format!("inventory of {}", shown::words(source, &reading));
        if matches!(reading.state, State::Partial(_)) {
            let step =
                "look as root at what is named; nothing of this source counts as removed meanwhile";
            findings.bad(words, step);
        } else {
            findings.good(words);
        }
    }
    let programs = sensor::doctor().classes.into_iter().find(|class| class.class == Class::Process);
    if programs.is_some_and(|class| class.recorded) {
        findings
            .good("inventory of executed: programs without a package are seen when they are run");
    } else {
        let words = "inventory of executed: program starts are not recorded, so none is seen";
        findings.bad(words, "start the agent as root (or by its service)");
    }
}

fn examine_identity(home: &Home, findings: &mut Findings) -> Option<Identity> {
    match Identity::load(home) {
        Ok(Some(identity)) => {
            findings.good(format!(
                "enrolled with {} as agent {} on device {}",
                identity.server, identity.agent, identity.device
            ));
            match identity.certificate(home) {
                Ok(certificate) => {
                    examine_life(certificate.life, SystemClock.now(), &identity, findings);
                }
                Err(err) => findings.bad(err.to_string(), "enrol again with a new token"),
            }
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

fn examine_life(life: Life, now: Timestamp, identity: &Identity, findings: &mut Findings) {
    let Life { begins, ends } = life;
    let days = life.days_left(now);
    if now >= ends {
        findings.bad(
            format!("the certificate ended at {ends}: the server does not let this agent in"),
            format!(
                "on the server: mimamori admin enrolment-token --replace {}; here: remove \
                 certificate.pem and enrol with that token; what was recorded meanwhile is sent then",
                identity.device
            ),
        );
    } else if now < begins {
        findings.bad(
            format!(
                "the certificate is valid from {begins} on, but this machine's clock says {now}"
            ),
            "set the clock",
        );
    } else if life.is_ending(now) {
        findings.bad(
            format!(
                "the certificate ends at {ends}, in {days} days, and was not renewed since {}",
                life.renewed_from()
            ),
            "let the agent run with the server in reach; its log and status.json say what hinders it",
        );
    } else {
        findings.good(format!(
            "the certificate is valid until {ends}, {days} days; it is renewed from {} on",
            life.renewed_from()
        ));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PrivateKeyPem;

    #[test]
    fn the_certificates_end_is_said_and_a_near_one_is_wrong() {
        const DAY_NS: i64 = 86_400_000_000_000;
        let day = |day: i64| Timestamp::from_nanos(day * DAY_NS);
        let device = model::DeviceId::from_bits(2);
        let identity = Identity {
            server: "https://localhost:1".to_owned(),
            agent: model::AgentId::from_bits(1),
            device,
            certificate_pem: String::new(),
            key_pem: PrivateKeyPem(String::new()),
            ca_pem: String::new(),
        };
        let cases = [
            (100, true, "valid until 1970-07-09T00:00:00Z, 89 days; it is renewed from 1970-06-09"),
            (161, true, "28 days"),
            (180, false, "in 9 days, and was not renewed since 1970-06-09"),
            (189, false, "the certificate ended at 1970-07-09"),
            (98, false, "this machine's clock says 1970-04-09"),
        ];
        for (at, good, words) in cases {
            let mut findings = Findings::default();
            let life = Life { begins: day(99), ends: day(189) };
            examine_life(life, day(at), &identity, &mut findings);
            assert_eq!(findings.all_good(), good, "day {at}: {findings}");
            assert!(findings.to_string().contains(words), "day {at}: {findings}");
            let replace = format!("--replace {device}");
            assert_eq!(findings.to_string().contains(&replace), at == 189, "{findings}");
        }
    }
}
