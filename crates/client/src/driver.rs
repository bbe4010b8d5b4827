//! One agent as a task: a mailbox, its timers, its calls, its effects in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cmsim_agents::framework::{AgentId, Effect, HttpCall, Input, LogLine, Machine as _, TimerName};
use cmsim_net::Network;
use cmsim_sim::journal::{self, Cause, Event};
use cmsim_world::services::ServiceWatchId;
use cmsim_world::{Host, ServiceState};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

use crate::http::Stacks;
use crate::machine::{LocalMachine, service_of};
use crate::policy::{self, DomainAccess};
use crate::run::Resident;

/// What lands in an agent's mailbox.
pub(crate) enum Post {
    /// Something for the agent.
    Input(Input),
    /// One of the agent's timers ran out; stale ones have an old generation.
    Timer(TimerName, u64),
    /// The service of the agent's process stopped: timers and calls are gone.
    Halt,
    /// Tell the agent's state.
    Save(oneshot::Sender<serde_json::Value>),
    /// The process ends.
    Stop,
}

/// A post with what led to it. Timers run out by themselves: what they lead to has no cause but time.
pub(crate) struct Posted {
    post: Post,
    cause: Option<Cause>,
}

/// What the agents of one machine share.
pub(crate) struct Shared {
    pub(crate) host: Host,
    pub(crate) network: Network,
    pub(crate) domain: Option<DomainAccess>,
    pub(crate) machine: Mutex<LocalMachine>,
    pub(crate) stacks: Stacks,
    /// Unbounded: two agents that tell each other things must not wait for each other's mailbox, and every message
    /// follows from one timer, trigger or answer, so mailboxes stay short.
    pub(crate) mailboxes: BTreeMap<AgentId, UnboundedSender<Posted>>,
}

impl Shared {
    fn machine(&self) -> MutexGuard<'_, LocalMachine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something into an agent's mailbox, caused by what is being handled; on a machine without that agent it is
    /// only noted.
    pub(crate) fn post(&self, to: AgentId, post: Post) {
        let posted = Posted { post, cause: journal::cause() };
        let delivered = self.mailboxes.get(&to).is_some_and(|mailbox| mailbox.send(posted).is_ok());
        if !delivered {
            let event = Event::Note { name: "client.no_agent", text: format!("{to} does not run on this machine") };
            self.host.journal().record(self.host.name(), &to.to_string().into(), event);
        }
    }
}

/// Passes starts and stops of services on to the agents that live in them.
pub(crate) fn follow_services(shared: &Arc<Shared>) -> ServiceWatchId {
    let machine = Arc::downgrade(shared);
    shared.host.services().watch(move |service, state| {
        let Some(shared) = machine.upgrade() else {
            return;
        };
        for id in shared.mailboxes.keys().filter(|id| service_of(**id) == service) {
            shared.post(
                *id,
                match state {
                    ServiceState::Running => Post::Input(Input::Start),
                    ServiceState::Stopped => Post::Halt,
                },
            );
        }
    })
}

/// A timer that has not run out.
struct Pending {
    generation: u64,
    task: AbortHandle,
}

pub(crate) struct AgentTask {
    id: AgentId,
    /// Host and agent, as the register of waits shows them.
    who: Arc<str>,
    agent: Box<dyn Resident>,
    mailbox: UnboundedReceiver<Posted>,
    shared: Arc<Shared>,
    timers: BTreeMap<TimerName, Pending>,
    next_generation: u64,
    /// Timers and calls; they end with the agent.
    children: JoinSet<()>,
}

impl AgentTask {
    pub(crate) fn new(
        id: AgentId,
        agent: Box<dyn Resident>,
        mailbox: UnboundedReceiver<Posted>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            id,
            who: format!("{} {id}", shared.host.name()).into(),
            agent,
            mailbox,
            timers: BTreeMap::new(),
            next_generation: 0,
            children: JoinSet::new(),
            shared,
        }
    }

    /// Handles what arrives until the process ends; gives the agent back.
    pub(crate) async fn run(mut self) -> Box<dyn Resident> {
        while let Some(Posted { post, cause }) = self.next_post().await {
            self.reap();
            match post {
                Post::Stop => break,
                Post::Halt => self.halt().await,
                Post::Save(reply) => {
                    // Nobody waits any more: then nobody needs the state.
                    let _ = reply.send(self.agent.state());
                }
                Post::Input(input) => journal::caused_by(cause, self.handle(input)).await,
                Post::Timer(name, generation) => {
                    if self.timers.get(&name).is_some_and(|pending| pending.generation == generation) {
                        self.timers.remove(&name);
                        self.handle(Input::Timer(name)).await;
                    }
                }
            }
        }
        self.halt().await;
        self.agent
    }

    async fn halt(&mut self) {
        self.timers.clear();
        self.children.shutdown().await;
    }

    async fn next_post(&mut self) -> Option<Posted> {
        if let Ok(post) = self.mailbox.try_recv() {
            return Some(post);
        }
        let _waiting = self.shared.host.clock().waits().enter(&self.who, "a message", None);
        self.mailbox.recv().await
    }

    /// Forgets children that are done; a panic of one is a panic of the agent.
    fn reap(&mut self) {
        while let Some(ended) = self.children.try_join_next() {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }

    async fn handle(&mut self, input: Input) {
        // A process that does not run hears nothing.
        if !self.shared.machine().is_running(self.id) {
            return;
        }
        self.look_for_controller(&input).await;
        let now = self.shared.host.now().timestamp();
        let turn = self.shared.machine().turn(now, self.id, self.agent.as_agent(), input);
        for (position, effect) in turn.effects.into_iter().enumerate() {
            if position > 0 {
                self.pause().await;
            }
            self.perform(effect);
        }
    }

    /// Group Policy asks a domain controller whenever it processes policy: at its start and when a timer says so.
    async fn look_for_controller(&self, input: &Input) {
        let processes = self.id == AgentId::GroupPolicy && matches!(input, Input::Start | Input::Timer(_));
        if let Some(domain) = self.shared.domain.as_ref().filter(|_| processes) {
            let answers = domain.controller_answers(&self.shared.host, &self.shared.network).await;
            self.shared.machine().set_controller_answers(answers);
            if !answers {
                policy::report_no_controller(&self.shared.host);
            }
        }
    }

    async fn pause(&self) {
        let gap = self.shared.machine().gap(self.id);
        if !gap.is_zero() {
            self.shared.host.clock().wait(&self.who, "its own next step", gap).await;
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Log(line) => self.log(line),
            Effect::Tell(to, message) => self.shared.post(to, Post::Input(Input::Message(message))),
            Effect::Timer { name, after, what } => {
                self.cancel(&name);
                let generation = self.next_generation;
                self.next_generation += 1;
                let (shared, who, timer) = (Arc::clone(&self.shared), Arc::clone(&self.who), name.clone());
                let id = self.id;
                let task = self.children.spawn(async move {
                    shared.host.clock().wait(&who, &what, after).await;
                    shared.post(id, Post::Timer(timer, generation));
                });
                self.timers.insert(name, Pending { generation, task });
            }
            Effect::CancelTimer(name) => self.cancel(&name),
            Effect::Http(call) => self.call(call),
        }
    }

    fn cancel(&mut self, name: &TimerName) {
        if let Some(pending) = self.timers.remove(name) {
            pending.task.abort();
        }
    }

    fn call(&mut self, call: HttpCall) {
        let (shared, id, number) = (Arc::clone(&self.shared), self.id, call.id);
        let calling = async move {
            let (outcome, cause) = shared.stacks.call(id, call).await;
            let answered = Post::Input(Input::Http { call: number, outcome });
            journal::while_caused_by(cause, || shared.post(id, answered));
        };
        self.children.spawn(journal::caused_by(journal::cause(), calling));
    }

    fn log(&self, line: LogLine) {
        write_line(&self.shared.host, &self.shared.machine(), line);
    }
}

/// Writes a line of an agent into its log on the host's disk.
pub(crate) fn write_line(host: &Host, machine: &LocalMachine, line: LogLine) {
    let process = machine.process_id(line.process);
    let record = cmsim_world::LogLine {
        severity: line.severity,
        source: line.source,
        thread: line.thread,
        evidence: line.evidence,
        text: line.text,
    };
    let component = line.component.unwrap_or(line.log.component());
    host.log(line.log).write_in(component, process, &record);
}
