//! The server as a whole: its services as IIS applications, and its copy of the catalogue.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use bytes::Bytes;
use cmsim_iis::Application;
use cmsim_net::pki::CertifiedKey;
use cmsim_sim::SimRng;
use cmsim_world::Host;
use uuid::Uuid;

use crate::log::ServerLog;
use crate::self_update;
use crate::services::{self, Thrown};
use crate::settings::WebSettings;
use crate::susdb::{Approval, Catalogue, CatalogueEntry, Imported, Prepared, Susdb, SusdbError};

/// The application pool of all services (documented).
const POOL: &str = "WsusPool";

/// Makes the router of one service.
type Mount = fn(Arc<Inner>) -> Router;

/// What a server is made of.
pub struct ServerSpec {
    /// The machine it runs on.
    pub host: Host,
    /// Its database.
    pub susdb: Susdb,
    /// Who signs `wuident.cab`; without a signer the file is missing.
    pub signer: Option<CertifiedKey>,
    /// Settings outside the database.
    pub settings: WebSettings,
}

/// A WSUS server. Cheap to clone; all clones are the same server.
#[derive(Clone)]
pub struct WsusServer(Arc<Inner>);

/// What the services share.
pub(crate) struct Inner {
    pub(crate) host: Host,
    pub(crate) susdb: Susdb,
    pub(crate) log: ServerLog,
    pub(crate) wuident: Option<Bytes>,
    state: Mutex<State>,
}

struct State {
    settings: WebSettings,
    /// Loaded when first needed; dropped when deployments change.
    catalogue: Option<Arc<Catalogue>>,
    /// Rises whenever the copy is dropped, so that one read before does not come back.
    generation: u64,
    fault_ids: SimRng,
    /// The running minute and the calls in it.
    minute: (i64, u32),
}

impl fmt::Debug for WsusServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WsusServer({})", self.0.host.name())
    }
}

impl WsusServer {
    /// Starts the server: writes the first lines of its log and signs its files.
    #[must_use]
    pub fn new(spec: ServerSpec) -> Self {
        let log = ServerLog::new(&spec.host);
        log.started();
        let cabinet = self_update::cabinet(&self_update::offer());
        let wuident = spec.signer.zip(cabinet).map(|(signer, cabinet)| self_update::sign(cabinet, &signer).into());
        let state = State {
            settings: spec.settings,
            catalogue: None,
            generation: 0,
            fault_ids: spec.host.seed().stream("wsus/faults"),
            minute: (0, 0),
        };
        Self(Arc::new(Inner { host: spec.host, susdb: spec.susdb, log, wuident, state: Mutex::new(state) }))
    }

    /// The database.
    #[must_use]
    pub fn susdb(&self) -> &Susdb {
        &self.0.susdb
    }

    /// Adds revisions to the catalogue, as a finished synchronization does.
    ///
    /// # Errors
    /// As [`Prepared::read`] and [`Susdb::import`].
    pub async fn import(&self, entries: &[CatalogueEntry]) -> Result<Imported, SusdbError> {
        self.import_prepared(&Prepared::read(entries)?).await
    }

    /// As [`WsusServer::import`], for a catalogue that more servers than this one import.
    ///
    /// # Errors
    /// As [`Susdb::import`].
    pub async fn import_prepared(&self, catalogue: &Prepared<'_>) -> Result<Imported, SusdbError> {
        let imported = self.0.susdb.import(catalogue).await?;
        self.deployments_changed();
        Ok(imported)
    }

    /// Applies an administrator's decision.
    ///
    /// # Errors
    /// As [`Susdb::approve`].
    pub async fn approve(&self, updates: &[Uuid], approval: Approval) -> Result<(), SusdbError> {
        self.0.susdb.approve(updates, approval).await?;
        self.deployments_changed();
        Ok(())
    }

    /// Drops the copy of the catalogue, so that the next call sees what the database holds now.
    pub fn reload(&self) {
        let mut state = self.0.state();
        state.catalogue = None;
        state.generation += 1;
    }

    /// Changes settings outside the database.
    pub fn configure(&self, change: impl FnOnce(&mut WebSettings)) {
        change(&mut self.0.state().settings);
    }

    /// The services as applications of the site that the server's clients talk to. Content belongs on the plain HTTP
    /// port; mounted in a site, it is on all of the site's bindings.
    #[must_use]
    pub fn applications(&self) -> Vec<Application> {
        let services: [(&str, Mount); 5] = [
            ("/ClientWebService", services::client_web_service),
            ("/SimpleAuthWebService", services::simple_auth_web_service),
            ("/ReportingWebService", services::reporting_web_service),
            ("/SelfUpdate", services::self_update),
            ("/Content", services::content),
        ];
        let mount = |(path, service): (&str, Mount)| Application {
            path: path.to_owned(),
            pool: POOL.to_owned(),
            anonymous: true,
            router: service(Arc::clone(&self.0)),
        };
        services.map(mount).into()
    }

    /// Takes notice of a change of deployments that somebody made in the database; the log says so.
    pub fn deployments_changed(&self) {
        self.reload();
        self.0.log.deployments_changed();
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> WebSettings {
        self.state().settings.clone()
    }

    pub(crate) async fn catalogue(&self) -> Result<Arc<Catalogue>, Thrown> {
        let generation = {
            let state = self.state();
            if let Some(catalogue) = &state.catalogue {
                return Ok(Arc::clone(catalogue));
            }
            state.generation
        };
        let loaded = Arc::new(self.susdb.catalogue().await?);
        let mut state = self.state();
        if state.generation == generation {
            state.catalogue = Some(Arc::clone(&loaded));
        }
        Ok(loaded)
    }

    /// The id of the next fault.
    pub(crate) fn fault_id(&self) -> Uuid {
        self.state().fault_ids.uuid()
    }

    /// Counts a call; false when the server has had enough of them in this minute.
    pub(crate) fn admit(&self) -> bool {
        let now = self.host.now().millis() / 60_000;
        let mut state = self.state();
        if state.minute.0 != now {
            state.minute = (now, 0);
        }
        state.minute.1 = state.minute.1.saturating_add(1);
        state.settings.calls_per_minute.is_none_or(|most| state.minute.1 <= most)
    }
}
