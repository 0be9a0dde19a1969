//! A real TLS server on the loopback, with a private authority, that speaks the data plane and fails on
//! purpose.

use agent::clock::SystemClock;
use agent::{
    home::Home,
    identity::{Identity, PrivateKeyPem},
};
use model::{AgentId, Clock as _, DeviceId, EpochId};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use wire::{
    Batch, ENROL_PATH, EnrolReply, EnrolRequest, RENEW_PATH, RenewReply, RenewRequest, StreamPath,
    StreamReply,
    receive::{StreamState, Verdict, step},
};

/// How one request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ends before the request is looked at.
    DropBefore,
    /// Stored, and the connection ends before the answer.
    DropAnswer,
    /// Not now.
    Later,
    /// An error without a word.
    Broken,
    /// A renewal is refused.
    Refused,
    /// A renewal is answered with a certificate for another key.
    WrongKey,
    /// A renewal is answered with a certificate of somebody else.
    WrongName,
    /// A renewal is answered with a certificate that ends as early as the present one.
    TooShort,
}

/// What the receiver has.
#[derive(Default)]
pub(crate) struct Streams {
    pub(crate) states: BTreeMap<EpochId, StreamState>,
    /// Every record ever stored; a second one for a number is a failure.
    pub(crate) stored: BTreeMap<(EpochId, u64), Vec<u8>>,
    pub(crate) lost: Vec<(u64, u64)>,
    pub(crate) doubles: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) requests: u64,
    /// Commits only so far behind what is durable.
    pub(crate) commit_lag: u64,
    /// How the next renewals go wrong, the last first.
    pub(crate) renewal_faults: Vec<Fault>,
    /// The public key of each request for renewal.
    pub(crate) renewal_keys: Vec<Vec<u8>>,
    /// The certificate that each renewed key got.
    pub(crate) renewed: BTreeMap<Vec<u8>, String>,
    /// The certificate of the last connection that asked for anything.
    pub(crate) last_peer: Vec<u8>,
}

const DAY: Duration = Duration::from_secs(86_400);
/// As long as the real server's agents get.
const LIFE_DAYS: u32 = 90;

pub(crate) struct Authority {
    pub(crate) ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).expect("a certificate");
        Self { ca_pem: ca.pem(), issuer: Issuer::new(params, key) }
    }

    /// A client certificate of which so many of the ninety days are left.
    fn client(&self, key: &impl rcgen::PublicKeyData, days_left: u32) -> String {
        let seconds = SystemClock.now().nanos() / 1_000_000_000;
        let now = Duration::from_secs(u64::try_from(seconds).expect("after 1970"));
        let mut params = CertificateParams::default();
        let agent = AgentId::from_bits(1).to_string();
        params.distinguished_name.push(rcgen::DnType::CommonName, agent);
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_after = epoch + (now + DAY * days_left);
        params.not_before = params.not_after - DAY * LIFE_DAYS;
        params.signed_by(key, &self.issuer).expect("a certificate").pem()
    }

    fn issue(&self, names: Vec<String>) -> (String, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key)
    }

    /// An enrolled agent in a data directory.
    pub(crate) fn enrolled(&self, home: &Home, server: SocketAddr) -> Identity {
        self.enrolled_with(home, server, LIFE_DAYS)
    }

    /// The same with so many days of its certificate left.
    pub(crate) fn enrolled_with(
        &self,
        home: &Home,
        server: SocketAddr,
        days_left: u32,
    ) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate_pem = self.client(&key, days_left);
        let identity = Identity {
            server: format!("https://localhost:{}", server.port()),
            agent: AgentId::from_bits(1),
            device: DeviceId::from_bits(2),
            certificate_pem,
            key_pem: PrivateKeyPem(key.serialize_pem()),
            ca_pem: self.ca_pem.clone(),
        };
        identity.store(home).expect("stores");
        identity
    }
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    streams: Arc<Mutex<Streams>>,
}

pub(crate) const TOKEN: &str = "one-time-token";

impl Receiver {
    /// Listens until the test process ends.
    pub(crate) fn start(authority: Arc<Authority>) -> Self {
        let config = server_config(&authority);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let streams = Arc::new(Mutex::new(Streams::default()));
        let shared = Arc::clone(&streams);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (config, streams) = (Arc::clone(&config), Arc::clone(&shared));
                let authority = Arc::clone(&authority);
                std::thread::spawn(move || {
                    // A connection that ends with an error is part of the play.
                    drop(serve(connection, config, &streams, &authority));
                });
            }
        });
        Self { address, streams }
    }

    pub(crate) fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().expect("no thread panicked")
    }
}

fn server_config(authority: &Authority) -> Arc<ServerConfig> {
    let (certificate, key) = authority.issue(vec!["localhost".to_owned()]);
    let der = |pem: &str| {
        use rustls::pki_types::pem::PemObject as _;
        CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate").into_owned()
    };
    let mut roots = RootCertStore::empty();
    roots.add(der(&authority.ca_pem)).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .expect("a verifier");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![der(&certificate)], key)
        .expect("a server certificate");
    Arc::new(config)
}

fn serve(
    connection: TcpStream,
    config: Arc<ServerConfig>,
    streams: &Mutex<Streams>,
    authority: &Authority,
) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(tls, connection));
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (method, path) = (words[0].to_owned(), words[1].to_owned());
        let mut length = 0;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header)?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let peer = stream.get_ref().conn.peer_certificates().and_then(|chain| chain.first());
        let peer = peer.map(|der| der.to_vec());
        let Some((status, answer)) = answer(&method, &path, &body, peer, streams, authority) else {
            return Ok(());
        };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", answer.len());
        stream.get_mut().write_all(&[head.as_bytes(), &answer].concat())?;
        stream.get_mut().flush()?;
    }
}

fn answer(
    method: &str,
    path: &str,
    body: &[u8],
    peer: Option<Vec<u8>>,
    streams: &Mutex<Streams>,
    authority: &Authority,
) -> Option<(u16, Vec<u8>)> {
    if (method, path) == ("POST", ENROL_PATH) {
        return Some(enrol(body, authority));
    }
    let Some(peer) = peer else { return Some((401, Vec::new())) };
    let mut streams = streams.lock().expect("no thread panicked");
    streams.last_peer = peer;
    if (method, path) == ("POST", RENEW_PATH) {
        return renew(&mut streams, body, authority);
    }
    streams.requests += 1;
    let parts: Vec<&str> = path.trim_start_matches("/v1/stream/").split('/').collect();
    let fault = if method == "PUT" { streams.faults.pop() } else { None };
    match fault {
        Some(Fault::DropBefore) => return None,
        Some(Fault::Later) => {
            let later = StreamReply {
                retry_after_ms: 60,
                credit_bytes: 1 << 20,
                ..reply(&streams, parts[0])
            };
            return Some((503, later.to_bytes()));
        }
        Some(Fault::Broken) => return Some((500, b"broken".to_vec())),
        _ => {}
    }
    let mut status = 200;
    if let Some(range) = parts.get(1) {
        status = take(&mut streams, parts[0], range, body);
    }
    let answer = reply(&streams, parts[0]).to_bytes();
    (fault != Some(Fault::DropAnswer)).then_some((status, answer))
}

fn take(streams: &mut Streams, epoch: &str, range: &str, body: &[u8]) -> u16 {
    let Ok(path) = StreamPath::parse_parts(epoch, range) else { return 400 };
    let Ok(batch) = Batch::decode_for(&path, body) else { return 400 };
    let state = streams.states.entry(path.epoch).or_default();
    match step(state, &batch) {
        Verdict::Store { from } => {
            state.stored(&batch);
            let batch = batch.trim_before(from);
            streams.lost.extend(batch.gaps.iter().map(|gap| (gap.first, gap.last)));
            for (seq, bytes) in batch.records {
                let before = streams.stored.insert((path.epoch, seq), bytes);
                streams.doubles += u64::from(before.is_some());
            }
            200
        }
        Verdict::AlreadyHave => 200,
        Verdict::Hole { .. } => 409,
        Verdict::Conflict { .. } => 410,
    }
}

fn reply(streams: &Streams, epoch: &str) -> StreamReply {
    let state = EpochId::parse(epoch).ok().and_then(|epoch| streams.states.get(&epoch));
    let durable_through = state.map_or(0, StreamState::durable_through);
    StreamReply {
        durable_through,
        committed_through: durable_through.saturating_sub(streams.commit_lag),
        expected: durable_through + 1,
        credit_bytes: 20_000,
        retry_after_ms: 0,
    }
}

fn enrol(body: &[u8], authority: &Authority) -> (u16, Vec<u8>) {
    let Ok(request) = EnrolRequest::from_bytes(body) else { return (400, Vec::new()) };
    if request.token != TOKEN {
        return (403, b"this token is not valid; ask for a new one".to_vec());
    }
    let csr = rcgen::CertificateSigningRequestParams::from_pem(&request.csr_pem).expect("a CSR");
    let certificate = csr.signed_by(&authority.issuer).expect("a certificate");
    let reply = EnrolReply {
        agent: AgentId::from_bits(11),
        device: DeviceId::from_bits(12),
        certificate_pem: certificate.pem(),
        ca_pem: authority.ca_pem.clone(),
    };
    (200, reply.to_bytes())
}

/// As the real server: a key gets one certificate, however often it asks.
fn renew(streams: &mut Streams, body: &[u8], authority: &Authority) -> Option<(u16, Vec<u8>)> {
    let Ok(request) = RenewRequest::from_bytes(body) else { return Some((400, Vec::new())) };
    let csr = rcgen::CertificateSigningRequestParams::from_pem(&request.csr_pem).expect("a CSR");
    let key = rcgen::PublicKeyData::der_bytes(&csr.public_key).to_vec();
    streams.renewal_keys.push(key.clone());
    let mut certificate_pem = authority.client(&csr.public_key, LIFE_DAYS);
    let fault = streams.renewal_faults.pop();
    match fault {
        Some(Fault::DropBefore) => return None,
        Some(Fault::Later) => return Some((503, Vec::new())),
        Some(Fault::Broken) => return Some((500, b"broken".to_vec())),
        Some(Fault::Refused) => return Some((403, b"the agent was replaced".to_vec())),
        Some(Fault::WrongKey) => {
            certificate_pem = authority.client(&KeyPair::generate().expect("a key"), LIFE_DAYS);
        }
        Some(Fault::WrongName) => {
            let nobody = CertificateParams::default();
            let certificate = nobody.signed_by(&csr.public_key, &authority.issuer);
            certificate_pem = certificate.expect("a certificate").pem();
        }
        Some(Fault::TooShort) => certificate_pem = authority.client(&csr.public_key, 1),
        Some(Fault::DropAnswer) | None => {
            certificate_pem = streams.renewed.entry(key).or_insert(certificate_pem).clone();
        }
    }
    let answer = RenewReply { certificate_pem }.to_bytes();
    (fault != Some(Fault::DropAnswer)).then_some((200, answer))
}
