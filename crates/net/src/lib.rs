//! Simulated and real networks behind one byte-stream seam, with HTTP, TLS and names.
//!
//! A [`Network`] has hosts, names, firewalls and traffic rules. [`Network::memory`] carries bytes
//! through memory in virtual time, [`Network::loopback`] through sockets in real time; [`server`] and
//! [`client`] see a [`Stream`] and cannot tell which it is. What fails below HTTP comes out as
//! [`cmsim_wire::hresult::TransportFailure`], by the cause and not by a script.

pub mod client;
mod loopback;
mod memory;
mod network;
pub mod pki;
mod rules;
pub mod server;
mod stream;
pub mod tls;

pub use network::{Attempted, ListenError, Listener, Network, NetworkError, Passage};
pub use rules::{
    Action, Attempt, Cut, CutEnd, Direction, FirewallRule, InvalidSubnet, RuleGuard, RuleId, Subnet, TrafficRule,
    Verdict,
};
pub use stream::{Endpoints, Stream};

#[cfg(test)]
mod tests;
