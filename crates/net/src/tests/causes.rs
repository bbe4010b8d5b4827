//! Client and server name the same exchange, and nothing of it is on the wire.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use cmsim_sim::Journal;
use cmsim_sim::journal::{Cause, Event, Exchanges};
use http::{Method, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::worlds::{SERVER, World, days, in_memory, over_sockets, url};
use crate::client::Request;
use crate::server::{Ending, Exchange, Observer, Peer, Server, serve};

/// Writes notes wherever a server can.
#[derive(Clone)]
struct Writer(Journal);

impl Writer {
    fn note(&self, name: &'static str, text: &str) {
        self.0.record(&SERVER.into(), &"Test".into(), Event::Note { name, text: text.to_owned() });
    }
}

impl Observer for Writer {
    fn exchange(&self, exchange: Exchange) {
        self.note("row", exchange.target.path());
    }

    fn ending(&self, _peer: &Peer, ending: Ending) {
        self.note("ending", &format!("{ending:?}"));
    }
}

/// A body that notes when it is asked for.
struct Noting(Option<(Writer, String)>);

impl Body for Noting {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some((writer, path)) = self.0.take() else { return Poll::Ready(None) };
        writer.note("body", &path);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

fn server(world: &World, secure: bool) -> Server {
    let writer = Writer(world.journal.clone());
    let observer = Arc::new(writer.clone());
    let service = tower::service_fn(move |request: http::Request<Incoming>| {
        let writer = writer.clone();
        async move {
            let path = request.uri().path().to_owned();
            writer.note("head", &path);
            request.into_body().collect().await?;
            writer.note("service", &path);
            Ok::<_, hyper::Error>(Response::new(Noting(Some((writer, path)))))
        }
    });
    let tls = if secure { world.tls("ps1sys.contoso.com", days(-1, 1)) } else { None };
    serve(&world.network, world.network.listen(SERVER, 8530).unwrap(), tls, service, observer)
}

/// What the server noted, with the path of the exchange that it names.
fn notes(journal: &Journal) -> Vec<(&'static str, String, Option<String>)> {
    let entries = journal.entries();
    let exchanges = Exchanges::of(&entries);
    let path = |cause| {
        let number = exchanges.number(cause)?;
        let Event::Exchange(exchange) = &entries[number].event else { panic!("{number} is no exchange") };
        Some(url(&exchange.url).target().to_owned())
    };
    let note = |entry: &cmsim_sim::journal::Entry| match &entry.event {
        Event::Note { name, text } => Some((*name, text.clone(), entry.cause.and_then(path))),
        _ => None,
    };
    entries.iter().filter_map(note).collect()
}

async fn ends_agree(world: World, secure: bool) {
    let server = server(&world, secure);
    let scheme = if secure { "https" } else { "http" };
    let sessions = [world.session(), world.session()];
    for turn in 0..3 {
        let calls = sessions.iter().enumerate().map(async |(number, session)| {
            let to = url(&format!("{scheme}://ps1sys.contoso.com:8530/{number}/{turn}"));
            let request = Request::new(Method::POST, to).body(vec![b'y'; 100_000 * turn]);
            let (cause, result) = session.send_recorded(request).await;
            let Cause::Outcome(entry) = cause else { panic!("{cause:?}") };
            let Event::Exchange(exchange) = &world.journal.entries()[entry].event else { panic!("{entry}") };
            let request = u32::try_from(turn + 1).unwrap();
            assert_eq!((exchange.connection, exchange.request), (Some(result.unwrap().connection), Some(request)));
            assert!(exchange.url.ends_with(&format!("/{number}/{turn}")));
        });
        let mut calls = calls.collect::<Vec<_>>();
        let (second, first) = (calls.pop().unwrap(), calls.pop().unwrap());
        tokio::join!(first, second);
    }
    drop(sessions);
    server.stop().await;
    let notes = notes(&world.journal);
    assert_eq!(notes.len(), 2 * 3 * 4);
    for (name, path, named) in &notes {
        assert_eq!(named.as_ref(), Some(path), "{name}");
    }
}

#[test]
fn both_ends_name_the_same_exchange_in_memory() {
    in_memory(|world| ends_agree(world, false));
    in_memory(|world| ends_agree(world, true));
}

#[test]
fn both_ends_name_the_same_exchange_over_sockets() {
    over_sockets(|world| ends_agree(world, false));
    over_sockets(|world| ends_agree(world, true));
}

#[test]
fn a_failed_exchange_is_a_cause_too() {
    in_memory(|world| async move {
        let (cause, result) =
            world.session().send_recorded(Request::new(Method::GET, url("http://gone.contoso.com/"))).await;
        assert!(result.is_err());
        assert_eq!(cause, Cause::Outcome(0));
        assert!(matches!(&world.journal.entries()[0].event, Event::Exchange(lost) if lost.request.is_none()));
    });
}

#[test]
fn a_head_that_cannot_be_read_belongs_to_the_request_it_would_have_been() {
    in_memory(|world| async move {
        let _server = server(&world, false);
        let to = (super::worlds::SERVER_ADDRESS, 8530).into();
        let limit = std::time::Duration::from_secs(1);
        let mut stream = world.network.connect(super::worlds::CLIENT, to, limit).await.unwrap();
        stream.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stream.write_all(b"no http at all\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        let causes: Vec<_> = world.journal.entries().iter().map(|entry| entry.cause.unwrap()).collect();
        let request = |number| Cause::Request { connection: 1, number };
        assert_eq!(causes, [request(1), request(1), request(1), request(1), request(2)]);
        let foreign = notes(&world.journal);
        assert!(foreign.iter().all(|(.., named)| named.is_none()), "whoever wrote these bytes has no entry");
    });
}

#[test]
fn a_connection_that_idles_away_has_no_cause() {
    in_memory(|world| async move {
        let _server = server(&world, false);
        let session = world.session();
        session.send(Request::new(Method::GET, url("http://ps1sys:8530/"))).await.unwrap();
        world.clock.wait("test", "the idle time-out", std::time::Duration::from_secs(130)).await;
        let entries = world.journal.entries();
        let last = entries.last().unwrap();
        assert!(matches!(&last.event, Event::Note { name: "ending", .. }), "{last:?}");
        assert_eq!(last.cause, None);
    });
}
