//! Firewalls and traffic rules: what happens to a connection on its way.

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::network::Shared;

/// An IPv4 network in prefix notation, such as `192.168.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    network: Ipv4Addr,
    prefix: u8,
}

/// Text that is not an IPv4 network in prefix notation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is not an IPv4 subnet: write it like 192.168.2.0/24")]
pub struct InvalidSubnet(String);

impl Subnet {
    /// Every address.
    pub const ALL: Self = Self { network: Ipv4Addr::UNSPECIFIED, prefix: 0 };

    /// The subnet of `address` with `prefix` leading bits (at most 32); host bits are cleared.
    #[must_use]
    pub fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        let network = Ipv4Addr::from(u32::from(address) & mask(prefix));
        Self { network, prefix }
    }

    /// Whether `address` belongs to the subnet.
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix) == u32::from(self.network)
    }

    /// The network address: all host bits zero.
    #[must_use]
    pub fn network(&self) -> Ipv4Addr {
        self.network
    }

    /// Number of leading bits that name the network, 0 to 32.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = InvalidSubnet;

    fn from_str(text: &str) -> Result<Self, InvalidSubnet> {
        let invalid = || InvalidSubnet(text.chars().take(40).collect());
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let address = address.parse().map_err(|_| invalid())?;
        let prefix = prefix.parse().ok().filter(|bits| *bits <= 32).ok_or_else(invalid)?;
        Ok(Self::new(address, prefix))
    }
}

/// What a firewall does with a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Lets it through.
    Allow,
    /// Discards it: the client waits for its connect time-out.
    Drop,
    /// Answers with a reset: the client is refused after one round trip.
    Reject,
}

/// One rule of the world's firewalls. The first rule that matches decides; without a match all is allowed.
#[derive(Clone, Debug)]
pub struct FirewallRule {
    /// Source addresses it applies to.
    pub from: Subnet,
    /// Name of the destination host, or `None` for every host.
    pub to: Option<Arc<str>>,
    /// Destination ports, or `None` for every port.
    pub ports: Option<RangeInclusive<u16>>,
    /// What happens to the attempt.
    pub action: Action,
}

impl FirewallRule {
    pub(crate) fn matches(&self, attempt: &Attempt) -> bool {
        let to = match (&self.to, &attempt.to_host) {
            (None, _) => true,
            (Some(wanted), Some(host)) => wanted.eq_ignore_ascii_case(host),
            (Some(_), None) => false,
        };
        to && self.from.contains(attempt.from) && self.ports.as_ref().is_none_or(|ports| ports.contains(&attempt.port))
    }
}

/// A connection attempt as firewalls and traffic rules see it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Name of the host that connects.
    pub from_host: Arc<str>,
    /// Its source address.
    pub from: Ipv4Addr,
    /// Name of the host that owns the destination address, if any does.
    pub to_host: Option<Arc<str>>,
    /// Destination address.
    pub to: Ipv4Addr,
    /// Destination port.
    pub port: u16,
}

/// Which way bytes flow, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From client to server.
    Request,
    /// From server to client.
    Response,
}

/// How a cut connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutEnd {
    /// Both sides see a reset.
    Reset,
    /// The client sees an orderly end of the stream.
    Close,
    /// Nothing more arrives, and nobody is told.
    Stall,
}

/// A cut of a connection after a number of bytes (below TLS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The direction whose bytes are counted.
    pub direction: Direction,
    /// Bytes that still pass.
    pub after: u64,
    /// How the connection ends then.
    pub end: CutEnd,
}

/// What a traffic rule does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not this rule's concern; the next rule is asked.
    Pass,
    /// Discards the attempt: the client waits for its connect time-out.
    Drop,
    /// Refuses the attempt after one round trip.
    Refuse,
    /// Makes connecting take longer by this much.
    Delay(Duration),
    /// Lets the connection come up and cuts it later.
    Cut(Cut),
}

/// A rule on the world's traffic. Rules are asked in the order of their installation; the first
/// verdict other than [`Verdict::Pass`] counts. Closures are rules too.
pub trait TrafficRule: Send {
    /// Judges one connection attempt.
    fn on_connect(&mut self, attempt: &Attempt) -> Verdict;
}

impl<F: FnMut(&Attempt) -> Verdict + Send> TrafficRule for F {
    fn on_connect(&mut self, attempt: &Attempt) -> Verdict {
        self(attempt)
    }
}

/// Names an installed firewall rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub(crate) u64);

/// Keeps a traffic rule installed; dropping it removes the rule.
#[derive(Debug)]
#[must_use = "the rule is removed when its guard is dropped"]
pub struct RuleGuard {
    pub(crate) shared: Weak<Shared>,
    pub(crate) id: u64,
}

impl RuleGuard {
    /// How many connections the rule has given a verdict on, other than [`Verdict::Pass`].
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.shared.upgrade().map_or(0, |shared| shared.traffic_hits(self.id))
    }
}

impl Drop for RuleGuard {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.remove_traffic_rule(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_contains_its_addresses_only() {
        let subnet: Subnet = "192.168.2.77/24".parse().unwrap();
        assert_eq!(subnet.to_string(), "192.168.2.0/24");
        assert!(subnet.contains(Ipv4Addr::new(192, 168, 2, 255)));
        assert!(!subnet.contains(Ipv4Addr::new(192, 168, 3, 0)));
        assert!(Subnet::ALL.contains(Ipv4Addr::new(8, 8, 8, 8)));
        let host: Subnet = "10.0.0.1/32".parse().unwrap();
        assert!(host.contains(Ipv4Addr::new(10, 0, 0, 1)) && !host.contains(Ipv4Addr::new(10, 0, 0, 0)));
    }

    #[test]
    fn what_is_no_subnet_is_named() {
        for text in ["192.168.2.0", "192.168.2.0/33", "a/24", "", "/", "1.2.3/8"] {
            assert!(text.parse::<Subnet>().unwrap_err().to_string().contains(text));
        }
    }
}
