//! Authentication, TLS demands and request filtering.

use std::time::Duration;

use cmsim_net::client::Session;
use cmsim_net::pki::{CertificateRequest, CertifiedKey, Usage, Validity};
use cmsim_sim::Seed;

use super::world::{World, echo, request, run};
use crate::{Binding, ClientCertificateRule, windows_authorization};

const SECURE: &str = "https://ps1sys.contoso.com:8531/x";

#[test]
fn without_anonymous_access_an_account_is_needed() {
    run(|world| async move {
        world.echo_at("/ApiRemoting30");
        world.iis.configure(1, "/apiremoting30/", |settings| settings.anonymous = false).unwrap();
        let url = "http://ps1sys/ApiRemoting30/WebService.asmx";
        let refused = world.send("POST", url).await.unwrap();
        assert_eq!(refused.status, 401);
        let offers = refused.headers.iter().filter(|(name, _)| name == "WWW-Authenticate");
        assert_eq!(offers.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["Negotiate", "NTLM"]);
        world.settle().await;
        assert_eq!(world.last(1), (401, 2, 5));

        let account = windows_authorization(r"CONTOSO\CLIENT1$");
        let known = world.session("x").send(request("GET", url).header("Authorization", &account)).await.unwrap();
        assert!(known.body.ends_with(br"CONTOSO\CLIENT1$ 0"));
        world.settle().await;
        assert_eq!(world.rows(1).pop().unwrap().username, r"CONTOSO\CLIENT1$");
        for value in ["Negotiate TlRMTVNTUAAB", "Basic Y21zaW06eA==", "Negotiate ???", &windows_authorization("")] {
            let session = world.session("x");
            let response = session.send(request("GET", url).header("Authorization", value)).await.unwrap();
            assert_eq!(response.status, 401, "{value}");
        }
        let longest = windows_authorization(&"x".repeat(256));
        let too_long = windows_authorization(&"x".repeat(257));
        for (value, status) in [(longest, 200), (too_long, 401)] {
            let session = world.session("x");
            let response = session.send(request("GET", url).header("Authorization", &value)).await.unwrap();
            assert_eq!(response.status, status);
        }
    });
}

#[test]
fn tls_is_demanded_where_it_is_set() {
    run(|world| async move {
        world.site(2, vec![Binding::http(8530), Binding::https(8531, world.tls())]);
        world.mount(2, "/ClientWebService", echo());
        world.mount(2, "/Content", echo());
        world.iis.configure(2, "/ClientWebService", |settings| settings.require_ssl = true).unwrap();
        world.iis.start().unwrap();
        assert_eq!(world.status("http://ps1sys:8530/ClientWebService/client.asmx").await, 403);
        world.settle().await;
        assert_eq!(world.last(2), (403, 4, 0));
        assert_eq!(world.status("http://ps1sys:8530/Content/x").await, 200);
        assert_eq!(world.status("https://ps1sys.contoso.com:8531/ClientWebService/client.asmx").await, 200);
        world.settle().await;
        assert_eq!(world.rows(2).pop().unwrap().port, Some(8531));
    });
}

fn with_certificate(world: &World, key: &CertifiedKey) -> Session {
    let session = world.session("x");
    session.configure(|options| options.set_client_certificate(Some(key)));
    session
}

#[test]
fn client_certificates_are_demanded_and_judged() {
    run(|world| async move {
        world.site(1, vec![Binding::https(8531, world.tls())]);
        world.mount(1, "/", echo());
        world.iis.start().unwrap();
        let rule = |rule| world.iis.configure(1, "/", move |settings| settings.client_certificates = rule).unwrap();
        let good = with_certificate(&world, &world.certificate("CLIENT1", Usage::Client));
        let request_by_stranger = CertificateRequest {
            subject: "CLIENT1".to_owned(),
            dns_names: vec![],
            addresses: vec![],
            validity: Validity { from: world.clock.epoch(), until: world.clock.epoch() + Duration::from_secs(3600) },
            usage: Usage::Client,
        };
        let self_signed = CertifiedKey::self_signed(&request_by_stranger, &Seed::new(2)).unwrap();
        let stranger = with_certificate(&world, &self_signed);
        let get = async |session: &Session| session.send(request("GET", SECURE)).await.unwrap().status;

        assert_eq!(get(&stranger).await, 200, "ignored");
        rule(ClientCertificateRule::Accept);
        assert_eq!(world.status(SECURE).await, 200);
        assert_eq!(get(&good).await, 200);
        assert_eq!(get(&stranger).await, 403);
        world.settle().await;
        assert_eq!(world.last(1), (403, 16, 0));
        rule(ClientCertificateRule::Require);
        assert_eq!(get(&good).await, 200);
        assert_eq!(world.status(SECURE).await, 403);
        world.settle().await;
        assert_eq!(world.last(1), (403, 7, 0));
    });
}

#[test]
fn a_body_may_be_as_long_as_the_limit() {
    run(|world| async move {
        world.echo_at("/");
        assert_eq!(world.iis.settings(1, "/").unwrap().max_body, 30_000_000);
        world.iis.configure(1, "/", |settings| settings.max_body = 1000).unwrap();
        let post = async |size: usize| {
            let session = world.session("x");
            session.send(request("POST", "http://ps1sys/").body(vec![0; size])).await.unwrap().status
        };
        assert_eq!(post(1000).await, 200);
        assert_eq!(post(1001).await, 404);
        world.settle().await;
        assert_eq!(world.last(1), (404, 13, 0));
    });
}

#[test]
fn a_body_without_a_length_is_cut_at_the_limit() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    run(|world| async move {
        world.echo_at("/");
        world.iis.configure(1, "/", |settings| settings.max_body = 4).unwrap();
        let to = "192.168.2.11:80".parse().unwrap();
        let mut stream = world.network.connect("CLIENT1", to, Duration::from_secs(1)).await.unwrap();
        let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        stream.write_all(format!("{head}5\r\nabcde\r\n0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("too long"), "{answer}");
    });
}

#[test]
fn a_body_that_stops_coming_is_given_up() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    run(|world| async move {
        world.echo_at("/");
        let to = "192.168.2.11:80".parse().unwrap();
        let mut stream = world.network.connect("CLIENT1", to, Duration::from_secs(1)).await.unwrap();
        stream.write_all(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n").await.unwrap();
        for part in [b"a", b"b"] {
            // Slow is not late.
            world.clock.wait("test", "the next part", Duration::from_secs(119)).await;
            stream.write_all(part).await.unwrap();
        }
        let before = world.clock.now();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(world.clock.now().since(before).as_secs(), 120);
        let row = world.httperr().pop().unwrap();
        assert_eq!((row.reason.as_str(), row.queue.as_str(), row.site), ("Timer_EntityBody", "WsusPool", Some(1)));
        assert!(world.log_bytes(1, "140120").is_empty());
    });
}
