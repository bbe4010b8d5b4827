//! The rows that an administrator of the default site has made before the world begins.

use std::net::Ipv4Addr;
use std::sync::Arc;

use cmsim_db::{Caller, Trace};
use cmsim_sim::{Journal, Seed};
use cmsim_sitedb::{
    BoundaryGroupRecord, BoundaryRecord, ClientConnection, DiscoveredSystem, SiteDb, SiteDbError, SiteRecord, SiteRole,
    SiteSystemRecord, SiteType, SoftwareUpdatePointRecord, UpdateSourceRecord,
};
use cmsim_wire::profile::SiteGeneration;
use cmsim_world::{Host, Membership};
use uuid::Uuid;

use crate::network::{Surroundings, subnets};
use crate::settings::{Settings, StageError};
use crate::topology;

/// URL of the software update point on HTTP (article).
pub const HTTP_POINT: &str = "http://PS1SITE.CONTOSO.COM:8530";

/// URL of the software update point on HTTPS (article).
pub const HTTPS_POINT: &str = "https://PS1SYS.CONTOSO.COM:8531";

/// The boundary group of every client: number and unique id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HomeGroup {
    pub(crate) id: i64,
    pub(crate) guid: Uuid,
}

/// Creates the site database with everything an administrator and discovery have put there.
pub(crate) async fn create(
    settings: &Settings,
    world: &Surroundings,
    journal: &Journal,
    seed: &Seed,
) -> Result<(SiteDb, HomeGroup), StageError> {
    let failed = |what: &'static str| StageError::part::<SiteDbError>(what);
    let database = settings
        .database(journal.clock(), "site.db")
        .await
        .map_err(StageError::part("cannot open the site database"))?;
    let server = world.server(topology::SITE_SERVER)?;
    let trace = Trace::new(journal.clone(), topology::SITE_SERVER, "CM_PS1");
    let caller = Caller {
        host: Arc::clone(server.name()),
        application: "SMS_EXECUTIVE".into(),
        login: r"NT AUTHORITY\SYSTEM".into(),
    };
    let site = SiteDb::create(database, journal.clock().clone(), trace, caller, settings.profile.site)
        .await
        .map_err(failed("cannot apply the schema of the site database"))?;
    add_site(&site, settings).await.map_err(failed("cannot set up the site"))?;
    add_update_points(&site).await.map_err(failed("cannot set up the software update points"))?;
    let group = add_boundaries(&site, settings, seed).await.map_err(failed("cannot set up the boundaries"))?;
    for host in world.hosts.values() {
        site.discover(&discovered(host)).await.map_err(failed("cannot discover the machines"))?;
    }
    Ok((site, group))
}

async fn add_site(site: &SiteDb, settings: &Settings) -> Result<(), SiteDbError> {
    let system = topology::fqdn(topology::SITE_SYSTEM);
    site.add_site(&SiteRecord {
        site_code: topology::SITE_CODE.to_owned(),
        name: "Contoso Primary Site 1".to_owned(),
        parent: String::new(),
        site_type: SiteType::Primary,
        build: settings.profile.site_build,
        version: settings.profile.site_version.clone(),
        server: topology::fqdn(topology::SITE_SERVER),
        install_dir: r"C:\Program Files\Microsoft Configuration Manager".to_owned(),
        client_settings: String::new(),
        default_mp: system.clone(),
        capabilities: r#"<Capabilities SchemaVersion="1.0"/>"#.to_owned(),
    })
    .await?;
    let server = topology::fqdn(topology::SITE_SERVER);
    let roles = [
        (SiteRole::SiteServer, &server, false, 80, 443),
        (SiteRole::SqlServer, &server, false, 80, 443),
        (SiteRole::SoftwareUpdatePoint, &server, false, 8530, 8531),
        (SiteRole::ManagementPoint, &system, false, 80, 443),
        (SiteRole::SoftwareUpdatePoint, &system, true, 8530, 8531),
    ];
    for (role, server, ssl, http_port, https_port) in roles {
        site.add_site_system(&SiteSystemRecord {
            site_code: topology::SITE_CODE.to_owned(),
            role,
            server: server.clone(),
            domain: topology::DOMAIN.to_owned(),
            forest: topology::DOMAIN.to_owned(),
            internet: false,
            ssl,
            http_port,
            https_port,
        })
        .await?;
    }
    Ok(())
}

async fn add_update_points(site: &SiteDb) -> Result<(), SiteDbError> {
    site.add_update_source(&UpdateSourceRecord {
        site_code: topology::SITE_CODE.to_owned(),
        unique_id: topology::UPDATE_SOURCE,
        name: "Microsoft Update".to_owned(),
        content_version: topology::CONTENT_VERSION,
    })
    .await?;
    for (server, url) in [(topology::SITE_SERVER, HTTP_POINT), (topology::SITE_SYSTEM, HTTPS_POINT)] {
        site.add_software_update_point(&SoftwareUpdatePointRecord {
            site_code: topology::SITE_CODE.to_owned(),
            source: topology::UPDATE_SOURCE,
            server: topology::fqdn(server),
            url: url.to_owned(),
            content_version: topology::CONTENT_VERSION,
            forest: topology::DOMAIN.to_owned(),
            connection: ClientConnection::Both,
        })
        .await?;
    }
    Ok(())
}

async fn add_boundaries(site: &SiteDb, settings: &Settings, seed: &Seed) -> Result<HomeGroup, SiteDbError> {
    let mut boundaries =
        vec![site.add_boundary(&BoundaryRecord::AdSite(topology::AD_SITE.to_owned()), topology::AD_SITE).await?];
    for subnet in subnets(settings) {
        if let std::net::IpAddr::V4(address) = subnet.address {
            let name = format!("Clients {address}");
            boundaries.push(site.add_boundary(&BoundaryRecord::Subnet(Ipv4Addr::from(address.octets())), &name).await?);
        }
    }
    // The 2012 R2 site uses the group for assignment only; on the current branch it also decides about update points.
    let systems = match settings.profile.site {
        SiteGeneration::Cm2012R2 => Vec::new(),
        SiteGeneration::CurrentBranch => {
            vec![topology::fqdn(topology::SITE_SERVER), topology::fqdn(topology::SITE_SYSTEM)]
        }
    };
    let guid = seed.stream("boundary-group").uuid();
    let group = BoundaryGroupRecord {
        unique_id: guid,
        name: "Headquarters".to_owned(),
        assigned_site: Some(topology::SITE_CODE.to_owned()),
        site_default: false,
        boundaries,
        systems,
        systems_site: topology::SITE_CODE.to_owned(),
    };
    let id = site.add_boundary_group(&group).await?;
    Ok(HomeGroup { id, guid })
}

/// What Active Directory system discovery knows of a machine.
fn discovered(host: &Host) -> DiscoveredSystem {
    let os = &host.profile().os;
    let kind = if os.product_type == 1 { "Workstation" } else { "Server" };
    let workgroup = match host.membership() {
        Membership::Domain { .. } => "CONTOSO".to_owned(),
        Membership::Workgroup(name) => name.clone(),
    };
    let addresses = host.interfaces().iter().map(|interface| cmsim_wire::location::SubnetAddress {
        subnet: interface.subnet(),
        address: interface.address,
    });
    DiscoveredSystem {
        name: host.name().to_string(),
        full_domain: host.domain().unwrap_or_default().to_owned(),
        domain_or_workgroup: workgroup,
        ad_site: host.ad_site().unwrap_or_default(),
        operating_system: format!("Microsoft Windows NT {kind} {}.{}", os.version[0], os.version[1]),
        build: format!("{}.{}.{}", os.version[0], os.version[1], os.version[2]),
        assigned_site: topology::SITE_CODE.to_owned(),
        addresses: addresses.collect(),
    }
}
