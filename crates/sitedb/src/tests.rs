//! The procedures against a site as the guide describes it.

use std::future::Future;
use std::time::Duration;

use cmsim_db::{Caller, Database, Timing, Trace};
use cmsim_sim::{Clock, Journal, SimTime, TimeZone};
use cmsim_wire::location::{ClientLocation, SubnetAddress};
use cmsim_wire::profile::SiteGeneration;
use uuid::{Uuid, uuid};

use crate::*;

mod location;
mod policy;
mod schema;
mod state;

pub(crate) const SOURCE: Uuid = uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");
pub(crate) const CLASSIFICATION: Uuid = uuid!("0fa1201d-4330-4fa8-8ae9-b877473b6441");
pub(crate) const PRODUCT: Uuid = uuid!("bfe5b177-a086-47a0-b102-097e4fa1f807");
pub(crate) const CLIENT: &str = "GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B";
/// 2014-01-20 17:17:00 UTC.
pub(crate) const START: i64 = 1_390_238_220_000;

pub(crate) fn run<F: Future>(generation: SiteGeneration, work: impl FnOnce(SiteDb, Clock) -> F) -> F::Output {
    cmsim_sim::run(SimTime::from_millis(START), TimeZone::utc(), Duration::from_secs(86_400), |clock| async move {
        let db = Database::open_memory(Timing::Virtual).await.unwrap();
        let trace = Trace::new(Journal::new(clock.clone()), "PS1SITE", "CM_PS1");
        let caller = Caller {
            host: "PS1SITE".into(),
            application: "SMS Site Server".into(),
            login: "NT AUTHORITY\\SYSTEM".into(),
        };
        let site = SiteDb::create(db, clock.clone(), trace, caller, generation).await.unwrap();
        example_site(&site).await;
        work(site, clock).await
    })
    .unwrap()
}

/// Site PS1 with both of its software update points, before the first synchronization.
async fn example_site(db: &SiteDb) {
    db.add_site(&SiteRecord {
        site_code: "PS1".into(),
        name: "Primary Site 1".into(),
        parent: String::new(),
        site_type: SiteType::Primary,
        build: 7958,
        version: "5.00.7958.1000".into(),
        server: "PS1SITE.CONTOSO.COM".into(),
        install_dir: r"C:\Program Files\Microsoft Configuration Manager".into(),
        client_settings: "<ClientOperationalSettings/>".into(),
        default_mp: "PS1SYS.CONTOSO.COM".into(),
        capabilities: String::new(),
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
    }
}

pub(crate) async fn synchronize(db: &SiteDb, version: u32, server: &str) {
    db.sp_process_sum_sync_state_message(&SynchronizationState {
        time: SimTime::from_millis(START - 3_600_000),
        site_code: "PS1".into(),
        source: SOURCE,
        state: 1,
        error_code: 0,
        content_version: version,
        server: server.into(),
    })
    .await
    .unwrap();
}

pub(crate) async fn synchronize_both(db: &SiteDb, version: u32) {
    synchronize(db, version, "PS1SITE.CONTOSO.COM").await;
    synchronize(db, version, "PS1SYS.CONTOSO.COM").await;
}

pub(crate) fn at_home() -> ClientLocation {
    ClientLocation {
        on_internet: false,
        ad_site: Some("CM12-R2-PS1".into()),
        forest: Some("CONTOSO.COM".into()),
        domain: Some("CONTOSO.COM".into()),
        addresses: vec![SubnetAddress {
            subnet: "192.168.2.0".parse().unwrap(),
            address: "192.168.2.62".parse().unwrap(),
        }],
        boundary_groups: None,
    }
}

pub(crate) async fn register(db: &SiteDb, name: &str, client_id: &str) -> i64 {
    db.register_client(&Registration {
        client_id: client_id.into(),
        netbios_name: name.into(),
        fqdn: format!("{name}.CONTOSO.COM"),
        signing_certificate: "3082".into(),
        encryption_certificate: "3082".into(),
        key_type: 1,
        approved: true,
        client_version: "5.00.7958.1000".into(),
        site_code: "PS1".into(),
    })
    .await
    .unwrap()
}

/// The rows of a query as JSON arrays, one per line.
pub(crate) async fn rows(db: &SiteDb, sql: &'static str) -> Vec<String> {
    db.database().read("rows", |c| Box::pin(sqlx::query_scalar(sql).fetch_all(c))).await.unwrap()
}

pub(crate) fn traced(db: &SiteDb) -> Vec<String> {
    db.trace().rows().iter().map(|row| row.text.to_string()).collect()
}
