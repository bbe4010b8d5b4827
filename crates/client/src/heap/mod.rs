//! Many machines on one queue of events, without tasks and without a runtime.
//!
//! A [`Heap`] drives the agents of any number of machines from a timer heap: the earliest event happens, the clock jumps
//! to it, the agent concerned takes its turn, its effects become further events. Agents, machine, pace, threads and
//! network latencies are those of [`crate::ClientMachine`] and draw from the same labelled streams, so a machine sends
//! the same requests at the same times as its detailed twin. What is missing on purpose: bytes on connections (whole
//! messages travel in [`cmsim_net::Passage`]s), TLS (an `https` URL fails as [`TlsFailure::Other`]), proxies (every
//! call goes directly) and the journal's exchanges.
//!
//! [`TlsFailure::Other`]: cmsim_wire::hresult::TlsFailure::Other

mod exchange;
mod machine;
mod queue;

use cmsim_agents::framework::{AgentId, HttpCall, HttpOutcome, Input, Message, ScheduleId};
use cmsim_net::{Endpoints, Network};
use cmsim_sim::{Clock, SimTime};
use cmsim_world::Host;

use crate::identity::IdentityError;
use crate::policy::DomainAccess;
use machine::Machine;
use queue::{Event, Queue};

/// A request that has reached its server.
#[derive(Debug)]
pub struct Arrived<'a> {
    /// The agent that sent it.
    pub agent: AgentId,
    /// Client and server of the connection.
    pub endpoints: &'a Endpoints,
    /// What was asked.
    pub call: &'a HttpCall,
}

/// What a server says to a request.
#[derive(Debug)]
pub struct Answer {
    /// The answer as the agent sees it.
    pub outcome: HttpOutcome,
    /// Its bytes on the wire, head and body.
    pub bytes: usize,
}

/// What the machines talk to. It works at once: between request and answer no time passes but that of the way.
pub trait Servers {
    /// Whether something listens at a port of a host.
    fn listens(&mut self, host: &str, port: u16) -> bool;

    /// Answers a request that arrives now.
    fn answer(&mut self, request: Arrived<'_>) -> Answer;
}

/// Machines, servers, and what is going to happen.
#[derive(Debug)]
pub struct Heap<S> {
    network: Network,
    clock: Clock,
    queue: Queue,
    machines: Vec<Machine>,
    servers: S,
}

impl<S: Servers> Heap<S> {
    /// A heap without machines. The network's clock must be one that [`Clock::stepped`] makes: nothing else may move it.
    #[must_use]
    pub fn new(network: &Network, servers: S) -> Self {
        let clock = network.clock().clone();
        Self { network: network.clone(), clock, queue: Queue::default(), machines: Vec::new(), servers }
    }

    /// Starts all agents of a machine now and returns the machine's number, from 0.
    ///
    /// # Errors
    /// [`IdentityError`] if the machine has no certificate and none can be made.
    pub fn add(&mut self, host: &Host, domain: Option<DomainAccess>) -> Result<usize, IdentityError> {
        let number = self.machines.len();
        let machine = Machine::new(number, host, domain)?;
        self.machines.push(machine);
        for agent in AgentId::ALL {
            self.tell(number, agent, Input::Start);
        }
        Ok(number)
    }

    /// Calls `SMS_Client.TriggerSchedule` on a machine, as an administrator does; an unknown number is nobody's.
    pub fn trigger(&mut self, machine: usize, schedule: ScheduleId) {
        self.tell(machine, AgentId::Scheduler, Input::Message(Message::TriggerSchedule(schedule)));
    }

    fn tell(&mut self, machine: usize, agent: AgentId, input: Input) {
        let now = self.clock.now();
        if let Some(machine) = self.machines.get_mut(machine) {
            machine.receive(agent, input, now, &mut self.queue);
        }
    }

    /// Lets everything happen that happens up to `end`, which becomes the time.
    pub fn run_until(&mut self, end: SimTime) {
        while let Some((at, event)) = self.queue.pop_until(end) {
            self.clock.step_to(at);
            self.happen(event);
        }
        self.clock.step_to(end);
    }

    /// The servers.
    pub fn servers(&mut self) -> &mut S {
        &mut self.servers
    }

    fn happen(&mut self, Event { machine, what }: Event) {
        let now = self.clock.now();
        if let Some(machine) = self.machines.get_mut(machine) {
            machine.happen(
                what,
                now,
                &mut machine::World { network: &self.network, queue: &mut self.queue, servers: &mut self.servers },
            );
        }
    }
}
