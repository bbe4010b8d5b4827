//! The services behind the web server, over the simulated network.

use std::net::Ipv4Addr;

use cmsim_iis::{Binding, Iis, SiteSpec};
use cmsim_logs::w3c;
use cmsim_net::Network;
use cmsim_net::client::{Options, Request, Response, Session};
use cmsim_net::pki::TrustStore;
use cmsim_wire::wusp::get_config::GetConfigResponse;

use super::*;

/// The server on port 8530 of its host, and a client's session.
async fn serve(world: &World) -> (Iis, Session) {
    let network = Network::memory(world.host.journal().clone(), &Seed::new(1));
    let address = Ipv4Addr::new(192, 168, 2, 10);
    network.add_host("PS1SITE", &[address], Some("contoso.com")).unwrap();
    network.add_host("CLIENT1", &[Ipv4Addr::new(192, 168, 2, 62)], Some("contoso.com")).unwrap();
    network.set_record("ps1site.contoso.com", &[address]);
    let iis = Iis::new(&world.host, &network);
    let spec = SiteSpec { id: 1, name: "WSUS Administration".to_owned(), bindings: vec![Binding::http(8530)] };
    iis.add_site(spec).unwrap();
    for application in world.server.applications() {
        iis.mount(1, application).unwrap();
    }
    iis.start().unwrap();
    let session = Session::new(&network, "CLIENT1", Options::new("WindowsUpdate", TrustStore::new()));
    (iis, session)
}

async fn post(session: &Session, path: &str, body: String) -> Response {
    let url = format!("http://ps1site.contoso.com:8530{path}").parse().unwrap();
    let request = Request::new(Method::POST, url)
        .header("Content-Type", "text/xml; charset=utf-8")
        .header("Accept-Encoding", "xpress")
        .body(body);
    session.send(request).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn answers_have_the_recorded_headers_in_the_recorded_order() {
    let world = world(1).await;
    let (_iis, session) = serve(&world).await;
    let call = GetConfig { protocol_version: Some("2.90".to_owned()) };
    let answer = post(&session, "/clientwebservice/CLIENT.asmx", call.encode()).await;
    let names: Vec<String> = answer.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    let expected = [
        "cache-control",
        "content-type",
        "content-encoding",
        "vary",
        "server",
        "x-aspnet-version",
        "x-powered-by",
        "date",
        "content-length",
    ];
    assert_eq!(names, expected);
    let body = xpress::decode(&answer.body).unwrap();
    let config = GetConfigResponse::decode(&body).unwrap();
    assert_eq!(config.property("PackageServerShare"), Some(r"\\PS1SITE\UpdateServicesPackages"));
    let log = world.host.disk().read(r"C:\inetpub\logs\LogFiles\W3SVC1\u_ex140120.log").unwrap();
    assert_eq!(w3c::parse(&log).unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_computer_is_registered_under_the_address_it_called_from() {
    let world = world(1).await;
    let (_iis, session) = serve(&world).await;
    let mut agent = Agent::new(&world, "1.8");
    agent.connect(None).await.unwrap();
    let call = RegisterComputer { cookie: agent.cookie.clone(), computer_info: Some(computer("client1.contoso.com")) };
    assert_eq!(post(&session, Service::Client.path(), call.encode()).await.status, StatusCode::OK);
    let db = world.server.susdb().database();
    let address: Option<String> = db
        .read("test", |c| Box::pin(sqlx::query_scalar("SELECT IPAddress FROM tbComputerTarget").fetch_one(c)))
        .await
        .unwrap();
    assert_eq!(address.as_deref(), Some("192.168.2.62"));
}
