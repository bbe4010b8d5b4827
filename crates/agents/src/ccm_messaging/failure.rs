//! How a post failed, in the words and codes of the messaging log.

use cmsim_wire::hresult::{
    CCM_E_BAD_HTTP_STATUS_CODE, CCM_E_TRANSIENT, E_PENDING, HResult, TransportFailure, from_winhttp, winhttp_error,
};

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
            Self::Status(..) => CCM_E_BAD_HTTP_STATUS_CODE,
            Self::NoReply => HResult::S_OK,
            Self::Transport(failure) => from_winhttp(winhttp(*failure).0),
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
            Self::NoReply => E_PENDING,
            Self::Status(..) | Self::Transport(_) => CCM_E_TRANSIENT,
        }
    }
}

/// WinHTTP's number and name for a failure (docs: WinHTTP error messages).
fn winhttp(failure: TransportFailure) -> (u32, &'static str) {
    let number = winhttp_error(&failure);
    let name = match number {
        12002 => "ERROR_WINHTTP_TIMEOUT",
        12007 => "ERROR_WINHTTP_NAME_NOT_RESOLVED",
        12015 => "ERROR_WINHTTP_LOGIN_FAILURE",
        12029 => "ERROR_WINHTTP_CANNOT_CONNECT",
        12030 => "ERROR_WINHTTP_CONNECTION_ERROR",
        12037 => "ERROR_WINHTTP_SECURE_CERT_DATE_INVALID",
        12038 => "ERROR_WINHTTP_SECURE_CERT_CN_INVALID",
        12044 => "ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED",
        12045 => "ERROR_WINHTTP_SECURE_INVALID_CA",
        12057 => "ERROR_WINHTTP_SECURE_CERT_REV_FAILED",
        12152 => "ERROR_WINHTTP_INVALID_SERVER_RESPONSE",
        12157 => "ERROR_WINHTTP_SECURE_CHANNEL_ERROR",
        12170 => "ERROR_WINHTTP_SECURE_CERT_REVOKED",
        12175 => "ERROR_WINHTTP_SECURE_FAILURE",
        12180 => "ERROR_WINHTTP_AUTODETECTION_FAILED",
        _ => "ERROR_WINHTTP_INTERNAL_ERROR",
    };
    (number, name)
}
