//! Reuse of connections, order, shutdown, and the same journal for the same seed.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use cmsim_sim::journal::Event;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::worlds::{SERVER, Seen, World, days, in_memory, in_memory_with_seed, over_sockets, url};
use crate::client::{Request, Session};
use crate::server::{Ending, HeadRefusal, Outcome};

const SECOND: Duration = Duration::from_secs(1);

async fn post(session: &Session, address: &str, body: &str) -> u64 {
    let request = Request::new(Method::POST, url(address)).body(body.to_owned());
    let response = session.send(request).await.unwrap();
    assert_eq!(response.body, body.as_bytes());
    response.connection
}

#[test]
fn a_connection_is_kept_until_the_server_closes_it() {
    in_memory(|world| async move {
        let seen = Seen::new(&world.clock);
        let _server = world.echo(80, None, Arc::clone(&seen) as _);
        let session = world.session();
        let first = post(&session, "http://ps1sys/a", "a").await;
        assert_eq!(post(&session, "http://PS1SYS/b", "b").await, first);
        world.clock.wait("test", "the idle time-out", 119 * SECOND).await;
        assert_eq!(post(&session, "http://ps1sys/c", "c").await, first);
        let idle_since = world.clock.now();
        world.clock.wait("test", "the idle time-out", 121 * SECOND).await;
        let (at, ending) = seen.endings.lock().unwrap()[0];
        assert_eq!(ending, Ending::Idle);
        assert!((119..=120).contains(&at.since(idle_since).as_secs()));
        assert_ne!(post(&session, "http://ps1sys/d", "d").await, first);
        let other = post(&world.session(), "http://ps1sys/e", "e").await;
        assert_ne!(other, first, "sessions share no connections");
    });
}

#[test]
fn a_kept_connection_that_dies_under_a_request_is_replaced_once() {
    in_memory(|world| async move {
        world.raw(80, |mut stream| async move {
            let mut buf = [0; 1024];
            assert!(stream.read(&mut buf).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            // Takes the second request and dies.
            assert!(stream.read(&mut buf).await.unwrap() > 0);
        });
        let session = world.session();
        let get = || session.send(Request::new(Method::GET, url("http://ps1sys/")));
        let first = get().await.unwrap().connection;
        let second = get().await.unwrap().connection;
        assert_ne!(first, second);
        assert_eq!(world.journal.len(), 2, "the replacement leaves no trace");
    });
}

#[test]
fn settings_that_change_apply_to_new_connections() {
    in_memory(|world| async move {
        let tls = world.tls("ps1sys.contoso.com", days(-1, 1));
        let _server = world.echo(443, tls, Arc::new(()));
        let session = world.session();
        post(&session, "https://ps1sys.contoso.com/", "a").await;
        world.trust.remove(world.authority.certificate());
        post(&session, "https://ps1sys.contoso.com/", "b").await;
        session.configure(|options| options.user_agent = None);
        let request = Request::new(Method::GET, url("https://ps1sys.contoso.com/"));
        assert!(session.send(request).await.is_err());
    });
}

#[test]
fn headers_go_out_in_order_and_are_completed() {
    in_memory(|world| async move {
        let seen = Seen::new(&world.clock);
        let _server = world.echo(8530, None, Arc::clone(&seen) as _);
        let request = Request::new(Method::from_bytes(b"CCM_POST").unwrap(), url("http://ps1sys:8530/x"))
            .header("Content-Type", "text/xml")
            .header("SOAPAction", "\"y\"");
        world.session().send(request).await.unwrap();
        let entries = world.journal.entries();
        let Event::Exchange(exchange) = &entries[0].event else { panic!("{entries:?}") };
        let lines: Vec<String> =
            exchange.request_headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let expected = [
            "Connection: Keep-Alive",
            "Content-Type: text/xml",
            "SOAPAction: \"y\"",
            "User-Agent: cmsim-test",
            "Content-Length: 0",
            "Host: ps1sys:8530",
        ];
        assert_eq!(lines, expected);
        assert_eq!(exchange.status, Some((200, "OK".to_owned())));
        assert_eq!(exchange.server.as_deref(), Some("192.168.2.11:8530"));
        assert!(exchange.connecting.unwrap() < exchange.started);
        assert!(exchange.started < exchange.answered.unwrap());
        let got = &seen.exchanges.lock().unwrap()[0];
        let names: Vec<_> = got.headers.keys().map(http::HeaderName::as_str).collect();
        let sent = ["connection", "content-type", "soapaction", "user-agent", "content-length", "host"];
        assert_eq!(names, sent);
        assert_eq!(got.method.as_str(), "CCM_POST");
    });
}

#[test]
fn a_server_that_stops_lets_exchanges_end_and_refuses_new_ones() {
    in_memory(|world| async move {
        let server = world.echo(80, None, Arc::new(()));
        let session = world.session();
        post(&session, "http://ps1sys/", "x").await;
        server.stop().await;
        assert!(world.get("http://ps1sys/").await.is_err());
        let again = world.echo(80, None, Arc::new(()));
        post(&session, "http://ps1sys/", "y").await;
        drop(again);
        tokio::task::yield_now().await;
        assert!(world.get("http://ps1sys/").await.is_err());
    });
}

#[test]
fn servers_end_with_their_network() {
    in_memory(|world| async move {
        let plain = world.echo(80, None, Arc::new(()));
        let secure = world.echo(443, world.tls("x", days(-1, 1)), Arc::new(()));
        let World { network, .. } = world;
        network.shut_down();
        plain.stop().await;
        drop(network);
        secure.stop().await;
    });
    in_memory(|world| async move {
        let mut listener = world.network.listen(SERVER, 80).unwrap();
        drop(world);
        assert!(listener.accept().await.is_none());
    });
}

#[test]
fn half_a_head_is_given_up_after_its_time() {
    in_memory(|world| async move {
        let seen = Seen::new(&world.clock);
        let _server = world.echo(80, None, Arc::clone(&seen) as _);
        let to = (super::worlds::SERVER_ADDRESS, 80).into();
        let mut stream = world.network.connect(super::worlds::CLIENT, to, SECOND).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHos").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(seen.endings.lock().unwrap()[0].1, Ending::HeaderTimeout);
        assert_eq!(world.elapsed().as_secs(), 120);
    });
}

async fn raw_exchange(world: &World, bytes: &[u8]) -> String {
    let to = (super::worlds::SERVER_ADDRESS, 80).into();
    let mut stream = world.network.connect(super::worlds::CLIENT, to, SECOND).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn malformed_requests_are_refused_and_reported() {
    in_memory(|world| async move {
        let seen = Seen::new(&world.clock);
        let _server = world.echo(80, None, Arc::clone(&seen) as _);
        let both = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(raw_exchange(&world, both).await.starts_with("HTTP/1.1 400 "));
        assert!(raw_exchange(&world, b"GET / HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
        let refusals: Vec<_> = {
            let exchanges = seen.exchanges.lock().unwrap();
            let refusal = |exchange: &crate::server::Exchange| exchange.extensions.get::<HeadRefusal>().copied();
            exchanges.iter().map(refusal).collect()
        };
        assert_eq!(refusals, [Some(HeadRefusal::TwoLengths), Some(HeadRefusal::NoHost)]);
        assert!(raw_exchange(&world, b"no http at all\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
        let line =
            |length: usize| format!("GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "x".repeat(length));
        let fits = crate::server::MAX_HEAD - line(0).len();
        assert!(raw_exchange(&world, line(fits).as_bytes()).await.starts_with("HTTP/1.1 200 "));
        assert!(raw_exchange(&world, line(fits + 200).as_bytes()).await.starts_with("HTTP/1.1 431 "));
        let endings: Vec<_> = seen.endings.lock().unwrap().iter().map(|(_, ending)| *ending).collect();
        assert_eq!(endings, [Ending::BadRequest, Ending::HeadTooLong]);
    });
}

#[test]
fn a_client_that_gives_up_is_reported_as_gone() {
    in_memory(|world| async move {
        let seen = Seen::new(&world.clock);
        let listener = world.network.listen(SERVER, 80).unwrap();
        let clock = world.clock.clone();
        let slow = tower::service_fn(move |_: http::Request<hyper::body::Incoming>| {
            let clock = clock.clone();
            async move {
                clock.wait("server", "a slow answer", 60 * SECOND).await;
                Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Empty::new()))
            }
        });
        let _server = crate::server::serve(&world.network, listener, None, slow, Arc::clone(&seen) as _);
        assert!(world.get("http://ps1sys/slow").await.is_err());
        world.clock.wait("test", "the end to arrive", SECOND).await;
        let exchanges = seen.exchanges.lock().unwrap();
        assert_eq!((exchanges[0].status, exchanges[0].outcome), (None, Outcome::ClientGone));
        assert_eq!(exchanges[0].target.path(), "/slow");
    });
}

/// Several clients at once over plain and secure connections; returns the journal as text.
fn busy_world(seed: u64, extra_host: bool) -> String {
    in_memory_with_seed(seed, |world| async move {
        if extra_host {
            let address = Ipv4Addr::new(192, 168, 2, 200);
            world.network.add_host("EXTRA", &[address], None).unwrap();
        }
        let tls = world.tls("ps1sys.contoso.com", days(-1, 1));
        let _plain = world.echo(80, None, Arc::new(()));
        let _secure = world.echo(443, tls, Arc::new(()));
        let clients = (0..5_u8).map(|n| {
            let name = format!("C{n}");
            let address = Ipv4Addr::new(192, 168, 2, 100 + n);
            world.network.add_host(&name, &[address], Some("contoso.com")).unwrap();
            let session = Session::new(&world.network, &name, (*world.session().options()).clone());
            tokio::spawn(async move {
                for turn in 0..4 {
                    let body = "x".repeat(1000 * usize::from(n) + turn);
                    post(&session, "http://ps1sys/", &body).await;
                    post(&session, "https://ps1sys.contoso.com/", &body).await;
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
        let entries = world.journal.entries();
        entries.iter().map(|entry| format!("{entry:?}\n")).collect()
    })
}

#[test]
fn a_hundred_runs_leave_the_same_journal() {
    let first = busy_world(1, false);
    assert_eq!(first.lines().count(), 40);
    for _ in 0..100 {
        assert_eq!(busy_world(1, false), first);
    }
    assert_ne!(busy_world(2, false), first, "another seed has other latencies");
}

#[test]
fn one_more_host_changes_nobody_elses_latencies() {
    assert_eq!(busy_world(1, true), busy_world(1, false));
}

#[test]
fn who_waits_for_an_answer_stands_in_the_register() {
    in_memory(|world| async move {
        world.raw(80, |stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        });
        let session = world.session();
        let sending = session.send(Request::new(Method::GET, url("http://ps1sys/x")));
        let looking = async {
            world.clock.wait("test", "the request to go out", SECOND).await;
            let waits: Vec<_> = world.clock.waits().current().iter().map(ToString::to_string).collect();
            assert!(waits.contains(&"CLIENT1 Test waits for the answer of http://ps1sys/x".to_owned()), "{waits:?}");
        };
        let (sent, ()) = tokio::join!(sending, looking);
        sent.unwrap_err();
    });
}

#[test]
fn a_body_longer_than_the_session_takes_is_refused() {
    in_memory(|world| async move {
        let _server = world.echo(80, None, Arc::new(()));
        let session = world.session_with(|options| options.max_body = 1000);
        let post = async |size: usize| {
            let request = Request::new(Method::POST, url("http://ps1sys/")).body(vec![1; size]);
            session.send(request).await.map(|response| response.body.len())
        };
        assert_eq!(post(1000).await, Ok(1000));
        assert_eq!(post(1001).await, Err(cmsim_wire::hresult::TransportFailure::BodyTruncated));
    });
}

#[test]
fn a_program_outside_the_world_reaches_a_port_at_the_address_it_was_given() {
    over_sockets(|world| async move {
        let seen = Seen::new(&world.clock);
        world.network.bind_at("ps1sys", 80, "127.0.0.1:0".parse().unwrap());
        let server = world.echo(80, None, Arc::clone(&seen) as _);
        let at = server.real_address().unwrap();
        assert!(at.ip() == Ipv4Addr::LOCALHOST && at.port() != 80, "{at}");
        let mut outsider = tokio::net::TcpStream::connect(at).await.unwrap();
        let ask = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        outsider.write_all(ask).await.unwrap();
        let mut answer = String::new();
        outsider.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert_eq!(world.get("http://ps1sys/y").await, Ok(200), "hosts of the world find it too");
        let exchanges = seen.exchanges.lock().unwrap();
        let peers: Vec<_> = exchanges.iter().map(|exchange| &exchange.peer).collect();
        assert_eq!((peers[0].host.as_deref(), peers[1].host.as_deref()), (None, Some("CLIENT1")));
        assert!(peers[0].client.ip().is_loopback());
        assert_eq!(peers[1].client.ip(), Ipv4Addr::new(192, 168, 2, 62));
        assert_eq!(peers[0].server, "192.168.2.11:80".parse().unwrap());
    });
}
