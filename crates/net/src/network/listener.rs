//! Open ports.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::loopback::TcpDoor;
use crate::stream::Stream;

use super::{Door, Network, Shared, State, Transport};

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

impl Network {
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
