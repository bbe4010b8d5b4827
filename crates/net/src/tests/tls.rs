//! Every class of TLS failure, by its cause.

use std::sync::Arc;

use cmsim_sim::Seed;
use cmsim_wire::hresult::{TlsFailure, TransportFailure};

use super::worlds::{CLIENT, SERVER, Seen, World, days, in_memory, over_sockets, url};
use crate::client::Request;
use crate::pki::{Authority, CertificateRequest, CertifiedKey, TrustStore, Usage};
use crate::server::{ClientCertificates, Ending, TlsSettings};
use crate::tls::{Protocols, TlsVersion};

const HERE: &str = "ps1sys.contoso.com";

async fn server_certificate_cases(world: &World) -> Vec<Result<u16, TransportFailure>> {
    let stranger = Authority::root("Nobody's CA", days(-10, 10), &Seed::new(9)).unwrap();
    let request = CertificateRequest {
        subject: HERE.to_owned(),
        dns_names: vec![HERE.to_owned()],
        addresses: vec![],
        validity: days(-1, 1),
        usage: Usage::Server,
    };
    let untrusted =
        TlsSettings { certificate: stranger.issue(&request).unwrap(), client_certificates: ClientCertificates::Ignore };
    let mut servers = Vec::new();
    for (port, tls) in [
        (9100, world.tls(HERE, days(-1, 1))),
        (9101, Some(untrusted)),
        (9102, world.tls("ps1site.contoso.com", days(-1, 1))),
        (9103, world.tls(HERE, days(-10, -1))),
        (9104, world.tls(HERE, days(1, 10))),
        (9105, None),
    ] {
        servers.push(world.echo(port, tls, Arc::new(())));
    }
    let mut results = Vec::new();
    for port in 9100..9105 {
        results.push(world.get(&format!("https://{HERE}:{port}/")).await);
    }
    results.push(world.get(&format!("http://{HERE}:9100/")).await);
    results
}

#[test]
fn a_servers_certificate_is_checked_on_both_networks() {
    use TlsFailure::*;
    let expected = vec![
        Ok(200),
        Err(Untrusted.into()),
        Err(Name.into()),
        Err(Expired.into()),
        Err(NotYetValid.into()),
        Err(TransportFailure::NotHttp),
    ];
    let memory = in_memory(|world| async move { server_certificate_cases(&world).await });
    assert_eq!(memory, expected);
    let sockets = over_sockets(|world| async move { server_certificate_cases(&world).await });
    assert_eq!(sockets, expected);
}

#[test]
fn a_certificate_expires_while_the_world_runs() {
    in_memory(|world| async move {
        let tls = world.tls(HERE, days(-1, 1));
        let _server = world.echo(443, tls, Arc::new(()));
        let day = std::time::Duration::from_secs(86_000);
        assert_eq!(world.get(&format!("https://{HERE}/")).await, Ok(200));
        world.clock.wait("test", "most of a day", day).await;
        assert_eq!(world.get(&format!("https://{HERE}/")).await, Ok(200));
    });
    in_memory(|world| async move {
        let mut validity = days(-1, 1);
        validity.until = world.clock.now() + std::time::Duration::from_secs(3600);
        let tls = world.tls(HERE, validity);
        let _server = world.echo(443, tls, Arc::new(()));
        assert_eq!(world.get(&format!("https://{HERE}/")).await, Ok(200));
        let hours = std::time::Duration::from_secs(2 * 3600);
        world.clock.wait("test", "the certificate to expire", hours).await;
        let expired = TransportFailure::Tls(TlsFailure::Expired);
        assert_eq!(world.get(&format!("https://{HERE}/")).await, Err(expired));
    });
}

/// Status or failure of requests with no certificate, a good one, a stranger's and an expired one.
async fn client_certificate_cases(
    world: &World,
    client_certificates: ClientCertificates,
    versions: &[TlsVersion],
) -> Vec<Result<(bool, Option<Result<(), TlsFailure>>), TransportFailure>> {
    world.network.set_protocols(SERVER, Protocols::both(versions)).unwrap();
    let seen = Seen::new(&world.clock);
    let tls = TlsSettings { certificate: world.certificate(HERE, days(-1, 1), Usage::Server), client_certificates };
    let server = world.echo(8531, Some(tls), Arc::clone(&seen) as _);
    let request = |validity| CertificateRequest {
        subject: CLIENT.to_owned(),
        dns_names: vec!["client1.contoso.com".to_owned()],
        addresses: vec![],
        validity,
        usage: Usage::Client,
    };
    let good = world.authority.issue(&request(days(-1, 1))).unwrap();
    let stranger = CertifiedKey::self_signed(&request(days(-1, 1)), &Seed::new(3)).unwrap();
    let expired = world.authority.issue(&request(days(-3, -1))).unwrap();
    let mut results = Vec::new();
    for identity in [None, Some(good), Some(stranger), Some(expired)] {
        let session = world.session_with(|options| options.set_client_certificate(identity.as_ref()));
        let request = Request::new(http::Method::GET, url(&format!("https://{HERE}:8531/")));
        let sent = session.send(request).await;
        results.push(sent.map(|response| {
            let exchanges = seen.exchanges.lock().unwrap();
            let tls = exchanges.last().unwrap().peer.tls.clone().unwrap();
            let trust = tls.client_certificate.map(|certificate| certificate.trust);
            (response.client_certificate_asked, trust)
        }));
    }
    server.stop().await;
    results
}

#[test]
fn a_required_client_certificate_is_asked_for_by_an_alert() {
    use TlsFailure::*;
    let expected = || {
        vec![Err(ClientCertificateNeeded.into()), Ok((true, Some(Ok(())))), Err(Rejected.into()), Err(Rejected.into())]
    };
    for versions in [[TlsVersion::Tls12].as_slice(), &[TlsVersion::Tls13]] {
        let memory = in_memory(|world| async move {
            let require = ClientCertificates::Require(world.trust.clone());
            client_certificate_cases(&world, require, versions).await
        });
        assert_eq!(memory, expected(), "{versions:?} in memory");
        let sockets = over_sockets(|world| async move {
            let require = ClientCertificates::Require(world.trust.clone());
            client_certificate_cases(&world, require, versions).await
        });
        assert_eq!(sockets, expected(), "{versions:?} through sockets");
    }
}

#[test]
fn an_optional_client_certificate_is_judged_and_passed_on() {
    in_memory(|world| async move {
        let accept = ClientCertificates::Accept(world.trust.clone());
        let results = client_certificate_cases(&world, accept, &[TlsVersion::Tls12]).await;
        let expected = [
            Ok((true, None)),
            Ok((true, Some(Ok(())))),
            Ok((true, Some(Err(TlsFailure::Untrusted)))),
            Ok((true, Some(Err(TlsFailure::Expired)))),
        ];
        assert_eq!(results, expected);
        let accept = ClientCertificates::Accept(TrustStore::new());
        let results = client_certificate_cases(&world, accept, &[TlsVersion::Tls13]).await;
        assert_eq!(results[1], Ok((true, Some(Err(TlsFailure::Untrusted)))));
        let results = client_certificate_cases(&world, ClientCertificates::Ignore, &[TlsVersion::Tls13]).await;
        assert_eq!(results[1], Ok((false, None)));
    });
}

#[test]
fn hosts_without_a_common_protocol_get_a_real_alert() {
    in_memory(|world| async move {
        let seen = Seen::new(&world.clock);
        let tls = world.tls(HERE, days(-1, 1));
        let _server = world.echo(443, tls, Arc::clone(&seen) as _);
        let (old, new) = ([TlsVersion::Tls10], [TlsVersion::Tls12, TlsVersion::Tls13]);
        world.network.set_protocols(SERVER, Protocols::both(&old)).unwrap();
        world.network.set_protocols(CLIENT, Protocols::both(&new)).unwrap();
        let no_common = TransportFailure::Tls(TlsFailure::NoCommonProtocol);
        assert_eq!(world.get(&format!("https://{HERE}/")).await, Err(no_common));
        world.clock.wait("test", "the server to give up", std::time::Duration::from_secs(5)).await;
        assert_eq!(seen.endings.lock().unwrap()[0].1, Ending::Handshake);
        world.network.set_protocols(CLIENT, Protocols::both(&[])).unwrap();
        assert_eq!(world.get(&format!("https://{HERE}/")).await, Err(no_common));
        world.network.set_protocols(CLIENT, Protocols::default()).unwrap();
        assert_eq!(world.get(&format!("https://{HERE}/")).await, Ok(200));
        let exchanges = seen.exchanges.lock().unwrap();
        let tls = exchanges[0].peer.tls.as_ref().unwrap();
        assert_eq!(tls.version, TlsVersion::Tls10);
        assert_eq!(tls.server_name.as_deref(), Some(HERE));
    });
}

#[test]
fn a_client_judges_by_its_own_clock() {
    in_memory(|world| async move {
        let tls = world.tls(HERE, days(-1, 1));
        let _server = world.echo(443, tls, Arc::new(()));
        let ahead = world.clock.now() + std::time::Duration::from_secs(3 * 86_400);
        world.network.set_time_source(CLIENT, move || ahead).unwrap();
        let expired = TransportFailure::Tls(TlsFailure::Expired);
        assert_eq!(world.get(&format!("https://{HERE}/")).await, Err(expired));
        let long_ago = world.clock.now() - std::time::Duration::from_secs(3 * 86_400);
        world.network.set_time_source(CLIENT, move || long_ago).unwrap();
        let not_yet = TransportFailure::Tls(TlsFailure::NotYetValid);
        assert_eq!(world.get(&format!("https://{HERE}/")).await, Err(not_yet));
    });
}

#[test]
fn a_revoked_certificate_is_found_in_the_list_its_issuer_serves() {
    in_memory(|world| async move {
        let at = "http://dc1.contoso.com/ca.crl";
        let authority = Authority::root("CONTOSO-CRL-CA", days(-10, 10), &Seed::new(7)).unwrap();
        let authority = authority.with_revocation_list(at);
        world.trust.add(authority.certificate());
        let certificate = |subject: &str| {
            let request = CertificateRequest {
                subject: subject.to_owned(),
                dns_names: vec![HERE.to_owned()],
                addresses: vec![],
                validity: days(-1, 9),
                usage: Usage::Server,
            };
            authority.issue(&request).unwrap()
        };
        let (good, bad) = (certificate("good"), certificate("bad"));
        let settings = |certificate: &CertifiedKey| {
            let certificate = certificate.clone();
            Some(TlsSettings { certificate, client_certificates: ClientCertificates::Ignore })
        };
        let _good = world.echo(8531, settings(&good), Arc::new(()));
        let _bad = world.echo(8532, settings(&bad), Arc::new(()));
        let checking = || world.session_with(|options| options.check_revocation = true);
        let get = async |session: &crate::client::Session, port: u16| {
            let request = Request::new(http::Method::GET, url(&format!("https://{HERE}:{port}/")));
            session.send(request).await.map(|response| response.status)
        };
        let unreachable = TransportFailure::Tls(TlsFailure::RevocationUnreachable);
        assert_eq!(get(&checking(), 8531).await, Err(unreachable));
        assert_eq!(get(&world.session(), 8532).await, Ok(200), "who does not ask is not told");

        let mut hour = days(-1, 1);
        hour.until = world.clock.now() + std::time::Duration::from_secs(3600);
        let list = authority.revocation_list(&[bad.certificate().clone()], hour).unwrap();
        let stranger = Authority::root("CONTOSO-CRL-CA", days(-10, 10), &Seed::new(8)).unwrap();
        let forged = stranger.revocation_list(&[], days(-1, 1)).unwrap();
        let address = std::net::Ipv4Addr::new(192, 168, 2, 1);
        world.network.add_host("DC1", &[address], None).unwrap();
        world.network.set_record("dc1.contoso.com", &[address]);
        let serve_list = |list: Vec<u8>| {
            let answer = tower::service_fn(move |_: http::Request<hyper::body::Incoming>| {
                let body = http_body_util::Full::new(bytes::Bytes::from(list.clone()));
                async { Ok::<_, std::convert::Infallible>(http::Response::new(body)) }
            });
            let listener = world.network.listen("DC1", 80).unwrap();
            crate::server::serve(&world.network, listener, None, answer, Arc::new(()))
        };
        let server = serve_list(forged);
        assert_eq!(get(&checking(), 8531).await, Err(unreachable), "signed by somebody else");
        server.stop().await;

        let server = serve_list(list);
        let session = checking();
        assert_eq!(get(&session, 8531).await, Ok(200));
        assert_eq!(get(&session, 8532).await, Err(TransportFailure::Tls(TlsFailure::Revoked)));
        server.stop().await;
        session.close_idle();
        assert_eq!(get(&session, 8531).await, Ok(200), "the list is kept");
        world.clock.wait("test", "the list to run out", std::time::Duration::from_secs(3605)).await;
        session.close_idle();
        assert_eq!(get(&session, 8531).await, Err(unreachable), "but not beyond its time");
    });
}
