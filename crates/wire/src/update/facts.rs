//! What applicability rules may ask of a machine.

use uuid::Uuid;

use super::PackageIdentity;
use super::rules::Version;

/// Where servicing keeps one key per package, named `name~token~architecture~language~version` (docs).
const CBS_PACKAGES: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";

/// Where Windows Installer keeps per-machine products, named by packed code (docs).
const MSI_PRODUCTS: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products";

/// `CurrentState` of an installed package (field: CBS; 112 is "Installed").
const CBS_INSTALLED: u32 = 112;

/// Which of the two registry views of a 64-bit system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegistryView {
    /// What a 64-bit process sees (the only view of a 32-bit system).
    Native,
    /// What a 32-bit process sees: `Wow6432Node`.
    Wow64,
}

/// Data of a registry value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryData {
    /// `REG_SZ`.
    Text(String),
    /// `REG_EXPAND_SZ`.
    Expandable(String),
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_QWORD`.
    Qword(u64),
    /// `REG_MULTI_SZ`.
    Lines(Vec<String>),
    /// `REG_BINARY`.
    Binary(Vec<u8>),
}

impl RegistryData {
    /// The name of the type as rules write it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "REG_SZ",
            Self::Expandable(_) => "REG_EXPAND_SZ",
            Self::Dword(_) => "REG_DWORD",
            Self::Qword(_) => "REG_QWORD",
            Self::Lines(_) => "REG_MULTI_SZ",
            Self::Binary(_) => "REG_BINARY",
        }
    }

    /// The text of either kind of string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Expandable(text) => Some(text),
            _ => None,
        }
    }
}

/// The operating system as `OSVERSIONINFOEX` and `SYSTEM_INFO` tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsFacts {
    /// Major, minor, build.
    pub version: [u32; 3],
    /// Service pack major and minor.
    pub service_pack: [u32; 2],
    /// Suites.
    pub suite_mask: u32,
    /// 1 workstation, 2 domain controller, 3 server.
    pub product_type: u32,
    /// `wProcessorArchitecture`: 0 x86, 5 ARM, 6 IA64, 9 x64, 12 ARM64.
    pub architecture: u32,
    /// `wProcessorLevel`.
    pub processor_level: u32,
    /// `wProcessorRevision`.
    pub processor_revision: u32,
    /// Logical processors.
    pub processors: u32,
    /// Installed display languages as tags, the system's own first.
    pub languages: Vec<String>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// File version, if it carries one.
    pub version: Option<Version>,
    /// Size in bytes.
    pub size: u64,
    /// Time of creation.
    pub created: jiff::Timestamp,
    /// Time of last change.
    pub modified: jiff::Timestamp,
    /// Language tag of its version resource.
    pub language: Option<String>,
}

/// A product that Windows Installer installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsiProduct {
    /// `DisplayVersion`.
    pub version: Version,
    /// Language identifier.
    pub language: u32,
}

/// State of a patch of a product (`MSIPATCHSTATE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsiPatchState {
    /// Applied (1).
    Applied,
    /// Applied, and a later patch replaced it (2).
    Superseded,
    /// Applied, and a later patch made it needless (4).
    Obsoleted,
}

/// A device and its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Date as text and version of the installed driver.
    pub driver: Option<(String, Version)>,
}

/// A machine as applicability rules see it.
///
/// Registry paths are below `HKEY_LOCAL_MACHINE` without leading backslash; registry and file names compare without
/// regard to case, which is the implementer's duty. Packages and Windows Installer products have default
/// implementations that read the registry the way Windows stores them, so registry and files are enough.
pub trait MachineFacts {
    /// The operating system.
    fn os(&self) -> OsFacts;

    /// Whether a key exists.
    fn registry_key(&self, view: RegistryView, key: &str) -> bool;

    /// A value; the empty name is the key's default value.
    fn registry_value(&self, view: RegistryView, key: &str, value: &str) -> Option<RegistryData>;

    /// Names of the direct subkeys that begin with `prefix`, in any order.
    fn registry_subkeys(&self, view: RegistryView, key: &str, prefix: &str) -> Vec<String>;

    /// A file by its full path.
    fn file(&self, path: &str) -> Option<FileFacts>;

    /// The folder of a CSIDL number; the default knows the folders that rules use, on drive `C:`.
    fn known_folder(&self, csidl: u32) -> Option<String> {
        let sixty_four = matches!(self.os().architecture, 6 | 9 | 12);
        let folder = match csidl {
            35 => r"C:\ProgramData",
            36 => r"C:\Windows",
            37 => r"C:\Windows\System32",
            38 => r"C:\Program Files",
            41 if sixty_four => r"C:\Windows\SysWOW64",
            41 => r"C:\Windows\System32",
            42 if sixty_four => r"C:\Program Files (x86)",
            43 => r"C:\Program Files\Common Files",
            44 if sixty_four => r"C:\Program Files (x86)\Common Files",
            _ => return None,
        };
        Some(folder.to_owned())
    }

    /// The highest installed version of a servicing package.
    fn package_version(&self, identity: &PackageIdentity) -> Option<Version> {
        let names = self.registry_subkeys(RegistryView::Native, CBS_PACKAGES, &identity.family());
        let installed = names.iter().filter(|name| {
            let key = format!("{CBS_PACKAGES}\\{name}");
            let state = self.registry_value(RegistryView::Native, &key, "CurrentState");
            state == Some(RegistryData::Dword(CBS_INSTALLED))
        });
        installed.filter_map(|name| PackageIdentity::parse(name)).map(|package| package.version).max()
    }

    /// A product of Windows Installer.
    fn msi_product(&self, product: Uuid) -> Option<MsiProduct> {
        let key = format!("{MSI_PRODUCTS}\\{}\\InstallProperties", packed_guid(product));
        let version = self.registry_value(RegistryView::Native, &key, "DisplayVersion")?;
        let language = match self.registry_value(RegistryView::Native, &key, "Language") {
            Some(RegistryData::Dword(language)) => language,
            _ => 0,
        };
        Some(MsiProduct { version: version.text()?.parse().ok()?, language })
    }

    /// State of a patch of an installed product; `None` when it is not applied.
    fn msi_patch(&self, product: Uuid, patch: Uuid) -> Option<MsiPatchState> {
        let (product, patch) = (packed_guid(product), packed_guid(patch));
        let key = format!("{MSI_PRODUCTS}\\{product}\\Patches\\{patch}");
        match self.registry_value(RegistryView::Native, &key, "State")? {
            RegistryData::Dword(1) => Some(MsiPatchState::Applied),
            RegistryData::Dword(2) => Some(MsiPatchState::Superseded),
            RegistryData::Dword(4) => Some(MsiPatchState::Obsoleted),
            _ => None,
        }
    }

    /// A device attribute as the agent sends it to the server; an absent one makes every rule about it false.
    fn device_attribute(&self, _name: &str) -> Option<String> {
        None
    }

    /// A number of the licensing policy.
    fn license_value(&self, _name: &str) -> Option<u32> {
        None
    }

    /// Version of an installed product release, such as `Client.OS.RS2.AMD64`.
    fn product_release(&self, _name: &str) -> Option<Version> {
        None
    }

    /// Whether a WMI query gives at least one row; `None` when the machine cannot run it.
    fn wmi_has_rows(&self, _namespace: &str, _query: &str) -> Option<bool> {
        None
    }

    /// `GetSystemMetrics`.
    fn system_metric(&self, _index: u32) -> Option<i64> {
        None
    }

    /// A device by hardware id.
    fn device(&self, _hardware_id: &str) -> Option<Device> {
        None
    }
}

/// The form in which Windows Installer names registry keys: the digits of each group in reverse, pairwise reversed
/// in the last two groups, no hyphens (docs).
#[must_use]
pub fn packed_guid(guid: Uuid) -> String {
    let digits: Vec<char> = guid.as_simple().to_string().to_uppercase().chars().collect();
    let groups = [(0, 8), (8, 12), (12, 16)];
    let mut packed: String = groups.iter().flat_map(|(from, to)| digits[*from..*to].iter().rev()).collect();
    for pair in digits[16..].chunks(2) {
        packed.extend(pair.iter().rev());
    }
    packed
}
