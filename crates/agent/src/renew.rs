//! Renewal: before the certificate ends, the agent asks for the next one, with a new key.
//!
//! ```text
//! 1  renewal.key       a new key, durable before anybody hears of it
//! 2  POST /v1/renew    over a connection with the present certificate
//! 3  GET  /v1/stream   over one with the new certificate: it is tried before it is trusted
//! 4  certificate.pem   replaced; from here on the new pair is the identity
//! 5  agent.key         replaced by renewal.key
//! ```
//!
//! Invariant: after a crash at any point, [`Identity::load`] finds a certificate with its key: until step 4 the
//! old pair, from there on the new one, whose key is still in `renewal.key` until step 5.
//! Invariant: a key that was once sent is sent again until there is an answer, so that a lost answer costs
//! nothing: the server gives the same certificate again.

use crate::{
    backoff::Backoff,
    certificate::Life,
    enrol::request_for,
    error::{AgentError, ErrorClass},
    home::{Home, read_small, remove_durably, rename_durably, write_whole},
    identity::{Identity, PrivateKeyPem},
    limits::RENEWAL_CHECK_MS,
    server::Server,
    status::Shared,
};
use model::{Clock, EpochId};
use wire::RenewRequest;

const MS: u64 = 1_000_000;

/// When the agent looked last, and how often it failed in a row.
#[derive(Debug, Default)]
pub struct Renewal {
    next_ns: Option<u64>,
    backoff: Backoff,
}

impl Renewal {
    /// Renews the certificate if it is time to look and time to renew; the server by the new certificate then.
    /// A failure is counted, logged and tried again later; the present certificate goes on.
    pub fn tend(
        &mut self,
        home: &Home,
        server: &Server,
        epoch: EpochId,
        status: &Shared,
        clock: &dyn Clock,
    ) -> Option<Server> {
        let now_ns = clock.monotonic_ns();
        if self.next_ns.is_some_and(|next_ns| now_ns < next_ns) {
            return None;
        }
        let mut wait_ms = RENEWAL_CHECK_MS;
        let outcome = renew_if_due(home, server, epoch, clock);
        let fresh = match outcome {
            Ok(Outcome::NotDue(life)) => {
                self.backoff.succeeded();
                status.certified(life.ends);
                status.renewing(None);
                None
            }
            Ok(Outcome::Renewed(life, fresh)) => {
                self.backoff.succeeded();
                status.certified(life.ends);
                status.renewed();
                tracing::info!(ends_at = %life.ends, "renewed the certificate; using it from now on");
                Some(fresh)
            }
            Err(err) => {
                if err.class() == ErrorClass::Retry {
                    let wait = self.backoff.failed(crate::clock::random_u32());
                    wait_ms = u64::try_from(wait.as_millis()).unwrap_or(RENEWAL_CHECK_MS);
                }
                tracing::warn!(error = %err, retry_in_ms = wait_ms, "could not renew the certificate");
                status.renewing(Some(format!("could not renew the certificate: {err}")));
                None
            }
        };
        self.next_ns = Some(clock.monotonic_ns().saturating_add(wait_ms * MS));
        fresh
    }
}

enum Outcome {
    NotDue(Life),
    Renewed(Life, Server),
}

fn renew_if_due(
    home: &Home,
    server: &Server,
    epoch: EpochId,
    clock: &dyn Clock,
) -> Result<Outcome, AgentError> {
    let identity = Identity::load(home)?.ok_or_else(|| AgentError::BadFile {
        path: home.certificate(),
        why: "it is gone; enrol again".to_owned(),
    })?;
    let present = identity.certificate(home)?;
    settle(home, &identity)?;
    if !present.life.is_due(clock.now()) {
        return Ok(Outcome::NotDue(present.life));
    }
    tracing::info!(ends_at = %present.life.ends, "the certificate is in its last third; renewing it");
    let key = pending_key(home)?;
    let csr_pem = request_for(&key, &identity.agent.to_string())?;
    let reply = match server.renew(&RenewRequest { csr_pem }) {
        Err(err @ AgentError::Refused { status: 400 | 403, .. }) => {
            // If it is the key that the server does not want, the next attempt brings another one.
            remove_durably(&home.renewal_key())?;
            return Err(err);
        }
        other => other?,
    };
    let next = Identity {
        certificate_pem: reply.certificate_pem,
        key_pem: PrivateKeyPem(key.serialize_pem()),
        ..identity
    };
    let unusable = |why: &str| AgentError::BadRenewal { why: why.to_owned() };
    let renewed = crate::certificate::Certificate::parse(&next.certificate_pem)
        .map_err(|why| unusable(&why))?;
    if !renewed.is_for(&next.key_pem.0) {
        return Err(unusable("it is for another key"));
    }
    if renewed.common_name != identity.agent.to_string() {
        return Err(unusable("it is for somebody else"));
    }
    if renewed.life.ends <= present.life.ends {
        return Err(unusable("it does not live longer than the present one"));
    }
    let fresh = Server::of_identity(&next)?;
    fresh.position(epoch)?;
    write_whole(&home.certificate(), next.certificate_pem.as_bytes(), true)?;
    settle(home, &next)?;
    Ok(Outcome::Renewed(renewed.life, fresh))
}

/// The last step of a renewal, now or of one that was cut short: the key of the certificate gets its place.
fn settle(home: &Home, identity: &Identity) -> Result<(), AgentError> {
    if read_small(&home.key())?.as_deref() == Some(&identity.key_pem.0) {
        return Ok(());
    }
    rename_durably(&home.renewal_key(), &home.key())
}

/// The key of a renewal that was begun, or a new one, durable.
fn pending_key(home: &Home) -> Result<rcgen::KeyPair, AgentError> {
    let path = home.renewal_key();
    if let Some(pem) = read_small(&path)? {
        match rcgen::KeyPair::from_pem(&pem) {
            Ok(key) => return Ok(key),
            Err(err) => {
                tracing::warn!(error = %err, "the key of a begun renewal is damaged; making another")
            }
        }
    }
    let key = rcgen::KeyPair::generate()
        .map_err(|err| AgentError::Crypto { what: "a key pair", why: err.to_string() })?;
    write_whole(&path, key.serialize_pem().as_bytes(), true)?;
    Ok(key)
}
