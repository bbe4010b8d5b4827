//! Every class of failure below HTTP, by its cause.

use std::time::Duration;

use cmsim_wire::hresult::{ProxyFailure, TransportFailure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::worlds::{CLIENT, SERVER, World, in_memory, over_sockets};
use crate::client::{Bypass, ProxySetting, Request, Session};
use crate::{Action, Attempt, Cut, CutEnd, Direction, FirewallRule, Stream, Subnet, Verdict};

const SECOND: Duration = Duration::from_secs(1);

/// Reads a request head, then writes `answer` and ends as `end` says.
async fn half_served(mut stream: Stream, answer: &'static [u8], end: Option<CutEnd>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    stream.write_all(answer).await.unwrap();
    match end {
        None => while stream.read_u8().await.is_ok() {},
        Some(CutEnd::Reset) => stream.reset(),
        Some(CutEnd::Close) => drop(stream),
        Some(CutEnd::Stall) => std::future::pending().await,
    }
}

const HALF: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
const HALF_CHUNK: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf";
const BAD_CHUNK: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnumber\r\n";

/// All cases that must come out the same on both networks.
async fn cases(world: &World) -> Vec<(&'static str, Result<u16, TransportFailure>)> {
    let served = |port, answer, end| world.raw(port, move |stream| half_served(stream, answer, end));
    served(9001, b"", Some(CutEnd::Reset));
    served(9002, b"", Some(CutEnd::Close));
    served(9003, b"", Some(CutEnd::Stall));
    served(9004, HALF, Some(CutEnd::Close));
    served(9005, HALF, Some(CutEnd::Reset));
    served(9006, HALF, Some(CutEnd::Stall));
    served(9007, HALF_CHUNK, Some(CutEnd::Close));
    served(9008, BAD_CHUNK, None);
    served(9009, b"220 ps1sys ESMTP\r\n", None);
    let _echo = world.echo(9010, None, std::sync::Arc::new(()));
    let mut results = Vec::new();
    for (what, address) in [
        ("ok", "http://ps1sys:9010/"),
        ("ok by full name", "http://PS1SYS.contoso.com:9010/"),
        ("ok by address", "http://192.168.2.11:9010/"),
        ("unknown name", "http://nowhere.contoso.com/"),
        ("nothing listens", "http://ps1sys:9999/"),
        ("nobody has the address", "http://192.168.7.7/"),
        ("reset", "http://ps1sys:9001/"),
        ("closed", "http://ps1sys:9002/"),
        ("silent", "http://ps1sys:9003/"),
        ("short body", "http://ps1sys:9004/"),
        ("reset in body", "http://ps1sys:9005/"),
        ("silent in body", "http://ps1sys:9006/"),
        ("short chunk", "http://ps1sys:9007/"),
        ("bad chunk", "http://ps1sys:9008/"),
        ("another protocol", "http://ps1sys:9009/"),
        ("TLS to a plain port", "https://ps1sys:9010/"),
        ("TLS to a silent port", "https://ps1sys:9003/"),
    ] {
        results.push((what, world.get(address).await));
    }
    results
}

fn expected() -> Vec<(&'static str, Result<u16, TransportFailure>)> {
    use TransportFailure::*;
    use cmsim_wire::hresult::TlsFailure::Other;
    vec![
        ("ok", Ok(200)),
        ("ok by full name", Ok(200)),
        ("ok by address", Ok(200)),
        ("unknown name", Err(NameNotResolved)),
        ("nothing listens", Err(Refused)),
        ("nobody has the address", Err(ConnectTimeout)),
        ("reset", Err(Reset)),
        ("closed", Err(ClosedEarly)),
        ("silent", Err(ResponseTimeout)),
        ("short body", Err(BodyTruncated)),
        ("reset in body", Err(Reset)),
        ("silent in body", Err(ResponseTimeout)),
        ("short chunk", Err(BodyTruncated)),
        ("bad chunk", Err(NotHttp)),
        ("another protocol", Err(NotHttp)),
        ("TLS to a plain port", Err(Tls(Other))),
        ("TLS to a silent port", Err(ConnectTimeout)),
    ]
}

#[test]
fn each_cause_gives_its_class_in_memory() {
    in_memory(|world| async move {
        assert_eq!(cases(&world).await, expected());
        assert_eq!(world.journal.len(), expected().len());
    });
}

#[test]
fn each_cause_gives_its_class_through_sockets() {
    over_sockets(|world| async move {
        assert_eq!(cases(&world).await, expected());
    });
}

#[test]
fn refusal_takes_a_round_trip_and_time_outs_their_time() {
    in_memory(|world| async move {
        world.get("http://ps1sys:9999/").await.unwrap_err();
        let refused = world.elapsed();
        assert!((2..=40).contains(&refused.as_millis()), "{refused:?}");

        world.get("http://192.168.7.7/").await.unwrap_err();
        assert_eq!(world.elapsed() - refused, 60 * SECOND);

        world.raw(80, |stream| half_served(stream, b"", Some(CutEnd::Stall)));
        let session = world.session();
        let before = world.elapsed();
        let request = Request::new(http::Method::GET, super::worlds::url("http://ps1sys/"));
        session.send(request).await.unwrap_err();
        let took = world.elapsed() - before - 30 * SECOND;
        assert!((2..=40).contains(&took.as_millis()), "connecting took {took:?}");
    });
}

#[test]
fn a_slow_body_passes_as_long_as_each_part_is_in_time() {
    in_memory(|world| async move {
        let clock = world.clock.clone();
        world.raw(80, move |mut stream| {
            let clock = clock.clone();
            async move {
                let mut buf = [0; 512];
                assert!(stream.read(&mut buf).await.unwrap() > 0);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await.unwrap();
                for _ in 0..5 {
                    clock.wait("server", "the next byte", 20 * SECOND).await;
                    stream.write_all(b"x").await.unwrap();
                }
            }
        });
        assert_eq!(world.get("http://ps1sys/").await, Ok(200));
        assert!(world.elapsed() >= 100 * SECOND);
    });
}

#[test]
fn firewalls_drop_reject_and_count() {
    in_memory(|world| async move {
        let _echo = world.echo(8530, None, std::sync::Arc::new(()));
        let rule = |action, from: &str| FirewallRule {
            from: from.parse().unwrap(),
            to: Some("ps1sys".into()),
            ports: Some(8000..=8999),
            action,
        };
        let elsewhere = world.network.add_firewall_rule(rule(Action::Reject, "10.0.0.0/8"));
        let dropped = world.network.add_firewall_rule(rule(Action::Drop, "192.168.2.0/24"));
        let get = || world.get("http://ps1sys:8530/");
        assert_eq!(get().await, Err(TransportFailure::ConnectTimeout));
        assert_eq!(world.network.remove_firewall_rule(dropped), Some(1));
        let rejected = world.network.add_firewall_rule(FirewallRule {
            from: Subnet::ALL,
            to: None,
            ports: None,
            action: Action::Reject,
        });
        assert_eq!(get().await, Err(TransportFailure::Refused));
        // What stays on the machine passes no firewall.
        let own = Session::new(&world.network, SERVER, (*world.session().options()).clone());
        let request = || Request::new(http::Method::GET, super::worlds::url("http://localhost:8530/"));
        assert_eq!(own.send(request()).await.unwrap().status, 200);
        assert_eq!(world.network.remove_firewall_rule(rejected), Some(1));
        assert_eq!(world.network.firewall_hits(elsewhere), Some(0));
        assert_eq!(get().await, Ok(200));
        world.network.set_powered(SERVER, false).unwrap();
        assert_eq!(get().await, Err(TransportFailure::ConnectTimeout));
    });
}

async fn cut_cases(world: &World) -> Vec<Result<u16, TransportFailure>> {
    let _echo = world.echo(8530, None, std::sync::Arc::new(()));
    let mut results = Vec::new();
    for (direction, after, end) in [
        (Direction::Request, 10, CutEnd::Reset),
        (Direction::Response, 10, CutEnd::Reset),
        (Direction::Response, 10, CutEnd::Close),
        (Direction::Response, 10, CutEnd::Stall),
        (Direction::Response, 400, CutEnd::Reset),
        (Direction::Response, 400, CutEnd::Close),
        (Direction::Request, 10, CutEnd::Stall),
        (Direction::Response, 1_000_000, CutEnd::Reset),
    ] {
        let cut = Cut { direction, after, end };
        let rule = world.network.install(
            move |attempt: &Attempt| {
                if attempt.port == 8530 { Verdict::Cut(cut) } else { Verdict::Pass }
            },
        );
        let request = Request::new(http::Method::POST, super::worlds::url("http://ps1sys:8530/")).body(vec![7; 1000]);
        let sent = world.session().send(request).await;
        results.push(sent.map(|response| response.status));
        assert_eq!(rule.hits(), 1);
    }
    results
}

#[test]
fn cuts_end_connections_where_the_rule_says_on_both_networks() {
    use TransportFailure::*;
    let expected = vec![
        Err(Reset),
        Err(Reset),
        Err(ClosedEarly),
        Err(ResponseTimeout),
        Err(Reset),
        Err(BodyTruncated),
        Err(ResponseTimeout),
        Ok(200),
    ];
    let in_memory = in_memory(|world| async move { cut_cases(&world).await });
    assert_eq!(in_memory, expected);
    let through_sockets = over_sockets(|world| async move { cut_cases(&world).await });
    assert_eq!(through_sockets, expected);
}

#[test]
fn a_removed_rule_has_no_effect_and_the_first_verdict_counts() {
    in_memory(|world| async move {
        let _echo = world.echo(8530, None, std::sync::Arc::new(()));
        let delay = world.network.install(|_: &Attempt| Verdict::Delay(Duration::from_secs(5)));
        let refuse = world.network.install(|_: &Attempt| Verdict::Refuse);
        assert_eq!(world.get("http://ps1sys:8530/").await, Ok(200));
        assert!(world.elapsed() >= 5 * SECOND);
        assert_eq!((delay.hits(), refuse.hits()), (1, 0));
        drop(delay);
        assert_eq!(world.get("http://ps1sys:8530/").await, Err(TransportFailure::Refused));
        drop(refuse);
        assert_eq!(world.get("http://ps1sys:8530/").await, Ok(200));
    });
}

/// A proxy that answers every request with `answer`, whatever it is asked.
fn proxied(world: &World, port: u16, bypass: &str) -> Session {
    world.session_with(|options| {
        options.proxy = ProxySetting::Static { host: "ps1sys".to_owned(), port, bypass: Bypass::parse(bypass) };
    })
}

#[test]
fn a_proxy_fails_in_its_own_ways() {
    in_memory(|world| async move {
        const ASKS: &[u8] = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        world.raw(3128, |stream| half_served(stream, ASKS, None));
        world.raw(3129, |stream| half_served(stream, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", None));
        let get = |session: Session, address: &str| {
            let request = Request::new(http::Method::GET, super::worlds::url(address));
            async move { session.send(request).await.map(|response| response.status) }
        };
        let plain = "http://update.example/";
        let secure = "https://update.example/";
        assert_eq!(get(proxied(&world, 3128, ""), plain).await, Ok(407));
        let asked = ProxyFailure::AuthenticationRequired;
        assert_eq!(get(proxied(&world, 3128, ""), secure).await, Err(TransportFailure::Proxy(asked)));
        assert_eq!(get(proxied(&world, 3129, ""), secure).await, Ok(502));
        let refused = ProxyFailure::Refused;
        assert_eq!(get(proxied(&world, 3130, ""), plain).await, Err(TransportFailure::Proxy(refused)));
        let unknown = world.session_with(|options| {
            options.proxy = ProxySetting::Static { host: "noproxy".to_owned(), port: 8080, bypass: Bypass::default() };
        });
        let nameless = ProxyFailure::NameNotResolved;
        assert_eq!(get(unknown, plain).await, Err(TransportFailure::Proxy(nameless)));
        let bypassed = proxied(&world, 3128, "*.example");
        assert_eq!(get(bypassed, plain).await, Err(TransportFailure::NameNotResolved));
    });
}

#[test]
fn what_a_proxy_answers_to_connect_is_bounded_and_checked() {
    in_memory(|world| async move {
        let long = |padding: usize| format!("HTTP/1.1 502 Bad\r\nX: {}\r\n\r\n", "x".repeat(padding));
        let limit = 16 * 1024 - long(0).len();
        for (port, answer, expected) in [
            (3200, "garbage\r\n\r\n".to_owned(), Err(TransportFailure::NotHttp)),
            (3201, "HTTP/1.1 2x0 ok\r\n\r\n".to_owned(), Err(TransportFailure::NotHttp)),
            (3202, "HTTP/2 200 ok\r\n\r\n".to_owned(), Err(TransportFailure::NotHttp)),
            (3203, long(limit), Ok(502)),
            (3204, long(limit + 1), Err(TransportFailure::NotHttp)),
        ] {
            let answer: &'static [u8] = answer.leak().as_bytes();
            world.raw(port, move |stream| half_served(stream, answer, None));
            let request = Request::new(http::Method::GET, super::worlds::url("https://update.example/"));
            let sent = proxied(&world, port, "").send(request).await;
            assert_eq!(sent.map(|response| response.status), expected, "{port}");
        }
    });
}

#[test]
fn a_tunnel_carries_tls_to_the_server() {
    in_memory(|world| async move {
        let tls = world.tls("ps1sys.contoso.com", super::worlds::days(-1, 1));
        let _echo = world.echo(8531, tls, std::sync::Arc::new(()));
        let network = world.network.clone();
        world.raw(3128, move |mut stream| {
            let network = network.clone();
            async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                assert!(head.starts_with("CONNECT ps1sys.contoso.com:8531 HTTP/1.1\r\n"), "{head}");
                let to = (super::worlds::SERVER_ADDRESS, 8531).into();
                let mut server = network.connect(SERVER, to, SECOND).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                tokio::io::copy_bidirectional(&mut stream, &mut server).await.unwrap();
            }
        });
        let session = proxied(&world, 3128, "");
        let request = Request::new(http::Method::POST, super::worlds::url("https://ps1sys.contoso.com:8531/x"));
        let response = session.send(request.body("through")).await.unwrap();
        assert_eq!(&response.body[..], b"through");
    });
}

#[test]
fn an_unknown_host_reaches_nothing() {
    in_memory(|world| async move {
        let options = (*world.session().options()).clone();
        let lost = Session::new(&world.network, "NOBODY", options);
        let request = Request::new(http::Method::GET, super::worlds::url("http://192.168.2.11/"));
        assert_eq!(lost.send(request).await.unwrap_err(), TransportFailure::ConnectTimeout);
        assert!(world.network.listen("NOBODY", 80).is_err());
        let _first = world.network.listen(CLIENT, 80).unwrap();
        let error = world.network.listen("client1", 80).unwrap_err();
        assert_eq!(error.to_string(), "port 80 of 'client1' is in use");
    });
}
