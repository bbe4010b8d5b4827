//! A host as the applicability rules of updates see it.

use cmsim_wire::update::rules::Version;
use cmsim_wire::update::{FileFacts, MachineFacts, OsFacts, RegistryData, RegistryView};

use crate::registry::{Registry, RegistryValue};
use crate::{Host, wmi};

/// Processor of the machines: family 6, an Intel model of the time (inferred: any value is possible).
const PROCESSOR_LEVEL: u32 = 6;
const PROCESSOR_REVISION: u32 = 0x2A07;
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
            processors: 1,
            languages: vec!["en".to_owned()],
        }
    }

    fn registry_key(&self, view: RegistryView, key: &str) -> bool {
        self.view(view).exists(&local_machine(key))
    }

    fn registry_value(&self, view: RegistryView, key: &str, value: &str) -> Option<RegistryData> {
        let data = match self.view(view).get(&local_machine(key), value)? {
            RegistryValue::Sz(text) => RegistryData::Text(text),
            RegistryValue::ExpandSz(text) => RegistryData::Expandable(text),
            RegistryValue::Dword(number) => RegistryData::Dword(number),
            RegistryValue::Qword(number) => RegistryData::Qword(number),
            RegistryValue::MultiSz(lines) => RegistryData::Lines(lines),
            RegistryValue::Binary(bytes) => RegistryData::Binary(bytes),
        };
        Some(data)
    }

    fn registry_subkeys(&self, view: RegistryView, key: &str, prefix: &str) -> Vec<String> {
        self.view(view).subkeys_beginning(&local_machine(key), prefix)
    }

    fn file(&self, path: &str) -> Option<FileFacts> {
        let facts = self.disk().facts(path)?;
        Some(FileFacts {
            version: facts.version.map(|version| Version::new(version.0.map(u32::from))),
            size: facts.size,
            created: facts.created.timestamp(),
            modified: facts.modified.timestamp(),
            language: facts.version.map(|_| "en".to_owned()),
        })
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
    fn view(&self, view: RegistryView) -> Registry {
        match view {
            RegistryView::Native => self.registry().clone(),
            RegistryView::Wow64 => self.registry().wow64(),
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
    use crate::{FileVersion, Mark, testing};

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
        host.disk().install(r"C:\Windows\System32\ntdll.dll", FileVersion([6, 1, 7601, 18247]), 10).unwrap();
        let file = MachineFacts::file(&host, r"c:\windows\SYSTEM32\NTDLL.DLL").unwrap();
        assert_eq!(file.version.unwrap().to_string(), "6.1.7601.18247");
        assert_eq!((host.os().version, host.os().architecture), ([6, 1, 7601], 9));
        assert_eq!(host.wmi_has_rows("root\\cimv2", "SELECT * FROM Nothing"), Some(false));
        assert_eq!(host.wmi_has_rows("root\\cimv2", "ASSOCIATORS OF x"), None);
    }
}
