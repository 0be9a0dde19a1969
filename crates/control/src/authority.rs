//! The private certificate authority, the server's certificate and the key that seals the audit chain.
//!
//! ```text
//! authority/ca.key.pem   0600   the authority's key
//! authority/ca.pem       0644   its certificate, which agents pin
//! authority/server.pem   0600   the server's key and certificate in one file, replaced as one
//! authority/audit.key    0600   hex of the key that seals the audit chain
//! ```
//!
//! Invariant: the folder appears complete or not at all (written beside, flushed, renamed).
//! Invariant: a certificate's names are chosen here; nothing that a request asks for is copied into it.

use crate::limits::{
    AGENT_CERTIFICATE_LIFE_NS, AUTHORITY_LIFE_NS, CERTIFICATE_BACKDATE_NS, SECOND_NS,
    SERVER_CERTIFICATE_LIFE_NS,
};
use crate::{ControlError, digest, random};
use model::{AgentId, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the agents' listener and the console's listener show to their clients. Holds a private key.
#[derive(Clone)]
pub struct ServerIdentity {
    /// The server's certificate in PEM, leaf first.
    pub certificate_chain_pem: String,
    /// Its private key in PEM (PKCS #8).
    pub key_pem: String,
    /// The authority's certificate in PEM: trust anchor of agents, and of the server for agents.
    pub ca_pem: String,
}

impl std::fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerIdentity").finish_non_exhaustive()
    }
}

/// A certificate that was just signed.
pub(crate) struct Signed {
    pub(crate) pem: String,
    pub(crate) der: Vec<u8>,
    pub(crate) expires_at: Timestamp,
}

/// A certificate request whose signature held: whoever sent it has the private key.
pub(crate) struct Request {
    public_key: rcgen::PublicKey,
}

impl Request {
    /// Parses a request in PEM. Whatever names and extensions it asks for are dropped here.
    pub(crate) fn parse(pem: &str) -> Result<Self, ControlError> {
        let request = CertificateSigningRequestParams::from_pem(pem).map_err(|err| {
            ControlError::EnrolmentMalformed {
                reason: match err {
                    rcgen::Error::InvalidCertificationRequestSignature => {
                        "is not signed with the key it names"
                    }
                    rcgen::Error::UnsupportedExtension => "asks for an unknown extension",
                    rcgen::Error::UnsupportedSignatureAlgorithm => "uses an unknown key algorithm",
                    _ => "is not a certificate signing request in PEM",
                },
            }
        })?;
        Ok(Self { public_key: request.public_key })
    }

    /// SHA-256 of the public key, in hex.
    pub(crate) fn public_key_hash(&self) -> String {
        digest::sha256_hex(rcgen::PublicKeyData::der_bytes(&self.public_key))
    }
}

/// The private authority of this installation.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    server: Mutex<ServerIdentity>,
    audit_key: [u8; 32],
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Reads the authority from its folder; makes it at the first start; renews the server's
    /// certificate if that is due.
    pub(crate) fn open(directory: &Path, now: Timestamp) -> Result<Self, ControlError> {
        let folder = directory.join("authority");
        if !is_there(&folder)? {
            create(directory, &folder, now)?;
        }
        let ca_pem = read(&folder.join(CA))?;
        let key = KeyPair::from_pem(&read(&folder.join(CA_KEY))?)
            .map_err(|err| damaged("authority key", &folder.join(CA_KEY), &err))?;
        let issuer = Issuer::from_ca_cert_pem(&ca_pem, key)
            .map_err(|err| damaged("authority certificate", &folder.join(CA), &err))?;
        let audit_path = folder.join(AUDIT_KEY);
        let audit_key = digest::key_of_hex(read(&audit_path)?.trim())
            .ok_or_else(|| damaged("audit key", &audit_path, &"not 64 hexadecimal digits"))?;

        let server = Mutex::new(current_server(&folder, &issuer, ca_pem, now)?);
        Ok(Self { folder, issuer, server, audit_key })
    }

    /// What the listeners show.
    pub(crate) fn server(&self) -> ServerIdentity {
        self.server_now().clone()
    }

    /// Renews the server's certificate if that is due, or takes what another process renewed; whether it
    /// is another one now.
    pub(crate) fn renew_server(&self, now: Timestamp) -> Result<bool, ControlError> {
        let ca_pem = self.server_now().ca_pem.clone();
        let fresh = current_server(&self.folder, &self.issuer, ca_pem, now)?;
        let mut server = self.server_now();
        let another = fresh.certificate_chain_pem != server.certificate_chain_pem;
        *server = fresh;
        Ok(another)
    }

    fn server_now(&self) -> MutexGuard<'_, ServerIdentity> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that seals the audit chain.
    pub(crate) const fn audit_key(&self) -> &[u8; 32] {
        &self.audit_key
    }

    /// Signs a client certificate for an agent. The request gives its public key and nothing else.
    pub(crate) fn sign_agent(
        &self,
        request: &Request,
        agent: AgentId,
        now: Timestamp,
    ) -> Result<Signed, ControlError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&agent.to_string());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        let expires_at = set_life(&mut params, now, AGENT_CERTIFICATE_LIFE_NS)?;
        let certificate = params
            .signed_by(&request.public_key, &self.issuer)
            .map_err(|err| failed("sign an agent's certificate", &err))?;
        Ok(Signed { pem: certificate.pem(), der: certificate.der().to_vec(), expires_at })
    }
}

fn create(directory: &Path, folder: &Path, now: Timestamp) -> Result<(), ControlError> {
    let name = format!(".authority-{:032x}", random::id_bits()?);
    let fresh = directory.join(name);
    fs::DirBuilder::new().mode(0o700).create(&fresh).map_err(io("create", &fresh))?;
    let written = write_all(&fresh, now).and_then(|()| {
        sync_folder(&fresh)?;
        match fs::rename(&fresh, folder) {
            // Another process was quicker; its authority is the one.
            Err(_) if is_there(folder)? => fs::remove_dir_all(&fresh).map_err(io("remove", &fresh)),
            other => other.map_err(io("create", folder)),
        }
    });
    if written.is_err() {
        // The first error is the one to report; what is left over has a name that nobody reads.
        if let Err(err) = fs::remove_dir_all(&fresh) {
            tracing::warn!(path = %fresh.display(), error = %err, "could not remove a half-made authority");
        }
    }
    written?;
    sync_folder(directory)
}

fn write_all(fresh: &Path, now: Timestamp) -> Result<(), ControlError> {
    let key = KeyPair::generate().map_err(|err| failed("make the authority's key", &err))?;
    let key_pem = key.serialize_pem();
    let mut params = CertificateParams::default();
    // Distinct per installation, so that two of them in one trust store cannot be mistaken.
    params.distinguished_name =
        common_name(&format!("Mimamori private authority {:032x}", random::id_bits()?));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut params, now, AUTHORITY_LIFE_NS)?;
    let certificate =
        params.self_signed(&key).map_err(|err| failed("sign the authority's certificate", &err))?;
    write_file(&fresh.join(CA), &certificate.pem(), 0o644)?;
    write_file(&fresh.join(CA_KEY), &key_pem, 0o600)?;
    write_file(&fresh.join(AUDIT_KEY), &digest::hex(&random::key()?), 0o600)?;
    let issuer = Issuer::new(params, key);
    write_file(&fresh.join(SERVER), &server_bundle(&issuer, &server_names(), now)?, 0o600)
}

/// The server's certificate and key from their file; new ones when a third of the life or less is left, or
/// when the host has another name.
fn current_server(
    folder: &Path,
    issuer: &Issuer<'_, KeyPair>,
    ca_pem: String,
    now: Timestamp,
) -> Result<ServerIdentity, ControlError> {
    let path = folder.join(SERVER);
    let names = server_names();
    let mut bundle = read(&path)?;
    let renew_from =
        header(&names, &bundle).map(|end| end.plus_nanos(-SERVER_CERTIFICATE_LIFE_NS / 3));
    if renew_from.is_none_or(|from| now >= from) {
        bundle = server_bundle(issuer, &names, now)?;
        replace(&path, &bundle)?;
        tracing::info!(names = ?names, "issued a new server certificate");
    }
    server_identity(&bundle, ca_pem)
        .ok_or_else(|| damaged("server certificate", &path, &"a part is missing"))
}

/// The server's key and certificate as one text, so that they are replaced as one. The first lines,
/// which PEM readers skip, say until when and for which names.
fn server_bundle(
    issuer: &Issuer<'_, KeyPair>,
    names: &[String],
    now: Timestamp,
) -> Result<String, ControlError> {
    let key = KeyPair::generate().map_err(|err| failed("make the server's key", &err))?;
    let mut params = CertificateParams::new(names)
        .map_err(|err| failed("name the server in its certificate", &err))?;
    params.distinguished_name = common_name("Mimamori server");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    let expires_at = set_life(&mut params, now, SERVER_CERTIFICATE_LIFE_NS)?;
    let certificate = params
        .signed_by(&key, issuer)
        .map_err(|err| failed("sign the server's certificate", &err))?;
    Ok(format!(
        "{UNTIL}{expires_at}\n{NAMES}{}\n{}{}",
        names.join(" "),
        key.serialize_pem(),
        certificate.pem()
    ))
}

/// When the certificate of a bundle ends; `None` when it is for other names or not readable.
fn header(names: &[String], bundle: &str) -> Option<Timestamp> {
    let mut lines = bundle.lines();
    let until = lines.next()?.strip_prefix(UNTIL)?;
    let named = lines.next()?.strip_prefix(NAMES)?;
    (named == names.join(" ")).then_some(())?;
    Timestamp::parse(until).ok()
}

fn server_identity(bundle: &str, ca_pem: String) -> Option<ServerIdentity> {
    let key = bundle.find(PEM_KEY)?;
    let certificate = bundle.find(PEM_CERTIFICATE)?;
    Some(ServerIdentity {
        certificate_chain_pem: bundle.get(certificate..)?.to_owned(),
        key_pem: bundle.get(key..certificate)?.to_owned(),
        ca_pem,
    })
}

fn server_names() -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    // Absent outside Linux; the three names above are then what the certificate is for.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_ascii_lowercase();
    let is_name = !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if is_name && !names.contains(&host) {
        names.push(host);
    }
    names
}

fn set_life(
    params: &mut CertificateParams,
    now: Timestamp,
    life_ns: i64,
) -> Result<Timestamp, ControlError> {
    let end = now.plus_nanos(life_ns);
    let seconds = |time: Timestamp| {
        let seconds = u64::try_from(time.nanos() / SECOND_NS).unwrap_or(0);
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = seconds(now.plus_nanos(-CERTIFICATE_BACKDATE_NS));
    params.not_after = seconds(end);
    // Positive and of sixteen bytes: the first bit stays clear.
    let serial = random::id_bits()? >> 1;
    params.serial_number = Some(SerialNumber::from_slice(&serial.to_be_bytes()));
    Ok(Timestamp::from_nanos(end.nanos() / SECOND_NS * SECOND_NS))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn is_there(path: &Path) -> Result<bool, ControlError> {
    path.try_exists().map_err(io("look at", path))
}

fn read(path: &Path) -> Result<String, ControlError> {
    fs::read_to_string(path).map_err(io("read", path))
}

fn write_file(path: &Path, text: &str, mode: u32) -> Result<(), ControlError> {
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(io("write", path))
}

fn replace(path: &Path, text: &str) -> Result<(), ControlError> {
    let fresh = path.with_extension(format!("{:032x}", random::id_bits()?));
    write_file(&fresh, text, 0o600)?;
    fs::rename(&fresh, path).map_err(io("replace", path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> Result<(), ControlError> {
    fs::File::open(folder).and_then(|opened| opened.sync_all()).map_err(io("flush", folder))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ControlError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| ControlError::Io { action, path, source }
}

fn damaged(what: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> ControlError {
    ControlError::Corrupt { what, id: path.display().to_string(), reason: reason.to_string() }
}

fn failed(action: &'static str, err: &rcgen::Error) -> ControlError {
    ControlError::Certificates { action, reason: err.to_string() }
}

const CA: &str = "ca.pem";
const CA_KEY: &str = "ca.key.pem";
const SERVER: &str = "server.pem";
const AUDIT_KEY: &str = "audit.key";
const UNTIL: &str = "valid until ";
const NAMES: &str = "valid for ";
const PEM_KEY: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
