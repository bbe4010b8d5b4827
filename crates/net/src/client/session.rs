//! The session: one exchange after another, over connections that are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cmsim_sim::SimTime;
use cmsim_sim::journal::{Cause, Event, Exchange};
use cmsim_wire::hresult::{TlsFailure, TransportFailure};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;

use super::connect::{Connection, Opened, open};
use super::failure::{self, Phase};
use super::revocation;
use super::{Options, Request, Response, Url};
use crate::network::Network;

/// One HTTP stack of one machine. Cheap to clone; clones share settings and connections.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    network: Network,
    host: Arc<str>,
    options: Mutex<Arc<Options>>,
    idle: Mutex<BTreeMap<String, Vec<Connection>>>,
    /// Revocation lists by their URL.
    lists: Mutex<BTreeMap<String, Bytes>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} {})", self.0.host, self.options().component)
    }
}

impl Session {
    /// A session of `host` with its own connections.
    #[must_use]
    pub fn new(network: &Network, host: &str, options: Options) -> Self {
        Self(Arc::new(Inner {
            network: network.clone(),
            host: host.into(),
            options: Mutex::new(Arc::new(options)),
            idle: Mutex::default(),
            lists: Mutex::default(),
        }))
    }

    /// The settings in force.
    #[must_use]
    pub fn options(&self) -> Arc<Options> {
        Arc::clone(&self.0.options.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes settings for later exchanges and closes idle connections, so that no exchange uses
    /// one that was made under the old settings.
    pub fn configure(&self, change: impl FnOnce(&mut Options)) {
        let mut slot = self.0.options.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut slot));
        drop(slot);
        self.close_idle();
    }

    /// Closes the connections that no exchange uses.
    pub fn close_idle(&self) {
        let closed = std::mem::take(&mut *self.idle());
        drop(closed);
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Connection>>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request and waits for the complete answer, whatever its status. Redirects are not followed.
    ///
    /// A kept connection that turns out to be closed is replaced once, without a trace.
    ///
    /// # Errors
    /// The class of the failure if no complete answer arrived.
    pub async fn send(&self, request: Request) -> Result<Response, TransportFailure> {
        self.send_recorded(request).await.1
    }

    /// Like [`Session::send`]; says too what the exchange is as the cause of what its outcome leads to.
    pub async fn send_recorded(&self, request: Request) -> (Cause, Result<Response, TransportFailure>) {
        let options = self.options();
        let clock = self.0.network.clock();
        let who = format!("{} {}", self.0.host, options.component);
        let _waiting = clock.waits().enter(&who, &format!("the answer of {}", request.url), None);
        let mut trace = Trace::new(self.now());
        let headers = headers_to_send(&request, &options);
        let result = self.attempts(&request, &headers, &options, &mut trace).await;
        let number = self.record(&request, headers, &options.component, trace, &result);
        (Cause::Outcome(number), result)
    }

    fn now(&self) -> SimTime {
        self.0.network.clock().now()
    }

    async fn attempts(
        &self,
        request: &Request,
        headers: &[(String, String)],
        options: &Options,
        trace: &mut Trace,
    ) -> Result<Response, TransportFailure> {
        let key = pool_key(&request.url, options);
        if let Some(connection) = self.take_idle(&key).await {
            match self.exchange(connection, &key, request, headers, options, trace).await {
                Err(Failed { stale: true, .. }) => {}
                Err(failed) => return Err(failed.failure),
                Ok(response) => return Ok(response),
            }
        }
        *trace = Trace::new(self.now());
        trace.connecting = Some(trace.started);
        let opened = open(&self.0.network, &self.0.host, options, &request.url).await;
        trace.started = self.now();
        match opened? {
            Opened::Connection(connection) => {
                self.check_revocation(&connection, options).await?;
                trace.started = self.now();
                self.exchange(connection, &key, request, headers, options, trace).await.map_err(|failed| failed.failure)
            }
            Opened::ProxyAnswer(status, reason) => Ok(proxy_answer(request, status, reason, self.now())),
        }
    }

    /// Looks the server's certificate up in its issuer's list, which is an exchange of its own.
    async fn check_revocation(&self, connection: &Connection, options: &Options) -> Result<(), TransportFailure> {
        let Some(certificate) = connection.certificate.as_ref().filter(|_| options.check_revocation) else {
            return Ok(());
        };
        let Some(url) = revocation::list_url(certificate) else { return Ok(()) };
        let key = url.to_string();
        let now = self.0.network.time(&self.0.host);
        let authorities = options.trust.certificates();
        let known = self.lists().get(&key).cloned();
        if let Some(list) = known
            && let verdict = revocation::judge(certificate, &list, &authorities, now)
            && verdict != Err(TlsFailure::RevocationUnreachable)
        {
            return Ok(verdict?);
        }
        let request = Request::new(http::Method::GET, url).header("User-Agent", revocation::USER_AGENT);
        // Boxed, as it is a call of the same function; the URL is never https, so there is no third.
        let fetched = Box::pin(self.send(request)).await;
        let Some(list) = fetched.ok().filter(|response| response.status == 200).map(|response| response.body) else {
            return Err(TlsFailure::RevocationUnreachable.into());
        };
        let verdict = revocation::judge(certificate, &list, &authorities, now);
        self.lists().insert(key, list);
        Ok(verdict?)
    }

    fn lists(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kept connection that is still open.
    async fn take_idle(&self, key: &str) -> Option<Connection> {
        loop {
            let mut connection = self.idle().get_mut(key)?.pop()?;
            if connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        key: &str,
        request: &Request,
        headers: &[(String, String)],
        options: &Options,
        trace: &mut Trace,
    ) -> Result<Response, Failed> {
        let reused = trace.connecting.is_none();
        let before = connection.counts.now();
        trace.started = self.now();
        trace.server = Some((connection.endpoints.server.to_string(), connection.endpoints.connection));
        let limit = request.receive_time_out.unwrap_or(options.time_outs.receive);
        let message = match http_request(request, headers, options) {
            Ok(message) => message,
            Err(error) => {
                // WinHTTP refuses a header it cannot send before anything goes out; nobody asks for one.
                tracing::error!(%error, url = %request.url, "a request that cannot be put on the wire");
                return Err(Failed::now(TransportFailure::NotHttp));
            }
        };
        connection.requests += 1;
        trace.request = Some(connection.requests);
        let answer = self.received(&mut connection, message, limit, options.max_body, trace).await;
        let (head, body) = match answer {
            Ok(answer) => answer,
            Err(failure) => {
                let heard = connection.counts.now().1 > before.1;
                let lost = matches!(failure, TransportFailure::ClosedEarly | TransportFailure::Reset);
                let failure = connection.autopsy(&self.0.network, failure).await;
                return Err(Failed { failure, stale: reused && lost && !heard });
            }
        };
        let after = connection.counts.now();
        let response = Response {
            status: head.status.as_u16(),
            reason: reason(&head),
            headers: received_headers(&head.headers),
            body,
            url: request.url.clone(),
            sent: after.0 - before.0,
            received: after.1 - before.1,
            connection: connection.endpoints.connection,
            client_certificate_asked: connection.asked.load(Ordering::Relaxed),
            answered: trace.answered.unwrap_or_else(|| self.now()),
        };
        if !connection.sender.is_closed() {
            self.idle().entry(key.to_owned()).or_default().push(connection);
        }
        Ok(response)
    }

    /// Sends the message and reads head and body.
    async fn received(
        &self,
        connection: &mut Connection,
        message: http::Request<Full<Bytes>>,
        limit: Duration,
        max_body: usize,
        trace: &mut Trace,
    ) -> Result<(http::response::Parts, Bytes), TransportFailure> {
        let clock = self.0.network.clock();
        let asked = connection.asked.load(Ordering::Relaxed);
        let sending = connection.sender.send_request(message);
        let response = match clock.deadline(limit, sending).await {
            Err(_) => return Err(TransportFailure::ResponseTimeout),
            Ok(Err(error)) => return Err(failure::of_http(&error, Phase::Head, asked)),
            Ok(Ok(response)) => response,
        };
        trace.answered = Some(self.now());
        let (head, body) = response.into_parts();
        trace.status = Some((head.status.as_u16(), reason(&head)));
        trace.headers = received_headers(&head.headers);
        let body = self.read_body(body, limit, max_body, asked).await?;
        Ok((head, body))
    }

    async fn read_body(
        &self,
        mut body: Incoming,
        limit: Duration,
        max_body: usize,
        asked: bool,
    ) -> Result<Bytes, TransportFailure> {
        let mut whole = BytesMut::new();
        loop {
            let frame = match self.0.network.clock().deadline(limit, body.frame()).await {
                Err(_) => return Err(TransportFailure::ResponseTimeout),
                Ok(None) => return Ok(whole.freeze()),
                Ok(Some(Err(error))) => return Err(failure::of_http(&error, Phase::Body, asked)),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Some(data) = frame.data_ref() {
                if whole.len() + data.len() > max_body {
                    return Err(TransportFailure::BodyTruncated);
                }
                whole.extend_from_slice(data);
            }
        }
    }

    fn record(
        &self,
        request: &Request,
        request_headers: Vec<(String, String)>,
        component: &Arc<str>,
        trace: Trace,
        result: &Result<Response, TransportFailure>,
    ) -> usize {
        let journal = self.0.network.journal();
        let store = |bytes: &Bytes| (!bytes.is_empty()).then(|| journal.store(bytes));
        let (server, connection) = trace.server.unzip();
        let exchange = Exchange {
            started: trace.started,
            connecting: trace.connecting,
            answered: trace.answered,
            ended: self.now(),
            url: request.url.to_string(),
            method: request.method.to_string(),
            request_headers,
            request_body: store(&request.body),
            status: trace.status,
            response_headers: trace.headers,
            response_body: result.as_ref().ok().and_then(|response| store(&response.body)),
            failure: result.as_ref().err().map(ToString::to_string),
            server,
            connection,
            request: trace.request,
        };
        journal.record(&self.0.host, component, Event::Exchange(Box::new(exchange)))
    }
}

/// A failed attempt; `stale` if a kept connection had been closed before the server saw anything.
struct Failed {
    failure: TransportFailure,
    stale: bool,
}

impl Failed {
    fn now(failure: TransportFailure) -> Self {
        Self { failure, stale: false }
    }
}

/// What an exchange has found out so far.
struct Trace {
    started: SimTime,
    connecting: Option<SimTime>,
    answered: Option<SimTime>,
    status: Option<(u16, String)>,
    headers: Vec<(String, String)>,
    server: Option<(String, u64)>,
    /// Which request on its connection it is.
    request: Option<u32>,
}

impl Trace {
    fn new(now: SimTime) -> Self {
        let headers = Vec::new();
        Self { started: now, connecting: None, answered: None, status: None, headers, server: None, request: None }
    }
}

/// Connections with the same key can carry each other's requests.
fn pool_key(url: &Url, options: &Options) -> String {
    let scheme = if url.is_secure() { "https" } else { "http" };
    let origin = format!("{scheme}://{}:{}", url.host().to_ascii_lowercase(), url.port());
    match options.proxy_for(url) {
        None => origin,
        Some((proxy, port)) if url.is_secure() => format!("{origin} through {proxy}:{port}"),
        Some((proxy, port)) => format!("proxy {proxy}:{port}"),
    }
}

/// The headers of the request in the order in which they go out.
fn headers_to_send(request: &Request, options: &Options) -> Vec<(String, String)> {
    let has = |name: &str| {
        let mut names = request.headers.iter();
        names.any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    let header = |name: &str, value: String| (name.to_owned(), value);
    let through_proxy = !request.url.is_secure() && options.proxy_for(&request.url).is_some();
    let connection = if through_proxy { "Proxy-Connection" } else { "Connection" };
    let mut headers = Vec::new();
    if !has(connection) {
        headers.push(header(connection, "Keep-Alive".to_owned()));
    }
    headers.extend(request.headers.iter().cloned());
    if let Some(agent) = options.user_agent.as_ref().filter(|_| !has("User-Agent")) {
        headers.push(header("User-Agent", agent.clone()));
    }
    let sends_body = !request.body.is_empty() || request.method.as_str().ends_with("POST");
    if sends_body && !has("Content-Length") {
        headers.push(header("Content-Length", request.body.len().to_string()));
    }
    if !has("Host") {
        headers.push(header("Host", request.url.authority()));
    }
    headers
}

fn http_request(
    request: &Request,
    headers: &[(String, String)],
    options: &Options,
) -> Result<http::Request<Full<Bytes>>, http::Error> {
    let absolute = !request.url.is_secure() && options.proxy_for(&request.url).is_some();
    let target = if absolute { request.url.as_str() } else { request.url.target() };
    let mut message =
        http::Request::builder().method(request.method.clone()).uri(target).body(Full::new(request.body.clone()))?;
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        message.headers_mut().append(name, HeaderValue::from_str(value)?);
    }
    Ok(message)
}

fn reason(head: &http::response::Parts) -> String {
    match head.extensions.get::<ReasonPhrase>() {
        Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
        None => head.status.canonical_reason().unwrap_or_default().to_owned(),
    }
}

fn received_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (written_name(name), text(value))).collect()
}

/// The name with a capital after each hyphen, as servers write it; the library keeps small letters only.
fn written_name(name: &HeaderName) -> String {
    match name.as_str() {
        "etag" => return "ETag".to_owned(),
        "www-authenticate" => return "WWW-Authenticate".to_owned(),
        "x-aspnet-version" => return "X-AspNet-Version".to_owned(),
        _ => {}
    }
    let parts = name.as_str().split('-').map(|part| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    parts.collect::<Vec<_>>().join("-")
}

fn proxy_answer(request: &Request, status: StatusCode, reason: String, answered: SimTime) -> Response {
    Response {
        status: status.as_u16(),
        reason,
        headers: Vec::new(),
        body: Bytes::new(),
        url: request.url.clone(),
        sent: 0,
        received: 0,
        connection: 0,
        client_certificate_asked: false,
        answered,
    }
}
