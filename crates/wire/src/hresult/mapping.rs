//! Which cause on the wire becomes which code, by agent generation. A table: what the references leave open is
//! decided here, once, and said so.

use super::{HResult, ProxyFailure, TlsFailure, TransportFailure};
use crate::profile::WuaGeneration;

/// The HTTP status was not one the messaging client accepts (field: client logs).
pub const CCM_E_BAD_HTTP_STATUS_CODE: HResult = HResult(0x87D0_027E);
/// A message could not be posted; the client tries again (field: client logs).
pub const CCM_E_TRANSIENT: HResult = HResult(0x87D0_0231);
/// HTTP success without a reply message (capture: client logs).
pub const E_PENDING: HResult = HResult(0x8000_000A);
/// The answer was a SOAP fault that no recovery cured (docs: MS-WUSP, KB 4096317).
pub const WU_E_PT_SOAPCLIENT_SOAPFAULT: HResult = HResult(0x8024_4007);
/// More than 200 round trips in one scan (docs).
pub const WU_E_PT_EXCEEDED_MAX_SERVER_TRIPS: HResult = HResult(0x8024_4010);
/// What the agent has after writing its policy is not what it wrote (field).
pub const GROUP_POLICY_CONFLICT: HResult = HResult(0x87D0_0692);

/// A failure below HTTP as the agent reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedFailure {
    /// WinHTTP's error number; 0 where WinHTTP would deliver an HTTP status instead (proxy 407).
    pub winhttp: u32,
    /// The code that reaches the scan result.
    pub hresult: HResult,
}

/// What the Windows Update Agent makes of a failure below HTTP.
///
/// Two points are open in public sources and decided so: the older agent turns a failed name resolution into its own
/// code while the newer one shows WinHTTP's, and the older agent shows the exact certificate error while the newer
/// one shows the collective `ERROR_WINHTTP_SECURE_FAILURE` (both inferred; the other mappings are docs).
#[must_use]
pub fn map_transport(generation: WuaGeneration, failure: &TransportFailure) -> MappedFailure {
    let winhttp = winhttp(generation, failure);
    let hresult = match (generation, winhttp) {
        (_, 0) => map_http_status(407),
        (WuaGeneration::Wua76, 12007) => HResult(0x8024_402C),
        (_, number) => from_winhttp(number),
    };
    MappedFailure { winhttp, hresult }
}

/// WinHTTP's number for a failure.
fn winhttp(generation: WuaGeneration, failure: &TransportFailure) -> u32 {
    match failure {
        TransportFailure::NameNotResolved | TransportFailure::Proxy(ProxyFailure::NameNotResolved) => 12007,
        TransportFailure::Refused | TransportFailure::Proxy(ProxyFailure::Refused) => 12029,
        TransportFailure::ConnectTimeout | TransportFailure::ResponseTimeout => 12002,
        TransportFailure::Reset | TransportFailure::ClosedEarly | TransportFailure::BodyTruncated => 12030,
        TransportFailure::NotHttp => 12152,
        TransportFailure::Proxy(ProxyFailure::AuthenticationRequired) => 0,
        TransportFailure::Proxy(ProxyFailure::AutoDetectionFailed) => 12180,
        TransportFailure::Tls(reason) => tls(generation, *reason),
    }
}

fn tls(generation: WuaGeneration, reason: TlsFailure) -> u32 {
    let certificate = |exact: u32| match generation {
        WuaGeneration::Wua76 => exact,
        WuaGeneration::Wua10 => 12175,
    };
    match reason {
        TlsFailure::Expired | TlsFailure::NotYetValid => certificate(12037),
        TlsFailure::Name => certificate(12038),
        TlsFailure::Untrusted => certificate(12045),
        TlsFailure::Revoked => certificate(12170),
        TlsFailure::RevocationUnreachable => certificate(12057),
        TlsFailure::ClientCertificateNeeded => 12044,
        TlsFailure::NoCommonProtocol => 12030,
        TlsFailure::Rejected | TlsFailure::Other => 12157,
    }
}

/// WinHTTP's number for a failure as a messaging client sees it, exact certificate errors included.
#[must_use]
pub fn winhttp_error(failure: &TransportFailure) -> u32 {
    match winhttp(WuaGeneration::Wua76, failure) {
        0 => 12015,
        number => number,
    }
}

/// `HRESULT_FROM_WIN32` of a WinHTTP number.
#[must_use]
pub fn from_winhttp(number: u32) -> HResult {
    HResult(0x8007_0000 | (number & 0xFFFF))
}

/// What the protocol layer makes of an HTTP status other than 200 (docs: Windows Update error header). An answer
/// whose body is a SOAP fault is judged by the fault, not by its status.
#[must_use]
pub fn map_http_status(status: u16) -> HResult {
    HResult(match status {
        400 => 0x8024_4016,
        401 => 0x8024_4017,
        403 => 0x8024_4018,
        404 => 0x8024_4019,
        405 => 0x8024_401A,
        407 => 0x8024_401B,
        408 => 0x8024_401C,
        409 => 0x8024_401D,
        410 => 0x8024_401E,
        500 => 0x8024_401F,
        501 => 0x8024_4020,
        502 => 0x8024_4021,
        503 => 0x8024_4022,
        504 => 0x8024_4023,
        505 => 0x8024_4024,
        _ => 0x8024_402B,
    })
}

/// One step of what a client does about a SOAP fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Ask for the configuration again.
    GetConfig,
    /// Get a new authorization cookie.
    GetAuthorizationCookie,
    /// Get a new cookie.
    GetCookie,
    /// Send the known update ids again.
    RefreshCache,
    /// Register.
    RegisterComputer,
    /// Ask for file locations again.
    GetFileLocations,
    /// Give up for now and try at the next opportunity.
    TryLater,
}

/// What a client does about the `ErrorCode` of a SOAP fault, before it repeats the call; an empty list means that
/// nothing helps and the scan fails with [`WU_E_PT_SOAPCLIENT_SOAPFAULT`] (docs: MS-WUSP 2.2.2.4 and 3.2.5).
#[must_use]
pub fn fault_recovery(error_code: &str) -> &'static [Recovery] {
    use Recovery::{GetAuthorizationCookie, GetConfig, GetCookie, GetFileLocations, RefreshCache};
    match error_code {
        "InvalidCookie" | "ServerChanged" => &[GetConfig, GetAuthorizationCookie, GetCookie, RefreshCache],
        // For a bad authorization cookie the specification defines nothing; starting over is inferred.
        "ConfigChanged" | "InvalidAuthorizationCookie" => &[GetConfig, GetAuthorizationCookie, GetCookie],
        "CookieExpired" => &[GetAuthorizationCookie, GetCookie],
        "RegistrationRequired" => &[Recovery::RegisterComputer],
        // The specification spells it both ways.
        "FileLocationChanged" | "FileLocationsChanged" => &[GetFileLocations],
        "InternalServerError" | "ServerBusy" => &[Recovery::TryLater],
        _ => &[],
    }
}
