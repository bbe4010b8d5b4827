//! Applications and their settings.

use std::fmt;

use axum::Router;
use cmsim_world::Tracked;
use serde::{Deserialize, Serialize};

/// Longest request body in bytes, unless set otherwise: `maxAllowedContentLength` (documented default).
pub(crate) const MAX_BODY: u64 = 30_000_000;

/// An application or virtual directory that a role mounts in a site.
#[derive(Clone)]
pub struct Application {
    /// Its path, `/ClientWebService`; `/` for the root of the site. Case does not matter.
    pub path: String,
    /// The application pool it runs in.
    pub pool: String,
    /// Whether it takes requests without credentials; if not, Windows authentication is asked for.
    pub anonymous: bool,
    /// What answers. It sees the path below the application, in lower case.
    pub router: Router,
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Application({} in {})", self.path, self.pool)
    }
}

/// What an application does about client certificates (`sslFlags` of the `access` section).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificateRule {
    /// Takes no notice of them.
    #[default]
    Ignore,
    /// Takes them; refuses one that it does not trust (403.16).
    Accept,
    /// Refuses requests without one (403.7).
    Require,
}

/// The settings of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether requests without credentials are taken.
    pub anonymous: bool,
    /// Whether requests must come over TLS (403.4 otherwise).
    pub require_ssl: bool,
    /// Client certificates.
    pub client_certificates: ClientCertificateRule,
    /// Longest request body in bytes (404.13 beyond it).
    pub max_body: u64,
}

/// An application in its site.
pub(crate) struct Mounted {
    pub(crate) pool: String,
    pub(crate) router: Router,
    pub(crate) present: Tracked<bool>,
    pub(crate) anonymous: Tracked<bool>,
    pub(crate) require_ssl: Tracked<bool>,
    pub(crate) client_certificates: Tracked<ClientCertificateRule>,
    pub(crate) max_body: Tracked<u64>,
}

impl Mounted {
    pub(crate) fn new(application: Application) -> Self {
        Self {
            pool: application.pool,
            router: application.router,
            present: Tracked::new(true),
            anonymous: Tracked::new(application.anonymous),
            require_ssl: Tracked::default(),
            client_certificates: Tracked::default(),
            max_body: Tracked::new(MAX_BODY),
        }
    }

    /// The settings, without counting as a component that reads them.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            anonymous: *self.anonymous.peek(),
            require_ssl: *self.require_ssl.peek(),
            client_certificates: *self.client_certificates.peek(),
            max_body: *self.max_body.peek(),
        }
    }

    pub(crate) fn configure(&mut self, settings: Settings) {
        self.anonymous.set(settings.anonymous);
        self.require_ssl.set(settings.require_ssl);
        self.client_certificates.set(settings.client_certificates);
        self.max_body.set(settings.max_body);
    }
}

/// A path as applications are looked up by: lower case, no slash at the end.
pub(crate) fn normal(path: &str) -> String {
    path.trim_end_matches('/').to_ascii_lowercase()
}
