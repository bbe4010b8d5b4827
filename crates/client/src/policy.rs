//! Domain Group Policy: what applies to the machine, and whether a controller is there to say so.

use std::net::SocketAddr;
use std::time::Duration;

use cmsim_agents::framework::PolicySetting;
use cmsim_net::{ListenError, Network};
use cmsim_world::directory::{DIRECTORY_PORT, serve};
use cmsim_world::event_log::Level;
use cmsim_world::{Directory, Host, Membership, NewEvent};
use indexmap::IndexMap;

use crate::convert;

/// How long a machine tries one domain controller (inferred).
pub(crate) const CONTROLLER_TIMEOUT: Duration = Duration::from_secs(15);

/// The directory as one machine reaches it.
#[derive(Clone, Debug)]
pub struct DomainAccess {
    /// The directory of the world.
    pub directory: Directory,
}

/// Computer settings of the domain's policy objects, in order of precedence: last wins.
pub type EffectiveDomainPolicy = Vec<PolicySetting>;

impl DomainAccess {
    /// The settings that apply to the host; empty in a workgroup.
    #[must_use]
    pub fn policy_of(&self, host: &Host) -> EffectiveDomainPolicy {
        let Membership::Domain { domain, ou } = host.membership() else {
            return Vec::new();
        };
        let policy = self.directory.effective_policy(domain, ou, host.ad_site().as_deref());
        let settings = policy.settings.into_iter().map(|setting| PolicySetting {
            key: setting.key,
            name: setting.name,
            value: Some(convert::registry_to_agents(setting.value)),
        });
        settings.collect()
    }

    /// Whether a controller of the host's domain takes a connection on its LDAP port: names, firewalls and power decide.
    pub(crate) async fn controller_answers(&self, host: &Host, network: &Network) -> bool {
        let Some(controllers) = self.controllers(host, network) else {
            return host.domain().is_none();
        };
        for at in controllers {
            if network.connect(host.name(), at, CONTROLLER_TIMEOUT).await.is_ok() {
                return true;
            }
        }
        false
    }

    /// The LDAP ports of the host's domain, in the order in which it tries them; `None` in a workgroup and for a domain
    /// that the directory does not have.
    pub(crate) fn controllers(&self, host: &Host, network: &Network) -> Option<Vec<SocketAddr>> {
        let domain = self.directory.domain(host.domain()?).ok()?;
        let addresses = domain.controllers.iter().flat_map(|controller| network.resolve(host.name(), controller));
        Some(addresses.map(|address| (address, DIRECTORY_PORT).into()).collect())
    }

    /// Lets every domain controller answer on its LDAP port until the network shuts down. Without it no computer gets
    /// policy from the domain.
    ///
    /// Must be called inside the world's runtime.
    ///
    /// # Errors
    /// [`ListenError`] if a controller is no host of the network or its port is taken.
    pub fn open_controllers(&self, network: &Network) -> Result<(), ListenError> {
        for controller in self.directory.domains().iter().flat_map(|domain| &domain.controllers) {
            let host = controller.split('.').next().unwrap_or(controller);
            tokio::spawn(serve(network.listen(host, DIRECTORY_PORT)?));
        }
        Ok(())
    }

    /// Finds the host's AD site by its first address, as Netlogon does, and stores it on the host.
    pub fn locate(&self, host: &Host) {
        let site = host.interfaces().first().and_then(|interface| self.directory.site_of(interface.address));
        if let Some(site) = site.filter(|_| host.domain().is_some()) {
            host.set_ad_site(&site);
        }
    }
}

/// Writes the event that Windows writes when no domain controller can be reached (docs: Group Policy event 1129).
pub(crate) fn report_no_controller(host: &Host) {
    let message = "The processing of Group Policy failed because of lack of network connectivity to a domain controller. \
        This may be a transient condition.";
    host.event_log().report(
        "System",
        NewEvent {
            provider: "Microsoft-Windows-GroupPolicy".to_owned(),
            id: 1129,
            level: Level::Error,
            message: message.to_owned(),
            data: IndexMap::new(),
        },
    );
}
