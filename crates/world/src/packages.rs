//! Programs and packages installed on one host, as far as update applicability looks at them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Mark, Tracked};

/// What kind of installer knows the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Installer {
    /// Windows Installer: the identity is a product code `{…}`, or a patch code.
    WindowsInstaller,
    /// Component-based servicing: the identity is `Name~Token~Architecture~Language~Version`.
    Servicing,
}

/// Installed packages of a host. Cheap to clone; all clones are the same packages.
#[derive(Clone, Default)]
pub struct Packages(Arc<Mutex<BTreeMap<(Installer, String), Package>>>);

struct Package {
    identity: String,
    /// The version, `None` if the package is not installed.
    version: Tracked<Option<String>>,
}

impl fmt::Debug for Packages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packages({})", self.lock().len())
    }
}

impl Packages {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Installer, String), Package>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Installs a package, replacing another version of it.
    pub fn install(&self, installer: Installer, identity: &str, version: &str) {
        self.put(None, installer, identity, Some(version));
    }

    /// Installs a package on behalf of a change.
    pub fn install_marked(&self, mark: &Mark, installer: Installer, identity: &str, version: &str) {
        self.put(Some(mark), installer, identity, Some(version));
    }

    /// Removes a package.
    pub fn remove(&self, installer: Installer, identity: &str) {
        self.put(None, installer, identity, None);
    }

    /// Removes a package on behalf of a change.
    pub fn remove_marked(&self, mark: &Mark, installer: Installer, identity: &str) {
        self.put(Some(mark), installer, identity, None);
    }

    fn put(&self, mark: Option<&Mark>, installer: Installer, identity: &str, version: Option<&str>) {
        let mut packages = self.lock();
        let package = packages
            .entry((installer, identity.to_lowercase()))
            .or_insert_with(|| Package { identity: identity.to_owned(), version: Tracked::default() });
        let version = version.map(str::to_owned);
        match mark {
            Some(mark) => package.version.set_marked(mark, version),
            None => package.version.set(version),
        }
    }

    /// The version of a package by its identity (compared without case), `None` if it is not installed.
    #[must_use]
    pub fn version(&self, installer: Installer, identity: &str) -> Option<String> {
        let packages = self.lock();
        packages.get(&(installer, identity.to_lowercase()))?.version.get().clone()
    }

    /// Identity and version of every installed package of one installer, sorted.
    #[must_use]
    pub fn installed(&self, installer: Installer) -> Vec<(String, String)> {
        let packages = self.lock();
        packages
            .iter()
            .filter(|((kind, _), _)| *kind == installer)
            .filter_map(|(_, package)| Some((package.identity.clone(), package.version.get().clone()?)))
            .collect()
    }

    /// Takes back everything that the change wrote and nobody overwrote.
    pub fn revert(&self, mark: &Mark) {
        for package in self.lock().values_mut() {
            package.version.revert(mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "Package_for_KB2584146~31bf3856ad364e35~amd64~~6.1.1.1";

    #[test]
    fn a_package_is_found_without_case_until_it_is_removed() {
        let packages = Packages::default();
        packages.install(Installer::Servicing, PACKAGE, "6.1.1.1");
        assert_eq!(packages.version(Installer::Servicing, &PACKAGE.to_uppercase()).as_deref(), Some("6.1.1.1"));
        assert_eq!(packages.version(Installer::WindowsInstaller, PACKAGE), None);
        let mark = Mark::new("uninstalled");
        packages.remove_marked(&mark, Installer::Servicing, PACKAGE);
        assert!(packages.installed(Installer::Servicing).is_empty());
        assert_eq!(mark.hits(), 1);
        packages.revert(&mark);
        assert_eq!(packages.installed(Installer::Servicing).len(), 1);
    }
}
