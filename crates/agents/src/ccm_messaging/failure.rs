//! How a post failed, in the words and codes of the messaging log.

use cmsim_wire::hresult::{HResult, ProxyFailure, TlsFailure, TransportFailure};

/// `CCM_E_BAD_HTTP_STATUS_CODE` (field).
const BAD_STATUS: HResult = HResult(0x87D0_027E);
/// `E_PENDING`-like code of a 200 without a reply (field).
pub(super) const NO_REPLY: HResult = HResult(0x8000_000A);
/// What the outgoing queue says about any other failed post (field).
pub(super) const POST_FAILED: HResult = HResult(0x87D0_0231);

/// One failed post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The management point answered with another status than 200.
    Status(u16, String),
    /// It answered 200 with nothing in it, or nothing that can be read.
    NoReply,
    /// It did not answer.
    Transport(TransportFailure),
}

impl Failure {
    /// `Code` and `Text` of the CCMHTTP error line; none for an answer without reply, which is no HTTP error.
    pub(super) fn http_error(&self) -> Option<(u32, &'static str)> {
        match self {
            Self::Status(..) => Some((0, "CCM_E_BAD_HTTP_STATUS_CODE")),
            Self::NoReply => None,
            Self::Transport(failure) => Some(winhttp(*failure)),
        }
    }

    /// `HRESULT` of the status event.
    pub(super) fn event_code(&self) -> HResult {
        match self {
            Self::Status(..) => BAD_STATUS,
            Self::NoReply => HResult::S_OK,
            Self::Transport(failure) => HResult(0x8007_0000 + winhttp(*failure).0),
        }
    }

    /// `StatusCode` of the status event.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Status(status, _) => *status,
            Self::NoReply | Self::Transport(_) => 0,
        }
    }

    /// The code in `Post to … failed with …`.
    pub(super) fn queue_code(&self) -> HResult {
        match self {
            Self::NoReply => NO_REPLY,
            Self::Status(..) | Self::Transport(_) => POST_FAILED,
        }
    }
}

/// WinHTTP's number and name for a failure (docs: WinHTTP error messages).
fn winhttp(failure: TransportFailure) -> (u32, &'static str) {
    match failure {
        TransportFailure::NameNotResolved | TransportFailure::Proxy(ProxyFailure::NameNotResolved) => {
            (12007, "ERROR_WINHTTP_NAME_NOT_RESOLVED")
        }
        TransportFailure::Refused | TransportFailure::Proxy(ProxyFailure::Refused) => {
            (12029, "ERROR_WINHTTP_CANNOT_CONNECT")
        }
        TransportFailure::ConnectTimeout | TransportFailure::ResponseTimeout => (12002, "ERROR_WINHTTP_TIMEOUT"),
        TransportFailure::Reset | TransportFailure::ClosedEarly | TransportFailure::BodyTruncated => {
            (12030, "ERROR_WINHTTP_CONNECTION_ERROR")
        }
        TransportFailure::NotHttp => (12152, "ERROR_WINHTTP_INVALID_SERVER_RESPONSE"),
        TransportFailure::Tls(TlsFailure::ClientCertificateNeeded) => (12044, "ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED"),
        TransportFailure::Tls(TlsFailure::NoCommonProtocol) => (12030, "ERROR_WINHTTP_CONNECTION_ERROR"),
        TransportFailure::Tls(_) => (12175, "ERROR_WINHTTP_SECURE_FAILURE"),
        TransportFailure::Proxy(ProxyFailure::AuthenticationRequired) => (0, "CCM_E_BAD_HTTP_STATUS_CODE"),
        TransportFailure::Proxy(ProxyFailure::AutoDetectionFailed) => (12180, "ERROR_WINHTTP_AUTODETECTION_FAILED"),
    }
}
