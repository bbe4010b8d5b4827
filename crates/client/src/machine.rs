//! A host of the world as its agents see it.

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_agents::framework::{
    Agent, AgentId, Context, Effect, Input, Interface, Machine, NetworkPlace, Pace, PolicySetting, Process,
    RegistryValue, ServiceState, ThreadIds, WmiInstance,
};
use cmsim_net::pki::CertifiedKey;
use cmsim_sim::SimRng;
use cmsim_wire::hresult::HResult;
use cmsim_wire::profile::Profile;
use cmsim_wire::update::MachineFacts;
use cmsim_world::wmi::{Class, Retention};
use cmsim_world::{Host, ServiceError, StartType, WmiError, services};
use jiff::Timestamp;
use uuid::Uuid;

use crate::identity::{IdentityError, ensure_certificate};
use crate::policy::DomainAccess;
use crate::{convert, trust};

/// `ERROR_NO_SUCH_DOMAIN` as HRESULT: no domain controller answers (docs).
const NO_SUCH_DOMAIN: HResult = HResult(0x8007_054B);
/// `ERROR_INVALID_NAME` as HRESULT: not a registry path (docs).
const INVALID_NAME: HResult = HResult(0x8007_007B);
/// Puts and deletes kept per class for the export.
const HISTORY: usize = 1000;
/// Classes with an instance per update: their final instances tell everything, and a history of hundreds of rows per scan
/// would make large populations expensive.
const WITHOUT_HISTORY: [&str; 2] = ["CCM_UpdateStatus", "CCM_StateMsg"];

/// What came of one input.
#[derive(Debug)]
pub struct Turn {
    /// The thread that handled it.
    pub thread: u32,
    /// What the agent wants done, in order.
    pub effects: Vec<Effect>,
}

/// The agents' view of a host. Each agent draws from random streams of its own, so what one agent draws does not depend
/// on when the others run.
#[derive(Debug)]
pub struct LocalMachine {
    host: Host,
    domain: Option<DomainAccess>,
    controller_answers: bool,
    certificate: CertifiedKey,
    current: AgentId,
    draws: BTreeMap<AgentId, SimRng>,
    threads: BTreeMap<AgentId, (ThreadIds, SimRng)>,
    gaps: BTreeMap<AgentId, SimRng>,
}

impl LocalMachine {
    /// The machine, with its service installed and its certificate made where they are not there yet. A machine of a
    /// domain without `domain` gets no policy from it.
    ///
    /// # Errors
    /// [`IdentityError`] if the certificate cannot be made.
    pub fn new(host: &Host, domain: Option<DomainAccess>) -> Result<Self, IdentityError> {
        let certificate = ensure_certificate(host)?;
        if host.services().query("CcmExec").is_none() {
            let process = host.process_id("CcmExec");
            host.services().install("CcmExec", "SMS Agent Host", StartType::Automatic, process);
        }
        if let Some(domain) = &domain {
            domain.locate(host);
        }
        Ok(Self {
            host: host.clone(),
            domain,
            controller_answers: true,
            certificate,
            current: AgentId::CcmExec,
            draws: BTreeMap::new(),
            threads: BTreeMap::new(),
            gaps: BTreeMap::new(),
        })
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Says whether a domain controller answers; it does until somebody says otherwise.
    pub fn set_controller_answers(&mut self, answers: bool) {
        self.controller_answers = answers;
    }

    /// Lets `agent` handle an input at `now` by the host's clock, on a thread of its process.
    pub fn turn(&mut self, now: Timestamp, id: AgentId, agent: &mut dyn Agent, input: Input) -> Turn {
        self.current = id;
        let seed = self.host.seed();
        let (threads, rng) = self
            .threads
            .entry(id)
            .or_insert_with(|| (ThreadIds::default(), seed.stream(&format!("agent/{id}/threads"))));
        let thread = threads.next(&mut || rng.next_u64());
        let mut cx = Context::new(now, id, thread, self);
        agent.handle(input, &mut cx);
        Turn { thread, effects: cx.into_effects() }
    }

    /// The time that passes before the agent's next effect of the same turn; every driver leaves these gaps.
    pub fn gap(&mut self, id: AgentId) -> Duration {
        let seed = self.host.seed();
        let rng = self.gaps.entry(id).or_insert_with(|| seed.stream(&format!("agent/{id}/pace")));
        Pace.next(&mut || rng.next_u64())
    }

    /// Whether the process of the agent runs: the SMS Agent Host, the update service or the Group Policy client.
    #[must_use]
    pub fn is_running(&self, id: AgentId) -> bool {
        self.host.services().is_running(service_of(id))
    }

    fn draw(&mut self) -> &mut SimRng {
        let seed = self.host.seed();
        let id = self.current;
        self.draws.entry(id).or_insert_with(|| seed.stream(&format!("agent/{id}/draws")))
    }
}

/// The service in which an agent lives.
pub(crate) fn service_of(id: AgentId) -> &'static str {
    match id {
        AgentId::WindowsUpdateAgent => "wuauserv",
        AgentId::GroupPolicy => "gpsvc",
        _ => "CcmExec",
    }
}

impl Machine for LocalMachine {
    fn profile(&self) -> &Profile {
        self.host.profile()
    }

    fn name(&self) -> String {
        self.host.name().to_string()
    }

    fn fqdn(&self) -> String {
        self.host.fqdn()
    }

    fn place(&self) -> NetworkPlace {
        // The documented switch of the client's "always on the Internet" installation property.
        let always = self.host.registry().dword(r"HKLM\SOFTWARE\Microsoft\CCM\Security", "ClientAlwaysOnInternet");
        let is_member = self.host.domain().is_some();
        let forest = self.domain.as_ref().filter(|_| is_member).map(|domain| domain.directory.forest());
        let interfaces = self.host.interfaces().iter().map(|interface| Interface {
            subnet: interface.subnet().to_string(),
            address: interface.address.to_string(),
        });
        NetworkPlace {
            on_internet: always == Some(1),
            ad_site: self.host.ad_site(),
            forest,
            domain: self.host.domain().map(str::to_owned),
            interfaces: interfaces.collect(),
        }
    }

    fn process_id(&self, process: Process) -> u32 {
        self.host.process_id(match process {
            Process::CcmExec => "CcmExec",
            Process::Svchost => "svchost",
        })
    }

    fn bias_minutes(&self) -> i32 {
        self.host.zone().local(self.host.now()).bias_minutes
    }

    fn registry(&self, key: &str, name: &str) -> Option<RegistryValue> {
        self.host.registry().get(key, name).map(convert::registry_to_agents)
    }

    fn set_registry(&mut self, key: &str, name: &str, value: RegistryValue) -> Result<(), HResult> {
        let value = convert::registry_to_world(value);
        self.host.registry().set(key, name, value).map_err(|_| INVALID_NAME)
    }

    fn delete_registry(&mut self, key: &str, name: &str) -> Result<(), HResult> {
        self.host.registry().delete_value(key, name).map_err(|_| INVALID_NAME)
    }

    fn wmi(&self, namespace: &str, class: &str) -> Result<Vec<WmiInstance>, HResult> {
        // Setup creates every class of the client; here a class comes into being with its first instance.
        if self.host.wmi().keys(namespace, class).is_none() {
            return Ok(Vec::new());
        }
        let instances = self.host.wmi().instances(namespace, class).map_err(wmi_code)?;
        Ok(instances.iter().map(|instance| convert::instance_to_agents(instance)).collect())
    }

    fn has_wmi(&self, namespace: &str, class: &str, key: &WmiInstance) -> bool {
        let wmi = self.host.wmi();
        let values = |keys: Vec<String>| keys.iter().filter_map(|name| key.get(name).cloned()).collect::<Vec<_>>();
        let key: Vec<_> = wmi.keys(namespace, class).map(values).unwrap_or_default();
        let key: Vec<_> = key.into_iter().map(convert::wmi_to_world).collect();
        wmi.get(namespace, class, &key).is_ok_and(|found| found.is_some())
    }

    fn put_wmi(&mut self, namespace: &str, class: &str, keys: &[&str], value: WmiInstance) -> Result<(), HResult> {
        if self.host.wmi().keys(namespace, class).is_none() {
            let retention =
                if WITHOUT_HISTORY.contains(&class) { Retention::Nothing } else { Retention::Last(HISTORY) };
            self.host.wmi().define(namespace, Class::new(class, keys).retain(retention));
        }
        let instance = convert::instance_to_world(class, value);
        self.host.wmi().put(namespace, instance).map(drop).map_err(wmi_code)
    }

    fn delete_wmi(&mut self, namespace: &str, class: &str, matching: &WmiInstance) -> Result<usize, HResult> {
        let wmi = self.host.wmi();
        let Some(keys) = wmi.keys(namespace, class) else {
            return Ok(0);
        };
        let all = wmi.instances(namespace, class).map_err(wmi_code)?;
        let mut deleted = 0;
        for instance in all.iter().filter(|instance| convert::agrees(instance, matching)) {
            let key: Vec<_> = keys.iter().filter_map(|key| instance.get(key).cloned()).collect();
            deleted += usize::from(wmi.delete(namespace, class, &key).map_err(wmi_code)?);
        }
        Ok(deleted)
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, HResult> {
        self.host.disk().read(path).map_err(|error| HResult(error.hresult()))
    }

    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), HResult> {
        self.host.disk().write(path, bytes).map_err(|error| HResult(error.hresult()))
    }

    fn service(&self, name: &str) -> ServiceState {
        match self.host.services().query(name) {
            None => ServiceState::Missing,
            Some(service) => match (service.state, service.start) {
                (services::ServiceState::Running, _) => ServiceState::Running,
                (services::ServiceState::Stopped, StartType::Disabled) => ServiceState::Disabled,
                (services::ServiceState::Stopped, _) => ServiceState::Stopped,
            },
        }
    }

    fn start_service(&mut self, name: &str) -> Result<(), HResult> {
        self.host.services().start(name).map_err(|error: ServiceError| HResult(error.hresult()))
    }

    fn facts(&self) -> &dyn MachineFacts {
        &self.host
    }

    fn random(&mut self, below: u64) -> u64 {
        self.draw().below(0, below)
    }

    fn new_guid(&mut self) -> Uuid {
        self.draw().uuid()
    }

    fn certificate(&self) -> Vec<u8> {
        self.certificate.certificate().to_vec()
    }

    fn public_modulus(&self) -> Vec<u8> {
        self.certificate.key.public_components().n
    }

    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, HResult> {
        Ok(self.certificate.key.sign_sha256(data))
    }

    fn verify_trust(&self, signed_file: &[u8]) -> Result<(), HResult> {
        trust::verify(&self.host, signed_file)
    }

    fn domain_policies(&self) -> Result<Vec<PolicySetting>, HResult> {
        match &self.domain {
            Some(_) if self.host.domain().is_some() && !self.controller_answers => Err(NO_SUCH_DOMAIN),
            Some(domain) => Ok(domain.policy_of(&self.host)),
            None => Ok(Vec::new()),
        }
    }
}

fn wmi_code(error: WmiError) -> HResult {
    HResult(error.hresult())
}
