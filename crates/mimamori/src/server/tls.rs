//! The agents' listener: TLS 1.3, client certificates of our own authority. Enrolment is the one request
//! that may come without one.

use anyhow::{Context, anyhow};
use axum::Router;
use axum::extract::Extension;
use control::ServerIdentity;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
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

/// The certificate that the peer proved to hold, in DER; `None` before enrolment.
#[derive(Debug, Clone)]
pub(crate) struct PeerCertificate(pub(crate) Option<Arc<Vec<u8>>>);

/// Makes the TLS settings from the installation's own authority.
pub(crate) fn settings(identity: &ServerIdentity) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
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
    let chain = CertificateDer::pem_slice_iter(identity.certificate_chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|err| anyhow!("the server's certificate is not readable: {err}"))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())
        .map_err(|err| anyhow!("the server's key is not readable: {err}"))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .context("the server's certificate and key do not fit")?;
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
async fn asked(stop: &mut watch::Receiver<bool>) {
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
