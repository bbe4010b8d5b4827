//! The site server as its components share it.

use cmsim_sitedb::SiteDb;
use cmsim_world::Host;
use cmsim_world::services::StartType;

use crate::component::EXECUTIVE;

/// Folder of the installation (docs: default).
pub const INSTALL_DIR: &str = r"C:\Program Files\Microsoft Configuration Manager";

/// Where remote roles look up the inboxes of the site (article); they read it through Remote Registry.
const INBOX_SOURCE_KEY: &str = r"HKLM\SOFTWARE\Microsoft\SMS\Inbox Source";
/// Value that holds the share (inferred).
const INBOX_SOURCE_VALUE: &str = "Inbox Source Path";
/// Service that answers remote readers of the registry.
const REMOTE_REGISTRY: &str = "RemoteRegistry";

/// Host, database and code of a site. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SiteServer {
    host: Host,
    db: SiteDb,
    site_code: String,
}

impl SiteServer {
    /// Installs what the components need on `host`: the executive service, Remote Registry, the inbox source.
    ///
    /// # Panics
    /// Never: the registry path is a constant.
    #[must_use]
    pub fn install(host: Host, db: SiteDb, site_code: &str) -> Self {
        for (service, title) in [(EXECUTIVE, EXECUTIVE), (REMOTE_REGISTRY, "Remote Registry")] {
            if host.services().query(service).is_none() {
                let process = host.process_id(service);
                host.services().install(service, title, StartType::Automatic, process);
            }
        }
        let share = format!(r"\\{}\SMS_{site_code}\inboxes", host.fqdn());
        host.registry().set(INBOX_SOURCE_KEY, INBOX_SOURCE_VALUE, share.as_str()).expect("a constant path is a path");
        Self { host, db, site_code: site_code.to_owned() }
    }

    /// The machine.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The database, as the site server's components call it.
    #[must_use]
    pub fn db(&self) -> &SiteDb {
        &self.db
    }

    /// Code of the site.
    #[must_use]
    pub fn site_code(&self) -> &str {
        &self.site_code
    }

    /// Path of a folder below the site's inboxes.
    #[must_use]
    pub fn inbox(&self, folder: &str) -> String {
        format!(r"{INSTALL_DIR}\inboxes\{folder}")
    }

    /// The share of the inboxes as another machine learns it, `None` if it cannot ask.
    pub(crate) fn inbox_source(&self) -> Option<String> {
        if !self.host.services().is_running(REMOTE_REGISTRY) {
            return None;
        }
        self.host.registry().text(INBOX_SOURCE_KEY, INBOX_SOURCE_VALUE)
    }
}
