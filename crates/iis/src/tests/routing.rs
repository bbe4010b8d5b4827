//! Which application answers, and what it sees.

use super::world::{echo, failing, run};
use crate::{Application, Binding, IisError, SiteSpec};

#[test]
fn the_longest_path_wins_whatever_the_case() {
    run(|world| async move {
        world.echo_at("/ClientWebService");
        world.mount(1, "/ClientWebService/Deeper", failing());
        for (url, expected) in [
            ("http://ps1sys/ClientWebService/Client.asmx", "/client.asmx /ClientWebService/Client.asmx - 0"),
            ("http://ps1sys/CLIENTWEBSERVICE/a/B?Q=%41", "/a/b?Q=%41 /CLIENTWEBSERVICE/a/B - 0"),
            ("http://ps1sys/clientwebservice", "/ /clientwebservice - 0"),
            ("http://ps1sys/clientwebservice/", "/ /clientwebservice/ - 0"),
        ] {
            assert_eq!(world.text(url).await, expected);
        }
        assert_eq!(world.status("http://ps1sys/clientwebservice/deeper/x").await, 500);
        assert_eq!(world.status("http://ps1sys/ClientWebServices/").await, 404);
        assert_eq!(world.status("http://ps1sys/").await, 404);
        world.settle().await;
        assert_eq!(world.last(1), (404, 0, 2));
    });
}

#[test]
fn a_root_application_takes_the_rest() {
    run(|world| async move {
        world.echo_at("/");
        assert_eq!(world.text("http://ps1sys/Some/Path").await, "/some/path /Some/Path - 0");
        assert_eq!(world.text("http://ps1sys/").await, "/ / - 0");
    });
}

#[test]
fn what_a_router_does_not_have_is_the_servers_404() {
    run(|world| async move {
        world.site(1, vec![Binding::http(80)]);
        let router = axum::Router::new().route("/wuident.cab", axum::routing::get(|| async { "cab" }));
        world.mount(1, "/selfupdate", router);
        world.iis.start().unwrap();
        assert_eq!(world.text("http://ps1sys/SelfUpdate/WUIDENT.cab").await, "cab");
        let missing = world.send("GET", "http://ps1sys/selfupdate/iuident.cab").await.unwrap();
        assert_eq!((missing.status, missing.reason.as_str()), (404, "Not Found"));
        assert!(missing.body.starts_with(b"<!DOCTYPE html>"));
        assert_eq!(missing.header("content-type"), Some("text/html"));
        world.settle().await;
        assert_eq!(world.last(1), (404, 0, 2));
    });
}

#[test]
fn a_host_name_chooses_the_site_on_a_shared_port() {
    run(|world| async move {
        let named = |host: &str| Binding { host: Some(host.to_owned()), ..Binding::http(80) };
        world.site(1, vec![named("ps1sys.contoso.com")]);
        world.site(2, vec![named("other.contoso.com")]);
        world.mount(1, "/", echo());
        world.mount(2, "/", failing());
        world.iis.start().unwrap();
        assert_eq!(world.status("http://PS1SYS.contoso.com/").await, 200);
        let unknown = world.send("GET", "http://192.168.2.11/").await.unwrap();
        assert_eq!(unknown.status, 400);
        assert_eq!(unknown.header("server"), Some("Microsoft-HTTPAPI/2.0"));
        assert_eq!(unknown.header("x-powered-by"), None);
        world.settle().await;
        assert_eq!(world.httperr().pop().unwrap().reason, "Hostname");
        world.network.set_record("other.contoso.com", &["192.168.2.11".parse().unwrap()]);
        assert_eq!(world.status("http://other.contoso.com/").await, 500);
        world.settle().await;
        assert_eq!((world.rows(1).len(), world.rows(2).len()), (1, 1));
    });
}

#[test]
fn what_is_there_already_is_not_added_again() {
    run(|world| async move {
        world.echo_at("/A");
        let again = SiteSpec { id: 1, name: "again".to_owned(), bindings: vec![] };
        assert!(matches!(world.iis.add_site(again), Err(IisError::DuplicateSite(1))));
        let application =
            |path: &str| Application { path: path.to_owned(), pool: "P".to_owned(), anonymous: true, router: echo() };
        let twice = world.iis.mount(1, application("/a/")).unwrap_err();
        assert_eq!(twice.to_string(), "site 1 has an application '/a/' already");
        assert_eq!(world.iis.mount(9, application("/b")).unwrap_err().to_string(), "there is no site 9");
    });
}
