//! What can be broken and mended in a web server.

use cmsim_world::Mark;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::application::ClientCertificateRule;
use crate::service::Iis;

/// A change of the state of a host's web server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Stops an application pool: 503, seen in HTTPERR only.
    StopPool {
        /// Name of the pool.
        pool: String,
    },
    /// Sets how many requests may be in a pool at a time.
    SetQueueLength {
        /// Name of the pool.
        pool: String,
        /// The limit; 0 takes none.
        requests: u32,
    },
    /// Stops a site: its ports close unless another site has them.
    StopSite {
        /// Number of the site.
        site: u32,
    },
    /// Removes an application: 404.
    RemoveApplication {
        /// Number of the site.
        site: u32,
        /// Path of the application.
        path: String,
    },
    /// Switches anonymous access on or off: 401 without it.
    SetAnonymous {
        /// Number of the site.
        site: u32,
        /// Path of the application.
        path: String,
        /// Whether anonymous requests are taken.
        allowed: bool,
    },
    /// Demands TLS or not: 403.4 over plain HTTP.
    SetRequireSsl {
        /// Number of the site.
        site: u32,
        /// Path of the application.
        path: String,
        /// Whether TLS is demanded.
        required: bool,
    },
    /// Sets what is done about client certificates: 403.7 and 403.16.
    SetClientCertificates {
        /// Number of the site.
        site: u32,
        /// Path of the application.
        path: String,
        /// The rule.
        rule: ClientCertificateRule,
    },
    /// Limits request bodies: 404.13 beyond it.
    SetMaxBody {
        /// Number of the site.
        site: u32,
        /// Path of the application.
        path: String,
        /// Longest body in bytes.
        bytes: u64,
    },
}

/// A change that names something the server does not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnknownTarget {
    /// No pool of that name.
    #[error("there is no application pool '{0}'")]
    Pool(String),
    /// No site of that number.
    #[error("there is no site {0}")]
    Site(u32),
    /// No application at that path.
    #[error("site {site} has no application '{path}'")]
    Application {
        /// Number of the site.
        site: u32,
        /// The path.
        path: String,
    },
}

impl Iis {
    /// Applies a change under a mark, by which [`Iis::revert`] finds it again.
    ///
    /// # Errors
    /// [`UnknownTarget`] if the server does not have what the change names; nothing changes then.
    pub fn apply(&self, change: &Change, mark: &Mark) -> Result<(), UnknownTarget> {
        match change {
            Change::StopPool { pool } => self.with_pool(pool, |pool| pool.started.set_marked(mark, false)),
            Change::SetQueueLength { pool, requests } => {
                self.with_pool(pool, |pool| pool.queue_length.set_marked(mark, *requests))
            }
            Change::StopSite { site } => {
                self.with_site(*site, |site| site.started.set_marked(mark, false))?;
                self.follow();
                Ok(())
            }
            Change::RemoveApplication { site, path } => {
                self.with_application(*site, path, |mounted| mounted.present.set_marked(mark, false))
            }
            Change::SetAnonymous { site, path, allowed } => {
                self.with_application(*site, path, |mounted| mounted.anonymous.set_marked(mark, *allowed))
            }
            Change::SetRequireSsl { site, path, required } => {
                self.with_application(*site, path, |mounted| mounted.require_ssl.set_marked(mark, *required))
            }
            Change::SetClientCertificates { site, path, rule } => {
                self.with_application(*site, path, |mounted| mounted.client_certificates.set_marked(mark, *rule))
            }
            Change::SetMaxBody { site, path, bytes } => {
                self.with_application(*site, path, |mounted| mounted.max_body.set_marked(mark, *bytes))
            }
        }
    }

    /// Takes back everything that was changed under the mark and not overwritten since.
    pub fn revert(&self, mark: &Mark) {
        let mut state = self.lock();
        for pool in state.pools.values_mut() {
            pool.started.revert(mark);
            pool.queue_length.revert(mark);
        }
        for site in state.sites.values_mut() {
            site.started.revert(mark);
            for mounted in site.applications.values_mut() {
                mounted.present.revert(mark);
                mounted.anonymous.revert(mark);
                mounted.require_ssl.revert(mark);
                mounted.client_certificates.revert(mark);
                mounted.max_body.revert(mark);
            }
        }
        drop(state);
        self.follow();
    }
}
