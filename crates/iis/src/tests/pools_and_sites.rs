//! What is started and stopped, and changes under marks.

use cmsim_wire::hresult::TransportFailure;
use cmsim_world::Mark;

use super::world::{echo, run};
use crate::{Binding, Change, ClientCertificateRule, PoolSpec, UnknownTarget};

#[test]
fn a_stopped_pool_is_seen_in_httperr_only() {
    run(|world| async move {
        world.site(707_060_612, vec![Binding::http(8530)]);
        world.mount(707_060_612, "/SimpleAuthWebService", echo());
        world.iis.start().unwrap();
        world.iis.set_pool_started("wsuspool", false).unwrap();
        let refused = world.send("POST", "http://ps1sys:8530/SimpleAuthWebService/SimpleAuth.asmx").await.unwrap();
        assert_eq!(refused.status, 503);
        assert_eq!(refused.header("Server"), Some("Microsoft-HTTPAPI/2.0"));
        world.settle().await;
        let row = world.httperr().pop().unwrap();
        let mut line = String::new();
        row.format(&mut line);
        // Shape of public HTTPERR rows for a stopped pool.
        let tail = " POST /SimpleAuthWebService/SimpleAuth.asmx 503 707060612 AppOffline WsusPool\r\n";
        assert!(line.ends_with(tail), "{line}");
        assert!(world.log_bytes(707_060_612, "140120").is_empty());
        world.iis.set_pool_started("WsusPool", true).unwrap();
        assert_eq!(world.status("http://ps1sys:8530/SimpleAuthWebService/").await, 200);
    });
}

#[test]
fn a_full_queue_refuses() {
    run(|world| async move {
        world.echo_at("/");
        let mark = Mark::new("full");
        let change = Change::SetQueueLength { pool: "WsusPool".to_owned(), requests: 0 };
        world.iis.apply(&change, &mark).unwrap();
        assert_eq!(world.status("http://ps1sys/").await, 503);
        world.settle().await;
        assert_eq!(world.httperr()[0].reason, "QueueFull");
        assert_eq!(mark.hits(), 1);
        world.iis.revert(&mark);
        assert_eq!(world.status("http://ps1sys/").await, 200);
    });
}

#[test]
fn a_stopped_site_closes_its_ports_but_not_its_neighbours() {
    run(|world| async move {
        let shared = |host: &str| Binding { host: Some(host.to_owned()), ..Binding::http(8080) };
        world.site(1, vec![Binding::http(80), shared("ps1sys")]);
        world.site(2, vec![shared("ps1sys.contoso.com")]);
        world.mount(1, "/", echo());
        world.mount(2, "/", echo());
        world.iis.start().unwrap();
        assert_eq!(world.status("http://ps1sys:8080/").await, 200);
        let mark = Mark::new("stopped");
        world.iis.apply(&Change::StopSite { site: 1 }, &mark).unwrap();
        world.settle().await;
        let refused = TransportFailure::Refused;
        assert_eq!(world.send("GET", "http://ps1sys/").await.unwrap_err(), refused);
        assert_eq!(world.status("http://ps1sys.contoso.com:8080/").await, 200);
        assert_eq!(world.status("http://ps1sys:8080/").await, 400);
        world.iis.revert(&mark);
        assert_eq!(world.status("http://ps1sys/").await, 200);
        world.iis.set_site_started(2, false).unwrap();
        world.iis.stop();
        world.settle().await;
        assert_eq!(world.send("GET", "http://ps1sys/").await.unwrap_err(), refused);
        assert_eq!(world.iis.sites().iter().map(|(_, started)| *started).collect::<Vec<_>>(), [true, false]);
    });
}

#[test]
fn a_server_ends_with_its_last_handle() {
    run(|world| async move {
        world.echo_at("/");
        let session = world.session("x");
        session.send(super::world::request("GET", "http://ps1sys/")).await.unwrap();
        let network = world.network.clone();
        drop(world.iis);
        world.clock.wait("test", "the port to close", std::time::Duration::from_secs(1)).await;
        let to = "192.168.2.11:80".parse().unwrap();
        let refused = network.connect("CLIENT1", to, std::time::Duration::from_secs(1)).await;
        assert_eq!(refused.unwrap_err(), TransportFailure::Refused);
    });
}

#[test]
fn changes_break_count_and_revert() {
    run(|world| async move {
        world.echo_at("/a");
        let (site, path) = (1, "/A".to_owned());
        for (change, status) in [
            (Change::StopPool { pool: "WsusPool".to_owned() }, 503),
            (Change::RemoveApplication { site, path: path.clone() }, 404),
            (Change::SetAnonymous { site, path: path.clone(), allowed: false }, 401),
            (Change::SetRequireSsl { site, path: path.clone(), required: true }, 403),
            (Change::SetMaxBody { site, path: path.clone(), bytes: 0 }, 404),
        ] {
            let mark = Mark::new("change");
            world.iis.apply(&change, &mark).unwrap();
            let session = world.session("x");
            let request = super::world::request("POST", "http://ps1sys/a/").body("x");
            assert_eq!(session.send(request).await.unwrap().status, status, "{change:?}");
            assert!(mark.hits() > 0, "{change:?}");
            world.iis.revert(&mark);
            assert_eq!(world.status("http://ps1sys/a/").await, 200);
        }
    });
}

#[test]
fn a_change_of_what_is_not_there_says_so() {
    run(|world| async move {
        world.echo_at("/a");
        let mark = Mark::new("x");
        let gone = |change: Change| world.iis.apply(&change, &mark).unwrap_err();
        assert_eq!(gone(Change::StopPool { pool: "p".to_owned() }), UnknownTarget::Pool("p".to_owned()));
        assert_eq!(gone(Change::StopSite { site: 5 }), UnknownTarget::Site(5));
        let rule = ClientCertificateRule::Require;
        let missing = gone(Change::SetClientCertificates { site: 1, path: "/b".to_owned(), rule });
        assert_eq!(missing.to_string(), "site 1 has no application '/b'");
    });
}

#[test]
fn pools_are_listed_and_made_on_demand() {
    run(|world| async move {
        world.echo_at("/a");
        world
            .iis
            .add_pool(PoolSpec { identity: "NetworkService".to_owned(), ..PoolSpec::new("CCM Server Framework Pool") });
        let names: Vec<_> = world.iis.pools().into_iter().map(|(pool, _)| pool.name).collect();
        assert_eq!(names, ["CCM Server Framework Pool", "DefaultAppPool", "WsusPool"]);
    });
}
