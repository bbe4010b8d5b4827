//! Revocation of servers' certificates, by lists that are fetched as CryptoAPI fetches them.

use cmsim_sim::SimTime;
use cmsim_wire::hresult::TlsFailure;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::Url;

/// The user agent of the component that fetches lists on Windows 7 (field).
pub(super) const USER_AGENT: &str = "Microsoft-CryptoAPI/6.1";

/// Where the revocation list of a certificate is: the first `http` URL in it.
pub(super) fn list_url(certificate: &CertificateDer<'_>) -> Option<Url> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let points = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::CRLDistributionPoints(points) => Some(&points.points),
        _ => None,
    })?;
    let names = points.iter().filter_map(|point| match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => Some(names),
        _ => None,
    });
    let mut urls = names.flatten().filter_map(|name| match name {
        GeneralName::URI(uri) => uri.parse::<Url>().ok(),
        _ => None,
    });
    urls.find(|url| !url.is_secure())
}

/// Whether `list` says that `certificate` is good at `now`. A list counts if one of `authorities` that issued the
/// certificate signed it and its next update is not due.
pub(super) fn judge(
    certificate: &CertificateDer<'_>,
    list: &[u8],
    authorities: &[CertificateDer<'_>],
    now: SimTime,
) -> Result<(), TlsFailure> {
    let unusable = TlsFailure::RevocationUnreachable;
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| unusable)?;
    let (_, list) = CertificateRevocationList::from_der(list).map_err(|_| unusable)?;
    let signed = authorities.iter().any(|authority| match X509Certificate::from_der(authority) {
        Ok((_, authority)) => {
            authority.subject() == certificate.issuer() && list.verify_signature(authority.public_key()).is_ok()
        }
        Err(_) => false,
    });
    let due = list.next_update().is_some_and(|next| next.timestamp() < now.millis().div_euclid(1000));
    if !signed || due {
        return Err(unusable);
    }
    let mut revoked = list.iter_revoked_certificates();
    if revoked.any(|entry| entry.raw_serial() == certificate.raw_serial()) {
        return Err(TlsFailure::Revoked);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_list(certificate: Vec<u8>, list: Vec<u8>) {
            let certificate = CertificateDer::from(certificate);
            let _ = list_url(&certificate);
            prop_assert!(judge(&certificate, &list, &[], SimTime::from_millis(0)).is_err());
        }
    }
}
