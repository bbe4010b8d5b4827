//! What stands in the logs, byte for byte.

use std::time::Duration;

use cmsim_net::server::HEADER_TIMEOUT;
use cmsim_wire::profile::Profile;
use tokio::io::AsyncWriteExt as _;

use super::world::{echo, failing, request, run, run_over_sockets, run_with};
use crate::Binding;

/// Shape of the row: the guide's companion article on compliance shows it for port 443.
#[test]
fn a_client_message_leaves_the_guides_line() {
    run(|world| async move {
        world.echo_at("/ccm_system");
        let message = request("CCM_POST", "http://ps1sys.contoso.com/ccm_system/request").body(vec![7; 2000]);
        let response = world.session("ccmhttp").send(message).await.unwrap();
        world.settle().await;
        let log = String::from_utf8(world.log_bytes(1, "140120")).unwrap();
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "#Software: Microsoft Internet Information Services 7.5",
                "#Version: 1.0",
                "#Date: 2014-01-20 17:17:00",
                "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) \
                 cs(Referer) sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
            ]
        );
        let expected = format!(
            "2014-01-20 17:17:00 192.168.2.11 CCM_POST /ccm_system/request - 80 - 192.168.2.62 ccmhttp - 200 0 0 {} {} ",
            response.received, response.sent
        );
        assert!(lines[4].starts_with(&expected), "{}\n{expected}", lines[4]);
        assert_eq!(lines.len(), 5);
    });
}

#[test]
fn sizes_are_those_the_client_counts() {
    run(|world| async move {
        world.echo_at("/");
        let session = world.session("agent");
        let mut counted = Vec::new();
        for (method, path, size) in [
            ("GET", "/", 0),
            ("POST", "/a", 150_000),
            ("HEAD", "/b", 0),
            ("GET", "/missing?x=1 2", 0),
            ("POST", "/c", 1),
        ] {
            let url = format!("http://ps1sys{}", path.replace(' ', "+"));
            let response = session.send(request(method, &url).body(vec![1; size])).await.unwrap();
            counted.push((Some(response.received), Some(response.sent)));
            assert_eq!(response.connection, 1, "one connection carries all");
        }
        world.settle().await;
        let logged: Vec<_> = world.rows(1).iter().map(|row| (row.bytes_sent, row.bytes_received)).collect();
        assert_eq!(logged, counted);
        assert_eq!(world.rows(1)[3].uri_query, "x=1+2");
    });
}

#[test]
fn each_utc_day_and_each_site_has_its_file() {
    run(|world| async move {
        world.site(1, vec![Binding::http(80)]);
        world.site(707_060_612, vec![Binding::http(8530)]);
        world.mount(1, "/", echo());
        world.mount(707_060_612, "/", failing());
        world.iis.start().unwrap();
        world.status("http://ps1sys/").await;
        assert_eq!(world.status("http://ps1sys:8530/x").await, 500);
        world.settle().await;
        assert_eq!(world.last(707_060_612), (500, 24, 0));
        // 17:17 UTC is 12:17 local: the next file begins at 19:00 local time.
        world.clock.wait("test", "the next UTC day", Duration::from_secs(7 * 3600)).await;
        world.status("http://ps1sys/").await;
        world.settle().await;
        assert_eq!(world.rows(1).len(), 1);
        let next = String::from_utf8(world.log_bytes(1, "140121")).unwrap();
        assert!(next.starts_with("#Software: "), "{next}");
        assert_eq!(next.lines().count(), 5);
    });
}

#[test]
fn a_client_that_goes_away_leaves_its_mark() {
    run(|world| async move {
        world.site(1, vec![Binding::http(80)]);
        let clock = world.clock.clone();
        let slow = axum::Router::new().fallback(axum::routing::any(move || {
            let clock = clock.clone();
            async move {
                clock.wait("server", "a slow answer", Duration::from_secs(60)).await;
                "late"
            }
        }));
        world.mount(1, "/", slow);
        world.iis.start().unwrap();
        world.send("GET", "http://ps1sys/slow").await.unwrap_err();
        world.settle().await;
        assert_eq!(world.last(1), (200, 0, 64));
        let row = world.rows(1).pop().unwrap();
        assert_eq!(row.bytes_sent, Some(0));
        assert!((30_000..31_000).contains(&row.time_taken_ms.unwrap()), "{row:?}");
    });
}

#[test]
fn connections_without_a_request_stand_in_httperr_only() {
    run(|world| async move {
        world.echo_at("/");
        let to = "192.168.2.11:80".parse().unwrap();
        let limit = Duration::from_secs(60);
        let mut bad = world.network.connect("CLIENT1", to, limit).await.unwrap();
        bad.write_all(b"hello?\r\n\r\n").await.unwrap();
        world.settle().await;
        let mut half = world.network.connect("CLIENT1", to, limit).await.unwrap();
        half.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut two = world.network.connect("CLIENT1", to, limit).await.unwrap();
        let both = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        two.write_all(both).await.unwrap();
        world.settle().await;
        let session = world.session("agent");
        session.send(request("GET", "http://ps1sys/")).await.unwrap();
        world.clock.wait("test", "idle connections to end", HEADER_TIMEOUT * 2).await;
        let rows = world.httperr();
        let seen: Vec<_> = rows.iter().map(|row| (row.status, row.reason.as_str(), row.method.as_str())).collect();
        let expected = [
            (Some(400), "BadRequest", ""),
            (Some(400), "BadRequest", "POST"),
            (None, "Timer_HeaderWait", ""),
            (None, "Timer_ConnectionIdle", ""),
        ];
        assert_eq!(seen, expected);
        assert_eq!((rows[1].uri.as_str(), rows[1].version.as_str()), ("/x", "HTTP/1.1"));
        assert_eq!((rows[0].client_ip.as_str(), rows[0].server_port), ("192.168.2.62", Some(80)));
        assert_eq!(world.rows(1).len(), 1);
    });
}

#[test]
fn headers_are_those_of_the_hosts_iis_in_its_order() {
    for (profile, server) in
        [(Profile::windows_7(), "Microsoft-IIS/7.5"), (Profile::windows_11(), "Microsoft-IIS/10.0")]
    {
        run_with(profile, |world| async move {
            world.site(1, vec![Binding::http(80)]);
            let answer = || async {
                let headers = [("Cache-Control", "private"), ("X-AspNet-Version", "4.0.30319"), ("Vary", "Accept")];
                (headers, "body")
            };
            world.mount(1, "/", axum::Router::new().fallback(axum::routing::any(answer)));
            world.iis.start().unwrap();
            let response = world.send("GET", "http://ps1sys/").await.unwrap();
            let headers: Vec<_> =
                response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let expected = [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Cache-Control", "private"),
                ("Vary", "Accept"),
                ("Server", server),
                ("X-AspNet-Version", "4.0.30319"),
                ("X-Powered-By", "ASP.NET"),
                ("Date", "Mon, 20 Jan 2014 17:17:00 GMT"),
                ("Content-Length", "4"),
            ];
            assert_eq!(headers, expected);
        });
    }
}

#[test]
fn sockets_leave_the_same_rows_as_memory() {
    async fn rows(world: super::world::World) -> Vec<String> {
        world.site(1, vec![Binding::http(80), Binding::https(8531, world.tls())]);
        world.mount(1, "/ccm_system", echo());
        world.iis.start().unwrap();
        let session = world.session("ccmhttp");
        for url in
            ["http://ps1sys/CCM_System/Request", "https://ps1sys.contoso.com:8531/x?y", "http://ps1sys/ccm_system"]
        {
            session.send(request("CCM_POST", url).body("body")).await.unwrap();
        }
        world.settle().await;
        let mut layout = cmsim_logs::w3c::Layout::with_bytes();
        // All but the times.
        layout.0.retain(|field| !matches!(field.name(), "date" | "time" | "time-taken"));
        let rows = world.rows(1);
        let text = |row: &cmsim_logs::w3c::Record| {
            let mut text = String::new();
            row.format(&layout, &mut text);
            text
        };
        rows.iter().map(text).collect()
    }
    let in_memory = run(rows);
    assert_eq!(in_memory.len(), 3);
    assert_eq!(run_over_sockets(rows), in_memory);
}
