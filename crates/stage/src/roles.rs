//! The server roles on their machines: management point, software update points, site server components.

use std::sync::Arc;

use cmsim_iis::{Binding, Iis, PoolSpec, SiteSpec};
use cmsim_mp::{ManagementPoint, SiteKeys};
use cmsim_net::server::{ClientCertificates, TlsSettings};
use cmsim_sim::{Clock, Journal, Seed};
use cmsim_site::{PolicyProvider, Signer, SiteServer};
use cmsim_sitedb::SiteDb;
use cmsim_wire::profile::WuaGeneration;
use cmsim_world::{Host, StartType};
use cmsim_wsus::{Prepared, ServerSpec, Susdb, SusdbSpec, WebSettings, WsusServer};
use indexmap::IndexMap;

use crate::catalogue::UPDATE_POINTS;
use crate::network::Surroundings;
use crate::settings::{Settings, StageError};
use crate::{policy, topology};

/// Number of the default web site.
const DEFAULT_SITE: u32 = 1;

/// Number and name of the site that WSUS setup makes (docs).
const WSUS_SITE: (u32, &str) = (2, "WSUS Administration");

/// Every server role.
pub(crate) struct Roles {
    pub(crate) site: SiteServer,
    /// The Policy Provider as the console calls it; the one that watches its inbox is another instance of it.
    pub(crate) provider: PolicyProvider,
    pub(crate) signer: Signer,
    pub(crate) iis: IndexMap<String, Iis>,
    pub(crate) wsus: IndexMap<String, WsusServer>,
}

/// Installs the roles on the machines of the default topology.
pub(crate) async fn install(
    settings: &Settings,
    world: &Surroundings,
    db: &SiteDb,
    susdbs: [Susdb; UPDATE_POINTS.len()],
    journal: &Journal,
    seed: &Seed,
) -> Result<Roles, StageError> {
    let mut iis = IndexMap::new();
    let mut wsus = IndexMap::new();
    for ((name, _), susdb) in UPDATE_POINTS.into_iter().zip(susdbs) {
        let host = world.server(name)?;
        let server = update_point(settings, world, host, susdb)?;
        let web = Iis::new(host, &world.network);
        mount_update_point(&web, world, &server, name)?;
        host.services().install("WsusService", "Update Services", StartType::Automatic, host.process_id("WsusService"));
        iis.insert(name.to_owned(), web);
        wsus.insert(name.to_owned(), server);
    }
    let keys = site_keys(world, seed)?;
    if let Some(web) = iis.get(topology::SITE_SYSTEM) {
        let point = cmsim_mp::Settings::new(topology::SITE_CODE, keys.clone());
        mount_management_point(web, &ManagementPoint::new(world.server(topology::SITE_SYSTEM)?.clone(), db, point))?;
    }
    let site = SiteServer::install(world.server(topology::SITE_SERVER)?.clone(), db.clone(), topology::SITE_CODE);
    let signer = signer(&keys);
    let provider = PolicyProvider::new(site.clone(), Some(Arc::clone(&signer)));
    let failed = "cannot publish the policies of a new site";
    let now = journal.clock().now();
    for (name, _) in UPDATE_POINTS {
        let state = policy::synchronized(name, topology::CONTENT_VERSION, now);
        db.sp_process_sum_sync_state_message(&state).await.map_err(StageError::part(failed))?;
    }
    // The components have long done with the synchronization that is behind the world's first state.
    for notification in db.change_notifications().await.map_err(StageError::part(failed))? {
        db.forget_notification(notification.number).await.map_err(StageError::part(failed))?;
    }
    policy::publish_defaults(&provider).await.map_err(StageError::part(failed))?;
    Ok(Roles { site, provider, signer, iis, wsus })
}

/// The database of a software update point with the catalogue in it.
pub(crate) async fn susdb(
    settings: &Settings,
    (name, content_port): (&str, u16),
    catalogue: &Prepared<'_>,
    clock: &Clock,
    seed: &Seed,
) -> Result<Susdb, StageError> {
    let failed = || format!("cannot make the WSUS database of {name}");
    let database = settings.database(clock, &format!("susdb-{name}.db")).await.map_err(StageError::part(failed()))?;
    let seed = seed.child("wsus").child(name);
    let spec = SusdbSpec { server: name.to_owned(), content_port, configured: clock.now(), seed };
    let susdb = Susdb::create(database, clock.clone(), &spec).await.map_err(StageError::part(failed()))?;
    susdb.import(catalogue).await.map_err(StageError::part(format!("cannot fill the WSUS database of {name}")))?;
    Ok(susdb)
}

fn update_point(
    settings: &Settings,
    world: &Surroundings,
    host: &Host,
    susdb: Susdb,
) -> Result<WsusServer, StageError> {
    let failed = || format!("cannot sign the self-update files of {}", host.name());
    let signer = world.code_signer().map_err(StageError::part(failed()))?;
    let page = match settings.profile.wua {
        WuaGeneration::Wua76 => WebSettings::default().page,
        WuaGeneration::Wua10 => WebSettings::CURRENT_PAGE,
    };
    let settings = WebSettings { page, ..WebSettings::default() };
    let server = WsusServer::new(ServerSpec { host: host.clone(), susdb, signer: Some(signer), settings });
    server.deployments_changed();
    Ok(server)
}

fn mount_update_point(web: &Iis, world: &Surroundings, server: &WsusServer, name: &str) -> Result<(), StageError> {
    let failed = || format!("cannot set up IIS on {name}");
    let certificate = world.server_certificate(name).map_err(StageError::part(failed()))?;
    let tls = TlsSettings { certificate, client_certificates: ClientCertificates::Ignore };
    let bindings = vec![Binding::http(8530), Binding::https(8531, tls)];
    let (id, site) = WSUS_SITE;
    web.add_site(SiteSpec { id, name: site.to_owned(), bindings }).map_err(StageError::part(failed()))?;
    for application in server.applications() {
        web.add_pool(PoolSpec { identity: "NETWORK SERVICE".to_owned(), ..PoolSpec::new(&application.pool) });
        web.mount(id, application).map_err(StageError::part(failed()))?;
    }
    Ok(())
}

fn mount_management_point(web: &Iis, point: &ManagementPoint) -> Result<(), StageError> {
    let failed = "cannot set up the management point";
    let bindings = vec![Binding::http(80)];
    let spec = SiteSpec { id: DEFAULT_SITE, name: "Default Web Site".to_owned(), bindings };
    web.add_site(spec).map_err(StageError::part(failed))?;
    for application in point.applications() {
        web.add_pool(PoolSpec { identity: "SYSTEM".to_owned(), ..PoolSpec::new(&application.pool) });
        web.mount(DEFAULT_SITE, application).map_err(StageError::part(failed))?;
    }
    Ok(())
}

fn site_keys(world: &Surroundings, seed: &Seed) -> Result<SiteKeys, StageError> {
    let (server, point) = (topology::fqdn(topology::SITE_SERVER), topology::fqdn(topology::SITE_SYSTEM));
    SiteKeys::generate(&server, &point, world.validity.from, seed)
        .map_err(StageError::part("cannot make the site's keys"))
}

fn signer(keys: &SiteKeys) -> Signer {
    let key = keys.site_signing.key.clone();
    Arc::new(move |bytes| key.sign_sha256(bytes))
}
