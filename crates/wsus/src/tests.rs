//! Whole conversations with the routers, over a small catalogue of our own.

mod catalogue;
mod faults;
mod handshake;
mod web_server;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use cmsim_db::{Database, Timing};
use cmsim_net::pki::{CertificateRequest, CertifiedKey, Usage, Validity};
use cmsim_sim::{Clock, Journal, Seed, SimTime, TimeZone};
use cmsim_wire::profile::Profile;
use cmsim_wire::wusp::get_authorization_cookie::GetAuthorizationCookie;
use cmsim_wire::wusp::get_config::GetConfig;
use cmsim_wire::wusp::get_cookie::GetCookie;
use cmsim_wire::wusp::register_computer::{ComputerInfo, RegisterComputer};
use cmsim_wire::wusp::sync_updates::{SyncUpdateParameters, SyncUpdates, SyncUpdatesResponse};
use cmsim_wire::wusp::{Call, Cookie, ErrorCode, Fault, Message, Reply, Service, soap, xpress};
use cmsim_world::{Host, HostSpec};
use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::{ServerSpec, Susdb, SusdbSpec, WebSettings, WsusServer};

const CLIENT: &str = "7d0f6c1e-3b52-4a86-9c1d-5e2f8a904b17";

pub(crate) struct World {
    pub(crate) server: WsusServer,
    pub(crate) host: Host,
    pub(crate) clock: Clock,
}

/// A server with the small catalogue. `number` tells servers apart.
pub(crate) async fn world(number: u64) -> World {
    world_of(number, &catalogue::entries()).await
}

pub(crate) async fn world_of(number: u64, entries: &[crate::CatalogueEntry]) -> World {
    let zone = TimeZone::named("America/New_York").unwrap();
    let start = zone.at_local("2014-01-20T12:17:00".parse().unwrap()).unwrap();
    let clock = Clock::virtual_time(start, zone);
    let seed = Seed::new(number);
    let spec = HostSpec::in_domain("PS1SITE", "CONTOSO.COM", "192.168.2.10".parse().unwrap(), Profile::windows_7());
    let host = Host::new(spec, Journal::new(clock.clone()), &seed);
    let db = Database::open_memory(Timing::Virtual).await.unwrap();
    let spec = SusdbSpec {
        server: "PS1SITE".to_owned(),
        content_port: 8530,
        configured: SimTime::from_millis(1_389_000_000_250),
        seed: seed.clone(),
    };
    let susdb = Susdb::create(db, clock.clone(), &spec).await.unwrap();
    let request = CertificateRequest {
        subject: "Simulated signer".to_owned(),
        dns_names: Vec::new(),
        addresses: Vec::new(),
        validity: Validity { from: SimTime::from_millis(0), until: SimTime::from_millis(4_000_000_000_000) },
        usage: Usage::Server,
    };
    let signer = CertifiedKey::self_signed(&request, &seed.child("signer")).unwrap();
    let server = WsusServer::new(ServerSpec {
        host: host.clone(),
        susdb,
        signer: Some(signer),
        settings: WebSettings::default(),
    });
    server.import(entries).await.unwrap();
    World { server, host, clock }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends a request the way the web server hands it to an application.
pub(crate) async fn send(
    server: &WsusServer,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let applications = server.applications();
    let lower = path.to_lowercase();
    let application = applications.into_iter().find(|found| lower.starts_with(&found.path.to_lowercase())).unwrap();
    let mut request = Request::builder().method(method).uri(&lower[application.path.len()..]);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = application.router.oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

pub(crate) async fn get(server: &WsusServer, path: &str) -> Answer {
    send(server, Method::GET, path, &[], "").await
}

pub(crate) fn computer(dns_name: &str) -> ComputerInfo {
    ComputerInfo {
        dns_name: Some(dns_name.to_owned()),
        os_version: [6, 1, 7601],
        os_service_pack: [1, 0],
        os_locale: Some("en-US".to_owned()),
        computer_manufacturer: None,
        computer_model: None,
        bios_version: None,
        bios_name: None,
        bios_release_date: "2012-05-02T00:00:00Z".parse().unwrap(),
        processor_architecture: Some("AMD64".to_owned()),
        suite_mask: 256,
        old_product_type: 1,
        new_product_type: 4,
        system_metrics: 0,
        client_version: [7, 6, 7600, 256],
        windows_10: None,
    }
}

/// What a test client does; the real one is in another crate.
pub(crate) struct Agent<'w> {
    pub(crate) world: &'w World,
    pub(crate) version: &'static str,
    pub(crate) xpress: bool,
    pub(crate) cookie: Option<Cookie>,
}

impl<'w> Agent<'w> {
    pub(crate) fn new(world: &'w World, version: &'static str) -> Self {
        Self { world, version, xpress: version != "1.8", cookie: None }
    }

    /// One call, its answer checked for the style and headers of its service.
    pub(crate) async fn call<C: Call>(&self, call: &C) -> Result<C::Answer, Fault> {
        let action = C::soap_action();
        let mut headers = vec![
            ("content-type", "text/xml; charset=utf-8"),
            ("soapaction", action.as_str()),
            ("host", "ps1site.contoso.com:8530"),
        ];
        if self.xpress {
            headers.push(("accept-encoding", "xpress"));
        }
        let answer = send(&self.world.server, Method::POST, C::SERVICE.path(), &headers, &call.encode()).await;
        let coded = answer.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "xpress");
        assert_eq!(coded, self.xpress);
        let body = if coded { xpress::decode(&answer.body).unwrap() } else { answer.body.to_vec() };
        let cache = if C::SERVICE == Service::Client { "private" } else { "private, max-age=0" };
        assert_eq!(answer.headers[header::CACHE_CONTROL], cache);
        assert_eq!(answer.headers[header::CONTENT_LENGTH], answer.body.len().to_string());
        match soap::decode_reply::<C::Answer>(&body).unwrap() {
            Reply::Answer(message) => {
                assert_eq!(answer.status, StatusCode::OK);
                Ok(message)
            }
            Reply::Fault(fault) => {
                assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
                assert_eq!(answer.headers[header::CONNECTION], "close");
                Err(fault)
            }
        }
    }

    /// GetConfig, GetAuthorizationCookie, GetCookie; `old` is the last cookie.
    pub(crate) async fn connect(&mut self, old: Option<Cookie>) -> Result<(), Fault> {
        let config = self.call(&GetConfig { protocol_version: Some(self.version.to_owned()) }).await?;
        let authorization = self
            .call(&GetAuthorizationCookie {
                client_id: Some(CLIENT.to_owned()),
                target_group_name: None,
                dns_name: Some("client1.contoso.com".to_owned()),
            })
            .await?;
        let now = self.world.clock.now().timestamp();
        let answer = self
            .call(&GetCookie {
                auth_cookies: vec![authorization.cookie],
                old_cookie: old.or(Some(Cookie { expiration: now, encrypted_data: None })),
                last_change: config.last_change,
                current_time: now,
                protocol_version: Some(self.version.to_owned()),
            })
            .await?;
        self.cookie = Some(answer.cookie);
        Ok(())
    }

    pub(crate) async fn register(&self, dns_name: &str) -> Result<(), Fault> {
        let computer_info = Some(computer(dns_name));
        self.call(&RegisterComputer { cookie: self.cookie.clone(), computer_info }).await.map(|_| ())
    }

    /// Everything up to the first SyncUpdates.
    pub(crate) async fn ready(world: &'w World, version: &'static str) -> Self {
        let mut agent = Self::new(world, version);
        agent.connect(None).await.unwrap();
        agent.register("client1.contoso.com").await.unwrap();
        agent
    }

    /// One SyncUpdates call; keeps the new cookie.
    pub(crate) async fn scan(&mut self, parameters: SyncUpdateParameters) -> Result<SyncUpdatesResponse, Fault> {
        let call = SyncUpdates { cookie: self.cookie.clone(), parameters: Some(parameters) };
        let answer = self.call(&call).await?;
        assert!(answer.new_cookie.is_some());
        assert_ne!(answer.new_cookie, self.cookie);
        self.cookie.clone_from(&answer.new_cookie);
        Ok(answer)
    }
}

pub(crate) fn code(fault: &Fault) -> &ErrorCode {
    fault.error_code().unwrap()
}
