//! A machine in memory, for the tests of the agents.

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_wire::hresult::HResult;
use cmsim_wire::profile::Profile;
use cmsim_wire::update::{FileFacts, MachineFacts, OsFacts, RegistryData, RegistryView};
use jiff::Timestamp;
use uuid::Uuid;

use crate::framework::{
    Agent, AgentId, Context, Effect, HttpCall, Input, Interface, Machine, Message, NetworkPlace, PolicySetting,
    Process, RegistryValue, ServiceState, WmiInstance,
};

/// Everything the agents look at, held in maps.
#[derive(Clone, Debug)]
pub(crate) struct TestMachine {
    pub(crate) profile: Profile,
    pub(crate) place: NetworkPlace,
    pub(crate) now: Timestamp,
    pub(crate) policies: Result<Vec<PolicySetting>, HResult>,
    pub(crate) broken_namespaces: Vec<String>,
    pub(crate) services: BTreeMap<String, ServiceState>,
    pub(crate) untrusted: bool,
    registry: BTreeMap<(String, String), RegistryValue>,
    wmi: BTreeMap<(String, String), Vec<WmiInstance>>,
    files: BTreeMap<String, Vec<u8>>,
    draws: u64,
}

impl TestMachine {
    pub(crate) fn new() -> Self {
        Self {
            profile: Profile::windows_7(),
            place: NetworkPlace {
                on_internet: false,
                ad_site: Some("CM12-R2-PS1".into()),
                forest: Some("CONTOSO.COM".into()),
                domain: Some("CONTOSO.COM".into()),
                interfaces: vec![Interface { subnet: "192.168.2.0".into(), address: "192.168.2.62".into() }],
            },
            now: "2014-01-20T17:17:00Z".parse().expect("a time"),
            policies: Ok(Vec::new()),
            broken_namespaces: Vec::new(),
            services: BTreeMap::new(),
            untrusted: false,
            registry: BTreeMap::new(),
            wmi: BTreeMap::new(),
            files: BTreeMap::new(),
            draws: 0,
        }
    }

    fn class(namespace: &str, class: &str) -> (String, String) {
        (namespace.to_lowercase(), class.to_lowercase())
    }

    fn check(&self, namespace: &str) -> Result<(), HResult> {
        let broken = self.broken_namespaces.iter().any(|name| name.eq_ignore_ascii_case(namespace));
        if broken { Err(HResult(0x8004_100E)) } else { Ok(()) }
    }
}

impl Machine for TestMachine {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn name(&self) -> String {
        "CLIENT1".into()
    }

    fn fqdn(&self) -> String {
        "CLIENT1.CONTOSO.COM".into()
    }

    fn place(&self) -> NetworkPlace {
        self.place.clone()
    }

    fn process_id(&self, process: Process) -> u32 {
        match process {
            Process::CcmExec => 3856,
            Process::Svchost => 968,
        }
    }

    fn bias_minutes(&self) -> i32 {
        300
    }

    fn registry(&self, key: &str, name: &str) -> Option<RegistryValue> {
        self.registry.get(&Self::class(key, name)).cloned()
    }

    fn set_registry(&mut self, key: &str, name: &str, value: RegistryValue) -> Result<(), HResult> {
        self.registry.insert(Self::class(key, name), value);
        Ok(())
    }

    fn delete_registry(&mut self, key: &str, name: &str) -> Result<(), HResult> {
        self.registry.remove(&Self::class(key, name));
        Ok(())
    }

    fn wmi(&self, namespace: &str, class: &str) -> Result<Vec<WmiInstance>, HResult> {
        self.check(namespace)?;
        Ok(self.wmi.get(&Self::class(namespace, class)).cloned().unwrap_or_default())
    }

    fn put_wmi(&mut self, namespace: &str, class: &str, keys: &[&str], value: WmiInstance) -> Result<(), HResult> {
        self.check(namespace)?;
        let rows = self.wmi.entry(Self::class(namespace, class)).or_default();
        rows.retain(|row| keys.iter().any(|key| row.get(*key) != value.get(*key)));
        rows.push(value);
        Ok(())
    }

    fn delete_wmi(&mut self, namespace: &str, class: &str, matching: &WmiInstance) -> Result<usize, HResult> {
        self.check(namespace)?;
        let rows = self.wmi.entry(Self::class(namespace, class)).or_default();
        let before = rows.len();
        rows.retain(|row| matching.iter().any(|(key, value)| row.get(key) != Some(value)));
        Ok(before - rows.len())
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, HResult> {
        self.files.get(&path.to_lowercase()).cloned().ok_or(HResult(0x8007_0002))
    }

    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), HResult> {
        self.files.insert(path.to_lowercase(), bytes.to_vec());
        Ok(())
    }

    fn service(&self, name: &str) -> ServiceState {
        self.services.get(name).copied().unwrap_or(ServiceState::Running)
    }

    fn start_service(&mut self, name: &str) -> Result<(), HResult> {
        match self.service(name) {
            ServiceState::Running | ServiceState::Stopped => {
                self.services.insert(name.to_owned(), ServiceState::Running);
                Ok(())
            }
            ServiceState::Disabled => Err(HResult(0x8007_0422)),
            ServiceState::Missing => Err(HResult(0x8007_0424)),
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.draws += 1;
        self.draws.wrapping_mul(0x9E37_79B9_7F4A_7C15) % below
    }

    fn new_guid(&mut self) -> Uuid {
        self.draws += 1;
        Uuid::from_u128(0x1000_0000_0000_4000_8000_0000_0000_0000 + u128::from(self.draws))
    }

    fn certificate(&self) -> Vec<u8> {
        vec![0x30, 0x82, 1, 2]
    }

    fn public_modulus(&self) -> Vec<u8> {
        vec![0xAB; 256]
    }

    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, HResult> {
        let mut signature = vec![0; 256];
        for (index, byte) in data.iter().enumerate() {
            signature[index % 256] ^= byte;
        }
        Ok(signature)
    }

    fn verify_trust(&self, _signed_file: &[u8]) -> Result<(), HResult> {
        if self.untrusted { Err(HResult(0x800B_0109)) } else { Ok(()) }
    }

    fn facts(&self) -> &dyn MachineFacts {
        self
    }

    fn domain_policies(&self) -> Result<Vec<PolicySetting>, HResult> {
        self.policies.clone()
    }
}

impl MachineFacts for TestMachine {
    fn os(&self) -> OsFacts {
        let os = &self.profile.os;
        OsFacts {
            version: [os.version[0], os.version[1], os.version[2]],
            service_pack: os.service_pack.map(u32::from),
            suite_mask: u32::from(os.suite_mask),
            product_type: u32::from(os.product_type),
            architecture: 9,
            processor_level: 6,
            processor_revision: 0,
            processors: 2,
            languages: vec!["en-US".into()],
        }
    }

    fn registry_key(&self, _view: RegistryView, key: &str) -> bool {
        let key = format!("hklm\\{}", key.to_lowercase());
        self.registry.keys().any(|(found, _)| *found == key)
    }

    fn registry_value(&self, _view: RegistryView, key: &str, value: &str) -> Option<RegistryData> {
        match self.registry(&format!("HKLM\\{key}"), value)? {
            RegistryValue::Text(text) => Some(RegistryData::Text(text)),
            RegistryValue::Number(number) => Some(RegistryData::Dword(number)),
            RegistryValue::Lines(lines) => Some(RegistryData::Lines(lines)),
            RegistryValue::Bytes(bytes) => Some(RegistryData::Binary(bytes)),
        }
    }

    fn registry_subkeys(&self, _view: RegistryView, _key: &str, _prefix: &str) -> Vec<String> {
        Vec::new()
    }

    fn file(&self, _path: &str) -> Option<FileFacts> {
        None
    }
}

/// Gives an agent one input at the machine's time and returns its effects.
pub(crate) fn run(id: AgentId, agent: &mut dyn Agent, input: Input, machine: &mut TestMachine) -> Vec<Effect> {
    let mut cx = Context::new(machine.now, id, 2500, machine);
    agent.handle(input, &mut cx);
    cx.into_effects()
}

/// The texts of the lines among some effects.
pub(crate) fn texts(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Log(line) => Some(line.text.clone()),
            _ => None,
        })
        .collect()
}

/// The messages among some effects.
pub(crate) fn tells(effects: &[Effect]) -> Vec<(AgentId, Message)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Tell(to, message) => Some((*to, message.clone())),
            _ => None,
        })
        .collect()
}

/// The timers among some effects: name and time.
pub(crate) fn timers(effects: &[Effect]) -> Vec<(String, Duration)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Timer { name, after, .. } => Some((name.0.clone(), *after)),
            _ => None,
        })
        .collect()
}

/// The HTTP calls among some effects.
pub(crate) fn calls(effects: &[Effect]) -> Vec<HttpCall> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Http(call) => Some(call.clone()),
            _ => None,
        })
        .collect()
}
