//! The TLS handshake of the server's side.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cmsim_sim::Clock;
use cmsim_wire::hresult::TlsFailure;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider as _;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ProtocolVersion, ServerConfig, SignatureScheme,
};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::{ClientCertificate, ClientCertificates, HEADER_TIMEOUT, TlsPeer, TlsSettings};
use crate::network::{Network, WeakNetwork};
use crate::pki::TrustStore;
use crate::stream::Stream;
use crate::tls::{HostTime, PROTOCOL_VERSION_ALERT, TlsVersion, provider, wire_versions};

/// How long a server listens to a client that it has sent an alert, so that the alert is not lost in a reset.
const LINGER: Duration = Duration::from_secs(2);

/// Makes TLS handshakes for one listener.
#[derive(Clone)]
pub(super) struct TlsDoor {
    /// Weak, so that a running server does not keep its network alive.
    network: WeakNetwork,
    time: HostTime,
    host: Arc<str>,
    certificate: Arc<OneCertificate>,
    client_certificates: ClientCertificates,
}

/// Why a handshake failed.
#[derive(Debug, Error)]
pub(super) enum HandshakeError {
    /// The client took too long.
    #[error("the handshake took too long")]
    Timeout,
    /// No version in common.
    #[error("no common protocol version")]
    NoCommonProtocol,
    /// TLS or the connection failed.
    #[error("{0}")]
    Failed(#[from] io::Error),
    /// The settings cannot be used.
    #[error("the server's TLS settings are unusable")]
    Settings(#[from] rustls::Error),
}

impl TlsDoor {
    pub(super) fn new(network: &Network, host: &Arc<str>, settings: TlsSettings) -> Self {
        let key = provider()
            .key_provider
            .load_private_key(settings.certificate.key.for_tls())
            .expect("the embedded keys can be loaded");
        let certificate = CertifiedKey::new(settings.certificate.chain, key);
        Self {
            network: network.downgrade(),
            time: HostTime::new(network, host),
            host: Arc::clone(host),
            certificate: Arc::new(OneCertificate(Arc::new(certificate))),
            client_certificates: settings.client_certificates,
        }
    }

    pub(super) async fn accept(
        &self,
        stream: Stream,
        clock: &Clock,
    ) -> Result<(TlsStream<Stream>, TlsPeer), HandshakeError> {
        clock.deadline(HEADER_TIMEOUT, self.handshake(stream, clock)).await.unwrap_or(Err(HandshakeError::Timeout))
    }

    async fn handshake(&self, stream: Stream, clock: &Clock) -> Result<(TlsStream<Stream>, TlsPeer), HandshakeError> {
        let versions = self.common_versions(stream.endpoints().client_host.as_deref());
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        if versions.is_empty() {
            let mut stream = start.io;
            stream.write_all(&PROTOCOL_VERSION_ALERT).await?;
            linger(stream, clock).await;
            return Err(HandshakeError::NoCommonProtocol);
        }
        let server_name = start.client_hello().server_name().map(str::to_owned);
        let config = Arc::new(self.config(&versions)?);
        let stream = match start.into_stream(config).into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                linger(stream, clock).await;
                return Err(error.into());
            }
        };
        let (_, session) = stream.get_ref();
        let is_13 = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let mut older = versions.iter().rev().filter(|version| **version != TlsVersion::Tls13);
        let version = if is_13 { TlsVersion::Tls13 } else { older.next().copied().unwrap_or(TlsVersion::Tls12) };
        let client_certificate = session.peer_certificates().and_then(|chain| self.judge(chain));
        let found = TlsPeer { version, server_name, client_certificate };
        Ok((stream, found))
    }

    /// The versions both hosts have. A program outside the world says itself what it has.
    fn common_versions(&self, client: Option<&str>) -> BTreeSet<TlsVersion> {
        let Some(network) = self.network.upgrade() else {
            return BTreeSet::new();
        };
        let server = network.protocols(&self.host).server;
        match client {
            Some(client) => &network.protocols(client).client & &server,
            None => server,
        }
    }

    fn config(&self, versions: &BTreeSet<TlsVersion>) -> Result<ServerConfig, rustls::Error> {
        let wire = wire_versions(versions);
        let time = Arc::new(self.time.clone());
        let builder = ServerConfig::builder_with_details(provider(), time).with_protocol_versions(&wire)?;
        let builder = match self.verifier() {
            Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&self.certificate) as Arc<dyn ResolvesServerCert>);
        // Resumed sessions would skip the certificate checks that a world's clock may change.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }

    fn verifier(&self) -> Option<ClientVerifier> {
        let (store, mandatory) = match &self.client_certificates {
            ClientCertificates::Ignore => return None,
            ClientCertificates::Accept(store) => (store, false),
            ClientCertificates::Require(store) => (store, true),
        };
        Some(ClientVerifier {
            chain: chain_verifier(store),
            mandatory,
            algorithms: provider().signature_verification_algorithms,
        })
    }

    /// What the server thinks of the certificate that the client showed.
    fn judge(&self, chain: &[CertificateDer<'static>]) -> Option<ClientCertificate> {
        let (ClientCertificates::Accept(store) | ClientCertificates::Require(store)) = &self.client_certificates else {
            return None;
        };
        let (certificate, issuers) = chain.split_first()?;
        let trust = match (chain_verifier(store), self.time.current_time()) {
            (Some(verifier), Some(now)) => match verifier.verify_client_cert(certificate, issuers, now) {
                Ok(_) => Ok(()),
                Err(error) => Err(crate::tls::classify(&error, false)),
            },
            _ => Err(TlsFailure::Untrusted),
        };
        Some(ClientCertificate { certificate: certificate.clone(), trust })
    }
}

/// Ends a connection so that what was written last is read: waits for the client's end for a while.
async fn linger(mut stream: Stream, clock: &Clock) {
    let wait = async {
        let mut waste = [0; 1024];
        if stream.shutdown().await.is_ok() {
            while stream.read(&mut waste).await.is_ok_and(|read| read > 0) {}
        }
    };
    // Whether the client closed in time makes no difference.
    let _ = clock.deadline(LINGER, wait).await;
}

/// A verifier of client chains, or `None` for a store without any usable root.
fn chain_verifier(store: &TrustStore) -> Option<Arc<dyn ClientCertVerifier>> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(store.roots()), provider()).build().ok()
}

struct OneCertificate(Arc<CertifiedKey>);

impl fmt::Debug for OneCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneCertificate")
    }
}

impl ResolvesServerCert for OneCertificate {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Asks for a client certificate. Optional ones pass whoever issued them, as the answer to that is IIS's.
#[derive(Debug)]
struct ClientVerifier {
    chain: Option<Arc<dyn ClientCertVerifier>>,
    mandatory: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        match &self.chain {
            _ if !self.mandatory => Ok(ClientCertVerified::assertion()),
            Some(chain) => chain.verify_client_cert(end_entity, intermediates, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
