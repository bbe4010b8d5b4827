//! The certificate stores of one host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cmsim_net::pki::{CertifiedKey, TrustStore};
use sha1::{Digest as _, Sha1};

use crate::{Mark, Tracked};

/// A certificate in a store.
#[derive(Clone, Debug)]
pub struct StoredCertificate {
    /// SHA-1 of the certificate in upper-case hex, as Windows shows it.
    pub thumbprint: String,
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Certificate and private key, if the host has the key.
    pub certified: Option<CertifiedKey>,
}

/// A store: its certificates by thumbprint.
type Store = BTreeMap<String, Tracked<Option<StoredCertificate>>>;

/// The machine's certificate stores by name: `MY`, `Root`, `CA`, `SMS`, `TrustedPublisher`. Cheap to clone.
#[derive(Clone, Default)]
pub struct Certificates {
    stores: Arc<Mutex<BTreeMap<String, Store>>>,
    /// What the TLS stack of the host trusts: always the same as the store `Root`.
    trusted: TrustStore,
}

/// The store of trusted root authorities, in lower case.
const ROOT: &str = "root";

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({} stores)", self.lock().len())
    }
}

/// SHA-1 of a certificate in upper-case hex.
#[must_use]
pub fn thumbprint(der: &[u8]) -> String {
    hex::encode_upper(Sha1::digest(der))
}

impl Certificates {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Store>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a certificate without private key into a store, such as a root into `Root`.
    pub fn trust(&self, store: &str, der: &[u8]) {
        self.put(None, store, StoredCertificate { thumbprint: thumbprint(der), der: der.to_vec(), certified: None });
    }

    /// Puts a certificate with its private key into a store, such as `MY`.
    pub fn add(&self, store: &str, certified: CertifiedKey) {
        self.put(None, store, with_key(certified));
    }

    /// Puts a certificate with its private key into a store on behalf of a change.
    pub fn add_marked(&self, mark: &Mark, store: &str, certified: CertifiedKey) {
        self.put(Some(mark), store, with_key(certified));
    }

    fn put(&self, mark: Option<&Mark>, store: &str, certificate: StoredCertificate) {
        let mut stores = self.lock();
        let store = stores.entry(store.to_lowercase()).or_default();
        let cell = store.entry(certificate.thumbprint.clone()).or_default();
        match mark {
            Some(mark) => cell.set_marked(mark, Some(certificate)),
            None => cell.set(Some(certificate)),
        }
        self.follow(&stores);
    }

    /// The root authorities as the host's TLS stack takes them; follows every later change of the store `Root`.
    #[must_use]
    pub fn trusted(&self) -> TrustStore {
        self.trusted.clone()
    }

    fn follow(&self, stores: &BTreeMap<String, Store>) {
        let present =
            |cell: &Tracked<Option<StoredCertificate>>| cell.peek().as_ref().map(|found| found.der.clone().into());
        let roots: Vec<_> = stores.get(ROOT).into_iter().flat_map(BTreeMap::values).filter_map(present).collect();
        for old in self.trusted.certificates() {
            if !roots.contains(&old) {
                self.trusted.remove(&old);
            }
        }
        for root in &roots {
            self.trusted.add(root);
        }
    }

    /// Removes a certificate by thumbprint on behalf of a change, so that missing it counts.
    pub fn remove_marked(&self, mark: &Mark, store: &str, thumbprint: &str) {
        let mut stores = self.lock();
        if let Some(cell) =
            stores.get_mut(&store.to_lowercase()).and_then(|store| store.get_mut(&thumbprint.to_uppercase()))
        {
            cell.set_marked(mark, None);
        }
        self.follow(&stores);
    }

    /// Removes a certificate by thumbprint.
    pub fn remove(&self, store: &str, thumbprint: &str) {
        let mut stores = self.lock();
        if let Some(store) = stores.get_mut(&store.to_lowercase()) {
            store.remove(&thumbprint.to_uppercase());
        }
        self.follow(&stores);
    }

    /// The certificates of a store, in order of their thumbprints.
    #[must_use]
    pub fn store(&self, store: &str) -> Vec<StoredCertificate> {
        let stores = self.lock();
        let found = stores.get(&store.to_lowercase()).into_iter().flat_map(BTreeMap::values);
        found.filter_map(|cell| cell.get().clone()).collect()
    }

    /// Takes back everything that the change wrote and nobody overwrote.
    pub fn revert(&self, mark: &Mark) {
        let mut stores = self.lock();
        for store in stores.values_mut() {
            store.retain(|_, cell| !cell.revert(mark) || cell.peek().is_some());
        }
        self.follow(&stores);
    }
}

fn with_key(certified: CertifiedKey) -> StoredCertificate {
    let der = certified.certificate().to_vec();
    StoredCertificate { thumbprint: thumbprint(&der), der, certified: Some(certified) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprints_are_those_of_windows() {
        // SHA-1 of "abc", FIPS 180 example.
        assert_eq!(thumbprint(b"abc"), "A9993E364706816ABA3E25717850C26C9CD0D89D");
    }

    #[test]
    fn a_root_that_a_change_took_is_missed_and_comes_back() {
        let certificates = Certificates::default();
        certificates.trust("Root", b"abc");
        let mark = Mark::new("root removed");
        certificates.remove_marked(&mark, "ROOT", &thumbprint(b"abc").to_lowercase());
        assert!(certificates.store("root").is_empty());
        assert!(certificates.trusted().certificates().is_empty());
        assert_eq!(mark.hits(), 1);
        certificates.revert(&mark);
        assert_eq!(certificates.store("Root")[0].der, b"abc");
        assert_eq!(certificates.trusted().certificates().len(), 1);
    }
}
