//! Hosts, names and listeners of a world, and the way from one host to another.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cmsim_sim::{Clock, Journal, Seed, SimRng};
use cmsim_wire::hresult::TransportFailure;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::loopback::{Loopback, TcpDoor};
use crate::memory::{self, Latency};
use crate::rules::{Action, Attempt, Cut, FirewallRule, RuleGuard, RuleId, TrafficRule, Verdict};
use crate::stream::{Endpoints, Stream};
use crate::tls::Protocols;

/// Ports that a client uses on its own side, as Windows Vista and later number them.
const FIRST_DYNAMIC_PORT: u16 = 49152;

/// The network of one world. Cheap to clone; all clones are the same network.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

/// A handle that does not keep its network alive.
#[derive(Clone)]
pub(crate) struct WeakNetwork(Weak<Shared>);

impl WeakNetwork {
    pub(crate) fn upgrade(&self) -> Option<Network> {
        self.0.upgrade().map(Network)
    }
}

pub(crate) struct Shared {
    clock: Clock,
    journal: Journal,
    seed: Seed,
    transport: Transport,
    closing: watch::Sender<bool>,
    state: Mutex<State>,
}

enum Transport {
    Memory,
    Loopback(Loopback),
}

#[derive(Default)]
struct State {
    /// Hosts by upper-case name.
    hosts: BTreeMap<String, Host>,
    owners: BTreeMap<Ipv4Addr, Arc<str>>,
    /// Name server records by lower-case name.
    records: BTreeMap<String, Vec<Ipv4Addr>>,
    doors: BTreeMap<(Ipv4Addr, u16), Door>,
    firewall: Vec<(RuleId, FirewallRule, u64)>,
    traffic: Vec<Installed>,
    next_rule: u64,
    connections: u64,
}

struct Host {
    name: Arc<str>,
    addresses: Vec<Ipv4Addr>,
    suffix: Option<String>,
    powered: bool,
    protocols: Protocols,
    latency: SimRng,
    connections: u64,
}

struct Installed {
    id: u64,
    rule: Box<dyn TrafficRule>,
    hits: u64,
}

/// What a connection to a listening port goes through.
enum Door {
    Memory(mpsc::UnboundedSender<Stream>),
    Tcp(SocketAddr),
}

/// A change of the network that makes no sense.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// Two hosts of the same name.
    #[error("there is a host '{0}' already")]
    DuplicateHost(String),
    /// Two hosts with the same address.
    #[error("address {address} belongs to '{owner}' already")]
    DuplicateAddress {
        /// The address that was asked for.
        address: Ipv4Addr,
        /// The host that has it.
        owner: Arc<str>,
    },
    /// No host of that name.
    #[error("there is no host '{0}'")]
    UnknownHost(String),
}

/// Why a port could not be opened.
#[derive(Debug, Error)]
pub enum ListenError {
    /// No host of that name, or a host without an address.
    #[error("there is no host '{0}' with an address")]
    UnknownHost(String),
    /// Something listens there already.
    #[error("port {port} of '{host}' is in use")]
    InUse {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The socket behind the simulated port could not be opened.
    #[error("port {port} of '{host}' could not be opened at {at}")]
    Socket {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The real address that was tried.
        at: SocketAddr,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({} hosts)", self.0.lock().hosts.len())
    }
}

impl Network {
    /// A network in memory, for virtual time. Latencies of each host are a stream of their own in `seed`.
    #[must_use]
    pub fn memory(journal: Journal, seed: &Seed) -> Self {
        Self::new(journal, seed, Transport::Memory)
    }

    /// A network of loopback sockets, for real time. Must be used inside a runtime with I/O.
    #[must_use]
    pub fn loopback(journal: Journal, seed: &Seed) -> Self {
        Self::new(journal, seed, Transport::Loopback(Loopback::new()))
    }

    fn new(journal: Journal, seed: &Seed, transport: Transport) -> Self {
        Self(Arc::new(Shared {
            clock: journal.clock().clone(),
            journal,
            seed: seed.child("net"),
            transport,
            closing: watch::channel(false).0,
            state: Mutex::default(),
        }))
    }

    /// The clock of the world.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The journal in which clients record their exchanges.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// Whether bytes travel through memory.
    #[must_use]
    pub fn is_memory(&self) -> bool {
        matches!(self.0.transport, Transport::Memory)
    }

    /// Adds a host. `suffix` completes single-label names that the host looks up, such as `contoso.com`.
    ///
    /// # Errors
    /// [`NetworkError`] if the name or an address is taken.
    pub fn add_host(&self, name: &str, addresses: &[Ipv4Addr], suffix: Option<&str>) -> Result<(), NetworkError> {
        let mut state = self.0.lock();
        let key = name.to_ascii_uppercase();
        if state.hosts.contains_key(&key) {
            return Err(NetworkError::DuplicateHost(name.to_owned()));
        }
        if let Some((address, owner)) =
            addresses.iter().find_map(|address| state.owners.get(address).map(|owner| (*address, Arc::clone(owner))))
        {
            return Err(NetworkError::DuplicateAddress { address, owner });
        }
        let name: Arc<str> = name.into();
        for address in addresses {
            state.owners.insert(*address, Arc::clone(&name));
        }
        let latency = self.0.seed.stream(&format!("latency/{key}"));
        state.hosts.insert(
            key,
            Host {
                name,
                addresses: addresses.to_vec(),
                suffix: suffix.map(str::to_ascii_lowercase),
                powered: true,
                protocols: Protocols::default(),
                latency,
                connections: 0,
            },
        );
        Ok(())
    }

    /// The host's addresses, first the one it connects from; empty for an unknown host.
    #[must_use]
    pub fn addresses(&self, host: &str) -> Vec<Ipv4Addr> {
        let state = self.0.lock();
        state.host(host).map_or_else(Vec::new, |host| host.addresses.clone())
    }

    /// The host that owns `address`.
    #[must_use]
    pub fn owner(&self, address: Ipv4Addr) -> Option<Arc<str>> {
        self.0.lock().owners.get(&address).cloned()
    }

    /// Switches a host off (connections to it time out, running ones stay) or on again.
    ///
    /// # Errors
    /// [`NetworkError::UnknownHost`].
    pub fn set_powered(&self, host: &str, powered: bool) -> Result<(), NetworkError> {
        self.with_host(host, |host| host.powered = powered)
    }

    /// Sets which TLS versions the host's Schannel offers and accepts.
    ///
    /// # Errors
    /// [`NetworkError::UnknownHost`].
    pub fn set_protocols(&self, host: &str, protocols: Protocols) -> Result<(), NetworkError> {
        self.with_host(host, |host| host.protocols = protocols)
    }

    /// Which TLS versions the host's Schannel offers and accepts; all of them for an unknown host.
    #[must_use]
    pub fn protocols(&self, host: &str) -> Protocols {
        let state = self.0.lock();
        state.host(host).map_or_else(Protocols::default, |host| host.protocols.clone())
    }

    fn with_host(&self, name: &str, change: impl FnOnce(&mut Host)) -> Result<(), NetworkError> {
        let mut state = self.0.lock();
        let host = state.hosts.get_mut(&name.to_ascii_uppercase());
        host.map(change).ok_or_else(|| NetworkError::UnknownHost(name.to_owned()))
    }

    /// Sets the addresses that the name servers give for `name` (an empty list: the name does not exist).
    /// Returns what they gave before.
    pub fn set_record(&self, name: &str, addresses: &[Ipv4Addr]) -> Vec<Ipv4Addr> {
        let mut state = self.0.lock();
        let key = name.trim_end_matches('.').to_ascii_lowercase();
        let before = if addresses.is_empty() {
            state.records.remove(&key)
        } else {
            state.records.insert(key, addresses.to_vec())
        };
        before.unwrap_or_default()
    }

    /// What `host` gets when it looks `name` up: literal addresses, `localhost`, then the records,
    /// a single-label name first with the host's suffix. Empty if the name does not resolve.
    #[must_use]
    pub fn resolve(&self, host: &str, name: &str) -> Vec<Ipv4Addr> {
        if let Ok(address) = name.parse() {
            return vec![address];
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" {
            return vec![Ipv4Addr::LOCALHOST];
        }
        let state = self.0.lock();
        let suffix = state.host(host).and_then(|host| host.suffix.as_deref());
        let full = suffix.filter(|_| !name.contains('.')).map(|suffix| format!("{name}.{suffix}"));
        full.iter().chain([&name]).find_map(|name| state.records.get(name.as_str()).cloned()).unwrap_or_default()
    }

    /// Appends a firewall rule.
    pub fn add_firewall_rule(&self, rule: FirewallRule) -> RuleId {
        let mut state = self.0.lock();
        let id = RuleId(state.next_rule);
        state.next_rule += 1;
        state.firewall.push((id, rule, 0));
        id
    }

    /// Removes a firewall rule and returns how many attempts it decided; `None` if it is not there.
    pub fn remove_firewall_rule(&self, id: RuleId) -> Option<u64> {
        let mut state = self.0.lock();
        let at = state.firewall.iter().position(|(other, ..)| *other == id)?;
        Some(state.firewall.remove(at).2)
    }

    /// How many attempts a firewall rule has decided; `None` if it is not there.
    #[must_use]
    pub fn firewall_hits(&self, id: RuleId) -> Option<u64> {
        let state = self.0.lock();
        let rule = state.firewall.iter().find(|(other, ..)| *other == id)?;
        Some(rule.2)
    }

    /// Appends a traffic rule, which stays until its guard is dropped.
    pub fn install(&self, rule: impl TrafficRule + 'static) -> RuleGuard {
        let mut state = self.0.lock();
        let id = state.next_rule;
        state.next_rule += 1;
        state.traffic.push(Installed { id, rule: Box::new(rule), hits: 0 });
        RuleGuard { shared: Arc::downgrade(&self.0), id }
    }

    /// Makes the simulated port `port` of `host` appear at a real address of the caller's choice,
    /// for programs outside the world. Has no effect in memory. Port 0 takes any free one.
    pub fn bind_at(&self, host: &str, port: u16, at: SocketAddr) {
        if let Transport::Loopback(loopback) = &self.0.transport {
            loopback.bind_at(host, port, at);
        }
    }

    /// Opens `port` on all addresses of `host`. It closes when the listener is dropped.
    ///
    /// # Errors
    /// [`ListenError`] if the host is unknown, the port is in use, or a real socket cannot be opened.
    pub fn listen(&self, host: &str, port: u16) -> Result<Listener, ListenError> {
        let addresses = self.addresses(host);
        let (Some(first), Some(name)) = (addresses.first(), self.host_name(host)) else {
            return Err(ListenError::UnknownHost(host.to_owned()));
        };
        let in_use = |state: &State| addresses.iter().any(|address| state.doors.contains_key(&(*address, port)));
        if in_use(&self.0.lock()) {
            return Err(ListenError::InUse { host: host.to_owned(), port });
        }
        let (source, real) =
            match &self.0.transport {
                Transport::Memory => {
                    let (sender, receiver) = mpsc::unbounded_channel();
                    let mut state = self.0.lock();
                    for address in &addresses {
                        state.doors.insert((*address, port), Door::Memory(sender.clone()));
                    }
                    (Source::Memory(receiver), None)
                }
                Transport::Loopback(loopback) => {
                    let (door, at) = loopback
                        .open(&name, *first, port)
                        .map_err(|(at, source)| ListenError::Socket { host: host.to_owned(), port, at, source })?;
                    let mut state = self.0.lock();
                    for address in &addresses {
                        state.doors.insert((*address, port), Door::Tcp(at));
                    }
                    (Source::Tcp(door), Some(at))
                }
            };
        Ok(Listener {
            source,
            host: name,
            address: *first,
            port,
            addresses,
            real,
            shared: Arc::downgrade(&self.0),
            closing: self.0.closing.subscribe(),
        })
    }

    fn host_name(&self, host: &str) -> Option<Arc<str>> {
        self.0.lock().host(host).map(|host| Arc::clone(&host.name))
    }

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

    pub(crate) fn downgrade(&self) -> WeakNetwork {
        WeakNetwork(Arc::downgrade(&self.0))
    }

    /// Closes every listener and makes every server connection end. Later listeners close at once.
    pub fn shut_down(&self) {
        self.0.closing.send_replace(true);
    }
}

/// Everything that is decided when a client begins to connect.
struct Plan {
    endpoints: Endpoints,
    latency: (u64, u64),
    extra: Duration,
    allowed: bool,
    cut: Option<Cut>,
    ordinal: u64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides an attempt; `None` if it vanishes.
    fn plan(&self, from: &str, to: Ipv4Addr, port: u16) -> Option<Plan> {
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
    fn jitter(&self, endpoints: &Endpoints, ordinal: u64, direction: &str) -> Option<SimRng> {
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

    pub(crate) fn traffic_hits(&self, id: u64) -> u64 {
        let state = self.lock();
        state.traffic.iter().find(|rule| rule.id == id).map_or(0, |rule| rule.hits)
    }

    pub(crate) fn remove_traffic_rule(&self, id: u64) {
        let removed: Vec<Installed> = self.lock().traffic.extract_if(.., |rule| rule.id == id).collect();
        // A rule may own things that use the network when they go, so it goes outside the lock.
        drop(removed);
    }
}

impl State {
    fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(&name.to_ascii_uppercase())
    }

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

/// An open port. Dropping it closes the port.
#[derive(Debug)]
pub struct Listener {
    source: Source,
    host: Arc<str>,
    address: Ipv4Addr,
    port: u16,
    addresses: Vec<Ipv4Addr>,
    real: Option<SocketAddr>,
    shared: Weak<Shared>,
    closing: watch::Receiver<bool>,
}

#[derive(Debug)]
enum Source {
    Memory(mpsc::UnboundedReceiver<Stream>),
    Tcp(TcpDoor),
}

impl Listener {
    /// The next connection, or `None` when the network has shut down.
    pub async fn accept(&mut self) -> Option<Stream> {
        let server = SocketAddr::from((self.address, self.port));
        tokio::select! {
            biased;
            // An error means that the network is gone, which ends listening just as well.
            _ = self.closing.wait_for(|closing| *closing) => None,
            stream = async {
                match &mut self.source {
                    Source::Memory(receiver) => receiver.recv().await,
                    Source::Tcp(door) => {
                        let shared = self.shared.clone();
                        let number = move || shared.upgrade().map_or(0, |shared| {
                            let mut state = shared.lock();
                            state.connections += 1;
                            state.connections
                        });
                        Some(door.accept(&self.host, server, number).await)
                    }
                }
            } => stream,
        }
    }

    /// The host that listens.
    #[must_use]
    pub fn host(&self) -> &Arc<str> {
        &self.host
    }

    /// The simulated port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The real address behind the port, if there is a socket.
    #[must_use]
    pub fn real_address(&self) -> Option<SocketAddr> {
        self.real
    }

    /// Resolves when the network shuts down.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let mut state = shared.lock();
            for address in &self.addresses {
                state.doors.remove(&(*address, self.port));
            }
        }
    }
}
