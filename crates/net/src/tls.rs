//! TLS with the world's time: protocol versions of a host, the server's settings, and what went wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cmsim_wire::hresult::TlsFailure;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{AlertDescription, CertificateError};
use serde::{Deserialize, Serialize};

use crate::network::{Network, WeakNetwork};

/// A version of TLS, as Schannel's registry settings name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.0 (0x0301).
    #[serde(rename = "TLS 1.0")]
    Tls10,
    /// TLS 1.1 (0x0302).
    #[serde(rename = "TLS 1.1")]
    Tls11,
    /// TLS 1.2 (0x0303).
    #[serde(rename = "TLS 1.2")]
    Tls12,
    /// TLS 1.3 (0x0304).
    #[serde(rename = "TLS 1.3")]
    Tls13,
}

/// The versions that a host's Schannel offers as a client and accepts as a server.
///
/// The library below speaks 1.2 and 1.3 only. A pair of hosts whose best common version is older
/// talks 1.2 on the wire, and a pair without a common version gets the alert of a real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocols {
    /// Versions offered as a client.
    pub client: BTreeSet<TlsVersion>,
    /// Versions accepted as a server.
    pub server: BTreeSet<TlsVersion>,
}

impl Default for Protocols {
    fn default() -> Self {
        let all = BTreeSet::from([TlsVersion::Tls10, TlsVersion::Tls11, TlsVersion::Tls12, TlsVersion::Tls13]);
        Self { client: all.clone(), server: all }
    }
}

impl Protocols {
    /// The same versions as client and as server.
    #[must_use]
    pub fn both(versions: &[TlsVersion]) -> Self {
        let versions: BTreeSet<_> = versions.iter().copied().collect();
        Self { client: versions.clone(), server: versions }
    }
}

/// The only cryptography in use; nothing depends on a process-wide default.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The clock of a host, as its TLS stack checks certificates against it.
#[derive(Clone)]
pub(crate) struct HostTime {
    network: WeakNetwork,
    host: Arc<str>,
}

impl HostTime {
    pub(crate) fn new(network: &Network, host: &str) -> Self {
        Self { network: network.downgrade(), host: host.into() }
    }
}

impl fmt::Debug for HostTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostTime({})", self.host)
    }
}

impl TimeProvider for HostTime {
    fn current_time(&self) -> Option<UnixTime> {
        let now = self.network.upgrade()?.time(&self.host);
        let ms = u64::try_from(now.millis()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(ms)))
    }
}

/// The versions to configure below so that one of `versions` (or its stand-in) is spoken.
pub(crate) fn wire_versions(versions: &BTreeSet<TlsVersion>) -> Vec<&'static rustls::SupportedProtocolVersion> {
    let newest = versions.contains(&TlsVersion::Tls13).then_some(&rustls::version::TLS13);
    let older = versions.iter().any(|version| *version < TlsVersion::Tls13);
    newest.into_iter().chain(older.then_some(&rustls::version::TLS12)).collect()
}

/// The fatal alert `protocol_version` as one record (RFC 5246, 7.2): what Schannel sends when no version fits.
pub(crate) const PROTOCOL_VERSION_ALERT: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

/// The TLS error inside an I/O error, however often it is wrapped.
pub(crate) fn find_tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref::<rustls::Error>().or_else(|| inner.downcast_ref::<io::Error>().and_then(find_tls_error))
}

/// The class of a TLS error as a client sees it. `asked` says that the server asked for a client
/// certificate and got none: TLS 1.2 has no alert of its own for that.
pub(crate) fn classify(error: &rustls::Error, asked: bool) -> TlsFailure {
    match error {
        rustls::Error::InvalidCertificate(error) => classify_certificate(error),
        rustls::Error::AlertReceived(alert) => classify_alert(*alert, asked),
        rustls::Error::PeerIncompatible(_) => TlsFailure::NoCommonProtocol,
        _ => TlsFailure::Other,
    }
}

/// The class of a certificate that did not pass.
pub(crate) fn classify_certificate(error: &CertificateError) -> TlsFailure {
    match error {
        CertificateError::UnknownIssuer => TlsFailure::Untrusted,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFailure::Name,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFailure::NotYetValid,
        CertificateError::Revoked => TlsFailure::Revoked,
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => TlsFailure::RevocationUnreachable,
        _ => TlsFailure::Other,
    }
}

fn classify_alert(alert: AlertDescription, asked: bool) -> TlsFailure {
    match alert {
        AlertDescription::CertificateRequired => TlsFailure::ClientCertificateNeeded,
        AlertDescription::HandshakeFailure if asked => TlsFailure::ClientCertificateNeeded,
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => TlsFailure::Rejected,
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => TlsFailure::NoCommonProtocol,
        _ => TlsFailure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_versions_are_spoken_as_tls_1_2() {
        let spoken = |versions: &[TlsVersion]| -> Vec<_> {
            let wire = wire_versions(&versions.iter().copied().collect());
            wire.iter().map(|version| version.version).collect()
        };
        use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
        assert_eq!(spoken(&[]), []);
        assert_eq!(spoken(&[TlsVersion::Tls10]), [TLSv1_2]);
        assert_eq!(spoken(&[TlsVersion::Tls11, TlsVersion::Tls13]), [TLSv1_3, TLSv1_2]);
    }

    #[test]
    fn a_tls_error_is_found_in_nested_io_errors() {
        let inner = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        let outer = io::Error::other(inner);
        assert_eq!(find_tls_error(&outer), Some(&rustls::Error::DecryptError));
        assert_eq!(find_tls_error(&io::ErrorKind::ConnectionReset.into()), None);
    }

    #[test]
    fn a_handshake_failure_means_the_client_certificate_only_if_one_was_asked_for() {
        let error = rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(classify(&error, true), TlsFailure::ClientCertificateNeeded);
        assert_eq!(classify(&error, false), TlsFailure::NoCommonProtocol);
    }
}
