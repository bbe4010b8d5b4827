//! Connections without bytes, for drivers that move whole messages on a queue of events of their own.
//!
//! A [`Passage`] draws the same latencies from the same streams as a connection in memory of the same host and number,
//! so a message takes as long as its bytes would.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cmsim_sim::SimTime;

use super::Network;
use crate::memory::{Latency, WINDOW};
use crate::stream::Endpoints;

/// What comes of a connection attempt.
#[derive(Debug)]
pub enum Attempted {
    /// A connection, open for messages from the end of [`Passage::handshake`] on.
    Open(Passage),
    /// Nobody listens there, or a firewall rejects; the client knows after one round trip.
    Refused(Duration),
    /// Nothing comes back: the client's connect time-out decides.
    Vanished,
}

/// One connection as far as time is concerned.
#[derive(Debug)]
pub struct Passage {
    endpoints: Arc<Endpoints>,
    handshake: Duration,
    up: Direction,
    down: Direction,
}

#[derive(Debug)]
struct Direction {
    latency: Latency,
    last_arrival: Option<SimTime>,
}

impl Direction {
    /// When the last of `bytes` sent at `now` arrives: each window goes when the one before it has been read.
    fn carry(&mut self, now: SimTime, bytes: usize) -> SimTime {
        let mut arrival = now;
        for _ in 0..bytes.div_ceil(WINDOW).max(1) {
            arrival = self.last_arrival.into_iter().chain([arrival + self.latency.draw()]).max().unwrap_or(arrival);
            self.last_arrival = Some(arrival);
        }
        arrival
    }
}

impl Passage {
    /// Who is connected with whom.
    #[must_use]
    pub fn endpoints(&self) -> &Arc<Endpoints> {
        &self.endpoints
    }

    /// How long connecting takes: one round trip.
    #[must_use]
    pub fn handshake(&self) -> Duration {
        self.handshake
    }

    /// When a message of so many bytes that the client sends at `now` has reached the server.
    pub fn to_server(&mut self, now: SimTime, bytes: usize) -> SimTime {
        self.up.carry(now, bytes)
    }

    /// When a message of so many bytes that the server sends at `now` has reached the client.
    pub fn to_client(&mut self, now: SimTime, bytes: usize) -> SimTime {
        self.down.carry(now, bytes)
    }
}

impl Network {
    /// Attempts a connection from host `from` to `to`, without carrying bytes. Firewalls, traffic rules and power
    /// decide as in [`Network::connect`]; whether a server answers at that port is the caller's to know, as the port
    /// is not asked. Rules that cut connections have no bytes to count here.
    #[must_use]
    pub fn attempt(&self, from: &str, to: SocketAddr) -> Attempted {
        let IpAddr::V4(address) = to.ip() else { return Attempted::Vanished };
        let Some(plan) = self.0.plan(from, address, to.port()) else { return Attempted::Vanished };
        let (up, down) = plan.latency;
        let handshake = plan.extra + Duration::from_millis(up + down);
        if !plan.allowed {
            return Attempted::Refused(handshake);
        }
        let direction = |base, name| {
            let latency = Latency { base, jitter: self.0.jitter(&plan.endpoints, plan.ordinal, name) };
            Direction { latency, last_arrival: None }
        };
        let (up, down) = (direction(up, "up"), direction(down, "down"));
        Attempted::Open(Passage { endpoints: Arc::new(plan.endpoints), handshake, up, down })
    }
}

#[cfg(test)]
mod tests {
    use cmsim_sim::{Clock, Journal, Seed, TimeZone};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::FirewallRule;
    use crate::rules::{Action, Subnet};

    fn network(clock: Clock) -> Network {
        let network = Network::memory(Journal::new(clock), &Seed::new(5));
        network.add_host("CLIENT1", &["192.168.2.62".parse().unwrap()], None).unwrap();
        network.add_host("DC1", &["192.168.2.1".parse().unwrap()], None).unwrap();
        network
    }

    fn server() -> SocketAddr {
        "192.168.2.1:80".parse().unwrap()
    }

    const EPOCH: SimTime = SimTime::from_millis(0);
    /// Bytes each way of three exchanges; the last answer takes two windows and a bit.
    const SIZES: [(usize, usize); 3] = [(10, 20), (300, WINDOW), (1, 2 * WINDOW + 1)];

    /// When each request and answer had arrived, in bytes through memory.
    async fn measured() -> Vec<(SimTime, SimTime)> {
        let clock = Clock::virtual_time(EPOCH, TimeZone::utc());
        let network = network(clock.clone());
        let mut listener = network.listen("DC1", 80).unwrap();
        let there = clock.clone();
        let serving = tokio::spawn(async move {
            let mut stream = listener.accept().await.unwrap();
            let mut arrivals = Vec::new();
            for (up, down) in SIZES {
                stream.read_exact(&mut vec![0; up]).await.unwrap();
                arrivals.push(there.now());
                stream.write_all(&vec![0; down]).await.unwrap();
            }
            arrivals
        });
        let mut stream = network.connect("CLIENT1", server(), Duration::from_secs(60)).await.unwrap();
        let mut answers = Vec::new();
        for (up, down) in SIZES {
            stream.write_all(&vec![0; up]).await.unwrap();
            stream.read_exact(&mut vec![0; down]).await.unwrap();
            answers.push(clock.now());
        }
        serving.await.unwrap().into_iter().zip(answers).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_takes_as_long_as_its_bytes_would() {
        let measured = measured().await;
        let Attempted::Open(mut passage) = network(Clock::stepped(EPOCH, TimeZone::utc())).attempt("CLIENT1", server())
        else {
            panic!("nothing is in the way");
        };
        let mut now = EPOCH + passage.handshake();
        let calculated = SIZES.map(|(up, down)| {
            let arrived = passage.to_server(now, up);
            now = passage.to_client(arrived, down);
            (arrived, now)
        });
        assert_eq!(calculated.as_slice(), measured);
    }

    #[test]
    fn what_is_in_the_way_decides() {
        let network = network(Clock::stepped(EPOCH, TimeZone::utc()));
        let gone = "192.168.2.99:80".parse().unwrap();
        assert!(matches!(network.attempt("CLIENT1", gone), Attempted::Vanished));
        let rule = FirewallRule { from: Subnet::ALL, to: None, ports: Some(80..=80), action: Action::Reject };
        network.add_firewall_rule(rule);
        assert!(matches!(network.attempt("CLIENT1", server()), Attempted::Refused(after) if !after.is_zero()));
    }
}
