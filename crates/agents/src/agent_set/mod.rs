//! All agents of one machine as one value: for drivers that keep many machines, and for snapshots of whole machines.

use serde::{Deserialize, Serialize};

use crate::ccm_exec::CcmExec;
use crate::ccm_messaging::CcmMessaging;
use crate::client_id_manager::ClientIdManager;
use crate::framework::{Agent, AgentId};
use crate::group_policy::GroupPolicy;
use crate::location_services::LocationServices;
use crate::policy_agent::PolicyAgent;
use crate::policy_evaluator::PolicyEvaluator;
use crate::scan_agent::ScanAgent;
use crate::scheduler::Scheduler;
use crate::state_message::StateMessage;
use crate::updates_deployment::UpdatesDeployment;
use crate::updates_store::UpdatesStore;
use crate::windows_update_agent::WindowsUpdateAgent;
use crate::wua_handler::WuaHandler;

/// Every agent of a machine, fresh by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentSet {
    ccm_exec: CcmExec,
    scheduler: Scheduler,
    client_id_manager: ClientIdManager,
    policy_agent: PolicyAgent,
    policy_evaluator: PolicyEvaluator,
    updates_deployment: UpdatesDeployment,
    scan_agent: ScanAgent,
    location_services: LocationServices,
    ccm_messaging: CcmMessaging,
    wua_handler: WuaHandler,
    group_policy: GroupPolicy,
    windows_update_agent: WindowsUpdateAgent,
    updates_store: UpdatesStore,
    state_message: StateMessage,
}

impl AgentSet {
    /// The agent with that id.
    pub fn get_mut(&mut self, id: AgentId) -> &mut dyn Agent {
        match id {
            AgentId::CcmExec => &mut self.ccm_exec,
            AgentId::Scheduler => &mut self.scheduler,
            AgentId::ClientIdManager => &mut self.client_id_manager,
            AgentId::PolicyAgent => &mut self.policy_agent,
            AgentId::PolicyEvaluator => &mut self.policy_evaluator,
            AgentId::UpdatesDeployment => &mut self.updates_deployment,
            AgentId::ScanAgent => &mut self.scan_agent,
            AgentId::LocationServices => &mut self.location_services,
            AgentId::CcmMessaging => &mut self.ccm_messaging,
            AgentId::WuaHandler => &mut self.wua_handler,
            AgentId::GroupPolicy => &mut self.group_policy,
            AgentId::WindowsUpdateAgent => &mut self.windows_update_agent,
            AgentId::UpdatesStore => &mut self.updates_store,
            AgentId::StateMessage => &mut self.state_message,
        }
    }
}

#[cfg(test)]
mod tests;
