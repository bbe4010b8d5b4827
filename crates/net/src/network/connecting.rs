//! The way from a client to an open port: firewalls, traffic rules, latency.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cmsim_sim::SimRng;
use cmsim_wire::hresult::TransportFailure;
use tokio::sync::mpsc;

use crate::memory::{self, Latency};
use crate::rules::{Action, Attempt, Cut, Verdict};
use crate::stream::{Endpoints, Stream};

use super::{Door, Network, Shared, State, Transport};

/// Ports that a client uses on its own side, as Windows Vista and later number them.
const FIRST_DYNAMIC_PORT: u16 = 49152;

impl Network {
    /// Connects from `from` to `to`, waiting at most `limit`.
    ///
    /// # Errors
    /// [`TransportFailure::Refused`] after one round trip if nothing listens or a firewall rejects;
    /// [`TransportFailure::ConnectTimeout`] after `limit` if the attempt vanishes: dropped by a
    /// firewall, to a host that is off, or to an address that nobody has.
    pub async fn connect(&self, from: &str, to: SocketAddr, limit: Duration) -> Result<Stream, TransportFailure> {
        let connecting = self.try_connect(from, to);
        match self.0.clock.deadline(limit, connecting).await {
            Ok(result) => result,
            Err(_) => Err(TransportFailure::ConnectTimeout),
        }
    }

    async fn try_connect(&self, from: &str, to: SocketAddr) -> Result<Stream, TransportFailure> {
        let IpAddr::V4(to_address) = to.ip() else {
            return std::future::pending().await;
        };
        let Some(plan) = self.0.plan(from, to_address, to.port()) else {
            return std::future::pending().await;
        };
        match &self.0.transport {
            Transport::Memory => self.connect_in_memory(plan).await,
            Transport::Loopback(loopback) => {
                if !plan.extra.is_zero() {
                    self.0.clock.wait(from, "a slow connection", plan.extra).await;
                }
                let Some(at) = plan.allowed.then(|| self.0.real_door(&plan.endpoints)).flatten() else {
                    return Err(TransportFailure::Refused);
                };
                let stream = loopback.connect(&plan.endpoints, at).await?;
                Ok(Stream::tcp(stream, Arc::new(plan.endpoints), plan.cut))
            }
        }
    }

    async fn connect_in_memory(&self, plan: Plan) -> Result<Stream, TransportFailure> {
        let (up, down) = plan.latency;
        let who = plan.endpoints.client_host.as_deref().unwrap_or_default();
        self.0.clock.wait(who, "a connection attempt to arrive", plan.extra + Duration::from_millis(up)).await;
        let door = plan.allowed.then(|| self.0.memory_door(&plan.endpoints)).flatten();
        let jitter = |direction| self.0.jitter(&plan.endpoints, plan.ordinal, direction);
        let (client_end, server_end) =
            memory::pair(Latency { base: up, jitter: jitter("up") }, Latency { base: down, jitter: jitter("down") });
        let endpoints = Arc::new(plan.endpoints);
        let accepted =
            door.is_some_and(|door| door.send(Stream::memory(server_end, Arc::clone(&endpoints), None)).is_ok());
        let who = endpoints.client_host.as_deref().unwrap_or_default();
        let back = Duration::from_millis(down);
        self.0.clock.wait(who, "the answer to a connection attempt", back).await;
        if accepted { Ok(Stream::memory(client_end, endpoints, plan.cut)) } else { Err(TransportFailure::Refused) }
    }
}

/// Everything that is decided when a client begins to connect.
pub(super) struct Plan {
    pub(super) endpoints: Endpoints,
    pub(super) latency: (u64, u64),
    pub(super) extra: Duration,
    pub(super) allowed: bool,
    cut: Option<Cut>,
    pub(super) ordinal: u64,
}

impl Shared {
    /// Decides an attempt; `None` if it vanishes.
    pub(super) fn plan(&self, from: &str, to: Ipv4Addr, port: u16) -> Option<Plan> {
        let mut state = self.lock();
        let client = state.host(from)?;
        let from_host = Arc::clone(&client.name);
        let from_address = *client.addresses.first()?;
        let own = to.is_loopback() || client.addresses.contains(&to);
        let to = if to.is_loopback() { from_address } else { to };
        let attempt = Attempt {
            from_host: Arc::clone(&from_host),
            from: from_address,
            to_host: state.owners.get(&to).cloned(),
            to,
            port,
        };
        let server_host = attempt.to_host.clone()?;
        if !state.host(&server_host).is_some_and(|host| host.powered) {
            return None;
        }
        // Windows Firewall does not filter what stays on the machine.
        let action = if own { Action::Allow } else { state.filter(&attempt) };
        let (verdict, mut extra, mut cut) = (state.judge(&attempt), Duration::ZERO, None);
        let allowed = match (action, verdict) {
            (Action::Drop, _) | (_, Verdict::Drop) => return None,
            (Action::Reject, _) | (_, Verdict::Refuse) => false,
            (Action::Allow, Verdict::Pass) => true,
            (Action::Allow, Verdict::Delay(delay)) => {
                extra = delay;
                true
            }
            (Action::Allow, Verdict::Cut(at)) => {
                cut = Some(at);
                true
            }
        };
        state.connections += 1;
        let connection = state.connections;
        let client = state.hosts.get_mut(&from.to_ascii_uppercase())?;
        client.connections += 1;
        let ordinal = client.connections;
        let latency = if own { (0, 0) } else { (client.latency.below(1, 19), client.latency.below(1, 19)) };
        let dynamic = u64::from(u16::MAX - FIRST_DYNAMIC_PORT) + 1;
        let client_port = FIRST_DYNAMIC_PORT + u16::try_from((ordinal - 1) % dynamic).unwrap_or(0);
        let endpoints = Endpoints {
            connection,
            client_host: Some(from_host),
            client: SocketAddr::from((from_address, client_port)),
            server_host,
            server: SocketAddr::from((to, port)),
        };
        Some(Plan { endpoints, latency, extra, allowed, cut, ordinal })
    }

    /// The jitter of one direction of a client's nth connection; none within one host.
    pub(super) fn jitter(&self, endpoints: &Endpoints, ordinal: u64, direction: &str) -> Option<SimRng> {
        let host = endpoints.client_host.as_deref()?;
        let label = format!("jitter/{}/{ordinal}/{direction}", host.to_ascii_uppercase());
        (endpoints.client.ip() != endpoints.server.ip()).then(|| self.seed.stream(&label))
    }

    fn memory_door(&self, endpoints: &Endpoints) -> Option<mpsc::UnboundedSender<Stream>> {
        match self.lock().door(endpoints.server)? {
            Door::Memory(sender) => Some(sender.clone()),
            Door::Tcp(_) => None,
        }
    }

    fn real_door(&self, endpoints: &Endpoints) -> Option<SocketAddr> {
        match self.lock().door(endpoints.server)? {
            Door::Memory(_) => None,
            Door::Tcp(at) => Some(*at),
        }
    }
}

impl State {
    fn door(&self, at: SocketAddr) -> Option<&Door> {
        match at.ip() {
            IpAddr::V4(address) => self.doors.get(&(address, at.port())),
            IpAddr::V6(_) => None,
        }
    }

    fn filter(&mut self, attempt: &Attempt) -> Action {
        let rule = self.firewall.iter_mut().find(|(_, rule, _)| rule.matches(attempt));
        rule.map_or(Action::Allow, |(_, rule, hits)| {
            *hits += 1;
            rule.action
        })
    }

    fn judge(&mut self, attempt: &Attempt) -> Verdict {
        for installed in &mut self.traffic {
            let verdict = installed.rule.on_connect(attempt);
            if verdict != Verdict::Pass {
                installed.hits += 1;
                return verdict;
            }
        }
        Verdict::Pass
    }
}
