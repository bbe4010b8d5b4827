//! `WinVerifyTrust`, as far as the update agent needs it.

use cmsim_net::pki::verify_sha256;
use cmsim_wire::hresult::HResult;
use cmsim_wire::wusp::self_update::SignedFile;
use cmsim_world::Host;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// `TRUST_E_NOSIGNATURE` (docs: `winerror.h`, as the others).
pub(crate) const NO_SIGNATURE: HResult = HResult(0x800B_0100);
/// `TRUST_E_BAD_DIGEST`.
pub(crate) const BAD_DIGEST: HResult = HResult(0x8009_6010);
/// `CERT_E_UNTRUSTEDROOT`.
pub(crate) const UNTRUSTED_ROOT: HResult = HResult(0x800B_0109);
/// `CERT_E_EXPIRED`, also for certificates that are not valid yet.
pub(crate) const EXPIRED: HResult = HResult(0x800B_0101);

/// Checks signature, chain and dates of a signed file against the host's root store and clock.
pub(crate) fn verify(host: &Host, file: &[u8]) -> Result<(), HResult> {
    let signed = SignedFile::decode(file).map_err(|_| NO_SIGNATURE)?;
    let signer = signed.chain.first().ok_or(NO_SIGNATURE)?;
    if !verify_sha256(signer, &signed.content, &signed.signature) {
        return Err(BAD_DIGEST);
    }
    let roots: Vec<_> = host.certificates().store("Root").into_iter().map(|root| root.der).collect();
    for (position, certificate) in signed.chain.iter().enumerate() {
        check_dates(host, certificate)?;
        if roots.iter().any(|root| root == certificate || is_issued_by(certificate, root)) {
            return Ok(());
        }
        if !signed.chain.get(position + 1).is_some_and(|issuer| is_issued_by(certificate, issuer)) {
            break;
        }
    }
    Err(UNTRUSTED_ROOT)
}

/// Whether the names fit and the issuer's key made the certificate's signature.
fn is_issued_by(certificate: &[u8], issuer: &[u8]) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let Ok((_, parent)) = X509Certificate::from_der(issuer) else {
        return false;
    };
    parsed.issuer() == parent.subject()
        && verify_sha256(issuer, parsed.tbs_certificate.as_ref(), &parsed.signature_value.data)
}

fn check_dates(host: &Host, certificate: &[u8]) -> Result<(), HResult> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| NO_SIGNATURE)?;
    let now = host.now().millis().div_euclid(1000);
    let validity = parsed.validity();
    if (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now) {
        Ok(())
    } else {
        Err(EXPIRED)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cmsim_net::pki::{Authority, CertificateRequest, CertifiedKey, Usage, Validity};
    use cmsim_sim::Seed;

    use super::*;
    use crate::tests::host;

    fn signer(host: &Host) -> (Authority, CertifiedKey) {
        let now = host.now();
        let validity = Validity { from: now, until: now + Duration::from_secs(86_400) };
        let authority = Authority::root("Simulated Update Signing Root", validity, &Seed::new(1)).unwrap();
        let request = CertificateRequest {
            subject: "Simulated Update Signer".into(),
            dns_names: Vec::new(),
            addresses: Vec::new(),
            validity,
            usage: Usage::Server,
        };
        let signer = authority.issue(&request).unwrap();
        (authority, signer)
    }

    fn signed(signer: &CertifiedKey) -> SignedFile {
        let content = b"MSCF content".to_vec();
        let signature = signer.key.sign_sha256(&content);
        let chain = signer.chain.iter().map(|certificate| certificate.to_vec()).collect();
        SignedFile { content, chain, signature }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_of_a_trusted_signer_passes_and_every_flaw_has_its_code() {
        let host = host();
        let (authority, signer) = signer(&host);
        let file = signed(&signer);
        assert_eq!(verify(&host, &file.encode()), Err(UNTRUSTED_ROOT));
        host.certificates().trust("Root", authority.certificate());
        assert_eq!(verify(&host, &file.encode()), Ok(()));
        assert_eq!(verify(&host, b"MSCF content"), Err(NO_SIGNATURE));
        let tampered = SignedFile { content: b"MSCF other".to_vec(), ..file.clone() };
        assert_eq!(verify(&host, &tampered.encode()), Err(BAD_DIGEST));
        host.set_clock_offset(2 * 86_400_000);
        assert_eq!(verify(&host, &file.encode()), Err(EXPIRED));
    }

    #[tokio::test(start_paused = true)]
    async fn a_signer_that_only_claims_the_issuer_is_not_trusted() {
        let host = host();
        let (authority, _) = signer(&host);
        host.certificates().trust("Root", authority.certificate());
        let now = host.now();
        let validity = Validity { from: now, until: now + Duration::from_secs(86_400) };
        let request = CertificateRequest {
            subject: "Simulated Update Signing Root".into(),
            dns_names: Vec::new(),
            addresses: Vec::new(),
            validity,
            usage: Usage::Server,
        };
        let forged = CertifiedKey::self_signed(&request, &Seed::new(99)).unwrap();
        assert_eq!(verify(&host, &signed(&forged).encode()), Err(UNTRUSTED_ROOT));
    }
}
