//! The policies that an administrator has made: update source, client settings, deployments.

use cmsim_sim::SimTime;
use cmsim_site::{PolicyProvider, SettingsPolicy};
use cmsim_sitedb::{SiteDbError, SynchronizationState};
use cmsim_wire::ccm::cim_time;
use cmsim_wire::ccm::policy::{CimType, Instance, SoftwareUpdatesClientConfig};
use cmsim_wire::guid::Braced;
use uuid::Uuid;

use crate::topology;

/// What a synchronization of one software update point leaves in the site database.
pub(crate) fn synchronized(server: &str, version: u32, time: SimTime) -> SynchronizationState {
    SynchronizationState {
        time,
        site_code: topology::SITE_CODE.to_owned(),
        source: topology::UPDATE_SOURCE,
        state: 1,
        error_code: 0,
        content_version: version,
        server: topology::fqdn(server),
    }
}

/// Publishes what a site with software updates switched on has for every client.
pub(crate) async fn publish_defaults(provider: &PolicyProvider) -> Result<(), SiteDbError> {
    provider
        .publish(&SettingsPolicy {
            source_id: "ClientSettings".to_owned(),
            source_type: "ClientSettings".to_owned(),
            category: "SoftwareUpdatesClientConfig".to_owned(),
            instances: vec![SoftwareUpdatesClientConfig::default().to_instance()],
        })
        .await?;
    provider.publish_update_source().await?;
    Ok(())
}

/// A software updates deployment for every client: which updates, and from when on.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) start: SimTime,
    pub(crate) updates: Vec<Uuid>,
}

impl Deployment {
    /// The policy that tells clients of it. Class and the properties of id, name, start and members are from public WMI
    /// dumps (field); the form of a member is inferred from the CI names in UpdatesDeployment.log.
    pub(crate) fn policy(&self) -> SettingsPolicy {
        // As the site database names the model of each update.
        let source = Braced(topology::UPDATE_SOURCE).to_string();
        let source = source.trim_matches(['{', '}']);
        let members: Vec<String> = self.updates.iter().map(|id| format!("Site_{source}/SUM_{id}")).collect();
        let instance = Instance::new("CCM_UpdateCIAssignment")
            .with("AssignmentID", CimType::String, Braced(self.id))
            .with("AssignmentName", CimType::String, &self.name)
            .with("StartTime", CimType::String, cim_time::format(self.start.timestamp()))
            .with_array("AssignedCIs", CimType::String, &members);
        let id = Braced(self.id).to_string();
        SettingsPolicy {
            source_id: id,
            source_type: "CIAssignment".to_owned(),
            category: "SUM".to_owned(),
            instances: vec![instance],
        }
    }
}
