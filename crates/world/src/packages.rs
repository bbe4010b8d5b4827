//! Programs and packages installed on one host, kept in the registry where the installers keep them.
//!
//! Applicability rules read the same keys, so a change of a package is a change of the registry and leaves its mark there.

use cmsim_wire::update::packed_guid;
use uuid::Uuid;

use crate::{BadPath, Mark, Registry, RegistryValue};

/// Where servicing keeps one key per package (docs).
const SERVICING: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";
/// Where Windows Installer keeps per-machine products (docs).
const PRODUCTS: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products";
/// `CurrentState` of an installed package (field).
const INSTALLED: u32 = 112;
/// State of an applied patch, `MSIPATCHSTATE_APPLIED` (docs).
const APPLIED: u32 = 1;

/// Installed packages of a host: a view of its registry.
#[derive(Clone, Debug)]
pub struct Packages(Registry);

impl Packages {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self(registry.clone())
    }

    /// Installs a servicing package by its identity `Name~Token~Architecture~Language~Version`.
    ///
    /// # Errors
    /// [`BadPath`] if the identity cannot be the name of a key.
    pub fn install(&self, identity: &str) -> Result<(), BadPath> {
        self.0.set(&format!(r"{SERVICING}\{identity}"), "CurrentState", INSTALLED)
    }

    /// As [`Packages::install`], on behalf of a change.
    ///
    /// # Errors
    /// As for [`Packages::install`].
    pub fn install_marked(&self, mark: &Mark, identity: &str) -> Result<(), BadPath> {
        self.0.set_marked(mark, &format!(r"{SERVICING}\{identity}"), "CurrentState", INSTALLED)
    }

    /// Removes a servicing package.
    ///
    /// # Errors
    /// As for [`Packages::install`].
    pub fn remove(&self, identity: &str) -> Result<(), BadPath> {
        self.0.delete_key(&format!(r"{SERVICING}\{identity}"))
    }

    /// Removes a servicing package on behalf of a change.
    ///
    /// # Errors
    /// As for [`Packages::install`].
    pub fn remove_marked(&self, mark: &Mark, identity: &str) -> Result<(), BadPath> {
        self.0.delete_key_marked(mark, &format!(r"{SERVICING}\{identity}"))
    }

    /// Installs a Windows Installer product; `language` is a Windows language id (1033: US English).
    ///
    /// # Panics
    /// Never: a packed code is always the name of a key.
    pub fn install_product(&self, product: Uuid, name: &str, version: &str, language: u32) {
        let key = format!(r"{PRODUCTS}\{}\InstallProperties", packed_guid(product));
        let values = [
            ("DisplayName", RegistryValue::from(name)),
            ("DisplayVersion", version.into()),
            ("Language", language.into()),
        ];
        for (name, value) in values {
            self.0.set(&key, name, value).expect("a packed code is the name of a key");
        }
    }

    /// Applies a patch to a Windows Installer product.
    ///
    /// # Panics
    /// Never: a packed code is always the name of a key.
    pub fn apply_patch(&self, product: Uuid, patch: Uuid) {
        let key = format!(r"{PRODUCTS}\{}\Patches\{}", packed_guid(product), packed_guid(patch));
        self.0.set(&key, "State", APPLIED).expect("a packed code is the name of a key");
    }

    /// Removes a Windows Installer product with its patches.
    ///
    /// # Panics
    /// Never: a packed code is always the name of a key.
    pub fn remove_product(&self, product: Uuid) {
        let key = format!(r"{PRODUCTS}\{}", packed_guid(product));
        self.0.delete_key(&key).expect("a packed code is the name of a key");
    }

    /// The identities of the installed servicing packages, sorted.
    #[must_use]
    pub fn installed(&self) -> Vec<String> {
        let state = |name: &String| self.0.dword(&format!(r"{SERVICING}\{name}"), "CurrentState");
        let names = self.0.subkeys(SERVICING);
        names.into_iter().filter(|name| state(name) == Some(INSTALLED)).collect()
    }
}
