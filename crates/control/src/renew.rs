//! Renewal: an agent that proves its identity by its certificate gets the next one, for a new key.
//!
//! Invariant: whose certificate is renewed is known from the presented certificate alone; names in the request
//! are ignored.
//! Invariant: a key gets one certificate per agent. The same request gets the same answer again, and no key
//! lives longer than its first certificate.
//! Invariant: the presented certificate stays valid until its own end, so that an agent that loses the answer
//! loses nothing.

use crate::audit::{Action, Cause, Entry};
use crate::authority::Request;
use crate::enrol::{identity_of, insert_certificate};
use crate::limits::{CERTIFICATES_OF_AGENT_MAX, CSR_BYTES_MAX};
use crate::store::Writing;
use crate::{Control, ControlError, digest};
use model::{AgentId, Timestamp};
use serde_json::json;
use sqlx::Row;

/// What an agent gets when it renews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// Whose certificate it is; the same agent as before.
    pub agent: AgentId,
    /// Its next client certificate in PEM.
    pub certificate_pem: String,
    /// When that one ends.
    pub expires_at: Timestamp,
}

impl Control {
    /// Renews the certificate (DER) that an agent presented, for the key of the request.
    ///
    /// # Errors
    /// [`ControlError::CertificateRefused`] when the presented certificate is unknown, revoked or expired,
    /// [`ControlError::RenewalRefused`] for the request.
    pub async fn renew(&self, presented: &[u8], csr_pem: &str) -> Result<Renewed, ControlError> {
        let outcome = self.try_renew(presented, csr_pem).await;
        match &outcome {
            Err(ControlError::CertificateRefused { reason, .. }) => {
                self.record_stranger(Action::RenewalRefused, reason).await?;
            }
            Err(ControlError::RenewalRefused { agent, reason }) => {
                self.record_refusal(Cause::Agent(*agent), Action::RenewalRefused, reason).await?;
            }
            _ => {}
        }
        outcome
    }

    async fn try_renew(&self, presented: &[u8], csr_pem: &str) -> Result<Renewed, ControlError> {
        let now = self.clock.now();
        // The certificate first: nobody else may make the server parse a request or take the write lock.
        let agent = identity_of(self.store.pool(), presented, now).await?.agent;
        let refused = |reason| ControlError::RenewalRefused { agent, reason };
        if csr_pem.len() > CSR_BYTES_MAX {
            return Err(refused("is too large"));
        }
        let request = Request::parse(csr_pem).map_err(|err| match err {
            ControlError::EnrolmentMalformed { reason } => refused(reason),
            other => other,
        })?;
        let key_hash = request.public_key_hash();

        let mut writing = self.store.write().await?;
        // Once more, now that nobody else writes: the agent may just have been replaced.
        identity_of(&mut *writing, presented, now).await?;
        if let Some(known) = certificate_of_key(&mut writing, agent, &key_hash).await? {
            return if known.revoked || now >= known.renewed.expires_at {
                Err(refused("names a key whose certificate has ended; a new key is needed"))
            } else {
                Ok(known.renewed)
            };
        }
        if valid_certificates(&mut writing, agent, now).await? >= CERTIFICATES_OF_AGENT_MAX {
            return Err(refused(
                "is one too many: other certificates of this agent are still valid",
            ));
        }
        let signed = self.authority.sign_agent(&request, agent, now)?;
        insert_certificate(&mut writing, agent, &key_hash, &signed, now).await?;
        let entry = Entry {
            cause: Cause::Agent(agent),
            action: Action::CertificateRenewed,
            target: format!("agent {agent}"),
            detail: json!({
                "certificate": digest::sha256_hex(&signed.der),
                "expires_at": signed.expires_at.to_string(),
                "proved_by": digest::sha256_hex(presented),
            }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(Renewed { agent, certificate_pem: signed.pem, expires_at: signed.expires_at })
    }
}

/// The certificate that a key of an agent has already.
struct Known {
    renewed: Renewed,
    revoked: bool,
}

async fn certificate_of_key(
    writing: &mut Writing,
    agent: AgentId,
    key_hash: &str,
) -> Result<Option<Known>, ControlError> {
    let row = sqlx::query(
        "SELECT pem, expires_at, revoked_at FROM certificate \
         WHERE agent_id = $1 AND public_key_hash = $2",
    )
    .bind(agent.to_string())
    .bind(key_hash)
    .fetch_optional(&mut **writing)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let renewed = Renewed {
        agent,
        certificate_pem: row.try_get(0)?,
        expires_at: Timestamp::from_nanos(row.try_get(1)?),
    };
    Ok(Some(Known { renewed, revoked: row.try_get::<Option<i64>, _>(2)?.is_some() }))
}

async fn valid_certificates(
    writing: &mut Writing,
    agent: AgentId,
    now: Timestamp,
) -> Result<i64, ControlError> {
    let row = sqlx::query(
        "SELECT count(*) FROM certificate \
         WHERE agent_id = $1 AND revoked_at IS NULL AND expires_at > $2",
    )
    .bind(agent.to_string())
    .bind(now.nanos())
    .fetch_one(&mut **writing)
    .await?;
    Ok(row.try_get(0)?)
}
