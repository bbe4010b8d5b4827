//! Sites and their bindings.

use std::collections::BTreeMap;

use cmsim_net::server::TlsSettings;
use cmsim_world::Tracked;

use crate::application::{Mounted, normal};

/// A port of a site.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The port.
    pub port: u16,
    /// The host name that requests must carry, or `None` for any.
    pub host: Option<String>,
    /// The certificate and what is done about client certificates, for `https`.
    pub tls: Option<TlsSettings>,
}

impl Binding {
    /// `http` on a port, any host name.
    #[must_use]
    pub fn http(port: u16) -> Self {
        Self { port, host: None, tls: None }
    }

    /// `https` on a port, any host name.
    #[must_use]
    pub fn https(port: u16, tls: TlsSettings) -> Self {
        Self { port, host: None, tls: Some(tls) }
    }
}

/// A site as it is set up.
#[derive(Clone, Debug)]
pub struct SiteSpec {
    /// Number of the site: 1 for the default one, part of its log folder's name.
    pub id: u32,
    /// Its name, such as `WSUS Administration`.
    pub name: String,
    /// Its ports.
    pub bindings: Vec<Binding>,
}

/// A site with what is mounted in it.
pub(crate) struct Site {
    pub(crate) spec: SiteSpec,
    pub(crate) started: Tracked<bool>,
    /// Applications by lower-case path without a slash at the end; the root is empty.
    pub(crate) applications: BTreeMap<String, Mounted>,
}

impl Site {
    pub(crate) fn new(spec: SiteSpec) -> Self {
        Self { spec, started: Tracked::new(true), applications: BTreeMap::new() }
    }

    /// The application with the longest path that `path` (lower case) lies in, and the rest of the path.
    pub(crate) fn application<'p>(&self, path: &'p str) -> Option<(&Mounted, &'p str)> {
        let mut prefix = path;
        loop {
            let found = self.applications.get(prefix).filter(|mounted| *mounted.present.get());
            if let Some(mounted) = found {
                return Some((mounted, path.get(prefix.len()..).unwrap_or_default()));
            }
            prefix = prefix.rsplit_once('/')?.0;
        }
    }

    pub(crate) fn mounted_mut(&mut self, path: &str) -> Option<&mut Mounted> {
        self.applications.get_mut(&normal(path))
    }

    /// Whether a binding takes requests for `host` (without port) on `port`: 2 by name, 1 for any name, 0 not.
    pub(crate) fn fit(&self, port: u16, host: &str) -> u8 {
        let on_port = self.spec.bindings.iter().filter(|binding| binding.port == port);
        let fit = |binding: &Binding| match &binding.host {
            None => 1,
            Some(wanted) if wanted.eq_ignore_ascii_case(host) => 2,
            Some(_) => 0,
        };
        on_port.map(fit).max().unwrap_or(0)
    }
}
