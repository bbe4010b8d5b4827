//! The same management point behind IIS, asked by an HTTP client over a network.

use std::net::Ipv4Addr;

use cmsim_iis::{Binding, Iis, SiteSpec, windows_authorization};
use cmsim_net::Network;
use cmsim_net::client::{Options, Request, Response, Session};
use cmsim_net::pki::TrustStore;
use cmsim_wire::ccm::mp_list::MpList;
use cmsim_wire::ccm::site_information::{SiteInformationReply, SiteInformationRequest};
use cmsim_wire::ccm::{endpoint, text};
use http::Method;

use super::*;

struct Served {
    session: Session,
    site: Site,
    _iis: Iis,
}

fn serve(site: Site) -> Served {
    let network = Network::memory(site.host.journal().clone(), &Seed::new(1));
    let address = Ipv4Addr::new(192, 168, 2, 11);
    network.add_host("PS1SYS", &[address], None).unwrap();
    network.add_host("CLIENT1", &[Ipv4Addr::new(192, 168, 2, 62)], None).unwrap();
    network.set_record("ps1sys.contoso.com", &[address]);
    let iis = Iis::new(&site.host, &network);
    iis.add_site(SiteSpec { id: 1, name: "Default Web Site".into(), bindings: vec![Binding::http(80)] }).unwrap();
    for application in site.mp.applications() {
        iis.mount(1, application).unwrap();
    }
    iis.start().unwrap();
    let options = Options::new("CcmMessaging", TrustStore::new()).user_agent("ccmhttp");
    Served { session: Session::new(&network, "CLIENT1", options), site, _iis: iis }
}

impl Served {
    async fn send(&self, request: Request) -> Response {
        self.session.send(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        let url = format!("http://ps1sys.contoso.com{path}").parse().unwrap();
        self.send(Request::new(Method::GET, url)).await
    }
}

#[test]
fn paths_match_in_any_case_and_braces_may_stand_in_a_policy_url() {
    run(|site| async move {
        let served = serve(site);
        for path in ["/SMS_MP/.sms_aut?mplist", "/sms_mp/.SMS_AUT?MPLIST"] {
            let answer = served.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            MpList::parse(&text::decode(&answer.body).unwrap()).unwrap();
        }
        let missing = served.get("/SMS_MP/.sms_pol?{D0855677-B0A6-4E33-9BD5-7B0D06F0A2BE}.40_00").await;
        assert_eq!(missing.status, 404);
        let log = served.site.log(Log::MpGetPolicy);
        assert_eq!(log, ["MP GP: Policy {D0855677-B0A6-4E33-9BD5-7B0D06F0A2BE} version 40.00 does not exist"]);
    });
}

#[test]
fn messages_travel_under_their_own_method() {
    run(|site| async move {
        let served = serve(site);
        let ask = SiteInformationRequest { site_code: "PS1".into() }.to_xml();
        let header = header(endpoint::MP_LOCATION_MANAGER, endpoint::LS_REPLY_LOCATIONS);
        let body = envelope::encode(&header, &Payload::new(&ask, Direction::Request, true));
        let post = |path: &str| {
            let url = format!("http://ps1sys.contoso.com{path}").parse().unwrap();
            let method = Method::from_bytes(envelope::METHOD.as_bytes()).unwrap();
            Request::new(method, url).header("Content-Type", multipart::CONTENT_TYPE).body(body.clone())
        };
        for path in ["/ccm_system/request", "/CCM_System/request"] {
            let answer = served.send(post(path)).await;
            let reply = envelope::decode(answer.header("content-type").unwrap(), &answer.body).unwrap();
            assert_eq!(SiteInformationReply::parse(&reply.body).unwrap().site_code, "PS1");
        }

        // The directory for computers of the domain wants to know which one it is.
        let closed = "/ccm_system_windowsauth/request";
        assert_eq!(served.send(post(closed)).await.status, 401);
        let account = windows_authorization(r"CONTOSO\CLIENT1$");
        assert_eq!(served.send(post(closed).header("Authorization", &account)).await.status, 200);
    });
}
