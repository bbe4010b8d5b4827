//! A host as the applicability rules of updates see it.

use cmsim_wire::update::rules::Version;
use cmsim_wire::update::{FileFacts, MachineFacts, OsFacts, RegistryData, RegistryView};

use crate::registry::{Registry, RegistryValue};
use crate::{Host, wmi};

/// Processor of the machines: family 6, an Intel model of the time (inferred: any value is possible).
const PROCESSOR_LEVEL: u32 = 6;
const PROCESSOR_REVISION: u32 = 0x3A09;
const PROCESSORS: u32 = 2;
/// Language of every system and file of the world.
const LANGUAGE: &str = "en-US";
/// `PROCESSOR_ARCHITECTURE_AMD64` and `_INTEL` (docs).
const AMD64: u32 = 9;
const INTEL: u32 = 0;

impl MachineFacts for Host {
    fn os(&self) -> OsFacts {
        let os = &self.profile().os;
        let [major, minor, build, _] = os.version;
        OsFacts {
            version: [major, minor, build],
            service_pack: os.service_pack.map(u32::from),
            suite_mask: os.suite_mask.into(),
            product_type: os.product_type.into(),
            architecture: if os.x64 { AMD64 } else { INTEL },
            processor_level: PROCESSOR_LEVEL,
            processor_revision: PROCESSOR_REVISION,
            processors: PROCESSORS,
            languages: vec![LANGUAGE.to_owned()],
        }
    }

    fn registry_key(&self, view: RegistryView, key: &str) -> bool {
        self.registry_in(view).exists(&local_machine(key))
    }

    fn registry_value(&self, view: RegistryView, key: &str, value: &str) -> Option<RegistryData> {
        self.registry_in(view).get(&local_machine(key), value).map(Into::into)
    }

    fn registry_subkeys(&self, view: RegistryView, key: &str, prefix: &str) -> Vec<String> {
        self.registry_in(view).subkeys_beginning(&local_machine(key), prefix)
    }

    fn file(&self, path: &str) -> Option<FileFacts> {
        let facts = self.disk().facts(path)?;
        Some(FileFacts {
            version: facts.version.map(|version| Version::new(version.0.map(u32::from))),
            size: facts.size,
            created: facts.created.timestamp(),
            modified: facts.modified.timestamp(),
            language: facts.version.map(|_| LANGUAGE.to_owned()),
        })
    }

    fn device_attribute(&self, name: &str) -> Option<String> {
        Host::device_attribute(self, name)
    }

    fn wmi_has_rows(&self, namespace: &str, query: &str) -> Option<bool> {
        match self.wmi().query(namespace, query) {
            Ok(rows) => Some(!rows.is_empty()),
            Err(wmi::WmiError::InvalidQuery(_)) => None,
            // A class that the repository does not have has no rows.
            Err(_) => Some(false),
        }
    }
}

impl Host {
    /// The registry in one of its views.
    #[must_use]
    pub fn registry_in(&self, view: RegistryView) -> Registry {
        match view {
            RegistryView::Native => self.registry().clone(),
            RegistryView::Wow64 => self.registry().wow64(),
        }
    }
}

impl From<RegistryValue> for RegistryData {
    fn from(value: RegistryValue) -> Self {
        match value {
            RegistryValue::Sz(text) => Self::Text(text),
            RegistryValue::ExpandSz(text) => Self::Expandable(text),
            RegistryValue::Dword(number) => Self::Dword(number),
            RegistryValue::Qword(number) => Self::Qword(number),
            RegistryValue::MultiSz(lines) => Self::Lines(lines),
            RegistryValue::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl From<RegistryData> for RegistryValue {
    fn from(data: RegistryData) -> Self {
        match data {
            RegistryData::Text(text) => Self::Sz(text),
            RegistryData::Expandable(text) => Self::ExpandSz(text),
            RegistryData::Dword(number) => Self::Dword(number),
            RegistryData::Qword(number) => Self::Qword(number),
            RegistryData::Lines(lines) => Self::MultiSz(lines),
            RegistryData::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

fn local_machine(key: &str) -> String {
    format!(r"HKLM\{key}")
}

#[cfg(test)]
mod tests {
    use cmsim_wire::update::PackageIdentity;
    use uuid::Uuid;

    use super::*;
    use crate::{Mark, testing};

    const PACKAGE: &str = "Package_for_KB2584146~31bf3856ad364e35~amd64~~6.1.1.1";

    #[tokio::test(start_paused = true)]
    async fn packages_and_products_are_found_where_rules_look() {
        let host = testing::host("CLIENT1");
        let identity = PackageIdentity::parse(PACKAGE).unwrap();
        assert_eq!(host.package_version(&identity), None);
        host.packages().install(PACKAGE).unwrap();
        assert_eq!(host.package_version(&identity).unwrap().to_string(), "6.1.1.1");
        let (product, patch) = (Uuid::from_u128(1), Uuid::from_u128(2));
        host.packages().install_product(product, "Office", "14.0.7015.1000", 1033);
        host.packages().apply_patch(product, patch);
        assert_eq!(host.msi_product(product).unwrap().language, 1033);
        assert!(host.msi_patch(product, patch).is_some());
        host.packages().remove_product(product);
        assert_eq!(host.msi_product(product), None);
        assert_eq!(host.msi_patch(product, patch), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_package_counts_when_a_rule_misses_it() {
        let host = testing::host("CLIENT1");
        host.packages().install(PACKAGE).unwrap();
        let mark = Mark::new("uninstalled");
        host.packages().remove_marked(&mark, PACKAGE).unwrap();
        assert_eq!(host.package_version(&PackageIdentity::parse(PACKAGE).unwrap()), None);
        assert!(mark.hits() > 0);
        host.revert(&mark).unwrap();
        assert_eq!(host.packages().installed(), [PACKAGE]);
    }

    #[tokio::test(start_paused = true)]
    async fn files_and_system_are_those_of_the_host() {
        let host = testing::host("CLIENT1");
        host.disk().install(r"C:\Windows\System32\ntdll.dll", [6, 1, 7601, 18247].into(), 10).unwrap();
        let file = MachineFacts::file(&host, r"c:\windows\SYSTEM32\NTDLL.DLL").unwrap();
        assert_eq!(file.version.unwrap().to_string(), "6.1.7601.18247");
        assert_eq!((host.os().version, host.os().architecture), ([6, 1, 7601], 9));
        assert_eq!(host.wmi_has_rows("root\\cimv2", "SELECT * FROM Nothing"), Some(false));
        assert_eq!(host.wmi_has_rows("root\\cimv2", "ASSOCIATORS OF x"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_attribute_that_a_change_altered_is_met() {
        let host = testing::host("CLIENT1");
        host.set_device_attribute("OSVersion", "10.0.26200.8037");
        let mark = Mark::new("other version");
        host.set_device_attribute_marked(&mark, "OSVersion", "10.0.19045.1");
        assert_eq!(MachineFacts::device_attribute(&host, "OSVersion").as_deref(), Some("10.0.19045.1"));
        assert_eq!(mark.hits(), 1);
        host.revert(&mark).unwrap();
        assert_eq!(MachineFacts::device_attribute(&host, "OSVersion").as_deref(), Some("10.0.26200.8037"));
    }
}
