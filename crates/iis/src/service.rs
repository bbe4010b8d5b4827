//! The web server of one host.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use cmsim_net::server::{Server, TlsSettings, serve};
use cmsim_net::{ListenError, Network};
use cmsim_sim::SimRng;
use cmsim_world::{Host, StartType};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use thiserror::Error;

use crate::application::{Application, Mounted, Settings, normal};
use crate::change::UnknownTarget;
use crate::pipeline::{Port, pass};
use crate::pool::{Pool, PoolSpec};
use crate::record::Recorder;
use crate::site::{Site, SiteSpec};

/// The web server of one host. Cheap to clone; all clones are the same server, which ends with the last one.
#[derive(Clone)]
pub struct Iis(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) host: Host,
    network: Network,
    /// Version as logs show it, `7.5`.
    pub(crate) version: &'static str,
    pub(crate) server_header: HeaderValue,
    /// How long clients take to acknowledge answers.
    pub(crate) acknowledgements: Mutex<SimRng>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) sites: BTreeMap<u32, Site>,
    /// Pools by lower-case name.
    pub(crate) pools: BTreeMap<String, Pool>,
    servers: BTreeMap<u16, Server>,
    running: bool,
}

/// Why the web server cannot be set up as asked.
#[derive(Debug, Error)]
pub enum IisError {
    /// Two sites with the same number.
    #[error("there is a site {0} already")]
    DuplicateSite(u32),
    /// Two applications at the same path.
    #[error("site {site} has an application '{path}' already")]
    DuplicateApplication {
        /// Number of the site.
        site: u32,
        /// The path.
        path: String,
    },
    /// A site, application or pool that does not exist.
    #[error(transparent)]
    Unknown(#[from] UnknownTarget),
    /// A port that cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

impl fmt::Debug for Iis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iis({})", self.0.host.name())
    }
}

impl Iis {
    /// Installs the web server on a host: services `W3SVC` and `WAS`, the pool `DefaultAppPool`, no site.
    #[must_use]
    pub fn new(host: &Host, network: &Network) -> Self {
        for (name, shown) in
            [("WAS", "Windows Process Activation Service"), ("W3SVC", "World Wide Web Publishing Service")]
        {
            host.services().install(name, shown, StartType::Automatic, host.process_id("svchost.exe -k iissvcs"));
        }
        let version = version_for(&host.profile().os.version);
        let server_header = HeaderValue::try_from(format!("Microsoft-IIS/{version}"));
        let iis = Self(Arc::new(Inner {
            host: host.clone(),
            network: network.clone(),
            version,
            server_header: server_header.unwrap_or_else(|_| HeaderValue::from_static("Microsoft-IIS")),
            acknowledgements: Mutex::new(host.seed().stream("iis/acknowledgements")),
            state: Mutex::default(),
        }));
        iis.add_pool(PoolSpec::new("DefaultAppPool"));
        iis
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// The host it runs on.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// Adds an application pool, or replaces the one of that name.
    pub fn add_pool(&self, spec: PoolSpec) {
        self.lock().pools.insert(spec.name.to_ascii_lowercase(), Pool::new(spec));
    }

    /// Adds a site. On a running server its ports open at once.
    ///
    /// # Errors
    /// [`IisError`] if the number is taken or a port cannot be opened.
    pub fn add_site(&self, spec: SiteSpec) -> Result<(), IisError> {
        let id = spec.id;
        let mut state = self.lock();
        if state.sites.contains_key(&id) {
            return Err(IisError::DuplicateSite(id));
        }
        state.sites.insert(id, Site::new(spec));
        let running = state.running;
        drop(state);
        if running { self.open_ports() } else { Ok(()) }
    }

    /// Mounts an application in a site. A pool it names that does not exist is made.
    ///
    /// # Errors
    /// [`IisError`] if there is no such site, or it has an application at that path.
    pub fn mount(&self, site: u32, application: Application) -> Result<(), IisError> {
        let mut state = self.lock();
        let pool = application.pool.to_ascii_lowercase();
        let spec = PoolSpec::new(&application.pool);
        let found = state.sites.get_mut(&site).ok_or(UnknownTarget::Site(site))?;
        let key = normal(&application.path);
        if found.applications.contains_key(&key) {
            return Err(IisError::DuplicateApplication { site, path: application.path });
        }
        found.applications.insert(key, Mounted::new(application));
        state.pools.entry(pool).or_insert_with(|| Pool::new(spec));
        Ok(())
    }

    /// Changes the settings of an application as an administrator does.
    ///
    /// # Errors
    /// [`UnknownTarget`].
    pub fn configure(&self, site: u32, path: &str, change: impl FnOnce(&mut Settings)) -> Result<(), UnknownTarget> {
        self.with_application(site, path, |mounted| {
            let mut settings = mounted.settings();
            change(&mut settings);
            mounted.configure(settings);
        })
    }

    /// The settings of an application.
    ///
    /// # Errors
    /// [`UnknownTarget`].
    pub fn settings(&self, site: u32, path: &str) -> Result<Settings, UnknownTarget> {
        self.with_application(site, path, |mounted| mounted.settings())
    }

    /// Starts or stops an application pool.
    ///
    /// # Errors
    /// [`UnknownTarget`].
    pub fn set_pool_started(&self, pool: &str, started: bool) -> Result<(), UnknownTarget> {
        self.with_pool(pool, |pool| pool.started.set(started))
    }

    /// Name, whether it runs, and identity of every pool, by name.
    #[must_use]
    pub fn pools(&self) -> Vec<(PoolSpec, bool)> {
        let state = self.lock();
        state.pools.values().map(|pool| (pool.spec.clone(), *pool.started.peek())).collect()
    }

    /// The sites as they were set up and whether each is started, by number.
    #[must_use]
    pub fn sites(&self) -> Vec<(SiteSpec, bool)> {
        let state = self.lock();
        state.sites.values().map(|site| (site.spec.clone(), *site.started.peek())).collect()
    }

    /// Starts or stops a site.
    ///
    /// # Errors
    /// [`UnknownTarget`].
    pub fn set_site_started(&self, site: u32, started: bool) -> Result<(), UnknownTarget> {
        self.with_site(site, |site| site.started.set(started))?;
        self.follow();
        Ok(())
    }

    /// Starts the server: opens the ports of all started sites. Must be called inside the world's runtime.
    ///
    /// # Errors
    /// [`IisError::Listen`] if a port cannot be opened.
    pub fn start(&self) -> Result<(), IisError> {
        self.lock().running = true;
        self.open_ports()
    }

    /// Stops the server: its ports close, its connections end.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.running = false;
        let servers = std::mem::take(&mut state.servers);
        drop(state);
        drop(servers);
    }

    /// Whether a started site has a binding on the port.
    #[must_use]
    pub fn has_port(&self, port: u16) -> bool {
        self.lock().wanted_ports().contains_key(&port)
    }

    /// Answers a request that reached the port without a connection: for drivers that move whole messages and no bytes.
    /// It passes everything that others pass, except the logs, which need byte counts. Its extensions should have an
    /// `Arc<`[`cmsim_net::server::Peer`]`>`.
    pub async fn answer(&self, port: u16, request: Request<Body>) -> Response<Body> {
        pass(&self.0, port, request).await
    }

    /// The real address behind a port, if the network has sockets.
    #[must_use]
    pub fn real_address(&self, port: u16) -> Option<SocketAddr> {
        self.lock().servers.get(&port)?.real_address()
    }

    /// Brings the open ports in line with what is started; a port that cannot be opened stays closed.
    pub(crate) fn follow(&self) {
        if let Err(error) = self.open_ports() {
            tracing::error!(%error, host = %self.0.host.name(), "a port stays closed");
        }
    }

    fn open_ports(&self) -> Result<(), IisError> {
        let mut state = self.lock();
        let wanted = if state.running { state.wanted_ports() } else { BTreeMap::new() };
        let closed: Vec<_> = state.servers.extract_if(.., |port, _| !wanted.contains_key(port)).collect();
        let missing: Vec<_> = wanted.into_iter().filter(|(port, _)| !state.servers.contains_key(port)).collect();
        drop(state);
        drop(closed);
        for (port, tls) in missing {
            let listener = self.0.network.listen(self.0.host.name(), port)?;
            let iis = Arc::downgrade(&self.0);
            let observer = Arc::new(Recorder { iis: iis.clone(), port });
            let server = serve(&self.0.network, listener, tls, Port { iis, port }, observer);
            self.lock().servers.insert(port, server);
        }
        Ok(())
    }

    pub(crate) fn with_pool<T>(&self, name: &str, act: impl FnOnce(&mut Pool) -> T) -> Result<T, UnknownTarget> {
        let mut state = self.lock();
        let pool = state.pools.get_mut(&name.to_ascii_lowercase());
        pool.map(act).ok_or_else(|| UnknownTarget::Pool(name.to_owned()))
    }

    pub(crate) fn with_site<T>(&self, id: u32, act: impl FnOnce(&mut Site) -> T) -> Result<T, UnknownTarget> {
        let mut state = self.lock();
        state.sites.get_mut(&id).map(act).ok_or(UnknownTarget::Site(id))
    }

    pub(crate) fn with_application<T>(
        &self,
        site: u32,
        path: &str,
        act: impl FnOnce(&mut Mounted) -> T,
    ) -> Result<T, UnknownTarget> {
        let unknown = || UnknownTarget::Application { site, path: path.to_owned() };
        self.with_site(site, |found| found.mounted_mut(path).map(act).ok_or_else(unknown))?
    }
}

impl State {
    /// The ports of all started sites, with the TLS settings of the first site that has them.
    fn wanted_ports(&self) -> BTreeMap<u16, Option<TlsSettings>> {
        let mut wanted = BTreeMap::new();
        let started = self.sites.values().filter(|site| *site.started.get());
        for binding in started.flat_map(|site| &site.spec.bindings) {
            wanted.entry(binding.port).or_insert_with(|| binding.tls.clone());
        }
        wanted
    }

    /// The started site that requests on `port` with these headers are for: by host name before any name, and the
    /// lowest number of equals.
    pub(crate) fn site_for(&self, port: u16, headers: &HeaderMap) -> Option<&Site> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        let started = self.sites.values().filter(|site| *site.started.peek());
        let fitting = started.map(|site| (site.fit(port, host), site)).filter(|(fit, _)| *fit > 0);
        fitting.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, site)| site)
    }
}

impl Inner {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The IIS that comes with a version of Windows.
fn version_for(windows: &[u32; 4]) -> &'static str {
    match windows {
        [6, 0, ..] => "7.0",
        [6, 1, ..] => "7.5",
        [6, 2, ..] => "8.0",
        [6, 3, ..] => "8.5",
        _ => "10.0",
    }
}
