//! The management point of the guide's site, driven through its routers.

mod documents;
mod location;
mod over_iis;
mod policy;
mod registration;
mod relay;

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use cmsim_db::{Caller, Database, Timing, Trace};
use cmsim_logs::Log;
use cmsim_net::pki::{CertificateRequest, CertifiedKey, Usage, Validity};
use cmsim_sim::{Journal, Seed, SimTime, TimeZone};
use cmsim_sitedb::{
    ClientConnection, Registration, SiteDb, SiteRecord, SiteType, SoftwareUpdatePointRecord, SynchronizationState,
    UpdateSourceRecord,
};
use cmsim_wire::ccm::client_id::SmsId;
use cmsim_wire::ccm::envelope::{self, Direction, Payload, Received};
use cmsim_wire::ccm::msg::{ClientAuth, Msg};
use cmsim_wire::ccm::{multipart, signature};
use cmsim_wire::profile::{Profile, SiteGeneration};
use cmsim_world::{Host, HostSpec};
use http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt as _;
use uuid::{Uuid, uuid};

use crate::{ManagementPoint, Settings, SiteKeys};

const SOURCE: Uuid = uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");
/// 2014-01-20 17:17:00 UTC.
const START: SimTime = SimTime::from_millis(1_390_238_220_000);
const CLIENT: SmsId = SmsId(uuid!("0e6f4c1a-7b2d-4e5f-8a9b-1c2d3e4f5a6b"));

/// The management point with all that it stands on.
struct Site {
    mp: ManagementPoint,
    db: SiteDb,
    host: Host,
}

/// An answer with its body read.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn run<F: Future>(work: impl FnOnce(Site) -> F) -> F::Output {
    run_with(|settings| settings, work)
}

fn run_with<F: Future>(change: impl FnOnce(Settings) -> Settings, work: impl FnOnce(Site) -> F) -> F::Output {
    cmsim_sim::run(START, TimeZone::utc(), Duration::from_secs(86_400), |clock| async move {
        let journal = Journal::new(clock.clone());
        let trace = Trace::new(journal.clone(), "PS1SITE", "CM_PS1");
        let caller = Caller { host: "PS1SITE".into(), application: "set-up".into(), login: "set-up".into() };
        let database = Database::open_memory(Timing::Virtual).await.unwrap();
        let db = SiteDb::create(database, clock, trace, caller, SiteGeneration::Cm2012R2).await.unwrap();
        set_up(&db).await;
        let seed = Seed::new(1);
        let spec = HostSpec::in_domain("PS1SYS", "CONTOSO.COM", "192.168.2.11".parse().unwrap(), Profile::windows_7());
        let host = Host::new(spec, journal, &seed);
        let keys = SiteKeys::generate("PS1SITE.CONTOSO.COM", "PS1SYS.CONTOSO.COM", START, &seed).unwrap();
        let mp = ManagementPoint::new(host.clone(), &db, change(Settings::new("PS1", keys)));
        work(Site { mp, db, host }).await
    })
    .unwrap()
}

async fn set_up(db: &SiteDb) {
    db.add_site(&SiteRecord {
        site_code: "PS1".into(),
        name: "Primary Site 1".into(),
        parent: String::new(),
        site_type: SiteType::Primary,
        build: 7958,
        version: "5.00.7958.1000".into(),
        server: "PS1SITE.CONTOSO.COM".into(),
        install_dir: r"C:\Program Files\Microsoft Configuration Manager".into(),
        client_settings: String::new(),
        default_mp: "PS1SYS.CONTOSO.COM".into(),
        capabilities: r#"<Capabilities SchemaVersion="1.0"/>"#.into(),
    })
    .await
    .unwrap();
    db.add_update_source(&UpdateSourceRecord {
        site_code: "PS1".into(),
        unique_id: SOURCE,
        name: "Microsoft Update".into(),
        content_version: 0,
    })
    .await
    .unwrap();
    for (server, url) in [
        ("PS1SITE.CONTOSO.COM", "http://PS1SITE.CONTOSO.COM:8530"),
        ("PS1SYS.CONTOSO.COM", "https://PS1SYS.CONTOSO.COM:8531"),
    ] {
        db.add_software_update_point(&SoftwareUpdatePointRecord {
            site_code: "PS1".into(),
            source: SOURCE,
            server: server.into(),
            url: url.into(),
            content_version: 0,
            forest: "CONTOSO.COM".into(),
            connection: ClientConnection::Intranet,
        })
        .await
        .unwrap();
        db.sp_process_sum_sync_state_message(&SynchronizationState {
            time: START,
            site_code: "PS1".into(),
            source: SOURCE,
            state: 1,
            error_code: 0,
            content_version: 38,
            server: server.into(),
        })
        .await
        .unwrap();
    }
}

impl Site {
    fn router(&self, path: &str) -> Router {
        let found = self.mp.applications().into_iter().find(|application| application.path == path);
        found.unwrap().router
    }

    async fn send(&self, application: &str, request: Request<Body>) -> Answer {
        let response = self.router(application).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", target, headers).await
    }

    async fn request(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send("/SMS_MP", request.body(Body::empty()).unwrap()).await
    }

    async fn post_bytes(&self, content_type: &str, body: Vec<u8>) -> Answer {
        let request = Request::builder().method("CCM_POST").uri("/request").header("content-type", content_type);
        self.send("/CCM_System", request.body(Body::from(body)).unwrap()).await
    }

    async fn post(&self, header: Msg, body: &str) -> Answer {
        let payload = Payload::new(body, Direction::Request, true);
        self.post_bytes(multipart::CONTENT_TYPE, envelope::encode(&header, &payload)).await
    }

    /// Posts a message signed with a client's key.
    async fn post_signed(&self, header: Msg, body: &str, client: &CertifiedKey) -> Answer {
        let payload = Payload::new(body, Direction::Request, true);
        let auth = ClientAuth {
            payload_signature: signature::to_hex(&client.key.sign_sha256(&payload.bytes)),
            ..ClientAuth::default()
        };
        let header = Msg { client_auth: Some(auth), ..header };
        self.post_bytes(multipart::CONTENT_TYPE, envelope::encode(&header, &payload)).await
    }

    async fn register(&self, client: &CertifiedKey) {
        self.db
            .register_client(&Registration {
                client_id: CLIENT.to_string(),
                netbios_name: "CLIENT1".into(),
                fqdn: "CLIENT1.CONTOSO.COM".into(),
                signing_certificate: hex::encode_upper(client.certificate()),
                encryption_certificate: String::new(),
                key_type: 1,
                approved: true,
                client_version: "5.00.7958.1000".into(),
                site_code: "PS1".into(),
            })
            .await
            .unwrap();
    }

    /// The messages of a log, one string each.
    fn log(&self, log: Log) -> Vec<String> {
        let path = format!("C/{}", log.path(&self.host.log_place()));
        let bytes = self.host.disk().read(&path).unwrap_or_default();
        let records = cmsim_logs::cmtrace::parse(&bytes).unwrap();
        records.into_iter().map(|record| record.text).collect()
    }
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The reply message in the body.
    fn message(&self) -> Received {
        assert_eq!(self.status, StatusCode::OK);
        let content_type = self.headers["content-type"].to_str().unwrap();
        envelope::decode(content_type, &self.body).unwrap()
    }

    fn assert_empty(&self) {
        assert_eq!((self.status, self.body.len()), (StatusCode::OK, 0));
    }
}

fn header(endpoint: &str, reply_endpoint: &str) -> Msg {
    Msg {
        id: Some(uuid!("7d4e1c52-8a57-4f0b-9c1e-0b5a1f2d3c4b")),
        reply_to: Some(format!("direct:CLIENT1:{reply_endpoint}")),
        source_id: Some(CLIENT),
        target_endpoint: Some(endpoint.to_owned()),
        ..Msg::empty()
    }
}

fn client_key(label: &str) -> CertifiedKey {
    let request = CertificateRequest {
        subject: "ConfigMgr Client".to_owned(),
        dns_names: vec![],
        addresses: vec![],
        validity: Validity { from: START, until: START + Duration::from_secs(86_400) },
        usage: Usage::Client,
    };
    CertifiedKey::self_signed(&request, &Seed::new(9).child(label)).unwrap()
}
