//! The agents' listener: TLS 1.3, client certificates of our own authority. Enrolment is the one request
//! that may come without one.

use anyhow::{Context, anyhow};
use axum::Router;
use axum::extract::Extension;
use control::{Control, ServerIdentity};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// Connections at once; each agent holds one or two.
const CONNECTIONS_MAX: usize = 20_000;
/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long a client may take to send the head of a request.
const REQUEST_HEAD_MAX: Duration = Duration::from_secs(30);
/// Between two looks whether the server's own certificate is to be renewed.
const RENEWAL_CHECK: Duration = Duration::from_secs(60 * 60);

/// The certificate that the peer proved to hold, in DER; `None` before enrolment.
#[derive(Debug, Clone)]
pub(crate) struct PeerCertificate(pub(crate) Option<Arc<Vec<u8>>>);

/// The server's certificate and key as new connections see them; replaced while the server runs.
pub(crate) struct OwnCertificate(RwLock<Arc<CertifiedKey>>);

impl std::fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnCertificate").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl OwnCertificate {
    /// The one that control has now.
    pub(crate) fn of(identity: &ServerIdentity) -> anyhow::Result<Self> {
        Ok(Self(RwLock::new(Arc::new(certified(identity)?))))
    }

    /// Looks every hour whether control has, or should make, another certificate. What fails leaves the
    /// present one in use and is tried again an hour later: a third of its life is left for that.
    pub(crate) async fn keep_fresh(
        self: Arc<Self>,
        control: Arc<Control>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            tokio::select! {
                () = asked(&mut stop) => return,
                () = tokio::time::sleep(RENEWAL_CHECK) => {}
            }
            let (own, control) = (Arc::clone(&self), Arc::clone(&control));
            match tokio::task::spawn_blocking(move || own.refresh(&control)).await {
                Ok(Ok(true)) => {
                    tracing::info!("new connections see the renewed server certificate")
                }
                Ok(Ok(false)) => {}
                Ok(Err(err)) => {
                    tracing::error!(
                        error = format!("{err:#}"),
                        "could not renew the server's certificate"
                    );
                }
                Err(err) => {
                    tracing::error!(error = %err, "could not renew the server's certificate")
                }
            }
        }
    }

    /// Whether it is another one now.
    fn refresh(&self, control: &Control) -> anyhow::Result<bool> {
        control.renew_server_identity()?;
        let fresh = certified(&control.server_identity())?;
        let mut own = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Compared with what is shown, so that a certificate that could not be read once is taken later.
        let another = fresh.cert != own.cert;
        *own = Arc::new(fresh);
        Ok(another)
    }
}

fn certified(identity: &ServerIdentity) -> anyhow::Result<CertifiedKey> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|err| anyhow!("the server's certificate is not readable: {err}"))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())
        .map_err(|err| anyhow!("the server's key is not readable: {err}"))?;
    CertifiedKey::from_der(chain, key, &provider())
        .context("the server's certificate and key do not fit")
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// Makes the TLS settings from the installation's own authority.
pub(crate) fn settings(
    identity: &ServerIdentity,
    own: Arc<OwnCertificate>,
) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(provider());
    let mut roots = RootCertStore::empty();
    roots.add(
        CertificateDer::from_pem_slice(identity.ca_pem.as_bytes())
            .map_err(|err| anyhow!("{err}"))?,
    )?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .context("could not build the client verifier")?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(own);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Serves `router` until `stop` turns true; open connections may finish their request.
pub(crate) async fn serve(
    listener: TcpListener,
    config: ServerConfig,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = asked(&mut stop) => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(err) => {
                // Out of file descriptors, usually: wait for connections to end.
                tracing::warn!(error = %err, "could not accept an agent's connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(limit = CONNECTIONS_MAX, "refused an agent's connection: too many");
            continue;
        };
        let (acceptor, router, stop) = (acceptor.clone(), router.clone(), stop.clone());
        tokio::spawn(async move {
            if let Err(err) = connection(stream, &acceptor, router, stop).await {
                tracing::debug!(error = %err, "an agent's connection ended");
            }
            drop(place);
        });
    }
}

/// Returns when the server is asked to stop (or is gone, which asks for the same).
pub(super) async fn asked(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stopping| *stopping).await);
}

async fn connection(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let tls = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream))
        .await
        .context("handshake too slow")??;
    let certificate = tls.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let peer = PeerCertificate(certificate.map(|der| Arc::new(der.to_vec())));
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(REQUEST_HEAD_MAX);
    let served = builder.serve_connection(TokioIo::new(tls), service);
    tokio::pin!(served);
    tokio::select! {
        outcome = served.as_mut() => outcome.map_err(|err| anyhow!("{err}")),
        () = asked(&mut stop) => {
            served.as_mut().graceful_shutdown();
            served.await.map_err(|err| anyhow!("{err}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::fixture::Scene;
    use model::Clock as _;
    use rustls::{ClientConfig, ClientConnection, ServerConnection};
    use rustls_pki_types::UnixTime;

    const DAY_NS: i64 = 86_400_000_000_000;

    #[derive(Debug)]
    struct At(UnixTime);

    impl rustls::time_provider::TimeProvider for At {
        fn current_time(&self) -> Option<UnixTime> {
            Some(self.0)
        }
    }

    /// A handshake in memory at the scene's time; the certificate that the client accepted.
    fn handshake(scene: &Scene, config: &Arc<ServerConfig>) -> Result<Vec<u8>, rustls::Error> {
        let mut roots = RootCertStore::empty();
        let ca_pem = scene.control.server_identity().ca_pem;
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("an authority"))?;
        let seconds = u64::try_from(scene.clock.now().nanos() / 1_000_000_000).expect("after 1970");
        let time = Arc::new(At(UnixTime::since_unix_epoch(Duration::from_secs(seconds))));
        let client = ClientConfig::builder_with_details(Arc::new(provider()), time)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().expect("a name");
        let mut client = ClientConnection::new(Arc::new(client), name)?;
        let mut server = ServerConnection::new(Arc::clone(config))?;
        while client.is_handshaking() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).expect("memory");
            server.read_tls(&mut &bytes[..]).expect("memory");
            server.process_new_packets()?;
            bytes.clear();
            while server.wants_write() {
                server.write_tls(&mut bytes).expect("memory");
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                client.read_tls(&mut rest).expect("memory");
                client.process_new_packets()?;
            }
        }
        Ok(client.peer_certificates().and_then(|chain| chain.first()).expect("one").to_vec())
    }

    #[tokio::test]
    async fn a_server_that_runs_for_years_shows_a_certificate_that_is_valid() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let scene = Scene::empty(folder.path()).await.expect("a scene");
        let identity = scene.control.server_identity();
        let own = Arc::new(OwnCertificate::of(&identity).expect("a certificate"));
        let config = Arc::new(settings(&identity, Arc::clone(&own)).expect("settings"));
        let first = handshake(&scene, &config).expect("accepted");
        assert!(!own.refresh(&scene.control).expect("looked"), "nothing is due");
        let mut seen = vec![first];
        for _ in 0..4 {
            scene.clock.advance_ns(300 * DAY_NS);
            assert!(own.refresh(&scene.control).expect("renewed"));
            seen.push(handshake(&scene, &config).expect("accepted"));
        }
        seen.dedup();
        assert_eq!(seen.len(), 5, "a new certificate each time");
        // Without the look, the end is the end.
        scene.clock.advance_ns(400 * DAY_NS);
        handshake(&scene, &config).expect_err("expired");
        // A look that fails keeps what is there.
        let file = folder.path().join("authority/server.pem");
        let text = std::fs::read_to_string(&file).expect("read");
        std::fs::remove_file(&file).expect("removed");
        own.refresh(&scene.control).expect_err("nothing to read");
        std::fs::write(&file, text).expect("written");
        assert!(own.refresh(&scene.control).expect("renewed"));
        handshake(&scene, &config).expect("accepted again");
    }
}
