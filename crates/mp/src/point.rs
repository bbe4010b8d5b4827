//! The management point as its components share it.

use std::sync::{Arc, Mutex, PoisonError};

use cmsim_db::Caller;
use cmsim_iis::Application;
use cmsim_sim::SimRng;
use cmsim_sitedb::SiteDb;
use cmsim_wire::ccm::mp_list::{Capabilities, MpEntry, MpList};
use cmsim_world::Host;
use uuid::Uuid;

use crate::settings::Settings;
use crate::web;

/// One management point on its host. Cheap to clone; it keeps nothing that the site database or the disk does not hold.
#[derive(Clone)]
pub struct ManagementPoint(Arc<Inner>);

struct Inner {
    host: Host,
    db: SiteDb,
    settings: Settings,
    random: Mutex<SimRng>,
}

impl std::fmt::Debug for ManagementPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ManagementPoint({})", self.0.host.name())
    }
}

impl ManagementPoint {
    /// A management point on `host` that reads `db` under the host's machine account.
    #[must_use]
    pub fn new(host: Host, db: &SiteDb, settings: Settings) -> Self {
        let domain = host.domain().and_then(|domain| domain.split('.').next()).unwrap_or("WORKGROUP").to_owned();
        let caller = Caller {
            host: Arc::clone(host.name()),
            application: "Management Point".into(),
            login: format!(r"{domain}\{}$", host.name()).into(),
        };
        let random = Mutex::new(host.seed().stream("management-point"));
        Self(Arc::new(Inner { db: db.for_caller(caller), host, settings, random }))
    }

    /// What IIS mounts: messaging, the plain GETs, and the client's installation files, under the paths and pools of a
    /// real management point (docs and field).
    #[must_use]
    pub fn applications(&self) -> Vec<Application> {
        let application = |path: &str, pool: &str, anonymous: bool, router| Application {
            path: path.to_owned(),
            pool: pool.to_owned(),
            anonymous,
            router,
        };
        vec![
            application("/CCM_System", "CCM Server Framework Pool", true, web::messaging(self)),
            application(
                "/CCM_System_WindowsAuth",
                "CCM Windows Auth Server Framework Pool",
                false,
                web::messaging(self),
            ),
            application("/SMS_MP", "SMS Management Point Pool", true, web::documents(self)),
            application("/SMS_MP_WindowsAuth", "SMS Windows Auth Management Point Pool", false, web::documents(self)),
            application("/CCM_Client", "CCM Client Deployment Pool", true, web::client_files(self)),
        ]
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn db(&self) -> &SiteDb {
        &self.0.db
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The list of management points, which has only this one; with the site code where the query named a site.
    pub(crate) fn list(&self, with_site: bool) -> MpList {
        let fqdn = self.host().fqdn();
        let entry = MpEntry {
            name: fqdn.to_uppercase(),
            fqdn,
            site_code: with_site.then(|| self.settings().site_code.clone()),
            version: self.host().profile().site_build,
            capabilities: Capabilities::ssl_state(self.settings().ssl_state()),
        };
        MpList { entries: vec![entry] }
    }

    pub(crate) fn new_id(&self) -> Uuid {
        self.random(SimRng::uuid)
    }

    /// Draws from the management point's own stream.
    pub(crate) fn random<T>(&self, draw: impl FnOnce(&mut SimRng) -> T) -> T {
        draw(&mut self.0.random.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
