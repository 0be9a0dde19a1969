//! Enrolment: a token and a certificate request become a device, an agent and a client certificate.
//!
//! A host name proves nothing: whoever holds a token may claim any. An ordinary token therefore always
//! makes a new device, also when the name is known, so that nobody can speak as another computer. The
//! administrator of a computer whose agent lost its data issues a replacement token for that device: its
//! use puts a new agent on the same device and retires the agents that were there.

use crate::audit::{Action, Cause, Entry};
use crate::authority::{Request, Signed};
use crate::limits::{
    CSR_BYTES_MAX, ENROLMENT_TOKEN_LIFE_NS, ENROLMENT_USES_MAX, HOST_TEXT_BYTES_MAX,
    SECRET_BYTES_MAX,
};
use crate::signin::hash;
use crate::store::Writing;
use crate::{Control, ControlError, digest, random};
use model::{AgentId, DeviceId, Timestamp};
use serde_json::json;
use sqlx::Row;

/// What an agent gets when it enrols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The agent's identity, drawn by the server; also the common name of its certificate.
    pub agent: AgentId,
    /// The device it watches.
    pub device: DeviceId,
    /// Its client certificate in PEM.
    pub certificate_pem: String,
    /// The authority's certificate in PEM, to be pinned.
    pub ca_pem: String,
}

/// Who a client certificate belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentIdentity {
    /// The agent.
    pub agent: AgentId,
    /// Its device.
    pub device: DeviceId,
    /// The device's name, as it named itself at enrolment.
    pub hostname: String,
}

impl Control {
    /// Issues an enrolment token for up to `uses_max` new devices within seven days. Called on the
    /// machine itself.
    ///
    /// # Errors
    /// [`ControlError::BadArgument`] when `uses_max` is zero or above the limit.
    pub async fn issue_enrolment_token(&self, uses_max: u32) -> Result<String, ControlError> {
        if uses_max == 0 || uses_max > ENROLMENT_USES_MAX {
            let reason = "an enrolment token works 1 to 10000 times";
            return Err(ControlError::BadArgument { what: "the number of uses", reason });
        }
        self.issue_token(None, uses_max).await
    }

    /// Issues an enrolment token that puts one new agent on a known device and retires the ones there:
    /// for a computer whose agent lost its data. Called on the machine itself.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when there is no such device.
    pub async fn issue_replacement_token(&self, device: DeviceId) -> Result<String, ControlError> {
        let known = sqlx::query("SELECT 1 FROM device WHERE id = $1")
            .bind(device.to_string())
            .fetch_optional(self.store.pool())
            .await?;
        if known.is_none() {
            return Err(ControlError::NotFound { what: "device", id: device.to_string() });
        }
        self.issue_token(Some(device), 1).await
    }

    /// Enrols an agent. The request's public key is certified; whatever names it asks for are ignored.
    /// The same key with the same token gets the same answer again, for an agent that lost the first.
    ///
    /// # Errors
    /// [`ControlError::EnrolmentRefused`] for the token, [`ControlError::EnrolmentMalformed`] for the rest.
    pub async fn enrol(
        &self,
        token: &str,
        csr_pem: &str,
        hostname: &str,
        os_name: &str,
    ) -> Result<Enrolled, ControlError> {
        let outcome = self.try_enrol(token, csr_pem, hostname, os_name).await;
        if let Err(
            ControlError::EnrolmentRefused { reason } | ControlError::EnrolmentMalformed { reason },
        ) = &outcome
        {
            self.record_stranger(Action::EnrolmentRefused, reason).await?;
        }
        outcome
    }

    /// Who a client certificate (DER) belongs to, by its SHA-256: the only source of an agent's identity.
    ///
    /// # Errors
    /// [`ControlError::CertificateRefused`] when it is unknown, revoked or expired.
    pub async fn agent_of_certificate(&self, der: &[u8]) -> Result<AgentIdentity, ControlError> {
        identity_of(self.store.pool(), der, self.clock.now()).await
    }

    async fn issue_token(
        &self,
        device: Option<DeviceId>,
        uses_max: u32,
    ) -> Result<String, ControlError> {
        let token = random::secret()?;
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        sqlx::query(
            "INSERT INTO enrolment_token (token_hash, device_id, uses, uses_max, created_at, expires_at) \
             VALUES ($1, $2, 0, $3, $4, $5)",
        )
        .bind(hash(&token))
        .bind(device.map(|device| device.to_string()))
        .bind(i64::from(uses_max))
        .bind(now.nanos())
        .bind(now.plus_nanos(ENROLMENT_TOKEN_LIFE_NS).nanos())
        .execute(&mut *writing)
        .await?;
        let entry = Entry {
            cause: Cause::Machine,
            action: Action::EnrolmentTokenIssued,
            target: device.map_or_else(String::new, |device| format!("device {device}")),
            detail: json!({ "uses_max": uses_max }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(token)
    }

    async fn try_enrol(
        &self,
        token: &str,
        csr_pem: &str,
        hostname: &str,
        os_name: &str,
    ) -> Result<Enrolled, ControlError> {
        if token.len() > SECRET_BYTES_MAX {
            return Err(ControlError::EnrolmentRefused { reason: "is unknown" });
        }
        let now = self.clock.now();
        let token_hash = hash(token);
        // The token first: a stranger without one must not make the server parse a request.
        let scope = self.token_scope(&token_hash, now).await?;
        if csr_pem.len() > CSR_BYTES_MAX {
            return Err(ControlError::EnrolmentMalformed { reason: "is too large" });
        }
        let request = Request::parse(csr_pem)?;
        let key_hash = request.public_key_hash();
        if let Some(again) = self.enrolled_before(&token_hash, &key_hash).await? {
            return Ok(again);
        }
        if !scope.uses_left {
            return Err(ControlError::EnrolmentRefused { reason: "was used up already" });
        }
        let host = Host { name: host_text(hostname)?, os_name: host_text(os_name)? };
        let agent = AgentId::from_bits(random::id_bits()?);
        let signed = self.authority.sign_agent(&request, agent, now)?;

        let mut writing = self.store.write().await?;
        let used = sqlx::query(
            "UPDATE enrolment_token SET uses = uses + 1 WHERE token_hash = $1 AND uses < uses_max",
        )
        .bind(&token_hash)
        .execute(&mut *writing)
        .await?;
        if used.rows_affected() != 1 {
            return Err(ControlError::EnrolmentRefused { reason: "was used up already" });
        }
        let device = match scope.device {
            Some(device) => {
                retire_agents(&mut writing, device, now).await?;
                device
            }
            None => new_device(&mut writing, &host, now).await?,
        };
        let fresh = NewAgent { agent, device, token_hash: &token_hash, key_hash: &key_hash };
        fresh.insert(&mut writing, &signed, now).await?;
        let entry = Entry {
            cause: Cause::Stranger,
            action: Action::Enrolled,
            target: format!("agent {agent}"),
            detail: json!({
                "device": device.to_string(),
                "host_name": host.name,
                "os_name": host.os_name,
                "replaces_agent": scope.device.is_some(),
                "certificate": digest::sha256_hex(&signed.der),
            }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        let ca_pem = self.server_identity().ca_pem;
        Ok(Enrolled { agent, device, certificate_pem: signed.pem, ca_pem })
    }

    async fn token_scope(&self, token_hash: &str, now: Timestamp) -> Result<Scope, ControlError> {
        let row = sqlx::query(
            "SELECT device_id, uses, uses_max, expires_at FROM enrolment_token WHERE token_hash = $1",
        )
        .bind(token_hash)
        .fetch_optional(self.store.pool())
        .await?
        .ok_or(ControlError::EnrolmentRefused { reason: "is unknown" })?;
        if now.nanos() >= row.try_get::<i64, _>(3)? {
            return Err(ControlError::EnrolmentRefused { reason: "is too old" });
        }
        let device: Option<String> = row.try_get(0)?;
        Ok(Scope {
            device: device.as_deref().map(stored_device).transpose()?,
            uses_left: row.try_get::<i64, _>(1)? < row.try_get::<i64, _>(2)?,
        })
    }

    async fn enrolled_before(
        &self,
        token_hash: &str,
        key_hash: &str,
    ) -> Result<Option<Enrolled>, ControlError> {
        let row = sqlx::query(
            "SELECT agent.id, agent.device_id, certificate.pem FROM agent \
             JOIN certificate ON certificate.agent_id = agent.id \
             AND certificate.public_key_hash = agent.public_key_hash \
             WHERE agent.token_hash = $1 AND agent.public_key_hash = $2 \
             AND agent.retired_at IS NULL AND certificate.revoked_at IS NULL",
        )
        .bind(token_hash)
        .bind(key_hash)
        .fetch_optional(self.store.pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Enrolled {
            agent: stored_agent(&row.try_get::<String, _>(0)?)?,
            device: stored_device(&row.try_get::<String, _>(1)?)?,
            certificate_pem: row.try_get(2)?,
            ca_pem: self.server_identity().ca_pem,
        }))
    }
}

/// What a token is good for.
struct Scope {
    device: Option<DeviceId>,
    uses_left: bool,
}

/// What a host says of itself.
struct Host<'a> {
    name: &'a str,
    os_name: &'a str,
}

struct NewAgent<'a> {
    agent: AgentId,
    device: DeviceId,
    token_hash: &'a str,
    key_hash: &'a str,
}

impl NewAgent<'_> {
    async fn insert(
        &self,
        writing: &mut Writing,
        signed: &Signed,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let inserted = sqlx::query(
            "INSERT INTO agent (id, device_id, token_hash, public_key_hash, enrolled_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (token_hash, public_key_hash) DO NOTHING",
        )
        .bind(self.agent.to_string())
        .bind(self.device.to_string())
        .bind(self.token_hash)
        .bind(self.key_hash)
        .bind(now.nanos())
        .execute(&mut **writing)
        .await?;
        if inserted.rows_affected() != 1 {
            // Two requests of one key at the same moment, or a key whose agent was retired.
            let reason = "was used with this key already";
            return Err(ControlError::EnrolmentRefused { reason });
        }
        insert_certificate(writing, self.agent, self.key_hash, signed, now).await
    }
}

/// Who a certificate belongs to that is known, not revoked and not expired.
pub(crate) async fn identity_of(
    reading: impl sqlx::AnyExecutor<'_>,
    der: &[u8],
    now: Timestamp,
) -> Result<AgentIdentity, ControlError> {
    let fingerprint = digest::sha256_hex(der);
    let row = sqlx::query(
        "SELECT agent.id, device.id, device.name, certificate.expires_at, certificate.revoked_at \
         FROM certificate JOIN agent ON agent.id = certificate.agent_id \
         JOIN device ON device.id = agent.device_id WHERE certificate.fingerprint = $1",
    )
    .bind(&fingerprint)
    .fetch_optional(reading)
    .await?;
    let refused =
        |reason| Err(ControlError::CertificateRefused { fingerprint: fingerprint.clone(), reason });
    let Some(row) = row else { return refused("is not of an agent enrolled here") };
    if row.try_get::<Option<i64>, _>(4)?.is_some() {
        return refused("was revoked");
    }
    if now.nanos() >= row.try_get::<i64, _>(3)? {
        return refused("has expired");
    }
    Ok(AgentIdentity {
        agent: stored_agent(&row.try_get::<String, _>(0)?)?,
        device: stored_device(&row.try_get::<String, _>(1)?)?,
        hostname: row.try_get(2)?,
    })
}

/// Registers a certificate; from the commit on it is its agent's.
pub(crate) async fn insert_certificate(
    writing: &mut Writing,
    agent: AgentId,
    key_hash: &str,
    signed: &Signed,
    now: Timestamp,
) -> Result<(), ControlError> {
    sqlx::query(
        "INSERT INTO certificate (fingerprint, agent_id, public_key_hash, pem, issued_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(digest::sha256_hex(&signed.der))
    .bind(agent.to_string())
    .bind(key_hash)
    .bind(&signed.pem)
    .bind(now.nanos())
    .bind(signed.expires_at.nanos())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

async fn new_device(
    writing: &mut Writing,
    host: &Host<'_>,
    now: Timestamp,
) -> Result<DeviceId, ControlError> {
    let device = DeviceId::from_bits(random::id_bits()?);
    sqlx::query("INSERT INTO device (id, name, os_name, enrolled_at) VALUES ($1, $2, $3, $4)")
        .bind(device.to_string())
        .bind(host.name)
        .bind(host.os_name)
        .bind(now.nanos())
        .execute(&mut **writing)
        .await?;
    Ok(device)
}

async fn retire_agents(
    writing: &mut Writing,
    device: DeviceId,
    now: Timestamp,
) -> Result<(), ControlError> {
    sqlx::query(
        "UPDATE certificate SET revoked_at = $1 WHERE revoked_at IS NULL \
         AND agent_id IN (SELECT id FROM agent WHERE device_id = $2)",
    )
    .bind(now.nanos())
    .bind(device.to_string())
    .execute(&mut **writing)
    .await?;
    sqlx::query("UPDATE agent SET retired_at = $1 WHERE retired_at IS NULL AND device_id = $2")
        .bind(now.nanos())
        .bind(device.to_string())
        .execute(&mut **writing)
        .await?;
    Ok(())
}

fn host_text(text: &str) -> Result<&str, ControlError> {
    let text = text.trim();
    if text.is_empty() || text.len() > HOST_TEXT_BYTES_MAX || text.chars().any(char::is_control) {
        let reason = "names a host or system with no, too many or unprintable characters";
        return Err(ControlError::EnrolmentMalformed { reason });
    }
    Ok(text)
}

/// A device identifier of the store.
pub(crate) fn stored_device(text: &str) -> Result<DeviceId, ControlError> {
    DeviceId::parse(text).map_err(|err| corrupt("device", text, &err))
}

/// An agent identifier of the store.
pub(crate) fn stored_agent(text: &str) -> Result<AgentId, ControlError> {
    AgentId::parse(text).map_err(|err| corrupt("agent", text, &err))
}

fn corrupt(what: &'static str, id: &str, err: &model::BadId) -> ControlError {
    ControlError::Corrupt { what, id: id.chars().take(80).collect(), reason: err.to_string() }
}
