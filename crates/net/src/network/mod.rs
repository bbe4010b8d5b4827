//! Hosts and names of a world, and what lies between its hosts.

mod connecting;
mod listener;
mod passage;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cmsim_sim::{Clock, Journal, Seed, SimRng, SimTime};
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::loopback::Loopback;
use crate::rules::{FirewallRule, RuleGuard, RuleId, TrafficRule};
use crate::stream::Stream;
use crate::tls::Protocols;

pub use listener::{ListenError, Listener};
pub use passage::{Attempted, Passage};

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
    time: Option<Box<dyn Fn() -> SimTime + Send>>,
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
                time: None,
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

    /// Makes the host's TLS stack ask `time` what time it is: the host's own clock, which may be wrong. `time` must
    /// not use the network.
    ///
    /// # Errors
    /// [`NetworkError::UnknownHost`].
    pub fn set_time_source(&self, host: &str, time: impl Fn() -> SimTime + Send + 'static) -> Result<(), NetworkError> {
        self.with_host(host, |host| host.time = Some(Box::new(time)))
    }

    /// The time that the host's TLS stack goes by; the world's for a host without a clock of its own.
    #[must_use]
    pub fn time(&self, host: &str) -> SimTime {
        let state = self.0.lock();
        let own = state.host(host).and_then(|host| host.time.as_ref());
        own.map_or_else(|| self.0.clock.now(), |time| time())
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

    pub(crate) fn downgrade(&self) -> WeakNetwork {
        WeakNetwork(Arc::downgrade(&self.0))
    }

    /// Closes every listener and makes every server connection end. Later listeners close at once.
    pub fn shut_down(&self) {
        self.0.closing.send_replace(true);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
}
