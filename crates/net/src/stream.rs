//! One connection as either side sees it: bytes, and who talks to whom.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::memory::MemoryStream;
use crate::rules::{Cut, CutEnd, Direction};

/// Who is connected to whom, in simulated addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Number of the connection within the world, from 1.
    pub connection: u64,
    /// The host that connected; `None` for a program outside the world.
    pub client_host: Option<Arc<str>>,
    /// Its address and port.
    pub client: SocketAddr,
    /// The host that listens.
    pub server_host: Arc<str>,
    /// The address and port it was reached at.
    pub server: SocketAddr,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Stream {
    inner: Inner,
    endpoints: Arc<Endpoints>,
    cut: Option<Cut>,
    /// Set when the cut has happened. The peer's end stays open behind it until this end is dropped.
    severed: Option<CutEnd>,
}

#[derive(Debug)]
enum Inner {
    Memory(MemoryStream),
    Tcp(TcpStream),
}

impl Stream {
    pub(crate) fn memory(stream: MemoryStream, endpoints: Arc<Endpoints>, cut: Option<Cut>) -> Self {
        Self { inner: Inner::Memory(stream), endpoints, cut, severed: None }
    }

    pub(crate) fn tcp(stream: TcpStream, endpoints: Arc<Endpoints>, cut: Option<Cut>) -> Self {
        Self { inner: Inner::Tcp(stream), endpoints, cut, severed: None }
    }

    /// Who is connected to whom.
    #[must_use]
    pub fn endpoints(&self) -> &Arc<Endpoints> {
        &self.endpoints
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub fn reset(mut self) {
        self.inner.reset();
    }

    /// How many of `wanted` bytes may still pass in `direction`; zero means that the cut is due.
    fn allowance(&self, direction: Direction, wanted: usize) -> usize {
        match self.cut {
            Some(cut) if cut.direction == direction => wanted.min(usize::try_from(cut.after).unwrap_or(usize::MAX)),
            _ => wanted,
        }
    }

    fn spend(&mut self, direction: Direction, bytes: usize) {
        if let Some(cut) = self.cut.as_mut().filter(|cut| cut.direction == direction) {
            cut.after = cut.after.saturating_sub(bytes as u64);
        }
    }

    fn sever(&mut self) {
        if let Some(cut) = self.cut.take() {
            self.severed = Some(cut.end);
            if cut.end == CutEnd::Reset {
                self.inner.reset();
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let allowed = self.allowance(Direction::Response, buf.remaining());
        if allowed == 0 && buf.remaining() > 0 {
            self.sever();
        }
        match self.severed {
            None => {}
            Some(CutEnd::Stall) => return Poll::Pending,
            Some(CutEnd::Close) => return Poll::Ready(Ok(())),
            Some(CutEnd::Reset) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
        if self.cut.is_none() {
            return self.inner.poll_read(cx, buf);
        }
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed));
        ready!(self.inner.poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        self.spend(Direction::Response, read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.allowance(Direction::Request, bytes.len());
        if allowed == 0 && !bytes.is_empty() {
            self.sever();
        }
        match self.severed {
            None => {}
            Some(CutEnd::Stall | CutEnd::Close) => return Poll::Ready(Ok(bytes.len())),
            Some(CutEnd::Reset) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
        let part = bytes.get(..allowed).unwrap_or(bytes);
        let written = ready!(self.inner.poll_write(cx, part))?;
        self.spend(Direction::Request, written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Memory(stream) => Pin::new(stream).poll_flush(cx),
            Inner::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
            Inner::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl Inner {
    fn reset(&mut self) {
        match self {
            Self::Memory(stream) => stream.reset(),
            Self::Tcp(stream) => {
                if let Err(error) = stream.set_zero_linger() {
                    tracing::debug!(%error, "a socket could not be set to reset on close");
                }
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Memory(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }
}
