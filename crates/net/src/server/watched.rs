//! The service and the response body, wrapped so that the ledger knows when an answer is complete.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use cmsim_sim::journal::{self, Cause};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tower::{Service, ServiceExt as _};

use super::ledger::Ledger;
use super::refuse;

/// Calls a clone of the service for each request and keeps the ledger.
pub(crate) struct WatchedService<S> {
    inner: S,
    ledger: Arc<Ledger>,
}

impl<S> WatchedService<S> {
    pub(crate) fn new(inner: S, ledger: Arc<Ledger>) -> Self {
        Self { inner, ledger }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for WatchedService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    type Response = Response<Watched<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let ledger = Arc::clone(&self.ledger);
        let inner = self.inner.clone();
        let (cause, refusal) = ledger.begin(&request);
        let asks_for_head_only = request.method() == Method::HEAD;
        request.extensions_mut().insert(Arc::clone(ledger.peer()));
        let serving = async move {
            let response = match refusal {
                Some(refusal) => refuse(refusal),
                None => inner.oneshot(request).await?.map(Watched::new),
            };
            let (parts, mut body) = response.into_parts();
            ledger.answered(parts.status, &parts.extensions);
            let sends_nothing =
                asks_for_head_only || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
            body.ledger = Some(ledger);
            body.cause = Some(cause);
            body.expected = body.size_hint().exact();
            body.ended = sends_nothing || body.is_end_stream();
            Ok(Response::from_parts(parts, body))
        };
        Box::pin(journal::caused_by(Some(cause), serving))
    }
}

/// A response body that tells the ledger when it has been handed over completely.
pub(crate) struct Watched<B> {
    inner: Option<B>,
    ledger: Option<Arc<Ledger>>,
    /// The request that it answers; the library asks for the body when the service is done.
    cause: Option<Cause>,
    /// The exact length, if the body knows it: the library does not ask for more then.
    expected: Option<u64>,
    delivered: u64,
    ended: bool,
}

impl<B> Watched<B> {
    fn new(inner: B) -> Self {
        let mut body = Self::empty();
        body.inner = Some(inner);
        body
    }

    pub(crate) fn empty() -> Self {
        Self { inner: None, ledger: None, cause: None, expected: None, delivered: 0, ended: false }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let cause = self.cause;
        let Some(inner) = &mut self.inner else {
            self.ended = true;
            return Poll::Ready(None);
        };
        let frame = ready!(journal::while_caused_by(cause, || Pin::new(inner).poll_frame(cx)));
        let ended = self.inner.as_ref().is_none_or(Body::is_end_stream);
        match &frame {
            None => self.ended = true,
            Some(Ok(frame)) => {
                self.delivered += frame.data_ref().map_or(0, Bytes::len) as u64;
                self.ended = ended || self.expected == Some(self.delivered);
            }
            Some(Err(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        if let Some(ledger) = self.ledger.take().filter(|_| self.ended) {
            ledger.finished();
        }
    }
}
