//! Talking to the server: TLS 1.3 with the pinned authority, and the few requests of the protocol.

use crate::{
    error::AgentError,
    identity::Identity,
    limits::{ANSWER_BYTES_MAX, REQUEST_MS_MAX},
};
use model::EpochId;
use std::{sync::Arc, time::Duration};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};
use wire::{
    Batch, ENROL_PATH, EnrolReply, EnrolRequest, RENEW_PATH, RenewReply, RenewRequest, StreamPath,
    StreamReply,
};

/// A server that speaks our protocol.
#[derive(Debug)]
pub struct Server {
    address: String,
    http: ureq::Agent,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It is durable at the receiver, or was already.
    Durable(StreamReply),
    /// Numbers before it are missing there.
    Hole(StreamReply),
    /// Not now; the receiver says when.
    Later(StreamReply),
}

impl Server {
    /// The server that an agent is enrolled with.
    ///
    /// # Errors
    /// [`AgentError::Crypto`] when a certificate or the key can not be read.
    pub fn of_identity(identity: &Identity) -> Result<Self, AgentError> {
        let bad = |what| move |err: ureq::Error| AgentError::Crypto { what, why: err.to_string() };
        let certificate = Certificate::from_pem(identity.certificate_pem.as_bytes())
            .map_err(bad("use of the client certificate"))?;
        let key = PrivateKey::from_pem(identity.key_pem.0.as_bytes())
            .map_err(bad("use of the private key"))?;
        let client = ClientCert::new_with_certs(&[certificate], key);
        Self::new(&identity.server, &identity.ca_pem, Some(client))
    }

    /// A server whose authority was given by hand, without an identity of our own.
    ///
    /// # Errors
    /// [`AgentError::Crypto`] when the authority's certificate can not be read, [`AgentError::BadServer`].
    pub fn before_enrolment(address: &str, ca_pem: &str) -> Result<Self, AgentError> {
        Self::new(address, ca_pem, None)
    }

    fn new(address: &str, ca_pem: &str, client: Option<ClientCert>) -> Result<Self, AgentError> {
        let address = address.trim_end_matches('/');
        if !address.starts_with("https://") || address.len() <= "https://".len() {
            return Err(AgentError::BadServer { given: address.to_owned() });
        }
        let ca = Certificate::from_pem(ca_pem.as_bytes()).map_err(|err| AgentError::Crypto {
            what: "use of the authority's certificate",
            why: err.to_string(),
        })?;
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(tls13_only()))
            .root_certs(RootCerts::new_with_certs(&[ca]))
            .client_cert(client)
            .build();
        let http = ureq::Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            // The pinned server is reached directly; a proxy from the environment would be a surprise.
            .proxy(None)
            .timeout_global(Some(Duration::from_millis(REQUEST_MS_MAX)))
            .user_agent(concat!("mimamori-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { address: address.to_owned(), http })
    }

    /// Asks for an identity.
    ///
    /// # Errors
    /// [`AgentError::Unreachable`], [`AgentError::Refused`] (a bad token), [`AgentError::Wire`].
    pub fn enrol(&self, request: &EnrolRequest) -> Result<EnrolReply, AgentError> {
        let url = format!("{}{ENROL_PATH}", self.address);
        let (status, body) = self.answer(self.http.post(&url).send(&request.to_bytes()[..]))?;
        match status {
            200 => Ok(EnrolReply::from_bytes(&body)?),
            _ => Err(self.refused(status, &body)),
        }
    }

    /// Asks for the next certificate of the identity whose certificate this connection shows.
    ///
    /// # Errors
    /// [`AgentError::Unreachable`], [`AgentError::Refused`], [`AgentError::Wire`].
    pub fn renew(&self, request: &RenewRequest) -> Result<RenewReply, AgentError> {
        let url = format!("{}{RENEW_PATH}", self.address);
        let (status, body) = self.answer(self.http.post(&url).send(&request.to_bytes()[..]))?;
        match status {
            200 => Ok(RenewReply::from_bytes(&body)?),
            _ => Err(self.refused(status, &body)),
        }
    }

    /// How far a stream has come.
    ///
    /// # Errors
    /// [`AgentError::Unreachable`], [`AgentError::Refused`], [`AgentError::Wire`].
    pub fn position(&self, epoch: EpochId) -> Result<StreamReply, AgentError> {
        let url = format!("{}{}", self.address, StreamPath::of_epoch(epoch));
        let (status, body) = self.answer(self.http.get(&url).call())?;
        match status {
            200 => Ok(StreamReply::from_bytes(&body)?),
            _ => Err(self.refused(status, &body)),
        }
    }

    /// Delivers a batch.
    ///
    /// # Errors
    /// [`AgentError::Unreachable`], [`AgentError::Refused`], [`AgentError::Wire`].
    pub fn deliver(&self, batch: &Batch) -> Result<Delivery, AgentError> {
        let url = format!("{}{}", self.address, batch.path());
        let (status, body) = self.answer(self.http.put(&url).send(&batch.encode()?[..]))?;
        match status {
            200 => Ok(Delivery::Durable(StreamReply::from_bytes(&body)?)),
            409 => Ok(Delivery::Hole(StreamReply::from_bytes(&body)?)),
            // A receiver that is busy says when to come again; a proxy in between says anything.
            429 | 503 => match StreamReply::from_bytes(&body) {
                Ok(reply) if reply.retry_after_ms > 0 => Ok(Delivery::Later(reply)),
                _ => Err(self.refused(status, &body)),
            },
            _ => Err(self.refused(status, &body)),
        }
    }

    fn answer(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, Vec<u8>), AgentError> {
        let unreachable = |err: ureq::Error| AgentError::Unreachable {
            server: self.address.clone(),
            why: plain_words(&err),
        };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        Ok((status, body.map_err(unreachable)?))
    }

    fn refused(&self, status: u16, body: &[u8]) -> AgentError {
        let visible = |letter: &char| !letter.is_control();
        let words: String =
            String::from_utf8_lossy(body).chars().filter(visible).take(200).collect();
        let why = match status {
            401 | 403 if words.is_empty() => "the certificate is not known there".to_owned(),
            410 => "other records were stored under the same numbers: this agent was cloned; \
                    enrol it again"
                .to_owned(),
            _ => words,
        };
        AgentError::Refused { server: self.address.clone(), status, why }
    }
}

/// The suites of TLS 1.3 alone: without others the older version is not offered.
fn tls13_only() -> rustls::crypto::CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.tls13().is_some());
    provider
}

fn plain_words(err: &ureq::Error) -> String {
    match err {
        ureq::Error::Rustls(rustls::Error::InvalidCertificate(why)) => {
            format!("its certificate is not from the pinned authority ({why:?})")
        }
        ureq::Error::Io(err) => match err.get_ref().and_then(|err| err.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(why)) => {
                format!("its certificate is not from the pinned authority ({why:?})")
            }
            _ => err.to_string(),
        },
        _ => err.to_string(),
    }
}
