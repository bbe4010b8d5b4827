//! The agents of a machine on which the client was just installed.

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
use cmsim_agents::state_message::StateMessage;
use cmsim_agents::updates_deployment::UpdatesDeployment;
use cmsim_agents::updates_store::UpdatesStore;
use cmsim_agents::windows_update_agent::WindowsUpdateAgent;
use cmsim_agents::wua_handler::WuaHandler;

use crate::run::Resident;

/// Every agent, without a memory of anything, in the order in which a machine starts them.
#[must_use]
pub fn fresh_agents() -> Vec<(AgentId, Box<dyn Resident>)> {
    AgentId::ALL.into_iter().map(|id| (id, fresh(id))).collect()
}

fn fresh(id: AgentId) -> Box<dyn Resident> {
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
        AgentId::StateMessage => Box::new(StateMessage::default()),
    }
}
