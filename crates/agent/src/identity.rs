//! Who the agent is: what enrolment left in the data directory.

use crate::{
    certificate::Certificate,
    error::AgentError,
    home::{Home, read_small, remove_durably, write_whole},
};
use model::{AgentId, DeviceId};

/// An enrolled agent.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `https://host:port`, without a slash at the end.
    pub server: String,
    /// The agent.
    pub agent: AgentId,
    /// The device it runs on.
    pub device: DeviceId,
    /// The client certificate.
    pub certificate_pem: String,
    /// The private key.
    pub key_pem: PrivateKeyPem,
    /// The only authority whose certificates are accepted.
    pub ca_pem: String,
}

/// A private key that is never printed.
#[derive(Clone)]
pub struct PrivateKeyPem(pub String);

impl std::fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKeyPem(…)")
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    server: String,
    agent: AgentId,
    device: DeviceId,
}

impl Identity {
    /// The identity of a data directory; `None` before enrolment.
    ///
    /// # Errors
    /// [`AgentError::BadFile`] and [`AgentError::File`] when a part of it is missing or damaged.
    pub fn load(home: &Home) -> Result<Option<Self>, AgentError> {
        // The certificate is written last: without it enrolment did not come to its end.
        let Some(certificate_pem) = read_small(&home.certificate())? else { return Ok(None) };
        let path = home.identity();
        let text = read_small(&path)?.unwrap_or_default();
        let stored: Stored = serde_json::from_str(&text).map_err(|err| AgentError::BadFile {
            path: path.clone(),
            why: format!("{}; remove certificate.pem and enrol again", err),
        })?;
        let needed = |path: std::path::PathBuf| {
            let why = "it is missing; remove certificate.pem and enrol again".to_owned();
            read_small(&path)?.ok_or(AgentError::BadFile { path, why })
        };
        let key_pem = key_of(home, &certificate_pem)?;
        Ok(Some(Self {
            server: stored.server,
            agent: stored.agent,
            device: stored.device,
            certificate_pem,
            key_pem,
            ca_pem: needed(home.ca())?,
        }))
    }

    /// What the client certificate says.
    ///
    /// # Errors
    /// [`AgentError::BadFile`].
    pub fn certificate(&self, home: &Home) -> Result<Certificate, AgentError> {
        read_certificate(home, &self.certificate_pem)
    }

    /// Stores the identity; the file that makes it count is written last.
    ///
    /// # Errors
    /// [`AgentError::File`].
    pub fn store(&self, home: &Home) -> Result<(), AgentError> {
        let stored = Stored { server: self.server.clone(), agent: self.agent, device: self.device };
        let text = serde_json::to_string_pretty(&stored)
            .map_err(|err| AgentError::BadFile { path: home.identity(), why: err.to_string() })?;
        // A renewal that an earlier identity began must not be continued by this one.
        remove_durably(&home.renewal_key())?;
        write_whole(&home.key(), self.key_pem.0.as_bytes(), true)?;
        write_whole(&home.ca(), self.ca_pem.as_bytes(), true)?;
        write_whole(&home.identity(), text.as_bytes(), true)?;
        write_whole(&home.certificate(), self.certificate_pem.as_bytes(), true)
    }
}

fn read_certificate(home: &Home, pem: &str) -> Result<Certificate, AgentError> {
    Certificate::parse(pem).map_err(|why| AgentError::BadFile {
        path: home.certificate(),
        why: format!("{why}; remove it and enrol again"),
    })
}

/// The key of the certificate. A renewal that was cut short left it beside the old one ([`crate::renew`]).
fn key_of(home: &Home, certificate_pem: &str) -> Result<PrivateKeyPem, AgentError> {
    let certificate = read_certificate(home, certificate_pem)?;
    for path in [home.key(), home.renewal_key()] {
        match read_small(&path)? {
            Some(pem) if certificate.is_for(&pem) => return Ok(PrivateKeyPem(pem)),
            _ => {}
        }
    }
    let why =
        "it is missing or not the key of the certificate; remove certificate.pem and enrol again";
    Err(AgentError::BadFile { path: home.key(), why: why.to_owned() })
}
