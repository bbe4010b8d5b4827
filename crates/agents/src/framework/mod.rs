//! What every agent is made of: inputs in, effects out, and a local machine to look at.
//!
//! An agent is a plain value. A driver gives it one [`Input`] at a time and carries out the
//! [`Effect`]s it leaves in its [`Context`], in order. Nothing in this crate waits, opens a socket or
//! asks for the time, so the same agents run as tasks of a detailed machine or from a timer heap.

mod context;
mod effect;
mod line;
mod machine;
mod message;
mod pace;

use std::fmt;

use cmsim_logs::Log;
use serde::{Deserialize, Serialize};

pub use context::{Context, bare, braced, wmi_datetime};
pub use effect::{CallId, Effect, HttpCall, HttpOutcome, HttpStack, Input, TimerName};
pub use line::{LogLine, Process};
pub use machine::{
    Interface, Machine, NetworkPlace, PolicySetting, RegistryValue, ServiceState, WmiInstance, WmiValue, instance,
};
pub use message::{
    Assignment, Category, Endpoint, FoundUpdate, Location, Message, Outgoing, ReplyBody, ScheduleId, SearchOutcome,
    SearchRequest, SourceKey, StateTopic, UpdateState, UpdateStatus,
};
pub use pace::{Pace, ThreadIds};

/// The agents of a machine. One mailbox, one log (two for the Windows Update Agent) each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentId {
    /// The SMS Agent Host service itself.
    CcmExec,
    /// Fires schedules at their targets.
    Scheduler,
    /// Gives the client its identity and registers it.
    ClientIdManager,
    /// Asks for policy assignments and downloads policy bodies.
    PolicyAgent,
    /// Compiles downloaded policy into settings.
    PolicyEvaluator,
    /// Re-evaluates software update deployments.
    UpdatesDeployment,
    /// Decides that, and from where, a scan runs.
    ScanAgent,
    /// Knows where servers are.
    LocationServices,
    /// Carries messages to the management point.
    CcmMessaging,
    /// Talks to the Windows Update Agent for the ConfigMgr client.
    WuaHandler,
    /// The Group Policy client of Windows.
    GroupPolicy,
    /// The Windows Update service and its COM interface.
    WindowsUpdateAgent,
    /// Remembers the state of every update.
    UpdatesStore,
    /// Collects state messages and sends them in bulk.
    StateMessage,
}

impl AgentId {
    /// Every agent, in the order in which a machine starts them.
    pub const ALL: [Self; 14] = [
        Self::GroupPolicy,
        Self::WindowsUpdateAgent,
        Self::CcmExec,
        Self::CcmMessaging,
        Self::LocationServices,
        Self::StateMessage,
        Self::UpdatesStore,
        Self::WuaHandler,
        Self::ScanAgent,
        Self::UpdatesDeployment,
        Self::PolicyEvaluator,
        Self::PolicyAgent,
        Self::ClientIdManager,
        Self::Scheduler,
    ];

    /// The log the agent writes unless a line says otherwise.
    #[must_use]
    pub const fn log(self) -> Log {
        match self {
            Self::CcmExec => Log::CcmExec,
            Self::Scheduler => Log::Scheduler,
            Self::ClientIdManager => Log::ClientIdManagerStartup,
            Self::PolicyAgent => Log::PolicyAgent,
            Self::PolicyEvaluator => Log::PolicyEvaluator,
            Self::UpdatesDeployment => Log::UpdatesDeployment,
            Self::ScanAgent => Log::ScanAgent,
            Self::LocationServices => Log::LocationServices,
            Self::CcmMessaging => Log::CcmMessaging,
            Self::WuaHandler => Log::WuaHandler,
            // Windows logs Group Policy processing to an event channel; what the agent changes shows in WindowsUpdate.log.
            Self::GroupPolicy | Self::WindowsUpdateAgent => Log::WindowsUpdate,
            Self::UpdatesStore => Log::UpdatesStore,
            Self::StateMessage => Log::StateMessage,
        }
    }

    /// The process the agent lives in.
    #[must_use]
    pub const fn process(self) -> Process {
        match self {
            Self::GroupPolicy | Self::WindowsUpdateAgent => Process::Svchost,
            _ => Process::CcmExec,
        }
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CcmExec => "CcmExec",
            Self::Scheduler => "Scheduler",
            Self::ClientIdManager => "ClientIDManager",
            Self::PolicyAgent => "PolicyAgent",
            Self::PolicyEvaluator => "PolicyEvaluator",
            Self::UpdatesDeployment => "UpdatesDeploymentAgent",
            Self::ScanAgent => "ScanAgent",
            Self::LocationServices => "LocationServices",
            Self::CcmMessaging => "CcmMessaging",
            Self::WuaHandler => "WUAHandler",
            Self::GroupPolicy => "GroupPolicyClient",
            Self::WindowsUpdateAgent => "WindowsUpdateAgent",
            Self::UpdatesStore => "UpdatesStore",
            Self::StateMessage => "StateMessage",
        })
    }
}

/// A sans-I/O agent: decides, and leaves what shall happen in the context.
pub trait Agent {
    /// Takes one input. Effects are carried out after it returns, in the order they were asked for.
    fn handle(&mut self, input: Input, cx: &mut Context<'_>);
}
