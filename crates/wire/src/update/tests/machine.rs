//! A machine out of a few tables.

use std::collections::BTreeMap;

use crate::update::{FileFacts, MachineFacts, OsFacts, RegistryData, RegistryView};

#[derive(Clone, Default)]
pub(super) struct Machine {
    pub(super) values: BTreeMap<(RegistryView, String, String), RegistryData>,
    pub(super) files: BTreeMap<String, &'static str>,
    pub(super) attributes: BTreeMap<&'static str, &'static str>,
    pub(super) wmi: Option<bool>,
}

impl Machine {
    pub(super) fn set(&mut self, key: &str, value: &str, data: RegistryData) {
        let place = (RegistryView::Native, key.to_lowercase(), value.to_lowercase());
        self.values.insert(place, data);
    }

    pub(super) fn package(&mut self, identity: &str, state: u32) {
        let key = format!(r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\{identity}");
        self.set(&key, "CurrentState", RegistryData::Dword(state));
    }
}

impl MachineFacts for Machine {
    fn os(&self) -> OsFacts {
        OsFacts {
            version: [6, 1, 7601],
            service_pack: [1, 0],
            suite_mask: 256,
            product_type: 1,
            architecture: 9,
            processor_level: 6,
            processor_revision: 15363,
            processors: 2,
            languages: vec!["en-US".to_owned()],
        }
    }

    fn registry_key(&self, view: RegistryView, key: &str) -> bool {
        let key = key.to_lowercase();
        let below = format!("{key}\\");
        let mut keys = self.values.keys().filter(|(of, _, _)| *of == view);
        keys.any(|(_, path, _)| *path == key || path.starts_with(&below))
    }

    fn registry_value(&self, view: RegistryView, key: &str, value: &str) -> Option<RegistryData> {
        self.values.get(&(view, key.to_lowercase(), value.to_lowercase())).cloned()
    }

    fn registry_subkeys(&self, view: RegistryView, key: &str, prefix: &str) -> Vec<String> {
        let below = format!("{}\\", key.to_lowercase());
        let mut names: Vec<String> = self
            .values
            .keys()
            .filter(|(of, _, _)| *of == view)
            .filter_map(|(_, path, _)| path.strip_prefix(&below))
            .map(|rest| rest.split('\\').next().unwrap_or(rest).to_owned())
            .filter(|name| name.starts_with(&prefix.to_lowercase()))
            .collect();
        names.dedup();
        names
    }

    fn file(&self, path: &str) -> Option<FileFacts> {
        let version = self.files.get(path.to_lowercase().as_str())?;
        Some(FileFacts {
            version: version.parse().ok(),
            size: 4096,
            created: "2013-08-01T10:00:00Z".parse().unwrap(),
            modified: "2013-08-02T10:00:00Z".parse().unwrap(),
            language: None,
        })
    }

    fn device_attribute(&self, name: &str) -> Option<String> {
        self.attributes.get(name).map(|value| (*value).to_owned())
    }

    fn wmi_has_rows(&self, _namespace: &str, _query: &str) -> Option<bool> {
        self.wmi
    }
}
