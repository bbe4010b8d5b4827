//! Clients: a machine with a freshly installed ConfigMgr client, and its agents.

use cmsim_agents::location_services;
use cmsim_agents::site::{CCM, MOBILE_CLIENT, ROOT_CCM};
use cmsim_client::{ClientHandle, ClientMachine, DomainAccess, fresh_agents};
use cmsim_net::Network;
use cmsim_wire::ccm::cim_time;
use cmsim_wire::profile::SiteGeneration;
use cmsim_world::{BadPath, Directory, Host, wmi};

use crate::settings::StageError;
use crate::site::HomeGroup;
use crate::topology;

/// What client setup leaves on a machine: the assigned site, where its management point is and, on the current branch, the
/// boundary groups it is in.
pub(crate) fn install(host: &Host, group: HomeGroup) -> Result<(), StageError> {
    let failed = || format!("cannot install the client on {}", host.name());
    let version = host.profile().client_version.clone();
    let registry = || -> Result<(), BadPath> {
        host.registry().set(MOBILE_CLIENT, "AssignedSiteCode", topology::SITE_CODE)?;
        host.registry().set(MOBILE_CLIENT, "ProductVersion", version.as_str())?;
        host.registry().set(CCM, "HttpPort", 80_u32)?;
        host.registry().set(CCM, "HttpsPort", 443_u32)?;
        host.registry().set(CCM, "HttpsState", 0_u32)?;
        // What the logs follow: defaults of the client (docs).
        let logging = format!(r"{CCM}\Logging\@Global");
        host.registry().set(&logging, "LogLevel", 1_u32)?;
        host.registry().set(&logging, "LogMaxHistory", 1_u32)?;
        host.registry().set(&logging, "LogMaxSize", 250_000_u32)
    };
    registry().map_err(StageError::part(failed()))?;
    let classes = [("SMS_Client", &[][..]), ("SMS_Authority", &["Name"][..])];
    for (class, keys) in classes {
        host.wmi().define(ROOT_CCM, wmi::Class::new(class, keys));
    }
    let authority = wmi::Instance::new("SMS_Authority")
        .with("Name", format!("SMS:{}", topology::SITE_CODE))
        .with("CurrentManagementPoint", topology::fqdn(topology::SITE_SYSTEM));
    let client = wmi::Instance::new("SMS_Client").with("ClientVersion", version);
    for instance in [client, authority] {
        host.wmi().put(ROOT_CCM, instance).map_err(StageError::part(failed()))?;
    }
    for (keys, instance) in locations(host, group) {
        host.wmi().define(location_services::NAMESPACE, wmi::Class::new(&instance.class, keys));
        host.wmi().put(location_services::NAMESPACE, instance).map_err(StageError::part(failed()))?;
    }
    Ok(())
}

/// What Location Services keeps since setup asked for it. Classes and properties are from public WMI dumps (field), but for
/// the unique ids and the time of the boundary groups, which a location request needs (inferred).
fn locations(host: &Host, group: HomeGroup) -> Vec<(&'static [&'static str], wmi::Instance)> {
    let mp = topology::fqdn(topology::SITE_SYSTEM);
    let now = cim_time::format(host.now().timestamp());
    let information = wmi::Instance::new("SMS_MPInformation")
        .with("MP", mp.as_str())
        .with("SiteCode", topology::SITE_CODE)
        .with("MPLastRequestTime", now.as_str())
        .with("MPLastUpdateTime", now.as_str());
    let candidate = wmi::Instance::new("SMS_ActiveMPCandidate").with("MP", mp).with("SiteCode", topology::SITE_CODE);
    let mut kept = vec![(&["MP"][..], information), (&["MP"], candidate)];
    if host.profile().site == SiteGeneration::CurrentBranch {
        let groups = wmi::Instance::new("BoundaryGroupCache")
            .with("BoundaryGroupIDs", vec![group.id.to_string()])
            .with("BoundaryGroupGUIDs", vec![group.guid.to_string()])
            .with("CacheToken", now);
        kept.push((&[], groups));
    }
    kept
}

/// Starts the agents of a machine.
pub(crate) fn start(host: &Host, network: &Network, directory: &Directory) -> Result<ClientHandle, StageError> {
    let machine = ClientMachine::new(host, network).in_domain(DomainAccess { directory: directory.clone() });
    machine.start(fresh_agents()).map_err(StageError::part(format!("cannot start the agents of {}", host.name())))
}
