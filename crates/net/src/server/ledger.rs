//! The books of one connection: which bytes belong to which exchange.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use cmsim_sim::journal::{self, Cause};
use cmsim_sim::{Clock, SimTime};
use http::{Extensions, HeaderMap, Method, StatusCode, Uri, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::head::{HeadCheck, HeadRefusal};
use super::{Exchange, Observer, Outcome, Peer};

pub(crate) struct Ledger {
    clock: Clock,
    peer: Arc<Peer>,
    observer: Arc<dyn Observer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    received: u64,
    sent: u64,
    /// Requests whose head was read, over the life of the connection.
    requests: u32,
    first_byte: Option<SimTime>,
    head: HeadCheck,
    current: Option<Current>,
}

struct Current {
    cause: Cause,
    method: Method,
    target: Uri,
    version: Version,
    headers: HeaderMap,
    status: Option<StatusCode>,
    extensions: Extensions,
    /// The body has been handed over completely; the next flush sends the last of it.
    finished: bool,
}

impl Ledger {
    pub(crate) fn new(clock: Clock, peer: Arc<Peer>, observer: Arc<dyn Observer>) -> Arc<Self> {
        Arc::new(Self { clock, peer, observer, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Whether bytes of a request have come in that has not been answered.
    pub(crate) fn inside_a_request(&self) -> bool {
        self.lock().first_byte.is_some()
    }

    /// The request that is being read, as a cause: the one after those whose head was read.
    pub(crate) fn next_request(&self) -> Cause {
        Cause::Request { connection: self.peer.connection, number: self.lock().requests + 1 }
    }

    /// A request head was read; says what it is as a cause, and whether it must be refused.
    pub(crate) fn begin<B>(&self, request: &http::Request<B>) -> (Cause, Option<HeadRefusal>) {
        let cause = self.next_request();
        let mut state = self.lock();
        state.requests += 1;
        state.current = Some(Current {
            cause,
            method: request.method().clone(),
            target: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
            status: None,
            extensions: Extensions::new(),
            finished: false,
        });
        let no_host = request.version() == Version::HTTP_11 && !request.headers().contains_key(http::header::HOST);
        let refusal = if state.head.has_two_lengths() {
            Some(HeadRefusal::TwoLengths)
        } else {
            no_host.then_some(HeadRefusal::NoHost)
        };
        (cause, refusal)
    }

    pub(crate) fn answered(&self, status: StatusCode, extensions: &Extensions) {
        if let Some(current) = &mut self.lock().current {
            current.status = Some(status);
            current.extensions = extensions.clone();
        }
    }

    pub(crate) fn finished(&self) {
        if let Some(current) = &mut self.lock().current {
            current.finished = true;
        }
    }

    fn read(&self, bytes: &[u8]) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.received += bytes.len() as u64;
        state.first_byte.get_or_insert(now);
        state.head.feed(bytes);
    }

    fn wrote(&self, bytes: usize) {
        self.lock().sent += bytes as u64;
    }

    fn flushed(&self) {
        let state = self.lock();
        if state.current.as_ref().is_some_and(|current| current.finished) {
            self.close_the_entry(state);
        }
    }

    fn ended(&self) {
        self.close_the_entry(self.lock());
    }

    fn close_the_entry(&self, mut state: MutexGuard<'_, State>) {
        let Some(current) = state.current.take() else { return };
        let now = self.clock.now();
        let exchange = Exchange {
            peer: Arc::clone(&self.peer),
            method: current.method,
            target: current.target,
            version: current.version,
            headers: current.headers,
            status: current.status,
            extensions: current.extensions,
            received: std::mem::take(&mut state.received),
            sent: std::mem::take(&mut state.sent),
            began: state.first_byte.take().unwrap_or(now),
            ended: now,
            outcome: if current.finished { Outcome::Complete } else { Outcome::ClientGone },
        };
        state.head.reset();
        // The observer may write files; it must not do so under the lock.
        drop(state);
        journal::while_caused_by(Some(current.cause), || self.observer.exchange(exchange));
    }
}

/// A stream that enters every byte into the ledger.
pub(crate) struct Counting<Io> {
    io: Io,
    ledger: Arc<Ledger>,
}

impl<Io> Counting<Io> {
    pub(crate) fn new(io: Io, ledger: Arc<Ledger>) -> Self {
        Self { io, ledger }
    }
}

impl<Io> Drop for Counting<Io> {
    fn drop(&mut self) {
        self.ledger.ended();
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Counting<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        if !new.is_empty() {
            self.ledger.read(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Counting<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
        self.ledger.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.ledger.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
