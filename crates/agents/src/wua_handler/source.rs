//! Setting the update source: WMI, local Group Policy, and the check that it stuck.

use cmsim_wire::hresult::HResult;

use crate::framework::{Machine, PolicySetting, RegistryValue, SourceKey, WmiInstance, braced, instance};
use crate::registry_pol::{self, LOCAL_POLICY_FILE};
use crate::settings;

/// Namespace and class of the update sources WUAHandler knows (docs).
pub(super) const NAMESPACE: &str = r"root\CCM\SoftwareUpdates\WUAHandler";
pub(super) const SOURCES: &str = "CCM_UpdateSource";

/// Key of the Windows Update policy below `HKLM` (article).
pub(super) const POLICY_KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";

/// `E_FAIL`: what an unreadable registry.pol gives.
pub(super) const E_FAIL: HResult = HResult(0x8000_4005);
/// File not found.
const FILE_NOT_FOUND: HResult = HResult(0x8007_0002);

/// The version of the source in WMI, if the source is known.
pub(super) fn known_version(machine: &dyn Machine, source: &SourceKey) -> Option<u32> {
    machine
        .wmi(NAMESPACE, SOURCES)
        .unwrap_or_default()
        .iter()
        .find(|row| settings::guid(row, "UniqueId") == Some(source.id))
        .map(|row| settings::number(row, "ContentVersion").unwrap_or(0))
}

/// The instance that stands for a source.
pub(super) fn to_wmi(source: &SourceKey, content_type: u32, location: &str, service: &str) -> WmiInstance {
    instance([
        ("UniqueId", braced(source.id).into()),
        ("ContentLocation", location.into()),
        ("ContentType", content_type.into()),
        ("ContentVersion", source.version.into()),
        ("ServiceId", service.into()),
    ])
}

/// The server Windows Update is told to use: resultant policy as the registry has it, and whether it is switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResultantPolicy {
    pub(super) server: Option<String>,
    pub(super) status_server: Option<String>,
    pub(super) enabled: bool,
}

impl ResultantPolicy {
    pub(super) fn read(machine: &dyn Machine) -> Self {
        let key = format!(r"HKLM\{POLICY_KEY}");
        let text = |name| machine.registry(&key, name).and_then(|value| value.text().map(str::to_owned));
        let enabled = machine.registry(&format!(r"{key}\AU"), "UseWUServer").and_then(|value| value.number());
        Self { server: text("WUServer"), status_server: text("WUStatusServer"), enabled: enabled == Some(1) }
    }

    /// Whether exactly this server is in force. Names compare without case, everything else as it is: a missing port differs.
    pub(super) fn is(&self, location: &str) -> bool {
        let same = |value: &Option<String>| value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case(location));
        self.enabled && same(&self.server) && same(&self.status_server)
    }
}

/// The three settings of the local policy (article: table of step 1.10).
pub(super) fn policy_for(location: &str) -> [PolicySetting; 3] {
    let setting = |key: String, name: &str, value| PolicySetting { key, name: name.to_owned(), value: Some(value) };
    [
        setting(POLICY_KEY.to_owned(), "WUServer", RegistryValue::Text(location.to_owned())),
        setting(POLICY_KEY.to_owned(), "WUStatusServer", RegistryValue::Text(location.to_owned())),
        setting(format!(r"{POLICY_KEY}\AU"), "UseWUServer", RegistryValue::Number(1)),
    ]
}

/// Writes the local policy: registry.pol keeps whatever else is in it, the registry gets the values at once.
///
/// A file that cannot be parsed is `E_FAIL`, as the policy object gives it.
pub(super) fn write_local_policy(machine: &mut dyn Machine, location: &str) -> Result<(), HResult> {
    let mut settings = match machine.read_file(LOCAL_POLICY_FILE) {
        Ok(bytes) => registry_pol::parse(&bytes).map_err(|_| E_FAIL)?,
        Err(FILE_NOT_FOUND) => Vec::new(),
        Err(code) => return Err(code),
    };
    let ours = policy_for(location);
    settings.retain(|old| {
        !ours.iter().any(|new| new.key.eq_ignore_ascii_case(&old.key) && new.name.eq_ignore_ascii_case(&old.name))
    });
    settings.extend(ours.iter().cloned());
    machine.write_file(LOCAL_POLICY_FILE, &registry_pol::write(&settings))?;
    for setting in ours {
        if let Some(value) = setting.value {
            machine.set_registry(&format!(r"HKLM\{}", setting.key), &setting.name, value)?;
        }
    }
    Ok(())
}
