//! Connections through real sockets: one loopback address for each simulated host.
//!
//! The simulated port is the real one where it can be had without privileges and nobody else has
//! it; otherwise any free one. Clients of the world find the real port in the network's register,
//! so only programs outside the world need to know it.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cmsim_wire::hresult::TransportFailure;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::stream::{Endpoints, Stream};

/// Ports below this one need privileges on most systems.
const FIRST_FREE_PORT: u16 = 1024;
const BACKLOG: u32 = 1024;

/// Networks of one process use different addresses.
static NEXT_NETWORK: AtomicU8 = AtomicU8::new(0);

#[derive(Debug)]
pub(crate) struct Loopback {
    network: u8,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The real address of each simulated address.
    addresses: BTreeMap<Ipv4Addr, Ipv4Addr>,
    /// Real addresses that the caller chose, by upper-case host name and simulated port.
    chosen: BTreeMap<(String, u16), SocketAddr>,
    /// Who is behind the client sockets that are connecting, by their real address.
    callers: BTreeMap<SocketAddr, Endpoints>,
}

impl Loopback {
    pub(crate) fn new() -> Self {
        Self { network: NEXT_NETWORK.fetch_add(1, Ordering::Relaxed), state: Arc::default() }
    }

    pub(crate) fn bind_at(&self, host: &str, port: u16, at: SocketAddr) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.chosen.insert((host.to_ascii_uppercase(), port), at);
    }

    /// The loopback address that stands for a simulated one. The process number is in it, so that
    /// two programs that run at the same time seldom want the same port of the same address.
    fn real_address(&self, simulated: Ipv4Addr) -> Ipv4Addr {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u8::try_from(state.addresses.len() % 250).unwrap_or(0) + 2;
        let [.., process] = std::process::id().to_be_bytes();
        let real = Ipv4Addr::new(127, 16 + process % 100, self.network, next);
        *state.addresses.entry(simulated).or_insert(real)
    }

    /// Opens the socket behind a simulated port.
    pub(crate) fn open(
        &self,
        host: &str,
        address: Ipv4Addr,
        port: u16,
    ) -> Result<(TcpDoor, SocketAddr), (SocketAddr, io::Error)> {
        let chosen = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.chosen.get(&(host.to_ascii_uppercase(), port)).copied()
        };
        let candidates = match chosen {
            Some(at) => vec![at],
            None => {
                let real = self.real_address(address);
                let same = (port >= FIRST_FREE_PORT).then_some(SocketAddr::from((real, port)));
                let others = [SocketAddr::from((real, 0)), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
                same.into_iter().chain(others).collect()
            }
        };
        let mut failure = None;
        for at in candidates {
            match open_socket(at).and_then(|listener| Ok((listener.local_addr()?, listener))) {
                Ok((at, listener)) => {
                    let state = Arc::clone(&self.state);
                    return Ok((TcpDoor { listener, state }, at));
                }
                Err(error) => failure = Some((at, error)),
            }
        }
        Err(failure.unwrap_or_else(|| {
            let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            (nowhere, io::ErrorKind::AddrNotAvailable.into())
        }))
    }

    /// Connects to the socket behind a simulated port, from the client's own address.
    pub(crate) async fn connect(&self, plan: &Endpoints, at: SocketAddr) -> Result<TcpStream, TransportFailure> {
        let SocketAddr::V4(client) = plan.client else {
            return Err(TransportFailure::Refused);
        };
        let socket = self.client_socket(*client.ip(), at).map_err(|error| {
            tracing::warn!(%error, "no socket to connect from");
            TransportFailure::Refused
        })?;
        let caller = socket.local_addr().ok();
        if let Some(caller) = caller {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.callers.insert(caller, plan.clone());
        }
        let connected = socket.connect(at).await.and_then(|stream| {
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        connected.map_err(|error| {
            if let Some(caller) = caller {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.callers.remove(&caller);
            }
            match error.kind() {
                io::ErrorKind::ConnectionReset => TransportFailure::Reset,
                io::ErrorKind::TimedOut => TransportFailure::ConnectTimeout,
                _ => TransportFailure::Refused,
            }
        })
    }

    /// A socket bound to the client's own address, or to 127.0.0.1 on systems that have no other.
    fn client_socket(&self, client: Ipv4Addr, at: SocketAddr) -> io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        if !at.ip().is_loopback() {
            return Ok(socket);
        }
        let own = SocketAddr::from((self.real_address(client), 0));
        if socket.bind(own).is_err() {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            return Ok(socket);
        }
        Ok(socket)
    }
}

fn open_socket(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Else a port whose last connections are in TIME_WAIT cannot be opened again.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// The socket behind an open port.
#[derive(Debug)]
pub(crate) struct TcpDoor {
    listener: TcpListener,
    state: Arc<Mutex<State>>,
}

impl TcpDoor {
    /// The next connection; one from outside the world gets its number from `number`.
    pub(crate) async fn accept(&self, host: &Arc<str>, server: SocketAddr, number: impl Fn() -> u64) -> Stream {
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(%error, "a connection went away before it was accepted");
                    // Running out of descriptors would otherwise spin.
                    tokio::task::yield_now().await;
                    continue;
                }
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps Nagle's algorithm");
            }
            let caller = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.callers.remove(&peer)
            };
            let endpoints = caller.unwrap_or_else(|| Endpoints {
                connection: number(),
                client_host: None,
                client: peer,
                server_host: Arc::clone(host),
                server,
            });
            return Stream::tcp(stream, Arc::new(endpoints), None);
        }
    }
}
