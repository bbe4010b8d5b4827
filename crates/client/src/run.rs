//! Starting, addressing and stopping the agents of a machine.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use cmsim_agents::framework::{Agent, AgentId, Input, Message, ScheduleId};
use cmsim_net::Network;
use cmsim_world::Host;
use cmsim_world::services::ServiceWatchId;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::driver::{AgentTask, Post, Shared, follow_services};
use crate::http::Stacks;
use crate::identity::IdentityError;
use crate::machine::LocalMachine;
use crate::policy::DomainAccess;

/// An agent that a machine can host: it decides, and its state can be told. Every serializable agent is one.
pub trait Resident: Send + Sync {
    /// The agent.
    fn as_agent(&mut self) -> &mut dyn Agent;
    /// Its state; null if it has no JSON form.
    fn state(&self) -> serde_json::Value;
}

impl<T: Agent + Serialize + Send + Sync> Resident for T {
    fn as_agent(&mut self) -> &mut dyn Agent {
        self
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// A machine before its agents run.
#[derive(Debug)]
pub struct ClientMachine {
    host: Host,
    network: Network,
    domain: Option<DomainAccess>,
}

impl ClientMachine {
    /// A machine on a network, in a workgroup or without domain policy.
    #[must_use]
    pub fn new(host: &Host, network: &Network) -> Self {
        Self { host: host.clone(), network: network.clone(), domain: None }
    }

    /// The same machine with access to its domain.
    #[must_use]
    pub fn in_domain(self, domain: DomainAccess) -> Self {
        Self { domain: Some(domain), ..self }
    }

    /// Starts the agents, each as a task that first gets [`Input::Start`], in the order given.
    ///
    /// Must be called inside the world's runtime.
    ///
    /// # Errors
    /// [`IdentityError`] if the machine has no certificate and none can be made.
    pub fn start(self, agents: Vec<(AgentId, Box<dyn Resident>)>) -> Result<ClientHandle, IdentityError> {
        let machine = LocalMachine::new(&self.host, self.domain.clone())?;
        let mut mailboxes = BTreeMap::new();
        let mut residents = Vec::new();
        for (id, agent) in agents {
            let (sender, receiver) = mpsc::unbounded_channel();
            mailboxes.insert(id, sender);
            residents.push((id, agent, receiver));
        }
        let shared = Arc::new(Shared {
            stacks: Stacks::new(&self.host, &self.network),
            host: self.host,
            network: self.network,
            domain: self.domain,
            machine: Mutex::new(machine),
            mailboxes,
        });
        let spawn = |(id, agent, mailbox)| {
            shared.post(id, Post::Input(Input::Start));
            (id, tokio::spawn(AgentTask::new(id, agent, mailbox, Arc::clone(&shared)).run()))
        };
        let tasks = residents.into_iter().map(spawn).collect();
        Ok(ClientHandle { watch: follow_services(&shared), shared, tasks })
    }
}

/// The running agents of a machine. Dropping the handle kills them where they stand.
pub struct ClientHandle {
    shared: Arc<Shared>,
    watch: ServiceWatchId,
    tasks: Vec<(AgentId, JoinHandle<Box<dyn Resident>>)>,
}

impl fmt::Debug for ClientHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientHandle({}, {} agents)", self.shared.host.name(), self.tasks.len())
    }
}

impl ClientHandle {
    /// The host they run on.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.shared.host
    }

    /// Calls `SMS_Client.TriggerSchedule`, as an administrator does.
    pub fn trigger(&self, schedule: ScheduleId) {
        self.tell(AgentId::Scheduler, Message::TriggerSchedule(schedule));
    }

    /// Puts a message into an agent's mailbox.
    pub fn tell(&self, to: AgentId, message: Message) {
        self.shared.post(to, Post::Input(Input::Message(message)));
    }

    /// The state of every agent, each as it is when it has handled what is in its mailbox.
    pub async fn states(&self) -> BTreeMap<AgentId, serde_json::Value> {
        let mut states = BTreeMap::new();
        for (id, _) in &self.tasks {
            let (reply, answer) = oneshot::channel();
            self.shared.post(*id, Post::Save(reply));
            if let Ok(state) = answer.await {
                states.insert(*id, state);
            }
        }
        states
    }

    /// Ends the processes after the inputs they have; timers and calls under way are dropped. Gives the agents back, so
    /// that they can be started again with what they know.
    ///
    /// # Panics
    /// If an agent panicked.
    pub async fn stop(mut self) -> Vec<(AgentId, Box<dyn Resident>)> {
        for (id, _) in &self.tasks {
            self.shared.post(*id, Post::Stop);
        }
        let mut agents = Vec::new();
        for (id, task) in std::mem::take(&mut self.tasks) {
            match task.await {
                Ok(agent) => agents.push((id, agent)),
                Err(error) => {
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
        self.shared.stacks.close();
        agents
    }
}

impl Drop for ClientHandle {
    fn drop(&mut self) {
        self.shared.host.services().unwatch(self.watch);
        for (_, task) in &self.tasks {
            task.abort();
        }
    }
}
