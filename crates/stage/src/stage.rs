//! The world as one handle.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cmsim_agents::framework::ScheduleId;
use cmsim_catalog::Catalogue;
use cmsim_client::ClientHandle;
use cmsim_db::Timing;
use cmsim_iis::Iis;
use cmsim_net::Network;
use cmsim_net::client::{Options, Request, Session};
use cmsim_net::pki::TrustStore;
use cmsim_sim::{Clock, Journal, Seed, SimRng};
use cmsim_site::{FileDispatch, NotificationMonitor, PolicyProvider, StateSystem};
use cmsim_sitedb::SiteDb;
use cmsim_world::directory::{self, DIRECTORY_PORT};
use cmsim_world::{Directory, Host};
use cmsim_wsus::{Prepared, Susdb};
use indexmap::IndexMap;
use tokio::task::JoinHandle;

use crate::catalogue::UPDATE_POINTS;
use crate::network::{Surroundings, surroundings};
use crate::policy::{self, Deployment};
use crate::roles::{self, Roles};
use crate::settings::{Action, Settings, StageError};
use crate::{catalogue, clients, hardware, site, topology};

/// A world with everything in it. [`Stage::start`] sets it going.
pub struct Stage {
    clock: Clock,
    journal: Journal,
    surroundings: Surroundings,
    db: SiteDb,
    roles: Roles,
    catalogue: Catalogue,
    client_names: Vec<String>,
    /// Whether disks and databases live in a folder.
    has_files: bool,
    running: Mutex<Running>,
}

/// Puts the catalogue into every database of the world, into all at the same time.
async fn fill_databases(
    settings: &Settings,
    db: &SiteDb,
    catalogue: &Catalogue,
    clock: &Clock,
    seed: &Seed,
) -> Result<[Susdb; UPDATE_POINTS.len()], StageError> {
    let entries = catalogue::wsus_entries(catalogue);
    let prepared = Prepared::read(&entries).map_err(StageError::part("the catalogue cannot be read"))?;
    let [first, second] = UPDATE_POINTS.map(|point| roles::susdb(settings, point, &prepared, clock, seed));
    let site = async {
        db.import_categories(topology::SITE_CODE, &catalogue::categories(catalogue)).await?;
        db.import_updates(topology::SITE_CODE, &catalogue::updates(catalogue)).await
    };
    let all = async { tokio::join!(biased; first, second, site) };
    let (first, second, site) = cmsim_db::side_by_side(Timing::of(clock), all).await;
    site.map_err(StageError::part("cannot fill the site's catalogue"))?;
    Ok([first?, second?])
}

/// What runs, and what is drawn while it does.
struct Running {
    clients: BTreeMap<String, ClientHandle>,
    tasks: Vec<JoinHandle<()>>,
    deployments: SimRng,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stage({} hosts)", self.surroundings.hosts.len())
    }
}

impl Stage {
    /// Builds the default topology.
    ///
    /// # Errors
    /// [`StageError`] with the part that could not be built.
    pub async fn build(settings: &Settings, clock: Clock) -> Result<Self, StageError> {
        let seed = Seed::new(settings.seed);
        let journal = Journal::new(clock.clone());
        let surroundings = surroundings(settings, &journal, &seed)?;
        let (db, group) = site::create(settings, &surroundings, &journal, &seed).await?;
        let catalogue = catalogue::catalogue(&settings.profile, &seed);
        let susdbs = fill_databases(settings, &db, &catalogue, &clock, &seed).await?;
        let roles = roles::install(settings, &surroundings, &db, susdbs, &journal, &seed).await?;
        let client_names: Vec<String> = (1..=settings.clients).map(topology::client_name).collect();
        for name in &client_names {
            let host = surroundings.server(name)?;
            hardware::describe(host)?;
            clients::install(host, group)?;
            catalogue::install_machine(&catalogue, host)?;
        }
        let deployments = seed.stream("deployments");
        let running = Mutex::new(Running { clients: BTreeMap::new(), tasks: Vec::new(), deployments });
        let has_files = settings.folder.is_some();
        Ok(Self { clock, journal, surroundings, db, roles, catalogue, client_names, has_files, running })
    }

    /// Starts servers, site components and clients. Must be called inside the world's runtime.
    ///
    /// # Errors
    /// [`StageError`] if a port or an agent cannot be started.
    pub async fn start(&self) -> Result<(), StageError> {
        self.start_servers()?;
        for name in &self.client_names {
            let host = self.host(name)?;
            let handle = clients::start(host, &self.surroundings.network, &self.surroundings.directory)?;
            self.running().clients.insert(name.clone(), handle);
        }
        Ok(())
    }

    /// Starts servers and site components only.
    ///
    /// # Errors
    /// [`StageError`] if a port cannot be opened.
    pub fn start_servers(&self) -> Result<(), StageError> {
        for (name, web) in &self.roles.iis {
            web.start().map_err(StageError::part(format!("cannot start IIS on {name}")))?;
        }
        let network = &self.surroundings.network;
        let controller = topology::DOMAIN_CONTROLLER;
        let listener = network
            .listen(controller, DIRECTORY_PORT)
            .map_err(StageError::part(format!("cannot start the directory service of {controller}")))?;
        let site = &self.roles.site;
        let point = self.host(topology::SITE_SYSTEM)?.clone();
        let tasks = [
            tokio::spawn(directory::serve(listener)),
            tokio::spawn(FileDispatch::new(point, site.clone()).run()),
            tokio::spawn(NotificationMonitor::new(site.clone()).run()),
            tokio::spawn(PolicyProvider::new(site.clone(), Some(Arc::clone(&self.roles.signer))).run()),
            tokio::spawn(StateSystem::new(site.clone()).run()),
        ];
        self.running().tasks.extend(tasks);
        Ok(())
    }

    /// Ends everything that runs, clients first.
    pub async fn stop(&self) {
        let (clients, tasks) = {
            let mut running = self.running();
            (std::mem::take(&mut running.clients), std::mem::take(&mut running.tasks))
        };
        for handle in clients.into_values() {
            handle.stop().await;
        }
        for task in &tasks {
            task.abort();
        }
        for web in self.roles.iis.values() {
            web.stop();
        }
        self.surroundings.network.shut_down();
    }

    /// The real address behind a port of a server, if it is open on a socket.
    #[must_use]
    pub fn real_address(&self, host: &str, port: u16) -> Option<SocketAddr> {
        self.roles.iis.get(host)?.real_address(port)
    }

    /// Asks one URL from a machine of the world; the status of the answer.
    ///
    /// # Errors
    /// [`StageError`] if the text is no URL or no answer comes.
    pub async fn get(&self, from: &str, url: &str) -> Result<u16, StageError> {
        let failed = || format!("no answer from {url}");
        let target = url.parse().map_err(StageError::part(failed()))?;
        let trust = TrustStore::new();
        trust.add(self.surroundings.authority.certificate());
        let session = Session::new(&self.surroundings.network, from, Options::new("probe", trust));
        let answer = session.send(Request::new(http::Method::GET, target)).await.map_err(StageError::part(failed()))?;
        Ok(answer.status)
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What has happened.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What the machines are connected by.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.surroundings.network
    }

    /// Forest, AD sites and Group Policy.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.surroundings.directory
    }

    /// The site database.
    #[must_use]
    pub fn site_db(&self) -> &SiteDb {
        &self.db
    }

    /// Every machine by name.
    #[must_use]
    pub fn hosts(&self) -> &IndexMap<String, Host> {
        &self.surroundings.hosts
    }

    /// One machine.
    ///
    /// # Errors
    /// [`StageError::UnknownHost`].
    pub fn host(&self, name: &str) -> Result<&Host, StageError> {
        self.surroundings.server(name)
    }

    /// The web server of a machine that has one.
    #[must_use]
    pub fn web_server(&self, host: &str) -> Option<&Iis> {
        self.roles.iis.get(host)
    }

    /// Names of the clients, in order.
    #[must_use]
    pub fn client_names(&self) -> Vec<String> {
        self.client_names.clone()
    }

    /// Name of the first client.
    #[must_use]
    pub fn first_client(&self) -> String {
        topology::client_name(1)
    }

    /// What every update of the world is.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub(crate) fn has_files(&self) -> bool {
        self.has_files
    }

    pub(crate) fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Starts a client action.
    ///
    /// # Errors
    /// [`StageError::NotAClient`], or the site database's error for a deployment.
    pub async fn trigger(&self, client: &str, action: Action) -> Result<(), StageError> {
        let schedule = match action {
            Action::MachinePolicy => 21,
            Action::ScanCycle => 113,
            Action::DeploymentEvaluation => 108,
            Action::SendStateMessages => 111,
            // A deployment reaches clients as policy, which this one asks for at once.
            Action::DeploymentActivation => {
                self.deploy().await?;
                21
            }
        };
        let running = self.running();
        let handle = running.clients.get(client).ok_or_else(|| StageError::NotAClient(client.to_owned()))?;
        handle.trigger(ScheduleId(schedule));
        Ok(())
    }

    /// Deploys every update that is not superseded, available now.
    async fn deploy(&self) -> Result<(), StageError> {
        let id = self.running().deployments.uuid();
        let updates = catalogue::updates(&self.catalogue);
        let updates = updates.iter().filter(|update| !update.superseded).map(|update| update.unique_id).collect();
        let deployment =
            Deployment { id, name: "Monthly software updates".to_owned(), start: self.clock.now(), updates };
        self.roles
            .provider
            .publish(&deployment.policy())
            .await
            .map_err(StageError::part("cannot publish a deployment"))?;
        Ok(())
    }

    /// The catalogue's content version rises, as a synchronization that found something new makes it.
    ///
    /// # Errors
    /// The site database's error.
    pub async fn synchronize(&self, version: u32) -> Result<(), StageError> {
        for (server, _) in UPDATE_POINTS {
            let state = policy::synchronized(server, version, self.clock.now());
            self.db
                .sp_process_sum_sync_state_message(&state)
                .await
                .map_err(StageError::part("cannot record a synchronization"))?;
        }
        Ok(())
    }
}
