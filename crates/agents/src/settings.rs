//! The client settings in WMI that more than one agent reads.

use cmsim_wire::hresult::{DEFAULT_RETRY_CODES, HResult};
use cmsim_wire::profile::SiteGeneration;
use uuid::Uuid;

use crate::framework::{Machine, WmiInstance, WmiValue};

/// Namespace of compiled machine policy (docs).
pub const ACTUAL_CONFIG: &str = r"root\ccm\Policy\Machine\ActualConfig";

/// `CCM_SoftwareUpdatesClientConfig`: the software updates part of the client settings. Property names are from public
/// WMI dumps (field); defaults are those the client uses before policy arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftwareUpdates {
    /// Whether policy for it has arrived at all.
    pub received: bool,
    /// "Enable software updates on clients".
    pub enabled: bool,
    /// Seconds between a failed scan and its repetition.
    pub scan_retry_delay: u32,
    /// Failures on one software update point before another is tried (docs: at least four).
    pub max_scan_retries: u32,
    /// Seconds to wait for an answer to a location request.
    pub location_timeout: u32,
    /// Seconds to wait for Group Policy.
    pub group_policy_timeout: u32,
}

impl SoftwareUpdates {
    /// The settings in force on a machine.
    #[must_use]
    pub fn read(machine: &dyn Machine) -> Self {
        let found =
            machine.wmi(ACTUAL_CONFIG, "CCM_SoftwareUpdatesClientConfig").ok().and_then(|all| all.into_iter().next());
        let of = |name: &str, default: u32| found.as_ref().and_then(|config| number(config, name)).unwrap_or(default);
        Self {
            received: found.is_some(),
            enabled: found.as_ref().and_then(|config| truth(config, "Enabled")).unwrap_or(true),
            scan_retry_delay: of("ScanRetryDelay", 1800),
            max_scan_retries: of("MaxScanRetryCount", 4),
            location_timeout: of("WSUSLocationTimeout", 604_800),
            group_policy_timeout: of("GroupPolicyNotificationTimeout", 120),
        }
    }
}

/// `CCM_UpdateSource` of ActualConfig: the policy that names an update source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateSourcePolicy {
    /// Unique id.
    pub id: Uuid,
    /// Content version the site has.
    pub version: u32,
    /// Codes for which a failed scan is repeated; `None` means the built-in list.
    retry_codes: Option<Vec<u32>>,
}

impl UpdateSourcePolicy {
    /// Every update source there is policy for, in order of their ids.
    #[must_use]
    pub fn all(machine: &dyn Machine) -> Vec<Self> {
        let mut found: Vec<Self> = machine
            .wmi(ACTUAL_CONFIG, "CCM_UpdateSource")
            .unwrap_or_default()
            .iter()
            .filter_map(|instance| {
                Some(Self {
                    id: guid(instance, "UniqueID")?,
                    version: number(instance, "ContentVersion")?,
                    retry_codes: instance.get("ScanFailureRetryErrorCodes").and_then(codes),
                })
            })
            .collect();
        found.sort_by_key(|policy| policy.id);
        found
    }

    /// Whether a scan that failed with this code is repeated, and counts towards another software update point.
    #[must_use]
    pub fn repeats(&self, code: HResult) -> bool {
        match &self.retry_codes {
            Some(codes) => codes.contains(&code.0),
            None => DEFAULT_RETRY_CODES.contains(&code),
        }
    }
}

/// Whether the machine's site decides by boundary groups (current branch).
#[must_use]
pub fn boundary_groups_decide(machine: &dyn Machine) -> bool {
    machine.profile().site == SiteGeneration::CurrentBranch
}

/// A property as an unsigned number; policy carries numbers as text, too.
#[must_use]
pub fn number(instance: &WmiInstance, name: &str) -> Option<u32> {
    match instance.get(name)? {
        WmiValue::Number(number) => u32::try_from(*number).ok(),
        WmiValue::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A property as a truth value.
#[must_use]
pub fn truth(instance: &WmiInstance, name: &str) -> Option<bool> {
    match instance.get(name)? {
        WmiValue::Bool(value) => Some(*value),
        WmiValue::Number(number) => Some(*number != 0),
        WmiValue::Text(text) => Some(text.eq_ignore_ascii_case("true") || text == "1"),
        _ => None,
    }
}

/// A property as text.
#[must_use]
pub fn text<'a>(instance: &'a WmiInstance, name: &str) -> Option<&'a str> {
    instance.get(name)?.text()
}

/// A property as an id, with or without braces.
#[must_use]
pub fn guid(instance: &WmiInstance, name: &str) -> Option<Uuid> {
    text(instance, name)?.trim().parse().ok()
}

/// A code list: `{2149859341, 2149859342}` as site control writes it, or an array.
fn codes(value: &WmiValue) -> Option<Vec<u32>> {
    match value {
        WmiValue::Text(text) => Some(
            text.split(|c: char| !c.is_ascii_digit())
                .filter(|part| !part.is_empty())
                .filter_map(|part| part.parse().ok())
                .collect(),
        ),
        WmiValue::List(items) => Some(items.iter().filter_map(|item| u32::try_from(item.number()?).ok()).collect()),
        _ => None,
    }
}
