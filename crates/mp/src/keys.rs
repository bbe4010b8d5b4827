//! Keys and certificates of a site, and the documents that hand them out.

use std::time::Duration;

use cmsim_net::pki::{CertificateRequest, CertifiedKey, Key, PkiError, Usage, Validity};
use cmsim_sim::{Seed, SimTime};
use cmsim_wire::ccm::certificates::{IssuingCertificates, MpKeyInformation, PublicKeyBlob, SignedCertificate};
use cmsim_wire::ccm::signature;

/// How long the site's own certificates are valid: about 99 years (capture: certificate in a client log).
const VALID_FOR: Duration = Duration::from_secs(99 * 365 * 86_400);

/// Keys of one site and one of its management points. They follow from the seed and protect nothing.
#[derive(Clone)]
pub struct SiteKeys {
    /// The trusted root key.
    pub trusted_root: Key,
    /// The site server's signing certificate, common name `Site Server` (capture).
    pub site_signing: CertifiedKey,
    /// The management point's certificate.
    pub management_point: CertifiedKey,
    /// The certificate that issues the site's other certificates.
    pub issuing: CertifiedKey,
}

impl std::fmt::Debug for SiteKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SiteKeys").finish_non_exhaustive()
    }
}

impl SiteKeys {
    /// Makes the keys of a site. `from` is when the site was installed.
    ///
    /// # Errors
    /// [`PkiError`] if a name cannot stand in a certificate.
    pub fn generate(site_server: &str, management_point: &str, from: SimTime, seed: &Seed) -> Result<Self, PkiError> {
        let seed = seed.child("site keys");
        let certificate = |subject: &str, host: &str| {
            let request = CertificateRequest {
                subject: subject.to_owned(),
                dns_names: vec![host.to_owned()],
                addresses: Vec::new(),
                validity: Validity { from, until: from + VALID_FOR },
                usage: Usage::ServerAndClient,
            };
            CertifiedKey::self_signed(&request, &seed.child(subject))
        };
        Ok(Self {
            trusted_root: Key::from_pool(&seed.child("trusted root")),
            site_signing: certificate("Site Server", site_server)?,
            management_point: certificate(management_point, management_point)?,
            issuing: certificate("SMS Issuing", site_server)?,
        })
    }

    /// The body of SITESIGNCERT.
    #[must_use]
    pub fn site_signing_document(&self) -> String {
        self.signed(&self.site_signing).to_xml()
    }

    /// The body of MPCERT and MPCERT2, which answer alike (docs).
    #[must_use]
    pub fn management_point_document(&self) -> String {
        self.signed(&self.management_point).to_xml()
    }

    /// The body of SMSTRC.
    #[must_use]
    pub fn issuing_document(&self) -> String {
        let certificate = self.issuing.certificate().to_vec();
        let signature = signature::to_hex(&self.trusted_root.sign_sha256(&certificate));
        IssuingCertificates { certificates: vec![certificate], signature }.to_xml()
    }

    /// The body of MPKEYINFORMATION. A real site signs the root key with a CMS message, which is not modelled: the
    /// attribute holds a plain signature (inferred).
    #[must_use]
    pub fn key_information_document(&self, fqdn: &str, site_code: &str) -> String {
        let trusted_root_key = public_key_blob(&self.trusted_root);
        let signature = signature::to_hex(&self.trusted_root.sign_sha256(&trusted_root_key.to_bytes()));
        MpKeyInformation {
            trusted_root_key,
            signature,
            certificate: self.management_point.certificate().to_vec(),
            fqdn: fqdn.to_owned(),
            site_code: site_code.to_owned(),
        }
        .to_xml()
    }

    fn signed(&self, certified: &CertifiedKey) -> SignedCertificate {
        let certificate = certified.certificate().to_vec();
        let signature = signature::to_hex(&self.trusted_root.sign_sha256(&certificate));
        SignedCertificate { certificate, signature }
    }
}

/// The public half of a key in CryptoAPI form.
fn public_key_blob(key: &Key) -> PublicKeyBlob {
    let public = key.public_components();
    let exponent = public.e.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
    let leading = public.n.iter().take_while(|byte| **byte == 0).count();
    PublicKeyBlob { modulus: public.n[leading..].to_vec(), exponent }
}

#[cfg(test)]
mod tests {
    use cmsim_net::pki::verify_sha256;

    use super::*;

    fn keys() -> SiteKeys {
        let from = SimTime::from_millis(1_390_000_000_000);
        SiteKeys::generate("PS1SITE.CONTOSO.COM", "PS1SYS.CONTOSO.COM", from, &Seed::new(1)).unwrap()
    }

    #[test]
    fn documents_carry_what_their_names_say() {
        let keys = keys();
        let site = SignedCertificate::parse(&keys.site_signing_document()).unwrap();
        assert_eq!(site.certificate, keys.site_signing.certificate().to_vec());
        assert_eq!(site.signature.len(), 512);
        let own = SignedCertificate::parse(&keys.management_point_document()).unwrap();
        assert_ne!(own.certificate, site.certificate);
        let issuing = IssuingCertificates::parse(&keys.issuing_document()).unwrap();
        assert_eq!(issuing.certificates.len(), 1);
        let information = keys.key_information_document("PS1SYS.CONTOSO.COM", "PS1");
        let information = MpKeyInformation::parse(&information).unwrap();
        assert_eq!(information.trusted_root_key.modulus.len(), 256);
        assert_eq!(information.trusted_root_key.exponent, 65537);
        assert_eq!(information.site_code, "PS1");
    }

    #[test]
    fn the_site_signing_key_signs_for_its_certificate() {
        let keys = keys();
        let signature = keys.site_signing.key.sign_sha256(b"policy");
        assert!(verify_sha256(keys.site_signing.certificate(), b"policy", &signature));
    }

    #[test]
    fn the_same_seed_gives_the_same_keys() {
        assert_eq!(keys().issuing_document(), keys().issuing_document());
    }
}
