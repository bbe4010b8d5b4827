//! Clients: a machine with a freshly installed ConfigMgr client, and its agents.

use cmsim_agents::site::{CCM, MOBILE_CLIENT, ROOT_CCM};
use cmsim_client::{ClientHandle, ClientMachine, DomainAccess, fresh_agents};
use cmsim_net::Network;
use cmsim_world::{BadPath, Directory, Host, wmi};

use crate::settings::StageError;
use crate::topology;

/// What client setup leaves on a machine: the assigned site and where its management point is.
pub(crate) fn install(host: &Host) -> Result<(), StageError> {
    let failed = || format!("cannot install the client on {}", host.name());
    let version = host.profile().client_version.clone();
    let registry = || -> Result<(), BadPath> {
        host.registry().set(MOBILE_CLIENT, "AssignedSiteCode", topology::SITE_CODE)?;
        host.registry().set(MOBILE_CLIENT, "ProductVersion", version.as_str())?;
        host.registry().set(CCM, "HttpPort", 80_u32)?;
        host.registry().set(CCM, "HttpsPort", 443_u32)?;
        host.registry().set(CCM, "HttpsState", 0_u32)
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
    Ok(())
}

/// Starts the agents of a machine.
pub(crate) fn start(host: &Host, network: &Network, directory: &Directory) -> Result<ClientHandle, StageError> {
    let machine = ClientMachine::new(host, network).in_domain(DomainAccess { directory: directory.clone() });
    machine.start(fresh_agents()).map_err(StageError::part(format!("cannot start the agents of {}", host.name())))
}
