//! The machine an agent runs on, as far as agents look at it: synchronous and local.

use std::collections::BTreeMap;

use cmsim_wire::hresult::HResult;
use cmsim_wire::profile::Profile;
use cmsim_wire::update::MachineFacts;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Process;

/// A registry value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryValue {
    /// `REG_SZ`.
    Text(String),
    /// `REG_DWORD`.
    Number(u32),
    /// `REG_MULTI_SZ`.
    Lines(Vec<String>),
    /// `REG_BINARY`.
    Bytes(Vec<u8>),
}

impl RegistryValue {
    /// The text of a `REG_SZ`.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a `REG_DWORD`.
    #[must_use]
    pub const fn number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// A property of a WMI instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WmiValue {
    /// Not set.
    Null,
    /// `boolean`.
    Bool(bool),
    /// Any integer type.
    Number(i64),
    /// `string` and `datetime`.
    Text(String),
    /// An array of any of these.
    List(Vec<WmiValue>),
    /// An embedded instance.
    Instance(WmiInstance),
}

impl WmiValue {
    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub const fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl From<&str> for WmiValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for WmiValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for WmiValue {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<bool> for WmiValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// The properties of a WMI instance by name.
pub type WmiInstance = BTreeMap<String, WmiValue>;

/// A WMI instance from its properties.
#[must_use]
pub fn instance<const N: usize>(properties: [(&str, WmiValue); N]) -> WmiInstance {
    properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// State of a Windows service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// Running.
    Running,
    /// Stopped, can be started.
    Stopped,
    /// Start type "disabled".
    Disabled,
    /// Not installed.
    Missing,
}

/// One network interface with an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Network address of the subnet, `192.168.2.0`.
    pub subnet: String,
    /// Address of the machine, `192.168.2.62`.
    pub address: String,
}

/// Where the machine stands, as the directory and the network tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPlace {
    /// Whether the client regards itself as on the Internet.
    pub on_internet: bool,
    /// Active Directory site.
    pub ad_site: Option<String>,
    /// DNS name of the forest, as the directory spells it.
    pub forest: Option<String>,
    /// DNS name of the domain; `None` for a workgroup machine.
    pub domain: Option<String>,
    /// Interfaces in binding order.
    pub interfaces: Vec<Interface>,
}

/// One registry policy setting, as a `registry.pol` entry carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySetting {
    /// Key below `HKEY_LOCAL_MACHINE`, without a leading backslash.
    pub key: String,
    /// Value name.
    pub name: String,
    /// Value; `None` deletes it.
    pub value: Option<RegistryValue>,
}

/// The local machine. Registry keys are `HKLM\…` with backslashes, paths are Windows paths (`C:\…`).
///
/// Errors are the codes Windows gives for the cause: agents report them as they are.
pub trait Machine {
    /// Product versions.
    fn profile(&self) -> &Profile;
    /// NetBIOS name, upper case.
    fn name(&self) -> String;
    /// Fully qualified name; the NetBIOS name for a workgroup machine without a suffix.
    fn fqdn(&self) -> String;
    /// Network and directory position.
    fn place(&self) -> NetworkPlace;
    /// Id of a process of the machine, as logs and events show it.
    fn process_id(&self, process: Process) -> u32;
    /// Minutes to add to local time to get UTC (US Eastern winter: 300).
    fn bias_minutes(&self) -> i32;

    /// A registry value.
    fn registry(&self, key: &str, name: &str) -> Option<RegistryValue>;
    /// Writes a registry value, making the key.
    fn set_registry(&mut self, key: &str, name: &str, value: RegistryValue) -> Result<(), HResult>;
    /// Deletes a registry value; an absent one is fine.
    fn delete_registry(&mut self, key: &str, name: &str) -> Result<(), HResult>;

    /// All instances of a class, in key order.
    fn wmi(&self, namespace: &str, class: &str) -> Result<Vec<WmiInstance>, HResult>;
    /// Whether there is an instance with these values of the class's key properties: the cheap form of [`Self::wmi`].
    fn has_wmi(&self, namespace: &str, class: &str, key: &WmiInstance) -> bool {
        let agrees = |row: &WmiInstance| key.iter().all(|(name, value)| row.get(name) == Some(value));
        self.wmi(namespace, class).is_ok_and(|rows| rows.iter().any(agrees))
    }
    /// Creates or replaces the instance with the same values of the `keys` properties.
    fn put_wmi(&mut self, namespace: &str, class: &str, keys: &[&str], value: WmiInstance) -> Result<(), HResult>;
    /// Deletes the instances that agree with every property given; returns how many.
    fn delete_wmi(&mut self, namespace: &str, class: &str, matching: &WmiInstance) -> Result<usize, HResult>;

    /// The content of a file; a missing file is `0x80070002`.
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HResult>;
    /// Creates or replaces a file with its folders.
    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), HResult>;

    /// State of a service by its short name (`wuauserv`).
    fn service(&self, name: &str) -> ServiceState;
    /// Starts a service that is stopped; a disabled one is `0x80070422`.
    fn start_service(&mut self, name: &str) -> Result<(), HResult>;

    /// A seeded number below `below` (which is not 0).
    fn random(&mut self, below: u64) -> u64;
    /// A seeded id.
    fn new_guid(&mut self) -> Uuid;

    /// The client's own certificate (self-signed or PKI), DER.
    fn certificate(&self) -> Vec<u8>;
    /// Modulus of the certificate's RSA key, big-endian.
    fn public_modulus(&self) -> Vec<u8>;
    /// RSA PKCS#1 v1.5 over SHA-256 with the certificate's key, big-endian.
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, HResult>;
    /// `WinVerifyTrust` on a file's content: signed, chain trusted, in date.
    fn verify_trust(&self, signed_file: &[u8]) -> Result<(), HResult>;

    /// The machine as applicability rules see it.
    fn facts(&self) -> &dyn MachineFacts;

    /// Computer settings of every domain Group Policy object that applies, in order of precedence (last wins); empty for
    /// a workgroup machine. An error means the domain controller did not answer.
    fn domain_policies(&self) -> Result<Vec<PolicySetting>, HResult>;
}
