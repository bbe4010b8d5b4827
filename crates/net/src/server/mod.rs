//! The HTTP/1.1 server loop of both networks.
//!
//! One task accepts; each connection has a task of its own, which makes the TLS handshake too, so
//! that a slow client holds up nobody. The service gets an `Arc<`[`Peer`]`>` in the request's
//! extensions. When an exchange is over an [`Observer`] gets its exact byte counts above TLS: a
//! counting stream sees every byte, and the end of the answer is the first flush after its body.

mod accept;
mod head;
mod ledger;
mod watched;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cmsim_sim::journal;
use cmsim_sim::{Clock, SimTime};
use cmsim_wire::hresult::TlsFailure;
use http::{Extensions, HeaderMap, Method, StatusCode, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tower::Service;

use crate::network::{Listener, Network};
use crate::pki::{CertifiedKey, TrustStore};
use crate::stream::Stream;
use crate::tls::TlsVersion;

pub use head::HeadRefusal;

use ledger::{Counting, Ledger};
use watched::{Watched, WatchedService};

/// How long a client may take for a request head, and how long an idle connection stays open:
/// the `connectionTimeout` of IIS.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest request head in bytes: `MaxRequestBytes` of HTTP.sys.
pub const MAX_HEAD: usize = 16 * 1024;
/// Most header lines of a request.
pub const MAX_HEADERS: usize = 100;
/// Most connections of one listener at a time; further ones wait to be accepted.
pub const MAX_CONNECTIONS: usize = 10_000;

/// Who sent a request, and how it came in. Found in the request's extensions as `Arc<Peer>`.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The client's host; `None` for a program outside the world.
    pub host: Option<Arc<str>>,
    /// The client's address and port.
    pub client: SocketAddr,
    /// The host that was reached.
    pub server_host: Arc<str>,
    /// The address and port that were reached.
    pub server: SocketAddr,
    /// Number of the connection within the world.
    pub connection: u64,
    /// What TLS found out, on an encrypted connection.
    pub tls: Option<TlsPeer>,
}

/// What the TLS handshake found out about a client.
#[derive(Debug, Clone)]
pub struct TlsPeer {
    /// The version that the two hosts agreed on.
    pub version: TlsVersion,
    /// The server name that the client asked for.
    pub server_name: Option<String>,
    /// The client's certificate, if it sent one.
    pub client_certificate: Option<ClientCertificate>,
}

/// A certificate that a client proved to own the key of.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// The certificate, DER.
    pub certificate: CertificateDer<'static>,
    /// Whether the server trusts it, and why not.
    pub trust: Result<(), TlsFailure>,
}

/// What a TLS listener does about client certificates.
#[derive(Debug, Clone)]
pub enum ClientCertificates {
    /// Asks for none.
    Ignore,
    /// Asks, takes any whose key the client has, and reports whether the store trusts it. The
    /// layer above decides, as IIS does with 403.7 and 403.16.
    Accept(TrustStore),
    /// Ends the handshake with an alert unless the client has one that the store trusts.
    Require(TrustStore),
}

/// The TLS side of a listener.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// The server's certificate.
    pub certificate: CertifiedKey,
    /// What happens about client certificates.
    pub client_certificates: ClientCertificates,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The answer went out completely.
    Complete,
    /// The connection ended before: the client gave up or lost it.
    ClientGone,
}

/// One finished exchange as the server saw it.
#[derive(Debug)]
pub struct Exchange {
    /// Who asked.
    pub peer: Arc<Peer>,
    /// Request method.
    pub method: Method,
    /// Request target as sent.
    pub target: Uri,
    /// HTTP version of the request.
    pub version: Version,
    /// Request headers.
    pub headers: HeaderMap,
    /// Status of the answer; `None` if the service gave none before the client went away.
    pub status: Option<StatusCode>,
    /// Extensions of the answer: what layers tell the observer, and [`HeadRefusal`].
    pub extensions: Extensions,
    /// Bytes that came in for this exchange, head and framing included.
    pub received: u64,
    /// Bytes that went out for this exchange, head and framing included.
    pub sent: u64,
    /// When the first byte of the request came in.
    pub began: SimTime,
    /// When the last byte of the answer went out or the connection ended.
    pub ended: SimTime,
    /// How it ended.
    pub outcome: Outcome,
}

/// Why a connection ended without an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// What came in is not HTTP; answered with 400.
    BadRequest,
    /// The request head is too long; answered with 431.
    HeadTooLong,
    /// A request head was begun and not ended in time.
    HeaderTimeout,
    /// The connection was idle for too long.
    Idle,
    /// The TLS handshake failed.
    Handshake,
}

/// Hears what a server did.
pub trait Observer: Send + Sync + 'static {
    /// An exchange is over.
    fn exchange(&self, exchange: Exchange);

    /// A connection ended for another reason than an orderly close.
    fn ending(&self, peer: &Peer, ending: Ending) {
        tracing::debug!(client = %peer.client, ?ending, "connection ended");
    }
}

/// Nobody listens.
impl Observer for () {
    fn exchange(&self, _exchange: Exchange) {}
}

/// A running server. Dropping it closes its port and ends its connections.
#[derive(Debug)]
#[must_use = "a server ends when its handle is dropped"]
pub struct Server {
    host: Arc<str>,
    port: u16,
    real: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// The host it runs on.
    #[must_use]
    pub fn host(&self) -> &Arc<str> {
        &self.host
    }

    /// The simulated port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The real address behind the port, if there is a socket.
    #[must_use]
    pub fn real_address(&self) -> Option<SocketAddr> {
        self.real
    }

    /// Closes the port, lets running exchanges end, and returns when they have.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "a server's accept loop failed");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves what connects to `listener` with clones of `service` (an axum `Router` fits).
///
/// Must be called inside the world's runtime.
pub fn serve<S, B>(
    network: &Network,
    listener: Listener,
    tls: Option<TlsSettings>,
    service: S,
    observer: Arc<dyn Observer>,
) -> Server
where
    S: Service<http::Request<Incoming>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (stop, stopped) = watch::channel(false);
    let (host, port, real) = (Arc::clone(listener.host()), listener.port(), listener.real_address());
    let connections = Connections {
        clock: network.clock().clone(),
        tls: tls.map(|settings| accept::TlsDoor::new(network, &host, settings)),
        service,
        observer,
        stopped,
    };
    let task = tokio::spawn(connections.run(listener));
    Server { host, port, real, stop, task }
}

/// The accept loop, and what each connection needs.
#[derive(Clone)]
struct Connections<S> {
    clock: Clock,
    tls: Option<accept::TlsDoor>,
    service: S,
    observer: Arc<dyn Observer>,
    stopped: watch::Receiver<bool>,
}

impl<S, B> Connections<S>
where
    S: Service<http::Request<Incoming>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    async fn run(self, mut listener: Listener) {
        let mut tasks = JoinSet::new();
        let mut stopped = self.stopped.clone();
        let closing = listener.closing();
        loop {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                Some(ended) = tasks.join_next() => report_panic(ended),
                stream = listener.accept(), if tasks.len() < MAX_CONNECTIONS => match stream {
                    Some(stream) => {
                        tasks.spawn(self.clone().connection(stream, closing.clone()));
                    }
                    None => break,
                },
            }
        }
        drop(listener);
        while let Some(ended) = tasks.join_next().await {
            report_panic(ended);
        }
    }

    async fn connection(self, stream: Stream, closing: watch::Receiver<bool>) {
        let endpoints = Arc::clone(stream.endpoints());
        let mut peer = Peer {
            host: endpoints.client_host.clone(),
            client: endpoints.client,
            server_host: Arc::clone(&endpoints.server_host),
            server: endpoints.server,
            connection: endpoints.connection,
            tls: None,
        };
        let Some(tls) = &self.tls else {
            return self.http(stream, peer, closing).await;
        };
        match tls.accept(stream, &self.clock).await {
            Ok((stream, found)) => {
                peer.tls = Some(found);
                self.http(stream, peer, closing).await;
            }
            Err(error) => {
                tracing::debug!(client = %peer.client, %error, "TLS handshake failed");
                self.observer.ending(&peer, Ending::Handshake);
            }
        }
    }

    async fn http<Io>(self, stream: Io, peer: Peer, mut closing: watch::Receiver<bool>)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = Arc::new(peer);
        let header_timeout = self.clock.runtime_limit(HEADER_TIMEOUT);
        let ledger = Ledger::new(self.clock, Arc::clone(&peer), Arc::clone(&self.observer));
        let io = TokioIo::new(Counting::new(stream, Arc::clone(&ledger)));
        let service = WatchedService::new(self.service, Arc::clone(&ledger));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .auto_date_header(false)
            .title_case_headers(true)
            .header_read_timeout(header_timeout)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .serve_connection(io, service);
        tokio::pin!(connection);
        let mut stopped = self.stopped;
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = async {
                tokio::select! {
                    biased;
                    _ = stopped.wait_for(|stop| *stop) => {}
                    _ = closing.wait_for(|closing| *closing) => {}
                }
            } => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            let ending = if error.is_parse_too_large() {
                Ending::HeadTooLong
            } else if error.is_parse() {
                Ending::BadRequest
            } else if error.is_timeout() && ledger.inside_a_request() {
                Ending::HeaderTimeout
            } else if error.is_timeout() {
                Ending::Idle
            } else {
                // The client went away; an exchange that this cut short is reported by the stream's end.
                return;
            };
            // An idle connection ends by itself; everything else is about the request that was coming in.
            let cause = (ending != Ending::Idle).then(|| ledger.next_request());
            journal::while_caused_by(cause, || self.observer.ending(&peer, ending));
        }
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// The answer to a request head that is refused before the service sees it.
fn refuse<B>(refusal: HeadRefusal) -> http::Response<Watched<B>> {
    let mut response = http::Response::new(Watched::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let close = http::HeaderValue::from_static("close");
    response.headers_mut().insert(http::header::CONNECTION, close);
    response.extensions_mut().insert(refusal);
    response
}
