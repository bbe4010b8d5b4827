//! What the server counts is what the client counts.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};

use super::worlds::{SERVER, Seen, World, days, in_memory, over_sockets, url};
use crate::client::Request;
use crate::server::{Outcome, serve};

type AnyBody = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

/// A body of unknown length.
struct Chunks(VecDeque<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }
}

/// `/known/N` N bytes with their length, `/chunks/N` N bytes in chunks.
async fn answer(request: http::Request<Incoming>) -> Result<Response<AnyBody>, hyper::Error> {
    let path = request.uri().path().to_owned();
    request.into_body().collect().await?;
    let (kind, size) = path.trim_start_matches('/').split_once('/').unwrap();
    let data = Bytes::from(vec![b'x'; size.parse().unwrap()]);
    let body = match kind {
        "chunks" => Chunks(data.chunks(7000).map(Bytes::copy_from_slice).collect()).boxed_unsync(),
        _ => Full::new(data).boxed_unsync(),
    };
    Ok(Response::new(body))
}

const CASES: [(&str, &str, usize); 9] = [
    ("GET", "/known/0", 0),
    ("HEAD", "/known/300", 0),
    ("POST", "/known/10", 150_000),
    ("GET", "/known/300000", 0),
    ("GET", "/chunks/300000", 0),
    ("POST", "/chunks/0", 10),
    ("CCM_POST", "/known/70000", 70_000),
    ("POST", "/known/1", 600_000),
    ("GET", "/known/1", 0),
];

async fn counts_agree(world: World, secure: bool) {
    let seen = Seen::new(&world.clock);
    let listener = world.network.listen(SERVER, 8530).unwrap();
    let tls = if secure { world.tls("ps1sys.contoso.com", days(-1, 1)) } else { None };
    let service = tower::service_fn(answer);
    let _server = serve(&world.network, listener, tls, service, Arc::clone(&seen) as _);
    let scheme = if secure { "https" } else { "http" };
    let session = world.session();
    let mut counted = Vec::new();
    for (method, path, size) in CASES {
        let to = url(&format!("{scheme}://ps1sys.contoso.com:8530{path}"));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::new(method, to).body(vec![b'y'; size]);
        let response = session.send(request).await.unwrap();
        counted.push((response.received, response.sent, response.connection));
    }
    drop(session);
    tokio::task::yield_now().await;
    let exchanges = seen.exchanges.lock().unwrap();
    let reported: Vec<_> =
        exchanges.iter().map(|exchange| (exchange.sent, exchange.received, exchange.peer.connection)).collect();
    assert_eq!(reported, counted);
    assert!(exchanges.iter().all(|exchange| exchange.outcome == Outcome::Complete));
    assert!(counted.iter().all(|(.., connection)| *connection == counted[0].2), "all on one connection");
    assert!(reported[4].0 > 300_000 + 300, "chunk sizes count");
}

#[test]
fn plain_bytes_agree_in_memory() {
    in_memory(|world| counts_agree(world, false));
}

#[test]
fn bytes_above_tls_agree_in_memory() {
    in_memory(|world| counts_agree(world, true));
}

#[test]
fn plain_bytes_agree_through_sockets() {
    over_sockets(|world| counts_agree(world, false));
}

#[test]
fn the_time_taken_runs_from_the_first_byte_to_the_last() {
    in_memory(|world| async move {
        let seen = Seen::new(&world.clock);
        let _server = world.echo(80, None, Arc::clone(&seen) as _);
        let session = world.session();
        for _ in 0..2 {
            let request = Request::new(Method::POST, url("http://ps1sys/")).body("x");
            session.send(request).await.unwrap();
            let pause = std::time::Duration::from_secs(50);
            world.clock.wait("test", "between requests", pause).await;
        }
        for exchange in seen.exchanges.lock().unwrap().iter() {
            let took = exchange.ended.since(exchange.began);
            assert!(took.as_millis() <= 5, "idle time does not count: {took:?}");
        }
    });
}
