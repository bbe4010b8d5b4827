//! The pool of embedded keys, and RSA signatures with them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use cmsim_sim::Seed;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::FromDer as _;

const POOL: &str = include_str!("simulation-only-keys.pem");

/// An RSA-2048 private key of the embedded pool. Cheap to clone.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    pkcs8: Vec<u8>,
    signing: RsaKeyPair,
    certificates: KeyPair,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(simulation only)")
    }
}

fn pool() -> &'static [Key] {
    static KEYS: OnceLock<Vec<Key>> = OnceLock::new();
    KEYS.get_or_init(|| {
        PrivatePkcs8KeyDer::pem_slice_iter(POOL.as_bytes())
            .map(|key| Key::read(&key.expect("the embedded key file is PEM")))
            .collect()
    })
}

impl Key {
    /// The key of the pool that `seed` picks.
    ///
    /// # Panics
    /// Never: the pool is compiled in and a test reads it.
    #[must_use]
    pub fn from_pool(seed: &Seed) -> Self {
        let keys = pool();
        let pick = seed.stream("key").below(0, keys.len() as u64);
        let pick = usize::try_from(pick).unwrap_or(0);
        keys.get(pick).expect("the embedded key file has keys").clone()
    }

    fn read(key: &PrivatePkcs8KeyDer<'static>) -> Self {
        let pkcs8 = key.secret_pkcs8_der().to_vec();
        let signing = RsaKeyPair::from_pkcs8(&pkcs8).expect("the embedded keys are RSA in PKCS #8");
        let certificates =
            KeyPair::from_pkcs8_der_and_sign_algo(key, &PKCS_RSA_SHA256).expect("the embedded keys are RSA in PKCS #8");
        Self(Arc::new(Inner { pkcs8, signing, certificates }))
    }

    /// The key in PKCS #8, DER.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.0.pkcs8
    }

    /// Signs with RSA PKCS #1 v1.5 and SHA-256; 256 bytes, most significant first. Deterministic.
    ///
    /// # Panics
    /// Never: the key was checked when it was read.
    #[must_use]
    pub fn sign_sha256(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.signing.public().modulus_len()];
        // The random numbers blind the computation; the result does not depend on them.
        let blinding = SystemRandom::new();
        self.0
            .signing
            .sign(&RSA_PKCS1_SHA256, &blinding, message, &mut signature)
            .expect("a checked key signs any message");
        signature
    }

    /// Modulus and public exponent, most significant byte first.
    #[must_use]
    pub fn public_components(&self) -> PublicKeyComponents<Vec<u8>> {
        self.0.signing.public().into()
    }

    pub(crate) fn for_certificates(&self) -> &KeyPair {
        &self.0.certificates
    }

    pub(crate) fn for_tls(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.pkcs8.clone()).into()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.0.certificates.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.sign_sha256(message))
    }
}

/// Whether `signature` (PKCS #1 v1.5, SHA-256, most significant byte first) over `message` was made
/// with the RSA key of the certificate. False for anything that is not a certificate with such a key.
#[must_use]
pub fn verify_sha256(certificate: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok((_, certificate)) = x509_parser::certificate::X509Certificate::from_der(certificate) else {
        return false;
    };
    let public = &certificate.public_key().subject_public_key.data;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.as_ref()).verify(message, signature).is_ok()
}
