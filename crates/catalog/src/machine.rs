//! What makes up an example client: registry values and files, as data.
//!
//! Packages and Windows Installer products are registry values here as they are on Windows, so whoever writes
//! [`Machine::registry`] and [`Machine::files`] into a host has brought everything.

use std::collections::BTreeMap;

use cmsim_wire::profile::Profile;
use cmsim_wire::update::rules::Version;
use cmsim_wire::update::{FileFacts, MachineFacts, OsFacts, RegistryData, RegistryView, packed_guid};
use jiff::Timestamp;
use uuid::Uuid;

const PACKAGES: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";
const PRODUCTS: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products";

/// One registry value below `HKEY_LOCAL_MACHINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryEntry {
    /// Which view a process must have to see it under this path.
    pub view: RegistryView,
    /// Key without hive.
    pub key: String,
    /// Name of the value.
    pub name: String,
    /// Data.
    pub data: RegistryData,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOnDisk {
    /// Full path.
    pub path: String,
    /// File version.
    pub version: Version,
    /// Size in bytes.
    pub size: u64,
    /// Time of last change.
    pub modified: Timestamp,
}

/// A key with its values by lower-case name.
#[derive(Clone, Debug, Default)]
struct Key {
    path: String,
    values: BTreeMap<String, (String, RegistryData)>,
}

/// The state of an example client. Names compare without regard to the case of ASCII letters.
#[derive(Clone, Debug)]
pub struct Machine {
    os: OsFacts,
    keys: BTreeMap<(RegistryView, String), Key>,
    files: BTreeMap<String, FileOnDisk>,
    attributes: BTreeMap<String, String>,
}

impl Machine {
    /// An empty machine with the system of a profile, in English.
    #[must_use]
    pub fn new(profile: &Profile) -> Self {
        let os = &profile.os;
        let [major, minor, build, _] = os.version;
        Self {
            os: OsFacts {
                version: [major, minor, build],
                service_pack: os.service_pack.map(u32::from),
                suite_mask: u32::from(os.suite_mask),
                product_type: u32::from(os.product_type),
                architecture: if os.x64 { 9 } else { 0 },
                processor_level: 6,
                processor_revision: 0x3A09,
                processors: 2,
                languages: vec!["en-US".to_owned()],
            },
            keys: BTreeMap::new(),
            files: BTreeMap::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// Every registry value, ordered by view, key and name.
    pub fn registry(&self) -> impl Iterator<Item = RegistryEntry> {
        self.keys.iter().flat_map(|((view, _), key)| {
            key.values.values().map(|(name, data)| RegistryEntry {
                view: *view,
                key: key.path.clone(),
                name: name.clone(),
                data: data.clone(),
            })
        })
    }

    /// Every file, ordered by path.
    pub fn files(&self) -> impl Iterator<Item = &FileOnDisk> {
        self.files.values()
    }

    /// Device attributes that rules ask for, by name.
    pub fn device_attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a registry value.
    pub fn set_value(&mut self, view: RegistryView, key: &str, name: &str, data: RegistryData) {
        let place = (view, key.to_ascii_lowercase());
        let entry = self.keys.entry(place).or_insert_with(|| Key { path: key.to_owned(), ..Key::default() });
        entry.values.insert(name.to_ascii_lowercase(), (name.to_owned(), data));
    }

    /// Puts a file there, or changes its version.
    pub fn set_file(&mut self, path: &str, version: Version, size: u64, modified: Timestamp) {
        let file = FileOnDisk { path: path.to_owned(), version, size, modified };
        self.files.insert(path.to_ascii_lowercase(), file);
    }

    /// Sets a device attribute.
    pub fn set_device_attribute(&mut self, name: &str, value: &str) {
        self.attributes.insert(name.to_owned(), value.to_owned());
    }

    /// Changes the service pack of the system.
    pub fn set_service_pack(&mut self, major: u32) {
        self.os.service_pack = [major, 0];
    }

    /// Installs a servicing package, named `name~token~architecture~language~version`.
    pub fn install_package(&mut self, identity: &str) {
        self.set_value(RegistryView::Native, &package_key(identity), "CurrentState", RegistryData::Dword(112));
    }

    /// Removes a servicing package. True if it was there.
    pub fn remove_package(&mut self, identity: &str) -> bool {
        self.keys.remove(&(RegistryView::Native, package_key(identity).to_ascii_lowercase())).is_some()
    }

    /// Full names of all servicing packages.
    #[must_use]
    pub fn packages(&self) -> Vec<String> {
        self.registry_subkeys(RegistryView::Native, PACKAGES, "")
    }

    /// Installs a product of Windows Installer in English.
    pub fn install_product(&mut self, product: Uuid, name: &str, version: Version) {
        let key = format!("{PRODUCTS}\\{}\\InstallProperties", packed_guid(product));
        let native = RegistryView::Native;
        self.set_value(native, &key, "DisplayName", RegistryData::Text(name.to_owned()));
        self.set_value(native, &key, "DisplayVersion", RegistryData::Text(version.to_string()));
        self.set_value(native, &key, "Language", RegistryData::Dword(1033));
    }

    /// Applies a patch to a product of Windows Installer.
    pub fn install_patch(&mut self, product: Uuid, patch: Uuid) {
        let key = format!("{PRODUCTS}\\{}\\Patches\\{}", packed_guid(product), packed_guid(patch));
        self.set_value(RegistryView::Native, &key, "State", RegistryData::Dword(1));
    }
}

fn package_key(identity: &str) -> String {
    format!("{PACKAGES}\\{identity}")
}

impl MachineFacts for Machine {
    fn os(&self) -> OsFacts {
        self.os.clone()
    }

    fn registry_key(&self, view: RegistryView, key: &str) -> bool {
        let key = key.to_ascii_lowercase();
        let below = format!("{key}\\");
        let exact = (view, key);
        if self.keys.contains_key(&exact) {
            return true;
        }
        let next = self.keys.range((view, below.clone())..).next();
        next.is_some_and(|((of, path), _)| *of == view && path.starts_with(&below))
    }

    fn registry_value(&self, view: RegistryView, key: &str, value: &str) -> Option<RegistryData> {
        let key = self.keys.get(&(view, key.to_ascii_lowercase()))?;
        let (_, data) = key.values.get(&value.to_ascii_lowercase())?;
        Some(data.clone())
    }

    fn registry_subkeys(&self, view: RegistryView, key: &str, prefix: &str) -> Vec<String> {
        let start = key.len() + 1;
        let from = format!("{key}\\{prefix}").to_ascii_lowercase();
        let all = self.keys.range((view, from.clone())..);
        let below = all.take_while(|((of, path), _)| *of == view && path.starts_with(&from));
        let names = below.filter_map(|(_, key)| key.path.get(start..)?.split('\\').next());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.dedup();
        names
    }

    fn file(&self, path: &str) -> Option<FileFacts> {
        let file = self.files.get(&path.to_ascii_lowercase())?;
        Some(FileFacts {
            version: Some(file.version),
            size: file.size,
            created: file.modified,
            modified: file.modified,
            language: Some("en-US".to_owned()),
        })
    }

    fn device_attribute(&self, name: &str) -> Option<String> {
        self.attributes.get(name).cloned()
    }
}
