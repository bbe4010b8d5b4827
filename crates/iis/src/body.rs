//! The request body as HTTP.sys watches it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cmsim_sim::Clock;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;

/// How long the next part of a body may take: the `EntityBody` time-out of HTTP.sys (documented default).
pub(crate) const PART_TIME_OUT: Duration = Duration::from_secs(120);

/// A body of which each part must come in time.
pub(crate) struct Watched<B> {
    inner: B,
    clock: Clock,
    /// Runs while a part is waited for.
    timer: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    late: Late,
}

/// Whether a body came to an end because a part of it did not come in time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Late(Arc<AtomicBool>);

impl Late {
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a body could not be read to its end.
#[derive(Debug, Error)]
pub(crate) enum BodyError<E> {
    #[error("the next part did not come in time")]
    Late,
    #[error(transparent)]
    Connection(E),
}

impl<B> Watched<B> {
    pub(crate) fn new(inner: B, clock: Clock) -> (Self, Late) {
        let late = Late::default();
        (Self { inner, clock, timer: None, late: late.clone() }, late)
    }
}

impl<B> fmt::Debug for Watched<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watched({:?})", self.late)
    }
}

impl<B> Body for Watched<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    type Data = Bytes;
    type Error = BodyError<B::Error>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Connection)));
        }
        let clock = self.clock.clone();
        let timer = self.timer.get_or_insert_with(|| {
            Box::pin(async move {
                // The end of an endless wait is the time-out; there is nothing else to wait for.
                let _ = clock.deadline(PART_TIME_OUT, std::future::pending::<()>()).await;
            })
        });
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.late.0.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(BodyError::Late)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
