//! An HTTP client with the behaviour of WinHTTP: connection reuse, time-outs, proxies, error classes.
//!
//! A [`Session`] belongs to one stack of one machine (ConfigMgr's messaging, the update agent,
//! BITS). Every exchange goes into the world's journal, above TLS, whether it succeeds or not.

mod connect;
mod failure;
mod proxy;
mod revocation;
mod session;
mod url;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cmsim_sim::SimTime;
use http::Method;

pub use proxy::{Bypass, ProxySetting};
pub use session::Session;
pub use url::{InvalidUrl, Url};

use crate::pki::{CertifiedKey, TrustStore};
use crate::tls::provider;

/// Most bytes of a response body. Longer ones fail as truncated: nothing the stack downloads is larger.
pub const MAX_BODY: usize = 512 * 1024 * 1024;

/// The time-outs of a session. Names resolve without one, as by default in WinHTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOuts {
    /// For the connection and again for the TLS handshake.
    pub connect: Duration,
    /// For the response head, counted from the moment the request is handed over, and for each
    /// further part of the body. A request that the server does not read ends with it too.
    pub receive: Duration,
}

impl Default for TimeOuts {
    /// 60 and 30 seconds, the defaults of `WinHttpSetTimeouts` (docs).
    fn default() -> Self {
        Self { connect: Duration::from_secs(60), receive: Duration::from_secs(30) }
    }
}

/// Everything that is set on a session.
#[derive(Clone, Debug)]
pub struct Options {
    /// The component under whose name exchanges stand in the journal.
    pub component: Arc<str>,
    /// The `User-Agent` of requests that bring none.
    pub user_agent: Option<String>,
    /// Time-outs.
    pub time_outs: TimeOuts,
    /// Proxy.
    pub proxy: ProxySetting,
    /// Authorities whose servers are trusted.
    pub trust: TrustStore,
    /// Most bytes of a response body.
    pub max_body: usize,
    /// Whether servers' certificates are looked up in their issuer's revocation list
    /// (`WINHTTP_ENABLE_SSL_REVOCATION`, off by default). A certificate that names no list passes.
    pub check_revocation: bool,
    identity: Option<Arc<rustls::sign::CertifiedKey>>,
}

impl Options {
    /// Direct connections, default time-outs, no user agent, no client certificate.
    #[must_use]
    pub fn new(component: &str, trust: TrustStore) -> Self {
        Self {
            component: component.into(),
            user_agent: None,
            time_outs: TimeOuts::default(),
            proxy: ProxySetting::Direct,
            trust,
            max_body: MAX_BODY,
            check_revocation: false,
            identity: None,
        }
    }

    /// Sets the user agent.
    #[must_use]
    pub fn user_agent(mut self, agent: &str) -> Self {
        self.user_agent = Some(agent.to_owned());
        self
    }

    /// Sets the certificate that is sent to a server that asks for one; `None` sends none.
    pub fn set_client_certificate(&mut self, certificate: Option<&CertifiedKey>) {
        self.identity = certificate.map(|certificate| {
            let key = provider()
                .key_provider
                .load_private_key(certificate.key.for_tls())
                .expect("the embedded keys can be loaded");
            Arc::new(rustls::sign::CertifiedKey::new(certificate.chain.clone(), key))
        });
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, `CCM_POST` among them.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers in order. `Connection`, `User-Agent`, `Content-Length` and `Host` are added if absent.
    pub headers: Vec<(String, String)>,
    /// The body, possibly empty.
    pub body: Bytes,
    /// Replaces the session's receive time-out.
    pub receive_time_out: Option<Duration>,
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: Vec::new(), body: Bytes::new(), receive_time_out: None }
    }

    /// Appends a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Reason phrase as sent.
    pub reason: String,
    /// Headers in the order received, names with capitals as servers write them.
    pub headers: Vec<(String, String)>,
    /// Body, framing removed.
    pub body: Bytes,
    /// The URL that was asked.
    pub url: Url,
    /// Bytes sent for this exchange, above TLS.
    pub sent: u64,
    /// Bytes received for this exchange, above TLS.
    pub received: u64,
    /// Number of the connection within the world.
    pub connection: u64,
    /// Whether the server asked for a client certificate when the connection was made.
    pub client_certificate_asked: bool,
    /// When the response head arrived.
    pub answered: SimTime,
}

impl Response {
    /// The first header of that name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.as_str())
    }
}
