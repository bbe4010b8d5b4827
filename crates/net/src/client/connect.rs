//! Opening a connection: name, proxy, TLS, HTTP.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use cmsim_wire::hresult::{ProxyFailure, TlsFailure, TransportFailure};
use http::StatusCode;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::failure::{self, Phase};
use super::proxy::{Tunnel, tunnel};
use super::{Options, ProxySetting, Url};
use crate::network::Network;
use crate::stream::{Endpoints, Stream};
use crate::tls::{HostTime, provider, wire_versions};

/// How long a failed exchange waits for its connection to say why.
const AFTERMATH: Duration = Duration::from_secs(1);

/// An open HTTP connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) counts: Arc<Counts>,
    /// Requests handed over so far.
    pub(super) requests: u32,
    pub(super) asked: Arc<AtomicBool>,
    /// The server's certificate, on a secure connection.
    pub(super) certificate: Option<CertificateDer<'static>>,
    task: Option<JoinHandle<Result<(), hyper::Error>>>,
}

/// Bytes above TLS that a connection has carried.
#[derive(Debug, Default)]
pub(super) struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counts {
    /// Bytes sent and received so far.
    pub(super) fn now(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }
}

/// What asking for a connection gives.
pub(super) enum Opened {
    Connection(Connection),
    /// The proxy answered instead of opening a tunnel.
    ProxyAnswer(StatusCode, String),
}

impl Connection {
    /// What the connection itself died of, if it did; `failure` is what the exchange saw.
    pub(super) async fn autopsy(mut self, network: &Network, failure: TransportFailure) -> TransportFailure {
        let asked = self.asked.load(Ordering::Relaxed);
        let Some(task) = self.task.take() else { return failure };
        let abort = task.abort_handle();
        // Without its sender the connection ends, if it has not already.
        drop(self);
        let ended = network.clock().deadline(AFTERMATH, task).await;
        abort.abort();
        let cause = match ended {
            Ok(Ok(Err(error))) => Some(failure::of_http(&error, Phase::Head, asked)),
            _ => None,
        };
        failure::better(failure, cause)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Opens a connection for `url` from `host`.
pub(super) async fn open(
    network: &Network,
    host: &str,
    options: &Options,
    url: &Url,
) -> Result<Opened, TransportFailure> {
    let limit = options.time_outs.connect;
    let stream = match options.proxy_for(url) {
        None => reach(network, host, url.host(), url.port(), limit).await?,
        Some((proxy, port)) => {
            let stream = reach(network, host, proxy, port, limit).await.map_err(proxy_failure)?;
            if !url.is_secure() {
                return speak_http(stream.endpoints().clone(), Arc::default(), stream).await;
            }
            let asking = tunnel(stream, url, options.user_agent.as_deref());
            let answer = network.clock().deadline(options.time_outs.receive, asking).await;
            let answer = answer.map_err(|_| TransportFailure::ResponseTimeout)?;
            match answer.map_err(|error| failure::of_io(&error, Phase::Head, false))? {
                Tunnel::Open(stream) => stream,
                Tunnel::AuthenticationRequired => return Err(ProxyFailure::AuthenticationRequired.into()),
                Tunnel::Denied(status, reason) => return Ok(Opened::ProxyAnswer(status, reason)),
                Tunnel::NotHttp => return Err(TransportFailure::NotHttp),
            }
        }
    };
    let endpoints = Arc::clone(stream.endpoints());
    if !url.is_secure() {
        return speak_http(endpoints, Arc::default(), stream).await;
    }
    let asked = Arc::new(AtomicBool::new(false));
    let handshake = secure(network, host, options, url, stream, &asked);
    let stream = match network.clock().deadline(limit, handshake).await {
        Ok(result) => result?,
        Err(_) => return Err(TransportFailure::ConnectTimeout),
    };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificate = chain.first().cloned();
    let mut opened = speak_http(endpoints, asked, stream).await?;
    if let Opened::Connection(connection) = &mut opened {
        connection.certificate = certificate;
    }
    Ok(opened)
}

fn proxy_failure(failure: TransportFailure) -> TransportFailure {
    match failure {
        TransportFailure::NameNotResolved => ProxyFailure::NameNotResolved.into(),
        TransportFailure::Refused => ProxyFailure::Refused.into(),
        other => other,
    }
}

/// Resolves and connects, trying the addresses of the name in order until one accepts.
async fn reach(
    network: &Network,
    from: &str,
    name: &str,
    port: u16,
    limit: Duration,
) -> Result<Stream, TransportFailure> {
    let mut failure = TransportFailure::NameNotResolved;
    for address in network.resolve(from, name) {
        match network.connect(from, SocketAddr::from((address, port)), limit).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn secure(
    network: &Network,
    host: &str,
    options: &Options,
    url: &Url,
    stream: Stream,
    asked: &Arc<AtomicBool>,
) -> Result<tokio_rustls::client::TlsStream<Stream>, TransportFailure> {
    let versions = wire_versions(&network.protocols(host).client);
    let name = ServerName::try_from(url.host().to_owned()).map_err(|_| TlsFailure::Name)?;
    let time = Arc::new(HostTime::new(network, host));
    let mut config = ClientConfig::builder_with_details(provider(), time)
        .with_protocol_versions(&versions)
        .map_err(|_| TlsFailure::NoCommonProtocol)?
        .with_root_certificates(options.trust.roots())
        .with_client_cert_resolver(Arc::new(Identity { key: options.identity.clone(), asked: Arc::clone(asked) }));
    // A resumed session would not check the certificate again, whatever the time.
    config.resumption = Resumption::disabled();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| {
        let none_sent = asked.load(Ordering::Relaxed) && options.identity.is_none();
        failure::of_io(&error, Phase::Head, none_sent)
    })
}

async fn speak_http<Io>(
    endpoints: Arc<Endpoints>,
    asked: Arc<AtomicBool>,
    stream: Io,
) -> Result<Opened, TransportFailure>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let counts = Arc::new(Counts::default());
    let io = TokioIo::new(Counted { io: stream, counts: Arc::clone(&counts) });
    let (sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .handshake(io)
        .await
        .map_err(|error| failure::of_http(&error, Phase::Head, false))?;
    let task = tokio::spawn(connection);
    let (requests, certificate, task) = (0, None, Some(task));
    Ok(Opened::Connection(Connection { sender, endpoints, counts, requests, asked, certificate, task }))
}

impl Options {
    /// Name and port of the proxy for `url`, unless it is reached directly.
    pub(super) fn proxy_for(&self, url: &Url) -> Option<(&str, u16)> {
        match &self.proxy {
            ProxySetting::Static { host, port, bypass } if !bypass.contains(url.host()) => Some((host, *port)),
            _ => None,
        }
    }
}

/// The client's certificate, and a note whether the server asked for one.
struct Identity {
    key: Option<Arc<CertifiedKey>>,
    asked: Arc<AtomicBool>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        // Always, else the library does not ask and the note is not made.
        true
    }
}

/// Counts the bytes above TLS.
struct Counted<Io> {
    io: Io,
    counts: Arc<Counts>,
}

impl<Io: AsyncRead + Unpin> AsyncRead for Counted<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        self.counts.received.fetch_add(read as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Counted<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
        self.counts.sent.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
