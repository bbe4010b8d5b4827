//! Connections in memory: two pipes with latency, back pressure, orderly ends and resets.
//!
//! Each chunk carries the instant at which it reaches the reader, so latency costs one timer per
//! wait and no relay task. Chunks written at the same instant travel together, however many there
//! are, so the number of writes that a message takes does not matter. What was written before an end arrives before it, as with TCP. Bytes
//! written to a peer that is gone vanish: the writer learns of it by reading, so the same bytes are
//! always read first and no outcome depends on who was faster.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cmsim_sim::SimRng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes on their way in one direction before the writer has to wait; a usual TCP window.
pub(crate) const WINDOW: usize = 256 * 1024;

/// Latency of one direction of one connection: a fixed part and a jitter per flight.
#[derive(Debug)]
pub(crate) struct Latency {
    /// What everything takes, in milliseconds.
    pub(crate) base: u64,
    /// The source of the jitter of 0 to 2 ms, or `None` for a connection within one host.
    pub(crate) jitter: Option<SimRng>,
}

impl Latency {
    /// How long what is sent now takes.
    pub(crate) fn draw(&mut self) -> Duration {
        let jitter = self.jitter.as_mut().map_or(0, |rng| rng.below(0, 3));
        Duration::from_millis(self.base + jitter)
    }
}

/// One end of a connection in memory.
#[derive(Debug)]
pub(crate) struct MemoryStream {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A connected pair: the client's end and the server's end.
pub(crate) fn pair(request: Latency, response: Latency) -> (MemoryStream, MemoryStream) {
    let up = Pipe::new(request);
    let down = Pipe::new(response);
    let end = |incoming: &Arc<Pipe>, outgoing: &Arc<Pipe>| MemoryStream {
        incoming: Arc::clone(incoming),
        outgoing: Arc::clone(outgoing),
        timer: None,
    };
    (end(&down, &up), end(&up, &down))
}

#[derive(Debug)]
struct Pipe(Mutex<State>);

#[derive(Debug)]
struct State {
    latency: Latency,
    chunks: VecDeque<Chunk>,
    /// Bytes in `chunks` that have not been read.
    buffered: usize,
    /// When something was sent last.
    last_sent: Option<Instant>,
    /// When that arrives; nothing overtakes what was sent earlier.
    last_due: Instant,
    end: Option<(Instant, End)>,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
    read: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Reset,
}

impl Pipe {
    fn new(latency: Latency) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            latency,
            chunks: VecDeque::new(),
            buffered: 0,
            last_sent: None,
            last_due: Instant::now(),
            end: None,
            reader_gone: false,
            reader: None,
            writer: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end.is_none() {
            let due = state.next_due();
            state.end = Some((due, end));
        }
        wake(&mut state.reader);
    }
}

impl State {
    fn next_due(&mut self) -> Instant {
        let now = Instant::now();
        if self.last_sent != Some(now) {
            self.last_sent = Some(now);
            self.last_due = self.last_due.max(now + self.latency.draw());
        }
        self.last_due
    }
}

fn wake(slot: &mut Option<Waker>) {
    if let Some(waker) = slot.take() {
        waker.wake();
    }
}

/// What a reader can do now.
enum Next {
    Done,
    Reset,
    WaitUntil(Instant),
    WaitForWriter,
}

impl MemoryStream {
    /// Ends both directions with a reset; the peer sees it after what is already on its way.
    pub(crate) fn reset(&mut self) {
        self.outgoing.end(End::Reset);
        let mut state = self.incoming.lock();
        state.end = Some((Instant::now(), End::Reset));
        wake(&mut state.reader);
    }

    fn try_read(&self, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Next {
        let mut state = self.incoming.lock();
        let now = Instant::now();
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            let Some(chunk) = state.chunks.front_mut().filter(|chunk| chunk.due <= now) else {
                break;
            };
            let rest = chunk.bytes.get(chunk.read..).unwrap_or_default();
            let take = rest.len().min(buf.remaining());
            buf.put_slice(rest.get(..take).unwrap_or_default());
            chunk.read += take;
            let used_up = chunk.read == chunk.bytes.len();
            if used_up {
                state.chunks.pop_front();
            }
            state.buffered -= take;
        }
        if buf.filled().len() > before || buf.remaining() == 0 {
            wake(&mut state.writer);
            return Next::Done;
        }
        state.reader = Some(cx.waker().clone());
        match (state.chunks.front(), state.end) {
            (Some(chunk), _) => Next::WaitUntil(chunk.due),
            (None, Some((due, _))) if due > now => Next::WaitUntil(due),
            (None, Some((_, End::Close))) => Next::Done,
            (None, Some((_, End::Reset))) => Next::Reset,
            (None, None) => Next::WaitForWriter,
        }
    }
}

impl AsyncRead for MemoryStream {
    #[expect(clippy::disallowed_methods, reason = "the time bytes travel is nobody's wait and no time-out")]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let due = match self.try_read(cx, buf) {
                Next::Done => return Poll::Ready(Ok(())),
                Next::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Next::WaitForWriter => return Poll::Pending,
                Next::WaitUntil(due) => due,
            };
            let timer = match &mut self.timer {
                Some(timer) => {
                    timer.as_mut().reset(due);
                    timer
                }
                none => none.insert(Box::pin(tokio::time::sleep_until(due))),
            };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.outgoing.lock();
        match state.end {
            Some((_, End::Close)) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Some((_, End::Reset)) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            None => {}
        }
        if state.reader_gone {
            return Poll::Ready(Ok(bytes.len()));
        }
        let room = WINDOW.saturating_sub(state.buffered);
        if room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let part = bytes.get(..room).unwrap_or(bytes);
        let due = state.next_due();
        state.buffered += part.len();
        state.chunks.push_back(Chunk { due, bytes: part.to_vec(), read: 0 });
        wake(&mut state.reader);
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.end(End::Close);
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        self.outgoing.end(End::Close);
        let mut state = self.incoming.lock();
        state.reader_gone = true;
        state.chunks.clear();
        state.buffered = 0;
        wake(&mut state.writer);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn plain(base: u64) -> Latency {
        Latency { base, jitter: None }
    }

    fn elapsed_ms(since: Instant) -> u128 {
        since.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_take_the_latency_of_their_direction() {
        let (mut client, mut server) = pair(plain(7), plain(3));
        let start = Instant::now();
        client.write_all(b"ask").await.unwrap();
        let mut buf = [0; 3];
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!((&buf, elapsed_ms(start)), (b"ask", 7));
        server.write_all(b"yes").await.unwrap();
        client.read_exact(&mut buf).await.unwrap();
        assert_eq!((&buf, elapsed_ms(start)), (b"yes", 10));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_arrives_after_what_was_written_before_it() {
        let (mut client, mut server) = pair(plain(1), plain(5));
        server.write_all(b"last words").await.unwrap();
        drop(server);
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "last words");
        assert_eq!(client.write(b"nobody listens").await.unwrap(), 14);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_is_seen_by_both_ends() {
        let (mut client, mut server) = pair(plain(1), plain(5));
        server.write_all(b"half").await.unwrap();
        server.reset();
        let mut buf = [0; 4];
        client.read_exact(&mut buf).await.unwrap();
        let error = client.read(&mut buf).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(server.read(&mut buf).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_window_makes_the_writer_wait() {
        let (mut client, mut server) = pair(plain(2), plain(2));
        let writer = tokio::spawn(async move {
            client.write_all(&vec![1; WINDOW * 3 + 5]).await.unwrap();
            Instant::now()
        });
        let start = Instant::now();
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), WINDOW * 3 + 5);
        assert!(writer.await.unwrap() >= start + Duration::from_millis(4));
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_reorders_nothing() {
        let rng = cmsim_sim::Seed::new(3).stream("jitter");
        let jumpy = Latency { base: 1, jitter: Some(rng) };
        let (mut client, mut server) = pair(jumpy, plain(0));
        for n in 0..100_u8 {
            client.write_all(&[n]).await.unwrap();
        }
        client.shutdown().await.unwrap();
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, (0..100).collect::<Vec<u8>>());
    }
}
