//! What SyncUpdates and StartCategoryScan decide (MS-WUSP 3.1.5.6 and 3.1.5.7), over the catalogue alone.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use cmsim_wire::update::UpdateType;
use cmsim_wire::wusp::start_category_scan::{CategoryRelationship, StartCategoryScanResponse};
use cmsim_wire::wusp::sync_updates::{DeploymentAction, Device};
use uuid::Uuid;

use crate::susdb::{Catalogue, DriverMatch, Revision};

/// What a client declares in one call.
#[derive(Clone, Debug)]
pub(crate) struct Scan<'a> {
    /// Groups of the computer, the most special first.
    pub(crate) groups: &'a [Uuid],
    /// InstalledNonLeafUpdateIDs.
    pub(crate) installed: &'a BTreeSet<i32>,
    /// All cached revisions of the pass: InstalledNonLeafUpdateIDs and OtherCachedUpdateIDs, or CachedDriverIDs.
    pub(crate) cached: &'a BTreeSet<i32>,
    /// Categories the scan is limited to; none for all.
    pub(crate) filter: &'a [Uuid],
    /// Whether deployed revisions out of scope are to be listed apart.
    pub(crate) two_groups: bool,
    /// The last deployment change that the client has heard of.
    pub(crate) anchor: i64,
    /// Most new revisions of one answer.
    pub(crate) page: usize,
}

/// Revision ids of an answer, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) new: Vec<i32>,
    pub(crate) changed: Vec<i32>,
    pub(crate) out_of_scope: Vec<i32>,
    pub(crate) deployed_out_of_scope: Vec<i32>,
    pub(crate) truncated: bool,
}

impl Catalogue {
    /// The software pass: categories and detectoids travel in it too (capture).
    pub(crate) fn software(&self, scan: &Scan<'_>) -> Outcome {
        let scope = self.scope(scan.filter);
        let needed = self.revisions.iter().filter(|(id, revision)| {
            revision.update_type != UpdateType::Driver
                && is_deployed(revision, scan.groups)
                && scope.as_ref().is_none_or(|scope| scope.contains(id))
                && revision.is_satisfied(scan.installed)
        });
        self.compare(needed.map(|(id, _)| *id).collect(), scan)
    }

    /// The driver pass: for each device the best driver that beats the one in use.
    pub(crate) fn drivers(&self, scan: &Scan<'_>, devices: &[Device]) -> Outcome {
        let candidates: Vec<(i32, &Revision)> = self.deployed_drivers(scan.groups, scan.filter);
        let fitting: Vec<(i32, &Revision)> =
            candidates.into_iter().filter(|(_, revision)| revision.is_satisfied(scan.installed)).collect();
        let needed = devices.iter().filter_map(|device| best_driver(device, &fitting)).collect();
        self.compare(needed, scan)
    }

    /// Whether the driver pass could bring anything at all (inferred: a server without drivers said that it is not
    /// needed, one with drivers that it is).
    pub(crate) fn has_drivers(&self, groups: &[Uuid], filter: &[Uuid]) -> bool {
        !self.deployed_drivers(groups, filter).is_empty()
    }

    fn deployed_drivers(&self, groups: &[Uuid], filter: &[Uuid]) -> Vec<(i32, &Revision)> {
        let scope = self.scope(filter);
        let drivers = self.revisions.iter().filter(|(id, revision)| {
            revision.update_type == UpdateType::Driver
                && is_deployed(revision, groups)
                && scope.as_ref().is_none_or(|scope| scope.contains(id))
        });
        drivers.map(|(id, revision)| (*id, revision)).collect()
    }

    fn compare(&self, needed: BTreeSet<i32>, scan: &Scan<'_>) -> Outcome {
        let mut new: Vec<i32> = needed.difference(scan.cached).copied().collect();
        let truncated = new.len() > scan.page;
        new.truncate(scan.page);
        let changed = needed.intersection(scan.cached).copied().filter(|id| {
            let deployed = self.revisions.get(id).and_then(|revision| revision.deployment(scan.groups));
            deployed.is_some_and(|deployed| deployed.change_number > scan.anchor)
        });
        let gone = scan.cached.difference(&needed).copied();
        let (deployed_out_of_scope, out_of_scope) = gone.partition(|id| {
            let revision = self.revisions.get(id);
            scan.two_groups && revision.is_some_and(|revision| is_deployed(revision, scan.groups))
        });
        Outcome { new, changed: changed.collect(), out_of_scope, deployed_out_of_scope, truncated }
    }

    /// The revisions that a limited scan is about: the categories, what belongs to them, and all that these depend on
    /// (capture: a category without updates brings itself and its ancestors). `None` for a scan without limits.
    fn scope(&self, filter: &[Uuid]) -> Option<BTreeSet<i32>> {
        if filter.is_empty() {
            return None;
        }
        let mut open: Vec<i32> = filter.iter().filter_map(|category| self.by_update.get(category).copied()).collect();
        let members = self
            .revisions
            .iter()
            .filter(|(_, revision)| filter.iter().any(|category| revision.categories.contains(category)));
        open.extend(members.map(|(id, _)| *id));
        let mut scope = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !scope.insert(id) {
                continue;
            }
            if let Some(revision) = self.revisions.get(&id) {
                open.extend(revision.clauses.iter().flatten());
                open.extend(&revision.parts);
            }
        }
        Some(scope)
    }

    /// Which categories a scan should be limited to (MS-WUSP 3.1.5.6).
    pub(crate) fn preferred_categories(&self, requested: &[CategoryRelationship]) -> StartCategoryScanResponse {
        let unknown = |id: &Uuid| !self.by_update.contains_key(id);
        let mut in_error: Vec<Uuid> = Vec::new();
        for category in requested.iter().map(|category| category.category_id).filter(unknown) {
            push_once(&mut in_error, category);
        }
        let indexes: BTreeSet<i32> = requested.iter().map(|category| category.index_of_and_group).collect();
        let mut preferred = Vec::new();
        for index in indexes {
            let members = requested.iter().filter(|category| category.index_of_and_group == index);
            let group: Vec<Uuid> = members.map(|category| category.category_id).collect();
            if group.iter().any(unknown) {
                continue;
            }
            let kinds: Vec<&str> = group.iter().map(|id| self.category_type(id)).collect();
            let product = match (&group[..], &kinds[..]) {
                ([product], ["Product"])
                | ([product, _], ["Product", "UpdateClassification"])
                | ([_, product], ["UpdateClassification", "Product"]) => *product,
                // A condition the server cannot use makes it ignore all of them.
                _ => {
                    preferred.clear();
                    break;
                }
            };
            push_once(&mut preferred, product);
        }
        StartCategoryScanResponse { preferred_category_ids: preferred, requested_category_ids_in_error: in_error }
    }

    fn category_type(&self, id: &Uuid) -> &str {
        self.category_types.get(id).map_or("", String::as_str)
    }
}

fn push_once(list: &mut Vec<Uuid>, id: Uuid) {
    if !list.contains(&id) {
        list.push(id);
    }
}

/// `Block` is never sent (MS-WUSP 2.2.2.2.4).
fn is_deployed(revision: &Revision, groups: &[Uuid]) -> bool {
    revision.deployment(groups).is_some_and(|deployed| deployed.action != DeploymentAction::Block)
}

/// The best driver for a device, if it beats the installed one: earlier id of the device, then later date, then higher
/// version (MS-WUSP 3.1.5.7). Computer hardware ids and feature scores, which come first there, are not modelled.
fn best_driver(device: &Device, drivers: &[(i32, &Revision)]) -> Option<i32> {
    let ids: Vec<String> =
        device.hardware_ids.iter().chain(&device.compatible_ids).map(|id| id.to_lowercase()).collect();
    let position = |id: &str| ids.iter().position(|own| own == id);
    let matches = drivers.iter().flat_map(|(revision_id, revision)| {
        revision
            .drivers
            .iter()
            .filter_map(move |driver| Some((rank(position(&driver.hardware_id)?, driver), *revision_id)))
    });
    let (best, revision_id) = matches.max_by(|(a, x), (b, y)| a.cmp(b).then(x.cmp(y)))?;
    let installed = device.installed_driver.as_ref().and_then(|driver| {
        let matching = driver.matching_id.as_ref()?.to_lowercase();
        let date = driver.date.strftime("%Y-%m-%d").to_string();
        Some((Reverse(position(&matching)?), date, driver.version.0.cast_unsigned()))
    });
    installed.is_none_or(|installed| best > installed).then_some(revision_id)
}

fn rank(position: usize, driver: &DriverMatch) -> (Reverse<usize>, String, u64) {
    (Reverse(position), driver.date.chars().take(10).collect(), driver.version.0.cast_unsigned())
}

#[cfg(test)]
mod tests;
