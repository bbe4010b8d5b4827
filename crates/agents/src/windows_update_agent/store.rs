//! What the update agent keeps between scans: its data store.

use std::collections::BTreeMap;
use std::sync::Arc;

use cmsim_wire::hresult::HResult;
use cmsim_wire::update::search::{Entity, SearchResult, is_installed, search};
use cmsim_wire::update::{
    CoreFragment, ExtendedFragment, HandlerBody, LocalizedProperties, MachineFacts, UpdateIdentity, UpdateType,
};
use cmsim_wire::wusp::get_config::GetConfigResponse;
use cmsim_wire::wusp::refresh_cache::RefreshCacheResult;
use cmsim_wire::wusp::sync_updates::{DeploymentAction, SyncUpdatesResponse, UpdateInfo};
use cmsim_wire::wusp::{AuthorizationCookie, Cookie};
use serde::{Deserialize, Serialize};

use super::fragments;

/// `E_INVALIDARG`: what an update without a deployment makes of a scan (capture).
const E_INVALIDARG: HResult = HResult(0x8007_0057);
/// `WU_E_XML_INVALID`: metadata that cannot be read (docs).
const XML_INVALID: HResult = HResult(0x8024_000E);

/// One revision the server handed out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Revision {
    pub(super) identity: UpdateIdentity,
    pub(super) leaf: bool,
    pub(super) action: DeploymentAction,
    driver: bool,
    /// Whether it counts as an installed prerequisite.
    installed: bool,
    xml: Arc<str>,
    /// The fragment taken apart; made again from the text after the store was read back.
    #[serde(skip)]
    core: Option<Arc<CoreFragment>>,
}

impl Revision {
    /// The core fragment. Only readable ones are ever stored.
    pub(super) fn core(&self) -> Option<Arc<CoreFragment>> {
        self.core.clone().or_else(|| fragments::shared(&self.xml).ok().map(|(_, core)| core))
    }
}

/// Two revisions are the same if their texts and states are; the parsed form follows from the text.
impl PartialEq for Revision {
    fn eq(&self, other: &Self) -> bool {
        let state = |one: &Self| (one.identity, one.leaf, one.action, one.installed);
        state(self) == state(other) && self.xml == other.xml
    }
}

/// What GetExtendedUpdateInfo told about a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) title: String,
    pub(super) articles: Vec<String>,
    pub(super) bulletins: Vec<String>,
    /// Category type, if it is a category.
    pub(super) category: Option<String>,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct DataStore {
    /// The server everything here came from.
    pub(super) server: Option<String>,
    pub(super) config: Option<GetConfigResponse>,
    pub(super) authorization: Option<AuthorizationCookie>,
    pub(super) cookie: Option<Cookie>,
    /// Registration data as last sent.
    pub(super) registered: Option<String>,
    /// Whether revision ids must be mapped before they mean anything to the server.
    pub(super) refresh_needed: bool,
    pub(super) revisions: BTreeMap<i32, Revision>,
    pub(super) descriptions: BTreeMap<i32, Description>,
}

/// What one answer of SyncUpdates brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) any_new: bool,
    /// Whether the answer asks for another call: it was cut, or brought something others may depend on.
    pub(super) more: bool,
}

impl DataStore {
    /// Another server: its configuration and cookies are unknown, and the ids of the old one mean nothing to it.
    pub(super) fn move_to(&mut self, server: Option<String>) {
        self.config = None;
        self.authorization = None;
        self.cookie = None;
        self.registered = None;
        self.refresh_needed = !self.revisions.is_empty();
        self.server = server;
    }

    /// Largest number of ids in one GetExtendedUpdateInfo.
    pub(super) fn page_size(&self) -> usize {
        let property = self.config.as_ref().and_then(|config| config.property("MaxExtendedUpdatesPerRequest"));
        property.and_then(|value| value.parse().ok()).filter(|size| *size > 0).unwrap_or(50)
    }

    /// Takes a page in. Nothing is kept of a page with an unusable revision.
    pub(super) fn take(&mut self, answer: &SyncUpdatesResponse, facts: &dyn MachineFacts) -> Result<Page, HResult> {
        let mut fresh = Vec::new();
        for update in &answer.new_updates {
            fresh.push((update.id, revision(update, facts)?));
        }
        let page = Page {
            any_new: !fresh.is_empty(),
            more: answer.truncated || fresh.iter().any(|(_, revision)| !revision.leaf),
        };
        for id in answer.out_of_scope_revision_ids.iter().chain(&answer.deployed_out_of_scope_revision_ids) {
            self.revisions.remove(id);
            self.descriptions.remove(id);
        }
        for changed in &answer.changed_updates {
            if let Some(known) = self.revisions.get_mut(&changed.id) {
                known.leaf = changed.is_leaf;
                if let Some(deployment) = &changed.deployment {
                    known.action = deployment.action;
                }
            }
        }
        self.revisions.extend(fresh);
        if let Some(cookie) = &answer.new_cookie {
            self.cookie = Some(cookie.clone());
        }
        Ok(page)
    }

    /// The machine may have changed since the last scan: look again which prerequisites it has.
    pub(super) fn look_again(&mut self, facts: &dyn MachineFacts) {
        for revision in self.revisions.values_mut().filter(|revision| !revision.leaf) {
            revision.installed = revision.core().is_some_and(|core| is_installed(&core, facts).unwrap_or(false));
        }
    }

    /// `InstalledNonLeafUpdateIDs`, `OtherCachedUpdateIDs` and `CachedDriverIDs`.
    pub(super) fn cached_ids(&self) -> (Vec<i32>, Vec<i32>, Vec<i32>) {
        let (mut installed, mut other, mut drivers) = (Vec::new(), Vec::new(), Vec::new());
        for (id, revision) in &self.revisions {
            if revision.driver {
                drivers.push(*id);
            } else if revision.installed && !revision.leaf {
                installed.push(*id);
            } else {
                other.push(*id);
            }
        }
        (installed, other, drivers)
    }

    /// New ids for what is kept, by the answer of RefreshCache; what the server does not know goes.
    pub(super) fn remap(&mut self, results: &[RefreshCacheResult]) {
        let ids: BTreeMap<UpdateIdentity, &RefreshCacheResult> =
            results.iter().map(|result| (result.global_id, result)).collect();
        let descriptions = std::mem::take(&mut self.descriptions);
        for (old, mut revision) in std::mem::take(&mut self.revisions) {
            let Some(result) = ids.get(&revision.identity) else { continue };
            revision.leaf = result.is_leaf;
            if let Some(deployment) = &result.deployment {
                revision.action = deployment.action;
            }
            if let Some(description) = descriptions.get(&old) {
                self.descriptions.insert(result.revision_id, description.clone());
            }
            self.revisions.insert(result.revision_id, revision);
        }
        self.refresh_needed = false;
    }

    /// Runs the applicability rules over everything.
    pub(super) fn search(&self, facts: &dyn MachineFacts) -> SearchResult {
        let cores: Vec<(i32, &Revision, Arc<CoreFragment>)> =
            self.revisions.iter().filter_map(|(id, revision)| Some((*id, revision, revision.core()?))).collect();
        let entities: Vec<Entity<'_>> = cores
            .iter()
            .map(|(id, revision, core)| Entity {
                revision_id: *id,
                core,
                leaf: revision.leaf,
                bundle_only: revision.action == DeploymentAction::Bundle,
            })
            .collect();
        search(&entities, facts)
    }

    /// Keeps a fragment of GetExtendedUpdateInfo; unknown kinds are passed over.
    pub(super) fn describe(&mut self, id: i32, xml: &str) {
        if !self.revisions.contains_key(&id) {
            return;
        }
        let description = self.descriptions.entry(id).or_default();
        if xml.trim_start().starts_with("<LocalizedProperties") {
            if let Ok(localized) = LocalizedProperties::decode(xml) {
                description.title = localized.title;
            }
        } else if let Ok(extended) = ExtendedFragment::decode(xml) {
            description.articles = extended.properties.kb_articles().map(str::to_owned).collect();
            description.bulletins = extended.properties.bulletins().map(str::to_owned).collect();
            if let Some(HandlerBody::Category(category)) = extended.handler.map(|handler| handler.body) {
                description.category = category.category_type;
            }
        }
    }
}

fn revision(update: &UpdateInfo, facts: &dyn MachineFacts) -> Result<Revision, HResult> {
    let deployment = update.deployment.as_ref().ok_or(E_INVALIDARG)?;
    let text = update.xml.as_ref().ok_or(XML_INVALID)?;
    let (xml, core) = fragments::shared(text).map_err(|_| XML_INVALID)?;
    Ok(Revision {
        identity: core.identity,
        leaf: update.is_leaf,
        action: deployment.action,
        driver: core.properties.update_type == UpdateType::Driver,
        // A rule that cannot be evaluated does not make a prerequisite met.
        installed: !update.is_leaf && is_installed(&core, facts).unwrap_or(false),
        core: Some(core),
        xml,
    })
}
