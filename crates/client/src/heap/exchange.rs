//! HTTP calls in whole messages: connecting, the way there, the way back, connections kept for the next call.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};

use cmsim_agents::framework::{AgentId, HttpCall, HttpOutcome, HttpStack, Input};
use cmsim_net::client::{TimeOuts, Url};
use cmsim_net::server::HEADER_TIMEOUT;
use cmsim_net::{Attempted, Passage};
use cmsim_sim::SimTime;
use cmsim_wire::hresult::{TlsFailure, TransportFailure};

use super::machine::World;
use super::queue::What;
use super::{Arrived, Servers};

/// A call on its way.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) agent: AgentId,
    /// Which life of the agent's process made the call; calls end with it.
    pub(super) life: u64,
    pub(super) call: HttpCall,
    url: Url,
}

/// What happens next with it.
#[derive(Debug)]
pub(super) enum Step {
    /// The addresses are tried one after another; the failure is that of the last one.
    Connect(Exchange, VecDeque<Ipv4Addr>, TransportFailure),
    /// The request leaves.
    Send(Exchange, Passage),
    /// It has arrived.
    Arrive(Exchange, Passage),
    /// The answer has arrived; the connection can be used again until then, or not at all.
    Answered(Exchange, HttpOutcome, Option<Kept>),
    /// There will be no answer.
    Failed(Exchange, TransportFailure),
}

impl Step {
    pub(super) fn exchange(&self) -> &Exchange {
        match self {
            Self::Connect(exchange, ..)
            | Self::Send(exchange, _)
            | Self::Arrive(exchange, _)
            | Self::Answered(exchange, ..)
            | Self::Failed(exchange, _) => exchange,
        }
    }
}

/// An idle connection and when its server closes it.
#[derive(Debug)]
pub(super) struct Kept {
    passage: Passage,
    until: SimTime,
}

/// The connections of one machine that no call uses, by agent, stack and origin.
#[derive(Debug, Default)]
pub(super) struct Connections(BTreeMap<(AgentId, HttpStack, String), Vec<Kept>>);

impl Connections {
    fn take(&mut self, exchange: &Exchange, now: SimTime) -> Option<Passage> {
        let kept = self.0.get_mut(&exchange.key())?;
        std::iter::from_fn(|| kept.pop()).find(|kept| kept.until > now).map(|kept| kept.passage)
    }

    fn keep(&mut self, exchange: &Exchange, kept: Kept) {
        self.0.entry(exchange.key()).or_default().push(kept);
    }
}

impl Exchange {
    /// A call that begins now, with its first step.
    pub(super) fn begin<S: Servers>(
        agent: AgentId,
        life: u64,
        call: HttpCall,
        client: &str,
        now: SimTime,
        connections: &mut Connections,
        world: &World<'_, S>,
    ) -> Result<Step, Box<(HttpCall, TransportFailure)>> {
        let Ok(url) = call.url.parse::<Url>() else {
            return Err(Box::new((call, TransportFailure::NameNotResolved)));
        };
        if url.is_secure() {
            return Err(Box::new((call, TlsFailure::Other.into())));
        }
        let exchange = Self { agent, life, call, url };
        if let Some(passage) = connections.take(&exchange, now) {
            return Ok(Step::Send(exchange, passage));
        }
        let addresses = world.network.resolve(client, exchange.url.host()).into();
        Ok(Step::Connect(exchange, addresses, TransportFailure::NameNotResolved))
    }

    fn key(&self) -> (AgentId, HttpStack, String) {
        (self.agent, self.call.stack, format!("{}:{}", self.url.host().to_ascii_lowercase(), self.url.port()))
    }

    /// Bytes of the request with the headers that every stack adds.
    fn bytes(&self) -> usize {
        let HttpCall { method, headers, body, .. } = &self.call;
        let line = method.len() + self.url.target().len() + " ".len() + " HTTP/1.1\r\n".len();
        let own: usize = headers.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len()).sum();
        let length = body.len().to_string().len();
        let added =
            "Connection: Keep-Alive\r\nContent-Length: \r\nHost: \r\n\r\n".len() + self.url.authority().len() + length;
        line + own + added + body.len()
    }
}

/// Takes a step; what follows from it goes into the queue, or is the input that the agent gets now.
pub(super) fn take<S: Servers>(
    step: Step,
    machine: usize,
    client: &str,
    now: SimTime,
    connections: &mut Connections,
    world: &mut World<'_, S>,
) -> Option<(AgentId, Input)> {
    let (at, next) = match step {
        Step::Connect(exchange, addresses, failure) => connect(exchange, addresses, failure, client, now, world),
        Step::Send(exchange, mut passage) => {
            (passage.to_server(now, exchange.bytes()), Step::Arrive(exchange, passage))
        }
        Step::Arrive(exchange, passage) => answer(exchange, passage, now, world),
        Step::Answered(exchange, outcome, kept) => {
            if let Some(kept) = kept {
                connections.keep(&exchange, kept);
            }
            return Some((exchange.agent, Input::Http { call: exchange.call.id, outcome }));
        }
        Step::Failed(exchange, failure) => {
            let outcome = HttpOutcome::Failed(failure);
            return Some((exchange.agent, Input::Http { call: exchange.call.id, outcome }));
        }
    };
    world.queue.push(at, machine, What::Exchange(Box::new(next)));
    None
}

fn connect<S: Servers>(
    exchange: Exchange,
    mut addresses: VecDeque<Ipv4Addr>,
    failure: TransportFailure,
    client: &str,
    now: SimTime,
    world: &mut World<'_, S>,
) -> (SimTime, Step) {
    let Some(address) = addresses.pop_front() else {
        return (now, Step::Failed(exchange, failure));
    };
    let (after, failure) = match world.attempt(client, (address, exchange.url.port()).into()) {
        Attempted::Open(passage) => return (now + passage.handshake(), Step::Send(exchange, passage)),
        Attempted::Refused(after) => (after, TransportFailure::Refused),
        Attempted::Vanished => (TimeOuts::default().connect, TransportFailure::ConnectTimeout),
    };
    (now + after, Step::Connect(exchange, addresses, failure))
}

fn answer<S: Servers>(
    exchange: Exchange,
    mut passage: Passage,
    now: SimTime,
    world: &mut World<'_, S>,
) -> (SimTime, Step) {
    let arrived = Arrived { agent: exchange.agent, endpoints: passage.endpoints(), call: &exchange.call };
    let answer = world.servers.answer(arrived);
    let at = passage.to_client(now, answer.bytes);
    let closes = answer.outcome.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let kept = (!closes).then(|| Kept { passage, until: now + HEADER_TIMEOUT });
    (at, Step::Answered(exchange, answer.outcome, kept))
}

impl<S: Servers> World<'_, S> {
    /// A connection attempt that the servers have their say in.
    pub(super) fn attempt(&mut self, from: &str, to: SocketAddr) -> Attempted {
        match self.network.attempt(from, to) {
            Attempted::Open(passage) if !self.servers.listens(&passage.endpoints().server_host, to.port()) => {
                Attempted::Refused(passage.handshake())
            }
            other => other,
        }
    }
}
