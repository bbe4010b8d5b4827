//! Policy Provider: makes policies from what administrators and synchronizations changed. Log: `policypv.log`.

use std::fmt::Write as _;
use std::sync::Arc;

use cmsim_logs::{Evidence, Log};
use cmsim_sitedb::{NewPolicy, SiteDbError};
use cmsim_wire::ccm::policy::{
    CONTENT_TYPE_WSUS, Condition, Instance, POLICY_CATEGORY_UPDATE_SOURCE, PolicyAssignment, PolicyBody,
    PolicyReference, PolicyRule, PolicyVersion, UpdateSource, body_path, flags,
};
use cmsim_wire::ccm::text::utf16le_with_mark;
use cmsim_wire::guid::Braced;
use sha2::{Digest as _, Sha256};

use crate::component::{Component, LOOK};
use crate::site_server::{INSTALL_DIR, SiteServer};

/// Signs the bytes of an assignment with the site's key.
pub type Signer = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// Inbox of the component (article).
const INBOX: &str = "policypv.box";

/// Clients of this version and later take the policy (shape from a captured assignment).
const FOR_CLIENTS: &str = "@root\\ccm\nSELECT * FROM SMS_Client WHERE ClientVersion >= \"5.00.0000.0000\"";

/// The component.
pub struct PolicyProvider {
    component: Component,
    site: SiteServer,
    signer: Option<Signer>,
}

/// Settings that every client of the site gets, as WMI instances of the policy's one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsPolicy {
    /// What the settings come from: the site code for the update source (field).
    pub source_id: String,
    /// Kind of source, such as `UpdateSource`.
    pub source_type: String,
    /// `PolicyCategory` of the policy.
    pub category: String,
    /// The settings.
    pub instances: Vec<Instance>,
}

impl PolicyProvider {
    /// The component of `site`; assignments stay unsigned without a signer.
    #[must_use]
    pub fn new(site: SiteServer, signer: Option<Signer>) -> Self {
        Self { component: Component::new(site.host().clone(), Log::PolicyPv), site, signer }
    }

    /// Makes policies for ever.
    pub async fn run(self) {
        loop {
            self.component.wait("files in its inbox", LOOK).await;
            if self.component.is_running() {
                self.process_inbox().await;
            }
        }
    }

    async fn process_inbox(&self) {
        let disk = self.component.host.disk().clone();
        for file in disk.list(&self.site.inbox(INBOX)).unwrap_or_default() {
            let name = file.name();
            let Some(source) = name.strip_suffix(".STN") else {
                continue;
            };
            let path = format!(r"{INSTALL_DIR}\inboxes\{INBOX}\{name}");
            self.component.info(Evidence::Article, format!("Found {name}"));
            self.component.info(Evidence::Article, format!("Added Scan Tool ID {source}"));
            self.component.info(Evidence::Article, format!("Adding to delete list: {path}"));
            match self.publish_update_source().await {
                // A file that cannot be deleted is found again, which changes nothing.
                Ok(_) => drop(disk.delete(&path)),
                Err(error) => {
                    let text = format!("ERROR: Failed to update the policy of {source}: {error}");
                    self.component.error(Evidence::Inferred, text);
                }
            }
        }
    }

    /// Publishes the update source of the site at the version of its last synchronization; says whether the policy
    /// changed. Before the first synchronization there is nothing to publish.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn publish_update_source(&self) -> Result<bool, SiteDbError> {
        let Some(state) = self.site.db().update_source_state(self.site.site_code()).await? else {
            return Ok(false);
        };
        let codes = state.retry_codes.trim_matches(['{', '}']).split(',');
        let source = UpdateSource {
            unique_id: state.source,
            content_type: CONTENT_TYPE_WSUS,
            content_version: state.content_version,
            service_id: String::new(),
            retry_codes: codes.filter_map(|code| code.trim().parse().ok()).collect(),
        };
        self.publish(&SettingsPolicy {
            source_id: self.site.site_code().to_owned(),
            source_type: POLICY_CATEGORY_UPDATE_SOURCE.to_owned(),
            category: POLICY_CATEGORY_UPDATE_SOURCE.to_owned(),
            instances: vec![source.to_instance()],
        })
        .await
    }

    /// Publishes settings, in a new version if they differ from what was published; says whether they did.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn publish(&self, settings: &SettingsPolicy) -> Result<bool, SiteDbError> {
        let db = self.site.db();
        let source_crc = fingerprint(&settings.instances);
        let row = db.settings_policy(&settings.source_id, &settings.source_type).await?;
        if row.as_ref().is_some_and(|row| row.source_crc == source_crc) {
            return Ok(false);
        }
        let ids = row.map_or_else(|| self.new_ids(settings), |row| (row.policy_id, row.policy_assignment_id));
        let previous = db.policy_version(&ids.0).await?;
        let previous: Option<PolicyVersion> = previous.and_then(|version| version.parse().ok());
        let version = PolicyVersion::new(previous.map_or(0, |version| version.major) + 1);
        db.publish_policy(&self.document(settings, ids, version, source_crc)).await?;
        Ok(true)
    }

    /// Ids of a policy and its assignment; the same for the same source in every run with one seed.
    fn new_ids(&self, settings: &SettingsPolicy) -> (String, String) {
        let label = format!("policy {} {}", settings.source_type, settings.source_id);
        let mut stream = self.component.host.seed().stream(&label);
        (Braced(stream.uuid()).to_string(), Braced(stream.uuid()).to_string())
    }

    fn document(
        &self,
        settings: &SettingsPolicy,
        (policy_id, policy_assignment_id): (String, String),
        version: PolicyVersion,
        source_crc: String,
    ) -> NewPolicy {
        let rule = PolicyRule { id: policy_id.clone(), condition: None, instances: settings.instances.clone() };
        let body = PolicyBody {
            id: policy_id.clone(),
            version,
            source: format!("SMS:{}", self.site.site_code()),
            rules: vec![rule],
        };
        let body = utf16le_with_mark(&body.to_xml());
        let body_hash = sha256_hex(&body);
        let flags = flags::PERSIST_WHOLE;
        let assignment = PolicyAssignment {
            id: policy_assignment_id.clone(),
            condition: Some(Condition::until_true(FOR_CLIENTS)),
            policies: vec![PolicyReference {
                id: policy_id.clone(),
                version,
                category: Some(settings.category.clone()),
                flags,
                hash: Some(format!("SHA256:{body_hash}")),
                // The client puts its management point's name in place of the marker.
                location: format!("http://<mp>{}", body_path(&policy_id, version)),
            }],
        };
        let assignment = utf16le_with_mark(&assignment.to_xml());
        NewPolicy {
            source_id: settings.source_id.clone(),
            source_type: settings.source_type.clone(),
            source_crc,
            policy_id,
            version: version.to_string(),
            category: settings.category.clone(),
            flags,
            body,
            body_hash,
            policy_assignment_id,
            assignment_hash: sha256_hex(&assignment),
            assignment_signature: self.signer.as_ref().map(|sign| hex(&sign(&assignment))).unwrap_or_default(),
            assignment,
        }
    }
}

/// What tells one state of the settings from another.
fn fingerprint(instances: &[Instance]) -> String {
    let rule = PolicyRule { id: String::new(), condition: None, instances: instances.to_vec() };
    let document =
        PolicyBody { id: String::new(), version: PolicyVersion::new(0), source: String::new(), rules: vec![rule] };
    sha256_hex(document.to_xml().as_bytes())
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}
