//! The certificate by which a client identifies itself.

use std::time::Duration;

use cmsim_net::pki::{CertificateRequest, CertifiedKey, PkiError, Usage, Validity};
use cmsim_world::Host;
use thiserror::Error;

/// The store of the client's self-signed certificates (docs).
const CLIENT_STORE: &str = "SMS";
/// The store of certificates that an administrator enrolled (docs).
const PERSONAL_STORE: &str = "MY";
/// Self-signed certificates of the client are valid for a hundred years (field).
const VALID_FOR: Duration = Duration::from_secs(100 * 365 * 86_400);
/// They begin a day early, so that a clock that is a little behind still takes them (inferred).
const VALID_BEFORE: Duration = Duration::from_secs(86_400);

/// Why a machine has no certificate.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// It could not be made.
    #[error("the client's certificate could not be made")]
    NotMade(#[from] PkiError),
}

/// The certificate of the client on this host: an enrolled one, else its self-signed one, which is made at the first call.
///
/// # Errors
/// [`IdentityError`] if one has to be made and the host's name cannot stand in it.
pub fn ensure_certificate(host: &Host) -> Result<CertifiedKey, IdentityError> {
    if let Some(found) = enrolled(host).or_else(|| first_of(host, CLIENT_STORE)) {
        return Ok(found);
    }
    let now = host.now();
    let request = CertificateRequest {
        subject: host.name().to_string(),
        dns_names: vec![host.fqdn()],
        addresses: Vec::new(),
        validity: Validity { from: now - VALID_BEFORE, until: now + VALID_FOR },
        usage: Usage::Client,
    };
    let made = CertifiedKey::self_signed(&request, &host.seed().child("client certificate"))?;
    host.certificates().add(CLIENT_STORE, made.clone());
    Ok(made)
}

/// The enrolled certificate that TLS servers are shown, if there is one.
pub(crate) fn enrolled(host: &Host) -> Option<CertifiedKey> {
    first_of(host, PERSONAL_STORE)
}

fn first_of(host: &Host, store: &str) -> Option<CertifiedKey> {
    host.certificates().store(store).into_iter().find_map(|found| found.certified)
}
