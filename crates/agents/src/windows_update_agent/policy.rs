//! What policy and the agent's own registry say.

use crate::framework::{Machine, RegistryValue};

const POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
const AGENT: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate";

/// The policy the agent works under.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct UpdatePolicy {
    /// The update server, if one is set and switched on.
    pub(super) server: Option<String>,
    pub(super) status_server: Option<String>,
    /// Client-side target group.
    pub(super) target_group: Option<String>,
    /// "Remove access to use all Windows Update features" does not concern scans of managed servers; this one does.
    pub(super) access_disabled: bool,
}

impl UpdatePolicy {
    pub(super) fn read(machine: &dyn Machine) -> Self {
        let text = |name| machine.registry(POLICY, name).and_then(|value| value.text().map(str::to_owned));
        let number = |key: &str, name| machine.registry(key, name).and_then(|value| value.number());
        let on = number(&format!(r"{POLICY}\AU"), "UseWUServer") == Some(1);
        let grouped = number(POLICY, "TargetGroupEnabled") == Some(1);
        Self {
            server: text("WUServer").filter(|_| on),
            status_server: text("WUStatusServer").filter(|_| on),
            target_group: text("TargetGroup").filter(|_| grouped),
            access_disabled: number(POLICY, "DisableWindowsUpdateAccess") == Some(1),
        }
    }
}

/// The id by which WSUS knows the machine; made when it is missing (MS-WUSP note 63).
pub(super) fn client_id(machine: &mut dyn Machine) -> String {
    if let Some(RegistryValue::Text(id)) = machine.registry(AGENT, "SusClientId") {
        return id;
    }
    let id = machine.new_guid().hyphenated().to_string();
    // A registry that refuses it makes the machine a new one at every scan, as on a real one.
    let _ = machine.set_registry(AGENT, "SusClientId", RegistryValue::Text(id.clone()));
    id
}
