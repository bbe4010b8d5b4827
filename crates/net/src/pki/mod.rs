//! Certificates of the simulated world: authorities, server and client certificates, trust stores.
//!
//! Keys are RSA-2048 from an embedded, public pool and signatures are PKCS #1 with SHA-256, so the
//! same seed gives the same bytes in every run. None of it protects anything.

mod keys;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cmsim_sim::{Seed, SimTime};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

pub use keys::{Key, verify_sha256};

/// Why a certificate could not be made.
#[derive(Debug, Error)]
pub enum PkiError {
    /// A DNS name that is not plain ASCII.
    #[error("'{0}' cannot stand in a certificate as a DNS name")]
    BadName(String),
    /// The certificate library refused.
    #[error("the certificate for '{subject}' could not be made")]
    Refused {
        /// Common name of the certificate.
        subject: String,
        /// The library's reason.
        #[source]
        source: rcgen::Error,
    },
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First valid second.
    pub from: SimTime,
    /// Last valid second.
    pub until: SimTime,
}

/// What a certificate is for (extended key usage).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Server authentication, 1.3.6.1.5.5.7.3.1.
    Server,
    /// Client authentication, 1.3.6.1.5.5.7.3.2.
    Client,
    /// Both.
    ServerAndClient,
}

/// What is asked of an authority.
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    /// Common name of the subject.
    pub subject: String,
    /// DNS names it is valid for.
    pub dns_names: Vec<String>,
    /// Addresses it is valid for.
    pub addresses: Vec<IpAddr>,
    /// From when to when.
    pub validity: Validity,
    /// What for.
    pub usage: Usage,
}

/// A certificate with its issuers and its private key.
#[derive(Clone)]
pub struct CertifiedKey {
    /// The certificate first, then those of its issuers without the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: Key,
}

impl fmt::Debug for CertifiedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertifiedKey({} certificates)", self.chain.len())
    }
}

impl CertifiedKey {
    /// A certificate that vouches for itself, such as the one a ConfigMgr client makes at its first start.
    /// Serial number and key follow from `seed`.
    ///
    /// # Errors
    /// [`PkiError`] if the request cannot be put into a certificate.
    pub fn self_signed(request: &CertificateRequest, seed: &Seed) -> Result<Self, PkiError> {
        let key = Key::from_pool(seed);
        let params = leaf(request, seed)?;
        let certificate =
            params.self_signed(key.for_certificates()).map_err(|source| refused(&request.subject, source))?;
        Ok(Self { chain: vec![certificate.into()], key })
    }

    /// The certificate itself, DER.
    ///
    /// # Panics
    /// Never: a chain has at least one certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.chain.first().expect("a chain has at least one certificate")
    }
}

/// A certification authority: a root that issues certificates.
pub struct Authority {
    issuer: Issuer<'static, Key>,
    certificate: CertificateDer<'static>,
    seed: Seed,
    revocation_url: Option<String>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A root authority. Keys and serial numbers, its own and those it issues, follow from `seed`.
    ///
    /// # Errors
    /// [`PkiError`] if the name cannot be put into a certificate.
    pub fn root(common_name: &str, validity: Validity, seed: &Seed) -> Result<Self, PkiError> {
        let seed = seed.child("authority").child(common_name);
        let key = Key::from_pool(&seed);
        let mut params = empty(common_name, validity, &seed);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate =
            params.self_signed(key.for_certificates()).map_err(|source| refused(common_name, source))?.into();
        Ok(Self { issuer: Issuer::new(params, key), certificate, seed, revocation_url: None })
    }

    /// Writes into every certificate issued from now on where its revocation list is found (an `http` URL).
    #[must_use]
    pub fn with_revocation_list(mut self, url: &str) -> Self {
        self.revocation_url = Some(url.to_owned());
        self
    }

    /// The list of revoked certificates of this authority, DER, valid for the given time. Certificates that cannot be
    /// read are left out.
    ///
    /// # Errors
    /// [`PkiError`] if the validity is empty.
    pub fn revocation_list(&self, revoked: &[CertificateDer<'_>], validity: Validity) -> Result<Vec<u8>, PkiError> {
        let revoked_certs = revoked.iter().filter_map(|certificate| {
            let (_, read) = X509Certificate::from_der(certificate).ok()?;
            Some(RevokedCertParams {
                serial_number: SerialNumber::from_slice(read.raw_serial()),
                revocation_time: date_time_ymd(1970, 1, 1) + since_1970(validity.from),
                reason_code: None,
                invalidity_date: None,
            })
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + since_1970(validity.from),
            next_update: date_time_ymd(1970, 1, 1) + since_1970(validity.until),
            crl_number: SerialNumber::from_slice(&validity.from.millis().unsigned_abs().to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = list.signed_by(&self.issuer).map_err(|source| refused("revocation list", source))?;
        Ok(signed.der().to_vec())
    }

    /// The root certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Issues a certificate. The same request gives the same certificate.
    ///
    /// # Errors
    /// [`PkiError`] if the request cannot be put into a certificate.
    pub fn issue(&self, request: &CertificateRequest) -> Result<CertifiedKey, PkiError> {
        let seed = self.seed.child(&request.subject);
        let key = Key::from_pool(&seed);
        let mut params = leaf(request, &seed)?;
        params.use_authority_key_identifier_extension = true;
        let uris: Vec<String> = self.revocation_url.iter().cloned().collect();
        if !uris.is_empty() {
            params.crl_distribution_points = vec![CrlDistributionPoint { uris }];
        }
        let certificate = params
            .signed_by(key.for_certificates(), &self.issuer)
            .map_err(|source| refused(&request.subject, source))?;
        Ok(CertifiedKey { chain: vec![certificate.into()], key })
    }
}

fn refused(subject: &str, source: rcgen::Error) -> PkiError {
    PkiError::Refused { subject: subject.to_owned(), source }
}

fn empty(common_name: &str, validity: Validity, seed: &Seed) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(validity.from);
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970(validity.until);
    // 16 bytes with the first bit clear: positive, and of constant length in DER.
    let mut serial = [0; 16];
    seed.stream("serial").fill(&mut serial);
    serial[0] = serial[0] & 0x3F | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params
}

/// The time since 1970 that the certificate library adds to a date.
fn since_1970(time: SimTime) -> Duration {
    time.since(SimTime::from_millis(0))
}

fn leaf(request: &CertificateRequest, seed: &Seed) -> Result<CertificateParams, PkiError> {
    let mut params = empty(&request.subject, request.validity, seed);
    for name in &request.dns_names {
        let ascii = name.as_str().try_into().map_err(|_| PkiError::BadName(name.clone()))?;
        params.subject_alt_names.push(SanType::DnsName(ascii));
    }
    let addresses = request.addresses.iter().copied().map(SanType::IpAddress);
    params.subject_alt_names.extend(addresses);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = match request.usage {
        Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        Usage::ServerAndClient => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
    };
    Ok(params)
}

/// The trusted root authorities of one machine. Cheap to clone; all clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct TrustStore(Arc<Mutex<Vec<CertificateDer<'static>>>>);

impl TrustStore {
    /// An empty store: nothing is trusted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a root certificate; adding it twice changes nothing.
    pub fn add(&self, root: &CertificateDer<'static>) {
        let mut roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !roots.contains(root) {
            roots.push(root.clone());
        }
    }

    /// Removes a root certificate and says whether it was there.
    pub fn remove(&self, root: &CertificateDer<'static>) -> bool {
        let mut roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = roots.len();
        roots.retain(|other| other != root);
        roots.len() < before
    }

    /// The certificates in the order of their arrival.
    #[must_use]
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The store as the verifier takes it; certificates that it cannot read are left out.
    pub(crate) fn roots(&self) -> rustls::RootCertStore {
        let mut store = rustls::RootCertStore::empty();
        store.add_parsable_certificates(self.certificates());
        store
    }
}

#[cfg(test)]
mod tests;
