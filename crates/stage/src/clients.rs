//! Clients: a machine with a freshly installed ConfigMgr client, and its agents.

use cmsim_agents::ccm_exec::CcmExec;
use cmsim_agents::ccm_messaging::CcmMessaging;
use cmsim_agents::client_id_manager::ClientIdManager;
use cmsim_agents::framework::AgentId;
use cmsim_agents::group_policy::GroupPolicy;
use cmsim_agents::location_services::LocationServices;
use cmsim_agents::policy_agent::PolicyAgent;
use cmsim_agents::policy_evaluator::PolicyEvaluator;
use cmsim_agents::scan_agent::ScanAgent;
use cmsim_agents::scheduler::Scheduler;
use cmsim_agents::site::{CCM, MOBILE_CLIENT, ROOT_CCM};
use cmsim_agents::state_message::StateMessage;
use cmsim_agents::updates_deployment::UpdatesDeployment;
use cmsim_agents::updates_store::UpdatesStore;
use cmsim_agents::windows_update_agent::WindowsUpdateAgent;
use cmsim_agents::wua_handler::WuaHandler;
use cmsim_client::{ClientHandle, ClientMachine, DomainAccess, Resident};
use cmsim_net::Network;
use cmsim_world::{BadPath, Directory, Host, wmi};

use crate::settings::StageError;
use crate::topology;

/// What client setup leaves on a machine: the assigned site and where its management point is.
pub(crate) fn install(host: &Host) -> Result<(), StageError> {
    let failed = || format!("cannot install the client on {}", host.name());
    let version = host.profile().client_version.clone();
    let registry = || -> Result<(), BadPath> {
        host.registry().set(MOBILE_CLIENT, "AssignedSiteCode", topology::SITE_CODE)?;
        host.registry().set(MOBILE_CLIENT, "ProductVersion", version.as_str())?;
        host.registry().set(CCM, "HttpPort", 80_u32)?;
        host.registry().set(CCM, "HttpsPort", 443_u32)?;
        host.registry().set(CCM, "HttpsState", 0_u32)
    };
    registry().map_err(StageError::part(failed()))?;
    let classes = [("SMS_Client", &[][..]), ("SMS_Authority", &["Name"][..])];
    for (class, keys) in classes {
        host.wmi().define(ROOT_CCM, wmi::Class::new(class, keys));
    }
    let authority = wmi::Instance::new("SMS_Authority")
        .with("Name", format!("SMS:{}", topology::SITE_CODE))
        .with("CurrentManagementPoint", topology::fqdn(topology::SITE_SYSTEM));
    let client = wmi::Instance::new("SMS_Client").with("ClientVersion", version);
    for instance in [client, authority] {
        host.wmi().put(ROOT_CCM, instance).map_err(StageError::part(failed()))?;
    }
    Ok(())
}

/// Starts the agents of a machine.
pub(crate) fn start(host: &Host, network: &Network, directory: &Directory) -> Result<ClientHandle, StageError> {
    let machine = ClientMachine::new(host, network).in_domain(DomainAccess { directory: directory.clone() });
    let agents = AgentId::ALL.into_iter().map(|id| (id, agent(id))).collect();
    machine.start(agents).map_err(StageError::part(format!("cannot start the agents of {}", host.name())))
}

/// A fresh agent.
fn agent(id: AgentId) -> Box<dyn Resident> {
    match id {
        AgentId::CcmExec => Box::new(CcmExec),
        AgentId::Scheduler => Box::new(Scheduler::default()),
        AgentId::ClientIdManager => Box::new(ClientIdManager::default()),
        AgentId::PolicyAgent => Box::new(PolicyAgent::default()),
        AgentId::PolicyEvaluator => Box::new(PolicyEvaluator::default()),
        AgentId::UpdatesDeployment => Box::new(UpdatesDeployment::default()),
        AgentId::ScanAgent => Box::new(ScanAgent::default()),
        AgentId::LocationServices => Box::new(LocationServices::default()),
        AgentId::CcmMessaging => Box::new(CcmMessaging::default()),
        AgentId::WuaHandler => Box::new(WuaHandler::default()),
        AgentId::GroupPolicy => Box::new(GroupPolicy::default()),
        AgentId::WindowsUpdateAgent => Box::new(WindowsUpdateAgent::default()),
        AgentId::UpdatesStore => Box::new(UpdatesStore),
        AgentId::StateMessage => Box::new(StateMessage),
    }
}
