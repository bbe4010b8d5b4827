//! The ways in which an HTTP exchange fails below HTTP.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why no HTTP answer arrived. What the network tells; agents turn it into codes by their own version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error, Serialize, Deserialize)]
pub enum TransportFailure {
    /// No name server knows the host name.
    #[error("the name could not be resolved")]
    NameNotResolved,
    /// The server answered the connection attempt with a reset: nothing listens, or a firewall rejects.
    #[error("the connection was refused")]
    Refused,
    /// No answer to the connection attempt within its time-out.
    #[error("no answer to the connection attempt")]
    ConnectTimeout,
    /// Connected, but no (complete) answer within the receive time-out.
    #[error("no answer within the time-out")]
    ResponseTimeout,
    /// The connection was reset.
    #[error("the connection was reset")]
    Reset,
    /// The server closed the connection before it answered.
    #[error("the connection was closed before an answer")]
    ClosedEarly,
    /// The connection ended inside the response body.
    #[error("the answer ended inside its body")]
    BodyTruncated,
    /// What came back is not HTTP.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// TLS could not be established.
    #[error("TLS: {0}")]
    Tls(#[from] TlsFailure),
    /// The proxy, not the server, is the reason.
    #[error("proxy: {0}")]
    Proxy(#[from] ProxyFailure),
}

/// Why a TLS session could not be established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error, Serialize, Deserialize)]
pub enum TlsFailure {
    /// No trusted authority issued the server's certificate.
    #[error("the certificate's issuer is not trusted")]
    Untrusted,
    /// The certificate does not carry the name the client asked for.
    #[error("the certificate is for another name")]
    Name,
    /// The certificate has expired.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate is not valid yet.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The server wants a client certificate and none was sent.
    #[error("the server requires a client certificate")]
    ClientCertificateNeeded,
    /// The server refused the client's certificate.
    #[error("the server rejected the client certificate")]
    Rejected,
    /// The certificate was revoked.
    #[error("the certificate was revoked")]
    Revoked,
    /// The revocation list could not be fetched.
    #[error("revocation could not be checked")]
    RevocationUnreachable,
    /// Client and server have no protocol version in common.
    #[error("no common protocol version")]
    NoCommonProtocol,
    /// Any other failure of the handshake.
    #[error("the secure channel could not be established")]
    Other,
}

/// Why the proxy could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error, Serialize, Deserialize)]
pub enum ProxyFailure {
    /// The proxy's name could not be resolved.
    #[error("its name could not be resolved")]
    NameNotResolved,
    /// The proxy refused the connection.
    #[error("it refused the connection")]
    Refused,
    /// The proxy answered CONNECT with 407.
    #[error("it requires authentication")]
    AuthenticationRequired,
    /// Automatic detection found no configuration.
    #[error("automatic detection failed")]
    AutoDetectionFailed,
}
