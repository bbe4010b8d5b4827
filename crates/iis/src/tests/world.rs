//! A management point's host with a web server, and a client.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use cmsim_logs::{httperr, w3c};
use cmsim_net::Network;
use cmsim_net::client::{Options, Request, Response, Session};
use cmsim_net::pki::{Authority, CertificateRequest, CertifiedKey, TrustStore, Usage, Validity};
use cmsim_net::server::{ClientCertificates, TlsSettings};
use cmsim_sim::{Clock, Journal, Seed, SimTime, TimeZone};
use cmsim_wire::hresult::TransportFailure;
use cmsim_wire::profile::Profile;
use cmsim_world::{Host, HostSpec};
use http::Method;

use crate::{Application, Binding, Iis, RequestPath, SiteSpec, SubStatus, User};

pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) network: Network,
    pub(super) host: Host,
    pub(super) iis: Iis,
    pub(super) authority: Authority,
    pub(super) trust: TrustStore,
}

/// 2014-01-20T17:17:00Z.
const EPOCH: i64 = 1_390_238_220_000;

pub(super) fn run<F: Future>(test: impl FnOnce(World) -> F) -> F::Output {
    run_with(Profile::windows_7(), test)
}

pub(super) fn run_with<F: Future>(profile: Profile, test: impl FnOnce(World) -> F) -> F::Output {
    let limit = Duration::from_secs(3 * 86_400);
    let ended = cmsim_sim::run(SimTime::from_millis(EPOCH), zone(), limit, |clock| {
        test(World::new(profile, clock, Network::memory))
    });
    ended.unwrap()
}

/// Over sockets, in real time.
pub(super) fn run_over_sockets<F: Future>(test: impl FnOnce(World) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = Clock::real_time(SimTime::from_millis(EPOCH), zone(), 10.0);
        test(World::new(Profile::windows_7(), clock, Network::loopback)).await
    })
}

fn zone() -> TimeZone {
    TimeZone::named("America/New_York").unwrap()
}

fn validity() -> Validity {
    let year = Duration::from_secs(365 * 86_400);
    let now = SimTime::from_millis(EPOCH);
    Validity { from: now - year, until: now + year }
}

/// Answers with what it was asked: path, original path, account, body length.
pub(super) fn echo() -> Router {
    Router::new().fallback(any(|request: axum::extract::Request| async move {
        let seen = request.uri().to_string();
        let sent = request.extensions().get::<RequestPath>().unwrap().0.clone();
        let user = request.extensions().get::<User>().unwrap().0.clone();
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        let length = body.map_or_else(|_| "too long".to_owned(), |body| body.len().to_string());
        format!("{seen} {sent} {} {length}", user.as_deref().unwrap_or("-"))
    }))
}

/// Fails with a substatus.
pub(super) fn failing() -> Router {
    Router::new().fallback(any(|| async {
        let mut response = http::Response::new(axum::body::Body::from("fault"));
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response.extensions_mut().insert(SubStatus(24));
        response
    }))
}

impl World {
    fn new(profile: Profile, clock: Clock, network: fn(Journal, &Seed) -> Network) -> Self {
        let journal = Journal::new(clock.clone());
        let seed = Seed::new(1);
        let network = network(journal.clone(), &seed);
        let suffix = Some("contoso.com");
        let address = Ipv4Addr::new(192, 168, 2, 11);
        network.add_host("PS1SYS", &[address], suffix).unwrap();
        network.add_host("CLIENT1", &[Ipv4Addr::new(192, 168, 2, 62)], suffix).unwrap();
        network.set_record("ps1sys.contoso.com", &[address]);
        let spec = HostSpec::in_domain("PS1SYS", "CONTOSO.COM", address.into(), profile);
        let host = Host::new(spec, journal, &seed);
        let authority = Authority::root("CONTOSO-DC1-CA", validity(), &seed).unwrap();
        let trust = TrustStore::new();
        trust.add(authority.certificate());
        let iis = Iis::new(&host, &network);
        Self { clock, network, host, iis, authority, trust }
    }

    /// A started server whose site 1 has `echo` at `path` on port 80.
    pub(super) fn echo_at(&self, path: &str) {
        self.site(1, vec![Binding::http(80)]);
        self.mount(1, path, echo());
        self.iis.start().unwrap();
    }

    pub(super) fn site(&self, id: u32, bindings: Vec<Binding>) {
        self.iis.add_site(SiteSpec { id, name: format!("Site {id}"), bindings }).unwrap();
    }

    pub(super) fn mount(&self, site: u32, path: &str, router: Router) {
        let application = Application { path: path.to_owned(), pool: "WsusPool".to_owned(), anonymous: true, router };
        self.iis.mount(site, application).unwrap();
    }

    pub(super) fn certificate(&self, name: &str, usage: Usage) -> CertifiedKey {
        let request = CertificateRequest {
            subject: name.to_owned(),
            dns_names: vec![name.to_owned()],
            addresses: vec![],
            validity: validity(),
            usage,
        };
        self.authority.issue(&request).unwrap()
    }

    pub(super) fn tls(&self) -> TlsSettings {
        TlsSettings {
            certificate: self.certificate("ps1sys.contoso.com", Usage::Server),
            client_certificates: ClientCertificates::Accept(self.trust.clone()),
        }
    }

    pub(super) fn session(&self, agent: &str) -> Session {
        Session::new(&self.network, "CLIENT1", Options::new("Test", self.trust.clone()).user_agent(agent))
    }

    pub(super) async fn send(&self, method: &str, url: &str) -> Result<Response, TransportFailure> {
        self.session("Mozilla/4.0 (compatible)").send(request(method, url)).await
    }

    pub(super) async fn status(&self, url: &str) -> u16 {
        self.send("GET", url).await.unwrap().status
    }

    pub(super) async fn text(&self, url: &str) -> String {
        let response = self.send("GET", url).await.unwrap();
        String::from_utf8(response.body.to_vec()).unwrap()
    }

    /// Lets what is on its way arrive.
    pub(super) async fn settle(&self) {
        self.clock.wait("test", "things to settle", Duration::from_secs(1)).await;
    }

    pub(super) fn log_bytes(&self, site: u32, day: &str) -> Vec<u8> {
        let path = format!(r"C:\inetpub\logs\LogFiles\W3SVC{site}\u_ex{day}.log");
        self.host.disk().read(&path).unwrap_or_default()
    }

    /// The rows of the first day's log of a site.
    pub(super) fn rows(&self, site: u32) -> Vec<w3c::Record> {
        w3c::parse(&self.log_bytes(site, "140120")).unwrap()
    }

    /// Status, substatus and Win32 status of the newest row.
    pub(super) fn last(&self, site: u32) -> (u16, u16, u32) {
        let row = self.rows(site).pop().unwrap();
        (row.status.unwrap(), row.substatus.unwrap(), row.win32_status.unwrap())
    }

    pub(super) fn httperr(&self) -> Vec<httperr::Record> {
        let path = r"C:\Windows\System32\LogFiles\HTTPERR\httperr1.log";
        httperr::parse(&self.host.disk().read(path).unwrap_or_default()).unwrap()
    }
}

pub(super) fn request(method: &str, url: &str) -> Request {
    Request::new(Method::from_bytes(method.as_bytes()).unwrap(), url.parse().unwrap())
}
