//! Enrolment: a token and a certificate request for a certificate and an identity. Renewal: a request for a new
//! key, proved by the certificate in use, for a certificate of the same identity.

use crate::{
    error::{WireError, check_size},
    limits::{ENROL_BYTES_MAX, PEM_BYTES_MAX, SHORT_TEXT_BYTES_MAX},
    shape::{self, LEAF},
};
use model::{AgentId, DeviceId};
use prost::Message;

/// Where enrolment happens.
pub const ENROL_PATH: &str = "/v1/enrol";
/// Where a certificate is renewed.
pub const RENEW_PATH: &str = "/v1/renew";
const FIELDS_MAX: usize = 16;

/// A new agent asks for an identity.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct EnrolRequest {
    /// The one-time token.
    #[prost(string, tag = "1")]
    pub token: String,
    /// The certificate request; the key never leaves the agent.
    #[prost(string, tag = "2")]
    pub csr_pem: String,
    /// What the machine calls itself; shown to people, never believed.
    #[prost(string, tag = "3")]
    pub hostname: String,
    /// Name and version of the operating system; shown to people.
    #[prost(string, tag = "4")]
    pub os_name: String,
}

impl EnrolRequest {
    /// As the body of a request.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// From the body of a request.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        check_size("enrolment request", bytes.len(), ENROL_BYTES_MAX)?;
        shape::check("enrolment request", bytes, &LEAF, FIELDS_MAX)?;
        let request =
            Self::decode(bytes).map_err(|err| WireError::malformed("enrolment request", err))?;
        check_size("token", request.token.len(), SHORT_TEXT_BYTES_MAX)?;
        check_size("certificate request", request.csr_pem.len(), PEM_BYTES_MAX)?;
        check_size("host name", request.hostname.len(), SHORT_TEXT_BYTES_MAX)?;
        check_size("name of the operating system", request.os_name.len(), SHORT_TEXT_BYTES_MAX)?;
        Ok(request)
    }
}

/// The identity of a new agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolReply {
    /// The agent.
    pub agent: AgentId,
    /// The device it runs on.
    pub device: DeviceId,
    /// The client certificate.
    pub certificate_pem: String,
    /// The authority's certificate.
    pub ca_pem: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EnrolReplyMessage {
    #[prost(string, tag = "1")]
    agent: String,
    #[prost(string, tag = "2")]
    device: String,
    #[prost(string, tag = "3")]
    certificate_pem: String,
    #[prost(string, tag = "4")]
    ca_pem: String,
}

impl EnrolReply {
    /// As the body of an answer.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let message = EnrolReplyMessage {
            agent: self.agent.to_string(),
            device: self.device.to_string(),
            certificate_pem: self.certificate_pem.clone(),
            ca_pem: self.ca_pem.clone(),
        };
        message.encode_to_vec()
    }

    /// From the body of an answer.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::Malformed`], [`WireError::BadText`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        check_size("enrolment reply", bytes.len(), ENROL_BYTES_MAX)?;
        shape::check("enrolment reply", bytes, &LEAF, FIELDS_MAX)?;
        let message = EnrolReplyMessage::decode(bytes)
            .map_err(|err| WireError::malformed("enrolment reply", err))?;
        check_size("certificate", message.certificate_pem.len(), PEM_BYTES_MAX)?;
        check_size("authority's certificate", message.ca_pem.len(), PEM_BYTES_MAX)?;
        let agent = AgentId::parse(&message.agent);
        let device = DeviceId::parse(&message.device);
        Ok(Self {
            agent: agent.map_err(|_| WireError::bad_text("agent", &message.agent))?,
            device: device.map_err(|_| WireError::bad_text("device", &message.device))?,
            certificate_pem: message.certificate_pem,
            ca_pem: message.ca_pem,
        })
    }
}

/// An enrolled agent asks for its next certificate. Who asks is known from the client certificate alone.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RenewRequest {
    /// The certificate request of a new key; names that it asks for are ignored.
    #[prost(string, tag = "1")]
    pub csr_pem: String,
}

impl RenewRequest {
    /// As the body of a request.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// From the body of a request.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        check_size("renewal request", bytes.len(), ENROL_BYTES_MAX)?;
        shape::check("renewal request", bytes, &LEAF, FIELDS_MAX)?;
        let request =
            Self::decode(bytes).map_err(|err| WireError::malformed("renewal request", err))?;
        check_size("certificate request", request.csr_pem.len(), PEM_BYTES_MAX)?;
        Ok(request)
    }
}

/// The next certificate of an agent.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RenewReply {
    /// The client certificate for the requested key, of the same agent.
    #[prost(string, tag = "1")]
    pub certificate_pem: String,
}

impl RenewReply {
    /// As the body of an answer.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// From the body of an answer.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        check_size("renewal reply", bytes.len(), ENROL_BYTES_MAX)?;
        shape::check("renewal reply", bytes, &LEAF, FIELDS_MAX)?;
        let reply =
            Self::decode(bytes).map_err(|err| WireError::malformed("renewal reply", err))?;
        check_size("certificate", reply.certificate_pem.len(), PEM_BYTES_MAX)?;
        Ok(reply)
    }
}
