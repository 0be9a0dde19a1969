//! Enrolment: a key pair that never leaves this machine, and a certificate for it.

use crate::{
    error::AgentError,
    home::{Home, read_small},
    identity::{Identity, PrivateKeyPem},
    report::Machine,
    server::Server,
};
use std::path::Path;
use wire::EnrolRequest;

/// Enrols with a server and stores the identity.
///
/// # Errors
/// [`AgentError::AlreadyEnrolled`], [`AgentError::Unreachable`], [`AgentError::Refused`] (a bad token),
/// [`AgentError::File`] and [`AgentError::BadFile`] for the authority's certificate.
pub fn enrol(home: &Home, server: &str, token: &str, ca: &Path) -> Result<Identity, AgentError> {
    if let Some(known) = Identity::load(home)? {
        return Err(AgentError::AlreadyEnrolled {
            agent: known.agent.to_string(),
            server: known.server,
            path: home.certificate(),
        });
    }
    let ca_pem = read_small(ca)?.ok_or_else(|| AgentError::BadFile {
        path: ca.to_owned(),
        why: "it is missing; copy the server's ca.pem to this machine".to_owned(),
    })?;
    let machine = Machine::read();
    let key = rcgen::KeyPair::generate()
        .map_err(|err| AgentError::Crypto { what: "a key pair", why: err.to_string() })?;
    let csr_pem = request_for(&key, &machine.hostname)?;
    let connection = Server::before_enrolment(server, &ca_pem)?;
    let reply = connection.enrol(&EnrolRequest {
        token: token.to_owned(),
        csr_pem,
        hostname: machine.hostname,
        os_name: machine.os_name,
    })?;
    let identity = Identity {
        server: server.trim_end_matches('/').to_owned(),
        agent: reply.agent,
        device: reply.device,
        certificate_pem: reply.certificate_pem,
        key_pem: PrivateKeyPem(key.serialize_pem()),
        // What was given by hand is pinned, whatever the answer says.
        ca_pem,
    };
    Server::of_identity(&identity)?;
    identity.store(home)?;
    Ok(identity)
}

/// A certificate request in PEM. The name is for people who look at it: the server chooses its own.
pub(crate) fn request_for(key: &rcgen::KeyPair, name: &str) -> Result<String, AgentError> {
    let mut request = rcgen::CertificateParams::default();
    request.distinguished_name = rcgen::DistinguishedName::new();
    request.distinguished_name.push(rcgen::DnType::CommonName, name);
    let csr = request.serialize_request(key).and_then(|csr| csr.pem());
    csr.map_err(|err| AgentError::Crypto { what: "a certificate request", why: err.to_string() })
}
