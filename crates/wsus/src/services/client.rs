//! StartCategoryScan, SyncUpdates and RefreshCache.

use std::collections::BTreeSet;
use std::sync::Arc;

use cmsim_wire::wusp::refresh_cache::{RefreshCache, RefreshCacheResponse, RefreshCacheResult};
use cmsim_wire::wusp::start_category_scan::{StartCategoryScan, StartCategoryScanResponse};
use cmsim_wire::wusp::sync_updates::{
    Deployment, DeploymentAction, SyncUpdateParameters, SyncUpdates, SyncUpdatesResponse, UpdateInfo,
};
use cmsim_wire::wusp::{ErrorCode, ProtocolVersion};
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::Thrown;
use crate::server::Inner;
use crate::settings::WebSettings;
use crate::susdb::{Catalogue, Deployed, Revision};
use crate::sync::Scan;

/// Fewer categories than this may be asked for at once (MS-WUSP note 52).
const CATEGORIES: usize = 200;

impl Inner {
    pub(super) async fn start_category_scan(
        &self,
        call: StartCategoryScan,
    ) -> Result<StartCategoryScanResponse, Thrown> {
        let requested = call.requested_categories.filter(|requested| requested.len() < CATEGORIES);
        let requested = requested.ok_or_else(|| Thrown::parameter("requestedCategories"))?;
        Ok(self.catalogue().await?.preferred_categories(&requested))
    }

    pub(super) async fn sync_updates(&self, call: SyncUpdates) -> Result<SyncUpdatesResponse, Thrown> {
        let authorized = self.authorize(call.cookie.as_ref()).await?;
        let (session, configuration) = (&authorized.session, &authorized.configuration);
        let fail = |thrown: Thrown| thrown.of(&session.client_id);
        if session.config_change != configuration.last_change {
            return Err(fail(Thrown::new(ErrorCode::ConfigChanged, "")));
        }
        let parameters = call.parameters.ok_or_else(|| fail(Thrown::parameter("parameters")))?;
        check(&parameters, &self.settings()).map_err(fail)?;
        let (is_registered, groups) = self.groups(session).await?;
        if configuration.is_registration_required && !is_registered {
            return Err(fail(Thrown::new(ErrorCode::RegistrationRequired, "")));
        }
        let catalogue = self.catalogue().await?;
        let answer = answer(&catalogue, &parameters, &groups, session.protocol, session.anchor, self.settings().page);
        if !answer.truncated {
            self.susdb.synchronised(&session.client_id).await?;
        }
        let new_cookie = Some(authorized.next_cookie(configuration.change_number));
        Ok(SyncUpdatesResponse { new_cookie, ..answer })
    }

    pub(super) async fn refresh_cache(&self, call: RefreshCache) -> Result<RefreshCacheResponse, Thrown> {
        let authorized = self.authorize(call.cookie.as_ref()).await?;
        let session = &authorized.session;
        let ids = call.global_ids.ok_or_else(|| Thrown::parameter("globalIDs").of(&session.client_id))?;
        let (_, groups) = self.groups(session).await?;
        let catalogue = self.catalogue().await?;
        let results = ids.into_iter().filter_map(|identity| {
            let id = *catalogue.by_update.get(&identity.id)?;
            let revision = catalogue.revisions.get(&id).filter(|revision| revision.identity == identity)?;
            let deployed = revision.deployment(&groups)?;
            // What is deployed only as part of a bundle is left out (capture).
            let is_sent = !matches!(deployed.action, DeploymentAction::Bundle | DeploymentAction::Block);
            is_sent.then(|| RefreshCacheResult {
                revision_id: id,
                global_id: identity,
                is_leaf: revision.is_leaf,
                deployment: Some(deployment(deployed, session.protocol)),
            })
        });
        Ok(RefreshCacheResponse { results: results.collect() })
    }
}

/// The limits on what a client declares. Duplicates count too (published observation).
fn check(parameters: &SyncUpdateParameters, settings: &WebSettings) -> Result<(), Thrown> {
    if parameters.installed_non_leaf_update_ids.len() > settings.max_installed_prerequisites {
        return Err(Thrown::parameter("parameters.InstalledNonLeafUpdateIDs"));
    }
    if parameters.other_cached_update_ids.len() > settings.max_cached_updates {
        return Err(Thrown::parameter("parameters.OtherCachedUpdateIDs"));
    }
    if !parameters.skip_software_sync && !parameters.system_spec.is_empty() {
        return Err(Thrown::parameter("parameters.SystemSpec"));
    }
    Ok(())
}

fn answer(
    catalogue: &Catalogue,
    parameters: &SyncUpdateParameters,
    groups: &[Uuid],
    protocol: ProtocolVersion,
    anchor: i64,
    page: usize,
) -> SyncUpdatesResponse {
    let installed: BTreeSet<i32> = parameters.installed_non_leaf_update_ids.iter().copied().collect();
    let cached: BTreeSet<i32> = if parameters.skip_software_sync {
        parameters.cached_driver_ids.iter().copied().collect()
    } else {
        installed.iter().chain(&parameters.other_cached_update_ids).copied().collect()
    };
    let filter = if protocol.scans_categories() { &parameters.filter_category_ids[..] } else { &[] };
    let scan = Scan {
        groups,
        installed: &installed,
        cached: &cached,
        filter,
        two_groups: protocol.scans_categories() && parameters.need_two_group_out_of_scope_updates == Some(true),
        anchor,
        page,
    };
    let outcome = if parameters.skip_software_sync {
        catalogue.drivers(&scan, &parameters.system_spec)
    } else {
        catalogue.software(&scan)
    };
    let infos = |ids: &[i32], with_xml: bool| {
        let found = ids.iter().filter_map(|id| Some((*id, catalogue.revisions.get(id)?)));
        found.map(|(id, revision)| info(id, revision, groups, protocol, with_xml)).collect()
    };
    SyncUpdatesResponse {
        new_updates: infos(&outcome.new, true),
        out_of_scope_revision_ids: outcome.out_of_scope,
        changed_updates: infos(&outcome.changed, false),
        truncated: outcome.truncated,
        new_cookie: None,
        deployed_out_of_scope_revision_ids: outcome.deployed_out_of_scope,
        driver_sync_not_needed: protocol.scans_categories().then(|| !catalogue.has_drivers(groups, filter)),
    }
}

fn info(id: i32, revision: &Revision, groups: &[Uuid], protocol: ProtocolVersion, with_xml: bool) -> UpdateInfo {
    let deployed = revision.deployment(groups);
    let mut sent = deployed.map(|deployed| deployment(deployed, protocol));
    if let Some(sent) = sent.as_mut().filter(|_| protocol.takes_deployment_hardware_ids()) {
        // Only drivers have any.
        sent.hardware_ids = revision.drivers.iter().map(|driver| driver.hardware_id.clone()).collect();
    }
    UpdateInfo { id, deployment: sent, is_leaf: revision.is_leaf, xml: with_xml.then(|| Arc::clone(&revision.core)) }
}

/// A deployment as a client of that version takes it; the flags are always 0 (MS-WUSP 2.2.2.2.4).
fn deployment(deployed: &Deployed, protocol: ProtocolVersion) -> Deployment {
    let flag = protocol.takes_deployment_flags().then_some(0);
    Deployment {
        id: deployed.id,
        action: deployed.action,
        deadline: deployed.deadline,
        is_assigned: true,
        last_change_time: deployed.last_change.to_zoned(TimeZone::UTC).date(),
        download_priority: None,
        hardware_ids: Vec::new(),
        auto_select: flag,
        auto_download: flag,
        supersedence_behavior: flag,
        flag_bitmask: None,
    }
}
