//! One machine of a heap: its agents, their mailboxes and timers, its connections.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cmsim_agents::agent_set::AgentSet;
use cmsim_agents::framework::{AgentId, Effect, HttpOutcome, Input, TimerName};
use cmsim_net::{Attempted, Network};
use cmsim_sim::SimTime;
use cmsim_world::services::ServiceWatchId;
use cmsim_world::{Host, ServiceState};

use super::Servers;
use super::exchange::{self, Connections, Exchange};
use super::queue::{Queue, What};
use crate::driver::write_line;
use crate::identity::IdentityError;
use crate::machine::{LocalMachine, service_of};
use crate::policy::{self, CONTROLLER_TIMEOUT, DomainAccess};

/// What lies around a machine while something happens on it.
pub(super) struct World<'a, S> {
    pub(super) network: &'a Network,
    pub(super) queue: &'a mut Queue,
    pub(super) servers: &'a mut S,
}

/// What lands in an agent's mailbox.
enum Post {
    Input(Input),
    Timer(TimerName, u64),
    /// The service of the agent's process stopped: timers and calls are gone.
    Halt,
}

/// Where one agent works.
#[derive(Default)]
struct Room {
    mailbox: VecDeque<Post>,
    /// Generations of the timers that have not run out.
    timers: BTreeMap<TimerName, u64>,
    next_generation: u64,
    /// Effects of the current turn that are still to come.
    effects: VecDeque<Effect>,
    /// Whether a turn is under way.
    busy: bool,
    /// Counts the ends of the agent's process.
    life: u64,
}

/// Starts and stops of services that the agents in them have not heard of yet.
type ServiceNews = Arc<Mutex<VecDeque<(String, ServiceState)>>>;

/// A machine with its agents.
pub(super) struct Machine {
    number: usize,
    host: Host,
    domain: Option<DomainAccess>,
    local: LocalMachine,
    agents: AgentSet,
    rooms: BTreeMap<AgentId, Room>,
    connections: Connections,
    news: ServiceNews,
    watch: ServiceWatchId,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Machine({})", self.host.name())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.host.services().unwatch(self.watch);
    }
}

impl Machine {
    pub(super) fn new(number: usize, host: &Host, domain: Option<DomainAccess>) -> Result<Self, IdentityError> {
        let local = LocalMachine::new(host, domain.clone())?;
        let news = ServiceNews::default();
        let heard = Arc::clone(&news);
        let watch = host.services().watch(move |service, state| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push_back((service.to_owned(), state));
        });
        Ok(Self {
            number,
            host: host.clone(),
            domain,
            local,
            agents: AgentSet::default(),
            rooms: BTreeMap::new(),
            connections: Connections::default(),
            news,
            watch,
        })
    }

    /// Puts an input into an agent's mailbox.
    pub(super) fn receive(&mut self, agent: AgentId, input: Input, now: SimTime, queue: &mut Queue) {
        self.post(agent, Post::Input(input), now, queue);
    }

    fn post(&mut self, agent: AgentId, post: Post, now: SimTime, queue: &mut Queue) {
        let room = self.rooms.entry(agent).or_default();
        room.mailbox.push_back(post);
        if !room.busy {
            queue.push(now, self.number, What::Look(agent));
        }
    }

    pub(super) fn happen<S: Servers>(&mut self, what: What, now: SimTime, world: &mut World<'_, S>) {
        match what {
            What::Look(agent) => self.look(agent, now, world),
            What::GoOn(agent) => self.go_on(agent, now, world),
            What::Timer(agent, name, generation) => self.post(agent, Post::Timer(name, generation), now, world.queue),
            What::Controller(agent, answers, input) => {
                self.local.set_controller_answers(answers);
                if !answers {
                    policy::report_no_controller(&self.host);
                }
                self.turn(agent, input, now, world);
            }
            What::Exchange(step) => {
                let (agent, life) = (step.exchange().agent, step.exchange().life);
                if self.rooms.entry(agent).or_default().life != life {
                    return;
                }
                let client = self.host.name();
                let input = exchange::take(*step, self.number, client, now, &mut self.connections, world);
                if let Some((agent, input)) = input {
                    self.receive(agent, input, now, world.queue);
                }
            }
        }
    }

    /// An agent without a turn under way takes the next thing from its mailbox that concerns it.
    fn look<S: Servers>(&mut self, agent: AgentId, now: SimTime, world: &mut World<'_, S>) {
        while let Some(input) = self.next_input(agent) {
            // A process that does not run hears nothing.
            if !self.local.is_running(agent) {
                continue;
            }
            self.rooms.entry(agent).or_default().busy = true;
            match self.ask_controller(agent, &input, world) {
                Some((after, answers)) => {
                    world.queue.push(now + after, self.number, What::Controller(agent, answers, input));
                }
                None => self.turn(agent, input, now, world),
            }
            return;
        }
    }

    fn next_input(&mut self, agent: AgentId) -> Option<Input> {
        loop {
            let room = self.rooms.entry(agent).or_default();
            if room.busy {
                return None;
            }
            match room.mailbox.pop_front()? {
                Post::Input(input) => return Some(input),
                Post::Timer(name, generation) if room.timers.get(&name) == Some(&generation) => {
                    room.timers.remove(&name);
                    return Some(Input::Timer(name));
                }
                Post::Timer(..) => {}
                Post::Halt => {
                    room.timers.clear();
                    room.life += 1;
                }
            }
        }
    }

    /// Group Policy asks a domain controller whenever it processes policy: how long that takes and whether one answers.
    fn ask_controller<S: Servers>(
        &self,
        agent: AgentId,
        input: &Input,
        world: &mut World<'_, S>,
    ) -> Option<(Duration, bool)> {
        let processes = agent == AgentId::GroupPolicy && matches!(input, Input::Start | Input::Timer(_));
        let domain = self.domain.as_ref().filter(|_| processes)?;
        let mut passed = Duration::ZERO;
        let Some(controllers) = domain.controllers(&self.host, world.network) else {
            return Some((passed, self.host.domain().is_none()));
        };
        for controller in controllers {
            match world.attempt(self.host.name(), controller) {
                Attempted::Open(passage) => return Some((passed + passage.handshake(), true)),
                Attempted::Refused(after) => passed += after,
                Attempted::Vanished => passed += CONTROLLER_TIMEOUT,
            }
        }
        Some((passed, false))
    }

    fn turn<S: Servers>(&mut self, agent: AgentId, input: Input, now: SimTime, world: &mut World<'_, S>) {
        let turn = self.local.turn(self.host.now().timestamp(), agent, self.agents.get_mut(agent), input);
        self.rooms.entry(agent).or_default().effects = turn.effects.into();
        self.tell_services(now, world.queue);
        self.perform_next(agent, now, world);
        self.go_on_after_gap(agent, now, world);
    }

    /// Passes starts and stops of services on to the agents that live in them.
    fn tell_services(&mut self, now: SimTime, queue: &mut Queue) {
        let news = std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner));
        for (service, state) in news {
            for agent in AgentId::ALL.into_iter().filter(|agent| service_of(*agent) == service) {
                let post = match state {
                    ServiceState::Running => Post::Input(Input::Start),
                    ServiceState::Stopped => Post::Halt,
                };
                self.post(agent, post, now, queue);
            }
        }
    }

    fn go_on<S: Servers>(&mut self, agent: AgentId, now: SimTime, world: &mut World<'_, S>) {
        self.perform_next(agent, now, world);
        self.go_on_after_gap(agent, now, world);
    }

    /// Leaves the agent's gap before each further effect; without one it goes on at once.
    fn go_on_after_gap<S: Servers>(&mut self, agent: AgentId, now: SimTime, world: &mut World<'_, S>) {
        while !self.rooms.entry(agent).or_default().effects.is_empty() {
            let gap = self.local.gap(agent);
            if !gap.is_zero() {
                world.queue.push(now + gap, self.number, What::GoOn(agent));
                return;
            }
            self.perform_next(agent, now, world);
        }
        let room = self.rooms.entry(agent).or_default();
        room.busy = false;
        if !room.mailbox.is_empty() {
            world.queue.push(now, self.number, What::Look(agent));
        }
    }

    fn perform_next<S: Servers>(&mut self, agent: AgentId, now: SimTime, world: &mut World<'_, S>) {
        let room = self.rooms.entry(agent).or_default();
        match room.effects.pop_front() {
            None => {}
            Some(Effect::Log(line)) => write_line(&self.host, &self.local, line),
            Some(Effect::Tell(to, message)) => self.receive(to, Input::Message(message), now, world.queue),
            Some(Effect::Timer { name, after, what: _ }) => {
                let generation = room.next_generation;
                room.next_generation += 1;
                room.timers.insert(name.clone(), generation);
                world.queue.push(now + after, self.number, What::Timer(agent, name, generation));
            }
            Some(Effect::CancelTimer(name)) => {
                room.timers.remove(&name);
            }
            Some(Effect::Http(call)) => {
                let life = room.life;
                let begun = Exchange::begin(agent, life, call, self.host.name(), now, &mut self.connections, world);
                match begun {
                    Ok(step) => world.queue.push(now, self.number, What::Exchange(Box::new(step))),
                    Err(refused) => {
                        let (call, failure) = *refused;
                        let outcome = HttpOutcome::Failed(failure);
                        self.receive(agent, Input::Http { call: call.id, outcome }, now, world.queue);
                    }
                }
            }
        }
    }
}
